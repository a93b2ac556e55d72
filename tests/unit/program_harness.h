// What the tests of programs share: text -> program, run on one fixed row, in batches of one and of nine.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_PROGRAM_HARNESS_H
#define SS_TESTS_PROGRAM_HARNESS_H

#include <pthread.h>

#include "engine/program.h"
#include "tests/unit/expression_harness.h"

// The row that every case sees; a name that starts with n_ is null.
static inline struct ss_value row_value(size_t column)
{
    static const struct {
        const char *name;
        struct ss_value value;
    } values[] = {
        {"yes", {.present = true, .boolean = true}},
        {"no", {.present = true, .boolean = false}},
        {"i", {.present = true, .i64 = 7}},
        {"j", {.present = true, .i64 = -3}},
        {"f", {.present = true, .f64 = 2.5}},
        {"g", {.present = true, .f64 = -0.1}},
        {"amount", {.present = true, .i64 = 1250}},
        {"rate", {.present = true, .i64 = -12345}},
        {"country", {.present = true, .text = {"US", 2}}},
        {"name", {.present = true, .text = {" Zo\xc3\xab \xe2\x82\xac\t", 10}}},
        {"paid_at", {.present = true, .i64 = 1000000}},
        {"t", {.present = true, .i64 = 61000000}},
        {"request.amount", {.present = true, .i64 = 250}},
        {"raw", {.present = true, .text = {"\x00\xff\x10", 3}}},
        {"tags", {.present = true, .text = {"\1\1a\0\1\2zz", 8}}}, // ["a", null, "zz"]
        {"counts", {.present = true, .text = {"\1\7\0\0\0\0\0\0\0\0\1\7\0\0\0\0\0\0\0", 19}}}, // [7, null, 7]
        {"prices", {.present = true, .text = {"\1\xe2\4\0\0\0\0\0\0", 9}}},                    // [12.50]
        {"scores", {.present = true, .text = {"\1\0\0\0\0\0\0\4\x40", 9}}},                    // [2.5]
        {"flags", {.present = true, .text = {"\1\0\0\1\1", 5}}},                    // [false, null, true]
        {"v", {.present = true, .text = {"\0\0\x80\x3f\0\0\0\x40\0\0\0\x40", 12}}}, // [1, 2, 2]
        {"w", {.present = true, .text = {"\0\0\x80\xbf\0\0\0\x3f\0\0\0\0", 12}}},   // [-1, 0.5, 0]
        {"zero", {.present = true, .text = {"\0\0\0\0\0\0\0\0\0\0\0\0", 12}}},
        {"pair", {.present = true, .text = {"\1\0\0\0\0\0\0\0", 8}}}, // the least float32, 0
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strcmp(values[i].name, harness_columns[column].name) == 0) return values[i].value;
    }
    return (struct ss_value){0};
}

struct inputs {
    struct ss_column columns[HARNESS_COLUMN_COUNT];
    const struct ss_column *pointers[HARNESS_COLUMN_COUNT];
};

static inline void fill_inputs(struct inputs *inputs, int32_t rows, struct ss_arena *arena)
{
    for (size_t i = 0; i < HARNESS_COLUMN_COUNT; i++) {
        assert_true(ss_column_init(&inputs->columns[i], harness_columns[i].type, rows ? rows : 1, arena));
        for (int32_t row = 0; row < rows; row++)
            assert_true(ss_column_append(&inputs->columns[i], row_value(i), arena));
        inputs->pointers[i] = &inputs->columns[i];
    }
}

// "int64 5" or "float64 null".
static inline void show_value(const struct ss_column *column, int32_t row, struct ss_buffer *shown)
{
    char type[SS_TYPE_TEXT_SIZE];
    const struct ss_value value = ss_column_get(column, row);
    ss_buffer_clear(shown);
    ss_buffer_format(shown, "%s ", ss_type_format(column->type, type));
    if (value.present)
        ss_value_format(column->type, value, shown);
    else
        ss_buffer_text(shown, "null");
    ss_buffer_byte(shown, 0);
}

static inline struct ss_program *build(struct harness *harness, const char *text)
{
    harness_start(harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(harness, &harness_scope);
    if (!node) print_error("%s: %s\n", text, harness->diagnostics.items[0].message);
    assert_non_null(node);
    struct ss_program *program = ss_program_build(&node, 1, &harness->arena);
    assert_non_null(program);
    return program;
}

static inline void check_value(const char *text, const char *want)
{
    struct harness harness;
    struct ss_program *program = build(&harness, text);
    static const int32_t row_counts[] = {1, 9};
    struct ss_buffer shown = {0};
    for (size_t i = 0; i < 2; i++) {
        struct inputs inputs;
        struct ss_column output;
        fill_inputs(&inputs, row_counts[i], &harness.arena);
        assert_int_equal(
            ss_program_run(program, inputs.pointers, row_counts[i], &harness.arena, &output, NULL), SS_OK);
        assert_int_equal(output.length, row_counts[i]);
        for (int32_t row = 0; row < row_counts[i]; row++) {
            show_value(&output, row, &shown);
            if (strcmp((const char *)shown.data, want) != 0)
                print_error("%s: want %s, got %s\n", text, want, (const char *)shown.data);
            assert_string_equal((const char *)shown.data, want);
        }
    }
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

struct thread_run {
    const struct ss_program *program;
    const struct inputs *inputs;
    bool (*is_right)(const struct ss_column *output);
    int wrong;
};

static inline void *run_many_times(void *context)
{
    struct thread_run *run = context;
    struct ss_arena arena = {0};
    for (int round = 0; round < 300; round++) {
        struct ss_column output;
        ss_arena_reset(&arena);
        const enum ss_status status =
            ss_program_run(run->program, run->inputs->pointers, 9, &arena, &output, NULL);
        run->wrong += status != SS_OK || !run->is_right(&output);
    }
    ss_arena_release(&arena);
    return NULL;
}

// Four threads run one program of the text, over nine rows.
static inline void check_in_threads(const char *text, bool (*is_right)(const struct ss_column *output))
{
    struct harness harness;
    struct inputs inputs;
    struct ss_program *program = build(&harness, text);
    fill_inputs(&inputs, 9, &harness.arena);
    pthread_t threads[4];
    struct thread_run runs[4];
    for (int i = 0; i < 4; i++) {
        runs[i] = (struct thread_run){program, &inputs, is_right, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run_many_times, &runs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(runs[i].wrong, 0);
    }
    ss_arena_release(&harness.arena);
}

struct value_case {
    const char *text, *want;
};

#define CHECK_VALUES(cases) \
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) check_value(cases[k].text, cases[k].want)

#endif
