// Entity states as bytes: golden bytes, how many there are, damage, and memory that runs out.

#include "engine/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "state_story.h"

static void encode(const struct ss_state *state, struct ss_buffer *buffer)
{
    ss_buffer_clear(buffer);
    assert_int_equal(ss_state_encode(state, buffer, NULL), SS_OK);
}

static enum ss_status add_real(struct ss_state *state, int64_t event_time_us, uint64_t seq, double real_value)
{
    const bool passes[] = {true, true};
    const struct ss_value values[] = {{0}, {.present = true, .f64 = real_value}};
    return ss_state_add(state, &(struct ss_event){event_time_us, seq, passes, values}, INT64_MIN, NULL);
}

static void a_busy_month_stays_under_eight_kilobytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("compactness", 5);
    static const struct ss_type types[] = {{SS_DECIMAL, 2}, {SS_FLOAT64, 0}};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture = {0};
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        fixture_begin(&fixture);
        fixture_four_windows(&fixture, fixture_group(&fixture, types[i % 2]));
        fixture_end(&fixture);
        struct ss_state *state = ss_state_create(&fixture.view, &arena);
        const int64_t t_us = INT64_C(1767225600000000);
        for (uint64_t e = 0; e < 20000; e++) {
            // even amounts, or a heavy tail: most are small, a few very large
            int64_t cents = 1 + (int64_t)samples_below(&samples, 100000);
            const uint64_t bits = samples_bits(&samples);
            if (i > 1) cents = 1 + (int64_t)(bits >> (45 + samples_below(&samples, 12)));
            const bool passes[] = {true, true};
            struct ss_value values[] = {{0}, {.present = true, .i64 = cents}};
            if (types[i % 2].id == SS_FLOAT64) values[1].f64 = (double)cents / 100;
            const int64_t time_us = t_us - 1 - (int64_t)samples_below(&samples, 30 * 86400000000);
            const struct ss_event event = {time_us, e + 1, passes, values};
            assert_int_equal(ss_state_add(state, &event, t_us, NULL), SS_OK);
        }
        assert_int_equal(ss_state_prune(state, t_us, NULL), SS_OK);
        encode(state, &bytes);
        print_message("%zu bytes\n", bytes.size);
        assert_true(bytes.size < 8192);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
        fixture_release(&fixture);
    }
}

static void read_everything(struct ss_state *state, const struct fixture *fixture, struct ss_arena *arena)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    struct ss_buffer printed = {0};
    struct ss_error error;
    struct ss_state *moved;
    int64_t newest_us;
    uint64_t seq, sink = 0;
    ss_state_newest(state, &newest_us, &seq);
    (void)ss_state_event_count(state);
    const enum ss_status status = ss_state_read(state, 0, NULL, values, expired, &error);
    assert_true(status == SS_OK || status == SS_DAMAGED);
    for (size_t a = 0; status == SS_OK && a < fixture->view.aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &fixture->aggregates[a];
        if (story_result_type(aggregate, fixture->groups[aggregate->group].type).id != SS_STRING) continue;
        for (size_t i = 0; values[a].present && i < values[a].text.size; i++)
            sink += (uint8_t)values[a].text.data[i];
    }
    assert_true(sink < UINT64_MAX);
    (void)ss_state_print(state, &printed, &error);
    (void)ss_state_move(state, arena, &moved, &error);
    const bool passes[FIXTURE_GROUPS] = {true, true, true, true, true, true, true, true};
    const struct ss_value nothing[FIXTURE_GROUPS] = {{0}};
    const struct ss_event event = {-5, 77, passes, nothing};
    (void)ss_state_add(state, &event, INT64_MIN, &error);
    (void)ss_state_remove(state, &event, INT64_MIN, &error);
    ss_buffer_release(&printed);
}

static void damaged_bytes_are_reported_or_read_without_harm(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("damage", 8);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = malloc(sizeof *story);
    struct ss_buffer bytes = {0};
    for (int trial = 0; trial < 12; trial++) {
        struct ss_arena arena = {0}, reading = {0};
        struct ss_error error;
        struct ss_state *state;
        memset(story, 0, sizeof *story);
        story_random_fixture(fixture, &samples);
        story->fixture = fixture;
        state = ss_state_create(&fixture->view, &arena);
        for (int i = 0; i < 60; i++) {
            story_add_fact(story, &samples, story_random_time(&samples, 0));
            const struct ss_event event = story_event(story, story->count - 1);
            assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
        }
        encode(state, &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            ss_arena_reset(&reading);
            char *exact = malloc(size + !size); // so that a read past the end is seen
            memcpy(exact, bytes.data, size);
            assert_int_equal(
                ss_state_decode(&fixture->view, (struct ss_bytes){exact, size}, &reading, &state, &error),
                SS_DAMAGED);
            free(exact);
        }
        for (int flip = 0; flip < 1500; flip++) {
            ss_arena_reset(&reading);
            char *flipped = malloc(bytes.size);
            memcpy(flipped, bytes.data, bytes.size);
            for (size_t i = 1 + samples_below(&samples, 3); i > 0; i--)
                flipped[samples_below(&samples, bytes.size)] ^= (char)(1u << samples_below(&samples, 8));
            const struct ss_bytes damaged = {flipped, bytes.size};
            const enum ss_status status = ss_state_decode(&fixture->view, damaged, &reading, &state, &error);
            assert_true(status == SS_OK || status == SS_DAMAGED);
            if (status == SS_OK) read_everything(state, fixture, &reading);
            free(flipped);
        }
        ss_arena_release(&arena);
        ss_arena_release(&reading);
        fixture_release(fixture);
    }
    ss_buffer_release(&bytes);
    free(story);
    free(fixture);
}

// Creates, adds, encodes, decodes, reads, takes back and moves; fails as a whole with what failed first.
static enum ss_status do_everything(const struct fixture *fixture, const struct story *story,
                                    struct ss_arena *arena, struct ss_arena *other, struct ss_buffer *bytes,
                                    struct ss_error *error)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    struct ss_state *state = ss_state_create(&fixture->view, arena);
    if (!state) return ss_fail_memory(error, "a state");
    for (size_t i = 0; i < story->count; i++) {
        const struct ss_event event = story_event(story, i);
        SS_TRY(ss_state_add(state, &event, INT64_MIN, error));
    }
    SS_TRY(ss_state_encode(state, bytes, error));
    const struct ss_bytes view = {(const char *)bytes->data, bytes->size};
    SS_TRY(ss_state_decode(&fixture->view, view, other, &state, error));
    SS_TRY(ss_state_read(state, 0, NULL, values, expired, error));
    const struct ss_event event = story_event(story, 0);
    SS_TRY(ss_state_add(state, &event, INT64_MIN, error));
    SS_TRY(ss_state_read(state, 0, NULL, values, expired, error));
    SS_TRY(ss_state_move(state, arena, &state, error));
    return ss_state_remove(state, &event, INT64_MIN, error);
}

static void every_failing_allocation_is_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("allocations", 9);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    story_random_fixture(fixture, &samples);
    story->fixture = fixture;
    while (story->count < 300) story_add_fact(story, &samples, story_random_time(&samples, 0));
    bool swept = false;
    for (long k = 1; !swept; k++) {
        struct ss_arena arena = {0}, other = {0};
        struct ss_buffer bytes = {0};
        struct ss_error error;
        ss_fail_allocation_at(k);
        const enum ss_status status = do_everything(fixture, story, &arena, &other, &bytes, &error);
        swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        assert_true(!swept || k > 5);
        ss_arena_release(&arena);
        ss_arena_release(&other);
        ss_buffer_release(&bytes);
    }
    free(story);
    fixture_release(fixture);
    free(fixture);
}

static void golden_bytes_of_a_small_state(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, printed = {0}, hex = {0};
    fixture_one_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_int_equal(add_real(state, 0, 1, 12.34), SS_OK);
    assert_int_equal(add_real(state, SS_HOUR_US, 2, -0.5), SS_OK);
    assert_int_equal(add_real(state, SS_HOUR_US + 1, 3, 7), SS_OK);
    assert_int_equal(add_real(state, 3 * SS_HOUR_US, 4, 0.1), SS_OK);
    encode(state, &bytes);
    for (size_t i = 0; i < bytes.size; i++) ss_buffer_format(&hex, "%02x", bytes.data[i]);
    ss_buffer_byte(&hex, 0);
    assert_int_equal(ss_state_print(state, &printed, NULL), SS_OK);
    ss_buffer_byte(&printed, 0);
    assert_string_equal((char *)hex.data,
                        "02"
                        "03"
                        "00"
                        "08"
                        "01a29a01"
                        "07"
                        "0a"
                        "02"
                        "4970"
                        "0516"
                        "01"
                        "11"
                        "03"
                        "00"
                        "08"
                        "01a29a01"
                        "06"
                        "02"
                        "4970"
                        "0500"
                        "01"
                        "11"
                        "01"
                        "00"
                        "40"
                        "04"
                        "106d4db81e85eb517809"
                        "1e00299c33a2b437789734ef3845476232"
                        "49"
                        "a29a01"
                        "01"
                        "00"
                        "10"
                        "04"
                        "01"
                        "80b0d7bb50"
                        "04");
    ss_buffer_release(&bytes);
    ss_buffer_release(&printed);
    ss_buffer_release(&hex);
    ss_arena_release(&arena);
    fixture_release(&fixture);
}

static void assert_hex(const struct ss_state *state, const char *want)
{
    struct ss_buffer bytes = {0}, hex = {0};
    encode(state, &bytes);
    for (size_t i = 0; i < bytes.size; i++) ss_buffer_format(&hex, "%02x", bytes.data[i]);
    ss_buffer_byte(&hex, 0);
    assert_string_equal((char *)hex.data, want);
    ss_buffer_release(&bytes);
    ss_buffer_release(&hex);
}

static void lasts_of_the_newest_event_do_not_repeat_which_it_is(void **unused)
{
    (void)unused;
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct ss_arena arena = {0};
    bool expired[2];
    struct ss_value got[2];
    fixture_begin(fixture);
    for (int i = 0; i < 2; i++) {
        const int group = fixture_group(fixture, (struct ss_type){i ? SS_FLOAT64 : SS_INT64, 0});
        fixture_aggregate(fixture, SS_AGG_LAST, group, SS_BOUND_ALL, 0, 0);
    }
    fixture_end(fixture);
    const bool both[] = {true, true, true}, second[] = {true, false, true};
    const struct ss_value seven[] = {{0}, {.present = true, .i64 = 7}, {0}};
    const struct ss_value real[] = {{0}, {0}, {.present = true, .f64 = 7}};
    struct ss_state *state = ss_state_create(&fixture->view, &arena);
    assert_int_equal(ss_state_add(state, &(struct ss_event){5, 1, both, seven, NULL}, INT64_MIN, NULL),
                     SS_OK);
    assert_hex(state,
               "02"
               "0100"
               "12"
               "01010a01"
               "01040e"
               "0003");
    assert_int_equal(ss_state_add(state, &(struct ss_event){9, 2, second, real, NULL}, INT64_MIN, NULL),
                     SS_OK);
    assert_hex(state,
               "02"
               "0100"
               "18"
               "02011202"
               "01020a010e"
               "010470");
    assert_int_equal(ss_state_move(state, &arena, &state, NULL), SS_OK);
    assert_int_equal(ss_state_read(state, 10, NULL, got, expired, NULL), SS_OK);
    assert_int_equal(got[0].i64, 7);
    assert_true(got[1].f64 == 7);
    static const char alone[] = "\x02\x01\x00\x0e\x00\x00\x01\x04\x0e\x00\x00";
    assert_int_equal(
        ss_state_decode(&fixture->view, (struct ss_bytes){alone, sizeof alone - 1}, &arena, &state, NULL),
        SS_OK);
    assert_int_equal(ss_state_read(state, 10, NULL, got, expired, NULL), SS_DAMAGED);
    ss_arena_release(&arena);
    fixture_release(fixture);
    free(fixture);
}

// One event whose value no column could hold: as bytes that are damaged and yet have the right checksum.
static void a_value_that_is_none_of_its_type_is_damage(void **unused)
{
    (void)unused;
    static const struct {
        struct ss_type type;
        struct ss_value value;
    } rows[] = {
        {{SS_STRING, 0}, {.present = true, .text = {"\xff", 1}}},
        {{SS_STRING, 0}, {.present = true, .text = {"a\0b", 3}}},
        {{SS_DECIMAL, 2}, {.present = true, .i64 = INT64_MIN}},
        {{SS_TIMESTAMP, 0}, {.present = true, .i64 = INT64_MAX}},
        {{.id = SS_VECTOR, .length = 3}, {.present = true, .text = {"12345678", 8}}},
        {{.id = SS_LIST, .element = SS_INT64}, {.present = true, .text = {"\1\2", 2}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture *fixture = calloc(1, sizeof *fixture);
        struct ss_arena arena = {0};
        struct ss_error error;
        bool expired[2];
        struct ss_value values[2];
        fixture_begin(fixture);
        const int group = fixture_group(fixture, rows[i].type);
        fixture_aggregate(fixture, SS_AGG_LAST, group, SS_BOUND_ALL, 0, 0);
        fixture_end(fixture);
        const bool passes[2] = {true, true};
        const struct ss_value of_groups[2] = {{0}, rows[i].value};
        const struct ss_event event = {5, 1, passes, of_groups, NULL};
        struct ss_state *state = ss_state_create(&fixture->view, &arena);
        assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
        assert_int_equal(ss_state_read(state, 6, NULL, values, expired, &error), SS_DAMAGED);
        assert_non_null(strstr(error.message, "rebuild the view"));
        ss_arena_release(&arena);
        fixture_release(fixture);
        free(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_none_of_its_type_is_damage),
        cmocka_unit_test(lasts_of_the_newest_event_do_not_repeat_which_it_is),
        cmocka_unit_test(a_busy_month_stays_under_eight_kilobytes),
        cmocka_unit_test(damaged_bytes_are_reported_or_read_without_harm),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(golden_bytes_of_a_small_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
