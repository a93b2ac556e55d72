// Where the time of a training table goes: reading the spine, joining, evaluating, writing.
//
//   bench_table STORE SERVICE SPINE TIME_COLUMN THREADS OUTPUT...
//
// The spine's times are in microseconds. Each phase is wall and CPU milliseconds, the median of five by wall;
// the last ones are whole tables, an OUTPUT (out.csv, out.db:t) each. Writing is what a whole table takes
// beyond the phases before it. Where a spine is joined in windows, joining all but the first counts as
// evaluating.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/base/number.h"
#include "materializer/train.h"

#define RUNS 5

struct moment {
    double wall_ms, cpu_ms;
};

struct bench {
    struct ss_materializer *materializer;
    const struct ss_service *service;
    struct ss_train train;
    struct ss_pool *pool;
    struct moment joined; // when the first rows came
    bool has_rows;
    struct moment phases[8][RUNS];
};

static double ms_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static struct moment now(void)
{
    return (struct moment){ms_of(CLOCK_MONOTONIC), ms_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct moment between(struct moment start, struct moment end)
{
    return (struct moment){end.wall_ms - start.wall_ms, end.cpu_ms - start.cpu_ms};
}

static void must(enum ss_status status, const struct ss_error *error)
{
    if (status == SS_OK) return;
    fprintf(stderr, "bench_table: %s\n", error->message);
    exit(2);
}

static enum ss_status take_rows(void *context, int64_t first_row, const struct ss_answer *answer, size_t slot,
                                struct ss_error *error)
{
    struct bench *bench = context;
    (void)answer, (void)slot, (void)error;
    if (first_row != 0 || bench->has_rows) return SS_OK; // the first block is begun first
    bench->joined = now();
    bench->has_rows = true;
    return SS_OK;
}

static void run_phases(struct bench *bench, int run)
{
    struct ss_error error;
    struct ss_spine_rows rows;
    struct ss_commit newest;
    const struct ss_point_in_time_sink sink = {.emit = take_rows, .context = bench};
    struct ss_history *history = bench->materializer->store->history;
    const struct moment start = now();
    must(ss_spine_read(&bench->train.spine, bench->service, bench->pool, &rows, &error), &error);
    const struct moment read = now();
    must(ss_history_newest_commit(history, &newest, &error), &error);
    rows.spine.newest_s = newest.last_seq;
    bench->has_rows = false;
    must(ss_point_in_time(history, bench->service, &rows.spine, bench->pool, &sink, &error), &error);
    const struct moment end = now();
    ss_spine_release(&rows);
    bench->phases[0][run] = between(start, read);
    bench->phases[1][run] = between(read, bench->joined);
    bench->phases[2][run] = between(bench->joined, end);
}

static int by_wall(const void *a, const void *b)
{
    const double x = ((const struct moment *)a)->wall_ms, y = ((const struct moment *)b)->wall_ms;
    return (x > y) - (x < y);
}

static struct moment median(struct bench *bench, int phase)
{
    qsort(bench->phases[phase], RUNS, sizeof **bench->phases, by_wall);
    return bench->phases[phase][RUNS / 2];
}

static void print(const char *name, struct moment time)
{
    printf("%-28s %7.0f ms wall %7.0f ms cpu\n", name, time.wall_ms, time.cpu_ms);
}

static void run_whole(struct bench *bench, const char *output, double phases_ms, int phase)
{
    struct ss_error error;
    struct ss_train_result result;
    char name[64];
    bench->train.output = output;
    for (int run = 0; run < RUNS; run++) {
        const struct moment start = now();
        must(ss_train(bench->materializer, &bench->train, &result, &error), &error);
        bench->phases[phase][run] = between(start, now());
    }
    const struct moment whole = median(bench, phase);
    snprintf(name, sizeof name, "all, to %.40s", output);
    print(name, whole);
    printf("%-28s %7.0f ms wall\n", "  of it writing", whole.wall_ms - phases_ms);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"spine", "join", "evaluate"};
    struct bench bench = {0};
    struct ss_error error;
    int64_t threads;
    double phases_ms = 0;
    if (argc < 7 || argc > 11 || !ss_int64_parse(ss_bytes_of(argv[5]), &threads)) {
        fprintf(stderr, "usage: bench_table STORE SERVICE SPINE TIME_COLUMN THREADS OUTPUT...\n");
        return 2;
    }
    bench.train =
        (struct ss_train){.service = argv[2],
                          .spine = {.place = argv[3], .time_column = argv[4], .time_unit = SS_UNIT_US},
                          .threads = (size_t)threads,
                          .version = "bench"};
    must(ss_materializer_open(argv[1], SS_STORE_HISTORY, NULL, &bench.materializer, &error), &error);
    must(ss_require_service(bench.materializer, argv[2], &bench.service, &error), &error);
    must(ss_pool_create((size_t)threads, &bench.pool, &error), &error);
    for (int run = 0; run < RUNS; run++) run_phases(&bench, run);
    for (int phase = 0; phase < 3; phase++) {
        print(names[phase], median(&bench, phase));
        phases_ms += median(&bench, phase).wall_ms;
    }
    for (int i = 6; i < argc; i++) run_whole(&bench, argv[i], phases_ms, i - 3);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-28s %7ld MB\n", "peak memory", usage.ru_maxrss / 1024);
    ss_pool_destroy(bench.pool);
    ss_materializer_close(bench.materializer);
    return 0;
}
