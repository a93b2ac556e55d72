// Which tables there are, in which slots, and what is applied: the records of the database "meta" (the
// formats and the reasons are in online_lmdb.c).

#include "store/online_lmdb_internal.h"

#include "engine/base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_FORMAT 1
#define STATE_BYTES  74

const char *ss_online_table_name(const struct ss_sha256 *fingerprint, char name[17])
{
    char text[SS_SHA256_TEXT_SIZE];
    memcpy(name, ss_sha256_format(fingerprint, text), 16);
    name[16] = 0;
    return name;
}

static uint64_t prefix_of(const struct ss_sha256 *fingerprint)
{
    return __builtin_bswap64(ss_get_fixed64(fingerprint->bytes));
}

// ---- The state record and the map of tables

enum ss_status ss_online_read_state(const struct online_environment *environment, MDB_txn *txn,
                                    struct ss_applied *applied, uint64_t *generation, struct ss_error *error)
{
    MDB_val key = {5, (void *)(uintptr_t) "state"}, value;
    const int code = mdb_get(txn, environment->meta, &key, &value);
    *applied = (struct ss_applied){.arrival_us = SS_TIME_MIN_US};
    *generation = 0;
    if (code == MDB_NOTFOUND) return SS_OK;
    if (code != 0) return ss_online_fail(environment->directory, code, "reading what is applied", error);
    const uint8_t *bytes = value.mv_data;
    if (value.mv_size != STATE_BYTES || bytes[0] != STATE_FORMAT ||
        ss_get_fixed64(bytes + 1) != ss_hash64(bytes + 9, STATE_BYTES - 9))
        return ss_online_damaged(environment->directory, "the record of what is applied has a wrong checksum",
                                 error);
    *generation = ss_get_fixed64(bytes + 9);
    applied->seq = ss_get_fixed64(bytes + 17);
    applied->commit_id = ss_get_fixed64(bytes + 25);
    applied->arrival_us = (int64_t)ss_get_fixed64(bytes + 33);
    applied->has_live = bytes[41] != 0;
    memcpy(applied->live.bytes, bytes + 42, sizeof applied->live.bytes);
    return SS_OK;
}

int ss_online_write_state(struct ss_online_txn *txn)
{
    uint8_t bytes[STATE_BYTES] = {STATE_FORMAT};
    MDB_val key = {5, (void *)(uintptr_t) "state"}, value = {STATE_BYTES, bytes};
    ss_put_fixed64(bytes + 9, txn->generation);
    ss_put_fixed64(bytes + 17, txn->applied.seq);
    ss_put_fixed64(bytes + 25, txn->applied.commit_id);
    ss_put_fixed64(bytes + 33, (uint64_t)txn->applied.arrival_us);
    bytes[41] = txn->applied.has_live;
    memcpy(bytes + 42, txn->applied.live.bytes, sizeof txn->applied.live.bytes);
    ss_put_fixed64(bytes + 1, ss_hash64(bytes + 9, STATE_BYTES - 9));
    return mdb_put(txn->txn, txn->environment->meta, &key, &value, 0);
}

static struct online_map *create_map(size_t capacity)
{
    return calloc(1, sizeof(struct online_map) + capacity * sizeof(struct online_table));
}

void ss_online_slot_name(uint32_t slot, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "slot%u", slot);
}

// Under `opening`, in a transaction of its own. The handle is good for others once that is committed.
static int open_slot(struct online_environment *environment, MDB_txn *txn, uint32_t slot, unsigned flags,
                     MDB_dbi *dbi)
{
    char name[NAME_SIZE];
    if (slot >= MAX_SLOTS) return MDB_CORRUPTED;
    *dbi = environment->slots[slot];
    if (*dbi != 0) return 0;
    ss_online_slot_name(slot, name);
    return mdb_dbi_open(txn, name, flags, dbi);
}

static const char table_prefix[] = "table:", new_prefix[] = "build:"; // of the same length

static bool is_table_key(const MDB_val *key)
{
    return key->mv_size == 6 + 16 &&
           (memcmp(key->mv_data, table_prefix, 6) == 0 || memcmp(key->mv_data, new_prefix, 6) == 0);
}

static int read_table(struct online_environment *environment, MDB_txn *txn, const MDB_val *key,
                      const MDB_val *value, struct online_table *table)
{
    if (value->mv_size != 4) return MDB_CORRUPTED;
    char *end;
    memcpy(table->name, (const char *)key->mv_data + 6, 16);
    table->prefix = strtoull(table->name, &end, 16);
    if (end != table->name + 16) return MDB_CORRUPTED;
    table->is_new = memcmp(key->mv_data, new_prefix, 6) == 0;
    table->slot = ss_get_fixed32(value->mv_data);
    return open_slot(environment, txn, table->slot, 0, &table->dbi);
}

static int read_tables(struct online_environment *environment, MDB_txn *txn, struct online_map **map)
{
    MDB_stat meta;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    struct online_map *read = NULL;
    int code = mdb_stat(txn, environment->meta, &meta);
    if (code == 0 && !(read = create_map(meta.ms_entries))) code = ENOMEM;
    if (code == 0) code = mdb_cursor_open(txn, environment->meta, &cursor);
    for (MDB_cursor_op op = MDB_FIRST; code == 0; op = MDB_NEXT) {
        code = mdb_cursor_get(cursor, &key, &value, op);
        if (code == 0 && is_table_key(&key))
            code = read_table(environment, txn, &key, &value, &read->tables[read->count++]);
    }
    if (cursor) mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        *map = read;
        return 0;
    }
    free(read);
    return code;
}

void ss_online_release_map(struct online_environment *environment, struct online_map *map)
{
    pthread_mutex_lock(&environment->lock);
    const bool last = map && --map->references == 0;
    pthread_mutex_unlock(&environment->lock);
    if (last) free(map);
}

// Takes over the caller's map.
void ss_online_share_map(struct online_environment *environment, struct online_map *map)
{
    map->references = 1;
    for (size_t i = 0; i < map->count; i++) environment->slots[map->tables[i].slot] = map->tables[i].dbi;
    pthread_mutex_lock(&environment->lock);
    struct online_map *old = environment->map;
    environment->map = map;
    pthread_mutex_unlock(&environment->lock);
    ss_online_release_map(environment, old);
}

bool ss_online_grow_map(struct ss_online_txn *txn, const struct online_map *from, size_t capacity)
{
    struct online_map *grown = create_map(capacity);
    if (!grown) return false;
    grown->count = from->count;
    memcpy(grown->tables, from->tables, from->count * sizeof *from->tables);
    free(txn->map);
    txn->map = grown;
    txn->map_capacity = capacity;
    return true;
}

// Under `opening`: reads the map of the newest generation unless it is there.
static enum ss_status refresh_map(struct online_environment *environment, struct ss_error *error)
{
    struct ss_applied applied;
    struct online_map *map = NULL;
    uint64_t generation;
    MDB_txn *txn;
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) return ss_online_fail(environment->directory, code, "taking a snapshot", error);
    const enum ss_status status = ss_online_read_state(environment, txn, &applied, &generation, error);
    if (status != SS_OK || (environment->map && environment->map->generation == generation)) {
        mdb_txn_abort(txn);
        return status;
    }
    code = read_tables(environment, txn, &map);
    if (code != 0) {
        mdb_txn_abort(txn);
        return ss_online_fail(environment->directory, code == MDB_NOTFOUND ? MDB_CORRUPTED : code,
                              "reading the tables", error);
    }
    mdb_txn_commit(txn); // a snapshot: nothing is written, but its handles stay open
    map->generation = generation;
    ss_online_share_map(environment, map);
    return SS_OK;
}

enum ss_status ss_online_refresh(struct online_environment *environment, struct ss_error *error)
{
    pthread_mutex_lock(&environment->opening);
    const enum ss_status status = refresh_map(environment, error);
    pthread_mutex_unlock(&environment->opening);
    return status;
}

// ---- Tables

static struct online_table *find_table(const struct ss_online_txn *txn, const struct ss_sha256 *fingerprint)
{
    const uint64_t prefix = prefix_of(fingerprint);
    for (size_t i = 0; i < txn->map->count; i++)
        if (txn->map->tables[i].prefix == prefix && txn->map->tables[i].is_new == txn->uses_new)
            return &txn->map->tables[i];
    return NULL;
}

enum ss_status ss_online_require_table(const struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                       struct online_table **table, struct ss_error *error)
{
    char name[NAME_SIZE];
    *table = find_table(txn, fingerprint);
    if (*table) return SS_OK;
    return ss_fail(error, SS_NOT_FOUND, "online store '%s': no table of view version %s",
                   txn->environment->directory, ss_online_table_name(fingerprint, name));
}

enum ss_status ss_online_has_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint, bool *has,
                                   struct ss_error *error)
{
    (void)error;
    *has = find_table(txn, fingerprint) != NULL;
    return SS_OK;
}

static uint32_t free_slot(const struct online_map *map)
{
    for (uint32_t slot = 0;; slot++) {
        size_t i = 0;
        while (i < map->count && map->tables[i].slot != slot) i++;
        if (i == map->count) return slot;
    }
}

static void table_key(const struct online_table *table, char text[32], MDB_val *key)
{
    snprintf(text, 32, "%s%s", table->is_new ? new_prefix : table_prefix, table->name);
    *key = (MDB_val){strlen(text), text};
}

static int write_table(struct ss_online_txn *txn, const struct online_table *table)
{
    char text[32];
    uint8_t slot_bytes[4];
    MDB_val key, value = {sizeof slot_bytes, slot_bytes};
    for (int i = 0; i < 4; i++) slot_bytes[i] = (uint8_t)(table->slot >> (8 * i));
    table_key(table, text, &key);
    return mdb_put(txn->txn, txn->environment->meta, &key, &value, 0);
}

static int add_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint)
{
    if (txn->map->count == txn->map_capacity && !ss_online_grow_map(txn, txn->map, txn->map_capacity * 2))
        return ENOMEM;
    struct online_table *table = &txn->map->tables[txn->map->count];
    ss_online_table_name(fingerprint, table->name);
    table->prefix = prefix_of(fingerprint);
    table->is_new = txn->uses_new;
    table->slot = free_slot(txn->map);
    if (table->slot >= MAX_SLOTS) return MDB_DBS_FULL;
    int code = open_slot(txn->environment, txn->txn, table->slot, MDB_CREATE, &table->dbi);
    if (code == 0) code = mdb_drop(txn->txn, table->dbi, 0);
    if (code == 0) code = write_table(txn, table);
    if (code == 0) txn->map->count++;
    return code;
}

enum ss_status ss_online_create_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                      struct ss_error *error)
{
    SS_ASSERT(txn->writing);
    const struct online_table *table = find_table(txn, fingerprint);
    const int code = table ? mdb_drop(txn->txn, table->dbi, 0) : add_table(txn, fingerprint);
    if (!table) txn->tables_changed = true;
    return code == 0 ? SS_OK : ss_online_fail(txn->environment->directory, code, "making a table", error);
}

static int forget_table(struct ss_online_txn *txn, const struct online_table *table)
{
    char text[32];
    MDB_val key;
    table_key(table, text, &key);
    txn->tables_changed = true;
    return mdb_del(txn->txn, txn->environment->meta, &key, NULL);
}

static enum ss_status drop(struct ss_online_txn *txn, struct online_table *table, struct ss_error *error)
{
    int code = mdb_drop(txn->txn, table->dbi, 0);
    if (code == 0) code = forget_table(txn, table);
    if (code != 0) return ss_online_fail(txn->environment->directory, code, "dropping a table", error);
    *table = txn->map->tables[--txn->map->count];
    return SS_OK;
}

enum ss_status ss_online_drop_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                    struct ss_error *error)
{
    SS_ASSERT(txn->writing);
    struct online_table *table = find_table(txn, fingerprint);
    return table ? drop(txn, table, error) : SS_OK;
}

// ---- New tables

void ss_online_use_new(struct ss_online_txn *txn, bool new)
{
    SS_ASSERT(txn->writing);
    txn->uses_new = new;
}

enum ss_status ss_online_adopt_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                     struct ss_error *error)
{
    struct online_table *table;
    ss_online_use_new(txn, false);
    SS_TRY(ss_online_drop_table(txn, fingerprint, error));
    ss_online_use_new(txn, true);
    const enum ss_status status = ss_online_require_table(txn, fingerprint, &table, error);
    ss_online_use_new(txn, false);
    SS_TRY(status);
    int code = forget_table(txn, table);
    table->is_new = false;
    if (code == 0) code = write_table(txn, table);
    return code == 0 ? SS_OK : ss_online_fail(txn->environment->directory, code, "making a table", error);
}

enum ss_status ss_online_drop_new(struct ss_online_txn *txn, bool *any, struct ss_error *error)
{
    SS_ASSERT(txn->writing);
    *any = false;
    for (size_t i = txn->map->count; i-- > 0;) {
        if (!txn->map->tables[i].is_new) continue;
        *any = true;
        SS_TRY(drop(txn, &txn->map->tables[i], error));
    }
    return SS_OK;
}

enum ss_status ss_online_each_table(struct ss_online_txn *txn,
                                    enum ss_status (*each)(void *context, const char *name), void *context,
                                    struct ss_error *error)
{
    (void)error;
    for (size_t i = 0; i < txn->map->count; i++)
        if (!txn->map->tables[i].is_new) SS_TRY(each(context, txn->map->tables[i].name));
    return SS_OK;
}
