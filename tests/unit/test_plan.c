// The plan: which groups and levels a view keeps, and what covers each window.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "definitions_harness.h"

#define EVENTS                                                                                          \
    "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: {user_id: string, x: int64, " \
    "y: float64, s: string, at: timestamp}\n    event_time: at\nviews:\n  v:\n    entity: user\n    "   \
    "source: "                                                                                          \
    "pay\n"

static void default_hops_are_those_of_the_contract(void **state)
{
    (void)state;
    static const struct {
        int64_t window_us, hop_us;
    } rows[] = {
        {30 * SS_DAY_US, SS_DAY_US},
        {12 * SS_DAY_US, SS_DAY_US},
        {12 * SS_DAY_US - 1, SS_HOUR_US},
        {7 * SS_DAY_US, SS_HOUR_US},
        {12 * SS_HOUR_US, SS_HOUR_US},
        {12 * SS_HOUR_US - 1, 5 * SS_MINUTE_US},
        {SS_HOUR_US, 5 * SS_MINUTE_US},
        {30 * SS_MINUTE_US, 150 * SS_SECOND_US},
        {SS_MINUTE_US, 5 * SS_SECOND_US},
        {SS_SECOND_US, 62500},
        {1000, 50},
        {100, 5},
        {26, 2},
        {24, 2},
        {23, 1},
        {13, 1},
        {12, 1},
        {5, 1},
        {1, 1},
        {3599999969, 1}, // a prime
        {3599999954, 2}, // twice a prime
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ss_default_hop(rows[i].window_us), rows[i].hop_us);
}

static void the_default_hop_below_an_hour_is_the_greatest_that_fits(void **state)
{
    (void)state;
    for (int64_t window = 1; window < 6000; window++) {
        int64_t want = 1;
        for (int64_t hop = 1; hop <= window / 12; hop++) {
            if (window % hop == 0) want = hop;
        }
        assert_int_equal(ss_default_hop(window), want);
    }
}

// ---- Plans as text

static void print_parts(uint32_t parts, struct ss_buffer *text)
{
    static const char *const names[] = {"n", "s1", "s2", "min", "max", "first", "last", "distinct"};
    if (!parts) ss_buffer_text(text, " -");
    for (size_t i = 0; i < 8; i++) {
        if (parts >> i & 1) ss_buffer_format(text, " %s", names[i]);
    }
}

static void print_level(const struct ss_view *view, const struct ss_level *level, struct ss_buffer *text)
{
    char hop[SS_TIME_TEXT_SIZE], kept[SS_TIME_TEXT_SIZE];
    if (level->hop_us == SS_HOP_ALL)
        ss_buffer_text(text, "level all:");
    else
        ss_buffer_format(text, "level %s kept %s:", ss_duration_format(level->hop_us, hop),
                         ss_duration_format(level->retention_us, kept));
    for (size_t g = 0; g < view->group_count; g++) {
        ss_buffer_text(text, g ? " |" : "");
        print_parts(level->parts[g], text);
    }
    ss_buffer_byte(text, '\n');
}

static void print_plan(const struct ss_view *view, struct ss_buffer *text)
{
    char type[SS_TYPE_TEXT_SIZE];
    ss_buffer_format(text, "where %d\n", view->where);
    for (size_t g = 0; g < view->group_count; g++)
        ss_buffer_format(text, "group %zu: argument %d filter %d %s\n", g, view->groups[g].argument,
                         view->groups[g].filter, ss_type_format(view->groups[g].type, type));
    for (size_t i = 0; i < view->level_count; i++) print_level(view, &view->levels[i], text);
    for (size_t i = 0; i < view->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &view->aggregates[i];
        ss_buffer_format(text, "%s: group %d covered by", aggregate->text, aggregate->group);
        for (size_t k = 0; k < aggregate->cover_count; k++)
            ss_buffer_format(text, " %d", aggregate->cover[k]);
        ss_buffer_format(text, ", %s\n", ss_type_format(aggregate->type, type));
    }
    ss_buffer_byte(text, 0);
}

static void check_plan(struct ss_bytes yaml, const char *want)
{
    struct ss_buffer text = {0};
    struct harness_result result = harness_compile_text(yaml);
    if (result.status != SS_OK) print_error("%.*s", (int)result.report.size, (char *)result.report.data);
    assert_int_equal(result.status, SS_OK);
    print_plan(&result.definitions->views[0], &text);
    assert_string_equal((const char *)text.data, want);
    ss_buffer_release(&text);
    harness_release(&result);
}

static void the_example_of_the_design_has_this_plan(void **state)
{
    (void)state;
    size_t size = 0;
    char *yaml = harness_read_file("tests/fixtures/definitions/fraud.yaml", &size);
    assert_non_null(yaml);
    check_plan((struct ss_bytes){yaml, size},
               "where 0\n"
               "group 0: argument -1 filter -1 int64\n"
               "group 1: argument -1 filter 1 int64\n"
               "group 2: argument 2 filter -1 decimal(2)\n"
               "group 3: argument 3 filter -1 string\n"
               "group 4: argument 4 filter -1 timestamp\n"
               "group 5: argument 5 filter -1 int64\n"
               "level 1h kept 7d: n | n | n s1 s2 | - | - | -\n"
               "level 1d kept 30d: - | - | n s1 | - | - | distinct\n"
               "level all: n last | - | - | last | last | -\n"
               "count() over 7d: group 0 covered by 0, int64\n"
               "count(where country <> 'US') over 7d: group 1 covered by 0, int64\n"
               "count_distinct(merchant_id) over 30d: group 5 covered by 1, int64\n"
               "last(country) within 90d: group 3 covered by 2, string\n"
               "last(event_time): group 4 covered by 2, timestamp\n"
               "mean(amount) over 7d: group 2 covered by 0 1, float64\n"
               "stddev(amount) over 7d: group 2 covered by 0, float64\n"
               "sum(amount) over 30d: group 2 covered by 1, decimal(2)\n"
               "sum(amount) over 7d: group 2 covered by 0 1, decimal(2)\n");
    free(yaml);
}

static void windows_are_covered_by_coarser_levels_that_keep_enough(void **state)
{
    (void)state;
    // The 6h level does not divide the 16h level; the 16h level keeps 10d only.
    check_plan(ss_bytes_of(EVENTS "    features:\n"
                                  "      a: sum(x) over 12h\n"
                                  "      b: sum(x) over 2d hop 2h\n"
                                  "      c: mean(x) over 6d hop 6h\n"
                                  "      d: sum(x) over 240h hop 16h\n"
                                  "      e: sum(x) over 18d\n"
                                  "      f: var(x) over 2d hop 2h\n"
                                  "      g: sum(x) over 36d hop 2d\n"
                                  "      h: sum(x) over 30d hop 2d\n"),
               "where -1\n"
               "group 0: argument -1 filter -1 int64\n"
               "group 1: argument 0 filter -1 int64\n"
               "level 1h kept 12h: - | n s1\n"
               "level 2h kept 2d: - | n s1 s2\n"
               "level 6h kept 6d: - | n s1\n"
               "level 16h kept 10d: - | n s1\n"
               "level 1d kept 18d: - | n s1\n"
               "level 2d kept 36d: - | n s1\n"
               "level all: n last | -\n"
               "mean(x) over 6d hop 6h: group 1 covered by 2 4 5, float64\n"
               "sum(x) over 18d: group 1 covered by 4 5, int64\n"
               "sum(x) over 2d hop 2h: group 1 covered by 1 2 4 5, int64\n"
               "sum(x) over 30d hop 2d: group 1 covered by 5, int64\n"
               "sum(x) over 36d hop 2d: group 1 covered by 5, int64\n"
               "sum(x) over 12h: group 1 covered by 0 1 2 4 5, int64\n"
               "sum(x) over 240h hop 16h: group 1 covered by 3 5, int64\n"
               "var(x) over 2d hop 2h: group 1 covered by 1, float64\n");
}

static void aggregates_that_are_alike_are_one(void **state)
{
    (void)state;
    check_plan(ss_bytes_of(EVENTS "    where: s <> 'no'\n"
                                  "    features:\n"
                                  "      a: sum(x) over 7d\n"
                                  "      b: SUM( (x) ) over 168h hop 60m + a\n"
                                  "      c: count(where s <> 'no') over 7d\n"
                                  "      d: count(where (s <> 'no')) over all\n"
                                  "      e: last(at)\n"
                                  "      f: last(event_time) over all\n"
                                  "      g: last(y where x > 0) within 1d\n"
                                  "      h: first(y where x>0)\n"
                                  "      i: count_distinct(s) over 1h hop exact\n"
                                  "      j: max(y + 1) over 7d\n"),
               "where 0\n"
               "group 0: argument -1 filter -1 int64\n"
               "group 1: argument -1 filter 0 int64\n"
               "group 2: argument 1 filter -1 float64\n"
               "group 3: argument 2 filter -1 timestamp\n"
               "group 4: argument 3 filter -1 string\n"
               "group 5: argument 4 filter -1 int64\n"
               "group 6: argument 5 filter 6 float64\n"
               "level 1us kept 1h: - | - | - | - | distinct | - | -\n"
               "level 1h kept 7d: - | n | max | - | - | n s1 | -\n"
               "level all: n last | n | - | last | - | - | first last\n"
               "count(where s <> 'no') over 7d: group 1 covered by 1, int64\n"
               "count(where (s <> 'no')) over all: group 1 covered by 2, int64\n"
               "count_distinct(s) over 1h hop exact: group 4 covered by 0, int64\n"
               "first(y where x>0): group 6 covered by 2, float64\n"
               "last(at): group 3 covered by 2, timestamp\n"
               "last(y where x > 0) within 1d: group 6 covered by 2, float64\n"
               "max(y + 1) over 7d: group 2 covered by 1, float64\n"
               "sum(x) over 7d: group 5 covered by 1, int64\n");
}

static void a_world_view_without_arguments_keeps_only_counts(void **state)
{
    (void)state;
    check_plan(ss_bytes_of("entities: {world: {}}\nsources:\n  s: {columns: {event_time: timestamp}, "
                           "event_time: event_time}\nviews:\n  v: {entity: world, source: s, features: {n: "
                           "count() over 1h, u: t}}\n"),
               "where -1\n"
               "group 0: argument -1 filter -1 int64\n"
               "level 5m kept 1h: n\n"
               "level all: n last\n"
               "count() over 1h: group 0 covered by 0, int64\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_hops_are_those_of_the_contract),
        cmocka_unit_test(the_default_hop_below_an_hour_is_the_greatest_that_fits),
        cmocka_unit_test(the_example_of_the_design_has_this_plan),
        cmocka_unit_test(windows_are_covered_by_coarser_levels_that_keep_enough),
        cmocka_unit_test(aggregates_that_are_alike_are_one),
        cmocka_unit_test(a_world_view_without_arguments_keeps_only_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
