// Batches of events and where they come from. History in SQLite is one such source; the evaluator knows only
// this page.
#ifndef SS_ENGINE_EVENT_BATCH_H
#define SS_ENGINE_EVENT_BATCH_H

#include "engine/definitions.h"

#define SS_NEVER_US INT64_MAX

// A run of a batch's rows that are of one entity.
struct ss_entity_span {
    struct ss_bytes key; // encoded (key.h)
    int32_t first, end;  // rows [first, end)
};

// Up to SS_BATCH_ROWS events of one source. A delete carries the columns of the event that it takes back.
struct ss_event_batch {
    int32_t length;
    struct ss_column
        *columns; // source->column_count + 1: the last is event_time. Columns not asked for have length 0
    int64_t *event_time_us;
    int64_t *arrival_us;
    uint64_t *seq;
    bool *is_delete;             // only in reads by seq
    uint64_t *target_seq;        // of a delete: the seq of the event it takes back
    uint64_t *deleted_seq;       // of an insert: the seq of its delete, 0: none
    int64_t *deleted_arrival_us; // of an insert: the arrival of its delete, SS_NEVER_US: none
    // In reads by entity: whose the rows are, ascending by key. An entity may go on in the next batch.
    const struct ss_entity_span *spans;
    int32_t span_count;
};

struct ss_event_reader {
    // *batch is NULL at the end, else valid until the next call or close.
    enum ss_status (*next)(struct ss_event_reader *reader, const struct ss_event_batch **batch,
                           struct ss_error *error);
    // Of a scan whose columns are deferred, else NULL: appends the rows (ascending, the same one more than
    // once too) of the last batch to the columns that were asked for.
    enum ss_status (*gather)(struct ss_event_reader *reader, const int32_t *rows, int32_t count,
                             struct ss_column *columns, struct ss_arena *arena, struct ss_error *error);
    void (*close)(struct ss_event_reader *reader); // frees the reader
};

// An event is visible at (t, s) when event_time < t, seq <= s, and (as-known) arrival < t; and its delete is
// not (DESIGN C2).
struct ss_read_point {
    int64_t t_us;
    uint64_t s;
    bool as_of_event_time; // drops the arrival terms
};
bool ss_event_visible(const struct ss_event_batch *batch, int32_t row, struct ss_read_point point);

#endif
