// The table of all aggregates. See aggregates.h.
#include "engine/aggregates.h"

#include <string.h>

#define N       SS_PART_N
#define SUM     (SS_PART_N | SS_PART_S1)
#define SQUARES (SS_PART_N | SS_PART_S1 | SS_PART_S2)

static const struct ss_aggregate_rule rules[SS_AGG_TOTAL] = {
    [SS_AGG_COUNT] = {.name = "count",
                      .form = "count(x)",
                      .operands = {SS_OPERAND_ANY},
                      .operand_optional = true,
                      .result = SS_GIVES_INT64,
                      .parts = N},
    [SS_AGG_SUM] = {.name = "sum",
                    .form = "sum(x)",
                    .operands = {SS_OPERAND_NUMBER},
                    .result = SS_GIVES_SAME,
                    .parts = SUM},
    [SS_AGG_MEAN] = {.name = "mean",
                     .form = "mean(x)",
                     .operands = {SS_OPERAND_NUMBER},
                     .result = SS_GIVES_FLOAT64,
                     .parts = SUM},
    [SS_AGG_VAR] = {.name = "var",
                    .form = "var(x)",
                    .operands = {SS_OPERAND_NUMBER},
                    .result = SS_GIVES_FLOAT64,
                    .parts = SQUARES},
    [SS_AGG_STDDEV] = {.name = "stddev",
                       .form = "stddev(x)",
                       .operands = {SS_OPERAND_NUMBER},
                       .result = SS_GIVES_FLOAT64,
                       .parts = SQUARES},
    [SS_AGG_MIN] = {.name = "min",
                    .form = "min(x)",
                    .operands = {SS_OPERAND_ORDERED},
                    .result = SS_GIVES_SAME,
                    .parts = SS_PART_MIN},
    [SS_AGG_MAX] = {.name = "max",
                    .form = "max(x)",
                    .operands = {SS_OPERAND_ORDERED},
                    .result = SS_GIVES_SAME,
                    .parts = SS_PART_MAX},
    [SS_AGG_FIRST] = {.name = "first",
                      .form = "first(x)",
                      .operands = {SS_OPERAND_ANY},
                      .result = SS_GIVES_SAME,
                      .bound = SS_BOUND_OPTIONAL,
                      .parts = SS_PART_FIRST},
    [SS_AGG_LAST] = {.name = "last",
                     .form = "last(x)",
                     .operands = {SS_OPERAND_ANY},
                     .result = SS_GIVES_SAME,
                     .bound = SS_BOUND_OPTIONAL,
                     .parts = SS_PART_LAST},
    [SS_AGG_COUNT_DISTINCT] = {.name = "count_distinct",
                               .form = "count_distinct(x)",
                               .operands = {SS_OPERAND_ANY},
                               .result = SS_GIVES_INT64,
                               .parts = SS_PART_DISTINCT},
    [SS_AGG_VAR_POP] = {.name = "var_pop",
                        .form = "var_pop(x)",
                        .operands = {SS_OPERAND_NUMBER},
                        .result = SS_GIVES_FLOAT64,
                        .parts = SQUARES},
    [SS_AGG_STDDEV_POP] = {.name = "stddev_pop",
                           .form = "stddev_pop(x)",
                           .operands = {SS_OPERAND_NUMBER},
                           .result = SS_GIVES_FLOAT64,
                           .parts = SQUARES},
    [SS_AGG_SKEW] = {.name = "skew",
                     .form = "skew(x)",
                     .operands = {SS_OPERAND_NUMBER},
                     .result = SS_GIVES_FLOAT64,
                     .parts = SQUARES | SS_PART_HIGHER},
    [SS_AGG_KURTOSIS] = {.name = "kurtosis",
                         .form = "kurtosis(x)",
                         .operands = {SS_OPERAND_NUMBER},
                         .result = SS_GIVES_FLOAT64,
                         .parts = SQUARES | SS_PART_HIGHER},
    [SS_AGG_COVAR] = {.name = "covar",
                      .form = "covar(x, y)",
                      .operands = {SS_OPERAND_NUMBER, SS_OPERAND_NUMBER},
                      .result = SS_GIVES_FLOAT64,
                      .parts = SUM | SS_PART_PAIR},
    [SS_AGG_COVAR_POP] = {.name = "covar_pop",
                          .form = "covar_pop(x, y)",
                          .operands = {SS_OPERAND_NUMBER, SS_OPERAND_NUMBER},
                          .result = SS_GIVES_FLOAT64,
                          .parts = SUM | SS_PART_PAIR},
    [SS_AGG_CORR] = {.name = "corr",
                     .form = "corr(x, y)",
                     .operands = {SS_OPERAND_NUMBER, SS_OPERAND_NUMBER},
                     .result = SS_GIVES_FLOAT64,
                     .parts = SQUARES | SS_PART_PAIR},
    [SS_AGG_SLOPE] = {.name = "slope",
                      .form = "slope(x)",
                      .operands = {SS_OPERAND_NUMBER},
                      .result = SS_GIVES_FLOAT64,
                      .parts = SUM | SS_PART_PAIR},
    [SS_AGG_MIN_BY] = {.name = "min_by",
                       .form = "min_by(x, y)",
                       .operands = {SS_OPERAND_ANY, SS_OPERAND_ORDERED},
                       .result = SS_GIVES_SAME,
                       .parts = SS_PART_LEAST_BY},
    [SS_AGG_MAX_BY] = {.name = "max_by",
                       .form = "max_by(x, y)",
                       .operands = {SS_OPERAND_ANY, SS_OPERAND_ORDERED},
                       .result = SS_GIVES_SAME,
                       .parts = SS_PART_GREATEST_BY},
    [SS_AGG_FIRST_K] = {.name = "first_k",
                        .form = "first_k(x, k)",
                        .operands = {SS_OPERAND_SCALAR},
                        .parameters = {SS_PARAMETER_K},
                        .result = SS_GIVES_LIST,
                        .parts = SS_PART_FIRST_K},
    [SS_AGG_LAST_K] = {.name = "last_k",
                       .form = "last_k(x, k)",
                       .operands = {SS_OPERAND_SCALAR},
                       .parameters = {SS_PARAMETER_K},
                       .result = SS_GIVES_LIST,
                       .parts = SS_PART_LAST_K},
    [SS_AGG_UNIQUE_LAST_K] = {.name = "unique_last_k",
                              .form = "unique_last_k(x, k)",
                              .operands = {SS_OPERAND_SCALAR},
                              .parameters = {SS_PARAMETER_K},
                              .result = SS_GIVES_LIST,
                              .parts = SS_PART_UNIQUE_K},
    [SS_AGG_LAG] = {.name = "lag",
                    .form = "lag(x, k)",
                    .operands = {SS_OPERAND_ANY},
                    .parameters = {SS_PARAMETER_STEPS},
                    .result = SS_GIVES_SAME,
                    .bound = SS_BOUND_OPTIONAL,
                    .parts = SS_PART_LAST_K},
    [SS_AGG_SINCE_LAST] = {.name = "since_last",
                           .form = "since_last()",
                           .result = SS_GIVES_INT64,
                           .bound = SS_BOUND_OPTIONAL,
                           .parts = SS_PART_LAST},
    [SS_AGG_SINCE_FIRST] = {.name = "since_first",
                            .form = "since_first()",
                            .result = SS_GIVES_INT64,
                            .bound = SS_BOUND_OPTIONAL,
                            .parts = SS_PART_FIRST},
    [SS_AGG_QUANTILE] = {.name = "quantile",
                         .form = "quantile(x, p)",
                         .operands = {SS_OPERAND_NUMBER},
                         .parameters = {SS_PARAMETER_PROBABILITY},
                         .result = SS_GIVES_FLOAT64,
                         .parts = SS_PART_QUANTILE},
    [SS_AGG_MEDIAN] = {.name = "median",
                       .form = "median(x)",
                       .operands = {SS_OPERAND_NUMBER},
                       .result = SS_GIVES_FLOAT64,
                       .parts = SS_PART_QUANTILE},
    [SS_AGG_COUNT_BY] = {.name = "count_by",
                         .form = "count_by(x, cap)",
                         .operands = {SS_OPERAND_COUNTABLE},
                         .parameters = {SS_PARAMETER_CAP},
                         .result = SS_GIVES_STRING,
                         .parts = SS_PART_COUNTS},
    [SS_AGG_MODE] = {.name = "mode",
                     .form = "mode(x, cap)",
                     .operands = {SS_OPERAND_SCALAR},
                     .parameters = {SS_PARAMETER_CAP},
                     .result = SS_GIVES_SAME,
                     .parts = SS_PART_COUNTS},
    [SS_AGG_TOP_K] = {.name = "top_k",
                      .form = "top_k(x, k, cap)",
                      .operands = {SS_OPERAND_SCALAR},
                      .parameters = {SS_PARAMETER_K, SS_PARAMETER_CAP},
                      .result = SS_GIVES_LIST,
                      .parts = SS_PART_COUNTS},
    [SS_AGG_ENTROPY] = {.name = "entropy",
                        .form = "entropy(x, cap)",
                        .operands = {SS_OPERAND_SCALAR},
                        .parameters = {SS_PARAMETER_CAP},
                        .result = SS_GIVES_FLOAT64,
                        .parts = SS_PART_COUNTS},
    [SS_AGG_ANY] = {.name = "any",
                    .form = "any(x)",
                    .operands = {SS_OPERAND_BOOL},
                    .result = SS_GIVES_BOOL,
                    .parts = SUM},
    [SS_AGG_ALL] = {.name = "all",
                    .form = "all(x)",
                    .operands = {SS_OPERAND_BOOL},
                    .result = SS_GIVES_BOOL,
                    .parts = SUM},
    [SS_AGG_DECAYED_SUM] = {.name = "decayed_sum",
                            .form = "decayed_sum(x, half_life)",
                            .operands = {SS_OPERAND_NUMBER},
                            .parameters = {SS_PARAMETER_HALF_LIFE},
                            .result = SS_GIVES_FLOAT64,
                            .bound = SS_BOUND_DECAYING,
                            .parts = SS_PART_DECAY},
    [SS_AGG_DECAYED_COUNT] = {.name = "decayed_count",
                              .form = "decayed_count(half_life)",
                              .parameters = {SS_PARAMETER_HALF_LIFE},
                              .result = SS_GIVES_FLOAT64,
                              .bound = SS_BOUND_DECAYING,
                              .parts = SS_PART_DECAY},
    [SS_AGG_DECAYED_MEAN] = {.name = "decayed_mean",
                             .form = "decayed_mean(x, half_life)",
                             .operands = {SS_OPERAND_NUMBER},
                             .parameters = {SS_PARAMETER_HALF_LIFE},
                             .result = SS_GIVES_FLOAT64,
                             .bound = SS_BOUND_DECAYING,
                             .parts = SS_PART_DECAY},
};

const struct ss_aggregate_rule *ss_aggregate_rule(enum ss_aggregate_fn fn)
{
    return &rules[fn];
}

const char *ss_aggregate_name(enum ss_aggregate_fn fn)
{
    return rules[fn].name;
}

size_t ss_aggregate_operand_count(enum ss_aggregate_fn fn)
{
    size_t count = 0;
    while (count < SS_OPERANDS_MAX && rules[fn].operands[count] != SS_OPERAND_NONE) count++;
    return count;
}

void ss_aggregate_arity(enum ss_aggregate_fn fn, size_t *least, size_t *most)
{
    const struct ss_aggregate_rule *rule = &rules[fn];
    *most = ss_aggregate_operand_count(fn);
    *least = rule->operand_optional ? 0 : *most;
    for (size_t i = 0; i < SS_PARAMETERS_MAX && rule->parameters[i] != SS_PARAMETER_NONE; i++) {
        ++*most;
        *least += rule->parameters[i] != SS_PARAMETER_CAP;
    }
}

bool ss_aggregate_find(const char *name, enum ss_aggregate_fn *fn)
{
    for (int i = 0; i < SS_AGG_TOTAL; i++) {
        if (strcmp(rules[i].name, name) != 0) continue;
        *fn = (enum ss_aggregate_fn)i;
        return true;
    }
    return false;
}

void ss_aggregate_names(const char *names[SS_AGG_TOTAL])
{
    for (int i = 0; i < SS_AGG_TOTAL; i++) names[i] = rules[i].name;
}

// What others call them.
static const char *const known_elsewhere[][2] = {
    {"avg", "mean"},
    {"average", "mean"},
    {"std", "stddev"},
    {"stdev", "stddev"},
    {"variance", "var"},
    {"approx_count_distinct", "count_distinct"},
    {"nunique", "count_distinct"},
    {"percentile", "quantile"},
    {"p50", "median"},
    {"p95", "quantile"},
    {"p99", "quantile"},
    {"argmin", "min_by"},
    {"argmax", "max_by"},
    {"arg_min", "min_by"},
    {"arg_max", "max_by"},
    {"bool_and", "all"},
    {"bool_or", "any"},
    {"latest", "last"},
    {"array_agg", "last_k"},
    {"histogram", "count_by"},
};

const char *ss_nearest_aggregate(struct ss_bytes name)
{
    for (size_t i = 0; i < sizeof known_elsewhere / sizeof *known_elsewhere; i++)
        if (ss_bytes_equal(name, ss_bytes_of(known_elsewhere[i][0]))) return known_elsewhere[i][1];
    const char *names[SS_AGG_TOTAL];
    ss_aggregate_names(names);
    return ss_nearest_name(name, names, SS_AGG_TOTAL);
}

bool ss_operand_fits(enum ss_operand operand, struct ss_type type)
{
    const bool scalar = type.id != SS_LIST && type.id != SS_VECTOR;
    switch (operand) {
    case SS_OPERAND_NONE: return false;
    case SS_OPERAND_ANY: return true;
    case SS_OPERAND_NUMBER: return ss_type_is_numeric(type);
    case SS_OPERAND_ORDERED: return ss_type_is_ordered(type);
    case SS_OPERAND_BOOL: return type.id == SS_BOOL;
    case SS_OPERAND_SCALAR: return scalar;
    case SS_OPERAND_COUNTABLE: return scalar && type.id != SS_FLOAT64;
    }
    return false;
}

const char *ss_operand_describe(enum ss_operand operand)
{
    switch (operand) {
    case SS_OPERAND_NUMBER: return "a number";
    case SS_OPERAND_ORDERED: return "a type with an order";
    case SS_OPERAND_BOOL: return "bool";
    case SS_OPERAND_SCALAR: return "a single value";
    case SS_OPERAND_COUNTABLE: return "a single value that is no float64";
    case SS_OPERAND_NONE:
    case SS_OPERAND_ANY: break;
    }
    return "any type";
}

struct ss_type ss_aggregate_type(enum ss_aggregate_fn fn, struct ss_type operand)
{
    switch (rules[fn].result) {
    case SS_GIVES_INT64: return (struct ss_type){SS_INT64};
    case SS_GIVES_FLOAT64: return (struct ss_type){SS_FLOAT64};
    case SS_GIVES_BOOL: return (struct ss_type){SS_BOOL};
    case SS_GIVES_STRING: return (struct ss_type){SS_STRING};
    case SS_GIVES_LIST: return ss_list_of(operand);
    case SS_GIVES_SAME: break;
    }
    return operand;
}
