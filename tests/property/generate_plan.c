// Random plans: entities, sources, views with their aggregates and expressions, one service that reads them
// all.

#include <string.h>

#include "scenario.h"

struct maker {
    struct random *random;
    struct pool *pool;
    struct plan *plan;
    struct view *view; // being made
    int names;         // features named so far
};

static uint64_t below(struct maker *maker, uint64_t bound)
{
    return random_below(maker->random, bound);
}

static bool chance(struct maker *maker, unsigned percent)
{
    return random_chance(maker->random, percent);
}

static const struct kind bool_kind = {KIND_BOOL, 0}, int64_kind = {KIND_INT64, 0},
                         float64_kind = {KIND_FLOAT64, 0}, string_kind = {KIND_STRING, 0},
                         timestamp_kind = {KIND_TIMESTAMP, 0};

// ---- Nodes

static struct expression *node(struct maker *maker, enum operation op, struct kind kind)
{
    struct expression *made = pool_take(maker->pool, sizeof *made);
    made->op = op;
    made->kind = kind;
    return made;
}

static const struct expression *leaf(struct maker *maker, enum operation op, struct kind kind, int index)
{
    struct expression *made = node(maker, op, kind);
    made->index = index;
    return made;
}

static const struct expression *unary(struct maker *maker, enum operation op, struct kind kind,
                                      const struct expression *a)
{
    struct expression *made = node(maker, op, kind);
    made->child_count = 1;
    made->child[0] = a;
    return made;
}

static const struct expression *binary(struct maker *maker, enum operation op, struct kind kind,
                                       const struct expression *a, const struct expression *b)
{
    struct expression *made = node(maker, op, kind);
    made->child_count = 2;
    made->child[0] = a;
    made->child[1] = b;
    return made;
}

static const struct expression *ternary(struct maker *maker, enum operation op, struct kind kind,
                                        const struct expression *a, const struct expression *b,
                                        const struct expression *c)
{
    struct expression *made = node(maker, op, kind);
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

static const struct expression *literal(struct maker *maker, struct kind kind)
{
    struct expression *made = node(maker, OP_LITERAL, kind);
    made->literal = small_cell(maker, kind);
    return made;
}

static const struct expression *whole(struct maker *maker, int64_t value)
{
    struct expression *made = node(maker, OP_LITERAL, int64_kind);
    made->literal = (struct cell){.present = true, .i = value};
    return made;
}

static struct kind exact_kind(unsigned scale)
{
    return scale ? (struct kind){KIND_DECIMAL, scale} : int64_kind;
}

// The kind of a + b, a - b or a * b.
static struct kind result_kind(enum operation op, struct kind a, struct kind b)
{
    if (a.id == KIND_FLOAT64 || b.id == KIND_FLOAT64 || op == OP_DIVIDE) return float64_kind;
    const unsigned scale = op == OP_MULTIPLY ? a.scale + b.scale : a.scale > b.scale ? a.scale : b.scale;
    const bool is_decimal = a.id == KIND_DECIMAL || b.id == KIND_DECIMAL;
    return is_decimal ? (struct kind){KIND_DECIMAL, scale} : int64_kind;
}

static const struct expression *arithmetic(struct maker *maker, const struct expression *a,
                                           const struct expression *b)
{
    static const enum operation operations[] = {OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE};
    enum operation op = operations[below(maker, 4)];
    if (op == OP_MULTIPLY && a->kind.scale + b->kind.scale > 8) op = OP_ADD;
    return binary(maker, op, result_kind(op, a->kind, b->kind), a, b);
}

static const struct expression *comparison(struct maker *maker, const struct expression *a,
                                           const struct expression *b)
{
    static const enum operation operations[] = {OP_EQUAL,   OP_DIFFER,  OP_LESS,
                                                OP_AT_MOST, OP_GREATER, OP_AT_LEAST};
    return binary(maker, operations[below(maker, a->kind.id == KIND_BOOL ? 2 : 6)], bool_kind, a, b);
}

// ---- Rows: what an aggregate's argument and `where` are made of

static const struct expression *any_column(struct maker *maker)
{
    const struct source *source = maker->view->source;
    const int column = (int)below(maker, (uint64_t)source->column_count);
    return leaf(maker, OP_COLUMN, source->columns[column].kind, column);
}

static const struct expression *column_of(struct maker *maker, struct kind kind)
{
    const struct source *source = maker->view->source;
    for (int i = 0; i < source->column_count; i++)
        if (source->columns[i].kind.id == kind.id && source->columns[i].role == ROLE_PLAIN)
            return leaf(maker, OP_COLUMN, source->columns[i].kind, i);
    return literal(maker, kind);
}

static const struct expression *simple_condition(struct maker *maker)
{
    const struct expression *column = any_column(maker);
    struct expression *among;
    switch (below(maker, 6)) {
    case 0: return unary(maker, chance(maker, 50) ? OP_IS_NULL : OP_IS_NOT_NULL, bool_kind, column);
    case 1: return column_of(maker, bool_kind);
    case 2:
        if (column->kind.id == KIND_BOOL) return column;
        return ternary(maker, OP_BETWEEN, bool_kind, column, literal(maker, column->kind),
                       literal(maker, column->kind));
    case 3:
        among = node(maker, OP_IN, bool_kind);
        among->child_count = 3;
        among->child[0] = column_of(maker, string_kind);
        among->child[1] = literal(maker, string_kind);
        among->child[2] = literal(maker, string_kind);
        return among;
    case 4: return comparison(maker, column_of(maker, float64_kind), column_of(maker, int64_kind));
    default: return comparison(maker, column, literal(maker, column->kind));
    }
}

static const struct expression *condition(struct maker *maker)
{
    switch (below(maker, 5)) {
    case 0: return unary(maker, OP_NOT, bool_kind, simple_condition(maker));
    case 1: return binary(maker, OP_AND, bool_kind, simple_condition(maker), simple_condition(maker));
    case 2: return binary(maker, OP_OR, bool_kind, simple_condition(maker), simple_condition(maker));
    default: return simple_condition(maker);
    }
}

static const struct expression *number_argument(struct maker *maker)
{
    static const enum kind_id ids[] = {KIND_INT64, KIND_DECIMAL, KIND_FLOAT64};
    const struct expression *a = column_of(maker, (struct kind){ids[below(maker, 3)], 2});
    const struct expression *b = column_of(maker, (struct kind){ids[below(maker, 3)], 2});
    switch (below(maker, 9)) {
    case 0: return arithmetic(maker, a, b);
    case 1: return arithmetic(maker, a, literal(maker, a->kind));
    case 2: return unary(maker, chance(maker, 50) ? OP_NEGATE : OP_ABS, a->kind, a);
    case 3: return binary(maker, OP_COALESCE, a->kind, a, literal(maker, a->kind));
    case 4:
        return binary(maker, chance(maker, 50) ? OP_DIV : OP_MOD, int64_kind, column_of(maker, int64_kind),
                      whole(maker, random_between(maker->random, 0, 9)));
    case 5: return unary(maker, OP_LENGTH, int64_kind, column_of(maker, string_kind));
    default: return a;
    }
}

static const struct expression *ordered_argument(struct maker *maker)
{
    switch (below(maker, 6)) {
    case 0: return column_of(maker, string_kind);
    case 1:
        return unary(maker, chance(maker, 50) ? OP_LOWER : OP_UPPER, string_kind,
                     column_of(maker, string_kind));
    case 2: return column_of(maker, timestamp_kind);
    case 3: return leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
    default: return number_argument(maker);
    }
}

// ---- Aggregates

static int64_t any_window(struct maker *maker)
{
    static const int64_t windows[] = {DAY,         7 * DAY,     30 * DAY,    HOUR,     6 * HOUR,
                                      12 * HOUR,   90 * MINUTE, 10 * MINUTE, MINUTE,   SECOND,
                                      37 * SECOND, 250 * 1000,  36 * HOUR,   12 * DAY, 13,
                                      2 * HOUR,    3 * DAY,     365 * DAY,   1001};
    return windows[below(maker, sizeof windows / sizeof *windows)];
}

static int64_t any_hop(struct maker *maker, int64_t window)
{
    static const int64_t parts[] = {1, 2, 3, 4, 6, 12, 24, 30};
    if (chance(maker, 55)) return 0;
    if (chance(maker, 30)) return 1;
    const int64_t part = parts[below(maker, sizeof parts / sizeof *parts)];
    return window % part == 0 ? window / part : window;
}

static void choose_argument(struct maker *maker, struct aggregate *aggregate)
{
    switch (aggregate->function) {
    case FN_COUNT:
        if (chance(maker, 30)) aggregate->argument = any_column(maker);
        aggregate->kind = int64_kind;
        break;
    case FN_SUM:
        aggregate->argument = number_argument(maker);
        aggregate->kind = aggregate->argument->kind;
        break;
    case FN_MEAN:
    case FN_VAR:
    case FN_STDDEV:
        aggregate->argument = number_argument(maker);
        aggregate->kind = float64_kind;
        break;
    case FN_MIN:
    case FN_MAX:
        aggregate->argument = ordered_argument(maker);
        aggregate->kind = aggregate->argument->kind;
        break;
    case FN_FIRST:
    case FN_LAST:
        aggregate->argument = chance(maker, 50) ? any_column(maker) : ordered_argument(maker);
        aggregate->kind = aggregate->argument->kind;
        break;
    case FN_DISTINCT: {
        static const enum kind_id ids[] = {KIND_INT64,  KIND_DECIMAL,   KIND_FLOAT64,
                                           KIND_STRING, KIND_TIMESTAMP, KIND_BOOL};
        aggregate->argument = column_of(maker, (struct kind){ids[below(maker, 6)], 2});
        // All different: in a long script more than are kept exactly.
        if (chance(maker, 40)) aggregate->argument = leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
        aggregate->kind = int64_kind;
        break;
    }
    }
}

// When the view is full, its last aggregate does once more.
static const struct expression *add_aggregate(struct maker *maker, const struct aggregate *aggregate)
{
    struct view *view = maker->view;
    if (view->aggregate_count < MAX_AGGREGATES) view->aggregates[view->aggregate_count++] = *aggregate;
    const int index = view->aggregate_count - 1;
    return leaf(maker, OP_AGGREGATE, view->aggregates[index].kind, index);
}

static const struct expression *aggregate_of(struct maker *maker, enum function function)
{
    struct aggregate aggregate = {.function = function};
    choose_argument(maker, &aggregate);
    if (chance(maker, 30)) aggregate.where = condition(maker);
    aggregate.bound = chance(maker, 75) ? BOUND_WINDOW : BOUND_ALL;
    if (function == FN_LAST && chance(maker, 50)) aggregate.bound = BOUND_WITHIN;
    if (aggregate.bound != BOUND_ALL) aggregate.window = any_window(maker);
    if (aggregate.bound == BOUND_WINDOW) aggregate.hop = any_hop(maker, aggregate.window);
    return add_aggregate(maker, &aggregate);
}

static const struct expression *any_aggregate(struct maker *maker)
{
    return aggregate_of(maker, (enum function)below(maker, 10));
}

static const struct expression *number_aggregate(struct maker *maker)
{
    static const enum function functions[] = {FN_COUNT, FN_SUM,    FN_SUM,     FN_MEAN,
                                              FN_VAR,   FN_STDDEV, FN_DISTINCT};
    return aggregate_of(maker, functions[below(maker, 7)]);
}

// ---- Features of views

static const struct expression *earlier_number(struct maker *maker)
{
    for (int i = 0; i < maker->view->feature_count; i++) {
        const struct kind kind = maker->view->features[i].expression->kind;
        if (kind_is_number(kind) && kind.scale <= 4 && chance(maker, 60))
            return leaf(maker, OP_FEATURE, kind, i);
    }
    return number_aggregate(maker);
}

static const struct expression *since_last(struct maker *maker)
{
    struct aggregate last = {.function = FN_LAST, .kind = timestamp_kind, .bound = BOUND_ALL};
    last.argument = leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
    if (chance(maker, 50)) {
        last.bound = BOUND_WITHIN;
        last.window = any_window(maker);
    }
    const struct expression *aggregate = add_aggregate(maker, &last);
    if (aggregate->kind.id != KIND_TIMESTAMP) return aggregate;
    return binary(maker, OP_SUBTRACT, int64_kind, leaf(maker, OP_TIME, timestamp_kind, 0), aggregate);
}

static const struct expression *view_feature(struct maker *maker)
{
    const struct plan *plan = maker->plan;
    const struct entity *entity = maker->view->entity;
    const struct expression *a = any_aggregate(maker), *b;
    switch (below(maker, 14)) {
    case 0:
        b = number_aggregate(maker);
        a = number_aggregate(maker);
        return binary(maker, OP_DIVIDE, float64_kind, a,
                      binary(maker, OP_NULLIF, b->kind, b, whole(maker, 0)));
    case 1: a = number_aggregate(maker); return arithmetic(maker, a, number_aggregate(maker));
    case 2: return binary(maker, OP_COALESCE, a->kind, a, literal(maker, a->kind));
    case 3: return since_last(maker);
    case 4:
        return ternary(maker, OP_CASE, a->kind,
                       comparison(maker, number_aggregate(maker), literal(maker, int64_kind)), a,
                       literal(maker, a->kind));
    case 5: return unary(maker, chance(maker, 50) ? OP_IS_NULL : OP_IS_NOT_NULL, bool_kind, a);
    case 6: return comparison(maker, a, literal(maker, a->kind));
    case 7:
        return arithmetic(maker, earlier_number(maker),
                          literal(maker, chance(maker, 50) ? int64_kind : float64_kind));
    case 8:
        if (entity->key_count == 0) return a;
        const struct kind kind = plan->key_kinds[entity->keys[0]];
        return ternary(maker, OP_CASE, a->kind,
                       comparison(maker, leaf(maker, OP_KEY, kind, 0), literal(maker, kind)), a,
                       literal(maker, a->kind));
    default: return a;
    }
}

static void make_view(struct maker *maker, int index)
{
    struct plan *plan = maker->plan;
    struct view *view = &plan->views[index];
    maker->view = view;
    view->name = pool_format(maker->pool, "view%d", index);
    view->entity = &plan->entities[index < plan->entity_count ? (uint64_t)index
                                                              : below(maker, (uint64_t)plan->entity_count)];
    view->source_index =
        (int)(index < plan->source_count ? (uint64_t)index : below(maker, (uint64_t)plan->source_count));
    view->source = &plan->sources[view->source_index];
    if (chance(maker, 40)) view->where = condition(maker);
    const int count = 1 + (int)below(maker, 8);
    for (int i = 0; i < count; i++) {
        const struct expression *expression = view_feature(maker);
        view->features[i] = (struct feature){pool_format(maker->pool, "f%d", maker->names++), expression};
        view->feature_count = i + 1;
    }
}

// ---- The service

static const struct expression *any_feature(struct maker *maker, bool number)
{
    struct plan *plan = maker->plan;
    for (int attempt = 0; attempt < 20; attempt++) {
        const int v = (int)below(maker, (uint64_t)plan->view_count);
        const int f = (int)below(maker, (uint64_t)plan->views[v].feature_count);
        const struct kind kind = plan->views[v].features[f].expression->kind;
        if (number && (!kind_is_number(kind) || kind.scale > 4)) continue;
        struct expression *made = node(maker, OP_FEATURE, kind);
        made->view = v;
        made->index = f;
        return made;
    }
    return whole(maker, 7);
}

static const struct expression *request_number(struct maker *maker)
{
    const int i = (int)below(maker, 3);
    if (i >= maker->plan->request_count) return whole(maker, 3);
    return leaf(maker, OP_REQUEST, maker->plan->request[i].kind, i);
}

static const struct expression *derived(struct maker *maker)
{
    const struct expression *a = any_feature(maker, true);
    switch (below(maker, 6)) {
    case 0: return arithmetic(maker, request_number(maker), a);
    case 1: return arithmetic(maker, a, any_feature(maker, true));
    case 2: return comparison(maker, request_number(maker), a);
    case 3: return binary(maker, OP_COALESCE, a->kind, a, literal(maker, a->kind));
    case 4:
        a = any_feature(maker, false);
        return ternary(maker, OP_CASE, a->kind,
                       comparison(maker, request_number(maker), literal(maker, int64_kind)), a,
                       literal(maker, a->kind));
    default: return arithmetic(maker, request_number(maker), literal(maker, float64_kind));
    }
}

static void use_keys(struct plan *plan, const struct expression *expression)
{
    if (expression->op == OP_FEATURE) {
        const struct entity *entity = plan->views[expression->view].entity;
        for (int k = 0; k < entity->key_count; k++) {
            bool used = false;
            for (int s = 0; s < plan->service_key_count; s++)
                used = used || plan->service_keys[s] == entity->keys[k];
            if (!used) plan->service_keys[plan->service_key_count++] = entity->keys[k];
        }
    }
    for (int i = 0; i < expression->child_count; i++) use_keys(plan, expression->child[i]);
}

static void make_service(struct maker *maker)
{
    static const struct kind kinds[] = {{KIND_INT64, 0}, {KIND_DECIMAL, 2}, {KIND_FLOAT64, 0}};
    struct plan *plan = maker->plan;
    plan->request_count = (int)below(maker, 4);
    for (int i = 0; i < plan->request_count; i++)
        plan->request[i] = (struct request_input){pool_format(maker->pool, "r%d", i), kinds[i]};
    for (int v = 0; v < plan->view_count; v++)
        for (int f = 0; f < plan->views[v].feature_count; f++) {
            struct expression *read = node(maker, OP_FEATURE, plan->views[v].features[f].expression->kind);
            read->view = v;
            read->index = f;
            plan->features[plan->feature_count++] = (struct feature){plan->views[v].features[f].name, read};
        }
    const int count = (int)below(maker, 5);
    for (int i = 0; i < count; i++)
        plan->features[plan->feature_count++] =
            (struct feature){pool_format(maker->pool, "derived%d", i), derived(maker)};
    for (int f = 0; f < plan->feature_count; f++) use_keys(plan, plan->features[f].expression);
}

// ---- Entities and sources

static void make_entities(struct maker *maker)
{
    static const struct entity entities[] = {
        {"user", 1, {0}}, {"pair", 2, {0, 1}}, {"world", 0, {0}}, {"other", 1, {1}}};
    static const struct kind kinds[] = {{KIND_STRING, 0}, {KIND_INT64, 0}, {KIND_BOOL, 0}};
    struct plan *plan = maker->plan;
    plan->key_count = 2;
    for (int k = 0; k < plan->key_count; k++) {
        plan->key_names[k] = pool_format(maker->pool, "key%d", k);
        plan->key_kinds[k] = kinds[below(maker, k == 0 ? 2 : 3)];
    }
    plan->entity_count = 1 + (int)below(maker, 2);
    const uint64_t first = below(maker, 4);
    plan->entities[0] = entities[first];
    plan->entities[1] = entities[(first + 1 + below(maker, 3)) % 4];
}

static int add_column(struct source *source, const char *name, struct kind kind, enum role role)
{
    source->columns[source->column_count] = (struct column){.name = name, .kind = kind, .role = role};
    return source->column_count++;
}

static void make_source(struct maker *maker, int index)
{
    struct plan *plan = maker->plan;
    struct source *source = &plan->sources[index];
    source->name = pool_format(maker->pool, "source%d", index);
    source->id_column = source->operation_column = source->arrival_column = -1;
    const bool has_id = chance(maker, 65), has_operation = has_id && chance(maker, 70);
    if (has_id)
        source->id_column = add_column(source, "id", chance(maker, 50) ? string_kind : int64_kind, ROLE_ID);
    if (has_operation) source->operation_column = add_column(source, "op", string_kind, ROLE_OPERATION);
    source->time_column = add_column(source, "happened", timestamp_kind, ROLE_TIME);
    source->arrival = (enum arrival)below(maker, 3);
    if (source->arrival == ARRIVAL_COLUMN)
        source->arrival_column = add_column(source, "known", timestamp_kind, ROLE_ARRIVAL);
    if (source->arrival == ARRIVAL_OFFSET) source->offset = (int64_t)below(maker, 3) * 15 * MINUTE + 1;
    for (int k = 0; k < plan->key_count; k++) {
        const int column = add_column(source, plan->key_names[k], plan->key_kinds[k], ROLE_KEY);
        source->columns[column].key = k;
    }
    add_column(source, "n", int64_kind, ROLE_PLAIN);
    add_column(source, "d", exact_kind(1 + (unsigned)below(maker, 4)), ROLE_PLAIN);
    add_column(source, "x", float64_kind, ROLE_PLAIN);
    add_column(source, "c", string_kind, ROLE_PLAIN);
    add_column(source, "m", timestamp_kind, ROLE_PLAIN);
    add_column(source, "b", bool_kind, ROLE_PLAIN);
}

void generate_plan(struct random *random, struct pool *pool, struct plan *plan)
{
    struct maker maker = {.random = random, .pool = pool, .plan = plan};
    memset(plan, 0, sizeof *plan);
    plan->wall = random_chance(random, 30);
    make_entities(&maker);
    plan->source_count = 1 + (int)random_below(random, 2);
    for (int i = 0; i < plan->source_count; i++) make_source(&maker, i);
    plan->view_count = plan->source_count > plan->entity_count ? plan->source_count : plan->entity_count;
    plan->view_count += (int)random_below(random, 3);
    for (int i = 0; i < plan->view_count; i++) make_view(&maker, i);
    make_service(&maker);
}
