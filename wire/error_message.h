// What is wrong, as part of an answer on a stream (Error in feature_store.proto).
#ifndef SS_WIRE_ERROR_MESSAGE_H
#define SS_WIRE_ERROR_MESSAGE_H

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "wire/message.h"

// An answer that has its id in field 1 and the error in field `number`, and nothing else. In the arena;
// empty: out of memory.
struct ss_bytes ss_wire_error_message(uint32_t number, uint64_t id, const struct ss_error *error,
                                      int64_t retry_after_us, struct ss_arena *arena);
// Field 1 of a message that may be malformed; 0: it has none.
uint64_t ss_wire_get_id(struct ss_bytes message);

#endif
