// Completion queues of blocking calls. One is made when all are in use and kept for the next call, so that
// there are as many as threads that were waiting at once.
#include "client/net.h"

#include <stdlib.h>

enum { KEPT_MAX = 64 };

struct ss_client_queues {
    pthread_mutex_t lock;
    size_t count;
    grpc_completion_queue *kept[KEPT_MAX];
};

struct ss_client_queues *ss_client_queues_create(void)
{
    struct ss_client_queues *queues = calloc(1, sizeof *queues);
    if (queues) pthread_mutex_init(&queues->lock, NULL);
    return queues;
}

void ss_client_queue_destroy(grpc_completion_queue *queue)
{
    grpc_completion_queue_shutdown(queue);
    while (grpc_completion_queue_pluck(queue, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {}
    grpc_completion_queue_destroy(queue);
}

void ss_client_queues_destroy(struct ss_client_queues *queues)
{
    if (!queues) return;
    for (size_t i = 0; i < queues->count; i++) ss_client_queue_destroy(queues->kept[i]);
    pthread_mutex_destroy(&queues->lock);
    free(queues);
}

grpc_completion_queue *ss_client_queue_take(struct ss_client_queues *queues)
{
    grpc_completion_queue *queue = NULL;
    pthread_mutex_lock(&queues->lock);
    if (queues->count) queue = queues->kept[--queues->count];
    pthread_mutex_unlock(&queues->lock);
    return queue ? queue : grpc_completion_queue_create_for_pluck(NULL);
}

void ss_client_queue_give(struct ss_client_queues *queues, grpc_completion_queue *queue)
{
    pthread_mutex_lock(&queues->lock);
    const bool kept = queues->count < KEPT_MAX;
    if (kept) queues->kept[queues->count++] = queue;
    pthread_mutex_unlock(&queues->lock);
    if (!kept) ss_client_queue_destroy(queue);
}
