// --with-event SOURCE.COLUMN=VALUE: the event at hand of a lookup, from the command line.
#ifndef SS_TOOLS_WITH_EVENT_H
#define SS_TOOLS_WITH_EVENT_H

#include "materializer/event_at_hand.h"

// One row, made of the options, for `length` rows of a lookup; all columns in the arena. No options: no
// event.
enum ss_status ss_with_event(const struct ss_service *service, const char *const *options, size_t count,
                             int32_t length, struct ss_arena *arena, struct ss_events_at_hand *events,
                             struct ss_error *error);

#endif
