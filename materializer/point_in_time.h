// Point-in-time join: the values of a service for every row of a spine, from history alone (DESIGN C2, C4).
//
// Views that read one source by one entity share one scan of history; an entity's events become a series
// (series.h) that is read at each of its rows. Memory: spine + kept cells of a window of rows + threads x the
// events of an entity. Never opens LMDB.
#ifndef SS_MATERIALIZER_POINT_IN_TIME_H
#define SS_MATERIALIZER_POINT_IN_TIME_H

#include "materializer/answer.h"
#include "materializer/event_at_hand.h"
#include "store/history.h"

struct ss_spine {
    int64_t length;
    const struct ss_column *keys;    // one column per key part of the service
    const struct ss_column *request; // one per request input; NULL: all null
    struct ss_events_at_hand at_hand;
    const int64_t *t_us;
    const uint64_t *s; // per row; NULL: `newest_s` for all
    uint64_t newest_s;
    bool as_of_event_time; // drops the arrival terms
    bool inclusive;        // t + 1 µs; with as_of_event_time only
    int64_t window_rows;   // joined at a time; 0: as many as fit in memory
};

#define SS_JOIN_BLOCK_ROWS 8192

// `emit` gets up to SS_BATCH_ROWS rows at a time; the answer is valid until it returns. The rows of a block,
// which is SS_JOIN_BLOCK_ROWS rows (or what is left), come in order on one thread; blocks are begun in order,
// on any thread of the pool. `slot` is below ss_pool_threads and belongs to one thread as long as a block
// takes. `give_up` (NULL: none): the rest of the block that begins with first_row will not come, nor will
// those behind it that were not begun. `progress` (NULL: none) is called now and then, by one thread at a
// time, with what is done.
struct ss_point_in_time_sink {
    enum ss_status (*emit)(void *context, int64_t first_row, const struct ss_answer *answer, size_t slot,
                           struct ss_error *error);
    void (*progress)(void *context, int64_t done, int64_t total);
    void *context;
    void (*give_up)(void *context, int64_t first_row);
};

// pool NULL: on the caller's thread alone, which then sees the rows in spine order.
enum ss_status ss_point_in_time(struct ss_history *history, const struct ss_service *service,
                                const struct ss_spine *spine, struct ss_pool *pool,
                                const struct ss_point_in_time_sink *sink, struct ss_error *error);

#endif
