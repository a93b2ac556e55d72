// The values of one field, in whatever pieces they came.

#include "wire/field_cursor.h"

static bool next_occurrence(struct ss_field_cursor *cursor, struct ss_field *field)
{
    while (ss_message_next(&cursor->message, field))
        if (field->number == cursor->number) return true;
    return false;
}

bool ss_cursor_bytes(struct ss_field_cursor *cursor, struct ss_bytes *bytes)
{
    struct ss_field field;
    if (!next_occurrence(cursor, &field)) return false;
    if (field.type != SS_WIRE_BYTES) cursor->failed = true;
    *bytes = field.bytes;
    return !cursor->failed;
}

bool ss_cursor_number(struct ss_field_cursor *cursor, enum ss_wire_type type, uint64_t *number)
{
    const size_t size = type == SS_WIRE_FIXED64 ? 8 : 4;
    while (cursor->piece.at == cursor->piece.end) {
        struct ss_field field;
        if (!next_occurrence(cursor, &field)) return false;
        if (field.type == type) {
            *number = field.value;
            return true;
        }
        if (field.type != SS_WIRE_BYTES) cursor->failed = true;
        if (cursor->failed) return false;
        cursor->piece = ss_message_of(field.bytes);
    }
    if (type == SS_WIRE_VARINT) {
        *number = ss_message_varint(&cursor->piece);
        cursor->failed = cursor->failed || cursor->piece.failed;
    } else if ((size_t)(cursor->piece.end - cursor->piece.at) < size) {
        cursor->failed = true;
    } else {
        *number = size == 8 ? ss_wire_fixed64(cursor->piece.at) : ss_wire_fixed32(cursor->piece.at);
        cursor->piece.at += size;
    }
    return !cursor->failed;
}

int64_t ss_cursor_count(struct ss_bytes body, uint32_t number, enum ss_wire_type type, struct ss_bytes *piece)
{
    struct ss_field_cursor cursor = ss_cursor_of(body, number);
    struct ss_field field;
    int64_t count = 0;
    size_t pieces = 0;
    *piece = (struct ss_bytes){0};
    while (next_occurrence(&cursor, &field)) {
        pieces++;
        if (type == SS_WIRE_BYTES || field.type != SS_WIRE_BYTES) {
            count++;
            continue;
        }
        *piece = field.bytes;
        if (type == SS_WIRE_VARINT)
            for (size_t i = 0; i < field.bytes.size; i++) count += !(field.bytes.data[i] & 0x80);
        else
            count += (int64_t)(field.bytes.size / (type == SS_WIRE_FIXED64 ? 8 : 4));
    }
    if (pieces != 1) *piece = (struct ss_bytes){0};
    return count;
}
