// Putting many different texts in the order of their bytes.
#ifndef SS_ENGINE_BASE_SORT_BYTES_H
#define SS_ENGINE_BASE_SORT_BYTES_H

#include "engine/base/bytes.h"

// order[i] becomes the number of the text that comes i-th. Texts stand `stride` bytes apart, as a member of
// some struct. False: out of memory.
bool ss_sort_bytes(const struct ss_bytes *texts, size_t stride, uint32_t count, uint32_t *order);

#endif
