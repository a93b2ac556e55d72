// Shrinking: what a failure does not need is dropped from its story.
#ifndef SS_TESTS_SIMULATOR_SHRINK_H
#define SS_TESTS_SIMULATOR_SHRINK_H

#include "world.h"

// Drops acts, rows, queries and features as long as the story fails in the same way, for at most so long. The
// failure that is left, in the pool.
const char *shrink(const struct world *world, struct story *story, struct pool *pool, const char *problem,
                   int seconds);

#endif
