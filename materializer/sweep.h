// Sweep: one entity's state as it was at one read point after another, t rising.
//
// Events stream in from history in event_time order. An event enters the state when it becomes visible (t
// past its event_time and, as-known, its arrival_time) and leaves it when its delete does. Those that came
// late wait in a heap.
#ifndef SS_MATERIALIZER_SWEEP_H
#define SS_MATERIALIZER_SWEEP_H

#include "engine/state.h"
#include "store/history.h"

struct ss_sweep;

// For one view; reused for any number of entities.
enum ss_status ss_sweep_create(struct ss_history *history, const struct ss_view *view,
                               struct ss_sweep **sweep, struct ss_error *error);
void ss_sweep_destroy(struct ss_sweep *sweep); // NULL is fine

// Starts with an entity: its key parts (borrowed until the next begin), the greatest t it will be read at,
// and s.
enum ss_status ss_sweep_begin(struct ss_sweep *sweep, const struct ss_value *key, int64_t last_t_us,
                              uint64_t s, bool as_of_event_time, struct ss_error *error);
// The state at t_us (not before the last one). Valid until the next call.
enum ss_status ss_sweep_at(struct ss_sweep *sweep, int64_t t_us, struct ss_state **state,
                           struct ss_error *error);

#endif
