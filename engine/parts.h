// The members of a group (group_members.h), and what is read from them.
#ifndef SS_ENGINE_PARTS_H
#define SS_ENGINE_PARTS_H

#include "engine/group_members.h"

// Reads an aggregate from a member that is not empty. False: out of memory.
typedef bool ss_member_reader(const void *member, const struct ss_group_kind *kind,
                              const struct ss_aggregate *aggregate, struct ss_arena *arena,
                              struct ss_value *value);

extern const struct ss_member ss_member_least_by, ss_member_greatest_by; // part_by.c
ss_member_reader ss_by_value;                                            // min_by, max_by

extern const struct ss_member ss_member_first_k, ss_member_last_k; // part_ends.c
ss_member_reader ss_first_k_value, ss_last_k_value, ss_lag_value;

extern const struct ss_member ss_member_unique_k; // part_unique.c
ss_member_reader ss_unique_k_value;

extern const struct ss_member ss_member_quantile; // part_quantile.c
ss_member_reader ss_quantile_value;               // median too

extern const struct ss_member ss_member_counts; // part_counts.c
// NULL: nothing, or more different values than the aggregate's cap.
const struct ss_tally *ss_counts_tally(const void *member, const struct ss_aggregate *aggregate);
ss_member_reader ss_count_by_value, ss_mode_value, ss_top_k_value, ss_entropy_value; // counts_value.c

// Read together with the sums of the group, which are there.
extern const struct ss_member ss_member_higher; // part_higher.c
struct ss_value ss_higher_value(const struct ss_group_state *state, enum ss_aggregate_fn fn);

extern const struct ss_member ss_member_pair; // part_pair.c
struct ss_value ss_pair_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                              enum ss_aggregate_fn fn);

extern const struct ss_member ss_member_decay; // part_decay.c
struct ss_value ss_decay_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                               enum ss_aggregate_fn fn, int64_t t_us);

#endif
