#include "naive_evaluate.h"

#include <stdlib.h>

#include "naive_number.h"

static const struct cell null_cell;

static struct cell boolean(bool value)
{
    return (struct cell){.present = true, .i = value};
}

// ---- Numbers

static struct cell to_double(struct kind kind, struct cell cell)
{
    if (!cell.present || kind.id == KIND_FLOAT64) return cell;
    mpq_t exact;
    mpq_init(exact);
    exact_of(exact, kind, cell);
    const struct cell rounded = cell_of_double(nearest_double(exact));
    mpq_clear(exact);
    return rounded;
}

static struct cell double_arithmetic(enum operation op, double a, double b)
{
    switch (op) {
    case OP_ADD: return cell_of_double(a + b);
    case OP_SUBTRACT: return cell_of_double(a - b);
    case OP_MULTIPLY: return cell_of_double(a * b);
    default: return b == 0 ? null_cell : cell_of_double(a / b);
    }
}

// a op b as integers of the result's scale.
static struct cell exact_arithmetic(const struct expression *expression, struct cell a, struct cell b)
{
    const struct kind left = expression->child[0]->kind, right = expression->child[1]->kind,
                      kind = expression->kind;
    mpz_t x, y, power;
    mpz_init_set_si(x, a.i);
    mpz_init_set_si(y, b.i);
    mpz_init(power);
    if (expression->op != OP_MULTIPLY) {
        mpz_ui_pow_ui(power, 10, kind.scale - left.scale);
        mpz_mul(x, x, power);
        mpz_ui_pow_ui(power, 10, kind.scale - right.scale);
        mpz_mul(y, y, power);
    }
    if (expression->op == OP_ADD) mpz_add(x, x, y);
    if (expression->op == OP_SUBTRACT) mpz_sub(x, x, y);
    if (expression->op == OP_MULTIPLY) mpz_mul(x, x, y);
    const struct cell result = cell_of_integer(x, kind);
    mpz_clears(x, y, power, NULL);
    return result;
}

static struct cell exact_quotient(const struct expression *expression, struct cell a, struct cell b)
{
    mpq_t x, y;
    if (b.i == 0) return null_cell;
    mpq_inits(x, y, NULL);
    exact_of(x, expression->child[0]->kind, a);
    exact_of(y, expression->child[1]->kind, b);
    mpq_div(x, x, y);
    const struct cell result = cell_of_double(nearest_double(x));
    mpq_clears(x, y, NULL);
    return result;
}

static struct cell arithmetic(const struct expression *expression, struct cell a, struct cell b)
{
    const struct kind left = expression->child[0]->kind, right = expression->child[1]->kind;
    if (!a.present || !b.present) return null_cell;
    if (left.id == KIND_FLOAT64 || right.id == KIND_FLOAT64) {
        a = to_double(left, a);
        b = to_double(right, b);
        return a.present && b.present ? double_arithmetic(expression->op, a.f, b.f) : null_cell;
    }
    if (expression->op == OP_DIVIDE) return exact_quotient(expression, a, b);
    return exact_arithmetic(expression, a, b);
}

static struct cell whole_division(enum operation op, struct cell a, struct cell b)
{
    if (!a.present || !b.present || b.i == 0) return null_cell;
    if (a.i == INT64_MIN && b.i == -1) return op == OP_MOD ? (struct cell){.present = true} : null_cell;
    return (struct cell){.present = true, .i = op == OP_DIV ? a.i / b.i : a.i % b.i};
}

static struct cell negated(struct kind kind, struct cell a)
{
    if (!a.present) return a;
    if (kind.id == KIND_FLOAT64) return cell_of_double(-a.f);
    return a.i == INT64_MIN ? null_cell : (struct cell){.present = true, .i = -a.i};
}

static struct cell absolute(struct kind kind, struct cell a)
{
    const bool is_negative = a.present && (kind.id == KIND_FLOAT64 ? a.f < 0 : a.i < 0);
    return is_negative ? negated(kind, a) : a;
}

// ---- Comparison and logic

// -1, 0, 1 of two present cells.
static int order(struct kind left, struct cell a, struct kind right, struct cell b)
{
    if (left.id == KIND_STRING || kind_has_size(left)) return cell_order(left, a, b);
    if (left.id == right.id && left.scale == right.scale) return cell_order(left, a, b);
    if (left.id == KIND_FLOAT64 || right.id == KIND_FLOAT64) {
        const double x = to_double(left, a).f, y = to_double(right, b).f;
        return (x > y) - (x < y);
    }
    mpq_t x, y;
    mpq_inits(x, y, NULL);
    exact_of(x, left, a);
    exact_of(y, right, b);
    const int compared = mpq_cmp(x, y);
    mpq_clears(x, y, NULL);
    return (compared > 0) - (compared < 0);
}

static struct cell compared(enum operation op, const struct expression *x, struct cell a,
                            const struct expression *y, struct cell b)
{
    if (!a.present || !b.present) return null_cell;
    const int result = order(x->kind, a, y->kind, b);
    switch (op) {
    case OP_EQUAL: return boolean(result == 0);
    case OP_DIFFER: return boolean(result != 0);
    case OP_LESS: return boolean(result < 0);
    case OP_AT_MOST: return boolean(result <= 0);
    case OP_GREATER: return boolean(result > 0);
    default: return boolean(result >= 0);
    }
}

static struct cell both(struct cell a, struct cell b)
{
    if ((a.present && !a.i) || (b.present && !b.i)) return boolean(false);
    return a.present && b.present ? boolean(true) : null_cell;
}

static struct cell either(struct cell a, struct cell b)
{
    if ((a.present && a.i) || (b.present && b.i)) return boolean(true);
    return a.present && b.present ? boolean(false) : null_cell;
}

static struct cell among(const struct expression *expression, struct cell x, const struct cell *cells)
{
    struct cell result = boolean(false);
    for (int i = 1; i < expression->child_count; i++)
        result = either(result, compared(OP_EQUAL, expression->child[0], x, expression->child[i], cells[i]));
    return result;
}

// ---- Text

static struct cell with_case(struct pool *pool, struct cell a, bool upper)
{
    if (!a.present) return a;
    char *copy = pool_format(pool, "%s", a.text);
    for (char *at = copy; *at; at++) {
        if (upper && *at >= 'a' && *at <= 'z') *at = (char)(*at - 32);
        if (!upper && *at >= 'A' && *at <= 'Z') *at = (char)(*at + 32);
    }
    return (struct cell){.present = true, .text = copy};
}

static struct cell code_points(struct cell a)
{
    struct cell count = {.present = true};
    if (!a.present) return a;
    for (const char *at = a.text; *at; at++) count.i += ((unsigned char)*at & 0xc0) != 0x80;
    return count;
}

// ---- Trees

static struct cell leaf(const struct expression *expression, const struct scope *scope)
{
    switch (expression->op) {
    case OP_LITERAL: return expression->literal;
    case OP_COLUMN: return scope->columns[expression->index];
    case OP_EVENT_TIME: return (struct cell){.present = true, .i = scope->event_time};
    case OP_AGGREGATE: return scope->aggregates[expression->index];
    case OP_FEATURE: return scope->feature(scope->context, expression->view, expression->index);
    case OP_REQUEST: return scope->request[expression->index];
    case OP_KEY: return scope->keys[expression->index];
    default: return (struct cell){.present = true, .i = scope->t};
    }
}

static struct cell first_present(const struct expression *expression, const struct cell *cells)
{
    for (int i = 0; i < expression->child_count; i++)
        if (cells[i].present) return cells[i];
    return null_cell;
}

static struct cell operate(const struct expression *expression, const struct scope *scope,
                           const struct cell *cells)
{
    const struct expression *const *child = expression->child;
    const struct cell a = cells[0], b = cells[1];
    switch (expression->op) {
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE: return arithmetic(expression, a, b);
    case OP_DIV:
    case OP_MOD: return whole_division(expression->op, a, b);
    case OP_NEGATE: return negated(child[0]->kind, a);
    case OP_ABS: return absolute(child[0]->kind, a);
    case OP_EQUAL:
    case OP_DIFFER:
    case OP_LESS:
    case OP_AT_MOST:
    case OP_GREATER:
    case OP_AT_LEAST: return compared(expression->op, child[0], a, child[1], b);
    case OP_AND: return both(a, b);
    case OP_OR: return either(a, b);
    case OP_NOT: return a.present ? boolean(!a.i) : null_cell;
    case OP_IS_NULL: return boolean(!a.present);
    case OP_IS_NOT_NULL: return boolean(a.present);
    case OP_IN: return among(expression, a, cells);
    case OP_BETWEEN:
        return both(compared(OP_AT_LEAST, child[0], a, child[1], b),
                    compared(OP_AT_MOST, child[0], a, child[2], cells[2]));
    case OP_COALESCE: return first_present(expression, cells);
    case OP_NULLIF: {
        const struct cell equal = compared(OP_EQUAL, child[0], a, child[1], b);
        return equal.present && equal.i ? null_cell : a;
    }
    case OP_CASE: return a.present && a.i ? b : cells[2];
    case OP_LENGTH: return code_points(a);
    case OP_LOWER: return with_case(scope->pool, a, false);
    case OP_UPPER: return with_case(scope->pool, a, true);
    default: abort();
    }
}

static struct cell branch(const struct expression *expression, const struct scope *scope)
{
    struct cell cells[CHILDREN] = {{0}};
    for (int i = 0; i < expression->child_count; i++) cells[i] = naive_evaluate(expression->child[i], scope);
    return operate(expression, scope, cells);
}

struct cell naive_evaluate(const struct expression *expression, const struct scope *scope)
{
    return expression->op < OP_ADD ? leaf(expression, scope) : branch(expression, scope);
}

bool naive_is_true(const struct expression *condition, const struct scope *scope)
{
    if (!condition) return true;
    const struct cell cell = naive_evaluate(condition, scope);
    return cell.present && cell.i;
}
