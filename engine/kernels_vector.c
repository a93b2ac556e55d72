// Kernels of vectors of float32: dot, norm, cosine.
//
// The product of two float32 is a double without an error, their sums are exact numbers, and one rounding is
// left at the end: so results depend neither on the order of the terms nor on the machine. The root of a
// quotient is taken of its first QUOTIENT_BITS bits, the last of which is odd where something was cut: no
// middle of two doubles has a square that needs more than 108 bits, so none lies between those bits and the
// quotient.
#include <gmp.h>
#include <mpfr.h>
#include <string.h>

#include "engine/base/float_environment.h"
#include "engine/bytecode.h"
#include "engine/exact.h"
#include "engine/finalise.h"

#define SUM_BITS      1024 // a sum has at most 64 * 10: squares from 2^-298 to 2^268
#define QUOTIENT_BITS 120

static double float_at(struct ss_bytes vector, size_t index)
{
    const unsigned char *at = (const unsigned char *)vector.data + 4 * index;
    const uint32_t bits =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The exact sum of the products, in place of what `sum` was. False: out of memory.
static bool sum_products(struct ss_bytes a, struct ss_bytes b, struct ss_exact *sum, struct ss_arena *arena)
{
    ss_exact_clear(sum);
    for (size_t i = 0; i < a.size / 4; i++) {
        if (!ss_exact_add_double(sum, float_at(a, i) * float_at(b, i), false, arena)) return false;
    }
    return true;
}

static void set_exact(mpfr_ptr number, const struct ss_exact *sum)
{
    uint64_t limbs[SS_EXACT_MAX_LIMBS];
    size_t count;
    int32_t low;
    mpz_t magnitude;
    ss_exact_magnitude(sum, limbs, &count, &low);
    mpz_roinit_n(magnitude, limbs, (mp_size_t)count);
    mpfr_set_z_2exp(number, magnitude, 64 * (mpfr_exp_t)low, MPFR_RNDN);
    if (ss_exact_sign(sum) < 0) mpfr_neg(number, number, MPFR_RNDN);
}

bool ss_kernel_dot(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    struct ss_exact sum = {0};
    for (int32_t row = 0; row < run->rows; row++) {
        if (!(a->valid[row] & b->valid[row])) continue; // the registers come zeroed
        if (!sum_products(a->text[row], b->text[row], &sum, run->arena)) return false;
        out->valid[row] = ss_finalise_double(&sum, &out->f64[row]);
    }
    return true;
}

bool ss_kernel_norm(const struct ss_run *run, const struct ss_instruction *instruction,
                    struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    struct ss_exact sum = {0};
    MPFR_DECL_INIT(square, SUM_BITS);
    MPFR_DECL_INIT(root, 53);
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue;
        if (!sum_products(a->text[row], a->text[row], &sum, run->arena)) return false;
        set_exact(square, &sum);
        mpfr_sqrt(root, square, MPFR_RNDN); // neither subnormal nor too great: from 2^-149 to 2^134
        out->valid[row] = 1;
        out->f64[row] = mpfr_get_d(root, MPFR_RNDN);
    }
    return true;
}

// The root of numerator^2 / denominator, with the numerator's sign.
static double root_of_quotient(mpfr_srcptr numerator, mpfr_srcptr denominator)
{
    MPFR_DECL_INIT(square, 2 * SUM_BITS);
    MPFR_DECL_INIT(quotient, QUOTIENT_BITS);
    MPFR_DECL_INIT(odd, QUOTIENT_BITS + 1);
    MPFR_DECL_INIT(root, 53);
    mpfr_sqr(square, numerator, MPFR_RNDN);
    const bool is_cut = mpfr_div(quotient, square, denominator, MPFR_RNDZ) != 0;
    mpfr_set(odd, quotient, MPFR_RNDN);
    if (is_cut) mpfr_nextabove(odd);
    mpfr_sqrt(root, odd, MPFR_RNDN);
    mpfr_setsign(root, root, mpfr_signbit(numerator), MPFR_RNDN);
    return mpfr_get_d(root, MPFR_RNDN) + 0.0;
}

bool ss_kernel_cosine(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    struct ss_exact dot = {0}, a_square = {0}, b_square = {0};
    MPFR_DECL_INIT(numerator, SUM_BITS);
    MPFR_DECL_INIT(left, SUM_BITS);
    MPFR_DECL_INIT(right, SUM_BITS);
    MPFR_DECL_INIT(denominator, 2 * SUM_BITS);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes x = a->text[row], y = b->text[row];
        if (!(a->valid[row] & b->valid[row])) continue;
        if (!sum_products(x, y, &dot, run->arena) || !sum_products(x, x, &a_square, run->arena) ||
            !sum_products(y, y, &b_square, run->arena))
            return false;
        if (ss_exact_sign(&a_square) == 0 || ss_exact_sign(&b_square) == 0) continue;
        set_exact(numerator, &dot);
        set_exact(left, &a_square);
        set_exact(right, &b_square);
        mpfr_mul(denominator, left, right, MPFR_RNDN);
        out->valid[row] = 1;
        out->f64[row] = root_of_quotient(numerator, denominator);
    }
    return true;
}
