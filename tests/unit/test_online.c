// Online rows: round trips, and snapshots between threads and processes.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/online_harness.h"

// ---- Rows

static void a_row_comes_back_as_it_was_put(void **state)
{
    (void)state;
    char *large = calloc(1, 100001);
    memset(large, 'x', 100000);
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "first");
    put(txn, 1, "b", "");
    put(txn, 1, "c", large);
    put(txn, 1, "a", "second");
    assert_row(txn, 1, "a", "second");
    assert_ok(ss_online_commit(txn, &error));
    txn = begin_read();
    assert_row(txn, 1, "a", "second");
    assert_row(txn, 1, "b", "");
    assert_row(txn, 1, "c", large);
    assert_row(txn, 1, "d", NULL);
    ss_online_end(txn);
    free(large);
}

static void a_write_that_is_given_up_changes_nothing(void **state)
{
    (void)state;
    struct ss_applied applied = {.seq = 9};
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "kept");
    assert_ok(ss_online_commit(txn, &error));
    txn = begin_write();
    put(txn, 1, "a", "lost");
    create(txn, 2);
    put(txn, 2, "a", "lost");
    assert_ok(ss_online_set_applied(txn, &applied, &error));
    ss_online_end(txn);
    txn = begin_read();
    assert_row(txn, 1, "a", "kept");
    assert_false(has(txn, 2));
    assert_ok(ss_online_applied(txn, &applied, &error));
    assert_int_equal(applied.seq, 0);
    ss_online_end(txn);
    txn = begin_write(); // and its slot is free for another
    create(txn, 3);
    put(txn, 3, "z", "new");
    assert_ok(ss_online_commit(txn, &error));
    txn = begin_read();
    assert_row(txn, 3, "z", "new");
    assert_row(txn, 3, "a", NULL);
    ss_online_end(txn);
}

static void what_is_applied_is_kept_with_the_rows(void **state)
{
    (void)state;
    const struct ss_applied want = {
        .seq = 12, .commit_id = 0xfedcba9876543210, .arrival_us = -5, .has_live = true, .live = {{1, 2, 3}}};
    struct ss_applied found;
    struct ss_online_txn *txn = begin_read();
    assert_ok(ss_online_applied(txn, &found, &error));
    assert_true(found.seq == 0 && !found.has_live && found.arrival_us == SS_TIME_MIN_US);
    ss_online_end(txn);
    txn = begin_write();
    assert_ok(ss_online_set_applied(txn, &want, &error));
    assert_ok(ss_online_applied(txn, &found, &error));
    assert_int_equal(found.seq, 12);
    assert_ok(ss_online_commit(txn, &error));
    close_online();
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    txn = begin_read();
    assert_ok(ss_online_applied(txn, &found, &error));
    assert_int_equal(found.seq, want.seq);
    assert_true(found.commit_id == want.commit_id && found.arrival_us == -5 && found.has_live);
    assert_memory_equal(&found.live, &want.live, sizeof want.live);
    ss_online_end(txn);
}

static void a_scan_gives_all_rows_in_key_order_and_stops_when_told(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    char list[1000] = "";
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "b", "2");
    put(txn, 1, "\xff", "4");
    put(txn, 1, "a", "1");
    put(txn, 1, "ba", "3");
    assert_ok(ss_online_scan(txn, &fingerprint, collect, list, &error));
    assert_string_equal(list, "a=1;b=2;ba=3;\xff=4;");
    put(txn, 1, "aaaa", "stop");
    assert_ok(ss_online_delete(txn, &fingerprint, ss_bytes_of("a"), &error));
    assert_ok(ss_online_delete(txn, &fingerprint, ss_bytes_of("no such"), &error));
    list[0] = 0;
    assert_int_equal(ss_online_scan(txn, &fingerprint, collect, list, &error), SS_FOUND);
    assert_string_equal(list, "aaaa=stop;");
    ss_online_end(txn);
}

static void a_missing_table_is_an_error_that_names_it(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(7);
    struct ss_bytes found;
    struct ss_online_txn *txn = begin_read();
    assert_status(SS_NOT_FOUND, ss_online_get(txn, &fingerprint, ss_bytes_of("a"), &found, &error));
    assert_non_null(strstr(error.message, "no table of view version ab00000000000007"));
    ss_online_end(txn);
}

static void stats_count_rows_and_bytes(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    struct ss_online_stats stats;
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "1");
    put(txn, 1, "b", "2");
    assert_ok(ss_online_commit(txn, &error));
    txn = begin_read();
    assert_ok(ss_online_stats(txn, &fingerprint, &stats, &error));
    assert_int_equal(stats.rows, 2);
    assert_int_equal(stats.bytes, 4096);
    assert_int_equal(stats.file_bytes, size_of_file(data));
    ss_online_end(txn);
}

// ---- Tables

static enum ss_status count_table(void *context, const char *name)
{
    int *count = context;
    assert_int_equal(strlen(name), 16);
    (*count)++;
    return SS_OK;
}

static int table_count(struct ss_online_txn *txn)
{
    int count = 0;
    assert_ok(ss_online_each_table(txn, count_table, &count, &error));
    return count;
}

static void many_tables_come_and_go(void **state)
{
    (void)state;
    char text[16];
    for (unsigned round = 0; round < 5; round++) {
        struct ss_online_txn *txn = begin_write();
        for (unsigned i = 0; i < 300; i++) {
            snprintf(text, sizeof text, "%u of %u", i, round);
            create(txn, i + round * 300);
            put(txn, i + round * 300, "key", text);
        }
        for (unsigned i = 0; i < 300 && round > 0; i++) drop(txn, i + (round - 1) * 300);
        assert_ok(ss_online_commit(txn, &error));
        txn = begin_read();
        assert_int_equal(table_count(txn), 300);
        for (unsigned i = 0; i < 300; i++) {
            snprintf(text, sizeof text, "%u of %u", i, round);
            assert_row(txn, i + round * 300, "key", text);
            assert_false(has(txn, i + (round + 1) * 300));
        }
        ss_online_end(txn);
    }
}

static void creating_a_table_again_empties_it(void **state)
{
    (void)state;
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "1");
    assert_ok(ss_online_commit(txn, &error));
    struct ss_online_txn *before = begin_read();
    txn = begin_write();
    create(txn, 1);
    assert_row(txn, 1, "a", NULL);
    put(txn, 1, "b", "2");
    assert_row(before, 1, "a", "1");
    assert_ok(ss_online_commit(txn, &error));
    assert_row(before, 1, "a", "1");
    assert_row(before, 1, "b", NULL);
    ss_online_end(before);
    txn = begin_read();
    assert_row(txn, 1, "a", NULL);
    assert_row(txn, 1, "b", "2");
    ss_online_end(txn);
}

static void a_dropped_tables_place_shows_none_of_its_rows(void **state)
{
    (void)state;
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "1");
    assert_ok(ss_online_commit(txn, &error));
    struct ss_online_txn *before = begin_read();
    txn = begin_write();
    drop(txn, 1);
    drop(txn, 1);
    create(txn, 2);
    assert_row(txn, 2, "a", NULL);
    put(txn, 2, "a", "other");
    assert_ok(ss_online_commit(txn, &error));
    assert_true(has(before, 1) && !has(before, 2));
    assert_row(before, 1, "a", "1");
    ss_online_end(before);
    txn = begin_read();
    assert_true(!has(txn, 1) && has(txn, 2));
    assert_row(txn, 2, "a", "other");
    ss_online_end(txn);
}

static void two_opens_in_one_process_share_one_environment(void **state)
{
    (void)state;
    struct ss_online *reader, *writer = online;
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "1");
    assert_ok(ss_online_commit(txn, &error));
    assert_ok(ss_online_open(path, false, &small_map, &reader, &error));
    online = reader;
    struct ss_online_txn *before = begin_read();
    online = writer;
    txn = begin_write();
    drop(txn, 1);
    assert_ok(ss_online_commit(txn, &error));
    ss_online_close(writer);
    assert_row(before, 1, "a", "1");
    ss_online_end(before);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    ss_online_close(reader);
    txn = begin_read();
    assert_false(has(txn, 1));
    ss_online_end(txn);
}

// ---- Between processes

struct talk {
    int to_child[2], to_parent[2];
};

static void say(const int pipe_ends[2])
{
    if (write(pipe_ends[1], "!", 1) != 1) _exit(9);
}

static void hear(const int pipe_ends[2])
{
    char byte;
    if (read(pipe_ends[0], &byte, 1) != 1) _exit(9);
}

static void hold_a_snapshot(const struct talk *talk)
{
    struct ss_online_txn *txn;
    struct ss_online *mine;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a failed test leaves nobody behind
    if (ss_online_open(path, false, &small_map, &mine, &error) != SS_OK) _exit(1);
    if (ss_online_read(mine, &txn, &error) != SS_OK) _exit(2);
    say(talk->to_parent);
    for (int round = 0; round < 20; round++) {
        hear(talk->to_child);
        if (!child_row_is(txn, 1, "a", "old") || !child_row_is(txn, 1, "key 500", "old 500")) _exit(3);
        bool found;
        const struct ss_sha256 next = version(2);
        if (ss_online_has_table(txn, &next, &found, &error) != SS_OK || found) _exit(4);
        say(talk->to_parent);
    }
    ss_online_end(txn);
    if (ss_online_read(mine, &txn, &error) != SS_OK) _exit(5);
    if (!child_row_is(txn, 21, "a", "round 19")) _exit(6);
    ss_online_end(txn);
    ss_online_close(mine);
    _exit(0);
}

static void another_processs_snapshot_outlives_its_tables(void **state)
{
    (void)state;
    struct talk talk;
    int exit_status;
    char text[32], key[32];
    fill_first_table();
    close_online(); // LMDB does not cross a fork
    assert_int_equal(pipe(talk.to_child) | pipe(talk.to_parent), 0);
    const pid_t child = fork();
    if (child == 0) hold_a_snapshot(&talk);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    hear(talk.to_parent);
    for (unsigned round = 0; round < 20; round++) {
        struct ss_online_txn *txn = begin_write();
        drop(txn, round + 1);
        create(txn, round + 2);
        snprintf(text, sizeof text, "round %u", round);
        put(txn, round + 2, "a", text);
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "key %d", i);
            put(txn, round + 2, key, text);
        }
        assert_ok(ss_online_commit(txn, &error));
        say(talk.to_child);
        hear(talk.to_parent);
    }
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_int_equal(exit_status, 0);
}

static void hold_the_store_open(const struct talk *talk)
{
    struct ss_online *mine;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ss_online_open(path, false, &small_map, &mine, &error) != SS_OK) _exit(1);
    say(talk->to_parent);
    hear(talk->to_child);
    ss_online_close(mine);
    _exit(0);
}

static void a_killed_reader_does_not_hold_pages_for_ever(void **state)
{
    (void)state;
    struct talk talk, other;
    char key[32];
    fill_first_table();
    close_online();
    assert_int_equal(
        pipe(talk.to_child) | pipe(talk.to_parent) | pipe(other.to_child) | pipe(other.to_parent), 0);
    const pid_t child = fork();
    if (child == 0) hold_a_snapshot(&talk);
    const pid_t bystander = fork(); // LMDB forgets the dead by itself when nobody has it open
    if (bystander == 0) hold_the_store_open(&other);
    hear(talk.to_parent);
    hear(other.to_parent);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    const long before = size_of_file(data);
    for (int round = 0; round < 50; round++) {
        struct ss_online_txn *txn = begin_write();
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "key %d", i);
            put(txn, 1, key, "changed");
        }
        assert_ok(ss_online_commit(txn, &error));
    }
    assert_true(size_of_file(data) < 4 * before);
    say(other.to_child);
    waitpid(bystander, NULL, 0);
}

// ---- Between threads: each commit writes its number to every row and as applied seq, and moves the rows to
// another table; a snapshot must show one number everywhere.

struct threads {
    atomic_bool stop;
    atomic_long reads, wrong;
};

static void *read_in_a_thread(void *context)
{
    struct threads *threads = context;
    struct ss_error own;
    char want[32], key[16];
    while (!atomic_load(&threads->stop)) {
        struct ss_online_txn *txn;
        struct ss_applied applied;
        bool right = ss_online_read(online, &txn, &own) == SS_OK;
        if (!right) {
            atomic_fetch_add(&threads->wrong, 1);
            break;
        }
        right = ss_online_applied(txn, &applied, &own) == SS_OK;
        const struct ss_sha256 fingerprint = version((unsigned)applied.seq);
        snprintf(want, sizeof want, "%llu", (unsigned long long)applied.seq);
        for (int i = 0; i < 20 && right; i++) {
            struct ss_bytes found;
            snprintf(key, sizeof key, "%d", i);
            right = ss_online_get(txn, &fingerprint, ss_bytes_of(key), &found, &own) == SS_OK && found.data &&
                    found.size == strlen(want) && memcmp(found.data, want, found.size) == 0;
        }
        ss_online_end(txn);
        atomic_fetch_add(&threads->reads, 1);
        if (!right) atomic_fetch_add(&threads->wrong, 1);
    }
    return NULL;
}

static void threads_see_whole_commits_while_tables_change(void **state)
{
    (void)state;
    enum { READERS = 3 };
    struct threads threads = {0};
    pthread_t readers[READERS];
    commit_number(1);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_in_a_thread, &threads), 0);
    for (unsigned number = 2; number < 1000; number++) commit_number(number);
    atomic_store(&threads.stop, true);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&threads.wrong), 0);
    assert_true(atomic_load(&threads.reads) > 0);
}

// ---- Allocations

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    close_online();
    for (long k = 1;; k++) {
        struct ss_online *opened = NULL;
        struct ss_online_txn *txn = NULL, *snapshot = NULL;
        const struct ss_sha256 fingerprint = version((unsigned)k);
        ss_fail_allocation_at(k);
        enum ss_status status = ss_online_open(path, true, &small_map, &opened, &error);
        if (status == SS_OK) status = ss_online_write(opened, &txn, &error);
        for (unsigned i = 0; status == SS_OK && i < 6; i++) {
            const struct ss_sha256 other = version(i);
            status = ss_online_create_table(txn, &other, &error);
        }
        if (status == SS_OK) status = ss_online_create_table(txn, &fingerprint, &error);
        if (status == SS_OK)
            status = ss_online_put(txn, &fingerprint, ss_bytes_of("a"), ss_bytes_of("b"), &error);
        if (status == SS_OK) {
            status = ss_online_commit(txn, &error);
            txn = NULL;
        }
        ss_online_end(txn);
        if (status == SS_OK) status = ss_online_read(opened, &snapshot, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (snapshot) assert_true(has(snapshot, (unsigned)k));
        ss_online_end(snapshot);
        ss_online_close(opened);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        if (swept) break;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_row_comes_back_as_it_was_put),
        TEST(a_write_that_is_given_up_changes_nothing),
        TEST(what_is_applied_is_kept_with_the_rows),
        TEST(a_scan_gives_all_rows_in_key_order_and_stops_when_told),
        TEST(a_missing_table_is_an_error_that_names_it),
        TEST(stats_count_rows_and_bytes),
        TEST(many_tables_come_and_go),
        TEST(creating_a_table_again_empties_it),
        TEST(a_dropped_tables_place_shows_none_of_its_rows),
        TEST(two_opens_in_one_process_share_one_environment),
        TEST(another_processs_snapshot_outlives_its_tables),
        TEST(a_killed_reader_does_not_hold_pages_for_ever),
        TEST(threads_see_whole_commits_while_tables_change),
        TEST(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
