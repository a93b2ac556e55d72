#include "log.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

const char *const count_names[COUNT_KINDS] = {
#define X(name) #name,
    COUNTS(X)
#undef X
};

// The log, then the memory of its pool; how much of that was used is known by the pool alone, so all pages
// are given back when it is cleared.
static size_t log_bytes;

struct log *log_create(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    log_bytes = bytes;
    if (memory == MAP_FAILED) return NULL;
    log_clear(memory);
    return memory;
}

void log_clear(struct log *log)
{
    madvise(log, log_bytes, MADV_REMOVE);
    const size_t head = (sizeof *log + 63) & ~(size_t)63;
    pool_adopt(&log->pool, (char *)log + head, log_bytes - head);
    log->wall_us = -INT64_C(50000000000000000);
    snprintf(log->boot_id, sizeof log->boot_id, "boot 0");
}

struct record *log_add(struct log *log, enum record_kind kind, int act)
{
    struct record *record = pool_take(&log->pool, sizeof *record);
    record->kind = kind;
    record->act = act;
    if (log->last)
        log->last->next = record;
    else
        log->first = record;
    log->last = record;
    return record;
}
