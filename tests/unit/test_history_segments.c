// Segments and compaction: what must hold when a few rows make many segments.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/segments_harness.h"

static const struct ss_history_options large = {.sync = false};

static int set_up_large(void **state)
{
    return set_up_with(state, &large);
}

// ---- Reading by seq

static void rows_behind_the_last_delete_are_read_by_seq(void **state)
{
    struct fixture *fixture = *state;
    for (int before = 1; before <= 1025; before += 512) {
        const int first = before * 10;
        const int64_t had = count_seq(fixture);
        add_rows(fixture, &fixture->payments, first, first + before, 10);
        take_back(fixture, first);
        add_rows(fixture, &fixture->payments, first + before, first + 4000, 10);
        assert_int_equal(count_seq(fixture) - had, 4001);
    }
}

static void a_read_by_seq_goes_on_after_a_call_that_failed(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    add_rows(fixture, &fixture->payments, 0, 3000, 50);
    for (long k = 1;; k++) {
        int64_t rows = 0;
        bool failed = false;
        assert_ok(ss_history_read_seq(fixture->history, &fixture->payments.source, 0, UINT64_MAX, NULL,
                                      &reader, &error));
        ss_fail_allocation_at(k);
        for (;;) {
            const enum ss_status status = reader->next(reader, &batch, &error);
            if (status != SS_OK) {
                assert_int_equal(status, SS_OUT_OF_MEMORY);
                failed = true;
                continue;
            }
            if (!batch) break;
            for (int32_t i = 0; i < batch->length; i++) assert_int_equal(batch->seq[i], ++rows);
        }
        ss_fail_allocation_at(0);
        reader->close(reader);
        assert_int_equal(rows, 3000);
        if (!failed) break;
    }
}

// ---- Scans

static void a_scan_goes_on_after_a_call_that_failed(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    const struct ss_view *view = &fixture->payments.views[VIEW_BY_USER];
    add_rows(fixture, &fixture->payments, 0, 2500, 19);
    struct digest want = {0};
    assert_ok(digest_view(fixture->history, view, INT64_MAX, &want));
    for (long k = 1;; k++) {
        struct digest got = {0};
        bool failed = false;
        reopen(fixture, &small); // nothing in its caches
        assert_ok(ss_history_read_entity(fixture->history, view, NULL, INT64_MIN, INT64_MAX, INT64_MAX,
                                         &reader, &error));
        ss_fail_allocation_at(k);
        for (;;) {
            const enum ss_status status = reader->next(reader, &batch, &error);
            if (status != SS_OK) {
                assert_int_equal(status, SS_OUT_OF_MEMORY);
                failed = true;
                continue;
            }
            if (!batch) break;
            digest_batch(batch, COLUMNS + 1, &got);
        }
        ss_fail_allocation_at(0);
        reader->close(reader);
        assert_same(got, want);
        if (!failed) break;
    }
}

static void many_waiting_rows_without_a_key_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct digest digest = {0};
    enum { ROWS = 3000 };
    static char long_key[600];
    memset(long_key, 'x', sizeof long_key - 1);
    for (int i = 0; i < ROWS; i++) {
        struct payment *made = row(fixture, i);
        made->user = i < 1500 ? "x" : long_key;
        made->shop = i < 1500 ? NULL_NUMBER : 1;
    }
    fixture->rows[ROWS - 1].user = "y";
    commit_payments(fixture->history, &fixture->visits, fixture->rows, ROWS, NULL);
    assert_int_equal(stats_of(fixture).staged, ROWS);
    assert_ok(digest_view(fixture->history, &fixture->visits.views[VIEW_BY_USER_AND_SHOP], ROWS, &digest));
    assert_int_equal(digest.rows, 1);
    compact(fixture, SS_COMPACT_ALL);
    assert_ok(digest_view(fixture->history, &fixture->visits.views[VIEW_BY_USER_AND_SHOP], ROWS, &digest));
    assert_int_equal(digest.rows, 2);
    assert_ok(digest_view(fixture->history, &fixture->visits.views[VIEW_BY_USER], ROWS, &digest));
    assert_int_equal(digest.rows, 2 + 1501);
}

static void a_scan_goes_on_behind_a_transaction_that_was_rolled_back(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_view *view = &fixture->payments.views[VIEW_BY_USER];
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    add_rows(fixture, &fixture->payments, 0, 5000, 50);
    compact(fixture, SS_COMPACT_ALL);
    struct digest want = {0}, got = {0};
    assert_ok(digest_view(fixture->history, view, 5000, &want));
    assert_ok(
        ss_history_read_entity(fixture->history, view, NULL, INT64_MIN, INT64_MAX, 5000, &reader, &error));
    for (int number = 5000;; number += 50) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        digest_batch(batch, COLUMNS + 1, &got);
        for (int i = 0; i < 50; i++) row(fixture, number + i);
        assert_ok(ss_history_begin(fixture->history, &error));
        assert_ok(
            append_payments(fixture->history, &fixture->payments, &fixture->rows[number], 50, NULL, &error));
        ss_history_rollback(fixture->history);
    }
    reader->close(reader);
    assert_same(got, want);
}

static void deletes_that_were_rolled_back_leave_no_mark_in_an_open_scan(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_view *view = &fixture->payments.views[VIEW_OF_WORLD];
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    add_rows(fixture, &fixture->payments, 0, 2048, 64);
    assert_ok(ss_history_begin(fixture->history, &error));
    for (int i = 0; i < 2048; i++) fixture->rows[i].is_delete = true;
    assert_ok(append_payments(fixture->history, &fixture->payments, fixture->rows, 2048, NULL, &error));
    assert_ok(ss_history_read_entity(fixture->history, view, NULL, INT64_MIN, INT64_MAX, INT64_MAX, &reader,
                                     &error));
    assert_ok(reader->next(reader, &batch, &error));
    for (int32_t i = 0; i < batch->length; i++) assert_true(batch->deleted_seq[i] > 2048);
    ss_history_rollback(fixture->history);
    assert_ok(reader->next(reader, &batch, &error));
    for (int32_t i = 0; i < batch->length; i++) assert_int_equal(batch->deleted_seq[i], 0);
    reader->close(reader);
}

static void a_reader_follows_an_index_that_was_made_anew_with_more_columns(void **state)
{
    struct fixture *fixture = *state;
    struct ss_history *beside;
    struct digest digest = {0};
    const struct ss_view *view = &fixture->payments.views[VIEW_BY_USER];
    add_rows(fixture, &fixture->payments, 0, 300, 30);
    assert_ok(ss_history_open_again(fixture->history, &beside, &error));
    assert_ok(digest_view(beside, view, 300, &digest));
    fixture->payments.row_inputs[COLUMN_FLAG] = fixture->payments.row_inputs[COLUMN_ID] = true;
    assert_ok(ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
    const int64_t rows = digest.rows;
    assert_ok(digest_view(beside, view, 300, &digest));
    assert_int_equal(digest.rows, rows * 2);
    ss_history_close(beside);
}

// ---- Compaction

static void large_runs_do_not_keep_small_ones_from_being_merged(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_history_options options = {
        .sizes = {.staging_rows = 2, .bulk_rows = 20, .segment_rows = 16, .fanout = 2}};
    reopen(fixture, &options);
    add_rows(fixture, &fixture->visits, 0, 70 * 20, 20); // 70 runs that are large
    add_rows(fixture, &fixture->visits, 1400, 1420, 2);
    const struct ss_history_stats before = stats_of(fixture);
    compact(fixture, SS_COMPACT_NEEDED);
    assert_true(stats_of(fixture).segments < before.segments);
}

static void a_compaction_that_is_not_needed_reads_no_list(void **state)
{
    struct fixture *fixture = *state;
    add_rows(fixture, &fixture->payments, 0, 500, 50);
    compact(fixture, SS_COMPACT_NEEDED);
    ss_fail_allocation_at(LONG_MAX);
    compact(fixture, SS_COMPACT_NEEDED);
    assert_int_equal(ss_allocations_made(), 0);
    ss_fail_allocation_at(0);
}

static void compaction_and_new_indexes_change_nothing_that_is_read(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 1000; i += 200) {
        add_rows(fixture, &fixture->payments, i, i + 100, 7);
        add_rows(fixture, &fixture->visits, i, i + 100, 30);
        take_back(fixture, i + 3);
        add_rows(fixture, &fixture->payments, i + 100, i + 200, 50);
    }
    const struct digest want = digest_of_both(fixture);
    static const enum ss_compaction ways[] = {SS_COMPACT_NEEDED, SS_COMPACT_ALL, SS_COMPACT_REINDEX};
    for (int i = 0; i < 3; i++) {
        compact(fixture, ways[i]);
        assert_same(digest_of_both(fixture), want);
        reopen(fixture, &small);
        assert_same(digest_of_both(fixture), want);
    }
    assert_int_equal(stats_of(fixture).staged, 0);
}

// ---- Large batches

static void a_large_batch_is_settled_as_its_rows_one_by_one_are(void **state)
{
    struct fixture *fixture = *state;
    enum { ROWS = 400 };
    struct ss_history *plain;
    char path[PATH_BYTES];
    enum ss_row_outcome bulk[ROWS], single[ROWS];
    snprintf(path, sizeof path, "%.480s/plain.db", fixture->directory);
    assert_ok(ss_history_create(path, &large, &error));
    assert_ok(ss_history_open(path, true, &large, &plain, &error));
    assert_ok(ss_history_prepare(plain, &fixture->payments.definitions, &error));
    struct ss_history *const both[] = {fixture->history, plain};
    for (int i = 0; i < ROWS; i++) row(fixture, i);
    struct payment deletes[40];
    for (int i = 0; i < 40; i++) { // the second half takes back what has not come yet
        deletes[i] = *row(fixture, i * 5);
        deletes[i].is_delete = true;
    }
    for (int i = 0; i < 2; i++) {
        commit_payments(both[i], &fixture->payments, fixture->rows, 100, NULL);
        commit_payments(both[i], &fixture->payments, deletes, 40, NULL);
    }
    for (int i = 0; i < ROWS; i++) { // stored, deleted, again, with other columns, twice in the batch
        struct payment *made = row(fixture, i % 300 < 100 ? i : i / 2);
        fixture->rows[i] = *made;
        if (i % 3 == 0) fixture->rows[i].amount += i % 2;
    }
    for (int i = 0; i < ROWS; i++) fixture->rows[i].shop = 1;
    commit_payments(fixture->history, &fixture->payments, fixture->rows, ROWS, bulk);
    for (int i = 0; i < ROWS; i++)
        commit_payments(plain, &fixture->payments, &fixture->rows[i], 1, &single[i]);
    for (int i = 0; i < ROWS; i++) assert_int_equal(bulk[i], single[i]);
    struct digest want = {0};
    assert_ok(try_digest(plain, &fixture->payments, &want));
    assert_same(digest_of(fixture, &fixture->payments), want);
    ss_history_close(plain);
}

static void a_large_batch_of_one_event_takes_no_longer_than_another(void **state)
{
    struct fixture *fixture = *state;
    enum ss_row_outcome *outcomes = calloc(ROWS_MOST, sizeof *outcomes);
    for (int i = 0; i < ROWS_MOST; i++) fixture->rows[i] = *row(fixture, 1);
    commit_payments(fixture->history, &fixture->payments, fixture->rows, ROWS_MOST, outcomes);
    assert_int_equal(outcomes[0], SS_ROW_STORED);
    for (int i = 1; i < ROWS_MOST; i++) assert_int_equal(outcomes[i], SS_ROW_DUPLICATE);
    free(outcomes);
}

static void much_text_makes_smaller_segments(void **state)
{
    struct fixture *fixture = *state;
    struct ss_history_options options = small;
    static char texts[100][3000];
    options.sizes = (struct ss_history_sizes){.staging_rows = 60, .bulk_rows = 50, .text_bytes = 8000};
    for (int i = 0; i < 100; i++) {
        row(fixture, i);
        memset(texts[i], 'a' + i % 26, (size_t)(i * 29));
        fixture->rows[i].user = texts[i];
    }
    commit_payments(fixture->history, &fixture->payments, fixture->rows, 100, NULL);
    const struct digest want = digest_of(fixture, &fixture->payments);
    tear_down(state);
    set_up_with(state, &options);
    struct fixture *again = *state;
    for (int i = 0; i < 100; i++) {
        row(again, i);
        again->rows[i].user = texts[i];
    }
    for (int i = 0; i < 60; i += 10)
        commit_payments(again->history, &again->payments, &again->rows[i], 10, NULL); // a flush
    commit_payments(again->history, &again->payments, &again->rows[60], 40, NULL);
    assert_true(stats_of(again).segments > 8 + 60 * 45 * 29 / 8000);
    again->payments.row_inputs[COLUMN_ID] = true;
    assert_ok(ss_history_prepare(again->history, &again->payments.definitions, &error));
    again->payments.row_inputs[COLUMN_ID] = false;
    assert_same(digest_of(again, &again->payments), want);
    compact(again, SS_COMPACT_ALL);
    assert_same(digest_of(again, &again->payments), want);
    compact(again, SS_COMPACT_REINDEX);
    assert_same(digest_of(again, &again->payments), want);
}

// ---- Damage

static void change(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    ss_history_close(fixture->history);
    fixture->history = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
    assert_ok(ss_history_open(fixture->path, true, &small, &fixture->history, &error));
}

static void damage_is_an_error_that_says_where(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql, *want;
    } cases[] = {
        {"UPDATE segments SET last_key = x'ff' WHERE index_id > 0", "column 'entities': the bounds"},
        {"UPDATE segments SET first_key = x'01' WHERE index_id > 0", "column 'entities': the bounds"},
        {"UPDATE segments SET row_count = row_count - 1", "checksum does not match"},
        {"UPDATE segments SET row_count = 65537", "in the list of segments, number"},
        {"UPDATE segments SET id = id + (1 << 46)", "in the list of segments, number"},
        {"UPDATE segments SET first_seq = last_seq + 1", "in the list of segments, number"},
        {"UPDATE blobs SET bytes = x''", "it is empty"},
        {"UPDATE blobs SET bytes = zeroblob(3)", "checksum does not match"},
        {"UPDATE blobs SET bytes = zeroblob(length(bytes)) WHERE (id & 65535) = 3", "column 'entities'"},
        {"DELETE FROM blobs WHERE (id & 65535) = 3", "column 'entities': it is missing"},
        {"DELETE FROM blobs WHERE (id & 65535) = 0", "column 'event_time': it is missing"},
        {"UPDATE blobs SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'7f' AS BLOB) "
         "WHERE (id & 65535) = 19",
         "column 'amount'"},
        {"UPDATE entity_indexes SET columns = '_1_1'", "an index makes no sense"},
        {"UPDATE entity_indexes SET columns = '_99'", "an index makes no sense"},
        {"UPDATE entity_indexes SET columns = 'x'", "an index makes no sense"},
        {"UPDATE entity_indexes SET keys = '_4' WHERE keys = '_1'", "an index makes no sense"},
        {"UPDATE source_columns SET type = 'no type'", "columns of a source make no sense"},
        {"UPDATE source_columns SET position = position + 50", "columns of a source make no sense"},
        {"DELETE FROM segment_generation", "generation of its segments is not there"},
        {"UPDATE deletes_1 SET target_seq = 100000", "names an event that is not there"},
    };
    add_rows(fixture, &fixture->payments, 0, 200, 50);
    take_back(fixture, 5);
    compact(fixture, SS_COMPACT_ALL);
    char copy[PATH_BYTES];
    snprintf(copy, sizeof copy, "%.480s/copy.db", fixture->directory);
    change(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    copy_file(fixture->path, copy);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct digest digest = {0};
        change(fixture, cases[i].sql);
        assert_status(SS_DAMAGED, try_digest(fixture->history, &fixture->payments, &digest));
        if (!strstr(error.message, cases[i].want)) fail_msg("%s: %s", cases[i].sql, error.message);
        ss_history_close(fixture->history);
        copy_file(copy, fixture->path);
        assert_ok(ss_history_open(fixture->path, true, &small, &fixture->history, &error));
    }
}

// ---- Allocations

enum work { FLUSH, BULK, COMPACT, REINDEX, MORE_COLUMNS, READ, WORKS };

static enum ss_status try_commit(struct fixture *fixture, int first, int count)
{
    struct ss_commit commit = {.arrival_us = 9000, .newest_us = 9000};
    const struct payments *payments = &fixture->payments;
    enum ss_status status = ss_history_begin(fixture->history, &error);
    if (status != SS_OK) return status;
    status = append_payments(fixture->history, payments, &fixture->rows[first], count, NULL, &error);
    if (status == SS_OK) status = ss_history_commit(fixture->history, &commit, &error);
    ss_history_rollback(fixture->history);
    return status;
}

static enum ss_status try_work(struct fixture *fixture, enum work work, struct digest *read)
{
    switch (work) {
    case FLUSH: return try_commit(fixture, 105, 19);
    case BULK: return try_commit(fixture, 124, 60);
    case COMPACT: return ss_history_compact(fixture->history, SS_COMPACT_ALL, &error);
    case REINDEX: return ss_history_compact(fixture->history, SS_COMPACT_REINDEX, &error);
    case MORE_COLUMNS: return ss_history_prepare(fixture->history, &fixture->payments.definitions, &error);
    default: *read = (struct digest){0}; return try_digest(fixture->history, &fixture->payments, read);
    }
}

static void every_failing_allocation_is_an_error_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct digest read = {0};
    add_rows(fixture, &fixture->payments, 0, 100, 25);
    take_back(fixture, 7);
    add_rows(fixture, &fixture->payments, 100, 105, 5);
    for (int i = 105; i < 184; i++) row(fixture, i);
    for (int work = 0; work < WORKS; work++) {
        if (work == MORE_COLUMNS) fixture->payments.row_inputs[COLUMN_FLAG] = true;
        for (long k = 1;; k++) {
            reopen(fixture, &small);
            const struct digest before =
                work == MORE_COLUMNS ? (struct digest){0} : digest_of(fixture, &fixture->payments);
            reopen(fixture, &small);
            ss_fail_allocation_at(k);
            const enum ss_status status = try_work(fixture, (enum work)work, &read);
            const bool swept = ss_allocations_made() < k;
            ss_fail_allocation_at(0);
            if (!swept && status == SS_OK) fail_msg("work %d, allocation %ld: it went well", work, k);
            if (status != SS_OK) assert_int_equal(status, SS_OUT_OF_MEMORY);
            if (!swept && work != MORE_COLUMNS) assert_same(digest_of(fixture, &fixture->payments), before);
            if (swept) {
                assert_int_equal(status, SS_OK);
                break;
            }
        }
    }
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define LARGE(name) cmocka_unit_test_setup_teardown(name, set_up_large, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_behind_the_last_delete_are_read_by_seq),
        LARGE(rows_behind_the_last_delete_are_read_by_seq),
        TEST(a_read_by_seq_goes_on_after_a_call_that_failed),
        TEST(a_scan_goes_on_after_a_call_that_failed),
        LARGE(many_waiting_rows_without_a_key_are_passed_over),
        TEST(a_scan_goes_on_behind_a_transaction_that_was_rolled_back),
        TEST(deletes_that_were_rolled_back_leave_no_mark_in_an_open_scan),
        TEST(a_reader_follows_an_index_that_was_made_anew_with_more_columns),
        TEST(large_runs_do_not_keep_small_ones_from_being_merged),
        TEST(a_compaction_that_is_not_needed_reads_no_list),
        TEST(compaction_and_new_indexes_change_nothing_that_is_read),
        TEST(a_large_batch_is_settled_as_its_rows_one_by_one_are),
        LARGE(a_large_batch_of_one_event_takes_no_longer_than_another),
        TEST(much_text_makes_smaller_segments),
        TEST(damage_is_an_error_that_says_where),
        TEST(every_failing_allocation_is_an_error_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("history's segments", tests, NULL, NULL);
}
