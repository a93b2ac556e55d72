// Exact numbers: elements of Z[1/2], so that sums depend on the multiset of their terms alone.
//
// A number is a window of 64-bit limbs in two's complement, counted in units of 2^(64 low). The window grows
// to where a term needs it and never overflows: every finite double, its powers up to the fourth and 2^63 of
// them fit in SS_EXACT_MAX_LIMBS. In memory the window may be wider than the value; the bytes are canonical.
//
// Functions that may grow the window return false when the arena is out of memory; the number is then
// unusable.
#ifndef SS_ENGINE_EXACT_H
#define SS_ENGINE_EXACT_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

#define SS_EXACT_INLINE_LIMBS 4
#define SS_EXACT_MAX_LIMBS    144

// Bits of a term lie in [lowest, highest).
#define SS_EXACT_LOWEST_EXPONENT  (-4296) // of the fourth power of the least double
#define SS_EXACT_HIGHEST_EXPONENT 4224    // above the sum of 2^63 fourth powers of the greatest

struct ss_exact { // a zeroed struct is 0
    int32_t low;
    uint16_t count;    // limbs of the window; 0: the number is 0
    uint16_t capacity; // of `wide`
    uint64_t *wide;    // NULL: the limbs are in `small`
    uint64_t small[SS_EXACT_INLINE_LIMBS];
};

static inline const uint64_t *ss_exact_limbs(const struct ss_exact *number)
{
    return number->wide ? number->wide : number->small;
}

// `subtract`: takes the term away instead. The double is finite.
bool ss_exact_add_double(struct ss_exact *number, double term, bool subtract, struct ss_arena *arena);
bool ss_exact_add_double_squared(struct ss_exact *number, double term, bool subtract, struct ss_arena *arena);
bool ss_exact_add_int64(struct ss_exact *number, int64_t term, bool subtract, struct ss_arena *arena);
bool ss_exact_add_int64_squared(struct ss_exact *number, int64_t term, bool subtract, struct ss_arena *arena);
// Up to SS_EXACT_TERMS terms at once; to `sum`, and their squares to `squares` (NULL: not).
#define SS_EXACT_TERMS 64
bool ss_exact_add_doubles(struct ss_exact *sum, struct ss_exact *squares, const double *terms, uint32_t count,
                          struct ss_arena *arena);
bool ss_exact_add_int64s(struct ss_exact *sum, struct ss_exact *squares, const int64_t *terms, uint32_t count,
                         struct ss_arena *arena);
// limbs * 2^exponent; count 1 to SS_EXACT_MAX_LIMBS, within the exponents above.
bool ss_exact_add_limbs(struct ss_exact *number, const uint64_t *limbs, size_t count, int32_t exponent,
                        bool subtract, struct ss_arena *arena);
// Makes the window SS_EXACT_INLINE_LIMBS limbs that stand inline, from `low` or lower, where the value allows
// it.
bool ss_exact_slide(struct ss_exact *number, int32_t low);
bool ss_exact_merge(struct ss_exact *number, const struct ss_exact *other, struct ss_arena *arena);

void ss_exact_clear(struct ss_exact *number);             // 0; memory kept
int ss_exact_sign(const struct ss_exact *number);         // -1, 0, 1
int32_t ss_exact_exponent(const struct ss_exact *number); // of the lowest set bit; 0 for 0

// |number| as `*count` limbs, neither the lowest nor the highest of them 0, in units of 2^(64 *low). 0 gives
// no limbs. `limbs` has room for SS_EXACT_MAX_LIMBS.
void ss_exact_magnitude(const struct ss_exact *number, uint64_t *limbs, size_t *count, int32_t *low);

// Canonical bytes (docs/FORMAT.md "Exact number"): the exponent is written as its distance from
// `base_exponent`.
void ss_exact_encode(const struct ss_exact *number, int32_t base_exponent, struct ss_buffer *buffer);
// Reads a number and adds it to `number` (NULL: skips it). *exponent is what ss_exact_exponent says of the
// number read. Damage sets reader->failed. False: out of memory.
bool ss_exact_merge_bytes(struct ss_exact *number, int32_t base_exponent, struct ss_reader *reader,
                          int32_t *exponent, struct ss_arena *arena);

#endif
