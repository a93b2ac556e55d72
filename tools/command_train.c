// train: a spine in, the same rows with the service's features out.

#include <getopt.h>
#include <string.h>

#include "engine/base/number.h"
#include "tools/remote.h"
#include "tools/train_report.h"

struct arguments {
    struct ss_arena arena;
    struct ss_train train;
    struct ss_spine_map maps[64];
};

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
        if (ss_cli_time_column(value, &arguments->arena, &train->spine.time_column, &train->spine.time_unit))
            return 0;
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
    struct ss_shown_progress progress;
    if (!cli->server && ss_train_is_in_store(cli, request->output))
        return ss_cli_usage(cli, "-o %s: lies in the store's own folder; write it elsewhere",
                            request->output);
    request->with_digest = cli->json;
    ss_train_show_progress(&progress, "train", request);
    const enum ss_status status =
        cli->server ? train_there(cli, request, &result, &error) : train_here(cli, request, &result, &error);
    const double seconds = ss_train_end_progress(&progress);
    if (status != SS_OK) return ss_cli_fail(&error);
    ss_train_print_summary(request, &result, seconds);
    if (cli->json) ss_cli_print_json(ss_train_json(request, &result));
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
