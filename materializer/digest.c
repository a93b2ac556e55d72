// Digest: one hash over the canonical states of all entities of a view at one (t, s). Online from the rows as
// they lie there, offline from history alone; the two must be equal.

#include "materializer/compare.h"

#include "engine/key.h"
#include "materializer/entity_states.h"

#include <string.h>

struct digesting {
    const struct ss_view *view;
    struct ss_digest *digest;
    struct ss_buffer bytes;
    struct ss_arena arena;
    struct ss_error *error;
};

// sum += hash, both as 256-bit little-endian numbers.
static void add_hash(struct ss_sha256 *sum, const struct ss_sha256 *hash)
{
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof sum->bytes; i++) {
        carry += (unsigned)sum->bytes[i] + hash->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static enum ss_status add_entity(struct digesting *digesting, struct ss_bytes key, struct ss_state *state,
                                 struct ss_error *error)
{
    if (ss_state_empty(state)) return SS_OK;
    SS_TRY(ss_state_prune(state, digesting->digest->t_us, error));
    ss_buffer_clear(&digesting->bytes);
    ss_buffer_varint(&digesting->bytes, key.size);
    ss_buffer_append(&digesting->bytes, key.data, key.size);
    SS_TRY(ss_state_encode(state, &digesting->bytes, error));
    if (digesting->bytes.failed) return ss_fail_memory(error, "a digest");
    const struct ss_sha256 hash = ss_sha256_of(digesting->bytes.data, digesting->bytes.size);
    add_hash(&digesting->digest->hash, &hash);
    digesting->digest->entities++;
    return SS_OK;
}

static enum ss_status each_row(void *context, struct ss_bytes key, struct ss_bytes bytes)
{
    struct digesting *digesting = context;
    struct ss_state *state;
    ss_arena_reset(&digesting->arena);
    SS_TRY(ss_state_decode(digesting->view, bytes, &digesting->arena, &state, digesting->error));
    return add_entity(digesting, key, state, digesting->error);
}

enum ss_status ss_digest_online(struct ss_online_txn *txn, const struct ss_view *view, int64_t t_us,
                                uint64_t s, struct ss_digest *digest, struct ss_error *error)
{
    struct ss_digest filled = {.t_us = t_us, .s = s};
    struct digesting digesting = {.view = view, .digest = &filled, .error = error};
    const enum ss_status status = ss_online_scan(txn, &view->fingerprint, each_row, &digesting, error);
    if (status == SS_OK) *digest = filled;
    ss_buffer_release(&digesting.bytes);
    ss_arena_release(&digesting.arena);
    return status;
}

static enum ss_status each_state(void *context, const struct ss_key *key, struct ss_state *state,
                                 struct ss_error *error)
{
    return add_entity(context, (struct ss_bytes){(const char *)key->bytes, key->size}, state, error);
}

enum ss_status ss_digest_offline(struct ss_history *history, const struct ss_view *view,
                                 struct ss_read_point point, struct ss_digest *digest, struct ss_error *error)
{
    struct ss_digest filled = {.t_us = point.t_us, .s = point.s};
    struct digesting digesting = {.view = view, .digest = &filled, .error = error};
    const enum ss_status status =
        ss_each_entity_state(history, view, point, point.t_us, each_state, &digesting, NULL, error);
    if (status == SS_OK) *digest = filled;
    ss_buffer_release(&digesting.bytes);
    return status;
}
