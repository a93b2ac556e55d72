// What the files of the online store share. For store/online_lmdb*.c alone.
#ifndef SS_STORE_ONLINE_LMDB_INTERNAL_H
#define SS_STORE_ONLINE_LMDB_INTERNAL_H

#include "store/online.h"
#include "store/online_file.h"

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

#define MAX_DATABASES 1024
#define MAX_SLOTS     (MAX_DATABASES - 8)
#define NAME_SIZE     17
#define WALKS_KEPT    4

struct online_table {
    char name[NAME_SIZE];
    uint64_t prefix; // of the fingerprint: what the name says
    bool is_new;     // being made
    uint32_t slot;
    MDB_dbi dbi;
};

// Which tables there are in one generation. Immutable once shared.
struct online_map {
    size_t references; // under the environment's lock
    uint64_t generation;
    size_t count;
    struct online_table tables[];
};

struct online_environment {
    struct online_environment *next;
    size_t references; // under `environments_lock`
    dev_t device;
    ino_t inode;
    char *directory;
    MDB_env *env;
    MDB_dbi meta, main;      // main: the table of tables
    pthread_mutex_t opening; // held while handles are opened and while a change of tables is committed
    pthread_mutex_t lock;    // of what follows
    struct online_map *map;
    struct ss_online_txn *idle;
    size_t idle_count;
    MDB_dbi slots[MAX_SLOTS]; // 0: not open. Under `opening`, or the one writer's
};

struct ss_online {
    struct online_environment *environment;
    bool writable;
    const _Atomic uint64_t *times_made; // ss_online_options
};

// Where a walk through LMDB's pages starts (online_lmdb_walk.c).
struct online_walk {
    size_t snapshot_id; // of which; 0: of none
    uint32_t slot;      // of the table
    size_t page_bytes;
    uint64_t last_page;
    const uint8_t *base; // page 0
    const uint8_t *root; // NULL: no walk
};

struct ss_online_txn {
    struct ss_online_txn *next; // among the idle
    struct online_environment *environment;
    MDB_txn *txn;
    bool writing;
    struct online_map *map; // shared when reading, the transaction's own when writing
    size_t map_capacity;
    struct ss_applied applied;
    uint64_t generation;
    size_t snapshot_id;                   // that these two are of; 0: of none yet
    uint64_t times_made;                  // when the file was last looked at,
    uint32_t unlooked_left;               // and so many snapshots may go without
    struct online_walk walks[WALKS_KEPT]; // by slot
    bool applied_changed, tables_changed;
    bool uses_new; // which tables are meant
};

enum ss_status ss_online_fail(const char *directory, int code, const char *doing, struct ss_error *error);

// What is applied, and the generation of the tables, as the transaction sees them.
enum ss_status ss_online_read_state(const struct online_environment *environment, MDB_txn *txn,
                                    struct ss_applied *applied, uint64_t *generation, struct ss_error *error);
int ss_online_write_state(struct ss_online_txn *txn);

// Reads the map of the newest generation, unless the environment has it.
enum ss_status ss_online_refresh(struct online_environment *environment, struct ss_error *error);
void ss_online_release_map(struct online_environment *environment, struct online_map *map); // NULL is fine
// Makes it the environment's; takes it over. Under `opening`.
void ss_online_share_map(struct online_environment *environment, struct online_map *map);
// Gives a write transaction a map of its own: that one's tables, with room for `capacity`. False: no memory.
bool ss_online_grow_map(struct ss_online_txn *txn, const struct online_map *from, size_t capacity);
void ss_online_slot_name(uint32_t slot, char name[NAME_SIZE]);
// online_lmdb_walk.c: rows[i] is that of keys[i], or data NULL: it is for mdb_get to say.
void ss_online_walk(struct ss_online_txn *txn, const struct online_table *table, const struct ss_bytes *keys,
                    size_t count, struct ss_bytes *rows);
enum ss_status ss_online_require_table(const struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                       struct online_table **table, struct ss_error *error);

#endif
