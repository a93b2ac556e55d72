// Sums of third and fourth powers: skew and kurtosis against exact rationals.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_harness.h"
#include "rational_oracle.h"

#define MOST  60
#define PARTS (SS_PART_N | SS_PART_S1 | SS_PART_S2 | SS_PART_HIGHER)

static const struct ss_type types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 2}, {SS_INT64, 0}};
static enum samples_kind values;

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event = {.event_time_us = (int64_t)seq, .seq = seq, .value = {.present = true}};
    if (kind->type.id == SS_FLOAT64) {
        event.value.f64 = samples_double(samples, values) + 0.0;
    } else {
        event.value.i64 = (int64_t)samples_bits(samples) >> samples_below(samples, 64);
        if (samples_below(samples, 9) == 0) event.value.i64 = INT64_MIN;
    }
    return event;
}

static size_t random_events(struct samples *samples, const struct ss_group_kind *kind,
                            struct ss_group_event events[MOST])
{
    const size_t count = samples_below(samples, samples_below(samples, 2) ? 8 : MOST);
    values = (enum samples_kind)samples_below(samples, SAMPLES_KINDS);
    for (size_t i = 0; i < count; i++) events[i] = random_event(samples, kind, i);
    return count;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("higher powers", 301);
    for (int trial = 0; trial < 2000; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, NULL};
        const size_t count = random_events(&samples, &kind, events);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, SS_PART_HIGHER, events, count);
    }
}

// m_k / m_2^(k / 2) from the deviations: skew is the root of n (sum d^3)^2 / (sum d^2)^3, kurtosis is
// n sum d^4 / (sum d^2)^2 - 3.
static bool moments_of(const struct ss_group_kind *kind, const struct ss_group_event *events, size_t count,
                       mpq_t skew_square, int *skew_sign, mpq_t kurtosis)
{
    mpq_t mean, deviation, power, n, sums[5];
    mpq_inits(mean, deviation, power, n, NULL);
    mpq_set_ui(n, count, 1);
    for (int k = 2; k <= 4; k++) mpq_init(sums[k]);
    for (size_t i = 0; i < count; i++) {
        rational_of(power, kind->type, &events[i].value);
        mpq_add(mean, mean, power);
    }
    mpq_div(mean, mean, n);
    for (size_t i = 0; i < count; i++) {
        rational_of(deviation, kind->type, &events[i].value);
        mpq_sub(deviation, deviation, mean);
        mpq_set(power, deviation);
        for (int k = 2; k <= 4; k++) {
            mpq_mul(power, power, deviation);
            mpq_add(sums[k], sums[k], power);
        }
    }
    const bool varies = mpq_sgn(sums[2]) != 0;
    if (varies) {
        *skew_sign = mpq_sgn(sums[3]);
        mpq_mul(power, sums[2], sums[2]);
        mpq_mul(sums[4], sums[4], n);
        mpq_div(kurtosis, sums[4], power);
        mpq_set_ui(mean, 3, 1);
        mpq_sub(kurtosis, kurtosis, mean);
        mpq_mul(power, power, sums[2]);
        mpq_mul(sums[3], sums[3], sums[3]);
        mpq_mul(sums[3], sums[3], n);
        mpq_div(skew_square, sums[3], power);
    }
    for (int k = 2; k <= 4; k++) mpq_clear(sums[k]);
    mpq_clears(mean, deviation, power, n, NULL);
    return varies;
}

static void check(const struct ss_group_kind *kind, const struct ss_group_event *events, size_t count)
{
    mpq_t skew_square, kurtosis;
    int sign = 0;
    mpq_inits(skew_square, kurtosis, NULL);
    const struct ss_value skew = member_value(kind, SS_AGG_SKEW, events, count);
    const struct ss_value excess = member_value(kind, SS_AGG_KURTOSIS, events, count);
    if (count && moments_of(kind, events, count, skew_square, &sign, kurtosis)) {
        assert_true(is_nearest_root(skew_square, sign, &skew));
        assert_true(is_nearest(kurtosis, &excess));
    } else {
        assert_false(skew.present || excess.present);
    }
    mpq_clears(skew_square, kurtosis, NULL);
}

static void skew_and_kurtosis_are_the_exact_values_rounded_once(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("skew and kurtosis", 302);
    for (int trial = 0; trial < 900; trial++) {
        struct ss_group_event events[MOST];
        struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, NULL};
        if (kind.type.id == SS_DECIMAL) kind.type.scale = (uint8_t)samples_below(&samples, 19);
        check(&kind, events, random_events(&samples, &kind, events));
    }
}

static void extremes_have_their_exact_values_too(void **unused)
{
    (void)unused;
    static const struct {
        size_t count;
        double values[5];
    } rows[] = {
        {0, {0}},
        {1, {3}},
        {2, {1, 2}},
        {4, {0.1, 0.1, 0.1, 0.1}},
        {3, {0, 0, 0}},
        {3, {1e308, -1e308, 1e308}},
        {3, {5e-324, 0, 0}},
        {4, {5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1}},
        {4, {1e9, 1e9 + 0x1p-20, 1e9, 1e9}},
        {5, {1, 2, 3, 4, 5}}, // skew 0
        {5, {-1, -1, 0, 1, 1}},
        {4, {0, 0, 0, 1e-300}},
    };
    const struct ss_group_kind kind = {{SS_FLOAT64, 0}, true, PARTS, 0, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_group_event events[5];
        for (size_t k = 0; k < rows[i].count; k++)
            events[k] = (struct ss_group_event){0, k, {.present = true, .f64 = rows[i].values[k]}};
        check(&kind, events, rows[i].count);
    }
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    static const uint8_t want[] = {0x02, 0x05, 0x1b, 0x02, 0x00, 0x51}; // 27 2^-3, 81 2^-4
    const struct ss_group_kind kind = {{SS_FLOAT64, 0}, true, PARTS, 0, NULL};
    const struct ss_group_event event = {0, 1, {.present = true, .f64 = 1.5}};
    assert_member_bytes(&kind, SS_PART_HIGHER, &event, 1, want, sizeof want);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("higher powers damaged", 303);
    const struct ss_aggregate aggregate = {.fn = SS_AGG_KURTOSIS};
    for (int trial = 0; trial < 30; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group_kind kind = {types[trial % 3], true, PARTS, 0, NULL};
        size_t count;
        do count = random_events(&samples, &kind, events);
        while (count == 0);
        member_damage(&samples, &kind, SS_PART_HIGHER, events, count);
        if (trial < 9) member_allocations(&kind, &aggregate, events, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(skew_and_kurtosis_are_the_exact_values_rounded_once),
        cmocka_unit_test(extremes_have_their_exact_values_too),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
