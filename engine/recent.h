// The newest events of an entity, one by one: what `over last N` reads.
//
// Kept are the newest `recent_count` events of the view by (event_time, seq), each with what it is in the
// groups that such aggregates read. As a value it depends on the multiset of events alone. An event that
// leaves a full list lets an older one in, which only history knows: the list is then dirty and folded again.
#ifndef SS_ENGINE_RECENT_H
#define SS_ENGINE_RECENT_H

#include "engine/group.h"
#include "engine/state.h"

struct ss_recent_event {
    int64_t event_time_us;
    uint64_t seq;
    const bool *passes;            // recent_group_count
    const struct ss_value *values; // recent_group_count arguments, then as many second ones
};

struct ss_recent {
    struct ss_bytes bytes; // as decoded, untouched; `data` NULL: the events are in `events`
    bool is_dirty;
    uint32_t first, count, capacity; // events[first .. first + count), oldest first
    struct ss_recent_event *events;
};

// What returns bool is false when out of memory. `view` keeps recent events (recent_count > 0).
enum ss_status ss_recent_open(struct ss_recent *recent, const struct ss_view *view, struct ss_arena *arena,
                              struct ss_error *error);
bool ss_recent_add(struct ss_recent *recent, const struct ss_view *view, const struct ss_event *event,
                   struct ss_arena *arena); // opened
void ss_recent_remove(struct ss_recent *recent, const struct ss_view *view, const struct ss_event *event);
void ss_recent_clear(struct ss_recent *recent);
// The oldest event_time that a read at t_us or later can see.
int64_t ss_recent_horizon(const struct ss_view *view, int64_t t_us);
void ss_recent_prune(struct ss_recent *recent, const struct ss_view *view, int64_t t_us); // opened
void ss_recent_encode(const struct ss_recent *recent, const struct ss_view *view, struct ss_buffer *buffer);
// Adds the newest `last_n` events of event_time >= from_us to the totals of the groups with parts[group].
bool ss_recent_fold(const struct ss_recent *recent, const struct ss_view *view, int64_t last_n,
                    int64_t from_us, const uint32_t *parts, struct ss_group_state *totals,
                    struct ss_arena *arena); // opened

#endif
