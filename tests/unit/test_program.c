// Programs: what every operator and function gives for values, nulls and edges; sharing, print-out, memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/program_harness.h"

static void exact_arithmetic_is_exact_and_null_when_it_does_not_fit(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"i + j", "int64 4"},
        {"i - j", "int64 10"},
        {"i * j", "int64 -21"},
        {"-i", "int64 -7"},
        {"i + n_int64", "int64 null"},
        {"n_int64 * 0", "int64 null"},
        {"-n_int64", "int64 null"},
        {"i + 9223372036854775800", "int64 9223372036854775807"},
        {"i + 9223372036854775801", "int64 null"},
        {"j - 9223372036854775807", "int64 null"},
        {"i * 1317624576693539401", "int64 9223372036854775807"},
        {"i * 1317624576693539402", "int64 null"},
        {"-(j - 9223372036854775805)", "int64 null"},
        {"abs(j - 9223372036854775805)", "int64 null"},
        {"abs(j)", "int64 3"},
        {"amount + 1", "decimal(2) 13.50"},
        {"amount + rate", "decimal(4) 11.2655"},
        {"amount - rate", "decimal(4) 13.7345"},
        {"amount * rate", "decimal(6) -15.431250"},
        {"amount * i", "decimal(2) 87.50"},
        {"-rate", "decimal(4) 1.2345"},
        {"abs(rate)", "decimal(4) 1.2345"},
        {"amount + n_amount", "decimal(2) null"},
        {"amount + 9999999999999987.49", "decimal(2) 9999999999999999.99"},
        {"amount + 9999999999999987.50", "decimal(2) null"},
        {"(i + 9000000000000000000) + amount", "decimal(2) null"},
        {"amount * 100000000000000000", "decimal(2) null"},
        {"(i + 5000000000000000000) + (-4999999999999999995 - amount * 0)", "decimal(2) null"},
        {"amount * 0 + 9000000000000000000", "decimal(2) null"},
        {"(i + 9000000000000000000) - (amount * 0 + 9000000000000000.00) > 0", "bool null"},
        {"999999999999999999 * i + 0.5 is null", "bool true"},
        {"-9223372036854775808 + rate * 0", "decimal(4) null"},
        {"i div 2", "int64 3"},
        {"j div 2", "int64 -1"},
        {"i mod j", "int64 1"},
        {"j mod 2", "int64 -1"},
        {"i div (i - 7)", "int64 null"},
        {"i mod 0", "int64 null"},
        {"(j - 9223372036854775805) div -1", "int64 null"},
        {"(j - 9223372036854775805) mod -1", "int64 0"},
        {"n_int64 div 1", "int64 null"},
        {"1 mod n_int64", "int64 null"},
    };
    CHECK_VALUES(cases);
}

static void quotients_are_rounded_once(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"i / j", "float64 -2.3333333333333335"},
        {"i / 2", "float64 3.5"},
        {"amount / rate", "float64 -10.125556905629809"},
        {"0 / j", "float64 0.0"},
        {"i / (i - 7)", "float64 null"},
        {"n_int64 / 1", "float64 null"},
        {"f / 0", "float64 null"},
        {"f / g", "float64 -25.0"},
        {"0e0 / g", "float64 0.0"},
        // 2^53 + 1 is no double: rounding the operands first would give 3002399751580330.5 here.
        {"9007199254740993 / 3", "float64 3002399751580331.0"},
        {"(i + 9007199254740986) / (j + 6)", "float64 3002399751580331.0"},
        {"9007199254740993 / -9007199254740992", "float64 -1.0"},
        {"9007199254740995 / 9007199254740992", "float64 1.0000000000000004"},
        {"(i + 9223372036854775800) / 3", "float64 3.0744573456182584e+18"},
        {"999999999999999999 / 1000000000000000000", "float64 1.0"},
        {"-9223372036854775808 / 0.000000000000000001", "float64 -9.223372036854776e+36"},
        {"0.000000000000000001 / (i + 9223372036854775800)", "float64 1.0842021724855045e-37"},
    };
    CHECK_VALUES(cases);
}

static void doubles_are_never_nan_infinite_or_minus_zero(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"f + g", "float64 2.4"},
        {"f * 1e308 * 10", "float64 null"},
        {"f * -1e308 * 10", "float64 null"},
        {"g * 1e-320 * 1e-10", "float64 0.0"},
        {"-(f - 2.5e0)", "float64 0.0"},
        {"f - f", "float64 0.0"},
        {"ceil(g)", "float64 0.0"},
        {"floor(g)", "float64 -1.0"},
        {"floor(f)", "float64 2.0"},
        {"ceil(f)", "float64 3.0"},
        {"abs(g)", "float64 0.1"},
        {"-g", "float64 0.1"},
        {"f + n_float64", "float64 null"},
        {"f + i", "float64 9.5"},
        {"f * amount", "float64 31.25"},
        {"f + rate", "float64 1.2655"},
        {"sqrt(f)", "float64 1.5811388300841898"},
        {"sqrt(g)", "float64 null"},
        {"sqrt(i - 7)", "float64 0.0"},
        {"sqrt(n_int64)", "float64 null"},
        {"5e-324 / 2", "float64 0.0"},
        {"5e-324 * 1.5e0", "float64 1e-323"},
    };
    CHECK_VALUES(cases);
}

static void exp_log_and_pow_are_correctly_rounded(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"exp(i - 7)", "float64 1.0"},
        {"exp(1)", "float64 2.718281828459045"},
        {"exp(710)", "float64 null"},
        {"exp(-745)", "float64 5e-324"},
        {"exp(-746)", "float64 0.0"},
        {"log(0)", "float64 null"},
        {"log(j)", "float64 null"},
        {"log(1)", "float64 0.0"},
        {"log(i)", "float64 1.9459101490553132"},
        {"log2(8)", "float64 3.0"},
        {"log10(1000)", "float64 3.0"},
        {"log10(0.001)", "float64 -3.0"},
        {"log1p(-1)", "float64 null"},
        {"log1p(-2)", "float64 null"},
        {"log1p(1e-300)", "float64 1e-300"},
        {"log1p(5e-324)", "float64 5e-324"},
        {"expm1(5e-324)", "float64 5e-324"},
        {"expm1(-800)", "float64 -1.0"},
        {"expm1(-0e0)", "float64 0.0"},
        {"pow(2, 0.5)", "float64 1.4142135623730951"},
        {"pow(-8, 1 / 3)", "float64 null"},
        {"pow(j, 3)", "float64 -27.0"},
        {"pow(0, 0)", "float64 1.0"},
        {"pow(0, -1)", "float64 null"},
        {"pow(10, 400)", "float64 null"},
        {"pow(2, -1074)", "float64 5e-324"},
        {"pow(2, -1075)", "float64 0.0"},
        {"pow(-2, -1075)", "float64 0.0"},
        {"pow(n_float64, 0)", "float64 null"},
        {"pow(2, n_int64)", "float64 null"},
        {"exp(n_float64)", "float64 null"},
    };
    CHECK_VALUES(cases);
}

static void comparisons_are_exact_and_three_valued(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"i = 7", "bool true"},
        {"i <> 7", "bool false"},
        {"i < 7", "bool false"},
        {"i <= 7", "bool true"},
        {"i > 6.99", "bool true"},
        {"i >= 7.00000000000000001", "bool false"},
        {"amount = 12.5", "bool true"},
        {"amount > rate", "bool true"},
        {"9007199254740993 = 9007199254740992.0", "bool false"},
        {"9007199254740993 = 9007199254740992e0", "bool true"},
        {"(i + 9223372036854775800) > 0.000000000000000001", "bool true"},
        {"f > i", "bool false"},
        {"f = 2.5", "bool true"},
        {"g = -0.1", "bool true"},
        {"country = 'US'", "bool true"},
        {"country < 'USA'", "bool true"},
        {"country > 'us'", "bool false"},
        {"country <> 'US'", "bool false"},
        {"country >= 'US'", "bool true"},
        {"'\xc3\xa4' > 'z'", "bool true"},
        {"country = ''", "bool false"},
        {"yes = no", "bool false"},
        {"yes <> no", "bool true"},
        {"n_bool = yes", "bool null"},
        {"i = n_int64", "bool null"},
        {"n_int64 = n_int64", "bool null"},
        {"f < n_float64", "bool null"},
        {"n_string <> 'a'", "bool null"},
        {"n_amount >= 0", "bool null"},
        {"t > paid_at", "bool true"},
        {"t > n_time", "bool null"},
        {"t = timestamp '1970-01-01T00:01:01Z'", "bool true"},
        {"i between 7 and 7.5", "bool true"},
        {"i not between 8 and 9", "bool true"},
        {"i between n_int64 and 3", "bool false"},
        {"i between n_int64 and 9", "bool null"},
        {"country between 'A' and 'Z'", "bool true"},
        {"i in (1, 7)", "bool true"},
        {"i in (1, 2)", "bool false"},
        {"i in (1, null)", "bool null"},
        {"i in (7, null)", "bool true"},
        {"i not in (1, null)", "bool null"},
        {"n_int64 in (1)", "bool null"},
        {"amount in (1, 12.500)", "bool true"},
        {"country in ('DE', 'US')", "bool true"},
        {"yes in (no, yes)", "bool true"},
    };
    CHECK_VALUES(cases);
}

static void logic_is_that_of_sql(void **state)
{
    (void)state;
    static const char *const operands[] = {"yes", "no", "n_bool"};
    static const char *const conjunction[] = {"true",  "false", "null",  "false", "false",
                                              "false", "null",  "false", "null"};
    static const char *const disjunction[] = {"true", "true", "true", "true", "false",
                                              "null", "true", "null", "null"};
    static const char *const negation[] = {"false", "true", "null"};
    char text[64], want[16];
    for (size_t a = 0; a < 3; a++) {
        for (size_t b = 0; b < 3; b++) {
            snprintf(text, sizeof(text), "%s and %s", operands[a], operands[b]);
            snprintf(want, sizeof(want), "bool %s", conjunction[3 * a + b]);
            check_value(text, want);
            snprintf(text, sizeof(text), "%s or %s", operands[a], operands[b]);
            snprintf(want, sizeof(want), "bool %s", disjunction[3 * a + b]);
            check_value(text, want);
        }
        snprintf(text, sizeof(text), "not %s", operands[a]);
        snprintf(want, sizeof(want), "bool %s", negation[a]);
        check_value(text, want);
    }
}

static void choices_and_null_tests_take_the_right_side(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"i is null", "bool false"},
        {"n_int64 is null", "bool true"},
        {"n_string is not null", "bool false"},
        {"country is not null", "bool true"},
        {"i / 0 is null", "bool true"},
        {"coalesce(n_int64, i)", "int64 7"},
        {"coalesce(j, i)", "int64 -3"},
        {"coalesce(n_int64, n_amount)", "decimal(2) null"},
        {"coalesce(n_amount, i)", "decimal(2) 7.00"},
        {"coalesce(n_string, country)", "string US"},
        {"coalesce(n_bool, yes)", "bool true"},
        {"coalesce(n_float64, i)", "float64 7.0"},
        {"coalesce(n_time, t)", "timestamp 1970-01-01T00:01:01Z"},
        {"coalesce(i + 9000000000000000000, amount)", "decimal(2) 12.50"}, // the first does not fit
        {"nullif(i, 7)", "int64 null"},
        {"nullif(i, 7.1)", "int64 7"},
        {"nullif(amount, 12.5)", "decimal(2) null"},
        {"nullif(i, n_int64)", "int64 7"},
        {"nullif(n_int64, 7)", "int64 null"},
        {"nullif(i, 7e0)", "int64 null"},
        {"nullif(f, 2.5)", "float64 null"},
        {"nullif(country, 'DE')", "string US"},
        {"if(yes, i, j)", "int64 7"},
        {"if(no, i, j)", "int64 -3"},
        {"if(n_bool, i, j)", "int64 -3"},
        {"if(yes, n_int64, j)", "int64 null"},
        {"if(yes, country, name)", "string US"},
        {"if(i > 0, amount, i)", "decimal(2) 12.50"},
        {"case when no then 1 when yes then 2 else 3 end", "int64 2"},
        {"case when no then 1 when n_bool then 2 else 3 end", "int64 3"},
        {"case when no then 1 end", "int64 null"},
        {"case when yes then null else 5 end", "int64 null"},
        {"case country when 'DE' then 'a' when 'US' then 'b' else 'c' end", "string b"},
        {"case n_string when 'DE' then 'a' else 'c' end", "string c"},
        {"case i when 7.00 then 1.5 end", "decimal(1) 1.5"},
        {"case i when null then 1 else 2 end", "int64 2"},
        {"least(i, j)", "int64 -3"},
        {"greatest(i, j, amount)", "decimal(2) 12.50"},
        {"least(i, n_int64)", "int64 null"},
        {"greatest(n_int64, i)", "int64 null"},
        {"least(f, i)", "float64 2.5"},
        {"greatest(country, 'UR', 'UT')", "string UT"},
        {"least(t, paid_at)", "timestamp 1970-01-01T00:00:01Z"},
        {"least(i)", "int64 7"},
        {"int64(null)", "int64 null"},
    };
    CHECK_VALUES(cases);
}

static void times_move_by_microseconds_within_their_years(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"t - paid_at", "int64 60000000"},
        {"t - 1m", "timestamp 1970-01-01T00:00:01Z"},
        {"t + 1", "timestamp 1970-01-01T00:01:01.000001Z"},
        {"1h + t", "timestamp 1970-01-01T01:01:01Z"},
        {"t - n_time", "int64 null"},
        {"t + n_int64", "timestamp null"},
        {"n_time + 5m", "timestamp null"},
        {"timestamp '9999-12-31T23:59:59.999999Z' + (i - 7)", "timestamp 9999-12-31T23:59:59.999999Z"},
        {"timestamp '9999-12-31T23:59:59.999999Z' + (i - 6)", "timestamp null"},
        {"timestamp '0001-01-01T00:00:00Z' - (i - 6)", "timestamp null"},
        {"t + (i + 9223372036854775800)", "timestamp null"},
        {"timestamp '9999-12-31T23:59:59.999999Z' - timestamp '0001-01-01T00:00:00Z'",
         "int64 315537897599999999"},
    };
    CHECK_VALUES(cases);
}

static void text_functions_count_code_points(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"lower(country)", "string us"},
        {"upper('zo\xc3\xab z')", "string ZO\xc3\xab Z"},
        {"lower('\xc3\x84@[`{AZ')", "string \xc3\x84@[`{az"},
        {"trim(name)", "string Zo\xc3\xab \xe2\x82\xac"},
        {"trim(' \t\n ')", "string "},
        {"trim('\xc2\xa0x')", "string \xc2\xa0x"},
        {"length(name)", "int64 7"},
        {"length('')", "int64 0"},
        {"length(n_string)", "int64 null"},
        {"lower(n_string)", "string null"},
        {"upper(n_string)", "string null"},
        {"trim(n_string)", "string null"},
        {"substr(name, 4)", "string \xc3\xab \xe2\x82\xac\t"},
        {"substr(name, 4, 1)", "string \xc3\xab"},
        {"substr(name, 4, 3)", "string \xc3\xab \xe2\x82\xac"},
        {"substr(country, 1, 99)", "string US"},
        {"substr(country, 0)", "string US"},
        {"substr(country, 0, 2)", "string U"},
        {"substr(country, -5, 7)", "string U"},
        {"substr(country, 3)", "string "},
        {"substr(country, 2, 0)", "string "},
        {"substr(country, 2, -1)", "string null"},
        {"substr(country, 2, 9223372036854775807)", "string S"},
        {"substr(country, -9223372036854775808, 9223372036854775807)", "string "},
        {"substr(country, -9223372036854775808)", "string US"},
        {"substr(n_string, 1)", "string null"},
        {"substr(country, n_int64)", "string null"},
        {"substr(country, 1, n_int64)", "string null"},
    };
    CHECK_VALUES(cases);
}

static void casts_that_do_not_fit_are_null(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"int64(f)", "int64 2"},
        {"int64(-2.5e0)", "int64 -2"},
        {"int64(g)", "int64 0"},
        {"int64(9223372036854775807e0)", "int64 null"},
        {"int64(-9223372036854775808e0)", "int64 -9223372036854775808"},
        {"int64(1e300)", "int64 null"},
        {"int64(amount)", "int64 12"},
        {"int64(rate)", "int64 -1"},
        {"int64(yes)", "int64 1"},
        {"int64(n_bool)", "int64 null"},
        {"int64(t)", "int64 61000000"},
        {"int64('-12')", "int64 -12"},
        {"int64(' 12')", "int64 null"},
        {"int64(country)", "int64 null"},
        {"int64(i)", "int64 7"},
        {"float64(i)", "float64 7.0"},
        {"float64(rate)", "float64 -1.2345"},
        {"float64(9007199254740993)", "float64 9007199254740992.0"},
        {"float64(99999999999999999.9)", "float64 1e+17"},
        {"float64('1e3')", "float64 1000.0"},
        {"float64('-0')", "float64 0.0"},
        {"float64('nan')", "float64 null"},
        {"float64('inf')", "float64 null"},
        {"float64('x')", "float64 null"},
        {"float64(n_string)", "float64 null"},
        {"decimal(rate, 2)", "decimal(2) -1.23"},
        {"decimal(rate, 6)", "decimal(6) -1.234500"},
        {"decimal(0.125, 2)", "decimal(2) 0.12"},
        {"decimal(0.135, 2)", "decimal(2) 0.14"},
        {"decimal(-0.375, 2)", "decimal(2) -0.38"},
        {"decimal(-0.365, 2)", "decimal(2) -0.36"},
        {"decimal(i, 17)", "decimal(17) 7.00000000000000000"},
        {"decimal(i, 18)", "decimal(18) null"},
        {"decimal(f, 0)", "decimal(0) 2"},
        {"decimal(3.5e0, 0)", "decimal(0) 4"},
        {"decimal(g, 3)", "decimal(3) -0.100"},
        {"decimal(g, 18)", "decimal(18) -0.100000000000000006"},
        {"decimal(1e18, 0)", "decimal(0) null"},
        {"decimal(999999999999999872e0, 0)", "decimal(0) 999999999999999872"},
        {"decimal(1e300, 2)", "decimal(2) null"},
        {"decimal(1e-300, 2)", "decimal(2) 0.00"},
        {"decimal(5e-324, 18)", "decimal(18) 0.000000000000000000"},
        {"decimal('12.5', 2)", "decimal(2) 12.50"},
        {"decimal('12.345', 2)", "decimal(2) null"},
        {"decimal(n_float64, 2)", "decimal(2) null"},
        {"string(i)", "string 7"},
        {"string(-9223372036854775808)", "string -9223372036854775808"},
        {"string(f)", "string 2.5"},
        {"string(amount)", "string 12.50"},
        {"string(yes)", "string true"},
        {"string(t)", "string 1970-01-01T00:01:01Z"},
        {"string(country)", "string US"},
        {"string(n_int64)", "string null"},
        {"floor(rate)", "int64 -2"},
        {"ceil(rate)", "int64 -1"},
        {"floor(amount)", "int64 12"},
        {"ceil(amount)", "int64 13"},
        {"ceil(12.00)", "int64 12"},
        {"floor(i)", "int64 7"},
        {"ceil(n_amount)", "int64 null"},
        {"floor(1e300)", "float64 1e+300"},
    };
    CHECK_VALUES(cases);
}

static void inputs_and_constants_are_outputs_too(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"country", "string US"}, {"n_string", "string null"},
        {"yes", "bool true"},     {"request.amount", "decimal(2) 2.50"},
        {"'abc'", "string abc"},  {"5", "int64 5"},
        {"true", "bool true"},    {"1 + 2 * 3", "int64 7"},
    };
    CHECK_VALUES(cases);
}

// ---- The program itself

static void check_print(const char *const *texts, size_t count, const char *want)
{
    struct harness harness[4];
    struct ss_node *roots[4] = {NULL};
    struct ss_buffer shown = {0};
    for (size_t i = 0; i < count; i++) {
        harness_start(&harness[i], ss_bytes_of(texts[i]));
        roots[i] = harness_compile(&harness[i], &harness_scope);
        assert_non_null(roots[i]);
    }
    struct ss_program *program = ss_program_build(roots, count, &harness[0].arena);
    assert_non_null(program);
    assert_int_equal(ss_program_output_count(program), count);
    ss_program_print(program, &shown);
    ss_buffer_byte(&shown, 0);
    assert_string_equal((const char *)shown.data, want);
    ss_buffer_release(&shown);
    for (size_t i = 0; i < count; i++) ss_arena_release(&harness[i].arena);
}

static void common_subtrees_are_computed_once(void **state)
{
    (void)state;
    static const char *const texts[] = {"amount * rate + 1", "amount * rate > 2 or amount*rate is null", "i"};
    check_print(texts, 3,
                "r0 = input 6 : decimal(2)\n"
                "r1 = input 7 : decimal(4)\n"
                "r2 = multiply_exact r0 r1 : decimal(6)\n"
                "r3 = constant 1 : int64\n"
                "r4 = add_exact r2 r3 : decimal(6)\n"
                "r5 = constant 2 : int64\n"
                "r6 = less_exact r5 r2 : bool\n"
                "r7 = is_null r2 : bool\n"
                "r8 = or r6 r7 : bool\n"
                "r9 = input 2 : int64\n"
                "output 0 = r4\n"
                "output 1 = r8\n"
                "output 2 = r9\n");
}

static void shared_nodes_cost_their_number_and_not_their_paths(void **state)
{
    (void)state;
    struct harness harness;
    harness_start(&harness, ss_bytes_of("f + f"));
    struct ss_node *node = harness_compile(&harness, &harness_scope);
    assert_non_null(node);
    for (int level = 0; level < 60; level++) { // 2^60 paths
        struct ss_node *copies = ss_arena_array(&harness.arena, 2, sizeof(*copies));
        struct ss_node **arguments = ss_arena_array(&harness.arena, 2, sizeof(*arguments));
        struct ss_node *sum = ss_arena_copy(&harness.arena, node, sizeof(*node));
        copies[0] = copies[1] = *node;
        arguments[0] = &copies[0];
        arguments[1] = &copies[1];
        sum->arguments = arguments;
        node = sum;
    }
    struct ss_program *program = ss_program_build(&node, 1, &harness.arena);
    assert_non_null(program);
    struct inputs inputs;
    struct ss_column output;
    fill_inputs(&inputs, 1, &harness.arena);
    assert_int_equal(ss_program_run(program, inputs.pointers, 1, &harness.arena, &output, NULL), SS_OK);
    assert_true(output.f64[0] == 2.5 * 0x1p61);
    ss_arena_release(&harness.arena);
}

static bool is_exp_of_f(const struct ss_column *output)
{
    return output->length == 9 && output->f64[8] == 12.182493960703473;
}

static void threads_may_run_one_program_at_once(void **state)
{
    (void)state;
    check_in_threads("if(lower(trim(name)) = 'x', 0e0, exp(f))", is_exp_of_f);
}

static void constants_are_computed_when_the_program_is_built(void **state)
{
    (void)state;
    static const char *const texts[] = {"i + 2 * 3", "upper('a') = 'A'", "decimal(f, 2)",
                                        "coalesce(amount, 1)"};
    check_print(texts, 4,
                "r0 = input 2 : int64\n"
                "r1 = constant 6 : int64\n"
                "r2 = add_exact r0 r1 : int64\n"
                "r3 = constant true : bool\n"
                "r4 = input 4 : float64\n"
                "r5 = float64_to_decimal r4 : decimal(2)\n"
                "r6 = input 6 : decimal(2)\n"
                "r7 = constant 1.00 : decimal(2)\n"
                "r8 = coalesce r6 r7 : decimal(2)\n"
                "output 0 = r2\n"
                "output 1 = r3\n"
                "output 2 = r5\n"
                "output 3 = r8\n");
}

static void run_of_no_rows_gives_empty_columns(void **state)
{
    (void)state;
    static const char *const texts[] = {"i + 1", "lower(country)", "yes and no", "country", "f"};
    for (size_t i = 0; i < 5; i++) {
        struct harness harness;
        struct inputs inputs;
        struct ss_column output;
        struct ss_program *program = build(&harness, texts[i]);
        fill_inputs(&inputs, 0, &harness.arena);
        assert_int_equal(ss_program_run(program, inputs.pointers, 0, &harness.arena, &output, NULL), SS_OK);
        assert_int_equal(output.length, 0);
        assert_true(ss_type_equal(output.type, ss_program_output_type(program, 0)));
        ss_arena_release(&harness.arena);
    }
}

static void values_under_nulls_are_zero_or_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "i + n_int64",           "i < n_int64",           "lower(n_string)",          "f / 0",
        "substr(country, 1, j)", "decimal(1e300 * f, 2)", "if(yes, n_amount, amount)"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct harness harness;
        struct inputs inputs;
        struct ss_column output;
        struct ss_program *program = build(&harness, texts[i]);
        fill_inputs(&inputs, 1, &harness.arena);
        assert_int_equal(ss_program_run(program, inputs.pointers, 1, &harness.arena, &output, NULL), SS_OK);
        assert_false(ss_bit_get(output.validity, 0));
        if (output.type.id == SS_STRING)
            assert_int_equal(output.offsets[1], 0);
        else if (output.type.id == SS_BOOL)
            assert_false(ss_bit_get(output.bits, 0));
        else
            assert_true(output.i64[0] == 0);
        ss_arena_release(&harness.arena);
    }
}

static void every_failing_allocation_of_a_run_is_reported(void **state)
{
    (void)state;
    struct harness harness;
    struct inputs inputs;
    struct ss_program *program = build(&harness, "if(yes, lower(trim(name)), string(i + 1) )");
    fill_inputs(&inputs, 9, &harness.arena);
    bool failed = true;
    int failures = 0;
    for (long k = 1; failed; k++) {
        struct ss_arena arena = {0};
        struct ss_column output;
        struct ss_error error = {0};
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_program_run(program, inputs.pointers, 9, &arena, &output, &error);
        failed = ss_allocations_made() >= k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, failed ? SS_OUT_OF_MEMORY : SS_OK);
        failures += failed;
        ss_arena_release(&arena);
    }
    assert_true(failures > 0);
    // However little the arena may give, the answer is whole or an error.
    for (size_t limit = 1; limit < 4000; limit += 16) {
        struct ss_arena arena;
        struct ss_column output;
        ss_arena_init(&arena, limit);
        const enum ss_status status = ss_program_run(program, inputs.pointers, 9, &arena, &output, NULL);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        if (status == SS_OK) assert_int_equal(output.length, 9);
        ss_arena_release(&arena);
    }
    ss_arena_release(&harness.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_arithmetic_is_exact_and_null_when_it_does_not_fit),
        cmocka_unit_test(quotients_are_rounded_once),
        cmocka_unit_test(doubles_are_never_nan_infinite_or_minus_zero),
        cmocka_unit_test(exp_log_and_pow_are_correctly_rounded),
        cmocka_unit_test(comparisons_are_exact_and_three_valued),
        cmocka_unit_test(logic_is_that_of_sql),
        cmocka_unit_test(choices_and_null_tests_take_the_right_side),
        cmocka_unit_test(times_move_by_microseconds_within_their_years),
        cmocka_unit_test(text_functions_count_code_points),
        cmocka_unit_test(casts_that_do_not_fit_are_null),
        cmocka_unit_test(inputs_and_constants_are_outputs_too),
        cmocka_unit_test(common_subtrees_are_computed_once),
        cmocka_unit_test(shared_nodes_cost_their_number_and_not_their_paths),
        cmocka_unit_test(threads_may_run_one_program_at_once),
        cmocka_unit_test(constants_are_computed_when_the_program_is_built),
        cmocka_unit_test(run_of_no_rows_gives_empty_columns),
        cmocka_unit_test(values_under_nulls_are_zero_or_empty),
        cmocka_unit_test(every_failing_allocation_of_a_run_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
