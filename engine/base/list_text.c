// A strict JSON parser for one array of one kind of element, and its printer. RFC 8259: no comments, no
// trailing commas, no NaN, no control characters in strings, escapes that make whole code points. Of our own
// are: U+0000 is refused as in every string, and arrays in arrays, objects and mixed kinds are no elements.

#include "engine/base/list_text.h"

#include <math.h>
#include <string.h>

#include "engine/base/base64.h"
#include "engine/base/float_environment.h"
#include "engine/base/json_text.h"
#include "engine/base/list.h"
#include "engine/base/number.h"
#include "engine/base/time.h"

static const char not_an_array[] = "not a JSON array";

struct cursor {
    const char *at, *end;
};

// ---- Tokens

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && memchr(" \t\n\r", *cursor->at, 4)) cursor->at++;
}

static bool take(struct cursor *cursor, char wanted)
{
    if (cursor->at == cursor->end || *cursor->at != wanted) return false;
    cursor->at++;
    return true;
}

static bool take_word(struct cursor *cursor, const char *word)
{
    const size_t size = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, word, size) != 0) return false;
    cursor->at += size;
    return true;
}

static bool take_digits(struct cursor *cursor)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') cursor->at++;
    return cursor->at > start;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
static bool take_number(struct cursor *cursor, struct ss_bytes *number)
{
    const char *start = cursor->at;
    take(cursor, '-');
    if (!take(cursor, '0') && !take_digits(cursor)) return false;
    if (take(cursor, '.') && !take_digits(cursor)) return false;
    if (take(cursor, 'e') || take(cursor, 'E')) {
        if (!take(cursor, '+')) take(cursor, '-');
        if (!take_digits(cursor)) return false;
    }
    *number = (struct ss_bytes){start, (size_t)(cursor->at - start)};
    return true;
}

static bool take_hex4(struct cursor *cursor, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, cursor->at++) {
        const char digit = cursor->at < cursor->end ? *cursor->at : 0, letter = (char)(digit | 0x20);
        if (digit >= '0' && digit <= '9')
            *value = *value << 4 | (uint32_t)(digit - '0');
        else if (letter >= 'a' && letter <= 'f')
            *value = *value << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return false;
    }
    return true;
}

static void append_code_point(uint32_t code, struct ss_buffer *text)
{
    if (code < 0x80) {
        ss_buffer_byte(text, (uint8_t)code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    ss_buffer_byte(text, (uint8_t)((0xff00 >> (more + 1) & 0xff) | code >> 6 * more));
    for (int i = more - 1; i >= 0; i--) ss_buffer_byte(text, (uint8_t)(0x80 | (code >> 6 * i & 0x3f)));
}

// What follows a backslash.
static bool take_escape(struct cursor *cursor, struct ss_buffer *text)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;
    if (cursor->at == cursor->end) return false;
    const char letter = *cursor->at++;
    const char *known = memchr(letters, letter, sizeof letters - 1);
    if (known) {
        ss_buffer_byte(text, (uint8_t)bytes[known - letters]);
        return true;
    }
    if (letter != 'u' || !take_hex4(cursor, &code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || !take_word(cursor, "\\u") || !take_hex4(cursor, &low)) return false;
        if (low < 0xdc00 || low >= 0xe000) return false;
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    }
    append_code_point(code, text);
    return true;
}

// A string, its escapes replaced, into `text`.
static bool take_string(struct cursor *cursor, struct ss_buffer *text)
{
    text->size = 0; // and `failed` stays
    if (!take(cursor, '"')) return false;
    while (cursor->at < cursor->end) {
        const char *start = cursor->at;
        while (cursor->at < cursor->end && *cursor->at != '"' && *cursor->at != '\\') {
            if ((uint8_t)*cursor->at < 0x20) return false;
            cursor->at++;
        }
        ss_buffer_append(text, start, (size_t)(cursor->at - start));
        if (take(cursor, '"')) return true;
        if (take(cursor, '\\') && !take_escape(cursor, text)) return false;
    }
    return false;
}

// ---- Lists

struct list_parser {
    struct cursor cursor;
    struct ss_type element;
    const struct ss_zone *zone;
    struct ss_buffer text;  // of the string at hand
    struct ss_buffer bytes; // that its base64 says
};

static bool read_string(struct list_parser *parser, struct ss_bytes *text)
{
    if (!take_string(&parser->cursor, &parser->text)) return false;
    *text = (struct ss_bytes){parser->text.data ? (const char *)parser->text.data : "", parser->text.size};
    return true;
}

static bool read_decimal(struct list_parser *parser, int64_t *value)
{
    struct ss_bytes digits;
    const bool is_string = parser->cursor.at < parser->cursor.end && *parser->cursor.at == '"';
    return (is_string ? read_string(parser, &digits) : take_number(&parser->cursor, &digits)) &&
           ss_decimal_parse(digits, parser->element.scale, value);
}

static bool read_float64(struct list_parser *parser, struct ss_value *value)
{
    struct ss_bytes digits;
    if (!take_number(&parser->cursor, &digits) || !ss_float64_parse(digits, &value->f64)) return false;
    if (!ss_float64_normalise(&value->f64)) *value = (struct ss_value){0};
    return true;
}

static bool read_bytes(struct list_parser *parser, struct ss_bytes *bytes)
{
    struct ss_bytes text;
    parser->bytes.size = 0;
    if (!read_string(parser, &text) || !ss_base64_decode(text, &parser->bytes)) return false;
    *bytes =
        (struct ss_bytes){parser->bytes.data ? (const char *)parser->bytes.data : "", parser->bytes.size};
    return true;
}

// An element that is not null. NULL, or what it is not.
static const char *read_element(struct list_parser *parser, struct ss_value *value)
{
    struct ss_bytes text;
    struct cursor *cursor = &parser->cursor;
    switch (parser->element.id) {
    case SS_BOOL:
        value->boolean = take_word(cursor, "true");
        return value->boolean || take_word(cursor, "false") ? NULL : "an element is not true, false or null";
    case SS_INT64:
        return take_number(cursor, &text) && ss_int64_parse(text, &value->i64) ? NULL
                                                                               : "an element is not an int64";
    case SS_FLOAT64: return read_float64(parser, value) ? NULL : "an element is not a JSON number";
    case SS_DECIMAL:
        return read_decimal(parser, &value->i64) ? NULL : "an element is not a decimal of that scale";
    case SS_STRING:
        return read_string(parser, &value->text) && ss_utf8_valid(value->text)
                   ? NULL
                   : "an element is not a JSON string of valid UTF-8 without U+0000";
    case SS_TIMESTAMP:
        return read_string(parser, &text) && ss_time_parse(text, SS_UNIT_TEXT, parser->zone, &value->i64)
                   ? NULL
                   : "an element is not a time in a JSON string";
    case SS_BYTES:
        return read_bytes(parser, &value->text) ? NULL : "an element is not base64 in a JSON string";
    case SS_LIST:
    case SS_VECTOR: break;
    }
    return "of no known type";
}

static const char *read_elements(struct list_parser *parser, struct ss_buffer *packed)
{
    struct cursor *cursor = &parser->cursor;
    skip_blanks(cursor);
    if (!take(cursor, '[')) return not_an_array;
    skip_blanks(cursor);
    if (take(cursor, ']')) return NULL;
    for (size_t count = 0; count < SS_LIST_MAX_ELEMENTS; count++) {
        struct ss_value value = {0};
        skip_blanks(cursor);
        if (!take_word(cursor, "null")) {
            value.present = true;
            const char *reason = read_element(parser, &value);
            if (reason) return reason;
        }
        ss_list_append(parser->element, value, packed);
        skip_blanks(cursor);
        if (take(cursor, ']')) return NULL;
        if (!take(cursor, ',')) return not_an_array;
    }
    return "more than 65536 elements";
}

const char *ss_list_parse(struct ss_type list, struct ss_bytes text, const struct ss_zone *zone,
                          struct ss_buffer *packed)
{
    struct list_parser parser = {
        .cursor = {text.data, text.data + text.size}, .element = ss_element_of(list), .zone = zone};
    const char *reason = read_elements(&parser, packed);
    skip_blanks(&parser.cursor);
    if (!reason && parser.cursor.at < parser.cursor.end) reason = not_an_array;
    if (parser.text.failed || parser.bytes.failed) packed->failed = true;
    ss_buffer_release(&parser.text);
    ss_buffer_release(&parser.bytes);
    return packed->failed ? NULL : reason;
}

// ---- Vectors

static void append_float32(float value, struct ss_buffer *floats)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                              (uint8_t)(bits >> 24)};
    ss_buffer_append(floats, bytes, sizeof bytes);
}

// By the decimal's nearest double; -0 is +0. *fits is false where the float32 is infinite.
static bool read_float32(struct cursor *cursor, struct ss_buffer *floats, bool *fits)
{
    struct ss_bytes digits;
    double value;
    if (!take_number(cursor, &digits) || !ss_float64_parse(digits, &value)) return false;
    const float rounded = (float)value;
    if (rounded - rounded != 0) *fits = false;
    append_float32(rounded == 0 ? 0 : rounded, floats);
    return true;
}

const char *ss_vector_parse(struct ss_type vector, struct ss_bytes text, struct ss_buffer *floats, bool *fits)
{
    static const char not_its_length[] = "not as many elements as the vector has";
    struct cursor cursor = {text.data, text.data + text.size};
    *fits = true;
    skip_blanks(&cursor);
    if (!take(&cursor, '[')) return not_an_array;
    for (unsigned i = 0; i < vector.length; i++) {
        skip_blanks(&cursor);
        if (i == 0 && take(&cursor, ']')) return not_its_length;
        if (!read_float32(&cursor, floats, fits)) return "an element is not a JSON number";
        skip_blanks(&cursor);
        const bool last = i + 1 == vector.length;
        if (take(&cursor, last ? ',' : ']')) return not_its_length;
        if (!take(&cursor, last ? ']' : ',')) return not_an_array;
    }
    skip_blanks(&cursor);
    return cursor.at == cursor.end ? NULL : not_an_array;
}

float ss_vector_at(struct ss_bytes floats, size_t index)
{
    const uint8_t *at = (const uint8_t *)floats.data + 4 * index;
    const uint32_t bits =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool ss_vector_valid(struct ss_bytes floats)
{
    for (size_t i = 0; i < floats.size / 4; i++) {
        const float value = ss_vector_at(floats, i);
        if (value - value != 0 || (value == 0 && signbit(value))) return false;
    }
    return true;
}

// ---- Printing

void ss_list_format(struct ss_type list, struct ss_bytes packed, struct ss_buffer *text)
{
    const struct ss_type element = ss_element_of(list);
    const bool quoted = element.id == SS_DECIMAL || element.id == SS_TIMESTAMP || element.id == SS_BYTES;
    struct ss_value value;
    ss_buffer_byte(text, '[');
    for (bool first = true; ss_list_next(element, &packed, &value); first = false) {
        if (!first) ss_buffer_byte(text, ',');
        if (!value.present) {
            ss_buffer_text(text, "null");
        } else if (element.id == SS_STRING) {
            ss_json_string(value.text, text);
        } else {
            if (quoted) ss_buffer_byte(text, '"');
            ss_value_format(element, value, text);
            if (quoted) ss_buffer_byte(text, '"');
        }
    }
    ss_buffer_byte(text, ']');
}

void ss_vector_format(struct ss_bytes floats, struct ss_buffer *text)
{
    char number[SS_NUMBER_TEXT_SIZE];
    ss_buffer_byte(text, '[');
    for (size_t i = 0; i < floats.size / 4; i++) {
        if (i) ss_buffer_byte(text, ',');
        ss_buffer_text(text, ss_float32_format(ss_vector_at(floats, i), number));
    }
    ss_buffer_byte(text, ']');
}
