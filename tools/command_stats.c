// stats: what the store holds; --quarantine lists the rows that did not get in.

#include <getopt.h>
#include <string.h>

#include "tools/remote.h"
#include "wire/request_write.h"

struct view_totals {
    uint64_t entities, bytes;
};

struct totals {
    const char *store;                        // its folder, or the server's address
    const struct ss_definitions *definitions; // NULL: none were applied yet
    struct ss_history_stats history;
    uint64_t newest_seq, applied_seq;
    struct view_totals *views; // per view of the definitions
    const char *clock;         // "wall", "replay"
    int64_t clock_us;
    bool in_flight;
};

static bool make_views(struct totals *totals, struct ss_arena *arena)
{
    const size_t count = totals->definitions ? totals->definitions->view_count : 0;
    totals->views = ss_arena_array(arena, count + 1, sizeof *totals->views);
    return totals->views != NULL;
}

// ---- From the store's folder

static enum ss_status gather_online(struct ss_online *online, struct totals *totals, struct ss_error *error)
{
    enum ss_status status;
    struct ss_online_txn *txn = NULL;
    struct ss_applied applied;
    const size_t views = totals->definitions ? totals->definitions->view_count : 0;
    SS_TRY(ss_online_read(online, &txn, error));
    SS_TRY_GOTO(ss_online_applied(txn, &applied, error), out);
    totals->applied_seq = applied.seq;
    for (size_t i = 0; i < views; i++) {
        struct ss_online_stats stats;
        SS_TRY_GOTO(ss_online_stats(txn, &totals->definitions->views[i].fingerprint, &stats, error), out);
        totals->views[i] = (struct view_totals){stats.rows, stats.bytes};
    }
out:
    ss_online_end(txn);
    return status;
}

static enum ss_status gather(const struct ss_materializer *materializer, struct totals *totals,
                             struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_store *store = materializer->store;
    struct ss_commit newest;
    *totals = (struct totals){
        .store = store->directory,
        .definitions = materializer->definitions,
        .clock = ss_clock_kind(store->clock) == SS_CLOCK_REPLAY ? "replay" : "wall",
        .clock_us = ss_clock_now(store->clock),
        .in_flight = ss_clock_in_flight(store->clock),
    };
    if (!make_views(totals, arena)) return ss_fail_memory(error, "the stats of the views");
    SS_TRY(ss_history_stats(store->history, &totals->history, error));
    SS_TRY(ss_history_newest_commit(store->history, &newest, error));
    totals->newest_seq = newest.last_seq;
    return gather_online(store->online, totals, error);
}

// ---- From a server

static enum ss_status take_stats(const struct ss_remote *remote, const struct ss_wire_stats *stats,
                                 struct totals *totals, struct ss_arena *arena, struct ss_error *error)
{
    *totals = (struct totals){
        .store = remote->address,
        .definitions = remote->definitions,
        .history = stats->history,
        .newest_seq = stats->newest_seq,
        .applied_seq = stats->applied_seq,
        .clock = ss_arena_copy(arena, stats->clock.data, stats->clock.size),
        .clock_us = stats->clock_us,
        .in_flight = stats->in_flight,
    };
    if (!totals->clock || !make_views(totals, arena)) return ss_fail_memory(error, "the stats of the views");
    for (size_t i = 0; totals->definitions && i < totals->definitions->view_count; i++)
        for (size_t v = 0; v < stats->view_count; v++)
            if (ss_bytes_equal(stats->views[v].name, ss_bytes_of(totals->definitions->views[i].name)))
                totals->views[i] = (struct view_totals){stats->views[v].rows, stats->views[v].bytes};
    return SS_OK;
}

static enum ss_status gather_there(struct ss_remote *remote, struct totals *totals, struct ss_arena *arena,
                                   struct ss_error *error)
{
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_wire_stats stats;
    struct ss_error why;
    SS_TRY(ss_remote_call(remote, SS_CLIENT_STATS, &request, 0, &reply, error));
    enum ss_status status = ss_wire_stats_read(ss_remote_bytes(&reply), arena, &stats, &why);
    status = status == SS_OK ? take_stats(remote, &stats, totals, arena, error)
                             : ss_remote_misread(remote, &why, error);
    ss_client_reply_release(&reply);
    return status;
}

// ---- Printed

static void print_views(const struct ss_definitions *definitions, const struct totals *totals)
{
    char rows[SS_COUNT_TEXT_SIZE], size[SS_COUNT_TEXT_SIZE], hash[SS_SHA256_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(
        &table, 7,
        (const char *const[]){"view", "entity", "source", ">features", ">entities", ">size", "fingerprint"});
    for (size_t i = 0; i < definitions->view_count; i++) {
        const struct ss_view *view = &definitions->views[i];
        ss_table_cell(&table, "%s", view->name);
        ss_table_cell(&table, "%s", view->entity->name);
        ss_table_cell(&table, "%s", view->source->name);
        ss_table_cell(&table, "%zu", view->feature_count);
        ss_table_cell(&table, "%s", ss_count_format(totals->views[i].entities, rows));
        ss_table_cell(&table, "%s", ss_size_format(totals->views[i].bytes, size));
        ss_table_cell(&table, "%.16s", ss_sha256_format(&view->fingerprint, hash));
    }
    ss_table_print(&table, stdout);
}

static void print_services(const struct ss_definitions *definitions)
{
    char hash[SS_SHA256_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(&table, 5, (const char *const[]){"service", "owner", ">features", "keys", "fingerprint"});
    for (size_t i = 0; i < definitions->service_count; i++) {
        const struct ss_service *service = &definitions->services[i];
        struct ss_buffer keys = {0};
        for (size_t k = 0; k < service->key_count; k++)
            ss_buffer_format(&keys, "%s%s", k ? "," : "", service->key_names[k]);
        ss_table_cell(&table, "%s", service->name);
        ss_table_cell(&table, "%s", service->notes.owner ? service->notes.owner : "");
        ss_table_cell(&table, "%zu", service->feature_count);
        ss_table_cell(&table, "%.*s", (int)keys.size, keys.data ? (const char *)keys.data : "");
        ss_table_cell(&table, "%.16s", ss_sha256_format(&service->fingerprint, hash));
        ss_buffer_release(&keys);
    }
    ss_table_print(&table, stdout);
}

static void print_totals(const struct totals *totals)
{
    char a[SS_COUNT_TEXT_SIZE], b[SS_COUNT_TEXT_SIZE], c[SS_COUNT_TEXT_SIZE], time[SS_TIME_TEXT_SIZE];
    printf("store     %s (%s clock, %s%s)\n", totals->store, totals->clock,
           ss_time_format(totals->clock_us, time), totals->in_flight ? ", a commit is on its way" : "");
    printf("history   %s events, %s deletes, %s commits, newest seq %llu\n",
           ss_count_format(totals->history.events, a), ss_count_format(totals->history.deletes, b),
           ss_count_format(totals->history.commits, c), (unsigned long long)totals->newest_seq);
    printf("          %s segments, %s events in staging\n", ss_count_format(totals->history.segments, a),
           ss_count_format(totals->history.staged, b));
    printf("          %s, write-ahead log %s, %s rows in quarantine\n",
           ss_size_format(totals->history.file_bytes, a), ss_size_format(totals->history.wal_bytes, b),
           ss_count_format(totals->history.quarantined, c));
    printf("online    applied seq %llu (%llu behind)\n", (unsigned long long)totals->applied_seq,
           (unsigned long long)(totals->newest_seq - totals->applied_seq));
    if (!totals->definitions) {
        printf("no definitions were applied yet\n");
        return;
    }
    printf("\n");
    print_views(totals->definitions, totals);
    printf("\n");
    print_services(totals->definitions);
}

static void add_count(struct json_object *root, const char *name, uint64_t count)
{
    json_object_object_add(root, name, json_object_new_int64((int64_t)count));
}

static void print_totals_json(const struct totals *totals)
{
    struct json_object *root = json_object_new_object(), *views = json_object_new_array();
    const struct ss_definitions *definitions = totals->definitions;
    json_object_object_add(root, "clock", ss_cli_json_time(totals->clock_us));
    json_object_object_add(root, "in_flight", json_object_new_boolean(totals->in_flight));
    add_count(root, "events", totals->history.events);
    add_count(root, "deletes", totals->history.deletes);
    add_count(root, "commits", totals->history.commits);
    add_count(root, "quarantined", totals->history.quarantined);
    add_count(root, "segments", totals->history.segments);
    add_count(root, "staged", totals->history.staged);
    add_count(root, "newest_seq", totals->newest_seq);
    add_count(root, "applied_seq", totals->applied_seq);
    add_count(root, "history_bytes", totals->history.file_bytes);
    add_count(root, "wal_bytes", totals->history.wal_bytes);
    for (size_t i = 0; definitions && i < definitions->view_count; i++) {
        struct json_object *view = json_object_new_object();
        json_object_object_add(view, "name", json_object_new_string(definitions->views[i].name));
        add_count(view, "entities", totals->views[i].entities);
        add_count(view, "bytes", totals->views[i].bytes);
        json_object_object_add(view, "fingerprint", ss_cli_json_hash(&definitions->views[i].fingerprint));
        json_object_array_add(views, view);
    }
    json_object_object_add(root, "views", views);
    ss_cli_print_json(root);
}

struct quarantined {
    struct ss_table table;
    struct json_object *json;
};

static enum ss_status each_quarantined(void *context, const struct ss_quarantine_row *row)
{
    struct quarantined *list = context;
    if (!list->json) {
        ss_table_cell(&list->table, "%s", row->source);
        if (row->file[0] || row->line)
            ss_table_cell(&list->table, "%s:%llu", row->file, (unsigned long long)row->line);
        else
            ss_table_cell(&list->table, "-");
        ss_table_cell(&list->table, "%s", row->column);
        ss_table_cell(&list->table, "%.*s", row->value.size > 60 ? 60 : (int)row->value.size,
                      row->value.data ? row->value.data : "");
        ss_table_cell(&list->table, "%s", row->reason);
        return SS_OK;
    }
    struct json_object *item = json_object_new_object();
    json_object_object_add(item, "source", json_object_new_string(row->source));
    json_object_object_add(item, "file", json_object_new_string(row->file));
    add_count(item, "line", row->line);
    json_object_object_add(item, "column", json_object_new_string(row->column));
    const bool text = ss_utf8_valid(row->value);
    json_object_object_add(
        item, "value",
        text ? json_object_new_string_len(row->value.data ? row->value.data : "", (int)row->value.size)
             : NULL);
    json_object_object_add(item, "reason", json_object_new_string(row->reason));
    json_object_array_add(list->json, item);
    return SS_OK;
}

static void begin_list(const struct ss_cli *cli, struct quarantined *list)
{
    *list = (struct quarantined){.json = cli->json ? json_object_new_array() : NULL};
    if (!cli->json)
        ss_table_init(&list->table, 5, (const char *const[]){"source", "where", "column", "value", "reason"});
}

static void print_list(struct quarantined *list)
{
    if (list->json)
        ss_cli_print_json(list->json);
    else
        ss_table_print(&list->table, stdout);
}

static enum ss_status show_quarantine(const struct ss_cli *cli, struct ss_materializer *materializer,
                                      const char *source, struct ss_error *error)
{
    struct quarantined list;
    const struct ss_source *known;
    if (source) SS_TRY(ss_require_source(materializer, source, &known, error));
    begin_list(cli, &list);
    const enum ss_status status =
        ss_history_each_quarantined(materializer->store->history, source, each_quarantined, &list, error);
    print_list(&list);
    return status;
}

// A part of the list, from row *first on; then *first is the row behind it.
static enum ss_status take_part(struct ss_remote *remote, const char *source, struct quarantined *list,
                                uint64_t *first, bool *is_last, struct ss_error *error)
{
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_arena arena = {0};
    struct ss_wire_quarantine part;
    struct ss_error why;
    ss_wire_quarantine_write(source, *first, &request);
    SS_TRY(ss_remote_call(remote, SS_CLIENT_QUARANTINE, &request, SS_REMOTE_PATIENT, &reply, error));
    enum ss_status status = ss_wire_quarantine_read(ss_remote_bytes(&reply), &arena, &part, &why);
    if (status != SS_OK) status = ss_remote_misread(remote, &why, error);
    for (size_t i = 0; status == SS_OK && i < part.count; i++) status = each_quarantined(list, &part.rows[i]);
    if (status == SS_OK) *first += part.count;
    if (status == SS_OK) *is_last = part.is_last || part.count == 0;
    ss_arena_release(&arena);
    ss_client_reply_release(&reply);
    return status;
}

static enum ss_status show_quarantine_there(const struct ss_cli *cli, struct ss_remote *remote,
                                            const char *source, struct ss_error *error)
{
    struct quarantined list;
    const struct ss_source *known;
    enum ss_status status = SS_OK;
    uint64_t first = 0;
    bool is_last = false;
    if (source) SS_TRY(ss_require_source(&remote->names, source, &known, error));
    begin_list(cli, &list);
    while (status == SS_OK && !is_last) status = take_part(remote, source, &list, &first, &is_last, error);
    print_list(&list);
    return status;
}

static void show_totals(const struct ss_cli *cli, const struct totals *totals)
{
    if (cli->json)
        print_totals_json(totals);
    else
        print_totals(totals);
}

static enum ss_status stats_here(const struct ss_cli *cli, bool quarantine, const char *source,
                                 struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    struct ss_arena arena = {0};
    struct totals totals;
    enum ss_status status = ss_cli_open(cli, SS_STORE_READ, &materializer, error);
    if (status == SS_OK && quarantine) {
        status = show_quarantine(cli, materializer, source, error);
    } else if (status == SS_OK) {
        status = gather(materializer, &totals, &arena, error);
        if (status == SS_OK) show_totals(cli, &totals);
    }
    ss_arena_release(&arena);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status stats_there(const struct ss_cli *cli, bool quarantine, const char *source,
                                  struct ss_error *error)
{
    struct ss_remote remote;
    struct ss_arena arena = {0};
    struct totals totals;
    enum ss_status status = ss_remote_begin(cli, &remote, error);
    if (status == SS_OK && quarantine) {
        status = show_quarantine_there(cli, &remote, source, error);
    } else if (status == SS_OK) {
        status = gather_there(&remote, &totals, &arena, error);
        if (status == SS_OK) show_totals(cli, &totals);
    }
    ss_arena_release(&arena);
    ss_remote_close(&remote);
    return status;
}

int ss_command_stats(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"quarantine", no_argument, NULL, 'q'}, {0}};
    struct ss_error error = {0};
    bool quarantine = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'q') return ss_cli_usage(cli, "unknown option");
        quarantine = true;
    }
    if (optind < argc && (!quarantine || optind + 1 < argc))
        return ss_cli_usage(cli, "unexpected '%s'", argv[optind]);
    const char *source = optind < argc ? argv[optind] : NULL;
    const enum ss_status status = cli->server ? stats_there(cli, quarantine, source, &error)
                                              : stats_here(cli, quarantine, source, &error);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
