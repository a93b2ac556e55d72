// A race that the thread sanitizer has to report, with the options that the tests of the service run under:
// two threads count without a lock, one of them woken by gRPC, which is not instrumented. Built with
// -fsanitize=thread alone.
#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdio.h>

static int planted_count;

static void *count_an_event(void *queue)
{
    (void)grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    planted_count++;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    grpc_init();
    grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server *server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    grpc_server_start(server);
    if (pthread_create(&thread, NULL, count_an_event, queue) != 0) return 2;
    grpc_server_shutdown_and_notify(server, queue, server);
    planted_count++;
    pthread_join(thread, NULL);
    grpc_server_destroy(server);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    grpc_shutdown_blocking();
    printf("counted %d\n", planted_count);
    return 0;
}
