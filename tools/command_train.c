// train: a spine in, the same rows with the service's features out.

#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/number.h"
#include "materializer/train.h"
#include "tools/remote.h"

struct arguments {
    struct ss_arena arena;
    struct ss_train train;
    struct ss_spine_map maps[64];
};

struct shown_progress {
    struct timespec start;
    double shown_at; // seconds since start
    bool shown;
};

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void show_progress(void *context, int64_t done, int64_t total)
{
    struct shown_progress *progress = context;
    const double seconds = seconds_since(&progress->start);
    if (seconds < 1 || seconds < progress->shown_at + 0.2 || done <= 0 || !isatty(STDERR_FILENO)) return;
    progress->shown_at = seconds;
    progress->shown = true;
    const double left = seconds * (double)(total - done) / (double)done;
    char rate[SS_COUNT_TEXT_SIZE];
    fprintf(stderr, "\rtrain: %3.0f %%  %.0f s, %s rows/s, about %.0f s left \033[K",
            100.0 * (double)done / (double)total, seconds,
            ss_count_format((uint64_t)((double)done / seconds), rate), left);
}

// "at:ms" -> column "at", milliseconds.
static bool take_time(struct arguments *arguments, const char *text)
{
    static const struct {
        const char *suffix;
        enum ss_time_unit unit;
    } units[] = {{":ms", SS_UNIT_MS}, {":us", SS_UNIT_US}, {":s", SS_UNIT_S}};
    struct ss_spine_source *spine = &arguments->train.spine;
    size_t length = strlen(text);
    spine->time_unit = SS_UNIT_TEXT;
    for (size_t i = 0; i < sizeof units / sizeof *units && spine->time_unit == SS_UNIT_TEXT; i++) {
        const size_t suffix = strlen(units[i].suffix);
        if (length <= suffix || strcmp(text + length - suffix, units[i].suffix) != 0) continue;
        spine->time_unit = units[i].unit;
        length -= suffix;
    }
    spine->time_column = ss_arena_copy(&arguments->arena, text, length);
    return spine->time_column != NULL && length > 0;
}

static bool take_map(struct arguments *arguments, const char *text)
{
    struct ss_spine_map *map = &arguments->maps[arguments->train.spine.map_count];
    if (arguments->train.spine.map_count == sizeof arguments->maps / sizeof *arguments->maps) return false;
    if (!ss_cli_pair(text, &arguments->arena, &map->name, &map->column) || !map->column[0]) return false;
    arguments->train.spine.map_count++;
    return true;
}

static bool take_mode(struct arguments *arguments, const char *text)
{
    arguments->train.as_of_event_time = strcmp(text, "as-of-event-time") == 0;
    return arguments->train.as_of_event_time || strcmp(text, "as-known") == 0;
}

static bool take_threads(struct ss_train *train, const char *text)
{
    int64_t count;
    if (!ss_int64_parse(ss_bytes_of(text), &count) || count < 1 || count > 1024) return false;
    train->threads = (size_t)count;
    return true;
}

enum option_code {
    OPTION_SPINE = 256,
    OPTION_TIME,
    OPTION_MAP,
    OPTION_MODE,
    OPTION_INCLUSIVE,
    OPTION_STATUS,
    OPTION_THREADS,
    OPTION_WITH_EVENT
};

static const struct option options[] = {{"spine", required_argument, NULL, OPTION_SPINE},
                                        {"time", required_argument, NULL, OPTION_TIME},
                                        {"output", required_argument, NULL, 'o'},
                                        {"map", required_argument, NULL, OPTION_MAP},
                                        {"mode", required_argument, NULL, OPTION_MODE},
                                        {"inclusive", no_argument, NULL, OPTION_INCLUSIVE},
                                        {"status", no_argument, NULL, OPTION_STATUS},
                                        {"threads", required_argument, NULL, OPTION_THREADS},
                                        {"with-event", required_argument, NULL, OPTION_WITH_EVENT},
                                        {0}};

// Returns 0, or the exit status after printing what is wrong.
static int take_option(const struct ss_cli *cli, struct arguments *arguments, int option, const char *value)
{
    struct ss_train *train = &arguments->train;
    switch (option) {
    case OPTION_SPINE: train->spine.place = value; return 0;
    case 'o': train->output = value; return 0;
    case OPTION_WITH_EVENT: train->spine.with_event = value; return 0;
    case OPTION_INCLUSIVE: train->inclusive = true; return 0;
    case OPTION_STATUS: train->with_status = true; return 0;
    case OPTION_TIME:
        if (take_time(arguments, value)) return 0;
        return ss_cli_usage(cli, "--time: expected COLUMN, COLUMN:s, COLUMN:ms or COLUMN:us, got '%s'",
                            value);
    case OPTION_MAP:
        if (take_map(arguments, value)) return 0;
        return ss_cli_usage(cli, "--map: expected KEY=COLUMN (at most 64 of them), got '%s'", value);
    case OPTION_MODE:
        if (take_mode(arguments, value)) return 0;
        return ss_cli_usage(cli, "--mode: expected as-known or as-of-event-time, got '%s'", value);
    case OPTION_THREADS:
        if (take_threads(train, value)) return 0;
        return ss_cli_usage(cli, "--threads: expected a number from 1 to 1024, got '%s'", value);
    default: return ss_cli_usage(cli, "see the options above");
    }
}

static int take_arguments(const struct ss_cli *cli, struct arguments *arguments, int argc, char **argv)
{
    struct ss_train *train = &arguments->train;
    int option, failed = 0;
    train->spine.maps = arguments->maps;
    train->version = SS_VERSION_TEXT;
    while (!failed && (option = getopt_long(argc, argv, "o:", options, NULL)) != -1)
        failed = take_option(cli, arguments, option, optarg);
    if (failed) return failed;
    if (optind + 1 != argc) return ss_cli_usage(cli, "which service? (one)");
    train->service = argv[optind];
    if (!train->spine.place) return ss_cli_usage(cli, "--spine FILE.csv or --spine FILE.db:TABLE is needed");
    if (!train->spine.time_column)
        return ss_cli_usage(cli, "--time COLUMN is needed: the spine's column of times");
    if (!train->output) return ss_cli_usage(cli, "-o FILE.db:TABLE or -o FILE.csv is needed");
    return 0;
}

static void print_json(const struct ss_train *train, const struct ss_train_result *result)
{
    struct json_object *root = json_object_new_object(), *cells = json_object_new_object();
    json_object_object_add(root, "service", json_object_new_string(train->service));
    json_object_object_add(root, "output", json_object_new_string(train->output));
    json_object_object_add(root, "rows", json_object_new_int64(result->row_count));
    json_object_object_add(root, "features", json_object_new_int64((int64_t)result->feature_count));
    for (int i = 0; i < 4; i++)
        json_object_object_add(cells, ss_cell_status_name((enum ss_cell_status)i),
                               json_object_new_int64((int64_t)result->statuses[i]));
    json_object_object_add(root, "cells", cells);
    json_object_object_add(root, "seq", json_object_new_int64((int64_t)result->newest_seq));
    json_object_object_add(root, "digest", ss_cli_json_hash(&result->digest));
    ss_cli_print_json(root);
}

static void print_summary(const struct ss_train *train, const struct ss_train_result *result, double seconds)
{
    char rows[SS_COUNT_TEXT_SIZE], cells[SS_COUNT_TEXT_SIZE], seq[SS_COUNT_TEXT_SIZE];
    fprintf(stderr, "%s: %s rows x %zu features as of seq %s in %.2f s; cells:", train->output,
            ss_count_format((uint64_t)result->row_count, rows), result->feature_count,
            ss_count_format(result->newest_seq, seq), seconds);
    for (int i = 0; i < 4; i++)
        fprintf(stderr, "%s %s %s", i ? "," : "", ss_count_format(result->statuses[i], cells),
                ss_cell_status_name((enum ss_cell_status)i));
    fputc('\n', stderr);
}

// A training table in the store's own folder could overwrite the store.
static bool is_in_store(const struct ss_cli *cli, const char *output)
{
    char store[PATH_MAX], folder[PATH_MAX], copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", output) >= (int)sizeof copy) return false;
    if (!realpath(cli->directory, store) || !realpath(dirname(copy), folder)) return false;
    const size_t length = strlen(store);
    return strncmp(folder, store, length) == 0 && (folder[length] == '/' || folder[length] == 0);
}

static enum ss_status train_here(const struct ss_cli *cli, const struct ss_train *request,
                                 struct ss_train_result *result, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    enum ss_status status = ss_cli_open(cli, SS_STORE_HISTORY, &materializer, error);
    if (status == SS_OK) status = ss_train(materializer, request, result, error);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status train_there(const struct ss_cli *cli, struct ss_train *request,
                                  struct ss_train_result *result, struct ss_error *error)
{
    struct ss_remote remote;
    struct ss_remote_train there = {.remote = &remote};
    const struct ss_train_values values = ss_remote_train_values(&there);
    request->values = &values;
    enum ss_status status = ss_remote_begin(cli, &remote, error);
    if (status == SS_OK) status = ss_train(&remote.names, request, result, error);
    ss_remote_train_release(&there);
    ss_remote_close(&remote);
    return status;
}

static int train(struct ss_cli *cli, struct ss_train *request)
{
    struct ss_error error = {0};
    struct ss_train_result result;
    struct shown_progress progress = {0};
    if (!cli->server && is_in_store(cli, request->output))
        return ss_cli_usage(cli, "-o %s: lies in the store's own folder; write it elsewhere",
                            request->output);
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    request->with_digest = cli->json;
    request->progress = show_progress;
    request->progress_context = &progress;
    const enum ss_status status =
        cli->server ? train_there(cli, request, &result, &error) : train_here(cli, request, &result, &error);
    if (progress.shown) fputs("\r\033[K", stderr);
    if (status != SS_OK) return ss_cli_fail(&error);
    print_summary(request, &result, seconds_since(&progress.start));
    if (cli->json) print_json(request, &result);
    return SS_EXIT_OK;
}

int ss_command_train(struct ss_cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    const int failed = take_arguments(cli, &arguments, argc, argv);
    const int exit_status = failed ? failed : train(cli, &arguments.train);
    ss_arena_release(&arguments.arena);
    return exit_status;
}
