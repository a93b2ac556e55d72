// Push and PushStream: a message is looked at just far enough to know who may, and waits for the writer.
//
// A stream has up to PIPELINE messages that are not answered; it reads on when one is and the client takes
// answers. Answers go out in the order of the messages: what is refused at once waits for those before it,
// which the writer answers in their order.

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

struct slot { // of a message that is not answered
    bool is_ready;
    grpc_slice answer;
};

struct stream {
    size_t unanswered; // under the call's lock, as is
    bool is_half_closed;
    pthread_mutex_t order; // of what follows; held while answers go out. Taken before the call's
    struct slot slots[PIPELINE];
    size_t first, count;
};

static struct stream *stream_of(struct ss_call *call)
{
    if (call->state) return call->state;
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream) pthread_mutex_init(&stream->order, NULL);
    call->state = stream;
    return stream;
}

// Reads on, or ends, when it is time.
static void go_on(struct ss_call *call)
{
    struct stream *stream = call->state;
    pthread_mutex_lock(&call->lock);
    const bool reads = !stream->is_half_closed && !call->is_reading && !call->is_gone &&
                       !call->is_finishing && stream->unanswered + call->waiting < PIPELINE;
    if (reads) call->is_reading = true;
    const bool ends = stream->is_half_closed && stream->unanswered == 0;
    pthread_mutex_unlock(&call->lock);
    if (reads) ss_call_read(call);
    if (ends) ss_call_finish(call);
}

static grpc_slice answer_slice(const struct ss_call *call, uint64_t id, struct ss_bytes answer,
                               const struct ss_error *error)
{
    struct ss_arena arena = {0};
    if (!answer.data)
        answer = ss_wire_error_message(11, id, error,
                                       ss_serving_settings(call->shard->serving)->retry_after_us, &arena);
    const grpc_slice slice = grpc_slice_from_copied_buffer(answer.data, answer.size);
    ss_arena_release(&arena);
    return slice;
}

// Answers the slot's message, in its turn.
static void put_answer(struct ss_call *call, struct stream *stream, struct slot *slot, grpc_slice answer)
{
    size_t sent = 0;
    slot->is_ready = true;
    slot->answer = answer;
    while (stream->count && stream->slots[stream->first].is_ready) {
        ss_call_send(call, stream->slots[stream->first].answer);
        stream->slots[stream->first] = (struct slot){0};
        stream->first = (stream->first + 1) % PIPELINE;
        stream->count--;
        sent++;
    }
    pthread_mutex_lock(&call->lock);
    stream->unanswered -= sent;
    pthread_mutex_unlock(&call->lock);
}

static struct slot *slot_at(struct stream *stream, size_t place)
{
    return &stream->slots[(stream->first + place) % PIPELINE];
}

// By the writer, which has the messages in their order: it is the first that has no answer yet.
static void stream_pushed(struct ss_call *call, uint64_t id, struct ss_bytes answer,
                          const struct ss_error *error)
{
    struct stream *stream = call->state;
    size_t place = 0;
    pthread_mutex_lock(&stream->order);
    while (slot_at(stream, place)->is_ready) place++;
    put_answer(call, stream, slot_at(stream, place), answer_slice(call, id, answer, error));
    pthread_mutex_unlock(&stream->order);
    go_on(call);
}

static void refuse(struct ss_call *call, uint64_t id, const struct ss_error *error)
{
    struct stream *stream = call->state;
    pthread_mutex_lock(&stream->order);
    put_answer(call, stream, slot_at(stream, stream->count - 1),
               answer_slice(call, id, (struct ss_bytes){0}, error));
    pthread_mutex_unlock(&stream->order);
}

static void take_slot(struct ss_call *call, struct stream *stream)
{
    pthread_mutex_lock(&stream->order);
    stream->count++;
    pthread_mutex_lock(&call->lock);
    call->is_reading = false;
    stream->unanswered++;
    pthread_mutex_unlock(&call->lock);
    pthread_mutex_unlock(&stream->order);
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
    take_slot(call, stream);
    enum ss_status status = check(call, bytes, &id, &error);
    if (status == SS_OK)
        status = ss_writer_push(call->shard->serving->writer, call, slice, stream_pushed, &error);
    if (status != SS_OK) refuse(call, id, &error);
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
    struct stream *stream = call->state;
    if (!stream) return;
    pthread_mutex_destroy(&stream->order);
    free(stream);
}

static const struct ss_method push_stream_method = {.path = "/selfsame.v1.FeatureStore/PushStream",
                                                    .metric = SS_METRIC_METHOD_PUSH_STREAM,
                                                    .message = on_stream_message,
                                                    .half_closed = on_half_closed,
                                                    .sent = on_sent,
                                                    .released = released};

const struct ss_method *const ss_method_push = &push_method;
const struct ss_method *const ss_method_push_stream = &push_stream_method;
