// Scan of CSV in memory.
//
//   1. 64 bytes at a time are looked at for commas, quotes, CR and LF: a bit for each ("marks"). Between two
//      marks nothing can happen, so a cell costs a step or two, whatever its length.
//   2. a cell is what lies between two marks; a quoted one goes on to its closing quote
//   3. a row that is none (a stray quote, cut, too long) is gone over again, slowly, to find where it ends
//
// What csv_reader.c does line by line shows in two rules. A stray quote ends its row with its line. And a row
// over SS_CSV_ROW_MAX ends with its first line that leaves no quote open, by counting quotes, whatever else
// is wrong with it.

#include "materializer/csv_scan.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WINDOW 64

// ---- Marks

#ifdef __SSE2__

static inline uint64_t marks_of_16(const char *bytes)
{
    const __m128i text = _mm_loadu_si128((const __m128i *)bytes);
    const __m128i separators =
        _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8(',')), _mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    const __m128i line_ends =
        _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\r')));
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(separators, line_ends));
}

static inline uint64_t marks_of(const char *bytes)
{
    return marks_of_16(bytes) | marks_of_16(bytes + 16) << 16 | marks_of_16(bytes + 32) << 32 |
           marks_of_16(bytes + 48) << 48;
}

#else

static inline uint64_t marks_of(const char *bytes)
{
    uint64_t marks = 0;
    for (int i = 0; i < WINDOW; i++) {
        const char byte = bytes[i];
        marks |= (uint64_t)(byte == ',' || byte == '"' || byte == '\n' || byte == '\r') << i;
    }
    return marks;
}

#endif

static inline uint64_t marks_at(const struct ss_csv_cursor *cursor, size_t window)
{
    char padded[WINDOW] = {0};
    const size_t left = cursor->size - window;
    if (left >= WINDOW) return marks_of(cursor->bytes + window);
    if (left) memcpy(padded, cursor->bytes + window, left);
    return marks_of(padded);
}

// Where the next mark is; the end if there is none.
static inline size_t next_mark(struct ss_csv_cursor *cursor)
{
    while (!cursor->marks) {
        if (cursor->size - cursor->window <= WINDOW) return cursor->size;
        cursor->window += WINDOW;
        cursor->marks = marks_at(cursor, cursor->window);
    }
    return cursor->window + (size_t)__builtin_ctzll(cursor->marks);
}

static inline void take_mark(struct ss_csv_cursor *cursor)
{
    cursor->marks &= cursor->marks - 1;
}

// Goes to a place, forward or back.
static void seek(struct ss_csv_cursor *cursor, size_t at)
{
    cursor->at = at;
    cursor->window = at - at % WINDOW;
    cursor->marks = marks_at(cursor, cursor->window) & (UINT64_MAX << at % WINDOW);
}

// The mark at `at` is a line end: takes it, LF, CR or CRLF, and goes behind it.
static inline void take_line_end(struct ss_csv_cursor *cursor, size_t at)
{
    take_mark(cursor);
    cursor->at = at + 1;
    if (cursor->bytes[at] == '\r' && cursor->at < cursor->size && cursor->bytes[cursor->at] == '\n') {
        next_mark(cursor);
        take_mark(cursor);
        cursor->at++;
    }
    cursor->line++;
}

static inline bool is_line_end(char byte)
{
    return byte == '\n' || byte == '\r';
}

// ---- Cells

enum row_end { ROW_GOES_ON, ROW_ENDS, ROW_IS_STRAY, ROW_IS_OPEN };

// What the mark behind a cell says, or the end of the bytes.
static inline enum row_end take_separator(struct ss_csv_cursor *cursor, size_t at)
{
    cursor->at = at;
    if (at == cursor->size) return ROW_ENDS;
    if (cursor->bytes[at] == '"') return ROW_IS_STRAY;
    if (cursor->bytes[at] != ',') {
        take_line_end(cursor, at);
        return ROW_ENDS;
    }
    take_mark(cursor);
    cursor->at++;
    return ROW_GOES_ON;
}

// From behind an opening quote to the closing one, or the end; *line_start follows the lines within.
static inline size_t find_closing_quote(struct ss_csv_cursor *cursor, size_t *line_start, bool *has_pairs)
{
    *has_pairs = false;
    for (;;) {
        const size_t at = next_mark(cursor);
        if (at == cursor->size) return at;
        if (is_line_end(cursor->bytes[at])) {
            take_line_end(cursor, at);
            *line_start = cursor->at;
            continue;
        }
        take_mark(cursor);
        if (cursor->bytes[at] == ',') continue;
        if (at + 1 == cursor->size || cursor->bytes[at + 1] != '"') return at;
        *has_pairs = true;
        next_mark(cursor);
        take_mark(cursor);
    }
}

// A quoted cell's text without the second quote of each pair. A row with more than fits is too long anyway.
static struct ss_bytes unescape(struct ss_csv_scan *scan, struct ss_bytes text)
{
    char *to = scan->unescaped + scan->unescaped_size;
    size_t size = 0;
    if (text.size > SS_CSV_ROW_MAX - scan->unescaped_size) return (struct ss_bytes){"", 0};
    for (size_t i = 0; i < text.size; i++) {
        to[size++] = text.data[i];
        i += text.data[i] == '"';
    }
    scan->unescaped_size += size;
    return (struct ss_bytes){to, size};
}

static inline enum row_end take_quoted(struct ss_csv_scan *scan, struct ss_csv_cursor *cursor,
                                       struct ss_csv_cell *cell, size_t *line_start)
{
    bool has_pairs;
    const char *const bytes = cursor->bytes;
    const size_t start = cursor->at + 1;
    take_mark(cursor);
    const size_t end = find_closing_quote(cursor, line_start, &has_pairs), behind = end + 1;
    if (end == cursor->size) return ROW_IS_OPEN;
    cell->text = (struct ss_bytes){bytes + start, end - start};
    cell->null = false;
    if (has_pairs) cell->text = unescape(scan, cell->text);
    if (behind == cursor->size || bytes[behind] == ',' || is_line_end(bytes[behind])) {
        next_mark(cursor); // so that it can be taken
        return take_separator(cursor, behind);
    }
    return ROW_IS_STRAY;
}

static inline enum row_end take_cell(struct ss_csv_scan *scan, struct ss_csv_cursor *cursor,
                                     struct ss_csv_cell *cell, size_t *line_start)
{
    const size_t start = cursor->at, stop = next_mark(cursor);
    if (stop == start && stop < cursor->size && cursor->bytes[stop] == '"')
        return take_quoted(scan, cursor, cell, line_start);
    *cell = (struct ss_csv_cell){{cursor->bytes + start, stop - start}, stop == start};
    return take_separator(cursor, stop);
}

// ---- Rows that are none

// Goes behind the next line end at or after `at`, or to the end. The line's end without it.
static size_t pass_line(struct ss_csv_cursor *cursor, size_t at)
{
    seek(cursor, at);
    for (;;) {
        const size_t mark = next_mark(cursor);
        if (mark == cursor->size) {
            cursor->at = mark;
            return mark;
        }
        if (!is_line_end(cursor->bytes[mark])) {
            take_mark(cursor);
            continue;
        }
        take_line_end(cursor, mark);
        return mark;
    }
}

static bool has_odd_quotes(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += bytes[i] == '"';
    return count & 1;
}

// Goes to the end of a row that is too long: of its first line that leaves no quote open.
static void pass_long_row(struct ss_csv_cursor *cursor, size_t start, uint64_t line)
{
    bool in_quotes = false;
    cursor->at = start;
    cursor->line = line;
    do {
        const size_t line_start = cursor->at, line_end = pass_line(cursor, line_start);
        if (has_odd_quotes(cursor->bytes + line_start, line_end - line_start)) in_quotes = !in_quotes;
    } while (in_quotes && cursor->at < cursor->size);
}

// Without the line end that they may close with.
static size_t without_line_end(const struct ss_csv_cursor *cursor, size_t start, size_t end)
{
    if (end > start && cursor->bytes[end - 1] == '\n') end--;
    if (end > start && cursor->bytes[end - 1] == '\r') end--;
    return end;
}

// ---- Rows

// Goes over line ends before a row. False: nothing is left.
static bool skip_blank_lines(struct ss_csv_cursor *cursor)
{
    while (cursor->at < cursor->size && is_line_end(cursor->bytes[cursor->at]))
        take_line_end(cursor, next_mark(cursor));
    return cursor->at < cursor->size;
}

// The row from `start` is none: where does it end, and why?
static void reject(struct ss_csv_cursor *cursor, struct ss_csv_row *row, size_t start, size_t line_start,
                   enum row_end end)
{
    size_t raw_end = cursor->size;
    row->problem = end == ROW_IS_STRAY ? ss_csv_stray : ss_csv_cut_off;
    if (end == ROW_IS_STRAY) raw_end = pass_line(cursor, line_start);
    if (end == ROW_IS_OPEN) {
        if (line_start == cursor->size) raw_end = without_line_end(cursor, start, raw_end);
        cursor->at = cursor->size;
    }
    if (end == ROW_ENDS || cursor->at - start > SS_CSV_ROW_MAX) {
        row->problem = ss_csv_too_long;
        raw_end = start + SS_CSV_RAW_MAX;
        pass_long_row(cursor, start, row->line);
    }
    row->raw = (struct ss_bytes){cursor->bytes + start, raw_end - start};
}

static void check_count(struct ss_csv_scan *scan, struct ss_csv_row *row, size_t count)
{
    if (count == scan->field_count) {
        row->cells = scan->cells;
        row->cell_count = count;
    } else {
        row->problem = ss_csv_wrong_count(scan->field_count, count, scan->problem);
    }
}

bool ss_csv_scan_next(struct ss_csv_scan *scan, struct ss_csv_row *row)
{
    struct ss_csv_cursor cursor = scan->cursor; // in registers
    const bool is_left = skip_blank_lines(&cursor);
    const size_t start = cursor.at;
    size_t line_start = start, count = 0;
    enum row_end end = is_left ? ROW_GOES_ON : ROW_ENDS;
    *row = (struct ss_csv_row){.line = cursor.line};
    scan->unescaped_size = 0;
    while (end == ROW_GOES_ON) {
        struct ss_csv_cell surplus;
        end =
            take_cell(scan, &cursor, count < scan->field_count ? &scan->cells[count] : &surplus, &line_start);
        count++;
    }
    scan->cursor = cursor;
    if (!is_left) return false;
    if (end == ROW_ENDS && cursor.at - start <= SS_CSV_ROW_MAX) {
        const size_t raw_end = without_line_end(&scan->cursor, start, cursor.at);
        row->raw = (struct ss_bytes){cursor.bytes + start, raw_end - start};
        check_count(scan, row, count);
    } else {
        reject(&scan->cursor, row, start, line_start, end);
    }
    if (row->problem && row->raw.size > SS_CSV_RAW_MAX) row->raw.size = SS_CSV_RAW_MAX;
    return true;
}

enum ss_status ss_csv_scan_init(struct ss_csv_scan *scan, size_t field_count, struct ss_error *error)
{
    struct ss_csv_scan made = {.field_count = field_count};
    SS_ASSERT(field_count >= 1);
    made.cells = calloc(field_count, sizeof *made.cells);
    made.unescaped = malloc(SS_CSV_ROW_MAX); // mostly never touched
    if (!made.cells || !made.unescaped) {
        ss_csv_scan_release(&made);
        return ss_fail_memory(error, "a CSV reader");
    }
    *scan = made;
    return SS_OK;
}

void ss_csv_scan_release(struct ss_csv_scan *scan)
{
    free(scan->cells);
    free(scan->unescaped);
    *scan = (struct ss_csv_scan){0};
}

void ss_csv_scan_start(struct ss_csv_scan *scan, struct ss_bytes rows, uint64_t line)
{
    scan->cursor = (struct ss_csv_cursor){.bytes = rows.data, .size = rows.size, .line = line};
    seek(&scan->cursor, 0);
}

// ---- Cutting

// Behind the last line end within [start, end) that ends a line for certain; `start` if there is none.
static size_t last_line_end(struct ss_bytes bytes, size_t start, size_t end)
{
    const char *const from = bytes.data + start;
    const char *const feed_at = memrchr(from, '\n', end - start);
    if (feed_at) return (size_t)(feed_at - bytes.data) + 1;
    const bool is_half = end == bytes.size && end > start && bytes.data[end - 1] == '\r';
    const char *const return_at = memrchr(from, '\r', end - start - is_half);
    return return_at ? (size_t)(return_at - bytes.data) + 1 : start;
}

// Did the row at the end of the bytes end there for lack of more? (A CR may be half a line end, and a long
// row may be in quotes.)
static bool is_maybe_cut(const struct ss_csv_cursor *cursor, const struct ss_csv_row *row)
{
    if (cursor->at < cursor->size) return false;
    return row->problem == ss_csv_cut_off || row->problem == ss_csv_too_long ||
           cursor->bytes[cursor->size - 1] != '\n';
}

size_t ss_csv_cut(struct ss_csv_scan *scan, struct ss_bytes bytes)
{
    struct ss_csv_row row;
    size_t cut = 0;
    ss_csv_scan_start(scan, bytes, 1);
    for (;;) { // from row to row, but in one leap over all that have no quote
        const char *quote = memchr(bytes.data + cut, '"', bytes.size - cut);
        cut = last_line_end(bytes, cut, quote ? (size_t)(quote - bytes.data) : bytes.size);
        if (!quote) return cut;
        seek(&scan->cursor, cut);
        if (!ss_csv_scan_next(scan, &row) || is_maybe_cut(&scan->cursor, &row)) return cut;
        cut = scan->cursor.at;
    }
}
