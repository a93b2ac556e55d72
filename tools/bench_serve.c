// bench serve: how many lookups a server answers, how quickly, and what a call costs it.
//
// Without --server it makes a store of its own (20 float features of --entities users, in a folder below the
// current one that goes again) and a server over it, in a process of its own. --in-process reads a store,
// that one or --dir's, in this process.

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "materializer/push.h"
#include "server/deadlock_check.h"
#include "tools/bench_load.h"

#define FEATURES   20
#define BATCH_ROWS 10000

struct bench {
    struct ss_cli *cli;
    struct ss_bench_load load;
    bool in_process, has_directory;
    int64_t connections, server_pid;
    char folder[32], store[64];
    struct ss_bench_server server;
};

// ---- A store of its own

static void write_definitions(struct ss_buffer *text)
{
    ss_buffer_text(text,
                   "entities:\n  user: {user_id: string}\nsources:\n  measures:\n    columns:\n"
                   "      user_id: string\n      at: timestamp\n");
    for (int i = 0; i < FEATURES; i++) ss_buffer_format(text, "      f%02d: float64\n", i);
    ss_buffer_text(
        text,
        "    event_time: at\nviews:\n  newest:\n    entity: user\n    source: measures\n    features:\n");
    for (int i = 0; i < FEATURES; i++) ss_buffer_format(text, "      f%02d: last(f%02d)\n", i, i);
    ss_buffer_text(text, "services:\n  bench:\n    features: [newest.*]\n");
}

static bool add_user(int64_t user, struct ss_column *columns, uint64_t *random, struct ss_arena *arena)
{
    char name[32];
    const int size = snprintf(name, sizeof name, "user:%012lld", (long long)user);
    const struct ss_value key = {.present = true,
                                 .text = {ss_arena_copy(arena, name, (size_t)size), (size_t)size}};
    const struct ss_value at = {.present = true, .i64 = INT64_C(1767225600000000) + user};
    bool ok = key.text.data && ss_column_append(&columns[0], key, arena) &&
              ss_column_append(&columns[1], at, arena);
    for (int i = 0; ok && i < FEATURES; i++) {
        const struct ss_value value = {.present = true, .f64 = ss_bench_unit(random) * 1000};
        ok = ss_column_append(&columns[2 + i], value, arena);
    }
    return ok;
}

static enum ss_status push_users(struct ss_materializer *materializer, int64_t first, int64_t count,
                                 struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_source *source = &materializer->definitions->sources[0];
    struct ss_column columns[2 + FEATURES];
    struct ss_push_result result;
    uint64_t random = (uint64_t)first;
    bool ok = true;
    ss_arena_reset(arena);
    for (int i = 0; ok && i < 2 + FEATURES; i++)
        ok = ss_column_init(&columns[i], source->columns[i].type, (int32_t)count, arena);
    for (int64_t i = 0; ok && i < count; i++) ok = add_user(first + i, columns, &random, arena);
    if (!ok) return ss_fail_memory(error, "bench: a batch of users");
    const struct ss_push push = {.source = source, .length = (int32_t)count, .columns = columns};
    return ss_push(materializer, &push, &result, error);
}

static enum ss_status fill(struct ss_materializer *materializer, int64_t users, struct ss_error *error)
{
    struct ss_buffer text = {0};
    struct ss_arena arena = {0};
    write_definitions(&text);
    enum ss_status status = ss_bench_apply(materializer, &text, error);
    for (int64_t first = 0; status == SS_OK && first < users; first += BATCH_ROWS) {
        const int64_t left = users - first;
        status = push_users(materializer, first, left < BATCH_ROWS ? left : BATCH_ROWS, &arena, error);
    }
    ss_arena_release(&arena);
    ss_buffer_release(&text);
    return status;
}

static enum ss_status make_store(struct bench *bench, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    SS_TRY(ss_bench_make_folder(bench->folder, error));
    snprintf(bench->store, sizeof bench->store, "%s/store", bench->folder);
    SS_TRY(ss_store_create(bench->store, SS_CLOCK_WALL, NULL, error));
    SS_TRY(ss_materializer_open(bench->store, SS_STORE_WRITE, NULL, &materializer, error));
    const enum ss_status status = fill(materializer, bench->load.entities, error);
    ss_materializer_close(materializer);
    return status;
}

// ---- Whom to ask

static enum ss_status client_failed(const struct selfsame_error *from, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "bench: %s", from->message);
}

static enum ss_status open_in_process(struct bench *bench, struct ss_error *error)
{
    struct selfsame_error why;
    const char *directory = bench->cli->directory;
    if (!bench->has_directory) {
        SS_TRY(make_store(bench, error));
        directory = bench->store;
    }
    if (selfsame_open(directory, &bench->load.client, &why) != SELFSAME_OK) return client_failed(&why, error);
    return SS_OK;
}

static enum ss_status connect_server(struct bench *bench, struct ss_error *error)
{
    struct ss_cli *cli = bench->cli;
    if (!cli->server) {
        SS_TRY(make_store(bench, error));
        SS_TRY(ss_bench_server_start(bench->store, &bench->server, error));
        cli->server = bench->server.address;
        bench->load.server = bench->server.pid;
    }
    return ss_bench_connect(cli, bench->connections, &bench->load.client, error);
}

static void release(struct bench *bench)
{
    selfsame_close(bench->load.client);
    ss_bench_server_stop(&bench->server);
    ss_bench_remove_folder(bench->folder);
}

// ---- Report

static const char *method_of(const struct ss_bench_load *load)
{
    return load->health       ? "grpc.health.v1.Health/Check"
           : load->in_process ? "in process"
           : load->stream     ? "StreamFeatures"
                              : "GetFeatures";
}

static void report_load(const struct bench *bench, struct ss_bench_report *report)
{
    const struct ss_bench_load *load = &bench->load;
    ss_bench_report_text(report, "method", "method", method_of(load));
    if (load->rate > 0)
        ss_bench_report_number(report, "rate, calls/s", "rate", load->rate, 1);
    else
        ss_bench_report_number(report, "in flight", "in_flight", (double)load->in_flight, 0);
    if (!load->in_process)
        ss_bench_report_number(report, "connections", "connections", (double)bench->connections, 0);
    if (!load->health)
        ss_bench_report_number(report, "entities per call", "entities_per_call",
                               (double)load->entities_per_call, 0);
}

static void report_latencies(const struct ss_bench_latencies *sorted, struct ss_bench_report *report)
{
    static const struct {
        const char *label, *name;
        double share;
    } points[] = {{"p50, us", "p50_us", 0.5},
                  {"p90, us", "p90_us", 0.9},
                  {"p99, us", "p99_us", 0.99},
                  {"p99.9, us", "p999_us", 0.999},
                  {"max, us", "max_us", 1}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        ss_bench_report_number(report, points[i].label, points[i].name,
                               ss_bench_latency_us(sorted, points[i].share), 1);
}

static void report(const struct bench *bench, const struct ss_bench_loaded *loaded)
{
    struct ss_bench_report report;
    const double calls = loaded->calls ? (double)loaded->calls : 1;
    ss_bench_report_init(&report, bench->cli->json, "bench serve");
    report_load(bench, &report);
    ss_bench_report_number(&report, "calls", "calls", (double)loaded->calls, 0);
    ss_bench_report_number(&report, "calls/s", "calls_per_second", (double)loaded->calls / loaded->seconds,
                           0);
    if (!bench->load.health)
        ss_bench_report_number(&report, "rows/s", "rows_per_second", (double)loaded->rows / loaded->seconds,
                               0);
    report_latencies(&loaded->latencies, &report);
    if (bench->load.server)
        ss_bench_report_number(&report, "server CPU per call, us", "server_cpu_us",
                               loaded->server_cpu_s * 1e6 / calls, 2);
    ss_bench_report_number(&report, "client CPU per call, us", "client_cpu_us",
                           loaded->client_cpu_s * 1e6 / calls, 2);
    if (bench->load.rate > 0)
        ss_bench_report_number(&report, "most in flight", "most_in_flight", (double)loaded->most_in_flight,
                               0);
    if (!bench->load.health)
        ss_bench_report_number(&report, "absent rows", "absent", (double)loaded->absent, 0);
    ss_bench_report_number(&report, "errors", "errors", (double)loaded->errors, 0);
    ss_bench_report_print(&report);
}

// ---- Options

static bool take_key_type(const char *text, bool *is_number)
{
    *is_number = strcmp(text, "int64") == 0;
    return *is_number || strcmp(text, "string") == 0;
}

static bool take_option(struct bench *bench, int option)
{
    struct ss_bench_load *load = &bench->load;
    switch (option) {
    case 'P': return ss_bench_take_count(optarg, INT32_MAX, &bench->server_pid);
    case 'i': bench->in_process = load->in_process = true; return true;
    case 'S': load->stream = true; return true;
    case 'h': load->health = true; return true;
    case 's': load->service = optarg; return true;
    case 'k': load->key = optarg; return true;
    case 'p': load->prefix = optarg; return strlen(optarg) < 100;
    case 't': return take_key_type(optarg, &load->key_is_number);
    case 'n': return ss_bench_take_count(optarg, INT64_C(1000000000000), &load->entities);
    case 'e': return ss_bench_take_count(optarg, 1000000, &load->entities_per_call);
    case 'f': return ss_bench_take_count(optarg, 4096, &load->in_flight);
    case 'c': return ss_bench_take_count(optarg, 4, &bench->connections);
    case 'm': return ss_bench_take_count(optarg, 1024, &load->streams);
    case 'r': return ss_bench_take_number(optarg, &load->rate);
    case 'd': return ss_bench_take_number(optarg, &load->seconds);
    case 'w': return ss_bench_take_number(optarg, &load->warm_up_s);
    default: return ss_bench_take_server_option(bench->cli, option);
    }
}

static const struct option options[] = {SS_BENCH_SERVER_OPTIONS,
                                        {"in-process", no_argument, NULL, 'i'},
                                        {"stream", no_argument, NULL, 'S'},
                                        {"health", no_argument, NULL, 'h'},
                                        {"service", required_argument, NULL, 's'},
                                        {"key", required_argument, NULL, 'k'},
                                        {"prefix", required_argument, NULL, 'p'},
                                        {"key-type", required_argument, NULL, 't'},
                                        {"entities", required_argument, NULL, 'n'},
                                        {"entities-per-call", required_argument, NULL, 'e'},
                                        {"in-flight", required_argument, NULL, 'f'},
                                        {"connections", required_argument, NULL, 'c'},
                                        {"streams", required_argument, NULL, 'm'},
                                        {"rate", required_argument, NULL, 'r'},
                                        {"seconds", required_argument, NULL, 'd'},
                                        {"warm-up", required_argument, NULL, 'w'},
                                        {0}};

static bool take_options(struct bench *bench, int argc, char **argv)
{
    struct ss_cli *cli = bench->cli;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?') {
            ss_cli_usage(cli, "unknown option");
            return false;
        }
        if (!take_option(bench, option)) {
            ss_cli_usage(cli, "an option does not take '%s'", optarg ? optarg : "");
            return false;
        }
    }
    const struct ss_bench_load *load = &bench->load;
    if (optind != argc) {
        (void)ss_bench_no_operand(cli, argv[optind]);
        return false;
    }
    const char *wrong =
        bench->in_process && (bench->cli->server || load->rate > 0 || load->stream || load->health)
            ? "--in-process goes with none of --server, --rate, --stream and --health"
        : load->health && load->stream ? "--health goes without --stream"
                                       : NULL;
    if (wrong) ss_cli_usage(cli, "%s", wrong);
    return !wrong;
}

// argv[0] is "serve".
int ss_bench_serve(struct ss_cli *cli, int argc, char **argv)
{
    struct bench bench = {.cli = cli,
                          .connections = 1,
                          .has_directory = cli->has_directory,
                          .load = {.service = "bench",
                                   .key = "user_id",
                                   .prefix = "user:",
                                   .entities = 100000,
                                   .entities_per_call = 1,
                                   .streams = 1,
                                   .warm_up_s = 0.3,
                                   .seconds = 3}};
    struct ss_bench_loaded loaded = {0};
    struct ss_error error = {0};
    if (!take_options(&bench, argc, argv)) return SS_EXIT_ERROR;
    if (!bench.load.in_flight) bench.load.in_flight = bench.in_process ? 1 : 64;
    bench.load.server = (pid_t)bench.server_pid;
    ss_deadlock_check_off();
    enum ss_status status =
        bench.in_process ? open_in_process(&bench, &error) : connect_server(&bench, &error);
    if (status == SS_OK) status = ss_bench_load(&bench.load, &loaded, &error);
    if (status == SS_OK) report(&bench, &loaded);
    if (status == SS_OK && loaded.errors)
        status = ss_fail(&error, SS_IO, "bench: %llu calls failed; the first: %s",
                         (unsigned long long)loaded.errors, loaded.error);
    ss_bench_loaded_release(&loaded);
    release(&bench);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
