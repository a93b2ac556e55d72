// GetTrainingTable: the spine is collected on the shard's thread as it comes, read and joined on a worker's.
// Rows go out a message at a time: the join waits until one is out, so a slow client holds a worker, but no
// memory, no snapshot and no transaction.

#include <stdlib.h>

#include "server/caller.h"
#include "server/methods.h"
#include "server/worker.h"
#include "wire/training.h"

#define MEMORY_TIMES 16 // of the greatest spine: what one may take. Inputs left out take memory too

struct training {
    struct ss_worker_job job;
    struct ss_call *call;
    grpc_slice *messages; // the first is the start
    size_t count, capacity;
    uint64_t bytes;
    bool is_refused;
};

static void fail(struct ss_call *call, struct training *training, const struct ss_error *error)
{
    if (training) training->is_refused = true;
    ss_call_fail(call, error);
}

#define MESSAGE_COST 256 // what a message takes beside its bytes

static size_t cost_of(grpc_slice slice)
{
    return GRPC_SLICE_LENGTH(slice) + MESSAGE_COST;
}

static bool keep(struct ss_serving *serving, struct training *training, grpc_slice slice)
{
    if (training->count == training->capacity) {
        const size_t capacity = training->capacity ? 2 * training->capacity : 16;
        grpc_slice *grown = realloc(training->messages, capacity * sizeof *grown);
        if (!grown) return false;
        training->messages = grown;
        training->capacity = capacity;
    }
    training->messages[training->count++] = grpc_slice_ref(slice);
    training->bytes += cost_of(slice);
    atomic_fetch_add(&serving->spine_bytes, cost_of(slice));
    return true;
}

// A spine waits whole before its table has a worker, so all that are collected share what the workers may
// take.
static enum ss_status check_room(struct ss_serving *serving, const struct training *training,
                                 grpc_slice slice, struct ss_error *error)
{
    const struct ss_settings *settings = ss_serving_settings(serving);
    const uint64_t most = settings->max_spine_bytes, most_of_all = most * settings->train_jobs;
    if (training->bytes + cost_of(slice) > most)
        return ss_fail(error, SS_LIMIT, "the spine has more than %llu bytes, the limit (max_spine_bytes)",
                       (unsigned long long)most);
    if (atomic_load(&serving->spine_bytes) + cost_of(slice) > most_of_all)
        return ss_fail(
            error, SS_BUSY,
            "the spines that are being sent have %llu bytes, the limit (max_spine_bytes for each of "
            "train_jobs)",
            (unsigned long long)most_of_all);
    return SS_OK;
}

static enum ss_status check_start(struct ss_call *call, struct ss_bytes bytes, struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_wire_training_start start;
    const struct ss_wire_limits limits = ss_serving_limits(call->shard->serving);
    enum ss_status status = ss_wire_training_start(bytes, limits.max_columns, &arena, &start, error);
    if (status == SS_OK)
        status =
            ss_caller_may(call->shard, call->call, &call->metadata, SS_RIGHT_TRAIN, start.service, error);
    ss_arena_release(&arena);
    return status;
}

static void on_message(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_error error;
    struct training *training = call->state;
    enum ss_status status = SS_OK;
    if (!training) {
        training = call->state = calloc(1, sizeof *training);
        status = training ? check_start(call, bytes, &error) : ss_fail_memory(&error, "a training table");
    }
    if (status == SS_OK) status = check_room(call->shard->serving, training, slice, &error);
    if (status == SS_OK && !keep(call->shard->serving, training, slice))
        status = ss_fail_memory(&error, "a spine");
    if (status == SS_OK)
        ss_call_read(call);
    else
        fail(call, training, &error);
}

// ---- On a worker's thread

struct sending {
    struct ss_call *call;
    const struct ss_definitions *definitions;
    const struct ss_service *service;
    int *chosen;
    size_t chosen_count;
    struct ss_arena arena;
};

static enum ss_status send_message(struct sending *sending, const struct ss_wire_training_rows *rows,
                                   struct ss_error *error)
{
    grpc_slice slice = grpc_slice_malloc(rows->size);
    ss_wire_training_rows_write(rows, GRPC_SLICE_START_PTR(slice));
    if (!ss_call_send_wait(sending->call, slice)) return ss_fail(error, SS_CANCELLED, "the call is gone");
    if (ss_call_is_late(sending->call))
        return ss_fail(error, SS_TOO_LATE, "the deadline was over before the table's end");
    if (atomic_load(&sending->call->shard->serving->is_stopping))
        return ss_fail(error, SS_STOPPING, "the server is stopping; the table is not whole");
    ss_observe_train_rows(sending->definitions, sending->service, rows->row_count);
    return SS_OK;
}

// In one message, or in as many as keep to max_message_bytes.
static enum ss_status send_part(struct sending *sending, int64_t first_row, const struct ss_answer *answer,
                                struct ss_error *error)
{
    struct ss_wire_training_rows rows;
    struct ss_answer part;
    const size_t most = sending->call->shard->serving->max_message_bytes;
    const int32_t half = answer->length / 2;
    if (!ss_wire_training_rows_size(sending->service, sending->chosen, sending->chosen_count, first_row,
                                    answer, &sending->arena, &rows))
        return ss_fail_memory(error, "rows of a training table");
    if (rows.size <= most) return send_message(sending, &rows, error);
    if (!half)
        return ss_fail(error, SS_LIMIT, "row %lld has %zu bytes; the limit is %zu (max_message_bytes)",
                       (long long)first_row, rows.size, most);
    if (!ss_wire_answer_slice(sending->service, answer, 0, half, &sending->arena, &part))
        return ss_fail_memory(error, "rows of a training table");
    SS_TRY(send_part(sending, first_row, &part, error));
    if (!ss_wire_answer_slice(sending->service, answer, half, answer->length - half, &sending->arena, &part))
        return ss_fail_memory(error, "rows of a training table");
    return send_part(sending, first_row + half, &part, error);
}

static enum ss_status send_rows(void *context, int64_t first_row, const struct ss_answer *answer, size_t slot,
                                struct ss_error *error)
{
    struct sending *sending = context;
    (void)slot;
    ss_arena_reset(&sending->arena);
    return send_part(sending, first_row, answer, error);
}

static enum ss_status send_header(struct sending *sending, const struct ss_spine *spine, int64_t read_at_us,
                                  struct ss_error *error)
{
    uint8_t header[SS_WIRE_TRAINING_HEADER_SIZE];
    const size_t size = ss_wire_training_header_write(sending->service, spine->newest_s, read_at_us, header);
    if (ss_call_send_wait(sending->call, grpc_slice_from_copied_buffer((const char *)header, size)))
        return SS_OK;
    return ss_fail(error, SS_CANCELLED, "the call is gone");
}

static enum ss_status make_table(struct training *training, struct ss_materializer *reader,
                                 struct ss_arena *arena, struct sending *sending, struct ss_error *error)
{
    const struct ss_wire_limits limits = ss_serving_limits(training->call->shard->serving);
    const struct ss_point_in_time_sink sink = {.emit = send_rows, .context = sending};
    struct ss_wire_training_start start;
    struct ss_commit newest;
    struct ss_spine spine;
    struct ss_bytes *messages = ss_arena_array(arena, training->count, sizeof *messages);
    if (!messages) return ss_fail_memory(error, "a training table");
    for (size_t i = 0; i < training->count; i++)
        messages[i] = (struct ss_bytes){(const char *)GRPC_SLICE_START_PTR(training->messages[i]),
                                        GRPC_SLICE_LENGTH(training->messages[i])};
    SS_TRY(ss_wire_training_start(messages[0], limits.max_columns, arena, &start, error));
    SS_TRY(ss_require_service(reader, start.service, &sending->service, error));
    SS_TRY(ss_wire_check_fingerprint(sending->service, start.fingerprint, error));
    SS_TRY(ss_wire_choose_features(sending->service, start.features, start.feature_count, arena,
                                   &sending->chosen, &sending->chosen_count, error));
    SS_TRY(ss_wire_spine_read(reader->definitions, sending->service, messages + 1, training->count - 1,
                              &limits, arena, &spine, error));
    const int64_t read_at_us = ss_clock_now(reader->store->clock);
    SS_TRY(ss_history_newest_commit(reader->store->history, &newest, error));
    spine.newest_s = newest.last_seq;
    spine.as_of_event_time = start.as_of_event_time;
    spine.inclusive = start.inclusive;
    sending->definitions = reader->definitions;
    SS_TRY(send_header(sending, &spine, read_at_us, error));
    return ss_point_in_time(reader->store->history, sending->service, &spine, NULL, &sink, error);
}

static void run(struct ss_worker_job *waiting, struct ss_materializer *reader)
{
    struct training *training = (struct training *)waiting;
    struct ss_call *call = training->call;
    struct sending sending = {.call = call};
    struct ss_arena arena;
    struct ss_error error;
    struct ss_pinned pinned = {0};
    ss_arena_init(&sending.arena, ss_serving_memory(call->shard->serving));
    ss_arena_init(&arena, MEMORY_TIMES * (size_t)ss_serving_settings(call->shard->serving)->max_spine_bytes);
    enum ss_status status = SS_OK;
    if (ss_call_is_gone(call))
        status = ss_fail(&error, SS_CANCELLED, "the call was cancelled before its table was begun");
    if (status == SS_OK)
        status = ss_pin(reader, false, 0, &pinned, &error); // the live definitions are the reader's
    ss_unpin(&pinned);
    if (status == SS_OK) status = make_table(training, reader, &arena, &sending, &error);
    if (status == SS_OK)
        ss_call_finish(call);
    else
        ss_call_fail(call, &error);
    ss_arena_release(&sending.arena);
    ss_arena_release(&arena);
    ss_call_release(call);
}

static void refuse(struct ss_worker_job *waiting, const struct ss_error *error)
{
    struct ss_call *call = ((struct training *)waiting)->call;
    ss_call_fail(call, error);
    ss_call_release(call);
}

static void on_half_closed(struct ss_call *call)
{
    struct ss_error error;
    struct training *training = call->state;
    if (!training) {
        ss_fail(&error, SS_INVALID, "the call ended before its first message, which has to be a `start`");
        ss_call_fail(call, &error);
        return;
    }
    if (training->is_refused) return;
    training->job = (struct ss_worker_job){.run = run, .refuse = refuse};
    training->call = call;
    ss_call_hold(call);
    if (ss_worker_do(call->shard->serving->training, &training->job, &error) == SS_OK) return;
    ss_call_fail(call, &error);
    ss_call_release(call);
}

static void released(struct ss_call *call)
{
    struct training *training = call->state;
    if (!training) return;
    for (size_t i = 0; i < training->count; i++) grpc_slice_unref(training->messages[i]);
    atomic_fetch_sub(&call->shard->serving->spine_bytes, training->bytes);
    free(training->messages);
    free(training);
}

static const struct ss_method training_method = {.path = "/selfsame.v1.FeatureStore/GetTrainingTable",
                                                 .metric = SS_METRIC_METHOD_GET_TRAINING_TABLE,
                                                 .message = on_message,
                                                 .half_closed = on_half_closed,
                                                 .released = released};
const struct ss_method *const ss_method_training = &training_method;
