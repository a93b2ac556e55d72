#include "server/sends.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/observe.h"

static _Thread_local struct {
    bool is_on;
    size_t count; // sent since the last push
    int64_t since_us;
    size_t sockets; // that something waits in
    int socket[SS_SENDS_TOGETHER];
} held;

// That a socket has gone, or its number is another's by now, does no harm: whoever has it is told to send soon.
static void push(void)
{
    const int on = 1, before = errno;
    for (size_t i = 0; i < held.sockets; i++)
        (void)setsockopt(held.socket[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    held.count = held.sockets = 0;
    errno = before;
}

static void note(int socket)
{
    if (!held.count++) held.since_us = ss_monotonic_us();
    for (size_t i = 0; i < held.sockets; i++)
        if (held.socket[i] == socket) return;
    held.socket[held.sockets++] = socket;
}

// In place of the C library's, for the whole program.
ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    if (!held.is_on) return syscall(SYS_sendmsg, socket, message, flags);
    note(socket);
    const ssize_t sent = syscall(SYS_sendmsg, socket, message, flags | MSG_MORE);
    if (held.count == SS_SENDS_TOGETHER) push();
    return sent;
}

void ss_sends_hold(void)
{
    held.is_on = true;
}

void ss_sends_let_go(void)
{
    push();
    held.is_on = false;
}

grpc_event ss_sends_next_event(grpc_completion_queue *queue, gpr_timespec until)
{
    if (held.count) {
        const grpc_event event = grpc_completion_queue_next(queue, gpr_inf_past(until.clock_type), NULL);
        if (event.type != GRPC_QUEUE_TIMEOUT) {
            if (held.count && ss_monotonic_us() - held.since_us > SS_SENDS_WAIT_US) push();
            return event;
        }
    }
    ss_sends_let_go();
    const grpc_event event = grpc_completion_queue_next(queue, until, NULL);
    ss_sends_hold();
    return event;
}
