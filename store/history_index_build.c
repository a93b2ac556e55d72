// Making an index from the log, a run of half a million rows at a time, so that no push waits for all of it.
//
//   begin    a row of entity_indexes whose keys begin with "+": every flush and large load from here on adds
//            its run to it; nobody reads it
//   run      the log as it was then, in the order of seq, a run in each transaction
//   finish   what was made takes the place, and the id, of the index of these keys; that one's segments go to
//            the row of the new one, whose keys begin with "-" now: it is neither written nor read
//   clear    those segments are deleted, some in each transaction, then the row
//
// What did not come to its end is dropped when the file is next opened for writing, or prepared for other
// definitions.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

#define RUN_ROWS       524288 // of the log that are sorted into one run
#define CLEAR_SEGMENTS 32     // deleted in one transaction

// Columns of rows of the log.
struct log_rows {
    const struct history_table *table;
    const bool *wanted;
    struct ss_arena arena;
    struct history_rows rows;
    int64_t *event_time_us, *arrival_us;
    uint64_t *seq;
    struct ss_column *columns;
    const struct ss_column **pointers;
};

static bool init_log_rows(struct log_rows *log, int32_t capacity)
{
    const size_t columns = log->table->column_count, room = (size_t)capacity + 1;
    log->event_time_us = ss_arena_array(&log->arena, room, sizeof *log->event_time_us);
    log->arrival_us = ss_arena_array(&log->arena, room, sizeof *log->arrival_us);
    log->seq = ss_arena_array(&log->arena, room, sizeof *log->seq);
    log->columns = ss_arena_array(&log->arena, columns + 1, sizeof *log->columns);
    log->pointers = ss_arena_array(&log->arena, columns + 1, sizeof *log->pointers);
    if (!log->event_time_us || !log->arrival_us || !log->seq || !log->columns || !log->pointers) return false;
    for (size_t i = 0; i < columns; i++) {
        if (!log->wanted[i]) continue;
        if (!ss_column_init(&log->columns[i], log->table->column_types[i], capacity, &log->arena))
            return false;
        log->pointers[i] = &log->columns[i];
    }
    log->rows = (struct history_rows){0, log->event_time_us, log->arrival_us, log->seq, NULL, log->pointers};
    return true;
}

static void clear_log_rows(struct log_rows *log)
{
    log->rows.count = 0;
    for (size_t i = 0; i < log->table->column_count; i++)
        if (log->wanted[i]) ss_column_clear(&log->columns[i]);
}

static enum ss_status append_columns(struct ss_history *history, struct segment_data *data,
                                     struct log_rows *log, struct ss_error *error)
{
    const int32_t count = data->segment.row_count;
    for (size_t i = 0; i < log->table->column_count; i++) {
        struct ss_column *column = &log->columns[i];
        const struct ss_packed *packed;
        bool ok = true;
        if (!log->wanted[i]) continue;
        SS_TRY(ss_history_open_blob(history, data, SLOT_COLUMN + (int)i, column->type, &packed, error));
        if (packed)
            ok = ss_packed_append(packed, 0, count, column, &log->arena);
        else
            for (int32_t row = 0; ok && row < count; row++)
                ok = ss_column_append(column, (struct ss_value){0}, &log->arena);
        if (!ok) return ss_fail_memory(error, "the rows of a source");
    }
    return SS_OK;
}

static enum ss_status append_segment(struct ss_history *history, const struct history_segment *segment,
                                     struct log_rows *log, struct ss_error *error)
{
    enum ss_status status;
    struct segment_data *data = NULL;
    const struct ss_packed *fixed[3];
    const int32_t first = log->rows.count, count = segment->row_count;
    SS_TRY(ss_history_pin_segment(history, segment, &data, error));
    for (int slot = SLOT_TIME; slot <= SLOT_SEQ; slot++)
        SS_TRY_GOTO(ss_history_open_blob(history, data, slot, (struct ss_type){0}, &fixed[slot], error), out);
    ss_packed_read_integers(fixed[SLOT_TIME], 0, count, log->event_time_us + first);
    ss_packed_read_integers(fixed[SLOT_LATENESS], 0, count, log->arrival_us + first);
    ss_packed_read_integers(fixed[SLOT_SEQ], 0, count, (int64_t *)log->seq + first);
    for (int32_t i = 0; i < count; i++) {
        log->arrival_us[first + i] += log->event_time_us[first + i];
        log->seq[first + i] += segment->first_seq + (uint64_t)i;
    }
    SS_TRY_GOTO(append_columns(history, data, log, error), out);
    log->rows.count += count;
out:
    ss_history_unpin_segment(history, data);
    return status;
}

// One run of the log's segments [first, end); several where they have much text.
static enum ss_status make_run(struct ss_history *history, const struct history_table *table,
                               const struct history_index *index, const bool *wanted,
                               const struct history_segment *first, const struct history_segment *end,
                               struct ss_error *error)
{
    enum ss_status status;
    struct log_rows log = {.table = table, .wanted = wanted};
    int32_t rows = 0;
    for (const struct history_segment *at = first; at < end; at++) rows += at->row_count;
    SS_TRY_GOTO(init_log_rows(&log, rows) ? SS_OK : ss_fail_memory(error, "the rows of a source"), out);
    for (const struct history_segment *at = first; at < end; at++) {
        SS_TRY_GOTO(append_segment(history, at, &log, error), out);
        if (at + 1 < end && !ss_history_is_full(history, &log.rows, table->column_count)) continue;
        SS_TRY_GOTO(ss_history_write_segments(history, table, &log.rows, false, &index, 1, error), out);
        clear_log_rows(&log);
    }
out:
    ss_arena_release(&log.arena);
    return status;
}

static int32_t run_rows(const struct ss_history *history)
{
    return history->options.sizes.run_rows > 0 ? history->options.sizes.run_rows : RUN_ROWS;
}

static enum ss_status wanted_columns(const struct history_table *table, const struct history_index *index,
                                     struct ss_arena *arena, bool **wanted, struct ss_error *error)
{
    *wanted = ss_arena_array(arena, table->column_count + 1, sizeof **wanted);
    if (!*wanted) return ss_fail_memory(error, "the columns of an index");
    for (size_t i = 0; i < index->key_count; i++) (*wanted)[index->positions[i]] = true;
    for (size_t i = 0; i < index->column_count; i++) (*wanted)[index->columns[i]] = true;
    return SS_OK;
}

// Makes a run of those of the log's segments that come first behind *done_seq, up to upto_seq, and moves
// *done_seq behind them; to upto_seq where there are none.
static enum ss_status make_next(struct ss_history *history, const struct history_table *table,
                                const struct history_index *index, uint64_t upto_seq, uint64_t *done_seq,
                                int64_t *made_rows, struct ss_error *error)
{
    struct ss_arena arena = {0};
    bool *wanted;
    size_t count, first = 0, end;
    int64_t rows = 0;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    while (first < count && log[first].last_seq <= *done_seq) first++;
    for (end = first; end < count && log[end].last_seq <= upto_seq; rows += log[end++].row_count)
        if (end > first && rows + log[end].row_count > run_rows(history)) break;
    *done_seq = end > first ? log[end - 1].last_seq : upto_seq;
    *made_rows += rows;
    if (end == first) return SS_OK;
    enum ss_status status = wanted_columns(table, index, &arena, &wanted, error);
    if (status == SS_OK) status = make_run(history, table, index, wanted, log + first, log + end, error);
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_history_make_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, struct ss_error *error)
{
    int64_t made_rows = 0;
    for (uint64_t done_seq = 0; done_seq < UINT64_MAX;)
        SS_TRY(make_next(history, table, index, UINT64_MAX, &done_seq, &made_rows, error));
    return SS_OK;
}

// ---- In steps

struct ss_preparing {
    struct ss_history *history;
    const struct ss_definitions *definitions;
    size_t view;                 // those before it have their indexes
    int64_t building;            // id of the index that is being made; 0: none
    int64_t place;               // of the index whose place it takes; 0: there is none
    uint64_t done_seq, upto_seq; // what of the log is in its runs, and is to be
};

static enum ss_status change(struct ss_history *history, const char *sql, int64_t a, int64_t b,
                             struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, sql, &statement, error));
    sqlite3_bind_int64(statement, 1, a);
    if (sqlite3_bind_parameter_count(statement) > 1) sqlite3_bind_int64(statement, 2, b);
    return ss_history_run(history, statement, "changing the list of indexes", error);
}

static enum ss_status index_staging(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_format(&sql, "CREATE INDEX IF NOT EXISTS events_%lld%s_by ON events_%lld(",
                     (long long)table->id, index->keys, (long long)table->id);
    for (size_t i = 0; i < index->key_count; i++) ss_buffer_format(&sql, "c%d, ", index->positions[i]);
    ss_buffer_text(&sql, "event_time_us)");
    const enum ss_status status = ss_history_execute_buffer(history, &sql, error);
    ss_buffer_release(&sql);
    return status;
}

static enum ss_status note_index(struct ss_history *history, const struct history_table *table,
                                 const struct history_index *index, int64_t *id, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history,
                                "INSERT INTO entity_indexes(source, keys, columns) VALUES(?1, '+' || ?2, ?3)",
                                &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    sqlite3_bind_text(statement, 2, index->keys, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, index->columns_text, -1, SQLITE_STATIC);
    SS_TRY(ss_history_run(history, statement, "adding an index", error));
    *id = sqlite3_last_insert_rowid(history->db);
    return SS_OK;
}

static enum ss_status begin_index(struct ss_preparing *preparing, const struct history_table *table,
                                  const struct history_index *needed, struct ss_error *error)
{
    struct ss_history *history = preparing->history;
    size_t count;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    preparing->done_seq = 0;
    preparing->upto_seq = count ? log[count - 1].last_seq : 0;
    preparing->place = needed->id;
    if (!needed->id) SS_TRY(index_staging(history, table, needed, error));
    SS_TRY(note_index(history, table, needed, &preparing->building, error));
    return ss_history_load_tables(history, error);
}

// Begins the index that the next view lacks; *done: none lacks any.
static enum ss_status begin_next(struct ss_preparing *preparing, bool *done, struct ss_error *error)
{
    const struct ss_definitions *definitions = preparing->definitions;
    for (; preparing->view < definitions->view_count; preparing->view++) {
        const struct ss_view *view = &definitions->views[preparing->view];
        const struct history_table *table;
        struct history_index needed;
        struct ss_arena arena = {0};
        bool is_there = true;
        int *positions = ss_arena_array(&arena, view->source->column_count + 1, sizeof *positions);
        enum ss_status status = positions ? SS_OK : ss_fail_memory(error, "the columns of a view");
        if (status == SS_OK)
            status = ss_history_require_table(preparing->history, view->source, &table, positions, error);
        if (status == SS_OK &&
            !ss_history_describe_index(table, definitions, view, positions, &arena, &needed, &is_there))
            status = ss_fail_memory(error, "an index");
        if (status == SS_OK && !is_there) status = begin_index(preparing, table, &needed, error);
        ss_arena_release(&arena);
        if (status != SS_OK || !is_there) return status;
    }
    *done = true;
    return SS_OK;
}

static const struct history_index *find_by_id(const struct ss_history *history, int64_t id,
                                              const struct history_table **table)
{
    for (size_t t = 0; t < history->table_count; t++)
        for (size_t i = 0; i < history->tables[t].index_count; i++) {
            if (history->tables[t].indexes[i].id != id) continue;
            *table = &history->tables[t];
            return &history->tables[t].indexes[i];
        }
    return NULL;
}

static enum ss_status take_place(struct ss_preparing *preparing, struct ss_error *error)
{
    struct ss_history *history = preparing->history;
    const int64_t made = preparing->building, place = preparing->place;
    if (place) {
        SS_TRY(change(history,
                      "UPDATE segments SET index_id = CASE index_id WHEN ?1 THEN ?2 ELSE ?1 END "
                      "WHERE index_id IN (?1, ?2)",
                      made, place, error));
        SS_TRY(
            change(history,
                   "UPDATE entity_indexes SET columns = (SELECT columns FROM entity_indexes WHERE id = ?1) "
                   "WHERE id = ?2",
                   made, place, error));
    }
    SS_TRY(change(history,
                  place ? "UPDATE entity_indexes SET keys = '-' || substr(keys, 2) WHERE id = ?1"
                        : "UPDATE entity_indexes SET keys = substr(keys, 2) WHERE id = ?1",
                  made, 0, error));
    preparing->building = 0;
    SS_TRY(ss_history_segments_changed(history, error));
    return ss_history_load_tables(history, error);
}

static enum ss_status make_next_run(struct ss_preparing *preparing, int64_t *made_rows,
                                    struct ss_error *error)
{
    struct ss_history *history = preparing->history;
    const struct history_table *table;
    const struct history_index *index = find_by_id(history, preparing->building, &table);
    if (!index)
        return ss_fail(error, SS_CONFLICT,
                       "history '%s': the index that is being made was dropped meanwhile; begin again",
                       history->path);
    SS_TRY(make_next(history, table, index, preparing->upto_seq, &preparing->done_seq, made_rows, error));
    return preparing->done_seq >= preparing->upto_seq ? take_place(preparing, error) : SS_OK;
}

static enum ss_status clear_index(struct ss_history *history, const struct history_table *table,
                                  const struct history_index *index, size_t most, bool *left,
                                  struct ss_error *error)
{
    size_t count;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *segments = ss_history_segments_of(history, table->id, index->id, &count);
    *left = count > most;
    for (size_t i = 0; i < count && i < most; i++)
        SS_TRY(ss_history_delete_segment(history, segments[i].id, error));
    if (count) SS_TRY(ss_history_segments_changed(history, error));
    if (*left) return SS_OK;
    SS_TRY(change(history, "DELETE FROM entity_indexes WHERE id = ?1", index->id, 0, error));
    return ss_history_load_tables(history, error);
}

static const struct history_index *find_going(const struct ss_history *history,
                                              const struct history_table **table)
{
    for (size_t t = 0; t < history->table_count; t++)
        for (size_t i = 0; i < history->tables[t].index_count; i++) {
            if (history->tables[t].indexes[i].keys[0] != '-') continue;
            *table = &history->tables[t];
            return &history->tables[t].indexes[i];
        }
    return NULL;
}

// Of every index that is going up to `most` segments; *left: there are more.
static enum ss_status clear_some(struct ss_history *history, size_t most, bool *left, struct ss_error *error)
{
    const struct history_table *table;
    const struct history_index *index;
    *left = false;
    while (!*left && (index = find_going(history, &table)) != NULL)
        SS_TRY(clear_index(history, table, index, most, left, error));
    return SS_OK;
}

// A step goes on until it has made about as many rows as a run may have, so that little work is one commit.
static enum ss_status step(struct ss_preparing *preparing, bool *done, struct ss_error *error)
{
    int64_t made_rows = 0;
    while (made_rows < run_rows(preparing->history)) {
        if (!preparing->building) {
            bool left;
            SS_TRY(clear_some(preparing->history, CLEAR_SEGMENTS, &left, error));
            if (left) return SS_OK;
            SS_TRY(begin_next(preparing, done, error));
        }
        if (*done) return SS_OK;
        SS_TRY(make_next_run(preparing, &made_rows, error));
    }
    return SS_OK;
}

enum ss_status ss_history_prepare_step(struct ss_preparing *preparing, bool *done, struct ss_error *error)
{
    struct ss_history *history = preparing->history;
    bool entered, finished = false;
    SS_TRY(ss_history_enter(history, &entered, error));
    enum ss_status status = step(preparing, &finished, error);
    if (status == SS_OK) ss_history_fault_point(history, "index_before_commit");
    status = ss_history_leave(history, entered, status, error);
    if (status == SS_OK)
        *done = finished;
    else
        (void)ss_history_load_tables(history, NULL); // what was loaded may be of what was rolled back
    return status;
}

// ---- What did not come to its end

static enum ss_status drop_unfinished(struct ss_history *history, struct ss_error *error)
{
    bool left;
    SS_TRY(ss_history_execute(
        history, "UPDATE entity_indexes SET keys = '-' || substr(keys, 2) WHERE keys LIKE '+%'", error));
    SS_TRY(ss_history_load_tables(history, error));
    return clear_some(history, SIZE_MAX, &left, error);
}

enum ss_status ss_history_drop_unfinished(struct ss_history *history, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool any, entered;
    SS_TRY(ss_history_statement(
        history, "SELECT 1 FROM entity_indexes WHERE keys LIKE '+%' OR keys LIKE '-%'", &statement, error));
    SS_TRY(ss_history_step(history, statement, &any, "looking for indexes that are being made", error));
    ss_history_done(statement);
    if (!any) return SS_OK;
    SS_TRY(ss_history_enter(history, &entered, error));
    const enum ss_status status = ss_history_leave(history, entered, drop_unfinished(history, error), error);
    if (status != SS_OK) (void)ss_history_load_tables(history, NULL);
    return status;
}

// ---- Beginning and end

enum ss_status ss_history_prepare_begin(struct ss_history *history, const struct ss_definitions *definitions,
                                        struct ss_preparing **preparing, struct ss_error *error)
{
    SS_TRY(ss_history_drop_unfinished(history, error));
    SS_TRY(ss_history_prepare_tables(history, definitions, error));
    struct ss_preparing *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the indexes of history");
    made->history = history;
    made->definitions = definitions;
    *preparing = made;
    return SS_OK;
}

void ss_history_prepare_end(struct ss_preparing *preparing)
{
    if (!preparing) return;
    // What cannot be dropped now is dropped by the next one, or when the file is next opened for writing.
    (void)ss_history_drop_unfinished(preparing->history, NULL);
    free(preparing);
}

enum ss_status ss_history_prepare(struct ss_history *history, const struct ss_definitions *definitions,
                                  struct ss_error *error)
{
    struct ss_preparing *preparing;
    bool done = false;
    SS_TRY(ss_history_prepare_begin(history, definitions, &preparing, error));
    enum ss_status status = SS_OK;
    while (status == SS_OK && !done) status = ss_history_prepare_step(preparing, &done, error);
    ss_history_prepare_end(preparing);
    return status;
}
