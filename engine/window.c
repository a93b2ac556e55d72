// Windows: from the tiles of an entity to the values of its aggregates at t.
//
// A window [floor(t - W, hop), infinity) is covered by tiles of its own hop up to the next boundary of the
// coarser hop, from there by the coarser tiles, and so on; the coarsest go to the end. (Every event in the
// state lies before t.) Merging is commutative and exact, so which cover is taken changes no bit. One fold
// per window and cover serves all aggregates that share them; nested windows share the fold of their coarsest
// tiles, which goes from the newest tile back. Tiles in bytes are merged straight from them.

#include "engine/fold_inline.h"
#include "engine/state_internal.h"
#include "engine/window_value.h"

#include <string.h>

// What a fold does with one group of the tiles of a level.
struct ss_fold_step {
    struct ss_group_state *total; // NULL: the group is passed over
    struct ss_group_kind kind;    // as the tiles keep it
    uint32_t parts;               // of them the total takes
    bool is_simple;               // count, sums and bounds of scalars alone
    bool is_double;
};

static bool make_scratch(const struct ss_state *state)
{
    const size_t count = state->view->group_count;
    struct ss_read_scratch *scratch = state->scratch;
    scratch->totals = ss_arena_array(state->arena, count, sizeof *scratch->totals);
    scratch->running = ss_arena_array(state->arena, count, sizeof *scratch->running);
    scratch->parts = ss_arena_array(state->arena, count, sizeof *scratch->parts);
    scratch->steps = ss_arena_array(state->arena, count, sizeof *scratch->steps);
    return scratch->totals && scratch->running && scratch->parts && scratch->steps;
}

static inline bool is_needed(const uint64_t *needed, int aggregate)
{
    return !needed || (needed[aggregate / 64] >> (aggregate % 64) & 1);
}

// What the needed aggregates of a fold read, by group. NULL: none is needed.
static const uint32_t *needed_parts(const struct ss_state *state, const struct ss_fold *fold,
                                    const uint64_t *needed)
{
    uint32_t *parts = state->scratch->parts;
    bool any = false;
    if (!needed) return fold->parts;
    memset(parts, 0, (size_t)fold->group_end * sizeof *parts);
    for (size_t i = 0; i < fold->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &state->view->aggregates[fold->aggregates[i]];
        if (!is_needed(needed, fold->aggregates[i])) continue;
        parts[aggregate->group] |= ss_group_parts_of(aggregate->fn);
        any = true;
    }
    return any ? parts : NULL;
}

static size_t plan_steps(const struct ss_state *state, const struct ss_state_level *level, int group_end,
                         const uint32_t *parts, struct ss_group_state *totals)
{
    const uint32_t simple = SS_PART_N | SS_GROUP_SUM_PARTS;
    size_t count = 0;
    for (; count < level->kept_count && level->kept[count] < group_end; count++) {
        const int group = level->kept[count];
        struct ss_fold_step *step = &state->scratch->steps[count];
        step->kind = ss_tile_kind(state, level->plan, group, 0);
        step->parts = parts[group];
        step->total = parts[group] ? &totals[group] : NULL;
        step->is_double = step->kind.type.id == SS_FLOAT64;
        step->is_simple = step->total && step->kind.has_argument && !ss_type_is_text(step->kind.type) &&
                          (step->kind.parts & SS_GROUP_SUM_PARTS) && !(step->kind.parts & ~simple);
        SS_ASSERT((step->parts & ~step->kind.parts & ~(uint32_t)SS_PART_N) == 0);
    }
    return count;
}

static bool merge_open(const struct ss_state *state, const struct ss_tile *tile, size_t step_count)
{
    for (size_t k = 0; k < step_count; k++) {
        const struct ss_fold_step *step = &state->scratch->steps[k];
        struct ss_group_kind kind = step->kind;
        if (!step->total) continue;
        kind.parts = step->parts;
        if (!ss_group_merge(step->total, &kind, &tile->groups[k], state->arena)) return false;
    }
    return true;
}

static inline const uint8_t *fold_simple(const struct ss_fold_step *step, const uint8_t *at)
{
    return step->is_double ? ss_fold_wide(step->total, true, step->kind.parts, step->parts, at)
                           : ss_fold_wide(step->total, false, step->kind.parts, step->parts, at);
}

// A tile that keeps its values raw. NULL: it does not, or is damaged; nothing is changed.
static const uint8_t *fold_raw(const struct ss_fold_step *step, const uint8_t *at, struct ss_arena *arena,
                               bool *out_of_memory)
{
    int64_t keys[SS_GROUP_RAW];
    bool fits = true;
    const uint64_t n = *at++;
    if (n > SS_GROUP_RAW || !(step->parts & SS_GROUP_SUM_PARTS)) return NULL;
    for (uint64_t i = 0; i < n; i++) {
        keys[i] = ss_fold_scalar(step->is_double, &at, &fits);
        if (i > 0 && keys[i] < keys[i - 1]) fits = false;
    }
    for (uint64_t i = 0; fits && i < n; i++)
        if (!ss_group_absorb_key(step->total, step->kind.type.id, step->parts, keys[i], arena))
            *out_of_memory = true;
    return fits ? at : NULL;
}

// Where fewer bytes than SS_FOLD_SPAN may be loaded: from a copy.
static __attribute__((noinline)) const uint8_t *fold_last(const struct ss_fold_step *step, const uint8_t *at,
                                                          const uint8_t *end)
{
    uint8_t copy[SS_FOLD_SPAN] = {0};
    memcpy(copy, at, (size_t)(end - at));
    const uint8_t *folded = fold_simple(step, copy);
    return folded ? at + (folded - copy) : NULL;
}

static enum ss_status merge_encoded(const struct ss_state *state, const struct ss_state_level *level,
                                    const struct ss_tile *tile, size_t step_count, struct ss_error *error)
{
    struct ss_reader reader = {tile->bytes, tile->bytes + tile->size, false};
    struct ss_group_newest newest = {0};
    bool out_of_memory = false;
    for (size_t k = 0; k < step_count; k++) {
        struct ss_fold_step *step = &state->scratch->steps[k];
        if (step->is_simple) {
            const bool loadable = state->bytes_end - reader.at >= SS_FOLD_SPAN;
            const uint8_t *folded = !loadable ? fold_last(step, reader.at, reader.end)
                                    : *reader.at > SS_GROUP_RAW
                                        ? fold_simple(step, reader.at)
                                        : fold_raw(step, reader.at, state->arena, &out_of_memory);
            if (out_of_memory) return ss_fail_memory(error, "the value of a window");
            if (folded) {
                reader.at = folded;
                if (folded > reader.end) break;
                continue;
            }
        }
        step->kind.newest = &newest;
        if (level->plan->hop_us != SS_HOP_ALL) step->kind.origin_us = tile->index * level->plan->hop_us;
        if (!ss_group_merge_bytes(step->total, &step->kind, step->parts, &reader, state->arena))
            return ss_fail_memory(error, "the value of a window");
    }
    return reader.failed || reader.at > reader.end ? ss_tile_damaged(level, tile->index, error) : SS_OK;
}

// Merges the tiles that start in [from_us, to_us): the groups before group_end, their `parts`.
static enum ss_status merge_span(const struct ss_state *state, const struct ss_state_level *level,
                                 int group_end, const uint32_t *parts, struct ss_group_state *totals,
                                 int64_t from_us, int64_t to_us, struct ss_error *error)
{
    const bool all = level->plan->hop_us == SS_HOP_ALL;
    if (level->count == 0) return SS_OK;
    const int64_t from = all ? INT64_MIN : from_us / level->plan->hop_us;
    const int64_t to = all ? INT64_MAX : to_us / level->plan->hop_us;
    const struct ss_tile *const end = level->tiles + level->first + level->count;
    const struct ss_tile *tile = level->tiles + ss_level_search(level, from);
    if (tile == end || tile->index >= to) return SS_OK;
    const size_t step_count = plan_steps(state, level, group_end, parts, totals);
    for (; tile < end && tile->index < to; tile++) {
        if (tile->form == SS_TILE_ENCODED)
            SS_TRY(merge_encoded(state, level, tile, step_count, error));
        else if (!merge_open(state, tile, step_count))
            return ss_fail_memory(error, "the value of a window");
    }
    return SS_OK;
}

// The least multiple of hop_us that is at least time_us.
static int64_t ceiling_to(int64_t time_us, int64_t hop_us)
{
    const int64_t floor_us = ss_floor_to(time_us, hop_us);
    int64_t ceiling_us = floor_us;
    if (floor_us < time_us && __builtin_add_overflow(floor_us, hop_us, &ceiling_us)) return INT64_MAX;
    return ceiling_us;
}

static enum ss_status fold_recent(const struct ss_state *state, const struct ss_fold *fold,
                                  const uint32_t *parts, int64_t from_us, struct ss_error *error)
{
    SS_TRY(ss_recent_open(state->recent, state->view, state->arena, error));
    return ss_recent_fold(state->recent, state->view, fold->aggregate->last_n, from_us, parts,
                          state->scratch->totals, state->arena)
               ? SS_OK
               : ss_fail_memory(error, "the value of a window");
}

// Merges what the running fold of a chain holds, brought to from_us, into the totals.
static enum ss_status take_running(const struct ss_state *state, const struct ss_fold *fold, int64_t from_us,
                                   const uint32_t *parts, struct ss_error *error)
{
    const struct ss_aggregate *aggregate = fold->aggregate;
    const struct ss_view *view = state->view;
    struct ss_read_scratch *scratch = state->scratch;
    SS_TRY(merge_span(state, &state->levels[aggregate->cover[aggregate->cover_count - 1]],
                      fold->chain_group_end, fold->chain_parts, scratch->running, from_us,
                      scratch->running_us, error));
    scratch->running_us = from_us;
    for (int g = 0; g < fold->group_end; g++) {
        const struct ss_group_kind kind = ss_total_kind(view, g, parts[g]);
        if (parts[g] && !ss_group_merge(&scratch->totals[g], &kind, &scratch->running[g], state->arena))
            return ss_fail_memory(error, "the value of a window");
    }
    return SS_OK;
}

static enum ss_status fold_window(const struct ss_state *state, const struct ss_fold *fold,
                                  const uint32_t *parts, int64_t t_us, struct ss_error *error)
{
    const struct ss_aggregate *aggregate = fold->aggregate;
    int64_t from_us = ss_window_start(aggregate, t_us);
    if (aggregate->last_n) return fold_recent(state, fold, parts, from_us, error);
    for (size_t c = 0; c < aggregate->cover_count; c++) {
        const bool last = c + 1 == aggregate->cover_count;
        const int64_t to_us =
            last ? INT64_MAX : ceiling_to(from_us, state->view->levels[aggregate->cover[c + 1]].hop_us);
        if (last && fold->chained && from_us <= state->scratch->running_us)
            return take_running(state, fold, from_us, parts, error);
        SS_TRY(merge_span(state, &state->levels[aggregate->cover[c]], fold->group_end, parts,
                          state->scratch->totals, from_us, to_us, error));
        from_us = to_us;
    }
    return SS_OK;
}

static enum ss_status read_fold(const struct ss_state *state, const struct ss_fold *fold, int64_t t_us,
                                const uint64_t *needed, struct ss_value *values, bool *expired,
                                struct ss_error *error)
{
    const uint32_t *parts = needed_parts(state, fold, needed);
    if (fold->starts_chain) {
        for (int g = 0; g < fold->chain_group_end; g++)
            if (fold->chain_parts[g]) ss_group_clear(&state->scratch->running[g]);
        state->scratch->running_us = INT64_MAX;
    }
    if (!parts) return SS_OK;
    for (int g = 0; g < fold->group_end; g++)
        if (parts[g]) ss_group_clear(&state->scratch->totals[g]);
    SS_TRY(fold_window(state, fold, parts, t_us, error));
    for (size_t i = 0; i < fold->aggregate_count; i++) {
        const int a = fold->aggregates[i];
        if (!is_needed(needed, a)) continue;
        const struct ss_aggregate *aggregate = &state->view->aggregates[a];
        const int g = aggregate->group;
        SS_TRY(ss_window_value(state->view, aggregate, &state->scratch->totals[g], parts[g], t_us,
                               state->arena, &values[a], &expired[a], error));
    }
    return SS_OK;
}

enum ss_status ss_state_read(const struct ss_state *state, int64_t t_us, const uint64_t *needed,
                             struct ss_value *values, bool *expired, struct ss_error *error)
{
    const struct ss_view *view = state->view;
    SS_ASSERT(state->dirty_count == 0);
    if (!state->scratch->steps && !make_scratch(state))
        return ss_fail_memory(error, "the values of an entity");
    memset(expired, 0, view->aggregate_count * sizeof *expired);
    if (needed) memset(values, 0, view->aggregate_count * sizeof *values);
    for (size_t f = 0; f < view->fold_count; f++)
        SS_TRY(read_fold(state, &view->folds[f], t_us, needed, values, expired, error));
    return SS_OK;
}
