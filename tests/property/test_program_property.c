// Random typed expressions over random columns: the vectorised result of 1, 7 and 1024 rows equals the slow
// evaluator's, bit for bit. SS_SEED and SS_ROUNDS in the environment choose another seed and a longer run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/program.h"
#include "tests/property/expression_oracle.h"

#define ROOTS 3

struct table {
    int32_t rows;
    struct ss_value *values; // rows * RANDOM_COLUMNS
    struct ss_column columns[RANDOM_COLUMNS];
    const struct ss_column *pointers[RANDOM_COLUMNS];
};

static void make_table(struct random_source *source, int32_t rows, struct table *table)
{
    table->rows = rows;
    table->values = ss_arena_array(source->arena, (size_t)rows * RANDOM_COLUMNS, sizeof(*table->values));
    assert_non_null(table->values);
    for (int column = 0; column < RANDOM_COLUMNS; column++) {
        const struct ss_type type = random_column_type(column);
        assert_true(ss_column_init(&table->columns[column], type, rows, source->arena));
        for (int32_t row = 0; row < rows; row++) {
            const struct ss_value value = random_value(source, type);
            table->values[row * RANDOM_COLUMNS + column] = value;
            assert_true(ss_column_append(&table->columns[column], value, source->arena));
        }
        table->pointers[column] = &table->columns[column];
    }
}

static bool resolve_column(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)context;
    (void)diagnostics;
    node->kind = SS_NODE_INPUT;
    node->input = atoi(node->name + 1);
    node->type = random_column_type(node->input);
    return true;
}

static struct ss_node *compile(const struct tree *tree, struct ss_buffer *text, struct ss_arena *arena)
{
    const struct ss_scope scope = {resolve_column, NULL, NULL, "a property"};
    tree_print(tree, text);
    const struct ss_file file = {"random", {(const char *)text->data, text->size}};
    struct ss_diagnostics diagnostics;
    ss_diagnostics_init(&diagnostics, &file, 1, arena);
    struct ss_node *node = ss_expression_parse(file.text, (struct ss_place){0, 0}, arena, &diagnostics);
    const bool checked = node && ss_expression_check(node, &scope, arena, &diagnostics);
    if (!checked) {
        struct ss_buffer shown = {0};
        ss_diagnostic_format(&diagnostics, 0, &shown);
        fail_msg("%.*s", (int)shown.size, (const char *)shown.data);
    }
    assert_true(ss_type_equal(node->type, tree->type));
    return node;
}

static bool is_canonical(struct ss_type type, struct ss_value value)
{
    if (!value.present || type.id != SS_FLOAT64) return true;
    return isfinite(value.f64) && !(value.f64 == 0 && signbit(value.f64));
}

static void check_row(const struct tree *tree, const struct ss_buffer *text, const struct table *table,
                      int32_t row, const struct ss_column *output, struct ss_arena *arena)
{
    const struct ss_value *values = &table->values[row * RANDOM_COLUMNS];
    const struct ss_value want = oracle_evaluate(tree, values, arena);
    const struct ss_value got = ss_column_get(output, row);
    if (ss_value_equal(tree->type, want, got) && is_canonical(tree->type, got)) return;
    struct ss_buffer shown = {0};
    ss_buffer_format(&shown, "row %d of %d of %.*s\nwant: ", row, table->rows, (int)text->size,
                     (char *)text->data);
    ss_value_format(tree->type, want, &shown);
    ss_buffer_text(&shown, "\ngot: ");
    ss_value_format(tree->type, got, &shown);
    for (int column = 0; column < RANDOM_COLUMNS; column++) {
        ss_buffer_format(&shown, "\nc%d: ", column);
        if (values[column].present) ss_value_format(random_column_type(column), values[column], &shown);
    }
    fail_msg("%.*s", (int)shown.size, (const char *)shown.data);
}

// Every step-th row.
static void check_table(const struct ss_program *program, struct tree *const *trees,
                        const struct ss_buffer *texts, const struct table *table, int32_t step,
                        struct random_source *source)
{
    struct ss_column outputs[ROOTS];
    assert_int_equal(ss_program_run(program, table->pointers, table->rows, source->arena, outputs, NULL),
                     SS_OK);
    for (int root = 0; root < ROOTS; root++) {
        assert_int_equal(outputs[root].length, table->rows);
        for (int32_t row = 0; row < table->rows; row += step)
            check_row(trees[root], &texts[root], table, row, &outputs[root], source->arena);
    }
}

static void run_round(struct random_source *source, int round)
{
    static const int32_t row_counts[] = {1, 7, SS_BATCH_ROWS};
    struct tree *trees[ROOTS];
    struct ss_node *nodes[ROOTS];
    struct ss_buffer texts[ROOTS] = {{0}};
    for (int root = 0; root < ROOTS; root++) {
        const enum ss_type_id id = (enum ss_type_id)(random_bits(source) % 6);
        trees[root] = random_tree(source, id, 1 + (int)(random_bits(source) % 4));
        nodes[root] = compile(trees[root], &texts[root], source->arena);
    }
    struct ss_program *program = ss_program_build(nodes, ROOTS, source->arena);
    assert_non_null(program);
    for (int size = 0; size < 3; size++) {
        struct table table;
        make_table(source, row_counts[size], &table);
        check_table(program, trees, texts, &table, size < 2 || round % 16 == 0 ? 1 : 37, source);
    }
    for (int root = 0; root < ROOTS; root++) ss_buffer_release(&texts[root]);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void programs_equal_the_slow_evaluator_in_batches_of_any_size(void **state)
{
    (void)state;
    const uint64_t seed = from_environment("SS_SEED", 20260131);
#ifdef __SANITIZE_ADDRESS__
    const uint64_t rounds = from_environment("SS_ROUNDS", 150);
#else
    const uint64_t rounds = from_environment("SS_ROUNDS", 600);
#endif
    print_message("seed %llu, %llu rounds\n", (unsigned long long)seed, (unsigned long long)rounds);
    struct ss_arena arena = {0};
    struct random_source source = {seed, &arena};
    for (uint64_t round = 0; round < rounds; round++) {
        run_round(&source, (int)round);
        ss_arena_reset(&arena);
    }
    ss_arena_release(&arena);
}

// A double in [low, high) of which all bits are random.
static double uniform(struct random_source *source, double low, double high)
{
    return low + (high - low) * ((double)(random_bits(source) >> 11) * 0x1p-53);
}

// c4 and c5 such that exp, exp2, log1p, pow, atan2 and the like meet the subnormals, the limits and ordinary
// numbers.
static void fill_doubles(struct random_source *source, int32_t row, double *x, double *y)
{
    switch (row % 4) {
    case 0:
        *x = uniform(source, -709.2, -708.3);
        break; // exp: the greatest subnormals, where rounding twice shows
    case 1: *x = row % 8 == 1 ? uniform(source, -746.0, 710.0) : uniform(source, -1080.0, -1000.0); break;
    case 2: *x = uniform(source, 0.0, 4.0); break;
    default: *x = uniform(source, 0.0, 1.0) * 0x1p-1021; break;
    }
    *y = row % 4 == 2 ? uniform(source, -1024, -1020) / log2(*x) : (double)(random_bits(source) % 9) - 4;
    if (row % 4 == 2 && row % 8 == 2) *y = uniform(source, -3, 3);
}

static void functions_of_mpfr_are_rounded_once_in_subnormals_too(void **state)
{
    (void)state;
    const uint64_t seed = from_environment("SS_SEED", 20260131);
    print_message("seed %llu\n", (unsigned long long)seed);
    struct ss_arena arena = {0};
    struct random_source source = {seed, &arena};
    struct tree columns[2] = {{.op = TREE_COLUMN, .type = {SS_FLOAT64, 0}, .column = 4},
                              {.op = TREE_COLUMN, .type = {SS_FLOAT64, 0}, .column = 5}};
    struct table table;
    make_table(&source, SS_BATCH_ROWS, &table);
    for (int32_t row = 0; row < SS_BATCH_ROWS; row++) {
        struct ss_value *values = &table.values[row * RANDOM_COLUMNS];
        values[4] = values[5] = (struct ss_value){.present = true};
        fill_doubles(&source, row, &values[4].f64, &values[5].f64);
        for (int column = 4; column < 6; column++) {
            ss_bit_set(table.columns[column].validity, row, true);
            table.columns[column].f64[row] = values[column].f64;
        }
    }
    for (enum tree_op op = TREE_SQRT; op <= TREE_HYPOT; op++) {
        struct tree tree = {.op = op,
                            .type = {SS_FLOAT64, 0},
                            .count = op >= TREE_POW ? 2 : 1,
                            .kids = {&columns[0], &columns[1]}};
        struct ss_buffer text = {0};
        struct ss_column output;
        struct ss_node *node = compile(&tree, &text, &arena);
        struct ss_program *program = ss_program_build(&node, 1, &arena);
        assert_non_null(program);
        assert_int_equal(ss_program_run(program, table.pointers, table.rows, &arena, &output, NULL), SS_OK);
        for (int32_t row = 0; row < table.rows; row++) check_row(&tree, &text, &table, row, &output, &arena);
        ss_buffer_release(&text);
    }
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_equal_the_slow_evaluator_in_batches_of_any_size),
        cmocka_unit_test(functions_of_mpfr_are_rounded_once_in_subnormals_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
