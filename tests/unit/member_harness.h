// Groups and their members in tests. What every member must do: the same bytes in any order of adding, taking
// back, merging and restarting; damage found; a failed allocation reported.
#ifndef SS_TESTS_MEMBER_HARNESS_H
#define SS_TESTS_MEMBER_HARNESS_H

#include "engine/group_members.h"
#include "samples.h"

// ---- States of groups

// Merges `other` into `state`, straight (all parts of the kind) or by its bytes, which live in the arena, as
// strings borrow them.
void merge_group(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                 const struct ss_group_state *other, bool by_bytes, struct ss_arena *arena);
void assert_same_bytes(const struct ss_group_state *a, const struct ss_group_state *b,
                       const struct ss_group_kind *kind);

// ---- Members

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

// Fails where a member of these events, which are added in turn, has other bytes than these.
void assert_member_bytes(const struct ss_group_kind *kind, uint32_t part, const struct ss_group_event *events,
                         size_t count, const uint8_t *bytes, size_t size);
// Fails where a member reads these bytes without complaint.
void assert_member_refuses(const struct ss_group_kind *kind, uint32_t part, const uint8_t *bytes,
                           size_t size);

// What an aggregate without settings is of these events: a number.
struct ss_value member_value(const struct ss_group_kind *kind, enum ss_aggregate_fn fn,
                             const struct ss_group_event *events, size_t count);

// Adds, encodes, merges both ways, takes back and reads with the k-th allocation refused, for every k.
void member_allocations(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                        const struct ss_group_event *events, size_t count);

#endif
