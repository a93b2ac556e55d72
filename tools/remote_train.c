// Training tables of a server: the spine goes there in chunks, the rows come back in its order.
//
// Rows are taken on the caller's thread as the output takes them, so a slow disk holds up the server, and
// memory is the spine and a message.

#include "tools/remote.h"

#include <string.h>

#include "wire/request_write.h"

#define CHUNK_ROWS 8192

// ---- The spine

static enum ss_status send_message(struct ss_remote_train *train, const struct ss_buffer *message,
                                   struct ss_error *error)
{
    struct ss_client_reply reply = {0};
    struct selfsame_error failed;
    enum ss_client_event event;
    if (message->failed) return ss_fail_memory(error, "a spine");
    enum selfsame_code code = ss_client_duplex_send(train->call, message->data, message->size, &failed);
    // No row comes before the spine is whole: what is heard is that it was sent, or how the call ended.
    if (code == SELFSAME_OK) code = ss_client_duplex_wait(train->call, false, &event, &reply, &failed);
    ss_client_reply_release(&reply);
    return code == SELFSAME_OK ? SS_OK : ss_remote_fail(train->remote, &failed, error);
}

// Rows whose message would be too large go in two.
static enum ss_status send_chunk(struct ss_remote_train *train, const struct ss_service *service,
                                 const struct ss_spine *spine, int64_t first, int32_t length,
                                 struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_buffer message = {0};
    enum ss_status status;
    if (!ss_wire_spine_write(service, spine, first, length, &arena, &message)) message.failed = true;
    const bool is_large = !message.failed && message.size > train->remote->max_message_bytes && length > 1;
    if (!is_large) status = send_message(train, &message, error);
    ss_buffer_release(&message);
    ss_arena_release(&arena);
    if (!is_large) return status;
    SS_TRY(send_chunk(train, service, spine, first, length / 2, error));
    return send_chunk(train, service, spine, first + length / 2, length - length / 2, error);
}

static enum ss_status send_spine(struct ss_remote_train *train, const struct ss_service *service,
                                 const struct ss_spine *spine, struct ss_error *error)
{
    struct ss_buffer start = {0};
    struct selfsame_error failed;
    ss_wire_training_start_write(service, spine, &start);
    const enum ss_status status = send_message(train, &start, error);
    ss_buffer_release(&start);
    if (status != SS_OK) return status;
    for (int64_t first = 0; first < spine->length; first += CHUNK_ROWS) {
        const int64_t left = spine->length - first;
        SS_TRY(
            send_chunk(train, service, spine, first, left < CHUNK_ROWS ? (int32_t)left : CHUNK_ROWS, error));
    }
    if (ss_client_duplex_half_close(train->call, &failed) == SELFSAME_OK) return SS_OK;
    return ss_remote_fail(train->remote, &failed, error);
}

// ---- The rows

// The next message; *ended: there is none.
static enum ss_status take_message(struct ss_remote_train *train, struct ss_client_reply *reply, bool *ended,
                                   struct ss_error *error)
{
    struct selfsame_error failed;
    enum ss_client_event event = SS_CLIENT_SENT;
    while (event == SS_CLIENT_SENT)
        if (ss_client_duplex_wait(train->call, true, &event, reply, &failed) != SELFSAME_OK)
            return ss_remote_fail(train->remote, &failed, error);
    *ended = event == SS_CLIENT_ENDED;
    return SS_OK;
}

static enum ss_status begin(void *context, const struct ss_service *service, const struct ss_spine *spine,
                            uint64_t *newest_seq, int64_t *read_at_us, struct ss_error *error)
{
    struct ss_remote_train *train = context;
    struct ss_client_reply reply = {0};
    struct selfsame_error failed;
    struct ss_error why;
    bool ended;
    if (ss_client_duplex_open(train->remote->client, SS_CLIENT_GET_TRAINING_TABLE, SS_REMOTE_PATIENT,
                              &train->call, &failed) != SELFSAME_OK)
        return ss_remote_fail(train->remote, &failed, error);
    SS_TRY(send_spine(train, service, spine, error));
    SS_TRY(take_message(train, &reply, &ended, error));
    enum ss_status status =
        ss_wire_training_header_read(ss_remote_bytes(&reply), newest_seq, read_at_us, &why);
    if (status != SS_OK) status = ss_remote_misread(train->remote, &why, error);
    ss_client_reply_release(&reply);
    return status;
}

// The rows have to come as the output takes them: all of a batch, in order.
static enum ss_status check_rows(const struct ss_spine *spine, int64_t expected, int64_t first,
                                 int32_t length, struct ss_error *error)
{
    const int64_t left = spine->length - expected;
    const int32_t due = left < SS_BATCH_ROWS ? (int32_t)left : SS_BATCH_ROWS;
    if (first == expected && length == due) return SS_OK;
    return ss_fail(
        error, SS_INVALID, "it sent rows %lld to %lld of the training table where %lld to %lld were due",
        (long long)first, (long long)first + length, (long long)expected, (long long)expected + due);
}

static enum ss_status take_rows(const struct ss_remote_train *train, struct ss_bytes message,
                                const struct ss_service *service, const struct ss_spine *spine,
                                struct ss_arena *arena, int64_t *done,
                                const struct ss_point_in_time_sink *sink, struct ss_error *error)
{
    struct ss_answer answer;
    struct ss_error why;
    int64_t first;
    enum ss_status status = ss_wire_training_rows_read(message, service, arena, &first, &answer, &why);
    if (status == SS_OK) status = check_rows(spine, *done, first, answer.length, &why);
    if (status != SS_OK) return ss_remote_misread(train->remote, &why, error);
    SS_TRY(sink->emit(sink->context, first, &answer, 0, error));
    *done += answer.length;
    if (sink->progress) sink->progress(sink->context, *done, spine->length);
    return SS_OK;
}

static enum ss_status join(void *context, const struct ss_service *service, const struct ss_spine *spine,
                           struct ss_pool *pool, const struct ss_point_in_time_sink *sink,
                           struct ss_error *error)
{
    struct ss_remote_train *train = context;
    struct ss_arena arena = {0};
    struct ss_client_reply reply = {0};
    enum ss_status status = SS_OK;
    int64_t done = 0;
    bool ended;
    (void)pool;
    for (;;) {
        SS_TRY_GOTO(take_message(train, &reply, &ended, error), out);
        if (ended) break;
        status = take_rows(train, ss_remote_bytes(&reply), service, spine, &arena, &done, sink, error);
        ss_client_reply_release(&reply);
        ss_arena_reset(&arena);
        if (status != SS_OK) goto out;
    }
    if (done != spine->length)
        status = ss_fail(error, SS_IO, "server '%s': the training table ended after %lld of %lld rows",
                         train->remote->address, (long long)done, (long long)spine->length);
out:
    ss_arena_release(&arena);
    return status;
}

struct ss_train_values ss_remote_train_values(struct ss_remote_train *train)
{
    return (struct ss_train_values){train, begin, join};
}

void ss_remote_train_release(struct ss_remote_train *train)
{
    ss_client_duplex_close(train->call);
    train->call = NULL;
}
