// The plan in variants: as it is; with other windows; with half of the features; without its last view.

#include "story.h"

#include <string.h>

// Does the plan have all that the expression of the service reads?
static bool can_read(const struct plan *plan, const struct expression *expression)
{
    if (expression->op == OP_FEATURE && (expression->view >= plan->view_count ||
                                         expression->index >= plan->views[expression->view].feature_count))
        return false;
    for (int i = 0; i < expression->child_count; i++)
        if (!can_read(plan, expression->child[i])) return false;
    return true;
}

static void choose_features(struct plan *plan, const struct story *story)
{
    plan->feature_count = 0;
    for (int f = 0; f < story->plan.feature_count; f++)
        if (!story->dropped_feature[f] && can_read(plan, story->plan.features[f].expression))
            plan->features[plan->feature_count++] = story->plan.features[f];
    plan_find_service_keys(plan);
}

// ---- What no feature of the service reads goes, once some were dropped

struct pruning {
    struct pool *pool;
    bool used[MAX_VIEWS][MAX_FEATURES];
    int place[MAX_VIEWS][MAX_FEATURES]; // afterwards
};

static void note_used(struct pruning *pruning, const struct plan *plan, int view,
                      const struct expression *expression)
{
    if (expression->op == OP_FEATURE) {
        const int of = view < 0 ? expression->view : view;
        pruning->used[of][expression->index] = true;
        note_used(pruning, plan, of, plan->views[of].features[expression->index].expression);
    }
    for (int i = 0; i < expression->child_count; i++) note_used(pruning, plan, view, expression->child[i]);
}

static const struct expression *moved(const struct pruning *pruning, int view,
                                      const struct expression *expression)
{
    struct expression *copy = pool_take(pruning->pool, sizeof *copy);
    *copy = *expression;
    if (copy->op == OP_FEATURE) copy->index = pruning->place[view < 0 ? copy->view : view][copy->index];
    for (int i = 0; i < copy->child_count; i++) copy->child[i] = moved(pruning, view, expression->child[i]);
    return copy;
}

static void prune_view(struct pruning *pruning, struct view *view, int index)
{
    int kept = 0;
    for (int f = 0; f < view->feature_count; f++) {
        const bool is_last_hope = kept == 0 && f == view->feature_count - 1; // a view has a feature
        if (!pruning->used[index][f] && !is_last_hope) continue;
        pruning->place[index][f] = kept;
        view->features[kept] = view->features[f];
        view->features[kept++].expression = moved(pruning, index, view->features[f].expression);
    }
    view->feature_count = kept;
}

static void prune(struct plan *plan, struct pool *pool)
{
    struct pruning pruning = {.pool = pool};
    for (int f = 0; f < plan->feature_count; f++) note_used(&pruning, plan, -1, plan->features[f].expression);
    for (int v = 0; v < plan->view_count; v++) prune_view(&pruning, &plan->views[v], v);
    for (int f = 0; f < plan->feature_count; f++)
        plan->features[f].expression = moved(&pruning, -1, plan->features[f].expression);
}

// ---- Variants

static void widen_windows(struct plan *plan)
{
    for (int v = 0; v < plan->view_count; v++)
        for (int a = 0; a < plan->views[v].aggregate_count; a++) {
            struct aggregate *aggregate = &plan->views[v].aggregates[a];
            const bool decays =
                aggregate->function >= FN_DECAYED_SUM && aggregate->function <= FN_DECAYED_COUNT;
            if (aggregate->bound != BOUND_ALL && !decays && (v + a) % 3 != 2) aggregate->window *= 2;
        }
}

static void vary(struct plan *plan, int variant)
{
    if (variant == 1) widen_windows(plan);
    if (variant == 2)
        for (int v = 0; v < plan->view_count; v++)
            plan->views[v].feature_count = (plan->views[v].feature_count + 1) / 2;
    if (variant == 3 && plan->view_count > 1) plan->view_count--;
}

static const char *compile(struct variant *variant, struct pool *pool)
{
    const struct ss_file file = {"random.yaml", ss_bytes_of(variant->yaml)};
    struct ss_buffer report = {0};
    struct ss_error error;
    size_t count = 0;
    const char *problem = NULL;
    const enum ss_status status =
        ss_definitions_compile(&file, 1, NULL, &variant->definitions, &report, &count, &error);
    if (status == SS_FOUND)
        problem = pool_format(pool, "compile:\n%.*s\n%s", (int)report.size, (const char *)report.data,
                              variant->yaml);
    else if (status != SS_OK)
        problem = pool_format(pool, "compile: %s", error.message);
    ss_buffer_release(&report);
    return problem;
}

static void order_keys(struct variant *variant, const struct story *story, struct pool *pool)
{
    variant->query_keys = pool_take(pool, (size_t)story->query_count * sizeof *variant->query_keys);
    for (int q = 0; q < story->query_count; q++)
        for (int k = 0; k < variant->plan.service_key_count; k++)
            variant->query_keys[q][k] = story->queries[q].keys[variant->plan.service_keys[k]];
}

static bool any_dropped(const struct story *story)
{
    for (int f = 0; f < story->plan.feature_count; f++)
        if (story->dropped_feature[f]) return true;
    return false;
}

const char *story_make_variants(struct story *story, struct pool *pool)
{
    const char *problem = NULL;
    story_release(story);
    for (int i = 0; i < story->variant_count && !problem; i++) {
        struct variant *variant = &story->variants[i];
        variant->plan = story->plan;
        vary(&variant->plan, i);
        choose_features(&variant->plan, story);
        if (variant->plan.feature_count == 0) return "a variant has no features left";
        if (any_dropped(story)) prune(&variant->plan, pool);
        variant->yaml = plan_yaml(pool, &variant->plan);
        order_keys(variant, story, pool);
        problem = compile(variant, pool);
    }
    return problem;
}

void story_release(struct story *story)
{
    for (int i = 0; i < story->variant_count; i++) {
        ss_definitions_destroy(story->variants[i].definitions);
        story->variants[i].definitions = NULL;
    }
}
