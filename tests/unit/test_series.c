// Series: what each rule of series.h says. Random views, events and points:
// tests/property/test_series_reads.c.

#include "engine/series.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "definitions_harness.h"
#include "tests/property/series_rows.h"

#define MOST_EVENTS 3000
#define NOON        INT64_C(1767268800000000) // 2026-01-01T12:00:00Z

static const char yaml[] =
    "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: {user_id: "
    "string, at: timestamp, n: int64, f: float64, s: string}\n    event_time: at\n"
    "views:\n  v:\n    entity: user\n    source: pay\n    where: n <> 13\n"
    "    features:\n"
    "      all: count() over all\n"
    "      hour: count(n) over 1h\n"
    "      last: last(n) within 1d\n"
    "      first: first(n) over all\n"
    "      sum: sum(f) over 1d\n"
    "      newest: last_k(s, 3) over last 2\n"
    "      text: max(s) over 30d\n"
    "      last_text: last(s) over all\n"
    "      days: count_distinct(n) over 30d\n";

struct fact { // n is also what f and s are made of
    int64_t event_time_us, late_us;
    uint64_t seq;
    int64_t n;
    uint64_t deleted_seq;
    int64_t deleted_us; // when the delete arrives
};

struct fixture {
    struct harness_result result;
    const struct ss_view *view;
    struct ss_series *series;
    struct ss_series_reader *reader;
    struct series_rows rows;
    struct ss_value *values;
    bool *expired, found;
    char texts[MOST_EVENTS][8];
};

struct source_of_columns {
    struct fixture *fixture;
    const struct fact *facts;
    int count, row; // cells are asked for column by column
};

static struct ss_value cell(void *context, const struct ss_source_column *column)
{
    struct source_of_columns *source = context;
    const int row = source->row++ % source->count;
    const struct fact *fact = &source->facts[row];
    struct ss_value value = {.present = true};
    char *text = source->fixture->texts[row];
    switch (column->type.id) {
    case SS_FLOAT64: value.f64 = (double)fact->n / 8; break;
    case SS_STRING:
        snprintf(text, sizeof source->fixture->texts[row], "%lld", (long long)fact->n % 1000000);
        value.text = ss_bytes_of(text);
        break;
    default: value.i64 = fact->n;
    }
    return value;
}

static void open_fixture(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->result = harness_compile_text(ss_bytes_of(yaml));
    assert_int_equal(fixture->result.status, SS_OK);
    fixture->view = &fixture->result.definitions->views[0];
    fixture->values = calloc(fixture->view->aggregate_count, sizeof *fixture->values);
    fixture->expired = calloc(fixture->view->aggregate_count, sizeof *fixture->expired);
    assert_int_equal(ss_series_create(fixture->view, &fixture->series, NULL), SS_OK);
    assert_int_equal(ss_series_reader_create(fixture->view, &fixture->reader, NULL), SS_OK);
}

static void close_fixture(struct fixture *fixture)
{
    ss_series_reader_destroy(fixture->reader);
    ss_series_destroy(fixture->series);
    series_rows_release(&fixture->rows);
    free(fixture->values);
    free(fixture->expired);
    harness_release(&fixture->result);
}

// At most SS_BATCH_ROWS facts.
static void make_rows(struct fixture *fixture, const struct fact *facts, int count)
{
    static struct series_fact made[MOST_EVENTS];
    struct source_of_columns source = {fixture, facts, count, 0};
    for (int i = 0; i < count; i++)
        made[i] = (struct series_fact){facts[i].event_time_us, facts[i].event_time_us + facts[i].late_us,
                                       facts[i].seq, facts[i].deleted_seq, facts[i].deleted_us};
    series_rows_release(&fixture->rows);
    series_rows_make(&fixture->rows, fixture->view, made, count, cell, &source);
}

static void fill(struct fixture *fixture, const struct fact *facts, int count)
{
    make_rows(fixture, facts, count);
    ss_series_clear(fixture->series);
    assert_int_equal(series_rows_add(&fixture->rows, fixture->series, NULL), SS_OK);
    assert_int_equal(ss_series_seal(fixture->series, false, 1000000, NULL), SS_OK);
}

static void read_at(struct fixture *fixture, int64_t t_us, uint64_t s)
{
    const struct ss_read_point point = {t_us, s, false};
    assert_int_equal(ss_series_read(fixture->series, fixture->reader, point, NULL, fixture->values,
                                    fixture->expired, &fixture->found, NULL),
                     SS_OK);
}

static struct ss_value value(const struct fixture *fixture, const char *text)
{
    for (size_t a = 0; a < fixture->view->aggregate_count; a++)
        if (strcmp(fixture->view->aggregates[a].text, text) == 0) return fixture->values[a];
    fail_msg("no aggregate '%s'", text);
    return (struct ss_value){0};
}

static int64_t count_at(struct fixture *fixture, int64_t t_us, uint64_t s)
{
    read_at(fixture, t_us, s);
    return value(fixture, "count() over all").i64;
}

static void entity_without_events_has_counts_of_0_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_read_point point = {NOON, UINT64_MAX, false};
    fill(fixture, NULL, 0);
    for (int i = 0; i < 2; i++) {
        const struct ss_series *series = i ? fixture->series : NULL;
        fixture->found = true;
        assert_int_equal(ss_series_read(series, fixture->reader, point, NULL, fixture->values,
                                        fixture->expired, &fixture->found, NULL),
                         SS_OK);
        assert_false(fixture->found);
        assert_true(value(fixture, "count() over all").present);
        assert_int_equal(value(fixture, "count() over all").i64, 0);
        assert_false(value(fixture, "sum(f) over 1d").present);
        assert_false(value(fixture, "last(n) within 1d").present);
    }
    assert_int_equal(ss_series_length(fixture->series), 0);
}

static void event_is_seen_1_us_after_it_happened_and_arrived(void **state)
{
    const struct fact facts[] = {{NOON, 0, 1, 5}, {NOON + 10, 100, 2, 6}};
    fill(*state, facts, 2);
    assert_int_equal(count_at(*state, NOON, UINT64_MAX), 0);
    assert_int_equal(count_at(*state, NOON + 1, UINT64_MAX), 1);
    assert_int_equal(count_at(*state, NOON + 110, UINT64_MAX), 1);
    assert_int_equal(count_at(*state, NOON + 111, UINT64_MAX), 2);
}

static void what_does_not_pass_where_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    const struct fact facts[] = {{NOON, 0, 1, 13}, {NOON + 1, 0, 2, 7}, {NOON + 2, 0, 3, 13}};
    fill(fixture, facts, 3);
    assert_int_equal(ss_series_length(fixture->series), 1);
    assert_int_equal(count_at(fixture, NOON + 9, UINT64_MAX), 1);
    assert_int_equal(value(fixture, "last(n) within 1d").i64, 7);
    read_at(fixture, NOON + 1, UINT64_MAX);
    assert_false(fixture->found);
}

static void deleted_event_goes_1_us_after_its_delete_arrived(void **state)
{
    const struct fact facts[] = {{NOON, 0, 1, 5, 3, NOON + 50}, {NOON, 0, 2, 6}};
    fill(*state, facts, 2);
    assert_int_equal(count_at(*state, NOON + 50, UINT64_MAX), 2);
    assert_int_equal(count_at(*state, NOON + 51, UINT64_MAX), 1);
    assert_int_equal(count_at(*state, NOON + 51, 2), 2);
    assert_int_equal(count_at(*state, NOON + 51, 3), 1);
}

static void s_leaves_out_what_was_committed_later(void **state)
{
    const struct fact facts[] = {{NOON, 0, 9, 5}, {NOON + 1, 0, 4, 6}};
    fill(*state, facts, 2);
    assert_int_equal(count_at(*state, NOON + 9, 3), 0);
    assert_int_equal(count_at(*state, NOON + 9, 4), 1);
    assert_int_equal(count_at(*state, NOON + 9, 9), 2);
}

static void of_equal_times_the_greater_seq_is_last(void **state)
{
    struct fixture *fixture = *state;
    const struct fact facts[] = {{NOON, 0, 4, 1}, {NOON, SS_DAY_US, 5, 2}, {NOON, 0, 7, 3, 8, NOON + 5}};
    fill(fixture, facts, 3);
    read_at(fixture, NOON + 2, UINT64_MAX);
    assert_int_equal(value(fixture, "last(n) within 1d").i64, 3);
    read_at(fixture, NOON + 6, UINT64_MAX);
    assert_int_equal(value(fixture, "last(n) within 1d").i64, 1);
    read_at(fixture, NOON + SS_DAY_US, UINT64_MAX);
    assert_int_equal(value(fixture, "last(n) within 1d").i64, 1);
    read_at(fixture, NOON + SS_DAY_US + 1, UINT64_MAX);
    assert_false(value(fixture, "last(n) within 1d").present);
    assert_int_equal(value(fixture, "first(n) over all").i64, 1);
}

static void last_expires_1_us_past_its_ttl(void **state)
{
    struct fixture *fixture = *state;
    const struct fact facts[] = {{NOON, 0, 1, 5}};
    size_t last = 0;
    fill(fixture, facts, 1);
    while (fixture->view->aggregates[last].bound != SS_BOUND_WITHIN) last++;
    read_at(fixture, NOON + SS_DAY_US, UINT64_MAX);
    assert_true(fixture->values[last].present && !fixture->expired[last]);
    read_at(fixture, NOON + SS_DAY_US + 1, UINT64_MAX);
    assert_true(!fixture->values[last].present && fixture->expired[last]);
}

static void window_starts_at_a_hop_before_1970_too(void **state)
{
    struct fixture *fixture = *state;
    const int64_t hop_us = 5 * SS_MINUTE_US, start_us = -100 * hop_us;
    const struct fact facts[] = {{start_us - 1, 0, 1, 1}, {start_us, 0, 2, 2}};
    fill(fixture, facts, 2);
    read_at(fixture, start_us + SS_HOUR_US, UINT64_MAX);
    assert_int_equal(value(fixture, "count(n) over 1h").i64, 1);
    read_at(fixture, start_us + SS_HOUR_US + hop_us - 1, UINT64_MAX);
    assert_int_equal(value(fixture, "count(n) over 1h").i64, 1);
    read_at(fixture, start_us + SS_HOUR_US + hop_us, UINT64_MAX);
    assert_int_equal(value(fixture, "count(n) over 1h").i64, 0);
    read_at(fixture, start_us + SS_HOUR_US - 1, UINT64_MAX);
    assert_int_equal(value(fixture, "count(n) over 1h").i64, 2);
}

static void t_may_be_any_int64(void **state)
{
    const struct fact facts[] = {{SS_TIME_MIN_US, 0, 1, 5}, {SS_TIME_MAX_US, 0, 2, 6}};
    fill(*state, facts, 2);
    assert_int_equal(count_at(*state, INT64_MIN, UINT64_MAX), 0);
    assert_int_equal(count_at(*state, INT64_MIN + 1, UINT64_MAX), 0);
    assert_int_equal(count_at(*state, SS_TIME_MIN_US + 1, UINT64_MAX), 1);
    assert_int_equal(count_at(*state, INT64_MAX, UINT64_MAX), 2);
    assert_int_equal(value(*state, "count(n) over 1h").i64, 0);
}

static void event_at_hand_is_the_newest(void **state)
{
    struct fixture *fixture = *state;
    struct ss_arena arena = {0};
    struct ss_event event;
    const struct fact facts[] = {{NOON, 0, 1, 5}, {NOON + 1, 0, 2, 6}, {NOON + 2, 0, 3, 7}};
    const struct ss_read_point point = {NOON + 3, UINT64_MAX, false};
    fill(fixture, facts, 3);
    assert_true(series_rows_at_hand(&fixture->rows, point.t_us, &arena, &event));
    assert_int_equal(ss_series_read(fixture->series, fixture->reader, point, &event, fixture->values,
                                    fixture->expired, &fixture->found, NULL),
                     SS_OK);
    assert_int_equal(value(fixture, "count() over all").i64, 4);
    assert_int_equal(value(fixture, "last(n) within 1d").i64, 5);
    assert_true(value(fixture, "sum(f) over 1d").f64 == (5 + 6 + 7 + 5) / 8.0);
    const struct ss_value newest = value(fixture, "last_k(s, 3) over last 2");
    read_at(fixture, NOON + 3, UINT64_MAX);
    assert_false(ss_bytes_equal(newest.text, value(fixture, "last_k(s, 3) over last 2").text));
    ss_arena_release(&arena);
}

static void events_out_of_order_are_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct ss_error error;
    const struct fact facts[] = {{NOON, 0, 4, 1}, {NOON, 0, 4, 2}};
    make_rows(fixture, facts, 2);
    ss_series_clear(fixture->series);
    assert_int_equal(series_rows_add(&fixture->rows, fixture->series, &error), SS_DAMAGED);
    assert_string_equal(error.message, "event 4 does not stand behind event 4 of its entity");
}

// A thousand events an hour apart, prompt but for some that are a week late.
static int hourly(struct fact *facts)
{
    for (int i = 0; i < 1000; i++)
        facts[i] = (struct fact){NOON + i * SS_HOUR_US, i % 100 == 50 ? 7 * SS_DAY_US : 1000, (uint64_t)i + 1,
                                 i % 9 + 20};
    return 1000;
}

static void late_events_are_seen_when_they_have_arrived(void **state)
{
    struct fixture *fixture = *state;
    static struct fact facts[MOST_EVENTS];
    const int count = hourly(facts);
    fill(fixture, facts, count);
    for (int i = 0; i <= count + 200; i++) {
        const int64_t t_us = NOON + i * SS_HOUR_US + 1001;
        int64_t want = 0;
        for (int k = 0; k < count; k++) want += facts[k].event_time_us + facts[k].late_us < t_us;
        assert_int_equal(count_at(fixture, t_us, UINT64_MAX), want);
    }
}

static void cleared_series_knows_nothing_of_the_entity_before(void **state)
{
    struct fixture *fixture = *state;
    static struct fact facts[MOST_EVENTS];
    const int count = hourly(facts);
    fill(fixture, facts, count);
    fill(fixture, facts, 1);
    assert_int_equal(ss_series_length(fixture->series), 1);
    assert_int_equal(count_at(fixture, NOON + 400 * SS_DAY_US, UINT64_MAX), 1);
}

struct visitor {
    struct fixture *fixture;
    int64_t sum;
};

static void *visit(void *context)
{
    struct visitor *visitor = context;
    const struct fixture *fixture = visitor->fixture;
    struct ss_series_reader *reader;
    struct ss_value values[16];
    bool expired[16], found;
    if (ss_series_reader_create(fixture->view, &reader, NULL) != SS_OK) return NULL;
    for (int i = 0; i < 1000; i++) {
        const struct ss_read_point point = {NOON + i * SS_HOUR_US, UINT64_MAX, false};
        if (ss_series_read(fixture->series, reader, point, NULL, values, expired, &found, NULL) != SS_OK)
            break;
        for (size_t a = 0; a < fixture->view->aggregate_count; a++)
            if (fixture->view->aggregates[a].type.id == SS_INT64 && values[a].present)
                visitor->sum += values[a].i64;
    }
    ss_series_reader_destroy(reader);
    return NULL;
}

static void several_threads_read_one_series(void **state)
{
    static struct fact facts[MOST_EVENTS];
    struct visitor visitors[3] = {{*state}, {*state}, {*state}};
    pthread_t threads[2];
    const int count = hourly(facts);
    fill(*state, facts, count);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
    visit(&visitors[2]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_true(visitors[2].sum > 0);
    assert_true(visitors[0].sum == visitors[2].sum && visitors[1].sum == visitors[2].sum);
}

// All that allocates, from the start.
static enum ss_status make_and_read(struct fixture *fixture, struct ss_series **series,
                                    struct ss_series_reader **reader)
{
    const struct ss_read_point point = {NOON + 900 * SS_HOUR_US, UINT64_MAX, false};
    SS_TRY(ss_series_create(fixture->view, series, NULL));
    SS_TRY(ss_series_reader_create(fixture->view, reader, NULL));
    SS_TRY(series_rows_add(&fixture->rows, *series, NULL));
    SS_TRY(ss_series_seal(*series, false, 1000000, NULL));
    return ss_series_read(*series, *reader, point, NULL, fixture->values, fixture->expired, &fixture->found,
                          NULL);
}

static void every_failed_allocation_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    static struct fact facts[MOST_EVENTS];
    const int count = hourly(facts);
    facts[3].deleted_seq = 2000;
    facts[3].deleted_us = NOON + 5 * SS_HOUR_US;
    make_rows(fixture, facts, count);
    for (long k = 1;; k++) {
        struct ss_series *series = NULL;
        struct ss_series_reader *reader = NULL;
        ss_fail_allocation_at(k);
        const enum ss_status status = make_and_read(fixture, &series, &reader);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        ss_series_reader_destroy(reader);
        ss_series_destroy(series);
        if (swept) break;
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    if (!fixture) return -1;
    open_fixture(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    close_fixture(*state);
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entity_without_events_has_counts_of_0_and_nothing_else),
        TEST(event_is_seen_1_us_after_it_happened_and_arrived),
        TEST(what_does_not_pass_where_is_not_kept),
        TEST(deleted_event_goes_1_us_after_its_delete_arrived),
        TEST(s_leaves_out_what_was_committed_later),
        TEST(of_equal_times_the_greater_seq_is_last),
        TEST(last_expires_1_us_past_its_ttl),
        TEST(window_starts_at_a_hop_before_1970_too),
        TEST(t_may_be_any_int64),
        TEST(event_at_hand_is_the_newest),
        TEST(events_out_of_order_are_damaged),
        TEST(late_events_are_seen_when_they_have_arrived),
        TEST(cleared_series_knows_nothing_of_the_entity_before),
        TEST(several_threads_read_one_series),
        TEST(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
