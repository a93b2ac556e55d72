// Rows of cells as a virtual table (https://sqlite.org/vtab.html), of the kind that is there without being
// created and can only be read from its first row to its last.

#include "store/cell_rows.h"

#include <stdlib.h>

struct table {
    sqlite3_vtab base;
    const struct ss_cell_rows *rows;
};

struct cursor {
    sqlite3_vtab_cursor base;
    const struct ss_cell_rows *rows;
    size_t row;
};

static int connect_table(sqlite3 *db, void *context, int argc, const char *const *argv, sqlite3_vtab **made,
                         char **message)
{
    const struct ss_cell_rows *rows = context;
    sqlite3_str *sql = sqlite3_str_new(db);
    (void)argc;
    (void)argv;
    (void)message;
    for (size_t i = 0; i < rows->column_count; i++)
        sqlite3_str_appendf(sql, "%sc%d", i ? ", " : "CREATE TABLE cells(", (int)i);
    sqlite3_str_appendall(sql, ")");
    char *text = sqlite3_str_finish(sql);
    struct table *table = calloc(1, sizeof *table);
    const int code = text && table ? sqlite3_declare_vtab(db, text) : SQLITE_NOMEM;
    sqlite3_free(text);
    if (code != SQLITE_OK) {
        free(table);
        return code;
    }
    table->rows = rows;
    *made = &table->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int plan_scan(sqlite3_vtab *table, sqlite3_index_info *plan)
{
    (void)table;
    (void)plan;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **made)
{
    struct cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor) return SQLITE_NOMEM;
    cursor->rows = ((struct table *)table)->rows;
    *made = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int start_scan(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
                      sqlite3_value **argv)
{
    (void)plan;
    (void)plan_text;
    (void)argc;
    (void)argv;
    ((struct cursor *)base)->row = 0;
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->row++;
    return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (const struct cursor *)base;
    return cursor->row >= cursor->rows->row_count;
}

static int give_cell(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct ss_cell *cell =
        &cursor->rows->cells[cursor->row * cursor->rows->column_count + (size_t)column];
    switch (cell->kind) {
    case SS_CELL_KIND_NULL: break; // what a result is unless it is given
    case SS_CELL_KIND_INTEGER: sqlite3_result_int64(result, cell->integer); break;
    case SS_CELL_KIND_REAL: sqlite3_result_double(result, cell->real); break;
    case SS_CELL_KIND_TEXT:
        sqlite3_result_text64(result, cell->text.data, cell->text.size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case SS_CELL_KIND_BLOB:
        sqlite3_result_blob64(result, cell->text.data, cell->text.size, SQLITE_STATIC);
        break;
    }
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)((struct cursor *)base)->row;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect_table, // no xCreate: the module's name is the table
    .xBestIndex = plan_scan,
    .xDisconnect = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = start_scan,
    .xNext = next_row,
    .xEof = is_at_end,
    .xColumn = give_cell,
    .xRowid = give_rowid,
};

int ss_cell_rows_register(sqlite3 *db, struct ss_cell_rows *rows)
{
    return sqlite3_create_module(db, "selfsame: rows at hand", &module, rows);
}
