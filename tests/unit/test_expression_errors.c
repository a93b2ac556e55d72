// Expressions that are none: every error with its exact text and place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/expression_cases.h"

#define AT(column, message, line, caret) \
    "features.yaml:1:" #column ": error: " message "\n  " line "\n  " caret "^\n"

static void syntax_errors_say_place_and_expectation(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"", AT(1, "expected an expression, got nothing", "", "")},
        {"   ", AT(1, "expected an expression, got nothing", "   ", "")},
        {"1 +", AT(4, "expected an expression, got the end", "1 +", "   ")},
        {"(1", AT(3, "expected ')', got the end", "(1", "  ")},
        {"1)", AT(2, "expected an operator or the end, got ')'", "1)", " ")},
        {"i j", AT(3, "expected an operator or the end, got 'j'", "i j", "  ")},
        {"abs(i", AT(6, "expected ',' or ')', got the end", "abs(i", "     ")},
        {"abs(i,)", AT(7, "expected an expression, got ')'", "abs(i,)", "      ")},
        {"1 < 2 < 3", AT(7, "comparisons do not chain; join them with 'and' or use parentheses before '<'",
                         "1 < 2 < 3", "      ")},
        {"i = 1 is null",
         AT(7, "comparisons do not chain; join them with 'and' or use parentheses before 'is'",
            "i = 1 is null", "      ")},
        {"i is 5", AT(6, "expected 'null' or 'not null' after 'is', got '5'", "i is 5", "     ")},
        {"i is not 5", AT(10, "expected 'null' after 'is not', got '5'", "i is not 5", "         ")},
        {"i not 5", AT(7, "expected 'in' or 'between' after 'not', got '5'", "i not 5", "      ")},
        {"i in 5", AT(6, "expected '(', got '5'", "i in 5", "     ")},
        {"i in ()", AT(7, "expected an expression, got ')'", "i in ()", "      ")},
        {"i between 1 or 2", AT(13, "expected 'and', got 'or'", "i between 1 or 2", "            ")},
        {"case end", AT(6, "expected an expression, got the keyword 'end'", "case end", "     ")},
        {"case i then 1 end", AT(8, "expected 'when', got 'then'", "case i then 1 end", "       ")},
        {"case when yes 1", AT(15, "expected 'then', got '1'", "case when yes 1", "              ")},
        {"case when yes then 1",
         AT(21, "expected 'end' of the case, got the end", "case when yes then 1", "                    ")},
        {"i == 1", AT(3, "'==': write = to compare", "i == 1", "  ")},
        {"i % 2", AT(3, "'%': write mod for the remainder", "i % 2", "  ")},
        {"yes && no", AT(5, "'&': write and", "yes && no", "    ")},
        {"country = \"US\"",
         AT(11, "'\"': text stands in single quotes: 'text'", "country = \"US\"", "          ")},
        {".5", AT(1, "'.': a number starts with a digit: 0.5", ".5", "")},
        {"i ; j", AT(3, "';': unexpected character", "i ; j", "  ")},
        {"'abc", AT(1, "''abc': text that starts here is not closed: expected '", "'abc", "")},
        {"5x", AT(1,
                  "'5x': is neither a number (12, 12.5, 1e3) nor a duration (90d, 12h, 5m, 30s, 250ms, 10us, "
                  "1h30m)",
                  "5x", "")},
        {"9223372036854775808",
         AT(1,
            "number '9223372036854775808' does not fit int64 (-9223372036854775808 to 9223372036854775807)",
            "9223372036854775808", "")},
        {"1e999", AT(1, "number '1e999' does not fit float64 (up to 1.7976931348623157e+308)", "1e999", "")},
        {"0.0000000000000000001", AT(1,
                                     "number '0.0000000000000000001' has more than the 18 digits of a "
                                     "decimal; write it with an exponent for "
                                     "a float64",
                                     "0.0000000000000000001", "")},
        {"timestamp '2026-13-01'", AT(11, "'2026-13-01' is no time; expected one like '2026-01-31T10:00:00Z'",
                                      "timestamp '2026-13-01'", "          ")},
        {"a . b", AT(1, "write 'a.b' without blanks around the '.'", "a . b", "")},
        {"a.5", AT(2, "'.': a number starts with a digit: 0.5", "a.5", " ")},
        {"a.+", AT(3, "expected a name after '.', got '+'", "a.+", "  ")},
        {"a.b.c", AT(4, "expected an operator or the end, got '.'", "a.b.c", "   ")},
        {"neg(i)", AT(1, "unknown function 'neg'", "neg(i)", "")},
        {"sum(i) where yes",
         AT(8, "'where' stands inside the parentheses of an aggregate: sum(x where y > 0)",
            "sum(i) where yes", "       ")},
        {"and yes", AT(1, "expected an expression, got the keyword 'and'", "and yes", "")},
    };
    CHECK_CASES(cases);
}

static void aggregate_errors_say_place_and_expectation(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"count(*) over 7d",
         AT(7, "count(*) is not known; write count() to count events", "count(*) over 7d", "      ")},
        {"sum(i) over 7d over 1d",
         AT(16, "'over' stands twice on one aggregate", "sum(i) over 7d over 1d", "               ")},
        {"sum(i) within 7d",
         AT(8, "'within' goes with last only; sum takes 'over'", "sum(i) within 7d", "       ")},
        {"sum(i) over",
         AT(12, "expected a duration such as 7d, 'all' or 'last 100' after 'over', got the end",
            "sum(i) over", "           ")},
        {"sum(i) over 7", AT(13, "expected a duration such as 7d, 'all' or 'last 100' after 'over', got '7'",
                             "sum(i) over 7", "            ")},
        {"sum(i) over 7d hop all",
         AT(20, "expected a duration such as 1h, or 'exact', after 'hop', got 'all'",
            "sum(i) over 7d hop all", "                   ")},
        {"last(i) within x", AT(16, "expected a duration such as 90d after 'within', got 'x'",
                                "last(i) within x", "               ")},
        {"sum() over 7d", AT(1, "sum needs an argument: sum(column)", "sum() over 7d", "")},
        {"sum(i, j) over 7d", AT(1, "sum takes one argument, got 2", "sum(i, j) over 7d", "")},
        {"sum(max(i)) over 7d", AT(5, "max stands inside an aggregate; an aggregate reads events only",
                                   "sum(max(i)) over 7d", "    ")},
        {"sum(i where count() > 0) over 7d",
         AT(13, "count stands inside an aggregate; an aggregate reads events only",
            "sum(i where count() > 0) over 7d", "            ")},
        {"summ(i) over 7d",
         AT(1, "'summ' is no aggregate, so it takes no 'over'; did you mean 'sum'?", "summ(i) over 7d", "")},
        {"abs(i where yes)", AT(1, "'abs' is no aggregate, so it takes no 'where'", "abs(i where yes)", "")},
        {"sum(i where)", AT(12, "expected an expression, got ')'", "sum(i where)", "           ")},
        {"sum(i) over 7d", AT(1, "an aggregate (sum) cannot stand in a test", "sum(i) over 7d", "")},
    };
    CHECK_CASES(cases);
}

static void type_errors_say_place_and_expectation(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"amout > 0", AT(1, "unknown column 'amout'; did you mean 'amount'?", "amout > 0", "")},
        {"sqr(i)", AT(1, "unknown function 'sqr'; did you mean 'sqrt'?", "sqr(i)", "")},
        {"frobnicate(i)", AT(1, "unknown function 'frobnicate'", "frobnicate(i)", "")},
        {"i + country",
         AT(5, "'+': expected int64, float64, decimal or timestamp, got string", "i + country", "    ")},
        {"yes + 1", AT(1, "'+': expected int64, float64, decimal or timestamp, got bool", "yes + 1", "")},
        {"t + t", AT(5, "'+': expected int64, got timestamp", "t + t", "    ")},
        {"f - t", AT(5, "'-': expected int64, float64 or decimal, got timestamp", "f - t", "    ")},
        {"amount div 2", AT(1, "'div': expected int64, got decimal(2)", "amount div 2", "")},
        {"i = country", AT(5, "'=': expected int64, float64 or decimal, got string", "i = country", "    ")},
        {"t > '2026-01-01'",
         AT(5, "'>': expected timestamp, got string; write timestamp '2026-01-31T10:00:00Z' for a time",
            "t > '2026-01-01'", "    ")},
        {"yes < no", AT(1, "'<': expected int64, float64, decimal, string, timestamp or bytes, got bool",
                        "yes < no", "")},
        {"not i", AT(5, "'not': expected bool, got int64", "not i", "    ")},
        {"yes and 1", AT(9, "'and': expected bool, got int64", "yes and 1", "        ")},
        {"-country", AT(2, "'-': expected int64, float64 or decimal, got string", "-country", " ")},
        {"sqrt(country)",
         AT(6, "'sqrt': expected int64, float64 or decimal, got string", "sqrt(country)", "     ")},
        {"sqrt()", AT(1, "'sqrt' takes 1 argument, got 0", "sqrt()", "")},
        {"substr(name)", AT(1, "'substr' takes 2 or 3 arguments, got 1", "substr(name)", "")},
        {"coalesce()", AT(1, "'coalesce' takes at least 1 argument, got 0", "coalesce()", "")},
        {"nullif(i)", AT(1, "'nullif' takes 2 arguments, got 1", "nullif(i)", "")},
        {"coalesce(i, country)",
         AT(13, "'coalesce': expected int64, got string", "coalesce(i, country)", "            ")},
        {"if(i, 1, 2)", AT(4, "'if': expected bool as a condition, got int64", "if(i, 1, 2)", "   ")},
        {"case when yes then 1 else 'a' end",
         AT(27, "'case': expected int64, got string", "case when yes then 1 else 'a' end",
            "                          ")},
        {"case i when 'a' then 1 end",
         AT(13, "'case': expected int64, got string", "case i when 'a' then 1 end", "            ")},
        {"i in (1, 'a')", AT(10, "'in': expected int64, got string", "i in (1, 'a')", "         ")},
        {"yes between no and yes",
         AT(1, "'between': expected a type with an order, got bool", "yes between no and yes", "")},
        {"least(yes, no)",
         AT(7, "'least': expected a type with an order, got bool", "least(yes, no)", "      ")},
        {"null", AT(1, "the type of this null is not known; write int64(null) or the like", "null", "")},
        {"null is null",
         AT(1, "the type of this null is not known; write int64(null) or the like", "null is null", "")},
        {"coalesce(null, null)", AT(10, "the type of this null is not known; write int64(null) or the like",
                                    "coalesce(null, null)", "         ")},
        {"decimal(i, 19)",
         AT(12, "'decimal': expected a number of digits from 0 to 18", "decimal(i, 19)", "           ")},
        {"decimal(i, j)",
         AT(12, "'decimal': expected a number of digits from 0 to 18", "decimal(i, j)", "           ")},
        {"decimal(i, null)",
         AT(12, "'decimal': expected a literal, got null", "decimal(i, null)", "           ")},
        {"clip(yes, no, yes)",
         AT(6, "'clip': expected a type with an order, got bool", "clip(yes, no, yes)", "     ")},
        {"clip(i, 1)", AT(1, "'clip' takes 3 arguments, got 2", "clip(i, 1)", "")},
        {"bucketize(i, j)",
         AT(14, "'bucketize': expected a literal as an edge", "bucketize(i, j)", "             ")},
        {"bucketize(i, null)",
         AT(14, "'bucketize': expected a literal as an edge", "bucketize(i, null)", "             ")},
        {"bucketize(i, 1, 1.00)",
         AT(17, "'bucketize': the edges rise, and this one is not above the one before it",
            "bucketize(i, 1, 1.00)", "                ")},
        {"bucketize(f, 1e0, 0.5)",
         AT(19, "'bucketize': the edges rise, and this one is not above the one before it",
            "bucketize(f, 1e0, 0.5)", "                  ")},
        {"bucketize(country, 'b', 'B')",
         AT(25, "'bucketize': the edges rise, and this one is not above the one before it",
            "bucketize(country, 'b', 'B')", "                        ")},
        {"bucketize(i, 'a')",
         AT(14, "'bucketize': expected int64, got string", "bucketize(i, 'a')", "             ")},
        {"position_of(i, 'a')",
         AT(16, "'position_of': expected int64, got string", "position_of(i, 'a')", "               ")},
        {"concat(country, i)", AT(17, "'concat': expected string (write string(x) for others), got int64",
                                  "concat(country, i)", "                ")},
        {"md5(i)", AT(5, "'md5': expected string or bytes, got int64", "md5(i)", "    ")},
        {"md5_bucket('a', f, 10)", AT(17, "'md5_bucket': expected int64 or string, got float64",
                                      "md5_bucket('a', f, 10)", "                ")},
        {"md5_bucket('a', i, 0)", AT(20, "'md5_bucket': expected a whole number above 0, such as 100",
                                     "md5_bucket('a', i, 0)", "                   ")},
        {"md5_bucket('a', i, j)", AT(20, "'md5_bucket': expected a whole number above 0, such as 100",
                                     "md5_bucket('a', i, j)", "                   ")},
        {"md5_bucket('a', i, null)", AT(20, "'md5_bucket': expected a literal, got null",
                                        "md5_bucket('a', i, null)", "                   ")},
        {"regexp_matches(country, '(a')",
         AT(25, "'regexp_matches': the pattern at its byte 3: missing closing parenthesis",
            "regexp_matches(country, '(a')", "                        ")},
        {"regexp_matches(country, name)", AT(25, "'regexp_matches': expected a text literal, such as '^a+'",
                                             "regexp_matches(country, name)", "                        ")},
        {"regexp_matches(country, null)", AT(25, "'regexp_matches': expected a literal, got null",
                                             "regexp_matches(country, null)", "                        ")},
        {"regexp_matches(i, 'a')",
         AT(16, "'regexp_matches': expected string, got int64", "regexp_matches(i, 'a')", "               ")},
        {"regexp_matches(country, '\\C')",
         AT(25, "'regexp_matches': the pattern at its byte 3: using \\C is disabled by the application",
            "regexp_matches(country, '\\C')", "                        ")},
        {"regexp_extract(country, '(a)', 2)",
         AT(32, "'regexp_extract': the pattern has 1 group, and this is number 2",
            "regexp_extract(country, '(a)', 2)", "                               ")},
        {"regexp_extract(country, 'a', -1)",
         AT(30, "'regexp_extract': expected the number of a group of the pattern, such as 1",
            "regexp_extract(country, 'a', -1)", "                             ")},
        {"regexp_replace(country, 'a', '\\1')",
         AT(25, "'regexp_replace': the replacement names group \\1, and the pattern has 0",
            "regexp_replace(country, 'a', '\\1')", "                        ")},
        {"regexp_replace(country, 'a', 'b\\')",
         AT(25,
            "'regexp_replace': in the replacement a \\ is followed by the number of a group or by another \\",
            "regexp_replace(country, 'a', 'b\\')", "                        ")},
        {"date_trunc('dya', t)",
         AT(12,
            "'date_trunc': expected 'hour', 'day', 'week', 'month', 'quarter' or 'year'; did you mean 'day'?",
            "date_trunc('dya', t)", "           ")},
        {"date_trunc(country, t)",
         AT(12, "'date_trunc': expected 'hour', 'day', 'week', 'month', 'quarter' or 'year'",
            "date_trunc(country, t)", "           ")},
        {"hour(t, 'Europe/Berlim')",
         AT(9,
            "'hour': unknown time zone 'Europe/Berlim'; expected a name such as Europe/Berlin or "
            "America/New_York, or UTC (names are those of the system's package tzdata)",
            "hour(t, 'Europe/Berlim')", "        ")},
        {"hour(t, country)", AT(9, "'hour': expected a time zone as a literal, such as 'Europe/Berlin'",
                                "hour(t, country)", "        ")},
        {"hour(i)", AT(6, "'hour': expected timestamp, got int64", "hour(i)", "     ")},
        {"hour('2026-01-01')",
         AT(6, "'hour': expected timestamp, got string; write timestamp '2026-01-31T10:00:00Z' for a time",
            "hour('2026-01-01')", "     ")},
        {"dot(v, pair)", AT(8, "'dot': expected vector(3), got vector(2)", "dot(v, pair)", "       ")},
        {"dot(v, tags)", AT(8, "'dot': expected vector(3), got list<string>", "dot(v, tags)", "       ")},
        {"norm(tags)", AT(6, "'norm': expected vector, got list<string>", "norm(tags)", "     ")},
        {"tags = counts", AT(8, "'=': expected list<string>, got list<int64>", "tags = counts", "       ")},
        {"tags < tags",
         AT(1, "'<': expected int64, float64, decimal, string, timestamp or bytes, got list<string>",
            "tags < tags", "")},
        {"contains(tags, i)",
         AT(16, "'contains': expected string, got int64", "contains(tags, i)", "               ")},
        {"contains(counts, 7.5)",
         AT(18, "'contains': expected int64, got decimal(1)", "contains(counts, 7.5)", "                 ")},
        {"contains(scores, 'a')", AT(18, "'contains': expected int64, float64 or decimal, got string",
                                     "contains(scores, 'a')", "                 ")},
        {"contains(i, 1)",
         AT(10, "'contains': expected string or list, got int64", "contains(i, 1)", "         ")},
        {"element(tags, 'a')",
         AT(15, "'element': expected int64, got string", "element(tags, 'a')", "              ")},
        {"null = tags",
         AT(1, "the type of this null is not known; write int64(null) or the like", "null = tags", "")},
        {"element(null, 1)", AT(9, "the type of this null is not known; write int64(null) or the like",
                                "element(null, 1)", "        ")},
        {"raw = 'a'", AT(7, "'=': expected bytes, got string", "raw = 'a'", "      ")},
        {"least(tags, tags)",
         AT(7, "'least': expected a type with an order, got list<string>", "least(tags, tags)", "      ")},
        {"tags in (tags, counts)",
         AT(16, "'in': expected list<string>, got list<int64>", "tags in (tags, counts)", "               ")},
        {"md5_buckt('a', i, 10)",
         AT(1, "unknown function 'md5_buckt'; did you mean 'md5_bucket'?", "md5_buckt('a', i, 10)", "")},
        {"rate * rate * rate * rate * rate",
         AT(1,
            "'*': the product of decimal(16) and decimal(4) would have 20 digits after the point, and a "
            "decimal has "
            "at most 18; cut one side with decimal(x, n) or take float64(x)",
            "rate * rate * rate * rate * rate", "")},
    };
    CHECK_CASES(cases);
}

static void all_type_errors_of_a_tree_are_found(void **state)
{
    (void)state;
    check_compiles_to(
        "amout + 1 > sqr(2) and contry = 5 or not i",
        "features.yaml:1:1: error: unknown column 'amout'; did you mean 'amount'?\n"
        "  amout + 1 > sqr(2) and contry = 5 or not i\n  ^\n"
        "features.yaml:1:13: error: unknown function 'sqr'; did you mean 'sqrt'?\n"
        "  amout + 1 > sqr(2) and contry = 5 or not i\n              ^\n"
        "features.yaml:1:24: error: unknown column 'contry'; did you mean 'country'?\n"
        "  amout + 1 > sqr(2) and contry = 5 or not i\n                         ^\n"
        "features.yaml:1:42: error: 'not': expected bool, got int64\n"
        "  amout + 1 > sqr(2) and contry = 5 or not i\n                                           ^\n");
}

static void places_count_from_where_the_text_stands_in_its_file(void **state)
{
    (void)state;
    struct harness harness;
    const char *const file = "views:\n  v: 1 + zzz9\n";
    harness_start(&harness, ss_bytes_of(file));
    const struct ss_bytes text = {file + 12, 8};
    struct ss_node *node =
        ss_expression_parse(text, (struct ss_place){0, 12}, &harness.arena, &harness.diagnostics);
    assert_non_null(node);
    assert_false(ss_expression_check(node, &harness_scope, &harness.arena, &harness.diagnostics));
    uint32_t line, column;
    ss_place_resolve(&harness.diagnostics, harness.diagnostics.items[0].place, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 10);
    ss_arena_release(&harness.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_say_place_and_expectation),
        cmocka_unit_test(aggregate_errors_say_place_and_expectation),
        cmocka_unit_test(type_errors_say_place_and_expectation),
        cmocka_unit_test(all_type_errors_of_a_tree_are_found),
        cmocka_unit_test(places_count_from_where_the_text_stands_in_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
