// History read both ways, by seq and by entity: random events against a naive model of the same, and what a
// reader shows while more is committed.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <time.h>

#include "tests/unit/history_harness.h"

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(random_events_read_as_a_naive_model_says),
        TEST(many_events_of_one_key_at_one_time_come_in_pages),
        TEST(events_in_the_body_and_in_the_small_table_of_an_index_are_one),
        TEST(an_index_that_is_added_later_holds_the_events_before_it),
        TEST(a_reader_shows_its_own_seq_whatever_is_committed_meanwhile),
        TEST(extreme_values_come_back_bit_for_bit),
        TEST(only_the_columns_asked_for_are_read),
    };
    const int failed = cmocka_run_group_tests_name("history", tests, NULL, NULL);
    no_sync.sizes = small;
    return failed + cmocka_run_group_tests_name("history in small segments", tests, NULL, NULL);
}
