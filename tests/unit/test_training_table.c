// Training tables: what is read, what is written, what is refused.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/training_table.h"
#include "tests/unit/allocation_sweep.h"

static char path[64];
static char place[128];

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/selfsame-table-XXXXXX");
    const int file = mkstemp(path);
    if (file < 0) return -1;
    close(file);
    unlink(path);
    snprintf(place, sizeof place, "%s:rows", path);
    return 0;
}

static int drop_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

// The first column of the first row as text; "" when there is no row or it is null.
static const char *query(const char *sql)
{
    static char text[4096];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    text[0] = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
        snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return text;
}

static const struct ss_table_column columns[] = {{"user id", "TEXT"}, {"spend", "REAL"}, {"_s", "INTEGER"}};

static struct ss_manifest a_manifest(void)
{
    static const struct ss_named_text files[] = {{"a.yaml", {"views: 'x'\n", 11}}, {"b.yaml", {"{}", 2}}};
    static const struct ss_named_text views[] = {{"spend", {"ab12", 4}}};
    return (struct ss_manifest){.service = "fraud",
                                .files = files,
                                .file_count = 2,
                                .views = views,
                                .view_count = 1,
                                .spine = "labels.csv",
                                .time_column = "at",
                                .time_unit = "ms",
                                .maps = "user=who",
                                .mode = "as-known",
                                .newest_seq = 17,
                                .row_count = 1,
                                .version = "0.1.0",
                                .read_at_us = 1500000};
}

static enum ss_status write_table(const char *user, bool finish, struct ss_error *error)
{
    struct ss_table_writer *writer = NULL;
    const struct ss_manifest manifest = a_manifest();
    const struct ss_cell cells[] = {{SS_CELL_KIND_TEXT, .text = ss_bytes_of(user)},
                                    {SS_CELL_KIND_REAL, .real = 0.1},
                                    {SS_CELL_KIND_INTEGER, .integer = 17}};
    enum ss_status status = ss_table_writer_open(place, columns, 3, &writer, error);
    if (status == SS_OK) status = ss_table_writer_rows(writer, cells, 1, error);
    if (status == SS_OK && finish) status = ss_table_writer_finish(writer, &manifest, error);
    ss_table_writer_close(writer);
    return status;
}

static void a_place_is_a_file_and_a_table(void **state)
{
    struct ss_table_place parsed;
    (void)state;
    assert_true(ss_table_place_parse("dir:x/file.db:table", &parsed));
    assert_int_equal(parsed.path.size, strlen("dir:x/file.db"));
    assert_string_equal(parsed.table.data, "table");
    assert_false(ss_table_place_parse("file.csv", &parsed));
    assert_false(ss_table_place_parse("dir:x/file.csv", &parsed));
    assert_false(ss_table_place_parse("file.db:", &parsed));
    assert_false(ss_table_place_parse(":table", &parsed));
}

static void every_column_comes_in_rowid_order_with_its_kind(void **state)
{
    struct ss_table_reader *reader = NULL;
    const struct ss_table_column *found;
    bool has_row;
    struct ss_error error;
    (void)state;
    run_sql(
        "CREATE TABLE rows(b TEXT, a INTEGER, rowid REAL, c VARCHAR(3), d);"
        "INSERT INTO rows(_rowid_, b, a, rowid, c, d) VALUES (9, 'second', NULL, 1.5, '', x'00ff');"
        "INSERT INTO rows(_rowid_, b, a, rowid, c, d) VALUES (2, 'first', 7, 2.5, 'xyz', 3);");
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_OK);
    assert_int_equal(ss_table_reader_columns(reader, &found), 5);
    assert_string_equal(found[0].name, "b");
    assert_string_equal(found[3].type, "VARCHAR(3)");
    assert_string_equal(found[4].type, "");
    assert_int_equal(ss_table_reader_next(reader, &has_row, &error), SS_OK);
    assert_true(has_row);
    assert_memory_equal(ss_table_reader_cell(reader, 0).text.data, "first", 5);
    assert_int_equal(ss_table_reader_cell(reader, 1).integer, 7);
    assert_true(ss_table_reader_cell(reader, 2).real == 2.5);
    assert_int_equal(ss_table_reader_cell(reader, 4).kind, SS_CELL_KIND_INTEGER);
    assert_int_equal(ss_table_reader_next(reader, &has_row, &error), SS_OK);
    assert_int_equal(ss_table_reader_cell(reader, 1).kind, SS_CELL_KIND_NULL);
    assert_int_equal(ss_table_reader_cell(reader, 3).kind, SS_CELL_KIND_TEXT);
    assert_int_equal(ss_table_reader_cell(reader, 3).text.size, 0);
    assert_int_equal(ss_table_reader_cell(reader, 4).kind, SS_CELL_KIND_BLOB);
    assert_int_equal(ss_table_reader_cell(reader, 4).text.size, 2);
    assert_int_equal(ss_table_reader_next(reader, &has_row, &error), SS_OK);
    assert_false(has_row);
    ss_table_reader_close(reader);
}

static void a_table_without_rowid_and_a_view_can_be_read(void **state)
{
    struct ss_table_reader *reader = NULL;
    bool has_row;
    struct ss_error error;
    (void)state;
    run_sql(
        "CREATE TABLE keyed(k INTEGER PRIMARY KEY) WITHOUT ROWID; INSERT INTO keyed VALUES (3), (1);"
        "CREATE VIEW rows AS SELECT k FROM keyed WHERE k > 1;");
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_OK);
    assert_int_equal(ss_table_reader_next(reader, &has_row, &error), SS_OK);
    assert_int_equal(ss_table_reader_cell(reader, 0).integer, 3);
    ss_table_reader_close(reader);
    snprintf(place, sizeof place, "%s:keyed", path);
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_OK);
    assert_int_equal(ss_table_reader_next(reader, &has_row, &error), SS_OK);
    assert_int_equal(ss_table_reader_cell(reader, 0).integer, 1);
    ss_table_reader_close(reader);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct ss_table_reader *reader = NULL;
    struct ss_error error;
    char want[512];
    (void)state;
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_NOT_FOUND);
    snprintf(want, sizeof want, "table '%s': there is no file '%s'", place, path);
    assert_string_equal(error.message, want);
    assert_int_equal(access(path, F_OK), -1);
    run_sql("CREATE TABLE other(x)");
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_NOT_FOUND);
    snprintf(want, sizeof want, "table '%s': there is no table 'rows' in this file", place);
    assert_string_equal(error.message, want);
    FILE *file = fopen(path, "w");
    fprintf(file, "%0600d", 0);
    fclose(file);
    assert_int_equal(ss_table_reader_open(place, &reader, &error), SS_DAMAGED);
    snprintf(
        want, sizeof want,
        "table '%s': cannot use it: file is not a database; the file is no SQLite database, or a damaged one",
        place);
    assert_string_equal(error.message, want);
    assert_int_equal(ss_table_reader_open("x.db", &reader, &error), SS_INVALID);
    assert_string_equal(error.message, "table 'x.db': expected FILE.db:TABLE");
}

static void a_table_comes_with_its_manifest_line(void **state)
{
    struct ss_error error = {0};
    (void)state;
    if (write_table("o'hara", true, &error) != SS_OK) fail_msg("%s", error.message);
    assert_string_equal(query("SELECT \"user id\" || ' ' || spend || ' ' || _s FROM rows"), "o'hara 0.1 17");
    assert_string_equal(query("SELECT typeof(spend) FROM rows"), "real");
    assert_string_equal(
        query("SELECT service || newest_seq || mode || spine_time_unit FROM selfsame_manifest "
              "WHERE table_name = 'ROWS'"),
        "fraud17as-knownms");
    assert_string_equal(query("SELECT read_at FROM selfsame_manifest"), "1970-01-01T00:00:01.5Z");
    assert_string_equal(query("SELECT definition_files ->> '$[0].text' FROM selfsame_manifest"),
                        "views: 'x'\n");
    assert_string_equal(query("SELECT definition_files ->> '$[1].path' FROM selfsame_manifest"), "b.yaml");
    assert_string_equal(query("SELECT view_fingerprints FROM selfsame_manifest"),
                        "[{\"view\":\"spend\",\"fingerprint\":\"ab12\"}]");
}

static void a_manifest_line_is_read_as_it_was_written(void **state)
{
    struct ss_error error = {0};
    struct ss_arena arena = {0};
    struct ss_manifest wrote = a_manifest(), read = {0};
    (void)state;
    if (write_table("o'hara", true, &error) != SS_OK) fail_msg("%s", error.message);
    run_sql("DROP TABLE rows");
    if (ss_manifest_read(place, &arena, &read, &error) != SS_OK) fail_msg("%s", error.message);
    assert_string_equal(read.service, wrote.service);
    assert_string_equal(read.spine, wrote.spine);
    assert_string_equal(read.time_column, wrote.time_column);
    assert_string_equal(read.time_unit, wrote.time_unit);
    assert_string_equal(read.maps, wrote.maps);
    assert_string_equal(read.mode, wrote.mode);
    assert_string_equal(read.version, wrote.version);
    assert_memory_equal(&read.digest, &wrote.digest, sizeof wrote.digest);
    assert_int_equal(read.newest_seq, wrote.newest_seq);
    assert_int_equal(read.row_count, wrote.row_count);
    assert_int_equal(read.read_at_us, wrote.read_at_us);
    assert_int_equal(read.file_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(read.files[i].name, wrote.files[i].name);
        assert_int_equal(read.files[i].text.size, wrote.files[i].text.size);
        assert_memory_equal(read.files[i].text.data, wrote.files[i].text.data, wrote.files[i].text.size);
    }
    ss_arena_release(&arena);
}

static void a_manifest_line_that_is_not_there_or_makes_no_sense_is_told(void **state)
{
    static const struct {
        const char *sql, *told;
        enum ss_status status;
    } cases[] = {
        {"UPDATE selfsame_manifest SET spine_hash = 'ABC'", "no SHA-256 in hex", SS_DAMAGED},
        {"UPDATE selfsame_manifest SET rows_digest = NULL", "no SHA-256 in hex", SS_DAMAGED},
        {"UPDATE selfsame_manifest SET read_at = 'noon'", "read_at is no time", SS_DAMAGED},
        {"UPDATE selfsame_manifest SET newest_seq = -1", "newest_seq or row_count is below 0", SS_DAMAGED},
        {"UPDATE selfsame_manifest SET definition_files = '[{'", "definition_files is no JSON", SS_DAMAGED},
        {"UPDATE selfsame_manifest SET definition_files = '{\"a\": {}, \"b\": {}}'", "is no array",
         SS_DAMAGED},
        {"ALTER TABLE selfsame_manifest DROP COLUMN mode", "no such column: mode", SS_IO},
        {"DELETE FROM selfsame_manifest", "has no line about it in selfsame_manifest", SS_NOT_FOUND},
        {"DROP TABLE selfsame_manifest", "has no line about it in selfsame_manifest", SS_NOT_FOUND},
    };
    struct ss_manifest manifest = {0};
    struct ss_arena arena = {0};
    struct ss_error error = {0};
    (void)state;
    assert_int_equal(ss_manifest_read(place, &arena, &manifest, &error), SS_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unlink(path);
        assert_int_equal(write_table("x", true, &error), SS_OK);
        run_sql(cases[i].sql);
        if (ss_manifest_read(place, &arena, &manifest, &error) != cases[i].status ||
            !strstr(error.message, cases[i].told))
            fail_msg("%s: %s: %s", cases[i].sql, ss_status_name(error.status), error.message);
    }
    assert_null(manifest.service);
    ss_arena_release(&arena);
}

static void a_table_of_ours_is_replaced(void **state)
{
    struct ss_error error;
    (void)state;
    assert_int_equal(write_table("one", true, &error), SS_OK);
    assert_int_equal(write_table("two", true, &error), SS_OK);
    assert_string_equal(query("SELECT group_concat(\"user id\") FROM rows"), "two");
    assert_string_equal(query("SELECT count(*) FROM selfsame_manifest"), "1");
}

static void a_table_of_others_is_never_replaced(void **state)
{
    struct ss_error error;
    char want[512];
    (void)state;
    run_sql("CREATE TABLE Rows(x); INSERT INTO Rows VALUES ('theirs')");
    assert_int_equal(write_table("ours", true, &error), SS_CONFLICT);
    snprintf(want, sizeof want,
             "table '%s': it is there already and was not made by selfsame train, so it is not replaced; "
             "name another table, "
             "or drop it first",
             place);
    assert_string_equal(error.message, want);
    assert_string_equal(query("SELECT x FROM Rows"), "theirs");
    assert_string_equal(query("SELECT count(*) FROM sqlite_schema"), "1");
    snprintf(place, sizeof place, "%s:selfsame_manifest", path);
    assert_int_equal(write_table("ours", true, &error), SS_INVALID);
}

static void what_is_not_finished_leaves_nothing(void **state)
{
    struct ss_error error;
    (void)state;
    assert_int_equal(write_table("half", false, &error), SS_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(write_table("whole", true, &error), SS_OK);
    assert_int_equal(write_table("half", false, &error), SS_OK);
    assert_string_equal(query("SELECT \"user id\" FROM rows"), "whole");
}

static void a_type_that_is_no_type_does_not_reach_the_schema(void **state)
{
    const struct ss_table_column odd[] = {{"a", "x) ; drop"}, {"b", "DECIMAL(10, 2)"}};
    struct ss_table_writer *writer = NULL;
    const struct ss_manifest manifest = a_manifest();
    struct ss_error error;
    (void)state;
    assert_int_equal(ss_table_writer_open(place, odd, 2, &writer, &error), SS_OK);
    assert_int_equal(ss_table_writer_finish(writer, &manifest, &error), SS_OK);
    ss_table_writer_close(writer);
    assert_string_equal(query("SELECT sql FROM sqlite_schema WHERE name = 'rows'"),
                        "CREATE TABLE \"rows\" (\"a\" , \"b\" DECIMAL(10, 2))");
}

static void every_failed_allocation_ends_as_an_error(void **state)
{
    struct ss_error error;
    (void)state;
    assert_int_equal(write_table("whole", true, &error), SS_OK);
    for (long k = 1;; k++) {
        struct ss_table_reader *reader = NULL;
        struct ss_manifest manifest;
        struct ss_arena arena = {0};
        ss_fail_allocation_at(k);
        const enum ss_status written = write_table("again", true, &error);
        const enum ss_status read = ss_table_reader_open(place, &reader, &error);
        const enum ss_status described = ss_manifest_read(place, &arena, &manifest, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_table_reader_close(reader);
        ss_arena_release(&arena);
        if (swept) break;
        assert_true(written != SS_OK || read != SS_OK || described != SS_OK);
    }
    assert_string_equal(query("SELECT count(*) FROM rows"), "1");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_path, drop_path)
    const struct CMUnitTest tests[] = {
        TEST(a_place_is_a_file_and_a_table),
        TEST(every_column_comes_in_rowid_order_with_its_kind),
        TEST(a_table_without_rowid_and_a_view_can_be_read),
        TEST(what_cannot_be_read_is_named),
        TEST(a_table_comes_with_its_manifest_line),
        TEST(a_manifest_line_is_read_as_it_was_written),
        TEST(a_manifest_line_that_is_not_there_or_makes_no_sense_is_told),
        TEST(a_table_of_ours_is_replaced),
        TEST(a_table_of_others_is_never_replaced),
        TEST(what_is_not_finished_leaves_nothing),
        TEST(a_type_that_is_no_type_does_not_reach_the_schema),
        TEST(every_failed_allocation_ends_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
