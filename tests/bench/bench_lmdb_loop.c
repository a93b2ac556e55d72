// A bare loop over LMDB, to hold pushes against: read a row, change it, write it, for the same entities in
// the same order as bench push has them, with rows of as many bytes. Nothing is computed, checked or kept
// beside it.
//
//   bench_lmdb_loop FOLDER ROW_BYTES ENTITIES EVENTS BATCH sync|nosync      prints rows per second

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_BYTES 9 // a tag and an int64, as online rows have it

static void check(int code, const char *doing)
{
    if (code == 0) return;
    fprintf(stderr, "bench_lmdb_loop: %s: %s\n", doing, mdb_strerror(code));
    exit(2);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t next_random(uint64_t *state) // splitmix64
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

// Few have most of them.
static uint64_t next_entity(uint64_t *random, uint64_t entities)
{
    const double u = (double)(next_random(random) >> 11) * 0x1p-53;
    return (uint64_t)(u * u * u * (double)entities);
}

static void make_key(uint64_t entity, uint8_t key[KEY_BYTES])
{
    key[0] = 2;
    for (int i = 1; i < KEY_BYTES; i++) key[i] = (uint8_t)(entity >> (8 * (KEY_BYTES - 1 - i)));
}

static void change_row(MDB_txn *txn, MDB_dbi rows, uint64_t entity, uint8_t *row, size_t size)
{
    uint8_t bytes[KEY_BYTES];
    MDB_val key = {KEY_BYTES, bytes}, value;
    make_key(entity, bytes);
    const int found = mdb_get(txn, rows, &key, &value);
    if (found == 0 && value.mv_size == size)
        memcpy(row, value.mv_data, size);
    else if (found != MDB_NOTFOUND)
        check(found, "reading");
    row[0]++;
    value = (MDB_val){size, row};
    check(mdb_put(txn, rows, &key, &value, 0), "writing");
}

int main(int argc, char **argv)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi rows;
    if (argc != 7) {
        fputs("usage: bench_lmdb_loop FOLDER ROW_BYTES ENTITIES EVENTS BATCH sync|nosync\n", stderr);
        return 2;
    }
    const size_t size = strtoul(argv[2], NULL, 10);
    const uint64_t entities = strtoull(argv[3], NULL, 10), events = strtoull(argv[4], NULL, 10),
                   batch = strtoull(argv[5], NULL, 10);
    const bool sync = strcmp(argv[6], "sync") == 0;
    uint64_t random = 0;
    uint8_t *row = calloc(1, size + 1);
    check(mdb_env_create(&env), "making it");
    check(mdb_env_set_mapsize(env, (size_t)1 << 34), "making it");
    check(mdb_env_open(env, argv[1], (sync ? 0 : MDB_NOSYNC) | MDB_NORDAHEAD, 0666), "opening it");
    const double begun = seconds();
    for (uint64_t first = 0; first < events; first += batch) {
        check(mdb_txn_begin(env, NULL, 0, &txn), "beginning");
        check(mdb_dbi_open(txn, NULL, 0, &rows), "opening it");
        for (uint64_t i = first; i < first + batch && i < events; i++)
            change_row(txn, rows, next_entity(&random, entities), row, size);
        check(mdb_txn_commit(txn), "committing");
    }
    printf("%.0f\n", (double)events / (seconds() - begun));
    mdb_env_close(env);
    free(row);
    return 0;
}
