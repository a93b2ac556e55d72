// What made a training table: its line in selfsame_manifest, written and read again (docs/FORMAT.md "Training
// tables").
//
// The file is the user's, and so is the line: what is read is checked as far as it must be for the table to
// be made again.

#include "store/training_manifest.h"

#include "engine/base/time.h"

#include <string.h>

static const char manifest_schema[] =
    "CREATE TABLE IF NOT EXISTS selfsame_manifest (\n"
    "  table_name TEXT PRIMARY KEY COLLATE NOCASE, service TEXT, definitions_fingerprint TEXT,\n"
    "  service_fingerprint TEXT, view_fingerprints TEXT, definition_files TEXT, spine TEXT, spine_time "
    "TEXT,\n"
    "  spine_time_unit TEXT, spine_maps TEXT, spine_hash TEXT, mode TEXT, inclusive INTEGER, with_status "
    "INTEGER,\n"
    "  newest_seq INTEGER, row_count INTEGER, rows_digest TEXT, read_at TEXT, selfsame_version TEXT)";

enum ss_status ss_manifest_prepare(const struct ss_table_file *file, struct ss_error *error)
{
    return ss_table_file_execute(file, sqlite3_mprintf("%s", manifest_schema), error);
}

// ---- Writing

// Puts name and text into the JSON of a manifest column: `function` is json_insert or json_set and its path.
static enum ss_status add_named(const struct ss_table_file *file, const char *column, const char *json,
                                const struct ss_named_text *named, struct ss_error *error)
{
    sqlite3_stmt *statement = NULL;
    SS_TRY(
        ss_table_file_prepare(file,
                              sqlite3_mprintf("UPDATE selfsame_manifest SET %s = json_insert(%s, '$[#]', %s) "
                                              "WHERE table_name = %Q",
                                              column, column, json, file->table),
                              &statement, error));
    sqlite3_bind_text(statement, 1, named->name, -1, SQLITE_STATIC);
    sqlite3_bind_text64(statement, 2, named->text.data, named->text.size, SQLITE_STATIC, SQLITE_UTF8);
    return ss_table_file_step_once(file, statement, NULL, error);
}

enum ss_status ss_manifest_write(const struct ss_table_file *file, const struct ss_manifest *manifest,
                                 struct ss_error *error)
{
    char definitions[SS_SHA256_TEXT_SIZE], service[SS_SHA256_TEXT_SIZE], spine[SS_SHA256_TEXT_SIZE],
        digest[SS_SHA256_TEXT_SIZE], read_at[SS_TIME_TEXT_SIZE];
    SS_TRY(ss_table_file_execute(
        file,
        sqlite3_mprintf(
            "INSERT OR REPLACE INTO selfsame_manifest VALUES (%Q, %Q, %Q, %Q, '[]', '[]', %Q, %Q, %Q, %Q, "
            "%Q, %Q, "
            "%d, %d, %lld, %lld, %Q, %Q, %Q)",
            file->table, manifest->service, ss_sha256_format(&manifest->definitions_fingerprint, definitions),
            ss_sha256_format(&manifest->service_fingerprint, service), manifest->spine, manifest->time_column,
            manifest->time_unit, manifest->maps, ss_sha256_format(&manifest->spine_hash, spine),
            manifest->mode, manifest->inclusive, manifest->with_status, (sqlite3_int64)manifest->newest_seq,
            (sqlite3_int64)manifest->row_count, ss_sha256_format(&manifest->digest, digest),
            ss_time_format(manifest->read_at_us, read_at), manifest->version),
        error));
    for (size_t i = 0; i < manifest->view_count; i++)
        SS_TRY(add_named(file, "view_fingerprints", "json_object('view', ?1, 'fingerprint', ?2)",
                         &manifest->views[i], error));
    for (size_t i = 0; i < manifest->file_count; i++)
        SS_TRY(add_named(file, "definition_files", "json_object('path', ?1, 'text', ?2)", &manifest->files[i],
                         error));
    return SS_OK;
}

// ---- Reading

static enum ss_status fail_line(const struct ss_table_file *file, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "table '%s:%s': its line in selfsame_manifest is damaged: %s; the table cannot be made "
                   "again from it, only anew by 'selfsame train'",
                   file->path, file->table, what);
}

static enum ss_status has_manifest(const struct ss_table_file *file, bool *found, struct ss_error *error)
{
    sqlite3_stmt *statement = NULL;
    SS_TRY(ss_table_file_prepare(
        file, sqlite3_mprintf("SELECT 1 FROM sqlite_schema WHERE name = 'selfsame_manifest'"), &statement,
        error));
    return ss_table_file_step_once(file, statement, found, error);
}

enum line_column {
    LINE_SERVICE,
    LINE_SPINE,
    LINE_TIME_COLUMN,
    LINE_TIME_UNIT,
    LINE_MAPS,
    LINE_MODE,
    LINE_VERSION,
    LINE_TEXTS, // those before are texts, the next four hashes
    LINE_DEFINITIONS_FINGERPRINT = LINE_TEXTS,
    LINE_SERVICE_FINGERPRINT,
    LINE_SPINE_HASH,
    LINE_DIGEST,
    LINE_INCLUSIVE,
    LINE_WITH_STATUS,
    LINE_NEWEST_SEQ,
    LINE_ROW_COUNT,
    LINE_READ_AT,
    LINE_HAS_JSON
};

static const char *text_of(sqlite3_stmt *line, int column)
{
    const unsigned char *text = sqlite3_column_text(line, column);
    return text ? (const char *)text : "";
}

static enum ss_status take_line(const struct ss_table_file *file, sqlite3_stmt *line, struct ss_arena *arena,
                                struct ss_manifest *manifest, struct ss_error *error)
{
    const char **texts[LINE_TEXTS] = {&manifest->service,   &manifest->spine, &manifest->time_column,
                                      &manifest->time_unit, &manifest->maps,  &manifest->mode,
                                      &manifest->version};
    struct ss_sha256 *const hashes[] = {&manifest->definitions_fingerprint, &manifest->service_fingerprint,
                                        &manifest->spine_hash, &manifest->digest};
    for (int i = 0; i < LINE_TEXTS; i++) {
        const char *text = text_of(line, i);
        *texts[i] = ss_arena_copy(arena, text, strlen(text));
        if (!*texts[i]) return ss_fail_memory(error, "a manifest");
    }
    for (int i = 0; i < 4; i++)
        if (!ss_hex_read(text_of(line, LINE_TEXTS + i), hashes[i]->bytes, sizeof hashes[i]->bytes))
            return fail_line(file, "a fingerprint, hash or digest is no SHA-256 in hex", error);
    if (!ss_time_parse(ss_bytes_of(text_of(line, LINE_READ_AT)), SS_UNIT_TEXT, NULL, &manifest->read_at_us))
        return fail_line(file, "read_at is no time", error);
    if (sqlite3_column_int64(line, LINE_NEWEST_SEQ) < 0 || sqlite3_column_int64(line, LINE_ROW_COUNT) < 0)
        return fail_line(file, "newest_seq or row_count is below 0", error);
    if (!sqlite3_column_int(line, LINE_HAS_JSON))
        return fail_line(file, "definition_files is no JSON", error);
    manifest->inclusive = sqlite3_column_int(line, LINE_INCLUSIVE) != 0;
    manifest->with_status = sqlite3_column_int(line, LINE_WITH_STATUS) != 0;
    manifest->newest_seq = (uint64_t)sqlite3_column_int64(line, LINE_NEWEST_SEQ);
    manifest->row_count = sqlite3_column_int64(line, LINE_ROW_COUNT);
    return SS_OK;
}

static enum ss_status read_line(const struct ss_table_file *file, struct ss_arena *arena,
                                struct ss_manifest *manifest, bool *found, struct ss_error *error)
{
    sqlite3_stmt *line = NULL;
    SS_TRY(ss_table_file_prepare(
        file,
        sqlite3_mprintf("SELECT service, spine, spine_time, spine_time_unit, spine_maps, mode, "
                        "selfsame_version, definitions_fingerprint, service_fingerprint, spine_hash, "
                        "rows_digest, inclusive, with_status, newest_seq, row_count, read_at, "
                        "json_valid(definition_files) FROM selfsame_manifest WHERE table_name = %Q",
                        file->table),
        &line, error));
    const int code = sqlite3_step(line);
    enum ss_status status = SS_OK;
    *found = code == SQLITE_ROW;
    if (*found)
        status = take_line(file, line, arena, manifest, error);
    else if (code != SQLITE_DONE)
        status = ss_table_file_fail(file, "cannot read its manifest", error);
    sqlite3_finalize(line);
    return status;
}

static enum ss_status take_file(sqlite3_stmt *row, struct ss_arena *arena, struct ss_named_text *file,
                                struct ss_error *error)
{
    const char *name = text_of(row, 0), *text = text_of(row, 1);
    const size_t size = (size_t)sqlite3_column_bytes(row, 1);
    file->name = ss_arena_copy(arena, name, strlen(name));
    file->text = (struct ss_bytes){ss_arena_copy(arena, text, size), size};
    return file->name && file->text.data ? SS_OK : ss_fail_memory(error, "a manifest");
}

static enum ss_status read_files(const struct ss_table_file *file, struct ss_arena *arena,
                                 struct ss_manifest *manifest, struct ss_error *error)
{
    sqlite3_stmt *rows = NULL;
    enum ss_status status = SS_OK;
    struct ss_named_text *files = NULL;
    int code;
    SS_TRY(ss_table_file_prepare(
        file,
        sqlite3_mprintf("SELECT json_extract(f.value, '$.path'), json_extract(f.value, '$.text'), "
                        "json_array_length(definition_files) "
                        "FROM selfsame_manifest, json_each(definition_files) AS f "
                        "WHERE table_name = %Q AND f.type = 'object' ORDER BY f.key",
                        file->table),
        &rows, error));
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && status == SS_OK) {
        const size_t count = (size_t)sqlite3_column_int64(rows, 2);
        if (!files) files = ss_arena_array(arena, count + 1, sizeof *files);
        if (!files)
            status = ss_fail_memory(error, "a manifest");
        else if (manifest->file_count == count)
            status = fail_line(file, "definition_files is no array", error);
        else
            status = take_file(rows, arena, &files[manifest->file_count++], error);
    }
    if (status == SS_OK && code != SQLITE_DONE)
        status = ss_table_file_fail(file, "cannot read its manifest", error);
    sqlite3_finalize(rows);
    manifest->files = files;
    return status;
}

enum ss_status ss_manifest_find(const struct ss_table_file *file, struct ss_arena *arena,
                                struct ss_manifest *manifest, struct ss_error *error)
{
    struct ss_manifest read = {0};
    bool found;
    SS_TRY(has_manifest(file, &found, error));
    if (found) SS_TRY(read_line(file, arena, &read, &found, error));
    if (!found)
        return ss_fail(error, SS_NOT_FOUND,
                       "table '%s:%s': the file has no line about it in selfsame_manifest: only what "
                       "'selfsame train' made can be made again",
                       file->path, file->table);
    SS_TRY(read_files(file, arena, &read, error));
    *manifest = read;
    return SS_OK;
}

enum ss_status ss_manifest_read(const char *place, struct ss_arena *arena, struct ss_manifest *manifest,
                                struct ss_error *error)
{
    struct ss_table_file file = {0};
    enum ss_status status = ss_table_file_open(&file, place, SQLITE_OPEN_READONLY, error);
    if (status == SS_OK) status = ss_manifest_find(&file, arena, manifest, error);
    ss_table_file_close(&file);
    return status;
}
