// Pushers, the side of their thread: batches are sent in order, one at a time, until each has ended.
//
//   sealed -> sent -> acknowledged                  the next
//              |-- trying again helps               a pause, the same bytes again
//              |-- final, with a producer           it and all behind it are given back; it has stopped
//              '-- final, without one               it is given back; the next
//
// Invariants: I1 the bytes of a batch never change.
//             I2 with a producer, batch n+1 is first sent after n was acknowledged.
//             I3 every row that was added is in exactly one callback, in order.
#include "client/error.h"
#include "client/net_calls.h"
#include "client/pusher.h"
#include "client/wait.h"

#include <stdlib.h>

// May it be sent again? With a producer whenever that can help; else only if the server said that it did not
// take it.
static bool may_repeat(const struct selfsame_pusher *pusher, const struct ss_client_sealed *sealed,
                       const struct selfsame_error *error)
{
    if (error->code == SELFSAME_UNAUTHENTICATED)
        return sealed->attempts == 1; // the token's file was read again
    if (error->code == SELFSAME_RESOURCE_EXHAUSTED) return error->retry;
    return pusher->producer &&
           (error->code == SELFSAME_UNAVAILABLE || error->code == SELFSAME_DEADLINE_EXCEEDED);
}

// Doubled each time, and a quarter more or less, so that many who lost a server do not come back at once.
static uint32_t pause_ms(const struct selfsame_pusher *pusher, const struct ss_client_sealed *sealed,
                         const struct selfsame_error *error, unsigned *seed)
{
    uint64_t ms = pusher->options.retry_min_ms;
    for (uint32_t i = 1; i < sealed->attempts && ms < pusher->options.retry_max_ms; i++) ms *= 2;
    if (ms > pusher->options.retry_max_ms) ms = pusher->options.retry_max_ms;
    ms = ms * (75 + (unsigned)rand_r(seed) % 51) / 100;
    return error->retry_after_ms > ms ? error->retry_after_ms : (uint32_t)ms;
}

static enum selfsame_code attempt(struct selfsame_pusher *pusher, struct ss_client_sealed *sealed,
                                  struct selfsame_receipt **receipt, struct selfsame_error *error)
{
    struct ss_client_reply reply = {0};
    sealed->attempts++;
    SS_CLIENT_TRY(ss_client_net_call(pusher->net, SS_CLIENT_PUSH, sealed->bytes.data, sealed->bytes.size,
                                     pusher->options.deadline_ms, &reply, error));
    const enum selfsame_code code = ss_client_receipt_decode(&reply, receipt, error);
    // The server has answered, so it may have kept the batch.
    if (code != SELFSAME_OK) error->retry = pusher->producer && code == SELFSAME_RESOURCE_EXHAUSTED;
    return code;
}

// With the lock, which is given back meanwhile. False: the pusher is being closed.
static bool rest(struct selfsame_pusher *pusher, uint32_t ms)
{
    struct timespec until;
    ss_client_time_after(ms, &until);
    while (!pusher->closing && ss_client_wait(&pusher->changed, &pusher->lock, &until)) {}
    return !pusher->closing;
}

static bool is_over(const struct timespec *time)
{
    struct timespec now;
    ss_client_time_after(0, &now);
    return now.tv_sec > time->tv_sec || (now.tv_sec == time->tv_sec && now.tv_nsec >= time->tv_nsec);
}

// With the lock, which is given back meanwhile: sends the batch until it is acknowledged or may not be sent
// again.
static enum selfsame_code deliver(struct selfsame_pusher *pusher, struct ss_client_sealed *sealed,
                                  struct selfsame_receipt **receipt, struct selfsame_error *error)
{
    struct timespec give_up;
    unsigned seed = (unsigned)((uintptr_t)sealed ^ (uintptr_t)sealed->number);
    ss_client_time_after(pusher->options.give_up_ms, &give_up);
    for (;;) {
        pthread_mutex_unlock(&pusher->lock);
        const enum selfsame_code code = attempt(pusher, sealed, receipt, error);
        pthread_mutex_lock(&pusher->lock);
        if (code == SELFSAME_OK || !may_repeat(pusher, sealed, error)) return code;
        if (pusher->options.give_up_ms && is_over(&give_up)) return code;
        if (!rest(pusher, pause_ms(pusher, sealed, error, &seed))) return code;
    }
}

// With the lock, which is given back while the callback runs. Frees the batch.
static void end_batch(struct selfsame_pusher *pusher, struct ss_client_sealed *sealed,
                      const struct selfsame_receipt *receipt, const struct selfsame_error *error)
{
    const struct selfsame_batch_end end = {.batch = sealed->number,
                                           .first_row = sealed->first_row,
                                           .row_count = sealed->row_count,
                                           .attempts = sealed->attempts,
                                           .receipt = receipt};
    pusher->first = sealed->next;
    if (!pusher->first) pusher->last = &pusher->first;
    pusher->waiting_bytes -= sealed->bytes.size;
    if (!error)
        pusher->next_acknowledged = sealed->number + 1;
    else if (pusher->unheard.code == SELFSAME_OK)
        pusher->unheard = *error;
    pthread_mutex_unlock(&pusher->lock);
    if (pusher->options.callback) pusher->options.callback(pusher->options.context, &end, error);
    ss_client_writer_release(&sealed->bytes);
    pthread_mutex_lock(&pusher->lock);
    pusher->ended_rows += sealed->row_count;
    free(sealed);
    pthread_cond_broadcast(&pusher->changed);
}

static void send_first(struct selfsame_pusher *pusher)
{
    struct ss_client_sealed *sealed = pusher->first;
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_error error;
    const enum selfsame_code code = deliver(pusher, sealed, &receipt, &error);
    if (code != SELFSAME_OK && pusher->producer) pusher->stopped = error;
    end_batch(pusher, sealed, receipt, code == SELFSAME_OK ? NULL : &error);
    selfsame_receipt_destroy(receipt);
}

// With the lock: gives back all that is left, as far as there is memory to tell of it batch by batch.
static void give_back(struct selfsame_pusher *pusher, const struct selfsame_error *error)
{
    struct ss_client_sealed last = {.number = pusher->next_number,
                                    .row_count = pusher->rows.count,
                                    .first_row = pusher->next_row - pusher->rows.count};
    while (pusher->first) end_batch(pusher, pusher->first, NULL, error);
    if (!pusher->rows.count) return;
    const struct selfsame_batch_end end = {last.number, last.first_row, last.row_count, 0, NULL};
    pusher->rows.count = 0;
    pusher->rows_size = 0;
    ss_client_columns_clear(&pusher->columns);
    if (pusher->unheard.code == SELFSAME_OK) pusher->unheard = *error;
    pthread_mutex_unlock(&pusher->lock);
    if (pusher->options.callback) pusher->options.callback(pusher->options.context, &end, error);
    pthread_mutex_lock(&pusher->lock);
    pusher->ended_rows += end.row_count;
    pthread_cond_broadcast(&pusher->changed);
}

// With the lock: waits until there is something to do, and seals what is old enough.
static void wait_for_work(struct selfsame_pusher *pusher)
{
    if (!pusher->rows.count) {
        pusher->hurry = false;
        (void)ss_client_wait(&pusher->changed, &pusher->lock, NULL);
    } else if (pusher->hurry || is_over(&pusher->linger_until)) {
        if (ss_client_pusher_seal(pusher))
            pusher->hurry = false;
        else
            (void)rest(pusher, pusher->options.retry_min_ms);
    } else {
        (void)ss_client_wait(&pusher->changed, &pusher->lock, &pusher->linger_until);
    }
}

void *ss_client_pusher_run(void *context)
{
    struct selfsame_pusher *pusher = context;
    struct selfsame_error closed;
    (void)ss_client_fail(&closed, SELFSAME_CANCELLED, "the pusher: it was closed");
    pthread_mutex_lock(&pusher->lock);
    while (!pusher->closing) {
        if (pusher->stopped.code != SELFSAME_OK) give_back(pusher, &pusher->stopped);
        if (pusher->closing) break;
        if (pusher->first && pusher->stopped.code == SELFSAME_OK)
            send_first(pusher);
        else
            wait_for_work(pusher);
    }
    if (pusher->stopped.code == SELFSAME_OK) pusher->stopped = closed;
    give_back(pusher, &closed);
    pthread_mutex_unlock(&pusher->lock);
    return NULL;
}
