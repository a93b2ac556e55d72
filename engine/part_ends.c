// The oldest or the newest k values, by (event_time, seq): first_k, last_k and lag.
//
//   sightings of min(k, n) events (docs/FORMAT.md "Sightings")
//
// While there are fewer than k, they are all the events there are and each can be taken back. When one of k
// leaves, only the events know who comes in.

#include "engine/parts.h"
#include "engine/sightings.h"

struct ends {
    struct ss_sightings kept;
    struct ss_sightings read, merged; // scratch
};

static bool add(struct ends *ends, bool newest, uint32_t k, const struct ss_group_kind *kind,
                const struct ss_group_event *event, struct ss_arena *arena)
{
    struct ss_sightings *kept = &ends->kept;
    struct ss_sighting added = {event->event_time_us, event->seq, event->value};
    bool same;
    uint32_t index = ss_sightings_search(kept, &added, &same);
    const bool full = kept->count == k;
    if (same || (full && index == (newest ? 0 : k))) return true;
    if (!ss_value_own(kind->type, &added.value, arena)) return false;
    if (full) ss_sightings_erase(kept, newest ? 0 : k - 1);
    if (full && newest) index--;
    return ss_sightings_insert(kept, index, &added, arena);
}

static void take_back(struct ends *ends, bool newest, uint32_t k, const struct ss_group_event *event,
                      enum ss_group_removal *removal)
{
    const struct ss_sighting gone = {event->event_time_us, event->seq, event->value};
    bool same;
    const uint32_t index = ss_sightings_search(&ends->kept, &gone, &same);
    const bool full = ends->kept.count == k;
    const bool outside = full && !same && index == (newest ? 0 : k);
    *removal = outside || (same && !full) ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
    if (same && !full) ss_sightings_erase(&ends->kept, index);
}

static bool merge(struct ends *ends, bool newest, uint32_t k, const struct ss_sightings *other,
                  struct ss_arena *arena)
{
    const struct ss_sightings kept = ends->kept;
    struct ss_sightings *merged = &ends->merged;
    const uint32_t most = kept.count + other->count < k ? kept.count + other->count : k;
    const struct ss_sighting *next;
    if (!ss_sightings_reserve(merged, most, arena)) return false;
    if (newest) {
        uint32_t i = kept.count, j = other->count;
        merged->first = most;
        while (merged->first > 0 && (next = ss_sightings_newer(&kept, &i, other, &j)))
            merged->items[--merged->first] = *next;
        merged->count = most - merged->first;
    } else {
        uint32_t i = 0, j = 0;
        while (merged->count < most && (next = ss_sightings_older(&kept, &i, other, &j)))
            merged->items[merged->count++] = *next;
    }
    ends->kept = *merged;
    ends->merged = kept;
    return true;
}

static bool merge_bytes(struct ends *ends, bool newest, uint32_t k, const struct ss_group_kind *kind,
                        struct ss_reader *reader, struct ss_arena *arena)
{
    if (!ends) return ss_sightings_decode(NULL, kind, k, reader, arena);
    if (ends->kept.count == 0) return ss_sightings_decode(&ends->kept, kind, k, reader, arena);
    if (!ss_sightings_decode(&ends->read, kind, k, reader, arena)) return false;
    return reader->failed || merge(ends, newest, k, &ends->read, arena);
}

static void clear(void *member)
{
    struct ends *ends = member;
    ends->kept.first = ends->kept.count = 0;
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    ss_sightings_encode(&((const struct ends *)member)->kept, kind, buffer);
}

// ---- first_k

static uint32_t first_k(const struct ss_group_kind *kind)
{
    return (uint32_t)kind->group->first_k;
}

static bool add_first(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      struct ss_arena *arena)
{
    return add(member, false, first_k(kind), kind, event, arena);
}

static bool remove_first(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                         enum ss_group_removal *removal, struct ss_arena *arena)
{
    (void)arena;
    take_back(member, false, first_k(kind), event, removal);
    return true;
}

static bool merge_first(void *member, const struct ss_group_kind *kind, const void *other,
                        struct ss_arena *arena)
{
    return merge(member, false, first_k(kind), &((const struct ends *)other)->kept, arena);
}

static bool merge_bytes_first(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                              struct ss_arena *arena)
{
    return merge_bytes(member, false, first_k(kind), kind, reader, arena);
}

const struct ss_member ss_member_first_k = {
    "first_k", sizeof(struct ends), add_first, remove_first, merge_first, clear, encode, merge_bytes_first};

bool ss_first_k_value(const void *member, const struct ss_group_kind *kind,
                      const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct ends *ends = member;
    return ss_sightings_list(&ends->kept, kind->type, false, (uint32_t)aggregate->k, arena, value);
}

// ---- last_k, lag

static uint32_t last_k(const struct ss_group_kind *kind)
{
    return (uint32_t)kind->group->last_k;
}

static bool add_last(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                     struct ss_arena *arena)
{
    return add(member, true, last_k(kind), kind, event, arena);
}

static bool remove_last(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                        enum ss_group_removal *removal, struct ss_arena *arena)
{
    (void)arena;
    take_back(member, true, last_k(kind), event, removal);
    return true;
}

static bool merge_last(void *member, const struct ss_group_kind *kind, const void *other,
                       struct ss_arena *arena)
{
    return merge(member, true, last_k(kind), &((const struct ends *)other)->kept, arena);
}

static bool merge_bytes_last(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                             struct ss_arena *arena)
{
    return merge_bytes(member, true, last_k(kind), kind, reader, arena);
}

const struct ss_member ss_member_last_k = {
    "last_k", sizeof(struct ends), add_last, remove_last, merge_last, clear, encode, merge_bytes_last};

bool ss_last_k_value(const void *member, const struct ss_group_kind *kind,
                     const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct ends *ends = member;
    return ss_sightings_list(&ends->kept, kind->type, true, (uint32_t)aggregate->k, arena, value);
}

bool ss_lag_value(const void *member, const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                  struct ss_arena *arena, struct ss_value *value)
{
    const struct ss_sightings *kept = &((const struct ends *)member)->kept;
    const uint32_t back = (uint32_t)aggregate->k;
    (void)kind, (void)arena;
    *value = back < kept->count ? ss_sightings_at(kept, kept->count - 1 - back)->value : (struct ss_value){0};
    return true;
}
