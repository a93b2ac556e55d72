// See table_file.h.

#include "store/table_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000

enum ss_status ss_table_file_fail(const struct ss_table_file *file, const char *what, struct ss_error *error)
{
    const int code = file->db ? sqlite3_errcode(file->db) : SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_NOMEM: return ss_fail_memory(error, "a table's row");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ss_fail(error, SS_BUSY,
                       "table '%s:%s': %s: another program holds the file's lock; try again when it is done",
                       file->path, file->table, what);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ss_fail(error, SS_DAMAGED,
                       "table '%s:%s': %s: %s; the file is no SQLite database, or a damaged one", file->path,
                       file->table, what, sqlite3_errmsg(file->db));
    default:
        return ss_fail(error, SS_IO, "table '%s:%s': %s: %s", file->path, file->table, what,
                       sqlite3_errmsg(file->db));
    }
}

enum ss_status ss_table_file_open(struct ss_table_file *file, const char *text, int flags,
                                  struct ss_error *error)
{
    struct ss_table_place place;
    if (!ss_table_place_parse(text, &place))
        return ss_fail(error, SS_INVALID, "table '%s': expected FILE.db:TABLE", text);
    file->path = strndup(place.path.data, place.path.size);
    file->table = strndup(place.table.data, place.table.size);
    if (!file->path || !file->table) return ss_fail_memory(error, "a table's name");
    if (!(flags & SQLITE_OPEN_CREATE) && access(file->path, F_OK) != 0)
        return ss_fail(error, SS_NOT_FOUND, "table '%s': there is no file '%s'", text, file->path);
    const int code = sqlite3_open_v2(file->path, &file->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return ss_table_file_fail(file, "cannot open it", error);
    sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(file->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0,
                      NULL); // the file's are not to touch a table
    return SS_OK;
}

void ss_table_file_close(struct ss_table_file *file)
{
    sqlite3_close(file->db);
    free(file->path);
    free(file->table);
}

enum ss_status ss_table_file_prepare(const struct ss_table_file *file, char *sql, sqlite3_stmt **statement,
                                     struct ss_error *error)
{
    if (!sql) return ss_fail_memory(error, "a statement");
    const int code = sqlite3_prepare_v2(file->db, sql, -1, statement, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SS_OK : ss_table_file_fail(file, "cannot use it", error);
}

enum ss_status ss_table_file_execute(const struct ss_table_file *file, char *sql, struct ss_error *error)
{
    if (!sql) return ss_fail_memory(error, "a statement");
    const int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SS_OK : ss_table_file_fail(file, "cannot write it", error);
}

enum ss_status ss_table_file_step_once(const struct ss_table_file *file, sqlite3_stmt *statement, bool *found,
                                       struct ss_error *error)
{
    const int code = sqlite3_step(statement);
    enum ss_status status = SS_OK;
    if (code != SQLITE_ROW && code != SQLITE_DONE) status = ss_table_file_fail(file, "cannot use it", error);
    if (found) *found = code == SQLITE_ROW;
    sqlite3_finalize(statement);
    return status;
}
