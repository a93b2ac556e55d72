// Values as states keep them: bytes, copies and order. Text is a string, bytes, a list or a vector.
#ifndef SS_ENGINE_VALUE_BYTES_H
#define SS_ENGINE_VALUE_BYTES_H

#include "engine/scalar.h"

// Of a value that is present: docs/FORMAT.md "value" of "Group".
void ss_value_encode(struct ss_type type, const struct ss_value *value, struct ss_buffer *buffer);
// Text borrows from the bytes. Damage sets reader->failed.
struct ss_value ss_value_decode(struct ss_type type, struct ss_reader *reader);

// Moves what the value borrows into the arena. False: out of memory; the value is as it was.
bool ss_value_own(struct ss_type type, struct ss_value *value, struct ss_arena *arena);

// Of values that are present: by key, text by its bytes. -1, 0, 1.
int ss_value_compare(struct ss_type type, const struct ss_value *a, const struct ss_value *b);

#endif
