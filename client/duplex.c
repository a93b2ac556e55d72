// A call with a stream of messages each way, driven by the thread that uses it.
//
// The call has a completion queue of its own, and nobody but its user polls it: so nothing is read ahead of
// what the user asks for (flow control holds the server up), and one thread can send and take by turns
// without ever being stuck in one of the two.
#include "client/call.h"

#include "client/error.h"
#include "client/net_calls.h"
#include "client/token.h"
#include "client/unary.h"

#include <stdlib.h>

struct ss_client_duplex {
    struct ss_client_net *net;
    struct ss_client_lane *lane;
    struct ss_client_flight flight;
    grpc_completion_queue *queue;
    grpc_metadata_array headers, trailers;
    grpc_status_code status;
    grpc_slice details;
    grpc_byte_buffer *received;
    bool begun, sending, half_closed,
        cannot_send;             // cannot_send: the last send has failed, so the call is ending
    bool taking, no_more, ended; // a message is asked for; there are none; the status is here
};

// Tags.
enum { FRAME = 1, IN, OUT };

static void *tag_of(uintptr_t tag)
{
    return (void *)tag; // NOLINT: a tag is a number to us
}

static void start(struct ss_client_duplex *duplex, const grpc_op *ops, size_t count, uintptr_t tag)
{
    if (grpc_call_start_batch(duplex->flight.call, ops, count, tag_of(tag), NULL) != GRPC_CALL_OK) abort();
}

static void start_frame(struct ss_client_duplex *duplex)
{
    grpc_op ops[3] = {0};
    grpc_metadata token;
    const size_t tokens = ss_client_token_metadata(duplex->net->token, &token);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = tokens;
    ops[0].data.send_initial_metadata.metadata = &token;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &duplex->headers;
    ops[2].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[2].data.recv_status_on_client.trailing_metadata = &duplex->trailers;
    ops[2].data.recv_status_on_client.status = &duplex->status;
    ops[2].data.recv_status_on_client.status_details = &duplex->details;
    start(duplex, ops, 3, FRAME);
    if (tokens) grpc_slice_unref(token.value);
}

enum selfsame_code ss_client_duplex_open(struct selfsame_client *client, enum ss_client_method method,
                                         uint32_t deadline_ms, struct ss_client_duplex **duplex,
                                         struct selfsame_error *error)
{
    if (!client->net) return ss_client_fail_embedded(error);
    struct ss_client_duplex *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the call");
    made->net = client->net;
    made->lane = ss_client_net_lane(made->net);
    made->queue = grpc_completion_queue_create_for_next(NULL);
    made->details = grpc_empty_slice();
    grpc_metadata_array_init(&made->headers);
    grpc_metadata_array_init(&made->trailers);
    made->flight.call = grpc_channel_create_registered_call(
        made->lane->channel, NULL, GRPC_PROPAGATE_DEFAULTS, made->queue, made->lane->methods[method],
        ss_client_net_deadline(made->net, deadline_ms), NULL);
    const enum selfsame_code code = ss_client_lane_begin(made->lane, &made->flight, 0, error);
    if (code != SELFSAME_OK) {
        grpc_call_unref(made->flight.call);
        ss_client_duplex_close(made);
        return code;
    }
    made->begun = true;
    start_frame(made);
    *duplex = made;
    return SELFSAME_OK;
}

bool ss_client_duplex_may_send(const struct ss_client_duplex *duplex)
{
    return !duplex->sending && !duplex->half_closed && !duplex->cannot_send && !duplex->ended;
}

enum selfsame_code ss_client_duplex_send(struct ss_client_duplex *duplex, const void *message, size_t size,
                                         struct selfsame_error *error)
{
    if (!ss_client_duplex_may_send(duplex))
        return ss_client_fail(error, SELFSAME_FAILED_PRECONDITION, "the call: nothing may be sent now");
    grpc_byte_buffer *buffer = ss_client_message(message, size);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = buffer;
    duplex->sending = true;
    start(duplex, &op, 1, OUT);
    grpc_byte_buffer_destroy(buffer);
    return SELFSAME_OK;
}

enum selfsame_code ss_client_duplex_half_close(struct ss_client_duplex *duplex, struct selfsame_error *error)
{
    if (duplex->half_closed) return SELFSAME_OK;
    if (!ss_client_duplex_may_send(duplex))
        return ss_client_fail(error, SELFSAME_FAILED_PRECONDITION, "the call: it may not be half closed now");
    const grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    duplex->sending = duplex->half_closed = true;
    start(duplex, &op, 1, OUT);
    return SELFSAME_OK;
}

// A completion. True: it is one that the user hears of.
static bool complete(struct ss_client_duplex *duplex, const grpc_event *event, enum ss_client_event *heard)
{
    switch ((uintptr_t)event->tag) {
    case FRAME: duplex->ended = true; return false;
    case IN:
        duplex->taking = false;
        duplex->no_more = !event->success || !duplex->received;
        *heard = SS_CLIENT_MESSAGE;
        return !duplex->no_more;
    default:
        duplex->sending = false;
        duplex->cannot_send = duplex->cannot_send || !event->success;
        *heard = SS_CLIENT_SENT;
        return event->success && !duplex->half_closed;
    }
}

static enum selfsame_code wait_end(struct ss_client_duplex *duplex, enum ss_client_event *event,
                                   struct selfsame_error *error)
{
    SS_CLIENT_TRY(ss_client_status(duplex->lane, duplex->status, duplex->details, &duplex->trailers, error));
    *event = SS_CLIENT_ENDED;
    return SELFSAME_OK;
}

enum selfsame_code ss_client_duplex_wait(struct ss_client_duplex *duplex, bool take,
                                         enum ss_client_event *event, struct ss_client_reply *reply,
                                         struct selfsame_error *error)
{
    enum ss_client_event heard = SS_CLIENT_ENDED;
    for (;;) {
        // An end that is no success holds at once; one that is holds when all messages were given out.
        if (duplex->ended && (duplex->no_more || duplex->status != GRPC_STATUS_OK))
            return wait_end(duplex, event, error);
        if (!duplex->taking && !duplex->no_more && (take || duplex->ended)) {
            grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
            op.data.recv_message.recv_message = &duplex->received;
            duplex->received = NULL;
            duplex->taking = true;
            start(duplex, &op, 1, IN);
        }
        const grpc_event done =
            grpc_completion_queue_next(duplex->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (complete(duplex, &done, &heard)) break;
    }
    if (heard == SS_CLIENT_MESSAGE) {
        grpc_byte_buffer *received = duplex->received;
        duplex->received = NULL;
        SS_CLIENT_TRY(ss_client_message_reply(received, duplex->net->core, reply, error));
    }
    *event = heard;
    return SELFSAME_OK;
}

void ss_client_duplex_close(struct ss_client_duplex *duplex)
{
    if (!duplex) return;
    if (duplex->begun && !duplex->ended) (void)grpc_call_cancel(duplex->flight.call, NULL);
    while (duplex->begun && (!duplex->ended || duplex->taking || duplex->sending)) {
        enum ss_client_event heard;
        const grpc_event done =
            grpc_completion_queue_next(duplex->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        (void)complete(duplex, &done, &heard);
    }
    if (duplex->received) grpc_byte_buffer_destroy(duplex->received);
    grpc_completion_queue_shutdown(duplex->queue);
    while (grpc_completion_queue_next(duplex->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {}
    grpc_completion_queue_destroy(duplex->queue);
    grpc_metadata_array_destroy(&duplex->headers);
    grpc_metadata_array_destroy(&duplex->trailers);
    grpc_slice_unref(duplex->details);
    if (duplex->begun) ss_client_lane_end(duplex->lane, &duplex->flight);
    free(duplex);
}
