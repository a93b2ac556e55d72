#include "rational_oracle.h"

#include <string.h>

#include "tests/property/naive_number.h"

void rational_of(mpq_ptr rational, struct ss_type type, const struct ss_value *value)
{
    if (type.id == SS_FLOAT64) {
        mpq_set_d(rational, value->f64);
        return;
    }
    mpz_set_si(mpq_numref(rational), value->i64);
    mpz_ui_pow_ui(mpq_denref(rational), 10, type.id == SS_DECIMAL ? type.scale : 0);
    mpq_canonicalize(rational);
}

void rational_shift(mpq_ptr rational, long exponent)
{
    if (exponent > 0) mpq_mul_2exp(rational, rational, (mp_bitcnt_t)exponent);
    if (exponent < 0) mpq_div_2exp(rational, rational, (mp_bitcnt_t)-exponent);
}

static bool is(double want, const struct ss_value *got)
{
    const bool is_finite = want - want == 0;
    want += 0.0; // zero has no sign
    return got->present == is_finite && (!is_finite || memcmp(&want, &got->f64, sizeof want) == 0);
}

bool is_nearest(mpq_srcptr exact, const struct ss_value *got)
{
    return is(nearest_double(exact), got);
}

bool is_nearest_root(mpq_srcptr square, int sign, const struct ss_value *got)
{
    return is(sign < 0 ? -nearest_root(square) : nearest_root(square), got);
}
