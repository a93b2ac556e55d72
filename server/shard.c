// A shard's server, queue and thread.

#include "server/shard.h"

#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#include "server/call.h"
#include "server/listen.h"
#include "server/lookup_call.h"
#include "server/sends.h"

#define WAITING_GETS  64 // calls that are asked for ahead (measured: more is slower, fewer too)
#define WAITING_OTHER 8

static void on_closed(void *owner, bool ok)
{
    struct ss_shard *shard = owner;
    (void)ok;
    shard->is_closed = true;
}

#define SWEEP_US 1000000

// Now and then: calls that a client does not take the answer of are ended.
static void sweep(struct ss_shard *shard)
{
    const int64_t now_us = ss_monotonic_us();
    if (now_us - shard->swept_us < SWEEP_US) return;
    shard->swept_us = now_us;
    const int64_t before_us = now_us - ss_serving_settings(shard->serving)->send_timeout_us;
    ss_lookup_cut_late(shard, before_us);
    pthread_mutex_lock(&shard->lock);
    for (struct ss_call *call = shard->calls; call; call = call->next) ss_call_cut_late(call, before_us);
    pthread_mutex_unlock(&shard->lock);
}

static void *run(void *context)
{
    struct ss_shard *shard = context;
    ss_observe_thread(shard->serving);
    for (unsigned count = 0;; count++) {
        const gpr_timespec second = gpr_time_from_micros(SWEEP_US, GPR_TIMESPAN);
        const grpc_event event =
            ss_sends_next_event(shard->queue, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), second));
        if (event.type == GRPC_QUEUE_SHUTDOWN) break;
        if (event.type == GRPC_QUEUE_TIMEOUT || count % 1024 == 0) sweep(shard);
        if (event.type == GRPC_QUEUE_TIMEOUT) continue;
        const struct ss_event_tag *tag = event.tag;
        tag->happened(tag->owner, event.success != 0);
        ss_shard_expect_no_more(shard);
        if (shard->is_closed && atomic_load(&shard->expected) == 0)
            grpc_completion_queue_shutdown(shard->queue);
    }
    ss_observe_thread_end();
    return NULL;
}

static grpc_arg integer(const char *key, int64_t value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER,
                      .key = (char *)(uintptr_t)key,
                      .value.integer = value > INT32_MAX ? INT32_MAX : (int)value};
}

static grpc_server *create_server(const struct ss_settings *settings)
{
    grpc_resource_quota *quota = grpc_resource_quota_create("selfsame");
    grpc_resource_quota_resize(quota, (size_t)settings->max_network_memory);
    grpc_arg arguments[] = {
        integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)settings->max_message_bytes),
        integer(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1), // answers are measured before they are written
        integer(GRPC_ARG_MAX_CONCURRENT_STREAMS, (int64_t)settings->max_streams),
        integer(GRPC_ARG_KEEPALIVE_TIME_MS, settings->keepalive_time_us / 1000),
        integer(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, settings->keepalive_timeout_us / 1000),
        integer(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        integer(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000), // clients may ask often
        integer(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000),
        integer(GRPC_ARG_ALLOW_REUSEPORT, 1),
        integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
        // A small message may unpack to a very large one.
        integer(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
        {.type = GRPC_ARG_POINTER,
         .key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA,
         .value.pointer = {quota, grpc_resource_quota_arg_vtable()}},
    };
    const grpc_channel_args all = {sizeof arguments / sizeof *arguments, arguments};
    grpc_server *server = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
    return server;
}

enum ss_status ss_shard_open(struct ss_serving *serving, size_t index, int *ports, struct ss_shard **shard,
                             struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_shard *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "a shard");
    made->serving = serving;
    made->index = index;
    ss_arena_init(&made->arena, ss_serving_memory(serving));
    pthread_mutex_init(&made->lock, NULL);
    made->closed = (struct ss_event_tag){on_closed, made};
    made->queue = grpc_completion_queue_create_for_next(NULL);
    made->server = create_server(ss_serving_settings(serving));
    grpc_server_register_completion_queue(made->server, made->queue, NULL);
    made->get_features = grpc_server_register_method(made->server, SS_GET_FEATURES, NULL,
                                                     GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    made->stream_features =
        grpc_server_register_method(made->server, SS_STREAM_FEATURES, NULL, GRPC_SRM_PAYLOAD_NONE, 0);
    SS_TRY_GOTO(ss_token_reader_create(serving->tokens, &made->tokens, error), out);
    SS_TRY_GOTO(ss_listen(serving, made->server, index, ports, error), out);
    SS_TRY_GOTO(ss_materializer_open(serving->directory, SS_STORE_READ, NULL, &made->reader, error), out);
    *shard = made;
    made = NULL;
out:
    ss_shard_close(made);
    return status;
}

enum ss_status ss_shard_run(struct ss_shard *shard, struct ss_error *error)
{
    grpc_server_start(shard->server);
    for (int i = 0; i < WAITING_GETS; i++) ss_lookup_accept_get(shard);
    for (int i = 0; i < WAITING_OTHER; i++) ss_lookup_accept_stream(shard);
    for (int i = 0; i < WAITING_OTHER; i++) ss_call_accept(shard);
    if (pthread_create(&shard->thread, NULL, run, shard) != 0)
        return ss_fail(error, SS_IO, "a shard's thread could not be started");
    shard->is_running = true;
    return SS_OK;
}

#define END_AT_ONCE 64

// Some calls that were not told yet, each held.
static size_t hold_some(struct ss_shard *shard, struct ss_call **held)
{
    size_t count = 0;
    pthread_mutex_lock(&shard->lock);
    for (struct ss_call *call = shard->calls; call && count < END_AT_ONCE; call = call->next)
        if (!call->is_told_to_end && ss_call_try_hold(call)) {
            call->is_told_to_end = true;
            held[count++] = call;
        }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

void ss_shard_end_calls(struct ss_shard *shard, const struct ss_error *error)
{
    struct ss_call *held[END_AT_ONCE];
    size_t count;
    while ((count = hold_some(shard, held)) > 0)
        for (size_t i = 0; i < count; i++) {
            ss_call_fail(held[i], error);
            ss_call_release(held[i]);
        }
    ss_lookup_cut_streams(shard);
}

void ss_shard_close(struct ss_shard *shard)
{
    if (!shard) return;
    atomic_store(&shard->is_closing, true);
    // A call that comes in after the shutdown would end with CANCELLED, as if its client had wanted that;
    // with the connections gone it is UNAVAILABLE.
    grpc_server_cancel_all_calls(shard->server);
    ss_shard_expect(shard);
    grpc_server_shutdown_and_notify(shard->server, shard->queue, &shard->closed);
    if (shard->is_running)
        pthread_join(shard->thread, NULL);
    else
        run(shard); // what was asked for comes back here
    grpc_server_destroy(shard->server);
    grpc_completion_queue_destroy(shard->queue);
    ss_lookup_release(shard);
    ss_materializer_close(shard->reader);
    ss_token_reader_destroy(shard->tokens);
    ss_arena_release(&shard->arena);
    pthread_mutex_destroy(&shard->lock);
    free(shard);
}
