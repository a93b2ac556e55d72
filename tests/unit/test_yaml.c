// The YAML reader: what stands where, to the byte, and what hostile files cost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "definitions_harness.h"
#include "engine/yaml_tree.h"

struct reading {
    struct ss_arena arena;
    struct ss_file file;
    struct ss_diagnostics diagnostics;
    struct ss_yaml_file tree;
};

static void read_text(struct reading *reading, struct ss_bytes text)
{
    memset(reading, 0, sizeof(*reading));
    reading->file = (struct ss_file){"f.yaml", text};
    ss_diagnostics_init(&reading->diagnostics, &reading->file, 1, &reading->arena);
    reading->tree = ss_yaml_read(0, &reading->arena, &reading->diagnostics);
}

static const struct ss_yaml *entry(const struct reading *reading, const char *key)
{
    const struct ss_yaml *found = ss_yaml_find(reading->tree.root, key);
    assert_non_null(found);
    return found;
}

// Every byte of the text stands where the same byte stands in the file; `from` is where it starts.
static void check_places(const char *yaml, const char *want, const char *from)
{
    struct reading reading;
    read_text(&reading, ss_bytes_of(yaml));
    assert_int_equal(reading.diagnostics.count, 0);
    const struct ss_yaml *node = entry(&reading, "k");
    assert_string_equal(node->text.data, want);
    const char *start = strstr(yaml, from);
    assert_non_null(start);
    assert_int_equal(ss_yaml_place_of(node, 0).offset, start - yaml);
    for (size_t i = 0; i < node->text.size; i++) {
        const char written = yaml[ss_yaml_place_of(node, i).offset];
        const char byte = node->text.data[i];
        if (byte == ' ' || byte == '\n')
            assert_non_null(strchr(" \n\r", written));
        else if (written != '\\')
            assert_int_equal(written, byte);
    }
    ss_arena_release(&reading.arena);
}

static void every_byte_of_a_text_is_found_in_the_file(void **state)
{
    (void)state;
    check_places("k: count() over 7d # a note\n", "count() over 7d", "count");
    check_places("j: größe\nk: last(größe) over 7d\n", "last(größe) over 7d", "last");
    check_places("k: 'last(x) = ''US'' or y'\n", "last(x) = 'US' or y", "last");
    check_places("k: \"last(x) = \\\"US\\\"\"\n", "last(x) = \"US\"", "last");
    check_places("k: \"a\\u00e9b\\x41 c\"\n",
                 "aéb"
                 "A c",
                 "a\\u");
    check_places("k: sum(x)\n   over 7d\n", "sum(x) over 7d", "sum");
    check_places("k: \"sum(x)\n\n  over \\\n  7d\"\n", "sum(x)\nover 7d", "sum");
    check_places("k: >-\n  sum(x)\n  over 7d\nj: 1\n", "sum(x) over 7d", "sum");
    check_places("k: |\n  sum(x)\n    over 7d\n", "sum(x)\n  over 7d\n", "sum");
    check_places("\xef\xbb\xbfk: sum(x)\r\nj: y\r\n", "sum(x)", "sum");
}

static void offsets_in_long_files_of_many_code_points_are_exact(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    for (int i = 0; i < 400; i++) ss_buffer_format(&text, "k%d: é€😀x%d\n", i, i);
    struct reading reading;
    read_text(&reading, (struct ss_bytes){(const char *)text.data, text.size});
    for (int i = 0; i < 400; i++) {
        char key[16], tail[16];
        snprintf(key, sizeof(key), "k%d", i);
        snprintf(tail, sizeof(tail), "x%d", i);
        const struct ss_yaml *node = entry(&reading, key);
        const char *at = (const char *)text.data + ss_yaml_place_of(node, 9).offset;
        assert_memory_equal(at, tail, strlen(tail));
    }
    ss_arena_release(&reading.arena);
    ss_buffer_release(&text);
}

static void a_tree_has_the_shape_of_its_file(void **state)
{
    (void)state;
    struct reading reading;
    read_text(&reading, ss_bytes_of("a: [1, {b: on}, ~]\nc: {}\nd:\n"));
    const struct ss_yaml *list = entry(&reading, "a");
    assert_int_equal(list->kind, SS_YAML_LIST);
    assert_int_equal(list->count, 3);
    assert_string_equal(ss_yaml_find(list->first->next, "b")->text.data, "on");
    assert_string_equal(list->first->next->next->text.data, "~");
    assert_int_equal(entry(&reading, "c")->count, 0);
    assert_int_equal(entry(&reading, "d")->text.size, 0);
    assert_null(ss_yaml_find(reading.tree.root, "e"));
    ss_arena_release(&reading.arena);
}

static void empty_files_have_no_tree_and_no_errors(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n", "\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct harness_result result = harness_compile_text(ss_bytes_of(texts[i]));
        assert_int_equal(result.status, SS_OK);
        harness_release(&result);
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// The piece with # as the number.
static void append_piece(struct ss_buffer *text, const char *piece, size_t number)
{
    for (; *piece; piece++) {
        if (*piece == '#')
            ss_buffer_format(text, "%zu", number);
        else
            ss_buffer_byte(text, (uint8_t)*piece);
    }
}

// Compiles `count` times `piece` after `head`: an error (or not), and fast.
static void check_hostile(const char *head, const char *piece, size_t count, bool is_error)
{
    struct ss_buffer text = {0};
    ss_buffer_text(&text, head);
    for (size_t i = 0; i < count; i++) append_piece(&text, piece, i);
    const double start = seconds_now();
    struct harness_result result =
        harness_compile_text((struct ss_bytes){(const char *)text.data, text.size});
    const double spent = seconds_now() - start;
    assert_int_equal(result.status, is_error ? SS_FOUND : SS_OK);
    if (spent > 30) fail_msg("%zu times '%s' took %.1f s", count, piece, spent);
    harness_release(&result);
    ss_buffer_release(&text);
}

static void deep_nesting_is_refused_at_once(void **state)
{
    (void)state;
    const double start = seconds_now();
    check_hostile("", "[", 200000, true);
    check_hostile("", "{", 200000, true);
    check_hostile("", "{a: ", 200000, true);
    check_hostile("", "- ", 200000, true);
    check_hostile("", "? ", 200000, true);
    check_hostile("", "[\n", 200000, true);
    assert_true(seconds_now() - start < 1);
}

static void a_file_over_4_mib_is_refused(void **state)
{
    (void)state;
    char *text = malloc(SS_DEFINITIONS_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, '#', SS_DEFINITIONS_MAX_BYTES + 1);
    struct harness_result result =
        harness_compile_text((struct ss_bytes){text, SS_DEFINITIONS_MAX_BYTES + 1});
    assert_int_equal(result.status, SS_FOUND);
    ss_buffer_byte(&result.report, 0);
    assert_non_null(strstr((const char *)result.report.data,
                           "f.yaml:1:1: error: the file has 4194305 bytes; at most 4194304 are allowed, so "
                           "split it"));
    harness_release(&result);
    result = harness_compile_text((struct ss_bytes){text, SS_DEFINITIONS_MAX_BYTES});
    assert_int_equal(result.status, SS_OK);
    harness_release(&result);
    free(text);
}

static void large_hostile_files_end_in_seconds(void **state)
{
    (void)state;
    check_hostile("", "%TAG !a#! tag:x\n", 200000, true);
    check_hostile("entities:\n", "  e#: {}\n", 200000, false);
    check_hostile("entities:\n", "  e: {}\n", 200000, true);
    check_hostile("views:\n", "  v#: {}\n", 200000, true);
    check_hostile("sources:\n  s:\n    columns:\n", "      c#: int64\n", 200000, true);
    check_hostile("x: [", "a#,", 400000, true);
    check_hostile("x: {", "a#,", 400000, true);
    check_hostile("x: \"", "\\u00e9", 400000, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_a_text_is_found_in_the_file),
        cmocka_unit_test(offsets_in_long_files_of_many_code_points_are_exact),
        cmocka_unit_test(a_tree_has_the_shape_of_its_file),
        cmocka_unit_test(empty_files_have_no_tree_and_no_errors),
        cmocka_unit_test(deep_nesting_is_refused_at_once),
        cmocka_unit_test(a_file_over_4_mib_is_refused),
        cmocka_unit_test(large_hostile_files_end_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
