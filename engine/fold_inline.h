// The common case of merging a tile from its bytes, inline: more than SS_GROUP_RAW scalars whose sums fit in
// four limbs each.
//
// Bytes are loaded eight at a time and masked, so that lengths cost no branches; the caller sees to it that
// SS_FOLD_SPAN bytes may be loaded, and that the end lies inside the tile. What is not of the common case, or
// damaged, is refused before anything has changed, and the general path reads it again: both give the same
// numbers.
#ifndef SS_ENGINE_FOLD_INLINE_H
#define SS_ENGINE_FOLD_INLINE_H

#include "engine/group.h"
#include "engine/read_inline.h"
#include "engine/scalar.h"

#define SS_FOLD_SPAN 96 // from the first byte of a group: what may be loaded of it at most

__extension__ typedef unsigned __int128 ss_uint128;

static inline int64_t ss_fold_zigzag(const uint8_t **at, bool *fits)
{
    return ss_unzigzag(ss_load_varint(at, fits));
}

struct ss_fold_term { // +- words * 2^(64 low)
    uint64_t words[4];
    int32_t low, exponent;
    bool negative;
};

// An exact number of 1 to 8 `most` bytes. NULL: it is none.
__attribute__((always_inline)) static inline const uint8_t *
ss_fold_exact(const uint8_t *at, int32_t base_exponent, uint32_t most, struct ss_fold_term *term)
{
    static const uint64_t masks[9] = {
        0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, UINT64_MAX >> 8, UINT64_MAX};
    const uint32_t tag = *at++, size = tag >> 1;
    uint32_t zigzag = *at++;
    if (size == 0 || size > 8 * most) return NULL;
    if (zigzag & 0x80) {
        if (*at == 0 || *at & 0x80) return NULL;
        zigzag = (zigzag & 0x7f) | (uint32_t)*at++ << 7;
    }
    if (!(*at & 1) || at[size - 1] == 0) return NULL;
    uint64_t words[3] = {ss_load_word(at) & masks[size < 8 ? size : 8]};
    if (most > 1) words[1] = ss_load_word(at + 8) & masks[size < 8 ? 0 : size < 16 ? size - 8 : 8];
    if (most > 2) words[2] = ss_load_word(at + 16) & masks[size < 16 ? 0 : size - 16];
    term->exponent = base_exponent + ((int32_t)(zigzag >> 1) ^ -(int32_t)(zigzag & 1));
    if (term->exponent < SS_EXACT_LOWEST_EXPONENT ||
        term->exponent + 8 * (int32_t)size > SS_EXACT_HIGHEST_EXPONENT)
        return NULL;
    term->low = term->exponent >> 6;
    term->negative = tag & 1;
    const unsigned shift = (unsigned)term->exponent & 63;
    term->words[0] = words[0] << shift;
    for (uint32_t i = 1; i < most; i++)
        term->words[i] = words[i] << shift | (words[i - 1] >> 1) >> (63 - shift);
    term->words[most] = (words[most - 1] >> 1) >> (63 - shift);
    for (uint32_t i = most + 1; i < 4; i++) term->words[i] = 0;
    return at + size;
}

// Moves the words of a term up to where the number's window starts. False: they do not fit there.
static __attribute__((noinline, cold)) bool ss_fold_align(struct ss_exact *number, struct ss_fold_term *term)
{
    uint64_t *const words = term->words;
    if ((number->count != 4 || term->low < number->low) && !ss_exact_slide(number, term->low)) return false;
    for (; term->low > number->low; term->low--) {
        if (words[3]) return false;
        words[3] = words[2], words[2] = words[1], words[1] = words[0], words[0] = 0;
    }
    return !number->wide;
}

// Makes the term fit the number's window. Both are then far enough from its end for their sum.
static inline bool ss_fold_fits(struct ss_exact *number, struct ss_fold_term *term)
{
    const bool aligned = number->count == 4 && term->low == number->low && !number->wide;
    if (__builtin_expect(!aligned, false)) {
        struct ss_fold_term moved = *term; // so that the term itself may live in registers
        if (!ss_fold_align(number, &moved)) return false;
        *term = moved;
    }
    return term->words[3] >> 61 == 0 && (number->small[3] + (UINT64_C(1) << 61)) >> 62 == 0;
}

static inline void ss_fold_put(struct ss_exact *number, const struct ss_fold_term *term)
{
    uint64_t *const limbs = number->small;
    ss_uint128 low = (ss_uint128)limbs[1] << 64 | limbs[0], high = (ss_uint128)limbs[3] << 64 | limbs[2];
    const ss_uint128 low_term = (ss_uint128)term->words[1] << 64 | term->words[0];
    const ss_uint128 high_term = (ss_uint128)term->words[3] << 64 | term->words[2];
    if (term->negative) {
        high -= high_term + (low < low_term);
        low -= low_term;
    } else {
        low += low_term;
        high += high_term + (low < low_term);
    }
    limbs[0] = (uint64_t)low;
    limbs[1] = (uint64_t)(low >> 64);
    limbs[2] = (uint64_t)high;
    limbs[3] = (uint64_t)(high >> 64);
}

static inline int64_t ss_fold_scalar(bool is_double, const uint8_t **at, bool *fits)
{
    if (!is_double) return ss_fold_zigzag(at, fits);
    const uint64_t code = ss_load_varint(at, fits);
    if ((code & 7) != SS_SCALAR_RAW) return ss_double_to_key(ss_scalar_short(code));
    const uint64_t bits = ss_load_word(*at);
    if (!ss_scalar_raw_allowed(code, bits)) *fits = false;
    *at += 8;
    return (int64_t)bits < 0 ? (int64_t)bits ^ INT64_MAX : (int64_t)bits;
}

// Merges a tile into a total, both wide, of a kind with no other parts than count, sums and bounds of
// scalars. Of the parts that are `kept` the total takes `parts`. Returns where the tile's group ends.
// NULL: refused.
__attribute__((always_inline)) static inline const uint8_t *
ss_fold_wide(struct ss_group_state *total, bool is_double, uint32_t kept, uint32_t parts, const uint8_t *at)
{
    struct ss_fold_term s1 = {.low = 0}, s2 = {.low = 0};
    struct ss_group_sums *const sums = total->sums;
    int64_t min = 0, max = 0;
    bool fits = true;
    const uint64_t n = ss_load_varint(&at, &fits);
    if (n <= SS_GROUP_RAW || n > SS_TILE_EVENTS_MAX || total->n <= SS_GROUP_RAW) return NULL;
    if (kept & SS_PART_S1) at = ss_fold_exact(at, 0, is_double ? 2 : 1, &s1);
    if (!at) return NULL;
    if (kept & SS_PART_S2) at = ss_fold_exact(at, 2 * s1.exponent, is_double ? 3 : 2, &s2);
    if (!at) return NULL;
    if (kept & SS_PART_MIN) min = ss_fold_scalar(is_double, &at, &fits);
    if (kept & SS_PART_MAX) max = ss_fold_scalar(is_double, &at, &fits);
    if (!fits) return NULL;
    if ((parts & SS_PART_S1) && !ss_fold_fits(&sums->s1, &s1)) return NULL;
    if ((parts & SS_PART_S2) && !ss_fold_fits(&sums->s2, &s2)) return NULL;
    if (parts & SS_PART_S1) ss_fold_put(&sums->s1, &s1);
    if (parts & SS_PART_S2) ss_fold_put(&sums->s2, &s2);
    if ((parts & SS_PART_MIN) && min < sums->min.key) sums->min.key = min;
    if ((parts & SS_PART_MAX) && max > sums->max.key) sums->max.key = max;
    total->n += n;
    return at;
}

#endif
