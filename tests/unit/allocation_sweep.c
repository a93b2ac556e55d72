// The allocator under --wrap: counts, and refuses the one that was named.

#include "tests/unit/allocation_sweep.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

static atomic_long made;
static atomic_long failing;

void ss_fail_allocation_at(long k)
{
    atomic_store(&failing, k);
    atomic_store(&made, 0);
}

long ss_allocations_made(void)
{
    return atomic_load(&made);
}

static bool refused(void)
{
    return atomic_fetch_add(&made, 1) + 1 == atomic_load(&failing);
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return refused() ? NULL : __real_realloc(pointer, size);
}
