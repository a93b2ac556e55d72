// Snapshots and the write transaction (the rules of handles and generations are in online_lmdb.c).

#include "store/online_lmdb_internal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_SNAPSHOTS 32
#define UNLOOKED_MOST  1000

static enum ss_status lengthen_file(struct online_environment *environment, struct ss_error *error)
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
    return ss_online_fail(environment->directory, errno, "lengthening data.mdb", error);
}

// ---- Snapshots

// A reused snapshot, or one to be begun, with the newest map that is known. NULL: out of memory.
static struct ss_online_txn *take_idle(struct online_environment *environment)
{
    struct online_map *old = NULL;
    pthread_mutex_lock(&environment->lock);
    struct ss_online_txn *txn = environment->idle;
    if (txn) {
        environment->idle = txn->next;
        environment->idle_count--;
    } else {
        txn = calloc(1, sizeof *txn);
    }
    if (txn && txn->map != environment->map) {
        old = txn->map;
        txn->map = environment->map;
        txn->map->references++;
    }
    pthread_mutex_unlock(&environment->lock);
    if (old) ss_online_release_map(environment, old);
    return txn;
}

static enum ss_status begin_snapshot(struct online_environment *environment, struct ss_online_txn **taken,
                                     struct ss_error *error)
{
    struct ss_online_txn *txn = take_idle(environment);
    if (!txn) return ss_online_fail(environment->directory, ENOMEM, "taking a snapshot", error);
    const int code =
        txn->txn ? mdb_txn_renew(txn->txn) : mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn->txn);
    if (code != 0) {
        ss_online_release_map(environment, txn->map);
        if (txn->txn) mdb_txn_abort(txn->txn);
        free(txn);
        return ss_online_fail(environment->directory, code, "taking a snapshot", error);
    }
    txn->environment = environment;
    *taken = txn;
    return SS_OK;
}

// Kept with its map, which the next one most likely wants too.
static void end_snapshot(struct ss_online_txn *txn)
{
    struct online_environment *environment = txn->environment;
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
    ss_online_release_map(environment, txn->map);
    mdb_txn_abort(txn->txn);
    free(txn);
}

// A rebuild of a damaged store makes new files: who still has the old ones would never see anything new.
// To look costs a system call, so it is done when files were made anew, and now and then.
static enum ss_status look_at_file(const struct online_environment *environment, struct ss_error *error)
{
    struct stat file;
    int fd;
    mdb_env_get_fd(environment->env, &fd);
    if (fstat(fd, &file) == 0 && file.st_nlink > 0) return SS_OK;
    return ss_fail(error, SS_BUSY,
                   "online store '%s': it was made anew while it was open; open the store again",
                   environment->directory);
}

static enum ss_status check_not_replaced(const struct ss_online *online, struct ss_online_txn *txn,
                                         struct ss_error *error)
{
    const uint64_t times_made = online->times_made ? atomic_load(online->times_made) : 0;
    if (online->times_made && times_made == txn->times_made && txn->unlooked_left > 0) {
        txn->unlooked_left--;
        return SS_OK;
    }
    txn->unlooked_left = 0;
    SS_TRY(look_at_file(online->environment, error));
    txn->unlooked_left = UNLOOKED_MOST;
    txn->times_made = times_made;
    return SS_OK;
}

// What is applied, as the snapshot sees it: read once of each snapshot that there is.
static enum ss_status read_state(const struct online_environment *environment, struct ss_online_txn *txn,
                                 struct ss_error *error)
{
    const size_t snapshot_id = mdb_txn_id(txn->txn);
    if (snapshot_id != 0 && txn->snapshot_id == snapshot_id) return SS_OK;
    txn->snapshot_id = 0;
    SS_TRY(ss_online_read_state(environment, txn->txn, &txn->applied, &txn->generation, error));
    txn->snapshot_id = snapshot_id;
    return SS_OK;
}

enum ss_status ss_online_read(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error)
{
    enum ss_status status;
    struct online_environment *environment = online->environment;
    struct ss_online_txn *taken = NULL;
    for (;;) {
        SS_TRY(begin_snapshot(environment, &taken, error));
        SS_TRY_GOTO(read_state(environment, taken, error), out);
        if (taken->generation == taken->map->generation) break;
        end_snapshot(taken);
        taken = NULL;
        SS_TRY_GOTO(ss_online_refresh(environment, error), out);
    }
    SS_TRY_GOTO(check_not_replaced(online, taken, error), out);
    *txn = taken;
    taken = NULL;
out:
    if (taken) end_snapshot(taken);
    return status;
}

// ---- The write transaction

// LMDB's writer lock is held from here on: no generation comes to be but this transaction's own.
static enum ss_status begin_write(struct online_environment *environment, struct ss_online_txn *txn,
                                  struct ss_error *error)
{
    enum ss_status status;
    for (;;) {
        const int code = mdb_txn_begin(environment->env, NULL, 0, &txn->txn);
        if (code != 0) {
            txn->txn = NULL;
            return ss_online_fail(environment->directory, code, "starting to write", error);
        }
        SS_TRY_GOTO(ss_online_read_state(environment, txn->txn, &txn->applied, &txn->generation, error), out);
        pthread_mutex_lock(&environment->lock);
        const bool newest = environment->map->generation == txn->generation;
        pthread_mutex_unlock(&environment->lock);
        if (newest) return SS_OK;
        mdb_txn_abort(txn->txn);
        txn->txn = NULL;
        SS_TRY_GOTO(ss_online_refresh(environment, error), out);
    }
out:
    if (txn->txn) mdb_txn_abort(txn->txn);
    txn->txn = NULL;
    return status;
}

enum ss_status ss_online_write(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error)
{
    SS_ASSERT(online->writable);
    struct online_environment *environment = online->environment;
    struct ss_online_txn *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a write to the online store");
    made->environment = environment;
    made->writing = true;
    const enum ss_status status = begin_write(environment, made, error);
    if (status == SS_OK && ss_online_grow_map(made, environment->map, environment->map->count + 4)) {
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
    struct online_environment *environment = txn->environment;
    pthread_mutex_lock(&environment->opening);
    const int code = mdb_txn_commit(txn->txn);
    txn->txn = NULL;
    if (code == 0) {
        txn->map->generation = txn->generation;
        ss_online_share_map(environment, txn->map);
        txn->map = NULL;
    }
    pthread_mutex_unlock(&environment->opening);
    return code == 0 ? SS_OK : ss_online_fail(environment->directory, code, "committing", error);
}

static enum ss_status commit_rows(struct ss_online_txn *txn, struct ss_error *error)
{
    const int code = mdb_txn_commit(txn->txn);
    txn->txn = NULL;
    return code == 0 ? SS_OK : ss_online_fail(txn->environment->directory, code, "committing", error);
}

enum ss_status ss_online_commit(struct ss_online_txn *txn, struct ss_error *error)
{
    enum ss_status status;
    SS_ASSERT(txn->writing);
    if (txn->tables_changed) txn->generation++;
    if (txn->tables_changed || txn->applied_changed) {
        const int code = ss_online_write_state(txn);
        SS_TRY_GOTO(code == 0
                        ? SS_OK
                        : ss_online_fail(txn->environment->directory, code, "noting what is applied", error),
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
