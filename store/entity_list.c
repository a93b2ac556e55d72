// Entity lists. Reading goes over the bytes twice: first to know how much room the keys take, then to put
// them together, checking as it goes.

#include "store/entity_list.h"

#include "engine/base/hash.h"

#include <endian.h>
#include <string.h>

#define CHECKSUM_SIZE 8

// ---- Writing

static size_t shared_size(struct ss_bytes a, struct ss_bytes b)
{
    size_t shared = 0;
    while (shared < a.size && shared < b.size && a.data[shared] == b.data[shared]) shared++;
    return shared == b.size ? shared - 1 : shared; // a key has a byte of its own
}

void ss_entity_list_append(struct ss_bytes before, struct ss_bytes key, int32_t row_count,
                           struct ss_buffer *bytes)
{
    const size_t shared = before.size ? shared_size(before, key) : 0;
    ss_buffer_varint(bytes, shared);
    ss_buffer_varint(bytes, key.size - shared);
    ss_buffer_append(bytes, key.data + shared, key.size - shared);
    ss_buffer_varint(bytes, (uint64_t)row_count);
}

void ss_entity_list_end(struct ss_buffer *bytes)
{
    ss_buffer_fixed64(bytes, ss_hash64(bytes->data, bytes->size));
}

// ---- Reading

// Reads one into `entity` and where the next one's rows start; its key is put together in `*keys`. False:
// damaged.
static bool read_entity(struct ss_reader *reader, const struct history_entity *before, int32_t row_count,
                        struct history_entity *entity, char **keys)
{
    const uint64_t shared = ss_read_varint(reader), size = ss_read_varint(reader);
    if (reader->failed || shared > (before ? before->key.size : 0) || size == 0 || size > SS_KEY_MAX ||
        shared + size > SS_KEY_MAX)
        return false;
    const uint8_t *own = ss_read_span(reader, (size_t)size);
    const uint64_t rows = ss_read_varint(reader);
    if (reader->failed || rows == 0 || rows > (uint64_t)(row_count - entity->first)) return false;
    if (shared) memcpy(*keys, before->key.data, (size_t)shared);
    memcpy(*keys + shared, own, (size_t)size);
    entity->key = (struct ss_bytes){*keys, (size_t)(shared + size)};
    *keys += shared + size;
    entity[1].first = entity->first + (int32_t)rows;
    return !before || ss_bytes_compare(before->key, entity->key) < 0;
}

// How many entities there are, and how long their keys are in all. False: damaged.
static bool measure(struct ss_reader reader, int32_t row_count, size_t *count, size_t *key_bytes)
{
    *count = *key_bytes = 0;
    while (reader.at < reader.end && !reader.failed) {
        const uint64_t shared = ss_read_varint(&reader), size = ss_read_varint(&reader);
        if (shared > SS_KEY_MAX || size > SS_KEY_MAX || ++*count > (size_t)row_count) return false;
        *key_bytes += (size_t)(shared + size);
        ss_read_span(&reader, (size_t)size);
        ss_read_varint(&reader);
    }
    return !reader.failed && *count > 0;
}

// What is before the checksum; false when it is not intact.
static bool check_bytes(struct ss_bytes bytes, struct ss_reader *reader)
{
    uint64_t checksum;
    if (bytes.size < CHECKSUM_SIZE) return false;
    const uint8_t *data = (const uint8_t *)bytes.data;
    const size_t size = bytes.size - CHECKSUM_SIZE;
    memcpy(&checksum, data + size, sizeof checksum);
    *reader = (struct ss_reader){.at = data, .end = data + size};
    return ss_hash64(data, size) == le64toh(checksum);
}

enum ss_packed_open ss_entity_list_open(struct ss_bytes bytes, int32_t row_count, struct ss_arena *arena,
                                        struct history_entity **entities, int32_t *count)
{
    struct ss_reader reader;
    size_t read_count, key_bytes;
    if (!check_bytes(bytes, &reader) || !measure(reader, row_count, &read_count, &key_bytes))
        return SS_PACKED_DAMAGED;
    struct history_entity *read = ss_arena_array(arena, read_count + 1, sizeof *read);
    char *keys = ss_arena_alloc(arena, key_bytes + 1);
    if (!read || !keys) return SS_PACKED_NO_MEMORY;
    for (size_t i = 0; i < read_count; i++)
        if (!read_entity(&reader, i ? &read[i - 1] : NULL, row_count, &read[i], &keys))
            return SS_PACKED_DAMAGED;
    if (read[read_count].first != row_count) return SS_PACKED_DAMAGED;
    *entities = read;
    *count = (int32_t)read_count;
    return SS_PACKED_OK;
}
