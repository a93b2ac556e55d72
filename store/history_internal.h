// What the history files and the catalog share: the handle, its statements, and where a source's columns are
// kept. For store/history_*.c and store/catalog.c alone.
#ifndef SS_STORE_HISTORY_INTERNAL_H
#define SS_STORE_HISTORY_INTERNAL_H

#include "store/entity_list.h"
#include "store/history.h"
#include "store/packed.h"

#include <sqlite3.h>

struct history_statement {
    uint64_t hash; // of the text
    sqlite3_stmt *handle;
};

// A source's events in the order of one entity's keys: runs of sorted segments (history_index.c).
struct history_index {
    int64_t id;
    const char *keys; // "_0_3": the key parts are c0 and c3
    size_t key_count;
    int positions[SS_MAX_KEYS];
    const char *columns_text; // "_1_2", as kept
    size_t column_count;      // what its segments hold besides times and seqs
    int *columns;             // positions, ascending
};

// What the handle has read or counted of a table; forgotten when a transaction is rolled back.
struct history_table_cache {
    int64_t staged_rows; // in events_<id>; -1: not counted
    // Of the inserts that a delete took back: open addressing by target_seq, capacity a power of two.
    size_t deleted_count, deleted_capacity;
    struct history_deleted *deleted;
    uint64_t deletes_seq; // read up to here
};

struct history_deleted {
    uint64_t target_seq; // 0: free
    uint64_t seq;        // of the delete
    int64_t arrival_us;
};

// Where a source is kept: table events_<id>, column i of the table being "c<i>".
struct history_table {
    int64_t id;
    const char *source;
    const char *identity; // names of the event_time and event_id columns as text: may never change
    size_t column_count;
    const char **column_names;
    struct ss_type *column_types;
    size_t index_count;
    struct history_index *indexes;
    int id_position;   // of the event_id: -1 where it is the event_time column
    bool has_identity; // does the source have an event_id?
    const char *id_name;
    struct history_table_cache *cache;
};

// Where a value of a segment stands among its blobs.
enum { SLOT_TIME, SLOT_LATENESS, SLOT_SEQ, SLOT_ENTITIES, SLOT_IDENTITY, SLOT_COLUMN = 16 }; // + position
#define SEGMENT_ROWS_MAX 65536

// A segment: up to SEGMENT_ROWS_MAX inserts of one source as packed columns (history_segment.c). Of the log
// (index 0) they are in the order of seq, of an index by (key, event_time, seq).
struct history_segment {
    int64_t id, index, run;
    int64_t source;
    int32_t row_count;
    uint64_t first_seq, last_seq;        // least and greatest
    int64_t first_us, last_us;           // event_time, least and greatest
    int64_t lateness_us;                 // greatest arrival - event_time
    struct ss_bytes first_key, last_key; // of an index
};

struct segment_blob {
    struct segment_blob *next;
    int slot;
    bool there;
    struct ss_packed packed;
};

// A segment's blobs in memory, opened as they are asked for. Kept in the handle's cache while it has room.
struct segment_data {
    struct history_segment segment; // keys in `arena`
    struct ss_arena arena;
    struct segment_blob *blobs;
    int32_t entity_count; // -1: not read yet
    struct history_entity *entities;
    size_t bytes;
    unsigned pins;
    uint64_t used; // when last: the least goes first
};

struct history_segments {
    int64_t generation; // -1: not read, or not true any more
    uint64_t version;   // of `list`: another one whenever it is read
    size_t count;
    struct history_segment *list; // by source, index, run, id
    struct ss_arena arena;
    size_t cached_count, cached_capacity;
    struct segment_data **cached;
    size_t cached_bytes;
    uint64_t clock; // of `used`
};

struct ss_history {
    char *path;
    sqlite3 *db;
    struct ss_history_options options;
    size_t statement_count, statement_capacity;
    struct history_statement *statements;
    struct ss_arena arena; // the tables
    size_t table_count;
    struct history_table *tables;
    struct history_segments segments;
    size_t cache_bytes;           // of segments that nobody has pinned, and those that are
    int64_t compacted_generation; // of the list of segments when nothing was left to merge
    bool in_transaction, is_reading;
    struct ss_commit newest; // in a transaction: the newest before it
    uint64_t next_seq;       // in a transaction
    uint64_t part_seq;       // next_seq when its part began
    int64_t part_changes;    // rows that the connection had changed by then
    uint64_t rows_read;
    void (*damaged)(void *context, const struct ss_error *error); // NULL: damage is an error
    void *damaged_context;
};

// An error of SQLite, with the path and what was being done ("reading events of source 'payments'").
enum ss_status ss_history_fail(const struct ss_history *history, int code, const char *doing,
                               struct ss_error *error);
// A row that no version of this program writes.
enum ss_status ss_history_fail_row(const struct ss_history *history, const char *what,
                                   struct ss_error *error);

void ss_history_fault_point(const struct ss_history *history, const char *name);
enum ss_status ss_history_execute(struct ss_history *history, const char *sql, struct ss_error *error);
// The statement of this text, kept for the life of the handle. Whoever takes it binds every parameter, steps
// it and resets it before anything else may take it.
enum ss_status ss_history_statement(struct ss_history *history, const char *sql, sqlite3_stmt **statement,
                                    struct ss_error *error);
// The same of a buffer's text.
enum ss_status ss_history_statement_of(struct ss_history *history, struct ss_buffer *sql,
                                       sqlite3_stmt **statement, struct ss_error *error);
// The same of a short text.
enum ss_status ss_history_statement_format(struct ss_history *history, sqlite3_stmt **statement,
                                           struct ss_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// *row: is there one? Resets the statement when not.
enum ss_status ss_history_step(struct ss_history *history, sqlite3_stmt *statement, bool *row,
                               const char *doing, struct ss_error *error);
// Steps a statement that gives no row, and resets it.
enum ss_status ss_history_run(struct ss_history *history, sqlite3_stmt *statement, const char *doing,
                              struct ss_error *error);
void ss_history_done(sqlite3_stmt *statement); // resets and unbinds. NULL is fine

// A transaction of its own, unless one is open.
enum ss_status ss_history_enter(struct ss_history *history, bool *entered, struct ss_error *error);
enum ss_status ss_history_leave(struct ss_history *history, bool entered, enum ss_status status,
                                struct ss_error *error);

// The table of a source. Valid until the next call of this or of prepare. *table NULL: there is none.
enum ss_status ss_history_find_table(struct ss_history *history, const char *source,
                                     const struct history_table **table, struct ss_error *error);
// The table, and where each of the source's columns is in it: positions[column_count]. The event_time column
// has no place of its own (-1).
enum ss_status ss_history_require_table(struct ss_history *history, const struct ss_source *source,
                                        const struct history_table **table, int *positions,
                                        struct ss_error *error);

// ---- Indexes by entity (history_index.c)

enum ss_status ss_history_load_indexes(struct ss_history *history, struct history_table *table,
                                       struct ss_error *error);
const struct history_index *ss_history_find_index(const struct history_table *table,
                                                  const struct ss_view *view,
                                                  const int *positions); // NULL: none
// Those that whoever adds to the log adds to as well. In the arena; false: out of memory.
bool ss_history_written_indexes(const struct history_table *table, struct ss_arena *arena,
                                const struct history_index ***indexes, size_t *count);
// What reads of this view need: keys and columns_text in the arena, and the id of the index of these keys
// that there is, or 0. *is_there: that one has it all. False: out of memory.
bool ss_history_describe_index(const struct history_table *table, const struct ss_definitions *definitions,
                               const struct ss_view *view, const int *positions, struct ss_arena *arena,
                               struct history_index *needed, bool *is_there);

// ---- Making them (history_index_build.c)

// Sorts all of the log into runs of the index, which has none.
enum ss_status ss_history_make_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, struct ss_error *error);
// What prepare does but for the indexes.
enum ss_status ss_history_prepare_tables(struct ss_history *history, const struct ss_definitions *definitions,
                                         struct ss_error *error);

// A read of more than one statement sees one state of the file. No-ops within a write transaction.
enum ss_status ss_history_begin_read(struct ss_history *history, struct ss_error *error);
void ss_history_end_read(struct ss_history *history);

// ---- Segments (history_segment.c)

// Reads the list anew if it has changed. Within a read.
enum ss_status ss_history_refresh_segments(struct ss_history *history, struct ss_error *error);
void ss_history_forget_segments(struct ss_history *history); // what is in memory may not be true any more
void ss_history_release_segments(struct ss_history *history);
// Those of a source and index: a part of history->segments.list.
struct history_segment *ss_history_segments_of(const struct ss_history *history, int64_t source,
                                               int64_t index, size_t *count);
// Pins a segment's data. Whoever pins lets go.
enum ss_status ss_history_pin_segment(struct ss_history *history, const struct history_segment *segment,
                                      struct segment_data **data, struct ss_error *error);
void ss_history_unpin_segment(struct ss_history *history, struct segment_data *data); // NULL is fine
// A blob of it, opened; *packed NULL: the segment has none in this slot (all rows are null there). Valid
// while pinned. Within a read.
enum ss_status ss_history_open_blob(struct ss_history *history, struct segment_data *data, int slot,
                                    struct ss_type type, const struct ss_packed **packed,
                                    struct ss_error *error);
enum ss_status ss_history_open_entities(struct ss_history *history, struct segment_data *data,
                                        struct ss_error *error);
enum ss_status ss_history_fail_segment(const struct ss_history *history,
                                       const struct history_segment *segment, int slot, const char *what,
                                       struct ss_error *error);
// Adds a segment with its id given out, and its blobs; of those that are empty there is none.
enum ss_status ss_history_insert_segment(struct ss_history *history, struct history_segment *segment,
                                         struct ss_error *error);
enum ss_status ss_history_insert_blob(struct ss_history *history, int64_t segment, int slot,
                                      struct ss_bytes bytes, struct ss_error *error);
enum ss_status ss_history_delete_segment(struct ss_history *history, int64_t segment, struct ss_error *error);
enum ss_status ss_history_segments_changed(struct ss_history *history, struct ss_error *error);
enum ss_status ss_history_next_run(struct ss_history *history, int64_t *run, struct ss_error *error);
int32_t ss_history_segment_rows(const struct ss_history *history);

// ---- Packing (history_pack.c)

// Inserts of one source in the order of seq.
struct history_rows {
    int32_t count;
    const int64_t *event_time_us, *arrival_us;
    const uint64_t *seq;
    const uint64_t *identity;         // hashes; NULL: the source has no event_id
    const struct ss_column **columns; // by position in the table; NULL: all null
};

int32_t ss_history_text_bytes(const struct ss_history *history);
// Has a column as much text as a segment's may have? Whoever gathers rows stops then: a column in memory
// holds less than 2^31 bytes, and a BLOB less than 10^9.
bool ss_history_is_full(const struct ss_history *history, const struct history_rows *rows, size_t columns);
// Adds the rows to the log (with_log) and as a run to each of the indexes. Within a write transaction.
enum ss_status ss_history_write_segments(struct ss_history *history, const struct history_table *table,
                                         const struct history_rows *rows, bool with_log,
                                         const struct history_index *const *indexes, size_t index_count,
                                         struct ss_error *error);
// Adds one segment to a run of an index: the rows are in its order, `sorted` says whose they are.
struct history_sorted;
enum ss_status ss_history_write_segment(struct ss_history *history, const struct history_table *table,
                                        const struct history_index *index, int64_t run,
                                        const struct history_rows *rows, struct history_sorted *sorted,
                                        struct ss_error *error);

// ---- Compaction (history_compact.c)

// Events of some runs of an index, in its order. Batches have a column per position of the table.
enum ss_status ss_history_scan_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, const int64_t *runs, size_t run_count,
                                    struct ss_event_reader **reader, struct ss_error *error);

// ---- Staging (history_staging.c)

// Moves all that waits of the source to segments. Within a write transaction.
enum ss_status ss_history_flush(struct ss_history *history, const struct history_table *table,
                                struct ss_error *error);
// Before a commit: flushes the sources of which enough waits.
enum ss_status ss_history_flush_full(struct ss_history *history, struct ss_error *error);
enum ss_status ss_history_count_staged(struct ss_history *history, const struct history_table *table,
                                       int64_t *count, struct ss_error *error);
void ss_history_forget_caches(struct ss_history *history); // of the tables and of the list of segments

// ---- Large batches (history_bulk.c)

bool ss_history_is_bulk(const struct ss_history *history, const struct ss_append *rows);
enum ss_status ss_history_append_bulk(struct ss_history *history, const struct ss_append *rows,
                                      const struct history_table *table, const int *positions,
                                      enum ss_row_outcome *outcomes, struct ss_error *error);

// ---- Identity (history_identity.c)

uint64_t ss_history_identity_hash(int64_t event_time_us, struct ss_type type, struct ss_value id);
static inline uint64_t ss_history_identity_entry(uint64_t hash, int32_t row)
{
    return hash >> 32 << 16 | (uint64_t)row;
}
// The list of identities of a segment of the log: slot 4. False: out of memory.
bool ss_history_pack_identity(const uint64_t *hashes, int32_t count, struct ss_buffer *bytes);
// Makes those of all segments of the log anew. Within a write transaction.
enum ss_status ss_history_remake_identities(struct ss_history *history, const struct history_table *table,
                                            struct ss_error *error);
// A row of the log.
struct history_place {
    struct segment_data *data; // pinned; NULL: it is not there
    int32_t row;
    uint64_t seq;
};
void ss_history_leave_place(struct ss_history *history, struct history_place *place);
// The insert of this identity among the segments.
enum ss_status ss_history_find_event(struct ss_history *history, const struct history_table *table,
                                     int64_t event_time_us, struct ss_value id, struct history_place *place,
                                     struct ss_error *error);
// The insert with this seq among the segments.
enum ss_status ss_history_find_seq(struct ss_history *history, const struct history_table *table,
                                   uint64_t seq, struct history_place *place, struct ss_error *error);
// Its value at a position; text is in the arena.
enum ss_status ss_history_place_value(struct ss_history *history, const struct history_table *table,
                                      const struct history_place *place, int position, struct ss_arena *arena,
                                      struct ss_value *value, struct ss_error *error);

// A row that is to be appended beside the one of its identity that is kept: SS_ROW_DUPLICATE or
// SS_ROW_CONFLICT. positions: of the source's columns in the table.
enum ss_status ss_history_compare_place(struct ss_history *history, const struct history_table *table,
                                        const struct ss_append *rows, const int *positions, int32_t row,
                                        const struct history_place *place, enum ss_row_outcome *outcome,
                                        struct ss_error *error);

// ---- Deletes (history_deletes.c)

enum ss_status ss_history_find_delete(struct ss_history *history, const struct history_table *table,
                                      int64_t event_time_us, struct ss_value id, bool *found,
                                      struct ss_error *error);
enum ss_status ss_history_insert_delete(struct ss_history *history, const struct history_table *table,
                                        uint64_t seq, int64_t event_time_us, int64_t arrival_us,
                                        struct ss_value id, uint64_t target_seq, struct ss_error *error);
enum ss_status ss_history_has_deletes(struct ss_history *history, const struct history_table *table,
                                      bool *has, struct ss_error *error);
// Of a row (target_seq, seq, arrival_us) that is read in the order of seq, behind `after`. False: it makes no
// sense.
bool ss_history_take_delete(sqlite3_stmt *statement, uint64_t after, struct history_deleted *deleted);
// Reads what came since the last call. ss_history_deleted is up to date after it.
enum ss_status ss_history_refresh_deletes(struct ss_history *history, const struct history_table *table,
                                          struct ss_error *error);
// The delete of an insert; NULL: it has none.
const struct history_deleted *ss_history_deleted(const struct history_table *table, uint64_t seq);
void ss_history_release_deletes(struct history_table_cache *cache);

// ---- SQL (history_rows.c)

// Makes a table of rows for each source known to the connection, in its schema `temp`. The handle is read,
// and has to outlive the connection; it is closed with it if it is `owned`, also when this fails.
enum ss_status ss_history_add_rows(struct ss_history *history, bool owned, sqlite3 *db,
                                   struct ss_error *error);

enum ss_status ss_history_execute_buffer(struct ss_history *history, struct ss_buffer *sql,
                                         struct ss_error *error); // and empties the buffer
void ss_history_release_tables(struct ss_history *history);
// Every table there is, read anew.
enum ss_status ss_history_load_tables(struct ss_history *history, struct ss_error *error);
void ss_history_append_column(struct ss_buffer *sql, int position); // "c7", or "event_time_us" for -1

void ss_history_bind(sqlite3_stmt *statement, int parameter, struct ss_type type, struct ss_value value);
// False: what is there is no value of the type.
bool ss_history_value(sqlite3_stmt *statement, int column, struct ss_type type, struct ss_value *value);

#endif
