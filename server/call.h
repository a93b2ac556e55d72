// A call, of any method but the hot one (lookup_call.c): from the moment it is accepted until its last event.
//
// Events arrive on the shard's thread. Any thread may send, finish and look whether the call is gone; each
// holds a reference as long as it does. One message is on its way out at a time, others wait; a client that
// does not read makes them wait, and `ss_call_send_wait` with them.
#ifndef SS_SERVER_CALL_H
#define SS_SERVER_CALL_H

#include "server/observe.h"
#include "server/shard.h"

struct ss_method {
    const char *path; // "/selfsame.v1.FeatureStore/Push"
    enum ss_metric_method metric;
    bool is_unary; // the client sends one message
    bool is_open;  // needs no token, and is not counted among the calls that do
    // On the shard's thread. The bytes are valid until it returns; whoever needs them longer takes a
    // reference to `slice`.
    void (*message)(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice);
    void (*half_closed)(struct ss_call *call); // the client sends no more. NULL: the call ends well
    void (*sent)(struct ss_call *call);     // a message of a stream is out. NULL: nothing to do. Any thread
    void (*released)(struct ss_call *call); // the last reference is gone: frees `state`. NULL: nothing to do
};

struct ss_outgoing;

struct ss_call {
    const struct ss_method *method;
    struct ss_shard *shard;
    grpc_call *call;
    int64_t begun_us; // monotonic
    gpr_timespec deadline;
    void *state; // of the method
    struct ss_event_tag requested, received, sent, closed;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *incoming;
    int was_cancelled;
    atomic_size_t references;
    struct ss_call *next, *previous; // of the shard
    bool is_listed, is_told_to_end;
    bool has_message;       // the first one came
    atomic_size_t *counted; // where the call counts as long as it lives
    // Under the lock:
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_gone, has_sent_metadata, is_sending, is_finishing, is_finished, is_reading;
    struct ss_outgoing *first, *last;
    size_t waiting;     // messages that are not out yet
    int64_t sending_us; // since when, if is_sending
    grpc_status_code code;
    grpc_slice status_text;
    int64_t retry_after_us; // 0: none
};

// Asks the shard's server for one more call.
void ss_call_accept(struct ss_shard *shard);
void ss_call_hold(struct ss_call *call);
bool ss_call_try_hold(struct ss_call *call); // false: it is being destroyed
void ss_call_release(struct ss_call *call);

// The next message of a stream: `message` or `half_closed` is called once. Not while one is asked for.
void ss_call_read(struct ss_call *call);
// Takes the slice over. The first of them takes the initial metadata along.
void ss_call_send(struct ss_call *call, grpc_slice message);
// The same, and waits until it is out. False: the call is gone, or was ended meanwhile.
bool ss_call_send_wait(struct ss_call *call, grpc_slice message);
// Ends the call once all messages are out: well, or as the error says. Later calls of it change nothing.
void ss_call_finish(struct ss_call *call);
void ss_call_fail(struct ss_call *call, const struct ss_error *error);
// Of a unary call: the answer and the end.
void ss_call_answer(struct ss_call *call, grpc_slice message);

bool ss_call_is_gone(struct ss_call *call); // cancelled, cut, or past its deadline
bool ss_call_is_late(const struct ss_call *call);
size_t ss_call_waiting(struct ss_call *call);
// Cuts it if a message has been on its way out since before then, or it began then and its first one never
// came. Under the shard's lock.
#define SS_NOT_TAKEN "the client did not take its answer in time (send_timeout)"
#define SS_NOT_BEGUN "the call's first message did not come in time (send_timeout)"
void ss_call_cut_late(struct ss_call *call, int64_t sent_before_us);

// The bytes of a message in one piece; the caller unrefs the slice. Consumes the buffer.
grpc_slice ss_message_slice(grpc_byte_buffer *buffer);
grpc_slice ss_slice_of(const char *text);
// Has the operation that ends a call tell its client when to try again. The caller keeps `trailing` until the
// batch is started, then unrefs its value.
void ss_end_with_retry(grpc_op *operation, int64_t after_us, grpc_metadata *trailing);

#endif
