// bench ingest: events through history and online rows, as a producer would push them, with fsync.
//
// A fresh store under the current folder, removed at the end. 30 days of events in the order of their
// arrival: 99 of 100 arrive 0 to 2 s late, one a day late; few entities have most of them. The events are
// the same in every run. Timed are ss_push and the close at the end: a short run would otherwise leave the
// checkpoint of history to nobody. Sizes are those after it.

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/number.h"
#include "materializer/apply.h"
#include "materializer/push.h"
#include "tools/cli.h"

#define START_US (INT64_C(1767225600) * SS_SECOND_US) // 2026-01-01T00:00:00Z
#define SPAN_US  (30 * SS_DAY_US)

static const char definitions_head[] =
    "entities:\n"
    "  user: {user_id: int64}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: int64, amount: decimal(2), score: float64, paid_at: timestamp, received_at: "
    "timestamp}\n"
    "    event_time: paid_at\n"
    "    arrival: received_at\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n";
static const char *const windows[] = {"1h", "1d", "7d", "30d"};
static const char *const aggregates[] = {"count", "sum", "mean", "stddev", "min", "max"};
enum { COLUMN_USER, COLUMN_AMOUNT, COLUMN_SCORE, COLUMN_PAID_AT, COLUMN_RECEIVED_AT, COLUMNS };

struct bench {
    struct ss_cli *cli;
    int64_t event_count, entity_count, batch_rows;
    char directory[32];
    struct ss_materializer *materializer;
    struct ss_arena arena;
    struct ss_column columns[COLUMNS];
    uint64_t random;
    double *batch_seconds;
    size_t batch_count;
    double seconds;       // of all batches
    double close_seconds; // checkpoint of history, sync of online rows
    struct ss_history_stats history;
    struct ss_online_stats online;
    bool shown;
};

// ---- Events

static uint64_t next_random(struct bench *bench) // splitmix64
{
    uint64_t x = bench->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static double next_unit(struct bench *bench) // [0, 1)
{
    return (double)(next_random(bench) >> 11) * 0x1p-53;
}

static bool add_event(struct bench *bench, int64_t index)
{
    const double u = next_unit(bench), cents = next_unit(bench),
                 share = (double)index / (double)bench->event_count;
    const int64_t arrival_us = START_US + (int64_t)(share * (double)SPAN_US);
    const bool is_late = next_random(bench) % 100 == 0;
    const int64_t late_us = is_late ? SS_DAY_US : (int64_t)(next_random(bench) % (2 * SS_SECOND_US));
    const struct ss_value row[COLUMNS] = {
        [COLUMN_USER] = {.present = true, .i64 = (int64_t)(u * u * u * (double)bench->entity_count)},
        [COLUMN_AMOUNT] = {.present = true, .i64 = 100 + (int64_t)(cents * cents * 50000)},
        [COLUMN_SCORE] = {.present = true, .f64 = next_unit(bench)},
        [COLUMN_PAID_AT] = {.present = true, .i64 = arrival_us - late_us},
        [COLUMN_RECEIVED_AT] = {.present = true, .i64 = arrival_us},
    };
    for (int i = 0; i < COLUMNS; i++)
        if (!ss_column_append(&bench->columns[i], row[i], &bench->arena)) return false;
    return true;
}

// ---- The store

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static enum ss_status compile(struct ss_definitions **definitions, struct ss_error *error)
{
    struct ss_buffer text = {0}, report = {0};
    const struct ss_zone_loader no_zones = {0};
    size_t error_count;
    ss_buffer_text(&text, definitions_head);
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t a = 0; a < sizeof aggregates / sizeof *aggregates; a++)
            ss_buffer_format(&text, "      %s_%s: %s(%s) over %s\n", aggregates[a], windows[w], aggregates[a],
                             a == 0 ? "" : "amount", windows[w]);
    const struct ss_file file = {"bench.yaml", {(const char *)text.data, text.size}};
    enum ss_status status = SS_OUT_OF_MEMORY;
    if (text.failed)
        ss_fail_memory(error, "the definitions");
    else
        status = ss_definitions_compile(&file, 1, &no_zones, definitions, &report, &error_count, error);
    if (status == SS_FOUND)
        status = ss_fail(error, SS_INVALID, "bench: %.*s", (int)report.size, (const char *)report.data);
    ss_buffer_release(&report);
    ss_buffer_release(&text);
    return status;
}

static enum ss_status open_store(struct bench *bench, struct ss_error *error)
{
    struct ss_definitions *definitions = NULL;
    strcpy(bench->directory, "selfsame-bench-XXXXXX");
    if (!mkdtemp(bench->directory)) {
        bench->directory[0] = 0;
        return ss_fail(error, SS_IO, "bench: cannot make a folder here: %s", strerror(errno));
    }
    SS_TRY(ss_store_create(bench->directory, SS_CLOCK_REPLAY, NULL, error));
    SS_TRY(ss_materializer_open(bench->directory, SS_STORE_WRITE, NULL, &bench->materializer, error));
    SS_TRY(compile(&definitions, error));
    const enum ss_status status = ss_apply(bench->materializer, definitions, error);
    if (status != SS_OK) ss_definitions_destroy(definitions);
    return status;
}

static void remove_store(struct bench *bench)
{
    ss_materializer_close(bench->materializer);
    ss_arena_release(&bench->arena);
    free(bench->batch_seconds);
    if (bench->directory[0]) nftw(bench->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// ---- The run

static double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void show_progress(struct bench *bench, int64_t done)
{
    char events[SS_COUNT_TEXT_SIZE], rate[SS_COUNT_TEXT_SIZE];
    if (!isatty(STDERR_FILENO) || bench->seconds < 1) return;
    bench->shown = true;
    fprintf(stderr, "\r\033[K%s events, %s/s, %.0f s left", ss_count_format((uint64_t)done, events),
            ss_count_format((uint64_t)((double)done / bench->seconds), rate),
            bench->seconds * (double)(bench->event_count - done) / (double)done);
}

static enum ss_status push_batch(struct bench *bench, int64_t first, int32_t length, struct ss_error *error)
{
    const struct ss_source *source = &bench->materializer->definitions->sources[0];
    struct ss_push_result result;
    for (int i = 0; i < COLUMNS; i++) ss_column_clear(&bench->columns[i]);
    for (int32_t i = 0; i < length; i++)
        if (!add_event(bench, first + i)) return ss_fail_memory(error, "a batch of events");
    const struct ss_push push = {.source = source, .length = length, .columns = bench->columns};
    const double start = monotonic_seconds();
    SS_TRY(ss_push(bench->materializer, &push, &result, error));
    const double seconds = monotonic_seconds() - start;
    SS_ASSERT(result.accepted == (uint64_t)length);
    bench->batch_seconds[bench->batch_count++] = seconds;
    bench->seconds += seconds;
    show_progress(bench, first + length);
    return SS_OK;
}

static enum ss_status push_all(struct bench *bench, struct ss_error *error)
{
    const struct ss_source *source = &bench->materializer->definitions->sources[0];
    const int64_t batches = (bench->event_count + bench->batch_rows - 1) / bench->batch_rows;
    bench->batch_seconds = calloc((size_t)batches, sizeof *bench->batch_seconds);
    bool ok = bench->batch_seconds != NULL;
    for (int i = 0; i < COLUMNS && ok; i++)
        ok = ss_column_init(&bench->columns[i], source->columns[i].type, (int32_t)bench->batch_rows,
                            &bench->arena);
    if (!ok) return ss_fail_memory(error, "a batch of events");
    for (int64_t first = 0; first < bench->event_count; first += bench->batch_rows) {
        const int64_t left = bench->event_count - first;
        const int64_t length = left < bench->batch_rows ? left : bench->batch_rows;
        SS_TRY(push_batch(bench, first, (int32_t)length, error));
    }
    return SS_OK;
}

static enum ss_status read_online_size(struct bench *bench, struct ss_error *error)
{
    struct ss_online_txn *txn;
    SS_TRY(ss_online_read(bench->materializer->store->online, &txn, error));
    const enum ss_status status =
        ss_online_stats(txn, &bench->materializer->definitions->views[0].fingerprint, &bench->online, error);
    ss_online_end(txn);
    return status;
}

static enum ss_status close_and_read_sizes(struct bench *bench, struct ss_error *error)
{
    SS_TRY(read_online_size(bench, error));
    const double start = monotonic_seconds();
    ss_materializer_close(bench->materializer);
    bench->close_seconds = monotonic_seconds() - start;
    bench->materializer = NULL;
    SS_TRY(ss_materializer_open(bench->directory, SS_STORE_HISTORY, NULL, &bench->materializer, error));
    return ss_history_stats(bench->materializer->store->history, &bench->history, error);
}

// ---- Output

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct bench *bench, size_t percent) // of sorted batches
{
    return bench->batch_seconds[(bench->batch_count - 1) * percent / 100] * 1000;
}

static void print_json(const struct bench *bench, double rate, double event_bytes, double entity_bytes)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "bench", json_object_new_string("ingest"));
    json_object_object_add(root, "events", json_object_new_int64(bench->event_count));
    json_object_object_add(root, "entities", json_object_new_int64((int64_t)bench->online.rows));
    json_object_object_add(root, "batch", json_object_new_int64(bench->batch_rows));
    json_object_object_add(root, "features", json_object_new_int(24));
    json_object_object_add(root, "seconds", json_object_new_double(bench->seconds + bench->close_seconds));
    json_object_object_add(root, "events_per_second", json_object_new_double(rate));
    json_object_object_add(root, "batch_p50_ms", json_object_new_double(percentile_ms(bench, 50)));
    json_object_object_add(root, "batch_p99_ms", json_object_new_double(percentile_ms(bench, 99)));
    json_object_object_add(root, "close_ms", json_object_new_double(bench->close_seconds * 1000));
    json_object_object_add(root, "history_bytes_per_event", json_object_new_double(event_bytes));
    json_object_object_add(root, "online_bytes_per_entity", json_object_new_double(entity_bytes));
    ss_cli_print_json(root);
}

static void print_table(const struct bench *bench, double rate, double event_bytes, double entity_bytes)
{
    char text[SS_COUNT_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(&table, 2, (const char *const[]){"bench ingest", ">"});
    ss_table_cell(&table, "events");
    ss_table_cell(&table, "%s", ss_count_format((uint64_t)bench->event_count, text));
    ss_table_cell(&table, "entities");
    ss_table_cell(&table, "%s", ss_count_format(bench->online.rows, text));
    ss_table_cell(&table, "window features");
    ss_table_cell(&table, "24");
    ss_table_cell(&table, "events per second");
    ss_table_cell(&table, "%s", ss_count_format((uint64_t)rate, text));
    ss_table_cell(&table, "batch of %lld, p50", (long long)bench->batch_rows);
    ss_table_cell(&table, "%.1f ms", percentile_ms(bench, 50));
    ss_table_cell(&table, "batch of %lld, p99", (long long)bench->batch_rows);
    ss_table_cell(&table, "%.1f ms", percentile_ms(bench, 99));
    ss_table_cell(&table, "close");
    ss_table_cell(&table, "%.1f ms", bench->close_seconds * 1000);
    ss_table_cell(&table, "history, per event");
    ss_table_cell(&table, "%.1f bytes", event_bytes);
    ss_table_cell(&table, "online, per entity");
    ss_table_cell(&table, "%.1f bytes", entity_bytes);
    ss_table_print(&table, stdout);
}

static void print_result(struct bench *bench)
{
    const double rate = (double)bench->event_count / (bench->seconds + bench->close_seconds);
    const double history_bytes = (double)(bench->history.file_bytes + bench->history.wal_bytes);
    const double event_bytes = history_bytes / (double)bench->event_count;
    const double entity_bytes = (double)bench->online.bytes / (double)bench->online.rows;
    qsort(bench->batch_seconds, bench->batch_count, sizeof *bench->batch_seconds, by_size);
    if (bench->cli->json)
        print_json(bench, rate, event_bytes, entity_bytes);
    else
        print_table(bench, rate, event_bytes, entity_bytes);
}

static int bench_ingest(struct bench *bench)
{
    struct ss_error error = {0};
    enum ss_status status = open_store(bench, &error);
    if (status == SS_OK) status = push_all(bench, &error);
    if (bench->shown) fputs("\r\033[K", stderr);
    if (status == SS_OK) status = close_and_read_sizes(bench, &error);
    if (status == SS_OK) print_result(bench);
    remove_store(bench);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

static bool take_count(const char *text, int64_t greatest, int64_t *count)
{
    int64_t number;
    if (!ss_int64_parse(ss_bytes_of(text), &number) || number < 1 || number > greatest) return false;
    *count = number;
    return true;
}

int ss_command_bench(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'},
                                            {"entities", required_argument, NULL, 'n'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {0}};
    struct bench bench = {.cli = cli, .event_count = 200000, .entity_count = 10000, .batch_rows = 10000};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool ok = true;
        switch (option) {
        case 'e': ok = take_count(optarg, INT64_C(1) << 40, &bench.event_count); break;
        case 'n': ok = take_count(optarg, INT64_C(1) << 40, &bench.entity_count); break;
        case 'b': ok = take_count(optarg, 10000000, &bench.batch_rows); break;
        default: return ss_cli_usage(cli, "unknown option");
        }
        if (!ok) return ss_cli_usage(cli, "expected a number from 1 on, got '%s'", optarg);
    }
    if (optind + 1 != argc || strcmp(argv[optind], "ingest") != 0)
        return ss_cli_usage(cli, "expected: bench ingest");
    return bench_ingest(&bench);
}
