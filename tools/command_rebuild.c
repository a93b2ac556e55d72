// rebuild: online rows made anew from history, beside the old ones.

#include <getopt.h>

#include "materializer/apply.h"
#include "tools/cli.h"

#define VIEWS_MAX 1024

static enum ss_status rebuild_named(struct ss_materializer *materializer, char **names, int count,
                                    struct ss_error *error)
{
    const struct ss_view *views[VIEWS_MAX];
    if (count > VIEWS_MAX)
        return ss_fail(error, SS_LIMIT, "rebuild: more than %d views; use --all", VIEWS_MAX);
    for (int i = 0; i < count; i++) SS_TRY(ss_require_view(materializer, names[i], &views[i], error));
    return ss_rebuild(materializer, views, (size_t)count, error);
}

int ss_command_rebuild(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'}, {0}};
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    bool all = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'a') return ss_cli_usage(cli, "unknown option");
        all = true;
    }
    if (all == (optind < argc))
        return ss_cli_usage(cli, all ? "--all or views, not both" : "which views? or --all");
    // All of them: the online store is removed and made again, which also mends one that does not open.
    const struct ss_store_options store_options = {.replace_online = all};
    enum ss_status status =
        ss_materializer_open(cli->directory, SS_STORE_WRITE, &store_options, &materializer, &error);
    if (status == SS_OK) status = ss_cli_move_clock(cli, materializer->store->clock, &error);
    if (status == SS_OK && !all) status = rebuild_named(materializer, argv + optind, argc - optind, &error);
    if (status == SS_OK) fputs("rebuilt from history\n", stderr);
    ss_materializer_close(materializer);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
