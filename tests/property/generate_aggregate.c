// Random aggregates: what they are of, which events they count.

#include "generate.h"

// ---- Arguments

static const struct expression *number_argument(struct maker *maker)
{
    static const enum kind_id ids[] = {KIND_INT64, KIND_DECIMAL, KIND_FLOAT64};
    const struct expression *a = column_of(maker, (struct kind){ids[below(maker, 3)], 2});
    const struct expression *b = column_of(maker, (struct kind){ids[below(maker, 3)], 2});
    switch (below(maker, 9)) {
    case 0: return make_arithmetic(maker, a, b);
    case 1: return make_arithmetic(maker, a, make_literal(maker, a->kind));
    case 2: return make_unary(maker, chance(maker, 50) ? OP_NEGATE : OP_ABS, a->kind, a);
    case 3: return make_binary(maker, OP_COALESCE, a->kind, a, make_literal(maker, a->kind));
    case 4:
        return make_binary(maker, chance(maker, 50) ? OP_DIV : OP_MOD, int64_kind,
                           column_of(maker, int64_kind),
                           make_whole(maker, random_between(maker->random, 0, 9)));
    case 5: return make_unary(maker, OP_LENGTH, int64_kind, column_of(maker, string_kind));
    default: return a;
    }
}

static const struct expression *ordered_argument(struct maker *maker)
{
    switch (below(maker, 7)) {
    case 0: return column_of(maker, string_kind);
    case 6: return column_of(maker, has_column(maker, KIND_BYTES) ? bytes_kind : string_kind);
    case 1:
        return make_unary(maker, chance(maker, 50) ? OP_LOWER : OP_UPPER, string_kind,
                          column_of(maker, string_kind));
    case 2: return column_of(maker, timestamp_kind);
    case 3: return make_leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
    default: return number_argument(maker);
    }
}

// Of a kind that has an exact set or map of values.
static const struct expression *tally_argument(struct maker *maker, bool float_too)
{
    static const enum kind_id ids[] = {KIND_INT64, KIND_STRING,    KIND_DECIMAL, KIND_BOOL,
                                       KIND_BYTES, KIND_TIMESTAMP, KIND_FLOAT64};
    // All different: in a long script more than are kept exactly, or than a cap.
    if (chance(maker, 25)) return make_leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
    const enum kind_id id = ids[below(maker, float_too ? 7 : 6)];
    return column_of(maker, (struct kind){has_column(maker, id) ? id : KIND_STRING, 2});
}

static const struct expression *single_argument(struct maker *maker)
{
    const struct expression *column = any_column(maker);
    return column->kind.id == KIND_LIST || column->kind.id == KIND_VECTOR ? number_argument(maker) : column;
}

static const struct expression *bool_argument(struct maker *maker)
{
    return chance(maker, 60) ? column_of(maker, bool_kind) : make_condition(maker);
}

static const struct expression *argument_of(struct maker *maker, enum function function)
{
    switch (function) {
    case FN_COUNT: return chance(maker, 30) ? any_column(maker) : NULL;
    case FN_SINCE_LAST:
    case FN_SINCE_FIRST:
    case FN_DECAYED_COUNT: return NULL;
    case FN_ANY:
    case FN_ALL: return bool_argument(maker);
    case FN_MIN:
    case FN_MAX: return ordered_argument(maker);
    case FN_FIRST:
    case FN_LAST:
    case FN_LAG:
    case FN_MIN_BY:
    case FN_MAX_BY: return chance(maker, 50) ? any_column(maker) : ordered_argument(maker);
    case FN_FIRST_K:
    case FN_LAST_K:
    case FN_UNIQUE_LAST_K: return single_argument(maker);
    case FN_COUNT_BY: return tally_argument(maker, false);
    case FN_DISTINCT:
    case FN_MODE:
    case FN_TOP_K:
    case FN_ENTROPY: return tally_argument(maker, true);
    default: return number_argument(maker);
    }
}

struct kind aggregate_kind(const struct aggregate *aggregate)
{
    switch (aggregate->function) {
    case FN_COUNT:
    case FN_DISTINCT:
    case FN_SINCE_LAST:
    case FN_SINCE_FIRST: return int64_kind;
    case FN_ANY:
    case FN_ALL: return bool_kind;
    case FN_COUNT_BY: return string_kind;
    case FN_FIRST_K:
    case FN_LAST_K:
    case FN_UNIQUE_LAST_K:
    case FN_TOP_K: return list_of(aggregate->argument->kind);
    case FN_SUM:
    case FN_MIN:
    case FN_MAX:
    case FN_FIRST:
    case FN_LAST:
    case FN_LAG:
    case FN_MODE:
    case FN_MIN_BY:
    case FN_MAX_BY: return aggregate->argument->kind;
    default: return float64_kind;
    }
}

void choose_parameters(struct maker *maker, struct aggregate *aggregate)
{
    static const int64_t counts[] = {1, 2, 3, 5, 10, 1000};
    const unsigned takes = function_forms[aggregate->function].takes;
    if (takes & TAKES_K) aggregate->k = counts[below(maker, 6)] - (aggregate->function == FN_LAG);
    if (takes & TAKES_CAP && chance(maker, 40)) aggregate->cap = counts[1 + below(maker, 4)];
    if (takes & TAKES_P) {
        aggregate->p_scale = (unsigned)below(maker, 4);
        aggregate->p = aggregate->p_scale == 0 ? (int64_t)below(maker, 2)
                                               : (int64_t)below(maker, aggregate->p_scale == 1 ? 11 : 100);
    }
}

static void choose_arguments(struct maker *maker, struct aggregate *aggregate)
{
    const enum function function = aggregate->function;
    aggregate->argument = argument_of(maker, function);
    if (function_forms[function].arguments == 2)
        aggregate->second =
            function == FN_MIN_BY || function == FN_MAX_BY ? ordered_argument(maker) : number_argument(maker);
    choose_parameters(maker, aggregate);
    aggregate->kind = aggregate_kind(aggregate);
}

// ---- Bounds

int64_t any_window(struct maker *maker)
{
    static const int64_t windows[] = {DAY,         7 * DAY,     30 * DAY,    HOUR,     6 * HOUR,
                                      12 * HOUR,   90 * MINUTE, 10 * MINUTE, MINUTE,   SECOND,
                                      37 * SECOND, 250 * 1000,  36 * HOUR,   12 * DAY, 13,
                                      2 * HOUR,    3 * DAY,     365 * DAY,   1001};
    return windows[below(maker, sizeof windows / sizeof *windows)];
}

static int64_t any_hop(struct maker *maker, int64_t window)
{
    static const int64_t parts[] = {1, 2, 3, 4, 6, 12, 24, 30};
    if (chance(maker, 55)) return 0;
    if (chance(maker, 30)) return 1;
    const int64_t part = parts[below(maker, sizeof parts / sizeof *parts)];
    return window % part == 0 ? window / part : window;
}

int64_t any_half_life(struct maker *maker, int64_t window)
{
    static const int64_t parts[] = {1, 2, 7, 30, 64};
    const int64_t part = parts[below(maker, 5)], half_life = (window + part - 1) / part;
    return chance(maker, 20) ? half_life * 100 : half_life;
}

static void choose_bound(struct maker *maker, struct aggregate *aggregate)
{
    static const int lasts[] = {1, 2, 3, 7, 50};
    const bool is_decayed = aggregate->function >= FN_DECAYED_SUM;
    aggregate->bound = chance(maker, 75) || is_decayed ? BOUND_WINDOW : BOUND_ALL;
    if (aggregate->function == FN_LAST && chance(maker, 50)) aggregate->bound = BOUND_WITHIN;
    if (aggregate->bound != BOUND_ALL) aggregate->window = any_window(maker);
    if (aggregate->bound == BOUND_WINDOW) aggregate->hop = any_hop(maker, aggregate->window);
    if (is_decayed) aggregate->half_life = any_half_life(maker, aggregate->window);
    if (aggregate->bound != BOUND_WITHIN && chance(maker, 20)) aggregate->last = lasts[below(maker, 5)];
}

// ---- Aggregates

// When the view is full, its last aggregate does once more.
const struct expression *add_aggregate(struct maker *maker, const struct aggregate *aggregate)
{
    struct view *view = maker->view;
    if (view->aggregate_count < MAX_AGGREGATES) view->aggregates[view->aggregate_count++] = *aggregate;
    const int index = view->aggregate_count - 1;
    return make_leaf(maker, OP_AGGREGATE, view->aggregates[index].kind, index);
}

static const struct expression *aggregate_of(struct maker *maker, enum function function)
{
    struct aggregate aggregate = {.function = function};
    choose_arguments(maker, &aggregate);
    if (chance(maker, 30)) aggregate.where = make_condition(maker);
    choose_bound(maker, &aggregate);
    return add_aggregate(maker, &aggregate);
}

const struct expression *any_aggregate(struct maker *maker)
{
    return aggregate_of(maker, (enum function)below(maker, FUNCTIONS));
}

const struct expression *number_aggregate(struct maker *maker)
{
    static const enum function functions[] = {
        FN_COUNT,        FN_SUM,           FN_SUM,        FN_MEAN,       FN_VAR,         FN_STDDEV,
        FN_DISTINCT,     FN_VAR_POP,       FN_STDDEV_POP, FN_SKEW,       FN_KURTOSIS,    FN_COVAR,
        FN_COVAR_POP,    FN_CORR,          FN_SLOPE,      FN_SINCE_LAST, FN_SINCE_FIRST, FN_DECAYED_SUM,
        FN_DECAYED_MEAN, FN_DECAYED_COUNT, FN_QUANTILE,   FN_MEDIAN,     FN_ENTROPY};
    return aggregate_of(maker, functions[below(maker, sizeof functions / sizeof *functions)]);
}
