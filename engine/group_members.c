// The table of members. See group_members.h.

#include "engine/parts.h"

#define AT(part) [__builtin_ctz(part) - SS_MEMBER_BIT]

const struct ss_member *const ss_members[SS_MEMBER_COUNT] = {
    AT(SS_PART_HIGHER) = &ss_member_higher,     AT(SS_PART_PAIR) = &ss_member_pair,
    AT(SS_PART_LEAST_BY) = &ss_member_least_by, AT(SS_PART_GREATEST_BY) = &ss_member_greatest_by,
    AT(SS_PART_FIRST_K) = &ss_member_first_k,   AT(SS_PART_LAST_K) = &ss_member_last_k,
    AT(SS_PART_UNIQUE_K) = &ss_member_unique_k, AT(SS_PART_QUANTILE) = &ss_member_quantile,
    AT(SS_PART_COUNTS) = &ss_member_counts,     AT(SS_PART_DECAY) = &ss_member_decay,
};

// Of aggregates that are read from one member alone.
static ss_member_reader *const readers[SS_AGG_TOTAL] = {
    [SS_AGG_MIN_BY] = ss_by_value,         [SS_AGG_MAX_BY] = ss_by_value,
    [SS_AGG_FIRST_K] = ss_first_k_value,   [SS_AGG_LAST_K] = ss_last_k_value,
    [SS_AGG_LAG] = ss_lag_value,           [SS_AGG_UNIQUE_LAST_K] = ss_unique_k_value,
    [SS_AGG_QUANTILE] = ss_quantile_value, [SS_AGG_MEDIAN] = ss_quantile_value,
    [SS_AGG_COUNT_BY] = ss_count_by_value, [SS_AGG_MODE] = ss_mode_value,
    [SS_AGG_TOP_K] = ss_top_k_value,       [SS_AGG_ENTROPY] = ss_entropy_value,
};

bool ss_member_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                     const struct ss_aggregate *aggregate, int64_t t_us, struct ss_arena *arena,
                     struct ss_value *value)
{
    if (readers[aggregate->fn]) {
        const uint32_t part = ss_group_parts_of(aggregate->fn) & SS_GROUP_MEMBERS;
        return readers[aggregate->fn](ss_member_of(state, part), kind, aggregate, arena, value);
    }
    switch (aggregate->fn) {
    case SS_AGG_SKEW:
    case SS_AGG_KURTOSIS: *value = ss_higher_value(state, aggregate->fn); break;
    case SS_AGG_COVAR:
    case SS_AGG_COVAR_POP:
    case SS_AGG_CORR:
    case SS_AGG_SLOPE: *value = ss_pair_value(state, kind, aggregate->fn); break;
    case SS_AGG_DECAYED_SUM:
    case SS_AGG_DECAYED_COUNT:
    case SS_AGG_DECAYED_MEAN: *value = ss_decay_value(state, kind, aggregate->fn, t_us); break;
    default: break;
    }
    return true;
}
