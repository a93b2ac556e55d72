// Packed lists. See list.h.

#include "engine/base/list.h"

#include <string.h>

void ss_list_append(struct ss_type element, struct ss_value value, struct ss_buffer *packed)
{
    ss_buffer_byte(packed, value.present);
    if (!value.present) return;
    if (ss_type_is_text(element)) {
        ss_buffer_varint(packed, value.text.size);
        ss_buffer_append(packed, value.text.data, value.text.size);
    } else if (element.id == SS_BOOL) {
        ss_buffer_byte(packed, value.boolean);
    } else {
        uint64_t bits;
        memcpy(&bits, &value.i64, sizeof bits);
        ss_buffer_fixed64(packed, bits);
    }
}

static void read_value(struct ss_type element, struct ss_reader *reader, struct ss_value *value)
{
    if (ss_type_is_text(element)) {
        const uint64_t size = ss_read_varint(reader);
        const uint8_t *span = ss_read_span(reader, size);
        value->text = span ? (struct ss_bytes){(const char *)span, size} : (struct ss_bytes){"", 0};
    } else if (element.id == SS_BOOL) {
        const uint8_t byte = ss_read_byte(reader);
        value->boolean = byte == 1;
        if (byte > 1) reader->failed = true;
    } else {
        const uint64_t bits = ss_read_fixed64(reader);
        memcpy(&value->i64, &bits, sizeof bits);
    }
    if (!ss_value_valid(element, *value)) reader->failed = true;
}

bool ss_list_next(struct ss_type element, struct ss_bytes *rest, struct ss_value *value)
{
    const uint8_t *data = (const uint8_t *)rest->data;
    struct ss_value read = {0};
    if (rest->size == 0) return false; // and then there may be no data
    struct ss_reader reader = {data, data + rest->size, false};
    const uint8_t mark = ss_read_byte(&reader);
    read.present = mark == 1;
    if (mark > 1) return false;
    if (read.present) read_value(element, &reader, &read);
    if (reader.failed) return false;
    *rest = (struct ss_bytes){(const char *)reader.at, (size_t)(reader.end - reader.at)};
    *value = read;
    return true;
}

int64_t ss_list_length(struct ss_type element, struct ss_bytes packed)
{
    struct ss_value value;
    int64_t count = 0;
    while (ss_list_next(element, &packed, &value)) count++;
    return packed.size ? -1 : count;
}
