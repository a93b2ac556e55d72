// What the tables of expressions share: {text, its canonical text or the errors}.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_EXPRESSION_CASES_H
#define SS_TESTS_EXPRESSION_CASES_H

#include "tests/unit/expression_harness.h"

static inline void print_errors(struct harness *harness, struct ss_buffer *shown)
{
    ss_diagnostics_sort(&harness->diagnostics);
    for (size_t i = 0; i < harness->diagnostics.count; i++)
        ss_diagnostic_format(&harness->diagnostics, i, shown);
}

// The canonical text, or the errors.
static inline void check_compiles_to(const char *text, const char *want)
{
    struct harness harness;
    struct ss_buffer shown = {0};
    harness_start(&harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    if (node)
        ss_expression_canonical(node, &shown);
    else
        print_errors(&harness, &shown);
    assert_int_equal(node != NULL, harness.diagnostics.count == 0);
    ss_buffer_byte(&shown, 0);
    if (strcmp((const char *)shown.data, want) != 0)
        print_error("expression: %s\nwant:\n%s\ngot:\n%s\n", text, want, (const char *)shown.data);
    assert_string_equal((const char *)shown.data, want);
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

struct compile_case {
    const char *text, *want;
};

#define CHECK_CASES(cases)                                        \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
    check_compiles_to(cases[i].text, cases[i].want)

#endif
