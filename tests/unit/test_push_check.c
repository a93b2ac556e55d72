// The door: a text that `parses_as` lets in is one that its cast reads.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/program.h"
#include "materializer/push_check.h"

static const char *const texts[] = {
    "0",
    "-7",
    "7.0",
    "12.50",
    "12.505",
    "1e3",
    "1e400",
    "nan",
    "inf",
    "",
    " 1",
    "+1",
    "true",
    "false",
    "TRUE",
    "2026-01-31",
    "2026-02-30",
    "9223372036854775807",
    "9223372036854775808",
    "2026-01-31T10:00:00Z",
    "2026-01-31 10:00:00.5",
    "0000-01-01",
    "999999999999999999",
    "1000000000000000000",
    "9999999999999999.99",
    "99999999999999999.99",
    "-0",
    "0x10",
    "5e-324",
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static struct ss_definitions *compile(const char *type)
{
    char text[256];
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t error_count;
    snprintf(text, sizeof(text),
             "sources:\n  s: {columns: {at: timestamp, x: string}, event_time: at, expect: {x: {parses_as: "
             "%s}}}\n",
             type);
    const struct ss_file file = {"f.yaml", ss_bytes_of(text)};
    assert_int_equal(ss_definitions_compile(&file, 1, NULL, &definitions, &report, &error_count, NULL),
                     SS_OK);
    return definitions;
}

static bool resolve_x(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)context;
    (void)diagnostics;
    node->kind = SS_NODE_INPUT;
    node->type = (struct ss_type){SS_STRING, 0};
    return true;
}

// The column of the cast of x.
static struct ss_column run_cast(const char *cast, const struct ss_column *x, struct ss_arena *arena)
{
    const struct ss_scope scope = {resolve_x, NULL, NULL, "a test", NULL};
    const struct ss_file file = {"cast", ss_bytes_of(cast)};
    struct ss_diagnostics diagnostics;
    struct ss_column output;
    ss_diagnostics_init(&diagnostics, &file, 1, arena);
    struct ss_node *node = ss_expression_parse(file.text, (struct ss_place){0, 0}, arena, &diagnostics);
    assert_true(node && ss_expression_check(node, &scope, arena, &diagnostics));
    struct ss_program *program = ss_program_build(&node, 1, arena);
    assert_non_null(program);
    assert_int_equal(ss_program_run(program, &x, x->length, arena, &output, NULL), SS_OK);
    return output;
}

static void check_type(const char *type, const char *cast, int want_accepted)
{
    struct ss_arena arena = {0};
    struct ss_definitions *definitions = compile(type);
    const struct ss_source *source = &definitions->sources[0];
    struct ss_column columns[2];
    struct ss_checked checked;
    for (int i = 0; i < 2; i++)
        assert_true(ss_column_init(&columns[i], source->columns[i].type, TEXTS + 1, &arena));
    for (size_t row = 0; row <= TEXTS; row++) { // the last one is null
        struct ss_value text = {0};
        if (row < TEXTS) text = (struct ss_value){.present = true, .text = ss_bytes_of(texts[row])};
        assert_true(ss_column_append(&columns[0], (struct ss_value){.present = true, .i64 = 5}, &arena));
        assert_true(ss_column_append(&columns[1], text, &arena));
    }
    const struct ss_push push = {.source = source, .length = TEXTS + 1, .columns = columns};
    assert_int_equal(ss_check_push(&push, definitions, 1000, true, &arena, &checked, NULL), SS_OK);
    const struct ss_column values = run_cast(cast, &columns[1], &arena);
    for (int32_t row = 0; row < (int32_t)TEXTS; row++) {
        if (checked.refused[row] == ss_bit_get(values.validity, row))
            fail_msg("%s: '%s' is %s and its cast is %s", type, texts[row],
                     checked.refused[row] ? "refused" : "let in", checked.refused[row] ? "there" : "null");
    }
    assert_false(checked.refused[TEXTS]);
    assert_int_equal(checked.accepted, want_accepted);
    assert_string_equal(checked.violations[0].reason, "does not parse as the source expects");
    assert_int_equal(checked.violations[0].column, 1);
    assert_false(checked.violations[0].hard);
    ss_definitions_destroy(definitions);
    ss_arena_release(&arena);
}

static void what_parses_is_let_in_and_its_cast_is_there(void **state)
{
    (void)state;
    check_type("int64", "int64(x)", 7);
    check_type("float64", "float64(x)", 16);
    check_type("decimal(2)", "decimal(x, 2)", 8);
    check_type("timestamp", "timestamp(x)", 4);
    check_type("bool", "bool(x)", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_parses_is_let_in_and_its_cast_is_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
