// The slow evaluator. An exact value (int64, decimal, timestamp) is a rational; it becomes null where its
// type cannot hold it.
#include "tests/property/expression_oracle.h"

#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/time.h"
#include "tests/property/oracle_value.h"

#define PRECISION 800

static void evaluate(const struct oracle *oracle, const struct tree *tree, struct value *out);

static void init_value(struct value *value)
{
    *value = (struct value){.null = true};
    mpq_init(value->exact);
}

static void clear_value(struct value *value)
{
    mpq_clear(value->exact);
}

static bool is_exact(struct ss_type type)
{
    return type.id == SS_INT64 || type.id == SS_DECIMAL || type.id == SS_TIMESTAMP;
}

// ---- Types and their limits

static void power_of_ten(mpz_t power, unsigned exponent)
{
    mpz_ui_pow_ui(power, 10, exponent);
}

// exact * 10^scale as an integer; false when it is none.
static bool scaled_integer(const mpq_t exact, unsigned scale, mpz_t integer)
{
    mpq_t scaled;
    mpq_init(scaled);
    power_of_ten(mpq_numref(scaled), scale);
    mpq_mul(scaled, scaled, exact);
    const bool whole = mpz_cmp_ui(mpq_denref(scaled), 1) == 0;
    mpz_set(integer, mpq_numref(scaled));
    mpq_clear(scaled);
    return whole;
}

static void limits_of(struct ss_type type, mpz_t low, mpz_t high)
{
    if (type.id == SS_TIMESTAMP) {
        mpz_set_si(low, SS_TIME_MIN_US);
        mpz_set_si(high, SS_TIME_MAX_US);
    } else if (type.id == SS_DECIMAL) {
        power_of_ten(high, 18);
        mpz_sub_ui(high, high, 1);
        mpz_neg(low, high);
    } else {
        mpz_set_si(low, INT64_MIN);
        mpz_set_si(high, INT64_MAX);
    }
}

void oracle_check_fit(struct value *value)
{
    mpz_t integer, low, high;
    mpz_inits(integer, low, high, NULL);
    limits_of(value->type, low, high);
    const bool whole = scaled_integer(value->exact, value->type.scale, integer);
    if (!value->null && (!whole || mpz_cmp(integer, low) < 0 || mpz_cmp(integer, high) > 0))
        value->null = true;
    mpz_clears(integer, low, high, NULL);
}

static void set_number(struct value *out, double number)
{
    out->null = !isfinite(number);
    out->number = number == 0 ? 0.0 : number;
}

static double nearest_double(const mpq_t exact)
{
    mpfr_t rounded;
    mpfr_init2(rounded, 53);
    mpfr_set_q(rounded, exact, MPFR_RNDN);
    const double number = mpfr_get_d(rounded, MPFR_RNDN);
    mpfr_clear(rounded);
    return number == 0 ? 0.0 : number;
}

static double as_double(const struct value *value)
{
    return value->type.id == SS_FLOAT64 ? value->number : nearest_double(value->exact);
}

// Nearest multiple of 10^-scale, ties to even.
static void round_to_scale(mpq_t exact, unsigned scale)
{
    mpz_t unit, twice, quotient, rest;
    mpz_inits(unit, twice, quotient, rest, NULL);
    power_of_ten(unit, scale);
    mpz_mul(mpq_numref(exact), mpq_numref(exact), unit);
    mpz_fdiv_qr(quotient, rest, mpq_numref(exact), mpq_denref(exact));
    mpz_mul_2exp(twice, rest, 1);
    const int side = mpz_cmp(twice, mpq_denref(exact));
    if (side > 0 || (side == 0 && mpz_odd_p(quotient))) mpz_add_ui(quotient, quotient, 1);
    mpz_set(mpq_numref(exact), quotient);
    mpz_set(mpq_denref(exact), unit);
    mpq_canonicalize(exact);
    mpz_clears(unit, twice, quotient, rest, NULL);
}

// As a value of the target type: how the values of a choice become the choice's.
static void convert_value(struct value *value, struct ss_type target)
{
    if (value->null || ss_type_equal(value->type, target)) {
        value->type = target;
        return;
    }
    if (target.id == SS_FLOAT64) set_number(value, as_double(value));
    value->type = target;
    if (is_exact(target)) oracle_check_fit(value);
}

// ---- Leaves

static void load(struct ss_type type, struct ss_value from, struct value *out)
{
    out->null = !from.present;
    if (!from.present) return;
    if (type.id == SS_BOOL) out->truth = from.boolean;
    if (type.id == SS_FLOAT64) out->number = from.f64;
    if (type.id == SS_STRING) out->text = from.text;
    if (!is_exact(type)) return;
    mpz_set_si(mpq_numref(out->exact), from.i64);
    power_of_ten(mpq_denref(out->exact), type.scale);
    mpq_canonicalize(out->exact);
}

static struct ss_value unload(const struct value *value)
{
    struct ss_value result = {.present = !value->null};
    if (value->null) return result;
    if (value->type.id == SS_BOOL) result.boolean = value->truth;
    if (value->type.id == SS_FLOAT64) result.f64 = value->number;
    if (value->type.id == SS_STRING) result.text = value->text;
    if (!is_exact(value->type)) return result;
    mpz_t integer;
    mpz_init(integer);
    const bool whole = scaled_integer(value->exact, value->type.scale, integer);
    SS_ASSERT(whole && mpz_fits_slong_p(integer));
    result.i64 = mpz_get_si(integer);
    mpz_clear(integer);
    return result;
}

// ---- Arithmetic

static void exact_arithmetic(enum tree_op op, const struct value *a, const struct value *b, struct value *out)
{
    if (op == TREE_ADD) mpq_add(out->exact, a->exact, b->exact);
    if (op == TREE_SUBTRACT) mpq_sub(out->exact, a->exact, b->exact);
    if (op == TREE_MULTIPLY) mpq_mul(out->exact, a->exact, b->exact);
    oracle_check_fit(out);
}

static void double_arithmetic(enum tree_op op, double a, double b, struct value *out)
{
    if (op == TREE_ADD) set_number(out, a + b);
    if (op == TREE_SUBTRACT) set_number(out, a - b);
    if (op == TREE_MULTIPLY) set_number(out, a * b);
    if (op == TREE_DIVIDE) {
        if (b == 0)
            out->null = true;
        else
            set_number(out, a / b);
    }
}

static void divide_integers(enum tree_op op, const struct value *a, const struct value *b, struct value *out)
{
    if (mpq_sgn(b->exact) == 0) {
        out->null = true;
        return;
    }
    mpz_t quotient, rest;
    mpz_inits(quotient, rest, NULL);
    mpz_tdiv_qr(quotient, rest, mpq_numref(a->exact), mpq_numref(b->exact));
    mpq_set_z(out->exact, op == TREE_DIV ? quotient : rest);
    mpz_clears(quotient, rest, NULL);
    oracle_check_fit(out);
}

static void arithmetic(enum tree_op op, const struct value *a, const struct value *b, struct value *out)
{
    if (a->null || b->null) return;
    out->null = false;
    if (op == TREE_DIV || op == TREE_MOD) {
        divide_integers(op, a, b, out);
    } else if (a->type.id == SS_FLOAT64 || b->type.id == SS_FLOAT64) {
        double_arithmetic(op, as_double(a), as_double(b), out);
    } else if (op != TREE_DIVIDE) {
        exact_arithmetic(op, a, b, out);
    } else if (mpq_sgn(b->exact) == 0) {
        out->null = true;
    } else {
        mpq_div(out->exact, a->exact, b->exact);
        set_number(out, nearest_double(out->exact));
    }
}

// ---- Comparisons

static int compare_bytes(struct ss_bytes a, struct ss_bytes b)
{
    const size_t shorter = a.size < b.size ? a.size : b.size;
    const int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    if (order) return order;
    return (a.size > b.size) - (a.size < b.size);
}

static int compare(const struct value *a, const struct value *b, bool as_doubles)
{
    if (a->type.id == SS_BOOL) return (int)a->truth - (int)b->truth;
    if (a->type.id == SS_STRING) return compare_bytes(a->text, b->text);
    if (!as_doubles) return mpq_cmp(a->exact, b->exact);
    const double x = as_double(a), y = as_double(b);
    return (x > y) - (x < y);
}

static bool holds(enum tree_op op, int order)
{
    switch (op) {
    case TREE_EQUAL: return order == 0;
    case TREE_DIFFER: return order != 0;
    case TREE_LESS: return order < 0;
    case TREE_AT_MOST: return order <= 0;
    case TREE_GREATER: return order > 0;
    default: return order >= 0;
    }
}

static bool any_float64(const struct value *values, int count, int step)
{
    for (int k = 0; k < count; k += step) {
        if (values[k].type.id == SS_FLOAT64) return true;
    }
    return false;
}

// -1: null, 0: false, 1: true
static int truth_of(const struct value *value)
{
    return value->null ? -1 : value->truth;
}

static int compare_truth(enum tree_op op, const struct value *a, const struct value *b, bool as_doubles)
{
    if (a->null || b->null) return -1;
    return holds(op, compare(a, b, as_doubles));
}

static int or_truth(int a, int b)
{
    if (a == 1 || b == 1) return 1;
    return a == -1 || b == -1 ? -1 : 0;
}

static int not_truth(int a)
{
    return a == -1 ? -1 : !a;
}

static int and_truth(int a, int b)
{
    return not_truth(or_truth(not_truth(a), not_truth(b)));
}

static void set_truth(struct value *out, int truth)
{
    out->null = truth == -1;
    out->truth = truth == 1;
}

static int truth_of_tree(enum tree_op op, const struct value *kids, int count)
{
    const bool as_doubles = any_float64(kids, count, 1);
    switch (op) {
    case TREE_AND: return and_truth(truth_of(&kids[0]), truth_of(&kids[1]));
    case TREE_OR: return or_truth(truth_of(&kids[0]), truth_of(&kids[1]));
    case TREE_NOT: return not_truth(truth_of(&kids[0]));
    case TREE_IS_NULL: return kids[0].null;
    case TREE_IS_NOT_NULL: return !kids[0].null;
    case TREE_BETWEEN:
        return and_truth(compare_truth(TREE_AT_LEAST, &kids[0], &kids[1], as_doubles),
                         compare_truth(TREE_AT_MOST, &kids[0], &kids[2], as_doubles));
    case TREE_IN: {
        int truth = 0;
        for (int k = 1; k < count; k++)
            truth = or_truth(truth, compare_truth(TREE_EQUAL, &kids[0], &kids[k], as_doubles));
        return truth;
    }
    default: return compare_truth(op, &kids[0], &kids[1], as_doubles);
    }
}

// ---- Choices

static void copy_value(const struct value *from, struct value *out)
{
    const struct ss_type type = out->type;
    out->null = from->null;
    out->type = from->type;
    out->truth = from->truth;
    out->number = from->number;
    out->text = from->text;
    mpq_set(out->exact, from->exact);
    convert_value(out, type);
}

static void choose_case(const struct tree *tree, const struct value *kids, struct value *out)
{
    const bool has_operand = tree->op == TREE_CASE_OF;
    bool as_doubles = has_operand && kids[0].type.id == SS_FLOAT64;
    for (int k = 1; has_operand && k + 1 < tree->count; k += 2)
        as_doubles = as_doubles || kids[k].type.id == SS_FLOAT64;
    int k = has_operand ? 1 : 0;
    for (; k + 1 < tree->count; k += 2) {
        const int truth =
            has_operand ? compare_truth(TREE_EQUAL, &kids[0], &kids[k], as_doubles) : truth_of(&kids[k]);
        if (truth != 1) continue;
        copy_value(&kids[k + 1], out);
        return;
    }
    if (k < tree->count) copy_value(&kids[k], out);
}

static void choose_extreme(const struct tree *tree, struct value *kids, struct value *out)
{
    const struct value *best = &kids[0];
    for (int k = 0; k < tree->count; k++) {
        convert_value(&kids[k], tree->type);
        if (kids[k].null) return;
        const int order = compare(&kids[k], best, tree->type.id == SS_FLOAT64);
        if (tree->op == TREE_LEAST ? order < 0 : order > 0) best = &kids[k];
    }
    copy_value(best, out);
}

static void choose_clipped(const struct tree *tree, struct value *kids, struct value *out)
{
    const bool as_doubles = tree->type.id == SS_FLOAT64;
    for (int k = 0; k < 3; k++) {
        convert_value(&kids[k], tree->type);
        if (kids[k].null) return;
    }
    if (compare(&kids[0], &kids[2], as_doubles) > 0 || compare(&kids[1], &kids[2], as_doubles) > 0)
        copy_value(&kids[2], out);
    else
        copy_value(compare(&kids[0], &kids[1], as_doubles) < 0 ? &kids[1] : &kids[0], out);
}

// bucketize and position_of
static void count_values(const struct tree *tree, const struct value *kids, struct value *out)
{
    const bool as_doubles = any_float64(kids, tree->count, 1);
    long result = 0;
    if (kids[0].null) return;
    out->null = tree->op == TREE_POSITION_OF;
    for (int k = tree->count - 1; k > 0; k--) {
        const int order = kids[k].null ? 1 : compare(&kids[k], &kids[0], as_doubles);
        if (tree->op == TREE_BUCKETIZE) result += order <= 0;
        if (tree->op != TREE_POSITION_OF || order != 0) continue;
        result = k - 1;
        out->null = false;
    }
    mpq_set_si(out->exact, result, 1);
}

static void choose(const struct tree *tree, struct value *kids, struct value *out)
{
    switch (tree->op) {
    case TREE_IF: copy_value(truth_of(&kids[0]) == 1 ? &kids[1] : &kids[2], out); break;
    case TREE_NULLIF:
        if (compare_truth(TREE_EQUAL, &kids[0], &kids[1], any_float64(kids, 2, 1)) != 1)
            copy_value(&kids[0], out);
        break;
    case TREE_COALESCE:
        for (int k = 0; k < tree->count && out->null; k++) copy_value(&kids[k], out);
        break;
    case TREE_LEAST:
    case TREE_GREATEST: choose_extreme(tree, kids, out); break;
    case TREE_CLIP: choose_clipped(tree, kids, out); break;
    default: choose_case(tree, kids, out); break;
    }
}

// ---- Numbers

static void round_to_integer(enum tree_op op, const struct value *kid, struct value *out)
{
    if (kid->type.id == SS_FLOAT64) {
        const double x = kid->number;
        set_number(out, op == TREE_FLOOR   ? floor(x)
                        : op == TREE_CEIL  ? ceil(x)
                        : op == TREE_ROUND ? rint(x)
                                           : trunc(x));
        return;
    }
    if (op == TREE_ROUND) {
        mpq_set(out->exact, kid->exact);
        round_to_scale(out->exact, 0);
        return;
    }
    mpz_t integer;
    mpz_init(integer);
    if (op == TREE_TRUNC)
        mpz_tdiv_q(integer, mpq_numref(kid->exact), mpq_denref(kid->exact));
    else if (op == TREE_FLOOR)
        mpz_fdiv_q(integer, mpq_numref(kid->exact), mpq_denref(kid->exact));
    else
        mpz_cdiv_q(integer, mpq_numref(kid->exact), mpq_denref(kid->exact));
    mpq_set_z(out->exact, integer);
    mpz_clear(integer);
}

// Cut to PRECISION bits and then a little away from zero where something was cut: so what lies beside the
// middle of two doubles is not taken for the middle.
static void transcendental(enum tree_op op, double x, double y, struct value *out)
{
    mpfr_t a, b, result;
    int side = 0;
    mpfr_inits2(PRECISION, a, b, result, NULL);
    mpfr_set_d(a, x, MPFR_RNDN);
    mpfr_set_d(b, y, MPFR_RNDN);
    switch (op) {
    case TREE_SQRT: side = mpfr_sqrt(result, a, MPFR_RNDZ); break;
    case TREE_EXP: side = mpfr_exp(result, a, MPFR_RNDZ); break;
    case TREE_EXPM1: side = mpfr_expm1(result, a, MPFR_RNDZ); break;
    case TREE_LOG: side = mpfr_log(result, a, MPFR_RNDZ); break;
    case TREE_LOG2: side = mpfr_log2(result, a, MPFR_RNDZ); break;
    case TREE_LOG10: side = mpfr_log10(result, a, MPFR_RNDZ); break;
    case TREE_LOG1P: side = mpfr_log1p(result, a, MPFR_RNDZ); break;
    case TREE_EXP2: side = mpfr_exp2(result, a, MPFR_RNDZ); break;
    case TREE_CBRT: side = mpfr_cbrt(result, a, MPFR_RNDZ); break;
    case TREE_SIN: side = mpfr_sin(result, a, MPFR_RNDZ); break;
    case TREE_COS: side = mpfr_cos(result, a, MPFR_RNDZ); break;
    case TREE_TAN: side = mpfr_tan(result, a, MPFR_RNDZ); break;
    case TREE_ASIN: side = mpfr_asin(result, a, MPFR_RNDZ); break;
    case TREE_ACOS: side = mpfr_acos(result, a, MPFR_RNDZ); break;
    case TREE_ATAN: side = mpfr_atan(result, a, MPFR_RNDZ); break;
    case TREE_SINH: side = mpfr_sinh(result, a, MPFR_RNDZ); break;
    case TREE_COSH: side = mpfr_cosh(result, a, MPFR_RNDZ); break;
    case TREE_TANH: side = mpfr_tanh(result, a, MPFR_RNDZ); break;
    case TREE_ATAN2: side = mpfr_atan2(result, a, b, MPFR_RNDZ); break;
    case TREE_HYPOT: side = mpfr_hypot(result, a, b, MPFR_RNDZ); break;
    default: side = mpfr_pow(result, a, b, MPFR_RNDZ); break;
    }
    mpfr_prec_round(result, PRECISION + 2, MPFR_RNDZ);
    if (side < 0) mpfr_nextabove(result);
    if (side > 0) mpfr_nextbelow(result);
    set_number(out, mpfr_get_d(result, MPFR_RNDN));
    mpfr_clears(a, b, result, NULL);
    mpfr_free_cache();
}

static void sign_function(enum tree_op op, const struct value *kid, struct value *out)
{
    if (op == TREE_SIGN) {
        const double x = kid->type.id == SS_FLOAT64 ? kid->number : mpq_sgn(kid->exact);
        mpq_set_si(out->exact, x > 0 ? 1 : x < 0 ? -1 : 0, 1);
        return;
    }
    if (kid->type.id == SS_FLOAT64) {
        set_number(out, op == TREE_ABS ? fabs(kid->number) : -kid->number);
        return;
    }
    if (op == TREE_ABS)
        mpq_abs(out->exact, kid->exact);
    else
        mpq_neg(out->exact, kid->exact);
    oracle_check_fit(out);
}

// ---- Text

static void print_decimal(const struct value *kid, char *text, size_t size)
{
    mpz_t integer, unit, whole, part;
    mpz_inits(integer, unit, whole, part, NULL);
    scaled_integer(kid->exact, kid->type.scale, integer);
    power_of_ten(unit, kid->type.scale);
    mpz_tdiv_qr(whole, part, integer, unit);
    mpz_abs(whole, whole);
    mpz_abs(part, part);
    int used = gmp_snprintf(text, size, "%s%Zd", mpz_sgn(integer) < 0 ? "-" : "", whole);
    if (kid->type.scale) gmp_snprintf(text + used, size - (size_t)used, ".%0*Zd", (int)kid->type.scale, part);
    mpz_clears(integer, unit, whole, part, NULL);
}

static void print_value(const struct oracle *oracle, const struct value *kid, struct value *out)
{
    char text[64];
    if (kid->type.id == SS_STRING) {
        out->text = kid->text;
        return;
    }
    if (kid->type.id == SS_BOOL)
        strcpy(text, kid->truth ? "true" : "false");
    else if (kid->type.id == SS_TIMESTAMP)
        ss_time_format(mpz_get_si(mpq_numref(kid->exact)), text);
    else
        print_decimal(kid, text, sizeof(text));
    char *const copy = oracle_new_text(oracle, strlen(text));
    strcpy(copy, text);
    out->text = (struct ss_bytes){copy, strlen(text)};
}

// ---- Casts

static void cast_to_bool(const struct value *kid, struct value *out)
{
    out->truth =
        kid->type.id == SS_BOOL ? kid->truth : compare_bytes(kid->text, (struct ss_bytes){"true", 4}) == 0;
    out->null = kid->type.id != SS_BOOL && !out->truth &&
                compare_bytes(kid->text, (struct ss_bytes){"false", 5}) != 0;
}

// Optional minus, digits, nothing else.
static bool parse_integer(struct ss_bytes text, mpz_t integer)
{
    char copy[64];
    if (text.size == 0 || text.size >= sizeof(copy)) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *const digits = copy + (copy[0] == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return false;
    return mpz_set_str(integer, copy, 10) == 0;
}

static void cast_to_int64(const struct value *kid, struct value *out)
{
    mpz_t integer;
    mpz_init(integer);
    if (kid->type.id == SS_BOOL)
        mpz_set_si(integer, kid->truth);
    else if (kid->type.id == SS_FLOAT64)
        mpz_set_d(integer, kid->number); // cuts
    else if (kid->type.id == SS_STRING)
        out->null = !parse_integer(kid->text, integer);
    else
        mpz_tdiv_q(integer, mpq_numref(kid->exact), mpq_denref(kid->exact));
    mpq_set_z(out->exact, integer);
    mpz_clear(integer);
    oracle_check_fit(out);
}

static void cast_to_decimal(const struct value *kid, struct value *out)
{
    if (kid->type.id == SS_FLOAT64)
        mpq_set_d(out->exact, kid->number);
    else
        mpq_set(out->exact, kid->exact);
    round_to_scale(out->exact, out->type.scale);
    oracle_check_fit(out);
}

// ---- The tree

// Functions that are null as soon as an argument is.
static void apply(const struct oracle *oracle, const struct tree *tree, const struct value *kids,
                  struct value *out)
{
    for (int k = 0; k < tree->count; k++) {
        if (kids[k].null) return;
    }
    out->null = false;
    switch (tree->op) {
    case TREE_NEGATE:
    case TREE_SIGN:
    case TREE_ABS: sign_function(tree->op, &kids[0], out); break;
    case TREE_FLOOR:
    case TREE_CEIL:
    case TREE_TRUNC:
    case TREE_ROUND: round_to_integer(tree->op, &kids[0], out); break;
    case TREE_ATAN2:
    case TREE_HYPOT:
    case TREE_POW: transcendental(tree->op, as_double(&kids[0]), as_double(&kids[1]), out); break;
    case TREE_CONCAT: oracle_join_texts(oracle, kids, tree->count, out); break;
    case TREE_STARTS_WITH:
    case TREE_ENDS_WITH:
    case TREE_CONTAINS: out->truth = oracle_search_text(tree->op, kids[0].text, kids[1].text); break;
    case TREE_REPLACE: oracle_replace_text(oracle, kids, out); break;
    case TREE_SPLIT_PART: oracle_split_text(kids, out); break;
    case TREE_LOWER:
    case TREE_UPPER:
    case TREE_TRIM: oracle_change_text(oracle, tree->op, kids[0].text, out); break;
    case TREE_LENGTH: mpq_set_si(out->exact, oracle_count_code_points(kids[0].text), 1); break;
    case TREE_SUBSTR: oracle_cut_text(oracle, kids, tree->count, out); break;
    case TREE_DATE_TRUNC: oracle_truncate_time(random_units[tree->column], &kids[0], out); break;
    case TREE_TO_BOOL: cast_to_bool(&kids[0], out); break;
    case TREE_TO_TIMESTAMP:
        mpq_set(out->exact, kids[0].exact);
        oracle_check_fit(out);
        break;
    case TREE_TO_INT64: cast_to_int64(&kids[0], out); break;
    case TREE_TO_FLOAT64: set_number(out, as_double(&kids[0])); break;
    case TREE_TO_DECIMAL: cast_to_decimal(&kids[0], out); break;
    case TREE_TO_STRING: print_value(oracle, &kids[0], out); break;
    default:
        if (tree->op >= TREE_YEAR && tree->op <= TREE_SECOND)
            oracle_take_part(tree->op, &kids[0], out);
        else
            transcendental(tree->op, as_double(&kids[0]), 0.0, out);
        break;
    }
}

static void evaluate_kids(const struct oracle *oracle, const struct tree *tree, struct value *out)
{
    struct value kids[TREE_KIDS];
    for (int k = 0; k < tree->count; k++) {
        init_value(&kids[k]);
        evaluate(oracle, tree->kids[k], &kids[k]);
    }
    if (tree->op <= TREE_MOD)
        arithmetic(tree->op, &kids[0], &kids[1], out);
    else if (tree->op != TREE_NEGATE && tree->op <= TREE_BETWEEN)
        set_truth(out, truth_of_tree(tree->op, kids, tree->count));
    else if (tree->op >= TREE_CASE && tree->op <= TREE_CLIP)
        choose(tree, kids, out);
    else if (tree->op == TREE_BUCKETIZE || tree->op == TREE_POSITION_OF)
        count_values(tree, kids, out);
    else
        apply(oracle, tree, kids, out);
    for (int k = 0; k < tree->count; k++) clear_value(&kids[k]);
}

static void evaluate(const struct oracle *oracle, const struct tree *tree, struct value *out)
{
    out->type = tree->type;
    if (tree->op == TREE_LITERAL)
        load(tree->type, tree->value, out);
    else if (tree->op == TREE_COLUMN)
        load(tree->type, oracle->row[tree->column], out);
    else
        evaluate_kids(oracle, tree, out);
}

struct ss_value oracle_evaluate(const struct tree *tree, const struct ss_value *row, struct ss_arena *arena)
{
    const struct oracle oracle = {row, arena};
    struct value out;
    init_value(&out);
    evaluate(&oracle, tree, &out);
    const struct ss_value result = unload(&out);
    clear_value(&out);
    return result;
}
