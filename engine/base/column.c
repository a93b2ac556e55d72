// Columns and single values: types, appending, text in and out.

#include "engine/base/column.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/base64.h"
#include "engine/base/list.h"
#include "engine/base/list_text.h"
#include "engine/base/number.h"
#include "engine/base/time.h"

bool ss_type_equal(struct ss_type a, struct ss_type b)
{
    return a.id == b.id && a.scale == b.scale && a.element == b.element && a.length == b.length;
}

bool ss_type_is_numeric(struct ss_type type)
{
    return type.id == SS_INT64 || type.id == SS_FLOAT64 || type.id == SS_DECIMAL;
}

static const char *const type_names[] = {"bool",      "int64", "float64", "decimal", "string",
                                         "timestamp", "bytes", "list",    "vector"};

const char *ss_type_format(struct ss_type type, char text[SS_TYPE_TEXT_SIZE])
{
    if (type.id == SS_DECIMAL)
        snprintf(text, SS_TYPE_TEXT_SIZE, "decimal(%u)", type.scale);
    else if (type.id == SS_VECTOR)
        snprintf(text, SS_TYPE_TEXT_SIZE, "vector(%u)", type.length);
    else if (type.id == SS_LIST && type.element == SS_DECIMAL)
        snprintf(text, SS_TYPE_TEXT_SIZE, "list<decimal(%u)>", type.scale);
    else if (type.id == SS_LIST)
        snprintf(text, SS_TYPE_TEXT_SIZE, "list<%s>", type_names[type.element]);
    else
        snprintf(text, SS_TYPE_TEXT_SIZE, "%s", type_names[type.id]);
    return text;
}

// The text between `start` and the character `end`; false when it is not of that shape.
static bool between(struct ss_bytes text, const char *start, char end, struct ss_bytes *inner)
{
    const size_t size = strlen(start);
    if (text.size < size + 2 || memcmp(text.data, start, size) != 0 || text.data[text.size - 1] != end)
        return false;
    *inner = (struct ss_bytes){text.data + size, text.size - size - 1};
    return true;
}

// "start(n)" with n from least to most, digits only.
static bool parse_counted(struct ss_bytes text, const char *start, int64_t least, int64_t most,
                          int64_t *count)
{
    struct ss_bytes digits;
    return between(text, start, ')', &digits) && digits.data[0] != '-' && ss_int64_parse(digits, count) &&
           *count >= least && *count <= most;
}

bool ss_type_parse(struct ss_bytes text, struct ss_type *type)
{
    struct ss_bytes inner;
    struct ss_type element;
    int64_t count;
    for (int id = SS_BOOL; id <= SS_BYTES; id++) {
        if (id == SS_DECIMAL || !ss_bytes_equal(text, ss_bytes_of(type_names[id]))) continue;
        *type = (struct ss_type){(enum ss_type_id)id, 0};
        return true;
    }
    if (parse_counted(text, "decimal(", 0, 18, &count)) {
        *type = (struct ss_type){SS_DECIMAL, (uint8_t)count};
        return true;
    }
    if (parse_counted(text, "vector(", 1, SS_VECTOR_MAX, &count)) {
        *type = (struct ss_type){.id = SS_VECTOR, .length = (uint16_t)count};
        return true;
    }
    if (!between(text, "list<", '>', &inner) || inner.data[0] == 'l' || !ss_type_parse(inner, &element) ||
        element.id == SS_VECTOR)
        return false;
    *type = ss_list_of(element);
    return true;
}

bool ss_value_equal(struct ss_type type, struct ss_value a, struct ss_value b)
{
    if (!a.present || !b.present) return a.present == b.present;
    if (ss_type_is_text(type)) return ss_bytes_equal(a.text, b.text);
    if (type.id == SS_BOOL) return a.boolean == b.boolean;
    return memcmp(&a.i64, &b.i64, sizeof a.i64) == 0;
}

// The bitmap of `rows` rows, in whole words.
static size_t bitmap_words(int32_t rows)
{
    return ((size_t)rows + 63) / 64 * 8;
}

size_t ss_column_bytes(struct ss_type type, int32_t capacity)
{
    const size_t rows = (size_t)capacity, bitmap = bitmap_words(capacity);
    if (type.id == SS_BOOL) return 2 * bitmap;
    if (ss_type_is_text(type)) return bitmap + ((rows + 1) * sizeof(int32_t) + 7) / 8 * 8;
    return bitmap + rows * sizeof(int64_t);
}

void ss_column_place(struct ss_column *column, struct ss_type type, int32_t capacity, void *memory)
{
    uint8_t *const bytes = memory;
    *column = (struct ss_column){.type = type, .capacity = capacity, .validity = bytes};
    column->bits = bytes + bitmap_words(capacity); // or what else the values are
}

bool ss_column_init(struct ss_column *column, struct ss_type type, int32_t capacity, struct ss_arena *arena)
{
    void *memory = ss_arena_alloc(arena, ss_column_bytes(type, capacity));
    if (memory) ss_column_place(column, type, capacity, memory);
    return memory != NULL;
}

bool ss_column_reserve(struct ss_column *column, size_t data_size, struct ss_arena *arena)
{
    if (!ss_type_is_text(column->type) || data_size <= (size_t)column->data_capacity) return true;
    if (data_size > INT32_MAX) return false;
    const size_t used = (size_t)column->offsets[column->length];
    char *data = ss_arena_raw(arena, data_size);
    if (!data) return false;
    if (used) memcpy(data, column->data, used);
    column->data = data;
    column->data_capacity = (int32_t)data_size;
    return true;
}

// Room for `size` more bytes, and for the like of them to come.
static bool grow_data(struct ss_column *column, size_t size, struct ss_arena *arena)
{
    const int32_t used = column->offsets[column->length];
    if (size > (size_t)(INT32_MAX - used)) return false;
    const size_t needed = (size_t)used + size, doubled = (size_t)column->data_capacity * 2;
    if (needed <= (size_t)column->data_capacity) return true;
    size_t capacity = doubled > INT32_MAX ? INT32_MAX : doubled;
    if (capacity < 64) capacity = 64;
    return ss_column_reserve(column, needed > capacity ? needed : capacity, arena);
}

static bool append_text(struct ss_column *column, struct ss_bytes text, struct ss_arena *arena)
{
    const int32_t used = column->offsets[column->length];
    if (!grow_data(column, text.size, arena)) return false;
    if (text.size) memcpy(column->data + used, text.data, text.size);
    column->offsets[column->length + 1] = used + (int32_t)text.size;
    return true;
}

static uint8_t eight_bits(const uint8_t *bits, int32_t start)
{
    const int32_t byte = start >> 3, shift = start & 7;
    const unsigned next = shift ? bits[byte + 1] : 0;
    return (uint8_t)((bits[byte] | next << 8) >> shift);
}

static void copy_bits(uint8_t *to, int32_t at, const uint8_t *from, int32_t start, int32_t count)
{
    for (; count > 0 && (at & 7); at++, start++, count--) ss_bit_set(to, at, ss_bit_get(from, start));
    for (; count >= 8; at += 8, start += 8, count -= 8) to[at >> 3] = eight_bits(from, start);
    for (; count > 0; at++, start++, count--) ss_bit_set(to, at, ss_bit_get(from, start));
}

static bool append_texts(struct ss_column *column, const struct ss_column *from, int32_t start, int32_t count,
                         struct ss_arena *arena)
{
    const int32_t begin = from->offsets[start], size = from->offsets[start + count] - begin;
    const int32_t used = column->offsets[column->length], moved = used - begin;
    if (!grow_data(column, (size_t)size, arena)) return false;
    if (size) memcpy(column->data + used, from->data + begin, (size_t)size);
    int32_t *to = column->offsets + column->length + 1;
    for (int32_t i = 0; i < count; i++) to[i] = from->offsets[start + 1 + i] + moved;
    return true;
}

bool ss_column_append_rows(struct ss_column *column, const struct ss_column *from, int32_t start,
                           int32_t count, struct ss_arena *arena)
{
    const int32_t row = column->length;
    if (count == 0) return true;
    if (column->type.id == SS_BOOL)
        copy_bits(column->bits, row, from->bits, start, count);
    else if (!ss_type_is_text(column->type))
        memcpy(column->i64 + row, from->i64 + start, (size_t)count * sizeof *column->i64);
    else if (!append_texts(column, from, start, count, arena))
        return false;
    copy_bits(column->validity, row, from->validity, start, count);
    column->length += count;
    return true;
}

bool ss_column_append(struct ss_column *column, struct ss_value value, struct ss_arena *arena)
{
    const int32_t row = column->length;
    const bool present = value.present;
    switch (column->type.id) {
    case SS_BOOL: ss_bit_set(column->bits, row, present && value.boolean); break;
    case SS_STRING:
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR:
        if (!append_text(column, present ? value.text : (struct ss_bytes){0}, arena)) return false;
        break;
    case SS_FLOAT64: column->f64[row] = present ? value.f64 : 0; break;
    default: column->i64[row] = present ? value.i64 : 0; break;
    }
    ss_bit_set(column->validity, row, present);
    column->length++;
    return true;
}

void ss_column_clear(struct ss_column *column)
{
    column->length = 0;
}

static bool parse_bool(struct ss_bytes text, bool *value)
{
    *value = ss_bytes_equal(text, ss_bytes_of("true"));
    return *value || ss_bytes_equal(text, ss_bytes_of("false"));
}

static const char *parse_text(struct ss_bytes text, struct ss_value *value)
{
    if (!ss_utf8_valid(text)) return "not valid UTF-8 without U+0000";
    value->text = text;
    return NULL;
}

// Takes what a buffer holds over into the arena. False: out of memory.
static bool keep_bytes(struct ss_buffer *made, struct ss_arena *arena, struct ss_value *value)
{
    const char *copy =
        made->failed ? NULL : ss_arena_copy(arena, made->size ? (const char *)made->data : "", made->size);
    value->text = (struct ss_bytes){copy, made->size};
    ss_buffer_release(made);
    return copy != NULL;
}

// bytes, list, vector: what has to be made from the text. NULL, or why it does not parse, or (*kept false)
// NULL when out of memory.
static const char *parse_made(struct ss_type type, struct ss_bytes text, const struct ss_zone *zone,
                              struct ss_arena *arena, struct ss_value *value, bool *kept)
{
    struct ss_buffer made = {0};
    bool fits = true;
    const char *reason = NULL;
    if (type.id == SS_BYTES)
        reason = ss_base64_decode(text, &made) ? NULL : "not base64 (RFC 4648, with padding)";
    else if (type.id == SS_LIST)
        reason = ss_list_parse(type, text, zone, &made);
    else
        reason = ss_vector_parse(type, text, &made, &fits);
    if (!made.failed && (reason || !fits)) {
        ss_buffer_release(&made);
        *value = (struct ss_value){0};
        return reason;
    }
    *kept = keep_bytes(&made, arena, value);
    return NULL;
}

// NULL, or why it does not parse.
static const char *parse_value(struct ss_type type, struct ss_bytes text, int unit,
                               const struct ss_zone *zone, struct ss_value *value)
{
    switch (type.id) {
    case SS_BOOL: return parse_bool(text, &value->boolean) ? NULL : "not a bool (true or false)";
    case SS_INT64: return ss_int64_parse(text, &value->i64) ? NULL : "not an int64";
    case SS_FLOAT64:
        if (!ss_float64_parse(text, &value->f64)) return "not a float64";
        if (!ss_float64_normalise(&value->f64)) *value = (struct ss_value){0};
        return NULL;
    case SS_DECIMAL:
        return ss_decimal_parse(text, type.scale, &value->i64) ? NULL : "not a decimal of that scale";
    case SS_STRING: return parse_text(text, value);
    case SS_TIMESTAMP:
        return ss_time_parse(text, (enum ss_time_unit)unit, zone, &value->i64) ? NULL : "not a time";
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR: break;
    }
    return "of no known type";
}

bool ss_value_parse(struct ss_type type, struct ss_bytes text, int unit, const struct ss_zone *zone,
                    struct ss_arena *arena, struct ss_value *value, const char **reason)
{
    struct ss_value parsed = {.present = true};
    bool kept = true;
    *reason = type.id >= SS_BYTES ? parse_made(type, text, zone, arena, &parsed, &kept)
                                  : parse_value(type, text, unit, zone, &parsed);
    if (*reason || !kept) return false;
    *value = parsed;
    return true;
}

void ss_value_format(struct ss_type type, struct ss_value value, struct ss_buffer *buffer)
{
    char number[SS_NUMBER_TEXT_SIZE], time[SS_TIME_TEXT_SIZE];
    if (!value.present) return;
    switch (type.id) {
    case SS_BOOL: ss_buffer_text(buffer, value.boolean ? "true" : "false"); break;
    case SS_INT64: ss_buffer_text(buffer, ss_decimal_format(value.i64, 0, number)); break;
    case SS_FLOAT64: ss_buffer_text(buffer, ss_float64_format(value.f64, number)); break;
    case SS_DECIMAL: ss_buffer_text(buffer, ss_decimal_format(value.i64, type.scale, number)); break;
    case SS_STRING: ss_buffer_append(buffer, value.text.data, value.text.size); break;
    case SS_TIMESTAMP: ss_buffer_text(buffer, ss_time_format(value.i64, time)); break;
    case SS_BYTES: ss_base64_encode(value.text, buffer); break;
    case SS_LIST: ss_list_format(type, value.text, buffer); break;
    case SS_VECTOR: ss_vector_format(value.text, buffer); break;
    }
}

bool ss_text_valid(struct ss_type type, struct ss_bytes text)
{
    switch (type.id) {
    case SS_STRING: return ss_utf8_valid(text);
    case SS_BYTES: return true;
    case SS_LIST: return ss_list_length(ss_element_of(type), text) >= 0;
    case SS_VECTOR: return text.size == 4 * (size_t)type.length && ss_vector_valid(text);
    default: return false;
    }
}

bool ss_value_valid(struct ss_type type, struct ss_value value)
{
    double finite = value.f64;
    switch (type.id) {
    case SS_BOOL:
    case SS_INT64: return true;
    case SS_FLOAT64: return ss_float64_normalise(&finite) && memcmp(&finite, &value.f64, sizeof finite) == 0;
    case SS_DECIMAL: return value.i64 > -ss_power_of_ten(18) && value.i64 < ss_power_of_ten(18);
    case SS_TIMESTAMP: return value.i64 >= SS_TIME_MIN_US && value.i64 <= SS_TIME_MAX_US;
    case SS_STRING:
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR: return ss_text_valid(type, value.text);
    }
    return false;
}
