// Scalars as bytes. See scalar.h.
//
// Integers are zigzag varints. Doubles of people (prices, rates) are mostly m / 10^k with small m and k: then
// they are the varint of zigzag(m) * 8 + k with the least k <= 6 that gives the double back by one IEEE
// division. |m| < 2^50 keeps m unique. Other doubles are the byte 7 and their 8 bytes.

#include "engine/scalar.h"

#include "engine/read_inline.h"

#include <math.h>

#define LARGEST_POWER 6
#define RAW_DOUBLE    7
#define MANTISSA_END  0x1p50

static const double powers_of_ten[LARGEST_POWER + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

static void encode_double(double value, struct ss_buffer *buffer)
{
    for (unsigned k = 0; k <= LARGEST_POWER; k++) {
        const double scaled = value * powers_of_ten[k];
        if (!(fabs(scaled) < MANTISSA_END)) break;
        const int64_t m = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        if ((double)m / powers_of_ten[k] != value) continue;
        const uint64_t zigzag = m < 0 ? (uint64_t)-m * 2 - 1 : (uint64_t)m * 2;
        ss_buffer_varint(buffer, zigzag << 3 | k);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    ss_buffer_byte(buffer, RAW_DOUBLE);
    ss_buffer_fixed64(buffer, bits);
}

static double decode_double(struct ss_reader *reader)
{
    double value;
    const uint64_t code = ss_read_varint_inline(reader);
    if ((code & 7) != RAW_DOUBLE) {
        const uint64_t zigzag = code >> 3;
        const int64_t m = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
        return (double)m / powers_of_ten[code & 7];
    }
    const uint64_t bits = ss_read_fixed64(reader);
    if (code != RAW_DOUBLE || (bits >> 52 & 0x7ff) == 0x7ff || bits == UINT64_C(1) << 63) {
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
