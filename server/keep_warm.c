#include "server/keep_warm.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"
#include "store/store.h"

#define PAUSE_S 30
#define LOWEST  19 // nice

struct ss_keep_warm {
    struct ss_serving *serving;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    atomic_bool is_stopping;
    bool was_told; // that the file is too large, or why it cannot be read: once
};

static uint64_t half_of_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes / 2 : 0;
}

static void touch(struct ss_keep_warm *warm)
{
    struct ss_error error;
    uint64_t bytes;
    const uint64_t most_bytes = half_of_memory();
    const enum ss_status status =
        ss_store_touch_online(warm->serving->directory, most_bytes, &warm->is_stopping, &bytes, &error);
    if (warm->was_told || (status == SS_OK && bytes <= most_bytes)) return;
    warm->was_told = true;
    if (status != SS_OK)
        ss_log_write(warm->serving->log, SS_LOG_WARN, NULL, 0, "keep_in_memory: %s", error.message);
    else
        ss_log_write(
            warm->serving->log, SS_LOG_INFO, NULL, 0,
            "keep_in_memory: the online rows have %llu MiB, more than half of the memory: lookups may "
            "wait for the disk",
            (unsigned long long)(bytes >> 20));
}

static void pause_or_stop(struct ss_keep_warm *warm)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PAUSE_S;
    pthread_mutex_lock(&warm->lock);
    while (!warm->is_stopping && pthread_cond_timedwait(&warm->stopped, &warm->lock, &until) == 0) continue;
    pthread_mutex_unlock(&warm->lock);
}

static void *run(void *context)
{
    struct ss_keep_warm *warm = context;
    (void)setpriority(PRIO_PROCESS, 0, LOWEST); // of this thread: Linux counts threads as processes here
    while (!warm->is_stopping) {
        if (ss_serving_settings(warm->serving)->keep_in_memory) touch(warm);
        pause_or_stop(warm);
    }
    return NULL;
}

enum ss_status ss_keep_warm_start(struct ss_serving *serving, struct ss_keep_warm **warm,
                                  struct ss_error *error)
{
    struct ss_keep_warm *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "keeping online rows in memory");
    made->serving = serving;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->stopped, NULL);
    if (pthread_create(&made->thread, NULL, run, made) == 0) {
        *warm = made;
        return SS_OK;
    }
    pthread_cond_destroy(&made->stopped);
    pthread_mutex_destroy(&made->lock);
    free(made);
    return ss_fail(error, SS_IO, "the thread that keeps online rows in memory could not be started");
}

void ss_keep_warm_stop(struct ss_keep_warm *warm)
{
    if (!warm) return;
    pthread_mutex_lock(&warm->lock);
    atomic_store(&warm->is_stopping, true);
    pthread_cond_signal(&warm->stopped);
    pthread_mutex_unlock(&warm->lock);
    pthread_join(warm->thread, NULL);
    pthread_cond_destroy(&warm->stopped);
    pthread_mutex_destroy(&warm->lock);
    free(warm);
}
