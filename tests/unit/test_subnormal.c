// Results below the normal doubles are rounded once: at the hardest places, half way between two subnormals
// and a hair beside that, where a result that was first rounded to 53 bits goes wrong.
//
// Sums are made bit by bit so that the true result is the middle, or beside it by the least that a sum can
// say: the right answer is then known. Functions are compared with MPFR of 400 bits, rounded as an integer
// of units of 2^-1074.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gmp.h>
#include <mpfr.h>

#include "engine/finalise.h"
#include "engine/program.h"
#include "samples.h"
#include "tests/unit/expression_harness.h"

#define LEAST_EXPONENT (-1074)
#define WIDE_BITS      400

static double double_of(uint64_t bits)
{
    return samples_from_bits(bits);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// ---- Sums

// 2^exponent for subnormal and normal exponents.
static double power_of_two(int exponent)
{
    if (exponent < -1022) return double_of(UINT64_C(1) << (exponent - LEAST_EXPONENT));
    return double_of((uint64_t)(exponent + 1023) << 52);
}

// units * 2^-2148 as a sum of squares of powers of two.
static void make_exact(struct ss_exact *number, const mpz_t units, struct ss_arena *arena)
{
    for (size_t bit = 0; bit < mpz_sizeinbase(units, 2); bit++) {
        if (!mpz_tstbit(units, bit)) continue;
        for (size_t times = 0; times < 1 + bit % 2; times++)
            assert_true(ss_exact_add_double_squared(number, power_of_two((int)(bit / 2) + LEAST_EXPONENT),
                                                    false, arena));
    }
}

static uint64_t even_of(uint64_t k)
{
    return k + (k & 1);
}

// The sum over n is (k + 1/2) 2^-1074, or beside it.
static void check_quotients(uint64_t k, uint64_t n, int beside)
{
    const uint64_t want = beside < 0 ? k : beside > 0 ? k + 1 : even_of(k);
    struct ss_arena arena = {0};
    struct ss_exact sum = {0}, nothing = {0};
    double value;
    mpz_t units;
    mpz_init_set_ui(units, 2 * k + 1);
    mpz_mul_ui(units, units, n);
    mpz_mul_2exp(units, units, 1073);
    if (beside < 0)
        mpz_sub_ui(units, units, 1);
    else
        mpz_add_ui(units, units, (unsigned long)beside);
    make_exact(&sum, units, &arena);
    assert_true(ss_finalise_mean(&sum, n, 0, &value));
    assert_int_equal(bits_of(value), want);
    assert_true(ss_finalise_variance(&nothing, &sum, n, true, 0, &value));
    assert_int_equal(bits_of(value), want);
    assert_true(ss_finalise_variance(&nothing, &sum, n + 1, false, 0, &value)); // by n (n + 1) / (n + 1)
    assert_int_equal(bits_of(value), want);
    mpz_clear(units);
    ss_arena_release(&arena);
}

// The sum of squares over n is the square of (k + 1/2) 2^-1074, or beside it. n is a multiple of 4.
static void check_root(uint64_t k, uint64_t n, int beside)
{
    const uint64_t want = beside < 0 ? k : beside > 0 ? k + 1 : even_of(k);
    struct ss_arena arena = {0};
    struct ss_exact squares = {0}, nothing = {0};
    double value;
    mpz_t units;
    mpz_init_set_ui(units, 2 * k + 1);
    mpz_mul(units, units, units);
    mpz_mul_ui(units, units, n / 4);
    if (beside < 0)
        mpz_sub_ui(units, units, 1);
    else
        mpz_add_ui(units, units, (unsigned long)beside);
    make_exact(&squares, units, &arena);
    assert_true(ss_finalise_stddev(&nothing, &squares, n, true, 0, &value));
    assert_int_equal(bits_of(value), want);
    assert_true(ss_finalise_stddev(&nothing, &squares, n + 1, false, 0, &value));
    assert_int_equal(bits_of(value), want);
    mpz_clear(units);
    ss_arena_release(&arena);
}

static void quotients_and_roots_half_way_between_subnormals_round_once(void **state)
{
    (void)state;
    struct samples samples = samples_begin("subnormal middles", 21);
    for (int trial = 0; trial < 400; trial++) {
        const uint64_t k =
            samples_bits(&samples) >> (12 + trial % 52); // to the last subnormal, which is carried
        const uint64_t n = 4 * (1 + (samples_bits(&samples) >> (3 + trial % 60)));
        for (int beside = -1; beside <= 1; beside++) {
            check_quotients(k, n, beside);
            check_root(k, n, beside);
        }
    }
    check_quotients((UINT64_C(1) << 52) - 1, 3, 0); // to the least normal
    check_quotients((UINT64_C(1) << 52) - 1, 3, -1);
    check_root((UINT64_C(1) << 52) - 1, 4, 0);
    check_quotients(0, 7, 0); // half of the least is 0
    check_quotients(0, 7, 1);
}

static void differences_of_subnormals_have_exact_spreads(void **state)
{
    (void)state;
    // Two values m 2^-1074 and 0: the population's deviation is m / 2, a tie where m is odd.
    struct samples samples = samples_begin("subnormal differences", 22);
    for (int trial = 0; trial < 1000; trial++) {
        const uint64_t m = samples_bits(&samples) >> (12 + trial % 52);
        struct ss_arena arena = {0};
        struct ss_exact sum = {0}, squares = {0};
        double value;
        assert_true(ss_exact_add_double(&sum, double_of(m), false, &arena));
        assert_true(ss_exact_add_double_squared(&squares, double_of(m), false, &arena));
        assert_true(ss_finalise_stddev(&sum, &squares, 2, true, 0, &value));
        assert_int_equal(bits_of(value), m & 1 ? even_of(m / 2) : m / 2);
        assert_true(ss_finalise_mean(&sum, 2, 0, &value));
        assert_int_equal(bits_of(value), m & 1 ? even_of(m / 2) : m / 2);
        ss_arena_release(&arena);
    }
}

// ---- Functions

struct pairs { // rows of the columns f and g
    int32_t count;
    double f[SS_BATCH_ROWS], g[SS_BATCH_ROWS];
};

// x^y in units of 2^-1074, as an integer, ties to even. The base is e or 2 where base is 'e' or '2', else x.
static uint64_t wide_units(char base, double x, double y)
{
    mpfr_t wide, operand;
    mpfr_init2(wide, WIDE_BITS);
    mpfr_init2(operand, 53);
    mpfr_set_d(operand, base == 'x' ? y : x, MPFR_RNDN);
    if (base == 'e') {
        mpfr_exp(wide, operand, MPFR_RNDN);
    } else {
        mpfr_set_d(wide, base == '2' ? 2 : x, MPFR_RNDN);
        mpfr_pow(wide, wide, operand, MPFR_RNDN);
    }
    mpfr_mul_2si(wide, wide, -LEAST_EXPONENT, MPFR_RNDN);
    mpfr_rint(wide, wide, MPFR_RNDN);
    const uint64_t units = mpfr_get_ui(wide, MPFR_RNDN);
    mpfr_clears(wide, operand, (mpfr_ptr)NULL);
    return units;
}

// Runs the expression over the rows and compares. f and g are columns of the harness.
static void check_function(const char *text, char base, const struct pairs *pairs)
{
    struct harness harness;
    struct ss_column columns[2], output;
    const struct ss_column *inputs[HARNESS_COLUMN_COUNT] = {NULL};
    harness_start(&harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    assert_non_null(node);
    const struct ss_program *program = ss_program_build(&node, 1, &harness.arena);
    assert_non_null(program);
    for (int i = 0; i < 2; i++) {
        assert_true(
            ss_column_init(&columns[i], (struct ss_type){SS_FLOAT64, 0}, pairs->count, &harness.arena));
        for (int32_t row = 0; row < pairs->count; row++) {
            const struct ss_value value = {.present = true, .f64 = i ? pairs->g[row] : pairs->f[row]};
            assert_true(ss_column_append(&columns[i], value, &harness.arena));
        }
    }
    inputs[4] = &columns[0];
    inputs[5] = &columns[1];
    assert_string_equal(harness_columns[4].name, "f");
    assert_int_equal(ss_program_run(program, inputs, pairs->count, &harness.arena, &output, NULL), SS_OK);
    for (int32_t row = 0; row < pairs->count; row++) {
        const struct ss_value got = ss_column_get(&output, row);
        const uint64_t want = wide_units(base, pairs->f[row], pairs->g[row]);
        if (!got.present || bits_of(got.f64) != want)
            fail_msg("%s of %a, %a: got %a, want %a", text, pairs->f[row], pairs->g[row], got.f64,
                     double_of(want));
    }
    ss_arena_release(&harness.arena);
}

// Is the wide number within 2^-52 (of itself) of a middle between two subnormals? Then its 53 bits may be.
static bool is_near_middle(mpfr_t wide)
{
    mpfr_t units, distance;
    mpfr_init2(units, WIDE_BITS);
    mpfr_init2(distance, WIDE_BITS);
    mpfr_mul_2si(units, wide, 1 - LEAST_EXPONENT, MPFR_RNDN); // middles are odd
    mpfr_rint(distance, units, MPFR_RNDN);
    const bool is_odd = mpfr_get_ui(distance, MPFR_RNDN) & 1;
    mpfr_sub(distance, distance, units, MPFR_RNDN);
    mpfr_mul_2si(units, units, -52, MPFR_RNDN);
    const bool near = is_odd && mpfr_cmpabs(distance, units) <= 0;
    mpfr_clears(units, distance, (mpfr_ptr)NULL);
    return near;
}

// x whose e^x or 2^x is as near to a middle as doubles come.
static void find_exponents(char base, struct samples *samples, struct pairs *pairs)
{
    mpfr_t middle, image;
    mpfr_init2(middle, 120);
    mpfr_init2(image, 120);
    for (pairs->count = 0; pairs->count < 60;) {
        const uint64_t k = samples_bits(samples) >> (12 + samples_below(samples, 52));
        mpfr_set_ui_2exp(middle, 2 * k + 1, LEAST_EXPONENT - 1, MPFR_RNDN);
        (base == 'e' ? mpfr_log : mpfr_log2)(middle, middle, MPFR_RNDN);
        const double x = mpfr_get_d(middle, MPFR_RNDN);
        mpfr_set_d(middle, x, MPFR_RNDN);
        (base == 'e' ? mpfr_exp : mpfr_exp2)(image, middle, MPFR_RNDN);
        if (!is_near_middle(image)) continue;
        pairs->f[pairs->count] = pairs->g[pairs->count] = x;
        pairs->count++;
    }
    mpfr_clears(middle, image, (mpfr_ptr)NULL);
}

static void exponentials_beside_a_middle_round_once(void **state)
{
    (void)state;
    static struct pairs pairs;
    struct samples samples = samples_begin("subnormal exponentials", 23);
    find_exponents('e', &samples, &pairs);
    check_function("exp(f)", 'e', &pairs);
    find_exponents('2', &samples, &pairs);
    check_function("exp2(f)", '2', &pairs);
    for (int32_t row = 0; row < pairs.count; row++) pairs.f[row] = 2;
    check_function("pow(f, g)", 'x', &pairs);
    mpfr_free_cache();
}

static void powers_beside_a_middle_round_once(void **state)
{
    (void)state;
    static const double exponents[] = {2, 3, 5, 7, 1.5, 2.5, 25};
    static struct pairs pairs;
    struct samples samples = samples_begin("subnormal powers", 24);
    mpfr_t middle, root;
    mpfr_init2(middle, WIDE_BITS);
    mpfr_init2(root, WIDE_BITS);
    for (pairs.count = 0; pairs.count < 1000; pairs.count++) {
        const uint64_t k = samples_bits(&samples) >> (12 + samples_below(&samples, 52));
        const double y = exponents[samples_below(&samples, 7)];
        mpfr_set_ui_2exp(middle, 2 * k + 1, LEAST_EXPONENT - 1, MPFR_RNDN);
        mpfr_set_d(root, y, MPFR_RNDN);
        mpfr_ui_div(root, 1, root, MPFR_RNDN);
        mpfr_pow(root, middle, root, MPFR_RNDN);
        pairs.f[pairs.count] = mpfr_get_d(root, MPFR_RNDN);
        pairs.g[pairs.count] = y;
    }
    check_function("pow(f, g)", 'x', &pairs);
    mpfr_clears(middle, root, (mpfr_ptr)NULL);
    mpfr_free_cache();
}

// (2 m + 1)^5 2^-1075 is a middle exactly.
static void powers_that_are_a_middle_go_to_even(void **state)
{
    (void)state;
    static struct pairs pairs;
    for (pairs.count = 0; pairs.count < 200; pairs.count++) {
        pairs.f[pairs.count] = (double)(2 * pairs.count + 1) * 0x1p-215;
        pairs.g[pairs.count] = 5;
    }
    check_function("pow(f, g)", 'x', &pairs);
    assert_int_equal(wide_units('x', 0x1p-215, 5), 0);
    assert_int_equal(wide_units('x', 3 * 0x1p-215, 5), 122); // 121.5
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotients_and_roots_half_way_between_subnormals_round_once),
        cmocka_unit_test(differences_of_subnormals_have_exact_spreads),
        cmocka_unit_test(exponentials_beside_a_middle_round_once),
        cmocka_unit_test(powers_beside_a_middle_round_once),
        cmocka_unit_test(powers_that_are_a_middle_go_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
