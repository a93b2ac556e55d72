// A server on C core that answers every lookup with the same features, as quickly as it can: what the client
// costs is measured against it. One thread.
#include "tests/client/bench/canned_server.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "client/proto_read.h"
#include "client/proto_write.h"

enum { ACCEPTED, STEP, FEATURES = 20 };

struct call {
    bool is_stream;
    int state;
    grpc_call *call;
    grpc_metadata_array metadata, sent;
    gpr_timespec deadline;
    grpc_byte_buffer *message;
    int cancelled;
};

static grpc_server *server;
static grpc_completion_queue *queue;
static void *unary_method, *stream_method;
static struct ss_client_writer canned;

static void make_answer(size_t rows)
{
    static const uint8_t fingerprint[32] = {1};
    uint8_t *zeros = calloc(rows, 8);
    ss_client_write_fixed64(&canned, 2, 1700000000000000);
    ss_client_write_fixed64(&canned, 3, 99);
    ss_client_write_bytes(&canned, 4, fingerprint, 32);
    ss_client_write_varint(&canned, 6, rows);
    for (int i = 0; i < FEATURES; i++) {
        char name[32];
        snprintf(name, sizeof name, "user_spend_%02d", i);
        const size_t begun = ss_client_write_begin(&canned, 7);
        ss_client_write_bytes(&canned, 1, name, strlen(name));
        ss_client_write_varint(&canned, 2, 3);
        ss_client_write_bytes(&canned, 9, zeros, rows * 8);
        ss_client_write_end(&canned, begun);
    }
    free(zeros);
}

static void request(bool is_stream)
{
    struct call *call = calloc(1, sizeof *call);
    call->is_stream = is_stream;
    grpc_metadata_array_init(&call->metadata);
    grpc_server_request_registered_call(server, is_stream ? stream_method : unary_method, &call->call,
                                        &call->deadline, &call->metadata, is_stream ? NULL : &call->message,
                                        queue, queue, call);
}

static uint64_t id_of(grpc_byte_buffer *message)
{
    grpc_byte_buffer_reader all;
    grpc_byte_buffer_reader_init(&all, message);
    grpc_slice slice = grpc_byte_buffer_reader_readall(&all); // it may have come in pieces
    struct ss_client_reader reader = ss_client_read(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    struct ss_client_field field;
    const uint64_t id = ss_client_read_field(&reader, &field) && field.number == 1 ? field.value : 0;
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&all);
    return id;
}

static grpc_byte_buffer *answer_to(uint64_t id)
{
    uint8_t head[16];
    struct ss_client_writer writer = {.data = head, .capacity = sizeof head};
    ss_client_write_varint(&writer, 1, id);
    grpc_slice slice = grpc_slice_malloc(writer.size + canned.size);
    memcpy(GRPC_SLICE_START_PTR(slice), head, writer.size);
    memcpy(GRPC_SLICE_START_PTR(slice) + writer.size, canned.data, canned.size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void answer_unary(struct call *call)
{
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                      {.op = GRPC_OP_SEND_MESSAGE},
                      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
                      {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
    grpc_byte_buffer *answer = answer_to(0);
    ops[1].data.send_message.send_message = answer;
    ops[2].data.send_status_from_server.status = GRPC_STATUS_OK;
    ops[3].data.recv_close_on_server.cancelled = &call->cancelled;
    grpc_call_start_batch(call->call, ops, 4, call, NULL);
    grpc_byte_buffer_destroy(answer);
}

static void step_stream(struct call *call, bool first)
{
    grpc_op ops[2] = {{.op = first ? GRPC_OP_SEND_INITIAL_METADATA : GRPC_OP_SEND_MESSAGE},
                      {.op = GRPC_OP_RECV_MESSAGE}};
    grpc_byte_buffer *answer = NULL;
    if (!first) {
        answer = answer_to(id_of(call->message));
        ops[0].data.send_message.send_message = answer;
        grpc_byte_buffer_destroy(call->message);
    }
    call->message = NULL;
    ops[1].data.recv_message.recv_message = &call->message;
    grpc_call_start_batch(call->call, ops, 2, call, NULL);
    if (answer) grpc_byte_buffer_destroy(answer);
}

static void finish(struct call *call)
{
    if (call->message) grpc_byte_buffer_destroy(call->message);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_unref(call->call);
    free(call);
}

static void on_event(struct call *call, bool ok)
{
    if (call->state == ACCEPTED) {
        if (!ok) exit(0);
        call->state = STEP;
        request(call->is_stream);
        if (call->is_stream)
            step_stream(call, true);
        else
            answer_unary(call);
    } else if (call->is_stream && ok && call->message) {
        step_stream(call, false);
    } else {
        finish(call);
    }
}

static void serve(const char *address, size_t rows, int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    grpc_init();
    make_answer(rows);
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    unary_method = grpc_server_register_method(server, "/selfsame.v1.FeatureStore/GetFeatures", NULL,
                                               GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    stream_method = grpc_server_register_method(server, "/selfsame.v1.FeatureStore/StreamFeatures", NULL,
                                                GRPC_SRM_PAYLOAD_NONE, 0);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(server, address, credentials);
    grpc_server_start(server);
    for (int i = 0; i < 64; i++) request(false);
    request(true);
    if (write(ready, &port, sizeof port) != sizeof port) exit(1);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_OP_COMPLETE) on_event(event.tag, event.success);
    }
}

int canned_server_start(const char *address, size_t rows)
{
    int ready[2], port = 0;
    if (pipe(ready) != 0) exit(2);
    if (fork() == 0) serve(address, rows, ready[1]);
    if (read(ready[0], &port, sizeof port) != sizeof port || !port) exit(2);
    return port;
}
