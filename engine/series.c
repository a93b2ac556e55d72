// STOP-GAP, for the tests of branch `train` alone: branch `series` has the real one; take theirs when
// merging. Every read folds all visible events into a state.

#include "engine/series.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct ss_event event;
    int64_t arrival_us, deleted_arrival_us;
    uint64_t deleted_seq;
};

struct ss_series {
    const struct ss_view *view;
    struct ss_arena arena;
    struct kept *events;
    size_t count, capacity;
    bool *passes;
    struct ss_value *values, *seconds;
};

struct ss_series_reader {
    const struct ss_view *view;
    struct ss_arena arena;
};

enum ss_status ss_series_create(const struct ss_view *view, struct ss_series **series, struct ss_error *error)
{
    struct ss_series *made = calloc(1, sizeof *made);
    if (made) {
        made->view = view;
        made->passes = calloc(view->group_count, sizeof *made->passes);
        made->values = calloc(view->group_count, sizeof *made->values);
        made->seconds = calloc(view->group_count, sizeof *made->seconds);
    }
    if (!made || !made->passes || !made->values || !made->seconds) {
        ss_series_destroy(made);
        return ss_fail_memory(error, "a series");
    }
    *series = made;
    return SS_OK;
}

void ss_series_destroy(struct ss_series *series)
{
    if (!series) return;
    ss_arena_release(&series->arena);
    free(series->events);
    free(series->passes);
    free(series->values);
    free(series->seconds);
    free(series);
}

void ss_series_clear(struct ss_series *series)
{
    series->count = 0;
    ss_arena_reset(&series->arena);
}

enum ss_status ss_series_add(struct ss_series *series, const struct ss_event_batch *batch,
                             const struct ss_column *row_outputs, int32_t first, int32_t end,
                             struct ss_error *error)
{
    for (int32_t row = first; row < end; row++) {
        struct ss_event event;
        if (!ss_event_prepare(series->view, row_outputs, row, batch->event_time_us[row], batch->seq[row],
                              series->passes, series->values, series->seconds, &event))
            continue;
        if (series->count == series->capacity) {
            const size_t capacity = series->capacity ? 2 * series->capacity : 16;
            struct kept *grown = realloc(series->events, capacity * sizeof *grown);
            if (!grown) return ss_fail_memory(error, "a series");
            series->events = grown;
            series->capacity = capacity;
        }
        struct kept *kept = &series->events[series->count];
        kept->arrival_us = batch->arrival_us[row];
        kept->deleted_seq = batch->deleted_seq[row];
        kept->deleted_arrival_us = batch->deleted_arrival_us[row];
        if (!ss_event_copy(series->view, &event, &series->arena, &kept->event))
            return ss_fail_memory(error, "a series");
        series->count++;
    }
    return SS_OK;
}

enum ss_status ss_series_seal(struct ss_series *series, uint64_t least_s, bool as_of_event_time,
                              struct ss_error *error)
{
    (void)series;
    (void)least_s;
    (void)as_of_event_time;
    (void)error;
    return SS_OK;
}

int64_t ss_series_length(const struct ss_series *series)
{
    return (int64_t)series->count;
}

enum ss_status ss_series_reader_create(const struct ss_view *view, struct ss_series_reader **reader,
                                       struct ss_error *error)
{
    struct ss_series_reader *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a reader of series");
    made->view = view;
    *reader = made;
    return SS_OK;
}

void ss_series_reader_destroy(struct ss_series_reader *reader)
{
    if (!reader) return;
    ss_arena_release(&reader->arena);
    free(reader);
}

static bool is_visible(const struct kept *kept, struct ss_read_point point)
{
    if (kept->event.event_time_us >= point.t_us || kept->event.seq > point.s) return false;
    if (!point.as_of_event_time && kept->arrival_us >= point.t_us) return false;
    return !kept->deleted_seq || kept->deleted_seq > point.s ||
           (!point.as_of_event_time && kept->deleted_arrival_us >= point.t_us);
}

enum ss_status ss_series_read(const struct ss_series *series, struct ss_series_reader *reader,
                              struct ss_read_point point, const struct ss_event *at_hand,
                              struct ss_value *values, bool *expired, bool *found, struct ss_error *error)
{
    ss_arena_reset(&reader->arena);
    struct ss_state *state = ss_state_create(reader->view, &reader->arena);
    if (!state) return ss_fail_memory(error, "an entity's state");
    for (size_t i = 0; series && i < series->count; i++)
        if (is_visible(&series->events[i], point))
            SS_TRY(ss_state_add(state, &series->events[i].event, point.t_us, error));
    if (at_hand) SS_TRY(ss_state_add(state, at_hand, point.t_us, error));
    *found = !ss_state_empty(state);
    return ss_state_read(state, point.t_us, NULL, values, expired, error);
}
