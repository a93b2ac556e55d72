// What an aggregate sees and what it is: the start of its window, and its value over the total of its group.
//
// Shared by those who make the totals: from tiles (window.c) and from events (series_read.c).
#ifndef SS_ENGINE_WINDOW_VALUE_H
#define SS_ENGINE_WINDOW_VALUE_H

#include "engine/group.h"

// The least event_time that a read at t sees; INT64_MIN: no bound.
int64_t ss_window_start(const struct ss_aggregate *aggregate, int64_t t_us);

// Can bytes hold what the type does not allow? (Doubles are checked where they are decoded.)
static inline bool ss_window_has_bounds(struct ss_type type)
{
    return type.id == SS_DECIMAL || type.id == SS_TIMESTAMP || ss_type_is_text(type);
}

// Is the newest event too old for a `last .. within` at t?
bool ss_window_is_expired(const struct ss_aggregate *aggregate, int64_t event_time_us, int64_t t_us);

// Of a total over a window: `parts` are those that it keeps.
static inline struct ss_group_kind ss_total_kind(const struct ss_view *view, int group, uint32_t parts)
{
    const struct ss_group *of = &view->groups[group];
    return (struct ss_group_kind){of->type, of->argument >= 0, parts, 0, of};
}

// The value at t over the total of the aggregate's group; *expired turns true when it is a `last .. within`
// whose event is past its ttl. Damaged bytes may have given the total what the type does not allow: that is
// SS_DAMAGED.
enum ss_status ss_window_value(const struct ss_view *view, const struct ss_aggregate *aggregate,
                               struct ss_group_state *total, uint32_t parts, int64_t t_us,
                               struct ss_arena *arena, struct ss_value *value, bool *expired,
                               struct ss_error *error);

#endif
