// Columns and values: types as text, every type appended and read back, and text in and out.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/column.h"
#include "engine/base/time.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/random_bits.h"

static const struct ss_type types[] = {{SS_BOOL, 0},
                                       {SS_INT64, 0},
                                       {SS_FLOAT64, 0},
                                       {SS_DECIMAL, 2},
                                       {SS_DECIMAL, 18},
                                       {SS_STRING, 0},
                                       {SS_TIMESTAMP, 0},
                                       {.id = SS_BYTES},
                                       {.id = SS_LIST, .element = SS_BOOL},
                                       {.id = SS_LIST, .element = SS_BYTES},
                                       {.id = SS_LIST, .element = SS_TIMESTAMP},
                                       {.id = SS_LIST, .element = SS_DECIMAL, .scale = 18},
                                       {.id = SS_VECTOR, .length = 1},
                                       {.id = SS_VECTOR, .length = 4096}};
#define TYPE_COUNT (sizeof types / sizeof *types)

static void types_are_read_as_they_are_printed(void **state)
{
    (void)state;
    static const char *const texts[TYPE_COUNT] = {
        "bool",      "int64",       "float64",    "decimal(2)",  "decimal(18)",     "string",
        "timestamp", "bytes",       "list<bool>", "list<bytes>", "list<timestamp>", "list<decimal(18)>",
        "vector(1)", "vector(4096)"};
    static const char *const refused[] = {"",
                                          "int",
                                          "Int64",
                                          "decimal",
                                          "decimal()",
                                          "decimal(19)",
                                          "decimal(-1)",
                                          "decimal(-0)",
                                          "list",
                                          "list<>",
                                          "list<int64",
                                          "list<int64>>",
                                          "list< int64>",
                                          "list<list<int64>>",
                                          "list<vector(2)>",
                                          "list<timestamp(s)>",
                                          "vector",
                                          "vector()",
                                          "vector(0)",
                                          "vector(4097)",
                                          "vector(-1)",
                                          "vector(1.0)",
                                          "Bytes",
                                          "decimal(2",
                                          "decimal(2) ",
                                          "decimal(x)",
                                          "decimal(2,1)",
                                          "timestamp(ms)",
                                          "list",
                                          "int64 "};
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        char text[SS_TYPE_TEXT_SIZE];
        struct ss_type type = {SS_BOOL, 9};
        assert_string_equal(ss_type_format(types[i], text), texts[i]);
        assert_true(ss_type_parse(ss_bytes_of(texts[i]), &type));
        for (size_t j = 0; j < TYPE_COUNT; j++) assert_int_equal(ss_type_equal(type, types[j]), i == j);
        assert_int_equal(ss_type_is_numeric(types[i]), i >= 1 && i <= 4);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct ss_type type;
        if (ss_type_parse(ss_bytes_of(refused[i]), &type)) fail_msg("'%s' was taken for a type", refused[i]);
    }
}

static struct ss_value random_value(struct ss_type type, char text[64])
{
    struct ss_value value = {.present = random_bits() % 4 != 0};
    if (!value.present) return value;
    switch (type.id) {
    case SS_BOOL: value.boolean = random_bits() & 1; break;
    case SS_FLOAT64: value.f64 = (double)(int64_t)random_bits() / 1e9; break;
    case SS_STRING:
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR:
        value.text.size = random_bits() % 64;
        for (size_t i = 0; i < value.text.size; i++) text[i] = (char)('a' + random_bits() % 26);
        value.text.data = text;
        break;
    default: value.i64 = (int64_t)random_bits(); break;
    }
    return value;
}

static void what_was_appended_comes_back(void **state)
{
    (void)state;
    random_state = 20261121;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_column column;
        static char texts[SS_BATCH_ROWS][64];
        static struct ss_value values[SS_BATCH_ROWS];
        assert_true(ss_column_init(&column, types[t], SS_BATCH_ROWS, &arena));
        for (int round = 0; round < 3; round++) {
            for (int32_t row = 0; row < SS_BATCH_ROWS; row++) {
                values[row] = random_value(types[t], texts[row]);
                assert_true(ss_column_append(&column, values[row], &arena));
            }
            assert_int_equal(column.length, SS_BATCH_ROWS);
            for (int32_t row = 0; row < SS_BATCH_ROWS; row++) {
                const struct ss_value got = ss_column_get(&column, row);
                assert_int_equal(got.present, values[row].present);
                assert_true(ss_value_equal(types[t], got, values[row]));
            }
            ss_column_clear(&column);
        }
        ss_arena_release(&arena);
    }
}

// Runs of random rows of one column, put together in another, are those rows.
static void rows_of_another_column_are_appended(void **state)
{
    (void)state;
    random_state = 20270303;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_column from, to;
        static char texts[SS_BATCH_ROWS][64];
        int32_t starts[200], counts[200], row = 0;
        assert_true(ss_column_init(&from, types[t], SS_BATCH_ROWS, &arena));
        assert_true(ss_column_init(&to, types[t], 200 * 50, &arena));
        if (t % 2) assert_true(ss_column_reserve(&to, 200 * 50 * 64, &arena));
        for (int32_t i = 0; i < SS_BATCH_ROWS; i++)
            assert_true(ss_column_append(&from, random_value(types[t], texts[i]), &arena));
        for (int run = 0; run < 200; run++) {
            counts[run] = (int32_t)(random_bits() % 50);
            starts[run] = (int32_t)(random_bits() % (uint64_t)(SS_BATCH_ROWS - counts[run] + 1));
            assert_true(ss_column_append_rows(&to, &from, starts[run], counts[run], &arena));
        }
        for (int run = 0; run < 200; run++)
            for (int32_t i = 0; i < counts[run]; i++, row++)
                assert_true(
                    ss_value_equal(types[t], ss_column_get(&to, row), ss_column_get(&from, starts[run] + i)));
        assert_int_equal(to.length, row);
        ss_arena_release(&arena);
    }
}

static void a_null_leaves_zero_under_its_bit(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_column column;
        const struct ss_value one =
            ss_type_is_text(types[t]) ? (struct ss_value){.present = true, .text = {"x", 1}}
            : types[t].id == SS_BOOL  ? (struct ss_value){.present = true, .boolean = true}
                                      : (struct ss_value){.present = true, .i64 = 1};
        assert_true(ss_column_init(&column, types[t], 1, &arena));
        assert_true(ss_column_append(&column, one, &arena));
        ss_column_clear(&column);
        assert_true(ss_column_append(&column, (struct ss_value){0}, &arena)); // over what was there
        assert_int_equal(column.validity[0] & 1, 0);
        if (ss_type_is_text(types[t]))
            assert_int_equal(column.offsets[1], 0);
        else if (types[t].id == SS_BOOL)
            assert_int_equal(column.bits[0] & 1, 0);
        else
            assert_int_equal(column.i64[0], 0);
    }
    ss_arena_release(&arena);
}

static void floats_are_equal_by_bits_and_null_equals_null(void **state)
{
    (void)state;
    const struct ss_type float64 = {SS_FLOAT64, 0}, string = {SS_STRING, 0};
    const struct ss_value zero = {.present = true, .f64 = 0.0}, minus = {.present = true, .f64 = -0.0};
    const struct ss_value null = {0}, empty = {.present = true, .text = {"", 0}};
    assert_false(ss_value_equal(float64, zero, minus));
    assert_true(ss_value_equal(float64, minus, minus));
    assert_false(ss_value_equal(float64, zero, null));
    assert_true(ss_value_equal(float64, null, null));
    assert_false(ss_value_equal(string, empty, null));
    assert_true(ss_value_equal(string, empty, (struct ss_value){.present = true, .text = {NULL, 0}}));
}

static const struct {
    struct ss_type type;
    const char *text;
    const char *printed; // NULL: it does not parse
    const char *reason;
} cells[] = {
    {{SS_BOOL, 0}, "true", "true", NULL},
    {{SS_BOOL, 0}, "false", "false", NULL},
    {{SS_BOOL, 0}, "True", NULL, "not a bool (true or false)"},
    {{SS_BOOL, 0}, "1", NULL, "not a bool (true or false)"},
    {{SS_BOOL, 0}, "", NULL, "not a bool (true or false)"},
    {{SS_INT64, 0}, "-42", "-42", NULL},
    {{SS_INT64, 0}, "0042", "42", NULL},
    {{SS_INT64, 0}, "7.0", NULL, "not an int64"},
    {{SS_INT64, 0}, " 7", NULL, "not an int64"},
    {{SS_INT64, 0}, "", NULL, "not an int64"},
    {{SS_FLOAT64, 0}, "100", "100.0", NULL},
    {{SS_FLOAT64, 0}, "-0.0", "0.0", NULL},
    {{SS_FLOAT64, 0}, "1e16", "1e+16", NULL},
    {{SS_FLOAT64, 0}, "nan", "", NULL}, // null
    {{SS_FLOAT64, 0}, "-Infinity", "", NULL},
    {{SS_FLOAT64, 0}, "1e999", "", NULL},
    {{SS_FLOAT64, 0}, "one", NULL, "not a float64"},
    {{SS_FLOAT64, 0}, "", NULL, "not a float64"},
    {{SS_DECIMAL, 2}, "12.5", "12.50", NULL},
    {{SS_DECIMAL, 2}, "12.505", NULL, "not a decimal of that scale"},
    {{SS_DECIMAL, 0}, "", NULL, "not a decimal of that scale"},
    {{SS_STRING, 0}, "", "", NULL},
    {{SS_STRING, 0}, " \xc3\xa4 ", " \xc3\xa4 ", NULL},
    {{SS_STRING, 0}, "\xff", NULL, "not valid UTF-8 without U+0000"},
    {{SS_TIMESTAMP, 0}, "2026-01-31 10:00:00+02:00", "2026-01-31T08:00:00Z", NULL},
    {{SS_TIMESTAMP, 0}, "2026-02-30", NULL, "not a time"},
    {{SS_TIMESTAMP, 0}, "", NULL, "not a time"},
};

static void cells_are_read_exactly_as_their_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct ss_value value = {0};
        const char *reason = NULL;
        struct ss_buffer text = {0};
        struct ss_arena arena = {0};
        const bool ok = ss_value_parse(cells[i].type, ss_bytes_of(cells[i].text), SS_UNIT_TEXT, NULL, &arena,
                                       &value, &reason);
        if (ok != (cells[i].printed != NULL))
            fail_msg("'%s' as type %d", cells[i].text, (int)cells[i].type.id);
        if (!ok) {
            assert_string_equal(reason, cells[i].reason);
            ss_arena_release(&arena);
            continue;
        }
        ss_value_format(cells[i].type, value, &text);
        ss_buffer_byte(&text, 0);
        assert_string_equal(text.data, cells[i].printed);
        assert_int_equal(value.present, cells[i].printed[0] || cells[i].type.id == SS_STRING);
        ss_buffer_release(&text);
        ss_arena_release(&arena);
    }
    struct ss_arena arena = {0};
    struct ss_value value;
    const char *reason;
    assert_true(ss_value_parse((struct ss_type){SS_TIMESTAMP, 0}, ss_bytes_of("1769853600001"), SS_UNIT_MS,
                               NULL, &arena, &value, &reason));
    assert_int_equal(value.i64, INT64_C(1769853600001000));
}

static void every_failed_allocation_is_told(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    for (long k = 1;; k++) {
        struct ss_arena arena = {0};
        struct ss_column column;
        ss_fail_allocation_at(k);
        bool ok = ss_column_init(&column, (struct ss_type){SS_STRING, 0}, 10, &arena);
        for (int i = 0; ok && i < 10; i++)
            ok = ss_column_append(&column, (struct ss_value){.present = true, .text = {text, sizeof text}},
                                  &arena);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_arena_release(&arena);
        assert_int_equal(ok, swept);
        if (!swept) continue;
        assert_true(k > 3);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_read_as_they_are_printed),
        cmocka_unit_test(what_was_appended_comes_back),
        cmocka_unit_test(rows_of_another_column_are_appended),
        cmocka_unit_test(a_null_leaves_zero_under_its_bit),
        cmocka_unit_test(floats_are_equal_by_bits_and_null_equals_null),
        cmocka_unit_test(cells_are_read_exactly_as_their_type),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
