// Online rows whose files are damaged, missing, cut or made anew by somebody else.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/online_harness.h"

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
    assert_status(SS_DAMAGED, ss_online_get(txn, &fingerprint, ss_bytes_of("k\x01"), &found, &error));
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
    assert_status(SS_VERSION, ss_online_get(txn, &fingerprint, ss_bytes_of("k\x01"), &found, &error));
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
    assert_status(SS_DAMAGED, ss_online_get(txn, &fingerprint, ss_bytes_of("k\x01"), &found, &error));
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
        assert_ok(ss_online_delete(txn, &fingerprint, ss_bytes_of(key), &error));
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
            assert_ok(ss_online_put(txn, &fingerprint, ss_bytes_of(key), value, &error));
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
