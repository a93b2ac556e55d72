// Encoded keys: the bytes that name an entity in the online store.
//
//   tag(1) = 0x01, then per key part:  bool 0x00/0x01 | int64 8 bytes big endian, sign bit flipped |
//                                      string: bytes, then 0x00   (strings hold no U+0000) |
//                                      bytes: each 0x00 as 0x00 0xff, then 0x00 0x01
// Order-preserving and prefix-free; never empty; at most SS_KEY_MAX bytes.
#ifndef SS_ENGINE_KEY_H
#define SS_ENGINE_KEY_H

#include "engine/base/column.h"

#define SS_KEY_MAX 480

struct ss_key {
    uint16_t size; // 0: no key (a part was null)
    uint8_t bytes[SS_KEY_MAX];
};

enum ss_key_result { SS_KEY_OK, SS_KEY_NULL_PART, SS_KEY_TOO_LONG };

// Encodes `count` parts (count 0 is the world's key). On SS_KEY_NULL_PART and SS_KEY_TOO_LONG key->size is 0.
enum ss_key_result ss_key_encode(const struct ss_type *types, const struct ss_value *parts, size_t count,
                                 struct ss_key *key);
enum ss_key_read { SS_KEY_READ, SS_KEY_BAD, SS_KEY_NO_MEMORY };

// Decodes. Strings borrow from the bytes; parts of type bytes may be made in the arena. SS_KEY_BAD: the bytes
// are no key of these types.
enum ss_key_read ss_key_decode(const struct ss_type *types, size_t count, struct ss_bytes bytes,
                               struct ss_arena *arena, struct ss_value *parts);
// "user_id=u1, merchant_id=7" for messages.
void ss_key_format(const char *const *names, const struct ss_type *types, const struct ss_value *parts,
                   size_t count, struct ss_buffer *buffer);

#endif
