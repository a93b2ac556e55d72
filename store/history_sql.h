// Questions to history in SQL. Only reading: a statement that would write anywhere, or see another file, is
// refused when it is compiled.
#ifndef SS_STORE_HISTORY_SQL_H
#define SS_STORE_HISTORY_SQL_H

#include "store/history.h"
#include "store/training_table.h"

struct ss_sql;

// The sources are tables (history_rows.c draws their columns), the plain tables of history.db are there too.
// `history` is read through and has to outlive it.
enum ss_status ss_sql_open(struct ss_history *history, struct ss_sql **sql, struct ss_error *error);
void ss_sql_close(struct ss_sql *sql); // NULL is fine

// Who gets the rows. What is given is borrowed until the call returns; other than SS_OK ends the statement.
struct ss_sql_sink {
    enum ss_status (*begin)(void *context, const char *const *names, size_t column_count,
                            struct ss_error *error);
    enum ss_status (*row)(void *context, const struct ss_cell *cells, size_t column_count,
                          struct ss_error *error);
    enum ss_status (*end)(void *context, struct ss_error *error);
    void *context;
};

// Runs the statements of the text one after another; those that give columns go to the sink. SS_INVALID: it
// is no SQL, writes, or was interrupted. Infinite numbers come as text, which JSON and CSV can hold.
enum ss_status ss_sql_run(struct ss_sql *sql, const char *text, const struct ss_sql_sink *sink,
                          struct ss_error *error);
bool ss_sql_is_complete(const char *text); // does it end in a semicolon that ends a statement?
void ss_sql_interrupt(struct ss_sql *sql); // may be called by a signal handler while it runs

#endif
