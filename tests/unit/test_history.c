// History: identity, deletes, seq, and both ways of reading, against a naive model of the same.

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STORED    SS_ROW_STORED
#define DUPLICATE SS_ROW_DUPLICATE
#define CONFLICT  SS_ROW_CONFLICT

static struct ss_error error;
static struct ss_history_options no_sync = {.sync = false};
// So that a few rows go through staging, many segments and several rounds of compaction.
static const struct ss_history_sizes small = {
    .staging_rows = 37, .bulk_rows = 20, .segment_rows = 16, .fanout = 3};

struct fixture {
    char directory[PATH_BYTES], path[PATH_BYTES];
    struct payments payments, visits; // with and without event_id
    const struct payments *read;      // what is compared with the model
    struct ss_history *history;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    make_test_directory(fixture->directory);
    snprintf(fixture->path, sizeof fixture->path, "%.480s/history.db", fixture->directory);
    make_payments(&fixture->payments, "payments; drop table commits--", true);
    make_payments(&fixture->visits, "visits", false);
    fixture->read = &fixture->payments;
    assert_ok(ss_history_create(fixture->path, &no_sync, &error));
    assert_ok(ss_history_open(fixture->path, true, &no_sync, &fixture->history, &error));
    assert_ok(ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
    assert_ok(ss_history_prepare(fixture->history, &fixture->visits.definitions, &error));
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

static struct payment pay(const char *id, const char *user, int64_t at_us)
{
    return (struct payment){.id = id,
                            .user = user,
                            .shop = 7,
                            .amount = 1250,
                            .rate = 0.5,
                            .at_us = at_us,
                            .arrival_us = at_us + 10};
}

static struct payment take_back(const char *id, int64_t at_us)
{
    return (struct payment){.id = id,
                            .user = NULL,
                            .shop = NULL_NUMBER,
                            .amount = NULL_NUMBER,
                            .at_us = at_us,
                            .arrival_us = at_us + 500,
                            .is_delete = true};
}

static enum ss_row_outcome outcome_of(struct fixture *fixture, struct payment row)
{
    enum ss_row_outcome outcome;
    commit_payments(fixture->history, &fixture->payments, &row, 1, &outcome);
    return outcome;
}

static uint64_t newest_seq(struct fixture *fixture)
{
    struct ss_commit commit;
    assert_ok(ss_history_newest_commit(fixture->history, &commit, &error));
    return commit.last_seq;
}

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

// ---- Reading, against a model

#define MODEL_ROWS 20000

struct model_row {
    struct payment row;
    uint64_t seq, target_seq, deleted_seq;
    int64_t deleted_arrival_us;
};

struct model {
    struct model_row *rows;
    size_t count;
};

static struct model_row *find_model(struct model *model, const struct payment *row, bool deletes)
{
    for (size_t i = 0; i < model->count; i++) {
        struct model_row *found = &model->rows[i];
        if (found->row.is_delete == deletes && found->row.at_us == row->at_us &&
            strcmp(found->row.id, row->id) == 0)
            return found;
    }
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_columns(const struct payment *a, const struct payment *b)
{
    return same_text(a->user, b->user) && a->shop == b->shop && a->amount == b->amount &&
           a->flag == b->flag && memcmp(&a->rate, &b->rate, sizeof a->rate) == 0;
}

static enum ss_row_outcome model_outcome(struct model *model, const struct payment *row)
{
    struct model_row *insert = find_model(model, row, false), *delete = find_model(model, row, true);
    if (row->is_delete) return delete ? DUPLICATE : STORED;
    if (insert) return same_columns(&insert->row, row) ? DUPLICATE : CONFLICT;
    return delete ? DUPLICATE : STORED;
}

static void model_add(struct model *model, const struct payment *row)
{
    struct model_row *insert = find_model(model, row, false);
    struct model_row *added = &model->rows[model->count];
    *added = (struct model_row){.row = *row, .seq = model->count + 1, .deleted_arrival_us = SS_NEVER_US};
    model->count++;
    if (!row->is_delete || !insert) return;
    added->target_seq = insert->seq;
    insert->deleted_seq = added->seq;
    insert->deleted_arrival_us = row->arrival_us;
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

static const char *const ids[] = {"a", "b", "", "d'", "e\"", "f", "g", "h"};
static const char *const users[] = {"", "u", "ua", "\xc3\xbc", "z", NULL};

static struct payment random_payment(void)
{
    struct payment row = {.id = ids[random_below(8)],
                          .user = users[random_below(6)],
                          .shop = (int64_t)random_below(3) - 1,
                          .amount = (int64_t)random_below(3),
                          .rate = (double)random_below(2) / 3,
                          .flag = random_below(2),
                          .at_us = (int64_t)random_below(200) - 100,
                          .is_delete = random_below(6) == 0};
    if (row.shop == -1) row.shop = random_below(2) ? NULL_NUMBER : INT64_MIN + 1;
    row.arrival_us = row.at_us + (int64_t)random_below(50);
    return row;
}

static void fill_at_random(struct fixture *fixture, struct model *model, int batches)
{
    struct payment rows[64];
    enum ss_row_outcome outcomes[64];
    for (int batch = 0; batch < batches; batch++) {
        const int32_t length = 1 + (int32_t)random_below(50);
        const bool has_deletes = random_below(3) > 0;
        for (int32_t i = 0; i < length; i++) {
            rows[i] = random_payment();
            rows[i].is_delete = rows[i].is_delete && has_deletes;
        }
        commit_payments(fixture->history, &fixture->payments, rows, length, outcomes);
        for (int32_t i = 0; i < length; i++) {
            assert_int_equal(outcomes[i], model_outcome(model, &rows[i]));
            if (outcomes[i] == STORED) model_add(model, &rows[i]);
        }
        assert_int_equal(newest_seq(fixture), model->count);
        if (random_below(4) == 0)
            assert_ok(ss_history_compact(fixture->history,
                                         random_below(20) ? SS_COMPACT_NEEDED : SS_COMPACT_ALL, &error));
    }
}

static void check_value(const struct ss_column *column, int32_t row, struct ss_value want)
{
    assert_int_equal(column->length > row, true);
    assert_true(ss_value_equal(column->type, ss_column_get(column, row), want));
}

static struct ss_value text_of(const char *text)
{
    return text ? (struct ss_value){.present = true, .text = ss_bytes_of(text)} : (struct ss_value){0};
}

static struct ss_value number_of(int64_t number)
{
    return number == NULL_NUMBER ? (struct ss_value){0} : (struct ss_value){.present = true, .i64 = number};
}

static void check_row(const struct ss_event_batch *batch, int32_t at, const struct model_row *want,
                      uint64_t s)
{
    const bool deleted = want->deleted_seq && want->deleted_seq <= s;
    assert_int_equal(batch->seq[at], want->seq);
    assert_int_equal(batch->event_time_us[at], want->row.at_us);
    assert_int_equal(batch->arrival_us[at], want->row.arrival_us);
    if (batch->is_delete) { // a read by seq
        assert_int_equal(batch->is_delete[at], want->row.is_delete);
        assert_int_equal(batch->target_seq[at], want->target_seq);
    }
    assert_int_equal(batch->deleted_seq[at], deleted ? want->deleted_seq : 0);
    assert_true(batch->deleted_arrival_us[at] == (deleted ? want->deleted_arrival_us : SS_NEVER_US));
    check_value(&batch->columns[COLUMNS], at, number_of(want->row.at_us));
}

static void check_inputs(const struct ss_event_batch *batch, int32_t at, const struct model_row *want)
{
    check_value(&batch->columns[COLUMN_AMOUNT], at, number_of(want->row.amount));
    check_value(&batch->columns[COLUMN_RATE], at, (struct ss_value){.present = true, .f64 = want->row.rate});
}

static void check_read_by_seq(struct fixture *fixture, const struct model *model, uint64_t after,
                              uint64_t upto)
{
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    size_t next = after;
    assert_ok(
        ss_history_read_seq(fixture->history, &fixture->read->source, after, upto, NULL, &reader, &error));
    for (;;) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        assert_in_range(batch->length, 1, SS_BATCH_ROWS);
        for (int32_t i = 0; i < batch->length; i++, next++) {
            while (model->rows[next].row.is_delete && !model->rows[next].target_seq) next++;
            const struct model_row *want = &model->rows[next];
            const struct model_row *columns = want->target_seq ? &model->rows[want->target_seq - 1] : want;
            check_row(batch, i, want, upto);
            check_inputs(batch, i, columns);
            check_value(&batch->columns[COLUMN_USER], i, text_of(columns->row.user));
            check_value(&batch->columns[COLUMN_ID], i, text_of(columns->row.id));
            check_value(&batch->columns[COLUMN_SHOP], i, number_of(columns->row.shop));
            check_value(&batch->columns[COLUMN_FLAG], i,
                        (struct ss_value){.present = true, .boolean = columns->row.flag});
            check_value(&batch->columns[COLUMN_AT], i, number_of(columns->row.at_us));
        }
    }
    while (next < model->count && next < upto && model->rows[next].row.is_delete &&
           !model->rows[next].target_seq)
        next++;
    assert_int_equal(next, upto < model->count ? upto : model->count);
    reader->close(reader);
}

static int compare_key_part(int view, const struct payment *a, const struct payment *b)
{
    if (view == VIEW_BY_FLAG) return (int)a->flag - (int)b->flag;
    if (view == VIEW_OF_WORLD) return 0;
    const int user = strcmp(a->user, b->user); // bytes: char signs do not matter to strcmp
    if (user != 0 || view == VIEW_BY_USER) return user;
    return a->shop < b->shop ? -1 : a->shop > b->shop;
}

static int sorted_view;

static int compare_rows(const void *left, const void *right)
{
    const struct model_row *a = left, *b = right;
    const int key = compare_key_part(sorted_view, &a->row, &b->row);
    if (key != 0) return key;
    if (a->row.at_us != b->row.at_us) return a->row.at_us < b->row.at_us ? -1 : 1;
    return a->seq < b->seq ? -1 : 1;
}

static bool has_key(int view, const struct payment *row)
{
    if (view == VIEW_BY_USER) return row->user != NULL;
    if (view == VIEW_BY_USER_AND_SHOP) return row->user != NULL && row->shop != NULL_NUMBER;
    return true;
}

static size_t select_rows(const struct model *model, int view, const struct payment *key, int64_t from_us,
                          int64_t to_us, uint64_t s, struct model_row *selected)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_row *row = &model->rows[i];
        if (row->row.is_delete || !has_key(view, &row->row) || row->seq > s) continue;
        if (row->row.at_us < from_us || row->row.at_us >= to_us) continue;
        if (key && compare_key_part(view, key, &row->row) != 0) continue;
        selected[count++] = *row;
    }
    sorted_view = view;
    qsort(selected, count, sizeof *selected, compare_rows);
    return count;
}

static void key_values(int view, const struct payment *row, struct ss_value key[SS_MAX_KEYS])
{
    if (view == VIEW_BY_FLAG)
        key[0] = (struct ss_value){.present = true, .boolean = row->flag};
    else
        key[0] = text_of(row->user);
    key[1] = number_of(row->shop);
}

static void check_read_by_entity(struct fixture *fixture, const struct model *model, int view,
                                 const struct payment *entity, int64_t from_us, int64_t to_us, uint64_t s)
{
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    struct ss_value key[SS_MAX_KEYS];
    struct model_row *want = calloc(model->count + 1, sizeof *want);
    const size_t count = select_rows(model, view, entity, from_us, to_us, s, want);
    size_t next = 0;
    if (entity) key_values(view, entity, key);
    assert_ok(ss_history_read_entity(fixture->history, &fixture->read->views[view], entity ? key : NULL,
                                     from_us, to_us, s, &reader, &error));
    for (;;) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        for (int32_t i = 0; i < batch->length; i++, next++) {
            assert_true(next < count);
            check_row(batch, i, &want[next], s);
            check_inputs(batch, i, &want[next]);
            if (view == VIEW_BY_USER)
                check_value(&batch->columns[COLUMN_USER], i, text_of(want[next].row.user));
            assert_int_equal(batch->columns[COLUMN_ID].length, 0); // not asked for
        }
    }
    assert_int_equal(next, count);
    reader->close(reader);
    free(want);
}

struct keys_seen {
    struct fixture *fixture;
    const struct model *model;
    const struct model_row *rows;
    int view;
    size_t next, count, keys;
    uint64_t s;
};

static enum ss_status see_key(void *context, const struct ss_value *key)
{
    struct keys_seen *seen = context;
    struct ss_value want[SS_MAX_KEYS];
    const struct ss_entity *entity = &seen->fixture->payments.entities[seen->view];
    assert_true(seen->next < seen->count);
    const struct payment *row = &seen->rows[seen->next].row;
    key_values(seen->view, row, want);
    for (size_t i = 0; i < entity->key_count; i++)
        assert_true(ss_value_equal(entity->key_types[i], key[i], want[i]));
    while (seen->next < seen->count && compare_key_part(seen->view, row, &seen->rows[seen->next].row) == 0)
        seen->next++;
    check_read_by_entity(seen->fixture, seen->model, seen->view, row, -50, 60, seen->s); // the handle is free
    seen->keys++;
    return SS_OK;
}

static void check_each_key(struct fixture *fixture, const struct model *model, int view, uint64_t s)
{
    struct model_row *rows = calloc(model->count + 1, sizeof *rows);
    struct keys_seen seen = {.fixture = fixture, .model = model, .rows = rows, .view = view, .s = s};
    seen.count = select_rows(model, view, NULL, INT64_MIN, INT64_MAX, s, rows);
    assert_ok(ss_history_each_key(fixture->history, &fixture->read->views[view], s, see_key, &seen, &error));
    assert_int_equal(seen.next, seen.count);
    free(rows);
}

static void random_events_read_as_a_naive_model_says(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.rows = calloc(MODEL_ROWS, sizeof *model.rows)};
    const char *given = getenv("SELFSAME_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)random_state);
    fill_at_random(fixture, &model, 300);
    assert_true(model.count > 1000);
    for (int round = 0; round < 20; round++) {
        const uint64_t s = round == 0 ? model.count : random_below(model.count + 2);
        check_read_by_seq(fixture, &model, random_below(s + 1), s);
        for (int view = 0; view < VIEWS; view++) {
            const int64_t from_us = round == 0 ? INT64_MIN : (int64_t)random_below(200) - 100;
            const int64_t to_us = round == 0 ? INT64_MAX : from_us + (int64_t)random_below(100);
            check_read_by_entity(fixture, &model, view, NULL, from_us, to_us, s);
            const struct payment *some = &model.rows[random_below(model.count)].row;
            if (has_key(view, some) && !some->is_delete)
                check_read_by_entity(fixture, &model, view, some, from_us, to_us, s);
            if (round < 3) check_each_key(fixture, &model, view, s);
        }
    }
    free(model.rows);
}

static void many_events_of_one_key_at_one_time_come_in_pages(void **state)
{
    struct fixture *fixture = *state;
    enum { ROWS = 5000 };
    struct payment *rows = calloc(ROWS, sizeof *rows);
    struct model model = {.rows = calloc(ROWS, sizeof *model.rows)};
    char(*texts)[16] = calloc(ROWS, sizeof *texts);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = pay(texts[i], "u", i % 3);
        snprintf(texts[i], sizeof texts[i], "%d", i);
        model.rows[model.count] =
            (struct model_row){.row = rows[i], .seq = model.count + 1, .deleted_arrival_us = SS_NEVER_US};
        model.count++;
    }
    commit_payments(fixture->history, &fixture->payments, rows, ROWS, NULL);
    const uint64_t before = ss_history_rows_read(fixture->history);
    check_read_by_entity(fixture, &model, VIEW_BY_USER, &rows[0], INT64_MIN, INT64_MAX, ROWS);
    assert_int_equal(ss_history_rows_read(fixture->history) - before, ROWS);
    check_read_by_entity(fixture, &model, VIEW_BY_USER_AND_SHOP, NULL, 1, 2, ROWS);
    check_read_by_entity(fixture, &model, VIEW_OF_WORLD, NULL, 0, 3, 4097);
    check_read_by_seq(fixture, &model, 0, ROWS);
    free(texts);
    free(rows);
    free(model.rows);
}

static struct payment random_visit(char user[16])
{
    struct payment row = random_payment();
    row.is_delete = false;
    if (!row.user) return row;
    snprintf(user, 16, "u%d", (int)random_below(100));
    row.user = user;
    return row;
}

// Enough events for the small tables of the indexes to be moved to their bodies twice, then some more.
static void fill_with_visits(struct fixture *fixture, struct model *model, struct payment *rows,
                             char (*texts)[16], int32_t count)
{
    enum { BATCH = 7000 };
    for (int32_t first = 0; first < count; first += BATCH) {
        const int32_t length = count - first < BATCH ? count - first : BATCH;
        for (int32_t i = first; i < first + length; i++) {
            rows[i] = random_visit(texts[i]);
            model->rows[i] =
                (struct model_row){.row = rows[i], .seq = (uint64_t)i + 1, .deleted_arrival_us = SS_NEVER_US};
        }
        commit_payments(fixture->history, &fixture->visits, rows + first, length, NULL);
        model->count = (size_t)(first + length);
    }
}

static void events_in_the_body_and_in_the_small_table_of_an_index_are_one(void **state)
{
    struct fixture *fixture = *state;
    enum { ROWS = 150000 };
    struct payment *rows = calloc(ROWS, sizeof *rows);
    struct model model = {.rows = calloc(ROWS, sizeof *model.rows)};
    char(*texts)[16] = calloc(ROWS, sizeof *texts);
    random_state = 1;
    fixture->read = &fixture->visits;
    fill_with_visits(fixture, &model, rows, texts, ROWS);
    for (int view = 0; view < VIEWS; view++) {
        check_read_by_entity(fixture, &model, view, NULL, INT64_MIN, INT64_MAX, ROWS);
        check_read_by_entity(fixture, &model, view, NULL, -20, 30, 65536);
        check_read_by_entity(fixture, &model, view, NULL, 0, 99, 140000);
    }
    for (int i = 0; i < 50; i++) {
        const struct payment *some = &rows[random_below(ROWS)];
        if (some->user)
            check_read_by_entity(fixture, &model, VIEW_BY_USER, some, -50, 50, random_below(ROWS));
        if (has_key(VIEW_BY_USER_AND_SHOP, some))
            check_read_by_entity(fixture, &model, VIEW_BY_USER_AND_SHOP, some, INT64_MIN, INT64_MAX, ROWS);
    }
    check_each_key(fixture, &model, VIEW_BY_USER, 150);
    check_each_key(fixture, &model, VIEW_BY_FLAG, ROWS);
    free(texts);
    free(rows);
    free(model.rows);
}

static void an_index_that_is_added_later_holds_the_events_before_it(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.rows = calloc(MODEL_ROWS, sizeof *model.rows)};
    struct payments late;
    make_payments(&late, "late", true);
    struct ss_definitions without = late.definitions;
    without.view_count = 0;
    random_state = 2;
    assert_ok(ss_history_prepare(fixture->history, &without, &error));
    struct payments *usual = &fixture->payments;
    const struct payments kept = *usual;
    usual->source.name = "late"; // batches go there
    fill_at_random(fixture, &model, 40);
    assert_ok(ss_history_prepare(fixture->history, &late.definitions, &error));
    fill_at_random(fixture, &model, 40);
    fixture->read = &late;
    for (int view = 0; view < VIEWS; view++) {
        check_read_by_entity(fixture, &model, view, NULL, INT64_MIN, INT64_MAX, model.count);
        check_each_key(fixture, &model, view, model.count / 3);
    }
    *usual = kept;
    free(model.rows);
}

static void a_reader_shows_its_own_seq_whatever_is_committed_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct ss_history *other;
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    enum { ROWS = 3000 };
    char texts[ROWS][16];
    struct payment rows[ROWS];
    uint64_t next = 1;
    for (int i = 0; i < ROWS; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", i);
        rows[i] = pay(texts[i], "u", i);
    }
    commit_payments(fixture->history, &fixture->payments, rows, ROWS, NULL);
    assert_ok(ss_history_open(fixture->path, false, &no_sync, &other, &error));
    assert_ok(ss_history_read_entity(other, &fixture->payments.views[VIEW_BY_USER], NULL, INT64_MIN,
                                     INT64_MAX, ROWS, &reader, &error));
    for (int page = 0;; page++) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        for (int32_t i = 0; i < batch->length; i++, next++) {
            assert_int_equal(batch->seq[i], next);
            assert_int_equal(batch->deleted_seq[i], 0);
        }
        if (page > 0) continue;
        for (int i = 0; i < ROWS; i++) rows[i].is_delete = true;
        commit_payments(fixture->history, &fixture->payments, rows, ROWS, NULL);
        for (int i = 0; i < ROWS; i++) {
            rows[i].is_delete = false;
            rows[i].at_us += 1; // new events between the old
        }
        commit_payments(fixture->history, &fixture->payments, rows, ROWS, NULL);
    }
    assert_int_equal(next, ROWS + 1);
    reader->close(reader);
    ss_history_close(other);
}

static void extreme_values_come_back_bit_for_bit(void **state)
{
    struct fixture *fixture = *state;
    struct payment rows[] = {pay("a", "u", SS_TIME_MIN_US),
                             pay("b", "\xf4\x8f\xbf\xbf", SS_TIME_MAX_US - 10)};
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    rows[0].shop = INT64_MIN + 1;
    rows[0].amount = -999999999999999999;
    rows[0].rate = 5e-324;
    rows[1].shop = INT64_MAX;
    rows[1].rate = -1.7976931348623157e308;
    commit_payments(fixture->history, &fixture->payments, rows, 2, NULL);
    assert_ok(ss_history_read_seq(fixture->history, &fixture->payments.source, 0, UINT64_MAX, NULL, &reader,
                                  &error));
    assert_ok(reader->next(reader, &batch, &error));
    assert_int_equal(batch->length, 2);
    for (int32_t i = 0; i < 2; i++) {
        check_value(&batch->columns[COLUMN_SHOP], i, number_of(rows[i].shop));
        check_value(&batch->columns[COLUMN_AMOUNT], i, number_of(rows[i].amount));
        check_value(&batch->columns[COLUMN_RATE], i, (struct ss_value){.present = true, .f64 = rows[i].rate});
        check_value(&batch->columns[COLUMN_USER], i, text_of(rows[i].user));
        assert_true(batch->event_time_us[i] == rows[i].at_us);
    }
    reader->close(reader);
}

static void only_the_columns_asked_for_are_read(void **state)
{
    struct fixture *fixture = *state;
    const struct payment row = pay("a", "u", 100);
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    bool columns[COLUMNS + 1] = {[COLUMN_RATE] = true};
    commit_payments(fixture->history, &fixture->payments, &row, 1, NULL);
    for (int none = 0; none < 2; none++) {
        columns[COLUMN_RATE] = !none;
        assert_ok(
            ss_history_read_seq(fixture->history, &fixture->payments.source, 0, 9, columns, &reader, &error));
        assert_ok(reader->next(reader, &batch, &error));
        assert_int_equal(batch->length, 1);
        for (int i = 0; i <= COLUMNS; i++)
            assert_int_equal(batch->columns[i].length, i == COLUMN_RATE && !none);
        reader->close(reader);
    }
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
        TEST(random_events_read_as_a_naive_model_says),
        TEST(many_events_of_one_key_at_one_time_come_in_pages),
        TEST(events_in_the_body_and_in_the_small_table_of_an_index_are_one),
        TEST(an_index_that_is_added_later_holds_the_events_before_it),
        TEST(a_reader_shows_its_own_seq_whatever_is_committed_meanwhile),
        TEST(extreme_values_come_back_bit_for_bit),
        TEST(only_the_columns_asked_for_are_read),
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
