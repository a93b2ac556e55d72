// malloc, calloc and realloc of the test's own objects, by the linker's --wrap. Libraries that are shared keep their own.

#include "tests/unit/allocation_sweep.h"

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long fail_at, made;

void ss_fail_allocation_at(long k)
{
    fail_at = k;
    made = 0;
}

long ss_allocations_made(void)
{
    return made;
}

static bool fails(void)
{
    return ++made == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}
