// get: the features of one entity, or of many, now.

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "materializer/lookup.h"
#include "tools/cli.h"
#include "tools/key_table.h"
#include "tools/remote.h"
#include "tools/with_event.h"

struct point {
    int64_t end_row; // the rows before it, back to the point before
    struct ss_wire_read_point at;
};

struct get {
    struct ss_cli *cli;
    const char *service_name;
    const char *keys_file; // --keys
    const char *features;  // --features A,B
    char **pairs;          // KEY=VALUE
    int pair_count;
    const char **request; // NAME=VALUE
    size_t request_count;
    const char **event; // SOURCE.COLUMN=VALUE
    size_t event_count;
    bool has_at;
    int64_t at_us;
    struct ss_arena arena;
    struct ss_remote remote;         // --server; client NULL: none
    struct ss_pinned pinned;         // else
    struct ss_wire_read_point point; // of the last lookup
    struct point *points;            // of a server, which pins one for each call, a call apiece
    size_t point_count;
    const struct ss_service *service;
    bool *wanted;             // feature_count
    struct json_object *rows; // --json
    struct ss_table table;
    int64_t row_count;
};

// --features A,B: which of the service's features to read and show.
static enum ss_status choose_features(struct get *get, struct ss_error *error)
{
    const struct ss_service *service = get->service;
    const char **names = ss_arena_array(&get->arena, service->feature_count + 1, sizeof *names);
    get->wanted = ss_arena_array(&get->arena, service->feature_count + 1, sizeof *get->wanted);
    if (!get->wanted || !names) return ss_fail_memory(error, "the features of a service");
    for (size_t f = 0; f < service->feature_count; f++) {
        names[f] = service->features[f].name;
        get->wanted[f] = get->features == NULL;
    }
    for (const char *at = get->features; at && *at;) {
        const size_t size = strcspn(at, ",");
        size_t f = 0;
        while (f < service->feature_count && (strlen(names[f]) != size || memcmp(names[f], at, size) != 0))
            f++;
        if (f == service->feature_count) {
            const char *nearest = ss_nearest_name((struct ss_bytes){at, size}, names, service->feature_count);
            char hint[SS_HINT_SIZE];
            return ss_fail(error, SS_NOT_FOUND, "service '%s' has no feature '%.*s'%s", service->name,
                           (int)size, at, ss_nearest_hint(nearest, hint));
        }
        get->wanted[f] = true;
        at += size + (at[size] == ',');
    }
    return SS_OK;
}

static enum ss_status parse_typed(struct get *get, const char *what, const char *name, struct ss_type type,
                                  int unit, const char *text, struct ss_value *value, struct ss_error *error)
{
    const char *reason;
    if (ss_value_parse(type, ss_bytes_of(text), unit, NULL, &get->arena, value, &reason)) return SS_OK;
    if (!reason) return ss_fail_memory(error, what);
    return ss_fail(error, SS_INVALID, "%s '%s': %s: '%.60s'", what, name, reason, text);
}

static enum ss_status no_such_name(const struct ss_service *service, const char *what, const char *name,
                                   const char *const *names, size_t count, struct ss_error *error)
{
    struct ss_buffer list = {0};
    for (size_t i = 0; i < count; i++) ss_buffer_format(&list, "%s%s", i ? ", " : "", names[i]);
    const enum ss_status status =
        ss_fail(error, SS_INVALID, "service '%s' has no %s '%s'; it has: %.*s", service->name, what, name,
                list.size ? (int)list.size : 4, list.size ? (const char *)list.data : "none");
    ss_buffer_release(&list);
    return status;
}

// The request inputs of every row: as given with --request, null where not.
static enum ss_status request_values(struct get *get, struct ss_value *values, struct ss_error *error)
{
    const struct ss_service *service = get->service;
    const char **names = ss_arena_array(&get->arena, service->request_count + 1, sizeof *names);
    if (!names) return ss_fail_memory(error, "the request inputs");
    for (size_t i = 0; i < service->request_count; i++) names[i] = service->request[i].name;
    for (size_t r = 0; r < get->request_count; r++) {
        const char *name, *text;
        size_t i = 0;
        if (!ss_cli_pair(get->request[r], &get->arena, &name, &text))
            return ss_fail(error, SS_INVALID, "--request: expected NAME=VALUE, got '%s'", get->request[r]);
        while (i < service->request_count && strcmp(names[i], name) != 0) i++;
        if (i == service->request_count)
            return no_such_name(service, "request input", name, names, service->request_count, error);
        SS_TRY(parse_typed(get, "request input", name, service->request[i].type,
                           (int)service->request[i].unit, text, &values[i], error));
    }
    return SS_OK;
}

static enum ss_status pair_values(struct get *get, struct ss_value *values, struct ss_error *error)
{
    const struct ss_service *service = get->service;
    for (int p = 0; p < get->pair_count; p++) {
        const char *name, *text;
        size_t k = 0;
        if (!ss_cli_pair(get->pairs[p], &get->arena, &name, &text))
            return ss_fail(error, SS_INVALID, "expected KEY=VALUE, got '%s'", get->pairs[p]);
        while (k < service->key_count && strcmp(service->key_names[k], name) != 0) k++;
        if (k == service->key_count)
            return no_such_name(service, "key", name, service->key_names, service->key_count, error);
        if (values[k].present) return ss_fail(error, SS_INVALID, "key '%s' is given twice", name);
        SS_TRY(parse_typed(get, "key", name, service->key_types[k], SS_UNIT_TEXT, text, &values[k], error));
    }
    for (size_t k = 0; k < service->key_count; k++)
        if (!values[k].present)
            return ss_fail(error, SS_INVALID, "service '%s': key '%s' is missing; add %s=VALUE",
                           service->name, service->key_names[k], service->key_names[k]);
    return SS_OK;
}

static struct json_object *row_json(const struct get *get, const struct ss_column *keys,
                                    const struct ss_answer *answer, int32_t row)
{
    const struct ss_service *service = get->service;
    struct json_object *item = json_object_new_object(), *named = json_object_new_object();
    struct json_object *features = json_object_new_object(), *status = json_object_new_object();
    for (size_t k = 0; k < service->key_count; k++)
        json_object_object_add(named, service->key_names[k],
                               ss_cli_json_value(service->key_types[k], ss_column_get(&keys[k], row)));
    for (size_t f = 0; f < service->feature_count; f++) {
        const struct ss_service_feature *feature = &service->features[f];
        if (!get->wanted[f]) continue;
        json_object_object_add(features, feature->name,
                               ss_cli_json_value(feature->type, ss_column_get(&answer->columns[f], row)));
        if (answer->statuses[f][row] != SS_CELL_PRESENT)
            json_object_object_add(status, feature->name,
                                   json_object_new_string(ss_cell_status_name(answer->statuses[f][row])));
    }
    json_object_object_add(item, "keys", named);
    json_object_object_add(item, "features", features);
    json_object_object_add(item, "status", status);
    return item;
}

static void table_value(struct get *get, struct ss_type type, struct ss_value value,
                        enum ss_cell_status status)
{
    struct ss_buffer text = {0};
    ss_value_format(type, value, &text);
    if (value.present)
        ss_table_text(&get->table, (struct ss_bytes){text.data ? (const char *)text.data : "", text.size});
    else
        ss_table_cell(&get->table, "(%s)", ss_cell_status_name(status));
    ss_buffer_release(&text);
}

// One entity: a line per feature. Many: a line per entity.
static void row_table(struct get *get, const struct ss_column *keys, const struct ss_answer *answer,
                      int32_t row)
{
    const struct ss_service *service = get->service;
    for (size_t k = 0; get->keys_file && k < service->key_count; k++)
        table_value(get, service->key_types[k], ss_column_get(&keys[k], row), SS_CELL_NULL);
    for (size_t f = 0; f < service->feature_count; f++) {
        if (!get->wanted[f]) continue;
        if (!get->keys_file) ss_table_cell(&get->table, "%s", service->features[f].name);
        table_value(get, service->features[f].type, ss_column_get(&answer->columns[f], row),
                    answer->statuses[f][row]);
    }
}

static bool keep_point(struct get *get, int32_t length)
{
    struct point *points = realloc(get->points, (get->point_count + 1) * sizeof *points);
    if (!points) return false;
    get->points = points;
    points[get->point_count++] = (struct point){get->row_count + length, get->point};
    return true;
}

static enum ss_status look_up(struct get *get, const struct ss_lookup *lookup, struct ss_answer *answer,
                              struct ss_error *error)
{
    if (!get->remote.client) return ss_lookup(&get->pinned, get->service, lookup, &get->arena, answer, error);
    SS_TRY(ss_remote_lookup(&get->remote, get->service, lookup, get->has_at, get->at_us, &get->arena, answer,
                            &get->point, error));
    return keep_point(get, lookup->length) ? SS_OK : ss_fail_memory(error, "a lookup");
}

static enum ss_status look_up_rows(struct get *get, const struct ss_column *keys,
                                   const struct ss_value *request, int32_t length, struct ss_error *error)
{
    const struct ss_service *service = get->service;
    struct ss_column *inputs = ss_arena_array(&get->arena, service->request_count + 1, sizeof *inputs);
    struct ss_answer answer;
    bool ok = inputs != NULL;
    for (size_t i = 0; ok && i < service->request_count; i++) {
        ok = ss_column_init(&inputs[i], service->request[i].type, length, &get->arena);
        for (int32_t row = 0; ok && row < length; row++)
            ok = ss_column_append(&inputs[i], request[i], &get->arena);
    }
    if (!ok) return ss_fail_memory(error, "a lookup");
    struct ss_lookup lookup = {.length = length, .keys = keys, .request = inputs, .wanted = get->wanted};
    SS_TRY(ss_with_event(service, get->event, get->event_count, length, &get->arena, &lookup.at_hand, error));
    SS_TRY(look_up(get, &lookup, &answer, error));
    for (int32_t row = 0; row < length; row++) {
        if (get->rows)
            json_object_array_add(get->rows, row_json(get, keys, &answer, row));
        else
            row_table(get, keys, &answer, row);
    }
    get->row_count += length;
    return SS_OK;
}

static enum ss_status get_one(struct get *get, const struct ss_value *request, struct ss_error *error)
{
    const struct ss_service *service = get->service;
    struct ss_value *values = ss_arena_array(&get->arena, service->key_count + 1, sizeof *values);
    struct ss_column *keys = ss_arena_array(&get->arena, service->key_count + 1, sizeof *keys);
    bool ok = values && keys;
    if (ok) SS_TRY(pair_values(get, values, error));
    for (size_t k = 0; ok && k < service->key_count; k++)
        ok = ss_column_init(&keys[k], service->key_types[k], 1, &get->arena) &&
             ss_column_append(&keys[k], values[k], &get->arena);
    return ok ? look_up_rows(get, keys, request, 1, error) : ss_fail_memory(error, "a lookup");
}

static enum ss_status get_many(struct get *get, const struct ss_value *request, struct ss_error *error)
{
    struct ss_key_table *table;
    const struct ss_column *keys;
    int32_t length;
    const int32_t batch_rows =
        get->remote.client ? ss_remote_lookup_rows(&get->remote, get->service) : SS_BATCH_ROWS;
    SS_TRY(ss_key_table_open(get->keys_file, get->service, batch_rows, &table, error));
    enum ss_status status;
    while ((status = ss_key_table_next(table, &keys, &length, error)) == SS_OK && length > 0) {
        status = look_up_rows(get, keys, request, length, error);
        if (status != SS_OK) break;
    }
    ss_key_table_close(table);
    return status;
}

static void start_output(struct get *get)
{
    const struct ss_service *service = get->service;
    const char *headers[64];
    size_t count = 0;
    if (get->cli->json) {
        get->rows = json_object_new_array();
        return;
    }
    if (!get->keys_file) {
        ss_table_init(&get->table, 2, (const char *const[]){"feature", "value"});
        return;
    }
    for (size_t k = 0; k < service->key_count && count < 64; k++) headers[count++] = service->key_names[k];
    for (size_t f = 0; f < service->feature_count && count < 64; f++)
        if (get->wanted[f]) headers[count++] = service->features[f].name;
    ss_table_init(&get->table, count, headers);
}

// Calls of one server at which the store stood still are at one point.
static bool has_many_points(const struct get *get)
{
    for (size_t i = 1; i < get->point_count; i++)
        if (get->points[i].at.t_us != get->points[0].at.t_us ||
            get->points[i].at.seq != get->points[0].at.seq)
            return true;
    return false;
}

static void add_point(struct json_object *object, const struct ss_wire_read_point *point)
{
    json_object_object_add(object, "t", ss_cli_json_time(point->t_us));
    json_object_object_add(object, "seq", json_object_new_int64((int64_t)point->seq));
}

// More rows than a server reads at once have no point in common: each tells its own.
static void tell_points(struct get *get)
{
    if (!has_many_points(get)) return;
    fprintf(
        stderr,
        "note: %lld rows are more than the server reads at once: they were read in %zu calls, each at its "
        "own t and seq; the last is shown, --json tells each row's\n",
        (long long)get->row_count, get->point_count);
    int64_t row = 0;
    for (size_t i = 0; get->rows && i < get->point_count; i++)
        for (; row < get->points[i].end_row; row++)
            add_point(json_object_array_get_idx(get->rows, (size_t)row), &get->points[i].at);
}

static void finish_output(struct get *get)
{
    char time[SS_TIME_TEXT_SIZE], hash[SS_SHA256_TEXT_SIZE];
    tell_points(get);
    if (!get->rows) {
        ss_table_print(&get->table, stdout);
        fprintf(stderr, "%s  t %s  seq %llu  fingerprint %.16s\n", get->service->name,
                ss_time_format(get->point.t_us, time), (unsigned long long)get->point.seq,
                ss_sha256_format(&get->service->fingerprint, hash));
        return;
    }
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "service", json_object_new_string(get->service->name));
    json_object_object_add(root, "fingerprint", ss_cli_json_hash(&get->service->fingerprint));
    add_point(root, &get->point);
    if (get->point.is_preview) json_object_object_add(root, "preview", json_object_new_boolean(true));
    json_object_object_add(root, "rows", get->rows);
    ss_cli_print_json(root);
    get->rows = NULL;
}

static enum ss_status check_width(const struct get *get, struct ss_error *error)
{
    size_t columns = get->service->key_count;
    for (size_t f = 0; f < get->service->feature_count; f++) columns += get->wanted[f];
    if (get->cli->json || !get->keys_file || columns <= 64) return SS_OK;
    return ss_fail(error, SS_LIMIT,
                   "service '%s': %zu columns are too wide to print; add --json or --features A,B",
                   get->service->name, columns);
}

static enum ss_status get_rows(struct get *get, const struct ss_materializer *names, struct ss_error *error)
{
    SS_TRY(ss_require_service(names, get->service_name, &get->service, error));
    SS_TRY(choose_features(get, error));
    SS_TRY(check_width(get, error));
    struct ss_value *request = ss_arena_array(&get->arena, get->service->request_count + 1, sizeof *request);
    if (!request) return ss_fail_memory(error, "the request inputs");
    SS_TRY(request_values(get, request, error));
    start_output(get);
    SS_TRY(get->keys_file ? get_many(get, request, error) : get_one(get, request, error));
    finish_output(get);
    return SS_OK;
}

static enum ss_status run_here(struct get *get, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    enum ss_status status = ss_cli_open(get->cli, SS_STORE_READ, &materializer, error);
    if (status == SS_OK) status = ss_pin(materializer, get->has_at, get->at_us, &get->pinned, error);
    get->point =
        (struct ss_wire_read_point){get->pinned.t_us, get->pinned.applied.seq, get->pinned.is_preview};
    if (status == SS_OK) status = get_rows(get, materializer, error);
    ss_unpin(&get->pinned);
    ss_materializer_close(materializer);
    return status;
}

static enum ss_status run_there(struct get *get, struct ss_error *error)
{
    enum ss_status status = ss_remote_begin(get->cli, &get->remote, error);
    if (status == SS_OK) status = get_rows(get, &get->remote.names, error);
    ss_remote_close(&get->remote);
    return status;
}

static int run(struct get *get)
{
    struct ss_error error = {0};
    const enum ss_status status = get->cli->server ? run_there(get, &error) : run_here(get, &error);
    if (get->rows) json_object_put(get->rows);
    ss_table_release(&get->table);
    free(get->points);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

// Returns 0, or the exit status after printing what is wrong.
static int take_arguments(const struct ss_cli *cli, struct get *get, int argc, char **argv)
{
    static const struct option options[] = {
        {"keys", required_argument, NULL, 'k'},       {"request", required_argument, NULL, 'r'},
        {"features", required_argument, NULL, 'f'},   {"at", required_argument, NULL, 't'},
        {"with-event", required_argument, NULL, 'e'}, {0}};
    int option;
    get->request = ss_arena_array(&get->arena, (size_t)argc, sizeof *get->request);
    get->event = ss_arena_array(&get->arena, (size_t)argc, sizeof *get->event);
    if (!get->request || !get->event) return ss_cli_usage(cli, "out of memory");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'k')
            get->keys_file = optarg;
        else if (option == 'r')
            get->request[get->request_count++] = optarg;
        else if (option == 'f')
            get->features = optarg;
        else if (option == 'e')
            get->event[get->event_count++] = optarg;
        else if (option != 't')
            return ss_cli_usage(cli, "unknown option");
        else if (!(get->has_at = ss_time_parse(ss_bytes_of(optarg), SS_UNIT_TEXT, NULL, &get->at_us)))
            return ss_cli_usage(cli, "--at: '%s' is no time; write 2026-01-31T10:00:00Z", optarg);
    }
    if (optind == argc) return ss_cli_usage(cli, "which service?");
    get->service_name = argv[optind];
    get->pairs = argv + optind + 1;
    get->pair_count = argc - optind - 1;
    if (get->keys_file && get->pair_count) return ss_cli_usage(cli, "KEY=VALUE or --keys, not both");
    return 0;
}

int ss_command_get(struct ss_cli *cli, int argc, char **argv)
{
    struct get get = {.cli = cli};
    const int failed = take_arguments(cli, &get, argc, argv);
    const int exit_status = failed ? failed : run(&get);
    ss_arena_release(&get.arena);
    return exit_status;
}
