// Rows in the order of an entity: by (key, event_time), those of one time as they came.
#ifndef SS_STORE_HISTORY_SORT_H
#define SS_STORE_HISTORY_SORT_H

#include "engine/definitions.h"
#include "engine/key.h"

struct history_sorted {
    struct ss_arena arena;
    int32_t row_count; // of those that have a key
    int32_t *rows;
    int32_t entity_count;
    struct ss_bytes *keys; // encoded, ascending
    int32_t *starts;       // entity_count + 1: the rows of entity e are rows[starts[e] .. starts[e + 1])
};

// `parts`: a column per part of the key (NULL: null in all rows). Rows with a null part, or a key that is too
// long, are left out. False: out of memory; nothing is held.
bool ss_history_sort(const struct ss_type *types, const struct ss_column *const *parts, size_t part_count,
                     const int64_t *event_time_us, int32_t row_count, struct history_sorted *sorted);
void ss_history_sorted_release(struct history_sorted *sorted); // a no-op on a zeroed struct

#endif
