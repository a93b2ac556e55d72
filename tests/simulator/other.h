// The second instance: a store that gets the same rows in other batches, with restarts in between.
#ifndef SS_TESTS_SIMULATOR_OTHER_H
#define SS_TESTS_SIMULATOR_OTHER_H

#include "log.h"

struct other {
    const struct story *story;
    struct log *log;
    const char *directory;
    const int64_t *clocks; // per act: where the clock stood when the first instance committed it
    int last_variant;      // that the first instance ended with
};

// Its digests at the end, to be compared with the first one's; NULL, or what went wrong.
const char *other_run(const struct other *other, struct digests *digests);

#endif
