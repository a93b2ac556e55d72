// The world of one story: node after node until the story is told, the model beside it, the judge at the end.
#ifndef SS_TESTS_SIMULATOR_WORLD_H
#define SS_TESTS_SIMULATOR_WORLD_H

#include "log.h"

struct world {
    struct log *log;
    struct disk *disk;
    const char *directory; // empty but for what the world makes and removes
};

// NULL, or what went wrong (in the log's pool). What happened is in the log until it is cleared.
const char *world_tell(const struct world *world, const struct story *story);

#endif
