// Bytes: views, growing buffers, varints and UTF-8.
#ifndef SS_ENGINE_BASE_BYTES_H
#define SS_ENGINE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A borrowed run of bytes; who lends it says until when it is valid.
struct ss_bytes {
    const char *data;
    size_t size;
};

bool ss_bytes_equal(struct ss_bytes a, struct ss_bytes b);
int ss_bytes_compare(struct ss_bytes a, struct ss_bytes b); // as memcmp, a prefix is less; -1, 0, 1
struct ss_bytes ss_bytes_of(const char *text);              // of a NUL-terminated string

// A growing buffer that owns its bytes (malloc). A zeroed struct is an empty buffer. `failed` sticks: after a
// failed growth every append is a no-op, so a writer checks once at its end.
struct ss_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void ss_buffer_append(struct ss_buffer *buffer, const void *data, size_t size);
// Where the next bytes go, with room for `size` of them; whoever writes there adds what was written to
// `size`. NULL: `failed`.
uint8_t *ss_buffer_grow(struct ss_buffer *buffer, size_t size);
static inline uint8_t *ss_buffer_room(struct ss_buffer *buffer, size_t size)
{
    return buffer->capacity - buffer->size >= size && !buffer->failed ? buffer->data + buffer->size
                                                                      : ss_buffer_grow(buffer, size);
}
void ss_buffer_byte(struct ss_buffer *buffer, uint8_t byte);
void ss_buffer_text(struct ss_buffer *buffer, const char *text);
void ss_buffer_format(struct ss_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ss_buffer_varint(struct ss_buffer *buffer, uint64_t value);  // LEB128, 1 to 10 bytes
void ss_buffer_zigzag(struct ss_buffer *buffer, int64_t value);   // zigzag, then LEB128
void ss_buffer_fixed64(struct ss_buffer *buffer, uint64_t value); // 8 bytes, little endian
void ss_buffer_clear(struct ss_buffer *buffer);                   // size 0, `failed` false, memory kept
void ss_buffer_release(struct ss_buffer *buffer);

// A bounds-checked reader over borrowed bytes. `failed` sticks: reads past the end give 0 and set it, as does
// a varint that is not in its shortest form.
struct ss_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

uint8_t ss_read_byte(struct ss_reader *reader);
uint64_t ss_read_varint(struct ss_reader *reader);
int64_t ss_read_zigzag(struct ss_reader *reader);
uint64_t ss_read_fixed64(struct ss_reader *reader);
const uint8_t *ss_read_span(struct ss_reader *reader,
                            size_t size); // NULL (and failed) when there are fewer bytes

// True if the bytes are valid UTF-8 (no surrogates, no overlong forms) without U+0000.
bool ss_utf8_valid(struct ss_bytes text);
size_t ss_utf8_length(struct ss_bytes text); // code points of valid UTF-8

#endif
