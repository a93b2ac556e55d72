// Spines. First every cell is kept as it was (spine_text.h) and the rows are counted; then the columns that
// the service asks for are found (spine_columns.c) and made typed (spine_typed.c).
//
// A plain CSV file is taken as it stands. Where anything in it is not as it should be, it is read again cell
// by cell, in order, so that the first error is the one that is told.

#include "materializer/spine_internal.h"

#include "materializer/csv_scan.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// ---- Reading

static enum ss_status keep_columns(struct ss_spine_rows *rows, const struct ss_table_column *columns,
                                   size_t count, struct ss_table_column **made, struct ss_error *error)
{
    struct ss_table_column *kept = *made = ss_arena_array(&rows->arena, count + 1, sizeof *kept);
    if (!kept) return ss_fail_memory(error, "a spine's columns");
    for (size_t i = 0; i < count; i++) {
        kept[i].name = ss_arena_copy(&rows->arena, columns[i].name, strlen(columns[i].name));
        if (!kept[i].name) return ss_fail_memory(error, "a spine's columns");
    }
    rows->columns = kept;
    rows->column_count = rows->text.column_count = count;
    return SS_OK;
}

// The type with which a column's cells stay what they are: SQLite brings what it is given to the type that a
// column is declared with. (What it was declared with here may be that of a view's first part, or say more
// than a type.) `kinds`: a bit for each kind among them.
static const char *type_of_kinds(unsigned kinds)
{
    switch (kinds & ~(1u << SS_CELL_KIND_NULL)) {
    case 1u << SS_CELL_KIND_INTEGER: return "INTEGER";
    case 1u << SS_CELL_KIND_REAL: return "REAL";
    case 1u << SS_CELL_KIND_TEXT: return "TEXT";
    case 1u << SS_CELL_KIND_BLOB: return "BLOB";
    default: return "";
    }
}

static enum ss_status read_table(const char *place, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_table_reader *reader;
    const struct ss_table_column *columns;
    enum ss_status status;
    bool has_row = true;
    SS_TRY(ss_table_reader_open(place, &reader, error));
    const size_t count = ss_table_reader_columns(reader, &columns);
    struct ss_table_column *kept;
    SS_TRY_GOTO(keep_columns(rows, columns, count, &kept, error), out);
    struct ss_cell *cells = ss_arena_array(&rows->arena, count + 1, sizeof *cells);
    unsigned *kinds = ss_arena_array(&rows->arena, count + 1, sizeof *kinds);
    SS_TRY_GOTO(cells && kinds ? SS_OK : ss_fail_memory(error, "a spine's cells"), out);
    while (!rows->text.bytes.failed) {
        SS_TRY_GOTO(ss_table_reader_next(reader, &has_row, error), out);
        if (!has_row) break;
        for (size_t i = 0; i < count; i++) {
            cells[i] = ss_table_reader_cell(reader, i);
            kinds[i] |= 1u << cells[i].kind;
        }
        ss_spine_text_add(&rows->text, 1, cells);
    }
    if (rows->text.bytes.failed) status = ss_fail_memory(error, "a spine's cells");
    for (size_t i = 0; i < count; i++) kept[i].type = type_of_kinds(kinds[i]);
out:
    ss_table_reader_close(reader);
    return status;
}

static enum ss_status keep_header(const struct ss_csv_reader *reader, struct ss_spine_rows *rows,
                                  struct ss_error *error)
{
    const struct ss_bytes *names;
    const size_t count = ss_csv_reader_header(reader, &names);
    struct ss_table_column *kept = ss_arena_array(&rows->arena, count + 1, sizeof *kept);
    if (!kept) return ss_fail_memory(error, "a spine's columns");
    for (size_t i = 0; i < count; i++) {
        kept[i] = (struct ss_table_column){ss_arena_copy(&rows->arena, names[i].data, names[i].size), "TEXT"};
        if (!kept[i].name) return ss_fail_memory(error, "a spine's columns");
    }
    rows->columns = kept;
    rows->column_count = rows->text.column_count = count;
    return SS_OK;
}

// Keeps a row of a CSV file; *line is that of the row before it.
static enum ss_status add_csv_row(const char *place, const struct ss_csv_row *row, struct ss_cell *cells,
                                  struct ss_spine_rows *rows, uint64_t *line, struct ss_error *error)
{
    if (row->problem)
        return ss_fail(error, SS_INVALID, "%s:%llu: %s", place, (unsigned long long)row->line, row->problem);
    for (size_t i = 0; i < rows->column_count; i++)
        cells[i] = row->cells[i].null ? (struct ss_cell){.kind = SS_CELL_KIND_NULL}
                                      : (struct ss_cell){SS_CELL_KIND_TEXT, .text = row->cells[i].text};
    if (rows->text.length == 0) rows->text.last_line = *line;
    ss_spine_text_add(&rows->text, row->line - *line, cells);
    *line = row->line;
    return rows->text.bytes.failed ? ss_fail_memory(error, "a spine's cells") : SS_OK;
}

// The rows of what cannot be read twice.
static enum ss_status read_stream(const char *place, struct ss_csv_reader *reader, struct ss_cell *cells,
                                  struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_row row;
    bool has_row;
    uint64_t line = 1;
    while (true) {
        SS_TRY(ss_csv_reader_next(reader, &row, &has_row, error));
        if (!has_row) return SS_OK;
        SS_TRY(add_csv_row(place, &row, cells, rows, &line, error));
    }
}

// The rows of a file in memory.
static enum ss_status scan_rows(const char *place, struct ss_bytes bytes, uint64_t first_line,
                                struct ss_cell *cells, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_scan scan;
    struct ss_csv_row row;
    enum ss_status status = SS_OK;
    uint64_t line = 1;
    SS_TRY(ss_csv_scan_init(&scan, rows->column_count, error));
    ss_csv_scan_start(&scan, bytes, first_line);
    while (status == SS_OK && ss_csv_scan_next(&scan, &row))
        status = add_csv_row(place, &row, cells, rows, &line, error);
    ss_csv_scan_release(&scan);
    return status;
}

static enum ss_status read_csv_rows(const char *place, struct ss_csv_reader *reader,
                                    struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_buffer bytes = {0};
    bool is_file;
    struct ss_cell *cells = ss_arena_array(&rows->arena, rows->column_count + 1, sizeof *cells);
    if (!cells) return ss_fail_memory(error, "a spine's cells");
    SS_TRY(ss_spine_file_read(place, ss_csv_reader_offset(reader), &bytes, &is_file, error));
    const struct ss_bytes all = {(const char *)bytes.data, bytes.size};
    const enum ss_status status = is_file
                                      ? scan_rows(place, all, ss_csv_reader_line(reader), cells, rows, error)
                                      : read_stream(place, reader, cells, rows, error);
    ss_buffer_release(&bytes);
    return status;
}

static enum ss_status read_csv(const char *place, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    enum ss_status status;
    SS_TRY(ss_csv_reader_open(place, &reader, error));
    SS_TRY_GOTO(keep_header(reader, rows, error), out);
    SS_TRY_GOTO(read_csv_rows(place, reader, rows, error), out);
out:
    ss_csv_reader_close(reader);
    return status;
}

// *plain false: it is no plain file, or not one that can be read; nothing is told.
static enum ss_status read_plain_csv(const char *place, struct ss_pool *pool, struct ss_spine_rows *rows,
                                     bool *plain, struct ss_error *error)
{
    struct ss_csv_reader *reader = NULL;
    enum ss_status status = SS_OK;
    *plain = false;
    const int file = strcmp(place, "-") == 0 ? -1 : open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return SS_OK;
    if (lseek(file, 0, SEEK_END) > 0) status = ss_csv_reader_open_file(file, place, &reader, error);
    if (reader) status = keep_header(reader, rows, error);
    if (reader && status == SS_OK)
        status = ss_spine_text_load(file, ss_csv_reader_offset(reader), rows->column_count, pool, &rows->text,
                                    plain, error);
    ss_csv_reader_close(reader);
    close(file);
    return status;
}

// ---- All of it

// From the cells as they were to the spine.
static enum ss_status finish_rows(const struct ss_spine_source *source, const struct ss_service *service,
                                  bool is_table, struct ss_pool *pool, struct ss_spine_rows *rows,
                                  struct ss_error *error)
{
    struct ss_spine_reading reading = {
        .source = source, .service = service, .rows = rows, .is_table = is_table};
    rows->spine.length = rows->text.length;
    if (rows->spine.length > INT32_MAX)
        return ss_fail(error, SS_LIMIT, "spine '%s': it has more than %d rows; split it", source->place,
                       INT32_MAX);
    SS_TRY(ss_spine_find_columns(&reading, error));
    return ss_spine_make_typed(&reading, pool, error);
}

enum ss_status ss_spine_read(const struct ss_spine_source *source, const struct ss_service *service,
                             struct ss_pool *pool, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_table_place place;
    struct ss_spine_rows filled = {0};
    const bool is_table = ss_table_place_parse(source->place, &place);
    bool plain = false;
    enum ss_status status = is_table ? SS_OK : read_plain_csv(source->place, pool, &filled, &plain, error);
    if (status == SS_OK && plain) status = finish_rows(source, service, false, pool, &filled, error);
    if (status == SS_OK ? !plain : status != SS_OUT_OF_MEMORY) {
        ss_spine_release(&filled);
        status =
            is_table ? read_table(source->place, &filled, error) : read_csv(source->place, &filled, error);
        if (status == SS_OK) status = finish_rows(source, service, is_table, pool, &filled, error);
    }
    if (status == SS_OK)
        *rows = filled;
    else
        ss_spine_release(&filled);
    return status;
}

void ss_spine_release(struct ss_spine_rows *rows)
{
    ss_arena_release(&rows->arena);
    ss_spine_text_release(&rows->text);
    *rows = (struct ss_spine_rows){0};
}

bool ss_spine_lines(const struct ss_spine_rows *rows, int64_t first, int32_t length, struct ss_bytes *lines)
{
    if (!rows->text.is_plain) return false;
    const struct ss_spine_cursor cursor = ss_spine_cursor_at(&rows->text, first);
    const char *at = (const char *)cursor.at, *const end = (const char *)cursor.end;
    for (int32_t row = 0; row < length; row++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        lines[row] = (struct ss_bytes){at, (size_t)(line_end - at)};
        at = line_end + 1;
    }
    return true;
}

void ss_spine_cells(const struct ss_spine_rows *rows, int64_t first, int32_t length, struct ss_cell *cells)
{
    struct ss_spine_cursor cursor = ss_spine_cursor_at(&rows->text, first);
    for (int32_t row = 0; row < length; row++) {
        const bool is_row = ss_spine_next(&rows->text, &cursor, &cells[(size_t)row * rows->column_count]);
        SS_ASSERT(is_row);
    }
}
