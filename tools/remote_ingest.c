// Batches of a load to a server: one stream, AHEAD of them on their way.
//
// A batch is kept until its answer is here. When the connection is lost or the server is busy, a new stream
// is opened and all that were not answered are sent again, in order: the producer's numbers make that safe. A
// batch whose answer was lost is acknowledged as one that came before, with counts of 0. That goes on until
// nothing was answered for PATIENCE_MS.

#include "tools/remote.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/request_write.h"

#define AHEAD        4
#define PATIENCE_MS  30000
#define PAUSE_MS     100 // before the second attempt; doubled up to PAUSE_MAX_MS
#define PAUSE_MAX_MS 2000

struct ss_remote_ingest {
    struct ss_remote *remote;
    struct ss_client_duplex *stream;  // NULL: none is open
    struct ss_buffer messages[AHEAD]; // not answered yet, the oldest first
    size_t count;
    size_t sent; // of them, on this stream
    struct ss_client_reply answers[AHEAD];
    size_t answer_count;
    int64_t answered_ms; // when the last answer came
    uint32_t pause_ms;
    bool has_told;
    uint64_t newest_seq;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct ss_remote_ingest *ss_remote_ingest_create(struct ss_remote *remote)
{
    struct ss_remote_ingest *made = calloc(1, sizeof *made);
    if (made) made->remote = remote;
    return made;
}

static void close_stream(struct ss_remote_ingest *ingest)
{
    ss_client_duplex_close(ingest->stream);
    ingest->stream = NULL;
    ingest->sent = 0;
    while (ingest->answer_count) ss_client_reply_release(&ingest->answers[--ingest->answer_count]);
}

void ss_remote_ingest_destroy(struct ss_remote_ingest *ingest)
{
    if (!ingest) return;
    close_stream(ingest);
    for (size_t i = 0; i < ingest->count; i++) ss_buffer_release(&ingest->messages[i]);
    free(ingest);
}

// ---- The stream

// Hears one thing of the stream: an answer, or that a message has left.
static enum selfsame_code hear(struct ss_remote_ingest *ingest, struct selfsame_error *failed)
{
    struct ss_client_reply reply = {0};
    enum ss_client_event event;
    const enum selfsame_code code = ss_client_duplex_wait(ingest->stream, true, &event, &reply, failed);
    if (code != SELFSAME_OK) return code;
    if (event == SS_CLIENT_SENT) return SELFSAME_OK;
    if (event == SS_CLIENT_MESSAGE && ingest->answer_count < ingest->sent) {
        ingest->answers[ingest->answer_count++] = reply;
        return SELFSAME_OK;
    }
    ss_client_reply_release(&reply);
    *failed = (struct selfsame_error){.code = SELFSAME_INTERNAL};
    snprintf(failed->message, sizeof failed->message, "server '%s': %s", ingest->remote->address,
             event == SS_CLIENT_ENDED ? "it ended the stream of pushes"
                                      : "it answered more than it was sent");
    return failed->code;
}

// Sends all that was not sent on this stream.
static enum selfsame_code send_rest(struct ss_remote_ingest *ingest, struct selfsame_error *failed)
{
    enum selfsame_code code = SELFSAME_OK;
    if (!ingest->stream)
        code = ss_client_duplex_open(ingest->remote->client, SS_CLIENT_PUSH_STREAM, SS_REMOTE_PATIENT,
                                     &ingest->stream, failed);
    while (code == SELFSAME_OK && ingest->sent < ingest->count) {
        const struct ss_buffer *message = &ingest->messages[ingest->sent];
        if (!ss_client_duplex_may_send(ingest->stream)) {
            code = hear(ingest, failed);
            continue;
        }
        code = ss_client_duplex_send(ingest->stream, message->data, message->size, failed);
        ingest->sent += code == SELFSAME_OK;
    }
    return code;
}

// The oldest batch was not taken: again, later, or not at all.
static enum ss_status wait_to_retry(struct ss_remote_ingest *ingest, const struct selfsame_error *failed,
                                    struct ss_error *error)
{
    const int64_t left_ms = ingest->answered_ms + PATIENCE_MS - now_ms();
    uint32_t pause_ms = failed->retry_after_ms > ingest->pause_ms ? failed->retry_after_ms : ingest->pause_ms;
    close_stream(ingest);
    if (!failed->retry || left_ms <= 0) return ss_remote_fail(ingest->remote, failed, error);
    if (!ingest->has_told && failed->code == SELFSAME_UNAVAILABLE) {
        struct ss_error why;
        ss_remote_fail(ingest->remote, failed, &why);
        fprintf(stderr, "note: %s; trying again for %d s\n", why.message, PATIENCE_MS / 1000);
        ingest->has_told = true;
    }
    if (pause_ms > left_ms) pause_ms = (uint32_t)left_ms;
    const struct timespec pause = {pause_ms / 1000, (long)(pause_ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
    ingest->pause_ms = 2 * ingest->pause_ms < PAUSE_MAX_MS ? 2 * ingest->pause_ms : PAUSE_MAX_MS;
    return SS_OK;
}

// ---- Batches

static enum ss_status check_size(const struct ss_remote_ingest *ingest, const struct ss_push *push,
                                 size_t size, struct ss_error *error)
{
    const uint64_t most = ingest->remote->max_message_bytes;
    if (size <= most) return SS_OK;
    return ss_fail(error, SS_LIMIT,
                   "%s: its batch %llu has %zu bytes, and server '%s' takes at most %llu in one message "
                   "(max_message_bytes); raise that, or split the file",
                   push->file, (unsigned long long)push->number, size, ingest->remote->address,
                   (unsigned long long)most);
}

static enum ss_status push(void *context, const struct ss_push *batch, struct ss_error *error)
{
    struct ss_remote_ingest *ingest = context;
    struct ss_buffer message = {0};
    struct ss_arena arena = {0};
    struct selfsame_error failed;
    SS_ASSERT(ingest->count < AHEAD);
    enum ss_status status = ss_wire_push_write(batch, &arena, &message)
                                ? check_size(ingest, batch, message.size, error)
                                : ss_fail_memory(error, "a batch");
    ss_arena_release(&arena);
    if (status != SS_OK) {
        ss_buffer_release(&message);
        return status;
    }
    if (ingest->count == 0) {
        ingest->answered_ms = now_ms();
        ingest->pause_ms = PAUSE_MS;
    }
    ingest->messages[ingest->count++] = message;
    if (send_rest(ingest, &failed) != SELFSAME_OK) return wait_to_retry(ingest, &failed, error);
    return SS_OK;
}

static void forget_oldest(struct ss_remote_ingest *ingest)
{
    ss_buffer_release(&ingest->messages[0]);
    ss_client_reply_release(&ingest->answers[0]);
    ingest->count--;
    ingest->sent--;
    ingest->answer_count--;
    memmove(ingest->messages, ingest->messages + 1, ingest->count * sizeof *ingest->messages);
    memmove(ingest->answers, ingest->answers + 1, ingest->answer_count * sizeof *ingest->answers);
}

// Reads the oldest answer. SELFSAME_OK: the batch was taken.
static enum selfsame_code read_answer(const struct ss_remote_ingest *ingest, struct ss_push_result *result,
                                      struct selfsame_error *failed)
{
    struct ss_wire_error refused;
    struct ss_error why;
    *failed = (struct selfsame_error){.code = SELFSAME_INTERNAL};
    if (ss_wire_push_read_answer(ss_remote_bytes(&ingest->answers[0]), result, &refused, &why) != SS_OK) {
        snprintf(failed->message, sizeof failed->message, "%s", why.message);
        return failed->code;
    }
    if (!refused.code) return SELFSAME_OK;
    *failed = (struct selfsame_error){.code = (enum selfsame_code)refused.code,
                                      .retry = refused.retry,
                                      .retry_after_ms = refused.retry_after_ms};
    snprintf(failed->message, sizeof failed->message, "%.*s",
             (int)(refused.message.size < 1000 ? refused.message.size : 1000), refused.message.data);
    return failed->code;
}

static enum ss_status await(void *context, struct ss_push_result *result, struct ss_error *error)
{
    struct ss_remote_ingest *ingest = context;
    struct selfsame_error failed;
    for (;;) {
        enum selfsame_code code = send_rest(ingest, &failed);
        while (code == SELFSAME_OK && !ingest->answer_count) code = hear(ingest, &failed);
        if (code == SELFSAME_OK) code = read_answer(ingest, result, &failed);
        if (code == SELFSAME_OK) break;
        SS_TRY(wait_to_retry(ingest, &failed, error));
    }
    forget_oldest(ingest);
    ingest->answered_ms = now_ms();
    ingest->pause_ms = PAUSE_MS;
    return SS_OK;
}

// ---- What it got before

static enum ss_status producer(void *context, const struct ss_source *source, const char *name,
                               uint64_t number, uint64_t *last, bool *found, struct ss_sha256 *hash,
                               struct ss_error *error)
{
    struct ss_remote_ingest *ingest = context;
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_wire_producer known;
    struct ss_error why;
    ss_wire_producer_write(source->name, name, number, &request);
    SS_TRY(ss_remote_call(ingest->remote, SS_CLIENT_PRODUCER, &request, 0, &reply, error));
    const enum ss_status status = ss_wire_producer_read(ss_remote_bytes(&reply), &known, &why);
    ss_client_reply_release(&reply);
    if (status != SS_OK) return ss_remote_misread(ingest->remote, &why, error);
    *last = known.last;
    *found = known.found;
    *hash = known.hash;
    ingest->newest_seq = known.seq;
    return SS_OK;
}

static enum ss_status newest_seq(void *context, uint64_t *seq, struct ss_error *error)
{
    const struct ss_remote_ingest *ingest = context;
    (void)error;
    *seq = ingest->newest_seq; // it was asked about the producer just before
    return SS_OK;
}

struct ss_ingest_target ss_remote_ingest_target(struct ss_remote_ingest *ingest)
{
    const char *temporary = getenv("TMPDIR");
    return (struct ss_ingest_target){.context = ingest,
                                     .ahead = AHEAD,
                                     .batch_bytes = ingest->remote->max_message_bytes / 2,
                                     .spool_directory = temporary && *temporary ? temporary : "/tmp",
                                     .producer = producer,
                                     .push = push,
                                     .await = await,
                                     .newest_seq = newest_seq};
}
