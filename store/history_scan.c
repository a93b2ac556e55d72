// Reading history by entity: events in the order of (key, event_time, seq).
//
// Every run of the index is sorted so, and so is what a query gives of staging; a scan merges them. Each has
// a cursor that stands on one entity; of the cursors at the least key the one with the least (event_time,
// seq) gives rows up to the head of the next one, a slice at a time. Where an entity is in one run alone, or
// runs lie apart in time, a slice is all of it.
//
// A scan holds no read transaction between calls. What a call needs of the file it reads in one; when the
// list of segments has changed since (a flush, a compaction), the cursors are set anew behind the last row
// given out. Deletes after the scan's own seq are left out, so all batches show one state.

#include "store/history_internal.h"

#include "engine/key.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_ROWS       256 // times and seqs of a cursor that are unpacked at once
#define STAGED_ROWS     512 // of staging, a page
#define FIRST_PAGE_ROWS 64  // of one entity: most have few events

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
    uint64_t version; // of the list of segments that the cursors were set by; 0: they are not
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

static struct ss_bytes key_bytes(const struct ss_key *key)
{
    return (struct ss_bytes){(const char *)key->bytes, key->size};
}

static void set_key(struct ss_key *key, struct ss_bytes bytes)
{
    key->size = (uint16_t)bytes.size;
    memcpy(key->bytes, bytes.data, bytes.size);
}

static bool is_behind(struct place a, struct place b) // is a behind b?
{
    return a.event_time_us != b.event_time_us ? a.event_time_us > b.event_time_us : a.seq > b.seq;
}

// ---- Cursors of runs

static void leave_cursors(struct scan *scan)
{
    for (size_t i = 0; i < scan->cursor_count; i++)
        ss_history_unpin_segment(scan->history, scan->cursors[i].data);
    free(scan->cursors);
    free(scan->fronts);
    scan->cursors = NULL;
    scan->fronts = NULL;
    scan->cursor_count = scan->front_count = 0;
}

static void read_heads(struct run_cursor *cursor, int32_t most)
{
    int64_t numbers[HEAD_ROWS];
    const int32_t left = cursor->end - cursor->row, count = left < most ? left : most;
    ss_packed_read_integers(cursor->times, cursor->row, count, numbers);
    for (int32_t i = 0; i < count; i++) cursor->heads[i].event_time_us = numbers[i];
    ss_packed_read_integers(cursor->seqs, cursor->row, count, numbers);
    for (int32_t i = 0; i < count; i++)
        cursor->heads[i].seq = cursor->data->segment.first_seq + (uint64_t)numbers[i];
    cursor->heads_first = cursor->row;
    cursor->heads_count = count;
}

static struct place head(struct run_cursor *cursor)
{
    if (cursor->row < cursor->heads_first || cursor->row >= cursor->heads_first + cursor->heads_count)
        read_heads(cursor, 1);
    return cursor->heads[cursor->row - cursor->heads_first];
}

static struct ss_bytes cursor_key(const struct run_cursor *cursor)
{
    return cursor->data->entities[cursor->entity].key;
}

// Does only the first event of each entity count?
static bool is_old(const struct scan *scan, const struct history_segment *segment)
{
    return scan->skims_old && segment->last_us < scan->old_us &&
           segment->last_us + segment->lateness_us < scan->known_us && segment->last_seq <= scan->s &&
           segment->first_us >= scan->from_us;
}

static enum ss_status open_columns(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    struct ss_history *history = scan->history;
    struct segment_data *data = cursor->data;
    const struct ss_packed **fixed[] = {&cursor->times, &cursor->lateness, &cursor->seqs};
    for (int slot = SLOT_TIME; slot <= SLOT_SEQ; slot++)
        SS_TRY(ss_history_open_blob(history, data, slot, (struct ss_type){0}, fixed[slot], error));
    SS_TRY(ss_history_open_entities(history, data, error));
    for (size_t i = 0; i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        cursor->columns[i] = NULL;
        if (wanted->from != FROM_SEGMENT || is_old(scan, &data->segment)) continue;
        SS_TRY(ss_history_open_blob(history, data, SLOT_COLUMN + wanted->position, wanted->type,
                                    &cursor->columns[i], error));
    }
    return SS_OK;
}

// Rows of the entity that are before `from_us`, or were given out, are passed over.
static void enter_entity(struct scan *scan, struct run_cursor *cursor)
{
    const struct history_entity *entity = &cursor->data->entities[cursor->entity];
    const bool goes_on = scan->started && ss_bytes_equal(entity->key, key_bytes(&scan->last_key));
    cursor->row = entity[0].first;
    cursor->end = is_old(scan, &cursor->data->segment) ? cursor->row + 1 : entity[1].first;
    cursor->heads_count = 0;
    int64_t from_us = scan->from_us;
    if (goes_on && scan->last.event_time_us > from_us) from_us = scan->last.event_time_us;
    if (cursor->data->segment.first_us < from_us) {
        int32_t high = cursor->end;
        while (cursor->row < high) {
            const int32_t middle = cursor->row + (high - cursor->row) / 2;
            int64_t time_us;
            ss_packed_read_integers(cursor->times, middle, 1, &time_us);
            if (time_us < from_us)
                cursor->row = middle + 1;
            else
                high = middle;
        }
    }
    while (goes_on && cursor->row < cursor->end && !is_behind(head(cursor), scan->last)) cursor->row++;
}

// The segments that may have rows of the scan.
static bool is_of_use(const struct scan *scan, const struct history_segment *segment)
{
    return segment->first_us < scan->to_us && segment->last_us >= scan->from_us &&
           segment->first_seq <= scan->s;
}

// Opens the first segment of the run, from `from` on, that may have rows at `key` or behind it, and stands on
// the first entity that does.
static enum ss_status open_segment(struct scan *scan, struct run_cursor *cursor,
                                   const struct history_segment *from, const struct history_segment *end,
                                   struct ss_bytes key, struct ss_error *error)
{
    ss_history_unpin_segment(scan->history, cursor->data);
    cursor->data = NULL;
    for (; from < end && from->run == cursor->run; from++) {
        if (ss_bytes_compare(from->last_key, key) < 0 || !is_of_use(scan, from)) continue;
        if (scan->high.size && ss_bytes_compare(from->first_key, key_bytes(&scan->high)) > 0) return SS_OK;
        SS_TRY(ss_history_pin_segment(scan->history, from, &cursor->data, error));
        SS_TRY(open_columns(scan, cursor, error));
        int32_t low = 0, high = cursor->data->entity_count;
        while (low < high) {
            const int32_t middle = low + (high - low) / 2;
            if (ss_bytes_compare(cursor->data->entities[middle].key, key) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        cursor->entity = low;
        SS_ASSERT(low < cursor->data->entity_count);
        enter_entity(scan, cursor);
        return SS_OK;
    }
    return SS_OK;
}

static enum ss_status next_segment(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    size_t count;
    const struct history_segment *segments =
        ss_history_segments_of(scan->history, scan->table_id, scan->index_id, &count);
    const struct history_segment *at = segments, *end = segments + count;
    while (at < end &&
           (at->run < cursor->run || (at->run == cursor->run && at->id <= cursor->data->segment.id)))
        at++;
    return open_segment(scan, cursor, at, end, at < end ? at->first_key : (struct ss_bytes){0}, error);
}

// Stands on rows again, or at the end. Needs the file only where a segment ends.
static enum ss_status settle_cursor(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    while (cursor->data) {
        if (cursor->row < cursor->end && head(cursor).event_time_us < scan->to_us) {
            if (scan->high.size && ss_bytes_compare(cursor_key(cursor), key_bytes(&scan->high)) > 0) break;
            return SS_OK;
        }
        if (++cursor->entity < cursor->data->entity_count)
            enter_entity(scan, cursor);
        else
            SS_TRY(next_segment(scan, cursor, error));
    }
    ss_history_unpin_segment(scan->history, cursor->data);
    cursor->data = NULL;
    return SS_OK;
}

static bool is_run_of(const struct scan *scan, int64_t run)
{
    for (size_t i = 0; i < scan->run_count; i++)
        if (scan->runs[i] == run) return true;
    return !scan->runs;
}

static enum ss_status set_cursors(struct scan *scan, struct ss_error *error)
{
    size_t count, runs = 0;
    const struct history_segment *segments =
        ss_history_segments_of(scan->history, scan->table_id, scan->index_id, &count);
    const struct ss_bytes key = scan->started ? key_bytes(&scan->last_key) : key_bytes(&scan->low);
    leave_cursors(scan);
    for (size_t i = 0; i < count; i++) runs += i == 0 || segments[i].run != segments[i - 1].run;
    scan->cursors = calloc(runs + 1, sizeof *scan->cursors + scan->wanted_count * sizeof(void *));
    scan->fronts = calloc(runs + 1, sizeof *scan->fronts);
    if (!scan->cursors || !scan->fronts) return ss_fail_memory(error, "a scan of history");
    const struct ss_packed **columns = (const struct ss_packed **)(scan->cursors + runs + 1);
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && segments[i].run == segments[i - 1].run) || !is_run_of(scan, segments[i].run)) continue;
        struct run_cursor *cursor = &scan->cursors[scan->cursor_count++];
        cursor->run = segments[i].run;
        cursor->columns = columns;
        columns += scan->wanted_count;
        SS_TRY(open_segment(scan, cursor, segments + i, segments + count, key, error));
        SS_TRY(settle_cursor(scan, cursor, error));
        if (cursor->data) continue;
        scan->cursor_count--; // nothing of this run
        columns = cursor->columns;
    }
    scan->version = scan->history->segments.version;
    return SS_OK;
}

// ---- Staging

static void append_key_columns(const struct scan *scan, const char *after, struct ss_buffer *sql)
{
    for (size_t i = 0; i < scan->key_count; i++)
        ss_buffer_format(sql, "c%d%s", scan->key_positions[i], after);
}

static void append_parameters(size_t first, size_t count, struct ss_buffer *sql)
{
    for (size_t i = 0; i < count; i++) ss_buffer_format(sql, i == 0 ? "?%zu" : ", ?%zu", first + i);
}

// Parameters: the place behind which to go on (key parts, time, seq), to, from, s, then the high key's parts.
static void append_where(const struct scan *scan, struct ss_buffer *sql)
{
    const size_t keys = scan->key_count;
    for (size_t i = 0; i < keys && scan->one_entity; i++)
        ss_buffer_format(sql, "c%d = ?%zu AND ", scan->key_positions[i], i + 1);
    if (scan->one_entity || keys == 0) {
        ss_buffer_format(sql, "(event_time_us, seq) > (?%zu, ?%zu)", keys + 1, keys + 2);
    } else {
        ss_buffer_text(sql, "(");
        append_key_columns(scan, ", ", sql);
        ss_buffer_text(sql, "event_time_us, seq) > (");
        append_parameters(1, keys + 2, sql);
        ss_buffer_text(sql, ")");
    }
    ss_buffer_format(sql, " AND event_time_us < ?%zu AND event_time_us >= ?%zu AND seq <= ?%zu", keys + 3,
                     keys + 4, keys + 5);
    if (scan->one_entity || keys == 0 || !scan->high.size) return;
    ss_buffer_text(sql, " AND (");
    for (size_t i = 0; i < keys; i++) ss_buffer_format(sql, i == 0 ? "c%d" : ", c%d", scan->key_positions[i]);
    ss_buffer_text(sql, ") <= (");
    append_parameters(keys + 6, keys, sql);
    ss_buffer_text(sql, ")");
}

static enum ss_status prepare_staged(struct scan *scan, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_text(&sql, "SELECT seq, event_time_us, arrival_us");
    for (size_t i = 0; i < scan->key_count; i++) ss_buffer_format(&sql, ", c%d", scan->key_positions[i]);
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT) ss_buffer_format(&sql, ", c%d", scan->wanted[i].position);
    ss_buffer_format(&sql, " FROM events_%lld WHERE ", (long long)scan->table_id);
    append_where(scan, &sql);
    ss_buffer_text(&sql, " ORDER BY ");
    append_key_columns(scan, ", ", &sql);
    ss_buffer_text(&sql, "event_time_us, seq");
    const enum ss_status status =
        ss_history_statement_of(scan->history, &sql, &scan->staged.statement, error);
    ss_buffer_release(&sql);
    return status;
}

static struct ss_value least_value(struct ss_type type)
{
    if (ss_type_is_text(type)) return (struct ss_value){.present = true, .text = {"", 0}};
    if (type.id == SS_BOOL) return (struct ss_value){.present = true, .boolean = false};
    return (struct ss_value){.present = true, .i64 = INT64_MIN};
}

static enum ss_status bind_key(struct scan *scan, int parameter, struct ss_bytes key, struct ss_arena *arena,
                               struct ss_error *error)
{
    struct ss_value parts[SS_MAX_KEYS];
    for (size_t i = 0; i < scan->key_count; i++) parts[i] = least_value(scan->key_types[i]);
    if (key.size) {
        const enum ss_key_read read = ss_key_decode(scan->key_types, scan->key_count, key, arena, parts);
        if (read == SS_KEY_NO_MEMORY) return ss_fail_memory(error, "a key");
        if (read == SS_KEY_BAD)
            return ss_history_fail_row(scan->history, "a key of a segment is none", error);
    }
    for (size_t i = 0; i < scan->key_count; i++)
        ss_history_bind(scan->staged.statement, parameter + (int)i, scan->key_types[i], parts[i]);
    return SS_OK;
}

static bool init_staged(struct scan *scan)
{
    struct staged_page *staged = &scan->staged;
    ss_arena_reset(&staged->arena);
    staged->count = staged->at = 0;
    staged->keys = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->keys);
    staged->places = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->places);
    staged->arrival_us = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->arrival_us);
    staged->columns = ss_arena_array(&staged->arena, scan->wanted_count + 1, sizeof *staged->columns);
    if (!staged->keys || !staged->places || !staged->arrival_us || !staged->columns) return false;
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT &&
            !ss_column_init(&staged->columns[i], scan->wanted[i].type, STAGED_ROWS, &staged->arena))
            return false;
    return true;
}

static enum ss_status fail_value(const struct scan *scan, struct ss_error *error)
{
    struct ss_buffer what = {0};
    ss_buffer_format(&what, "a value of source '%.100s' is not of its column's type", scan->source);
    ss_buffer_byte(&what, 0);
    const enum ss_status status =
        ss_history_fail_row(scan->history, what.failed ? "a value" : (const char *)what.data, error);
    ss_buffer_release(&what);
    return status;
}

// The row that the statement stands on. One without a key (a part is null, or it is too long) is passed over.
static enum ss_status take_staged(struct scan *scan, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value parts[SS_MAX_KEYS], time, arrival, value;
    struct ss_key key;
    int at = 3;
    if (!ss_history_value(staged->statement, 1, timestamp, &time) || !time.present ||
        !ss_history_value(staged->statement, 2, timestamp, &arrival) || !arrival.present)
        return fail_value(scan, error);
    for (size_t i = 0; i < scan->key_count; i++, at++)
        if (!ss_history_value(staged->statement, at, scan->key_types[i], &parts[i]))
            return fail_value(scan, error);
    if (ss_key_encode(scan->key_types, parts, scan->key_count, &key) != SS_KEY_OK) return SS_OK;
    char *copy = ss_arena_copy(&staged->arena, key.bytes, key.size);
    if (!copy) return ss_fail_memory(error, "a key");
    for (size_t i = 0; i < scan->wanted_count; i++) {
        if (scan->wanted[i].from != FROM_SEGMENT) continue;
        if (!ss_history_value(staged->statement, at++, scan->wanted[i].type, &value))
            return fail_value(scan, error);
        if (!ss_column_append(&staged->columns[i], value, &staged->arena))
            return ss_fail_memory(error, "a page of history");
    }
    staged->keys[staged->count] = (struct ss_bytes){copy, key.size};
    staged->places[staged->count] =
        (struct place){time.i64, (uint64_t)sqlite3_column_int64(staged->statement, 0)};
    staged->arrival_us[staged->count++] = arrival.i64;
    return SS_OK;
}

static enum ss_status step_staged(struct scan *scan, struct ss_error *error)
{
    bool row = true;
    while (row && scan->staged.count < STAGED_ROWS) {
        SS_TRY(ss_history_step(scan->history, scan->staged.statement, &row, "reading events", error));
        if (row) SS_TRY(take_staged(scan, error));
    }
    scan->staged.ended = !row;
    return SS_OK;
}

// The page behind the place, of the entity with `key` or behind it.
static enum ss_status read_staged(struct scan *scan, struct ss_bytes key, struct place after,
                                  struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    const int keys = (int)scan->key_count;
    struct ss_arena arena = {0};
    enum ss_status status;
    if (!init_staged(scan)) return ss_fail_memory(error, "a page of history");
    SS_TRY_GOTO(bind_key(scan, 1, key, &arena, error), out);
    if (scan->high.size && !scan->one_entity && keys)
        SS_TRY_GOTO(bind_key(scan, keys + 6, key_bytes(&scan->high), &arena, error), out);
    sqlite3_bind_int64(staged->statement, keys + 1, after.event_time_us);
    sqlite3_bind_int64(staged->statement, keys + 2, (int64_t)after.seq);
    sqlite3_bind_int64(staged->statement, keys + 3, scan->to_us);
    sqlite3_bind_int64(staged->statement, keys + 4, scan->from_us);
    sqlite3_bind_int64(staged->statement, keys + 5, (int64_t)scan->s);
    status = step_staged(scan, error);
out:
    ss_history_done(staged->statement);
    ss_arena_release(&arena);
    return status;
}

static enum ss_status set_staged(struct scan *scan, struct ss_error *error)
{
    const struct place before = {INT64_MIN, 0};
    scan->staged.ended = scan->runs != NULL;
    if (scan->runs) return SS_OK;
    return scan->started ? read_staged(scan, key_bytes(&scan->last_key), scan->last, error)
                         : read_staged(scan, key_bytes(&scan->low), before, error);
}

static enum ss_status settle_staged(struct scan *scan, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    if (staged->at < staged->count || staged->ended) return SS_OK;
    struct ss_key key = {0};
    SS_ASSERT(staged->count > 0); // only the last page may be empty
    const struct place last = staged->places[staged->count - 1];
    set_key(&key, staged->keys[staged->count - 1]);
    return read_staged(scan, key_bytes(&key), last, error);
}

// ---- Batches

// Made once for as many rows as a batch may have, and filled anew by every call.
static bool make_batch(struct scan *scan)
{
    struct ss_event_batch *batch = &scan->batch;
    const size_t rows = SS_BATCH_ROWS;
    struct ss_arena *kept = &scan->kept;
    batch->event_time_us = ss_arena_array(kept, rows, sizeof *batch->event_time_us);
    batch->arrival_us = ss_arena_array(kept, rows, sizeof *batch->arrival_us);
    batch->seq = ss_arena_array(kept, rows, sizeof *batch->seq);
    batch->deleted_seq = ss_arena_array(kept, rows, sizeof *batch->deleted_seq);
    batch->deleted_arrival_us = ss_arena_array(kept, rows, sizeof *batch->deleted_arrival_us);
    batch->columns = ss_arena_array(kept, scan->column_count + 1, sizeof *batch->columns);
    scan->spans = ss_arena_array(kept, rows, sizeof *scan->spans);
    scan->slices = ss_arena_array(kept, rows, sizeof *scan->slices);
    if (!scan->slices) return false;
    if (!batch->event_time_us || !batch->arrival_us || !batch->seq || !batch->deleted_seq ||
        !batch->deleted_arrival_us || !batch->columns || !scan->spans)
        return false;
    for (size_t row = 0; row < rows; row++) batch->deleted_arrival_us[row] = SS_NEVER_US;
    for (size_t i = 0; i < scan->column_count; i++) batch->columns[i].type = scan->column_types[i];
    batch->columns[scan->column_count].type = (struct ss_type){.id = SS_TIMESTAMP};
    for (size_t i = 0; i < scan->wanted_count; i++) {
        struct ss_column *column = &batch->columns[scan->wanted[i].column];
        if (!ss_column_init(column, scan->wanted[i].type, SS_BATCH_ROWS, kept)) return false;
    }
    batch->spans = scan->spans;
    return true;
}

static void leave_slices(struct scan *scan)
{
    for (size_t i = 0; i < scan->slice_count; i++)
        ss_history_unpin_segment(scan->history, scan->slices[i].data);
    scan->slice_count = 0;
}

static bool start_batch(struct scan *scan)
{
    if (!scan->batch.spans && !make_batch(scan)) return false;
    leave_slices(scan);
    ss_arena_reset(&scan->page);
    scan->batch.length = scan->batch.span_count = scan->staged_length = 0;
    for (size_t i = 0; i < scan->wanted_count; i++)
        ss_column_clear(&scan->batch.columns[scan->wanted[i].column]);
    return true;
}

static bool append_repeated(struct ss_column *column, struct ss_value value, int32_t count,
                            struct ss_arena *arena)
{
    for (int32_t i = 0; i < count; i++)
        if (!ss_column_append(column, value, arena)) return false;
    return true;
}

// Times and key parts of the rows that the batch has got since its columns were `first` long.
static enum ss_status append_derived(struct scan *scan, struct ss_bytes key, int32_t first, int32_t count,
                                     struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct ss_value parts[SS_MAX_KEYS];
    bool decoded = false, ok = true;
    for (size_t i = 0; ok && i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        struct ss_column *column = &batch->columns[wanted->column];
        if (wanted->from == FROM_TIMES) {
            for (int32_t row = 0; ok && row < count; row++)
                ok = ss_column_append(
                    column, (struct ss_value){.present = true, .i64 = batch->event_time_us[first + row]},
                    &scan->kept);
        } else if (wanted->from == FROM_KEY) {
            if (!decoded &&
                ss_key_decode(scan->key_types, scan->key_count, key, &scan->page, parts) != SS_KEY_READ)
                return ss_history_fail_row(scan->history, "a key of a segment is none", error);
            decoded = true;
            ok = append_repeated(column, parts[wanted->position], count, &scan->kept);
        }
    }
    return ok ? SS_OK : ss_fail_memory(error, "a page of history");
}

// A slice of a run: rows [row, row + count) of the cursor.
static enum ss_status append_run(struct scan *scan, struct run_cursor *cursor, int32_t count,
                                 struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    const int32_t first = batch->length;
    const uint64_t first_seq = cursor->data->segment.first_seq;
    ss_packed_read_integers(cursor->times, cursor->row, count, batch->event_time_us + first);
    ss_packed_read_integers(cursor->lateness, cursor->row, count, batch->arrival_us + first);
    ss_packed_read_integers(cursor->seqs, cursor->row, count, (int64_t *)batch->seq + first);
    for (int32_t i = first; i < first + count; i++) {
        batch->arrival_us[i] += batch->event_time_us[i];
        batch->seq[i] += first_seq;
    }
    if (scan->deferred) {
        cursor->data->pins++;
        scan->slices[scan->slice_count++] = (struct slice){first, cursor->row, cursor->data};
        cursor->row += count;
        batch->length += count;
        return SS_OK;
    }
    for (size_t i = 0; i < scan->wanted_count; i++) {
        struct ss_column *column = &batch->columns[scan->wanted[i].column];
        if (scan->wanted[i].from != FROM_SEGMENT) continue;
        if (!(cursor->columns[i]
                  ? ss_packed_append(cursor->columns[i], cursor->row, count, column, &scan->kept)
                  : append_repeated(column, (struct ss_value){0}, count, &scan->kept)))
            return ss_fail_memory(error, "a page of history");
    }
    cursor->row += count;
    batch->length += count;
    return append_derived(scan, cursor_key(cursor), first, count, error);
}

static enum ss_status append_staged(struct scan *scan, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    struct ss_event_batch *batch = &scan->batch;
    const int32_t first = batch->length, row = staged->at;
    batch->event_time_us[first] = staged->places[row].event_time_us;
    batch->seq[first] = staged->places[row].seq;
    batch->arrival_us[first] = staged->arrival_us[row];
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT &&
            !ss_column_append(&batch->columns[scan->wanted[i].column],
                              ss_column_get(&staged->columns[i], row), &scan->kept))
            return ss_fail_memory(error, "a page of history");
    staged->at++;
    batch->length++;
    if (scan->deferred) {
        scan->slices[scan->slice_count] = (struct slice){.first = first, .row = scan->staged_length++};
        scan->slice_count++;
        return SS_OK;
    }
    return append_derived(scan, staged->keys[row], first, 1, error);
}

// ---- Merging: a heap of what the cursors and staging stand on, the least (key, event_time, seq) first

static bool is_less(const struct front *a, const struct front *b)
{
    const int keys = ss_bytes_compare(a->key, b->key);
    return keys ? keys < 0 : is_behind(b->head, a->head);
}

static void sift_down(struct scan *scan, size_t at)
{
    struct front *fronts = scan->fronts;
    const struct front moved = fronts[at];
    for (size_t child; (child = 2 * at + 1) < scan->front_count; at = child) {
        if (child + 1 < scan->front_count && is_less(&fronts[child + 1], &fronts[child])) child++;
        if (!is_less(&fronts[child], &moved)) break;
        fronts[at] = fronts[child];
    }
    fronts[at] = moved;
}

static bool stand(struct scan *scan, struct front *front)
{
    if (front->cursor) {
        if (!front->cursor->data) return false;
        front->key = cursor_key(front->cursor);
        front->head = head(front->cursor);
        return true;
    }
    const struct staged_page *staged = &scan->staged;
    if (staged->at == staged->count) return false;
    front->key = staged->keys[staged->at];
    front->head = staged->places[staged->at];
    return true;
}

static void make_heap(struct scan *scan)
{
    scan->front_count = 0;
    for (size_t i = 0; i <= scan->cursor_count; i++) {
        struct front front = {.cursor = i < scan->cursor_count ? &scan->cursors[i] : NULL};
        if (stand(scan, &front)) scan->fronts[scan->front_count++] = front;
    }
    for (size_t i = scan->front_count / 2; i-- > 0;) sift_down(scan, i);
}

// The top has moved on.
static void mend_heap(struct scan *scan)
{
    if (!stand(scan, &scan->fronts[0])) scan->fronts[0] = scan->fronts[--scan->front_count];
    if (scan->front_count) sift_down(scan, 0);
}

// What stands next after the top, if it is of the same entity.
static const struct place *next_place(const struct scan *scan)
{
    const struct front *fronts = scan->fronts, *next = scan->front_count > 1 ? &fronts[1] : NULL;
    if (scan->front_count > 2 && is_less(&fronts[2], &fronts[1])) next = &fronts[2];
    return next && ss_bytes_equal(next->key, fronts[0].key) ? &next->head : NULL;
}

// How many rows the cursor may give before another one's turn, at most `room`. Where no other has the entity
// and the scan sees all of the segment, nothing needs to be compared.
static int32_t slice_of(const struct scan *scan, struct run_cursor *cursor, int32_t room)
{
    int32_t count = 0;
    const struct history_segment *segment = &cursor->data->segment;
    const struct place *next = next_place(scan);
    const int32_t left = cursor->end - cursor->row;
    if (!next && segment->last_us < scan->to_us && segment->last_seq <= scan->s)
        return left < room ? left : room;
    read_heads(cursor, room < HEAD_ROWS ? room : HEAD_ROWS);
    while (count < cursor->heads_count && cursor->heads[count].event_time_us < scan->to_us &&
           cursor->heads[count].seq <= scan->s && !(next && is_behind(cursor->heads[count], *next)))
        count++;
    return count;
}

static enum ss_status open_span(struct scan *scan, struct ss_bytes key, struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct ss_entity_span *last = batch->span_count ? &scan->spans[batch->span_count - 1] : NULL;
    if (last && ss_bytes_equal(last->key, key)) return SS_OK;
    const char *copy = ss_arena_copy(&scan->page, key.data, key.size);
    if (!copy) return ss_fail_memory(error, "a key");
    scan->spans[batch->span_count++] =
        (struct ss_entity_span){{copy, key.size}, batch->length, batch->length};
    return SS_OK;
}

// One slice more of what is at the top, or a row above the scan's seq passed over.
static enum ss_status merge_slice(struct scan *scan, struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct run_cursor *cursor = scan->fronts[0].cursor;
    const int32_t count = cursor ? slice_of(scan, cursor, scan->page_rows - batch->length) : 1;
    if (count) {
        SS_TRY(open_span(scan, scan->fronts[0].key, error));
        SS_TRY(cursor ? append_run(scan, cursor, count, error) : append_staged(scan, error));
        scan->spans[batch->span_count - 1].end = batch->length;
    } else {
        cursor->row++;
    }
    SS_TRY(cursor ? settle_cursor(scan, cursor, error) : settle_staged(scan, error));
    mend_heap(scan);
    return SS_OK;
}

static void mark_deletes(struct scan *scan, const struct history_table *table)
{
    struct ss_event_batch *batch = &scan->batch;
    if (table->cache->deleted_count == 0 && !scan->has_marks) return; // as the batch was made
    scan->has_marks = table->cache->deleted_count > 0;
    for (int32_t row = 0; row < batch->length; row++) {
        const struct history_deleted *deleted = ss_history_deleted(table, batch->seq[row]);
        const bool counts = deleted && deleted->seq <= scan->s;
        batch->deleted_seq[row] = counts ? deleted->seq : 0;
        batch->deleted_arrival_us[row] = counts ? deleted->arrival_us : SS_NEVER_US;
    }
}

static enum ss_status fill_batch(struct scan *scan, struct ss_error *error)
{
    struct ss_history *history = scan->history;
    SS_TRY(ss_history_refresh_segments(history, error));
    if (scan->version != history->segments.version) {
        scan->version = 0;
        SS_TRY(set_cursors(scan, error));
        SS_TRY(set_staged(scan, error));
        make_heap(scan);
    }
    while (scan->batch.length < scan->page_rows && scan->front_count) SS_TRY(merge_slice(scan, error));
    const struct history_table *table;
    SS_TRY(ss_history_find_table(history, scan->source, &table, error));
    if (!table || table->id != scan->table_id) return ss_history_fail_row(history, "a source is gone", error);
    SS_TRY(ss_history_refresh_deletes(history, table, error));
    mark_deletes(scan, table);
    return SS_OK;
}

static enum ss_status next_batch(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                 struct ss_error *error)
{
    struct scan *scan = (struct scan *)base;
    if (scan->ended) {
        *batch = NULL;
        return SS_OK;
    }
    if (!start_batch(scan)) return ss_fail_memory(error, "a page of history");
    SS_TRY(ss_history_begin_read(scan->history, error));
    const enum ss_status status = fill_batch(scan, error);
    ss_history_end_read(scan->history);
    if (status != SS_OK) {
        scan->version = 0;
        return status;
    }
    const int32_t length = scan->batch.length;
    scan->history->rows_read += (uint64_t)length;
    scan->ended = length < scan->page_rows;
    scan->page_rows = SS_BATCH_ROWS;
    *batch = length ? &scan->batch : NULL;
    if (!length) return SS_OK;
    scan->started = true;
    scan->last = (struct place){scan->batch.event_time_us[length - 1], scan->batch.seq[length - 1]};
    set_key(&scan->last_key, scan->spans[scan->batch.span_count - 1].key);
    return SS_OK;
}

// ---- Gathering columns that were deferred

static const struct ss_entity_span *span_of(const struct scan *scan, int32_t row, int32_t *span)
{
    while (scan->spans[*span].end <= row) ++*span;
    return &scan->spans[*span];
}

// The value of one row and column. *at and *span rise with the row.
static enum ss_status gather_value(struct scan *scan, const struct wanted *wanted, int32_t row, size_t slice,
                                   int32_t *span, struct ss_column *column, struct ss_arena *arena,
                                   struct ss_error *error)
{
    const struct slice *from = &scan->slices[slice];
    struct ss_value parts[SS_MAX_KEYS], value = {0};
    const struct ss_packed *packed = NULL;
    if (wanted->from == FROM_TIMES) {
        value = (struct ss_value){.present = true, .i64 = scan->batch.event_time_us[row]};
    } else if (wanted->from == FROM_KEY) {
        if (ss_key_decode(scan->key_types, scan->key_count, span_of(scan, row, span)->key, &scan->page,
                          parts) != SS_KEY_READ)
            return ss_history_fail_row(scan->history, "a key of a segment is none", error);
        value = parts[wanted->position];
    } else if (from->data && is_old(scan, &from->data->segment)) {
        // null
    } else if (!from->data) {
        value = ss_column_get(&scan->batch.columns[wanted->column], from->row);
    } else {
        SS_TRY(ss_history_open_blob(scan->history, from->data, SLOT_COLUMN + wanted->position, wanted->type,
                                    &packed, error));
    }
    const int32_t at = from->row + row - from->first;
    return (packed ? ss_packed_append(packed, at, 1, column, arena) : ss_column_append(column, value, arena))
               ? SS_OK
               : ss_fail_memory(error, "a page of history");
}

static enum ss_status gather(struct ss_event_reader *base, const int32_t *rows, int32_t count,
                             struct ss_column *columns, struct ss_arena *arena, struct ss_error *error)
{
    struct scan *scan = (struct scan *)base;
    for (size_t i = 0; i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        size_t slice = 0;
        int32_t span = 0;
        for (int32_t n = 0; n < count; n++) {
            while (slice + 1 < scan->slice_count && scan->slices[slice + 1].first <= rows[n]) slice++;
            SS_TRY(gather_value(scan, wanted, rows[n], slice, &span, &columns[wanted->column], arena, error));
        }
    }
    return SS_OK;
}

// ---- Making a scan

static void close_scan(struct ss_event_reader *base)
{
    struct scan *scan = (struct scan *)base;
    leave_slices(scan);
    leave_cursors(scan);
    ss_arena_release(&scan->staged.arena);
    ss_arena_release(&scan->page);
    ss_arena_release(&scan->kept);
    free(scan);
}

static int part_of(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->key_count; i++)
        if (index->positions[i] == position) return (int)i;
    return -1;
}

static bool index_holds(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->column_count; i++)
        if (index->columns[i] == position) return true;
    return position < 0 || part_of(index, position) >= 0;
}

static bool index_holds_all(const struct history_index *index, const struct ss_entity_scan *what,
                            const int *positions)
{
    for (size_t i = 0; i < what->view->source->column_count; i++)
        if (what->columns[i] && !index_holds(index, positions[i])) return false;
    return true;
}

// The view's table and index; read anew once, as another process may have applied definitions meanwhile.
static enum ss_status require_index(struct ss_history *history, const struct ss_entity_scan *what,
                                    int *positions, const struct history_table **table,
                                    const struct history_index **index, struct ss_error *error)
{
    const struct ss_view *view = what->view;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (attempt) SS_TRY(ss_history_load_tables(history, error));
        SS_TRY(ss_history_require_table(history, view->source, table, positions, error));
        *index = ss_history_find_index(*table, view, positions);
        if (*index && index_holds_all(*index, what, positions)) return SS_OK;
    }
    if (*index) return SS_OK; // want_column says what it lacks
    return ss_fail(error, SS_NOT_FOUND,
                   "view '%s': history '%s' has no index of source '%s' by entity '%s'; run 'selfsame apply'",
                   view->name, history->path, view->source->name, view->entity->name);
}

static struct scan *create_scan(struct ss_history *history, int64_t from_us, int64_t to_us, uint64_t s)
{
    struct scan *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->reader.next = next_batch;
    made->reader.close = close_scan;
    made->history = history;
    made->from_us = from_us;
    made->to_us = to_us;
    made->s = s > INT64_MAX ? INT64_MAX : s;
    made->page_rows = SS_BATCH_ROWS;
    return made;
}

static enum ss_status set_order(struct scan *scan, const struct history_table *table,
                                const struct history_index *index, struct ss_error *error)
{
    scan->source = ss_arena_copy(&scan->kept, table->source, strlen(table->source));
    if (!scan->source) return ss_fail_memory(error, "a scan of history");
    scan->table_id = table->id;
    scan->index_id = index->id;
    scan->key_count = index->key_count;
    for (size_t i = 0; i < index->key_count; i++) {
        scan->key_positions[i] = index->positions[i];
        scan->key_types[i] = table->column_types[index->positions[i]];
    }
    return SS_OK;
}

static void want(struct scan *scan, size_t column, enum wanted_from from, int position)
{
    const struct ss_type type =
        column < scan->column_count ? scan->column_types[column] : (struct ss_type){.id = SS_TIMESTAMP};
    scan->wanted[scan->wanted_count++] = (struct wanted){(int)column, from, position, type};
}

static enum ss_status want_column(struct scan *scan, const struct ss_entity_scan *what, const int *positions,
                                  const struct history_index *index, size_t column, struct ss_error *error)
{
    const int position = column < scan->column_count ? positions[column] : -1;
    if (position < 0) {
        want(scan, column, FROM_TIMES, 0);
    } else if (part_of(index, position) >= 0) {
        want(scan, column, FROM_KEY, part_of(index, position));
    } else {
        if (!index_holds(index, position))
            return ss_fail(
                error, SS_NOT_FOUND,
                "view '%s': history '%s' does not keep column '%s' by entity '%s'; run 'selfsame apply'",
                what->view->name, scan->history->path, what->view->source->columns[column].name,
                what->view->entity->name);
        want(scan, column, FROM_SEGMENT, position);
    }
    return SS_OK;
}

static enum ss_status init_scan(struct scan *scan, const struct ss_entity_scan *what, struct ss_error *error)
{
    const struct ss_source *source = what->view->source;
    const struct history_table *table;
    const struct history_index *index;
    int *positions = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *positions);
    struct ss_type *types = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *types);
    scan->wanted = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *scan->wanted);
    if (!positions || !types || !scan->wanted) return ss_fail_memory(error, "a scan of history");
    for (size_t i = 0; i < source->column_count; i++) types[i] = source->columns[i].type;
    scan->column_count = source->column_count;
    scan->column_types = types;
    SS_TRY(require_index(scan->history, what, positions, &table, &index, error));
    SS_TRY(set_order(scan, table, index, error));
    for (size_t i = 0; i <= source->column_count; i++)
        if (what->columns[i]) SS_TRY(want_column(scan, what, positions, index, i, error));
    return prepare_staged(scan, error);
}

enum ss_status ss_history_scan(struct ss_history *history, const struct ss_entity_scan *what,
                               struct ss_event_reader **reader, struct ss_error *error)
{
    struct scan *made = create_scan(history, what->from_us, what->to_us, what->s);
    if (!made) return ss_fail_memory(error, "a scan of history");
    SS_ASSERT(what->low.size <= SS_KEY_MAX && what->high.size <= SS_KEY_MAX);
    if (what->low.size) set_key(&made->low, what->low);
    if (what->high.size) set_key(&made->high, what->high);
    made->one_entity = what->low.size && ss_bytes_equal(what->low, what->high);
    if (made->one_entity) made->page_rows = FIRST_PAGE_ROWS;
    made->deferred = what->deferred;
    made->skims_old = what->skims_old;
    made->old_us = what->old_us;
    made->known_us = what->known_us;
    if (what->deferred) made->reader.gather = gather;
    const enum ss_status status = init_scan(made, what, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_scan(&made->reader);
    return status;
}

// ---- Some runs of an index, with all their columns

static enum ss_status init_runs(struct scan *scan, const struct history_table *table,
                                const struct history_index *index, const int64_t *runs, size_t run_count,
                                struct ss_error *error)
{
    scan->runs = ss_arena_copy(&scan->kept, runs, run_count * sizeof *runs);
    scan->run_count = run_count;
    scan->column_count = table->column_count;
    scan->column_types =
        ss_arena_copy(&scan->kept, table->column_types, table->column_count * sizeof *table->column_types);
    scan->wanted = ss_arena_array(&scan->kept, index->column_count + 1, sizeof *scan->wanted);
    if (!scan->runs || !scan->column_types || !scan->wanted)
        return ss_fail_memory(error, "a scan of history");
    for (size_t i = 0; i < index->column_count; i++)
        want(scan, (size_t)index->columns[i], FROM_SEGMENT, index->columns[i]);
    return set_order(scan, table, index, error);
}

enum ss_status ss_history_scan_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, const int64_t *runs, size_t run_count,
                                    struct ss_event_reader **reader, struct ss_error *error)
{
    struct scan *made = create_scan(history, INT64_MIN, INT64_MAX, INT64_MAX);
    if (!made) return ss_fail_memory(error, "a scan of history");
    const enum ss_status status = init_runs(made, table, index, runs, run_count, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_scan(&made->reader);
    return status;
}

// ---- One entity, all keys

enum ss_status ss_history_read_entity(struct ss_history *history, const struct ss_view *view,
                                      const struct ss_value *key, int64_t from_us, int64_t to_us, uint64_t s,
                                      struct ss_event_reader **reader, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    struct ss_entity_scan scan = {.view = view, .from_us = from_us, .to_us = to_us, .s = s};
    struct ss_key encoded;
    struct ss_arena arena = {0};
    bool *columns = ss_arena_array(&arena, view->source->column_count + 1, sizeof *columns);
    if (!columns) return ss_fail_memory(error, "the columns of a view");
    for (size_t i = 0; i <= view->source->column_count; i++) columns[i] = view->row_inputs[i];
    for (size_t i = 0; i < entity->key_count; i++) columns[view->key_columns[i]] = true;
    scan.columns = columns;
    if (key) {
        SS_ASSERT(ss_key_encode(entity->key_types, key, entity->key_count, &encoded) == SS_KEY_OK);
        scan.low = scan.high = key_bytes(&encoded);
    }
    const enum ss_status status = ss_history_scan(history, &scan, reader, error);
    ss_arena_release(&arena);
    return status;
}

static enum ss_status give_keys(const struct ss_view *view, const struct ss_event_batch *batch,
                                struct ss_key *last, struct ss_arena *arena,
                                enum ss_status (*each)(void *context, const struct ss_value *key),
                                void *context, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    for (int32_t i = 0; i < batch->span_count; i++) {
        if (ss_bytes_equal(batch->spans[i].key, key_bytes(last))) continue;
        set_key(last, batch->spans[i].key);
        ss_arena_reset(arena);
        if (ss_key_decode(entity->key_types, entity->key_count, key_bytes(last), arena, parts) != SS_KEY_READ)
            return ss_fail_memory(error, "a key");
        SS_TRY(each(context, parts));
    }
    return SS_OK;
}

enum ss_status ss_history_each_key(struct ss_history *history, const struct ss_view *view, uint64_t s,
                                   enum ss_status (*each)(void *context, const struct ss_value *key),
                                   void *context, struct ss_error *error)
{
    enum ss_status status;
    struct ss_entity_scan scan = {.view = view, .from_us = INT64_MIN, .to_us = INT64_MAX, .s = s};
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    struct ss_key last = {0};
    struct ss_arena arena = {0}, columns = {0};
    scan.columns = ss_arena_array(&columns, view->source->column_count + 1, sizeof *scan.columns);
    SS_TRY_GOTO(scan.columns ? SS_OK : ss_fail_memory(error, "the columns of a view"), out);
    SS_TRY_GOTO(ss_history_scan(history, &scan, &reader, error), out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        SS_TRY_GOTO(give_keys(view, batch, &last, &arena, each, context, error), out);
    }
out:
    if (reader) reader->close(reader);
    ss_arena_release(&arena);
    ss_arena_release(&columns);
    return status;
}
