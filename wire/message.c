// Protocol Buffers' wire format.

#include "wire/message.h"

#include <endian.h>

uint64_t ss_message_varint(struct ss_message *message)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && message->at < message->end; shift += 7) {
        const uint8_t byte = *message->at++;
        if (shift < 64) value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    message->failed = true;
    message->at = message->end;
    return 0;
}

uint32_t ss_wire_fixed32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

uint64_t ss_wire_fixed64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static bool take(struct ss_message *message, uint64_t size, struct ss_bytes *bytes)
{
    if (message->failed || size > (uint64_t)(message->end - message->at)) {
        message->failed = true;
        message->at = message->end;
        return false;
    }
    *bytes = (struct ss_bytes){(const char *)message->at, (size_t)size};
    message->at += size;
    return true;
}

bool ss_message_next(struct ss_message *message, struct ss_field *field)
{
    struct ss_bytes fixed;
    if (message->at == message->end) return false;
    const uint64_t tag = ss_message_varint(message);
    *field = (struct ss_field){.number = (uint32_t)(tag >> 3), .type = (enum ss_wire_type)(tag & 7)};
    if (tag >> 32 || field->number == 0) message->failed = true;
    if (message->failed) return false;
    switch (field->type) {
    case SS_WIRE_VARINT: field->value = ss_message_varint(message); return !message->failed;
    case SS_WIRE_BYTES: return take(message, ss_message_varint(message), &field->bytes);
    case SS_WIRE_FIXED64:
        if (!take(message, 8, &fixed)) return false;
        field->value = ss_wire_fixed64((const uint8_t *)fixed.data);
        return true;
    case SS_WIRE_FIXED32:
        if (!take(message, 4, &fixed)) return false;
        field->value = ss_wire_fixed32((const uint8_t *)fixed.data);
        return true;
    }
    message->failed = true; // groups: proto3 has none
    return false;
}

void ss_wire_mend_text(char *text, size_t size)
{
    for (size_t at = 0, length; at < size; at += length) {
        for (length = 1; length <= 4 && length <= size - at; length++)
            if (ss_utf8_valid((struct ss_bytes){text + at, length})) break;
        if (length <= 4 && length <= size - at) continue;
        text[at] = '?';
        length = 1;
    }
}

uint8_t *ss_put_number_field(uint8_t *at, uint32_t number, uint64_t value)
{
    if (!value) return at;
    return ss_put_varint(ss_put_tag(at, number, SS_WIRE_VARINT), value);
}

uint8_t *ss_put_bytes_field(uint8_t *at, uint32_t number, const void *data, size_t size)
{
    if (!size) return at;
    return ss_put_raw(ss_put_varint(ss_put_tag(at, number, SS_WIRE_BYTES), size), data, size);
}

uint8_t *ss_put_fixed64_field(uint8_t *at, uint32_t number, uint64_t value)
{
    const uint64_t little = htole64(value);
    return ss_put_raw(ss_put_tag(at, number, SS_WIRE_FIXED64), &little, sizeof little);
}
