// ingest: events of a CSV file into the store.

#include <getopt.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/number.h"
#include "materializer/ingest_csv.h"
#include "tools/remote.h"

struct shown_progress {
    struct timespec start;
    double shown_at; // seconds since start
};

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void show_progress(void *context, uint64_t done_bytes, uint64_t total_bytes, uint64_t rows)
{
    struct shown_progress *progress = context;
    char count[SS_COUNT_TEXT_SIZE], rate[SS_COUNT_TEXT_SIZE];
    const double seconds = seconds_since(&progress->start);
    if (seconds < 1 || seconds < progress->shown_at + 0.2 || done_bytes == 0 || !isatty(STDERR_FILENO))
        return;
    progress->shown_at = seconds;
    const double left = seconds * ((double)total_bytes - (double)done_bytes) / (double)done_bytes;
    fprintf(stderr, "\ringest: %s rows, %s rows/s, about %.0f s left \033[K", ss_count_format(rows, count),
            ss_count_format((uint64_t)((double)rows / seconds), rate), left > 0 ? left : 0);
}

static void print_json(const struct ss_ingest *ingest, const struct ss_ingest_result *result)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {{"rows", result->rows},
                  {"accepted", result->accepted},
                  {"duplicate", result->duplicate},
                  {"conflicting", result->conflicting},
                  {"quarantined", result->quarantined},
                  {"warned", result->warned},
                  {"batches", result->batches},
                  {"repeated_batches", result->repeated_batches},
                  {"seq", result->seq}};
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "source", json_object_new_string(ingest->source));
    json_object_object_add(root, "file", json_object_new_string(ingest->path));
    json_object_object_add(root, "repeated", json_object_new_boolean(result->already_loaded));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_object_add(root, counts[i].name, json_object_new_int64((int64_t)counts[i].count));
    json_object_object_add(root, "bulk", json_object_new_boolean(result->bulk));
    json_object_object_add(root, "seconds", json_object_new_double(result->seconds));
    json_object_object_add(root, "history_seconds", json_object_new_double(result->history_seconds));
    if (result->first_reason[0])
        json_object_object_add(root, "first_violation", ss_cli_json_text(result->first_reason));
    ss_cli_print_json(root);
}

static void print_count(const char *before, uint64_t count, const char *what)
{
    char text[SS_COUNT_TEXT_SIZE];
    if (count) printf("%s%s %s", before, ss_count_format(count, text), what);
}

static void print_summary(const struct ss_ingest *ingest, const struct ss_ingest_result *result)
{
    char rows[SS_COUNT_TEXT_SIZE], accepted[SS_COUNT_TEXT_SIZE], text[SS_COUNT_TEXT_SIZE];
    if (result->already_loaded) {
        printf("%s: loaded before; nothing changed%s\n", ingest->path,
               ingest->producer ? "" : " (--again loads it once more)");
        return;
    }
    printf("%s: %s rows, %s accepted", ingest->path, ss_count_format(result->rows, rows),
           ss_count_format(result->accepted, accepted));
    print_count(", ", result->duplicate, "duplicate");
    print_count(", ", result->conflicting, "conflicting");
    print_count(", ", result->quarantined, "in quarantine");
    print_count(", ", result->warned, "warned of");
    printf("; seq %s; %.2f s", ss_count_format(result->seq, text), result->seconds);
    if (result->bulk) printf(" (%.2f s until durable)", result->history_seconds);
    if (result->seconds > 0)
        printf(", %s rows/s", ss_count_format((uint64_t)((double)result->rows / result->seconds), text));
    putchar('\n');
}

static void print_notes(const struct ss_ingest *ingest, const struct ss_ingest_result *result)
{
    if (result->ignored_count)
        fprintf(stderr, "note: source '%s' has no column for %s of the file; ignored\n", ingest->source,
                result->ignored);
    if (result->repeated_batches && !result->already_loaded)
        fprintf(stderr, "note: an earlier load of this file was interrupted; it was resumed\n");
    if (result->uncounted_batches)
        fprintf(
            stderr,
            "note: the answers to %llu batches were lost with the connection: their rows are kept, but not "
            "counted here\n",
            (unsigned long long)result->uncounted_batches);
    if (result->not_visible[0])
        fprintf(stderr, "selfsame: the rows are kept, but cannot be seen online yet: %s\n",
                result->not_visible);
    if (result->first_reason[0])
        fprintf(stderr, "first violation: %s\n'selfsame stats --quarantine %s' lists what is in quarantine\n",
                result->first_reason, ingest->source);
}

static enum ss_status load_there(const struct ss_cli *cli, struct ss_ingest *request,
                                 struct ss_ingest_result *result, struct ss_error *error)
{
    struct ss_remote remote;
    enum ss_status status = ss_remote_begin(cli, &remote, error);
    struct ss_remote_ingest *there = ss_remote_ingest_create(&remote);
    if (status == SS_OK && !there) status = ss_fail_memory(error, "a load");
    if (status == SS_OK) {
        const struct ss_ingest_target target = ss_remote_ingest_target(there);
        request->target = &target;
        status = ss_ingest_csv(&remote.names, request, result, error);
    }
    ss_remote_ingest_destroy(there);
    ss_remote_close(&remote);
    return status;
}

static enum ss_status load_here(const struct ss_cli *cli, struct ss_ingest *request,
                                struct ss_ingest_result *result, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    const struct ss_store_options options = {.pool = request->pool};
    enum ss_status status = ss_cli_open_with(cli, SS_STORE_WRITE, &options, &materializer, error);
    if (status == SS_OK) status = ss_ingest_csv(materializer, request, result, error);
    ss_materializer_close(materializer);
    return status;
}

// A load in bulk has threads. One is none but this.
static enum ss_status make_pool(struct ss_ingest *request, size_t threads, struct ss_error *error)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads == 0) threads = cores > 1 ? (size_t)cores : 1;
    if (!request->bulk || threads == 1) return SS_OK;
    return ss_pool_create(threads, &request->pool, error);
}

static int ingest(struct ss_cli *cli, struct ss_ingest *request, size_t threads)
{
    struct ss_error error = {0};
    struct ss_ingest_result result = {0};
    struct shown_progress progress = {0};
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    request->progress = show_progress;
    request->progress_context = &progress;
    enum ss_status status = make_pool(request, threads, &error);
    if (status == SS_OK)
        status = cli->server ? load_there(cli, request, &result, &error)
                             : load_here(cli, request, &result, &error);
    ss_pool_destroy(request->pool);
    if (progress.shown_at > 0) fputs("\r\033[K", stderr);
    if (status != SS_OK) return ss_cli_fail(&error);
    if (cli->json)
        print_json(request, &result);
    else
        print_summary(request, &result);
    print_notes(request, &result);
    if (result.not_visible[0]) return SS_EXIT_ERROR;
    return result.conflicting || result.quarantined ? SS_EXIT_FOUND : SS_EXIT_OK;
}

enum option_code {
    OPTION_LIVE = 256,
    OPTION_BULK,
    OPTION_THREADS,
    OPTION_STRICT,
    OPTION_AGAIN,
    OPTION_MAP,
    OPTION_PRODUCER,
    OPTION_BATCH
};

static const struct option options[] = {{"live", no_argument, NULL, OPTION_LIVE},
                                        {"bulk", no_argument, NULL, OPTION_BULK},
                                        {"threads", required_argument, NULL, OPTION_THREADS},
                                        {"strict", no_argument, NULL, OPTION_STRICT},
                                        {"again", no_argument, NULL, OPTION_AGAIN},
                                        {"map", required_argument, NULL, OPTION_MAP},
                                        {"producer", required_argument, NULL, OPTION_PRODUCER},
                                        {"batch", required_argument, NULL, OPTION_BATCH},
                                        {0}};

#define MAPS_MAX 64

struct arguments {
    struct ss_arena arena;
    struct ss_ingest ingest;
    struct ss_ingest_map maps[MAPS_MAX];
    size_t threads; // 0: one for every core
};

static bool take_map(struct arguments *arguments, const char *text)
{
    struct ss_ingest *ingest = &arguments->ingest;
    if (ingest->map_count == MAPS_MAX) return false;
    struct ss_ingest_map *map = &arguments->maps[ingest->map_count];
    if (!ss_cli_pair(text, &arguments->arena, &map->column, &map->header) || !map->header[0]) return false;
    ingest->map_count++;
    return true;
}

static bool take_batch(struct ss_ingest *ingest, const char *text)
{
    int64_t number;
    if (!ss_int64_parse(ss_bytes_of(text), &number) || number < 1) return false;
    ingest->number = (uint64_t)number;
    return true;
}

static bool take_threads(struct arguments *arguments, const char *text)
{
    int64_t count;
    if (!ss_int64_parse(ss_bytes_of(text), &count) || count < 1 || count > 1024) return false;
    arguments->threads = (size_t)count;
    return true;
}

// Returns 0, or the exit status after printing what is wrong.
static int take_option(const struct ss_cli *cli, struct arguments *arguments, int option, const char *value)
{
    struct ss_ingest *ingest = &arguments->ingest;
    switch (option) {
    case OPTION_LIVE: ingest->live = true; return 0;
    case OPTION_BULK: ingest->bulk = true; return 0;
    case OPTION_STRICT: ingest->strict = true; return 0;
    case OPTION_AGAIN: ingest->again = true; return 0;
    case OPTION_PRODUCER:
        ingest->producer = value;
        if (value[0] && strncmp(value, "file:", 5) != 0) return 0;
        return ss_cli_usage(cli, "--producer: expected a name that does not start with 'file:', got '%s'",
                            value);
    case OPTION_MAP:
        if (take_map(arguments, value)) return 0;
        return ss_cli_usage(cli, "--map: expected COLUMN=HEADER (at most %d of them), got '%s'", MAPS_MAX,
                            value);
    case OPTION_THREADS:
        if (take_threads(arguments, value)) return 0;
        return ss_cli_usage(cli, "--threads: expected a number from 1 to 1024, got '%s'", value);
    case OPTION_BATCH:
        if (take_batch(ingest, value)) return 0;
        return ss_cli_usage(cli, "--batch: expected a number from 1 on, got '%s'", value);
    default: return ss_cli_usage(cli, "see the options above");
    }
}

static int take_arguments(const struct ss_cli *cli, struct arguments *arguments, int argc, char **argv)
{
    struct ss_ingest *ingest = &arguments->ingest;
    int option, failed = 0;
    ingest->maps = arguments->maps;
    while (!failed && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        failed = take_option(cli, arguments, option, optarg);
    if (failed) return failed;
    if (optind + 2 != argc)
        return ss_cli_usage(cli, "a source and a file are needed ('-' is standard input)");
    ingest->source = argv[optind];
    ingest->path = argv[optind + 1];
    if (!ingest->producer != !ingest->number)
        return ss_cli_usage(cli, "--producer ID and --batch N go together");
    if (cli->server && ingest->bulk)
        return ss_cli_usage(cli,
                            "--bulk works on the store's folder; leave it out, and server '%s' gets the "
                            "same rows",
                            cli->server);
    if (arguments->threads && !ingest->bulk) return ss_cli_usage(cli, "--threads goes with --bulk");
    if (ingest->producer && ingest->again)
        return ss_cli_usage(cli,
                            "--again is for files that are their own producer; give the batch a new number");
    return 0;
}

int ss_command_ingest(struct ss_cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    const int failed = take_arguments(cli, &arguments, argc, argv);
    const int exit_status = failed ? failed : ingest(cli, &arguments.ingest, arguments.threads);
    ss_arena_release(&arguments.arena);
    return exit_status;
}
