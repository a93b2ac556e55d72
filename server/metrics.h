// Metrics: counters and histograms that each thread adds to on its own, and that are summed when somebody
// asks.
//
// A block belongs to one thread, which alone writes to it, without locks (a sample costs a few ns); any
// thread may sum them all at any time. Services and sources are known by an index that definitions give: a
// name that is none of theirs has index 0, which is shown as "", so callers can make no new series.
//
// Histograms are log-linear: 16 buckets to a power of two from 64 ns to 137 s. A quantile is off by at
// most 3.2 %.
#ifndef SS_SERVER_METRICS_H
#define SS_SERVER_METRICS_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "materializer/answer.h"

//       method                shown as
#define SS_METRIC_METHODS(X)                  \
    X(OTHER, "")                              \
    X(GET_FEATURES, "GetFeatures")            \
    X(STREAM_FEATURES, "StreamFeatures")      \
    X(PUSH, "Push")                           \
    X(PUSH_STREAM, "PushStream")              \
    X(PRODUCER, "Producer")                   \
    X(GET_TRAINING_TABLE, "GetTrainingTable") \
    X(PLAN, "Plan")                           \
    X(APPLY, "Apply")                         \
    X(LIST, "List")                           \
    X(DESCRIBE, "Describe")                   \
    X(REBUILD, "Rebuild")                     \
    X(STATS, "Stats")                         \
    X(QUARANTINE, "Quarantine")               \
    X(HEALTH_CHECK, "Health.Check")           \
    X(HEALTH_WATCH, "Health.Watch")           \
    X(REFLECTION, "Reflection")

enum ss_metric_method {
#define SS_METHOD(method, text) SS_METRIC_METHOD_##method,
    SS_METRIC_METHODS(SS_METHOD)
#undef SS_METHOD
        SS_METRIC_METHOD_COUNT
};
const char *ss_metric_method_name(enum ss_metric_method method);

#define SS_CODE_COUNT 17                 // gRPC status codes 0 to 16
const char *ss_code_name(unsigned code); // "OK", "INVALID_ARGUMENT"; beyond 16 "UNKNOWN"

#define SS_CELL_STATUSES 4 // of enum ss_cell_status
enum ss_metric_push {
    SS_PUSH_ACCEPTED,
    SS_PUSH_DUPLICATE,
    SS_PUSH_CONFLICTING,
    SS_PUSH_QUARANTINED,
    SS_PUSH_WARNED,
    SS_PUSH_OUTCOMES
};

// ---- Histograms

#define SS_HISTOGRAM_BUCKETS 498 // below 64 ns; 31 powers of two of 16; 2^37 ns and more

// A sum of histograms, plain numbers.
struct ss_histogram {
    uint64_t counts[SS_HISTOGRAM_BUCKETS];
    uint64_t count, sum_ns, max_ns;
};
size_t ss_histogram_bucket(uint64_t value_ns);
uint64_t ss_histogram_bucket_end(size_t bucket); // the first value that is beyond it; UINT64_MAX of the last
void ss_histogram_add(struct ss_histogram *histogram, uint64_t value_ns);
// The value below which a share `q` (0 to 1) lies, in ns, within 3.2 %; never more than the greatest. Of
// none: 0.
uint64_t ss_histogram_quantile(const struct ss_histogram *histogram, double q);

// ---- All metrics

struct ss_metrics;
enum ss_status ss_metrics_create(const char *version, struct ss_metrics **metrics, struct ss_error *error);
void ss_metrics_destroy(struct ss_metrics *metrics); // after all threads that add are gone. NULL is fine

// The index of a service or source that definitions have (the same name again: the same index). 0: out of
// memory, or more than SS_METRIC_NAMES_MAX were ever there. From any thread, when definitions change.
#define SS_METRIC_NAMES_MAX 1024
enum ss_metric_names { SS_METRIC_SERVICES, SS_METRIC_SOURCES, SS_METRIC_NAME_KINDS };
uint32_t ss_metrics_name(struct ss_metrics *metrics, enum ss_metric_names kind, const char *name);

// One thread's block; lives until the metrics do.
struct ss_metrics_block;
enum ss_status ss_metrics_block_create(struct ss_metrics *metrics, struct ss_metrics_block **block,
                                       struct ss_error *error);

// One call (or one message of a stream), ended with a code after so long. `service` is 0 where there is none.
void ss_metrics_request(struct ss_metrics_block *block, enum ss_metric_method method, uint32_t service,
                        unsigned code, uint64_t duration_ns);
// One lookup, from the pinned read point to the encoded answer; entities and cells by status.
void ss_metrics_lookup(struct ss_metrics_block *block, uint32_t service, uint64_t duration_ns, uint64_t rows,
                       const uint64_t cells[SS_CELL_STATUSES]);
void ss_metrics_train_rows(struct ss_metrics_block *block, uint32_t service, uint64_t rows);
void ss_metrics_push(struct ss_metrics_block *block, uint32_t source, const uint64_t rows[SS_PUSH_OUTCOMES]);
// One shared commit: how long, and how many pushes and rows shared it.
void ss_metrics_commit(struct ss_metrics_block *block, uint64_t duration_ns, uint64_t pushes, uint64_t rows);

// ---- Reading

// Summed over all blocks. `service` SS_METRIC_ALL: of all services; method SS_METRIC_METHOD_COUNT: of all
// methods.
#define SS_METRIC_ALL UINT32_MAX
void ss_metrics_read_requests(const struct ss_metrics *metrics, enum ss_metric_method method,
                              uint32_t service, struct ss_histogram *sum);
uint64_t ss_metrics_count_requests(const struct ss_metrics *metrics, enum ss_metric_method method,
                                   uint32_t service, unsigned code);
void ss_metrics_read_lookups(const struct ss_metrics *metrics, struct ss_histogram *sum);
void ss_metrics_read_commits(const struct ss_metrics *metrics, struct ss_histogram *sum);

// What stands somewhere else, as it is now. Numbers that are not known are -1 (times: INT64_MIN) and left
// out.
struct ss_gauges {
    int64_t now_us;          // the store's clock
    int64_t newest_event_us; // newest event applied
    int64_t applied_seq, history_seq;
    int64_t push_queue_pushes, push_queue_bytes;
    int64_t in_flight, connections, train_jobs;
    int64_t wal_bytes, history_bytes, online_bytes;
    int64_t tokens, log_lines_dropped;
    bool is_ready;
};
void ss_gauges_init(struct ss_gauges *gauges); // all unknown

// The page in Prometheus' text format 0.0.4. gauges NULL: without. False: out of memory.
bool ss_metrics_print(const struct ss_metrics *metrics, const struct ss_gauges *gauges,
                      struct ss_buffer *page);

#endif
