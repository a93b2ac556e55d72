// bench push: how many events a server takes.
//
// The events are those of bench ingest: 30 days of payments that arrive in order, few users have most of
// them, 24 window features. --live: they happen now, 0 to 2 s ago. Each connection has so many batches in
// flight; with --rate, batches are due at random times and a batch's latency counts from then.

#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/call.h"
#include "tools/bench_measure.h"
#include "tools/bench_payments.h"
#include "wire/message.h"

struct bench;

struct lane { // a batch, and the connection it goes over
    struct bench *bench;
    struct selfsame_client *client;
    struct selfsame_batch *batch;
    struct selfsame_column *columns[SS_PAYMENTS_COLUMNS];
    int64_t begun_ns, rows;
    struct ss_bench_latencies latencies;
    uint64_t pushes, accepted, refused, errors;
    struct lane *next; // of the free ones
};

struct totals { // of the server
    uint64_t commits, events;
};

struct bench {
    struct ss_cli *cli;
    int64_t server_pid, batch_rows, event_count, entity_count, connections, in_flight;
    double rate; // events a second; 0: as fast as it goes
    bool live;
    char folder[32], store[64];
    struct ss_bench_server server;
    struct selfsame_client **clients;
    struct lane *lanes;
    size_t lane_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ss_payments payments;
    int64_t next_event;
    size_t flying;
    struct lane *free;
    char error[256];
    double seconds, server_cpu_s, client_cpu_s;
    struct totals totals;
};

// ---- A batch

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// Under the lock: events are drawn in order. False: there are no more.
static bool draw(struct lane *lane)
{
    struct bench *bench = lane->bench;
    const int64_t left = bench->event_count - bench->next_event;
    const int64_t now_us = bench->live ? wall_us() : 0;
    lane->rows = left < bench->batch_rows ? left : bench->batch_rows;
    if (lane->rows <= 0) return false;
    selfsame_batch_rows(lane->batch, (size_t)lane->rows);
    for (int64_t row = 0; row < lane->rows; row++) {
        const struct ss_payment payment = ss_payments_next(&bench->payments, bench->next_event++, now_us);
        selfsame_set_int64(lane->columns[SS_PAYMENTS_USER], (size_t)row, payment.user);
        selfsame_set_decimal(lane->columns[SS_PAYMENTS_AMOUNT], (size_t)row, payment.cents);
        selfsame_set_double(lane->columns[SS_PAYMENTS_SCORE], (size_t)row, payment.score);
        selfsame_set_timestamp(lane->columns[SS_PAYMENTS_PAID_AT], (size_t)row, payment.paid_us);
        selfsame_set_timestamp(lane->columns[SS_PAYMENTS_RECEIVED_AT], (size_t)row, payment.received_us);
    }
    return true;
}

// Under the lock.
static void put_back(struct lane *lane)
{
    struct bench *bench = lane->bench;
    lane->next = bench->free;
    bench->free = lane;
    bench->flying--;
    pthread_cond_signal(&bench->changed);
}

static void note_error(struct lane *lane, const struct selfsame_error *error)
{
    struct bench *bench = lane->bench;
    lane->errors++;
    pthread_mutex_lock(&bench->lock);
    if (!bench->error[0])
        snprintf(bench->error, sizeof bench->error, "%s: %.200s", selfsame_code_name(error->code),
                 error->message);
    pthread_mutex_unlock(&bench->lock);
}

static void acknowledged(void *context, struct selfsame_receipt *receipt, const struct selfsame_error *error);

static void send_batch(struct lane *lane)
{
    struct selfsame_error error;
    if (selfsame_push_async(lane->client, lane->batch, 60000, acknowledged, lane, &error) == SELFSAME_OK)
        return;
    note_error(lane, &error);
    pthread_mutex_lock(&lane->bench->lock);
    put_back(lane);
    pthread_mutex_unlock(&lane->bench->lock);
}

// The next one of a closed loop.
static void go_on(struct lane *lane)
{
    struct bench *bench = lane->bench;
    pthread_mutex_lock(&bench->lock);
    const bool more = bench->rate == 0 && draw(lane);
    if (!more) put_back(lane);
    pthread_mutex_unlock(&bench->lock);
    if (!more) return;
    lane->begun_ns = ss_bench_now_ns();
    send_batch(lane);
}

static void acknowledged(void *context, struct selfsame_receipt *receipt, const struct selfsame_error *error)
{
    struct lane *lane = context;
    ss_bench_latency_add(&lane->latencies, ss_bench_now_ns() - lane->begun_ns);
    lane->pushes++;
    if (receipt) {
        lane->accepted += selfsame_receipt_accepted(receipt);
        lane->refused += selfsame_receipt_quarantined(receipt) + selfsame_receipt_conflicting(receipt);
        selfsame_receipt_destroy(receipt);
    } else {
        note_error(lane, error);
    }
    go_on(lane);
}

// ---- The run

static struct lane *take_free(struct bench *bench)
{
    while (!bench->free) pthread_cond_wait(&bench->changed, &bench->lock);
    struct lane *lane = bench->free;
    bench->free = lane->next;
    bench->flying++;
    return lane;
}

static void run(struct bench *bench)
{
    uint64_t random = 11;
    int64_t due_ns = ss_bench_now_ns();
    bool more = true;
    for (size_t i = 0; more && (bench->rate > 0 || i < bench->lane_count); i++) {
        pthread_mutex_lock(&bench->lock);
        struct lane *lane = take_free(bench);
        more = draw(lane);
        if (!more) put_back(lane);
        pthread_mutex_unlock(&bench->lock);
        if (!more) break;
        if (bench->rate > 0)
            due_ns -= (int64_t)(log(1 - ss_bench_unit(&random)) / bench->rate * (double)lane->rows * 1e9);
        if (due_ns > ss_bench_now_ns()) ss_bench_sleep_until(due_ns);
        lane->begun_ns = bench->rate > 0 ? due_ns : ss_bench_now_ns();
        send_batch(lane);
    }
    pthread_mutex_lock(&bench->lock);
    while (bench->flying) pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

static enum ss_status client_failed(const struct selfsame_error *from, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "bench: %s", from->message);
}

static enum ss_status read_totals(struct bench *bench, struct totals *totals, struct ss_error *error)
{
    struct ss_client_reply reply = {0};
    struct selfsame_error why;
    struct ss_field field;
    if (ss_client_call(bench->clients[0], SS_CLIENT_STATS, "", 0, 0, &reply, &why) != SELFSAME_OK)
        return client_failed(&why, error);
    struct ss_message message = ss_message_of((struct ss_bytes){(const char *)reply.data, reply.size});
    *totals = (struct totals){0};
    while (ss_message_next(&message, &field)) {
        if (field.number == 6) totals->commits = field.value;
        if (field.number == 7) totals->events = field.value;
    }
    ss_client_reply_release(&reply);
    return SS_OK;
}

static enum ss_status measure(struct bench *bench, struct ss_error *error)
{
    struct totals before;
    SS_TRY(read_totals(bench, &before, error));
    const int64_t begun_ns = ss_bench_now_ns();
    const double server_s = ss_bench_cpu_s((pid_t)bench->server_pid), own_s = ss_bench_own_cpu_s();
    run(bench);
    bench->seconds = (double)(ss_bench_now_ns() - begun_ns) * 1e-9;
    bench->server_cpu_s = ss_bench_cpu_s((pid_t)bench->server_pid) - server_s;
    bench->client_cpu_s = ss_bench_own_cpu_s() - own_s;
    SS_TRY(read_totals(bench, &bench->totals, error));
    bench->totals.commits -= before.commits;
    bench->totals.events -= before.events;
    return SS_OK;
}

// ---- Making and releasing

static enum ss_status make_store(struct bench *bench, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    struct ss_buffer text = {0};
    SS_TRY(ss_bench_make_folder(bench->folder, error));
    snprintf(bench->store, sizeof bench->store, "%s/store", bench->folder);
    SS_TRY(ss_store_create(bench->store, SS_CLOCK_WALL, NULL, error));
    SS_TRY(ss_materializer_open(bench->store, SS_STORE_WRITE, NULL, &materializer, error));
    ss_payments_definitions(&text);
    const enum ss_status status = ss_bench_apply(materializer, &text, error);
    ss_buffer_release(&text);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status start_server(struct bench *bench, struct ss_error *error)
{
    if (bench->cli->server) return SS_OK;
    SS_TRY(make_store(bench, error));
    SS_TRY(ss_bench_server_start(bench->store, &bench->server, error));
    bench->cli->server = bench->server.address;
    bench->server_pid = bench->server.pid;
    return SS_OK;
}

static enum ss_status connect_all(struct bench *bench, struct ss_error *error)
{
    bench->clients = calloc((size_t)bench->connections, sizeof(struct selfsame_client *));
    if (!bench->clients) return ss_fail_memory(error, "bench: the connections");
    for (int64_t i = 0; i < bench->connections; i++)
        SS_TRY(ss_bench_connect(bench->cli, 1, &bench->clients[i], error));
    return SS_OK;
}

static enum ss_status make_lane(struct bench *bench, size_t index, struct ss_error *error)
{
    static const enum selfsame_type types[SS_PAYMENTS_COLUMNS] = {
        [SS_PAYMENTS_USER] = SELFSAME_TYPE_INT64,
        [SS_PAYMENTS_AMOUNT] = SELFSAME_TYPE_DECIMAL,
        [SS_PAYMENTS_SCORE] = SELFSAME_TYPE_FLOAT64,
        [SS_PAYMENTS_PAID_AT] = SELFSAME_TYPE_TIMESTAMP,
        [SS_PAYMENTS_RECEIVED_AT] = SELFSAME_TYPE_TIMESTAMP};
    struct lane *lane = &bench->lanes[index];
    lane->bench = bench;
    lane->client = bench->clients[index % (size_t)bench->connections];
    lane->batch = selfsame_batch_create("payments");
    if (!lane->batch) return ss_fail_memory(error, "bench: the batches");
    for (int c = 0; c < SS_PAYMENTS_COLUMNS; c++)
        lane->columns[c] = selfsame_batch_column(lane->batch, ss_payments_columns[c], types[c]);
    selfsame_column_scale(lane->columns[SS_PAYMENTS_AMOUNT], 2);
    selfsame_batch_declared_arrival(lane->batch, !bench->live);
    lane->next = bench->free;
    bench->free = lane;
    return SS_OK;
}

static enum ss_status make(struct bench *bench, struct ss_error *error)
{
    bench->payments = ss_payments_begin(bench->entity_count, bench->event_count);
    SS_TRY(start_server(bench, error));
    SS_TRY(connect_all(bench, error));
    bench->lane_count = (size_t)(bench->connections * bench->in_flight);
    bench->lanes = calloc(bench->lane_count, sizeof *bench->lanes);
    if (!bench->lanes) return ss_fail_memory(error, "bench: the batches");
    for (size_t i = 0; i < bench->lane_count; i++) SS_TRY(make_lane(bench, i, error));
    return SS_OK;
}

static void release(struct bench *bench)
{
    for (int64_t i = 0; bench->clients && i < bench->connections; i++) selfsame_close(bench->clients[i]);
    for (size_t i = 0; bench->lanes && i < bench->lane_count; i++) {
        selfsame_batch_destroy(bench->lanes[i].batch);
        ss_bench_latency_release(&bench->lanes[i].latencies);
    }
    free(bench->clients);
    free(bench->lanes);
    ss_bench_server_stop(&bench->server);
    ss_bench_remove_folder(bench->folder);
    pthread_mutex_destroy(&bench->lock);
    pthread_cond_destroy(&bench->changed);
}

// ---- Report

static struct lane sum_up(const struct bench *bench)
{
    struct lane sum = {0};
    for (size_t i = 0; i < bench->lane_count; i++) {
        const struct lane *lane = &bench->lanes[i];
        sum.pushes += lane->pushes;
        sum.accepted += lane->accepted;
        sum.refused += lane->refused;
        sum.errors += lane->errors;
        ss_bench_latency_join(&sum.latencies, &lane->latencies);
    }
    ss_bench_latency_sort(&sum.latencies);
    return sum;
}

static void report_rates(const struct bench *bench, const struct lane *sum, struct ss_bench_report *report)
{
    const double commits = bench->totals.commits ? (double)bench->totals.commits : 1;
    ss_bench_report_number(report, "events/s", "events_per_second", (double)sum->accepted / bench->seconds,
                           0);
    ss_bench_report_number(report, "pushes/s", "pushes_per_second", (double)sum->pushes / bench->seconds, 0);
    ss_bench_report_number(report, "commits/s", "commits_per_second",
                           (double)bench->totals.commits / bench->seconds, 1);
    ss_bench_report_number(report, "pushes per commit", "pushes_per_commit", (double)sum->pushes / commits,
                           1);
}

static void report(const struct bench *bench, const struct lane *sum)
{
    struct ss_bench_report report;
    const double events = sum->accepted ? (double)sum->accepted : 1;
    ss_bench_report_init(&report, bench->cli->json, "bench push");
    ss_bench_report_number(&report, "connections", "connections", (double)bench->connections, 0);
    ss_bench_report_number(&report, "batches in flight, each", "in_flight", (double)bench->in_flight, 0);
    ss_bench_report_number(&report, "rows per batch", "batch", (double)bench->batch_rows, 0);
    ss_bench_report_number(&report, "events", "events", (double)sum->accepted, 0);
    report_rates(bench, sum, &report);
    ss_bench_report_number(&report, "push p50, ms", "p50_ms",
                           ss_bench_latency_us(&sum->latencies, 0.5) / 1000, 2);
    ss_bench_report_number(&report, "push p99, ms", "p99_ms",
                           ss_bench_latency_us(&sum->latencies, 0.99) / 1000, 2);
    ss_bench_report_number(&report, "push max, ms", "max_ms", ss_bench_latency_us(&sum->latencies, 1) / 1000,
                           2);
    if (bench->server_pid)
        ss_bench_report_number(&report, "server CPU per event, us", "server_cpu_us",
                               bench->server_cpu_s * 1e6 / events, 2);
    ss_bench_report_number(&report, "client CPU per event, us", "client_cpu_us",
                           bench->client_cpu_s * 1e6 / events, 2);
    ss_bench_report_number(&report, "refused rows", "refused", (double)sum->refused, 0);
    ss_bench_report_number(&report, "errors", "errors", (double)sum->errors, 0);
    ss_bench_report_print(&report);
}

// ---- Options

static const struct option options[] = {SS_BENCH_SERVER_OPTIONS,
                                        {"batch", required_argument, NULL, 'b'},
                                        {"events", required_argument, NULL, 'e'},
                                        {"entities", required_argument, NULL, 'n'},
                                        {"connections", required_argument, NULL, 'c'},
                                        {"in-flight", required_argument, NULL, 'f'},
                                        {"rate", required_argument, NULL, 'r'},
                                        {"live", no_argument, NULL, 'l'},
                                        {0}};

static bool take_option(struct bench *bench, int option)
{
    switch (option) {
    case 'P': return ss_bench_take_count(optarg, INT32_MAX, &bench->server_pid);
    case 'b': return ss_bench_take_count(optarg, 1000000, &bench->batch_rows);
    case 'e': return ss_bench_take_count(optarg, INT64_C(1) << 40, &bench->event_count);
    case 'n': return ss_bench_take_count(optarg, INT64_C(1) << 40, &bench->entity_count);
    case 'c': return ss_bench_take_count(optarg, 4096, &bench->connections);
    case 'f': return ss_bench_take_count(optarg, 1024, &bench->in_flight);
    case 'r': return ss_bench_take_number(optarg, &bench->rate);
    case 'l': bench->live = true; return true;
    default: return ss_bench_take_server_option(bench->cli, option);
    }
}

static int take_options(struct bench *bench, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?') return ss_cli_usage(bench->cli, "unknown option");
        if (!take_option(bench, option))
            return ss_cli_usage(bench->cli, "an option does not take '%s'", optarg ? optarg : "");
    }
    return optind == argc ? SS_EXIT_OK : ss_bench_no_operand(bench->cli, argv[optind]);
}

int ss_bench_push(struct ss_cli *cli, int argc, char **argv)
{
    struct bench bench = {.cli = cli,
                          .batch_rows = 10000,
                          .event_count = 1000000,
                          .entity_count = 100000,
                          .connections = 1,
                          .in_flight = 2};
    struct ss_error error = {0};
    const int wrong = take_options(&bench, argc, argv);
    if (wrong) return wrong;
    pthread_mutex_init(&bench.lock, NULL);
    pthread_cond_init(&bench.changed, NULL);
    enum ss_status status = make(&bench, &error);
    if (status == SS_OK) status = measure(&bench, &error);
    if (status == SS_OK) {
        struct lane sum = sum_up(&bench);
        report(&bench, &sum);
        ss_bench_latency_release(&sum.latencies);
        if (sum.errors)
            status = ss_fail(&error, SS_IO, "bench: %llu pushes failed; the first: %s",
                             (unsigned long long)sum.errors, bench.error);
    }
    release(&bench);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
