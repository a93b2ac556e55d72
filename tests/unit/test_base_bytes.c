// Views, growing buffers, readers, UTF-8, arenas, hashes and errors.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/random_bits.h"

static void bytes_are_ordered_as_unsigned_and_a_prefix_is_less(void **state)
{
    (void)state;
    static const char *const rising[] = {"", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff", "\xff\x01"};
    const size_t count = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const struct ss_bytes a = ss_bytes_of(rising[i]), b = ss_bytes_of(rising[j]);
            assert_int_equal(ss_bytes_compare(a, b), (i > j) - (i < j));
            assert_int_equal(ss_bytes_equal(a, b), i == j);
        }
    assert_true(ss_bytes_equal((struct ss_bytes){0}, ss_bytes_of("")));
    assert_int_equal(ss_bytes_compare((struct ss_bytes){"a\0b", 3}, (struct ss_bytes){"a\0a", 3}), 1);
}

static void a_buffer_grows_with_what_is_appended(void **state)
{
    (void)state;
    struct ss_buffer buffer = {0};
    ss_buffer_release(&buffer); // nothing to give back
    ss_buffer_text(&buffer, "ab");
    ss_buffer_byte(&buffer, 'c');
    ss_buffer_format(&buffer, "%d-%s", 42, "x");
    ss_buffer_append(&buffer, NULL, 0);
    ss_buffer_fixed64(&buffer, UINT64_C(0x0102030405060708));
    assert_int_equal(buffer.size, 3 + 4 + 8);
    assert_memory_equal(buffer.data, "abc42-x\x08\x07\x06\x05\x04\x03\x02\x01", buffer.size);
    ss_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    for (int i = 0; i < 100000; i++) ss_buffer_byte(&buffer, (uint8_t)i);
    assert_int_equal(buffer.size, 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(buffer.data[i], (uint8_t)i);
    ss_buffer_release(&buffer);
    assert_null(buffer.data);
}

static void a_failed_growth_sticks_until_the_buffer_is_cleared(void **state)
{
    (void)state;
    struct ss_buffer buffer = {0};
    ss_buffer_text(&buffer, "kept");
    ss_fail_allocation_at(1);
    ss_buffer_format(&buffer, "%1000d", 1);
    ss_fail_allocation_at(0);
    assert_true(buffer.failed);
    ss_buffer_byte(&buffer, 'x');
    assert_int_equal(buffer.size, 4);
    ss_buffer_clear(&buffer);
    assert_false(buffer.failed);
    ss_buffer_append(&buffer, "x", SIZE_MAX); // can never be held
    assert_true(buffer.failed);
    ss_buffer_release(&buffer);
}

static const struct {
    uint64_t value;
    const char *bytes;
    size_t size;
} varints[] = {
    {0, "\x00", 1},
    {1, "\x01", 1},
    {127, "\x7f", 1},
    {128, "\x80\x01", 2},
    {300, "\xac\x02", 2},
    {UINT64_C(1) << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10},
    {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
};

static struct ss_reader reader_of(const void *bytes, size_t size)
{
    return (struct ss_reader){bytes, (const uint8_t *)bytes + size, false};
}

static void varints_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } refused[] = {{"", 0},
                   {"\x80", 1},
                   {"\x80\x00", 2}, // 0, in two bytes
                   {"\xff\x00", 2},
                   {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, // 2^64 and more
                   {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11},
                   {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}};
    for (size_t i = 0; i < sizeof varints / sizeof *varints; i++) {
        struct ss_buffer buffer = {0};
        ss_buffer_varint(&buffer, varints[i].value);
        assert_int_equal(buffer.size, varints[i].size);
        assert_memory_equal(buffer.data, varints[i].bytes, buffer.size);
        struct ss_reader reader = reader_of(buffer.data, buffer.size);
        assert_true(ss_read_varint(&reader) == varints[i].value);
        assert_false(reader.failed);
        assert_true(reader.at == reader.end);
        ss_buffer_release(&buffer);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct ss_reader reader = reader_of(refused[i].bytes, refused[i].size);
        assert_true(ss_read_varint(&reader) == 0);
        assert_true(reader.failed);
    }
}

static void what_was_appended_is_read(void **state)
{
    (void)state;
    random_state = 20261121;
    print_message("seed %llu\n", (unsigned long long)random_state);
    struct ss_buffer buffer = {0};
    int64_t values[1000];
    for (int i = 0; i < 1000; i++) {
        values[i] = (int64_t)(random_bits() >> (random_bits() % 64)) * (random_bits() & 1 ? 1 : -1);
        if (i == 0) values[i] = INT64_MIN;
        if (i == 1) values[i] = INT64_MAX;
        ss_buffer_zigzag(&buffer, values[i]);
        ss_buffer_fixed64(&buffer, (uint64_t)values[i]);
        ss_buffer_byte(&buffer, (uint8_t)values[i]);
    }
    struct ss_reader reader = reader_of(buffer.data, buffer.size);
    for (int i = 0; i < 1000; i++) {
        assert_true(ss_read_zigzag(&reader) == values[i]);
        assert_true(ss_read_fixed64(&reader) == (uint64_t)values[i]);
        assert_int_equal(ss_read_byte(&reader), (uint8_t)values[i]);
    }
    assert_false(reader.failed);
    assert_true(reader.at == reader.end);
    ss_buffer_release(&buffer);
}

static void a_read_past_the_end_fails_for_good(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    struct ss_reader reader = reader_of(bytes, sizeof bytes);
    assert_ptr_equal(ss_read_span(&reader, 2), bytes);
    assert_true(ss_read_fixed64(&reader) == 0);
    assert_true(reader.failed);
    assert_int_equal(ss_read_byte(&reader), 0); // though one byte is left
    assert_null(ss_read_span(&reader, 0));
}

static const struct {
    const char *text;
    size_t size, length; // in code points; SIZE_MAX: not valid
} texts[] = {
    {"", 0, 0},
    {"abc", 3, 3},
    {"\xc3\xa4", 2, 1},
    {"\xe2\x82\xac", 3, 1},
    {"\xf0\x9f\x98\x80!", 5, 2},
    {"\xc2\x80", 2, 1},
    {"\xdf\xbf", 2, 1},
    {"\xe0\xa0\x80", 3, 1},
    {"\xed\x9f\xbf", 3, 1},
    {"\xee\x80\x80", 3, 1},
    {"\xef\xbf\xbf", 3, 1},
    {"\xf0\x90\x80\x80", 4, 1},
    {"\xf4\x8f\xbf\xbf", 4, 1},
    {"a\0b", 3, SIZE_MAX},
    {"\x80", 1, SIZE_MAX},
    {"\xc0\x80", 2, SIZE_MAX},
    {"\xc1\xbf", 2, SIZE_MAX},
    {"\xc3", 1, SIZE_MAX},
    {"\xc3(", 2, SIZE_MAX},
    {"\xe0\x9f\xbf", 3, SIZE_MAX},
    {"\xe2\x82", 2, SIZE_MAX},
    {"\xed\xa0\x80", 3, SIZE_MAX},
    {"\xed\xbf\xbf", 3, SIZE_MAX},
    {"\xf0\x8f\xbf\xbf", 4, SIZE_MAX},
    {"\xf4\x90\x80\x80", 4, SIZE_MAX},
    {"\xf5\x80\x80\x80", 4, SIZE_MAX},
    {"\xff", 1, SIZE_MAX},
};

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct ss_bytes text = {texts[i].text, texts[i].size};
        if (ss_utf8_valid(text) != (texts[i].length != SIZE_MAX)) fail_msg("text %zu", i);
        if (texts[i].length != SIZE_MAX) assert_int_equal(ss_utf8_length(text), texts[i].length);
    }
}

// Every sequence of up to four bytes that a code point can be written as, counted: all but the surrogates and
// U+0000.
static void exactly_the_code_points_are_valid(void **state)
{
    (void)state;
    long valid = 0;
    for (uint32_t point = 0; point < 0x200000; point++) {
        const char forms[4][4] = {
            {(char)point},
            {(char)(0xc0 | point >> 6), (char)(0x80 | (point & 63))},
            {(char)(0xe0 | point >> 12), (char)(0x80 | (point >> 6 & 63)), (char)(0x80 | (point & 63))},
            {(char)(0xf0 | point >> 18), (char)(0x80 | (point >> 12 & 63)), (char)(0x80 | (point >> 6 & 63)),
             (char)(0x80 | (point & 63))},
        };
        static const uint32_t limits[4] = {0x80, 0x800, 0x10000, 0x200000};
        for (size_t i = 0; i < 4; i++)
            if (point < limits[i]) valid += ss_utf8_valid((struct ss_bytes){forms[i], i + 1});
    }
    assert_int_equal(valid, 0x110000 - 0x800 - 1);
}

// ---- Arenas

static void an_arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 20000; size += 1 + size / 3) {
            unsigned char *memory = ss_arena_alloc(&arena, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % 16, 0);
            for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
            memset(memory, 0xaa, size);
        }
        ss_arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    const char *copy = ss_arena_copy(&arena, "text and more", 4);
    assert_string_equal(copy, "text");
    assert_non_null(ss_arena_copy(&arena, NULL, 0));
    assert_null(ss_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(ss_arena_alloc(&arena, SIZE_MAX));
    assert_null(ss_arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(ss_arena_copy(&arena, "x", SIZE_MAX));
    ss_arena_release(&arena);
    ss_arena_release(&arena);
}

static void an_arena_keeps_to_its_limit(void **state)
{
    (void)state;
    struct ss_arena arena;
    ss_arena_init(&arena, 1000);
    assert_non_null(ss_arena_alloc(&arena, 900));
    assert_null(ss_arena_alloc(&arena, 200));
    assert_non_null(ss_arena_alloc(&arena, 64));
    assert_null(ss_arena_alloc(&arena, SIZE_MAX - 20));
    ss_arena_reset(&arena);
    assert_non_null(ss_arena_alloc(&arena, 900));
    ss_arena_release(&arena);
}

static void a_reset_arena_allocates_nothing_for_the_same_again(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    for (int i = 0; i < 1000; i++) assert_non_null(ss_arena_alloc(&arena, 4000));
    ss_arena_reset(&arena);
    ss_fail_allocation_at(0);
    for (int i = 0; i < 200; i++) assert_non_null(ss_arena_alloc(&arena, 4000));
    assert_int_equal(ss_allocations_made(), 0);
    ss_arena_release(&arena);
}

// ---- Hashes

static void hashes_are_those_of_their_names(void **state)
{
    (void)state;
    char text[SS_SHA256_TEXT_SIZE];
    const struct ss_sha256 empty = ss_sha256_of("", 0), abc = ss_sha256_of("abc", 3);
    assert_string_equal(ss_sha256_format(&empty, text),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(ss_sha256_format(&abc, text),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct ss_sha256 read;
    assert_true(ss_hex_read(text, read.bytes, sizeof read.bytes));
    assert_memory_equal(&read, &abc, sizeof abc);
    assert_false(ss_hex_read("0g", read.bytes, 1));
    assert_false(ss_hex_read("AB", read.bytes, 1));
    assert_false(ss_hex_read("abc", read.bytes, 1));
    assert_false(ss_hex_read("", read.bytes, 1));
    struct ss_hasher *hasher = ss_hasher_create();
    assert_non_null(hasher);
    ss_hasher_add(hasher, "a", 1);
    ss_hasher_add(hasher, "", 0);
    ss_hasher_add(hasher, "bc", 2);
    const struct ss_sha256 parts = ss_hasher_end(hasher);
    assert_memory_equal(&parts, &abc, sizeof abc);
    ss_hasher_destroy(ss_hasher_create());
    ss_hasher_destroy(NULL);
    uint64_t words[2];
    assert_true(ss_hash64("", 0) == UINT64_C(0x2d06800538d394c2)); // XXH3's own test vectors
    ss_hash128("", 0, words);
    assert_true(words[0] == UINT64_C(0x6001c324468d497f) && words[1] == UINT64_C(0x99aa06d3014798d8));
}

// ---- Errors

static enum ss_status fails_second(int *calls, struct ss_error *error)
{
    (*calls)++;
    return *calls == 2 ? ss_fail(error, SS_LIMIT, "call %d", *calls) : SS_OK;
}

static enum ss_status tries_three(int *calls, struct ss_error *error)
{
    SS_TRY(fails_second(calls, error));
    SS_TRY(fails_second(calls, error));
    SS_TRY(fails_second(calls, error));
    return SS_OK;
}

static void the_first_failure_returns(void **state)
{
    (void)state;
    struct ss_error error = {0};
    int calls = 0;
    assert_int_equal(tries_three(&calls, &error), SS_LIMIT);
    assert_int_equal(calls, 2);
    assert_int_equal(error.status, SS_LIMIT);
    assert_string_equal(error.message, "call 2");
    calls = 0;
    assert_int_equal(tries_three(&calls, NULL), SS_LIMIT);
}

static void a_message_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct ss_error error = {0};
    assert_int_equal(ss_fail(&error, SS_IO, "%2000d", 7), SS_IO);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(ss_fail_memory(&error, "a thing"), SS_OUT_OF_MEMORY);
    assert_string_equal(error.message, "out of memory: a thing");
}

static void every_status_has_its_row(void **state)
{
    (void)state;
    assert_string_equal(ss_status_name(SS_OK), "SS_OK");
    assert_string_equal(ss_status_name(SS_OUT_OF_MEMORY), "SS_OUT_OF_MEMORY");
    assert_string_equal(ss_status_text(SS_BUSY), "busy");
    assert_true(ss_status_retry(SS_BUSY));
    assert_false(ss_status_retry(SS_INVALID));
    assert_int_equal(ss_status_exit(SS_OK), 0);
    assert_int_equal(ss_status_exit(SS_FOUND), 1);
    for (int status = SS_INVALID; status <= SS_OUT_OF_MEMORY; status++)
        assert_int_equal(ss_status_exit((enum ss_status)status), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_ordered_as_unsigned_and_a_prefix_is_less),
        cmocka_unit_test(a_buffer_grows_with_what_is_appended),
        cmocka_unit_test(a_failed_growth_sticks_until_the_buffer_is_cleared),
        cmocka_unit_test(varints_have_one_form),
        cmocka_unit_test(what_was_appended_is_read),
        cmocka_unit_test(a_read_past_the_end_fails_for_good),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(exactly_the_code_points_are_valid),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(an_arena_keeps_to_its_limit),
        cmocka_unit_test(a_reset_arena_allocates_nothing_for_the_same_again),
        cmocka_unit_test(hashes_are_those_of_their_names),
        cmocka_unit_test(the_first_failure_returns),
        cmocka_unit_test(a_message_that_is_too_long_is_cut),
        cmocka_unit_test(every_status_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
