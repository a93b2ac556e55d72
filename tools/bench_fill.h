// A store of its own for bench ingest and bench train, in a folder below the current one, with the payments
// of bench_payments.h pushed into it.
#ifndef SS_TOOLS_BENCH_FILL_H
#define SS_TOOLS_BENCH_FILL_H

#include "tools/bench_measure.h"
#include "tools/bench_payments.h"

struct ss_bench_fill {
    int64_t event_count, entity_count, batch_rows; // the caller's
    char directory[32];
    struct ss_materializer *materializer;
    struct ss_bench_latencies batches; // of each push
    double seconds;                    // of all
};

// An empty store with the definitions; then all events. Either failed or not: ss_bench_fill_remove.
enum ss_status ss_bench_fill_open(struct ss_bench_fill *fill, struct ss_error *error);
enum ss_status ss_bench_fill_push(struct ss_bench_fill *fill, struct ss_error *error);
void ss_bench_fill_remove(struct ss_bench_fill *fill);

#endif
