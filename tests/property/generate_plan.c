// Random plans: entities, sources, views with their aggregates and expressions, one service that reads them
// all.

#include <string.h>

#include "generate.h"

// ---- Features of views

static const struct expression *earlier_number(struct maker *maker)
{
    for (int i = 0; i < maker->view->feature_count; i++) {
        const struct kind kind = maker->view->features[i].expression->kind;
        if (kind_is_number(kind) && kind.scale <= 4 && chance(maker, 60))
            return make_leaf(maker, OP_FEATURE, kind, i);
    }
    return number_aggregate(maker);
}

static const struct expression *since_last(struct maker *maker)
{
    struct aggregate last = {.function = FN_LAST, .kind = timestamp_kind, .bound = BOUND_ALL};
    last.argument = make_leaf(maker, OP_EVENT_TIME, timestamp_kind, 0);
    if (chance(maker, 50)) {
        last.bound = BOUND_WITHIN;
        last.window = any_window(maker);
    }
    const struct expression *aggregate = add_aggregate(maker, &last);
    if (aggregate->kind.id != KIND_TIMESTAMP) return aggregate;
    return make_binary(maker, OP_SUBTRACT, int64_kind, make_leaf(maker, OP_TIME, timestamp_kind, 0),
                       aggregate);
}

static const struct expression *view_feature(struct maker *maker)
{
    const struct plan *plan = maker->plan;
    const struct entity *entity = maker->view->entity;
    const struct expression *a = any_aggregate(maker), *b;
    const bool is_plain = !kind_has_size(a->kind); // has literals
    switch (is_plain ? below(maker, 14) : 3 + 7 * below(maker, 2)) {
    case 0:
        b = number_aggregate(maker);
        a = number_aggregate(maker);
        return make_binary(maker, OP_DIVIDE, float64_kind, a,
                           make_binary(maker, OP_NULLIF, b->kind, b, make_whole(maker, 0)));
    case 1: a = number_aggregate(maker); return make_arithmetic(maker, a, number_aggregate(maker));
    case 2: return make_binary(maker, OP_COALESCE, a->kind, a, make_literal(maker, a->kind));
    case 3: return since_last(maker);
    case 4:
        return make_ternary(maker, OP_CASE, a->kind,
                            make_comparison(maker, number_aggregate(maker), make_literal(maker, int64_kind)),
                            a, make_literal(maker, a->kind));
    case 5: return make_unary(maker, chance(maker, 50) ? OP_IS_NULL : OP_IS_NOT_NULL, bool_kind, a);
    case 6: return make_comparison(maker, a, make_literal(maker, a->kind));
    case 7:
        return make_arithmetic(maker, earlier_number(maker),
                               make_literal(maker, chance(maker, 50) ? int64_kind : float64_kind));
    case 8:
        if (entity->key_count == 0 || kind_has_size(plan->key_kinds[entity->keys[0]])) return a;
        const struct kind kind = plan->key_kinds[entity->keys[0]];
        return make_ternary(
            maker, OP_CASE, a->kind,
            make_comparison(maker, make_leaf(maker, OP_KEY, kind, 0), make_literal(maker, kind)), a,
            make_literal(maker, a->kind));
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
    if (chance(maker, 40)) view->where = make_condition(maker);
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
        struct expression *made = make_node(maker, OP_FEATURE, kind);
        made->view = v;
        made->index = f;
        return made;
    }
    return make_whole(maker, 7);
}

static const struct expression *request_number(struct maker *maker)
{
    const int i = (int)below(maker, 3);
    if (i >= maker->plan->request_count) return make_whole(maker, 3);
    return make_leaf(maker, OP_REQUEST, maker->plan->request[i].kind, i);
}

static const struct expression *derived(struct maker *maker)
{
    const struct expression *a = any_feature(maker, true);
    switch (below(maker, 6)) {
    case 0: return make_arithmetic(maker, request_number(maker), a);
    case 1: return make_arithmetic(maker, a, any_feature(maker, true));
    case 2: return make_comparison(maker, request_number(maker), a);
    case 3: return make_binary(maker, OP_COALESCE, a->kind, a, make_literal(maker, a->kind));
    case 4:
        a = any_feature(maker, false);
        if (kind_has_size(a->kind)) return make_unary(maker, OP_IS_NULL, bool_kind, a);
        return make_ternary(maker, OP_CASE, a->kind,
                            make_comparison(maker, request_number(maker), make_literal(maker, int64_kind)), a,
                            make_literal(maker, a->kind));
    default: return make_arithmetic(maker, request_number(maker), make_literal(maker, float64_kind));
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

void plan_find_service_keys(struct plan *plan)
{
    plan->service_key_count = 0;
    for (int f = 0; f < plan->feature_count; f++) use_keys(plan, plan->features[f].expression);
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
            struct expression *read =
                make_node(maker, OP_FEATURE, plan->views[v].features[f].expression->kind);
            read->view = v;
            read->index = f;
            plan->features[plan->feature_count++] = (struct feature){plan->views[v].features[f].name, read};
        }
    const int count = (int)below(maker, 5);
    for (int i = 0; i < count; i++)
        plan->features[plan->feature_count++] =
            (struct feature){pool_format(maker->pool, "derived%d", i), derived(maker)};
    plan_find_service_keys(plan);
}

// ---- Entities and sources

static void make_entities(struct maker *maker)
{
    static const struct entity entities[] = {
        {"user", 1, {0}}, {"pair", 2, {0, 1}}, {"world", 0, {0}}, {"other", 1, {1}}};
    static const struct kind kinds[] = {{KIND_STRING}, {KIND_INT64}, {KIND_BYTES}, {KIND_BOOL}};
    struct plan *plan = maker->plan;
    plan->key_count = 2;
    for (int k = 0; k < plan->key_count; k++) {
        plan->key_names[k] = pool_format(maker->pool, "key%d", k);
        plan->key_kinds[k] = kinds[below(maker, k == 0 ? 3 : 4)];
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
    static const struct kind elements[] = {{KIND_BOOL},   {KIND_INT64}, {KIND_FLOAT64},  {KIND_DECIMAL, 3},
                                           {KIND_STRING}, {KIND_BYTES}, {KIND_TIMESTAMP}};
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
    add_column(source, "d", (struct kind){KIND_DECIMAL, 1 + (unsigned)below(maker, 4)}, ROLE_PLAIN);
    add_column(source, "x", float64_kind, ROLE_PLAIN);
    add_column(source, "c", string_kind, ROLE_PLAIN);
    add_column(source, "m", timestamp_kind, ROLE_PLAIN);
    add_column(source, "b", bool_kind, ROLE_PLAIN);
    add_column(source, "z", bytes_kind, ROLE_PLAIN);
    add_column(source, "l", list_of(elements[below(maker, 7)]), ROLE_PLAIN);
    add_column(source, "v", (struct kind){.id = KIND_VECTOR, .length = 1 + (unsigned)below(maker, 4)},
               ROLE_PLAIN);
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
