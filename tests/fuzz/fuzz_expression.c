// Expressions over columns of every type: what checks builds a program that holds, runs over a few rows, and
// gives values of its type. In parentheses it is the same expression.
#include "engine/bytecode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_columns.h"
#include "tests/unit/expression_harness.h"

static void check_canonical(const struct ss_node *node, struct ss_bytes text)
{
    struct ss_buffer first = {0}, second = {0}, wrapped = {0};
    ss_expression_canonical(node, &first);
    ss_buffer_text(&wrapped, "(\n");
    ss_buffer_append(&wrapped, text.data, text.size);
    ss_buffer_text(&wrapped, "\n)");
    SS_ASSERT(!first.failed && first.size > 0 && !wrapped.failed);
    struct harness harness;
    harness_start(&harness, (struct ss_bytes){(const char *)wrapped.data, wrapped.size});
    const struct ss_node *again = harness_compile(&harness, &harness_scope);
    // Parentheses may be one too many for the limits of depth and size.
    if (again) {
        ss_expression_canonical(again, &second);
        SS_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    } else {
        SS_ASSERT(harness.diagnostics.count > 0);
    }
    ss_arena_release(&harness.arena);
    ss_buffer_release(&wrapped);
    ss_buffer_release(&second);
    ss_buffer_release(&first);
}

static void run(struct ss_node *node, struct ss_arena *arena)
{
    struct ss_type types[HARNESS_COLUMN_COUNT];
    for (size_t i = 0; i < HARNESS_COLUMN_COUNT; i++) types[i] = harness_columns[i].type;
    const struct ss_program *program = ss_program_build(&node, 1, arena);
    SS_ASSERT(program && ss_program_verify(program, types, HARNESS_COLUMN_COUNT));
    SS_ASSERT(ss_type_equal(ss_program_output_type(program, 0), node->type));
    fuzz_run(program, types, HARNESS_COLUMN_COUNT, arena);
    struct ss_buffer text = {0};
    ss_program_print(program, &text);
    SS_ASSERT(text.size > 0 && !text.failed);
    ss_buffer_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct harness harness;
    harness_start(&harness, (struct ss_bytes){(const char *)data, size});
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    if (node) {
        SS_ASSERT(harness.diagnostics.count == 0);
        check_canonical(node, harness.file.text);
        run(node, &harness.arena);
    } else {
        SS_ASSERT(harness.diagnostics.count > 0);
        struct ss_buffer report = {0};
        for (size_t i = 0; i < harness.diagnostics.count; i++)
            ss_diagnostic_format(&harness.diagnostics, i, &report);
        SS_ASSERT(report.size > 0 && !report.failed);
        ss_buffer_release(&report);
    }
    ss_arena_release(&harness.arena);
    return 0;
}
