// Writing to history: appending events.
//
// What a row meets (DESIGN C7; identity is (source, event_time, event_id)):
//
//   insert   the same identity, equal columns     duplicate
//            the same identity, other columns     conflict
//            a delete that came first             duplicate
//   delete   a delete of the same identity        duplicate
//            the row it takes back                stored, with that row as its target
//            nothing                              stored with target_seq 0: it takes back what never comes
//
// seq is given out to stored rows alone, so it has no holes.
//
// A small batch goes row by row to staging: an insert is tried first and looked at only when the index of
// identities refuses it. A large one goes to segments straight away (history_bulk.c).

#include "store/history_internal.h"

#include <string.h>

// One append at work.
struct append {
    struct ss_history *history;
    const struct ss_append *rows;
    const struct history_table *table;
    const int *positions; // of each column in the table; -1: the event_time column
    bool has_deletes;     // does the source have any?
    sqlite3_stmt *insert, *find_row;
};

static struct ss_value value_at(const struct append *append, int column, int32_t row)
{
    return ss_column_get(&append->rows->columns[column], row);
}

static struct ss_value id_of(const struct append *append, int32_t row)
{
    return value_at(append, append->rows->source->event_id_column, row);
}

static enum ss_status build_insert(struct append *append, struct ss_buffer *sql, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    ss_buffer_clear(sql);
    ss_buffer_format(sql, "INSERT OR IGNORE INTO events_%lld(seq, event_time_us, arrival_us",
                     (long long)append->table->id);
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0) ss_buffer_format(sql, ", c%d", append->positions[i]);
    ss_buffer_text(sql, ") VALUES(?1, ?2, ?3");
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0) ss_buffer_format(sql, ", ?%zu", i + 4);
    ss_buffer_text(sql, ")");
    return ss_history_statement_of(append->history, sql, &append->insert, error);
}

static enum ss_status build_find(struct append *append, struct ss_buffer *sql, struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    ss_buffer_clear(sql);
    ss_buffer_text(sql, "SELECT seq");
    for (size_t i = 0; i < source->column_count; i++) {
        ss_buffer_text(sql, ", ");
        ss_history_append_column(sql, append->positions[i]);
    }
    ss_buffer_format(sql, " FROM events_%lld INDEXED BY events_%lld_identity WHERE event_time_us = ?1",
                     (long long)append->table->id, (long long)append->table->id);
    if (append->table->id_position >= 0) ss_buffer_format(sql, " AND c%d = ?2", append->table->id_position);
    return ss_history_statement_of(append->history, sql, &append->find_row, error);
}

static enum ss_status build_statements(struct append *append, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    enum ss_status status;
    SS_TRY_GOTO(build_insert(append, &sql, error), out);
    if (append->table->has_identity) {
        SS_TRY_GOTO(build_find(append, &sql, error), out);
        status = ss_history_has_deletes(append->history, append->table, &append->has_deletes, error);
    }
out:
    ss_buffer_release(&sql);
    return status;
}

// *stored false: the identity index refused the row.
static enum ss_status insert_row(const struct append *append, int32_t row, bool *stored,
                                 struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    sqlite3_stmt *insert = append->insert;
    sqlite3_bind_int64(insert, 1, (int64_t)append->history->next_seq);
    sqlite3_bind_int64(insert, 2, append->rows->event_time_us[row]);
    sqlite3_bind_int64(insert, 3, append->rows->arrival_us[row]);
    for (size_t i = 0; i < source->column_count; i++)
        if (append->positions[i] >= 0)
            ss_history_bind(insert, (int)i + 4, source->columns[i].type, value_at(append, (int)i, row));
    const int code = sqlite3_step(insert);
    sqlite3_reset(insert); // every parameter is bound anew for the next row
    if (code != SQLITE_DONE) return ss_history_fail(append->history, code, "storing an event", error);
    *stored = sqlite3_changes(append->history->db) == 1;
    if (*stored) append->history->next_seq++;
    if (*stored && append->table->cache->staged_rows >= 0) append->table->cache->staged_rows++;
    return SS_OK;
}

// ---- What is there already

// The staged row of the identity, left on its statement when there is one.
static enum ss_status find_staged(const struct append *append, int32_t row, bool *found,
                                  struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    sqlite3_bind_int64(append->find_row, 1, append->rows->event_time_us[row]);
    if (append->table->id_position >= 0)
        ss_history_bind(append->find_row, 2, source->columns[source->event_id_column].type,
                        id_of(append, row));
    return ss_history_step(append->history, append->find_row, found, "looking for an event", error);
}

static bool is_compared(const struct append *append, size_t column)
{
    return (int)column != append->rows->source->op_column && append->positions[column] >= 0;
}

static enum ss_status compare_staged(const struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                     struct ss_error *error)
{
    const struct ss_source *source = append->rows->source;
    enum ss_status status = SS_OK;
    *outcome = SS_ROW_DUPLICATE;
    for (size_t i = 0; i < source->column_count && status == SS_OK; i++) {
        struct ss_value stored;
        if (!is_compared(append, i)) continue;
        if (!ss_history_value(append->find_row, (int)i + 1, source->columns[i].type, &stored))
            status =
                ss_history_fail_row(append->history, "a stored value is not of its column's type", error);
        else if (!ss_value_equal(source->columns[i].type, stored, value_at(append, (int)i, row)))
            *outcome = SS_ROW_CONFLICT;
    }
    ss_history_done(append->find_row);
    return status;
}

static enum ss_status compare_place(const struct append *append, int32_t row,
                                    const struct history_place *place, enum ss_row_outcome *outcome,
                                    struct ss_error *error)
{
    return ss_history_compare_place(append->history, append->table, append->rows, append->positions, row,
                                    place, outcome, error);
}

// Looks the identity up and compares. *seq 0: no such insert.
static enum ss_status look_up(struct append *append, int32_t row, uint64_t *seq, enum ss_row_outcome *outcome,
                              struct ss_error *error)
{
    struct history_place place = {0};
    bool found;
    *seq = 0;
    SS_TRY(find_staged(append, row, &found, error));
    if (found) {
        *seq = (uint64_t)sqlite3_column_int64(append->find_row, 0);
        if (*seq == 0 || *seq >= append->history->next_seq) {
            ss_history_done(append->find_row);
            return ss_history_fail_row(append->history, "an event has a seq that was not given out", error);
        }
        return compare_staged(append, row, outcome, error);
    }
    SS_TRY(ss_history_find_event(append->history, append->table, append->rows->event_time_us[row],
                                 id_of(append, row), &place, error));
    if (!place.data) return SS_OK;
    *seq = place.seq;
    const enum ss_status status = compare_place(append, row, &place, outcome, error);
    ss_history_leave_place(append->history, &place);
    return status;
}

// ---- Rows

static enum ss_status append_insert(struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                    struct ss_error *error)
{
    struct ss_history *history = append->history;
    struct history_place place = {0};
    bool deleted = false, stored = false;
    uint64_t seq;
    *outcome = SS_ROW_STORED;
    if (append->table->has_identity) {
        if (append->has_deletes)
            SS_TRY(ss_history_find_delete(history, append->table, append->rows->event_time_us[row],
                                          id_of(append, row), &deleted, error));
        if (deleted) {
            *outcome = SS_ROW_DUPLICATE;
            return look_up(append, row, &seq, outcome, error);
        }
        SS_TRY(ss_history_find_event(history, append->table, append->rows->event_time_us[row],
                                     id_of(append, row), &place, error));
        if (place.data) {
            const enum ss_status status = compare_place(append, row, &place, outcome, error);
            ss_history_leave_place(history, &place);
            return status;
        }
    }
    SS_TRY(insert_row(append, row, &stored, error));
    if (stored) return SS_OK;
    if (!append->find_row)
        return ss_history_fail_row(history, "a seq that was not given out yet is taken", error);
    SS_TRY(look_up(append, row, &seq, outcome, error));
    return seq ? SS_OK
               : ss_history_fail_row(history, "the index of event ids does not match the events", error);
}

static enum ss_status append_delete(struct append *append, int32_t row, enum ss_row_outcome *outcome,
                                    struct ss_error *error)
{
    struct ss_history *history = append->history;
    const int64_t event_time_us = append->rows->event_time_us[row];
    enum ss_row_outcome compared;
    uint64_t target_seq;
    bool again;
    SS_TRY(ss_history_find_delete(history, append->table, event_time_us, id_of(append, row), &again, error));
    *outcome = again ? SS_ROW_DUPLICATE : SS_ROW_STORED;
    if (again) return SS_OK;
    SS_TRY(look_up(append, row, &target_seq, &compared, error));
    SS_TRY(ss_history_insert_delete(history, append->table, history->next_seq, event_time_us,
                                    append->rows->arrival_us[row], id_of(append, row), target_seq, error));
    history->next_seq++;
    append->has_deletes = true;
    return SS_OK;
}

static enum ss_status append_rows(struct append *append, enum ss_row_outcome *outcomes,
                                  struct ss_error *error)
{
    SS_TRY(build_statements(append, error));
    for (int32_t row = 0; row < append->rows->length; row++) {
        const bool is_delete = append->rows->is_delete && append->rows->is_delete[row];
        SS_ASSERT(!is_delete || append->find_row);
        SS_TRY(is_delete ? append_delete(append, row, &outcomes[row], error)
                         : append_insert(append, row, &outcomes[row], error));
    }
    return SS_OK;
}

enum ss_status ss_history_append(struct ss_history *history, const struct ss_append *rows,
                                 enum ss_row_outcome *outcomes, struct ss_error *error)
{
    enum ss_status status;
    struct append append = {.history = history, .rows = rows};
    struct ss_arena arena = {0};
    SS_ASSERT(history->in_transaction);
    int *positions = ss_arena_array(&arena, rows->source->column_count + 1, sizeof *positions);
    if (!positions) return ss_fail_memory(error, "the columns of a batch");
    SS_TRY_GOTO(ss_history_require_table(history, rows->source, &append.table, positions, error), out);
    SS_TRY_GOTO(ss_history_refresh_segments(history, error), out);
    append.positions = positions;
    status = ss_history_is_bulk(history, rows)
                 ? ss_history_append_bulk(history, rows, append.table, positions, outcomes, error)
                 : append_rows(&append, outcomes, error);
    ss_history_done(append.insert); // unbinds the batch's strings
    ss_history_done(append.find_row);
out:
    ss_arena_release(&arena);
    return status;
}
