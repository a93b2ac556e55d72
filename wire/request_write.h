// Requests, written: what the command line sends to a server that does what it does with a folder otherwise.
#ifndef SS_WIRE_REQUEST_WRITE_H
#define SS_WIRE_REQUEST_WRITE_H

#include "materializer/lookup.h"
#include "materializer/point_in_time.h"
#include "materializer/push.h"

// All append to `message`; the arena is for what that takes on the way. False: out of memory.

// `fingerprint` of the service goes along, so that another plan is refused. at_us 0: now.
bool ss_wire_get_write(const struct ss_service *service, const struct ss_lookup *lookup, int64_t at_us,
                       struct ss_arena *arena, struct ss_buffer *message);
// A push with a producer; its number is the message's id. columns NULL: of no rows.
bool ss_wire_push_write(const struct ss_push *push, struct ss_arena *arena, struct ss_buffer *message);
void ss_wire_producer_write(const char *source, const char *producer, uint64_t number,
                            struct ss_buffer *message);
void ss_wire_quarantine_write(const char *source /* NULL: all */, uint64_t first, struct ss_buffer *message);
void ss_wire_training_start_write(const struct ss_service *service, const struct ss_spine *spine,
                                  struct ss_buffer *message);
// Rows [first, first + length) of the spine.
bool ss_wire_spine_write(const struct ss_service *service, const struct ss_spine *spine, int64_t first,
                         int32_t length, struct ss_arena *arena, struct ss_buffer *message);
// PlanRequest and ApplyRequest.
void ss_wire_files_write(const struct ss_file *files, size_t count, struct ss_buffer *message);
void ss_wire_rebuild_write(const char *const *views, size_t count, bool all, struct ss_buffer *message);

#endif
