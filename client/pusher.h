// A pusher's inside: what its user's thread and its own share.
#ifndef SS_CLIENT_PUSHER_H
#define SS_CLIENT_PUSHER_H

#include "client/batch.h"
#include "client/net.h"

// A batch that is written and waits for its acknowledgement.
struct ss_client_sealed {
    struct ss_client_sealed *next;
    struct ss_client_writer bytes;
    uint64_t number, first_row, row_count;
    uint32_t attempts;
};

struct selfsame_pusher {
    struct ss_client_net *net;
    struct selfsame_pusher_options options;
    char *source, *producer;
    pthread_t thread;

    // Of the user's thread: the rows that are being made.
    struct ss_client_rows made_rows;
    struct ss_client_columns made;

    pthread_mutex_t lock; // of all below
    pthread_cond_t changed;
    struct ss_client_rows rows; // put together
    struct ss_client_columns columns;
    size_t rows_size; // about, in bytes
    struct timespec linger_until;
    struct ss_client_sealed *first, **last;
    size_t waiting_bytes; // of sealed batches
    uint64_t next_row, next_number, next_acknowledged;
    uint64_t ended_rows;
    bool closing, hurry;           // hurry: a flush does not linger
    struct selfsame_error stopped; // code OK: it is not
    struct selfsame_error unheard; // the first error since the last flush
};

// With the lock: writes the rows that were put together as a batch at the end of the queue. False: no memory;
// they stay.
bool ss_client_pusher_seal(struct selfsame_pusher *pusher);

void *ss_client_pusher_run(void *pusher);

#endif
