// Views of `last`s alone: their values straight from the bytes of an entity's state.
//
// Such a view keeps one tile, in which each group has the end that its `last`s read. There is nothing to fold
// and no state to build.
#ifndef SS_ENGINE_LASTS_H
#define SS_ENGINE_LASTS_H

#include "engine/group.h"

struct ss_lasts {
    const struct ss_view *view; // is_of_lasts
    struct ss_group_end *ends;  // group_count, scratch
};

// The values at t and which have expired, as ss_state_decode and ss_state_read give them, and the event_time
// of the newest event. Strings borrow from the bytes. False: the bytes hold no event, are damaged or of a
// rare form: those two are to be asked.
bool ss_lasts_read(const struct ss_lasts *lasts, struct ss_bytes bytes, int64_t t_us, struct ss_value *values,
                   bool *expired, int64_t *newest_us);

#endif
