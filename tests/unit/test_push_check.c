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
#include "tests/unit/materializer_fixture.h"

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
    snprintf(text, sizeof(text),
             "sources:\n  s: {columns: {at: timestamp, x: string}, event_time: at, expect: {x: {parses_as: "
             "%s}}}\n",
             type);
    return compile_definitions(text);
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

// ---- By columns and row by row

static uint64_t random_state;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % bound;
}

static const char doors[] =
    "entities:\n"
    "  a: {user: string, shop: int64}\n"
    "  b: {user: string, tag: bytes}\n"
    "sources:\n"
    "  s:\n"
    "    columns: {id: string, user: string, shop: int64, tag: bytes, x: float64, d: decimal(2), b: bool,\n"
    "              at: timestamp, came: timestamp, op: string}\n"
    "    event_time: at\n"
    "%s"
    "    expect: {x: {between: [-1.5, 1.5], not_null: true}, d: {between: [0, 5], in: [1, 2, 3, 7]},\n"
    "             shop: {between: [1, 5]}, user: {between: [b, y]}, b: {not_null: true}}\n"
    "    on_violation: %s\n"
    "views:\n"
    "  va: {entity: a, source: s, features: {n: count() over 1h}}\n"
    "  vb: {entity: b, source: s, features: {n: count() over 1h}}\n";

static struct ss_definitions *compile_door(const char *settings, const char *on_violation)
{
    char text[2048];
    snprintf(text, sizeof text, doors, settings, on_violation);
    return compile_definitions(text);
}

static struct ss_value random_cell(const struct ss_source_column *column, char text[500])
{
    struct ss_value value = {.present = random_below(60) > 0};
    if (!value.present) return value;
    if (column->type.id == SS_FLOAT64) value.f64 = random_below(40) ? 0.5 : random_below(7) - 3.0;
    if (column->type.id == SS_INT64) value.i64 = random_below(40) ? 3 : (int)random_below(9) - 2;
    if (column->type.id == SS_DECIMAL) value.i64 = random_below(40) ? 200 : (int)random_below(900);
    if (column->type.id == SS_TIMESTAMP) value.i64 = random_below(40) ? 5000 : random_below(10000000);
    if (column->type.id == SS_BOOL) value.boolean = random_below(2);
    if (!ss_type_is_text(column->type)) return value;
    const size_t size = random_below(60) ? 1 + random_below(9) : random_below(499);
    memset(text, random_below(60) ? 'k' : random_below(2) ? 'a' : 'z', size);
    if (column->type.id == SS_BYTES && random_below(30) == 0) memset(text, 0, size);
    value.text = (struct ss_bytes){text, size};
    if (strcmp(column->name, "op") == 0)
        value.text = ss_bytes_of(random_below(30) ? "insert" : random_below(3) ? "delete" : "upsert");
    return value;
}

static struct ss_column *random_columns(const struct ss_source *source, int32_t length,
                                        struct ss_arena *arena)
{
    struct ss_column *columns = ss_arena_array(arena, source->column_count, sizeof *columns);
    char text[500];
    for (size_t i = 0; i < source->column_count; i++) {
        assert_true(ss_column_init(&columns[i], source->columns[i].type, length, arena));
        for (int32_t row = 0; row < length; row++)
            assert_true(ss_column_append(&columns[i], random_cell(&source->columns[i], text), arena));
    }
    return columns;
}

static void expect_same_checks(const struct ss_checked *a, const struct ss_checked *b, int32_t length)
{
    assert_int_equal(a->accepted, b->accepted);
    assert_int_equal(a->arrival_time, b->arrival_time);
    assert_int_equal(a->violation_count, b->violation_count);
    for (size_t i = 0; i < a->violation_count; i++) {
        assert_int_equal(a->violations[i].row, b->violations[i].row);
        assert_int_equal(a->violations[i].column, b->violations[i].column);
        assert_string_equal(a->violations[i].reason, b->violations[i].reason);
        assert_int_equal(a->violations[i].hard, b->violations[i].hard);
    }
    for (int32_t row = 0; row < length; row++) {
        assert_int_equal(a->refused[row], b->refused[row]);
        if (a->refused[row]) continue;
        assert_int_equal(a->event_time_us[row], b->event_time_us[row]);
        assert_int_equal(a->arrival_us[row], b->arrival_us[row]);
        assert_int_equal(a->is_delete[row], b->is_delete[row]);
        assert_int_equal(a->arrives_live[row], b->arrives_live[row]);
    }
}

static void whole_columns_and_single_rows_give_the_same_answers(void **state)
{
    static const char *const settings[] = {"", "    event_id: id\n    op: op\n", "    arrival: came\n",
                                           "    event_id: id\n    arrival: event_time + 2s\n"};
    static const char *const on_violation[] = {"quarantine", "warn", "reject"};
    int32_t accepted = 0, refused = 0;
    (void)state;
    random_state = 20270304;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int round = 0; round < 400; round++) {
        struct ss_arena arena = {0};
        struct ss_checked by_columns, by_rows;
        struct ss_definitions *definitions =
            compile_door(settings[random_below(4)], on_violation[random_below(3)]);
        const int32_t length = (int32_t)random_below(200);
        const struct ss_push push = {.source = &definitions->sources[0],
                                     .length = length,
                                     .columns = random_columns(&definitions->sources[0], length, &arena),
                                     .live = random_below(3) == 0};
        const int64_t clock_us = random_below(2) ? 6000 : 3000000;
        const bool is_wall = random_below(2);
        assert_int_equal(ss_check_push(&push, definitions, clock_us, is_wall, &arena, &by_columns, NULL),
                         SS_OK);
        assert_int_equal(
            ss_check_push_row_by_row(&push, definitions, clock_us, is_wall, &arena, &by_rows, NULL), SS_OK);
        expect_same_checks(&by_columns, &by_rows, length);
        accepted += by_rows.accepted;
        refused += length - by_rows.accepted;
        ss_definitions_destroy(definitions);
        ss_arena_release(&arena);
    }
    assert_true(accepted > 2000 && refused > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_parses_is_let_in_and_its_cast_is_there),
        cmocka_unit_test(whole_columns_and_single_rows_give_the_same_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
