// The values of one field of a message, one after the other. Repeated numbers may come packed or one by one,
// in any number of pieces, as the format allows.
#ifndef SS_WIRE_FIELD_CURSOR_H
#define SS_WIRE_FIELD_CURSOR_H

#include "wire/message.h"

struct ss_field_cursor {
    struct ss_message message; // what comes behind the piece at hand
    uint32_t number;
    struct ss_message piece; // packed values
    bool failed;             // a value is malformed, or of another wire type
};

static inline struct ss_field_cursor ss_cursor_of(struct ss_bytes body, uint32_t number)
{
    return (struct ss_field_cursor){.message = ss_message_of(body), .number = number};
}

// The next one, of wire type BYTES. False at the end and, with `failed` set, at what is none.
bool ss_cursor_bytes(struct ss_field_cursor *cursor, struct ss_bytes *bytes);
// The same of numbers of another wire type.
bool ss_cursor_number(struct ss_field_cursor *cursor, enum ss_wire_type type, uint64_t *number);
// How many values there are. *piece: all of them, when they came as one packed piece; else empty.
int64_t ss_cursor_count(struct ss_bytes body, uint32_t number, enum ss_wire_type type,
                        struct ss_bytes *piece);

#endif
