// Entities: what features are about. A mapping of key names to types, `{}` for the world; or
// {keys: {..}, description: .., owner: .., tags: ..} where `keys` is a mapping.
#include <string.h>

#include "engine/compile.h"

static bool is_key_type(struct ss_type type)
{
    return type.id == SS_BOOL || type.id == SS_INT64 || type.id == SS_STRING || type.id == SS_BYTES;
}

static struct ss_type read_key_type(struct ss_compiler *compiler, const struct ss_yaml *node,
                                    const char *subject)
{
    char text[SS_TYPE_TEXT_SIZE];
    enum ss_time_unit unit;
    const struct ss_type type = ss_read_type(compiler, node, subject, &unit);
    if (!ss_type_is_known(type) || is_key_type(type)) return type;
    ss_diagnose(&compiler->diagnostics, node->place, "%s: a key is bool, int64, string or bytes, got %s",
                subject, ss_type_format(type, text));
    return SS_TYPE_UNKNOWN;
}

static void read_keys(struct ss_compiler *compiler, struct ss_entity *entity, const char *subject,
                      const struct ss_yaml *keys, struct ss_scope_notes *notes)
{
    if (keys->count > SS_MAX_KEYS) {
        ss_diagnose(&compiler->diagnostics, keys->place, "%s: a key has at most %d parts, got %zu", subject,
                    SS_MAX_KEYS, keys->count);
        notes->is_partial = true;
        return;
    }
    const char **list = ss_compile_array(compiler, compiler->scratch, keys->count, sizeof(*list));
    if (!list) return;
    for (const struct ss_yaml *key = keys->first; key; key = key->next) {
        const char *name = ss_compile_text(compiler, compiler->arena, key->key->text);
        if (!name) return;
        ss_check_name(compiler, key->key->place, name, "key");
        entity->key_names[entity->key_count] = name;
        entity->key_types[entity->key_count] =
            read_key_type(compiler, key, ss_compile_format(compiler, "key '%.64s' of %s", name, subject));
        list[entity->key_count] = name;
        ss_compile_add(compiler, notes->scope, name, entity->key_count++);
    }
    notes->list = list;
    notes->count = entity->key_count;
}

void ss_define_entity(struct ss_compiler *compiler, size_t index)
{
    static const char *const names[] = {"keys", SS_NOTE_FIELDS};
    const struct ss_definition *definition = &compiler->definitions[SS_ENTITIES][index];
    const struct ss_yaml *body = definition->body;
    struct ss_entity *entity = &compiler->entities[index];
    struct ss_scope_notes *notes = &compiler->notes[SS_ENTITIES][index];
    const char *subject = ss_compile_format(compiler, "entity '%.64s'", definition->name);
    *entity = (struct ss_entity){.name = definition->name, .place = body->key->place};
    const struct ss_yaml *values[1 + SS_NOTE_COUNT], *keys = ss_yaml_find(body, "keys");
    if (keys && keys->kind == SS_YAML_MAPPING) {
        ss_read_fields(compiler, body, subject, names, 1 + SS_NOTE_COUNT, values);
        ss_read_notes(compiler, subject, values + 1, &entity->notes);
        read_keys(compiler, entity, subject, keys, notes);
    } else if (ss_expect_mapping(compiler, body, subject,
                                 "its keys, such as {user_id: string} ({} has no key: one row for all)")) {
        read_keys(compiler, entity, subject, body, notes);
    } else {
        notes->is_partial = true;
    }
}
