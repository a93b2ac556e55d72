// What a series reads at any point is what a state of the visible events reads there, bit for bit: the views
// of every_feature.yaml and of random plans; few events and thousands; prompt, late, deleted ones, and ties;
// points on times of events, on edges of windows and hops, and beside them; any s.
//
//   test_series_reads [--rounds N]
//
// The seed is printed; SELFSAME_SEED sets it.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/time.h"
#include "generate.h"
#include "series_rows.h"
#include "tests/fuzz/every_feature.h"
#include "tests/unit/definitions_harness.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_ROUNDS 4
#else
#define DEFAULT_ROUNDS 16
#endif
#define MOST_EVENTS 6000
#define POINTS      12 // of one series

struct drawn {
    struct random *random;
    const struct ss_view *view;
    struct ss_arena arena; // of columns and events at hand
    struct series_fact facts[MOST_EVENTS];
    int32_t count;
    uint64_t reads, values;
};

// ---- Events

static struct ss_value any_value(void *context, const struct ss_source_column *column)
{
    struct drawn *drawn = context;
    return every_value(column->type, random_word(drawn->random), &drawn->arena);
}

static int by_time(const void *a, const void *b)
{
    const struct series_fact *x = a, *y = b;
    if (x->event_time_us != y->event_time_us) return x->event_time_us < y->event_time_us ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int64_t any_lateness(struct random *random, uint64_t habit)
{
    const int64_t seconds = random_between(random, 0, 2 * SS_SECOND_US);
    switch (habit) {
    case 0: return 0;
    case 1: return random_chance(random, 2) ? SS_DAY_US + seconds : seconds;
    case 2: return random_chance(random, 20) ? random_between(random, 0, 40 * SS_DAY_US) : seconds;
    default: return random_between(random, 0, 3 * SS_DAY_US);
    }
}

static void draw_facts(struct drawn *drawn)
{
    static const int64_t bases_us[] = {INT64_C(1772000000123457), INT64_C(-86400000001), SS_TIME_MIN_US};
    static const int64_t spans_us[] = {60 * SS_DAY_US, 26 * SS_HOUR_US, 10 * SS_SECOND_US, 400 * SS_DAY_US};
    static const int32_t counts[] = {0, 1, 5, 30, 70, 300, 700};
    struct random *random = drawn->random;
    const int64_t base_us = bases_us[random_below(random, 3)], span_us = spans_us[random_below(random, 4)];
    const uint64_t habit = random_below(random, 4);
    const unsigned deletes = random_chance(random, 50) ? 0 : 4;
    drawn->count = counts[random_below(random, 7)];
    if (random_chance(random, 12)) drawn->count = (int32_t)random_between(random, 1000, MOST_EVENTS);
    for (int32_t i = 0; i < drawn->count; i++) {
        struct series_fact *fact = &drawn->facts[i];
        *fact = (struct series_fact){.seq = 1 + 2 * (uint64_t)i};
        fact->event_time_us = base_us + random_between(random, 0, span_us);
        if (i && random_chance(random, 10)) fact->event_time_us = drawn->facts[i - 1].event_time_us;
        fact->arrival_us = fact->event_time_us + any_lateness(random, habit);
        if (!random_chance(random, deletes)) continue;
        fact->deleted_seq = fact->seq + 1 + 2 * random_below(random, 1000);
        fact->deleted_arrival_us = fact->arrival_us + any_lateness(random, habit);
    }
    if (drawn->count) qsort(drawn->facts, (size_t)drawn->count, sizeof *drawn->facts, by_time);
}

// ---- Points

static int64_t any_edge(struct drawn *drawn)
{
    struct random *random = drawn->random;
    const struct series_fact *fact = &drawn->facts[random_below(random, (uint64_t)drawn->count)];
    int64_t t_us = random_chance(random, 70) ? fact->event_time_us : fact->arrival_us;
    if (fact->deleted_seq && random_chance(random, 50)) t_us = fact->deleted_arrival_us;
    if (drawn->view->aggregate_count && random_chance(random, 60)) {
        const struct ss_aggregate *aggregate =
            &drawn->view->aggregates[random_below(random, drawn->view->aggregate_count)];
        t_us += aggregate->bound == SS_BOUND_ALL ? 0 : aggregate->window_us;
        if (aggregate->bound == SS_BOUND_WINDOW && random_chance(random, 50))
            t_us = ss_floor_to(t_us, aggregate->hop_us);
    }
    return t_us + random_between(random, -1, 1);
}

static struct ss_read_point any_point(struct drawn *drawn, bool as_of_event_time)
{
    struct random *random = drawn->random;
    struct ss_read_point point = {0, UINT64_MAX, as_of_event_time};
    switch (random_below(random, 8)) {
    case 0: point.t_us = random_chance(random, 50) ? SS_TIME_MAX_US : SS_TIME_MIN_US + 1; break;
    case 1:
        if (drawn->count) point.t_us = drawn->facts[drawn->count - 1].event_time_us + 50 * SS_DAY_US;
        break;
    default:
        if (drawn->count) point.t_us = any_edge(drawn);
    }
    if (random_chance(random, 40)) point.s = random_below(random, 2 * (uint64_t)drawn->count + 2);
    return point;
}

// ---- Comparison

static void tell(const struct drawn *drawn, struct ss_read_point point, size_t a, struct ss_value got,
                 struct ss_value want)
{
    const struct ss_aggregate *aggregate = &drawn->view->aggregates[a];
    struct ss_buffer text = {0};
    ss_value_format(aggregate->type, got, &text);
    ss_buffer_text(&text, got.present ? "; the state says " : "null; the state says ");
    ss_value_format(aggregate->type, want, &text);
    ss_buffer_byte(&text, 0);
    fprintf(stderr, "view %s, %d events, t %lld, s %llu%s: %s is %s\n", drawn->view->name, drawn->count,
            (long long)point.t_us, (unsigned long long)point.s, point.as_of_event_time ? ", as of" : "",
            aggregate->text, (const char *)text.data);
    ss_buffer_release(&text);
}

static bool compare(struct drawn *drawn, const struct series_rows *rows, const struct ss_series *series,
                    struct ss_series_reader *reader, struct ss_read_point point)
{
    const size_t count = drawn->view->aggregate_count;
    struct ss_arena arena = {0};
    struct ss_value *got = ss_arena_array(&arena, count, sizeof *got);
    struct ss_value *want = ss_arena_array(&arena, count, sizeof *want);
    bool *got_expired = ss_arena_array(&arena, count, 1), *want_expired = ss_arena_array(&arena, count, 1);
    bool got_found, want_found, same = true;
    struct ss_event at_hand;
    SS_ASSERT(got && want && got_expired && want_expired);
    const bool has_hand = random_chance(drawn->random, 30) && point.t_us > SS_TIME_MIN_US &&
                          series_rows_at_hand(rows, point.t_us, &arena, &at_hand);
    struct ss_state *state = series_rows_state(rows, point, &arena, &want_found);
    if (has_hand) SS_ASSERT(ss_state_add(state, &at_hand, INT64_MIN, NULL) == SS_OK);
    SS_ASSERT(ss_state_read(state, point.t_us, NULL, want, want_expired, NULL) == SS_OK);
    SS_ASSERT(ss_series_read(series, reader, point, has_hand ? &at_hand : NULL, got, got_expired, &got_found,
                             NULL) == SS_OK);
    for (size_t a = 0; a < count; a++) {
        if (ss_value_equal(drawn->view->aggregates[a].type, got[a], want[a]) &&
            got_expired[a] == want_expired[a])
            continue;
        tell(drawn, point, a, got[a], want[a]);
        same = false;
    }
    if (got_found != (want_found || has_hand)) same = false;
    drawn->reads++;
    drawn->values += count;
    ss_arena_release(&arena);
    return same;
}

static bool check_view(struct drawn *drawn, const struct ss_view *view)
{
    struct ss_series *series;
    struct ss_series_reader *reader;
    bool same = true;
    drawn->view = view;
    SS_ASSERT(ss_series_create(view, &series, NULL) == SS_OK);
    SS_ASSERT(ss_series_reader_create(view, &reader, NULL) == SS_OK);
    for (int entity = 0; entity < 3 && same; entity++) {
        struct series_rows rows;
        const bool as_of = random_chance(drawn->random, 30);
        draw_facts(drawn);
        series_rows_make(&rows, view, drawn->facts, drawn->count, any_value, drawn);
        ss_series_clear(series);
        SS_ASSERT(series_rows_add(&rows, series, NULL) == SS_OK);
        SS_ASSERT(ss_series_seal(series, as_of, random_chance(drawn->random, 80) ? 1 << 20 : 1, NULL) ==
                  SS_OK);
        for (int i = 0; i < POINTS && same; i++)
            same = compare(drawn, &rows, series, reader, any_point(drawn, as_of));
        series_rows_release(&rows);
        ss_arena_reset(&drawn->arena);
    }
    ss_series_reader_destroy(reader);
    ss_series_destroy(series);
    return same;
}

static bool check_every_feature(struct drawn *drawn)
{
    const struct ss_definitions *definitions = every_feature();
    for (size_t v = 0; v < definitions->view_count; v++)
        if (!check_view(drawn, &definitions->views[v])) return false;
    return true;
}

static bool check_random_plan(struct drawn *drawn)
{
    struct pool pool = {0};
    struct plan plan;
    bool same = true;
    generate_plan(drawn->random, &pool, &plan);
    struct harness_result result = harness_compile_text(ss_bytes_of(plan_yaml(&pool, &plan)));
    SS_ASSERT(result.status == SS_OK);
    for (size_t v = 0; v < result.definitions->view_count && same; v++)
        same = check_view(drawn, &result.definitions->views[v]);
    if (!same) fprintf(stderr, "%s", plan_yaml(&pool, &plan));
    harness_release(&result);
    pool_release(&pool);
    return same;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'}, {0}};
    static struct drawn drawn;
    const char *given = getenv("SELFSAME_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    long rounds = DEFAULT_ROUNDS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'r') return 2;
        rounds = strtol(optarg, NULL, 10);
    }
    printf("test_series_reads: SELFSAME_SEED=%llu\n", (unsigned long long)seed);
    bool same = true;
    for (long round = 0; round < rounds && same; round++) {
        struct random random = {seed + (uint64_t)round * UINT64_C(0x9e3779b97f4a7c15)};
        drawn.random = &random;
        same = check_every_feature(&drawn);
        for (int i = 0; i < 8 && same; i++) same = check_random_plan(&drawn);
    }
    ss_arena_release(&drawn.arena);
    printf("%llu reads, %llu values\n", (unsigned long long)drawn.reads, (unsigned long long)drawn.values);
    return same ? 0 : 1;
}
