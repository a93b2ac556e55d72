// Sorting rows by entity. Only the distinct keys are compared with one another; rows are dealt out to their
// keys in one pass, and then put in order of time within each, which they nearly are.

#include "store/history_sort.h"

#include "engine/base/hash.h"
#include "engine/base/sort_bytes.h"

#include <stdlib.h>
#include <string.h>

#define FEW_ROWS     24 // of an entity: sorted by insertion
#define ROWS_AT_ONCE 32

struct key_table { // open addressing, capacity a power of two
    size_t capacity;
    int32_t *slots; // key + 1; 0: free
    size_t count, room;
    struct ss_bytes *keys;
    uint64_t *hashes;
};

struct placed_row {
    int64_t event_time_us;
    int32_t row;
};

static bool grow_keys(struct key_table *table)
{
    const size_t room = table->room ? table->room * 2 : 1024;
    struct ss_bytes *keys = realloc(table->keys, room * sizeof *keys);
    if (keys) table->keys = keys;
    uint64_t *hashes = realloc(table->hashes, room * sizeof *hashes);
    if (hashes) table->hashes = hashes;
    int32_t *slots = calloc(room * 2, sizeof *slots);
    if (!keys || !hashes || !slots) {
        free(slots);
        return false;
    }
    table->room = room;
    free(table->slots);
    table->slots = slots;
    table->capacity = room * 2;
    for (size_t i = 0; i < table->count; i++) {
        size_t slot = hashes[i] & (table->capacity - 1);
        while (slots[slot]) slot = (slot + 1) & (table->capacity - 1);
        slots[slot] = (int32_t)i + 1;
    }
    return true;
}

// The number of the key, which is copied when it is new. -1: out of memory.
static int32_t find_key(struct key_table *table, const struct ss_key *key, uint64_t hash,
                        struct ss_arena *arena)
{
    const struct ss_bytes bytes = {(const char *)key->bytes, key->size};
    size_t slot = hash & (table->capacity - 1);
    for (; table->slots[slot]; slot = (slot + 1) & (table->capacity - 1)) {
        const int32_t found = table->slots[slot] - 1;
        if (table->hashes[found] == hash && ss_bytes_equal(table->keys[found], bytes)) return found;
    }
    char *copy = ss_arena_copy(arena, key->bytes, key->size);
    if (!copy) return -1;
    table->keys[table->count] = (struct ss_bytes){copy, key->size};
    table->hashes[table->count] = hash;
    table->slots[slot] = (int32_t)++table->count;
    return (int32_t)table->count - 1;
}

// Some rows at once: the places of their hashes are fetched while the next ones are computed.
static bool number_rows(const struct ss_type *types, const struct ss_column *const *parts, size_t part_count,
                        int32_t first, int32_t count, struct key_table *table, int32_t *keys_of_rows,
                        struct ss_arena *arena)
{
    struct ss_value values[SS_MAX_KEYS];
    struct ss_key keys[ROWS_AT_ONCE];
    uint64_t hashes[ROWS_AT_ONCE];
    while (table->count + (size_t)count > table->room)
        if (!grow_keys(table)) return false;
    for (int32_t i = 0; i < count; i++) {
        for (size_t p = 0; p < part_count; p++)
            values[p] = parts[p] ? ss_column_get(parts[p], first + i) : (struct ss_value){0};
        if (ss_key_encode(types, values, part_count, &keys[i]) != SS_KEY_OK) continue; // of size 0
        hashes[i] = ss_hash64(keys[i].bytes, keys[i].size);
        __builtin_prefetch(&table->slots[hashes[i] & (table->capacity - 1)]);
    }
    for (int32_t i = 0; i < count; i++) { // and the keys that stand there
        const int32_t at = keys[i].size ? table->slots[hashes[i] & (table->capacity - 1)] - 1 : -1;
        if (at < 0) continue;
        __builtin_prefetch(&table->hashes[at]);
        __builtin_prefetch(table->keys[at].data);
    }
    for (int32_t i = 0; i < count; i++) {
        keys_of_rows[first + i] = -1;
        if (keys[i].size == 0) continue;
        keys_of_rows[first + i] = find_key(table, &keys[i], hashes[i], arena);
        if (keys_of_rows[first + i] < 0) return false;
    }
    return true;
}

// The key of every row: keys_of_rows[row], -1 where it has none.
static bool number_keys(const struct ss_type *types, const struct ss_column *const *parts, size_t part_count,
                        int32_t row_count, struct key_table *table, int32_t *keys_of_rows,
                        struct ss_arena *arena)
{
    for (int32_t first = 0; first < row_count; first += ROWS_AT_ONCE) {
        const int32_t left = row_count - first;
        if (!number_rows(types, parts, part_count, first, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, table,
                         keys_of_rows, arena))
            return false;
    }
    return true;
}

// Sorts the keys; rank[number] is a key's place among them.
static bool rank_keys(const struct key_table *table, struct history_sorted *sorted, int32_t *rank)
{
    const uint32_t count = (uint32_t)table->count;
    uint32_t *order = malloc(((size_t)count + 1) * sizeof *order);
    sorted->keys = ss_arena_array(&sorted->arena, (size_t)count + 1, sizeof *sorted->keys);
    const bool ok = order && sorted->keys && ss_sort_bytes(table->keys, sizeof *table->keys, count, order);
    for (uint32_t i = 0; ok && i < count; i++) {
        sorted->keys[i] = table->keys[order[i]];
        rank[order[i]] = (int32_t)i;
    }
    sorted->entity_count = (int32_t)count;
    free(order);
    return ok;
}

static int by_time(const void *a, const void *b)
{
    const struct placed_row *x = a, *y = b;
    if (x->event_time_us != y->event_time_us) return x->event_time_us < y->event_time_us ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static void sort_entity(struct placed_row *rows, int32_t count)
{
    int32_t sorted = 1;
    while (sorted < count && rows[sorted - 1].event_time_us <= rows[sorted].event_time_us) sorted++;
    if (sorted >= count) return;
    if (count > FEW_ROWS) {
        qsort(rows, (size_t)count, sizeof *rows, by_time);
        return;
    }
    for (; sorted < count; sorted++) {
        const struct placed_row row = rows[sorted];
        int32_t at = sorted;
        for (; at > 0 && rows[at - 1].event_time_us > row.event_time_us; at--) rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

static bool deal_rows(const int64_t *event_time_us, int32_t row_count, const int32_t *keys_of_rows,
                      const int32_t *rank, struct history_sorted *sorted)
{
    const int32_t entities = sorted->entity_count;
    int32_t *starts = ss_arena_array(&sorted->arena, (size_t)entities + 2, sizeof *starts);
    int32_t *rows = ss_arena_array(&sorted->arena, (size_t)row_count + 1, sizeof *rows);
    struct placed_row *placed = malloc(((size_t)row_count + 1) * sizeof *placed);
    if (!starts || !rows || !placed) {
        free(placed);
        return false;
    }
    for (int32_t row = 0; row < row_count; row++)
        if (keys_of_rows[row] >= 0) starts[rank[keys_of_rows[row]] + 2]++;
    for (int32_t e = 0; e < entities; e++) starts[e + 2] += starts[e + 1];
    for (int32_t row = 0; row < row_count; row++)
        if (keys_of_rows[row] >= 0)
            placed[starts[rank[keys_of_rows[row]] + 1]++] = (struct placed_row){event_time_us[row], row};
    for (int32_t e = 0; e < entities; e++) sort_entity(placed + starts[e], starts[e + 1] - starts[e]);
    sorted->row_count = starts[entities];
    for (int32_t i = 0; i < sorted->row_count; i++) rows[i] = placed[i].row;
    sorted->starts = starts;
    sorted->rows = rows;
    free(placed);
    return true;
}

bool ss_history_sort(const struct ss_type *types, const struct ss_column *const *parts, size_t part_count,
                     const int64_t *event_time_us, int32_t row_count, struct history_sorted *sorted)
{
    struct history_sorted made = {0};
    struct key_table table = {0};
    int32_t *keys_of_rows = malloc(((size_t)row_count + 1) * sizeof *keys_of_rows), *rank = NULL;
    bool ok =
        keys_of_rows && number_keys(types, parts, part_count, row_count, &table, keys_of_rows, &made.arena);
    if (ok) rank = malloc((table.count + 1) * sizeof *rank);
    ok = ok && rank && rank_keys(&table, &made, rank) &&
         deal_rows(event_time_us, row_count, keys_of_rows, rank, &made);
    free(keys_of_rows);
    free(rank);
    free(table.slots);
    free(table.keys);
    free(table.hashes);
    if (ok)
        *sorted = made;
    else
        ss_history_sorted_release(&made);
    return ok;
}

void ss_history_sorted_release(struct history_sorted *sorted)
{
    ss_arena_release(&sorted->arena);
    *sorted = (struct history_sorted){0};
}
