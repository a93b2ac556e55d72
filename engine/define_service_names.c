// What the expressions of a service may name: view.feature, request.input, the keys of its views' entities,
// t, and the derived features above.
#include "engine/define_service.h"

#include <string.h>

bool ss_reading_grow(struct ss_compiler *compiler, void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    const size_t grown = *capacity ? 2 * *capacity : 16;
    void *array = ss_compile_array(compiler, compiler->scratch, grown, size);
    if (!array) return false;
    if (count) memcpy(array, *items, count * size);
    *items = array;
    *capacity = grown;
    return true;
}

// ---- Views, reads and keys

int32_t ss_service_use_view(struct ss_service_reading *reading, int32_t view)
{
    const char *name = reading->compiler->views[view].name;
    const int32_t known = ss_compile_find(reading->compiler, reading->view_scope, name);
    if (known >= 0) return known;
    void *views = reading->views;
    if (!ss_reading_grow(reading->compiler, &views, reading->view_count, &reading->view_capacity,
                         sizeof(*reading->views)))
        return -1;
    reading->views = views;
    reading->views[reading->view_count] = view;
    ss_compile_add(reading->compiler, reading->view_scope, name, reading->view_count);
    return (int32_t)reading->view_count++;
}

int32_t ss_service_use_feature(struct ss_service_reading *reading, int32_t view, int32_t feature)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_view *of = &compiler->views[view];
    const char *name = ss_compile_format(compiler, "%s.%s", of->name, of->features[feature].name);
    const int32_t known = ss_compile_find(compiler, reading->read_scope, name);
    if (known >= 0) return known;
    void *reads = reading->reads;
    const int32_t slot = ss_service_use_view(reading, view);
    if (slot < 0 || !ss_reading_grow(compiler, &reads, reading->read_count, &reading->read_capacity,
                                     sizeof(*reading->reads)))
        return -1;
    reading->reads = reads;
    reading->reads[reading->read_count] = (struct ss_service_read){slot, feature};
    ss_compile_add(compiler, reading->read_scope, name, reading->read_count);
    return (int32_t)reading->read_count++;
}

bool ss_service_find_feature(struct ss_service_reading *reading, struct ss_place place, const char *view_name,
                             const char *feature_name, int32_t *view, int32_t *feature)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_yaml at = {.place = place, .text_offset = place.offset, .text = ss_bytes_of(view_name)};
    *view = ss_compile_refer(compiler, SS_VIEWS, &at, reading->subject, at.text);
    if (*view < 0) return false;
    const struct ss_scope_notes *notes = &compiler->notes[SS_VIEWS][*view];
    *feature = ss_compile_find(compiler, notes->scope, feature_name);
    if (*feature >= 0) return true;
    if (!notes->is_partial)
        ss_diagnose(&compiler->diagnostics, place, "%s: view '%.64s' has no feature '%.64s'%s",
                    reading->subject, view_name, feature_name,
                    ss_did_you_mean(compiler, feature_name, notes->list, notes->count));
    return false;
}

// "a.b" -> a and b. False when there is no '.', or for request.b.
static bool split_name(struct ss_compiler *compiler, const char *whole, const char **view,
                       const char **feature)
{
    const char *dot = strchr(whole, '.');
    if (!dot || strncmp(whole, "request.", 8) == 0) return false;
    *view = ss_compile_text(compiler, compiler->scratch, (struct ss_bytes){whole, (size_t)(dot - whole)});
    *feature = dot + 1;
    return *view != NULL;
}

static bool note_view(void *context, struct ss_node *node)
{
    struct ss_service_reading *reading = context;
    const char *view_name, *feature_name;
    if (node->kind != SS_NODE_NAME || !split_name(reading->compiler, node->name, &view_name, &feature_name))
        return true;
    const int32_t view = ss_compile_find(reading->compiler, SS_VIEWS, view_name);
    if (view >= 0)
        ss_service_use_view(reading, view);
    else
        reading->is_partial = true;
    return true;
}

void ss_service_note_views(struct ss_service_reading *reading, struct ss_node *root)
{
    ss_expression_walk(root, note_view, reading);
}

static void take_key(struct ss_service_reading *reading, const struct ss_entity *entity, size_t part,
                     int *service_key)
{
    struct ss_compiler *compiler = reading->compiler;
    const char *name = entity->key_names[part];
    const struct ss_type type = entity->key_types[part];
    char one[SS_TYPE_TEXT_SIZE], other[SS_TYPE_TEXT_SIZE];
    const int32_t known = ss_compile_find(compiler, reading->key_scope, name);
    *service_key = known;
    if (known < 0) {
        *service_key = (int)reading->key_count;
        reading->key_names[reading->key_count] = name;
        reading->key_types[reading->key_count] = type;
        ss_service_take_name(reading, name, reading->service->place, "key");
        ss_compile_add(compiler, reading->key_scope, name, reading->key_count++);
        return;
    }
    const struct ss_type taken = reading->key_types[known];
    if (!ss_type_is_known(type) || !ss_type_is_known(taken) || ss_type_equal(type, taken)) return;
    ss_diagnose(&compiler->diagnostics, reading->service->place,
                "%s: key '%.64s' of entity '%.64s' is %s, but another of its entities has a key of that name "
                "that is %s; keys of one name are one key",
                reading->subject, name, entity->name, ss_type_format(type, one),
                ss_type_format(taken, other));
}

void ss_service_take_keys(struct ss_service_reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const size_t count = reading->view_count;
    int(*view_keys)[SS_MAX_KEYS] = ss_compile_array(compiler, compiler->arena, count, sizeof(*view_keys));
    const struct ss_view **views =
        ss_compile_array(compiler, compiler->arena, count, sizeof(struct ss_view *));
    reading->key_names =
        ss_compile_array(compiler, compiler->arena, count * SS_MAX_KEYS, sizeof(*reading->key_names));
    reading->key_types =
        ss_compile_array(compiler, compiler->arena, count * SS_MAX_KEYS, sizeof(*reading->key_types));
    if (!view_keys || !views || !reading->key_names || !reading->key_types) return;
    for (size_t v = 0; v < count; v++) {
        views[v] = &compiler->views[reading->views[v]];
        const struct ss_entity *entity = views[v]->entity;
        if (!entity) reading->is_partial = true;
        for (size_t i = 0; entity && i < entity->key_count; i++)
            take_key(reading, entity, i, &view_keys[v][i]);
    }
    reading->service->views = views;
    reading->service->view_count = count;
    reading->service->view_keys = (const int(*)[SS_MAX_KEYS])view_keys;
    reading->service->key_names = reading->key_names;
    reading->service->key_types = reading->key_types;
    reading->service->key_count = reading->key_count;
}

bool ss_service_take_name(struct ss_service_reading *reading, const char *name, struct ss_place place,
                          const char *what)
{
    struct ss_compiler *compiler = reading->compiler;
    char *folded = ss_arena_copy(compiler->scratch, name, strlen(name));
    void *taken = reading->taken;
    if (!folded || !ss_reading_grow(compiler, &taken, reading->taken_count, &reading->taken_capacity,
                                    sizeof(*reading->taken))) {
        compiler->diagnostics.out_of_memory = true;
        return false;
    }
    reading->taken = taken;
    for (char *at = folded; *at; at++) *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    const int32_t known = ss_compile_find(compiler, reading->taken_scope, folded);
    if (known < 0) {
        reading->taken[reading->taken_count] = (struct ss_taken_name){name, place, what};
        ss_compile_add(compiler, reading->taken_scope, folded, reading->taken_count++);
        return true;
    }
    const struct ss_taken_name *other = &reading->taken[known];
    const bool is_alike = strcmp(name, other->name) == 0;
    const char *where =
        strcmp(other->what, "feature") == 0
            ? ss_compile_format(compiler, " on line %u", ss_compile_line(compiler, other->place))
            : "";
    ss_diagnose(&compiler->diagnostics, place,
                "%s: %s '%.64s' %s the %s%s%.64s%s%s; give one another name, with 'as' for a view's feature: "
                "'view.feature as name'",
                reading->subject, what, name, is_alike ? "has the name of" : "differs only in case from",
                other->what, is_alike ? "" : " '", is_alike ? "" : other->name, is_alike ? "" : "'", where);
    return false;
}

// ---- Names in expressions

static void become_input(struct ss_node *node, enum ss_pending_kind kind, size_t index, struct ss_type type)
{
    node->kind = SS_NODE_INPUT;
    node->input = ss_pending_input(kind, index);
    node->type = type;
}

static bool resolve_request(struct ss_service_reading *reading, struct ss_node *node)
{
    struct ss_compiler *compiler = reading->compiler;
    const char *name = node->name + strlen("request.");
    const int32_t input = ss_compile_find(compiler, reading->request_scope, name);
    if (input >= 0) {
        const struct ss_type type = reading->request[input].type;
        if (!ss_type_is_known(type)) return false;
        become_input(node, SS_PENDING_REQUEST, (size_t)input, type);
        return true;
    }
    const size_t count = reading->service->request_count;
    const char **names = ss_compile_array(compiler, compiler->scratch, count, sizeof(*names));
    if (!names) return false;
    for (size_t i = 0; i < count; i++) names[i] = reading->request[i].name;
    ss_diagnose(&compiler->diagnostics, node->place, "%s has no request input '%.64s'%s", reading->subject,
                name, ss_did_you_mean(compiler, name, names, count));
    return false;
}

static bool resolve_feature(struct ss_service_reading *reading, struct ss_node *node, const char *view_name,
                            const char *feature_name)
{
    int32_t view, feature;
    if (!ss_service_find_feature(reading, node->place, view_name, feature_name, &view, &feature))
        return false;
    const struct ss_type type = reading->compiler->views[view].features[feature].type;
    if (!ss_type_is_known(type)) return false;
    const int32_t read = ss_service_use_feature(reading, view, feature);
    if (read < 0) return false;
    become_input(node, SS_PENDING_READ, (size_t)read, type);
    return true;
}

// The feature of one of the service's views whose name is near.
static const char *find_near_feature(struct ss_service_reading *reading, const char *name)
{
    struct ss_compiler *compiler = reading->compiler;
    for (size_t i = 0; i < reading->view_count; i++) {
        const struct ss_scope_notes *notes = &compiler->notes[SS_VIEWS][reading->views[i]];
        const char *near = ss_nearest_name(ss_bytes_of(name), notes->list, notes->count);
        if (near)
            return ss_compile_format(compiler, "; did you mean '%s.%s'?",
                                     compiler->views[reading->views[i]].name, near);
    }
    return "";
}

// What a bare name that is not known may have meant: a request input, a feature of some view, or a name that
// is near.
static const char *advise(struct ss_service_reading *reading, const char *name)
{
    struct ss_compiler *compiler = reading->compiler;
    if (compiler->diagnostics.count >= SS_DIAGNOSTICS_MAX) return "";
    if (ss_compile_find(compiler, reading->request_scope, name) >= 0)
        return ss_compile_format(compiler, "; did you mean 'request.%s'?", name);
    for (size_t i = 0; i < compiler->counts[SS_VIEWS]; i++) {
        if (ss_compile_find(compiler, compiler->notes[SS_VIEWS][i].scope, name) >= 0)
            return ss_compile_format(compiler, "; did you mean '%s.%s'?", compiler->views[i].name, name);
    }
    const char *near = ss_did_you_mean(compiler, name, reading->derived_names, reading->derived.count);
    if (!near[0]) near = ss_did_you_mean(compiler, name, reading->key_names, reading->key_count);
    if (!near[0]) near = find_near_feature(reading, name);
    const struct ss_feature_entry *current = &reading->derived.entries[reading->derived.current];
    return near[0] ? near : ss_quotes_hint(compiler, current->text, name);
}

static bool resolve_bare(struct ss_service_reading *reading, struct ss_node *node)
{
    struct ss_compiler *compiler = reading->compiler;
    const int32_t derived = ss_compile_find(compiler, reading->derived.scope, node->name);
    if (derived >= 0 && (size_t)derived < reading->derived.current)
        return ss_fill_in_feature(compiler, &reading->derived, (size_t)derived, node);
    const int32_t key = ss_compile_find(compiler, reading->key_scope, node->name);
    if (key >= 0) {
        if (!ss_type_is_known(reading->key_types[key])) return false;
        become_input(node, SS_PENDING_KEY, (size_t)key, reading->key_types[key]);
        return true;
    }
    if (derived >= 0)
        ss_diagnose(&compiler->diagnostics, node->place,
                    "'%.64s' does not stand above this: a derived feature uses those above it", node->name);
    else if (!reading->is_partial)
        ss_diagnose(&compiler->diagnostics, node->place, "unknown name '%.64s'%s", node->name,
                    advise(reading, node->name));
    return false;
}

bool ss_service_resolve(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)diagnostics;
    struct ss_service_reading *reading = context;
    const char *view_name, *feature_name;
    if (strcmp(node->name, "t") == 0) {
        become_input(node, SS_PENDING_T, 0, (struct ss_type){SS_TIMESTAMP, 0});
        return true;
    }
    if (strncmp(node->name, "request.", 8) == 0) return resolve_request(reading, node);
    if (split_name(reading->compiler, node->name, &view_name, &feature_name))
        return resolve_feature(reading, node, view_name, feature_name);
    return resolve_bare(reading, node);
}

void ss_service_name_input(const void *context, int input, struct ss_buffer *buffer)
{
    const struct ss_service_reading *reading = context;
    const size_t index = ss_pending_index(input);
    switch (ss_pending_kind(input)) {
    case SS_PENDING_READ: {
        const struct ss_view *view = &reading->compiler->views[reading->views[reading->reads[index].view]];
        ss_buffer_format(buffer, "%s.%s", view->name, view->features[reading->reads[index].feature].name);
        break;
    }
    case SS_PENDING_REQUEST: ss_buffer_format(buffer, "request.%s", reading->request[index].name); break;
    case SS_PENDING_KEY: ss_buffer_text(buffer, reading->key_names[index]); break;
    default: ss_buffer_text(buffer, "t"); break;
    }
}
