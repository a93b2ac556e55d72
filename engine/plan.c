// Groups, levels, aggregates, covers: what a view keeps per entity and what is read from it.
//
// Level of a hop: its tiles keep, of each group, the parts that windows of this hop need. A window is folded
// from its own level and from coarser ones where those hold the same parts at least as long: that they are
// there saves tiles to fold, and the exact states give the same bits either way. Coarser levels are not given
// parts for that sake alone: it would cost every event a place in one more tile.
#include "engine/plan.h"

#include "engine/aggregates.h"
#include "engine/fold_plan.h"
#include "engine/group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fingerprint.h"

#define PENDING_BITS 24

int ss_pending_input(enum ss_pending_kind kind, size_t index)
{
    return -1 - (int)(((size_t)kind << PENDING_BITS) | index);
}

enum ss_pending_kind ss_pending_kind(int input)
{
    return (enum ss_pending_kind)((-1 - input) >> PENDING_BITS);
}

size_t ss_pending_index(int input)
{
    return (size_t)(-1 - input) & (((size_t)1 << PENDING_BITS) - 1);
}

static bool settle_input(void *context, struct ss_node *node)
{
    const struct ss_final_inputs *inputs = context;
    if (node->kind != SS_NODE_INPUT || node->input >= 0) return true;
    const int index = (int)ss_pending_index(node->input);
    switch (ss_pending_kind(node->input)) {
    case SS_PENDING_AGGREGATE: node->input = inputs->aggregate_index[index]; break;
    case SS_PENDING_T: node->input = inputs->t; break;
    case SS_PENDING_KEY: node->input = inputs->first_key + index; break;
    case SS_PENDING_READ: node->input = index; break;
    case SS_PENDING_REQUEST: node->input = inputs->first_request + index; break;
    }
    return true;
}

void ss_settle_inputs(struct ss_node *root, const struct ss_final_inputs *inputs)
{
    struct ss_final_inputs copy = *inputs;
    ss_expression_walk(root, settle_input, &copy);
}

// The hop of a window (DESIGN C8): below an hour the greatest divisor that is at most a twelfth of it.
int64_t ss_default_hop(int64_t window_us)
{
    if (window_us >= 12 * SS_DAY_US) return SS_DAY_US;
    if (window_us >= 12 * SS_HOUR_US) return SS_HOUR_US;
    if (window_us >= SS_HOUR_US) return 5 * SS_MINUTE_US;
    int64_t count = 12;
    while (count * count <= window_us && window_us % count != 0) count++;
    if (window_us % count == 0 && count <= window_us) return window_us / count;
    // No count between 12 and the root divides it: the hop itself is below the root.
    int64_t hop = count < window_us / 12 ? count : window_us / 12;
    while (hop > 1 && window_us % hop != 0) hop--;
    return hop > 1 ? hop : 1;
}

// ---- Gathering

static bool make_room(struct ss_plan *plan, void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    const size_t grown = *capacity ? 2 * *capacity : 16;
    void *array = ss_compile_array(plan->compiler, plan->compiler->scratch, grown, size);
    if (!array) return false;
    if (count) memcpy(array, *items, count * size);
    *items = array;
    *capacity = grown;
    return true;
}

bool ss_plan_init(struct ss_plan *plan, struct ss_compiler *compiler)
{
    const struct ss_plan_group everything = {
        .argument_text = "", .second_text = "", .filter_text = "", .type = {SS_INT64, 0}};
    *plan = (struct ss_plan){.compiler = compiler, .where_text = ""};
    plan->group_scope = compiler->scope_count++;
    plan->aggregate_scope = compiler->scope_count++;
    return ss_plan_add_group(plan, &everything) == 0;
}

int ss_plan_add_group(struct ss_plan *plan, const struct ss_plan_group *group)
{
    struct ss_compiler *compiler = plan->compiler;
    struct ss_buffer text = {0};
    ss_buffer_format(&text, "%s by %s where %s half_life %" PRId64, group->argument_text, group->second_text,
                     group->filter_text, group->half_life_us);
    const char *name = text.failed ? NULL
                                   : ss_compile_text(compiler, compiler->scratch,
                                                     (struct ss_bytes){(const char *)text.data, text.size});
    compiler->diagnostics.out_of_memory = compiler->diagnostics.out_of_memory || text.failed;
    ss_buffer_release(&text);
    if (!name) return -1;
    const int32_t known = ss_compile_find(compiler, plan->group_scope, name);
    if (known >= 0) return known;
    void *groups = plan->groups;
    if (!make_room(plan, &groups, plan->group_count, &plan->group_capacity, sizeof(*plan->groups))) return -1;
    plan->groups = groups;
    plan->groups[plan->group_count] = *group;
    ss_compile_add(compiler, plan->group_scope, name, plan->group_count);
    return (int)plan->group_count++;
}

static void append_bound(const struct ss_aggregate *aggregate, struct ss_buffer *text)
{
    if (aggregate->bound == SS_BOUND_WITHIN)
        ss_buffer_format(text, " within %" PRId64, aggregate->window_us);
    else if (aggregate->bound == SS_BOUND_WINDOW)
        ss_buffer_format(text, " over %" PRId64 " hop %" PRId64, aggregate->window_us, aggregate->hop_us);
    else
        ss_buffer_text(text, " over all");
    if (aggregate->last_n) ss_buffer_format(text, " last %" PRId64, aggregate->last_n);
    ss_buffer_byte(text, ')');
}

static void append_parameters(const struct ss_aggregate *aggregate, const struct ss_plan_group *group,
                              struct ss_buffer *text)
{
    const struct ss_aggregate_rule *rule = ss_aggregate_rule(aggregate->fn);
    for (size_t i = 0; i < SS_PARAMETERS_MAX; i++) {
        switch (rule->parameters[i]) {
        case SS_PARAMETER_NONE: break;
        case SS_PARAMETER_K:
        case SS_PARAMETER_STEPS: ss_buffer_format(text, " %d", (int)aggregate->k); break;
        case SS_PARAMETER_CAP: ss_buffer_format(text, " cap %d", (int)aggregate->cap); break;
        case SS_PARAMETER_HALF_LIFE:
            ss_buffer_format(text, " half_life %" PRId64, group->half_life_us);
            break;
        case SS_PARAMETER_PROBABILITY:
            ss_buffer_format(text, " %" PRId64 "e-%u", aggregate->probability, aggregate->probability_scale);
            break;
        }
    }
}

static const char *canonical_aggregate(struct ss_plan *plan, const struct ss_aggregate *aggregate)
{
    struct ss_compiler *compiler = plan->compiler;
    const struct ss_plan_group *group = &plan->groups[aggregate->group];
    struct ss_buffer text = {0};
    const char *copy = NULL;
    ss_buffer_format(&text, "(%s", ss_aggregate_name(aggregate->fn));
    if (group->argument) ss_buffer_format(&text, " %s", group->argument_text);
    if (group->second) ss_buffer_format(&text, " by %s", group->second_text);
    append_parameters(aggregate, group, &text);
    if (group->filter) ss_buffer_format(&text, " where %s", group->filter_text);
    append_bound(aggregate, &text);
    if (text.failed)
        compiler->diagnostics.out_of_memory = true;
    else
        copy = ss_compile_text(compiler, compiler->scratch,
                               (struct ss_bytes){(const char *)text.data, text.size});
    ss_buffer_release(&text);
    return copy;
}

int ss_plan_add_aggregate(struct ss_plan *plan, const struct ss_aggregate *aggregate)
{
    const char *canonical = canonical_aggregate(plan, aggregate);
    if (!canonical) return -1;
    const int32_t known = ss_compile_find(plan->compiler, plan->aggregate_scope, canonical);
    if (known >= 0) return known;
    void *aggregates = plan->aggregates;
    if (!make_room(plan, &aggregates, plan->aggregate_count, &plan->aggregate_capacity,
                   sizeof(*plan->aggregates)))
        return -1;
    plan->aggregates = aggregates;
    plan->aggregates[plan->aggregate_count] = (struct ss_plan_aggregate){canonical, *aggregate};
    ss_compile_add(plan->compiler, plan->aggregate_scope, canonical, plan->aggregate_count);
    return (int)plan->aggregate_count++;
}

bool ss_plan_add_hop(struct ss_plan *plan, int64_t hop_us)
{
    for (size_t i = 0; i < plan->hop_count; i++) {
        if (plan->hops[i] == hop_us) return true;
    }
    if (plan->hop_count == SS_MAX_HOPS) return false;
    plan->hops[plan->hop_count++] = hop_us;
    return true;
}

// ---- Sorting

static int compare_groups(const void *left, const void *right)
{
    const struct ss_plan_group *a = *(const struct ss_plan_group *const *)left;
    const struct ss_plan_group *b = *(const struct ss_plan_group *const *)right;
    const int by_argument = strcmp(a->argument_text, b->argument_text);
    const int by_second = strcmp(a->second_text, b->second_text);
    const int by_filter = strcmp(a->filter_text, b->filter_text);
    if (by_argument || by_second || by_filter)
        return by_argument ? by_argument : by_second ? by_second : by_filter;
    return (a->half_life_us > b->half_life_us) - (a->half_life_us < b->half_life_us);
}

static int compare_aggregates(const void *left, const void *right)
{
    const struct ss_plan_aggregate *a = *(const struct ss_plan_aggregate *const *)left;
    const struct ss_plan_aggregate *b = *(const struct ss_plan_aggregate *const *)right;
    return strcmp(a->canonical, b->canonical);
}

static int compare_hops(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

// ---- The row program

// Its outputs: each filter and argument once.
struct outputs {
    struct ss_plan *plan;
    uint32_t scope;
    struct ss_node **roots;
    size_t count;
};

static int add_output(struct outputs *outputs, struct ss_node *root, const char *text)
{
    if (!root) return -1;
    const int32_t known = ss_compile_find(outputs->plan->compiler, outputs->scope, text);
    if (known >= 0) return known;
    ss_compile_add(outputs->plan->compiler, outputs->scope, text, outputs->count);
    outputs->roots[outputs->count] = root;
    return (int)outputs->count++;
}

static bool note_input(void *context, struct ss_node *node)
{
    bool *row_inputs = context;
    if (node->kind == SS_NODE_INPUT) row_inputs[node->input] = true;
    return true;
}

// Groups in their final order, group 0 first.
static struct ss_group *settle_groups(struct ss_plan *plan, struct ss_view *view, struct outputs *outputs,
                                      int *group_index)
{
    struct ss_compiler *compiler = plan->compiler;
    const size_t count = plan->group_count;
    const struct ss_plan_group **order = ss_compile_array(compiler, compiler->scratch, count, sizeof(*order));
    struct ss_group *groups = ss_compile_array(compiler, compiler->arena, count, sizeof(*groups));
    if (!order || !groups) return NULL;
    for (size_t i = 0; i < count; i++) order[i] = &plan->groups[i];
    qsort(order + 1, count - 1, sizeof(struct ss_plan_group *), compare_groups);
    for (size_t i = 0; i < count; i++) {
        group_index[order[i] - plan->groups] = (int)i;
        groups[i].argument = add_output(outputs, order[i]->argument, order[i]->argument_text);
        groups[i].filter = add_output(outputs, order[i]->filter, order[i]->filter_text);
        groups[i].type = order[i]->type;
        groups[i].half_life_us = order[i]->half_life_us;
        if (!order[i]->second) continue;
        groups[i].has_second = true;
        groups[i].second = add_output(outputs, order[i]->second, order[i]->second_text);
        groups[i].second_type = order[i]->second->type;
    }
    view->groups = groups;
    view->group_count = count;
    return groups;
}

// NULL when out of memory.
static struct ss_group *settle_rows(struct ss_plan *plan, struct ss_view *view, int *group_index)
{
    struct ss_compiler *compiler = plan->compiler;
    struct outputs outputs = {.plan = plan, .scope = compiler->scope_count++};
    bool *row_inputs =
        ss_compile_array(compiler, compiler->arena, view->source->column_count + 1, sizeof(*row_inputs));
    outputs.roots =
        ss_compile_array(compiler, compiler->scratch, 3 * plan->group_count + 1, sizeof(*outputs.roots));
    if (!row_inputs || !outputs.roots) return NULL;
    view->where = add_output(&outputs, plan->where, plan->where_text);
    struct ss_group *groups = settle_groups(plan, view, &outputs, group_index);
    if (!groups) return NULL;
    for (size_t i = 0; i < outputs.count; i++) ss_expression_walk(outputs.roots[i], note_input, row_inputs);
    view->row_inputs = row_inputs;
    view->row_program = ss_program_build(outputs.roots, outputs.count, compiler->arena);
    return view->row_program ? groups : NULL;
}

// ---- Levels and covers

static size_t level_of(const struct ss_view *view, const struct ss_aggregate *aggregate)
{
    const int64_t hop_us = aggregate->bound == SS_BOUND_WINDOW ? aggregate->hop_us : SS_HOP_ALL;
    size_t level = 0;
    while (view->levels[level].hop_us != hop_us) level++;
    return level;
}

static bool make_levels(struct ss_plan *plan, struct ss_view *view)
{
    struct ss_compiler *compiler = plan->compiler;
    const size_t count = plan->hop_count + 1;
    struct ss_level *levels = ss_compile_array(compiler, compiler->arena, count, sizeof(*levels));
    if (!levels) return false;
    qsort(plan->hops, plan->hop_count, sizeof(plan->hops[0]), compare_hops);
    for (size_t i = 0; i < count; i++) {
        levels[i].hop_us = i < plan->hop_count ? plan->hops[i] : SS_HOP_ALL;
        levels[i].parts =
            ss_compile_array(compiler, compiler->arena, view->group_count, sizeof(*levels[i].parts));
        if (!levels[i].parts) return false;
    }
    levels[count - 1].retention_us = SS_HOP_ALL;
    levels[count - 1].parts[0] = SS_PART_N | SS_PART_LAST;
    view->levels = levels;
    view->level_count = count;
    for (size_t i = 0; i < view->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &view->aggregates[i];
        if (aggregate->last_n) continue;
        struct ss_level *level = &levels[level_of(view, aggregate)];
        level->parts[aggregate->group] |= ss_group_parts_of(aggregate->fn);
        if (aggregate->bound == SS_BOUND_WINDOW && aggregate->window_us > level->retention_us)
            level->retention_us = aggregate->window_us;
    }
    return true;
}

// What `over last N` needs of the newest events.
static bool make_recent(struct ss_plan *plan, struct ss_view *view)
{
    struct ss_compiler *compiler = plan->compiler;
    bool *is_needed = ss_compile_array(compiler, compiler->scratch, view->group_count, sizeof(*is_needed));
    int *groups = ss_compile_array(compiler, compiler->arena, view->group_count, sizeof(*groups));
    if (!is_needed || !groups) return false;
    for (size_t i = 0; i < view->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &view->aggregates[i];
        const int64_t reach_us = aggregate->bound == SS_BOUND_WINDOW ? aggregate->window_us : SS_HOP_ALL;
        if (!aggregate->last_n) continue;
        is_needed[aggregate->group] = true;
        if (aggregate->last_n > view->recent_count) view->recent_count = aggregate->last_n;
        if (reach_us > view->recent_retention_us) view->recent_retention_us = reach_us;
    }
    for (size_t g = 0; g < view->group_count; g++)
        if (is_needed[g]) groups[view->recent_group_count++] = (int)g;
    view->recent_groups = groups;
    return true;
}

static void raise(int32_t *greatest, int64_t value)
{
    if (value > *greatest) *greatest = (int32_t)value;
}

// What its aggregates ask of a group at most.
static void widen_group(struct ss_group *group, const struct ss_aggregate *aggregate)
{
    const uint32_t parts = ss_group_parts_of(aggregate->fn);
    const int32_t k = aggregate->k + (aggregate->fn == SS_AGG_LAG);
    if (parts & SS_PART_FIRST_K) raise(&group->first_k, k);
    if (parts & SS_PART_LAST_K) raise(&group->last_k, k);
    if (parts & SS_PART_UNIQUE_K) raise(&group->unique_k, k);
    if (parts & SS_PART_COUNTS) raise(&group->cap, aggregate->cap);
}

static size_t find_cover(const struct ss_view *view, const struct ss_aggregate *aggregate, int *cover)
{
    const uint32_t needed = ss_group_parts_of(aggregate->fn);
    if (aggregate->last_n) return 0;
    size_t count = 0, level = level_of(view, aggregate);
    cover[count++] = (int)level;
    if (aggregate->bound != SS_BOUND_WINDOW) return count;
    int64_t hop_us = aggregate->hop_us;
    for (level++; level + 1 < view->level_count; level++) {
        const struct ss_level *coarser = &view->levels[level];
        if (coarser->hop_us % hop_us != 0 || coarser->retention_us < aggregate->window_us ||
            (coarser->parts[aggregate->group] & needed) != needed)
            continue;
        cover[count++] = (int)level;
        hop_us = coarser->hop_us;
    }
    return count;
}

static bool settle_aggregates(struct ss_plan *plan, struct ss_view *view, struct ss_group *groups,
                              const int *group_index)
{
    struct ss_compiler *compiler = plan->compiler;
    const size_t count = plan->aggregate_count;
    const struct ss_plan_aggregate **order =
        ss_compile_array(compiler, compiler->scratch, count, sizeof(*order));
    struct ss_aggregate *aggregates = ss_compile_array(compiler, compiler->arena, count, sizeof(*aggregates));
    plan->aggregate_index = ss_compile_array(compiler, compiler->scratch, count, sizeof(int));
    if (!order || !aggregates || !plan->aggregate_index) return false;
    for (size_t i = 0; i < count; i++) order[i] = &plan->aggregates[i];
    if (count) qsort(order, count, sizeof(struct ss_plan_aggregate *), compare_aggregates);
    for (size_t i = 0; i < count; i++) {
        plan->aggregate_index[order[i] - plan->aggregates] = (int)i;
        aggregates[i] = order[i]->aggregate;
        aggregates[i].group = group_index[aggregates[i].group];
    }
    view->aggregates = aggregates;
    view->aggregate_count = count;
    for (size_t i = 0; i < count; i++) widen_group(&groups[aggregates[i].group], &aggregates[i]);
    if (!make_levels(plan, view) || !make_recent(plan, view)) return false;
    for (size_t i = 0; i < count; i++) {
        int cover[SS_MAX_HOPS + 1];
        aggregates[i].cover_count = find_cover(view, &aggregates[i], cover);
        aggregates[i].cover = ss_arena_copy(compiler->arena, cover, aggregates[i].cover_count * sizeof(int));
        if (!aggregates[i].cover) return false;
    }
    return ss_view_plan_folds(view, compiler->arena);
}

bool ss_plan_settle(struct ss_plan *plan, struct ss_view *view)
{
    struct ss_compiler *compiler = plan->compiler;
    int *group_index = ss_compile_array(compiler, compiler->scratch, plan->group_count, sizeof(int));
    struct ss_group *groups = group_index ? settle_rows(plan, view, group_index) : NULL;
    const bool settled = groups && settle_aggregates(plan, view, groups, group_index);
    if (!settled) compiler->diagnostics.out_of_memory = true;
    return settled;
}
