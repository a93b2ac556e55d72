// What the history files and the catalog share: the handle, its statements, and where a source's columns are
// kept. For store/history_*.c and store/catalog.c alone.
#ifndef SS_STORE_HISTORY_INTERNAL_H
#define SS_STORE_HISTORY_INTERNAL_H

#include "store/history.h"

#include <sqlite3.h>

struct history_statement {
    uint64_t hash; // of the text
    sqlite3_stmt *handle;
};

// The entries of one entity's keys, in tables by_<id><keys> and new_<id><keys> (history_index.c).
struct history_index {
    const char *keys; // "_0_3": the key parts are c0 and c3
    size_t key_count;
    int positions[SS_MAX_KEYS];
};

// Where a source is kept: table events_<id>, column i of the table being "c<i>".
struct history_table {
    int64_t id;
    const char *source;
    const char *identity; // names of the event_time and event_id columns as text: may never change
    size_t column_count;
    const char **column_names;
    struct ss_type *column_types;
    size_t index_count;
    struct history_index *indexes;
};

struct ss_history {
    char *path;
    sqlite3 *db;
    struct ss_history_options options;
    size_t statement_count, statement_capacity;
    struct history_statement *statements;
    struct ss_arena arena; // the tables
    size_t table_count;
    struct history_table *tables;
    bool in_transaction;
    struct ss_commit newest; // in a transaction: the newest before it
    uint64_t next_seq;       // in a transaction
    uint64_t rows_read;
};

// An error of SQLite, with the path and what was being done ("reading events of source 'payments'").
enum ss_status ss_history_fail(const struct ss_history *history, int code, const char *doing,
                               struct ss_error *error);
// A row that no version of this program writes.
enum ss_status ss_history_fail_row(const struct ss_history *history, const char *what,
                                   struct ss_error *error);

enum ss_status ss_history_execute(struct ss_history *history, const char *sql, struct ss_error *error);
// The statement of this text, kept for the life of the handle. Whoever takes it binds every parameter, steps
// it and resets it before anything else may take it.
enum ss_status ss_history_statement(struct ss_history *history, const char *sql, sqlite3_stmt **statement,
                                    struct ss_error *error);
// The same of a buffer's text.
enum ss_status ss_history_statement_of(struct ss_history *history, struct ss_buffer *sql,
                                       sqlite3_stmt **statement, struct ss_error *error);
// *row: is there one? Resets the statement when not.
enum ss_status ss_history_step(struct ss_history *history, sqlite3_stmt *statement, bool *row,
                               const char *doing, struct ss_error *error);
// Steps a statement that gives no row, and resets it.
enum ss_status ss_history_run(struct ss_history *history, sqlite3_stmt *statement, const char *doing,
                              struct ss_error *error);
void ss_history_done(sqlite3_stmt *statement); // resets and unbinds. NULL is fine

// A transaction of its own, unless one is open.
enum ss_status ss_history_enter(struct ss_history *history, bool *entered, struct ss_error *error);
enum ss_status ss_history_leave(struct ss_history *history, bool entered, enum ss_status status,
                                struct ss_error *error);

// The table of a source. Valid until the next call of this or of prepare. *table NULL: there is none.
enum ss_status ss_history_find_table(struct ss_history *history, const char *source,
                                     const struct history_table **table, struct ss_error *error);
// The table, and where each of the source's columns is in it: positions[column_count]. The event_time column
// has no place of its own (-1).
enum ss_status ss_history_require_table(struct ss_history *history, const struct ss_source *source,
                                        const struct history_table **table, int *positions,
                                        struct ss_error *error);

// Indexes by entity. Adds the one that reads of the view need, filled, unless it is there.
enum ss_status ss_history_add_index(struct ss_history *history, const struct history_table *table,
                                    const struct ss_view *view, const int *positions, struct ss_error *error);
enum ss_status ss_history_load_indexes(struct ss_history *history, struct history_table *table,
                                       struct ss_error *error);
const struct history_index *ss_history_find_index(const struct history_table *table,
                                                  const struct ss_view *view,
                                                  const int *positions); // NULL: none
// The statement that adds an entry; parameters: the key parts, event_time_us, seq.
enum ss_status ss_history_index_insert(struct ss_history *history, const struct history_table *table,
                                       const struct history_index *index, sqlite3_stmt **statement,
                                       struct ss_error *error);
// Before a commit: moves the new entries of all indexes to their bodies when there are many.
enum ss_status ss_history_merge_indexes(struct ss_history *history, uint64_t last_seq,
                                        struct ss_error *error);

enum ss_status ss_history_execute_buffer(struct ss_history *history, struct ss_buffer *sql,
                                         struct ss_error *error); // and empties the buffer
// Every table there is, read anew.
enum ss_status ss_history_load_tables(struct ss_history *history, struct ss_error *error);
void ss_history_append_column(struct ss_buffer *sql, int position); // "c7", or "event_time_us" for -1

void ss_history_bind(sqlite3_stmt *statement, int parameter, struct ss_type type, struct ss_value value);
// False: what is there is no value of the type.
bool ss_history_value(sqlite3_stmt *statement, int column, struct ss_type type, struct ss_value *value);

void ss_history_reader_set_view(struct ss_event_reader *reader, const struct ss_view *view); // STOP-GAP

#endif
