// History: every event ever acknowledged, the truth of the store. Durable before it is acknowledged (DESIGN
// C7, C11).
//
// One writer (the store's lock sees to it), any number of readers in any process. Rows are never changed but
// for the mark that a delete puts on the row it takes back. What is behind this page (plain SQLite rows
// today, columnar segments later) is nobody else's business: no SQL and no sqlite3.h outside
// store/history_*.c and store/catalog.c.
#ifndef SS_STORE_HISTORY_H
#define SS_STORE_HISTORY_H

#include "engine/base/pool.h"
#include "engine/event_batch.h"

struct ss_history;

#define SS_HISTORY_APPLICATION_ID 0x53534831 // "SSH1", in the header of its file

// Zeroed: as in production. Tests make them small, so that a few rows make many segments.
struct ss_history_sizes {
    int32_t staging_rows; // a commit that finds so many rows of a source waiting moves them to segments
    int32_t bulk_rows;    // an append of so many goes to segments straight away
    int32_t segment_rows; // of a segment, at most
    int32_t text_bytes;   // of a column of a segment, at most, unless one row has more
    int32_t fanout;       // so many runs of like size are merged into one
    int32_t run_rows;     // of the log are sorted at once when an index is made
};

struct ss_history_options {
    bool sync; // true: fsync at every commit (synchronous=FULL). false: tests only
    void (*fault_point)(void *context, const char *name); // NULL, or called at named points
    void *fault_context;
    struct ss_history_sizes sizes;
    struct ss_pool
        *pool; // borrowed. Large appends and compactions are packed on it; NULL: on the caller's thread
};

// Creates the database file with its schema. Fails if it exists.
enum ss_status ss_history_create(const char *path, const struct ss_history_options *options,
                                 struct ss_error *error);
// Missing file SS_NOT_FOUND, newer format SS_VERSION, damage SS_DAMAGED, each naming the path and what to do.
enum ss_status ss_history_open(const char *path, bool writable, const struct ss_history_options *options,
                               struct ss_history **history, struct ss_error *error);
// Another handle of the same file, for reading through it on another thread: it keeps little of what it read.
enum ss_status ss_history_open_again(const struct ss_history *history, struct ss_history **another,
                                     struct ss_error *error);
void ss_history_close(struct ss_history *history); // NULL is fine

// ---- Commits. seq runs from 1 over the whole store without holes.

struct ss_commit {
    uint64_t first_seq, last_seq; // last_seq 0: the empty store
    uint64_t id;                  // random, never 0 but for the empty store
    int64_t arrival_us;           // the commit's clock: live rows and deletes arrive then
    int64_t newest_us;            // greatest event_time and arrival_time of its rows
};

enum ss_status ss_history_newest_commit(struct ss_history *history, struct ss_commit *commit,
                                        struct ss_error *error);
// The first commit with last_seq >= seq; *found false when there is none.
enum ss_status ss_history_find_commit(struct ss_history *history, uint64_t seq, struct ss_commit *commit,
                                      bool *found, struct ss_error *error);
// Greatest event_time, arrival_time and commit clock ever kept; SS_TIME_MIN_US for the empty store.
enum ss_status ss_history_newest_time(struct ss_history *history, int64_t *time_us, struct ss_error *error);

// ---- Writing: begin, then any of append / quarantine / note_batch, then commit or rollback.

enum ss_row_outcome {
    SS_ROW_STORED,
    SS_ROW_DUPLICATE, // the same event again, a second delete, or an insert whose delete came first: changes
                      // nothing
    SS_ROW_CONFLICT   // same identity, other columns: the caller quarantines it
};

// Rows to append, any number, checked by the caller (types, event_time <= arrival, event_id not null,
// identity columns present).
struct ss_append {
    const struct ss_source *source;
    int32_t length;
    const struct ss_column *columns; // source->column_count
    const int64_t *event_time_us;
    const int64_t *arrival_us;
    const bool *is_delete; // NULL: none is
};

enum ss_status ss_history_begin(struct ss_history *history, struct ss_error *error);
// A part of the transaction, which can be undone alone. One at a time, kept or undone before the commit.
enum ss_status ss_history_begin_part(struct ss_history *history, struct ss_error *error);
enum ss_status ss_history_keep_part(struct ss_history *history, struct ss_error *error);
// Fails when the transaction as a whole is lost: there is nothing left to commit.
enum ss_status ss_history_undo_part(struct ss_history *history, struct ss_error *error);
// outcomes: length entries.
enum ss_status ss_history_append(struct ss_history *history, const struct ss_append *rows,
                                 enum ss_row_outcome *outcomes, struct ss_error *error);

struct ss_quarantine_row {
    const char *source;
    const char *file;      // or "" when it came otherwise
    uint64_t line;         // 1-based; 0: unknown
    const char *column;    // "" for the row as a whole
    struct ss_bytes value; // as it came
    const char *reason;    // "not an int64", "conflict", "future", ...
};
enum ss_status ss_history_quarantine(struct ss_history *history, const struct ss_quarantine_row *row,
                                     struct ss_error *error);

// What a producer got acknowledged: *last is its greatest batch number (0: none yet); *found and *hash are
// about batch `number`.
enum ss_status ss_history_producer(struct ss_history *history, const char *producer, uint64_t number,
                                   uint64_t *last, bool *found, struct ss_sha256 *hash,
                                   struct ss_error *error);
enum ss_status ss_history_note_batch(struct ss_history *history, const char *producer, uint64_t number,
                                     const struct ss_sha256 *hash, struct ss_error *error);
// Has the source had a live commit (live rows or a delete)? From then on every row must arrive live.
enum ss_status ss_history_is_live(struct ss_history *history, const char *source, bool *live,
                                  struct ss_error *error);
enum ss_status ss_history_mark_live(struct ss_history *history, const char *source, struct ss_error *error);

// Commits durably. `commit->arrival_us` and newest_us are the caller's; the rest is filled in. A transaction
// that appended no row makes no commit record (last_seq stays the newest's) but keeps quarantine rows and
// batch notes.
enum ss_status ss_history_commit(struct ss_history *history, struct ss_commit *commit,
                                 struct ss_error *error);
void ss_history_rollback(struct ss_history *history); // no-op without a transaction

// ---- Compaction. Readers go on beside it; each step is a transaction of its own.

enum ss_compaction {
    SS_COMPACT_NEEDED, // merges the smallest runs where enough have come together
    SS_COMPACT_TIERS,  // the same of runs of any size: after a large load
    SS_COMPACT_ALL,    // moves all rows to segments, and makes one run of each index
    SS_COMPACT_REINDEX // the same, with every index and the lists of identities made anew from the log
};
enum ss_status ss_history_compact(struct ss_history *history, enum ss_compaction what,
                                  struct ss_error *error);
int64_t ss_history_bulk_rows(const struct ss_history *history); // an append of so many is a large one

// ---- Tables follow definitions. Idempotent. A column of a known source may be added (null in old rows) but
// not change its type or identity: SS_CONFLICT with both. Entities of the views given get the index that
// entity reads need.
enum ss_status ss_history_prepare(struct ss_history *history, const struct ss_definitions *definitions,
                                  struct ss_error *error);
// The same in steps, each a transaction of a bounded number of rows; between them the history is written to
// and read as ever. The definitions are borrowed until the end. After a failure only the end may follow.
struct ss_preparing;
enum ss_status ss_history_prepare_begin(struct ss_history *history, const struct ss_definitions *definitions,
                                        struct ss_preparing **preparing, struct ss_error *error);
enum ss_status ss_history_prepare_step(struct ss_preparing *preparing, bool *done, struct ss_error *error);
void ss_history_prepare_end(struct ss_preparing *preparing); // gives up what is not done. NULL is fine
// Drops indexes that did not come to their end, as a process that died leaves them.
enum ss_status ss_history_drop_unfinished(struct ss_history *history, struct ss_error *error);
// What prepare would refuse, without changing anything.
enum ss_status ss_history_check(struct ss_history *history, const struct ss_definitions *definitions,
                                struct ss_error *error);

// ---- Reading. Not thread-safe per handle; readers keep no transaction between calls to next.

// Events of the source with after < seq <= upto, by seq: inserts, and deletes that took an event back (with
// its columns). `columns`: column_count + 1 flags, which to fill (NULL: all).
enum ss_status ss_history_read_seq(struct ss_history *history, const struct ss_source *source, uint64_t after,
                                   uint64_t upto, const bool *columns, struct ss_event_reader **reader,
                                   struct ss_error *error);

// What a scan by entity reads: inserts with from <= event_time < to and seq <= s of the entities with
// low <= key <= high, ordered by (key, event_time, seq). Events with a null part in the key are in no entity.
struct ss_entity_scan {
    const struct ss_view *view; // whose source and entity are meant
    const bool *columns;        // source->column_count + 1 flags: which columns of the batches to fill; those
                                // that views of this entity need (ss_history_prepare knows them) may be asked
    bool deferred;              // batches come without columns: the reader gathers those of some rows
    struct ss_bytes low, high;  // encoded keys, borrowed; size 0: from the first on, up to the last
    int64_t from_us, to_us;
    uint64_t s;
    // With skims_old, a segment whose events all lie before old_us, were known before known_us, and are
    // within s may give but the first event of each entity, with all columns null: whether there was any is
    // all that matters of them.
    bool skims_old;
    int64_t old_us, known_us;
};
// Deletes are in deleted_seq and deleted_arrival_us; the batches have spans.
enum ss_status ss_history_scan(struct ss_history *history, const struct ss_entity_scan *scan,
                               struct ss_event_reader **reader, struct ss_error *error);

// The same of one entity (key: its parts, none null), or of all (key NULL). Columns: the row program's inputs
// and the key columns.
enum ss_status ss_history_read_entity(struct ss_history *history, const struct ss_view *view,
                                      const struct ss_value *key, int64_t from_us, int64_t to_us, uint64_t s,
                                      struct ss_event_reader **reader, struct ss_error *error);

// Calls `each` for every distinct key (no null part) of the view's entity among inserts with seq <= s, in key
// order. Strings borrow until it returns. Stops when it returns other than SS_OK.
enum ss_status ss_history_each_key(struct ss_history *history, const struct ss_view *view, uint64_t s,
                                   enum ss_status (*each)(void *context, const struct ss_value *key),
                                   void *context, struct ss_error *error);

// Has any event of the source been taken back, or will it be when it comes?
enum ss_status ss_history_any_deletes(struct ss_history *history, const struct ss_source *source, bool *any,
                                      struct ss_error *error);

uint64_t ss_history_rows_read(
    const struct ss_history *history); // rows given out by readers of this handle: tests and stats

struct ss_history_stats {
    uint64_t commits, events, deletes, quarantined;
    uint64_t segments, staged; // staged: events that are in no segment yet
    uint64_t file_bytes, wal_bytes;
};
enum ss_status ss_history_stats(struct ss_history *history, struct ss_history_stats *stats,
                                struct ss_error *error);
// Quarantined rows of a source (NULL: all), newest last.
enum ss_status ss_history_each_quarantined(struct ss_history *history, const char *source,
                                           enum ss_status (*each)(void *context,
                                                                  const struct ss_quarantine_row *row),
                                           void *context, struct ss_error *error);

#endif
