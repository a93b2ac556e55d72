// Calls by their bytes, for the command line tool: serialized messages in and out, for all that has no
// function of its own in selfsame.h. Not exported by the shared library.
#ifndef SS_CLIENT_CALL_H
#define SS_CLIENT_CALL_H

#include "client/reply.h"
#include "client/selfsame.h"

#define SS_CLIENT_SERVICE "/selfsame.v1.FeatureStore/"

#define SS_CLIENT_METHODS(X)                            \
    X(SS_CLIENT_GET_FEATURES, "GetFeatures")            \
    X(SS_CLIENT_STREAM_FEATURES, "StreamFeatures")      \
    X(SS_CLIENT_PUSH, "Push")                           \
    X(SS_CLIENT_PUSH_STREAM, "PushStream")              \
    X(SS_CLIENT_PRODUCER, "Producer")                   \
    X(SS_CLIENT_GET_TRAINING_TABLE, "GetTrainingTable") \
    X(SS_CLIENT_PLAN, "Plan")                           \
    X(SS_CLIENT_APPLY, "Apply")                         \
    X(SS_CLIENT_LIST, "List")                           \
    X(SS_CLIENT_DESCRIBE, "Describe")                   \
    X(SS_CLIENT_REBUILD, "Rebuild")                     \
    X(SS_CLIENT_STATS, "Stats")                         \
    X(SS_CLIENT_QUARANTINE, "Quarantine")

enum ss_client_method {
#define SS_CLIENT_METHOD(name, text) name,
    SS_CLIENT_METHODS(SS_CLIENT_METHOD)
#undef SS_CLIENT_METHOD
        SS_CLIENT_HEALTH_CHECK, // of grpc.health.v1.Health
    SS_CLIENT_METHOD_COUNT
};

// A unary call: `size` bytes of the request in, the answer's bytes out, which the caller releases
// (ss_client_reply_release). deadline_ms 0: the client's default; UINT32_MAX: none. Any thread.
enum selfsame_code ss_client_call(struct selfsame_client *client, enum ss_client_method method,
                                  const void *request, size_t size, uint32_t deadline_ms,
                                  struct ss_client_reply *reply, struct selfsame_error *error);

// A call with a stream of messages each way, driven by the thread that uses it: nothing moves but inside
// ss_client_duplex_wait. One thread at a time; close it before the client.
struct ss_client_duplex;

enum ss_client_event {
    SS_CLIENT_MESSAGE, // *reply is the next message
    SS_CLIENT_SENT,    // what was sent has left: the next may be sent
    SS_CLIENT_ENDED,   // the server has ended the call with OK and all its messages were given out
};

enum selfsame_code ss_client_duplex_open(struct selfsame_client *client, enum ss_client_method method,
                                         uint32_t deadline_ms, struct ss_client_duplex **duplex,
                                         struct selfsame_error *error);
// May a message be sent? One at a time: from SENT (or the start) until the next SENT.
bool ss_client_duplex_may_send(const struct ss_client_duplex *duplex);
// Begins to send; the bytes are copied. Only while ss_client_duplex_may_send.
enum selfsame_code ss_client_duplex_send(struct ss_client_duplex *duplex, const void *message, size_t size,
                                         struct selfsame_error *error);
// No more messages from here. Only while ss_client_duplex_may_send.
enum selfsame_code ss_client_duplex_half_close(struct ss_client_duplex *duplex, struct selfsame_error *error);
// Waits for what comes first. While `take` is false it asks for no message, so that the server is held up. An
// error is how the call ended; it comes again whenever this is called again.
enum selfsame_code ss_client_duplex_wait(struct ss_client_duplex *duplex, bool take,
                                         enum ss_client_event *event, struct ss_client_reply *reply,
                                         struct selfsame_error *error);
void ss_client_duplex_close(struct ss_client_duplex *duplex); // cancels what is not done

#endif
