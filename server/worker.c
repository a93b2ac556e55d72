// Workers.

#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/observe.h"

struct thread {
    struct ss_worker *worker;
    pthread_t id;
    struct ss_materializer *reader;
};

struct ss_worker {
    struct ss_serving *serving;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *what; // "training tables are being made (train_jobs)"
    struct ss_worker_job *first, *last;
    size_t jobs, most;
    bool is_stopping;
    size_t thread_count;
    struct thread threads[];
};

// Under the lock. NULL: none waits.
static struct ss_worker_job *take(struct ss_worker *worker)
{
    struct ss_worker_job *job = worker->first;
    if (!job) return NULL;
    worker->first = job->next;
    if (!worker->first) worker->last = NULL;
    return job;
}

static void *run(void *context)
{
    struct thread *thread = context;
    struct ss_worker *worker = thread->worker;
    ss_observe_thread(worker->serving);
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->first && !worker->is_stopping) pthread_cond_wait(&worker->changed, &worker->lock);
        struct ss_worker_job *job = worker->is_stopping ? NULL : take(worker);
        if (!job) break;
        pthread_mutex_unlock(&worker->lock);
        job->run(job, thread->reader);
        pthread_mutex_lock(&worker->lock);
        worker->jobs--;
    }
    pthread_mutex_unlock(&worker->lock);
    ss_observe_thread_end();
    return NULL;
}

static enum ss_status start_thread(struct ss_worker *worker, const char *directory, struct ss_error *error)
{
    struct thread *thread = &worker->threads[worker->thread_count];
    thread->worker = worker;
    SS_TRY(ss_materializer_open(directory, SS_STORE_READ, NULL, &thread->reader, error));
    if (pthread_create(&thread->id, NULL, run, thread) == 0) {
        worker->thread_count++;
        return SS_OK;
    }
    ss_materializer_close(thread->reader);
    return ss_fail(error, SS_IO, "a worker's thread could not be started");
}

enum ss_status ss_worker_start(struct ss_serving *serving, const char *what, size_t threads, size_t most,
                               struct ss_worker **worker, struct ss_error *error)
{
    struct ss_worker *made = calloc(1, sizeof *made + threads * sizeof made->threads[0]);
    if (!made) return ss_fail_memory(error, "the workers");
    made->serving = serving;
    made->what = what;
    made->most = most;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    for (size_t i = 0; i < threads; i++) {
        const enum ss_status status = start_thread(made, serving->directory, error);
        if (status == SS_OK) continue;
        ss_worker_stop(made);
        return status;
    }
    *worker = made;
    return SS_OK;
}

enum ss_status ss_worker_do(struct ss_worker *worker, struct ss_worker_job *job, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    pthread_mutex_lock(&worker->lock);
    if (worker->is_stopping) {
        status = ss_fail(error, SS_STOPPING, "the server is stopping");
    } else if (worker->jobs == worker->most) {
        status = ss_fail(error, SS_BUSY, "%zu %s, which is the limit", worker->jobs, worker->what);
    } else {
        job->next = NULL;
        if (worker->last)
            worker->last->next = job;
        else
            worker->first = job;
        worker->last = job;
        worker->jobs++;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return status;
}

size_t ss_worker_jobs(struct ss_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    const size_t jobs = worker->jobs;
    pthread_mutex_unlock(&worker->lock);
    return jobs;
}

void ss_worker_stop(struct ss_worker *worker)
{
    struct ss_error error;
    struct ss_worker_job *job;
    if (!worker) return;
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    for (size_t i = 0; i < worker->thread_count; i++) {
        pthread_join(worker->threads[i].id, NULL);
        ss_materializer_close(worker->threads[i].reader);
    }
    ss_fail(&error, SS_STOPPING, "the server is stopping");
    while ((job = take(worker))) job->refuse(job, &error);
    pthread_mutex_destroy(&worker->lock);
    pthread_cond_destroy(&worker->changed);
    free(worker);
}
