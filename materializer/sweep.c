// Sweep. See sweep.h; the heaps hold copies of events in an arena of the entity: late ones until they become
// visible, and those with a delete until it does.
//
// The state's tiles that are out of reach are dropped as t rises; its arena is renewed when it has grown to
// many times what the state needs, so a sweep over years holds a window, not the years.

#include "materializer/sweep.h"

#include "engine/base/planted.h"
#include "materializer/entity_states.h"
#include "materializer/view_rows.h"

#include <stdlib.h>
#include <string.h>

#define RENEW_BYTES (1u << 20) // of the state's arena before a renewal is thought of

struct waiting { // an event that enters or leaves when t passes `when_us`
    int64_t when_us;
    int64_t leaves_us; // SS_NEVER_US: it has no delete
    struct ss_event event;
};

struct heap { // least when_us first
    struct waiting *items;
    size_t count, capacity;
};

struct ss_sweep {
    struct ss_history *history;
    const struct ss_view *view;
    struct ss_view_rows rows;
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch; // NULL: at the end
    int32_t row;
    const struct ss_value *key;
    uint64_t s;
    bool as_of_event_time;
    struct heap late, leaving;
    struct ss_arena waiting_arena, arenas[2];
    int arena; // which of the two holds the state
    size_t renewed_bytes;
    struct ss_state *state;
};

static enum ss_status heap_push(struct heap *heap, struct waiting item, struct ss_error *error)
{
    if (heap->count == heap->capacity) {
        const size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
        struct waiting *grown = realloc(heap->items, capacity * sizeof *grown);
        if (!grown) return ss_fail_memory(error, "late events");
        heap->items = grown;
        heap->capacity = capacity;
    }
    size_t at = heap->count++;
    for (; at > 0 && heap->items[(at - 1) / 2].when_us > item.when_us; at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
    return SS_OK;
}

static struct waiting heap_pop(struct heap *heap)
{
    const struct waiting top = heap->items[0], last = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->items[child + 1].when_us < heap->items[child].when_us) child++;
        if (last.when_us <= heap->items[child].when_us) break;
        heap->items[at] = heap->items[child];
    }
    if (heap->count) heap->items[at] = last;
    return top;
}

static enum ss_status wait_in(struct ss_sweep *sweep, struct heap *heap, int64_t when_us, int64_t leaves_us,
                              const struct ss_event *event, struct ss_error *error)
{
    struct waiting item = {.when_us = when_us, .leaves_us = leaves_us};
    if (!ss_event_copy(sweep->view, event, &sweep->waiting_arena, &item.event))
        return ss_fail_memory(error, "late events");
    return heap_push(heap, item, error);
}

// Is it visible at t, strictly?
static bool is_before(int64_t when_us, int64_t t_us)
{
    return when_us < t_us || (SS_PLANTED(inclusive_bound) && when_us == t_us);
}

// Lets an event in that is visible at t (its copy waits for its delete, if it has one).
static enum ss_status enter(struct ss_sweep *sweep, const struct ss_event *event, int64_t leaves_us,
                            int64_t t_us, struct ss_error *error)
{
    if (is_before(leaves_us, t_us)) return SS_OK;
    if (leaves_us != SS_NEVER_US) SS_TRY(wait_in(sweep, &sweep->leaving, leaves_us, leaves_us, event, error));
    return ss_state_add(sweep->state, event, t_us, error);
}

static enum ss_status take_row(struct ss_sweep *sweep, int64_t t_us, struct ss_error *error)
{
    const struct ss_event_batch *batch = sweep->batch;
    const int32_t row = sweep->row;
    const int64_t event_us = batch->event_time_us[row], arrival_us = batch->arrival_us[row];
    const bool deleted = batch->deleted_seq[row] && batch->deleted_seq[row] <= sweep->s;
    const int64_t gone_us = sweep->as_of_event_time ? INT64_MIN : batch->deleted_arrival_us[row];
    const int64_t leaves_us = deleted ? gone_us : SS_NEVER_US;
    const int64_t seen_us = sweep->as_of_event_time || arrival_us < event_us ? event_us : arrival_us;
    struct ss_event event;
    if (!ss_view_rows_event(&sweep->rows, row, &event)) return SS_OK;
    if (is_before(seen_us, t_us)) return enter(sweep, &event, leaves_us, t_us, error);
    if (leaves_us <= seen_us) return SS_OK;
    return wait_in(sweep, &sweep->late, seen_us, leaves_us, &event, error);
}

static enum ss_status next_batch(struct ss_sweep *sweep, struct ss_error *error)
{
    SS_TRY(sweep->reader->next(sweep->reader, &sweep->batch, error));
    sweep->row = 0;
    return sweep->batch ? ss_view_rows_load(&sweep->rows, sweep->batch, error) : SS_OK;
}

static enum ss_status take_rows(struct ss_sweep *sweep, int64_t t_us, struct ss_error *error)
{
    while (sweep->batch) {
        for (; sweep->row < sweep->batch->length; sweep->row++) {
            if (!is_before(sweep->batch->event_time_us[sweep->row], t_us)) return SS_OK;
            SS_TRY(take_row(sweep, t_us, error));
        }
        SS_TRY(next_batch(sweep, error));
    }
    return SS_OK;
}

static enum ss_status renew_arena(struct ss_sweep *sweep, struct ss_error *error)
{
    struct ss_arena *old = &sweep->arenas[sweep->arena], *new = &sweep->arenas[!sweep->arena];
    if (old->used_bytes < RENEW_BYTES || old->used_bytes < 4 * sweep->renewed_bytes) return SS_OK;
    struct ss_state *moved;
    SS_TRY(ss_state_move(sweep->state, new, &moved, error));
    sweep->state = moved;
    sweep->renewed_bytes = new->used_bytes;
    ss_arena_reset(old);
    sweep->arena = !sweep->arena;
    return SS_OK;
}

enum ss_status ss_sweep_at(struct ss_sweep *sweep, int64_t t_us, struct ss_state **state,
                           struct ss_error *error)
{
    const struct ss_read_point point = {t_us, sweep->s, sweep->as_of_event_time};
    SS_TRY(take_rows(sweep, t_us, error));
    while (sweep->late.count && is_before(sweep->late.items[0].when_us, t_us)) {
        const struct waiting late = heap_pop(&sweep->late);
        SS_TRY(enter(sweep, &late.event, late.leaves_us, t_us, error));
    }
    while (sweep->leaving.count && is_before(sweep->leaving.items[0].when_us, t_us)) {
        const struct waiting leaving = heap_pop(&sweep->leaving);
        SS_TRY(ss_state_remove(sweep->state, &leaving.event, t_us, error));
    }
    if (sweep->late.count == 0 && sweep->leaving.count == 0) ss_arena_reset(&sweep->waiting_arena);
    SS_TRY(ss_refold(sweep->history, sweep->view, sweep->key, point, sweep->state, error));
    SS_TRY(ss_state_prune(sweep->state, t_us, error));
    SS_TRY(renew_arena(sweep, error));
    *state = sweep->state;
    return SS_OK;
}

enum ss_status ss_sweep_begin(struct ss_sweep *sweep, const struct ss_value *key, int64_t last_t_us,
                              uint64_t s, bool as_of_event_time, struct ss_error *error)
{
    if (sweep->reader) sweep->reader->close(sweep->reader);
    sweep->reader = NULL;
    sweep->late.count = sweep->leaving.count = 0;
    ss_arena_reset(&sweep->waiting_arena);
    ss_arena_reset(&sweep->arenas[0]);
    ss_arena_reset(&sweep->arenas[1]);
    sweep->arena = 0;
    sweep->renewed_bytes = 0;
    sweep->key = key;
    sweep->s = s;
    sweep->as_of_event_time = as_of_event_time;
    sweep->state = ss_state_create(sweep->view, &sweep->arenas[0]);
    if (!sweep->state) return ss_fail_memory(error, "an entity's state");
    SS_TRY(ss_history_read_entity(sweep->history, sweep->view, key, SS_TIME_MIN_US, last_t_us, s,
                                  &sweep->reader, error));
    return next_batch(sweep, error);
}

enum ss_status ss_sweep_create(struct ss_history *history, const struct ss_view *view,
                               struct ss_sweep **sweep, struct ss_error *error)
{
    struct ss_sweep *created = calloc(1, sizeof *created);
    if (!created) return ss_fail_memory(error, "a sweep");
    created->history = history;
    created->view = view;
    const enum ss_status status = ss_view_rows_init(&created->rows, view, error);
    if (status != SS_OK) {
        ss_sweep_destroy(created);
        return status;
    }
    *sweep = created;
    return SS_OK;
}

void ss_sweep_destroy(struct ss_sweep *sweep)
{
    if (!sweep) return;
    if (sweep->reader) sweep->reader->close(sweep->reader);
    ss_view_rows_release(&sweep->rows);
    free(sweep->late.items);
    free(sweep->leaving.items);
    ss_arena_release(&sweep->waiting_arena);
    ss_arena_release(&sweep->arenas[0]);
    ss_arena_release(&sweep->arenas[1]);
    free(sweep);
}
