// bench ingest: events through history and online rows, as a producer would push them, with fsync.
//
// A fresh store under the current folder, removed at the end. Timed are ss_push and the close at the end: a
// short run would otherwise leave the checkpoint of history to nobody. Sizes are those after it.

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/push.h"
#include "tools/bench_measure.h"
#include "tools/bench_payments.h"

struct bench {
    struct ss_cli *cli;
    int64_t event_count, entity_count, batch_rows;
    char directory[32];
    struct ss_materializer *materializer;
    struct ss_arena arena;
    struct ss_column columns[SS_PAYMENTS_COLUMNS];
    struct ss_payments payments;
    double *batch_seconds;
    size_t batch_count;
    double seconds;       // of all batches
    double close_seconds; // checkpoint of history, sync of online rows
    struct ss_history_stats history;
    struct ss_online_stats online;
    bool shown;
};

// ---- Events

static bool add_event(struct bench *bench, int64_t index)
{
    const struct ss_payment payment = ss_payments_next(&bench->payments, index, 0);
    const struct ss_value row[SS_PAYMENTS_COLUMNS] = {
        [SS_PAYMENTS_USER] = {.present = true, .i64 = payment.user},
        [SS_PAYMENTS_AMOUNT] = {.present = true, .i64 = payment.cents},
        [SS_PAYMENTS_SCORE] = {.present = true, .f64 = payment.score},
        [SS_PAYMENTS_PAID_AT] = {.present = true, .i64 = payment.paid_us},
        [SS_PAYMENTS_RECEIVED_AT] = {.present = true, .i64 = payment.received_us},
    };
    for (int i = 0; i < SS_PAYMENTS_COLUMNS; i++)
        if (!ss_column_append(&bench->columns[i], row[i], &bench->arena)) return false;
    return true;
}

// ---- The store

static enum ss_status open_store(struct bench *bench, struct ss_error *error)
{
    struct ss_buffer text = {0};
    SS_TRY(ss_bench_make_folder(bench->directory, error));
    SS_TRY(ss_store_create(bench->directory, SS_CLOCK_REPLAY, NULL, error));
    SS_TRY(ss_materializer_open(bench->directory, SS_STORE_WRITE, NULL, &bench->materializer, error));
    ss_payments_definitions(&text);
    const enum ss_status status = ss_bench_apply(bench->materializer, &text, error);
    ss_buffer_release(&text);
    bench->payments = ss_payments_begin(bench->entity_count, bench->event_count);
    return status;
}

static void remove_store(struct bench *bench)
{
    ss_materializer_close(bench->materializer);
    ss_arena_release(&bench->arena);
    free(bench->batch_seconds);
    ss_bench_remove_folder(bench->directory);
}

// ---- The run

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
    for (int i = 0; i < SS_PAYMENTS_COLUMNS; i++) ss_column_clear(&bench->columns[i]);
    for (int32_t i = 0; i < length; i++)
        if (!add_event(bench, first + i)) return ss_fail_memory(error, "a batch of events");
    const struct ss_push push = {.source = source, .length = length, .columns = bench->columns};
    const int64_t start_ns = ss_bench_now_ns();
    SS_TRY(ss_push(bench->materializer, &push, &result, error));
    const double seconds = (double)(ss_bench_now_ns() - start_ns) * 1e-9;
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
    for (int i = 0; i < SS_PAYMENTS_COLUMNS && ok; i++)
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
    const int64_t start_ns = ss_bench_now_ns();
    ss_materializer_close(bench->materializer);
    bench->close_seconds = (double)(ss_bench_now_ns() - start_ns) * 1e-9;
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

static int run_ingest(struct ss_cli *cli, int argc, char **argv)
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
        case 'e': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.event_count); break;
        case 'n': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.entity_count); break;
        case 'b': ok = ss_bench_take_count(optarg, 10000000, &bench.batch_rows); break;
        default: return ss_cli_usage(cli, "unknown option");
        }
        if (!ok) return ss_cli_usage(cli, "expected a number from 1 on, got '%s'", optarg);
    }
    if (optind != argc) return ss_cli_usage(cli, "there is more than options");
    return bench_ingest(&bench);
}

int ss_command_bench(struct ss_cli *cli, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct ss_cli *cli, int argc, char **argv);
    } kinds[] = {{"ingest", run_ingest}, {"serve", ss_bench_serve}, {"push", ss_bench_push}};
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0) return kinds[i].run(cli, argc - 1, argv + 1);
    return ss_cli_usage(cli, "expected: bench ingest, bench serve or bench push");
}
