// Metrics as Prometheus' text format 0.0.4: families one after the other, each with its HELP and TYPE.
//
// A histogram is shown at every power of two of nanoseconds and at one and a half times it: there its buckets
// end, so the counts are exact.

#include <string.h>

#include "server/metrics_internal.h"
#include "server/process_usage.h"

void ss_gauges_init(struct ss_gauges *gauges)
{
    *gauges = (struct ss_gauges){INT64_MIN, INT64_MIN, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, false};
}

static void print_family(struct ss_buffer *page, const char *name, const char *type, const char *help)
{
    ss_buffer_format(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_escaped(struct ss_buffer *page, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            ss_buffer_text(page, "\\n");
        else if (*value == '"' || *value == '\\')
            ss_buffer_format(page, "\\%c", *value);
        else
            ss_buffer_byte(page, (uint8_t)*value);
    }
}

// , "name=\"value\"" behind what is there.
static void print_label(struct ss_buffer *labels, const char *name, const char *value)
{
    ss_buffer_format(labels, "%s%s=\"", labels->size ? "," : "", name);
    print_escaped(labels, value);
    ss_buffer_byte(labels, '"');
}

static const char *text_of(struct ss_buffer *labels)
{
    ss_buffer_byte(labels, 0);
    return labels->failed ? "" : (const char *)labels->data;
}

static const char *name_of(const struct ss_metrics *metrics, enum ss_metric_names kind, size_t index)
{
    return index ? metrics->names[kind][index] : "";
}

// ---- Histograms

struct shown {
    const char *name;
    unsigned first_power, last_power; // of the ends that are shown
};

static void print_histogram(struct ss_buffer *page, const struct shown *shown, const char *labels,
                            const struct ss_histogram *sum)
{
    const char *comma = *labels ? "," : "";
    uint64_t below = 0;
    for (size_t i = 0; i < SS_HISTOGRAM_BUCKETS - 1; i++) {
        below += sum->counts[i];
        const uint64_t end = ss_histogram_bucket_end(i);
        const unsigned power = 63 - (unsigned)__builtin_clzll(end);
        const bool is_shown = end == UINT64_C(1) << power || end == UINT64_C(3) << (power - 1);
        if (!is_shown || power < shown->first_power || end > UINT64_C(1) << shown->last_power) continue;
        ss_buffer_format(page, "%s_bucket{%s%sle=\"%.12g\"} %llu\n", shown->name, labels, comma,
                         (double)end / 1e9, (unsigned long long)below);
    }
    ss_buffer_format(page, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", shown->name, labels, comma,
                     (unsigned long long)sum->count);
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    ss_buffer_format(page, "%s_sum%s%s%s %.9f\n%s_count%s%s%s %llu\n", shown->name, open, labels, close,
                     (double)sum->sum_ns / 1e9, shown->name, open, labels, close,
                     (unsigned long long)sum->count);
}

// ---- Requests

static void print_codes(const struct ss_metrics *metrics, enum ss_metric_method method, uint32_t service,
                        struct ss_buffer *page)
{
    for (unsigned code = 0; code < SS_CODE_COUNT; code++) {
        struct ss_buffer labels = {0};
        const uint64_t count = ss_metrics_count_requests(metrics, method, service, code);
        if (!count) continue;
        print_label(&labels, "method", ss_metric_method_name(method));
        print_label(&labels, "service", name_of(metrics, SS_METRIC_SERVICES, service));
        print_label(&labels, "code", ss_code_name(code));
        ss_buffer_format(page, "selfsame_requests_total{%s} %llu\n", text_of(&labels),
                         (unsigned long long)count);
        page->failed |= labels.failed;
        ss_buffer_release(&labels);
    }
}

static void print_durations(const struct ss_metrics *metrics, enum ss_metric_method method, uint32_t service,
                            struct ss_buffer *page)
{
    static const struct shown shown = {"selfsame_request_seconds", 13, 35};
    struct ss_buffer labels = {0};
    struct ss_histogram sum;
    ss_metrics_read_requests(metrics, method, service, &sum);
    if (!sum.count) return;
    print_label(&labels, "method", ss_metric_method_name(method));
    print_label(&labels, "service", name_of(metrics, SS_METRIC_SERVICES, service));
    print_histogram(page, &shown, text_of(&labels), &sum);
    page->failed |= labels.failed;
    ss_buffer_release(&labels);
}

static void print_requests(const struct ss_metrics *metrics, struct ss_buffer *page)
{
    const uint32_t services =
        atomic_load_explicit(&metrics->name_counts[SS_METRIC_SERVICES], memory_order_acquire);
    print_family(page, "selfsame_requests_total", "counter",
                 "Calls (and messages of streams) that ended, by method, service and gRPC status.");
    for (size_t method = 0; method < SS_METRIC_METHOD_COUNT; method++)
        for (uint32_t service = 0; service < services; service++)
            print_codes(metrics, (enum ss_metric_method)method, service, page);
    print_family(page, "selfsame_request_seconds", "histogram",
                 "From the arrival of a call (or message) to its answer.");
    for (size_t method = 0; method < SS_METRIC_METHOD_COUNT; method++)
        for (uint32_t service = 0; service < services; service++)
            print_durations(metrics, (enum ss_metric_method)method, service, page);
}

// ---- Rows and cells

struct service_sum {
    uint64_t rows, train_rows, cells[SS_CELL_STATUSES];
};

static struct service_sum sum_service(const struct ss_metrics *metrics, uint32_t service)
{
    struct service_sum sum = {0};
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) {
        const struct ss_service_cell *cell =
            atomic_load_explicit(&block->services[service], memory_order_acquire);
        if (!cell) continue;
        sum.rows += ss_counter_read(&cell->rows);
        sum.train_rows += ss_counter_read(&cell->train_rows);
        for (size_t i = 0; i < SS_CELL_STATUSES; i++) sum.cells[i] += ss_counter_read(&cell->cells[i]);
    }
    return sum;
}

static uint64_t sum_pushed(const struct ss_metrics *metrics, uint32_t source, size_t outcome)
{
    uint64_t sum = 0;
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) {
        const struct ss_source_cell *cell =
            atomic_load_explicit(&block->sources[source], memory_order_acquire);
        if (cell) sum += ss_counter_read(&cell->rows[outcome]);
    }
    return sum;
}

// A sample with one or two labels.
static void print_count(struct ss_buffer *page, const char *family, const char *const pairs[4],
                        uint64_t count)
{
    struct ss_buffer labels = {0};
    for (size_t i = 0; i < 4 && pairs[i]; i += 2) print_label(&labels, pairs[i], pairs[i + 1]);
    ss_buffer_format(page, "%s{%s} %llu\n", family, text_of(&labels), (unsigned long long)count);
    page->failed |= labels.failed;
    ss_buffer_release(&labels);
}

static void print_rows(const struct ss_metrics *metrics, struct ss_buffer *page)
{
    static const char *const statuses[] = {"present", "null", "not_found", "expired"};
    const uint32_t services =
        atomic_load_explicit(&metrics->name_counts[SS_METRIC_SERVICES], memory_order_acquire);
    print_family(page, "selfsame_rows_total", "counter", "Entities answered by lookups.");
    for (uint32_t i = 1; i < services; i++)
        print_count(page, "selfsame_rows_total",
                    (const char *const[4]){"service", name_of(metrics, SS_METRIC_SERVICES, i)},
                    sum_service(metrics, i).rows);
    print_family(page, "selfsame_cells_total", "counter", "Values answered by lookups, by status.");
    for (uint32_t i = 1; i < services; i++) {
        const struct service_sum sum = sum_service(metrics, i);
        for (size_t s = 0; s < SS_CELL_STATUSES; s++)
            print_count(page, "selfsame_cells_total",
                        (const char *const[4]){"service", name_of(metrics, SS_METRIC_SERVICES, i), "status",
                                               statuses[s]},
                        sum.cells[s]);
    }
    print_family(page, "selfsame_train_rows_total", "counter", "Rows of training tables that were sent.");
    for (uint32_t i = 1; i < services; i++)
        print_count(page, "selfsame_train_rows_total",
                    (const char *const[4]){"service", name_of(metrics, SS_METRIC_SERVICES, i)},
                    sum_service(metrics, i).train_rows);
}

static void print_pushes(const struct ss_metrics *metrics, struct ss_buffer *page)
{
    static const char *const outcomes[] = {"accepted", "duplicate", "conflicting", "quarantined", "warned"};
    const uint32_t sources =
        atomic_load_explicit(&metrics->name_counts[SS_METRIC_SOURCES], memory_order_acquire);
    print_family(page, "selfsame_push_rows_total", "counter",
                 "Rows pushed, by what became of them (warned ones are accepted too).");
    for (uint32_t i = 1; i < sources; i++)
        for (size_t o = 0; o < SS_PUSH_OUTCOMES; o++)
            print_count(page, "selfsame_push_rows_total",
                        (const char *const[4]){"source", name_of(metrics, SS_METRIC_SOURCES, i), "outcome",
                                               outcomes[o]},
                        sum_pushed(metrics, i, o));
}

// ---- Lookups and commits

static void print_lone(struct ss_buffer *page, const char *name, const char *type, const char *help,
                       double value)
{
    print_family(page, name, type, help);
    ss_buffer_format(page, "%s %.17g\n", name, value);
}

static void print_work(const struct ss_metrics *metrics, struct ss_buffer *page)
{
    static const struct shown lookups = {"selfsame_lookup_seconds", 9, 33},
                              commits = {"selfsame_commit_seconds", 17, 36};
    struct ss_histogram sum;
    uint64_t pushes = 0, rows = 0, lost = 0;
    const struct ss_metrics_block *block = atomic_load_explicit(&metrics->blocks, memory_order_acquire);
    for (; block; block = block->next) {
        pushes += ss_counter_read(&block->commit_pushes);
        rows += ss_counter_read(&block->commit_rows);
        lost += ss_counter_read(&block->lost);
    }
    ss_metrics_read_lookups(metrics, &sum);
    print_family(page, "selfsame_lookup_seconds", "histogram",
                 "Inside the engine: from the pinned read point to the encoded answer.");
    print_histogram(page, &lookups, "", &sum);
    ss_metrics_read_commits(metrics, &sum);
    print_family(page, "selfsame_commit_seconds", "histogram",
                 "Commits of pushes: to history and online rows, both durable and visible.");
    print_histogram(page, &commits, "", &sum);
    print_lone(page, "selfsame_commits_total", "counter", "Commits of pushes.", (double)sum.count);
    print_lone(page, "selfsame_commit_pushes_total", "counter", "Pushes that shared those commits.",
               (double)pushes);
    print_lone(page, "selfsame_commit_rows_total", "counter", "Rows in those commits.", (double)rows);
    print_lone(page, "selfsame_metrics_lost_total", "counter", "Samples that were lost for want of memory.",
               (double)lost);
}

// ---- Gauges

static void print_gauge(struct ss_buffer *page, const char *name, const char *help, int64_t value)
{
    if (value < 0) return;
    print_family(page, name, "gauge", help);
    ss_buffer_format(page, "%s %lld\n", name, (long long)value);
}

static void print_gauges(const struct ss_gauges *gauges, struct ss_buffer *page)
{
    if (gauges->now_us != INT64_MIN && gauges->newest_event_us != INT64_MIN)
        print_lone(page, "selfsame_freshness_seconds", "gauge",
                   "The store's clock less the time of the newest event that lookups see.",
                   (double)(gauges->now_us - gauges->newest_event_us) / 1e6);
    print_gauge(page, "selfsame_applied_seq", "Newest seq that lookups see.", gauges->applied_seq);
    print_gauge(page, "selfsame_history_seq", "Newest seq in history.", gauges->history_seq);
    print_gauge(page, "selfsame_push_queue_pushes", "Pushes that wait for their commit.",
                gauges->push_queue_pushes);
    print_gauge(page, "selfsame_push_queue_bytes", "Bytes that wait for their commit.",
                gauges->push_queue_bytes);
    print_gauge(page, "selfsame_in_flight", "Calls that are being answered.", gauges->in_flight);
    print_gauge(page, "selfsame_connections", "Open connections.", gauges->connections);
    print_gauge(page, "selfsame_train_jobs", "Training tables that are being made.", gauges->train_jobs);
    print_gauge(page, "selfsame_wal_bytes", "Size of history's write-ahead log.", gauges->wal_bytes);
    print_gauge(page, "selfsame_history_bytes", "Size of history.db.", gauges->history_bytes);
    print_gauge(page, "selfsame_online_bytes", "Size of the online store.", gauges->online_bytes);
    print_gauge(page, "selfsame_tokens", "Tokens that are known, expired ones included.", gauges->tokens);
    if (gauges->log_lines_dropped >= 0)
        print_lone(page, "selfsame_log_lines_dropped_total", "counter",
                   "Lines of the log that nobody took in time.", (double)gauges->log_lines_dropped);
    print_gauge(page, "selfsame_ready", "1: caught up, and all views are filled (as /readyz).",
                gauges->is_ready);
}

static void print_process(const struct ss_metrics *metrics, struct ss_buffer *page)
{
    const struct ss_process_usage usage = ss_process_usage();
    if (usage.cpu_seconds >= 0)
        print_lone(page, "process_cpu_seconds_total", "counter", "CPU time, user and system.",
                   usage.cpu_seconds);
    print_gauge(page, "process_resident_memory_bytes", "Resident memory.", usage.resident_bytes);
    print_gauge(page, "process_virtual_memory_bytes", "Virtual memory; LMDB maps a terabyte.",
                usage.virtual_bytes);
    print_gauge(page, "process_open_fds", "Open file descriptors.", usage.open_files);
    print_gauge(page, "process_max_fds", "Most file descriptors that may be open.", usage.max_files);
    print_gauge(page, "process_threads", "Threads.", usage.threads);
    print_lone(page, "process_start_time_seconds", "gauge", "When the process started, since 1970.",
               (double)metrics->start_us / 1e6);
    print_family(page, "selfsame_build_info", "gauge", "1; which version runs.");
    print_count(page, "selfsame_build_info", (const char *const[4]){"version", metrics->version}, 1);
}

bool ss_metrics_print(const struct ss_metrics *metrics, const struct ss_gauges *gauges,
                      struct ss_buffer *page)
{
    print_requests(metrics, page);
    print_rows(metrics, page);
    print_work(metrics, page);
    print_pushes(metrics, page);
    if (gauges) print_gauges(gauges, page);
    print_process(metrics, page);
    return !page->failed;
}
