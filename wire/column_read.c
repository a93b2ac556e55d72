// Columns of a message, read.
//
// A column is walked twice: once to see which of its fields hold values and how many, once to take them, row
// by row. 8-byte values in one piece, which is what everybody sends, are copied at once.

#include "wire/column_read.h"

#include "engine/base/list.h"
#include "engine/base/list_text.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "wire/field_cursor.h"

#include <endian.h>

enum column_field {
    FIELD_NAME = 1,
    FIELD_TYPE,
    FIELD_SCALE,
    FIELD_ELEMENT,
    FIELD_LENGTH,
    FIELD_STATUS,
    FIELD_BOOLS,
    FIELD_INT64S,
    FIELD_DOUBLES,
    FIELD_STRINGS,
    FIELD_BLOBS,
    FIELD_FLOATS,
    FIELD_ELEMENTS,
    FIELD_LENGTHS
};
static const char *const field_names[] = {"",        "name",   "type",   "scale",    "element",
                                          "length",  "status", "bools",  "int64s",   "doubles",
                                          "strings", "blobs",  "floats", "elements", "lengths"};
// In Elements the fields stand five lower, but for status.
#define ELEMENTS_SHIFT 5
#define VALUE_FIELDS   (UINT32_C(0xff) << FIELD_BOOLS)

enum ss_status ss_wire_malformed(const char *message, struct ss_error *error)
{
    return ss_fail(error, SS_INVALID, "the request is no %s: its bytes are malformed", message);
}

#define NAME(column) (int)((column)->name.size > 80 ? 80 : (column)->name.size), (column)->name.data

static bool take_column_field(const struct ss_field *field, struct ss_wire_column *column)
{
    const bool is_bytes = field->type == SS_WIRE_BYTES, is_varint = field->type == SS_WIRE_VARINT;
    switch (field->number) {
    case FIELD_NAME: column->name = field->bytes; return is_bytes;
    case FIELD_TYPE: column->type = field->value; return is_varint;
    case FIELD_SCALE: column->scale = field->value; return is_varint;
    case FIELD_ELEMENT: column->element = field->value; return is_varint;
    case FIELD_LENGTH: column->length = field->value; return is_varint;
    case FIELD_STATUS: column->status = field->bytes; return is_bytes;
    case FIELD_ELEMENTS:
        if (column->values >> FIELD_ELEMENTS & 1) return false; // merging them is of no use to anybody
        column->elements = field->bytes;
        break;
    default:
        if (field->number > FIELD_LENGTHS) return true;
    }
    column->values |= UINT32_C(1) << field->number;
    return true;
}

enum ss_status ss_wire_column_open(const char *what, struct ss_bytes body, struct ss_wire_column *column,
                                   struct ss_error *error)
{
    struct ss_message message = ss_message_of(body);
    struct ss_wire_column opened = {.body = body};
    struct ss_field field;
    while (ss_message_next(&message, &field))
        if (!take_column_field(&field, &opened)) message.failed = true;
    if (message.failed) return ss_wire_malformed("Column", error);
    if (opened.name.size == 0 || memchr(opened.name.data, 0, opened.name.size) || !ss_utf8_valid(opened.name))
        return ss_fail(error, SS_INVALID, "a %s of the request has no name", what);
    *column = opened;
    return SS_OK;
}

static enum ss_wire_type wire_type_of(uint32_t field)
{
    switch (field) {
    case FIELD_INT64S:
    case FIELD_DOUBLES: return SS_WIRE_FIXED64;
    case FIELD_FLOATS: return SS_WIRE_FIXED32;
    case FIELD_BOOLS:
    case FIELD_LENGTHS: return SS_WIRE_VARINT;
    default: return SS_WIRE_BYTES;
    }
}

static uint32_t values_field(const struct ss_wire_column *column)
{
    const uint32_t values = column->values & VALUE_FIELDS & ~(UINT32_C(1) << FIELD_LENGTHS);
    if (!values) return column->values >> FIELD_LENGTHS & 1 ? FIELD_ELEMENTS : 0;
    return (uint32_t)__builtin_ctz(values);
}

static enum ss_status check_one_kind(const char *what, const struct ss_wire_column *column,
                                     struct ss_error *error)
{
    const uint32_t values = column->values & VALUE_FIELDS & ~(UINT32_C(1) << FIELD_LENGTHS);
    if (!(values & (values - 1))) return SS_OK;
    const uint32_t first = (uint32_t)__builtin_ctz(values),
                   second = (uint32_t)__builtin_ctz(values & (values - 1));
    return ss_fail(error, SS_INVALID, "%s '%.*s': it has values in %s and in %s; expected one of them", what,
                   NAME(column), field_names[first], field_names[second]);
}

enum ss_status ss_wire_column_rows(const char *what, const struct ss_wire_column *column, int64_t *rows,
                                   struct ss_error *error)
{
    struct ss_bytes piece;
    SS_TRY(check_one_kind(what, column, error));
    const uint32_t field = values_field(column);
    if (field == 0) {
        *rows = (int64_t)column->status.size;
    } else if (field == FIELD_ELEMENTS) {
        *rows = ss_cursor_count(column->body, FIELD_LENGTHS, SS_WIRE_VARINT, &piece);
    } else {
        *rows = ss_cursor_count(column->body, field, wire_type_of(field), &piece);
        if (field == FIELD_FLOATS) *rows = column->length ? (int64_t)((uint64_t)*rows / column->length) : 0;
    }
    return SS_OK;
}

// ---- Values of a declared type

struct read {
    const char *what;
    const struct ss_wire_column *column;
    struct ss_type want;
    int32_t rows;
    struct ss_wire_refusals *refusals;
    struct ss_arena *arena;
    struct ss_column *out;
    struct ss_buffer scratch;  // a list or a vector
    unsigned char last_status; // the greatest that a row may have
};

static enum ss_status wrong_type(const struct read *read, const char *got, struct ss_error *error)
{
    char want[SS_TYPE_TEXT_SIZE];
    return ss_fail(error, SS_INVALID, "%s '%.*s': it is declared %s, got %s", read->what, NAME(read->column),
                   ss_type_format(read->want, want), got);
}

// The field that holds values of the type; a decimal may come in three.
static bool field_fits(enum ss_type_id want, uint32_t field)
{
    static const uint8_t fields[] = {
        [SS_BOOL] = FIELD_BOOLS,     [SS_INT64] = FIELD_INT64S,   [SS_FLOAT64] = FIELD_DOUBLES,
        [SS_DECIMAL] = FIELD_INT64S, [SS_STRING] = FIELD_STRINGS, [SS_TIMESTAMP] = FIELD_INT64S,
        [SS_BYTES] = FIELD_BLOBS,    [SS_LIST] = FIELD_ELEMENTS,  [SS_VECTOR] = FIELD_FLOATS};
    if (want == SS_DECIMAL && (field == FIELD_DOUBLES || field == FIELD_STRINGS)) return true;
    return field == 0 || field == fields[want];
}

// In feature_store.proto the types' numbers.
static uint64_t wire_type_id(enum ss_type_id id)
{
    static const uint8_t ids[] = {
        [SS_BOOL] = 1,      [SS_INT64] = 2, [SS_FLOAT64] = 3, [SS_DECIMAL] = 4, [SS_STRING] = 5,
        [SS_TIMESTAMP] = 6, [SS_BYTES] = 7, [SS_LIST] = 8,    [SS_VECTOR] = 9};
    return ids[id];
}

static enum ss_status check_type(const struct read *read, uint32_t field, struct ss_error *error)
{
    static const char *const names[] = {"",       "bool",      "int64", "float64", "decimal",
                                        "string", "timestamp", "bytes", "list",    "vector"};
    const struct ss_wire_column *column = read->column;
    const bool is_decimal = read->want.id == SS_DECIMAL;
    if (column->type >= sizeof names / sizeof *names) return wrong_type(read, "an unknown type", error);
    if (!field_fits(read->want.id, field)) return wrong_type(read, field_names[field], error);
    if (column->type && column->type != wire_type_id(read->want.id) &&
        !(is_decimal && column->type == wire_type_id(SS_FLOAT64) && field == FIELD_DOUBLES) &&
        !(is_decimal && column->type == wire_type_id(SS_STRING) && field == FIELD_STRINGS))
        return wrong_type(read, names[column->type], error);
    if (read->want.id == SS_LIST && column->element && column->element != wire_type_id(read->want.element))
        return wrong_type(read, "a list of other elements", error);
    if (read->want.id == SS_VECTOR && field && column->length && column->length != read->want.length)
        return wrong_type(read, "a vector of another length", error);
    return SS_OK;
}

// Is the row there? Its status decides.
static bool is_present(const struct ss_bytes *status, int64_t row)
{
    return status->size == 0 || status->data[row] == 0;
}

static enum ss_status refuse(struct read *read, int32_t row, struct ss_bytes value, const char *reason,
                             struct ss_error *error)
{
    struct ss_wire_refusals *refusals = read->refusals;
    const int shown = value.size > 60 ? 60 : (int)value.size;
    if (!refusals)
        return ss_fail(error, SS_INVALID, "%s '%.*s', row %d: %s%s%.*s%s", read->what, NAME(read->column),
                       (int)row, reason, shown ? ": '" : "", ss_utf8_valid(value) ? shown : 0,
                       shown ? value.data : "", shown ? (value.size > 60 ? "...'" : "'") : "");
    if (refusals->count == refusals->capacity) {
        const size_t capacity = refusals->capacity ? 2 * refusals->capacity : 16;
        struct ss_wire_refusal *list = ss_arena_array(read->arena, capacity, sizeof *list);
        if (!list) return ss_fail_memory(error, "what is wrong with a request");
        if (refusals->count) memcpy(list, refusals->list, refusals->count * sizeof *list);
        refusals->list = list;
        refusals->capacity = capacity;
    }
    const char *name = ss_arena_copy(read->arena, read->column->name.data, read->column->name.size);
    const char *copy = ss_arena_copy(read->arena, value.data, value.size);
    if (!name || !copy) return ss_fail_memory(error, "what is wrong with a request");
    refusals->list[refusals->count++] = (struct ss_wire_refusal){row, 0, name, {copy, value.size}, reason};
    refusals->refused[row] = true;
    return SS_OK;
}

// unscaled / 10^scale as a decimal of `want` digits after the point; NULL or why not.
static const char *rescale(int64_t unscaled, uint64_t scale, unsigned want, int64_t *value)
{
    static const char *const too_large = "more digits than its decimal holds";
    if (scale > 18) return too_large;
    for (; scale > want; scale--, unscaled /= 10)
        if (unscaled % 10) return too_large;
    for (; scale < want; scale++)
        if (__builtin_mul_overflow(unscaled, 10, &unscaled)) return too_large;
    const int64_t limit = ss_power_of_ten(18);
    if (unscaled >= limit || unscaled <= -limit) return too_large;
    *value = unscaled;
    return NULL;
}

// A number as the wire has it, as a value of the type: NULL, or why it is none. NaN and infinities are null.
static const char *number_value(struct ss_type type, uint32_t field, uint64_t scale, uint64_t bits,
                                struct ss_value *value)
{
    double number;
    char text[SS_NUMBER_TEXT_SIZE];
    memcpy(&number, &bits, sizeof number);
    *value = (struct ss_value){.present = true, .i64 = (int64_t)bits};
    switch (type.id) {
    case SS_BOOL: *value = (struct ss_value){.present = true, .boolean = bits != 0}; return NULL;
    case SS_INT64: return NULL;
    case SS_TIMESTAMP:
        return value->i64 < SS_TIME_MIN_US || value->i64 > SS_TIME_MAX_US
                   ? "a time outside the years 1 to 9999"
                   : NULL;
    case SS_FLOAT64:
        *value = (struct ss_value){.present = true, .f64 = number};
        if (!ss_float64_normalise(&value->f64)) *value = (struct ss_value){0};
        return NULL;
    default: break;
    }
    if (field == FIELD_INT64S) return rescale(value->i64, scale, type.scale, &value->i64);
    if (!ss_float64_normalise(&number)) {
        *value = (struct ss_value){0};
        return NULL;
    }
    return ss_decimal_parse(ss_bytes_of(ss_float64_format(number, text)), type.scale, &value->i64)
               ? NULL
               : "more digits than its decimal holds";
}

static const char *text_value(struct ss_type type, struct ss_bytes text, struct ss_value *value)
{
    *value = (struct ss_value){.present = true, .text = text};
    if (type.id == SS_DECIMAL) {
        *value = (struct ss_value){.present = true};
        return ss_decimal_parse(text, type.scale, &value->i64) ? NULL : "not a decimal of its scale";
    }
    if (type.id == SS_STRING && !ss_utf8_valid(text)) return "not valid UTF-8 without U+0000";
    return NULL;
}

// The next value of a field, whatever its status: *reason NULL, or why it is none of its type (then *text is
// it).
static bool next_value(struct ss_field_cursor *cursor, struct ss_type type, uint64_t scale, uint32_t field,
                       struct ss_value *value, const char **reason, struct ss_bytes *text)
{
    uint64_t bits = 0;
    *text = (struct ss_bytes){0};
    if (wire_type_of(field) != SS_WIRE_BYTES) {
        if (!ss_cursor_number(cursor, wire_type_of(field), &bits)) return false;
        *reason = number_value(type, field, scale, bits, value);
        return true;
    }
    if (!ss_cursor_bytes(cursor, text)) return false;
    *reason = text_value(type, *text, value);
    return true;
}

static enum ss_status append(const struct read *read, struct ss_value value, struct ss_error *error)
{
    return ss_column_append(read->out, value, read->arena) ? SS_OK
                                                           : ss_fail_memory(error, "a column of a request");
}

static enum ss_status wrong_count(const struct read *read, int64_t count, struct ss_error *error)
{
    return ss_fail(error, SS_INVALID, "%s '%.*s': expected %d rows as the others have, got %lld", read->what,
                   NAME(read->column), (int)read->rows, (long long)count);
}

static enum ss_status read_values(struct read *read, uint32_t field, struct ss_error *error)
{
    const struct ss_wire_column *column = read->column;
    struct ss_field_cursor cursor = ss_cursor_of(column->body, field);
    for (int32_t row = 0; row < read->rows; row++) {
        struct ss_value value;
        struct ss_bytes text;
        const char *reason;
        if (!next_value(&cursor, read->want, column->scale, field, &value, &reason, &text))
            return cursor.failed ? ss_wire_malformed("Column", error) : wrong_count(read, row, error);
        const bool present = is_present(&column->status, row);
        if (present && reason) SS_TRY(refuse(read, row, text, reason, error));
        SS_TRY(append(read, present && !reason ? value : (struct ss_value){0}, error));
    }
    return SS_OK;
}

// int64s, doubles and timestamps that came in one piece and need no look but at their bits.
static bool read_words(struct read *read, uint32_t field, struct ss_bytes piece)
{
    struct ss_column *out = read->out;
    const struct ss_bytes *status = &read->column->status;
    if (read->want.id != SS_INT64 || field != FIELD_INT64S || piece.size != 8 * (size_t)read->rows)
        return false;
    for (int32_t row = 0; row < read->rows; row++)
        out->i64[row] = is_present(status, row)
                            ? (int64_t)ss_wire_fixed64((const uint8_t *)piece.data + 8 * (size_t)row)
                            : 0;
    for (int32_t row = 0; row < read->rows; row++) ss_bit_set(out->validity, row, is_present(status, row));
    out->length = read->rows;
    return true;
}

static enum ss_status read_vectors(struct read *read, struct ss_error *error)
{
    struct ss_field_cursor cursor = ss_cursor_of(read->column->body, FIELD_FLOATS);
    for (int32_t row = 0; row < read->rows; row++) {
        bool fits = true;
        ss_buffer_clear(&read->scratch);
        for (unsigned i = 0; i < read->want.length; i++) {
            uint64_t bits = 0;
            if (!ss_cursor_number(&cursor, SS_WIRE_FIXED32, &bits))
                return cursor.failed ? ss_wire_malformed("Column", error) : wrong_count(read, row, error);
            uint32_t word = (uint32_t)bits;
            if (word == UINT32_C(1) << 31) word = 0;    // -0
            fits = fits && (word >> 23 & 0xff) != 0xff; // finite
            word = htole32(word);
            ss_buffer_append(&read->scratch, &word, sizeof word);
        }
        if (read->scratch.failed) return ss_fail_memory(error, "a vector of a request");
        struct ss_value value = {0};
        if (fits && is_present(&read->column->status, row)) {
            value.present = true;
            value.text = (struct ss_bytes){(const char *)read->scratch.data, read->scratch.size};
        }
        SS_TRY(append(read, value, error));
    }
    return SS_OK;
}

// ---- Lists

struct elements {
    struct ss_field_cursor cursor;
    uint32_t field; // as in Column; 0: no values
    struct ss_bytes status;
    int64_t next, count; // the element that comes next, of how many
};

static enum ss_status check_elements(const struct read *read, struct elements *elements,
                                     struct ss_error *error)
{
    struct ss_bytes piece;
    const uint32_t number = elements->field - ELEMENTS_SHIFT;
    if (elements->field)
        elements->count =
            ss_cursor_count(read->column->elements, number, wire_type_of(elements->field), &piece);
    for (size_t i = 0; i < elements->status.size; i++)
        if ((unsigned char)elements->status.data[i] > 1)
            return ss_fail(error, SS_INVALID,
                           "%s '%.*s': the status of element %zu is %d; expected 0 (present) or 1 (null)",
                           read->what, NAME(read->column), i, (unsigned char)elements->status.data[i]);
    if (!elements->status.size || (int64_t)elements->status.size == elements->count) return SS_OK;
    return ss_fail(error, SS_INVALID, "%s '%.*s': its lists have %lld elements and %zu statuses of them",
                   read->what, NAME(read->column), (long long)elements->count, elements->status.size);
}

static enum ss_status open_elements(const struct read *read, struct elements *elements,
                                    struct ss_error *error)
{
    struct ss_message message = ss_message_of(read->column->elements);
    struct ss_field field;
    *elements = (struct elements){0};
    while (ss_message_next(&message, &field)) {
        if (field.number == 1 && field.type == SS_WIRE_BYTES)
            elements->status = field.bytes;
        else if (field.number >= 2 && field.number <= 6 &&
                 (!elements->field || elements->field == field.number + ELEMENTS_SHIFT))
            elements->field = field.number + ELEMENTS_SHIFT;
        else if (field.number <= 6)
            return wrong_type(read, "a list of elements of two types", error);
    }
    if (message.failed) return ss_wire_malformed("Elements", error);
    if (!field_fits(read->want.element, elements->field) || read->want.element == SS_LIST)
        return wrong_type(read, "a list of other elements", error);
    elements->cursor = ss_cursor_of(read->column->elements, elements->field - ELEMENTS_SHIFT);
    return check_elements(read, elements, error);
}

static enum ss_status next_element(struct read *read, struct elements *elements, int32_t row, bool *refused,
                                   struct ss_error *error)
{
    struct ss_value value = {0};
    struct ss_bytes text;
    const char *reason = NULL;
    const struct ss_type type = ss_element_of(read->want);
    const int64_t at = elements->next++;
    if (at >= elements->count ||
        !next_value(&elements->cursor, type, read->column->scale, elements->field, &value, &reason, &text))
        return elements->cursor.failed
                   ? ss_wire_malformed("Elements", error)
                   : ss_fail(error, SS_INVALID,
                             "%s '%.*s', row %d: its length asks for more elements than there are",
                             read->what, NAME(read->column), (int)row);
    if (!is_present(&elements->status, at)) value = (struct ss_value){0};
    if (value.present && reason && !*refused) SS_TRY(refuse(read, row, text, reason, error));
    *refused = *refused || (value.present && reason);
    ss_list_append(type, reason ? (struct ss_value){0} : value, &read->scratch);
    return SS_OK;
}

static enum ss_status read_lists(struct read *read, struct ss_error *error)
{
    struct ss_field_cursor lengths = ss_cursor_of(read->column->body, FIELD_LENGTHS);
    struct elements elements;
    SS_TRY(open_elements(read, &elements, error));
    for (int32_t row = 0; row < read->rows; row++) {
        uint64_t length = 0;
        bool refused = false;
        ss_buffer_clear(&read->scratch);
        if (!ss_cursor_number(&lengths, SS_WIRE_VARINT, &length)) return wrong_count(read, row, error);
        if (length > SS_LIST_MAX_ELEMENTS)
            return ss_fail(error, SS_INVALID, "%s '%.*s', row %d: a list has at most %d elements, got %llu",
                           read->what, NAME(read->column), (int)row, SS_LIST_MAX_ELEMENTS,
                           (unsigned long long)length);
        for (uint64_t i = 0; i < length; i++) SS_TRY(next_element(read, &elements, row, &refused, error));
        if (read->scratch.failed) return ss_fail_memory(error, "a list of a request");
        struct ss_value value = {0};
        if (!refused && is_present(&read->column->status, row)) {
            value.present = true;
            value.text = (struct ss_bytes){(const char *)read->scratch.data, read->scratch.size};
        }
        SS_TRY(append(read, value, error));
    }
    if (elements.next == elements.count) return SS_OK;
    return ss_fail(error, SS_INVALID, "%s '%.*s': its lengths are of %lld elements, and it has %lld",
                   read->what, NAME(read->column), (long long)elements.next, (long long)elements.count);
}

static enum ss_status check_rows(const struct read *read, uint32_t field, struct ss_bytes *piece,
                                 struct ss_error *error)
{
    const struct ss_wire_column *column = read->column;
    const int64_t per_row = field == FIELD_FLOATS ? read->want.length : 1;
    const uint32_t counted = field == FIELD_ELEMENTS ? FIELD_LENGTHS : field;
    if (column->status.size && column->status.size != (size_t)read->rows)
        return wrong_count(read, (int64_t)column->status.size, error);
    for (size_t i = 0; i < column->status.size; i++)
        if ((unsigned char)column->status.data[i] > read->last_status)
            return ss_fail(error, SS_INVALID,
                           "%s '%.*s', row %zu: its status is %d; expected 0 (present) or 1 (null)",
                           read->what, NAME(column), i, (unsigned char)column->status.data[i]);
    if (field == 0) {
        for (int32_t row = 0; row < read->rows; row++)
            if (is_present(&column->status, row)) return wrong_count(read, 0, error);
        return SS_OK;
    }
    const int64_t count = ss_cursor_count(column->body, counted, wire_type_of(counted), piece);
    return count == per_row * read->rows ? SS_OK : wrong_count(read, count / per_row, error);
}

static enum ss_status read_column(struct read *read, struct ss_error *error)
{
    struct ss_bytes piece = {0};
    SS_TRY(check_one_kind(read->what, read->column, error));
    const uint32_t field = values_field(read->column);
    SS_TRY(check_type(read, field, error));
    SS_TRY(check_rows(read, field, &piece, error));
    if (field == FIELD_FLOATS) return read_vectors(read, error);
    if (field == FIELD_ELEMENTS) return read_lists(read, error);
    if (field) return read_words(read, field, piece) ? SS_OK : read_values(read, field, error);
    for (int32_t row = 0; row < read->rows; row++) SS_TRY(append(read, (struct ss_value){0}, error));
    return SS_OK;
}

// `read` has what is wanted of the column.
static enum ss_status make_column(struct read *read, struct ss_column *column, struct ss_error *error)
{
    struct ss_column made;
    if (!ss_column_init(&made, read->want, read->rows ? read->rows : 1, read->arena))
        return ss_fail_memory(error, "a column of a request");
    read->out = &made;
    const enum ss_status status = read_column(read, error);
    ss_buffer_release(&read->scratch);
    if (status == SS_OK) *column = made;
    return status;
}

enum ss_status ss_wire_column_read(const char *what, const struct ss_wire_column *column, struct ss_type want,
                                   int32_t rows, struct ss_wire_refusals *refusals, struct ss_arena *arena,
                                   struct ss_column *read, struct ss_error *error)
{
    struct read reading = {.what = what,
                           .column = column,
                           .want = want,
                           .rows = rows,
                           .refusals = refusals,
                           .arena = arena,
                           .last_status = 1};
    return make_column(&reading, read, error);
}

enum ss_status ss_wire_feature_read(const struct ss_wire_column *column, struct ss_type want, int32_t rows,
                                    struct ss_arena *arena, struct ss_column *read, uint8_t **statuses,
                                    struct ss_error *error)
{
    struct read reading = {
        .what = "feature", .column = column, .want = want, .rows = rows, .arena = arena, .last_status = 3};
    uint8_t *made = ss_arena_alloc(arena, (size_t)rows + 1);
    if (!made) return ss_fail_memory(error, "an answer");
    SS_TRY(make_column(&reading, read, error));
    if (column->status.size) memcpy(made, column->status.data, (size_t)rows);
    *statuses = made;
    return SS_OK;
}

// ---- The columns of a message

enum ss_status ss_wire_columns_open(const char *what, struct ss_bytes message, uint32_t number, size_t most,
                                    struct ss_arena *arena, struct ss_wire_column **columns, size_t *count,
                                    struct ss_error *error)
{
    struct ss_field_cursor cursor = ss_cursor_of(message, number);
    struct ss_bytes body;
    size_t found = 0;
    while (ss_cursor_bytes(&cursor, &body)) found++;
    if (found > most)
        return ss_fail(error, SS_LIMIT, "the request has %zu %ss; the limit is %zu (max_columns)", found,
                       what, most);
    struct ss_wire_column *opened = ss_arena_array(arena, found + 1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "the columns of a request");
    cursor = ss_cursor_of(message, number);
    for (size_t i = 0; i < found && ss_cursor_bytes(&cursor, &body); i++)
        SS_TRY(ss_wire_column_open(what, body, &opened[i], error));
    *columns = opened;
    *count = found;
    return SS_OK;
}

enum ss_status ss_wire_column_find(const char *what, const struct ss_wire_column *columns, size_t count,
                                   const char *name, const struct ss_wire_column **found,
                                   struct ss_error *error)
{
    *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!ss_bytes_equal(columns[i].name, ss_bytes_of(name))) continue;
        if (*found)
            return ss_fail(error, SS_INVALID, "%s '%s': the request has two of that name", what, name);
        *found = &columns[i];
    }
    return SS_OK;
}
