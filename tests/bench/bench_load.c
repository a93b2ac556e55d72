// What it costs to read a CSV file of history, without keeping it: parsed in bulk and through the door.
//
//   bench_load [--rows N] [FILE.csv]
//
// Without a file one is made: 8 columns, about 80 bytes a row, in TMPDIR. Prints M rows/s and the CPU time of
// a row by stage.

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/definitions.h"
#include "materializer/csv_bulk.h"
#include "materializer/push_check.h"

static const char definitions_text[] =
    "entities:\n"
    "  user: {user_id: string}\n"
    "  shop: {shop_id: int64}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: string, shop_id: int64, paid_at: timestamp, amount: float64, rate: float64,\n"
    "              score: float64, items: int64, country: string}\n"
    "    event_time: paid_at\n"
    "    expect: {amount: {not_null: true, between: [0, 100000]}, user_id: {not_null: true}}\n"
    "views:\n"
    "  of_user: {entity: user, source: payments, features: {n: count() over 30d}}\n"
    "  of_shop: {entity: shop, source: payments, features: {n: count() over 30d}}\n";

#define COLUMN_COUNT 8

static uint64_t state = 88172645463325252;

static uint64_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double random_unit(void)
{
    return (double)(random_bits() >> 11) * 0x1p-53;
}

static void write_rows(FILE *file, long rows)
{
    static const char *const countries[] = {"US", "DE", "FR", "GB", "JP", "IN", "BR", "CA"};
    int64_t paid_at_us = INT64_C(1735689600000000);
    fputs("user_id,shop_id,paid_at,amount,rate,score,items,country\n", file);
    for (long i = 0; i < rows; i++) {
        char time[SS_TIME_TEXT_SIZE];
        paid_at_us += 1 + (int64_t)(random_bits() % 2000000);
        fprintf(file, "u%" PRIu64 ",%" PRIu64 ",%s,%.2f,%.4f,%.17g,%" PRIu64 ",%s\n", random_bits() % 100000,
                random_bits() % 5000, ss_time_format(paid_at_us, time), random_unit() * 1000,
                random_unit() * 10, random_unit(), random_bits() % 1000000, countries[random_bits() % 8]);
    }
}

static int make_file(long rows)
{
    FILE *file = tmpfile();
    SS_ASSERT(file);
    write_rows(file, rows);
    SS_ASSERT(fflush(file) == 0);
    const int copy = dup(fileno(file));
    SS_ASSERT(copy >= 0);
    fclose(file);
    return copy;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct stage {
    double wall, cpu;
};

static struct stage now(void)
{
    return (struct stage){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void add(struct stage *sum, struct stage from)
{
    const struct stage at = now();
    sum->wall += at.wall - from.wall;
    sum->cpu += at.cpu - from.cpu;
}

static void print_stage(const char *name, struct stage stage, double rows)
{
    printf("%-14s %6.3f s  %6.2f M rows/s  %6.3f us CPU a row\n", name, stage.wall, rows / stage.wall * 1e-6,
           stage.cpu / rows * 1e6);
}

static void check(const struct ss_definitions *definitions, const struct ss_csv_bulk_batch *batch)
{
    struct ss_arena arena = {0};
    struct ss_checked checked;
    const struct ss_push push = {
        .source = &definitions->sources[0], .length = batch->length, .columns = batch->columns};
    SS_ASSERT(ss_check_push(&push, definitions, SS_TIME_MAX_US, true, &arena, &checked, NULL) == SS_OK);
    SS_ASSERT(checked.accepted == batch->length);
    ss_arena_release(&arena);
}

static void run(int file, const struct ss_definitions *definitions)
{
    static const size_t positions[COLUMN_COUNT] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct ss_csv_reader *reader;
    struct ss_csv_bulk bulk;
    struct ss_csv_bulk_batch batch = {0};
    struct stage parse = {0}, door = {0}, all = {0};
    double rows = 0;
    SS_ASSERT(ss_csv_reader_open_file(file, "bench", &reader, NULL) == SS_OK);
    const struct ss_csv_bulk_file from = {
        file, "bench", positions, COLUMN_COUNT, ss_csv_reader_offset(reader), ss_csv_reader_line(reader)};
    ss_csv_reader_close(reader);
    SS_ASSERT(ss_csv_bulk_init(&bulk, &from, &definitions->sources[0], NULL, NULL) == SS_OK);
    const struct stage start = now();
    while (!batch.is_last) {
        struct stage from_here = now();
        SS_ASSERT(ss_csv_bulk_next(&bulk, &batch, NULL) == SS_OK);
        add(&parse, from_here);
        from_here = now();
        check(definitions, &batch);
        add(&door, from_here);
        rows += batch.length;
        SS_ASSERT(batch.unparsed_count == 0);
    }
    add(&all, start);
    print_stage("read and parse", parse, rows);
    print_stage("the door", door, rows);
    print_stage("all", all, rows);
    ss_csv_bulk_batch_release(&batch);
    ss_csv_bulk_release(&bulk);
}

static struct ss_definitions *compile(void)
{
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t error_count;
    const struct ss_file file = {"bench.yaml", ss_bytes_of(definitions_text)};
    SS_ASSERT(ss_definitions_compile(&file, 1, NULL, &definitions, &report, &error_count, NULL) == SS_OK);
    return definitions;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rows", required_argument, NULL, 'r'}, {0}};
    long rows = 4000000;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'r') rows = atol(optarg);
        if (option == '?') return 2;
    }
    const int file = optind < argc ? open(argv[optind], O_RDONLY | O_CLOEXEC) : make_file(rows);
    SS_ASSERT(file >= 0);
    struct ss_definitions *definitions = compile();
    for (int round = 0; round < 3; round++) run(file, definitions);
    ss_definitions_destroy(definitions);
    close(file);
    return 0;
}
