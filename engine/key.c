// Encoded keys. Parts stand one after the other; each says by itself where it ends, so that no key is the
// start of another and keys sort as their parts do.
#include "engine/key.h"

#include <string.h>

#include "engine/base/error.h"

#define TAG     0x01
#define ESCAPED 0xff // behind 0x00 in bytes: a 0x00
#define END     0x01 // behind 0x00 in bytes: their end

// ---- Encoding

static void put_int64(struct ss_key *key, int64_t value)
{
    const uint64_t ordered = (uint64_t)value ^ (UINT64_C(1) << 63);
    for (int shift = 56; shift >= 0; shift -= 8) key->bytes[key->size++] = (uint8_t)(ordered >> shift);
}

// 0x00 is written as 0x00 0xff and the end as 0x00 0x01, which is less: so what ends sorts before what goes
// on.
static bool put_bytes(struct ss_key *key, struct ss_bytes part)
{
    size_t zeros = 0;
    for (size_t i = 0; i < part.size && i < SS_KEY_MAX; i++) zeros += part.data[i] == 0;
    if (part.size > SS_KEY_MAX || part.size + zeros + 2 > (size_t)(SS_KEY_MAX - key->size)) return false;
    for (size_t i = 0; i < part.size; i++) {
        key->bytes[key->size++] = (uint8_t)part.data[i];
        if (part.data[i] == 0) key->bytes[key->size++] = ESCAPED;
    }
    key->bytes[key->size++] = 0;
    key->bytes[key->size++] = END;
    return true;
}

static bool put_part(struct ss_key *key, struct ss_type type, struct ss_value part)
{
    const size_t room = SS_KEY_MAX - key->size;
    switch (type.id) {
    case SS_BOOL:
        if (room < 1) return false;
        key->bytes[key->size++] = part.boolean;
        return true;
    case SS_INT64:
        if (room < 8) return false;
        put_int64(key, part.i64);
        return true;
    case SS_STRING:
        if (room < 1 || part.text.size > room - 1) return false;
        if (part.text.size) memcpy(key->bytes + key->size, part.text.data, part.text.size);
        key->size = (uint16_t)(key->size + part.text.size);
        key->bytes[key->size++] = 0;
        return true;
    case SS_BYTES: return put_bytes(key, part.text);
    case SS_FLOAT64:
    case SS_DECIMAL:
    case SS_TIMESTAMP:
    case SS_LIST:
    case SS_VECTOR: break;
    }
    SS_ASSERT(false); // a key is bool, int64, string or bytes
    return false;
}

enum ss_key_result ss_key_encode(const struct ss_type *types, const struct ss_value *parts, size_t count,
                                 struct ss_key *key)
{
    key->size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].present) return SS_KEY_NULL_PART;
    }
    key->bytes[key->size++] = TAG;
    for (size_t i = 0; i < count; i++) {
        if (put_part(key, types[i], parts[i])) continue;
        key->size = 0;
        return SS_KEY_TOO_LONG;
    }
    return SS_KEY_OK;
}

// ---- Decoding

static bool take_bool(struct ss_reader *reader, struct ss_value *part)
{
    const uint8_t byte = ss_read_byte(reader);
    part->boolean = byte == 1;
    return !reader->failed && byte <= 1;
}

static bool take_int64(struct ss_reader *reader, struct ss_value *part)
{
    uint64_t ordered = 0;
    for (int i = 0; i < 8; i++) ordered = ordered << 8 | ss_read_byte(reader);
    part->i64 = (int64_t)(ordered ^ (UINT64_C(1) << 63));
    return !reader->failed;
}

static bool take_text(struct ss_reader *reader, struct ss_value *part)
{
    const size_t left = (size_t)(reader->end - reader->at);
    const uint8_t *end = left ? memchr(reader->at, 0, left) : NULL;
    if (!end) return false;
    part->text = (struct ss_bytes){(const char *)reader->at, (size_t)(end - reader->at)};
    reader->at = end + 1;
    return ss_utf8_valid(part->text);
}

// False: they do not end as they should, or there is no memory.
static bool take_bytes(struct ss_reader *reader, struct ss_arena *arena, struct ss_value *part,
                       bool *has_memory)
{
    const size_t left = (size_t)(reader->end - reader->at);
    uint8_t *bytes = ss_arena_alloc(arena, left + 1);
    size_t size = 0;
    *has_memory = bytes != NULL;
    if (!bytes) return false;
    for (;;) {
        const uint8_t byte = ss_read_byte(reader), next = byte == 0 ? ss_read_byte(reader) : ESCAPED;
        if (reader->failed || (next != ESCAPED && next != END)) return false;
        if (next == END) break;
        bytes[size++] = byte;
    }
    part->text = (struct ss_bytes){(const char *)bytes, size};
    return true;
}

enum ss_key_read ss_key_decode(const struct ss_type *types, size_t count, struct ss_bytes bytes,
                               struct ss_arena *arena, struct ss_value *parts)
{
    struct ss_reader reader = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.size, false};
    bool has_memory = true;
    if (bytes.size == 0 || bytes.size > SS_KEY_MAX || ss_read_byte(&reader) != TAG) return SS_KEY_BAD;
    for (size_t i = 0; i < count; i++) {
        struct ss_value part = {.present = true};
        const bool taken = types[i].id == SS_BOOL    ? take_bool(&reader, &part)
                           : types[i].id == SS_INT64 ? take_int64(&reader, &part)
                           : types[i].id == SS_BYTES ? take_bytes(&reader, arena, &part, &has_memory)
                                                     : take_text(&reader, &part);
        if (!taken) return has_memory ? SS_KEY_BAD : SS_KEY_NO_MEMORY;
        parts[i] = part;
    }
    return reader.at == reader.end ? SS_KEY_READ : SS_KEY_BAD;
}

void ss_key_format(const char *const *names, const struct ss_type *types, const struct ss_value *parts,
                   size_t count, struct ss_buffer *buffer)
{
    for (size_t i = 0; i < count; i++) {
        ss_buffer_format(buffer, "%s%s=", i ? ", " : "", names[i]);
        if (parts[i].present)
            ss_value_format(types[i], parts[i], buffer);
        else
            ss_buffer_text(buffer, "null");
    }
}
