// Catalog: definitions as rows of history's database.
//
// definitions names what is kept, definition_files holds its texts in the order in which they were compiled
// ("file", path, text), then its time zones ("zone", name, TZif bytes). Which are live is the setting "live",
// the fingerprint in hex.

#include "store/catalog.h"

#include "store/history_internal.h"

#include <string.h>

// ---- Settings

enum ss_status ss_catalog_get(struct ss_history *history, const char *name, struct ss_arena *arena,
                              const char **value, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool found;
    SS_TRY(ss_history_statement(history, "SELECT value FROM settings WHERE name = ?1", &statement, error));
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    SS_TRY(ss_history_step(history, statement, &found, "reading a setting", error));
    if (!found) {
        *value = NULL;
        return SS_OK;
    }
    const unsigned char *text = sqlite3_column_text(statement, 0);
    const char *copy =
        ss_arena_copy(arena, text ? (const char *)text : "", (size_t)sqlite3_column_bytes(statement, 0));
    ss_history_done(statement);
    if (!copy) return ss_fail_memory(error, "a setting");
    *value = copy;
    return SS_OK;
}

enum ss_status ss_catalog_set(struct ss_history *history, const char *name, const char *value,
                              struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(
        ss_history_statement(history, "INSERT OR REPLACE INTO settings VALUES(?1, ?2)", &statement, error));
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    return ss_history_run(history, statement, "keeping a setting", error);
}

enum ss_status ss_catalog_live(struct ss_history *history, struct ss_sha256 *fingerprint, bool *found,
                               struct ss_error *error)
{
    struct ss_arena arena = {0};
    const char *text;
    enum ss_status status = ss_catalog_get(history, "live", &arena, &text, error);
    if (status == SS_OK) {
        if (text && !ss_hex_read(text, fingerprint->bytes, sizeof fingerprint->bytes))
            status = ss_history_fail_row(history, "the live definitions are named by no fingerprint", error);
        else
            *found = text != NULL;
    }
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_catalog_set_live(struct ss_history *history, const struct ss_sha256 *fingerprint,
                                   struct ss_error *error)
{
    char text[SS_SHA256_TEXT_SIZE];
    return ss_catalog_set(history, "live", ss_sha256_format(fingerprint, text), error);
}

// ---- Definitions

static void bind_fingerprint(sqlite3_stmt *statement, const struct ss_sha256 *fingerprint)
{
    sqlite3_bind_blob(statement, 1, fingerprint->bytes, (int)sizeof fingerprint->bytes, SQLITE_STATIC);
}

static enum ss_status is_kept(struct ss_history *history, const struct ss_sha256 *fingerprint, bool *kept,
                              struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(
        ss_history_statement(history, "SELECT 1 FROM definitions WHERE fingerprint = ?1", &statement, error));
    bind_fingerprint(statement, fingerprint);
    SS_TRY(ss_history_step(history, statement, kept, "looking for definitions", error));
    ss_history_done(statement);
    return SS_OK;
}

// Forgets what is kept under the fingerprint: descriptions, owners and comments may be new under an old one.
static enum ss_status forget(struct ss_history *history, const struct ss_sha256 *fingerprint,
                             struct ss_error *error)
{
    static const char *const statements[] = {"DELETE FROM definition_files WHERE fingerprint = ?1",
                                             "DELETE FROM definitions WHERE fingerprint = ?1"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        sqlite3_stmt *statement;
        SS_TRY(ss_history_statement(history, statements[i], &statement, error));
        bind_fingerprint(statement, fingerprint);
        SS_TRY(ss_history_run(history, statement, "replacing definitions", error));
    }
    return SS_OK;
}

static enum ss_status keep_file(struct ss_history *history, const struct ss_sha256 *fingerprint, int position,
                                const char *kind, const char *name, struct ss_bytes content,
                                struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "INSERT INTO definition_files VALUES(?1, ?2, ?3, ?4, ?5)",
                                &statement, error));
    bind_fingerprint(statement, fingerprint);
    sqlite3_bind_int(statement, 2, position);
    sqlite3_bind_text(statement, 3, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 5, content.data ? content.data : "", content.size, SQLITE_STATIC);
    return ss_history_run(history, statement, "keeping definitions", error);
}

static enum ss_status keep_all(struct ss_history *history, const struct ss_definitions *definitions,
                               struct ss_error *error)
{
    const struct ss_sha256 *fingerprint = &definitions->fingerprint;
    sqlite3_stmt *statement;
    int position = 0;
    SS_TRY(forget(history, fingerprint, error));
    SS_TRY(ss_history_statement(history, "INSERT INTO definitions VALUES(?1)", &statement, error));
    bind_fingerprint(statement, fingerprint);
    SS_TRY(ss_history_run(history, statement, "keeping definitions", error));
    for (size_t i = 0; i < definitions->file_count; i++)
        SS_TRY(keep_file(history, fingerprint, position++, "file", definitions->files[i].path,
                         definitions->files[i].text, error));
    for (size_t i = 0; i < definitions->zone_count; i++)
        SS_TRY(keep_file(history, fingerprint, position++, "zone", definitions->zones[i].name,
                         definitions->zones[i].tzif, error));
    return SS_OK;
}

enum ss_status ss_catalog_keep(struct ss_history *history, const struct ss_definitions *definitions,
                               struct ss_error *error)
{
    bool entered;
    SS_TRY(ss_history_enter(history, &entered, error));
    return ss_history_leave(history, entered, keep_all(history, definitions, error), error);
}

// What is kept under one fingerprint, in an arena.
struct kept {
    struct ss_arena *arena;
    size_t file_count, zone_count;
    struct ss_file *files;
    struct ss_zone_file *zones;
};

static enum ss_status take_file(struct kept *kept, sqlite3_stmt *statement, struct ss_error *error)
{
    const char *kind = (const char *)sqlite3_column_text(statement, 0);
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    const bool is_zone = kind && strcmp(kind, "zone") == 0;
    const char *name_copy = ss_arena_copy(kept->arena, name ? name : "", name ? strlen(name) : 0);
    const void *content = sqlite3_column_blob(statement, 2);
    const size_t size = (size_t)sqlite3_column_bytes(statement, 2);
    const char *copy = ss_arena_copy(kept->arena, content ? content : "", size);
    if (!name_copy || !copy) return ss_fail_memory(error, "definitions");
    if (is_zone)
        kept->zones[kept->zone_count++] = (struct ss_zone_file){name_copy, {copy, size}};
    else
        kept->files[kept->file_count++] = (struct ss_file){name_copy, {copy, size}};
    return SS_OK;
}

static enum ss_status read_kept(struct ss_history *history, const struct ss_sha256 *fingerprint,
                                struct kept *kept, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "SELECT count(*) FROM definition_files WHERE fingerprint = ?1",
                                &statement, error));
    bind_fingerprint(statement, fingerprint);
    SS_TRY(ss_history_step(history, statement, &row, "reading definitions", error));
    const size_t count = (size_t)sqlite3_column_int64(statement, 0);
    ss_history_done(statement);
    kept->files = ss_arena_array(kept->arena, count + 1, sizeof *kept->files);
    kept->zones = ss_arena_array(kept->arena, count + 1, sizeof *kept->zones);
    if (!kept->files || !kept->zones) return ss_fail_memory(error, "definitions");
    SS_TRY(ss_history_statement(
        history, "SELECT kind, name, content FROM definition_files WHERE fingerprint = ?1 ORDER BY position",
        &statement, error));
    bind_fingerprint(statement, fingerprint);
    for (size_t i = 0; i < count; i++) {
        SS_TRY(ss_history_step(history, statement, &row, "reading definitions", error));
        if (!row) return ss_history_fail_row(history, "definitions lack a file", error);
        const enum ss_status status = take_file(kept, statement, error);
        if (status != SS_OK) {
            ss_history_done(statement);
            return status;
        }
    }
    ss_history_done(statement);
    return SS_OK;
}

static bool load_kept_zone(void *context, const char *name, struct ss_bytes *tzif)
{
    const struct kept *kept = context;
    return ss_zone_file_find(kept->zones, kept->zone_count, name, tzif);
}

static enum ss_status compile_kept(struct kept *kept, const struct ss_sha256 *fingerprint,
                                   struct ss_definitions **definitions, struct ss_error *error)
{
    char wanted[SS_SHA256_TEXT_SIZE], made[SS_SHA256_TEXT_SIZE];
    struct ss_buffer report = {0};
    struct ss_definitions *compiled = NULL;
    size_t error_count = 0;
    const struct ss_zone_loader zones = {load_kept_zone, kept};
    enum ss_status status = ss_definitions_compile(kept->files, kept->file_count, &zones, &compiled, &report,
                                                   &error_count, error);
    if (status == SS_FOUND) {
        status = ss_fail(error, SS_VERSION,
                         "definitions %.16s: this program does not compile them any more (%zu errors): %.*s",
                         ss_sha256_format(fingerprint, wanted), error_count, (int)report.size,
                         report.data ? (const char *)report.data : "");
    } else if (status == SS_OK && memcmp(&compiled->fingerprint, fingerprint, sizeof *fingerprint) != 0) {
        status =
            ss_fail(error, SS_VERSION,
                    "definitions %.16s: this program compiles them to %.16s; they were applied by a program "
                    "with another engine: use that one, or run 'selfsame apply' with this",
                    ss_sha256_format(fingerprint, wanted), ss_sha256_format(&compiled->fingerprint, made));
    }
    if (status == SS_OK)
        *definitions = compiled;
    else
        ss_definitions_destroy(compiled);
    ss_buffer_release(&report);
    return status;
}

enum ss_status ss_catalog_load(struct ss_history *history, const struct ss_sha256 *fingerprint,
                               struct ss_definitions **definitions, struct ss_error *error)
{
    char text[SS_SHA256_TEXT_SIZE];
    struct ss_arena arena = {0};
    struct kept kept = {.arena = &arena};
    bool found;
    SS_TRY(is_kept(history, fingerprint, &found, error));
    if (!found)
        return ss_fail(error, SS_NOT_FOUND,
                       "definitions %.16s: history '%s' does not hold them; run 'selfsame apply'",
                       ss_sha256_format(fingerprint, text), history->path);
    enum ss_status status = read_kept(history, fingerprint, &kept, error);
    if (status == SS_OK) status = compile_kept(&kept, fingerprint, definitions, error);
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_catalog_zones(struct ss_history *history, const struct ss_sha256 *fingerprint,
                                struct ss_arena *arena, const struct ss_zone_file **zones, size_t *count,
                                struct ss_error *error)
{
    struct kept kept = {.arena = arena};
    bool found;
    SS_TRY(is_kept(history, fingerprint, &found, error));
    if (found) SS_TRY(read_kept(history, fingerprint, &kept, error));
    *zones = kept.zones;
    *count = kept.zone_count;
    return SS_OK;
}
