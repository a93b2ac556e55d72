// Lookup: pin (t, s), read, fold, finalise, evaluate (DESIGN C2, C3). Reads no history.
#ifndef SS_MATERIALIZER_LOOKUP_H
#define SS_MATERIALIZER_LOOKUP_H

#include "materializer/answer.h"
#include "materializer/materializer.h"

struct ss_lookup {
    const char *service;
    int32_t length;                  // rows, at most SS_BATCH_ROWS
    const struct ss_column *keys;    // one column per key part of the service, in its order
    const struct ss_column *request; // one per request input, in order; NULL: all null
    bool has_at;
    int64_t at_us; // read at this t: not before the store's clock, which it does not move
};

struct ss_lookup_result {
    const struct ss_service
        *service; // of the definitions that were live in the snapshot; valid until the next lookup or close
    int64_t t_us;
    uint64_t s;
    struct ss_answer answer; // in the arena
};

// Everything is read in one snapshot. Follows a change of the live definitions by itself. Fails for an
// unknown service or a key that is too long; an unknown or null key is a row of not_found.
enum ss_status ss_lookup(struct ss_materializer *materializer, const struct ss_lookup *lookup,
                         struct ss_arena *arena, struct ss_lookup_result *result, struct ss_error *error);

// The same in a snapshot the caller holds, at a (t, s) it has pinned: for probes over many batches.
enum ss_status ss_pin(struct ss_materializer *materializer, bool has_at, int64_t at_us,
                      struct ss_online_txn **txn, struct ss_applied *applied, int64_t *t_us,
                      struct ss_error *error);
enum ss_status ss_lookup_at(struct ss_online_txn *txn, const struct ss_service *service,
                            const struct ss_lookup *lookup, int64_t t_us, struct ss_arena *arena,
                            struct ss_answer *answer, struct ss_error *error);

#endif
