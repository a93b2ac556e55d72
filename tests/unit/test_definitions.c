// Definitions as a whole: what a compile gives, all its errors at once, and that no text and no lack of
// memory breaks it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "definitions_harness.h"

#define EXAMPLE "tests/fixtures/definitions/fraud.yaml"

static struct ss_definitions *compile_good(const char *text)
{
    struct harness_result result = harness_compile_text(ss_bytes_of(text));
    if (result.status != SS_OK)
        print_error("%s\n%.*s", text, (int)result.report.size, (char *)result.report.data);
    assert_int_equal(result.status, SS_OK);
    assert_int_equal(result.report.size, 0);
    ss_buffer_release(&result.report);
    return result.definitions;
}

// The report of a compile with errors; the caller frees it.
static char *compile_bad(const char *text)
{
    struct harness_result result = harness_compile_text(ss_bytes_of(text));
    assert_int_equal(result.status, SS_FOUND);
    assert_null(result.definitions);
    ss_buffer_byte(&result.report, 0);
    return (char *)result.report.data;
}

static char *read_example(void)
{
    size_t size = 0;
    char *text = harness_read_file(EXAMPLE, &size);
    assert_non_null(text);
    return text;
}

// ---- What a compile gives

static void the_example_of_the_design_compiles(void **state)
{
    (void)state;
    char *text = read_example();
    struct ss_definitions *definitions = compile_good(text);
    free(text);
    assert_int_equal(definitions->entity_count, 3);
    assert_int_equal(definitions->entities[2].key_count, 0);
    const struct ss_source *source = ss_find_source(definitions, "payments");
    assert_int_equal(source->column_count, 6);
    assert_string_equal(source->columns[source->event_time_column].name, "paid_at");
    assert_string_equal(source->columns[source->event_id_column].name, "payment_id");
    assert_int_equal(source->op_column, -1);
    assert_string_equal(source->notes.description, "Card payments, one row each");
    assert_true(source->columns[3].not_null && source->columns[3].has_between);
    assert_int_equal(source->columns[3].high.i64, 100000000);
    const struct ss_view *view = ss_find_view(definitions, "user_spend");
    assert_ptr_equal(view->source, source);
    assert_int_equal(view->key_columns[0], 1);
    assert_int_equal(view->feature_count, 9);
    assert_string_equal(view->features[8].text, "sum(amount) over 7d / nullif(sum(amount) over 30d, 0)");
    assert_null(ss_find_view(definitions, "payments"));
    assert_null(ss_find_service(definitions, "user_spend"));
    ss_definitions_destroy(definitions);
}

static void a_service_knows_its_keys_reads_and_features(void **state)
{
    (void)state;
    char *text = read_example();
    struct ss_definitions *definitions = compile_good(text);
    free(text);
    const struct ss_service *service = ss_find_service(definitions, "fraud_v1");
    assert_string_equal(service->notes.owner, "risk-team");
    assert_int_equal(service->key_count, 2);
    assert_string_equal(service->key_names[0], "user_id");
    assert_string_equal(service->key_names[1], "merchant_id");
    assert_int_equal(service->view_keys[0][0], 0);
    assert_int_equal(service->view_keys[1][0], 1);
    assert_int_equal(service->feature_count, 11);
    assert_int_equal(service->read_count, 10);
    const struct ss_service_feature *derived = &service->features[10];
    assert_string_equal(derived->name, "amount_vs_avg");
    assert_int_equal(derived->type.id, SS_FLOAT64);
    for (size_t r = 0; r < service->read_count; r++) {
        const struct ss_service_read read = service->reads[r];
        const char *name = service->views[read.view]->features[read.feature].name;
        assert_int_equal(derived->reads[0] >> r & 1, strcmp(name, "basket_avg_7d") == 0);
    }
    ss_definitions_destroy(definitions);
}

#define TWO_ENTITIES                                                                             \
    "entities:\n"                                                                                \
    "  user: {user_id: string, shop: int64}\n"                                                   \
    "  shop: {keys: {shop: int64}, description: A shop, owner: o, tags: [a, b]}\n"               \
    "sources:\n"                                                                                 \
    "  s:\n"                                                                                     \
    "    columns: {user_id: string, shop: {type: int64, description: d}, at: timestamp(ms), x: " \
    "decimal(2)}\n"                                                                              \
    "    event_time: at\n"                                                                       \
    "    arrival: event_time + 15m\n"                                                            \
    "views:\n"                                                                                   \
    "  v:\n"                                                                                     \
    "    entity: user\n"                                                                         \
    "    source: s\n"                                                                            \
    "    features:\n"                                                                            \
    "      n: count() over 7d\n"                                                                 \
    "      m: n * 2\n"                                                                           \
    "      k: shop\n"                                                                            \
    "      l: {expression: last(x) within 1d, owner: me}\n"                                      \
    "      m2: m + int64(coalesce(l, 0))\n"                                                      \
    "  w: {entity: shop, source: s, features: {n: count() over all}}\n"

static void long_forms_and_short_forms_are_alike(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile_good(TWO_ENTITIES);
    const struct ss_entity *shop = &definitions->entities[1];
    assert_int_equal(shop->key_count, 1);
    assert_string_equal(shop->key_names[0], "shop");
    assert_string_equal(shop->notes.description, "A shop");
    assert_int_equal(shop->notes.tag_count, 2);
    assert_string_equal(shop->notes.tags[1], "b");
    const struct ss_source *source = &definitions->sources[0];
    assert_int_equal(source->arrival_offset_us, 15 * SS_MINUTE_US);
    assert_int_equal(source->columns[2].unit, SS_UNIT_MS);
    const struct ss_feature *features = ss_find_view(definitions, "v")->features;
    assert_string_equal(features[3].notes.owner, "me");
    assert_string_equal(features[3].text, "last(x) within 1d");
    assert_int_equal(features[2].type.id, SS_INT64);
    ss_definitions_destroy(definitions);
}

static void a_feature_knows_the_ttls_it_reads_through_others(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile_good(TWO_ENTITIES);
    const struct ss_view *view = ss_find_view(definitions, "v");
    static const bool want[] = {false, false, false, true, true};
    for (size_t f = 0; f < view->feature_count; f++) {
        uint64_t within = 0;
        for (size_t i = 0; i < view->aggregate_count; i++) {
            const bool is_read = view->features[f].within[0] >> i & 1;
            if (is_read) assert_int_equal(view->aggregates[i].bound, SS_BOUND_WITHIN);
            within += is_read;
        }
        assert_int_equal(within, want[f]);
    }
    ss_definitions_destroy(definitions);
}

static void keys_of_one_name_are_one_key_of_a_service(void **state)
{
    (void)state;
    struct ss_definitions *definitions =
        compile_good(TWO_ENTITIES
                     "services:\n  s:\n    request: {price: decimal(2), sent: timestamp(s)}\n"
                     "    features:\n"
                     "      - early: shop + 1\n"
                     "        description: uses a key of a view that is named further down\n"
                     "      - w.n as shop_n\n"
                     "      - v.n\n"
                     "      - twice: {expression: early * 2 + v.l, tags: [x]}\n"
                     "      - late: request.sent - t\n");
    const struct ss_service *service = ss_find_service(definitions, "s");
    assert_int_equal(service->key_count, 2);
    assert_string_equal(service->key_names[0], "shop");
    assert_string_equal(service->key_names[1], "user_id");
    assert_int_equal(service->view_keys[0][0], 0); // w: shop
    assert_int_equal(service->view_keys[1][0], 1); // v: user_id, shop
    assert_int_equal(service->view_keys[1][1], 0);
    assert_int_equal(service->request[1].unit, SS_UNIT_S);
    assert_string_equal(service->features[1].name, "shop_n");
    assert_int_equal(service->read_count, 3);
    assert_int_equal(service->features[0].reads[0], 0);
    assert_int_equal(service->features[4].type.id, SS_INT64);
    ss_definitions_destroy(definitions);
}

static void definitions_may_stand_in_any_file(void **state)
{
    (void)state;
    const struct ss_file files[] = {
        {"c.yaml", ss_bytes_of("services: {s: {features: [v.n]}}\n")},
        {"b.yaml", ss_bytes_of("views: {v: {entity: world, source: s, features: {n: count() over 1d}}}\n")},
        {"a.yaml", ss_bytes_of("entities: {world: {}}\nsources: {s: {columns: {at: timestamp}, event_time: "
                               "at}}\nviews:\nservices: {}\n")}};
    struct harness_result result = harness_compile_files(files, 3);
    assert_int_equal(result.status, SS_OK);
    assert_int_equal(result.definitions->file_count, 3);
    assert_string_equal(result.definitions->files[1].path, "b.yaml");
    assert_ptr_not_equal(result.definitions->files[1].text.data, files[1].text.data);
    harness_release(&result);
}

static void no_files_are_no_definitions(void **state)
{
    (void)state;
    struct harness_result result = harness_compile_files(NULL, 0);
    assert_int_equal(result.status, SS_OK);
    assert_int_equal(result.definitions->view_count, 0);
    harness_release(&result);
}

// The reference's example compiles, and the canonical form it shows is that of the example.
static void the_reference_shows_what_the_compiler_does(void **state)
{
    (void)state;
    static const char fence[] = "```yaml\n";
    size_t size = 0;
    char *text = harness_read_file("docs/DEFINITIONS.md", &size);
    assert_non_null(text);
    const char *start = strstr(text, fence);
    assert_non_null(start);
    start += sizeof(fence) - 1;
    const char *end = strstr(start, "\n```");
    assert_non_null(end);
    struct harness_result result = harness_compile_text((struct ss_bytes){start, (size_t)(end - start) + 1});
    assert_int_equal(result.status, SS_OK);
    const struct ss_bytes canonical = result.definitions->views[0].canonical;
    assert_non_null(memmem(text, size, canonical.data, canonical.size));
    harness_release(&result);
    free(text);
}

// ---- Errors

static void twelve_errors_in_three_files_are_told_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml"};
    struct ss_file files[3];
    size_t size = 0;
    for (size_t i = 0; i < 3; i++) {
        char path[100];
        snprintf(path, sizeof(path), "tests/fixtures/twelve_errors/%s", names[i]);
        char *text = harness_read_file(path, &size);
        assert_non_null(text);
        files[i] = (struct ss_file){names[i], {text, size}};
    }
    char *want = harness_read_file("tests/fixtures/twelve_errors/expected.txt", &size);
    assert_non_null(want);
    struct harness_result result = harness_compile_files(files, 3);
    assert_int_equal(result.status, SS_FOUND);
    assert_int_equal(result.error_count, 12);
    ss_buffer_byte(&result.report, 0);
    assert_string_equal((const char *)result.report.data, want);
    assert_string_equal(result.error.message, "the definitions have 12 errors");
    harness_release(&result);
    free(want);
    for (size_t i = 0; i < 3; i++) free((void *)files[i].text.data);
}

static void check_report(const struct ss_file *files, size_t count, const char *want)
{
    struct harness_result result = harness_compile_files(files, count);
    assert_int_equal(result.status, SS_FOUND);
    ss_buffer_byte(&result.report, 0);
    assert_string_equal((const char *)result.report.data, want);
    harness_release(&result);
}

static void a_name_is_defined_once_in_all_files(void **state)
{
    (void)state;
    const struct ss_file files[] = {{"a.yaml", ss_bytes_of("# first\nentities: {user: {}}\n")},
                                    {"b.yaml", ss_bytes_of("entities:\n  user: {}\n")}};
    check_report(
        files, 2,
        "b.yaml:2:3: error: entity 'user' is defined already: a.yaml, line 2\n    user: {}\n    ^\n");
}

static void what_a_broken_file_may_define_is_not_missed_in_others(void **state)
{
    (void)state;
    const struct ss_file files[] = {
        {"a.yaml", ss_bytes_of("entities: {user: {}\n")},
        {"b.yaml",
         ss_bytes_of("views:\n  v: {entity: user, source: none, features: {n: count() over 1d}}\n")}};
    check_report(files, 2,
                 "a.yaml:2:1: error: not valid YAML: did not find expected ',' or '}' while parsing a flow "
                 "mapping that starts on line 1\n  \n  ^\n"
                 "b.yaml:2:29: error: view 'v': unknown source 'none'\n"
                 "    v: {entity: user, source: none, features: {n: count() over 1d}}\n"
                 "                              ^\n");
}

// `count` copies of a line in a view; # is the number of the line, % that of the line before.
static struct harness_result compile_lines(const char *first, const char *line, int count)
{
    struct ss_buffer text = {0};
    ss_buffer_format(&text, "%sviews:\n  v:\n    entity: world\n    source: s\n    features:\n      %s\n",
                     "entities: {world: {}}\nsources: {s: {columns: {at: timestamp, x: int64}, event_time: "
                     "at}}\n",
                     first);
    for (int i = 1; i <= count; i++) {
        ss_buffer_text(&text, "      ");
        for (const char *at = line; *at; at++) {
            if (*at == '#' || *at == '%')
                ss_buffer_format(&text, "%d", *at == '#' ? i : i - 1);
            else
                ss_buffer_byte(&text, (uint8_t)*at);
        }
        ss_buffer_byte(&text, '\n');
    }
    struct harness_result result =
        harness_compile_text((struct ss_bytes){(const char *)text.data, text.size});
    ss_buffer_release(&text);
    ss_buffer_byte(&result.report, 0);
    return result;
}

static void features_that_use_each_other_cannot_blow_up(void **state)
{
    (void)state;
    struct harness_result result = compile_lines("f0: count() over 1d", "f#: f% + f%", 10);
    assert_int_equal(result.status, SS_OK);
    harness_release(&result);
    result = compile_lines("f0: count() over 1d", "f#: f% + f%", 60);
    assert_int_equal(result.status, SS_FOUND);
    assert_int_equal(result.error_count, 1);
    assert_non_null(strstr((const char *)result.report.data,
                           "feature 'f12' grows too big when the features it uses are filled in"));
    harness_release(&result);
    result = compile_lines("f0: count() over 1d", "f#: - f%", 1500);
    assert_int_equal(result.status, SS_FOUND);
    harness_release(&result);
    result = compile_lines("f0: f4000", "f#: f% + 1", 4000);
    assert_int_equal(result.status, SS_FOUND);
    assert_non_null(strstr((const char *)result.report.data, "features use each other in a circle: f0 -> "));
    harness_release(&result);
}

static void a_view_has_at_most_32_hops(void **state)
{
    (void)state;
    struct harness_result result = compile_lines("f0: count() over all", "f#: count() over 5544h hop #h", 3);
    assert_int_equal(result.status, SS_OK);
    harness_release(&result);
    result = compile_lines("f0: count() over all", "f#: count() over #h hop #h", 32);
    assert_int_equal(result.status, SS_OK);
    assert_int_equal(result.definitions->views[0].level_count, 33);
    harness_release(&result);
    result = compile_lines("f0: count() over all", "f#: count() over #h hop #h", 33);
    assert_int_equal(result.status, SS_FOUND);
    assert_non_null(
        strstr((const char *)result.report.data,
               "f.yaml:41:29: error: hop 1d9h is one too many: the windows of a view have at most "
               "32 different hops"));
    harness_release(&result);
}

// ---- Time zones

#define ZONED(zone)                                                                                    \
    "entities: {world: {}}\nsources:\n  s: {columns: {at: timestamp}, event_time: at, timezone: " zone \
    "}\nviews: {v: {entity: world, source: s, features: {n: count() over 1d}}}\n"

static void a_time_zone_is_kept_with_the_definitions(void **state)
{
    (void)state;
    struct ss_definitions *utc = compile_good(ZONED("UTC"));
    struct ss_definitions *east = compile_good(ZONED("Test/East"));
    assert_int_equal(utc->zone_count, 0);
    assert_null(utc->sources[0].zone);
    assert_int_equal(east->zone_count, 1);
    assert_string_equal(east->zones[0].name, "Test/East");
    assert_memory_equal(east->zones[0].tzif.data, "TZif2", 5);
    assert_int_equal(ss_zone_to_utc(east->sources[0].zone, SS_DAY_US), SS_DAY_US - SS_HOUR_US);
    assert_memory_not_equal(&utc->views[0].fingerprint, &east->views[0].fingerprint, 32);
    ss_definitions_destroy(utc);
    ss_definitions_destroy(east);
}

static void a_broken_time_zone_is_an_error(void **state)
{
    (void)state;
    char *report = compile_bad(ZONED("Broken/Zone"));
    assert_non_null(strstr(report,
                           "f.yaml:3:59: error: source 's': time zone 'Broken/Zone': its file is no TZif "
                           "file; install or repair the tzdata package\n"));
    free(report);
}

// ---- No text breaks it

static uint64_t random_state;

static size_t random_below(size_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % bound;
}

static size_t line_start(const char *text, size_t size, size_t at)
{
    while (at > 0 && at < size && text[at - 1] != '\n') at--;
    return at;
}

// Drops, doubles or moves bytes or lines.
static size_t mutate(char *text, size_t size)
{
    static const char pieces[] =
        "{}[](),:'\"#&*!|>-%@`\n\t ~\\x00\xff"
        "0123456789.over all hop exact within";
    const size_t at = random_below(size), kind = random_below(5);
    if (kind == 0) {
        text[at] = (char)(text[at] ^ (1 << random_below(8)));
    } else if (kind == 1) {
        text[at] = pieces[random_below(sizeof(pieces) - 1)];
    } else if (kind == 2) {
        const size_t start = line_start(text, size, at);
        const char *newline = memchr(text + start, '\n', size - start);
        const size_t end = newline ? (size_t)(newline - text) + 1 : size;
        memmove(text + start, text + end, size - end);
        return size - (end - start);
    } else if (kind == 3) {
        const size_t count = random_below(size - at < 40 ? size - at : 40);
        memmove(text + at, text + at + count, size - at - count);
        return size - count;
    } else {
        const size_t from = random_below(size), rest = size - (from > at ? from : at);
        memmove(text + at, text + from, random_below(rest < 60 ? rest + 1 : 60));
    }
    return size;
}

static void a_mutated_file_gives_errors_or_definitions_but_never_a_crash(void **state)
{
    (void)state;
    char *example = read_example();
    const size_t size = strlen(example);
    char *text = malloc(size + 1);
    assert_non_null(text);
    const char *seed = getenv("SEED"), *rounds = getenv("ROUNDS");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (long round = rounds ? atol(rounds) : 1500; round > 0; round--) {
        memcpy(text, example, size);
        size_t left = size;
        for (size_t i = random_below(4) + 1; i > 0 && left > 10; i--) left = mutate(text, left);
        struct harness_result result = harness_compile_text((struct ss_bytes){text, left});
        if (result.status == SS_OK) {
            assert_int_equal(result.report.size, 0);
        } else {
            assert_int_equal(result.status, SS_FOUND);
            assert_true(result.error_count > 0);
            assert_true(result.report.size > 0);
        }
        harness_release(&result);
    }
    free(text);
    free(example);
}

// ---- No lack of memory breaks it

static void sweep(const char *text, enum ss_status want)
{
    const struct ss_file file = {"f.yaml", ss_bytes_of(text)};
    const struct ss_zone_loader zones = {harness_load_zone, NULL};
    for (long k = 1;; k++) {
        struct ss_definitions *definitions = NULL;
        struct ss_buffer report = {0};
        size_t error_count = 0;
        struct ss_error error;
        ss_fail_allocation_at(k);
        const enum ss_status status =
            ss_definitions_compile(&file, 1, &zones, &definitions, &report, &error_count, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? want : SS_OUT_OF_MEMORY);
        assert_true((status == SS_OK) == (definitions != NULL));
        ss_definitions_destroy(definitions);
        ss_buffer_release(&report);
        if (swept) break;
    }
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    char *example = read_example();
    sweep(example, SS_OK);
    sweep(ZONED("Test/East"), SS_OK);
    sweep(TWO_ENTITIES, SS_OK);
    sweep("entities: {u: text}\nsources: {s: {}}\nviews: {größe: {features: {a: \"sum(x) ov\"}}}\n",
          SS_FOUND);
    free(example);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_design_compiles),
        cmocka_unit_test(a_service_knows_its_keys_reads_and_features),
        cmocka_unit_test(long_forms_and_short_forms_are_alike),
        cmocka_unit_test(a_feature_knows_the_ttls_it_reads_through_others),
        cmocka_unit_test(keys_of_one_name_are_one_key_of_a_service),
        cmocka_unit_test(definitions_may_stand_in_any_file),
        cmocka_unit_test(no_files_are_no_definitions),
        cmocka_unit_test(the_reference_shows_what_the_compiler_does),
        cmocka_unit_test(twelve_errors_in_three_files_are_told_at_once),
        cmocka_unit_test(a_name_is_defined_once_in_all_files),
        cmocka_unit_test(what_a_broken_file_may_define_is_not_missed_in_others),
        cmocka_unit_test(features_that_use_each_other_cannot_blow_up),
        cmocka_unit_test(a_view_has_at_most_32_hops),
        cmocka_unit_test(a_time_zone_is_kept_with_the_definitions),
        cmocka_unit_test(a_broken_time_zone_is_an_error),
        cmocka_unit_test(a_mutated_file_gives_errors_or_definitions_but_never_a_crash),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
