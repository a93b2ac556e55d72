// What stands beside the least or the greatest: the argument of the event whose second argument is least
// (min_by) or greatest (max_by), of several such events that of the newest by (event_time, seq).
//
//   zigzag (event_time - start of the tile), varint seq, second argument, argument
//
// Which event is kept is the greatest in one total order, so it depends on the set of events alone. When it
// is taken back, only the events know who comes next.

#include "engine/base/planted.h"
#include "engine/parts.h"
#include "engine/read_inline.h"
#include "engine/value_bytes.h"

struct by {
    bool there;
    int64_t event_time_us;
    uint64_t seq;
    struct ss_value by, value;
};

static inline struct ss_type by_type(const struct ss_group_kind *kind)
{
    return kind->group->second_type;
}

// < 0: the kept event stays before this one, > 0: this one takes its place, 0: it is this one.
static int against(const struct by *kept, bool greatest, struct ss_type type, const struct by *other)
{
    if (!kept->there) return 1;
    const int order = ss_value_compare(type, &other->by, &kept->by);
    if (order != 0) return greatest ? order : -order;
    if (other->event_time_us != kept->event_time_us)
        return other->event_time_us > kept->event_time_us ? 1 : -1;
    if (SS_PLANTED(tie_by_arrival)) return 0;
    return (other->seq > kept->seq) - (other->seq < kept->seq);
}

static bool add(struct by *kept, bool greatest, const struct ss_group_kind *kind,
                const struct ss_group_event *event, struct ss_arena *arena)
{
    struct by added = {true, event->event_time_us, event->seq, event->second, event->value};
    if (against(kept, greatest, by_type(kind), &added) <= 0) return true;
    if (!ss_value_own(by_type(kind), &added.by, arena) || !ss_value_own(kind->type, &added.value, arena))
        return false;
    *kept = added;
    return true;
}

static void take_back(const struct by *kept, bool greatest, const struct ss_group_kind *kind,
                      const struct ss_group_event *event, enum ss_group_removal *removal)
{
    const struct by gone = {true, event->event_time_us, event->seq, event->second, event->value};
    *removal = against(kept, greatest, by_type(kind), &gone) < 0 ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
}

static void merge(struct by *kept, bool greatest, const struct ss_group_kind *kind, const struct by *other)
{
    if (other->there && against(kept, greatest, by_type(kind), other) > 0) *kept = *other;
}

static void merge_bytes(struct by *kept, bool greatest, const struct ss_group_kind *kind,
                        struct ss_reader *reader)
{
    struct by read = {.there = true};
    if (__builtin_add_overflow(ss_read_zigzag_inline(reader), kind->origin_us, &read.event_time_us))
        reader->failed = true;
    read.seq = ss_read_varint_inline(reader);
    read.by = ss_value_decode(by_type(kind), reader);
    read.value = ss_value_decode(kind->type, reader);
    if (kept && !reader->failed) merge(kept, greatest, kind, &read);
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    const struct by *kept = member;
    ss_buffer_zigzag(buffer, kept->event_time_us - kind->origin_us);
    ss_buffer_varint(buffer, kept->seq);
    ss_value_encode(by_type(kind), &kept->by, buffer);
    ss_value_encode(kind->type, &kept->value, buffer);
}

static void clear(void *member)
{
    *(struct by *)member = (struct by){0};
}

static bool add_least(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      struct ss_arena *arena)
{
    return add(member, false, kind, event, arena);
}

static bool add_greatest(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                         struct ss_arena *arena)
{
    return add(member, true, kind, event, arena);
}

static bool remove_least(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                         enum ss_group_removal *removal, struct ss_arena *arena)
{
    (void)arena;
    take_back(member, false, kind, event, removal);
    return true;
}

static bool remove_greatest(void *member, const struct ss_group_kind *kind,
                            const struct ss_group_event *event, enum ss_group_removal *removal,
                            struct ss_arena *arena)
{
    (void)arena;
    take_back(member, true, kind, event, removal);
    return true;
}

static bool merge_least(void *member, const struct ss_group_kind *kind, const void *other,
                        struct ss_arena *arena)
{
    (void)arena;
    merge(member, false, kind, other);
    return true;
}

static bool merge_greatest(void *member, const struct ss_group_kind *kind, const void *other,
                           struct ss_arena *arena)
{
    (void)arena;
    merge(member, true, kind, other);
    return true;
}

static bool merge_bytes_least(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                              struct ss_arena *arena)
{
    (void)arena;
    merge_bytes(member, false, kind, reader);
    return true;
}

static bool merge_bytes_greatest(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                                 struct ss_arena *arena)
{
    (void)arena;
    merge_bytes(member, true, kind, reader);
    return true;
}

const struct ss_member ss_member_least_by = {
    "least_by", sizeof(struct by), add_least, remove_least, merge_least, clear, encode, merge_bytes_least};
const struct ss_member ss_member_greatest_by = {"greatest_by",   sizeof(struct by),   add_greatest,
                                                remove_greatest, merge_greatest,      clear,
                                                encode,          merge_bytes_greatest};

bool ss_by_value(const void *member, const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                 struct ss_arena *arena, struct ss_value *value)
{
    (void)kind, (void)aggregate, (void)arena;
    *value = ((const struct by *)member)->value;
    return true;
}
