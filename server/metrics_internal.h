// The blocks of metrics, as those who add, sum and print see them.
//
// Every number has one writer, its block's thread, which reads and stores it relaxed: no locked instruction,
// and a reader sees a number that is a few samples old at most. Cells are made with the first sample they get
// and stay.
#ifndef SS_SERVER_METRICS_INTERNAL_H
#define SS_SERVER_METRICS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/metrics.h"

typedef _Atomic uint64_t ss_counter;

struct ss_metrics_histogram {
    ss_counter counts[SS_HISTOGRAM_BUCKETS];
    ss_counter sum_ns, max_ns;
};

struct ss_request_cell {
    ss_counter codes[SS_CODE_COUNT];
    struct ss_metrics_histogram durations;
};

struct ss_service_cell {
    _Atomic(struct ss_request_cell *) methods[SS_METRIC_METHOD_COUNT];
    ss_counter rows, train_rows;
    ss_counter cells[SS_CELL_STATUSES];
};

struct ss_source_cell {
    ss_counter rows[SS_PUSH_OUTCOMES];
};

struct ss_metrics_block {
    struct ss_metrics_block *next;
    _Atomic(struct ss_service_cell *) services[SS_METRIC_NAMES_MAX];
    _Atomic(struct ss_source_cell *) sources[SS_METRIC_NAMES_MAX];
    struct ss_metrics_histogram lookups, commits;
    ss_counter commit_pushes, commit_rows;
    ss_counter lost; // samples for whose cell there was no memory
};

struct ss_metrics {
    char *version;
    int64_t start_us;
    pthread_mutex_t mutex; // of what grows: blocks and names
    _Atomic(struct ss_metrics_block *) blocks;
    char *names[SS_METRIC_NAME_KINDS][SS_METRIC_NAMES_MAX]; // 0: ""
    _Atomic uint32_t name_counts[SS_METRIC_NAME_KINDS];
};

static inline uint64_t ss_counter_read(const ss_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void ss_metrics_sum_histogram(const struct ss_metrics_histogram *histogram, struct ss_histogram *sum);

#endif
