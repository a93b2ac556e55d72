// The k different values that were seen last: unique_last_k.
//
//   sightings (docs/FORMAT.md "Sightings"): of each of the k values with the newest ones its newest, no two
//   of one value
//
// A value falls out when k others were seen later, and can only come back by a sighting that is newer still:
// so the k are the same in whatever order and parts they are found. Only sightings that left no trace can be
// taken back.

#include "engine/base/hash.h"
#include "engine/parts.h"
#include "engine/sightings.h"

struct unique {
    struct ss_sightings kept;
    struct ss_sightings read, merged;   // scratch
    const struct ss_value **slots;      // scratch: a hash table of values
    uint32_t slot_count, slot_capacity; // powers of two
};

static uint32_t limit(const struct ss_group_kind *kind)
{
    return (uint32_t)kind->group->unique_k;
}

// The index of the value; `count` where it is not kept. Values return soon: the newest come first.
static uint32_t find(const struct ss_sightings *kept, struct ss_type type, const struct ss_value *value)
{
    const bool text = ss_type_is_text(type);
    const int64_t key = text ? 0 : ss_scalar_key(type.id, value);
    for (uint32_t i = kept->count; i > 0; i--) {
        const struct ss_value *other = &ss_sightings_at(kept, i - 1)->value;
        if (text ? ss_bytes_equal(other->text, value->text) : ss_scalar_key(type.id, other) == key)
            return i - 1;
    }
    return kept->count;
}

// A newer sighting of a value that is kept.
static void renew(struct ss_sightings *kept, uint32_t found, uint32_t index, struct ss_sighting sighting)
{
    struct ss_sighting *at = ss_sightings_at(kept, found);
    sighting.value = at->value;
    memmove(at, at + 1, (index - 1 - found) * sizeof *at);
    *ss_sightings_at(kept, index - 1) = sighting;
}

static bool add(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                struct ss_arena *arena)
{
    struct ss_sightings *kept = &((struct unique *)member)->kept;
    struct ss_sighting added = {event->event_time_us, event->seq, event->value};
    bool same;
    uint32_t index = ss_sightings_search(kept, &added, &same);
    const bool full = kept->count == limit(kind);
    if (same || (full && index == 0)) return true;
    const uint32_t found = find(kept, kind->type, &added.value);
    if (found < kept->count) {
        if (found < index) renew(kept, found, index, added);
        return true;
    }
    if (!ss_value_own(kind->type, &added.value, arena)) return false;
    if (full) {
        ss_sightings_erase(kept, 0);
        index--;
    }
    return ss_sightings_insert(kept, index, &added, arena);
}

static bool take_back(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      enum ss_group_removal *removal, struct ss_arena *arena)
{
    const struct ss_sightings *kept = &((const struct unique *)member)->kept;
    const struct ss_sighting gone = {event->event_time_us, event->seq, event->value};
    const uint32_t found = find(kept, kind->type, &gone.value);
    const struct ss_sighting *newer = found < kept->count          ? ss_sightings_at(kept, found)
                                      : kept->count == limit(kind) ? ss_sightings_at(kept, 0)
                                                                   : NULL;
    (void)arena;
    *removal = newer && ss_sighting_order(&gone, newer) < 0 ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
    return true;
}

static bool reserve_slots(struct unique *unique, uint32_t values, struct ss_arena *arena)
{
    unique->slot_count = 8;
    while (unique->slot_count < 2 * values) unique->slot_count *= 2;
    if (unique->slot_count > unique->slot_capacity) {
        unique->slots = ss_arena_array(arena, unique->slot_count, sizeof *unique->slots);
        if (!unique->slots) return false;
        unique->slot_capacity = unique->slot_count;
    } else {
        memset(unique->slots, 0, unique->slot_count * sizeof *unique->slots);
    }
    return true;
}

// Is it the first time that the value comes?
static bool is_new(struct unique *unique, struct ss_type type, const struct ss_value *value)
{
    const int64_t key = ss_type_is_text(type) ? 0 : ss_scalar_key(type.id, value);
    uint64_t hash = ss_type_is_text(type) ? ss_hash64(value->text.data, value->text.size)
                                          : (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    for (;; hash++) {
        const struct ss_value **slot = &unique->slots[hash & (unique->slot_count - 1)];
        if (*slot && ss_value_compare(type, *slot, value) != 0) continue;
        if (*slot) return false;
        *slot = value;
        return true;
    }
}

static bool merge_list(struct unique *unique, const struct ss_group_kind *kind,
                       const struct ss_sightings *other, struct ss_arena *arena)
{
    const struct ss_sightings kept = unique->kept;
    struct ss_sightings *merged = &unique->merged;
    const uint32_t k = limit(kind);
    const uint32_t most = kept.count + other->count < k ? kept.count + other->count : k;
    const struct ss_sighting *next;
    uint32_t i = kept.count, j = other->count;
    if (!ss_sightings_reserve(merged, most, arena) || !reserve_slots(unique, most, arena)) return false;
    merged->first = most;
    while (merged->first > 0 && (next = ss_sightings_newer(&kept, &i, other, &j)))
        if (is_new(unique, kind->type, &next->value)) merged->items[--merged->first] = *next;
    merged->count = most - merged->first;
    unique->kept = *merged;
    unique->merged = kept;
    return true;
}

static bool merge(void *member, const struct ss_group_kind *kind, const void *other, struct ss_arena *arena)
{
    return merge_list(member, kind, &((const struct unique *)other)->kept, arena);
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    struct unique *unique = member;
    struct ss_sightings *read = unique ? &unique->read : NULL;
    if (!ss_sightings_decode(read, kind, limit(kind), reader, arena)) return false;
    if (!unique || reader->failed) return true;
    if (unique->kept.count > 0) return merge_list(unique, kind, read, arena);
    const struct ss_sightings empty = unique->kept;
    if (!reserve_slots(unique, read->count, arena)) return false;
    for (uint32_t i = 0; i < read->count; i++)
        if (!is_new(unique, kind->type, &ss_sightings_at(read, i)->value)) reader->failed = true;
    unique->kept = *read;
    unique->read = empty;
    return true;
}

static void clear(void *member)
{
    struct unique *unique = member;
    unique->kept.first = unique->kept.count = 0;
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    ss_sightings_encode(&((const struct unique *)member)->kept, kind, buffer);
}

const struct ss_member ss_member_unique_k = {
    "unique_k", sizeof(struct unique), add, take_back, merge, clear, encode, merge_bytes};

bool ss_unique_k_value(const void *member, const struct ss_group_kind *kind,
                       const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct unique *unique = member;
    return ss_sightings_list(&unique->kept, kind->type, true, (uint32_t)aggregate->k, arena, value);
}
