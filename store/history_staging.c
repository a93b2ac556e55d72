// Staging: the newest inserts of a source, row by row in events_<id>, and their way into segments.
//
// Small commits stay there. A commit that finds enough rows waiting moves all of them, in the order of seq,
// to the log and to a run of each index, in its own transaction. So every row of staging has a greater seq
// than every row of the log, and is in no segment.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_ROWS 65536

int32_t ss_history_segment_rows(const struct ss_history *history)
{
    const int32_t rows = history->options.sizes.segment_rows;
    return rows > 0 && rows < SEGMENT_ROWS_MAX ? rows : SEGMENT_ROWS_MAX;
}

static int64_t staging_rows(const struct ss_history *history)
{
    return history->options.sizes.staging_rows > 0 ? history->options.sizes.staging_rows : STAGING_ROWS;
}

enum ss_status ss_history_count_staged(struct ss_history *history, const struct history_table *table,
                                       int64_t *count, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    if (table->cache->staged_rows < 0) {
        SS_TRY(ss_history_statement_format(history, &statement, error, "SELECT count(*) FROM events_%lld",
                                           (long long)table->id));
        SS_TRY(ss_history_step(history, statement, &row, "counting events", error));
        table->cache->staged_rows = sqlite3_column_int64(statement, 0);
        ss_history_done(statement);
    }
    *count = table->cache->staged_rows;
    return SS_OK;
}

// ---- Staged rows in columns

struct staged {
    const struct history_table *table;
    struct ss_arena arena;
    int32_t capacity;
    struct history_rows rows; // its arrays, to be written
    int64_t *event_time_us, *arrival_us;
    uint64_t *seq, *identity;
    struct ss_column *columns;
    const struct ss_column **pointers;
};

static bool init_staged(struct staged *staged, int32_t capacity)
{
    const size_t columns = staged->table->column_count, room = (size_t)capacity + 1;
    struct ss_arena *arena = &staged->arena;
    staged->capacity = capacity;
    staged->event_time_us = ss_arena_array(arena, room, sizeof *staged->event_time_us);
    staged->arrival_us = ss_arena_array(arena, room, sizeof *staged->arrival_us);
    staged->seq = ss_arena_array(arena, room, sizeof *staged->seq);
    staged->identity = ss_arena_array(arena, room, sizeof *staged->identity);
    staged->columns = ss_arena_array(arena, columns + 1, sizeof *staged->columns);
    staged->pointers = ss_arena_array(arena, columns + 1, sizeof *staged->pointers);
    if (!staged->event_time_us || !staged->arrival_us || !staged->seq || !staged->identity ||
        !staged->columns || !staged->pointers)
        return false;
    for (size_t i = 0; i < columns; i++) {
        if (!ss_column_init(&staged->columns[i], staged->table->column_types[i], capacity, arena))
            return false;
        staged->pointers[i] = &staged->columns[i];
    }
    staged->rows = (struct history_rows){.event_time_us = staged->event_time_us,
                                         .arrival_us = staged->arrival_us,
                                         .seq = staged->seq,
                                         .identity = staged->table->has_identity ? staged->identity : NULL,
                                         .columns = staged->pointers};
    return true;
}

static enum ss_status take_staged(struct ss_history *history, sqlite3_stmt *statement, struct staged *staged,
                                  uint64_t after, struct ss_error *error)
{
    const struct history_table *table = staged->table;
    const uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
    const int32_t row = staged->rows.count;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value time, arrival, value, id = {0};
    if (row == staged->capacity)
        return ss_history_fail_row(history, "a source has more rows than it had", error);
    if (!ss_history_value(statement, 1, timestamp, &time) || !time.present ||
        !ss_history_value(statement, 2, timestamp, &arrival) || !arrival.present || arrival.i64 < time.i64)
        return ss_history_fail_row(history, "an event's time is none", error);
    if (seq <= (row ? staged->seq[row - 1] : after) || seq > INT64_MAX)
        return ss_history_fail_row(history, "events are not in the order of seq", error);
    staged->seq[row] = seq;
    staged->event_time_us[row] = time.i64;
    staged->arrival_us[row] = arrival.i64;
    for (size_t i = 0; i < table->column_count; i++) {
        if (!ss_history_value(statement, (int)i + 3, table->column_types[i], &value))
            return ss_history_fail_row(history, "a stored value is not of its column's type", error);
        if (!ss_column_append(&staged->columns[i], value, &staged->arena))
            return ss_fail_memory(error, "the rows of a source");
        if ((int)i == table->id_position) id = value;
    }
    const struct ss_type id_type =
        table->id_position < 0 ? timestamp : table->column_types[table->id_position];
    if (table->has_identity)
        staged->identity[row] =
            ss_history_identity_hash(time.i64, id_type, table->id_position < 0 ? time : id);
    staged->rows.count++;
    return SS_OK;
}

// Rows behind those that were read before, until there are no more or they have much text.
static enum ss_status read_staged(struct ss_history *history, struct staged *staged, uint64_t after,
                                  struct ss_error *error)
{
    enum ss_status status;
    struct ss_buffer sql = {0};
    sqlite3_stmt *statement;
    bool row;
    ss_buffer_text(&sql, "SELECT seq, event_time_us, arrival_us");
    for (size_t i = 0; i < staged->table->column_count; i++) ss_buffer_format(&sql, ", c%zu", i);
    ss_buffer_format(&sql, " FROM events_%lld WHERE seq > ?1 ORDER BY seq", (long long)staged->table->id);
    status = ss_history_statement_of(history, &sql, &statement, error);
    ss_buffer_release(&sql);
    SS_TRY(status);
    sqlite3_bind_int64(statement, 1, (int64_t)after);
    while (!ss_history_is_full(history, &staged->rows, staged->table->column_count)) {
        SS_TRY(ss_history_step(history, statement, &row, "reading events", error));
        if (!row) return SS_OK;
        status = take_staged(history, statement, staged, after, error);
        if (status != SS_OK) break;
    }
    ss_history_done(statement);
    return status;
}

// Writes the rows behind `*after`, or some of them, and says how far it came.
static enum ss_status flush_some(struct ss_history *history, const struct history_table *table,
                                 int64_t *waiting, uint64_t *after, struct ss_error *error)
{
    enum ss_status status;
    struct staged staged = {.table = table};
    const struct history_index **indexes;
    size_t index_count;
    SS_TRY_GOTO(
        init_staged(&staged, (int32_t)*waiting) ? SS_OK : ss_fail_memory(error, "the rows of a source"), out);
    SS_TRY_GOTO(ss_history_written_indexes(table, &staged.arena, &indexes, &index_count)
                    ? SS_OK
                    : ss_fail_memory(error, "the indexes of a source"),
                out);
    SS_TRY_GOTO(read_staged(history, &staged, *after, error), out);
    if (staged.rows.count == 0) {
        status = ss_history_fail_row(history, "a source has fewer rows than it had", error);
        goto out;
    }
    SS_TRY_GOTO(ss_history_write_segments(history, table, &staged.rows, true, indexes, index_count, error),
                out);
    *after = staged.seq[staged.rows.count - 1];
    *waiting -= staged.rows.count;
out:
    ss_arena_release(&staged.arena);
    return status;
}

enum ss_status ss_history_flush(struct ss_history *history, const struct history_table *table,
                                struct ss_error *error)
{
    sqlite3_stmt *statement;
    uint64_t after = 0;
    int64_t count;
    SS_TRY(ss_history_count_staged(history, table, &count, error));
    if (count == 0) return SS_OK;
    if (count > INT32_MAX / 2)
        return ss_fail(error, SS_LIMIT, "source '%s': too many rows wait", table->source);
    while (count > 0) SS_TRY(flush_some(history, table, &count, &after, error));
    SS_TRY(ss_history_statement_format(history, &statement, error, "DELETE FROM events_%lld",
                                       (long long)table->id));
    SS_TRY(ss_history_run(history, statement, "emptying the staging of a source", error));
    table->cache->staged_rows = 0;
    return SS_OK;
}

enum ss_status ss_history_flush_full(struct ss_history *history, struct ss_error *error)
{
    for (size_t i = 0; i < history->table_count; i++) {
        int64_t count;
        SS_TRY(ss_history_count_staged(history, &history->tables[i], &count, error));
        if (count >= staging_rows(history)) SS_TRY(ss_history_flush(history, &history->tables[i], error));
    }
    return SS_OK;
}

void ss_history_forget_caches(struct ss_history *history)
{
    ss_history_forget_segments(history);
    for (size_t i = 0; i < history->table_count; i++) {
        history->tables[i].cache->staged_rows = -1;
        ss_history_release_deletes(history->tables[i].cache);
    }
}
