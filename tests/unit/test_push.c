// Push: what the door lets in, and what is acknowledged when the online rows find no room.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/lookup.h"
#include "materializer/push.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"

static const char definitions_text[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    "  clicks:\n"
    "    columns: {id: int64, user: int64, op: string, at: timestamp}\n"
    "    event_time: at\n"
    "    event_id: id\n"
    "    op: op\n"
    "    expect: {id: {unique_ratio: {min: 1}}}\n"
    "views:\n"
    "  clicks:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      clicks: count() over all\n"
    "services:\n"
    "  s: {features: [clicks.*]}\n";

static char directory[PATH_BYTES];
static struct ss_materializer *materializer;
static struct ss_error error;

static void open_store(size_t map_bytes)
{
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = map_bytes}};
    assert_int_equal(ss_materializer_open(directory, SS_STORE_WRITE, &options, &materializer, &error), SS_OK);
}

static int setup(void **state)
{
    (void)state;
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    error = (struct ss_error){0};
    make_test_directory(directory);
    materializer = open_new_store(directory, SS_CLOCK_REPLAY, &options, definitions_text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(directory);
    return 0;
}

struct row {
    int64_t id, user;
    const char *op;
    int64_t at;
};

static enum ss_status push_rows(const struct row *rows, int32_t count, struct ss_push_result *result)
{
    struct ss_arena arena = {0};
    struct ss_column columns[4];
    const struct ss_source *source = ss_find_source(materializer->definitions, "clicks");
    for (int c = 0; c < 4; c++)
        assert_true(ss_column_init(&columns[c], source->columns[c].type, count, &arena));
    for (int32_t i = 0; i < count; i++) {
        const struct ss_value values[] = {{.present = true, .i64 = rows[i].id},
                                          {.present = true, .i64 = rows[i].user},
                                          {.present = true, .text = ss_bytes_of(rows[i].op)},
                                          {.present = true, .i64 = rows[i].at}};
        for (int c = 0; c < 4; c++) assert_true(ss_column_append(&columns[c], values[c], &arena));
    }
    const struct ss_push push = {.source = source, .length = count, .columns = columns};
    const enum ss_status status = ss_push(materializer, &push, result, &error);
    ss_arena_release(&arena);
    return status;
}

static int64_t clicks_of(int64_t user)
{
    struct ss_arena arena = {0};
    struct ss_column key;
    struct ss_pinned pinned;
    struct ss_answer answer;
    assert_true(ss_column_init(&key, (struct ss_type){.id = SS_INT64}, 1, &arena));
    assert_true(ss_column_append(&key, (struct ss_value){.present = true, .i64 = user}, &arena));
    const struct ss_lookup lookup = {.length = 1, .keys = &key};
    assert_int_equal(ss_pin(materializer, false, 0, &pinned, &error), SS_OK);
    const struct ss_service *service = ss_find_service(materializer->definitions, "s");
    assert_int_equal(ss_lookup(&pinned, service, &lookup, &arena, &answer, &error), SS_OK);
    const int64_t clicks = ss_column_get(&answer.columns[0], 0).i64;
    ss_unpin(&pinned);
    ss_arena_release(&arena);
    return clicks;
}

static void deletes_of_a_batch_arrive_past_its_inserts_on_a_replay_clock(void **state)
{
    (void)state;
    const struct row rows[] = {{1, 7, "insert", 1000}, {2, 7, "insert", 5000000}, {1, 7, "delete", 1000}};
    struct ss_push_result result;
    assert_int_equal(push_rows(rows, 3, &result), SS_OK);
    assert_int_equal(result.accepted, 3);
    assert_int_equal(result.quarantined, 0);
    assert_int_equal(clicks_of(7), 1);
}

static void a_delete_has_no_part_in_a_unique_ratio(void **state)
{
    (void)state;
    const struct row rows[] = {{1, 7, "insert", 1000}, {2, 7, "insert", 2000}, {1, 7, "delete", 1000}};
    const struct row twice[] = {{3, 7, "insert", 1000}, {3, 7, "insert", 3000}};
    struct ss_push_result result;
    assert_int_equal(push_rows(rows, 3, &result), SS_OK);
    assert_int_equal(push_rows(twice, 2, &result), SS_INVALID);
    assert_non_null(strstr(error.message, "unique_ratio"));
    assert_int_equal(clicks_of(7), 1);
}

static void a_batch_without_room_online_is_acknowledged_and_seen_later(void **state)
{
    (void)state;
    enum { USERS = 4000 };
    struct row *rows = calloc(USERS, sizeof *rows);
    struct ss_push_result result;
    assert_non_null(rows);
    for (int i = 0; i < USERS; i++) rows[i] = (struct row){i, i, "insert", 1000 + i};
    ss_materializer_close(materializer);
    open_store(16 * 4096);
    assert_int_equal(push_rows(rows, USERS, &result), SS_OK);
    assert_int_equal(result.accepted, USERS);
    assert_int_equal(result.seq, USERS);
    assert_string_not_equal(result.not_visible, "");
    assert_true(ss_clock_in_flight(materializer->store->clock));
    assert_int_equal(clicks_of(5), 0);
    ss_materializer_close(materializer);
    open_store(64 << 20);
    assert_int_equal(materializer->caught_up_rows, USERS);
    assert_int_equal(clicks_of(5), 1);
    free(rows);
}

// What arrived then could not be read back.
static void nothing_arrives_past_the_year_9999(void **state)
{
    (void)state;
    struct ss_push_result result;
    const struct row last = {1, 7, "insert", SS_TIME_MAX_US}, gone = {1, 7, "delete", SS_TIME_MAX_US};
    assert_int_equal(push_rows(&last, 1, &result), SS_OK);
    assert_int_equal(push_rows(&gone, 1, &result), SS_LIMIT);
    assert_non_null(strstr(error.message, "stands past the year 9999"));
    assert_int_equal(clicks_of(7), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deletes_of_a_batch_arrive_past_its_inserts_on_a_replay_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_arrives_past_the_year_9999, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delete_has_no_part_in_a_unique_ratio, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_without_room_online_is_acknowledged_and_seen_later, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
