// Catalog: applied definitions are kept whole, zones included, and compile again to the same fingerprint.

#include "store/catalog.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/definitions_harness.h"
#include "tests/unit/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

static struct ss_error error;
static const struct ss_history_options no_sync = {.sync = false};

static const char sources_text[] =
    "entities:\n"
    "  user: {user_id: string}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: string, amount: decimal(2), paid_at: timestamp}\n"
    "    event_time: paid_at\n"
    "    timezone: Test/East\n";
static const char views_text[] =
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n"
    "      spend_30d: sum(amount) over 30d\n";

struct fixture {
    char directory[PATH_BYTES], path[PATH_BYTES];
    struct ss_history *history;
    struct ss_definitions *definitions;
};

static struct ss_definitions *compile(const char *views)
{
    const struct ss_file files[] = {{"sources.yaml", {sources_text, sizeof sources_text - 1}},
                                    {"views.yaml", {views, strlen(views)}}};
    struct harness_result result = harness_compile_files(files, 2);
    if (result.status != SS_OK) fail_msg("%.*s", (int)result.report.size, (char *)result.report.data);
    ss_buffer_release(&result.report);
    return result.definitions;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    make_test_directory(fixture->directory);
    snprintf(fixture->path, sizeof fixture->path, "%.480s/history.db", fixture->directory);
    assert_ok(ss_history_create(fixture->path, &no_sync, &error));
    assert_ok(ss_history_open(fixture->path, true, &no_sync, &fixture->history, &error));
    fixture->definitions = compile(views_text);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ss_definitions_destroy(fixture->definitions);
    ss_history_close(fixture->history);
    remove_test_directory(fixture->directory);
    free(fixture);
    return 0;
}

static void execute(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void kept_definitions_compile_to_their_fingerprint(void **state)
{
    struct fixture *fixture = *state;
    struct ss_definitions *loaded = NULL;
    const struct ss_sha256 *fingerprint = &fixture->definitions->fingerprint;
    assert_int_equal(fixture->definitions->zone_count, 1); // no zone is looked up on this machine
    assert_ok(ss_catalog_keep(fixture->history, fixture->definitions, &error));
    assert_ok(ss_catalog_keep(fixture->history, fixture->definitions, &error));
    assert_ok(ss_catalog_load(fixture->history, fingerprint, &loaded, &error));
    assert_memory_equal(&loaded->fingerprint, fingerprint, sizeof *fingerprint);
    assert_int_equal(loaded->file_count, 2);
    assert_string_equal(loaded->files[0].path, "sources.yaml");
    assert_string_equal(loaded->files[1].path, "views.yaml");
    assert_int_equal(loaded->files[1].text.size, strlen(views_text));
    assert_memory_equal(loaded->files[1].text.data, views_text, strlen(views_text));
    assert_non_null(ss_find_view(loaded, "spend"));
    ss_definitions_destroy(loaded);
}

static void several_definitions_are_kept_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    char changed[sizeof views_text];
    struct ss_definitions *loaded = NULL;
    strcpy(changed, views_text);
    strstr(changed, "30d\n")[0] = '9';
    struct ss_definitions *other = compile(changed);
    assert_memory_not_equal(&other->fingerprint, &fixture->definitions->fingerprint,
                            sizeof other->fingerprint);
    assert_ok(ss_catalog_keep(fixture->history, fixture->definitions, &error));
    assert_ok(ss_catalog_keep(fixture->history, other, &error));
    assert_ok(ss_catalog_load(fixture->history, &fixture->definitions->fingerprint, &loaded, &error));
    ss_definitions_destroy(loaded);
    assert_ok(ss_catalog_load(fixture->history, &other->fingerprint, &loaded, &error));
    assert_memory_equal(&loaded->fingerprint, &other->fingerprint, sizeof other->fingerprint);
    ss_definitions_destroy(loaded);
    ss_definitions_destroy(other);
}

static void definitions_that_are_not_kept_are_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct ss_definitions *loaded = NULL;
    assert_status(SS_NOT_FOUND,
                  ss_catalog_load(fixture->history, &fixture->definitions->fingerprint, &loaded, &error));
    assert_non_null(strstr(error.message, "run 'selfsame apply'"));
    assert_null(loaded);
}

static void definitions_that_compile_to_something_else_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct ss_definitions *loaded = NULL;
    const struct ss_sha256 *fingerprint = &fixture->definitions->fingerprint;
    char text[SS_SHA256_TEXT_SIZE], want[100];
    assert_ok(ss_catalog_keep(fixture->history, fixture->definitions, &error));
    execute(
        fixture,
        "UPDATE definition_files SET content = CAST(replace(CAST(content AS TEXT), '30d', '29d') AS BLOB)");
    assert_status(SS_VERSION, ss_catalog_load(fixture->history, fingerprint, &loaded, &error));
    snprintf(want, sizeof want, "definitions %.16s: this program compiles them to ",
             ss_sha256_format(fingerprint, text));
    assert_non_null(strstr(error.message, want));
    execute(fixture, "UPDATE definition_files SET content = CAST('nonsense:' AS BLOB)");
    assert_status(SS_VERSION, ss_catalog_load(fixture->history, fingerprint, &loaded, &error));
    assert_non_null(strstr(error.message, "does not compile them any more"));
    assert_null(loaded);
}

static void which_definitions_are_live_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct ss_sha256 live;
    bool found;
    assert_ok(ss_catalog_live(fixture->history, &live, &found, &error));
    assert_false(found);
    assert_ok(ss_catalog_set_live(fixture->history, &fixture->definitions->fingerprint, &error));
    assert_ok(ss_catalog_live(fixture->history, &live, &found, &error));
    assert_true(found);
    assert_memory_equal(&live, &fixture->definitions->fingerprint, sizeof live);
    assert_ok(ss_catalog_set(fixture->history, "live", "not a fingerprint", &error));
    assert_status(SS_DAMAGED, ss_catalog_live(fixture->history, &live, &found, &error));
}

static void settings_are_kept_and_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct ss_arena arena = {0};
    const char *value;
    assert_ok(ss_catalog_get(fixture->history, "clock", &arena, &value, &error));
    assert_null(value);
    assert_ok(ss_catalog_set(fixture->history, "clock", "wall", &error));
    assert_ok(ss_catalog_set(fixture->history, "clock", "replay", &error));
    assert_ok(ss_catalog_set(fixture->history, "other'", "", &error));
    assert_ok(ss_catalog_get(fixture->history, "clock", &arena, &value, &error));
    assert_string_equal(value, "replay");
    assert_ok(ss_catalog_get(fixture->history, "other'", &arena, &value, &error));
    assert_string_equal(value, "");
    ss_arena_release(&arena);
}

static void every_failing_allocation_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(ss_catalog_keep(fixture->history, fixture->definitions, &error));
    for (long k = 1;; k++) {
        struct ss_definitions *loaded = NULL;
        ss_fail_allocation_at(k);
        const enum ss_status status =
            ss_catalog_load(fixture->history, &fixture->definitions->fingerprint, &loaded, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_definitions_destroy(loaded);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        if (swept) break;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(kept_definitions_compile_to_their_fingerprint),
        TEST(several_definitions_are_kept_side_by_side),
        TEST(definitions_that_are_not_kept_are_not_found),
        TEST(definitions_that_compile_to_something_else_are_refused),
        TEST(which_definitions_are_live_is_kept),
        TEST(settings_are_kept_and_replaced),
        TEST(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
