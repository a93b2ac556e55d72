// The client's connections over gRPC C core: for the files that make calls on them.
//
// A lane is one channel, that is one TCP connection. Its thread looks after the connection until it stands,
// runs completions of callbacks and streams, and sleeps while there are none: a thread that polls would take
// the answers of blocking calls from the threads that wait for them, and hand them on (docs/CLIENT.md has the
// figures). Blocking calls poll for themselves, each on a completion queue of its own from a pool.
#ifndef SS_CLIENT_NET_H
#define SS_CLIENT_NET_H

#include "client/call.h"
#include "client/transport.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

enum { SS_CLIENT_LANES_MAX = 4 };

// A tag of a lane's completion queue.
struct ss_client_op {
    void (*done)(struct ss_client_op *op, bool ok);
};

// Something that a lane's thread does once it has run what had completed: sends that go out together.
struct ss_client_later {
    void (*run)(struct ss_client_later *later);
    struct ss_client_later *next;
};

// A call that selfsame_close has to cancel.
struct ss_client_flight {
    grpc_call *call;
    struct ss_client_flight *next, **at; // at: what points to it; NULL: it is in no list
};

struct ss_client_lane {
    struct ss_client_net *net;
    grpc_channel *channel;
    grpc_completion_queue *queue;
    void *methods[SS_CLIENT_METHOD_COUNT];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ss_client_flight *flights;
    bool closing, has_thread, sleeps;
    pthread_t thread;
    atomic_size_t ops;             // of the queue, that have not been run
    struct ss_client_later *later; // of the lane's thread alone
    struct ss_client_op mend;
    bool mending;
};

// grpc_init and grpc_shutdown, counted by all that lives on memory of gRPC: the client and each answer.
struct ss_client_core;
void ss_client_core_ref(struct ss_client_core *core);
void ss_client_core_unref(struct ss_client_core *core);

struct ss_client_queues;

struct ss_client_net {
    struct ss_client_transport transport; // first
    struct ss_client_core *core;
    struct ss_client_lane lanes[SS_CLIENT_LANES_MAX];
    uint32_t lane_count;
    atomic_uint next_lane;
    uint32_t deadline_ms;
    struct ss_client_token *token;
    struct ss_client_queues *queues;
};

// Connections as the options say. The transport's functions are not set.
enum selfsame_code ss_client_net_open(const struct selfsame_options *options, struct ss_client_net **net,
                                      struct selfsame_error *error);
// Cancels and waits for all calls, then frees it.
void ss_client_net_close(struct ss_client_net *net);

// Lanes in turn.
struct ss_client_lane *ss_client_net_lane(struct ss_client_net *net);
gpr_timespec ss_client_net_deadline(const struct ss_client_net *net, uint32_t deadline_ms);

// Between begin and end the call is cancelled by a close, which waits for the end. `ops` of the lane's queue
// are going to be run: 0 for a call on a queue of its own. Fails when the client is being closed; the call is
// the caller's then.
enum selfsame_code ss_client_lane_begin(struct ss_client_lane *lane, struct ss_client_flight *flight,
                                        size_t ops, struct selfsame_error *error);
// Unrefs the call. After it the client may be gone.
void ss_client_lane_end(struct ss_client_lane *lane, struct ss_client_flight *flight);
// One more op is going to be run: with the lane's lock, or while one of them is out.
void ss_client_lane_more(struct ss_client_lane *lane);
// There is no connection: the lane's thread polls until there is one again. Without somebody who polls,
// nothing connects, and calls that end at once because there is no connection do not poll.
void ss_client_lane_mend(struct ss_client_lane *lane);
// The lane whose thread this is, that is, inside of a callback; NULL: none.
struct ss_client_lane *ss_client_this_lane(void);
// Runs it soon, once; on the lane's thread only.
void ss_client_lane_later(struct ss_client_lane *lane, struct ss_client_later *later);

// Completion queues for one blocking call at a time (of GRPC_CQ_PLUCK).
grpc_completion_queue *ss_client_queue_take(struct ss_client_queues *queues);
void ss_client_queue_give(struct ss_client_queues *queues, grpc_completion_queue *queue);
void ss_client_queue_destroy(grpc_completion_queue *queue); // one that was taken and is not given back
struct ss_client_queues *ss_client_queues_create(void);
void ss_client_queues_destroy(struct ss_client_queues *queues);

#endif
