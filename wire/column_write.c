// Columns of an answer, written.

#include "wire/column_write.h"

#include "engine/base/list.h"

#include <endian.h>

// In feature_store.proto.
static const uint8_t type_numbers[] = {
    [SS_BOOL] = 1,      [SS_INT64] = 2, [SS_FLOAT64] = 3, [SS_DECIMAL] = 4, [SS_STRING] = 5,
    [SS_TIMESTAMP] = 6, [SS_BYTES] = 7, [SS_LIST] = 8,    [SS_VECTOR] = 9};
static const uint8_t value_fields[] = {
    [SS_BOOL] = 7,      [SS_INT64] = 8,  [SS_FLOAT64] = 9, [SS_DECIMAL] = 8, [SS_STRING] = 10,
    [SS_TIMESTAMP] = 8, [SS_BYTES] = 11, [SS_LIST] = 14,   [SS_VECTOR] = 12};
#define FIELD_STATUS    6
#define FIELD_ELEMENTS  13
#define FIELD_LENGTHS   14
#define ELEMENTS_SHIFT  5
#define ELEMENTS_STATUS 1

static bool any_status(const struct ss_wire_part *part)
{
    for (int32_t row = 0; row < part->cells->length; row++)
        if (part->statuses[row]) return true;
    return false;
}

// A column whose texts are all empty has no data.
static struct ss_bytes text_at(const struct ss_column *cells, int32_t row)
{
    const size_t size = (size_t)(cells->offsets[row + 1] - cells->offsets[row]);
    return (struct ss_bytes){size ? cells->data + cells->offsets[row] : NULL, size};
}

static size_t texts_size(const struct ss_column *cells)
{
    size_t size = 0;
    for (int32_t row = 0; row < cells->length; row++) {
        const size_t length = (size_t)(cells->offsets[row + 1] - cells->offsets[row]);
        size += 1 + ss_varint_size(length) + length;
    }
    return size;
}

static size_t head_size(const struct ss_wire_output *output)
{
    const struct ss_type type = output->type;
    return ss_bytes_field_size(strlen(output->name)) + ss_number_field_size(type_numbers[type.id]) +
           ss_number_field_size(type.scale) +
           (type.id == SS_LIST ? ss_number_field_size(type_numbers[type.element]) : 0) +
           ss_number_field_size(type.length) +
           (output->has_status ? ss_bytes_field_size(output->row_count) : 0);
}

// ---- Lists: unpacked into fields of their own when they are sized

struct unpacked {
    struct ss_buffer statuses, values, lengths; // values: fields or, of numbers, their bytes
    bool any_null;
};

static void unpack_element(struct ss_type type, struct ss_value value, struct unpacked *to)
{
    ss_buffer_byte(&to->statuses, !value.present);
    to->any_null = to->any_null || !value.present;
    if (ss_type_is_text(type)) {
        ss_buffer_byte(&to->values, (uint8_t)((value_fields[type.id] - ELEMENTS_SHIFT) << 3 | SS_WIRE_BYTES));
        ss_buffer_varint(&to->values, value.text.size);
        ss_buffer_append(&to->values, value.text.data, value.text.size);
    } else if (type.id == SS_BOOL) {
        ss_buffer_byte(&to->values, value.boolean);
    } else {
        ss_buffer_fixed64(&to->values, (uint64_t)value.i64);
    }
}

static void unpack_lists(const struct ss_wire_output *output, struct unpacked *to)
{
    const struct ss_type type = ss_element_of(output->type);
    for (size_t p = 0; p < output->part_count; p++) {
        const struct ss_column *cells = output->parts[p].cells;
        for (int32_t row = 0; row < cells->length; row++) {
            struct ss_bytes rest = text_at(cells, row);
            struct ss_value value;
            uint64_t length = 0;
            for (; ss_list_next(type, &rest, &value); length++) unpack_element(type, value, to);
            ss_buffer_varint(&to->lengths, length);
        }
    }
}

static void add_field(struct ss_buffer *buffer, uint32_t number, const struct ss_buffer *bytes)
{
    if (!bytes->size) return;
    ss_buffer_byte(buffer, (uint8_t)(number << 3 | SS_WIRE_BYTES));
    ss_buffer_varint(buffer, bytes->size);
    ss_buffer_append(buffer, bytes->data, bytes->size);
}

static bool make_list_fields(struct ss_wire_output *output, struct ss_arena *arena)
{
    const struct ss_type type = ss_element_of(output->type);
    struct unpacked unpacked = {0};
    struct ss_buffer elements = {0}, fields = {0};
    unpack_lists(output, &unpacked);
    if (unpacked.any_null) add_field(&elements, ELEMENTS_STATUS, &unpacked.statuses);
    if (ss_type_is_text(type))
        ss_buffer_append(&elements, unpacked.values.data, unpacked.values.size);
    else
        add_field(&elements, value_fields[type.id] - ELEMENTS_SHIFT, &unpacked.values);
    add_field(&fields, FIELD_ELEMENTS, &elements);
    add_field(&fields, FIELD_LENGTHS, &unpacked.lengths);
    const bool failed = unpacked.statuses.failed || unpacked.values.failed || unpacked.lengths.failed ||
                        elements.failed || fields.failed;
    output->list_fields =
        (struct ss_bytes){failed ? NULL : ss_arena_copy(arena, fields.data, fields.size), fields.size};
    ss_buffer_release(&unpacked.statuses);
    ss_buffer_release(&unpacked.values);
    ss_buffer_release(&unpacked.lengths);
    ss_buffer_release(&elements);
    ss_buffer_release(&fields);
    return output->list_fields.data != NULL;
}

bool ss_wire_output_size(struct ss_wire_output *output, struct ss_arena *arena)
{
    const struct ss_type type = output->type;
    output->row_count = 0;
    output->value_bytes = 0;
    for (size_t p = 0; p < output->part_count; p++) {
        const struct ss_column *cells = output->parts[p].cells;
        output->row_count += (size_t)cells->length;
        output->has_status = output->has_status || any_status(&output->parts[p]);
        if (type.id == SS_STRING || type.id == SS_BYTES) output->value_bytes += texts_size(cells);
    }
    if (type.id == SS_LIST) {
        if (!make_list_fields(output, arena)) return false;
        output->value_bytes = output->list_fields.size;
    } else if (type.id == SS_BOOL) {
        output->value_bytes = output->row_count;
    } else if (type.id == SS_VECTOR) {
        output->value_bytes = 4 * type.length * output->row_count;
    } else if (!ss_type_is_text(type)) {
        output->value_bytes = 8 * output->row_count;
    }
    const bool is_repeated = type.id == SS_STRING || type.id == SS_BYTES || type.id == SS_LIST;
    output->size =
        head_size(output) + (is_repeated ? output->value_bytes : ss_bytes_field_size(output->value_bytes));
    return true;
}

static uint8_t *write_head(const struct ss_wire_output *output, uint8_t *at)
{
    const struct ss_type type = output->type;
    at = ss_put_bytes_field(at, 1, output->name, strlen(output->name));
    at = ss_put_number_field(at, 2, type_numbers[type.id]);
    at = ss_put_number_field(at, 3, type.scale);
    if (type.id == SS_LIST) at = ss_put_number_field(at, 4, type_numbers[type.element]);
    at = ss_put_number_field(at, 5, type.length);
    if (!output->has_status) return at;
    at = ss_put_varint(ss_put_tag(at, FIELD_STATUS, SS_WIRE_BYTES), output->row_count);
    for (size_t p = 0; p < output->part_count; p++)
        at = ss_put_raw(at, output->parts[p].statuses, (size_t)output->parts[p].cells->length);
    return at;
}

static uint8_t *write_texts(const struct ss_column *cells, uint32_t field, uint8_t *at)
{
    for (int32_t row = 0; row < cells->length; row++) {
        const struct ss_bytes text = text_at(cells, row);
        at = ss_put_varint(ss_put_tag(at, field, SS_WIRE_BYTES), text.size);
        at = ss_put_raw(at, text.data, text.size);
    }
    return at;
}

static uint8_t *write_vectors(const struct ss_column *cells, size_t row_bytes, uint8_t *at)
{
    for (int32_t row = 0; row < cells->length; row++, at += row_bytes) {
        const struct ss_bytes floats = text_at(cells, row);
        if (floats.size == row_bytes)
            memcpy(at, floats.data, row_bytes);
        else
            memset(at, 0, row_bytes);
    }
    return at;
}

static uint8_t *write_packed(struct ss_type type, const struct ss_column *cells, uint8_t *at)
{
    if (type.id == SS_VECTOR) return write_vectors(cells, 4 * (size_t)type.length, at);
    if (type.id == SS_BOOL) {
        for (int32_t row = 0; row < cells->length; row++) *at++ = ss_bit_get(cells->bits, row);
        return at;
    }
    for (int32_t row = 0; row < cells->length; row++, at += 8) {
        const uint64_t word = htole64((uint64_t)cells->i64[row]); // a double's bits are the same union's
        memcpy(at, &word, sizeof word);
    }
    return at;
}

uint8_t *ss_wire_output_write(const struct ss_wire_output *output, uint8_t *at)
{
    const struct ss_type type = output->type;
    const uint32_t field = value_fields[type.id];
    at = write_head(output, at);
    if (type.id == SS_LIST) return ss_put_raw(at, output->list_fields.data, output->list_fields.size);
    const bool is_repeated = type.id == SS_STRING || type.id == SS_BYTES;
    if (!is_repeated && output->value_bytes)
        at = ss_put_varint(ss_put_tag(at, field, SS_WIRE_BYTES), output->value_bytes);
    for (size_t p = 0; p < output->part_count; p++)
        at = is_repeated ? write_texts(output->parts[p].cells, field, at)
                         : write_packed(type, output->parts[p].cells, at);
    return at;
}

size_t ss_wire_outputs_size(const struct ss_wire_output *outputs, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += 1 + ss_varint_size(outputs[i].size) + outputs[i].size;
    return size;
}

uint8_t *ss_wire_outputs_write(const struct ss_wire_output *outputs, size_t count, uint32_t number,
                               uint8_t *at)
{
    for (size_t i = 0; i < count; i++) {
        at = ss_put_varint(ss_put_tag(at, number, SS_WIRE_BYTES), outputs[i].size);
        at = ss_wire_output_write(&outputs[i], at);
    }
    return at;
}
