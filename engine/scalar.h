// Scalars: values of fixed width (all types but string) as keys that sort like the values.
//
// The key of a bool, int64, decimal or timestamp is the integer itself; of a double its bits, those of a
// negative one turned so that keys compare as the doubles do. Keys are what tiles keep raw, what minimum and
// maximum compare and what a distinct set holds.
#ifndef SS_ENGINE_SCALAR_H
#define SS_ENGINE_SCALAR_H

#include "engine/base/column.h"
#include "engine/base/float_environment.h"

#include <string.h>

static inline int64_t ss_double_to_key(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static inline double ss_key_to_double(int64_t key)
{
    double value;
    const int64_t bits = key < 0 ? key ^ INT64_MAX : key;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Of a value that is present.
static inline int64_t ss_scalar_key(enum ss_type_id type, const struct ss_value *value)
{
    if (type == SS_FLOAT64) return ss_double_to_key(value->f64);
    return type == SS_BOOL ? value->boolean : value->i64;
}

static inline struct ss_value ss_scalar_value(enum ss_type_id type, int64_t key)
{
    struct ss_value value = {.present = true};
    if (type == SS_FLOAT64)
        value.f64 = ss_key_to_double(key);
    else if (type == SS_BOOL)
        value.boolean = key != 0;
    else
        value.i64 = key;
    return value;
}

#define SS_SCALAR_RAW 7
static const double ss_scalar_powers[SS_SCALAR_RAW] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

// A double from its code (docs/FORMAT.md "Scalar"), which does not say that 8 bytes follow.
static inline double ss_scalar_short(uint64_t code)
{
    const uint64_t zigzag = code >> 3;
    const int64_t m = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    return (double)m / ss_scalar_powers[code & 7];
}

// May a double be given by these 8 bytes? They are finite and no minus zero.
static inline bool ss_scalar_raw_allowed(uint64_t code, uint64_t bits)
{
    return code == SS_SCALAR_RAW && (bits >> 52 & 0x7ff) != 0x7ff && bits != UINT64_C(1) << 63;
}

// Compact bytes (docs/FORMAT.md "Scalar").
void ss_scalar_encode(enum ss_type_id type, int64_t key, struct ss_buffer *buffer);
// Damage, a double that is not finite or a minus zero sets reader->failed.
int64_t ss_scalar_decode(enum ss_type_id type, struct ss_reader *reader);

#endif
