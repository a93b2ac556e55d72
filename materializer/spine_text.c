// The text of a spine. Most spines are CSV files without a single quote: then the file's own bytes are kept,
// and a row goes to the output as it stands. Whatever else there is, is kept cell by cell.

#include "materializer/spine_text.h"

#include "materializer/csv_reader.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGION_BYTES ((size_t)1 << 20) // of a plain text that one thread looks through

void ss_spine_text_release(struct ss_spine_text *text)
{
    ss_buffer_release(&text->bytes);
    free(text->marks);
    *text = (struct ss_spine_text){0};
}

// ---- Cells

static inline void copy_text(uint8_t *to, struct ss_bytes text)
{
    uint64_t first, last;
    if (text.size < 8 || text.size > 16) {
        if (text.size) memcpy(to, text.data, text.size);
        return;
    }
    memcpy(&first, text.data, sizeof first);
    memcpy(&last, text.data + text.size - sizeof last, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy(to + text.size - sizeof last, &last, sizeof last);
}

void ss_cell_encode(const struct ss_cell *cell, struct ss_buffer *buffer)
{
    const bool is_text = cell->kind == SS_CELL_KIND_TEXT || cell->kind == SS_CELL_KIND_BLOB;
    const bool is_short = is_text && cell->text.size < 0x80; // a varint of its size is one byte
    uint8_t *room = ss_buffer_room(buffer, is_short ? 2 + cell->text.size : 9);
    if (!room) return;
    room[0] = (uint8_t)cell->kind;
    if (is_short) {
        room[1] = (uint8_t)cell->text.size;
        copy_text(room + 2, cell->text);
        buffer->size += 2 + cell->text.size;
    } else if (is_text) {
        buffer->size++;
        ss_buffer_varint(buffer, cell->text.size);
        ss_buffer_append(buffer, cell->text.data, cell->text.size);
    } else {
        const uint64_t bits = htole64((uint64_t)cell->integer); // or the real's
        memcpy(room + 1, &bits, sizeof bits);
        buffer->size += cell->kind == SS_CELL_KIND_NULL ? 1 : 9;
    }
}

static struct ss_cell decode_cell(struct ss_reader *reader)
{
    struct ss_cell cell = {.kind = (enum ss_cell_kind)ss_read_byte(reader)};
    uint64_t bits;
    switch (cell.kind) {
    case SS_CELL_KIND_NULL: break;
    case SS_CELL_KIND_INTEGER: cell.integer = (int64_t)ss_read_fixed64(reader); break;
    case SS_CELL_KIND_REAL:
        bits = ss_read_fixed64(reader);
        memcpy(&cell.real, &bits, sizeof bits);
        break;
    case SS_CELL_KIND_TEXT:
    case SS_CELL_KIND_BLOB:
        cell.text.size = (size_t)ss_read_varint(reader);
        cell.text.data = (const char *)ss_read_span(reader, cell.text.size);
        break;
    }
    return cell;
}

// ---- Row by row

static bool add_mark(struct ss_spine_text *text, struct ss_spine_mark mark)
{
    const size_t count = (size_t)(text->length / SS_BATCH_ROWS);
    if ((count & (count - 1)) == 0) { // room is for a power of two
        struct ss_spine_mark *grown = realloc(text->marks, (count ? 2 * count : 1) * sizeof *grown);
        if (!grown) return false;
        text->marks = grown;
    }
    text->marks[count] = mark;
    return true;
}

void ss_spine_text_add(struct ss_spine_text *text, uint64_t lines, const struct ss_cell *cells)
{
    struct ss_buffer *bytes = &text->bytes;
    const size_t at = bytes->size;
    ss_buffer_varint(bytes, lines);
    for (size_t i = 0; i < text->column_count; i++) ss_cell_encode(&cells[i], bytes);
    text->last_line += lines;
    if (text->length % SS_BATCH_ROWS == 0 &&
        !add_mark(text, (struct ss_spine_mark){at, text->last_line - lines}))
        bytes->failed = true;
    text->length++;
}

struct ss_spine_cursor ss_spine_cursor_at(const struct ss_spine_text *text, int64_t row)
{
    if (row >= text->length) return (struct ss_spine_cursor){0};
    const struct ss_spine_mark mark = text->marks[row / SS_BATCH_ROWS];
    return (struct ss_spine_cursor){
        .at = text->bytes.data + mark.at, .end = text->bytes.data + text->bytes.size, .line = mark.line};
}

static inline uint64_t zero_bytes(uint64_t word) // the lowest that is zero, and maybe bytes above it: 0x80
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

// The first comma or line end from `at` on, or the end.
static inline const char *find_cell_end(const char *at, const char *end)
{
    for (uint64_t word; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        const uint64_t found =
            zero_bytes(word ^ UINT64_C(0x2c2c2c2c2c2c2c2c)) | zero_bytes(word ^ UINT64_C(0x0a0a0a0a0a0a0a0a));
        if (found) return at + __builtin_ctzll(found) / 8;
    }
    while (at < end && *at != ',' && *at != '\n') at++;
    return at;
}

static bool split_line(const struct ss_spine_text *text, struct ss_spine_cursor *cursor,
                       struct ss_cell *cells)
{
    const char *const line = (const char *)cursor->at, *const end = (const char *)cursor->end;
    const char *cell = line, *at = line;
    size_t count = 0;
    for (;; at++) {
        at = find_cell_end(at, end);
        const bool is_end = at == end || *at == '\n';
        if (count == text->column_count) return false;
        cells[count].kind = at == cell ? SS_CELL_KIND_NULL : SS_CELL_KIND_TEXT;
        cells[count++].text = (struct ss_bytes){cell, (size_t)(at - cell)};
        cell = at + 1;
        if (is_end) break;
    }
    cursor->raw = (struct ss_bytes){line, (size_t)(at - line)};
    cursor->at = (const uint8_t *)at + (at < end);
    cursor->line++;
    return count == text->column_count && at > line && cursor->raw.size < SS_CSV_ROW_MAX;
}

bool ss_spine_next(const struct ss_spine_text *text, struct ss_spine_cursor *cursor, struct ss_cell *cells)
{
    if (text->is_plain) return split_line(text, cursor, cells);
    struct ss_reader reader = {cursor->at, cursor->end, false};
    cursor->line += ss_read_varint(&reader);
    cursor->raw.data = (const char *)reader.at;
    for (size_t i = 0; i < text->column_count; i++) cells[i] = decode_cell(&reader);
    SS_ASSERT(!reader.failed);
    cursor->raw.size = (size_t)((const char *)reader.at - cursor->raw.data);
    cursor->at = reader.at;
    return true;
}

// ---- Files

static enum ss_status read_whole(int file, const char *path, uint64_t offset, struct ss_buffer *bytes,
                                 struct ss_error *error)
{
    while (true) {
        uint8_t *room = ss_buffer_room(bytes, REGION_BYTES);
        if (!room) return ss_fail_memory(error, "a spine's cells");
        const ssize_t got = pread(file, room, REGION_BYTES, (off_t)(offset + bytes->size));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ss_fail(error, SS_IO, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0) return SS_OK;
        bytes->size += (size_t)got;
    }
}

enum ss_status ss_spine_file_read(const char *path, uint64_t offset, struct ss_buffer *bytes, bool *is_file,
                                  struct ss_error *error)
{
    struct stat there;
    struct ss_buffer read = {0};
    *is_file = strcmp(path, "-") != 0 && stat(path, &there) == 0 && S_ISREG(there.st_mode);
    if (!*is_file) return SS_OK;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return ss_fail(error, SS_IO, "%s: cannot be opened: %s", path, strerror(errno));
    const enum ss_status status = read_whole(file, path, offset, &read, error);
    close(file);
    if (status == SS_OK)
        *bytes = read;
    else
        ss_buffer_release(&read);
    return status;
}

struct loading {
    struct ss_spine_text *text;
    int file;
    uint64_t offset;
    int64_t *line_ends; // [region]: in it; then, in those before it
    bool *plain;        // [region]
};

static struct ss_bytes region_of(const struct loading *loading, size_t index)
{
    const struct ss_buffer *bytes = &loading->text->bytes;
    const size_t first = index * REGION_BYTES, left = bytes->size - first;
    return (struct ss_bytes){(const char *)bytes->data + first, left < REGION_BYTES ? left : REGION_BYTES};
}

// Reads a region and counts its line ends. What goes wrong is left to the reader of all CSV to tell.
static enum ss_status load_region(void *context, size_t index, size_t slot, struct ss_error *error)
{
    const struct loading *loading = context;
    const struct ss_bytes region = region_of(loading, index);
    (void)slot;
    (void)error;
    for (size_t done = 0; done < region.size;) {
        const ssize_t got = pread(loading->file, (char *)(uintptr_t)region.data + done, region.size - done,
                                  (off_t)(loading->offset + index * REGION_BYTES + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return SS_OK;
        done += (size_t)got;
    }
    if (memchr(region.data, '"', region.size) || memchr(region.data, '\r', region.size)) return SS_OK;
    int64_t count = 0;
    const char *end = region.data + region.size;
    for (const char *at = region.data; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) count++;
    loading->line_ends[index] = count;
    loading->plain[index] = true;
    return SS_OK;
}

// Marks the rows that begin behind a line end of the region.
static enum ss_status mark_region(void *context, size_t index, size_t slot, struct ss_error *error)
{
    const struct loading *loading = context;
    const struct ss_bytes region = region_of(loading, index);
    int64_t row = loading->line_ends[index];
    const char *end = region.data + region.size;
    (void)slot;
    (void)error;
    for (const char *at = region.data; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        if (++row % SS_BATCH_ROWS != 0 || row >= loading->text->length) continue;
        const size_t offset = (size_t)(at + 1 - (const char *)loading->text->bytes.data);
        loading->text->marks[row / SS_BATCH_ROWS] = (struct ss_spine_mark){offset, (uint64_t)row + 1};
    }
    return SS_OK;
}

// Regions hold so many line ends: from these to those before each, and the number of rows. False: not plain.
static bool count_rows(struct loading *loading, size_t regions)
{
    struct ss_spine_text *text = loading->text;
    const struct ss_buffer *bytes = &text->bytes;
    int64_t before = 0;
    for (size_t i = 0; i < regions; i++) {
        const int64_t count = loading->line_ends[i];
        if (!loading->plain[i]) return false;
        loading->line_ends[i] = before;
        before += count;
    }
    text->length = before + (bytes->size > 0 && bytes->data[bytes->size - 1] != '\n');
    return true;
}

static enum ss_status load(struct loading *loading, size_t regions, struct ss_pool *pool, bool *plain,
                           struct ss_error *error)
{
    struct ss_spine_text *text = loading->text;
    SS_TRY(ss_pool_run(pool, regions, load_region, loading, error));
    *plain = count_rows(loading, regions);
    if (!*plain) return SS_OK;
    text->marks = calloc((size_t)(text->length / SS_BATCH_ROWS) + 1, sizeof *text->marks);
    if (!text->marks) return ss_fail_memory(error, "a spine's rows");
    text->marks[0].line = 1; // the header's
    return ss_pool_run(pool, regions, mark_region, loading, error);
}

enum ss_status ss_spine_text_load(int file, uint64_t offset, size_t column_count, struct ss_pool *pool,
                                  struct ss_spine_text *text, bool *plain, struct ss_error *error)
{
    struct stat there;
    struct ss_spine_text loaded = {.is_plain = true, .column_count = column_count};
    *plain = false;
    if (fstat(file, &there) != 0 || !S_ISREG(there.st_mode) || (uint64_t)there.st_size < offset) return SS_OK;
    const size_t size = (size_t)((uint64_t)there.st_size - offset),
                 regions = (size + REGION_BYTES - 1) / REGION_BYTES;
    struct loading loading = {.text = &loaded, .file = file, .offset = offset};
    loading.line_ends = calloc(regions + 1, sizeof *loading.line_ends);
    loading.plain = calloc(regions + 1, sizeof *loading.plain);
    enum ss_status status = SS_OK;
    if (loading.line_ends && loading.plain && ss_buffer_grow(&loaded.bytes, size + 1)) {
        loaded.bytes.size = size;
        status = load(&loading, regions, pool, plain, error);
    } else {
        status = ss_fail_memory(error, "a spine's cells");
    }
    free(loading.line_ends);
    free(loading.plain);
    if (status == SS_OK && *plain)
        *text = loaded;
    else
        ss_spine_text_release(&loaded);
    return status;
}
