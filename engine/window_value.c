// The start of a window and the value of an aggregate. See window_value.h.

#include "engine/window_value.h"

#include "engine/base/planted.h"

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference;
    return __builtin_sub_overflow(a, b, &difference) ? INT64_MIN : difference;
}

int64_t ss_window_start(const struct ss_aggregate *aggregate, int64_t t_us)
{
    const int64_t start_us = minus(t_us, aggregate->window_us);
    if (aggregate->bound != SS_BOUND_WINDOW) return INT64_MIN;
    if (SS_PLANTED(hop_toward_zero)) return start_us - start_us % aggregate->hop_us;
    return ss_floor_to(start_us, aggregate->hop_us);
}

// Programs, answers and tables rely on values of their types: what damaged bytes hold stops here.
static enum ss_status bad_value(const struct ss_aggregate *aggregate, struct ss_error *error)
{
    char type[SS_TYPE_TEXT_SIZE];
    return ss_fail(error, SS_DAMAGED, "entity state: what %s gives is no %s; rebuild the view",
                   aggregate->text, ss_type_format(aggregate->type, type));
}

bool ss_window_is_expired(const struct ss_aggregate *aggregate, int64_t event_time_us, int64_t t_us)
{
    return aggregate->bound == SS_BOUND_WITHIN && event_time_us < minus(t_us, aggregate->window_us);
}

enum ss_status ss_window_value(const struct ss_view *view, const struct ss_aggregate *aggregate,
                               struct ss_group_state *total, uint32_t parts, int64_t t_us,
                               struct ss_arena *arena, struct ss_value *value, bool *expired,
                               struct ss_error *error)
{
    const struct ss_group_kind kind = ss_total_kind(view, aggregate->group, parts);
    if (!ss_group_value(total, &kind, aggregate, t_us, arena, value))
        return ss_fail_memory(error, "the value of a window");
    if (value->present && ss_window_has_bounds(aggregate->type) && !ss_value_valid(aggregate->type, *value))
        return bad_value(aggregate, error);
    if (!total->ends || !total->ends->last.there) return SS_OK;
    if (SS_PLANTED_ONLINE(ttl_ignored_online)) return SS_OK;
    *expired = ss_window_is_expired(aggregate, total->ends->last.event_time_us, t_us);
    if (*expired) *value = (struct ss_value){0};
    return SS_OK;
}
