// Unary calls, blocking and with a callback.
//
// A blocking call polls for its own completion, on a queue of its own from the pool, so that nothing is
// handed from one thread to another. A call with a callback completes on its lane's thread.
#include "client/call.h"

#include "client/error.h"
#include "client/net_calls.h"
#include "client/unary.h"

#include <stdlib.h>

enum selfsame_code ss_client_net_call(struct ss_client_net *net, enum ss_client_method method,
                                      const void *request, size_t size, uint32_t deadline_ms,
                                      struct ss_client_reply *reply, struct selfsame_error *error)
{
    if (ss_client_this_lane())
        return ss_client_fail(error, SELFSAME_FAILED_PRECONDITION,
                              "the call: a callback may not wait for one");
    struct ss_client_lane *lane = ss_client_net_lane(net);
    struct ss_client_flight flight;
    struct ss_client_unary unary;
    grpc_completion_queue *queue = ss_client_queue_take(net->queues);
    flight.call = grpc_channel_create_registered_call(lane->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                                      lane->methods[method],
                                                      ss_client_net_deadline(net, deadline_ms), NULL);
    ss_client_unary_init(&unary);
    enum selfsame_code code = ss_client_lane_begin(lane, &flight, 0, error);
    if (code != SELFSAME_OK) {
        grpc_call_unref(flight.call);
        ss_client_queue_destroy(queue); // the client is going away, and its pool with it
        return code;
    }
    ss_client_unary_start(&unary, net, flight.call, request, size, &unary);
    (void)grpc_completion_queue_pluck(queue, &unary, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    code = ss_client_unary_finish(&unary, lane, reply, error);
    ss_client_queue_give(net->queues, queue);
    ss_client_lane_end(lane, &flight);
    return code;
}

enum selfsame_code ss_client_call(struct selfsame_client *client, enum ss_client_method method,
                                  const void *request, size_t size, uint32_t deadline_ms,
                                  struct ss_client_reply *reply, struct selfsame_error *error)
{
    if (!client->net) return ss_client_fail_embedded(error);
    return ss_client_net_call(client->net, method, request, size, deadline_ms, reply, error);
}

struct async_call {
    struct ss_client_op op; // first
    struct ss_client_flight flight;
    struct ss_client_unary unary;
    struct ss_client_lane *lane;
    ss_client_reply_callback *callback;
    void *context;
};

static void async_done(struct ss_client_op *op, bool ok)
{
    struct async_call *call = (struct async_call *)op;
    struct ss_client_reply reply = {0};
    struct selfsame_error error;
    (void)ok; // a batch with a status always is
    const enum selfsame_code code = ss_client_unary_finish(&call->unary, call->lane, &reply, &error);
    if (code == SELFSAME_OK)
        call->callback(call->context, &reply, NULL);
    else
        call->callback(call->context, NULL, &error);
    ss_client_lane_end(call->lane, &call->flight);
    free(call);
}

enum selfsame_code ss_client_net_call_async(struct ss_client_net *net, enum ss_client_method method,
                                            const void *request, size_t size, uint32_t deadline_ms,
                                            ss_client_reply_callback *callback, void *context,
                                            struct selfsame_error *error)
{
    struct ss_client_lane *lane = ss_client_net_lane(net);
    struct async_call *call = malloc(sizeof *call);
    if (!call) return ss_client_fail_memory(error, "the call");
    call->op.done = async_done;
    call->lane = lane;
    call->callback = callback;
    call->context = context;
    call->flight.call = grpc_channel_create_registered_call(lane->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                                            lane->queue, lane->methods[method],
                                                            ss_client_net_deadline(net, deadline_ms), NULL);
    ss_client_unary_init(&call->unary);
    const enum selfsame_code code = ss_client_lane_begin(lane, &call->flight, 1, error);
    if (code != SELFSAME_OK) {
        grpc_call_unref(call->flight.call);
        free(call);
        return code;
    }
    ss_client_unary_start(&call->unary, net, call->flight.call, request, size, &call->op);
    return SELFSAME_OK;
}
