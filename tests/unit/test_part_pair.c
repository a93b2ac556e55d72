// Sums over pairs: covariance, correlation and slope against exact rationals, of every mix of types.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_harness.h"
#include "rational_oracle.h"

#define MOST  60
#define PARTS (SS_PART_N | SS_PART_S1 | SS_PART_S2 | SS_PART_PAIR)

static const struct ss_type x_types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 2}, {SS_INT64, 0}};
static const struct ss_type y_types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 5}, {SS_INT64, 0}, {SS_TIMESTAMP, 0}};
static enum samples_kind values;

static struct ss_value random_value(struct samples *samples, struct ss_type type)
{
    struct ss_value value = {.present = true};
    if (type.id == SS_FLOAT64)
        value.f64 = samples_double(samples, values) + 0.0;
    else if (type.id == SS_TIMESTAMP)
        value.i64 = INT64_C(1767225600000000) + (int64_t)samples_below(samples, 1000000000);
    else if (samples_below(samples, 9) == 0)
        value.i64 = INT64_MIN;
    else
        value.i64 = (int64_t)samples_bits(samples) >> samples_below(samples, 64);
    return value;
}

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event = {.event_time_us = (int64_t)seq, .seq = seq};
    event.value = random_value(samples, kind->type);
    event.second = random_value(samples, kind->group->second_type);
    if (kind->type.id == SS_FLOAT64 && kind->group->second_type.id == SS_FLOAT64 &&
        samples_below(samples, 3) == 0)
        event.second.f64 = event.value.f64; // correlated
    return event;
}

static size_t random_events(struct samples *samples, const struct ss_group_kind *kind,
                            struct ss_group_event events[MOST])
{
    const size_t count = samples_below(samples, samples_below(samples, 2) ? 5 : MOST);
    values = (enum samples_kind)samples_below(samples, SAMPLES_KINDS);
    for (size_t i = 0; i < count; i++) events[i] = random_event(samples, kind, i);
    return count;
}

static struct ss_group group_of(int trial)
{
    const struct ss_group group = {
        .type = x_types[trial % 3], .has_second = true, .second_type = y_types[trial / 3 % 4]};
    return group;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("pairs", 311);
    for (int trial = 0; trial < 2400; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group group = group_of(trial);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        const size_t count = random_events(&samples, &kind, events);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, SS_PART_PAIR, events, count);
    }
}

struct deviations { // sums of products of deviations from the means
    mpq_t xx, yy, xy;
};

static void mean_of(mpq_t mean, struct ss_type type, const struct ss_group_event *events, size_t count,
                    bool second)
{
    mpq_t term;
    mpq_init(term);
    mpq_set_ui(mean, 0, 1);
    for (size_t i = 0; i < count; i++) {
        rational_of(term, type, second ? &events[i].second : &events[i].value);
        mpq_add(mean, mean, term);
    }
    mpq_set_ui(term, count ? count : 1, 1);
    mpq_div(mean, mean, term);
    mpq_clear(term);
}

static void deviations_of(struct deviations *sums, const struct ss_group_kind *kind,
                          const struct ss_group_event *events, size_t count)
{
    mpq_t x_mean, y_mean, x, y, product;
    mpq_inits(x_mean, y_mean, x, y, product, NULL);
    mean_of(x_mean, kind->type, events, count, false);
    mean_of(y_mean, kind->group->second_type, events, count, true);
    for (size_t i = 0; i < count; i++) {
        rational_of(x, kind->type, &events[i].value);
        rational_of(y, kind->group->second_type, &events[i].second);
        mpq_sub(x, x, x_mean);
        mpq_sub(y, y, y_mean);
        mpq_mul(product, x, x);
        mpq_add(sums->xx, sums->xx, product);
        mpq_mul(product, y, y);
        mpq_add(sums->yy, sums->yy, product);
        mpq_mul(product, x, y);
        mpq_add(sums->xy, sums->xy, product);
    }
    mpq_clears(x_mean, y_mean, x, y, product, NULL);
}

static void check_quotient(struct ss_value got, mpq_srcptr numerator, mpq_srcptr divisor)
{
    mpq_t exact;
    if (mpq_sgn(divisor) <= 0) {
        assert_false(got.present);
        return;
    }
    mpq_init(exact);
    mpq_div(exact, numerator, divisor);
    assert_true(is_nearest(exact, &got));
    mpq_clear(exact);
}

static void check(const struct ss_group_kind *kind, const struct ss_group_event *events, size_t count)
{
    struct deviations sums;
    mpq_t divisor, square;
    mpq_inits(sums.xx, sums.yy, sums.xy, divisor, square, NULL);
    deviations_of(&sums, kind, events, count);
    mpq_set_si(divisor, (long)count - 1, 1);
    check_quotient(member_value(kind, SS_AGG_COVAR, events, count), sums.xy, divisor);
    mpq_set_si(divisor, (long)count, 1);
    check_quotient(member_value(kind, SS_AGG_COVAR_POP, events, count), sums.xy, divisor);
    check_quotient(member_value(kind, SS_AGG_SLOPE, events, count), sums.xy, sums.yy);
    const struct ss_value correlation = member_value(kind, SS_AGG_CORR, events, count);
    mpq_mul(divisor, sums.xx, sums.yy);
    if (mpq_sgn(divisor) == 0) {
        assert_false(correlation.present);
    } else {
        mpq_mul(square, sums.xy, sums.xy);
        mpq_div(square, square, divisor);
        assert_true(is_nearest_root(square, mpq_sgn(sums.xy), &correlation));
    }
    mpq_clears(sums.xx, sums.yy, sums.xy, divisor, square, NULL);
}

static void values_are_exact_and_rounded_once(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("pairs read", 312);
    for (int trial = 0; trial < 1200; trial++) {
        struct ss_group_event events[MOST];
        struct ss_group group = group_of(trial);
        if (group.type.id == SS_DECIMAL) group.type.scale = (uint8_t)samples_below(&samples, 19);
        if (group.second_type.id == SS_DECIMAL)
            group.second_type.scale = (uint8_t)samples_below(&samples, 19);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        check(&kind, events, random_events(&samples, &kind, events));
    }
}

static void extremes_have_their_exact_values_too(void **unused)
{
    (void)unused;
    static const struct {
        size_t count;
        double values[4][2];
    } rows[] = {
        {0, {{0}}},
        {1, {{3, 4}}},
        {2, {{1, 2}, {2, 4}}},
        {2, {{1, 2}, {1, 4}}}, // x does not vary
        {2, {{1, 2}, {2, 2}}}, // y does not
        {3, {{1e308, -1e308}, {-1e308, 1e308}, {1e308, 1e308}}},
        {2, {{5e-324, 5e-324}, {0, 0}}},
        {3, {{5e-324, 1e308}, {0, -1e308}, {5e-324, 1}}},
        {3, {{1e9, 1e9}, {1e9 + 0x1p-20, 1e9 - 0x1p-20}, {1e9, 1e9}}},
        {4, {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}}}, // 0
        {3, {{0.1, 0.3}, {0.2, 0.6}, {0.3, 0.9}}},
        {3, {{1e308, 5e-324}, {-1e308, 0}, {0, 0}}}, // an infinite slope
    };
    const struct ss_group group = {
        .type = {SS_FLOAT64, 0}, .has_second = true, .second_type = {SS_FLOAT64, 0}};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_group_event events[4];
        for (size_t k = 0; k < rows[i].count; k++)
            events[k] = (struct ss_group_event){0,
                                                k,
                                                {.present = true, .f64 = rows[i].values[k][0]},
                                                {.present = true, .f64 = rows[i].values[k][1]}};
        check(&kind, events, rows[i].count);
    }
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    // y 3 2^-1; y y 9 2^-2; x y -21 2^-1
    static const uint8_t want[] = {0x02, 0x01, 0x03, 0x02, 0x00, 0x09, 0x03, 0x00, 0x15};
    const struct ss_group group = {.type = {SS_INT64, 0}, .has_second = true, .second_type = {SS_FLOAT64, 0}};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    const struct ss_group_event event = {0, 1, {.present = true, .i64 = -7}, {.present = true, .f64 = 1.5}};
    assert_member_bytes(&kind, SS_PART_PAIR, &event, 1, want, sizeof want);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("pairs damaged", 313);
    const struct ss_aggregate aggregate = {.fn = SS_AGG_CORR};
    for (int trial = 0; trial < 36; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group group = group_of(trial);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        size_t count;
        do count = random_events(&samples, &kind, events);
        while (count == 0);
        member_damage(&samples, &kind, SS_PART_PAIR, events, count);
        if (trial < 12) member_allocations(&kind, &aggregate, events, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(values_are_exact_and_rounded_once),
        cmocka_unit_test(extremes_have_their_exact_values_too),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
