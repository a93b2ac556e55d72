// What the tests of online rows share: a new store for each test, tables by number, rows of text.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_ONLINE_HARNESS_H
#define SS_TESTS_ONLINE_HARNESS_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/store_fixture.h"

static struct ss_error error;
static char directory[PATH_BYTES], path[PATH_BYTES], data[PATH_BYTES];
static struct ss_online *online;

// Of address space: two maps of the usual 1 TiB are more than a thread sanitizer leaves.
static const struct ss_online_options small_map = {.map_bytes = (size_t)1 << 30};

static inline int set_up(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.400s/online", directory);
    snprintf(data, sizeof data, "%.400s/data.mdb", path);
    assert_ok(ss_online_open(path, true, &small_map, &online, &error));
    return 0;
}

static inline void close_online(void)
{
    ss_online_close(online);
    online = NULL;
}

static inline int tear_down(void **state)
{
    (void)state;
    close_online();
    remove_test_directory(directory);
    return 0;
}

static inline struct ss_sha256 version(unsigned n)
{
    struct ss_sha256 fingerprint = {{0xab}};
    fingerprint.bytes[6] = (uint8_t)(n >> 8);
    fingerprint.bytes[7] = (uint8_t)n;
    return fingerprint;
}

static inline struct ss_online_txn *begin_write(void)
{
    struct ss_online_txn *txn = NULL;
    assert_ok(ss_online_write(online, &txn, &error));
    return txn;
}

static inline struct ss_online_txn *begin_read(void)
{
    struct ss_online_txn *txn = NULL;
    assert_ok(ss_online_read(online, &txn, &error));
    return txn;
}

static inline void put(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_put(txn, &fingerprint, ss_bytes_of(key), ss_bytes_of(state), &error));
}

static inline void create(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_create_table(txn, &fingerprint, &error));
}

static inline void drop(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    assert_ok(ss_online_drop_table(txn, &fingerprint, &error));
}

static inline bool has(struct ss_online_txn *txn, unsigned table)
{
    const struct ss_sha256 fingerprint = version(table);
    bool found;
    assert_ok(ss_online_has_table(txn, &fingerprint, &found, &error));
    return found;
}

// state NULL: no such row.
static inline void assert_row(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    struct ss_bytes found;
    assert_ok(ss_online_get(txn, &fingerprint, ss_bytes_of(key), &found, &error));
    if (!state) {
        assert_null(found.data);
        return;
    }
    assert_non_null(found.data);
    assert_int_equal(found.size, strlen(state));
    assert_memory_equal(found.data, state, found.size);
}

// Appends "key=state;" to a text of 1000 bytes; a key of 4 bytes is the last.
static inline enum ss_status collect(void *context, struct ss_bytes key, struct ss_bytes state)
{
    char *list = context;
    snprintf(list + strlen(list), 1000 - strlen(list), "%.*s=%.*s;", (int)key.size, key.data, (int)state.size,
             state.data);
    return key.size == 4 ? SS_FOUND : SS_OK;
}

static inline void fill_first_table(void)
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

// Writes the number to 20 rows of the table of that number and as applied seq, and drops the table before.
static inline void commit_number(unsigned number)
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

// For a child process, where nothing may be asserted.
static inline bool child_row_is(struct ss_online_txn *txn, unsigned table, const char *key, const char *state)
{
    const struct ss_sha256 fingerprint = version(table);
    struct ss_bytes found;
    if (ss_online_get(txn, &fingerprint, ss_bytes_of(key), &found, &error) != SS_OK) return false;
    return found.data && found.size == strlen(state) && memcmp(found.data, state, found.size) == 0;
}

#endif
