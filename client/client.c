// The client: a transport for lookups, and for all else the connections behind it.
#include "client/error.h"
#include "client/net.h"
#include "client/net_calls.h"

#include <stdlib.h>

enum { READY_POLL_MS = 250 };

const char *selfsame_version(void)
{
    return SELFSAME_VERSION_TEXT;
}

enum selfsame_code ss_client_fail_embedded(struct selfsame_error *error)
{
    return ss_client_fail(error, SELFSAME_UNIMPLEMENTED,
                          "the client: it was opened on a folder, which only lookups read");
}

enum selfsame_code ss_client_create(struct ss_client_transport *transport, struct ss_client_net *net,
                                    struct selfsame_client **client, struct selfsame_error *error)
{
    struct selfsame_client *made = malloc(sizeof *made);
    if (!made) {
        transport->close(transport);
        return ss_client_fail_memory(error, "the client");
    }
    *made = (struct selfsame_client){.transport = transport, .net = net};
    *client = made;
    return SELFSAME_OK;
}

void selfsame_close(struct selfsame_client *client)
{
    if (!client) return;
    client->transport->close(client->transport);
    free(client);
}

enum selfsame_code selfsame_wait_ready(struct selfsame_client *client, uint32_t timeout_ms,
                                       struct selfsame_error *error)
{
    return client->transport->wait_ready(client->transport, timeout_ms, error);
}

static enum selfsame_code get(struct ss_client_transport *transport, const void *request, size_t size,
                              uint32_t deadline_ms, struct ss_client_reply *reply,
                              struct selfsame_error *error)
{
    return ss_client_net_call((struct ss_client_net *)transport, SS_CLIENT_GET_FEATURES, request, size,
                              deadline_ms, reply, error);
}

static enum selfsame_code get_async(struct ss_client_transport *transport, const void *request, size_t size,
                                    uint32_t deadline_ms, ss_client_reply_callback *callback, void *context,
                                    struct selfsame_error *error)
{
    return ss_client_net_call_async((struct ss_client_net *)transport, SS_CLIENT_GET_FEATURES, request, size,
                                    deadline_ms, callback, context, error);
}

// Watches in short turns, so that a connection that is gone while it is watched is tried again.
static enum selfsame_code wait_ready(struct ss_client_transport *transport, uint32_t timeout_ms,
                                     struct selfsame_error *error)
{
    struct ss_client_net *net = (struct ss_client_net *)transport;
    const gpr_timespec until = ss_client_net_deadline(net, timeout_ms ? timeout_ms : 1);
    grpc_channel *channel = net->lanes[0].channel;
    grpc_completion_queue *queue = ss_client_queue_take(net->queues);
    grpc_connectivity_state state;
    while ((state = grpc_channel_check_connectivity_state(channel, 1)) != GRPC_CHANNEL_READY &&
           gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), until) < 0) {
        gpr_timespec turn = ss_client_net_deadline(net, READY_POLL_MS);
        if (gpr_time_cmp(until, turn) < 0) turn = until;
        grpc_channel_watch_connectivity_state(channel, state, turn, queue, &state);
        (void)grpc_completion_queue_pluck(queue, &state, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    }
    ss_client_queue_give(net->queues, queue);
    if (state == GRPC_CHANNEL_READY) return SELFSAME_OK;
    return ss_client_fail(error, SELFSAME_DEADLINE_EXCEEDED, "the client: no connection within %u ms",
                          (unsigned)timeout_ms);
}

static void close_net(struct ss_client_transport *transport)
{
    ss_client_net_close((struct ss_client_net *)transport);
}

enum selfsame_code selfsame_connect(const struct selfsame_options *options, struct selfsame_client **client,
                                    struct selfsame_error *error)
{
    struct ss_client_net *net = NULL;
    struct selfsame_options known = {0};
    if (options->size < offsetof(struct selfsame_options, tls) || options->size > 4096)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              "the options: call selfsame_options_init before");
    memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
    SS_CLIENT_TRY(ss_client_net_open(&known, &net, error));
    net->transport = (struct ss_client_transport){get, get_async, wait_ready, close_net};
    return ss_client_create(&net->transport, net, client, error);
}
