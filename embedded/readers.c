// A stack of idle readers under a lock: the one that was used last comes next, with its memory still warm.
//
// A server that starts may make the online store anew beside the old one (after a power failure, or when it
// was damaged), and a reader of the old files would never see another event. So once in a while a call looks
// whether the file is still the one that was opened; if not, readers of the old generation are closed as they
// come back.

#include "embedded/readers.h"

#include "engine/base/float_environment.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_US 1000000

struct ss_readers {
    char *directory, *online_path;
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct ss_embedded_reader *idle;
    size_t taken;
    uint64_t generation;
    dev_t device; // of online_path, in this generation
    ino_t inode;
    int64_t looked_us;
};

static void close_reader(struct ss_embedded_reader *reader)
{
    if (!reader) return;
    ss_materializer_close(reader->materializer);
    ss_arena_release(&reader->arena);
    free(reader);
}

static void close_all(struct ss_embedded_reader *reader)
{
    while (reader) {
        struct ss_embedded_reader *next = reader->next;
        close_reader(reader);
        reader = next;
    }
}

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// ---- Is it still the same store?

// Under the lock. Returns idle readers that are to be closed.
static struct ss_embedded_reader *look(struct ss_readers *readers)
{
    struct stat file;
    const int64_t now_us = monotonic_us();
    if (now_us - readers->looked_us < LOOK_US) return NULL;
    readers->looked_us = now_us;
    // While it is being replaced there is none: the next look will find it.
    if (stat(readers->online_path, &file) != 0) return NULL;
    if (file.st_dev == readers->device && file.st_ino == readers->inode) return NULL;
    readers->device = file.st_dev;
    readers->inode = file.st_ino;
    readers->generation++;
    struct ss_embedded_reader *old = readers->idle;
    readers->idle = NULL;
    return old;
}

// ---- The thread's floating point

#if defined(__x86_64__)
#define EXCEPTIONS_SEEN 0x3fu

// The mode is one register: a thread whose mode was found right is looked at again when it is another.
static enum ss_status check_floating_point(struct ss_error *error)
{
    static _Thread_local unsigned right_mode;
    const unsigned mode = __builtin_ia32_stmxcsr() & ~EXCEPTIONS_SEEN;
    if (mode == right_mode) return SS_OK;
    SS_TRY(ss_float_environment_check(error));
    right_mode = mode;
    return SS_OK;
}
#else
static enum ss_status check_floating_point(struct ss_error *error)
{
    return ss_float_environment_check(error);
}
#endif

// ---- Take and give

static enum ss_status open_reader(struct ss_readers *readers, uint64_t generation,
                                  struct ss_embedded_reader **reader, struct ss_error *error)
{
    struct ss_embedded_reader *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a reader");
    made->generation = generation;
    const enum ss_status status =
        ss_materializer_open(readers->directory, SS_STORE_READ, NULL, &made->materializer, error);
    if (status == SS_OK)
        *reader = made;
    else
        free(made);
    return status;
}

enum ss_status ss_readers_take(struct ss_readers *readers, struct ss_embedded_reader **reader,
                               struct ss_error *error)
{
    SS_TRY(check_floating_point(error));
    pthread_mutex_lock(&readers->lock);
    struct ss_embedded_reader *old = look(readers), *taken = readers->idle;
    const uint64_t generation = readers->generation;
    if (taken) readers->idle = taken->next;
    readers->taken++;
    pthread_mutex_unlock(&readers->lock);
    close_all(old);
    enum ss_status status = SS_OK;
    if (!taken) status = open_reader(readers, generation, &taken, error);
    if (status == SS_OK)
        *reader = taken;
    else
        ss_readers_give(readers, NULL);
    return status;
}

// NULL: what was taken could not be opened.
void ss_readers_give(struct ss_readers *readers, struct ss_embedded_reader *reader)
{
    struct ss_embedded_reader *old = NULL;
    pthread_mutex_lock(&readers->lock);
    if (reader && reader->generation == readers->generation) {
        reader->next = readers->idle;
        readers->idle = reader;
    } else {
        old = reader;
    }
    if (--readers->taken == 0) pthread_cond_broadcast(&readers->given);
    pthread_mutex_unlock(&readers->lock);
    close_reader(old);
}

// ---- Open and close

static void destroy(struct ss_readers *readers)
{
    pthread_mutex_destroy(&readers->lock);
    pthread_cond_destroy(&readers->given);
    free(readers->directory);
    free(readers->online_path);
    free(readers);
}

static enum ss_status open_first(struct ss_readers *readers, const char *directory, struct ss_error *error)
{
    struct stat file;
    readers->directory = strdup(directory);
    if (!readers->directory || asprintf(&readers->online_path, "%s/online/data.mdb", directory) < 0) {
        readers->online_path = NULL;
        return ss_fail_memory(error, "the readers");
    }
    readers->looked_us = monotonic_us();
    if (stat(readers->online_path, &file) == 0) {
        readers->device = file.st_dev;
        readers->inode = file.st_ino;
    }
    return open_reader(readers, 0, &readers->idle, error);
}

enum ss_status ss_readers_open(const char *directory, struct ss_readers **readers, struct ss_error *error)
{
    struct ss_readers *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the readers");
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->given, NULL);
    const enum ss_status status = open_first(made, directory, error);
    if (status == SS_OK)
        *readers = made;
    else
        destroy(made);
    return status;
}

void ss_readers_close(struct ss_readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    while (readers->taken) pthread_cond_wait(&readers->given, &readers->lock);
    pthread_mutex_unlock(&readers->lock);
    close_all(readers->idle);
    destroy(readers);
}
