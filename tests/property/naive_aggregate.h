// One aggregate over the events that a read point sees: the definition, event by event.
#ifndef SS_TESTS_PROPERTY_NAIVE_AGGREGATE_H
#define SS_TESTS_PROPERTY_NAIVE_AGGREGATE_H

#include "naive.h"

struct naive_seen { // what a read at t sees of one entity in one view
    struct pool *pool;
    const struct naive_event *const *events; // by (time, seq)
    int event_count;
    int64_t t;
};

struct cell naive_aggregate(const struct naive_seen *seen, const struct aggregate *aggregate, bool *expired);

// ---- Families, each over the rows that its aggregate counts

struct naive_row {
    int64_t time;
    struct cell x, y; // the arguments, as far as there are any
};

struct naive_rows {
    struct pool *pool;
    const struct aggregate *aggregate;
    struct kind x, y;
    int count;
    const struct naive_row *rows; // by (time, seq)
    int64_t t;
};

struct cell naive_moment(const struct naive_rows *rows);   // sum to corr
struct cell naive_place(const struct naive_rows *rows);    // by the order of events: first_k, lag, min_by ..
struct cell naive_quantile(const struct naive_rows *rows); // median too
struct cell naive_tally(const struct naive_rows *rows);    // by counts of values: mode, entropy ..
struct cell naive_decay(const struct naive_rows *rows);

#endif
