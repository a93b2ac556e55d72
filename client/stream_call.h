// One StreamFeatures call below a stream: messages out in order, one at a time on the wire; messages in, one
// after the other; its end. A stream that outlives its connection has one after the other.
#ifndef SS_CLIENT_STREAM_CALL_H
#define SS_CLIENT_STREAM_CALL_H

#include "client/net.h"

struct ss_client_stream_call;

// What happens on the call; all on its lane's thread, none at the same time.
struct ss_client_stream_events {
    void (*message)(void *context, struct ss_client_reply *reply); // which it releases
    // The last; the call is destroyed after it. What was sent and not answered never will be. `error` is
    // never OK.
    void (*ended)(void *context, const struct selfsame_error *error);
};

enum selfsame_code ss_client_stream_call_open(struct ss_client_net *net,
                                              const struct ss_client_stream_events *events, void *context,
                                              struct ss_client_stream_call **call,
                                              struct selfsame_error *error);
// Sends a message after those before it; takes the buffer over. False: the call is at its end, and `ended` is
// going to come or is running. Only until `ended` has returned.
bool ss_client_stream_call_send(struct ss_client_stream_call *call, grpc_byte_buffer *message);
// No more messages from here, so that the server ends the call in good order. The same rules.
void ss_client_stream_call_half_close(struct ss_client_stream_call *call);
// Only until `ended` has returned.
void ss_client_stream_call_cancel(struct ss_client_stream_call *call);

#endif
