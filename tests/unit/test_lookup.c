// Lookups: only what is asked for is read, what is told beside the values, and what memory they take.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "materializer/lookup.h"
#include "materializer/push.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"

static const char yaml[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    "  clicks:\n"
    "    columns: {user: int64, page: string, cost: float64, at: timestamp}\n"
    "    event_time: at\n"
    "views:\n"
    "  newest:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      page: last(page)\n"
    "      cost: last(cost) within 30d\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    where: cost > 10\n"
    "    features:\n"
    "      total: sum(cost) over 7d\n"
    "      mean: mean(cost) over 30d\n"
    "      least_page: min(page) over 30d\n"
    "services:\n"
    "  model:\n"
    "    features:\n"
    "      - newest.*\n"
    "      - spend.*\n"
    "      - share: newest.cost / spend.total\n";

enum { PAGE, COST, TOTAL, MEAN, LEAST_PAGE, SHARE, FEATURES };
enum { NEWEST, SPEND, OF_MODEL };

#define USERS    1000
#define EVENTS   (3 * USERS)
#define START_US INT64_C(1700000000000000)

static char root[PATH_BYTES];
static char directory[PATH_BYTES + 16];
static struct ss_materializer *materializer;
static struct ss_error error;

static int64_t event_time(int event)
{
    return START_US + event * SS_MINUTE_US;
}

// User u has the events u, u + USERS, u + 2 USERS; the third cost is at most 10 for every second user, all
// three are for user 0, and the newest is null for user 3.
static double cost_of(int event)
{
    const int user = event % USERS;
    return user == 0 || (event >= 2 * USERS && user % 2 == 1) ? 1 : 10.5 + event;
}

static void push_events(void)
{
    struct ss_arena arena = {0};
    struct ss_column columns[4];
    struct ss_push_result result;
    const struct ss_source *source = ss_find_source(materializer->definitions, "clicks");
    for (int c = 0; c < 4; c++)
        assert_true(ss_column_init(&columns[c], source->columns[c].type, EVENTS, &arena));
    for (int i = 0; i < EVENTS; i++) {
        char page[16];
        snprintf(page, sizeof page, "/page%d", i % 7);
        const struct ss_value values[] = {{.present = true, .i64 = i % USERS},
                                          {.present = true, .text = ss_bytes_of(page)},
                                          {.present = i != 2 * USERS + 3, .f64 = cost_of(i)},
                                          {.present = true, .i64 = event_time(i)}};
        for (int c = 0; c < 4; c++) {
            const struct ss_value value = values[c].present ? values[c] : (struct ss_value){0};
            assert_true(ss_column_append(&columns[c], value, &arena));
        }
    }
    const struct ss_push push = {.source = source, .length = EVENTS, .columns = columns};
    assert_ok(ss_push(materializer, &push, &result, &error));
    assert_int_equal(result.accepted, EVENTS);
    ss_arena_release(&arena);
}

static int setup(void **state)
{
    (void)state;
    const struct ss_store_options options = {.no_sync = true};
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    materializer = open_new_store(directory, SS_CLOCK_REPLAY, &options, yaml);
    push_events();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(root);
    return 0;
}

// Users first .. first + count - 1; those from USERS on are unknown.
static void make_keys(int first, int count, struct ss_arena *arena, struct ss_column *keys)
{
    assert_true(ss_column_init(keys, (struct ss_type){.id = SS_INT64}, count, arena));
    for (int i = 0; i < count; i++)
        assert_true(ss_column_append(keys, (struct ss_value){.present = true, .i64 = first + i}, arena));
}

static void look_up(const struct ss_lookup *lookup, struct ss_arena *arena, struct ss_answer *answer)
{
    struct ss_pinned pinned;
    assert_ok(ss_pin(materializer, false, 0, &pinned, &error));
    const struct ss_service *service = ss_find_service(materializer->definitions, "model");
    assert_ok(ss_lookup(&pinned, service, lookup, arena, answer, &error));
    ss_unpin(&pinned);
}

static void assert_same_feature(const struct ss_answer *got, const struct ss_answer *want, size_t feature)
{
    const struct ss_type type = want->columns[feature].type;
    for (int32_t row = 0; row < want->length; row++) {
        assert_true(ss_value_equal(type, ss_column_get(&got->columns[feature], row),
                                   ss_column_get(&want->columns[feature], row)));
        assert_int_equal(got->statuses[feature][row], want->statuses[feature][row]);
    }
}

static void wanted_features_are_what_a_lookup_of_all_gives(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_column keys;
    struct ss_answer all, some;
    make_keys(USERS - 50, 100, &arena, &keys);
    look_up(&(struct ss_lookup){.length = 100, .keys = &keys}, &arena, &all);
    for (unsigned set = 0; set < 1u << FEATURES; set++) {
        bool wanted[FEATURES];
        for (unsigned f = 0; f < FEATURES; f++) wanted[f] = set >> f & 1;
        look_up(&(struct ss_lookup){.length = 100, .keys = &keys, .wanted = wanted}, &arena, &some);
        for (size_t f = 0; f < FEATURES; f++)
            if (wanted[f]) assert_same_feature(&some, &all, f);
    }
    ss_arena_release(&arena);
}

static void a_view_that_no_wanted_feature_reads_is_not_read(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_column keys;
    struct ss_answer answer;
    int64_t newest_us[OF_MODEL][10];
    const bool wanted[FEATURES] = {[MEAN] = true};
    make_keys(1, 10, &arena, &keys);
    look_up(&(struct ss_lookup){.length = 10, .keys = &keys, .wanted = wanted, .newest_us = newest_us[0]},
            &arena, &answer);
    for (int row = 0; row < 10; row++) {
        assert_true(ss_column_get(&answer.columns[MEAN], row).present);
        assert_false(ss_column_get(&answer.columns[PAGE], row).present);
        assert_int_equal(newest_us[NEWEST][row], INT64_MIN);
        assert_int_not_equal(newest_us[SPEND][row], INT64_MIN);
    }
    ss_arena_release(&arena);
}

static void a_lookup_tells_the_newest_event_of_each_view(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_column keys;
    struct ss_answer answer;
    int64_t newest_us[OF_MODEL][USERS + 1];
    make_keys(0, USERS + 1, &arena, &keys);
    look_up(&(struct ss_lookup){.length = USERS + 1, .keys = &keys, .newest_us = newest_us[0]}, &arena,
            &answer);
    for (int user = 0; user < USERS; user++) {
        const bool passes = user % 2 == 0;
        assert_int_equal(newest_us[NEWEST][user], event_time(2 * USERS + user));
        assert_int_equal(newest_us[SPEND][user],
                         user == 0 ? INT64_MIN : event_time((passes ? 2 : 1) * USERS + user));
    }
    assert_int_equal(newest_us[NEWEST][USERS], INT64_MIN);
    assert_int_equal(newest_us[SPEND][USERS], INT64_MIN);
    ss_arena_release(&arena);
}

static void an_event_at_hand_is_not_the_newest_event_of_its_entity(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_column keys, columns[4] = {{.length = 0}};
    struct ss_answer answer;
    int64_t newest_us[OF_MODEL][2];
    make_keys(USERS - 1, 2, &arena, &keys);
    const struct ss_events_at_hand at_hand = {.source = ss_find_source(materializer->definitions, "clicks"),
                                              .columns = columns};
    look_up(&(struct ss_lookup){.length = 2, .keys = &keys, .at_hand = at_hand, .newest_us = newest_us[0]},
            &arena, &answer);
    assert_int_equal(newest_us[NEWEST][0], event_time(EVENTS - 1));
    assert_int_equal(newest_us[NEWEST][1], INT64_MIN);
    assert_int_equal(answer.statuses[COST][1], SS_CELL_NULL); // it sees the event, whose cost is null
    ss_arena_release(&arena);
}

static void a_lookup_with_a_reset_arena_allocates_nothing(void **state)
{
    (void)state;
    const int lengths[] = {1, 100, USERS};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct ss_arena arena = {0}, of_keys = {0};
        struct ss_column keys;
        struct ss_answer answer;
        int64_t newest_us[OF_MODEL][USERS];
        make_keys(0, lengths[i], &of_keys, &keys);
        const struct ss_lookup lookup = {.length = lengths[i], .keys = &keys, .newest_us = newest_us[0]};
        for (int round = 0; round < 20; round++) {
            if (round == 10) ss_fail_allocation_at(0);
            ss_arena_reset(&arena);
            look_up(&lookup, &arena, &answer);
        }
        assert_int_equal(ss_allocations_made(), 0);
        ss_arena_release(&of_keys);
        ss_arena_release(&arena);
    }
}

static void a_lookup_keeps_to_the_limit_of_its_arena(void **state)
{
    (void)state;
    struct ss_pinned pinned;
    struct ss_answer answer;
    struct ss_arena of_keys = {0};
    struct ss_column keys;
    make_keys(0, 100, &of_keys, &keys);
    const struct ss_lookup lookup = {.length = 100, .keys = &keys};
    assert_ok(ss_pin(materializer, false, 0, &pinned, &error));
    const struct ss_service *service = ss_find_service(materializer->definitions, "model");
    bool done = false;
    for (size_t limit = 1 << 10; !done; limit += 1 << 10) {
        struct ss_arena arena;
        ss_arena_init(&arena, limit);
        const enum ss_status status = ss_lookup(&pinned, service, &lookup, &arena, &answer, &error);
        done = status == SS_OK;
        if (!done) assert_int_equal(status, SS_OUT_OF_MEMORY);
        ss_arena_release(&arena);
    }
    ss_unpin(&pinned);
    ss_arena_release(&of_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_features_are_what_a_lookup_of_all_gives),
        cmocka_unit_test(a_view_that_no_wanted_feature_reads_is_not_read),
        cmocka_unit_test(a_lookup_tells_the_newest_event_of_each_view),
        cmocka_unit_test(an_event_at_hand_is_not_the_newest_event_of_its_entity),
        cmocka_unit_test(a_lookup_with_a_reset_arena_allocates_nothing),
        cmocka_unit_test(a_lookup_keeps_to_the_limit_of_its_arena),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
