// Which aggregates of a view are read by one fold of tiles. See fold_plan.h.
//
// Made once, when the view is compiled: a lookup goes through the folds as they stand here.

#include "engine/fold_plan.h"

#include "engine/group.h"

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
    view->folds = folds;
    return true;
}
