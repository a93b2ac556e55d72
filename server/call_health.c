// grpc.health.v1.Health: is the server, or a service of it, ready to answer?

#include "server/call.h"
#include "server/methods.h"

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

// 0: the message is malformed.
static int status_of(struct ss_call *call, struct ss_bytes bytes)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    struct ss_bytes service = {0};
    while (ss_message_next(&message, &field)) {
        if (field.number != 1) continue;
        if (field.type != SS_WIRE_BYTES) return 0;
        service = field.bytes;
    }
    if (message.failed) return 0;
    if (service.size && !ss_bytes_equal(service, ss_bytes_of("selfsame.v1.FeatureStore")))
        return SERVICE_UNKNOWN;
    return atomic_load(&call->shard->serving->is_stopping) ? NOT_SERVING : SERVING;
}

static grpc_slice answer(int status)
{
    const uint8_t bytes[2] = {1 << 3 | SS_WIRE_VARINT, (uint8_t)status};
    return grpc_slice_from_copied_buffer((const char *)bytes, sizeof bytes);
}

static void malformed(struct ss_call *call)
{
    struct ss_error error;
    ss_fail(&error, SS_INVALID, "the request is no HealthCheckRequest: its bytes are malformed");
    ss_call_fail(call, &error);
}

static void on_check(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_error error;
    const int status = status_of(call, bytes);
    (void)slice;
    if (status == 0) {
        malformed(call);
    } else if (status == SERVICE_UNKNOWN) {
        ss_fail(&error, SS_NOT_FOUND, "the server has no such service; it has selfsame.v1.FeatureStore");
        ss_call_fail(call, &error);
    } else {
        ss_call_answer(call, answer(status));
    }
}

// A watcher hears of the stop when its call is ended with it.
static void on_watch(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    const int status = status_of(call, bytes);
    (void)slice;
    if (status == 0)
        malformed(call);
    else
        ss_call_send(call, answer(status));
}

static const struct ss_method health_check_method = {.path = "/grpc.health.v1.Health/Check",
                                                     .is_unary = true,
                                                     .is_open = true,
                                                     .metric = SS_METRIC_METHOD_HEALTH_CHECK,
                                                     .message = on_check};
static const struct ss_method health_watch_method = {.path = "/grpc.health.v1.Health/Watch",
                                                     .is_unary = true,
                                                     .is_open = true,
                                                     .metric = SS_METRIC_METHOD_HEALTH_WATCH,
                                                     .message = on_watch};

const struct ss_method *const ss_method_health_check = &health_check_method;
const struct ss_method *const ss_method_health_watch = &health_watch_method;
