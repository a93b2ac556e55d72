// Entity states straight from history: every entity of a view at one read point, or one entity's tiles again.
#ifndef SS_MATERIALIZER_ENTITY_STATES_H
#define SS_MATERIALIZER_ENTITY_STATES_H

#include "engine/key.h"
#include "engine/state.h"
#include "store/history.h"

// Calls `each` for every entity of the view that has a visible event at `point`, in key order, with its state
// folded from history; tiles out of reach of a read at horizon_us or later are left out. The state is valid
// until `each` returns. Stops when it fails. *rows_read (may be NULL) counts the rows of history it took.
enum ss_status ss_each_entity_state(struct ss_history *history, const struct ss_view *view,
                                    struct ss_read_point point, int64_t horizon_us,
                                    enum ss_status (*each)(void *context, const struct ss_key *key,
                                                           struct ss_state *state, struct ss_error *error),
                                    void *context, uint64_t *rows_read, struct ss_error *error);

// The same as a reader, which may stand between two calls while others write; not while this handle does.
// The view is borrowed.
struct ss_entity_states;
enum ss_status ss_entity_states_open(struct ss_history *history, const struct ss_view *view,
                                     struct ss_read_point point, int64_t horizon_us,
                                     struct ss_entity_states **states, struct ss_error *error);
// The next entity, valid until the next call. *state NULL: there is none (*rows_left > 0), or *rows_left
// rows of history were taken before it was whole; the next call goes on. Counts *rows_left down.
enum ss_status ss_entity_states_next(struct ss_entity_states *states, uint64_t *rows_left,
                                     const struct ss_key **key, struct ss_state **state,
                                     struct ss_error *error);
void ss_entity_states_close(struct ss_entity_states *states); // NULL is fine

// Folds the dirty tiles of an entity's state again from history at a read point.
enum ss_status ss_refold(struct ss_history *history, const struct ss_view *view, const struct ss_value *key,
                         struct ss_read_point point, struct ss_state *state, struct ss_error *error);

#endif
