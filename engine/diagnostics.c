// Diagnostics: the compile errors of all files, and how they are shown.
//
// An error is kept as a place (file and byte offset) and a message. Line, column, the source line and its
// caret are derived only when it is shown. Columns are counted in code points, so that editors jump to the
// right one; in the line that is shown control characters (but the tab) become '?', so that a file cannot
// write to the terminal.
#include "engine/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"

#define SHOWN        100 // code points of a long line that are shown
#define SHOWN_BEFORE 70  // of them before the caret
#define NAME_MAX     64  // longer names get no "did you mean"

void ss_diagnostics_init(struct ss_diagnostics *diagnostics, const struct ss_file *files, size_t file_count,
                         struct ss_arena *arena)
{
    *diagnostics = (struct ss_diagnostics){.files = files, .file_count = file_count, .arena = arena};
}

static bool same_place(struct ss_place a, struct ss_place b)
{
    return a.file == b.file && a.offset == b.offset;
}

static bool is_known(const struct ss_diagnostics *diagnostics, struct ss_place place, const char *message)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct ss_diagnostic *item = &diagnostics->items[i];
        if (same_place(item->place, place) && strcmp(item->message, message) == 0) return true;
    }
    return false;
}

static bool make_room(struct ss_diagnostics *diagnostics)
{
    if (diagnostics->count < diagnostics->capacity) return true;
    const size_t capacity = diagnostics->capacity ? 2 * diagnostics->capacity : 16;
    struct ss_diagnostic *items = ss_arena_array(diagnostics->arena, capacity, sizeof(*items));
    if (!items) return false;
    if (diagnostics->count) memcpy(items, diagnostics->items, diagnostics->count * sizeof(*items));
    diagnostics->items = items;
    diagnostics->capacity = capacity;
    return true;
}

static const char *format_message(struct ss_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    char *message = NULL;
    const int size = vsnprintf(NULL, 0, format, arguments);
    if (size >= 0) message = ss_arena_alloc(arena, (size_t)size + 1);
    if (message) vsnprintf(message, (size_t)size + 1, format, again);
    va_end(again);
    return message;
}

void ss_diagnose(struct ss_diagnostics *diagnostics, struct ss_place place, const char *format, ...)
{
    if (diagnostics->count >= SS_DIAGNOSTICS_MAX) return;
    va_list arguments;
    va_start(arguments, format);
    const char *message = format_message(diagnostics->arena, format, arguments);
    va_end(arguments);
    if (!message || !make_room(diagnostics)) {
        diagnostics->out_of_memory = true;
        return;
    }
    if (is_known(diagnostics, place, message)) return;
    diagnostics->items[diagnostics->count++] = (struct ss_diagnostic){.place = place, .message = message};
}

static int compare_places(const void *left, const void *right)
{
    const struct ss_diagnostic *a = left, *b = right;
    if (a->place.file != b->place.file) return a->place.file < b->place.file ? -1 : 1;
    if (a->place.offset != b->place.offset) return a->place.offset < b->place.offset ? -1 : 1;
    return strcmp(a->message, b->message);
}

void ss_diagnostics_sort(struct ss_diagnostics *diagnostics)
{
    if (diagnostics->count)
        qsort(diagnostics->items, diagnostics->count, sizeof(*diagnostics->items), compare_places);
}

static bool starts_code_point(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static uint32_t count_code_points(const char *text, size_t size)
{
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) count += starts_code_point(text[i]);
    return count;
}

// The line that holds an offset, without its line end.
struct source_line {
    struct ss_bytes text;
    uint32_t number;     // 1-based
    size_t place_offset; // of the place, within the line
};

static struct source_line find_line(const struct ss_diagnostics *diagnostics, struct ss_place place)
{
    SS_ASSERT(place.file < diagnostics->file_count);
    const struct ss_bytes text = diagnostics->files[place.file].text;
    const size_t offset = place.offset < text.size ? place.offset : text.size;
    size_t start = 0;
    uint32_t number = 1;
    const char *newline;
    while (offset > start && (newline = memchr(text.data + start, '\n', offset - start))) {
        start = (size_t)(newline - text.data) + 1;
        number++;
    }
    size_t end = text.size;
    if (start < text.size && (newline = memchr(text.data + start, '\n', text.size - start)))
        end = (size_t)(newline - text.data);
    if (end > start && text.data[end - 1] == '\r') end--;
    return (struct source_line){
        {start < text.size ? text.data + start : "", end - start}, number, offset - start};
}

void ss_place_resolve(const struct ss_diagnostics *diagnostics, struct ss_place place, uint32_t *line,
                      uint32_t *column)
{
    const struct source_line found = find_line(diagnostics, place);
    const size_t before = found.place_offset < found.text.size ? found.place_offset : found.text.size;
    *line = found.number;
    *column = count_code_points(found.text.data, before) + 1;
}

static void append_visible(struct ss_buffer *buffer, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        ss_buffer_byte(buffer, control ? '?' : byte);
    }
}

static size_t back_code_points(struct ss_bytes text, size_t at, size_t count)
{
    while (at > 0 && count > 0) {
        at--;
        if (starts_code_point(text.data[at])) count--;
    }
    return at;
}

static size_t forward_code_points(struct ss_bytes text, size_t at, size_t count)
{
    while (at < text.size) {
        if (starts_code_point(text.data[at]) && count-- == 0) break;
        at++;
    }
    return at;
}

void ss_diagnostic_format(const struct ss_diagnostics *diagnostics, size_t index, struct ss_buffer *buffer)
{
    const struct ss_diagnostic *item = &diagnostics->items[index];
    const struct source_line line = find_line(diagnostics, item->place);
    uint32_t number, column;
    ss_place_resolve(diagnostics, item->place, &number, &column);
    ss_buffer_format(buffer, "%s:%u:%u: error: %s\n", diagnostics->files[item->place.file].path, number,
                     column, item->message);
    const size_t caret = line.place_offset < line.text.size ? line.place_offset : line.text.size;
    const size_t start = back_code_points(line.text, caret, SHOWN_BEFORE);
    const size_t end = forward_code_points(line.text, start, SHOWN);
    const char *cut_start = start > 0 ? "..." : "";
    ss_buffer_format(buffer, "  %s", cut_start);
    append_visible(buffer, line.text.data + start, end - start);
    ss_buffer_format(buffer, "%s\n  %*s", end < line.text.size ? "..." : "", (int)strlen(cut_start), "");
    for (size_t i = start; i < caret; i++) {
        if (starts_code_point(line.text.data[i]))
            ss_buffer_byte(buffer, line.text.data[i] == '\t' ? '\t' : ' ');
    }
    ss_buffer_text(buffer, "^\n");
}

static char fold_case(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Edit distance with transpositions of neighbours, ignoring ASCII case; both sizes are at most NAME_MAX.
static size_t edit_distance(struct ss_bytes a, struct ss_bytes b)
{
    size_t rows[3][NAME_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.size; j++) last[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        const char x = fold_case(a.data[i - 1]);
        now[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            const char y = fold_case(b.data[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == fold_case(b.data[j - 2]) && fold_case(a.data[i - 2]) == y)
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *const spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.size];
}

const char *ss_nearest_name(struct ss_bytes name, const char *const *names, size_t count)
{
    if (name.size < 2 || name.size > NAME_MAX) return NULL;
    const size_t limit = name.size < 6 ? 1 : name.size / 3;
    const char *nearest = NULL;
    size_t nearest_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        const struct ss_bytes candidate = ss_bytes_of(names[i]);
        if (candidate.size > NAME_MAX) continue;
        const size_t distance = edit_distance(name, candidate);
        if (distance < nearest_distance) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

const char *ss_nearest_hint(const char *nearest, char hint[SS_HINT_SIZE])
{
    hint[0] = 0;
    if (nearest) snprintf(hint, SS_HINT_SIZE, "; did you mean '%.*s'?", SS_HINT_SIZE - 20, nearest);
    return hint;
}
