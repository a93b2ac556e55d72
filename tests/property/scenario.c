// Scenarios: memory, randomness, and how a plan and its events are written down.

#include "scenario.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pool_block {
    struct pool_block *next;
    size_t used, size;
    bool is_adopted;
    _Alignas(16) char data[];
};

void *pool_take(struct pool *pool, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!pool->blocks || pool->blocks->used + size > pool->blocks->size) {
        const size_t block_size = size > 65536 ? size : 65536;
        if (pool->blocks && pool->blocks->is_adopted) abort();
        struct pool_block *block = calloc(1, sizeof *block + block_size);
        if (!block) abort();
        block->size = block_size;
        block->next = pool->blocks;
        pool->blocks = block;
    }
    void *taken = pool->blocks->data + pool->blocks->used;
    pool->blocks->used += size;
    return taken;
}

void pool_adopt(struct pool *pool, void *memory, size_t size)
{
    pool->blocks = memory;
    *pool->blocks = (struct pool_block){.size = size - sizeof *pool->blocks, .is_adopted = true};
}

char *pool_format(struct pool *pool, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = pool_take(pool, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

void pool_release(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *next = pool->blocks->next;
        if (!pool->blocks->is_adopted) free(pool->blocks);
        pool->blocks = next;
    }
}

uint64_t random_word(struct random *random)
{
    uint64_t word = random->state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    return random_word(random) % bound;
}

bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

const char *kind_text(struct pool *pool, struct kind kind)
{
    switch (kind.id) {
    case KIND_BOOL: return "bool";
    case KIND_INT64: return "int64";
    case KIND_FLOAT64: return "float64";
    case KIND_DECIMAL: return pool_format(pool, "decimal(%u)", kind.scale);
    case KIND_STRING: return "string";
    case KIND_TIMESTAMP: return "timestamp";
    }
    return "?";
}

bool cell_equal(struct kind kind, struct cell a, struct cell b)
{
    if (!a.present || !b.present) return a.present == b.present;
    if (kind.id == KIND_STRING) return strcmp(a.text, b.text) == 0;
    if (kind.id == KIND_FLOAT64) return memcmp(&a.f, &b.f, sizeof a.f) == 0;
    return a.i == b.i;
}

static const char *time_text(struct pool *pool, int64_t time_us)
{
    int64_t seconds = time_us / SECOND, rest = time_us % SECOND;
    if (rest < 0) {
        rest += SECOND;
        seconds--;
    }
    const time_t at = (time_t)seconds;
    struct tm parts;
    gmtime_r(&at, &parts);
    return pool_format(pool, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (int)rest);
}

static const char *decimal_text(struct pool *pool, int64_t value, unsigned scale)
{
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t power = 1;
    for (unsigned i = 0; i < scale; i++) power *= 10;
    if (scale == 0) return pool_format(pool, "%s%" PRIu64, value < 0 ? "-" : "", magnitude);
    return pool_format(pool, "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "", magnitude / power, (int)scale,
                       magnitude % power);
}

const char *cell_show(struct pool *pool, struct kind kind, struct cell cell)
{
    if (!cell.present) return "null";
    switch (kind.id) {
    case KIND_BOOL: return cell.i ? "true" : "false";
    case KIND_INT64: return pool_format(pool, "%" PRId64, cell.i);
    case KIND_FLOAT64: return pool_format(pool, "%.17g (%a)", cell.f, cell.f);
    case KIND_DECIMAL: return decimal_text(pool, cell.i, kind.scale);
    case KIND_STRING: return pool_format(pool, "'%s'", cell.text);
    case KIND_TIMESTAMP: return pool_format(pool, "%s (%" PRId64 ")", time_text(pool, cell.i), cell.i);
    }
    return "?";
}

// ---- YAML

// Where names in an expression come from.
struct names {
    struct pool *pool;
    const struct plan *plan;
    const struct view *view; // NULL: in the service
};

static const char *duration_text(struct pool *pool, int64_t us)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1000}, {"us", 1}};
    const char *text = "";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (us / units[i].us)
            text = pool_format(pool, "%s%" PRId64 "%s", text, us / units[i].us, units[i].name);
        us %= units[i].us;
    }
    return text;
}

static const char *quoted(struct pool *pool, const char *text)
{
    char *to = pool_take(pool, 2 * strlen(text) + 3), *at = to;
    *at++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') *at++ = '\'';
        *at++ = *text;
    }
    *at = '\'';
    return to;
}

static const char *literal_text(struct pool *pool, struct kind kind, struct cell cell)
{
    switch (kind.id) {
    case KIND_BOOL: return cell.i ? "true" : "false";
    case KIND_INT64: return pool_format(pool, "%" PRId64, cell.i);
    case KIND_FLOAT64: return pool_format(pool, "%.17e", cell.f);
    case KIND_DECIMAL: return decimal_text(pool, cell.i, kind.scale);
    case KIND_STRING: return quoted(pool, cell.text);
    case KIND_TIMESTAMP: return pool_format(pool, "timestamp '%s'", time_text(pool, cell.i));
    }
    return "?";
}

static const char *expression_text(const struct names *names, const struct expression *expression);

static const char *aggregate_text(const struct names *names, const struct aggregate *aggregate)
{
    static const char *const functions[] = {"count", "sum", "mean",  "var",  "stddev",
                                            "min",   "max", "first", "last", "count_distinct"};
    struct pool *pool = names->pool;
    const char *text = pool_format(pool, "%s(%s", functions[aggregate->function],
                                   aggregate->argument ? expression_text(names, aggregate->argument) : "");
    if (aggregate->where)
        text = pool_format(pool, "%s where %s", text, expression_text(names, aggregate->where));
    if (aggregate->bound == BOUND_ALL) return pool_format(pool, "%s) over all", text);
    const char *length = duration_text(pool, aggregate->window);
    if (aggregate->bound == BOUND_WITHIN) return pool_format(pool, "%s) within %s", text, length);
    text = pool_format(pool, "%s) over %s", text, length);
    if (aggregate->hop == 1) return pool_format(pool, "%s hop exact", text);
    return aggregate->hop ? pool_format(pool, "%s hop %s", text, duration_text(pool, aggregate->hop)) : text;
}

static const char *leaf_text(const struct names *names, const struct expression *leaf)
{
    struct pool *pool = names->pool;
    const struct plan *plan = names->plan;
    switch (leaf->op) {
    case OP_LITERAL: return literal_text(pool, leaf->kind, leaf->literal);
    case OP_COLUMN: return names->view->source->columns[leaf->index].name;
    case OP_EVENT_TIME: return "event_time";
    case OP_AGGREGATE: return aggregate_text(names, &names->view->aggregates[leaf->index]);
    case OP_FEATURE:
        if (names->view) return names->view->features[leaf->index].name;
        return pool_format(pool, "%s.%s", plan->views[leaf->view].name,
                           plan->views[leaf->view].features[leaf->index].name);
    case OP_REQUEST: return pool_format(pool, "request.%s", plan->request[leaf->index].name);
    case OP_KEY:
        return plan->key_names[names->view ? names->view->entity->keys[leaf->index]
                                           : plan->service_keys[leaf->index]];
    default: return "t";
    }
}

static const char *list_text(const struct names *names, const struct expression *expression, int first)
{
    const char *text = "";
    for (int i = first; i < expression->child_count; i++)
        text = pool_format(names->pool, "%s%s%s", text, i > first ? ", " : "",
                           expression_text(names, expression->child[i]));
    return text;
}

static const char *expression_text(const struct names *names, const struct expression *expression)
{
    static const char *const infix[] = {
        [OP_ADD] = "+",     [OP_SUBTRACT] = "-",  [OP_MULTIPLY] = "*", [OP_DIVIDE] = "/", [OP_DIV] = "div",
        [OP_MOD] = "mod",   [OP_EQUAL] = "=",     [OP_DIFFER] = "<>",  [OP_LESS] = "<",   [OP_AT_MOST] = "<=",
        [OP_GREATER] = ">", [OP_AT_LEAST] = ">=", [OP_AND] = "and",    [OP_OR] = "or",    [OP_ABS] = NULL};
    static const char *const calls[] = {
        [OP_COALESCE] = "coalesce", [OP_NULLIF] = "nullif", [OP_LENGTH] = "length",
        [OP_LOWER] = "lower",       [OP_UPPER] = "upper",   [OP_ABS] = "abs"};
    struct pool *pool = names->pool;
    if (expression->op < OP_ADD) return leaf_text(names, expression);
    if (infix[expression->op])
        return pool_format(pool, "(%s %s %s)", expression_text(names, expression->child[0]),
                           infix[expression->op], expression_text(names, expression->child[1]));
    const char *first = expression_text(names, expression->child[0]);
    switch (expression->op) {
    case OP_NEGATE: return pool_format(pool, "(- %s)", first);
    case OP_NOT: return pool_format(pool, "(not %s)", first);
    case OP_IS_NULL: return pool_format(pool, "(%s is null)", first);
    case OP_IS_NOT_NULL: return pool_format(pool, "(%s is not null)", first);
    case OP_IN: return pool_format(pool, "(%s in (%s))", first, list_text(names, expression, 1));
    case OP_BETWEEN:
        return pool_format(pool, "(%s between %s and %s)", first,
                           expression_text(names, expression->child[1]),
                           expression_text(names, expression->child[2]));
    case OP_CASE:
        return pool_format(pool, "case when %s then %s else %s end", first,
                           expression_text(names, expression->child[1]),
                           expression_text(names, expression->child[2]));
    default: return pool_format(pool, "%s(%s)", calls[expression->op], list_text(names, expression, 0));
    }
}

static const char *yaml_string(struct pool *pool, const char *text)
{
    return quoted(pool, text);
}

static const char *source_yaml(struct pool *pool, const struct source *source)
{
    const char *text = pool_format(pool, "  %s:\n    columns:\n", source->name);
    for (int i = 0; i < source->column_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, source->columns[i].name,
                           kind_text(pool, source->columns[i].kind));
    text = pool_format(pool, "%s    event_time: %s\n", text, source->columns[source->time_column].name);
    if (source->id_column >= 0)
        text = pool_format(pool, "%s    event_id: %s\n", text, source->columns[source->id_column].name);
    if (source->operation_column >= 0)
        text = pool_format(pool, "%s    op: %s\n", text, source->columns[source->operation_column].name);
    if (source->arrival == ARRIVAL_COLUMN)
        text = pool_format(pool, "%s    arrival: %s\n", text, source->columns[source->arrival_column].name);
    if (source->arrival == ARRIVAL_OFFSET)
        text =
            pool_format(pool, "%s    arrival: event_time + %s\n", text, duration_text(pool, source->offset));
    return text;
}

static const char *view_yaml(struct pool *pool, const struct plan *plan, const struct view *view)
{
    const struct names names = {pool, plan, view};
    const char *text = pool_format(pool, "  %s:\n    entity: %s\n    source: %s\n", view->name,
                                   view->entity->name, view->source->name);
    if (view->where)
        text = pool_format(pool, "%s    where: %s\n", text,
                           yaml_string(pool, expression_text(&names, view->where)));
    text = pool_format(pool, "%s    features:\n", text);
    for (int i = 0; i < view->feature_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, view->features[i].name,
                           yaml_string(pool, expression_text(&names, view->features[i].expression)));
    return text;
}

static const char *service_yaml(struct pool *pool, const struct plan *plan)
{
    const struct names names = {pool, plan, NULL};
    const char *text = "  everything:\n";
    if (plan->request_count) text = pool_format(pool, "%s    request:\n", text);
    for (int i = 0; i < plan->request_count; i++)
        text = pool_format(pool, "%s      %s: %s\n", text, plan->request[i].name,
                           kind_text(pool, plan->request[i].kind));
    text = pool_format(pool, "%s    features:\n", text);
    for (int i = 0; i < plan->feature_count; i++) {
        const struct expression *expression = plan->features[i].expression;
        if (expression->op == OP_FEATURE)
            text = pool_format(pool, "%s      - %s\n", text, leaf_text(&names, expression));
        else
            text = pool_format(pool, "%s      - %s: %s\n", text, plan->features[i].name,
                               yaml_string(pool, expression_text(&names, expression)));
    }
    return text;
}

char *plan_yaml(struct pool *pool, const struct plan *plan)
{
    char *text = pool_format(pool, "entities:\n");
    for (int i = 0; i < plan->entity_count; i++) {
        const struct entity *entity = &plan->entities[i];
        text = pool_format(pool, "%s  %s: {", text, entity->name);
        for (int k = 0; k < entity->key_count; k++)
            text = pool_format(pool, "%s%s%s: %s", text, k ? ", " : "", plan->key_names[entity->keys[k]],
                               kind_text(pool, plan->key_kinds[entity->keys[k]]));
        text = pool_format(pool, "%s}\n", text);
    }
    text = pool_format(pool, "%ssources:\n", text);
    for (int i = 0; i < plan->source_count; i++)
        text = pool_format(pool, "%s%s", text, source_yaml(pool, &plan->sources[i]));
    text = pool_format(pool, "%sviews:\n", text);
    for (int i = 0; i < plan->view_count; i++)
        text = pool_format(pool, "%s%s", text, view_yaml(pool, plan, &plan->views[i]));
    return pool_format(pool, "%sservices:\n%s", text, service_yaml(pool, plan));
}

// ---- What happened

static void print_rows(struct pool *pool, const struct source *source, const struct step *step)
{
    for (int r = 0; r < step->row_count; r++) {
        if (step->rows[r].dropped) continue;
        fprintf(stderr, "    ");
        for (int c = 0; c < source->column_count; c++)
            fprintf(stderr, "%s%s=%s", c ? ", " : "", source->columns[c].name,
                    cell_show(pool, source->columns[c].kind, step->rows[r].cells[c]));
        fprintf(stderr, "\n");
    }
}

void script_print(struct pool *pool, const struct plan *plan, const struct script *script)
{
    for (int i = 0; i < script->step_count; i++) {
        const struct step *step = &script->steps[i];
        int kept = 0;
        for (int r = 0; r < step->row_count; r++) kept += !step->rows[r].dropped;
        if (step->kind == STEP_PUSH && kept == 0) continue;
        fprintf(stderr, "  step %d: clock %s: ", i,
                step->clock ? time_text(pool, step->clock) : "as it stands");
        if (step->kind == STEP_LOOKUP) {
            fprintf(stderr, "lookup%s\n",
                    step->ahead ? pool_format(pool, ", %" PRId64 " us ahead", step->ahead) : "");
            continue;
        }
        fprintf(stderr, "push %d rows %s into %s%s\n", kept, step->live ? "live" : "as declared",
                plan->sources[step->source].name, step->again ? ", twice" : "");
        print_rows(pool, &plan->sources[step->source], step);
    }
}
