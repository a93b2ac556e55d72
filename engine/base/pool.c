// Pool. Jobs stand in a list; an idle thread joins the first that has indices left and a slot free. A job
// leaves the list when the thread that asked finds it done.

#include "engine/base/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct job *next;
    ss_pool_work work;
    void *context;
    size_t count, next_index; // of what is still to be begun
    size_t slots, next_slot;
    size_t running;
    size_t failed_index; // SIZE_MAX: none failed
    struct ss_error failure;
    bool wants_message;
};

struct ss_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came, job_done;
    struct job *jobs; // oldest first
    bool closing;
    size_t thread_count; // besides those that ask
    pthread_t threads[];
};

static bool has_work(const struct job *job)
{
    return job->next_index < job->count && job->failed_index == SIZE_MAX;
}

// Works on the job until nothing is left to begin. Under the lock, which is let go while working.
static void join(struct ss_pool *pool, struct job *job)
{
    const size_t slot = job->next_slot++;
    job->running++;
    while (has_work(job)) {
        struct ss_error error = {0};
        const size_t index = job->next_index++;
        pthread_mutex_unlock(&pool->lock);
        const enum ss_status status =
            job->work(job->context, index, slot, job->wants_message ? &error : NULL);
        pthread_mutex_lock(&pool->lock);
        if (status == SS_OK || index > job->failed_index) continue;
        error.status = status;
        job->failed_index = index;
        job->failure = error;
    }
    job->running--;
    if (job->running == 0) pthread_cond_broadcast(&pool->job_done);
}

static struct job *find_job(const struct ss_pool *pool)
{
    for (struct job *job = pool->jobs; job; job = job->next)
        if (has_work(job) && job->next_slot < job->slots) return job;
    return NULL;
}

static void *serve(void *context)
{
    struct ss_pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing) {
        struct job *job = find_job(pool);
        if (job)
            join(pool, job);
        else
            pthread_cond_wait(&pool->work_came, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum ss_status ss_pool_create(size_t threads, struct ss_pool **pool, struct ss_error *error)
{
    SS_ASSERT(threads >= 1);
    struct ss_pool *created = calloc(1, sizeof *created + threads * sizeof *created->threads);
    if (!created) return ss_fail_memory(error, "threads");
    pthread_mutex_init(&created->lock, NULL);
    pthread_cond_init(&created->work_came, NULL);
    pthread_cond_init(&created->job_done, NULL);
    for (; created->thread_count + 1 < threads; created->thread_count++) {
        const int code = pthread_create(&created->threads[created->thread_count], NULL, serve, created);
        if (code == 0) continue;
        ss_pool_destroy(created);
        return ss_fail(error, SS_IO, "threads: %s", strerror(code));
    }
    *pool = created;
    return SS_OK;
}

void ss_pool_destroy(struct ss_pool *pool)
{
    if (!pool) return;
    SS_ASSERT(!pool->jobs);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->job_done);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

size_t ss_pool_threads(const struct ss_pool *pool)
{
    return pool ? pool->thread_count + 1 : 1;
}

static enum ss_status run_alone(size_t count, ss_pool_work work, void *context, struct ss_error *error)
{
    for (size_t i = 0; i < count; i++) SS_TRY(work(context, i, 0, error));
    return SS_OK;
}

static void unlink_job(struct ss_pool *pool, const struct job *job)
{
    struct job **at = &pool->jobs;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    if (!pool->jobs) pthread_cond_broadcast(&pool->job_done);
}

enum ss_status ss_pool_run(struct ss_pool *pool, size_t count, ss_pool_work work, void *context,
                           struct ss_error *error)
{
    if (!pool || pool->thread_count == 0 || count <= 1) return run_alone(count, work, context, error);
    struct job job = {.work = work,
                      .context = context,
                      .count = count,
                      .slots = pool->thread_count + 1,
                      .failed_index = SIZE_MAX,
                      .wants_message = error != NULL};
    pthread_mutex_lock(&pool->lock);
    struct job **last = &pool->jobs;
    while (*last) last = &(*last)->next;
    *last = &job;
    pthread_cond_broadcast(&pool->work_came);
    join(pool, &job);
    while (job.running) pthread_cond_wait(&pool->job_done, &pool->lock);
    unlink_job(pool, &job);
    pthread_mutex_unlock(&pool->lock);
    if (job.failed_index == SIZE_MAX) return SS_OK;
    if (error) *error = job.failure;
    return job.failure.status;
}

void ss_pool_await_gap(struct ss_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    while (pool->jobs) pthread_cond_wait(&pool->job_done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
