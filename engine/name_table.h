// A hash table from (scope, name) to a number: what makes looking up names linear in the size of a file.
#ifndef SS_ENGINE_NAME_TABLE_H
#define SS_ENGINE_NAME_TABLE_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

struct ss_name_slot {
    struct ss_bytes name; // data NULL: a free slot
    uint32_t scope;
    int32_t value;
};

// Scopes keep names apart: those of the sources' columns from those of a view's features. A zeroed struct
// with an arena is an empty table; it lives as long as the arena.
struct ss_name_table {
    struct ss_arena *arena;
    struct ss_name_slot *slots;
    size_t capacity, count;
};

// The number (not negative) under the name, -1: none.
int32_t ss_name_find(const struct ss_name_table *table, uint32_t scope, struct ss_bytes name);
// Adds a name that is not there yet; its bytes are borrowed. False when out of memory.
bool ss_name_add(struct ss_name_table *table, uint32_t scope, struct ss_bytes name, int32_t value);

#endif
