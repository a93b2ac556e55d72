// CSV reader: libcsv decides what a field and a row are; this file feeds it line by line, so that it knows
// where every row starts and has its text.
//
//   1. a window of the file in memory, moved on when it is used up; the row at hand always starts in it
//   2. a line (to LF, CRLF or CR) is given to libcsv; if that ends no row, the line ended inside quotes and
//      the next one belongs to the row too
//   3. a row is good when it has the header's number of fields; whatever else is delivered with a `problem`
//
// After a stray quote reading goes on with the next line and a new parser. A row over SS_CSV_ROW_MAX is
// passed over without libcsv, which would hold all of it: quotes come in pairs, so counting them finds the
// row's end.

#include "materializer/csv_reader.h"

#include "engine/base/arena.h"
#include "engine/diagnostics.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES  (256u << 10)
#define WINDOW_BYTES (SS_CSV_ROW_MAX + 2 * CHUNK_BYTES)

struct ss_csv_reader {
    char *name;
    int file;
    bool owns_file, sequential; // sequential: read(), else pread() at `taken`
    bool at_end;                // of the file: the window holds all the rest
    uint64_t taken;             // bytes of the file read so far
    char *window;
    size_t start, fed, end; // of the row at hand, of what libcsv was not given yet, of the window's bytes
    uint64_t line;          // that starts at `fed`
    struct csv_parser parser;
    bool has_parser;
    // The row at hand, filled by libcsv's callbacks.
    struct ss_buffer text;     // of its cells, one behind the other
    struct ss_csv_cell *cells; // data is an offset into `text` until the row ends
    size_t cell_capacity, field_count;
    bool row_ended, failed;
    char problem[SS_CSV_PROBLEM_SIZE];
    char raw[SS_CSV_RAW_MAX]; // of a row that was passed over
    // The header.
    struct ss_arena arena;
    struct ss_bytes *names;
    size_t name_count;
    bool has_header;
};

// ---- libcsv

static int is_never_blank(unsigned char byte)
{
    (void)byte;
    return 0;
}

static bool hold_cell(struct ss_csv_reader *reader)
{
    if (reader->field_count < reader->cell_capacity) return true;
    const size_t capacity = reader->cell_capacity ? reader->cell_capacity * 2 : 32;
    struct ss_csv_cell *grown = realloc(reader->cells, capacity * sizeof *grown);
    if (!grown) return false;
    reader->cells = grown;
    reader->cell_capacity = capacity;
    return true;
}

static void take_field(void *field, size_t size, void *context)
{
    struct ss_csv_reader *reader = context;
    const bool is_surplus = reader->has_header && reader->field_count >= reader->name_count;
    if (!is_surplus && hold_cell(reader)) {
        reader->cells[reader->field_count] = (struct ss_csv_cell){.text.size = size, .null = field == NULL};
        if (field) ss_buffer_append(&reader->text, field, size);
    } else if (!is_surplus) {
        reader->failed = true;
        return;
    }
    reader->field_count++;
}

static void take_row(int terminator, void *context)
{
    struct ss_csv_reader *reader = context;
    (void)terminator;
    reader->row_ended = true;
}

static enum ss_status start_parser(struct ss_csv_reader *reader, struct ss_error *error)
{
    if (reader->has_parser) csv_free(&reader->parser);
    reader->has_parser = false;
    if (csv_init(&reader->parser, CSV_STRICT | CSV_EMPTY_IS_NULL) != 0)
        return ss_fail_memory(error, "a CSV reader");
    csv_set_space_func(&reader->parser, is_never_blank);
    csv_set_realloc_func(&reader->parser, realloc);
    csv_set_free_func(&reader->parser, free);
    csv_set_blk_size(&reader->parser, 4096);
    reader->has_parser = true;
    return SS_OK;
}

// Gives libcsv some bytes. *stray: they hold a quote where none may be.
static enum ss_status feed(struct ss_csv_reader *reader, const char *bytes, size_t size, bool *stray,
                           struct ss_error *error)
{
    const size_t parsed = csv_parse(&reader->parser, bytes, size, take_field, take_row, reader);
    *stray = parsed < size && csv_error(&reader->parser) == CSV_EPARSE;
    if ((parsed < size && !*stray) || reader->failed || reader->text.failed)
        return ss_fail_memory(error, "a row of a CSV file");
    return SS_OK;
}

// ---- The window

static enum ss_status read_chunk(struct ss_csv_reader *reader, struct ss_error *error)
{
    ssize_t got;
    char *into = reader->window + reader->end;
    do
        got = reader->sequential ? read(reader->file, into, CHUNK_BYTES)
                                 : pread(reader->file, into, CHUNK_BYTES, (off_t)reader->taken);
    while (got < 0 && errno == EINTR);
    if (got < 0) return ss_fail(error, SS_IO, "%s: cannot be read: %s", reader->name, strerror(errno));
    reader->at_end = got == 0;
    reader->end += (size_t)got;
    reader->taken += (uint64_t)got;
    return SS_OK;
}

// Reads on, keeping the row at hand.
static enum ss_status fill_window(struct ss_csv_reader *reader, struct ss_error *error)
{
    if (reader->end + CHUNK_BYTES > WINDOW_BYTES) {
        memmove(reader->window, reader->window + reader->start, reader->end - reader->start);
        reader->fed -= reader->start;
        reader->end -= reader->start;
        reader->start = 0;
    }
    return read_chunk(reader, error);
}

// The line that starts at `fed`, within [fed, end): its size with and without its end. False: the window does
// not hold all of it.
static bool find_line(const struct ss_csv_reader *reader, size_t *size, size_t *bare)
{
    const char *line = reader->window + reader->fed;
    const size_t have = reader->end - reader->fed;
    const char *feed_at = memchr(line, '\n', have);
    const size_t reach = feed_at ? (size_t)(feed_at - line) : have;
    const char *return_at = memchr(line, '\r', reach);
    if (!feed_at && !return_at) return false;
    *bare = return_at ? (size_t)(return_at - line) : reach;
    if (return_at && *bare + 1 == have && !reader->at_end) return false; // is it a CRLF?
    const bool is_pair = return_at && *bare + 1 < have && line[*bare + 1] == '\n';
    *size = *bare + 1 + is_pair;
    return true;
}

// ---- Rows

static bool is_too_long(const struct ss_csv_reader *reader, size_t end)
{
    return end - reader->start > SS_CSV_ROW_MAX;
}

static void finish_cells(struct ss_csv_reader *reader)
{
    size_t at = 0;
    const size_t kept =
        reader->field_count < reader->cell_capacity ? reader->field_count : reader->cell_capacity;
    for (size_t i = 0; i < kept && (!reader->has_header || i < reader->name_count); i++) {
        reader->cells[i].text.data = reader->text.data ? (const char *)reader->text.data + at : "";
        if (reader->cells[i].null) reader->cells[i].text.size = 0;
        at += reader->cells[i].text.size;
    }
}

const char ss_csv_too_long[] = "longer than 1 MiB";
const char ss_csv_stray[] = "a quote stands where none may";
const char ss_csv_cut_off[] = "cut: a quote is not closed before the end of the file";

const char *ss_csv_wrong_count(size_t want, size_t got, char problem[SS_CSV_PROBLEM_SIZE])
{
    snprintf(problem, SS_CSV_PROBLEM_SIZE, "expected %zu field%s, got %zu", want, want == 1 ? "" : "s", got);
    return problem;
}

static const char *problem_of(struct ss_csv_reader *reader, bool stray, bool cut, bool too_long)
{
    if (too_long) return ss_csv_too_long;
    if (stray) return ss_csv_stray;
    if (cut) return ss_csv_cut_off;
    if (!reader->has_header || reader->field_count == reader->name_count) return NULL;
    return ss_csv_wrong_count(reader->name_count, reader->field_count, reader->problem);
}

static void deliver(struct ss_csv_reader *reader, struct ss_csv_row *row, size_t raw_end, const char *problem)
{
    finish_cells(reader);
    row->problem = problem;
    row->cells = reader->cells;
    row->cell_count = reader->field_count;
    if (reader->has_header && row->cell_count > reader->name_count) row->cell_count = reader->name_count;
    row->raw = (struct ss_bytes){reader->window + reader->start, raw_end - reader->start};
    if (problem && row->raw.size > SS_CSV_RAW_MAX) row->raw.size = SS_CSV_RAW_MAX;
}

static void start_row(struct ss_csv_reader *reader)
{
    reader->start = reader->fed;
    reader->field_count = 0;
    reader->row_ended = false;
    ss_buffer_clear(&reader->text);
}

static size_t count_quotes(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += bytes[i] == '"';
    return count;
}

// Goes on to the end of a row that is too long to hold. Its lines before `fed` were counted.
static enum ss_status pass_over(struct ss_csv_reader *reader, struct ss_csv_row *row, struct ss_error *error)
{
    bool in_quotes = count_quotes(reader->window + reader->start, reader->fed - reader->start) & 1;
    bool is_over = false;
    memcpy(reader->raw, reader->window + reader->start, SS_CSV_RAW_MAX);
    while (!is_over) {
        size_t size, bare;
        const bool found = find_line(reader, &size, &bare);
        if (!found) size = reader->end - reader->fed;
        // A CR that ends the window may be half a line end: it stays until its other half is there.
        if (!found && size && !reader->at_end && reader->window[reader->end - 1] == '\r') size--;
        if (count_quotes(reader->window + reader->fed, size) & 1) in_quotes = !in_quotes;
        reader->fed += size;
        reader->start = reader->fed;
        reader->line += found;
        is_over = (found && !in_quotes) || (!found && reader->at_end);
        if (!found && !reader->at_end) SS_TRY(fill_window(reader, error));
    }
    reader->field_count = 0;
    row->problem = problem_of(reader, false, false, true);
    row->cells = reader->cells;
    row->cell_count = 0;
    row->raw = (struct ss_bytes){reader->raw, SS_CSV_RAW_MAX};
    return start_parser(reader, error);
}

static size_t without_line_end(const struct ss_csv_reader *reader, size_t end)
{
    if (end > reader->start && reader->window[end - 1] == '\n') end--;
    if (end > reader->start && reader->window[end - 1] == '\r') end--;
    return end;
}

// The last line has no end: libcsv is given one.
static enum ss_status end_of_file(struct ss_csv_reader *reader, struct ss_csv_row *row, bool *has_row,
                                  struct ss_error *error)
{
    bool stray = false;
    const size_t size = reader->end - reader->fed;
    *has_row = reader->end > reader->start;
    if (!*has_row) return SS_OK;
    if (size) SS_TRY(feed(reader, reader->window + reader->fed, size, &stray, error));
    if (!stray) SS_TRY(feed(reader, "\n", 1, &stray, error));
    size_t raw_end = reader->fed = reader->end;
    if (size == 0) raw_end = without_line_end(reader, raw_end);
    deliver(reader, row, raw_end,
            problem_of(reader, stray, !reader->row_ended, is_too_long(reader, reader->end)));
    if (!row->problem || (!stray && reader->row_ended)) return SS_OK;
    return start_parser(reader, error);
}

enum ss_status ss_csv_reader_next(struct ss_csv_reader *reader, struct ss_csv_row *row, bool *has_row,
                                  struct ss_error *error)
{
    start_row(reader);
    *row = (struct ss_csv_row){.line = reader->line};
    *has_row = true;
    while (true) {
        size_t size, bare;
        bool stray = false;
        if (!find_line(reader, &size, &bare)) {
            if (is_too_long(reader, reader->end)) return pass_over(reader, row, error);
            if (reader->at_end) return end_of_file(reader, row, has_row, error);
            SS_TRY(fill_window(reader, error));
            continue;
        }
        if (is_too_long(reader, reader->fed + size)) return pass_over(reader, row, error);
        SS_TRY(feed(reader, reader->window + reader->fed, size, &stray, error));
        const size_t raw_end = reader->fed + bare;
        const bool is_blank = raw_end == reader->start;
        reader->fed += size;
        reader->line++;
        if (stray || reader->row_ended) {
            deliver(reader, row, raw_end, problem_of(reader, stray, false, false));
            return stray ? start_parser(reader, error) : SS_OK;
        }
        if (!is_blank) continue; // inside quotes
        start_row(reader);
        row->line = reader->line;
    }
}

// ---- The header

static enum ss_status keep_header(struct ss_csv_reader *reader, const struct ss_csv_row *row,
                                  struct ss_error *error)
{
    reader->names = ss_arena_array(&reader->arena, row->cell_count, sizeof *reader->names);
    if (!reader->names) return ss_fail_memory(error, "the header of a CSV file");
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct ss_bytes name = row->cells[i].text;
        const char *copy = ss_arena_copy(&reader->arena, name.data, name.size);
        if (!copy) return ss_fail_memory(error, "the header of a CSV file");
        reader->names[i] = (struct ss_bytes){copy, name.size};
    }
    reader->name_count = row->cell_count;
    reader->has_header = true;
    return SS_OK;
}

static enum ss_status read_header(struct ss_csv_reader *reader, struct ss_error *error)
{
    struct ss_csv_row row;
    bool has_row;
    SS_TRY(read_chunk(reader, error));
    while (reader->end < 3 && !reader->at_end) SS_TRY(read_chunk(reader, error));
    if (reader->end >= 3 && memcmp(reader->window, "\xef\xbb\xbf", 3) == 0) reader->fed = 3;
    SS_TRY(ss_csv_reader_next(reader, &row, &has_row, error));
    if (!has_row)
        return ss_fail(error, SS_INVALID, "%s: it is empty; its first line must name the columns",
                       reader->name);
    if (row.problem)
        return ss_fail(error, SS_INVALID, "%s:%llu: the header, which names the columns: %s", reader->name,
                       (unsigned long long)row.line, row.problem);
    return keep_header(reader, &row, error);
}

size_t ss_csv_reader_header(const struct ss_csv_reader *reader, const struct ss_bytes **names)
{
    *names = reader->names;
    return reader->name_count;
}

static enum ss_status fail_missing(const struct ss_csv_reader *reader, const char *name,
                                   struct ss_error *error)
{
    const char **names = malloc((reader->name_count + 1) * sizeof *names);
    if (!names) return ss_fail_memory(error, "the header of a CSV file");
    for (size_t i = 0; i < reader->name_count; i++) names[i] = reader->names[i].data;
    const char *nearest = ss_nearest_name(ss_bytes_of(name), names, reader->name_count);
    char hint[SS_HINT_SIZE];
    ss_fail(error, SS_INVALID, "%s: no column '%s' in its header%s", reader->name, name,
            ss_nearest_hint(nearest, hint));
    free(names);
    return SS_INVALID;
}

enum ss_status ss_csv_reader_find(const struct ss_csv_reader *reader, const char *name, size_t *column,
                                  struct ss_error *error)
{
    size_t count = 0, found = 0;
    for (size_t i = 0; i < reader->name_count; i++) {
        if (!ss_bytes_equal(reader->names[i], ss_bytes_of(name))) continue;
        if (count++ == 0) found = i;
    }
    if (count == 0) return fail_missing(reader, name, error);
    if (count > 1)
        return ss_fail(error, SS_INVALID,
                       "%s: column '%s' stands %zu times in its header; rename all but one", reader->name,
                       name, count);
    *column = found;
    return SS_OK;
}

// ---- Opening

static enum ss_status open_reader(int file, bool owns_file, bool sequential, const char *name,
                                  struct ss_csv_reader **reader, struct ss_error *error)
{
    enum ss_status status;
    struct ss_csv_reader *opened = calloc(1, sizeof *opened);
    if (!opened) {
        if (owns_file) close(file);
        return ss_fail_memory(error, "a CSV reader");
    }
    *opened = (struct ss_csv_reader){
        .file = file, .owns_file = owns_file, .sequential = sequential, .line = 1, .name = strdup(name)};
    opened->window = malloc(WINDOW_BYTES);
    SS_TRY_GOTO(opened->name && opened->window ? SS_OK : ss_fail_memory(error, "a CSV reader"), out);
    SS_TRY_GOTO(start_parser(opened, error), out);
    SS_TRY_GOTO(read_header(opened, error), out);
    *reader = opened;
    return SS_OK;
out:
    ss_csv_reader_close(opened);
    return status;
}

enum ss_status ss_csv_reader_open(const char *path, struct ss_csv_reader **reader, struct ss_error *error)
{
    if (strcmp(path, "-") == 0)
        return open_reader(STDIN_FILENO, false, true, "standard input", reader, error);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return ss_fail(error, SS_IO, "%s: cannot be opened: %s", path, strerror(errno));
    return open_reader(file, true, true, path, reader, error);
}

enum ss_status ss_csv_reader_open_file(int file, const char *name, struct ss_csv_reader **reader,
                                       struct ss_error *error)
{
    return open_reader(file, false, false, name, reader, error);
}

void ss_csv_reader_close(struct ss_csv_reader *reader)
{
    if (!reader) return;
    if (reader->has_parser) csv_free(&reader->parser);
    if (reader->owns_file) close(reader->file);
    ss_buffer_release(&reader->text);
    ss_arena_release(&reader->arena);
    free(reader->cells);
    free(reader->window);
    free(reader->name);
    free(reader);
}

const char *ss_csv_reader_name(const struct ss_csv_reader *reader)
{
    return reader->name;
}

uint64_t ss_csv_reader_offset(const struct ss_csv_reader *reader)
{
    return reader->taken - (reader->end - reader->fed);
}

uint64_t ss_csv_reader_line(const struct ss_csv_reader *reader)
{
    return reader->line;
}
