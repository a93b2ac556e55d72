// A history whose writer is killed at any of its commits, and readers in another process beside it.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/segments_harness.h"

// ---- Killed

struct killing {
    const char *point;
    int calls_left;
};

static void die(void *context, const char *name)
{
    struct killing *killing = context;
    if (strcmp(name, killing->point) == 0 && killing->calls_left-- == 0) _exit(9);
}

static void work_until_killed(struct fixture *fixture, struct killing *killing)
{
    struct ss_history_options options = small;
    options.fault_point = die;
    options.fault_context = killing;
    reopen(fixture, &options);
    for (int i = 0; i < 10; i++) {
        add_rows(fixture, &fixture->payments, i * 100, i * 100 + 40, 20); // to staging, and a flush
        add_rows(fixture, &fixture->payments, i * 100 + 40, i * 100 + 100, 60);
        compact(fixture, SS_COMPACT_NEEDED);
    }
    compact(fixture, SS_COMPACT_REINDEX);
}

// Rows that were acknowledged before are duplicates now; none is there twice.
static void check_after_kill(struct fixture *fixture)
{
    struct ss_commit newest;
    reopen(fixture, &small);
    assert_ok(ss_history_newest_commit(fixture->history, &newest, &error));
    assert_int_equal(count_seq(fixture), newest.last_seq);
    const struct digest before = digest_of(fixture, &fixture->payments);
    compact(fixture, SS_COMPACT_REINDEX);
    assert_same(digest_of(fixture, &fixture->payments), before);
    add_rows(fixture, &fixture->payments, 0, 1000, 20);
    assert_int_equal(count_seq(fixture), 1000);
    assert_int_equal(stats_of(fixture).events, 1000);
}

static void nothing_is_lost_or_doubled_by_a_kill_at_any_commit(void **state)
{
    struct fixture *fixture = *state;
    static const char *const points[] = {"history_before_commit", "history_after_commit",
                                         "compaction_before_commit"};
    struct digest want = {0};
    for (int point = 0; point < 3; point++) {
        for (int calls = 0;; calls += 3) {
            tear_down(state);
            set_up(state);
            fixture = *state;
            ss_history_close(fixture->history);
            fixture->history = NULL;
            const pid_t child = fork();
            if (child == 0) {
                struct killing killing = {points[point], calls};
                work_until_killed(fixture, &killing);
                _exit(0);
            }
            int outcome;
            assert_int_equal(waitpid(child, &outcome, 0), child);
            assert_true(WIFEXITED(outcome));
            check_after_kill(fixture);
            const struct digest got = digest_of(fixture, &fixture->payments);
            if (want.rows) assert_same(got, want);
            want = got;
            if (WEXITSTATUS(outcome) == 0) break;
            assert_int_equal(WEXITSTATUS(outcome), 9);
        }
    }
}

// ---- Processes beside one another

// One reader of each view, and one by seq; what each call gives waits for what the other process does then.
static int read_beside(struct fixture *fixture, int go, int done, const struct digest *want)
{
    struct ss_history *history = NULL;
    struct ss_event_reader *readers[VIEWS + 1] = {0};
    const struct ss_event_batch *batch;
    struct digest got = {0};
    char byte = 0;
    if (ss_history_open(fixture->path, false, &small, &history, &error) != SS_OK) return 1;
    for (int view = 0; view < VIEWS; view++)
        if (ss_history_read_entity(history, &fixture->payments.views[view], NULL, INT64_MIN, INT64_MAX, 5000,
                                   &readers[view], &error) != SS_OK)
            return 2;
    if (ss_history_read_seq(history, &fixture->payments.source, 0, 5000, NULL, &readers[VIEWS], &error) !=
        SS_OK)
        return 2;
    for (int i = 0; i <= VIEWS; i++)
        for (;;) {
            if (write(done, &byte, 1) != 1 || read(go, &byte, 1) != 1) return 3;
            if (readers[i]->next(readers[i], &batch, &error) != SS_OK) return 4;
            if (!batch) break;
            digest_batch(batch, COLUMNS + 1, &got);
        }
    for (int i = 0; i <= VIEWS; i++) readers[i]->close(readers[i]);
    ss_history_close(history);
    close(done);
    return got.hash == want->hash && got.rows == want->rows ? 0 : 5;
}

static void readers_in_another_process_give_each_row_once_whatever_this_one_does(void **state)
{
    struct fixture *fixture = *state;
    int go[2], done[2], outcome, number = 5000;
    char byte;
    add_rows(fixture, &fixture->payments, 0, 2000, 15);
    add_rows(fixture, &fixture->payments, 2000, 5000, 30);
    struct digest want = {0};
    for (int view = 0; view < VIEWS; view++)
        assert_ok(digest_view(fixture->history, &fixture->payments.views[view], 5000, &want));
    assert_ok(digest_seq(fixture->history, &fixture->payments, &want)); // up to 5000: there is no more yet
    ss_history_close(fixture->history);
    fixture->history = NULL;
    assert_int_equal(pipe(go) | pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(done[0]);
        close(go[1]);
        _exit(read_beside(fixture, go[0], done[1], &want));
    }
    close(done[1]);
    close(go[0]);
    assert_ok(ss_history_open(fixture->path, true, &small, &fixture->history, &error));
    for (int step = 0; read(done[0], &byte, 1) == 1; step++) {
        if (step % 4 == 0) add_rows(fixture, &fixture->payments, number, number + 11, 11);
        if (step % 4 == 1) add_rows(fixture, &fixture->payments, number, number + 47, 47);
        if (step % 4 == 2) compact(fixture, SS_COMPACT_NEEDED);
        if (step % 4 == 3) compact(fixture, step % 8 == 3 ? SS_COMPACT_ALL : SS_COMPACT_REINDEX);
        take_back(fixture, step);
        number += 50;
        assert_int_equal(write(go[1], &byte, 1), 1);
    }
    close(go[1]);
    close(done[0]);
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_int_equal(WIFEXITED(outcome) ? WEXITSTATUS(outcome) : -1, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_lost_or_doubled_by_a_kill_at_any_commit),
        TEST(readers_in_another_process_give_each_row_once_whatever_this_one_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
