// Point-in-time join: the values of a service for every row of a spine, from history alone (DESIGN C2, C4).
//
// Per view, rows are visited by (key, s, t); an entity's events stream in event_time order into the same
// state that the online store keeps, an event entering when it becomes visible and leaving when its delete
// does; at each row the state is read as a lookup reads it. Memory: spine + output + the tiles of one entity
// + its events that came late. Never opens LMDB.
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
};

// Calls `emit` with the rows in spine order, up to SS_BATCH_ROWS at a time; the answer is valid until it
// returns. `progress` (NULL: none) is called now and then with the spine rows done, of rows * views.
struct ss_point_in_time_sink {
    enum ss_status (*emit)(void *context, int64_t first_row, const struct ss_answer *answer,
                           struct ss_error *error);
    void (*progress)(void *context, int64_t done, int64_t total);
    void *context;
};

enum ss_status ss_point_in_time(struct ss_history *history, const struct ss_service *service,
                                const struct ss_spine *spine, const struct ss_point_in_time_sink *sink,
                                struct ss_error *error);

#endif
