// Scalars as bytes. See scalar.h.
//
// Integers are zigzag varints. Doubles of people (prices, rates) are mostly m / 10^k with small m and k: then
// they are the varint of zigzag(m) * 8 + k with the least k < 7 that gives the double back by one IEEE
// division. |m| < 2^50 keeps m unique. Other doubles are the byte 7 and their 8 bytes.

#include "engine/scalar.h"

#include "engine/read_inline.h"

#include <math.h>

#define MANTISSA_END 0x1p50

static void encode_double(double value, struct ss_buffer *buffer)
{
    for (unsigned k = 0; k < SS_SCALAR_RAW; k++) {
        const double scaled = value * ss_scalar_powers[k];
        if (!(fabs(scaled) < MANTISSA_END)) break;
        const int64_t m = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        if ((double)m / ss_scalar_powers[k] != value) continue;
        const uint64_t zigzag = m < 0 ? (uint64_t)-m * 2 - 1 : (uint64_t)m * 2;
        ss_buffer_varint(buffer, zigzag << 3 | k);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    ss_buffer_byte(buffer, SS_SCALAR_RAW);
    ss_buffer_fixed64(buffer, bits);
}

static double decode_double(struct ss_reader *reader)
{
    double value;
    const uint64_t code = ss_read_varint_inline(reader);
    if ((code & 7) != SS_SCALAR_RAW) return ss_scalar_short(code);
    const uint64_t bits = ss_read_fixed64(reader);
    if (!ss_scalar_raw_allowed(code, bits)) {
        reader->failed = true;
        return 0;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

void ss_scalar_encode(enum ss_type_id type, int64_t key, struct ss_buffer *buffer)
{
    if (type == SS_FLOAT64)
        encode_double(ss_key_to_double(key), buffer);
    else
        ss_buffer_zigzag(buffer, key);
}

int64_t ss_scalar_decode(enum ss_type_id type, struct ss_reader *reader)
{
    return type == SS_FLOAT64 ? ss_double_to_key(decode_double(reader)) : ss_read_zigzag_inline(reader);
}
