// Exact numbers. See exact.h.
//
// Invariant: the two highest bits of a window are alike. A term of which the same is true then adds without
// overflow, and one limb of sign restores the invariant.

#include "engine/exact.h"

#include "engine/exact_term.h"
#include "engine/read_inline.h"

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef signed __int128 int128;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "mantissas are copied into limbs");

#define LIMB_BIAS      128 // makes any limb position positive
#define MANTISSA_BYTES ((SS_EXACT_HIGHEST_EXPONENT - SS_EXACT_LOWEST_EXPONENT + 7) / 8)

static inline uint64_t *limbs_of(struct ss_exact *number)
{
    return number->wide ? number->wide : number->small;
}

static bool grow(struct ss_exact *number, uint32_t needed, struct ss_arena *arena)
{
    const uint32_t have = number->wide ? number->capacity : SS_EXACT_INLINE_LIMBS;
    if (needed <= have) return true;
    SS_ASSERT(needed <= SS_EXACT_MAX_LIMBS);
    const uint32_t capacity = needed > SS_EXACT_MAX_LIMBS / 2 ? SS_EXACT_MAX_LIMBS
                              : needed * 2 > 8                ? needed * 2
                                                              : 8;
    uint64_t *wide = ss_arena_array(arena, capacity, sizeof *wide);
    if (!wide) return false;
    memcpy(wide, ss_exact_limbs(number), number->count * sizeof *wide);
    number->wide = wide;
    number->capacity = (uint16_t)capacity;
    return true;
}

bool ss_exact_slide(struct ss_exact *number, int32_t low)
{
    uint64_t *const limbs = number->small;
    uint32_t count = number->count;
    if (number->wide) return false;
    if (count == 0) {
        *number = (struct ss_exact){.low = low, .count = SS_EXACT_INLINE_LIMBS};
        return true;
    }
    if (low > number->low) low = number->low;
    const uint64_t sign = limbs[count - 1] >> 63 ? UINT64_MAX : 0;
    while (count > 1 && limbs[count - 1] == sign && limbs[count - 2] >> 62 == sign >> 62) count--;
    const uint32_t below = (uint32_t)(number->low - low);
    if (below + count > SS_EXACT_INLINE_LIMBS) return false;
    memmove(limbs + below, limbs, count * sizeof *limbs);
    for (uint32_t i = 0; i < below; i++) limbs[i] = 0;
    for (uint32_t i = below + count; i < SS_EXACT_INLINE_LIMBS; i++) limbs[i] = sign;
    number->low = low;
    number->count = SS_EXACT_INLINE_LIMBS;
    return true;
}

// Makes the window hold the limbs [low, high).
static bool reserve(struct ss_exact *number, int32_t low, int32_t high, struct ss_arena *arena)
{
    if (high - low <= SS_EXACT_INLINE_LIMBS && ss_exact_slide(number, low) &&
        high <= number->low + number->count)
        return true;
    if (number->count == 0) {
        if (!grow(number, (uint32_t)(high - low), arena)) return false;
        number->low = low;
        number->count = (uint16_t)(high - low);
        memset(limbs_of(number), 0, number->count * sizeof(uint64_t));
        return true;
    }
    const int32_t old_high = number->low + number->count;
    if (low > number->low) low = number->low;
    if (high < old_high) high = old_high;
    if (!grow(number, (uint32_t)(high - low), arena)) return false;
    uint64_t *limbs = limbs_of(number);
    const uint32_t below = (uint32_t)(number->low - low);
    const uint64_t sign = limbs[number->count - 1] >> 63 ? UINT64_MAX : 0;
    memmove(limbs + below, limbs, number->count * sizeof *limbs);
    for (uint32_t i = 0; i < below; i++) limbs[i] = 0;
    for (uint32_t i = below + number->count; i < (uint32_t)(high - low); i++) limbs[i] = sign;
    number->low = low;
    number->count = (uint16_t)(high - low);
    return true;
}

static inline bool window_holds(const struct ss_exact *number, int32_t low, int32_t high)
{
    return number->count && low >= number->low && high <= number->low + number->count;
}

static inline bool settle(struct ss_exact *number, struct ss_arena *arena)
{
    const uint64_t top = ss_exact_limbs(number)[number->count - 1];
    if (((top ^ (top << 1)) >> 63) == 0) return true;
    return reserve(number, number->low, number->low + number->count + 1, arena);
}

// Of the words of a term: they stand `at` limbs above where a window of four limbs starts, and leave its last
// limb to the sign. As nearly all terms do, so this goes without loops.
static inline void add_inside(uint64_t limbs[SS_EXACT_INLINE_LIMBS], uint32_t at, const uint64_t *words,
                              uint32_t count, bool subtract)
{
    const uint64_t second = count > 1 ? words[1] : 0, third = count > 2 ? words[2] : 0;
    const uint128 low = (uint128)(at ? words[0] : second) << 64 | (at ? 0 : words[0]);
    const uint64_t high = at ? second : third;
    uint128 below = (uint128)limbs[1] << 64 | limbs[0], above = (uint128)limbs[3] << 64 | limbs[2];
    if (subtract) {
        above -= (uint128)high + (below < low);
        below -= low;
    } else {
        below += low;
        above += (uint128)high + (below < low);
    }
    limbs[0] = (uint64_t)below;
    limbs[1] = (uint64_t)(below >> 64);
    limbs[2] = (uint64_t)above;
    limbs[3] = (uint64_t)(above >> 64);
}

// Adds or subtracts `count` limbs, of which the highest may be 0, at limb position `low`. Inline in every
// caller: reading a tile is mostly this.
__attribute__((always_inline)) static inline bool add_words(struct ss_exact *number, int32_t low,
                                                            const uint64_t *words, uint32_t count,
                                                            bool subtract, struct ss_arena *arena)
{
    if (number->count == SS_EXACT_INLINE_LIMBS && !number->wide && __builtin_constant_p(count)) {
        const int32_t at = low - number->low;
        if (at == 0 || (at == 1 && (count < 3 || words[2] == 0))) {
            add_inside(number->small, (uint32_t)at, words, count, subtract);
            return settle(number, arena);
        }
    }
    while (count > 1 && words[count - 1] == 0) count--;
    const int32_t high = low + (int32_t)count + (words[count - 1] >> 62 != 0);
    if (!window_holds(number, low, high) && !reserve(number, low, high, arena)) return false;
    uint64_t *limb = limbs_of(number) + (low - number->low);
    uint64_t *const end = limbs_of(number) + number->count;
    bool carry = false;
    if (subtract) {
        for (uint32_t i = 0; i < count; i++, limb++) {
            const bool first = __builtin_sub_overflow(*limb, words[i], limb);
            carry = __builtin_sub_overflow(*limb, (uint64_t)carry, limb) || first;
        }
        for (; carry && limb < end; limb++) carry = (*limb)-- == 0;
    } else {
        for (uint32_t i = 0; i < count; i++, limb++) {
            const bool first = __builtin_add_overflow(*limb, words[i], limb);
            carry = __builtin_add_overflow(*limb, (uint64_t)carry, limb) || first;
        }
        for (; carry && limb < end; limb++) carry = ++(*limb) == 0;
    }
    return settle(number, arena);
}

// Splits a bit position into limb and shift.
static inline int32_t limb_of(int32_t exponent, unsigned *shift)
{
    const uint32_t position = (uint32_t)(exponent + 64 * LIMB_BIAS);
    *shift = position & 63;
    return (int32_t)(position >> 6) - LIMB_BIAS;
}

bool ss_exact_add_double(struct ss_exact *number, double term, bool subtract, struct ss_arena *arena)
{
    int32_t exponent;
    unsigned shift;
    bool negative;
    const uint64_t mantissa = ss_take_apart(term, &exponent, &negative);
    if (mantissa == 0) return true;
    const int32_t low = limb_of(exponent, &shift);
    const uint64_t words[2] = {mantissa << shift, (mantissa >> 1) >> (63 - shift)};
    return add_words(number, low, words, 2, subtract != negative, arena);
}

bool ss_exact_add_double_squared(struct ss_exact *number, double term, bool subtract, struct ss_arena *arena)
{
    int32_t exponent;
    unsigned shift;
    bool negative;
    const uint64_t mantissa = ss_take_apart(term, &exponent, &negative);
    if (mantissa == 0) return true;
    const int32_t low = limb_of(2 * exponent, &shift);
    const uint128 square = (uint128)mantissa * mantissa;
    const uint128 shifted = square << shift;
    const uint64_t words[3] = {(uint64_t)shifted, (uint64_t)(shifted >> 64),
                               (uint64_t)((square >> 1) >> (127 - shift))};
    return add_words(number, low, words, 3, subtract, arena);
}

bool ss_exact_add_int64(struct ss_exact *number, int64_t term, bool subtract, struct ss_arena *arena)
{
    if (term == 0) return true;
    const uint64_t word = term < 0 ? 0 - (uint64_t)term : (uint64_t)term;
    return add_words(number, 0, &word, 1, subtract != (term < 0), arena);
}

bool ss_exact_add_int64_squared(struct ss_exact *number, int64_t term, bool subtract, struct ss_arena *arena)
{
    if (term == 0) return true;
    const uint64_t word = term < 0 ? 0 - (uint64_t)term : (uint64_t)term;
    const uint128 square = (uint128)word * word;
    const uint64_t words[2] = {(uint64_t)square, (uint64_t)(square >> 64)};
    return add_words(number, 0, words, 2, subtract, arena);
}

// Terms that lie close together are summed as integers of 2^exponent before they are added: each has less
// than SMALL_BITS bits, so that the squares of SS_EXACT_TERMS of them fit in 128.
#define SMALL_BITS 61

struct small_sums {
    int128 sum;
    uint128 squares;
};

static inline bool add_shifted(struct ss_exact *number, uint128 term, int32_t exponent, bool subtract,
                               struct ss_arena *arena)
{
    unsigned shift;
    if (term == 0) return true;
    const int32_t low = limb_of(exponent, &shift);
    const uint128 shifted = term << shift;
    const uint64_t words[3] = {(uint64_t)shifted, (uint64_t)(shifted >> 64),
                               (uint64_t)((term >> 1) >> (127 - shift))};
    return add_words(number, low, words, 3, subtract, arena);
}

static bool add_small(struct ss_exact *sum, struct ss_exact *squares, const struct small_sums *small,
                      int32_t exponent, struct ss_arena *arena)
{
    const bool negative = small->sum < 0;
    const uint128 magnitude = negative ? 0 - (uint128)small->sum : (uint128)small->sum;
    if (sum && !add_shifted(sum, magnitude, exponent, negative, arena)) return false;
    return !squares || add_shifted(squares, small->squares, 2 * exponent, false, arena);
}

static inline void tally_small(struct small_sums *small, int64_t term)
{
    small->sum += term;
    small->squares += (uint128)((int128)term * term);
}

static inline uint32_t biased_of(double term)
{
    uint64_t bits;
    memcpy(&bits, &term, sizeof bits);
    return bits >> 52 & 0x7ff;
}

bool ss_exact_add_doubles(struct ss_exact *sum, struct ss_exact *squares, const double *terms, uint32_t count,
                          struct ss_arena *arena)
{
    uint32_t lowest = 0x7ff, highest = 0;
    SS_ASSERT(count <= SS_EXACT_TERMS);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t biased = biased_of(terms[i]);
        lowest = biased < lowest ? biased : lowest;
        highest = biased > highest ? biased : highest;
    }
    struct small_sums small = {0};
    if (lowest > 0 && highest - lowest <= SMALL_BITS - 53) {
        for (uint32_t i = 0; i < count; i++) {
            int32_t exponent;
            bool negative;
            const uint64_t mantissa = ss_take_apart(terms[i], &exponent, &negative);
            const int64_t term = (int64_t)(mantissa << (biased_of(terms[i]) - lowest));
            tally_small(&small, negative ? -term : term);
        }
        return add_small(sum, squares, &small, (int32_t)lowest - 1075, arena);
    }
    for (uint32_t i = 0; i < count; i++)
        if ((sum && !ss_exact_add_double(sum, terms[i], false, arena)) ||
            (squares && !ss_exact_add_double_squared(squares, terms[i], false, arena)))
            return false;
    return true;
}

bool ss_exact_add_int64s(struct ss_exact *sum, struct ss_exact *squares, const int64_t *terms, uint32_t count,
                         struct ss_arena *arena)
{
    const int64_t end = INT64_C(1) << SMALL_BITS;
    struct small_sums small = {0};
    bool is_small = true;
    SS_ASSERT(count <= SS_EXACT_TERMS);
    for (uint32_t i = 0; i < count; i++) is_small = is_small && terms[i] < end && terms[i] > -end;
    if (is_small) {
        for (uint32_t i = 0; i < count; i++) tally_small(&small, terms[i]);
        return add_small(sum, squares, &small, 0, arena);
    }
    for (uint32_t i = 0; i < count; i++)
        if ((sum && !ss_exact_add_int64(sum, terms[i], false, arena)) ||
            (squares && !ss_exact_add_int64_squared(squares, terms[i], false, arena)))
            return false;
    return true;
}

bool ss_exact_add_limbs(struct ss_exact *number, const uint64_t *limbs, size_t count, int32_t exponent,
                        bool subtract, struct ss_arena *arena)
{
    uint64_t words[SS_EXACT_MAX_LIMBS + 1], before = 0;
    unsigned shift;
    const int32_t low = limb_of(exponent, &shift);
    for (size_t i = 0; i < count; i++) {
        words[i] = limbs[i] << shift | (before >> 1) >> (63 - shift);
        before = limbs[i];
    }
    words[count] = (before >> 1) >> (63 - shift);
    return add_words(number, low, words, (uint32_t)count + 1, subtract, arena);
}

// Windows of the same four limbs, as most numbers have.
static inline bool add_alike(struct ss_exact *number, const struct ss_exact *other, struct ss_arena *arena)
{
    uint64_t *const limbs = number->small;
    const uint64_t *const words = other->small;
    const uint128 first = (uint128)limbs[0] + words[0];
    const uint128 second = (uint128)limbs[1] + words[1] + (uint64_t)(first >> 64);
    const uint128 third = (uint128)limbs[2] + words[2] + (uint64_t)(second >> 64);
    limbs[0] = (uint64_t)first;
    limbs[1] = (uint64_t)second;
    limbs[2] = (uint64_t)third;
    limbs[3] += words[3] + (uint64_t)(third >> 64);
    return settle(number, arena);
}

bool ss_exact_merge(struct ss_exact *number, const struct ss_exact *other, struct ss_arena *arena)
{
    if (other->count == 0) return true;
    if (number->low == other->low && number->count == SS_EXACT_INLINE_LIMBS &&
        other->count == SS_EXACT_INLINE_LIMBS && !number->wide && !other->wide)
        return add_alike(number, other, arena);
    const int32_t high = other->low + other->count;
    if (!window_holds(number, other->low, high) && !reserve(number, other->low, high, arena)) return false;
    const uint64_t *words = ss_exact_limbs(other);
    const uint64_t sign = words[other->count - 1] >> 63 ? UINT64_MAX : 0;
    uint64_t *limb = limbs_of(number) + (other->low - number->low);
    const uint32_t length = (uint32_t)(number->low + number->count - other->low);
    bool carry = false;
    for (uint32_t i = 0; i < length; i++) {
        const bool first = __builtin_add_overflow(limb[i], i < other->count ? words[i] : sign, &limb[i]);
        carry = __builtin_add_overflow(limb[i], (uint64_t)carry, &limb[i]) || first;
    }
    return settle(number, arena);
}

void ss_exact_clear(struct ss_exact *number)
{
    number->count = 0;
    number->low = 0;
}

int ss_exact_sign(const struct ss_exact *number)
{
    const uint64_t *limbs = ss_exact_limbs(number);
    if (number->count == 0) return 0;
    if (limbs[number->count - 1] >> 63) return -1;
    for (uint32_t i = 0; i < number->count; i++)
        if (limbs[i]) return 1;
    return 0;
}

int32_t ss_exact_exponent(const struct ss_exact *number)
{
    const uint64_t *limbs = ss_exact_limbs(number);
    for (int32_t i = 0; i < number->count; i++)
        if (limbs[i]) return 64 * (number->low + i) + __builtin_ctzll(limbs[i]);
    return 0;
}

void ss_exact_magnitude(const struct ss_exact *number, uint64_t *limbs, size_t *count, int32_t *low)
{
    const uint64_t *from = ss_exact_limbs(number);
    uint32_t start = 0, length = number->count;
    while (start < length && from[start] == 0) start++;
    *low = start < length ? number->low + (int32_t)start : 0;
    const bool negative = start < length && from[length - 1] >> 63;
    length -= start;
    bool carry = true;
    for (uint32_t i = 0; i < length; i++) {
        limbs[i] = from[start + i];
        if (!negative) continue;
        limbs[i] = ~limbs[i] + carry;
        carry = carry && limbs[i] == 0;
    }
    while (length && limbs[length - 1] == 0) length--;
    *count = length;
}

void ss_exact_encode(const struct ss_exact *number, int32_t base_exponent, struct ss_buffer *buffer)
{
    uint64_t limbs[SS_EXACT_MAX_LIMBS + 1];
    uint8_t bytes[sizeof limbs];
    size_t count;
    int32_t low;
    ss_exact_magnitude(number, limbs, &count, &low);
    if (count == 0) {
        ss_buffer_byte(buffer, 0);
        return;
    }
    const unsigned shift = (unsigned)__builtin_ctzll(limbs[0]);
    limbs[count] = 0;
    for (size_t i = 0; shift && i < count; i++) limbs[i] = limbs[i] >> shift | limbs[i + 1] << (64 - shift);
    if (limbs[count - 1] == 0) count--;
    const size_t size = count * 8 - (size_t)__builtin_clzll(limbs[count - 1]) / 8;
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(limbs[i / 8] >> (i % 8 * 8));
    ss_buffer_varint(buffer, (uint64_t)size << 1 | (ss_exact_sign(number) < 0));
    ss_buffer_zigzag(buffer, 64 * low + (int32_t)shift - base_exponent);
    ss_buffer_append(buffer, bytes, size);
}

// The last size % 8 bytes of a mantissa, by loads that stay inside it.
static inline uint64_t load_tail(const uint8_t *mantissa, size_t size)
{
    const size_t rest = size % 8;
    uint64_t word;
    uint32_t low, high;
    if (size >= 8) {
        memcpy(&word, mantissa + size - 8, sizeof word);
        return word >> (64 - 8 * rest);
    }
    if (rest >= 4) {
        memcpy(&low, mantissa, sizeof low);
        memcpy(&high, mantissa + rest - 4, sizeof high);
        return low | (uint64_t)high << (8 * (rest - 4));
    }
    return mantissa[0] | (uint64_t)mantissa[rest / 2] << (8 * (rest / 2)) |
           (uint64_t)mantissa[rest - 1] << (8 * (rest - 1));
}

// Loads a mantissa of at least one byte, shifts it and returns how many words it fills.
static inline uint32_t load(const uint8_t *mantissa, size_t size, unsigned shift, uint64_t *words)
{
    uint32_t count = 0;
    uint64_t before = 0, word;
    for (; count < size / 8; count++) {
        memcpy(&word, mantissa + 8 * (size_t)count, sizeof word);
        words[count] = word << shift | (before >> 1) >> (63 - shift);
        before = word;
    }
    word = size % 8 ? load_tail(mantissa, size) : 0;
    words[count++] = word << shift | (before >> 1) >> (63 - shift);
    words[count++] = (word >> 1) >> (63 - shift);
    return count;
}

bool ss_exact_merge_bytes(struct ss_exact *number, int32_t base_exponent, struct ss_reader *reader,
                          int32_t *exponent, struct ss_arena *arena)
{
    uint64_t words[SS_EXACT_MAX_LIMBS + 1];
    *exponent = 0;
    const uint64_t tag = ss_read_varint_inline(reader);
    if (tag == 0) return true;
    const uint64_t size = tag >> 1;
    const int64_t distance = ss_read_zigzag_inline(reader);
    const uint8_t *mantissa = ss_read_span_inline(reader, size);
    if (!mantissa) return true;
    const int64_t lowest =
        distance < INT16_MIN || distance > INT16_MAX ? INT16_MIN : distance + base_exponent;
    if (size == 0 || size > MANTISSA_BYTES || lowest < SS_EXACT_LOWEST_EXPONENT ||
        lowest + 8 * (int64_t)size > SS_EXACT_HIGHEST_EXPONENT || !(mantissa[0] & 1) ||
        mantissa[size - 1] == 0) {
        reader->failed = true;
        return true;
    }
    *exponent = (int32_t)lowest;
    if (!number) return true;
    unsigned shift;
    const int32_t low = limb_of(*exponent, &shift);
    const uint32_t count = load(mantissa, size, shift, words);
    return add_words(number, low, words, count, tag & 1, arena);
}
