// Packed columns as bytes: the released format is written and opens, what is damaged or no value of its type
// is refused.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "tests/unit/packed_harness.h"

static enum ss_packed_open open_exactly(struct ss_bytes bytes, struct ss_type type, int32_t count)
{
    struct ss_arena arena = {0};
    struct ss_packed packed;
    char *exact = malloc(bytes.size ? bytes.size : 1); // so that a sanitizer sees reads past its end
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.size);
    const enum ss_packed_open opened =
        ss_packed_open_column((struct ss_bytes){exact, bytes.size}, type, count, &arena, &packed);
    free(exact);
    ss_arena_release(&arena);
    return opened;
}

static void check_damage(struct ss_buffer *bytes, struct ss_type type, int32_t count)
{
    const struct ss_bytes whole = bytes_of(bytes);
    assert_int_equal(open_exactly(whole, type, count), SS_PACKED_OK);
    assert_int_equal(open_exactly(whole, type, count + 1), SS_PACKED_DAMAGED);
    for (size_t size = 0; size < whole.size; size++)
        assert_int_equal(open_exactly((struct ss_bytes){whole.data, size}, type, count), SS_PACKED_DAMAGED);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(open_exactly(whole, type, count), SS_PACKED_DAMAGED);
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ss_buffer_byte(bytes, 0);
    assert_int_equal(open_exactly(bytes_of(bytes), type, count), SS_PACKED_DAMAGED);
}

static void a_flipped_bit_and_missing_bytes_are_refused(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 3);
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (unsigned nulls = 0; nulls <= 8; nulls += 2) {
            struct ss_arena arena = {0};
            struct ss_buffer bytes = {0};
            const struct ss_column column = random_column(&samples, types[t], SHAPE_FEW, nulls, 30, &arena);
            ss_packed_column(&column, 0, 30, &bytes);
            check_damage(&bytes, types[t], 30);
            ss_buffer_release(&bytes);
            ss_arena_release(&arena);
        }
}

// Truncated, with a right checksum: a count or a size says that there is more.
static void bytes_that_end_early_are_refused_whatever_their_checksum(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 4);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0}, cut = {0};
        const struct ss_column column = random_column(&samples, types[t], SHAPE_NARROW, 2, 30, &arena);
        ss_packed_column(&column, 0, 30, &bytes);
        for (size_t size = 0; size + 8 < bytes.size; size++) {
            ss_buffer_clear(&cut);
            ss_buffer_append(&cut, bytes.data, size);
            ss_buffer_fixed64(&cut, ss_hash64(bytes.data, size));
            assert_int_equal(open_exactly(bytes_of(&cut), types[t], 30), SS_PACKED_DAMAGED);
        }
        ss_buffer_release(&bytes);
        ss_buffer_release(&cut);
        ss_arena_release(&arena);
    }
}

static struct ss_bytes unhex(const char *hex, struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    for (; *hex; hex++) {
        if (*hex == ' ') continue;
        const char digits[3] = {hex[0], hex[1], 0};
        ss_buffer_byte(bytes, (uint8_t)strtoul(digits, NULL, 16));
        hex++;
    }
    return bytes_of(bytes);
}

static void what_is_no_value_of_the_type_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct ss_type type;
        int32_t count;
        const char *hex; // without the checksum
    } refused[] = {
        {"version 2", {.id = SS_INT64}, 1, "02 01 01 00 0700000000000000"},
        {"an unknown form", {.id = SS_INT64}, 1, "01 05 01 00 0700000000000000"},
        {"the form of a text", {.id = SS_INT64}, 1, "01 03 01 00 0700000000000000"},
        {"the form of integers", {.id = SS_STRING}, 1, "01 01 01 00 0700000000000000"},
        {"the form of integers", {.id = SS_FLOAT64}, 1, "01 01 01 00 0700000000000000"},
        {"a value where no row is", {.id = SS_INT64}, 0, "01 01 00"},
        {"a width of 65", {.id = SS_INT64}, 1, "01 01 01 41 0700000000000000 000000000000000000"},
        {"a byte too many", {.id = SS_INT64}, 1, "01 01 01 00 0700000000000000 00"},
        {"the bool 2", {.id = SS_BOOL}, 1, "01 01 01 00 0200000000000000"},
        {"the bool 3", {.id = SS_BOOL}, 1, "01 01 01 02 0000000000000000 03"},
        {"10^18", {.id = SS_DECIMAL}, 1, "01 01 01 00 000064a7b3b6e00d"},
        {"-10^18", {.id = SS_DECIMAL}, 1, "01 01 01 00 00009c584c491ff2"},
        {"the year 10000", {.id = SS_TIMESTAMP}, 1, "01 01 01 00 006073cc0c448403"},
        {"a mantissa of 2^50", {.id = SS_FLOAT64}, 1, "01 02 01 02 00 0000000000000400"},
        {"the scale 9", {.id = SS_FLOAT64}, 1, "01 02 01 09 00 0700000000000000"},
        {"infinite", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 000000000000f07f"},
        {"not a number", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 000000000000f87f"},
        {"minus infinite", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 ffffffffffff0f80"},
        {"minus zero", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 ffffffffffffffff"},
        {"no UTF-8", {.id = SS_STRING}, 1, "01 03 01 01 00 0100000000000000 ff"},
        {"U+0000", {.id = SS_STRING}, 1, "01 03 01 01 00 0100000000000000 00"},
        {"half a list", {.id = SS_LIST, .element = SS_BOOL}, 1, "01 03 01 01 00 0100000000000000 01"},
        {"a vector too short", {.id = SS_VECTOR, .length = 2}, 1, "01 03 01 00 00 0000000000000000"},
        {"a length of 2", {.id = SS_STRING}, 1, "01 03 01 01 00 0200000000000000 61"},
        {"a length of -1", {.id = SS_STRING}, 1, "01 03 01 01 00 ffffffffffffffff 61"},
        {"text to spare", {.id = SS_STRING}, 1, "01 03 01 02 00 0100000000000000 6161"},
        {"no entry", {.id = SS_STRING}, 1, "01 04 01 00 00 00 0000000000000000"},
        {"2 entries of 1 value",
         {.id = SS_STRING},
         1,
         "01 04 01 02 02 00 0100000000000000 6161 00 0000000000000000"},
        {"the entry 1 of 1",
         {.id = SS_STRING},
         1,
         "01 04 01 01 01 00 0100000000000000 61 00 0100000000000000"},
        {"the entry -1", {.id = SS_STRING}, 1, "01 04 01 01 01 00 0100000000000000 61 00 ffffffffffffffff"},
        {"nulls and no value", {.id = SS_INT64}, 1, "01 81 01 00"},
        {"nulls, none of them", {.id = SS_INT64}, 1, "01 81 01 01 00 0700000000000000"},
        {"a bit behind the last row", {.id = SS_INT64}, 2, "01 81 02 05 00 0700000000000000"},
        {"nulls twice", {.id = SS_INT64}, 1, "01 80 01"},
        {"another count", {.id = SS_INT64}, 2, "01 01 01 00 0700000000000000"},
    };
    struct ss_buffer bytes = {0};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        unhex(refused[i].hex, &bytes);
        ss_buffer_fixed64(&bytes, ss_hash64(bytes.data, bytes.size));
        if (open_exactly(bytes_of(&bytes), refused[i].type, refused[i].count) != SS_PACKED_DAMAGED)
            fail_msg("%zu: %s was taken", i, refused[i].why);
    }
    ss_buffer_release(&bytes);
}

static void integers_with_a_null_do_not_open_as_integers(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct ss_column column;
    struct ss_packed packed;
    assert_true(ss_column_init(&column, (struct ss_type){.id = SS_INT64}, 2, &arena));
    for (int present = 0; present <= 1; present++) {
        assert_true(ss_column_append(&column, (struct ss_value){.present = present}, &arena));
        ss_buffer_clear(&bytes);
        ss_packed_column(&column, 0, column.length, &bytes);
        assert_int_equal(ss_packed_open_integers(bytes_of(&bytes), column.length, &arena, &packed),
                         SS_PACKED_DAMAGED);
    }
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

#define GOLDEN_ROWS 6

// The released format: these bytes must be written, and open, for ever.
static const struct golden {
    struct ss_type type;
    const char *texts[GOLDEN_ROWS]; // as CSV has them; NULL: null
    const char *hex;
} golden[] = {
    {{.id = SS_BOOL},
     {"true", "false", "true", "true", NULL, "false"},
     "0181062f0100000000000000000d1d35caf39d85f1fb"},
    {{.id = SS_INT64},
     {"5", "-3", "9223372036854775807", "-9223372036854775808", "0", "1"},
     "0101064000000000000000800500000000000080fdffffffffffff7fffffffffffffffff0000000000000000000000000000008"
     "0010000000000008020a61c5822da6624"},
    {{.id = SS_INT64},
     {"1000", "1001", NULL, "1007", NULL, "1000"},
     "0181062b03e803000000000000c8013cfa1a41981fafa4"},
    {{.id = SS_INT64}, {"7", "7", "7", "7", "7", "7"}, "0101060007000000000000006e903259959a9aee"},
    {{.id = SS_INT64}, {NULL, NULL, NULL, NULL, NULL, NULL}, "010006f4a728048f84969d"},
    {{.id = SS_DECIMAL, .scale = 2},
     {"12.50", "-0.01", "3.00", NULL, "9.99", "0.00"},
     "018106370bffffffffffffffffe304404bd0170064896824de8adc09"},
    {{.id = SS_TIMESTAMP},
     {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", NULL, NULL, NULL, NULL},
     "0181060314004020464847060000000024f4469c2404f25fda77"},
    {{.id = SS_FLOAT64},
     {"12.34", "-0.5", "7", "0.1", NULL, "0"},
     "0182062f020bceffffffffffffff040580bb782003c1d864b42535a654"},
    {{.id = SS_FLOAT64},
     {"12.34", "1e300", "-2.5e-300", "0", NULL, "0.3333333333333333"},
     "0182062f073fd0cf484c583645fede77982ebc77e341e6d2db1df256f93f000000000000000006e676f63459375058c890d0ef0"
     "11904c6dca313aa1c7c87"},
    {{.id = SS_STRING},
     {"a", "", "\xc3\xa9t\xc3\xa9", NULL, "abc", "z"},
     "018306370a030000000000000000411761c3a974c3a96162637a2ddce4cc5f393209"},
    {{.id = SS_STRING},
     {"a long name", "a long name", "another name", "a long name", NULL, "another name"},
     "0184062f0217010b000000000000000261206c6f6e67206e616d65616e6f74686572206e616d65010000000000000000142e756"
     "5330fb9253b"},
    {{.id = SS_BYTES},
     {"AAEC", "", "/w==", NULL, "/w==", "AAAA"},
     "01830637080200000000000000005303000102ffff000000cb182dd4ce8f7235"},
    {{.id = SS_LIST, .element = SS_INT64},
     {"[1,null]", "[]", NULL, "[1,null]", "[]", "[2]"},
     "0183063b1d0400000000000000000a0a090101000000000000000001010000000000000000010200000000000000322bb148de5"
     "62211"},
    {{.id = SS_VECTOR, .length = 2},
     {"[1.0,-2.0]", NULL, "[0.5,0.25]", "[1.0,-2.0]", "[0.0,0.0]", NULL},
     "0183061d200008000000000000000000803f000000c00000003f0000803e0000803f000000c00000000000000000812dc6376e5"
     "50e03"},
};

static struct ss_column golden_column(const struct golden *of, struct ss_arena *arena)
{
    struct ss_column column;
    assert_true(ss_column_init(&column, of->type, GOLDEN_ROWS, arena));
    for (int i = 0; i < GOLDEN_ROWS; i++) {
        struct ss_value value = {0};
        const char *reason;
        if (of->texts[i])
            assert_true(ss_value_parse(of->type, ss_bytes_of(of->texts[i]), SS_UNIT_TEXT, NULL, arena, &value,
                                       &reason));
        assert_true(ss_column_append(&column, value, arena));
    }
    return column;
}

static void the_bytes_of_the_released_format_are_written_and_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0}, wanted = {0};
        struct ss_packed packed;
        struct ss_column read;
        char hex[400] = "";
        const struct ss_column column = golden_column(&golden[i], &arena);
        unhex(golden[i].hex, &wanted);
        ss_packed_column(&column, 0, GOLDEN_ROWS, &bytes);
        assert_true(2 * bytes.size < sizeof hex);
        ss_hex_write(bytes.data, bytes.size, hex);
        if (!ss_bytes_equal(bytes_of(&bytes), bytes_of(&wanted))) fail_msg("%zu: written as %s", i, hex);
        assert_true(ss_column_init(&read, golden[i].type, GOLDEN_ROWS, &arena));
        assert_int_equal(
            ss_packed_open_column(bytes_of(&wanted), golden[i].type, GOLDEN_ROWS, &arena, &packed),
            SS_PACKED_OK);
        assert_true(ss_packed_append(&packed, 0, GOLDEN_ROWS, &read, &arena));
        for (int32_t row = 0; row < GOLDEN_ROWS; row++) assert_row(&read, row, &column, row);
        ss_buffer_release(&bytes);
        ss_buffer_release(&wanted);
        ss_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_and_missing_bytes_are_refused),
        cmocka_unit_test(bytes_that_end_early_are_refused_whatever_their_checksum),
        cmocka_unit_test(what_is_no_value_of_the_type_is_refused),
        cmocka_unit_test(integers_with_a_null_do_not_open_as_integers),
        cmocka_unit_test(the_bytes_of_the_released_format_are_written_and_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
