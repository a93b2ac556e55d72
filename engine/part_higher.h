// SS_PART_HIGHER: exact sums of third and fourth powers, for skew and kurtosis.
#ifndef SS_ENGINE_PART_HIGHER_H
#define SS_ENGINE_PART_HIGHER_H

#include "engine/group_members.h"

extern const struct ss_member ss_member_higher;

// skew, kurtosis: with the sums of the group, which are there.
struct ss_value ss_higher_value(const struct ss_group_state *state, enum ss_aggregate_fn fn);

#endif
