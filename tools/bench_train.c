// bench train: a training table of 24 window features out of a store of its own, to CSV.
//
// The store is filled as bench ingest fills it, its history merged; then the spine, rows of random users at
// random times of the last half of the events, becomes the same table again and again. Timed is all of a
// `train`, from opening the store to the file.

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "materializer/train.h"
#include "tools/bench_fill.h"

#define PLACE_SIZE 64

struct bench {
    struct ss_cli *cli;
    struct ss_bench_fill fill;
    int64_t row_count, threads, run_count;
    char spine[PLACE_SIZE], table[PLACE_SIZE];
    struct ss_bench_latencies runs;
    double cpu_seconds; // of all runs
    struct ss_train_result result;
    int64_t table_bytes;
};

static enum ss_status write_spine(struct bench *bench, struct ss_error *error)
{
    const struct ss_bench_fill *fill = &bench->fill;
    struct ss_payments users = ss_payments_begin(fill->entity_count, bench->row_count * 2);
    users.random = UINT64_C(0x5917e);
    FILE *file = fopen(bench->spine, "w");
    if (!file) return ss_fail(error, SS_IO, "%s: %s", bench->spine, strerror(errno));
    fputs("user_id,at\n", file);
    for (int64_t row = 0; row < bench->row_count; row++) {
        const struct ss_payment payment = ss_payments_next(&users, bench->row_count + row, 0);
        fprintf(file, "%lld,%lld\n", (long long)payment.user, (long long)payment.paid_us);
    }
    if (fclose(file) == 0) return SS_OK;
    return ss_fail(error, SS_IO, "%s: %s", bench->spine, strerror(errno));
}

static enum ss_status prepare(struct bench *bench, struct ss_error *error)
{
    struct ss_bench_fill *fill = &bench->fill;
    SS_TRY(ss_bench_fill_open(fill, error));
    SS_TRY(ss_bench_fill_push(fill, error));
    SS_TRY(ss_history_compact(fill->materializer->store->history, SS_COMPACT_ALL, error));
    ss_materializer_close(fill->materializer);
    fill->materializer = NULL;
    snprintf(bench->spine, sizeof bench->spine, "%s/spine.csv", fill->directory);
    snprintf(bench->table, sizeof bench->table, "%s/table.csv", fill->directory);
    return write_spine(bench, error);
}

static enum ss_status train(struct bench *bench, struct ss_error *error)
{
    struct ss_materializer *materializer;
    const struct ss_train request = {
        .service = "bench",
        .spine = {.place = bench->spine, .time_column = "at", .time_unit = SS_UNIT_US},
        .output = bench->table,
        .threads = (size_t)bench->threads,
        .version = SS_VERSION_TEXT};
    const int64_t start_ns = ss_bench_now_ns();
    SS_TRY(ss_materializer_open(bench->fill.directory, SS_STORE_HISTORY, NULL, &materializer, error));
    const enum ss_status status = ss_train(materializer, &request, &bench->result, error);
    ss_materializer_close(materializer);
    ss_bench_latency_add(&bench->runs, ss_bench_now_ns() - start_ns);
    return status;
}

static enum ss_status train_all(struct bench *bench, struct ss_error *error)
{
    struct stat file;
    const double cpu_s = ss_bench_own_cpu_s();
    for (int64_t run = 1; run <= bench->run_count; run++) {
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[Ktable %lld of %lld", (long long)run, (long long)bench->run_count);
        SS_TRY(train(bench, error));
    }
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    bench->cpu_seconds = ss_bench_own_cpu_s() - cpu_s;
    if (stat(bench->table, &file) != 0) return ss_fail(error, SS_IO, "%s: %s", bench->table, strerror(errno));
    bench->table_bytes = file.st_size;
    return SS_OK;
}

static void report(struct bench *bench)
{
    struct ss_bench_report report;
    ss_bench_latency_sort(&bench->runs);
    const double seconds = ss_bench_latency_us(&bench->runs, 0.5) * 1e-6;
    ss_bench_report_init(&report, bench->cli->json, "bench train");
    ss_bench_report_number(&report, "events", "events", (double)bench->fill.event_count, 0);
    ss_bench_report_number(&report, "rows", "rows", (double)bench->result.row_count, 0);
    ss_bench_report_number(&report, "window features", "features", (double)bench->result.feature_count, 0);
    ss_bench_report_number(&report, "runs", "runs", (double)bench->run_count, 0);
    ss_bench_report_number(&report, "seconds, median", "seconds", seconds, 3);
    ss_bench_report_number(&report, "seconds, least", "seconds_least",
                           ss_bench_latency_us(&bench->runs, 0) * 1e-6, 3);
    ss_bench_report_number(&report, "CPU seconds a run", "cpu_seconds",
                           bench->cpu_seconds / (double)bench->run_count, 3);
    ss_bench_report_number(&report, "rows/s", "rows_per_second", (double)bench->result.row_count / seconds,
                           0);
    ss_bench_report_number(&report, "table, bytes", "table_bytes", (double)bench->table_bytes, 0);
    ss_bench_report_print(&report);
}

static int run(struct bench *bench)
{
    struct ss_error error = {0};
    enum ss_status status = prepare(bench, &error);
    if (status == SS_OK) status = train_all(bench, &error);
    if (status == SS_OK) report(bench);
    ss_bench_latency_release(&bench->runs);
    ss_bench_fill_remove(&bench->fill);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

// argv[0] is "train".
int ss_bench_train(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"events", required_argument, NULL, 'e'}, {"entities", required_argument, NULL, 'n'},
        {"rows", required_argument, NULL, 'r'},   {"threads", required_argument, NULL, 't'},
        {"runs", required_argument, NULL, 'R'},   {0}};
    struct bench bench = {.cli = cli,
                          .fill = {.event_count = 1000000, .entity_count = 10000, .batch_rows = 10000},
                          .row_count = 100000,
                          .run_count = 5};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool ok = true;
        switch (option) {
        case 'e': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.fill.event_count); break;
        case 'n': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.fill.entity_count); break;
        case 'r': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.row_count); break;
        case 't': ok = ss_bench_take_count(optarg, 1024, &bench.threads); break;
        case 'R': ok = ss_bench_take_count(optarg, 1000, &bench.run_count); break;
        default: return ss_cli_usage(cli, "unknown option");
        }
        if (!ok) return ss_cli_usage(cli, "expected a number from 1 on, got '%s'", optarg);
    }
    if (optind != argc) return ss_bench_no_operand(cli, argv[optind]);
    return run(&bench);
}
