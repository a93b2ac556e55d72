// A node: the process that runs the store, from some act of the story until its end or until it dies.
#ifndef SS_TESTS_SIMULATOR_NODE_H
#define SS_TESTS_SIMULATOR_NODE_H

#include "log.h"

enum { NODE_FINISHED = 10, NODE_FAILED, NODE_KILLED, NODE_POWER };

struct node_start {
    const struct story *story;
    struct log *log;
    struct disk *disk;
    const char *directory; // of the store
    bool create;
    int act;                           // the first one to do
    int attempt;                       // how often it was tried before
    uint64_t s;                        // newest seq that the model holds
    uint64_t producer_last[PRODUCERS]; // batches that were acknowledged
};

// In a process of its own, which it ends with one of the codes above.
_Noreturn void node_run(const struct node_start *start);

#endif
