// The event at hand (DESIGN section 3): a lookup or spine row may carry one row of a source. The value is
// then what it would be with that row among the visible events, as the newest one, at t - 1 µs. Nothing is
// stored.
#ifndef SS_MATERIALIZER_EVENT_AT_HAND_H
#define SS_MATERIALIZER_EVENT_AT_HAND_H

#include "engine/state.h"

// Rows of one source, one per row of a lookup or spine. A zeroed struct: no row carries an event.
struct ss_events_at_hand {
    const struct ss_source *source;
    // column_count columns of the source. One of length 0 was not given: it is the service's key of its name
    // and type, else null. Those of event_time, op and arrival are never given: ss_at_hand_takes.
    const struct ss_column *columns;
    const bool *carries; // per row; NULL: every row carries one
};

// May this column of a source be given? The others follow from what an event at hand is.
bool ss_at_hand_takes(const struct ss_source *source, int column);

// The same with the service's keys (a column each) where such columns were not given. False: out of memory.
bool ss_at_hand_complete(const struct ss_service *service, const struct ss_column *keys,
                         const struct ss_events_at_hand *events, struct ss_arena *arena,
                         struct ss_events_at_hand *complete);

// What the events at hand (complete) are to one view, for up to SS_BATCH_ROWS rows.
struct ss_view_at_hand {
    const struct ss_view *view; // NULL: nothing to add
    struct ss_column *outputs;  // of the row program
    bool *is_there;             // [row]: it carries an event of this row's own entity
    bool *passes;
    struct ss_value *values, *seconds;
};

// rows[i]: which of the events row i has; NULL: the i-th. `keys` (of the view's entity) and `t`: columns of
// `length` rows. All of it in the arena.
enum ss_status ss_view_at_hand_make(const struct ss_view *view, const struct ss_events_at_hand *events,
                                    const int64_t *rows, int32_t length, const struct ss_column *const *keys,
                                    const struct ss_column *t, struct ss_arena *arena,
                                    struct ss_view_at_hand *made, struct ss_error *error);
// Does the row carry an event that the view sees? Then it is `event`, valid until the next call.
bool ss_view_at_hand_event(struct ss_view_at_hand *at_hand, int32_t row, int64_t t_us,
                           struct ss_event *event);

#endif
