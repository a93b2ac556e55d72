// Doubles as text: the fewest digits that read back, found without trying.
//
// Most doubles that people keep are decimals of few digits; float_text tries that first (short_decimal). All
// others go by Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020): the interval of
// decimals that read as x is scaled by a power of ten so that it holds at least one integer and at most a
// few; of those that end in zero at most one is in it, and that one, or else the nearest, is the answer. The
// powers are 128 bits wide, each rounded up, which the paper proves to be enough; they are made exactly,
// once, at first use.

#include "engine/base/number_text.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

// ---- Powers of ten: 10^e = power 2^r with 2^127 <= power < 2^128, rounded up to an integer.

#define LEAST_POWER    (-292)
#define GREATEST_POWER 324
#define WORDS          20 // of 64 bits: 10^324 has 1077 bits, 2^1279 / 10^292 has more than 128 left

static uint128 table[GREATEST_POWER - LEAST_POWER + 1];

// The top 128 bits of a number (least word first), and whether anything is below them.
static uint128 top_bits(const uint64_t number[WORDS], bool *more)
{
    int top = WORDS - 1;
    while (number[top] == 0) top--;
    const int shift = __builtin_clzll(number[top]);
    const uint64_t a = number[top], b = top > 0 ? number[top - 1] : 0, c = top > 1 ? number[top - 2] : 0;
    uint128 bits = (uint128)a << 64 | b;
    if (shift) bits = bits << shift | c >> (64 - shift);
    *more = (c << shift) != 0;
    for (int i = top - 3; i >= 0; i--) *more = *more || number[i] != 0;
    return bits;
}

static void times_ten(uint64_t number[WORDS])
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint128 product = (uint128)number[i] * 10 + carry;
        number[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

// Dividing by ten again and again and rounding down each time is dividing by the power and rounding down
// once.
static void by_ten(uint64_t number[WORDS])
{
    uint64_t rest = 0;
    for (int i = WORDS - 1; i >= 0; i--) {
        const uint128 dividend = (uint128)rest << 64 | number[i];
        number[i] = (uint64_t)(dividend / 10);
        rest = (uint64_t)(dividend % 10);
    }
}

static void make_table(void)
{
    uint64_t number[WORDS] = {1};
    bool more;
    for (int e = 0; e <= GREATEST_POWER; e++, times_ten(number)) {
        const uint128 bits = top_bits(number, &more);
        table[e - LEAST_POWER] = bits + more;
    }
    memset(number, 0, sizeof number);
    number[WORDS - 1] = UINT64_C(1) << 63;
    for (int e = -1; e >= LEAST_POWER; e--) {
        by_ten(number);
        table[e - LEAST_POWER] =
            top_bits(number, &more) + 1; // never exact: no power of two is a multiple of ten
    }
}

static uint128 power_of_ten(int e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static bool is_made; // what a number asks, without a call
    if (!__atomic_load_n(&is_made, __ATOMIC_ACQUIRE)) {
        pthread_once(&once, make_table);
        __atomic_store_n(&is_made, true, __ATOMIC_RELEASE);
    }
    return table[e - LEAST_POWER];
}

// ---- Schubfach

// floor(log10(2^q)) and, of the narrow side of a power of two, floor(log10(3/4 2^q)); floor(log2(10^e)).
// Exact for all that doubles need.
static int log10_of_power(int q, bool narrow)
{
    return (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
}

static int log2_of_ten(int e)
{
    return (e * 1741647) >> 19;
}

// The product's bits from 2^128 on, the last of them set if anything below is not zero (enough for
// comparing).
static uint64_t scaled(uint128 power, uint64_t c)
{
    const uint128 low = (uint128)(uint64_t)power * c;
    const uint128 sum = (uint128)(uint64_t)(power >> 64) * c + (uint64_t)(low >> 64);
    return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

static uint64_t schubfach(uint64_t fraction, int exponent, int *exponent10)
{
    const uint64_t c = exponent ? fraction | UINT64_C(1) << 52 : fraction;
    const int q = (exponent ? exponent : 1) - 1075;
    const bool narrow = fraction == 0 && exponent > 1; // the double below is half as far as the one above
    const int k = log10_of_power(q, narrow), shift = q + log2_of_ten(-k) + 1;
    const uint128 power = power_of_ten(-k);
    const uint64_t out = c & 1; // of an even c the ends of the interval read back too
    const uint64_t low = scaled(power, (4 * c - 2 + narrow) << shift) + out;
    const uint64_t middle = scaled(power, 4 * c << shift);
    const uint64_t high = scaled(power, (4 * c + 2) << shift) - out;
    const uint64_t s = middle / 4, tens = s / 10;
    const bool ten_below = low <= 40 * tens, ten_above = 40 * tens + 40 <= high;
    const bool below = low <= 4 * s, above = 4 * s + 4 <= high;
    const bool is_nearer = middle % 4 + s % 2 > 2; // the one above is, or as near and even
    const bool is_short = (s >= 10) & (ten_below != ten_above);
    *exponent10 = k + is_short;
    return is_short ? tens + ten_above : s + (below != above ? above : is_nearer);
}

// ---- Short decimals

// Is x the quotient m / 10^places, rounded once, with m below 10^15? Then text of m's digits reads as x,
// because m and 10^places are exact doubles and reading such a text is that division. No other decimal of up
// to 15 digits reads as x (each normal double has at most one), so without its final zeros m is the shortest.
static inline bool is_quotient(double x, double unit, uint64_t *m)
{
    const double product = x * unit;
    *m = (uint64_t)(int64_t)(product + 0.5);
    // Both roundings, of a quotient and of its product, change it by no more than a 2^53rd.
    if (fabs(product - (double)(int64_t)*m) > product * 0x1p-50) return false;
    return (double)(int64_t)*m / unit == x;
}

static bool short_decimal(double x, uint64_t *digits, int *exponent10)
{
    uint64_t m;
    if (!(x < 1e15)) return false;
    if (x < 1e13 && is_quotient(x, 1e2, &m))
        *exponent10 = -2;
    else if (x < 1e9) // then it has three places only where it has six
        if (is_quotient(x, 1e6, &m))
            *exponent10 = -6;
        else
            return false;
    else if (x < 1e12 ? is_quotient(x, 1e3, &m) : is_quotient(x, 1, &m))
        *exponent10 = x < 1e12 ? -3 : 0;
    else
        return false;
    for (; *exponent10 < -2 && m % 1000 == 0; *exponent10 += 3) m /= 1000;
    for (; *exponent10 < 0 && m % 10 == 0; ++*exponent10) m /= 10;
    *digits = m;
    return true;
}

size_t ss_float64_write(double value, char *text)
{
    uint64_t bits, digits;
    int exponent10;
    memcpy(&bits, &value, sizeof bits);
    const bool negative = bits >> 63;
    const int exponent = (int)(bits >> 52 & 0x7ff);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    text[0] = '-';
    if (exponent == 0x7ff && fraction) return memcpy(text, "nan", 3), 3;
    text += negative;
    if (exponent == 0x7ff) return memcpy(text, "inf", 3), 3u + negative;
    if (exponent == 0 && fraction == 0) return memcpy(text, "0.0", 3), 3u + negative;
    if (!short_decimal(fabs(value), &digits, &exponent10)) {
        digits = schubfach(fraction, exponent, &exponent10);
        for (; digits % 10 == 0; digits /= 10) exponent10++;
    }
    return negative + ss_float_lay_out(digits, exponent10, text);
}

const char *ss_float64_format(double value, char text[SS_NUMBER_TEXT_SIZE])
{
    text[ss_float64_write(value, text)] = 0;
    return text;
}
