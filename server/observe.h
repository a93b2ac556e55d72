// What is told of every call, lookup, push and commit: metrics, each thread into a block of its own, and
// lines in the log where the settings want them.
#ifndef SS_SERVER_OBSERVE_H
#define SS_SERVER_OBSERVE_H

#include <grpc/grpc.h>

#include "server/metrics.h"
#include "server/serving.h"
#include "wire/push_message.h"

// To be called once by each thread that tells anything. Without memory for a block it goes uncounted.
void ss_observe_thread(struct ss_serving *serving);
void ss_observe_thread_end(void);

// A call, or one lookup of a stream, that has ended. `service`: of the thread's own definitions; NULL: none.
struct ss_observed {
    enum ss_metric_method method;
    const struct ss_definitions *definitions;
    const struct ss_service *service;
    grpc_call *call;  // for its peer; NULL: not known
    int64_t begun_us; // monotonic
};
void ss_observe_call(struct ss_serving *serving, const struct ss_observed *call, enum ss_status status,
                     const char *message);
// A lookup, from before its read point was pinned until its answer was sized.
void ss_observe_lookup(const struct ss_definitions *definitions, const struct ss_service *service,
                       const struct ss_wire_answer *answer, int64_t begun_us);
void ss_observe_train_rows(const struct ss_definitions *definitions, const struct ss_service *service,
                           uint64_t rows);
void ss_observe_push(const struct ss_definitions *definitions, const struct ss_source *source,
                     const struct ss_push_result *result);
void ss_observe_commit(uint64_t pushes, uint64_t rows, int64_t begun_us);

int64_t ss_monotonic_us(void);
int64_t ss_wall_us(void); // since 1970, as the machine's clock has it

#endif
