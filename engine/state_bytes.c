// The state of one entity as bytes (docs/FORMAT.md "Entity state").
//
//   version(1) = 2
//   per level of the plan, finest first, `all` last:
//     varint tile count | zigzag index of the first tile | tiles
//   the recent events, where the view keeps them (recent.c)
//   tile: varint size << 1 | gap, [varint index - previous index - 2 if gap], `size` bytes: the kept groups
//
// A tile without a gap is the next one after the previous (the first has none). Decoding walks the frame and
// leaves the tiles in bytes, but for the first group of `all`, which says how many events there are.

#include "engine/read_inline.h"
#include "engine/state_internal.h"

#include <string.h>

enum ss_status ss_tile_damaged(const struct ss_state_level *level, int64_t index, struct ss_error *error)
{
    char hop[SS_TIME_TEXT_SIZE], start[SS_TIME_TEXT_SIZE];
    if (level->plan->hop_us == SS_HOP_ALL)
        return ss_fail(error, SS_DAMAGED, "entity state: the tile of all time is damaged; rebuild the view");
    return ss_fail(error, SS_DAMAGED, "entity state: the %s tile at %s is damaged; rebuild the view",
                   ss_duration_format(level->plan->hop_us, hop),
                   ss_time_format(ss_tile_start(level->plan, index), start));
}

enum ss_status ss_tile_decode(const struct ss_state *state, const struct ss_state_level *level,
                              const struct ss_tile *tile, struct ss_group_state **groups,
                              struct ss_error *error)
{
    struct ss_reader reader = {tile->bytes, tile->bytes + tile->size, false};
    struct ss_group_newest newest = {0};
    struct ss_group_state *decoded = ss_arena_array(state->arena, level->kept_count, sizeof *decoded);
    if (!decoded) return ss_fail_memory(error, "an entity's state");
    for (uint32_t k = 0; k < level->kept_count && !reader.failed; k++) {
        struct ss_group_kind kind = ss_tile_kind(state, level->plan, level->kept[k], tile->index);
        kind.newest = &newest;
        if (!ss_group_merge_bytes(&decoded[k], &kind, kind.parts, &reader, state->arena))
            return ss_fail_memory(error, "an entity's state");
    }
    if (reader.failed || reader.at != reader.end) return ss_tile_damaged(level, tile->index, error);
    *groups = decoded;
    return SS_OK;
}

void ss_tile_encode(const struct ss_state *state, const struct ss_state_level *level,
                    const struct ss_tile *tile, struct ss_buffer *buffer)
{
    if (tile->form == SS_TILE_ENCODED) {
        ss_buffer_append(buffer, tile->bytes, tile->size);
        return;
    }
    struct ss_group_newest newest = {0};
    for (uint32_t k = 0; k < level->kept_count; k++) {
        struct ss_group_kind kind = ss_tile_kind(state, level->plan, level->kept[k], tile->index);
        kind.newest = &newest;
        ss_group_encode(&tile->groups[k], &kind, buffer);
    }
}

// Puts the tile's head before its body, which stands at `body` to the end of the buffer.
static void prepend_head(struct ss_buffer *buffer, size_t body, uint64_t gap)
{
    uint8_t head[20];
    const size_t end = buffer->size;
    ss_buffer_varint(buffer, (uint64_t)(end - body) << 1 | (gap != 0));
    if (gap) ss_buffer_varint(buffer, gap - 1);
    if (buffer->failed) return;
    const size_t size = buffer->size - end;
    memcpy(head, buffer->data + end, size);
    memmove(buffer->data + body + size, buffer->data + body, end - body);
    memcpy(buffer->data + body, head, size);
}

// Does the tile still follow the one before it, both untouched? Then its head still holds too.
static inline bool follows(const struct ss_tile *tile)
{
    return tile[-1].form == SS_TILE_ENCODED && tile->form == SS_TILE_ENCODED &&
           tile[-1].bytes + tile[-1].size + tile->head_size == tile->bytes;
}

static void encode_level(const struct ss_state *state, const struct ss_state_level *level,
                         struct ss_buffer *buffer)
{
    ss_buffer_varint(buffer, level->count);
    if (level->count == 0) return;
    const struct ss_tile *const tiles = level->tiles + level->first;
    ss_buffer_zigzag(buffer, tiles[0].index);
    for (uint32_t i = 0; i < level->count && !buffer->failed;) {
        const uint64_t gap = i ? (uint64_t)tiles[i].index - (uint64_t)tiles[i - 1].index - 1 : 0;
        const size_t body = buffer->size;
        ss_tile_encode(state, level, &tiles[i], buffer);
        prepend_head(buffer, body, gap);
        const uint32_t run = ++i;
        while (i < level->count && follows(&tiles[i])) i++;
        if (i == run) continue;
        const uint8_t *from = tiles[run].bytes - tiles[run].head_size;
        ss_buffer_append(buffer, from, (size_t)(tiles[i - 1].bytes + tiles[i - 1].size - from));
    }
}

enum ss_status ss_state_encode(const struct ss_state *state, struct ss_buffer *buffer, struct ss_error *error)
{
    SS_ASSERT(state->dirty_count == 0);
    ss_buffer_byte(buffer, SS_STATE_FORMAT);
    for (size_t l = 0; l < state->view->level_count; l++) encode_level(state, &state->levels[l], buffer);
    if (state->recent) ss_recent_encode(state->recent, state->view, buffer);
    return buffer->failed ? ss_fail_memory(error, "an entity's state as bytes") : SS_OK;
}

static enum ss_status damaged_level(const struct ss_state_level *level, const char *what,
                                    struct ss_error *error)
{
    char hop[SS_TIME_TEXT_SIZE];
    const bool all = level->plan->hop_us == SS_HOP_ALL;
    return ss_fail(error, SS_DAMAGED, "entity state: level %s is damaged (%s); rebuild the view",
                   all ? "all" : ss_duration_format(level->plan->hop_us, hop), what);
}

// One tile's frame; `index` is the previous tile's (of the first: its own).
static inline bool decode_tile(bool first, int64_t index, struct ss_reader *reader, struct ss_tile *tile)
{
    const uint8_t *const start = reader->at;
    const uint64_t head = ss_read_varint_inline(reader);
    const uint64_t gap = head & 1 ? ss_read_varint_inline(reader) : 0;
    if ((first && (head & 1)) || gap > (uint64_t)INT64_MAX - 2 || head >> 1 > UINT32_MAX) return false;
    const int64_t step = first ? 0 : head & 1 ? (int64_t)gap + 2 : 1;
    if (__builtin_add_overflow(index, step, &tile->index)) return false;
    tile->size = (uint32_t)(head >> 1);
    tile->head_size = (uint8_t)(reader->at - start);
    tile->bytes = ss_read_span_inline(reader, head >> 1);
    tile->form = SS_TILE_ENCODED;
    return tile->bytes != NULL && tile->size > 0;
}

// The common case of decode_tile, not of a first tile: a head of one byte, and one more for a gap. Returns
// where the tile ends; NULL: it is not.
static inline const uint8_t *decode_short(const uint8_t *at, const uint8_t *end, int64_t index,
                                          struct ss_tile *tile)
{
    if (end - at < 2 || at[0] & 0x80 || index > INT64_MAX - 0x82) return NULL;
    const uint32_t size = at[0] >> 1;
    uint8_t head_size = 1;
    if (at[0] & 1) { // a branch, which the processor foresees, so that it need not wait for the byte
        if (at[1] & 0x80) return NULL;
        index += at[1] + 1;
        head_size = 2;
    }
    at += head_size;
    if (size == 0 || size > (size_t)(end - at)) return NULL;
    tile->index = index + 1;
    tile->bytes = at;
    tile->size = size;
    tile->form = SS_TILE_ENCODED;
    tile->head_size = head_size;
    return at + size;
}

static bool decode_tiles(struct ss_tile *tiles, uint64_t count, int64_t index, struct ss_reader *reader)
{
    if (!decode_tile(true, index, reader, &tiles[0])) return false;
    const uint8_t *at = reader->at;
    for (uint64_t i = 1; i < count; i++) {
        const uint8_t *after = decode_short(at, reader->end, tiles[i - 1].index, &tiles[i]);
        if (!after) {
            reader->at = at;
            if (!decode_tile(false, tiles[i - 1].index, reader, &tiles[i])) return false;
            after = reader->at;
        }
        at = after;
    }
    reader->at = at;
    return true;
}

static bool indices_possible(const struct ss_level *plan, int64_t first, int64_t last)
{
    if (plan->hop_us == SS_HOP_ALL) return first == 0 && last == 0;
    return first >= SS_TIME_MIN_US / plan->hop_us - 1 && last <= SS_TIME_MAX_US / plan->hop_us;
}

static enum ss_status decode_level(struct ss_state *state, struct ss_state_level *level,
                                   struct ss_reader *reader, struct ss_error *error)
{
    const uint64_t count = ss_read_varint_inline(reader);
    if (reader->failed || count > (uint64_t)(reader->end - reader->at) / 2 || count > UINT32_MAX / 4)
        return damaged_level(level, "its tile count", error);
    if (count == 0) return SS_OK;
    const int64_t index = ss_read_zigzag_inline(reader);
    if (level->capacity < count) {
        level->tiles = ss_arena_array(state->arena, count, sizeof *level->tiles);
        level->capacity = level->tiles ? (uint32_t)count : 0;
    }
    if (!level->tiles) return ss_fail_memory(error, "an entity's state");
    if (!decode_tiles(level->tiles, count, index, reader))
        return damaged_level(level, "the frame of its tiles", error);
    if (!indices_possible(level->plan, level->tiles[0].index, level->tiles[count - 1].index))
        return damaged_level(level, "its times", error);
    level->count = (uint32_t)count;
    return SS_OK;
}

// Group 0 of the level `all`, where it is in bytes or open. False: no events.
static bool read_group_zero(const struct ss_state *state, struct ss_group_state *group,
                            struct ss_group_ends *ends, bool *damaged)
{
    const struct ss_state_level *level = &state->levels[state->view->level_count - 1];
    *damaged = false;
    if (level->count == 0 || level->kept_count == 0 || level->kept[0] != 0) return false;
    const struct ss_tile *tile = &level->tiles[level->first];
    if (tile->form != SS_TILE_ENCODED) {
        *group = tile->groups[0];
        return true;
    }
    struct ss_reader reader = {tile->bytes, tile->bytes + tile->size, false};
    const struct ss_group_kind kind = ss_tile_kind(state, level->plan, 0, 0);
    *group = (struct ss_group_state){.ends = ends};
    ss_group_merge_bytes(group, &kind, SS_PART_N | SS_PART_LAST, &reader, state->arena);
    *damaged = reader.failed;
    return !reader.failed;
}

bool ss_state_newest(const struct ss_state *state, int64_t *event_time_us, uint64_t *seq)
{
    struct ss_group_state group;
    struct ss_group_ends ends = {0};
    bool damaged;
    if (!read_group_zero(state, &group, &ends, &damaged) || !group.ends || !group.ends->last.there)
        return false;
    *event_time_us = group.ends->last.event_time_us;
    *seq = group.ends->last.seq;
    return true;
}

int64_t ss_state_event_count(const struct ss_state *state)
{
    struct ss_group_state group;
    struct ss_group_ends ends = {0};
    bool damaged;
    return read_group_zero(state, &group, &ends, &damaged) ? (int64_t)group.n : 0;
}

bool ss_state_empty(const struct ss_state *state)
{
    return ss_state_event_count(state) == 0;
}

static enum ss_status decode_levels(struct ss_state *state, struct ss_reader *reader, struct ss_error *error)
{
    const uint8_t version = ss_read_byte(reader);
    if (reader->failed) return ss_fail(error, SS_DAMAGED, "entity state: it has no bytes; rebuild the view");
    if (version != SS_STATE_FORMAT)
        return ss_fail(error, SS_DAMAGED, "entity state: expected format %d, got %d; rebuild the view",
                       SS_STATE_FORMAT, version);
    for (size_t l = 0; l < state->view->level_count; l++)
        SS_TRY(decode_level(state, &state->levels[l], reader, error));
    if (state->recent) {
        state->recent->bytes =
            (struct ss_bytes){(const char *)reader->at, (size_t)(reader->end - reader->at)};
        reader->at = reader->end;
    }
    if (reader->at == reader->end) return SS_OK;
    return ss_fail(error, SS_DAMAGED, "entity state: %zu bytes follow its end; rebuild the view",
                   (size_t)(reader->end - reader->at));
}

enum ss_status ss_state_decode_again(struct ss_state *state, struct ss_bytes bytes, struct ss_error *error)
{
    const uint8_t *data = (const uint8_t *)bytes.data;
    struct ss_reader reader = {data, data + bytes.size, false};
    struct ss_group_state group;
    struct ss_group_ends ends = {0};
    bool damaged;
    for (size_t l = 0; l < state->view->level_count; l++) state->levels[l].first = state->levels[l].count = 0;
    if (state->recent) *state->recent = (struct ss_recent){0};
    if (!data) return SS_OK;
    state->bytes_end = reader.end;
    SS_TRY(decode_levels(state, &reader, error));
    read_group_zero(state, &group, &ends, &damaged);
    return damaged ? damaged_level(&state->levels[state->view->level_count - 1], "its event count", error)
                   : SS_OK;
}

enum ss_status ss_state_decode(const struct ss_view *view, struct ss_bytes bytes, struct ss_arena *arena,
                               struct ss_state **state, struct ss_error *error)
{
    struct ss_state *decoded = ss_state_frame(view, arena);
    if (!decoded) return ss_fail_memory(error, "an entity's state");
    SS_TRY(ss_state_decode_again(decoded, bytes.data ? bytes : (struct ss_bytes){"", 0}, error));
    *state = decoded;
    return SS_OK;
}

enum ss_status ss_state_move(const struct ss_state *state, struct ss_arena *to, struct ss_state **moved,
                             struct ss_error *error)
{
    struct ss_buffer buffer = {0};
    struct ss_bytes bytes;
    enum ss_status status;
    SS_TRY_GOTO(ss_state_encode(state, &buffer, error), out);
    bytes = (struct ss_bytes){ss_arena_copy(to, buffer.data, buffer.size), buffer.size};
    status = bytes.data ? ss_state_decode(state->view, bytes, to, moved, error)
                        : ss_fail_memory(error, "an entity's state");
out:
    ss_buffer_release(&buffer);
    return status;
}
