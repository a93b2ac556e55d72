// Windows: from the tiles of an entity to the values of its aggregates at t.
//
// A window [floor(t - W, hop), infinity) is covered by tiles of its own hop up to the next boundary of the
// coarser hop, from there by the coarser tiles, and so on; the coarsest go to the end. (Every event in the
// state lies before t.) Merging is commutative and exact, so which cover is taken changes no bit. One fold
// per window and cover serves all aggregates that share them; tiles in bytes are merged straight from them.

#include "engine/base/planted.h"
#include "engine/read_inline.h"
#include "engine/state_internal.h"

#include <string.h>

// Alike windows have different covers where a coarser level keeps what one aggregate needs and not the other.
static bool same_fold(const struct ss_aggregate *a, const struct ss_aggregate *b)
{
    const bool window = a->bound == SS_BOUND_WINDOW;
    if (window != (b->bound == SS_BOUND_WINDOW)) return false;
    if (window && (a->window_us != b->window_us || a->hop_us != b->hop_us)) return false;
    if (a->last_n != b->last_n) return false;
    return a->cover_count == b->cover_count &&
           (a->cover == b->cover || memcmp(a->cover, b->cover, a->cover_count * sizeof *a->cover) == 0);
}

static struct ss_fold *fold_for(struct ss_read_scratch *scratch, const struct ss_aggregate *aggregate)
{
    for (size_t f = 0; f < scratch->fold_count; f++)
        if (same_fold(scratch->folds[f].aggregate, aggregate)) return &scratch->folds[f];
    struct ss_fold *fold = &scratch->folds[scratch->fold_count++];
    fold->aggregate = aggregate;
    fold->last_group = -1;
    return fold;
}

static bool make_scratch(const struct ss_state *state)
{
    const struct ss_view *view = state->view;
    struct ss_read_scratch *scratch = state->scratch;
    struct ss_fold *folds = ss_arena_array(state->arena, view->aggregate_count, sizeof *folds);
    uint32_t *parts = ss_arena_array(state->arena, view->aggregate_count * view->group_count, sizeof *parts);
    scratch->fold_of = ss_arena_array(state->arena, view->aggregate_count, sizeof *scratch->fold_of);
    scratch->totals = ss_arena_array(state->arena, view->group_count, sizeof *scratch->totals);
    if (!folds || !parts || !scratch->fold_of || !scratch->totals) return false;
    for (size_t f = 0; f < view->aggregate_count; f++) folds[f].parts = parts + f * view->group_count;
    scratch->folds = folds;
    return true;
}

static inline bool is_needed(const uint64_t *needed, size_t aggregate)
{
    return !needed || (needed[aggregate / 64] >> (aggregate % 64) & 1);
}

static void plan_folds(const struct ss_state *state, const uint64_t *needed)
{
    struct ss_read_scratch *scratch = state->scratch;
    const struct ss_view *view = state->view;
    for (size_t f = 0; f < scratch->fold_count; f++)
        memset(scratch->folds[f].parts, 0, view->group_count * sizeof *scratch->folds[f].parts);
    scratch->fold_count = 0;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        if (!is_needed(needed, a)) continue;
        const struct ss_aggregate *aggregate = &view->aggregates[a];
        struct ss_fold *fold = fold_for(scratch, aggregate);
        const int group = aggregate->group;
        fold->parts[group] |= ss_group_parts_of(aggregate->fn);
        if (group > fold->last_group) fold->last_group = group;
        scratch->fold_of[a] = (uint16_t)(fold - scratch->folds);
    }
}

static bool merge_open(const struct ss_state *state, const struct ss_state_level *level,
                       const struct ss_tile *tile, const struct ss_fold *fold)
{
    for (uint32_t k = 0; k < level->kept_count && level->kept[k] <= fold->last_group; k++) {
        const int group = level->kept[k];
        if (!fold->parts[group]) continue;
        struct ss_group_kind kind = ss_tile_kind(state, level->plan, group, tile->index);
        kind.parts = fold->parts[group];
        if (!ss_group_merge(&state->scratch->totals[group], &kind, &tile->groups[k], state->arena))
            return false;
    }
    return true;
}

static enum ss_status merge_tile(const struct ss_state *state, const struct ss_state_level *level,
                                 const struct ss_tile *tile, const struct ss_fold *fold,
                                 struct ss_error *error)
{
    if (tile->form != SS_TILE_ENCODED)
        return merge_open(state, level, tile, fold) ? SS_OK : ss_fail_memory(error, "the value of a window");
    struct ss_reader reader = {tile->bytes, tile->bytes + tile->size, false};
    for (uint32_t k = 0; k < level->kept_count && level->kept[k] <= fold->last_group; k++) {
        const int group = level->kept[k];
        const uint32_t parts = fold->parts[group];
        const struct ss_group_kind kind = ss_tile_kind(state, level->plan, group, tile->index);
        struct ss_group_state *total = parts ? &state->scratch->totals[group] : NULL;
        if (!ss_group_merge_bytes(total, &kind, parts, &reader, state->arena))
            return ss_fail_memory(error, "the value of a window");
    }
    return reader.failed ? ss_tile_damaged(level, tile->index, error) : SS_OK;
}

static void check_parts(const struct ss_state_level *level, const struct ss_fold *fold)
{
    for (int g = 0; g <= fold->last_group; g++) {
        const uint32_t kept = level->plan->parts[g], needed = fold->parts[g];
        SS_ASSERT((needed & ~kept & ~(uint32_t)SS_PART_N) == 0 && (kept || !needed));
    }
}

// Merges the tiles that start in [from_us, to_us).
static enum ss_status merge_span(const struct ss_state *state, const struct ss_state_level *level,
                                 const struct ss_fold *fold, int64_t from_us, int64_t to_us,
                                 struct ss_error *error)
{
    const bool all = level->plan->hop_us == SS_HOP_ALL;
    check_parts(level, fold);
    if (level->count == 0) return SS_OK;
    const int64_t from = all ? INT64_MIN : from_us / level->plan->hop_us;
    const int64_t to = all ? INT64_MAX : to_us / level->plan->hop_us;
    const struct ss_tile *const end = level->tiles + level->first + level->count;
    for (const struct ss_tile *tile = level->tiles + ss_level_search(level, from);
         tile < end && tile->index < to; tile++)
        SS_TRY(merge_tile(state, level, tile, fold, error));
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

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference;
    return __builtin_sub_overflow(a, b, &difference) ? INT64_MIN : difference;
}

static enum ss_status fold_recent(const struct ss_state *state, const struct ss_fold *fold, int64_t from_us,
                                  struct ss_error *error)
{
    SS_TRY(ss_recent_open(state->recent, state->view, state->arena, error));
    return ss_recent_fold(state->recent, state->view, fold->aggregate->last_n, from_us, fold->parts,
                          state->scratch->totals, state->arena)
               ? SS_OK
               : ss_fail_memory(error, "the value of a window");
}

static int64_t window_start(const struct ss_aggregate *aggregate, int64_t t_us)
{
    const int64_t start_us = minus(t_us, aggregate->window_us);
    if (aggregate->bound != SS_BOUND_WINDOW) return INT64_MIN;
    if (SS_PLANTED(hop_toward_zero)) return start_us - start_us % aggregate->hop_us;
    return ss_floor_to(start_us, aggregate->hop_us);
}

static enum ss_status fold_window(const struct ss_state *state, const struct ss_fold *fold, int64_t t_us,
                                  struct ss_error *error)
{
    const struct ss_aggregate *aggregate = fold->aggregate;
    int64_t from_us = window_start(aggregate, t_us);
    if (aggregate->last_n) return fold_recent(state, fold, from_us, error);
    for (size_t c = 0; c < aggregate->cover_count; c++) {
        int64_t to_us = INT64_MAX;
        if (c + 1 < aggregate->cover_count)
            to_us = ceiling_to(from_us, state->view->levels[aggregate->cover[c + 1]].hop_us);
        SS_TRY(merge_span(state, &state->levels[aggregate->cover[c]], fold, from_us, to_us, error));
        from_us = to_us;
    }
    return SS_OK;
}

static enum ss_status value_of(const struct ss_state *state, const struct ss_fold *fold,
                               const struct ss_aggregate *aggregate, int64_t t_us, struct ss_value *value,
                               bool *expired, struct ss_error *error)
{
    const struct ss_group *group = &state->view->groups[aggregate->group];
    const struct ss_group_kind kind = {group->type, group->argument >= 0, fold->parts[aggregate->group], 0,
                                       group};
    struct ss_group_state *total = &state->scratch->totals[aggregate->group];
    if (!ss_group_value(total, &kind, aggregate, t_us, state->arena, value))
        return ss_fail_memory(error, "the value of a window");
    if (aggregate->bound != SS_BOUND_WITHIN || !total->ends || !total->ends->last.there) return SS_OK;
    if (SS_PLANTED_ONLINE(ttl_ignored_online)) return SS_OK;
    *expired = total->ends->last.event_time_us < minus(t_us, aggregate->window_us);
    if (*expired) *value = (struct ss_value){0};
    return SS_OK;
}

enum ss_status ss_state_read(const struct ss_state *state, int64_t t_us, const uint64_t *needed,
                             struct ss_value *values, bool *expired, struct ss_error *error)
{
    const struct ss_view *view = state->view;
    struct ss_read_scratch *scratch = state->scratch;
    SS_ASSERT(state->dirty_count == 0);
    if (!scratch->folds && !make_scratch(state)) return ss_fail_memory(error, "the values of an entity");
    plan_folds(state, needed);
    for (size_t a = 0; a < view->aggregate_count; a++) {
        values[a] = (struct ss_value){0};
        expired[a] = false;
    }
    for (size_t f = 0; f < scratch->fold_count; f++) {
        const struct ss_fold *fold = &scratch->folds[f];
        for (int g = 0; g <= fold->last_group; g++)
            if (fold->parts[g]) ss_group_clear(&scratch->totals[g]);
        SS_TRY(fold_window(state, fold, t_us, error));
        for (size_t a = 0; a < view->aggregate_count; a++)
            if (is_needed(needed, a) && scratch->fold_of[a] == f)
                SS_TRY(value_of(state, fold, &view->aggregates[a], t_us, &values[a], &expired[a], error));
    }
    return SS_OK;
}
