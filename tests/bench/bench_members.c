// ns of CPU time per add, merge, encode, decode and read of the members of a group, one by one: 1e6 events in
// the order of their time, merges of 60 states of 100 events each, reads of what has seen them all.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/group_members.h"
#include "tests/unit/samples.h"

#define EVENTS 1000000
#define STATES 60
#define EACH   100

struct workload {
    const char *name;
    uint32_t part;
    struct ss_aggregate aggregate;
    enum ss_type_id type;
    uint64_t different; // values; 0: any double
    struct ss_group group;
};

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void must(bool done)
{
    if (done) return;
    fprintf(stderr, "bench_members: out of memory\n");
    exit(2);
}

static char texts[8192][24];

static struct ss_group_event event_at(const struct workload *workload, struct samples *samples, uint64_t i)
{
    struct ss_group_event event = {.event_time_us = (int64_t)i * 1000, .seq = i, .value = {.present = true}};
    const uint64_t bits = samples_bits(samples),
                   number = workload->different ? bits % workload->different : 0;
    if (workload->type == SS_STRING)
        event.value.text = (struct ss_bytes){texts[number], strlen(texts[number])};
    else if (workload->type == SS_FLOAT64)
        event.value.f64 =
            workload->different ? (double)number / 100 : samples_scaled(samples, (int)(bits % 20));
    else
        event.value.i64 = (int64_t)number * 1000;
    event.second = event.value;
    return event;
}

static void run(const struct workload *workload)
{
    const struct ss_group_kind kind = {
        {.id = workload->type}, true, SS_PART_N | workload->part, 0, &workload->group};
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct samples samples = {7};
    struct ss_group_state state = {0}, parts[STATES] = {{0}}, total = {0};
    struct ss_value value;
    double start = now_ns();
    for (uint64_t i = 0; i < EVENTS; i++) {
        const struct ss_group_event event = event_at(workload, &samples, i);
        must(ss_group_add(&state, &kind, &event, &arena));
    }
    const double add = (now_ns() - start) / EVENTS;
    for (uint64_t i = 0; i < STATES * EACH; i++) {
        const struct ss_group_event event = event_at(workload, &samples, i);
        must(ss_group_add(&parts[i / EACH], &kind, &event, &arena));
    }
    start = now_ns();
    for (int round = 0; round < 20; round++) {
        ss_group_clear(&total);
        for (int i = 0; i < STATES; i++) must(ss_group_merge(&total, &kind, &parts[i], &arena));
    }
    const double merge = (now_ns() - start) / (20 * STATES);
    start = now_ns();
    for (int round = 0; round < 200; round++) {
        ss_buffer_clear(&bytes);
        ss_group_encode(&state, &kind, &bytes);
    }
    const double encode = (now_ns() - start) / 200;
    start = now_ns();
    for (int round = 0; round < 200; round++) {
        struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
        ss_group_clear(&total);
        must(ss_group_merge_bytes(&total, &kind, kind.parts, &reader, &arena) && !reader.failed);
    }
    const double decode = (now_ns() - start) / 200;
    start = now_ns();
    for (int round = 0; round < 50; round++)
        must(ss_group_value(&state, &kind, &workload->aggregate, 0, &arena, &value));
    printf("%-34s %7.0f %8.0f %8.0f %8.0f %9.0f %8zu\n", workload->name, add, merge, encode, decode,
           (now_ns() - start) / 50, bytes.size);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

int main(void)
{
    static const struct workload workloads[] = {
        {"max_by, int64",
         SS_PART_GREATEST_BY,
         {.fn = SS_AGG_MAX_BY},
         SS_INT64,
         8192,
         {.second_type = {SS_INT64}}},
        {"first_k 10, int64",
         SS_PART_FIRST_K,
         {.fn = SS_AGG_FIRST_K, .k = 10},
         SS_INT64,
         8192,
         {.first_k = 10}},
        {"last_k 10, int64", SS_PART_LAST_K, {.fn = SS_AGG_LAST_K, .k = 10}, SS_INT64, 8192, {.last_k = 10}},
        {"last_k 10, string",
         SS_PART_LAST_K,
         {.fn = SS_AGG_LAST_K, .k = 10},
         SS_STRING,
         8192,
         {.last_k = 10}},
        {"last_k 1000, int64",
         SS_PART_LAST_K,
         {.fn = SS_AGG_LAST_K, .k = 1000},
         SS_INT64,
         8192,
         {.last_k = 1000}},
        {"unique_last_k 10 of 100",
         SS_PART_UNIQUE_K,
         {.fn = SS_AGG_UNIQUE_LAST_K, .k = 10},
         SS_INT64,
         100,
         {.unique_k = 10}},
        {"unique_last_k 10 of 100, string",
         SS_PART_UNIQUE_K,
         {.fn = SS_AGG_UNIQUE_LAST_K, .k = 10},
         SS_STRING,
         100,
         {.unique_k = 10}},
        {"unique_last_k 1000 of 2000",
         SS_PART_UNIQUE_K,
         {.fn = SS_AGG_UNIQUE_LAST_K, .k = 1000},
         SS_INT64,
         2000,
         {.unique_k = 1000}},
        {"median, cents",
         SS_PART_QUANTILE,
         {.fn = SS_AGG_MEDIAN, .probability = 5, .probability_scale = 1},
         SS_FLOAT64,
         50000,
         {.cap = 0}},
        {"median, 20 octaves",
         SS_PART_QUANTILE,
         {.fn = SS_AGG_MEDIAN, .probability = 5, .probability_scale = 1},
         SS_FLOAT64,
         0,
         {.cap = 0}},
        {"count_by 10", SS_PART_COUNTS, {.fn = SS_AGG_COUNT_BY, .cap = 256}, SS_STRING, 10, {.cap = 256}},
        {"mode 256, int64", SS_PART_COUNTS, {.fn = SS_AGG_MODE, .cap = 256}, SS_INT64, 256, {.cap = 256}},
        {"mode 256, string", SS_PART_COUNTS, {.fn = SS_AGG_MODE, .cap = 256}, SS_STRING, 256, {.cap = 256}},
        {"top_k 10 of 4096, int64",
         SS_PART_COUNTS,
         {.fn = SS_AGG_TOP_K, .k = 10, .cap = 4096},
         SS_INT64,
         4096,
         {.cap = 4096}},
        {"top_k 1000 of 4096, string",
         SS_PART_COUNTS,
         {.fn = SS_AGG_TOP_K, .k = 1000, .cap = 4096},
         SS_STRING,
         4096,
         {.cap = 4096}},
        {"entropy of 10", SS_PART_COUNTS, {.fn = SS_AGG_ENTROPY, .cap = 256}, SS_STRING, 10, {.cap = 256}},
        {"entropy of 256", SS_PART_COUNTS, {.fn = SS_AGG_ENTROPY, .cap = 256}, SS_STRING, 256, {.cap = 256}},
        {"entropy of 4096",
         SS_PART_COUNTS,
         {.fn = SS_AGG_ENTROPY, .cap = 4096},
         SS_STRING,
         4096,
         {.cap = 4096}},
        {"more than the cap", SS_PART_COUNTS, {.fn = SS_AGG_MODE, .cap = 256}, SS_STRING, 4096, {.cap = 256}},
    };
    for (int i = 0; i < 8192; i++) snprintf(texts[i], sizeof texts[i], "customer-%d", i);
    printf("%-34s %7s %8s %8s %8s %9s %8s\n", "ns per", "add", "merge", "encode", "decode", "read", "bytes");
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) run(&workloads[i]);
    return 0;
}
