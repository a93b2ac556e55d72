// Between the files that make a spine: spine.c keeps every cell as it was, spine_columns.c finds the columns
// that the service asks for, spine_typed.c makes them typed.
#ifndef SS_MATERIALIZER_SPINE_INTERNAL_H
#define SS_MATERIALIZER_SPINE_INTERNAL_H

#include "materializer/spine.h"

// What one cell has to become.
struct ss_spine_wanted {
    const char *what; // "key", "request input", "time"
    const char *name;
    size_t column; // of the spine
    struct ss_type type;
    enum ss_time_unit unit;
    struct ss_column *values; // NULL: the spine's time
    bool is_event;            // of the event at hand
};

struct ss_spine_reading {
    const struct ss_spine_source *source;
    const struct ss_source *event_source; // of the events at hand; NULL: none
    bool *carries;                        // [row]
    const struct ss_service *service;
    struct ss_spine_rows *rows;
    bool is_table;
    struct ss_spine_wanted *wanted;
    size_t wanted_count;
};

// Fills `wanted` and, of rows->spine, keys, request and the event at hand, whose columns are empty.
enum ss_status ss_spine_find_columns(struct ss_spine_reading *reading, struct ss_error *error);
// Fills the columns and the times, on the pool's threads (NULL: the caller's), and hashes all cells.
enum ss_status ss_spine_make_typed(const struct ss_spine_reading *reading, struct ss_pool *pool,
                                   struct ss_error *error);

#endif
