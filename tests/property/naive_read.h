// What the two halves of the naive scan share.
#ifndef SS_TESTS_PROPERTY_NAIVE_READ_H
#define SS_TESTS_PROPERTY_NAIVE_READ_H

#include "naive.h"

// The entity of a view with these keys; NULL: no event names it.
const struct naive_entity *naive_find_entity(const struct naive *naive, int view, const struct cell *keys);
// The event's parts of the key of the view's entity; false: one is null.
bool naive_keys_of(const struct view *view, const struct naive_event *event, struct cell *keys);

#endif
