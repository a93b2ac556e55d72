// Vectors of random bits: dot, norm and cosine equal what exact rationals (GMP) and roots of 6,000 bits
// (MPFR) give, rounded once. SS_SEED and SS_ROUNDS in the environment choose another seed and a longer run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gmp.h>
#include <math.h>
#include <mpfr.h>
#include <stdlib.h>
#include <string.h>

#include "engine/program.h"
#include "tests/property/random_expression.h"

#define PRECISION 6000
#define MOST      40
#define ROWS      16

enum spread { ANY_BITS, NEAR_ONE, SMALL_WHOLE, OPPOSITE, SPREADS };

// A finite float32 that is not -0.
static float random_float(struct random_source *source, enum spread spread)
{
    const uint64_t bits = random_bits(source);
    uint32_t pattern = (uint32_t)bits;
    float value;
    if (spread == SMALL_WHOLE) return (float)(int)(bits % 5) - 2;
    if (spread == NEAR_ONE) pattern = (pattern & 0x83ffffff) | 0x3c000000;
    memcpy(&value, &pattern, sizeof value);
    return isfinite(value) ? value + 0.0f : 0.0f;
}

static void random_pair(struct random_source *source, int length, float *a, float *b)
{
    const enum spread spread = (enum spread)(random_bits(source) % SPREADS);
    for (int i = 0; i < length; i++) {
        a[i] = random_float(source, spread);
        b[i] = spread == OPPOSITE && random_bits(source) % 8 ? -a[i] + 0.0f : random_float(source, spread);
    }
}

static void exact_dot(const float *a, const float *b, int length, mpq_t sum)
{
    mpq_t x, y;
    mpq_inits(x, y, NULL);
    mpq_set_ui(sum, 0, 1);
    for (int i = 0; i < length; i++) {
        mpq_set_d(x, a[i]);
        mpq_set_d(y, b[i]);
        mpq_mul(x, x, y);
        mpq_add(sum, sum, x);
    }
    mpq_clears(x, y, NULL);
}

// The root of the quotient, cut at PRECISION bits and then a little away from zero where something was cut.
static double root_of(const mpq_t square)
{
    mpfr_t x, root;
    mpfr_inits2(PRECISION, x, root, NULL);
    int side = mpfr_set_q(x, square, MPFR_RNDZ);
    side |= mpfr_sqrt(root, x, MPFR_RNDZ);
    mpfr_prec_round(root, PRECISION + 2, MPFR_RNDZ);
    if (side) mpfr_nextabove(root);
    const double result = mpfr_get_d(root, MPFR_RNDN);
    mpfr_clears(x, root, NULL);
    return result;
}

static double nearest(const mpq_t exact)
{
    mpfr_t rounded;
    mpfr_init2(rounded, 53);
    mpfr_set_q(rounded, exact, MPFR_RNDN);
    const double result = mpfr_get_d(rounded, MPFR_RNDN) + 0.0;
    mpfr_clear(rounded);
    return result;
}

// dot(a, b), norm(a), cosine(a, b)
static void oracle(const float *a, const float *b, int length, struct ss_value wants[3])
{
    mpq_t dot, aa, bb;
    mpq_inits(dot, aa, bb, NULL);
    exact_dot(a, b, length, dot);
    exact_dot(a, a, length, aa);
    exact_dot(b, b, length, bb);
    memset(wants, 0, 3 * sizeof *wants);
    wants[0] = (struct ss_value){.present = true, .f64 = nearest(dot)};
    wants[1] = (struct ss_value){.present = true, .f64 = root_of(aa)};
    if (mpq_sgn(aa) != 0 && mpq_sgn(bb) != 0) {
        const int sign = mpq_sgn(dot);
        mpq_mul(dot, dot, dot);
        mpq_div(dot, dot, aa);
        mpq_div(dot, dot, bb);
        wants[2] = (struct ss_value){.present = true, .f64 = sign < 0 ? -root_of(dot) : root_of(dot)};
    }
    mpq_clears(dot, aa, bb, NULL);
}

static bool resolve_vector(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)diagnostics;
    node->kind = SS_NODE_INPUT;
    node->input = node->name[0] - 'a';
    node->type = (struct ss_type){.id = SS_VECTOR, .length = (uint16_t) * (const int *)context};
    return true;
}

static struct ss_program *compile(int length, struct ss_arena *arena)
{
    static const char *const texts[3] = {"dot(a, b)", "norm(a)", "cosine(a, b)"};
    const struct ss_scope scope = {resolve_vector, NULL, &length, "a property", NULL};
    struct ss_node *nodes[3];
    for (int i = 0; i < 3; i++) {
        const struct ss_file file = {"vectors", ss_bytes_of(texts[i])};
        struct ss_diagnostics diagnostics;
        ss_diagnostics_init(&diagnostics, &file, 1, arena);
        nodes[i] = ss_expression_parse(file.text, (struct ss_place){0, 0}, arena, &diagnostics);
        assert_true(nodes[i] && ss_expression_check(nodes[i], &scope, arena, &diagnostics));
    }
    struct ss_program *program = ss_program_build(nodes, 3, arena);
    assert_non_null(program);
    return program;
}

static struct ss_value vector_of(const float *floats, int length)
{
    return (struct ss_value){.present = true, .text = {(const char *)floats, 4 * (size_t)length}};
}

static void check_length(struct random_source *source, int length)
{
    static float a[ROWS][MOST], b[ROWS][MOST];
    const struct ss_type type = {.id = SS_VECTOR, .length = (uint16_t)length};
    struct ss_column columns[2], outputs[3];
    const struct ss_column *const inputs[2] = {&columns[0], &columns[1]};
    assert_true(ss_column_init(&columns[0], type, ROWS, source->arena));
    assert_true(ss_column_init(&columns[1], type, ROWS, source->arena));
    for (int row = 0; row < ROWS; row++) {
        random_pair(source, length, a[row], b[row]);
        assert_true(ss_column_append(&columns[0], vector_of(a[row], length), source->arena));
        assert_true(ss_column_append(&columns[1], vector_of(b[row], length), source->arena));
    }
    struct ss_program *program = compile(length, source->arena);
    assert_int_equal(ss_program_run(program, inputs, ROWS, source->arena, outputs, NULL), SS_OK);
    for (int row = 0; row < ROWS; row++) {
        struct ss_value wants[3];
        oracle(a[row], b[row], length, wants);
        for (int k = 0; k < 3; k++) {
            const struct ss_value got = ss_column_get(&outputs[k], row);
            if (!ss_value_equal((struct ss_type){SS_FLOAT64, 0}, got, wants[k]))
                fail_msg("length %d, row %d, function %d: want %a (%d), got %a (%d)", length, row, k,
                         wants[k].f64, wants[k].present, got.f64, got.present);
        }
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void vectors_are_multiplied_exactly_and_rounded_once(void **state)
{
    (void)state;
    const uint64_t seed = from_environment("SS_SEED", 20260131), rounds = from_environment("SS_ROUNDS", 60);
    print_message("seed %llu, %llu rounds\n", (unsigned long long)seed, (unsigned long long)rounds);
    struct ss_arena arena = {0};
    struct random_source source = {seed, &arena};
    for (uint64_t round = 0; round < rounds; round++) {
        check_length(&source, 1 + (int)(random_bits(&source) % MOST));
        ss_arena_reset(&arena);
    }
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_multiplied_exactly_and_rounded_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
