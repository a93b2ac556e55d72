// ns of CPU time per event of a series that is made, and per read of it:
//
//   lasts    6 `last within 30d`, an entity of 100 events
//   joined   the same, 10 reads of each entity
//   short    24 windows (count, sum, mean, min, max, stddev of one float64 over 1h, 1d, 7d, 30d, hop exact),
//   an
//            entity of about 17 events in 30 days
//   few      the same, 10 reads of each entity
//   hot      the same over an entity of 500,000 events in 180 days, at random times
//   hot rise at rising times
//
// and the bytes of trees per event. Events are 0 to 2 s late and 1 % of them a day. Medians of five.

#include "engine/series_internal.h"
#include "tests/bench/bench.h"
#include "tests/property/series_rows.h"
#include "tests/unit/definitions_harness.h"
#include "tests/unit/samples.h"

#define RUNS     5
#define SPAN_US  (180 * SS_DAY_US)
#define START_US (INT64_C(1767225600) * SS_SECOND_US) // 2026-01-01

static const char head[] =
    "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: {user_id: "
    "string, at: timestamp, a: float64, b: float64, c: int64, d: int64, e: decimal(2), "
    "f: bool}\n    event_time: at\nviews:\n  v:\n    entity: user\n    source: pay\n"
    "    features:\n";

struct workload {
    const char *name;
    bool is_windows, is_rising; // reads: in order of t, or random
    int32_t event_count;
    int entity_count, read_count; // reads of each entity
};

static void write_features(bool is_windows, struct ss_buffer *yaml)
{
    static const char *const functions[] = {"count", "sum", "mean", "min", "max", "stddev"};
    static const char *const windows[] = {"1h", "1d", "7d", "30d"};
    ss_buffer_text(yaml, head);
    for (int i = 0; !is_windows && i < 6; i++)
        ss_buffer_format(yaml, "      l%d: last(%c) within 30d\n", i, 'a' + i);
    for (int f = 0; is_windows && f < 6; f++)
        for (int w = 0; w < 4; w++)
            ss_buffer_format(yaml, "      %s_%s: %s(a) over %s hop exact\n", functions[f], windows[w],
                             functions[f], windows[w]);
}

static struct ss_value any_value(void *context, const struct ss_source_column *column)
{
    struct samples *samples = context;
    struct ss_value value = {.present = true};
    const int64_t cents = 1 + (int64_t)samples_below(samples, 50000);
    switch (column->type.id) {
    case SS_FLOAT64: value.f64 = (double)cents / 100; break;
    case SS_BOOL: value.boolean = cents & 1; break;
    case SS_STRING: value.text = ss_bytes_of("user"); break;
    default: value.i64 = cents; break;
    }
    return value;
}

static int by_time(const void *a, const void *b)
{
    const struct series_fact *x = a, *y = b;
    if (x->event_time_us != y->event_time_us) return x->event_time_us < y->event_time_us ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void make_rows(struct series_rows *rows, const struct ss_view *view, int32_t count,
                      struct samples *samples)
{
    struct series_fact *facts = calloc((size_t)count, sizeof *facts);
    must(facts != NULL, "failed");
    for (int32_t i = 0; i < count; i++) {
        facts[i].event_time_us = START_US + (int64_t)samples_below(samples, (uint64_t)SPAN_US);
        facts[i].arrival_us = facts[i].event_time_us + (int64_t)samples_below(samples, 2 * SS_SECOND_US);
        if (samples_below(samples, 100) == 0) facts[i].arrival_us += SS_DAY_US;
        facts[i].seq = (uint64_t)i + 1;
    }
    qsort(facts, (size_t)count, sizeof *facts, by_time);
    series_rows_make(rows, view, facts, count, any_value, samples);
    free(facts);
}

struct measured {
    double made_ns, read_ns, tree_bytes;
};

// Of one entity after another.
static struct measured measure(const struct workload *workload, const struct ss_view *view,
                               const struct series_rows *rows)
{
    struct samples samples = {7};
    struct measured measured = {0};
    struct ss_series *series;
    struct ss_series_reader *reader;
    struct ss_value values[64];
    bool expired[64], found;
    must(ss_series_create(view, &series, NULL) == SS_OK, "failed");
    must(ss_series_reader_create(view, &reader, NULL) == SS_OK, "failed");
    for (int e = 0; e < workload->entity_count; e++) {
        const double start = now_ns();
        ss_series_clear(series);
        must(series_rows_add(&rows[e], series, NULL) == SS_OK, "failed");
        must(ss_series_seal(series, false, workload->read_count, NULL) == SS_OK, "failed");
        const double made = now_ns();
        for (int i = 0; i < workload->read_count; i++) {
            const int64_t rising_us = SPAN_US / workload->read_count * i;
            const int64_t random_us = (int64_t)samples_below(&samples, (uint64_t)SPAN_US);
            const struct ss_read_point point = {START_US + (workload->is_rising ? rising_us : random_us),
                                                UINT64_MAX, false};
            must(ss_series_read(series, reader, point, NULL, values, expired, &found, NULL) == SS_OK,
                 "failed");
        }
        measured.made_ns += made - start;
        measured.read_ns += now_ns() - made;
        measured.tree_bytes += (double)series->trees.used_bytes;
    }
    ss_series_reader_destroy(reader);
    ss_series_destroy(series);
    measured.made_ns /= (double)workload->entity_count * workload->event_count;
    measured.read_ns /= (double)workload->entity_count * workload->read_count;
    measured.tree_bytes /= (double)workload->entity_count * workload->event_count;
    return measured;
}

static void run(const struct workload *workload)
{
    struct ss_buffer yaml = {0};
    struct samples samples = {42};
    double made[RUNS], read[RUNS], tree_bytes = 0;
    write_features(workload->is_windows, &yaml);
    struct harness_result result =
        harness_compile_text((struct ss_bytes){(const char *)yaml.data, yaml.size});
    must(result.status == SS_OK, "failed");
    const struct ss_view *view = &result.definitions->views[0];
    struct series_rows *rows = calloc((size_t)workload->entity_count, sizeof *rows);
    must(rows != NULL, "failed");
    for (int e = 0; e < workload->entity_count; e++)
        make_rows(&rows[e], view, workload->event_count, &samples);
    for (int i = 0; i < RUNS; i++) {
        const struct measured measured = measure(workload, view, rows);
        made[i] = measured.made_ns;
        read[i] = measured.read_ns;
        tree_bytes = measured.tree_bytes;
    }
    printf("%-8s %10d %14.1f %12.1f %12.1f\n", workload->name, workload->event_count, median(made, RUNS),
           median(read, RUNS), tree_bytes);
    for (int e = 0; e < workload->entity_count; e++) series_rows_release(&rows[e]);
    free(rows);
    harness_release(&result);
    ss_buffer_release(&yaml);
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        {"lasts", false, false, 100, 200, 1000}, {"joined", false, false, 100, 2000, 10},
        {"short", true, false, 100, 200, 200},   {"few", true, false, 100, 2000, 10},
        {"hot", true, false, 500000, 1, 50000},  {"hot rise", true, true, 500000, 1, 50000}};
    printf("%-8s %10s %14s %12s %12s\n", "", "events", "ns per event", "ns per read", "tree bytes");
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (argc < 2 || strcmp(argv[1], workloads[i].name) == 0) run(&workloads[i]);
    return 0;
}
