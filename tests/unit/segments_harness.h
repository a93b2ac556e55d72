// What the tests of history's segments share: a new history for each test in which a few rows make many
// segments, numbered rows, and a digest of all that is read.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_SEGMENTS_HARNESS_H
#define SS_TESTS_SEGMENTS_HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store_fixture.h"

#define ROWS_MOST 200000

static struct ss_error error;
static const struct ss_history_options small = {
    .sizes = {.staging_rows = 37, .bulk_rows = 20, .segment_rows = 16, .fanout = 3}};
struct fixture {
    char directory[PATH_BYTES], path[PATH_BYTES];
    struct payments payments, visits; // with and without event_id
    struct ss_history *history;
    struct payment *rows;
    char (*texts)[24]; // two per row
};

static inline int set_up_with(void **state, const struct ss_history_options *options)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    make_test_directory(fixture->directory);
    snprintf(fixture->path, sizeof fixture->path, "%.480s/history.db", fixture->directory);
    make_payments(&fixture->payments, "payments", true);
    make_payments(&fixture->visits, "visits", false);
    assert_ok(ss_history_create(fixture->path, options, &error));
    assert_ok(ss_history_open(fixture->path, true, options, &fixture->history, &error));
    assert_ok(ss_history_prepare(fixture->history, &fixture->payments.definitions, &error));
    assert_ok(ss_history_prepare(fixture->history, &fixture->visits.definitions, &error));
    fixture->rows = calloc(ROWS_MOST, sizeof *fixture->rows);
    fixture->texts = calloc(ROWS_MOST * 2, sizeof *fixture->texts);
    *state = fixture;
    return 0;
}

static inline int set_up(void **state)
{
    return set_up_with(state, &small);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ss_history_close(fixture->history);
    remove_test_directory(fixture->directory);
    free(fixture->rows);
    free(fixture->texts);
    free(fixture);
    return 0;
}

static inline void reopen(struct fixture *fixture, const struct ss_history_options *options)
{
    ss_history_close(fixture->history);
    fixture->history = NULL;
    assert_ok(ss_history_open(fixture->path, true, options, &fixture->history, &error));
}

// Row `number`: one of 13 users and 3 shops, times that go to and fro.
static inline struct payment *row(struct fixture *fixture, int number)
{
    struct payment *made = &fixture->rows[number];
    char *id = fixture->texts[2 * number], *user = fixture->texts[2 * number + 1];
    snprintf(id, sizeof *fixture->texts, "id%d", number);
    snprintf(user, sizeof *fixture->texts, "u%d", number * 7 % 13);
    *made = (struct payment){.id = id,
                             .user = number % 17 == 5 ? NULL : user,
                             .shop = number % 11 == 3 ? NULL_NUMBER : number % 3,
                             .amount = number,
                             .rate = number / 3.0,
                             .at_us = 1000 + number - number % 10 * 20};
    made->arrival_us = made->at_us + 300;
    return made;
}

// Rows [first, end), `length` a commit.
static inline void add_rows(struct fixture *fixture, const struct payments *payments, int first, int end,
                            int length)
{
    for (int i = first; i < end; i++) row(fixture, i);
    for (int i = first; i < end; i += length)
        commit_payments(fixture->history, payments, &fixture->rows[i], i + length < end ? length : end - i,
                        NULL);
}

static inline void take_back(struct fixture *fixture, int number)
{
    struct payment deleted = *row(fixture, number);
    deleted.is_delete = true;
    deleted.user = NULL;
    deleted.arrival_us += 1000;
    commit_payments(fixture->history, &fixture->payments, &deleted, 1, NULL);
}

static inline void compact(struct fixture *fixture, enum ss_compaction what)
{
    assert_ok(ss_history_compact(fixture->history, what, &error));
}

static inline struct ss_history_stats stats_of(struct fixture *fixture)
{
    struct ss_history_stats stats;
    assert_ok(ss_history_stats(fixture->history, &stats, &error));
    return stats;
}

// ---- What a history holds, as a number: of every row by seq and by every index

struct digest {
    uint64_t hash;
    int64_t rows;
};

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

static inline uint64_t mix_value(uint64_t hash, const struct ss_column *column, int32_t at)
{
    const struct ss_value value = ss_column_get(column, at);
    if (!value.present) return mix(hash, 77);
    if (ss_type_is_text(column->type)) return mix(hash, ss_hash64(value.text.data, value.text.size));
    if (column->type.id == SS_BOOL) return mix(hash, value.boolean);
    return mix(hash, (uint64_t)value.i64);
}

static inline void digest_batch(const struct ss_event_batch *batch, size_t columns, struct digest *digest)
{
    for (int32_t i = 0; i < batch->length; i++) {
        uint64_t hash = mix(digest->hash, batch->seq[i]);
        hash = mix(hash, (uint64_t)batch->event_time_us[i]);
        hash = mix(hash, (uint64_t)batch->arrival_us[i]);
        hash = mix(hash, batch->deleted_seq[i]);
        hash = mix(hash, (uint64_t)batch->deleted_arrival_us[i]);
        if (batch->is_delete) hash = mix(hash, batch->is_delete[i] ? batch->target_seq[i] : 0);
        for (size_t c = 0; c < columns; c++)
            if (batch->columns[c].length > i) hash = mix_value(hash, &batch->columns[c], i);
        digest->hash = hash;
        digest->rows++;
    }
}

static inline enum ss_status digest_reader(struct ss_event_reader *reader, size_t columns,
                                           struct digest *digest)
{
    const struct ss_event_batch *batch;
    for (;;) {
        const enum ss_status status = reader->next(reader, &batch, &error);
        if (status != SS_OK) return status;
        if (!batch) return SS_OK;
        digest_batch(batch, columns, digest);
    }
}

static inline enum ss_status digest_seq(struct ss_history *history, const struct payments *payments,
                                        struct digest *digest)
{
    struct ss_event_reader *reader = NULL;
    enum ss_status status =
        ss_history_read_seq(history, &payments->source, 0, UINT64_MAX, NULL, &reader, &error);
    if (status == SS_OK) status = digest_reader(reader, payments->source.column_count + 1, digest);
    if (reader) reader->close(reader);
    return status;
}

static inline enum ss_status digest_view(struct ss_history *history, const struct ss_view *view, uint64_t s,
                                         struct digest *digest)
{
    struct ss_event_reader *reader = NULL;
    enum ss_status status =
        ss_history_read_entity(history, view, NULL, INT64_MIN, INT64_MAX, s, &reader, &error);
    if (status == SS_OK) status = digest_reader(reader, view->source->column_count + 1, digest);
    if (reader) reader->close(reader);
    return status;
}

static inline enum ss_status try_digest(struct ss_history *history, const struct payments *payments,
                                        struct digest *digest)
{
    enum ss_status status = digest_seq(history, payments, digest);
    for (int view = 0; status == SS_OK && view < VIEWS; view++)
        status = digest_view(history, &payments->views[view], INT64_MAX, digest);
    return status;
}

static inline struct digest digest_of(struct fixture *fixture, const struct payments *payments)
{
    struct digest digest = {0};
    assert_ok(try_digest(fixture->history, payments, &digest));
    return digest;
}

static inline struct digest digest_of_both(struct fixture *fixture)
{
    struct digest digest = digest_of(fixture, &fixture->payments);
    assert_ok(try_digest(fixture->history, &fixture->visits, &digest));
    return digest;
}

static inline void assert_same(struct digest got, struct digest want)
{
    assert_int_equal(got.rows, want.rows);
    assert_true(got.hash == want.hash);
}

static inline int64_t count_seq(struct fixture *fixture)
{
    struct digest digest = {0};
    assert_ok(digest_seq(fixture->history, &fixture->payments, &digest));
    return digest.rows;
}

#endif
