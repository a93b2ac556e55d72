// Arena: memory of one request or one batch, given back all at once.
//
// One arena per request and per batch, reset at its end, with a byte limit that turns into NULL (the caller
// answers SS_OUT_OF_MEMORY or SS_LIMIT). Not thread-safe: an arena belongs to one thread at a time.
#ifndef SS_ENGINE_BASE_ARENA_H
#define SS_ENGINE_BASE_ARENA_H

#include <stddef.h>

struct ss_arena_block;

struct ss_arena {
    struct ss_arena_block *block; // newest first; a zeroed struct is an empty arena without a limit
    size_t used_bytes;            // given out since the last reset
    size_t limit_bytes;           // 0: no limit
    struct ss_arena *parent;      // where its blocks come from; NULL: malloc
};

// `limit_bytes` 0: no limit. Allocates nothing.
void ss_arena_init(struct ss_arena *arena, size_t limit_bytes);

// An arena whose blocks are memory of `parent`: for what is reset more often. Dead once the parent is reset.
void ss_arena_init_within(struct ss_arena *arena, struct ss_arena *parent);

// Zeroed memory, aligned to 16 bytes, valid until reset or release. NULL when malloc fails or the limit is
// reached.
void *ss_arena_alloc(struct ss_arena *arena, size_t size_bytes);

// count * size_bytes with an overflow check.
void *ss_arena_array(struct ss_arena *arena, size_t count, size_t size_bytes);

// The same, not zeroed: for what is written as a whole.
void *ss_arena_raw(struct ss_arena *arena, size_t size_bytes);
void *ss_arena_raw_array(struct ss_arena *arena, size_t count, size_t size_bytes);

// A copy of size_bytes bytes (plus a final NUL that is not counted); NULL like ss_arena_alloc.
void *ss_arena_copy(struct ss_arena *arena, const void *data, size_t size_bytes);

// Everything given out becomes invalid; the largest block is kept for the next round.
void ss_arena_reset(struct ss_arena *arena);

// Gives all memory back. A no-op on a zeroed arena.
void ss_arena_release(struct ss_arena *arena);

#endif
