// Series: the events of one entity in one view, in the order of their times, and what the view's aggregates
// are over those of them that a read point sees.
//
// A state (state.h) is what a store keeps of an entity and serves at a rising t; a series is what a training
// table reads at any t. Both fold the same group states and finalise them alike, and every group state is a
// value of the multiset of its events (DESIGN C6), so both give the same bits.
//
// Sums and bounds of numbers over what a read sees as a whole are differences (series_sums.h). Other short
// spans are folded event by event; in long series, trees of partial group states stand for such events.
//
// A sealed series is read by any number of threads at once, each with a reader of its own.
#ifndef SS_ENGINE_SERIES_H
#define SS_ENGINE_SERIES_H

#include "engine/event_batch.h"
#include "engine/state.h"

struct ss_series;

// For one view (which must outlive it); used for one entity after another.
enum ss_status ss_series_create(const struct ss_view *view, struct ss_series **series,
                                struct ss_error *error);
void ss_series_destroy(struct ss_series *series); // NULL is fine

// Empties it for the next entity. Memory is kept, but not without bound.
void ss_series_clear(struct ss_series *series);
// Adds the batch's rows [first, end), all inserts of the entity, behind those there are: by (event_time,
// seq), or they are damaged. `row_outputs`: of the view's row program over the batch. Text is copied.
enum ss_status ss_series_add(struct ss_series *series, const struct ss_event_batch *batch,
                             const struct ss_column *row_outputs, int32_t first, int32_t end,
                             struct ss_error *error);
// No more are added; every read has this mode. `read_count`: about so many reads are to come; few are not
// worth a tree. It changes no value. Any s may be read.
enum ss_status ss_series_seal(struct ss_series *series, bool as_of_event_time, int64_t read_count,
                              struct ss_error *error);
int64_t ss_series_length(const struct ss_series *series); // events that pass the view's `where`

struct ss_series_reader; // what one thread needs to read series of one view
enum ss_status ss_series_reader_create(const struct ss_view *view, struct ss_series_reader **reader,
                                       struct ss_error *error);
void ss_series_reader_destroy(struct ss_series_reader *reader); // NULL is fine

// Reads may come in any order of t; in rising order they find in the cache what the read before has used.
// The values of all aggregates at the point: values[aggregate_count], expired[aggregate_count] as
// ss_state_read gives them, *found: does it see any event? `at_hand` (NULL: none) is an event that is taken
// as seen and newest, at t - 1 us. Text is valid until the next read of this reader or the series' next
// clear. `series` NULL: an entity without events. After an error, values and expired are worthless.
enum ss_status ss_series_read(const struct ss_series *series, struct ss_series_reader *reader,
                              struct ss_read_point point, const struct ss_event *at_hand,
                              struct ss_value *values, bool *expired, bool *found, struct ss_error *error);

#endif
