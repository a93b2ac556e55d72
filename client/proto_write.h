// Protobuf's wire format, written: fields are appended to bytes that grow. An allocation that fails is
// remembered in `failed`, which is looked at once, at the end.
#ifndef SS_CLIENT_PROTO_WRITE_H
#define SS_CLIENT_PROTO_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_client_writer {
    uint8_t *data;
    size_t size, capacity;
    bool failed;
};

void ss_client_writer_release(struct ss_client_writer *writer);

// Room for `size` more bytes, to be written by the caller; NULL: no memory.
uint8_t *ss_client_write_room(struct ss_client_writer *writer, size_t size);

// Fields. One that has its type's default is left out, as proto3 does.
void ss_client_write_varint(struct ss_client_writer *writer, uint32_t field, uint64_t value);
void ss_client_write_fixed64(struct ss_client_writer *writer, uint32_t field, uint64_t value);
void ss_client_write_bytes(struct ss_client_writer *writer, uint32_t field, const void *data, size_t size);
// An element of a repeated field: written whether empty or not.
void ss_client_write_element(struct ss_client_writer *writer, uint32_t field, const void *data, size_t size);

// A message in a field: what is written between the two is its body.
size_t ss_client_write_begin(struct ss_client_writer *writer, uint32_t field);
void ss_client_write_end(struct ss_client_writer *writer, size_t begun);

#endif
