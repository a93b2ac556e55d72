// Fold: from history to online rows. The one way in which a live online row comes to be: commits, and
// catching up after a crash, read history by seq and fold here; rebuilds and new view versions are filled
// entity by entity.
#ifndef SS_MATERIALIZER_FOLD_H
#define SS_MATERIALIZER_FOLD_H

#include "materializer/materializer.h"

// What an online store holds once a commit is folded: its seq and id; later reads are at a t greater than
// arrival_us.
struct ss_applied ss_applied_after(const struct ss_commit *commit, const struct ss_applied *before);

// Folds the events with after < seq <= upto of the view's source into the view's table within `txn`. Every
// later read is at a t greater than `past_us`, so tiles out of reach then are dropped. Adds the rows of
// history it took to *rows_read.
enum ss_status ss_fold_view(struct ss_history *history, struct ss_online_txn *txn, const struct ss_view *view,
                            uint64_t after, uint64_t upto, int64_t past_us, uint64_t *rows_read,
                            struct ss_error *error);

// Makes the tables of all live views anew at history's newest commit, in one transaction.
enum ss_status ss_fill_all(struct ss_materializer *materializer, uint64_t *rows_read, struct ss_error *error);

// Brings all live views from their applied seq to history's newest commit, in steps, each one online commit;
// or makes them anew, where more than half of history is missing.
// Adds the rows of history it took to *rows_read.
enum ss_status ss_catch_up(struct ss_materializer *materializer, uint64_t *rows_read, struct ss_error *error);

#endif
