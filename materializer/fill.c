// Fill. An entity's state is folded from all its events that are known at `upto` and put once it is whole, so
// between two parts the table holds whole entities, in key order, and the one at work is in memory.

#include "materializer/fill.h"

#include "materializer/entity_states.h"

#include <stdlib.h>

struct ss_fill {
    const struct ss_view *view;
    int64_t past_us;
    struct ss_entity_states *states;
    struct ss_buffer bytes;
};

enum ss_status ss_fill_open(struct ss_history *history, const struct ss_view *view, uint64_t upto,
                            int64_t past_us, struct ss_fill **fill, struct ss_error *error)
{
    const struct ss_read_point point = {.t_us = SS_TIME_MAX_US + 1, .s = upto, .as_of_event_time = true};
    struct ss_fill *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "the rows of a view");
    opened->view = view;
    opened->past_us = past_us;
    const enum ss_status status =
        ss_entity_states_open(history, view, point, past_us, &opened->states, error);
    if (status == SS_OK)
        *fill = opened;
    else
        free(opened);
    return status;
}

void ss_fill_close(struct ss_fill *fill)
{
    if (!fill) return;
    ss_entity_states_close(fill->states);
    ss_buffer_release(&fill->bytes);
    free(fill);
}

static enum ss_status put_entity(struct ss_fill *fill, struct ss_online_txn *txn, const struct ss_key *key,
                                 struct ss_state *state, struct ss_error *error)
{
    SS_TRY(ss_state_prune(state, fill->past_us, error));
    ss_buffer_clear(&fill->bytes);
    SS_TRY(ss_state_encode(state, &fill->bytes, error));
    return ss_online_put(txn, &fill->view->fingerprint,
                         (struct ss_bytes){(const char *)key->bytes, key->size},
                         (struct ss_bytes){(const char *)fill->bytes.data, fill->bytes.size}, error);
}

enum ss_status ss_fill_some(struct ss_fill *fill, struct ss_online_txn *txn, uint64_t *rows_left,
                            struct ss_error *error)
{
    for (;;) {
        const struct ss_key *key;
        struct ss_state *state;
        SS_TRY(ss_entity_states_next(fill->states, rows_left, &key, &state, error));
        if (!state) return SS_OK;
        SS_TRY(put_entity(fill, txn, key, state, error));
    }
}

enum ss_status ss_fill_view(struct ss_history *history, struct ss_online_txn *txn, const struct ss_view *view,
                            uint64_t upto, int64_t past_us, uint64_t *rows_read, struct ss_error *error)
{
    struct ss_fill *fill;
    uint64_t rows_left = UINT64_MAX;
    SS_TRY(ss_online_create_table(txn, &view->fingerprint, error));
    SS_TRY(ss_fill_open(history, view, upto, past_us, &fill, error));
    const enum ss_status status = ss_fill_some(fill, txn, &rows_left, error);
    *rows_read += UINT64_MAX - rows_left;
    ss_fill_close(fill);
    return status;
}

enum ss_status ss_drop_unfinished(struct ss_online *online, struct ss_error *error)
{
    struct ss_online_txn *txn;
    bool any;
    SS_TRY(ss_online_write(online, &txn, error));
    const enum ss_status status = ss_online_drop_new(txn, &any, error);
    if (status == SS_OK && any) return ss_online_commit(txn, error);
    ss_online_end(txn);
    return status;
}
