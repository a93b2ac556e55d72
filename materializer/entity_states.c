// Entity states straight from history. An event that is visible at the read point is added once, one that is
// not (yet, or no more) never was: what comes out is what the online store must hold at that point.

#include "materializer/entity_states.h"

#include "materializer/view_rows.h"

#include <string.h>

struct scan {
    struct ss_view_rows rows;
    struct ss_arena arena; // the state of the current entity
    struct ss_state *state;
    struct ss_key key; // of the current entity; size 0: none yet
};

static enum ss_status close_entity(struct scan *scan,
                                   enum ss_status (*each)(void *, const struct ss_key *, struct ss_state *,
                                                          struct ss_error *),
                                   void *context, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    if (scan->state && !ss_state_empty(scan->state)) status = each(context, &scan->key, scan->state, error);
    scan->state = NULL;
    ss_arena_reset(&scan->arena);
    return status;
}

static enum ss_status add_visible(struct scan *scan, int32_t row, struct ss_read_point point,
                                  int64_t horizon_us, struct ss_error *error)
{
    struct ss_event event;
    if (!ss_event_visible(scan->rows.batch, row, point)) return SS_OK;
    if (!ss_view_rows_event(&scan->rows, row, &event)) return SS_OK;
    if (!scan->state) scan->state = ss_state_create(scan->rows.view, &scan->arena);
    if (!scan->state) return ss_fail_memory(error, "an entity's state");
    return ss_state_add(scan->state, &event, horizon_us, error);
}

enum ss_status ss_each_entity_state(struct ss_history *history, const struct ss_view *view,
                                    struct ss_read_point point, int64_t horizon_us,
                                    enum ss_status (*each)(void *, const struct ss_key *, struct ss_state *,
                                                           struct ss_error *),
                                    void *context, uint64_t *rows_read, struct ss_error *error)
{
    enum ss_status status;
    struct scan scan = {0};
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    SS_TRY_GOTO(ss_view_rows_init(&scan.rows, view, error), out);
    SS_TRY_GOTO(
        ss_history_read_entity(history, view, NULL, SS_TIME_MIN_US, point.t_us, point.s, &reader, error),
        out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        SS_TRY_GOTO(ss_view_rows_load(&scan.rows, batch, error), out);
        if (rows_read) *rows_read += (uint64_t)batch->length;
        for (int32_t row = 0; row < batch->length; row++) {
            struct ss_key key;
            if (ss_view_rows_key(&scan.rows, row, &key) != SS_KEY_OK) continue;
            if (key.size != scan.key.size || memcmp(key.bytes, scan.key.bytes, key.size) != 0) {
                SS_TRY_GOTO(close_entity(&scan, each, context, error), out);
                scan.key = key;
            }
            SS_TRY_GOTO(add_visible(&scan, row, point, horizon_us, error), out);
        }
    }
    status = close_entity(&scan, each, context, error);
out:
    if (reader) reader->close(reader);
    ss_arena_release(&scan.arena);
    ss_view_rows_release(&scan.rows);
    return status;
}

static enum ss_status refold_tile(struct ss_history *history, struct ss_view_rows *rows,
                                  const struct ss_value *key, struct ss_read_point point, int64_t from_us,
                                  int64_t to_us, struct ss_state *state, struct ss_error *error)
{
    enum ss_status status;
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    SS_TRY_GOTO(ss_history_read_entity(history, rows->view, key, from_us, to_us, point.s, &reader, error),
                out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        SS_TRY_GOTO(ss_view_rows_load(rows, batch, error), out);
        for (int32_t row = 0; row < batch->length; row++) {
            struct ss_event event;
            if (!ss_event_visible(batch, row, point) || !ss_view_rows_event(rows, row, &event)) continue;
            SS_TRY_GOTO(ss_state_refold_add(state, &event, error), out);
        }
    }
out:
    if (reader) reader->close(reader);
    return status;
}

enum ss_status ss_refold(struct ss_history *history, const struct ss_view *view, const struct ss_value *key,
                         struct ss_read_point point, struct ss_state *state, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_view_rows rows = {0};
    int level;
    int64_t start_us, end_us;
    if (!ss_state_next_dirty(state, &level, &start_us, &end_us)) return SS_OK;
    SS_TRY_GOTO(ss_view_rows_init(&rows, view, error), out);
    while (ss_state_next_dirty(state, &level, &start_us, &end_us)) {
        ss_state_refold_begin(state, level, start_us);
        SS_TRY_GOTO(refold_tile(history, &rows, key, point, start_us, end_us, state, error), out);
        ss_state_refold_end(state);
    }
out:
    ss_view_rows_release(&rows);
    return status;
}
