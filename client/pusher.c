// Pushers, the side of their user: rows that are being made, put together to batches.
//
// Rows are made in columns that only the user's thread sees; adding copies them, under the lock, behind those
// that are put together, which either thread may seal: the user's when the batch is full, the pusher's when
// it is old enough. A sealed batch is its bytes, so what is sent again is the same by construction.
#include "client/pusher.h"

#include "client/error.h"
#include "client/net_calls.h"
#include "client/wait.h"

#include <signal.h>
#include <stdlib.h>

enum { ROWS_DEFAULT = 10000, BYTES_DEFAULT = 1 << 20, WAITING_DEFAULT = 64 << 20, LINGER_DEFAULT_MS = 100 };

bool ss_client_pusher_seal(struct selfsame_pusher *pusher)
{
    const struct ss_client_push push = {.source = pusher->source,
                                        .producer = pusher->producer,
                                        .number = pusher->next_number,
                                        .strict = pusher->options.strict,
                                        .declared_arrival = pusher->options.declared_arrival};
    struct ss_client_sealed *sealed = calloc(1, sizeof *sealed);
    if (!sealed) return false;
    ss_client_push_write(&push, &pusher->columns, &sealed->bytes);
    if (sealed->bytes.failed) {
        ss_client_writer_release(&sealed->bytes);
        free(sealed);
        return false;
    }
    sealed->number = pusher->next_number++;
    sealed->row_count = pusher->rows.count;
    sealed->first_row = pusher->next_row - pusher->rows.count;
    pusher->waiting_bytes += sealed->bytes.size;
    *pusher->last = sealed;
    pusher->last = &sealed->next;
    pusher->rows.count = 0;
    pusher->rows_size = 0;
    ss_client_columns_clear(&pusher->columns);
    return true;
}

static void release(struct selfsame_pusher *pusher)
{
    ss_client_columns_release(&pusher->made);
    ss_client_columns_release(&pusher->columns);
    pthread_cond_destroy(&pusher->changed);
    pthread_mutex_destroy(&pusher->lock);
    free(pusher->source);
    free(pusher->producer);
    free(pusher);
}

static uint32_t or_else(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

static void set_options(struct selfsame_pusher *pusher, const struct selfsame_pusher_options *known)
{
    struct selfsame_pusher_options *options = &pusher->options;
    *options = *known;
    options->max_rows = or_else(known->max_rows, ROWS_DEFAULT);
    options->max_bytes = or_else(known->max_bytes, BYTES_DEFAULT);
    options->linger_ms = or_else(known->linger_ms, LINGER_DEFAULT_MS);
    options->retry_min_ms = or_else(known->retry_min_ms, 50);
    options->retry_max_ms = or_else(known->retry_max_ms, 5000);
    if (!options->max_waiting_bytes) options->max_waiting_bytes = WAITING_DEFAULT;
    pusher->next_number = known->first_batch ? known->first_batch : 1;
    pusher->next_acknowledged = pusher->next_number;
}

static bool start(struct selfsame_pusher *pusher)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); // signals are for the application's threads
    const bool started = pthread_create(&pusher->thread, NULL, ss_client_pusher_run, pusher) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

enum selfsame_code selfsame_pusher_open(struct selfsame_client *client,
                                        const struct selfsame_pusher_options *options,
                                        struct selfsame_pusher **pusher, struct selfsame_error *error)
{
    struct selfsame_pusher_options known = {0};
    if (!client->net) return ss_client_fail_embedded(error);
    memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
    if (!known.source)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "option 'source': it is missing");
    struct selfsame_pusher *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the pusher");
    made->net = client->net;
    made->made.rows = &made->made_rows;
    made->made_rows.count = 1;
    made->columns.rows = &made->rows;
    made->last = &made->first;
    pthread_mutex_init(&made->lock, NULL);
    ss_client_cond_init(&made->changed);
    set_options(made, &known);
    made->source = strdup(known.source);
    if (known.producer) made->producer = strdup(known.producer);
    if (!made->source || (known.producer && !made->producer) || !start(made)) {
        release(made);
        return ss_client_fail_memory(error, "the pusher");
    }
    *pusher = made;
    return SELFSAME_OK;
}

struct selfsame_column *selfsame_pusher_column(struct selfsame_pusher *pusher, const char *name,
                                               enum selfsame_type type)
{
    struct selfsame_column *column = ss_client_column(&pusher->made, name, type);
    if (!column) return NULL;
    pthread_mutex_lock(&pusher->lock);
    if (!ss_client_column(&pusher->columns, name, type)) column = NULL;
    if (!column) {
        ss_client_rows_fail(&pusher->made_rows, SELFSAME_RESOURCE_EXHAUSTED, "column '%s': out of memory",
                            name);
        pusher->made_rows.lasts = true; // the columns of both sides must be the same
    }
    pusher->rows = (struct ss_client_rows){.count = pusher->rows.count};
    pthread_mutex_unlock(&pusher->lock);
    return column;
}

void selfsame_pusher_rows(struct selfsame_pusher *pusher, size_t row_count)
{
    ss_client_rows_begin(&pusher->made_rows, row_count);
    ss_client_columns_clear(&pusher->made);
}

// With the lock: until there is room. Threads that must not wait are told.
static enum selfsame_code wait_for_room(struct selfsame_pusher *pusher, struct selfsame_error *error)
{
    const bool may_wait = !ss_client_this_lane() && !pthread_equal(pthread_self(), pusher->thread);
    while (pusher->waiting_bytes >= pusher->options.max_waiting_bytes &&
           pusher->stopped.code == SELFSAME_OK) {
        if (!may_wait) {
            (void)ss_client_fail(error, SELFSAME_RESOURCE_EXHAUSTED, "the pusher: %zu bytes are waiting",
                                 pusher->waiting_bytes);
            if (error) error->retry = true;
            return SELFSAME_RESOURCE_EXHAUSTED;
        }
        (void)ss_client_wait(&pusher->changed, &pusher->lock, NULL);
    }
    return pusher->stopped.code == SELFSAME_OK ? SELFSAME_OK : ss_client_fail_as(error, &pusher->stopped);
}

// With the lock.
static enum selfsame_code put_together(struct selfsame_pusher *pusher, struct selfsame_error *error)
{
    const size_t count = pusher->made_rows.count;
    SS_CLIENT_TRY(wait_for_room(pusher, error));
    if (!ss_client_columns_append(&pusher->columns, pusher->rows.count, &pusher->made)) {
        ss_client_fail_as(error, &pusher->rows.error);
        const enum selfsame_code code = pusher->rows.error.code;
        pusher->rows.error = (struct selfsame_error){0};
        return code;
    }
    if (!pusher->rows.count) {
        ss_client_time_after(pusher->options.linger_ms, &pusher->linger_until);
        pthread_cond_broadcast(&pusher->changed);
    }
    pusher->rows.count += count;
    pusher->next_row += count;
    pusher->rows_size += ss_client_columns_size(&pusher->made);
    if (pusher->rows.count >= pusher->options.max_rows || pusher->rows_size >= pusher->options.max_bytes) {
        // Without memory the pusher's thread tries again.
        if (!ss_client_pusher_seal(pusher)) pusher->hurry = true;
        pthread_cond_broadcast(&pusher->changed);
    }
    return SELFSAME_OK;
}

enum selfsame_code selfsame_pusher_add(struct selfsame_pusher *pusher, struct selfsame_error *error)
{
    enum selfsame_code code = SELFSAME_OK;
    if (pusher->made_rows.error.code != SELFSAME_OK) {
        code = ss_client_fail_as(error, &pusher->made_rows.error);
    } else if (pusher->made_rows.count) {
        pthread_mutex_lock(&pusher->lock);
        code = put_together(pusher, error);
        pthread_mutex_unlock(&pusher->lock);
    }
    // Rows for which there was no room stay, so that they can be added later.
    if (code != SELFSAME_RESOURCE_EXHAUSTED) selfsame_pusher_rows(pusher, 1);
    return code;
}

enum selfsame_code selfsame_pusher_flush(struct selfsame_pusher *pusher, uint32_t timeout_ms,
                                         struct selfsame_error *error)
{
    struct timespec until;
    if (ss_client_this_lane() || pthread_equal(pthread_self(), pusher->thread))
        return ss_client_fail(error, SELFSAME_FAILED_PRECONDITION, "the pusher: a callback may not flush");
    ss_client_time_after(timeout_ms, &until);
    pthread_mutex_lock(&pusher->lock);
    pusher->hurry = true;
    pthread_cond_broadcast(&pusher->changed);
    bool in_time = true;
    while (pusher->ended_rows < pusher->next_row && in_time)
        in_time = ss_client_wait(&pusher->changed, &pusher->lock, timeout_ms == UINT32_MAX ? NULL : &until);
    const uint64_t left = pusher->next_row - pusher->ended_rows;
    const struct selfsame_error first = pusher->unheard;
    if (!left) pusher->unheard = (struct selfsame_error){0};
    pthread_mutex_unlock(&pusher->lock);
    if (left)
        return ss_client_fail(error, SELFSAME_DEADLINE_EXCEEDED,
                              "the pusher: %llu rows are not acknowledged after %u ms",
                              (unsigned long long)left, (unsigned)timeout_ms);
    return first.code == SELFSAME_OK ? SELFSAME_OK : ss_client_fail_as(error, &first);
}

uint64_t selfsame_pusher_next_batch(struct selfsame_pusher *pusher)
{
    pthread_mutex_lock(&pusher->lock);
    const uint64_t next = pusher->next_acknowledged;
    pthread_mutex_unlock(&pusher->lock);
    return next;
}

void selfsame_pusher_close(struct selfsame_pusher *pusher)
{
    if (!pusher) return;
    pthread_mutex_lock(&pusher->lock);
    pusher->closing = true;
    pthread_cond_broadcast(&pusher->changed);
    pthread_mutex_unlock(&pusher->lock);
    pthread_join(pusher->thread, NULL);
    release(pusher);
}
