// bytes, lists and vectors as text: what is read and what is refused, with the reason; random values come
// back from their text; a failed allocation is told.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/list.h"
#include "engine/base/list_text.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/samples.h"

#define BYTES          \
    {                  \
        .id = SS_BYTES \
    }
#define BOOLS                             \
    {                                     \
        .id = SS_LIST, .element = SS_BOOL \
    }
#define INTEGERS                           \
    {                                      \
        .id = SS_LIST, .element = SS_INT64 \
    }
#define FLOATS                               \
    {                                        \
        .id = SS_LIST, .element = SS_FLOAT64 \
    }
#define DECIMALS                                         \
    {                                                    \
        .id = SS_LIST, .element = SS_DECIMAL, .scale = 2 \
    }
#define STRINGS                             \
    {                                       \
        .id = SS_LIST, .element = SS_STRING \
    }
#define BLOBS                              \
    {                                      \
        .id = SS_LIST, .element = SS_BYTES \
    }
#define TIMES                                  \
    {                                          \
        .id = SS_LIST, .element = SS_TIMESTAMP \
    }
#define VECTOR                       \
    {                                \
        .id = SS_VECTOR, .length = 3 \
    }
#define SINGLE                       \
    {                                \
        .id = SS_VECTOR, .length = 1 \
    }

static const char null_value[] = "(null)";

// One value's text, read and printed again; *reason where it is not read. In `printed`, to be released.
static bool read_and_print(struct ss_type type, struct ss_bytes text, struct ss_buffer *printed,
                           const char **reason)
{
    struct ss_arena arena = {0};
    struct ss_value value = {0};
    const bool ok = ss_value_parse(type, text, SS_UNIT_TEXT, NULL, &arena, &value, reason);
    if (ok && value.present) assert_true(ss_text_valid(type, value.text));
    if (ok && !value.present)
        ss_buffer_text(printed, null_value);
    else if (ok)
        ss_value_format(type, value, printed);
    ss_buffer_byte(printed, 0);
    ss_arena_release(&arena);
    return ok;
}

static const struct {
    struct ss_type type;
    const char *text, *printed;
} good[] = {
    {BYTES, "", ""},
    {BYTES, "AA==", "AA=="},
    {BYTES, "aGk=", "aGk="},
    {BYTES, "+/+/", "+/+/"},
    {BYTES, "Zm9vYmFy", "Zm9vYmFy"},
    {BOOLS, "[true,false,null]", "[true,false,null]"},
    {INTEGERS, "[]", "[]"},
    {INTEGERS, " [ ] ", "[]"},
    {INTEGERS, "\t[ 1 ,\r\n-2,null ]\n", "[1,-2,null]"},
    {INTEGERS, "[9223372036854775807,-9223372036854775808,-0]",
     "[9223372036854775807,-9223372036854775808,0]"},
    {FLOATS, "[1,-0,0.1,1E2,1e999,-1e-400,null]", "[1.0,0.0,0.1,100.0,null,0.0,null]"},
    {DECIMALS, "[1,\"2.5\",-0.05,1.50,1e3,\"999999999999999999e-2\"]",
     "[\"1.00\",\"2.50\",\"-0.05\",\"1.50\",\"1000.00\",\"9999999999999999.99\"]"},
    {STRINGS, "[\"\",\"a b\",null]", "[\"\",\"a b\",null]"},
    {STRINGS, "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\\u007f\"]",
     "[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"]"},
    {STRINGS, "[\"\\u00e4\\u20AC\\ud83d\\uDE00\\uffff\"]",
     "[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\"]"},
    {STRINGS, "[\"\\uD800\\uDC00\\udbff\\udfff\"]", "[\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]"},
    {STRINGS, "[\"],[\"]", "[\"],[\"]"},
    {BLOBS, "[\"\",\"AP8=\",null]", "[\"\",\"AP8=\",null]"},
    {BLOBS, "[\"\\u0041AAA\"]", "[\"AAAA\"]"},
    {TIMES, "[\"2026-01-31T10:00:00.5+02:00\",\"2026-01-31\",null]",
     "[\"2026-01-31T08:00:00.5Z\",\"2026-01-31T00:00:00Z\",null]"},
    {VECTOR, "[1,0.1,-0]", "[1.0,0.1,0.0]"},
    {VECTOR, " [ 1e-50 , 16777217 , 0.33333333333 ] ", "[0.0,16777216.0,0.33333334]"},
    {VECTOR, "[1,1e39,2]", null_value},
    {VECTOR, "[-1e400,1,2]", null_value},
    {SINGLE, "[3.4028235677973366e38]", null_value},
    {SINGLE, "[3.4028235677973362e38]", "[3.4028235e+38]"},
};

static void text_is_read_and_printed_in_its_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ss_buffer printed = {0};
        const char *reason = NULL;
        if (!read_and_print(good[i].type, ss_bytes_of(good[i].text), &printed, &reason))
            fail_msg("%s: %s", good[i].text, reason);
        assert_string_equal(printed.data, good[i].printed);
        ss_buffer_release(&printed);
    }
}

#define NO_ARRAY   "not a JSON array"
#define NO_BASE64  "not base64 (RFC 4648, with padding)"
#define NO_BOOL    "an element is not true, false or null"
#define NO_INT64   "an element is not an int64"
#define NO_NUMBER  "an element is not a JSON number"
#define NO_DECIMAL "an element is not a decimal of that scale"
#define NO_STRING  "an element is not a JSON string of valid UTF-8 without U+0000"
#define NO_BLOB    "an element is not base64 in a JSON string"
#define NO_TIME    "an element is not a time in a JSON string"
#define NO_LENGTH  "not as many elements as the vector has"

static const struct {
    struct ss_type type;
    const char *text, *reason;
} bad[] = {
    {BYTES, "A", NO_BASE64},
    {BYTES, "AA", NO_BASE64},
    {BYTES, "AAA", NO_BASE64},
    {BYTES, "AA= ", NO_BASE64},
    {BYTES, "A===", NO_BASE64},
    {BYTES, "====", NO_BASE64},
    {BYTES, "=AAA", NO_BASE64},
    {BYTES, "AA==AA==", NO_BASE64},
    {BYTES, "AB==", NO_BASE64}, // bits behind the last byte
    {BYTES, "AAB=", NO_BASE64},
    {BYTES, "-_-_", NO_BASE64},
    {BYTES, "AAAA\n", NO_BASE64},
    {INTEGERS, "", NO_ARRAY},
    {INTEGERS, "1", NO_ARRAY},
    {INTEGERS, "null", NO_ARRAY},
    {INTEGERS, "{}", NO_ARRAY},
    {INTEGERS, "[", NO_INT64},
    {INTEGERS, "[1", NO_ARRAY},
    {INTEGERS, "[1 2]", NO_ARRAY},
    {INTEGERS, "[1,]", NO_INT64},
    {INTEGERS, "[,1]", NO_INT64},
    {INTEGERS, "[1]]", NO_ARRAY},
    {INTEGERS, "[1] 2", NO_ARRAY},
    {INTEGERS, "[]x", NO_ARRAY},
    {INTEGERS, "[[1]]", NO_INT64},
    {INTEGERS, "[1.0]", NO_INT64},
    {INTEGERS, "[1e2]", NO_INT64},
    {INTEGERS, "[01]", NO_ARRAY},
    {INTEGERS, "[+1]", NO_INT64},
    {INTEGERS, "[\"1\"]", NO_INT64},
    {INTEGERS, "[-]", NO_INT64},
    {INTEGERS, "[9223372036854775808]", NO_INT64},
    {INTEGERS, "[NULL]", NO_INT64},
    {INTEGERS, "[nul]", NO_INT64},
    {INTEGERS, "[nullx]", NO_ARRAY},
    {INTEGERS, "[\xc2\xa0 1]", NO_INT64},
    {BOOLS, "[1]", NO_BOOL},
    {BOOLS, "[True]", NO_BOOL},
    {BOOLS, "[\"true\"]", NO_BOOL},
    {BOOLS, "[truefalse]", NO_ARRAY},
    {FLOATS, "[.5]", NO_NUMBER},
    {FLOATS, "[5.]", NO_NUMBER},
    {FLOATS, "[1e]", NO_NUMBER},
    {FLOATS, "[1e+]", NO_NUMBER},
    {FLOATS, "[0x10]", NO_ARRAY},
    {FLOATS, "[NaN]", NO_NUMBER},
    {FLOATS, "[inf]", NO_NUMBER},
    {FLOATS, "[\"1\"]", NO_NUMBER},
    {DECIMALS, "[1.005]", NO_DECIMAL},
    {DECIMALS, "[\"\"]", NO_DECIMAL},
    {DECIMALS, "[\" 1\"]", NO_DECIMAL},
    {DECIMALS, "[1e17]", NO_DECIMAL},
    {DECIMALS, "[true]", NO_DECIMAL},
    {STRINGS, "[a]", NO_STRING},
    {STRINGS, "['a']", NO_STRING},
    {STRINGS, "[1]", NO_STRING},
    {STRINGS, "[\"a]", NO_STRING},
    {STRINGS, "[\"a\nb\"]", NO_STRING},
    {STRINGS, "[\"\\x\"]", NO_STRING},
    {STRINGS, "[\"\\", NO_STRING},
    {STRINGS, "[\"\\u12\"]", NO_STRING},
    {STRINGS, "[\"\\u12g4\"]", NO_STRING},
    {STRINGS, "[\"\\u0000\"]", NO_STRING},
    {STRINGS, "[\"\\ud800\"]", NO_STRING},
    {STRINGS, "[\"\\ud800\\u0041\"]", NO_STRING},
    {STRINGS, "[\"\\ud800x\"]", NO_STRING},
    {STRINGS, "[\"\\ud800\\ud800\"]", NO_STRING},
    {STRINGS, "[\"\\ud800\\ue000\"]", NO_STRING},
    {STRINGS, "[\"\\udc00\\ud800\"]", NO_STRING},
    {STRINGS, "[\"\xff\"]", NO_STRING},
    {STRINGS, "[\"\xed\xa0\x80\"]", NO_STRING},
    {BLOBS, "[\"A\"]", NO_BLOB},
    {BLOBS, "[AAAA]", NO_BLOB},
    {TIMES, "[\"2026-02-30\"]", NO_TIME},
    {TIMES, "[1769853600]", NO_TIME},
    {TIMES, "[\"\"]", NO_TIME},
    {VECTOR, "", NO_ARRAY},
    {VECTOR, "[]", NO_LENGTH},
    {VECTOR, "[1,2]", NO_LENGTH},
    {VECTOR, "[1,2,3,4]", NO_LENGTH},
    {VECTOR, "[1,null,3]", NO_NUMBER},
    {VECTOR, "[1,2,\"3\"]", NO_NUMBER},
    {VECTOR, "[1,2,3,]", NO_LENGTH},
    {VECTOR, "[1,1e39,x]", NO_NUMBER}, // null only if all is well otherwise
    {VECTOR, "[1,2,3", NO_ARRAY},
    {VECTOR, "[1,2,3]]", NO_ARRAY},
    {VECTOR, "[1 2 3]", NO_ARRAY},
};

static void every_bad_text_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ss_buffer printed = {0};
        const char *reason = NULL;
        if (read_and_print(bad[i].type, ss_bytes_of(bad[i].text), &printed, &reason))
            fail_msg("%s was taken", bad[i].text);
        if (!reason || strcmp(reason, bad[i].reason) != 0) fail_msg("%s: %s", bad[i].text, reason);
        ss_buffer_release(&printed);
    }
    // A zero byte is no end.
    struct ss_buffer printed = {0};
    const char *reason;
    assert_false(read_and_print((struct ss_type)INTEGERS, (struct ss_bytes){"[1]\0", 4}, &printed, &reason));
    assert_string_equal(reason, NO_ARRAY);
    assert_false(
        read_and_print((struct ss_type)STRINGS, (struct ss_bytes){"[\"\\\0\"]", 6}, &printed, &reason));
    assert_string_equal(reason, NO_STRING);
    ss_buffer_release(&printed);
}

static void a_list_ends_at_65536_elements(void **state)
{
    (void)state;
    struct ss_buffer text = {0}, printed = {0};
    const char *reason;
    ss_buffer_text(&text, "[1");
    for (size_t i = 1; i < SS_LIST_MAX_ELEMENTS; i++) ss_buffer_text(&text, ",1");
    ss_buffer_text(&text, "]");
    assert_true(read_and_print((struct ss_type)INTEGERS,
                               (struct ss_bytes){(const char *)text.data, text.size}, &printed, &reason));
    text.size--;
    ss_buffer_text(&text, ",1]");
    assert_false(read_and_print((struct ss_type)INTEGERS,
                                (struct ss_bytes){(const char *)text.data, text.size}, &printed, &reason));
    assert_string_equal(reason, "more than 65536 elements");
    ss_buffer_release(&text);
    ss_buffer_release(&printed);
}

// ---- Random values

static size_t random_code_points(struct samples *samples, char *text)
{
    static const char *const pieces[] = {
        "a", "\"", "\\", "\n", "\x01", "\x7f", "\xc3\xa4", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x9f\x98\x80",
        "]", ","};
    size_t size = 0;
    for (uint64_t n = samples_below(samples, 6); n > 0; n--) {
        const char *piece = pieces[samples_below(samples, sizeof pieces / sizeof *pieces)];
        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
    }
    return size;
}

static struct ss_value random_element(struct samples *samples, struct ss_type type, char *text)
{
    struct ss_value value = {.present = samples_below(samples, 5) > 0};
    if (!value.present) return value;
    switch (type.id) {
    case SS_BOOL: value.boolean = samples_below(samples, 2); break;
    case SS_FLOAT64: do { value.f64 = samples_from_bits(samples_bits(samples));
        } while (!ss_float64_normalise(&value.f64));
        break;
    case SS_DECIMAL: value.i64 = (int64_t)samples_bits(samples) % ss_power_of_ten(18); break;
    case SS_TIMESTAMP:
        value.i64 = SS_TIME_MIN_US +
                    (int64_t)samples_below(samples, (uint64_t)SS_TIME_MAX_US - (uint64_t)SS_TIME_MIN_US + 1);
        break;
    case SS_STRING: value.text = (struct ss_bytes){text, random_code_points(samples, text)}; break;
    case SS_BYTES:
        value.text = (struct ss_bytes){text, samples_below(samples, 8)};
        for (size_t i = 0; i < value.text.size; i++) text[i] = (char)samples_bits(samples);
        break;
    default: value.i64 = (int64_t)samples_bits(samples); break;
    }
    return value;
}

static void must_come_back(struct ss_type type, struct ss_bytes value)
{
    struct ss_arena arena = {0};
    struct ss_buffer text = {0};
    struct ss_value read = {0};
    const char *reason = NULL;
    assert_true(ss_text_valid(type, value));
    ss_value_format(type, (struct ss_value){.present = true, .text = value}, &text);
    const struct ss_bytes printed = {text.size ? (const char *)text.data : "", text.size};
    if (!ss_value_parse(type, printed, SS_UNIT_TEXT, NULL, &arena, &read, &reason))
        fail_msg("%.*s: %s", (int)text.size, (const char *)text.data, reason);
    assert_true(read.present);
    assert_true(ss_bytes_equal(read.text, value));
    ss_buffer_release(&text);
    ss_arena_release(&arena);
}

static void random_lists_come_back_from_their_text(void **state)
{
    (void)state;
    static const struct ss_type types[] = {BOOLS, INTEGERS, FLOATS, DECIMALS, STRINGS, BLOBS, TIMES};
    struct samples samples = samples_begin(__func__, 71);
    struct ss_buffer packed = {0};
    for (int round = 0; round < 20000; round++) {
        const struct ss_type type = types[samples_below(&samples, 7)], element = ss_element_of(type);
        const uint64_t length = samples_below(&samples, 6);
        char text[32];
        ss_buffer_clear(&packed);
        for (uint64_t i = 0; i < length; i++)
            ss_list_append(element, random_element(&samples, element, text), &packed);
        const struct ss_bytes value = {packed.size ? (const char *)packed.data : "", packed.size};
        assert_int_equal(ss_list_length(element, value), length);
        must_come_back(type, value);
    }
    ss_buffer_release(&packed);
}

static void random_bytes_come_back_from_their_base64(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 72);
    for (int round = 0; round < 20000; round++) {
        char text[32];
        const size_t size = samples_below(&samples, sizeof text);
        for (size_t i = 0; i < size; i++) text[i] = (char)samples_bits(&samples);
        must_come_back((struct ss_type)BYTES, (struct ss_bytes){text, size});
    }
}

static float random_float(struct samples *samples)
{
    float value;
    do {
        uint32_t bits = (uint32_t)samples_bits(samples);
        if (samples_below(samples, 4) == 0) bits &= 0xff800000; // powers of two
        if (samples_below(samples, 8) == 0) bits &= 0x807fffff; // subnormal
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value == 0 ? 0 : value;
}

static size_t digits_of(const char *text)
{
    size_t digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') continue;
        if (*text == '0') {
            zeros += digits > 0;
        } else {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

static void floats_are_printed_with_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 73);
    for (int round = 0; round < 50000; round++) {
        const float value = random_float(&samples);
        char text[SS_NUMBER_TEXT_SIZE], shorter[32];
        double read;
        assert_true(ss_float64_parse(ss_bytes_of(ss_float32_format(value, text)), &read));
        const float back = (float)read;
        assert_memory_equal(&back, &value, sizeof value);
        const size_t digits = digits_of(text);
        assert_true(digits <= 9);
        if (digits < 2) continue;
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, (double)value);
        if ((float)strtod(shorter, NULL) == value) fail_msg("%s: %s does", text, shorter);
    }
    static const struct {
        float value;
        const char *text;
    } rows[] = {{0.0f, "0.0"},
                {0.1f, "0.1"},
                {100.0f, "100.0"},
                {1e16f, "1e+16"},
                {1e-5f, "1e-05"},
                {123456.789f, "123456.79"},
                {1.0f / 3, "0.33333334"},
                {16777216.0f, "16777216.0"},
                {3.4028235e38f, "3.4028235e+38"},
                {1.17549435e-38f, "1.1754944e-38"},
                {1e-45f, "1e-45"},
                {9.8607613e-32f, "9.8607613e-32"},
                {8.5899346e9f, "8589935000.0"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[SS_NUMBER_TEXT_SIZE];
        assert_string_equal(ss_float32_format(rows[i].value, text), rows[i].text);
        if (rows[i].value > 0) assert_int_equal(ss_float32_format(-rows[i].value, text)[0], '-');
    }
}

static void random_vectors_come_back_from_their_text(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 74);
    static float values[SS_VECTOR_MAX];
    for (int round = 0; round < 200; round++) {
        const uint64_t length = round == 0 ? SS_VECTOR_MAX : 1 + samples_below(&samples, 40);
        for (uint64_t i = 0; i < length; i++) values[i] = random_float(&samples);
        const struct ss_type type = {.id = SS_VECTOR, .length = (uint16_t)length};
        must_come_back(type, (struct ss_bytes){(const char *)values, 4 * length});
    }
}

// ---- Bytes from disk

static void bytes_that_are_no_value_are_known(void **state)
{
    (void)state;
    static const struct {
        struct ss_type type;
        const char *bytes;
        size_t size;
        bool ok;
    } rows[] = {
        {INTEGERS, "", 0, true},
        {INTEGERS, "\0", 1, true},
        {INTEGERS, "\1\0\0\0\0\0\0\0", 8, false},
        {INTEGERS, "\2", 1, false},
        {INTEGERS, "\0\1", 2, false},
        {BOOLS, "\1\1\1\0\0", 5, true},
        {BOOLS, "\1\2", 2, false},
        {STRINGS, "\1\1a", 3, true},
        {STRINGS, "\1\2a", 3, false},
        {STRINGS, "\1\1\xff", 3, false},
        {STRINGS, "\1\1\0", 3, false},
        {STRINGS, "\1\x81\0a", 4, false}, // the size in more bytes than it needs
        {BLOBS, "\1\1\xff", 3, true},
        {FLOATS, "\1\0\0\0\0\0\0\xf0\x3f", 9, true},
        {FLOATS, "\1\0\0\0\0\0\0\0\x80", 9, false},             // -0
        {FLOATS, "\1\0\0\0\0\0\0\xf0\x7f", 9, false},           // infinity
        {DECIMALS, "\1\0\0\x64\xa7\xb3\xb6\xe0\x0d", 9, false}, // 10^18
        {DECIMALS, "\1\xff\xff\x63\xa7\xb3\xb6\xe0\x0d", 9, true},
        {TIMES, "\1\xff\xff\xff\xff\xff\xff\xff\x7f", 9, false},
        {SINGLE, "\0\0\x80\x3f", 4, true},
        {SINGLE, "\0\0\x80\x3f\0", 5, false},
        {SINGLE, "", 0, false},
        {SINGLE, "\0\0\0\x80", 4, false},
        {SINGLE, "\0\0\x80\x7f", 4, false},
        {SINGLE, "\1\0\x80\x7f", 4, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ss_text_valid(rows[i].type, (struct ss_bytes){rows[i].bytes, rows[i].size}) != rows[i].ok)
            fail_msg("row %zu", i);
}

static void every_failed_allocation_is_told(void **state)
{
    (void)state;
    static const struct {
        struct ss_type type;
        const char *text;
    } rows[] = {{BYTES, "AAAA"},
                {STRINGS, "[\"a\\n\",null,\"bb\"]"},
                {BLOBS, "[\"AAAA\"]"},
                {INTEGERS, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"},
                {VECTOR, "[1,2,3]"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (long k = 1;; k++) {
            struct ss_arena arena = {0};
            struct ss_value value = {0};
            const char *reason = "untouched";
            ss_fail_allocation_at(k);
            const bool ok = ss_value_parse(rows[i].type, ss_bytes_of(rows[i].text), SS_UNIT_TEXT, NULL,
                                           &arena, &value, &reason);
            const bool swept = ss_allocations_made() < k;
            ss_fail_allocation_at(0);
            assert_int_equal(ok, swept);
            assert_null(reason);
            assert_int_equal(value.present, ok);
            ss_arena_release(&arena);
            if (!swept) continue;
            assert_true(k > 2);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_and_printed_in_its_one_form),
        cmocka_unit_test(every_bad_text_has_its_reason),
        cmocka_unit_test(a_list_ends_at_65536_elements),
        cmocka_unit_test(random_lists_come_back_from_their_text),
        cmocka_unit_test(random_bytes_come_back_from_their_base64),
        cmocka_unit_test(floats_are_printed_with_the_fewest_digits_that_read_back),
        cmocka_unit_test(random_vectors_come_back_from_their_text),
        cmocka_unit_test(bytes_that_are_no_value_are_known),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
