// The newest events of an entity. See recent.h; bytes: docs/FORMAT.md "Recent events".
//
//   recent := varint count, then events, oldest first
//   event  := zigzag (time - previous time), zigzag (seq - previous seq), then per group that is read:
//             mark(1): 0 does not pass, 1 passes without a value, 2 value, [second value]

#include "engine/recent.h"

#include "engine/base/time.h"
#include "engine/read_inline.h"
#include "engine/value_bytes.h"

#include <string.h>

enum mark { MARK_OUT, MARK_NULL, MARK_VALUE };

static int order(const struct ss_recent_event *a, int64_t event_time_us, uint64_t seq)
{
    if (a->event_time_us != event_time_us) return a->event_time_us < event_time_us ? -1 : 1;
    return (a->seq > seq) - (a->seq < seq);
}

// The number of events before (event_time, seq).
static uint32_t search(const struct ss_recent *recent, int64_t event_time_us, uint64_t seq)
{
    uint32_t low = 0, high = recent->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (order(&recent->events[recent->first + middle], event_time_us, seq) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// What the event is in the groups that are read.
static bool pick(const struct ss_view *view, const struct ss_event *event, struct ss_arena *arena,
                 struct ss_recent_event *picked)
{
    const size_t count = view->recent_group_count;
    bool *passes = ss_arena_array(arena, count, sizeof *passes);
    struct ss_value *values = ss_arena_array(arena, 2 * count, sizeof *values);
    if (!passes || !values) return false;
    for (size_t r = 0; r < count; r++) {
        const int g = view->recent_groups[r];
        passes[r] = event->passes[g];
        if (!passes[r]) continue;
        values[r] = event->values[g];
        if (!ss_value_own(view->groups[g].type, &values[r], arena)) return false;
        if (!view->groups[g].has_second) continue;
        values[count + r] = event->seconds[g];
        if (!ss_value_own(view->groups[g].second_type, &values[count + r], arena)) return false;
    }
    *picked = (struct ss_recent_event){event->event_time_us, event->seq, passes, values};
    return true;
}

static bool make_room(struct ss_recent *recent, struct ss_arena *arena)
{
    if (recent->first + recent->count < recent->capacity) return true;
    struct ss_recent_event *events = recent->events;
    if (recent->first <= recent->capacity / 2) {
        const uint32_t capacity = recent->count ? recent->count * 2 : 8;
        events = ss_arena_array(arena, capacity, sizeof *events);
        if (!events) return false;
        recent->capacity = capacity;
    }
    if (recent->count) memmove(events, recent->events + recent->first, recent->count * sizeof *events);
    recent->events = events;
    recent->first = 0;
    return true;
}

bool ss_recent_add(struct ss_recent *recent, const struct ss_view *view, const struct ss_event *event,
                   struct ss_arena *arena)
{
    uint32_t at = search(recent, event->event_time_us, event->seq);
    struct ss_recent_event picked;
    if (recent->count == view->recent_count) {
        if (at == 0) return true;
        recent->first++;
        recent->count--;
        at--;
    }
    if (!pick(view, event, arena, &picked) || !make_room(recent, arena)) return false;
    struct ss_recent_event *place = recent->events + recent->first + at;
    memmove(place + 1, place, (recent->count - at) * sizeof *place);
    *place = picked;
    recent->count++;
    return true;
}

void ss_recent_remove(struct ss_recent *recent, const struct ss_view *view, const struct ss_event *event)
{
    const bool full = recent->count == view->recent_count;
    const uint32_t at = search(recent, event->event_time_us, event->seq);
    struct ss_recent_event *place = recent->events + recent->first + at;
    if (at == 0 && full && order(place, event->event_time_us, event->seq) > 0) return;
    if (full || at == recent->count || order(place, event->event_time_us, event->seq) != 0) {
        recent->is_dirty = true;
        return;
    }
    memmove(place, place + 1, (recent->count - at - 1) * sizeof *place);
    recent->count--;
}

void ss_recent_clear(struct ss_recent *recent)
{
    recent->bytes = (struct ss_bytes){0};
    recent->first = recent->count = 0;
}

int64_t ss_recent_horizon(const struct ss_view *view, int64_t t_us)
{
    int64_t reach_us, horizon_us; // twice the window: a window starts up to one hop before t - W
    if (view->recent_retention_us == SS_HOP_ALL ||
        __builtin_mul_overflow(view->recent_retention_us, 2, &reach_us) ||
        __builtin_sub_overflow(t_us, reach_us, &horizon_us))
        return INT64_MIN;
    return horizon_us;
}

void ss_recent_prune(struct ss_recent *recent, const struct ss_view *view, int64_t t_us)
{
    const int64_t horizon_us = ss_recent_horizon(view, t_us);
    for (; recent->count && recent->events[recent->first].event_time_us < horizon_us; recent->count--)
        recent->first++;
}

bool ss_recent_fold(const struct ss_recent *recent, const struct ss_view *view, int64_t last_n,
                    int64_t from_us, const uint32_t *parts, struct ss_group_state *totals,
                    struct ss_arena *arena)
{
    const size_t count = view->recent_group_count;
    const uint32_t least = recent->count > last_n ? recent->count - (uint32_t)last_n : 0;
    for (uint32_t i = recent->count; i-- > least;) {
        const struct ss_recent_event *event = &recent->events[recent->first + i];
        if (event->event_time_us < from_us) break;
        for (size_t r = 0; r < count; r++) {
            const int g = view->recent_groups[r];
            const struct ss_group *group = &view->groups[g];
            const struct ss_group_kind kind = {group->type, group->argument >= 0, parts[g], 0, group};
            const struct ss_group_event of_group = {event->event_time_us, event->seq, event->values[r],
                                                    event->values[count + r]};
            if (!parts[g] || !event->passes[r]) continue;
            if (!ss_group_add(&totals[g], &kind, &of_group, arena)) return false;
        }
    }
    return true;
}

// ---- Bytes

void ss_recent_encode(const struct ss_recent *recent, const struct ss_view *view, struct ss_buffer *buffer)
{
    const size_t count = view->recent_group_count;
    struct ss_recent_event last = {0};
    if (recent->bytes.data) {
        ss_buffer_append(buffer, recent->bytes.data, recent->bytes.size);
        return;
    }
    ss_buffer_varint(buffer, recent->count);
    for (uint32_t i = 0; i < recent->count; i++) {
        const struct ss_recent_event *event = &recent->events[recent->first + i];
        ss_buffer_zigzag(buffer, event->event_time_us - last.event_time_us);
        ss_buffer_zigzag(buffer, (int64_t)(event->seq - last.seq));
        for (size_t r = 0; r < count; r++) {
            const struct ss_group *group = &view->groups[view->recent_groups[r]];
            const enum mark mark = !event->passes[r]           ? MARK_OUT
                                   : !event->values[r].present ? MARK_NULL
                                                               : MARK_VALUE;
            ss_buffer_byte(buffer, (uint8_t)mark);
            if (mark != MARK_VALUE) continue;
            ss_value_encode(group->type, &event->values[r], buffer);
            if (group->has_second) ss_value_encode(group->second_type, &event->values[count + r], buffer);
        }
        last = *event;
    }
}

static void decode_group(const struct ss_group *group, struct ss_reader *reader, bool *passes,
                         struct ss_value *value, struct ss_value *second)
{
    const uint8_t mark = ss_read_byte(reader);
    const bool valued = mark == MARK_VALUE && group->argument >= 0;
    *passes = mark != MARK_OUT;
    if (mark > MARK_VALUE || (mark == MARK_VALUE && !valued) || (mark == MARK_NULL && group->has_second))
        reader->failed = true;
    if (!valued || reader->failed) return;
    *value = ss_value_decode(group->type, reader);
    if (group->has_second) *second = ss_value_decode(group->second_type, reader);
}

static bool decode_event(const struct ss_view *view, struct ss_reader *reader, struct ss_arena *arena,
                         const struct ss_recent_event *before, struct ss_recent_event *event)
{
    const size_t count = view->recent_group_count;
    bool *passes = ss_arena_array(arena, count, sizeof *passes);
    struct ss_value *values = ss_arena_array(arena, 2 * count, sizeof *values);
    if (!passes || !values) return false;
    if (__builtin_add_overflow(before->event_time_us, ss_read_zigzag_inline(reader), &event->event_time_us))
        reader->failed = true;
    event->seq = before->seq + (uint64_t)ss_read_zigzag_inline(reader);
    for (size_t r = 0; r < count && !reader->failed; r++)
        decode_group(&view->groups[view->recent_groups[r]], reader, &passes[r], &values[r],
                     &values[count + r]);
    event->passes = passes;
    event->values = values;
    return true;
}

static enum ss_status damaged(struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED, "entity state: its recent events are damaged; rebuild the view");
}

enum ss_status ss_recent_open(struct ss_recent *recent, const struct ss_view *view, struct ss_arena *arena,
                              struct ss_error *error)
{
    const struct ss_recent_event zero = {0};
    const uint8_t *data = (const uint8_t *)recent->bytes.data;
    if (!data) return SS_OK;
    struct ss_reader reader = {data, data + recent->bytes.size, false};
    const uint64_t count = ss_read_varint_inline(&reader);
    if (reader.failed || count > (uint64_t)view->recent_count || count > recent->bytes.size)
        return damaged(error);
    struct ss_recent_event *events = ss_arena_array(arena, count + 1, sizeof *events);
    if (!events) return ss_fail_memory(error, "an entity's recent events");
    for (uint64_t i = 0; i < count; i++) {
        const struct ss_recent_event *before = i ? &events[i - 1] : &zero;
        if (!decode_event(view, &reader, arena, before, &events[i]))
            return ss_fail_memory(error, "an entity's recent events");
        if (reader.failed || events[i].event_time_us < SS_TIME_MIN_US ||
            events[i].event_time_us > SS_TIME_MAX_US ||
            (i && order(before, events[i].event_time_us, events[i].seq) >= 0))
            return damaged(error);
    }
    if (reader.failed || reader.at != reader.end) return damaged(error);
    *recent = (struct ss_recent){.count = (uint32_t)count, .capacity = (uint32_t)count + 1, .events = events};
    return SS_OK;
}
