// Sources as tables of rows for SQL (https://sqlite.org/vtab.html): what `selfsame sql` and the extension
// select from.
//
//   <event_time>     TEXT: the event_time under its column's name
//   <columns>        as they were declared: bool 0 or 1, int64 INTEGER, float64 REAL, string TEXT, bytes
//   BLOB;
//                    decimal, timestamp, list and vector as the text that CSV has of them
//   _event_time_us   INTEGER
//   _arrival_time    TEXT
//   _seq             INTEGER, also the rowid
//   _deleted_seq     INTEGER, of the delete that took the event back; else null
//
// Rows come by seq. Bounds of _seq are seeked to; the columns that a statement uses are all that is read. The
// tables stand in the schema `temp`, where they hide plain tables of the same name (those are main.<name>).
//
// The rows are read through a handle of their own. It keeps one read transaction while any cursor is open, so
// all that one statement sees is of one state.

#include "store/history_internal.h"

#include "engine/base/time.h"
#include "store/history_log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODULE_NAME "selfsame_history"

enum { BOUND_EQUAL = 1, BOUND_LOWER = 2, BOUND_UPPER = 4 }; // of _seq: which the arguments of a scan are
enum { EVENT_TIME_US, ARRIVAL_TIME, SEQ, DELETED_SEQ };     // columns behind those of the source

struct module {
    struct ss_history *history;
    bool owned;
    int cursor_count;
};

struct table {
    sqlite3_vtab base;
    struct module *module;
    char *source;
    int column_count; // of the source, without its event_time
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct ss_log *log;
    const struct ss_log_batch *batch; // NULL: at the end
    int32_t row;
    struct ss_buffer text; // of a cell
};

static int give_error(sqlite3_vtab *table, enum ss_status status, const struct ss_error *error)
{
    if (status == SS_OUT_OF_MEMORY) return SQLITE_NOMEM;
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", error->message);
    return SQLITE_ERROR;
}

// ---- Tables

static const char *declared_type(struct ss_type type)
{
    switch (type.id) {
    case SS_BOOL:
    case SS_INT64: return "INTEGER";
    case SS_FLOAT64: return "REAL";
    case SS_BYTES: return "BLOB";
    default: return "TEXT";
    }
}

// SQL does not tell names by case: of two that differ in nothing else the later one gets a number.
static void append_column(sqlite3_str *sql, const struct ss_log_source *source, size_t column)
{
    const char *name = source->column_names[column];
    bool is_taken = strcasecmp(name, source->event_time) == 0;
    for (size_t i = 0; i < column && !is_taken; i++)
        is_taken = strcasecmp(name, source->column_names[i]) == 0;
    if (is_taken)
        sqlite3_str_appendf(sql, "\"%w_%d\"", name, (int)column);
    else
        sqlite3_str_appendf(sql, "\"%w\"", name);
    sqlite3_str_appendf(sql, " %s, ", declared_type(source->column_types[column]));
}

static int declare(sqlite3 *db, const struct ss_log_source *source)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    sqlite3_str_appendf(sql, "CREATE TABLE events(\"%w\" TEXT, ", source->event_time);
    for (size_t i = 0; i < source->column_count; i++) append_column(sql, source, i);
    sqlite3_str_appendall(sql,
                          "_event_time_us INTEGER, _arrival_time TEXT, _seq INTEGER, _deleted_seq INTEGER)");
    char *text = sqlite3_str_finish(sql);
    const int code = text ? sqlite3_declare_vtab(db, text) : SQLITE_NOMEM;
    sqlite3_free(text);
    return code;
}

static int disconnect_table(sqlite3_vtab *base)
{
    struct table *table = (struct table *)base;
    free(table->source);
    free(table);
    return SQLITE_OK;
}

// argv[3]: the source.
static int connect_table(sqlite3 *db, void *context, int argc, const char *const *argv, sqlite3_vtab **made,
                         char **message)
{
    struct module *module = context;
    struct ss_log *log = NULL;
    struct ss_error error;
    if (argc != 4) return SQLITE_ERROR;
    if (ss_log_open(module->history, argv[3], 0, 0, NULL, &log, &error) != SS_OK) {
        *message = sqlite3_mprintf("%s", error.message);
        return SQLITE_ERROR;
    }
    struct table *table = calloc(1, sizeof *table);
    if (table) table->source = strdup(argv[3]);
    int code = table && table->source ? declare(db, ss_log_source(log)) : SQLITE_NOMEM;
    if (code == SQLITE_OK) {
        table->module = module;
        table->column_count = (int)ss_log_source(log)->column_count;
        *made = &table->base;
    } else if (table) {
        disconnect_table(&table->base);
    }
    ss_log_close(log);
    return code;
}

// ---- Plans

static int bound_of(unsigned char operator)
{
    switch (operator) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return BOUND_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE: return BOUND_LOWER;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE: return BOUND_UPPER;
    default: return 0;
    }
}

static bool is_seq(const struct table *table, int column)
{
    return column == -1 || column == 1 + table->column_count + SEQ;
}

// Bounds are taken one of a kind, and tested by SQLite once more: a scan may give a row too many.
static int plan_scan(sqlite3_vtab *base, sqlite3_index_info *plan)
{
    const struct table *table = (const struct table *)base;
    int arguments = 0;
    for (int bound = BOUND_EQUAL; bound <= BOUND_UPPER; bound <<= 1)
        for (int i = 0; i < plan->nConstraint && !(plan->idxNum & bound); i++) {
            if (!plan->aConstraint[i].usable || !is_seq(table, plan->aConstraint[i].iColumn) ||
                bound_of(plan->aConstraint[i].op) != bound)
                continue;
            plan->aConstraintUsage[i].argvIndex = ++arguments;
            plan->idxNum |= bound;
        }
    plan->idxStr = sqlite3_mprintf("%llx", (unsigned long long)plan->colUsed);
    if (!plan->idxStr) return SQLITE_NOMEM;
    plan->needToFreeIdxStr = 1;
    plan->orderByConsumed =
        plan->nOrderBy == 1 && !plan->aOrderBy[0].desc && is_seq(table, plan->aOrderBy[0].iColumn);
    plan->estimatedCost = plan->idxNum & BOUND_EQUAL ? 1e3 : plan->idxNum ? 1e6 : 1e7;
    plan->estimatedRows = plan->idxNum & BOUND_EQUAL ? 1 : plan->idxNum ? 100000 : 1000000;
    return SQLITE_OK;
}

// The seqs that a bound leaves. What is no number bounds nothing here.
static void narrow(sqlite3_value *value, int bound, uint64_t *first, uint64_t *last)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) *last = 0; // nothing compares with it
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
    const double real = sqlite3_value_double(value);
    const int64_t number = type == SQLITE_INTEGER ? sqlite3_value_int64(value)
                           : real >= 0x1p63       ? INT64_MAX
                           : real < 1             ? 0
                                                  : (int64_t)real;
    const uint64_t seq = number > 0 ? (uint64_t)number : 0;
    if (bound != BOUND_UPPER && seq > *first) *first = seq;
    if (bound != BOUND_LOWER && seq < *last) *last = seq;
}

// ---- Cursors

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **made)
{
    struct module *module = ((struct table *)base)->module;
    struct ss_error error;
    struct cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor) return SQLITE_NOMEM;
    const enum ss_status status =
        module->cursor_count ? SS_OK : ss_history_begin_read(module->history, &error);
    if (status != SS_OK) {
        free(cursor);
        return give_error(base, status, &error);
    }
    module->cursor_count++;
    *made = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    struct module *module = ((struct table *)base->pVtab)->module;
    ss_log_close(cursor->log);
    ss_buffer_release(&cursor->text);
    free(cursor);
    if (--module->cursor_count == 0) ss_history_end_read(module->history);
    return SQLITE_OK;
}

static int next_page(struct cursor *cursor)
{
    struct ss_error error;
    cursor->row = 0;
    cursor->batch = NULL;
    const enum ss_status status = ss_log_next(cursor->log, &cursor->batch, &error);
    return status == SS_OK ? SQLITE_OK : give_error(cursor->base.pVtab, status, &error);
}

// The last bit of `used` stands for all columns from the 64th on.
static enum ss_status open_log(struct cursor *cursor, uint64_t used, uint64_t first, uint64_t last,
                               struct ss_error *error)
{
    const struct table *table = (const struct table *)cursor->base.pVtab;
    bool *columns = calloc((size_t)table->column_count + 1, sizeof *columns);
    if (!columns) return ss_fail_memory(error, "a statement");
    for (int i = 0; i < table->column_count; i++) columns[i] = used >> (i + 1 < 63 ? i + 1 : 63) & 1;
    ss_log_close(cursor->log);
    cursor->log = NULL;
    const enum ss_status status =
        ss_log_open(table->module->history, table->source, first, last, columns, &cursor->log, error);
    free(columns);
    return status;
}

static int start_scan(sqlite3_vtab_cursor *base, int plan, const char *used, int argc, sqlite3_value **argv)
{
    struct cursor *cursor = (struct cursor *)base;
    struct ss_error error;
    uint64_t first = 0, last = INT64_MAX;
    int argument = 0;
    for (int bound = BOUND_EQUAL; bound <= BOUND_UPPER && argument < argc; bound <<= 1)
        if (plan & bound) narrow(argv[argument++], bound, &first, &last);
    const enum ss_status status = open_log(cursor, strtoull(used, NULL, 16), first, last, &error);
    return status == SS_OK ? next_page(cursor) : give_error(base->pVtab, status, &error);
}

static int next_row(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    return ++cursor->row < cursor->batch->length ? SQLITE_OK : next_page(cursor);
}

static int is_at_end(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->batch == NULL;
}

// ---- Cells

static void give_time(sqlite3_context *result, int64_t time_us)
{
    char text[SS_TIME_TEXT_SIZE];
    sqlite3_result_text(result, ss_time_format(time_us, text), -1, SQLITE_TRANSIENT);
}

static void give_formatted(struct cursor *cursor, sqlite3_context *result, struct ss_type type,
                           struct ss_value value)
{
    ss_buffer_clear(&cursor->text);
    ss_value_format(type, value, &cursor->text);
    if (cursor->text.failed)
        sqlite3_result_error_nomem(result);
    else
        sqlite3_result_text64(result, cursor->text.size ? (const char *)cursor->text.data : "",
                              cursor->text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void give_value(struct cursor *cursor, sqlite3_context *result, const struct ss_column *column)
{
    const struct ss_value value = ss_column_get(column, cursor->row);
    if (!value.present) return; // null is what a result is unless it is given
    switch (column->type.id) {
    case SS_BOOL: sqlite3_result_int(result, value.boolean); break;
    case SS_INT64: sqlite3_result_int64(result, value.i64); break;
    case SS_FLOAT64: sqlite3_result_double(result, value.f64); break;
    case SS_STRING:
        sqlite3_result_text64(result, value.text.size ? value.text.data : "", value.text.size,
                              SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case SS_BYTES:
        sqlite3_result_blob64(result, value.text.size ? value.text.data : "", value.text.size,
                              SQLITE_TRANSIENT);
        break;
    default: give_formatted(cursor, result, column->type, value); break;
    }
}

static int give_cell(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    const struct ss_log_batch *batch = cursor->batch;
    const int count = ((struct table *)base->pVtab)->column_count;
    const int32_t row = cursor->row;
    if (column == 0) {
        give_time(result, batch->event_time_us[row]);
        return SQLITE_OK;
    }
    if (column <= count) {
        if (batch->columns[column - 1].length > row) give_value(cursor, result, &batch->columns[column - 1]);
        return SQLITE_OK;
    }
    switch (column - count - 1) {
    case EVENT_TIME_US: sqlite3_result_int64(result, batch->event_time_us[row]); break;
    case ARRIVAL_TIME: give_time(result, batch->arrival_us[row]); break;
    case SEQ: sqlite3_result_int64(result, (int64_t)batch->seq[row]); break;
    case DELETED_SEQ:
        if (batch->deleted_seq[row]) sqlite3_result_int64(result, (int64_t)batch->deleted_seq[row]);
        break;
    }
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    const struct cursor *cursor = (const struct cursor *)base;
    *rowid = (sqlite3_int64)cursor->batch->seq[cursor->row];
    return SQLITE_OK;
}

// ---- The module

static const sqlite3_module methods = {
    .xCreate = connect_table,
    .xConnect = connect_table,
    .xBestIndex = plan_scan,
    .xDisconnect = disconnect_table,
    .xDestroy = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = start_scan,
    .xNext = next_row,
    .xEof = is_at_end,
    .xColumn = give_cell,
    .xRowid = give_rowid,
};

static void destroy_module(void *context)
{
    struct module *module = context;
    if (module->owned) ss_history_close(module->history);
    free(module);
}

struct adding {
    sqlite3 *db;
    struct ss_error *error;
};

// Of two sources that differ by case alone the first is a table.
static enum ss_status add_source(void *context, const struct ss_log_source *source)
{
    struct adding *adding = context;
    char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE IF NOT EXISTS temp.\"%w\" USING " MODULE_NAME "(%s)",
                                source->name, source->name);
    if (!sql) return ss_fail_memory(adding->error, "the table of a source");
    const int code = sqlite3_exec(adding->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SS_OK
                             : ss_fail(adding->error, SS_INVALID, "source '%s': as a table: %s", source->name,
                                       sqlite3_errmsg(adding->db));
}

enum ss_status ss_history_add_rows(struct ss_history *history, bool owned, sqlite3 *db,
                                   struct ss_error *error)
{
    struct adding adding = {db, error};
    struct module *module = calloc(1, sizeof *module);
    if (!module) {
        if (owned) ss_history_close(history);
        return ss_fail_memory(error, "the tables of the sources");
    }
    *module = (struct module){.history = history, .owned = owned};
    if (sqlite3_create_module_v2(db, MODULE_NAME, &methods, module, destroy_module) != SQLITE_OK)
        return ss_fail(error, SS_INVALID, "the tables of the sources: %s", sqlite3_errmsg(db));
    return ss_history_each_source(history, add_source, &adding, error);
}
