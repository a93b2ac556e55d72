// Connections: lanes, their threads, and what is in flight on them.
//
// One thread per lane, the only one that takes from the lane's completion queue. It polls while operations
// are out, and a little longer (IDLE_POLL_MS), for the next one of a caller who has one in flight at a time
// comes soon; then it sleeps until there is one again.
//
// What happens before what: who starts an operation fills it in and raises lane->ops with release order; the
// thread reads lane->ops with acquire order before it touches one. (The completion queue orders them too, but
// what lies in a library is not seen by a thread sanitizer.)
#include "client/net.h"

#include "client/channel.h"
#include "client/error.h"
#include "client/token.h"

#include <grpc/support/time.h>
#include <signal.h>
#include <stdlib.h>

enum { IDLE_POLL_MS = 2, MEND_TURN_MS = 200, RUN_MAX = 32, DEADLINE_DEFAULT_MS = 10000 };

static _Thread_local struct ss_client_lane *this_lane;

struct ss_client_core {
    atomic_size_t refs;
};

static struct ss_client_core *core_create(void)
{
    struct ss_client_core *core = malloc(sizeof *core);
    if (!core) return NULL;
    atomic_init(&core->refs, 1);
    grpc_init();
    return core;
}

void ss_client_core_ref(struct ss_client_core *core)
{
    atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
}

void ss_client_core_unref(struct ss_client_core *core)
{
    if (atomic_fetch_sub_explicit(&core->refs, 1, memory_order_acq_rel) != 1) return;
    free(core);
    grpc_shutdown();
}

struct ss_client_lane *ss_client_this_lane(void)
{
    return this_lane;
}

void ss_client_lane_later(struct ss_client_lane *lane, struct ss_client_later *later)
{
    later->next = lane->later;
    lane->later = later;
}

static gpr_timespec after_ms(int64_t ms)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

// Sleeps while there is nothing to poll for. False: the lane is closed and has nothing left.
static bool wait_for_ops(struct ss_client_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    while (!atomic_load(&lane->ops) && !lane->closing) {
        lane->sleeps = true;
        pthread_cond_wait(&lane->changed, &lane->lock);
        lane->sleeps = false;
    }
    const bool has_ops = atomic_load(&lane->ops) != 0;
    pthread_mutex_unlock(&lane->lock);
    return has_ops;
}

static void run_later(struct ss_client_lane *lane)
{
    struct ss_client_later *later = lane->later;
    lane->later = NULL; // what is put there from now on waits for the next turn
    while (later) {
        struct ss_client_later *next = later->next;
        later->run(later);
        later = next;
    }
}

// Until when to poll: not at all while something is to be done later, as long as it takes while operations
// are out.
static gpr_timespec poll_until(struct ss_client_lane *lane)
{
    if (lane->later) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
    if (atomic_load_explicit(&lane->ops, memory_order_acquire)) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return after_ms(IDLE_POLL_MS);
}

// A program may have a way to wait that lets what this thread sends leave together, as selfsame has
// (server/sends.h).
__attribute__((weak, visibility("hidden"))) grpc_event ss_sends_next_event(grpc_completion_queue *queue,
                                                                             gpr_timespec until);

static grpc_event next_event(struct ss_client_lane *lane)
{
    const gpr_timespec until = poll_until(lane);
    if (ss_sends_next_event) return ss_sends_next_event(lane->queue, until);
    return grpc_completion_queue_next(lane->queue, until, NULL);
}

static void *run_lane(void *context)
{
    struct ss_client_lane *lane = context;
    unsigned run = 0; // since something was done later
    this_lane = lane;
    for (;;) {
        const grpc_event event = next_event(lane);
        if (event.type == GRPC_OP_COMPLETE) {
            (void)atomic_load_explicit(&lane->ops, memory_order_acquire);
            struct ss_client_op *op = event.tag;
            op->done(op, event.success != 0);
            atomic_fetch_sub_explicit(&lane->ops, 1, memory_order_acq_rel);
            if (++run < RUN_MAX) continue;
        }
        run = 0;
        if (lane->later)
            run_later(lane);
        else if (event.type != GRPC_OP_COMPLETE && !wait_for_ops(lane))
            break;
    }
    return NULL;
}

// Signals are for the application's threads.
static bool start_thread(struct ss_client_lane *lane)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    lane->has_thread = pthread_create(&lane->thread, NULL, run_lane, lane) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return lane->has_thread;
}

static void link_flight(struct ss_client_lane *lane, struct ss_client_flight *flight)
{
    flight->next = lane->flights;
    flight->at = &lane->flights;
    if (flight->next) flight->next->at = &flight->next;
    lane->flights = flight;
}

enum selfsame_code ss_client_lane_begin(struct ss_client_lane *lane, struct ss_client_flight *flight,
                                        size_t ops, struct selfsame_error *error)
{
    enum selfsame_code code = SELFSAME_OK;
    pthread_mutex_lock(&lane->lock);
    if (lane->closing) {
        code = ss_client_fail(error, SELFSAME_CANCELLED, "the client: it is being closed");
    } else if (ops && !lane->has_thread && !start_thread(lane)) {
        code = ss_client_fail(error, SELFSAME_RESOURCE_EXHAUSTED, "the client: no thread could be started");
    } else {
        link_flight(lane, flight);
        if (ops) atomic_fetch_add_explicit(&lane->ops, ops, memory_order_acq_rel);
        if (ops && lane->sleeps) pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    return code;
}

// Of the client, only the core is touched after the lane's lock was given back: a close may have waited for
// that.
void ss_client_lane_end(struct ss_client_lane *lane, struct ss_client_flight *flight)
{
    struct ss_client_core *core = lane->net->core;
    grpc_call *call = flight->call;
    ss_client_core_ref(core);
    pthread_mutex_lock(&lane->lock);
    *flight->at = flight->next;
    if (flight->next) flight->next->at = flight->at;
    flight->at = NULL;
    if (lane->closing && !lane->flights) pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    grpc_call_unref(call);
    ss_client_core_unref(core);
}

void ss_client_lane_more(struct ss_client_lane *lane)
{
    atomic_fetch_add_explicit(&lane->ops, 1, memory_order_acq_rel);
}

// With the lock. The next turn of watching the connection, which is one op of the lane's queue; none when it
// stands.
static void watch(struct ss_client_lane *lane)
{
    const grpc_connectivity_state state = grpc_channel_check_connectivity_state(lane->channel, 1);
    lane->mending = !lane->closing && state != GRPC_CHANNEL_READY;
    if (!lane->mending) return;
    ss_client_lane_more(lane);
    grpc_channel_watch_connectivity_state(lane->channel, state, after_ms(MEND_TURN_MS), lane->queue,
                                          &lane->mend);
}

// A turn has ended: the state has changed, or the time is over.
static void mend_done(struct ss_client_op *op, bool ok)
{
    struct ss_client_lane *lane =
        (struct ss_client_lane *)(void *)((char *)op - offsetof(struct ss_client_lane, mend));
    (void)ok;
    pthread_mutex_lock(&lane->lock);
    watch(lane);
    pthread_mutex_unlock(&lane->lock);
}

void ss_client_lane_mend(struct ss_client_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    if (!lane->mending && !lane->closing && (lane->has_thread || start_thread(lane))) {
        watch(lane);
        if (lane->sleeps) pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
}

static void close_lane(struct ss_client_lane *lane)
{
    if (!lane->channel) return;
    pthread_mutex_lock(&lane->lock);
    lane->closing = true;
    for (struct ss_client_flight *flight = lane->flights; flight; flight = flight->next)
        (void)grpc_call_cancel(flight->call, NULL);
    pthread_cond_broadcast(&lane->changed);
    while (lane->flights) pthread_cond_wait(&lane->changed, &lane->lock);
    pthread_mutex_unlock(&lane->lock);
    if (lane->has_thread) pthread_join(lane->thread, NULL);
    grpc_completion_queue_shutdown(lane->queue);
    while (grpc_completion_queue_next(lane->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {}
    grpc_completion_queue_destroy(lane->queue);
    grpc_channel_destroy(lane->channel);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
}

void ss_client_net_close(struct ss_client_net *net)
{
    for (uint32_t i = 0; i < net->lane_count; i++) close_lane(&net->lanes[i]);
    ss_client_queues_destroy(net->queues);
    ss_client_token_close(net->token);
    ss_client_core_unref(net->core);
    free(net);
}

static void open_lane(struct ss_client_net *net, struct ss_client_lane *lane,
                      const struct selfsame_options *options, const char *target,
                      grpc_channel_credentials *credentials)
{
    static const char *const methods[] = {
#define METHOD_PATH(name, text) SS_CLIENT_SERVICE text,
        SS_CLIENT_METHODS(METHOD_PATH)
#undef METHOD_PATH
            "/grpc.health.v1.Health/Check",
    };
    lane->net = net;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    lane->queue = grpc_completion_queue_create_for_next(NULL);
    lane->channel = ss_client_channel(options, target, credentials);
    for (int i = 0; i < SS_CLIENT_METHOD_COUNT; i++)
        lane->methods[i] = grpc_channel_register_call(lane->channel, methods[i], NULL, NULL);
    lane->mend.done = mend_done;
    ss_client_lane_mend(lane);
}

static enum selfsame_code open_lanes(struct ss_client_net *net, const struct selfsame_options *options,
                                     struct selfsame_error *error)
{
    grpc_channel_credentials *credentials = NULL;
    char *target = NULL;
    SS_CLIENT_TRY(ss_client_target(options->address, &target, error));
    const enum selfsame_code code = ss_client_credentials(options, &credentials, error);
    if (code == SELFSAME_OK) {
        const uint32_t count = options->connections ? options->connections : 1;
        for (uint32_t i = 0; i < count; i++) open_lane(net, &net->lanes[i], options, target, credentials);
        net->lane_count = count;
        grpc_channel_credentials_release(credentials);
    }
    free(target);
    return code;
}

enum selfsame_code ss_client_net_open(const struct selfsame_options *options, struct ss_client_net **net,
                                      struct selfsame_error *error)
{
    if (options->connections > SS_CLIENT_LANES_MAX)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              "option 'connections': expected 1 to 4, got %u",
                              (unsigned)options->connections);
    struct ss_client_net *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the client");
    made->core = core_create();
    made->queues = made->core ? ss_client_queues_create() : NULL;
    if (!made->queues) {
        if (made->core) ss_client_core_unref(made->core);
        free(made);
        return ss_client_fail_memory(error, "the client");
    }
    made->deadline_ms = options->deadline_ms ? options->deadline_ms : DEADLINE_DEFAULT_MS;
    enum selfsame_code code = ss_client_token_open(options->token, options->token_file, &made->token, error);
    if (code == SELFSAME_OK) code = open_lanes(made, options, error);
    if (code == SELFSAME_OK)
        *net = made;
    else
        ss_client_net_close(made);
    return code;
}

struct ss_client_lane *ss_client_net_lane(struct ss_client_net *net)
{
    if (net->lane_count == 1) return &net->lanes[0];
    return &net->lanes[atomic_fetch_add_explicit(&net->next_lane, 1, memory_order_relaxed) % net->lane_count];
}

gpr_timespec ss_client_net_deadline(const struct ss_client_net *net, uint32_t deadline_ms)
{
    if (!deadline_ms) deadline_ms = net->deadline_ms;
    return deadline_ms == UINT32_MAX ? gpr_inf_future(GPR_CLOCK_MONOTONIC) : after_ms(deadline_ms);
}
