// Columns of requests: made, grown, filled by typed setters.
//
// A cell is null until it is set. Setters return nothing: the first thing that goes wrong stays in what the
// columns belong to, and the call that would send it fails with it.
#include "client/column.h"

#include "client/column_layout.h"
#include "client/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = {"",       "bool",      "int64", "float64", "decimal",
                                         "string", "timestamp", "bytes", "list",    "vector"};

void ss_client_rows_fail(struct ss_client_rows *rows, enum selfsame_code code, const char *format, ...)
{
    if (rows->error.code != SELFSAME_OK) return;
    rows->error = (struct selfsame_error){.code = code, .retry = code == SELFSAME_RESOURCE_EXHAUSTED};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(rows->error.message, sizeof rows->error.message, format, arguments);
    va_end(arguments);
}

void ss_client_rows_begin(struct ss_client_rows *rows, size_t count)
{
    if (!rows->lasts) rows->error = (struct selfsame_error){0};
    rows->count = count;
}

static bool fail_memory(const struct selfsame_column *column)
{
    ss_client_rows_fail(column->rows, SELFSAME_RESOURCE_EXHAUSTED, "column '%s': out of memory",
                        column->name);
    return false;
}

static void destroy(struct selfsame_column *column)
{
    if (!column) return;
    ss_client_writer_release(&column->heap);
    free(column->values.any);
    free(column->status);
    free(column->name);
    free(column);
}

void ss_client_columns_release(struct ss_client_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) destroy(columns->list[i]);
    free(columns->list);
    columns->list = NULL;
    columns->count = 0;
}

static size_t cell_size(const struct selfsame_column *column)
{
    switch (column->type) {
    case SELFSAME_TYPE_BOOL: return 1;
    case SELFSAME_TYPE_STRING:
    case SELFSAME_TYPE_BYTES: return sizeof(struct ss_client_text);
    case SELFSAME_TYPE_VECTOR: return column->length * sizeof(float);
    default: return sizeof(uint64_t);
    }
}

bool ss_client_column_reserve(struct selfsame_column *column, size_t count)
{
    if (count <= column->capacity) return true;
    const size_t size = cell_size(column);
    size_t capacity = column->capacity ? column->capacity : 1;
    while (capacity < count && capacity <= SIZE_MAX / 4) capacity *= 2;
    if (capacity < count || (size && capacity > SIZE_MAX / 2 / size)) return fail_memory(column);
    uint8_t *status = realloc(column->status, capacity);
    if (!status) return fail_memory(column);
    column->status = status;
    if (size) {
        void *values = realloc(column->values.any, capacity * size);
        if (!values) return fail_memory(column);
        memset((char *)values + column->capacity * size, 0, (capacity - column->capacity) * size);
        column->values.any = values;
    }
    memset(status + column->capacity, SELFSAME_STATUS_NULL, capacity - column->capacity);
    column->capacity = capacity;
    return true;
}

static struct selfsame_column *create(struct ss_client_columns *columns, const char *name,
                                      enum selfsame_type type)
{
    struct selfsame_column *column = calloc(1, sizeof *column);
    struct selfsame_column **list = realloc(columns->list, (columns->count + 1) * sizeof *list);
    if (list) columns->list = list;
    if (column) {
        column->rows = columns->rows;
        column->type = type;
        column->name = strdup(name);
    }
    if (!list || !column || !column->name || !ss_client_column_reserve(column, columns->rows->count)) {
        ss_client_rows_fail(columns->rows, SELFSAME_RESOURCE_EXHAUSTED, "column '%s': out of memory", name);
        destroy(column);
        return NULL;
    }
    columns->list[columns->count++] = column;
    return column;
}

static struct selfsame_column *find(struct ss_client_columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->list[i]->name, name) == 0) return columns->list[i];
    return NULL;
}

struct selfsame_column *ss_client_column(struct ss_client_columns *columns, const char *name,
                                         enum selfsame_type type)
{
    struct selfsame_column *column = find(columns, name);
    if (type < SELFSAME_TYPE_BOOL || type > SELFSAME_TYPE_VECTOR || type == SELFSAME_TYPE_LIST) {
        ss_client_rows_fail(columns->rows, SELFSAME_INVALID_ARGUMENT,
                            "column '%s': a request has no columns of type %d", name, (int)type);
        column = NULL;
    } else if (column && column->type != type) {
        ss_client_rows_fail(columns->rows, SELFSAME_INVALID_ARGUMENT,
                            "column '%s': it is of type %s, asked for as %s", name, type_names[column->type],
                            type_names[type]);
        column = NULL;
    } else if (!column) {
        column = create(columns, name, type);
    }
    if (!column) columns->rows->lasts = true;
    return column;
}

void ss_client_columns_clear(struct ss_client_columns *columns)
{
    const size_t count = columns->rows->count;
    for (size_t i = 0; i < columns->count; i++) {
        struct selfsame_column *column = columns->list[i];
        if (!ss_client_column_reserve(column, count)) continue;
        if (!column->capacity) continue;
        memset(column->status, SELFSAME_STATUS_NULL, column->capacity);
        if (cell_size(column)) memset(column->values.any, 0, column->capacity * cell_size(column));
        column->heap.size = 0;
        column->dead = 0;
    }
}

// May the cell be set to a value of this type? If not, notes why.
static bool writable(struct selfsame_column *column, size_t row, enum selfsame_type type)
{
    if (!column) return false; // there was no memory to make it, which is noted
    if (row >= column->rows->count) {
        ss_client_rows_fail(column->rows, SELFSAME_INVALID_ARGUMENT,
                            "column '%s': row %zu is set, and there are %zu", column->name, row,
                            column->rows->count);
        return false;
    }
    if (column->type != type) {
        ss_client_rows_fail(column->rows, SELFSAME_INVALID_ARGUMENT, "column '%s': expected %s, got %s",
                            column->name, type_names[column->type], type_names[type]);
        return false;
    }
    return ss_client_column_reserve(column, row + 1);
}

static void set_word(struct selfsame_column *column, size_t row, enum selfsame_type type, uint64_t word)
{
    if (!writable(column, row, type)) return;
    column->values.words[row] = word;
    column->status[row] = SELFSAME_STATUS_PRESENT;
}

void selfsame_set_null(struct selfsame_column *column, size_t row)
{
    if (!column || !writable(column, row, column->type)) return;
    const size_t size = cell_size(column);
    if (column->type == SELFSAME_TYPE_STRING || column->type == SELFSAME_TYPE_BYTES)
        column->dead += column->values.texts[row].size;
    if (size) memset((char *)column->values.any + row * size, 0, size);
    column->status[row] = SELFSAME_STATUS_NULL;
}

void selfsame_set_bool(struct selfsame_column *column, size_t row, bool value)
{
    if (!writable(column, row, SELFSAME_TYPE_BOOL)) return;
    column->values.bools[row] = value;
    column->status[row] = SELFSAME_STATUS_PRESENT;
}

void selfsame_set_int64(struct selfsame_column *column, size_t row, int64_t value)
{
    set_word(column, row, SELFSAME_TYPE_INT64, (uint64_t)value);
}

void selfsame_set_double(struct selfsame_column *column, size_t row, double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    set_word(column, row, SELFSAME_TYPE_FLOAT64, word);
}

void selfsame_set_decimal(struct selfsame_column *column, size_t row, int64_t unscaled)
{
    set_word(column, row, SELFSAME_TYPE_DECIMAL, (uint64_t)unscaled);
}

void selfsame_set_timestamp(struct selfsame_column *column, size_t row, int64_t time_us)
{
    set_word(column, row, SELFSAME_TYPE_TIMESTAMP, (uint64_t)time_us);
}

void selfsame_set_text(struct selfsame_column *column, size_t row, const char *text, size_t size)
{
    if (writable(column, row, SELFSAME_TYPE_STRING)) (void)ss_client_column_put_text(column, row, text, size);
}

void selfsame_set_string(struct selfsame_column *column, size_t row, const char *terminated)
{
    if (terminated)
        selfsame_set_text(column, row, terminated, strlen(terminated));
    else
        selfsame_set_null(column, row);
}

void selfsame_set_bytes(struct selfsame_column *column, size_t row, const void *data, size_t size)
{
    if (writable(column, row, SELFSAME_TYPE_BYTES)) (void)ss_client_column_put_text(column, row, data, size);
}

void selfsame_set_vector(struct selfsame_column *column, size_t row, const float *values, size_t length)
{
    if (writable(column, row, SELFSAME_TYPE_VECTOR))
        (void)ss_client_column_put_floats(column, row, values, length);
}

void selfsame_column_scale(struct selfsame_column *column, uint32_t scale)
{
    if (column) column->scale = scale;
}
