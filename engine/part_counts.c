// How often each value was seen: a tally while there are at most `cap` different values, beyond that only
// that there were more. Which of the two it is depends on the set of values alone.
//
//   varint number of different values, each with its count | 0: more than cap
//
// A value is taken back by its count. Where there were more than cap, only the events know what is left.

#include "engine/parts.h"
#include "engine/read_inline.h"
#include "engine/tally.h"

#define FEW 8 // a tally so many times smaller is taken in value by value

struct counts {
    bool over;
    struct ss_tally kept;
    struct ss_tally read, merged; // scratch
};

static uint32_t cap(const struct ss_group_kind *kind)
{
    return (uint32_t)kind->group->cap;
}

static void give_up(struct counts *counts)
{
    counts->over = true;
    counts->kept.count = 0;
}

// `owned`: the text is copied if it is kept.
static bool count_value(struct counts *counts, const struct ss_group_kind *kind, struct ss_tally_entry entry,
                        uint64_t times, bool owned, struct ss_arena *arena)
{
    bool found;
    if (counts->over) return true;
    const uint32_t index = ss_tally_search(&counts->kept, &entry, &found);
    if (found) {
        counts->kept.counts[index] += times;
        return true;
    }
    if (counts->kept.count == cap(kind)) {
        give_up(counts);
        return true;
    }
    if (owned && ss_type_is_text(kind->type)) {
        entry.text.data = ss_arena_copy(arena, entry.text.data, entry.text.size);
        if (!entry.text.data) return false;
    }
    return ss_tally_insert(&counts->kept, kind->type, index, &entry, times, arena);
}

static bool add(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                struct ss_arena *arena)
{
    return count_value(member, kind, ss_tally_entry(kind->type, &event->value), 1, true, arena);
}

static bool take_back(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      enum ss_group_removal *removal, struct ss_arena *arena)
{
    struct counts *counts = member;
    const struct ss_tally_entry entry = ss_tally_entry(kind->type, &event->value);
    bool found;
    (void)arena;
    const uint32_t index = ss_tally_search(&counts->kept, &entry, &found);
    *removal = found && !counts->over ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
    if (*removal == SS_GROUP_REMOVED && --counts->kept.counts[index] == 0)
        ss_tally_erase(&counts->kept, index);
    return true;
}

static bool merge_tally(struct counts *counts, const struct ss_group_kind *kind, const struct ss_tally *other,
                        struct ss_arena *arena)
{
    bool fits;
    if (other->count <= counts->kept.count / FEW) {
        for (uint32_t i = 0; i < other->count; i++) {
            const struct ss_tally_entry entry = {other->words[i],
                                                 other->texts ? other->texts[i] : (struct ss_bytes){0}};
            if (!count_value(counts, kind, entry, other->counts[i], false, arena)) return false;
        }
        return true;
    }
    if (!ss_tally_unite(&counts->kept, other, kind->type, cap(kind), &counts->merged, &fits, arena))
        return false;
    const struct ss_tally before = counts->kept;
    counts->kept = counts->merged;
    counts->merged = before;
    if (!fits) give_up(counts);
    return true;
}

static bool merge(void *member, const struct ss_group_kind *kind, const void *from, struct ss_arena *arena)
{
    struct counts *counts = member;
    const struct counts *other = from;
    if (other->over) give_up(counts);
    return counts->over || merge_tally(counts, kind, &other->kept, arena);
}

static void clear(void *member)
{
    struct counts *counts = member;
    counts->over = false;
    counts->kept.count = 0;
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    const struct counts *counts = member;
    ss_tally_encode(&counts->kept, kind->type, buffer);
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    struct counts *counts = member;
    const uint64_t count = ss_read_varint_inline(reader);
    if (count > cap(kind)) reader->failed = true;
    if (reader->failed) return true;
    if (counts && count == 0) give_up(counts);
    if (!counts || counts->over) return ss_tally_decode(NULL, kind->type, (uint32_t)count, reader, arena);
    const bool alone = counts->kept.count == 0;
    struct ss_tally *read = alone ? &counts->kept : &counts->read;
    if (!ss_tally_decode(read, kind->type, (uint32_t)count, reader, arena)) return false;
    return alone || reader->failed || merge_tally(counts, kind, read, arena);
}

const struct ss_member ss_member_counts = {
    "counts", sizeof(struct counts), add, take_back, merge, clear, encode, merge_bytes};

const struct ss_tally *ss_counts_tally(const void *member, const struct ss_aggregate *aggregate)
{
    const struct counts *counts = member;
    const bool within = !counts->over && counts->kept.count <= (uint32_t)aggregate->cap;
    return within && counts->kept.count > 0 ? &counts->kept : NULL;
}
