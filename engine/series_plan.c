// How a view's aggregates are read from a series. See series_plan.h.

#include "engine/series_plan.h"

#include <stdlib.h>

// Their states grow with the number of events that they hold: a tree of them starts higher.
#define LARGE_PARTS                                                                              \
    (SS_PART_DISTINCT | SS_PART_FIRST_K | SS_PART_LAST_K | SS_PART_UNIQUE_K | SS_PART_QUANTILE | \
     SS_PART_COUNTS)

static int column_of(struct ss_series_plan *plan, bool is_there, int output, struct ss_type type)
{
    if (!is_there) return -1;
    for (int c = 0; c < plan->column_count; c++)
        if (plan->columns[c].output == output) return c;
    plan->columns[plan->column_count] = (struct ss_series_column){output, type};
    return plan->column_count++;
}

static bool same_window(const struct ss_aggregate *a, const struct ss_aggregate *b)
{
    const bool window = a->bound == SS_BOUND_WINDOW;
    if (window != (b->bound == SS_BOUND_WINDOW) || a->last_n != b->last_n) return false;
    return !window || (a->window_us == b->window_us && a->hop_us == b->hop_us);
}

static int compare_windows(const void *left, const void *right)
{
    const struct ss_aggregate *a = *(const struct ss_aggregate *const *)left;
    const struct ss_aggregate *b = *(const struct ss_aggregate *const *)right;
    const bool a_ends = a->bound == SS_BOUND_WINDOW, b_ends = b->bound == SS_BOUND_WINDOW;
    if (!a->last_n != !b->last_n) return a->last_n ? -1 : 1;
    if (a->last_n != b->last_n) return a->last_n < b->last_n ? -1 : 1;
    if (a_ends != b_ends) return a_ends ? -1 : 1;
    if (a_ends && a->window_us != b->window_us) return a->window_us < b->window_us ? -1 : 1;
    return (a > b) - (a < b);
}

static bool find_windows(const struct ss_view *view, struct ss_series_plan *plan, struct ss_arena *arena)
{
    plan->windows = ss_arena_array(arena, view->aggregate_count, sizeof *plan->windows);
    if (!plan->windows) return false;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &view->aggregates[a];
        const int64_t window_us = aggregate->bound == SS_BOUND_WINDOW ? aggregate->window_us : SS_HOP_ALL;
        const bool is_folded = ss_group_parts_of(aggregate->fn) & ~(uint32_t)SS_GROUP_END_PARTS;
        int w = 0;
        while (w < plan->window_count && !same_window(plan->windows[w], aggregate)) w++;
        if (w == plan->window_count) plan->windows[plan->window_count++] = aggregate;
        if (is_folded && window_us > plan->longest_us) plan->longest_us = window_us;
    }
    qsort(plan->windows, (size_t)plan->window_count, sizeof *plan->windows, compare_windows);
    return true;
}

static bool fill_step(const struct ss_view *view, const struct ss_aggregate *window, int group,
                      struct ss_series_step *step, struct ss_arena *arena)
{
    int *aggregates = NULL;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        if (view->aggregates[a].group != group || !same_window(window, &view->aggregates[a])) continue;
        if (!aggregates) aggregates = ss_arena_array(arena, view->aggregate_count - a, sizeof *aggregates);
        if (!aggregates) return false;
        aggregates[step->aggregate_count++] = (int)a;
        step->parts |= ss_group_parts_of(view->aggregates[a].fn);
    }
    step->aggregates = aggregates;
    return true;
}

// Ends are found, not folded, and all rows are counted by blocks alone.
static void plan_tree(const struct ss_view *view, const struct ss_series_plan *plan,
                      struct ss_series_group *of)
{
    const struct ss_group *group = &view->groups[of->group];
    for (int w = 0; w < plan->window_count; w++)
        if (!plan->windows[w]->last_n || plan->windows[w]->last_n > SS_SERIES_FEW)
            of->tree_parts |= of->steps[w].parts & ~(uint32_t)SS_GROUP_END_PARTS;
    if (of->tree_parts == SS_PART_N && group->argument < 0 && group->filter < 0) of->tree_parts = 0;
    of->tree_level = of->tree_parts & LARGE_PARTS ? 2 : of->tree_parts & SS_GROUP_MEMBERS ? 1 : 0;
}

static bool plan_group(const struct ss_view *view, struct ss_series_plan *plan, int g, struct ss_arena *arena)
{
    const struct ss_group *group = &view->groups[g];
    struct ss_series_group *of = &plan->groups[g];
    bool is_read = false;
    of->group = g;
    of->argument = column_of(plan, group->argument >= 0, group->argument, group->type);
    of->second = column_of(plan, group->has_second, group->second, group->second_type);
    of->steps = ss_arena_array(arena, (size_t)plan->window_count, sizeof *of->steps);
    if (!of->steps) return false;
    for (int w = 0; w < plan->window_count; w++) {
        if (!fill_step(view, plan->windows[w], g, &of->steps[w], arena)) return false;
        is_read = is_read || of->steps[w].aggregate_count;
    }
    plan_tree(view, plan, of);
    if (is_read) plan->reads[plan->read_count++] = g;
    return true;
}

const struct ss_series_plan *ss_series_plan_make(const struct ss_view *view, struct ss_arena *arena)
{
    struct ss_series_plan *plan = ss_arena_alloc(arena, sizeof *plan);
    if (!plan || !find_windows(view, plan, arena)) return NULL;
    plan->group_count = (int)view->group_count;
    plan->columns = ss_arena_array(arena, 2 * view->group_count, sizeof *plan->columns);
    plan->groups = ss_arena_array(arena, view->group_count, sizeof *plan->groups);
    plan->reads = ss_arena_array(arena, view->group_count, sizeof *plan->reads);
    if (!plan->columns || !plan->groups || !plan->reads) return NULL;
    for (int g = 0; g < plan->group_count; g++)
        if (!plan_group(view, plan, g, arena)) return NULL;
    return plan;
}
