// The log's queue and its thread.
//
// The queue is a ring of bytes under a mutex that is held for a copy alone. The thread takes a line out,
// waits until the file takes it (poll; a line is no longer than what a pipe takes at once), and writes it.
// When it stops it gives the reader a second.

#include "server/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/time.h"

#define QUEUE_BYTES   (1 << 20)
#define PATIENCE_US   SS_SECOND_US // of a flush and of the end
#define MESSAGE_BYTES 2048
#define POLL_MS       50

struct ss_log {
    int file;
    _Atomic int level;
    atomic_bool json;
    int64_t (*now_us)(void *context);
    void *context;
    _Atomic uint64_t dropped;
    _Atomic uint64_t next_request;
    atomic_bool stopping;

    pthread_t thread;
    pthread_mutex_t mutex; // of all below
    pthread_cond_t work, idle;
    uint8_t *ring;
    size_t capacity, first, used; // lines, each behind its size as 4 bytes
    bool writing;                 // a line is taken out and not yet written
    uint64_t told;                // of `dropped`
};

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SS_SECOND_US + now.tv_nsec / 1000;
}

static int64_t machine_now_us(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SS_SECOND_US + now.tv_nsec / 1000;
}

// ---- The ring; the mutex is held

static void ring_put(struct ss_log *log, const void *bytes, size_t size)
{
    const size_t at = (log->first + log->used) % log->capacity;
    const size_t until_end = log->capacity - at < size ? log->capacity - at : size;
    memcpy(log->ring + at, bytes, until_end);
    memcpy(log->ring, (const uint8_t *)bytes + until_end, size - until_end);
    log->used += size;
}

static void ring_take(struct ss_log *log, void *bytes, size_t size)
{
    const size_t until_end = log->capacity - log->first < size ? log->capacity - log->first : size;
    memcpy(bytes, log->ring + log->first, until_end);
    memcpy((uint8_t *)bytes + until_end, log->ring, size - until_end);
    log->first = (log->first + size) % log->capacity;
    log->used -= size;
}

// ---- The thread

static bool wait_writable(const struct ss_log *log)
{
    struct pollfd file = {.fd = log->file, .events = POLLOUT};
    int64_t until_us = 0;
    for (;;) {
        const int ready = poll(&file, 1, POLL_MS);
        if (ready > 0) return true; // an error shows in the write
        if (ready < 0 && errno != EINTR) return false;
        if (!atomic_load(&log->stopping)) continue;
        if (!until_us) until_us = monotonic_us() + PATIENCE_US;
        if (monotonic_us() > until_us) return false;
    }
}

static bool write_line(struct ss_log *log, const uint8_t *line, size_t size)
{
    size_t done = 0;
    while (done < size) {
        if (!wait_writable(log)) return false;
        const ssize_t written = write(log->file, line + done, size - done);
        if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
        if (written > 0) done += (size_t)written;
    }
    return true;
}

static void tell_dropped(struct ss_log *log)
{
    struct ss_buffer line = {0};
    pthread_mutex_lock(&log->mutex);
    const uint64_t dropped = atomic_load(&log->dropped), told = log->told;
    log->told = dropped;
    pthread_mutex_unlock(&log->mutex);
    if (dropped == told) return;
    const struct ss_log_field fields[] = {ss_log_number("lines", (int64_t)(dropped - told))};
    ss_log_format(&line, atomic_load(&log->json), log->now_us(log->context), SS_LOG_WARN, fields, 1,
                  ss_bytes_of("lines of the log were dropped: whoever reads it is too slow"));
    if (!line.failed) write_line(log, line.data, line.size);
    ss_buffer_release(&line);
}

// False: the end.
static bool take_line(struct ss_log *log, uint8_t *line, size_t *size)
{
    uint32_t taken = 0;
    pthread_mutex_lock(&log->mutex);
    log->writing = false;
    if (!log->used) pthread_cond_broadcast(&log->idle);
    while (!log->used && !atomic_load(&log->stopping)) pthread_cond_wait(&log->work, &log->mutex);
    const bool any = log->used > 0;
    if (any) {
        ring_take(log, &taken, sizeof taken);
        ring_take(log, line, taken);
        log->writing = true;
    }
    pthread_mutex_unlock(&log->mutex);
    *size = taken;
    return any;
}

static void *run(void *argument)
{
    struct ss_log *log = argument;
    uint8_t line[SS_LOG_LINE_MAX];
    size_t size;
    bool gave_up = false;
    while (take_line(log, line, &size)) {
        if (!gave_up && !write_line(log, line, size)) {
            atomic_fetch_add(&log->dropped, 1);
            gave_up = atomic_load(&log->stopping);
        }
        if (!gave_up) tell_dropped(log);
    }
    if (!gave_up) tell_dropped(log);
    return NULL;
}

// ---- Making and ending it

static uint64_t random_start(void)
{
    uint64_t start = 0;
    if (getrandom(&start, sizeof start, GRND_NONBLOCK) != sizeof start)
        start = (uint64_t)machine_now_us(NULL) * UINT64_C(0x9e3779b97f4a7c15);
    return start;
}

static void release(struct ss_log *log)
{
    pthread_cond_destroy(&log->work);
    pthread_cond_destroy(&log->idle);
    pthread_mutex_destroy(&log->mutex);
    free(log->ring);
    free(log);
}

// The thread takes no signals: those are the server's.
static bool start(struct ss_log *log)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&log->thread, NULL, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed;
}

enum ss_status ss_log_create(const struct ss_log_options *options, struct ss_log **log,
                             struct ss_error *error)
{
    pthread_condattr_t monotonic;
    struct ss_log *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the log");
    made->capacity = options->queue_bytes ? options->queue_bytes : QUEUE_BYTES;
    made->ring = malloc(made->capacity);
    made->file = options->file;
    made->now_us = options->now_us ? options->now_us : machine_now_us;
    made->context = options->context;
    atomic_store(&made->next_request, random_start());
    ss_log_configure(made, options->level, options->json);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!made->ring || !start(made)) {
        release(made);
        return ss_fail_memory(error, "the log");
    }
    *log = made;
    return SS_OK;
}

void ss_log_destroy(struct ss_log *log)
{
    if (!log) return;
    pthread_mutex_lock(&log->mutex);
    atomic_store(&log->stopping, true);
    pthread_cond_signal(&log->work);
    pthread_mutex_unlock(&log->mutex);
    pthread_join(log->thread, NULL);
    release(log);
}

void ss_log_configure(struct ss_log *log, enum ss_log_level level, bool json)
{
    atomic_store(&log->level, (int)level);
    atomic_store(&log->json, json);
}

bool ss_log_wants(const struct ss_log *log, enum ss_log_level level)
{
    return log && (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

uint64_t ss_log_dropped(const struct ss_log *log)
{
    return atomic_load(&log->dropped);
}

void ss_log_flush(struct ss_log *log)
{
    struct timespec until;
    if (!log) return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_US / SS_SECOND_US;
    pthread_mutex_lock(&log->mutex);
    while ((log->used || log->writing) && pthread_cond_timedwait(&log->idle, &log->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&log->mutex);
}

// ---- Lines

static void enqueue(struct ss_log *log, const struct ss_buffer *line)
{
    const uint32_t size = (uint32_t)line->size;
    pthread_mutex_lock(&log->mutex);
    const bool fits =
        !line->failed && size <= SS_LOG_LINE_MAX && log->capacity - log->used >= sizeof size + size;
    if (fits) {
        ring_put(log, &size, sizeof size);
        ring_put(log, line->data, size);
        pthread_cond_signal(&log->work);
    } else {
        atomic_fetch_add(&log->dropped, 1);
    }
    pthread_mutex_unlock(&log->mutex);
}

void ss_log_write(struct ss_log *log, enum ss_log_level level, const struct ss_log_field *fields,
                  size_t field_count, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    struct ss_buffer line = {0};
    va_list arguments;
    if (!ss_log_wants(log, level)) return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ss_log_format(&line, atomic_load_explicit(&log->json, memory_order_relaxed), log->now_us(log->context),
                  level, fields, field_count, ss_bytes_of(message));
    enqueue(log, &line);
    ss_buffer_release(&line);
}

const char *ss_log_request_id(struct ss_log *log, char text[SS_REQUEST_ID_SIZE])
{
    const uint64_t id = atomic_fetch_add_explicit(&log->next_request, 1, memory_order_relaxed);
    snprintf(text, SS_REQUEST_ID_SIZE, "%016llx", (unsigned long long)id);
    return text;
}
