// Push: a request's bytes become rows of a source; their outcome becomes an answer.
#ifndef SS_WIRE_PUSH_MESSAGE_H
#define SS_WIRE_PUSH_MESSAGE_H

#include "materializer/push.h"
#include "wire/column_read.h"

#define SS_WIRE_NAMED_ROWS 100 // of refused rows, an answer lists so many

// What must be known of a push before its turn comes: cheap, and without definitions. In the arena.
struct ss_wire_push_head {
    uint64_t id;
    const char *source;
};
enum ss_status ss_wire_push_peek(struct ss_bytes message, struct ss_arena *arena,
                                 struct ss_wire_push_head *head, struct ss_error *error);

// A push, ready to be committed. Borrows from the message, the definitions and the arena.
struct ss_wire_push {
    uint64_t id;
    struct ss_push push;
    struct ss_named_row *named; // that push.named points to
    const int32_t *rows;        // of the push's rows, which of the request each is. NULL: the same
    const struct ss_wire_refusals *refusals; // what was no value of its type
    size_t unparsed_sent;                    // how many of push.unparsed came with the request
};
// Rows that hold what is no value of its type go to quarantine with the rest (or refuse the batch, as the
// source says); a request of other shape than the source's is an error.
enum ss_status ss_wire_push_read(const struct ss_definitions *definitions, struct ss_bytes message,
                                 size_t max_columns, struct ss_arena *arena, struct ss_wire_push *push,
                                 struct ss_error *error);
// The answer. In the arena; empty: out of memory.
struct ss_bytes ss_wire_push_answer(const struct ss_wire_push *push, const struct ss_push_result *result,
                                    struct ss_arena *arena);

#endif
