// Expressions: text to canonical tree, and every error with its exact text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/functions.h"
#include "engine/lexer.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/expression_harness.h"

static void print_errors(struct harness *harness, struct ss_buffer *shown)
{
    ss_diagnostics_sort(&harness->diagnostics);
    for (size_t i = 0; i < harness->diagnostics.count; i++)
        ss_diagnostic_format(&harness->diagnostics, i, shown);
}

// The canonical text, or the errors.
static void check_compiles_to(const char *text, const char *want)
{
    struct harness harness;
    struct ss_buffer shown = {0};
    harness_start(&harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    if (node)
        ss_expression_canonical(node, &shown);
    else
        print_errors(&harness, &shown);
    assert_int_equal(node != NULL, harness.diagnostics.count == 0);
    ss_buffer_byte(&shown, 0);
    if (strcmp((const char *)shown.data, want) != 0)
        print_error("expression: %s\nwant:\n%s\ngot:\n%s\n", text, want, (const char *)shown.data);
    assert_string_equal((const char *)shown.data, want);
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

struct compile_case {
    const char *text, *want;
};

#define CHECK_CASES(cases)                                        \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
    check_compiles_to(cases[i].text, cases[i].want)

static void literals_have_the_type_they_are_written_in(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"12", "12:int64"},
        {"-9223372036854775808", "-9223372036854775808:int64"},
        {"12.50", "12.50:decimal(2)"},
        {"-0.0", "0.0:decimal(1)"},
        {"1e3", "1000.0:float64"},
        {"-0e0", "0.0:float64"},
        {"1.5E-3", "0.0015:float64"},
        {"'it''s'", "'it''s':string"},
        {"''", "'':string"},
        {"TRUE", "true:bool"},
        {"false", "false:bool"},
        {"5m", "300000000:int64"},
        {"1h30m", "5400000000:int64"},
        {"timestamp '1970-01-01T00:00:01Z'", "1000000:timestamp"},
        {"Timestamp '1970-01-01 00:00:00.5'", "500000:timestamp"},
        {"999999999999999999.",
         "features.yaml:1:1: error: '999999999999999999.': expected digits after the point of a "
         "number\n  999999999999999999.\n  ^\n"},
        {"0.000000000000000001", "0.000000000000000001:decimal(18)"},
    };
    CHECK_CASES(cases);
}

static void operators_bind_as_in_sql(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"1 + 2 * 3", "(+:int64 1:int64 (*:int64 2:int64 3:int64))"},
        {"(1 + 2) * 3", "(*:int64 (+:int64 1:int64 2:int64) 3:int64)"},
        {"1 - 2 - 3", "(-:int64 (-:int64 1:int64 2:int64) 3:int64)"},
        {"- i - -3", "(-:int64 (neg:int64 #2:int64) -3:int64)"},
        {"- - i", "(neg:int64 (neg:int64 #2:int64))"},
        {"i Div 2 MOD 3", "(mod:int64 (div:int64 #2:int64 2:int64) 3:int64)"},
        {"yes or no and not yes", "(or:bool #0:bool (and:bool #1:bool (not:bool #0:bool)))"},
        {"not i = 1 and yes", "(and:bool (not:bool (=:bool #2:int64 1:int64)) #0:bool)"},
        {"i + 1 != j", "(<>:bool (+:int64 #2:int64 1:int64) #3:int64)"},
        {"i between 1 and 2 and yes", "(and:bool (between:bool #2:int64 1:int64 2:int64) #0:bool)"},
        {"i not between 1 and j + 1",
         "(not:bool (between:bool #2:int64 1:int64 (+:int64 #3:int64 1:int64)))"},
        {"i not in (1, 2)", "(not:bool (in:bool #2:int64 1:int64 2:int64))"},
        {"i is not null", "(is_not_null:bool #2:int64)"},
        {"i + 1 IS NULL", "(is_null:bool (+:int64 #2:int64 1:int64))"},
        {"request.amount > 1", "(>:bool #18:decimal(2) 1:int64)"},
        {" (  ( i ) )  ", "#2:int64"},
        {"5m-3", "(-:int64 300000000:int64 3:int64)"},
    };
    CHECK_CASES(cases);
}

static void conversions_are_inserted_where_types_mix(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {"amount + i", "(+:decimal(2) #6:decimal(2) #2:int64)"},
        {"amount * rate", "(*:decimal(6) #6:decimal(2) #7:decimal(4))"},
        {"amount - rate", "(-:decimal(4) #6:decimal(2) #7:decimal(4))"},
        {"amount / i", "(/:float64 #6:decimal(2) #2:int64)"},
        {"f + i", "(+:float64 #4:float64 (to_float64:float64 #2:int64))"},
        {"amount < f", "(<:bool (to_float64:float64 #6:decimal(2)) #4:float64)"},
        {"amount <= i", "(<=:bool #6:decimal(2) #2:int64)"},
        {"t - paid_at", "(-:int64 #11:timestamp #10:timestamp)"},
        {"t - 5m", "(-:timestamp #11:timestamp 300000000:int64)"},
        {"5m + t", "(+:timestamp 300000000:int64 #11:timestamp)"},
        {"coalesce(amount, 0)", "(coalesce:decimal(2) #6:decimal(2) (rescale:decimal(2) 0:int64))"},
        {"coalesce(i, amount, f)",
         "(coalesce:float64 (to_float64:float64 #2:int64) (to_float64:float64 #6:decimal(2)) #4:float64)"},
        {"coalesce(null, i, null)", "(coalesce:int64 null:int64 #2:int64 null:int64)"},
        {"nullif(amount, 0)", "(nullif:decimal(2) #6:decimal(2) 0:int64)"},
        {"nullif(i, f)", "(nullif:int64 #2:int64 #4:float64)"},
        {"nullif(f, i)", "(nullif:float64 #4:float64 (to_float64:float64 #2:int64))"},
        {"if(yes, i, amount)", "(if:decimal(2) #0:bool (rescale:decimal(2) #2:int64) #6:decimal(2))"},
        {"case when yes then i when no then null else 1.5 end",
         "(case:decimal(1) #0:bool (rescale:decimal(1) #2:int64) #1:bool null:decimal(1) 1.5:decimal(1))"},
        {"case country when 'US' then 1 else 2 end", "(case_of:int64 #8:string 'US':string 1:int64 2:int64)"},
        {"case i when 1e0 then 'a' when 2 then 'b' end",
         "(case_of:string (to_float64:float64 #2:int64) 1.0:float64 'a':string (to_float64:float64 2:int64) "
         "'b':string)"},
        {"i in (1, 2.5)", "(in:bool #2:int64 1:int64 2.5:decimal(1))"},
        {"i in (1, 2e0, null)",
         "(in:bool (to_float64:float64 #2:int64) (to_float64:float64 1:int64) 2.0:float64 "
         "null:float64)"},
        {"amount between 1 and f",
         "(between:bool (to_float64:float64 #6:decimal(2)) (to_float64:float64 1:int64) "
         "#4:float64)"},
        {"least(i, amount)", "(least:decimal(2) (rescale:decimal(2) #2:int64) #6:decimal(2))"},
        {"sqrt(amount)", "(sqrt:float64 (to_float64:float64 #6:decimal(2)))"},
        {"decimal(f, 3)", "(decimal:decimal(3) #4:float64 3:int64)"},
        {"float64(i)", "(float64:float64 (to_float64:float64 #2:int64))"},
        {"int64(null) is null", "(is_null:bool (int64:int64 null:int64))"},
        {"null + 1.5", "(+:decimal(1) null:int64 1.5:decimal(1))"},
        {"null and yes", "(and:bool null:bool #0:bool)"},
        {"string(null)", "(string:string null:string)"},
        {"ABS(amount)", "(abs:decimal(2) #6:decimal(2))"},
        {"contains(prices, 1)", "(contains:bool #22:list<decimal(2)> (rescale:decimal(2) 1:int64))"},
        {"contains(scores, 2.5)", "(contains:bool #23:list<float64> (to_float64:float64 2.5:decimal(1)))"},
        {"hour(t, 'UTC')", "(hour:int64 #11:timestamp)"},
        {"md5_bucket('a', i, 10)", "(md5_bucket:int64 'a':string (string:string #2:int64) 10:int64)"},
        {"floor(amount) + ceil(f)",
         "(+:float64 (to_float64:float64 (floor:int64 #6:decimal(2))) (ceil:float64 #4:float64))"},
    };
    CHECK_CASES(cases);
}

static void canonical_text_ignores_blanks_case_and_parentheses(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"i+1", " ( i ) + (1)"},
        {"CASE WHEN yes THEN 1 END", "case when (yes) then 1 end"},
        {"i != 1", "i <> 1"},
        {"NOT yes", "not\n\tyes"},
        {"Coalesce(i, NULL)", "coalesce(i,null)"},
        {"timestamp '1970-01-01T00:00:00Z'", "TIMESTAMP  '1970-01-01 00:00:00'"},
        {"1e3", "1000e0"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct ss_buffer shown[2] = {{0}};
        for (int side = 0; side < 2; side++) {
            struct harness harness;
            harness_start(&harness, ss_bytes_of(pairs[i][side]));
            struct ss_node *node = harness_compile(&harness, &harness_scope);
            assert_non_null(node);
            ss_expression_canonical(node, &shown[side]);
            ss_buffer_byte(&shown[side], 0);
            ss_arena_release(&harness.arena);
        }
        assert_string_equal((const char *)shown[0].data, (const char *)shown[1].data);
        for (int side = 0; side < 2; side++) ss_buffer_release(&shown[side]);
    }
}

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

// ---- Aggregates

static void check_aggregate(const char *text, enum ss_aggregate_fn fn, size_t arguments, bool where,
                            int64_t over_us, int64_t within_us, int64_t hop_us)
{
    struct harness harness;
    harness_start(&harness, ss_bytes_of(text));
    struct ss_node *node =
        ss_expression_parse(harness.file.text, (struct ss_place){0, 0}, &harness.arena, &harness.diagnostics);
    assert_non_null(node);
    assert_int_equal(node->kind, SS_NODE_AGGREGATE);
    assert_int_equal(node->fn, fn);
    assert_string_equal(node->name, ss_aggregate_name(fn));
    assert_int_equal(node->argument_count, arguments);
    assert_int_equal(node->where != NULL, where);
    assert_true(node->over_us == over_us);
    assert_true(node->within_us == within_us);
    assert_true(node->hop_us == hop_us);
    ss_arena_release(&harness.arena);
}

static void aggregates_take_suffixes_in_any_order(void **state)
{
    (void)state;
    const int64_t hour = INT64_C(3600000000), day = 24 * hour;
    check_aggregate("sum(amount where country <> 'US') over 7d hop 1h", SS_AGG_SUM, 1, true, 7 * day, 0,
                    hour);
    check_aggregate("SUM(amount) HOP 1h OVER 7d", SS_AGG_SUM, 1, false, 7 * day, 0, hour);
    check_aggregate("count() over 7d", SS_AGG_COUNT, 0, false, 7 * day, 0, SS_HOP_DEFAULT);
    check_aggregate("sum(abs(i) where lower(s) = 'a') over 7d", SS_AGG_SUM, 1, true, 7 * day, 0,
                    SS_HOP_DEFAULT);
    check_aggregate("count(where i > 0) over 7d hop exact", SS_AGG_COUNT, 0, true, 7 * day, 0, 1);
    check_aggregate("count(i) over all", SS_AGG_COUNT, 1, false, SS_OVER_ALL, 0, SS_HOP_DEFAULT);
    check_aggregate("last(i) within 90d", SS_AGG_LAST, 1, false, SS_OVER_NONE, 90 * day, SS_HOP_DEFAULT);
    check_aggregate("last(i)", SS_AGG_LAST, 1, false, SS_OVER_NONE, 0, SS_HOP_DEFAULT);
    check_aggregate("mean(i) over 1d", SS_AGG_MEAN, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("var(i) over 1d", SS_AGG_VAR, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("stddev(i) over 1d", SS_AGG_STDDEV, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("min(i) over 1d", SS_AGG_MIN, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("max(i) over 1d", SS_AGG_MAX, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("first(i) over 1d", SS_AGG_FIRST, 1, false, day, 0, SS_HOP_DEFAULT);
    check_aggregate("count_distinct(i) over 1d", SS_AGG_COUNT_DISTINCT, 1, false, day, 0, SS_HOP_DEFAULT);
}

static bool count_node(void *context, struct ss_node *node)
{
    int *counts = context;
    counts[node->kind]++;
    return node->kind != SS_NODE_LITERAL || !node->value.present || node->type.id != SS_BOOL;
}

static void walk_visits_every_node_and_stops_when_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool through;
        int names;
    } cases[] = {{"sum(i where j > 0) over 7d / count() over 7d + f", true, 3},
                 {"i + j + true + f", false, 2}};
    for (size_t i = 0; i < 2; i++) {
        struct harness harness;
        int counts[5] = {0};
        harness_start(&harness, ss_bytes_of(cases[i].text));
        struct ss_node *node = ss_expression_parse(harness.file.text, (struct ss_place){0, 0}, &harness.arena,
                                                   &harness.diagnostics);
        assert_int_equal(ss_expression_walk(node, count_node, counts), cases[i].through);
        assert_int_equal(counts[SS_NODE_NAME], cases[i].names);
        ss_arena_release(&harness.arena);
    }
}

static bool aggregate_becomes_input(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)context;
    (void)diagnostics;
    node->kind = SS_NODE_INPUT;
    node->input = 100 + (int)node->fn;
    node->type = (struct ss_type){SS_INT64, 0};
    return true;
}

static void scope_turns_aggregates_into_inputs(void **state)
{
    (void)state;
    const struct ss_scope scope = {harness_resolve, aggregate_becomes_input, NULL, "a test"};
    struct harness harness;
    struct ss_buffer shown = {0};
    harness_start(&harness, ss_bytes_of("sum(i) over 7d / nullif(count() over 7d, 0)"));
    struct ss_node *node = harness_compile(&harness, &scope);
    assert_non_null(node);
    ss_expression_canonical(node, &shown);
    ss_buffer_byte(&shown, 0);
    assert_string_equal((const char *)shown.data, "(/:float64 #101:int64 (nullif:int64 #100:int64 0:int64))");
    ss_buffer_release(&shown);
    ss_arena_release(&harness.arena);
}

// ---- Limits and hostile input

static char *repeat(const char *head, const char *piece, size_t count, const char *tail)
{
    const size_t piece_size = strlen(piece);
    char *text = malloc(strlen(head) + piece_size * count + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) at = stpcpy(at, piece);
    strcpy(at, tail);
    return text;
}

// The only message, or "" when it compiles.
static void check_message(char *text, const char *want)
{
    struct harness harness;
    harness_start(&harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    if (*want) {
        assert_null(node);
        assert_int_equal(harness.diagnostics.count, 1);
        assert_string_equal(harness.diagnostics.items[0].message, want);
    } else {
        assert_non_null(node);
    }
    ss_arena_release(&harness.arena);
    free(text);
}

static void deep_nesting_is_an_error(void **state)
{
    (void)state;
    const char *const too_long = "the expression has 200001 bytes; at most 65536 are allowed";
    const char *const too_deep = "the expression is nested deeper than 100 levels";
    check_message(repeat("", "(", 200000, "1"), too_long);
    check_message(repeat("", "(", 60000, "1"), too_deep);
    check_message(repeat("", "-", 60000, "i"), too_deep);
    check_message(repeat("", "not ", 15000, "yes"), too_deep);
    check_message(repeat("", "abs(", 15000, "i"), too_deep);
    check_message(repeat("", "case when ", 6000, "yes"), too_deep);
    check_message(repeat("i in ", "(i in ", 10000, "(1)"), too_deep);
    check_message(repeat("", "(", 99, "i"), "expected ')', got the end");
    check_message(repeat("i", "+i", 900, ""), "");
    check_message(repeat("yes", " and yes", 999, ""), "");
    check_message(repeat("i", "+i", 20000, ""),
                  "a chain of more than 1000 operators is too long; split it with parentheses");
    check_message(repeat("i in (1", ",1", 20000, ")"), "");
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t start_seed(void)
{
    const char *text = getenv("SS_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 20260131;
    print_message("seed %llu (set SS_SEED for another)\n", (unsigned long long)seed);
    return seed;
}

static const char *const seeds_of_mutation[] = {
    "sum(amount where country <> 'US') over 7d hop 1h / nullif(count() over 7d, 0)",
    "case when i between 1 and 5 then 'a' when name in ('x', 'it''s') then lower(name) else null end",
    "coalesce(decimal(f, 3), amount * 1.5, -i) >= 1e-3 and not (t - paid_at > 1h30m)",
    "if(n_bool, least(i, j, 9223372036854775807), int64('12')) mod -3 is not null",
    "timestamp '2026-01-31T10:00:00Z' + 5m = t or last(rate) within 90d < 0.000000000000000001",
    "bucketize(clip(amount, 0, 9.5), -1, 2.5, 1e3) + position_of(country, 'a', 'b') * md5_bucket('exp', "
    "concat(name, country, '-'), 10)",
    "regexp_matches(regexp_replace(name, '(?i)(z+)|(?<=o).', '<\\\\1>'), '^[a-z]{2,9}$') or "
    "regexp_extract(country, '(U)(.)', 2) = 'S'",
};
#define MUTATION_SEEDS (sizeof(seeds_of_mutation) / sizeof(seeds_of_mutation[0]))

static size_t mutate(char *text, uint64_t *seed)
{
    strcpy(text, seeds_of_mutation[next_random(seed) % MUTATION_SEEDS]);
    size_t size = strlen(text);
    for (uint64_t changes = 1 + next_random(seed) % 4; changes > 0; changes--) {
        const size_t at = next_random(seed) % size;
        static const char interesting[] = "()',.*-+<>=! \t\n0123456789eE_azAZ\"%\x80\xff\xc3";
        switch (next_random(seed) % 3) {
        case 0: text[at] = interesting[next_random(seed) % sizeof(interesting)]; break;
        case 1: memmove(text + at, text + at + 1, size - at - 1), size -= size > 1; break;
        default: memmove(text + at, text, size - at); break;
        }
    }
    return size;
}

static void random_bytes_and_mutated_expressions_never_crash(void **state)
{
    (void)state;
    uint64_t seed = start_seed();
    const struct ss_scope scope = {harness_resolve, aggregate_becomes_input, NULL, "a test"};
    int compiled = 0;
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t size = next_random(&seed) % 40;
        if (round % 2)
            size = mutate(text, &seed);
        else
            for (size_t i = 0; i < size; i++) text[i] = (char)next_random(&seed);
        char *exact = malloc(size + 1); // so that a read past the end is seen
        assert_non_null(exact);
        memcpy(exact, text, size);
        exact = realloc(exact, size ? size : 1);
        struct harness harness;
        struct ss_buffer shown = {0};
        harness_start(&harness, (struct ss_bytes){exact, size});
        struct ss_node *node = harness_compile(&harness, &scope);
        assert_int_equal(node != NULL, harness.diagnostics.count == 0);
        if (node) {
            compiled++;
            ss_expression_canonical(node, &shown);
            assert_non_null(ss_program_build(&node, 1, &harness.arena));
        }
        print_errors(&harness, &shown);
        ss_buffer_release(&shown);
        ss_arena_release(&harness.arena);
        free(exact);
    }
    assert_in_range(compiled, 10, 19000);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const struct ss_scope scope = {harness_resolve, aggregate_becomes_input, NULL, "a test"};
    for (size_t which = 0; which < MUTATION_SEEDS; which++) {
        bool failed = true;
        for (long k = 1; failed; k++) {
            struct harness harness;
            harness_start(&harness, ss_bytes_of(seeds_of_mutation[which]));
            ss_fail_allocation_at(k);
            struct ss_node *node = harness_compile(&harness, &scope);
            struct ss_program *program = node ? ss_program_build(&node, 1, &harness.arena) : NULL;
            failed = ss_allocations_made() >= k;
            ss_fail_allocation_at(0);
            assert_int_equal(harness.diagnostics.count, 0);
            assert_int_equal(program == NULL, failed);
            if (!node) assert_true(harness.diagnostics.out_of_memory);
            ss_arena_release(&harness.arena);
        }
    }
}

static void reserved_words_and_tokens_are_known(void **state)
{
    (void)state;
    assert_true(ss_is_reserved_word(ss_bytes_of("AND")));
    assert_true(ss_is_reserved_word(ss_bytes_of("where")));
    assert_false(ss_is_reserved_word(ss_bytes_of("an")));
    assert_false(ss_is_reserved_word(ss_bytes_of("andy")));
    assert_false(ss_is_reserved_word(ss_bytes_of("over")));
    assert_false(ss_is_reserved_word(ss_bytes_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_have_the_type_they_are_written_in),
        cmocka_unit_test(operators_bind_as_in_sql),
        cmocka_unit_test(conversions_are_inserted_where_types_mix),
        cmocka_unit_test(canonical_text_ignores_blanks_case_and_parentheses),
        cmocka_unit_test(syntax_errors_say_place_and_expectation),
        cmocka_unit_test(aggregate_errors_say_place_and_expectation),
        cmocka_unit_test(type_errors_say_place_and_expectation),
        cmocka_unit_test(all_type_errors_of_a_tree_are_found),
        cmocka_unit_test(places_count_from_where_the_text_stands_in_its_file),
        cmocka_unit_test(aggregates_take_suffixes_in_any_order),
        cmocka_unit_test(walk_visits_every_node_and_stops_when_told),
        cmocka_unit_test(scope_turns_aggregates_into_inputs),
        cmocka_unit_test(deep_nesting_is_an_error),
        cmocka_unit_test(random_bytes_and_mutated_expressions_never_crash),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(reserved_words_and_tokens_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
