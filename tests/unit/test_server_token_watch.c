// A tokens file that changes, breaks and goes away under a running server.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "server/token_watch.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/token_harness.h"

static struct ss_token_watch *watch;
static struct ss_token_reader *reader;
static bool changed; // by the newest look

static void watch_file(void)
{
    assert_ok(ss_token_watch_create(path, &watch, &error));
    assert_ok(ss_token_reader_create(watch, &reader, &error));
}

static int stop_watching(void **state)
{
    ss_token_reader_destroy(reader);
    ss_token_watch_destroy(watch);
    reader = NULL;
    watch = NULL;
    return tear_down(state);
}

static enum ss_status look(int64_t now_us, bool at_once)
{
    return ss_token_watch_look(watch, now_us, at_once, &changed, &error);
}

static enum ss_token_verdict read_token(const char *text)
{
    const struct ss_token *token;
    return ss_token_reader_find(reader, ss_bytes_of(text), NOW_US, &token);
}

static void a_running_server_sees_changes_within_a_second_and_not_more_often(void **state)
{
    (void)state;
    char a[SS_TOKEN_TEXT_SIZE], b[SS_TOKEN_TEXT_SIZE];
    watch_file();
    assert_false(ss_token_watch_exist(watch));
    assert_ok(look(NOW_US, false));
    assert_false(changed);
    assert_ok(create("a", "admin", a));
    assert_ok(look(NOW_US + SS_SECOND_US - 1, false));
    assert_false(changed);
    const uint64_t generation = ss_token_watch_generation(watch);
    assert_ok(look(NOW_US + SS_SECOND_US, false));
    assert_true(changed);
    assert_true(ss_token_watch_exist(watch));
    assert_int_equal(ss_token_watch_generation(watch), generation + 1);
    assert_int_equal(read_token(a), SS_TOKEN_VALID);
    assert_ok(create("b", "admin", b));
    assert_ok(ss_token_revoke(directory, "a", &error));
    assert_int_equal(read_token(a), SS_TOKEN_VALID);
    assert_ok(look(NOW_US + 2 * SS_SECOND_US, false));
    assert_int_equal(read_token(a), SS_TOKEN_UNKNOWN);
    assert_int_equal(read_token(b), SS_TOKEN_VALID);
    assert_ok(look(NOW_US + 2 * SS_SECOND_US, true)); // SIGHUP
    assert_true(changed);
}

static void a_file_that_breaks_under_a_running_server_is_told_once_and_changes_nothing(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("a", "admin", text));
    watch_file();
    write_file("tokens", "broken\n");
    assert_status(SS_DAMAGED, look(NOW_US, false));
    assert_false(changed);
    assert_int_equal(read_token(text), SS_TOKEN_VALID);
    assert_ok(look(NOW_US + SS_SECOND_US, false));
    assert_int_equal(read_token(text), SS_TOKEN_VALID);
    assert_status(SS_DAMAGED, look(NOW_US, true));
}

static void a_revocation_that_could_not_be_read_at_once_is_read_a_second_later(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("a", "admin", text));
    watch_file();
    assert_ok(ss_token_revoke(directory, "a", &error));
    ss_fail_allocation_at(1);
    const enum ss_status status = look(NOW_US, false);
    ss_fail_allocation_at(0);
    assert_int_equal(status, SS_OUT_OF_MEMORY);
    assert_int_equal(read_token(text), SS_TOKEN_VALID);
    assert_ok(look(NOW_US + SS_SECOND_US, false));
    assert_true(changed);
    assert_int_equal(read_token(text), SS_TOKEN_UNKNOWN);
}

static void a_file_that_goes_away_under_a_running_server_closes_it(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("a", "admin", text));
    watch_file();
    assert_int_equal(unlink(path), 0);
    assert_ok(look(NOW_US, false));
    assert_true(changed);
    assert_true(ss_token_watch_exist(watch));
    assert_int_equal(read_token(text), SS_TOKEN_UNKNOWN);
}

struct crowd {
    struct ss_token_watch *watch;
    char text[SS_TOKEN_TEXT_SIZE];
    _Atomic bool stop;
};

static void *look_up_all_the_time(void *argument)
{
    struct crowd *crowd = argument;
    struct ss_token_reader *own = NULL;
    if (ss_token_reader_create(crowd->watch, &own, NULL) != SS_OK) return crowd;
    void *failed = NULL;
    for (int64_t now_us = NOW_US; !crowd->stop; now_us += SS_SECOND_US) {
        const struct ss_token *token;
        (void)ss_token_watch_look(crowd->watch, now_us, false, NULL, NULL);
        if (ss_token_reader_find(own, ss_bytes_of(crowd->text), NOW_US, &token) != SS_TOKEN_VALID ||
            strcmp(token->name, "a") != 0)
            failed = crowd;
    }
    ss_token_reader_destroy(own);
    return failed;
}

static void threads_look_up_while_the_file_changes(void **state)
{
    (void)state;
    static struct crowd crowd;
    char other[SS_TOKEN_TEXT_SIZE];
    pthread_t threads[4];
    assert_ok(create("a", "admin", crowd.text));
    assert_ok(ss_token_watch_create(path, &crowd.watch, &error));
    crowd.stop = false;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_all_the_time, &crowd), 0);
    for (int i = 0; i < 30; i++) {
        assert_ok(create("b", "read:x", other));
        assert_ok(ss_token_revoke(directory, "b", &error));
    }
    crowd.stop = true;
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    ss_token_watch_destroy(crowd.watch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stop_watching)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_running_server_sees_changes_within_a_second_and_not_more_often),
        TEST(a_file_that_breaks_under_a_running_server_is_told_once_and_changes_nothing),
        TEST(a_revocation_that_could_not_be_read_at_once_is_read_a_second_later),
        TEST(a_file_that_goes_away_under_a_running_server_closes_it),
        TEST(threads_look_up_while_the_file_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
