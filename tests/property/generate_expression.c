// Random expressions: nodes, and conditions over the rows of a source.

#include "generate.h"

struct expression *make_node(struct maker *maker, enum operation op, struct kind kind)
{
    struct expression *made = pool_take(maker->pool, sizeof *made);
    made->op = op;
    made->kind = kind;
    return made;
}

const struct expression *make_leaf(struct maker *maker, enum operation op, struct kind kind, int index)
{
    struct expression *made = make_node(maker, op, kind);
    made->index = index;
    return made;
}

const struct expression *make_unary(struct maker *maker, enum operation op, struct kind kind,
                                    const struct expression *a)
{
    struct expression *made = make_node(maker, op, kind);
    made->child_count = 1;
    made->child[0] = a;
    return made;
}

const struct expression *make_binary(struct maker *maker, enum operation op, struct kind kind,
                                     const struct expression *a, const struct expression *b)
{
    struct expression *made = make_node(maker, op, kind);
    made->child_count = 2;
    made->child[0] = a;
    made->child[1] = b;
    return made;
}

const struct expression *make_ternary(struct maker *maker, enum operation op, struct kind kind,
                                      const struct expression *a, const struct expression *b,
                                      const struct expression *c)
{
    struct expression *made = make_node(maker, op, kind);
    made->child_count = 3;
    made->child[0] = a;
    made->child[1] = b;
    made->child[2] = c;
    return made;
}

static struct cell small_cell(struct maker *maker, struct kind kind)
{
    static const char *const texts[] = {"a", "b", "US", "it's", "", "A", "u1"};
    static const double numbers[] = {0, 1.5, -2, 0.1, 1e10, -1e-3};
    struct cell cell = {.present = true};
    switch (kind.id) {
    case KIND_BOOL: cell.i = chance(maker, 50); break;
    case KIND_FLOAT64: cell.f = numbers[below(maker, 6)]; break;
    case KIND_STRING: cell.text = texts[below(maker, 7)]; break;
    case KIND_TIMESTAMP: cell.i = (int64_t)below(maker, 20000) * DAY + 1; break;
    default: cell.i = random_between(maker->random, -20, 200); break;
    }
    return cell;
}

const struct expression *make_literal(struct maker *maker, struct kind kind)
{
    struct expression *made = make_node(maker, OP_LITERAL, kind);
    made->literal = small_cell(maker, kind);
    return made;
}

const struct expression *make_whole(struct maker *maker, int64_t value)
{
    struct expression *made = make_node(maker, OP_LITERAL, int64_kind);
    made->literal = (struct cell){.present = true, .i = value};
    return made;
}

// The kind of a + b, a - b or a * b.
static struct kind result_kind(enum operation op, struct kind a, struct kind b)
{
    if (a.id == KIND_FLOAT64 || b.id == KIND_FLOAT64 || op == OP_DIVIDE) return float64_kind;
    const unsigned scale = op == OP_MULTIPLY ? a.scale + b.scale : a.scale > b.scale ? a.scale : b.scale;
    const bool is_decimal = a.id == KIND_DECIMAL || b.id == KIND_DECIMAL;
    return is_decimal ? (struct kind){KIND_DECIMAL, scale} : int64_kind;
}

const struct expression *make_arithmetic(struct maker *maker, const struct expression *a,
                                         const struct expression *b)
{
    static const enum operation operations[] = {OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE};
    enum operation op = operations[below(maker, 4)];
    if (op == OP_MULTIPLY && a->kind.scale + b->kind.scale > 8) op = OP_ADD;
    return make_binary(maker, op, result_kind(op, a->kind, b->kind), a, b);
}

const struct expression *make_comparison(struct maker *maker, const struct expression *a,
                                         const struct expression *b)
{
    static const enum operation operations[] = {OP_EQUAL,   OP_DIFFER,  OP_LESS,
                                                OP_AT_MOST, OP_GREATER, OP_AT_LEAST};
    return make_binary(maker, operations[below(maker, a->kind.id == KIND_BOOL ? 2 : 6)], bool_kind, a, b);
}

// ---- Rows: what an aggregate's argument and `where` are made of

const struct expression *any_column(struct maker *maker)
{
    const struct source *source = maker->view->source;
    const int column = (int)below(maker, (uint64_t)source->column_count);
    return make_leaf(maker, OP_COLUMN, source->columns[column].kind, column);
}

const struct expression *scalar_column(struct maker *maker)
{
    for (;;) {
        const struct expression *column = any_column(maker);
        if (!kind_has_size(column->kind)) return column;
    }
}

bool has_column(const struct maker *maker, enum kind_id id)
{
    for (int i = 0; i < maker->view->source->column_count; i++)
        if (maker->view->source->columns[i].kind.id == id) return true;
    return false;
}

const struct expression *column_of(struct maker *maker, struct kind kind)
{
    const struct source *source = maker->view->source;
    for (int i = 0; i < source->column_count; i++)
        if (source->columns[i].kind.id == kind.id && source->columns[i].role == ROLE_PLAIN)
            return make_leaf(maker, OP_COLUMN, source->columns[i].kind, i);
    return make_literal(maker, kind);
}

static const struct expression *simple_condition(struct maker *maker)
{
    const struct expression *column = scalar_column(maker);
    struct expression *among;
    switch (below(maker, 6)) {
    case 0:
        return make_unary(maker, chance(maker, 50) ? OP_IS_NULL : OP_IS_NOT_NULL, bool_kind,
                          any_column(maker));
    case 1: return column_of(maker, bool_kind);
    case 2:
        if (column->kind.id == KIND_BOOL) return column;
        return make_ternary(maker, OP_BETWEEN, bool_kind, column, make_literal(maker, column->kind),
                            make_literal(maker, column->kind));
    case 3:
        among = make_node(maker, OP_IN, bool_kind);
        among->child_count = 3;
        among->child[0] = column_of(maker, string_kind);
        among->child[1] = make_literal(maker, string_kind);
        among->child[2] = make_literal(maker, string_kind);
        return among;
    case 4: return make_comparison(maker, column_of(maker, float64_kind), column_of(maker, int64_kind));
    default: return make_comparison(maker, column, make_literal(maker, column->kind));
    }
}

const struct expression *make_condition(struct maker *maker)
{
    switch (below(maker, 5)) {
    case 0: return make_unary(maker, OP_NOT, bool_kind, simple_condition(maker));
    case 1: return make_binary(maker, OP_AND, bool_kind, simple_condition(maker), simple_condition(maker));
    case 2: return make_binary(maker, OP_OR, bool_kind, simple_condition(maker), simple_condition(maker));
    default: return simple_condition(maker);
    }
}
