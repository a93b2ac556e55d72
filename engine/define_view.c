// Views: features of one entity over one source.
//
// Names: outside of aggregates the view's features, the entity's keys and t; inside them the source's
// columns. All features are parsed, ordered by what they use, checked, and only then made into a plan, if the
// whole compile has no error so far.
#include "engine/define_view.h"

#include <string.h>

#include "engine/fingerprint.h"

enum field { ENTITY, SOURCE, WHERE, FEATURES, NOTES };

// ---- What it is about

static int32_t read_reference(struct ss_view_reading *reading, enum ss_section section,
                              const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    const char *word = ss_section_word(section);
    if (!node) {
        ss_diagnose(&compiler->diagnostics, reading->view->place, "%s: '%s' is missing", reading->subject,
                    word);
        return -1;
    }
    if (!ss_expect_text(compiler, node, reading->subject,
                        ss_compile_format(compiler, "the name of its %s", word)))
        return -1;
    return ss_compile_refer(compiler, section, node, reading->subject, node->text);
}

static void match_key(struct ss_view_reading *reading, const struct ss_yaml *node, size_t part)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_view *view = reading->view;
    const char *name = view->entity->key_names[part];
    const struct ss_type type = view->entity->key_types[part];
    char wanted[SS_TYPE_TEXT_SIZE], got[SS_TYPE_TEXT_SIZE];
    const int32_t column = ss_compile_find(compiler, reading->source->scope, name);
    if (column < 0) {
        if (!reading->source->is_partial)
            ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0),
                        "%s: key '%.64s' of entity '%.64s' is no column of source '%.64s'%s",
                        reading->subject, name, view->entity->name, view->source->name,
                        ss_did_you_mean(compiler, name, reading->source->list, reading->source->count));
        return;
    }
    const struct ss_type found = view->source->columns[column].type;
    reading->view->key_columns[part] = column;
    if (!ss_type_is_known(type) || !ss_type_is_known(found) || ss_type_equal(type, found)) return;
    ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0),
                "%s: key '%.64s' of entity '%.64s' is %s, but the column of source '%.64s' is %s",
                reading->subject, name, view->entity->name, ss_type_format(type, wanted), view->source->name,
                ss_type_format(found, got));
}

static void read_subjects(struct ss_view_reading *reading, const struct ss_yaml *const *values)
{
    struct ss_compiler *compiler = reading->compiler;
    const int32_t entity = read_reference(reading, SS_ENTITIES, values[ENTITY]);
    const int32_t source = read_reference(reading, SS_SOURCES, values[SOURCE]);
    if (entity >= 0) {
        reading->view->entity = &compiler->entities[entity];
        reading->entity = &compiler->notes[SS_ENTITIES][entity];
    }
    if (source >= 0) {
        reading->view->source = &compiler->sources[source];
        reading->source = &compiler->notes[SS_SOURCES][source];
    }
    if (entity < 0 || source < 0) return;
    for (size_t i = 0; i < reading->view->entity->key_count; i++) match_key(reading, values[ENTITY], i);
}

static void read_where(struct ss_view_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_scope scope = {ss_resolve_column, NULL, reading, "a view's where",
                                   &compiler->expression_zones};
    char text[SS_TYPE_TEXT_SIZE];
    reading->column_scope = "a view's where";
    if (!node || !ss_expect_text(compiler, node, reading->subject, "an expression as where")) return;
    struct ss_node *root = ss_read_expression(compiler, node);
    if (!root || !ss_expression_check(root, &scope, compiler->scratch, &compiler->diagnostics)) return;
    if (root->type.id != SS_BOOL) {
        ss_diagnose(&compiler->diagnostics, root->place, "where: expected bool, got %s",
                    ss_type_format(root->type, text));
        return;
    }
    reading->plan.where = root;
    reading->plan.where_text = ss_canonical_expression(compiler, root, ss_name_column, reading->view->source);
}

// ---- Features

static bool is_key(const struct ss_view_reading *reading, const char *name)
{
    return reading->entity && ss_compile_find(reading->compiler, reading->entity->scope, name) >= 0;
}

// A feature is an expression, or {expression: .., description: .., owner: .., tags: ..}.
static void read_feature(struct ss_view_reading *reading, const struct ss_yaml *node, size_t index)
{
    static const char *const names[] = {"expression", SS_NOTE_FIELDS};
    struct ss_compiler *compiler = reading->compiler;
    struct ss_feature *feature = &reading->features[index];
    struct ss_feature_entry *entry = &reading->list.entries[index];
    const char *name = entry->name;
    const char *subject = ss_compile_format(compiler, "feature '%.64s.%.64s'", reading->view->name, name);
    const struct ss_yaml *values[1 + SS_NOTE_COUNT], *text = node;
    *feature = (struct ss_feature){.name = name, .place = node->key->place, .type = SS_TYPE_UNKNOWN};
    ss_check_name(compiler, node->key->place, name, "feature");
    if (is_key(reading, name))
        ss_diagnose(&compiler->diagnostics, node->key->place,
                    "%s has the name of a key of entity '%.64s'; give it another", subject,
                    reading->view->entity->name);
    if (node->kind == SS_YAML_MAPPING) {
        ss_read_fields(compiler, node, subject, names, 1 + SS_NOTE_COUNT, values);
        ss_read_notes(compiler, subject, values + 1, &feature->notes);
        text = values[0];
        if (!text)
            ss_diagnose(&compiler->diagnostics, node->key->place, "%s: 'expression' is missing", subject);
    }
    if (!text || !ss_expect_text(compiler, text, subject, "an expression")) return;
    entry->text = text;
    feature->text = ss_compile_text(compiler, compiler->arena, text->text);
    entry->root = ss_read_expression(compiler, text);
}

static bool read_features(struct ss_view_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    if (!node) {
        ss_diagnose(&compiler->diagnostics, reading->view->place, "%s: 'features' is missing",
                    reading->subject);
        return false;
    }
    if (!ss_expect_mapping(compiler, node, reading->subject, "features as a mapping of names to expressions"))
        return false;
    if (node->count == 0 || node->count > SS_MAX_FEATURES) {
        ss_diagnose(&compiler->diagnostics, node->key->place, "%s: expected 1 to %d features, got %zu",
                    reading->subject, SS_MAX_FEATURES, node->count);
        return false;
    }
    struct ss_feature_entry *entries =
        ss_compile_array(compiler, compiler->scratch, node->count, sizeof(*entries));
    const char **list = ss_compile_array(compiler, compiler->scratch, node->count, sizeof(*list));
    reading->features = ss_compile_array(compiler, compiler->arena, node->count, sizeof(*reading->features));
    if (!entries || !list || !reading->features) return false;
    reading->list = (struct ss_feature_list){.entries = entries, .scope = reading->notes->scope};
    for (const struct ss_yaml *entry = node->first; entry; entry = entry->next) {
        const size_t index = reading->list.count;
        entries[index].name = ss_compile_text(compiler, compiler->arena, entry->key->text);
        if (!entries[index].name) return false;
        entries[index].place = entry->key->place;
        list[index] = entries[index].name;
        ss_compile_add(compiler, reading->notes->scope, entries[index].name, index);
        read_feature(reading, entry, index);
        reading->list.count++;
    }
    reading->view->features = reading->features;
    reading->view->feature_count = reading->list.count;
    reading->notes->list = list;
    reading->notes->count = reading->list.count;
    return true;
}

// ---- Names outside of aggregates

static void become_input(struct ss_node *node, int input, struct ss_type type)
{
    node->kind = SS_NODE_INPUT;
    node->input = input;
    node->type = type;
}

static void tell_unknown_name(struct ss_view_reading *reading, const struct ss_node *node)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_diagnostics *diagnostics = &compiler->diagnostics;
    const char *name = node->name;
    const bool is_column = strcmp(name, "event_time") == 0 ||
                           (reading->source && ss_compile_find(compiler, reading->source->scope, name) >= 0);
    if (is_column) {
        ss_diagnose(diagnostics, node->place,
                    "column '%.64s' cannot stand alone: put it inside an aggregate, e.g. last(%.64s)", name,
                    name);
    } else if (strncmp(name, "request.", 8) == 0) {
        ss_diagnose(diagnostics, node->place,
                    "'%.64s' cannot stand in a view; a derived feature of a service may use it", name);
    } else if (strchr(name, '.')) {
        ss_diagnose(diagnostics, node->place,
                    "'%.64s' cannot stand in a view: it names its own features bare; a derived feature of a "
                    "service may use those of several views",
                    name);
    } else if (reading->entity && !reading->entity->is_partial && reading->source &&
               !reading->source->is_partial) {
        const char *near = ss_did_you_mean(compiler, name, reading->notes->list, reading->notes->count);
        if (!near[0]) near = ss_did_you_mean(compiler, name, reading->entity->list, reading->entity->count);
        if (!near[0]) near = ss_did_you_mean(compiler, name, reading->source->list, reading->source->count);
        if (!near[0]) near = ss_quotes_hint(compiler, reading->text, name);
        ss_diagnose(diagnostics, node->place, "unknown name '%.64s'%s", name, near);
    }
}

static bool resolve_name(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)diagnostics;
    struct ss_view_reading *reading = context;
    struct ss_compiler *compiler = reading->compiler;
    if (strcmp(node->name, "t") == 0) {
        become_input(node, ss_pending_input(SS_PENDING_T, 0), (struct ss_type){SS_TIMESTAMP, 0});
        return true;
    }
    const int32_t feature = ss_compile_find(compiler, reading->notes->scope, node->name);
    if (feature >= 0) return ss_fill_in_feature(compiler, &reading->list, (size_t)feature, node);
    const int32_t key = reading->entity ? ss_compile_find(compiler, reading->entity->scope, node->name) : -1;
    if (key < 0) {
        tell_unknown_name(reading, node);
        return false;
    }
    const struct ss_type type = reading->view->entity->key_types[key];
    if (!ss_type_is_known(type)) return false;
    become_input(node, ss_pending_input(SS_PENDING_KEY, (size_t)key), type);
    return true;
}

static void check_features(struct ss_view_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_scope scope = {resolve_name, ss_check_aggregate, reading, "a view",
                                   &compiler->expression_zones};
    int32_t *order = ss_compile_array(compiler, compiler->scratch, reading->list.count, sizeof(*order));
    if (!order || !ss_order_features(compiler, &reading->list, order)) return;
    for (size_t i = 0; i < reading->list.count; i++) {
        struct ss_feature_entry *entry = &reading->list.entries[order[i]];
        if (!entry->root) continue;
        reading->list.current = (size_t)order[i];
        reading->text = entry->text;
        ss_measure_feature(&reading->list);
        if (!ss_expression_check(entry->root, &scope, compiler->scratch, &compiler->diagnostics))
            entry->is_bad = true;
        entry->is_checked = true;
        if (!entry->is_bad) reading->features[order[i]].type = entry->root->type;
    }
}

// ---- The plan

static void name_input(const void *context, int input, struct ss_buffer *buffer)
{
    const struct ss_view_reading *reading = context;
    const size_t index = ss_pending_index(input);
    switch (ss_pending_kind(input)) {
    case SS_PENDING_AGGREGATE: ss_buffer_text(buffer, reading->plan.aggregates[index].canonical); break;
    case SS_PENDING_KEY: ss_buffer_text(buffer, reading->view->entity->key_names[index]); break;
    default: ss_buffer_text(buffer, "t"); break;
    }
}

static bool name_features(struct ss_view_reading *reading, struct ss_canonical_line *lines)
{
    struct ss_compiler *compiler = reading->compiler;
    for (size_t i = 0; i < reading->list.count; i++) {
        const struct ss_feature_entry *entry = &reading->list.entries[i];
        lines[i] = (struct ss_canonical_line){
            entry->name, ss_canonical_expression(compiler, entry->root, name_input, reading)};
        if (!lines[i].text) return false;
    }
    return true;
}

struct within_search {
    const struct ss_view *view;
    uint64_t *bits;
};

static bool note_within(void *context, struct ss_node *node)
{
    const struct within_search *search = context;
    if (node->kind != SS_NODE_INPUT || (size_t)node->input >= search->view->aggregate_count) return true;
    if (search->view->aggregates[node->input].bound == SS_BOUND_WITHIN)
        search->bits[node->input / 64] |= UINT64_C(1) << (node->input % 64);
    return true;
}

static bool build_read_program(struct ss_view_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_view *view = reading->view;
    const int aggregate_count = (int)view->aggregate_count;
    const struct ss_final_inputs inputs = {.aggregate_index = reading->plan.aggregate_index,
                                           .t = aggregate_count,
                                           .first_key = aggregate_count + 1};
    const size_t words = (view->aggregate_count + 63) / 64;
    struct ss_node **roots =
        ss_compile_array(compiler, compiler->scratch, view->feature_count, sizeof(struct ss_node *));
    if (!roots) return false;
    for (size_t i = 0; i < view->feature_count; i++) {
        roots[i] = reading->list.entries[i].root;
        ss_settle_inputs(roots[i], &inputs);
        struct within_search search = {view, ss_compile_array(compiler, compiler->arena, words, 8)};
        if (!search.bits) return false;
        ss_expression_walk(roots[i], note_within, &search);
        reading->features[i].within = search.bits;
    }
    view->read_program = ss_program_build(roots, view->feature_count, compiler->arena);
    if (!view->read_program) compiler->diagnostics.out_of_memory = true;
    return view->read_program != NULL;
}

// The columns that decide values: those the programs read, the keys, and those that say when and which.
static void note_columns(const struct ss_view *view, bool *uses_column)
{
    const struct ss_source *source = view->source;
    for (size_t i = 0; i < source->column_count; i++) uses_column[i] = view->row_inputs[i];
    for (size_t i = 0; i < view->entity->key_count; i++) uses_column[view->key_columns[i]] = true;
    uses_column[source->event_time_column] = true;
    if (source->event_id_column >= 0) uses_column[source->event_id_column] = true;
    if (source->op_column >= 0) uses_column[source->op_column] = true;
    if (source->arrival == SS_ARRIVAL_COLUMN) uses_column[source->arrival_column] = true;
}

static void make_plan(struct ss_view_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_view *view = reading->view;
    struct ss_canonical_line *lines =
        ss_compile_array(compiler, compiler->scratch, view->feature_count, sizeof(*lines));
    bool *uses_column =
        ss_compile_array(compiler, compiler->scratch, view->source->column_count, sizeof(*uses_column));
    if (!lines || !uses_column || !name_features(reading, lines) || !ss_plan_settle(&reading->plan, view) ||
        !build_read_program(reading))
        return;
    note_columns(view, uses_column);
    ss_view_fingerprint(compiler, view, uses_column, reading->plan.where_text, lines);
}

void ss_define_view(struct ss_compiler *compiler, size_t index)
{
    static const char *const names[] = {"entity", "source", "where", "features", SS_NOTE_FIELDS};
    const struct ss_definition *definition = &compiler->definitions[SS_VIEWS][index];
    struct ss_view *view = &compiler->views[index];
    struct ss_view_reading reading = {.compiler = compiler,
                                      .view = view,
                                      .subject =
                                          ss_compile_format(compiler, "view '%.64s'", definition->name),
                                      .notes = &compiler->notes[SS_VIEWS][index]};
    const struct ss_yaml *values[NOTES + SS_NOTE_COUNT];
    *view = (struct ss_view){.name = definition->name, .place = definition->body->key->place};
    reading.notes->is_partial = true;
    if (!ss_read_fields(compiler, definition->body, reading.subject, names, NOTES + SS_NOTE_COUNT, values) ||
        !ss_plan_init(&reading.plan, compiler))
        return;
    ss_read_notes(compiler, reading.subject, values + NOTES, &view->notes);
    read_subjects(&reading, values);
    reading.notes->is_partial = !read_features(&reading, values[FEATURES]);
    read_where(&reading, values[WHERE]);
    check_features(&reading);
    if (compiler->diagnostics.count == 0 && !compiler->diagnostics.out_of_memory) make_plan(&reading);
}
