// Sightings: values with the (event_time, seq) at which they were seen, oldest first, no two of one event.
// What first_k, last_k, lag and unique_last_k keep.
#ifndef SS_ENGINE_SIGHTINGS_H
#define SS_ENGINE_SIGHTINGS_H

#include "engine/base/planted.h"
#include "engine/group.h"
#include "engine/value_bytes.h"

struct ss_sighting {
    int64_t event_time_us;
    uint64_t seq;
    struct ss_value value; // present
};

struct ss_sightings {                // a zeroed struct is empty
    uint32_t first, count, capacity; // they are items[first .. first + count)
    struct ss_sighting *items;
};

static inline struct ss_sighting *ss_sightings_at(const struct ss_sightings *list, uint32_t index)
{
    return list->items + list->first + index;
}

static inline int ss_sighting_order(const struct ss_sighting *a, const struct ss_sighting *b)
{
    if (a->event_time_us != b->event_time_us) return a->event_time_us < b->event_time_us ? -1 : 1;
    if (SS_PLANTED(tie_by_arrival)) return 0;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

// The index of the first one that is not older; *same: it is of the same event.
uint32_t ss_sightings_search(const struct ss_sightings *list, const struct ss_sighting *sighting, bool *same);
bool ss_sightings_insert(struct ss_sightings *list, uint32_t index, const struct ss_sighting *sighting,
                         struct ss_arena *arena); // false: out of memory
void ss_sightings_erase(struct ss_sightings *list, uint32_t index);
// Empties the list and makes room for `count`. False: out of memory.
bool ss_sightings_reserve(struct ss_sightings *list, uint32_t count, struct ss_arena *arena);

// Walks two lists at once: the oldest of what lies at or after *i and *j, or the newest of what lies before
// them, and moves on. An event that is in both comes once. NULL: nothing is left.
const struct ss_sighting *ss_sightings_older(const struct ss_sightings *a, uint32_t *i,
                                             const struct ss_sightings *b, uint32_t *j);
const struct ss_sighting *ss_sightings_newer(const struct ss_sightings *a, uint32_t *i,
                                             const struct ss_sightings *b, uint32_t *j);

// varint count, then each: time, seq, value (docs/FORMAT.md "Sightings").
void ss_sightings_encode(const struct ss_sightings *list, const struct ss_group_kind *kind,
                         struct ss_buffer *buffer);
// Reads 1 to `most` sightings in place of those of the list (NULL: skips them). Damage sets reader->failed.
bool ss_sightings_decode(struct ss_sightings *list, const struct ss_group_kind *kind, uint32_t most,
                         struct ss_reader *reader, struct ss_arena *arena);

// The `most` oldest or newest values as a packed list in the arena, oldest or newest first.
bool ss_sightings_list(const struct ss_sightings *list, struct ss_type type, bool newest, uint32_t most,
                       struct ss_arena *arena, struct ss_value *value);

#endif
