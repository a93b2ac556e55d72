// The short cases of ss_reader, inline: most numbers of a tile take one byte.
#ifndef SS_ENGINE_READ_INLINE_H
#define SS_ENGINE_READ_INLINE_H

#include "engine/base/bytes.h"

// The most events that a tile's bytes may count: more is damage. So counts that are added up over all tiles
// that bytes can hold do not wrap.
#define SS_TILE_EVENTS_MAX (UINT64_C(1) << 40)

static inline uint64_t ss_read_varint_inline(struct ss_reader *reader)
{
    if (!reader->failed && reader->at < reader->end && *reader->at < 0x80) return *reader->at++;
    return ss_read_varint(reader);
}

static inline int64_t ss_read_zigzag_inline(struct ss_reader *reader)
{
    const uint64_t value = ss_read_varint_inline(reader);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline const uint8_t *ss_read_span_inline(struct ss_reader *reader, uint64_t size)
{
    if (reader->failed || size > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *span = reader->at;
    reader->at += size;
    return span;
}

#endif
