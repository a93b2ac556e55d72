// Columns in memory have the Arrow layout: validity bitmap, values, 32-bit offsets for strings.
//
//   bool                  values: bitmap, least significant bit first
//   int64, timestamp      values: int64_t (timestamp: microseconds, UTC)
//   decimal(n)            values: int64_t scaled by 10^n (Arrow's 64-bit decimal), n <= 18, |value| < 10^18
//   float64               values: double, never NaN, infinite or -0
//   string                offsets: int32_t[length + 1], data: UTF-8
//   bytes, list, vector   offsets and data as a string's: the bytes, the packed elements (list.h), the floats
//
// Validity is always present (no NULL shortcut): bit set = value there. The value under an unset bit is 0 /
// empty.
#ifndef SS_ENGINE_BASE_COLUMN_H
#define SS_ENGINE_BASE_COLUMN_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

#define SS_BATCH_ROWS 1024 // programs run over at most so many rows at a time

enum ss_type_id {
    SS_BOOL,
    SS_INT64,
    SS_FLOAT64,
    SS_DECIMAL,
    SS_STRING,
    SS_TIMESTAMP,
    SS_BYTES,
    SS_LIST,
    SS_VECTOR
};

struct ss_type {
    enum ss_type_id id;
    uint8_t scale;           // of a decimal or of a list's decimals, else 0
    enum ss_type_id element; // of a list, else 0; neither list nor vector
    uint16_t length;         // of a vector: its number of float32, else 0
};

// Is the value in `text`?
static inline bool ss_id_is_text(enum ss_type_id id)
{
    return id == SS_STRING || id >= SS_BYTES;
}

static inline bool ss_type_is_text(struct ss_type type)
{
    return ss_id_is_text(type.id);
}

// Does the type have an order that min, max and comparisons go by? (false before true is none.)
static inline bool ss_type_is_ordered(struct ss_type type)
{
    return type.id != SS_BOOL && type.id != SS_LIST && type.id != SS_VECTOR;
}

static inline struct ss_type ss_list_of(struct ss_type element)
{
    return (struct ss_type){.id = SS_LIST, .scale = element.scale, .element = element.id};
}

static inline struct ss_type ss_element_of(struct ss_type list)
{
    return (struct ss_type){.id = list.element, .scale = list.scale};
}

bool ss_type_equal(struct ss_type a, struct ss_type b);
bool ss_type_is_numeric(struct ss_type type); // int64, float64, decimal
// "decimal(2)", "list<decimal(2)>", "vector(64)". Returns text.
#define SS_TYPE_TEXT_SIZE 24
const char *ss_type_format(struct ss_type type, char text[SS_TYPE_TEXT_SIZE]);
// "int64", "decimal(2)", "list<string>", "vector(64)", ...; false when it is none.
#define SS_VECTOR_MAX 4096 // elements
bool ss_type_parse(struct ss_bytes text, struct ss_type *type);

// One value. Strings are borrowed. A null value has all other members zero.
struct ss_value {
    bool present;
    union {
        bool boolean;
        int64_t i64; // int64, decimal (scaled), timestamp
        double f64;
        struct ss_bytes text; // string, bytes, list, vector
    };
};

bool ss_value_equal(struct ss_type type, struct ss_value a,
                    struct ss_value b); // null equals null; floats by bits

struct ss_column {
    struct ss_type type;
    int32_t length;   // rows filled
    int32_t capacity; // rows allocated
    uint8_t *validity;
    union {
        uint8_t *bits;
        int64_t *i64;
        double *f64;
        int32_t *offsets;
    };
    char *data; // where there are offsets
    int32_t data_capacity;
};

static inline bool ss_bit_get(const uint8_t *bits, int32_t row)
{
    return (bits[row >> 3] >> (row & 7)) & 1;
}

static inline void ss_bit_set(uint8_t *bits, int32_t row, bool value)
{
    const uint8_t mask = (uint8_t)(1u << (row & 7));
    if (value)
        bits[row >> 3] |= mask;
    else
        bits[row >> 3] = (uint8_t)(bits[row >> 3] & (uint8_t)~mask);
}

// An empty column for up to `capacity` rows in the arena. False when out of memory.
bool ss_column_init(struct ss_column *column, struct ss_type type, int32_t capacity, struct ss_arena *arena);
// The same in memory that the caller has: zeroed, ss_column_bytes long (a multiple of 8), aligned to 8.
size_t ss_column_bytes(struct ss_type type, int32_t capacity);
void ss_column_place(struct ss_column *column, struct ss_type type, int32_t capacity, void *memory);
// Appends a value (strings are copied into the column; the column's string data grows in `arena`). length <
// capacity must hold. False when out of memory or when string data would pass 2^31 bytes.
bool ss_column_append(struct ss_column *column, struct ss_value value, struct ss_arena *arena);
// Room for `data_size` bytes of string data in all, so that appends up to there take no memory.
bool ss_column_reserve(struct ss_column *column, size_t data_size, struct ss_arena *arena);
// Appends `count` rows of another column of the same type, from row `start` on. As ss_column_append.
bool ss_column_append_rows(struct ss_column *column, const struct ss_column *from, int32_t start,
                           int32_t count, struct ss_arena *arena);
void ss_column_clear(struct ss_column *column); // length 0, memory kept
// The value at a row; a string is borrowed from the column.
static inline struct ss_value ss_column_get(const struct ss_column *column, int32_t row)
{
    struct ss_value value = {.present = ss_bit_get(column->validity, row)};
    if (!value.present) return value;
    switch (column->type.id) {
    case SS_BOOL: value.boolean = ss_bit_get(column->bits, row); break;
    case SS_STRING:
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR:
        value.text.data = column->data ? column->data + column->offsets[row] : "";
        value.text.size = (size_t)(column->offsets[row + 1] - column->offsets[row]);
        break;
    case SS_FLOAT64: value.f64 = column->f64[row]; break;
    default: value.i64 = column->i64[row]; break;
    }
    return value;
}

// Text to value, exactly as its type (DESIGN C13, CLI.md): bool "true"/"false", int64, float64 (NaN and
// infinities become null), decimal(n), string (valid UTF-8 without U+0000), timestamp by unit and zone, bytes
// as base64, list and vector as JSON (list_text.h; a vector that does not fit float32 becomes null). A string
// borrows the text; bytes, list and vector are made in the arena. False when it does not parse; then *reason
// is a static phrase such as "not an int64", or NULL: out of memory. The empty text is a string or bytes, an
// error for other types: a reader of CSV decides about null before it calls this.
struct ss_zone;
bool ss_value_parse(struct ss_type type, struct ss_bytes text, int unit /* enum ss_time_unit */,
                    const struct ss_zone *zone, struct ss_arena *arena, struct ss_value *value,
                    const char **reason);
// Value to text as CLI.md "CSV out" says, appended to the buffer; null appends nothing. No CSV quoting.
void ss_value_format(struct ss_type type, struct ss_value value, struct ss_buffer *buffer);
// Are the bytes, read from disk, the value of a type whose values are in `text`?
bool ss_text_valid(struct ss_type type, struct ss_bytes text);
// Is what was read from disk, and is there, a value that a column of the type could hold?
bool ss_value_valid(struct ss_type type, struct ss_value value);

#endif
