// The table of members. See group_members.h.

#include "engine/part_higher.h"
#include "engine/part_pair.h"

#define AT(part) [__builtin_ctz(part) - SS_MEMBER_BIT]

const struct ss_member *const ss_members[SS_MEMBER_COUNT] = {
    AT(SS_PART_HIGHER) = &ss_member_higher,
    AT(SS_PART_PAIR) = &ss_member_pair,
};

bool ss_members_known(uint32_t parts)
{
    for (int i = 0; i < SS_MEMBER_COUNT; i++)
        if ((parts & SS_MEMBER_PART(i)) && !ss_members[i]) return false;
    return true;
}

bool ss_member_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                     const struct ss_aggregate *aggregate, int64_t t_us, struct ss_arena *arena,
                     struct ss_value *value)
{
    (void)t_us, (void)arena;
    switch (aggregate->fn) {
    case SS_AGG_SKEW:
    case SS_AGG_KURTOSIS: *value = ss_higher_value(state, aggregate->fn); break;
    case SS_AGG_COVAR:
    case SS_AGG_COVAR_POP:
    case SS_AGG_CORR:
    case SS_AGG_SLOPE: *value = ss_pair_value(state, kind, aggregate->fn); break;
    default: break;
    }
    return true;
}
