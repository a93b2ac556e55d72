// Finalisers of moments where their members do not lead: ties, the ends of the doubles, damaged sums.

#include "engine/finalise_moments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rational_oracle.h"
#include "samples.h"

static void set(struct ss_exact *number, double value, struct ss_arena *arena)
{
    ss_exact_clear(number);
    assert_true(ss_exact_add_double(number, value, false, arena));
}

static struct ss_value scaled(double sum, uint64_t factor, int64_t exponent, unsigned scale)
{
    struct ss_arena arena = {0};
    struct ss_exact number = {0};
    struct ss_value value = {0};
    set(&number, sum, &arena);
    value.present = ss_finalise_scaled(&number, factor, exponent, scale, &value.f64);
    ss_arena_release(&arena);
    return value;
}

static void products_round_once_everywhere(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("scaled", 331);
    mpq_t exact, divisor;
    mpq_inits(exact, divisor, NULL);
    for (int trial = 0; trial < 20000; trial++) {
        const double sum = samples_double(&samples, (enum samples_kind)(trial % SAMPLES_KINDS)) + 0.0;
        const uint64_t factor = samples_bits(&samples) >> samples_below(&samples, 60);
        const unsigned scale = (unsigned)samples_below(&samples, 19);
        int64_t exponent = (int64_t)samples_below(&samples, 200) - 100;
        if (trial % 4 == 0 && sum != 0) { // to where the subnormal numbers are
            int of;
            (void)__builtin_frexp(sum, &of);
            exponent = -1074 - of - 64 + (int64_t)samples_below(&samples, 80);
        }
        mpq_set_d(exact, sum);
        mpq_set_ui(divisor, factor, 1);
        mpq_mul(exact, exact, divisor);
        mpz_ui_pow_ui(mpq_numref(divisor), 10, scale);
        mpq_div(exact, exact, divisor);
        rational_shift(exact, (long)exponent);
        const struct ss_value got = scaled(sum, factor, exponent, scale);
        if (!is_nearest(exact, &got))
            fail_msg("%a * %llu * 2^%lld / 10^%u: %a", sum, (unsigned long long)factor, (long long)exponent,
                     scale, got.f64);
    }
    mpq_clears(exact, divisor, NULL);
}

static void ties_go_to_even_and_the_ends_are_exact(void **unused)
{
    (void)unused;
    static const struct {
        double sum;
        uint64_t factor;
        int64_t exponent;
        bool present;
        double want;
    } rows[] = {
        {0, 7, 3, true, 0},
        {1, 1, 1023, true, 0x1p1023},
        {1, 1, 1024, false, 0},
        {1, (UINT64_C(1) << 54) - 1, 970, false, 0}, // halfway from the greatest to 2^1024
        {1, (UINT64_C(1) << 54) - 2, 970, true, 0x1.fffffffffffffp1023},
        {0x1.ffffffffffffp52, ((UINT64_C(1) << 54) - 1), -53, true, 0x1.ffffffffffffp53},
        {1, 1, -1074, true, 0x1p-1074},
        {1, 1, -1075, true, 0}, // tie
        {-1, 1, -1075, true, 0},
        {1, 3, -1075, true, 0x1p-1073}, // tie
        {1, 5, -1075, true, 0x1p-1073}, // tie
        {-1, 5, -1076, true, -0x1p-1074},
        {1, (UINT64_C(1) << 62) + 1, -1075 - 62, true, 0x1p-1074}, // just above the tie
        {1, UINT64_MAX, -1075 - 64, true, 0},                      // just below it
        {1, 1, -1076, true, 0},
        {1, 1, -(INT64_C(1) << 40), true, 0},
        {1, 1, INT64_C(1) << 40, false, 0},
        {1, (UINT64_C(1) << 53) + 1, 0, true, 0x1p53},
        {1, (UINT64_C(1) << 53) + 3, 0, true, 0x1.0000000000002p53},
        {1, (UINT64_C(1) << 54) - 1, 0, true, 0x1p54}, // carries into the exponent
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ss_value got = scaled(rows[i].sum, rows[i].factor, rows[i].exponent, 0);
        if (got.present != rows[i].present ||
            (got.present && memcmp(&got.f64, &rows[i].want, sizeof got.f64) != 0))
            fail_msg("row %zu: %s%a, not %a", i, got.present ? "" : "null ", got.f64, rows[i].want);
    }
}

// 2^53 + 1 over 1 is a tie; and a hair above it and below.
static void a_quotient_just_above_a_tie_rounds_up(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_exact a = {0}, b = {0};
    double value;
    set(&a, 0x1p53, &arena);
    assert_true(ss_exact_add_int64(&a, 1, false, &arena));
    set(&b, 1, &arena);
    assert_true(ss_finalise_ratio(&a, &b, 0, &value) && value == 0x1p53);
    assert_true(ss_exact_add_double(&a, 0x1p-1074, false, &arena));
    assert_true(ss_finalise_ratio(&a, &b, 0, &value) && value == 0x1p53 + 2);
    assert_true(ss_exact_add_double(&a, 0x1p-1073, true, &arena));
    assert_true(ss_finalise_ratio(&a, &b, 0, &value) && value == 0x1p53);
    set(&b, 0, &arena);
    assert_false(ss_finalise_ratio(&a, &b, 0, &value));
    set(&b, -1, &arena);
    assert_false(ss_finalise_ratio(&a, &b, 0, &value));
    ss_arena_release(&arena);
}

// (2^53 + 3) / 2^30 is a tie; one bit more or less in what it is divided by, and it is none.
static void a_root_on_a_tie_goes_to_even(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_exact zero = {0}, c = {0}, a = {0}, ay = {0};
    const struct ss_pair_sums sums = {&zero, &a, &zero, &ay, &c, 1, 0, 0};
    double value;
    set(&c, 0x1p53, &arena);
    assert_true(ss_exact_add_int64(&c, 3, false, &arena));
    set(&a, 0x1p30, &arena);
    set(&ay, 0x1p30, &arena);
    assert_true(ss_finalise_correlation(&sums, &value) && value == 0x1.0000000000002p23);
    assert_true(ss_exact_add_double(&ay, 0x1p-900, false, &arena));
    assert_true(ss_finalise_correlation(&sums, &value) && value == 0x1.0000000000001p23);
    assert_true(ss_exact_add_double(&ay, 0x1p-899, true, &arena));
    assert_true(ss_finalise_correlation(&sums, &value) && value == 0x1.0000000000002p23);
    ss_arena_release(&arena);
}

// All bits from the least that an exact number may hold up to 2^end: no events have such sums, a damaged
// state may.
static void fill(struct ss_exact *number, int32_t end, bool negative, struct ss_arena *arena)
{
    const uint64_t limb = UINT64_MAX;
    for (int32_t at = SS_EXACT_LOWEST_EXPONENT; at + 64 <= end; at += 64)
        assert_true(ss_exact_add_limbs(number, &limb, 1, at, negative, arena));
    assert_true(ss_exact_add_limbs(number, &limb, 1, end - 64, negative, arena));
}

static void damaged_sums_give_something_or_null(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_exact sums[4] = {{0}};
    double value;
    fill(&sums[0], SS_EXACT_HIGHEST_EXPONENT, false, &arena);
    fill(&sums[1], SS_EXACT_HIGHEST_EXPONENT, true, &arena);
    fill(&sums[2], SS_EXACT_HIGHEST_EXPONENT / 2, false,
         &arena); // whose square is less than n times the first
    set(&sums[3], 3, &arena);
    for (int mask = 0; mask < 1024; mask++) {
        const struct ss_exact *picks[5];
        for (int k = 0; k < 5; k++) picks[k] = &sums[mask >> (2 * k) & 3];
        const struct ss_pair_sums pair = {picks[0], picks[1],  picks[2], picks[3],
                                          picks[4], INT64_MAX, 18,       18};
        (void)ss_finalise_skew(picks, INT64_MAX, &value);
        (void)ss_finalise_kurtosis(picks, INT64_MAX, &value);
        (void)ss_finalise_covariance(&pair, mask % 2, &value);
        (void)ss_finalise_correlation(&pair, &value);
        (void)ss_finalise_slope(&pair, &value);
        (void)ss_finalise_ratio(picks[0], picks[1], 18, &value);
        (void)ss_finalise_scaled(picks[0], UINT64_MAX, 1000, 18, &value);
    }
    // squares below zero: no variance
    const struct ss_exact *const moments[4] = {&sums[3], &sums[1], &sums[3], &sums[3]};
    assert_false(ss_finalise_skew(moments, 4, &value));
    assert_false(ss_finalise_kurtosis(moments, 4, &value));
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_round_once_everywhere),
        cmocka_unit_test(ties_go_to_even_and_the_ends_are_exact),
        cmocka_unit_test(a_quotient_just_above_a_tie_rounds_up),
        cmocka_unit_test(a_root_on_a_tie_goes_to_even),
        cmocka_unit_test(damaged_sums_give_something_or_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
