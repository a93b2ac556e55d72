// Rows of a spine by entity: which rows ask for which key, the keys in their order.
#ifndef SS_MATERIALIZER_ENTITY_ROWS_H
#define SS_MATERIALIZER_ENTITY_ROWS_H

#include "engine/base/pool.h"
#include "engine/definitions.h"
#include "engine/key.h"

struct ss_entity_rows {
    size_t count;          // of different keys
    struct ss_bytes *keys; // encoded, ascending, no two alike
    int32_t *starts;       // count + 2: rows[starts[i]] up to rows[starts[i + 1]] ask for keys[i], ascending;
                           // those of i = count have a key with a null part
    int32_t *rows;         // counted from the first row that was grouped
    struct ss_arena *arenas; // hold the keys
    size_t arena_count;
};

// The rows [first, first + length) of the key columns: one per key part of the entity. SS_INVALID names the
// first row whose key is too long.
enum ss_status ss_entity_rows_group(const struct ss_entity *entity,
                                    const struct ss_column *const *key_columns, int64_t first, int32_t length,
                                    struct ss_pool *pool, struct ss_entity_rows *grouped,
                                    struct ss_error *error);
void ss_entity_rows_release(struct ss_entity_rows *grouped); // a no-op on a zeroed struct

#endif
