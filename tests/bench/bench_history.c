// Speed of history: large batches in, and everything out again in the order of entities and of seq.
//
//   build/release/tests/bench_history [ROWS] [THREADS]
//
// 100,000 users, times rising over 180 days with 1 % up to a day back; a text key, two texts, two doubles, an
// integer, 5 % null. The file is made in TMPDIR, with fsync, and removed.

#include "store/history.h"
#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH_ROWS (1 << 20)

static struct ss_error error;

static const char text[] =
    "entities:\n"
    "  user: {user_id: string}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: string, country: string, note: string, amount: float64, rate: float64, items: "
    "int64, at: timestamp(us)}\n"
    "    event_time: at\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n"
    "      a: last(amount) within 30d\n"
    "      b: last(country) within 30d\n"
    "      c: sum(rate) over 7d\n"
    "      d: sum(items) over 7d\n";

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Of all threads: what the machine has to do, whatever else it does.
static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static uint64_t state = 88172645463325252u;
static uint64_t random_number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void check(enum ss_status status)
{
    if (status == SS_OK) return;
    fprintf(stderr, "bench_history: %s\n", error.message);
    exit(2);
}

static struct ss_value number(double value)
{
    return random_number() % 20 == 0 ? (struct ss_value){0}
                                     : (struct ss_value){.present = true, .f64 = value};
}

static void fill(const struct ss_source *source, struct ss_column *columns, int64_t *times, int64_t *arrivals,
                 int64_t first, int64_t total, struct ss_arena *arena)
{
    static const char *const countries[] = {"DE", "US", "FR", "PL", "AT", "IT"};
    char user[32];
    ss_arena_reset(arena);
    for (size_t i = 0; i < source->column_count; i++)
        if (!ss_column_init(&columns[i], source->columns[i].type, BATCH_ROWS, arena)) exit(2);
    for (int32_t row = 0; row < BATCH_ROWS; row++) {
        const int64_t day = INT64_C(86400000000);
        times[row] =
            1700000000000000 + (int64_t)((double)(first + row) / (double)total * 180.0 * (double)day);
        if (random_number() % 100 == 0) times[row] -= (int64_t)(random_number() % (uint64_t)day);
        arrivals[row] = times[row] + (int64_t)(random_number() % 2000000);
        snprintf(user, sizeof user, "user_%06d", (int)(random_number() % 100000));
        const struct ss_value values[] = {
            {.present = true, .text = ss_bytes_of(user)},
            {.present = true, .text = ss_bytes_of(countries[random_number() % 6])},
            {.present = true, .text = ss_bytes_of("card")},
            number((double)(random_number() % 100000) / 100),
            number((double)random_number() / 1e15),
            {.present = true, .i64 = (int64_t)(random_number() % 1000)},
            {.present = true, .i64 = times[row]},
        };
        for (size_t i = 0; i < source->column_count; i++)
            if (!ss_column_append(&columns[i], values[i], arena)) exit(2);
    }
}

static void load(struct ss_history *history, const struct ss_source *source, int64_t rows)
{
    struct ss_arena arena = {0};
    struct ss_column *columns = calloc(source->column_count, sizeof *columns);
    int64_t *times = calloc(BATCH_ROWS, sizeof *times), *arrivals = calloc(BATCH_ROWS, sizeof *arrivals);
    enum ss_row_outcome *outcomes = calloc(BATCH_ROWS, sizeof *outcomes);
    double appended = 0, committed = 0, cpu = 0;
    for (int64_t first = 0; first < rows; first += BATCH_ROWS) {
        fill(source, columns, times, arrivals, first, rows, &arena);
        const struct ss_append append = {source, BATCH_ROWS, columns, times, arrivals, NULL};
        struct ss_commit commit = {.arrival_us = arrivals[0], .newest_us = arrivals[0]};
        const double start = seconds(), cpu_start = cpu_seconds();
        check(ss_history_begin(history, &error));
        check(ss_history_append(history, &append, outcomes, &error));
        const double middle = seconds();
        check(ss_history_commit(history, &commit, &error));
        appended += middle - start;
        committed += seconds() - middle;
        cpu += cpu_seconds() - cpu_start;
    }
    printf("append %.2f s, commit %.2f s: %.2f M rows/s; %.2f CPU-us per row\n", appended, committed,
           (double)rows / (appended + committed) / 1e6, cpu * 1e6 / (double)rows);
    free(outcomes);
    free(times);
    free(arrivals);
    free(columns);
    ss_arena_release(&arena);
}

static void drain(const char *what, struct ss_event_reader *reader)
{
    const struct ss_event_batch *batch;
    const double start = seconds(), cpu_start = cpu_seconds();
    int64_t rows = 0, spans = 0;
    for (;;) {
        check(reader->next(reader, &batch, &error));
        if (!batch) break;
        rows += batch->length;
        spans += batch->span_count;
    }
    reader->close(reader);
    const double took = seconds() - start;
    printf("%-28s %9lld rows, %8lld spans, %.2f s: %.1f M rows/s, %.0f CPU-ns per row\n", what,
           (long long)rows, (long long)spans, took, (double)rows / took / 1e6,
           (cpu_seconds() - cpu_start) * 1e9 / (double)rows);
}

int main(int count, char **arguments)
{
    const int64_t rows = count > 1 ? atoll(arguments[1]) / BATCH_ROWS * BATCH_ROWS : 10 * BATCH_ROWS;
    const size_t threads = count > 2 ? (size_t)atoi(arguments[2]) : 2;
    char directory[512], path[600];
    struct ss_definitions *definitions;
    struct ss_buffer report = {0};
    size_t errors;
    const struct ss_file file = {"bench.yaml", ss_bytes_of(text)};
    make_test_directory(directory);
    snprintf(path, sizeof path, "%s/history.db", directory);
    check(ss_definitions_compile(&file, 1, NULL, &definitions, &report, &errors, &error));
    struct ss_history_options options = {.sync = true};
    check(ss_pool_create(threads, &options.pool, &error));
    struct ss_history *history;
    check(ss_history_create(path, &options, &error));
    check(ss_history_open(path, true, &options, &history, &error));
    check(ss_history_prepare(history, definitions, &error));
    load(history, &definitions->sources[0], rows);
    struct ss_event_reader *reader;
    const struct ss_view *view = &definitions->views[0];
    bool columns[16] = {0};
    columns[3] = true; // amount
    for (int round = 0; round < 2; round++) {
        const struct ss_entity_scan scan = {
            .view = view, .columns = columns, .from_us = INT64_MIN, .to_us = INT64_MAX, .s = UINT64_MAX};
        check(ss_history_scan(history, &scan, &reader, &error));
        drain("by entity, one column", reader);
        check(ss_history_read_entity(history, view, NULL, INT64_MIN, INT64_MAX, UINT64_MAX, &reader, &error));
        drain("by entity, what a view reads", reader);
        check(ss_history_read_seq(history, view->source, 0, UINT64_MAX, NULL, &reader, &error));
        drain("by seq, all columns", reader);
        struct ss_history_stats stats;
        check(ss_history_stats(history, &stats, &error));
        printf("%llu segments, file %.0f MB, WAL %.0f MB\n", (unsigned long long)stats.segments,
               (double)stats.file_bytes / 1e6, (double)stats.wal_bytes / 1e6);
        if (round) break;
        const double start = seconds();
        check(ss_history_compact(history, SS_COMPACT_ALL, &error));
        printf("compact %.2f s\n", seconds() - start);
    }
    ss_history_close(history);
    ss_pool_destroy(options.pool);
    ss_definitions_destroy(definitions);
    ss_buffer_release(&report);
    remove_test_directory(directory);
    return 0;
}
