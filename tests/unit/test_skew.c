// What a damaged or wrong online store looks like to skew: exactly the cells that it touches are named.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/key.h"
#include "engine/state.h"
#include "materializer/compare.h"
#include "materializer/push.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"

static const char definitions_text[] =
    "entities:\n"
    "  user: {user_id: int64}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: int64, amount: int64, paid_at: timestamp}\n"
    "    event_time: paid_at\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n"
    "      sum_1d: sum(amount) over 1d\n"
    "      count_all: count() over all\n"
    "  last_seen:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n"
    "      last_amount: last(amount) within 5d\n"
    "services:\n"
    "  s:\n"
    "    features:\n"
    "      - spend.*\n"
    "      - last_seen.*\n";

#define USERS     20
#define EVENTS    (USERS * 40)
#define START_US  INT64_C(1700000000000000)
#define STEP_US   (7 * SS_MINUTE_US)
#define TEST_USER 7

struct fixture {
    char directory[PATH_BYTES];
    struct ss_materializer *materializer;
    const struct ss_view *spend, *last_seen;
};

static void push_events(struct ss_materializer *materializer, int first, int count)
{
    struct ss_arena arena = {0};
    struct ss_column columns[3];
    struct ss_push_result result;
    struct ss_error error = {0};
    const struct ss_source *source = ss_find_source(materializer->definitions, "payments");
    for (int c = 0; c < 3; c++)
        assert_true(ss_column_init(&columns[c], source->columns[c].type, count, &arena));
    for (int i = first; i < first + count; i++) {
        const int64_t row[3] = {i % USERS, 100 + i, START_US + i * STEP_US};
        for (int c = 0; c < 3; c++)
            assert_true(
                ss_column_append(&columns[c], (struct ss_value){.present = true, .i64 = row[c]}, &arena));
    }
    const struct ss_push push = {.source = source, .length = count, .columns = columns};
    assert_int_equal(ss_push(materializer, &push, &result, &error), SS_OK);
    assert_int_equal(result.accepted, count);
    ss_arena_release(&arena);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    make_test_directory(fixture->directory);
    fixture->materializer = open_new_store(fixture->directory, SS_CLOCK_REPLAY, &options, definitions_text);
    push_events(fixture->materializer, 0, EVENTS / 2);
    push_events(fixture->materializer, EVENTS / 2, EVENTS / 2);
    fixture->spend = ss_find_view(fixture->materializer->definitions, "spend");
    fixture->last_seen = ss_find_view(fixture->materializer->definitions, "last_seen");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    ss_materializer_close(fixture->materializer);
    remove_test_directory(fixture->directory);
    free(fixture);
    return 0;
}

// What a probe named: per feature, how many cells, and whether all of them were of TEST_USER.
struct named {
    uint64_t cells[3];
    uint64_t damaged;
    bool only_test_user;
};

static void note_cell(void *context, const struct ss_skew_cell *cell)
{
    struct named *named = context;
    named->cells[cell->feature]++;
    named->damaged += cell->difference == SS_DIFFERENCE_DAMAGED;
    if (cell->key[0].i64 != TEST_USER) named->only_test_user = false;
}

static struct named probe(const struct fixture *fixture)
{
    struct named named = {.only_test_user = true};
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    struct ss_error error = {0};
    const enum ss_status status =
        ss_skew_probe(fixture->materializer, "s", 0, &arena, note_cell, &named, &report, &error);
    if (status != SS_OK) print_error("%s\n", error.message);
    assert_int_equal(status, SS_OK);
    assert_int_equal(report.rows, USERS);
    ss_arena_release(&arena);
    return named;
}

static struct ss_key key_of(int64_t user)
{
    struct ss_key key;
    const struct ss_type type = {.id = SS_INT64};
    const struct ss_value part = {.present = true, .i64 = user};
    assert_int_equal(ss_key_encode(&type, &part, 1, &key), SS_KEY_OK);
    return key;
}

// Replaces the bytes of TEST_USER's row; the store puts the right checksum before them.
static void replace_row(const struct fixture *fixture, const struct ss_view *view, const uint8_t *bytes,
                        size_t size)
{
    struct ss_error error = {0};
    struct ss_online_txn *txn;
    const struct ss_key key = key_of(TEST_USER);
    const struct ss_bytes name = {(const char *)key.bytes, key.size};
    assert_int_equal(ss_online_write(fixture->materializer->store->online, &txn, &error), SS_OK);
    if (size == 0)
        assert_int_equal(ss_online_delete(txn, &view->fingerprint, name, &error), SS_OK);
    else
        assert_int_equal(ss_online_put(txn, &view->fingerprint, name,
                                       (struct ss_bytes){(const char *)bytes, size}, &error),
                         SS_OK);
    assert_int_equal(ss_online_commit(txn, &error), SS_OK);
}

static size_t copy_row(const struct fixture *fixture, const struct ss_view *view, uint8_t *bytes,
                       size_t capacity)
{
    struct ss_error error = {0};
    struct ss_online_txn *txn;
    struct ss_bytes state;
    const struct ss_key key = key_of(TEST_USER);
    assert_int_equal(ss_online_read(fixture->materializer->store->online, &txn, &error), SS_OK);
    assert_int_equal(ss_online_get(txn, &view->fingerprint,
                                   (struct ss_bytes){(const char *)key.bytes, key.size}, &state, &error),
                     SS_OK);
    assert_true(state.size > 0 && state.size <= capacity);
    const size_t size = state.size;
    memcpy(bytes, state.data, size);
    ss_online_end(txn);
    return size;
}

static void skew_finds_no_difference_in_a_sound_store(void **state)
{
    const struct named named = probe(*state);
    assert_int_equal(named.cells[0] + named.cells[1] + named.cells[2], 0);
}

static void skew_names_only_the_cells_of_a_row_with_any_flipped_byte(void **state)
{
    const struct fixture *fixture = *state;
    uint8_t bytes[4096];
    const size_t size = copy_row(fixture, fixture->spend, bytes, sizeof bytes);
    uint64_t seen = 0, damaged = 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x15;
        replace_row(fixture, fixture->spend, bytes, size);
        const struct named named = probe(fixture);
        assert_true(named.only_test_user);
        assert_int_equal(named.cells[2], 0); // last_seen is another view, with a row of its own
        seen += named.cells[0] + named.cells[1] > 0;
        damaged += named.damaged > 0;
        bytes[i] ^= 0x15;
    }
    print_message("%zu bytes flipped: %llu seen, %llu of them as damage\n", size, (unsigned long long)seen,
                  (unsigned long long)damaged);
    assert_true(seen > 0 && damaged > 0 && seen > damaged);
    replace_row(fixture, fixture->spend, bytes, size);
    assert_int_equal(probe(fixture).cells[0], 0);
}

static void skew_names_the_window_whose_tile_was_dropped(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[4096];
    struct ss_arena arena = {0};
    struct ss_error error = {0};
    struct ss_buffer dropped = {0};
    struct ss_state *row;
    const size_t size = copy_row(fixture, fixture->spend, bytes, sizeof bytes);
    assert_int_equal(
        ss_state_decode(fixture->spend, (struct ss_bytes){(const char *)bytes, size}, &arena, &row, &error),
        SS_OK);
    // 12 h before the newest event: tiles of the last day go, `over all` stays as it is.
    assert_int_equal(ss_state_prune(row, START_US + EVENTS * STEP_US + 12 * SS_HOUR_US, NULL), SS_OK);
    assert_int_equal(ss_state_encode(row, &dropped, &error), SS_OK);
    assert_true(dropped.size < size);
    replace_row(fixture, fixture->spend, dropped.data, dropped.size);
    const struct named named = probe(fixture);
    assert_true(named.only_test_user);
    assert_int_equal(named.cells[0], 1);
    assert_int_equal(named.cells[1], 0);
    assert_int_equal(named.cells[2], 0);
    replace_row(fixture, fixture->spend, bytes, size);
    ss_buffer_release(&dropped);
    ss_arena_release(&arena);
}

static void skew_names_the_cells_of_a_row_that_is_missing(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[4096];
    const size_t size = copy_row(fixture, fixture->last_seen, bytes, sizeof bytes);
    replace_row(fixture, fixture->last_seen, NULL, 0);
    const struct named named = probe(fixture);
    assert_true(named.only_test_user);
    assert_int_equal(named.cells[0] + named.cells[1], 0);
    assert_int_equal(named.cells[2], 1);
    replace_row(fixture, fixture->last_seen, bytes, size);
}

static void skew_names_what_a_lowered_applied_seq_leaves_out(void **state)
{
    struct fixture *fixture = *state;
    struct ss_error error = {0};
    struct ss_online_txn *txn;
    struct ss_applied applied, lowered;
    assert_int_equal(ss_online_write(fixture->materializer->store->online, &txn, &error), SS_OK);
    assert_int_equal(ss_online_applied(txn, &applied, &error), SS_OK);
    lowered = applied;
    lowered.seq = EVENTS - 1; // the newest event, of user EVENTS - 1 mod USERS, is folded but not said to be
    assert_int_equal(ss_online_set_applied(txn, &lowered, &error), SS_OK);
    assert_int_equal(ss_online_commit(txn, &error), SS_OK);
    struct named named = probe(fixture);
    assert_int_equal(named.cells[0], 1);
    assert_int_equal(named.cells[1], 1);
    assert_int_equal(named.cells[2], 1);
    assert_int_equal(ss_online_write(fixture->materializer->store->online, &txn, &error), SS_OK);
    assert_int_equal(ss_online_set_applied(txn, &applied, &error), SS_OK);
    assert_int_equal(ss_online_commit(txn, &error), SS_OK);
    named = probe(fixture);
    assert_int_equal(named.cells[0] + named.cells[1] + named.cells[2], 0);
}

static void a_lookup_reads_no_history(void **state)
{
    struct fixture *fixture = *state;
    struct ss_error error = {0};
    struct ss_arena arena = {0};
    struct ss_column key;
    struct ss_pinned pinned;
    struct ss_answer answer;
    const uint64_t before = ss_history_rows_read(fixture->materializer->store->history);
    assert_true(ss_column_init(&key, (struct ss_type){.id = SS_INT64}, 1, &arena));
    assert_true(ss_column_append(&key, (struct ss_value){.present = true, .i64 = TEST_USER}, &arena));
    const struct ss_lookup lookup = {.length = 1, .keys = &key};
    assert_int_equal(ss_pin(fixture->materializer, false, 0, &pinned, &error), SS_OK);
    const struct ss_service *service = ss_find_service(fixture->materializer->definitions, "s");
    assert_int_equal(ss_lookup(&pinned, service, &lookup, &arena, &answer, &error), SS_OK);
    assert_int_equal(ss_column_get(&answer.columns[1], 0).i64, EVENTS / USERS);
    assert_int_equal(ss_history_rows_read(fixture->materializer->store->history), before);
    ss_unpin(&pinned);
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skew_finds_no_difference_in_a_sound_store),
        cmocka_unit_test(skew_names_only_the_cells_of_a_row_with_any_flipped_byte),
        cmocka_unit_test(skew_names_the_window_whose_tile_was_dropped),
        cmocka_unit_test(skew_names_the_cells_of_a_row_that_is_missing),
        cmocka_unit_test(skew_names_what_a_lowered_applied_seq_leaves_out),
        cmocka_unit_test(a_lookup_reads_no_history),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
