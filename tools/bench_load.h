// Lookups at full speed or at a rate, and what came of them.
#ifndef SS_TOOLS_BENCH_LOAD_H
#define SS_TOOLS_BENCH_LOAD_H

#include "client/selfsame.h"
#include "tools/bench_measure.h"

struct ss_bench_load {
    struct selfsame_client *client;
    bool in_process; // lookups block, each on a thread of its own
    bool stream;     // StreamFeatures
    bool health;     // grpc.health.v1.Health/Check
    const char *service, *key, *prefix;
    bool key_is_number;
    int64_t entities; // keys are PREFIX000000000000 to one below this, or these numbers
    int64_t entities_per_call;
    int64_t in_flight; // of the closed loop
    int64_t streams;
    double rate; // of the open loop, calls a second; 0: the closed loop
    double warm_up_s, seconds;
    pid_t server; // whose CPU is counted; 0: unknown
};

struct ss_bench_loaded {
    double seconds;
    uint64_t calls, rows;
    uint64_t absent; // rows whose first feature is not there
    uint64_t errors;
    char error[256]; // the first
    int64_t most_in_flight;
    struct ss_bench_latencies latencies; // sorted; of the open loop from when the call was due
    double server_cpu_s, client_cpu_s;
};

enum ss_status ss_bench_load(const struct ss_bench_load *load, struct ss_bench_loaded *loaded,
                             struct ss_error *error);
void ss_bench_loaded_release(struct ss_bench_loaded *loaded);

#endif
