// History in SQLite: the file, its statements, its commits and the small tables beside the events.
//
// One database file in WAL mode. What is in it:
//
//   settings        name -> value (the catalog's)
//   definitions     what was applied (the catalog's)
//   sources         source -> id, identity, name of the event_id column (null: none), whether it is live
//   source_columns  (source, position) -> name, type: column `position` of the source is c<position>
//   events_<id>     staging: the newest inserts of source <id>, a row each; see history_tables.c
//   deletes_<id>    its deletes; see history_deletes.c
//   segments, blobs all other inserts, as packed columns; see history_segment.c
//   segment_generation  a number that changes whenever the list of segments does; how many runs were made
//   entity_indexes  which entities' keys a source is sorted by; see history_index.c
//   commits         one row per commit: first and last seq, its random id, its clock, its newest time, and
//                   the greatest time up to it
//   batches         (producer, number) -> hash
//   quarantine      rows that were refused, with the reason
//
// application_id names the format, user_version its version. The database is never mapped into memory: a cut
// file is an error, not a signal. Every statement is prepared once and kept; none is left standing when a
// function of this folder returns, so no read transaction outlives a call.

#include "store/history_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_VERSION   2
#define CACHE_BYTES      (32u << 20) // of segments
#define SCAN_CACHE_BYTES (4u << 20)  // of a handle that reads through
#define BUSY_TIMEOUT_MS  20000
#define SEQ_MOST         (INT64_MAX >> 1) // seqs are counted on from the newest commit's

static const char schema[] =
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE definitions(fingerprint BLOB PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE definition_files(fingerprint BLOB, position INTEGER, kind TEXT NOT NULL, name TEXT NOT "
    "NULL,"
    " content BLOB NOT NULL, PRIMARY KEY(fingerprint, position)) WITHOUT ROWID;"
    "CREATE TABLE sources(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, identity TEXT NOT NULL,"
    " event_id TEXT, live INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE source_columns(source INTEGER, position INTEGER, name TEXT NOT NULL, type TEXT NOT NULL,"
    " PRIMARY KEY(source, position), UNIQUE(source, name)) WITHOUT ROWID;"
    "CREATE TABLE entity_indexes(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, keys TEXT NOT NULL,"
    " columns TEXT NOT NULL, UNIQUE(source, keys));"
    "CREATE TABLE segments(id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL,"
    " index_id INTEGER NOT NULL, run INTEGER NOT NULL, row_count INTEGER NOT NULL, first_seq INTEGER NOT "
    "NULL,"
    " last_seq INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    " lateness_us INTEGER NOT NULL, first_key BLOB NOT NULL, last_key BLOB NOT NULL);"
    "CREATE TABLE blobs(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE segment_generation(value INTEGER NOT NULL, runs INTEGER NOT NULL);"
    "INSERT INTO segment_generation VALUES(1, 0);"
    "CREATE TABLE commits(last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, id INTEGER NOT NULL,"
    " arrival_us INTEGER NOT NULL, newest_us INTEGER NOT NULL, greatest_us INTEGER NOT NULL);"
    "CREATE TABLE batches(producer TEXT, number INTEGER, hash BLOB NOT NULL, PRIMARY KEY(producer, number))"
    " WITHOUT ROWID;"
    "CREATE TABLE quarantine(id INTEGER PRIMARY KEY, source TEXT NOT NULL, file TEXT NOT NULL,"
    " line INTEGER NOT NULL, column TEXT NOT NULL, value BLOB NOT NULL, reason TEXT NOT NULL);"
    "CREATE INDEX quarantine_by_source ON quarantine(source);";

// ---- Errors

enum ss_status ss_history_fail(const struct ss_history *history, int code, const char *doing,
                               struct ss_error *error)
{
    const char *text = history->db ? sqlite3_errmsg(history->db) : sqlite3_errstr(code);
    const int system = history->db ? sqlite3_system_errno(history->db) : 0;
    switch (code & 0xff) {
    case SQLITE_NOMEM: return ss_fail_memory(error, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ss_fail(error, SS_BUSY,
                       "history '%s': another process holds it (%s); try again when that is done",
                       history->path, doing);
    case SQLITE_FULL:
        return ss_fail(error, SS_IO, "history '%s': the disk is full (%s); make room and try again",
                       history->path, doing);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return ss_fail(error, SS_IO, "history '%s': %s: %s (%s)", history->path, text,
                       system ? strerror(system)
                              : "the system gives no reason; is there a limit on the size of files?",
                       doing);
    default:
        return ss_fail(error, SS_DAMAGED,
                       "history '%s': damaged: %s (%s); restore it from a backup, or save what can be read "
                       "with \"sqlite3 history.db .recover\"",
                       history->path, text, doing);
    }
}

enum ss_status ss_history_fail_row(const struct ss_history *history, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "history '%s': damaged: %s; restore it from a backup, or save what can be read with "
                   "\"sqlite3 history.db .recover\"",
                   history->path, what);
}

// ---- Statements

enum ss_status ss_history_execute(struct ss_history *history, const char *sql, struct ss_error *error)
{
    const int code = sqlite3_exec(history->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SS_OK : ss_history_fail(history, code, "running a command", error);
}

static bool grow_statements(struct ss_history *history)
{
    if (history->statement_count < history->statement_capacity) return true;
    const size_t capacity = history->statement_capacity ? history->statement_capacity * 2 : 32;
    struct history_statement *grown = realloc(history->statements, capacity * sizeof *grown);
    if (!grown) return false;
    history->statements = grown;
    history->statement_capacity = capacity;
    return true;
}

enum ss_status ss_history_statement(struct ss_history *history, const char *sql, sqlite3_stmt **statement,
                                    struct ss_error *error)
{
    sqlite3_stmt *handle = NULL;
    const uint64_t hash = ss_hash64(sql, strlen(sql));
    for (size_t i = 0; i < history->statement_count; i++)
        if (history->statements[i].hash == hash &&
            strcmp(sqlite3_sql(history->statements[i].handle), sql) == 0) {
            *statement = history->statements[i].handle;
            return SS_OK;
        }
    if (!grow_statements(history)) return ss_fail_memory(error, "a statement of history");
    const int code = sqlite3_prepare_v3(history->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (code != SQLITE_OK) return ss_history_fail(history, code, "preparing a statement", error);
    history->statements[history->statement_count++] = (struct history_statement){hash, handle};
    *statement = handle;
    return SS_OK;
}

enum ss_status ss_history_statement_of(struct ss_history *history, struct ss_buffer *sql,
                                       sqlite3_stmt **statement, struct ss_error *error)
{
    ss_buffer_byte(sql, 0);
    if (sql->failed) return ss_fail_memory(error, "the text of a statement");
    sql->size--;
    return ss_history_statement(history, (const char *)sql->data, statement, error);
}

enum ss_status ss_history_statement_format(struct ss_history *history, sqlite3_stmt **statement,
                                           struct ss_error *error, const char *format, ...)
{
    char sql[256];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    SS_ASSERT(size > 0 && (size_t)size < sizeof sql);
    return ss_history_statement(history, sql, statement, error);
}

enum ss_status ss_history_step(struct ss_history *history, sqlite3_stmt *statement, bool *row,
                               const char *doing, struct ss_error *error)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW) return SS_OK;
    const enum ss_status status = code == SQLITE_DONE ? SS_OK : ss_history_fail(history, code, doing, error);
    ss_history_done(statement);
    return status;
}

enum ss_status ss_history_run(struct ss_history *history, sqlite3_stmt *statement, const char *doing,
                              struct ss_error *error)
{
    bool row;
    SS_TRY(ss_history_step(history, statement, &row, doing, error));
    SS_ASSERT(!row);
    return SS_OK;
}

void ss_history_done(sqlite3_stmt *statement)
{
    if (!statement) return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

// ---- Open and close

static enum ss_status read_number(struct ss_history *history, const char *sql, int64_t *number,
                                  struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, sql, &statement, error));
    SS_TRY(ss_history_step(history, statement, &row, "reading the header", error));
    *number = row ? sqlite3_column_int64(statement, 0) : 0;
    ss_history_done(statement);
    return SS_OK;
}

static uint64_t file_bytes(const char *path, const char *ending)
{
    char name[4096];
    struct stat file;
    if (snprintf(name, sizeof name, "%s%s", path, ending) >= (int)sizeof name) return 0;
    return stat(name, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static enum ss_status connect(const char *path, const struct ss_history_options *options,
                              struct ss_history **history, struct ss_error *error)
{
    struct ss_history *opened = calloc(1, sizeof *opened);
    if (opened) opened->segments.generation = -1;
    if (opened) opened->cache_bytes = CACHE_BYTES;
    if (opened) opened->path = strdup(path);
    if (!opened || !opened->path) {
        free(opened);
        return ss_fail_memory(error, "history");
    }
    if (options)
        opened->options = *options;
    else
        opened->options.sync = true;
    const int code = sqlite3_open_v2(path, &opened->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        const enum ss_status status = ss_history_fail(opened, code, "opening it", error);
        ss_history_close(opened);
        return status;
    }
    sqlite3_extended_result_codes(opened->db, 1);
    sqlite3_busy_timeout(opened->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(opened->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    *history = opened;
    return SS_OK;
}

// Larger checkpoints write a page that many commits touched once instead of many times.
static enum ss_status configure(struct ss_history *history, bool writable, struct ss_error *error)
{
    SS_TRY(
        ss_history_execute(history,
                           "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
                           "PRAGMA mmap_size=0;",
                           error));
    if (!writable)
        return ss_history_execute(history, "PRAGMA query_only=ON; PRAGMA cache_size=-16384;", error);
    SS_TRY(ss_history_execute(history,
                              "PRAGMA cache_size=-131072; PRAGMA wal_autocheckpoint=8192;"
                              "PRAGMA journal_size_limit=67108864;",
                              error));
    return ss_history_execute(
        history, history->options.sync ? "PRAGMA synchronous=FULL;" : "PRAGMA synchronous=OFF;", error);
}

static enum ss_status check_format(struct ss_history *history, struct ss_error *error)
{
    int64_t application, version;
    SS_TRY(read_number(history, "PRAGMA application_id", &application, error));
    if (application != SS_HISTORY_APPLICATION_ID)
        return ss_history_fail_row(history, "it is no history of selfsame", error);
    SS_TRY(read_number(history, "PRAGMA user_version", &version, error));
    if (version > FORMAT_VERSION)
        return ss_fail(
            error, SS_VERSION,
            "history '%s': format %lld is newer than this program's %d; use the program that wrote it",
            history->path, (long long)version, FORMAT_VERSION);
    if (version == 1)
        return ss_fail(
            error, SS_VERSION,
            "history '%s': format 1 was that of a version which was never released, and this program "
            "reads %d; load its events again",
            history->path, FORMAT_VERSION);
    if (version != FORMAT_VERSION) return ss_history_fail_row(history, "its format has no version", error);
    return SS_OK;
}

// SQLite reads a last page that is cut in two as if its lost half were zeros, and then lacks rows without a
// word. A checkpoint that ran out of room leaves such a page too, but then the write-ahead log still has it
// whole. A checkpoint of another process writes whole pages. (stat, because closing a descriptor of its own
// would lose the locks of every connection in this process.)
static enum ss_status check_size(struct ss_history *history, struct ss_error *error)
{
    int64_t page_bytes;
    SS_TRY(read_number(history, "PRAGMA page_size", &page_bytes, error));
    if (page_bytes > 0 && file_bytes(history->path, "") % (uint64_t)page_bytes == 0) return SS_OK;
    if (file_bytes(history->path, "-wal") > 0) return SS_OK;
    return ss_history_fail_row(history, "its last page is cut off", error);
}

enum ss_status ss_history_open(const char *path, bool writable, const struct ss_history_options *options,
                               struct ss_history **history, struct ss_error *error)
{
    enum ss_status status;
    struct ss_history *opened = NULL;
    struct ss_commit newest;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return ss_fail(error, SS_NOT_FOUND,
                       "history '%s': is missing; restore it from a backup: nothing else holds the events",
                       path);
    SS_TRY(connect(path, options, &opened, error));
    SS_TRY_GOTO(check_format(opened, error), out);
    SS_TRY_GOTO(check_size(opened, error), out);
    SS_TRY_GOTO(configure(opened, writable, error), out);
    SS_TRY_GOTO(ss_history_newest_commit(opened, &newest, error), out);
    *history = opened;
    opened = NULL;
out:
    ss_history_close(opened);
    return status;
}

enum ss_status ss_history_open_again(const struct ss_history *history, struct ss_history **another,
                                     struct ss_error *error)
{
    SS_TRY(ss_history_open(history->path, false, &history->options, another, error));
    (*another)->cache_bytes = SCAN_CACHE_BYTES;
    return ss_history_execute(*another, "PRAGMA cache_size=-2048;", error);
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char name[4096];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (snprintf(name, sizeof name, "%s%s", path, endings[i]) < (int)sizeof name) unlink(name);
}

enum ss_status ss_history_create(const char *path, const struct ss_history_options *options,
                                 struct ss_error *error)
{
    enum ss_status status;
    struct ss_history *created = NULL;
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return ss_fail(error, errno == EEXIST ? SS_CONFLICT : SS_IO, "history '%s': cannot be created: %s",
                       path, strerror(errno));
    close(fd);
    SS_TRY_GOTO(connect(path, options, &created, error), out);
    SS_TRY_GOTO(ss_history_execute(created, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL;", error), out);
    SS_TRY_GOTO(configure(created, true, error), out);
    SS_TRY_GOTO(ss_history_execute(created, "BEGIN IMMEDIATE;", error), out);
    SS_TRY_GOTO(ss_history_execute(created, schema, error), out);
    SS_TRY_GOTO(ss_history_execute(created,
                                   "PRAGMA application_id=0x53534831; PRAGMA user_version=2; COMMIT;", error),
                out);
out:
    ss_history_close(created);
    if (status != SS_OK) remove_files(path);
    return status;
}

void ss_history_close(struct ss_history *history)
{
    if (!history) return;
    ss_history_rollback(history);
    for (size_t i = 0; i < history->statement_count; i++) sqlite3_finalize(history->statements[i].handle);
    free(history->statements);
    sqlite3_close(history->db);
    ss_history_release_segments(history);
    ss_history_release_tables(history);
    ss_arena_release(&history->arena);
    free(history->path);
    free(history);
}

// ---- Commits

static bool is_time(int64_t time_us)
{
    return time_us >= SS_TIME_MIN_US && time_us <= SS_TIME_MAX_US;
}

static enum ss_status read_commit(struct ss_history *history, sqlite3_stmt *statement,
                                  struct ss_commit *commit, bool *found, struct ss_error *error)
{
    const enum ss_status status = ss_history_step(history, statement, found, "reading a commit", error);
    if (status == SS_OK && *found) {
        *commit = (struct ss_commit){.first_seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                     .last_seq = (uint64_t)sqlite3_column_int64(statement, 1),
                                     .id = (uint64_t)sqlite3_column_int64(statement, 2),
                                     .arrival_us = sqlite3_column_int64(statement, 3),
                                     .newest_us = sqlite3_column_int64(statement, 4)};
        ss_history_done(statement);
        if (commit->first_seq == 0 || commit->first_seq > commit->last_seq || commit->last_seq > SEQ_MOST ||
            commit->id == 0 || !is_time(commit->arrival_us) || !is_time(commit->newest_us))
            return ss_history_fail_row(history, "a commit record makes no sense", error);
    }
    return status;
}

#define COMMIT_COLUMNS "SELECT first_seq, last_seq, id, arrival_us, newest_us FROM commits "

enum ss_status ss_history_newest_commit(struct ss_history *history, struct ss_commit *commit,
                                        struct ss_error *error)
{
    sqlite3_stmt *statement;
    struct ss_commit newest = {.arrival_us = SS_TIME_MIN_US, .newest_us = SS_TIME_MIN_US};
    bool found;
    SS_TRY(ss_history_statement(history, COMMIT_COLUMNS "ORDER BY last_seq DESC LIMIT 1", &statement, error));
    SS_TRY(read_commit(history, statement, &newest, &found, error));
    *commit = newest;
    return SS_OK;
}

enum ss_status ss_history_find_commit(struct ss_history *history, uint64_t seq, struct ss_commit *commit,
                                      bool *found, struct ss_error *error)
{
    sqlite3_stmt *statement;
    *found = false;
    if (seq > INT64_MAX) return SS_OK;
    SS_TRY(ss_history_statement(history, COMMIT_COLUMNS "WHERE last_seq >= ?1 ORDER BY last_seq LIMIT 1",
                                &statement, error));
    sqlite3_bind_int64(statement, 1, (int64_t)seq);
    return read_commit(history, statement, commit, found, error);
}

enum ss_status ss_history_newest_time(struct ss_history *history, int64_t *time_us, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "SELECT greatest_us FROM commits ORDER BY last_seq DESC LIMIT 1",
                                &statement, error));
    SS_TRY(ss_history_step(history, statement, &row, "reading the newest commit", error));
    *time_us = row ? sqlite3_column_int64(statement, 0) : SS_TIME_MIN_US;
    ss_history_done(statement);
    return is_time(*time_us)
               ? SS_OK
               : ss_history_fail_row(history, "the greatest time of a commit makes no sense", error);
}

static enum ss_status insert_commit(struct ss_history *history, const struct ss_commit *commit,
                                    struct ss_error *error)
{
    sqlite3_stmt *statement;
    int64_t greatest_us;
    SS_TRY(ss_history_newest_time(history, &greatest_us, error));
    if (commit->newest_us > greatest_us) greatest_us = commit->newest_us;
    if (commit->arrival_us > greatest_us) greatest_us = commit->arrival_us;
    SS_TRY(ss_history_statement(history, "INSERT INTO commits VALUES(?1, ?2, ?3, ?4, ?5, ?6)", &statement,
                                error));
    sqlite3_bind_int64(statement, 1, (int64_t)commit->last_seq);
    sqlite3_bind_int64(statement, 2, (int64_t)commit->first_seq);
    sqlite3_bind_int64(statement, 3, (int64_t)commit->id);
    sqlite3_bind_int64(statement, 4, commit->arrival_us);
    sqlite3_bind_int64(statement, 5, commit->newest_us);
    sqlite3_bind_int64(statement, 6, greatest_us);
    return ss_history_run(history, statement, "noting a commit", error);
}

static enum ss_status random_id(uint64_t *id, struct ss_error *error)
{
    do
        if (getrandom(id, sizeof *id, 0) != (ssize_t)sizeof *id)
            return ss_fail(error, SS_IO, "random numbers: %s", strerror(errno));
    while (*id == 0);
    return SS_OK;
}

void ss_history_fault_point(const struct ss_history *history, const char *name)
{
    if (history->options.fault_point) history->options.fault_point(history->options.fault_context, name);
}

enum ss_status ss_history_begin(struct ss_history *history, struct ss_error *error)
{
    SS_ASSERT(!history->in_transaction);
    SS_TRY(ss_history_execute(history, "BEGIN IMMEDIATE", error));
    history->in_transaction = true;
    const enum ss_status status = ss_history_newest_commit(history, &history->newest, error);
    if (status != SS_OK) ss_history_rollback(history);
    history->next_seq = history->newest.last_seq + 1;
    return status;
}

enum ss_status ss_history_commit(struct ss_history *history, struct ss_commit *commit, struct ss_error *error)
{
    enum ss_status status;
    struct ss_commit made = *commit;
    SS_ASSERT(history->in_transaction);
    made.first_seq = history->newest.last_seq + 1;
    made.last_seq = history->next_seq - 1;
    made.id = history->newest.id;
    if (made.last_seq >= made.first_seq) {
        SS_TRY_GOTO(ss_history_flush_full(history, error), out);
        SS_TRY_GOTO(random_id(&made.id, error), out);
        SS_TRY_GOTO(insert_commit(history, &made, error), out);
    }
    ss_history_fault_point(history, "history_before_commit");
    SS_TRY_GOTO(ss_history_execute(history, "COMMIT", error), out);
    history->in_transaction = false;
    ss_history_fault_point(history, "history_after_commit");
    *commit = made;
out:
    ss_history_rollback(history);
    return status;
}

void ss_history_rollback(struct ss_history *history)
{
    if (!history->in_transaction) return;
    history->in_transaction = false;
    sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL); // fails when SQLite has rolled back by itself
    ss_history_forget_caches(history);
}

static enum ss_status run_text(struct ss_history *history, const char *sql, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, sql, &statement, error));
    return ss_history_run(history, statement, "marking a part of a commit", error);
}

enum ss_status ss_history_begin_part(struct ss_history *history, struct ss_error *error)
{
    SS_ASSERT(history->in_transaction);
    history->part_seq = history->next_seq;
    history->part_changes = sqlite3_total_changes64(history->db);
    return run_text(history, "SAVEPOINT part", error);
}

enum ss_status ss_history_keep_part(struct ss_history *history, struct ss_error *error)
{
    return run_text(history, "RELEASE part", error);
}

// What was read of tables and segments meanwhile may have been of the part.
enum ss_status ss_history_undo_part(struct ss_history *history, struct ss_error *error)
{
    history->next_seq = history->part_seq;
    if (sqlite3_total_changes64(history->db) != history->part_changes) ss_history_forget_caches(history);
    SS_TRY(run_text(history, "ROLLBACK TO part", error));
    return run_text(history, "RELEASE part", error);
}

enum ss_status ss_history_begin_read(struct ss_history *history, struct ss_error *error)
{
    if (history->in_transaction) return SS_OK;
    SS_ASSERT(!history->is_reading);
    SS_TRY(ss_history_execute(history, "BEGIN", error));
    history->is_reading = true;
    return SS_OK;
}

void ss_history_end_read(struct ss_history *history)
{
    if (!history->is_reading) return;
    history->is_reading = false;
    sqlite3_exec(history->db, "COMMIT", NULL, NULL, NULL); // of reads alone: there is nothing to lose
}

enum ss_status ss_history_enter(struct ss_history *history, bool *entered, struct ss_error *error)
{
    *entered = !history->in_transaction;
    return *entered ? ss_history_begin(history, error) : SS_OK;
}

enum ss_status ss_history_leave(struct ss_history *history, bool entered, enum ss_status status,
                                struct ss_error *error)
{
    if (!entered) return status;
    if (status == SS_OK) status = ss_history_execute(history, "COMMIT", error);
    if (status == SS_OK) history->in_transaction = false;
    ss_history_rollback(history);
    return status;
}

// ---- Counts

uint64_t ss_history_rows_read(const struct ss_history *history)
{
    return history->rows_read;
}

static enum ss_status count_deletes(struct ss_history *history, uint64_t *deletes, struct ss_error *error)
{
    const struct history_table *table;
    SS_TRY(ss_history_find_table(history, "", &table, error)); // reads the list of tables
    *deletes = 0;
    for (size_t i = 0; i < history->table_count; i++) {
        sqlite3_stmt *statement;
        bool row;
        if (!history->tables[i].has_identity) continue;
        SS_TRY(ss_history_statement_format(history, &statement, error, "SELECT count(*) FROM deletes_%lld",
                                           (long long)history->tables[i].id));
        SS_TRY(ss_history_step(history, statement, &row, "counting deletes", error));
        *deletes += (uint64_t)sqlite3_column_int64(statement, 0);
        ss_history_done(statement);
    }
    return SS_OK;
}

static enum ss_status count_all(struct ss_history *history, struct ss_history_stats *stats,
                                struct ss_error *error)
{
    struct ss_commit newest;
    int64_t commits, quarantined, segments, staged = 0;
    uint64_t deletes;
    SS_TRY(ss_history_newest_commit(history, &newest, error));
    SS_TRY(read_number(history, "SELECT count(*) FROM commits", &commits, error));
    SS_TRY(read_number(history, "SELECT count(*) FROM quarantine", &quarantined, error));
    SS_TRY(read_number(history, "SELECT count(*) FROM segments", &segments, error));
    SS_TRY(count_deletes(history, &deletes, error));
    for (size_t i = 0; i < history->table_count; i++) {
        int64_t count;
        history->tables[i].cache->staged_rows = -1; // another process may have written
        SS_TRY(ss_history_count_staged(history, &history->tables[i], &count, error));
        staged += count;
    }
    *stats = (struct ss_history_stats){.commits = (uint64_t)commits,
                                       .events = newest.last_seq - deletes,
                                       .deletes = deletes,
                                       .quarantined = (uint64_t)quarantined,
                                       .segments = (uint64_t)segments,
                                       .staged = (uint64_t)staged,
                                       .file_bytes = file_bytes(history->path, ""),
                                       .wal_bytes = file_bytes(history->path, "-wal")};
    return SS_OK;
}

enum ss_status ss_history_stats(struct ss_history *history, struct ss_history_stats *stats,
                                struct ss_error *error)
{
    const bool begins = !history->in_transaction && !history->is_reading;
    if (begins) SS_TRY(ss_history_begin_read(history, error));
    const enum ss_status status = count_all(history, stats, error);
    if (begins) ss_history_end_read(history);
    return status;
}
