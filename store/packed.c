// Packed columns: what is around the values (docs/FORMAT.md "Packed columns").
//
//   size
//   1         version = 1
//   1         form: what the values are (enum form), + 128 where some rows are null
//   1 .. 5    varint count of rows
//   count / 8 with 128 only: a bit per row, set: a value; the last byte's rest is 0
//   any       the values of the rows that are not null, by the form
//   8         XXH3-64 of all before
//
// Null rows take no room among the values: a row's value is found by its rank, the number of bits set before.

#include "store/packed_internal.h"

#include <stdlib.h>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/base/time.h"

#define VERSION       1
#define SOME_NULL     128
#define CHECKSUM_SIZE 8

enum form {
    FORM_NONE,      // no row has a value
    FORM_INTEGERS,  // bool, int64, decimal, timestamp
    FORM_DOUBLES,   // float64
    FORM_TEXT,      // string, bytes, list, vector: one after the other
    FORM_DICTIONARY // the same: the different ones, and which of them each is
};

// ---- writing

// The rows of a column that are to be packed.
struct selection {
    const struct ss_column *column;
    const int32_t *rows; // NULL: [first, first + count)
    int32_t first, count;
};

static int32_t row_of(const struct selection *selection, int32_t i)
{
    return selection->rows ? selection->rows[i] : selection->first + i;
}

// The rows that have a value, in their order; how many.
static int32_t list_present(const struct selection *selection, int32_t *rows)
{
    const uint8_t *validity = selection->column->validity;
    int32_t present = 0;
    for (int32_t i = 0; i < selection->count; i++) {
        const int32_t row = row_of(selection, i);
        rows[present] = row;
        present += ss_bit_get(validity, row);
    }
    return present;
}

static void write_validity(const struct selection *selection, struct ss_buffer *bytes)
{
    for (int32_t at = 0; at < selection->count; at += 8) {
        uint8_t byte = 0;
        for (int32_t i = at; i < selection->count && i < at + 8; i++)
            byte |= (uint8_t)(ss_bit_get(selection->column->validity, row_of(selection, i)) << (i - at));
        ss_buffer_byte(bytes, byte);
    }
}

static void write_head(enum form form, const struct selection *selection, bool some_null,
                       struct ss_buffer *bytes)
{
    ss_buffer_byte(bytes, VERSION);
    ss_buffer_byte(bytes, (uint8_t)(form | (some_null ? SOME_NULL : 0)));
    ss_buffer_varint(bytes, (uint64_t)selection->count);
    if (some_null) write_validity(selection, bytes);
}

static void write_checksum(size_t start, struct ss_buffer *bytes)
{
    if (!bytes->failed) ss_buffer_fixed64(bytes, ss_hash64(bytes->data + start, bytes->size - start));
}

// The values of rows that have one, as 8 bytes each.
static void gather(const struct ss_column *column, const int32_t *rows, int32_t count, int64_t *values)
{
    if (column->type.id == SS_BOOL)
        for (int32_t i = 0; i < count; i++) values[i] = ss_bit_get(column->bits, rows[i]);
    else if (column->type.id == SS_FLOAT64)
        for (int32_t i = 0; i < count; i++) memcpy(&values[i], &column->f64[rows[i]], sizeof *values);
    else
        for (int32_t i = 0; i < count; i++) values[i] = column->i64[rows[i]];
}

static void write_numbers(const struct selection *selection, const int32_t *rows, int32_t count,
                          struct ss_buffer *bytes)
{
    const bool doubles = selection->column->type.id == SS_FLOAT64;
    int64_t *values = malloc((size_t)count * sizeof *values);
    if (!values) {
        bytes->failed = true;
        return;
    }
    gather(selection->column, rows, count, values);
    write_head(doubles ? FORM_DOUBLES : FORM_INTEGERS, selection, count < selection->count, bytes);
    if (doubles)
        ss_doubles_write(values, count, bytes);
    else
        ss_frames_write(values, count, bytes);
    free(values);
}

static void write_text(const struct selection *selection, const int32_t *rows, int32_t count,
                       struct ss_buffer *bytes)
{
    struct ss_buffer values = {0};
    const bool dictionary = ss_text_write(selection->column, rows, count, &values);
    write_head(dictionary ? FORM_DICTIONARY : FORM_TEXT, selection, count < selection->count, bytes);
    ss_buffer_append(bytes, values.data, values.size);
    bytes->failed |= values.failed;
    ss_buffer_release(&values);
}

static void write_selection(struct selection selection, struct ss_buffer *bytes)
{
    const size_t start = bytes->size;
    int32_t *rows = malloc(((size_t)selection.count + 1) * sizeof *rows);
    if (!rows) {
        bytes->failed = true;
        return;
    }
    const int32_t present = list_present(&selection, rows);
    if (present == 0)
        write_head(FORM_NONE, &selection, false, bytes);
    else if (ss_type_is_text(selection.column->type))
        write_text(&selection, rows, present, bytes);
    else
        write_numbers(&selection, rows, present, bytes);
    free(rows);
    write_checksum(start, bytes);
}

void ss_packed_column(const struct ss_column *column, int32_t first, int32_t count, struct ss_buffer *bytes)
{
    write_selection((struct selection){.column = column, .first = first, .count = count}, bytes);
}

void ss_packed_column_rows(const struct ss_column *column, const int32_t *rows, int32_t count,
                           struct ss_buffer *bytes)
{
    write_selection((struct selection){.column = column, .rows = rows, .count = count}, bytes);
}

void ss_packed_integers(const int64_t *values, int32_t count, struct ss_buffer *bytes)
{
    const struct selection selection = {.count = count};
    const size_t start = bytes->size;
    write_head(count ? FORM_INTEGERS : FORM_NONE, &selection, false, bytes);
    ss_frames_write(values, count, bytes);
    write_checksum(start, bytes);
}

// ---- opening

static enum ss_packed_open open_validity(struct ss_reader *reader, struct ss_arena *arena,
                                         struct ss_packed *packed)
{
    packed->validity = ss_read_span(reader, ((size_t)packed->count + 7) / 8);
    if (!packed->validity) return SS_PACKED_DAMAGED;
    if (packed->count % 8 && packed->validity[packed->count / 8] >> packed->count % 8)
        return SS_PACKED_DAMAGED;
    const int32_t word_count = packed->count / 64 + (packed->count % 64 != 0);
    int32_t *ranks = ss_arena_array(arena, (size_t)word_count + 1, sizeof *ranks);
    if (!ranks) return SS_PACKED_NO_MEMORY;
    for (int32_t word = 0; word < word_count; word++)
        ranks[word + 1] = ranks[word] + ss_packed_ones(ss_packed_validity_word(packed, word));
    packed->ranks = ranks;
    packed->value_count = ranks[word_count];
    const bool some = packed->value_count > 0 && packed->value_count < packed->count;
    return some ? SS_PACKED_OK : SS_PACKED_DAMAGED;
}

static bool integers_valid(const struct ss_packed *packed)
{
    const int64_t end = ss_power_of_ten(18);
    switch (packed->type.id) {
    case SS_BOOL: return ss_frames_within(&packed->integers, 0, 1);
    case SS_DECIMAL: return ss_frames_within(&packed->integers, -end + 1, end - 1);
    case SS_TIMESTAMP: return ss_frames_within(&packed->integers, SS_TIME_MIN_US, SS_TIME_MAX_US);
    default: return true;
    }
}

static enum ss_packed_open open_values(struct ss_reader *reader, unsigned form, struct ss_arena *arena,
                                       struct ss_packed *packed)
{
    const bool text = ss_type_is_text(packed->type), doubles = packed->type.id == SS_FLOAT64;
    if (form == FORM_NONE) return SS_PACKED_OK;
    if (packed->count == 0) return SS_PACKED_DAMAGED;
    if (text && (form == FORM_TEXT || form == FORM_DICTIONARY))
        return ss_text_open(reader, form == FORM_DICTIONARY, arena, packed);
    if (doubles && form == FORM_DOUBLES) return ss_doubles_open(reader, arena, packed);
    if (text || doubles || form != FORM_INTEGERS) return SS_PACKED_DAMAGED;
    const enum ss_packed_open opened = ss_frames_open(reader, packed->value_count, arena, &packed->integers);
    if (opened != SS_PACKED_OK) return opened;
    return integers_valid(packed) ? SS_PACKED_OK : SS_PACKED_DAMAGED;
}

// What is before the checksum; false when it is not intact.
static bool check_bytes(struct ss_bytes bytes, struct ss_reader *reader)
{
    if (bytes.size < CHECKSUM_SIZE) return false;
    const uint8_t *data = (const uint8_t *)bytes.data;
    const size_t size = bytes.size - CHECKSUM_SIZE;
    *reader = (struct ss_reader){.at = data, .end = data + size};
    return ss_hash64(data, size) == ss_packed_load(data + size);
}

enum ss_packed_open ss_packed_open_column(struct ss_bytes bytes, struct ss_type type, int32_t count,
                                          struct ss_arena *arena, struct ss_packed *packed)
{
    struct ss_packed opened = {.type = type, .count = count};
    struct ss_reader reader;
    if (!check_bytes(bytes, &reader) || ss_read_byte(&reader) != VERSION) return SS_PACKED_DAMAGED;
    const uint8_t head = ss_read_byte(&reader);
    const unsigned form = head & (SOME_NULL - 1);
    enum ss_packed_open status = SS_PACKED_OK;
    if (ss_read_varint(&reader) != (uint64_t)count || reader.failed) return SS_PACKED_DAMAGED;
    opened.value_count = form == FORM_NONE ? 0 : count;
    if (head == (FORM_NONE | SOME_NULL)) return SS_PACKED_DAMAGED;
    if (head & SOME_NULL) status = open_validity(&reader, arena, &opened);
    if (status == SS_PACKED_OK) status = open_values(&reader, form, arena, &opened);
    if (status != SS_PACKED_OK) return status;
    if (reader.failed || reader.at != reader.end) return SS_PACKED_DAMAGED;
    *packed = opened;
    return SS_PACKED_OK;
}

enum ss_packed_open ss_packed_open_integers(struct ss_bytes bytes, int32_t count, struct ss_arena *arena,
                                            struct ss_packed *packed)
{
    struct ss_packed opened;
    const enum ss_packed_open status =
        ss_packed_open_column(bytes, (struct ss_type){.id = SS_INT64}, count, arena, &opened);
    if (status != SS_PACKED_OK) return status;
    if (opened.value_count != count) return SS_PACKED_DAMAGED;
    *packed = opened;
    return SS_PACKED_OK;
}

bool ss_packed_integers_within(const struct ss_packed *packed, int64_t least, int64_t most)
{
    return ss_frames_within(&packed->integers, least, most);
}

void ss_packed_integers_bounds(const struct ss_packed *packed, int64_t *least, int64_t *most)
{
    ss_frames_bounds(&packed->integers, least, most);
}

// ---- reading

struct ss_packed_run ss_packed_run_of(const struct ss_packed *packed, int32_t first, int32_t count)
{
    const int32_t index = ss_packed_rank(packed, first);
    return (struct ss_packed_run){index, ss_packed_rank(packed, first + count) - index};
}

void ss_packed_spread(const struct ss_packed *packed, int32_t first, int32_t count, int32_t value_count,
                      int64_t under_null, void *values)
{
    // From the end on, until the rest is in place.
    for (int32_t i = count - 1, taken = value_count; taken <= i; i--) {
        const bool present = packed->validity && ss_bit_get(packed->validity, first + i);
        int64_t value;
        taken -= present;
        memcpy(&value, (char *)values + 8 * (size_t)taken, sizeof value);
        value = under_null ^ ((value ^ under_null) & -(int64_t)present);
        memcpy((char *)values + 8 * (size_t)i, &value, sizeof value);
    }
}

// 8 bits from any bit on.
static uint8_t bits_at(const uint8_t *bits, int32_t at)
{
    return (uint8_t)((bits[at / 8] | (unsigned)bits[at / 8 + 1] << 8) >> (at % 8));
}

// Copies `count` bits to `to` from bit `at` on. May look at the byte behind the last of `bits`.
static void copy_bits(uint8_t *to, int32_t at, const uint8_t *bits, int32_t first, int32_t count)
{
    const int32_t end = at + count;
    for (; at < end && at % 8; at++, first++) ss_bit_set(to, at, ss_bit_get(bits, first));
    for (; end - at >= 8; at += 8, first += 8) to[at / 8] = bits_at(bits, first);
    for (; at < end; at++, first++) ss_bit_set(to, at, ss_bit_get(bits, first));
}

static void fill_bits(uint8_t *to, int32_t at, int32_t count, bool bit)
{
    const int32_t end = at + count;
    for (; at < end && at % 8; at++) ss_bit_set(to, at, bit);
    if (at < end) memset(to + at / 8, bit ? 255 : 0, ((size_t)(end - at) + 7) / 8);
}

// Up to 1024 bools.
static void append_bits(const struct ss_packed *packed, int32_t first, int32_t count, uint8_t *to, int32_t at)
{
    int64_t values[PACKED_FRAME_ROWS + 7];
    uint8_t bits[PACKED_FRAME_ROWS / 8 + 1];
    const struct ss_packed_run run = ss_packed_run_of(packed, first, count);
    ss_frames_read(&packed->integers, run.index, run.value_count, values);
    ss_packed_spread(packed, first, count, run.value_count, 0, values);
    memset(values + count, 0, 7 * sizeof *values);
    for (int32_t i = 0; i < count; i += 8) {
        const int64_t *of = values + i;
        bits[i / 8] = (uint8_t)(of[0] | of[1] << 1 | of[2] << 2 | of[3] << 3 | of[4] << 4 | of[5] << 5 |
                                of[6] << 6 | of[7] << 7);
    }
    copy_bits(to, at, bits, 0, count);
}

static void append_numbers(const struct ss_packed *packed, int32_t first, int32_t count,
                           struct ss_column *column)
{
    const struct ss_packed_run run = ss_packed_run_of(packed, first, count);
    if (packed->type.id == SS_FLOAT64) {
        ss_doubles_read(packed, run.index, run.value_count, column->f64 + column->length);
        ss_packed_spread(packed, first, count, run.value_count, 0, column->f64 + column->length);
    } else {
        ss_frames_read(&packed->integers, run.index, run.value_count, column->i64 + column->length);
        ss_packed_spread(packed, first, count, run.value_count, 0, column->i64 + column->length);
    }
}

static void append_bools(const struct ss_packed *packed, int32_t first, int32_t count,
                         struct ss_column *column)
{
    for (int32_t done = 0, length; done < count; done += length) {
        length = count - done < PACKED_FRAME_ROWS ? count - done : PACKED_FRAME_ROWS;
        append_bits(packed, first + done, length, column->bits, column->length + done);
    }
}

static void append_validity(const struct ss_packed *packed, int32_t first, int32_t count,
                            struct ss_column *column)
{
    if (packed->validity)
        copy_bits(column->validity, column->length, packed->validity, first, count);
    else
        fill_bits(column->validity, column->length, count, packed->value_count > 0);
}

bool ss_packed_append(const struct ss_packed *packed, int32_t first, int32_t count, struct ss_column *column,
                      struct ss_arena *arena)
{
    SS_ASSERT(first >= 0 && count >= 0 && first <= packed->count - count);
    SS_ASSERT(column->length <= column->capacity - count);
    if (packed->type.id == SS_BOOL)
        append_bools(packed, first, count, column);
    else if (!ss_type_is_text(packed->type))
        append_numbers(packed, first, count, column);
    else if (!ss_text_append(packed, first, count, column, arena))
        return false;
    append_validity(packed, first, count, column);
    column->length += count;
    return true;
}

void ss_packed_read_integers(const struct ss_packed *packed, int32_t first, int32_t count, int64_t *values)
{
    ss_frames_read(&packed->integers, first, count, values);
}
