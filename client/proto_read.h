// Protobuf's wire format, read in place. The bytes come from the network: a reader never goes past their end,
// and what is no field ends it with `failed`.
#ifndef SS_CLIENT_PROTO_READ_H
#define SS_CLIENT_PROTO_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ss_client_reader {
    const uint8_t *at, *end;
    bool failed;
};

enum ss_client_kind {
    SS_CLIENT_VARINT = 0,
    SS_CLIENT_FIXED64 = 1,
    SS_CLIENT_BYTES = 2,
    SS_CLIENT_FIXED32 = 5
};

struct ss_client_field {
    uint32_t number;
    enum ss_client_kind kind;
    uint64_t value;      // varint, fixed64, fixed32
    const uint8_t *data; // bytes: lives as long as what is read
    size_t size;
};

static inline struct ss_client_reader ss_client_read(const void *data, size_t size)
{
    const uint8_t *at = (const uint8_t *)data;
    return (struct ss_client_reader){at, size ? at + size : at, false};
}

// False: the bytes end in it, or it has more than 10 bytes.
static inline bool ss_client_read_varint(struct ss_client_reader *reader, uint64_t *value)
{
    uint64_t sum = 0;
    const uint8_t *at = reader->at;
    if (at < reader->end && *at < 0x80) { // nearly always
        *value = *at;
        reader->at = at + 1;
        return true;
    }
    for (unsigned shift = 0; at < reader->end && shift < 70; shift += 7) {
        const uint8_t byte = *at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            reader->at = at;
            *value = sum;
            return true;
        }
    }
    reader->failed = true;
    return false;
}

static inline bool ss_client_read_body(struct ss_client_reader *reader, struct ss_client_field *field,
                                       size_t size)
{
    if ((size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        return false;
    }
    field->data = reader->at;
    field->size = size;
    reader->at += size;
    return true;
}

// The next field. False at the end, and at what is no field.
static inline bool ss_client_read_field(struct ss_client_reader *reader, struct ss_client_field *field)
{
    uint64_t tag, size;
    if (reader->at == reader->end || reader->failed || !ss_client_read_varint(reader, &tag)) return false;
    field->number = (uint32_t)(tag >> 3);
    field->kind = (enum ss_client_kind)(tag & 7);
    field->value = 0;
    field->data = NULL;
    field->size = 0;
    switch (field->kind) {
    case SS_CLIENT_VARINT: return ss_client_read_varint(reader, &field->value);
    case SS_CLIENT_FIXED64:
        if (!ss_client_read_body(reader, field, 8)) return false;
        memcpy(&field->value, field->data, 8);
        return true;
    case SS_CLIENT_FIXED32:
        if (!ss_client_read_body(reader, field, 4)) return false;
        memcpy(&field->value, field->data, 4);
        return true;
    case SS_CLIENT_BYTES:
        return ss_client_read_varint(reader, &size) && ss_client_read_body(reader, field, (size_t)size);
    default: reader->failed = true; return false;
    }
}

#endif
