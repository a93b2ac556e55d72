// Lookups at full speed or at a rate.
//
//   closed loop   so many calls are in flight; each answer's callback sends the next call
//   open loop     calls are due at random times (Poisson) whatever the answers do; a call that goes out late
//                 has waited since it was due. The connection's thread spins
//   in process    as many threads as calls in flight
//
// Counted is what ends between the end of the warm-up and the end of the run. A flight is one call at a time,
// and belongs to whoever runs it: no lock is taken for a call of the closed loop.

#include "tools/bench_load.h"

#include "client/net.h"
#include "client/net_calls.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_FLIGHTS 256 // with thousands in the air the client misses its caches and cannot make up for a stall: calls wait here
#define DRAIN_MS     10000

enum phase { WARMING, MEASURING, ENDING };

struct run;

struct flight {
    struct run *run;
    struct selfsame_lookup *lookup;
    struct selfsame_column *key;
    struct selfsame_stream *stream;
    uint64_t random;
    int64_t begun_ns;
    struct ss_bench_latencies latencies;
    uint64_t calls, absent, errors;
    pthread_t thread;
    struct flight *next; // of the free ones
};

struct run {
    const struct ss_bench_load *load;
    struct flight *flights;
    size_t flight_count;
    struct selfsame_stream **streams;
    atomic_int phase;
    atomic_size_t in_flight;
    pthread_mutex_t lock;
    struct flight *free; // of the open loop
    char error[256];
    int64_t most_in_flight;
};

static enum phase phase_of(struct run *run)
{
    return (enum phase)atomic_load_explicit(&run->phase, memory_order_relaxed);
}

// ---- One call

static void set_key(struct flight *flight, size_t row)
{
    const struct ss_bench_load *load = flight->run->load;
    uint64_t number = ss_bench_random(&flight->random) % (uint64_t)load->entities;
    char text[128];
    if (load->key_is_number) {
        selfsame_set_int64(flight->key, row, (int64_t)number);
        return;
    }
    const size_t prefix = strlen(load->prefix);
    memcpy(text, load->prefix, prefix);
    for (size_t i = prefix + 12; i > prefix; number /= 10) text[--i] = (char)('0' + number % 10);
    selfsame_set_text(flight->key, row, text, prefix + 12);
}

static void note_error(struct run *run, const struct selfsame_error *error)
{
    pthread_mutex_lock(&run->lock);
    if (!run->error[0])
        snprintf(run->error, sizeof run->error, "%s: %.200s", selfsame_code_name(error->code),
                 error->message);
    pthread_mutex_unlock(&run->lock);
}

static void count_rows(struct flight *flight, const struct selfsame_answer *answer)
{
    const struct selfsame_values *first = selfsame_answer_feature(answer, 0);
    const size_t rows = selfsame_answer_rows(answer);
    for (size_t row = 0; row < rows; row++)
        flight->absent += !first || selfsame_values_status(first, row) != SELFSAME_STATUS_PRESENT;
}

static void ended(struct flight *flight, const struct selfsame_answer *answer,
                  const struct selfsame_error *error)
{
    if (error) note_error(flight->run, error);
    if (phase_of(flight->run) != MEASURING) return;
    ss_bench_latency_add(&flight->latencies, ss_bench_now_ns() - flight->begun_ns);
    flight->calls++;
    if (error) flight->errors++;
    if (answer) count_rows(flight, answer);
}

static void landed(struct flight *flight);
static void answered(void *context, struct selfsame_answer *answer, const struct selfsame_error *error);

static void checked(void *context, struct ss_client_reply *reply, const struct selfsame_error *error)
{
    struct flight *flight = context;
    if (reply) ss_client_reply_release(reply);
    ended(flight, NULL, reply ? NULL : error);
    landed(flight);
}

static void launch(struct flight *flight)
{
    const struct ss_bench_load *load = flight->run->load;
    struct selfsame_error error = {0};
    enum selfsame_code code;
    if (load->health) {
        code = ss_client_net_call_async(load->client->net, SS_CLIENT_HEALTH_CHECK, "", 0, 0, checked, flight,
                                        &error);
    } else {
        for (size_t row = 0; row < (size_t)load->entities_per_call; row++) set_key(flight, row);
        code = flight->stream ? selfsame_stream_send(flight->stream, flight->lookup, flight, &error)
                              : selfsame_get_async(load->client, flight->lookup, answered, flight, &error);
    }
    if (code == SELFSAME_OK) return;
    ended(flight, NULL, &error);
    atomic_store(&flight->run->phase, ENDING); // no call can be made any more
    atomic_fetch_sub(&flight->run->in_flight, 1);
}

static void give_free(struct flight *flight)
{
    struct run *run = flight->run;
    pthread_mutex_lock(&run->lock);
    flight->next = run->free;
    run->free = flight;
    pthread_mutex_unlock(&run->lock);
    atomic_fetch_sub(&run->in_flight, 1);
}

static void landed(struct flight *flight)
{
    struct run *run = flight->run;
    if (run->load->rate > 0) {
        give_free(flight);
    } else if (phase_of(run) == ENDING) {
        atomic_fetch_sub(&run->in_flight, 1);
    } else {
        flight->begun_ns = ss_bench_now_ns();
        launch(flight);
    }
}

static void answered(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct flight *flight = context;
    ended(flight, answer, answer ? NULL : error);
    selfsame_answer_destroy(answer);
    landed(flight);
}

static void *run_in_process(void *context)
{
    struct flight *flight = context;
    const struct ss_bench_load *load = flight->run->load;
    struct selfsame_error error;
    while (phase_of(flight->run) != ENDING) {
        struct selfsame_answer *answer = NULL;
        flight->begun_ns = ss_bench_now_ns();
        for (size_t row = 0; row < (size_t)load->entities_per_call; row++) set_key(flight, row);
        const enum selfsame_code code = selfsame_get(load->client, flight->lookup, &answer, &error);
        ended(flight, answer, code == SELFSAME_OK ? NULL : &error);
        selfsame_answer_destroy(answer);
    }
    atomic_fetch_sub(&flight->run->in_flight, 1);
    return NULL;
}

// ---- Making and releasing

static bool make_flight(struct run *run, size_t index)
{
    const struct ss_bench_load *load = run->load;
    struct flight *flight = &run->flights[index];
    *flight = (struct flight){.run = run, .random = UINT64_C(0x5eed) * (index + 1)};
    if (load->stream) flight->stream = run->streams[index % (size_t)load->streams];
    if (load->health) return true;
    flight->lookup = selfsame_lookup_create(load->service);
    if (!flight->lookup) return false;
    flight->key = selfsame_lookup_key(flight->lookup, load->key,
                                      load->key_is_number ? SELFSAME_TYPE_INT64 : SELFSAME_TYPE_STRING);
    selfsame_lookup_rows(flight->lookup, (size_t)load->entities_per_call);
    return true;
}

static enum ss_status client_failed(const struct selfsame_error *from, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "bench: %s", from->message);
}

static enum ss_status open_streams(struct run *run, struct ss_error *error)
{
    struct selfsame_stream_options options;
    struct selfsame_error why;
    const struct ss_bench_load *load = run->load;
    if (!load->stream) return SS_OK;
    run->streams = calloc((size_t)load->streams, sizeof(struct selfsame_stream *));
    if (!run->streams) return ss_fail_memory(error, "bench: the streams");
    selfsame_stream_options_init(&options);
    options.max_in_flight = (uint32_t)run->flight_count;
    options.callback = answered;
    for (int64_t i = 0; i < load->streams; i++)
        if (selfsame_stream_open(load->client, &options, &run->streams[i], &why) != SELFSAME_OK)
            return client_failed(&why, error);
    return SS_OK;
}

static enum ss_status make(struct run *run, struct ss_error *error)
{
    const struct ss_bench_load *load = run->load;
    run->flight_count = load->rate > 0 ? OPEN_FLIGHTS : (size_t)load->in_flight;
    run->flights = calloc(run->flight_count, sizeof *run->flights);
    if (!run->flights) return ss_fail_memory(error, "bench: the calls");
    SS_TRY(open_streams(run, error));
    for (size_t i = 0; i < run->flight_count; i++) {
        if (!make_flight(run, i)) return ss_fail_memory(error, "bench: the calls");
        run->flights[i].next = run->free;
        run->free = &run->flights[i];
    }
    return SS_OK;
}

static void release(struct run *run)
{
    for (int64_t i = 0; run->streams && i < run->load->streams; i++)
        if (run->streams[i]) selfsame_stream_close(run->streams[i]);
    for (size_t i = 0; run->flights && i < run->flight_count; i++) {
        selfsame_lookup_destroy(run->flights[i].lookup);
        ss_bench_latency_release(&run->flights[i].latencies);
    }
    free(run->streams);
    free(run->flights);
    pthread_mutex_destroy(&run->lock);
}

// ---- The run

struct clock { // of the phases
    int64_t begin_ns, end_ns;
    double server_cpu_s, client_cpu_s;
};

static void begin_measuring(struct run *run, struct clock *clock)
{
    clock->begin_ns = ss_bench_now_ns();
    clock->server_cpu_s = ss_bench_cpu_s(run->load->server);
    clock->client_cpu_s = ss_bench_own_cpu_s();
    atomic_store(&run->phase, MEASURING);
}

static void end_measuring(struct run *run, struct clock *clock)
{
    atomic_store(&run->phase, ENDING);
    clock->end_ns = ss_bench_now_ns();
    clock->server_cpu_s = ss_bench_cpu_s(run->load->server) - clock->server_cpu_s;
    clock->client_cpu_s = ss_bench_own_cpu_s() - clock->client_cpu_s;
}

static int64_t after(int64_t ns, double seconds)
{
    return ns + (int64_t)(seconds * 1e9);
}

static enum ss_status run_closed(struct run *run, struct clock *clock, struct ss_error *error)
{
    const struct ss_bench_load *load = run->load;
    atomic_store(&run->in_flight, run->flight_count);
    for (size_t i = 0; i < run->flight_count; i++) {
        struct flight *flight = &run->flights[i];
        flight->begun_ns = ss_bench_now_ns();
        if (!load->in_process)
            launch(flight);
        else if (pthread_create(&flight->thread, NULL, run_in_process, flight) != 0)
            return ss_fail(error, SS_IO, "bench: no thread could be started");
    }
    ss_bench_sleep_until(after(ss_bench_now_ns(), load->warm_up_s));
    begin_measuring(run, clock);
    ss_bench_sleep_until(after(clock->begin_ns, load->seconds));
    end_measuring(run, clock);
    for (size_t i = 0; load->in_process && i < run->flight_count; i++)
        pthread_join(run->flights[i].thread, NULL);
    return SS_OK;
}

// The open loop is a turn that the connection's thread takes again and again between what it reads: no other
// thread wakes it, or waits for it. It spins, so that a call goes out when it is due.
struct pacer {
    struct ss_client_later turn;
    struct run *run;
    struct clock *clock;
    uint64_t random;
    int64_t due_ns, measure_ns, end_ns;
    atomic_bool is_over;
};

// A call is due. False: all flights are in the air, and it waits for one to come back.
static bool depart(struct run *run, int64_t due_ns)
{
    pthread_mutex_lock(&run->lock);
    struct flight *flight = run->free;
    if (flight) run->free = flight->next;
    pthread_mutex_unlock(&run->lock);
    if (!flight) return false;
    const int64_t in_flight = (int64_t)atomic_fetch_add(&run->in_flight, 1) + 1;
    if (in_flight > run->most_in_flight) run->most_in_flight = in_flight;
    flight->begun_ns = due_ns;
    launch(flight);
    return true;
}

static void take_turn(struct ss_client_later *turn)
{
    struct pacer *pacer = (struct pacer *)(void *)turn;
    struct run *run = pacer->run;
    const int64_t now_ns = ss_bench_now_ns();
    if (now_ns >= pacer->measure_ns && phase_of(run) == WARMING) begin_measuring(run, pacer->clock);
    while (pacer->due_ns <= now_ns && phase_of(run) != ENDING && depart(run, pacer->due_ns))
        pacer->due_ns = after(pacer->due_ns, -log(1 - ss_bench_unit(&pacer->random)) / run->load->rate);
    if (now_ns < pacer->end_ns && phase_of(run) != ENDING) {
        sched_yield(); // a server that was woken on this core shall not wait for a time slice
        ss_client_lane_later(ss_client_this_lane(), turn);
    } else {
        end_measuring(run, pacer->clock);
        atomic_store(&pacer->is_over, true);
    }
}

static void begin_turns(void *context, struct ss_client_reply *reply, const struct selfsame_error *error)
{
    struct pacer *pacer = context;
    (void)error; // the calls will tell
    if (reply) ss_client_reply_release(reply);
    pacer->due_ns = ss_bench_now_ns();
    pacer->measure_ns = after(pacer->due_ns, pacer->run->load->warm_up_s);
    pacer->end_ns = after(pacer->measure_ns, pacer->run->load->seconds);
    take_turn(&pacer->turn);
}

static enum ss_status run_open(struct run *run, struct clock *clock, struct ss_error *error)
{
    struct pacer pacer = {.turn.run = take_turn, .run = run, .clock = clock, .random = 7};
    struct selfsame_error why;
    if (ss_client_net_call_async(run->load->client->net, SS_CLIENT_HEALTH_CHECK, "", 0, 0, begin_turns, &pacer,
                                 &why) != SELFSAME_OK)
        return client_failed(&why, error);
    while (!atomic_load(&pacer.is_over)) ss_bench_sleep_until(after(ss_bench_now_ns(), 1e-2));
    return SS_OK;
}

static enum ss_status drain(struct run *run, struct ss_error *error)
{
    const int64_t until_ns = after(ss_bench_now_ns(), DRAIN_MS / 1000.0);
    while (atomic_load(&run->in_flight) && ss_bench_now_ns() < until_ns)
        ss_bench_sleep_until(after(ss_bench_now_ns(), 1e-4));
    if (!atomic_load(&run->in_flight)) return SS_OK;
    return ss_fail(error, SS_TOO_LATE, "bench: %zu calls were not answered within %d s",
                   atomic_load(&run->in_flight), DRAIN_MS / 1000);
}

static void sum_up(struct run *run, const struct clock *clock, struct ss_bench_loaded *loaded)
{
    *loaded = (struct ss_bench_loaded){.seconds = (double)(clock->end_ns - clock->begin_ns) * 1e-9,
                                       .server_cpu_s = clock->server_cpu_s,
                                       .client_cpu_s = clock->client_cpu_s,
                                       .most_in_flight = run->most_in_flight};
    for (size_t i = 0; i < run->flight_count; i++) {
        const struct flight *flight = &run->flights[i];
        loaded->calls += flight->calls;
        loaded->absent += flight->absent;
        loaded->errors += flight->errors;
        ss_bench_latency_join(&loaded->latencies, &flight->latencies);
    }
    loaded->rows =
        run->load->health ? 0 : (loaded->calls - loaded->errors) * (uint64_t)run->load->entities_per_call;
    memcpy(loaded->error, run->error, sizeof loaded->error);
    ss_bench_latency_sort(&loaded->latencies);
}

enum ss_status ss_bench_load(const struct ss_bench_load *load, struct ss_bench_loaded *loaded,
                             struct ss_error *error)
{
    struct run run = {.load = load};
    struct clock clock = {0};
    pthread_mutex_init(&run.lock, NULL);
    enum ss_status status = make(&run, error);
    if (status == SS_OK && load->rate > 0)
        status = run_open(&run, &clock, error);
    else if (status == SS_OK)
        status = run_closed(&run, &clock, error);
    if (status == SS_OK) status = drain(&run, error);
    if (status != SS_OK) return status; // calls may still come back to what they belong to
    sum_up(&run, &clock, loaded);
    release(&run);
    return SS_OK;
}

void ss_bench_loaded_release(struct ss_bench_loaded *loaded)
{
    ss_bench_latency_release(&loaded->latencies);
}
