// Packed columns: columns as the bytes that a segment's BLOBs hold (docs/FORMAT.md "Packed columns").
//
// Opening checks the checksum, every bound and every value once, so that reads need no checks; runs of rows
// are then read from anywhere. Prices and names take one to three bytes each, times five. What is opened may
// be read by many threads.
#ifndef SS_STORE_PACKED_H
#define SS_STORE_PACKED_H

#include "engine/base/column.h"

// Appends the packed bytes of the column's rows [first, first + count), of any type, nulls too; at most
// 2^30 of them. Out of memory, or text of 2^31 bytes or more: bytes->failed.
void ss_packed_column(const struct ss_column *column, int32_t first, int32_t count, struct ss_buffer *bytes);
// The same of rows in another order: rows[i] is the row of the column that comes i-th.
void ss_packed_column_rows(const struct ss_column *column, const int32_t *rows, int32_t count,
                           struct ss_buffer *bytes);
// Integers without nulls (times, seqs): the bytes of an int64 column of them.
void ss_packed_integers(const int64_t *values, int32_t count, struct ss_buffer *bytes);

// Integers of one frame: base + a code of `width` bits each.
struct ss_packed_frame {
    const uint8_t *bits; // the first code's, from a byte on
    uint64_t base;       // of the sums modulo 2^64
    unsigned width;      // 0 .. 64
};

struct ss_packed_frames {
    int32_t count;                        // integers
    struct ss_packed_frame whole;         // of all of them, where `frames` is NULL
    const struct ss_packed_frame *frames; // one per 1024 integers
};

// Packed bytes that were opened. They and the arena are borrowed.
struct ss_packed {
    struct ss_type type;
    int32_t count;                    // rows
    int32_t value_count;              // rows that are not null
    const uint8_t *validity;          // bit set: a value; NULL: value_count is count or 0
    const int32_t *ranks;             // where there is validity: the values before each 64 rows
    struct ss_packed_frames integers; // per value: itself, a double's mantissa or key, a code, a length
    const uint8_t *scales;            // of float64: one per 1024 values ..
    int32_t scale_step;               // .. (1), or one for all (0)
    const char *data;                 // of text: of the values or of the dictionary's entries
    const int32_t *starts;            // in `data`: of each entry; or of each 64th value
    int32_t entry_count;              // of the dictionary; 0: there is none
};

enum ss_packed_open { SS_PACKED_OK, SS_PACKED_DAMAGED, SS_PACKED_NO_MEMORY };

// Opens the packed bytes of `count` rows of a type. *packed is set only when it is SS_PACKED_OK.
enum ss_packed_open ss_packed_open_column(struct ss_bytes bytes, struct ss_type type, int32_t count,
                                          struct ss_arena *arena, struct ss_packed *packed);
// The same of integers without nulls.
enum ss_packed_open ss_packed_open_integers(struct ss_bytes bytes, int32_t count, struct ss_arena *arena,
                                            struct ss_packed *packed);
// Are all integers, of which none is null, in [least, most]?
bool ss_packed_integers_within(const struct ss_packed *packed, int64_t least, int64_t most);
// The least and the greatest of them; of none INT64_MAX and INT64_MIN.
void ss_packed_integers_bounds(const struct ss_packed *packed, int64_t *least, int64_t *most);

// Appends rows [first, first + count) to a column of the type that has room for them, as ss_column_append
// does: text is copied. False, and the column stays as it is, when out of memory or when its text would pass
// 2^31 bytes.
bool ss_packed_append(const struct ss_packed *packed, int32_t first, int32_t count, struct ss_column *column,
                      struct ss_arena *arena);
// The same of rows[0] .. rows[count - 1]; when false, some of them may have been appended.
bool ss_packed_gather(const struct ss_packed *packed, const int32_t *rows, int32_t count,
                      struct ss_column *column, struct ss_arena *arena);
// The integers [first, first + count) of what has no nulls and is neither float64 nor text.
void ss_packed_read_integers(const struct ss_packed *packed, int32_t first, int32_t count, int64_t *values);

#endif
