// The state of one group in one tile, and of one group over one window: the same struct.
//
// A group is one (argument, filter) pair; `parts` (enum ss_part) says what is kept of it. While at most
// SS_GROUP_RAW values were counted, and they are scalars, the values themselves are kept, sorted, instead of
// S1, S2, MIN, MAX and DISTINCT: which form it is depends on n alone.
//
// Memory comes from the arena; strings are copied by add, borrowed by merge and decode. What returns bool is
// false when out of memory; the state is then unusable.
#ifndef SS_ENGINE_GROUP_H
#define SS_ENGINE_GROUP_H

#include "engine/definitions.h"
#include "engine/distinct.h"
#include "engine/exact.h"

#define SS_GROUP_RAW         3
#define SS_GROUP_SUM_PARTS   (SS_PART_S1 | SS_PART_S2 | SS_PART_MIN | SS_PART_MAX)
#define SS_GROUP_VALUE_PARTS (SS_GROUP_SUM_PARTS | SS_PART_DISTINCT)
#define SS_GROUP_END_PARTS   (SS_PART_FIRST | SS_PART_LAST)
#define SS_GROUP_MEMBERS     (((UINT32_C(1) << SS_MEMBER_COUNT) - 1) << SS_MEMBER_BIT)

// The event of the first `last` of a tile. Others of the same event do not repeat it in bytes.
struct ss_group_newest {
    bool there;
    int64_t event_time_us;
    uint64_t seq;
};

struct ss_group_kind {
    struct ss_type type; // of the argument
    bool has_argument;
    uint32_t parts;
    int64_t origin_us;              // bytes give times as distance from it: the start of the tile
    const struct ss_group *group;   // what members go by; may be NULL where there are none
    struct ss_group_newest *newest; // of bytes: what the groups before this one in the tile left; NULL: alone
};

union ss_group_bound {
    int64_t key;
    struct ss_bytes text;
};

struct ss_group_sums {
    struct ss_exact s1, s2;
    union ss_group_bound min, max;
};

struct ss_group_end { // an event that is first or last
    bool there;
    int64_t event_time_us;
    uint64_t seq;
    struct ss_value value;
};

struct ss_group_ends {
    struct ss_group_end first, last;
};

struct ss_group_state { // a zeroed struct is empty
    uint64_t n;
    int64_t raw[SS_GROUP_RAW];    // keys, ascending: while n <= SS_GROUP_RAW, where the kind keeps values raw
    struct ss_group_sums *sums;   // else, with SS_PART_S1, S2, MIN or MAX
    struct ss_group_ends *ends;   // with SS_PART_FIRST or LAST
    struct ss_distinct *distinct; // with SS_PART_DISTINCT
    void **members;               // with SS_GROUP_MEMBERS: SS_MEMBER_COUNT of them, NULL where not kept
};

// What a group sees of an event.
struct ss_group_event {
    int64_t event_time_us;
    uint64_t seq;
    struct ss_value value;
    struct ss_value second; // of a group with a second argument
};

enum ss_group_removal { SS_GROUP_REMOVED, SS_GROUP_NEEDS_REFOLD };

// Does an event that passes the filter leave a trace in the group?
bool ss_group_takes(const struct ss_group_kind *kind, const struct ss_value *value);
bool ss_group_add(struct ss_group_state *state, const struct ss_group_kind *kind,
                  const struct ss_group_event *event, struct ss_arena *arena);
// On SS_GROUP_NEEDS_REFOLD the state is to be made anew from its events. *removal is set.
bool ss_group_remove(struct ss_group_state *state, const struct ss_group_kind *kind,
                     const struct ss_group_event *event, enum ss_group_removal *removal,
                     struct ss_arena *arena);
bool ss_group_merge(struct ss_group_state *state, const struct ss_group_kind *kind,
                    const struct ss_group_state *other, struct ss_arena *arena);
void ss_group_clear(struct ss_group_state *state); // empty; memory kept
bool ss_group_empty(const struct ss_group_state *state);

// Bytes: docs/FORMAT.md "Group".
void ss_group_encode(const struct ss_group_state *state, const struct ss_group_kind *kind,
                     struct ss_buffer *buffer);
// Reads a state of `kind` and merges of it what `parts` (a subset of the kind's) asks for; state NULL: skips
// it. Strings borrow from the bytes. Damage sets reader->failed.
bool ss_group_merge_bytes(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                          struct ss_reader *reader, struct ss_arena *arena);

// Steps of a merge, shared by group.c and group_bytes.c. `parts`: those of the state that takes.
bool ss_group_absorb_key(struct ss_group_state *state, enum ss_type_id type, uint32_t parts, int64_t key,
                         struct ss_arena *arena); // into a state that keeps values raw
bool ss_group_absorb_keys(struct ss_group_state *state, enum ss_type_id type, uint32_t parts,
                          const int64_t *keys, uint32_t count,
                          struct ss_arena *arena); // up to SS_EXACT_TERMS
// Makes the wide form ready to take another wide state.
bool ss_group_widen(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                    struct ss_arena *arena);
bool ss_group_ensure_ends(struct ss_group_state *state, struct ss_arena *arena);
bool ss_group_ensure_members(struct ss_group_state *state, uint32_t parts, struct ss_arena *arena);
void ss_group_merge_end(struct ss_group_end *end, bool last, const struct ss_group_end *other);
// Sums and bounds of n > 0 events in either form; NULL when out of memory.
const struct ss_group_sums *ss_group_sums(struct ss_group_state *state, const struct ss_group_kind *kind,
                                          struct ss_arena *arena);

// What is kept for an aggregate.
uint32_t ss_group_parts_of(enum ss_aggregate_fn fn);
// The value of an aggregate over n > 0 events that goes by their sums and bounds alone.
void ss_group_sums_value(const struct ss_group_sums *sums, uint64_t n, struct ss_type type,
                         enum ss_aggregate_fn fn, struct ss_value *value);
// The value of an aggregate at t over the events of the state, which keeps the parts it needs.
bool ss_group_value(struct ss_group_state *state, const struct ss_group_kind *kind,
                    const struct ss_aggregate *aggregate, int64_t t_us, struct ss_arena *arena,
                    struct ss_value *value);

#endif
