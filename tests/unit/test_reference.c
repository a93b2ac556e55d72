// docs/DEFINITIONS.md, "Expressions": every example of the form `f(..)` is RESULT is compiled and run, and
// every function has one.
//
// RESULT is a text in backticks (`'abc'`; of a timestamp its text), a number, true, false or null.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/functions.h"
#include "tests/unit/program_harness.h"

struct example {
    struct ss_bytes text, want;
};

static char *read_reference(void)
{
    FILE *file = fopen("docs/DEFINITIONS.md", "r"); // tests run in the root of the project
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

// The tables of functions.
static struct ss_bytes functions_of(const char *reference)
{
    const char *start = strstr(reference, "\n### Choosing");
    const char *end = strstr(reference, "\n### Aggregates in expressions");
    assert_true(start && end && start < end);
    return (struct ss_bytes){start, (size_t)(end - start)};
}

// The example whose "` is " stands at `is`.
static struct example example_at(const char *start, const char *is)
{
    const char *text = is;
    while (text > start && text[-1] != '`') text--;
    const char *want = is + strlen("` is ");
    const bool is_quoted = *want == '`';
    want += is_quoted;
    const size_t size = is_quoted ? strcspn(want, "`") : strcspn(want, ",; |\n");
    return (struct example){{text, (size_t)(is - text)}, {want, size}};
}

static void show(struct ss_type type, struct ss_value value, struct ss_buffer *shown)
{
    const char *quote = type.id == SS_STRING && value.present ? "'" : "";
    ss_buffer_text(shown, quote);
    if (value.present)
        ss_value_format(type, value, shown);
    else
        ss_buffer_text(shown, "null");
    ss_buffer_text(shown, quote);
    ss_buffer_byte(shown, 0);
}

static void check_example(struct example example)
{
    struct harness harness;
    struct inputs inputs;
    struct ss_column output;
    struct ss_buffer shown = {0};
    harness_start(&harness, example.text);
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    if (!node)
        fail_msg("%.*s: %s", (int)example.text.size, example.text.data, harness.diagnostics.items[0].message);
    struct ss_program *program = ss_program_build(&node, 1, &harness.arena);
    assert_non_null(program);
    fill_inputs(&inputs, 1, &harness.arena);
    assert_int_equal(ss_program_run(program, inputs.pointers, 1, &harness.arena, &output, NULL), SS_OK);
    show(output.type, ss_column_get(&output, 0), &shown);
    if (!ss_bytes_equal(ss_bytes_of((char *)shown.data), example.want))
        fail_msg("%.*s is %s, and the reference says %.*s", (int)example.text.size, example.text.data,
                 (char *)shown.data, (int)example.want.size, example.want.data);
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

static void every_example_gives_what_the_reference_says(void **state)
{
    (void)state;
    char *reference = read_reference();
    const struct ss_bytes functions = functions_of(reference);
    const char *start = functions.data, *end = start + functions.size;
    int count = 0;
    for (const char *is = strstr(start, "` is "); is && is < end; is = strstr(is + 1, "` is ")) {
        const struct example example = example_at(start, is);
        if (!memchr(example.text.data, '(', example.text.size) && strncmp(example.text.data, "case", 4) != 0)
            continue; // prose
        check_example(example);
        count++;
    }
    assert_true(count > 50);
    free(reference);
}

static bool has_example(const char *reference, const char *name)
{
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "%s(", name);
    const struct ss_bytes functions = functions_of(reference);
    const char *start = functions.data, *end = start + functions.size;
    for (const char *is = strstr(start, "` is "); is && is < end; is = strstr(is + 1, "` is ")) {
        const struct example example = example_at(start, is);
        if (strncmp(example.text.data, wanted, strlen(wanted)) == 0) return true;
    }
    return false;
}

static void every_function_has_an_example(void **state)
{
    (void)state;
    char *reference = read_reference();
    size_t count;
    const struct ss_function *functions = ss_function_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (functions[i].written == SS_WRITTEN_CALL && !has_example(reference, functions[i].name))
            fail_msg("docs/DEFINITIONS.md has no example `%s(..)` is ..", functions[i].name);
    }
    free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_gives_what_the_reference_says),
        cmocka_unit_test(every_function_has_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
