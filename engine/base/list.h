// Lists as values: their elements packed into bytes, one after the other.
//
//   element := 0                                          null
//            | 1, value
//   value   := 1 byte (bool) | 8 bytes, little endian (int64, decimal, timestamp, float64)
//            | varint size, bytes (string, bytes)
//
// Two lists are equal if and only if their bytes are.
#ifndef SS_ENGINE_BASE_LIST_H
#define SS_ENGINE_BASE_LIST_H

#include "engine/base/column.h"

// Appends an element to packed bytes.
void ss_list_append(struct ss_type element, struct ss_value value, struct ss_buffer *packed);
// Takes the first element off `rest`; its text borrows from it. False at the end; what is no packed list of
// that type also ends there, with a `rest` that is not empty.
bool ss_list_next(struct ss_type element, struct ss_bytes *rest, struct ss_value *value);
// The number of elements; -1 when the bytes are no packed list of that type.
int64_t ss_list_length(struct ss_type element, struct ss_bytes packed);

#endif
