// Terms of exact sums: a number as sign, mantissa and power of two.
#ifndef SS_ENGINE_EXACT_TERM_H
#define SS_ENGINE_EXACT_TERM_H

#include "engine/base/error.h"
#include "engine/scalar.h"

struct ss_exact_term { // (-1)^negative * mantissa * 2^exponent
    uint64_t mantissa;
    int32_t exponent;
    bool negative;
};

static inline uint64_t ss_take_apart(double term, int32_t *exponent, bool *negative)
{
    uint64_t bits;
    memcpy(&bits, &term, sizeof bits);
    const uint32_t biased = (bits >> 52) & 0x7ff;
    SS_ASSERT(biased != 0x7ff);
    *negative = bits >> 63;
    *exponent = (int32_t)(biased ? biased : 1) - 1075;
    return (bits & UINT64_C(0xfffffffffffff)) | (biased ? UINT64_C(1) << 52 : 0);
}

// Of a value that is present: a decimal is its scaled integer, a timestamp its microseconds.
static inline struct ss_exact_term ss_exact_term_of(enum ss_type_id type, const struct ss_value *value)
{
    struct ss_exact_term term = {0};
    if (type == SS_FLOAT64) {
        term.mantissa = ss_take_apart(value->f64, &term.exponent, &term.negative);
        return term;
    }
    const int64_t integer = type == SS_BOOL ? value->boolean : value->i64;
    term.negative = integer < 0;
    term.mantissa = term.negative ? 0 - (uint64_t)integer : (uint64_t)integer;
    return term;
}

#endif
