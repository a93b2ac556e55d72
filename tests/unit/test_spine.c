// Spines: columns found and typed exactly, cells kept as they were, and the exact words for what is wrong.

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

#include "materializer/spine.h"
#include "tests/unit/allocation_sweep.h"

static char path[64], place[128];

static const char *const key_names[] = {"user_id", "shop"};
static const struct ss_type key_types[] = {{SS_STRING, 0}, {SS_INT64, 0}};
static const struct ss_request_input request[] = {{.name = "amount", .type = {SS_DECIMAL, 2}},
                                                  {.name = "ratio", .type = {SS_FLOAT64, 0}}};
static const struct ss_service service = {.name = "fraud",
                                          .key_count = 2,
                                          .key_names = key_names,
                                          .key_types = key_types,
                                          .request_count = 2,
                                          .request = request};

// bytes as a key, a list and a vector as inputs.
static const char *const packed_names[] = {"tag"};
static const struct ss_type packed_types[] = {{SS_BYTES}};
static const struct ss_request_input packed_request[] = {
    {.name = "words", .type = {.id = SS_LIST, .element = SS_STRING}},
    {.name = "place", .type = {.id = SS_VECTOR, .length = 2}}};
static const struct ss_service packed_service = {.name = "packed",
                                                 .key_count = 1,
                                                 .key_names = packed_names,
                                                 .key_types = packed_types,
                                                 .request_count = 2,
                                                 .request = packed_request};
static const struct ss_service *asked = &service;

static int make_path(void **state)
{
    (void)state;
    asked = &service;
    strcpy(path, "/tmp/selfsame-spine-XXXXXX");
    const int file = mkstemp(path);
    if (file < 0) return -1;
    close(file);
    strcpy(place, path);
    return 0;
}

static int drop_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static struct ss_pool *pool;

static void write_csv(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    snprintf(place, sizeof place, "%s:labels", path);
}

static enum ss_status read_spine(const char *time_column, enum ss_time_unit unit, struct ss_spine_rows *rows,
                                 struct ss_error *error)
{
    const struct ss_spine_source source = {
        .place = place, .time_column = time_column, .time_unit = unit, .with_hash = true};
    *rows = (struct ss_spine_rows){0};
    *error = (struct ss_error){0};
    return ss_spine_read(&source, asked, pool, rows, error);
}

static void must_read(const char *time_column, enum ss_time_unit unit, struct ss_spine_rows *rows)
{
    struct ss_error error;
    if (read_spine(time_column, unit, rows, &error) != SS_OK) fail_msg("%s", error.message);
}

// `want` starts behind the path.
static void must_fail(const char *time_column, enum ss_time_unit unit, const char *before, const char *after)
{
    struct ss_spine_rows rows;
    struct ss_error error;
    char want[1024];
    assert_int_equal(read_spine(time_column, unit, &rows, &error), SS_INVALID);
    snprintf(want, sizeof want, "%s%s%s", before, place, after);
    assert_string_equal(error.message, want);
    assert_null(rows.text.bytes.data);
}

static void csv_columns_are_typed_and_cells_kept(void **state)
{
    struct ss_spine_rows rows;
    struct ss_cell cells[12];
    struct ss_bytes lines[2];
    (void)state;
    write_csv(
        "label,at,user_id,shop,amount,ratio\n"
        "\"a,\"\"b\n\",2026-01-31T10:00:00.5Z,\xc3\xa9,7,12.5,1e3\n"
        "\"\",1969-12-31 23:59:59,,-5,,\n");
    must_read("at", SS_UNIT_TEXT, &rows);
    assert_int_equal(rows.spine.length, 2);
    assert_int_equal(rows.spine.t_us[0], INT64_C(1769853600500000));
    assert_int_equal(rows.spine.t_us[1], -1000000);
    assert_memory_equal(ss_column_get(&rows.spine.keys[0], 0).text.data, "\xc3\xa9", 2);
    assert_false(ss_column_get(&rows.spine.keys[0], 1).present);
    assert_int_equal(ss_column_get(&rows.spine.keys[1], 1).i64, -5);
    assert_int_equal(ss_column_get(&rows.spine.request[0], 0).i64, 1250);
    assert_true(ss_column_get(&rows.spine.request[1], 0).f64 == 1000);
    assert_false(ss_column_get(&rows.spine.request[1], 1).present);
    assert_int_equal(rows.column_count, 6);
    ss_spine_cells(&rows, 0, 2, cells);
    assert_int_equal(cells[0].text.size, 5);
    assert_memory_equal(cells[0].text.data, "a,\"b\n", 5);
    assert_int_equal(cells[6].kind, SS_CELL_KIND_TEXT); // "" is an empty string
    assert_int_equal(cells[6].text.size, 0);
    assert_int_equal(cells[8].kind, SS_CELL_KIND_NULL); // an empty field is null
    assert_false(ss_spine_lines(&rows, 0, 2, lines));
    ss_spine_release(&rows);
}

static void an_epoch_is_read_in_its_unit(void **state)
{
    struct ss_spine_rows rows;
    (void)state;
    write_csv("at,user_id,shop,amount,ratio\n-1,u,1,,\n");
    must_read("at", SS_UNIT_MS, &rows);
    assert_int_equal(rows.spine.t_us[0], -1000);
    ss_spine_release(&rows);
    must_fail("at", SS_UNIT_TEXT, "", ":2: column 'at': not a time: '-1'");
}

static void table_cells_are_typed_by_what_they_are(void **state)
{
    struct ss_spine_rows rows;
    struct ss_cell cells[18];
    (void)state;
    write_sql(
        "CREATE TABLE labels(at, user_id, shop, amount, ratio, blob);"
        "INSERT INTO labels VALUES (3, 'u', '7', 0.1, 2, x'01'), (4, NULL, 8, 12, 0.5, NULL),"
        "                          ('5', 'v', 9, '1.25', '0.5', 1);");
    must_read("at", SS_UNIT_S, &rows);
    assert_int_equal(rows.spine.length, 3);
    assert_int_equal(rows.spine.t_us[2], 5000000);
    assert_int_equal(ss_column_get(&rows.spine.keys[1], 0).i64, 7);
    assert_int_equal(ss_column_get(&rows.spine.request[0], 0).i64, 10); // 0.1 by its shortest text
    assert_int_equal(ss_column_get(&rows.spine.request[0], 1).i64, 1200);
    assert_true(ss_column_get(&rows.spine.request[1], 0).f64 == 2);
    ss_spine_cells(&rows, 0, 3, cells);
    assert_int_equal(cells[5].kind, SS_CELL_KIND_BLOB);
    assert_int_equal(cells[2].kind, SS_CELL_KIND_TEXT);
    assert_true(cells[3].kind == SS_CELL_KIND_REAL && cells[3].real == 0.1);
    ss_spine_release(&rows);
}

// A file of many rows; with `quoted`, one cell of the last row stands in quotes, so that it is no plain file.
static void write_many(bool quoted)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("at,user_id,shop,amount,ratio\n", file);
    for (int row = 0; row < 20000; row++)
        fprintf(file, "%d,%suser %d%s,%s,%d.25,\n", row, quoted && row == 19999 ? "\"" : "", row % 37,
                quoted && row == 19999 ? "\"" : "", row % 5 ? "7" : "", row);
    fclose(file);
}

static void a_plain_file_reads_as_any_other_on_any_number_of_threads(void **state)
{
    struct ss_spine_rows all[2][2];
    struct ss_error error;
    (void)state;
    for (int quoted = 0; quoted < 2; quoted++) {
        write_many(quoted);
        for (int threads = 0; threads < 2; threads++) {
            assert_int_equal(threads ? ss_pool_create(3, &pool, &error) : SS_OK, SS_OK);
            must_read("at", SS_UNIT_S, &all[quoted][threads]);
            ss_pool_destroy(pool);
            pool = NULL;
        }
    }
    const struct ss_spine_rows *first = &all[0][0];
    assert_true(first->text.is_plain && !all[1][0].text.is_plain);
    for (int i = 0; i < 4; i++) {
        struct ss_spine_rows *rows = &all[i / 2][i % 2];
        struct ss_cell cells[5 * 544];
        struct ss_bytes lines[544];
        assert_int_equal(rows->spine.length, 20000);
        assert_memory_equal(&rows->hash, &first->hash, sizeof first->hash);
        ss_spine_cells(rows, 19 * 1024, 544, cells);
        assert_memory_equal(cells[5 * 543].text.data, "19999", 5);
        assert_int_equal(ss_spine_lines(rows, 19 * 1024, 544, lines), rows->text.is_plain);
        if (rows->text.is_plain) {
            static const char last[] = "19999,user 19,7,19999.25,";
            assert_memory_equal(lines[0].data, "19456,", 6);
            assert_int_equal(lines[543].size, sizeof last - 1);
            assert_memory_equal(lines[543].data, last, sizeof last - 1);
        }
        for (int32_t row = 0; row < 20000; row++) {
            assert_int_equal(rows->spine.t_us[row], row * INT64_C(1000000));
            for (int k = 0; k < 2; k++)
                assert_true(ss_value_equal(rows->spine.keys[k].type, ss_column_get(&rows->spine.keys[k], row),
                                           ss_column_get(&first->spine.keys[k], row)));
            assert_int_equal(ss_column_get(&rows->spine.request[0], row).i64, row * 100 + 25);
        }
    }
    for (int i = 0; i < 4; i++) ss_spine_release(&all[i / 2][i % 2]);
}

static void the_first_row_that_is_wrong_is_told_wherever_others_are(void **state)
{
    (void)state;
    write_many(false);
    FILE *file = fopen(path, "a");
    fputs("1,u,7,1.25,\n2,u,7,1.25\n", file);
    fclose(file);
    must_fail("at", SS_UNIT_S, "", ":20003: expected 5 fields, got 4");
    write_many(false);
    file = fopen(path, "a");
    fputs("1,u,x,1.25,\n", file);
    for (int row = 0; row < 20000; row++) fputs("x,u,7,1.25,\n", file);
    fclose(file);
    must_fail("at", SS_UNIT_S, "", ":20002: column 'shop': not an int64: 'x'");
}

static void the_hash_follows_the_cells(void **state)
{
    struct ss_spine_rows one, two;
    (void)state;
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,u,1,,\n");
    must_read("at", SS_UNIT_TEXT, &one);
    write_csv("at,user_id,shop,amount,ratio\n\n2026-01-31,\"u\",1,,\n");
    must_read("at", SS_UNIT_TEXT, &two);
    assert_memory_equal(&one.hash, &two.hash, sizeof one.hash);
    ss_spine_release(&two);
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,u,1,,\"\"\n");
    struct ss_error error;
    assert_int_equal(read_spine("at", SS_UNIT_TEXT, &two, &error), SS_INVALID); // "" is no float64
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,v,1,,\n");
    must_read("at", SS_UNIT_TEXT, &two);
    assert_memory_not_equal(&one.hash, &two.hash, sizeof one.hash);
    ss_spine_release(&one);
    ss_spine_release(&two);
}

static void a_value_that_is_not_of_its_type_names_its_place(void **state)
{
    (void)state;
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,\"u\nv\",1,,\n2026-01-31,u,7.0,,\n");
    must_fail("at", SS_UNIT_TEXT, "", ":4: column 'shop': not an int64: '7.0'");
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,u, 7,,\n");
    must_fail("at", SS_UNIT_TEXT, "", ":2: column 'shop': not an int64: ' 7'");
    write_csv("at,user_id,shop,amount,ratio\nyesterday,u,7,,\n");
    must_fail("at", SS_UNIT_TEXT, "", ":2: column 'at': not a time: 'yesterday'");
    write_csv("at,user_id,shop,amount,ratio\n,u,7,,\n");
    must_fail("at", SS_UNIT_TEXT, "", ":2: column 'at': the time of a row may not be null");
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,u\n");
    struct ss_spine_rows rows;
    struct ss_error error;
    assert_int_equal(read_spine("at", SS_UNIT_TEXT, &rows, &error), SS_INVALID);
    assert_non_null(strstr(error.message, ":2: "));
}

static void a_table_value_of_another_type_names_its_row(void **state)
{
    (void)state;
    write_sql(
        "CREATE TABLE labels(at, user_id, shop, amount, ratio);"
        "INSERT INTO labels VALUES (1, 'u', 7, 1, 1), (2, 'u', 7.0, 1, 1);");
    must_fail("at", SS_UNIT_S, "", ": row 2: column 'shop': expected int64: '7.0'");
    write_sql("UPDATE labels SET shop = 7, user_id = 5");
    must_fail("at", SS_UNIT_S, "", ": row 1: column 'user_id': expected string: '5'");
    write_sql("UPDATE labels SET user_id = x'00'");
    must_fail("at", SS_UNIT_S, "", ": row 1: column 'user_id': expected a value, got a BLOB: ''");
    must_fail("at", SS_UNIT_TEXT, "",
              ": row 1: column 'at': expected a time as text, or give the unit of its numbers: '1'");
}

static void a_missing_column_is_named_with_what_to_do(void **state)
{
    (void)state;
    write_csv("at,user,shop,amount,ratio\n");
    must_fail("at", SS_UNIT_TEXT, "spine '",
              "': there is no column 'user_id' for key 'user_id' of service 'fraud'; add it, or name another "
              "one with --map "
              "user_id=COLUMN");
    write_csv("at,user_id,shop,amounts,ratio\n");
    must_fail("at", SS_UNIT_TEXT, "spine '",
              "': there is no column 'amount' for request input 'amount' of service 'fraud'; add it, or name "
              "another one "
              "with --map amount=COLUMN; did you mean 'amounts'?");
    must_fail("att", SS_UNIT_TEXT, "spine '", "': there is no column 'att' for its time; did you mean 'at'?");
    write_csv("at,user_id,shop,amount,ratio,AT\n");
    must_fail("at", SS_UNIT_TEXT, "spine '",
              "': columns 'at' and 'AT' have one name (case does not count); rename one");
}

static void a_mapped_column_is_used(void **state)
{
    const struct ss_spine_map maps[] = {{"user_id", "who"}, {"nobody", "who"}, {"user_id", "at"}};
    struct ss_spine_source source = {.place = place, .time_column = "at", .maps = maps, .map_count = 1};
    struct ss_spine_rows rows;
    struct ss_error error;
    (void)state;
    write_csv("at,who,shop,amount,ratio\n2026-01-31,u,1,,\n");
    assert_int_equal(ss_spine_read(&source, &service, NULL, &rows, &error), SS_OK);
    assert_memory_equal(ss_column_get(&rows.spine.keys[0], 0).text.data, "u", 1);
    ss_spine_release(&rows);
    source.map_count = 2;
    assert_int_equal(ss_spine_read(&source, &service, NULL, &rows, &error), SS_INVALID);
    assert_string_equal(error.message,
                        "--map nobody=who: service 'fraud' has no key or request input 'nobody'");
    source.maps = (const struct ss_spine_map[]){maps[0], maps[2]};
    assert_int_equal(ss_spine_read(&source, &service, NULL, &rows, &error), SS_INVALID);
    assert_string_equal(error.message, "--map user_id=at: 'user_id' is mapped twice, to 'who' before");
}

static void check_packed(const struct ss_spine_rows *rows)
{
    static const struct {
        const struct ss_type type;
        struct ss_bytes bytes;
    } want[] = {{{SS_BYTES}, {"\0\xff", 2}},
                {{.id = SS_LIST, .element = SS_STRING}, {"\1\1a\0", 4}},
                {{.id = SS_VECTOR, .length = 2}, {"\0\0\x80\x3f\0\0\0\xc0", 8}}};
    const struct ss_column *columns[] = {&rows->spine.keys[0], &rows->spine.request[0],
                                         &rows->spine.request[1]};
    for (size_t i = 0; i < 3; i++) {
        const struct ss_value value = {.present = true, .text = want[i].bytes};
        assert_true(ss_value_equal(want[i].type, ss_column_get(columns[i], 0), value));
        assert_int_equal(ss_column_get(columns[i], 1).present, i == 0);
    }
    assert_int_equal(ss_column_get(columns[0], 1).text.size, 0);
}

static const char packed_csv[] =
    "at,tag,words,place\n2026-01-31,AP8=,\"[\"\"a\"\",null]\",\"[1,-2]\"\n2026-01-31,\"\",,\"[1e39,1]\"\n";

static void bytes_lists_and_vectors_are_read_from_text_and_bytes_from_blobs(void **state)
{
    struct ss_spine_rows rows;
    (void)state;
    asked = &packed_service;
    write_csv(packed_csv);
    must_read("at", SS_UNIT_TEXT, &rows);
    check_packed(&rows);
    ss_spine_release(&rows);
    write_csv("at,tag,words,place\n2026-01-31,AP8=,[1],\n");
    must_fail("at", SS_UNIT_TEXT, "",
              ":2: column 'words': an element is not a JSON string of valid UTF-8 without U+0000: '[1]'");
    assert_int_equal(truncate(path, 0), 0);
    write_sql(
        "CREATE TABLE labels(at, tag, words, place);"
        "INSERT INTO labels VALUES (1, x'00ff', '[\"a\", null]', '[1, -2]'), (1, x'', NULL, NULL);");
    must_read("at", SS_UNIT_S, &rows);
    check_packed(&rows);
    ss_spine_release(&rows);
    write_sql("UPDATE labels SET tag = 'AP8=' WHERE rowid = 1");
    must_read("at", SS_UNIT_S, &rows);
    check_packed(&rows);
    ss_spine_release(&rows);
    write_sql("UPDATE labels SET tag = 7 WHERE rowid = 1");
    must_fail("at", SS_UNIT_S, "", ": row 1: column 'tag': expected bytes: '7'");
    write_sql("UPDATE labels SET tag = NULL, place = x'00' WHERE rowid = 1");
    must_fail("at", SS_UNIT_S, "", ": row 1: column 'place': expected a value, got a BLOB: ''");
}

static void sweep_allocations(void)
{
    struct ss_error error;
    for (long k = 1;; k++) {
        struct ss_spine_rows rows;
        ss_fail_allocation_at(k);
        const enum ss_status status = read_spine("at", SS_UNIT_TEXT, &rows, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (status == SS_OK) { // libcsv tries again with less
            assert_int_equal(rows.spine.length, 2);
            ss_spine_release(&rows);
        }
        if (swept) break;
        assert_true(status == SS_OUT_OF_MEMORY || (status == SS_OK && k < 20));
    }
}

static void every_failed_allocation_ends_as_an_error(void **state)
{
    (void)state;
    write_csv("at,user_id,shop,amount,ratio\n2026-01-31,u,1,2.5,\n2026-01-31,v,1,2.5,\n");
    sweep_allocations();
    asked = &packed_service;
    write_csv(packed_csv);
    sweep_allocations();
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_path, drop_path)
    const struct CMUnitTest tests[] = {
        TEST(csv_columns_are_typed_and_cells_kept),
        TEST(an_epoch_is_read_in_its_unit),
        TEST(table_cells_are_typed_by_what_they_are),
        TEST(the_hash_follows_the_cells),
        TEST(a_plain_file_reads_as_any_other_on_any_number_of_threads),
        TEST(the_first_row_that_is_wrong_is_told_wherever_others_are),
        TEST(a_value_that_is_not_of_its_type_names_its_place),
        TEST(a_table_value_of_another_type_names_its_row),
        TEST(a_missing_column_is_named_with_what_to_do),
        TEST(a_mapped_column_is_used),
        TEST(bytes_lists_and_vectors_are_read_from_text_and_bytes_from_blobs),
        TEST(every_failed_allocation_ends_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
