// Sightings. See sightings.h.
//
// Events come mostly in their order and the oldest leave first: the list is a window that slides through its
// array and is moved to the front when it reaches the end.

#include "engine/sightings.h"

#include "engine/base/list.h"
#include "engine/read_inline.h"

uint32_t ss_sightings_search(const struct ss_sightings *list, const struct ss_sighting *sighting, bool *same)
{
    uint32_t low = 0, high = list->count;
    *same = false;
    if (high && ss_sighting_order(ss_sightings_at(list, high - 1), sighting) < 0) return high;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const int order = ss_sighting_order(ss_sightings_at(list, middle), sighting);
        if (order == 0) *same = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct ss_sightings *list, struct ss_arena *arena)
{
    struct ss_sighting *items = list->items;
    if (list->first + list->count < list->capacity) return true;
    if (list->first < list->count || list->first == 0) {
        const uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        items = ss_arena_array(arena, capacity, sizeof *items);
        if (!items) return false;
        list->capacity = capacity;
    }
    if (list->count) memmove(items, list->items + list->first, list->count * sizeof *items);
    list->items = items;
    list->first = 0;
    return true;
}

bool ss_sightings_insert(struct ss_sightings *list, uint32_t index, const struct ss_sighting *sighting,
                         struct ss_arena *arena)
{
    if (!make_room(list, arena)) return false;
    struct ss_sighting *at = ss_sightings_at(list, index);
    if (index < list->count) memmove(at + 1, at, (list->count - index) * sizeof *at);
    *at = *sighting;
    list->count++;
    return true;
}

void ss_sightings_erase(struct ss_sightings *list, uint32_t index)
{
    struct ss_sighting *at = ss_sightings_at(list, index);
    list->count--;
    if (index == 0)
        list->first++;
    else if (index < list->count)
        memmove(at, at + 1, (list->count - index) * sizeof *at);
}

bool ss_sightings_reserve(struct ss_sightings *list, uint32_t count, struct ss_arena *arena)
{
    list->first = list->count = 0;
    if (count <= list->capacity) return true;
    uint32_t capacity = 4;
    while (capacity < count) capacity *= 2;
    struct ss_sighting *items = ss_arena_array(arena, capacity, sizeof *items);
    if (!items) return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

const struct ss_sighting *ss_sightings_older(const struct ss_sightings *a, uint32_t *i,
                                             const struct ss_sightings *b, uint32_t *j)
{
    if (*i == a->count) return *j == b->count ? NULL : ss_sightings_at(b, (*j)++);
    if (*j == b->count) return ss_sightings_at(a, (*i)++);
    const struct ss_sighting *x = ss_sightings_at(a, *i), *y = ss_sightings_at(b, *j);
    const int order = ss_sighting_order(x, y);
    *i += order <= 0;
    *j += order >= 0;
    return order <= 0 ? x : y;
}

const struct ss_sighting *ss_sightings_newer(const struct ss_sightings *a, uint32_t *i,
                                             const struct ss_sightings *b, uint32_t *j)
{
    if (*i == 0) return *j == 0 ? NULL : ss_sightings_at(b, --*j);
    if (*j == 0) return ss_sightings_at(a, --*i);
    const struct ss_sighting *x = ss_sightings_at(a, *i - 1), *y = ss_sightings_at(b, *j - 1);
    const int order = ss_sighting_order(x, y);
    *i -= order >= 0;
    *j -= order <= 0;
    return order >= 0 ? x : y;
}

void ss_sightings_encode(const struct ss_sightings *list, const struct ss_group_kind *kind,
                         struct ss_buffer *buffer)
{
    ss_buffer_varint(buffer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct ss_sighting *sighting = ss_sightings_at(list, i), *before = sighting - 1;
        if (i == 0) {
            ss_buffer_zigzag(buffer, sighting->event_time_us - kind->origin_us);
            ss_buffer_varint(buffer, sighting->seq);
        } else {
            ss_buffer_varint(buffer, (uint64_t)sighting->event_time_us - (uint64_t)before->event_time_us);
            ss_buffer_zigzag(buffer, (int64_t)(sighting->seq - before->seq));
        }
        ss_value_encode(kind->type, &sighting->value, buffer);
    }
}

static void decode_one(const struct ss_group_kind *kind, bool first, const struct ss_sighting *before,
                       struct ss_reader *reader, struct ss_sighting *sighting)
{
    if (first) {
        if (__builtin_add_overflow(ss_read_zigzag_inline(reader), kind->origin_us, &sighting->event_time_us))
            reader->failed = true;
        sighting->seq = ss_read_varint_inline(reader);
    } else {
        const uint64_t later = ss_read_varint_inline(reader);
        sighting->event_time_us = (int64_t)((uint64_t)before->event_time_us + later);
        sighting->seq = before->seq + (uint64_t)ss_read_zigzag_inline(reader);
        if (ss_sighting_order(before, sighting) >= 0)
            reader->failed = true; // past the last time is before it
    }
    sighting->value = ss_value_decode(kind->type, reader);
}

bool ss_sightings_decode(struct ss_sightings *list, const struct ss_group_kind *kind, uint32_t most,
                         struct ss_reader *reader, struct ss_arena *arena)
{
    struct ss_sighting before = {0}, sighting;
    const uint64_t count = ss_read_varint_inline(reader);
    if (count == 0 || count > most) reader->failed = true;
    if (reader->failed) return true;
    if (list && !ss_sightings_reserve(list, (uint32_t)count, arena)) return false;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        decode_one(kind, i == 0, &before, reader, &sighting);
        before = sighting;
        if (list) list->items[list->count++] = sighting;
    }
    return true;
}

bool ss_sightings_list(const struct ss_sightings *list, struct ss_type type, bool newest, uint32_t most,
                       struct ss_arena *arena, struct ss_value *value)
{
    struct ss_buffer packed = {0};
    const uint32_t count = list->count < most ? list->count : most;
    for (uint32_t i = 0; i < count; i++)
        ss_list_append(type, ss_sightings_at(list, newest ? list->count - 1 - i : i)->value, &packed);
    const char *copy = packed.failed ? NULL : ss_arena_copy(arena, packed.data, packed.size);
    *value = (struct ss_value){.present = true, .text = {copy, packed.size}};
    ss_buffer_release(&packed);
    return copy != NULL;
}
