// The user's own SQLite files: an open database and the one table in it that is worked on. For
// store/training_*.c alone.
#ifndef SS_STORE_TABLE_FILE_H
#define SS_STORE_TABLE_FILE_H

#include "store/training_table.h"

#include <sqlite3.h>

struct ss_table_file {
    sqlite3 *db;
    char *path, *table;
};

// `text` is FILE.db:TABLE, `flags` are SQLite's. Whatever comes of it, the file is closed by the caller.
enum ss_status ss_table_file_open(struct ss_table_file *file, const char *text, int flags,
                                  struct ss_error *error);
void ss_table_file_close(struct ss_table_file *file);

// What SQLite said last, as an error of the table.
enum ss_status ss_table_file_fail(const struct ss_table_file *file, const char *what, struct ss_error *error);

// Prepares SQL made with sqlite3_mprintf, and frees it.
enum ss_status ss_table_file_prepare(const struct ss_table_file *file, char *sql, sqlite3_stmt **statement,
                                     struct ss_error *error);
// Runs SQL made with sqlite3_mprintf, and frees it.
enum ss_status ss_table_file_execute(const struct ss_table_file *file, char *sql, struct ss_error *error);
// Runs a prepared statement that gives no more than one row; *found says whether it did. Finalises it.
enum ss_status ss_table_file_step_once(const struct ss_table_file *file, sqlite3_stmt *statement, bool *found,
                                       struct ss_error *error);

#endif
