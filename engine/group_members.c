// The table of members. See group_members.h.

#include "engine/group_members.h"

const struct ss_member *const ss_members[SS_MEMBER_COUNT] = {0};

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
    (void)state, (void)kind, (void)aggregate, (void)t_us, (void)arena, (void)value;
    return true;
}
