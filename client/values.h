// A column of an answer: checked once when the answer is decoded, then read in place.
#ifndef SS_CLIENT_VALUES_H
#define SS_CLIENT_VALUES_H

#include "client/selfsame.h"

struct selfsame_values {
    struct selfsame_bytes name;
    const uint8_t *status; // [row]; NULL: all are present
    const uint8_t *cells;  // in place, where they are packed; texts: the column's message
    uint32_t
        *offsets; // STRING, BYTES: [row] of its size and bytes in `cells`; LIST: [row + 1] of elements. Owned
    struct selfsame_values *elements; // LIST. Owned
    size_t rows;
    uint32_t scale, length;
    enum selfsame_type type;
};

// Decodes a Column of `rows` rows whose bytes live at least as long. On failure, which is a message that is
// none or no memory, *values is as released.
enum selfsame_code ss_client_values_decode(const void *data, size_t size, size_t rows,
                                           struct selfsame_values *values, struct selfsame_error *error);
void ss_client_values_release(struct selfsame_values *values);

#endif
