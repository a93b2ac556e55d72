// Apply and rebuild, in steps.
//
//   0. index   where a view needs an index by entity that history lacks, it is made beside the log
//   1. fill    the tables of new and changed views (in a rebuild, those asked for) are made from history, as
//              of the seq that is applied when this begins, beside whatever is live
//   2. follow  what was committed and applied since is folded into them by seq, until little is left
//   3. switch  one transaction folds that, lets the new tables take their places, drops those that nothing
//              reads any more and switches the live definitions
//
// Each step is a commit of its own, of bounded work; a store with few events needs but one. Between steps the
// store is written to and read as if nothing was going on: pushes go into the live tables by the live
// definitions. Readers in any process see the old tables and the old fingerprint until the switch
// commits, the new ones after, and never wait. A crash or a failure before that leaves everything as it was
// but for new tables and indexes, which nobody reads and the next open for writing drops. (ss_fill_all, which
// recovers a store that has lost its online rows, is one transaction.)
//
// The catalog keeps the new definitions before the switch (a reader that meets their fingerprint must find
// them) and notes which are live before it; an open for writing sets that right if the process dies in
// between.

#include "materializer/apply.h"

#include "materializer/fill.h"
#include "materializer/fold.h"

#include <stdlib.h>
#include <string.h>

#define STEP_ROWS 10000 // of history: 4 ms for a view of six features, 20 ms for heavy ones

struct ss_applying {
    struct ss_materializer *materializer;
    struct ss_definitions *definitions; // to be live, the caller's until they are; NULL: a rebuild
    struct ss_preparing *preparing;     // indexes; NULL: they are there
    struct ss_history *history;         // a handle for reading: a fill stands on it between steps
    struct ss_arena arena;
    const struct ss_view **views; // whose tables are made
    size_t view_count, filled;    // filled: how many of them are
    struct ss_fill *fill;         // of the next one; NULL: not begun
    uint64_t reached;             // the new tables hold what is known at this seq
    int64_t past_us;
    uint64_t step_rows, follow_rows; // follow_rows grows, so that steps outrun pushes
    bool done, failed;
};

static bool has_view(const struct ss_definitions *definitions, const struct ss_sha256 *fingerprint)
{
    for (size_t i = 0; definitions && i < definitions->view_count; i++)
        if (memcmp(&definitions->views[i].fingerprint, fingerprint, sizeof *fingerprint) == 0) return true;
    return false;
}

// ---- Beginning

// Views of one fingerprint have one table.
static void add_view(struct ss_applying *applying, const struct ss_view *view)
{
    for (size_t i = 0; i < applying->view_count; i++)
        if (memcmp(&applying->views[i]->fingerprint, &view->fingerprint, sizeof view->fingerprint) == 0)
            return;
    applying->views[applying->view_count++] = view;
}

// Where the fills begin.
static enum ss_status pin(struct ss_applying *applying, struct ss_error *error)
{
    const struct ss_store *store = applying->materializer->store;
    struct ss_online_txn *txn;
    struct ss_applied applied;
    SS_TRY(ss_history_open_again(store->history, &applying->history, error));
    SS_TRY(ss_online_read(store->online, &txn, error));
    const enum ss_status status = ss_online_applied(txn, &applied, error);
    ss_online_end(txn);
    SS_TRY(status);
    applying->reached = applied.seq;
    applying->past_us = applied.arrival_us;
    return SS_OK;
}

static enum ss_status begin(struct ss_materializer *materializer, struct ss_definitions *definitions,
                            const struct ss_view *const *views, size_t count, struct ss_applying **applying,
                            struct ss_error *error)
{
    enum ss_status status;
    struct ss_store *store = materializer->store;
    const int32_t step_rows = store->options.apply_step_rows;
    struct ss_applying *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "an apply");
    made->materializer = materializer;
    made->definitions = definitions;
    made->step_rows = made->follow_rows = step_rows > 0 ? (uint64_t)step_rows : STEP_ROWS;
    made->views = ss_arena_array(&made->arena, count + 1, sizeof *made->views);
    SS_TRY_GOTO(made->views ? SS_OK : ss_fail_memory(error, "an apply"), out);
    for (size_t i = 0; i < count; i++)
        if (!definitions || !has_view(materializer->definitions, &views[i]->fingerprint))
            add_view(made, views[i]);
    SS_TRY_GOTO(ss_drop_unfinished(store->online, error), out);
    if (definitions)
        SS_TRY_GOTO(ss_history_prepare_begin(store->history, definitions, &made->preparing, error), out);
    else
        SS_TRY_GOTO(pin(made, error), out);
    *applying = made;
    made = NULL;
out:
    ss_apply_end(made);
    return status;
}

static enum ss_status pointers_to_views(const struct ss_definitions *definitions, struct ss_arena *arena,
                                        const struct ss_view ***views, size_t *count, struct ss_error *error)
{
    *count = definitions ? definitions->view_count : 0;
    *views = ss_arena_array(arena, *count + 1, sizeof **views);
    if (!*views) return ss_fail_memory(error, "the views of an apply");
    for (size_t i = 0; i < *count; i++) (*views)[i] = &definitions->views[i];
    return SS_OK;
}

enum ss_status ss_apply_begin(struct ss_materializer *materializer, struct ss_definitions *definitions,
                              struct ss_applying **applying, struct ss_error *error)
{
    struct ss_arena arena = {0};
    const struct ss_view **views;
    size_t count;
    enum ss_status status = pointers_to_views(definitions, &arena, &views, &count, error);
    if (status == SS_OK) status = begin(materializer, definitions, views, count, applying, error);
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_rebuild_begin(struct ss_materializer *materializer, const struct ss_view *const *views,
                                size_t count, struct ss_applying **applying, struct ss_error *error)
{
    struct ss_arena arena = {0};
    const struct ss_view **all;
    size_t all_count;
    if (views) return begin(materializer, NULL, views, count, applying, error);
    enum ss_status status = pointers_to_views(materializer->definitions, &arena, &all, &all_count, error);
    if (status == SS_OK) status = begin(materializer, NULL, all, all_count, applying, error);
    ss_arena_release(&arena);
    return status;
}

// ---- Steps

static enum ss_status fill_tables(struct ss_applying *applying, struct ss_online_txn *txn,
                                  struct ss_error *error)
{
    uint64_t rows_left = applying->step_rows;
    while (applying->filled < applying->view_count) {
        const struct ss_view *view = applying->views[applying->filled];
        if (!applying->fill) {
            SS_TRY(ss_online_create_table(txn, &view->fingerprint, error));
            SS_TRY(ss_fill_open(applying->history, view, applying->reached, applying->past_us,
                                &applying->fill, error));
        }
        SS_TRY(ss_fill_some(applying->fill, txn, &rows_left, error));
        if (rows_left == 0) return SS_OK;
        ss_fill_close(applying->fill);
        applying->fill = NULL;
        applying->filled++;
    }
    return SS_OK;
}

static enum ss_status follow(struct ss_applying *applying, struct ss_online_txn *txn, uint64_t upto,
                             struct ss_error *error)
{
    uint64_t rows_read = 0;
    for (size_t i = 0; i < applying->view_count && applying->reached < upto; i++)
        SS_TRY(ss_fold_view(applying->history, txn, applying->views[i], applying->reached, upto,
                            applying->past_us, &rows_read, error));
    applying->reached = upto;
    return SS_OK;
}

static enum ss_status switch_tables(struct ss_applying *applying, struct ss_online_txn *txn,
                                    struct ss_applied *applied, struct ss_error *error)
{
    const struct ss_definitions *old = applying->materializer->definitions, *new = applying->definitions;
    SS_TRY(follow(applying, txn, applied->seq, error));
    for (size_t i = 0; i < applying->view_count; i++)
        SS_TRY(ss_online_adopt_table(txn, &applying->views[i]->fingerprint, error));
    if (!new) return SS_OK;
    for (size_t i = 0; old && i < old->view_count; i++)
        if (!has_view(new, &old->views[i].fingerprint))
            SS_TRY(ss_online_drop_table(txn, &old->views[i].fingerprint, error));
    applied->has_live = true;
    applied->live = new->fingerprint;
    return ss_online_set_applied(txn, applied, error);
}

// *last: the step is the switch.
static enum ss_status write_step(struct ss_applying *applying, struct ss_online_txn *txn, bool *last,
                                 struct ss_error *error)
{
    struct ss_applied applied;
    ss_online_use_new(txn, true);
    SS_TRY(ss_online_applied(txn, &applied, error));
    if (applying->filled < applying->view_count) {
        SS_TRY(fill_tables(applying, txn, error));
        if (applying->filled < applying->view_count) return SS_OK;
    } else if (applied.seq - applying->reached > applying->follow_rows) {
        SS_TRY(follow(applying, txn, applying->reached + applying->follow_rows, error));
        applying->follow_rows *= 2;
        return SS_OK;
    }
    *last = applied.seq - applying->reached <= applying->follow_rows;
    return *last ? switch_tables(applying, txn, &applied, error) : SS_OK;
}

// The note comes first: online rows may be lost with the machine, and then it alone says what is live. As
// long as they are there they say it, and an open for writing corrects a note whose switch never came.
static enum ss_status commit_switch(struct ss_applying *applying, struct ss_online_txn *txn,
                                    struct ss_error *error)
{
    struct ss_materializer *materializer = applying->materializer;
    struct ss_store *store = materializer->store;
    struct ss_definitions *new = applying->definitions, *old = materializer->definitions;
    enum ss_status status = new ? ss_catalog_set_live(store->history, &new->fingerprint, error) : SS_OK;
    if (status != SS_OK) {
        ss_online_end(txn);
        return status;
    }
    ss_store_fault_point(store, "apply_before_switch");
    status = ss_online_commit(txn, error);
    if (status != SS_OK && new &&old) (void)ss_catalog_set_live(store->history, &old->fingerprint, NULL);
    SS_TRY(status);
    ss_store_fault_point(store, "apply_after_switch");
    applying->done = true;
    if (!new) return SS_OK;
    ss_definitions_destroy(old);
    materializer->definitions = new;
    return SS_OK;
}

static enum ss_status prepare_step(struct ss_applying *applying, struct ss_error *error)
{
    bool prepared = false;
    SS_TRY(ss_history_prepare_step(applying->preparing, &prepared, error));
    if (!prepared) return SS_OK;
    ss_history_prepare_end(applying->preparing);
    applying->preparing = NULL;
    SS_TRY(ss_catalog_keep(applying->materializer->store->history, applying->definitions, error));
    return pin(applying, error);
}

static enum ss_status online_step(struct ss_applying *applying, struct ss_error *error)
{
    struct ss_store *store = applying->materializer->store;
    struct ss_online_txn *txn = NULL;
    bool last = false;
    enum ss_status status = ss_online_write(store->online, &txn, error);
    if (status == SS_OK) status = write_step(applying, txn, &last, error);
    if (status != SS_OK) {
        ss_online_end(txn);
    } else if (last) {
        status = commit_switch(applying, txn, error);
    } else {
        ss_store_fault_point(store, "apply_before_step");
        status = ss_online_commit(txn, error);
    }
    return status;
}

enum ss_status ss_apply_step(struct ss_applying *applying, bool *done, struct ss_error *error)
{
    SS_ASSERT(!applying->done && !applying->failed);
    enum ss_status status = applying->preparing ? prepare_step(applying, error) : SS_OK;
    if (status == SS_OK && !applying->preparing) status = online_step(applying, error);
    applying->failed = status != SS_OK;
    if (status == SS_OK) *done = applying->done;
    return status;
}

// ---- Ending

void ss_apply_end(struct ss_applying *applying)
{
    if (!applying) return;
    ss_fill_close(applying->fill);
    ss_history_close(applying->history);
    ss_history_prepare_end(applying->preparing);
    // What cannot be dropped now is dropped by the next open for writing, or the next apply.
    if (!applying->done) (void)ss_drop_unfinished(applying->materializer->store->online, NULL);
    ss_arena_release(&applying->arena);
    free(applying);
}

// ---- In one go

static enum ss_status take_steps(struct ss_applying *applying, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    for (bool done = false; status == SS_OK && !done;) status = ss_apply_step(applying, &done, error);
    ss_apply_end(applying);
    return status;
}

enum ss_status ss_apply(struct ss_materializer *materializer, struct ss_definitions *definitions,
                        struct ss_error *error)
{
    struct ss_applying *applying;
    SS_TRY(ss_apply_begin(materializer, definitions, &applying, error));
    return take_steps(applying, error);
}

enum ss_status ss_rebuild(struct ss_materializer *materializer, const struct ss_view *const *views,
                          size_t count, struct ss_error *error)
{
    struct ss_applying *applying;
    SS_TRY(ss_rebuild_begin(materializer, views, count, &applying, error));
    return take_steps(applying, error);
}
