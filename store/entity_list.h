// Entity lists: which entity's rows stand where in a segment that is sorted by entity.
//
//   { varint shared, varint size, size bytes, varint rows } ..., u64 XXH3-64 of them (little endian)
//
// A key is the first `shared` bytes of the one before it, then `size` of its own (at least one). Keys ascend
// and are at most SS_KEY_MAX bytes long; the rows of all entities are those of the segment.
#ifndef SS_STORE_ENTITY_LIST_H
#define SS_STORE_ENTITY_LIST_H

#include "engine/key.h"
#include "store/packed.h"

struct history_entity {
    struct ss_bytes key;
    int32_t first; // row; one more entity than there are gives the end
};

// Appends one entity. `before`: the key before it, size 0: it is the first.
void ss_entity_list_append(struct ss_bytes before, struct ss_bytes key, int32_t row_count,
                           struct ss_buffer *bytes);
void ss_entity_list_end(struct ss_buffer *bytes); // of what holds the list alone

// Checks and reads the list of `row_count` rows. Entities and keys are made in the arena; *entities and
// *count are set only when it is SS_PACKED_OK.
enum ss_packed_open ss_entity_list_open(struct ss_bytes bytes, int32_t row_count, struct ss_arena *arena,
                                        struct history_entity **entities, int32_t *count);

#endif
