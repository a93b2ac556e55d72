// Fields of protobuf messages, appended. A message inside a message is written with one byte kept for its
// length; a longer length moves the body, which costs a memmove of what was just written and saves a pass
// that counts.
#include "client/proto_write.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed values are copied as they are in memory");

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, VARINT_MAX = 10 };

void ss_client_writer_release(struct ss_client_writer *writer)
{
    free(writer->data);
    *writer = (struct ss_client_writer){0};
}

static bool grow(struct ss_client_writer *writer, size_t size)
{
    size_t capacity = writer->capacity ? writer->capacity : 256;
    while (capacity - writer->size < size && capacity <= SIZE_MAX / 2) capacity *= 2;
    uint8_t *data = capacity - writer->size < size ? NULL : realloc(writer->data, capacity);
    if (!data) {
        writer->failed = true;
        return false;
    }
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

static bool has_room(struct ss_client_writer *writer, size_t size)
{
    return !writer->failed && (writer->capacity - writer->size >= size || grow(writer, size));
}

uint8_t *ss_client_write_room(struct ss_client_writer *writer, size_t size)
{
    if (!has_room(writer, size ? size : 1)) return NULL;
    uint8_t *at = writer->data + writer->size;
    writer->size += size;
    return at;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static void append_varint(struct ss_client_writer *writer, uint64_t value)
{
    if (!has_room(writer, VARINT_MAX)) return;
    writer->size = (size_t)(put_varint(writer->data + writer->size, value) - writer->data);
}

static void append_tag(struct ss_client_writer *writer, uint32_t field, uint32_t kind)
{
    append_varint(writer, (uint64_t)field << 3 | kind);
}

void ss_client_write_varint(struct ss_client_writer *writer, uint32_t field, uint64_t value)
{
    if (!value) return;
    append_tag(writer, field, VARINT);
    append_varint(writer, value);
}

void ss_client_write_fixed64(struct ss_client_writer *writer, uint32_t field, uint64_t value)
{
    if (!value) return;
    append_tag(writer, field, FIXED64);
    uint8_t *at = ss_client_write_room(writer, sizeof value);
    if (at) memcpy(at, &value, sizeof value);
}

void ss_client_write_element(struct ss_client_writer *writer, uint32_t field, const void *data, size_t size)
{
    append_tag(writer, field, BYTES);
    append_varint(writer, size);
    uint8_t *at = ss_client_write_room(writer, size);
    if (at && size) memcpy(at, data, size);
}

void ss_client_write_bytes(struct ss_client_writer *writer, uint32_t field, const void *data, size_t size)
{
    if (size) ss_client_write_element(writer, field, data, size);
}

size_t ss_client_write_begin(struct ss_client_writer *writer, uint32_t field)
{
    append_tag(writer, field, BYTES);
    (void)ss_client_write_room(writer, 1);
    return writer->size;
}

void ss_client_write_end(struct ss_client_writer *writer, size_t begun)
{
    uint8_t length[VARINT_MAX];
    if (writer->failed) return;
    const size_t body = writer->size - begun;
    const size_t more = (size_t)(put_varint(length, body) - length) - 1;
    if (more) {
        if (!ss_client_write_room(writer, more)) return;
        memmove(writer->data + begun + more, writer->data + begun, body);
    }
    memcpy(writer->data + begun - 1, length, more + 1);
}
