// A loadable extension of SQLite: the sources of the history that is open as tables of rows (history_rows.c).
//
//   sqlite3 store/history.db -cmd '.load ./selfsame_history' 'SELECT * FROM payments LIMIT 3'
//
// It reads through a handle of its own, so it sees what is committed. The tables stand in the schema `temp`.

#include "store/history_internal.h"

SQLITE_EXTENSION_INIT1

__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3 *db, char **message,
                                                                  const sqlite3_api_routines *api);

int sqlite3_extension_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    struct ss_error error;
    struct ss_history *history = NULL;
    const char *path = sqlite3_db_filename(db, "main");
    enum ss_status status = path && *path
                                ? ss_history_open(path, false, NULL, &history, &error)
                                : ss_fail(&error, SS_INVALID, "open the history.db of a store first");
    if (status == SS_OK) status = ss_history_add_rows(history, true, db, &error);
    if (status == SS_OK) return SQLITE_OK;
    *message = sqlite3_mprintf("%s", error.message);
    return SQLITE_ERROR;
}
