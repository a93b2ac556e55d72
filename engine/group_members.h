// Members: what a group keeps in parts of their own, beside its count, sums, bounds, ends and distinct set.
//
// A member sees the events that count (those that pass the filter and have their arguments). Its state
// depends on the multiset of these events alone, and so do its bytes. A zeroed member is empty. Memory comes
// from the arena: add copies what it keeps, merge and merge_bytes borrow it. What returns bool is false when
// out of memory; the member is then unusable.
#ifndef SS_ENGINE_GROUP_MEMBERS_H
#define SS_ENGINE_GROUP_MEMBERS_H

#include "engine/group.h"

struct ss_member {
    const char *name; // for `dump`
    size_t size;      // of its struct
    bool (*add)(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                struct ss_arena *arena);
    // Takes an event back; *removal is set. SS_GROUP_NEEDS_REFOLD: it cannot; the member is as it was or
    // worthless.
    bool (*remove)(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                   enum ss_group_removal *removal, struct ss_arena *arena);
    // `kind` is that of `other`.
    bool (*merge)(void *member, const struct ss_group_kind *kind, const void *other, struct ss_arena *arena);
    void (*clear)(void *member); // empty; memory kept
    void (*encode)(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer);
    // Reads a member of `kind` and merges it into `member` (NULL: skips it). Damage sets reader->failed.
    bool (*merge_bytes)(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena);
};

extern const struct ss_member *const ss_members[SS_MEMBER_COUNT]; // [i] is that of SS_MEMBER_PART(i)
#define SS_MEMBER_PART(i) (UINT32_C(1) << (SS_MEMBER_BIT + (i)))

// The value of an aggregate that is read from a member; `n` > 0 events count.
bool ss_member_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                     const struct ss_aggregate *aggregate, int64_t t_us, struct ss_arena *arena,
                     struct ss_value *value);

static inline void *ss_member_of(const struct ss_group_state *state, uint32_t part)
{
    return state->members[__builtin_ctz(part) - SS_MEMBER_BIT];
}

#endif
