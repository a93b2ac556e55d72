// What the files of a scan by entity share (history_scan.c): where its cursors and its page of staging stand.
// For store/history_scan*.c alone.
#ifndef SS_STORE_HISTORY_SCAN_H
#define SS_STORE_HISTORY_SCAN_H

#include "engine/key.h"
#include "store/history_internal.h"

#include <string.h>

#define HEAD_ROWS 256 // times and seqs of a cursor that are unpacked at once

enum wanted_from { FROM_TIMES, FROM_KEY, FROM_SEGMENT };

struct wanted { // a column of the batches that is filled
    int column; // of the batch
    enum wanted_from from;
    int position; // FROM_SEGMENT; FROM_KEY: the part
    struct ss_type type;
};

struct place { // in the order of the scan
    int64_t event_time_us;
    uint64_t seq;
};

struct run_cursor {
    int64_t run;
    struct segment_data *data; // pinned; NULL: at the end
    const struct ss_packed *times, *lateness, *seqs;
    const struct ss_packed **columns; // of each wanted one
    int32_t entity, row, end;         // rows [row, end) of the entity are left
    int32_t heads_first, heads_count; // what `heads` holds: one row, until more are compared
    struct place heads[HEAD_ROWS];
};

struct staged_page { // rows of staging, in order
    struct ss_arena arena;
    sqlite3_stmt *statement;
    int32_t count, at;
    bool ended; // no page behind this one
    struct ss_bytes *keys;
    struct place *places;
    int64_t *arrival_us;
    struct ss_column *columns; // of each wanted one
};

// Rows [first, ...) of the batch are rows [row, ...) of a segment. Kept by scans that defer their columns.
struct slice {
    int32_t first, row;
    struct segment_data *data; // pinned until the next call; NULL: of staging, its values are in the batch
};

struct front { // what a cursor, or staging, stands on
    struct ss_bytes key;
    struct place head;
    struct run_cursor *cursor; // NULL: staging
};

struct scan {
    struct ss_event_reader reader; // first: the handle that is given out
    struct ss_history *history;
    const char *source;  // its name
    size_t column_count; // of the batches, without the event_time
    const struct ss_type *column_types;
    struct ss_arena kept; // as long as the scan
    struct ss_arena page; // until the next call
    int64_t table_id, index_id;
    size_t key_count;
    struct ss_type key_types[SS_MAX_KEYS];
    int key_positions[SS_MAX_KEYS];
    size_t wanted_count;
    struct wanted *wanted;
    struct ss_key low, high; // high of size 0: none
    bool one_entity;
    int64_t from_us, to_us, old_us, known_us;
    uint64_t s;
    bool skims_old;
    const int64_t *runs; // these alone, and no staging; NULL: all of both
    size_t run_count;
    uint64_t version;    // of the list of segments that the cursors were set by; 0: they are not
    bool reads_file;     // a read of the file is open
    bool goes_by_memory; // as long as nothing is needed of the file
    bool needs_file;     // what the top of the heap stands on has ended, and what follows it is in the file
    size_t cursor_count;
    struct run_cursor *cursors;
    struct staged_page staged;
    size_t front_count;
    struct front *fronts; // a heap
    bool started, ended;
    bool has_marks;         // of deletes in `batch`
    struct ss_key last_key; // of the last row given out
    struct place last;
    struct ss_event_batch batch;
    struct ss_entity_span *spans;
    int32_t page_rows;
    bool deferred;
    size_t slice_count;
    struct slice *slices;  // of the last batch
    int32_t staged_length; // its rows that came from staging
};

static inline struct ss_bytes key_bytes(const struct ss_key *key)
{
    return (struct ss_bytes){(const char *)key->bytes, key->size};
}

static inline void set_key(struct ss_key *key, struct ss_bytes bytes)
{
    key->size = (uint16_t)bytes.size;
    memcpy(key->bytes, bytes.data, bytes.size);
}

static inline bool is_behind(struct place a, struct place b) // is a behind b?
{
    return a.event_time_us != b.event_time_us ? a.event_time_us > b.event_time_us : a.seq > b.seq;
}

// ---- Cursors of runs (history_scan_runs.c)

// Sets them behind the last row given out. Within a read.
enum ss_status ss_scan_set_cursors(struct scan *scan, struct ss_error *error);
void ss_scan_leave_cursors(struct scan *scan);
// Stands on rows again, or at the end. Where a segment ends it needs the file: needs_file, if it is not read.
enum ss_status ss_scan_settle_cursor(struct scan *scan, struct run_cursor *cursor, struct ss_error *error);
struct place ss_scan_place(const struct run_cursor *cursor, int32_t row);
void ss_scan_read_heads(struct run_cursor *cursor, int32_t most);
// Does only the first event of each entity count?
bool ss_scan_is_old(const struct scan *scan, const struct history_segment *segment);

static inline struct place head(struct run_cursor *cursor)
{
    if (cursor->row < cursor->heads_first || cursor->row >= cursor->heads_first + cursor->heads_count)
        ss_scan_read_heads(cursor, 1);
    return cursor->heads[cursor->row - cursor->heads_first];
}

static inline struct ss_bytes cursor_key(const struct run_cursor *cursor)
{
    return cursor->data->entities[cursor->entity].key;
}

// ---- Staging (history_scan_staged.c)

enum ss_status ss_scan_prepare_staged(struct scan *scan, struct ss_error *error);
enum ss_status ss_scan_set_staged(struct scan *scan, struct ss_error *error);
// Reads the next page where this one is at its end.
enum ss_status ss_scan_settle_staged(struct scan *scan, struct ss_error *error);

#endif
