// Online rows: round trips, snapshots between threads and processes, and every way in which the files may be
// damaged.

#include "engine/base/time.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct ss_error error;
static char directory[PATH_BYTES], path[PATH_BYTES], data[PATH_BYTES];
static struct ss_online *online;

// Of address space: two maps of the usual 1 TiB are more than a thread sanitizer leaves.
static const struct ss_online_options small_map = {.map_bytes = (size_t)1 << 30};

static int set_up(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.400s/online", directory);
    snprintf(data, sizeof data, "%.400s/data.mdb", path);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    return 0;
}

static void close_online(void)
{
    ss_online_close(online);
    online = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    close_online();
    remove_test_directory(directory);
    return 0;
}

static struct ss_sha256 version(unsigned n)
{
    struct ss_sha256 fingerprint = {{0xab}};
    fingerprint.bytes[6] = (uint8_t)(n >> 8);
    fingerprint.bytes[7] = (uint8_t)n;
    return fingerprint;
}

static struct ss_bytes bytes_of(const char *text)
{
    return (struct ss_bytes){text, strlen(text)};
}

static struct ss_online_txn *begin_write(void)
{
    struct ss_online_txn *txn = NULL;
    assert_ok(ss_online_write(online, &txn, &error));
    return txn;
}

static struct ss_online_txn *begin_read(void)
{
    struct ss_online_txn *txn = NULL;
    assert_ok(ss_online_read(online, &txn, &error));
    return txn;
}

static void put(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_put(txn, &fingerprint, bytes_of(key), bytes_of(state), &error));
}

static void create(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_create_table(txn, &fingerprint, &error));
}

static void drop(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_drop_table(txn, &fingerprint, &error));
}

static bool has(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    bool found;
    assert_ok(ss_online_has_table(txn, &fingerprint, &found, &error));
    return found;
}

// state NULL: no such row.
static void assert_row(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    struct ss_bytes found;
    assert_ok(ss_online_get(txn, &fingerprint, bytes_of(key), &found, &error));
    if (!state) {
        assert_null(found.data);
        return;
    }
    assert_non_null(found.data);
    assert_int_equal(found.size, strlen(state));
    assert_memory_equal(found.data, state, found.size);
}

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

static enum ss_status collect(void *context, struct ss_bytes key, struct ss_bytes state)
{
    char *list = context;
    snprintf(list + strlen(list), 1000 - strlen(list), "%.*s=%.*s;", (int)key.size, key.data, (int)state.size,
             state.data);
    return key.size == 4 ? SS_FOUND : SS_OK;
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
    assert_ok(ss_online_delete(txn, &fingerprint, bytes_of("a"), &error));
    assert_ok(ss_online_delete(txn, &fingerprint, bytes_of("no such"), &error));
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
    assert_status(SS_NOT_FOUND, ss_online_get(txn, &fingerprint, bytes_of("a"), &found, &error));
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

static bool child_row_is(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    struct ss_bytes found;
    if (ss_online_get(txn, &fingerprint, bytes_of(key), &found, &error) != SS_OK) return false;
    return found.data && found.size == strlen(state) && memcmp(found.data, state, found.size) == 0;
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

static void fill_first_table(void)
{
    char key[32], text[32];
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "a", "old");
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key %d", i);
        snprintf(text, sizeof text, "old %d", i);
        put(txn, 1, key, text);
    }
    assert_ok(ss_online_commit(txn, &error));
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
            right = ss_online_get(txn, &fingerprint, bytes_of(key), &found, &own) == SS_OK && found.data &&
                    found.size == strlen(want) && memcmp(found.data, want, found.size) == 0;
        }
        ss_online_end(txn);
        atomic_fetch_add(&threads->reads, 1);
        if (!right) atomic_fetch_add(&threads->wrong, 1);
    }
    return NULL;
}

static void commit_number(unsigned number)
{
    char text[32], key[16];
    const struct ss_applied applied = {.seq = number};
    struct ss_online_txn *txn = begin_write();
    snprintf(text, sizeof text, "%u", number);
    create(txn, number);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "%d", i);
        put(txn, number, key, text);
    }
    if (number > 1) drop(txn, number - 1);
    assert_ok(ss_online_set_applied(txn, &applied, &error));
    assert_ok(ss_online_commit(txn, &error));
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

// ---- Damage

// The offset of `text` in the data file; it must be there.
static long find_in_file(const char *text)
{
    const long size = size_of_file(data);
    char *all = malloc((size_t)size);
    FILE *file = fopen(data, "rb");
    assert_non_null(file);
    assert_int_equal(fread(all, 1, (size_t)size, file), size);
    fclose(file);
    const char *found = memmem(all, (size_t)size, text, strlen(text));
    assert_non_null(found);
    const long offset = (long)(found - all);
    free(all);
    return offset;
}

static void put_marked_row(void)
{
    struct ss_online_txn *txn = begin_write();
    create(txn, 1);
    put(txn, 1, "k\x01", "a state that is found in the file");
    assert_ok(ss_online_commit(txn, &error));
}

static void a_flipped_byte_of_a_row_is_found(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    struct ss_bytes found;
    char list[1000] = "";
    put_marked_row();
    overwrite_file(data, find_in_file("that is found"), "T", 1);
    struct ss_online_txn *txn = begin_read();
    assert_status(SS_DAMAGED, ss_online_get(txn, &fingerprint, bytes_of("k\x01"), &found, &error));
    assert_non_null(strstr(error.message, "view version ab00000000000001, row 6b01: wrong checksum"));
    assert_non_null(strstr(error.message, "selfsame rebuild --all"));
    assert_status(SS_DAMAGED, ss_online_scan(txn, &fingerprint, collect, list, &error));
    ss_online_end(txn);
}

static void a_flipped_byte_of_a_key_is_found(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    char list[1000] = "";
    put_marked_row();
    overwrite_file(data, find_in_file("k\x01"), "j", 1);
    struct ss_online_txn *txn = begin_read();
    assert_status(SS_DAMAGED, ss_online_scan(txn, &fingerprint, collect, list, &error));
    ss_online_end(txn);
}

static void a_row_of_another_version_is_refused(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    struct ss_bytes found;
    put_marked_row();
    overwrite_file(data, find_in_file("a state that is") - 9, "\x77", 1); // the last byte of its fingerprint
    struct ss_online_txn *txn = begin_read();
    assert_status(SS_VERSION, ss_online_get(txn, &fingerprint, bytes_of("k\x01"), &found, &error));
    assert_non_null(strstr(error.message,
                           "view version ab00000000000001, row 6b01: written by version "
                           "ab00000000000077"));
    ss_online_end(txn);
}

static void a_row_of_an_unknown_format_is_refused(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    struct ss_bytes found;
    put_marked_row();
    overwrite_file(data, find_in_file("a state that is") - 17, "\x02", 1);
    struct ss_online_txn *txn = begin_read();
    assert_status(SS_DAMAGED, ss_online_get(txn, &fingerprint, bytes_of("k\x01"), &found, &error));
    assert_non_null(strstr(error.message, "unknown format"));
    ss_online_end(txn);
}

static void a_missing_store_is_not_made_by_a_reader(void **state)
{
    (void)state;
    struct ss_online *none = NULL;
    struct stat found;
    close_online();
    assert_ok(ss_online_destroy(path, &error));
    assert_ok(ss_online_destroy(path, &error));
    assert_status(SS_NOT_FOUND, ss_online_open(path, false, NULL, &none, &error));
    assert_null(none);
    assert_int_equal(stat(path, &found), -1);
    assert_int_equal(mkdir(path, 0777), 0); // someone removed the file alone
    assert_status(SS_NOT_FOUND, ss_online_open(path, false, &small_map, &none, &error));
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
}

static void a_store_that_was_made_anew_must_be_opened_again(void **state)
{
    (void)state;
    struct ss_online *old = online;
    struct ss_online_txn *txn;
    commit_number(1);
    assert_ok(ss_online_destroy(path, &error));
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    commit_number(2);
    assert_status(SS_BUSY, ss_online_read(old, &txn, &error));
    assert_non_null(strstr(error.message, "open the store again"));
    ss_online_close(old);
    txn = begin_read();
    assert_true(has(txn, 2) && !has(txn, 1));
    ss_online_end(txn);
}

static void files_made_anew_are_noticed_by_their_count(void **state)
{
    (void)state;
    static _Atomic uint64_t times_made;
    const struct ss_online_options counted = {.map_bytes = small_map.map_bytes, .times_made = &times_made};
    struct ss_online *old;
    struct ss_online_txn *txn;
    commit_number(1);
    close_online();
    assert_ok(ss_online_open(path, true, &counted, &old, &error));
    assert_ok(ss_online_read(old, &txn, &error));
    ss_online_end(txn);
    assert_ok(ss_online_destroy(path, &error));
    times_made++;
    assert_ok(ss_online_open(path, true, &counted, &online, &error));
    for (int i = 0; i < 3; i++) assert_status(SS_BUSY, ss_online_read(old, &txn, &error));
    ss_online_close(old);
    assert_ok(ss_online_read(online, &txn, &error));
    ss_online_end(txn);
}

static void files_that_somebody_else_removed_are_noticed_in_the_end(void **state)
{
    (void)state;
    static _Atomic uint64_t times_made;
    const struct ss_online_options counted = {.map_bytes = small_map.map_bytes, .times_made = &times_made};
    struct ss_online *old;
    struct ss_online_txn *txn;
    enum ss_status status = SS_OK;
    commit_number(1);
    close_online();
    assert_ok(ss_online_open(path, true, &counted, &old, &error));
    assert_ok(ss_online_destroy(path, &error));
    for (int i = 0; i < 2000 && status == SS_OK; i++) {
        status = ss_online_read(old, &txn, &error);
        if (status == SS_OK) ss_online_end(txn);
    }
    assert_int_equal(status, SS_BUSY);
    assert_status(SS_BUSY, ss_online_read(old, &txn, &error));
    ss_online_close(old);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
}

static void a_file_that_is_no_lmdb_is_refused(void **state)
{
    (void)state;
    static const struct {
        long offset;
        const char *bytes;
        size_t size;
        const char *message;
    } cases[] = {
        {16, "SQLi", 4, "wrong magic number"},
        {4096 + 16, "SQLi", 4, "wrong magic number"},
        {20, "\x02", 1, "another LMDB format"},
        {40, "\x01\x10", 2, "impossible page size"},
        {4096 + 40, "\0\x20", 2, "disagree about the page size"},
        {136, "\xff\xff\xff\xff\xff\xff", 6, "impossible last page"},
        {4096 + 136, "\xff\xff\xff", 3, "cut off"},
    };
    char original[PATH_BYTES];
    commit_number(1);
    close_online();
    snprintf(original, sizeof original, "%.400s/original", directory);
    copy_file(data, original);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int writable = 0; writable < 2; writable++) {
            overwrite_file(data, cases[i].offset, cases[i].bytes, cases[i].size);
            assert_status(SS_DAMAGED, ss_online_open(path, writable, &small_map, &online, &error));
            assert_non_null(strstr(error.message, cases[i].message));
            assert_non_null(strstr(error.message, "run 'selfsame rebuild --all'"));
            copy_file(original, data);
        }
    }
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
}

// What a child of its own says about the store: 0: all as it should be, 1: refused as damaged; else, or a
// signal: wrong.
static void read_everything(int rows)
{
    struct ss_online *mine;
    struct ss_online_txn *txn;
    char key[32], text[32];
    const enum ss_status status = ss_online_open(path, false, &small_map, &mine, &error);
    if (status != SS_OK) _exit(status == SS_DAMAGED && strstr(error.message, "rebuild --all") ? 1 : 2);
    if (ss_online_read(mine, &txn, &error) != SS_OK) _exit(3);
    for (int i = 0; i < rows; i++) {
        snprintf(key, sizeof key, "key %d", i);
        snprintf(text, sizeof text, "old %d", i);
        if (!child_row_is(txn, 1, key, text)) _exit(4);
    }
    ss_online_end(txn);
    ss_online_close(mine);
    _exit(0);
}

static int verdict_of_a_child(void)
{
    int exit_status;
    const pid_t child = fork();
    if (child == 0) read_everything(1000);
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_true(WIFEXITED(exit_status));
    return WEXITSTATUS(exit_status);
}

static void a_file_cut_anywhere_is_refused_or_whole(void **state)
{
    (void)state;
    char original[PATH_BYTES];
    struct ss_online_txn *txn;
    char *large = calloc(1, 20001);
    memset(large, 'x', 20000);
    fill_first_table();
    for (int round = 0; round < 3; round++) { // pages of all kinds: overflow, free lists, both meta pages
        txn = begin_write();
        create(txn, 2);
        put(txn, 2, "large", large);
        assert_ok(ss_online_commit(txn, &error));
    }
    txn = begin_write();
    drop(txn, 2);
    assert_ok(ss_online_commit(txn, &error));
    free(large);
    close_online();
    snprintf(original, sizeof original, "%.400s/original", directory);
    copy_file(data, original);
    const long size = size_of_file(original);
    assert_int_equal(verdict_of_a_child(), 0);
    unsigned random = (unsigned)time(NULL);
    print_message("seed %u, %ld pages\n", random, size / 4096);
    for (long cut = 0; cut < size; cut += 4096) {
        truncate_file(data, cut);
        assert_int_equal(verdict_of_a_child(), 1);
        copy_file(original, data);
        if (cut / 4096 % 4 != 0)
            continue; // a refusal takes 90 ms: a short file is looked at again for a while
        truncate_file(data, cut + 1 + rand_r(&random) % 4095);
        assert_int_equal(verdict_of_a_child(), 1);
        copy_file(original, data);
    }
    assert_int_equal(verdict_of_a_child(), 0);
}

static enum ss_status take_first_key(void *context, struct ss_bytes key, struct ss_bytes state)
{
    (void)state;
    memcpy(context, key.data, key.size);
    ((char *)context)[key.size] = 0;
    return SS_FOUND;
}

static void delete_all_rows(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    char key[64];
    while (ss_online_scan(txn, &fingerprint, take_first_key, key, &error) == SS_FOUND)
        assert_ok(ss_online_delete(txn, &fingerprint, bytes_of(key), &error));
}

static void a_commit_leaves_no_page_unwritten_at_the_end(void **state)
{
    (void)state;
    const struct ss_sha256 fingerprint = version(1);
    char text[300], key[64];
    unsigned random = 1;
    memset(text, 'x', sizeof text);
    for (int round = 0; round < 120; round++) { // rows that come and go in one commit leave pages unwritten
        const int rows = 50 + rand_r(&random) % 2000;
        struct ss_online_txn *txn = begin_write();
        create(txn, 1);
        for (int i = 0; i < rows; i++) {
            const struct ss_bytes value = {text, 100 + (size_t)rand_r(&random) % 200};
            snprintf(key, sizeof key, "%d-%d", rand_r(&random) % 100000, i);
            assert_ok(ss_online_put(txn, &fingerprint, bytes_of(key), value, &error));
        }
        if (round % 3 == 0)
            create(txn, 1);
        else
            delete_all_rows(txn, 1);
        assert_ok(ss_online_commit(txn, &error));
        close_online(); // the check at open is exact
        assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    }
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
        if (status == SS_OK) status = ss_online_put(txn, &fingerprint, bytes_of("a"), bytes_of("b"), &error);
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
        TEST(a_flipped_byte_of_a_row_is_found),
        TEST(a_flipped_byte_of_a_key_is_found),
        TEST(a_row_of_another_version_is_refused),
        TEST(a_row_of_an_unknown_format_is_refused),
        TEST(a_missing_store_is_not_made_by_a_reader),
        TEST(a_store_that_was_made_anew_must_be_opened_again),
        TEST(files_made_anew_are_noticed_by_their_count),
        TEST(files_that_somebody_else_removed_are_noticed_in_the_end),
        TEST(a_file_that_is_no_lmdb_is_refused),
        TEST(a_file_cut_anywhere_is_refused_or_whole),
        TEST(a_commit_leaves_no_page_unwritten_at_the_end),
        TEST(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
