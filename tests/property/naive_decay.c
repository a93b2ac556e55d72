// Decayed sums: weights as the definition writes them down.
//
// E(u) = g(f(u)) 2^(q(u) - 63) with q(u) = floor(u / H), f(u) = floor((u mod H) 2^64 / H) and
// g(f) = floor(2^(63 + f / 2^64)); an event at u weighs E(u) E(-t) in a read at t.

#include <mpfr.h>
#include <stdlib.h>

#include "naive_aggregate.h"
#include "naive_number.h"

struct weight { // mantissa * 2^exponent
    uint64_t mantissa;
    int64_t exponent;
};

static uint64_t power_of(uint64_t fraction)
{
    static _Thread_local struct {
        bool there;
        uint64_t fraction, power;
    } known[1024];
    const size_t place = (fraction * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
    if (known[place].there && known[place].fraction == fraction) return known[place].power;
    mpfr_t x;
    mpfr_init2(x, 300);
    mpfr_set_ui_2exp(x, fraction, -64, MPFR_RNDN);
    mpfr_add_ui(x, x, 63, MPFR_RNDN);
    mpfr_exp2(x, x, MPFR_RNDN);
    mpfr_floor(x, x);
    const uint64_t power = mpfr_get_ui(x, MPFR_RNDN);
    mpfr_clear(x);
    known[place].there = true;
    known[place].fraction = fraction;
    known[place].power = power;
    return power;
}

static struct weight weight_of(int64_t u, int64_t half_life)
{
    __extension__ typedef unsigned __int128 wide;
    int64_t periods = u / half_life, rest = u % half_life;
    if (rest < 0) {
        rest += half_life;
        periods--;
    }
    const uint64_t fraction = (uint64_t)(((wide)(uint64_t)rest << 64) / (wide)(uint64_t)half_life);
    return (struct weight){power_of(fraction), periods - 63};
}

struct sums { // in units of x and of 2^least
    mpz_t weighted, weights;
    int64_t least;
};

static void add_up(struct sums *sums, const struct naive_rows *rows, const struct terms *x)
{
    mpz_t term, weight;
    mpz_inits(term, weight, NULL);
    sums->least = INT64_MAX;
    for (int i = 0; i < rows->count; i++) {
        const int64_t exponent = weight_of(rows->rows[i].time, rows->aggregate->half_life).exponent;
        if (exponent < sums->least) sums->least = exponent;
    }
    for (int i = 0; i < rows->count; i++) {
        const struct weight w = weight_of(rows->rows[i].time, rows->aggregate->half_life);
        mpz_set_ui(weight, w.mantissa);
        mpz_mul_2exp(weight, weight, (mp_bitcnt_t)(w.exponent - sums->least));
        mpz_add(sums->weights, sums->weights, weight);
        if (!x) continue;
        term_get(term, x, i);
        mpz_addmul(sums->weighted, term, weight);
    }
    mpz_clears(term, weight, NULL);
}

static void scale(mpq_ptr value, int64_t exponent)
{
    if (exponent > 0) mpq_mul_2exp(value, value, (mp_bitcnt_t)exponent);
    if (exponent < 0) mpq_div_2exp(value, value, (mp_bitcnt_t)-exponent);
}

// sum of x E(u) E(-t)
static void at_read(mpq_ptr value, const struct naive_rows *rows, mpz_srcptr sum, int64_t least)
{
    const struct weight w = weight_of(-rows->t, rows->aggregate->half_life);
    mpz_mul_ui(mpq_numref(value), sum, w.mantissa);
    mpz_set_ui(mpq_denref(value), 1);
    scale(value, least + w.exponent);
}

struct cell naive_decay(const struct naive_rows *rows)
{
    const enum function function = rows->aggregate->function;
    struct terms x;
    struct sums sums;
    mpq_t value;
    mpz_inits(sums.weighted, sums.weights, NULL);
    mpq_init(value);
    terms_init(&x, rows->pool, rows->x, rows->count, &rows->rows->x, sizeof *rows->rows);
    add_up(&sums, rows, function == FN_DECAYED_COUNT ? NULL : &x);
    if (function == FN_DECAYED_COUNT) {
        at_read(value, rows, sums.weights, sums.least);
    } else if (function == FN_DECAYED_SUM) {
        at_read(value, rows, sums.weighted, sums.least);
        mpq_mul(value, value, x.unit);
    } else {
        mpz_set(mpq_numref(value), sums.weighted);
        mpz_set(mpq_denref(value), sums.weights);
        mpq_canonicalize(value);
        mpq_mul(value, value, x.unit);
    }
    const struct cell result = cell_of_double(nearest_double(value));
    mpz_clears(sums.weighted, sums.weights, NULL);
    mpq_clear(value);
    terms_clear(&x);
    return result;
}
