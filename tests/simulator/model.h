// The model: what a store must have done, told from the log alone: the naive scan's events, the seq, the
// clock and what was promised to producers.
#ifndef SS_TESTS_SIMULATOR_MODEL_H
#define SS_TESTS_SIMULATOR_MODEL_H

#include "log.h"

struct model {
    const struct story *story;
    struct pool *pool;
    struct naive naive;
    const struct record *read_to; // of the log
    int next_act;                 // the first that is not done
    int64_t given_us;             // the greatest t that a lookup got from the clock
    int tries;                    // of the push that is not answered yet
    int begun_act;                // of it, with the last try's clock
    int64_t begun_clock_us;
    bool is_applied; // its rows were found in history
    uint64_t producer_last[PRODUCERS];
    int64_t *clocks; // per act: where the clock stood at its commit
    bool has_digests;
    struct digests digests;
};

void model_init(struct model *model, const struct story *story, struct pool *pool);
// Goes on with what the log has got since. NULL, or what must not have happened (in the log's pool).
const char *model_read(struct model *model, struct log *log);

#endif
