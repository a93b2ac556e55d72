// Kept cells: see kept_cells.h.

#include "materializer/kept_cells.h"

#include <stdlib.h>
#include <string.h>

#define PRESENT     0x80 // among the marks: the value is there
#define SHORT_TEXT  0x40 // and is a text of up to SHORT_BYTES, then its size
#define SHORT_BYTES 7
#define STRIP_ROWS  64 // so that what is written of them stays in the nearest cache
#define LINE_BYTES  64

bool ss_kept_cells_init(struct ss_kept_cells *kept, size_t column_count, int32_t rows)
{
    const size_t cells = (size_t)rows * column_count + 1;
    *kept = (struct ss_kept_cells){.column_count = column_count, .row_capacity = rows};
    kept->values = malloc(cells * sizeof *kept->values);
    kept->marks = calloc(cells, sizeof *kept->marks);
    if (kept->values && kept->marks) return true;
    ss_kept_cells_release(kept);
    return false;
}

void ss_kept_cells_release(struct ss_kept_cells *kept)
{
    free(kept->values);
    free(kept->marks);
    *kept = (struct ss_kept_cells){0};
}

static bool keep_text(struct ss_bytes text, struct ss_arena *arena, uint64_t *value, uint8_t *mark)
{
    if (text.size <= SHORT_BYTES) {
        uint8_t bytes[sizeof *value] = {[SHORT_BYTES] = (uint8_t)text.size};
        if (text.size) memcpy(bytes, text.data, text.size);
        memcpy(value, bytes, sizeof *value);
        *mark |= SHORT_TEXT;
        return true;
    }
    char *kept = ss_arena_alloc(arena, sizeof text.size + text.size);
    if (!kept) return false;
    memcpy(kept, &text.size, sizeof text.size);
    memcpy(kept + sizeof text.size, text.data, text.size);
    *value = (uint64_t)(uintptr_t)kept;
    return true;
}

static struct ss_bytes kept_text(const uint64_t *value, uint8_t mark)
{
    const char *const bytes = (const char *)value;
    if (mark & SHORT_TEXT) return (struct ss_bytes){bytes, (uint8_t)bytes[SHORT_BYTES]};
    const char *kept = (const char *)(uintptr_t)*value;
    struct ss_bytes text = {kept + sizeof text.size, 0};
    memcpy(&text.size, kept, sizeof text.size);
    return text;
}

// The rows lie here and there: all of each is on its way before the first of it is written.
static void fetch_rows(const struct ss_kept_cells *kept, const int32_t *rows, int32_t count)
{
    const size_t width = kept->column_count, value_bytes = width * sizeof *kept->values;
    for (int32_t i = 0; i < count; i++) {
        const char *values = (const char *)(kept->values + (size_t)rows[i] * width);
        __builtin_prefetch(kept->marks + (size_t)rows[i] * width, 1);
        for (size_t at = 0; at < value_bytes; at += LINE_BYTES) __builtin_prefetch(values + at, 1);
    }
}

// Cells [first, end) of a column.
static bool put_cells(struct ss_kept_cells *kept, const struct ss_kept_column *column, const int32_t *rows,
                      int32_t first, int32_t end, struct ss_arena *arena)
{
    const struct ss_column *values = column->values;
    const size_t width = kept->column_count;
    const bool is_text = ss_type_is_text(values->type), is_bool = values->type.id == SS_BOOL;
    for (int32_t i = first; i < end; i++) {
        const size_t cell = (size_t)rows[i] * width + column->place;
        const bool present = ss_bit_get(values->validity, i);
        kept->marks[cell] = (uint8_t)(column->marks[i] | (present ? PRESENT : 0));
        if (is_text) {
            if (present &&
                !keep_text(ss_column_get(values, i).text, arena, &kept->values[cell], &kept->marks[cell]))
                return false;
        } else {
            kept->values[cell] = is_bool ? ss_bit_get(values->bits, i) : (uint64_t)values->i64[i];
        }
    }
    return true;
}

bool ss_kept_cells_put(struct ss_kept_cells *kept, const struct ss_kept_column *columns, size_t column_count,
                       const int32_t *rows, int32_t count, struct ss_arena *arena)
{
    for (int32_t first = 0; first < count; first += STRIP_ROWS) {
        const int32_t end = count - first < STRIP_ROWS ? count : first + STRIP_ROWS;
        fetch_rows(kept, rows + first, end - first);
        for (size_t c = 0; c < column_count; c++)
            if (!put_cells(kept, &columns[c], rows, first, end, arena)) return false;
    }
    return true;
}

bool ss_kept_cells_get(const struct ss_kept_cells *kept, size_t column, struct ss_type type, int32_t first,
                       int32_t length, struct ss_arena *arena, struct ss_column *values, uint8_t **marks)
{
    const size_t width = kept->column_count;
    const size_t start = (size_t)first * width + column;
    const uint8_t *kept_marks = kept->marks + start;
    const uint64_t *bits = kept->values + start;
    uint8_t *found = ss_arena_alloc(arena, (size_t)length + 1);
    if (!found || !ss_column_init(values, type, length ? length : 1, arena)) return false;
    for (int32_t row = 0; row < length; row++, kept_marks += width, bits += width) {
        const bool present = (*kept_marks & PRESENT) != 0;
        found[row] = (uint8_t)(*kept_marks & ~(PRESENT | SHORT_TEXT));
        if (type.id == SS_BOOL || ss_type_is_text(type)) {
            struct ss_value value = {.present = present};
            if (present && type.id == SS_BOOL) value.boolean = *bits != 0;
            if (present && type.id != SS_BOOL) value.text = kept_text(bits, *kept_marks);
            if (!ss_column_append(values, value, arena)) return false;
        } else {
            values->i64[row] = present ? (int64_t)*bits : 0;
            values->validity[row >> 3] = (uint8_t)(values->validity[row >> 3] | present << (row & 7));
        }
    }
    values->length = length;
    *marks = found;
    return true;
}
