// ns of CPU time per add, encode, decode and read of one entity's state: 24 outputs (count, sum, mean,
// stddev, min, max over 1h, 1d, 7d, 30d of one column), at 200 and 20,000 events over 30 days.

#include "tests/bench/bench.h"
#include "tests/unit/samples.h"
#include "tests/unit/state_fixture.h"

#define START_US (INT64_C(1767225600) * SS_SECOND_US) // 2026-01-01

struct workload {
    const char *name;
    struct ss_type type;
    int event_count;
};

static void must_succeed(enum ss_status status)
{
    must(status == SS_OK, ss_status_name(status));
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t *random_times(struct samples *samples, int count)
{
    int64_t *times = malloc((size_t)count * sizeof *times);
    if (!times) exit(2);
    for (int i = 0; i < count; i++)
        times[i] = START_US + (int64_t)samples_below(samples, (uint64_t)(30 * SS_DAY_US));
    qsort(times, (size_t)count, sizeof *times, by_time);
    return times;
}

static void add_one(struct ss_state *state, const struct workload *workload, int64_t event_time_us,
                    uint64_t seq, struct samples *samples)
{
    const bool passes[] = {true, true};
    struct ss_value values[] = {{0}, {.present = true}};
    const int64_t cents = 1 + (int64_t)samples_below(samples, 50000);
    if (workload->type.id == SS_FLOAT64)
        values[1].f64 = (double)cents / 100;
    else
        values[1].i64 = cents;
    const struct ss_event event = {event_time_us, seq, passes, values};
    must_succeed(ss_state_add(state, &event, INT64_MIN, NULL));
}

static struct ss_state *fold(const struct fixture *fixture, const struct workload *workload,
                             const int64_t *times, struct samples *samples, struct ss_arena *arena)
{
    struct ss_state *state = ss_state_create(&fixture->view, arena);
    if (!state) exit(2);
    for (int i = 0; i < workload->event_count; i++)
        add_one(state, workload, times[i], (uint64_t)i + 1, samples);
    return state;
}

static void run(const struct workload *workload)
{
    struct fixture fixture = {0};
    struct samples samples = {42};
    struct ss_arena arena = {0}, reading = {0};
    struct ss_buffer bytes = {0}, committed = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    const int64_t t_us = START_US + 30 * SS_DAY_US;
    int64_t *times = random_times(&samples, workload->event_count);
    fixture_begin(&fixture);
    fixture_four_windows(&fixture, fixture_group(&fixture, workload->type));
    fixture_end(&fixture);

    double add_ns = 0;
    struct ss_state *state = NULL;
    const int folds = 1 + 20000 / workload->event_count;
    for (int i = 0; i < folds; i++) {
        ss_arena_reset(&arena);
        const double before = now_ns();
        state = fold(&fixture, workload, times, &samples, &arena);
        add_ns += now_ns() - before;
    }
    SS_ASSERT(ss_state_prune(state, t_us, NULL) == SS_OK);
    must_succeed(ss_state_encode(state, &bytes, NULL));

    const int rounds = 20000;
    double before = now_ns();
    for (int i = 0; i < rounds / 20; i++) {
        ss_buffer_clear(&bytes);
        must_succeed(ss_state_encode(state, &bytes, NULL));
    }
    const double encode_ns = (now_ns() - before) / (rounds / 20);
    const struct ss_bytes view = {(const char *)bytes.data, bytes.size};
    before = now_ns();
    for (int i = 0; i < rounds; i++) {
        ss_arena_reset(&reading);
        must_succeed(ss_state_decode(&fixture.view, view, &reading, &state, NULL));
    }
    const double decode_ns = (now_ns() - before) / rounds;
    before = now_ns();
    for (int i = 0; i < rounds; i++)
        must_succeed(ss_state_read(state, t_us - i, NULL, values, expired, NULL));
    const double read_ns = (now_ns() - before) / rounds;
    before = now_ns();
    for (int i = 0; i < rounds; i++) {
        ss_arena_reset(&reading);
        must_succeed(ss_state_decode(&fixture.view, view, &reading, &state, NULL));
        must_succeed(ss_state_read(state, t_us - i, NULL, values, expired, NULL));
    }
    const double lookup_ns = (now_ns() - before) / rounds;
    before = now_ns();
    for (int i = 0; i < rounds; i++) {
        ss_arena_reset(&reading);
        must_succeed(ss_state_decode(&fixture.view, view, &reading, &state, NULL));
        add_one(state, workload, t_us, (uint64_t)i, &samples);
        ss_buffer_clear(&committed);
        must_succeed(ss_state_encode(state, &committed, NULL));
    }
    const double commit_ns = (now_ns() - before) / rounds;
    printf(
        "%-14s %6d events  %5zu bytes  add %4.0f ns  encode all %6.0f ns  decode %4.0f ns  read %5.0f ns  "
        "decode + read %5.0f ns  decode + add + encode %5.0f ns\n",
        workload->name, workload->event_count, bytes.size, add_ns / folds / workload->event_count, encode_ns,
        decode_ns, read_ns, lookup_ns, commit_ns);
    ss_buffer_release(&committed);
    free(times);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
    ss_arena_release(&reading);
    fixture_release(&fixture);
}

int main(void)
{
    const struct workload workloads[] = {
        {"float64 cents", {SS_FLOAT64, 0}, 200},
        {"float64 cents", {SS_FLOAT64, 0}, 20000},
        {"decimal(2)", {SS_DECIMAL, 2}, 200},
        {"decimal(2)", {SS_DECIMAL, 2}, 20000},
    };
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) run(&workloads[i]);
    return 0;
}
