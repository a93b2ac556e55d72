// Distinct: how many different values were seen.
//
// Up to SS_DISTINCT_EXACT values the set itself, sorted; beyond, a HyperLogLog of 2^11 registers. The form
// and its bytes depend on the set of values alone, never on their order or on how parts were united. Format,
// hashes and estimator are pinned in docs/FORMAT.md "Distinct".
//
// A set holds scalars (by key) or strings (by their XXH3-128); the type is the caller's and must be the same
// in every call. Functions that return bool return false when the arena is out of memory; the set is then
// unusable.
#ifndef SS_ENGINE_DISTINCT_H
#define SS_ENGINE_DISTINCT_H

#include "engine/scalar.h"

#define SS_DISTINCT_EXACT 128

struct ss_distinct { // a zeroed struct is the empty set
    bool dense;
    uint16_t count, capacity; // entries, of one word (scalars) or two (strings)
    uint64_t *words;
    uint8_t *registers;
};

bool ss_distinct_add_key(struct ss_distinct *set, enum ss_type_id type, int64_t key, struct ss_arena *arena);
bool ss_distinct_add_text(struct ss_distinct *set, struct ss_bytes text, struct ss_arena *arena);
bool ss_distinct_merge(struct ss_distinct *set, enum ss_type_id type, const struct ss_distinct *other,
                       struct ss_arena *arena);
void ss_distinct_clear(struct ss_distinct *set); // empty; memory kept
int64_t ss_distinct_count(const struct ss_distinct *set);

void ss_distinct_encode(const struct ss_distinct *set, enum ss_type_id type, struct ss_buffer *buffer);
// Reads a set and unites it with `set` (NULL: skips it). Damage sets reader->failed.
bool ss_distinct_merge_bytes(struct ss_distinct *set, enum ss_type_id type, struct ss_reader *reader,
                             struct ss_arena *arena);

#endif
