// Finalise. See finalise.h.
//
// mean = S1 / (n 10^s); variance = A / (n (n-1) 10^2s) with A = n S2 - S1^2, of a population
// A / (n n 10^2s); stddev is its root. A quotient is computed to more bits than a double has, with a sticky
// bit for the remainder, and rounded from there: the quotient of integers by one division, the root by an
// integer root of a quotient of twice as many bits.
//
// Only the highest bits of a dividend decide: with N = floor(A / 2^j), floor(N / D) is the quotient, and the
// rest of A goes to the sticky bit. A divisor of more than a limb is a product of factors that are divided by
// in turn, floor(floor(N / a) / b) = floor(N / (a b)). So all divisions are of few limbs by one, and only A
// of wide sums needs a library.

#include "engine/finalise.h"

#include "engine/base/error.h"
#include "engine/base/number.h"

#include <gmp.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "limbs of GMP are ours");

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef signed __int128 int128;

#define FACTORS    4 // n, n - 1, 10^s, 10^s
#define HEAD_LIMBS 3
// n S2 - S1^2: twice the widest window, and once more for windows that lie apart in a damaged state.
#define WIDE_LIMBS (4 * SS_EXACT_MAX_LIMBS)

struct natural { // limbs in units of 2^(64 low), the highest not 0; count 0: zero
    const uint64_t *limbs;
    size_t count;
    int32_t low;
};

// A number cut to its highest bits: a little more than limbs * 2^exponent where `sticky`.
struct head {
    uint64_t limbs[HEAD_LIMBS];
    int32_t exponent;
    bool sticky;
};

struct divisor {
    uint64_t factors[FACTORS];
    uint32_t count;
};

static inline uint64_t limb_at(const struct natural *number, int at)
{
    return at >= 0 && at < (int)number->count ? number->limbs[at] : 0;
}

static inline bool any_limb_below(const struct natural *number, int end)
{
    for (int i = 0; i < end; i++)
        if (number->limbs[i]) return true;
    return false;
}

// A number that is not 0, moved so that its highest bit is that of `count` limbs. *exponent: of their unit;
// *sticky: are any bits below them?
static inline void take_highest(const struct natural *number, uint64_t *limbs, int count, int *exponent,
                                bool *sticky)
{
    const int below = (int)number->count - count - 1; // where the limb before the lowest of them stands
    uint64_t high = number->limbs[number->count - 1];
    const unsigned lead = (unsigned)__builtin_clzll(high);
    for (int i = count; i-- > 0;) {
        const uint64_t low = limb_at(number, below + i);
        limbs[i] = high << lead | (low >> 1) >> (63 - lead);
        high = low;
    }
    *exponent = 64 * (number->low + below + 1) - (int)lead;
    *sticky = high << lead != 0 || any_limb_below(number, below);
}

// high < divisor, so the quotient is a limb: what a processor does in one instruction, and C has no word for.
static inline uint64_t divide_limb(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *rest)
{
#ifdef __x86_64__
    uint64_t one;
    __asm__("divq %4" : "=a"(one), "=d"(*rest) : "0"(low), "1"(high), "rm"(divisor) : "cc");
    return one;
#else
    const uint128 dividend = (uint128)high << 64 | low;
    const uint64_t quotient = (uint64_t)(dividend / divisor);
    *rest = low - quotient * divisor;
    return quotient;
#endif
}

// Divides by all factors but the last. `limbs` then holds at least HEAD_LIMBS * 64 bits of the quotient.
static struct natural divide_by_first(const struct natural *number, const struct divisor *divisor,
                                      uint64_t limbs[HEAD_LIMBS + FACTORS], int *exponent, bool *sticky)
{
    int count = HEAD_LIMBS - 1 + (int)divisor->count;
    take_highest(number, limbs, count, exponent, sticky);
    for (uint32_t f = 0; f + 1 < divisor->count; f++) {
        uint64_t rest = 0;
        for (int i = count; i-- > 0;) limbs[i] = divide_limb(rest, limbs[i], divisor->factors[f], &rest);
        while (limbs[count - 1] == 0) count--;
        *sticky = *sticky || rest;
    }
    return (struct natural){limbs, (size_t)count, 0};
}

// number / divisor, to `count` limbs. The last factor is moved until its highest bit is set and the dividend,
// of a limb more, until its highest ones are not: so no limb of the quotient overflows. `even`: the exponent
// is made even, and two highest bits of the quotient stay free.
static inline struct head divide(const struct natural *number, const struct divisor *divisor, int count,
                                 bool even)
{
    const uint64_t last = divisor->factors[divisor->count - 1];
    const unsigned lead = (unsigned)__builtin_clzll(last);
    uint64_t limbs[HEAD_LIMBS + FACTORS];
    struct natural dividend = *number;
    struct head head;
    int first_exponent = 0;
    bool first_sticky = false;
    if (divisor->count > 1)
        dividend = divide_by_first(number, divisor, limbs, &first_exponent, &first_sticky);
    take_highest(&dividend, head.limbs, count + 1, &head.exponent, &head.sticky);
    head.exponent += first_exponent + (int)lead;
    const unsigned down = even ? 2 + ((unsigned)head.exponent & 1) : 1;
    head.exponent += (int)down;
    uint64_t high = head.limbs[count], rest = high >> down;
    for (int i = count; i-- > 0;) {
        const uint64_t low = head.limbs[i], limb = high << (64 - down) | low >> down;
        head.limbs[i] = divide_limb(rest, limb, last << lead, &rest);
        high = low;
    }
    head.sticky = head.sticky || first_sticky || high << (64 - down) != 0 || rest;
    return head;
}

// A head of one limb, of enough bits for its sticky bit to count last, to a double.
static bool round_head(const struct head *head, bool negative, double *value)
{
    const int lead = __builtin_clzll(head->limbs[0]);
    const uint64_t bits = head->limbs[0] << lead;
    const int lowest = head->exponent - lead, highest = lowest + 63;
    *value = 0;
    if (highest > 1023) return false;
    const int drop = highest < -1022 ? -1074 - lowest : 11;
    if (drop > 64) return true;
    uint64_t pattern = drop < 64 ? bits >> drop : 0;
    const uint64_t rest = drop < 64 ? bits << (64 - drop) : bits;
    const uint64_t half = UINT64_C(1) << 63;
    pattern += rest > half || (rest == half && (head->sticky || (pattern & 1)));
    if (pattern == 0) return true;
    if (pattern >> 52) pattern += (uint64_t)(lowest + drop + 1074) << 52;
    if (pattern >> 52 == 0x7ff) return false;
    pattern |= (uint64_t)negative << 63;
    memcpy(value, &pattern, sizeof pattern);
    return true;
}

// The integer root of a head of two limbs, 2^123 < it < 2^127. The estimate may be off, by whatever the
// rounding mode; what it is corrected with are integers.
static struct head root_of(const struct head *radicand)
{
    const uint128 square = (uint128)radicand->limbs[1] << 64 | radicand->limbs[0];
    uint64_t root = (uint64_t)(sqrt((double)(int64_t)radicand->limbs[1]) * 0x1p32);
    const int64_t off = (int64_t)((int128)(square - (uint128)root * root) >> 32);
    root += (uint64_t)(int64_t)((double)off * 0x1p31 / (double)root);
    while ((uint128)root * root > square) root--;
    while (square - (uint128)root * root > (uint128)root * 2) root++;
    return (struct head){{root}, radicand->exponent / 2, radicand->sticky || (uint128)root * root != square};
}

// Drops limbs that are 0 from both ends.
static void trim(struct natural *number)
{
    while (number->count && number->limbs[number->count - 1] == 0) number->count--;
    for (; number->count && number->limbs[0] == 0; number->count--, number->low++) number->limbs++;
}

// |number|, in `room` (SS_EXACT_MAX_LIMBS) or where it stands.
static inline struct natural magnitude_of(const struct ss_exact *number, uint64_t *room)
{
    struct natural natural = {.limbs = ss_exact_limbs(number), .count = number->count, .low = number->low};
    if (natural.count && natural.limbs[natural.count - 1] >> 63) {
        natural.limbs = room;
        ss_exact_magnitude(number, room, &natural.count, &natural.low);
        return natural;
    }
    trim(&natural);
    return natural;
}

static inline bool is_negative(const struct ss_exact *number)
{
    return number->count && ss_exact_limbs(number)[number->count - 1] >> 63;
}

bool ss_finalise_int64(const struct ss_exact *sum, int64_t *value)
{
    uint64_t room[SS_EXACT_MAX_LIMBS];
    const struct natural natural = magnitude_of(sum, room);
    const bool negative = is_negative(sum);
    *value = 0;
    if (natural.count == 0) return true;
    if (natural.count > 1 || natural.low != 0) return false;
    if (natural.limbs[0] > (uint64_t)INT64_MAX + negative) return false;
    *value = negative ? (int64_t)(0 - natural.limbs[0]) : (int64_t)natural.limbs[0];
    return true;
}

bool ss_finalise_double(const struct ss_exact *sum, double *value)
{
    uint64_t room[SS_EXACT_MAX_LIMBS];
    const struct natural natural = magnitude_of(sum, room);
    *value = 0;
    if (natural.count == 0) return true;
    struct head head;
    take_highest(&natural, head.limbs, 1, &head.exponent, &head.sticky);
    return round_head(&head, is_negative(sum), value);
}

static void multiply(struct divisor *divisor, uint64_t factor)
{
    uint64_t product;
    if (__builtin_mul_overflow(divisor->factors[divisor->count - 1], factor, &product)) {
        divisor->factors[divisor->count++] = factor;
        return;
    }
    divisor->factors[divisor->count - 1] = product;
}

bool ss_finalise_mean(const struct ss_exact *sum, uint64_t n, unsigned scale, double *value)
{
    uint64_t room[SS_EXACT_MAX_LIMBS];
    const struct natural natural = magnitude_of(sum, room);
    struct divisor divisor = {{n}, 1};
    *value = 0;
    if (natural.count == 0) return true;
    if (scale) multiply(&divisor, (uint64_t)ss_power_of_ten(scale));
    const struct head quotient = divide(&natural, &divisor, 1, false);
    return round_head(&quotient, is_negative(sum), value);
}

struct spread { // n S2 - S1^2
    struct natural number;
    uint64_t room[WIDE_LIMBS];
};

static inline uint128 product(uint64_t a, uint64_t b)
{
    return (uint128)a * b;
}

// Where S1 has at most two limbs and S2 at most three, on the same base. False: they have more.
static inline bool spread_small(struct spread *spread, const struct natural *s1, const struct natural *s2,
                                uint64_t n)
{
    const int32_t half = s2->low >> 1, base = s1->count && s1->low < half ? s1->low : half;
    if (s1->low + (int32_t)s1->count > base + 2 && s1->count) return false;
    if (s2->low + (int32_t)s2->count > 2 * base + 3) return false;
    const uint64_t a0 = limb_at(s1, base - s1->low), a1 = limb_at(s1, base - s1->low + 1);
    const int at = 2 * base - s2->low;
    const uint128 b0 = product(limb_at(s2, at), n), b1 = product(limb_at(s2, at + 1), n) + (b0 >> 64),
                  b2 = product(limb_at(s2, at + 2), n) + (b1 >> 64);
    const uint128 cross = product(a0, a1), square = product(a0, a0);
    const uint128 middle = (square >> 64) + (uint64_t)cross, twice = middle + (uint64_t)cross;
    const uint128 high = product(a1, a1) + (cross >> 64) * 2 + (twice >> 64);
    const uint128 left_low = (uint128)(uint64_t)b1 << 64 | (uint64_t)b0;
    const uint128 right_low = (uint128)(uint64_t)twice << 64 | (uint64_t)square;
    const uint128 low = left_low - right_low, borrow = left_low < right_low;
    spread->number = (struct natural){spread->room, b2 < high || b2 - high < borrow ? 0 : 4, 2 * base};
    spread->room[0] = (uint64_t)low;
    spread->room[1] = (uint64_t)(low >> 64);
    spread->room[2] = (uint64_t)(b2 - high - borrow);
    spread->room[3] = (uint64_t)((b2 - high - borrow) >> 64);
    return true;
}

static void spread_wide(struct spread *spread, const struct natural *s1, const struct natural *s2, uint64_t n)
{
    const int32_t low = s1->count && 2 * s1->low < s2->low ? 2 * s1->low : s2->low;
    mp_limb_t left[WIDE_LIMBS], right[WIDE_LIMBS];
    const size_t left_at = (size_t)(s2->low - low), right_at = s1->count ? (size_t)(2 * s1->low - low) : 0;
    const size_t left_end = left_at + s2->count + 1, right_end = right_at + 2 * s1->count;
    const size_t count = left_end > right_end ? left_end : right_end;
    memset(left, 0, count * sizeof *left);
    memset(right, 0, count * sizeof *right);
    left[left_at + s2->count] = mpn_mul_1(left + left_at, s2->limbs, (mp_size_t)s2->count, n);
    if (s1->count) mpn_sqr(right + right_at, s1->limbs, (mp_size_t)s1->count);
    spread->number = (struct natural){spread->room, count, low};
    if (mpn_sub_n(spread->room, left, right, (mp_size_t)count)) spread->number.count = 0;
}

// Sums of real terms never make it negative; those of a damaged state may, and then it is 0.
static void make_spread(struct spread *spread, const struct ss_exact *sum, const struct ss_exact *squares,
                        uint64_t n)
{
    uint64_t sum_room[SS_EXACT_MAX_LIMBS], squares_room[SS_EXACT_MAX_LIMBS];
    const struct natural s1 = magnitude_of(sum, sum_room), s2 = magnitude_of(squares, squares_room);
    spread->number.count = 0;
    if (s2.count == 0 || is_negative(squares)) return;
    if (!spread_small(spread, &s1, &s2, n)) spread_wide(spread, &s1, &s2, n);
    trim(&spread->number);
}

static struct divisor variance_divisor(uint64_t n, bool population, unsigned scale)
{
    struct divisor divisor = {{n}, 1};
    multiply(&divisor, population ? n : n - 1);
    for (int i = 0; scale && i < 2; i++) multiply(&divisor, (uint64_t)ss_power_of_ten(scale));
    return divisor;
}

bool ss_finalise_variance(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                          bool population, unsigned scale, double *value)
{
    struct spread spread;
    *value = 0;
    if (n < (population ? 1 : 2)) return false;
    make_spread(&spread, sum, squares, n);
    if (spread.number.count == 0) return true;
    const struct divisor divisor = variance_divisor(n, population, scale);
    const struct head quotient = divide(&spread.number, &divisor, 1, false);
    return round_head(&quotient, false, value);
}

bool ss_finalise_stddev(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                        bool population, unsigned scale, double *value)
{
    struct spread spread;
    *value = 0;
    if (n < (population ? 1 : 2)) return false;
    make_spread(&spread, sum, squares, n);
    if (spread.number.count == 0) return true;
    const struct divisor divisor = variance_divisor(n, population, scale);
    const struct head radicand = divide(&spread.number, &divisor, 2, true);
    const struct head root = root_of(&radicand);
    return round_head(&root, false, value);
}
