// Writing to history: appending events.
//
// An insert is tried first and looked at only when the identity index refuses it: the common case is one
// statement. What a row meets (DESIGN C7; identity is (source, event_time, event_id)):
//
//   insert   the same identity, equal columns     duplicate
//            the same identity, other columns     conflict
//            a delete that came first             duplicate
//   delete   a delete of the same identity        duplicate
//            the row it takes back                stored, and marked on that row
//            nothing                              stored with target_seq 0: it takes back what never comes
//
// seq is given out to stored rows alone, so it has no holes.

#include "store/history_internal.h"

#include <string.h>

// One append at work.
struct append {
    struct ss_history *history;
    const struct ss_append *rows;
    const struct history_table *table;
    const int *positions; // of each column in the table; -1: the event_time column
    const char *source;
    bool has_deletes; // does the table hold any delete?
    sqlite3_stmt *insert, *find_row, *find_delete, *mark;
    sqlite3_stmt **index_inserts; // of each index of the table
    int (
        *index_columns)[SS_MAX_KEYS]; // of each index: the source's columns of its key parts; -1: it has none
};

static struct ss_value value_at(const struct append *append, int column, int32_t row)
{
    return ss_column_get(&append->rows->columns[column], row);
}

static enum ss_status build_insert(struct append *append, struct ss_buffer *sql, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    ss_buffer_clear(sql);
    ss_buffer_format(
        sql, "INSERT OR IGNORE INTO events_%lld(seq, event_time_us, arrival_us, is_delete, target_seq",
        (long long)append->table->id);
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0) ss_buffer_format(sql, ", c%d", append->positions[i]);
    ss_buffer_text(sql, ") VALUES(?1, ?2, ?3, ?4, ?5");
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0) ss_buffer_format(sql, ", ?%zu", i + 6);
    ss_buffer_text(sql, ")");
    return ss_history_statement_of(append->history, sql, &append->insert, error);
}

static enum ss_status build_find(struct append *append, bool deletes, struct ss_buffer *sql,
                                 sqlite3_stmt **statement, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    ss_buffer_clear(sql);
    ss_buffer_text(sql, "SELECT seq");
    for (size_t i = 0; i < source->column_count && !deletes; i++) {
        ss_buffer_text(sql, ", ");
        ss_history_append_column(sql, append->positions[i]);
    }
    ss_buffer_format(sql,
                     " FROM events_%lld INDEXED BY events_%lld_%s WHERE is_delete = %d AND event_time_us = ?1"
                     " AND ",
                     (long long)append->table->id, (long long)append->table->id,
                     deletes ? "deletes" : "identity", deletes);
    ss_history_append_column(sql, append->positions[source->event_id_column]);
    ss_buffer_text(sql, " = ?2");
    return ss_history_statement_of(append->history, sql, statement, error);
}

static enum ss_status look_for_deletes(struct append *append, struct ss_buffer *sql, struct ss_error *error)
{
    sqlite3_stmt *statement;
    ss_buffer_clear(sql);
    ss_buffer_format(sql,
                     "SELECT 1 FROM events_%lld INDEXED BY events_%lld_deletes WHERE is_delete = 1 LIMIT 1",
                     (long long)append->table->id, (long long)append->table->id);
    SS_TRY(ss_history_statement_of(append->history, sql, &statement, error));
    SS_TRY(ss_history_step(append->history, statement, &append->has_deletes, "looking for deletes", error));
    ss_history_done(statement);
    return SS_OK;
}

static enum ss_status build_statements(struct append *append, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    enum ss_status status;
    SS_TRY_GOTO(build_insert(append, &sql, error), out);
    for (size_t i = 0; i < append->table->index_count; i++)
        SS_TRY_GOTO(ss_history_index_insert(append->history, append->table, &append->table->indexes[i],
                                            &append->index_inserts[i], error),
                    out);
    if (append->rows->source->event_id_column >= 0) {
        SS_TRY_GOTO(build_find(append, false, &sql, &append->find_row, error), out);
        SS_TRY_GOTO(build_find(append, true, &sql, &append->find_delete, error), out);
        SS_TRY_GOTO(look_for_deletes(append, &sql, error), out);
        ss_buffer_clear(&sql);
        ss_buffer_format(
            &sql,
            "UPDATE events_%lld SET deleted_seq = ?1, deleted_arrival_us = ?2 WHERE seq = ?3 AND "
            "is_delete = 0",
            (long long)append->table->id);
        SS_TRY_GOTO(ss_history_statement_of(append->history, &sql, &append->mark, error), out);
    }
out:
    ss_buffer_release(&sql);
    return status;
}

// The column of the source that is kept at a position of the table, or -1.
static int column_at(const struct append *append, int position)
{
    for (size_t i = 0; i < append->rows->source->column_count; i++)
        if (append->positions[i] == position) return (int)i;
    return -1;
}

// Rows with a null part of the key are in no view of the entity (DESIGN C13): they have no entry.
static enum ss_status index_row(const struct append *append, size_t index, int32_t row, uint64_t seq,
                                struct ss_error *error)
{
    const struct history_index *by = &append->table->indexes[index];
    sqlite3_stmt *insert = append->index_inserts[index];
    int parameter = 1;
    for (size_t i = 0; i < by->key_count; i++) {
        const int column = append->index_columns[index][i];
        const struct ss_value part = column < 0 ? (struct ss_value){0} : value_at(append, column, row);
        if (!part.present) return SS_OK;
        ss_history_bind(insert, parameter++, append->rows->source->columns[column].type, part);
    }
    sqlite3_bind_int64(insert, parameter++, append->rows->event_time_us[row]);
    sqlite3_bind_int64(insert, parameter, (int64_t)seq);
    const int code = sqlite3_step(insert);
    sqlite3_reset(insert);
    return code == SQLITE_DONE ? SS_OK : ss_history_fail(append->history, code, "indexing an event", error);
}

// *stored false: the identity index refused the row.
static enum ss_status insert_row(const struct append *append, int32_t row, bool is_delete, int64_t target_seq,
                                 bool *stored, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    sqlite3_stmt *insert = append->insert;
    sqlite3_bind_int64(insert, 1, (int64_t)append->history->next_seq);
    sqlite3_bind_int64(insert, 2, append->rows->event_time_us[row]);
    sqlite3_bind_int64(insert, 3, append->rows->arrival_us[row]);
    sqlite3_bind_int(insert, 4, is_delete);
    if (is_delete)
        sqlite3_bind_int64(insert, 5, target_seq);
    else
        sqlite3_bind_null(insert, 5);
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0)
            ss_history_bind(insert, (int)i + 6, source->columns[i].type, value_at(append, (int)i, row));
    const int code = sqlite3_step(insert);
    sqlite3_reset(insert); // every parameter is bound anew for the next row
    if (code != SQLITE_DONE) return ss_history_fail(append->history, code, "storing an event", error);
    *stored = sqlite3_changes(append->history->db) == 1;
    if (*stored) append->history->next_seq++;
    return SS_OK;
}

static enum ss_status index_insert(const struct append *append, int32_t row, uint64_t seq,
                                   struct ss_error *error)
{
    for (size_t i = 0; i < append->table->index_count; i++) SS_TRY(index_row(append, i, row, seq, error));
    return SS_OK;
}

// The row of the identity, left on its statement when there is one.
static enum ss_status find(const struct append *append, sqlite3_stmt *statement, int32_t row, bool *found,
                           struct ss_error *error)
{
    const int id = append->rows->source->event_id_column;
    sqlite3_bind_int64(statement, 1, append->rows->event_time_us[row]);
    ss_history_bind(statement, 2, append->rows->source->columns[id].type, value_at(append, id, row));
    return ss_history_step(append->history, statement, found, "looking for an event", error);
}

static enum ss_status compare_stored(const struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                     struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    enum ss_status status = SS_OK;
    bool found;
    SS_TRY(find(append, append->find_row, row, &found, error));
    if (!found)
        return ss_history_fail_row(append->history, "the index of event ids does not match the events",
                                   error);
    *outcome = SS_ROW_DUPLICATE;
    for (size_t i = 0; i < source->column_count && status == SS_OK; i++) {
        struct ss_value stored;
        if ((int)i == source->op_column || append->positions[i] < 0) continue;
        if (!ss_history_value(append->find_row, (int)i + 1, source->columns[i].type, &stored))
            status =
                ss_history_fail_row(append->history, "a stored value is not of its column's type", error);
        else if (!ss_value_equal(source->columns[i].type, stored, value_at(append, (int)i, row)))
            *outcome = SS_ROW_CONFLICT;
    }
    ss_history_done(append->find_row);
    return status;
}

static enum ss_status append_insert(const struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                    struct ss_error *error)
{
    bool found = false, stored;
    if (append->has_deletes) SS_TRY(find(append, append->find_delete, row, &found, error));
    if (found) {
        ss_history_done(append->find_delete);
        SS_TRY(find(append, append->find_row, row, &found, error));
        ss_history_done(append->find_row);
        *outcome = SS_ROW_DUPLICATE;
        return found ? compare_stored(append, row, outcome, error) : SS_OK;
    }
    const uint64_t seq = append->history->next_seq;
    SS_TRY(insert_row(append, row, false, 0, &stored, error));
    *outcome = SS_ROW_STORED;
    if (stored) return index_insert(append, row, seq, error);
    if (!append->find_row)
        return ss_history_fail_row(append->history, "a seq that was not given out yet is taken", error);
    return compare_stored(append, row, outcome, error);
}

static enum ss_status mark_deleted(const struct append *append, int32_t row, int64_t target_seq,
                                   uint64_t deleted_seq, struct ss_error *error)
{
    sqlite3_bind_int64(append->mark, 1, (int64_t)deleted_seq);
    sqlite3_bind_int64(append->mark, 2, append->rows->arrival_us[row]);
    sqlite3_bind_int64(append->mark, 3, target_seq);
    SS_TRY(ss_history_run(append->history, append->mark, "marking an event as deleted", error));
    if (sqlite3_changes(append->history->db) == 1) return SS_OK;
    return ss_history_fail_row(append->history, "the index of event ids names an event that is not there",
                               error);
}

static enum ss_status append_delete(struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                    struct ss_error *error)
{
    bool found, stored;
    int64_t target_seq = 0;
    const uint64_t seq = append->history->next_seq;
    SS_TRY(find(append, append->find_row, row, &found, error));
    if (found) target_seq = sqlite3_column_int64(append->find_row, 0);
    ss_history_done(append->find_row);
    SS_TRY(insert_row(append, row, true, target_seq, &stored, error));
    *outcome = stored ? SS_ROW_STORED : SS_ROW_DUPLICATE;
    if (stored) append->has_deletes = true;
    return stored && target_seq ? mark_deleted(append, row, target_seq, seq, error) : SS_OK;
}

static enum ss_status init_append(struct append *append, struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    int *positions = ss_arena_array(arena, source->column_count, sizeof *positions);
    if (!positions) return ss_fail_memory(error, "the columns of a batch");
    SS_TRY(ss_history_require_table(append->history, source, &append->table, positions, error));
    const size_t indexes = append->table->index_count;
    append->positions = positions;
    append->index_inserts = ss_arena_array(arena, indexes + 1, sizeof *append->index_inserts);
    append->index_columns = ss_arena_array(arena, indexes + 1, sizeof *append->index_columns);
    if (!append->index_inserts || !append->index_columns)
        return ss_fail_memory(error, "the indexes of a batch");
    for (size_t i = 0; i < indexes; i++)
        for (size_t part = 0; part < append->table->indexes[i].key_count; part++)
            append->index_columns[i][part] = column_at(append, append->table->indexes[i].positions[part]);
    return build_statements(append, error);
}

enum ss_status ss_history_append(struct ss_history *history, const struct ss_append *rows,
                                 enum ss_row_outcome *outcomes, struct ss_error *error)
{
    enum ss_status status;
    struct ss_arena arena = {0};
    struct append append = {.history = history, .rows = rows};
    SS_ASSERT(history->in_transaction);
    SS_TRY_GOTO(init_append(&append, &arena, error), out);
    for (int32_t row = 0; row < rows->length; row++) {
        const bool is_delete = rows->is_delete && rows->is_delete[row];
        SS_ASSERT(!is_delete || append.find_row);
        SS_TRY_GOTO(is_delete ? append_delete(&append, row, &outcomes[row], error)
                              : append_insert(&append, row, &outcomes[row], error),
                    out);
    }
out:
    ss_history_done(append.insert); // unbinds the batch's strings
    for (size_t i = 0; append.index_inserts && i < append.table->index_count; i++)
        ss_history_done(append.index_inserts[i]);
    ss_arena_release(&arena);
    return status;
}
