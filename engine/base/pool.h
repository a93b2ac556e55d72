// Pool: threads that share the work of one call.
//
// A job is a function that is called once for every index below its count, on the pool's threads and on the
// thread that asks for it, which returns when all are done. Several threads may ask at once.
#ifndef SS_ENGINE_BASE_POOL_H
#define SS_ENGINE_BASE_POOL_H

#include <stddef.h>

#include "engine/base/error.h"

struct ss_pool;

// `threads`: how many work on a job, the one that asks included (1: it alone).
enum ss_status ss_pool_create(size_t threads, struct ss_pool **pool, struct ss_error *error);
void ss_pool_destroy(struct ss_pool *pool);         // NULL is fine. No job may be running
size_t ss_pool_threads(const struct ss_pool *pool); // NULL: 1

// `slot` is below ss_pool_threads and belongs to one thread for the whole of the job: what a thread needs of
// its own goes by it.
typedef enum ss_status (*ss_pool_work)(void *context, size_t index, size_t slot, struct ss_error *error);

// Indices are begun in order. After a failure no further ones are begun, and the failure of the lowest index
// is returned. pool NULL: this thread does all.
enum ss_status ss_pool_run(struct ss_pool *pool, size_t count, ss_pool_work work, void *context,
                           struct ss_error *error);

// Waits until no job is there. For a thread whose own work is to fill the gaps between jobs.
void ss_pool_await_gap(struct ss_pool *pool); // NULL: at once

#endif
