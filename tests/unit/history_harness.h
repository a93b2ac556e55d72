// What the tests of history share: a new history of two sources for each test, and rows of them.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_HISTORY_HARNESS_H
#define SS_TESTS_HISTORY_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store_fixture.h"

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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ss_history_close(fixture->history);
    remove_test_directory(fixture->directory);
    free(fixture);
    return 0;
}

static inline struct payment pay(const char *id, const char *user, int64_t at_us)
{
    return (struct payment){.id = id,
                            .user = user,
                            .shop = 7,
                            .amount = 1250,
                            .rate = 0.5,
                            .at_us = at_us,
                            .arrival_us = at_us + 10};
}

static inline struct payment take_back(const char *id, int64_t at_us)
{
    return (struct payment){.id = id,
                            .user = NULL,
                            .shop = NULL_NUMBER,
                            .amount = NULL_NUMBER,
                            .at_us = at_us,
                            .arrival_us = at_us + 500,
                            .is_delete = true};
}

static inline enum ss_row_outcome outcome_of(struct fixture *fixture, struct payment row)
{
    enum ss_row_outcome outcome;
    commit_payments(fixture->history, &fixture->payments, &row, 1, &outcome);
    return outcome;
}

static inline uint64_t newest_seq(struct fixture *fixture)
{
    struct ss_commit commit;
    assert_ok(ss_history_newest_commit(fixture->history, &commit, &error));
    return commit.last_seq;
}

static inline void check_value(const struct ss_column *column, int32_t row, struct ss_value want)
{
    assert_int_equal(column->length > row, true);
    assert_true(ss_value_equal(column->type, ss_column_get(column, row), want));
}

static inline struct ss_value text_of(const char *text)
{
    return text ? (struct ss_value){.present = true, .text = ss_bytes_of(text)} : (struct ss_value){0};
}

#endif
