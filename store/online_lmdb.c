// Online rows in LMDB.
//
// One environment (a directory with data.mdb and lock.mdb) holds:
//
//   "meta"        "state"         -> what is applied, and the generation of the tables (below)
//                 "table:<16 hex>" -> the slot, 4 bytes, that holds the rows of this view version
//                 "build:<16 hex>" -> the same of a table that is being made, which nobody reads yet
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

#include "store/online_file.h"
#include "store/online_lmdb_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_READERS     512
#define MAP_BYTES       ((size_t)1 << 40)
#define MAP_BYTES_LEAST ((size_t)1 << 34)

static pthread_mutex_t environments_lock = PTHREAD_MUTEX_INITIALIZER;
static struct online_environment *environments;

enum ss_status ss_online_fail(const char *directory, int code, const char *doing, struct ss_error *error)
{
    switch (code) {
    case ENOMEM: return ss_fail_memory(error, "the online store");
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND: return ss_online_damaged(directory, mdb_strerror(code), error);
    case MDB_MAP_FULL:
        return ss_fail(error, SS_LIMIT, "online store '%s': its map is full (%s)", directory, doing);
    case MDB_READERS_FULL:
        return ss_fail(error, SS_BUSY, "online store '%s': %d snapshots are open at once; try again",
                       directory, MAX_READERS);
    default: return ss_fail(error, SS_IO, "online store '%s': %s: %s", directory, doing, mdb_strerror(code));
    }
}

// ---- Making

static int try_lmdb(const char *directory, size_t map_bytes, MDB_env **env)
{
    MDB_env *opened = NULL;
    int code = mdb_env_create(&opened);
    if (code != 0) return code;
    mdb_env_set_mapsize(opened, map_bytes);
    mdb_env_set_maxdbs(opened, MAX_DATABASES);
    mdb_env_set_maxreaders(opened, MAX_READERS);
    code = mdb_env_open(opened, directory, MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0666);
    if (code == 0)
        *env = opened;
    else
        mdb_env_close(opened);
    return code;
}

// The map is address space, not memory; where a limit or a sanitizer leaves less of it, a smaller one does.
static enum ss_status open_lmdb(const char *directory, const struct ss_online_options *options, MDB_env **env,
                                struct ss_error *error)
{
    const bool fixed = options && options->map_bytes;
    size_t map_bytes = fixed ? options->map_bytes : MAP_BYTES;
    int code = try_lmdb(directory, map_bytes, env);
    while (code == ENOMEM && !fixed && map_bytes > MAP_BYTES_LEAST) {
        map_bytes /= 4;
        code = try_lmdb(directory, map_bytes, env);
    }
    return code == 0 ? SS_OK : ss_online_fail(directory, code, "opening it", error);
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
    return code == 0 ? SS_OK : ss_online_fail(directory, code, "making it", error);
}

static enum ss_status create_files(const char *directory, const struct ss_online_options *options,
                                   struct ss_error *error)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", directory) >= (int)sizeof beside)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    ss_online_remove_directory(beside);
    if (mkdir(beside, 0777) != 0)
        return ss_fail(error, SS_IO, "online store '%s': cannot be made: %s", directory, strerror(errno));
    enum ss_status status = make_empty(beside, options, error);
    if (status == SS_OK) status = ss_online_destroy(directory, error);
    if (status == SS_OK && rename(beside, directory) != 0)
        status = ss_fail(error, SS_IO, "online store '%s': cannot be made: %s", directory, strerror(errno));
    if (status != SS_OK) ss_online_remove_directory(beside);
    return status;
}

// ---- Environments of this process

static void close_environment(struct online_environment *environment)
{
    struct ss_online_txn *next;
    for (struct ss_online_txn *idle = environment->idle; idle; idle = next) {
        next = idle->next;
        mdb_txn_abort(idle->txn);
        ss_online_release_map(environment, idle->map);
        free(idle);
    }
    if (environment->env) mdb_env_close(environment->env);
    pthread_mutex_destroy(&environment->opening);
    pthread_mutex_destroy(&environment->lock);
    free(environment->map);
    free(environment->directory);
    free(environment);
}

static enum ss_status open_meta(struct online_environment *environment, struct ss_error *error)
{
    MDB_txn *txn;
    int dead;
    mdb_reader_check(environment->env, &dead); // snapshots of processes that are gone hold pages back
    int code = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
    if (code == 0) {
        code = mdb_dbi_open(txn, "meta", 0, &environment->meta);
        if (code == 0) code = mdb_dbi_open(txn, NULL, 0, &environment->main);
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (code != 0) return ss_online_fail(environment->directory, code, "opening its tables", error);
    return ss_online_refresh(environment, error);
}

// The file that LMDB has opened must be the one that was checked.
static enum ss_status is_checked_file(const struct online_environment *environment, bool *same,
                                      struct ss_error *error)
{
    struct stat file;
    int fd;
    mdb_env_get_fd(environment->env, &fd);
    if (fstat(fd, &file) != 0)
        return ss_online_fail(environment->directory, errno, "looking at data.mdb", error);
    *same = file.st_dev == environment->device && file.st_ino == environment->inode;
    return SS_OK;
}

static enum ss_status make_environment(const char *directory, const struct ss_online_options *options,
                                       const struct stat *file, struct online_environment **made,
                                       struct ss_error *error)
{
    enum ss_status status;
    bool same = false;
    struct online_environment *environment = calloc(1, sizeof *environment);
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
                                       struct online_environment **environment, struct ss_error *error)
{
    struct stat file;
    SS_TRY(ss_online_check_file(directory, &file, error));
    for (struct online_environment *known = environments; known; known = known->next)
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

static void give_environment_back(struct online_environment *environment)
{
    pthread_mutex_lock(&environments_lock);
    if (--environment->references == 0) {
        struct online_environment **at = &environments;
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
    opened->times_made = options ? options->times_made : NULL;
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
    return code == 0 ? SS_OK
                     : ss_online_fail(online->environment->directory, code, "writing it to disk", error);
}
