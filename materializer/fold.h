// Fold: from history to online rows. The one way in which an online row comes to be: live commits, catching
// up after a crash, rebuilds and new view versions all read history by seq and fold here.
#ifndef SS_MATERIALIZER_FOLD_H
#define SS_MATERIALIZER_FOLD_H

#include "engine/state.h"
#include "materializer/materializer.h"

// Folds the events with after < seq <= upto of the view's source into the view's table within `txn`. Every
// later read is at a t greater than `past_us`, so tiles out of reach then are dropped. *rows_read: how many
// rows of history it took.
enum ss_status ss_fold_view(struct ss_store *store, struct ss_online_txn *txn, const struct ss_view *view,
                            uint64_t after, uint64_t upto, int64_t past_us, uint64_t *rows_read,
                            struct ss_error *error);

// Brings all live views from their applied seq to history's newest commit, in steps, each one online commit.
enum ss_status ss_catch_up(struct ss_materializer *materializer, uint64_t *rows_read, struct ss_error *error);

// Folds the dirty tiles of an entity's state again from history at a read point.
enum ss_status ss_refold(struct ss_history *history, const struct ss_view *view, const struct ss_value *key,
                         struct ss_read_point point, struct ss_state *state, struct ss_arena *arena,
                         struct ss_error *error);

#endif
