// A batch's bytes, for those who send them.
#ifndef SS_CLIENT_BATCH_H
#define SS_CLIENT_BATCH_H

#include "client/column.h"
#include "client/reply.h"

// What a PushRequest has beside its columns.
struct ss_client_push {
    const char *source, *producer; // producer NULL: none
    uint64_t number;
    bool strict, declared_arrival;
};

void ss_client_push_write(const struct ss_client_push *push, const struct ss_client_columns *columns,
                          struct ss_client_writer *writer);

// Decodes a PushResponse. Takes the reply over and empties it, also on failure.
enum selfsame_code ss_client_receipt_decode(struct ss_client_reply *reply, struct selfsame_receipt **receipt,
                                            struct selfsame_error *error);

#endif
