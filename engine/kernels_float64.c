// Kernels of float64: operations whose result IEEE 754 fixes, on finite doubles.
//
// After every operation NaN and infinities are null and -0 is +0 (adding +0 does that and nothing else).
// Comparisons are the plain ones, since no operand is ever NaN.
#include <math.h>

#include "engine/base/float_environment.h"
#include "engine/bytecode.h"

static void store(struct ss_register *out, int32_t row, bool valid, double value)
{
    const bool keep = valid && __builtin_isfinite(value);
    out->valid[row] = keep;
    out->f64[row] = keep ? value + 0.0 : 0.0;
}

#define BINARY_KERNEL(name, symbol)                                                                          \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1); \
        for (int32_t row = 0; row < run->rows; row++)                                                        \
            store(out, row, a->valid[row] & b->valid[row], a->f64[row] symbol b->f64[row]);                  \
        return true;                                                                                         \
    }

BINARY_KERNEL(ss_kernel_add_float64, +)
BINARY_KERNEL(ss_kernel_subtract_float64, -)
BINARY_KERNEL(ss_kernel_multiply_float64, *)

// Apart from the others: under -fsanitize=float-divide-by-zero, and to readers, dividing by 0 on purpose
// looks wrong.
bool ss_kernel_divide_float64(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const bool valid = a->valid[row] && b->valid[row] && b->f64[row] != 0.0;
        store(out, row, valid, valid ? a->f64[row] / b->f64[row] : 0.0);
    }
    return true;
}

#define UNARY_KERNEL(name, expression)                                                                     \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out) \
    {                                                                                                      \
        const struct ss_register *a = ss_operand(run, instruction, 0);                                     \
        for (int32_t row = 0; row < run->rows; row++) {                                                    \
            const double x = a->f64[row];                                                                  \
            store(out, row, a->valid[row], expression);                                                    \
        }                                                                                                  \
        return true;                                                                                       \
    }

// To the nearest whole number, ties to even: adding 2^52 rounds so, by IEEE 754; from there on doubles are
// whole.
static double round_to_even(double x)
{
    const double magnitude = __builtin_fabs(x);
    if (magnitude >= 0x1p52) return x;
    const double rounded = (magnitude + 0x1p52) - 0x1p52;
    return x < 0 ? -rounded : rounded;
}

UNARY_KERNEL(ss_kernel_round_float64, round_to_even(x))
UNARY_KERNEL(ss_kernel_trunc_float64, x < 0 ? ceil(x) : floor(x))
UNARY_KERNEL(ss_kernel_negate_float64, -x)
UNARY_KERNEL(ss_kernel_abs_float64, __builtin_fabs(x))
UNARY_KERNEL(ss_kernel_floor_float64, floor(x))
UNARY_KERNEL(ss_kernel_ceil_float64, ceil(x))
UNARY_KERNEL(ss_kernel_sqrt, sqrt(x))

bool ss_kernel_sign_float64(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row];
        out->i64[row] = (a->f64[row] > 0) - (a->f64[row] < 0);
    }
    return true;
}

#define COMPARISON_KERNEL(name, symbol)                                                                      \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1); \
        for (int32_t row = 0; row < run->rows; row++) {                                                      \
            const bool valid = a->valid[row] & b->valid[row];                                                \
            out->valid[row] = valid;                                                                         \
            out->boolean[row] = valid & (a->f64[row] symbol b->f64[row]);                                    \
        }                                                                                                    \
        return true;                                                                                         \
    }

COMPARISON_KERNEL(ss_kernel_equal_float64, ==)
COMPARISON_KERNEL(ss_kernel_differ_float64, !=)
COMPARISON_KERNEL(ss_kernel_less_float64, <)
COMPARISON_KERNEL(ss_kernel_at_most_float64, <=)
