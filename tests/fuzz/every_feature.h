// The views of every_feature.yaml, random values for its columns, and events made of them.
//
// Values come from 64 bits each, by integers alone, so that they are the same in every build.
#ifndef SS_TESTS_EVERY_FEATURE_H
#define SS_TESTS_EVERY_FEATURE_H

#include "engine/state.h"

// Compiled on first use; aborts with the report when there are errors. Run in the root of the project.
const struct ss_definitions *every_feature(void);

// A value of the type, or null. Texts live in the arena.
struct ss_value every_value(struct ss_type type, uint64_t bits, struct ss_arena *arena);

// Where the columns of an event come from.
typedef struct ss_value every_column(void *context, const struct ss_source_column *column);

// The event as the view sees it. False: it does not pass the view's `where`. Lives in the arena.
bool every_event(const struct ss_view *view, int64_t event_time_us, uint64_t seq, every_column *column,
                 void *context, struct ss_arena *arena, struct ss_event *event);

// The view's features for the values of its aggregates (feature_count columns of one row).
struct ss_column *every_read(const struct ss_view *view, const struct ss_value *aggregates, int64_t t_us,
                             struct ss_arena *arena);

#endif
