// compact: all of history in segments, one run of each index.

#include <getopt.h>
#include <unistd.h>

#include "tools/cli.h"

static void print_result(const struct ss_cli *cli, const struct ss_history_stats *before,
                         const struct ss_history_stats *after)
{
    char a[SS_COUNT_TEXT_SIZE], b[SS_COUNT_TEXT_SIZE];
    if (!cli->json) {
        printf("%s segments before, %s after\n", ss_count_format(before->segments, a),
               ss_count_format(after->segments, b));
        return;
    }
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "segments_before", json_object_new_int64((int64_t)before->segments));
    json_object_object_add(root, "segments", json_object_new_int64((int64_t)after->segments));
    ss_cli_print_json(root);
}

// Before the store is opened as a whole: a writer that has online rows to fill reads the sorted copies.
static enum ss_status reindex(const struct ss_cli *cli, const struct ss_store_options *options,
                              struct ss_history_stats *before, struct ss_error *error)
{
    struct ss_store *store;
    SS_TRY(ss_store_open(cli->directory, SS_STORE_WRITE, options, &store, error));
    enum ss_status status = ss_history_stats(store->history, before, error);
    if (status == SS_OK) status = ss_history_compact(store->history, SS_COMPACT_REINDEX, error);
    ss_store_close(store);
    return status;
}

// before: NULL if it is known.
static enum ss_status compact(const struct ss_cli *cli, const struct ss_store_options *options,
                              struct ss_history_stats *before, struct ss_history_stats *after,
                              struct ss_error *error)
{
    struct ss_materializer *materializer;
    SS_TRY(ss_cli_open_with(cli, SS_STORE_WRITE, options, &materializer, error));
    struct ss_history *history = materializer->store->history;
    enum ss_status status = before ? ss_history_stats(history, before, error) : SS_OK;
    if (status == SS_OK) status = ss_history_compact(history, SS_COMPACT_ALL, error);
    if (status == SS_OK) status = ss_history_stats(history, after, error);
    ss_materializer_close(materializer);
    return status;
}

int ss_command_compact(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"reindex", no_argument, NULL, 'r'}, {0}};
    struct ss_error error = {0};
    struct ss_store_options store = {0};
    struct ss_history_stats before, after;
    bool anew = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'r') return ss_cli_usage(cli, "unknown option");
        anew = true;
    }
    if (optind < argc) return ss_cli_usage(cli, "unexpected '%s'", argv[optind]);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum ss_status status = ss_pool_create(cores > 1 ? (size_t)cores : 1, &store.pool, &error);
    if (status == SS_OK && anew) status = reindex(cli, &store, &before, &error);
    if (status == SS_OK) status = compact(cli, &store, anew ? NULL : &before, &after, &error);
    if (status == SS_OK) print_result(cli, &before, &after);
    ss_pool_destroy(store.pool);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
