// Finalise of moments. See finalise_moments.h.
//
// With sums S1 .. S4 of x, Sy, Syy, Sxy and n terms, all of them exact:
//
//   A = n S2 - S1^2                                    B = n^2 S3 - 3 n S1 S2 + 2 S1^3
//   K = n^3 S4 - 4 n^2 S1 S3 + 6 n S1^2 S2 - 3 S1^4    C = n Sxy - S1 Sy, Ay = n Syy - Sy^2
//
//   skew = B / A^(3/2)   kurtosis = (K - 3 A^2) / A^2   covar = C / (n (n - 1)), of a population C / n^2
//   corr = C / sqrt(A Ay)   slope = C / Ay
//
// Numbers are limbs of GMP on the stack, in one scratch that is used up and left; nothing is allocated. A
// quotient is shifted by bits so that it, or its root, fills one limb; a sticky bit stands for the rest.

#include "engine/finalise_moments.h"

#include "engine/base/error.h"
#include "engine/base/number.h"

#include <gmp.h>
#include <string.h>

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "limbs of GMP are ours");

// Enough for the kurtosis of sums that fill their widest windows (7000), which only those of a damaged state
// do.
#define SCRATCH_LIMBS 8192

struct scratch {
    size_t used;
    mp_limb_t limbs[SCRATCH_LIMBS];
};

struct big { // limbs in units of 2^(64 low), neither the lowest nor the highest 0; count 0: zero
    mp_limb_t *limbs;
    mp_size_t count;
    int32_t low;
    bool negative;
};

static mp_limb_t *take(struct scratch *scratch, mp_size_t count)
{
    mp_limb_t *limbs = scratch->limbs + scratch->used;
    scratch->used += (size_t)count;
    SS_ASSERT(scratch->used <= SCRATCH_LIMBS);
    return limbs;
}

static struct big trimmed(struct big number)
{
    while (number.count && number.limbs[number.count - 1] == 0) number.count--;
    while (number.count && number.limbs[0] == 0) {
        number.limbs++;
        number.low++;
        number.count--;
    }
    return number;
}

static struct big big_of(struct scratch *scratch, const struct ss_exact *number)
{
    struct big result = {.limbs = take(scratch, number->count), .negative = ss_exact_sign(number) < 0};
    size_t count;
    ss_exact_magnitude(number, result.limbs, &count, &result.low);
    result.count = (mp_size_t)count;
    return result;
}

static struct big times(struct scratch *scratch, struct big a, uint64_t factor)
{
    struct big result = {take(scratch, a.count + 1), a.count + 1, a.low, a.negative};
    if (a.count == 0) return a;
    result.limbs[a.count] = mpn_mul_1(result.limbs, a.limbs, a.count, factor);
    return trimmed(result);
}

static struct big product(struct scratch *scratch, struct big a, struct big b)
{
    if (a.count == 0 || b.count == 0) return (struct big){0};
    const mp_size_t count = a.count + b.count;
    const struct big result = {take(scratch, count), count, a.low + b.low, a.negative != b.negative};
    if (a.limbs == b.limbs)
        mpn_sqr(result.limbs, a.limbs, a.count);
    else if (a.count >= b.count)
        mpn_mul(result.limbs, a.limbs, a.count, b.limbs, b.count);
    else
        mpn_mul(result.limbs, b.limbs, b.count, a.limbs, a.count);
    return trimmed(result);
}

static struct big sum(struct scratch *scratch, struct big a, struct big b)
{
    if (a.count == 0) return b;
    if (b.count == 0) return a;
    const int32_t a_end = a.low + (int32_t)a.count, b_end = b.low + (int32_t)b.count;
    const int32_t low = a.low < b.low ? a.low : b.low;
    const mp_size_t count = (a_end > b_end ? a_end : b_end) - low + 1, at = b.low - low;
    struct big result = {take(scratch, count), count, low, a.negative};
    memset(result.limbs, 0, (size_t)count * sizeof *result.limbs);
    memcpy(result.limbs + (a.low - low), a.limbs, (size_t)a.count * sizeof *a.limbs);
    mp_limb_t *const from = result.limbs + at;
    if (a.negative == b.negative) {
        mpn_add(from, from, count - at, b.limbs, b.count);
    } else if (mpn_sub(from, from, count - at, b.limbs, b.count)) {
        mpn_neg(result.limbs, result.limbs, count);
        result.negative = b.negative;
    }
    return trimmed(result);
}

static struct big minus(struct scratch *scratch, struct big a, struct big b)
{
    b.negative = !b.negative;
    return sum(scratch, a, b);
}

static int bits_of(struct big number)
{
    return (int)(64 * number.count) - __builtin_clzll(number.limbs[number.count - 1]);
}

// number * 2^shift, its low left as it is.
static struct big shifted(struct scratch *scratch, struct big number, int shift)
{
    const mp_size_t whole = shift / 64, count = number.count + whole + 1;
    const struct big result = {take(scratch, count), count, number.low, number.negative};
    memset(result.limbs, 0, (size_t)whole * sizeof *result.limbs);
    mp_limb_t *const to = result.limbs + whole;
    if (shift % 64) {
        to[number.count] = mpn_lshift(to, number.limbs, number.count, (unsigned)shift % 64);
    } else {
        memcpy(to, number.limbs, (size_t)number.count * sizeof *to);
        to[number.count] = 0;
    }
    return result;
}

// (-1)^negative (mantissa + a little, if sticky) 2^exponent to a double; the mantissa has 63 bits or more.
static bool round_once(uint64_t mantissa, bool sticky, int64_t exponent, bool negative, double *value)
{
    const int64_t highest = 63 - __builtin_clzll(mantissa) + exponent;
    *value = 0;
    if (highest > 1023) return false;
    if (highest < -1075) return true;
    const int64_t unit = highest - 52 > -1074 ? highest - 52 : -1074; // exponent of the double's last bit
    const unsigned drop = (unsigned)(unit - exponent);                // 10 to 64
    uint64_t pattern = drop < 64 ? mantissa >> drop : 0;
    const bool guard = mantissa >> (drop - 1) & 1;
    const bool rest = sticky || (mantissa & ((UINT64_C(1) << (drop - 1)) - 1)) != 0;
    pattern += guard && (rest || (pattern & 1));
    if (pattern == 0) return true;
    if (pattern >> 52) pattern += (uint64_t)(unit + 1074) << 52;
    if (pattern >> 52 == 0x7ff) return false;
    pattern |= (uint64_t)negative << 63;
    memcpy(value, &pattern, sizeof pattern);
    return true;
}

// a / b * 2^exponent, or its root (with a's sign, b > 0), rounded once. b is not 0.
static bool quotient(struct scratch *scratch, struct big a, struct big b, int64_t exponent, bool root,
                     double *value)
{
    mp_limb_t digits[3], root_digit;
    *value = 0;
    if (a.count == 0) return true;
    int shift = (root ? 127 : 63) + bits_of(b) - bits_of(a); // gives as many bits, or one more
    exponent += 64 * (int64_t)(a.low - b.low) - shift;
    if (root && exponent % 2) {
        shift--;
        exponent++;
    }
    if (shift > 0) a = shifted(scratch, a, shift);
    if (shift < 0) b = shifted(scratch, b, -shift);
    while (a.limbs[a.count - 1] == 0) a.count--;
    while (b.limbs[b.count - 1] == 0) b.count--;
    mp_limb_t *const remainder = take(scratch, b.count);
    mpn_tdiv_qr(digits, remainder, 0, a.limbs, a.count, b.limbs, b.count);
    bool sticky = false;
    for (mp_size_t i = 0; i < b.count; i++) sticky = sticky || remainder[i];
    if (!root) return round_once(digits[0], sticky, exponent, a.negative != b.negative, value);
    sticky = mpn_sqrtrem(&root_digit, NULL, digits, 2) != 0 || sticky;
    return round_once(root_digit, sticky, exponent / 2, a.negative, value);
}

// n xy - x y
static struct big spread(struct scratch *scratch, uint64_t n, struct big xy, struct big x, struct big y)
{
    return minus(scratch, times(scratch, xy, n), product(scratch, x, y));
}

// Sums of real terms give no spread below zero; those of a damaged state may.
static bool varies(struct big spread_of_one)
{
    return spread_of_one.count && !spread_of_one.negative;
}

bool ss_finalise_skew(const struct ss_exact *const sums[4], uint64_t n, double *value)
{
    struct scratch scratch;
    struct scratch *const at = &scratch;
    scratch.used = 0;
    *value = 0;
    const struct big s1 = big_of(at, sums[0]), s2 = big_of(at, sums[1]), s3 = big_of(at, sums[2]);
    const struct big a = spread(at, n, s2, s1, s1);
    if (!varies(a)) return false;
    // B = n (n S3 - 3 S1 S2) + 2 S1^3
    const struct big mixed = times(at, product(at, s1, s2), 3);
    const struct big inner = times(at, minus(at, times(at, s3, n), mixed), n);
    const struct big cube = product(at, product(at, s1, s1), s1);
    const struct big b = sum(at, inner, times(at, cube, 2));
    struct big square = product(at, b, b);
    square.negative = b.negative;
    return quotient(at, square, product(at, product(at, a, a), a), 0, true, value);
}

bool ss_finalise_kurtosis(const struct ss_exact *const sums[4], uint64_t n, double *value)
{
    struct scratch scratch;
    struct scratch *const at = &scratch;
    scratch.used = 0;
    *value = 0;
    const struct big s1 = big_of(at, sums[0]), s2 = big_of(at, sums[1]), s3 = big_of(at, sums[2]),
                     s4 = big_of(at, sums[3]);
    const struct big square = product(at, s1, s1);
    const struct big a = minus(at, times(at, s2, n), square);
    if (!varies(a)) return false;
    // K = n (n (n S4 - 4 S1 S3) + 6 S1^2 S2) - 3 S1^4
    const struct big left = minus(at, times(at, s4, n), times(at, product(at, s1, s3), 4));
    const struct big middle = sum(at, times(at, left, n), times(at, product(at, square, s2), 6));
    const struct big fourth = times(at, product(at, square, square), 3);
    const struct big k = minus(at, times(at, middle, n), fourth);
    const struct big a_square = product(at, a, a);
    return quotient(at, minus(at, k, times(at, a_square, 3)), a_square, 0, false, value);
}

static struct big one(struct scratch *scratch)
{
    const struct big result = {take(scratch, 1), 1, 0, false};
    result.limbs[0] = 1;
    return result;
}

static struct big times_ten_to(struct scratch *scratch, struct big number, unsigned scale)
{
    return scale ? times(scratch, number, (uint64_t)ss_power_of_ten(scale)) : number;
}

bool ss_finalise_covariance(const struct ss_pair_sums *sums, bool population, double *value)
{
    struct scratch scratch;
    struct scratch *const at = &scratch;
    scratch.used = 0;
    *value = 0;
    if (sums->n < (population ? 1 : 2)) return false;
    const struct big c = spread(at, sums->n, big_of(at, sums->xy), big_of(at, sums->x), big_of(at, sums->y));
    struct big divisor = times(at, times(at, one(at), sums->n), population ? sums->n : sums->n - 1);
    divisor = times_ten_to(at, times_ten_to(at, divisor, sums->x_scale), sums->y_scale);
    return quotient(at, c, divisor, 0, false, value);
}

bool ss_finalise_correlation(const struct ss_pair_sums *sums, double *value)
{
    struct scratch scratch;
    struct scratch *const at = &scratch;
    scratch.used = 0;
    *value = 0;
    const struct big x = big_of(at, sums->x), y = big_of(at, sums->y);
    const struct big x_spread = spread(at, sums->n, big_of(at, sums->xx), x, x);
    const struct big y_spread = spread(at, sums->n, big_of(at, sums->yy), y, y);
    if (!varies(x_spread) || !varies(y_spread)) return false;
    const struct big c = spread(at, sums->n, big_of(at, sums->xy), x, y);
    struct big square = product(at, c, c);
    square.negative = c.negative;
    return quotient(at, square, product(at, x_spread, y_spread), 0, true, value);
}

bool ss_finalise_slope(const struct ss_pair_sums *sums, double *value)
{
    struct scratch scratch;
    struct scratch *const at = &scratch;
    scratch.used = 0;
    *value = 0;
    const struct big x = big_of(at, sums->x), y = big_of(at, sums->y);
    const struct big y_spread = spread(at, sums->n, big_of(at, sums->yy), y, y);
    if (!varies(y_spread)) return false;
    const struct big c = spread(at, sums->n, big_of(at, sums->xy), x, y);
    // in units of 10^-x_scale per 10^-y_scale
    return quotient(at, times_ten_to(at, c, sums->y_scale), times_ten_to(at, y_spread, sums->x_scale), 0,
                    false, value);
}

bool ss_finalise_scaled(const struct ss_exact *total, uint64_t factor, int64_t exponent, unsigned scale,
                        double *value)
{
    struct scratch scratch;
    scratch.used = 0;
    const struct big scaled = times(&scratch, big_of(&scratch, total), factor);
    return quotient(&scratch, scaled, times_ten_to(&scratch, one(&scratch), scale), exponent, false, value);
}

bool ss_finalise_ratio(const struct ss_exact *a, const struct ss_exact *b, unsigned scale, double *value)
{
    struct scratch scratch;
    scratch.used = 0;
    const struct big divisor = times_ten_to(&scratch, big_of(&scratch, b), scale);
    *value = 0;
    if (!varies(divisor)) return false;
    return quotient(&scratch, big_of(&scratch, a), divisor, 0, false, value);
}
