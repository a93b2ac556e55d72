// Views of lasts read straight from bytes: what a state gives, or nothing.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "engine/lasts.h"
#include "tests/unit/samples.h"
#include "tests/unit/state_fixture.h"

#define GROUPS 7 // beside group 0

static const struct ss_type types[] = {{SS_BOOL, 0},
                                       {SS_INT64, 0},
                                       {SS_FLOAT64, 0},
                                       {SS_DECIMAL, 2},
                                       {SS_STRING, 0},
                                       {SS_TIMESTAMP, 0},
                                       {.id = SS_VECTOR, .length = 1}};

static void make_view(struct fixture *fixture, struct samples *samples)
{
    fixture_begin(fixture);
    const size_t groups = samples_below(samples, GROUPS + 1);
    for (size_t i = 0; i < groups; i++) {
        const int group = fixture_group(fixture, types[samples_below(samples, 7)]);
        fixture_aggregate(fixture, SS_AGG_LAST, group, SS_BOUND_ALL, 0, 0);
        if (samples_below(samples, 2))
            fixture_aggregate(fixture, SS_AGG_LAST, group, SS_BOUND_WITHIN,
                              1 + (int64_t)samples_below(samples, 100), 0);
    }
    fixture_end(fixture);
    assert_true(fixture->view.is_of_lasts);
}

static struct ss_value random_value(struct ss_type type, struct samples *samples)
{
    static const char letters[] =
        "the letters that texts of many lengths are made of, and of not so many too";
    const uint64_t bits = samples_below(samples, UINT64_C(1) << (1 + samples_below(samples, 50)));
    struct ss_value value = {.present = samples_below(samples, 5) != 0};
    if (!value.present) return value;
    if (type.id == SS_BOOL)
        value.boolean = bits & 1;
    else if (type.id == SS_FLOAT64)
        value.f64 = samples_below(samples, 2) ? (double)(int64_t)bits / 100 : -(double)bits / 3;
    else if (ss_type_is_text(type))
        value.text = (struct ss_bytes){letters, type.id == SS_VECTOR ? 4 : bits % sizeof letters};
    else
        value.i64 = (int64_t)bits - 1000;
    if (type.id == SS_FLOAT64 && value.f64 == 0) value.f64 = 0;
    return value;
}

static void add_events(struct ss_state *state, const struct fixture *fixture, struct samples *samples)
{
    const size_t events = samples_below(samples, 6);
    for (size_t e = 0; e < events; e++) {
        bool passes[FIXTURE_GROUPS];
        struct ss_value values[FIXTURE_GROUPS] = {{0}};
        for (size_t g = 0; g < fixture->view.group_count; g++) {
            passes[g] = g == 0 || samples_below(samples, 4) != 0;
            if (g > 0) values[g] = random_value(fixture->groups[g].type, samples);
        }
        const struct ss_event event = {(int64_t)samples_below(samples, 200) - 100, e + 1, passes, values,
                                       NULL};
        assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
    }
}

// Reads both ways. True: the bytes were of the common case.
static bool assert_same(const struct fixture *fixture, struct ss_bytes bytes, int64_t t_us)
{
    struct ss_arena arena = {0};
    struct ss_state *state;
    struct ss_error error;
    struct ss_group_end ends[FIXTURE_GROUPS] = {{0}};
    struct ss_value got[FIXTURE_AGGREGATES], want[FIXTURE_AGGREGATES];
    bool got_expired[FIXTURE_AGGREGATES], want_expired[FIXTURE_AGGREGATES];
    int64_t newest_us, want_us;
    uint64_t seq;
    const struct ss_lasts lasts = {&fixture->view, ends};
    const bool read = ss_lasts_read(&lasts, bytes, t_us, got, got_expired, &newest_us);
    if (read) {
        assert_int_equal(ss_state_decode(&fixture->view, bytes, &arena, &state, &error), SS_OK);
        assert_int_equal(ss_state_read(state, t_us, NULL, want, want_expired, &error), SS_OK);
        assert_false(ss_state_empty(state));
        assert_true(ss_state_newest(state, &want_us, &seq));
        assert_int_equal(newest_us, want_us);
        for (size_t a = 0; a < fixture->view.aggregate_count; a++) {
            assert_true(ss_value_equal(fixture->aggregates[a].type, got[a], want[a]));
            assert_int_equal(got_expired[a], want_expired[a]);
        }
    }
    ss_arena_release(&arena);
    return read;
}

static void lasts_from_bytes_are_those_of_the_state(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("lasts", 6);
    struct ss_buffer bytes = {0};
    for (int trial = 0; trial < 2000; trial++) {
        struct fixture *fixture = calloc(1, sizeof *fixture);
        struct ss_arena arena = {0};
        make_view(fixture, &samples);
        struct ss_state *state = ss_state_create(&fixture->view, &arena);
        add_events(state, fixture, &samples);
        ss_buffer_clear(&bytes);
        assert_int_equal(ss_state_encode(state, &bytes, NULL), SS_OK);
        char *exact = malloc(bytes.size); // so that a read past the end is seen
        memcpy(exact, bytes.data, bytes.size);
        const bool read = assert_same(fixture, (struct ss_bytes){exact, bytes.size}, 120);
        assert_int_equal(read, !ss_state_empty(state) && bytes.size >= 16);
        for (int flip = 0; flip < 50; flip++) {
            const size_t at = samples_below(&samples, bytes.size);
            exact[at] ^= (char)(1u << samples_below(&samples, 8));
            assert_same(fixture, (struct ss_bytes){exact, bytes.size}, 120);
            if (flip % 2) memcpy(exact, bytes.data, bytes.size);
        }
        free(exact);
        for (size_t size = 0; size < bytes.size; size++) {
            char *cut = malloc(size + !size);
            memcpy(cut, bytes.data, size);
            assert_false(assert_same(fixture, (struct ss_bytes){cut, size}, 120));
            free(cut);
        }
        ss_arena_release(&arena);
        fixture_release(fixture);
        free(fixture);
    }
    ss_buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lasts_from_bytes_are_those_of_the_state)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
