// Fill: the table of a view anew from history, entity by entity, in one go or a part at a time.
#ifndef SS_MATERIALIZER_FILL_H
#define SS_MATERIALIZER_FILL_H

#include "engine/definitions.h"
#include "store/history.h"
#include "store/online.h"

struct ss_fill;

// As of seq <= upto; every later read is at a t greater than past_us. The view is borrowed, and the handle
// may not write before the fill is closed.
enum ss_status ss_fill_open(struct ss_history *history, const struct ss_view *view, uint64_t upto,
                            int64_t past_us, struct ss_fill **fill, struct ss_error *error);
// Puts the next entities into the view's table within `txn` (of each part another one, if one likes), until
// *rows_left, which it counts down, rows of history are taken or (*rows_left > 0) the table is whole. After a
// failure it can only be closed.
enum ss_status ss_fill_some(struct ss_fill *fill, struct ss_online_txn *txn, uint64_t *rows_left,
                            struct ss_error *error);
void ss_fill_close(struct ss_fill *fill); // NULL is fine

// Makes the view's table, or empties it, and fills it, all within `txn`. Adds the rows of history it took to
// *rows_read.
enum ss_status ss_fill_view(struct ss_history *history, struct ss_online_txn *txn, const struct ss_view *view,
                            uint64_t upto, int64_t past_us, uint64_t *rows_read, struct ss_error *error);

// Drops the new tables that an apply or a rebuild has left which did not come to its end.
enum ss_status ss_drop_unfinished(struct ss_online *online, struct ss_error *error);

#endif
