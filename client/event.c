// The event at hand (EventAtHand in feature_store.proto).
#include "client/event.h"

#include "client/error.h"

#include <stdlib.h>

enum { SOURCE = 1, COLUMNS, PRESENT };

void ss_client_event_release(struct ss_client_event *event)
{
    ss_client_columns_release(&event->columns);
    ss_client_writer_release(&event->absent);
    free(event->source);
}

void ss_client_event_source(struct ss_client_event *event, const char *source)
{
    char *copy = strdup(source);
    if (!copy) {
        ss_client_rows_fail(event->columns.rows, SELFSAME_RESOURCE_EXHAUSTED, "source '%s': out of memory",
                            source);
        return;
    }
    free(event->source);
    event->source = copy;
}

// One byte per row that is known of. False: no memory.
static bool reach(struct ss_client_writer *absent, size_t row)
{
    while (absent->size <= row) {
        uint8_t *at = ss_client_write_room(absent, 1);
        if (!at) return false;
        *at = 0;
    }
    return true;
}

void ss_client_event_present(struct ss_client_event *event, size_t row, bool present)
{
    const size_t count = event->columns.rows->count;
    if (row >= count) {
        ss_client_rows_fail(event->columns.rows, SELFSAME_INVALID_ARGUMENT,
                            "the event: row %zu is set, and there are %zu", row, count);
    } else if (present && row >= event->absent.size) {
        return;
    } else if (reach(&event->absent, row)) {
        event->absent.data[row] = !present;
    } else {
        ss_client_rows_fail(event->columns.rows, SELFSAME_RESOURCE_EXHAUSTED, "the event: out of memory");
    }
}

void ss_client_event_clear(struct ss_client_event *event)
{
    event->absent.size = 0;
    event->absent.failed = false;
    ss_client_columns_clear(&event->columns);
}

enum selfsame_code ss_client_event_check(const struct ss_client_event *event, struct selfsame_error *error)
{
    if (!event->columns.count || event->source) return SELFSAME_OK;
    return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "the event: it has columns and no source");
}

void ss_client_event_write(const struct ss_client_event *event, uint32_t field,
                           struct ss_client_writer *writer)
{
    const size_t known = event->absent.size, count = event->columns.rows->count;
    if (!event->source) return;
    const size_t begun = ss_client_write_begin(writer, field);
    ss_client_write_bytes(writer, SOURCE, event->source, strlen(event->source));
    ss_client_columns_write(&event->columns, COLUMNS, writer);
    if (known && memchr(event->absent.data, 1, known)) {
        const size_t present = ss_client_write_begin(writer, PRESENT);
        uint8_t *at = ss_client_write_room(writer, count);
        for (size_t row = 0; at && row < count; row++) at[row] = row >= known || !event->absent.data[row];
        ss_client_write_end(writer, present);
    }
    ss_client_write_end(writer, begun);
}
