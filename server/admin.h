// Unary calls that a worker answers: each is a handler that makes an answer's bytes.
#ifndef SS_SERVER_ADMIN_H
#define SS_SERVER_ADMIN_H

#include <selfsame/v1/feature_store.pb-c.h>

#include "server/call.h"

struct ss_admin_request {
    struct ss_call *call;
    struct ss_serving *serving;
    struct ss_materializer *reader; // of the worker's thread
    struct ss_bytes message;
    struct ss_arena *arena; // of the request
    bool is_pending;        // the call is answered later, by another thread
};
// *answer: bytes in the arena. A handler that goes on elsewhere returns SS_OK with `is_pending` set, and has
// taken a reference to the call.
typedef enum ss_status (*ss_admin_handler)(struct ss_admin_request *request, struct ss_bytes *answer,
                                           struct ss_error *error);

struct ss_admin_method {
    struct ss_method method;
    enum ss_token_right_kind right; // SS_RIGHT_KINDS: any token will do
    ss_admin_handler handle;
    bool is_of_field_1; // the right is on what field 1 of the request names
};
void ss_admin_message(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice);

// The message's bytes, in the arena; data NULL: out of memory.
struct ss_bytes ss_admin_pack(const ProtobufCMessage *message, struct ss_arena *arena);

#define SS_ADMIN_METHOD(variable, name, METRIC, RIGHT, handler)                                         \
    static const struct ss_admin_method admin_##variable = {{.path = "/selfsame.v1.FeatureStore/" name, \
                                                             .metric = SS_METRIC_METHOD_##METRIC,       \
                                                             .is_unary = true,                          \
                                                             .message = ss_admin_message},              \
                                                            RIGHT,                                      \
                                                            handler};                                   \
    const struct ss_method *const ss_method_##variable = &admin_##variable.method

#endif
