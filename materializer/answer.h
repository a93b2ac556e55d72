// Answers: values of a service's features with their statuses, and the steps that a lookup and a training row
// share once the aggregates of a view are known: read program of the view, program of the service, statuses
// (DESIGN C10).
#ifndef SS_MATERIALIZER_ANSWER_H
#define SS_MATERIALIZER_ANSWER_H

#include "engine/definitions.h"
#include "engine/state.h"

enum ss_cell_status { SS_CELL_PRESENT, SS_CELL_NULL, SS_CELL_NOT_FOUND, SS_CELL_EXPIRED };
const char *ss_cell_status_name(enum ss_cell_status status); // "present", "null", "not_found", "expired"

// Up to SS_BATCH_ROWS rows of a service's features.
struct ss_answer {
    int32_t length;
    struct ss_column *columns; // feature_count, lengths all `length`
    uint8_t **statuses;        // [feature][row]: enum ss_cell_status
};

// Why a view's feature may be null; both may hold.
#define SS_MARK_NOT_FOUND 1 // the view has no visible event of this key
#define SS_MARK_EXPIRED   2 // a `last .. within` that it reads is past its ttl

// The readings of one view for up to SS_BATCH_ROWS rows: the aggregates' values, then what becomes of them.
struct ss_readings {
    const struct ss_view *view;
    int32_t length;
    struct ss_column *aggregates; // aggregate_count
    uint64_t *expired;            // [row * words]: bitmap over aggregates
    uint8_t *found;               // [row]
    size_t words;
    struct ss_value *values; // scratch of one row
    bool *flags;
};

// Empty readings for up to `capacity` rows, in the arena. False when out of memory.
bool ss_readings_init(struct ss_readings *readings, const struct ss_view *view, int32_t capacity,
                      struct ss_arena *arena);
// Reads one row more: the state at t (an empty state: not found).
enum ss_status ss_readings_add(struct ss_readings *readings, struct ss_state *state, int64_t t_us,
                               struct ss_arena *arena, struct ss_error *error);
// The same of a row that the caller read into readings->values and flags; found: it saw an event.
enum ss_status ss_readings_take(struct ss_readings *readings, bool found, struct ss_arena *arena,
                                struct ss_error *error);
// Runs the view's read program: features[feature_count] and marks[feature][row], in the arena. `keys`: one
// column per key part of the view's entity; t: one timestamp column; as many rows as were added.
enum ss_status ss_readings_evaluate(const struct ss_readings *readings, const struct ss_column *const *keys,
                                    const struct ss_column *t, struct ss_arena *arena,
                                    struct ss_column **features, uint8_t ***marks, struct ss_error *error);

// What the service's program reads, for `length` rows.
struct ss_service_inputs {
    int32_t length;
    const struct ss_column *const *reads;   // read_count
    const uint8_t *const *marks;            // [read][row]
    const struct ss_column *const *request; // request_count
    const struct ss_column *const *keys;    // key_count
    const struct ss_column *t;
};
enum ss_status ss_answer_evaluate(const struct ss_service *service, const struct ss_service_inputs *inputs,
                                  struct ss_arena *arena, struct ss_answer *answer, struct ss_error *error);

// A column of `length` rows that are `source`'s rows from `first` on (a copy, in the arena). False when out
// of memory.
bool ss_column_slice(const struct ss_column *source, int64_t first, int32_t length, struct ss_arena *arena,
                     struct ss_column *slice);
// The same of the rows first + rows[i].
bool ss_column_gather(const struct ss_column *source, int64_t first, const int32_t *rows, int32_t length,
                      struct ss_arena *arena, struct ss_column *gathered);
// A column of `length` rows that all hold `value`, in the arena. False when out of memory.
bool ss_column_repeat(struct ss_type type, struct ss_value value, int32_t length, struct ss_arena *arena,
                      struct ss_column *column);

#endif
