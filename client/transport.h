// The seam below lookups: a request's bytes in (GetFeaturesRequest), an answer's bytes out
// (GetFeaturesResponse). Over gRPC it is client/net.c; over a store in the same process it is in embedded/.
#ifndef SS_CLIENT_TRANSPORT_H
#define SS_CLIENT_TRANSPORT_H

#include "client/reply.h"
#include "client/selfsame.h"

// Gets the reply, which it has to release, or NULL and why.
typedef void ss_client_reply_callback(void *context, struct ss_client_reply *reply,
                                      const struct selfsame_error *error);

// An implementation has this as its first member. All but close may be called by any number of threads at
// once.
struct ss_client_transport {
    // The request's bytes are the caller's and live until the call returns, in get_async too. deadline_ms 0:
    // the default; UINT32_MAX: none.
    enum selfsame_code (*get)(struct ss_client_transport *transport, const void *request, size_t size,
                              uint32_t deadline_ms, struct ss_client_reply *reply,
                              struct selfsame_error *error);
    // OK: the callback comes exactly once, also if the transport is closed before; it may come before this
    // returns.
    enum selfsame_code (*get_async)(struct ss_client_transport *transport, const void *request, size_t size,
                                    uint32_t deadline_ms, ss_client_reply_callback *callback, void *context,
                                    struct selfsame_error *error);
    enum selfsame_code (*wait_ready)(struct ss_client_transport *transport, uint32_t timeout_ms,
                                     struct selfsame_error *error);
    // Ends all that is in flight, waits for it, and frees the transport. Replies stay valid.
    void (*close)(struct ss_client_transport *transport);
};

struct ss_client_net;

struct selfsame_client {
    struct ss_client_transport *transport;
    struct ss_client_net *net; // the same over gRPC, for all else than lookups; NULL: they are UNIMPLEMENTED
};

// A client over `transport`, which selfsame_close closes. On failure the transport is closed.
enum selfsame_code ss_client_create(struct ss_client_transport *transport, struct ss_client_net *net,
                                    struct selfsame_client **client, struct selfsame_error *error);

#endif
