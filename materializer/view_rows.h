// The events of one batch as one view sees them: its row program run once over the batch, then row by row.
#ifndef SS_MATERIALIZER_VIEW_ROWS_H
#define SS_MATERIALIZER_VIEW_ROWS_H

#include "engine/event_batch.h"
#include "engine/key.h"
#include "engine/state.h"

struct ss_view_rows {
    const struct ss_view *view;
    const struct ss_event_batch *batch; // loaded last
    struct ss_arena arena;              // of the run over that batch
    struct ss_column *outputs;
    const struct ss_column **inputs;
    bool *passes;
    struct ss_value *values, *seconds;
};

// A zeroed struct may be released. On failure nothing is held.
enum ss_status ss_view_rows_init(struct ss_view_rows *rows, const struct ss_view *view,
                                 struct ss_error *error);
void ss_view_rows_release(struct ss_view_rows *rows);

// Runs the row program over the batch, which must stay valid while its rows are read.
enum ss_status ss_view_rows_load(struct ss_view_rows *rows, const struct ss_event_batch *batch,
                                 struct ss_error *error);
// False when the row does not pass the view's `where`. The event is valid until the next call.
bool ss_view_rows_event(struct ss_view_rows *rows, int32_t row, struct ss_event *event);
// The row's entity; anything but SS_KEY_OK is in no entity of the view.
enum ss_key_result ss_view_rows_key(const struct ss_view_rows *rows, int32_t row, struct ss_key *key);
// The key parts of an encoded key of the view's entity: strings borrow from it, bytes may be in the arena.
enum ss_status ss_view_key_parts(const struct ss_view *view, struct ss_bytes key, struct ss_arena *arena,
                                 struct ss_value *parts, struct ss_error *error);
// Which columns of the source a read for this view must fill: column_count + 1 flags, the key columns too. In
// the arena.
bool *ss_view_columns(const struct ss_view *view, struct ss_arena *arena);

#endif
