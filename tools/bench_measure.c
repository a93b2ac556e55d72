// What the benchmarks of a service measure with.

#include "tools/bench_measure.h"

#include "engine/base/number.h"
#include "materializer/apply.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t ss_bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void ss_bench_sleep_until(int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

uint64_t ss_bench_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

double ss_bench_unit(uint64_t *state)
{
    return (double)(ss_bench_random(state) >> 11) * 0x1p-53;
}

// ---- Latencies

static bool make_room(struct ss_bench_latencies *latencies, size_t more)
{
    if (latencies->capacity - latencies->count >= more) return true;
    const size_t capacity = 2 * (latencies->count + more) + 1024;
    uint32_t *grown = realloc(latencies->us16, capacity * sizeof *grown);
    if (!grown) {
        latencies->failed = true;
        return false;
    }
    latencies->us16 = grown;
    latencies->capacity = capacity;
    return true;
}

void ss_bench_latency_add(struct ss_bench_latencies *latencies, int64_t ns)
{
    const int64_t us16 = ns * 16 / 1000;
    if (!make_room(latencies, 1)) return;
    latencies->us16[latencies->count++] = us16 > UINT32_MAX ? UINT32_MAX : us16 < 0 ? 0 : (uint32_t)us16;
}

void ss_bench_latency_join(struct ss_bench_latencies *all, const struct ss_bench_latencies *some)
{
    all->failed |= some->failed;
    if (!some->count || !make_room(all, some->count)) return;
    memcpy(all->us16 + all->count, some->us16, some->count * sizeof *some->us16);
    all->count += some->count;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void ss_bench_latency_sort(struct ss_bench_latencies *latencies)
{
    if (latencies->count) qsort(latencies->us16, latencies->count, sizeof *latencies->us16, by_size);
}

double ss_bench_latency_us(const struct ss_bench_latencies *sorted, double share)
{
    if (!sorted->count) return 0;
    const size_t at = (size_t)((double)sorted->count * share);
    return sorted->us16[at < sorted->count ? at : sorted->count - 1] / 16.0;
}

void ss_bench_latency_release(struct ss_bench_latencies *latencies)
{
    free(latencies->us16);
    *latencies = (struct ss_bench_latencies){0};
}

// ---- CPU

double ss_bench_own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

double ss_bench_cpu_s(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "r") : NULL;
    if (!file) return 0;
    const char *after_name = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!after_name ||
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

// ---- A server

static void run_server(const char *directory, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM); // a benchmark that is killed leaves no server behind
    dup2(out, STDOUT_FILENO);
    execl("/proc/self/exe", "selfsame", "--dir", directory, "serve", "--listen", "127.0.0.1:0",
          "--metrics-listen", "", "--log-level", "warn", (char *)NULL);
    _exit(127);
}

// "listening 127.0.0.1:41234"
static enum ss_status read_address(struct ss_bench_server *server, struct ss_error *error)
{
    char line[256];
    FILE *out = fdopen(dup(server->out), "r");
    const bool told =
        out && fgets(line, sizeof line, out) && sscanf(line, "listening %200s", server->address) == 1;
    if (out) fclose(out);
    return told ? SS_OK : ss_fail(error, SS_IO, "bench: the server did not start");
}

enum ss_status ss_bench_server_start(const char *directory, struct ss_bench_server *server,
                                     struct ss_error *error)
{
    int ends[2];
    if (pipe(ends) != 0) return ss_fail(error, SS_IO, "bench: no pipe: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid == 0) run_server(directory, ends[1]);
    close(ends[1]);
    *server = (struct ss_bench_server){.pid = pid > 0 ? pid : 0, .out = ends[0]};
    if (pid < 0) return ss_fail(error, SS_IO, "bench: no process: %s", strerror(errno));
    return read_address(server, error);
}

void ss_bench_server_stop(struct ss_bench_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        waitpid(server->pid, NULL, 0);
    }
    if (server->out > 0) close(server->out);
    *server = (struct ss_bench_server){0};
}

// ---- A client

bool ss_bench_take_server_option(struct ss_cli *cli, int option)
{
    const char **const value = option == 'a'   ? &cli->server
                               : option == 'T' ? &cli->token_file
                               : option == 'A' ? &cli->ca_file
                               : option == 'C' ? &cli->cert_file
                               : option == 'K' ? &cli->key_file
                                               : NULL;
    if (value) *value = optarg;
    return value != NULL;
}

enum ss_status ss_bench_connect(const struct ss_cli *cli, int64_t connections,
                                struct selfsame_client **client, struct ss_error *error)
{
    struct selfsame_options options;
    struct selfsame_error why;
    struct selfsame_client *made;
    const char *token = getenv("SELFSAME_TOKEN");
    selfsame_options_init(&options);
    options.tls = strncmp(cli->server, "tls:", 4) == 0;
    options.address = cli->server + (options.tls ? 4 : 0);
    options.token_file = cli->token_file;
    options.token = !cli->token_file && token && *token ? token : NULL;
    options.ca_file = cli->ca_file;
    options.cert_file = cli->cert_file;
    options.key_file = cli->key_file;
    options.connections = (uint32_t)connections;
    if (selfsame_connect(&options, &made, &why) != SELFSAME_OK)
        return ss_fail(error, SS_INVALID, "server '%s': %s", cli->server, why.message);
    if (selfsame_wait_ready(made, 10000, &why) == SELFSAME_OK) {
        *client = made;
        return SS_OK;
    }
    selfsame_close(made);
    return ss_fail(error, SS_IO, "server '%s': %s", cli->server, why.message);
}

// ---- Folders and definitions

enum ss_status ss_bench_make_folder(char name[32], struct ss_error *error)
{
    strcpy(name, "selfsame-bench-XXXXXX");
    if (mkdtemp(name)) return SS_OK;
    name[0] = 0;
    return ss_fail(error, SS_IO, "bench: cannot make a folder here: %s", strerror(errno));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

void ss_bench_remove_folder(const char *name)
{
    if (name[0]) nftw(name, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static enum ss_status compile(const struct ss_buffer *text, struct ss_definitions **definitions,
                              struct ss_error *error)
{
    struct ss_buffer report = {0};
    const struct ss_zone_loader no_zones = {0};
    size_t error_count;
    const struct ss_file file = {"bench.yaml", {(const char *)text->data, text->size}};
    if (text->failed) return ss_fail_memory(error, "the definitions");
    enum ss_status status =
        ss_definitions_compile(&file, 1, &no_zones, definitions, &report, &error_count, error);
    if (status == SS_FOUND)
        status = ss_fail(error, SS_INVALID, "bench: %.*s", (int)report.size, (const char *)report.data);
    ss_buffer_release(&report);
    return status;
}

enum ss_status ss_bench_apply(struct ss_materializer *materializer, const struct ss_buffer *text,
                              struct ss_error *error)
{
    struct ss_definitions *definitions = NULL;
    SS_TRY(compile(text, &definitions, error));
    const enum ss_status status = ss_apply(materializer, definitions, error);
    if (status != SS_OK) ss_definitions_destroy(definitions);
    return status;
}

// ---- Options

bool ss_bench_take_count(const char *text, int64_t greatest, int64_t *count)
{
    int64_t number;
    if (!ss_int64_parse(ss_bytes_of(text), &number) || number < 1 || number > greatest) return false;
    *count = number;
    return true;
}

bool ss_bench_take_number(const char *text, double *number)
{
    char *end;
    const double taken = strtod(text, &end);
    if (end == text || *end || !(taken > 0) || taken > 1e12) return false;
    *number = taken;
    return true;
}

int ss_bench_no_operand(const struct ss_cli *cli, const char *operand)
{
    return ss_cli_usage(cli, "unexpected '%s': a benchmark takes options only", operand);
}

// ---- Reports

void ss_bench_report_init(struct ss_bench_report *report, bool json, const char *title)
{
    report->json = json ? json_object_new_object() : NULL;
    if (json)
        json_object_object_add(report->json, "bench", json_object_new_string(title));
    else
        ss_table_init(&report->table, 2, (const char *const[]){title, ">"});
}

void ss_bench_report_text(struct ss_bench_report *report, const char *label, const char *name,
                          const char *text)
{
    if (report->json) {
        json_object_object_add(report->json, name, ss_cli_json_text(text));
        return;
    }
    ss_table_cell(&report->table, "%s", label);
    ss_table_cell(&report->table, "%s", text);
}

void ss_bench_report_number(struct ss_bench_report *report, const char *label, const char *name,
                            double number, int decimals)
{
    char text[SS_COUNT_TEXT_SIZE];
    if (report->json) {
        json_object_object_add(report->json, name,
                               decimals ? json_object_new_double(number)
                                        : json_object_new_int64((int64_t)number));
        return;
    }
    ss_table_cell(&report->table, "%s", label);
    if (decimals)
        ss_table_cell(&report->table, "%.*f", decimals, number);
    else
        ss_table_cell(&report->table, "%s", ss_count_format((uint64_t)number, text));
}

void ss_bench_report_print(struct ss_bench_report *report)
{
    if (report->json)
        ss_cli_print_json(report->json);
    else
        ss_table_print(&report->table, stdout);
}
