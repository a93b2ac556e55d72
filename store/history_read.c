// Reading history by seq: the log, then staging, and between them the deletes that took an event back, with
// the columns of that event.
//
// A reader holds no read transaction between calls: each call reads up to SS_BATCH_ROWS rows behind the last
// one in a transaction of its own. Segments of the log are never rewritten, and staging moves there whole, so
// the next row is in the log if any segment goes beyond the last one, else in staging.

#include "store/history_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seq_reader {
    struct ss_event_reader reader; // first: the handle that is given out
    struct ss_history *history;
    const struct ss_source *source;
    struct ss_arena kept; // as long as the reader
    struct ss_arena page; // until the next call
    int *selected;        // source columns that are read
    int *positions;       // of all of them
    size_t selected_count;
    bool wants_event_time;
    uint64_t last_seq, upto;
    bool ended;
    const struct history_table *table; // during a call
    struct ss_event_batch batch;
};

enum { ROW_SEQ, ROW_TIME, ROW_ARRIVAL, ROW_COLUMNS };

static void close_reader(struct ss_event_reader *base)
{
    struct seq_reader *reader = (struct seq_reader *)base;
    ss_arena_release(&reader->page);
    ss_arena_release(&reader->kept);
    free(reader);
}

static enum ss_status fail_value(const struct seq_reader *reader, struct ss_error *error)
{
    char what[256];
    snprintf(what, sizeof what, "a value of source '%.100s' is not of its column's type",
             reader->source->name);
    return ss_history_fail_row(reader->history, what, error);
}

// ---- Batches

static bool init_columns(struct seq_reader *reader)
{
    const struct ss_source *source = reader->source;
    struct ss_event_batch *batch = &reader->batch;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    batch->columns = ss_arena_array(&reader->page, source->column_count + 1, sizeof *batch->columns);
    if (!batch->columns) return false;
    for (size_t i = 0; i < source->column_count; i++) batch->columns[i].type = source->columns[i].type;
    batch->columns[source->column_count].type = timestamp;
    for (size_t i = 0; i < reader->selected_count; i++) {
        struct ss_column *column = &batch->columns[reader->selected[i]];
        if (!ss_column_init(column, column->type, SS_BATCH_ROWS, &reader->page)) return false;
    }
    struct ss_column *event_time = &batch->columns[source->column_count];
    return !reader->wants_event_time || ss_column_init(event_time, timestamp, SS_BATCH_ROWS, &reader->page);
}

static enum ss_status init_batch(struct seq_reader *reader, struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    struct ss_arena *page = &reader->page;
    const size_t rows = SS_BATCH_ROWS;
    ss_arena_reset(page);
    *batch = (struct ss_event_batch){0};
    batch->event_time_us = ss_arena_array(page, rows, sizeof *batch->event_time_us);
    batch->arrival_us = ss_arena_array(page, rows, sizeof *batch->arrival_us);
    batch->seq = ss_arena_array(page, rows, sizeof *batch->seq);
    batch->is_delete = ss_arena_array(page, rows, sizeof *batch->is_delete);
    batch->target_seq = ss_arena_array(page, rows, sizeof *batch->target_seq);
    batch->deleted_seq = ss_arena_array(page, rows, sizeof *batch->deleted_seq);
    batch->deleted_arrival_us = ss_arena_array(page, rows, sizeof *batch->deleted_arrival_us);
    if (batch->event_time_us && batch->arrival_us && batch->seq && batch->is_delete && batch->target_seq &&
        batch->deleted_seq && batch->deleted_arrival_us && init_columns(reader))
        return SS_OK;
    return ss_fail_memory(error, "a page of history");
}

static enum ss_status append_value(struct seq_reader *reader, int column, struct ss_value value,
                                   struct ss_error *error)
{
    return ss_column_append(&reader->batch.columns[column], value, &reader->page)
               ? SS_OK
               : ss_fail_memory(error, "a page of history");
}

// The event_time, wherever it is a column, of the rows [first, length) of the batch.
static enum ss_status append_times(struct seq_reader *reader, int32_t first, struct ss_error *error)
{
    const struct ss_event_batch *batch = &reader->batch;
    for (int32_t row = first; row < batch->length; row++) {
        const struct ss_value time = {.present = true, .i64 = batch->event_time_us[row]};
        for (size_t i = 0; i < reader->selected_count; i++)
            if (reader->positions[reader->selected[i]] < 0)
                SS_TRY(append_value(reader, reader->selected[i], time, error));
        if (reader->wants_event_time)
            SS_TRY(append_value(reader, (int)reader->source->column_count, time, error));
    }
    return SS_OK;
}

static enum ss_status append_statement(struct seq_reader *reader, sqlite3_stmt *statement, int first,
                                       struct ss_error *error)
{
    for (size_t i = 0; i < reader->selected_count; i++) {
        const int column = reader->selected[i];
        struct ss_value value;
        if (reader->positions[column] < 0) continue;
        if (!ss_history_value(statement, first++, reader->batch.columns[column].type, &value))
            return fail_value(reader, error);
        SS_TRY(append_value(reader, column, value, error));
    }
    return SS_OK;
}

static void append_selected(const struct seq_reader *reader, struct ss_buffer *sql)
{
    for (size_t i = 0; i < reader->selected_count; i++)
        if (reader->positions[reader->selected[i]] >= 0)
            ss_buffer_format(sql, ", c%d", reader->positions[reader->selected[i]]);
}

static enum ss_status staged_statement(struct seq_reader *reader, const char *where, sqlite3_stmt **statement,
                                       struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_text(&sql, "SELECT seq, event_time_us, arrival_us");
    append_selected(reader, &sql);
    ss_buffer_format(&sql, " FROM events_%lld WHERE %s", (long long)reader->table->id, where);
    const enum ss_status status = ss_history_statement_of(reader->history, &sql, statement, error);
    ss_buffer_release(&sql);
    return status;
}

// ---- Inserts

// Rows [first, first + count) of a segment, behind those of the batch.
static enum ss_status append_rows(struct seq_reader *reader, struct segment_data *data, int32_t first,
                                  int32_t count, struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    const int32_t at = batch->length;
    const struct ss_packed *fixed[3];
    for (int slot = SLOT_TIME; slot <= SLOT_SEQ; slot++)
        SS_TRY(ss_history_open_blob(reader->history, data, slot, (struct ss_type){0}, &fixed[slot], error));
    ss_packed_read_integers(fixed[SLOT_TIME], first, count, batch->event_time_us + at);
    ss_packed_read_integers(fixed[SLOT_LATENESS], first, count, batch->arrival_us + at);
    ss_packed_read_integers(fixed[SLOT_SEQ], first, count, (int64_t *)batch->seq + at);
    for (int32_t i = 0; i < count; i++) {
        batch->arrival_us[at + i] += batch->event_time_us[at + i];
        batch->seq[at + i] += data->segment.first_seq + (uint64_t)(first + i);
    }
    for (size_t i = 0; i < reader->selected_count; i++) {
        const int column = reader->selected[i], position = reader->positions[column];
        const struct ss_packed *packed;
        if (position < 0) continue;
        SS_TRY(ss_history_open_blob(reader->history, data, SLOT_COLUMN + position,
                                    batch->columns[column].type, &packed, error));
        for (int32_t row = 0; !packed && row < count; row++)
            SS_TRY(append_value(reader, column, (struct ss_value){0}, error));
        if (packed && !ss_packed_append(packed, first, count, &batch->columns[column], &reader->page))
            return ss_fail_memory(error, "a page of history");
    }
    batch->length += count;
    return append_times(reader, at, error);
}

// The first row of the segment with a seq of at least `seq`; row_count: none.
static enum ss_status row_at_seq(struct ss_history *history, struct segment_data *data, uint64_t seq,
                                 int32_t *row, struct ss_error *error)
{
    const struct ss_packed *seqs;
    int32_t low = 0, high = data->segment.row_count;
    SS_TRY(ss_history_open_blob(history, data, SLOT_SEQ, (struct ss_type){0}, &seqs, error));
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        int64_t number;
        ss_packed_read_integers(seqs, middle, 1, &number);
        if (data->segment.first_seq + (uint64_t)(number + middle) < seq)
            low = middle + 1;
        else
            high = middle;
    }
    *row = low;
    return SS_OK;
}

// Rows of the segment with last_seq < seq < before, as many as there is room for.
static enum ss_status take_segment(struct seq_reader *reader, const struct history_segment *segment,
                                   uint64_t before, struct ss_error *error)
{
    enum ss_status status;
    struct segment_data *data = NULL;
    int32_t first = 0, end;
    const int32_t room = SS_BATCH_ROWS - reader->batch.length;
    SS_TRY(ss_history_pin_segment(reader->history, segment, &data, error));
    SS_TRY_GOTO(row_at_seq(reader->history, data, reader->last_seq + 1, &first, error), out);
    SS_TRY_GOTO(row_at_seq(reader->history, data, before, &end, error), out);
    if (end - first > room) end = first + room;
    if (end > first) SS_TRY_GOTO(append_rows(reader, data, first, end - first, error), out);
    reader->last_seq = end < segment->row_count && reader->batch.length == SS_BATCH_ROWS
                           ? reader->batch.seq[reader->batch.length - 1]
                       : before <= segment->last_seq ? before - 1
                                                     : segment->last_seq;
out:
    ss_history_unpin_segment(reader->history, data);
    return status;
}

static enum ss_status take_staged_row(struct seq_reader *reader, sqlite3_stmt *statement,
                                      struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    const int32_t row = batch->length;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value time, arrival;
    if (!ss_history_value(statement, ROW_TIME, timestamp, &time) || !time.present ||
        !ss_history_value(statement, ROW_ARRIVAL, timestamp, &arrival) || !arrival.present)
        return fail_value(reader, error);
    batch->seq[row] = (uint64_t)sqlite3_column_int64(statement, ROW_SEQ);
    batch->event_time_us[row] = time.i64;
    batch->arrival_us[row] = arrival.i64;
    SS_TRY(append_statement(reader, statement, ROW_COLUMNS, error));
    batch->length++;
    return append_times(reader, row, error);
}

// Rows of staging with last_seq < seq < before; *ended when there are no more of them.
static enum ss_status take_staged(struct seq_reader *reader, uint64_t before, bool *ended,
                                  struct ss_error *error)
{
    enum ss_status status = SS_OK;
    sqlite3_stmt *statement;
    bool row = true;
    SS_TRY(staged_statement(reader, "seq > ?1 AND seq < ?2 ORDER BY seq", &statement, error));
    sqlite3_bind_int64(statement, 1, (int64_t)reader->last_seq);
    sqlite3_bind_int64(statement, 2, (int64_t)before);
    while (status == SS_OK && reader->batch.length < SS_BATCH_ROWS) {
        status = ss_history_step(reader->history, statement, &row, "reading events", error);
        if (status != SS_OK || !row) break;
        const uint64_t seq = (uint64_t)sqlite3_column_int64(statement, ROW_SEQ);
        status = seq > reader->last_seq && seq < before
                     ? take_staged_row(reader, statement, error)
                     : ss_history_fail_row(reader->history, "events are not in the order of seq", error);
        if (status == SS_OK) reader->last_seq = reader->batch.seq[reader->batch.length - 1];
    }
    ss_history_done(statement);
    *ended = !row;
    return status;
}

// ---- Deletes

struct delete_row {
    uint64_t seq; // UINT64_MAX: none
    uint64_t target_seq;
    int64_t arrival_us;
};

static enum ss_status next_delete(struct seq_reader *reader, struct delete_row *next, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    sqlite3_stmt *statement;
    struct history_deleted deleted;
    bool row;
    *next = (struct delete_row){.seq = UINT64_MAX};
    if (!reader->table->has_identity) return SS_OK;
    ss_buffer_format(&sql,
                     "SELECT target_seq, seq, arrival_us FROM deletes_%lld WHERE seq > ?1 AND seq <= ?2 AND "
                     "target_seq <> 0 ORDER BY seq LIMIT 1",
                     (long long)reader->table->id);
    const enum ss_status status = ss_history_statement_of(reader->history, &sql, &statement, error);
    ss_buffer_release(&sql);
    SS_TRY(status);
    sqlite3_bind_int64(statement, 1, (int64_t)reader->last_seq);
    sqlite3_bind_int64(statement, 2, (int64_t)reader->upto);
    SS_TRY(ss_history_step(reader->history, statement, &row, "reading deletes", error));
    if (!row) return SS_OK;
    const bool sound = ss_history_take_delete(statement, reader->last_seq, &deleted);
    ss_history_done(statement);
    if (!sound) return ss_history_fail_row(reader->history, "a delete makes no sense", error);
    *next = (struct delete_row){deleted.seq, deleted.target_seq, deleted.arrival_us};
    return SS_OK;
}

static enum ss_status append_target(struct seq_reader *reader, uint64_t target_seq, struct ss_error *error)
{
    enum ss_status status;
    struct history_place place = {0};
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_find_seq(reader->history, reader->table, target_seq, &place, error));
    if (place.data) {
        status = append_rows(reader, place.data, place.row, 1, error);
        ss_history_leave_place(reader->history, &place);
        return status;
    }
    SS_TRY(staged_statement(reader, "seq = ?1", &statement, error));
    sqlite3_bind_int64(statement, 1, (int64_t)target_seq);
    SS_TRY(ss_history_step(reader->history, statement, &row, "reading a deleted event", error));
    if (!row) return ss_history_fail_row(reader->history, "a delete names an event that is not there", error);
    status = take_staged_row(reader, statement, error);
    ss_history_done(statement);
    return status;
}

static enum ss_status take_delete(struct seq_reader *reader, const struct delete_row *delete_row,
                                  struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    const int32_t row = batch->length;
    SS_TRY(append_target(reader, delete_row->target_seq, error));
    batch->seq[row] = delete_row->seq;
    batch->arrival_us[row] = delete_row->arrival_us;
    batch->is_delete[row] = true;
    batch->target_seq[row] = delete_row->target_seq;
    reader->last_seq = delete_row->seq;
    return SS_OK;
}

// ---- Calls

// The first segment of the log that goes beyond last_seq; NULL: none.
static const struct history_segment *next_segment(const struct seq_reader *reader)
{
    size_t count, low = 0;
    const struct history_segment *log = ss_history_segments_of(reader->history, reader->table->id, 0, &count);
    const size_t end = count;
    while (low < count) {
        const size_t middle = (low + count) / 2;
        if (log[middle].last_seq <= reader->last_seq)
            low = middle + 1;
        else
            count = middle;
    }
    return low < end ? &log[low] : NULL;
}

// Inserts before the next delete, then that.
static enum ss_status take_rows(struct seq_reader *reader, struct ss_error *error)
{
    struct delete_row waiting;
    bool ended = false;
    SS_TRY(next_delete(reader, &waiting, error));
    while (reader->batch.length < SS_BATCH_ROWS) {
        const uint64_t before = waiting.seq == UINT64_MAX ? reader->upto + 1 : waiting.seq;
        const struct history_segment *segment = next_segment(reader);
        if (segment && segment->first_seq < before && reader->last_seq + 1 < before) {
            SS_TRY(take_segment(reader, segment, before, error));
            continue;
        }
        SS_TRY(take_staged(reader, before, &ended, error));
        if (!ended) continue;
        if (waiting.seq == UINT64_MAX) break;
        SS_TRY(take_delete(reader, &waiting, error));
        SS_TRY(next_delete(reader, &waiting, error));
        ended = false; // there may be rows behind the delete
    }
    reader->ended = ended && waiting.seq == UINT64_MAX;
    return SS_OK;
}

static void mark_deletes(struct seq_reader *reader)
{
    struct ss_event_batch *batch = &reader->batch;
    for (int32_t row = 0; row < batch->length; row++) {
        const struct history_deleted *deleted =
            batch->is_delete[row] ? NULL : ss_history_deleted(reader->table, batch->seq[row]);
        const bool counts = deleted && deleted->seq <= reader->upto;
        batch->deleted_seq[row] = counts ? deleted->seq : 0;
        batch->deleted_arrival_us[row] = counts ? deleted->arrival_us : SS_NEVER_US;
    }
}

static enum ss_status fill_batch(struct seq_reader *reader, struct ss_error *error)
{
    SS_TRY(
        ss_history_require_table(reader->history, reader->source, &reader->table, reader->positions, error));
    SS_TRY(ss_history_refresh_segments(reader->history, error));
    SS_TRY(take_rows(reader, error));
    SS_TRY(ss_history_refresh_deletes(reader->history, reader->table, error));
    mark_deletes(reader);
    return SS_OK;
}

static enum ss_status next_batch(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                 struct ss_error *error)
{
    struct seq_reader *reader = (struct seq_reader *)base;
    if (reader->ended) {
        *batch = NULL;
        return SS_OK;
    }
    const uint64_t last_seq = reader->last_seq;
    SS_TRY(init_batch(reader, error));
    SS_TRY(ss_history_begin_read(reader->history, error));
    const enum ss_status status = fill_batch(reader, error);
    ss_history_end_read(reader->history);
    if (status != SS_OK) {
        reader->last_seq = last_seq; // what was taken is not given out: the next call takes it again
        reader->ended = false;
        return status;
    }
    reader->history->rows_read += (uint64_t)reader->batch.length;
    *batch = reader->batch.length ? &reader->batch : NULL;
    return SS_OK;
}

enum ss_status ss_history_read_seq(struct ss_history *history, const struct ss_source *source, uint64_t after,
                                   uint64_t upto, const bool *columns, struct ss_event_reader **reader,
                                   struct ss_error *error)
{
    const struct history_table *table;
    struct seq_reader *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a reader of history");
    made->reader.next = next_batch;
    made->reader.close = close_reader;
    made->history = history;
    made->source = source;
    made->last_seq = after < INT64_MAX - 1 ? after : INT64_MAX - 1;
    made->upto = upto < INT64_MAX - 1 ? upto : INT64_MAX - 1;
    made->wants_event_time = !columns || columns[source->column_count];
    made->selected = ss_arena_array(&made->kept, source->column_count + 1, sizeof *made->selected);
    made->positions = ss_arena_array(&made->kept, source->column_count + 1, sizeof *made->positions);
    enum ss_status status =
        made->selected && made->positions ? SS_OK : ss_fail_memory(error, "a reader of history");
    for (size_t i = 0; status == SS_OK && i < source->column_count; i++)
        if (!columns || columns[i]) made->selected[made->selected_count++] = (int)i;
    if (status == SS_OK) status = ss_history_require_table(history, source, &table, made->positions, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_reader(&made->reader);
    return status;
}
