// What one push of a group writes into history's transaction.
#ifndef SS_MATERIALIZER_PUSH_WRITE_H
#define SS_MATERIALIZER_PUSH_WRITE_H

#include "materializer/push_check.h"

struct ss_push_batch {
    struct ss_history *history;
    const struct ss_push *push;
    struct ss_push_result *result; // of this push, zeroed
    struct ss_arena *arena;
    struct ss_checked checked; // by the door; live rows with the arrival_time of the group's commit
    // Filled in:
    int32_t *rows;                 // accepted rows, as rows of the push
    struct ss_append append;       // the accepted rows
    enum ss_row_outcome *outcomes; // of the accepted rows
    int64_t newest_us;             // greatest event_time and arrival_time that was stored, or SS_TIME_MIN_US
    uint64_t first_line;           // of the violation that the result names
    bool has_live;                 // a live row was stored
    bool has_declared;             // a row with a declared arrival was let in
};

// SS_INVALID, naming the first violation, when what the door found refuses the push as a whole.
enum ss_status ss_push_check_refusal(const struct ss_push_batch *batch, struct ss_error *error);
// Quarantine, events, the mark of a live source. When it fails, what it wrote is to be undone.
enum ss_status ss_push_write(struct ss_push_batch *batch, struct ss_error *error);

#endif
