// What history keeps beside the events: rows in quarantine, producers' batches, which sources are live.

#include "store/history_internal.h"

#include "engine/base/planted.h"

#include <string.h>

enum ss_status ss_history_quarantine(struct ss_history *history, const struct ss_quarantine_row *row,
                                     struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(
        history,
        "INSERT INTO quarantine(source, file, line, column, value, reason) VALUES(?1, ?2, "
        "?3, ?4, ?5, ?6)",
        &statement, error));
    sqlite3_bind_text(statement, 1, row->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, row->file ? row->file : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)row->line);
    sqlite3_bind_text(statement, 4, row->column ? row->column : "", -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 5, row->value.data ? row->value.data : "", row->value.size, SQLITE_STATIC);
    sqlite3_bind_text(statement, 6, row->reason, -1, SQLITE_STATIC);
    return ss_history_run(history, statement, "keeping a row in quarantine", error);
}

static enum ss_status last_batch(struct ss_history *history, const char *producer, uint64_t *last,
                                 struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "SELECT max(number) FROM batches WHERE producer = ?1", &statement,
                                error));
    sqlite3_bind_text(statement, 1, producer, -1, SQLITE_STATIC);
    SS_TRY(ss_history_step(history, statement, &row, "reading a producer's last batch", error));
    *last = (uint64_t)sqlite3_column_int64(statement, 0); // max of nothing is null, read as 0
    ss_history_done(statement);
    return SS_OK;
}

enum ss_status ss_history_producer(struct ss_history *history, const char *producer, uint64_t number,
                                   uint64_t *last, bool *found, struct ss_sha256 *hash,
                                   struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(last_batch(history, producer, last, error));
    SS_TRY(ss_history_statement(history, "SELECT hash FROM batches WHERE producer = ?1 AND number = ?2",
                                &statement, error));
    sqlite3_bind_text(statement, 1, producer, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (int64_t)number);
    SS_TRY(ss_history_step(history, statement, found, "reading a producer's batch", error));
    if (!*found) return SS_OK;
    const void *stored = sqlite3_column_blob(statement, 0);
    const bool fits = stored && sqlite3_column_bytes(statement, 0) == (int)sizeof *hash;
    if (fits) memcpy(hash, stored, sizeof *hash);
    ss_history_done(statement);
    return fits ? SS_OK : ss_history_fail_row(history, "the hash of a batch is no hash", error);
}

enum ss_status ss_history_note_batch(struct ss_history *history, const char *producer, uint64_t number,
                                     const struct ss_sha256 *hash, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history,
                                SS_PLANTED(duplicate_counted) ? "REPLACE INTO batches VALUES(?1, ?2, ?3)"
                                                              : "INSERT INTO batches VALUES(?1, ?2, ?3)",
                                &statement, error));
    sqlite3_bind_text(statement, 1, producer, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (int64_t)number);
    sqlite3_bind_blob(statement, 3, hash->bytes, (int)sizeof hash->bytes, SQLITE_STATIC);
    return ss_history_run(history, statement, "noting a producer's batch", error);
}

enum ss_status ss_history_is_live(struct ss_history *history, const char *source, bool *live,
                                  struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "SELECT 1 FROM sources WHERE name = ?1 AND live <> 0", &statement,
                                error));
    sqlite3_bind_text(statement, 1, source, -1, SQLITE_STATIC);
    SS_TRY(ss_history_step(history, statement, live, "reading whether a source is live", error));
    ss_history_done(statement);
    return SS_OK;
}

enum ss_status ss_history_mark_live(struct ss_history *history, const char *source, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "UPDATE sources SET live = 1 WHERE name = ?1 AND live = 0",
                                &statement, error));
    sqlite3_bind_text(statement, 1, source, -1, SQLITE_STATIC);
    return ss_history_run(history, statement, "noting that a source is live", error);
}

// ---- Reading the quarantine

static enum ss_status take_quarantined(sqlite3_stmt *statement, struct ss_arena *arena,
                                       struct ss_quarantine_row *row, struct ss_error *error)
{
    const void *parts[5];
    static const int columns[5] = {1, 2, 4, 5, 6}; // source, file, column, value, reason
    for (size_t i = 0; i < 5; i++) {
        const void *bytes = sqlite3_column_blob(statement, columns[i]);
        parts[i] =
            ss_arena_copy(arena, bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, columns[i]));
        if (!parts[i]) return ss_fail_memory(error, "a row in quarantine");
    }
    *row = (struct ss_quarantine_row){.source = parts[0],
                                      .file = parts[1],
                                      .line = (uint64_t)sqlite3_column_int64(statement, 3),
                                      .column = parts[2],
                                      .value = {parts[3], (size_t)sqlite3_column_bytes(statement, 5)},
                                      .reason = parts[4]};
    return SS_OK;
}

enum ss_status ss_history_each_quarantined(struct ss_history *history, const char *source,
                                           enum ss_status (*each)(void *context,
                                                                  const struct ss_quarantine_row *row),
                                           void *context, struct ss_error *error)
{
    enum ss_status status;
    struct ss_arena arena = {0};
    struct ss_quarantine_row row;
    sqlite3_stmt *statement;
    bool found;
    int64_t last = 0;
    const char *sql = source ? "SELECT id, source, file, line, column, value, reason FROM quarantine "
                               "WHERE source = ?2 AND id > ?1 ORDER BY id LIMIT 1"
                             : "SELECT id, source, file, line, column, value, reason FROM quarantine "
                               "WHERE id > ?1 ORDER BY id LIMIT 1";
    for (;;) {
        ss_arena_reset(&arena);
        SS_TRY_GOTO(ss_history_statement(history, sql, &statement, error), out);
        sqlite3_bind_int64(statement, 1, last);
        if (source) sqlite3_bind_text(statement, 2, source, -1, SQLITE_STATIC);
        SS_TRY_GOTO(ss_history_step(history, statement, &found, "reading the quarantine", error), out);
        if (!found) break;
        if (sqlite3_column_int64(statement, 0) <= last) {
            ss_history_done(statement);
            status = ss_history_fail_row(history, "the quarantine is not in order", error);
            break;
        }
        last = sqlite3_column_int64(statement, 0);
        status = take_quarantined(statement, &arena, &row, error);
        ss_history_done(statement);
        if (status == SS_OK) status = each(context, &row);
        if (status != SS_OK) goto out;
    }
out:
    ss_arena_release(&arena);
    return status;
}
