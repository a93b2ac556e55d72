// The clock: what DESIGN C3 asks of it, in one process and between several.

#include "engine/base/time.h"
#include "store/clock.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BOOT_ID_OFFSET 24
#define CELL_OFFSET    64

static struct ss_error error;
static char directory[PATH_BYTES], path[PATH_BYTES];

static int set_up(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.480s/clock", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_test_directory(directory);
    return 0;
}

static int64_t given_now(void *context)
{
    return *(int64_t *)context;
}

static struct ss_clock *open_at(const int64_t *now_us)
{
    struct ss_clock *clock = NULL;
    const struct ss_wall_source wall = {given_now, (void *)(uintptr_t)now_us};
    assert_ok(ss_clock_open(path, &wall, &clock, &error));
    return clock;
}

static void wall_clock_shows_the_machines_time(void **state)
{
    (void)state;
    int64_t now_us = 1000;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_int_equal(ss_clock_kind(clock), SS_CLOCK_WALL);
    assert_int_equal(ss_clock_now(clock), 1000);
    assert_int_equal(ss_clock_pin(clock), 1000);
    now_us = 1001;
    assert_int_equal(ss_clock_pin(clock), 1001);
    ss_clock_close(clock);
}

static void the_machines_own_clock_is_used_by_default(void **state)
{
    (void)state;
    struct ss_clock *clock = NULL;
    struct timespec before, after;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    assert_ok(ss_clock_open(path, NULL, &clock, &error));
    clock_gettime(CLOCK_REALTIME, &before);
    const int64_t t = ss_clock_pin(clock);
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(t >= (int64_t)before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(t <= (int64_t)after.tv_sec * 1000000 + after.tv_nsec / 1000);
    ss_clock_close(clock);
}

static void a_machine_clock_that_steps_back_does_not_take_the_clock_with_it(void **state)
{
    (void)state;
    int64_t now_us = 1000;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_int_equal(ss_clock_pin(clock), 1000);
    now_us = -500;
    assert_int_equal(ss_clock_pin(clock), 1000);
    assert_int_equal(ss_clock_now(clock), 1000);
    assert_int_equal(ss_clock_begin_commit(clock), 1000);
    ss_clock_end_commit(clock, 1001);
    assert_int_equal(ss_clock_pin(clock), 1001);
    ss_clock_close(clock);
    clock = open_at(&now_us); // across a restart too
    assert_int_equal(ss_clock_pin(clock), 1001);
    ss_clock_close(clock);
}

static void the_clock_stands_while_a_commit_is_in_flight(void **state)
{
    (void)state;
    int64_t now_us = 1000;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_false(ss_clock_in_flight(clock));
    assert_int_equal(ss_clock_begin_commit(clock), 1000);
    assert_true(ss_clock_in_flight(clock));
    now_us = 5000;
    assert_int_equal(ss_clock_pin(clock), 1000);
    assert_int_equal(ss_clock_now(clock), 1000);
    assert_int_equal(ss_clock_begin_commit(clock), 1000); // a dead writer's is taken over
    ss_clock_end_commit(clock, 1001);
    assert_false(ss_clock_in_flight(clock));
    assert_int_equal(ss_clock_pin(clock), 5000);
    ss_clock_close(clock);
}

static void a_commit_that_is_given_up_leaves_the_clock_where_it_stands(void **state)
{
    (void)state;
    int64_t now_us = -7;
    assert_ok(ss_clock_create(path, SS_CLOCK_REPLAY, &error));
    struct ss_clock *clock = open_at(&now_us);
    ss_clock_advance(clock, -3);
    assert_int_equal(ss_clock_begin_commit(clock), -3);
    ss_clock_end_commit(clock, INT64_MIN);
    assert_false(ss_clock_in_flight(clock));
    assert_int_equal(ss_clock_pin(clock), -3);
    ss_clock_close(clock);
}

static void replay_clock_moves_with_commits_alone(void **state)
{
    (void)state;
    int64_t now_us = 1000000;
    assert_ok(ss_clock_create(path, SS_CLOCK_REPLAY, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_int_equal(ss_clock_kind(clock), SS_CLOCK_REPLAY);
    assert_true(ss_clock_pin(clock) == SS_TIME_MIN_US);
    ss_clock_advance(clock, -2001);
    assert_int_equal(ss_clock_pin(clock), -2001);
    ss_clock_advance(clock, -9000);
    assert_int_equal(ss_clock_pin(clock), -2001);
    assert_int_equal(ss_clock_begin_commit(clock), -2001);
    ss_clock_end_commit(clock, 77);
    assert_int_equal(ss_clock_pin(clock), 77);
    ss_clock_close(clock);
}

static void times_of_all_years_are_kept_exactly(void **state)
{
    (void)state;
    static const int64_t times[] = {SS_TIME_MIN_US, SS_TIME_MIN_US + 1, -3, -2, -1, 0, 1, 2,
                                    SS_TIME_MAX_US, SS_TIME_MAX_US + 1};
    int64_t now_us = 0;
    assert_ok(ss_clock_create(path, SS_CLOCK_REPLAY, &error));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct ss_clock *clock = open_at(&now_us);
        ss_clock_advance(clock, times[i]);
        assert_true(ss_clock_begin_commit(clock) == times[i]);
        ss_clock_close(clock);
        clock = open_at(&now_us); // the writer died
        assert_true(ss_clock_in_flight(clock));
        assert_true(ss_clock_pin(clock) == times[i]);
        ss_clock_end_commit(clock, INT64_MIN);
        assert_true(ss_clock_pin(clock) == times[i]);
        ss_clock_close(clock);
    }
}

static void after_a_reboot_a_wall_clock_stands_a_minute_later(void **state)
{
    (void)state;
    int64_t now_us = 5000;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_int_equal(ss_clock_pin(clock), 5000);
    ss_clock_close(clock);
    overwrite_file(path, BOOT_ID_OFFSET, "another boot", 12);
    now_us = 0; // a machine whose clock starts anew
    clock = open_at(&now_us);
    assert_int_equal(ss_clock_pin(clock), 5000 + 60 * SS_SECOND_US);
    ss_clock_close(clock);
    clock = open_at(&now_us); // once
    assert_int_equal(ss_clock_pin(clock), 5000 + 60 * SS_SECOND_US);
    ss_clock_close(clock);
}

// Nobody had asked for long, so the cell on disk is old; and the machine came back two seconds behind.
static void after_a_reboot_a_wall_clock_is_past_what_was_not_written_back(void **state)
{
    (void)state;
    int64_t now_us = 5000;
    const int64_t old_cell = 2 * now_us;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    struct ss_clock *clock = open_at(&now_us);
    ss_clock_pin(clock);
    now_us = SS_DAY_US;
    const int64_t given_us = ss_clock_pin(clock);
    ss_clock_close(clock);
    overwrite_file(path, CELL_OFFSET, &old_cell, sizeof old_cell);
    overwrite_file(path, BOOT_ID_OFFSET, "another boot", 12);
    now_us -= 2 * SS_SECOND_US;
    clock = open_at(&now_us);
    assert_true(ss_clock_pin(clock) > given_us);
    ss_clock_close(clock);
}

static void after_a_reboot_a_replay_clock_stands_where_it_stood(void **state)
{
    (void)state;
    int64_t now_us = 0;
    assert_ok(ss_clock_create(path, SS_CLOCK_REPLAY, &error));
    struct ss_clock *clock = open_at(&now_us);
    ss_clock_advance(clock, 5000);
    ss_clock_close(clock);
    overwrite_file(path, BOOT_ID_OFFSET, "another boot", 12);
    clock = open_at(&now_us);
    assert_int_equal(ss_clock_pin(clock), 5000);
    ss_clock_close(clock);
}

static void a_damaged_clock_is_refused(void **state)
{
    (void)state;
    struct ss_clock *clock = NULL;
    const int64_t beyond = INT64_MAX;
    assert_status(SS_DAMAGED, ss_clock_open(path, NULL, &clock, &error)); // missing
    assert_non_null(strstr(error.message, "any writing command makes it anew"));
    for (long offset = 0; offset < BOOT_ID_OFFSET; offset++) {
        unlink(path);
        assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
        overwrite_file(path, offset, "\xaa", 1);
        assert_status(SS_DAMAGED, ss_clock_open(path, NULL, &clock, &error));
    }
    unlink(path);
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    overwrite_file(path, CELL_OFFSET, &beyond, sizeof beyond);
    assert_status(SS_DAMAGED, ss_clock_open(path, NULL, &clock, &error));
    for (long size = 0; size < 4096; size += 63) {
        truncate_file(path, size);
        assert_status(SS_DAMAGED, ss_clock_open(path, NULL, &clock, &error));
    }
    assert_null(clock);
}

static void a_clock_is_created_once_and_replaced_whole(void **state)
{
    (void)state;
    int64_t now_us = 0;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    assert_status(SS_CONFLICT, ss_clock_create(path, SS_CLOCK_WALL, &error));
    assert_ok(ss_clock_replace(path, SS_CLOCK_REPLAY, 12345, &error));
    struct ss_clock *clock = open_at(&now_us);
    assert_int_equal(ss_clock_kind(clock), SS_CLOCK_REPLAY);
    assert_int_equal(ss_clock_pin(clock), 12345);
    ss_clock_close(clock);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    for (long k = 1;; k++) {
        struct ss_clock *clock = NULL;
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_clock_open(path, NULL, &clock, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status == SS_OK, clock != NULL);
        if (swept) assert_ok(status);
        ss_clock_close(clock);
        if (swept) break;
    }
}

// ---- Between processes
//
// One writer makes commits; readers pin. The stage is what an online snapshot would show: the arrival of the
// newest commit that is in it, set between begin and end, as the writer does with LMDB. A reader looks at
// what C3 says of its t, for every commit before and after:
//   it lacks a commit  => t <= that commit's arrival (the arrival that the next commit gets, checked after)
//   no arrival below a t that was given out

struct stage {
    _Atomic int64_t visible_us; // arrival of the newest visible commit
    _Atomic int64_t next_us;    // arrival of the commit in flight; INT64_MIN: none
    _Atomic int64_t greatest_t; // greatest t that was given out
    _Atomic bool stop;
    _Atomic long violations, pins;
};

static void raise_to(_Atomic int64_t *cell, int64_t value)
{
    int64_t seen = atomic_load(cell);
    while (seen < value && !atomic_compare_exchange_weak(cell, &seen, value)) continue;
}

static void read_until_stopped(struct stage *stage)
{
    struct ss_clock *clock;
    int64_t last = INT64_MIN;
    if (ss_clock_open(path, NULL, &clock, &error) != SS_OK) _exit(2);
    while (!atomic_load(&stage->stop)) {
        const int64_t t = ss_clock_pin(clock);
        const int64_t visible_us = atomic_load(&stage->visible_us); // the snapshot, taken after the pin
        const int64_t next_us = atomic_load(&stage->next_us);
        raise_to(&stage->greatest_t, t);
        // next_us is of a commit begun by now; if the snapshot lacks it, t may not be past it.
        if (next_us != INT64_MIN && next_us > visible_us && t > next_us)
            atomic_fetch_add(&stage->violations, 1);
        if (t < last) atomic_fetch_add(&stage->violations, 1);
        last = t;
        atomic_fetch_add(&stage->pins, 1);
    }
    ss_clock_close(clock);
    _exit(0);
}

static void lookups_of_other_processes_never_pass_a_commit_that_they_lack(void **state)
{
    (void)state;
    enum { READERS = 3, COMMITS = 5000 };
    struct ss_clock *clock = NULL;
    struct stage *stage =
        mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stage != MAP_FAILED);
    atomic_store(&stage->visible_us, INT64_MIN);
    atomic_store(&stage->next_us, INT64_MIN);
    atomic_store(&stage->greatest_t, INT64_MIN);
    assert_ok(ss_clock_create(path, SS_CLOCK_WALL, &error));
    pid_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0) read_until_stopped(stage);
    }
    assert_ok(ss_clock_open(path, NULL, &clock, &error));
    long early = 0;
    while (atomic_load(&stage->pins) == 0) usleep(100);
    for (int i = 0; i < COMMITS; i++) {
        const int64_t given = atomic_load(&stage->greatest_t); // before the commit begins
        const int64_t arrival_us = ss_clock_begin_commit(clock);
        atomic_store(&stage->next_us, arrival_us);
        early += arrival_us < given; // an arrival below a t that was given out
        if (i % 8 == 0) sched_yield();
        atomic_store(&stage->visible_us, arrival_us);
        atomic_store(&stage->next_us, INT64_MIN);
        ss_clock_end_commit(clock, arrival_us + 1);
    }
    atomic_store(&stage->stop, true);
    for (int i = 0; i < READERS; i++) {
        int exit_status;
        assert_int_equal(waitpid(readers[i], &exit_status, 0), readers[i]);
        assert_int_equal(exit_status, 0);
    }
    print_message("%ld pins beside %d commits\n", atomic_load(&stage->pins), COMMITS);
    assert_int_equal(early, 0);
    assert_int_equal(atomic_load(&stage->violations), 0);
    ss_clock_close(clock);
    munmap(stage, sizeof *stage);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(wall_clock_shows_the_machines_time),
        TEST(the_machines_own_clock_is_used_by_default),
        TEST(a_machine_clock_that_steps_back_does_not_take_the_clock_with_it),
        TEST(the_clock_stands_while_a_commit_is_in_flight),
        TEST(a_commit_that_is_given_up_leaves_the_clock_where_it_stands),
        TEST(replay_clock_moves_with_commits_alone),
        TEST(times_of_all_years_are_kept_exactly),
        TEST(after_a_reboot_a_wall_clock_stands_a_minute_later),
        TEST(after_a_reboot_a_wall_clock_is_past_what_was_not_written_back),
        TEST(after_a_reboot_a_replay_clock_stands_where_it_stood),
        TEST(a_damaged_clock_is_refused),
        TEST(a_clock_is_created_once_and_replaced_whole),
        TEST(every_failing_allocation_is_an_error),
        TEST(lookups_of_other_processes_never_pass_a_commit_that_they_lack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
