// Indexes by entity: which events an entity has, in the order of their times.
//
//   entity_indexes  id, source, keys ("_0_3": the key parts are c0 and c3; "": the world), columns ("_1_2":
//                   what its segments hold besides times and seqs, ascending; the key parts are in the
//                   entities)
//
// An index is a copy of the columns that views of one entity read, sorted by (key, event_time, seq): in
// segments, and for what is in staging a plain index of SQLite. Measured (10.5M rows of 100,000 entities, 6
// columns, one thread of an AMD EPYC, CPU seconds to read all entities): the copy 0.27 in one run, 0.57 in
// ten; row numbers into the log 7.9, all of it packed in memory, or 2.3 where every segment is unpacked once
// for each of 16 ranges of keys, 8.4 for 64.
//
// A view that reads more than its index holds makes the index anew from the log.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

#define RUN_ROWS 1048576 // of the log that are sorted into one run

// "_0_3" as numbers, at most `most`. False: it makes no sense.
static bool parse_positions(const char *text, int *positions, size_t most, size_t *count)
{
    const char *at = text;
    *count = 0;
    while (*at) {
        char *end;
        if (*at != '_' || *count == most) return false;
        const long position = strtol(at + 1, &end, 10);
        if (end == at + 1 || position < 0 || position > INT16_MAX) return false;
        positions[(*count)++] = (int)position;
        at = end;
    }
    return true;
}

static bool is_key_type(struct ss_type type)
{
    return type.id == SS_BOOL || type.id == SS_INT64 || type.id == SS_STRING || type.id == SS_BYTES;
}

static bool parse_index(struct history_index *index, const struct history_table *table,
                        struct ss_arena *arena)
{
    const size_t column_count = table->column_count;
    index->columns = ss_arena_array(arena, column_count + 1, sizeof *index->columns);
    if (!index->columns || !parse_positions(index->keys, index->positions, SS_MAX_KEYS, &index->key_count) ||
        !parse_positions(index->columns_text, index->columns, column_count, &index->column_count))
        return false;
    for (size_t i = 0; i < index->key_count; i++)
        if ((size_t)index->positions[i] >= column_count ||
            !is_key_type(table->column_types[index->positions[i]]))
            return false;
    for (size_t i = 0; i < index->column_count; i++)
        if ((size_t)index->columns[i] >= column_count || (i && index->columns[i] <= index->columns[i - 1]))
            return false;
    return true;
}

static const char *copy_text(struct ss_arena *arena, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? ss_arena_copy(arena, text, (size_t)sqlite3_column_bytes(statement, column)) : NULL;
}

static enum ss_status take_index(struct ss_history *history, sqlite3_stmt *statement,
                                 struct history_table *table, struct ss_error *error)
{
    const size_t count = (size_t)sqlite3_column_int64(statement, 3);
    if (!table->indexes) table->indexes = ss_arena_array(&history->arena, count, sizeof *table->indexes);
    if (!table->indexes) return ss_fail_memory(error, "the indexes of a source");
    struct history_index *index = &table->indexes[table->index_count];
    index->id = sqlite3_column_int64(statement, 0);
    index->keys = copy_text(&history->arena, statement, 1);
    index->columns_text = copy_text(&history->arena, statement, 2);
    if (!index->keys || !index->columns_text) return ss_fail_memory(error, "the indexes of a source");
    if (index->id <= 0 || !parse_index(index, table, &history->arena)) // 0 is the log
        return ss_history_fail_row(history, "an index makes no sense", error);
    table->index_count++;
    return SS_OK;
}

enum ss_status ss_history_load_indexes(struct ss_history *history, struct history_table *table,
                                       struct ss_error *error)
{
    enum ss_status status = SS_OK;
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(
        history,
        "SELECT id, keys, columns, count(*) OVER () FROM entity_indexes WHERE source = ?1 ORDER BY id",
        &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the indexes of a source", error));
        if (!row) return SS_OK;
        status = take_index(history, statement, table, error);
        if (status != SS_OK) break;
    }
    ss_history_done(statement);
    return status;
}

const struct history_index *ss_history_find_index(const struct history_table *table,
                                                  const struct ss_view *view, const int *positions)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const struct history_index *index = &table->indexes[i];
        size_t same = 0;
        while (same < index->key_count && same < view->entity->key_count &&
               index->positions[same] == positions[view->key_columns[same]])
            same++;
        if (same == index->key_count && same == view->entity->key_count) return index;
    }
    return NULL;
}

// ---- What an index must hold

static bool is_key(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->key_count; i++)
        if (index->positions[i] == position) return true;
    return false;
}

static bool same_entity(const struct ss_view *a, const struct ss_view *b)
{
    if (a->source != b->source || a->entity->key_count != b->entity->key_count) return false;
    for (size_t i = 0; i < a->entity->key_count; i++)
        if (a->key_columns[i] != b->key_columns[i]) return false;
    return true;
}

// Marks what views of the same source and entity read, and what the index has (NULL: nothing).
static void mark_columns(const struct ss_definitions *definitions, const struct ss_view *view,
                         const int *positions, const struct history_index *keys,
                         const struct history_index *index, bool *wanted)
{
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *other = &definitions->views[v];
        if (!same_entity(view, other)) continue;
        for (size_t i = 0; i < view->source->column_count; i++)
            if (other->row_inputs[i] && positions[i] >= 0 && !is_key(keys, positions[i]))
                wanted[positions[i]] = true;
    }
    for (size_t i = 0; index && i < index->column_count; i++) wanted[index->columns[i]] = true;
}

static bool holds_all(const struct history_index *index, const bool *wanted, size_t column_count)
{
    size_t count = 0;
    for (size_t i = 0; i < column_count; i++) count += wanted[i];
    return index->column_count == count; // what it has is among the wanted
}

// ---- Making one

static enum ss_status note_index(struct ss_history *history, const struct history_table *table,
                                 const struct history_index *index, struct ss_buffer *keys,
                                 struct ss_buffer *columns, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history,
                                index
                                    ? "UPDATE entity_indexes SET columns = ?3 WHERE source = ?1 AND keys = ?2"
                                    : "INSERT INTO entity_indexes(source, keys, columns) VALUES(?1, ?2, ?3)",
                                &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    sqlite3_bind_text(statement, 2, (const char *)keys->data, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, (const char *)columns->data, -1, SQLITE_STATIC);
    return ss_history_run(history, statement, "adding an index", error);
}

static enum ss_status index_staging(struct ss_history *history, const struct history_table *table,
                                    const char *keys, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    int positions[SS_MAX_KEYS];
    size_t count;
    SS_ASSERT(parse_positions(keys, positions, SS_MAX_KEYS, &count));
    ss_buffer_format(&sql, "CREATE INDEX events_%lld%s_by ON events_%lld(", (long long)table->id, keys,
                     (long long)table->id);
    for (size_t i = 0; i < count; i++) ss_buffer_format(&sql, "c%d, ", positions[i]);
    ss_buffer_text(&sql, "event_time_us)");
    const enum ss_status status = ss_history_execute_buffer(history, &sql, error);
    ss_buffer_release(&sql);
    return status;
}

enum ss_status ss_history_drop_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, struct ss_error *error)
{
    size_t count;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *segments = ss_history_segments_of(history, table->id, index->id, &count);
    for (size_t i = 0; i < count; i++) SS_TRY(ss_history_delete_segment(history, segments[i].id, error));
    return count ? ss_history_segments_changed(history, error) : SS_OK;
}

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

enum ss_status ss_history_make_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_arena arena = {0};
    size_t count;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    bool *wanted = ss_arena_array(&arena, table->column_count + 1, sizeof *wanted);
    if (!wanted) return ss_fail_memory(error, "the columns of an index");
    for (size_t i = 0; i < index->key_count; i++) wanted[index->positions[i]] = true;
    for (size_t i = 0; i < index->column_count; i++) wanted[index->columns[i]] = true;
    for (size_t first = 0, end = 0; first < count; first = end) {
        int32_t rows = 0;
        while (end < count && (end == first || rows + log[end].row_count <= RUN_ROWS))
            rows += log[end++].row_count;
        SS_TRY_GOTO(make_run(history, table, index, wanted, log + first, log + end, error), out);
    }
out:
    ss_arena_release(&arena);
    return status;
}

static enum ss_status make_index(struct ss_history *history, const struct history_table *table,
                                 const struct ss_view *view, const int *positions,
                                 const struct history_index *old, struct ss_buffer *keys,
                                 struct ss_buffer *columns, struct ss_error *error)
{
    ss_buffer_byte(keys, 0);
    ss_buffer_byte(columns, 0);
    if (keys->failed || columns->failed) return ss_fail_memory(error, "an index");
    const struct ss_source *source = view->source;
    if (old) SS_TRY(ss_history_drop_runs(history, table, old, error));
    SS_TRY(note_index(history, table, old, keys, columns, error));
    if (!old) SS_TRY(index_staging(history, table, (const char *)keys->data, error));
    SS_TRY(ss_history_load_tables(history, error));
    SS_TRY(ss_history_find_table(history, source->name, &table, error));
    const struct history_index *index = table ? ss_history_find_index(table, view, positions) : NULL;
    if (!index)
        return ss_history_fail_row(history, "an index that was just written is not in the list", error);
    return ss_history_make_runs(history, table, index, error);
}

enum ss_status ss_history_prepare_index(struct ss_history *history, const struct ss_definitions *definitions,
                                        size_t number, struct ss_error *error)
{
    enum ss_status status;
    const struct ss_view *view = &definitions->views[number];
    const struct history_table *table;
    struct ss_arena arena = {0};
    struct ss_buffer keys = {0}, columns = {0};
    struct history_index made = {.key_count = view->entity->key_count};
    int *positions = ss_arena_array(&arena, view->source->column_count + 1, sizeof *positions);
    if (!positions) return ss_fail_memory(error, "the columns of a view");
    SS_TRY_GOTO(ss_history_require_table(history, view->source, &table, positions, error), out);
    const struct history_index *old = ss_history_find_index(table, view, positions);
    bool *wanted = ss_arena_array(&arena, table->column_count + 1, sizeof *wanted);
    SS_TRY_GOTO(wanted ? SS_OK : ss_fail_memory(error, "the columns of a view"), out);
    for (size_t i = 0; i < made.key_count; i++) made.positions[i] = positions[view->key_columns[i]];
    mark_columns(definitions, view, positions, &made, old, wanted);
    if (old && holds_all(old, wanted, table->column_count)) goto out;
    for (size_t i = 0; i < made.key_count; i++) ss_buffer_format(&keys, "_%d", made.positions[i]);
    for (size_t i = 0; i < table->column_count; i++)
        if (wanted[i]) ss_buffer_format(&columns, "_%zu", i);
    status = make_index(history, table, view, positions, old, &keys, &columns, error);
out:
    ss_buffer_release(&keys);
    ss_buffer_release(&columns);
    ss_arena_release(&arena);
    return status;
}
