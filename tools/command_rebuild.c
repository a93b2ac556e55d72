// rebuild: online rows made anew from history, beside the old ones.

#include <getopt.h>

#include "materializer/apply.h"
#include "tools/remote.h"
#include "wire/request_write.h"

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

static enum ss_status rebuild_live(struct ss_materializer *materializer, struct ss_error *error)
{
    const struct ss_definitions *definitions = materializer->definitions;
    struct ss_arena arena = {0};
    const size_t count = definitions ? definitions->view_count : 0;
    const struct ss_view **views = ss_arena_array(&arena, count + 1, sizeof *views);
    if (!views) return ss_fail_memory(error, "the views of a rebuild");
    for (size_t i = 0; i < count; i++) views[i] = &definitions->views[i];
    const enum ss_status status = ss_rebuild(materializer, views, count, error);
    ss_arena_release(&arena);
    return status;
}

// Beside the old rows where the online store opens; one that is damaged is removed and made again.
static enum ss_status rebuild_all(const struct ss_cli *cli, struct ss_materializer **materializer,
                                  struct ss_error *error)
{
    const struct ss_store_options anew = {.replace_online = true};
    enum ss_status status = ss_cli_open(cli, SS_STORE_WRITE, materializer, error);
    if (status == SS_OK && !(*materializer)->rebuilt) status = rebuild_live(*materializer, error);
    if (status != SS_DAMAGED) return status;
    ss_materializer_close(*materializer);
    *materializer = NULL;
    return ss_cli_open_with(cli, SS_STORE_WRITE, &anew, materializer, error);
}

static enum ss_status rebuild_here(const struct ss_cli *cli, char **names, int count, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    enum ss_status status = count ? ss_cli_open(cli, SS_STORE_WRITE, &materializer, error)
                                  : rebuild_all(cli, &materializer, error);
    if (status == SS_OK && count) status = rebuild_named(materializer, names, count, error);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status rebuild_there(const struct ss_cli *cli, char **names, int count, struct ss_error *error)
{
    struct ss_remote remote;
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    ss_wire_rebuild_write((const char *const *)names, (size_t)count, count == 0, &request);
    enum ss_status status = ss_remote_open(cli, &remote, error);
    if (status == SS_OK)
        status = ss_remote_call(&remote, SS_CLIENT_REBUILD, &request, SS_REMOTE_PATIENT, &reply, error);
    ss_buffer_release(&request);
    ss_client_reply_release(&reply);
    ss_remote_close(&remote);
    return status;
}

int ss_command_rebuild(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'}, {0}};
    struct ss_error error = {0};
    bool all = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'a') return ss_cli_usage(cli, "unknown option");
        all = true;
    }
    if (all == (optind < argc))
        return ss_cli_usage(cli, all ? "--all or views, not both" : "which views? or --all");
    const enum ss_status status = cli->server ? rebuild_there(cli, argv + optind, argc - optind, &error)
                                              : rebuild_here(cli, argv + optind, argc - optind, &error);
    if (status != SS_OK) return ss_cli_fail(&error);
    fputs("rebuilt from history\n", stderr);
    return SS_EXIT_OK;
}
