// The event at hand from the command line. All options name one source; a column is given once.

#include "tools/with_event.h"

#include <string.h>

#include "materializer/answer.h"

static const struct ss_source *find_source(const struct ss_service *service, struct ss_bytes name)
{
    for (size_t v = 0; v < service->view_count; v++)
        if (ss_bytes_equal(name, ss_bytes_of(service->views[v]->source->name)))
            return service->views[v]->source;
    return NULL;
}

// "SOURCE.COLUMN=VALUE" apart.
struct option {
    struct ss_bytes source, column;
    const char *value;
};

static bool split(const char *text, struct option *option)
{
    const char *equals = strchr(text, '=');
    const char *point = equals ? memchr(text, '.', (size_t)(equals - text)) : NULL;
    if (!point || point == text || point + 1 == equals) return false;
    *option = (struct option){
        {text, (size_t)(point - text)}, {point + 1, (size_t)(equals - point - 1)}, equals + 1};
    return true;
}

static enum ss_status find_column(const struct ss_source *source, const struct option *option, size_t *column,
                                  struct ss_error *error)
{
    const char *names[256];
    const size_t count = source->column_count < 256 ? source->column_count : 256;
    for (size_t c = 0; c < source->column_count; c++) {
        if (c < count) names[c] = source->columns[c].name;
        if (!ss_bytes_equal(option->column, ss_bytes_of(source->columns[c].name))) continue;
        if (!ss_at_hand_takes(source, (int)c))
            return ss_fail(
                error, SS_INVALID,
                "--with-event: column '%s': an event at hand is an insert that happens at t - 1 us and "
                "is known then; leave this column out",
                source->columns[c].name);
        *column = c;
        return SS_OK;
    }
    char hint[SS_HINT_SIZE];
    return ss_fail(error, SS_NOT_FOUND, "--with-event: source '%s' has no column '%.*s'%s", source->name,
                   (int)option->column.size, option->column.data,
                   ss_nearest_hint(ss_nearest_name(option->column, names, count), hint));
}

static enum ss_status take(const struct ss_source *source, const struct option *option, int32_t length,
                           struct ss_arena *arena, struct ss_column *columns, struct ss_error *error)
{
    size_t c = 0;
    struct ss_value value;
    const char *reason;
    SS_TRY(find_column(source, option, &c, error));
    const struct ss_source_column *column = &source->columns[c];
    if (columns[c].length)
        return ss_fail(error, SS_INVALID, "--with-event: column '%s' is given twice", column->name);
    if (!ss_value_parse(column->type, ss_bytes_of(option->value), (int)column->unit, source->zone, arena,
                        &value, &reason))
        return !reason ? ss_fail_memory(error, "the event at hand")
                       : ss_fail(error, SS_INVALID, "--with-event: column '%s': %s: '%.60s'", column->name,
                                 reason, option->value);
    return ss_column_repeat(column->type, value, length, arena, &columns[c])
               ? SS_OK
               : ss_fail_memory(error, "the event at hand");
}

enum ss_status ss_with_event(const struct ss_service *service, const char *const *options, size_t count,
                             int32_t length, struct ss_arena *arena, struct ss_events_at_hand *events,
                             struct ss_error *error)
{
    const struct ss_source *source = NULL;
    struct ss_column *columns = NULL;
    for (size_t i = 0; i < count; i++) {
        struct option option;
        if (!split(options[i], &option))
            return ss_fail(error, SS_INVALID, "--with-event: expected SOURCE.COLUMN=VALUE, got '%s'",
                           options[i]);
        const struct ss_source *named = find_source(service, option.source);
        if (!named)
            return ss_fail(error, SS_NOT_FOUND, "--with-event: no view of service '%s' reads a source '%.*s'",
                           service->name, (int)option.source.size, option.source.data);
        if (source && named != source)
            return ss_fail(error, SS_INVALID, "--with-event: one event of one source: '%s' or '%s'",
                           source->name, named->name);
        source = named;
        if (!columns) columns = ss_arena_array(arena, source->column_count + 1, sizeof *columns);
        if (!columns) return ss_fail_memory(error, "the event at hand");
        SS_TRY(take(source, &option, length, arena, columns, error));
    }
    *events = (struct ss_events_at_hand){source, columns, NULL};
    return SS_OK;
}
