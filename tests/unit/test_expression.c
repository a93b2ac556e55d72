// Expressions: text to canonical tree, aggregates, limits and hostile input.
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
#include "tests/unit/expression_cases.h"

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
