// Names -> inputs, types -> every node, conversions -> where they are needed.
//
// Children first. A node whose children failed is skipped, so that one mistake is told once; its siblings are
// checked all the same. Plain functions take the first row of the table (functions.c) that fits; forms (case,
// coalesce, in, ..) have a function here each. Null literals get their type from what stands beside them.
#include <string.h>

#include "engine/expression_blame.h"
#include "engine/functions.h"
#include "engine/setting.h"

struct checker {
    const struct ss_scope *scope;
    struct ss_arena *arena;
    struct ss_diagnostics *diagnostics;
};

static bool check(struct checker *checker, struct ss_node *node);

static const struct ss_type bool_type = {SS_BOOL, 0};
static const struct ss_type int64_type = {SS_INT64, 0};
static const struct ss_type float64_type = {SS_FLOAT64, 0};
static const struct ss_type string_type = {SS_STRING, 0};

static bool is_exact(struct ss_type type)
{
    return type.id == SS_INT64 || type.id == SS_DECIMAL;
}

// A null literal that has no type yet. (Once it has one it is an ordinary null of that type.)
static bool is_untyped_null(const struct ss_node *node)
{
    return node->kind == SS_NODE_LITERAL && node->null_literal;
}

static void set_null_type(struct ss_node *node, struct ss_type type)
{
    node->type = type;
    node->null_literal = false;
}

static bool fail_unknown_null(struct checker *checker, const struct ss_node *node)
{
    ss_diagnose(checker->diagnostics, node->place,
                "the type of this null is not known; write int64(null) or the like");
    return false;
}

// Puts a conversion over *slot where its type is not yet the target.
static bool convert(struct checker *checker, struct ss_node **slot, struct ss_type target)
{
    struct ss_node *node = *slot;
    if (is_untyped_null(node)) set_null_type(node, target);
    if (ss_type_equal(node->type, target)) return true;
    struct ss_node *conversion = ss_arena_alloc(checker->arena, sizeof(*conversion));
    struct ss_node **arguments = ss_arena_array(checker->arena, 1, sizeof(*arguments));
    if (!conversion || !arguments) {
        checker->diagnostics->out_of_memory = true;
        return false;
    }
    arguments[0] = node;
    *conversion = (struct ss_node){
        .kind = SS_NODE_CALL,
        .place = node->place,
        .type = target,
        .name = target.id == SS_FLOAT64  ? "to_float64"
                : target.id == SS_STRING ? "string"
                                         : "rescale",
        .arguments = arguments,
        .argument_count = 1,
        .height = node->height + 1,
    };
    *slot = conversion;
    return true;
}

// ---- Plain functions

// Sets the type of an untyped null argument from the row and the other argument.
static bool settle_null(struct checker *checker, struct ss_node *call, const struct ss_function *function,
                        size_t index)
{
    static const struct ss_type by_argument[] = {
        [SS_ARGUMENT_BOOL] = {SS_BOOL, 0},           [SS_ARGUMENT_INT64] = {SS_INT64, 0},
        [SS_ARGUMENT_DECIMAL] = {SS_DECIMAL, 0},     [SS_ARGUMENT_EXACT] = {SS_INT64, 0},
        [SS_ARGUMENT_FLOAT64] = {SS_FLOAT64, 0},     [SS_ARGUMENT_STRING] = {SS_STRING, 0},
        [SS_ARGUMENT_TIMESTAMP] = {SS_TIMESTAMP, 0}, [SS_ARGUMENT_TEXTUAL] = {SS_STRING, 0},
        [SS_ARGUMENT_BYTES] = {SS_BYTES, 0},
    };
    struct ss_node *node = call->arguments[index];
    if (!is_untyped_null(node)) return true;
    const struct ss_type first = call->arguments[0]->type;
    switch (function->arguments[index]) {
    case SS_ARGUMENT_ANY:
    case SS_ARGUMENT_LIST:
    case SS_ARGUMENT_VECTOR: return fail_unknown_null(checker, node);
    case SS_ARGUMENT_SAME: set_null_type(node, first); return true;
    case SS_ARGUMENT_ELEMENT: set_null_type(node, ss_element_of(first)); return true;
    default: set_null_type(node, by_argument[function->arguments[index]]); return true;
    }
}

// int64 when both are, else decimal.
static struct ss_type exact_type(struct ss_type a, struct ss_type b, unsigned scale)
{
    if (a.id == SS_INT64 && b.id == SS_INT64) return int64_type;
    return (struct ss_type){SS_DECIMAL, (uint8_t)scale};
}

static bool set_product_type(struct checker *checker, struct ss_node *call, struct ss_type a,
                             struct ss_type b)
{
    const unsigned scale = (unsigned)a.scale + b.scale;
    call->type = exact_type(a, b, scale);
    if (scale <= 18) return true;
    ss_diagnose(
        checker->diagnostics, call->place,
        "'*': the product of decimal(%u) and decimal(%u) would have %u digits after the point, and a decimal "
        "has at most 18; cut one side with decimal(x, n) or take float64(x)",
        a.scale, b.scale, scale);
    return false;
}

static bool set_result_type(struct checker *checker, struct ss_node *call, const struct ss_function *function)
{
    struct ss_node *const *arguments = call->arguments;
    switch (function->result) {
    case SS_RESULT_BOOL: call->type = bool_type; return true;
    case SS_RESULT_INT64: call->type = int64_type; return true;
    case SS_RESULT_FLOAT64: call->type = float64_type; return true;
    case SS_RESULT_STRING: call->type = string_type; return true;
    case SS_RESULT_TIMESTAMP: call->type = (struct ss_type){SS_TIMESTAMP, 0}; return true;
    case SS_RESULT_BYTES: call->type = (struct ss_type){SS_BYTES, 0}; return true;
    case SS_RESULT_ELEMENT: call->type = ss_element_of(arguments[0]->type); return true;
    case SS_RESULT_FIRST: call->type = arguments[0]->type; return true;
    case SS_RESULT_GREATER_SCALE: {
        const struct ss_type a = arguments[0]->type, b = arguments[1]->type;
        call->type = exact_type(a, b, a.scale > b.scale ? a.scale : b.scale);
        return true;
    }
    case SS_RESULT_ADDED_SCALE:
        return set_product_type(checker, call, arguments[0]->type, arguments[1]->type);
    case SS_RESULT_SCALE:
        call->type = (struct ss_type){SS_DECIMAL, (uint8_t)arguments[1]->value.i64};
        return true;
    case SS_RESULT_AS_SET: return true;
    }
    return false;
}

// Argument `index` as the row wants it: a null with a type, a number as a double.
static bool settle_argument(struct checker *checker, struct ss_node *call, const struct ss_function *function,
                            size_t index)
{
    if (!settle_null(checker, call, function, index)) return false;
    switch (function->arguments[index]) {
    case SS_ARGUMENT_FLOAT64: return convert(checker, &call->arguments[index], float64_type);
    case SS_ARGUMENT_TEXTUAL: return convert(checker, &call->arguments[index], string_type);
    case SS_ARGUMENT_ELEMENT:
        return convert(checker, &call->arguments[index], ss_element_of(call->arguments[0]->type));
    default: return true;
    }
}

static bool check_plain(struct checker *checker, struct ss_node *call)
{
    struct ss_type types[SS_ARGUMENTS_MAX];
    bool is_null[SS_ARGUMENTS_MAX];
    size_t table_count;
    const struct ss_function *table = ss_function_table(&table_count);
    bool count_fits = false;
    for (size_t i = 0; i < table_count; i++) {
        count_fits = count_fits || (strcmp(table[i].name, call->name) == 0 &&
                                    ss_function_argument_count(&table[i]) == call->argument_count);
    }
    if (!count_fits) return ss_blame_count(checker->diagnostics, call);
    for (size_t i = 0; i < call->argument_count; i++) {
        types[i] = call->arguments[i]->type;
        is_null[i] = is_untyped_null(call->arguments[i]);
    }
    const struct ss_function *function = ss_function_match(call->name, types, is_null, call->argument_count);
    if (!function) return ss_blame_arguments(checker->diagnostics, call, types, is_null);
    for (size_t i = 0; i < call->argument_count; i++) {
        if (!settle_argument(checker, call, function, i)) return false;
    }
    return ss_settings_check(function, call, checker->scope->zones, checker->arena, checker->diagnostics) &&
           set_result_type(checker, call, function);
}

// ---- Forms

// Folds one more value into the common type: exact with exact has the greater scale, with float64 is float64;
// all else must be alike.
static bool join_type(struct ss_type *common, struct ss_type type)
{
    if (is_exact(*common) && is_exact(type)) {
        *common = exact_type(*common, type, common->scale > type.scale ? common->scale : type.scale);
        return true;
    }
    if (ss_type_is_numeric(*common) && ss_type_is_numeric(type)) {
        *common = float64_type;
        return true;
    }
    return ss_type_equal(*common, type);
}

// Indices into the arguments of a call: start, start + step, .. below end, and `last` (SIZE_MAX: none).
struct some_arguments {
    size_t start, end, step, last;
};

static size_t next_argument(struct some_arguments some, size_t index)
{
    if (index == some.last) return SIZE_MAX;
    return index + some.step < some.end ? index + some.step : some.last;
}

// The common type of the arguments. Null literals wait for it; all being null literals is an error.
static bool find_common_type(struct checker *checker, struct ss_node *call, struct some_arguments some,
                             struct ss_type *common)
{
    bool known = false, fits = true;
    for (size_t i = some.start; i != SIZE_MAX; i = next_argument(some, i)) {
        const struct ss_node *argument = call->arguments[i];
        if (is_untyped_null(argument)) continue;
        if (!known) {
            *common = argument->type;
            known = true;
        } else if (!join_type(common, argument->type)) {
            char text[SS_TYPE_TEXT_SIZE];
            fits = ss_blame_type(checker->diagnostics, call, argument, ss_type_format(*common, text),
                                 common->id == SS_TIMESTAMP);
        }
    }
    if (!known) return fail_unknown_null(checker, call->arguments[some.start]);
    return fits;
}

static bool convert_all(struct checker *checker, struct ss_node *call, struct some_arguments some,
                        struct ss_type type)
{
    bool fits = true;
    for (size_t i = some.start; i != SIZE_MAX; i = next_argument(some, i))
        fits = convert(checker, &call->arguments[i], type) && fits;
    return fits;
}

// Values that become results of the call: all are converted to their common type, which is the call's.
static bool check_results(struct checker *checker, struct ss_node *call, struct some_arguments some)
{
    return find_common_type(checker, call, some, &call->type) && convert_all(checker, call, some, call->type);
}

// Values that are only compared: exact numbers stay as they are, since comparing them is exact at any scale.
static bool check_compared(struct checker *checker, struct ss_node *call, struct some_arguments some)
{
    struct ss_type common = bool_type;
    if (!find_common_type(checker, call, some, &common)) return false;
    if (!is_exact(common)) return convert_all(checker, call, some, common);
    for (size_t i = some.start; i != SIZE_MAX; i = next_argument(some, i)) {
        if (is_untyped_null(call->arguments[i])) set_null_type(call->arguments[i], common);
    }
    return true;
}

static bool check_ordered(struct checker *checker, const struct ss_node *call)
{
    const struct ss_node *argument = call->arguments[0];
    if (ss_type_is_ordered(argument->type)) return true;
    return ss_blame_type(checker->diagnostics, call, argument, "a type with an order", false);
}

static bool check_condition(struct checker *checker, struct ss_node *call, struct ss_node *condition)
{
    if (is_untyped_null(condition)) set_null_type(condition, bool_type);
    return condition->type.id == SS_BOOL ||
           ss_blame_type(checker->diagnostics, call, condition, "bool as a condition", false);
}

static bool check_case(struct checker *checker, struct ss_node *call)
{
    const size_t count = call->argument_count;
    bool fits = true;
    for (size_t i = 0; i + 1 < count; i += 2)
        fits = check_condition(checker, call, call->arguments[i]) && fits;
    const struct some_arguments results = {1, count, 2, count % 2 ? count - 1 : SIZE_MAX};
    return check_results(checker, call, results) && fits;
}

static bool check_case_of(struct checker *checker, struct ss_node *call)
{
    const size_t count = call->argument_count;
    const bool has_else = count % 2 == 0;
    // The operand, then every value: an odd index but that of `else`. They are moved together to be compared.
    struct ss_node *compared = ss_arena_alloc(checker->arena, sizeof(*compared));
    struct ss_node **values = ss_arena_array(checker->arena, count, sizeof(*values));
    if (!compared || !values) {
        checker->diagnostics->out_of_memory = true;
        return false;
    }
    *compared = *call;
    compared->arguments = values;
    compared->argument_count = 0;
    values[compared->argument_count++] = call->arguments[0];
    for (size_t i = 1; i + 1 < count; i += 2) values[compared->argument_count++] = call->arguments[i];
    const bool fits =
        check_compared(checker, compared, (struct some_arguments){0, compared->argument_count, 1, SIZE_MAX});
    call->arguments[0] = values[0];
    for (size_t i = 1, k = 1; i + 1 < count; i += 2) call->arguments[i] = values[k++];
    return check_results(checker, call,
                         (struct some_arguments){2, count, 2, has_else ? count - 1 : SIZE_MAX}) &&
           fits;
}

static bool check_if(struct checker *checker, struct ss_node *call)
{
    const bool fits = check_condition(checker, call, call->arguments[0]);
    return check_results(checker, call, (struct some_arguments){1, 3, 1, SIZE_MAX}) && fits;
}

static bool check_nullif(struct checker *checker, struct ss_node *call)
{
    // The result has the first argument's own type, so a conversion for the comparison is left to the
    // builder.
    struct ss_type common = bool_type;
    const struct some_arguments both = {0, 2, 1, SIZE_MAX};
    if (!find_common_type(checker, call, both, &common)) return false;
    for (size_t i = 0; i < 2; i++) {
        if (is_untyped_null(call->arguments[i])) set_null_type(call->arguments[i], common);
    }
    call->type = call->arguments[0]->type;
    return common.id != SS_FLOAT64 || convert(checker, &call->arguments[1], float64_type);
}

// Do the edges stand as literals, each above the one before?
static bool check_edges(struct checker *checker, const struct ss_node *call)
{
    for (size_t i = 1; i < call->argument_count; i++) {
        const struct ss_node *edge = call->arguments[i];
        if (edge->kind != SS_NODE_LITERAL || edge->null_literal || !edge->value.present) {
            ss_diagnose(checker->diagnostics, edge->place, "'bucketize': expected a literal as an edge");
            return false;
        }
        if (i > 1 && ss_literal_compare(call->arguments[i - 1], edge) >= 0) {
            ss_diagnose(checker->diagnostics, edge->place,
                        "'bucketize': the edges rise, and this one is not above the one before it");
            return false;
        }
    }
    return true;
}

static bool check_bucketize(struct checker *checker, struct ss_node *call)
{
    const struct some_arguments all = {0, call->argument_count, 1, SIZE_MAX};
    struct ss_type common = bool_type;
    call->type = int64_type;
    return find_common_type(checker, call, all, &common) && check_ordered(checker, call) &&
           check_edges(checker, call) && check_compared(checker, call, all);
}

static bool check_concat(struct checker *checker, struct ss_node *call)
{
    call->type = string_type;
    for (size_t i = 0; i < call->argument_count; i++) {
        struct ss_node *argument = call->arguments[i];
        if (is_untyped_null(argument)) set_null_type(argument, string_type);
        if (argument->type.id != SS_STRING)
            return ss_blame_type(checker->diagnostics, call, argument, "string (write string(x) for others)",
                                 false);
    }
    return true;
}

static bool check_form(struct checker *checker, struct ss_node *call, const struct ss_function *function)
{
    const size_t count = call->argument_count;
    const struct some_arguments all = {0, count, 1, SIZE_MAX};
    if (function->form == SS_FORM_PLAIN) return check_plain(checker, call);
    if (count < function->argument_min || count > function->argument_max)
        return ss_blame_count(checker->diagnostics, call);
    switch (function->form) {
    case SS_FORM_COALESCE: return check_results(checker, call, all);
    case SS_FORM_CLIP:
    case SS_FORM_LEAST: return check_results(checker, call, all) && check_ordered(checker, call);
    case SS_FORM_NULLIF: return check_nullif(checker, call);
    case SS_FORM_IF: return check_if(checker, call);
    case SS_FORM_CASE: return check_case(checker, call);
    case SS_FORM_CASE_OF: return check_case_of(checker, call);
    case SS_FORM_BUCKETIZE: return check_bucketize(checker, call);
    case SS_FORM_POSITION_OF: call->type = int64_type; return check_compared(checker, call, all);
    case SS_FORM_CONCAT: return check_concat(checker, call);
    case SS_FORM_IN: call->type = bool_type; return check_compared(checker, call, all);
    case SS_FORM_BETWEEN:
        call->type = bool_type;
        return check_compared(checker, call, all) && check_ordered(checker, call);
    case SS_FORM_PLAIN: break;
    }
    return false;
}

// ---- The tree

static bool check_call(struct checker *checker, struct ss_node *call)
{
    bool fits = true;
    for (size_t i = 0; i < call->argument_count; i++) fits = check(checker, call->arguments[i]) && fits;
    const struct ss_function *function = ss_function_find(call->name);
    if (!function) {
        char hint[SS_HINT_SIZE];
        ss_diagnose(checker->diagnostics, call->place, "unknown function '%.64s'%s", call->name,
                    ss_nearest_hint(ss_nearest_function(ss_bytes_of(call->name)), hint));
        return false;
    }
    return fits && check_form(checker, call, function);
}

static bool check_name(struct checker *checker, struct ss_node *node)
{
    const struct ss_scope *const scope = checker->scope;
    return scope->resolve(scope->context, node, checker->diagnostics);
}

static bool check_aggregate(struct checker *checker, struct ss_node *node)
{
    const struct ss_scope *const scope = checker->scope;
    if (scope->aggregate) return scope->aggregate(scope->context, node, checker->diagnostics);
    ss_diagnose(checker->diagnostics, node->place, "an aggregate (%s) cannot stand in %s", node->name,
                scope->where);
    return false;
}

static bool check(struct checker *checker, struct ss_node *node)
{
    switch (node->kind) {
    case SS_NODE_LITERAL:
    case SS_NODE_INPUT: return true;
    case SS_NODE_NAME: return check_name(checker, node);
    case SS_NODE_CALL: return check_call(checker, node);
    case SS_NODE_AGGREGATE: return check_aggregate(checker, node);
    }
    return false;
}

bool ss_expression_check(struct ss_node *node, const struct ss_scope *scope, struct ss_arena *arena,
                         struct ss_diagnostics *diagnostics)
{
    struct checker checker = {scope, arena, diagnostics};
    if (!check(&checker, node)) return false;
    return !is_untyped_null(node) || fail_unknown_null(&checker, node);
}
