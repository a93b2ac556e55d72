// The plan as YAML.

#include <inttypes.h>
#include <string.h>

#include "scenario.h"

const struct function_form function_forms[FUNCTIONS] = {
    [FN_COUNT] = {"count", 0, 0},
    [FN_SUM] = {"sum", 1, 0},
    [FN_MEAN] = {"mean", 1, 0},
    [FN_VAR] = {"var", 1, 0},
    [FN_STDDEV] = {"stddev", 1, 0},
    [FN_MIN] = {"min", 1, 0},
    [FN_MAX] = {"max", 1, 0},
    [FN_FIRST] = {"first", 1, 0},
    [FN_LAST] = {"last", 1, 0},
    [FN_DISTINCT] = {"count_distinct", 1, 0},
    [FN_ANY] = {"any", 1, 0},
    [FN_ALL] = {"all", 1, 0},
    [FN_SINCE_LAST] = {"since_last", 0, 0},
    [FN_SINCE_FIRST] = {"since_first", 0, 0},
    [FN_VAR_POP] = {"var_pop", 1, 0},
    [FN_STDDEV_POP] = {"stddev_pop", 1, 0},
    [FN_SKEW] = {"skew", 1, 0},
    [FN_KURTOSIS] = {"kurtosis", 1, 0},
    [FN_SLOPE] = {"slope", 1, 0},
    [FN_COVAR] = {"covar", 2, 0},
    [FN_COVAR_POP] = {"covar_pop", 2, 0},
    [FN_CORR] = {"corr", 2, 0},
    [FN_MIN_BY] = {"min_by", 2, 0},
    [FN_MAX_BY] = {"max_by", 2, 0},
    [FN_FIRST_K] = {"first_k", 1, TAKES_K},
    [FN_LAST_K] = {"last_k", 1, TAKES_K},
    [FN_UNIQUE_LAST_K] = {"unique_last_k", 1, TAKES_K},
    [FN_LAG] = {"lag", 1, TAKES_K},
    [FN_QUANTILE] = {"quantile", 1, TAKES_P},
    [FN_MEDIAN] = {"median", 1, 0},
    [FN_COUNT_BY] = {"count_by", 1, TAKES_CAP},
    [FN_MODE] = {"mode", 1, TAKES_CAP},
    [FN_TOP_K] = {"top_k", 1, TAKES_K | TAKES_CAP},
    [FN_ENTROPY] = {"entropy", 1, TAKES_CAP},
    [FN_DECAYED_SUM] = {"decayed_sum", 1, TAKES_HALF_LIFE},
    [FN_DECAYED_MEAN] = {"decayed_mean", 1, TAKES_HALF_LIFE},
    [FN_DECAYED_COUNT] = {"decayed_count", 0, TAKES_HALF_LIFE},
};

// Where names in an expression come from.
struct names {
    struct pool *pool;
    const struct plan *plan;
    const struct view *view; // NULL: in the service
};

static const char *duration_text(struct pool *pool, int64_t us)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1000}, {"us", 1}};
    const char *text = "";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (us / units[i].us)
            text = pool_format(pool, "%s%" PRId64 "%s", text, us / units[i].us, units[i].name);
        us %= units[i].us;
    }
    return text;
}

static const char *quoted(struct pool *pool, const char *text)
{
    char *to = pool_take(pool, 2 * strlen(text) + 3), *at = to;
    *at++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') *at++ = '\'';
        *at++ = *text;
    }
    *at = '\'';
    return to;
}

static const char *literal_text(struct pool *pool, struct kind kind, struct cell cell)
{
    switch (kind.id) {
    case KIND_FLOAT64: return pool_format(pool, "%.17e", cell.f);
    case KIND_STRING: return quoted(pool, cell.text);
    case KIND_TIMESTAMP: return pool_format(pool, "timestamp '%s'", cell_text(pool, kind, cell));
    default: return cell_text(pool, kind, cell);
    }
}

static const char *expression_text(const struct names *names, const struct expression *expression);

// What stands between the parentheses.
static const char *arguments_text(const struct names *names, const struct aggregate *aggregate)
{
    const unsigned takes = function_forms[aggregate->function].takes;
    struct pool *pool = names->pool;
    const char *text = "", *comma = "";
    if (aggregate->argument) {
        text = expression_text(names, aggregate->argument);
        comma = ", ";
    }
    if (aggregate->second)
        text = pool_format(pool, "%s, %s", text, expression_text(names, aggregate->second));
    if (takes & TAKES_K) text = pool_format(pool, "%s%s%" PRId64, text, comma, aggregate->k);
    if (takes & TAKES_P) {
        const struct kind decimal = {KIND_DECIMAL, aggregate->p_scale};
        const struct cell p = {.present = true, .i = aggregate->p};
        text = pool_format(pool, "%s%s%s", text, comma, cell_text(pool, decimal, p));
    }
    if (takes & TAKES_CAP && aggregate->cap)
        text = pool_format(pool, "%s%s%" PRId64, text, comma, aggregate->cap);
    if (takes & TAKES_HALF_LIFE)
        text = pool_format(pool, "%s%s%s", text, comma, duration_text(pool, aggregate->half_life));
    if (aggregate->where)
        text = pool_format(pool, "%s where %s", text, expression_text(names, aggregate->where));
    return text;
}

static const char *aggregate_text(const struct names *names, const struct aggregate *aggregate)
{
    struct pool *pool = names->pool;
    const char *text = pool_format(pool, "%s(%s)", function_forms[aggregate->function].name,
                                   arguments_text(names, aggregate));
    const char *length = duration_text(pool, aggregate->window);
    if (aggregate->bound == BOUND_WITHIN) return pool_format(pool, "%s within %s", text, length);
    if (aggregate->bound == BOUND_ALL)
        return aggregate->last ? pool_format(pool, "%s over last %d", text, aggregate->last)
                               : pool_format(pool, "%s over all", text);
    text = pool_format(pool, "%s over %s", text, length);
    if (aggregate->last) text = pool_format(pool, "%s last %d", text, aggregate->last);
    if (aggregate->hop == 1) return pool_format(pool, "%s hop exact", text);
    return aggregate->hop ? pool_format(pool, "%s hop %s", text, duration_text(pool, aggregate->hop)) : text;
}

static const char *leaf_text(const struct names *names, const struct expression *leaf)
{
    struct pool *pool = names->pool;
    const struct plan *plan = names->plan;
    switch (leaf->op) {
    case OP_LITERAL: return literal_text(pool, leaf->kind, leaf->literal);
    case OP_COLUMN: return names->view->source->columns[leaf->index].name;
    case OP_EVENT_TIME: return "event_time";
    case OP_AGGREGATE: return aggregate_text(names, &names->view->aggregates[leaf->index]);
    case OP_FEATURE:
        if (names->view) return names->view->features[leaf->index].name;
        return pool_format(pool, "%s.%s", plan->views[leaf->view].name,
                           plan->views[leaf->view].features[leaf->index].name);
    case OP_REQUEST: return pool_format(pool, "request.%s", plan->request[leaf->index].name);
    case OP_KEY:
        return plan->key_names[names->view ? names->view->entity->keys[leaf->index]
                                           : plan->service_keys[leaf->index]];
    default: return "t";
    }
}

static const char *list_text(const struct names *names, const struct expression *expression, int first)
{
    const char *text = "";
    for (int i = first; i < expression->child_count; i++)
        text = pool_format(names->pool, "%s%s%s", text, i > first ? ", " : "",
                           expression_text(names, expression->child[i]));
    return text;
}

static const char *expression_text(const struct names *names, const struct expression *expression)
{
    static const char *const infix[] = {
        [OP_ADD] = "+",     [OP_SUBTRACT] = "-",  [OP_MULTIPLY] = "*", [OP_DIVIDE] = "/", [OP_DIV] = "div",
        [OP_MOD] = "mod",   [OP_EQUAL] = "=",     [OP_DIFFER] = "<>",  [OP_LESS] = "<",   [OP_AT_MOST] = "<=",
        [OP_GREATER] = ">", [OP_AT_LEAST] = ">=", [OP_AND] = "and",    [OP_OR] = "or",    [OP_ABS] = NULL};
    static const char *const calls[] = {
        [OP_COALESCE] = "coalesce", [OP_NULLIF] = "nullif", [OP_LENGTH] = "length",
        [OP_LOWER] = "lower",       [OP_UPPER] = "upper",   [OP_ABS] = "abs"};
    struct pool *pool = names->pool;
    if (expression->op < OP_ADD) return leaf_text(names, expression);
    if (infix[expression->op])
        return pool_format(pool, "(%s %s %s)", expression_text(names, expression->child[0]),
                           infix[expression->op], expression_text(names, expression->child[1]));
    const char *first = expression_text(names, expression->child[0]);
    switch (expression->op) {
    case OP_NEGATE: return pool_format(pool, "(- %s)", first);
    case OP_NOT: return pool_format(pool, "(not %s)", first);
    case OP_IS_NULL: return pool_format(pool, "(%s is null)", first);
    case OP_IS_NOT_NULL: return pool_format(pool, "(%s is not null)", first);
    case OP_IN: return pool_format(pool, "(%s in (%s))", first, list_text(names, expression, 1));
    case OP_BETWEEN:
        return pool_format(pool, "(%s between %s and %s)", first,
                           expression_text(names, expression->child[1]),
                           expression_text(names, expression->child[2]));
    case OP_CASE:
        return pool_format(pool, "case when %s then %s else %s end", first,
                           expression_text(names, expression->child[1]),
                           expression_text(names, expression->child[2]));
    default: return pool_format(pool, "%s(%s)", calls[expression->op], list_text(names, expression, 0));
    }
}

static const char *yaml_string(struct pool *pool, const char *text)
{
    return quoted(pool, text);
}

static const char *source_yaml(struct pool *pool, const struct source *source)
{
    const char *text = pool_format(pool, "  %s:\n    columns:\n", source->name);
    for (int i = 0; i < source->column_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, source->columns[i].name,
                           kind_text(pool, source->columns[i].kind));
    text = pool_format(pool, "%s    event_time: %s\n", text, source->columns[source->time_column].name);
    if (source->id_column >= 0)
        text = pool_format(pool, "%s    event_id: %s\n", text, source->columns[source->id_column].name);
    if (source->operation_column >= 0)
        text = pool_format(pool, "%s    op: %s\n", text, source->columns[source->operation_column].name);
    if (source->arrival == ARRIVAL_COLUMN)
        text = pool_format(pool, "%s    arrival: %s\n", text, source->columns[source->arrival_column].name);
    if (source->arrival == ARRIVAL_OFFSET)
        text =
            pool_format(pool, "%s    arrival: event_time + %s\n", text, duration_text(pool, source->offset));
    return text;
}

static const char *view_yaml(struct pool *pool, const struct plan *plan, const struct view *view)
{
    const struct names names = {pool, plan, view};
    const char *text = pool_format(pool, "  %s:\n    entity: %s\n    source: %s\n", view->name,
                                   view->entity->name, view->source->name);
    if (view->where)
        text = pool_format(pool, "%s    where: %s\n", text,
                           yaml_string(pool, expression_text(&names, view->where)));
    text = pool_format(pool, "%s    features:\n", text);
    for (int i = 0; i < view->feature_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, view->features[i].name,
                           yaml_string(pool, expression_text(&names, view->features[i].expression)));
    return text;
}

static const char *service_yaml(struct pool *pool, const struct plan *plan)
{
    const struct names names = {pool, plan, NULL};
    const char *text = "  everything:\n";
    if (plan->request_count) text = pool_format(pool, "%s    request:\n", text);
    for (int i = 0; i < plan->request_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, plan->request[i].name,
                           kind_text(pool, plan->request[i].kind));
    text = pool_format(pool, "%s    features:\n", text);
    for (int i = 0; i < plan->feature_count; i++) {
        const struct expression *expression = plan->features[i].expression;
        if (expression->op == OP_FEATURE)
            text = pool_format(pool, "%s      - %s\n", text, leaf_text(&names, expression));
        else
            text = pool_format(pool, "%s      - %s: %s\n", text, plan->features[i].name,
                               yaml_string(pool, expression_text(&names, expression)));
    }
    return text;
}

char *plan_yaml(struct pool *pool, const struct plan *plan)
{
    char *text = pool_format(pool, "entities:\n");
    for (int i = 0; i < plan->entity_count; i++) {
        const struct entity *entity = &plan->entities[i];
        text = pool_format(pool, "%s  %s: {", text, entity->name);
        for (int k = 0; k < entity->key_count; k++)
            text = pool_format(pool, "%s%s%s: %s", text, k ? ", " : "", plan->key_names[entity->keys[k]],
                               kind_text(pool, plan->key_kinds[entity->keys[k]]));
        text = pool_format(pool, "%s}\n", text);
    }
    text = pool_format(pool, "%ssources:\n", text);
    for (int i = 0; i < plan->source_count; i++)
        text = pool_format(pool, "%s%s", text, source_yaml(pool, &plan->sources[i]));
    text = pool_format(pool, "%sviews:\n", text);
    for (int i = 0; i < plan->view_count; i++)
        text = pool_format(pool, "%s%s", text, view_yaml(pool, plan, &plan->views[i]));
    return pool_format(pool, "%sservices:\n%s", text, service_yaml(pool, plan));
}
