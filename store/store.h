// A store is a directory:
//
//   format       "selfsame store 1\n": the first thing written, the first thing checked
//   lock         held (OFD lock) by the one writer while it writes; its text is the writer's pid
//   clock        the clock's cell (clock.h)
//   history.db   history and catalog (history.h, catalog.h): the truth
//   online/      LMDB (online.h): derived
//
// This page only opens and closes them together; what they mean together is materializer/'s.
#ifndef SS_STORE_STORE_H
#define SS_STORE_STORE_H

#include "store/catalog.h"
#include "store/clock.h"
#include "store/history.h"
#include "store/online.h"

enum ss_store_mode {
    SS_STORE_HISTORY, // read history and clock only: never opens LMDB
    SS_STORE_READ,    // read everything
    SS_STORE_WRITE    // the one writer
};

struct ss_store_options {       // zeroed: as in production
    bool no_sync;               // tests: history without fsync
    struct ss_wall_source wall; // now_us NULL: the machine's
    struct ss_online_options online;
    struct ss_history_sizes sizes; // zeroed: as in production
    int32_t apply_step_rows;       // of history that a step of an apply takes; 0: as in production
    struct ss_pool *pool;          // borrowed: large batches are packed on it. NULL: none
    bool replace_online;           // a writer removes what is in online/, damaged or not, and starts it anew
    bool replace_definitions;      // a writer is about to apply others: those kept need not compile any more
    // Called at named points of a commit (tests); NULL: not.
    void (*fault_point)(void *context, const char *name);
    void *fault_context;
};

struct ss_store {
    char *directory;
    enum ss_store_mode mode;
    struct ss_store_options options;
    struct ss_clock *clock;
    struct ss_history *history;
    struct ss_online *online; // NULL in SS_STORE_HISTORY
    int lock_fd;              // -1 unless writing
    bool online_is_new; // writer: LMDB was missing, or the machine went down without a clean close: fill it
                        // again
};

// An empty store. The directory must not exist or be empty. On failure nothing is left behind.
enum ss_status ss_store_create(const char *directory, enum ss_clock_kind clock,
                               const struct ss_store_options *options, struct ss_error *error);
// SS_NOT_FOUND: no store there ("run 'selfsame init'"). SS_VERSION: newer format. SS_BUSY: another writer,
// with its pid. A writer repairs a lost clock from history, notes the open (boot id, not clean) in the
// catalog, and removes LMDB files that a power failure may have torn (online_is_new). SS_INVALID: this thread
// computes otherwise than others (float_environment.h).
enum ss_status ss_store_open(const char *directory, enum ss_store_mode mode,
                             const struct ss_store_options *options, struct ss_store **store,
                             struct ss_error *error);
// A writer syncs LMDB and notes the clean close first.
void ss_store_close(struct ss_store *store); // NULL is fine
// ss_online_touch of the store in that directory, whether or not it is open.
enum ss_status ss_store_touch_online(const char *directory, uint64_t most_bytes, const atomic_bool *stop,
                                     uint64_t *bytes, struct ss_error *error);
void ss_store_fault_point(struct ss_store *store, const char *name);

#endif
