// Packed doubles: decimal mantissas where they are exact (docs/FORMAT.md "Packed columns").
//
// Doubles of people (prices, rates) are m / 10^k with small m and k, as in "Scalar". Per 1024 values there is
// one scale: the least k in 0..6 for which each is, by one IEEE division, such a quotient with |m| < 2^50;
// then the m are packed as integers. Else the scale is 7 and the integers are the doubles' ordered keys
// (engine/scalar.h).

#include "store/packed_internal.h"

#include <math.h>
#include <stdlib.h>

#include "engine/scalar.h"

#define SCALE_OF_ROWS 8 // where the scale of all would be: one per 1024 values
#define MANTISSA_END  (INT64_C(1) << 50)
#define ROUNDER       0x1.8p52 // x + ROUNDER is an integer, x rounded, for |x| <= 2^51
#define ROUNDER_BITS  INT64_C(0x4338000000000000)

static double double_of(int64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int64_t bits_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The mantissas of up to 1024 doubles at a scale; false when there are none.
static bool scale_by(const int64_t *doubles_bits, int32_t count, unsigned scale, int64_t *mantissas)
{
    const double power = ss_scalar_powers[scale];
    unsigned inexact = 0;
    for (int32_t i = 0; i < count; i++) {
        const double value = double_of(doubles_bits[i]);
        const double shifted = value * power + ROUNDER;
        const double mantissa = shifted - ROUNDER;
        inexact |= !(fabs(mantissa) < (double)MANTISSA_END) | (mantissa / power != value);
        mantissas[i] = (int64_t)((uint64_t)bits_of(shifted) - (uint64_t)ROUNDER_BITS);
    }
    return !inexact;
}

// Turns up to 1024 doubles into integers; their scale.
static uint8_t scale_block(int64_t *values, int32_t count)
{
    int64_t mantissas[PACKED_FRAME_ROWS];
    for (uint8_t scale = 0; scale < SS_SCALAR_RAW; scale++) {
        if (!scale_by(values, 1, scale, mantissas) || !scale_by(values, count, scale, mantissas)) continue;
        memcpy(values, mantissas, (size_t)count * sizeof *values);
        return scale;
    }
    for (int32_t i = 0; i < count; i++) values[i] = ss_double_to_key(double_of(values[i]));
    return SS_SCALAR_RAW;
}

static void write_scales(const uint8_t *scales, int32_t count, struct ss_buffer *bytes)
{
    bool same = true;
    for (int32_t i = 1; i < count; i++) same = same && scales[i] == scales[0];
    if (!same) ss_buffer_byte(bytes, SCALE_OF_ROWS);
    ss_buffer_append(bytes, scales, same ? 1 : (size_t)count);
}

void ss_doubles_write(int64_t *values_bits, int32_t count, struct ss_buffer *bytes)
{
    const int32_t block_count = ss_packed_frame_count(count);
    uint8_t *scales = malloc((size_t)block_count + 1);
    if (!scales) {
        bytes->failed = true;
        return;
    }
    for (int32_t i = 0; i < block_count; i++) {
        const int32_t left = count - i * PACKED_FRAME_ROWS;
        scales[i] = scale_block(values_bits + (size_t)i * PACKED_FRAME_ROWS,
                                left < PACKED_FRAME_ROWS ? left : PACKED_FRAME_ROWS);
    }
    write_scales(scales, block_count, bytes);
    ss_frames_write(values_bits, count, bytes);
    free(scales);
}

// Is each integer of a block one of the scale's doubles?
static bool block_valid(unsigned scale, const int64_t *integers, int32_t count)
{
    const int64_t end = scale < SS_SCALAR_RAW ? MANTISSA_END : ss_double_to_key(INFINITY);
    int64_t least = INT64_MAX, most = INT64_MIN;
    ss_integers_bounds(integers, count, &least, &most);
    bool valid = most < end && least > (scale < SS_SCALAR_RAW ? -end : -end - 1);
    const bool may_be_minus_0 = scale == SS_SCALAR_RAW && least <= -1 && most >= -1;
    for (int32_t i = 0; may_be_minus_0 && i < count; i++) valid &= integers[i] != -1;
    return valid;
}

static bool doubles_valid(const struct ss_packed *packed)
{
    int64_t integers[PACKED_FRAME_ROWS];
    if (packed->scale_step == 0 && *packed->scales < SS_SCALAR_RAW)
        return ss_frames_within(&packed->integers, -MANTISSA_END + 1, MANTISSA_END - 1);
    for (int32_t i = 0; i < ss_packed_frame_count(packed->value_count); i++) {
        const int32_t first = i * PACKED_FRAME_ROWS, left = packed->value_count - first;
        const int32_t length = left < PACKED_FRAME_ROWS ? left : PACKED_FRAME_ROWS;
        const uint8_t scale = packed->scales[i * packed->scale_step];
        if (scale > SS_SCALAR_RAW) return false;
        ss_frames_read(&packed->integers, first, length, integers);
        if (!block_valid(scale, integers, length)) return false;
    }
    return true;
}

enum ss_packed_open ss_doubles_open(struct ss_reader *reader, struct ss_arena *arena,
                                    struct ss_packed *packed)
{
    packed->scales = ss_read_span(reader, 1);
    if (packed->scales && *packed->scales == SCALE_OF_ROWS) {
        packed->scales = ss_read_span(reader, (size_t)ss_packed_frame_count(packed->value_count));
        packed->scale_step = 1;
    }
    if (!packed->scales) return SS_PACKED_DAMAGED;
    const enum ss_packed_open opened = ss_frames_open(reader, packed->value_count, arena, &packed->integers);
    if (opened != SS_PACKED_OK) return opened;
    return doubles_valid(packed) ? SS_PACKED_OK : SS_PACKED_DAMAGED;
}

static void read_block(unsigned scale, const int64_t *integers, int32_t count, double *values)
{
    if (scale == SS_SCALAR_RAW) {
        for (int32_t i = 0; i < count; i++) values[i] = ss_key_to_double(integers[i]);
        return;
    }
    const double power = ss_scalar_powers[scale];
    for (int32_t i = 0; i < count; i++) values[i] = (double_of(integers[i] + ROUNDER_BITS) - ROUNDER) / power;
}

void ss_doubles_read(const struct ss_packed *packed, int32_t first, int32_t count, double *values)
{
    int64_t integers[PACKED_FRAME_ROWS];
    while (count > 0) {
        const int32_t left = PACKED_FRAME_ROWS - first % PACKED_FRAME_ROWS;
        const int32_t length = count < left ? count : left;
        ss_frames_read(&packed->integers, first, length, integers);
        read_block(packed->scales[first / PACKED_FRAME_ROWS * packed->scale_step], integers, length, values);
        values += length;
        first += length;
        count -= length;
    }
}
