// Online rows are kept in memory: a thread of low priority reads their file at the start, and counts as its
// user every half minute, while the setting keep_in_memory says so and the file is at most half of the
// memory.
#ifndef SS_SERVER_KEEP_WARM_H
#define SS_SERVER_KEEP_WARM_H

#include "server/serving.h"

struct ss_keep_warm;
enum ss_status ss_keep_warm_start(struct ss_serving *serving, struct ss_keep_warm **warm,
                                  struct ss_error *error);
void ss_keep_warm_stop(struct ss_keep_warm *warm); // waits for its thread. NULL is fine

#endif
