#include "naive_number.h"

#include <math.h>
#include <stdlib.h>

double nearest_double(mpq_srcptr value)
{
    mpz_t numerator, denominator, quotient, rest;
    const int sign = mpq_sgn(value);
    if (sign == 0) return 0;
    mpz_inits(numerator, denominator, quotient, rest, NULL);
    mpz_abs(numerator, mpq_numref(value));
    mpz_set(denominator, mpq_denref(value));
    // The exponent of the last bit: 53 bits, or fewer below the least normal double.
    long exponent = (long)mpz_sizeinbase(numerator, 2) - (long)mpz_sizeinbase(denominator, 2) - 53;
    for (int attempt = 0; attempt < 3; attempt++) {
        if (exponent < -1074) exponent = -1074;
        mpz_t n, d;
        mpz_init_set(n, numerator);
        mpz_init_set(d, denominator);
        if (exponent < 0)
            mpz_mul_2exp(n, n, (mp_bitcnt_t)-exponent);
        else
            mpz_mul_2exp(d, d, (mp_bitcnt_t)exponent);
        mpz_fdiv_qr(quotient, rest, n, d);
        mpz_mul_2exp(rest, rest, 1);
        const int half = mpz_cmp(rest, d);
        const bool up = half > 0 || (half == 0 && mpz_odd_p(quotient));
        mpz_clears(n, d, NULL);
        if (mpz_sizeinbase(quotient, 2) > 53) {
            exponent++;
            continue;
        }
        if (up) mpz_add_ui(quotient, quotient, 1);
        break;
    }
    const double magnitude = ldexp(mpz_get_d(quotient), (int)exponent);
    mpz_clears(numerator, denominator, quotient, rest, NULL);
    return sign < 0 ? -magnitude : magnitude;
}

double nearest_root(mpq_srcptr value)
{
    mpz_t scaled, root, square;
    mpq_t result;
    if (mpq_sgn(value) == 0) return 0;
    mpz_inits(scaled, root, square, NULL);
    mpq_init(result);
    const long size = (long)mpz_sizeinbase(mpq_numref(value), 2) - (long)mpz_sizeinbase(mpq_denref(value), 2);
    const unsigned long shift = (unsigned long)(size < 160 ? 160 - size : 0); // at least 79 bits of root
    const unsigned long even = shift + (shift & 1);
    mpz_mul_2exp(scaled, mpq_numref(value), even);
    mpz_fdiv_q(root, scaled, mpq_denref(value));
    mpz_sqrt(root, root);
    mpz_mul(square, root, root);
    mpz_mul(square, square, mpq_denref(value));
    const bool exact = mpz_cmp(square, scaled) == 0;
    mpz_mul_2exp(root, root, 1);
    if (!exact) mpz_add_ui(root, root, 1);
    mpq_set_z(result, root);
    mpq_div_2exp(result, result, even / 2 + 1);
    const double rounded = nearest_double(result);
    mpz_clears(scaled, root, square, NULL);
    mpq_clear(result);
    return rounded;
}

void exact_of(mpq_ptr value, struct kind kind, struct cell cell)
{
    if (kind.id == KIND_FLOAT64) {
        mpq_set_d(value, cell.f);
        return;
    }
    mpz_t power;
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, kind.scale);
    mpz_set_si(mpq_numref(value), cell.i);
    mpz_set(mpq_denref(value), power);
    mpq_canonicalize(value);
    mpz_clear(power);
}

struct cell cell_of_double(double value)
{
    if (!isfinite(value)) return (struct cell){0};
    return (struct cell){.present = true, .f = value == 0 ? 0 : value};
}

struct cell cell_of_integer(mpz_srcptr scaled, struct kind kind)
{
    if (!mpz_fits_slong_p(scaled)) return (struct cell){0};
    const long value = mpz_get_si(scaled);
    const long limit = 1000000000000000000; // a decimal has at most 18 digits
    if (kind.id == KIND_DECIMAL && (value >= limit || value <= -limit)) return (struct cell){0};
    return (struct cell){.present = true, .i = value};
}

// ---- Terms

static int bits_of(uint64_t magnitude)
{
    return magnitude ? 64 - __builtin_clzll(magnitude) : 0;
}

// value = digits * 2^*exponent, digits odd (or all zero)
static int64_t odd_digits(double value, int *exponent)
{
    int64_t digits = (int64_t)ldexp(frexp(value, exponent), 53);
    *exponent -= 53;
    if (digits == 0) return 0;
    const int zeros = __builtin_ctzll((uint64_t)digits);
    *exponent += zeros;
    return digits / (INT64_C(1) << zeros);
}

static void set_unit(struct terms *terms, struct kind kind, int exponent)
{
    mpq_init(terms->unit);
    mpz_ui_pow_ui(mpq_denref(terms->unit), 10, kind.scale);
    mpz_set_ui(mpq_numref(terms->unit), 1);
    if (exponent > 0) mpq_mul_2exp(terms->unit, terms->unit, (mp_bitcnt_t)exponent);
    if (exponent < 0) mpq_div_2exp(terms->unit, terms->unit, (mp_bitcnt_t)-exponent);
}

void terms_init(struct terms *terms, struct pool *pool, struct kind kind, int count, const struct cell *cells,
                size_t stride)
{
    int least = INT32_MAX;
    *terms = (struct terms){.count = count};
    terms->digits = pool_take(pool, (size_t)(count + 1) * sizeof *terms->digits);
    terms->shifts = pool_take(pool, (size_t)(count + 1) * sizeof *terms->shifts);
    for (int i = 0; i < count; i++) {
        const struct cell *cell = (const struct cell *)((const char *)cells + (size_t)i * stride);
        terms->digits[i] = kind.id == KIND_FLOAT64 ? odd_digits(cell->f, &terms->shifts[i]) : cell->i;
        if (terms->digits[i] && terms->shifts[i] < least) least = terms->shifts[i];
    }
    if (least == INT32_MAX) least = 0;
    for (int i = 0; i < count; i++) {
        terms->shifts[i] = terms->digits[i] ? terms->shifts[i] - least : 0;
        const uint64_t digits = (uint64_t)terms->digits[i];
        const int bits = bits_of(terms->digits[i] < 0 ? 0 - digits : digits) + terms->shifts[i];
        if (bits > terms->bits) terms->bits = bits;
    }
    set_unit(terms, kind, least);
}

void term_get(mpz_ptr whole, const struct terms *terms, int i)
{
    mpz_set_si(whole, terms->digits[i]);
    mpz_mul_2exp(whole, whole, (mp_bitcnt_t)terms->shifts[i]);
}

void terms_clear(struct terms *terms)
{
    mpq_clear(terms->unit);
}
