// check, plan, apply: definitions on their way in.

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "engine/feature_cost.h"
#include "materializer/apply.h"
#include "tools/cli.h"

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

static enum ss_status show_plan(const struct ss_cli *cli, const struct ss_definitions *old,
                                const struct ss_definitions *new, struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_planned *planned;
    size_t count;
    const enum ss_status status = ss_plan(old, new, &arena, &planned, &count, error);
    if (status == SS_OK && cli->json)
        print_plan_json(planned, count);
    else if (status == SS_OK)
        print_plan(planned, count);
    ss_arena_release(&arena);
    return status;
}

int ss_command_plan(struct ss_cli *cli, int argc, char **argv)
{
    struct ss_error error = {0};
    struct ss_definitions *definitions = NULL;
    struct ss_materializer *materializer = NULL;
    if (argc < 2) return ss_cli_usage(cli, "which definitions?");
    enum ss_status status = ss_cli_compile(argv + 1, argc - 1, &definitions, &error);
    if (status != SS_OK) return finish_compile(status, &error);
    status = ss_cli_open(cli, SS_STORE_READ, &materializer, &error);
    if (status == SS_OK) status = ss_history_check(materializer->store->history, definitions, &error);
    if (status == SS_OK) status = show_plan(cli, materializer->definitions, definitions, &error);
    ss_materializer_close(materializer);
    ss_definitions_destroy(definitions);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

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

static int apply(struct ss_cli *cli, struct ss_definitions *definitions, bool yes, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    const struct ss_store_options options = {.replace_definitions = true};
    enum ss_status status = ss_cli_open_with(cli, SS_STORE_WRITE, &options, &materializer, error);
    if (status == SS_OK) status = show_plan(cli, materializer->definitions, definitions, error);
    const bool go = status == SS_OK && (yes || confirmed());
    if (go) status = ss_apply(materializer, definitions, error);
    if (!go || status != SS_OK) ss_definitions_destroy(definitions);
    ss_materializer_close(materializer);
    if (status != SS_OK) return ss_cli_fail(error);
    fputs(go ? "applied\n" : "nothing was changed\n", stderr);
    return go ? SS_EXIT_OK : SS_EXIT_ERROR;
}

int ss_command_apply(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"yes", no_argument, NULL, 'y'}, {0}};
    struct ss_error error = {0};
    struct ss_definitions *definitions = NULL;
    bool yes = false;
    int option;
    while ((option = getopt_long(argc, argv, "y", options, NULL)) != -1) {
        if (option != 'y') return ss_cli_usage(cli, "unknown option");
        yes = true;
    }
    if (optind == argc) return ss_cli_usage(cli, "which definitions?");
    const enum ss_status status = ss_cli_compile(argv + optind, argc - optind, &definitions, &error);
    if (status != SS_OK) return finish_compile(status, &error);
    return apply(cli, definitions, yes, &error);
}
