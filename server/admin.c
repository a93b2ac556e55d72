// From the shard's thread to a worker and back.

#include "server/admin.h"

#include <stdlib.h>

#include "server/caller.h"
#include "server/worker.h"
#include "wire/get_features.h"

struct job {
    struct ss_worker_job job;
    struct ss_call *call;
    grpc_slice message;
};

static void release(struct job *job)
{
    grpc_slice_unref(job->message);
    ss_call_release(job->call);
    free(job);
}

static void refuse(struct ss_worker_job *waiting, const struct ss_error *error)
{
    struct job *job = (struct job *)waiting;
    ss_call_fail(job->call, error);
    release(job);
}

static enum ss_status check_time(struct ss_call *call, struct ss_error *error)
{
    if (ss_call_is_late(call))
        return ss_fail(error, SS_TOO_LATE, "the deadline was over before the call was begun");
    if (ss_call_is_gone(call))
        return ss_fail(error, SS_CANCELLED, "the call was cancelled before it was begun");
    return SS_OK;
}

static void run(struct ss_worker_job *waiting, struct ss_materializer *reader)
{
    struct job *job = (struct job *)waiting;
    struct ss_arena arena = {0};
    struct ss_error error;
    struct ss_bytes answer = {0};
    struct ss_pinned pinned = {0};
    const struct ss_admin_method *method = (const struct ss_admin_method *)job->call->method;
    struct ss_admin_request request = {
        .call = job->call,
        .serving = job->call->shard->serving,
        .reader = reader,
        .message = {(const char *)GRPC_SLICE_START_PTR(job->message), GRPC_SLICE_LENGTH(job->message)},
        .arena = &arena};
    enum ss_status status = check_time(job->call, &error);
    if (status == SS_OK)
        status = ss_pin(reader, false, 0, &pinned, &error); // the live definitions are the reader's
    ss_unpin(&pinned);
    if (status == SS_OK) status = method->handle(&request, &answer, &error);
    if (status != SS_OK)
        ss_call_fail(job->call, &error);
    else if (!request.is_pending)
        ss_call_answer(job->call, grpc_slice_from_copied_buffer(answer.data ? answer.data : "", answer.size));
    ss_arena_release(&arena);
    release(job);
}

static enum ss_status check_right(struct ss_call *call, struct ss_bytes bytes, struct ss_error *error)
{
    const struct ss_admin_method *method = (const struct ss_admin_method *)call->method;
    struct ss_arena arena = {0};
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    const char *name = "";
    enum ss_status status = SS_OK;
    while (method->is_of_field_1 && status == SS_OK && ss_message_next(&message, &field))
        if (field.number == 1 && field.type == SS_WIRE_BYTES)
            status = ss_wire_text("name", field.bytes, &arena, &name, error);
    if (status == SS_OK)
        status = ss_caller_may(call->shard, call->call, &call->metadata, method->right, name, error);
    ss_arena_release(&arena);
    return status;
}

void ss_admin_message(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_error error;
    enum ss_status status = check_right(call, bytes, &error);
    struct job *job = status == SS_OK ? calloc(1, sizeof *job) : NULL;
    if (status == SS_OK && !job) status = ss_fail_memory(&error, "a call");
    if (status == SS_OK) {
        *job = (struct job){
            .job = {.run = run, .refuse = refuse}, .call = call, .message = grpc_slice_ref(slice)};
        ss_call_hold(call);
        status = ss_worker_do(call->shard->serving->admin, &job->job, &error);
        if (status != SS_OK) release(job);
    }
    if (status != SS_OK) ss_call_fail(call, &error);
}

struct ss_bytes ss_admin_pack(const ProtobufCMessage *message, struct ss_arena *arena)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = ss_arena_alloc(arena, size + 1);
    if (bytes) protobuf_c_message_pack(message, bytes);
    return (struct ss_bytes){(const char *)bytes, size};
}
