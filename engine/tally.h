// A tally: how often each value was seen, sorted by value. The values are of one type (`type` in every call).
#ifndef SS_ENGINE_TALLY_H
#define SS_ENGINE_TALLY_H

#include "engine/scalar.h"

struct ss_tally { // a zeroed struct is empty
    uint32_t count, capacity;
    uint64_t *words;        // that sort as the values: of a scalar its key, of text its first bytes
    uint64_t *counts;       // none is 0
    struct ss_bytes *texts; // of a type that is text, else NULL
};

struct ss_tally_entry {
    uint64_t word;
    struct ss_bytes text;
};

struct ss_tally_entry ss_tally_entry(struct ss_type type, const struct ss_value *value);
struct ss_value ss_tally_value(const struct ss_tally *tally, struct ss_type type, uint32_t index);

// The index of the value, or where it would be. *found: it is there.
uint32_t ss_tally_search(const struct ss_tally *tally, const struct ss_tally_entry *entry, bool *found);
// What returns bool is false when out of memory.
bool ss_tally_insert(struct ss_tally *tally, struct ss_type type, uint32_t index,
                     const struct ss_tally_entry *entry, uint64_t times, struct ss_arena *arena);
void ss_tally_erase(struct ss_tally *tally, uint32_t index);
// *sum = both (sum is neither), as far as there are at most `most` different values; *fits says so.
bool ss_tally_unite(const struct ss_tally *a, const struct ss_tally *b, struct ss_type type, uint32_t most,
                    struct ss_tally *sum, bool *fits, struct ss_arena *arena);
uint64_t ss_tally_total(const struct ss_tally *tally);

// varint count, then each value and how often (docs/FORMAT.md "Counts").
void ss_tally_encode(const struct ss_tally *tally, struct ss_type type, struct ss_buffer *buffer);
// Reads `count` entries in place of those of the tally (NULL: skips them). Damage sets reader->failed.
bool ss_tally_decode(struct ss_tally *tally, struct ss_type type, uint32_t count, struct ss_reader *reader,
                     struct ss_arena *arena);

#endif
