// Replay: a scenario against a real store, every answer compared three ways.
#ifndef SS_TESTS_PROPERTY_REPLAY_H
#define SS_TESTS_PROPERTY_REPLAY_H

#include "scenario.h"

struct replay {
    const struct plan *plan;
    const struct script *script;
    const char *yaml;
    struct pool *pool;
    const char *directory; // exists; stores are made and removed in it
    uint64_t seed;         // of what is drawn on the way: spines, batch sizes, restarts
    bool sync;             // the real durable path
};

// What was compared, for the summary.
struct replay_counts {
    uint64_t rows, cells, present, pushed;
};

// Pushes and looks up as the script says: online == offline at the same (t, s) == the naive scan; then what
// was served against the as-known rows of the end, spines of random times in both modes against the naive
// scan, and the digests of other batch sizes, restarts and a rebuild. NULL, or what differed (in the pool).
const char *replay_check(const struct replay *replay, struct replay_counts *counts);

#endif
