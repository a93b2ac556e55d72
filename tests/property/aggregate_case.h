// One aggregate function over one type, with every bound, or several functions of one column, which share
// what is kept of it: a view compiled from YAML, and random events as the engine and as the naive scan see
// them.
#ifndef SS_TESTS_PROPERTY_AGGREGATE_CASE_H
#define SS_TESTS_PROPERTY_AGGREGATE_CASE_H

#include "engine/definitions.h"
#include "engine/state.h"
#include "naive.h"

#define CASE_BOUNDS 6
#define CASE_EVENTS 400
#define CASE_NOISE  (CASE_EVENTS / 4 + 2) // at most
#define CASE_TIMES  3
#define CASE_MIXED  FUNCTIONS // in place of a function: several

struct aggregate_case {
    struct random *random;
    struct pool pool; // of the plan and its events
    struct plan plan;
    struct ss_definitions *definitions;
    const struct ss_view *view;
    const char *yaml;

    // The events of case_fill: those that count, then noise.
    struct ss_arena arena;
    int count, noise;
    struct naive_event naive[CASE_EVENTS + CASE_NOISE];
    struct ss_event events[CASE_EVENTS + CASE_NOISE];
    int64_t t[CASE_TIMES]; // after all of them that count
    int64_t horizon; // not after t: what no read from there on can see need not be kept; INT64_MIN: all is
};

const char *case_name(enum function function);
// The kinds of first argument that the function takes; the number of them. KIND_INT64 where it takes none.
int case_kinds(enum function function, struct kind kinds[16]);

// Compiles a view with this function of such a column, over windows, all, and the newest N. NULL, or the
// report of what did not compile.
const char *case_open(struct aggregate_case *made, struct random *random, enum function function,
                      struct kind kind);
void case_fill(struct aggregate_case *made); // other events
void case_close(struct aggregate_case *made);

// The engine's values of all aggregates as those of the features, in the order of the plan; in `pool`.
void case_features(const struct aggregate_case *made, int64_t t, const struct ss_value *aggregates,
                   struct pool *pool, struct cell *cells);
// By the definition.
void case_naive(const struct aggregate_case *made, int64_t t, struct pool *pool, struct cell *cells);

#endif
