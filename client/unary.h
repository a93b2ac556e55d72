// One call with one message each way: its operations, its end as a reply or an error.
#ifndef SS_CLIENT_UNARY_H
#define SS_CLIENT_UNARY_H

#include "client/net.h"

struct ss_client_unary {
    grpc_metadata_array headers, trailers;
    grpc_status_code status;
    grpc_slice details;
    grpc_byte_buffer *received;
};

void ss_client_unary_init(struct ss_client_unary *unary);
// Starts all operations of the call as one batch, which completes with `tag`; by then another thread may have
// it.
void ss_client_unary_start(struct ss_client_unary *unary, struct ss_client_net *net, grpc_call *call,
                           const void *request, size_t size, void *tag);
// After the completion, before the call's end: takes what came, and releases all.
enum selfsame_code ss_client_unary_finish(struct ss_client_unary *unary, struct ss_client_lane *lane,
                                          struct ss_client_reply *reply, struct selfsame_error *error);

// What streams need of it too.
// A message of `size` bytes, copied.
grpc_byte_buffer *ss_client_message(const void *bytes, size_t size);
// Takes the buffer over: its bytes without a copy if they lie in one piece.
enum selfsame_code ss_client_message_reply(grpc_byte_buffer *buffer, struct ss_client_core *core,
                                           struct ss_client_reply *reply, struct selfsame_error *error);
// The end of a call as an error; OK: it ended well.
enum selfsame_code ss_client_status(struct ss_client_lane *lane, grpc_status_code status, grpc_slice details,
                                    const grpc_metadata_array *trailers, struct selfsame_error *error);

#endif
