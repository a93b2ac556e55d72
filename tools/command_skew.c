// skew --probe: the same rows read online and computed again from history, every cell compared by bits.

#include <getopt.h>
#include <string.h>

#include "engine/base/number.h"
#include "engine/key.h"
#include "materializer/compare.h"
#include "tools/cli.h"

#define SHOWN 20 // differing cells printed in full

struct shown {
    const struct ss_cli *cli;
    const struct ss_materializer *materializer;
    const char *service;
    uint64_t count;
    struct json_object *cells;
};

static void value_text(struct ss_type type, struct ss_value value, enum ss_cell_status status, char *text,
                       size_t size)
{
    struct ss_buffer buffer = {0};
    ss_value_format(type, value, &buffer);
    if (value.present)
        snprintf(text, size, "%.*s", (int)buffer.size, (const char *)buffer.data);
    else
        snprintf(text, size, "(%s)", ss_cell_status_name(status));
    ss_buffer_release(&buffer);
}

static void key_text(const struct ss_service *service, const struct ss_value *key, char *text, size_t size)
{
    struct ss_buffer buffer = {0};
    ss_key_format(service->key_names, service->key_types, key, service->key_count, &buffer);
    snprintf(text, size, "%.*s", (int)buffer.size, buffer.data ? (const char *)buffer.data : "");
    ss_buffer_release(&buffer);
}

static void show_cell(void *context, const struct ss_skew_cell *cell)
{
    struct shown *shown = context;
    const struct ss_service *service = ss_find_service(shown->materializer->definitions, shown->service);
    const struct ss_type type = service->features[cell->feature].type;
    char key[300], online[200], offline[200];
    if (shown->count++ >= SHOWN) return;
    key_text(service, cell->key, key, sizeof key);
    value_text(type, cell->online, cell->online_status, online, sizeof online);
    value_text(type, cell->offline, cell->offline_status, offline, sizeof offline);
    if (!shown->cli->json) {
        printf("%s  %s: online %s, offline %s (%s)\n", key, service->features[cell->feature].name, online,
               offline, ss_difference_name(cell->difference));
        return;
    }
    struct json_object *item = json_object_new_object();
    json_object_object_add(item, "key", json_object_new_string(key));
    json_object_object_add(item, "feature", json_object_new_string(service->features[cell->feature].name));
    json_object_object_add(item, "difference", json_object_new_string(ss_difference_name(cell->difference)));
    json_object_object_add(item, "online", json_object_new_string(online));
    json_object_object_add(item, "offline", json_object_new_string(offline));
    json_object_array_add(shown->cells, item);
}

static uint64_t differences(const struct ss_skew_feature *feature)
{
    return feature->compared - feature->counts[SS_DIFFERENCE_NONE];
}

static uint64_t all_differences(const struct ss_skew_report *report)
{
    uint64_t sum = 0;
    for (size_t f = 0; f < report->service->feature_count; f++) sum += differences(&report->features[f]);
    return sum;
}

static void print_report(const struct ss_skew_report *report)
{
    char rows[SS_COUNT_TEXT_SIZE], count[SS_COUNT_TEXT_SIZE], time[SS_TIME_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(&table, 7,
                  (const char *const[]){"feature", ">compared", ">differ", ">null on one side",
                                        ">other reason", ">damaged", ">max ulps"});
    for (size_t f = 0; f < report->service->feature_count; f++) {
        const struct ss_skew_feature *feature = &report->features[f];
        ss_table_cell(&table, "%s", report->service->features[f].name);
        ss_table_cell(&table, "%s", ss_count_format(feature->compared, count));
        ss_table_cell(&table, "%s", ss_count_format(differences(feature), count));
        ss_table_cell(&table, "%llu", (unsigned long long)feature->counts[SS_DIFFERENCE_NULL]);
        ss_table_cell(&table, "%llu", (unsigned long long)feature->counts[SS_DIFFERENCE_STATUS]);
        ss_table_cell(&table, "%llu", (unsigned long long)feature->counts[SS_DIFFERENCE_DAMAGED]);
        ss_table_cell(&table, "%llu", (unsigned long long)feature->greatest_ulps);
    }
    ss_table_print(&table, stdout);
    const uint64_t sum = all_differences(report);
    printf("%s difference%s in %s rows x %zu features at t %s, seq %llu\n", ss_count_format(sum, count),
           sum == 1 ? "" : "s", ss_count_format(report->rows, rows), report->service->feature_count,
           ss_time_format(report->t_us, time), (unsigned long long)report->s);
}

static void print_report_json(const struct ss_skew_report *report, struct json_object *cells)
{
    struct json_object *root = json_object_new_object(), *features = json_object_new_array();
    json_object_object_add(root, "service", json_object_new_string(report->service->name));
    json_object_object_add(root, "fingerprint", ss_cli_json_hash(&report->service->fingerprint));
    json_object_object_add(root, "t", ss_cli_json_time(report->t_us));
    json_object_object_add(root, "seq", json_object_new_int64((int64_t)report->s));
    json_object_object_add(root, "rows", json_object_new_int64((int64_t)report->rows));
    json_object_object_add(root, "differences", json_object_new_int64((int64_t)all_differences(report)));
    for (size_t f = 0; f < report->service->feature_count; f++) {
        const struct ss_skew_feature *from = &report->features[f];
        struct json_object *feature = json_object_new_object();
        json_object_object_add(feature, "feature", json_object_new_string(report->service->features[f].name));
        json_object_object_add(feature, "compared", json_object_new_int64((int64_t)from->compared));
        json_object_object_add(feature, "differences", json_object_new_int64((int64_t)differences(from)));
        json_object_object_add(feature, "null_on_one_side",
                               json_object_new_int64((int64_t)from->counts[SS_DIFFERENCE_NULL]));
        json_object_object_add(feature, "other_reason",
                               json_object_new_int64((int64_t)from->counts[SS_DIFFERENCE_STATUS]));
        json_object_object_add(feature, "damaged",
                               json_object_new_int64((int64_t)from->counts[SS_DIFFERENCE_DAMAGED]));
        json_object_object_add(feature, "max_ulps", json_object_new_int64((int64_t)from->greatest_ulps));
        json_object_array_add(features, feature);
    }
    json_object_object_add(root, "features", features);
    json_object_object_add(root, "cells", cells);
    ss_cli_print_json(root);
}

static int probe(struct ss_cli *cli, const char *service, uint64_t limit)
{
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    bool differ = false;
    enum ss_status status = ss_cli_open(cli, SS_STORE_READ, &materializer, &error);
    struct shown shown = {cli, materializer, service, 0, cli->json ? json_object_new_array() : NULL};
    if (status == SS_OK)
        status = ss_skew_probe(materializer, service, limit, &arena, show_cell, &shown, &report, &error);
    if (status == SS_OK) {
        if (shown.count > SHOWN && !cli->json)
            printf("... and %llu more\n", (unsigned long long)(shown.count - SHOWN));
        differ = all_differences(&report) > 0;
        if (cli->json)
            print_report_json(&report, shown.cells);
        else
            print_report(&report);
    } else if (shown.cells) {
        json_object_put(shown.cells);
    }
    ss_arena_release(&arena);
    ss_materializer_close(materializer);
    if (status != SS_OK) return ss_cli_fail(&error);
    return differ ? SS_EXIT_FOUND : SS_EXIT_OK;
}

int ss_command_skew(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"probe", required_argument, NULL, 'p'},
                                            {"log", no_argument, NULL, 'l'},
                                            {"against", required_argument, NULL, 'a'},
                                            {0}};
    const char *probed = NULL;
    int64_t limit = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'l') return ss_cli_usage(cli, "--log is not there yet; --probe is");
        if (option == 'a') return ss_cli_usage(cli, "--against is not there yet; --probe is");
        if (option != 'p') return ss_cli_usage(cli, "unknown option");
        probed = optarg;
    }
    if (optind + 1 != argc) return ss_cli_usage(cli, "which service? (one)");
    if (!probed) return ss_cli_usage(cli, "--probe N or --probe all is needed");
    if (strcmp(probed, "all") != 0 && (!ss_int64_parse(ss_bytes_of(probed), &limit) || limit <= 0))
        return ss_cli_usage(cli, "--probe: expected 'all' or a number above 0, got '%s'", probed);
    return probe(cli, argv[optind], (uint64_t)limit);
}
