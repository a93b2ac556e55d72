// Random typed expressions. Every choice is legal, so that each tree must compile and its value can be
// compared.
#include "tests/property/random_expression.h"

#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/number.h"
#include "engine/base/time.h"

static const char *const names[] = {
    [TREE_ADD] = "+",
    [TREE_SUBTRACT] = "-",
    [TREE_MULTIPLY] = "*",
    [TREE_DIVIDE] = "/",
    [TREE_DIV] = "div",
    [TREE_MOD] = "mod",
    [TREE_EQUAL] = "=",
    [TREE_DIFFER] = "<>",
    [TREE_LESS] = "<",
    [TREE_AT_MOST] = "<=",
    [TREE_GREATER] = ">",
    [TREE_AT_LEAST] = ">=",
    [TREE_AND] = "and",
    [TREE_OR] = "or",
    [TREE_IF] = "if",
    [TREE_COALESCE] = "coalesce",
    [TREE_NULLIF] = "nullif",
    [TREE_LEAST] = "least",
    [TREE_GREATEST] = "greatest",
    [TREE_ABS] = "abs",
    [TREE_FLOOR] = "floor",
    [TREE_CEIL] = "ceil",
    [TREE_SQRT] = "sqrt",
    [TREE_EXP] = "exp",
    [TREE_EXPM1] = "expm1",
    [TREE_LOG] = "log",
    [TREE_LOG2] = "log2",
    [TREE_LOG10] = "log10",
    [TREE_LOG1P] = "log1p",
    [TREE_POW] = "pow",
    [TREE_LOWER] = "lower",
    [TREE_UPPER] = "upper",
    [TREE_TRIM] = "trim",
    [TREE_LENGTH] = "length",
    [TREE_SUBSTR] = "substr",
    [TREE_CLIP] = "clip",
    [TREE_BUCKETIZE] = "bucketize",
    [TREE_POSITION_OF] = "position_of",
    [TREE_ROUND] = "round",
    [TREE_TRUNC] = "trunc",
    [TREE_SIGN] = "sign",
    [TREE_EXP2] = "exp2",
    [TREE_CBRT] = "cbrt",
    [TREE_SIN] = "sin",
    [TREE_COS] = "cos",
    [TREE_TAN] = "tan",
    [TREE_ASIN] = "asin",
    [TREE_ACOS] = "acos",
    [TREE_ATAN] = "atan",
    [TREE_SINH] = "sinh",
    [TREE_COSH] = "cosh",
    [TREE_TANH] = "tanh",
    [TREE_ATAN2] = "atan2",
    [TREE_HYPOT] = "hypot",
    [TREE_CONCAT] = "concat",
    [TREE_STARTS_WITH] = "starts_with",
    [TREE_ENDS_WITH] = "ends_with",
    [TREE_CONTAINS] = "contains",
    [TREE_REPLACE] = "replace",
    [TREE_SPLIT_PART] = "split_part",
    [TREE_YEAR] = "year",
    [TREE_QUARTER] = "quarter",
    [TREE_MONTH] = "month",
    [TREE_WEEK] = "week",
    [TREE_DAY] = "day",
    [TREE_DAY_OF_WEEK] = "day_of_week",
    [TREE_DAY_OF_YEAR] = "day_of_year",
    [TREE_HOUR] = "hour",
    [TREE_MINUTE] = "minute",
    [TREE_SECOND] = "second",
    [TREE_DATE_TRUNC] = "date_trunc",
    [TREE_TO_BOOL] = "bool",
    [TREE_TO_TIMESTAMP] = "timestamp",
    [TREE_TO_INT64] = "int64",
    [TREE_TO_FLOAT64] = "float64",
    [TREE_TO_DECIMAL] = "decimal",
    [TREE_TO_STRING] = "string",
};

const char *const random_units[6] = {"hour", "day", "week", "month", "quarter", "year"};

struct ss_type random_column_type(int column)
{
    const enum ss_type_id id = (enum ss_type_id)(column / 2);
    return (struct ss_type){id, id == SS_DECIMAL ? (uint8_t)(column % 2 ? 7 : 2) : 0};
}

// ---- Values

uint64_t random_bits(struct random_source *source)
{
    uint64_t z = (source->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int below(struct random_source *source, int limit)
{
    return (int)(random_bits(source) % (uint64_t)limit);
}

static int64_t random_int64(struct random_source *source)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1,   INT64_MAX,       INT64_MAX - 1, 0,
                                    -1,        (1LL << 53) + 1, -(1LL << 53) - 1};
    switch (below(source, 4)) {
    case 0: return edges[below(source, 8)];
    case 1: return (int64_t)random_bits(source) >> below(source, 64);
    default: return below(source, 16) - 4;
    }
}

static int64_t random_decimal(struct random_source *source)
{
    static const int64_t edges[] = {
        INT64_C(999999999999999999), INT64_C(-999999999999999999), 0, 50, 125, -250};
    if (below(source, 4) == 0) return edges[below(source, 6)];
    if (below(source, 3) == 0)
        return ((int64_t)random_bits(source) >> below(source, 64)) % INT64_C(1000000000000000000);
    return below(source, 2000) - 500;
}

static double random_double(struct random_source *source)
{
    static const double edges[] = {0.0,
                                   1.0,
                                   -1.0,
                                   0x1p-1074,
                                   -0x1p-1074,
                                   0x1p-1022,
                                   0x1p53,
                                   -0x1p63,
                                   0x1p63,
                                   1e18,
                                   1.7976931348623157e308,
                                   0.5};
    if (below(source, 3) == 0) return edges[below(source, 12)];
    if (below(source, 2) == 0) return (double)(below(source, 64) - 16) / 8;
    uint64_t bits = random_bits(source);
    if (below(source, 2))
        bits = (bits & ~(UINT64_C(0x7ff) << 52)) | (uint64_t)(1003 + below(source, 64)) << 52;
    double value;
    memcpy(&value, &bits, sizeof(value));
    return isfinite(value) ? value + 0.0 : 0.0;
}

static struct ss_bytes random_text(struct random_source *source)
{
    static const char *const pieces[] = {
        "a", "B",       "z", " ", "\t", "\xc3\xa4", "\xe2\x82\xac", "1", "23", "-", "'", "\xf0\x9f\x98\x80",
        "Z", "\xc2\xa0"};
    char *const text = ss_arena_alloc(source->arena, 64);
    SS_ASSERT(text);
    char *at = text;
    for (int count = below(source, 6); count > 0; count--) at = stpcpy(at, pieces[below(source, 14)]);
    return (struct ss_bytes){text, (size_t)(at - text)};
}

static int64_t random_time(struct random_source *source)
{
    switch (below(source, 4)) {
    case 0: return SS_TIME_MIN_US + below(source, 4);
    case 1: return SS_TIME_MAX_US - below(source, 4);
    case 2: return below(source, 10) - 5;
    default:
        return (int64_t)(random_bits(source) % (uint64_t)(SS_TIME_MAX_US - SS_TIME_MIN_US)) + SS_TIME_MIN_US;
    }
}

static struct ss_value present_value(struct random_source *source, struct ss_type type)
{
    struct ss_value value = {.present = true};
    switch (type.id) {
    case SS_BOOL: value.boolean = below(source, 2); break;
    case SS_INT64: value.i64 = random_int64(source); break;
    case SS_FLOAT64: value.f64 = random_double(source); break;
    case SS_DECIMAL: value.i64 = random_decimal(source); break;
    case SS_STRING: value.text = random_text(source); break;
    case SS_TIMESTAMP: value.i64 = random_time(source); break;
    default: SS_ASSERT(false);
    }
    return value;
}

struct ss_value random_value(struct random_source *source, struct ss_type type)
{
    if (below(source, 5) == 0) return (struct ss_value){0};
    return present_value(source, type);
}

// ---- Trees

static struct tree *new_tree(struct random_source *source, enum tree_op op, struct ss_type type)
{
    struct tree *tree = ss_arena_alloc(source->arena, sizeof(*tree));
    SS_ASSERT(tree);
    tree->op = op;
    tree->type = type;
    return tree;
}

static struct tree *add(struct tree *tree, struct tree *kid)
{
    tree->kids[tree->count++] = kid;
    return tree;
}

static struct tree *leaf(struct random_source *source, enum ss_type_id id)
{
    if (below(source, 3)) {
        const int column = 2 * (int)id + below(source, 2);
        struct tree *tree = new_tree(source, TREE_COLUMN, random_column_type(column));
        tree->column = column;
        return tree;
    }
    const struct ss_type type = {id, id == SS_DECIMAL ? (uint8_t)(1 + below(source, 6)) : 0};
    struct tree *tree = new_tree(source, TREE_LITERAL, type);
    tree->value = present_value(source, type);
    return tree;
}

static enum ss_type_id any_id(struct random_source *source)
{
    return (enum ss_type_id)below(source, 6);
}

static enum ss_type_id number_id(struct random_source *source)
{
    static const enum ss_type_id ids[] = {SS_INT64, SS_DECIMAL, SS_FLOAT64};
    return ids[below(source, 3)];
}

// A value that can stand among others of that id without changing their common type's id.
static struct tree *random_companion(struct random_source *source, enum ss_type_id id, int depth)
{
    if (id == SS_FLOAT64) id = number_id(source);
    if (id == SS_DECIMAL && below(source, 2)) id = SS_INT64;
    return random_tree(source, id, depth);
}

static struct ss_type joined_type(struct ss_type a, struct ss_type b)
{
    if (a.id == SS_FLOAT64 || b.id == SS_FLOAT64) return (struct ss_type){SS_FLOAT64, 0};
    if (a.id == SS_DECIMAL && b.id == SS_DECIMAL) return a.scale > b.scale ? a : b;
    return a.id == SS_DECIMAL ? a : b;
}

// The chosen values of a choice: the first has the id, the others may be companions.
static void add_value(struct random_source *source, struct tree *tree, enum ss_type_id id, int depth,
                      bool first)
{
    struct tree *value = first ? random_tree(source, id, depth) : random_companion(source, id, depth);
    tree->type = first ? value->type : joined_type(tree->type, value->type);
    add(tree, value);
}

static struct tree *random_case(struct random_source *source, enum ss_type_id id, int depth)
{
    struct tree *tree = new_tree(source, TREE_CASE, (struct ss_type){id, 0});
    const bool has_operand = below(source, 2);
    enum ss_type_id operand = SS_BOOL;
    if (has_operand) {
        tree->op = TREE_CASE_OF;
        operand = any_id(source);
        add(tree, random_tree(source, operand, depth));
    }
    for (int branch = 0; branch < 2; branch++) {
        add(tree,
            has_operand ? random_companion(source, operand, depth) : random_tree(source, SS_BOOL, depth));
        add_value(source, tree, id, depth, branch == 0);
    }
    if (below(source, 2)) add_value(source, tree, id, depth, false);
    return tree;
}

static struct tree *random_choice(struct random_source *source, enum ss_type_id id, int depth)
{
    static const enum tree_op ops[] = {TREE_COALESCE, TREE_LEAST, TREE_GREATEST};
    struct tree *tree = new_tree(source, TREE_IF, (struct ss_type){id, 0});
    switch (below(source, 5)) {
    case 4:
        if (id == SS_BOOL) return random_case(source, id, depth);
        tree->op = TREE_CLIP;
        for (int k = 0; k < 3; k++) add_value(source, tree, id, depth, k == 0);
        return tree;
    case 0: return random_case(source, id, depth);
    case 1:
        add(tree, random_tree(source, SS_BOOL, depth));
        add_value(source, tree, id, depth, true);
        add_value(source, tree, id, depth, false);
        return tree;
    case 2:
        tree->op = TREE_NULLIF;
        add_value(source, tree, id, depth, true);
        const struct ss_type type = tree->type;
        add(tree, random_companion(source, id, depth));
        tree->type = type;
        return tree;
    default:
        tree->op = id == SS_BOOL ? TREE_COALESCE : ops[below(source, 3)];
        for (int k = 1 + below(source, 3); k > 0; k--) add_value(source, tree, id, depth, tree->count == 0);
        return tree;
    }
}

static struct tree *unary(struct random_source *source, enum tree_op op, struct ss_type type,
                          struct tree *kid)
{
    return add(new_tree(source, op, type), kid);
}

static struct tree *random_sum(struct random_source *source, enum ss_type_id id, int depth)
{
    static const enum tree_op ops[] = {TREE_ADD, TREE_SUBTRACT, TREE_MULTIPLY};
    struct tree *tree = new_tree(source, ops[below(source, 3)], (struct ss_type){id, 0});
    struct tree *a = random_tree(source, id, depth), *b = random_companion(source, id, depth);
    const bool swap = below(source, 2);
    add(add(tree, swap ? b : a), swap ? a : b);
    tree->type = joined_type(a->type, b->type);
    if (id != SS_DECIMAL || tree->op != TREE_MULTIPLY) return tree;
    const int scale = a->type.scale + b->type.scale;
    if (scale > 18) tree->op = TREE_SUBTRACT;
    if (scale <= 18) tree->type.scale = (uint8_t)scale;
    return tree;
}

// A number among literals that rise, of mixed types.
static struct tree *random_bucketize(struct random_source *source, int depth)
{
    struct tree *tree = new_tree(source, TREE_BUCKETIZE, (struct ss_type){SS_INT64, 0});
    int64_t edge = below(source, 40) - 20;
    add(tree, random_tree(source, number_id(source), depth));
    for (int k = 1 + below(source, TREE_KIDS - 2); k > 0; k--) {
        const enum ss_type_id id = below(source, 4) ? SS_INT64 : number_id(source);
        struct tree *literal =
            new_tree(source, TREE_LITERAL, (struct ss_type){id, id == SS_DECIMAL ? (uint8_t)1 : 0});
        literal->value.present = true;
        if (id == SS_FLOAT64)
            literal->value.f64 = (double)edge;
        else
            literal->value.i64 = id == SS_DECIMAL ? 10 * edge + 5 : edge;
        add(tree, literal);
        edge += 1 + below(source, 5);
    }
    return tree;
}

static struct tree *random_position_of(struct random_source *source, int depth)
{
    const enum ss_type_id id = any_id(source);
    struct tree *tree = new_tree(source, TREE_POSITION_OF, (struct ss_type){SS_INT64, 0});
    add(tree, random_tree(source, id, depth));
    for (int k = 1 + below(source, 3); k > 0; k--) add(tree, random_companion(source, id, depth));
    return tree;
}

static struct tree *random_bool(struct random_source *source, int depth)
{
    const struct ss_type type = {SS_BOOL, 0};
    enum ss_type_id id = any_id(source);
    struct tree *tree;
    switch (below(source, 9)) {
    case 8:
        return unary(source, TREE_TO_BOOL, type,
                     random_tree(source, below(source, 2) ? SS_STRING : SS_BOOL, depth));
    case 7:
        tree = new_tree(source, TREE_STARTS_WITH + (enum tree_op)below(source, 3), type);
        return add(add(tree, random_tree(source, SS_STRING, depth)), random_tree(source, SS_STRING, depth));
    case 0:
        tree = new_tree(source, TREE_AND + (enum tree_op)below(source, 2), type);
        return add(add(tree, random_tree(source, SS_BOOL, depth)), random_tree(source, SS_BOOL, depth));
    case 1: return unary(source, TREE_NOT, type, random_tree(source, SS_BOOL, depth));
    case 2:
        return unary(source, TREE_IS_NULL + (enum tree_op)below(source, 2), type,
                     random_tree(source, id, depth));
    case 3:
        tree = add(new_tree(source, TREE_IN, type), random_tree(source, id, depth));
        for (int k = 1 + below(source, 3); k > 0; k--) add(tree, random_companion(source, id, depth));
        return tree;
    case 4:
        if (id == SS_BOOL) id = SS_STRING;
        tree = add(new_tree(source, TREE_BETWEEN, type), random_tree(source, id, depth));
        return add(add(tree, random_companion(source, id, depth)), random_companion(source, id, depth));
    default:
        tree = new_tree(source, TREE_EQUAL + (enum tree_op)below(source, id == SS_BOOL ? 2 : 6), type);
        return add(add(tree, random_tree(source, id, depth)), random_companion(source, id, depth));
    }
}

static struct tree *random_integer(struct random_source *source, int depth)
{
    const struct ss_type type = {SS_INT64, 0};
    struct tree *tree;
    switch (below(source, 11)) {
    case 10:
        return unary(source, TREE_YEAR + (enum tree_op)below(source, 10), type,
                     random_tree(source, SS_TIMESTAMP, depth));
    case 7: return unary(source, TREE_SIGN, type, random_tree(source, number_id(source), depth));
    case 8: return random_bucketize(source, depth);
    case 9: return random_position_of(source, depth);
    case 0:
        tree = new_tree(source, TREE_DIV + (enum tree_op)below(source, 2), type);
        return add(add(tree, random_tree(source, SS_INT64, depth)), random_tree(source, SS_INT64, depth));
    case 1:
        return unary(source, below(source, 2) ? TREE_NEGATE : TREE_ABS, type,
                     random_tree(source, SS_INT64, depth));
    case 2:
        tree = new_tree(source, TREE_SUBTRACT, type);
        return add(add(tree, random_tree(source, SS_TIMESTAMP, depth)),
                   random_tree(source, SS_TIMESTAMP, depth));
    case 3: return unary(source, TREE_LENGTH, type, random_tree(source, SS_STRING, depth));
    case 4: return unary(source, TREE_TO_INT64, type, random_tree(source, any_id(source), depth));
    case 5:
        return unary(source, TREE_FLOOR + (enum tree_op)below(source, 4), type,
                     random_tree(source, below(source, 3) ? SS_DECIMAL : SS_INT64, depth));
    default: return random_sum(source, SS_INT64, depth);
    }
}

static struct tree *random_decimal_tree(struct random_source *source, int depth)
{
    if (below(source, 3) == 0) return random_sum(source, SS_DECIMAL, depth);
    if (below(source, 2)) {
        const struct ss_type type = {SS_DECIMAL, (uint8_t)below(source, 19)};
        return unary(source, TREE_TO_DECIMAL, type, random_tree(source, number_id(source), depth));
    }
    struct tree *kid = random_tree(source, SS_DECIMAL, depth);
    return unary(source, below(source, 2) ? TREE_NEGATE : TREE_ABS, kid->type, kid);
}

static struct tree *random_float64(struct random_source *source, int depth)
{
    static const enum tree_op of_float64[] = {TREE_NEGATE, TREE_ABS,   TREE_FLOOR,
                                              TREE_CEIL,   TREE_ROUND, TREE_TRUNC};
    const struct ss_type type = {SS_FLOAT64, 0};
    struct tree *tree;
    switch (below(source, 6)) {
    case 0:
        tree = new_tree(source, TREE_DIVIDE, type);
        return add(add(tree, random_tree(source, number_id(source), depth)),
                   random_tree(source, number_id(source), depth));
    case 1: return unary(source, of_float64[below(source, 6)], type, random_tree(source, SS_FLOAT64, depth));
    case 2:
        return unary(source, TREE_SQRT + (enum tree_op)below(source, TREE_POW - TREE_SQRT), type,
                     random_tree(source, number_id(source), depth));
    case 3:
        tree = new_tree(source, TREE_POW + (enum tree_op)below(source, 3), type);
        return add(add(tree, random_tree(source, number_id(source), depth)),
                   random_tree(source, number_id(source), depth));
    case 4: return unary(source, TREE_TO_FLOAT64, type, random_tree(source, number_id(source), depth));
    default: return random_sum(source, SS_FLOAT64, depth);
    }
}

static struct tree *random_string(struct random_source *source, int depth)
{
    static const enum ss_type_id printable[] = {SS_BOOL, SS_INT64, SS_DECIMAL, SS_STRING, SS_TIMESTAMP};
    const struct ss_type type = {SS_STRING, 0};
    struct tree *tree;
    switch (below(source, 6)) {
    case 3:
        tree = new_tree(source, TREE_CONCAT, type);
        for (int k = 1 + below(source, 4); k > 0; k--) add(tree, random_tree(source, SS_STRING, depth));
        return tree;
    case 4:
        tree = new_tree(source, TREE_REPLACE, type);
        for (int k = 0; k < 3; k++) add(tree, random_tree(source, SS_STRING, depth));
        return tree;
    case 5:
        tree = add(new_tree(source, TREE_SPLIT_PART, type), random_tree(source, SS_STRING, depth));
        return add(add(tree, random_tree(source, SS_STRING, depth)), random_tree(source, SS_INT64, depth));
    case 0:
        return unary(source, TREE_LOWER + (enum tree_op)below(source, 3), type,
                     random_tree(source, SS_STRING, depth));
    case 1:
        return unary(source, TREE_TO_STRING, type, random_tree(source, printable[below(source, 5)], depth));
    default:
        tree = add(new_tree(source, TREE_SUBSTR, type), random_tree(source, SS_STRING, depth));
        for (int k = 1 + below(source, 2); k > 0; k--) add(tree, random_tree(source, SS_INT64, depth));
        return tree;
    }
}

static struct tree *random_timestamp(struct random_source *source, int depth)
{
    const struct ss_type type = {SS_TIMESTAMP, 0};
    struct tree *tree = new_tree(source, TREE_ADD, type);
    if (below(source, 3) == 0) {
        tree->op = TREE_DATE_TRUNC;
        tree->column = below(source, 6);
        return add(tree, random_tree(source, SS_TIMESTAMP, depth));
    }
    if (below(source, 8) == 0)
        return unary(source, TREE_TO_TIMESTAMP, type,
                     random_tree(source, below(source, 3) ? SS_INT64 : SS_TIMESTAMP, depth));
    struct tree *time = random_tree(source, SS_TIMESTAMP, depth),
                *shift = random_tree(source, SS_INT64, depth);
    const int form = below(source, 3);
    if (form == 0) return add(add(tree, shift), time);
    if (form == 1) tree->op = TREE_SUBTRACT;
    return add(add(tree, time), shift);
}

struct tree *random_tree(struct random_source *source, enum ss_type_id id, int depth)
{
    if (depth <= 0 || below(source, 6) == 0) return leaf(source, id);
    depth--;
    if (below(source, 4) == 0) return random_choice(source, id, depth);
    switch (id) {
    case SS_BOOL: return random_bool(source, depth);
    case SS_INT64: return random_integer(source, depth);
    case SS_FLOAT64: return random_float64(source, depth);
    case SS_DECIMAL: return random_decimal_tree(source, depth);
    case SS_STRING: return random_string(source, depth);
    case SS_TIMESTAMP: return random_timestamp(source, depth);
    default: break;
    }
    return leaf(source, id);
}

// ---- Text

static void print_literal(const struct tree *tree, struct ss_buffer *text)
{
    char number[SS_NUMBER_TEXT_SIZE];
    switch (tree->type.id) {
    case SS_BOOL: ss_buffer_text(text, tree->value.boolean ? "true" : "false"); break;
    case SS_INT64: ss_buffer_format(text, "%lld", (long long)tree->value.i64); break;
    case SS_FLOAT64: ss_buffer_format(text, "%.17e", tree->value.f64); break;
    case SS_DECIMAL:
        ss_buffer_text(text, ss_decimal_format(tree->value.i64, tree->type.scale, number));
        break;
    case SS_TIMESTAMP:
        ss_buffer_format(text, "timestamp '%s'", ss_time_format(tree->value.i64, number));
        break;
    case SS_STRING:
        ss_buffer_byte(text, '\'');
        for (size_t i = 0; i < tree->value.text.size; i++) {
            ss_buffer_byte(text, (uint8_t)tree->value.text.data[i]);
            if (tree->value.text.data[i] == '\'') ss_buffer_byte(text, '\'');
        }
        ss_buffer_byte(text, '\'');
        break;
    default: break;
    }
}

static void print_kids(const struct tree *tree, int first, const char *separator, struct ss_buffer *text)
{
    for (int k = first; k < tree->count; k++) {
        if (k > first) ss_buffer_text(text, separator);
        tree_print(tree->kids[k], text);
    }
}

static void print_case(const struct tree *tree, struct ss_buffer *text)
{
    int k = 0;
    ss_buffer_text(text, "case");
    if (tree->op == TREE_CASE_OF) {
        ss_buffer_byte(text, ' ');
        tree_print(tree->kids[k++], text);
    }
    for (; k + 1 < tree->count; k += 2) {
        ss_buffer_text(text, " when ");
        tree_print(tree->kids[k], text);
        ss_buffer_text(text, " then ");
        tree_print(tree->kids[k + 1], text);
    }
    if (k < tree->count) {
        ss_buffer_text(text, " else ");
        tree_print(tree->kids[k], text);
    }
    ss_buffer_text(text, " end");
}

static void print_call(const struct tree *tree, struct ss_buffer *text)
{
    ss_buffer_format(text, "%s(", names[tree->op]);
    if (tree->op == TREE_DATE_TRUNC) ss_buffer_format(text, "'%s', ", random_units[tree->column]);
    print_kids(tree, 0, ", ", text);
    if (tree->op == TREE_TO_DECIMAL) ss_buffer_format(text, ", %d", tree->type.scale);
    ss_buffer_byte(text, ')');
}

static void print_operator(const struct tree *tree, struct ss_buffer *text)
{
    ss_buffer_byte(text, '(');
    if (tree->op == TREE_NEGATE) ss_buffer_text(text, "- ");
    if (tree->op == TREE_NOT) ss_buffer_text(text, "not ");
    tree_print(tree->kids[0], text);
    if (tree->op == TREE_IS_NULL) ss_buffer_text(text, " is null");
    if (tree->op == TREE_IS_NOT_NULL) ss_buffer_text(text, " is not null");
    if (tree->op == TREE_BETWEEN) ss_buffer_text(text, " between ");
    if (tree->op == TREE_BETWEEN) print_kids(tree, 1, " and ", text);
    if (tree->op == TREE_IN) {
        ss_buffer_text(text, " in (");
        print_kids(tree, 1, ", ", text);
        ss_buffer_byte(text, ')');
    }
    if (tree->op >= TREE_ADD && tree->op <= TREE_OR) {
        ss_buffer_format(text, " %s ", names[tree->op]);
        tree_print(tree->kids[1], text);
    }
    ss_buffer_byte(text, ')');
}

void tree_print(const struct tree *tree, struct ss_buffer *text)
{
    if (tree->op == TREE_LITERAL)
        print_literal(tree, text);
    else if (tree->op == TREE_COLUMN)
        ss_buffer_format(text, "c%d", tree->column);
    else if (tree->op == TREE_CASE || tree->op == TREE_CASE_OF)
        print_case(tree, text);
    else if (tree->op >= TREE_IF)
        print_call(tree, text);
    else
        print_operator(tree, text);
}
