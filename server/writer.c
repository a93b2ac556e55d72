// The writer's thread.
//
//   take     pushes that wait, up to group_rows' worth of bytes, in the order they came
//   read     each becomes rows (wire/push_message.c); whose caller is gone or out of time is left out
//   commit   ss_push_group: one transaction of history, one online
//   answer   each, with what became of it
//
// A push is only begun while its caller still waits; once begun it is committed, whoever waits.

#include "server/writer.h"

#include <stdlib.h>

#include "wire/error_message.h"
#include "wire/push_message.h"

struct waiting {
    struct waiting *next;
    struct ss_call *call;
    grpc_slice message;
    size_t size;
    ss_push_done *done;
    uint64_t id;
    enum ss_status status; // not SS_OK: it is refused
    struct ss_error error;
    // Once taken:
    struct ss_wire_push push;
    struct ss_push_outcome outcome;
};

struct ss_writer {
    struct ss_serving *serving;
    struct ss_materializer *materializer;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping, is_busy;
    struct waiting *first, *last;
    struct ss_writer_task *tasks, *last_task;
    struct ss_writer_task *current; // under way, in steps
    uint64_t waiting_count, waiting_bytes;
    atomic_uint_fast64_t commits, pushes, rows;
};

// ---- The queue

// Under the lock.
static void enqueue(struct ss_writer *writer, struct waiting *waiting)
{
    ss_call_hold(waiting->call);
    if (writer->last)
        writer->last->next = waiting;
    else
        writer->first = waiting;
    writer->last = waiting;
    writer->waiting_count++;
    writer->waiting_bytes += waiting->size;
    pthread_cond_signal(&writer->changed);
}

// Under the lock.
static enum ss_status check_room(const struct ss_writer *writer, size_t size, struct ss_error *error)
{
    const uint64_t most = ss_serving_settings(writer->serving)->push_queue_bytes;
    if (writer->is_stopping || atomic_load(&writer->serving->is_stopping))
        return ss_fail(error, SS_STOPPING, "the server is stopping");
    if (!writer->waiting_count || writer->waiting_bytes + size <= most) return SS_OK;
    return ss_fail(error, SS_BUSY,
                   "%llu bytes of pushes wait for their commit; the limit is %llu (push_queue_bytes)",
                   (unsigned long long)writer->waiting_bytes, (unsigned long long)most);
}

enum ss_status ss_writer_push(struct ss_writer *writer, struct ss_call *call, grpc_slice message,
                              ss_push_done *done, struct ss_error *error)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (!waiting) return ss_fail_memory(error, "a push");
    *waiting = (struct waiting){
        .call = call, .message = grpc_slice_ref(message), .size = GRPC_SLICE_LENGTH(message), .done = done};
    pthread_mutex_lock(&writer->lock);
    const enum ss_status status = check_room(writer, waiting->size, error);
    if (status == SS_OK) enqueue(writer, waiting);
    pthread_mutex_unlock(&writer->lock);
    if (status == SS_OK) return SS_OK;
    grpc_slice_unref(waiting->message);
    free(waiting);
    return status;
}

void ss_writer_refuse(struct ss_writer *writer, struct ss_call *call, uint64_t id, ss_push_done *done,
                      const struct ss_error *error)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting)
        *waiting = (struct waiting){.call = call,
                                    .message = grpc_empty_slice(),
                                    .done = done,
                                    .id = id,
                                    .status = error->status,
                                    .error = *error};
    pthread_mutex_lock(&writer->lock);
    const bool is_stopping = writer->is_stopping;
    if (waiting && !is_stopping) enqueue(writer, waiting);
    pthread_mutex_unlock(&writer->lock);
    if (waiting && !is_stopping) return;
    free(waiting);
    ss_call_fail(call, error); // no turn comes any more
}

void ss_writer_do(struct ss_writer *writer, struct ss_writer_task *task)
{
    struct ss_error error;
    pthread_mutex_lock(&writer->lock);
    const bool is_stopping = writer->is_stopping || atomic_load(&writer->serving->is_stopping);
    if (!is_stopping) {
        task->next = NULL;
        if (writer->last_task)
            writer->last_task->next = task;
        else
            writer->tasks = task;
        writer->last_task = task;
        pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    if (!is_stopping) return;
    ss_fail(&error, SS_STOPPING, "the server is stopping");
    task->refuse(task, &error);
}

// Those that share the next commit. Under the lock.
static struct waiting *take_group(struct ss_writer *writer, size_t *count)
{
    const uint64_t most = ss_serving_settings(writer->serving)->group_bytes;
    struct waiting *first = writer->first, *last = NULL;
    uint64_t bytes = 0;
    *count = 0;
    while (writer->first && (!last || bytes + writer->first->size <= most)) {
        last = writer->first;
        bytes += last->size;
        writer->first = last->next;
        (*count)++;
    }
    if (!writer->first) writer->last = NULL;
    if (last) last->next = NULL;
    writer->waiting_count -= *count;
    writer->waiting_bytes -= bytes;
    return first;
}

// ---- A group

// A live row stamped ahead of the store's clock moves the clock there (DESIGN C1), which some with fast
// clocks, or of ill will, could do again and again. Once the clock leads the machine's, such rows wait until
// it has come up.
#define CLOCK_LEAD_US 2000000

static enum ss_status check_lead(const struct ss_materializer *materializer, const struct ss_push *push,
                                 struct ss_error *error)
{
    const struct ss_column *times = &push->columns[push->source->event_time_column];
    const int64_t clock_us = ss_clock_now(materializer->store->clock);
    if (!push->live || ss_clock_kind(materializer->store->clock) != SS_CLOCK_WALL) return SS_OK;
    const int64_t lead_us = clock_us - ss_wall_us();
    if (lead_us <= CLOCK_LEAD_US) return SS_OK;
    for (int32_t row = 0; row < push->length; row++)
        if (ss_bit_get(times->validity, row) && times->i64[row] > clock_us)
            return ss_fail(
                error, SS_BUSY,
                "source '%s': row %d is stamped ahead of the store's clock, which is %.1f s ahead of the "
                "machine's already; send it when its time has come",
                push->source->name, (int)row, (double)lead_us / 1e6);
    return SS_OK;
}

static enum ss_status read_push(struct ss_writer *writer, struct waiting *waiting, struct ss_arena *arena,
                                struct ss_error *error)
{
    const struct ss_bytes bytes = {(const char *)GRPC_SLICE_START_PTR(waiting->message), waiting->size};
    const struct ss_definitions *definitions = writer->materializer->definitions;
    waiting->id = ss_wire_get_id(bytes);
    if (ss_call_is_late(waiting->call))
        return ss_fail(error, SS_TOO_LATE,
                       "the deadline was over before the push was begun: nothing of it was kept");
    if (ss_call_is_gone(waiting->call))
        return ss_fail(error, SS_CANCELLED, "the call was cancelled before its push was begun");
    if (!definitions)
        return ss_fail(error, SS_INVALID,
                       "no definitions were applied to the store yet; 'selfsame apply' does");
    SS_TRY(ss_wire_push_read(definitions, bytes, (size_t)ss_serving_settings(writer->serving)->max_columns,
                             arena, &waiting->push, error));
    return check_lead(writer->materializer, &waiting->push.push, error);
}

static void answer(struct ss_writer *writer, struct waiting *waiting, struct ss_arena *arena)
{
    struct ss_bytes bytes = {0};
    if (waiting->status == SS_OK) {
        bytes = ss_wire_push_answer(&waiting->push, &waiting->outcome.result, arena);
        if (!bytes.data) waiting->status = ss_fail_memory(&waiting->error, "the answer to a push");
    }
    if (waiting->status == SS_OK)
        ss_observe_push(writer->materializer->definitions, waiting->push.push.source,
                        &waiting->outcome.result);
    waiting->done(waiting->call, waiting->id, bytes, &waiting->error);
}

// Was anything committed?
static bool commit(struct ss_writer *writer, struct waiting *group, size_t count, struct ss_arena *arena)
{
    const struct ss_push **pushes = ss_arena_array(arena, count + 1, sizeof *pushes);
    struct ss_push_outcome *outcomes = ss_arena_array(arena, count + 1, sizeof *outcomes);
    size_t taken = 0;
    uint64_t rows = 0;
    for (struct waiting *waiting = group; waiting; waiting = waiting->next) {
        if (waiting->status != SS_OK) continue;
        waiting->status = pushes && outcomes ? read_push(writer, waiting, arena, &waiting->error)
                                             : ss_fail_memory(&waiting->error, "a commit");
        if (waiting->status != SS_OK) continue;
        rows += (uint64_t)waiting->push.push.length;
        pushes[taken++] = &waiting->push.push;
    }
    if (!taken) return false;
    const int64_t begun_us = ss_monotonic_us();
    ss_push_group(writer->materializer, pushes, taken, outcomes);
    ss_observe_commit(taken, rows, begun_us);
    atomic_fetch_add(&writer->commits, 1);
    atomic_fetch_add(&writer->pushes, taken);
    atomic_fetch_add(&writer->rows, rows);
    taken = 0;
    for (struct waiting *waiting = group; waiting; waiting = waiting->next) {
        if (waiting->status != SS_OK) continue;
        waiting->outcome = outcomes[taken++];
        waiting->status = waiting->outcome.status;
        waiting->error = waiting->outcome.error;
    }
    return true;
}

static void run_group(struct ss_writer *writer, struct waiting *group, size_t count, struct ss_arena *arena)
{
    ss_arena_reset(arena);
    const bool committed = commit(writer, group, count, arena);
    while (group) {
        struct waiting *waiting = group;
        group = waiting->next;
        answer(writer, waiting, arena);
        grpc_slice_unref(waiting->message);
        ss_call_release(waiting->call);
        free(waiting);
    }
    if (committed) ss_push_settle(writer->materializer);
}

// ---- The thread

// Under the lock. Is there something to do?
static bool take_task(struct ss_writer *writer)
{
    if (!writer->current && writer->tasks) {
        writer->current = writer->tasks;
        writer->tasks = writer->current->next;
        if (!writer->tasks) writer->last_task = NULL;
    }
    return writer->current != NULL;
}

static void *run(void *context)
{
    struct ss_writer *writer = context;
    struct ss_arena arena;
    ss_arena_init(&arena, ss_serving_memory(writer->serving));
    ss_observe_thread(writer->serving);
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (!writer->first && !take_task(writer) && !writer->is_stopping)
            pthread_cond_wait(&writer->changed, &writer->lock);
        if (!writer->first && writer->is_stopping) break;
        size_t count;
        struct waiting *group = take_group(writer, &count);
        writer->is_busy = true;
        pthread_mutex_unlock(&writer->lock);
        if (group) run_group(writer, group, count, &arena);
        struct ss_writer_task *task = writer->current; // changed by this thread alone
        const bool is_over = task && task->step(task, writer->materializer);
        pthread_mutex_lock(&writer->lock);
        if (is_over) writer->current = NULL;
        writer->is_busy = false;
    }
    pthread_mutex_unlock(&writer->lock);
    ss_arena_release(&arena);
    ss_observe_thread_end();
    return NULL;
}

enum ss_status ss_writer_start(struct ss_serving *serving, struct ss_materializer *materializer,
                               struct ss_writer **writer, struct ss_error *error)
{
    struct ss_writer *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the writer");
    made->serving = serving;
    made->materializer = materializer;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    if (pthread_create(&made->thread, NULL, run, made) != 0) {
        pthread_mutex_destroy(&made->lock);
        pthread_cond_destroy(&made->changed);
        free(made);
        return ss_fail(error, SS_IO, "the writer's thread could not be started");
    }
    *writer = made;
    return SS_OK;
}

void ss_writer_finish(struct ss_writer *writer)
{
    struct ss_error error;
    if (!writer) return;
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    ss_fail(&error, SS_STOPPING, "the server is stopping");
    while (take_task(writer)) {
        writer->current->refuse(writer->current, &error);
        writer->current = NULL;
    }
}

void ss_writer_close(struct ss_writer *writer)
{
    if (!writer) return;
    ss_materializer_close(writer->materializer);
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->changed);
    free(writer);
}

void ss_writer_gauges(struct ss_writer *writer, struct ss_writer_gauges *gauges)
{
    pthread_mutex_lock(&writer->lock);
    *gauges = (struct ss_writer_gauges){.waiting_pushes = writer->waiting_count,
                                        .waiting_bytes = writer->waiting_bytes,
                                        .is_busy = writer->is_busy || writer->first || writer->tasks ||
                                                   writer->current};
    pthread_mutex_unlock(&writer->lock);
    gauges->commits = atomic_load(&writer->commits);
    gauges->pushes = atomic_load(&writer->pushes);
    gauges->rows = atomic_load(&writer->rows);
}
