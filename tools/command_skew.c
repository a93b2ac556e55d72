// skew: values that were served against those computed again from history, cell by cell. --probe: the store's
// own, of now, by bits. --against: those of another system, of any time, out of its file.

#include <float.h>
#include <getopt.h>
#include <string.h>

#include "engine/base/number.h"
#include "engine/key.h"
#include "materializer/compare.h"
#include "tools/cli.h"

#define SHOWN       20  // differing cells printed
#define SHOWN_BYTES 200 // of a key or a value, in text

struct shown {
    const struct ss_cli *cli;
    const struct ss_materializer *materializer;
    const char *service;
    const char *served, *computed; // what the two sides are called
    bool with_time;                // of each row
    uint64_t count;
    struct json_object *cells;
};

// As a C string, whole.
static void value_text(struct ss_type type, struct ss_value value, enum ss_cell_status status,
                       struct ss_buffer *text)
{
    if (value.present)
        ss_value_format(type, value, text);
    else
        ss_buffer_format(text, "(%s)", ss_cell_status_name(status));
    ss_buffer_byte(text, 0);
}

static const char *text_of(const struct ss_buffer *buffer)
{
    return buffer->failed ? "?" : (const char *)buffer->data;
}

// For a line of a terminal: what controls it is shown as '?', and what is long is cut between characters.
static void show_text(const struct ss_buffer *buffer)
{
    const char *text = text_of(buffer);
    size_t size = strlen(text);
    const bool is_long = size > SHOWN_BYTES;
    if (is_long)
        for (size = SHOWN_BYTES; size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80;) size--;
    for (size_t i = 0; i < size; i++) putchar((uint8_t)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
    if (is_long) printf("... (%zu bytes)", strlen(text));
}

static void print_cell(const struct shown *shown, const struct ss_skew_cell *cell, const char *feature,
                       const struct ss_buffer *key, const struct ss_buffer *served,
                       const struct ss_buffer *computed)
{
    char time[SS_TIME_TEXT_SIZE];
    show_text(key);
    if (shown->with_time) printf("  t %s", ss_time_format(cell->t_us, time));
    printf("  %s: %s ", feature, shown->served);
    show_text(served);
    printf(", %s ", shown->computed);
    show_text(computed);
    printf(" (%s)\n", ss_difference_name(cell->difference));
}

static struct json_object *json_cell(const struct shown *shown, const struct ss_skew_cell *cell,
                                     const char *feature, const struct ss_buffer *key,
                                     const struct ss_buffer *served, const struct ss_buffer *computed)
{
    struct json_object *item = json_object_new_object();
    json_object_object_add(item, "key", ss_cli_json_text(text_of(key)));
    if (shown->with_time) json_object_object_add(item, "t", ss_cli_json_time(cell->t_us));
    json_object_object_add(item, "feature", json_object_new_string(feature));
    json_object_object_add(item, "difference", json_object_new_string(ss_difference_name(cell->difference)));
    json_object_object_add(item, shown->served, ss_cli_json_text(text_of(served)));
    json_object_object_add(item, shown->computed, ss_cli_json_text(text_of(computed)));
    return item;
}

static void show_cell(void *context, const struct ss_skew_cell *cell)
{
    struct shown *shown = context;
    const struct ss_service *service = ss_find_service(shown->materializer->definitions, shown->service);
    const struct ss_type type = service->features[cell->feature].type;
    const char *feature = service->features[cell->feature].name;
    struct ss_buffer key = {0}, served = {0}, computed = {0};
    if (shown->count++ >= SHOWN) return;
    ss_key_format(service->key_names, service->key_types, cell->key, service->key_count, &key);
    ss_buffer_byte(&key, 0);
    value_text(type, cell->served, cell->served_status, &served);
    value_text(type, cell->computed, cell->computed_status, &computed);
    if (shown->cli->json)
        json_object_array_add(shown->cells, json_cell(shown, cell, feature, &key, &served, &computed));
    else
        print_cell(shown, cell, feature, &key, &served, &computed);
    ss_buffer_release(&key);
    ss_buffer_release(&served);
    ss_buffer_release(&computed);
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

static void print_total(const struct ss_skew_report *report, size_t feature_count)
{
    char rows[SS_COUNT_TEXT_SIZE], count[SS_COUNT_TEXT_SIZE];
    const uint64_t sum = all_differences(report);
    printf("%s difference%s in %s row%s x %zu feature%s", ss_count_format(sum, count), sum == 1 ? "" : "s",
           ss_count_format(report->rows, rows), report->rows == 1 ? "" : "s", feature_count,
           feature_count == 1 ? "" : "s");
}

static struct json_object *json_report(const struct ss_skew_report *report)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "service", json_object_new_string(report->service->name));
    json_object_object_add(root, "fingerprint", ss_cli_json_hash(&report->service->fingerprint));
    return root;
}

static void add_totals(const struct ss_skew_report *report, struct json_object *root)
{
    json_object_object_add(root, "seq", json_object_new_int64((int64_t)report->s));
    json_object_object_add(root, "rows", json_object_new_int64((int64_t)report->rows));
    json_object_object_add(root, "differences", json_object_new_int64((int64_t)all_differences(report)));
}

static struct json_object *json_feature(const struct ss_skew_report *report, size_t f)
{
    const struct ss_skew_feature *from = &report->features[f];
    struct json_object *feature = json_object_new_object();
    json_object_object_add(feature, "feature", json_object_new_string(report->service->features[f].name));
    json_object_object_add(feature, "compared", json_object_new_int64((int64_t)from->compared));
    json_object_object_add(feature, "differences", json_object_new_int64((int64_t)differences(from)));
    json_object_object_add(feature, "null_on_one_side",
                           json_object_new_int64((int64_t)from->counts[SS_DIFFERENCE_NULL]));
    return feature;
}

// ---- Online rows

static void print_probe(const struct ss_skew_report *report)
{
    char count[SS_COUNT_TEXT_SIZE], time[SS_TIME_TEXT_SIZE];
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
    print_total(report, report->service->feature_count);
    printf(" at t %s, seq %llu\n", ss_time_format(report->t_us, time), (unsigned long long)report->s);
}

static void print_probe_json(const struct ss_skew_report *report, struct json_object *cells)
{
    struct json_object *root = json_report(report), *features = json_object_new_array();
    json_object_object_add(root, "t", ss_cli_json_time(report->t_us));
    add_totals(report, root);
    for (size_t f = 0; f < report->service->feature_count; f++) {
        const struct ss_skew_feature *from = &report->features[f];
        struct json_object *feature = json_feature(report, f);
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

// ---- Another system's file

static void note_ignored(const struct ss_skew_report *report)
{
    if (report->ignored_count == 0) return;
    fprintf(stderr, "note: service '%s' has no feature or key for", report->service->name);
    for (size_t i = 0; i < report->ignored_count; i++)
        fprintf(stderr, "%s %s", i ? "," : "", report->ignored[i]);
    fputs(" of the file; ignored\n", stderr);
}

// "-": of a type that has no distances, or no two values were compared.
static void distance_text(struct ss_type type, struct ss_value distance, char text[SS_NUMBER_TEXT_SIZE])
{
    struct ss_buffer buffer = {0};
    ss_value_format(type, distance, &buffer);
    snprintf(text, SS_NUMBER_TEXT_SIZE, "%.*s", buffer.size ? (int)buffer.size : 1,
             buffer.size ? (const char *)buffer.data : "-");
    ss_buffer_release(&buffer);
}

static void print_against(const struct ss_skew_report *report, const struct ss_skew_against *against)
{
    char count[SS_COUNT_TEXT_SIZE], distance[SS_NUMBER_TEXT_SIZE];
    struct ss_table table;
    size_t feature_count = 0;
    ss_table_init(
        &table, 5,
        (const char *const[]){"feature", ">compared", ">differ", ">null on one side", ">largest difference"});
    for (size_t f = 0; f < report->service->feature_count; f++) {
        const struct ss_skew_feature *feature = &report->features[f];
        if (!feature->is_compared) continue;
        feature_count++;
        distance_text(report->service->features[f].type, feature->greatest_distance, distance);
        ss_table_cell(&table, "%s", report->service->features[f].name);
        ss_table_cell(&table, "%s", ss_count_format(feature->compared, count));
        ss_table_cell(&table, "%s", ss_count_format(differences(feature), count));
        ss_table_cell(&table, "%s", ss_count_format(feature->counts[SS_DIFFERENCE_NULL], count));
        ss_table_cell(&table, "%s", distance);
    }
    ss_table_print(&table, stdout);
    print_total(report, feature_count);
    printf(" of %s", against->theirs.place);
    if (against->tolerance > 0) printf(", floats within %s", ss_float64_format(against->tolerance, distance));
    printf(", as of seq %llu\n", (unsigned long long)report->s);
}

static void print_against_json(const struct ss_skew_report *report, const struct ss_skew_against *against,
                               struct json_object *cells)
{
    struct json_object *root = json_report(report), *features = json_object_new_array(),
                       *ignored = json_object_new_array();
    char text[SS_NUMBER_TEXT_SIZE];
    json_object_object_add(root, "against", ss_cli_json_text(against->theirs.place));
    json_object_object_add(
        root, "tolerance",
        json_object_new_double_s(against->tolerance, ss_float64_format(against->tolerance, text)));
    add_totals(report, root);
    for (size_t f = 0; f < report->service->feature_count; f++) {
        if (!report->features[f].is_compared) continue;
        struct json_object *feature = json_feature(report, f);
        json_object_object_add(
            feature, "largest_difference",
            ss_cli_json_value(report->service->features[f].type, report->features[f].greatest_distance));
        json_object_array_add(features, feature);
    }
    for (size_t i = 0; i < report->ignored_count; i++)
        json_object_array_add(ignored, ss_cli_json_text(report->ignored[i]));
    json_object_object_add(root, "features", features);
    json_object_object_add(root, "ignored", ignored);
    json_object_object_add(root, "cells", cells);
    ss_cli_print_json(root);
}

// ---- Together

struct request {
    bool is_probe;
    const char *service;
    uint64_t limit;                 // of a probe
    struct ss_skew_against against; // else
};

static enum ss_status run(const struct request *request, struct ss_materializer *materializer,
                          struct ss_arena *arena, struct shown *shown, struct ss_skew_report *report,
                          struct ss_error *error)
{
    shown->materializer = materializer;
    if (request->is_probe)
        return ss_skew_probe(materializer, request->service, request->limit, arena, show_cell, shown, report,
                             error);
    return ss_skew_against(materializer, &request->against, arena, show_cell, shown, report, error);
}

static void print(const struct request *request, const struct shown *shown,
                  const struct ss_skew_report *report)
{
    if (!request->is_probe) note_ignored(report);
    if (shown->count > SHOWN && !shown->cli->json)
        printf("... and %llu more\n", (unsigned long long)(shown->count - SHOWN));
    if (request->is_probe && shown->cli->json)
        print_probe_json(report, shown->cells);
    else if (request->is_probe)
        print_probe(report);
    else if (shown->cli->json)
        print_against_json(report, &request->against, shown->cells);
    else
        print_against(report, &request->against);
}

static int compare(struct ss_cli *cli, const struct request *request)
{
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    bool differ = false;
    struct shown shown = {.cli = cli,
                          .service = request->service,
                          .served = request->is_probe ? "online" : "theirs",
                          .computed = request->is_probe ? "offline" : "ours",
                          .with_time = !request->is_probe,
                          .cells = cli->json ? json_object_new_array() : NULL};
    enum ss_status status =
        ss_cli_open(cli, request->is_probe ? SS_STORE_READ : SS_STORE_HISTORY, &materializer, &error);
    if (status == SS_OK) status = run(request, materializer, &arena, &shown, &report, &error);
    if (status == SS_OK) {
        differ = all_differences(&report) > 0;
        print(request, &shown, &report);
    } else if (shown.cells) {
        json_object_put(shown.cells);
    }
    ss_arena_release(&arena);
    ss_materializer_close(materializer);
    if (status != SS_OK) return ss_cli_fail(&error);
    return differ ? SS_EXIT_FOUND : SS_EXIT_OK;
}

static int take_probe(const struct ss_cli *cli, const char *text, struct request *request)
{
    int64_t limit = 0;
    request->is_probe = true;
    if (strcmp(text, "all") != 0 && (!ss_int64_parse(ss_bytes_of(text), &limit) || limit <= 0))
        return ss_cli_usage(cli, "--probe: expected 'all' or a number above 0, got '%s'", text);
    request->limit = (uint64_t)limit;
    return 0;
}

static int take_tolerance(const struct ss_cli *cli, const char *text, struct request *request)
{
    double *tolerance = &request->against.tolerance;
    if (ss_float64_parse(ss_bytes_of(text), tolerance) && *tolerance >= 0 && *tolerance <= DBL_MAX) return 0;
    return ss_cli_usage(cli, "--tolerance: expected a number from 0 on, as in 1e-9, got '%s'", text);
}

static int take_option(const struct ss_cli *cli, int option, const char *value, struct ss_arena *arena,
                       struct request *request)
{
    struct ss_spine_source *theirs = &request->against.theirs;
    switch (option) {
    case 'p': return take_probe(cli, value, request);
    case 'a': theirs->place = value; return 0;
    case 'x': return take_tolerance(cli, value, request);
    case 't':
        if (ss_cli_time_column(value, arena, &theirs->time_column, &theirs->time_unit)) return 0;
        return ss_cli_usage(cli, "--time: expected COLUMN, COLUMN:s, COLUMN:ms or COLUMN:us, got '%s'",
                            value);
    case 'l': return ss_cli_usage(cli, "--log is not there yet; --probe and --against are");
    default: return ss_cli_usage(cli, "see the options above");
    }
}

static int take_arguments(const struct ss_cli *cli, int argc, char **argv, struct ss_arena *arena,
                          struct request *request)
{
    static const struct option options[] = {
        {"probe", required_argument, NULL, 'p'},     {"log", no_argument, NULL, 'l'},
        {"against", required_argument, NULL, 'a'},   {"time", required_argument, NULL, 't'},
        {"tolerance", required_argument, NULL, 'x'}, {0}};
    const struct ss_skew_against *against = &request->against;
    int option, failed = 0;
    bool with_tolerance = false;
    while (!failed && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        failed = take_option(cli, option, optarg, arena, request);
        with_tolerance = with_tolerance || option == 'x';
    }
    if (failed) return failed;
    if (optind + 1 != argc) return ss_cli_usage(cli, "which service? (one)");
    request->service = request->against.service = argv[optind];
    if (request->is_probe == (against->theirs.place != NULL))
        return ss_cli_usage(cli, "either --probe N|all or --against FILE.csv is needed");
    if (request->is_probe && (against->theirs.time_column || with_tolerance))
        return ss_cli_usage(cli, "--time and --tolerance go with --against: a probe is of now, and exact");
    if (!request->is_probe && !against->theirs.time_column)
        return ss_cli_usage(cli, "--time COLUMN is needed: the file's column of times");
    return 0;
}

int ss_command_skew(struct ss_cli *cli, int argc, char **argv)
{
    struct request request = {0};
    struct ss_arena arena = {0};
    const int failed = take_arguments(cli, argc, argv, &arena, &request);
    const int exit_status = failed ? failed : compare(cli, &request);
    ss_arena_release(&arena);
    return exit_status;
}
