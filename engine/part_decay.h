// SS_PART_DECAY: exact sums of weights that halve every half-life, alone and times x.
#ifndef SS_ENGINE_PART_DECAY_H
#define SS_ENGINE_PART_DECAY_H

#include "engine/group_members.h"

extern const struct ss_member ss_member_decay;

// decayed_sum, decayed_count, decayed_mean in a read at t.
struct ss_value ss_decay_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                               enum ss_aggregate_fn fn, int64_t t_us);

#endif
