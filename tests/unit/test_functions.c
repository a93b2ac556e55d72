// The functions of the expression language: values, nulls and edges, by family.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/program_harness.h"

static void rounding_ties_to_even_and_cuts_toward_zero(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"round(i)", "int64 7"},
        {"round(amount)", "int64 12"},
        {"round(amount + 1)", "int64 14"},
        {"round(-0.5)", "int64 0"},
        {"round(999999999999999999)", "int64 999999999999999999"},
        {"round(f)", "float64 2.0"},
        {"round(f + 1)", "float64 4.0"},
        {"round(g)", "float64 0.0"},
        {"round(-1.5e0)", "float64 -2.0"},
        {"round(4503599627370495.5e0)", "float64 4503599627370496.0"},
        {"round(4503599627370497e0)", "float64 4503599627370497.0"},
        {"round(0.49999999999999994e0)", "float64 0.0"},
        {"round(-1.7976931348623157e308)", "float64 -1.7976931348623157e+308"},
        {"round(n_float64)", "float64 null"},
        {"round(n_amount)", "int64 null"},
        {"trunc(i)", "int64 7"},
        {"trunc(rate)", "int64 -1"},
        {"trunc(amount)", "int64 12"},
        {"trunc(-2.7e0)", "float64 -2.0"},
        {"trunc(g)", "float64 0.0"},
        {"trunc(5e-324)", "float64 0.0"},
        {"trunc(n_float64)", "float64 null"},
        {"sign(j)", "int64 -1"},
        {"sign(amount)", "int64 1"},
        {"sign(i - 7)", "int64 0"},
        {"sign(-5e-324)", "int64 -1"},
        {"sign(f - f)", "int64 0"},
        {"sign(n_float64)", "int64 null"},
        {"sign(n_amount)", "int64 null"},
    };
    CHECK_VALUES(cases);
}

static void functions_of_angles_and_roots_are_rounded_once(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"exp2(f)", "float64 5.656854249492381"},
        {"exp2(-1074)", "float64 5e-324"},
        {"exp2(-1075)", "float64 0.0"},
        {"exp2(1024)", "float64 null"},
        {"cbrt(27)", "float64 3.0"},
        {"cbrt(-5e-324)", "float64 -1.7031839360032603e-108"},
        {"hypot(i - 4, 4)", "float64 5.0"},
        {"hypot(5e-324, 0)", "float64 5e-324"},
        {"hypot(1.7e308, 1.7e308)", "float64 null"},
        {"hypot(n_float64, 1)", "float64 null"},
        {"sin(i)", "float64 0.6569865987187891"},
        {"sin(1e22)", "float64 -0.8522008497671888"},
        {"sin(5e-324)", "float64 5e-324"},
        {"cos(1.7976931348623157e308)", "float64 -0.9999876894265599"},
        {"tan(1.5707963267948966e0)", "float64 1.633123935319537e+16"},
        {"asin(2)", "float64 null"},
        {"acos(-1)", "float64 3.141592653589793"},
        {"acos(f)", "float64 null"},
        {"atan(1e300)", "float64 1.5707963267948966"},
        {"atan2(0, -1)", "float64 3.141592653589793"},
        {"atan2(0, 0)", "float64 0.0"},
        {"atan2(-1, 0)", "float64 -1.5707963267948966"},
        {"atan2(5e-324, 3)", "float64 0.0"},
        {"atan2(5e-324, 1.5)", "float64 5e-324"},
        {"sinh(711)", "float64 null"},
        {"sinh(-710)", "float64 -1.1169973830808555e+308"},
        {"cosh(0)", "float64 1.0"},
        {"tanh(20)", "float64 1.0"},
        {"tanh(5e-324)", "float64 5e-324"},
        {"tanh(n_int64)", "float64 null"},
    };
    CHECK_VALUES(cases);
}

static void clip_bucketize_and_position_choose_by_order_and_equality(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"clip(i, 0, 5)", "int64 5"},
        {"clip(j, 0, 5)", "int64 0"},
        {"clip(i, 7, 7)", "int64 7"},
        {"clip(i, 9, 5)", "int64 5"},
        {"clip(amount, 0, 1)", "decimal(2) 1.00"},
        {"clip(f, i, 9)", "float64 7.0"},
        {"clip(country, 'A', 'B')", "string B"},
        {"clip(t, paid_at, paid_at + 1)", "timestamp 1970-01-01T00:00:01.000001Z"},
        {"clip(n_int64, 0, 1)", "int64 null"},
        {"clip(i, n_int64, 1)", "int64 null"},
        {"clip(i, 0, n_int64)", "int64 null"},
        {"bucketize(i, 7)", "int64 1"},
        {"bucketize(i, 7.01)", "int64 0"},
        {"bucketize(i, -1, 0, 1.5, 7, 8)", "int64 4"},
        {"bucketize(j, 0, 1)", "int64 0"},
        {"bucketize(f, 0, 2.5, 1e3)", "int64 2"},
        {"bucketize(country, 'A', 'US', 'Z')", "int64 2"},
        {"bucketize(t, timestamp '1970-01-01T00:00:00Z')", "int64 1"},
        {"bucketize(n_float64, 0)", "int64 null"},
        {"bucketize(i + 9007199254740986, 9007199254740992, 9007199254740993)", "int64 2"},
        {"position_of(country, 'DE', 'US', 'US')", "int64 1"},
        {"position_of(country, 'DE')", "int64 null"},
        {"position_of(i, 6, 7.00)", "int64 1"},
        {"position_of(yes, false, true)", "int64 1"},
        {"position_of(country, null, 'US')", "int64 1"},
        {"position_of(n_string, 'a', null)", "int64 null"},
        {"position_of(f, 2.5, 3)", "int64 0"},
    };
    CHECK_VALUES(cases);
}

static void strings_are_joined_searched_and_split(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"concat(country)", "string US"},
        {"concat(country, '-', string(i), '', name)", "string US-7 Zo\xc3\xab \xe2\x82\xac\t"},
        {"concat(country, n_string)", "string null"},
        {"concat('', '')", "string "},
        {"starts_with(country, 'U')", "bool true"},
        {"starts_with(country, 'USA')", "bool false"},
        {"starts_with(country, '')", "bool true"},
        {"starts_with('', '')", "bool true"},
        {"starts_with(n_string, '')", "bool null"},
        {"ends_with(country, 'S')", "bool true"},
        {"ends_with(country, 'U')", "bool false"},
        {"ends_with(country, n_string)", "bool null"},
        {"contains(name, 'o\xc3\xab')", "bool true"},
        {"contains(name, 'oe')", "bool false"},
        {"contains('', 'a')", "bool false"},
        {"contains('', '')", "bool true"},
        {"contains(n_string, 'a')", "bool null"},
        {"replace('aaa', 'aa', 'b')", "string ba"},
        {"replace(country, 'U', '')", "string S"},
        {"replace(country, '', 'x')", "string US"},
        {"replace(country, 'x', 'y')", "string US"},
        {"replace('', 'x', 'y')", "string "},
        {"replace(name, '\xe2\x82\xac', 'euro')", "string  Zo\xc3\xab euro\t"},
        {"replace(country, n_string, '')", "string null"},
        {"split_part('a,b,,c', ',', 1)", "string a"},
        {"split_part('a,b,,c', ',', 3)", "string "},
        {"split_part('a,b,,c', ',', 4)", "string c"},
        {"split_part('a,b,,c', ',', 5)", "string null"},
        {"split_part('a,b,,c', ',', 0)", "string null"},
        {"split_part('a,b,,c', ',', -1)", "string c"},
        {"split_part('a,b,,c', ',', -4)", "string a"},
        {"split_part('a,b,,c', ',', -5)", "string null"},
        {"split_part('a,b', ',', -9223372036854775808)", "string null"},
        {"split_part('a,b', ',', 9223372036854775807)", "string null"},
        {"split_part(country, '', 1)", "string US"},
        {"split_part('', ',', 1)", "string "},
        {"split_part('aXXbXX', 'XX', 3)", "string "},
        {"split_part(n_string, ',', 1)", "string null"},
        {"split_part(country, ',', n_int64)", "string null"},
    };
    CHECK_VALUES(cases);
}

// concat(s, s) nested: 2^levels times the ten bytes of `name`.
static void check_doubled(int levels, const char *around, const char *want)
{
    char text[2][8192] = {"name", ""};
    for (int level = 0; level < levels; level++)
        snprintf(text[(level + 1) % 2], sizeof(text[0]),
                 level < 7 ? "concat(%1$s, %1$s)" : "replace(%1$s, 'Z', '%2$s')", text[level % 2], "ZZ");
    char whole[8300];
    snprintf(whole, sizeof(whole), around, text[levels % 2]);
    check_value(whole, want);
}

static void text_of_more_than_a_mebibyte_is_null(void **state)
{
    (void)state;
    check_doubled(7, "length(%s)", "int64 896");
    // Each further level doubles the number of Z: 128 at first, 2^20 are too many.
    check_doubled(19, "length(%s) > 500000", "bool true");
    check_doubled(20, "%s is null", "bool true");
}

static void hashes_are_those_that_others_compute(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"md5('')", "string d41d8cd98f00b204e9800998ecf8427e"},
        {"md5('message digest')", "string f96b697d7cb7938d525a2f31aaf161d0"},
        {"md5(n_string)", "string null"},
        {"sha256('')", "string e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"sha256('abc')", "string ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"sha256(n_string)", "string null"},
        {"xxh64('')", "int64 -1205034819632174695"},
        {"xxh64('abc')", "int64 4952883123889572249"},
        {"xxh64(n_string)", "int64 null"},
        // int(hashlib.md5(b"exp1:u0").hexdigest(), 16) % n
        {"md5_bucket('exp1', 'u0', 9223372036854775807)", "int64 1620087733057715335"},
        {"md5_bucket('exp1', 'u0', 1)", "int64 0"},
        {"md5_bucket('exp1', i, 1000)", "int64 689"},
        {"md5_bucket('exp1', '7', 1000)", "int64 689"},
        {"md5_bucket(country, -9223372036854775808, 10)", "int64 2"},
        {"md5_bucket('exp1', n_int64, 10)", "int64 null"},
        {"md5_bucket(n_string, 1, 10)", "int64 null"},
    };
    CHECK_VALUES(cases);
}

static void bytes_lists_and_vectors_are_taken_apart(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"length(raw)", "int64 3"},
        {"length(n_raw)", "int64 null"},
        {"length(from_hex(''))", "int64 0"},
        {"hex(raw)", "string 00ff10"},
        {"hex(n_raw)", "string null"},
        {"hex(from_hex('00Ff1a'))", "string 00ff1a"},
        {"from_hex('0') is null", "bool true"},
        {"from_hex('0g') is null", "bool true"},
        {"from_hex('@0') is null", "bool true"},
        {"from_hex(n_string) is null", "bool true"},
        {"raw = from_hex('00ff10')", "bool true"},
        {"raw <> from_hex('00ff10')", "bool false"},
        {"raw < from_hex('01')", "bool true"},
        {"raw >= from_hex('00ff')", "bool true"},
        {"raw > n_raw", "bool null"},
        {"raw between from_hex('') and from_hex('ff')", "bool true"},
        {"raw in (from_hex('aa'), from_hex('00ff10'))", "bool true"},
        {"hex(greatest(raw, from_hex('ab')))", "string ab"},
        {"hex(coalesce(n_raw, raw))", "string 00ff10"},
        {"md5(from_hex('61')) = md5('a')", "bool true"},
        {"sha256(from_hex('61')) = sha256('a')", "bool true"},
        {"xxh64(from_hex('61')) = xxh64('a')", "bool true"},
        {"string(raw)", "string AP8Q"},
        {"string(n_raw)", "string null"},
        {"string(from_hex(''))", "string "},
        {"string(tags)", "string [\"a\",null,\"zz\"]"},
        {"string(prices)", "string [\"12.50\"]"},
        {"string(n_tags)", "string null"},
        {"string(v)", "string [1.0,2.0,2.0]"},
        {"raw", "bytes AP8Q"},
        {"length(tags)", "int64 3"},
        {"length(prices)", "int64 1"},
        {"length(n_tags)", "int64 null"},
        {"element(tags, 1)", "string a"},
        {"element(tags, 2)", "string null"},
        {"element(tags, 3)", "string zz"},
        {"element(tags, 4)", "string null"},
        {"element(tags, 0)", "string null"},
        {"element(tags, -1)", "string null"},
        {"element(tags, 9223372036854775807)", "string null"},
        {"element(n_tags, 1)", "string null"},
        {"element(tags, n_int64)", "string null"},
        {"element(counts, 3) + i", "int64 14"},
        {"element(prices, 1)", "decimal(2) 12.50"},
        {"element(scores, 1)", "float64 2.5"},
        {"element(flags, 1)", "bool false"},
        {"element(flags, 3)", "bool true"},
        {"contains(tags, 'zz')", "bool true"},
        {"contains(tags, 'z')", "bool false"},
        {"contains(tags, n_string)", "bool null"},
        {"contains(n_tags, 'a')", "bool null"},
        {"contains(tags, null)", "bool null"},
        {"contains(counts, 7)", "bool true"},
        {"contains(counts, 0)", "bool false"},
        {"contains(prices, 12.5)", "bool true"},
        {"contains(prices, 12)", "bool false"},
        {"contains(scores, 2.5)", "bool true"},
        {"contains(scores, i)", "bool false"},
        {"contains(flags, true)", "bool true"},
        {"tags = tags", "bool true"},
        {"tags <> n_tags", "bool null"},
        {"tags = null", "bool null"},
        {"v = w", "bool false"},
        {"v <> zero", "bool true"},
        {"nullif(tags, tags) is null", "bool true"},
        {"if(yes, tags, n_tags) = tags", "bool true"},
        {"position_of(v, w, v)", "int64 1"},
    };
    CHECK_VALUES(cases);
}

static void vectors_are_multiplied_exactly(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"dot(v, v)", "float64 9.0"},
        {"dot(v, w)", "float64 0.0"},
        {"dot(w, w)", "float64 1.25"},
        {"dot(v, n_vector)", "float64 null"},
        {"dot(pair, pair)", "float64 1.9636373861190906e-90"}, // 2^-298
        {"norm(v)", "float64 3.0"},
        {"norm(w)", "float64 1.118033988749895"},
        {"norm(zero)", "float64 0.0"},
        {"norm(pair)", "float64 1.401298464324817e-45"},
        {"norm(n_vector)", "float64 null"},
        {"cosine(v, v)", "float64 1.0"},
        {"cosine(v, w)", "float64 0.0"},
        {"cosine(v, zero)", "float64 null"},
        {"cosine(zero, zero)", "float64 null"},
        {"cosine(pair, pair)", "float64 1.0"},
        {"cosine(n_vector, v)", "float64 null"},
    };
    CHECK_VALUES(cases);
}

static void every_failing_allocation_of_a_function_is_reported(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "concat(replace(name, 'Z', 'zz'), md5(country), sha256(country), split_part(name, 'o', 2))",
        "md5_bucket(country, i, 10)",
        "concat(hex(from_hex(hex(raw))), element(tags, 3))",
        "dot(v, w) + cosine(v, w) + norm(v)",
        "regexp_replace(regexp_extract(name, '(Z)(.*)', 2), 'x*', '\\0-\\0')",
    };
    for (size_t which = 0; which < sizeof(texts) / sizeof(texts[0]); which++) {
        struct harness harness;
        struct inputs inputs;
        struct ss_program *program = build(&harness, texts[which]);
        fill_inputs(&inputs, 9, &harness.arena);
        // However little the arena may give, the answer is whole or an error.
        size_t whole = 0;
        for (size_t limit = 1; limit < 60000; limit += 48) {
            struct ss_arena arena;
            struct ss_column output;
            ss_arena_init(&arena, limit);
            const enum ss_status status = ss_program_run(program, inputs.pointers, 9, &arena, &output, NULL);
            assert_true(status == SS_OK || (status == SS_OUT_OF_MEMORY && whole == 0));
            whole += status == SS_OK;
            ss_arena_release(&arena);
        }
        assert_true(whole > 0);
        ss_arena_release(&harness.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_ties_to_even_and_cuts_toward_zero),
        cmocka_unit_test(functions_of_angles_and_roots_are_rounded_once),
        cmocka_unit_test(clip_bucketize_and_position_choose_by_order_and_equality),
        cmocka_unit_test(strings_are_joined_searched_and_split),
        cmocka_unit_test(text_of_more_than_a_mebibyte_is_null),
        cmocka_unit_test(hashes_are_those_that_others_compute),
        cmocka_unit_test(bytes_lists_and_vectors_are_taken_apart),
        cmocka_unit_test(vectors_are_multiplied_exactly),
        cmocka_unit_test(every_failing_allocation_of_a_function_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
