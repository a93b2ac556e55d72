// selfsame_open: lookups of a store in this process. The bytes of a request go in and those of an answer come
// out, made by the very code that the server runs (wire/get_features.h), so both answer alike, errors too.
//
// A lookup runs on the thread that asks, takes microseconds and waits for nobody; that is why deadlines do
// not count here, and why get_async calls back before it returns. It sees whatever a server or another
// process has pushed or applied, as of its own read point.

#include "client/error.h"
#include "client/transport.h"
#include "embedded/readers.h"
#include "wire/get_features.h"

#include <stdlib.h>

// As the server's settings are when nobody sets them.
#define MAX_ENTITIES      4096
#define MAX_COLUMNS       4096
#define MAX_MESSAGE_BYTES ((size_t)16 << 20)
#define RETRY_AFTER_MS    50

struct embedded {
    struct ss_client_transport transport; // first
    struct ss_readers *readers;
};

static void release_answer(struct ss_client_reply *reply)
{
    free(reply->owner[0]);
}

static enum ss_status look_up(struct ss_embedded_reader *reader, struct ss_bytes request,
                              struct ss_client_reply *reply, struct ss_error *error)
{
    static const struct ss_wire_limits limits = {.max_entities = MAX_ENTITIES, .max_columns = MAX_COLUMNS};
    struct ss_wire_get get;
    struct ss_wire_answer answer;
    ss_arena_reset(&reader->arena);
    SS_TRY(ss_wire_get_unpack(request, &limits, &reader->arena, &get, error));
    SS_TRY(ss_wire_get_run(reader->materializer, &get, &limits, &reader->arena, &answer, error));
    if (answer.size > MAX_MESSAGE_BYTES)
        return ss_fail(
            error, SS_LIMIT,
            "the answer has %zu bytes; the limit is %zu (max_message_bytes): ask for fewer entities",
            answer.size, MAX_MESSAGE_BYTES);
    uint8_t *bytes = malloc(answer.size);
    if (!bytes) return ss_fail_memory(error, "an answer");
    ss_wire_answer_write(&answer, bytes);
    *reply = (struct ss_client_reply){
        .data = bytes, .size = answer.size, .release = release_answer, .owner = {bytes}};
    return SS_OK;
}

static enum selfsame_code fail(const struct ss_error *why, struct selfsame_error *error)
{
    const bool later = why->status == SS_BUSY || why->status == SS_STOPPING;
    return ss_client_fail_status(error, ss_status_grpc(why->status), why->message, strlen(why->message),
                                 later ? RETRY_AFTER_MS : -1);
}

static enum selfsame_code get(struct ss_client_transport *transport, const void *request, size_t size,
                              uint32_t deadline_ms, struct ss_client_reply *reply,
                              struct selfsame_error *error)
{
    struct embedded *embedded = (struct embedded *)transport;
    struct ss_embedded_reader *reader;
    struct ss_error why = {0};
    (void)deadline_ms;
    if (size > MAX_MESSAGE_BYTES)
        return ss_client_fail(error, SELFSAME_RESOURCE_EXHAUSTED,
                              "Received message larger than max (%zu vs. %zu)", size, MAX_MESSAGE_BYTES);
    enum ss_status status = SS_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        status = ss_readers_take(embedded->readers, &reader, &why);
        if (status != SS_OK) break;
        status = look_up(reader, (struct ss_bytes){request, size}, reply, &why);
        if (status == SS_BUSY) ss_readers_expire(embedded->readers, reader);
        ss_readers_give(embedded->readers, reader);
        if (status != SS_BUSY) break;
    }
    return status == SS_OK ? SELFSAME_OK : fail(&why, error);
}

static enum selfsame_code get_async(struct ss_client_transport *transport, const void *request, size_t size,
                                    uint32_t deadline_ms, ss_client_reply_callback *callback, void *context,
                                    struct selfsame_error *error)
{
    struct ss_client_reply reply = {0};
    struct selfsame_error why = {0};
    (void)error;
    if (get(transport, request, size, deadline_ms, &reply, &why) == SELFSAME_OK)
        callback(context, &reply, &why);
    else
        callback(context, NULL, &why);
    return SELFSAME_OK;
}

static enum selfsame_code wait_ready(struct ss_client_transport *transport, uint32_t timeout_ms,
                                     struct selfsame_error *error)
{
    (void)transport, (void)timeout_ms, (void)error;
    return SELFSAME_OK;
}

static void close_embedded(struct ss_client_transport *transport)
{
    struct embedded *embedded = (struct embedded *)transport;
    ss_readers_close(embedded->readers);
    free(embedded);
}

enum selfsame_code selfsame_open(const char *directory, struct selfsame_client **client,
                                 struct selfsame_error *error)
{
    struct ss_error why = {0};
    struct embedded *embedded = calloc(1, sizeof *embedded);
    if (!embedded) return ss_client_fail_memory(error, "the client");
    embedded->transport = (struct ss_client_transport){get, get_async, wait_ready, close_embedded};
    if (ss_readers_open(directory, &embedded->readers, &why) != SS_OK) {
        free(embedded);
        return fail(&why, error);
    }
    return ss_client_create(&embedded->transport, NULL, client, error);
}
