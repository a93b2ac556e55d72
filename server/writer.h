// The one writer: a thread that owns the store. Pushes that wait together share one commit to history and one
// online, and each is answered after both. Applies and rebuilds go on in steps between them.
#ifndef SS_SERVER_WRITER_H
#define SS_SERVER_WRITER_H

#include "server/call.h"

struct ss_writer;

// `materializer`: opened for writing; the writer's alone from here on, also to close.
enum ss_status ss_writer_start(struct ss_serving *serving, struct ss_materializer *materializer,
                               struct ss_writer **writer, struct ss_error *error);
// Commits and answers what waits, and ends the thread. NULL is fine.
void ss_writer_finish(struct ss_writer *writer);
// Once no call can come to it any more: closes the store.
void ss_writer_close(struct ss_writer *writer);

// A push waits for its turn: `done` is called on the writer's thread with the answer's bytes or (bytes empty)
// the error. Takes a reference to the slice and to the call. SS_BUSY: too much waits already.
typedef void ss_push_done(struct ss_call *call, uint64_t id, struct ss_bytes answer,
                          const struct ss_error *error);
enum ss_status ss_writer_push(struct ss_writer *writer, struct ss_call *call, grpc_slice message,
                              ss_push_done *done, struct ss_error *error);
// The answer to a push that is refused, when its turn comes: after those of pushes before it.
void ss_writer_refuse(struct ss_writer *writer, struct ss_call *call, uint64_t id, ss_push_done *done,
                      const struct ss_error *error);

// Work on the store that is no push: `step` is called again and again, between commits, until it says that it
// is done.
struct ss_writer_task {
    struct ss_writer_task *next;
    bool (*step)(struct ss_writer_task *task,
                 struct ss_materializer *materializer); // true: done, and never touched again
    void (*refuse)(struct ss_writer_task *task,
                   const struct ss_error *error); // instead, when the writer stops first
};
void ss_writer_do(struct ss_writer *writer, struct ss_writer_task *task);

struct ss_writer_gauges {
    uint64_t waiting_pushes, waiting_bytes, commits, pushes, rows;
    bool is_busy; // a commit or a task is under way
};
void ss_writer_gauges(struct ss_writer *writer, struct ss_writer_gauges *gauges); // any thread

#endif
