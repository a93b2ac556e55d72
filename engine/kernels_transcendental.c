// Kernels of exp, log, pow, sin and the like: MPFR, correctly rounded to binary64.
//
// MPFR computes with 53 bits in the exponent range of binary64 and then mpfr_subnormalize rounds what falls
// below the normal numbers; together that is one correct rounding, with overflow to infinity (null). The
// exponent range is a variable of the thread that others may use as well, so it is put back. So is MPFR's
// cache of constants emptied: it would be lost with the thread.
#include <mpfr.h>

#include "engine/bytecode.h"

#define DOUBLE_EMIN (-1073) // 2^-1074 = 0.5 * 2^-1073 is the least subnormal
#define DOUBLE_EMAX 1024

typedef int mpfr_function(mpfr_ptr result, mpfr_srcptr x, mpfr_rnd_t rounding);
typedef int mpfr_function_of_two(mpfr_ptr result, mpfr_srcptr x, mpfr_srcptr y, mpfr_rnd_t rounding);

struct range {
    mpfr_exp_t emin, emax;
};

static struct range enter_double_range(void)
{
    const struct range before = {mpfr_get_emin(), mpfr_get_emax()};
    mpfr_set_emin(DOUBLE_EMIN);
    mpfr_set_emax(DOUBLE_EMAX);
    return before;
}

static void leave_double_range(struct range before)
{
    mpfr_set_emin(before.emin);
    mpfr_set_emax(before.emax);
    mpfr_free_cache();
}

static void store(struct ss_register *out, int32_t row, mpfr_ptr result, int ternary)
{
    mpfr_subnormalize(result, ternary, MPFR_RNDN);
    const bool valid = mpfr_number_p(result);
    out->valid[row] = valid;
    out->f64[row] = valid ? mpfr_get_d(result, MPFR_RNDN) + 0.0 : 0.0;
}

static void run_unary(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out, mpfr_function *function)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    MPFR_DECL_INIT(x, 53);
    MPFR_DECL_INIT(result, 53);
    const struct range before = enter_double_range();
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue; // the registers come zeroed
        mpfr_set_d(x, a->f64[row], MPFR_RNDN);
        store(out, row, result, function(result, x, MPFR_RNDN));
    }
    leave_double_range(before);
}

static void run_binary(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out, mpfr_function_of_two *function)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_register *b = ss_operand(run, instruction, 1);
    MPFR_DECL_INIT(x, 53);
    MPFR_DECL_INIT(y, 53);
    MPFR_DECL_INIT(result, 53);
    const struct range before = enter_double_range();
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row] || !b->valid[row]) continue;
        mpfr_set_d(x, a->f64[row], MPFR_RNDN);
        mpfr_set_d(y, b->f64[row], MPFR_RNDN);
        store(out, row, result, function(result, x, y, MPFR_RNDN));
    }
    leave_double_range(before);
}

#define UNARY_KERNEL(name, function)                                                                       \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out) \
    {                                                                                                      \
        run_unary(run, instruction, out, function);                                                        \
        return true;                                                                                       \
    }

UNARY_KERNEL(ss_kernel_exp, mpfr_exp)
UNARY_KERNEL(ss_kernel_expm1, mpfr_expm1)
UNARY_KERNEL(ss_kernel_log, mpfr_log)
UNARY_KERNEL(ss_kernel_log2, mpfr_log2)
UNARY_KERNEL(ss_kernel_log10, mpfr_log10)
UNARY_KERNEL(ss_kernel_log1p, mpfr_log1p)
UNARY_KERNEL(ss_kernel_exp2, mpfr_exp2)
UNARY_KERNEL(ss_kernel_cbrt, mpfr_cbrt)
UNARY_KERNEL(ss_kernel_sin, mpfr_sin)
UNARY_KERNEL(ss_kernel_cos, mpfr_cos)
UNARY_KERNEL(ss_kernel_tan, mpfr_tan)
UNARY_KERNEL(ss_kernel_asin, mpfr_asin)
UNARY_KERNEL(ss_kernel_acos, mpfr_acos)
UNARY_KERNEL(ss_kernel_atan, mpfr_atan)
UNARY_KERNEL(ss_kernel_sinh, mpfr_sinh)
UNARY_KERNEL(ss_kernel_cosh, mpfr_cosh)
UNARY_KERNEL(ss_kernel_tanh, mpfr_tanh)

#define BINARY_KERNEL(name, function)                                                                      \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out) \
    {                                                                                                      \
        run_binary(run, instruction, out, function);                                                       \
        return true;                                                                                       \
    }

BINARY_KERNEL(ss_kernel_pow, mpfr_pow)
BINARY_KERNEL(ss_kernel_atan2, mpfr_atan2)
BINARY_KERNEL(ss_kernel_hypot, mpfr_hypot)
