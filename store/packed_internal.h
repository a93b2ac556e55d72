// What the files of packed columns share: integers in frames, doubles, text (each with its own file).
#ifndef SS_STORE_PACKED_INTERNAL_H
#define SS_STORE_PACKED_INTERNAL_H

#include "store/packed.h"

#include <endian.h>
#include <string.h>

#define PACKED_FRAME_ROWS     1024 // also of a scale, and the most that are decoded at a time
#define PACKED_ONE_LOAD_WIDTH 57   // a code of so many bits that starts in a byte ends within 8

// The 8 bytes at `at` as an integer. Whatever starts before the checksum ends within it.
static inline uint64_t ss_packed_load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static inline int32_t ss_packed_frame_count(int32_t count)
{
    return count / PACKED_FRAME_ROWS + (count % PACKED_FRAME_ROWS != 0);
}

// packed_codes.c
static inline uint64_t ss_codes_mask(unsigned width)
{
    return width ? UINT64_MAX >> (64 - width) : 0;
}
void ss_codes_read(struct ss_packed_frame frame, int32_t first, int32_t count, int64_t *values);
// Takes *least down and *most up to what the values are.
void ss_integers_bounds(const int64_t *values, int32_t count, int64_t *least, int64_t *most);

// packed_integers.c
void ss_frames_write(const int64_t *values, int32_t count, struct ss_buffer *bytes);
size_t ss_frames_size(const int64_t *values, int32_t count); // of what ss_frames_write appends
// Takes the frames of `count` integers off the reader.
enum ss_packed_open ss_frames_open(struct ss_reader *reader, int32_t count, struct ss_arena *arena,
                                   struct ss_packed_frames *frames);
void ss_frames_read(const struct ss_packed_frames *frames, int32_t first, int32_t count, int64_t *values);
// Are all integers in [least, most]?
bool ss_frames_within(const struct ss_packed_frames *frames, int64_t least, int64_t most);
// The least and the greatest; of none INT64_MAX and INT64_MIN.
void ss_frames_bounds(const struct ss_packed_frames *frames, int64_t *least, int64_t *most);

// packed_float64.c. Takes the values' place: they are integers afterwards.
void ss_doubles_write(int64_t *values_bits, int32_t count, struct ss_buffer *bytes);
enum ss_packed_open ss_doubles_open(struct ss_reader *reader, struct ss_arena *arena,
                                    struct ss_packed *packed);
void ss_doubles_read(const struct ss_packed *packed, int32_t first, int32_t count, double *values);

// packed_text.c
// The text of a column's rows, none of them null. True: as a dictionary.
bool ss_text_write(const struct ss_column *column, const int32_t *rows, int32_t count,
                   struct ss_buffer *bytes);
enum ss_packed_open ss_text_open(struct ss_reader *reader, bool dictionary, struct ss_arena *arena,
                                 struct ss_packed *packed);
bool ss_text_append(const struct ss_packed *packed, int32_t first, int32_t count, struct ss_column *column,
                    struct ss_arena *arena);

// packed.c
// 64 rows' validity, the first one's in the lowest bit; past the last row it is 0.
static inline uint64_t ss_packed_validity_word(const struct ss_packed *packed, int32_t word)
{
    const int32_t left = packed->count - 64 * word;
    const uint64_t bits = ss_packed_load(packed->validity + 8 * (size_t)word);
    return left < 64 ? bits & ((UINT64_C(1) << left) - 1) : bits;
}

// How many bits are set. (A processor that may be the oldest of its kind has no instruction for it.)
static inline int32_t ss_packed_ones(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int32_t)((bits * UINT64_C(0x0101010101010101)) >> 56);
}

// The number of values before a row.
static inline int32_t ss_packed_rank(const struct ss_packed *packed, int32_t row)
{
    if (!packed->validity) return packed->value_count ? row : 0;
    const uint64_t before = (UINT64_C(1) << (row % 64)) - 1;
    return packed->ranks[row / 64] + ss_packed_ones(ss_packed_validity_word(packed, row / 64) & before);
}

// The values of a run of rows, which are one after the other.
struct ss_packed_run {
    int32_t index, value_count;
};
struct ss_packed_run ss_packed_run_of(const struct ss_packed *packed, int32_t first, int32_t count);
// The values of rows [first, first + count), 8 bytes each and one after the other, move to their rows; a
// null's place gets `under_null`.
void ss_packed_spread(const struct ss_packed *packed, int32_t first, int32_t count, int32_t value_count,
                      int64_t under_null, void *values);

#endif
