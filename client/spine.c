// Spines: chunks of TrainingSpine. t and seq are kept as columns of their own, which knows what was not set.
#include "client/spine.h"

#include "client/column_layout.h"
#include "client/error.h"
#include "client/event.h"

#include <stdlib.h>

enum { KEYS = 1, INPUTS, EVENT, T_US, SEQ };

struct selfsame_spine {
    struct ss_client_rows rows;
    struct ss_client_columns keys, inputs, points; // points: t, then seq once one was set
    struct ss_client_event event;
    struct selfsame_column *t, *seq;
};

struct selfsame_spine *ss_client_spine_create(void)
{
    struct selfsame_spine *spine = calloc(1, sizeof *spine);
    if (!spine) return NULL;
    spine->keys.rows = spine->inputs.rows = spine->points.rows = spine->event.columns.rows = &spine->rows;
    spine->t = ss_client_column(&spine->points, "t", SELFSAME_TYPE_TIMESTAMP);
    if (spine->t) return spine;
    ss_client_spine_destroy(spine);
    return NULL;
}

void ss_client_spine_destroy(struct selfsame_spine *spine)
{
    if (!spine) return;
    ss_client_columns_release(&spine->keys);
    ss_client_columns_release(&spine->inputs);
    ss_client_columns_release(&spine->points);
    ss_client_event_release(&spine->event);
    free(spine);
}

struct selfsame_column *selfsame_spine_key(struct selfsame_spine *spine, const char *name,
                                           enum selfsame_type type)
{
    return ss_client_column(&spine->keys, name, type);
}

struct selfsame_column *selfsame_spine_input(struct selfsame_spine *spine, const char *name,
                                             enum selfsame_type type)
{
    return ss_client_column(&spine->inputs, name, type);
}

void selfsame_spine_event(struct selfsame_spine *spine, const char *source)
{
    ss_client_event_source(&spine->event, source);
}

struct selfsame_column *selfsame_spine_event_column(struct selfsame_spine *spine, const char *name,
                                                    enum selfsame_type type)
{
    return ss_client_column(&spine->event.columns, name, type);
}

void selfsame_spine_event_present(struct selfsame_spine *spine, size_t row, bool present)
{
    ss_client_event_present(&spine->event, row, present);
}

void selfsame_spine_rows(struct selfsame_spine *spine, size_t row_count)
{
    ss_client_rows_begin(&spine->rows, row_count);
    ss_client_columns_clear(&spine->keys);
    ss_client_columns_clear(&spine->inputs);
    ss_client_columns_clear(&spine->points);
    ss_client_event_clear(&spine->event);
}

void selfsame_spine_t(struct selfsame_spine *spine, size_t row, int64_t t_us)
{
    selfsame_set_timestamp(spine->t, row, t_us);
}

void selfsame_spine_seq(struct selfsame_spine *spine, size_t row, uint64_t seq)
{
    if (!spine->seq) spine->seq = ss_client_column(&spine->points, "seq", SELFSAME_TYPE_INT64);
    selfsame_set_int64(spine->seq, row, (int64_t)seq);
}

size_t ss_client_spine_count(const struct selfsame_spine *spine)
{
    return spine->rows.count;
}

static bool is_set(const struct selfsame_column *column, size_t row)
{
    return column->status[row] == SELFSAME_STATUS_PRESENT;
}

// Every row has a t, and all or none have a seq.
static enum selfsame_code check_points(const struct selfsame_spine *spine, bool *with_seq,
                                       struct selfsame_error *error)
{
    *with_seq = false;
    for (size_t row = 0; row < spine->rows.count; row++) {
        const bool has_seq = spine->seq && is_set(spine->seq, row);
        if (!is_set(spine->t, row))
            return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "the spine: row %zu has no t", row);
        if (row && has_seq != *with_seq)
            return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                                  "the spine: row %zu has %s seq, unlike those before", row,
                                  has_seq ? "a" : "no");
        *with_seq = has_seq;
    }
    return SELFSAME_OK;
}

enum selfsame_code ss_client_spine_write(struct selfsame_spine *spine, uint32_t field,
                                         struct ss_client_writer *writer, struct selfsame_error *error)
{
    const size_t count = spine->rows.count;
    bool with_seq;
    if (spine->rows.error.code != SELFSAME_OK) return ss_client_fail_as(error, &spine->rows.error);
    SS_CLIENT_TRY(ss_client_event_check(&spine->event, error));
    SS_CLIENT_TRY(check_points(spine, &with_seq, error));
    const size_t begun = ss_client_write_begin(writer, field);
    ss_client_columns_write(&spine->keys, KEYS, writer);
    ss_client_columns_write(&spine->inputs, INPUTS, writer);
    ss_client_event_write(&spine->event, EVENT, writer);
    ss_client_write_bytes(writer, T_US, spine->t->values.words, count * sizeof(int64_t));
    if (with_seq) ss_client_write_bytes(writer, SEQ, spine->seq->values.words, count * sizeof(uint64_t));
    ss_client_write_end(writer, begun);
    return writer->failed ? ss_client_fail_memory(error, "the spine") : SELFSAME_OK;
}
