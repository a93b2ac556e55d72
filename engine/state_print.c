// A state for people: one line per tile, its groups after it.

#include "engine/group_members.h"
#include "engine/state_internal.h"

static void print_members(const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    for (int i = 0; i < SS_MEMBER_COUNT; i++)
        if (kind->parts & SS_MEMBER_PART(i)) ss_buffer_format(buffer, " %s", ss_members[i]->name);
}

static void print_group(const struct ss_group_state *group, const struct ss_group_kind *kind, int number,
                        struct ss_buffer *buffer)
{
    ss_buffer_format(buffer, "  #%d n=%llu", number, (unsigned long long)group->n);
    if (group->n && group->n <= SS_GROUP_RAW && kind->has_argument && !ss_type_is_text(kind->type) &&
        (kind->parts & SS_GROUP_VALUE_PARTS)) {
        for (uint64_t i = 0; i < group->n; i++) {
            ss_buffer_text(buffer, i ? "," : " raw=");
            ss_value_format(kind->type, ss_scalar_value(kind->type.id, group->raw[i]), buffer);
        }
        print_members(kind, buffer);
        return;
    }
    static const struct {
        uint8_t part;
        const char *name;
    } names[] = {
        {SS_PART_S1, "s1"},       {SS_PART_S2, "s2"},     {SS_PART_MIN, "min"},          {SS_PART_MAX, "max"},
        {SS_PART_FIRST, "first"}, {SS_PART_LAST, "last"}, {SS_PART_DISTINCT, "distinct"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kind->parts & names[i].part) ss_buffer_format(buffer, " %s", names[i].name);
    print_members(kind, buffer);
    if ((kind->parts & SS_PART_DISTINCT) && group->n)
        ss_buffer_format(buffer, "=%lld%s", (long long)ss_distinct_count(group->distinct),
                         group->distinct->dense ? " (dense)" : "");
}

static enum ss_status print_tile(const struct ss_state *state, const struct ss_state_level *level,
                                 const struct ss_tile *tile, struct ss_buffer *buffer, struct ss_error *error)
{
    char hop[SS_TIME_TEXT_SIZE], start[SS_TIME_TEXT_SIZE];
    struct ss_group_state *groups = tile->groups;
    struct ss_buffer bytes = {0};
    if (tile->form == SS_TILE_ENCODED) SS_TRY(ss_tile_decode(state, level, tile, &groups, error));
    ss_tile_encode(state, level, tile, &bytes);
    if (level->plan->hop_us == SS_HOP_ALL)
        ss_buffer_format(buffer, "all");
    else
        ss_buffer_format(buffer, "%s %s", ss_duration_format(level->plan->hop_us, hop),
                         ss_time_format(ss_tile_start(level->plan, tile->index), start));
    ss_buffer_format(buffer, " %zu bytes", bytes.size);
    for (uint32_t k = 0; k < level->kept_count; k++) {
        const struct ss_group_kind kind = ss_tile_kind(state, level->plan, level->kept[k], tile->index);
        print_group(&groups[k], &kind, level->kept[k], buffer);
    }
    ss_buffer_byte(buffer, '\n');
    if (bytes.failed) buffer->failed = true;
    ss_buffer_release(&bytes);
    return SS_OK;
}

enum ss_status ss_state_print(const struct ss_state *state, struct ss_buffer *buffer, struct ss_error *error)
{
    SS_ASSERT(state->dirty_count == 0);
    for (size_t l = 0; l < state->view->level_count; l++) {
        const struct ss_state_level *level = &state->levels[l];
        for (uint32_t i = 0; i < level->count; i++)
            SS_TRY(print_tile(state, level, &level->tiles[level->first + i], buffer, error));
    }
    if (state->recent) {
        SS_TRY(ss_recent_open(state->recent, state->view, state->arena, error));
        ss_buffer_format(buffer, "recent %u events\n", state->recent->count);
    }
    return buffer->failed ? ss_fail_memory(error, "the printed state") : SS_OK;
}
