// init: an empty store.

#include <getopt.h>
#include <string.h>

#include "tools/cli.h"

int ss_command_init(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"clock", required_argument, NULL, 'c'}, {0}};
    enum ss_clock_kind kind = SS_CLOCK_WALL;
    struct ss_error error = {0};
    struct ss_materializer *materializer;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'c') return ss_cli_usage(cli, "unknown option");
        if (strcmp(optarg, "replay") == 0)
            kind = SS_CLOCK_REPLAY;
        else if (strcmp(optarg, "wall") != 0)
            return ss_cli_usage(cli, "--clock: expected wall or replay, got '%s'", optarg);
    }
    if (optind < argc) return ss_cli_usage(cli, "unexpected '%s'", argv[optind]);
    if (cli->has_now && kind != SS_CLOCK_REPLAY) return ss_cli_usage(cli, "--now goes with --clock replay");
    if (ss_store_create(cli->directory, kind, NULL, &error) != SS_OK) return ss_cli_fail(&error);
    if (cli->has_now) {
        if (ss_cli_open(cli, SS_STORE_WRITE, &materializer, &error) != SS_OK) return ss_cli_fail(&error);
        ss_materializer_close(materializer);
    }
    fprintf(stderr, "store '%s' is ready (%s clock); next: selfsame apply DEFS...\n", cli->directory,
            kind == SS_CLOCK_REPLAY ? "replay" : "wall");
    return SS_EXIT_OK;
}
