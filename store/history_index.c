// Indexes by entity: which events an entity has, in the order of their times.
//
// An index has two tables of the same shape, their primary key all of (key parts, event_time_us, seq):
//
//   by_<id><keys>   the body
//   new_<id><keys>  what came since the body was last written
//
// Events of one batch belong to entities all over the place. Entered into one large table each of them would
// change another page, and a batch of ten thousand would write most of the index again. So they are entered
// into the small table, and when that has grown, a commit moves all of it to the body in the order of the
// keys: every page is written once. Reads merge the two. An event with a null part in the key has no entry.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

#define MERGE_LEAST 65536  // entries, below which the small table is cheap
#define MERGE_MOST  262144 // above which it is not small any more
#define MERGE_PART  16     // between: this part of all events

static void append_name(struct ss_buffer *sql, const char *kind, int64_t id, const char *keys)
{
    ss_buffer_format(sql, "%s_%lld%s", kind, (long long)id, keys);
}

static bool parse_keys(struct history_index *index)
{
    const char *at = index->keys;
    while (*at) {
        char *end;
        if (*at != '_' || index->key_count == SS_MAX_KEYS) return false;
        const long position = strtol(at + 1, &end, 10);
        if (end == at + 1 || position < 0 || position > INT16_MAX) return false;
        index->positions[index->key_count++] = (int)position;
        at = end;
    }
    return true;
}

enum ss_status ss_history_load_indexes(struct ss_history *history, struct history_table *table,
                                       struct ss_error *error)
{
    enum ss_status status = SS_OK;
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(
        history, "SELECT keys, count(*) OVER () FROM entity_indexes WHERE source = ?1 ORDER BY keys",
        &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the indexes of a source", error));
        if (!row) break;
        const size_t count = (size_t)sqlite3_column_int64(statement, 1);
        if (!table->indexes) table->indexes = ss_arena_array(&history->arena, count, sizeof *table->indexes);
        const unsigned char *keys = sqlite3_column_text(statement, 0);
        struct history_index *index = table->indexes ? &table->indexes[table->index_count] : NULL;
        if (index && keys)
            index->keys = ss_arena_copy(&history->arena, keys, (size_t)sqlite3_column_bytes(statement, 0));
        if (!index || !index->keys)
            status = ss_fail_memory(error, "the indexes of a source");
        else if (!parse_keys(index))
            status = ss_history_fail_row(history, "an index makes no sense", error);
        if (status != SS_OK) break;
        table->index_count++;
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

enum ss_status ss_history_index_insert(struct ss_history *history, const struct history_table *table,
                                       const struct history_index *index, sqlite3_stmt **statement,
                                       struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_text(&sql, "INSERT INTO ");
    append_name(&sql, "new", table->id, index->keys);
    ss_buffer_text(&sql, " VALUES(");
    for (size_t i = 1; i <= index->key_count; i++) ss_buffer_format(&sql, "?%zu, ", i);
    ss_buffer_format(&sql, "?%zu, ?%zu)", index->key_count + 1, index->key_count + 2);
    const enum ss_status status = ss_history_statement_of(history, &sql, statement, error);
    ss_buffer_release(&sql);
    return status;
}

// ---- Adding one

static void append_key_list(struct ss_buffer *sql, const struct history_index *index)
{
    for (size_t i = 0; i < index->key_count; i++) ss_buffer_format(sql, "c%d, ", index->positions[i]);
}

static enum ss_status create_tables(struct ss_history *history, int64_t id, const struct history_index *index,
                                    struct ss_buffer *sql, struct ss_error *error)
{
    static const char *const kinds[] = {"by", "new"};
    for (size_t i = 0; i < 2; i++) {
        ss_buffer_text(sql, "CREATE TABLE ");
        append_name(sql, kinds[i], id, index->keys);
        ss_buffer_text(sql, "(");
        append_key_list(sql, index);
        ss_buffer_text(sql, "event_time_us, seq, PRIMARY KEY(");
        append_key_list(sql, index);
        ss_buffer_text(sql, "event_time_us, seq)) WITHOUT ROWID");
        SS_TRY(ss_history_execute_buffer(history, sql, error));
    }
    return SS_OK;
}

static enum ss_status fill_body(struct ss_history *history, int64_t id, const struct history_index *index,
                                struct ss_buffer *sql, struct ss_error *error)
{
    ss_buffer_text(sql, "INSERT INTO ");
    append_name(sql, "by", id, index->keys);
    ss_buffer_text(sql, " SELECT ");
    append_key_list(sql, index);
    ss_buffer_format(sql, "event_time_us, seq FROM events_%lld WHERE is_delete = 0", (long long)id);
    for (size_t i = 0; i < index->key_count; i++)
        ss_buffer_format(sql, " AND c%d IS NOT NULL", index->positions[i]);
    ss_buffer_text(sql, " ORDER BY ");
    append_key_list(sql, index);
    ss_buffer_text(sql, "event_time_us, seq");
    return ss_history_execute_buffer(history, sql, error);
}

static enum ss_status note_index(struct ss_history *history, int64_t id, const char *keys,
                                 struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "INSERT INTO entity_indexes VALUES(?1, ?2)", &statement, error));
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_text(statement, 2, keys, -1, SQLITE_STATIC);
    return ss_history_run(history, statement, "adding an index", error);
}

enum ss_status ss_history_add_index(struct ss_history *history, const struct history_table *table,
                                    const struct ss_view *view, const int *positions, struct ss_error *error)
{
    enum ss_status status;
    struct ss_buffer keys = {0}, sql = {0};
    struct history_index index = {0};
    const int64_t id = table->id;
    for (size_t i = 0; i < view->entity->key_count; i++)
        ss_buffer_format(&keys, "_%d", positions[view->key_columns[i]]);
    ss_buffer_byte(&keys, 0);
    SS_TRY_GOTO(keys.failed ? ss_fail_memory(error, "an index") : SS_OK, out);
    index.keys = (const char *)keys.data;
    SS_ASSERT(parse_keys(&index));
    SS_TRY_GOTO(note_index(history, id, index.keys, error), out);
    SS_TRY_GOTO(create_tables(history, id, &index, &sql, error), out);
    SS_TRY_GOTO(fill_body(history, id, &index, &sql, error), out);
out:
    ss_buffer_release(&keys);
    ss_buffer_release(&sql);
    return status;
}

// ---- Merging

static enum ss_status merge_index(struct ss_history *history, int64_t id, const struct history_index *index,
                                  struct ss_buffer *sql, struct ss_error *error)
{
    ss_buffer_text(sql, "INSERT INTO ");
    append_name(sql, "by", id, index->keys);
    ss_buffer_text(sql, " SELECT * FROM ");
    append_name(sql, "new", id, index->keys);
    ss_buffer_text(sql, " ORDER BY ");
    append_key_list(sql, index);
    ss_buffer_text(sql, "event_time_us, seq; DELETE FROM ");
    append_name(sql, "new", id, index->keys);
    return ss_history_execute_buffer(history, sql, error);
}

static enum ss_status read_merged(struct ss_history *history, uint64_t *merged_seq, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "SELECT last_seq FROM merges", &statement, error));
    SS_TRY(ss_history_step(history, statement, &row, "reading how far the indexes go", error));
    *merged_seq = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    ss_history_done(statement);
    return SS_OK;
}

static enum ss_status note_merged(struct ss_history *history, uint64_t seq, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "UPDATE merges SET last_seq = ?1", &statement, error));
    sqlite3_bind_int64(statement, 1, (int64_t)seq);
    return ss_history_run(history, statement, "noting how far the indexes go", error);
}

enum ss_status ss_history_merge_indexes(struct ss_history *history, uint64_t last_seq, struct ss_error *error)
{
    enum ss_status status;
    struct ss_buffer sql = {0};
    uint64_t merged_seq, most = last_seq / MERGE_PART;
    if (most < MERGE_LEAST) most = MERGE_LEAST;
    if (most > MERGE_MOST) most = MERGE_MOST;
    SS_TRY(read_merged(history, &merged_seq, error));
    if (last_seq - merged_seq < most) return SS_OK;
    SS_TRY_GOTO(ss_history_load_tables(history, error), out);
    for (size_t i = 0; i < history->table_count; i++) {
        const struct history_table *table = &history->tables[i];
        for (size_t index = 0; index < table->index_count; index++)
            SS_TRY_GOTO(merge_index(history, table->id, &table->indexes[index], &sql, error), out);
    }
    SS_TRY_GOTO(note_merged(history, last_seq, error), out);
out:
    ss_buffer_release(&sql);
    return status;
}
