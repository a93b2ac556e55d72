// Reading the log as it lies, for `selfsame sql` and for what a damaged history still holds.
//
// The segments of the log by seq, then staging, a page of up to SS_BATCH_ROWS rows a call, of one segment or
// of staging. Each call looks anew for the first rows behind the last one given out, so rows may move from
// staging to segments between calls.
//
// When damage is to be passed over (ss_history_salvage), a segment is looked through as it is entered: which
// of its columns cannot be read is told then, and remembered until the next one.

#include "store/history_log.h"

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

struct ss_log {
    struct ss_history *history;
    struct ss_arena kept; // as long as the log
    struct ss_arena page; // until the next call
    struct ss_log_source source;
    int64_t table_id;
    bool *wanted;         // per column
    uint64_t after, upto; // seqs that are left: after < seq <= upto
    int64_t segment;      // that was entered last; 0: none
    bool deletes_are_lost;
    bool fixed_is_lost[3]; // its times, lateness and seqs, by slot
    bool segment_is_lost;  // its seqs are lost, and do not follow one another
    bool *column_is_lost;  // per column: in that segment
    struct ss_log_batch batch;
};

static const char time_prefix[] = "event_time ";

// "event_time at, event_id none" -> "at"
static const char *event_time_name(const char *identity, struct ss_arena *arena)
{
    const char *end = strchr(identity, ',');
    const size_t prefix = sizeof time_prefix - 1;
    if (!end || strncmp(identity, time_prefix, prefix) != 0) return "event_time";
    return ss_arena_copy(arena, identity + prefix, (size_t)(end - identity) - prefix);
}

static enum ss_status describe(const struct history_table *table, struct ss_arena *arena,
                               struct ss_log_source *source, struct ss_error *error)
{
    const size_t count = table->column_count;
    const char **names = ss_arena_array(arena, count + 1, sizeof *names);
    struct ss_type *types = ss_arena_array(arena, count + 1, sizeof *types);
    *source = (struct ss_log_source){.name = ss_arena_copy(arena, table->source, strlen(table->source)),
                                     .event_time = event_time_name(table->identity, arena),
                                     .column_count = count,
                                     .column_names = names,
                                     .column_types = types};
    if (!names || !types || !source->name || !source->event_time)
        return ss_fail_memory(error, "the columns of a source");
    for (size_t i = 0; i < count; i++) {
        names[i] = ss_arena_copy(arena, table->column_names[i], strlen(table->column_names[i]));
        types[i] = table->column_types[i];
        if (!names[i]) return ss_fail_memory(error, "the columns of a source");
    }
    return SS_OK;
}

enum ss_status ss_history_each_source(struct ss_history *history,
                                      enum ss_status (*each)(void *context,
                                                             const struct ss_log_source *source),
                                      void *context, struct ss_error *error)
{
    enum ss_status status;
    struct ss_arena arena = {0};
    struct ss_log_source *sources;
    size_t count;
    SS_TRY(ss_history_load_tables(history, error));
    count = history->table_count;
    sources = ss_arena_array(&arena, count + 1, sizeof *sources);
    status = sources ? SS_OK : ss_fail_memory(error, "the list of sources");
    for (size_t i = 0; status == SS_OK && i < count; i++)
        status = describe(&history->tables[i], &arena, &sources[i], error);
    for (size_t i = 0; status == SS_OK && i < count; i++) status = each(context, &sources[i]);
    ss_arena_release(&arena);
    return status;
}

void ss_history_salvage(struct ss_history *history,
                        void (*damaged)(void *context, const struct ss_error *error), void *context)
{
    history->damaged = damaged;
    history->damaged_context = context;
}

// Of an error in `found`: damage that is to be passed over is told, then *lost is true and the status fine;
// others go on to `error`.
static enum ss_status pass_over(const struct ss_log *log, enum ss_status status, const struct ss_error *found,
                                bool *lost, struct ss_error *error)
{
    *lost = status == SS_DAMAGED && log->history->damaged;
    if (*lost) log->history->damaged(log->history->damaged_context, found);
    if (!*lost && status != SS_OK && error) *error = *found;
    return *lost ? SS_OK : status;
}

// ---- Batches

static enum ss_status init_batch(struct ss_log *log, struct ss_error *error)
{
    struct ss_log_batch *batch = &log->batch;
    struct ss_arena *page = &log->page;
    const size_t rows = SS_BATCH_ROWS, columns = log->source.column_count;
    ss_arena_reset(page);
    *batch = (struct ss_log_batch){.event_time_us = ss_arena_array(page, rows, sizeof(int64_t)),
                                   .arrival_us = ss_arena_array(page, rows, sizeof(int64_t)),
                                   .seq = ss_arena_array(page, rows, sizeof(uint64_t)),
                                   .deleted_seq = ss_arena_array(page, rows, sizeof(uint64_t)),
                                   .columns = ss_arena_array(page, columns + 1, sizeof(struct ss_column))};
    bool fits =
        batch->event_time_us && batch->arrival_us && batch->seq && batch->deleted_seq && batch->columns;
    for (size_t i = 0; fits && i < columns; i++)
        if (log->wanted[i])
            fits = ss_column_init(&batch->columns[i], log->source.column_types[i], SS_BATCH_ROWS, page);
    return fits ? SS_OK : ss_fail_memory(error, "a page of history");
}

static enum ss_status append_value(struct ss_log *log, size_t column, struct ss_value value,
                                   struct ss_error *error)
{
    return ss_column_append(&log->batch.columns[column], value, &log->page)
               ? SS_OK
               : ss_fail_memory(error, "a page of history");
}

// ---- Segments

// The first segment of the log that goes beyond `after`; NULL: none.
static const struct history_segment *next_segment(const struct ss_log *log)
{
    size_t count;
    const struct history_segment *segments = ss_history_segments_of(log->history, log->table_id, 0, &count);
    for (size_t i = 0; i < count; i++)
        if (segments[i].last_seq > log->after) return &segments[i];
    return NULL;
}

// Looks through a segment for what of it is lost.
static enum ss_status enter_segment(struct ss_log *log, struct segment_data *data, struct ss_error *error)
{
    const struct history_segment *segment = &data->segment;
    const struct ss_packed *packed;
    struct ss_error found;
    enum ss_status status;
    if (log->segment == segment->id) return SS_OK;
    for (int slot = SLOT_TIME; slot <= SLOT_SEQ; slot++) {
        status = ss_history_open_blob(log->history, data, slot, (struct ss_type){0}, &packed, &found);
        SS_TRY(pass_over(log, status, &found, &log->fixed_is_lost[slot], error));
    }
    log->segment_is_lost = log->fixed_is_lost[SLOT_SEQ] &&
                           segment->last_seq - segment->first_seq != (uint64_t)segment->row_count - 1;
    for (size_t i = 0; !log->segment_is_lost && i < log->source.column_count; i++) {
        if (!log->wanted[i]) continue;
        status = ss_history_open_blob(log->history, data, SLOT_COLUMN + (int)i, log->source.column_types[i],
                                      &packed, &found);
        SS_TRY(pass_over(log, status, &found, &log->column_is_lost[i], error));
    }
    log->segment = segment->id;
    return SS_OK;
}

static enum ss_status append_columns(struct ss_log *log, struct segment_data *data, int32_t first,
                                     int32_t count, struct ss_error *error)
{
    for (size_t i = 0; i < log->source.column_count; i++) {
        const struct ss_packed *packed = NULL;
        if (!log->wanted[i]) continue;
        if (!log->column_is_lost[i])
            SS_TRY(ss_history_open_blob(log->history, data, SLOT_COLUMN + (int)i, log->source.column_types[i],
                                        &packed, error));
        for (int32_t row = 0; !packed && row < count; row++)
            SS_TRY(append_value(log, i, (struct ss_value){0}, error));
        if (packed && !ss_packed_append(packed, first, count, &log->batch.columns[i], &log->page))
            return ss_fail_memory(error, "a page of history");
    }
    return SS_OK;
}

// The integers of a slot, rows [first, first + count); what is lost stays as it is.
static enum ss_status read_fixed(struct ss_log *log, struct segment_data *data, int slot, int32_t first,
                                 int32_t count, int64_t *values, struct ss_error *error)
{
    const struct ss_packed *packed;
    if (log->fixed_is_lost[slot]) return SS_OK;
    SS_TRY(ss_history_open_blob(log->history, data, slot, (struct ss_type){0}, &packed, error));
    ss_packed_read_integers(packed, first, count, values);
    return SS_OK;
}

// The seq of a row. Where seqs are lost, they follow one another.
static enum ss_status seq_of(struct ss_log *log, struct segment_data *data, int32_t row, uint64_t *seq,
                             struct ss_error *error)
{
    int64_t number = 0;
    SS_TRY(read_fixed(log, data, SLOT_SEQ, row, 1, &number, error));
    *seq = data->segment.first_seq + (uint64_t)(number + row);
    return SS_OK;
}

// How many of the segment's rows have a seq of at most `limit`.
static enum ss_status rows_upto(struct ss_log *log, struct segment_data *data, uint64_t limit, int32_t *rows,
                                struct ss_error *error)
{
    int32_t low = 0, high = data->segment.row_count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        uint64_t seq;
        SS_TRY(seq_of(log, data, middle, &seq, error));
        if (seq <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    *rows = low;
    return SS_OK;
}

static enum ss_status append_fixed(struct ss_log *log, struct segment_data *data, int32_t first,
                                   int32_t count, struct ss_error *error)
{
    struct ss_log_batch *batch = &log->batch;
    const bool no_time = log->fixed_is_lost[SLOT_TIME], no_lateness = log->fixed_is_lost[SLOT_LATENESS];
    SS_TRY(read_fixed(log, data, SLOT_TIME, first, count, batch->event_time_us, error));
    SS_TRY(read_fixed(log, data, SLOT_LATENESS, first, count, batch->arrival_us, error));
    SS_TRY(read_fixed(log, data, SLOT_SEQ, first, count, (int64_t *)batch->seq, error));
    for (int32_t i = 0; i < count; i++) {
        batch->arrival_us[i] =
            no_time || no_lateness ? SS_LOST_US : batch->arrival_us[i] + batch->event_time_us[i];
        if (no_time) batch->event_time_us[i] = SS_LOST_US;
        batch->seq[i] += data->segment.first_seq + (uint64_t)(first + i);
    }
    return SS_OK;
}

// Rows of the segment with after < seq <= upto, as many as a page holds.
static enum ss_status append_rows(struct ss_log *log, struct segment_data *data, struct ss_error *error)
{
    struct ss_log_batch *batch = &log->batch;
    int32_t first, end;
    SS_TRY(rows_upto(log, data, log->after, &first, error));
    SS_TRY(rows_upto(log, data, log->upto, &end, error));
    if (end - first > SS_BATCH_ROWS) end = first + SS_BATCH_ROWS;
    const int32_t count = end > first ? end - first : 0;
    SS_TRY(append_fixed(log, data, first, count, error));
    SS_TRY(append_columns(log, data, first, count, error));
    batch->length = count;
    log->after = count == SS_BATCH_ROWS ? batch->seq[count - 1] : data->segment.last_seq;
    return SS_OK;
}

static enum ss_status take_segment(struct ss_log *log, const struct history_segment *segment,
                                   struct ss_error *error)
{
    struct segment_data *data;
    SS_TRY(ss_history_pin_segment(log->history, segment, &data, error));
    enum ss_status status = enter_segment(log, data, error);
    if (status == SS_OK && log->segment_is_lost)
        log->after = segment->last_seq;
    else if (status == SS_OK)
        status = append_rows(log, data, error);
    ss_history_unpin_segment(log->history, data);
    return status;
}

// ---- Staging

static enum ss_status fail_staged(const struct ss_log *log, uint64_t seq, const char *column,
                                  const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "history '%s': damaged: source '%s', seq %llu, column '%s': %s; restore it from a "
                   "backup, or save the other rows and columns with 'selfsame dump --history'",
                   log->history->path, log->source.name, (unsigned long long)seq, column, what);
}

// The value at a column of the statement; null where it is lost.
static enum ss_status staged_value(struct ss_log *log, sqlite3_stmt *statement, int at, struct ss_type type,
                                   const char *name, struct ss_value *value, struct ss_error *error)
{
    struct ss_error found;
    bool lost;
    if (ss_history_value(statement, at, type, value)) return SS_OK;
    *value = (struct ss_value){0};
    const enum ss_status status = fail_staged(log, (uint64_t)sqlite3_column_int64(statement, 0), name,
                                              "what is stored is no value of its type", &found);
    return pass_over(log, status, &found, &lost, error);
}

// A row that is behind one with a greater seq: reading on from its seq would go round in circles.
static enum ss_status pass_over_row(struct ss_log *log, uint64_t seq, struct ss_error *error)
{
    struct ss_error found;
    bool lost;
    const enum ss_status status =
        fail_staged(log, seq, "seq", "the row is not where its seq belongs", &found);
    return pass_over(log, status, &found, &lost, error);
}

// A row without times, which are never null, is left out.
static enum ss_status take_staged_row(struct ss_log *log, sqlite3_stmt *statement, struct ss_error *error)
{
    struct ss_log_batch *batch = &log->batch;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value value, time, arrival;
    int at = 3;
    const uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
    if (seq <= log->after || seq > log->upto) return pass_over_row(log, seq, error);
    log->after = seq;
    SS_TRY(staged_value(log, statement, 1, timestamp, log->source.event_time, &time, error));
    SS_TRY(staged_value(log, statement, 2, timestamp, "arrival_time", &arrival, error));
    if (!time.present || !arrival.present) return SS_OK;
    for (size_t i = 0; i < log->source.column_count; i++) {
        if (!log->wanted[i]) continue;
        SS_TRY(staged_value(log, statement, at++, log->source.column_types[i], log->source.column_names[i],
                            &value, error));
        SS_TRY(append_value(log, i, value, error));
    }
    batch->seq[batch->length] = log->after;
    batch->event_time_us[batch->length] = time.i64;
    batch->arrival_us[batch->length++] = arrival.i64;
    return SS_OK;
}

static enum ss_status staged_statement(struct ss_log *log, sqlite3_stmt **statement, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_text(&sql, "SELECT seq, event_time_us, arrival_us");
    for (size_t i = 0; i < log->source.column_count; i++)
        if (log->wanted[i]) ss_buffer_format(&sql, ", c%zu", i);
    ss_buffer_format(&sql, " FROM events_%lld WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
                     (long long)log->table_id);
    const enum ss_status status = ss_history_statement_of(log->history, &sql, statement, error);
    ss_buffer_release(&sql);
    return status;
}

static enum ss_status take_staged(struct ss_log *log, bool *ended, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    sqlite3_stmt *statement;
    bool row = true;
    SS_TRY(staged_statement(log, &statement, error));
    sqlite3_bind_int64(statement, 1, (int64_t)log->after);
    sqlite3_bind_int64(statement, 2, (int64_t)log->upto);
    while (status == SS_OK && log->batch.length < SS_BATCH_ROWS) {
        status = ss_history_step(log->history, statement, &row, "reading events", error);
        if (status != SS_OK || !row) break;
        status = take_staged_row(log, statement, error);
    }
    ss_history_done(statement);
    *ended = !row;
    return status;
}

// ---- Calls

static enum ss_status mark_deletes(struct ss_log *log, struct ss_error *error)
{
    const struct history_table *table;
    struct ss_error found;
    SS_TRY(ss_history_find_table(log->history, log->source.name, &table, error));
    if (!table) return ss_history_fail_row(log->history, "a source is not there any more", error);
    if (!log->deletes_are_lost) {
        const enum ss_status status = ss_history_refresh_deletes(log->history, table, &found);
        SS_TRY(pass_over(log, status, &found, &log->deletes_are_lost, error));
    }
    for (int32_t row = 0; row < log->batch.length; row++) {
        const struct history_deleted *deleted = ss_history_deleted(table, log->batch.seq[row]);
        log->batch.deleted_seq[row] = deleted ? deleted->seq : 0;
    }
    return SS_OK;
}

static enum ss_status fill_batch(struct ss_log *log, struct ss_error *error)
{
    bool ended = false;
    SS_TRY(ss_history_refresh_segments(log->history, error));
    while (log->batch.length == 0 && !ended && log->after < log->upto) {
        const struct history_segment *segment = next_segment(log);
        if (!segment)
            SS_TRY(take_staged(log, &ended, error));
        else if (segment->first_seq > log->upto)
            ended = true;
        else
            SS_TRY(take_segment(log, segment, error));
    }
    return mark_deletes(log, error);
}

enum ss_status ss_log_next(struct ss_log *log, const struct ss_log_batch **batch, struct ss_error *error)
{
    struct ss_history *history = log->history;
    const bool within = history->is_reading; // a read of the caller's
    SS_TRY(init_batch(log, error));
    if (!within) SS_TRY(ss_history_begin_read(history, error));
    const enum ss_status status = fill_batch(log, error);
    if (!within) ss_history_end_read(history);
    SS_TRY(status);
    history->rows_read += (uint64_t)log->batch.length;
    *batch = log->batch.length ? &log->batch : NULL;
    return SS_OK;
}

const struct ss_log_source *ss_log_source(const struct ss_log *log)
{
    return &log->source;
}

static enum ss_status init_log(struct ss_log *log, const char *source, const bool *columns,
                               struct ss_error *error)
{
    const struct history_table *table;
    SS_TRY(ss_history_find_table(log->history, source, &table, error));
    if (!table)
        return ss_fail(error, SS_NOT_FOUND, "source '%s': history '%s' knows no such source", source,
                       log->history->path);
    log->table_id = table->id;
    SS_TRY(describe(table, &log->kept, &log->source, error));
    log->wanted = ss_arena_array(&log->kept, table->column_count + 1, sizeof *log->wanted);
    log->column_is_lost = ss_arena_array(&log->kept, table->column_count + 1, sizeof *log->column_is_lost);
    if (!log->wanted || !log->column_is_lost) return ss_fail_memory(error, "a reader of history");
    for (size_t i = 0; i < table->column_count; i++) log->wanted[i] = !columns || columns[i];
    return SS_OK;
}

enum ss_status ss_log_open(struct ss_history *history, const char *source, uint64_t first_seq,
                           uint64_t last_seq, const bool *columns, struct ss_log **log,
                           struct ss_error *error)
{
    struct ss_log *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a reader of history");
    made->history = history;
    made->upto = last_seq < INT64_MAX ? last_seq : INT64_MAX;
    made->after = first_seq ? first_seq - 1 : 0;
    if (made->after > made->upto) made->after = made->upto;
    const enum ss_status status = init_log(made, source, columns, error);
    if (status == SS_OK)
        *log = made;
    else
        ss_log_close(made);
    return status;
}

void ss_log_close(struct ss_log *log)
{
    if (!log) return;
    ss_arena_release(&log->page);
    ss_arena_release(&log->kept);
    free(log);
}
