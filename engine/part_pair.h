// SS_PART_PAIR: exact sums of y, y^2 and x y over rows with both, for covariance, correlation and slope.
#ifndef SS_ENGINE_PART_PAIR_H
#define SS_ENGINE_PART_PAIR_H

#include "engine/group_members.h"

extern const struct ss_member ss_member_pair;

// covar, covar_pop, corr, slope: with the sums of the group, which are there.
struct ss_value ss_pair_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                              enum ss_aggregate_fn fn);

#endif
