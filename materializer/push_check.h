// The door of the store: is a row an event (DESIGN C1, C7, C13), and does it keep what its source expects?
#ifndef SS_MATERIALIZER_PUSH_CHECK_H
#define SS_MATERIALIZER_PUSH_CHECK_H

#include "materializer/push.h"

struct ss_violation {
    int32_t row;        // -1: the batch as a whole
    int column;         // -1: the row as a whole
    const char *reason; // static, or in the arena
    bool hard;          // not an event at all: `warn` cannot let it in
};

struct ss_checked {
    int64_t *event_time_us;
    int64_t *arrival_us; // live rows: filled in with the commit's arrival_time
    bool *is_delete;
    bool *arrives_live; // live rows and every delete
    bool *refused;      // has a violation that keeps it out
    int64_t
        arrival_time; // of the commit: the clock, or later where a live row is stamped up to 1 s ahead of it
    struct ss_violation *violations;
    size_t violation_count, violation_capacity;
    int32_t accepted;
    bool any_live; // of the accepted rows
};

// `clock_us`: where the clock stands for this commit. `is_wall`: declared arrivals must lie before it. All in
// the arena.
enum ss_status ss_check_push(const struct ss_push *push, const struct ss_definitions *definitions,
                             int64_t clock_us, bool is_wall, struct ss_arena *arena,
                             struct ss_checked *checked, struct ss_error *error);

// The same without looking at whole columns first: what tests hold ss_check_push to.
enum ss_status ss_check_push_row_by_row(const struct ss_push *push, const struct ss_definitions *definitions,
                                        int64_t clock_us, bool is_wall, struct ss_arena *arena,
                                        struct ss_checked *checked, struct ss_error *error);

#endif
