// bench ingest: events through history and online rows, as a producer would push them, with fsync.
//
// A fresh store under the current folder, removed at the end. Timed are ss_push and the close at the end: a
// short run would otherwise leave the checkpoint of history to nobody. Sizes are those after it.

#include <getopt.h>

#include "tools/bench_fill.h"

struct bench {
    struct ss_cli *cli;
    struct ss_bench_fill fill;
    double close_seconds; // checkpoint of history, sync of online rows
    struct ss_history_stats history;
    struct ss_online_stats online;
};

static enum ss_status read_online_size(struct bench *bench, struct ss_error *error)
{
    const struct ss_materializer *materializer = bench->fill.materializer;
    struct ss_online_txn *txn;
    SS_TRY(ss_online_read(materializer->store->online, &txn, error));
    const enum ss_status status =
        ss_online_stats(txn, &materializer->definitions->views[0].fingerprint, &bench->online, error);
    ss_online_end(txn);
    return status;
}

static enum ss_status close_and_read_sizes(struct bench *bench, struct ss_error *error)
{
    struct ss_bench_fill *fill = &bench->fill;
    SS_TRY(read_online_size(bench, error));
    const int64_t start_ns = ss_bench_now_ns();
    ss_materializer_close(fill->materializer);
    bench->close_seconds = (double)(ss_bench_now_ns() - start_ns) * 1e-9;
    fill->materializer = NULL;
    SS_TRY(ss_materializer_open(fill->directory, SS_STORE_HISTORY, NULL, &fill->materializer, error));
    return ss_history_stats(fill->materializer->store->history, &bench->history, error);
}

static void report(struct bench *bench)
{
    struct ss_bench_fill *fill = &bench->fill;
    const double seconds = fill->seconds + bench->close_seconds;
    const double history_bytes = (double)(bench->history.file_bytes + bench->history.wal_bytes);
    struct ss_bench_report report;
    ss_bench_latency_sort(&fill->batches);
    ss_bench_report_init(&report, bench->cli->json, "bench ingest");
    ss_bench_report_number(&report, "events", "events", (double)fill->event_count, 0);
    ss_bench_report_number(&report, "entities", "entities", (double)bench->online.rows, 0);
    ss_bench_report_number(&report, "window features", "features", 24, 0);
    ss_bench_report_number(&report, "events per batch", "batch", (double)fill->batch_rows, 0);
    ss_bench_report_number(&report, "seconds", "seconds", seconds, 2);
    ss_bench_report_number(&report, "events/s", "events_per_second", (double)fill->event_count / seconds, 0);
    ss_bench_report_number(&report, "batch, p50, ms", "batch_p50_ms",
                           ss_bench_latency_us(&fill->batches, 0.5) / 1000, 1);
    ss_bench_report_number(&report, "batch, p99, ms", "batch_p99_ms",
                           ss_bench_latency_us(&fill->batches, 0.99) / 1000, 1);
    ss_bench_report_number(&report, "close, ms", "close_ms", bench->close_seconds * 1000, 1);
    ss_bench_report_number(&report, "history, bytes per event", "history_bytes_per_event",
                           history_bytes / (double)fill->event_count, 1);
    ss_bench_report_number(&report, "online, bytes per entity", "online_bytes_per_entity",
                           (double)bench->online.bytes / (double)bench->online.rows, 1);
    ss_bench_report_print(&report);
}

static int run(struct bench *bench)
{
    struct ss_error error = {0};
    enum ss_status status = ss_bench_fill_open(&bench->fill, &error);
    if (status == SS_OK) status = ss_bench_fill_push(&bench->fill, &error);
    if (status == SS_OK) status = close_and_read_sizes(bench, &error);
    if (status == SS_OK) report(bench);
    ss_bench_fill_remove(&bench->fill);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

// argv[0] is "ingest".
int ss_bench_ingest(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'},
                                            {"entities", required_argument, NULL, 'n'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {0}};
    struct bench bench = {.cli = cli,
                          .fill = {.event_count = 200000, .entity_count = 10000, .batch_rows = 10000}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool ok = true;
        switch (option) {
        case 'e': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.fill.event_count); break;
        case 'n': ok = ss_bench_take_count(optarg, INT64_C(1) << 40, &bench.fill.entity_count); break;
        case 'b': ok = ss_bench_take_count(optarg, 10000000, &bench.fill.batch_rows); break;
        default: return ss_cli_usage(cli, "unknown option");
        }
        if (!ok) return ss_cli_usage(cli, "expected a number from 1 on, got '%s'", optarg);
    }
    if (optind != argc) return ss_bench_no_operand(cli, argv[optind]);
    return run(&bench);
}
