// What a state looks like in memory. For state*.c, window.c and lasts.c only.
#ifndef SS_ENGINE_STATE_INTERNAL_H
#define SS_ENGINE_STATE_INTERNAL_H

#include "engine/recent.h"

#define SS_STATE_FORMAT 2

enum ss_tile_form {
    SS_TILE_ENCODED, // `bytes`: as decoded, untouched
    SS_TILE_OPEN,    // `groups`
    SS_TILE_DIRTY    // `groups`, worthless until folded again
};

struct ss_tile {
    int64_t index; // start_us / hop_us; 0 in the level `all`
    union {
        const uint8_t *bytes;
        struct ss_group_state *groups; // one per kept group of the level
    };
    uint32_t size; // of bytes
    uint8_t form;
    uint8_t head_size; // of the head that stands before the bytes
};

struct ss_state_level {
    const struct ss_level *plan;
    const int *kept; // the groups that its tiles keep, ascending
    uint32_t kept_count;
    uint32_t first, count, capacity; // the tiles are tiles[first .. first + count)
    struct ss_tile *tiles;           // by index, no two alike
};

struct ss_read_scratch { // made by the first read, used by every later one; group_count entries each
    struct ss_group_state *totals;
    struct ss_group_state
        *running; // of a chain: what the tiles of its level that start at running_us or later give
    int64_t running_us;
    uint32_t *parts; // where not all aggregates are needed: what those of a fold need
    struct ss_fold_step *steps;
};

struct ss_state {
    const struct ss_view *view;
    struct ss_arena *arena;
    struct ss_state_level *levels; // level_count
    const uint8_t *bytes_end;      // of those it was decoded from
    struct ss_recent *recent;      // NULL: the view keeps none
    size_t dirty_count;            // tiles, and the recent events
    bool is_refolding;
    struct ss_state_level *refold_level; // NULL: the recent events
    int64_t refold_index;
    struct ss_read_scratch *scratch; // never NULL
};

static inline int64_t ss_tile_start(const struct ss_level *plan, int64_t index)
{
    return plan->hop_us == SS_HOP_ALL ? SS_TIME_MIN_US : index * plan->hop_us;
}

static inline struct ss_group_kind ss_tile_kind(const struct ss_state *state, const struct ss_level *plan,
                                                int group, int64_t tile_index)
{
    const struct ss_group *of = &state->view->groups[group];
    return (struct ss_group_kind){of->type,
                                  of->argument >= 0,
                                  plan->parts[group],
                                  plan->hop_us == SS_HOP_ALL ? 0 : tile_index * plan->hop_us,
                                  of,
                                  NULL};
}

// The first tile with an index of at least `index`, as a position in level->tiles.
uint32_t ss_level_search(const struct ss_state_level *level, int64_t index);
// A state without tiles.
struct ss_state *ss_state_frame(const struct ss_view *view, struct ss_arena *arena);
// The groups of an encoded tile.
enum ss_status ss_tile_decode(const struct ss_state *state, const struct ss_state_level *level,
                              const struct ss_tile *tile, struct ss_group_state **groups,
                              struct ss_error *error);
enum ss_status ss_tile_damaged(const struct ss_state_level *level, int64_t index, struct ss_error *error);
void ss_tile_encode(const struct ss_state *state, const struct ss_state_level *level,
                    const struct ss_tile *tile, struct ss_buffer *buffer);

#endif
