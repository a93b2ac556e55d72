// Online rows: the state of every entity of every live view, derived from history, read in microseconds.
//
// One environment, one table per view version (named by its fingerprint), one applied commit for all of them.
// Readers never wait and never see half a commit. Nothing here is truth: what is lost or damaged is filled
// again from history, so LMDB runs without its own sync. A row is: format(1) fingerprint(8) checksum(8)
// state. Reading a row checks all three. The interface is small because other stores will implement it; no
// lmdb.h outside store/online_lmdb.c.
#ifndef SS_STORE_ONLINE_H
#define SS_STORE_ONLINE_H

#include <stdatomic.h>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"

struct ss_online;
struct ss_online_txn; // a read snapshot or the one write transaction

struct ss_online_options {
    size_t map_bytes; // 0: 1 TiB of address space
    // How often the files were removed to be made anew, in memory that all processes share and that outlives
    // the open: a snapshot need not look at the file while it stands. NULL: every snapshot does.
    const _Atomic uint64_t *times_made;
};

// What the online store holds.
struct ss_applied {
    uint64_t seq;       // every event with seq <= this is folded, none above
    uint64_t commit_id; // of the commit that ends at seq
    int64_t arrival_us; // greatest arrival of all commits folded (SS_TIME_MIN_US: none)
    bool has_live;
    struct ss_sha256 live; // fingerprint of the live definitions
};

// Opens the directory, creating it when writable. A missing one (read only) is SS_NOT_FOUND; a file shorter
// than its newest meta page says is SS_DAMAGED (LMDB would open it and die of SIGBUS), as is anything else
// that is no LMDB environment: the message advises `selfsame rebuild --all`.
enum ss_status ss_online_open(const char *directory, bool writable, const struct ss_online_options *options,
                              struct ss_online **online, struct ss_error *error);
void ss_online_close(struct ss_online *online); // NULL is fine
enum ss_status ss_online_sync(struct ss_online *online,
                              struct ss_error *error); // to disk: before a clean close is noted
// Reads the whole file into memory, or counts as its use where it is there, whether or not it is open; a file
// of more than most_bytes is left alone. *bytes is its size. Ends early once *stop is set. Any thread.
enum ss_status ss_online_touch(const char *directory, uint64_t most_bytes, const atomic_bool *stop,
                               uint64_t *bytes, struct ss_error *error);
// Removes the environment's files; for a rebuild. Not while it is open.
enum ss_status ss_online_destroy(const char *directory, struct ss_error *error);

// A snapshot. Valid until ss_online_end; any thread, one at a time.
enum ss_status ss_online_read(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error);
// The write transaction; the store's lock sees to it that there is one writer.
enum ss_status ss_online_write(struct ss_online *online, struct ss_online_txn **txn, struct ss_error *error);
void ss_online_end(struct ss_online_txn *txn); // ends a snapshot, or gives a write up. NULL is fine
enum ss_status ss_online_commit(struct ss_online_txn *txn,
                                struct ss_error *error); // ends the write, also on failure

enum ss_status ss_online_applied(struct ss_online_txn *txn, struct ss_applied *applied,
                                 struct ss_error *error);
enum ss_status ss_online_set_applied(struct ss_online_txn *txn, const struct ss_applied *applied,
                                     struct ss_error *error);

// Tables of view versions.
enum ss_status ss_online_has_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint, bool *has,
                                   struct ss_error *error);
enum ss_status ss_online_create_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                      struct ss_error *error); // empties an existing one
enum ss_status ss_online_drop_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                    struct ss_error *error);
// A new table is made beside the one of its fingerprint, or beside none, in transactions of its own: with
// `new`, all that follows in the write transaction and names a table means the new ones. Nobody reads them.
void ss_online_use_new(struct ss_online_txn *txn, bool new);
// The new table of this fingerprint takes its place: the one that was there goes.
enum ss_status ss_online_adopt_table(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                     struct ss_error *error);
enum ss_status ss_online_drop_new(struct ss_online_txn *txn, bool *any, struct ss_error *error); // all
// Fingerprints' text prefix of every table there is, new ones left out: calls each with the 16 hex digits.
enum ss_status ss_online_each_table(struct ss_online_txn *txn,
                                    enum ss_status (*each)(void *context, const char *name), void *context,
                                    struct ss_error *error);
const char *ss_online_table_name(const struct ss_sha256 *fingerprint, char name[17]); // 16 hex digits

// *state is borrowed until the transaction ends or, in a write, until the next put. state->data NULL: no such
// row. Wrong checksum or format is SS_DAMAGED, another fingerprint SS_VERSION; both name the view and the key
// in hex.
enum ss_status ss_online_get(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes *state, struct ss_error *error);
// Its two halves, so that many rows can be found before the first is read: find looks for up to
// SS_ONLINE_FIND_MOST rows at once and has their bytes fetched (a key of size 0 has none); open (not for
// row.data NULL) checks them.
#define SS_ONLINE_FIND_MOST 64
enum ss_status ss_online_find(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                              const struct ss_bytes *keys, size_t count, struct ss_bytes *rows,
                              struct ss_error *error);
enum ss_status ss_online_open_row(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                  struct ss_bytes key, struct ss_bytes row, struct ss_bytes *state,
                                  struct ss_error *error);
enum ss_status ss_online_put(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                             struct ss_bytes key, struct ss_bytes state, struct ss_error *error);
enum ss_status ss_online_delete(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                struct ss_bytes key,
                                struct ss_error *error); // no-op when there is none
// All rows of a table in key order; a damaged row ends it with its error.
enum ss_status ss_online_scan(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                              enum ss_status (*each)(void *context, struct ss_bytes key,
                                                     struct ss_bytes state),
                              void *context, struct ss_error *error);

// The same without looking at the rows (state is empty): also those that are damaged.
enum ss_status ss_online_each_key(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                                  enum ss_status (*each)(void *context, struct ss_bytes key,
                                                         struct ss_bytes state),
                                  void *context, struct ss_error *error);

struct ss_online_stats {
    uint64_t rows;  // of the table
    uint64_t bytes; // pages of the table
    uint64_t file_bytes;
};
enum ss_status ss_online_stats(struct ss_online_txn *txn, const struct ss_sha256 *fingerprint,
                               struct ss_online_stats *stats, struct ss_error *error);

#endif
