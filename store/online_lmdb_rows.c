// Rows: put, got, deleted and scanned, each under its header (the format is in online_lmdb.c).

#include "store/online_lmdb_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROW_FORMAT 1
#define ROW_HEADER 17

#define CACHE_LINE  64
#define FETCH_BYTES 1024 // beyond it the processor fetches ahead by itself

static uint64_t row_checksum(struct ss_bytes key, struct ss_bytes state)
{
    uint8_t sums[16];
    ss_put_fixed64(sums, ss_hash64(key.data, key.size));
    ss_put_fixed64(sums + 8, ss_hash64(state.data, state.size));
    return ss_hash64(sums, sizeof sums);
}

// ---- Rows

#define KEY_TEXT_BYTES 64 // of a key in a message; hex is twice as long

static const char *key_text(struct ss_bytes key, char text[2 * KEY_TEXT_BYTES + 4])
{
    const size_t shown = key.size < KEY_TEXT_BYTES ? key.size : KEY_TEXT_BYTES;
    for (size_t i = 0; i < shown; i++) snprintf(text + 2 * i, 3, "%02x", (unsigned char)key.data[i]);
    strcpy(text + 2 * shown, shown < key.size ? "..." : "");
    return text;
}

static enum ss_status damaged_row(const struct ss_online_txn *txn, const struct online_table *table,
                                  struct ss_bytes key, const char *how, struct ss_error *error)
{
    char text[2 * KEY_TEXT_BYTES + 4];
    return ss_fail(
        error, SS_DAMAGED,
        "online store '%s': view version %s, row %s: %s; run 'selfsame rebuild --all' to make it anew",
        txn->environment->directory, table->name, key_text(key, text), how);
}

static enum ss_status open_row(const struct ss_online_txn *txn, const struct online_table *table,
                               const struct ss_sha256 *fingerprint, struct ss_bytes key, struct ss_bytes row,
                               struct ss_bytes *state, struct ss_error *error)
{
    char text[2 * KEY_TEXT_BYTES + 4];
    const uint8_t *bytes = (const uint8_t *)row.data;
    if (row.size < ROW_HEADER || bytes[0] != ROW_FORMAT)
        return damaged_row(txn, table, key, "unknown format", error);
    const struct ss_bytes found = {row.data + ROW_HEADER, row.size - ROW_HEADER};
    if (ss_get_fixed64(bytes + 9) != row_checksum(key, found))
        return damaged_row(txn, table, key, "wrong checksum", error);
    if (memcmp(bytes + 1, fingerprint->bytes, 8) != 0)
        return ss_fail(
            error, SS_VERSION,
            "online store '%s': view version %s, row %s: written by version %016llx; run 'selfsame rebuild "
            "--all' to make it anew",
            txn->environment->directory, table->name, key_text(key, text),
            (unsigned long long)__builtin_bswap64(ss_get_fixed64(bytes + 1)));
    *state = found;
    return SS_OK;
}

static MDB_val key_value(struct ss_bytes key)
{
    return (MDB_val){key.size, (void *)(uintptr_t)key.data};
}

// Asks for the cache lines of a row, of a long one the first.
static void fetch(struct ss_bytes row)
{
    const size_t size = row.size < FETCH_BYTES ? row.size : FETCH_BYTES;
    for (size_t at = 0; at < size; at += CACHE_LINE) __builtin_prefetch(row.data + at);
}

static enum ss_status get_row(const struct ss_online_txn *txn, const struct online_table *table,
                              struct ss_bytes key, struct ss_bytes *row, struct ss_error *error)
{
    MDB_val name = key_value(key), found;
    *row = (struct ss_bytes){NULL, 0};
    if (key.size == 0) return SS_OK;
    const int code = mdb_get(txn->txn, table->dbi, &name, &found);
    if (code == 0) *row = (struct ss_bytes){found.mv_data, found.mv_size};
    if (code == 0 || code == MDB_NOTFOUND) return SS_OK;
    return ss_online_fail(txn->environment->directory, code, "reading a row", error);
}

enum ss_status ss_online_find(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                              const struct ss_bytes *keys, size_t count, struct ss_bytes *rows,
                              struct ss_error *error)
{
    struct online_table *table;
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    ss_online_walk(txn, table, keys, count, rows);
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].data) SS_TRY(get_row(txn, table, keys[i], &rows[i], error));
        fetch(rows[i]);
    }
    return SS_OK;
}

enum ss_status ss_online_open_row(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                  struct ss_bytes key, struct ss_bytes row, struct ss_bytes *state,
                                  struct ss_error *error)
{
    struct online_table *table;
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    return open_row(txn, table, fingerprint, key, row, state, error);
}

enum ss_status ss_online_get(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes *state, struct ss_error *error)
{
    struct online_table *table;
    struct ss_bytes row;
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    SS_TRY(get_row(txn, table, key, &row, error));
    if (row.data) return open_row(txn, table, fingerprint, key, row, state, error);
    *state = row;
    return SS_OK;
}

enum ss_status ss_online_put(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes state, struct ss_error *error)
{
    struct online_table *table;
    const uint64_t checksum = row_checksum(key, state);
    MDB_val name = key_value(key), row = {ROW_HEADER + state.size, NULL};
    SS_ASSERT(txn->writing);
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    const int code = mdb_put(txn->txn, table->dbi, &name, &row, MDB_RESERVE);
    if (code != 0) return ss_online_fail(txn->environment->directory, code, "writing a row", error);
    uint8_t *bytes = row.mv_data;
    bytes[0] = ROW_FORMAT;
    memcpy(bytes + 1, fingerprint->bytes, 8);
    ss_put_fixed64(bytes + 9, checksum);
    memcpy(bytes + ROW_HEADER, state.data, state.size);
    return SS_OK;
}

enum ss_status ss_online_delete(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                struct ss_bytes key, struct ss_error *error)
{
    struct online_table *table;
    MDB_val name = key_value(key);
    SS_ASSERT(txn->writing);
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    const int code = mdb_del(txn->txn, table->dbi, &name, NULL);
    if (code == 0 || code == MDB_NOTFOUND) return SS_OK;
    return ss_online_fail(txn->environment->directory, code, "deleting a row", error);
}

static enum ss_status scan(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint, bool opens_rows,
                           enum ss_status (*each)(void *context, struct ss_bytes key, struct ss_bytes state),
                           void *context, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct online_table *table;
    MDB_cursor *cursor;
    MDB_val name, row;
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    int code = mdb_cursor_open(txn->txn, table->dbi, &cursor);
    if (code != 0) return ss_online_fail(txn->environment->directory, code, "reading rows", error);
    for (MDB_cursor_op op = MDB_FIRST; status == SS_OK; op = MDB_NEXT) {
        code = mdb_cursor_get(cursor, &name, &row, op);
        if (code != 0) break;
        const struct ss_bytes key = {name.mv_data, name.mv_size};
        struct ss_bytes state = {0};
        if (opens_rows) {
            const struct ss_bytes bytes = {row.mv_data, row.mv_size};
            status = open_row(txn, table, fingerprint, key, bytes, &state, error);
        }
        if (status == SS_OK) status = each(context, key, state);
    }
    mdb_cursor_close(cursor);
    if (status == SS_OK && code != MDB_NOTFOUND)
        status = ss_online_fail(txn->environment->directory, code, "reading rows", error);
    return status;
}

enum ss_status ss_online_scan(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                              enum ss_status (*each)(void *context, struct ss_bytes key,
                                                     struct ss_bytes state),
                              void *context, struct ss_error *error)
{
    return scan(txn, fingerprint, true, each, context, error);
}

enum ss_status ss_online_each_key(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                  enum ss_status (*each)(void *context, struct ss_bytes key,
                                                         struct ss_bytes state),
                                  void *context, struct ss_error *error)
{
    return scan(txn, fingerprint, false, each, context, error);
}

enum ss_status ss_online_stats(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                               struct ss_online_stats *stats, struct ss_error *error)
{
    struct online_table *table;
    MDB_stat found;
    struct stat file;
    int fd;
    SS_TRY(ss_online_require_table(txn, fingerprint, &table, error));
    const int code = mdb_stat(txn->txn, table->dbi, &found);
    if (code != 0) return ss_online_fail(txn->environment->directory, code, "counting rows", error);
    mdb_env_get_fd(txn->environment->env, &fd);
    const size_t pages = found.ms_branch_pages + found.ms_leaf_pages + found.ms_overflow_pages;
    *stats = (struct ss_online_stats){.rows = found.ms_entries,
                                      .bytes = pages * found.ms_psize,
                                      .file_bytes = fstat(fd, &file) == 0 ? (uint64_t)file.st_size : 0};
    return SS_OK;
}
