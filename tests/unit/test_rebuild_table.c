// Training tables made again from their manifests: the same bytes whatever came since, and what is told where
// they cannot be.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "materializer/apply.h"
#include "materializer/rebuild_table.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/definitions_harness.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/store_fixture.h"

#define USERS    5
#define EVENTS   300
#define ROWS     400
#define START_US INT64_C(1700000000000000)

#define PAGE_BYTES 16384 // of a database that train makes

struct fixture {
    char root[PATH_BYTES], spine[PATH_BYTES + 16], database[PATH_BYTES + 16], table[PATH_BYTES + 16];
    struct ss_materializer *materializer;
};

// ---- Events and spines

static void push_events(struct ss_materializer *materializer, const char *source, int64_t first, bool live)
{
    static struct push_row rows[EVENTS];
    for (int i = 0; i < EVENTS; i++)
        rows[i] = (struct push_row){.id = first + i,
                                    .user = i % USERS,
                                    .amount = (first + i) % 101,
                                    .at_us = START_US + i * SS_HOUR_US + first % 7};
    push_rows(materializer, source, live, rows, EVENTS);
}

// Every third event from index `from` on, of those that push_events made with this first id.
static void delete_events(struct ss_materializer *materializer, const char *source, int64_t first, int from,
                          int count)
{
    struct push_row rows[EVENTS];
    for (int i = 0; i < count; i++) {
        const int at = from + 3 * i;
        rows[i] = (struct push_row){.id = first + at,
                                    .user = at % USERS,
                                    .at_us = START_US + at * SS_HOUR_US + first % 7,
                                    .is_delete = true};
    }
    push_rows(materializer, source, false, rows, count);
}

static void write_spine(const struct fixture *fixture, const char *odd)
{
    FILE *file = fopen(fixture->spine, "w");
    assert_non_null(file);
    fputs("label,who,at,clicks.amount\n", file);
    for (int row = 0; row < ROWS; row++)
        fprintf(file, "%d%s,%d,%lld,%s\n", row, row == ROWS / 2 ? odd : "", row % (USERS + 1),
                (long long)(START_US / 1000 + row * (EVENTS + 20) / ROWS * (SS_HOUR_US / 1000)),
                row % 3 ? "" : "7");
    fclose(file);
}

static int make_store(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const struct ss_store_options options = {.no_sync = true,
                                             .online = {.map_bytes = 64 << 20},
                                             .sizes = {.staging_rows = 100, .segment_rows = 64}};
    char store[PATH_BYTES + 16];
    make_test_directory(fixture->root);
    snprintf(store, sizeof store, "%s/store", fixture->root);
    snprintf(fixture->spine, sizeof fixture->spine, "%s/spine.csv", fixture->root);
    snprintf(fixture->database, sizeof fixture->database, "%s/out.db", fixture->root);
    snprintf(fixture->table, sizeof fixture->table, "%s/out.db:rows", fixture->root);
    fixture->materializer = open_push_store(store, &options, true);
    push_events(fixture->materializer, "clicks", 1000, false);
    push_events(fixture->materializer, "orders", 2000, false);
    write_spine(fixture, "");
    *state = fixture;
    return 0;
}

static int drop_store(void **state)
{
    struct fixture *fixture = *state;
    ss_materializer_close(fixture->materializer);
    remove_test_directory(fixture->root);
    free(fixture);
    return 0;
}

// ---- Tables

static const struct ss_spine_map maps[] = {{"user", "who"}};

static struct ss_train request_of(const struct fixture *fixture)
{
    return (struct ss_train){.service = "s",
                             .spine = {.place = fixture->spine,
                                       .time_column = "at",
                                       .time_unit = SS_UNIT_MS,
                                       .maps = maps,
                                       .map_count = 1},
                             .output = fixture->table,
                             .threads = 2,
                             .version = "0.1.0"};
}

static struct ss_train_result train(const struct fixture *fixture, const struct ss_train *request)
{
    struct ss_train_result result;
    struct ss_error error;
    assert_ok(ss_train(fixture->materializer, request, &result, &error));
    return result;
}

static enum ss_status rebuild(const struct fixture *fixture, struct ss_train_result *result,
                              struct ss_error *error)
{
    struct ss_train again = {.output = fixture->table, .threads = 2, .version = "0.1.0"};
    struct ss_arena arena = {0};
    *error = (struct ss_error){0};
    const enum ss_status status = ss_rebuild_table(fixture->materializer, &again, &arena, result, error);
    ss_arena_release(&arena);
    return status;
}

static void run_sql(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static int add_row(void *context, int count, char **values, char **names)
{
    for (int i = 0; i < count; i++)
        ss_buffer_format(context, "%s=%s\n", names[i], values[i] ? values[i] : "");
    return 0;
}

// Hash of the table's schema and rows, and of the manifest.
static struct ss_sha256 hash_of_table(const struct fixture *fixture)
{
    sqlite3 *db = NULL;
    struct ss_buffer all = {0};
    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "SELECT sql FROM sqlite_schema ORDER BY name; SELECT rowid, * FROM rows ORDER BY "
                     "rowid; SELECT * FROM selfsame_manifest",
                     add_row, &all, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_false(all.failed);
    const struct ss_sha256 hash = ss_sha256_of(all.data, all.size);
    ss_buffer_release(&all);
    return hash;
}

static void assert_same_again(const struct fixture *fixture, const struct ss_train_result *first,
                              const struct ss_sha256 *hash)
{
    struct ss_train_result result;
    struct ss_error error;
    assert_ok(rebuild(fixture, &result, &error));
    assert_memory_equal(&result, first, sizeof result);
    const struct ss_sha256 now = hash_of_table(fixture);
    assert_memory_equal(&now, hash, sizeof now);
}

static void assert_refused(const struct fixture *fixture, enum ss_status want, const char *told)
{
    struct ss_train_result result;
    struct ss_error error;
    const struct ss_sha256 before = hash_of_table(fixture);
    assert_status(want, rebuild(fixture, &result, &error));
    if (!strstr(error.message, told)) fail_msg("'%s' does not say '%s'", error.message, told);
    const struct ss_sha256 after = hash_of_table(fixture);
    assert_memory_equal(&after, &before, sizeof after);
}

// All that may happen to a store; the table is made again after each.
static void live_on(const struct fixture *fixture, const struct ss_train_result *first,
                    const struct ss_sha256 *hash)
{
    struct ss_materializer *store = fixture->materializer;
    struct ss_error error;
    assert_same_again(fixture, first, hash);
    push_events(store, "orders", 3001, false); // history that is loaded later, known when it happened
    assert_same_again(fixture, first, hash);
    push_events(store, "clicks", 4002, true); // late: it happened long before it arrives
    assert_same_again(fixture, first, hash);
    delete_events(store, "orders", 2000, 0, 60);
    delete_events(store, "clicks", 1000, 0, 60);
    assert_same_again(fixture, first, hash);
    assert_ok(ss_history_compact(store->store->history, SS_COMPACT_ALL, &error));
    assert_same_again(fixture, first, hash);
    assert_ok(ss_apply(store, compile_definitions(next_push_yaml), &error)); // another plan of service s
    assert_same_again(fixture, first, hash);
    assert_ok(ss_history_compact(store->store->history, SS_COMPACT_REINDEX, &error));
    assert_same_again(fixture, first, hash);
}

static void a_table_of_each_kind_comes_out_the_same_whatever_came_since(void **state)
{
    const struct fixture *fixture = *state;
    (void)state;
    delete_events(fixture->materializer, "clicks", 1000, 1, 20); // some are taken back already
    struct ss_train request = request_of(fixture);
    struct ss_train_result first = train(fixture, &request);
    assert_int_equal(first.row_count, ROWS);
    const struct ss_sha256 hash = hash_of_table(fixture);
    live_on(fixture, &first, &hash);
}

static void truth_as_of_event_time_with_statuses_and_events_at_hand_comes_out_the_same(void **state)
{
    const struct fixture *fixture = *state;
    struct ss_train request = request_of(fixture);
    request.as_of_event_time = request.inclusive = request.with_status = true;
    request.spine.with_event = "clicks";
    struct ss_train_result first = train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    live_on(fixture, &first, &hash);
}

static void what_came_since_would_show_in_a_new_table(void **state)
{
    const struct fixture *fixture = *state;
    struct ss_train request = request_of(fixture);
    const struct ss_train_result first = train(fixture, &request);
    push_events(fixture->materializer, "orders", 3001, false);
    const struct ss_train_result more = train(fixture, &request);
    assert_memory_not_equal(&more.digest, &first.digest, sizeof more.digest);
    delete_events(fixture->materializer, "orders", 2000, 0, 60);
    request.as_of_event_time = true;
    const struct ss_train_result less = train(fixture, &request);
    assert_memory_not_equal(&less.digest, &first.digest, sizeof less.digest);
    assert_memory_not_equal(&less.digest, &more.digest, sizeof less.digest);
}

static void a_table_that_was_dropped_or_changed_is_there_again(void **state)
{
    static const char *const damages[] = {"DROP TABLE rows",
                                          "DELETE FROM rows WHERE rowid % 3 = 0",
                                          "UPDATE rows SET total = total + 1, _s = 0",
                                          "ALTER TABLE rows RENAME COLUMN total TO sum",
                                          "DROP TABLE rows; CREATE TABLE rows(x)",
                                          "UPDATE selfsame_manifest SET table_name = 'ROWS'"};
    const struct fixture *fixture = *state;
    const struct ss_train request = request_of(fixture);
    const struct ss_train_result first = train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        run_sql(fixture, damages[i]);
        assert_same_again(fixture, &first, &hash);
    }
}

static void a_table_whose_pages_are_damaged_is_there_again(void **state)
{
    const struct fixture *fixture = *state;
    const struct ss_train request = request_of(fixture);
    const struct ss_train_result first = train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    char kept[PATH_BYTES + 16], garbage[PAGE_BYTES];
    memset(garbage, 0xa5, sizeof garbage);
    snprintf(kept, sizeof kept, "%s/kept.db", fixture->root);
    copy_file(fixture->database, kept);
    const long pages = size_of_file(kept) / PAGE_BYTES;
    assert_true(pages > 4); // those of the schema, the manifest and its index, then the table's
    for (long page = 3; page < pages; page++) {
        copy_file(kept, fixture->database);
        overwrite_file(fixture->database, page * PAGE_BYTES, garbage, sizeof garbage);
        assert_same_again(fixture, &first, &hash);
        run_sql(fixture, "VACUUM");
        assert_same_again(fixture, &first, &hash);
    }
}

// Test/East is no zone of this machine.
static void time_zones_are_those_that_the_definitions_were_applied_with(void **state)
{
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    struct fixture *fixture = *state;
    struct ss_materializer *first = fixture->materializer;
    const char *at = strstr(push_yaml, "    event_time: at\n");
    char store[PATH_BYTES + 16], yaml[4096];
    struct ss_error error;
    assert_non_null(at);
    snprintf(yaml, sizeof yaml, "%.*s    timezone: Test/East\n%s", (int)(at - push_yaml), push_yaml, at);
    snprintf(store, sizeof store, "%s/east", fixture->root);
    fixture->materializer = open_new_store(store, SS_CLOCK_REPLAY, &options, push_yaml);
    const struct ss_file file = {"east.yaml", ss_bytes_of(yaml)};
    struct harness_result compiled = harness_compile_files(&file, 1);
    assert_int_equal(compiled.status, SS_OK);
    assert_int_equal(compiled.definitions->zone_count, 1);
    ss_buffer_release(&compiled.report);
    assert_ok(ss_apply(fixture->materializer, compiled.definitions, &error));
    push_events(fixture->materializer, "clicks", 1000, false);
    const struct ss_train request = request_of(fixture);
    const struct ss_train_result made = train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    assert_same_again(fixture, &made, &hash);
    assert_ok(ss_apply(fixture->materializer, compile_definitions(next_push_yaml), &error));
    assert_same_again(fixture, &made, &hash);
    ss_materializer_close(fixture->materializer);
    fixture->materializer = first;
    assert_refused(fixture, SS_VERSION, "Test/East"); // which never had that zone
}

// ---- What cannot be made again

static void a_spine_that_changed_or_is_gone_is_told_and_the_table_stays(void **state)
{
    const struct fixture *fixture = *state;
    const struct ss_train request = request_of(fixture);
    const struct ss_train_result first = train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    write_spine(fixture, "0");
    assert_refused(fixture, SS_FOUND, "its rows or columns have changed; put the spine of then back");
    assert_int_equal(unlink(fixture->spine), 0);
    assert_refused(fixture, SS_NOT_FOUND, "it is not there, and table");
    write_spine(fixture, "");
    assert_same_again(fixture, &first, &hash);
}

static void a_manifest_that_was_changed_is_told_and_the_table_stays(void **state)
{
    static const struct {
        const char *change, *told;
        enum ss_status status;
    } cases[] = {
        {"newest_seq = newest_seq - 100", "it comes out as 400 rows with the digest", SS_FOUND},
        {"newest_seq = newest_seq + 1", "and history goes up to seq 600: is this the store", SS_CONFLICT},
        {"rows_digest = spine_hash", "or somebody changed the manifest; the table stays as it was", SS_FOUND},
        {"row_count = 399", "its manifest says 399 rows", SS_FOUND},
        {"mode = 'as-of-event-time', inclusive = 1", "it comes out as 400 rows", SS_FOUND},
        {"mode = 'as-of'", "'as-of' is no mode", SS_DAMAGED},
        {"inclusive = 1", "--inclusive goes with --mode as-of-event-time only", SS_INVALID},
        {"spine_time_unit = 'h'", "'h' is no unit of time", SS_DAMAGED},
        {"spine_maps = 'who'", "'who' is no KEY=COLUMN", SS_DAMAGED},
        {"spine_maps = ''", "there is no column 'user' for key 'user'", SS_INVALID},
        {"spine_hash = rows_digest", "its rows or columns have changed", SS_FOUND},
        {"service = 'x'", "names service 'x'", SS_FOUND},
        {"service_fingerprint = spine_hash", "the service in its manifest has the fingerprint", SS_FOUND},
        {"definitions_fingerprint = spine_hash", "the definitions in its manifest have the fingerprint",
         SS_FOUND},
        {"definition_files = replace(definition_files, 'over 30d', 'over 31d')",
         "the definitions in its manifest have the fingerprint", SS_FOUND},
        {"definition_files = replace(definition_files, 'sum(', 'sun(')", "do not compile with this selfsame",
         SS_VERSION},
        {"definition_files = '[]'", "manifest", SS_FOUND},
    };
    const struct fixture *fixture = *state;
    const struct ss_train request = request_of(fixture);
    train(fixture, &request);
    run_sql(fixture, "CREATE TABLE kept AS SELECT * FROM selfsame_manifest");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "UPDATE selfsame_manifest SET %s", cases[i].change);
        run_sql(fixture, sql);
        assert_refused(fixture, cases[i].status, cases[i].told);
        run_sql(fixture, "DELETE FROM selfsame_manifest; INSERT INTO selfsame_manifest SELECT * FROM kept");
    }
    struct ss_train_result result;
    struct ss_error error;
    assert_ok(rebuild(fixture, &result, &error));
}

static void a_store_that_lacks_what_a_view_reads_says_which_and_what_to_do(void **state)
{
    static const char other_yaml[] =
        "entities:\n"
        "  world: {}\n"
        "sources:\n"
        "  clicks:\n"
        "    columns: {id: int64, user: int64, op: string, amount: int64, at: "
        "timestamp}\n"
        "    event_time: at\n"
        "    event_id: id\n"
        "    op: op\n"
        "views:\n"
        "  all: {entity: world, source: clicks, features: {n: count() over all}}\n";
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    struct fixture *fixture = *state;
    const struct ss_train request = request_of(fixture);
    char store[PATH_BYTES + 16];
    train(fixture, &request);
    struct ss_materializer *first = fixture->materializer;
    snprintf(store, sizeof store, "%s/other", fixture->root);
    fixture->materializer = open_new_store(store, SS_CLOCK_REPLAY, &options, other_yaml);
    push_events(fixture->materializer, "clicks", 1000, false);
    push_events(fixture->materializer, "clicks", 2000, false);
    assert_refused(fixture, SS_NOT_FOUND, "view 'clicks' cannot be computed: view 'clicks': history");
    assert_refused(fixture, SS_NOT_FOUND,
                   "run 'selfsame apply', with the definitions in the table's manifest (column "
                   "definition_files)");
    struct ss_error error;
    assert_ok(ss_apply(fixture->materializer, compile_definitions(push_yaml), &error));
    assert_refused(fixture, SS_FOUND, "history holds other events up to seq 600");
    ss_materializer_close(fixture->materializer);
    fixture->materializer = first;
}

static void a_table_that_another_program_made_anew_meanwhile_is_left_alone(void **state)
{
    const struct fixture *fixture = *state;
    struct ss_train request = request_of(fixture);
    struct ss_manifest manifest;
    struct ss_train_result result;
    struct ss_arena arena = {0};
    struct ss_error error;
    train(fixture, &request);
    assert_ok(ss_manifest_read(fixture->table, &arena, &manifest, &error));
    push_events(fixture->materializer, "orders", 3001, false);
    train(fixture, &request);
    const struct ss_sha256 hash = hash_of_table(fixture);
    request.again = &manifest;
    assert_status(SS_CONFLICT, ss_train(fixture->materializer, &request, &result, &error));
    assert_non_null(strstr(error.message, "another program has made it anew since its manifest was read"));
    const struct ss_sha256 after = hash_of_table(fixture);
    assert_memory_equal(&after, &hash, sizeof after);
    ss_arena_release(&arena);
}

static void every_failed_allocation_ends_as_an_error_and_the_table_stays(void **state)
{
    const struct fixture *fixture = *state;
    struct ss_train request = request_of(fixture);
    request.spine.with_event = "clicks";
    const struct ss_train_result first = train(fixture, &request);
    run_sql(fixture, "DELETE FROM rows WHERE rowid % 3 = 0"); // so that it shows whether it was made again
    const struct ss_sha256 before = hash_of_table(fixture);
    for (long k = 1;; k++) {
        struct ss_train_result result;
        struct ss_error error;
        ss_fail_allocation_at(k);
        const enum ss_status status = rebuild(fixture, &result, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (status == SS_OK) {
            assert_memory_equal(&result, &first, sizeof result);
            run_sql(fixture, "DELETE FROM rows WHERE rowid % 3 = 0");
        } else if (status != SS_OUT_OF_MEMORY) {
            fail_msg("allocation %ld: %s: %s", k, ss_status_name(status), error.message);
        }
        const struct ss_sha256 after = hash_of_table(fixture);
        assert_memory_equal(&after, &before, sizeof after);
        if (swept) break;
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_store, drop_store)
    const struct CMUnitTest tests[] = {
        TEST(a_table_of_each_kind_comes_out_the_same_whatever_came_since),
        TEST(truth_as_of_event_time_with_statuses_and_events_at_hand_comes_out_the_same),
        TEST(what_came_since_would_show_in_a_new_table),
        TEST(a_table_that_was_dropped_or_changed_is_there_again),
        TEST(a_table_whose_pages_are_damaged_is_there_again),
        TEST(time_zones_are_those_that_the_definitions_were_applied_with),
        TEST(a_spine_that_changed_or_is_gone_is_told_and_the_table_stays),
        TEST(a_manifest_that_was_changed_is_told_and_the_table_stays),
        TEST(a_store_that_lacks_what_a_view_reads_says_which_and_what_to_do),
        TEST(a_table_that_another_program_made_anew_meanwhile_is_left_alone),
        TEST(every_failed_allocation_ends_as_an_error_and_the_table_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
