// Shuffles of an entity's state.

#include "shuffle_state.h"

#include <stdlib.h>
#include <string.h>

#define MOST (CASE_EVENTS + CASE_NOISE)

struct fold {
    const struct aggregate_case *made;
    struct random *random;
    struct ss_state *state;
    struct ss_arena arena, next; // of the state; empty
    struct ss_error error;
    int waiting_count, inside_count;
    int waiting[MOST], inside[MOST]; // events that are to come, and that are in the state
    bool used[MOST];                 // noise that has been in
};

static int take(struct random *random, int *list, int *count)
{
    const int at = (int)random_below(random, (uint64_t)*count), taken = list[at];
    list[at] = list[--*count];
    return taken;
}

static enum ss_status refold(struct fold *fold)
{
    int level;
    int64_t start, end;
    while (ss_state_next_dirty(fold->state, &level, &start, &end)) {
        ss_state_refold_begin(fold->state, level, start);
        for (int i = 0; i < fold->inside_count; i++)
            SS_TRY(ss_state_refold_add(fold->state, &fold->made->events[fold->inside[i]], &fold->error));
        ss_state_refold_end(fold->state);
    }
    return SS_OK;
}

static enum ss_status save(struct fold *fold, struct ss_buffer *bytes)
{
    SS_TRY(refold(fold));
    if (fold->made->horizon != INT64_MIN)
        SS_TRY(ss_state_prune(fold->state, fold->made->horizon, &fold->error));
    ss_buffer_clear(bytes);
    const enum ss_status status = ss_state_encode(fold->state, bytes, &fold->error);
    return status == SS_OK && bytes->failed ? SS_OUT_OF_MEMORY : status;
}

// The state goes to bytes and comes back in an arena of its own.
static enum ss_status restart(struct fold *fold)
{
    struct ss_buffer bytes = {0};
    enum ss_status status = save(fold, &bytes);
    const void *copy = status == SS_OK ? ss_arena_copy(&fold->next, bytes.data, bytes.size) : NULL;
    const size_t size = bytes.size;
    ss_buffer_release(&bytes);
    if (status != SS_OK) return status;
    if (!copy && size) return SS_OUT_OF_MEMORY;
    status = ss_state_decode(fold->made->view, (struct ss_bytes){copy, size}, &fold->next, &fold->state,
                             &fold->error);
    const struct ss_arena old = fold->arena;
    fold->arena = fold->next;
    fold->next = old;
    ss_arena_reset(&fold->next);
    return status;
}

static enum ss_status add(struct fold *fold, int event)
{
    fold->inside[fold->inside_count++] = event;
    return ss_state_add(fold->state, &fold->made->events[event], fold->made->horizon, &fold->error);
}

// Takes an event out: noise for good, what counts waits again.
static enum ss_status take_back(struct fold *fold)
{
    const int event = take(fold->random, fold->inside, &fold->inside_count);
    if (event < fold->made->count) fold->waiting[fold->waiting_count++] = event;
    SS_TRY(ss_state_remove(fold->state, &fold->made->events[event], fold->made->horizon, &fold->error));
    return random_chance(fold->random, 50) ? refold(fold) : SS_OK;
}

static bool is_done(const struct fold *fold)
{
    return fold->waiting_count == 0 && fold->inside_count == fold->made->count;
}

// One step; with all events in, noise goes.
static enum ss_status step(struct fold *fold, int steps)
{
    struct random *random = fold->random;
    if (random_below(random, (uint64_t)steps + 1) < 3) SS_TRY(restart(fold));
    if (fold->inside_count && random_chance(random, fold->waiting_count ? 12 : 40)) return take_back(fold);
    if (fold->made->noise && fold->waiting_count && random_chance(random, 30)) {
        const int noise = fold->made->count + (int)random_below(random, (uint64_t)fold->made->noise);
        if (!fold->used[noise]) {
            fold->used[noise] = true;
            return add(fold, noise);
        }
    }
    if (fold->waiting_count) return add(fold, take(random, fold->waiting, &fold->waiting_count));
    for (int i = 0; i < fold->inside_count; i++) { // only noise is left
        const int event = fold->inside[i];
        if (event < fold->made->count) continue;
        fold->inside[i] = fold->inside[--fold->inside_count];
        return ss_state_remove(fold->state, &fold->made->events[event], fold->made->horizon, &fold->error);
    }
    return SS_OK;
}

static enum ss_status read_values(struct fold *fold, struct folded *folded)
{
    const struct ss_view *view = fold->made->view;
    bool expired[CASE_BOUNDS];
    folded->aggregate_count = view->aggregate_count;
    folded->values =
        ss_arena_array(&folded->arena, CASE_TIMES * view->aggregate_count, sizeof *folded->values);
    if (!folded->values) return SS_OUT_OF_MEMORY;
    for (int i = 0; i < CASE_TIMES; i++) {
        struct ss_value *values = folded->values + (size_t)i * view->aggregate_count;
        SS_TRY(ss_state_read(fold->state, fold->made->t[i], NULL, values, expired, &fold->error));
        for (size_t a = 0; a < view->aggregate_count; a++) {
            if (!values[a].present || !ss_type_is_text(view->aggregates[a].type)) continue;
            values[a].text.data = ss_arena_copy(&folded->arena, values[a].text.data, values[a].text.size);
            if (!values[a].text.data) return SS_OUT_OF_MEMORY;
        }
    }
    return SS_OK;
}

static enum ss_status finish(struct fold *fold, struct folded *folded)
{
    SS_TRY(save(fold, &folded->bytes));
    if (random_chance(fold->random, 50))
        SS_TRY(restart(fold)); // values of a state from bytes, and of another
    return read_values(fold, folded);
}

static enum ss_status run(struct fold *fold, bool straight, struct folded *folded)
{
    const int steps = fold->made->count + fold->made->noise;
    fold->state = ss_state_create(fold->made->view, &fold->arena);
    if (!fold->state) return SS_OUT_OF_MEMORY;
    for (int i = 0; i < fold->made->count && straight; i++) SS_TRY(add(fold, i));
    for (int i = 0; i < fold->made->count && !straight; i++) fold->waiting[fold->waiting_count++] = i;
    while (!straight && !is_done(fold)) SS_TRY(step(fold, steps));
    return finish(fold, folded);
}

static enum ss_status fold_events(const struct aggregate_case *made, struct random *random, bool straight,
                                  struct folded *folded)
{
    static struct fold fold;
    fold = (struct fold){.made = made, .random = random};
    *folded = (struct folded){0};
    const enum ss_status status = run(&fold, straight, folded);
    ss_arena_release(&fold.arena);
    ss_arena_release(&fold.next);
    return status;
}

enum ss_status fold_straight(const struct aggregate_case *made, struct folded *folded)
{
    struct random random = {1};
    return fold_events(made, &random, true, folded);
}

enum ss_status fold_shuffled(const struct aggregate_case *made, struct random *random, struct folded *folded)
{
    return fold_events(made, random, false, folded);
}

void folded_release(struct folded *folded)
{
    ss_buffer_release(&folded->bytes);
    ss_arena_release(&folded->arena);
}

bool folded_equal(const struct ss_view *view, const struct folded *a, const struct folded *b)
{
    if (a->bytes.size != b->bytes.size || memcmp(a->bytes.data, b->bytes.data, a->bytes.size) != 0)
        return false;
    for (size_t i = 0; i < CASE_TIMES * a->aggregate_count; i++)
        if (!ss_value_equal(view->aggregates[i % a->aggregate_count].type, a->values[i], b->values[i]))
            return false;
    return true;
}
