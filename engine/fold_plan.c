// Which aggregates of a view are read by one fold of tiles. See fold_plan.h.
//
// Made once, when the view is compiled: a lookup goes through the folds as they stand here.

#include "engine/fold_plan.h"

#include "engine/group.h"

#include <stdlib.h>
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

static bool belongs(const struct ss_view *view, const struct ss_fold *fold, size_t aggregate)
{
    return same_fold(fold->aggregate, &view->aggregates[aggregate]);
}

static bool fill(struct ss_fold *fold, const struct ss_view *view, struct ss_arena *arena)
{
    size_t count = 0;
    for (size_t a = 0; a < view->aggregate_count; a++) count += belongs(view, fold, a);
    int *aggregates = ss_arena_array(arena, count, sizeof *aggregates);
    uint32_t *parts = ss_arena_array(arena, view->group_count, sizeof *parts);
    if (!aggregates || !parts) return false;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        if (!belongs(view, fold, a)) continue;
        const int group = view->aggregates[a].group;
        aggregates[fold->aggregate_count++] = (int)a;
        parts[group] |= ss_group_parts_of(view->aggregates[a].fn);
        if (group >= fold->group_end) fold->group_end = group + 1;
    }
    fold->aggregates = aggregates;
    fold->parts = parts;
    return true;
}

static bool may_chain(const struct ss_aggregate *aggregate)
{
    return aggregate->bound == SS_BOUND_WINDOW && !aggregate->last_n;
}

static int last_level(const struct ss_aggregate *aggregate)
{
    return aggregate->cover[aggregate->cover_count - 1];
}

static bool same_chain(const struct ss_fold *a, const struct ss_fold *b)
{
    return may_chain(a->aggregate) && may_chain(b->aggregate) &&
           last_level(a->aggregate) == last_level(b->aggregate);
}

// Chains together, shorter windows first.
static int compare_folds(const void *left, const void *right)
{
    const struct ss_aggregate *a = ((const struct ss_fold *)left)->aggregate;
    const struct ss_aggregate *b = ((const struct ss_fold *)right)->aggregate;
    if (may_chain(a) != may_chain(b)) return may_chain(a) ? 1 : -1;
    if (may_chain(a) && last_level(a) != last_level(b)) return last_level(a) - last_level(b);
    if (may_chain(a) && a->window_us != b->window_us) return a->window_us < b->window_us ? -1 : 1;
    return (a > b) - (a < b);
}

static bool chain(const struct ss_view *view, struct ss_fold *folds, struct ss_arena *arena)
{
    for (size_t f = view->fold_count; f-- > 0;) {
        struct ss_fold *fold = &folds[f], *behind = f + 1 < view->fold_count ? &folds[f + 1] : NULL;
        const bool follows = f > 0 && same_chain(&folds[f - 1], fold);
        if (behind && !same_chain(fold, behind)) behind = NULL;
        fold->chained = follows || behind;
        fold->starts_chain = fold->chained && !follows;
        if (!fold->chained) continue;
        uint32_t *parts = ss_arena_array(arena, view->group_count, sizeof *parts);
        if (!parts) return false;
        for (size_t g = 0; g < view->group_count; g++)
            parts[g] = fold->parts[g] | (behind ? behind->chain_parts[g] : 0);
        fold->chain_parts = parts;
        fold->chain_group_end =
            behind && behind->chain_group_end > fold->group_end ? behind->chain_group_end : fold->group_end;
    }
    return true;
}

static bool is_of_lasts(const struct ss_view *view)
{
    const uint32_t *parts = view->levels[view->level_count - 1].parts;
    if (view->level_count != 1 || view->recent_count) return false;
    for (size_t g = 0; g < view->group_count; g++)
        if (!(parts[g] & SS_PART_LAST) || (parts[g] & ~(uint32_t)(SS_PART_N | SS_PART_LAST))) return false;
    for (size_t a = 0; a < view->aggregate_count; a++)
        if (view->aggregates[a].fn != SS_AGG_LAST || view->aggregates[a].bound == SS_BOUND_WINDOW)
            return false;
    return true;
}

bool ss_view_plan_folds(struct ss_view *view, struct ss_arena *arena)
{
    struct ss_fold *folds = ss_arena_array(arena, view->aggregate_count, sizeof *folds);
    if (!folds) return false;
    view->fold_count = 0;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        size_t f = 0;
        while (f < view->fold_count && !belongs(view, &folds[f], a)) f++;
        if (f < view->fold_count) continue;
        folds[f].aggregate = &view->aggregates[a];
        if (!fill(&folds[f], view, arena)) return false;
        view->fold_count++;
    }
    if (view->fold_count) qsort(folds, view->fold_count, sizeof *folds, compare_folds);
    view->folds = folds;
    view->is_of_lasts = is_of_lasts(view);
    return chain(view, folds, arena);
}
