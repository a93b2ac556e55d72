// rebuild-table: a training table once more from its manifest, the same bytes or why not.

#include <getopt.h>
#include <unistd.h>

#include "materializer/rebuild_table.h"
#include "tools/train_report.h"

static void print_json(const struct ss_train *train, const struct ss_train_result *result,
                       const struct ss_error *why)
{
    struct json_object *root = result ? ss_train_json(train, result) : json_object_new_object();
    if (!result) json_object_object_add(root, "output", ss_cli_json_text(train->output));
    json_object_object_add(root, "equal", json_object_new_boolean(result != NULL));
    if (!result) json_object_object_add(root, "why", ss_cli_json_text(why->message));
    ss_cli_print_json(root);
}

static void print_equal(const struct ss_train *train, const struct ss_train_result *result)
{
    char digest[SS_SHA256_TEXT_SIZE];
    fprintf(stderr, "%s: made again, the same bytes as its manifest says: digest %s\n", train->output,
            ss_sha256_format(&result->digest, digest));
}

static enum ss_status rebuild(const struct ss_cli *cli, struct ss_train *train, struct ss_arena *arena,
                              struct ss_train_result *result, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    enum ss_status status = ss_cli_open(cli, SS_STORE_HISTORY, &materializer, error);
    if (status == SS_OK) status = ss_rebuild_table(materializer, train, arena, result, error);
    ss_materializer_close(materializer);
    return status;
}

int ss_command_rebuild_table(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    struct ss_error error = {0};
    struct ss_arena arena = {0};
    struct ss_train_result result;
    struct ss_shown_progress progress;
    if (getopt_long(argc, argv, "", options, NULL) != -1) return ss_cli_usage(cli, "it has no options");
    if (optind + 1 != argc) return ss_cli_usage(cli, "which table? (one, as FILE.db:TABLE)");
    struct ss_train train = {.output = argv[optind], .version = SS_VERSION_TEXT};
    if (ss_train_is_in_store(cli, train.output))
        return ss_cli_usage(cli, "%s: lies in the store's own folder; no training table does", train.output);
    ss_train_show_progress(&progress, "rebuild-table", &train);
    const enum ss_status status = rebuild(cli, &train, &arena, &result, &error);
    const double seconds = ss_train_end_progress(&progress);
    if (status == SS_OK) {
        ss_train_print_summary(&train, &result, seconds);
        print_equal(&train, &result);
    }
    if (cli->json && (status == SS_OK || status == SS_FOUND))
        print_json(&train, status == SS_OK ? &result : NULL, &error);
    ss_arena_release(&arena);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
