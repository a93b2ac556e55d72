// Adding to metrics, and summing them. See metrics_internal.h.

#include "server/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/metrics_internal.h"

const char *ss_metric_method_name(enum ss_metric_method method)
{
    static const char *const names[] = {
#define NAME(method, text) text,
        SS_METRIC_METHODS(NAME)
#undef NAME
    };
    return names[method];
}

const char *ss_code_name(unsigned code)
{
    static const char *const names[SS_CODE_COUNT] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    return names[code < SS_CODE_COUNT ? code : 2];
}

// ---- Making

enum ss_status ss_metrics_create(const char *version, struct ss_metrics **metrics, struct ss_error *error)
{
    struct timespec now;
    struct ss_metrics *made = calloc(1, sizeof *made);
    if (made) made->version = strdup(version);
    if (!made || !made->version) {
        free(made);
        return ss_fail_memory(error, "metrics");
    }
    clock_gettime(CLOCK_REALTIME, &now);
    made->start_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    pthread_mutex_init(&made->mutex, NULL);
    for (size_t kind = 0; kind < SS_METRIC_NAME_KINDS; kind++) atomic_store(&made->name_counts[kind], 1);
    *metrics = made;
    return SS_OK;
}

static void free_block(struct ss_metrics_block *block)
{
    for (size_t i = 0; i < SS_METRIC_NAMES_MAX; i++) {
        struct ss_service_cell *service = atomic_load(&block->services[i]);
        for (size_t m = 0; service && m < SS_METRIC_METHOD_COUNT; m++)
            free(atomic_load(&service->methods[m]));
        free(service);
        free(atomic_load(&block->sources[i]));
    }
    free(block);
}

void ss_metrics_destroy(struct ss_metrics *metrics)
{
    if (!metrics) return;
    for (struct ss_metrics_block *block = atomic_load(&metrics->blocks), *next; block; block = next) {
        next = block->next;
        free_block(block);
    }
    for (size_t kind = 0; kind < SS_METRIC_NAME_KINDS; kind++)
        for (size_t i = 0; i < SS_METRIC_NAMES_MAX; i++) free(metrics->names[kind][i]);
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics->version);
    free(metrics);
}

enum ss_status ss_metrics_block_create(struct ss_metrics *metrics, struct ss_metrics_block **block,
                                       struct ss_error *error)
{
    struct ss_metrics_block *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "metrics");
    pthread_mutex_lock(&metrics->mutex);
    made->next = atomic_load_explicit(&metrics->blocks, memory_order_relaxed);
    atomic_store_explicit(&metrics->blocks, made, memory_order_release);
    pthread_mutex_unlock(&metrics->mutex);
    *block = made;
    return SS_OK;
}

uint32_t ss_metrics_name(struct ss_metrics *metrics, enum ss_metric_names kind, const char *name)
{
    pthread_mutex_lock(&metrics->mutex);
    const uint32_t count = atomic_load_explicit(&metrics->name_counts[kind], memory_order_relaxed);
    uint32_t index = 1;
    while (index < count && strcmp(metrics->names[kind][index], name) != 0) index++;
    if (index == count) {
        char *copy = count < SS_METRIC_NAMES_MAX ? strdup(name) : NULL;
        if (copy) {
            metrics->names[kind][index] = copy;
            atomic_store_explicit(&metrics->name_counts[kind], count + 1, memory_order_release);
        } else {
            index = 0;
        }
    }
    pthread_mutex_unlock(&metrics->mutex);
    return index;
}

// ---- Adding

static inline void add(ss_counter *counter, uint64_t amount)
{
    atomic_store_explicit(counter, ss_counter_read(counter) + amount, memory_order_relaxed);
}

static inline void add_duration(struct ss_metrics_histogram *histogram, uint64_t duration_ns)
{
    add(&histogram->counts[ss_histogram_bucket(duration_ns)], 1);
    add(&histogram->sum_ns, duration_ns);
    if (duration_ns > ss_counter_read(&histogram->max_ns))
        atomic_store_explicit(&histogram->max_ns, duration_ns, memory_order_relaxed);
}

static struct ss_service_cell *new_service(struct ss_metrics_block *block, uint32_t service)
{
    struct ss_service_cell *cell = calloc(1, sizeof *cell);
    if (!cell) add(&block->lost, 1);
    atomic_store_explicit(&block->services[service], cell, memory_order_release);
    return cell;
}

static inline struct ss_service_cell *service_of(struct ss_metrics_block *block, uint32_t service)
{
    if (service >= SS_METRIC_NAMES_MAX) service = 0;
    struct ss_service_cell *cell = atomic_load_explicit(&block->services[service], memory_order_relaxed);
    return cell ? cell : new_service(block, service);
}

static struct ss_request_cell *new_request(struct ss_metrics_block *block, struct ss_service_cell *service,
                                           enum ss_metric_method method)
{
    struct ss_request_cell *cell = calloc(1, sizeof *cell);
    if (!cell) add(&block->lost, 1);
    atomic_store_explicit(&service->methods[method], cell, memory_order_release);
    return cell;
}

void ss_metrics_request(struct ss_metrics_block *block, enum ss_metric_method method, uint32_t service,
                        unsigned code, uint64_t duration_ns)
{
    struct ss_service_cell *of_service = service_of(block, service);
    if (!of_service) return;
    struct ss_request_cell *cell = atomic_load_explicit(&of_service->methods[method], memory_order_relaxed);
    if (!cell) cell = new_request(block, of_service, method);
    if (!cell) return;
    add(&cell->codes[code < SS_CODE_COUNT ? code : 2], 1);
    add_duration(&cell->durations, duration_ns);
}

void ss_metrics_lookup(struct ss_metrics_block *block, uint32_t service, uint64_t duration_ns, uint64_t rows,
                       const uint64_t cells[SS_CELL_STATUSES])
{
    struct ss_service_cell *cell = service_of(block, service);
    add_duration(&block->lookups, duration_ns);
    if (!cell) return;
    add(&cell->rows, rows);
    for (size_t i = 0; i < SS_CELL_STATUSES; i++) add(&cell->cells[i], cells[i]);
}

void ss_metrics_train_rows(struct ss_metrics_block *block, uint32_t service, uint64_t rows)
{
    struct ss_service_cell *cell = service_of(block, service);
    if (cell) add(&cell->train_rows, rows);
}

void ss_metrics_push(struct ss_metrics_block *block, uint32_t source, const uint64_t rows[SS_PUSH_OUTCOMES])
{
    if (source >= SS_METRIC_NAMES_MAX) source = 0;
    struct ss_source_cell *cell = atomic_load_explicit(&block->sources[source], memory_order_relaxed);
    if (!cell) {
        cell = calloc(1, sizeof *cell);
        if (!cell) {
            add(&block->lost, 1);
            return;
        }
        atomic_store_explicit(&block->sources[source], cell, memory_order_release);
    }
    for (size_t i = 0; i < SS_PUSH_OUTCOMES; i++) add(&cell->rows[i], rows[i]);
}

void ss_metrics_commit(struct ss_metrics_block *block, uint64_t duration_ns, uint64_t pushes, uint64_t rows)
{
    add_duration(&block->commits, duration_ns);
    add(&block->commit_pushes, pushes);
    add(&block->commit_rows, rows);
}

// ---- Summing

void ss_metrics_sum_histogram(const struct ss_metrics_histogram *histogram, struct ss_histogram *sum)
{
    for (size_t i = 0; i < SS_HISTOGRAM_BUCKETS; i++) {
        const uint64_t count = ss_counter_read(&histogram->counts[i]);
        sum->counts[i] += count;
        sum->count += count;
    }
    sum->sum_ns += ss_counter_read(&histogram->sum_ns);
    const uint64_t max_ns = ss_counter_read(&histogram->max_ns);
    if (max_ns > sum->max_ns) sum->max_ns = max_ns;
}

// Calls `each` with every cell of that method and service.
static void each_request(const struct ss_metrics *metrics, enum ss_metric_method method, uint32_t service,
                         void (*each)(const struct ss_request_cell *cell, void *context), void *context)
{
    const uint32_t from = service == SS_METRIC_ALL ? 0 : service;
    const uint32_t to = service == SS_METRIC_ALL ? SS_METRIC_NAMES_MAX : service + 1;
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) {
        for (uint32_t s = from; s < to; s++) {
            const struct ss_service_cell *cell =
                atomic_load_explicit(&block->services[s], memory_order_acquire);
            for (size_t m = 0; cell && m < SS_METRIC_METHOD_COUNT; m++) {
                const struct ss_request_cell *request =
                    atomic_load_explicit(&cell->methods[m], memory_order_acquire);
                if (request && (method == SS_METRIC_METHOD_COUNT || m == method)) each(request, context);
            }
        }
    }
}

static void sum_durations(const struct ss_request_cell *cell, void *context)
{
    ss_metrics_sum_histogram(&cell->durations, context);
}

void ss_metrics_read_requests(const struct ss_metrics *metrics, enum ss_metric_method method,
                              uint32_t service, struct ss_histogram *sum)
{
    memset(sum, 0, sizeof *sum);
    each_request(metrics, method, service, sum_durations, sum);
}

struct code_sum {
    unsigned code;
    uint64_t count;
};

static void sum_code(const struct ss_request_cell *cell, void *context)
{
    struct code_sum *sum = context;
    sum->count += ss_counter_read(&cell->codes[sum->code]);
}

uint64_t ss_metrics_count_requests(const struct ss_metrics *metrics, enum ss_metric_method method,
                                   uint32_t service, unsigned code)
{
    struct code_sum sum = {code < SS_CODE_COUNT ? code : 2, 0};
    each_request(metrics, method, service, sum_code, &sum);
    return sum.count;
}

void ss_metrics_read_lookups(const struct ss_metrics *metrics, struct ss_histogram *sum)
{
    memset(sum, 0, sizeof *sum);
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) ss_metrics_sum_histogram(&block->lookups, sum);
}

void ss_metrics_read_commits(const struct ss_metrics *metrics, struct ss_histogram *sum)
{
    memset(sum, 0, sizeof *sum);
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) ss_metrics_sum_histogram(&block->commits, sum);
}
