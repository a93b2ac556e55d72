// Services: what one model reads.
//
// First the items, so that all views and with them all keys are known; then the names, which may not be
// alike; then the derived expressions from top to bottom; then the program.
#include "engine/define_service.h"

#include <string.h>

#include "engine/fingerprint.h"
#include "engine/lexer.h"

enum field { REQUEST, FEATURES, NOTES };

static const char item_forms[] = "'view.feature', 'view.*', 'view.feature as name' or 'name: expression'";

// ---- Request inputs

static void read_request(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    if (!node || !ss_expect_mapping(compiler, node, reading->subject,
                                    "request as a mapping of names to types, such as {amount: decimal(2)}"))
        return;
    reading->request = ss_compile_array(compiler, compiler->arena, node->count, sizeof(*reading->request));
    if (!reading->request) return;
    for (const struct ss_yaml *entry = node->first; entry; entry = entry->next) {
        struct ss_request_input *input = &reading->request[reading->service->request_count];
        input->name = ss_compile_text(compiler, compiler->arena, entry->key->text);
        if (!input->name) return;
        const char *subject =
            ss_compile_format(compiler, "%s: request input '%.64s'", reading->subject, input->name);
        input->place = entry->key->place;
        ss_check_name(compiler, input->place, input->name, "request input");
        input->type = ss_read_type(compiler, entry, subject, &input->unit);
        ss_compile_add(compiler, reading->request_scope, input->name, reading->service->request_count++);
    }
    reading->service->request = reading->request;
}

// ---- Items

static void add_output(struct ss_service_reading *reading, struct ss_service_output output)
{
    struct ss_compiler *compiler = reading->compiler;
    void *outputs = reading->outputs;
    if (reading->output_count == SS_MAX_FEATURES || ++compiler->substituted > SS_MAX_SUBSTITUTED) {
        ss_diagnose(&compiler->diagnostics, reading->service->place, "%s has more than %d features; split it",
                    reading->subject, SS_MAX_FEATURES);
        return;
    }
    if (!ss_reading_grow(compiler, &outputs, reading->output_count, &reading->output_capacity,
                         sizeof(*reading->outputs)))
        return;
    reading->outputs = outputs;
    reading->outputs[reading->output_count++] = output;
}

// "view.feature [as name]" or "view.*".
struct item {
    struct ss_token view, feature, name; // name.text.size 0: none
    bool is_all;
};

static bool parse_item(struct ss_bytes text, struct item *item)
{
    size_t position = 0;
    *item = (struct item){.view = ss_lex(text, &position)};
    struct ss_token token = ss_lex(text, &position);
    if (item->view.kind != SS_TOKEN_NAME || !ss_token_is(&token, ".")) return false;
    item->feature = ss_lex(text, &position);
    item->is_all = ss_token_is(&item->feature, "*");
    if (!item->is_all && item->feature.kind != SS_TOKEN_NAME) return false;
    token = ss_lex(text, &position);
    if (token.kind == SS_TOKEN_END) return true;
    item->name = ss_lex(text, &position);
    return ss_token_is(&token, "as") && !item->is_all && item->name.kind == SS_TOKEN_NAME &&
           ss_lex(text, &position).kind == SS_TOKEN_END;
}

static void add_all_of(struct ss_service_reading *reading, const struct ss_yaml *node, struct ss_bytes name)
{
    struct ss_compiler *compiler = reading->compiler;
    const int32_t view = ss_compile_refer(compiler, SS_VIEWS, node, reading->subject, name);
    if (view < 0) {
        reading->is_partial = true;
        return;
    }
    ss_service_use_view(reading, view);
    const struct ss_view *of = &compiler->views[view];
    for (size_t i = 0; i < of->feature_count && reading->output_count < SS_MAX_FEATURES; i++)
        add_output(reading,
                   (struct ss_service_output){of->features[i].name, node->place, view, (int32_t)i, 0});
}

static void add_one_of(struct ss_service_reading *reading, const struct ss_yaml *node,
                       const struct item *item)
{
    struct ss_compiler *compiler = reading->compiler;
    const char *view_name = ss_compile_text(compiler, compiler->scratch, item->view.text);
    const char *feature_name = ss_compile_text(compiler, compiler->scratch, item->feature.text);
    const char *name =
        item->name.text.size ? ss_compile_text(compiler, compiler->arena, item->name.text) : "";
    int32_t view, feature;
    if (!view_name || !feature_name || !name) return;
    if (!ss_service_find_feature(reading, ss_yaml_place_of(node, item->view.offset), view_name, feature_name,
                                 &view, &feature)) {
        reading->is_partial = true;
        return;
    }
    ss_service_use_view(reading, view);
    struct ss_place place = node->place;
    if (name[0]) {
        place = ss_yaml_place_of(node, item->name.offset);
        ss_check_name(compiler, place, name, "feature");
    } else {
        name = compiler->views[view].features[feature].name;
    }
    add_output(reading, (struct ss_service_output){name, place, view, feature, 0});
}

static void read_reference(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    struct item item;
    if (!parse_item(node->text, &item))
        ss_diagnose(&reading->compiler->diagnostics, node->place,
                    "%s: expected %s, got '%.64s'; a derived feature needs a name", reading->subject,
                    item_forms, node->text.data);
    else if (item.is_all)
        add_all_of(reading, node, item.view.text);
    else
        add_one_of(reading, node, &item);
}

// The expression of a derived feature: text, or {expression: .., description: ..}. NULL: diagnosed.
static const struct ss_yaml *find_expression(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    static const char *const names[] = {"expression", SS_NOTE_FIELDS};
    struct ss_compiler *compiler = reading->compiler;
    const char *subject =
        ss_compile_format(compiler, "%s: feature '%.64s'", reading->subject, node->key->text.data);
    const struct ss_yaml *values[1 + SS_NOTE_COUNT];
    struct ss_notes unused = {0};
    if (node->kind == SS_YAML_MAPPING) {
        const struct ss_yaml *mapping = node;
        ss_read_fields(compiler, mapping, subject, names, 1 + SS_NOTE_COUNT, values);
        ss_read_notes(compiler, subject, values + 1, &unused);
        node = values[0];
        if (!node)
            ss_diagnose(&compiler->diagnostics, mapping->key->place, "%s: 'expression' is missing", subject);
    }
    return node && ss_expect_text(compiler, node, subject, "an expression") ? node : NULL;
}

static void add_derived(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_feature_list *derived = &reading->derived;
    const char *name = ss_compile_text(compiler, compiler->arena, node->key->text);
    const struct ss_yaml *text = find_expression(reading, node);
    size_t name_capacity = reading->derived_capacity;
    void *entries = derived->entries, *names = reading->derived_names;
    if (!name ||
        !ss_reading_grow(compiler, &names, derived->count, &name_capacity, sizeof(*reading->derived_names)) ||
        !ss_reading_grow(compiler, &entries, derived->count, &reading->derived_capacity,
                         sizeof(*derived->entries)))
        return;
    derived->entries = entries;
    reading->derived_names = names;
    struct ss_feature_entry *entry = &derived->entries[derived->count];
    *entry = (struct ss_feature_entry){.name = name, .place = node->key->place, .text = text};
    reading->derived_names[derived->count] = name;
    ss_check_name(compiler, entry->place, name, "feature");
    if (text) entry->root = ss_read_expression(compiler, text);
    if (entry->root) ss_service_note_views(reading, entry->root);
    // A second one of that name is told when the names are taken.
    if (ss_compile_find(compiler, derived->scope, name) < 0)
        ss_compile_add(compiler, derived->scope, name, derived->count);
    add_output(reading, (struct ss_service_output){name, entry->place, -1, -1, derived->count});
    derived->count++;
}

static bool is_note(const char *name)
{
    static const char *const names[] = {SS_NOTE_FIELDS};
    for (size_t i = 0; i < SS_NOTE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

// {name: expression}, maybe with description, owner and tags beside it.
static void read_derived(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_yaml *named = NULL, *notes[SS_NOTE_COUNT] = {NULL};
    static const char *const names[] = {SS_NOTE_FIELDS};
    struct ss_notes unused = {0};
    size_t named_count = 0;
    for (const struct ss_yaml *entry = node->first; entry; entry = entry->next) {
        if (is_note(entry->key->text.data)) continue;
        named = entry;
        named_count++;
    }
    for (size_t i = 0; i < SS_NOTE_COUNT; i++) notes[i] = ss_yaml_find(node, names[i]);
    if (named_count != 1) {
        // With no name at all, an entry of it was refused already or it is {}.
        ss_diagnose(&compiler->diagnostics, node->place,
                    "%s: expected one 'name: expression' in each item, got %zu of them", reading->subject,
                    named_count);
        return;
    }
    ss_read_notes(compiler, reading->subject, notes, &unused);
    add_derived(reading, named);
}

static bool read_items(struct ss_service_reading *reading, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = reading->compiler;
    if (!node) {
        ss_diagnose(&compiler->diagnostics, reading->service->place, "%s: 'features' is missing",
                    reading->subject);
        return false;
    }
    if (!ss_expect_list(compiler, node, reading->subject,
                        ss_compile_format(compiler, "features as a list of %s", item_forms)))
        return false;
    if (node->count == 0)
        ss_diagnose(&compiler->diagnostics, node->key->place, "%s: features is empty", reading->subject);
    for (const struct ss_yaml *item = node->first; item; item = item->next) {
        if (item->kind == SS_YAML_MAPPING)
            read_derived(reading, item);
        else if (ss_expect_text(compiler, item, reading->subject, item_forms))
            read_reference(reading, item);
    }
    return true;
}

// ---- Checking

static void take_names(struct ss_service_reading *reading)
{
    for (size_t i = 0; i < reading->service->request_count; i++)
        ss_service_take_name(reading, reading->request[i].name, reading->request[i].place, "request input");
    for (size_t i = 0; i < reading->output_count; i++)
        ss_service_take_name(reading, reading->outputs[i].name, reading->outputs[i].place, "feature");
}

static void check_derived(struct ss_service_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_scope scope = {ss_service_resolve, NULL, reading,
                                   "a service; make it a feature of a view and use that",
                                   &compiler->expression_zones};
    for (size_t i = 0; i < reading->derived.count; i++) {
        struct ss_feature_entry *entry = &reading->derived.entries[i];
        reading->derived.current = i;
        if (!entry->root) continue;
        ss_measure_feature(&reading->derived);
        if (!ss_expression_check(entry->root, &scope, compiler->scratch, &compiler->diagnostics))
            entry->is_bad = true;
        entry->is_checked = true;
    }
}

// ---- The plan

static struct ss_node *output_root(struct ss_service_reading *reading, const struct ss_service_output *output)
{
    struct ss_compiler *compiler = reading->compiler;
    if (output->view < 0) return reading->derived.entries[output->derived].root;
    struct ss_node *root = ss_compile_array(compiler, compiler->scratch, 1, sizeof(*root));
    const int32_t read = ss_service_use_feature(reading, output->view, output->feature);
    if (!root || read < 0) return NULL;
    root->kind = SS_NODE_INPUT;
    root->place = output->place;
    root->type = compiler->views[output->view].features[output->feature].type;
    root->input = ss_pending_input(SS_PENDING_READ, (size_t)read);
    return root;
}

struct read_search {
    size_t read_count;
    uint64_t *bits;
};

static bool note_read(void *context, struct ss_node *node)
{
    const struct read_search *search = context;
    if (node->kind == SS_NODE_INPUT && (size_t)node->input < search->read_count)
        search->bits[node->input / 64] |= UINT64_C(1) << (node->input % 64);
    return true;
}

static bool fill_features(struct ss_service_reading *reading, struct ss_node **roots,
                          struct ss_service_feature *features)
{
    struct ss_compiler *compiler = reading->compiler;
    const size_t words = (reading->read_count + 63) / 64;
    const int reads = (int)reading->read_count, request = (int)reading->service->request_count;
    const struct ss_final_inputs inputs = {
        .first_request = reads, .first_key = reads + request, .t = reads + request + (int)reading->key_count};
    for (size_t i = 0; i < reading->output_count; i++) {
        struct read_search search = {reading->read_count,
                                     ss_compile_array(compiler, compiler->arena, words, 8)};
        if (!search.bits) return false;
        ss_settle_inputs(roots[i], &inputs);
        ss_expression_walk(roots[i], note_read, &search);
        features[i] = (struct ss_service_feature){.name = reading->outputs[i].name,
                                                  .place = reading->outputs[i].place,
                                                  .type = roots[i]->type,
                                                  .reads = search.bits};
    }
    return true;
}

static void make_plan(struct ss_service_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_service *service = reading->service;
    const size_t count = reading->output_count;
    struct ss_node **roots = ss_compile_array(compiler, compiler->scratch, count, sizeof(struct ss_node *));
    struct ss_canonical_line *lines = ss_compile_array(compiler, compiler->scratch, count, sizeof(*lines));
    struct ss_service_feature *features =
        ss_compile_array(compiler, compiler->arena, count, sizeof(*features));
    if (!roots || !lines || !features) return;
    for (size_t i = 0; i < count; i++) {
        roots[i] = output_root(reading, &reading->outputs[i]);
        if (!roots[i]) return;
        lines[i].name = reading->outputs[i].name;
        lines[i].text = ss_canonical_expression(compiler, roots[i], ss_service_name_input, reading);
        if (!lines[i].text) return;
    }
    if (!fill_features(reading, roots, features)) return;
    service->feature_count = count;
    service->features = features;
    service->read_count = reading->read_count;
    service->reads = ss_arena_copy(compiler->arena, reading->reads ? (const void *)reading->reads : "",
                                   reading->read_count * sizeof(*reading->reads));
    service->program = ss_program_build(roots, count, compiler->arena);
    if (!service->reads || !service->program)
        compiler->diagnostics.out_of_memory = true;
    else
        ss_service_fingerprint(compiler, service, lines);
}

void ss_define_service(struct ss_compiler *compiler, size_t index)
{
    static const char *const names[] = {"request", "features", SS_NOTE_FIELDS};
    const struct ss_definition *definition = &compiler->definitions[SS_SERVICES][index];
    struct ss_service *service = &compiler->services[index];
    struct ss_service_reading reading = {.compiler = compiler,
                                         .service = service,
                                         .subject =
                                             ss_compile_format(compiler, "service '%.64s'", definition->name),
                                         .derived.scope = compiler->scope_count++,
                                         .request_scope = compiler->scope_count++,
                                         .key_scope = compiler->scope_count++,
                                         .view_scope = compiler->scope_count++,
                                         .read_scope = compiler->scope_count++,
                                         .taken_scope = compiler->scope_count++};
    const struct ss_yaml *values[NOTES + SS_NOTE_COUNT];
    *service = (struct ss_service){.name = definition->name, .place = definition->body->key->place};
    if (!ss_read_fields(compiler, definition->body, reading.subject, names, NOTES + SS_NOTE_COUNT, values))
        return;
    ss_read_notes(compiler, reading.subject, values + NOTES, &service->notes);
    read_request(&reading, values[REQUEST]);
    if (!read_items(&reading, values[FEATURES])) return;
    ss_service_take_keys(&reading);
    take_names(&reading);
    check_derived(&reading);
    if (compiler->diagnostics.count == 0 && !compiler->diagnostics.out_of_memory) make_plan(&reading);
}
