// Digest and skew: proofs that online and offline are the selfsame bits.
#ifndef SS_MATERIALIZER_COMPARE_H
#define SS_MATERIALIZER_COMPARE_H

#include "materializer/lookup.h"
#include "materializer/point_in_time.h"

// One hash over the canonical states of all entities of a view as a read at (t, s) needs them (tiles out of
// reach left out): the sum modulo 2^256 of SHA-256(key length, key, state), so the order of entities does not
// matter.
struct ss_digest {
    int64_t t_us;
    uint64_t s;
    uint64_t entities;
    struct ss_sha256 hash;
};
enum ss_status ss_digest_online(struct ss_online_txn *txn, const struct ss_view *view, int64_t t_us,
                                uint64_t s, struct ss_digest *digest, struct ss_error *error);
// From history alone; never opens LMDB.
enum ss_status ss_digest_offline(struct ss_history *history, const struct ss_view *view,
                                 struct ss_read_point point, struct ss_digest *digest,
                                 struct ss_error *error);

enum ss_difference {
    SS_DIFFERENCE_NONE,
    SS_DIFFERENCE_NULL,   // null on one side
    SS_DIFFERENCE_STATUS, // null on both, for other reasons
    SS_DIFFERENCE_VALUE,
    SS_DIFFERENCE_DAMAGED // an online row that the feature reads cannot be read
};
#define SS_DIFFERENCE_COUNT 5
const char *ss_difference_name(enum ss_difference difference);

struct ss_skew_feature { // per feature of the service
    uint64_t compared;
    uint64_t counts[SS_DIFFERENCE_COUNT]; // by enum ss_difference
    uint64_t greatest_ulps;               // of float64 differences
};

struct ss_skew_cell {           // one difference, handed to the caller as it is found
    const struct ss_value *key; // of the service
    size_t feature;
    enum ss_difference difference;
    struct ss_value online, offline;
    enum ss_cell_status online_status, offline_status;
};

struct ss_skew_report {
    const struct ss_service *service;
    int64_t t_us;
    uint64_t s;
    uint64_t rows;
    struct ss_skew_feature *features; // in the arena
};

// Reads up to `limit` entities (0: all) online and again from history, at one (t, s), and compares every cell
// by bits. The rows: the keys that history or the online store knows of each entity, side by side. `each` may
// be NULL.
enum ss_status ss_skew_probe(struct ss_materializer *materializer, const char *service, uint64_t limit,
                             struct ss_arena *arena,
                             void (*each)(void *context, const struct ss_skew_cell *cell), void *context,
                             struct ss_skew_report *report, struct ss_error *error);

#endif
