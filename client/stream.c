// Streams of lookups: a window of slots over one call after the other.
//
// A slot is one lookup that was sent: its place and its generation are the id that its answer carries, so an
// answer that nobody waits for finds no slot. A slot is free again when its answer goes to the callback, or
// is taken by selfsame_stream_next.
//
// Invariants, under the lock: I1 free_count + flying + ready is the window.
//                             I2 a slot flies only while there is a call.
//                             I3 undelivered counts callbacks that run.
//                             I4 `call` is NULL or a call whose `ended` has not returned.
#include "client/answer.h"
#include "client/error.h"
#include "client/lookup.h"
#include "client/stream_call.h"
#include "client/unary.h"
#include "client/wait.h"

#include <stdlib.h>

enum { WINDOW_DEFAULT = 64, WINDOW_MAX = 65536, CLOSE_MS = 1000 };

struct slot {
    void *context;
    uint32_t generation;
    bool flies;
    struct selfsame_answer *answer; // or, when it is ready:
    struct selfsame_error *error;   // owned; NULL with answer NULL: no memory for it
};

struct selfsame_stream {
    struct ss_client_net *net;
    selfsame_answer_callback *callback;
    struct ss_client_stream_call *call;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t window, free_count, flying, ready, first_ready, waiters, undelivered;
    bool closing;
    uint32_t *free, *ring; // places of free slots; of ready ones in order of arrival
    struct slot *slots;
};

static void note_change(struct selfsame_stream *stream)
{
    if (stream->waiters) pthread_cond_broadcast(&stream->changed);
}

// With the lock. False: the time is over.
static bool wait_change(struct selfsame_stream *stream, const struct timespec *until)
{
    stream->waiters++;
    const bool in_time = ss_client_wait(&stream->changed, &stream->lock, until);
    stream->waiters--;
    return in_time;
}

// With the lock, which is given back while the callback runs.
static void hand_over(struct selfsame_stream *stream, struct slot *slot, struct selfsame_answer *answer,
                      const struct selfsame_error *error)
{
    const uint32_t place = (uint32_t)(slot - stream->slots);
    slot->flies = false;
    slot->generation++;
    stream->flying--;
    if (stream->callback) {
        void *context = slot->context;
        stream->free[stream->free_count++] = place;
        stream->undelivered++;
        note_change(stream);
        pthread_mutex_unlock(&stream->lock);
        stream->callback(context, answer, error);
        pthread_mutex_lock(&stream->lock);
        stream->undelivered--;
    } else {
        slot->answer = answer;
        slot->error = answer ? NULL : malloc(sizeof *slot->error);
        if (slot->error) *slot->error = *error;
        stream->ring[(stream->first_ready + stream->ready++) % stream->window] = place;
    }
    note_change(stream);
}

static struct slot *find(struct selfsame_stream *stream, uint64_t id)
{
    const uint64_t place = id & UINT32_MAX;
    if (place >= stream->window) return NULL;
    struct slot *slot = &stream->slots[place];
    return slot->flies && slot->generation == id >> 32 ? slot : NULL;
}

static void on_message(void *context, struct ss_client_reply *reply)
{
    struct selfsame_stream *stream = context;
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    uint64_t id = 0;
    (void)ss_client_answer_decode(reply, &id, &answer, &error);
    pthread_mutex_lock(&stream->lock);
    struct slot *slot = find(stream, id);
    if (slot)
        hand_over(stream, slot, answer, answer ? NULL : &error);
    else
        ss_client_stream_call_cancel(
            stream->call); // bytes that answer nothing: what they were for never comes
    pthread_mutex_unlock(&stream->lock);
    if (!slot) selfsame_answer_destroy(answer);
}

static void on_ended(void *context, const struct selfsame_error *error)
{
    struct selfsame_stream *stream = context;
    pthread_mutex_lock(&stream->lock);
    for (uint32_t i = 0; i < stream->window && stream->flying; i++)
        if (stream->slots[i].flies) hand_over(stream, &stream->slots[i], NULL, error);
    stream->call = NULL;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
}

static const struct ss_client_stream_events events = {on_message, on_ended};

static void release(struct selfsame_stream *stream)
{
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
    free(stream->free);
    free(stream->ring);
    free(stream->slots);
    free(stream);
}

static enum selfsame_code create(struct ss_client_net *net, const struct selfsame_stream_options *options,
                                 struct selfsame_stream **stream, struct selfsame_error *error)
{
    const uint32_t window = options->max_in_flight ? options->max_in_flight : WINDOW_DEFAULT;
    if (window > WINDOW_MAX)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              "option 'max_in_flight': expected at most %d, got %u", WINDOW_MAX,
                              (unsigned)window);
    struct selfsame_stream *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the stream");
    pthread_mutex_init(&made->lock, NULL);
    ss_client_cond_init(&made->changed);
    made->net = net;
    made->callback = options->callback;
    made->window = made->free_count = window;
    made->free = malloc(window * sizeof *made->free);
    made->ring = malloc(window * sizeof *made->ring);
    made->slots = calloc(window, sizeof *made->slots);
    if (!made->free || !made->ring || !made->slots) {
        release(made);
        return ss_client_fail_memory(error, "the stream");
    }
    for (uint32_t i = 0; i < window; i++) {
        made->free[i] = window - 1 - i;
        made->slots[i].generation = 1;
    }
    *stream = made;
    return SELFSAME_OK;
}

enum selfsame_code selfsame_stream_open(struct selfsame_client *client,
                                        const struct selfsame_stream_options *options,
                                        struct selfsame_stream **stream, struct selfsame_error *error)
{
    struct selfsame_stream_options known = {0};
    if (!client->net)
        return ss_client_fail(error, SELFSAME_UNIMPLEMENTED, "the stream: the client was opened on a folder");
    if (options) memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
    return create(client->net, &known, stream, error);
}

// With the lock: a free slot and a call. Waits for them where that is right.
static enum selfsame_code prepare(struct selfsame_stream *stream, struct selfsame_error *error)
{
    const bool may_wait = !ss_client_this_lane();
    while (!stream->free_count && stream->callback && may_wait && !stream->closing)
        (void)wait_change(stream, NULL);
    if (stream->closing) return ss_client_fail(error, SELFSAME_CANCELLED, "the stream: it is being closed");
    if (!stream->free_count) {
        (void)ss_client_fail(error, SELFSAME_RESOURCE_EXHAUSTED, "the stream: %u lookups are in flight",
                             (unsigned)stream->window);
        if (error) error->retry = true;
        return SELFSAME_RESOURCE_EXHAUSTED;
    }
    if (stream->call) return SELFSAME_OK;
    return ss_client_stream_call_open(stream->net, &events, stream, &stream->call, error);
}

// With the lock: sends it on the call that there is.
static bool send_now(struct selfsame_stream *stream, struct selfsame_lookup *lookup, void *context,
                     enum selfsame_code *code, struct selfsame_error *error)
{
    const uint32_t place = stream->free[stream->free_count - 1];
    struct slot *slot = &stream->slots[place];
    struct selfsame_bytes bytes;
    *code = ss_client_lookup_bytes(lookup, (uint64_t)slot->generation << 32 | place, &bytes, error);
    if (*code != SELFSAME_OK) return true;
    if (!ss_client_stream_call_send(stream->call, ss_client_message(bytes.data, bytes.size))) return false;
    slot->context = context;
    slot->flies = true;
    stream->free_count--;
    stream->flying++;
    return true;
}

enum selfsame_code selfsame_stream_send(struct selfsame_stream *stream, struct selfsame_lookup *lookup,
                                        void *context, struct selfsame_error *error)
{
    enum selfsame_code code;
    pthread_mutex_lock(&stream->lock);
    while ((code = prepare(stream, error)) == SELFSAME_OK &&
           !send_now(stream, lookup, context, &code, error)) {
        // The call is at its end. Its thread gives it up soon, and on that thread there is no waiting for it.
        if (ss_client_this_lane()) {
            code = ss_client_fail(error, SELFSAME_UNAVAILABLE, "the stream: the connection was lost");
            break;
        }
        (void)wait_change(stream, NULL);
    }
    pthread_mutex_unlock(&stream->lock);
    return code;
}

static enum selfsame_code take(struct selfsame_stream *stream, void **context,
                               struct selfsame_answer **answer, struct selfsame_error *error)
{
    const uint32_t place = stream->ring[stream->first_ready];
    struct slot *slot = &stream->slots[place];
    enum selfsame_code code = SELFSAME_OK;
    stream->first_ready = (stream->first_ready + 1) % stream->window;
    stream->ready--;
    stream->free[stream->free_count++] = place;
    *context = slot->context;
    if (slot->answer)
        *answer = slot->answer;
    else if (slot->error)
        code = ss_client_fail_as(error, slot->error);
    else
        code = ss_client_fail_memory(error, "the answer");
    free(slot->error);
    slot->answer = NULL;
    slot->error = NULL;
    return code;
}

enum selfsame_code selfsame_stream_next(struct selfsame_stream *stream, uint32_t timeout_ms, void **context,
                                        struct selfsame_answer **answer, struct selfsame_error *error)
{
    struct timespec until;
    enum selfsame_code code;
    ss_client_time_after(timeout_ms, &until);
    pthread_mutex_lock(&stream->lock);
    while (!stream->ready && stream->flying &&
           wait_change(stream, timeout_ms == UINT32_MAX ? NULL : &until)) {}
    if (stream->ready)
        code = take(stream, context, answer, error);
    else if (stream->flying)
        code = ss_client_fail(error, SELFSAME_DEADLINE_EXCEEDED, "the stream: no answer within %u ms",
                              (unsigned)timeout_ms);
    else
        code = ss_client_fail(error, SELFSAME_OUT_OF_RANGE, "the stream: nothing is in flight");
    pthread_mutex_unlock(&stream->lock);
    return code;
}

enum selfsame_code selfsame_stream_drain(struct selfsame_stream *stream, uint32_t timeout_ms,
                                         struct selfsame_error *error)
{
    struct timespec until;
    ss_client_time_after(timeout_ms, &until);
    pthread_mutex_lock(&stream->lock);
    while ((stream->flying || stream->undelivered) &&
           wait_change(stream, timeout_ms == UINT32_MAX ? NULL : &until)) {}
    const uint32_t left = stream->flying + stream->undelivered;
    pthread_mutex_unlock(&stream->lock);
    if (!left) return SELFSAME_OK;
    return ss_client_fail(error, SELFSAME_DEADLINE_EXCEEDED, "the stream: %u lookups in flight after %u ms",
                          (unsigned)left, (unsigned)timeout_ms);
}

void selfsame_stream_close(struct selfsame_stream *stream)
{
    struct timespec until;
    if (!stream) return;
    ss_client_time_after(CLOSE_MS, &until);
    pthread_mutex_lock(&stream->lock);
    stream->closing = true;
    // With nothing in flight the server gets a moment to end the call in good order.
    if (stream->call && !stream->flying) {
        ss_client_stream_call_half_close(stream->call);
        while (stream->call && wait_change(stream, &until)) {}
    }
    if (stream->call) ss_client_stream_call_cancel(stream->call);
    while (stream->call || stream->undelivered) (void)wait_change(stream, NULL);
    pthread_mutex_unlock(&stream->lock);
    for (uint32_t i = 0; i < stream->window; i++) {
        selfsame_answer_destroy(stream->slots[i].answer);
        free(stream->slots[i].error);
    }
    release(stream);
}
