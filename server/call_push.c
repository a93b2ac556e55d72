// Push and PushStream: a message is looked at just far enough to know who may, and waits for the writer.
//
// A stream has up to PIPELINE messages at the writer; it reads on when one is answered and the client takes
// answers.

#include <stdlib.h>

#include "server/call.h"
#include "server/caller.h"
#include "server/methods.h"
#include "server/writer.h"
#include "wire/error_message.h"
#include "wire/push_message.h"

#define PIPELINE 16 // messages at the writer and answers not taken yet

static enum ss_status check(struct ss_call *call, struct ss_bytes bytes, uint64_t *id, struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_wire_push_head head = {.source = ""};
    enum ss_status status = ss_wire_push_peek(bytes, &arena, &head, error);
    if (status == SS_OK)
        status = ss_caller_may(call->shard, call->call, &call->metadata, SS_RIGHT_PUSH, head.source, error);
    *id = head.id;
    ss_arena_release(&arena);
    return status;
}

// ---- Push

static void pushed(struct ss_call *call, uint64_t id, struct ss_bytes answer, const struct ss_error *error)
{
    (void)id;
    if (answer.data)
        ss_call_answer(call, grpc_slice_from_copied_buffer(answer.data, answer.size));
    else
        ss_call_fail(call, error);
}

static void on_push(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_error error;
    uint64_t id;
    enum ss_status status = check(call, bytes, &id, &error);
    if (status == SS_OK) status = ss_writer_push(call->shard->serving->writer, call, slice, pushed, &error);
    if (status != SS_OK) ss_call_fail(call, &error);
}

static const struct ss_method push_method = {.path = "/selfsame.v1.FeatureStore/Push",
                                             .is_unary = true,
                                             .metric = SS_METRIC_METHOD_PUSH,
                                             .message = on_push};

// ---- PushStream

struct stream { // under the call's lock
    size_t at_writer;
    bool is_half_closed;
};

static struct stream *stream_of(struct ss_call *call)
{
    if (!call->state) call->state = calloc(1, sizeof(struct stream));
    return call->state;
}

// Reads on, or ends, when it is time.
static void go_on(struct ss_call *call)
{
    struct stream *stream = call->state;
    pthread_mutex_lock(&call->lock);
    const bool reads = !stream->is_half_closed && !call->is_reading && !call->is_gone &&
                       !call->is_finishing && stream->at_writer + call->waiting < PIPELINE;
    if (reads) call->is_reading = true;
    const bool ends = stream->is_half_closed && stream->at_writer == 0;
    pthread_mutex_unlock(&call->lock);
    if (reads) ss_call_read(call);
    if (ends) ss_call_finish(call);
}

static void send_answer(struct ss_call *call, uint64_t id, struct ss_bytes answer,
                        const struct ss_error *error)
{
    struct ss_arena arena = {0};
    if (!answer.data)
        answer = ss_wire_error_message(11, id, error,
                                       ss_serving_settings(call->shard->serving)->retry_after_us, &arena);
    ss_call_send(call, grpc_slice_from_copied_buffer(answer.data, answer.size));
    ss_arena_release(&arena);
}

static void stream_pushed(struct ss_call *call, uint64_t id, struct ss_bytes answer,
                          const struct ss_error *error)
{
    struct stream *stream = call->state;
    send_answer(call, id, answer, error);
    pthread_mutex_lock(&call->lock);
    stream->at_writer--;
    pthread_mutex_unlock(&call->lock);
    go_on(call);
}

static void on_stream_message(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_error error;
    struct stream *stream = stream_of(call);
    uint64_t id = 0;
    if (!stream) {
        ss_fail_memory(&error, "a stream");
        ss_call_fail(call, &error);
        return;
    }
    pthread_mutex_lock(&call->lock);
    call->is_reading = false;
    stream->at_writer++;
    pthread_mutex_unlock(&call->lock);
    enum ss_status status = check(call, bytes, &id, &error);
    if (status == SS_OK)
        status = ss_writer_push(call->shard->serving->writer, call, slice, stream_pushed, &error);
    if (status != SS_OK) ss_writer_refuse(call->shard->serving->writer, call, id, stream_pushed, &error);
    go_on(call);
}

static void on_half_closed(struct ss_call *call)
{
    struct stream *stream = stream_of(call);
    if (!stream) {
        ss_call_finish(call);
        return;
    }
    pthread_mutex_lock(&call->lock);
    call->is_reading = false;
    stream->is_half_closed = true;
    pthread_mutex_unlock(&call->lock);
    go_on(call);
}

static void on_sent(struct ss_call *call)
{
    if (call->state) go_on(call);
}

static void released(struct ss_call *call)
{
    free(call->state);
}

static const struct ss_method push_stream_method = {.path = "/selfsame.v1.FeatureStore/PushStream",
                                                    .metric = SS_METRIC_METHOD_PUSH_STREAM,
                                                    .message = on_stream_message,
                                                    .half_closed = on_half_closed,
                                                    .sent = on_sent,
                                                    .released = released};

const struct ss_method *const ss_method_push = &push_method;
const struct ss_method *const ss_method_push_stream = &push_stream_method;
