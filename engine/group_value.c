// From the state of a group to the value of an aggregate over its events.

#include "engine/aggregates.h"
#include "engine/base/number.h"
#include "engine/finalise.h"
#include "engine/group_members.h"
#include "engine/scalar.h"

#define DECIMAL_END INT64_C(1000000000000000000)

uint32_t ss_group_parts_of(enum ss_aggregate_fn fn)
{
    return ss_aggregate_rule(fn)->parts;
}

// Values are written member by member where they are wanted: a copy of what was just written would wait for
// it.
static void set_float64(bool present, double real, struct ss_value *value)
{
    value->present = present;
    value->f64 = present ? real : 0;
}

static void set_sum(const struct ss_exact *sum, struct ss_type type, struct ss_value *value)
{
    int64_t integer = 0;
    double real = 0;
    if (type.id == SS_FLOAT64) {
        const bool fits = ss_finalise_double(sum, &real);
        set_float64(fits, real, value);
        return;
    }
    value->present = ss_finalise_int64(sum, &integer);
    if (type.id == SS_DECIMAL && (integer >= DECIMAL_END || integer <= -DECIMAL_END)) value->present = false;
    value->i64 = value->present ? integer : 0;
}

static void set_bound(struct ss_type type, union ss_group_bound bound, struct ss_value *value)
{
    value->present = true;
    if (ss_type_is_text(type))
        value->text = bound.text;
    else if (type.id == SS_FLOAT64)
        value->f64 = ss_key_to_double(bound.key);
    else if (type.id == SS_BOOL)
        value->boolean = bound.key != 0;
    else
        value->i64 = bound.key;
}

static void set_bool(bool boolean, struct ss_value *value)
{
    value->present = true;
    value->boolean = boolean;
}

void ss_group_sums_value(const struct ss_group_sums *sums, uint64_t n, struct ss_type type,
                         enum ss_aggregate_fn fn, struct ss_value *value)
{
    const unsigned scale = type.id == SS_DECIMAL ? type.scale : 0;
    double real = 0;
    int64_t yes = 0;
    bool present;
    *value = (struct ss_value){0};
    switch (fn) {
    case SS_AGG_SUM: set_sum(&sums->s1, type, value); return;
    case SS_AGG_MEAN: present = ss_finalise_mean(&sums->s1, n, scale, &real); break;
    case SS_AGG_VAR:
    case SS_AGG_VAR_POP:
        present = ss_finalise_variance(&sums->s1, &sums->s2, n, fn == SS_AGG_VAR_POP, scale, &real);
        break;
    case SS_AGG_STDDEV:
    case SS_AGG_STDDEV_POP:
        present = ss_finalise_stddev(&sums->s1, &sums->s2, n, fn == SS_AGG_STDDEV_POP, scale, &real);
        break;
    case SS_AGG_ANY: set_bool(ss_exact_sign(&sums->s1) > 0, value); return;
    case SS_AGG_ALL: set_bool(ss_finalise_int64(&sums->s1, &yes) && (uint64_t)yes == n, value); return;
    case SS_AGG_MIN: set_bound(type, sums->min, value); return;
    default: set_bound(type, sums->max, value); return;
    }
    set_float64(present, real, value);
}

static int64_t distinct_count(const struct ss_group_state *state, const struct ss_group_kind *kind)
{
    if (state->n > SS_GROUP_RAW || ss_type_is_text(kind->type)) return ss_distinct_count(state->distinct);
    int64_t count = 0;
    for (uint64_t i = 0; i < state->n; i++) count += i == 0 || state->raw[i] != state->raw[i - 1];
    return count;
}

static struct ss_value since(const struct ss_group_end *end, int64_t t_us)
{
    return end->there ? (struct ss_value){.present = true, .i64 = t_us - end->event_time_us}
                      : (struct ss_value){0};
}

// Of the first or last event.
static struct ss_value end_value(const struct ss_group_state *state, enum ss_aggregate_fn fn, int64_t t_us)
{
    if (!state->ends) return (struct ss_value){0};
    const struct ss_group_end *end =
        fn == SS_AGG_FIRST || fn == SS_AGG_SINCE_FIRST ? &state->ends->first : &state->ends->last;
    if (fn == SS_AGG_SINCE_FIRST || fn == SS_AGG_SINCE_LAST) return since(end, t_us);
    return end->there ? end->value : (struct ss_value){0};
}

bool ss_group_value(struct ss_group_state *state, const struct ss_group_kind *kind,
                    const struct ss_aggregate *aggregate, int64_t t_us, struct ss_arena *arena,
                    struct ss_value *value)
{
    const uint32_t parts = ss_group_parts_of(aggregate->fn);
    *value = (struct ss_value){0};
    if (aggregate->fn == SS_AGG_COUNT) {
        *value = (struct ss_value){.present = true, .i64 = (int64_t)state->n};
        return true;
    }
    if (parts & SS_GROUP_END_PARTS) {
        *value = end_value(state, aggregate->fn, t_us);
        return true;
    }
    if (state->n == 0) return true;
    if (aggregate->fn == SS_AGG_COUNT_DISTINCT) {
        *value = (struct ss_value){.present = true, .i64 = distinct_count(state, kind)};
        return true;
    }
    if ((parts & (SS_GROUP_SUM_PARTS)) && !ss_group_sums(state, kind, arena)) return false;
    if (parts & SS_GROUP_MEMBERS) return ss_member_value(state, kind, aggregate, t_us, arena, value);
    ss_group_sums_value(state->sums, state->n, kind->type, aggregate->fn, value);
    return true;
}
