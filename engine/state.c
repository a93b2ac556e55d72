// The state of one entity: levels of tiles, to which events are added and from which they are taken back.
//
// Every event goes to one tile of each level that keeps something of it; so late events just add, and no
// roll-up job exists. A tile that came from bytes is decoded when an event touches it. Where taking an event
// back is not exact, the tile turns dirty: its groups are then ignored until the caller has folded it again
// from history.
//
// Invariants: I1 a tile's events all lie in [start_us, start_us + hop_us).
//             I2 the tiles of one level are sorted by index, no two alike, none empty (but dirty ones may
//             be). I3 dirty_count is the number of dirty tiles.

#include "engine/state.h"

#include "engine/base/planted.h"
#include "engine/state_internal.h"

#include <string.h>

static void frame_level(struct ss_state_level *level, const struct ss_view *view, const struct ss_level *plan,
                        int *kept)
{
    level->plan = plan;
    level->kept = kept;
    for (size_t g = 0; g < view->group_count; g++)
        if (plan->parts[g]) kept[level->kept_count++] = (int)g;
}

struct ss_state *ss_state_frame(const struct ss_view *view, struct ss_arena *arena)
{
    struct ss_state *state = ss_arena_alloc(arena, sizeof *state);
    struct ss_state_level *levels = ss_arena_array(arena, view->level_count, sizeof *levels);
    int *kept = ss_arena_array(arena, view->level_count * view->group_count, sizeof *kept);
    struct ss_read_scratch *scratch = ss_arena_alloc(arena, sizeof *scratch);
    if (!state || !levels || !kept || !scratch) return NULL;
    for (size_t l = 0; l < view->level_count; l++)
        frame_level(&levels[l], view, &view->levels[l], kept + l * view->group_count);
    *state = (struct ss_state){.view = view, .arena = arena, .levels = levels, .scratch = scratch};
    if (view->recent_count) state->recent = ss_arena_alloc(arena, sizeof *state->recent);
    return view->recent_count && !state->recent ? NULL : state;
}

struct ss_state *ss_state_create(const struct ss_view *view, struct ss_arena *arena)
{
    return ss_state_frame(view, arena);
}

static int64_t tile_index(const struct ss_level *plan, int64_t time_us)
{
    if (plan->hop_us == SS_HOP_ALL) return 0;
    const int64_t quotient = time_us / plan->hop_us;
    return quotient - (time_us % plan->hop_us < 0);
}

// Of an event that is added.
static int64_t tile_of_event(const struct ss_state_level *level, int64_t time_us)
{
    const int64_t index = tile_index(level->plan, time_us);
    if (!SS_PLANTED(late_event_wrong_tile) || level->count == 0) return index;
    const int64_t newest = level->tiles[level->first + level->count - 1].index;
    return index < newest ? newest : index;
}

// The least tile index that a read at t_us or later can see.
static int64_t least_index(const struct ss_level *plan, int64_t t_us)
{
    int64_t start_us;
    if (plan->hop_us == SS_HOP_ALL || __builtin_sub_overflow(t_us, plan->retention_us, &start_us))
        return INT64_MIN;
    return tile_index(plan, start_us);
}

uint32_t ss_level_search(const struct ss_state_level *level, int64_t index)
{
    uint32_t low = level->first, high = level->first + level->count;
    if (low < high && level->tiles[high - 1].index < index) return high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (level->tiles[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct ss_tile *find(const struct ss_state_level *level, int64_t index)
{
    const uint32_t at = ss_level_search(level, index);
    return at < level->first + level->count && level->tiles[at].index == index ? &level->tiles[at] : NULL;
}

// Makes room for one more tile behind the last.
static bool make_room(struct ss_state *state, struct ss_state_level *level)
{
    if (level->first + level->count < level->capacity) return true;
    struct ss_tile *tiles = level->tiles;
    if (level->first <= level->capacity / 2) {
        const uint32_t capacity = level->count ? level->count * 2 : 4;
        tiles = ss_arena_array(state->arena, capacity, sizeof *tiles);
        if (!tiles) return false;
        level->capacity = capacity;
    }
    if (level->count) memmove(tiles, level->tiles + level->first, level->count * sizeof *tiles);
    level->tiles = tiles;
    level->first = 0;
    return true;
}

static struct ss_tile *insert(struct ss_state *state, struct ss_state_level *level, int64_t index)
{
    struct ss_group_state *groups = ss_arena_array(state->arena, level->kept_count, sizeof *groups);
    if (!groups || !make_room(state, level)) return NULL;
    const uint32_t at = ss_level_search(level, index);
    struct ss_tile *tile = &level->tiles[at];
    memmove(tile + 1, tile, (level->first + level->count - at) * sizeof *tile);
    level->count++;
    *tile = (struct ss_tile){.index = index, .groups = groups, .form = SS_TILE_OPEN};
    return tile;
}

static void drop(struct ss_state_level *level, struct ss_tile *tile)
{
    struct ss_tile *const end = level->tiles + level->first + level->count;
    memmove(tile, tile + 1, (size_t)(end - tile - 1) * sizeof *tile);
    level->count--;
}

static enum ss_status open_tile(const struct ss_state *state, const struct ss_state_level *level,
                                struct ss_tile *tile, struct ss_error *error)
{
    struct ss_group_state *groups;
    if (tile->form != SS_TILE_ENCODED) return SS_OK;
    SS_TRY(ss_tile_decode(state, level, tile, &groups, error));
    tile->groups = groups;
    tile->form = SS_TILE_OPEN;
    return SS_OK;
}

static bool touches(const struct ss_state *state, const struct ss_state_level *level, int group,
                    const struct ss_event *event)
{
    if (!event->passes[group]) return false;
    const struct ss_group_kind kind = ss_tile_kind(state, level->plan, group, 0);
    return ss_group_takes(&kind, &event->values[group]);
}

static bool touches_any(const struct ss_state *state, const struct ss_state_level *level,
                        const struct ss_event *event)
{
    for (uint32_t k = 0; k < level->kept_count; k++)
        if (touches(state, level, level->kept[k], event)) return true;
    return false;
}

static struct ss_group_event group_event(const struct ss_event *event, int group)
{
    return (struct ss_group_event){event->event_time_us, event->seq, event->values[group],
                                   event->seconds ? event->seconds[group] : (struct ss_value){0}};
}

static enum ss_status add_to_tile(struct ss_state *state, const struct ss_state_level *level,
                                  struct ss_tile *tile, const struct ss_event *event, struct ss_error *error)
{
    for (uint32_t k = 0; k < level->kept_count; k++) {
        const int group = level->kept[k];
        if (!touches(state, level, group, event)) continue;
        const struct ss_group_kind kind = ss_tile_kind(state, level->plan, group, tile->index);
        const struct ss_group_event of_group = group_event(event, group);
        if (!ss_group_add(&tile->groups[k], &kind, &of_group, state->arena))
            return ss_fail_memory(error, "an entity's state");
    }
    return SS_OK;
}

static enum ss_status check_time(int64_t event_time_us, struct ss_error *error)
{
    if (event_time_us >= SS_TIME_MIN_US && event_time_us <= SS_TIME_MAX_US) return SS_OK;
    return ss_fail(error, SS_DAMAGED, "event: event_time %lld lies outside the years 1 to 9999",
                   (long long)event_time_us);
}

static enum ss_status add_recent(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                                 struct ss_error *error)
{
    struct ss_recent *recent = state->recent;
    if (!recent || recent->is_dirty || event->event_time_us < ss_recent_horizon(state->view, horizon_us))
        return SS_OK;
    SS_TRY(ss_recent_open(recent, state->view, state->arena, error));
    return ss_recent_add(recent, state->view, event, state->arena)
               ? SS_OK
               : ss_fail_memory(error, "an entity's recent events");
}

static enum ss_status remove_recent(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                                    struct ss_error *error)
{
    struct ss_recent *recent = state->recent;
    if (!recent || recent->is_dirty || event->event_time_us < ss_recent_horizon(state->view, horizon_us))
        return SS_OK;
    SS_TRY(ss_recent_open(recent, state->view, state->arena, error));
    ss_recent_remove(recent, state->view, event);
    state->dirty_count += recent->is_dirty;
    return SS_OK;
}

enum ss_status ss_state_add(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                            struct ss_error *error)
{
    SS_TRY(check_time(event->event_time_us, error));
    SS_TRY(add_recent(state, event, horizon_us, error));
    for (size_t l = 0; l < state->view->level_count; l++) {
        struct ss_state_level *level = &state->levels[l];
        const int64_t index = tile_of_event(level, event->event_time_us);
        if (index < least_index(level->plan, horizon_us) || !touches_any(state, level, event)) continue;
        struct ss_tile *tile = find(level, index);
        if (!tile) tile = insert(state, level, index);
        if (!tile) return ss_fail_memory(error, "an entity's state");
        if (tile->form == SS_TILE_DIRTY) continue;
        SS_TRY(open_tile(state, level, tile, error));
        SS_TRY(add_to_tile(state, level, tile, event, error));
    }
    return SS_OK;
}

static bool tile_empty(const struct ss_state_level *level, const struct ss_tile *tile)
{
    for (uint32_t k = 0; k < level->kept_count; k++)
        if (!ss_group_empty(&tile->groups[k])) return false;
    return true;
}

static void make_dirty(struct ss_state *state, struct ss_tile *tile)
{
    tile->form = SS_TILE_DIRTY;
    state->dirty_count++;
}

static enum ss_status remove_from_tile(struct ss_state *state, struct ss_state_level *level,
                                       struct ss_tile *tile, const struct ss_event *event,
                                       struct ss_error *error)
{
    for (uint32_t k = 0; k < level->kept_count; k++) {
        const int group = level->kept[k];
        enum ss_group_removal removal;
        if (!touches(state, level, group, event)) continue;
        const struct ss_group_kind kind = ss_tile_kind(state, level->plan, group, tile->index);
        const struct ss_group_event of_group = group_event(event, group);
        if (!ss_group_remove(&tile->groups[k], &kind, &of_group, &removal, state->arena))
            return ss_fail_memory(error, "an entity's state");
        if (removal == SS_GROUP_REMOVED) continue;
        make_dirty(state, tile);
        return SS_OK;
    }
    if (tile_empty(level, tile)) drop(level, tile);
    return SS_OK;
}

enum ss_status ss_state_remove(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                               struct ss_error *error)
{
    SS_TRY(check_time(event->event_time_us, error));
    SS_TRY(remove_recent(state, event, horizon_us, error));
    for (size_t l = 0; l < state->view->level_count; l++) {
        struct ss_state_level *level = &state->levels[l];
        const int64_t index = tile_index(level->plan, event->event_time_us);
        if (index < least_index(level->plan, horizon_us) || !touches_any(state, level, event)) continue;
        struct ss_tile *tile = find(level, index);
        if (!tile) {
            tile = insert(state, level, index);
            if (!tile) return ss_fail_memory(error, "an entity's state");
            make_dirty(state, tile);
        }
        if (tile->form == SS_TILE_DIRTY) continue;
        SS_TRY(open_tile(state, level, tile, error));
        SS_TRY(remove_from_tile(state, level, tile, event, error));
    }
    return SS_OK;
}

bool ss_state_next_dirty(const struct ss_state *state, int *level_number, int64_t *start_us, int64_t *end_us)
{
    for (size_t l = 0; state->dirty_count && l < state->view->level_count; l++) {
        const struct ss_state_level *level = &state->levels[l];
        for (uint32_t i = 0; i < level->count; i++) {
            const struct ss_tile *tile = &level->tiles[level->first + i];
            if (tile->form != SS_TILE_DIRTY) continue;
            *level_number = (int)l;
            *start_us = ss_tile_start(level->plan, tile->index);
            *end_us = level->plan->hop_us == SS_HOP_ALL ? INT64_MAX : *start_us + level->plan->hop_us;
            return true;
        }
    }
    if (!state->recent || !state->recent->is_dirty) return false;
    *level_number = (int)state->view->level_count;
    *start_us = SS_TIME_MIN_US;
    *end_us = INT64_MAX;
    return true;
}

void ss_state_refold_begin(struct ss_state *state, int level_number, int64_t start_us)
{
    SS_ASSERT(!state->is_refolding);
    state->is_refolding = true;
    state->refold_level = NULL;
    if ((size_t)level_number == state->view->level_count) {
        ss_recent_clear(state->recent);
        return;
    }
    struct ss_state_level *level = &state->levels[level_number];
    const int64_t index = tile_index(level->plan, start_us);
    struct ss_tile *tile = find(level, index);
    SS_ASSERT(tile && tile->form == SS_TILE_DIRTY);
    for (uint32_t k = 0; k < level->kept_count; k++) ss_group_clear(&tile->groups[k]);
    state->refold_level = level;
    state->refold_index = index;
}

enum ss_status ss_state_refold_add(struct ss_state *state, const struct ss_event *event,
                                   struct ss_error *error)
{
    const struct ss_state_level *level = state->refold_level;
    SS_ASSERT(state->is_refolding);
    SS_TRY(check_time(event->event_time_us, error));
    if (!level)
        return ss_recent_add(state->recent, state->view, event, state->arena)
                   ? SS_OK
                   : ss_fail_memory(error, "an entity's recent events");
    if (tile_index(level->plan, event->event_time_us) != state->refold_index) return SS_OK;
    return add_to_tile(state, level, find(level, state->refold_index), event, error);
}

void ss_state_refold_end(struct ss_state *state)
{
    struct ss_state_level *level = state->refold_level;
    SS_ASSERT(state->is_refolding);
    state->is_refolding = false;
    state->dirty_count--;
    if (!level) {
        state->recent->is_dirty = false;
        return;
    }
    struct ss_tile *tile = find(level, state->refold_index);
    tile->form = SS_TILE_OPEN;
    if (tile_empty(level, tile)) drop(level, tile);
}

enum ss_status ss_state_prune(struct ss_state *state, int64_t t_us, struct ss_error *error)
{
    for (size_t l = 0; l < state->view->level_count; l++) {
        struct ss_state_level *level = &state->levels[l];
        const int64_t least = least_index(level->plan, t_us);
        for (; level->count && level->tiles[level->first].index < least; level->first++, level->count--)
            state->dirty_count -= level->tiles[level->first].form == SS_TILE_DIRTY;
        if (level->count == 0) level->first = 0;
    }
    if (!state->recent || state->recent->is_dirty || ss_recent_horizon(state->view, t_us) == INT64_MIN)
        return SS_OK;
    SS_TRY(ss_recent_open(state->recent, state->view, state->arena, error));
    ss_recent_prune(state->recent, state->view, t_us);
    return SS_OK;
}
