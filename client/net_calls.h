// Unary calls on connections, for the files behind selfsame.h.
#ifndef SS_CLIENT_NET_CALLS_H
#define SS_CLIENT_NET_CALLS_H

#include "client/call.h"
#include "client/transport.h"

enum selfsame_code ss_client_net_call(struct ss_client_net *net, enum ss_client_method method,
                                      const void *request, size_t size, uint32_t deadline_ms,
                                      struct ss_client_reply *reply, struct selfsame_error *error);
// The callback comes on a lane's thread, and only if this returns OK.
enum selfsame_code ss_client_net_call_async(struct ss_client_net *net, enum ss_client_method method,
                                            const void *request, size_t size, uint32_t deadline_ms,
                                            ss_client_reply_callback *callback, void *context,
                                            struct selfsame_error *error);

// UNIMPLEMENTED: the client reads a store by itself.
enum selfsame_code ss_client_fail_embedded(struct selfsame_error *error);

#endif
