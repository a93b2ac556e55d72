// A Column of an answer: from bytes that nobody vouches for to a view whose reads need no more checks than of
// the row.
//
// Fixed values are packed in one piece by every encoder there is, so they are read where they lie; a column
// that has them in several pieces is refused. Texts and lists get an index of offsets, one allocation per
// column.
//
// Invariants of a decoded column: I1 status is NULL or has `rows` bytes, each an enum selfsame_status.
//                                 I2 cells has `rows` values of the type.
//                                 I3 offsets, where the type has them, point inside of cells or elements.
#include "client/error.h"
#include "client/proto_read.h"
#include "client/values.h"

#include <stdlib.h>

enum {
    NAME = 1,
    TYPE,
    SCALE,
    ELEMENT,
    LENGTH,
    STATUS,
    BOOLS,
    INT64S,
    DOUBLES,
    STRINGS,
    BLOBS,
    FLOATS,
    ELEMENTS,
    LENGTHS
};

// A column's fields as they came. Its values are in one of the packed fields or in one of the two of texts.
struct parts {
    struct selfsame_bytes message, name, status, packed, elements, lengths;
    uint64_t type, scale, element, length;
    size_t texts;           // how many
    uint32_t packed_number; // of the field; 0: none
    uint32_t texts_number;
};

static enum selfsame_code malformed(const struct parts *parts, const char *what, struct selfsame_error *error)
{
    const int shown = parts->name.size > 100 ? 100 : (int)parts->name.size;
    return ss_client_fail(error, SELFSAME_INTERNAL, "the answer's column '%.*s': %s", shown,
                          shown ? (const char *)parts->name.data : "", what);
}

static enum selfsame_code once(struct selfsame_bytes *part, const struct ss_client_field *field,
                               const struct parts *parts, struct selfsame_error *error)
{
    if (part->size) return malformed(parts, "its values come in pieces", error);
    *part = (struct selfsame_bytes){field->data, field->size};
    return SELFSAME_OK;
}

// A field of bytes; `number` as a Column has it.
static enum selfsame_code read_bytes(const struct ss_client_field *field, uint32_t number,
                                     struct parts *parts, struct selfsame_error *error)
{
    switch (number) {
    case NAME: parts->name = (struct selfsame_bytes){field->data, field->size}; return SELFSAME_OK;
    case STATUS: parts->status = (struct selfsame_bytes){field->data, field->size}; return SELFSAME_OK;
    case ELEMENTS: return once(&parts->elements, field, parts, error);
    case LENGTHS: return once(&parts->lengths, field, parts, error);
    case BOOLS:
    case INT64S:
    case DOUBLES:
    case FLOATS: parts->packed_number = number; return once(&parts->packed, field, parts, error);
    case STRINGS:
    case BLOBS:
        if (parts->texts && parts->texts_number != number)
            return malformed(parts, "it has values of two types", error);
        parts->texts_number = number;
        parts->texts++;
        return SELFSAME_OK;
    default: return SELFSAME_OK; // of a newer server
    }
}

static bool is_packed(uint32_t number)
{
    return (number >= BOOLS && number <= DOUBLES) || number == FLOATS || number == LENGTHS;
}

static enum selfsame_code read_parts(struct parts *parts, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(parts->message.data, parts->message.size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        if (field.kind == SS_CLIENT_BYTES)
            SS_CLIENT_TRY(read_bytes(&field, field.number, parts, error));
        else if (is_packed(field.number))
            return malformed(parts, "its values are not packed", error);
        else if (field.kind != SS_CLIENT_VARINT)
            continue;
        else if (field.number == TYPE)
            parts->type = field.value;
        else if (field.number == SCALE)
            parts->scale = field.value;
        else if (field.number == ELEMENT)
            parts->element = field.value;
        else if (field.number == LENGTH)
            parts->length = field.value;
    }
    return reader.failed ? malformed(parts, "its bytes are no message", error) : SELFSAME_OK;
}

// Elements are read as a column is: 1 status, 2 bools, 3 int64s, 4 doubles, 5 strings, 6 blobs.
static enum selfsame_code read_elements(struct parts *parts, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(parts->message.data, parts->message.size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        if (field.number < 1 || field.number > 6) continue;
        const uint32_t number = field.number + (STATUS - 1);
        if (field.kind == SS_CLIENT_BYTES)
            SS_CLIENT_TRY(read_bytes(&field, number, parts, error));
        else if (is_packed(number))
            return malformed(parts, "its elements are not packed", error);
    }
    return reader.failed ? malformed(parts, "its elements are no message", error) : SELFSAME_OK;
}

static enum selfsame_code take_status(const struct parts *parts, struct selfsame_values *values,
                                      struct selfsame_error *error)
{
    const struct selfsame_bytes status = parts->status;
    if (!status.size) return SELFSAME_OK;
    if (status.size != values->rows) return malformed(parts, "it has not one status per row", error);
    const uint8_t *bytes = (const uint8_t *)status.data;
    uint8_t all = 0;
    for (size_t i = 0; i < status.size; i++) all |= bytes[i];
    if (all > SELFSAME_STATUS_EXPIRED) return malformed(parts, "a status is none", error);
    values->status = bytes;
    return SELFSAME_OK;
}

static enum selfsame_code take_packed(const struct parts *parts, uint32_t number, size_t width,
                                      struct selfsame_values *values, struct selfsame_error *error)
{
    const struct selfsame_bytes cells = parts->packed;
    if (cells.size && parts->packed_number != number)
        return malformed(parts, "its values are of another type", error);
    if (width && (cells.size % width || cells.size / width != values->rows))
        return malformed(parts, "it has not one value per row", error);
    values->cells = (const uint8_t *)cells.data;
    return SELFSAME_OK;
}

// Where in the message each text is. `first`: the number of its field.
static enum selfsame_code take_texts(const struct parts *parts, uint32_t number, uint32_t first,
                                     struct selfsame_values *values, struct selfsame_error *error)
{
    if (parts->texts != values->rows || parts->message.size > UINT32_MAX ||
        (parts->texts && parts->texts_number != number))
        return malformed(parts, "it has not one value per row", error);
    if (!values->rows) return SELFSAME_OK;
    values->offsets = malloc(values->rows * sizeof *values->offsets);
    if (!values->offsets) return ss_client_fail_memory(error, "the answer");
    const uint8_t *start = (const uint8_t *)parts->message.data;
    struct ss_client_reader reader = ss_client_read(start, parts->message.size);
    struct ss_client_field field;
    size_t row = 0;
    for (const uint8_t *at = start; ss_client_read_field(&reader, &field); at = reader.at) {
        if (field.number != first || field.kind != SS_CLIENT_BYTES) continue;
        struct ss_client_reader tag = ss_client_read(at, (size_t)(reader.at - at));
        uint64_t skipped;
        (void)ss_client_read_varint(&tag, &skipped);
        values->offsets[row++] = (uint32_t)(tag.at - start);
    }
    values->cells = start;
    return SELFSAME_OK;
}

static enum selfsame_code take_scalars(const struct parts *parts, uint32_t shift,
                                       struct selfsame_values *values, struct selfsame_error *error)
{
    switch (values->type) {
    case SELFSAME_TYPE_BOOL: return take_packed(parts, BOOLS, 1, values, error);
    case SELFSAME_TYPE_INT64:
    case SELFSAME_TYPE_DECIMAL:
    case SELFSAME_TYPE_TIMESTAMP: return take_packed(parts, INT64S, sizeof(int64_t), values, error);
    case SELFSAME_TYPE_FLOAT64: return take_packed(parts, DOUBLES, sizeof(double), values, error);
    case SELFSAME_TYPE_STRING: return take_texts(parts, STRINGS, STRINGS - shift, values, error);
    case SELFSAME_TYPE_BYTES: return take_texts(parts, BLOBS, BLOBS - shift, values, error);
    case SELFSAME_TYPE_VECTOR:
        return take_packed(parts, FLOATS, values->length * sizeof(float), values, error);
    default: return malformed(parts, "its type is none that this library knows", error);
    }
}

// How many elements each row has, as the sums of those before it.
static enum selfsame_code take_lengths(const struct parts *parts, struct selfsame_values *values,
                                       size_t *elements, struct selfsame_error *error)
{
    const struct selfsame_bytes lengths = parts->lengths;
    struct ss_client_reader reader = ss_client_read(lengths.data, lengths.size);
    if (lengths.size < values->rows) return malformed(parts, "it has not one length per row", error);
    values->offsets = calloc(values->rows + 1, sizeof *values->offsets);
    if (!values->offsets) return ss_client_fail_memory(error, "the answer");
    uint64_t sum = 0, length;
    for (size_t row = 0; row < values->rows; row++) {
        if (!ss_client_read_varint(&reader, &length) || length > UINT32_MAX || sum + length > UINT32_MAX)
            return malformed(parts, "its lengths are none", error);
        sum += length;
        values->offsets[row + 1] = (uint32_t)sum;
    }
    if (reader.at != reader.end) return malformed(parts, "it has not one length per row", error);
    *elements = (size_t)sum;
    return SELFSAME_OK;
}

static enum selfsame_code take_list(const struct parts *parts, struct selfsame_values *values,
                                    struct selfsame_error *error)
{
    struct parts inner = {.message = parts->elements, .name = parts->name};
    size_t count = 0;
    SS_CLIENT_TRY(take_lengths(parts, values, &count, error));
    values->elements = calloc(1, sizeof *values->elements);
    if (!values->elements) return ss_client_fail_memory(error, "the answer");
    *values->elements = (struct selfsame_values){.name = parts->name,
                                                 .rows = count,
                                                 .scale = values->scale,
                                                 .type = (enum selfsame_type)parts->element};
    if (parts->element == SELFSAME_TYPE_VECTOR) return malformed(parts, "its elements are of no type", error);
    SS_CLIENT_TRY(read_elements(&inner, error));
    SS_CLIENT_TRY(take_status(&inner, values->elements, error));
    return take_scalars(&inner, STATUS - 1, values->elements, error);
}

// Most columns are a name, a type and numbers that are all present, in this order: those are taken without
// the parts. False, and nothing is set: it is another one.
static bool take_plain(const void *data, size_t size, struct selfsame_values *values)
{
    struct ss_client_reader reader = ss_client_read(data, size);
    struct ss_client_field name, type, cells;
    if (!ss_client_read_field(&reader, &name) || name.number != NAME || name.kind != SS_CLIENT_BYTES)
        return false;
    if (!ss_client_read_field(&reader, &type) || type.number != TYPE || type.kind != SS_CLIENT_VARINT)
        return false;
    const uint32_t number = type.value == SELFSAME_TYPE_FLOAT64 ? DOUBLES
                            : type.value == SELFSAME_TYPE_INT64 || type.value == SELFSAME_TYPE_TIMESTAMP
                                ? INT64S
                                : 0;
    if (!ss_client_read_field(&reader, &cells) || cells.number != number || cells.kind != SS_CLIENT_BYTES)
        return false;
    if (reader.at != reader.end || cells.size % 8 || cells.size / 8 != values->rows) return false;
    values->name = (struct selfsame_bytes){name.data, name.size};
    values->type = (enum selfsame_type)type.value;
    values->cells = cells.data;
    return true;
}

enum selfsame_code ss_client_values_decode(const void *data, size_t size, size_t rows,
                                           struct selfsame_values *values, struct selfsame_error *error)
{
    *values = (struct selfsame_values){.rows = rows};
    if (take_plain(data, size, values)) return SELFSAME_OK;
    struct parts parts = {.message = {data, size}};
    enum selfsame_code code = read_parts(&parts, error);
    if (code == SELFSAME_OK && (parts.type > SELFSAME_TYPE_VECTOR || parts.element > SELFSAME_TYPE_VECTOR ||
                                parts.scale > UINT32_MAX || parts.length > UINT32_MAX))
        code = malformed(&parts, "its type is none that this library knows", error);
    if (code != SELFSAME_OK) return code;
    values->name = parts.name;
    values->type = (enum selfsame_type)parts.type;
    values->scale = (uint32_t)parts.scale;
    values->length = (uint32_t)parts.length;
    code = take_status(&parts, values, error);
    if (code == SELFSAME_OK)
        code = values->type == SELFSAME_TYPE_LIST ? take_list(&parts, values, error)
                                                  : take_scalars(&parts, 0, values, error);
    if (code != SELFSAME_OK) ss_client_values_release(values);
    return code;
}

void ss_client_values_release(struct selfsame_values *values)
{
    if (values->elements) ss_client_values_release(values->elements);
    free(values->elements);
    free(values->offsets);
    *values = (struct selfsame_values){0};
}
