// Online rows that are found many at a time: the same as one by one, in every snapshot, and by the walk.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/online_lmdb_internal.h"
#include "tests/unit/online_harness.h"
#include "tests/unit/samples.h"

#define HEADER     17 // of a row
#define STATE_MOST 6000

static const struct ss_sha256 table = {{1, 2, 3}}, other = {{4, 5, 6}};

static int set_up_tables(void **state)
{
    set_up(state);
    struct ss_online_txn *txn = begin_write();
    assert_ok(ss_online_create_table(txn, &table, &error));
    assert_ok(ss_online_create_table(txn, &other, &error));
    assert_ok(ss_online_commit(txn, &error));
    return 0;
}

// Key n of a family: of some length, with a long common start, ending in n.
struct key {
    char text[SS_ONLINE_FIND_MOST + 480];
    size_t size;
};

static struct ss_bytes make_key(unsigned family, uint64_t n, struct key *key)
{
    static const size_t starts[] = {0, 3, 60, 400};
    memset(key->text, 'k', sizeof key->text);
    const size_t start = starts[family % 4] + n % 7 * (family % 2);
    key->size = start + (size_t)snprintf(key->text + start, 40, "%llu", (unsigned long long)n);
    return (struct ss_bytes){key->text, key->size};
}

static void change_rows(struct samples *samples, unsigned family, int count, uint64_t among, size_t most)
{
    static char state[STATE_MOST];
    struct ss_online_txn *txn;
    assert_ok(ss_online_write(online, &txn, &error));
    for (int i = 0; i < count; i++) {
        struct key key;
        const struct ss_bytes bytes = make_key(family, samples_below(samples, among), &key);
        const size_t size =
            samples_below(samples, 20) ? samples_below(samples, 200) : samples_below(samples, most);
        memset(state, (int)(i % 251), size);
        if (samples_below(samples, 5) == 0)
            assert_ok(ss_online_delete(txn, &table, bytes, &error));
        else
            assert_ok(ss_online_put(txn, &table, bytes, (struct ss_bytes){state, size}, &error));
    }
    assert_ok(ss_online_commit(txn, &error));
}

static void assert_same_rows(struct ss_online_txn *txn, struct samples *samples, unsigned family,
                             uint64_t among)
{
    struct key keys[SS_ONLINE_FIND_MOST];
    struct ss_bytes names[SS_ONLINE_FIND_MOST], rows[SS_ONLINE_FIND_MOST], state;
    const size_t count = 1 + samples_below(samples, SS_ONLINE_FIND_MOST);
    for (size_t i = 0; i < count; i++) names[i] = make_key(family, samples_below(samples, among), &keys[i]);
    if (samples_below(samples, 4) == 0) names[0].size = 0;
    assert_ok(ss_online_find(txn, &table, names, count, rows, &error));
    for (size_t i = 0; i < count; i++) {
        if (names[i].size == 0) {
            assert_null(rows[i].data);
            continue;
        }
        assert_ok(ss_online_get(txn, &table, names[i], &state, &error));
        if (!state.data) {
            assert_null(rows[i].data);
            continue;
        }
        assert_ptr_equal(rows[i].data + HEADER, state.data);
        assert_int_equal(rows[i].size, state.size + HEADER);
        assert_ok(ss_online_open_row(txn, &table, names[i], rows[i], &state, &error));
    }
}

static void rows_found_together_are_those_found_alone(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("rows found together", 3);
    for (unsigned family = 0; family < 4; family++) {
        struct ss_online_txn *old = NULL, *txn;
        const uint64_t among = 3 + samples_below(&samples, 5000);
        for (int commit = 0; commit < 20; commit++) {
            assert_ok(ss_online_read(online, &txn, &error));
            for (int i = 0; i < 10; i++) assert_same_rows(txn, &samples, family, among + among / 4);
            if (old) assert_same_rows(old, &samples, family, among);
            if (commit == 5)
                old = txn;
            else
                ss_online_end(txn);
            change_rows(&samples, family, 1 + (int)samples_below(&samples, 600), among, STATE_MOST);
        }
        ss_online_end(old);
    }
}

static void a_writer_finds_the_rows_that_it_has_put(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("rows of a writer", 4);
    struct ss_online_txn *txn;
    assert_ok(ss_online_write(online, &txn, &error));
    for (uint64_t n = 0; n < 100; n++) {
        struct key key;
        assert_ok(ss_online_put(txn, &table, make_key(0, n, &key), (struct ss_bytes){"state", 5}, &error));
    }
    for (int i = 0; i < 20; i++) assert_same_rows(txn, &samples, 0, 120);
    ss_online_end(txn);
}

// Otherwise each would be a find of LMDB's own, correct and slow.
static void a_walk_finds_every_row_that_is_there(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("walk", 5);
    struct online_table *found;
    struct ss_online_txn *txn;
    for (int i = 0; i < 20; i++) change_rows(&samples, 1, 3000, 20000, STATE_MOST);
    assert_ok(ss_online_read(online, &txn, &error));
    assert_ok(ss_online_require_table(txn, &table, &found, &error));
    size_t there = 0;
    for (uint64_t first = 0; first < 20000; first += SS_ONLINE_FIND_MOST) {
        struct key keys[SS_ONLINE_FIND_MOST];
        struct ss_bytes names[SS_ONLINE_FIND_MOST], rows[SS_ONLINE_FIND_MOST], state;
        for (size_t i = 0; i < SS_ONLINE_FIND_MOST; i++) names[i] = make_key(1, first + i, &keys[i]);
        ss_online_walk(txn, found, names, SS_ONLINE_FIND_MOST, rows);
        for (size_t i = 0; i < SS_ONLINE_FIND_MOST; i++) {
            assert_ok(ss_online_get(txn, &table, names[i], &state, &error));
            assert_ptr_equal(rows[i].data ? rows[i].data + HEADER : NULL, state.data);
            there += state.data != NULL;
        }
    }
    assert_true(there > 5000);
    ss_online_end(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_found_together_are_those_found_alone, set_up_tables, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_finds_the_rows_that_it_has_put, set_up_tables, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_finds_every_row_that_is_there, set_up_tables, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
