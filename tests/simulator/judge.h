// The judge: every logged lookup is computed again, three ways, and must be equal in every bit.
#ifndef SS_TESTS_SIMULATOR_JUDGE_H
#define SS_TESTS_SIMULATOR_JUDGE_H

#include "log.h"

struct judge {
    const struct story *story;
    struct log *log;
    const char *directory;
    struct naive *naive; // that has seen all pushes
};

// Offline at its own (t, s); offline at its t alone, where DESIGN C5 promises it; by the naive scan. NULL, or
// what differed.
const char *judge_lookups(const struct judge *judge);

#endif
