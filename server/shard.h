// A shard: one gRPC server with one completion queue and one thread, which answers lookups itself and hands
// all else to the writer and the workers. More threads on a queue, or queues of a server, cost a third more
// and quadruple p99 (measured); more shards share their TCP ports (SO_REUSEPORT).
#ifndef SS_SERVER_SHARD_H
#define SS_SERVER_SHARD_H

#include <grpc/grpc.h>
#include <pthread.h>

#include "server/event.h"
#include "server/serving.h"

struct ss_call;
struct ss_lookup_call;

struct ss_shard {
    struct ss_serving *serving;
    size_t index;
    grpc_server *server;
    grpc_completion_queue *queue;
    void *get_features, *stream_features; // registered methods
    struct ss_materializer *reader;       // the thread's own
    struct ss_token_reader *tokens;
    struct ss_arena arena; // of the lookup at hand
    pthread_t thread;
    bool is_running;
    atomic_bool is_closing; // nothing more is accepted
    struct ss_event_tag closed;
    bool is_closed;         // nobody starts anything on a call any more; the thread's own
    atomic_size_t expected; // events that are still to come; without any, the queue may end
    // The calls that live: under the lock, since workers end some.
    pthread_mutex_t lock;
    struct ss_call *calls;
    struct ss_lookup_call *streams;
    struct ss_lookup_call *free_lookups, *oldest_answered, *newest_answered; // the thread's own
    int64_t swept_us;
};

// To be called before whatever makes an event come; take it back when that fails.
static inline void ss_shard_expect(struct ss_shard *shard)
{
    atomic_fetch_add_explicit(&shard->expected, 1, memory_order_relaxed);
}
static inline void ss_shard_expect_no_more(struct ss_shard *shard)
{
    atomic_fetch_sub_explicit(&shard->expected, 1, memory_order_relaxed);
}

// A server that listens on what the settings say (a Unix socket: on shard 0 only), with its thread not yet
// running. *ports (NULL: not asked): of each listener, the port it got.
enum ss_status ss_shard_open(struct ss_serving *serving, size_t index, int *ports, struct ss_shard **shard,
                             struct ss_error *error);
enum ss_status ss_shard_run(struct ss_shard *shard, struct ss_error *error);
// Ends the calls that live: once what they have to say is out, as far as they take it. Any thread.
void ss_shard_end_calls(struct ss_shard *shard, const struct ss_error *error);
// Cuts what is still there, and ends the thread; then closes. NULL is fine.
void ss_shard_close(struct ss_shard *shard);

#endif
