// Entity states: random histories against a naive scan of the events, and what each rule of state.h says.

#include "engine/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state_story.h"

static void compare_with_naive(const struct story *story, const struct ss_state *state, int64_t t_us)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    assert_int_equal(ss_state_read(state, t_us, NULL, values, expired, NULL), SS_OK);
    for (size_t a = 0; a < story->fixture->view.aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &story->fixture->aggregates[a];
        const struct ss_type type =
            story_result_type(aggregate, story->fixture->groups[aggregate->group].type);
        bool want_expired;
        const struct ss_value want = story_naive_value(story, aggregate, t_us, &want_expired);
        // beyond 128 distinct values the count is an estimate, which has its own test
        if (aggregate->fn == SS_AGG_COUNT_DISTINCT && want.i64 > 128) {
            assert_true(values[a].i64 > want.i64 * 8 / 10 && values[a].i64 < want.i64 * 12 / 10);
            continue;
        }
        if (!ss_value_equal(type, values[a], want) || expired[a] != want_expired)
            fail_msg(
                "got %d %lld, want %d %lld: aggregate %zu (fn %d group %d type %d window %lld hop %lld) "
                "differs at %lld",
                values[a].present, (long long)values[a].i64, want.present, (long long)want.i64, a,
                aggregate->fn, aggregate->group, story->fixture->groups[aggregate->group].type.id,
                (long long)aggregate->window_us, (long long)aggregate->hop_us, (long long)t_us);
    }
}

static void refold(const struct story *story, struct ss_state *state, struct samples *samples)
{
    int level;
    int64_t start_us, end_us;
    while (ss_state_next_dirty(state, &level, &start_us, &end_us)) {
        ss_state_refold_begin(state, level, start_us);
        for (size_t i = 0; i < story->count; i++) {
            const struct ss_event event = story_event(story, i);
            const bool outside = event.event_time_us < start_us || event.event_time_us >= end_us;
            if (story->facts[i].gone || (outside && samples_below(samples, 2))) continue;
            assert_int_equal(ss_state_refold_add(state, &event, NULL), SS_OK);
        }
        ss_state_refold_end(state);
    }
}

static void encode(const struct ss_state *state, struct ss_buffer *buffer)
{
    ss_buffer_clear(buffer);
    assert_int_equal(ss_state_encode(state, buffer, NULL), SS_OK);
}

static struct ss_state *decode(const struct fixture *fixture, const struct ss_buffer *bytes,
                               struct ss_arena *arena)
{
    struct ss_state *state = NULL;
    const struct ss_bytes copy = {ss_arena_copy(arena, bytes->data, bytes->size), bytes->size};
    assert_int_equal(ss_state_decode(&fixture->view, copy, arena, &state, NULL), SS_OK);
    return state;
}

// The state of what is left of the story, made at once in another order.
static void assert_same_as_fresh(const struct story *story, const struct ss_state *state, int64_t t_us,
                                 struct samples *samples)
{
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, fresh_bytes = {0};
    size_t order[MOST_EVENTS];
    struct ss_state *fresh = ss_state_create(&story->fixture->view, &arena);
    int64_t net = 0;
    for (size_t i = 0; i < story->count; i++) {
        const size_t k = samples_below(samples, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; i < story->count; i++) {
        const struct ss_event event = story_event(story, order[i]);
        if (story->facts[order[i]].gone) continue;
        net++;
        assert_int_equal(ss_state_add(fresh, &event, INT64_MIN, NULL), SS_OK);
    }
    assert_int_equal(ss_state_prune(fresh, t_us, NULL), SS_OK);
    encode(state, &bytes);
    encode(fresh, &fresh_bytes);
    assert_int_equal(bytes.size, fresh_bytes.size);
    assert_memory_equal(bytes.data, fresh_bytes.data, bytes.size);
    assert_true(ss_state_event_count(state) == net);
    assert_int_equal(ss_state_empty(state), net == 0);
    ss_buffer_release(&bytes);
    ss_buffer_release(&fresh_bytes);
    ss_arena_release(&arena);
}

static void take_some_back(struct story *story, struct ss_state *state, struct samples *samples,
                           int64_t horizon_us)
{
    for (size_t i = samples_below(samples, 4); i > 0; i--) {
        const size_t fact = samples_below(samples, story->count);
        if (story->facts[fact].gone) continue;
        const struct ss_event event = story_event(story, fact);
        story->facts[fact].gone = true;
        assert_int_equal(ss_state_remove(state, &event, horizon_us, NULL), SS_OK);
    }
}

static void live_a_random_story(struct samples *samples)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    struct ss_arena arenas[2] = {{0}};
    struct ss_buffer bytes = {0};
    int arena = 0;
    assert_non_null(fixture);
    assert_non_null(story);
    story_random_fixture(fixture, samples);
    story->fixture = fixture;
    struct ss_state *state = ss_state_create(&fixture->view, &arenas[0]);
    int64_t t_us = samples_below(samples, 2) ? 0 : 1700000000000000;
    t_us += (int64_t)samples_below(samples, 1000000000);
    for (int step = 0; step < 12; step++) {
        const int64_t horizon_us = samples_below(samples, 2) ? INT64_MIN : t_us;
        for (size_t i = samples_below(samples, MOST_EVENTS / 12); i > 0; i--) {
            story_add_fact(story, samples, story_random_time(samples, t_us));
            const struct ss_event event = story_event(story, story->count - 1);
            assert_int_equal(ss_state_add(state, &event, horizon_us, NULL), SS_OK);
            if (samples_below(samples, 6) == 0) take_some_back(story, state, samples, horizon_us);
        }
        refold(story, state, samples);
        if (samples_below(samples, 2)) {
            encode(state, &bytes);
            state = decode(fixture, &bytes, &arenas[arena]);
        }
        if (samples_below(samples, 4) == 0) {
            assert_int_equal(ss_state_move(state, &arenas[!arena], &state, NULL), SS_OK);
            ss_arena_reset(&arenas[arena]);
            arena = !arena;
        }
        compare_with_naive(story, state, t_us);
        if (samples_below(samples, 2)) {
            assert_int_equal(ss_state_prune(state, t_us, NULL), SS_OK);
            assert_same_as_fresh(story, state, t_us, samples);
            compare_with_naive(story, state, t_us);
        }
        t_us += (int64_t)samples_below(samples, samples_below(samples, 2) ? 86400000000 : 600000000);
        if (samples_below(samples, 3) == 0)
            t_us = story_floor(t_us, SS_HOUR_US) + SS_HOUR_US + (int64_t)samples_below(samples, 3);
        compare_with_naive(story, state, t_us);
    }
    ss_arena_release(&arenas[0]);
    ss_arena_release(&arenas[1]);
    ss_buffer_release(&bytes);
    free(story);
    fixture_release(fixture);
    free(fixture);
}

static void random_histories_read_as_a_naive_scan_of_their_events(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("state", 4711);
    const char *trials = getenv("SS_TRIALS");
    for (long trial = trials ? atol(trials) : 150; trial > 0; trial--) live_a_random_story(&samples);
}

static enum ss_status add_real(struct ss_state *state, int64_t event_time_us, uint64_t seq, double real_value)
{
    const bool passes[] = {true, true};
    const struct ss_value values[] = {{0}, {.present = true, .f64 = real_value}};
    return ss_state_add(state, &(struct ss_event){event_time_us, seq, passes, values}, INT64_MIN, NULL);
}

static void a_late_event_lands_in_its_own_tile_and_window_edges_are_exact(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    fixture_one_float64(&fixture);
    for (int64_t base_us = -SS_DAY_US; base_us <= SS_DAY_US; base_us += 2 * SS_DAY_US) {
        struct ss_state *state = ss_state_create(&fixture.view, &arena);
        assert_int_equal(add_real(state, base_us, 1, 1), SS_OK);
        assert_int_equal(add_real(state, base_us - 1, 2, 2), SS_OK);
        // 1h by 5m: floor(t - 1h, 5m) is base from base + 1h on, base + 5m from base + 1h + 5m on
        const int64_t last_us = base_us + SS_HOUR_US + 5 * SS_MINUTE_US - 1;
        assert_int_equal(ss_state_read(state, base_us + SS_HOUR_US - 1, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 2);
        assert_int_equal(ss_state_read(state, base_us + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 1);
        assert_true(values[1].f64 == 1);
        assert_int_equal(ss_state_read(state, last_us, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 1);
        assert_int_equal(ss_state_read(state, last_us + 1, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 0);
        assert_false(values[1].present);
    }
    ss_arena_release(&arena);
    fixture_release(&fixture);
}

static void only_needed_aggregates_are_read(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    const uint64_t needed = 1u << 0 | 1u << 7; // count over 1h, sum over 1d
    fixture_one_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_int_equal(add_real(state, 0, 1, 2.5), SS_OK);
    assert_int_equal(ss_state_read(state, 1, &needed, values, expired, NULL), SS_OK);
    for (size_t a = 0; a < fixture.view.aggregate_count; a++)
        assert_int_equal(values[a].present, needed >> a & 1);
    assert_true(values[7].f64 == 2.5);
    ss_arena_release(&arena);
    fixture_release(&fixture);
}

static void events_out_of_reach_are_not_kept_but_counted(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, empty = {0};
    int64_t newest_us;
    uint64_t seq;
    fixture_one_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_false(ss_state_newest(state, &newest_us, &seq));
    assert_true(ss_state_empty(state));
    const bool passes[] = {true, true};
    const struct ss_value values[] = {{0}, {.present = true, .f64 = 3}};
    const struct ss_event event = {-31 * SS_DAY_US, 9, passes, values};
    assert_int_equal(ss_state_add(state, &event, 0, NULL), SS_OK);
    assert_true(ss_state_event_count(state) == 1);
    assert_true(ss_state_newest(state, &newest_us, &seq));
    assert_true(newest_us == -31 * SS_DAY_US && seq == 9);
    encode(state, &bytes);
    assert_true(bytes.size < 20);
    const struct ss_event outside = {SS_TIME_MAX_US + 1, 10, passes, values};
    assert_int_equal(ss_state_add(state, &outside, 0, NULL), SS_DAMAGED);
    assert_int_equal(ss_state_remove(state, &event, 0, NULL), SS_OK);
    assert_true(ss_state_empty(state));
    encode(state, &bytes);
    encode(ss_state_create(&fixture.view, &arena), &empty);
    assert_int_equal(bytes.size, empty.size);
    ss_buffer_release(&bytes);
    ss_buffer_release(&empty);
    ss_arena_release(&arena);
    fixture_release(&fixture);
}

static void a_last_within_a_ttl_expires_and_keeps_its_nulls(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[1];
    bool expired[1];
    fixture_begin(&fixture);
    fixture_aggregate(&fixture, SS_AGG_LAST, fixture_group(&fixture, (struct ss_type){SS_STRING, 0}),
                      SS_BOUND_WITHIN, SS_HOUR_US, 0);
    fixture_end(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    const bool passes[] = {true, true};
    const struct ss_value text[] = {{0}, {.present = true, .text = {"DE", 2}}}, null[] = {{0}, {0}};
    assert_int_equal(ss_state_add(state, &(struct ss_event){100, 1, passes, text}, INT64_MIN, NULL), SS_OK);
    assert_int_equal(ss_state_read(state, 100 + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
    assert_true(values[0].present && !expired[0] && memcmp(values[0].text.data, "DE", 2) == 0);
    assert_int_equal(ss_state_read(state, 101 + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
    assert_true(!values[0].present && expired[0]);
    assert_int_equal(ss_state_add(state, &(struct ss_event){100, 2, passes, null}, INT64_MIN, NULL), SS_OK);
    assert_int_equal(ss_state_read(state, 101, NULL, values, expired, NULL), SS_OK);
    assert_true(!values[0].present && !expired[0]);
    ss_arena_release(&arena);
    fixture_release(&fixture);
}

static void reading_again_and_again_takes_no_more_memory(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("reads", 6);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    story_random_fixture(fixture, &samples);
    story->fixture = fixture;
    struct ss_state *state = ss_state_create(&fixture->view, &arena);
    for (int i = 0; i < 300; i++) {
        story_add_fact(story, &samples, story_random_time(&samples, 0));
        const struct ss_event event = story_event(story, story->count - 1);
        assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
    }
    encode(state, &bytes);
    state = decode(fixture, &bytes, &arena);
    assert_int_equal(ss_state_read(state, 0, NULL, values, expired, NULL), SS_OK);
    const size_t used_bytes = arena.used_bytes;
    for (int64_t t_us = 0; t_us < 1000; t_us++)
        assert_int_equal(ss_state_read(state, t_us, NULL, values, expired, NULL), SS_OK);
    assert_int_equal(arena.used_bytes, used_bytes);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
    free(story);
    fixture_release(fixture);
    free(fixture);
}

static void an_event_passes_by_the_outputs_of_the_row_program(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_column outputs[3];
    static const struct ss_type types[] = {{SS_BOOL, 0}, {SS_BOOL, 0}, {SS_FLOAT64, 0}};
    for (int i = 0; i < 3; i++) assert_true(ss_column_init(&outputs[i], types[i], 4, &arena));
    static const struct {
        bool where_known, where, filter_known, filter, number_known;
    } rows[] = {{true, true, true, true, true},
                {true, false, true, true, true},
                {false, false, true, true, true},
                {true, true, false, false, true}};
    for (int i = 0; i < 4; i++) {
        const struct ss_value where = {.present = rows[i].where_known, .boolean = rows[i].where};
        const struct ss_value filter = {.present = rows[i].filter_known, .boolean = rows[i].filter};
        assert_true(ss_column_append(&outputs[0], where, &arena));
        assert_true(ss_column_append(&outputs[1], filter, &arena));
        assert_true(ss_column_append(&outputs[2], (struct ss_value){.present = true, .f64 = i}, &arena));
    }
    const struct ss_group groups[] = {
        {-1, -1, {SS_INT64, 0}}, {2, 1, {SS_FLOAT64, 0}}, {2, -1, {SS_FLOAT64, 0}}};
    const struct ss_view view = {.where = 0, .group_count = 3, .groups = groups};
    bool passes[3];
    struct ss_value values[3], seconds[3];
    struct ss_event event = {0};
    assert_true(ss_event_prepare(&view, outputs, 0, 5, 6, passes, values, seconds, &event));
    assert_true(event.event_time_us == 5 && event.seq == 6 && passes[0] && passes[1] && passes[2]);
    assert_true(!values[0].present && values[1].present && values[2].present);
    assert_false(ss_event_prepare(&view, outputs, 1, 5, 6, passes, values, seconds, &event));
    assert_false(ss_event_prepare(&view, outputs, 2, 5, 6, passes, values, seconds, &event));
    assert_true(ss_event_prepare(&view, outputs, 3, 5, 6, passes, values, seconds, &event));
    assert_true(passes[0] && !passes[1] && passes[2] && values[2].f64 == 3);
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_read_as_a_naive_scan_of_their_events),
        cmocka_unit_test(a_late_event_lands_in_its_own_tile_and_window_edges_are_exact),
        cmocka_unit_test(only_needed_aggregates_are_read),
        cmocka_unit_test(events_out_of_reach_are_not_kept_but_counted),
        cmocka_unit_test(a_last_within_a_ttl_expires_and_keeps_its_nulls),
        cmocka_unit_test(reading_again_and_again_takes_no_more_memory),
        cmocka_unit_test(an_event_passes_by_the_outputs_of_the_row_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
