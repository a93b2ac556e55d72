// What the two halves of the naive scan share.
#ifndef SS_TESTS_PROPERTY_NAIVE_READ_H
#define SS_TESTS_PROPERTY_NAIVE_READ_H

#include "naive.h"

// The entity of a view with these keys; NULL: no event names it.
const struct naive_entity *naive_find_entity(const struct naive *naive, int view, const struct cell *keys);

#endif
