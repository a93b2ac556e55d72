// GetFeatures: a request's bytes in, an answer's bytes out. What the service and an embedded reader have in
// common.
#ifndef SS_WIRE_GET_FEATURES_H
#define SS_WIRE_GET_FEATURES_H

#include "materializer/lookup.h"
#include "wire/column_read.h"
#include "wire/column_write.h"

struct ss_wire_limits {
    int64_t max_entities; // rows of one request
    size_t max_columns;   // keys, inputs, features of one request
};

struct ss_wire_event { // an event at hand
    bool is_there;
    const char *source;
    struct ss_wire_column *columns;
    size_t column_count;
    struct ss_bytes present;
};

// A request, looked through; borrows from its bytes and the arena.
struct ss_wire_get {
    uint64_t id;
    const char *service;
    const char **features;
    size_t feature_count; // 0: all
    struct ss_wire_column *keys, *inputs;
    size_t key_count, input_count;
    struct ss_wire_event event;
    uint64_t row_count;
    bool with_event_times;
    int64_t at_us; // 0: now
    struct ss_bytes fingerprint;
};
enum ss_status ss_wire_get_unpack(struct ss_bytes message, const struct ss_wire_limits *limits,
                                  struct ss_arena *arena, struct ss_wire_get *get, struct ss_error *error);

// An answer, sized; borrows from the arena alone: the snapshot is given back.
struct ss_wire_answer {
    uint64_t id, seq;
    int64_t t_us;
    struct ss_sha256 fingerprint;
    bool is_preview;
    uint32_t row_count;
    struct ss_wire_output *features, *event_times;
    size_t feature_count, event_time_count;
    uint64_t statuses[4]; // cells by enum ss_cell_status
    size_t size;          // of its message
};
// `reader`: a materializer of the calling thread.
enum ss_status ss_wire_get_run(struct ss_materializer *reader, const struct ss_wire_get *get,
                               const struct ss_wire_limits *limits, struct ss_arena *arena,
                               struct ss_wire_answer *answer, struct ss_error *error);
void ss_wire_answer_write(const struct ss_wire_answer *answer, uint8_t *at); // exactly answer->size bytes

// What a training table's chunks share with it.

// The service's features of these names, in the arena; none: all.
enum ss_status ss_wire_choose_features(const struct ss_service *service, const char *const *names,
                                       size_t count, struct ss_arena *arena, int **chosen,
                                       size_t *chosen_count, struct ss_error *error);
enum ss_status ss_wire_check_fingerprint(const struct ss_service *service, struct ss_bytes expected,
                                         struct ss_error *error);
enum ss_status ss_wire_event_open(struct ss_bytes message, const struct ss_wire_limits *limits,
                                  struct ss_arena *arena, struct ss_wire_event *event,
                                  struct ss_error *error);
// Keys, inputs and events of `rows` rows, in the arena.
struct ss_wire_rows {
    const struct ss_column *keys, *request; // request NULL: all null
    struct ss_events_at_hand at_hand;
};
enum ss_status ss_wire_rows_read(const struct ss_definitions *definitions, const struct ss_service *service,
                                 const struct ss_wire_get *get, int32_t rows, struct ss_arena *arena,
                                 struct ss_wire_rows *read, struct ss_error *error);
// A string of a message ("the request's WHAT"), copied: SS_INVALID if it is no UTF-8 without U+0000.
enum ss_status ss_wire_text(const char *what, struct ss_bytes text, struct ss_arena *arena, const char **copy,
                            struct ss_error *error);

#endif
