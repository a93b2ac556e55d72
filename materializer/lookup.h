// Lookup: pin (t, s), read, fold, finalise, evaluate (DESIGN C2, C3). Reads no history.
#ifndef SS_MATERIALIZER_LOOKUP_H
#define SS_MATERIALIZER_LOOKUP_H

#include "materializer/answer.h"
#include "materializer/event_at_hand.h"
#include "materializer/materializer.h"

// A snapshot with its (t, s); the definitions live in it are the materializer's from here on.
struct ss_pinned {
    struct ss_online_txn *txn;
    struct ss_applied applied; // applied.seq is s
    int64_t t_us;
    bool is_preview; // t lies ahead of the clock: what arrives until then is not in the answers
};

// has_at: read at at_us, which may not be before the store's clock and does not move it. SS_OK: the caller
// ends it with ss_unpin, and finds the service (ss_require_service) and shapes its keys only after this call,
// since the live definitions may have changed since the last one.
enum ss_status ss_pin(struct ss_materializer *materializer, bool has_at, int64_t at_us,
                      struct ss_pinned *pinned, struct ss_error *error);
void ss_unpin(struct ss_pinned *pinned);

struct ss_lookup {
    int32_t length;                  // rows, at most SS_BATCH_ROWS
    const struct ss_column *keys;    // one column per key part of the service, in its order
    const struct ss_column *request; // one per request input, in order; NULL: all null
    struct ss_events_at_hand at_hand;
    bool *damaged; // NULL: a damaged row is an error. Else [view * length + row] is set for one, which reads
                   // as empty
    // Which of the service's features are asked for (feature_count); NULL: all. A view that none of them
    // reads is not read: what the answer then says of the other features means nothing.
    const bool *wanted;
    // NULL, or [view * length + row] is set to the event_time of the newest event of the entity, without the
    // one at hand; INT64_MIN: there is none, or the view was not read.
    int64_t *newest_us;
};

// The service's features for every row, in the arena. That is all the memory it takes: once reset, the same
// arena serves the next lookup without an allocation (but for what MPFR and OpenSSL take, and the lists and
// JSON that aggregates make). An unknown or null key is a row of not_found; a key that is too long is an
// error of all.
enum ss_status ss_lookup(const struct ss_pinned *pinned, const struct ss_service *service,
                         const struct ss_lookup *lookup, struct ss_arena *arena, struct ss_answer *answer,
                         struct ss_error *error);

#endif
