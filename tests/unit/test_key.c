// Encoded keys: their bytes, their order, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/key.h"

static const struct ss_type bool_type = {SS_BOOL, 0}, int64_type = {SS_INT64, 0},
                            string_type = {SS_STRING, 0}, bytes_type = {SS_BYTES, 0};

static struct ss_value of_int64(int64_t value)
{
    return (struct ss_value){.present = true, .i64 = value};
}

static struct ss_value of_bool(bool value)
{
    return (struct ss_value){.present = true, .boolean = value};
}

static struct ss_value of_text(const char *text)
{
    return (struct ss_value){.present = true, .text = ss_bytes_of(text)};
}

static struct ss_bytes bytes_of(const struct ss_key *key)
{
    return (struct ss_bytes){(const char *)key->bytes, key->size};
}

static void the_bytes_of_a_key_are_pinned(void **state)
{
    (void)state;
    static const uint8_t want[] = {1,   1, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 'u',
                                   '1', 0, 0,    'a',  0,    0xff, 0xff, 0,    1,    0,    1};
    const struct ss_type types[] = {bool_type, int64_type, string_type, string_type, bytes_type, bytes_type};
    const struct ss_value parts[] = {
        of_bool(true), of_int64(-2), of_text("u1"), of_text(""), {.present = true, .text = {"a\0\xff", 3}},
        of_text("")};
    struct ss_key key;
    assert_int_equal(ss_key_encode(types, parts, 6, &key), SS_KEY_OK);
    assert_int_equal(key.size, sizeof(want));
    assert_memory_equal(key.bytes, want, sizeof(want));
}

static void the_key_of_the_world_is_its_tag(void **state)
{
    (void)state;
    struct ss_key key;
    struct ss_arena arena = {0};
    assert_int_equal(ss_key_encode(NULL, NULL, 0, &key), SS_KEY_OK);
    assert_int_equal(key.size, 1);
    assert_int_equal(ss_key_decode(NULL, 0, bytes_of(&key), &arena, NULL), SS_KEY_READ);
}

static void a_null_part_gives_no_key(void **state)
{
    (void)state;
    const struct ss_type types[] = {string_type, int64_type};
    const struct ss_value parts[] = {of_text("u1"), {0}};
    struct ss_key key = {.size = 7};
    assert_int_equal(ss_key_encode(types, parts, 2, &key), SS_KEY_NULL_PART);
    assert_int_equal(key.size, 0);
}

static void a_key_over_480_bytes_is_too_long(void **state)
{
    (void)state;
    char text[SS_KEY_MAX + 1];
    struct ss_key key;
    memset(text, 'x', sizeof(text));
    struct ss_value part = {.present = true, .text = {text, SS_KEY_MAX - 2}};
    assert_int_equal(ss_key_encode(&string_type, &part, 1, &key), SS_KEY_OK);
    assert_int_equal(key.size, SS_KEY_MAX);
    part.text.size++;
    assert_int_equal(ss_key_encode(&string_type, &part, 1, &key), SS_KEY_TOO_LONG);
    assert_int_equal(key.size, 0);
    const struct ss_type types[] = {string_type, int64_type, bool_type};
    for (size_t size = SS_KEY_MAX - 11; size <= SS_KEY_MAX; size++) {
        const struct ss_value parts[] = {{.present = true, .text = {text, size}}, of_int64(1), of_bool(true)};
        const bool fits = size + 1 + 1 + 8 + 1 <= SS_KEY_MAX;
        assert_int_equal(ss_key_encode(types, parts, 3, &key), fits ? SS_KEY_OK : SS_KEY_TOO_LONG);
    }
}

static void a_zero_byte_counts_twice_in_a_key_of_bytes(void **state)
{
    (void)state;
    static char bytes[SS_KEY_MAX + 1];
    struct ss_key key;
    for (size_t zeros = 0; zeros <= 240; zeros += 16) {
        const size_t most = SS_KEY_MAX - 3 - zeros; // the tag, the end of two bytes
        memset(bytes, 'x', sizeof bytes);
        memset(bytes, 0, zeros <= most ? zeros : most);
        if (zeros > most) continue;
        struct ss_value part = {.present = true, .text = {bytes, most}};
        assert_int_equal(ss_key_encode(&bytes_type, &part, 1, &key), SS_KEY_OK);
        assert_int_equal(key.size, SS_KEY_MAX);
        part.text.size++;
        assert_int_equal(ss_key_encode(&bytes_type, &part, 1, &key), SS_KEY_TOO_LONG);
        assert_int_equal(key.size, 0);
        const struct ss_type types[] = {bytes_type, bool_type};
        part.text.size = most;
        const struct ss_value parts[] = {part, of_bool(true)};
        assert_int_equal(ss_key_encode(types, parts, 2, &key), SS_KEY_TOO_LONG);
    }
    const struct ss_value huge = {.present = true, .text = {bytes, SIZE_MAX}};
    assert_int_equal(ss_key_encode(&bytes_type, &huge, 1, &key), SS_KEY_TOO_LONG);
}

static void a_key_of_bytes_without_memory_is_told(void **state)
{
    (void)state;
    struct ss_arena arena;
    struct ss_value part = of_text("abc");
    struct ss_key key;
    ss_arena_init(&arena, 1);
    assert_int_equal(ss_key_encode(&bytes_type, &part, 1, &key), SS_KEY_OK);
    assert_int_equal(ss_key_decode(&bytes_type, 1, bytes_of(&key), &arena, &part), SS_KEY_NO_MEMORY);
    ss_arena_release(&arena);
}

static void bytes_that_are_no_key_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int kind; // 0 bool, 1 int64, 2 string, 3 bytes
    } rows[] = {
        {"", 0, 0},        {"\2\1", 2, 0},   {"\1", 1, 0},    {"\1\2", 2, 0},      {"\1\1\1", 3, 0},
        {"\1\1\1", 3, 1},  {"\1", 1, 2},     {"\1x", 2, 2},   {"\1x\0y", 4, 2},    {"\1\xff\0", 3, 2},
        {"\1", 1, 3},      {"\1x", 2, 3},    {"\1x\0", 3, 3}, {"\1x\0\xff", 4, 3}, {"\1x\0\2", 4, 3},
        {"\1\0\1x", 4, 3}, {"\1\0\0", 3, 3},
    };
    const struct ss_type types[] = {bool_type, int64_type, string_type, bytes_type};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_value part;
        struct ss_arena arena = {0};
        assert_int_equal(ss_key_decode(&types[rows[i].kind], 1,
                                       (struct ss_bytes){rows[i].bytes, rows[i].size}, &arena, &part),
                         SS_KEY_BAD);
        ss_arena_release(&arena);
    }
}

static void a_key_is_shown_with_its_names(void **state)
{
    (void)state;
    const char *const names[] = {"user_id", "merchant_id", "vip", "shop"};
    const struct ss_type types[] = {string_type, int64_type, bool_type, string_type};
    const struct ss_value parts[] = {of_text("u1"), of_int64(-7), of_bool(false), {0}};
    struct ss_buffer text = {0};
    ss_key_format(names, types, parts, 4, &text);
    ss_buffer_byte(&text, 0);
    assert_string_equal((const char *)text.data, "user_id=u1, merchant_id=-7, vip=false, shop=null");
    ss_buffer_release(&text);
}

// ---- Random keys

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 20;
}

#define PART_COUNT 4
struct random_parts {
    struct ss_value values[PART_COUNT];
    char text[PART_COUNT][8];
};

static void make_parts(const struct ss_type *types, struct random_parts *parts)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 255, 256, INT64_MAX};
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (types[i].id == SS_BOOL) {
            parts->values[i] = of_bool(random_word() % 2);
        } else if (types[i].id == SS_INT64) {
            parts->values[i] = of_int64(edges[random_word() % 8]);
        } else {
            const char *letters = types[i].id == SS_BYTES ? "\0\1\xfe\xff" : "\1ab\x7f";
            const size_t size = random_word() % 4;
            for (size_t k = 0; k < size; k++) parts->text[i][k] = letters[random_word() % 4];
            parts->values[i] = (struct ss_value){.present = true, .text = {parts->text[i], size}};
        }
    }
}

static int compare_parts(const struct ss_type *types, const struct ss_value *a, const struct ss_value *b)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        int order = 0;
        if (types[i].id == SS_BOOL) order = (int)a[i].boolean - (int)b[i].boolean;
        if (types[i].id == SS_INT64) order = (a[i].i64 > b[i].i64) - (a[i].i64 < b[i].i64);
        if (ss_type_is_text(types[i])) {
            const size_t shared = a[i].text.size < b[i].text.size ? a[i].text.size : b[i].text.size;
            order = memcmp(a[i].text.data, b[i].text.data, shared);
            if (order == 0) order = (a[i].text.size > b[i].text.size) - (a[i].text.size < b[i].text.size);
        }
        if (order != 0) return order < 0 ? -1 : 1;
    }
    return 0;
}

static void keys_decode_to_their_parts_and_sort_as_they_do(void **state)
{
    (void)state;
    const struct ss_type types[PART_COUNT] = {bytes_type, int64_type, string_type, bytes_type};
    struct ss_arena arena = {0};
    const char *seed = getenv("SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int round = 0; round < 20000; round++) {
        struct random_parts a, b;
        struct ss_key key_a, key_b;
        struct ss_value decoded[PART_COUNT];
        make_parts(types, &a);
        make_parts(types, &b);
        assert_int_equal(ss_key_encode(types, a.values, PART_COUNT, &key_a), SS_KEY_OK);
        assert_int_equal(ss_key_encode(types, b.values, PART_COUNT, &key_b), SS_KEY_OK);
        assert_int_equal(ss_bytes_compare(bytes_of(&key_a), bytes_of(&key_b)),
                         compare_parts(types, a.values, b.values));
        ss_arena_reset(&arena);
        assert_int_equal(ss_key_decode(types, PART_COUNT, bytes_of(&key_a), &arena, decoded), SS_KEY_READ);
        for (size_t i = 0; i < PART_COUNT; i++)
            assert_true(ss_value_equal(types[i], decoded[i], a.values[i]));
        const size_t shorter = key_a.size < key_b.size ? key_a.size : key_b.size;
        if (key_a.size != key_b.size) assert_memory_not_equal(key_a.bytes, key_b.bytes, shorter);
    }
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_key_are_pinned),
        cmocka_unit_test(the_key_of_the_world_is_its_tag),
        cmocka_unit_test(a_null_part_gives_no_key),
        cmocka_unit_test(a_key_over_480_bytes_is_too_long),
        cmocka_unit_test(a_zero_byte_counts_twice_in_a_key_of_bytes),
        cmocka_unit_test(a_key_of_bytes_without_memory_is_told),
        cmocka_unit_test(bytes_that_are_no_key_are_refused),
        cmocka_unit_test(a_key_is_shown_with_its_names),
        cmocka_unit_test(keys_decode_to_their_parts_and_sort_as_they_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
