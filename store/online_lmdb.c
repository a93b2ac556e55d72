// Online rows in LMDB.
//
// One environment (a directory with data.mdb and lock.mdb) holds:
//
//   "meta"        "state"         -> what is applied, and the generation of the tables (below)
//                 "table:<16 hex>" -> the slot, 4 bytes, that holds the rows of this view version
//   "slot<n>"     key -> row. Empty when no table names it
//
//   state:  format(1)=1  checksum(8)  generation(8)  seq(8)  commit_id(8)  arrival_us(8)  has_live(1)
//   live(32) row:    format(1)=1  fingerprint(8)  checksum(8)  state
//
// Integers are little endian. The checksum of a row is XXH3-64 over 16 bytes: XXH3-64 of the key, then of the
// state; that of the state record is XXH3-64 of what follows it.
//
// Why slots: LMDB's handles of named databases belong to the process, must not be opened by two transactions
// at once, and cannot be closed while anybody reads. So handles are never closed: a dropped table is emptied
// and its slot waits for the next one. Which table is in which slot is read from the snapshot itself, so an
// old snapshot goes on reading the table that another process has dropped since. Each process keeps that map
// for the newest generation; a snapshot of another generation is given up, the map is read again under a
// lock, and the snapshot is taken anew. While this process writes, its map is the newest one, so nobody but
// the writer opens handles then.
//
// LMDB must not be opened twice in a process (closing one loses the other's locks): opens of the same file
// share one environment. Snapshots are kept for reuse when they end, since LMDB allocates much for each.

#include "store/online.h"

#include "engine/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DATABASES  1024
#define MAX_SLOTS      (MAX_DATABASES - 8)
#define MAX_READERS    512
#define IDLE_SNAPSHOTS 32
#define MAP_BYTES      ((size_t)1 << 40)
#define ROW_FORMAT     1
#define ROW_HEADER     17
#define STATE_FORMAT   1
#define STATE_BYTES    74
#define NAME_SIZE      17

struct table {
    char name[NAME_SIZE];
    uint32_t slot;
    MDB_dbi dbi;
};

// Which tables there are in one generation. Immutable once shared.
struct table_map {
    size_t references; // under the environment's lock
    uint64_t generation;
    size_t count;
    struct table tables[];
};

struct environment {
    struct environment *next;
    size_t references; // under `environments_lock`
    dev_t device;
    ino_t inode;
    char *directory;
    MDB_env *env;
    MDB_dbi meta;
    pthread_mutex_t opening; // held while handles are opened and while a change of tables is committed
    pthread_mutex_t lock;    // of what follows
    struct table_map *map;
    struct ss_online_txn *idle;
    size_t idle_count;
    MDB_dbi slots[MAX_SLOTS]; // 0: not open. Under `opening`, or the one writer's
};

struct ss_online {
    struct environment *environment;
    bool writable;
};

struct ss_online_txn {
    struct ss_online_txn *next; // among the idle
    struct environment *environment;
    MDB_txn *txn;
    bool writing;
    struct table_map *map; // shared when reading, the transaction's own when writing
    size_t map_capacity;
    struct ss_applied applied;
    uint64_t generation;
    bool applied_changed, tables_changed;
};

static pthread_mutex_t environments_lock = PTHREAD_MUTEX_INITIALIZER;
static struct environment *environments;

// ---- Errors

static enum ss_status damaged(const char *directory, const char *how, struct ss_error *error)
{
    return ss_fail(
        error, SS_DAMAGED,
        "online store '%s': %s; it is derived from history: run 'selfsame rebuild --all' to make it anew",
        directory, how);
}

static enum ss_status fail_lmdb(const char *directory, int code, const char *doing, struct ss_error *error)
{
    switch (code) {
    case ENOMEM: return ss_fail_memory(error, "the online store");
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND: return damaged(directory, mdb_strerror(code), error);
    case MDB_MAP_FULL:
        return ss_fail(error, SS_LIMIT, "online store '%s': its map is full (%s)", directory, doing);
    case MDB_READERS_FULL:
        return ss_fail(error, SS_BUSY, "online store '%s': %d snapshots are open at once; try again",
                       directory, MAX_READERS);
    default: return ss_fail(error, SS_IO, "online store '%s': %s: %s", directory, doing, mdb_strerror(code));
    }
}

// ---- Bytes

static void put_fixed64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_fixed64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static uint64_t row_checksum(struct ss_bytes key, struct ss_bytes state)
{
    uint8_t sums[16];
    put_fixed64(sums, ss_hash64(key.data, key.size));
    put_fixed64(sums + 8, ss_hash64(state.data, state.size));
    return ss_hash64(sums, sizeof sums);
}

const char *ss_online_table_name(const struct ss_sha256 *fingerprint, char name[17])
{
    char text[SS_SHA256_TEXT_SIZE];
    memcpy(name, ss_sha256_format(fingerprint, text), 16);
    name[16] = 0;
    return name;
}

// ---- The file, before LMDB sees it
//
// LMDB maps whatever there is and dies of SIGBUS on the first page behind the file's end. So the file must
// hold every page that a meta page speaks of. There are two meta pages; LMDB works from the newer one. When
// the file ends before that one's last page, it is damaged, though the older meta page may describe a whole
// state: pages of that state may have been reused by a commit that was being written, so it is not to be
// trusted. When it ends at or after the last page, nothing can be missing: LMDB never counts the last page
// down. A cut inside the two meta pages leaves less than two pages.
//
// A live writer may leave its file short for a moment: LMDB does not write pages that were taken and given
// back in one commit, though they count. The writer lengthens the file right after its commit
// (lengthen_file), and a check that meets a short file looks again for a while.

#define META_BYTES \
    152 // page header (16), then magic, version, address, map size, two databases, last page, txn
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1

static uint32_t get_fixed32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

// The page size and last page of the meta page at `offset`; how it is wrong, or NULL.
static const char *read_meta(int fd, off_t offset, uint32_t *page_bytes, uint64_t *last_page)
{
    uint8_t meta[META_BYTES];
    if (pread(fd, meta, sizeof meta, offset) != (ssize_t)sizeof meta) return "its meta page is cut off";
    if (get_fixed32(meta + 16) != META_MAGIC) return "its meta page has a wrong magic number";
    if (get_fixed32(meta + 20) != META_VERSION) return "its meta page is of another LMDB format";
    *page_bytes = get_fixed32(meta + 40);
    *last_page = get_fixed64(meta + 136);
    if (*page_bytes < 512 || *page_bytes > 65536 || (*page_bytes & (*page_bytes - 1)) != 0)
        return "its meta page names an impossible page size";
    return *last_page < (uint64_t)1 << 44 ? NULL : "its meta page names an impossible last page";
}

static const char *measure_file(int fd, struct stat *file)
{
    uint32_t page_bytes, second_page_bytes;
    uint64_t last_page, second_last_page;
    if (fstat(fd, file) != 0 || !S_ISREG(file->st_mode)) return "data.mdb is no file";
    const char *wrong = read_meta(fd, 0, &page_bytes, &last_page);
    if (!wrong) wrong = read_meta(fd, page_bytes, &second_page_bytes, &second_last_page);
    if (wrong) return wrong;
    if (second_page_bytes != page_bytes) return "its meta pages disagree about the page size";
    if (second_last_page > last_page) last_page = second_last_page;
    if ((uint64_t)file->st_size < (last_page + 1) * page_bytes) return "data.mdb is cut off";
    return NULL;
}

static void sleep_ms(long milliseconds)
{
    const struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&pause, NULL);
}

// SS_NOT_FOUND when there is no data.mdb.
static enum ss_status check_file(const char *directory, struct stat *file, struct ss_error *error)
{
    char path[4096];
    const char *wrong = NULL;
    if (snprintf(path, sizeof path, "%s/data.mdb", directory) >= (int)sizeof path)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    for (int attempt = 0; attempt < 10; attempt++) {
        if (attempt > 0) sleep_ms(10);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            return ss_fail(
                error, SS_NOT_FOUND,
                "online store '%s': is missing; any writing command makes it anew, for example 'selfsame "
                "rebuild --all'",
                directory);
        if (fd < 0)
            return ss_fail(error, SS_IO, "online store '%s': cannot be opened: %s", directory,
                           strerror(errno));
        wrong = measure_file(fd, file);
        close(fd);
        if (!wrong) return SS_OK;
    }
    return damaged(directory, wrong, error);
}

static enum ss_status lengthen_file(struct environment *environment, struct ss_error *error)
{
    MDB_envinfo info;
    MDB_stat stat_of_pages;
    struct stat file;
    int fd;
    mdb_env_info(environment->env, &info);
    mdb_env_stat(environment->env, &stat_of_pages);
    mdb_env_get_fd(environment->env, &fd);
    const off_t needed = (off_t)((info.me_last_pgno + 1) * stat_of_pages.ms_psize);
    if (fstat(fd, &file) == 0 && (file.st_size >= needed || ftruncate(fd, needed) == 0)) return SS_OK;
    return fail_lmdb(environment->directory, errno, "lengthening data.mdb", error);
}

// ---- Making and removing the files
//
// The directory appears and disappears whole, by rename: who opens it finds either none or a good one.

static void remove_directory(const char *directory)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[4096];
    for (size_t i = 0; i < 2; i++)
        if (snprintf(path, sizeof path, "%s/%s", directory, names[i]) < (int)sizeof path) unlink(path);
    rmdir(directory);
}

enum ss_status ss_online_destroy(const char *directory, struct ss_error *error)
{
    char old[4096];
    if (snprintf(old, sizeof old, "%s.old", directory) >= (int)sizeof old)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    remove_directory(old);
    if (rename(directory, old) != 0 && errno != ENOENT)
        return ss_fail(error, SS_IO, "online store '%s': cannot be removed: %s", directory, strerror(errno));
    remove_directory(old);
    return SS_OK;
}

static enum ss_status open_lmdb(const char *directory, const struct ss_online_options *options, MDB_env **env,
                                struct ss_error *error)
{
    MDB_env *opened = NULL;
    const size_t map_bytes = options && options->map_bytes ? options->map_bytes : MAP_BYTES;
    int code = mdb_env_create(&opened);
    if (code != 0) return fail_lmdb(directory, code, "making an environment", error);
    mdb_env_set_mapsize(opened, map_bytes);
    mdb_env_set_maxdbs(opened, MAX_DATABASES);
    mdb_env_set_maxreaders(opened, MAX_READERS);
    code = mdb_env_open(opened, directory, MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0666);
    if (code != 0) {
        mdb_env_close(opened);
        return fail_lmdb(directory, code, "opening it", error);
    }
    *env = opened;
    return SS_OK;
}

static enum ss_status make_empty(const char *directory, const struct ss_online_options *options,
                                 struct ss_error *error)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi meta;
    SS_TRY(open_lmdb(directory, options, &env, error));
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code == 0) {
        code = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta);
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    mdb_env_close(env);
    return code == 0 ? SS_OK : fail_lmdb(directory, code, "making it", error);
}

static enum ss_status create_files(const char *directory, const struct ss_online_options *options,
                                   struct ss_error *error)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", directory) >= (int)sizeof beside)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    remove_directory(beside);
    if (mkdir(beside, 0777) != 0)
        return ss_fail(error, SS_IO, "online store '%s': cannot be made: %s", directory, strerror(errno));
    enum ss_status status = make_empty(beside, options, error);
    if (status == SS_OK) status = ss_online_destroy(directory, error);
    if (status == SS_OK && rename(beside, directory) != 0)
        status = ss_fail(error, SS_IO, "online store '%s': cannot be made: %s", directory, strerror(errno));
    if (status != SS_OK) remove_directory(beside);
    return status;
}

// ---- The state record and the map of tables

static enum ss_status read_state(const struct environment *environment, MDB_txn *txn,
                                 struct ss_applied *applied, uint64_t *generation, struct ss_error *error)
{
    MDB_val key = {5, (void *)(uintptr_t) "state"}, value;
    const int code = mdb_get(txn, environment->meta, &key, &value);
    *applied = (struct ss_applied){.arrival_us = SS_TIME_MIN_US};
    *generation = 0;
    if (code == MDB_NOTFOUND) return SS_OK;
    if (code != 0) return fail_lmdb(environment->directory, code, "reading what is applied", error);
    const uint8_t *bytes = value.mv_data;
    if (value.mv_size != STATE_BYTES || bytes[0] != STATE_FORMAT ||
        get_fixed64(bytes + 1) != ss_hash64(bytes + 9, STATE_BYTES - 9))
        return damaged(environment->directory, "the record of what is applied has a wrong checksum", error);
    *generation = get_fixed64(bytes + 9);
    applied->seq = get_fixed64(bytes + 17);
    applied->commit_id = get_fixed64(bytes + 25);
    applied->arrival_us = (int64_t)get_fixed64(bytes + 33);
    applied->has_live = bytes[41] != 0;
    memcpy(applied->live.bytes, bytes + 42, sizeof applied->live.bytes);
    return SS_OK;
}

static int write_state(struct ss_online_txn *txn)
{
    uint8_t bytes[STATE_BYTES] = {STATE_FORMAT};
    MDB_val key = {5, (void *)(uintptr_t) "state"}, value = {STATE_BYTES, bytes};
    put_fixed64(bytes + 9, txn->generation);
    put_fixed64(bytes + 17, txn->applied.seq);
    put_fixed64(bytes + 25, txn->applied.commit_id);
    put_fixed64(bytes + 33, (uint64_t)txn->applied.arrival_us);
    bytes[41] = txn->applied.has_live;
    memcpy(bytes + 42, txn->applied.live.bytes, sizeof txn->applied.live.bytes);
    put_fixed64(bytes + 1, ss_hash64(bytes + 9, STATE_BYTES - 9));
    return mdb_put(txn->txn, txn->environment->meta, &key, &value, 0);
}

static struct table_map *create_map(size_t capacity)
{
    return calloc(1, sizeof(struct table_map) + capacity * sizeof(struct table));
}

static void slot_name(uint32_t slot, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "slot%u", slot);
}

// Under `opening`, in a transaction of its own. The handle is good for others once that is committed.
static int open_slot(struct environment *environment, MDB_txn *txn, uint32_t slot, unsigned flags,
                     MDB_dbi *dbi)
{
    char name[NAME_SIZE];
    if (slot >= MAX_SLOTS) return MDB_CORRUPTED;
    *dbi = environment->slots[slot];
    if (*dbi != 0) return 0;
    slot_name(slot, name);
    return mdb_dbi_open(txn, name, flags, dbi);
}

static bool is_table_key(const MDB_val *key)
{
    return key->mv_size == 6 + 16 && memcmp(key->mv_data, "table:", 6) == 0;
}

static int read_table(struct environment *environment, MDB_txn *txn, const MDB_val *key, const MDB_val *value,
                      struct table *table)
{
    if (value->mv_size != 4) return MDB_CORRUPTED;
    memcpy(table->name, (const char *)key->mv_data + 6, 16);
    table->slot = get_fixed32(value->mv_data);
    return open_slot(environment, txn, table->slot, 0, &table->dbi);
}

static int read_tables(struct environment *environment, MDB_txn *txn, struct table_map **map)
{
    MDB_stat meta;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    struct table_map *read = NULL;
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

static void release_map(struct environment *environment, struct table_map *map)
{
    pthread_mutex_lock(&environment->lock);
    const bool last = map && --map->references == 0;
    pthread_mutex_unlock(&environment->lock);
    if (last) free(map);
}

// Takes over the caller's map.
static void share_map(struct environment *environment, struct table_map *map)
{
    map->references = 1;
    for (size_t i = 0; i < map->count; i++) environment->slots[map->tables[i].slot] = map->tables[i].dbi;
    pthread_mutex_lock(&environment->lock);
    struct table_map *old = environment->map;
    environment->map = map;
    pthread_mutex_unlock(&environment->lock);
    release_map(environment, old);
}

// Under `opening`: reads the map of the newest generation unless it is there.
static enum ss_status refresh_map(struct environment *environment, struct ss_error *error)
{
    struct ss_applied applied;
    struct table_map *map = NULL;
    uint64_t generation;
    MDB_txn *txn;
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) return fail_lmdb(environment->directory, code, "taking a snapshot", error);
    const enum ss_status status = read_state(environment, txn, &applied, &generation, error);
    if (status != SS_OK || (environment->map && environment->map->generation == generation)) {
        mdb_txn_abort(txn);
        return status;
    }
    code = read_tables(environment, txn, &map);
    if (code != 0) {
        mdb_txn_abort(txn);
        return fail_lmdb(environment->directory, code == MDB_NOTFOUND ? MDB_CORRUPTED : code,
                         "reading the tables", error);
    }
    mdb_txn_commit(txn); // a snapshot: nothing is written, but its handles stay open
    map->generation = generation;
    share_map(environment, map);
    return SS_OK;
}

static enum ss_status refresh(struct environment *environment, struct ss_error *error)
{
    pthread_mutex_lock(&environment->opening);
    const enum ss_status status = refresh_map(environment, error);
    pthread_mutex_unlock(&environment->opening);
    return status;
}

// ---- Environments of this process

static void close_environment(struct environment *environment)
{
    struct ss_online_txn *next;
    for (struct ss_online_txn *idle = environment->idle; idle; idle = next) {
        next = idle->next;
        mdb_txn_abort(idle->txn);
        free(idle);
    }
    if (environment->env) mdb_env_close(environment->env);
    pthread_mutex_destroy(&environment->opening);
    pthread_mutex_destroy(&environment->lock);
    free(environment->map);
    free(environment->directory);
    free(environment);
}

static enum ss_status open_meta(struct environment *environment, struct ss_error *error)
{
    MDB_txn *txn;
    int dead;
    mdb_reader_check(environment->env, &dead); // snapshots of processes that are gone hold pages back
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code == 0) {
        code = mdb_dbi_open(txn, "meta", 0, &environment->meta);
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (code != 0) return fail_lmdb(environment->directory, code, "opening its tables", error);
    return refresh(environment, error);
}

// The file that LMDB has opened must be the one that was checked.
static enum ss_status is_checked_file(const struct environment *environment, bool *same,
                                      struct ss_error *error)
{
    struct stat file;
    int fd;
    mdb_env_get_fd(environment->env, &fd);
    if (fstat(fd, &file) != 0) return fail_lmdb(environment->directory, errno, "looking at data.mdb", error);
    *same = file.st_dev == environment->device && file.st_ino == environment->inode;
    return SS_OK;
}

static enum ss_status make_environment(const char *directory, const struct ss_online_options *options,
                                       const struct stat *file, struct environment **made,
                                       struct ss_error *error)
{
    enum ss_status status;
    bool same = false;
    struct environment *environment = calloc(1, sizeof *environment);
    if (!environment) return ss_fail_memory(error, "the online store");
    pthread_mutex_init(&environment->opening, NULL);
    pthread_mutex_init(&environment->lock, NULL);
    environment->references = 1;
    environment->device = file->st_dev;
    environment->inode = file->st_ino;
    environment->directory = strdup(directory);
    SS_TRY_GOTO(environment->directory ? SS_OK : ss_fail_memory(error, "the online store"), out);
    SS_TRY_GOTO(open_lmdb(directory, options, &environment->env, error), out);
    SS_TRY_GOTO(is_checked_file(environment, &same, error), out);
    SS_TRY_GOTO(
        same ? SS_OK
             : ss_fail(error, SS_BUSY, "online store '%s': it was replaced just now; try again", directory),
        out);
    SS_TRY_GOTO(open_meta(environment, error), out);
    *made = environment;
    environment = NULL;
out:
    if (environment) close_environment(environment);
    return status;
}

// Under `environments_lock`.
static enum ss_status take_environment(const char *directory, const struct ss_online_options *options,
                                       struct environment **environment, struct ss_error *error)
{
    struct stat file;
    SS_TRY(check_file(directory, &file, error));
    for (struct environment *known = environments; known; known = known->next)
        if (known->device == file.st_dev && known->inode == file.st_ino) {
            known->references++;
            *environment = known;
            return SS_OK;
        }
    SS_TRY(make_environment(directory, options, &file, environment, error));
    (*environment)->next = environments;
    environments = *environment;
    return SS_OK;
}

static void give_environment_back(struct environment *environment)
{
    pthread_mutex_lock(&environments_lock);
    if (--environment->references == 0) {
        struct environment **at = &environments;
        while (*at != environment) at = &(*at)->next;
        *at = environment->next;
        close_environment(environment);
    }
    pthread_mutex_unlock(&environments_lock);
}

enum ss_status ss_online_open(const char *directory, bool writable, const struct ss_online_options *options,
                              struct ss_online **online, struct ss_error *error)
{
    enum ss_status status;
    struct ss_online *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "the online store");
    opened->writable = writable;
    pthread_mutex_lock(&environments_lock);
    status = take_environment(directory, options, &opened->environment, error);
    if (status == SS_NOT_FOUND && writable) {
        status = create_files(directory, options, error);
        if (status == SS_OK) status = take_environment(directory, options, &opened->environment, error);
    }
    pthread_mutex_unlock(&environments_lock);
    if (status == SS_OK)
        *online = opened;
    else
        free(opened);
    return status;
}

void ss_online_close(struct ss_online *online)
{
    if (!online) return;
    give_environment_back(online->environment);
    free(online);
}

enum ss_status ss_online_sync(struct ss_online *online, struct ss_error *error)
{
    const int code = mdb_env_sync(online->environment->env, 1);
    return code == 0 ? SS_OK : fail_lmdb(online->environment->directory, code, "writing it to disk", error);
}

// ---- Snapshots

// A reused snapshot or a new one, with the newest map that is known.
static enum ss_status begin_snapshot(struct environment *environment, struct ss_online_txn **taken,
                                     struct ss_error *error)
{
    pthread_mutex_lock(&environment->lock);
    struct ss_online_txn *txn = environment->idle;
    if (txn) {
        environment->idle = txn->next;
        environment->idle_count--;
    }
    struct table_map *map = environment->map;
    map->references++;
    pthread_mutex_unlock(&environment->lock);
    int code = ENOMEM;
    if (txn) {
        code = mdb_txn_renew(txn->txn);
    } else {
        txn = calloc(1, sizeof *txn);
        if (txn) code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn->txn);
    }
    if (code != 0) {
        release_map(environment, map);
        if (txn && txn->txn) mdb_txn_abort(txn->txn);
        free(txn);
        return fail_lmdb(environment->directory, code, "taking a snapshot", error);
    }
    txn->environment = environment;
    txn->map = map;
    *taken = txn;
    return SS_OK;
}

static void end_snapshot(struct ss_online_txn *txn)
{
    struct environment *environment = txn->environment;
    release_map(environment, txn->map);
    txn->map = NULL;
    mdb_txn_reset(txn->txn);
    pthread_mutex_lock(&environment->lock);
    const bool keep = environment->idle_count < IDLE_SNAPSHOTS;
    if (keep) {
        txn->next = environment->idle;
        environment->idle = txn;
        environment->idle_count++;
    }
    pthread_mutex_unlock(&environment->lock);
    if (keep) return;
    mdb_txn_abort(txn->txn);
    free(txn);
}

// A rebuild of a damaged store makes new files: who still has the old ones would never see anything new.
static enum ss_status check_not_replaced(const struct environment *environment, struct ss_error *error)
{
    struct stat file;
    int fd;
    mdb_env_get_fd(environment->env, &fd);
    if (fstat(fd, &file) == 0 && file.st_nlink > 0) return SS_OK;
    return ss_fail(error, SS_BUSY,
                   "online store '%s': it was made anew while it was open; open the store again",
                   environment->directory);
}

enum ss_status ss_online_read(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error)
{
    enum ss_status status;
    struct environment *environment = online->environment;
    struct ss_online_txn *taken = NULL;
    for (;;) {
        SS_TRY(begin_snapshot(environment, &taken, error));
        SS_TRY_GOTO(read_state(environment, taken->txn, &taken->applied, &taken->generation, error), out);
        if (taken->generation == taken->map->generation) break;
        end_snapshot(taken);
        taken = NULL;
        SS_TRY_GOTO(refresh(environment, error), out);
    }
    SS_TRY_GOTO(check_not_replaced(environment, error), out);
    *txn = taken;
    taken = NULL;
out:
    if (taken) end_snapshot(taken);
    return status;
}

// ---- The write transaction

// LMDB's writer lock is held from here on: no generation comes to be but this transaction's own.
static enum ss_status begin_write(struct environment *environment, struct ss_online_txn *txn,
                                  struct ss_error *error)
{
    enum ss_status status;
    for (;;) {
        const int code = mdb_txn_begin(environment->env, NULL, 0, &txn->txn);
        if (code != 0) {
            txn->txn = NULL;
            return fail_lmdb(environment->directory, code, "starting to write", error);
        }
        SS_TRY_GOTO(read_state(environment, txn->txn, &txn->applied, &txn->generation, error), out);
        pthread_mutex_lock(&environment->lock);
        const bool newest = environment->map->generation == txn->generation;
        pthread_mutex_unlock(&environment->lock);
        if (newest) return SS_OK;
        mdb_txn_abort(txn->txn);
        txn->txn = NULL;
        SS_TRY_GOTO(refresh(environment, error), out);
    }
out:
    if (txn->txn) mdb_txn_abort(txn->txn);
    txn->txn = NULL;
    return status;
}

// The transaction's own map, with room for `capacity` tables.
static bool grow_map(struct ss_online_txn *txn, const struct table_map *from, size_t capacity)
{
    struct table_map *grown = create_map(capacity);
    if (!grown) return false;
    grown->count = from->count;
    memcpy(grown->tables, from->tables, from->count * sizeof *from->tables);
    free(txn->map);
    txn->map = grown;
    txn->map_capacity = capacity;
    return true;
}

enum ss_status ss_online_write(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error)
{
    SS_ASSERT(online->writable);
    struct environment *environment = online->environment;
    struct ss_online_txn *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a write to the online store");
    made->environment = environment;
    made->writing = true;
    const enum ss_status status = begin_write(environment, made, error);
    if (status == SS_OK && grow_map(made, environment->map, environment->map->count + 4)) {
        *txn = made;
        return SS_OK;
    }
    if (made->txn) mdb_txn_abort(made->txn);
    free(made);
    return status == SS_OK ? ss_fail_memory(error, "a write to the online store") : status;
}

void ss_online_end(struct ss_online_txn *txn)
{
    if (!txn) return;
    if (!txn->writing) {
        end_snapshot(txn);
        return;
    }
    if (txn->txn) mdb_txn_abort(txn->txn);
    free(txn->map);
    free(txn);
}

// Readers must not open handles between the commit and the sharing of its map.
static enum ss_status commit_tables(struct ss_online_txn *txn, struct ss_error *error)
{
    struct environment *environment = txn->environment;
    pthread_mutex_lock(&environment->opening);
    const int code = mdb_txn_commit(txn->txn);
    txn->txn = NULL;
    if (code == 0) {
        txn->map->generation = txn->generation;
        share_map(environment, txn->map);
        txn->map = NULL;
    }
    pthread_mutex_unlock(&environment->opening);
    return code == 0 ? SS_OK : fail_lmdb(environment->directory, code, "committing", error);
}

static enum ss_status commit_rows(struct ss_online_txn *txn, struct ss_error *error)
{
    const int code = mdb_txn_commit(txn->txn);
    txn->txn = NULL;
    return code == 0 ? SS_OK : fail_lmdb(txn->environment->directory, code, "committing", error);
}

enum ss_status ss_online_commit(struct ss_online_txn *txn, struct ss_error *error)
{
    enum ss_status status;
    SS_ASSERT(txn->writing);
    if (txn->tables_changed) txn->generation++;
    if (txn->tables_changed || txn->applied_changed) {
        const int code = write_state(txn);
        SS_TRY_GOTO(code == 0 ? SS_OK
                              : fail_lmdb(txn->environment->directory, code, "noting what is applied", error),
                    out);
    }
    SS_TRY_GOTO(txn->tables_changed ? commit_tables(txn, error) : commit_rows(txn, error), out);
    SS_TRY_GOTO(lengthen_file(txn->environment, error), out);
out:
    ss_online_end(txn);
    return status;
}

enum ss_status ss_online_applied(struct ss_online_txn *txn, struct ss_applied *applied,
                                 struct ss_error *error)
{
    (void)error;
    *applied = txn->applied;
    return SS_OK;
}

enum ss_status ss_online_set_applied(struct ss_online_txn *txn, const struct ss_applied *applied,
                                     struct ss_error *error)
{
    (void)error;
    SS_ASSERT(txn->writing);
    txn->applied = *applied;
    txn->applied_changed = true;
    return SS_OK;
}

// ---- Tables

static struct table *find_table(const struct ss_online_txn *txn, const struct ss_sha256 *fingerprint)
{
    char name[NAME_SIZE];
    ss_online_table_name(fingerprint, name);
    for (size_t i = 0; i < txn->map->count; i++)
        if (memcmp(txn->map->tables[i].name, name, NAME_SIZE) == 0) return &txn->map->tables[i];
    return NULL;
}

static enum ss_status require_table(const struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                    struct table **table, struct ss_error *error)
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

static uint32_t free_slot(const struct table_map *map)
{
    for (uint32_t slot = 0;; slot++) {
        size_t i = 0;
        while (i < map->count && map->tables[i].slot != slot) i++;
        if (i == map->count) return slot;
    }
}

static void table_key(const char *name, char text[32], MDB_val *key)
{
    snprintf(text, 32, "table:%s", name);
    *key = (MDB_val){strlen(text), text};
}

static int add_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint)
{
    char text[32];
    uint8_t slot_bytes[4];
    MDB_val key, value = {sizeof slot_bytes, slot_bytes};
    if (txn->map->count == txn->map_capacity && !grow_map(txn, txn->map, txn->map_capacity * 2))
        return ENOMEM;
    struct table *table = &txn->map->tables[txn->map->count];
    ss_online_table_name(fingerprint, table->name);
    table->slot = free_slot(txn->map);
    if (table->slot >= MAX_SLOTS) return MDB_DBS_FULL;
    int code = open_slot(txn->environment, txn->txn, table->slot, MDB_CREATE, &table->dbi);
    for (int i = 0; i < 4; i++) slot_bytes[i] = (uint8_t)(table->slot >> (8 * i));
    table_key(table->name, text, &key);
    if (code == 0) code = mdb_drop(txn->txn, table->dbi, 0);
    if (code == 0) code = mdb_put(txn->txn, txn->environment->meta, &key, &value, 0);
    if (code == 0) txn->map->count++;
    return code;
}

enum ss_status ss_online_create_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                      struct ss_error *error)
{
    SS_ASSERT(txn->writing);
    const struct table *table = find_table(txn, fingerprint);
    const int code = table ? mdb_drop(txn->txn, table->dbi, 0) : add_table(txn, fingerprint);
    if (!table) txn->tables_changed = true;
    return code == 0 ? SS_OK : fail_lmdb(txn->environment->directory, code, "making a table", error);
}

enum ss_status ss_online_drop_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                    struct ss_error *error)
{
    char text[32];
    MDB_val key;
    SS_ASSERT(txn->writing);
    struct table *table = find_table(txn, fingerprint);
    if (!table) return SS_OK;
    table_key(table->name, text, &key);
    int code = mdb_drop(txn->txn, table->dbi, 0);
    if (code == 0) code = mdb_del(txn->txn, txn->environment->meta, &key, NULL);
    if (code != 0) return fail_lmdb(txn->environment->directory, code, "dropping a table", error);
    *table = txn->map->tables[--txn->map->count];
    txn->tables_changed = true;
    return SS_OK;
}

enum ss_status ss_online_each_table(struct ss_online_txn *txn,
                                    enum ss_status (*each)(void *context, const char *name), void *context,
                                    struct ss_error *error)
{
    (void)error;
    for (size_t i = 0; i < txn->map->count; i++) SS_TRY(each(context, txn->map->tables[i].name));
    return SS_OK;
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

static enum ss_status damaged_row(const struct ss_online_txn *txn, const struct table *table,
                                  struct ss_bytes key, const char *how, struct ss_error *error)
{
    char text[2 * KEY_TEXT_BYTES + 4];
    return ss_fail(
        error, SS_DAMAGED,
        "online store '%s': view version %s, row %s: %s; run 'selfsame rebuild --all' to make it anew",
        txn->environment->directory, table->name, key_text(key, text), how);
}

static enum ss_status open_row(const struct ss_online_txn *txn, const struct table *table,
                               const struct ss_sha256 *fingerprint, struct ss_bytes key, const MDB_val *row,
                               struct ss_bytes *state, struct ss_error *error)
{
    char text[2 * KEY_TEXT_BYTES + 4];
    const uint8_t *bytes = row->mv_data;
    if (row->mv_size < ROW_HEADER || bytes[0] != ROW_FORMAT)
        return damaged_row(txn, table, key, "unknown format", error);
    const struct ss_bytes found = {(const char *)bytes + ROW_HEADER, row->mv_size - ROW_HEADER};
    if (get_fixed64(bytes + 9) != row_checksum(key, found))
        return damaged_row(txn, table, key, "wrong checksum", error);
    if (memcmp(bytes + 1, fingerprint->bytes, 8) != 0)
        return ss_fail(
            error, SS_VERSION,
            "online store '%s': view version %s, row %s: written by version %016llx; run 'selfsame rebuild "
            "--all' to make it anew",
            txn->environment->directory, table->name, key_text(key, text),
            (unsigned long long)__builtin_bswap64(get_fixed64(bytes + 1)));
    *state = found;
    return SS_OK;
}

static MDB_val key_value(struct ss_bytes key)
{
    return (MDB_val){key.size, (void *)(uintptr_t)key.data};
}

enum ss_status ss_online_get(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes *state, struct ss_error *error)
{
    struct table *table;
    MDB_val name = key_value(key), row;
    SS_TRY(require_table(txn, fingerprint, &table, error));
    const int code = mdb_get(txn->txn, table->dbi, &name, &row);
    if (code == MDB_NOTFOUND) {
        *state = (struct ss_bytes){NULL, 0};
        return SS_OK;
    }
    if (code != 0) return fail_lmdb(txn->environment->directory, code, "reading a row", error);
    return open_row(txn, table, fingerprint, key, &row, state, error);
}

enum ss_status ss_online_put(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes state, struct ss_error *error)
{
    struct table *table;
    const uint64_t checksum = row_checksum(key, state);
    MDB_val name = key_value(key), row = {ROW_HEADER + state.size, NULL};
    SS_ASSERT(txn->writing);
    SS_TRY(require_table(txn, fingerprint, &table, error));
    const int code = mdb_put(txn->txn, table->dbi, &name, &row, MDB_RESERVE);
    if (code != 0) return fail_lmdb(txn->environment->directory, code, "writing a row", error);
    uint8_t *bytes = row.mv_data;
    bytes[0] = ROW_FORMAT;
    memcpy(bytes + 1, fingerprint->bytes, 8);
    put_fixed64(bytes + 9, checksum);
    memcpy(bytes + ROW_HEADER, state.data, state.size);
    return SS_OK;
}

enum ss_status ss_online_delete(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                struct ss_bytes key, struct ss_error *error)
{
    struct table *table;
    MDB_val name = key_value(key);
    SS_ASSERT(txn->writing);
    SS_TRY(require_table(txn, fingerprint, &table, error));
    const int code = mdb_del(txn->txn, table->dbi, &name, NULL);
    if (code == 0 || code == MDB_NOTFOUND) return SS_OK;
    return fail_lmdb(txn->environment->directory, code, "deleting a row", error);
}

enum ss_status ss_online_scan(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                              enum ss_status (*each)(void *context, struct ss_bytes key,
                                                     struct ss_bytes state),
                              void *context, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct table *table;
    MDB_cursor *cursor;
    MDB_val name, row;
    SS_TRY(require_table(txn, fingerprint, &table, error));
    int code = mdb_cursor_open(txn->txn, table->dbi, &cursor);
    if (code != 0) return fail_lmdb(txn->environment->directory, code, "reading rows", error);
    for (MDB_cursor_op op = MDB_FIRST; status == SS_OK; op = MDB_NEXT) {
        code = mdb_cursor_get(cursor, &name, &row, op);
        if (code != 0) break;
        const struct ss_bytes key = {name.mv_data, name.mv_size};
        struct ss_bytes state;
        status = open_row(txn, table, fingerprint, key, &row, &state, error);
        if (status == SS_OK) status = each(context, key, state);
    }
    mdb_cursor_close(cursor);
    if (status == SS_OK && code != MDB_NOTFOUND)
        status = fail_lmdb(txn->environment->directory, code, "reading rows", error);
    return status;
}

enum ss_status ss_online_stats(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                               struct ss_online_stats *stats, struct ss_error *error)
{
    struct table *table;
    MDB_stat found;
    struct stat file;
    int fd;
    SS_TRY(require_table(txn, fingerprint, &table, error));
    const int code = mdb_stat(txn->txn, table->dbi, &found);
    if (code != 0) return fail_lmdb(txn->environment->directory, code, "counting rows", error);
    mdb_env_get_fd(txn->environment->env, &fd);
    const size_t pages = found.ms_branch_pages + found.ms_leaf_pages + found.ms_overflow_pages;
    *stats = (struct ss_online_stats){.rows = found.ms_entries,
                                      .bytes = pages * found.ms_psize,
                                      .file_bytes = fstat(fd, &file) == 0 ? (uint64_t)file.st_size : 0};
    return SS_OK;
}
