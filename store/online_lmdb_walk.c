// Many rows found at once: a walk through LMDB's pages for all keys side by side.
//
// mdb_get goes down the tree for one key, and a cold one waits for memory about six times, one line after the
// other. Here each step is taken for all keys before the next, and asks for the memory of that: the waits
// overlap. (100 rows of 1M: 40 us, where mdb_get takes 80.) The pages of a snapshot stay as they are while it
// is open, so they may be read beside LMDB; a walk starts at the root that LMDB itself says the table has in
// this snapshot, and anything that is not as drawn below makes the key one for mdb_get, as does a key that is
// not there.
//
//   page 0  page header, magic(4) data version(4) ..
//   page    pgno(8) pad(2) flags(2) lower(2) upper(2) | offsets of nodes(2 each): (lower - 16) / 2 of them
//   branch  child pgno(6) key size(2) | key            ascending; the first has no key and is below all
//   leaf    data size(4) flags(2) key size(2) | key | data, or pgno(8) of overflow pages that hold it
//   table   pad(4) flags(2) depth(2) branch pages(8) leaf pages(8) overflow pages(8) entries(8) root pgno(8)
//
// (LMDB 0.9, data version 1, little endian, 64 bits.)

#include "store/online_lmdb_internal.h"

#include <string.h>

#define PAGE_HEADER  16
#define NODE_HEADER  8
#define IS_BRANCH    0x01
#define IS_LEAF      0x02
#define IS_META      0x08
#define KIND_MASK    0x2f
#define IN_OVERFLOW  0x01
#define OTHER_DATA   0x06
#define META_MAGIC   0xbeefc0deu
#define DATA_VERSION 1
#define TABLE_BYTES  48
#define DEPTH_MOST   32

struct seeker {
    struct ss_bytes key;
    const uint8_t *page; // NULL: no walk finds it
    uint32_t low, high;  // among its nodes
    const uint8_t *node; // in the leaf: to be compared next; at the end the one that is it
};

static uint16_t get16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static const uint8_t *page_at(const struct online_walk *walk, uint64_t number)
{
    return number <= walk->last_page ? walk->base + number * walk->page_bytes : NULL;
}

static uint32_t node_count(const uint8_t *page)
{
    const uint32_t lower = get16(page + 12);
    return lower < PAGE_HEADER ? 0 : (lower - PAGE_HEADER) / 2;
}

static const uint8_t *node_at(const struct online_walk *walk, const uint8_t *page, uint32_t index)
{
    const uint32_t offset = get16(page + PAGE_HEADER + 2 * index);
    return offset <= walk->page_bytes - NODE_HEADER ? page + offset : NULL;
}

// As LMDB orders keys.
static int compare(struct ss_bytes key, const uint8_t *node)
{
    const size_t size = get16(node + 6);
    const int against = memcmp(key.data, node + NODE_HEADER, key.size < size ? key.size : size);
    return against ? against : (key.size > size) - (key.size < size);
}

static const uint8_t *child_of(const struct online_walk *walk, const uint8_t *page, struct ss_bytes key)
{
    uint32_t low = 1, high = node_count(page); // the child is the one before the first that is greater
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const uint8_t *node = node_at(walk, page, middle);
        if (!node) return NULL;
        if (compare(key, node) < 0)
            high = middle;
        else
            low = middle + 1;
    }
    const uint8_t *node = high ? node_at(walk, page, low - 1) : NULL;
    return node ? page_at(walk, ss_get_fixed64(node) & UINT64_C(0xffffffffffff)) : NULL;
}

// All seekers to their leaves.
static void descend(const struct online_walk *walk, struct seeker *seekers, size_t count)
{
    bool any = true;
    for (int depth = 0; any && depth < DEPTH_MOST; depth++) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            struct seeker *seeker = &seekers[i];
            if (!seeker->page || (get16(seeker->page + 10) & KIND_MASK) != IS_BRANCH) continue;
            seeker->page = child_of(walk, seeker->page, seeker->key);
            if (seeker->page) __builtin_prefetch(seeker->page);
            any = true;
        }
    }
}

static void aim(const struct online_walk *walk, struct seeker *seeker)
{
    seeker->node = node_at(walk, seeker->page, (seeker->low + seeker->high) / 2);
    if (!seeker->node) seeker->page = NULL;
    __builtin_prefetch(seeker->node);
}

static void enter_leaf(const struct online_walk *walk, struct seeker *seeker)
{
    if (seeker->page && (get16(seeker->page + 10) & KIND_MASK) != IS_LEAF) seeker->page = NULL;
    if (!seeker->page) return;
    seeker->low = 0;
    seeker->high = node_count(seeker->page);
    if (seeker->high == 0 || PAGE_HEADER + 2 * seeker->high > walk->page_bytes)
        seeker->page = NULL;
    else
        aim(walk, seeker);
}

// One comparison. False: the seeker has come to its end.
static bool step(const struct online_walk *walk, struct seeker *seeker)
{
    const uint32_t middle = (seeker->low + seeker->high) / 2;
    const int against = compare(seeker->key, seeker->node);
    if (against == 0) return false;
    if (against < 0)
        seeker->high = middle;
    else
        seeker->low = middle + 1;
    if (seeker->low == seeker->high)
        seeker->page = NULL;
    else
        aim(walk, seeker);
    return seeker->page != NULL;
}

static struct ss_bytes data_of(const struct online_walk *walk, const uint8_t *node)
{
    const size_t size = ss_get_fixed32(node);
    const uint16_t flags = get16(node + 4);
    const uint8_t *data = node + NODE_HEADER + get16(node + 6);
    if (flags & OTHER_DATA) return (struct ss_bytes){NULL, 0};
    if (!(flags & IN_OVERFLOW)) return (struct ss_bytes){(const char *)data, size};
    const uint8_t *page = page_at(walk, ss_get_fixed64(data));
    return page ? (struct ss_bytes){(const char *)page + PAGE_HEADER, size} : (struct ss_bytes){NULL, 0};
}

// ---- Where a walk starts

// The map's start, from a value that lies in a page of it.
static bool find_base(const struct ss_online_txn *txn, const uint8_t *value, struct online_walk *walk)
{
    MDB_stat stat;
    MDB_envinfo info;
    if (mdb_env_stat(txn->environment->env, &stat) != 0 || mdb_env_info(txn->environment->env, &info) != 0)
        return false;
    walk->page_bytes = stat.ms_psize;
    walk->last_page = info.me_last_pgno;
    if (walk->page_bytes != 4096) return false;
    const uint8_t *page = value - ((uintptr_t)value & (walk->page_bytes - 1));
    const uint64_t number = ss_get_fixed64(page);
    if ((get16(page + 10) & KIND_MASK) != IS_LEAF || number > walk->last_page) return false;
    walk->base = page - number * walk->page_bytes;
    return (get16(walk->base + 10) & IS_META) && ss_get_fixed32(walk->base + PAGE_HEADER) == META_MAGIC &&
           ss_get_fixed32(walk->base + PAGE_HEADER + 4) == DATA_VERSION;
}

static void find_root(const struct ss_online_txn *txn, const struct online_table *table,
                      struct online_walk *walk)
{
    char name[NAME_SIZE];
    ss_online_slot_name(table->slot, name);
    MDB_val key = {strlen(name), name}, value;
    *walk = (struct online_walk){.snapshot_id = txn->snapshot_id, .slot = table->slot};
    if (mdb_get(txn->txn, txn->environment->main, &key, &value) == 0 && value.mv_size == TABLE_BYTES &&
        find_base(txn, value.mv_data, walk))
        walk->root = page_at(walk, ss_get_fixed64((const uint8_t *)value.mv_data + 40));
}

void ss_online_walk(struct ss_online_txn *txn, const struct online_table *table, const struct ss_bytes *keys,
                    size_t count, struct ss_bytes *rows)
{
    struct seeker seekers[SS_ONLINE_FIND_MOST];
    struct online_walk *walk = &txn->walks[table->slot % WALKS_KEPT];
    SS_ASSERT(count <= SS_ONLINE_FIND_MOST);
    for (size_t i = 0; i < count; i++) rows[i] = (struct ss_bytes){NULL, 0};
    if (txn->writing) return;
    if (walk->snapshot_id != txn->snapshot_id || walk->slot != table->slot) find_root(txn, table, walk);
    if (!walk->root) return;
    for (size_t i = 0; i < count; i++)
        seekers[i] = (struct seeker){.key = keys[i], .page = keys[i].size ? walk->root : NULL};
    descend(walk, seekers, count);
    for (size_t i = 0; i < count; i++) enter_leaf(walk, &seekers[i]);
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            if (!seekers[i].page || rows[i].data) continue;
            if (step(walk, &seekers[i]))
                any = true;
            else if (seekers[i].page)
                rows[i] = data_of(walk, seekers[i].node);
        }
    }
}
