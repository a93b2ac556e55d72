// check, plan, apply: definitions on their way in.

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "engine/feature_cost.h"
#include "materializer/apply.h"
#include "tools/remote.h"
#include "wire/request_write.h"

static int finish_compile(enum ss_status status, const struct ss_error *error)
{
    return status == SS_FOUND ? SS_EXIT_FOUND : ss_cli_fail(error);
}

// What features cost beyond the usual, to a table or to JSON.
struct costs {
    void (*show)(void *to, const char *owner, const char *feature, const char *cost);
    void *to;
    struct ss_buffer text;
    bool failed;
};

static void show_cost(struct costs *costs, const char *owner, const char *feature, bool found)
{
    const bool is_said = costs->text.size > 0;
    ss_buffer_byte(&costs->text, 0);
    costs->failed = costs->failed || !found || costs->text.failed;
    if (is_said && !costs->failed) costs->show(costs->to, owner, feature, (const char *)costs->text.data);
    ss_buffer_clear(&costs->text);
}

static bool show_costs(const struct ss_definitions *definitions, struct costs *costs)
{
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *view = &definitions->views[v];
        for (size_t f = 0; f < view->feature_count; f++)
            show_cost(costs, view->name, view->features[f].name, ss_feature_cost(view, f, &costs->text));
    }
    for (size_t v = 0; v < definitions->service_count; v++) {
        const struct ss_service *service = &definitions->services[v];
        for (size_t f = 0; f < service->feature_count; f++)
            show_cost(costs, service->name, service->features[f].name,
                      ss_service_feature_cost(service, f, &costs->text));
    }
    ss_buffer_release(&costs->text);
    return !costs->failed;
}

static void add_cost_row(void *table, const char *owner, const char *feature, const char *cost)
{
    ss_table_cell(table, "%s.%s", owner, feature);
    ss_table_text(table, ss_bytes_of(cost));
}

static void add_cost_object(void *array, const char *owner, const char *feature, const char *cost)
{
    struct json_object *object = json_object_new_object();
    struct ss_buffer name = {0};
    ss_buffer_format(&name, "%s.%s", owner, feature);
    json_object_object_add(object, "feature",
                           json_object_new_string_len((const char *)name.data, (int)name.size));
    json_object_object_add(object, "cost", json_object_new_string(cost));
    json_object_array_add(array, object);
    ss_buffer_release(&name);
}

static bool print_costs(const struct ss_definitions *definitions)
{
    struct ss_table table;
    struct costs costs = {.show = add_cost_row, .to = &table};
    ss_table_init(&table, 2, (const char *const[]){"feature", "what it costs"});
    const bool good = show_costs(definitions, &costs);
    if (!good || table.cell_count == table.column_count) {
        ss_table_release(&table);
        return good;
    }
    fputc('\n', stdout);
    ss_table_print(&table, stdout);
    return true;
}

static bool print_checked(const struct ss_definitions *definitions)
{
    char text[SS_SHA256_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(&table, 4, (const char *const[]){"kind", "name", ">features", "fingerprint"});
    for (size_t i = 0; i < definitions->view_count; i++) {
        const struct ss_view *view = &definitions->views[i];
        ss_table_cell(&table, "view");
        ss_table_cell(&table, "%s", view->name);
        ss_table_cell(&table, "%zu", view->feature_count);
        ss_table_cell(&table, "%.16s", ss_sha256_format(&view->fingerprint, text));
    }
    for (size_t i = 0; i < definitions->service_count; i++) {
        const struct ss_service *service = &definitions->services[i];
        ss_table_cell(&table, "service");
        ss_table_cell(&table, "%s", service->name);
        ss_table_cell(&table, "%zu", service->feature_count);
        ss_table_cell(&table, "%.16s", ss_sha256_format(&service->fingerprint, text));
    }
    ss_table_print(&table, stdout);
    return print_costs(definitions);
}

static bool print_checked_json(const struct ss_definitions *definitions)
{
    struct json_object *root = json_object_new_object();
    struct json_object *views = json_object_new_array(), *services = json_object_new_array(),
                       *array = json_object_new_array();
    struct costs costs = {.show = add_cost_object, .to = array};
    for (size_t i = 0; i < definitions->view_count; i++) {
        struct json_object *view = json_object_new_object();
        json_object_object_add(view, "name", json_object_new_string(definitions->views[i].name));
        json_object_object_add(view, "features",
                               json_object_new_int64((int64_t)definitions->views[i].feature_count));
        json_object_object_add(view, "fingerprint", ss_cli_json_hash(&definitions->views[i].fingerprint));
        json_object_array_add(views, view);
    }
    for (size_t i = 0; i < definitions->service_count; i++) {
        struct json_object *service = json_object_new_object();
        const struct ss_service *from = &definitions->services[i];
        json_object_object_add(service, "name", json_object_new_string(from->name));
        json_object_object_add(service, "features", json_object_new_int64((int64_t)from->feature_count));
        json_object_object_add(service, "fingerprint", ss_cli_json_hash(&from->fingerprint));
        json_object_array_add(services, service);
    }
    json_object_object_add(root, "errors", json_object_new_int(0));
    json_object_object_add(root, "views", views);
    json_object_object_add(root, "services", services);
    json_object_object_add(root, "costs", array);
    if (show_costs(definitions, &costs)) {
        ss_cli_print_json(root);
        return true;
    }
    json_object_put(root);
    return false;
}

int ss_command_check(struct ss_cli *cli, int argc, char **argv)
{
    struct ss_error error = {0};
    struct ss_definitions *definitions = NULL;
    if (argc < 2) return ss_cli_usage(cli, "which definitions?");
    const enum ss_status status = ss_cli_compile(argv + 1, argc - 1, &definitions, &error);
    if (status != SS_OK) return finish_compile(status, &error);
    const bool printed = cli->json ? print_checked_json(definitions) : print_checked(definitions);
    if (!printed) ss_fail_memory(&error, "what features cost");
    ss_definitions_destroy(definitions);
    return printed ? SS_EXIT_OK : ss_cli_fail(&error);
}

static void print_plan(const struct ss_planned *planned, size_t count)
{
    struct ss_table table;
    ss_table_init(&table, 4, (const char *const[]){"kind", "name", "change", "what"});
    for (size_t i = 0; i < count; i++) {
        ss_table_cell(&table, "%s", planned[i].kind);
        ss_table_cell(&table, "%s", planned[i].name);
        ss_table_cell(&table, "%s", ss_change_name(planned[i].change));
        ss_table_cell(&table, "%s", planned[i].part);
    }
    ss_table_print(&table, stdout);
}

static void print_plan_json(const struct ss_planned *planned, size_t count)
{
    struct json_object *root = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_new_object();
        json_object_object_add(item, "kind", json_object_new_string(planned[i].kind));
        json_object_object_add(item, "name", json_object_new_string(planned[i].name));
        json_object_object_add(item, "change", json_object_new_string(ss_change_name(planned[i].change)));
        if (planned[i].part[0]) json_object_object_add(item, "what", json_object_new_string(planned[i].part));
        json_object_array_add(root, item);
    }
    ss_cli_print_json(root);
}

static void show_planned(const struct ss_cli *cli, const struct ss_planned *planned, size_t count)
{
    if (cli->json)
        print_plan_json(planned, count);
    else
        print_plan(planned, count);
}

static enum ss_status show_plan(const struct ss_cli *cli, const struct ss_materializer *materializer,
                                const struct ss_definitions *new, struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_planned *planned;
    size_t count;
    enum ss_status status = ss_history_check(materializer->store->history, new, error);
    if (status == SS_OK) status = ss_plan(materializer->definitions, new, &arena, &planned, &count, error);
    if (status == SS_OK) show_planned(cli, planned, count);
    ss_arena_release(&arena);
    return status;
}

// ---- On a server, which compiles the files itself

// SS_FOUND: they do not compile; the errors were printed.
static enum ss_status call_with_files(struct ss_remote *remote, enum ss_client_method method,
                                      const struct ss_cli_files *files, uint32_t deadline_ms,
                                      struct ss_wire_plan *plan, struct ss_error *error)
{
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_error why;
    ss_wire_files_write(files->items, files->count, &request);
    SS_TRY(ss_remote_call(remote, method, &request, deadline_ms, &reply, error));
    enum ss_status status = ss_wire_plan_read(ss_remote_bytes(&reply), &remote->arena, plan, &why);
    if (status != SS_OK) {
        status = ss_remote_misread(remote, &why, error);
    } else if (plan->error_count) {
        ss_cli_print_report(plan->report, plan->error_count);
        status = SS_FOUND;
    }
    ss_client_reply_release(&reply);
    return status;
}

static enum ss_status show_plan_of(const struct ss_cli *cli, struct ss_remote *remote,
                                   const struct ss_cli_files *files, struct ss_error *error)
{
    struct ss_wire_plan plan;
    SS_TRY(call_with_files(remote, SS_CLIENT_PLAN, files, SS_REMOTE_PATIENT, &plan, error));
    show_planned(cli, plan.planned, plan.count);
    return SS_OK;
}

// Filling may take long, and nothing tells how far it is.
static enum ss_status apply_files(const struct ss_cli *cli, struct ss_remote *remote,
                                  const struct ss_cli_files *files, struct ss_error *error)
{
    struct ss_wire_plan plan;
    const bool waits = isatty(STDERR_FILENO);
    if (waits) fprintf(stderr, "server '%s' fills what is new and changed ...", cli->server);
    const enum ss_status status =
        call_with_files(remote, SS_CLIENT_APPLY, files, SS_REMOTE_PATIENT, &plan, error);
    if (waits) fputs("\r\033[K", stderr);
    return status;
}

// ---- plan

static enum ss_status plan_here(const struct ss_cli *cli, char **paths, int count, struct ss_error *error)
{
    struct ss_definitions *definitions = NULL;
    struct ss_materializer *materializer = NULL;
    SS_TRY(ss_cli_compile(paths, count, &definitions, error));
    enum ss_status status = ss_cli_open(cli, SS_STORE_READ, &materializer, error);
    if (status == SS_OK) status = show_plan(cli, materializer, definitions, error);
    ss_materializer_close(materializer);
    ss_definitions_destroy(definitions);
    return status;
}

static enum ss_status plan_there(const struct ss_cli *cli, char **paths, int count, struct ss_error *error)
{
    struct ss_cli_files files = {0};
    struct ss_remote remote = {0};
    enum ss_status status = ss_cli_read_files(paths, count, &files, error);
    if (status == SS_OK) status = ss_remote_open(cli, &remote, error);
    if (status == SS_OK) status = show_plan_of(cli, &remote, &files, error);
    ss_remote_close(&remote);
    ss_cli_release_files(&files);
    return status;
}

int ss_command_plan(struct ss_cli *cli, int argc, char **argv)
{
    struct ss_error error = {0};
    if (argc < 2) return ss_cli_usage(cli, "which definitions?");
    const enum ss_status status = cli->server ? plan_there(cli, argv + 1, argc - 1, &error)
                                              : plan_here(cli, argv + 1, argc - 1, &error);
    return status == SS_OK ? SS_EXIT_OK : finish_compile(status, &error);
}

// ---- apply

// True if the person at the terminal says so.
static bool confirmed(void)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO)) {
        fputs("selfsame apply: add --yes to do it without being asked\n", stderr);
        return false;
    }
    fputs("do it? [y/N] ", stderr);
    if (!fgets(answer, sizeof answer, stdin)) return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}

// SS_CANCELLED: nothing is to be done.
static enum ss_status confirm(bool yes)
{
    return yes || confirmed() ? SS_OK : SS_CANCELLED;
}

static enum ss_status apply_here(const struct ss_cli *cli, char **paths, int count, bool yes,
                                 struct ss_error *error)
{
    struct ss_definitions *definitions = NULL;
    struct ss_materializer *materializer = NULL;
    const struct ss_store_options options = {.replace_definitions = true};
    SS_TRY(ss_cli_compile(paths, count, &definitions, error));
    enum ss_status status = ss_cli_open_with(cli, SS_STORE_WRITE, &options, &materializer, error);
    if (status == SS_OK) status = show_plan(cli, materializer, definitions, error);
    if (status == SS_OK) status = confirm(yes);
    if (status == SS_OK) status = ss_apply(materializer, definitions, error);
    if (status != SS_OK) ss_definitions_destroy(definitions);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status apply_there(const struct ss_cli *cli, char **paths, int count, bool yes,
                                  struct ss_error *error)
{
    struct ss_cli_files files = {0};
    struct ss_remote remote = {0};
    enum ss_status status = ss_cli_read_files(paths, count, &files, error);
    if (status == SS_OK) status = ss_remote_open(cli, &remote, error);
    if (status == SS_OK) status = show_plan_of(cli, &remote, &files, error);
    if (status == SS_OK) status = confirm(yes);
    if (status == SS_OK) status = apply_files(cli, &remote, &files, error);
    ss_remote_close(&remote);
    ss_cli_release_files(&files);
    return status;
}

int ss_command_apply(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"yes", no_argument, NULL, 'y'}, {0}};
    struct ss_error error = {0};
    bool yes = false;
    int option;
    while ((option = getopt_long(argc, argv, "y", options, NULL)) != -1) {
        if (option != 'y') return ss_cli_usage(cli, "unknown option");
        yes = true;
    }
    if (optind == argc) return ss_cli_usage(cli, "which definitions?");
    const enum ss_status status = cli->server ? apply_there(cli, argv + optind, argc - optind, yes, &error)
                                              : apply_here(cli, argv + optind, argc - optind, yes, &error);
    if (status == SS_CANCELLED && !error.message[0]) {
        fputs("nothing was changed\n", stderr);
        return SS_EXIT_ERROR;
    }
    if (status != SS_OK) return finish_compile(status, &error);
    fputs("applied\n", stderr);
    return SS_EXIT_OK;
}
