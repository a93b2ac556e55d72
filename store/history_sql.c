// Questions to history in SQL, on a connection of their own.
//
// Nothing can be written, four times over: the file is open for reading alone, the connection is query_only,
// the authorizer lets through what reads and nothing else (no ATTACH, no transactions, no PRAGMA but those
// that tell), and a statement that SQLite does not call read-only is not run. ATTACH and VACUUM INTO, which
// make files, need an attached database besides, and none may be.

#include "store/history_sql.h"

#include "store/history_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 20000

struct ss_sql {
    sqlite3 *db;
};

struct answer { // of one statement
    sqlite3_stmt *statement;
    size_t column_count;
    const char **names;
    struct ss_cell *cells;
};

// ---- What is allowed

static bool is_in(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; name && i < count; i++)
        if (sqlite3_stricmp(name, names[i]) == 0) return true;
    return false;
}

static bool is_telling_pragma(const char *name, const char *argument)
{
    static const char *const about[] = {"table_info",      "table_xinfo",    "table_list",    "index_list",
                                        "index_info",      "index_xinfo",    "function_list", "module_list",
                                        "collation_list",  "database_list",  "pragma_list",   "quick_check",
                                        "integrity_check", "compile_options"};
    static const char *const numbers[] = {"user_version", "application_id", "page_size",
                                          "page_count",   "freelist_count", "encoding"};
    return is_in(name, about, sizeof about / sizeof *about) ||
           (!argument && is_in(name, numbers, sizeof numbers / sizeof *numbers));
}

static int authorize(void *context, int action, const char *first, const char *second, const char *database,
                     const char *trigger)
{
    (void)context;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION:
        return second && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA: return is_telling_pragma(first, second) ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
    }
}

// ---- Open and close

static enum ss_status fail(const struct ss_sql *sql, struct ss_error *error)
{
    const int code = sqlite3_errcode(sql->db) & 0xff;
    if (code == SQLITE_NOMEM) return ss_fail_memory(error, "a statement");
    if (code == SQLITE_INTERRUPT) return ss_fail(error, SS_INVALID, "sql: interrupted");
    if (code == SQLITE_AUTH)
        return ss_fail(error, SS_INVALID, "sql: %s: only what reads history is allowed",
                       sqlite3_errmsg(sql->db));
    return ss_fail(error, code == SQLITE_BUSY ? SS_BUSY : SS_INVALID, "sql: %s", sqlite3_errmsg(sql->db));
}

static enum ss_status execute(const struct ss_sql *sql, const char *text, struct ss_error *error)
{
    return sqlite3_exec(sql->db, text, NULL, NULL, NULL) == SQLITE_OK ? SS_OK : fail(sql, error);
}

static enum ss_status configure(struct ss_sql *sql, struct ss_history *history, struct ss_error *error)
{
    sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    SS_TRY(execute(
        sql,
        "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0",
        error));
    SS_TRY(ss_history_add_rows(history, false, sql->db, error));
    SS_TRY(execute(sql, "PRAGMA query_only=ON", error));
    sqlite3_limit(sql->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_set_authorizer(sql->db, authorize, NULL);
    return SS_OK;
}

enum ss_status ss_sql_open(struct ss_history *history, struct ss_sql **sql, struct ss_error *error)
{
    enum ss_status status;
    struct ss_sql *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a connection");
    if (sqlite3_open_v2(history->path, &opened->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        status =
            ss_fail(error, SS_IO, "history '%s': %s (opening it)", history->path, sqlite3_errmsg(opened->db));
    else
        status = configure(opened, history, error);
    if (status == SS_OK)
        *sql = opened;
    else
        ss_sql_close(opened);
    return status;
}

void ss_sql_close(struct ss_sql *sql)
{
    if (!sql) return;
    sqlite3_close(sql->db);
    free(sql);
}

bool ss_sql_is_complete(const char *text)
{
    return sqlite3_complete(text);
}

void ss_sql_interrupt(struct ss_sql *sql)
{
    sqlite3_interrupt(sql->db);
}

// ---- Statements

static struct ss_cell cell_at(sqlite3_stmt *statement, int column)
{
    struct ss_cell cell = {0};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        cell.kind = SS_CELL_KIND_INTEGER;
        cell.integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        cell.kind = SS_CELL_KIND_REAL;
        cell.real = sqlite3_column_double(statement, column);
        if (!isinf(cell.real)) break;
        cell.text = ss_bytes_of(cell.real < 0 ? "-Infinity" : "Infinity");
        cell.kind = SS_CELL_KIND_TEXT;
        break;
    case SQLITE_TEXT:
        cell.kind = SS_CELL_KIND_TEXT;
        cell.text.data = (const char *)sqlite3_column_text(statement, column);
        cell.text.size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    case SQLITE_BLOB:
        cell.kind = SS_CELL_KIND_BLOB;
        cell.text.data = sqlite3_column_blob(statement, column);
        cell.text.size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    default: break;
    }
    return cell;
}

static enum ss_status begin_answer(struct answer *answer, const struct ss_sql_sink *sink,
                                   struct ss_error *error)
{
    answer->column_count = (size_t)sqlite3_column_count(answer->statement);
    answer->names = calloc(answer->column_count + 1, sizeof *answer->names);
    answer->cells = calloc(answer->column_count + 1, sizeof *answer->cells);
    if (!answer->names || !answer->cells) return ss_fail_memory(error, "an answer");
    for (size_t i = 0; i < answer->column_count; i++) {
        answer->names[i] = sqlite3_column_name(answer->statement, (int)i);
        if (!answer->names[i]) return ss_fail_memory(error, "an answer");
    }
    return answer->column_count ? sink->begin(sink->context, answer->names, answer->column_count, error)
                                : SS_OK;
}

// The error of a first row comes before the sink has begun, so that a failure gives no half an answer.
static enum ss_status step(const struct ss_sql *sql, struct answer *answer, bool *row, struct ss_error *error)
{
    const int code = sqlite3_step(answer->statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SS_OK : fail(sql, error);
}

static enum ss_status give_rows(const struct ss_sql *sql, struct answer *answer,
                                const struct ss_sql_sink *sink, struct ss_error *error)
{
    bool row;
    SS_TRY(step(sql, answer, &row, error));
    SS_TRY(begin_answer(answer, sink, error));
    while (row) {
        for (size_t i = 0; i < answer->column_count; i++)
            answer->cells[i] = cell_at(answer->statement, (int)i);
        SS_TRY(sink->row(sink->context, answer->cells, answer->column_count, error));
        SS_TRY(step(sql, answer, &row, error));
    }
    return answer->column_count ? sink->end(sink->context, error) : SS_OK;
}

static enum ss_status run_statement(const struct ss_sql *sql, const char **text,
                                    const struct ss_sql_sink *sink, struct ss_error *error)
{
    struct answer answer = {0};
    enum ss_status status = SS_OK;
    if (sqlite3_prepare_v2(sql->db, *text, -1, &answer.statement, text) != SQLITE_OK) return fail(sql, error);
    if (answer.statement && !sqlite3_stmt_readonly(answer.statement))
        status = ss_fail(error, SS_INVALID, "sql: only what reads history is allowed");
    else if (answer.statement) // else a comment or nothing
        status = give_rows(sql, &answer, sink, error);
    free(answer.names);
    free(answer.cells);
    sqlite3_finalize(answer.statement);
    return status;
}

enum ss_status ss_sql_run(struct ss_sql *sql, const char *text, const struct ss_sql_sink *sink,
                          struct ss_error *error)
{
    while (*text) SS_TRY(run_statement(sql, &text, sink, error));
    return SS_OK;
}
