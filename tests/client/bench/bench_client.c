// What the client costs: CPU of this process per lookup and its latency, against a server that always answers
// the same 20 doubles. Prints one line per way.
//
//   bench_client [--address host:port|unix:/path] [--seconds 2] [--rows 1]    no address: a
//   server of its own
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client/answer.h"
#include "client/lookup.h"
#include "client/net.h"
#include "client/selfsame.h"
#include "tests/client/bench/canned_server.h"

enum { SAMPLES_MAX = 1 << 20 };

static double seconds = 2;
static struct selfsame_client *client;
static const char *service = "bench";
static uint32_t *samples;
static size_t sample_count;

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void note(int64_t ns)
{
    if (sample_count < SAMPLES_MAX) samples[sample_count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static void report(const char *way, size_t calls, double cpu, double elapsed)
{
    qsort(samples, sample_count, sizeof *samples, by_size);
    const double p50 = sample_count ? samples[sample_count / 2] / 1e3 : 0,
                 p99 = sample_count ? samples[sample_count * 99 / 100] / 1e3 : 0;
    printf("%-34s %9.0f /s   client CPU %6.2f us   p50 %7.1f us   p99 %8.1f us\n", way,
           (double)calls / elapsed, cpu / (double)calls, p50, p99);
    fflush(stdout);
    sample_count = 0;
}

static struct selfsame_lookup *make_lookup(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create(service);
    selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, 12345);
    return lookup;
}

static void die(const struct selfsame_error *error)
{
    fprintf(stderr, "%s: %s\n", selfsame_code_name(error->code), error->message);
    exit(2);
}

static void blocking(void)
{
    struct selfsame_lookup *lookup = make_lookup();
    struct selfsame_error error;
    size_t calls = 0;
    const double cpu = cpu_us();
    const int64_t start = now_ns();
    while ((double)(now_ns() - start) < seconds * 1e9) {
        struct selfsame_answer *answer;
        const int64_t sent = now_ns();
        if (selfsame_get(client, lookup, &answer, &error) != SELFSAME_OK) die(&error);
        selfsame_answer_destroy(answer);
        note(now_ns() - sent);
        calls++;
    }
    report("blocking, 1 in flight", calls, cpu_us() - cpu, (double)(now_ns() - start) / 1e9);
    selfsame_lookup_destroy(lookup);
}

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void wake(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct wait *wait = context;
    if (error) die(error);
    selfsame_answer_destroy(answer);
    pthread_mutex_lock(&wait->lock);
    wait->done = true;
    pthread_cond_signal(&wait->changed);
    pthread_mutex_unlock(&wait->lock);
}

// The other way of a blocking call: the lane's thread completes it and wakes the caller.
static void blocking_by_callback(void)
{
    struct wait wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct selfsame_lookup *lookup = make_lookup();
    size_t calls = 0;
    const double cpu = cpu_us();
    const int64_t start = now_ns();
    while ((double)(now_ns() - start) < seconds * 1e9) {
        const int64_t sent = now_ns();
        wait.done = false;
        selfsame_get_async(client, lookup, wake, &wait, NULL);
        pthread_mutex_lock(&wait.lock);
        while (!wait.done) pthread_cond_wait(&wait.changed, &wait.lock);
        pthread_mutex_unlock(&wait.lock);
        note(now_ns() - sent);
        calls++;
    }
    report("callback and wake, 1 in flight", calls, cpu_us() - cpu, (double)(now_ns() - start) / 1e9);
    selfsame_lookup_destroy(lookup);
}

// A loop of lookups, each sent by the callback of the one before.
struct chain {
    struct selfsame_lookup *lookup;
    int64_t sent;
};

static atomic_bool stopping;
static atomic_size_t finished, chains;
static struct selfsame_stream *stream;

static void next(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct chain *chain = context;
    struct selfsame_error own;
    if (error) die(error);
    if (selfsame_values_status(selfsame_answer_feature(answer, 19), 0) != SELFSAME_STATUS_PRESENT) abort();
    selfsame_answer_destroy(answer);
    note(now_ns() - chain->sent);
    atomic_fetch_add(&finished, 1);
    if (atomic_load(&stopping)) {
        atomic_fetch_sub(&chains, 1);
        return;
    }
    chain->sent = now_ns();
    if ((stream ? selfsame_stream_send(stream, chain->lookup, chain, &own)
                : selfsame_get_async(client, chain->lookup, next, chain, &own)) != SELFSAME_OK)
        die(&own);
}

static void chained(const char *way, size_t in_flight)
{
    struct chain *list = calloc(in_flight, sizeof *list);
    const struct timespec pause = {.tv_nsec = 1000000};
    atomic_store(&stopping, false);
    atomic_store(&finished, 0);
    atomic_store(&chains, in_flight);
    const double cpu = cpu_us();
    const int64_t start = now_ns();
    for (size_t i = 0; i < in_flight; i++) {
        list[i] = (struct chain){make_lookup(), now_ns()};
        if (stream)
            selfsame_stream_send(stream, list[i].lookup, &list[i], NULL);
        else
            selfsame_get_async(client, list[i].lookup, next, &list[i], NULL);
    }
    const struct timespec all = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&all, NULL);
    atomic_store(&stopping, true);
    while (atomic_load(&chains)) nanosleep(&pause, NULL);
    report(way, atomic_load(&finished), cpu_us() - cpu, (double)(now_ns() - start) / 1e9);
    for (size_t i = 0; i < in_flight; i++) selfsame_lookup_destroy(list[i].lookup);
    free(list);
}

static void streamed(const char *way, size_t in_flight)
{
    struct selfsame_stream_options options;
    struct selfsame_error error;
    selfsame_stream_options_init(&options);
    options.max_in_flight = (uint32_t)in_flight;
    options.callback = next;
    if (selfsame_stream_open(client, &options, &stream, &error) != SELFSAME_OK) die(&error);
    chained(way, in_flight);
    selfsame_stream_close(stream);
    stream = NULL;
}

static void keep(struct ss_client_reply *reply)
{
    (void)reply;
}

static double decode_once(const struct ss_client_reply *reply, size_t rows)
{
    struct ss_client_reply borrowed = {.data = reply->data, .size = reply->size, .release = keep};
    struct selfsame_answer *answer;
    struct selfsame_error error;
    uint64_t id;
    double sum = 0;
    if (ss_client_answer_decode(&borrowed, &id, &answer, &error) != SELFSAME_OK) die(&error);
    for (size_t f = 0; f < 20; f++)
        for (size_t row = 0; row < rows; row++)
            sum += selfsame_values_double(selfsame_answer_feature(answer, f), row);
    selfsame_answer_destroy(answer);
    return sum;
}

// An answer as the server sent it, decoded and read over and over: the quickest of some rounds.
static void decode(size_t rows)
{
    struct selfsame_lookup *lookup = make_lookup();
    struct selfsame_bytes request;
    struct ss_client_reply reply = {0};
    struct selfsame_error error;
    ss_client_lookup_bytes(lookup, 0, &request, NULL);
    if (client->transport->get(client->transport, request.data, request.size, 0, &reply, &error) !=
        SELFSAME_OK)
        die(&error);
    enum { ROUNDS = 20000, TRIES = 20 };
    double sum = 0, best = 1e18, best_encode = 1e18;
    const size_t rounds = ROUNDS / rows + 1;
    for (int t = 0; t < TRIES; t++) {
        const int64_t start = now_ns();
        for (size_t i = 0; i < rounds; i++) sum += decode_once(&reply, rows);
        const int64_t middle = now_ns();
        for (size_t i = 0; i < rounds; i++) ss_client_lookup_bytes(lookup, i, &request, NULL);
        const double took = (double)(middle - start) / (double)rounds,
                     encode = (double)(now_ns() - middle) / (double)rounds;
        best = took < best ? took : best;
        best_encode = encode < best_encode ? encode : best_encode;
    }
    printf("decode and read %zu x 20: %.0f ns; encode of 1 row: %.0f ns (%g)\n", rows, best, best_encode,
           sum);
    ss_client_reply_release(&reply);
    selfsame_lookup_destroy(lookup);
}

int main(int argc, char **argv)
{
    const char *address = NULL;
    char own[64];
    size_t rows = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--address") == 0) address = argv[i + 1];
        if (strcmp(argv[i], "--seconds") == 0) seconds = atof(argv[i + 1]);
        if (strcmp(argv[i], "--rows") == 0) rows = (size_t)atol(argv[i + 1]);
        if (strcmp(argv[i], "--service") == 0) service = argv[i + 1];
    }
    if (!address) {
        snprintf(own, sizeof own, "127.0.0.1:%d", canned_server_start("127.0.0.1:0", rows));
        address = own;
    } else if (strncmp(address, "unix:", 5) == 0 && strcmp(service, "bench") == 0) {
        canned_server_start(address, rows);
    }
    samples = malloc(SAMPLES_MAX * sizeof *samples);
    struct selfsame_options options;
    struct selfsame_error error;
    selfsame_options_init(&options);
    options.address = address;
    options.token = "abcdefghijklmnopqrstuvwxyz0123456789";
    if (selfsame_connect(&options, &client, &error) != SELFSAME_OK ||
        selfsame_wait_ready(client, 5000, &error) != SELFSAME_OK)
        die(&error);
    decode(rows);
    blocking();
    blocking_by_callback();
    chained("callback, 1 in flight", 1);
    chained("callback, 64 in flight", 64);
    streamed("stream, 1 in flight", 1);
    streamed("stream, 64 in flight", 64);
    selfsame_close(client);
    free(samples);
    return 0;
}
