// Apply and rebuild in steps: pushes between them, and what is left when one is given up, fails or is killed.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "materializer/apply.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/store_fixture.h"

#define NOW       (INT64_C(1000) * SS_DAY_US)
#define END       (INT64_C(2000) * SS_DAY_US)
#define ROWS      12 // of a push
#define STEP_ROWS 25
#define FIRST     20 // pushes before an apply

static char root[PATH_BYTES], directory[PATH_BYTES + 16];
static struct ss_store_options options;
static struct ss_materializer *materializer;
static struct ss_error error;

static void open_store(bool create)
{
    materializer = open_push_store(directory, &options, create);
    if (create) ss_clock_advance(materializer->store->clock, NOW);
}

static void close_store(void)
{
    ss_materializer_close(materializer);
    materializer = NULL;
}

static int setup(void **state)
{
    (void)state;
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    options = (struct ss_store_options){.no_sync = true,
                                        .apply_step_rows = STEP_ROWS,
                                        .sizes = {.staging_rows = 40, .segment_rows = 16, .run_rows = 20}};
    open_store(true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_store();
    remove_test_directory(root);
    return 0;
}

// Of 15 users and 4 shops; every seventh row takes one of the push before back. The column `shop` is sent
// once the live definitions have it.
static void push(int number)
{
    struct push_row rows[ROWS];
    for (int i = 0; i < ROWS; i++) {
        const bool is_delete = number > 0 && i % 7 == 3;
        const int64_t id = (int64_t)(is_delete ? number - 1 : number) * ROWS + (is_delete ? i - 2 : i);
        rows[i] = (struct push_row){.id = id,
                                    .user = id * 7 % 15,
                                    .amount = id * 31 % 90,
                                    .at_us = NOW - 30 * SS_DAY_US + id * SS_MINUTE_US,
                                    .is_delete = is_delete,
                                    .shop = 1 + id % 4};
    }
    push_rows(materializer, number % 3 == 2 ? "orders" : "clicks", true, rows, ROWS);
}

static void push_many(int first, int count)
{
    for (int i = 0; i < count; i++) push(first + i);
}

static struct ss_sha256 hash_now(void)
{
    ss_clock_advance(materializer->store->clock, END);
    return hash_of_store(materializer);
}

static enum ss_status count_table(void *context, const char *name)
{
    (void)name;
    ++*(int *)context;
    return SS_OK;
}

// No more and no others than the live views'.
static void assert_tables_are_those_of_the_views(void)
{
    struct ss_online_txn *txn;
    const struct ss_definitions *live = materializer->definitions;
    int count = 0;
    bool has, any;
    assert_ok(ss_online_write(materializer->store->online, &txn, &error));
    assert_ok(ss_online_each_table(txn, count_table, &count, &error));
    assert_int_equal(count, live->view_count);
    for (size_t v = 0; v < live->view_count; v++) {
        assert_ok(ss_online_has_table(txn, &live->views[v].fingerprint, &has, &error));
        assert_true(has);
    }
    assert_ok(ss_online_drop_new(txn, &any, &error));
    assert_false(any);
    ss_online_end(txn);
}

static uint64_t count_segments(void)
{
    struct ss_history_stats stats;
    assert_ok(ss_history_stats(materializer->store->history, &stats, &error));
    return stats.segments;
}

static void assert_same_hash(struct ss_sha256 a, struct ss_sha256 b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static bool is_next(void)
{
    return ss_find_view(materializer->definitions, "shops") != NULL;
}

// What a store holds that took the same pushes and then applied, or applied and then took them.
static struct ss_sha256 hash_of_other_store(int pushes, bool applies)
{
    struct ss_materializer *const before = materializer;
    char path[sizeof directory];
    memcpy(path, directory, sizeof path);
    snprintf(directory, sizeof directory, "%s/other", root);
    open_store(true);
    push_many(0, pushes);
    if (applies) assert_ok(ss_apply(materializer, compile_definitions(next_push_yaml), &error));
    const struct ss_sha256 hash = hash_now();
    close_store();
    remove_test_directory(directory);
    memcpy(directory, path, sizeof path);
    materializer = before;
    return hash;
}

// Returns how many pushes there were.
static int finish(struct ss_applying *applying, int pushes, int pushes_between, int *steps)
{
    for (bool done = false; !done; ++*steps) {
        push_many(pushes, pushes_between);
        pushes += pushes_between;
        assert_ok(ss_apply_step(applying, &done, &error));
        assert_int_equal(done, is_next());
        assert_true(*steps < 100);
    }
    ss_apply_end(applying);
    return pushes;
}

static void with_pushes_between_all_steps_it_is_what_it_is_without(void **state)
{
    (void)state;
    struct ss_applying *applying;
    int steps = 0;
    push_many(0, FIRST);
    assert_ok(ss_apply_begin(materializer, compile_definitions(next_push_yaml), &applying, &error));
    const int pushes = finish(applying, FIRST, 1, &steps);
    assert_true(steps > 15);
    assert_tables_are_those_of_the_views();
    assert_same_hash(hash_now(), hash_of_other_store(pushes, true));
    push(pushes); // with the new column
    (void)hash_now();
}

static void it_comes_to_its_end_though_pushes_are_faster_than_its_steps(void **state)
{
    (void)state;
    struct ss_applying *applying;
    int steps = 0;
    push_many(0, 3);
    close_store();
    options.apply_step_rows = 5;
    open_store(false);
    assert_ok(ss_apply_begin(materializer, compile_definitions(next_push_yaml), &applying, &error));
    const int pushes = finish(applying, 3, 3, &steps);
    assert_same_hash(hash_now(), hash_of_other_store(pushes, true));
}

static void a_store_with_few_events_needs_one_step(void **state)
{
    (void)state;
    struct ss_applying *applying;
    bool done;
    push(0);
    close_store();
    options.apply_step_rows = 0;
    open_store(false);
    assert_ok(ss_apply_begin(materializer, compile_definitions(next_push_yaml), &applying, &error));
    assert_ok(ss_apply_step(applying, &done, &error));
    assert_true(done);
    ss_apply_end(applying);
}

static void given_up_after_any_number_of_steps_it_leaves_what_was_live(void **state)
{
    (void)state;
    int pushes = FIRST;
    bool done = false;
    push_many(0, FIRST);
    const uint64_t segments = count_segments();
    for (int give_up = 0; !done; give_up++) {
        struct ss_definitions *definitions = compile_definitions(next_push_yaml);
        struct ss_applying *applying;
        assert_ok(ss_apply_begin(materializer, definitions, &applying, &error));
        for (int step = 0; step < give_up && !done; step++) {
            if (step == 3) push(pushes++);
            assert_ok(ss_apply_step(applying, &done, &error));
        }
        ss_apply_end(applying);
        assert_tables_are_those_of_the_views();
        if (give_up <= 2) assert_int_equal(count_segments(), segments); // no index is done by then
        if (!done) ss_definitions_destroy(definitions);
        (void)hash_of_store(materializer);
    }
    assert_true(is_next());
    assert_same_hash(hash_now(), hash_of_other_store(pushes, true));
}

static void a_rebuild_in_steps_follows_what_is_pushed(void **state)
{
    (void)state;
    struct ss_applying *applying;
    int pushes = FIRST, steps = 0;
    push_many(0, FIRST);
    assert_ok(ss_rebuild_begin(materializer, NULL, 0, &applying, &error));
    for (bool done = false; !done; steps++) {
        push(pushes++);
        assert_ok(ss_apply_step(applying, &done, &error));
    }
    ss_apply_end(applying);
    assert_true(steps > 10);
    assert_tables_are_those_of_the_views();
    assert_same_hash(hash_now(), hash_of_other_store(pushes, false));
}

static void a_rebuild_mends_rows_that_are_wrong(void **state)
{
    (void)state;
    struct ss_online_txn *txn;
    push_many(0, FIRST);
    const struct ss_sha256 right = hash_of_other_store(FIRST, false);
    const struct ss_view *view = ss_find_view(materializer->definitions, "clicks");
    const struct ss_view *const twice[] = {view, view};
    assert_ok(ss_online_write(materializer->store->online, &txn, &error));
    assert_ok(ss_online_create_table(txn, &view->fingerprint, &error)); // empties it
    assert_ok(ss_online_commit(txn, &error));
    assert_ok(ss_rebuild(materializer, twice, 2, &error));
    assert_same_hash(hash_now(), right);
}

// ---- Failures

static void without_room_online_a_step_fails_and_leaves_what_was_live(void **state)
{
    (void)state;
    struct push_row rows[3000];
    for (int i = 0; i < 3000; i++) rows[i] = (struct push_row){i, i, 1, NOW, false, 0};
    push_rows(materializer, "clicks", false, rows, 3000);
    close_store();
    char data[PATH_BYTES + 64];
    snprintf(data, sizeof data, "%s/online/data.mdb", directory);
    options.online.map_bytes = (size_t)size_of_file(data) / 4096 * 4096 + 20 * 4096;
    open_store(false);
    struct ss_definitions *definitions = compile_definitions(next_push_yaml);
    assert_status(SS_LIMIT, ss_apply(materializer, definitions, &error));
    assert_non_null(strstr(error.message, "its map is full"));
    assert_false(is_next());
    assert_tables_are_those_of_the_views();
    (void)hash_of_store(materializer);
    close_store();
    options.online.map_bytes = 0;
    open_store(false);
    assert_ok(ss_apply(materializer, definitions, &error));
    (void)hash_now();
}

static void without_memory_it_fails_and_leaves_what_was_live(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile_definitions(next_push_yaml);
    enum ss_status status = SS_OUT_OF_MEMORY;
    push_many(0, 4);
    for (long k = 1; status != SS_OK; k++) {
        ss_fail_allocation_at(k);
        status = ss_apply(materializer, definitions, &error);
        ss_fail_allocation_at(0);
        if (status == SS_OK) break;
        assert_int_equal(status, SS_OUT_OF_MEMORY);
        assert_false(is_next());
        if (k % 10 == 0) assert_tables_are_those_of_the_views();
    }
    assert_true(is_next());
    assert_tables_are_those_of_the_views();
    assert_same_hash(hash_now(), hash_of_other_store(4, true));
}

static void fill_disk(void *context, const char *name)
{
    const struct rlimit full = {4096, RLIM_INFINITY};
    const bool *fills = context;
    if (*fills && strcmp(name, "history_before_commit") == 0) setrlimit(RLIMIT_FSIZE, &full);
}

static void a_push_that_fails_between_steps_and_the_recovery_behind_it_do_not_disturb(void **state)
{
    (void)state;
    struct ss_applying *applying;
    struct ss_push_result result;
    struct made_push made;
    bool fills = false, done;
    int steps = 0;
    const struct rlimit free_again = {RLIM_INFINITY, RLIM_INFINITY};
    const struct push_row row = {1000000, 1, 1, NOW, false, 0};
    close_store();
    options.fault_point = fill_disk;
    options.fault_context = &fills;
    signal(SIGXFSZ, SIG_IGN);
    open_store(false);
    push_many(0, FIRST);
    assert_ok(ss_apply_begin(materializer, compile_definitions(next_push_yaml), &applying, &error));
    assert_ok(ss_apply_step(applying, &done, &error));
    make_push(&made, materializer->definitions, "clicks", &row, 1);
    made.push.live = true;
    fills = true;
    assert_status(SS_IO, ss_push(materializer, &made.push, &result, &error));
    fills = false;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
    release_push(&made);
    assert_true(ss_clock_in_flight(materializer->store->clock));
    assert_ok(ss_apply_step(applying, &done, &error));
    const int pushes = finish(applying, FIRST, 1, &steps); // the first of them recovers
    assert_same_hash(hash_now(), hash_of_other_store(pushes, true));
}

// ---- Killed

struct killing {
    const char *name;
    int at; // which time it comes there
};

static void die(void *context, const char *name)
{
    struct killing *killing = context;
    if (strcmp(name, killing->name) == 0 && killing->at-- == 0) kill(getpid(), SIGKILL);
}

// Did it die?
static bool apply_in_child(struct killing killing)
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        options.fault_point = die;
        options.fault_context = &killing;
        open_store(false);
        const enum ss_status applied = ss_apply(materializer, compile_definitions(next_push_yaml), &error);
        close_store();
        _exit(applied == SS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

// Returns how often it was killed before it came through.
static int kill_at_all(const char *name)
{
    push_many(0, FIRST);
    const struct ss_sha256 before = hash_now();
    const uint64_t segments = count_segments();
    close_store();
    int kills = 0;
    while (apply_in_child((struct killing){name, kills})) {
        open_store(false);
        assert_false(materializer->rebuilt);
        assert_int_equal(materializer->caught_up_rows, 0);
        assert_false(is_next());
        assert_tables_are_those_of_the_views();
        assert_same_hash(hash_now(), before);
        if (kills < 2 && strcmp(name, "index_before_commit") == 0)
            assert_int_equal(count_segments(), segments); // no index was done by then
        close_store();
        kills++;
    }
    open_store(false);
    assert_true(is_next());
    assert_same_hash(hash_now(), hash_of_other_store(FIRST, true));
    return kills;
}

static void killed_at_any_step_it_leaves_what_was_live_and_no_new_tables(void **state)
{
    (void)state;
    assert_true(kill_at_all("apply_before_step") > 10);
}

static void killed_while_an_index_of_history_is_made_it_leaves_the_one_before(void **state)
{
    (void)state;
    assert_true(kill_at_all("index_before_commit") > 5);
}

static void an_index_that_is_made_anew_meanwhile_ends_an_apply(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile_definitions(next_push_yaml);
    struct ss_applying *applying;
    bool done;
    push_many(0, FIRST);
    assert_ok(ss_apply_begin(materializer, definitions, &applying, &error));
    assert_ok(ss_apply_step(applying, &done, &error));
    assert_ok(ss_history_compact(materializer->store->history, SS_COMPACT_REINDEX, &error));
    assert_status(SS_CONFLICT, ss_apply_step(applying, &done, &error));
    assert_non_null(strstr(error.message, "was dropped meanwhile; begin again"));
    ss_apply_end(applying);
    assert_ok(ss_apply(materializer, definitions, &error));
    assert_same_hash(hash_now(), hash_of_other_store(FIRST, true));
}

static void killed_at_the_switch_it_is_the_old_or_the_new(void **state)
{
    (void)state;
    push_many(0, FIRST);
    close_store();
    assert_true(apply_in_child((struct killing){"apply_before_switch", 0}));
    open_store(false);
    assert_false(is_next());
    assert_tables_are_those_of_the_views();
    (void)hash_now();
    close_store();
    assert_true(apply_in_child((struct killing){"apply_after_switch", 0}));
    open_store(false);
    assert_true(is_next());
    assert_tables_are_those_of_the_views();
    (void)hash_now();
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(with_pushes_between_all_steps_it_is_what_it_is_without),
        TEST(it_comes_to_its_end_though_pushes_are_faster_than_its_steps),
        TEST(a_store_with_few_events_needs_one_step),
        TEST(given_up_after_any_number_of_steps_it_leaves_what_was_live),
        TEST(a_rebuild_in_steps_follows_what_is_pushed),
        TEST(a_rebuild_mends_rows_that_are_wrong),
        TEST(without_room_online_a_step_fails_and_leaves_what_was_live),
        TEST(without_memory_it_fails_and_leaves_what_was_live),
        TEST(a_push_that_fails_between_steps_and_the_recovery_behind_it_do_not_disturb),
        TEST(killed_at_any_step_it_leaves_what_was_live_and_no_new_tables),
        TEST(killed_while_an_index_of_history_is_made_it_leaves_the_one_before),
        TEST(an_index_that_is_made_anew_meanwhile_ends_an_apply),
        TEST(killed_at_the_switch_it_is_the_old_or_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
