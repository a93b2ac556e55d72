// Reads of a decoded column: a row past the end, another type or a value that is not present is null, 0 or
// empty.
#include "client/values.h"

#include "client/proto_read.h"

struct selfsame_bytes selfsame_values_name(const struct selfsame_values *values)
{
    return values->name;
}

enum selfsame_type selfsame_values_type(const struct selfsame_values *values)
{
    return values->type;
}

uint32_t selfsame_values_scale(const struct selfsame_values *values)
{
    return values->scale;
}

uint32_t selfsame_values_length(const struct selfsame_values *values)
{
    return values->length;
}

size_t selfsame_values_rows(const struct selfsame_values *values)
{
    return values->rows;
}

enum selfsame_status selfsame_values_status(const struct selfsame_values *values, size_t row)
{
    if (row >= values->rows) return SELFSAME_STATUS_NULL;
    return values->status ? (enum selfsame_status)values->status[row] : SELFSAME_STATUS_PRESENT;
}

static bool present(const struct selfsame_values *values, size_t row)
{
    return row < values->rows && (!values->status || values->status[row] == SELFSAME_STATUS_PRESENT);
}

bool selfsame_values_bool(const struct selfsame_values *values, size_t row)
{
    return values->type == SELFSAME_TYPE_BOOL && present(values, row) && values->cells[row] != 0;
}

int64_t selfsame_values_int64(const struct selfsame_values *values, size_t row)
{
    int64_t value = 0;
    const bool is_word = values->type == SELFSAME_TYPE_INT64 || values->type == SELFSAME_TYPE_DECIMAL ||
                         values->type == SELFSAME_TYPE_TIMESTAMP;
    if (is_word && present(values, row)) memcpy(&value, values->cells + row * sizeof value, sizeof value);
    return value;
}

double selfsame_values_double(const struct selfsame_values *values, size_t row)
{
    double value = 0;
    if (values->type == SELFSAME_TYPE_FLOAT64 && present(values, row))
        memcpy(&value, values->cells + row * sizeof value, sizeof value);
    return value;
}

struct selfsame_bytes selfsame_values_bytes(const struct selfsame_values *values, size_t row)
{
    const bool is_text = values->type == SELFSAME_TYPE_STRING || values->type == SELFSAME_TYPE_BYTES;
    if (!is_text || !present(values, row)) return (struct selfsame_bytes){"", 0};
    // The size was read when the column was decoded, so it ends within the message.
    uint64_t size = 0;
    struct ss_client_reader reader = ss_client_read(values->cells + values->offsets[row], 10);
    (void)ss_client_read_varint(&reader, &size);
    return (struct selfsame_bytes){reader.at, (size_t)size};
}

bool selfsame_values_vector(const struct selfsame_values *values, size_t row, float *out)
{
    if (values->type != SELFSAME_TYPE_VECTOR || !present(values, row)) return false;
    const size_t size = values->length * sizeof *out;
    if (size) memcpy(out, values->cells + row * size, size);
    return true;
}

bool selfsame_values_doubles(const struct selfsame_values *values, size_t first_row, size_t count,
                             double *out)
{
    if (values->type != SELFSAME_TYPE_FLOAT64 || first_row > values->rows || count > values->rows - first_row)
        return false;
    if (count) memcpy(out, values->cells + first_row * sizeof *out, count * sizeof *out);
    if (values->status)
        for (size_t i = 0; i < count; i++)
            if (values->status[first_row + i] != SELFSAME_STATUS_PRESENT) out[i] = 0;
    return true;
}

const struct selfsame_values *selfsame_values_elements(const struct selfsame_values *values)
{
    return values->elements;
}

void selfsame_values_list(const struct selfsame_values *values, size_t row, size_t *first, size_t *count)
{
    const bool is_list = values->type == SELFSAME_TYPE_LIST && present(values, row);
    *first = is_list ? values->offsets[row] : 0;
    *count = is_list ? values->offsets[row + 1] - values->offsets[row] : 0;
}
