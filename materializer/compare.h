// Digest and skew: proofs that online and offline are the selfsame bits, and how far another system is from
// it.
#ifndef SS_MATERIALIZER_COMPARE_H
#define SS_MATERIALIZER_COMPARE_H

#include "materializer/lookup.h"
#include "materializer/spine.h"

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
    bool is_compared;
    uint64_t compared;
    uint64_t counts[SS_DIFFERENCE_COUNT]; // by enum ss_difference
    uint64_t greatest_ulps;               // of float64 differences
    // Of float64, int64 and decimal, as one of them: how far two values lie apart, counted as a difference or
    // not; cut to what the type holds. Not present: no two values were compared.
    struct ss_value greatest_distance;
};

struct ss_skew_cell {           // one difference, handed to the caller as it is found
    const struct ss_value *key; // of the service
    int64_t t_us;
    size_t feature;
    enum ss_difference difference;
    struct ss_value served, computed; // online, or by the other system; and from history
    enum ss_cell_status served_status, computed_status;
};

struct ss_skew_report {
    const struct ss_service *service;
    int64_t t_us; // of a probe
    uint64_t s;
    uint64_t rows;
    struct ss_skew_feature *features; // in the arena, as what follows
    size_t ignored_count;             // columns of a file that are nothing to the service
    const char *const *ignored;       // their names
};

// Reads up to `limit` entities (0: all) online and again from history, at one (t, s), and compares every cell
// by bits. The rows: the keys that history or the online store knows of each entity, side by side. `each` may
// be NULL.
enum ss_status ss_skew_probe(struct ss_materializer *materializer, const char *service, uint64_t limit,
                             struct ss_arena *arena,
                             void (*each)(void *context, const struct ss_skew_cell *cell), void *context,
                             struct ss_skew_report *report, struct ss_error *error);

// Values that another system served or logged, against ours.
struct ss_skew_against {
    const char *service;
    // Rows of keys, request inputs and a time, and columns called as features; with_features is set here.
    struct ss_spine_source theirs;
    // 0: values are the same bit for bit. Else float64 a and b are alike where
    // |a - b| <= tolerance * max(1, |a|, |b|); all other types have to be the same still.
    double tolerance;
};

// Compares each of their cells with the as-known value of its row at its time, from history alone, in the
// order of the file. Null is compared with null whatever the reason. `each` may be NULL.
enum ss_status ss_skew_against(struct ss_materializer *materializer, const struct ss_skew_against *against,
                               struct ss_arena *arena,
                               void (*each)(void *context, const struct ss_skew_cell *cell), void *context,
                               struct ss_skew_report *report, struct ss_error *error);

#endif
