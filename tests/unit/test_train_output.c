// Output of training tables: how cells are laid out in both formats, and that a table is there whole or not
// at all.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/train_output.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#define FEATURES 9

static const struct ss_service_feature features[FEATURES] = {
    {.name = "flag", .type = {SS_BOOL, 0}},
    {.name = "count", .type = {SS_INT64, 0}},
    {.name = "ratio", .type = {SS_FLOAT64, 0}},
    {.name = "price", .type = {SS_DECIMAL, 2}},
    {.name = "note", .type = {SS_STRING, 0}},
    {.name = "seen", .type = {SS_TIMESTAMP, 0}},
    {.name = "raw", .type = {SS_BYTES}},
    {.name = "words", .type = {.id = SS_LIST, .element = SS_STRING}},
    {.name = "place", .type = {.id = SS_VECTOR, .length = 2}},
};
static const struct ss_service service = {.name = "shop", .feature_count = FEATURES, .features = features};
static const struct ss_table_column spine_columns[] = {{"id", "INTEGER"}, {"the label", "TEXT"}};

static char root[PATH_BYTES], csv[PATH_BYTES + 16], table[PATH_BYTES + 16];

static int make_root(void **state)
{
    (void)state;
    make_test_directory(root);
    snprintf(csv, sizeof csv, "%s/out.csv", root);
    snprintf(table, sizeof table, "%s/out.db:rows", root);
    return 0;
}

static int drop_root(void **state)
{
    (void)state;
    remove_test_directory(root);
    return 0;
}

// Two rows: one of values, one of nulls for each reason.
static void make_answer(struct ss_arena *arena, struct ss_answer *answer)
{
    const struct ss_value values[FEATURES] = {{.present = true, .boolean = true},
                                              {.present = true, .i64 = -7},
                                              {.present = true, .f64 = 1e16},
                                              {.present = true, .i64 = -5},
                                              {.present = true, .text = ss_bytes_of("a \"b\", c")},
                                              {.present = true, .i64 = 1500000},
                                              {.present = true, .text = {"\0\xff", 2}},
                                              {.present = true, .text = {"\1\1\"\0", 4}},
                                              {.present = true, .text = {"\0\0\x80\x3f\0\0\0\xc0", 8}}};
    *answer = (struct ss_answer){.length = 2,
                                 .columns = ss_arena_array(arena, FEATURES, sizeof *answer->columns),
                                 .statuses = ss_arena_array(arena, FEATURES, sizeof *answer->statuses)};
    assert_non_null(answer->columns);
    assert_non_null(answer->statuses);
    for (int f = 0; f < FEATURES; f++) {
        answer->statuses[f] = ss_arena_alloc(arena, 2);
        assert_non_null(answer->statuses[f]);
        answer->statuses[f][1] = (uint8_t)(1 + f % 3);
        assert_true(ss_column_init(&answer->columns[f], features[f].type, 2, arena));
        assert_true(ss_column_append(&answer->columns[f], values[f], arena));
        assert_true(ss_column_append(&answer->columns[f], (struct ss_value){0}, arena));
    }
}

static const struct ss_cell spine_rows[2][2] = {
    {{SS_CELL_KIND_INTEGER, .integer = 1}, {SS_CELL_KIND_TEXT, .text = {"", 0}}},
    {{SS_CELL_KIND_REAL, .real = 0.5}, {.kind = SS_CELL_KIND_NULL}},
};

static enum ss_status write_rows(const char *place, bool with_status, bool finish,
                                 const struct ss_answer *answer, struct ss_sha256 *digest,
                                 struct ss_error *error)
{
    const struct ss_train_layout layout = {place, spine_columns, 2, &service, with_status, digest != NULL};
    struct ss_train_output *output = NULL;
    struct ss_manifest manifest = {.service = "shop",
                                   .spine = "spine.csv",
                                   .time_column = "at",
                                   .time_unit = "",
                                   .maps = "",
                                   .mode = "as-known",
                                   .version = "0.1.0"};
    static const int64_t t_us[] = {10, 11};
    const struct ss_train_rows rows = {
        .spine_cells = &spine_rows[0][0], .answer = answer, .t_us = t_us, .s = 99};
    enum ss_status status = ss_train_output_open(&layout, 1, &output, error);
    if (status == SS_OK) status = ss_train_output_rows(output, 0, &rows, error);
    if (status == SS_OK) status = ss_train_output_end_block(output, 0, 0, error);
    if (status == SS_OK && finish) {
        status = ss_train_output_finish(output, &manifest, error);
        if (status == SS_OK && manifest.row_count != 2) status = SS_INVALID;
        if (digest) *digest = manifest.digest;
    }
    ss_train_output_close(output);
    return status;
}

static const char *read_file(const char *path)
{
    static char text[4096];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static size_t file_count(void)
{
    char pattern[PATH_BYTES + 8];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*", root);
    const size_t count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

static void csv_is_laid_out_as_the_command_line_says(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_error error;
    (void)state;
    make_answer(&arena, &answer);
    assert_ok(write_rows(csv, false, true, &answer, NULL, &error));
    assert_string_equal(read_file(csv),
                        "id,the label,flag,count,ratio,price,note,seen,raw,words,place\n"
                        "1,\"\",true,-7,1e+16,-0.05,\"a \"\"b\"\", c\",1970-01-01T00:00:01.5Z,AP8=,"
                        "\"[\"\"\\\"\"\"\",null]\",\"[1.0,-2.0]\"\n"
                        "0.5,,,,,,,,,,\n");
    assert_ok(write_rows(csv, true, true, &answer, NULL, &error));
    assert_non_null(strstr(read_file(csv), "id,the label,flag,flag__status,count,count__status,"));
    assert_non_null(
        strstr(read_file(csv),
               "\n0.5,,,null,,not_found,,expired,,null,,not_found,,expired,,null,,not_found,,expired\n"));
    assert_int_equal(file_count(), 1);
    ss_arena_release(&arena);
}

static void sqlite_holds_the_same_with_the_read_point(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_error error;
    struct ss_table_reader *reader = NULL;
    const struct ss_table_column *columns;
    bool has_row;
    (void)state;
    make_answer(&arena, &answer);
    assert_ok(write_rows(table, false, true, &answer, NULL, &error));
    assert_ok(ss_table_reader_open(table, &reader, &error));
    assert_int_equal(ss_table_reader_columns(reader, &columns), 2 + FEATURES + 2);
    const char *const types[] = {"INTEGER", "TEXT", "INTEGER", "INTEGER", "REAL",    "TEXT",   "TEXT",
                                 "TEXT",    "BLOB", "TEXT",    "TEXT",    "INTEGER", "INTEGER"};
    for (size_t i = 0; i < 13; i++) assert_string_equal(columns[i].type, types[i]);
    assert_string_equal(columns[11].name, "_t");
    assert_string_equal(columns[12].name, "_s");
    assert_ok(ss_table_reader_next(reader, &has_row, &error));
    assert_int_equal(ss_table_reader_cell(reader, 2).integer, 1);
    assert_true(ss_table_reader_cell(reader, 4).real == 1e16);
    assert_memory_equal(ss_table_reader_cell(reader, 5).text.data, "-0.05", 5);
    const struct ss_cell raw = ss_table_reader_cell(reader, 8);
    assert_true(raw.kind == SS_CELL_KIND_BLOB && raw.text.size == 2);
    assert_memory_equal(raw.text.data, "\0\xff", 2);
    assert_memory_equal(ss_table_reader_cell(reader, 9).text.data, "[\"\\\"\",null]", 11);
    assert_memory_equal(ss_table_reader_cell(reader, 10).text.data, "[1.0,-2.0]", 10);
    assert_int_equal(ss_table_reader_cell(reader, 11).integer, 10);
    assert_int_equal(ss_table_reader_cell(reader, 12).integer, 99);
    ss_table_reader_close(reader);
    ss_arena_release(&arena);
}

static void both_formats_have_one_digest_with_or_without_status(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_sha256 digests[4];
    struct ss_error error;
    (void)state;
    make_answer(&arena, &answer);
    for (int i = 0; i < 3; i++)
        assert_ok(write_rows(i == 1 ? table : csv, i == 2, true, &answer, &digests[i], &error));
    assert_memory_equal(&digests[0], &digests[1], sizeof digests[0]);
    assert_memory_equal(&digests[0], &digests[2], sizeof digests[0]);
    answer.statuses[0][1] = SS_CELL_EXPIRED;
    assert_ok(write_rows(csv, false, true, &answer, &digests[3], &error));
    assert_memory_not_equal(&digests[0], &digests[3], sizeof digests[0]);
    ss_arena_release(&arena);
}

static void a_csv_file_without_a_digest_has_the_same_bytes(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_sha256 digest;
    struct ss_error error;
    char with[4096];
    (void)state;
    make_answer(&arena, &answer);
    assert_ok(write_rows(csv, true, true, &answer, &digest, &error));
    strcpy(with, read_file(csv));
    assert_ok(write_rows(csv, true, true, &answer, NULL, &error));
    assert_string_equal(read_file(csv), with);
    ss_arena_release(&arena);
}

static void what_is_not_finished_leaves_what_was_there(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_error error;
    (void)state;
    make_answer(&arena, &answer);
    assert_ok(write_rows(csv, false, false, &answer, NULL, &error));
    assert_ok(write_rows(table, false, false, &answer, NULL, &error));
    assert_int_equal(file_count(), 0);
    FILE *file = fopen(csv, "w");
    fputs("theirs", file);
    fclose(file);
    assert_ok(write_rows(csv, false, false, &answer, NULL, &error));
    assert_string_equal(read_file(csv), "theirs");
    assert_int_equal(file_count(), 1);
    ss_arena_release(&arena);
}

static void names_that_meet_are_an_error_before_anything_is_made(void **state)
{
    static const struct {
        const char *column, *place, *want;
    } cases[] = {{"Price", csv,
                  "service 'shop': its feature or column 'price' has the name of column 'Price' of the spine "
                  "or output (case does not count); rename the spine's column"},
                 {"price__STATUS", csv,
                  "service 'shop': its feature or column 'price__status' has the name of column "
                  "'price__STATUS' of the spine or output (case does not count); rename the spine's "
                  "column"},
                 {"_T", table,
                  "service 'shop': its feature or column '_t' has the name of column '_T' of the spine or "
                  "output (case does not count); rename the spine's column"}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct ss_table_column columns[] = {{cases[i].column, "TEXT"}};
        const struct ss_train_layout layout = {cases[i].place, columns, 1, &service, true};
        struct ss_train_output *output = NULL;
        struct ss_error error;
        assert_int_equal(ss_train_output_open(&layout, 1, &output, &error), SS_INVALID);
        assert_string_equal(error.message, cases[i].want);
        assert_int_equal(file_count(), 0);
    }
}

static void a_place_that_is_no_plain_file_is_refused(void **state)
{
    const struct ss_train_layout layout = {"/dev/null", spine_columns, 2, &service, false};
    struct ss_train_output *output = NULL;
    struct ss_error error;
    (void)state;
    assert_int_equal(ss_train_output_open(&layout, 1, &output, &error), SS_INVALID);
    assert_string_equal(error.message,
                        "output '/dev/null': it is there and is no plain file; name another one");
}

static void every_failed_allocation_ends_as_an_error(void **state)
{
    struct ss_arena arena = {0};
    struct ss_answer answer;
    struct ss_error error;
    (void)state;
    make_answer(&arena, &answer);
    for (long k = 1;; k++) {
        ss_fail_allocation_at(k);
        enum ss_status status = write_rows(csv, true, true, &answer, NULL, &error);
        if (status == SS_OK) status = write_rows(table, true, true, &answer, NULL, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (swept) break;
        assert_int_equal(status, SS_OUT_OF_MEMORY);
    }
    assert_int_equal(file_count(), 2);
    ss_arena_release(&arena);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_root, drop_root)
    const struct CMUnitTest tests[] = {
        TEST(csv_is_laid_out_as_the_command_line_says),
        TEST(sqlite_holds_the_same_with_the_read_point),
        TEST(both_formats_have_one_digest_with_or_without_status),
        TEST(a_csv_file_without_a_digest_has_the_same_bytes),
        TEST(what_is_not_finished_leaves_what_was_there),
        TEST(names_that_meet_are_an_error_before_anything_is_made),
        TEST(a_place_that_is_no_plain_file_is_refused),
        TEST(every_failed_allocation_ends_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
