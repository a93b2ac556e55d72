// One StreamFeatures call.
//
// Three batches are out at most: the call's frame (first metadata out and in, the end), one message in, one
// message out. The call is over when none is. A batch of sends and one of receives may be started at the same
// time by two threads, so what needs order is only who sends: the thread that finds no message on its way.
#include "client/stream_call.h"

#include "client/error.h"
#include "client/token.h"
#include "client/unary.h"

#include <stdlib.h>

struct out {
    grpc_byte_buffer *message;
    struct out *next;
};

struct ss_client_stream_call {
    struct ss_client_op frame, in, out;
    struct ss_client_later flush;
    struct ss_client_flight flight;
    struct ss_client_lane *lane;
    const struct ss_client_stream_events *events;
    void *context;
    grpc_metadata_array headers, trailers;
    grpc_status_code status;
    grpc_slice details;
    grpc_byte_buffer *received;
    pthread_mutex_t lock;
    struct out *first, **last; // waiting to be sent
    bool sending, over;        // over: nothing can be sent any more
    bool closing;              // a half close is to follow the last message
    unsigned batches;          // that are out
};

#define CALL_OF(pointer, member)                                                                       \
    ((struct ss_client_stream_call *)(void *)((char *)(pointer)-offsetof(struct ss_client_stream_call, \
                                                                         member)))

static void start(struct ss_client_stream_call *call, const grpc_op *ops, size_t count,
                  struct ss_client_op *tag)
{
    if (grpc_call_start_batch(call->flight.call, ops, count, tag, NULL) != GRPC_CALL_OK)
        abort(); // only by a bug here
}

static void start_in(struct ss_client_stream_call *call)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->received;
    start(call, &op, 1, &call->in);
}

// `more`: others follow at once, so that it may wait for them.
static void start_out(struct ss_client_stream_call *call, grpc_byte_buffer *message, bool more)
{
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE, .flags = more ? GRPC_WRITE_BUFFER_HINT : 0};
    op.data.send_message.send_message = message;
    start(call, &op, 1, &call->out);
    grpc_byte_buffer_destroy(message);
}

static void start_close(struct ss_client_stream_call *call)
{
    const grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    start(call, &op, 1, &call->out);
}

static void start_frame(struct ss_client_stream_call *call)
{
    grpc_op ops[3] = {0};
    grpc_metadata token;
    const size_t tokens = ss_client_token_metadata(call->lane->net->token, &token);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = tokens;
    ops[0].data.send_initial_metadata.metadata = &token;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &call->headers;
    ops[2].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[2].data.recv_status_on_client.trailing_metadata = &call->trailers;
    ops[2].data.recv_status_on_client.status = &call->status;
    ops[2].data.recv_status_on_client.status_details = &call->details;
    start(call, ops, 3, &call->frame);
    if (tokens) grpc_slice_unref(token.value);
}

static void destroy(struct ss_client_stream_call *call)
{
    while (call->first) {
        struct out *out = call->first;
        call->first = out->next;
        grpc_byte_buffer_destroy(out->message);
        free(out);
    }
    grpc_metadata_array_destroy(&call->headers);
    grpc_metadata_array_destroy(&call->trailers);
    grpc_slice_unref(call->details);
    pthread_mutex_destroy(&call->lock);
    free(call);
}

static void end(struct ss_client_stream_call *call)
{
    struct selfsame_error error;
    if (ss_client_status(call->lane, call->status, call->details, &call->trailers, &error) == SELFSAME_OK)
        (void)ss_client_fail(&error, SELFSAME_UNAVAILABLE, "the stream: the server has ended it");
    call->events->ended(call->context, &error);
    ss_client_lane_end(call->lane, &call->flight);
    destroy(call);
}

// One batch has come back. `is_over`: nothing can be sent any more.
static void batch_done(struct ss_client_stream_call *call, bool is_over)
{
    pthread_mutex_lock(&call->lock);
    call->over = call->over || is_over;
    const bool ended = --call->batches == 0;
    pthread_mutex_unlock(&call->lock);
    if (ended) end(call);
}

static void frame_done(struct ss_client_op *op, bool ok)
{
    (void)ok; // a batch with a status always is
    batch_done(CALL_OF(op, frame), true);
}

static void in_done(struct ss_client_op *op, bool ok)
{
    struct ss_client_stream_call *call = CALL_OF(op, in);
    struct ss_client_reply reply = {0};
    grpc_byte_buffer *received = call->received;
    call->received = NULL;
    if (!ok || !received) {
        if (received) grpc_byte_buffer_destroy(received);
        batch_done(call, true);
        return;
    }
    ss_client_lane_more(call->lane);
    start_in(call);
    if (ss_client_message_reply(received, call->lane->net->core, &reply, NULL) == SELFSAME_OK)
        call->events->message(call->context, &reply);
    else
        ss_client_stream_call_cancel(call); // no memory: a message is lost, and with it what it answers
}

// Takes the next message from the queue and starts it, or the half close behind the last. Without any (or at
// the call's end) sending is over.
static void next_out(struct ss_client_stream_call *call, bool is_over)
{
    pthread_mutex_lock(&call->lock);
    struct out *out = is_over || call->over ? NULL : call->first;
    const bool close = !out && call->closing && !is_over && !call->over;
    if (out) {
        call->first = out->next;
        if (!call->first) call->last = &call->first;
    }
    call->over = call->over || close;
    call->sending = out || close;
    const bool more = out && call->first;
    if (out || close) ss_client_lane_more(call->lane);
    pthread_mutex_unlock(&call->lock);
    if (out)
        start_out(call, out->message, more);
    else if (close)
        start_close(call);
    else
        batch_done(call, is_over);
    free(out);
}

static void out_done(struct ss_client_op *op, bool ok)
{
    next_out(CALL_OF(op, out), !ok);
}

static void flush(struct ss_client_later *later)
{
    next_out(CALL_OF(later, flush), false);
}

// With the lock. False: no memory.
static bool enqueue(struct ss_client_stream_call *call, grpc_byte_buffer *message)
{
    struct out *out = malloc(sizeof *out);
    if (!out) return false;
    *out = (struct out){.message = message};
    *call->last = out;
    call->last = &out->next;
    return true;
}

// A callback's messages wait until what has completed was run, so that those of many callbacks go out
// together.
bool ss_client_stream_call_send(struct ss_client_stream_call *call, grpc_byte_buffer *message)
{
    const bool in_callback = ss_client_this_lane() == call->lane;
    pthread_mutex_lock(&call->lock);
    const bool first = !call->over && !call->sending;
    const bool now = first && !in_callback;
    const bool taken = now || (!call->over && enqueue(call, message));
    const bool later = first && !now && taken;
    if (now || later) {
        call->sending = true;
        call->batches++;
    }
    if (now) ss_client_lane_more(call->lane);
    pthread_mutex_unlock(&call->lock);
    if (now) start_out(call, message, false);
    if (later) ss_client_lane_later(call->lane, &call->flush);
    if (!taken) grpc_byte_buffer_destroy(message);
    return taken;
}

void ss_client_stream_call_half_close(struct ss_client_stream_call *call)
{
    pthread_mutex_lock(&call->lock);
    const bool now = !call->over && !call->sending;
    call->closing = true; // else after the last message
    if (now) {
        call->over = call->sending = true;
        call->batches++;
        ss_client_lane_more(call->lane);
    }
    pthread_mutex_unlock(&call->lock);
    if (now) start_close(call);
}

void ss_client_stream_call_cancel(struct ss_client_stream_call *call)
{
    (void)grpc_call_cancel(call->flight.call, NULL);
}

enum selfsame_code ss_client_stream_call_open(struct ss_client_net *net,
                                              const struct ss_client_stream_events *events, void *context,
                                              struct ss_client_stream_call **call,
                                              struct selfsame_error *error)
{
    struct ss_client_lane *lane = ss_client_net_lane(net);
    struct ss_client_stream_call *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the stream");
    *made = (struct ss_client_stream_call){.frame = {frame_done},
                                           .in = {in_done},
                                           .out = {out_done},
                                           .flush = {.run = flush},
                                           .lane = lane,
                                           .events = events,
                                           .context = context};
    made->last = &made->first;
    made->batches = 2;
    made->details = grpc_empty_slice();
    grpc_metadata_array_init(&made->headers);
    grpc_metadata_array_init(&made->trailers);
    pthread_mutex_init(&made->lock, NULL);
    made->flight.call = grpc_channel_create_registered_call(
        lane->channel, NULL, GRPC_PROPAGATE_DEFAULTS, lane->queue, lane->methods[SS_CLIENT_STREAM_FEATURES],
        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    const enum selfsame_code code = ss_client_lane_begin(lane, &made->flight, 2, error);
    if (code != SELFSAME_OK) {
        grpc_call_unref(made->flight.call);
        destroy(made);
        return code;
    }
    *call = made;
    start_frame(made);
    start_in(made);
    return SELFSAME_OK;
}
