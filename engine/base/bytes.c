// Bytes: views, growing buffers, varints and UTF-8.

#include "engine/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ss_bytes_equal(struct ss_bytes a, struct ss_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int ss_bytes_compare(struct ss_bytes a, struct ss_bytes b)
{
    const size_t shared = a.size < b.size ? a.size : b.size;
    const int order = shared ? memcmp(a.data, b.data, shared) : 0;
    if (order) return order < 0 ? -1 : 1;
    return (a.size > b.size) - (a.size < b.size);
}

struct ss_bytes ss_bytes_of(const char *text)
{
    return (struct ss_bytes){text, strlen(text)};
}

static bool reserve(struct ss_buffer *buffer, size_t size)
{
    if (buffer->failed) return false;
    if (buffer->capacity - buffer->size >= size) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity - buffer->size < size && capacity <= SIZE_MAX / 2) capacity *= 2;
    uint8_t *grown = capacity - buffer->size < size ? NULL : realloc(buffer->data, capacity);
    if (!grown) {
        buffer->failed = true;
        return false;
    }
    buffer->data = grown;
    buffer->capacity = capacity;
    return true;
}

uint8_t *ss_buffer_grow(struct ss_buffer *buffer, size_t size)
{
    return reserve(buffer, size) ? buffer->data + buffer->size : NULL;
}

void ss_buffer_append(struct ss_buffer *buffer, const void *data, size_t size)
{
    if (size == 0 || !reserve(buffer, size)) return;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void ss_buffer_byte(struct ss_buffer *buffer, uint8_t byte)
{
    ss_buffer_append(buffer, &byte, 1);
}

void ss_buffer_text(struct ss_buffer *buffer, const char *text)
{
    ss_buffer_append(buffer, text, strlen(text));
}

void ss_buffer_format(struct ss_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        buffer->failed = true;
    else if (reserve(buffer, (size_t)length + 1)) {
        vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
}

void ss_buffer_varint(struct ss_buffer *buffer, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    ss_buffer_append(buffer, bytes, size);
}

void ss_buffer_zigzag(struct ss_buffer *buffer, int64_t value)
{
    ss_buffer_varint(buffer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

void ss_buffer_fixed64(struct ss_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    ss_buffer_append(buffer, bytes, sizeof bytes);
}

void ss_buffer_clear(struct ss_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

void ss_buffer_release(struct ss_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct ss_buffer){0};
}

const uint8_t *ss_read_span(struct ss_reader *reader, size_t size)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *span = reader->at;
    reader->at += size;
    return span;
}

uint8_t ss_read_byte(struct ss_reader *reader)
{
    const uint8_t *span = ss_read_span(reader, 1);
    return span ? *span : 0;
}

uint64_t ss_read_varint(struct ss_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t byte = ss_read_byte(reader);
        if (reader->failed) return 0;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        if (byte == 0 && shift > 0) break; // not the shortest form
        return value;
    }
    reader->failed = true;
    return 0;
}

int64_t ss_read_zigzag(struct ss_reader *reader)
{
    const uint64_t value = ss_read_varint(reader);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

uint64_t ss_read_fixed64(struct ss_reader *reader)
{
    const uint8_t *span = ss_read_span(reader, 8);
    uint64_t value = 0;
    for (int i = 0; span && i < 8; i++) value |= (uint64_t)span[i] << (8 * i);
    return value;
}

// The length of the code point at `at`, 0 if it is not valid UTF-8 (RFC 3629) or is U+0000.
static size_t code_point_length(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80) return at[0] != 0;
    const size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if (at[0] == 0xe0 && at[1] < 0xa0) return 0; // overlong
    if (at[0] == 0xed && at[1] > 0x9f) return 0; // a surrogate
    if (at[0] == 0xf0 && at[1] < 0x90) return 0; // overlong
    if (at[0] == 0xf4 && at[1] > 0x8f) return 0; // past U+10FFFF
    return length;
}

// Eight bytes of ASCII, none of them zero?
static bool is_plain_ascii(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    return ((word | (word - ones)) & tops) == 0; // a zero byte borrows
}

bool ss_utf8_valid(struct ss_bytes text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    for (size_t at = 0, length; at < text.size; at += length) {
        length = 8;
        if (text.size - at >= 8 && is_plain_ascii(bytes + at)) continue;
        length = code_point_length(bytes + at, text.size - at);
        if (length == 0) return false;
    }
    return true;
}

size_t ss_utf8_length(struct ss_bytes text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.size; i++) length += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return length;
}
