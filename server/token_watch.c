// The tokens of a running server. The set is swapped under a mutex that only a change takes for long; readers
// see by the generation that they have to take the new one.

#include "server/token_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "server/tokens_internal.h"

#define LOOK_EVERY_US SS_SECOND_US

// What tells one version of the file from another.
struct version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct ss_token_watch {
    char *path;
    _Atomic int64_t next_look_us;
    _Atomic uint64_t generation;
    atomic_bool exist;
    pthread_mutex_t looking; // one thread looks at the file
    struct version seen;     // under `looking`
    pthread_mutex_t mutex;
    struct ss_tokens *tokens; // under `mutex`
};

static struct version version_of(const struct stat *about)
{
    struct version version;
    memset(&version, 0, sizeof version);
    version.device = about->st_dev;
    version.inode = about->st_ino;
    version.size = about->st_size;
    version.modified = about->st_mtim;
    version.changed = about->st_ctim;
    return version;
}

static struct version version_at(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) memset(&about, 0, sizeof about);
    return version_of(&about);
}

enum ss_status ss_token_watch_create(const char *path, struct ss_token_watch **watch, struct ss_error *error)
{
    struct stat about;
    struct ss_token_watch *made = calloc(1, sizeof *made);
    if (made) made->path = strdup(path);
    if (!made || !made->path) {
        free(made);
        return ss_fail_memory(error, "tokens");
    }
    const enum ss_status status = ss_tokens_load_with(path, &made->tokens, &about, error);
    if (status != SS_OK) {
        free(made->path);
        free(made);
        return status;
    }
    pthread_mutex_init(&made->mutex, NULL);
    pthread_mutex_init(&made->looking, NULL);
    made->seen = version_of(&about);
    atomic_store(&made->exist, ss_tokens_exist(made->tokens));
    atomic_store(&made->generation, 1);
    *watch = made;
    return SS_OK;
}

void ss_token_watch_destroy(struct ss_token_watch *watch)
{
    if (!watch) return;
    ss_tokens_release(watch->tokens);
    pthread_mutex_destroy(&watch->looking);
    pthread_mutex_destroy(&watch->mutex);
    free(watch->path);
    free(watch);
}

static void swap(struct ss_token_watch *watch, struct ss_tokens *tokens)
{
    pthread_mutex_lock(&watch->mutex);
    struct ss_tokens *before = watch->tokens;
    watch->tokens = tokens;
    pthread_mutex_unlock(&watch->mutex);
    if (ss_tokens_exist(tokens)) atomic_store(&watch->exist, true); // and stays so, even if the file goes
    atomic_fetch_add(&watch->generation, 1);
    ss_tokens_release(before);
}

static enum ss_status look(struct ss_token_watch *watch, bool now, bool *changed, struct ss_error *error)
{
    struct stat about;
    struct ss_tokens *tokens = NULL;
    const struct version there = version_at(watch->path);
    if (!now && memcmp(&there, &watch->seen, sizeof there) == 0) return SS_OK;
    const enum ss_status status = ss_tokens_load_with(watch->path, &tokens, &about, error);
    // A broken file is told once, and read again when it changes; what could not be read is tried again.
    if (status == SS_OK || !ss_status_retry(status))
        watch->seen = status == SS_OK ? version_of(&about) : there;
    if (status != SS_OK) return status;
    swap(watch, tokens);
    *changed = true;
    return SS_OK;
}

enum ss_status ss_token_watch_look(struct ss_token_watch *watch, int64_t now_us, bool now, bool *changed,
                                   struct ss_error *error)
{
    bool unused;
    if (!changed) changed = &unused;
    *changed = false;
    int64_t due_us = atomic_load_explicit(&watch->next_look_us, memory_order_relaxed);
    const bool is_due = now_us >= due_us || due_us - now_us > LOOK_EVERY_US; // or the clock went back
    if (!now && !is_due) return SS_OK;
    if (!atomic_compare_exchange_strong(&watch->next_look_us, &due_us, now_us + LOOK_EVERY_US) && !now)
        return SS_OK; // another thread does
    pthread_mutex_lock(&watch->looking);
    const enum ss_status status = look(watch, now, changed, error);
    pthread_mutex_unlock(&watch->looking);
    return status;
}

uint64_t ss_token_watch_generation(const struct ss_token_watch *watch)
{
    return atomic_load_explicit(&watch->generation, memory_order_acquire);
}

bool ss_token_watch_exist(const struct ss_token_watch *watch)
{
    return atomic_load_explicit(&watch->exist, memory_order_acquire);
}

// ---- Readers

struct ss_token_reader {
    struct ss_token_watch *watch;
    struct ss_token_finder *finder;
    struct ss_tokens *tokens;
    uint64_t generation;
};

static void refresh(struct ss_token_reader *reader)
{
    const uint64_t generation = ss_token_watch_generation(reader->watch);
    if (generation == reader->generation) return;
    pthread_mutex_lock(&reader->watch->mutex);
    struct ss_tokens *tokens = ss_tokens_retain(reader->watch->tokens);
    pthread_mutex_unlock(&reader->watch->mutex);
    ss_tokens_release(reader->tokens);
    reader->tokens = tokens;
    reader->generation = generation;
}

enum ss_status ss_token_reader_create(struct ss_token_watch *watch, struct ss_token_reader **reader,
                                      struct ss_error *error)
{
    struct ss_token_reader *made = calloc(1, sizeof *made);
    if (made) made->finder = ss_token_finder_create();
    if (!made || !made->finder) {
        free(made);
        return ss_fail_memory(error, "a reader of tokens");
    }
    made->watch = watch;
    *reader = made;
    return SS_OK;
}

void ss_token_reader_destroy(struct ss_token_reader *reader)
{
    if (!reader) return;
    ss_tokens_release(reader->tokens);
    ss_token_finder_destroy(reader->finder);
    free(reader);
}

enum ss_token_verdict ss_token_reader_find(struct ss_token_reader *reader, struct ss_bytes bearer,
                                           int64_t now_us, const struct ss_token **token)
{
    refresh(reader);
    return ss_tokens_find(reader->tokens, reader->finder, bearer, now_us, token);
}
