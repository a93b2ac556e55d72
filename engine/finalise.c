// Finalise. See finalise.h.
//
// mean = S1 / (n 10^s); variance = A / (n (n-1) 10^2s) with A = n S2 - S1^2, of a population
// A / (n n 10^2s); stddev is its root. A quotient
// is computed to more bits than a double has, with a sticky bit for the remainder, and rounded from there:
// the quotient of integers by one division, the root by an integer root of a quotient of twice as many bits.
// All scaling is by whole limbs, so exponents under a root stay even.

#include "engine/finalise.h"

#include "engine/base/number.h"

#include <gmp.h>
#include <string.h>

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "limbs of GMP are ours");

__extension__ typedef unsigned __int128 uint128;

#define QUOTIENT_BITS 56  // 53 and a guard, with room
#define RADICAND_BITS 114 // whose root has 57
#define DIVISOR_LIMBS 6   // n (n-1) 10^36 has 246 bits
#define SMALL_LIMBS   (DIVISOR_LIMBS + 4)
// n S2 - S1^2: twice the widest window, and once more for windows that lie apart in a damaged state.
#define WIDE_LIMBS (4 * SS_EXACT_MAX_LIMBS)

struct natural { // limbs in units of 2^(64 low), the highest not 0; count 0: zero
    mp_limb_t *limbs;
    mp_size_t count;
    int32_t low;
    bool sticky; // the number is a little greater than the limbs say
};

static int bits_of(const mp_limb_t *limbs, mp_size_t count)
{
    return (int)(64 * count) - __builtin_clzll(limbs[count - 1]);
}

static bool any_bit_below(const struct natural *number, int end)
{
    for (int i = 0; i < end / 64; i++)
        if (number->limbs[i]) return true;
    return end % 64 && number->limbs[end / 64] << (64 - end % 64) != 0;
}

// number * 2^exponent (without its low) to a double; the number has enough bits for its sticky bit to count
// last.
static bool round_to_double(const struct natural *number, int exponent, bool negative, double *value)
{
    *value = 0;
    if (number->count == 0) return true;
    const int bits = bits_of(number->limbs, number->count);
    const int highest = bits - 1 + exponent;
    if (highest > 1023) return false;
    const int unit = highest - 52 > -1074 ? highest - 52 : -1074; // exponent of the double's last bit
    const int drop = unit - exponent;
    uint64_t mantissa;
    if (drop > bits) return true;
    if (drop <= 0) {
        mantissa = number->limbs[0] << -drop;
    } else {
        const int limb = drop / 64, shift = drop % 64;
        mantissa = limb < number->count ? number->limbs[limb] >> shift : 0;
        if (shift && limb + 1 < number->count) mantissa |= number->limbs[limb + 1] << (64 - shift);
        const bool guard = number->limbs[(drop - 1) / 64] >> ((drop - 1) % 64) & 1;
        const bool rest = number->sticky || any_bit_below(number, drop - 1);
        mantissa += guard && (rest || (mantissa & 1));
    }
    if (mantissa == 0) return true;
    uint64_t pattern = mantissa;
    if (mantissa >> 52) pattern += (uint64_t)(unit + 1074) << 52;
    if (pattern >> 52 == 0x7ff) return false;
    pattern |= (uint64_t)negative << 63;
    memcpy(value, &pattern, sizeof pattern);
    return true;
}

// The quotient to at least `bits` bits, in `room` (SMALL_LIMBS limbs).
static struct natural divide(const struct natural *number, const mp_limb_t *divisor, mp_size_t divisor_count,
                             int bits, mp_limb_t *room)
{
    mp_limb_t scaled[SMALL_LIMBS], remainder[DIVISOR_LIMBS];
    const int missing = bits + bits_of(divisor, divisor_count) - bits_of(number->limbs, number->count);
    const mp_size_t shift = missing > 0 ? (missing + 63) / 64 : -(-missing / 64); // limbs
    const mp_size_t count = number->count + shift;
    struct natural quotient = {.limbs = room, .low = number->low - (int32_t)shift, .sticky = number->sticky};
    if (shift >= 0) {
        memset(scaled, 0, (size_t)shift * sizeof *scaled);
        memcpy(scaled + shift, number->limbs, (size_t)number->count * sizeof *scaled);
    } else {
        quotient.sticky = quotient.sticky || any_bit_below(number, (int)(-64 * shift));
        memcpy(scaled, number->limbs - shift, (size_t)count * sizeof *scaled);
    }
    if (divisor_count == 1) {
        remainder[0] = mpn_divrem_1(room, 0, scaled, count, divisor[0]);
        quotient.count = count;
    } else {
        mpn_tdiv_qr(room, remainder, 0, scaled, count, divisor, divisor_count);
        quotient.count = count - divisor_count + 1;
    }
    for (mp_size_t i = 0; i < divisor_count; i++) quotient.sticky = quotient.sticky || remainder[i];
    while (quotient.limbs[quotient.count - 1] == 0) quotient.count--;
    return quotient;
}

static struct natural magnitude_of(const struct ss_exact *number, mp_limb_t *room)
{
    struct natural natural = {.limbs = room};
    size_t count;
    ss_exact_magnitude(number, room, &count, &natural.low);
    natural.count = (mp_size_t)count;
    return natural;
}

static mp_size_t multiply(mp_limb_t *limbs, mp_size_t count, mp_limb_t factor)
{
    const mp_limb_t carry = mpn_mul_1(limbs, limbs, count, factor);
    limbs[count] = carry;
    return count + (carry != 0);
}

bool ss_finalise_int64(const struct ss_exact *sum, int64_t *value)
{
    mp_limb_t room[SS_EXACT_MAX_LIMBS];
    const struct natural natural = magnitude_of(sum, room);
    const bool negative = ss_exact_sign(sum) < 0;
    *value = 0;
    if (natural.count == 0) return true;
    if (natural.count > 1 || natural.low != 0) return false;
    if (room[0] > (uint64_t)INT64_MAX + negative) return false;
    *value = negative ? (int64_t)(0 - room[0]) : (int64_t)room[0];
    return true;
}

bool ss_finalise_double(const struct ss_exact *sum, double *value)
{
    mp_limb_t room[SS_EXACT_MAX_LIMBS];
    const struct natural natural = magnitude_of(sum, room);
    return round_to_double(&natural, 64 * natural.low, ss_exact_sign(sum) < 0, value);
}

bool ss_finalise_mean(const struct ss_exact *sum, uint64_t n, unsigned scale, double *value)
{
    mp_limb_t room[SS_EXACT_MAX_LIMBS], quotient_room[SMALL_LIMBS], divisor[2] = {n};
    const struct natural natural = magnitude_of(sum, room);
    *value = 0;
    if (natural.count == 0) return true;
    const mp_size_t divisor_count = scale ? multiply(divisor, 1, (mp_limb_t)ss_power_of_ten(scale)) : 1;
    const struct natural quotient = divide(&natural, divisor, divisor_count, QUOTIENT_BITS, quotient_room);
    return round_to_double(&quotient, 64 * quotient.low, ss_exact_sign(sum) < 0, value);
}

// n S2 - S1^2 in `room` (WIDE_LIMBS). Sums of real terms never make it negative; those of a damaged state
// may, and then it is 0.
static struct natural spread(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                             mp_limb_t *room)
{
    mp_limb_t sum_room[SS_EXACT_MAX_LIMBS], left[WIDE_LIMBS], right[WIDE_LIMBS];
    const struct natural s1 = magnitude_of(sum, sum_room), s2 = magnitude_of(squares, room);
    struct natural result = {.limbs = room};
    if (s2.count == 0 || ss_exact_sign(squares) < 0) return result;
    const int32_t right_low = s1.count ? 2 * s1.low : s2.low;
    const int32_t low = s2.low < right_low ? s2.low : right_low;
    const mp_size_t left_at = s2.low - low, right_at = right_low - low;
    const mp_size_t left_end = left_at + s2.count + 1, right_end = right_at + 2 * s1.count;
    const mp_size_t count = left_end > right_end ? left_end : right_end;
    memset(left, 0, (size_t)count * sizeof *left);
    memset(right, 0, (size_t)count * sizeof *right);
    left[left_at + s2.count] = mpn_mul_1(left + left_at, s2.limbs, s2.count, n);
    if (s1.count) mpn_sqr(right + right_at, s1.limbs, s1.count);
    if (mpn_cmp(left, right, count) <= 0) return result;
    mpn_sub_n(room, left, right, count);
    result.low = low;
    for (result.count = count; room[result.count - 1] == 0;) result.count--;
    for (; result.limbs[0] == 0; result.count--, result.low++) result.limbs++;
    return result;
}

static mp_size_t variance_divisor(uint64_t n, bool population, unsigned scale, mp_limb_t *divisor)
{
    const uint128 pairs = (uint128)n * (population ? n : n - 1);
    divisor[0] = (mp_limb_t)pairs;
    divisor[1] = (mp_limb_t)(pairs >> 64);
    mp_size_t count = divisor[1] ? 2 : 1;
    for (int i = 0; scale && i < 2; i++) count = multiply(divisor, count, (mp_limb_t)ss_power_of_ten(scale));
    return count;
}

bool ss_finalise_variance(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                          bool population, unsigned scale, double *value)
{
    mp_limb_t room[WIDE_LIMBS], quotient_room[SMALL_LIMBS], divisor[DIVISOR_LIMBS];
    *value = 0;
    if (n < (population ? 1 : 2)) return false;
    const struct natural natural = spread(sum, squares, n, room);
    if (natural.count == 0) return true;
    const mp_size_t divisor_count = variance_divisor(n, population, scale, divisor);
    const struct natural quotient = divide(&natural, divisor, divisor_count, QUOTIENT_BITS, quotient_room);
    return round_to_double(&quotient, 64 * quotient.low, false, value);
}

bool ss_finalise_stddev(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                        bool population, unsigned scale, double *value)
{
    mp_limb_t room[WIDE_LIMBS], quotient_room[SMALL_LIMBS], root_room[SMALL_LIMBS], divisor[DIVISOR_LIMBS];
    *value = 0;
    if (n < (population ? 1 : 2)) return false;
    const struct natural natural = spread(sum, squares, n, room);
    if (natural.count == 0) return true;
    const mp_size_t divisor_count = variance_divisor(n, population, scale, divisor);
    const struct natural radicand = divide(&natural, divisor, divisor_count, RADICAND_BITS, quotient_room);
    struct natural root = {.limbs = root_room, .count = (radicand.count + 1) / 2};
    root.sticky = mpn_sqrtrem(root_room, NULL, radicand.limbs, radicand.count) != 0 || radicand.sticky;
    return round_to_double(&root, 32 * radicand.low, false, value);
}
