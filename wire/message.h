// Protocol Buffers' wire format, as far as messages that carry values need it: they are read in place and
// written once, into memory of exactly their size. (protobuf.dev/programming-guides/encoding; strings are
// bytes here, so a U+0000 in one is seen.)
#ifndef SS_WIRE_MESSAGE_H
#define SS_WIRE_MESSAGE_H

#include "engine/base/bytes.h"

#include <string.h>

enum ss_wire_type { SS_WIRE_VARINT = 0, SS_WIRE_FIXED64 = 1, SS_WIRE_BYTES = 2, SS_WIRE_FIXED32 = 5 };

struct ss_message { // what is left of a message
    const uint8_t *at, *end;
    bool failed; // it is malformed: no more fields come
};

struct ss_field {
    uint32_t number;
    enum ss_wire_type type;
    uint64_t value;        // varint, fixed64, fixed32
    struct ss_bytes bytes; // borrowed from the message
};

static inline struct ss_message ss_message_of(struct ss_bytes bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    return (struct ss_message){at, bytes.size ? at + bytes.size : at, false};
}

// Up to 10 bytes, not necessarily the shortest. Malformed: sets `failed`.
uint64_t ss_message_varint(struct ss_message *message);
uint32_t ss_wire_fixed32(const uint8_t *at);
uint64_t ss_wire_fixed64(const uint8_t *at);

// The next field. False at the end and, with `failed` set, at what is no field.
bool ss_message_next(struct ss_message *message, struct ss_field *field);

// What goes out as a string has to be UTF-8: other bytes, as where a long text was cut, become '?'.
void ss_wire_mend_text(char *text, size_t size);

// ---- Writing: the caller has made room. Each returns where the next byte goes.

static inline size_t ss_varint_size(uint64_t value)
{
    return value < 128 ? 1 : (size_t)(63 - __builtin_clzll(value)) / 7 + 1;
}

static inline uint8_t *ss_put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 128; value >>= 7) *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *ss_put_tag(uint8_t *at, uint32_t number, enum ss_wire_type type)
{
    return ss_put_varint(at, (uint64_t)number << 3 | type);
}

static inline uint8_t *ss_put_raw(uint8_t *at, const void *data, size_t size)
{
    if (size) memcpy(at, data, size);
    return at + size;
}

// A field that is not there when it is 0 or empty, as proto3 has it. Field numbers are below 16.
static inline size_t ss_number_field_size(uint64_t value)
{
    return value ? 1 + ss_varint_size(value) : 0;
}
static inline size_t ss_bytes_field_size(size_t size)
{
    return size ? 1 + ss_varint_size(size) + size : 0;
}
uint8_t *ss_put_number_field(uint8_t *at, uint32_t number, uint64_t value);
uint8_t *ss_put_bytes_field(uint8_t *at, uint32_t number, const void *data, size_t size);
uint8_t *ss_put_fixed64_field(uint8_t *at, uint32_t number, uint64_t value); // always there: 9 bytes
#define SS_FIXED64_FIELD_SIZE 9

#endif
