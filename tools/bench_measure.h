// What the benchmarks of a service measure with: latencies, the CPU of processes, random numbers, a server of
// its own.
#ifndef SS_TOOLS_BENCH_MEASURE_H
#define SS_TOOLS_BENCH_MEASURE_H

#include "client/selfsame.h"
#include "tools/cli.h"

#include <sys/types.h>

int64_t ss_bench_now_ns(void);               // monotonic
void ss_bench_sleep_until(int64_t until_ns); // of the same clock
uint64_t ss_bench_random(uint64_t *state);   // splitmix64
double ss_bench_unit(uint64_t *state);       // [0, 1)

struct ss_bench_latencies {
    uint32_t *us16; // in 1/16 microseconds, up to 268 s
    size_t count, capacity;
    bool failed; // out of memory: some are missing
};
void ss_bench_latency_add(struct ss_bench_latencies *latencies, int64_t ns);
void ss_bench_latency_join(struct ss_bench_latencies *all, const struct ss_bench_latencies *some);
void ss_bench_latency_sort(struct ss_bench_latencies *latencies);
double ss_bench_latency_us(const struct ss_bench_latencies *sorted, double share); // 0.99; 1: the greatest
void ss_bench_latency_release(struct ss_bench_latencies *latencies);

double ss_bench_own_cpu_s(void);  // user and system time of this process so far
double ss_bench_cpu_s(pid_t pid); // of another; 0: unknown

// A server in a child process, of this very program.
struct ss_bench_server {
    pid_t pid; // 0: none
    int out;   // its standard output
    char address[256];
};
enum ss_status ss_bench_server_start(const char *directory, struct ss_bench_server *server,
                                     struct ss_error *error);
void ss_bench_server_stop(struct ss_bench_server *server); // a zeroed one is fine

// A client of the server that --server and its like name, once it is connected.
enum ss_status ss_bench_connect(const struct ss_cli *cli, int64_t connections,
                                struct selfsame_client **client, struct ss_error *error);
#define SS_BENCH_SERVER_OPTIONS                                                             \
    {"server", required_argument, NULL, 'a'}, {"token-file", required_argument, NULL, 'T'}, \
        {"ca", required_argument, NULL, 'A'}, {"cert", required_argument, NULL, 'C'},       \
        {"key-file", required_argument, NULL, 'K'},                                         \
    {                                                                                       \
        "server-pid", required_argument, NULL, 'P'                                          \
    }
// One of them, with optarg. False: it is none.
bool ss_bench_take_server_option(struct ss_cli *cli, int option);

// A folder below the current one, with all in it.
enum ss_status ss_bench_make_folder(char name[32], struct ss_error *error);
void ss_bench_remove_folder(const char *name); // "" is fine

bool ss_bench_take_count(const char *text, int64_t greatest, int64_t *count); // 1 to greatest
bool ss_bench_take_number(const char *text, double *number);                  // above 0

// Compiles text, which has to be right, and makes it live.
enum ss_status ss_bench_apply(struct ss_materializer *materializer, const struct ss_buffer *text,
                              struct ss_error *error);

// Reports: rows of a table, or members of an object.
struct ss_bench_report {
    struct json_object *json; // NULL: for people
    struct ss_table table;
};
void ss_bench_report_init(struct ss_bench_report *report, bool json, const char *title);
void ss_bench_report_text(struct ss_bench_report *report, const char *label, const char *name,
                          const char *text);
void ss_bench_report_number(struct ss_bench_report *report, const char *label, const char *name,
                            double number, int decimals);
void ss_bench_report_print(struct ss_bench_report *report);

// A benchmark takes options only. Returns the exit status.
int ss_bench_no_operand(const struct ss_cli *cli, const char *operand);

int ss_bench_ingest(struct ss_cli *cli, int argc, char **argv);
int ss_bench_train(struct ss_cli *cli, int argc, char **argv);
int ss_bench_serve(struct ss_cli *cli, int argc, char **argv);
int ss_bench_push(struct ss_cli *cli, int argc, char **argv);

#endif
