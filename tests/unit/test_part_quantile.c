// Quantiles: a multiset of up to 64 values, then a sketch whose level is a function of the multiset.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gmp.h>

#include "engine/base/hash.h"
#include "engine/quantile_sketch.h"
#include "member_samples.h"

#define MOST  1200
#define PARTS (SS_PART_N | SS_PART_QUANTILE)

static const struct ss_group group = {.first_k = 0};
static const struct ss_type types[] = {{.id = SS_FLOAT64}, {.id = SS_DECIMAL, .scale = 2}, {.id = SS_INT64}};
static enum samples_kind values;

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event = {.event_time_us = (int64_t)seq, .seq = seq, .value = {.present = true}};
    if (kind->type.id == SS_FLOAT64)
        event.value.f64 = samples_double(samples, values) + 0.0;
    else if (kind->type.id == SS_INT64)
        event.value.i64 = (int64_t)samples_bits(samples) >> samples_below(samples, 64);
    else
        event.value.i64 =
            (int64_t)samples_bits(samples) % INT64_C(1000000000000000000) >> samples_below(samples, 60);
    return event;
}

// Counts about the switch to the sketch and beyond.
static size_t random_events(struct samples *samples, const struct ss_group_kind *kind, size_t most,
                            struct ss_group_event *events)
{
    size_t count = 1 + samples_below(samples, most);
    if (samples_below(samples, 3) == 0) count = 60 + samples_below(samples, 9);
    values = (enum samples_kind)samples_below(samples, SAMPLES_KINDS);
    for (size_t i = 0; i < count; i++) events[i] = random_event(samples, kind, i);
    return count;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("quantile", 431);
    static struct ss_group_event events[MOST];
    for (int trial = 0; trial < 600; trial++) {
        const struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, &group};
        const size_t count = random_events(&samples, &kind, trial % 8 ? 130 : MOST, events);
        member_any_order(&samples, &kind, random_event, events, count);
        if (count < 200) member_take_back(&samples, &kind, SS_PART_QUANTILE, events, count);
    }
}

// ---- By the definition

static int64_t naive_key(struct ss_type type, const struct ss_value *value)
{
    double real = value->f64;
    int64_t bits;
    if (type.id == SS_INT64) real = (double)value->i64;
    if (type.id ==
        SS_DECIMAL) { // m / 100 is within half an ulp of a = the truncated quotient, or its neighbour
        mpq_t exact, low, high;
        mpq_inits(exact, low, high, NULL);
        mpq_set_si(exact, value->i64, 100);
        mpq_canonicalize(exact);
        real = mpq_get_d(exact); // truncates
        memcpy(&bits, &real, sizeof bits);
        int64_t away = bits + 1; // of the same sign, farther from 0
        double next;
        memcpy(&next, &away, sizeof next);
        mpq_set_d(low, real);
        mpq_set_d(high, next);
        mpq_sub(low, exact, low);
        mpq_sub(high, high, exact);
        mpq_abs(low, low);
        mpq_abs(high, high);
        const int order = mpq_cmp(low, high);
        if (order > 0 || (order == 0 && bits % 2)) real = next;
        mpq_clears(exact, low, high, NULL);
    }
    memcpy(&bits, &real, sizeof bits);
    return bits < 0 ? -(bits & INT64_MAX) - 1 : bits;
}

static int by_key(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t floor_shift(int64_t key, unsigned shift)
{
    const int64_t size = INT64_C(1) << shift;
    return key / size - (key % size < 0);
}

static unsigned naive_level(const int64_t *keys, size_t count)
{
    for (unsigned level = 0;; level++) {
        size_t different = 1;
        for (size_t i = 1; i < count; i++)
            different += floor_shift(keys[i], 45 + level) != floor_shift(keys[i - 1], 45 + level);
        if (different <= 256) return level;
    }
}

static double double_of(int64_t key)
{
    double value;
    const int64_t bits = key < 0 ? (-(key + 1)) | INT64_MIN : key;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double naive_quantile(const int64_t *keys, size_t count, size_t rank)
{
    if (count <= 64) return double_of(keys[rank]);
    const unsigned level = naive_level(keys, count);
    const int64_t bucket = floor_shift(keys[rank], 45 + level);
    if (bucket == 0) return 0;
    return double_of(bucket * (INT64_C(1) << (45 + level)) + (INT64_C(1) << (44 + level)));
}

static void check(const struct ss_group_kind *kind, const struct ss_group_event *events, size_t count)
{
    static const struct {
        int64_t probability;
        uint8_t scale;
    } points[] = {{0, 0}, {1, 0}, {5, 1}, {25, 2}, {95, 2}, {999, 3}, {1, 18}, {999999999999999999, 18}};
    static int64_t keys[MOST];
    struct ss_arena arena = {0};
    struct ss_group_state state = sample_state(kind, events, count, &arena);
    for (size_t i = 0; i < count; i++) keys[i] = naive_key(kind->type, &events[i].value);
    qsort(keys, count, sizeof *keys, by_key);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        __extension__ const unsigned __int128 product =
            (unsigned __int128)points[i].probability * (count - 1);
        uint64_t unit = 1;
        for (unsigned k = 0; k < points[i].scale; k++) unit *= 10;
        const double want = naive_quantile(keys, count, (size_t)(product / unit));
        const struct ss_aggregate aggregate = {.fn = i == 2 ? SS_AGG_MEDIAN : SS_AGG_QUANTILE,
                                               .probability = points[i].probability,
                                               .probability_scale = points[i].scale};
        const struct ss_value got = sample_read(&state, kind, &aggregate, &arena);
        assert_int_equal(got.present, want - want == 0); // above the greatest double: null
        if (got.present) assert_memory_equal(&got.f64, &want, sizeof want);
    }
    ss_arena_release(&arena);
}

static void values_are_those_of_the_definition(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("quantile naive", 432);
    static struct ss_group_event events[MOST];
    for (int trial = 0; trial < 900; trial++) {
        const struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, &group};
        check(&kind, events, random_events(&samples, &kind, trial % 8 ? 130 : MOST, events));
    }
}

static void sixty_four_values_are_exact_and_one_more_is_a_sketch(void **unused)
{
    (void)unused;
    const struct ss_group_kind kind = {{.id = SS_INT64}, true, PARTS, 0, &group};
    const struct ss_aggregate median = {.fn = SS_AGG_MEDIAN, .probability = 5, .probability_scale = 1};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    struct ss_group_event event = {.value = {.present = true}};
    enum ss_group_removal removal;
    for (int64_t i = 0; i < 64; i++) {
        event.value.i64 = 1000 + i;
        assert_true(ss_group_add(&state, &kind, &event, &arena));
    }
    assert_true(sample_read(&state, &kind, &median, &arena).f64 == 1031);
    assert_true(ss_group_add(&state, &kind, &event, &arena));
    assert_true(sample_read(&state, &kind, &median, &arena).f64 == 1036); // the middle of 1032 .. 1040
    assert_true(ss_group_remove(&state, &kind, &event, &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD); // 64 would be exact
    ss_arena_release(&arena);
}

static struct ss_group_event float_event(double value)
{
    return (struct ss_group_event){.value = {.present = true, .f64 = value}};
}

// Powers of two times 1 + i / 128 have a bucket each at level 0, two share one at level 1.
static void two_hundred_and_fifty_six_buckets_fit_and_one_more_raises_the_level(void **unused)
{
    (void)unused;
    const struct ss_group_kind kind = {{.id = SS_FLOAT64}, true, PARTS, 0, &group};
    const struct ss_aggregate least = {.fn = SS_AGG_QUANTILE};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    struct ss_group_event event;
    enum ss_group_removal removal;
    for (int i = 0; i < 256; i++) {
        event = float_event((i < 128 ? 1 : 2) * (1 + (i % 128) / 128.0));
        assert_true(ss_group_add(&state, &kind, &event, &arena));
    }
    assert_true(sample_read(&state, &kind, &least, &arena).f64 == 1 + 1 / 256.0);
    event = float_event(4);
    assert_true(ss_group_add(&state, &kind, &event, &arena));
    assert_true(sample_read(&state, &kind, &least, &arena).f64 == 1 + 1 / 128.0);
    assert_true(ss_group_remove(&state, &kind, &event, &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD);
    ss_arena_release(&arena);
}

static void zero_and_its_neighbours_read_as_zero(void **unused)
{
    (void)unused;
    const struct ss_group_kind kind = {{.id = SS_FLOAT64}, true, PARTS, 0, &group};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    for (int i = 0; i < 70; i++) {
        const struct ss_group_event event = float_event(i < 35 ? 0.0 : 5e-324);
        assert_true(ss_group_add(&state, &kind, &event, &arena));
    }
    const struct ss_value value =
        sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_QUANTILE, .probability = 1}, &arena);
    static const double zero = 0.0;
    assert_true(value.present);
    assert_memory_equal(&value.f64, &zero, sizeof zero); // no minus zero
    ss_arena_release(&arena);
}

// At level 8 a bucket has two octaves; the middle of the highest one is above the greatest double.
static void a_middle_above_the_greatest_double_is_null(void **unused)
{
    (void)unused;
    const struct ss_group_kind kind = {{.id = SS_FLOAT64}, true, PARTS, 0, &group};
    struct ss_aggregate aggregate = {.fn = SS_AGG_QUANTILE, .probability = 1};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    double power = 0x1p1023;
    for (int i = 0; i < 300; i++, power /= 2) {
        const struct ss_group_event event = float_event(power);
        assert_true(ss_group_add(&state, &kind, &event, &arena));
    }
    assert_false(sample_read(&state, &kind, &aggregate, &arena).present);
    aggregate = (struct ss_aggregate){.fn = SS_AGG_QUANTILE, .probability = 99, .probability_scale = 2};
    assert_true(sample_read(&state, &kind, &aggregate, &arena).f64 == 0x1p1020);
    ss_arena_release(&arena);
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    struct ss_group_kind kind = {{.id = SS_INT64}, true, PARTS, 0, &group};
    struct ss_group_event events[66];
    static const uint8_t exact[] = {0x03, 0x03, 0x07, 0x00},
                         sketch[] = {0x41, 0x00, 0x02, 0x80, 0xfe, 0x0f, 0x41, 0x7f, 0x01};
    for (int i = 0; i < 3; i++)
        events[i] = (struct ss_group_event){.value = {.present = true, .i64 = i ? 5 : -2}};
    assert_member_bytes(&kind, SS_PART_QUANTILE, events, 3, exact, sizeof exact);
    kind.type.id = SS_FLOAT64;
    for (int i = 0; i < 66; i++) events[i] = float_event(i == 9 ? 2 : 1);
    assert_member_bytes(&kind, SS_PART_QUANTILE, events, 66, sketch, sizeof sketch);
}

static void golden_vectors(void **unused)
{
    (void)unused;
    static const struct {
        enum ss_type_id type;
        int count;
        uint64_t hash;
        double median;
    } rows[] = {
        {SS_INT64, 1000, UINT64_C(0x9cb72b43352aa330), 500},                        // 0 .. 999
        {SS_FLOAT64, 1000, UINT64_C(0x515e7c812ee4f2ba), -6.1098727269992087e-151}, // (-2)^-500 .. (-2)^499
        {SS_DECIMAL, 100000, UINT64_C(0x6910cff093755421), 504},                    // 0.00 .. 999.99
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const struct ss_group_kind kind = {
            {.id = rows[row].type, .scale = rows[row].type == SS_DECIMAL ? 2 : 0},
            true,
            SS_PART_N | SS_PART_QUANTILE,
            0,
            &group};
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        struct ss_group_state state = {0};
        double power = 0x1p-500;
        for (int i = 0; i < rows[row].count; i++, power *= -2) {
            struct ss_group_event event = float_event(power);
            if (kind.type.id != SS_FLOAT64) event.value = (struct ss_value){.present = true, .i64 = i};
            assert_true(ss_group_add(&state, &kind, &event, &arena));
        }
        const struct ss_member *member = ss_members[__builtin_ctz(SS_PART_QUANTILE) - SS_MEMBER_BIT];
        member->encode(ss_member_of(&state, SS_PART_QUANTILE), &kind, &bytes);
        const struct ss_value median = sample_read(
            &state, &kind,
            &(struct ss_aggregate){.fn = SS_AGG_MEDIAN, .probability = 5, .probability_scale = 1}, &arena);
        assert_true(ss_hash64(bytes.data, bytes.size) == rows[row].hash);
        assert_true(median.f64 == rows[row].median);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("quantile damaged", 433);
    static struct ss_group_event events[MOST];
    const struct ss_aggregate aggregate = {.fn = SS_AGG_MEDIAN, .probability = 5, .probability_scale = 1};
    for (int trial = 0; trial < 60; trial++) {
        const struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, &group};
        const size_t count = random_events(&samples, &kind, trial % 8 ? 130 : 600, events);
        if (trial < 12) member_allocations(&kind, &aggregate, events, count < 130 ? count : 130);
        if (kind.type.id != SS_FLOAT64 || count > 64)
            member_damage(&samples, &kind, SS_PART_QUANTILE, events, count);
    }
}

static void sketches_that_no_values_make_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        size_t size;
        uint8_t bytes[12];
    } rows[] = {
        {1, {0}},                                     // no value
        {2, {3, 2}},                                  // one of three
        {6, {0x41, 0, 1, 2, 0x40, 0}},                // a byte too many, and of 64 values
        {5, {0x41, 0, 1, 2, 0x40}},                   // of 64 values
        {3, {0x41, 0, 0}},                            // no bucket
        {6, {0x41, 1, 1, 2, 0xff, 0x7f}},             // a level above what one bucket needs
        {6, {0x41, 12, 1, 2, 0xff, 0x7f}},            // no such level
        {8, {0x41, 0, 1, 0x80, 0x80, 0x20, 0xff, 1}}, // a bucket above all
        {8, {0x41, 0, 2, 2, 0, 0, 0xff, 1}},          // an empty bucket
    };
    const struct ss_group_kind kind = {{.id = SS_FLOAT64}, true, PARTS, 0, &group};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_member_refuses(&kind, SS_PART_QUANTILE, rows[i].bytes, rows[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(values_are_those_of_the_definition),
        cmocka_unit_test(sixty_four_values_are_exact_and_one_more_is_a_sketch),
        cmocka_unit_test(two_hundred_and_fifty_six_buckets_fit_and_one_more_raises_the_level),
        cmocka_unit_test(zero_and_its_neighbours_read_as_zero),
        cmocka_unit_test(a_middle_above_the_greatest_double_is_null),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(golden_vectors),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
        cmocka_unit_test(sketches_that_no_values_make_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
