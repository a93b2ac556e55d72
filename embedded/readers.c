// A stack of idle readers under a lock: the one that was used last comes next, with its memory still warm.
//
// The online store may be made anew (after a power failure, or because it was damaged); a reader of the old
// files then says SS_BUSY. Whoever meets that expires the readers there are: they are closed as they come
// back, and the next is new.

#include "embedded/readers.h"

#include "engine/base/float_environment.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ss_readers {
    char *directory;
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct ss_embedded_reader *idle;
    size_t taken;
    uint64_t generation;
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
    struct ss_embedded_reader *taken = readers->idle;
    const uint64_t generation = readers->generation;
    if (taken) readers->idle = taken->next;
    readers->taken++;
    pthread_mutex_unlock(&readers->lock);
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

void ss_readers_expire(struct ss_readers *readers, const struct ss_embedded_reader *reader)
{
    struct ss_embedded_reader *old = NULL;
    pthread_mutex_lock(&readers->lock);
    if (reader->generation == readers->generation) { // else somebody else was first
        readers->generation++;
        old = readers->idle;
        readers->idle = NULL;
    }
    pthread_mutex_unlock(&readers->lock);
    close_all(old);
}

// ---- Open and close

static void destroy(struct ss_readers *readers)
{
    pthread_mutex_destroy(&readers->lock);
    pthread_cond_destroy(&readers->given);
    free(readers->directory);
    free(readers);
}

enum ss_status ss_readers_open(const char *directory, struct ss_readers **readers, struct ss_error *error)
{
    struct ss_readers *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the readers");
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->given, NULL);
    made->directory = strdup(directory);
    const enum ss_status status =
        made->directory ? open_reader(made, 0, &made->idle, error) : ss_fail_memory(error, "the readers");
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
