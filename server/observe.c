// Metrics and log lines of calls. Services and sources have a number each in the metrics, which a thread
// looks up once per version of the definitions.

#include "server/observe.h"

#include <grpc/support/alloc.h>
#include <stdlib.h>
#include <time.h>

#include "server/log.h"

// The numbers of one version of the definitions.
struct numbers {
    struct ss_sha256 fingerprint;
    bool is_known;
    uint32_t *services, *sources;
};

static _Thread_local struct ss_metrics *metrics;
static _Thread_local struct ss_metrics_block *block;
static _Thread_local struct numbers numbers;

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t ss_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t ss_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

static uint64_t elapsed_ns(int64_t begun_us)
{
    const int64_t elapsed_us = ss_monotonic_us() - begun_us;
    return elapsed_us > 0 ? (uint64_t)elapsed_us * 1000 : 0;
}

void ss_observe_thread(struct ss_serving *serving)
{
    metrics = serving->metrics;
    if (metrics && ss_metrics_block_create(metrics, &block, NULL) != SS_OK) block = NULL;
}

void ss_observe_thread_end(void)
{
    free(numbers.services);
    free(numbers.sources);
    numbers = (struct numbers){0};
}

static const struct numbers *numbers_of(const struct ss_definitions *definitions)
{
    if (numbers.is_known &&
        memcmp(&numbers.fingerprint, &definitions->fingerprint, sizeof numbers.fingerprint) == 0)
        return &numbers;
    ss_observe_thread_end();
    numbers.services = calloc(definitions->service_count + 1, sizeof *numbers.services);
    numbers.sources = calloc(definitions->source_count + 1, sizeof *numbers.sources);
    if (!numbers.services || !numbers.sources) return NULL;
    for (size_t i = 0; i < definitions->service_count; i++)
        numbers.services[i] = ss_metrics_name(metrics, SS_METRIC_SERVICES, definitions->services[i].name);
    for (size_t i = 0; i < definitions->source_count; i++)
        numbers.sources[i] = ss_metrics_name(metrics, SS_METRIC_SOURCES, definitions->sources[i].name);
    numbers.fingerprint = definitions->fingerprint;
    numbers.is_known = true;
    return &numbers;
}

static uint32_t service_number(const struct ss_definitions *definitions, const struct ss_service *service)
{
    const struct numbers *known = definitions && service ? numbers_of(definitions) : NULL;
    return known ? known->services[service - definitions->services] : 0;
}

static bool wants_line(const struct ss_settings *settings, enum ss_status status, int64_t duration_us)
{
    if (settings->log_slower_than_us && duration_us > settings->log_slower_than_us) return true;
    if (settings->log_calls == SS_CALLS_ALL) return true;
    return settings->log_calls == SS_CALLS_FAILED && status != SS_OK && status != SS_NOT_FOUND &&
           status != SS_CANCELLED;
}

static void write_line(struct ss_serving *serving, const struct ss_observed *call, enum ss_status status,
                       const char *message, int64_t duration_us)
{
    char id[SS_REQUEST_ID_SIZE];
    char *peer = call->call ? grpc_call_get_peer(call->call) : NULL;
    const struct ss_log_field fields[] = {
        ss_log_text("request_id", ss_log_request_id(serving->log, id)),
        ss_log_text("method", ss_metric_method_name(call->method)),
        ss_log_text("service", call->service ? call->service->name : ""),
        ss_log_text("code", ss_code_name((unsigned)ss_status_grpc(status))),
        ss_log_microseconds("duration", duration_us),
        ss_log_text("peer", peer),
    };
    ss_log_write(serving->log, status == SS_OK ? SS_LOG_INFO : SS_LOG_WARN, fields,
                 sizeof fields / sizeof *fields, "%s", status == SS_OK ? "call" : message);
    gpr_free(peer);
}

void ss_observe_call(struct ss_serving *serving, const struct ss_observed *call, enum ss_status status,
                     const char *message)
{
    const int64_t duration_us = ss_monotonic_us() - call->begun_us;
    if (block)
        ss_metrics_request(block, call->method, service_number(call->definitions, call->service),
                           (unsigned)ss_status_grpc(status),
                           duration_us > 0 ? (uint64_t)duration_us * 1000 : 0);
    if (wants_line(ss_serving_settings(serving), status, duration_us))
        write_line(serving, call, status, message, duration_us);
}

void ss_observe_lookup(const struct ss_definitions *definitions, const struct ss_service *service,
                       const struct ss_wire_answer *answer, int64_t begun_us)
{
    if (!block) return;
    ss_metrics_lookup(block, service_number(definitions, service), elapsed_ns(begun_us), answer->row_count,
                      answer->statuses);
}

void ss_observe_train_rows(const struct ss_definitions *definitions, const struct ss_service *service,
                           uint64_t rows)
{
    if (block) ss_metrics_train_rows(block, service_number(definitions, service), rows);
}

void ss_observe_push(const struct ss_definitions *definitions, const struct ss_source *source,
                     const struct ss_push_result *result)
{
    const uint64_t rows[SS_PUSH_OUTCOMES] = {
        [SS_PUSH_ACCEPTED] = result->accepted,       [SS_PUSH_DUPLICATE] = result->duplicate,
        [SS_PUSH_CONFLICTING] = result->conflicting, [SS_PUSH_QUARANTINED] = result->quarantined,
        [SS_PUSH_WARNED] = result->warned,
    };
    const struct numbers *known = block ? numbers_of(definitions) : NULL;
    if (block) ss_metrics_push(block, known ? known->sources[source - definitions->sources] : 0, rows);
}

void ss_observe_commit(uint64_t pushes, uint64_t rows, int64_t begun_us)
{
    if (block) ss_metrics_commit(block, elapsed_ns(begun_us), pushes, rows);
}
