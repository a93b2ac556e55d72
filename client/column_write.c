// Columns of requests as messages (Column in feature_store.proto). The field that holds the values says their
// type, so that a declared decimal may come as any of three; statuses are left out when all rows are present.
#include "client/column_layout.h"

enum { NAME = 1, SCALE = 3, LENGTH = 5, STATUS = 6, BOOLS = 7, INT64S, DOUBLES, STRINGS, BLOBS, FLOATS };

static void write_texts(const struct selfsame_column *column, size_t count, uint32_t field,
                        struct ss_client_writer *writer)
{
    for (size_t row = 0; row < count; row++) {
        const struct ss_client_text *text = &column->values.texts[row];
        const uint8_t *data = text->size ? column->heap.data + text->start : NULL;
        ss_client_write_element(writer, field, data, text->size);
    }
}

static void write_values(const struct selfsame_column *column, size_t count, struct ss_client_writer *writer)
{
    switch (column->type) {
    case SELFSAME_TYPE_BOOL: ss_client_write_bytes(writer, BOOLS, column->values.bools, count); break;
    case SELFSAME_TYPE_STRING: write_texts(column, count, STRINGS, writer); break;
    case SELFSAME_TYPE_BYTES: write_texts(column, count, BLOBS, writer); break;
    case SELFSAME_TYPE_FLOAT64:
        ss_client_write_bytes(writer, DOUBLES, column->values.words, count * sizeof(double));
        break;
    case SELFSAME_TYPE_VECTOR:
        ss_client_write_bytes(writer, FLOATS, column->values.floats, count * column->length * sizeof(float));
        break;
    default: ss_client_write_bytes(writer, INT64S, column->values.words, count * sizeof(int64_t)); break;
    }
}

static void write_column(const struct selfsame_column *column, uint32_t field,
                         struct ss_client_writer *writer)
{
    const size_t count = column->rows->count;
    const size_t begun = ss_client_write_begin(writer, field);
    ss_client_write_bytes(writer, NAME, column->name, strlen(column->name));
    ss_client_write_varint(writer, SCALE, column->type == SELFSAME_TYPE_DECIMAL ? column->scale : 0);
    ss_client_write_varint(writer, LENGTH, column->length);
    if (count && memchr(column->status, SELFSAME_STATUS_NULL, count))
        ss_client_write_bytes(writer, STATUS, column->status, count);
    write_values(column, count, writer);
    ss_client_write_end(writer, begun);
}

void ss_client_columns_write(const struct ss_client_columns *columns, uint32_t field,
                             struct ss_client_writer *writer)
{
    for (size_t i = 0; i < columns->count; i++) write_column(columns->list[i], field, writer);
}

size_t ss_client_columns_size(const struct ss_client_columns *columns)
{
    size_t size = 0;
    for (size_t i = 0; i < columns->count; i++) {
        const struct selfsame_column *column = columns->list[i];
        const size_t count = column->rows->count;
        switch (column->type) {
        case SELFSAME_TYPE_BOOL: size += count * 2; break;
        case SELFSAME_TYPE_STRING:
        case SELFSAME_TYPE_BYTES: size += column->heap.size - column->dead + count * 3; break;
        default: size += count * (1 + sizeof(uint64_t) + column->length * sizeof(float)); break;
        }
    }
    return size;
}
