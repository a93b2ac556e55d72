// What a thread sends over TCP while there is more to do leaves together: gRPC hands every answer to the kernel
// by itself, and a packet for each is half of what a lookup costs (docs/BENCHMARKS.md).
//
// This program has a sendmsg of its own, which gRPC calls. Between ss_sends_hold and ss_sends_let_go it tells
// the kernel that more follows (MSG_MORE), and letting go pushes what waits. The kernel keeps the bytes and
// their order, so whatever goes wrong here costs time only: it pushes by itself after 200 ms, and before a close.
// Unix sockets know no packets; what is sent over them leaves at once.
#ifndef SS_SERVER_SENDS_H
#define SS_SERVER_SENDS_H

#include <grpc/grpc.h>

// As grpc_completion_queue_next, for a thread that sends while it handles events: what it sent waits until
// there is no event, until SS_SENDS_TOGETHER were sent, or for SS_SENDS_WAIT_US.
grpc_event ss_sends_next_event(grpc_completion_queue *queue, gpr_timespec until);

#define SS_SENDS_TOGETHER 16
#define SS_SENDS_WAIT_US  100

// Both of the calling thread, which must not sleep in between.
void ss_sends_hold(void);
void ss_sends_let_go(void);

#endif
