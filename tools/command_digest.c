// digest: one hash over the canonical states of all entities of a view, online, from history, or both
// compared.

#include <getopt.h>
#include <string.h>

#include "materializer/compare.h"
#include "tools/cli.h"

struct digests {
    bool online, offline;
    struct ss_digest from_online, from_history;
};

static enum ss_status digest_both(struct ss_materializer *materializer, const char *name, bool has_at,
                                  int64_t at_us, struct digests *digests, struct ss_error *error)
{
    const struct ss_view *view;
    struct ss_pinned pinned;
    SS_TRY(ss_pin(materializer, has_at, at_us, &pinned, error));
    enum ss_status status = ss_require_view(materializer, name, &view, error);
    if (status == SS_OK)
        status =
            ss_digest_online(pinned.txn, view, pinned.t_us, pinned.applied.seq, &digests->from_online, error);
    const struct ss_read_point point = {.t_us = pinned.t_us, .s = pinned.applied.seq};
    if (status == SS_OK && digests->offline)
        status = ss_digest_offline(materializer->store->history, view, point, &digests->from_history, error);
    ss_unpin(&pinned);
    return status;
}

// Never opens LMDB: t is where the clock stands, s history's newest.
static enum ss_status digest_history(struct ss_materializer *materializer, const char *name, bool has_at,
                                     int64_t at_us, struct digests *digests, struct ss_error *error)
{
    const struct ss_view *view;
    struct ss_commit newest;
    SS_TRY(ss_require_view(materializer, name, &view, error));
    SS_TRY(ss_history_newest_commit(materializer->store->history, &newest, error));
    const struct ss_read_point point = {.t_us = has_at ? at_us : ss_clock_now(materializer->store->clock),
                                        .s = newest.last_seq};
    return ss_digest_offline(materializer->store->history, view, point, &digests->from_history, error);
}

static struct json_object *digest_json(const struct ss_digest *digest)
{
    struct json_object *item = json_object_new_object();
    json_object_object_add(item, "digest", ss_cli_json_hash(&digest->hash));
    json_object_object_add(item, "entities", json_object_new_int64((int64_t)digest->entities));
    json_object_object_add(item, "t", ss_cli_json_time(digest->t_us));
    json_object_object_add(item, "seq", json_object_new_int64((int64_t)digest->s));
    return item;
}

static void print_digest(const char *side, const struct ss_digest *digest)
{
    char hash[SS_SHA256_TEXT_SIZE], time[SS_TIME_TEXT_SIZE], count[SS_COUNT_TEXT_SIZE];
    printf("%s  %-7s  %s entities  t %s  seq %llu\n", ss_sha256_format(&digest->hash, hash), side,
           ss_count_format(digest->entities, count), ss_time_format(digest->t_us, time),
           (unsigned long long)digest->s);
}

static void print_digests(const struct ss_cli *cli, const char *view, const struct digests *digests,
                          bool equal)
{
    if (!cli->json) {
        if (digests->online) print_digest("online", &digests->from_online);
        if (digests->offline) print_digest("offline", &digests->from_history);
        if (!equal)
            fprintf(stderr,
                    "selfsame: view '%s': online and offline differ; 'selfsame skew' names the cells\n",
                    view);
        return;
    }
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "view", json_object_new_string(view));
    if (digests->online) json_object_object_add(root, "online", digest_json(&digests->from_online));
    if (digests->offline) json_object_object_add(root, "offline", digest_json(&digests->from_history));
    if (digests->online && digests->offline)
        json_object_object_add(root, "equal", json_object_new_boolean(equal));
    ss_cli_print_json(root);
}

int ss_command_digest(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"online", no_argument, NULL, 'o'},
                                            {"offline", no_argument, NULL, 'f'},
                                            {"at", required_argument, NULL, 't'},
                                            {0}};
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    struct digests digests = {0};
    bool has_at = false;
    int64_t at_us = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'o')
            digests.online = true;
        else if (option == 'f')
            digests.offline = true;
        else if (option != 't')
            return ss_cli_usage(cli, "unknown option");
        else if (!(has_at = ss_time_parse(ss_bytes_of(optarg), SS_UNIT_TEXT, NULL, &at_us)))
            return ss_cli_usage(cli, "--at: '%s' is no time; write 2026-01-31T10:00:00Z", optarg);
    }
    if (optind + 1 != argc) return ss_cli_usage(cli, "which view? (one)");
    if (!digests.online && !digests.offline) digests.online = digests.offline = true;
    const enum ss_store_mode mode = digests.online ? SS_STORE_READ : SS_STORE_HISTORY;
    enum ss_status status = ss_cli_open(cli, mode, &materializer, &error);
    if (status == SS_OK)
        status = (digests.online ? digest_both : digest_history)(materializer, argv[optind], has_at, at_us,
                                                                 &digests, &error);
    const bool equal =
        !digests.online || !digests.offline ||
        memcmp(&digests.from_online.hash, &digests.from_history.hash, sizeof(struct ss_sha256)) == 0;
    if (status == SS_OK) print_digests(cli, argv[optind], &digests, equal);
    ss_materializer_close(materializer);
    if (status != SS_OK) return ss_cli_fail(&error);
    return equal ? SS_EXIT_OK : SS_EXIT_FOUND;
}
