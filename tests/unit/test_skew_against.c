// Another system's values against ours: what is alike, what is not, and what is no file of values.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "materializer/compare.h"
#include "materializer/push.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"

// clang-format off
static const char yaml[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    "  facts:\n"
    "    columns: {user: int64, x: float64, n: int64, d: decimal(2), s: string, b: bool, w: timestamp, at: timestamp}\n"
    "    event_time: at\n"
    "views:\n"
    "  facts:\n"
    "    entity: user\n"
    "    source: facts\n"
    "    features:\n"
    "      x: last(x) within 10d\n"
    "      n: last(n) within 10d\n"
    "      d: last(d) within 10d\n"
    "      s: last(s) within 10d\n"
    "      b: last(b) within 10d\n"
    "      w: last(w) within 10d\n"
    "      events: count() over all\n"
    "services:\n"
    "  s:\n"
    "    request: {amount: float64}\n"
    "    features:\n"
    "      - facts.*\n"
    "      - more: request.amount + 1\n";
// clang-format on

enum { X, N, D, S, B, W, EVENTS, MORE, FEATURES };

#define START_US INT64_C(1700000000000000) // 2023-11-14T22:13:20Z
#define USERS    3                         // 1: ordinary values; 2: extreme ones; 3: all null. 4: none

static char root[PATH_BYTES], file[PATH_BYTES + 16];
static struct ss_materializer *materializer;

static void push_facts(void)
{
    struct ss_arena arena = {0};
    struct ss_column columns[8];
    struct ss_push_result result;
    struct ss_error error = {0};
    const struct ss_source *source = ss_find_source(materializer->definitions, "facts");
    const struct ss_value rows[USERS][8] = {
        {{.present = true, .i64 = 1},
         {.present = true, .f64 = 0.1},
         {.present = true, .i64 = 1000},
         {.present = true, .i64 = 1250},
         {.present = true, .text = ss_bytes_of("na\xc3\xafve, \"x\"")},
         {.present = true, .boolean = true},
         {.present = true, .i64 = 1500000},
         {.present = true, .i64 = START_US}},
        {{.present = true, .i64 = 2},
         {.present = true, .f64 = -1e308},
         {.present = true, .i64 = INT64_MIN},
         {.present = true, .i64 = -999999999999999999},
         {.present = true, .text = ss_bytes_of("")},
         {.present = true, .boolean = false},
         {.present = true, .i64 = -1},
         {.present = true, .i64 = START_US}},
        {{.present = true, .i64 = 3}, {0}, {0}, {0}, {0}, {0}, {0}, {.present = true, .i64 = START_US}}};
    for (int c = 0; c < 8; c++)
        assert_true(ss_column_init(&columns[c], source->columns[c].type, USERS, &arena));
    for (int i = 0; i < USERS; i++)
        for (int c = 0; c < 8; c++) assert_true(ss_column_append(&columns[c], rows[i][c], &arena));
    const struct ss_push push = {.source = source, .length = USERS, .columns = columns};
    assert_ok(ss_push(materializer, &push, &result, &error));
    assert_int_equal(result.accepted, USERS);
    ss_arena_release(&arena);
}

static int make_store(void **state)
{
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    char store[PATH_BYTES + 16];
    (void)state;
    make_test_directory(root);
    snprintf(store, sizeof store, "%s/store", root);
    snprintf(file, sizeof file, "%s/theirs.csv", root);
    materializer = open_new_store(store, SS_CLOCK_REPLAY, &options, yaml);
    push_facts();
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(root);
    return 0;
}

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void note_cell(void *context, const struct ss_skew_cell *cell)
{
    struct ss_skew_cell *last = context;
    *last = *cell;
    last->key = NULL;
}

static enum ss_status compare(double tolerance, struct ss_arena *arena, struct ss_skew_cell *last,
                              struct ss_skew_report *report, struct ss_error *error)
{
    const struct ss_skew_against against = {
        .service = "s",
        .theirs = {.place = file, .time_column = "t", .time_unit = SS_UNIT_TEXT},
        .tolerance = tolerance};
    *error = (struct ss_error){0};
    return ss_skew_against(materializer, &against, arena, note_cell, last, report, error);
}

// Compares one cell of a feature, of user `user`, two seconds after its event.
static enum ss_difference difference_of(int user, const char *name, const char *theirs, double tolerance)
{
    static const char *const names[] = {"x", "n", "d", "s", "b", "w", "events", "more"};
    char text[512];
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    struct ss_skew_cell last;
    struct ss_error error;
    enum ss_difference difference = SS_DIFFERENCE_NONE;
    snprintf(text, sizeof text, "user,%s,amount,t\n%d,%s,0.5,2023-11-14T22:13:22Z\n", name, user, theirs);
    write_file(text);
    assert_ok(compare(tolerance, &arena, &last, &report, &error));
    assert_int_equal(report.rows, 1);
    for (int f = 0; f < FEATURES; f++) {
        const struct ss_skew_feature *feature = &report.features[f];
        assert_int_equal(feature->is_compared, strcmp(names[f], name) == 0);
        assert_int_equal(feature->compared, feature->is_compared);
        if (!feature->is_compared) continue;
        for (int d = 0; d < SS_DIFFERENCE_COUNT; d++)
            if (feature->counts[d]) difference = (enum ss_difference)d;
        if (difference == SS_DIFFERENCE_NONE) continue;
        assert_int_equal(last.feature, f);
        assert_int_equal(last.difference, difference);
        assert_int_equal(last.t_us, START_US + 2 * SS_SECOND_US);
    }
    ss_arena_release(&arena);
    return difference;
}

#define SAME  SS_DIFFERENCE_NONE
#define NULL1 SS_DIFFERENCE_NULL
#define OTHER SS_DIFFERENCE_VALUE

static void values_are_compared_as_what_they_are_not_as_they_are_written(void **state)
{
    static const struct {
        int user;
        const char *name, *theirs;
        double tolerance;
        enum ss_difference want;
    } cases[] = {
        {1, "x", "0.1", 0, SAME},
        {1, "x", "1e-1", 0, SAME},
        {1, "x", "0.1000000000000000055", 0, SAME},
        {1, "x", "0.10000000000000002", 0, OTHER},
        {1, "x", "", 0, NULL1},
        {1, "n", "1000", 0, SAME},
        {1, "n", "1001", 0, OTHER},
        {1, "n", "1001", 1, OTHER}, // the tolerance is of floats alone
        {1, "d", "12.50", 0, SAME},
        {1, "d", "12.5", 0, SAME},
        {1, "d", "12.51", 1, OTHER},
        {1, "s", "\"na\xc3\xafve, \"\"x\"\"\"", 0, SAME},
        {1, "s", "\"nai\xcc\x88ve, \"\"x\"\"\"", 0, OTHER}, // other bytes of what looks the same
        {1, "s", "\"naive\"", 0, OTHER},
        {1, "b", "true", 0, SAME},
        {1, "b", "false", 0, OTHER},
        {1, "w", "1970-01-01T00:00:01.5Z", 0, SAME},
        {1, "w", "1970-01-01T01:00:01.500+01:00", 0, SAME},
        {1, "w", "1970-01-01T00:00:01.500001Z", 0, OTHER},
        {1, "more", "1.5", 0, SAME}, // reads the file's request input
        {2, "x", "-1e308", 0, SAME},
        {2, "x", "1.7e308", 0.5, OTHER}, // they lie further apart than a float can say
        {2, "n", "9223372036854775807", 0, OTHER},
        {2, "d", "9999999999999999.99", 0, OTHER},
        {2, "s", "\"\"", 0, SAME},
        {2, "s", "", 0, NULL1}, // empty without quotes is null
        {3, "x", "", 0, SAME},
        {3, "x", "0", 0, NULL1},
        {3, "x", "0", 100, NULL1},
        {3, "s", "", 0, SAME},
        {3, "s", "\"\"", 0, NULL1},
        {3, "events", "1", 0, SAME},
        {4, "x", "", 0, SAME}, // of no such user: null as well
        {4, "events", "0", 0, SAME},
        {4, "events", "", 0, NULL1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum ss_difference got =
            difference_of(cases[i].user, cases[i].name, cases[i].theirs, cases[i].tolerance);
        if (got != cases[i].want)
            fail_msg("user %d: %s: '%s' within %g: %s, not %s", cases[i].user, cases[i].name, cases[i].theirs,
                     cases[i].tolerance, ss_difference_name(got), ss_difference_name(cases[i].want));
    }
}

// |a - b| <= X * max(1, |a|, |b|), ours being 0.1 or -1e308.
static void a_tolerance_is_absolute_for_small_floats_and_relative_for_large_ones(void **state)
{
    static const struct {
        int user;
        const char *theirs;
        double tolerance;
        enum ss_difference want;
    } cases[] = {
        {1, "0.10000000000000002", 1e-16, SAME},
        {1, "0.1001", 1e-3, SAME},
        {1, "0.1001", 1e-5, OTHER},
        {1, "0.102", 1e-3, OTHER},
        {1, "-0.9", 1, SAME},
        {1, "1.1", 0.95, SAME},
        {2, "-1.0001e308", 1e-3, SAME},
        {2, "-1.01e308", 1e-3, OTHER},
        {2, "0", 1, SAME},
        {2, "1e308", 1, OTHER},
        {2, "1e308", 2, SAME},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (difference_of(cases[i].user, "x", cases[i].theirs, cases[i].tolerance) != cases[i].want)
            fail_msg("'%s' within %g: not %s", cases[i].theirs, cases[i].tolerance,
                     ss_difference_name(cases[i].want));
}

static void the_largest_distance_is_of_all_pairs_of_values_in_the_feature_s_own_type(void **state)
{
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    struct ss_skew_cell last;
    struct ss_error error;
    (void)state;
    write_file(
        "user,x,n,d,s,amount,t,note\n"
        "1,0.25,990,12.00,a,0,2023-11-14T22:13:22Z,\n"
        "1,0.1,1005,12.75,b,0,2023-11-14T22:13:22Z,x\n"
        "2,1e308,9223372036854775807,9999999999999999.99,c,0,2023-11-14T22:13:20Z,before\n"
        "3,5,5,5,,0,2023-11-14T22:13:22Z,\n");
    assert_ok(compare(0.5, &arena, &last, &report, &error));
    assert_int_equal(report.rows, 4);
    assert_int_equal(report.s, USERS);
    assert_true(report.features[X].greatest_distance.f64 ==
                0.25 - 0.1); // within the tolerance, but it counts
    assert_int_equal(report.features[X].counts[OTHER], 0);
    assert_int_equal(report.features[X].counts[NULL1], 2);
    assert_int_equal(report.features[N].greatest_distance.i64, 10);
    assert_int_equal(report.features[D].greatest_distance.i64, 50);
    assert_false(report.features[S].greatest_distance.present);
    assert_int_equal(report.ignored_count, 1);
    assert_string_equal(report.ignored[0], "note");
    write_file(
        "user,x,n,d,amount,t\n2,1e308,9223372036854775807,9999999999999999.99,0,2023-11-14T22:13:22Z\n");
    assert_ok(compare(0, &arena, &last, &report, &error));
    assert_true(report.features[X].greatest_distance.f64 == DBL_MAX);
    assert_true(report.features[N].greatest_distance.i64 == INT64_MAX);
    ss_arena_release(&arena);
}

static void what_is_no_file_of_values_is_an_error_that_names_place_and_column(void **state)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"user,x,amount,t\n1,0.5,1,2023-11-14T22:13:22Z\n1,0.5x,1,2023-11-14T22:13:22Z\n",
         ":3: column 'x': not a float64: '0.5x'"},
        {"user,n,amount,t\n1,1.0,1,2023-11-14T22:13:22Z\n", ":2: column 'n': not an int64: '1.0'"},
        {"user,d,amount,t\n1,1.005,1,2023-11-14T22:13:22Z\n", ":2: column 'd': not a decimal"},
        {"user,x,amount,t\n1,0.5,1,\n", ":2: column 't': the time of a row may not be null"},
        {"user,x,amount,t\n,0.5,1,noon\n", ":2: column 't': not a time: 'noon'"},
        {"user,x,amount\n1,0.5,1\n", "': there is no column 't' for its time"},
        {"x,amount,t\n0.5,1,2023-11-14T22:13:22Z\n",
         "': there is no column 'user' for key 'user' of service 's'; add it, or rename the one that has it"},
        {"user,x,t\n1,0.5,2023-11-14T22:13:22Z\n",
         "': there is no column 'amount' for request input 'amount'"},
        {"user,X2,amount,t\n1,0.5,1,2023-11-14T22:13:22Z\n",
         "': no column is called as a feature of service 's', the first of which is 'x'; there is nothing to "
         "compare"},
        {"user,x,X,amount,t\n1,0,0,1,2023-11-14T22:13:22Z\n", "': columns 'x' and 'X' have one name"},
    };
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    struct ss_skew_cell last;
    struct ss_error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(cases[i].text);
        assert_status(SS_INVALID, compare(0, &arena, &last, &report, &error));
        if (!strstr(error.message, cases[i].told)) fail_msg("%s, not: %s", error.message, cases[i].told);
        if (strstr(error.message, "spine") || strstr(error.message, "--map"))
            fail_msg("%s: nobody who compares speaks of these", error.message);
    }
    ss_arena_release(&arena);
}

static void a_file_without_rows_has_no_differences(void **state)
{
    struct ss_arena arena = {0};
    struct ss_skew_report report;
    struct ss_skew_cell last;
    struct ss_error error;
    (void)state;
    write_file("user,x,amount,t\n");
    assert_ok(compare(0, &arena, &last, &report, &error));
    assert_int_equal(report.rows, 0);
    assert_true(report.features[X].is_compared);
    assert_int_equal(report.features[X].compared, 0);
    ss_arena_release(&arena);
}

static void every_failed_allocation_ends_as_an_error(void **state)
{
    (void)state;
    write_file(
        "user,x,s,amount,t,note\n1,0.25,\"a\",0,2023-11-14T22:13:22Z,x\n2,1,b,0,2023-11-14T22:13:22Z,\n");
    for (long k = 1;; k++) {
        struct ss_arena arena = {0};
        struct ss_skew_report report;
        struct ss_skew_cell last;
        struct ss_error error;
        ss_fail_allocation_at(k);
        const enum ss_status status = compare(0, &arena, &last, &report, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (status == SS_OK)
            assert_int_equal(report.features[X].counts[OTHER], 2);
        else if (status != SS_OUT_OF_MEMORY)
            fail_msg("allocation %ld: %s: %s", k, ss_status_name(status), error.message);
        ss_arena_release(&arena);
        if (swept) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_compared_as_what_they_are_not_as_they_are_written),
        cmocka_unit_test(a_tolerance_is_absolute_for_small_floats_and_relative_for_large_ones),
        cmocka_unit_test(the_largest_distance_is_of_all_pairs_of_values_in_the_feature_s_own_type),
        cmocka_unit_test(what_is_no_file_of_values_is_an_error_that_names_place_and_column),
        cmocka_unit_test(a_file_without_rows_has_no_differences),
        cmocka_unit_test(every_failed_allocation_ends_as_an_error),
    };
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
