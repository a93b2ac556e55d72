// ns of CPU time from the stored bytes of an entity to its values: decode + read of 24 outputs (count, sum,
// mean, stddev, min, max over 1h, 1d, 7d, 30d of one column), hot, median of five; and the same with 5
// arithmetic expressions more through the view's read program. Lookups at midnight and in the afternoon, when
// windows have tiles of finer levels at their ends. Bars: 200 events <= 2 us, 20,000 events <= 4 us.

#include "materializer/answer.h"
#include "tests/bench/bench.h"
#include "tests/unit/definitions_harness.h"
#include "tests/unit/samples.h"

#define START_US (INT64_C(1767225600) * SS_SECOND_US) // 2026-01-01
#define RUNS     5
#define ROUNDS   20000

static const char *const windows[] = {"1h", "1d", "7d", "30d"};
static const char *const functions[] = {"count", "sum", "mean", "stddev", "min", "max"};
static const char *const expressions[] = {
    "mean(x) over 1d / mean(x) over 30d",
    "(max(x) over 7d - min(x) over 7d) / (stddev(x) over 7d + 1)",
    "coalesce(mean(x) over 1h, 0.0) - mean(x) over 7d",
    "count(x) over 1h * 24 - count(x) over 1d",
    "count(x) over 7d * 100 / (count(x) over 30d + 1)",
};

struct lookup {
    const struct ss_view *view;
    struct ss_bytes bytes;
    int64_t t_us;
    bool with_program;
};

static struct harness_result compile(const char *type, bool with_expressions)
{
    struct ss_buffer yaml = {0};
    ss_buffer_format(&yaml,
                     "entities:\n  user: {user_id: string}\nsources:\n  pay:\n"
                     "    columns: {user_id: string, x: %s, at: timestamp}\n    event_time: at\n"
                     "views:\n  v:\n    entity: user\n    source: pay\n    features:\n",
                     type);
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
            ss_buffer_format(&yaml, "      %s_%s: %s(x) over %s\n", functions[f], windows[w], functions[f],
                             windows[w]);
    for (size_t e = 0; with_expressions && e < sizeof expressions / sizeof *expressions; e++)
        ss_buffer_format(&yaml, "      e%zu: %s\n", e, expressions[e]);
    struct harness_result result =
        harness_compile_text((struct ss_bytes){(const char *)yaml.data, yaml.size});
    ss_buffer_byte(&result.report, 0);
    if (result.status != SS_OK) must(false, (const char *)result.report.data);
    ss_buffer_release(&yaml);
    return result;
}

// The state of `count` random events in the 30 days before t_us.
static void store(const struct ss_view *view, int count, int64_t t_us, struct ss_buffer *bytes)
{
    struct ss_arena arena = {0};
    struct samples samples = {42};
    struct ss_state *state = ss_state_create(view, &arena);
    must(state != NULL, "out of memory");
    for (int i = 0; i < count; i++) {
        bool passes[8];
        struct ss_value values[8] = {{0}};
        const int64_t cents = 1 + (int64_t)samples_below(&samples, 50000);
        const int64_t time_us = t_us - 1 - (int64_t)samples_below(&samples, (uint64_t)(30 * SS_DAY_US));
        for (size_t g = 0; g < view->group_count; g++) {
            passes[g] = true;
            if (view->groups[g].argument < 0) continue;
            values[g].present = true;
            if (view->groups[g].type.id == SS_FLOAT64)
                values[g].f64 = (double)cents / 100;
            else
                values[g].i64 = cents;
        }
        const struct ss_event event = {time_us, (uint64_t)i + 1, passes, values, NULL};
        must(ss_state_add(state, &event, INT64_MIN, NULL) == SS_OK, "add");
    }
    must(ss_state_prune(state, t_us, NULL) == SS_OK && ss_state_encode(state, bytes, NULL) == SS_OK,
         "encode");
    ss_arena_release(&arena);
}

static bool look_up(const struct lookup *lookup, int64_t t_us, struct ss_arena *arena)
{
    struct ss_state *state;
    struct ss_readings readings;
    struct ss_value values[64];
    struct ss_column key, t, *features;
    bool expired[64];
    uint8_t **marks;
    ss_arena_reset(arena);
    if (ss_state_decode(lookup->view, lookup->bytes, arena, &state, NULL) != SS_OK) return false;
    if (!lookup->with_program) return ss_state_read(state, t_us, NULL, values, expired, NULL) == SS_OK;
    const struct ss_column *const keys[] = {&key};
    const struct ss_value name = {.present = true, .text = ss_bytes_of("u")},
                          now = {.present = true, .i64 = t_us};
    return ss_column_repeat((struct ss_type){SS_STRING, 0}, name, 1, arena, &key) &&
           ss_column_repeat((struct ss_type){SS_TIMESTAMP, 0}, now, 1, arena, &t) &&
           ss_readings_init(&readings, lookup->view, 1, arena) &&
           ss_readings_add(&readings, state, t_us, arena, NULL) == SS_OK &&
           ss_readings_evaluate(&readings, keys, &t, arena, &features, &marks, NULL) == SS_OK;
}

static double measure(const struct lookup *lookup)
{
    struct ss_arena arena = {0};
    double runs[RUNS];
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ns();
        for (int i = 0; i < ROUNDS; i++) must(look_up(lookup, lookup->t_us - i % 1000, &arena), "look up");
        runs[run] = (now_ns() - start) / ROUNDS;
    }
    ss_arena_release(&arena);
    return median(runs, RUNS);
}

static void run(const char *type, int count, int64_t t_us, const char *when)
{
    struct ss_buffer bytes = {0}, more = {0};
    struct harness_result plain = compile(type, false), expressive = compile(type, true);
    struct lookup lookup = {.view = &plain.definitions->views[0], .t_us = t_us};
    store(lookup.view, count, t_us, &bytes);
    lookup.bytes = (struct ss_bytes){(const char *)bytes.data, bytes.size};
    const double read_ns = measure(&lookup);
    lookup.with_program = true;
    const double answer_ns = measure(&lookup);
    lookup.view = &expressive.definitions->views[0];
    store(lookup.view, count, t_us, &more);
    lookup.bytes = (struct ss_bytes){(const char *)more.data, more.size};
    printf("%-11s %6d %-8s %8zu %10.0f %10.0f %10.0f\n", type, count, when, bytes.size, read_ns, answer_ns,
           measure(&lookup));
    ss_buffer_release(&bytes);
    ss_buffer_release(&more);
    harness_release(&plain);
    harness_release(&expressive);
}

int main(void)
{
    static const char *const types[] = {"float64", "decimal(2)", "int64"};
    printf("%-11s %6s %-8s %8s %10s %10s %10s\n", "from bytes", "events", "t", "bytes", "24 values",
           "24 features", "24 + 5");
    for (int count = 200; count <= 20000; count *= 100)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            run(types[i], count, START_US + 30 * SS_DAY_US, "00:00");
            run(types[i], count, START_US + 30 * SS_DAY_US + 877 * SS_MINUTE_US, "14:37");
        }
    return 0;
}
