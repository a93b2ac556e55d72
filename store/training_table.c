// Training tables. See training_table.h; SQLite does the work, this page keeps to three rules:
//
//   - reading never writes: the file is opened read-only, rows come in rowid order whatever the table has for
//     columns;
//   - writing is one transaction: table and manifest line together, or neither, and a file that did not exist
//     before is removed again when nothing was finished;
//   - nothing of the user's is replaced: only a table that the manifest knows; and nothing is written into a
//     store's history, under whatever name it is reached.

#include "store/training_table.h"

#include "store/cell_rows.h"
#include "store/history.h"
#include "store/table_file.h"
#include "store/training_manifest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool ss_table_place_parse(const char *text, struct ss_table_place *place)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1] || strchr(colon, '/')) return false;
    place->path = (struct ss_bytes){text, (size_t)(colon - text)};
    place->table = ss_bytes_of(colon + 1);
    return true;
}

// ---- Reading

struct ss_table_reader {
    struct ss_table_file file;
    sqlite3_stmt *rows;
    size_t column_count;
    struct ss_table_column *columns;
    struct ss_arena arena; // of the columns' names
};

// A name of the rowid that no column of the table takes for itself; NULL: the table has no rowid to be had.
static const char *rowid_name(const struct ss_table_reader *reader)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool taken = false;
        for (size_t c = 0; c < reader->column_count; c++)
            taken = taken || sqlite3_stricmp(reader->columns[c].name, names[i]) == 0;
        if (!taken && sqlite3_table_column_metadata(reader->file.db, NULL, reader->file.table, names[i], NULL,
                                                    NULL, NULL, NULL, NULL) == SQLITE_OK)
            return names[i];
    }
    return NULL;
}

static enum ss_status name_columns(struct ss_table_reader *reader, sqlite3_stmt *statement,
                                   struct ss_error *error)
{
    const size_t count = (size_t)sqlite3_column_count(statement);
    reader->columns = ss_arena_array(&reader->arena, count + 1, sizeof *reader->columns);
    if (!reader->columns) return ss_fail_memory(error, "a table's columns");
    for (size_t i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(statement, (int)i),
                   *type = sqlite3_column_decltype(statement, (int)i);
        if (!type) type = "";
        if (!name) return ss_fail_memory(error, "a table's columns");
        reader->columns[i].name = ss_arena_copy(&reader->arena, name, strlen(name));
        reader->columns[i].type = ss_arena_copy(&reader->arena, type, strlen(type));
        if (!reader->columns[i].name || !reader->columns[i].type)
            return ss_fail_memory(error, "a table's columns");
        reader->column_count = i + 1;
    }
    return SS_OK;
}

static enum ss_status check_table(const struct ss_table_file *file, struct ss_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool found;
    SS_TRY(ss_table_file_prepare(
        file,
        sqlite3_mprintf("SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = %Q "
                        "COLLATE NOCASE",
                        file->table),
        &statement, error));
    SS_TRY(ss_table_file_step_once(file, statement, &found, error));
    if (found) return SS_OK;
    return ss_fail(error, SS_NOT_FOUND, "table '%s:%s': there is no table '%s' in this file", file->path,
                   file->table, file->table);
}

static enum ss_status start_reading(struct ss_table_reader *reader, struct ss_error *error)
{
    const struct ss_table_file *file = &reader->file;
    SS_TRY(check_table(file, error));
    SS_TRY(ss_table_file_prepare(file, sqlite3_mprintf("SELECT * FROM \"%w\"", file->table), &reader->rows,
                                 error));
    SS_TRY(name_columns(reader, reader->rows, error));
    const char *rowid = rowid_name(reader);
    if (!rowid) return SS_OK;
    sqlite3_finalize(reader->rows);
    reader->rows = NULL;
    return ss_table_file_prepare(
        file, sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY %s", file->table, rowid), &reader->rows, error);
}

enum ss_status ss_table_reader_open(const char *place, struct ss_table_reader **reader,
                                    struct ss_error *error)
{
    struct ss_table_reader *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a table's reader");
    enum ss_status status = ss_table_file_open(&opened->file, place, SQLITE_OPEN_READONLY, error);
    if (status == SS_OK) status = start_reading(opened, error);
    if (status == SS_OK)
        *reader = opened;
    else
        ss_table_reader_close(opened);
    return status;
}

void ss_table_reader_close(struct ss_table_reader *reader)
{
    if (!reader) return;
    sqlite3_finalize(reader->rows);
    ss_table_file_close(&reader->file);
    ss_arena_release(&reader->arena);
    free(reader);
}

size_t ss_table_reader_columns(const struct ss_table_reader *reader, const struct ss_table_column **columns)
{
    *columns = reader->columns;
    return reader->column_count;
}

enum ss_status ss_table_reader_next(struct ss_table_reader *reader, bool *has_row, struct ss_error *error)
{
    const int code = sqlite3_step(reader->rows);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return ss_table_file_fail(&reader->file, "cannot read it", error);
    *has_row = code == SQLITE_ROW;
    return SS_OK;
}

struct ss_cell ss_table_reader_cell(struct ss_table_reader *reader, size_t column)
{
    sqlite3_stmt *row = reader->rows;
    const int at = (int)column;
    switch (sqlite3_column_type(row, at)) {
    case SQLITE_INTEGER:
        return (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = sqlite3_column_int64(row, at)};
    case SQLITE_FLOAT: return (struct ss_cell){SS_CELL_KIND_REAL, .real = sqlite3_column_double(row, at)};
    case SQLITE_TEXT:
    case SQLITE_BLOB: break;
    default: return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
    }
    const bool is_text = sqlite3_column_type(row, at) == SQLITE_TEXT;
    const void *data = is_text ? (const void *)sqlite3_column_text(row, at) : sqlite3_column_blob(row, at);
    const size_t size = (size_t)sqlite3_column_bytes(row, at);
    return (struct ss_cell){is_text ? SS_CELL_KIND_TEXT : SS_CELL_KIND_BLOB,
                            .text = {data ? data : "", data ? size : 0}};
}

// ---- Writing

struct ss_table_writer {
    struct ss_table_file file;
    struct ss_cell_rows rows; // what the insert takes them from
    sqlite3_stmt *insert;
    bool file_is_new, finished;
};

static enum ss_status check_replaceable(const struct ss_table_file *file, struct ss_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool there, ours;
    if (sqlite3_stricmp(file->table, "selfsame_manifest") == 0 ||
        sqlite3_strnicmp(file->table, "sqlite_", 7) == 0)
        return ss_fail(error, SS_INVALID,
                       "table '%s:%s': this name is taken for other use; name another table", file->path,
                       file->table);
    SS_TRY(ss_manifest_prepare(file, error));
    SS_TRY(ss_table_file_prepare(
        file, sqlite3_mprintf("SELECT 1 FROM sqlite_schema WHERE name = %Q COLLATE NOCASE", file->table),
        &statement, error));
    SS_TRY(ss_table_file_step_once(file, statement, &there, error));
    SS_TRY(ss_table_file_prepare(
        file, sqlite3_mprintf("SELECT 1 FROM selfsame_manifest WHERE table_name = %Q", file->table),
        &statement, error));
    SS_TRY(ss_table_file_step_once(file, statement, &ours, error));
    if (!there || ours) return SS_OK;
    return ss_fail(
        error, SS_CONFLICT,
        "table '%s:%s': it is there already and was not made by selfsame train, so it is not replaced; name "
        "another table, or drop it first",
        file->path, file->table);
}

// A type goes into the new table if it is a word, with numbers in parentheses behind it or not: more words
// may be a constraint.
static bool type_is_plain(const char *type)
{
    const size_t words = strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    if (!type[words]) return true;
    if (words == 0 || type[words] != '(') return false;
    const size_t numbers = strspn(type + words + 1, "0123456789, +-");
    return strcmp(type + words + 1 + numbers, ")") == 0;
}

static enum ss_status create_table(const struct ss_table_file *file, const struct ss_table_column *columns,
                                   size_t count, struct ss_error *error)
{
    sqlite3_str *sql = sqlite3_str_new(file->db);
    sqlite3_str_appendf(sql, "CREATE TABLE \"%w\" (", file->table);
    for (size_t i = 0; i < count; i++)
        sqlite3_str_appendf(sql, "%s\"%w\" %s", i ? ", " : "", columns[i].name,
                            type_is_plain(columns[i].type) ? columns[i].type : "");
    sqlite3_str_appendall(sql, ")");
    return ss_table_file_execute(file, sqlite3_str_finish(sql), error);
}

// A file that keeps what is written, and is not the history of a store.
static enum ss_status check_file(const struct ss_table_file *file, struct ss_error *error)
{
    const char *name = sqlite3_db_filename(file->db, "main");
    sqlite3_stmt *statement = NULL;
    bool is_history;
    if (!name || !*name)
        return ss_fail(error, SS_INVALID, "table '%s:%s': '%s' is no file; name one", file->path, file->table,
                       file->path);
    SS_TRY(
        ss_table_file_prepare(file,
                              sqlite3_mprintf("SELECT 1 FROM pragma_application_id WHERE application_id = %d",
                                              SS_HISTORY_APPLICATION_ID),
                              &statement, error));
    SS_TRY(ss_table_file_step_once(file, statement, &is_history, error));
    if (!is_history) return SS_OK;
    return ss_fail(error, SS_INVALID, "table '%s:%s': the file is the history of a store; name another one",
                   file->path, file->table);
}

// Begins the transaction and makes room for the table. One whose pages are damaged cannot be dropped, only
// forgotten: its pages are then nobody's until VACUUM.
static enum ss_status begin(const struct ss_table_file *file, bool is_damaged, struct ss_error *error)
{
    SS_TRY(ss_table_file_execute(file, sqlite3_mprintf("BEGIN IMMEDIATE"), error));
    SS_TRY(check_replaceable(file, error));
    if (!is_damaged)
        return ss_table_file_execute(file, sqlite3_mprintf("DROP TABLE IF EXISTS \"%w\"", file->table),
                                     error);
    return ss_table_file_execute(
        file,
        sqlite3_mprintf("PRAGMA writable_schema = ON;"
                        "DELETE FROM sqlite_schema WHERE tbl_name = %Q COLLATE NOCASE;"
                        "PRAGMA writable_schema = RESET",
                        file->table),
        error);
}

static enum ss_status prepare_insert(struct ss_table_writer *writer, struct ss_error *error)
{
    if (ss_cell_rows_register(writer->file.db, &writer->rows) != SQLITE_OK)
        return ss_table_file_fail(&writer->file, "cannot use it", error);
    return ss_table_file_prepare(
        &writer->file,
        sqlite3_mprintf("INSERT INTO \"%w\" SELECT * FROM " SS_CELL_ROWS_NAME, writer->file.table),
        &writer->insert, error);
}

static enum ss_status start_writing(struct ss_table_writer *writer, const struct ss_table_column *columns,
                                    struct ss_error *error)
{
    const struct ss_table_file *file = &writer->file;
    SS_TRY(check_file(file, error));
    // Larger pages are quicker to fill; a file that is there has its own.
    if (writer->file_is_new)
        SS_TRY(ss_table_file_execute(file, sqlite3_mprintf("PRAGMA page_size = 16384"), error));
    enum ss_status status = begin(file, false, error);
    if (status == SS_DAMAGED) {
        SS_TRY(ss_table_file_execute(file, sqlite3_mprintf("ROLLBACK"), error));
        status = begin(file, true, error);
    }
    SS_TRY(status);
    SS_TRY(create_table(file, columns, writer->rows.column_count, error));
    return prepare_insert(writer, error);
}

enum ss_status ss_table_writer_open(const char *place, const struct ss_table_column *columns,
                                    size_t column_count, struct ss_table_writer **writer,
                                    struct ss_error *error)
{
    struct ss_table_place parsed;
    struct ss_table_writer *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a table's writer");
    opened->rows.column_count = column_count;
    if (ss_table_place_parse(place, &parsed)) {
        char *path = strndup(parsed.path.data, parsed.path.size);
        opened->file_is_new = path && access(path, F_OK) != 0;
        free(path);
    }
    enum ss_status status =
        ss_table_file_open(&opened->file, place, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (status == SS_OK) status = start_writing(opened, columns, error);
    if (status == SS_OK)
        *writer = opened;
    else
        ss_table_writer_close(opened);
    return status;
}

enum ss_status ss_table_writer_manifest(struct ss_table_writer *writer, struct ss_arena *arena,
                                        struct ss_manifest *manifest, struct ss_error *error)
{
    return ss_manifest_find(&writer->file, arena, manifest, error);
}

enum ss_status ss_table_writer_rows(struct ss_table_writer *writer, const struct ss_cell *cells,
                                    size_t row_count, struct ss_error *error)
{
    writer->rows.cells = cells;
    writer->rows.row_count = row_count;
    const int code = sqlite3_step(writer->insert);
    enum ss_status status = SS_OK;
    if (code != SQLITE_DONE) status = ss_table_file_fail(&writer->file, "cannot write a row", error);
    sqlite3_reset(writer->insert);
    writer->rows = (struct ss_cell_rows){.column_count = writer->rows.column_count};
    return status;
}

enum ss_status ss_table_writer_finish(struct ss_table_writer *writer, const struct ss_manifest *manifest,
                                      struct ss_error *error)
{
    SS_TRY(ss_manifest_write(&writer->file, manifest, error));
    sqlite3_finalize(writer->insert);
    writer->insert = NULL;
    SS_TRY(ss_table_file_execute(&writer->file, sqlite3_mprintf("COMMIT"), error));
    writer->finished = true;
    return SS_OK;
}

void ss_table_writer_close(struct ss_table_writer *writer)
{
    if (!writer) return;
    sqlite3_finalize(writer->insert);
    if (writer->file.db && !writer->finished) sqlite3_exec(writer->file.db, "ROLLBACK", NULL, NULL, NULL);
    const bool drop_file = writer->file_is_new && !writer->finished && writer->file.db && writer->file.path;
    sqlite3_close(writer->file.db);
    writer->file.db = NULL;
    if (drop_file) unlink(writer->file.path);
    ss_table_file_close(&writer->file);
    free(writer);
}
