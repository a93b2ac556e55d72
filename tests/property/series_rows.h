// The events of one entity in batches, as history would give them, with the outputs of a view's row program:
// what a series is made of, and a state of those that a read point sees.
#ifndef SS_TESTS_PROPERTY_SERIES_ROWS_H
#define SS_TESTS_PROPERTY_SERIES_ROWS_H

#include "engine/series.h"

struct series_fact { // by (event_time_us, seq)
    int64_t event_time_us, arrival_us;
    uint64_t seq, deleted_seq; // 0: it is not deleted
    int64_t deleted_arrival_us;
};

typedef struct ss_value series_column(void *context, const struct ss_source_column *column);

struct series_rows { // zero it
    const struct ss_view *view;
    struct ss_arena arena;
    int32_t batch_count;
    struct ss_event_batch *batches;
    struct ss_column **outputs; // of each batch
};

// All columns but that of the event_time come from `column`. Aborts when out of memory.
void series_rows_make(struct series_rows *rows, const struct ss_view *view, const struct series_fact *facts,
                      int32_t count, series_column *column, void *context);
void series_rows_release(struct series_rows *rows);

enum ss_status series_rows_add(const struct series_rows *rows, struct ss_series *series,
                               struct ss_error *error);
// A state in the arena that holds what the point sees; *found: anything. Aborts when out of memory.
struct ss_state *series_rows_state(const struct series_rows *rows, struct ss_read_point point,
                                   struct ss_arena *arena, bool *found);
// Row 0 of the rows as the event at hand at t. False: it does not pass the view's `where`.
bool series_rows_at_hand(const struct series_rows *rows, int64_t t_us, struct ss_arena *arena,
                         struct ss_event *event);

#endif
