// Events as the fold sees them. See state.h.

#include "engine/state.h"

bool ss_event_prepare(const struct ss_view *view, const struct ss_column *row_outputs, int32_t row,
                      int64_t event_time_us, uint64_t seq, bool *passes, struct ss_value *values,
                      struct ss_value *seconds, struct ss_event *event)
{
    if (view->where >= 0) {
        const struct ss_value where = ss_column_get(&row_outputs[view->where], row);
        if (!where.present || !where.boolean) return false;
    }
    for (size_t g = 0; g < view->group_count; g++) {
        const struct ss_group *group = &view->groups[g];
        passes[g] = true;
        if (group->filter >= 0) {
            const struct ss_value filter = ss_column_get(&row_outputs[group->filter], row);
            passes[g] = filter.present && filter.boolean;
        }
        values[g] = passes[g] && group->argument >= 0 ? ss_column_get(&row_outputs[group->argument], row)
                                                      : (struct ss_value){0};
        seconds[g] = (struct ss_value){0};
        if (!group->has_second || !values[g].present) {
            passes[g] = passes[g] && !group->has_second;
            continue;
        }
        seconds[g] = ss_column_get(&row_outputs[group->second], row);
        passes[g] = seconds[g].present;
    }
    *event = (struct ss_event){event_time_us, seq, passes, values, seconds};
    return true;
}

static bool copy_values(const struct ss_view *view, const struct ss_value *values, bool second,
                        struct ss_arena *arena, const struct ss_value **copies)
{
    struct ss_value *made = ss_arena_copy(arena, values, view->group_count * sizeof *made);
    if (!made) return false;
    for (size_t g = 0; g < view->group_count; g++) {
        const struct ss_group *group = &view->groups[g];
        const bool has_value = second ? group->has_second : group->argument >= 0;
        if (!has_value || !made[g].present || !ss_type_is_text(second ? group->second_type : group->type))
            continue;
        made[g].text.data = ss_arena_copy(arena, made[g].text.data, made[g].text.size);
        if (!made[g].text.data) return false;
    }
    *copies = made;
    return true;
}

bool ss_event_copy(const struct ss_view *view, const struct ss_event *event, struct ss_arena *arena,
                   struct ss_event *copy)
{
    struct ss_event made = {.event_time_us = event->event_time_us, .seq = event->seq};
    made.passes = ss_arena_copy(arena, event->passes, view->group_count * sizeof *made.passes);
    if (!made.passes || !copy_values(view, event->values, false, arena, &made.values)) return false;
    if (event->seconds && !copy_values(view, event->seconds, true, arena, &made.seconds)) return false;
    *copy = made;
    return true;
}
