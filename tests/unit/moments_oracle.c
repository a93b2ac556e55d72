#include "moments_oracle.h"

#include <mpfr.h>

#define EXACT_BITS    13000 // n S2 - S1^2 of any doubles
#define QUOTIENT_BITS 8000  // more than a quotient or root can hide a tie behind

// To a double, rounded to nearest even; `ternary` says how `value` was rounded before. What was rounded is
// not on the tie it may seem to be on: it is pushed off first.
static double to_double(mpfr_t value, int ternary)
{
    const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
    mpfr_t pushed, narrow;
    mpfr_init2(pushed, QUOTIENT_BITS + 64);
    mpfr_init2(narrow, 53);
    mpfr_set(pushed, value, MPFR_RNDN);
    if (ternary > 0) mpfr_nextbelow(pushed);
    if (ternary < 0) mpfr_nextabove(pushed);
    mpfr_set_emin(-1073);
    mpfr_set_emax(1024);
    int inexact = mpfr_set(narrow, pushed, MPFR_RNDN);
    inexact = mpfr_check_range(narrow, inexact, MPFR_RNDN);
    mpfr_subnormalize(narrow, inexact, MPFR_RNDN);
    const double result = mpfr_get_d(narrow, MPFR_RNDN);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    mpfr_clears(narrow, pushed, (mpfr_ptr)0);
    return result + 0.0;
}

static struct moments finish(mpfr_t s1, mpfr_t s2, uint64_t n, unsigned scale)
{
    struct moments expected = {0};
    mpfr_t term, spread, divisor, value;
    mpfr_inits2(EXACT_BITS, term, spread, (mpfr_ptr)0);
    mpfr_init2(divisor, 512);
    mpfr_init2(value, QUOTIENT_BITS);
    expected.sum = to_double(s1, 0);
    mpfr_ui_pow_ui(divisor, 10, scale, MPFR_RNDN);
    mpfr_mul_ui(divisor, divisor, n, MPFR_RNDN);
    expected.mean = to_double(value, mpfr_div(value, s1, divisor, MPFR_RNDN));
    mpfr_mul_ui(spread, s2, n, MPFR_RNDN);
    mpfr_sqr(term, s1, MPFR_RNDN);
    mpfr_sub(spread, spread, term, MPFR_RNDN);
    if (n > 1 && mpfr_sgn(spread) > 0) {
        mpfr_ui_pow_ui(divisor, 10, 2 * scale, MPFR_RNDN);
        mpfr_mul_ui(divisor, divisor, n, MPFR_RNDN);
        mpfr_mul_ui(divisor, divisor, n - 1, MPFR_RNDN);
        const int ternary = mpfr_div(value, spread, divisor, MPFR_RNDN);
        expected.variance = to_double(value, ternary);
        // the root of a quotient rounded at 8000 bits differs from the true root by far less than a tie
        const int root_ternary = mpfr_sqrt(value, value, MPFR_RNDN);
        expected.stddev = to_double(value, root_ternary ? root_ternary : ternary);
    }
    mpfr_clears(term, spread, divisor, value, (mpfr_ptr)0);
    return expected;
}

struct moments moments_of(const struct moments_terms *terms)
{
    mpfr_t s1, s2, term;
    mpfr_inits2(EXACT_BITS, s1, s2, term, (mpfr_ptr)0);
    mpfr_set_zero(s1, 1);
    mpfr_set_zero(s2, 1);
    for (size_t i = 0; i < terms->count; i++) {
        if (terms->integers)
            mpfr_set_si(term, terms->scaled[i], MPFR_RNDN);
        else
            mpfr_set_d(term, terms->reals[i], MPFR_RNDN);
        mpfr_add(s1, s1, term, MPFR_RNDN);
        mpfr_sqr(term, term, MPFR_RNDN);
        mpfr_add(s2, s2, term, MPFR_RNDN);
    }
    const struct moments expected = finish(s1, s2, terms->count, terms->scale);
    mpfr_clears(s1, s2, term, (mpfr_ptr)0);
    return expected;
}

static void set_limbs(mpfr_t value, const struct moments_limbs *limbs)
{
    mpfr_set_zero(value, 1);
    for (size_t i = MOMENTS_LIMBS; i-- > 0;) {
        mpfr_mul_2ui(value, value, 64, MPFR_RNDN);
        mpfr_add_ui(value, value, limbs->limbs[i], MPFR_RNDN);
    }
    mpfr_mul_2si(value, value, limbs->exponent, MPFR_RNDN);
    if (limbs->negative) mpfr_neg(value, value, MPFR_RNDN);
}

struct moments moments_of_sums(const struct moments_limbs *sum, const struct moments_limbs *squares,
                               uint64_t n, unsigned scale)
{
    mpfr_t s1, s2;
    mpfr_inits2(EXACT_BITS, s1, s2, (mpfr_ptr)0);
    set_limbs(s1, sum);
    set_limbs(s2, squares);
    const struct moments expected = finish(s1, s2, n, scale);
    mpfr_clears(s1, s2, (mpfr_ptr)0);
    return expected;
}
