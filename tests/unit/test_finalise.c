// Finalisers against MPFR: every kind of terms, every result by its bits.

#include "engine/finalise.h"

#include <math.h>
#include <mpfr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "moments_oracle.h"
#include "samples.h"

static void assert_same(bool present, double got, double want, const char *what)
{
    const bool finite = want - want == 0;
    if (present != finite || (finite && memcmp(&got, &want, sizeof got) != 0))
        fail_msg("%s: got %s%a, want %a", what, present ? "" : "null ", got, want);
}

static void check(const struct moments_terms *set)
{
    struct ss_arena arena = {0};
    struct ss_exact s1 = {0}, s2 = {0};
    const struct moments expected = moments_of(set);
    double value;
    for (size_t i = 0; i < set->count; i++) {
        if (set->integers) {
            assert_true(ss_exact_add_int64(&s1, set->scaled[i], false, &arena));
            assert_true(ss_exact_add_int64_squared(&s2, set->scaled[i], false, &arena));
        } else {
            assert_true(ss_exact_add_double(&s1, set->reals[i], false, &arena));
            assert_true(ss_exact_add_double_squared(&s2, set->reals[i], false, &arena));
        }
    }
    bool present = ss_finalise_double(&s1, &value);
    assert_same(present, value, expected.sum, "sum");
    present = ss_finalise_mean(&s1, set->count, set->scale, &value);
    assert_same(present, value, expected.mean, "mean");
    if (set->count > 1) {
        present = ss_finalise_variance(&s1, &s2, set->count, false, set->scale, &value);
        assert_same(present, value, expected.variance, "variance");
        present = ss_finalise_stddev(&s1, &s2, set->count, false, set->scale, &value);
        assert_same(present, value, expected.stddev, "stddev");
    }
    ss_arena_release(&arena);
}

static void doubles_of_every_kind_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("finalise doubles", 11);
    for (int trial = 0; trial < 1800; trial++) {
        double reals[40];
        struct moments_terms set = {.count = 1 + samples_below(&samples, trial % 2 ? 6 : 40), .reals = reals};
        for (size_t i = 0; i < set.count; i++)
            reals[i] = samples_double(&samples, (enum samples_kind)(trial % SAMPLES_KINDS));
        check(&set);
    }
    mpfr_free_cache();
}

static void integers_and_decimals_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("finalise integers", 12);
    for (int trial = 0; trial < 1500; trial++) {
        int64_t scaled[40];
        struct moments_terms set = {
            .count = 1 + samples_below(&samples, 40), .integers = true, .scaled = scaled};
        set.scale = (unsigned)samples_below(&samples, 19);
        const unsigned shift = (unsigned)samples_below(&samples, 64);
        for (size_t i = 0; i < set.count; i++) {
            scaled[i] = (int64_t)samples_bits(&samples) >> shift;
            if (samples_below(&samples, 9) == 0)
                scaled[i] = samples_below(&samples, 2) ? INT64_MAX : INT64_MIN;
        }
        check(&set);
    }
    mpfr_free_cache();
}

// Products of the least doubles: variances and means far below the normals, on and beside their ties.
static void subnormal_results_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("finalise subnormal", 13);
    for (int trial = 0; trial < 1500; trial++) {
        double reals[40];
        struct moments_terms set = {.count = 2 + samples_below(&samples, 4), .reals = reals};
        const int exponent = -545 + (int)samples_below(&samples, 40);
        for (size_t i = 0; i < set.count; i++)
            reals[i] = trial % 3 ? samples_scaled(&samples, exponent)
                                 : samples_from_bits(samples_below(&samples, 9));
        check(&set);
    }
    mpfr_free_cache();
}

static void check_sums(const struct moments_limbs *sum, const struct moments_limbs *squares, uint64_t n,
                       unsigned scale)
{
    struct ss_arena arena = {0};
    struct ss_exact s1 = {0}, s2 = {0};
    const struct moments expected = moments_of_sums(sum, squares, n, scale);
    double value;
    assert_true(ss_exact_add_limbs(&s1, sum->limbs, MOMENTS_LIMBS, sum->exponent, sum->negative, &arena));
    assert_true(ss_exact_add_limbs(&s2, squares->limbs, MOMENTS_LIMBS, squares->exponent, false, &arena));
    bool present = ss_finalise_double(&s1, &value);
    assert_same(present, value, expected.sum, "sum");
    present = ss_finalise_mean(&s1, n, scale, &value);
    assert_same(present, value, expected.mean, "mean");
    if (n > 1) {
        present = ss_finalise_variance(&s1, &s2, n, false, scale, &value);
        assert_same(present, value, expected.variance, "variance");
        present = ss_finalise_stddev(&s1, &s2, n, false, scale, &value);
        assert_same(present, value, expected.stddev, "stddev");
    }
    ss_arena_release(&arena);
}

// Up to `most` limbs, with runs of ones and zeros, and how many bits as may be.
static struct moments_limbs random_limbs(struct samples *samples, unsigned most, int exponent)
{
    struct moments_limbs number = {.exponent = exponent};
    const unsigned bits = 1 + (unsigned)samples_below(samples, 64 * most);
    for (unsigned i = 0; i < (bits + 63) / 64; i++) {
        const uint64_t kind = samples_below(samples, 4);
        number.limbs[i] = kind == 0 ? 0 : kind == 1 ? UINT64_MAX : samples_bits(samples);
        if (64 * (i + 1) > bits) number.limbs[i] &= UINT64_MAX >> (64 * (i + 1) - bits);
    }
    return number;
}

static uint64_t random_count(struct samples *samples)
{
    static const uint64_t edges[] = {
        1, 2, 3, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, INT64_MAX - 1, (uint64_t)INT64_MAX + 1};
    if (samples_below(samples, 6) == 0) return edges[samples_below(samples, sizeof edges / sizeof *edges)];
    return 1 + (samples_bits(samples) >> (1 + samples_below(samples, 63)));
}

// Sums of any size on any base, counts up to 2^63, every scale: fast ways, their borders and what lies
// beyond.
static void sums_of_any_size_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("finalise sums", 14);
    for (int trial = 0; trial < 20000; trial++) {
        const int exponent = trial % 3 ? 0 : (int)samples_below(&samples, 300) - 200;
        const int skewed = trial % 4 ? 2 * exponent : (int)samples_below(&samples, 600) - 400;
        struct moments_limbs sum = random_limbs(&samples, 1 + (unsigned)trial % 4, exponent);
        const struct moments_limbs squares = random_limbs(&samples, 1 + (unsigned)trial % 4, skewed);
        sum.negative = samples_below(&samples, 2);
        check_sums(&sum, &squares, random_count(&samples), (unsigned)samples_below(&samples, 19));
    }
    mpfr_free_cache();
}

// S2 beside S1^2 / n: the spread is 0, one unit, or negative as only damage makes it.
static void spreads_beside_zero_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("finalise spreads", 15);
    for (int trial = 0; trial < 20000; trial++) {
        struct moments_limbs sum = {.exponent = trial % 2 ? 0 : -64},
                             squares = {.exponent = 2 * sum.exponent};
        const uint64_t n = random_count(&samples);
        const uint64_t s1 = samples_bits(&samples) >> samples_below(&samples, 64);
        __extension__ unsigned __int128 s2 = s1;
        s2 = s2 * s1 / n + samples_below(&samples, 3);
        if (trial % 5 == 0) s2 -= s2 > 2 ? 2 : 0;
        sum.limbs[0] = s1;
        squares.limbs[0] = (uint64_t)s2;
        squares.limbs[1] = (uint64_t)(s2 >> 64);
        check_sums(&sum, &squares, n, (unsigned)samples_below(&samples, 19));
    }
    mpfr_free_cache();
}

static void sums_out_of_int64_are_null(void **state)
{
    (void)state;
    static const struct {
        int64_t terms[3];
        bool present;
        int64_t value;
    } rows[] = {
        {{0, 0, 0}, true, 0},
        {{INT64_MAX, 0, 0}, true, INT64_MAX},
        {{INT64_MAX, 1, 0}, false, 0},
        {{INT64_MAX, 1, -1}, true, INT64_MAX},
        {{INT64_MIN, 0, 0}, true, INT64_MIN},
        {{INT64_MIN, -1, 0}, false, 0},
        {{INT64_MIN, INT64_MIN, 0}, false, 0},
        {{INT64_MIN, INT64_MAX, -7}, true, -8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_arena arena = {0};
        struct ss_exact sum = {0};
        int64_t value;
        for (int k = 0; k < 3; k++) assert_true(ss_exact_add_int64(&sum, rows[i].terms[k], false, &arena));
        assert_int_equal(ss_finalise_int64(&sum, &value), rows[i].present);
        if (rows[i].present) assert_true(value == rows[i].value);
        ss_arena_release(&arena);
    }
}

static void too_few_terms_have_no_variance_and_equal_terms_have_none_to_measure(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_exact s1 = {0}, s2 = {0};
    double value = 1;
    for (uint64_t n = 1; n <= 50; n++) {
        assert_true(ss_exact_add_double(&s1, 0.1, false, &arena));
        assert_true(ss_exact_add_double_squared(&s2, 0.1, false, &arena));
        assert_int_equal(ss_finalise_variance(&s1, &s2, n, false, 0, &value), n > 1);
        assert_true(value == 0 && !signbit(value));
        assert_int_equal(ss_finalise_stddev(&s1, &s2, n, false, 0, &value), n > 1);
        assert_true(value == 0 && !signbit(value));
    }
    assert_false(ss_finalise_variance(&s1, &s2, 0, false, 0, &value));
    ss_arena_release(&arena);
}

static void results_beyond_the_greatest_double_are_null_and_zero_has_no_sign(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_exact sum = {0}, squares = {0};
    double value;
    const double greatest = samples_from_bits(UINT64_C(0x7fefffffffffffff));
    assert_true(ss_exact_add_double(&sum, greatest, false, &arena));
    assert_true(ss_exact_add_double_squared(&squares, greatest, false, &arena));
    assert_true(ss_finalise_double(&sum, &value));
    assert_true(value == greatest);
    assert_true(ss_exact_add_double(&sum, -greatest, true, &arena));
    assert_false(ss_finalise_double(&sum, &value));
    assert_true(ss_finalise_mean(&sum, 2, 0, &value));
    assert_true(value == greatest);
    assert_true(ss_exact_add_double(&sum, greatest, true, &arena));
    assert_true(ss_exact_add_double(&sum, greatest, true, &arena));
    assert_false(ss_finalise_variance(&sum, &squares, 2, false, 0, &value));
    assert_true(ss_finalise_stddev(&sum, &squares, 2, false, 0, &value));
    assert_true(value == greatest);
    assert_true(ss_exact_add_double(&sum, 5e-324, true, &arena));
    assert_true(ss_finalise_mean(&sum, 2, 0, &value)); // a tie between -5e-324 and 0
    assert_true(value == 0 && !signbit(value));
    ss_arena_release(&arena);
}

// The root of (2^53 + 1)^2 lies between two doubles and goes to the even one; the root of anything more goes
// up.
static void a_root_just_above_a_tie_rounds_up(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_exact sum = {0}, squares = {0};
    double value;
    assert_true(ss_exact_add_double(&squares, 0x1p106, false, &arena));
    assert_true(ss_exact_add_double(&squares, 0x1p54, false, &arena));
    assert_true(ss_exact_add_double(&squares, 1, false, &arena));
    assert_true(ss_finalise_stddev(&sum, &squares, 2, false, 0, &value));
    assert_true(value == 0x1p53);
    assert_true(ss_exact_add_double(&squares, 0x1p-300, false, &arena));
    assert_true(ss_finalise_stddev(&sum, &squares, 2, false, 0, &value));
    assert_true(value == 0x1p53 + 2);
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_of_every_kind_round_once),
        cmocka_unit_test(integers_and_decimals_round_once),
        cmocka_unit_test(subnormal_results_round_once),
        cmocka_unit_test(a_root_just_above_a_tie_rounds_up),
        cmocka_unit_test(sums_of_any_size_round_once),
        cmocka_unit_test(spreads_beside_zero_round_once),
        cmocka_unit_test(sums_out_of_int64_are_null),
        cmocka_unit_test(too_few_terms_have_no_variance_and_equal_terms_have_none_to_measure),
        cmocka_unit_test(results_beyond_the_greatest_double_are_null_and_zero_has_no_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
