// Sums and moments: of whole numbers of one unit, exactly, and rounded once at the end.
//
// Deviations are taken n times, d = n x - sum, so that they are whole too: the second moment is
// sum d^2 / n^3 units^2, and so on. Where all of it fits 128 bits, the sum of d e is n (n sum xy - sum x sum
// y).

#include <stdlib.h>

#include "naive_aggregate.h"
#include "naive_number.h"

__extension__ typedef __int128 wide;

static int64_t small_term(const struct terms *terms, int i)
{
    return terms->digits[i] * (INT64_C(1) << terms->shifts[i]);
}

static void set_wide(mpz_ptr whole, wide value)
{
    mpz_set_si(whole, (int64_t)(value >> 64));
    mpz_mul_2exp(whole, whole, 64);
    mpz_add_ui(whole, whole, (uint64_t)value);
}

static void add_up(mpz_ptr sum, const struct terms *x)
{
    mpz_t term;
    wide total = 0;
    mpz_init(term);
    mpz_set_ui(sum, 0);
    if (x->bits <= 62) {
        for (int i = 0; i < x->count; i++) total += small_term(x, i);
        set_wide(sum, total);
    } else {
        for (int i = 0; i < x->count; i++) {
            term_get(term, x, i);
            mpz_add(sum, sum, term);
        }
    }
    mpz_clear(term);
}

// d = n x[i] - sum
static void deviation(mpz_ptr d, const struct terms *x, int i, mpz_srcptr sum)
{
    term_get(d, x, i);
    mpz_mul_ui(d, d, (unsigned long)x->count);
    mpz_sub(d, d, sum);
}

static bool deviate_narrowly(mpz_ptr result, const struct terms *x, const struct terms *y)
{
    wide sum_x = 0, sum_y = 0, products = 0;
    if (x->bits > 48 || y->bits > 48 || x->bits + y->bits > 96 || x->count >= 1 << 14) return false;
    for (int i = 0; i < x->count; i++) {
        const wide a = small_term(x, i), b = small_term(y, i);
        sum_x += a;
        sum_y += b;
        products += a * b;
    }
    set_wide(result, products * x->count - sum_x * sum_y); // each below 2^(96 + 28)
    mpz_mul_ui(result, result, (unsigned long)x->count);
    return true;
}

// The sum of d e over all rows, d and e the deviations of x and y.
static void codeviation(mpz_ptr result, const struct terms *x, const struct terms *y)
{
    mpz_t sum_x, sum_y, d, e;
    if (deviate_narrowly(result, x, y)) return;
    mpz_inits(sum_x, sum_y, d, e, NULL);
    add_up(sum_x, x);
    add_up(sum_y, y);
    mpz_set_ui(result, 0);
    for (int i = 0; i < x->count; i++) {
        deviation(d, x, i, sum_x);
        deviation(e, y, i, sum_y);
        mpz_addmul(result, d, e);
    }
    mpz_clears(sum_x, sum_y, d, e, NULL);
}

// The sum of d^power.
static void power_sum(mpz_ptr result, const struct terms *x, unsigned power)
{
    mpz_t sum, d;
    mpz_inits(sum, d, NULL);
    add_up(sum, x);
    mpz_set_ui(result, 0);
    for (int i = 0; i < x->count; i++) {
        deviation(d, x, i, sum);
        mpz_pow_ui(d, d, power);
        mpz_add(result, result, d);
    }
    mpz_clears(sum, d, NULL);
}

// value = numerator / (a b c)
static void set_quotient(mpq_ptr value, mpz_srcptr numerator, long a, long b, long c)
{
    mpz_set(mpq_numref(value), numerator);
    mpz_set_si(mpq_denref(value), a);
    mpz_mul_si(mpq_denref(value), mpq_denref(value), b);
    mpz_mul_si(mpq_denref(value), mpq_denref(value), c);
    mpq_canonicalize(value);
}

static struct cell total(const struct naive_rows *rows, const struct terms *x)
{
    struct cell result;
    mpz_t sum;
    mpq_t value;
    mpz_init(sum);
    mpq_init(value);
    add_up(sum, x);
    if (rows->aggregate->function == FN_SUM && kind_is_exact(rows->x)) {
        result = cell_of_integer(sum, rows->x);
    } else {
        set_quotient(value, sum, rows->aggregate->function == FN_MEAN ? rows->count : 1, 1, 1);
        mpq_mul(value, value, x->unit);
        result = cell_of_double(nearest_double(value));
    }
    mpz_clear(sum);
    mpq_clear(value);
    return result;
}

static bool is_sample(enum function function)
{
    return function == FN_VAR || function == FN_STDDEV || function == FN_COVAR;
}

// var, stddev, covar and their population forms
static struct cell spread(const struct naive_rows *rows, const struct terms *x, const struct terms *y)
{
    const enum function function = rows->aggregate->function;
    const bool is_root = function == FN_STDDEV || function == FN_STDDEV_POP;
    const long n = rows->count;
    mpz_t sum;
    mpq_t value;
    if (is_sample(function) && n < 2) return (struct cell){0};
    mpz_init(sum);
    mpq_init(value);
    codeviation(sum, x, y);
    set_quotient(value, sum, n, n, is_sample(function) ? n - 1 : n);
    mpq_mul(value, value, x->unit);
    mpq_mul(value, value, y->unit);
    const struct cell result = cell_of_double(is_root ? nearest_root(value) : nearest_double(value));
    mpz_clear(sum);
    mpq_clear(value);
    return result;
}

static struct cell signed_root(mpq_srcptr square, int sign)
{
    return cell_of_double(sign < 0 ? -nearest_root(square) : nearest_root(square));
}

// m3 / m2^(3/2) is the root of n (sum d^3)^2 / (sum d^2)^3
static struct cell skewness(const struct terms *x)
{
    struct cell result = {0};
    mpz_t squares, cubes;
    mpq_t value;
    mpz_inits(squares, cubes, NULL);
    mpq_init(value);
    power_sum(squares, x, 2);
    power_sum(cubes, x, 3);
    if (mpz_sgn(squares) != 0) {
        const int sign = mpz_sgn(cubes);
        mpz_mul(cubes, cubes, cubes);
        mpz_mul_si(mpq_numref(value), cubes, x->count);
        mpz_pow_ui(mpq_denref(value), squares, 3);
        mpq_canonicalize(value);
        result = signed_root(value, sign);
    }
    mpz_clears(squares, cubes, NULL);
    mpq_clear(value);
    return result;
}

// m4 / m2^2 - 3 is n sum d^4 / (sum d^2)^2 - 3
static struct cell kurtosis(const struct terms *x)
{
    struct cell result = {0};
    mpz_t squares, fourths;
    mpq_t value, three;
    mpz_inits(squares, fourths, NULL);
    mpq_inits(value, three, NULL);
    power_sum(squares, x, 2);
    power_sum(fourths, x, 4);
    if (mpz_sgn(squares) != 0) {
        mpz_mul_si(mpq_numref(value), fourths, x->count);
        mpz_mul(mpq_denref(value), squares, squares);
        mpq_canonicalize(value);
        mpq_set_ui(three, 3, 1);
        mpq_sub(value, value, three);
        result = cell_of_double(nearest_double(value));
    }
    mpz_clears(squares, fourths, NULL);
    mpq_clears(value, three, NULL);
    return result;
}

// corr: cov^2 / (var var), rooted. slope of x over y: cov / var of y.
static struct cell against(const struct naive_rows *rows, const struct terms *x, const struct terms *y)
{
    const bool is_slope = rows->aggregate->function == FN_SLOPE;
    struct cell result = {0};
    mpz_t xy, xx, yy;
    mpq_t value;
    mpz_inits(xy, xx, yy, NULL);
    mpq_init(value);
    codeviation(xy, x, y);
    codeviation(xx, x, x);
    codeviation(yy, y, y);
    if (mpz_sgn(yy) != 0 && (is_slope || mpz_sgn(xx) != 0)) {
        mpz_set(mpq_numref(value), xy);
        mpz_set(mpq_denref(value), yy);
        if (!is_slope) {
            mpz_mul(mpq_numref(value), xy, xy);
            mpz_mul(mpq_denref(value), xx, yy);
        }
        mpq_canonicalize(value);
        if (is_slope) {
            mpq_mul(value, value, x->unit);
            mpq_div(value, value, y->unit);
        }
        result = is_slope ? cell_of_double(nearest_double(value)) : signed_root(value, mpz_sgn(xy));
    }
    mpz_clears(xy, xx, yy, NULL);
    mpq_clear(value);
    return result;
}

static struct cell of_two(const struct naive_rows *rows, const struct terms *x)
{
    static const struct kind time_kind = {KIND_INT64, 0};
    const bool is_slope = rows->aggregate->function == FN_SLOPE;
    struct cell *cells = pool_take(rows->pool, (size_t)(rows->count + 1) * sizeof *cells);
    struct terms y;
    for (int i = 0; i < rows->count; i++)
        cells[i] = is_slope ? (struct cell){.present = true, .i = rows->rows[i].time} : rows->rows[i].y;
    terms_init(&y, rows->pool, is_slope ? time_kind : rows->y, rows->count, cells, sizeof *cells);
    const bool is_spread = rows->aggregate->function == FN_COVAR || rows->aggregate->function == FN_COVAR_POP;
    const struct cell result = is_spread ? spread(rows, x, &y) : against(rows, x, &y);
    terms_clear(&y);
    return result;
}

struct cell naive_moment(const struct naive_rows *rows)
{
    struct terms x;
    struct cell result;
    terms_init(&x, rows->pool, rows->x, rows->count, &rows->rows->x, sizeof *rows->rows);
    switch (rows->aggregate->function) {
    case FN_SUM:
    case FN_MEAN: result = total(rows, &x); break;
    case FN_SKEW: result = skewness(&x); break;
    case FN_KURTOSIS: result = kurtosis(&x); break;
    case FN_VAR:
    case FN_STDDEV:
    case FN_VAR_POP:
    case FN_STDDEV_POP: result = spread(rows, &x, &x); break;
    default: result = of_two(rows, &x); break;
    }
    terms_clear(&x);
    return result;
}
