// Features that use features.
//
// A use is the bare name of another feature outside of aggregates. They are ordered by a depth-first search
// with its own stack (a file may have a chain of thousands), which also gives the path of a cycle. A feature
// is then filled in where it is named: trees share subtrees, so memory stays small, but whoever walks them
// walks the shared ones again and again: hence the bounds.
#include "engine/feature_order.h"

#include <string.h>

// ---- Uses

static bool add_use(struct ss_compiler *compiler, struct ss_feature_entry *entry, int32_t used)
{
    if (entry->use_count == entry->use_capacity) {
        const size_t capacity = entry->use_capacity ? 2 * entry->use_capacity : 4;
        int32_t *uses = ss_compile_array(compiler, compiler->scratch, capacity, sizeof(*uses));
        if (!uses) return false;
        if (entry->use_count) memcpy(uses, entry->uses, entry->use_count * sizeof(*uses));
        entry->uses = uses;
        entry->use_capacity = capacity;
    }
    entry->uses[entry->use_count++] = used;
    return true;
}

static bool find_uses(struct ss_compiler *compiler, const struct ss_feature_list *list,
                      struct ss_feature_entry *entry, const struct ss_node *node)
{
    if (node->kind == SS_NODE_AGGREGATE) return true;
    if (node->kind == SS_NODE_NAME) {
        const int32_t used = ss_compile_find(compiler, list->scope, node->name);
        return used < 0 || add_use(compiler, entry, used);
    }
    for (size_t i = 0; i < node->argument_count; i++) {
        if (!find_uses(compiler, list, entry, node->arguments[i])) return false;
    }
    return true;
}

// ---- Order

enum state { NEW, OPEN, DONE };

struct search {
    struct ss_compiler *compiler;
    struct ss_feature_list *list;
    uint8_t *states;
    size_t *next_use; // of each feature
    int32_t *stack;   // the path from where the search started
    size_t depth;
    int32_t *order;
    size_t order_count;
};

// The path from `first` on the stack back to it: "a -> b -> a", cut where it is long.
static const char *format_cycle(const struct search *search, size_t first)
{
    const char *path = "";
    for (size_t i = first; i < search->depth && i < first + 8; i++)
        path = ss_compile_format(search->compiler, "%s%.40s -> ", path,
                                 search->list->entries[search->stack[i]].name);
    if (search->depth > first + 8) path = ss_compile_format(search->compiler, "%s.. -> ", path);
    return ss_compile_format(search->compiler, "%s%.40s", path,
                             search->list->entries[search->stack[first]].name);
}

static void tell_cycle(struct search *search, int32_t used)
{
    size_t first = search->depth;
    while (search->stack[first - 1] != used) first--;
    first--;
    struct ss_feature_entry *entry = &search->list->entries[used];
    if (first + 1 == search->depth)
        ss_diagnose(&search->compiler->diagnostics, entry->place,
                    "feature '%.64s' uses itself; a column stands inside an aggregate: last(%.64s)",
                    entry->name, entry->name);
    else
        ss_diagnose(&search->compiler->diagnostics, entry->place, "features use each other in a circle: %s",
                    format_cycle(search, first));
    for (size_t i = first; i < search->depth; i++) search->list->entries[search->stack[i]].is_bad = true;
}

static void push(struct search *search, int32_t feature)
{
    search->states[feature] = OPEN;
    search->stack[search->depth++] = feature;
}

static void search_from(struct search *search, int32_t start)
{
    push(search, start);
    while (search->depth > 0) {
        const int32_t feature = search->stack[search->depth - 1];
        const struct ss_feature_entry *entry = &search->list->entries[feature];
        if (search->next_use[feature] == entry->use_count) {
            search->states[feature] = DONE;
            search->order[search->order_count++] = feature;
            search->depth--;
            continue;
        }
        const int32_t used = entry->uses[search->next_use[feature]++];
        if (search->states[used] == NEW)
            push(search, used);
        else if (search->states[used] == OPEN)
            tell_cycle(search, used);
    }
}

bool ss_order_features(struct ss_compiler *compiler, struct ss_feature_list *list, int32_t *order)
{
    struct search search = {.compiler = compiler, .list = list, .order = order};
    search.states = ss_compile_array(compiler, compiler->scratch, list->count, 1);
    search.next_use = ss_compile_array(compiler, compiler->scratch, list->count, sizeof(size_t));
    search.stack = ss_compile_array(compiler, compiler->scratch, list->count, sizeof(int32_t));
    if (!search.states || !search.next_use || !search.stack) return false;
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].root && !find_uses(compiler, list, &list->entries[i], list->entries[i].root))
            return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (search.states[i] == NEW) search_from(&search, (int32_t)i);
    }
    return true;
}

// ---- Filling in

static bool count_node(void *context, struct ss_node *node)
{
    (void)node;
    ++*(size_t *)context;
    return true;
}

void ss_measure_feature(struct ss_feature_list *list)
{
    struct ss_feature_entry *entry = &list->entries[list->current];
    entry->node_count = 0;
    ss_expression_walk(entry->root, count_node, &entry->node_count);
    entry->height = entry->root->height;
}

bool ss_fill_in_feature(struct ss_compiler *compiler, struct ss_feature_list *list, size_t used,
                        struct ss_node *node)
{
    struct ss_feature_entry *entry = &list->entries[list->current];
    const struct ss_feature_entry *other = &list->entries[used];
    if (entry->is_bad || other->is_bad || !other->root || !other->is_checked) return false;
    const int height = entry->root->height + other->height;
    entry->node_count += other->node_count;
    if (height > entry->height) entry->height = height;
    compiler->substituted += other->node_count;
    if (entry->node_count > SS_FEATURE_MAX_NODES || entry->height > SS_FEATURE_MAX_HEIGHT ||
        compiler->substituted > SS_MAX_SUBSTITUTED) {
        ss_diagnose(&compiler->diagnostics, node->place,
                    "feature '%.64s' grows too big when the features it uses are filled in", entry->name);
        entry->is_bad = true;
        return false;
    }
    const struct ss_place place = node->place;
    *node = *other->root;
    node->place = place;
    return true;
}
