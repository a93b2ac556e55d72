// Open addressing with linear probing, at most half full. Names are never taken out.
#include "engine/name_table.h"

#include "engine/base/hash.h"

#define FIRST_CAPACITY 64

// The slot that holds the name, or the free one where it belongs.
static struct ss_name_slot *find_slot(const struct ss_name_table *table, uint32_t scope, struct ss_bytes name)
{
    const uint64_t hash = ss_hash64(name.data, name.size) ^ (scope * UINT64_C(0x9e3779b97f4a7c15));
    size_t at = (size_t)(hash ^ (hash >> 32)) & (table->capacity - 1);
    for (;; at = (at + 1) & (table->capacity - 1)) {
        struct ss_name_slot *slot = &table->slots[at];
        if (!slot->name.data || (slot->scope == scope && ss_bytes_equal(slot->name, name))) return slot;
    }
}

int32_t ss_name_find(const struct ss_name_table *table, uint32_t scope, struct ss_bytes name)
{
    if (table->capacity == 0) return -1;
    const struct ss_name_slot *slot = find_slot(table, scope, name);
    return slot->name.data ? slot->value : -1;
}

static bool grow(struct ss_name_table *table)
{
    const struct ss_name_table old = *table;
    const size_t capacity = old.capacity ? 2 * old.capacity : FIRST_CAPACITY;
    struct ss_name_slot *slots = ss_arena_array(table->arena, capacity, sizeof(*slots));
    if (!slots) return false;
    table->slots = slots;
    table->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].name.data) *find_slot(table, old.slots[i].scope, old.slots[i].name) = old.slots[i];
    }
    return true;
}

bool ss_name_add(struct ss_name_table *table, uint32_t scope, struct ss_bytes name, int32_t value)
{
    if (2 * (table->count + 1) > table->capacity && !grow(table)) return false;
    if (!name.data) name.data = "";
    *find_slot(table, scope, name) = (struct ss_name_slot){name, scope, value};
    table->count++;
    return true;
}
