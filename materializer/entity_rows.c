// Grouping without sorting rows.
//
// 1. The rows are cut into parts; each, on a thread of its own, gives every different key an id of the part.
// 2. The parts' keys meet in one table: an id of a part becomes an id of all.
// 3. The different keys, not the rows, are sorted.
// 4. Rows are put behind each other by their key's rank (counting sort), which keeps their order.

#include "materializer/entity_rows.h"

#include "engine/base/hash.h"
#include "engine/base/sort_bytes.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_PART_ROWS 16384
#define KEY_BATCH       32
#define NO_KEY          UINT32_MAX // of a row: a part of its key is null

struct known_key {
    uint64_t hash;
    struct ss_bytes key;
};

struct key_table { // different keys by hash; ids count from 0
    struct known_key *keys;
    uint32_t count, capacity;
    uint32_t *slots; // id + 1, 0: free; slot_mask + 1 of them, twice as many as there is room for keys
    uint32_t slot_mask;
};

struct part {
    int64_t first;
    int32_t length;
    struct key_table table;
    uint32_t *ranks; // of the table's ids
};

struct grouping {
    const struct ss_entity *entity;
    const struct ss_column *const *columns;
    struct ss_entity_rows *grouped;
    struct part *parts;
    size_t part_count;
    uint32_t *ids; // [row]: of its part's table
    int64_t first;
};

// ---- Tables

static void release_table(struct key_table *table)
{
    free(table->keys);
    free(table->slots);
    *table = (struct key_table){0};
}

static bool grow_table(struct key_table *table)
{
    const uint32_t capacity = table->capacity ? 2 * table->capacity : 1024, slot_count = 2 * capacity;
    struct known_key *keys = realloc(table->keys, capacity * sizeof *keys);
    if (keys) table->keys = keys;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!keys || !slots) {
        free(slots);
        return false;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_mask = slot_count - 1;
    table->capacity = capacity;
    for (uint32_t id = 0; id < table->count; id++) {
        uint32_t slot = (uint32_t)keys[id].hash & table->slot_mask;
        while (slots[slot]) slot = (slot + 1) & table->slot_mask;
        slots[slot] = id + 1;
    }
    return true;
}

// The key's id, a new one if need be: then with a copy of the bytes in the arena (NULL: the bytes
// themselves). False: out of memory.
static bool find_key(struct key_table *table, struct ss_bytes key, uint64_t hash, struct ss_arena *arena,
                     uint32_t *id)
{
    if (table->count == table->capacity && !grow_table(table)) return false;
    uint32_t slot = (uint32_t)hash & table->slot_mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->slot_mask) {
        *id = table->slots[slot] - 1;
        if (table->keys[*id].hash == hash && ss_bytes_equal(table->keys[*id].key, key)) return true;
    }
    if (arena) key.data = ss_arena_copy(arena, key.data, key.size);
    if (!key.data) return false;
    *id = table->count++;
    table->keys[*id] = (struct known_key){hash, key};
    table->slots[slot] = *id + 1;
    return true;
}

// ---- 1. Ids within a part

// A few rows' keys, so that what the table needs of memory is on its way before it is looked at.
struct key_batch {
    int32_t length;
    struct ss_key keys[KEY_BATCH]; // size 0: a part is null
    uint64_t hashes[KEY_BATCH];
};

static enum ss_status encode_keys(const struct grouping *grouping, const struct key_table *table,
                                  int64_t first, struct key_batch *batch, struct ss_error *error)
{
    const struct ss_entity *entity = grouping->entity;
    struct ss_value parts[SS_MAX_KEYS];
    for (int32_t i = 0; i < batch->length; i++) {
        const int64_t row = grouping->first + first + i;
        struct ss_key *key = &batch->keys[i];
        for (size_t part = 0; part < entity->key_count; part++)
            parts[part] = ss_column_get(grouping->columns[part], (int32_t)row);
        if (ss_key_encode(entity->key_types, parts, entity->key_count, key) == SS_KEY_TOO_LONG)
            return ss_fail(error, SS_INVALID,
                           "spine row %lld: the key of entity '%s' is longer than %d bytes when encoded",
                           (long long)(row + 1), entity->name, SS_KEY_MAX);
        batch->hashes[i] = ss_hash64(key->bytes, key->size);
        if (table->slots) __builtin_prefetch(&table->slots[(uint32_t)batch->hashes[i] & table->slot_mask]);
    }
    for (int32_t i = 0; table->slots && i < batch->length; i++) {
        const uint32_t id = table->slots[(uint32_t)batch->hashes[i] & table->slot_mask];
        if (id) __builtin_prefetch(&table->keys[id - 1]);
    }
    for (int32_t i = 0; table->slots && i < batch->length; i++) {
        const uint32_t id = table->slots[(uint32_t)batch->hashes[i] & table->slot_mask];
        if (id) __builtin_prefetch(table->keys[id - 1].key.data);
    }
    return SS_OK;
}

static enum ss_status identify_rows(void *context, size_t index, size_t slot, struct ss_error *error)
{
    struct grouping *grouping = context;
    struct part *part = &grouping->parts[index];
    const int64_t end = part->first + part->length;
    struct key_batch batch;
    (void)slot;
    for (int64_t first = part->first; first < end; first += KEY_BATCH) {
        batch.length = (int32_t)(end - first < KEY_BATCH ? end - first : KEY_BATCH);
        SS_TRY(encode_keys(grouping, &part->table, first, &batch, error));
        for (int32_t i = 0; i < batch.length; i++) {
            const struct ss_bytes key = {(const char *)batch.keys[i].bytes, batch.keys[i].size};
            uint32_t *id = &grouping->ids[first + i];
            *id = NO_KEY;
            if (key.size &&
                !find_key(&part->table, key, batch.hashes[i], &grouping->grouped->arenas[index], id))
                return ss_fail_memory(error, "the keys of a spine");
        }
    }
    return SS_OK;
}

// ---- 3. The keys' order

static bool sort_keys(const struct key_table *table, struct ss_entity_rows *grouped, uint32_t *ranks)
{
    const uint32_t count = table->count;
    uint32_t *order = malloc(((size_t)count + 1) * sizeof *order);
    const bool sorted =
        order && (count == 0 || ss_sort_bytes(&table->keys->key, sizeof *table->keys, count, order));
    for (uint32_t rank = 0; sorted && rank < count; rank++) {
        grouped->keys[rank] = table->keys[order[rank]].key;
        ranks[order[rank]] = rank;
    }
    free(order);
    return sorted;
}

// ---- 2. One table of all

static enum ss_status rank_parts(struct grouping *grouping, struct ss_error *error)
{
    struct key_table all = {0};
    uint32_t *ranks = NULL;
    bool ok = true;
    for (size_t p = 0; ok && p < grouping->part_count; p++) {
        struct part *part = &grouping->parts[p];
        part->ranks = calloc((size_t)part->table.count + 1, sizeof *part->ranks);
        ok = part->ranks != NULL;
        for (uint32_t id = 0; ok && id < part->table.count; id++)
            ok = find_key(&all, part->table.keys[id].key, part->table.keys[id].hash, NULL, &part->ranks[id]);
    }
    struct ss_entity_rows *grouped = grouping->grouped;
    if (ok) {
        grouped->count = all.count;
        grouped->keys = calloc((size_t)all.count + 1, sizeof *grouped->keys);
        ranks = calloc((size_t)all.count + 1, sizeof *ranks);
        ok = grouped->keys && ranks && sort_keys(&all, grouped, ranks);
    }
    for (size_t p = 0; ok && p < grouping->part_count; p++) {
        struct part *part = &grouping->parts[p];
        for (uint32_t id = 0; id < part->table.count; id++) part->ranks[id] = ranks[part->ranks[id]];
    }
    free(ranks);
    release_table(&all);
    return ok ? SS_OK : ss_fail_memory(error, "the keys of a spine");
}

// ---- 4. Rows by rank

static enum ss_status place_rows(struct grouping *grouping, int32_t length, struct ss_error *error)
{
    struct ss_entity_rows *grouped = grouping->grouped;
    const size_t count = grouped->count;
    int32_t *starts = grouped->starts = calloc(count + 3, sizeof *starts);
    grouped->rows = calloc((size_t)length + 1, sizeof *grouped->rows);
    if (!starts || !grouped->rows) return ss_fail_memory(error, "the rows of a spine");
    for (size_t p = 0; p < grouping->part_count; p++) {
        const struct part *part = &grouping->parts[p];
        uint32_t *ids = &grouping->ids[part->first];
        for (int32_t i = 0; i < part->length; i++) {
            ids[i] = ids[i] == NO_KEY ? (uint32_t)count : part->ranks[ids[i]];
            starts[ids[i] + 2]++;
        }
    }
    for (size_t rank = 2; rank <= count + 2; rank++) starts[rank] += starts[rank - 1];
    for (int32_t row = 0; row < length; row++) grouped->rows[starts[grouping->ids[row] + 1]++] = row;
    return SS_OK;
}

static enum ss_status group(struct grouping *grouping, int32_t length, struct ss_pool *pool,
                            struct ss_error *error)
{
    SS_TRY(ss_pool_run(pool, grouping->part_count, identify_rows, grouping, error));
    SS_TRY(rank_parts(grouping, error));
    return place_rows(grouping, length, error);
}

static bool cut_parts(struct grouping *grouping, int32_t length, struct ss_pool *pool)
{
    size_t count = ss_pool_threads(pool);
    if (count > (size_t)length / LEAST_PART_ROWS) count = (size_t)length / LEAST_PART_ROWS + 1;
    grouping->parts = calloc(count, sizeof *grouping->parts);
    grouping->ids = malloc(((size_t)length + 1) * sizeof *grouping->ids);
    grouping->grouped->arenas = calloc(count, sizeof *grouping->grouped->arenas);
    if (!grouping->parts || !grouping->ids || !grouping->grouped->arenas) return false;
    grouping->part_count = grouping->grouped->arena_count = count;
    for (size_t p = 0; p < count; p++) {
        const int64_t first = (int64_t)p * length / (int64_t)count,
                      end = (int64_t)(p + 1) * length / (int64_t)count;
        grouping->parts[p] = (struct part){.first = first, .length = (int32_t)(end - first)};
    }
    return true;
}

enum ss_status ss_entity_rows_group(const struct ss_entity *entity,
                                    const struct ss_column *const *key_columns, int64_t first, int32_t length,
                                    struct ss_pool *pool, struct ss_entity_rows *grouped,
                                    struct ss_error *error)
{
    struct ss_entity_rows made = {0};
    struct grouping grouping = {.entity = entity, .columns = key_columns, .grouped = &made, .first = first};
    enum ss_status status = cut_parts(&grouping, length, pool) ? group(&grouping, length, pool, error)
                                                               : ss_fail_memory(error, "the rows of a spine");
    for (size_t p = 0; p < grouping.part_count; p++) {
        release_table(&grouping.parts[p].table);
        free(grouping.parts[p].ranks);
    }
    free(grouping.parts);
    free(grouping.ids);
    if (status == SS_OK)
        *grouped = made;
    else
        ss_entity_rows_release(&made);
    return status;
}

void ss_entity_rows_release(struct ss_entity_rows *grouped)
{
    for (size_t i = 0; i < grouped->arena_count; i++) ss_arena_release(&grouped->arenas[i]);
    free(grouped->arenas);
    free(grouped->keys);
    free(grouped->starts);
    free(grouped->rows);
    *grouped = (struct ss_entity_rows){0};
}
