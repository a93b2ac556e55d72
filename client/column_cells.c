// Cells of a column that are no single word: texts in the column's heap, and vectors.
//
// A text that is set again takes its old place if it fits; what no cell has any more is counted, and once it
// is half of the heap the heap is copied without it. So a request that is built once and sent for ever stays
// as small as it is.
#include "client/column_layout.h"

#include <stdlib.h>

enum { DEAD_MIN = 1024 };

static bool fail_memory(const struct selfsame_column *column)
{
    ss_client_rows_fail(column->rows, SELFSAME_RESOURCE_EXHAUSTED, "column '%s': out of memory",
                        column->name);
    return false;
}

// Without memory the heap stays as it is.
static void sweep(struct selfsame_column *column)
{
    struct ss_client_writer heap = {0};
    if (!ss_client_write_room(&heap, column->heap.size)) return;
    heap.size = 0;
    for (size_t row = 0; row < column->capacity; row++) {
        struct ss_client_text *text = &column->values.texts[row];
        if (text->size) memcpy(heap.data + heap.size, column->heap.data + text->start, text->size);
        text->start = (uint32_t)heap.size;
        heap.size += text->size;
    }
    ss_client_writer_release(&column->heap);
    column->heap = heap;
    column->dead = 0;
}

bool ss_client_column_put_text(struct selfsame_column *column, size_t row, const void *data, size_t size)
{
    struct ss_client_text *text = &column->values.texts[row];
    if (size > text->size) {
        if (column->heap.size + size > UINT32_MAX) return fail_memory(column);
        uint8_t *at = ss_client_write_room(&column->heap, size);
        if (!at) {
            column->heap.failed = false;
            return fail_memory(column);
        }
        column->dead += text->size;
        text->start = (uint32_t)(at - column->heap.data);
    } else {
        column->dead += text->size - size;
    }
    text->size = (uint32_t)size;
    if (size) memcpy(column->heap.data + text->start, data, size);
    column->status[row] = SELFSAME_STATUS_PRESENT;
    if (column->dead > DEAD_MIN && column->dead > column->heap.size / 2) sweep(column);
    return true;
}

// The first vector says how long all of them are.
static bool set_length(struct selfsame_column *column, size_t length)
{
    float *floats = NULL;
    if (length > UINT32_MAX || column->capacity > SIZE_MAX / 2 / sizeof *floats / length)
        return fail_memory(column);
    if (column->capacity) floats = calloc(column->capacity * length, sizeof *floats);
    if (column->capacity && !floats) return fail_memory(column);
    free(column->values.floats);
    column->values.floats = floats;
    column->length = (uint32_t)length;
    return true;
}

bool ss_client_column_put_floats(struct selfsame_column *column, size_t row, const float *values,
                                 size_t length)
{
    if (!column->length && length && !set_length(column, length)) return false;
    if (length != column->length || !length) {
        ss_client_rows_fail(column->rows, SELFSAME_INVALID_ARGUMENT,
                            "column '%s': a vector of %zu, and those before have %u", column->name, length,
                            (unsigned)column->length);
        return false;
    }
    memcpy(column->values.floats + row * length, values, length * sizeof *values);
    column->status[row] = SELFSAME_STATUS_PRESENT;
    return true;
}

static bool append_texts(struct selfsame_column *column, size_t start, const struct selfsame_column *from,
                         size_t count)
{
    for (size_t row = 0; row < count; row++) {
        const struct ss_client_text *text = &from->values.texts[row];
        if (from->status[row] != SELFSAME_STATUS_PRESENT) continue;
        if (!ss_client_column_put_text(column, start + row, from->heap.data + text->start, text->size))
            return false;
    }
    return true;
}

static bool append_floats(struct selfsame_column *column, size_t start, const struct selfsame_column *from,
                          size_t count)
{
    for (size_t row = 0; row < count; row++) {
        if (from->status[row] != SELFSAME_STATUS_PRESENT) continue;
        const float *values = from->values.floats + row * from->length;
        if (!ss_client_column_put_floats(column, start + row, values, from->length)) return false;
    }
    return true;
}

static bool append(struct selfsame_column *column, size_t start, const struct selfsame_column *from,
                   size_t count)
{
    if (!ss_client_column_reserve(column, start + count)) return false;
    column->scale = from->scale;
    switch (column->type) {
    case SELFSAME_TYPE_STRING:
    case SELFSAME_TYPE_BYTES:
        if (!append_texts(column, start, from, count)) return false;
        break;
    case SELFSAME_TYPE_VECTOR:
        if (!append_floats(column, start, from, count)) return false;
        break;
    case SELFSAME_TYPE_BOOL: memcpy(column->values.bools + start, from->values.bools, count); break;
    default: memcpy(column->values.words + start, from->values.words, count * sizeof(uint64_t)); break;
    }
    memcpy(column->status + start, from->status, count);
    return true;
}

bool ss_client_columns_append(struct ss_client_columns *columns, size_t start,
                              const struct ss_client_columns *from)
{
    if (!from->rows->count) return true;
    for (size_t i = 0; i < columns->count; i++)
        if (!append(columns->list[i], start, from->list[i], from->rows->count)) return false;
    return true;
}
