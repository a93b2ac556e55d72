// The state of one entity in one view: tiles of every level, from which windows are folded.
//
// A state is a value that depends on the multiset of its events alone: its serialised form is canonical,
// whatever the order, batching and merging. In memory, a state lives in an arena that the caller owns; tiles
// that came from bytes stay bytes until they are touched. The same state serves a lookup (decode, read), an
// online commit (decode, add, encode) and a training row (add, remove, read).
//
// Invariants: I1 a tile's events all lie in [start_us, start_us + hop_us).
//             I2 the tiles of one level are sorted by start_us, no two alike, none empty.
//
// Format of the bytes: docs/FORMAT.md "Entity state".
#ifndef SS_ENGINE_STATE_H
#define SS_ENGINE_STATE_H

#include "engine/definitions.h"

// One event as the fold sees it: which groups it is in, and its argument of each. Made by ss_event_prepare.
struct ss_event {
    int64_t event_time_us;
    uint64_t seq;
    const bool *passes;             // group_count: does it pass the group's filter, and has both arguments?
    const struct ss_value *values;  // group_count: the argument (null if the group has none)
    const struct ss_value *seconds; // group_count: the second one; may be NULL where no group has one
};

// Reads row `row` of the row program's outputs. False when the event does not pass the view's `where`; then
// *event is untouched. The arrays are the caller's, group_count long; strings borrow from the columns.
bool ss_event_prepare(const struct ss_view *view, const struct ss_column *row_outputs, int32_t row,
                      int64_t event_time_us, uint64_t seq, bool *passes, struct ss_value *values,
                      struct ss_value *seconds, struct ss_event *event);

// A copy of the event with all it holds in the arena. False: out of memory.
bool ss_event_copy(const struct ss_view *view, const struct ss_event *event, struct ss_arena *arena,
                   struct ss_event *copy);

struct ss_state;

// An empty state in the arena. NULL when out of memory. The view must outlive it.
struct ss_state *ss_state_create(const struct ss_view *view, struct ss_arena *arena);

// From bytes (which must stay valid as long as the state). Checks every bound it walks over; damage is
// SS_DAMAGED.
enum ss_status ss_state_decode(const struct ss_view *view, struct ss_bytes bytes, struct ss_arena *arena,
                               struct ss_state **state, struct ss_error *error);

// The same into a state that was created or decoded and has only been read since: its memory serves once
// more. bytes.data NULL: it is empty then. After an error it is only good for this.
enum ss_status ss_state_decode_again(struct ss_state *state, struct ss_bytes bytes, struct ss_error *error);

// Adds an event to its tile in every level, except where that tile is already out of reach of a read at
// `horizon_us` or later (INT64_MIN: keep all). Copies strings. A tile that is dirty is left alone. After an
// error of this or any other function that changes it, the state is to be thrown away.
enum ss_status ss_state_add(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                            struct ss_error *error);

// Takes an event back. Where the tile cannot do that exactly (a minimum leaves, a dense sketch, a raw
// switch), the tile is marked dirty and must be folded again with ss_state_refold before the state is read or
// encoded.
enum ss_status ss_state_remove(struct ss_state *state, const struct ss_event *event, int64_t horizon_us,
                               struct ss_error *error);

// The next dirty tile, as [*start_us, *end_us) (end INT64_MAX for the level `all`), or, as level number
// level_count, the recent events. False: none.
bool ss_state_next_dirty(const struct ss_state *state, int *level, int64_t *start_us, int64_t *end_us);
// Empties the dirty tile; then ss_state_refold_add gives it its events one by one (events outside its span
// are ignored); ss_state_refold_end closes it (an empty tile goes).
void ss_state_refold_begin(struct ss_state *state, int level, int64_t start_us);
enum ss_status ss_state_refold_add(struct ss_state *state, const struct ss_event *event,
                                   struct ss_error *error);
void ss_state_refold_end(struct ss_state *state);

// Drops the tiles that no read at t_us or later can see.
enum ss_status ss_state_prune(struct ss_state *state, int64_t t_us, struct ss_error *error);

bool ss_state_empty(const struct ss_state *state); // no event counted: the view's net event count is 0
int64_t ss_state_event_count(const struct ss_state *state);                                // net, of all time
bool ss_state_newest(const struct ss_state *state, int64_t *event_time_us, uint64_t *seq); // false: no event

// Appends the canonical bytes. No tile may be dirty. A tile still in bytes is copied as it is.
enum ss_status ss_state_encode(const struct ss_state *state, struct ss_buffer *buffer,
                               struct ss_error *error);

// The values of all aggregates of the view at t: values[aggregate_count], expired[aggregate_count] (true: a
// `last .. within` whose latest event is past its ttl; value null). Every event in the state must be visible
// at t. `needed`: bitmap over aggregates, NULL: all; the others are null. Strings borrow from the state.
// Allocates from the state's arena only.
enum ss_status ss_state_read(const struct ss_state *state, int64_t t_us, const uint64_t *needed,
                             struct ss_value *values, bool *expired, struct ss_error *error);

// A copy in another arena (encode and decode): how the caller of a long sweep gives back what dropped tiles
// still hold. No tile may be dirty.
enum ss_status ss_state_move(const struct ss_state *state, struct ss_arena *to, struct ss_state **moved,
                             struct ss_error *error);

// For people (`dump`): one line per tile with its span, bytes and parts.
enum ss_status ss_state_print(const struct ss_state *state, struct ss_buffer *buffer, struct ss_error *error);

#endif
