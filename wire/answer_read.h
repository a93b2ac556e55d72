// Answers, read: what a server sends to the command line, as what the same work on a folder gives.
//
// A message that is none, or that does not fit what was asked for, is SS_INVALID. What is read borrows from
// the message or lies in the arena.
#ifndef SS_WIRE_ANSWER_READ_H
#define SS_WIRE_ANSWER_READ_H

#include "materializer/apply.h"
#include "materializer/lookup.h"
#include "materializer/push.h"
#include "wire/message.h"

struct ss_wire_read_point {
    int64_t t_us;
    uint64_t seq;
    bool is_preview;
};
// The answer to what ss_wire_get_write wrote. Features that were not wanted have no column.
enum ss_status ss_wire_get_read(struct ss_bytes message, const struct ss_service *service,
                                const struct ss_lookup *lookup, struct ss_arena *arena,
                                struct ss_answer *answer, struct ss_wire_read_point *point,
                                struct ss_error *error);

struct ss_wire_error { // Error in feature_store.proto
    uint64_t code;     // gRPC's; 0: there was none
    struct ss_bytes message;
    bool retry;
    uint32_t retry_after_ms;
};
// The answer to a push on a stream: its result, or what was wrong with it.
enum ss_status ss_wire_push_read_answer(struct ss_bytes message, struct ss_push_result *result,
                                        struct ss_wire_error *failed, struct ss_error *error);

struct ss_wire_producer {
    uint64_t last, seq;
    bool found;
    struct ss_sha256 hash;
};
enum ss_status ss_wire_producer_read(struct ss_bytes message, struct ss_wire_producer *producer,
                                     struct ss_error *error);

enum ss_status ss_wire_training_header_read(struct ss_bytes message, uint64_t *newest_seq,
                                            int64_t *read_at_us, struct ss_error *error);
// Rows of a training table with all features of the service.
enum ss_status ss_wire_training_rows_read(struct ss_bytes message, const struct ss_service *service,
                                          struct ss_arena *arena, int64_t *first_row,
                                          struct ss_answer *answer, struct ss_error *error);

struct ss_wire_live { // the definitions as a whole
    struct ss_file *files;
    size_t file_count; // 0: none were applied yet
    struct ss_zone_file *zones;
    size_t zone_count;
    struct ss_sha256 fingerprint;
    uint64_t max_message_bytes, max_entities; // that the server takes
};
enum ss_status ss_wire_live_read(struct ss_bytes message, struct ss_arena *arena, struct ss_wire_live *live,
                                 struct ss_error *error);

struct ss_wire_plan {
    struct ss_planned *planned;
    size_t count;
    uint64_t error_count;   // more than 0: they do not compile,
    struct ss_bytes report; // and why
};
enum ss_status ss_wire_plan_read(struct ss_bytes message, struct ss_arena *arena, struct ss_wire_plan *plan,
                                 struct ss_error *error);

struct ss_wire_view_stats {
    struct ss_bytes name;
    uint64_t rows, bytes;
};
struct ss_wire_stats {
    struct ss_history_stats history;
    int64_t clock_us;
    struct ss_bytes clock;
    bool in_flight;
    uint64_t newest_seq, applied_seq;
    struct ss_wire_view_stats *views;
    size_t view_count;
};
enum ss_status ss_wire_stats_read(struct ss_bytes message, struct ss_arena *arena,
                                  struct ss_wire_stats *stats, struct ss_error *error);

struct ss_wire_quarantine {
    struct ss_quarantine_row *rows;
    size_t count;
    bool is_last;
};
enum ss_status ss_wire_quarantine_read(struct ss_bytes message, struct ss_arena *arena,
                                       struct ss_wire_quarantine *quarantine, struct ss_error *error);

#endif
