// Workers: threads for what takes longer than a lookup. Each reads the store with a materializer of its own.
#ifndef SS_SERVER_WORKER_H
#define SS_SERVER_WORKER_H

#include "server/serving.h"

struct ss_worker;

struct ss_worker_job {
    struct ss_worker_job *next;
    void (*run)(struct ss_worker_job *job, struct ss_materializer *reader);
    void (*refuse)(struct ss_worker_job *job,
                   const struct ss_error *error); // instead, when the worker stops first
};

// `threads` of them; at most `most` jobs wait or run. `what` they do, for who comes too late: "requests are
// being answered".
enum ss_status ss_worker_start(struct ss_serving *serving, const char *what, size_t threads, size_t most,
                               struct ss_worker **worker, struct ss_error *error);
// Any thread. SS_BUSY: there are too many jobs already.
enum ss_status ss_worker_do(struct ss_worker *worker, struct ss_worker_job *job, struct ss_error *error);
size_t ss_worker_jobs(struct ss_worker *worker); // that wait or run
// Refuses what waits, and ends the threads when what runs is done. NULL is fine.
void ss_worker_stop(struct ss_worker *worker);

#endif
