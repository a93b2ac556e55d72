// Arena: blocks that double in size, newest first.

#include "engine/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT   16
#define BLOCK_LEAST 4096
#define BLOCK_MOST  (1u << 20) // beyond it blocks no longer double

struct ss_arena_block {
    struct ss_arena_block *next;
    size_t capacity, used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

void ss_arena_init(struct ss_arena *arena, size_t limit_bytes)
{
    *arena = (struct ss_arena){.limit_bytes = limit_bytes};
}

void ss_arena_init_within(struct ss_arena *arena, struct ss_arena *parent)
{
    *arena = (struct ss_arena){.parent = parent};
}

static struct ss_arena_block *add_block(struct ss_arena *arena, size_t size_bytes)
{
    size_t capacity = arena->block ? arena->block->capacity : BLOCK_LEAST / 2;
    if (capacity < BLOCK_MOST) capacity *= 2;
    if (capacity < size_bytes) capacity = size_bytes;
    if (capacity > SIZE_MAX - sizeof(struct ss_arena_block)) return NULL;
    struct ss_arena_block *block = arena->parent ? ss_arena_raw(arena->parent, sizeof *block + capacity)
                                                 : malloc(sizeof *block + capacity);
    if (!block) return NULL;
    *block = (struct ss_arena_block){.next = arena->block, .capacity = capacity};
    arena->block = block;
    return block;
}

static size_t aligned(size_t size_bytes)
{
    return size_bytes ? (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
}

void *ss_arena_raw(struct ss_arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - ALIGNMENT) return NULL;
    const size_t size = aligned(size_bytes);
    if (arena->limit_bytes && (size > arena->limit_bytes || arena->used_bytes > arena->limit_bytes - size))
        return NULL;
    struct ss_arena_block *block = arena->block;
    if (!block || block->capacity - block->used < size) block = add_block(arena, size);
    if (!block) return NULL;
    void *memory = block->bytes + block->used;
    block->used += size;
    arena->used_bytes += size;
    return memory;
}

void *ss_arena_alloc(struct ss_arena *arena, size_t size_bytes)
{
    void *memory = ss_arena_raw(arena, size_bytes);
    return memory ? memset(memory, 0, aligned(size_bytes)) : NULL;
}

void *ss_arena_raw_array(struct ss_arena *arena, size_t count, size_t size_bytes)
{
    size_t size;
    return __builtin_mul_overflow(count, size_bytes, &size) ? NULL : ss_arena_raw(arena, size);
}

void *ss_arena_array(struct ss_arena *arena, size_t count, size_t size_bytes)
{
    size_t size;
    return __builtin_mul_overflow(count, size_bytes, &size) ? NULL : ss_arena_alloc(arena, size);
}

void *ss_arena_copy(struct ss_arena *arena, const void *data, size_t size_bytes)
{
    if (size_bytes == SIZE_MAX) return NULL;
    unsigned char *copy = ss_arena_raw(arena, size_bytes + 1);
    if (!copy) return NULL;
    if (size_bytes) memcpy(copy, data, size_bytes);
    copy[size_bytes] = 0;
    return copy;
}

static void give_back(const struct ss_arena *arena, struct ss_arena_block *block)
{
    if (!arena->parent) free(block);
}

void ss_arena_reset(struct ss_arena *arena)
{
    struct ss_arena_block *kept = arena->block;
    for (struct ss_arena_block *block = arena->block, *next; block; block = next) {
        next = block->next;
        if (block == kept) continue;
        if (block->capacity > kept->capacity) {
            give_back(arena, kept);
            kept = block;
        } else {
            give_back(arena, block);
        }
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->block = kept;
    arena->used_bytes = 0;
}

void ss_arena_release(struct ss_arena *arena)
{
    ss_arena_reset(arena);
    if (arena->block) give_back(arena, arena->block);
    arena->block = NULL;
}
