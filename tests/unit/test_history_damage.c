// A history that is damaged in one place, below what SQLite looks at: each is an error of the function that
// reads it, whatever stands there. (Flipped bits all over the file: tests/program/test_bad_input.py,
// test_damage.py.)

#include "store/history_log.h"
#include "store/packed.h"
#include "tests/unit/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#define ROWS      200
#define PAGE_SIZE 8192

static struct ss_error error;
// Fewer than 37 rows in a commit stay in staging while there are few; 20 and more are a segment straight
// away.
static const struct ss_history_options small = {
    .sizes = {.staging_rows = 37, .bulk_rows = 20, .segment_rows = 16, .fanout = 3}};

struct fixture {
    char directory[PATH_BYTES], path[PATH_BYTES];
    struct payments payments;
    struct ss_history *history;
    struct payment rows[ROWS];
    char texts[ROWS][2][16];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    make_test_directory(fixture->directory);
    snprintf(fixture->path, sizeof fixture->path, "%.480s/history.db", fixture->directory);
    make_payments(&fixture->payments, "payments", true);
    assert_ok(ss_history_create(fixture->path, &small, &error));
    assert_ok(ss_history_open(fixture->path, true, &small, &fixture->history, &error));
    assert_ok(ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
    for (int i = 0; i < ROWS; i++) {
        snprintf(fixture->texts[i][0], sizeof fixture->texts[i][0], "id%d", i);
        snprintf(fixture->texts[i][1], sizeof fixture->texts[i][1], "u%d", i % 5);
        fixture->rows[i] = (struct payment){.id = fixture->texts[i][0],
                                            .user = fixture->texts[i][1],
                                            .shop = i % 3,
                                            .amount = i,
                                            .at_us = 1000 + i,
                                            .arrival_us = 1300 + i};
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ss_history_close(fixture->history);
    remove_test_directory(fixture->directory);
    free(fixture);
    return 0;
}

// Rows [first, end), `length` a commit.
static void add_rows(struct fixture *fixture, int first, int end, int length)
{
    for (int i = first; i < end; i += length)
        commit_payments(fixture->history, &fixture->payments, &fixture->rows[i], length, NULL);
}

static void take_back(struct fixture *fixture, int number)
{
    struct payment deleted = fixture->rows[number];
    deleted.is_delete = true;
    deleted.arrival_us += 1000;
    commit_payments(fixture->history, &fixture->payments, &deleted, 1, NULL);
}

static void close_history(struct fixture *fixture)
{
    ss_history_close(fixture->history);
    fixture->history = NULL;
}

static enum ss_status open_history(struct fixture *fixture)
{
    return ss_history_open(fixture->path, true, &small, &fixture->history, &error);
}

// SQL of the test's own; sqlite3_open's connections may write the schema.
static int64_t run_sql(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t number = 0;
    close_history(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    for (const char *at = sql; *at;) {
        if (sqlite3_prepare_v2(db, at, -1, &statement, &at) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        int code = SQLITE_DONE;
        while (statement && (code = sqlite3_step(statement)) == SQLITE_ROW)
            number = sqlite3_column_int64(statement, 0);
        if (code != SQLITE_DONE) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_finalize(statement);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

static void change(struct fixture *fixture, const char *sql)
{
    run_sql(fixture, sql);
    assert_ok(open_history(fixture));
}

static void assert_message(const char *want)
{
    if (!strstr(error.message, want)) fail_msg("'%s' is not in: %s", want, error.message);
}

// ---- What is read

static enum ss_status read_all(struct ss_event_reader *reader)
{
    const struct ss_event_batch *batch;
    enum ss_status status;
    do status = reader->next(reader, &batch, &error);
    while (status == SS_OK && batch);
    reader->close(reader);
    return status;
}

static enum ss_status read_by_seq(struct fixture *fixture)
{
    struct ss_event_reader *reader = NULL;
    const enum ss_status status = ss_history_read_seq(fixture->history, &fixture->payments.source, 0,
                                                      UINT64_MAX, NULL, &reader, &error);
    return status == SS_OK ? read_all(reader) : status;
}

static enum ss_status read_by_entity(struct fixture *fixture, int view)
{
    struct ss_event_reader *reader = NULL;
    const enum ss_status status =
        ss_history_read_entity(fixture->history, &fixture->payments.views[view], NULL, INT64_MIN, INT64_MAX,
                               INT64_MAX, &reader, &error);
    return status == SS_OK ? read_all(reader) : status;
}

static enum ss_status read_log(struct fixture *fixture, int *rows)
{
    const struct ss_log_batch *batch;
    struct ss_log *log = NULL;
    *rows = 0;
    enum ss_status status = ss_log_open(fixture->history, "payments", 0, INT64_MAX, NULL, &log, &error);
    while (status == SS_OK && (status = ss_log_next(log, &batch, &error)) == SS_OK && batch)
        *rows += batch->length;
    ss_log_close(log);
    return status;
}

static enum ss_status append(struct fixture *fixture, int first, int count)
{
    struct ss_commit commit = {.arrival_us = 9000, .newest_us = 9000};
    enum ss_status status = ss_history_begin(fixture->history, &error);
    if (status != SS_OK) return status;
    status =
        append_payments(fixture->history, &fixture->payments, &fixture->rows[first], count, NULL, &error);
    if (status == SS_OK) status = ss_history_commit(fixture->history, &commit, &error);
    ss_history_rollback(fixture->history);
    return status;
}

// ---- An index of SQLite's that holds other rows than its table

// Runs `sql` while SQLite does not know of the index behind UNIQUE of the table, so that it stays as it was.
static void change_behind(struct fixture *fixture, const char *table, const char *unique, const char *index,
                          const char *sql)
{
    char text[2048];
    snprintf(
        text, sizeof text,
        "PRAGMA writable_schema=ON;"
        "CREATE TEMP TABLE kept AS SELECT rowid AS place, * FROM sqlite_master WHERE name IN ('%s', '%s');"
        "DELETE FROM sqlite_master WHERE name = '%s';"
        "UPDATE sqlite_master SET sql = replace(sql, '%s', '') WHERE name = '%s';"
        "PRAGMA writable_schema=RESET; %s;"
        "PRAGMA writable_schema=ON;"
        "REPLACE INTO sqlite_master(rowid, type, name, tbl_name, rootpage, sql) SELECT * FROM kept;"
        "PRAGMA writable_schema=RESET",
        table, index, index, unique, table, sql);
    change(fixture, text);
}

// SQLite counts rows by the smallest index that has them, and that may be damaged. The columns that were
// counted but not there were NULL pointers.
static void columns_that_are_fewer_than_counted_are_damage(void **state)
{
    struct fixture *fixture = *state;
    const char *want = "the columns of a source are not as many as counted";
    int rows;
    add_rows(fixture, 0, 10, 10);
    change_behind(fixture, "source_columns", ", UNIQUE(source, name)", "sqlite_autoindex_source_columns_2",
                  "DELETE FROM source_columns WHERE position = (SELECT max(position) FROM source_columns)");
    assert_status(SS_DAMAGED, read_by_seq(fixture));
    assert_message(want);
    assert_status(SS_DAMAGED, read_by_entity(fixture, VIEW_BY_USER));
    assert_message(want);
    assert_status(SS_DAMAGED, read_log(fixture, &rows));
    assert_message(want);
    assert_status(SS_DAMAGED, append(fixture, 10, 5));
    assert_message(want);
    assert_status(SS_DAMAGED, ss_history_compact(fixture->history, SS_COMPACT_ALL, &error));
    assert_status(SS_DAMAGED, ss_history_check(fixture->history, &fixture->payments.definitions, &error));
    assert_status(SS_DAMAGED, ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
}

static void sources_that_are_other_than_counted_are_damage(void **state)
{
    static const char *const changes[] = {
        "DELETE FROM sources",
        "INSERT INTO sources SELECT id + 1, 'more', identity, event_id, live FROM sources"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct fixture *fixture = *state;
        change_behind(fixture, "sources", " UNIQUE", "sqlite_autoindex_sources_1", changes[i]);
        assert_status(SS_DAMAGED, read_by_seq(fixture));
        assert_message("the list of sources has other rows than its index");
        assert_status(SS_DAMAGED,
                      ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
        tear_down(state);
        set_up(state);
    }
}

// Whether a source has an event_id stands there and in its definition: a delete of one without was an
// assertion, an insert of one that has it all of a sudden a column before the first.
static void an_event_id_that_is_not_that_of_the_definition_is_damage(void **state)
{
    static const char *const changes[] = {"UPDATE sources SET event_id = NULL",
                                          "UPDATE sources SET event_id = 'user'",
                                          "UPDATE sources SET event_id = 'none'"};
    struct fixture *fixture = *state;
    fixture->rows[0].is_delete = true;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(fixture, changes[i]);
        assert_status(SS_DAMAGED, append(fixture, 0, 1));
        assert_message("the event_id of a source is not that of its definition");
    }
    make_payments(&fixture->payments, "visits", false);
    assert_ok(ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
    change(fixture, "UPDATE sources SET event_id = 'id' WHERE name = 'visits'");
    assert_status(SS_DAMAGED, append(fixture, 1, 40));
    assert_message("the event_id of a source is not that of its definition");
}

// ---- Rows that are not where they belong

enum { LEAF_OF_INDEX = 10, LEAF_OF_TABLE = 13, INNER_OF_TABLE = 5 };

// Page `number` of the closed file, from 1.
static void read_page(struct fixture *fixture, long number, uint8_t page[PAGE_SIZE])
{
    FILE *file = fopen(fixture->path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (number - 1) * PAGE_SIZE, SEEK_SET), 0);
    assert_int_equal(fread(page, 1, PAGE_SIZE, file), PAGE_SIZE);
    fclose(file);
}

// Closes history. The number of the root, and what is in it.
static long read_root(struct fixture *fixture, const char *name, uint8_t page[PAGE_SIZE])
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "PRAGMA wal_checkpoint(TRUNCATE); SELECT rootpage FROM sqlite_master WHERE name = '%s'", name);
    const long number = (long)run_sql(fixture, sql);
    assert_true(number > 1);
    read_page(fixture, number, page);
    return number;
}

static size_t number_of_cells(const uint8_t page[PAGE_SIZE])
{
    return (size_t)page[3] << 8 | page[4];
}

// Lets the first and the last row of a table or index, which is one leaf, change places in the file.
static void swap_rows(struct fixture *fixture, const char *name)
{
    uint8_t page[PAGE_SIZE], first[2];
    const long number = read_root(fixture, name, page);
    assert_true(page[0] == LEAF_OF_INDEX || page[0] == LEAF_OF_TABLE);
    assert_true(number_of_cells(page) >= 2);
    uint8_t *pointers = page + 8, *last = pointers + 2 * (number_of_cells(page) - 1);
    memcpy(first, pointers, 2);
    memcpy(pointers, last, 2);
    memcpy(last, first, 2);
    overwrite_file(fixture->path, (number - 1) * PAGE_SIZE, page, sizeof page);
    assert_ok(open_history(fixture));
}

static long child_of(const uint8_t page[PAGE_SIZE], size_t cell)
{
    const uint8_t *at = page + ((size_t)page[12 + 2 * cell] << 8 | page[13 + 2 * cell]);
    return (long)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

// Puts the first leaf of a table, whose root is above the leaves, in the place of the second one too.
static void double_leaf(struct fixture *fixture, const char *name)
{
    uint8_t root[PAGE_SIZE], leaf[PAGE_SIZE];
    read_root(fixture, name, root);
    assert_true(root[0] == INNER_OF_TABLE && number_of_cells(root) >= 2);
    read_page(fixture, child_of(root, 0), leaf);
    assert_int_equal(leaf[0], LEAF_OF_TABLE);
    overwrite_file(fixture->path, (child_of(root, 1) - 1) * PAGE_SIZE, leaf, sizeof leaf);
    assert_ok(open_history(fixture));
}

// A reader goes on from the last seq that it saw: of rows out of order it would see some again and again.
static void staged_events_out_of_order_are_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 15, 5);
    swap_rows(fixture, "events_1");
    assert_status(SS_DAMAGED, read_by_seq(fixture));
    assert_message("events are not in the order of seq");
    assert_status(SS_DAMAGED, ss_history_compact(fixture->history, SS_COMPACT_ALL, &error));
    assert_message("events are not in the order of seq");
}

static void count_damage(void *context, const struct ss_error *damage)
{
    (void)damage;
    ++*(int *)context;
}

static void a_log_with_staged_events_out_of_order_is_damage_and_the_rest_is_saved(void **state)
{
    struct fixture *fixture = *state;
    int rows, damages = 0;
    add_rows(fixture, 0, 15, 5);
    swap_rows(fixture, "events_1");
    assert_status(SS_DAMAGED, read_log(fixture, &rows));
    assert_message("column 'seq': the row is not where its seq belongs");
    ss_history_salvage(fixture->history, count_damage, &damages);
    assert_ok(read_log(fixture, &rows)); // the last row comes first, so that none of the others is behind it
    assert_int_equal(rows, 1);
    assert_int_equal(damages, 14);
}

static void staged_events_out_of_the_order_of_an_index_are_damage(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_value user = {.present = true, .text = {"u", 1}};
    struct ss_event_reader *reader = NULL;
    for (int i = 0; i < 15; i++) fixture->rows[i].user = "u";
    add_rows(fixture, 0, 15, 5);
    swap_rows(fixture, "events_1_1_by");
    assert_ok(ss_history_read_entity(fixture->history, &fixture->payments.views[VIEW_BY_USER], &user,
                                     INT64_MIN, INT64_MAX, INT64_MAX, &reader, &error));
    assert_status(SS_DAMAGED, read_all(reader));
    assert_message("events are not in the order of their index");
}

static void a_staged_event_with_a_seq_that_was_not_given_out_is_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 5, 5);
    change(fixture, "UPDATE events_1 SET seq = -seq");
    assert_status(SS_DAMAGED, append(fixture, 0, 1));
    assert_message("an event has a seq that was not given out");
    change(fixture, "UPDATE events_1 SET seq = 1000 - seq");
    assert_status(SS_DAMAGED, append(fixture, 0, 1));
}

static void deletes_out_of_order_are_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 40, 40);
    for (int i = 0; i < 3; i++) take_back(fixture, i);
    swap_rows(fixture, "deletes_1");
    assert_status(SS_DAMAGED, read_by_entity(fixture, VIEW_BY_USER));
    assert_message("a delete makes no sense");
}

static void a_delete_that_makes_no_sense_is_damage(void **state)
{
    static const char *const changes[] = {
        "UPDATE deletes_1 SET target_seq = 'x'", "UPDATE deletes_1 SET target_seq = -1",
        "UPDATE deletes_1 SET arrival_us = NULL", "UPDATE deletes_1 SET arrival_us = 9223372036854775807"};
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 40, 40);
    take_back(fixture, 3);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(fixture, changes[i]);
        assert_status(SS_DAMAGED, read_by_seq(fixture));
        assert_message("a delete makes no sense");
        assert_status(SS_DAMAGED, read_by_entity(fixture, VIEW_BY_USER));
        assert_message("a delete makes no sense");
    }
}

#define QUARANTINED 60

static enum ss_status count_quarantined(void *context, const struct ss_quarantine_row *row)
{
    (void)row;
    return ++*(int *)context > QUARANTINED ? SS_FOUND : SS_OK; // more than there are
}

// Each row is looked up behind the one before it: of rows that come again there would be no end.
static void a_quarantine_whose_rows_come_again_is_damage(void **state)
{
    static const char text[500];
    struct fixture *fixture = *state;
    struct ss_commit commit = {0};
    const struct ss_quarantine_row row = {"s", "f.csv", 1, "c", {text, sizeof text}, "bad"};
    int count = 0;
    assert_ok(ss_history_begin(fixture->history, &error));
    for (int i = 0; i < QUARANTINED; i++) assert_ok(ss_history_quarantine(fixture->history, &row, &error));
    assert_ok(ss_history_commit(fixture->history, &commit, &error));
    assert_ok(ss_history_each_quarantined(fixture->history, NULL, count_quarantined, &count, &error));
    assert_int_equal(count, QUARANTINED);
    double_leaf(fixture, "quarantine");
    count = 0;
    assert_status(SS_DAMAGED,
                  ss_history_each_quarantined(fixture->history, NULL, count_quarantined, &count, &error));
    assert_message("the quarantine is not in order");
}

// ---- Numbers that are none of the kind

static void a_commit_that_makes_no_sense_is_damage(void **state)
{
    static const char *const changes[] = {
        "UPDATE commits SET last_seq = 9223372036854775807", "UPDATE commits SET last_seq = -1",
        "UPDATE commits SET first_seq = 0", "UPDATE commits SET arrival_us = 9223372036854775807",
        "UPDATE commits SET newest_us = -9223372036854775808"};
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 5, 5);
    char copy[PATH_BYTES];
    snprintf(copy, sizeof copy, "%.480s/copy.db", fixture->directory);
    run_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    copy_file(fixture->path, copy);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        run_sql(fixture, changes[i]);
        if (open_history(fixture) != SS_DAMAGED) fail_msg("%s: it opens", changes[i]);
        assert_message("a commit record makes no sense");
        copy_file(copy, fixture->path);
    }
}

// One more than the newest time is where a clock goes on.
static void a_greatest_time_that_is_no_time_is_damage(void **state)
{
    static const char *const changes[] = {"UPDATE commits SET greatest_us = 9223372036854775807",
                                          "UPDATE commits SET greatest_us = -9223372036854775808",
                                          "UPDATE commits SET greatest_us = 1e300"};
    struct fixture *fixture = *state;
    int64_t time_us;
    add_rows(fixture, 0, 5, 5);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(fixture, changes[i]);
        assert_status(SS_DAMAGED, ss_history_newest_time(fixture->history, &time_us, &error));
        assert_message("the greatest time of a commit makes no sense");
    }
}

static void a_list_of_segments_that_makes_no_sense_is_damage(void **state)
{
    static const char *const changes[] = {"UPDATE segments SET row_count = row_count + (1 << 32)",
                                          "UPDATE segments SET lateness_us = -1 WHERE index_id = 0",
                                          "UPDATE segments SET lateness_us = 9223372036854775807"};
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 80, 40);
    char copy[PATH_BYTES];
    snprintf(copy, sizeof copy, "%.480s/copy.db", fixture->directory);
    run_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    copy_file(fixture->path, copy);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(fixture, changes[i]);
        if (read_by_entity(fixture, VIEW_BY_USER) != SS_DAMAGED) fail_msg("%s: it is read", changes[i]);
        assert_message("in the list of segments, number");
        close_history(fixture);
        copy_file(copy, fixture->path);
    }
}

static void segments_of_a_run_that_do_not_follow_each_other_are_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 80, 40); // a run each
    change(fixture, "UPDATE segments SET run = 1 WHERE index_id > 0");
    assert_status(SS_DAMAGED, read_by_entity(fixture, VIEW_BY_USER));
    assert_message("its keys are not behind those of the segment before it");
}

static void an_index_with_the_number_of_the_log_is_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 40, 40);
    change(fixture, "UPDATE entity_indexes SET id = 0 WHERE id = 1");
    assert_status(SS_DAMAGED, ss_history_compact(fixture->history, SS_COMPACT_ALL, &error));
    assert_message("an index makes no sense");
}

// The number of a blob is made of its segment's.
static void numbers_of_segments_that_are_used_up_are_damage(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, 0, 40, 40);
    change(fixture, "UPDATE sqlite_sequence SET seq = 1 << 60");
    assert_status(SS_DAMAGED, append(fixture, 40, 40));
    assert_message("the numbers of segments are used up");
}

static void numbers_of_runs_that_make_no_sense_are_damage(void **state)
{
    static const char *const changes[] = {"UPDATE segment_generation SET runs = 9223372036854775807",
                                          "UPDATE segment_generation SET runs = -1"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(fixture, changes[i]);
        assert_status(SS_DAMAGED, append(fixture, 0, 40));
        assert_message("the number of runs makes no sense");
    }
}

// ---- Packed columns whose checksum holds, of other numbers than there may be

// Puts the numbers into a slot of the first segment of the log, or of an index.
static void put_numbers(struct fixture *fixture, const char *which, int slot, const int64_t *numbers,
                        int count)
{
    struct ss_buffer bytes = {0}, sql = {0};
    ss_packed_integers(numbers, count, &bytes);
    ss_buffer_text(&sql, "UPDATE blobs SET bytes = x'");
    for (size_t i = 0; i < bytes.size; i++) ss_buffer_format(&sql, "%02x", bytes.data[i]);
    ss_buffer_format(&sql, "' WHERE id = (SELECT min(id) FROM segments WHERE index_id %s) << 16 | %d", which,
                     slot);
    ss_buffer_byte(&sql, 0);
    assert_false(bytes.failed || sql.failed);
    change(fixture, (const char *)sql.data);
    ss_buffer_release(&bytes);
    ss_buffer_release(&sql);
}

static void seqs_of_the_log_that_do_not_rise_are_damage(void **state)
{
    struct fixture *fixture = *state;
    int64_t seqs[16] = {0}; // less the row
    int rows;
    add_rows(fixture, 0, 32, 32);
    seqs[3] = 5;
    seqs[4] = -2;
    put_numbers(fixture, "= 0", 2, seqs, 16);
    assert_status(SS_DAMAGED, read_by_seq(fixture));
    assert_message("column 'seq': the list of segments has it otherwise");
    assert_status(SS_DAMAGED, read_log(fixture, &rows));
    memset(seqs, 0, sizeof seqs);
    seqs[3] = INT64_MAX - 1;
    put_numbers(fixture, "= 0", 2, seqs, 16);
    assert_status(SS_DAMAGED, read_by_seq(fixture));
}

static void an_arrival_beyond_all_times_is_damage(void **state)
{
    struct fixture *fixture = *state;
    int64_t lateness_us[16] = {[7] = INT64_MAX};
    add_rows(fixture, 0, 32, 32);
    put_numbers(fixture, "= 0", 1, lateness_us, 16);
    assert_status(SS_DAMAGED, read_by_seq(fixture));
    assert_message("column 'arrival_time': the list of segments has it otherwise");
    lateness_us[7] = -1;
    put_numbers(fixture, "> 0", 1, lateness_us, 16);
    assert_status(SS_DAMAGED, read_by_entity(fixture, VIEW_BY_USER));
    assert_message("column 'arrival_time': the list of segments has it otherwise");
}

// A scan that skims what was known before a time goes by the greatest lateness that the list tells.
static void a_lateness_that_is_listed_too_small_is_damage_where_it_is_gone_by(void **state)
{
    struct fixture *fixture = *state;
    bool columns[COLUMNS + 1] = {false};
    struct ss_entity_scan scan = {.view = &fixture->payments.views[VIEW_BY_USER],
                                  .columns = columns,
                                  .from_us = INT64_MIN,
                                  .to_us = INT64_MAX,
                                  .s = INT64_MAX,
                                  .skims_old = true,
                                  .old_us = 5000,
                                  .known_us = 1200};
    struct ss_event_reader *reader = NULL;
    add_rows(fixture, 0, 40, 40);
    assert_ok(ss_history_scan(fixture->history, &scan, &reader, &error));
    assert_ok(read_all(reader));
    change(fixture, "UPDATE segments SET lateness_us = 1");
    assert_ok(ss_history_scan(fixture->history, &scan, &reader, &error));
    assert_status(SS_DAMAGED, read_all(reader));
    assert_message("column 'arrival_time': the list of segments has it otherwise");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(columns_that_are_fewer_than_counted_are_damage),
        TEST(sources_that_are_other_than_counted_are_damage),
        TEST(an_event_id_that_is_not_that_of_the_definition_is_damage),
        TEST(staged_events_out_of_order_are_damage),
        TEST(a_log_with_staged_events_out_of_order_is_damage_and_the_rest_is_saved),
        TEST(staged_events_out_of_the_order_of_an_index_are_damage),
        TEST(a_staged_event_with_a_seq_that_was_not_given_out_is_damage),
        TEST(deletes_out_of_order_are_damage),
        TEST(a_delete_that_makes_no_sense_is_damage),
        TEST(a_quarantine_whose_rows_come_again_is_damage),
        TEST(a_commit_that_makes_no_sense_is_damage),
        TEST(a_greatest_time_that_is_no_time_is_damage),
        TEST(a_list_of_segments_that_makes_no_sense_is_damage),
        TEST(segments_of_a_run_that_do_not_follow_each_other_are_damage),
        TEST(an_index_with_the_number_of_the_log_is_damage),
        TEST(numbers_of_segments_that_are_used_up_are_damage),
        TEST(numbers_of_runs_that_make_no_sense_are_damage),
        TEST(seqs_of_the_log_that_do_not_rise_are_damage),
        TEST(an_arrival_beyond_all_times_is_damage),
        TEST(a_lateness_that_is_listed_too_small_is_damage_where_it_is_gone_by),
    };
    return cmocka_run_group_tests_name("damaged history", tests, NULL, NULL);
}
