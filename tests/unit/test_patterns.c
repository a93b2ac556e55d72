// Regular expressions: what they find, their limits, and that threads and equal calls share them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/program_harness.h"

static void patterns_search_extract_and_replace(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"regexp_matches(country, 'S')", "bool true"},
        {"regexp_matches(country, '^S')", "bool false"},
        {"regexp_matches(country, '')", "bool true"},
        {"regexp_matches('', '^$')", "bool true"},
        {"regexp_matches(n_string, '')", "bool null"},
        {"regexp_matches(name, '^.Zo.$')", "bool false"},
        {"regexp_matches(name, '^.Zo. .\\t$')", "bool true"}, // a dot is a code point
        {"regexp_matches('\xc3\xa4', '\\w')", "bool false"},
        {"regexp_matches('\xc3\xa4', '^\\p{L}$')", "bool true"},
        {"regexp_matches('\xc3\x84', '(?i)\xc3\xa4')", "bool true"},
        {"regexp_matches('\xd9\xa3', '\\d')", "bool false"}, // an Arabic digit
        {"regexp_matches('it''s', 't''s')", "bool true"},
        {"regexp_matches('a\r', 'a$')", "bool false"}, // a line ends in \n only
        {"regexp_matches('a\n', 'a$')", "bool true"},
        {"regexp_extract(country, 'S|U')", "string U"},
        {"regexp_extract(country, 'x')", "string null"},
        {"regexp_extract(country, 'x*')", "string "},
        {"regexp_extract(country, '(x)?S', 1)", "string null"},
        {"regexp_extract(country, '(x?)S', 1)", "string "},
        {"regexp_extract(country, '(U)(S)', 2)", "string S"},
        {"regexp_extract(country, '(U)(S)', 0)", "string US"},
        {"regexp_extract(n_string, 'a')", "string null"},
        {"regexp_extract(name, '\xe2\x82\xac')", "string \xe2\x82\xac"},
        {"regexp_replace('banana', 'an', '<\\0>')", "string b<an><an>a"},
        {"regexp_replace('banana', 'x*', '-')", "string -b-a-n-a-n-a-"},
        {"regexp_replace('baac', 'a*', 'x')", "string xbxxcx"},
        {"regexp_replace('\xc3\xa4\xe2\x82\xac', '', '.')", "string .\xc3\xa4.\xe2\x82\xac."},
        {"regexp_replace('', '', '.')", "string ."},
        {"regexp_replace('', 'a', '.')", "string "},
        {"regexp_replace(country, 'x', 'y')", "string US"},
        {"regexp_replace(country, '(x)?U', '[\\1]')", "string []S"},
        {"regexp_replace('a.b', '\\.', '\\\\')", "string a\\b"},
        {"regexp_replace('aXbX', 'X', '')", "string ab"},
        {"regexp_replace(n_string, 'a', 'b')", "string null"},
        {"regexp_replace('ab', '(?<=a)', '-')", "string a-b"},
        // \K moves the start; one that moves it behind the end is no match.
        {"regexp_replace('ab', 'a\\Kb', '-')", "string a-"},
    };
    CHECK_VALUES(cases);
}

static void searches_that_reach_a_limit_are_null(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        // Length: 8 KiB are searched, one byte more is not.
        {"regexp_matches(replace(replace(replace(replace('xxxxxxxx', 'x', 'yyyyyyyy'), 'y', 'zzzzzzzz'), "
         "'z', "
         "'aaaaaaaa'), 'aa', 'aaaa'), 'b$')",
         "bool false"},
        {"regexp_matches(concat('a', replace(replace(replace(replace('xxxxxxxx', 'x', 'yyyyyyyy'), 'y', "
         "'zzzzzzzz'), 'z', 'aaaaaaaa'), 'aa', 'aaaa')), 'b$')",
         "bool null"},
        // From every place at once: 1,000 places share the steps.
        {"regexp_matches(replace(replace(replace('xxxxxxxxxx', 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz'), 'z', "
         "'a'), "
         "'(?:a|a){17}[bc]')",
         "bool null"},
        // Steps: 2^40 ways to divide the digits.
        {"regexp_matches(concat(replace('xxxxxxxxxxxxxxxxxxxx', 'x', '11'), 'a'), '^(\\d+)*$')", "bool null"},
        {"regexp_extract(concat(replace('xxxxxxxxxxxxxxxxxxxx', 'x', '11'), 'a'), '^(\\d+)*$')",
         "string null"},
        {"regexp_replace(concat(replace('xxxxxxxxxxxxxxxxxxxx', 'x', '11'), 'a'), '^(\\d+)*$', '')",
         "string null"},
        // Depth: each round of the group keeps a choice open.
        {"regexp_matches(replace(replace(replace('xxxxx', 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz'), 'z', "
         "'aaaaaaaaaa'), '^(?:a|b)*$')",
         "bool true"},
        {"regexp_matches(replace(replace(replace(replace('xxxxx', 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz'), "
         "'z', "
         "'aaaaaaaaaa'), 'a', 'aaaaaaaaaa'), '^(?:a|b)*$')",
         "bool null"},
        // Size: 5,000 times 209 bytes fit 1 MiB.
        {"regexp_replace(replace(replace(replace('xxxxx', 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz'), 'z', "
         "'aaaaaaaaaa'), 'a', '0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "012345678901234567890123456789012345678901234567890123456789012345678') is null",
         "bool false"},
        {"regexp_replace(replace(replace(replace('xxxxx', 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz'), 'z', "
         "'aaaaaaaaaa'), 'a', '0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789') is null",
         "bool true"},
    };
    CHECK_VALUES(cases);
}

static bool is_second_and_first(const struct ss_column *output)
{
    return memcmp(output->data + 8 * 4, "1S+U", 4) == 0;
}

static void threads_share_a_pattern(void **state)
{
    (void)state;
    check_in_threads("concat('1', regexp_replace(country, '(U)(S)', '\\2+\\1'))", is_second_and_first);
}

static void calls_with_equal_settings_are_computed_once(void **state)
{
    (void)state;
    struct harness harness;
    struct ss_buffer shown = {0};
    struct ss_program *program =
        build(&harness,
              "regexp_matches(country, 'a') or regexp_matches(country, 'b') or "
              "regexp_matches(country, 'a') or md5_bucket(country, name, 3) = md5_bucket(country, "
              "name, 3) or md5_bucket(country, name, 4) = 1 or regexp_matches('abc', 'b')");
    ss_program_print(program, &shown);
    ss_buffer_byte(&shown, 0);
    const char *const text = (const char *)shown.data;
    int matches = 0, buckets = 0;
    for (const char *at = text; (at = strstr(at, "= regexp_matches")); at++) matches++;
    for (const char *at = text; (at = strstr(at, "= md5_bucket")); at++) buckets++;
    assert_int_equal(matches, 2); // that of 'abc' is a constant
    assert_int_equal(buckets, 2);
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_search_extract_and_replace),
        cmocka_unit_test(searches_that_reach_a_limit_are_null),
        cmocka_unit_test(threads_share_a_pattern),
        cmocka_unit_test(calls_with_equal_settings_are_computed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
