// Fold: from history to online rows.
//
// Events are read by seq in steps. Within a step an entity's row is read and decoded once, all its events are
// folded, and it is written once, in key order. A delete takes its event back; what a tile cannot take back
// exactly is folded again from history at exactly the seq that the step reaches.
//
// LMDB's bytes move under a write transaction, so a row's bytes are copied before they are decoded.

#include "materializer/fold.h"

#include "engine/base/planted.h"
#include "materializer/entity_states.h"
#include "materializer/fill.h"
#include "materializer/view_rows.h"

#include <stdlib.h>
#include <string.h>

#define STEP_ROWS 50000 // of history per online commit while catching up

struct row { // an entity touched in this step
    struct ss_bytes key;
    uint64_t hash;
    struct ss_state *state;
};

struct fold {
    struct ss_history *history;
    struct ss_online_txn *txn;
    const struct ss_view *view;
    int64_t past_us;
    struct ss_arena arena;
    struct ss_view_rows rows;
    struct row *touched; // open addressing, capacity a power of two
    size_t capacity, count;
    struct ss_buffer bytes;
};

struct ss_applied ss_applied_after(const struct ss_commit *commit, const struct ss_applied *before)
{
    struct ss_applied after = *before;
    after.seq = commit->last_seq;
    after.commit_id = commit->id;
    if (commit->arrival_us > after.arrival_us) after.arrival_us = commit->arrival_us;
    if (commit->newest_us > after.arrival_us) after.arrival_us = commit->newest_us;
    return after;
}

static enum ss_status grow(struct fold *fold, struct ss_error *error)
{
    const size_t capacity = fold->capacity ? fold->capacity * 2 : 1024;
    struct row *touched = calloc(capacity, sizeof *touched);
    if (!touched) return ss_fail_memory(error, "the rows of a fold");
    for (size_t i = 0; i < fold->capacity; i++) {
        if (!fold->touched[i].state) continue;
        size_t slot = fold->touched[i].hash & (capacity - 1);
        while (touched[slot].state) slot = (slot + 1) & (capacity - 1);
        touched[slot] = fold->touched[i];
    }
    free(fold->touched);
    fold->touched = touched;
    fold->capacity = capacity;
    return SS_OK;
}

static enum ss_status read_state(struct fold *fold, struct ss_bytes key, struct ss_state **state,
                                 struct ss_error *error)
{
    struct ss_bytes stored;
    SS_TRY(ss_online_get(fold->txn, &fold->view->fingerprint, key, &stored, error));
    if (!stored.data) {
        *state = ss_state_create(fold->view, &fold->arena);
        return *state ? SS_OK : ss_fail_memory(error, "an entity's state");
    }
    stored.data = ss_arena_copy(&fold->arena, stored.data, stored.size);
    if (!stored.data) return ss_fail_memory(error, "an entity's state");
    return ss_state_decode(fold->view, stored, &fold->arena, state, error);
}

static enum ss_status touch(struct fold *fold, const struct ss_key *key, struct ss_state **state,
                            struct ss_error *error)
{
    if (fold->count * 2 >= fold->capacity) SS_TRY(grow(fold, error));
    const struct ss_bytes bytes = {(const char *)key->bytes, key->size};
    const uint64_t hash = ss_hash64(key->bytes, key->size);
    size_t slot = hash & (fold->capacity - 1);
    for (; fold->touched[slot].state; slot = (slot + 1) & (fold->capacity - 1)) {
        if (fold->touched[slot].hash != hash || !ss_bytes_equal(fold->touched[slot].key, bytes)) continue;
        *state = fold->touched[slot].state;
        return SS_OK;
    }
    struct row row = {.key = {ss_arena_copy(&fold->arena, key->bytes, key->size), key->size}, .hash = hash};
    if (!row.key.data) return ss_fail_memory(error, "the key of a row");
    SS_TRY(read_state(fold, bytes, &row.state, error));
    fold->touched[slot] = row;
    fold->count++;
    *state = row.state;
    return SS_OK;
}

static enum ss_status fold_batch(struct fold *fold, const struct ss_event_batch *batch,
                                 struct ss_error *error)
{
    SS_TRY(ss_view_rows_load(&fold->rows, batch, error));
    for (int32_t row = 0; row < batch->length; row++) {
        struct ss_event event;
        struct ss_key key;
        struct ss_state *state = NULL;
        if (!ss_view_rows_event(&fold->rows, row, &event)) continue;
        if (ss_view_rows_key(&fold->rows, row, &key) != SS_KEY_OK) continue;
        SS_TRY(touch(fold, &key, &state, error));
        if (!batch->is_delete[row]) {
            SS_TRY(ss_state_add(state, &event, fold->past_us, error));
        } else {
            event.seq = batch->target_seq[row];
            SS_TRY(ss_state_remove(state, &event, fold->past_us, error));
        }
    }
    return SS_OK;
}

static int by_key(const void *a, const void *b)
{
    return ss_bytes_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static enum ss_status write_row(struct fold *fold, const struct row *row, uint64_t upto,
                                struct ss_error *error)
{
    const struct ss_read_point point = {.t_us = INT64_MAX, .s = upto, .as_of_event_time = true};
    struct ss_value parts[SS_MAX_KEYS];
    SS_TRY(ss_view_key_parts(fold->view, row->key, &fold->arena, parts, error));
    SS_TRY(ss_refold(fold->history, fold->view, parts, point, row->state, error));
    if (ss_state_empty(row->state))
        return ss_online_delete(fold->txn, &fold->view->fingerprint, row->key, error);
    SS_TRY(ss_state_prune(row->state, fold->past_us, error));
    ss_buffer_clear(&fold->bytes);
    SS_TRY(ss_state_encode(row->state, &fold->bytes, error));
    return ss_online_put(fold->txn, &fold->view->fingerprint, row->key,
                         (struct ss_bytes){(const char *)fold->bytes.data, fold->bytes.size}, error);
}

static enum ss_status write_rows(struct fold *fold, uint64_t upto, struct ss_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < fold->capacity; i++)
        if (fold->touched[i].state) fold->touched[count++] = fold->touched[i];
    if (count) qsort(fold->touched, count, sizeof *fold->touched, by_key);
    for (size_t i = 0; i < count; i++) SS_TRY(write_row(fold, &fold->touched[i], upto, error));
    return SS_OK;
}

enum ss_status ss_fold_view(struct ss_history *history, struct ss_online_txn *txn, const struct ss_view *view,
                            uint64_t after, uint64_t upto, int64_t past_us, uint64_t *rows_read,
                            struct ss_error *error)
{
    enum ss_status status;
    struct fold fold = {.history = history, .txn = txn, .view = view, .past_us = past_us};
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    bool *columns = ss_view_columns(view, &fold.arena);
    if (!columns) return ss_fail_memory(error, "the columns of a view");
    SS_TRY_GOTO(ss_view_rows_init(&fold.rows, view, error), out);
    SS_TRY_GOTO(ss_history_read_seq(history, view->source, after, upto, columns, &reader, error), out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        *rows_read += (uint64_t)batch->length;
        SS_TRY_GOTO(fold_batch(&fold, batch, error), out);
    }
    status = write_rows(&fold, upto, error);
out:
    if (reader) reader->close(reader);
    ss_view_rows_release(&fold.rows);
    ss_arena_release(&fold.arena);
    ss_buffer_release(&fold.bytes);
    free(fold.touched);
    return status;
}

enum ss_status ss_fill_all(struct ss_materializer *materializer, uint64_t *rows_read, struct ss_error *error)
{
    enum ss_status status;
    struct ss_store *store = materializer->store;
    const struct ss_definitions *definitions = materializer->definitions;
    struct ss_applied applied = {.arrival_us = SS_TIME_MIN_US};
    struct ss_online_txn *txn = NULL;
    struct ss_commit commit;
    SS_TRY(ss_history_newest_commit(store->history, &commit, error));
    if (commit.last_seq) applied = ss_applied_after(&commit, &applied);
    SS_TRY(ss_history_newest_time(store->history, &applied.arrival_us,
                                  error)); // of all commits, not of the newest alone
    applied.has_live = definitions != NULL;
    if (definitions) applied.live = definitions->fingerprint;
    SS_TRY_GOTO(ss_online_write(store->online, &txn, error), out);
    for (size_t i = 0; definitions && i < definitions->view_count; i++)
        SS_TRY_GOTO(ss_fill_view(store->history, txn, &definitions->views[i], applied.seq, applied.arrival_us,
                                 rows_read, error),
                    out);
    SS_TRY_GOTO(ss_online_set_applied(txn, &applied, error), out);
    status = ss_online_commit(txn, error);
    txn = NULL;
out:
    ss_online_end(txn);
    return status;
}

// As a store does that forgets that it may die between the two.
static enum ss_status note_applied_first(struct ss_store *store, const struct ss_applied *after,
                                         struct ss_error *error)
{
    struct ss_online_txn *txn = NULL;
    SS_TRY(ss_online_write(store->online, &txn, error));
    SS_TRY(ss_online_set_applied(txn, after, error));
    SS_TRY(ss_online_commit(txn, error));
    ss_store_fault_point(store, "online_before_commit");
    return SS_OK;
}

static enum ss_status catch_up_step(struct ss_materializer *materializer, const struct ss_applied *applied,
                                    const struct ss_commit *commit, uint64_t *rows_read,
                                    struct ss_error *error)
{
    enum ss_status status;
    struct ss_store *store = materializer->store;
    const struct ss_definitions *definitions = materializer->definitions;
    const struct ss_applied after = ss_applied_after(commit, applied);
    struct ss_online_txn *txn = NULL;
    if (SS_PLANTED(applied_before_rows)) SS_TRY(note_applied_first(store, &after, error));
    SS_TRY_GOTO(ss_online_write(store->online, &txn, error), out);
    for (size_t i = 0; definitions && i < definitions->view_count; i++)
        SS_TRY_GOTO(ss_fold_view(store->history, txn, &definitions->views[i], applied->seq, commit->last_seq,
                                 after.arrival_us, rows_read, error),
                    out);
    SS_TRY_GOTO(ss_online_set_applied(txn, &after, error), out);
    ss_store_fault_point(store, "online_before_commit");
    status = ss_online_commit(txn, error);
    txn = NULL;
out:
    ss_online_end(txn);
    return status;
}

// Is so much missing that making all rows anew, entity by entity, is less work?
static enum ss_status is_far_behind(struct ss_store *store, bool *far, struct ss_error *error)
{
    struct ss_online_txn *txn = NULL;
    struct ss_applied applied;
    struct ss_commit newest;
    SS_TRY(ss_online_read(store->online, &txn, error));
    const enum ss_status status = ss_online_applied(txn, &applied, error);
    ss_online_end(txn);
    SS_TRY(status);
    SS_TRY(ss_history_newest_commit(store->history, &newest, error));
    const uint64_t missing = newest.last_seq > applied.seq ? newest.last_seq - applied.seq : 0;
    *far = missing >= (uint64_t)ss_history_bulk_rows(store->history) && missing > newest.last_seq / 2;
    return SS_OK;
}

enum ss_status ss_catch_up(struct ss_materializer *materializer, uint64_t *rows_read, struct ss_error *error)
{
    struct ss_store *store = materializer->store;
    bool far;
    SS_TRY(is_far_behind(store, &far, error));
    if (far) return ss_fill_all(materializer, rows_read, error);
    for (;;) {
        struct ss_online_txn *txn = NULL;
        struct ss_applied applied;
        struct ss_commit commit;
        bool found;
        SS_TRY(ss_online_read(store->online, &txn, error));
        const enum ss_status status = ss_online_applied(txn, &applied, error);
        ss_online_end(txn);
        SS_TRY(status);
        SS_TRY(ss_history_find_commit(store->history, applied.seq + STEP_ROWS, &commit, &found, error));
        if (!found) SS_TRY(ss_history_newest_commit(store->history, &commit, error));
        if (commit.last_seq <= applied.seq) return SS_OK;
        SS_TRY(catch_up_step(materializer, &applied, &commit, rows_read, error));
    }
}
