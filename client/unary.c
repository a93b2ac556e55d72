// One call with one message each way.
//
// Facts of C core that this stands on: a batch has one completion, however it ends. Keys and values of
// metadata that is sent are referenced by the call, the array is read at once. Received metadata belongs to
// the call and must be read before it is unref'd; the arrays are ours. A received message is ours, NULL if
// none came.
#include "client/unary.h"

#include "client/error.h"
#include "client/token.h"

#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>

grpc_byte_buffer *ss_client_message(const void *bytes, size_t size)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes, size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

void ss_client_unary_init(struct ss_client_unary *unary)
{
    grpc_metadata_array_init(&unary->headers);
    grpc_metadata_array_init(&unary->trailers);
    unary->details = grpc_empty_slice();
    unary->received = NULL;
}

void ss_client_unary_start(struct ss_client_unary *unary, struct ss_client_net *net, grpc_call *call,
                           const void *request, size_t size, void *tag)
{
    grpc_op ops[6] = {0};
    grpc_metadata token;
    grpc_byte_buffer *message = ss_client_message(request, size);
    const size_t tokens = ss_client_token_metadata(net->token, &token);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = tokens;
    ops[0].data.send_initial_metadata.metadata = &token;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = message;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &unary->headers;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &unary->received;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &unary->trailers;
    ops[5].data.recv_status_on_client.status = &unary->status;
    ops[5].data.recv_status_on_client.status_details = &unary->details;
    if (grpc_call_start_batch(call, ops, 6, tag, NULL) != GRPC_CALL_OK)
        abort(); // only a bug here makes it fail
    grpc_byte_buffer_destroy(message);
    if (tokens) grpc_slice_unref(token.value);
}

// The value of "grpc-retry-pushback-ms"; -1: none, or one that says not to come back.
static int64_t pushback_ms(const grpc_metadata_array *trailers)
{
    for (size_t i = 0; i < trailers->count; i++) {
        const grpc_slice *value = &trailers->metadata[i].value;
        if (grpc_slice_str_cmp(trailers->metadata[i].key, "grpc-retry-pushback-ms") != 0) continue;
        int64_t ms = 0;
        const uint8_t *digits = GRPC_SLICE_START_PTR(*value);
        const size_t size = GRPC_SLICE_LENGTH(*value);
        for (size_t k = 0; k < size; k++) {
            if (digits[k] < '0' || digits[k] > '9' || k > 9) return -1;
            ms = ms * 10 + (digits[k] - '0');
        }
        return size ? ms : -1;
    }
    return -1;
}

enum selfsame_code ss_client_status(struct ss_client_lane *lane, grpc_status_code status, grpc_slice details,
                                    const grpc_metadata_array *trailers, struct selfsame_error *error)
{
    if (status == GRPC_STATUS_OK) return SELFSAME_OK;
    if (status == GRPC_STATUS_UNAUTHENTICATED) ss_client_token_refused(lane->net->token);
    if (status == GRPC_STATUS_UNAVAILABLE) ss_client_lane_mend(lane);
    return ss_client_fail_status(error, (int)status, GRPC_SLICE_START_PTR(details),
                                 GRPC_SLICE_LENGTH(details), pushback_ms(trailers));
}

// owner: [0..3] a slice, [4] the core.
static void release_slice(struct ss_client_reply *reply)
{
    grpc_slice slice;
    memcpy(&slice, reply->owner, sizeof slice);
    struct ss_client_core *core = reply->owner[4];
    grpc_slice_unref(slice);
    ss_client_core_unref(core);
}

static void release_copy(struct ss_client_reply *reply)
{
    free(reply->owner[0]);
}

_Static_assert(sizeof(grpc_slice) <= 4 * sizeof(void *), "a reply has room for a slice");

// Small slices have their bytes inside and would move with the reply: they are copied.
static enum selfsame_code keep_slice(grpc_slice slice, struct ss_client_core *core,
                                     struct ss_client_reply *reply, struct selfsame_error *error)
{
    const size_t size = GRPC_SLICE_LENGTH(slice);
    struct ss_client_reply kept = {.data = GRPC_SLICE_START_PTR(slice), .size = size};
    if (slice.refcount) {
        memcpy(kept.owner, &slice, sizeof slice);
        kept.owner[4] = core;
        kept.release = release_slice;
        ss_client_core_ref(core);
        *reply = kept;
        return SELFSAME_OK;
    }
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return ss_client_fail_memory(error, "the answer");
    if (size) memcpy(copy, kept.data, size);
    *reply = (struct ss_client_reply){.data = copy, .size = size, .release = release_copy, .owner = {copy}};
    return SELFSAME_OK;
}

enum selfsame_code ss_client_message_reply(grpc_byte_buffer *buffer, struct ss_client_core *core,
                                           struct ss_client_reply *reply, struct selfsame_error *error)
{
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    grpc_byte_buffer_reader reader;
    enum selfsame_code code;
    if (buffer->data.raw.compression == GRPC_COMPRESS_NONE && slices->count == 1) {
        code = keep_slice(grpc_slice_ref(slices->slices[0]), core, reply, error);
    } else if (!grpc_byte_buffer_reader_init(&reader, buffer)) {
        code = ss_client_fail(error, SELFSAME_INTERNAL, "the answer: it cannot be decompressed");
    } else {
        code = keep_slice(grpc_byte_buffer_reader_readall(&reader), core, reply, error);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(buffer);
    return code;
}

enum selfsame_code ss_client_unary_finish(struct ss_client_unary *unary, struct ss_client_lane *lane,
                                          struct ss_client_reply *reply, struct selfsame_error *error)
{
    enum selfsame_code code = ss_client_status(lane, unary->status, unary->details, &unary->trailers, error);
    if (code == SELFSAME_OK && unary->received) {
        code = ss_client_message_reply(unary->received, lane->net->core, reply, error);
        if (code != SELFSAME_OK && error)
            error->retry = false; // it was done, and may not be what can be done twice
    } else {
        if (code == SELFSAME_OK)
            code = ss_client_fail(error, SELFSAME_INTERNAL, "the call: it ended without an answer");
        if (unary->received) grpc_byte_buffer_destroy(unary->received);
    }
    grpc_metadata_array_destroy(&unary->headers);
    grpc_metadata_array_destroy(&unary->trailers);
    grpc_slice_unref(unary->details);
    return code;
}
