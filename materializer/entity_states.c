// Entity states straight from history. An event that is visible at the read point is added once, one that is
// not (yet, or no more) never was: what comes out is what the online store must hold at that point.

#include "materializer/entity_states.h"

#include "materializer/view_rows.h"

#include <stdlib.h>
#include <string.h>

struct ss_entity_states {
    struct ss_read_point point;
    int64_t horizon_us;
    struct ss_event_reader *reader;
    struct ss_view_rows rows;
    int32_t row;           // of the batch at which `rows` stands: the next one to take
    struct ss_arena arena; // the state of the current entity
    struct ss_state *state;
    struct ss_key keys[2]; // [current]: of the current entity (size 0: none yet); the other: of the row at
    int current;           // which the reader stands (size 0: it is in no entity), or of the entity before
    bool was_given, ended;
};

enum ss_status ss_entity_states_open(struct ss_history *history, const struct ss_view *view,
                                     struct ss_read_point point, int64_t horizon_us,
                                     struct ss_entity_states **states, struct ss_error *error)
{
    enum ss_status status;
    struct ss_entity_states *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "the entities of a view");
    opened->point = point;
    opened->horizon_us = horizon_us;
    SS_TRY_GOTO(ss_view_rows_init(&opened->rows, view, error), out);
    SS_TRY_GOTO(ss_history_read_entity(history, view, NULL, SS_TIME_MIN_US, point.t_us, point.s,
                                       &opened->reader, error),
                out);
    *states = opened;
    opened = NULL;
out:
    ss_entity_states_close(opened);
    return status;
}

void ss_entity_states_close(struct ss_entity_states *states)
{
    if (!states) return;
    if (states->reader) states->reader->close(states->reader);
    ss_view_rows_release(&states->rows);
    ss_arena_release(&states->arena);
    free(states);
}

static enum ss_status add_visible(struct ss_entity_states *states, int32_t row, struct ss_error *error)
{
    struct ss_event event;
    if (states->keys[1 - states->current].size == 0) return SS_OK;
    if (!ss_event_visible(states->rows.batch, row, states->point)) return SS_OK;
    if (!ss_view_rows_event(&states->rows, row, &event)) return SS_OK;
    if (!states->state) states->state = ss_state_create(states->rows.view, &states->arena);
    if (!states->state) return ss_fail_memory(error, "an entity's state");
    return ss_state_add(states->state, &event, states->horizon_us, error);
}

static enum ss_status load_batch(struct ss_entity_states *states, struct ss_error *error)
{
    const struct ss_event_batch *batch;
    SS_TRY(states->reader->next(states->reader, &batch, error));
    states->ended = batch == NULL;
    states->row = 0;
    return batch ? ss_view_rows_load(&states->rows, batch, error) : SS_OK;
}

static bool has_row(const struct ss_entity_states *states)
{
    return states->rows.batch && states->row < states->rows.batch->length;
}

// Is the row where the reader stands the first one of another entity? Then that is the current one.
static bool begins_entity(struct ss_entity_states *states)
{
    struct ss_key *key = &states->keys[1 - states->current], *current = &states->keys[states->current];
    if (ss_view_rows_key(&states->rows, states->row, key) != SS_KEY_OK) return false;
    if (key->size == current->size && memcmp(key->bytes, current->bytes, key->size) == 0) return false;
    states->current = 1 - states->current;
    return true;
}

static void forget_entity(struct ss_entity_states *states)
{
    states->state = NULL;
    states->was_given = false;
    ss_arena_reset(&states->arena);
}

// The entity that has ended, if it has any event that counts.
static bool give(struct ss_entity_states *states, struct ss_state **state)
{
    states->was_given = states->state && !ss_state_empty(states->state);
    if (states->was_given)
        *state = states->state;
    else
        forget_entity(states);
    return states->was_given;
}

enum ss_status ss_entity_states_next(struct ss_entity_states *states, uint64_t *rows_left,
                                     const struct ss_key **key, struct ss_state **state,
                                     struct ss_error *error)
{
    *state = NULL;
    if (states->was_given) forget_entity(states);
    while (*rows_left > 0 && !states->ended) {
        if (!has_row(states)) {
            SS_TRY(load_batch(states, error));
            *key = &states->keys[states->current];
            if (states->ended) (void)give(states, state);
        } else if (begins_entity(states)) {
            *key = &states->keys[1 - states->current];
            if (give(states, state)) return SS_OK;
        } else {
            SS_TRY(add_visible(states, states->row++, error));
            (*rows_left)--;
        }
    }
    return SS_OK;
}

enum ss_status ss_each_entity_state(struct ss_history *history, const struct ss_view *view,
                                    struct ss_read_point point, int64_t horizon_us,
                                    enum ss_status (*each)(void *, const struct ss_key *, struct ss_state *,
                                                           struct ss_error *),
                                    void *context, uint64_t *rows_read, struct ss_error *error)
{
    enum ss_status status;
    struct ss_entity_states *states;
    const struct ss_key *key;
    struct ss_state *state;
    uint64_t rows_left = UINT64_MAX;
    SS_TRY(ss_entity_states_open(history, view, point, horizon_us, &states, error));
    do {
        status = ss_entity_states_next(states, &rows_left, &key, &state, error);
        if (status == SS_OK && state) status = each(context, key, state, error);
    } while (status == SS_OK && state);
    if (rows_read) *rows_read += UINT64_MAX - rows_left;
    ss_entity_states_close(states);
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
