// A store as a whole: its directory, its one writer, and what it does with damage and after a power failure.

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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
static char directory[PATH_BYTES], path[PATH_BYTES];
static struct ss_store_options no_sync = {.no_sync = true};

static const char *file(const char *name)
{
    static char full[PATH_BYTES];
    snprintf(full, sizeof full, "%.400s/%.100s", path, name);
    return full;
}

static int set_up_empty(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.480s/store", directory);
    return 0;
}

static int set_up(void **state)
{
    set_up_empty(state);
    assert_ok(ss_store_create(path, SS_CLOCK_REPLAY, &no_sync, &error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_test_directory(directory);
    return 0;
}

static struct ss_store *open_store(enum ss_store_mode mode)
{
    struct ss_store *store = NULL;
    assert_ok(ss_store_open(path, mode, &no_sync, &store, &error));
    return store;
}

static bool exists(const char *name)
{
    struct stat found;
    return stat(name, &found) == 0;
}

// ---- Create

static void a_new_store_is_empty_and_opens_in_every_mode(void **state)
{
    (void)state;
    for (int mode = SS_STORE_HISTORY; mode <= SS_STORE_WRITE; mode++) {
        struct ss_commit commit;
        struct ss_store *store = open_store((enum ss_store_mode)mode);
        assert_int_equal(ss_clock_kind(store->clock), SS_CLOCK_REPLAY);
        assert_ok(ss_history_newest_commit(store->history, &commit, &error));
        assert_int_equal(commit.last_seq, 0);
        assert_int_equal(store->online != NULL, mode != SS_STORE_HISTORY);
        assert_false(store->online_is_new);
        ss_store_close(store);
    }
    ss_store_close(NULL);
}

static void a_store_is_made_in_an_empty_directory_but_in_no_other(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0777), 0);
    assert_ok(ss_store_create(path, SS_CLOCK_WALL, &no_sync, &error));
    assert_status(SS_CONFLICT, ss_store_create(path, SS_CLOCK_WALL, &no_sync, &error));
    assert_non_null(strstr(error.message, "the directory is not empty"));
    struct ss_store *store = open_store(SS_STORE_WRITE);
    assert_int_equal(ss_clock_kind(store->clock), SS_CLOCK_WALL);
    ss_store_close(store);
    assert_status(SS_IO, ss_store_create("/proc/none/store", SS_CLOCK_WALL, &no_sync, &error));
}

static void a_failed_create_leaves_nothing(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_store_create(path, SS_CLOCK_WALL, &no_sync, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        assert_int_equal(exists(path), swept);
        if (swept) break;
    }
}

// ---- Open

static void a_missing_directory_and_one_that_is_no_store_are_not_found(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    char want[3 * PATH_BYTES];
    assert_status(SS_NOT_FOUND, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    snprintf(want, sizeof want, "store '%s': there is no such directory; run 'selfsame --dir %s init'", path,
             path);
    assert_string_equal(error.message, want);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_status(SS_NOT_FOUND, ss_store_open(path, SS_STORE_WRITE, &no_sync, &store, &error));
    snprintf(want, sizeof want, "store '%s': this is no store; run 'selfsame --dir %s init'", path, path);
    assert_string_equal(error.message, want);
    assert_false(exists(file("lock")));
    assert_null(store);
}

static void a_thread_that_rounds_otherwise_opens_no_store(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    fesetround(FE_UPWARD);
    const enum ss_status status = ss_store_open(path, SS_STORE_WRITE, &no_sync, &store, &error);
    fesetround(FE_TONEAREST);
    assert_int_equal(status, SS_INVALID);
    assert_non_null(strstr(error.message, "does not round to nearest"));
    ss_store_close(open_store(SS_STORE_WRITE));
}

static void a_newer_format_is_refused(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    char want[3 * PATH_BYTES];
    overwrite_file(file("format"), 15, "2", 1);
    assert_status(SS_VERSION, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    snprintf(
        want, sizeof want,
        "store '%s': its format is 'selfsame store 2', this program's is 'selfsame store 1'; use the program "
        "that made it",
        path);
    assert_string_equal(error.message, want);
    overwrite_file(file("format"), 0, "Xelf", 4);
    assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    truncate_file(file("format"), 0);
    assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
}

static void a_newer_history_is_refused(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    overwrite_file(file("history.db"), 63, "\x03", 1); // user_version, big endian, at 60
    assert_status(SS_VERSION, ss_store_open(path, SS_STORE_HISTORY, &no_sync, &store, &error));
    assert_non_null(strstr(error.message, "format 3 is newer than this program's 2"));
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    for (int mode = SS_STORE_HISTORY; mode <= SS_STORE_WRITE; mode++) {
        for (long k = 1;; k++) {
            struct ss_store *store = NULL;
            ss_fail_allocation_at(k);
            const enum ss_status status =
                ss_store_open(path, (enum ss_store_mode)mode, &no_sync, &store, &error);
            const bool swept = ss_allocations_made() < k;
            ss_fail_allocation_at(0);
            assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
            ss_store_close(store);
            if (swept) break;
        }
    }
}

// ---- The one writer

static pid_t start_writer(int *to_parent)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct ss_store *store;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ss_store_open(path, SS_STORE_WRITE, &no_sync, &store, &error) != SS_OK) _exit(1);
        if (write(ends[1], "!", 1) != 1) _exit(2);
        for (;;) pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    *to_parent = ends[0];
    return child;
}

static void a_second_writer_is_told_the_pid_of_the_first(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    char want[2 * PATH_BYTES];
    int ended;
    const pid_t writer = start_writer(&ended);
    assert_status(SS_BUSY, ss_store_open(path, SS_STORE_WRITE, &no_sync, &store, &error));
    snprintf(want, sizeof want, "store '%s': process %ld is writing to it; try again when it is done", path,
             (long)writer);
    assert_string_equal(error.message, want);
    store = open_store(SS_STORE_READ); // readers run beside it
    ss_store_close(store);
    store = open_store(SS_STORE_HISTORY);
    ss_store_close(store);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    close(ended);
    store = open_store(SS_STORE_WRITE); // the lock dies with its process
    assert_false(store->online_is_new);
    ss_store_close(store);
}

static void a_second_writer_in_the_same_process_is_refused_too(void **state)
{
    (void)state;
    struct ss_store *store = open_store(SS_STORE_WRITE), *second = NULL;
    assert_status(SS_BUSY, ss_store_open(path, SS_STORE_WRITE, &no_sync, &second, &error));
    ss_store_close(store);
    ss_store_close(open_store(SS_STORE_WRITE));
}

// ---- The clock

static void add_one_event(struct ss_store *store, int64_t at_us)
{
    struct payments payments;
    make_payments(&payments, "payments", false);
    const struct payment row = {.id = "a", .user = "u", .at_us = at_us, .arrival_us = at_us};
    assert_ok(ss_history_prepare(store->history, &payments.definitions, &error));
    commit_payments(store->history, &payments, &row, 1, NULL);
}

static void a_writer_makes_a_lost_clock_anew_from_history(void **state)
{
    (void)state;
    struct ss_store *store = open_store(SS_STORE_WRITE);
    add_one_event(store, 7000);
    ss_store_close(store);
    for (int how = 0; how < 2; how++) {
        if (how == 0)
            unlink(file("clock"));
        else
            overwrite_file(file("clock"), 0, "XX", 2);
        assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_HISTORY, &no_sync, &store, &error));
        store = open_store(SS_STORE_WRITE);
        assert_int_equal(ss_clock_kind(store->clock), SS_CLOCK_REPLAY);
        assert_int_equal(ss_clock_pin(store->clock), 7001);
        ss_store_close(store);
    }
}

static void a_lost_wall_clock_stands_a_minute_past_everything(void **state)
{
    (void)state;
    struct timespec now;
    assert_ok(ss_store_create(path, SS_CLOCK_WALL, &no_sync, &error));
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t ahead_us = (int64_t)now.tv_sec * SS_SECOND_US + 3600 * SS_SECOND_US;
    struct ss_store *store = open_store(SS_STORE_WRITE);
    add_one_event(store, ahead_us);
    ss_store_close(store);
    unlink(file("clock"));
    store = open_store(SS_STORE_WRITE);
    assert_int_equal(ss_clock_pin(store->clock), ahead_us + 1 + 60 * SS_SECOND_US);
    ss_store_close(store);
}

// ---- The online store and power failures

static void mark_online(struct ss_store *store, uint64_t seq)
{
    struct ss_online_txn *txn;
    const struct ss_applied applied = {.seq = seq};
    assert_ok(ss_online_write(store->online, &txn, &error));
    assert_ok(ss_online_set_applied(txn, &applied, &error));
    assert_ok(ss_online_commit(txn, &error));
}

static uint64_t online_mark(struct ss_store *store)
{
    struct ss_online_txn *txn;
    struct ss_applied applied;
    assert_ok(ss_online_read(store->online, &txn, &error));
    assert_ok(ss_online_applied(txn, &applied, &error));
    ss_online_end(txn);
    return applied.seq;
}

// As if the machine had gone down and come up since.
static void reboot(void)
{
    struct ss_history *history;
    const struct ss_history_options options = {.sync = false};
    assert_ok(ss_history_open(file("history.db"), true, &options, &history, &error));
    assert_ok(ss_catalog_set(history, "online_boot_id", "another boot", &error));
    ss_history_close(history);
}

static void kill_a_writer(void)
{
    int ended;
    const pid_t writer = start_writer(&ended);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    close(ended);
}

static void make_a_marked_store(void)
{
    struct ss_store *store = open_store(SS_STORE_WRITE);
    mark_online(store, 42);
    ss_store_close(store);
}

// A reader, and then a writer, find the online store as it was.
static void expect_the_mark_is_kept(void)
{
    struct ss_store *store = open_store(SS_STORE_READ);
    assert_int_equal(online_mark(store), 42);
    ss_store_close(store);
    store = open_store(SS_STORE_WRITE);
    assert_false(store->online_is_new);
    assert_int_equal(online_mark(store), 42);
    ss_store_close(store);
}

static void a_cleanly_closed_online_store_outlives_a_reboot(void **state)
{
    (void)state;
    make_a_marked_store();
    reboot();
    expect_the_mark_is_kept();
}

static void a_killed_writer_alone_costs_nothing(void **state)
{
    (void)state;
    make_a_marked_store();
    kill_a_writer();
    expect_the_mark_is_kept();
}

static void a_power_failure_while_writing_makes_the_online_store_new(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    make_a_marked_store();
    kill_a_writer();
    reboot();
    assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    assert_non_null(strstr(error.message, "the machine went down while it was being written"));
    store = open_store(SS_STORE_HISTORY); // history is the truth
    ss_store_close(store);
    store = open_store(SS_STORE_WRITE);
    assert_true(store->online_is_new);
    assert_int_equal(online_mark(store), 0);
    ss_store_close(store);
    store = open_store(SS_STORE_WRITE);
    assert_false(store->online_is_new);
    ss_store_close(store);
}

static void a_close_with_a_commit_in_flight_is_not_clean(void **state)
{
    (void)state;
    struct ss_store *store = open_store(SS_STORE_WRITE);
    ss_clock_begin_commit(store->clock);
    ss_store_close(store);
    reboot();
    assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
}

static void a_missing_online_store_is_made_by_the_writer(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    make_a_marked_store();
    assert_ok(ss_online_destroy(file("online"), &error));
    assert_status(SS_NOT_FOUND, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    store = open_store(SS_STORE_WRITE);
    assert_true(store->online_is_new);
    assert_int_equal(online_mark(store), 0);
    ss_store_close(store);
}

static void a_damaged_online_store_is_replaced_only_when_asked(void **state)
{
    (void)state;
    struct ss_store *store = NULL;
    struct ss_store_options replacing = no_sync;
    make_a_marked_store();
    truncate_file(file("online/data.mdb"), 4096);
    assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_READ, &no_sync, &store, &error));
    assert_non_null(strstr(error.message, "run 'selfsame rebuild --all'"));
    for (int i = 0; i < 2; i++) // refusing it does not make the next open less careful
        assert_status(SS_DAMAGED, ss_store_open(path, SS_STORE_WRITE, &no_sync, &store, &error));
    store = open_store(SS_STORE_HISTORY);
    ss_store_close(store);
    replacing.replace_online = true;
    assert_ok(ss_store_open(path, SS_STORE_WRITE, &replacing, &store, &error));
    assert_true(store->online_is_new);
    ss_store_close(store);
    ss_store_close(open_store(SS_STORE_READ));
}

static void a_file_cut_short_by_a_writers_death_is_made_anew(void **state)
{
    (void)state;
    make_a_marked_store();
    kill_a_writer();
    truncate_file(file("online/data.mdb"), size_of_file(file("online/data.mdb")) - 1);
    struct ss_store *store = open_store(SS_STORE_WRITE);
    assert_true(store->online_is_new);
    ss_store_close(store);
}

// ---- Damaged history

static void fill_history(void)
{
    enum { ROWS = 3000 };
    struct payments payments;
    static struct payment rows[ROWS];
    static char users[ROWS][16], ids[ROWS][16];
    struct ss_store *store = open_store(SS_STORE_WRITE);
    make_payments(&payments, "payments", true);
    assert_ok(ss_history_prepare(store->history, &payments.definitions, &error));
    for (int i = 0; i < ROWS; i++) {
        snprintf(users[i], sizeof users[i], "user %d", i * 7919 % 100);
        snprintf(ids[i], sizeof ids[i], "id %d", i);
        rows[i] = (struct payment){
            .id = ids[i], .user = users[i], .shop = i, .amount = i, .rate = i, .at_us = i, .arrival_us = i};
    }
    commit_payments(store->history, &payments, rows, ROWS, NULL);
    ss_store_close(store);
}

// Reads everything there is by seq and by entity: 0: all as it was written, 1: refused as damaged; else
// wrong.
static void read_all_history(void)
{
    struct payments payments;
    struct ss_store *store;
    make_payments(&payments, "payments", true);
    enum ss_status status = ss_store_open(path, SS_STORE_HISTORY, &no_sync, &store, &error);
    for (int way = 0; way < 2 && status == SS_OK; way++) {
        struct ss_event_reader *reader;
        const struct ss_event_batch *batch = NULL;
        uint64_t rows = 0, sum = 0;
        status = way == 0
                     ? ss_history_read_seq(store->history, &payments.source, 0, 3000, NULL, &reader, &error)
                     : ss_history_read_entity(store->history, &payments.views[VIEW_BY_USER], NULL, INT64_MIN,
                                              INT64_MAX, 3000, &reader, &error);
        if (status != SS_OK) break;
        while ((status = reader->next(reader, &batch, &error)) == SS_OK && batch) {
            for (int32_t i = 0; i < batch->length; i++) {
                const int64_t amount = ss_column_get(&batch->columns[COLUMN_AMOUNT], i).i64;
                if (amount != (int64_t)batch->seq[i] - 1 || batch->event_time_us[i] != amount) _exit(4);
                sum += (uint64_t)amount;
            }
            rows += (uint64_t)batch->length;
        }
        reader->close(reader);
        if (status == SS_OK && (rows != 3000 || sum != 3000 * 2999 / 2)) _exit(3);
    }
    if (status == SS_OK) _exit(0);
    const bool helps = strstr(error.message, "backup") || strstr(error.message, "compact --reindex");
    _exit(status == SS_DAMAGED && strstr(error.message, "history.db") && helps ? 1 : 2);
}

static int verdict_on_history(void)
{
    int exit_status;
    const pid_t child = fork();
    if (child == 0) read_all_history();
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_true(WIFEXITED(exit_status));
    return WEXITSTATUS(exit_status);
}

static void a_cut_history_is_refused(void **state)
{
    (void)state;
    char original[PATH_BYTES];
    fill_history();
    assert_int_equal(verdict_on_history(), 0);
    snprintf(original, sizeof original, "%.400s/original", directory);
    copy_file(file("history.db"), original);
    const long size = size_of_file(original);
    assert_int_equal(size % 8192, 0);
    for (long cut = 0; cut < size; cut += 8192) {
        truncate_file(file("history.db"), cut);
        assert_int_equal(verdict_on_history(), 1);
        copy_file(original, file("history.db"));
        truncate_file(file("history.db"), cut + 1 + cut / 8192 * 37 % 8190);
        assert_int_equal(verdict_on_history(), 1);
        copy_file(original, file("history.db"));
    }
    assert_int_equal(verdict_on_history(), 0);
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    fill_history();
    overwrite_file(file("history.db"), 0, "no database ever", 16);
    assert_int_equal(verdict_on_history(), 1);
}

static void a_lost_page_is_found_when_it_is_read(void **state)
{
    (void)state;
    char original[PATH_BYTES], zeros[8192] = {0}, garbage[8192];
    int found = 0, pages = 0;
    fill_history();
    snprintf(original, sizeof original, "%.400s/original", directory);
    copy_file(file("history.db"), original);
    memset(garbage, 0xa5, sizeof garbage);
    for (long offset = 0; offset < size_of_file(original); offset += 8192, pages++) {
        overwrite_file(file("history.db"), offset, zeros, sizeof zeros);
        const int on_zeros = verdict_on_history();
        assert_in_range(on_zeros, 0, 1); // 0: a page that these reads do not need
        overwrite_file(file("history.db"), offset, garbage, sizeof garbage);
        assert_int_equal(verdict_on_history(), on_zeros);
        found += on_zeros;
        copy_file(original, file("history.db"));
    }
    print_message("%d of %d pages are needed\n", found, pages);
    assert_true(found > pages / 3);
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, set_up_empty, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_is_empty_and_opens_in_every_mode),
        EMPTY(a_store_is_made_in_an_empty_directory_but_in_no_other),
        EMPTY(a_failed_create_leaves_nothing),
        EMPTY(a_missing_directory_and_one_that_is_no_store_are_not_found),
        TEST(a_thread_that_rounds_otherwise_opens_no_store),
        TEST(a_newer_format_is_refused),
        TEST(a_newer_history_is_refused),
        TEST(every_failing_allocation_is_an_error),
        TEST(a_second_writer_is_told_the_pid_of_the_first),
        TEST(a_second_writer_in_the_same_process_is_refused_too),
        TEST(a_writer_makes_a_lost_clock_anew_from_history),
        EMPTY(a_lost_wall_clock_stands_a_minute_past_everything),
        TEST(a_cleanly_closed_online_store_outlives_a_reboot),
        TEST(a_killed_writer_alone_costs_nothing),
        TEST(a_power_failure_while_writing_makes_the_online_store_new),
        TEST(a_close_with_a_commit_in_flight_is_not_clean),
        TEST(a_missing_online_store_is_made_by_the_writer),
        TEST(a_damaged_online_store_is_replaced_only_when_asked),
        TEST(a_file_cut_short_by_a_writers_death_is_made_anew),
        TEST(a_cut_history_is_refused),
        TEST(a_damaged_header_is_refused),
        TEST(a_lost_page_is_found_when_it_is_read),
    };
    const struct CMUnitTest of_segments[] = {
        TEST(a_cut_history_is_refused),
        TEST(a_lost_page_is_found_when_it_is_read),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    no_sync.sizes = (struct ss_history_sizes){.bulk_rows = 1, .segment_rows = 700};
    return failed + cmocka_run_group_tests_name("history in segments", of_segments, NULL, NULL);
}
