// Tables of events: how a source's rows are laid out, and how that follows its definition.
//
//   events_<id>  staging, the inserts that are in no segment yet (history_staging.c):
//                seq                  INTEGER PRIMARY KEY: the rowid
//                event_time_us        the event_time column itself: it has no c<n>
//                arrival_us
//                c0, c1, ...          bool 0/1, int64, decimal (scaled) and timestamp INTEGER, float64 REAL,
//                                     string TEXT, bytes, list and vector BLOB. Without a declared type, so
//                                     that nothing is converted
//                events_<id>_identity unique on (event_time_us, event_id), for sources with event_id
//                events_<id><keys>    on (key parts, event_time_us), for every index by entity
//   deletes_<id> the deletes of a source with event_id (history_deletes.c)

#include "store/history_internal.h"

#include "engine/base/number.h"

#include <string.h>

// ---- What is there

static const char *copy_text(struct ss_arena *arena, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return ss_arena_copy(arena, text ? (const char *)text : "",
                         (size_t)sqlite3_column_bytes(statement, column));
}

static enum ss_status count_rows(struct ss_history *history, const char *sql, int64_t parameter,
                                 size_t *count, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, sql, &statement, error));
    if (sqlite3_bind_parameter_count(statement) > 0) sqlite3_bind_int64(statement, 1, parameter);
    SS_TRY(ss_history_step(history, statement, &row, "reading the list of sources", error));
    *count = (size_t)sqlite3_column_int64(statement, 0);
    ss_history_done(statement);
    return SS_OK;
}

static enum ss_status load_columns(struct ss_history *history, struct history_table *table,
                                   struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    size_t count;
    SS_TRY(count_rows(history, "SELECT count(*) FROM source_columns WHERE source = ?1", table->id, &count,
                      error));
    table->column_names = ss_arena_array(&history->arena, count + 1, sizeof *table->column_names);
    table->column_types = ss_arena_array(&history->arena, count + 1, sizeof *table->column_types);
    if (!table->column_names || !table->column_types) return ss_fail_memory(error, "the columns of a source");
    SS_TRY(ss_history_statement(
        history, "SELECT position, name, type FROM source_columns WHERE source = ?1 ORDER BY position",
        &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    for (size_t i = 0;; i++) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the columns of a source", error));
        if (!row && i < count) // a damaged index counts other rows than there are
            return ss_history_fail_row(history, "the columns of a source are not as many as counted", error);
        if (!row) break;
        const char *type = (const char *)sqlite3_column_text(statement, 2);
        const bool fits = i < count && sqlite3_column_int64(statement, 0) == (int64_t)i && type &&
                          ss_type_parse(ss_bytes_of(type), &table->column_types[i]);
        if (fits) table->column_names[i] = copy_text(&history->arena, statement, 1);
        if (fits && table->column_names[i]) continue;
        ss_history_done(statement);
        return fits ? ss_fail_memory(error, "the columns of a source")
                    : ss_history_fail_row(history, "the columns of a source make no sense", error);
    }
    table->column_count = count;
    return SS_OK;
}

static enum ss_status load_sources(struct ss_history *history, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    size_t count;
    SS_TRY(count_rows(history, "SELECT count(*) FROM sources", 0, &count, error));
    history->tables = ss_arena_array(&history->arena, count + 1, sizeof *history->tables);
    if (!history->tables) return ss_fail_memory(error, "the list of sources");
    SS_TRY(ss_history_statement(history, "SELECT id, name, identity, event_id FROM sources ORDER BY id",
                                &statement, error));
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the list of sources", error));
        if (row != (history->table_count < count)) { // a damaged index counts other rows than there are
            ss_history_done(statement);
            return ss_history_fail_row(history, "the list of sources has other rows than its index", error);
        }
        if (!row) break;
        struct history_table *table = &history->tables[history->table_count];
        table->id = sqlite3_column_int64(statement, 0);
        table->source = copy_text(&history->arena, statement, 1);
        table->identity = copy_text(&history->arena, statement, 2);
        table->has_identity = sqlite3_column_type(statement, 3) != SQLITE_NULL;
        table->id_name = copy_text(&history->arena, statement, 3);
        table->cache = ss_arena_alloc(&history->arena, sizeof *table->cache);
        if (table->cache) table->cache->staged_rows = -1;
        if (!table->source || !table->identity || !table->id_name || !table->cache) {
            ss_history_done(statement);
            return ss_fail_memory(error, "the list of sources");
        }
        history->table_count++;
    }
    ss_history_done(statement);
    return SS_OK;
}

static int position_of(const struct history_table *table, const char *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->column_names[i], column) == 0) return (int)i;
    return -1;
}

enum ss_status ss_history_load_tables(struct ss_history *history, struct ss_error *error)
{
    enum ss_status status;
    const bool begins = !history->in_transaction && !history->is_reading;
    ss_history_release_tables(history);
    if (begins) SS_TRY(ss_history_begin_read(history, error));
    SS_TRY_GOTO(load_sources(history, error), out);
    for (size_t i = 0; i < history->table_count; i++) {
        struct history_table *table = &history->tables[i];
        SS_TRY_GOTO(load_columns(history, table, error), out);
        SS_TRY_GOTO(ss_history_load_indexes(history, table, error), out);
        table->id_position = table->has_identity ? position_of(table, table->id_name) : -1;
    }
out:
    if (begins) ss_history_end_read(history);
    if (status != SS_OK) history->table_count = 0;
    return status;
}

void ss_history_release_tables(struct ss_history *history)
{
    for (size_t i = 0; i < history->table_count; i++) ss_history_release_deletes(history->tables[i].cache);
    history->table_count = 0;
    history->tables = NULL;
    ss_arena_reset(&history->arena);
}

static const struct history_table *known_table(const struct ss_history *history, const char *source)
{
    for (size_t i = 0; i < history->table_count; i++)
        if (strcmp(history->tables[i].source, source) == 0) return &history->tables[i];
    return NULL;
}

enum ss_status ss_history_find_table(struct ss_history *history, const char *source,
                                     const struct history_table **table, struct ss_error *error)
{
    if (!known_table(history, source)) SS_TRY(ss_history_load_tables(history, error));
    *table = known_table(history, source);
    return SS_OK;
}

// False: a column is missing or of another type.
static bool find_positions(const struct history_table *table, const struct ss_source *source, int *positions)
{
    for (size_t i = 0; i < source->column_count; i++) {
        positions[i] = -1;
        if ((int)i == source->event_time_column) continue;
        positions[i] = position_of(table, source->columns[i].name);
        if (positions[i] < 0 || !ss_type_equal(table->column_types[positions[i]], source->columns[i].type))
            return false;
    }
    return true;
}

// A source keeps its identity (check_identity), and what is written and read of it goes by both.
static bool same_identity(const struct history_table *table, const struct ss_source *source,
                          const int *positions)
{
    const int column = source->event_id_column;
    return table->has_identity == (column >= 0) &&
           table->id_position == (column >= 0 ? positions[column] : -1);
}

enum ss_status ss_history_require_table(struct ss_history *history, const struct ss_source *source,
                                        const struct history_table **table, int *positions,
                                        struct ss_error *error)
{
    const struct history_table *found = known_table(history, source->name);
    if (!found || !find_positions(found, source, positions)) {
        SS_TRY(
            ss_history_load_tables(history, error)); // another process may have applied definitions meanwhile
        found = known_table(history, source->name);
        if (!found || !find_positions(found, source, positions))
            return ss_fail(error, SS_NOT_FOUND,
                           "source '%s': history '%s' has no table of these columns; run 'selfsame apply'",
                           source->name, history->path);
    }
    if (!same_identity(found, source, positions))
        return ss_history_fail_row(history, "the event_id of a source is not that of its definition", error);
    *table = found;
    return SS_OK;
}

void ss_history_append_column(struct ss_buffer *sql, int position)
{
    if (position < 0)
        ss_buffer_text(sql, "event_time_us");
    else
        ss_buffer_format(sql, "c%d", position);
}

// ---- Values

void ss_history_bind(sqlite3_stmt *statement, int parameter, struct ss_type type, struct ss_value value)
{
    if (!value.present) {
        sqlite3_bind_null(statement, parameter);
        return;
    }
    switch (type.id) {
    case SS_BOOL: sqlite3_bind_int(statement, parameter, value.boolean); break;
    case SS_INT64:
    case SS_DECIMAL:
    case SS_TIMESTAMP: sqlite3_bind_int64(statement, parameter, value.i64); break;
    case SS_FLOAT64: sqlite3_bind_double(statement, parameter, value.f64); break;
    case SS_STRING:
        sqlite3_bind_text64(statement, parameter, value.text.data ? value.text.data : "", value.text.size,
                            SQLITE_STATIC, SQLITE_UTF8);
        break;
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR:
        sqlite3_bind_blob64(statement, parameter, value.text.size ? value.text.data : "", value.text.size,
                            SQLITE_STATIC);
        break;
    }
}

static bool read_integer(sqlite3_stmt *statement, int column, struct ss_type type, struct ss_value *value)
{
    const int64_t number = sqlite3_column_int64(statement, column);
    if (sqlite3_column_type(statement, column) != SQLITE_INTEGER) return false;
    if (type.id == SS_BOOL) {
        value->boolean = number != 0;
        return number == 0 || number == 1;
    }
    value->i64 = number;
    if (type.id == SS_DECIMAL) {
        const int64_t limit = ss_power_of_ten(18);
        return number > -limit && number < limit;
    }
    return type.id != SS_TIMESTAMP || (number >= SS_TIME_MIN_US && number <= SS_TIME_MAX_US);
}

bool ss_history_value(sqlite3_stmt *statement, int column, struct ss_type type, struct ss_value *value)
{
    memset(value, 0, sizeof *value);
    const int stored = sqlite3_column_type(statement, column);
    if (stored == SQLITE_NULL) return true;
    value->present = true;
    switch (type.id) {
    case SS_FLOAT64:
        value->f64 = sqlite3_column_double(statement, column);
        return stored == SQLITE_FLOAT && value->f64 - value->f64 == 0;
    case SS_STRING:
        if (stored != SQLITE_TEXT) return false;
        value->text.data = (const char *)sqlite3_column_text(statement, column);
        value->text.size = (size_t)sqlite3_column_bytes(statement, column);
        return value->text.data && ss_utf8_valid(value->text);
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR:
        if (stored != SQLITE_BLOB) return false;
        value->text.data = sqlite3_column_blob(statement, column); // NULL when it is empty, or out of memory
        value->text.size = (size_t)sqlite3_column_bytes(statement, column);
        if (!value->text.data && value->text.size) return false;
        if (!value->text.data) value->text.data = "";
        return ss_text_valid(type, value->text);
    default: return read_integer(statement, column, type, value);
    }
}

// ---- Tables follow definitions

static void append_identity(const struct ss_source *source, struct ss_buffer *text)
{
    ss_buffer_format(text, "event_time %s, event_id %s", source->columns[source->event_time_column].name,
                     source->event_id_column < 0 ? "none" : source->columns[source->event_id_column].name);
}

enum ss_status ss_history_execute_buffer(struct ss_history *history, struct ss_buffer *sql,
                                         struct ss_error *error)
{
    ss_buffer_byte(sql, 0);
    const enum ss_status status = sql->failed ? ss_fail_memory(error, "the text of a statement")
                                              : ss_history_execute(history, (const char *)sql->data, error);
    ss_buffer_clear(sql);
    return status;
}

static enum ss_status create_table(struct ss_history *history, const struct ss_source *source,
                                   struct ss_buffer *sql, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "INSERT INTO sources(name, identity, event_id) VALUES(?1, ?2, ?3)",
                                &statement, error));
    append_identity(source, sql);
    if (sql->failed) return ss_fail_memory(error, "an identity");
    sqlite3_bind_text(statement, 1, source->name, -1, SQLITE_STATIC);
    sqlite3_bind_text64(statement, 2, (const char *)sql->data, sql->size, SQLITE_TRANSIENT, SQLITE_UTF8);
    if (source->event_id_column >= 0)
        sqlite3_bind_text(statement, 3, source->columns[source->event_id_column].name, -1, SQLITE_STATIC);
    ss_buffer_clear(sql);
    SS_TRY(ss_history_run(history, statement, "adding a source", error));
    const long long id = sqlite3_last_insert_rowid(history->db);
    ss_buffer_format(sql, "CREATE TABLE events_%lld(seq INTEGER PRIMARY KEY, event_time_us, arrival_us);",
                     id);
    if (source->event_id_column >= 0)
        ss_buffer_format(
            sql,
            "CREATE TABLE deletes_%lld(seq INTEGER PRIMARY KEY, event_time_us, arrival_us, event_id,"
            " target_seq);"
            "CREATE UNIQUE INDEX deletes_%lld_identity ON deletes_%lld(event_time_us, event_id);",
            id, id, id);
    return ss_history_execute_buffer(history, sql, error);
}

static enum ss_status add_column(struct ss_history *history, const struct history_table *table,
                                 size_t position, const struct ss_source_column *column,
                                 struct ss_buffer *sql, struct ss_error *error)
{
    sqlite3_stmt *statement;
    char type[SS_TYPE_TEXT_SIZE];
    SS_TRY(ss_history_statement(history, "INSERT INTO source_columns VALUES(?1, ?2, ?3, ?4)", &statement,
                                error));
    sqlite3_bind_int64(statement, 1, table->id);
    sqlite3_bind_int64(statement, 2, (int64_t)position);
    sqlite3_bind_text(statement, 3, column->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, ss_type_format(column->type, type), -1, SQLITE_TRANSIENT);
    SS_TRY(ss_history_run(history, statement, "adding a column", error));
    ss_buffer_format(sql, "ALTER TABLE events_%lld ADD COLUMN c%zu", (long long)table->id, position);
    return ss_history_execute_buffer(history, sql, error);
}

static enum ss_status add_identity_index(struct ss_history *history, const struct history_table *table,
                                         struct ss_buffer *sql, struct ss_error *error)
{
    if (!table->has_identity) return SS_OK;
    ss_buffer_format(sql,
                     "CREATE UNIQUE INDEX IF NOT EXISTS events_%lld_identity ON events_%lld(event_time_us",
                     (long long)table->id, (long long)table->id);
    if (table->id_position >= 0) ss_buffer_format(sql, ", c%d", table->id_position);
    ss_buffer_text(sql, ")");
    return ss_history_execute_buffer(history, sql, error);
}

static enum ss_status check_column(const struct ss_history *history, const struct history_table *table,
                                   const struct ss_source *source, size_t column, struct ss_error *error)
{
    char was[SS_TYPE_TEXT_SIZE], is[SS_TYPE_TEXT_SIZE];
    const struct ss_source_column *declared = &source->columns[column];
    const int position = position_of(table, declared->name);
    if (position < 0 || ss_type_equal(table->column_types[position], declared->type)) return SS_OK;
    return ss_fail(
        error, SS_CONFLICT,
        "source '%s': column '%s' is %s in history '%s' and %s in the definitions; a column keeps its "
        "type: give the new one another name",
        source->name, declared->name, ss_type_format(table->column_types[position], was), history->path,
        ss_type_format(declared->type, is));
}

static enum ss_status check_identity(const struct ss_history *history, const struct history_table *table,
                                     const struct ss_source *source, struct ss_buffer *sql,
                                     struct ss_error *error)
{
    append_identity(source, sql);
    ss_buffer_byte(sql, 0);
    const enum ss_status status =
        sql->failed ? ss_fail_memory(error, "an identity")
        : strcmp((const char *)sql->data, table->identity) == 0
            ? SS_OK
            : ss_fail(
                  error, SS_CONFLICT,
                  "source '%s': its identity is (%s) in history '%s' and (%s) in the definitions; a source "
                  "keeps its identity: give the new one another name",
                  source->name, table->identity, history->path, (const char *)sql->data);
    ss_buffer_clear(sql);
    return status;
}

static enum ss_status fail_lost(const struct ss_history *history, struct ss_error *error)
{
    return ss_history_fail_row(history, "a source that was just written is not in the list", error);
}

static enum ss_status prepare_source(struct ss_history *history, const struct ss_source *source,
                                     struct ss_buffer *sql, struct ss_error *error)
{
    const struct history_table *table;
    SS_TRY(ss_history_find_table(history, source->name, &table, error));
    if (!table) {
        SS_TRY(create_table(history, source, sql, error));
        SS_TRY(ss_history_find_table(history, source->name, &table, error));
        if (!table) return fail_lost(history, error);
    }
    SS_TRY(check_identity(history, table, source, sql, error));
    size_t position = table->column_count;
    for (size_t i = 0; i < source->column_count; i++) {
        SS_TRY(check_column(history, table, source, i, error));
        if ((int)i != source->event_time_column && position_of(table, source->columns[i].name) < 0)
            SS_TRY(add_column(history, table, position++, &source->columns[i], sql, error));
    }
    SS_TRY(ss_history_load_tables(history, error));
    table = known_table(history, source->name);
    return table ? add_identity_index(history, table, sql, error) : fail_lost(history, error);
}

enum ss_status ss_history_check(struct ss_history *history, const struct ss_definitions *definitions,
                                struct ss_error *error)
{
    enum ss_status status;
    struct ss_buffer sql = {0};
    SS_TRY(ss_history_load_tables(history, error));
    status = SS_OK;
    for (size_t i = 0; i < definitions->source_count; i++) {
        const struct ss_source *source = &definitions->sources[i];
        const struct history_table *table;
        SS_TRY_GOTO(ss_history_find_table(history, source->name, &table, error), out);
        if (!table) continue;
        SS_TRY_GOTO(check_identity(history, table, source, &sql, error), out);
        for (size_t c = 0; c < source->column_count; c++)
            SS_TRY_GOTO(check_column(history, table, source, c, error), out);
    }
out:
    ss_buffer_release(&sql);
    return status;
}

enum ss_status ss_history_prepare_tables(struct ss_history *history, const struct ss_definitions *definitions,
                                         struct ss_error *error)
{
    enum ss_status status;
    bool entered;
    struct ss_buffer sql = {0};
    SS_TRY(ss_history_enter(history, &entered, error));
    SS_TRY_GOTO(ss_history_load_tables(history, error), out);
    for (size_t i = 0; i < definitions->source_count; i++)
        SS_TRY_GOTO(prepare_source(history, &definitions->sources[i], &sql, error), out);
out:
    status = ss_history_leave(history, entered, status, error);
    const enum ss_status loaded = ss_history_load_tables(history, status == SS_OK ? error : NULL);
    ss_buffer_release(&sql);
    return status == SS_OK ? loaded : status;
}
