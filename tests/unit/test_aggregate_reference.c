// docs/DEFINITIONS.md, "Aggregates": every aggregate of the engine's table has an example there
// (tests/program/test_documented_examples.py runs them).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/aggregates.h"
#include "tests/unit/definitions_harness.h"

static bool has_example(const char *from, const char *to, const char *name)
{
    char opening[80];
    snprintf(opening, sizeof opening, "`%s(", name);
    for (const char *at = strstr(from, opening); at && at < to; at = strstr(at + 1, opening)) {
        const char *end = strchr(at + 1, '`');
        if (end && strncmp(end, "` is ", 5) == 0) return true;
    }
    return false;
}

static void every_aggregate_has_an_example(void **state)
{
    (void)state;
    const char *names[SS_AGG_TOTAL];
    size_t size;
    char *text = harness_read_file("docs/DEFINITIONS.md", &size);
    assert_non_null(text);
    const char *from = strstr(text, "\n### Aggregates\n"), *to = strstr(text, "\n## Services\n");
    assert_true(from && to && from < to);
    ss_aggregate_names(names);
    for (int i = 0; i < SS_AGG_TOTAL; i++)
        if (!has_example(from, to, names[i]))
            fail_msg("docs/DEFINITIONS.md has no example `%s(..)` is ..", names[i]);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_aggregate_has_an_example)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
