// Load in bulk.
//
//   1. a thread makes batches of typed columns (csv_bulk.c), up to two ahead of the one that is pushed
//   2. meanwhile this thread hashes the file, which says under which name its batches go
//   3. this thread pushes them in order, each a durable commit, and leaves the online rows for later
//   4. the end mark; then runs are merged, and the online rows filled, all at once
//
// The thread that makes them goes on in the gaps between the pool's jobs: a batch is packed on all threads
// and then written by one, and only then is there a core for it. (With the parsing spread over the pool, or
// without giving way, loads took an eighth to a sixth longer: all cores made and packed batches, and then all
// but one waited for the writing.)
//
// A batch's hash is that of its place in the file: the file's own hash is the producer's name. Killed at any
// point, what was committed is in history; who opens the store next brings the online rows up, and loading
// the file again goes on behind the last batch (ingest_csv.c). Without a pool one thread does it all in turn.

#include "materializer/csv_bulk.h"
#include "materializer/ingest_load.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define AHEAD 3 // the batch being pushed and those being made

struct bulk {
    struct ss_load *load;
    struct ss_csv_bulk rows;
    struct ss_csv_bulk_batch batches[AHEAD]; // batch n is batches[n % AHEAD]
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t made, done;   // batches that can be pushed, and that were
    bool is_begun;         // batches may have been committed
    bool ended;            // no more will be made
    bool stopped;          // no more are wanted
    enum ss_status status; // why the last one was not made
    struct ss_error failure;
};

// ---- The thread that makes batches

static bool may_make(struct bulk *bulk)
{
    pthread_mutex_lock(&bulk->lock);
    while (!bulk->stopped && bulk->made - bulk->done == AHEAD) pthread_cond_wait(&bulk->changed, &bulk->lock);
    const bool may = !bulk->stopped;
    pthread_mutex_unlock(&bulk->lock);
    return may;
}

static void make_batch(struct bulk *bulk)
{
    struct ss_csv_bulk_batch *batch = &bulk->batches[bulk->made % AHEAD];
    struct ss_error failure = {0};
    const enum ss_status status = ss_csv_bulk_next(&bulk->rows, batch, &failure);
    pthread_mutex_lock(&bulk->lock);
    bulk->status = status;
    bulk->failure = failure;
    bulk->made += status == SS_OK;
    bulk->ended = status != SS_OK || batch->is_last;
    pthread_cond_broadcast(&bulk->changed);
    pthread_mutex_unlock(&bulk->lock);
}

static void *make_batches(void *context)
{
    struct bulk *bulk = context;
    while (!bulk->ended && may_make(bulk)) make_batch(bulk);
    return NULL;
}

// ---- The thread that pushes them

// The next batch; NULL: there is none.
static enum ss_status await_batch(struct bulk *bulk, struct ss_csv_bulk_batch **batch, struct ss_error *error)
{
    if (!bulk->load->ingest->pool && !bulk->ended) make_batch(bulk);
    pthread_mutex_lock(&bulk->lock);
    while (bulk->made == bulk->done && !bulk->ended) pthread_cond_wait(&bulk->changed, &bulk->lock);
    const bool is_there = bulk->made > bulk->done;
    const enum ss_status status = is_there ? SS_OK : bulk->status;
    if (status != SS_OK && error) *error = bulk->failure;
    pthread_mutex_unlock(&bulk->lock);
    *batch = is_there ? &bulk->batches[bulk->done % AHEAD] : NULL;
    return status;
}

static void give_back(struct bulk *bulk)
{
    pthread_mutex_lock(&bulk->lock);
    bulk->done++;
    pthread_cond_broadcast(&bulk->changed);
    pthread_mutex_unlock(&bulk->lock);
}

static struct ss_sha256 hash_of_place(const struct ss_csv_bulk_batch *batch)
{
    char text[80];
    const int size = snprintf(text, sizeof text, "selfsame bulk: bytes %llu to %llu",
                              (unsigned long long)batch->begin, (unsigned long long)batch->end);
    return ss_sha256_of(text, (size_t)size);
}

static enum ss_status push_batch(struct bulk *bulk, const struct ss_csv_bulk_batch *batch,
                                 struct ss_error *error)
{
    struct ss_load *load = bulk->load;
    const struct ss_sha256 hash = hash_of_place(batch);
    struct ss_push push = {.length = batch->length,
                           .columns = batch->columns,
                           .lines = batch->lines,
                           .unparsed = batch->unparsed,
                           .unparsed_count = batch->unparsed_count};
    if (batch->is_last) SS_TRY(ss_load_check_end(load, batch->end, error));
    if (push.length == 0 && push.unparsed_count == 0) return SS_OK;
    SS_TRY(ss_load_push(load, &push, &hash, error));
    ss_load_progress(load, batch->end);
    return SS_OK;
}

static enum ss_status push_batches(struct bulk *bulk, struct ss_error *error)
{
    struct ss_csv_bulk_batch *batch;
    for (;;) {
        SS_TRY(await_batch(bulk, &batch, error));
        if (!batch) return ss_load_push_end(bulk->load, error);
        SS_TRY(push_batch(bulk, batch, error));
        give_back(bulk);
    }
}

// What was committed is made visible, also when the load failed behind it, or one before could not do so.
// Runs are merged first, as few of them are read in less time and memory; what cannot be merged now waits for
// the next load.
static void publish(struct ss_load *load)
{
    struct ss_error failed = {0};
    malloc_trim(0); // the batches are gone: what comes now starts small
    (void)ss_history_compact(load->materializer->store->history, SS_COMPACT_TIERS, NULL);
    if (ss_push_deferred(load->materializer, &failed) != SS_OK)
        snprintf(load->result.not_visible, sizeof load->result.not_visible, "%.255s", failed.message);
}

static enum ss_status push_all(struct bulk *bulk, struct ss_error *error)
{
    struct ss_load *load = bulk->load;
    SS_TRY(ss_load_choose_producer(load, error));
    load->total_bytes = load->file_bytes;
    bulk->is_begun = true;
    return load->result.already_loaded ? ss_load_note_newest(load, error) : push_batches(bulk, error);
}

// ---- Together

static enum ss_status open_rows(struct bulk *bulk, struct ss_error *error)
{
    struct ss_load *load = bulk->load;
    struct ss_csv_reader *reader;
    const struct ss_bytes *names;
    SS_TRY(ss_load_check_maps(load, error));
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    enum ss_status status = ss_load_find_columns(load, reader, error);
    const struct ss_csv_bulk_file file = {.file = load->file,
                                          .name = load->name,
                                          .positions = load->positions,
                                          .field_count = ss_csv_reader_header(reader, &names),
                                          .offset = ss_csv_reader_offset(reader),
                                          .line = ss_csv_reader_line(reader),
                                          .row_limit = load->ingest->bulk_rows};
    ss_csv_reader_close(reader);
    if (status == SS_OK)
        status = ss_csv_bulk_init(&bulk->rows, &file, load->source, load->ingest->pool, error);
    return status;
}

static enum ss_status run(struct bulk *bulk, struct ss_error *error)
{
    if (!bulk->load->ingest->pool) return push_all(bulk, error);
    const int code = pthread_create(&bulk->thread, NULL, make_batches, bulk);
    if (code != 0) return ss_fail(error, SS_IO, "a thread that reads a file: %s", strerror(code));
    const enum ss_status status = push_all(bulk, error);
    pthread_mutex_lock(&bulk->lock);
    bulk->stopped = true;
    pthread_cond_broadcast(&bulk->changed);
    pthread_mutex_unlock(&bulk->lock);
    pthread_join(bulk->thread, NULL);
    return status;
}

enum ss_status ss_load_bulk(struct ss_load *load, struct ss_error *error)
{
    struct bulk bulk = {.load = load};
    SS_TRY(open_rows(&bulk, error));
    pthread_mutex_init(&bulk.lock, NULL);
    pthread_cond_init(&bulk.changed, NULL);
    const enum ss_status status = run(&bulk, error);
    for (size_t i = 0; i < AHEAD; i++) ss_csv_bulk_batch_release(&bulk.batches[i]);
    ss_csv_bulk_release(&bulk.rows);
    if (bulk.is_begun) publish(load);
    pthread_cond_destroy(&bulk.changed);
    pthread_mutex_destroy(&bulk.lock);
    return status;
}
