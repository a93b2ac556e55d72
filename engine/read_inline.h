// The short cases of ss_reader, inline: most numbers of a tile take one byte, nearly all fewer than eight.
#ifndef SS_ENGINE_READ_INLINE_H
#define SS_ENGINE_READ_INLINE_H

#include "engine/base/bytes.h"

#include <string.h>

// The most events that a tile's bytes may count: more is damage. So counts that are added up over all tiles
// that bytes can hold do not wrap.
#define SS_TILE_EVENTS_MAX (UINT64_C(1) << 40)

static inline uint64_t ss_load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

// A varint of at most 8 bytes in its shortest form, of which 8 bytes may be loaded; else *fits turns false
// and *at stays.
static inline uint64_t ss_load_varint(const uint8_t **at, bool *fits)
{
    uint64_t word = ss_load_word(*at);
    if (!(word & 0x80)) {
        *at += 1;
        return word & 0x7f;
    }
    const uint64_t ends = ~word & UINT64_C(0x8080808080808080);
    const unsigned bits = ends ? (unsigned)__builtin_ctzll(ends) + 1 : 64; // 16 to 64
    word <<= 64 - bits;
    if (!ends || word >> 56 == 0) {
        *fits = false;
        return 0;
    }
    *at += bits / 8;
    word >>= 64 - bits;
    if (bits <= 32)
        return (word & 0x7f) | (word & 0x7f00) >> 1 | (word & 0x7f0000) >> 2 | (word & 0x7f000000) >> 3;
    word &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

static inline int64_t ss_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint64_t ss_read_varint_inline(struct ss_reader *reader)
{
    if (!reader->failed && reader->at < reader->end) {
        bool fits = true;
        if (*reader->at < 0x80) return *reader->at++;
        const uint64_t value = reader->end - reader->at >= 8 ? ss_load_varint(&reader->at, &fits) : 0;
        if (value && fits) return value;
    }
    return ss_read_varint(reader);
}

static inline int64_t ss_read_zigzag_inline(struct ss_reader *reader)
{
    return ss_unzigzag(ss_read_varint_inline(reader));
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
