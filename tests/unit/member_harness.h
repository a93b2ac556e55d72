// What every member of a group must do: the same bytes in any order of adding, taking back, merging and
// restarting; damage found; a failed allocation reported.
#ifndef SS_TESTS_MEMBER_HARNESS_H
#define SS_TESTS_MEMBER_HARNESS_H

#include "engine/group_members.h"
#include "samples.h"

typedef struct ss_group_event member_event(struct samples *samples, const struct ss_group_kind *kind,
                                           uint64_t seq);

// Fails where another order of the same events, with noise that is added and taken back, split over three
// states, each restarted now and then, gives other bytes. The events are shuffled.
void member_any_order(struct samples *samples, const struct ss_group_kind *kind, member_event *make,
                      struct ss_group_event *events, size_t count);

// Fails where taking back the events one after the other leaves other bytes than never having seen them.
void member_take_back(struct samples *samples, const struct ss_group_kind *kind, uint32_t part,
                      struct ss_group_event *events, size_t count);

// Fails where cut off bytes are read without complaint, or changed ones neither complain nor stand for
// themselves.
void member_damage(struct samples *samples, const struct ss_group_kind *kind, uint32_t part,
                   const struct ss_group_event *events, size_t count);

// Adds, encodes, merges both ways, takes back and reads with the k-th allocation refused, for every k.
void member_allocations(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                        const struct ss_group_event *events, size_t count);

#endif
