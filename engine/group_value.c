// From the state of a group to the value of an aggregate over its events.

#include "engine/group.h"

#include "engine/base/number.h"
#include "engine/finalise.h"

#define DECIMAL_END INT64_C(1000000000000000000)

uint8_t ss_group_parts_of(enum ss_aggregate_fn fn)
{
    switch (fn) {
    case SS_AGG_COUNT: return SS_PART_N;
    case SS_AGG_SUM:
    case SS_AGG_MEAN: return SS_PART_N | SS_PART_S1;
    case SS_AGG_VAR:
    case SS_AGG_STDDEV: return SS_PART_N | SS_PART_S1 | SS_PART_S2;
    case SS_AGG_MIN: return SS_PART_MIN;
    case SS_AGG_MAX: return SS_PART_MAX;
    case SS_AGG_FIRST: return SS_PART_FIRST;
    case SS_AGG_LAST: return SS_PART_LAST;
    case SS_AGG_COUNT_DISTINCT: return SS_PART_DISTINCT;
    }
    return 0;
}

static struct ss_value float64_value(bool present, double value)
{
    return present ? (struct ss_value){.present = true, .f64 = value} : (struct ss_value){0};
}

static struct ss_value sum_value(const struct ss_exact *sum, struct ss_type type)
{
    int64_t integer = 0;
    double real = 0;
    if (type.id == SS_FLOAT64) {
        const bool fits = ss_finalise_double(sum, &real);
        return float64_value(fits, real);
    }
    if (!ss_finalise_int64(sum, &integer)) return (struct ss_value){0};
    if (type.id == SS_DECIMAL && (integer >= DECIMAL_END || integer <= -DECIMAL_END))
        return (struct ss_value){0};
    return (struct ss_value){.present = true, .i64 = integer};
}

static struct ss_value bound_value(struct ss_type type, union ss_group_bound bound)
{
    if (ss_type_is_text(type)) return (struct ss_value){.present = true, .text = bound.text};
    return ss_scalar_value(type.id, bound.key);
}

static struct ss_value sums_value(const struct ss_group_sums *sums, uint64_t n, struct ss_type type,
                                  enum ss_aggregate_fn fn)
{
    const unsigned scale = type.id == SS_DECIMAL ? type.scale : 0;
    double value = 0;
    bool present;
    switch (fn) {
    case SS_AGG_SUM: return sum_value(&sums->s1, type);
    case SS_AGG_MEAN: present = ss_finalise_mean(&sums->s1, n, scale, &value); break;
    case SS_AGG_VAR: present = ss_finalise_variance(&sums->s1, &sums->s2, n, scale, &value); break;
    case SS_AGG_STDDEV: present = ss_finalise_stddev(&sums->s1, &sums->s2, n, scale, &value); break;
    case SS_AGG_MIN: return bound_value(type, sums->min);
    default: return bound_value(type, sums->max);
    }
    return float64_value(present, value);
}

static int64_t distinct_count(const struct ss_group_state *state, const struct ss_group_kind *kind)
{
    if (state->n > SS_GROUP_RAW || ss_type_is_text(kind->type)) return ss_distinct_count(state->distinct);
    int64_t count = 0;
    for (uint64_t i = 0; i < state->n; i++) count += i == 0 || state->raw[i] != state->raw[i - 1];
    return count;
}

bool ss_group_value(struct ss_group_state *state, const struct ss_group_kind *kind, enum ss_aggregate_fn fn,
                    struct ss_arena *arena, struct ss_value *value)
{
    *value = (struct ss_value){0};
    switch (fn) {
    case SS_AGG_COUNT: *value = (struct ss_value){.present = true, .i64 = (int64_t)state->n}; return true;
    case SS_AGG_COUNT_DISTINCT:
        if (state->n) *value = (struct ss_value){.present = true, .i64 = distinct_count(state, kind)};
        return true;
    case SS_AGG_FIRST:
        if (state->n && state->ends) *value = state->ends->first.value;
        return true;
    case SS_AGG_LAST:
        if (state->ends && state->ends->last.there) *value = state->ends->last.value;
        return true;
    default: break;
    }
    if (state->n == 0) return true;
    const struct ss_group_sums *sums = ss_group_sums(state, kind, arena);
    if (!sums) return false;
    *value = sums_value(sums, state->n, kind->type, fn);
    return true;
}
