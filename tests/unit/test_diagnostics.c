// Diagnostics: places, carets, order and nearest names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/diagnostics.h"

static void check_shown(const char *text, uint32_t offset, const char *want)
{
    const struct ss_file file = {"a.yaml", ss_bytes_of(text)};
    struct ss_arena arena = {0};
    struct ss_diagnostics diagnostics;
    struct ss_buffer shown = {0};
    ss_diagnostics_init(&diagnostics, &file, 1, &arena);
    ss_diagnose(&diagnostics, (struct ss_place){0, offset}, "wrong");
    assert_int_equal(diagnostics.count, 1);
    ss_diagnostic_format(&diagnostics, 0, &shown);
    ss_buffer_byte(&shown, 0);
    assert_string_equal((const char *)shown.data, want);
    ss_buffer_release(&shown);
    ss_arena_release(&arena);
}

static void error_is_shown_with_its_line_and_caret(void **state)
{
    (void)state;
    check_shown("a: b\nc: dd\n", 8, "a.yaml:2:4: error: wrong\n  c: dd\n     ^\n");
    check_shown("a: b\r\nc: dd\r\n", 9, "a.yaml:2:4: error: wrong\n  c: dd\n     ^\n");
    check_shown("a", 0, "a.yaml:1:1: error: wrong\n  a\n  ^\n");
}

static void place_at_or_behind_the_end_is_shown(void **state)
{
    (void)state;
    check_shown("", 0, "a.yaml:1:1: error: wrong\n  \n  ^\n");
    check_shown("", 99, "a.yaml:1:1: error: wrong\n  \n  ^\n");
    check_shown("ab", 2, "a.yaml:1:3: error: wrong\n  ab\n    ^\n");
    check_shown("ab\n", 3, "a.yaml:2:1: error: wrong\n  \n  ^\n");
    check_shown("ab\n", 2, "a.yaml:1:3: error: wrong\n  ab\n    ^\n");
}

static void columns_count_code_points_and_tabs_keep_the_caret_true(void **state)
{
    (void)state;
    check_shown("\xc3\xa4\xe2\x82\xac: x", 7,
                "a.yaml:1:5: error: wrong\n  \xc3\xa4\xe2\x82\xac: x\n      ^\n");
    check_shown("\ta\tb", 3, "a.yaml:1:4: error: wrong\n  \ta\tb\n  \t \t^\n");
}

static void control_characters_are_not_sent_to_the_terminal(void **state)
{
    (void)state;
    check_shown("a\x1b[31mb", 0, "a.yaml:1:1: error: wrong\n  a?[31mb\n  ^\n");
}

static void long_line_is_shown_around_the_caret(void **state)
{
    (void)state;
    char text[401], want[400];
    memset(text, 'x', 400);
    text[400] = '\0';
    text[200] = 'Y';
    char before[71], after[31];
    memset(before, 'x', 70);
    before[70] = '\0';
    memset(after, 'x', 29);
    after[29] = '\0';
    snprintf(want, sizeof(want), "a.yaml:1:201: error: wrong\n  ...%sY%s...\n  %73s^\n", before, after, "");
    check_shown(text, 200, want);
}

static void errors_are_sorted_by_file_and_offset_and_kept_once(void **state)
{
    (void)state;
    const struct ss_file files[] = {{"a.yaml", ss_bytes_of("aaaa")}, {"b.yaml", ss_bytes_of("bbbb")}};
    struct ss_arena arena = {0};
    struct ss_diagnostics diagnostics;
    ss_diagnostics_init(&diagnostics, files, 2, &arena);
    for (int round = 0; round < 2; round++) {
        ss_diagnose(&diagnostics, (struct ss_place){1, 0}, "third");
        ss_diagnose(&diagnostics, (struct ss_place){0, 3}, "second %d", 2);
        ss_diagnose(&diagnostics, (struct ss_place){0, 1}, "first");
    }
    assert_int_equal(diagnostics.count, 3);
    ss_diagnostics_sort(&diagnostics);
    assert_string_equal(diagnostics.items[0].message, "first");
    assert_string_equal(diagnostics.items[1].message, "second 2");
    assert_string_equal(diagnostics.items[2].message, "third");
    ss_arena_release(&arena);
}

static void no_more_than_the_limit_of_errors_is_kept(void **state)
{
    (void)state;
    const struct ss_file file = {"a.yaml", ss_bytes_of("a")};
    struct ss_arena arena = {0};
    struct ss_diagnostics diagnostics;
    ss_diagnostics_init(&diagnostics, &file, 1, &arena);
    for (int i = 0; i < 2 * SS_DIAGNOSTICS_MAX; i++)
        ss_diagnose(&diagnostics, (struct ss_place){0, 0}, "error %d", i);
    assert_int_equal(diagnostics.count, SS_DIAGNOSTICS_MAX);
    assert_string_equal(diagnostics.items[SS_DIAGNOSTICS_MAX - 1].message, "error 999");
    ss_arena_release(&arena);
}

static void full_arena_is_remembered(void **state)
{
    (void)state;
    const struct ss_file file = {"a.yaml", ss_bytes_of("a")};
    struct ss_arena arena;
    struct ss_diagnostics diagnostics;
    ss_arena_init(&arena, 8);
    ss_diagnostics_init(&diagnostics, &file, 1, &arena);
    ss_diagnose(&diagnostics, (struct ss_place){0, 0}, "a message that does not fit");
    assert_int_equal(diagnostics.count, 0);
    assert_true(diagnostics.out_of_memory);
    ss_arena_release(&arena);
}

static void nearest_name_is_within_a_third_of_the_length(void **state)
{
    (void)state;
    static const char *const names[] = {"amount", "country", "merchant_id", "id", "Paid_At"};
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"amout", "amount"},
        {"amuont", "amount"},
        {"AMOUNT", "amount"},
        {"contry", "country"},
        {"merchnt_d", "merchant_id"},
        {"paid_at", "Paid_At"},
        {"is", "id"},
        {"x", NULL},
        {"currency", NULL},
        {"", NULL},
        {"amount_of_all_things", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = ss_nearest_name(ss_bytes_of(cases[i].name), names, 5);
        if (!cases[i].want)
            assert_null(nearest);
        else
            assert_string_equal(nearest, cases[i].want);
    }
    char huge[200];
    memset(huge, 'a', sizeof(huge));
    assert_null(ss_nearest_name((struct ss_bytes){huge, sizeof(huge)}, names, 5));
    assert_null(ss_nearest_name(ss_bytes_of("amount"), NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_shown_with_its_line_and_caret),
        cmocka_unit_test(place_at_or_behind_the_end_is_shown),
        cmocka_unit_test(columns_count_code_points_and_tabs_keep_the_caret_true),
        cmocka_unit_test(control_characters_are_not_sent_to_the_terminal),
        cmocka_unit_test(long_line_is_shown_around_the_caret),
        cmocka_unit_test(errors_are_sorted_by_file_and_offset_and_kept_once),
        cmocka_unit_test(no_more_than_the_limit_of_errors_is_kept),
        cmocka_unit_test(full_arena_is_remembered),
        cmocka_unit_test(nearest_name_is_within_a_third_of_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
