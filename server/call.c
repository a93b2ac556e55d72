// A call's life.
//
//   accepted   its method and its token are looked up, and its end is waited for (`closed`)
//   reading    one message is asked for at a time
//   sending    one message is on its way at a time; the status goes with the last, or alone
//   released   neither an event of the queue nor another thread has a reference any more
//
// Every batch that was started holds a reference until its event came. After a call is gone its batches fail
// quickly, so nothing here asks whether it is before it starts one.

#include "server/call.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/caller.h"
#include "server/methods.h"

struct ss_outgoing {
    struct ss_outgoing *next;
    grpc_byte_buffer *message;
};

grpc_slice ss_slice_of(const char *text)
{
    return grpc_slice_from_copied_string(text);
}

void ss_end_with_retry(grpc_op *operation, int64_t after_us, grpc_metadata *trailing)
{
    char milliseconds[24];
    snprintf(milliseconds, sizeof milliseconds, "%lld", (long long)(after_us + 999) / 1000);
    trailing->key = grpc_slice_from_static_string("grpc-retry-pushback-ms");
    trailing->value = ss_slice_of(milliseconds);
    operation->data.send_status_from_server.trailing_metadata = trailing;
    operation->data.send_status_from_server.trailing_metadata_count = 1;
}

grpc_slice ss_message_slice(grpc_byte_buffer *buffer)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice = grpc_empty_slice(), *only;
    if (grpc_byte_buffer_reader_init(&reader, buffer)) {
        if (buffer->data.raw.slice_buffer.count == 1 && buffer->data.raw.compression == GRPC_COMPRESS_NONE &&
            grpc_byte_buffer_reader_peek(&reader, &only))
            slice = grpc_slice_ref(*only);
        else
            slice = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(buffer);
    return slice;
}

// ---- References

void ss_call_hold(struct ss_call *call)
{
    atomic_fetch_add(&call->references, 1);
}

bool ss_call_try_hold(struct ss_call *call)
{
    size_t references = atomic_load(&call->references);
    while (references && !atomic_compare_exchange_weak(&call->references, &references, references + 1))
        continue;
    return references != 0;
}

static void unlist(struct ss_call *call)
{
    struct ss_shard *shard = call->shard;
    if (!call->is_listed) return;
    pthread_mutex_lock(&shard->lock);
    if (call->previous)
        call->previous->next = call->next;
    else
        shard->calls = call->next;
    if (call->next) call->next->previous = call->previous;
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub(call->counted, 1);
}

static void list(struct ss_call *call)
{
    struct ss_shard *shard = call->shard;
    pthread_mutex_lock(&shard->lock);
    call->next = shard->calls;
    if (call->next) call->next->previous = call;
    shard->calls = call;
    pthread_mutex_unlock(&shard->lock);
    call->is_listed = true;
}

static void destroy(struct ss_call *call)
{
    if (call->method && call->method->released) call->method->released(call);
    unlist(call);
    while (call->first) {
        struct ss_outgoing *outgoing = call->first;
        call->first = outgoing->next;
        grpc_byte_buffer_destroy(outgoing->message);
        free(outgoing);
    }
    if (call->incoming) grpc_byte_buffer_destroy(call->incoming);
    grpc_slice_unref(call->status_text);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->call) grpc_call_unref(call->call);
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->changed);
    free(call);
}

void ss_call_release(struct ss_call *call)
{
    if (atomic_fetch_sub(&call->references, 1) == 1) destroy(call);
}

// Starts a batch that holds a reference until its event comes.
static void start(struct ss_call *call, const grpc_op *operations, size_t count, struct ss_event_tag *tag)
{
    ss_call_hold(call);
    ss_shard_expect(call->shard);
    const grpc_call_error failed = grpc_call_start_batch(call->call, operations, count, tag, NULL);
    SS_ASSERT(failed == GRPC_CALL_OK); // only wrong use fails here
}

// ---- Sending

// Under the lock. The batch that is due, if any.
static void pump(struct ss_call *call)
{
    grpc_op operations[3] = {0};
    grpc_metadata trailing = {0};
    size_t count = 0;
    struct ss_outgoing *outgoing = call->first;
    if (call->is_sending || call->is_finished || (!outgoing && !call->is_finishing)) return;
    if (!call->has_sent_metadata) operations[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->has_sent_metadata = true;
    if (outgoing) {
        operations[count].op = GRPC_OP_SEND_MESSAGE;
        operations[count++].data.send_message.send_message = outgoing->message;
    }
    if (call->is_finishing && (!outgoing || !outgoing->next)) {
        grpc_op *status = &operations[count++];
        status->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
        status->data.send_status_from_server.status = call->code;
        status->data.send_status_from_server.status_details = &call->status_text;
        if (call->retry_after_us) ss_end_with_retry(status, call->retry_after_us, &trailing);
        call->is_finished = true;
    }
    call->is_sending = true;
    call->sending_us = ss_monotonic_us();
    start(call, operations, count, &call->sent);
    if (call->retry_after_us && call->is_finished) grpc_slice_unref(trailing.value);
}

static void on_sent(void *owner, bool ok)
{
    struct ss_call *call = owner;
    bool was_message = false;
    pthread_mutex_lock(&call->lock);
    call->is_sending = false;
    if (!ok) call->is_gone = true;
    if (call->first) {
        struct ss_outgoing *outgoing = call->first;
        call->first = outgoing->next;
        if (!call->first) call->last = NULL;
        call->waiting--;
        grpc_byte_buffer_destroy(outgoing->message);
        free(outgoing);
        was_message = true;
    }
    pump(call);
    pthread_cond_broadcast(&call->changed);
    pthread_mutex_unlock(&call->lock);
    if (was_message && call->method && call->method->sent) call->method->sent(call);
    ss_call_release(call);
}

// Under the lock.
static void enqueue(struct ss_call *call, grpc_slice message)
{
    struct ss_outgoing *outgoing = calloc(1, sizeof *outgoing);
    SS_ASSERT(outgoing); // 16 bytes; gRPC itself aborts when it gets none
    outgoing->message = grpc_raw_byte_buffer_create(&message, 1);
    grpc_slice_unref(message);
    if (call->last)
        call->last->next = outgoing;
    else
        call->first = outgoing;
    call->last = outgoing;
    call->waiting++;
}

void ss_call_send(struct ss_call *call, grpc_slice message)
{
    pthread_mutex_lock(&call->lock);
    if (call->is_finishing) {
        grpc_slice_unref(message);
    } else {
        enqueue(call, message);
        pump(call);
    }
    pthread_mutex_unlock(&call->lock);
}

bool ss_call_send_wait(struct ss_call *call, grpc_slice message)
{
    ss_call_send(call, message);
    pthread_mutex_lock(&call->lock);
    while (call->waiting && !call->is_gone && !call->is_finishing)
        pthread_cond_wait(&call->changed, &call->lock);
    const bool is_there = !call->is_gone && !call->is_finishing;
    pthread_mutex_unlock(&call->lock);
    return is_there;
}

// Under the lock.
static void finish(struct ss_call *call, const struct ss_error *error)
{
    const enum ss_status status = error ? error->status : SS_OK;
    if (call->is_finishing) return;
    call->is_finishing = true;
    pthread_cond_broadcast(&call->changed);
    call->code = (grpc_status_code)ss_status_grpc(status);
    if (error) call->status_text = ss_slice_of(error->message);
    if (status == SS_BUSY || status == SS_STOPPING)
        call->retry_after_us = ss_serving_settings(call->shard->serving)->retry_after_us;
    const struct ss_observed observed = {.method =
                                             call->method ? call->method->metric : SS_METRIC_METHOD_OTHER,
                                         .call = call->call,
                                         .begun_us = call->begun_us};
    ss_observe_call(call->shard->serving, &observed, status, error ? error->message : "");
    pump(call);
}

void ss_call_finish(struct ss_call *call)
{
    pthread_mutex_lock(&call->lock);
    finish(call, NULL);
    pthread_mutex_unlock(&call->lock);
}

void ss_call_fail(struct ss_call *call, const struct ss_error *error)
{
    pthread_mutex_lock(&call->lock);
    finish(call, error);
    pthread_mutex_unlock(&call->lock);
}

void ss_call_answer(struct ss_call *call, grpc_slice message)
{
    pthread_mutex_lock(&call->lock);
    if (call->is_finishing) {
        grpc_slice_unref(message);
    } else {
        enqueue(call, message);
        finish(call, NULL);
    }
    pthread_mutex_unlock(&call->lock);
}

bool ss_call_is_gone(struct ss_call *call)
{
    pthread_mutex_lock(&call->lock);
    const bool gone = call->is_gone;
    pthread_mutex_unlock(&call->lock);
    return gone || ss_call_is_late(call);
}

bool ss_call_is_late(const struct ss_call *call)
{
    return gpr_time_cmp(gpr_now(call->deadline.clock_type), call->deadline) > 0;
}

size_t ss_call_waiting(struct ss_call *call)
{
    pthread_mutex_lock(&call->lock);
    const size_t waiting = call->waiting;
    pthread_mutex_unlock(&call->lock);
    return waiting;
}

void ss_call_cut_late(struct ss_call *call, int64_t sent_before_us)
{
    pthread_mutex_lock(&call->lock);
    const bool is_late = call->is_sending && call->sending_us < sent_before_us;
    const bool is_silent = !call->has_message && call->begun_us < sent_before_us;
    pthread_mutex_unlock(&call->lock);
    if (is_late || is_silent)
        grpc_call_cancel_with_status(call->call, GRPC_STATUS_DEADLINE_EXCEEDED,
                                     is_late ? SS_NOT_TAKEN : SS_NOT_BEGUN, NULL);
}

// ---- Reading

void ss_call_read(struct ss_call *call)
{
    const grpc_op operation = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->incoming};
    start(call, &operation, 1, &call->received);
}

static void on_received(void *owner, bool ok)
{
    struct ss_call *call = owner;
    grpc_byte_buffer *incoming = call->incoming;
    call->incoming = NULL;
    call->has_message = true;
    if (ok && incoming) {
        const grpc_slice slice = ss_message_slice(incoming);
        const struct ss_bytes bytes = {(const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice)};
        call->method->message(call, bytes, slice);
        grpc_slice_unref(slice);
    } else if (ok && call->method->is_unary) {
        struct ss_error error;
        ss_fail(&error, SS_INVALID, "the call has no request message");
        ss_call_fail(call, &error);
    } else if (ok && call->method->half_closed) {
        call->method->half_closed(call);
    } else {
        ss_call_finish(call);
    }
    ss_call_release(call);
}

static void on_closed(void *owner, bool ok)
{
    struct ss_call *call = owner;
    (void)ok;
    pthread_mutex_lock(&call->lock);
    call->is_gone = true;
    pthread_cond_broadcast(&call->changed);
    pthread_mutex_unlock(&call->lock);
    ss_call_release(call);
}

// ---- Accepting

static void wait_for_close(struct ss_call *call)
{
    const grpc_op operation = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                               .data.recv_close_on_server.cancelled = &call->was_cancelled};
    start(call, &operation, 1, &call->closed);
}

#define OPEN_CALLS_MOST 256 // health and reflection, which anybody may ask

static enum ss_status count(struct ss_call *call, struct ss_error *error)
{
    struct ss_serving *serving = call->shard->serving;
    const bool is_open = call->method && call->method->is_open;
    const uint64_t most = is_open ? OPEN_CALLS_MOST : ss_serving_settings(serving)->max_in_flight;
    call->counted = is_open ? &serving->open_calls : &serving->in_flight;
    const size_t in_flight = atomic_fetch_add(call->counted, 1) + 1;
    list(call);
    if (in_flight <= most) return SS_OK;
    return ss_fail(error, SS_BUSY, "%zu calls%s are in flight; the limit is %llu%s", in_flight,
                   is_open ? " that need no token" : "", (unsigned long long)most,
                   is_open ? "" : " (max_in_flight)");
}

// Who has no token takes no place: that is looked at before a message comes.
static enum ss_status admit(struct ss_call *call, struct ss_error *error)
{
    struct ss_serving *serving = call->shard->serving;
    const struct ss_bytes path = {(const char *)GRPC_SLICE_START_PTR(call->details.method),
                                  GRPC_SLICE_LENGTH(call->details.method)};
    call->method = ss_find_method(path);
    SS_TRY(count(call, error));
    if (!call->method)
        return ss_fail(error, SS_UNIMPLEMENTED, "method '%.*s': this server has none of that name",
                       (int)(path.size > 200 ? 200 : path.size), path.data);
    if (atomic_load(&serving->is_stopping)) return ss_fail(error, SS_STOPPING, "the server is stopping");
    if (call->method->is_open) return SS_OK;
    return ss_caller_may(call->shard, call->call, &call->metadata, SS_RIGHT_KINDS, "", error);
}

static void on_requested(void *owner, bool ok)
{
    struct ss_call *call = owner;
    struct ss_error error;
    if (!ok) { // the server is shut down
        ss_call_release(call);
        return;
    }
    if (!call->shard->is_closing) ss_call_accept(call->shard);
    call->begun_us = ss_monotonic_us();
    call->deadline = call->details.deadline;
    wait_for_close(call);
    if (admit(call, &error) != SS_OK)
        ss_call_fail(call, &error);
    else
        ss_call_read(call);
    ss_call_release(call);
}

void ss_call_accept(struct ss_shard *shard)
{
    struct ss_call *call = calloc(1, sizeof *call);
    SS_ASSERT(call);
    call->shard = shard;
    call->requested = (struct ss_event_tag){on_requested, call};
    call->received = (struct ss_event_tag){on_received, call};
    call->sent = (struct ss_event_tag){on_sent, call};
    call->closed = (struct ss_event_tag){on_closed, call};
    call->status_text = grpc_empty_slice();
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->changed, NULL);
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    atomic_init(&call->references, 1);
    ss_shard_expect(shard);
    const grpc_call_error failed =
        grpc_server_request_call(shard->server, &call->call, &call->details, &call->metadata, shard->queue,
                                 shard->queue, &call->requested);
    if (failed == GRPC_CALL_OK) return;
    ss_shard_expect_no_more(shard); // the server is shut down
    ss_call_release(call);
}
