// History: identity, deletes, seq and commits, tables that follow definitions, opening.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/history_harness.h"

// ---- Identity

static void same_event_again_changes_nothing(void **state)
{
    assert_int_equal(outcome_of(*state, pay("a", "u", 100)), STORED);
    struct payment later = pay("a", "u", 100);
    later.arrival_us = 7777; // no part of the event's columns
    assert_int_equal(outcome_of(*state, later), DUPLICATE);
    assert_int_equal(newest_seq(*state), 1);
}

static void same_identity_with_other_columns_is_a_conflict(void **state)
{
    struct payment row = pay("a", "u", 100);
    assert_int_equal(outcome_of(*state, row), STORED);
    row.amount++;
    assert_int_equal(outcome_of(*state, row), CONFLICT);
    row.amount = NULL_NUMBER;
    assert_int_equal(outcome_of(*state, row), CONFLICT);
    row = pay("a", NULL, 100);
    assert_int_equal(outcome_of(*state, row), CONFLICT);
    row = pay("a", "u", 100);
    row.flag = true;
    assert_int_equal(outcome_of(*state, row), CONFLICT);
    row = pay("a", "u", 100);
    row.rate = 0x1.0000000000001p-1; // the next double
    assert_int_equal(outcome_of(*state, row), CONFLICT);
    assert_int_equal(newest_seq(*state), 1);
}

static void the_operation_is_no_part_of_the_comparison(void **state)
{
    struct payment row = pay("a", "u", 100);
    assert_int_equal(outcome_of(*state, row), STORED);
    row.op = "insert";
    assert_int_equal(outcome_of(*state, row), DUPLICATE);
}

static void event_time_is_part_of_the_identity(void **state)
{
    assert_int_equal(outcome_of(*state, pay("a", "u", 100)), STORED);
    assert_int_equal(outcome_of(*state, pay("a", "v", 101)), STORED);
}

static void without_event_id_equal_rows_count_twice(void **state)
{
    struct fixture *fixture = *state;
    const struct payment rows[] = {pay("a", "u", 100), pay("a", "u", 100)};
    enum ss_row_outcome outcomes[2];
    commit_payments(fixture->history, &fixture->visits, rows, 2, outcomes);
    assert_int_equal(outcomes[0], STORED);
    assert_int_equal(outcomes[1], STORED);
}

static void delete_is_final_after_its_insert(void **state)
{
    struct payment other = pay("a", "v", 100);
    assert_int_equal(outcome_of(*state, pay("a", "u", 100)), STORED);
    assert_int_equal(outcome_of(*state, take_back("a", 100)), STORED);
    assert_int_equal(outcome_of(*state, take_back("a", 100)), DUPLICATE);
    assert_int_equal(outcome_of(*state, pay("a", "u", 100)), DUPLICATE);
    assert_int_equal(outcome_of(*state, other), CONFLICT);
    assert_int_equal(newest_seq(*state), 2);
}

static void delete_is_final_before_its_insert(void **state)
{
    assert_int_equal(outcome_of(*state, take_back("a", 100)), STORED);
    assert_int_equal(outcome_of(*state, pay("a", "u", 100)), DUPLICATE);
    assert_int_equal(outcome_of(*state, pay("a", "v", 100)), DUPLICATE);
    assert_int_equal(outcome_of(*state, take_back("a", 100)), DUPLICATE);
    assert_int_equal(outcome_of(*state, pay("a", "u", 101)), STORED);
    assert_int_equal(newest_seq(*state), 2);
}

static void one_batch_may_hold_an_event_its_copy_and_its_delete(void **state)
{
    struct fixture *fixture = *state;
    const struct payment rows[] = {take_back("b", 5), pay("a", "u", 1), pay("a", "u", 1), pay("a", "v", 1),
                                   take_back("a", 1), pay("b", "u", 5), pay("c", "u", 9)};
    const enum ss_row_outcome want[] = {STORED, STORED, DUPLICATE, CONFLICT, STORED, DUPLICATE, STORED};
    enum ss_row_outcome outcomes[7];
    const struct ss_commit commit = commit_payments(fixture->history, &fixture->payments, rows, 7, outcomes);
    for (int i = 0; i < 7; i++) assert_int_equal(outcomes[i], want[i]);
    assert_int_equal(commit.first_seq, 1);
    assert_int_equal(commit.last_seq, 4);
}

// ---- seq and commits

static void seq_has_no_holes_after_a_rollback(void **state)
{
    struct fixture *fixture = *state;
    const struct payment row = pay("a", "u", 100);
    enum ss_row_outcome outcome;
    commit_payments(fixture->history, &fixture->visits, &row, 1, NULL);
    assert_ok(ss_history_begin(fixture->history, &error));
    assert_ok(append_payments(fixture->history, &fixture->payments, &row, 1, &outcome, &error));
    assert_int_equal(outcome, STORED);
    ss_history_rollback(fixture->history);
    const struct ss_commit commit = commit_payments(fixture->history, &fixture->payments, &row, 1, &outcome);
    assert_int_equal(outcome, STORED);
    assert_int_equal(commit.first_seq, 2);
    assert_int_equal(commit.last_seq, 2);
}

static void a_commit_is_found_by_any_of_its_seqs(void **state)
{
    struct fixture *fixture = *state;
    const struct payment rows[] = {pay("a", "u", 1), pay("b", "u", 2), pay("c", "u", 3)};
    struct ss_commit found;
    bool is_found;
    const struct ss_commit first = commit_payments(fixture->history, &fixture->payments, rows, 2, NULL);
    const struct ss_commit second = commit_payments(fixture->history, &fixture->visits, rows, 3, NULL);
    assert_int_not_equal(first.id, second.id);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        const struct ss_commit *want = seq <= 2 ? &first : &second;
        assert_ok(ss_history_find_commit(fixture->history, seq, &found, &is_found, &error));
        assert_true(is_found);
        assert_memory_equal(&found, want, sizeof found);
    }
    assert_ok(ss_history_find_commit(fixture->history, 6, &found, &is_found, &error));
    assert_false(is_found);
    assert_ok(ss_history_find_commit(fixture->history, UINT64_MAX, &found, &is_found, &error));
    assert_false(is_found);
    assert_ok(ss_history_newest_commit(fixture->history, &found, &error));
    assert_memory_equal(&found, &second, sizeof found);
}

static void empty_transaction_makes_no_commit_but_keeps_notes(void **state)
{
    struct fixture *fixture = *state;
    const struct payment row = pay("a", "u", 100);
    const struct ss_sha256 hash = {{1, 2, 3}};
    const struct ss_quarantine_row bad = {"payments", "p.csv",       7,
                                          "amount",   {"7.x\0y", 5}, "not a decimal(2)"};
    struct ss_sha256 found_hash;
    struct ss_history_stats stats;
    uint64_t last;
    bool found;
    const struct ss_commit first = commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    struct ss_commit commit = {.arrival_us = 1000000, .newest_us = 1000000};
    assert_ok(ss_history_begin(fixture->history, &error));
    assert_ok(append_payments(fixture->history, &fixture->payments, &row, 1, NULL, &error));
    assert_ok(ss_history_quarantine(fixture->history, &bad, &error));
    assert_ok(ss_history_note_batch(fixture->history, "till", 1, &hash, &error));
    assert_ok(ss_history_commit(fixture->history, &commit, &error));
    assert_int_equal(commit.last_seq, first.last_seq);
    assert_true(commit.id == first.id);
    assert_ok(ss_history_producer(fixture->history, "till", 1, &last, &found, &found_hash, &error));
    assert_true(found && last == 1);
    assert_memory_equal(&found_hash, &hash, sizeof hash);
    assert_ok(ss_history_stats(fixture->history, &stats, &error));
    assert_int_equal(stats.commits, 1);
    assert_int_equal(stats.quarantined, 1);
    int64_t newest_us;
    assert_ok(ss_history_newest_time(fixture->history, &newest_us, &error));
    assert_int_equal(newest_us, 110);
}

static void newest_time_is_the_greatest_of_all_commits(void **state)
{
    struct fixture *fixture = *state;
    int64_t newest_us;
    assert_ok(ss_history_newest_time(fixture->history, &newest_us, &error));
    assert_true(newest_us == SS_TIME_MIN_US);
    struct payment row = pay("a", "u", 5000);
    commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    row = pay("b", "u", -90000);
    commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    assert_ok(ss_history_newest_time(fixture->history, &newest_us, &error));
    assert_int_equal(newest_us, 5010);
}

static void producers_batches_are_kept_apart(void **state)
{
    struct fixture *fixture = *state;
    const struct ss_sha256 one = {{1}}, two = {{2}};
    struct ss_commit commit = {0};
    struct ss_sha256 hash;
    uint64_t last;
    bool found;
    assert_ok(ss_history_producer(fixture->history, "p", 1, &last, &found, &hash, &error));
    assert_true(last == 0 && !found);
    assert_ok(ss_history_begin(fixture->history, &error));
    assert_ok(ss_history_note_batch(fixture->history, "p", 1, &one, &error));
    assert_ok(ss_history_note_batch(fixture->history, "p", 2, &two, &error));
    assert_ok(ss_history_note_batch(fixture->history, "q", 1, &two, &error));
    assert_ok(ss_history_commit(fixture->history, &commit, &error));
    assert_ok(ss_history_producer(fixture->history, "p", 1, &last, &found, &hash, &error));
    assert_true(last == 2 && found);
    assert_memory_equal(&hash, &one, sizeof hash);
    assert_ok(ss_history_producer(fixture->history, "p", 3, &last, &found, &hash, &error));
    assert_true(last == 2 && !found);
    assert_ok(ss_history_producer(fixture->history, "q", 1, &last, &found, &hash, &error));
    assert_true(last == 1 && found);
    assert_memory_equal(&hash, &two, sizeof hash);
}

static void a_source_becomes_live_once_and_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct ss_commit commit = {0};
    bool live;
    assert_ok(ss_history_is_live(fixture->history, "visits", &live, &error));
    assert_false(live);
    assert_ok(ss_history_begin(fixture->history, &error));
    assert_ok(ss_history_mark_live(fixture->history, "visits", &error));
    assert_ok(ss_history_mark_live(fixture->history, "visits", &error));
    assert_ok(ss_history_commit(fixture->history, &commit, &error));
    assert_ok(ss_history_is_live(fixture->history, "visits", &live, &error));
    assert_true(live);
    assert_ok(ss_history_is_live(fixture->history, fixture->payments.source.name, &live, &error));
    assert_false(live);
}

struct quarantine_seen {
    int count;
    uint64_t lines[8];
};

static enum ss_status see_quarantined(void *context, const struct ss_quarantine_row *row)
{
    struct quarantine_seen *seen = context;
    if (seen->count == 0) {
        assert_string_equal(row->source, "s");
        assert_string_equal(row->file, "f.csv");
        assert_string_equal(row->column, "c");
        assert_string_equal(row->reason, "bad");
        assert_int_equal(row->value.size, 3);
        assert_memory_equal(row->value.data, "a\0b", 3);
    }
    seen->lines[seen->count++] = row->line;
    return seen->count == 3 ? SS_FOUND : SS_OK;
}

static void quarantined_rows_are_listed_by_source(void **state)
{
    struct fixture *fixture = *state;
    struct ss_commit commit = {0};
    struct quarantine_seen seen = {0};
    struct ss_quarantine_row row = {"s", "f.csv", 1, "c", {"a\0b", 3}, "bad"};
    assert_ok(ss_history_begin(fixture->history, &error));
    for (row.line = 1; row.line <= 6; row.line++) {
        row.source = row.line % 2 ? "s" : "t";
        assert_ok(ss_history_quarantine(fixture->history, &row, &error));
    }
    row = (struct ss_quarantine_row){"t", NULL, 0, NULL, {NULL, 0}, "bad"};
    assert_ok(ss_history_quarantine(fixture->history, &row, &error));
    assert_ok(ss_history_commit(fixture->history, &commit, &error));
    assert_int_equal(ss_history_each_quarantined(fixture->history, "s", see_quarantined, &seen, &error),
                     SS_FOUND);
    assert_int_equal(seen.lines[0], 1);
    assert_int_equal(seen.lines[1], 3);
    assert_int_equal(seen.lines[2], 5);
    seen.count = 3; // no stop
    assert_ok(ss_history_each_quarantined(fixture->history, "t", see_quarantined, &seen, &error));
    assert_int_equal(seen.count, 7);
    assert_int_equal(seen.lines[3], 2);
    assert_int_equal(seen.lines[6], 0);
}

// ---- Tables follow definitions

static void preparing_again_changes_nothing_and_may_add_columns(void **state)
{
    struct fixture *fixture = *state;
    struct payments wider;
    const struct payment row = pay("a", "u", 100);
    make_payments(&wider, "visits", false);
    wider.source.column_count = COLUMN_RATE; // the source once had fewer columns
    wider.source.name = wider.views[0].name = "growing";
    struct ss_source_column at = wider.columns[COLUMN_AT];
    wider.columns[COLUMN_SHOP] = at;
    wider.source.event_time_column = COLUMN_SHOP;
    wider.definitions.view_count = 1;
    assert_ok(ss_history_prepare(fixture->history, &wider.definitions, &error));
    assert_ok(ss_history_prepare(fixture->history, &wider.definitions, &error));
    commit_payments(fixture->history, &fixture->visits, &row, 1, NULL);
    make_payments(&wider, "growing", false);
    assert_ok(ss_history_prepare(fixture->history, &wider.definitions, &error));
    assert_int_equal(newest_seq(fixture), 1);
    commit_payments(fixture->history, &wider, &row, 1, NULL);
    assert_int_equal(newest_seq(fixture), 2);
}

static void a_column_keeps_its_type(void **state)
{
    struct fixture *fixture = *state;
    fixture->visits.columns[COLUMN_AMOUNT].type.scale = 3;
    assert_status(SS_CONFLICT, ss_history_prepare(fixture->history, &fixture->visits.definitions, &error));
    assert_non_null(strstr(error.message, "source 'visits': column 'amount' is decimal(2) in history"));
    assert_non_null(strstr(error.message, "and decimal(3) in the definitions"));
}

static void a_source_keeps_its_identity(void **state)
{
    struct fixture *fixture = *state;
    fixture->visits.source.event_id_column = COLUMN_ID;
    assert_status(SS_CONFLICT, ss_history_prepare(fixture->history, &fixture->visits.definitions, &error));
    assert_non_null(strstr(error.message, "(event_time at, event_id none)"));
    assert_non_null(strstr(error.message, "(event_time at, event_id id)"));
}

static void a_failed_prepare_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct payments fresh;
    struct ss_event_reader *reader;
    make_payments(&fresh, "fresh", true);
    struct ss_source sources[2] = {fresh.source, fixture->visits.source};
    fixture->visits.columns[COLUMN_AMOUNT].type.scale = 3;
    struct ss_definitions both = {.source_count = 2, .sources = sources};
    assert_status(SS_CONFLICT, ss_history_prepare(fixture->history, &both, &error));
    assert_status(SS_NOT_FOUND,
                  ss_history_read_seq(fixture->history, &fresh.source, 0, 9, NULL, &reader, &error));
    assert_non_null(strstr(error.message, "run 'selfsame apply'"));
}

static void old_rows_are_null_in_an_added_column(void **state)
{
    struct fixture *fixture = *state;
    struct ss_source_column more[COLUMNS + 1];
    const struct payment row = pay("a", "u", 100);
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    commit_payments(fixture->history, &fixture->visits, &row, 1, NULL);
    memcpy(more, fixture->visits.columns, sizeof fixture->visits.columns);
    more[COLUMNS] = (struct ss_source_column){.name = "extra", .type = {SS_INT64, 0}};
    fixture->visits.source.columns = more;
    fixture->visits.source.column_count = COLUMNS + 1;
    assert_status(SS_NOT_FOUND, ss_history_read_seq(fixture->history, &fixture->visits.source, 0, 9, NULL,
                                                    &reader, &error));
    fixture->visits.definitions.view_count = 0;
    assert_ok(ss_history_prepare(fixture->history, &fixture->visits.definitions, &error));
    assert_ok(ss_history_read_seq(fixture->history, &fixture->visits.source, 0, 9, NULL, &reader, &error));
    assert_ok(reader->next(reader, &batch, &error));
    assert_int_equal(batch->length, 1);
    assert_false(ss_column_get(&batch->columns[COLUMNS], 0).present);
    assert_int_equal(ss_column_get(&batch->columns[COLUMN_AMOUNT], 0).i64, 1250);
    assert_int_equal(ss_column_get(&batch->columns[COLUMN_AT], 0).i64, 100);
    reader->close(reader);
}

static void a_reader_without_the_index_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct ss_event_reader *reader;
    fixture->visits.views[VIEW_BY_USER].key_columns[0] = COLUMN_ID;
    assert_status(SS_NOT_FOUND, ss_history_read_entity(fixture->history, &fixture->visits.views[VIEW_BY_USER],
                                                       NULL, 0, 10, 5, &reader, &error));
    assert_non_null(strstr(error.message, "no index of source 'visits' by entity 'by_user'"));
}

static void stats_count_inserts_and_deletes(void **state)
{
    struct fixture *fixture = *state;
    const struct payment rows[] = {pay("a", "u", 1), take_back("a", 1), take_back("b", 1), pay("c", "u", 1)};
    struct ss_history_stats stats;
    commit_payments(fixture->history, &fixture->payments, rows, 4, NULL);
    commit_payments(fixture->history, &fixture->visits, rows, 1, NULL);
    assert_ok(ss_history_stats(fixture->history, &stats, &error));
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.events, 3);
    assert_int_equal(stats.deletes, 2);
    assert_int_equal(stats.quarantined, 0);
    assert_true(stats.file_bytes + stats.wal_bytes > 0);
}

static void a_handle_follows_what_another_has_prepared_since(void **state)
{
    struct fixture *fixture = *state;
    struct payments more;
    struct ss_history *reader;
    struct ss_event_reader *events = NULL;
    const struct ss_event_batch *batch;
    make_payments(&more, "visits", false);
    const int by_shop = COLUMN_SHOP;
    more.entities[VIEW_BY_USER].key_types[0] = more.columns[by_shop].type;
    more.views[VIEW_BY_USER].key_columns[0] = by_shop;
    const struct payment row = pay("a", "u", 100);
    assert_ok(ss_history_open(fixture->path, false, &no_sync, &reader, &error));
    assert_ok(ss_history_read_entity(reader, &fixture->visits.views[VIEW_BY_USER], NULL, 0, 1000, 9, &events,
                                     &error));
    assert_ok(events->next(events, &batch, &error));
    assert_null(batch);
    events->close(events);
    assert_ok(ss_history_prepare(fixture->history, &more.definitions, &error));
    commit_payments(fixture->history, &fixture->visits, &row, 1, NULL);
    assert_ok(ss_history_read_entity(reader, &more.views[VIEW_BY_USER], NULL, 0, 1000, 9, &events, &error));
    assert_ok(events->next(events, &batch, &error));
    assert_int_equal(batch->length, 1);
    events->close(events);
    ss_history_close(reader);
}

// ---- Opening

static void a_read_only_handle_cannot_write(void **state)
{
    struct fixture *fixture = *state;
    struct ss_history *reader;
    struct ss_commit commit = {0};
    const struct ss_sha256 hash = {{0}};
    assert_ok(ss_history_open(fixture->path, false, &no_sync, &reader, &error));
    if (ss_history_begin(reader, &error) == SS_OK &&
        ss_history_note_batch(reader, "p", 1, &hash, &error) == SS_OK)
        assert_int_not_equal(ss_history_commit(reader, &commit, &error), SS_OK);
    ss_history_close(reader);
}

static void what_was_committed_is_there_after_a_reopen(void **state)
{
    struct fixture *fixture = *state;
    const struct payment row = pay("a", "u", 100);
    const struct ss_commit commit = commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    struct ss_commit found;
    ss_history_close(fixture->history);
    assert_ok(ss_history_open(fixture->path, true, &no_sync, &fixture->history, &error));
    assert_ok(ss_history_newest_commit(fixture->history, &found, &error));
    assert_memory_equal(&found, &commit, sizeof found);
    assert_int_equal(outcome_of(fixture, row), DUPLICATE);
}

static void creating_over_a_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_status(SS_CONFLICT, ss_history_create(fixture->path, &no_sync, &error));
    assert_int_equal(newest_seq(fixture), 0);
}

struct points {
    int before, after;
};

static void see_point(void *context, const char *name)
{
    struct points *points = context;
    if (strcmp(name, "history_before_commit") == 0) points->before++;
    if (strcmp(name, "history_after_commit") == 0) points->after++;
}

static void fault_points_are_called_around_the_commit(void **state)
{
    struct fixture *fixture = *state;
    struct points points = {0};
    const struct ss_history_options options = {.fault_point = see_point, .fault_context = &points};
    const struct payment row = pay("a", "u", 100);
    ss_history_close(fixture->history);
    assert_ok(ss_history_open(fixture->path, true, &options, &fixture->history, &error));
    commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    assert_int_equal(points.before, 1);
    assert_int_equal(points.after, 1);
}

static void every_failing_allocation_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    const struct payment row = pay("a", "u", 100);
    commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    ss_history_close(fixture->history);
    fixture->history = NULL;
    for (long k = 1;; k++) {
        struct ss_history *history = NULL;
        struct ss_event_reader *reader = NULL;
        const struct ss_event_batch *batch;
        const struct ss_value key = text_of("u");
        ss_fail_allocation_at(k);
        enum ss_status status = ss_history_open(fixture->path, true, &no_sync, &history, &error);
        if (status == SS_OK) status = ss_history_prepare(history, &fixture->payments.definitions, &error);
        if (status == SS_OK)
            status = ss_history_read_entity(history, &fixture->payments.views[VIEW_BY_USER], &key, 0, 1000, 1,
                                            &reader, &error);
        if (status == SS_OK) status = reader->next(reader, &batch, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (reader) reader->close(reader);
        ss_history_close(history);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        if (swept) break;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(same_event_again_changes_nothing),
        TEST(same_identity_with_other_columns_is_a_conflict),
        TEST(the_operation_is_no_part_of_the_comparison),
        TEST(event_time_is_part_of_the_identity),
        TEST(without_event_id_equal_rows_count_twice),
        TEST(delete_is_final_after_its_insert),
        TEST(delete_is_final_before_its_insert),
        TEST(one_batch_may_hold_an_event_its_copy_and_its_delete),
        TEST(seq_has_no_holes_after_a_rollback),
        TEST(a_commit_is_found_by_any_of_its_seqs),
        TEST(empty_transaction_makes_no_commit_but_keeps_notes),
        TEST(newest_time_is_the_greatest_of_all_commits),
        TEST(producers_batches_are_kept_apart),
        TEST(a_source_becomes_live_once_and_for_all),
        TEST(quarantined_rows_are_listed_by_source),
        TEST(preparing_again_changes_nothing_and_may_add_columns),
        TEST(a_column_keeps_its_type),
        TEST(a_source_keeps_its_identity),
        TEST(a_failed_prepare_leaves_nothing),
        TEST(old_rows_are_null_in_an_added_column),
        TEST(a_reader_without_the_index_says_so),
        TEST(stats_count_inserts_and_deletes),
        TEST(a_handle_follows_what_another_has_prepared_since),
        TEST(a_read_only_handle_cannot_write),
        TEST(what_was_committed_is_there_after_a_reopen),
        TEST(creating_over_a_file_is_refused),
        TEST(fault_points_are_called_around_the_commit),
        TEST(every_failing_allocation_is_an_error),
    };
    const int failed = cmocka_run_group_tests_name("history", tests, NULL, NULL);
    no_sync.sizes = small;
    return failed + cmocka_run_group_tests_name("history in small segments", tests, NULL, NULL);
}
