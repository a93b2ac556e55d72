// Lookups over the network.
//
//   GetFeatures      one batch carries metadata, answer, status and the wait for the close: two events
//   StreamFeatures   one batch carries an answer out and the next request in: one event per lookup
//
// The answer is written straight into the memory that goes out. Whatever a lookup needed is in the shard's
// arena, which is reset for the next; the snapshot is given back before anything is sent.

#include "server/lookup_call.h"

#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/call.h"
#include "server/caller.h"
#include "wire/error_message.h"

// A large answer of a stream. The event of the batch that carries it comes with the next request, so the
// answer tells itself when gRPC has written all of it.
#define WATCHED_BYTES 65536 // less than that a client may leave unread

struct going_out {
    atomic_int holders; // the call and gRPC
    atomic_bool is_out;
    uint8_t bytes[];
};

struct ss_lookup_call {
    struct ss_shard *shard;
    bool is_stream;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *incoming, *outgoing;
    struct going_out *going_out; // of a stream; NULL: the answer is small, or there is none
    int was_cancelled;
    int events; // that are still to come
    bool is_ended, has_message;
    struct ss_event_tag requested, done, closed;
    int64_t begun_us;
    struct ss_lookup_call *next, *previous; // of the shard's streams, or its answered ones, or its free ones
};

// ---- One lookup

static enum ss_status find(struct ss_lookup_call *call, struct ss_bytes message, struct ss_wire_get *get,
                           struct ss_wire_answer *answer, struct ss_error *error)
{
    struct ss_shard *shard = call->shard;
    struct ss_serving *serving = shard->serving;
    const struct ss_wire_limits limits = ss_serving_limits(serving);
    if (atomic_load_explicit(&serving->is_stopping, memory_order_relaxed))
        return ss_fail(error, SS_STOPPING, "the server is stopping");
    if (gpr_time_cmp(call->deadline, gpr_inf_future(call->deadline.clock_type)) != 0 &&
        gpr_time_cmp(gpr_now(call->deadline.clock_type), call->deadline) > 0)
        return ss_fail(error, SS_TOO_LATE, "the deadline was over before the lookup began");
    SS_TRY(ss_wire_get_unpack(message, &limits, &shard->arena, get, error));
    SS_TRY(ss_caller_may(shard, call->call, &call->metadata, SS_RIGHT_READ, get->service, error));
    SS_TRY(ss_wire_get_run(shard->reader, get, &limits, &shard->arena, answer, error));
    if (answer->size > serving->max_message_bytes)
        return ss_fail(
            error, SS_LIMIT,
            "the answer has %zu bytes; the limit is %zu (max_message_bytes): ask for fewer entities",
            answer->size, serving->max_message_bytes);
    return SS_OK;
}

static void let_go(struct going_out *answer)
{
    if (answer && atomic_fetch_sub(&answer->holders, 1) == 1) free(answer);
}

static void on_out(void *context) // any thread
{
    struct going_out *answer = context;
    atomic_store(&answer->is_out, true);
    let_go(answer);
}

static grpc_slice make_slice(struct ss_lookup_call *call, size_t size)
{
    struct going_out *made = NULL;
    if (call->is_stream && size >= WATCHED_BYTES) made = malloc(sizeof *made + size);
    if (!made) return grpc_slice_malloc(size);
    atomic_init(&made->holders, 2);
    atomic_init(&made->is_out, false);
    call->going_out = made;
    return grpc_slice_new_with_user_data(made->bytes, size, on_out, made);
}

static grpc_slice write_answer(struct ss_lookup_call *call, const struct ss_wire_answer *answer)
{
    grpc_slice slice = make_slice(call, answer->size);
    ss_wire_answer_write(answer, GRPC_SLICE_START_PTR(slice));
    return slice;
}

// The answer of a stream says what is wrong, and the stream goes on.
static grpc_slice write_error(struct ss_shard *shard, uint64_t id, const struct ss_error *error)
{
    const struct ss_bytes message = ss_wire_error_message(
        9, id, error, ss_serving_settings(shard->serving)->retry_after_us, &shard->arena);
    return grpc_slice_from_copied_buffer(message.data, message.size);
}

static struct ss_observed observed_of(const struct ss_lookup_call *call, const struct ss_wire_get *get)
{
    const struct ss_definitions *definitions = call->shard->reader->definitions;
    return (struct ss_observed){
        .method = call->is_stream ? SS_METRIC_METHOD_STREAM_FEATURES : SS_METRIC_METHOD_GET_FEATURES,
        .definitions = definitions,
        .service = definitions && get ? ss_find_service(definitions, get->service) : NULL,
        .call = call->call,
        .begun_us = call->begun_us};
}

static enum ss_status look_up(struct ss_lookup_call *call, grpc_byte_buffer *incoming, grpc_slice *answer,
                              struct ss_error *error)
{
    struct ss_shard *shard = call->shard;
    struct ss_wire_get get = {.service = ""};
    struct ss_wire_answer found;
    const grpc_slice slice = ss_message_slice(incoming);
    const struct ss_bytes message = {(const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice)};
    ss_arena_reset(&shard->arena);
    const enum ss_status status = find(call, message, &get, &found, error);
    if (status == SS_OK)
        *answer = write_answer(call, &found);
    else if (call->is_stream)
        *answer = write_error(shard, ss_wire_get_id(message), error);
    const struct ss_observed observed = observed_of(call, &get);
    if (status == SS_OK) ss_observe_lookup(observed.definitions, observed.service, &found, call->begun_us);
    ss_observe_call(shard->serving, &observed, status, error->message);
    grpc_slice_unref(slice);
    return status;
}

// ---- Calls are used again

static struct ss_lookup_call *take(struct ss_shard *shard)
{
    struct ss_lookup_call *call = shard->free_lookups;
    if (call) {
        shard->free_lookups = call->next;
    } else {
        call = calloc(1, sizeof *call);
        SS_ASSERT(call);
        grpc_metadata_array_init(&call->metadata);
    }
    const grpc_metadata_array metadata = call->metadata;
    *call = (struct ss_lookup_call){.shard = shard, .metadata = metadata};
    call->metadata.count = 0;
    return call;
}

static void give_back(struct ss_lookup_call *call)
{
    struct ss_shard *shard = call->shard;
    if (call->incoming) grpc_byte_buffer_destroy(call->incoming);
    if (call->outgoing) grpc_byte_buffer_destroy(call->outgoing);
    let_go(call->going_out);
    if (call->call) {
        grpc_call_unref(call->call);
        atomic_fetch_sub_explicit(&shard->serving->in_flight, 1, memory_order_relaxed);
    }
    call->incoming = call->outgoing = NULL;
    call->going_out = NULL;
    call->call = NULL;
    call->next = shard->free_lookups;
    shard->free_lookups = call;
}

void ss_lookup_release(struct ss_shard *shard)
{
    while (shard->free_lookups) {
        struct ss_lookup_call *call = shard->free_lookups;
        shard->free_lookups = call->next;
        grpc_metadata_array_destroy(&call->metadata);
        free(call);
    }
}

// Too many at once? The call counts from here on.
static enum ss_status admit(struct ss_shard *shard, struct ss_error *error)
{
    struct ss_serving *serving = shard->serving;
    const uint64_t most = ss_serving_settings(serving)->max_in_flight;
    const size_t in_flight = atomic_fetch_add_explicit(&serving->in_flight, 1, memory_order_relaxed) + 1;
    if (in_flight <= most) return SS_OK;
    return ss_fail(error, SS_BUSY, "%zu calls are in flight; the limit is %llu (max_in_flight)", in_flight,
                   (unsigned long long)most);
}

static void start(struct ss_lookup_call *call, const grpc_op *operations, size_t count,
                  struct ss_event_tag *tag)
{
    call->events++;
    ss_shard_expect(call->shard);
    const grpc_call_error failed = grpc_call_start_batch(call->call, operations, count, tag, NULL);
    SS_ASSERT(failed == GRPC_CALL_OK); // only wrong use fails here
}

// Adds the operation that ends the call.
struct ending {
    grpc_metadata trailing;
    grpc_slice text;
};
static void end(struct ss_lookup_call *call, enum ss_status status, const struct ss_error *error,
                struct ending *ending, grpc_op *operation)
{
    call->is_ended = true;
    operation->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    operation->data.send_status_from_server.status = (grpc_status_code)ss_status_grpc(status);
    if (status == SS_OK) return;
    ending->text = ss_slice_of(error->message);
    operation->data.send_status_from_server.status_details = &ending->text;
    if (status != SS_BUSY && status != SS_STOPPING) return;
    ss_end_with_retry(operation, ss_serving_settings(call->shard->serving)->retry_after_us,
                      &ending->trailing);
}

static void end_release(struct ending *ending)
{
    grpc_slice_unref(ending->text);
    grpc_slice_unref(ending->trailing.value);
}

// ---- GetFeatures

// Calls whose answer is on its way out stand in a row, the oldest first.
static void join_answered(struct ss_lookup_call *call)
{
    struct ss_shard *shard = call->shard;
    call->next = NULL;
    call->previous = shard->newest_answered;
    if (call->previous)
        call->previous->next = call;
    else
        shard->oldest_answered = call;
    shard->newest_answered = call;
}

static void leave_answered(struct ss_lookup_call *call)
{
    struct ss_shard *shard = call->shard;
    if (call->previous)
        call->previous->next = call->next;
    else
        shard->oldest_answered = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        shard->newest_answered = call->previous;
}

static bool is_going_out(const struct ss_lookup_call *call)
{
    return call->going_out && !atomic_load(&call->going_out->is_out);
}

void ss_lookup_cut_late(struct ss_shard *shard, int64_t begun_before_us)
{
    struct ss_lookup_call *call = shard->oldest_answered;
    for (; call && call->begun_us < begun_before_us; call = call->next)
        grpc_call_cancel_with_status(call->call, GRPC_STATUS_DEADLINE_EXCEEDED, SS_NOT_TAKEN, NULL);
    for (call = shard->streams; call; call = call->next)
        if (call->begun_us < begun_before_us && (!call->has_message || is_going_out(call)))
            grpc_call_cancel_with_status(call->call, GRPC_STATUS_DEADLINE_EXCEEDED,
                                         call->has_message ? SS_NOT_TAKEN : SS_NOT_BEGUN, NULL);
}

static void on_get_done(void *owner, bool ok)
{
    (void)ok; // the client is gone, or it has its answer: nothing depends on it
    leave_answered(owner);
    give_back(owner);
}

static void answer_get(struct ss_lookup_call *call, enum ss_status status, const struct ss_error *error,
                       grpc_slice answer)
{
    grpc_op operations[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    struct ending ending = {.text = grpc_empty_slice(), .trailing.value = grpc_empty_slice()};
    size_t count = 1;
    if (status == SS_OK) {
        call->outgoing = grpc_raw_byte_buffer_create(&answer, 1);
        grpc_slice_unref(answer);
        operations[count].op = GRPC_OP_SEND_MESSAGE;
        operations[count++].data.send_message.send_message = call->outgoing;
    }
    end(call, status, error, &ending, &operations[count++]);
    operations[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    operations[count++].data.recv_close_on_server.cancelled = &call->was_cancelled;
    join_answered(call);
    start(call, operations, count, &call->done);
    end_release(&ending);
}

static void on_get(void *owner, bool ok)
{
    struct ss_lookup_call *call = owner;
    struct ss_shard *shard = call->shard;
    struct ss_error error = {0};
    grpc_slice answer = grpc_empty_slice();
    if (!ok) {
        give_back(call);
        return;
    }
    if (!shard->is_closing) ss_lookup_accept_get(shard);
    call->begun_us = ss_monotonic_us();
    enum ss_status status = admit(shard, &error);
    grpc_byte_buffer *incoming = call->incoming;
    if (status == SS_OK && !incoming) status = ss_fail(&error, SS_INVALID, "the call has no request message");
    if (status == SS_OK) {
        call->incoming = NULL;
        status = look_up(call, incoming, &answer, &error);
    } else {
        const struct ss_observed observed = observed_of(call, NULL);
        ss_observe_call(shard->serving, &observed, status, error.message);
    }
    answer_get(call, status, &error, answer);
}

void ss_lookup_accept_get(struct ss_shard *shard)
{
    struct ss_lookup_call *call = take(shard);
    call->requested = (struct ss_event_tag){on_get, call};
    call->done = (struct ss_event_tag){on_get_done, call};
    ss_shard_expect(shard);
    if (grpc_server_request_registered_call(shard->server, shard->get_features, &call->call, &call->deadline,
                                            &call->metadata, &call->incoming, shard->queue, shard->queue,
                                            &call->requested) == GRPC_CALL_OK)
        return;
    ss_shard_expect_no_more(shard); // the server is shut down
    give_back(call);
}

// ---- StreamFeatures

static void list(struct ss_lookup_call *call)
{
    struct ss_shard *shard = call->shard;
    pthread_mutex_lock(&shard->lock);
    call->next = shard->streams;
    if (call->next) call->next->previous = call;
    shard->streams = call;
    pthread_mutex_unlock(&shard->lock);
}

static void unlist(struct ss_lookup_call *call)
{
    struct ss_shard *shard = call->shard;
    pthread_mutex_lock(&shard->lock);
    if (call->previous)
        call->previous->next = call->next;
    else
        shard->streams = call->next;
    if (call->next) call->next->previous = call->previous;
    pthread_mutex_unlock(&shard->lock);
}

void ss_lookup_cut_streams(struct ss_shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    for (struct ss_lookup_call *call = shard->streams; call; call = call->next)
        grpc_call_cancel_with_status(call->call, GRPC_STATUS_UNAVAILABLE, "the server is stopping", NULL);
    pthread_mutex_unlock(&shard->lock);
}

static void stream_event_over(struct ss_lookup_call *call)
{
    if (--call->events) return;
    unlist(call);
    atomic_fetch_sub(&call->shard->serving->streams, 1);
    give_back(call);
}

static void end_stream(struct ss_lookup_call *call, enum ss_status status, const struct ss_error *error,
                       bool is_first)
{
    grpc_op operations[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    struct ending ending = {.text = grpc_empty_slice(), .trailing.value = grpc_empty_slice()};
    end(call, status, error, &ending, &operations[1]);
    start(call, is_first ? operations : operations + 1, is_first ? 2 : 1, &call->done);
    end_release(&ending);
}

static void exchange(struct ss_lookup_call *call, grpc_slice answer)
{
    grpc_op operations[2] = {{.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_RECV_MESSAGE}};
    call->outgoing = grpc_raw_byte_buffer_create(&answer, 1);
    grpc_slice_unref(answer);
    operations[0].data.send_message.send_message = call->outgoing;
    operations[1].data.recv_message.recv_message = &call->incoming;
    start(call, operations, 2, &call->done);
}

static void on_exchanged(void *owner, bool ok)
{
    struct ss_lookup_call *call = owner;
    struct ss_error error = {0};
    grpc_byte_buffer *incoming = call->incoming;
    if (call->outgoing) grpc_byte_buffer_destroy(call->outgoing);
    call->outgoing = call->incoming = NULL;
    let_go(call->going_out);
    call->going_out = NULL;
    if (!ok || call->is_ended) {
        if (incoming) grpc_byte_buffer_destroy(incoming);
    } else if (!incoming) {
        end_stream(call, SS_OK, NULL, false);
    } else {
        grpc_slice answer = grpc_empty_slice();
        call->begun_us = ss_monotonic_us();
        call->has_message = true;
        (void)look_up(call, incoming, &answer, &error);
        exchange(call, answer);
    }
    stream_event_over(call);
}

static void on_stream_closed(void *owner, bool ok)
{
    (void)ok;
    stream_event_over(owner);
}

static void refuse_stream(struct ss_lookup_call *call, enum ss_status status, const struct ss_error *error)
{
    const struct ss_observed observed = observed_of(call, NULL);
    ss_observe_call(call->shard->serving, &observed, status, error->message);
    end_stream(call, status, error, true);
}

static void open_stream(struct ss_lookup_call *call)
{
    const grpc_op close = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                           .data.recv_close_on_server.cancelled = &call->was_cancelled};
    const grpc_op operations[2] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->incoming}};
    struct ss_error error;
    list(call);
    atomic_fetch_add(&call->shard->serving->streams, 1);
    call->begun_us = ss_monotonic_us();
    start(call, &close, 1, &call->closed);
    enum ss_status status = admit(call->shard, &error);
    if (status == SS_OK)
        status = ss_caller_may(call->shard, call->call, &call->metadata, SS_RIGHT_KINDS, "", &error);
    if (status == SS_OK)
        start(call, operations, 2, &call->done);
    else
        refuse_stream(call, status, &error);
}

static void on_stream(void *owner, bool ok)
{
    struct ss_lookup_call *call = owner;
    if (!ok) {
        give_back(call);
        return;
    }
    if (!call->shard->is_closing) ss_lookup_accept_stream(call->shard);
    open_stream(call);
}

void ss_lookup_accept_stream(struct ss_shard *shard)
{
    struct ss_lookup_call *call = take(shard);
    call->is_stream = true;
    call->requested = (struct ss_event_tag){on_stream, call};
    call->done = (struct ss_event_tag){on_exchanged, call};
    call->closed = (struct ss_event_tag){on_stream_closed, call};
    ss_shard_expect(shard);
    if (grpc_server_request_registered_call(shard->server, shard->stream_features, &call->call,
                                            &call->deadline, &call->metadata, NULL, shard->queue,
                                            shard->queue, &call->requested) == GRPC_CALL_OK)
        return;
    ss_shard_expect_no_more(shard);
    give_back(call);
}
