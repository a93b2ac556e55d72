// What the door can say of a batch by whole columns: which rows keep every rule for certain.
#ifndef SS_MATERIALIZER_PUSH_SCREEN_H
#define SS_MATERIALIZER_PUSH_SCREEN_H

#include "materializer/push_check.h"

// Sets suspect[row] (all false before) where a rule may be broken, and wherever the operation is not an
// insert. Of all other rows event_time_us, arrival_us and arrives_live are filled in. False: out of memory.
bool ss_screen_push(const struct ss_push *push, const struct ss_definitions *definitions, int64_t clock_us,
                    bool is_wall, struct ss_arena *arena, struct ss_checked *checked, bool *suspect);

// What a source expects of a value that is not null.
bool ss_is_between(const struct ss_source_column *column, struct ss_value value);
bool ss_is_one_of(const struct ss_source_column *column, struct ss_value value);
bool ss_parses_as(const struct ss_source_column *column, struct ss_value value);

// Rows whose declared arrival or live stamp is further ahead than this are violations.
#define SS_AHEAD_US SS_SECOND_US // a live stamp this far ahead of the clock moves the clock there

#endif
