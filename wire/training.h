// GetTrainingTable: a spine that comes in messages, and a table that goes out in them.
#ifndef SS_WIRE_TRAINING_H
#define SS_WIRE_TRAINING_H

#include "materializer/point_in_time.h"
#include "wire/get_features.h"

struct ss_wire_training_start {
    const char *service;
    const char **features; // feature_count 0: all
    size_t feature_count;
    bool as_of_event_time, inclusive;
    struct ss_bytes fingerprint;
};
// The first message. Borrows from it and the arena.
enum ss_status ss_wire_training_start(struct ss_bytes message, size_t max_columns, struct ss_arena *arena,
                                      struct ss_wire_training_start *start, struct ss_error *error);

// All other messages, in order, as one spine in the arena; s and the mode are the caller's.
enum ss_status ss_wire_spine_read(const struct ss_definitions *definitions, const struct ss_service *service,
                                  const struct ss_bytes *messages, size_t count,
                                  const struct ss_wire_limits *limits, struct ss_arena *arena,
                                  struct ss_spine *spine, struct ss_error *error);

// A message of rows, sized; `chosen`: features of the service.
struct ss_wire_training_rows {
    uint64_t first_row;
    uint32_t row_count;
    struct ss_wire_output *features;
    size_t feature_count;
    size_t size, rows_size;
};
bool ss_wire_training_rows_size(const struct ss_service *service, const int *chosen, size_t count,
                                int64_t first_row, const struct ss_answer *answer, struct ss_arena *arena,
                                struct ss_wire_training_rows *rows);
// Some rows of an answer, in the arena. False: out of memory.
bool ss_wire_answer_slice(const struct ss_service *service, const struct ss_answer *answer, int32_t first,
                          int32_t length, struct ss_arena *arena, struct ss_answer *slice);
void ss_wire_training_rows_write(const struct ss_wire_training_rows *rows, uint8_t *at);

#define SS_WIRE_TRAINING_HEADER_SIZE 64
// Returns the message's size.
size_t ss_wire_training_header_write(const struct ss_service *service, uint64_t newest_seq,
                                     int64_t read_at_us, uint8_t at[SS_WIRE_TRAINING_HEADER_SIZE]);

#endif
