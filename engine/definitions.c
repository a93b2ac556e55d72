// The compile: files -> trees -> definitions, or all their errors.
//
// Two arenas: one is the definitions' own, the other (trees, syntax, messages) ends with the compile.
#include "engine/definitions.h"

#include <stdlib.h>
#include <string.h>

#include "engine/compile.h"
#include "engine/fingerprint.h"

static const char *const section_names[] = {"entities", "sources", "views", "services"};

static enum ss_status fail_memory(struct ss_error *error)
{
    return ss_fail_memory(error, "the definitions");
}

// ---- Files and names

// Copies of the files, so that the caller's may go.
static bool copy_files(struct ss_definitions *definitions, const struct ss_file *files, size_t count)
{
    struct ss_file *copies = ss_arena_array(&definitions->arena, count ? count : 1, sizeof(*copies));
    if (!copies) return false;
    for (size_t i = 0; i < count; i++) {
        const struct ss_bytes text = files[i].text;
        copies[i].path = ss_arena_copy(&definitions->arena, files[i].path, strlen(files[i].path));
        copies[i].text.data = ss_arena_copy(&definitions->arena, text.size ? text.data : "", text.size);
        copies[i].text.size = text.size;
        if (!copies[i].path || !copies[i].text.data) return false;
    }
    definitions->files = copies;
    definitions->file_count = count;
    return true;
}

// The sections of one file: values[section], NULL where there is none.
static void read_sections(struct ss_compiler *compiler, const struct ss_yaml_file *tree,
                          const struct ss_yaml **values)
{
    for (size_t i = 0; i < SS_SECTION_COUNT; i++) values[i] = NULL;
    const struct ss_yaml *root = tree->root;
    if (!root || (root->kind == SS_YAML_TEXT && root->text.size == 0)) return;
    ss_read_fields(compiler, root, "definitions", section_names, SS_SECTION_COUNT, values);
    for (size_t i = 0; i < SS_SECTION_COUNT; i++) {
        const bool is_nothing = values[i] && values[i]->kind == SS_YAML_TEXT && values[i]->text.size == 0;
        if (is_nothing || (values[i] && !ss_expect_mapping(compiler, values[i], section_names[i],
                                                           "a mapping of names to definitions")))
            values[i] = NULL;
    }
}

static void add_definition(struct ss_compiler *compiler, enum ss_section section, const struct ss_yaml *body)
{
    const size_t index = compiler->counts[section]++;
    struct ss_definition *definitions = compiler->definitions[section];
    const char *name = ss_compile_text(compiler, compiler->arena, body->key->text);
    definitions[index] = (struct ss_definition){name ? name : "", body};
    if (!name) return;
    ss_check_name(compiler, body->key->place, name, ss_section_word(section));
    const int32_t known = ss_compile_find(compiler, section, name);
    if (known < 0) {
        ss_compile_add(compiler, section, name, index);
        return;
    }
    const struct ss_place place = definitions[known].body->key->place;
    ss_diagnose(&compiler->diagnostics, body->key->place, "%s '%.64s' is defined already: %s, line %u",
                ss_section_word(section), name, compiler->files[place.file].path,
                ss_compile_line(compiler, place));
}

// Makes room for `count` definitions of a section, with a scope of names for each.
static bool make_section(struct ss_compiler *compiler, enum ss_section section, size_t count)
{
    struct ss_scope_notes *notes = ss_compile_array(compiler, compiler->scratch, count, sizeof(*notes));
    compiler->definitions[section] =
        ss_compile_array(compiler, compiler->scratch, count, sizeof(struct ss_definition));
    compiler->notes[section] = notes;
    if (!notes || !compiler->definitions[section]) return false;
    for (size_t i = 0; i < count; i++) notes[i].scope = compiler->scope_count++;
    return true;
}

static bool gather_definitions(struct ss_compiler *compiler)
{
    const size_t file_count = compiler->file_count;
    const struct ss_yaml *(*sections)[SS_SECTION_COUNT] =
        ss_compile_array(compiler, compiler->scratch, file_count, sizeof(*sections));
    size_t counts[SS_SECTION_COUNT] = {0};
    if (!sections) return false;
    for (size_t f = 0; f < file_count; f++) {
        read_sections(compiler, &compiler->trees[f], sections[f]);
        for (size_t s = 0; s < SS_SECTION_COUNT; s++) counts[s] += sections[f][s] ? sections[f][s]->count : 0;
    }
    for (size_t s = 0; s < SS_SECTION_COUNT; s++) {
        if (!make_section(compiler, (enum ss_section)s, counts[s])) return false;
        for (size_t f = 0; f < file_count; f++) {
            const struct ss_yaml *body = sections[f][s] ? sections[f][s]->first : NULL;
            for (; body; body = body->next) add_definition(compiler, (enum ss_section)s, body);
        }
    }
    return !compiler->diagnostics.out_of_memory;
}

// ---- The compile

static bool make_room(struct ss_compiler *compiler)
{
    struct ss_arena *arena = compiler->arena;
    const size_t *counts = compiler->counts;
    compiler->entities = ss_compile_array(compiler, arena, counts[SS_ENTITIES], sizeof(struct ss_entity));
    compiler->sources = ss_compile_array(compiler, arena, counts[SS_SOURCES], sizeof(struct ss_source));
    compiler->views = ss_compile_array(compiler, arena, counts[SS_VIEWS], sizeof(struct ss_view));
    compiler->services = ss_compile_array(compiler, arena, counts[SS_SERVICES], sizeof(struct ss_service));
    return !compiler->diagnostics.out_of_memory;
}

static void define_all(struct ss_compiler *compiler)
{
    static void (*const define[])(struct ss_compiler *, size_t) = {ss_define_entity, ss_define_source,
                                                                   ss_define_view, ss_define_service};
    for (size_t s = 0; s < SS_SECTION_COUNT; s++) {
        for (size_t i = 0; i < compiler->counts[s] && !compiler->diagnostics.out_of_memory; i++)
            define[s](compiler, i);
    }
}

static void compile(struct ss_compiler *compiler)
{
    compiler->trees =
        ss_compile_array(compiler, compiler->scratch, compiler->file_count, sizeof(struct ss_yaml_file));
    for (size_t i = 0; compiler->trees && i < compiler->file_count; i++)
        compiler->trees[i] = ss_yaml_read((uint32_t)i, compiler->scratch, &compiler->diagnostics);
    if (!compiler->diagnostics.out_of_memory && gather_definitions(compiler) && make_room(compiler))
        define_all(compiler);
}

static bool finish(struct ss_compiler *compiler, struct ss_definitions *definitions)
{
    definitions->zone_count = compiler->zone_count;
    definitions->zones = compiler->zones;
    definitions->entity_count = compiler->counts[SS_ENTITIES];
    definitions->entities = compiler->entities;
    definitions->source_count = compiler->counts[SS_SOURCES];
    definitions->sources = compiler->sources;
    definitions->view_count = compiler->counts[SS_VIEWS];
    definitions->views = compiler->views;
    definitions->service_count = compiler->counts[SS_SERVICES];
    definitions->services = compiler->services;
    return ss_definitions_fingerprint(compiler, definitions);
}

// Messages show names from the files, which may hold what moves a terminal's cursor.
static void hide_control_characters(struct ss_buffer *report)
{
    for (size_t i = 0; i < report->size; i++) {
        const uint8_t byte = report->data[i];
        if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) report->data[i] = '?';
    }
}

static enum ss_status report_errors(struct ss_diagnostics *diagnostics, struct ss_buffer *report,
                                    size_t *error_count, struct ss_error *error)
{
    ss_diagnostics_sort(diagnostics);
    for (size_t i = 0; i < diagnostics->count; i++) ss_diagnostic_format(diagnostics, i, report);
    if (report->failed) return fail_memory(error);
    hide_control_characters(report);
    *error_count = diagnostics->count;
    return ss_fail(error, SS_FOUND, "the definitions have %zu error%s", diagnostics->count,
                   diagnostics->count == 1 ? "" : "s");
}

bool ss_zone_file_find(const struct ss_zone_file *zones, size_t count, const char *name,
                       struct ss_bytes *tzif)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(zones[i].name, name) != 0) continue;
        *tzif = zones[i].tzif;
        return true;
    }
    return false;
}

enum ss_status ss_definitions_compile(const struct ss_file *files, size_t file_count,
                                      const struct ss_zone_loader *zones, struct ss_definitions **definitions,
                                      struct ss_buffer *report, size_t *error_count, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_arena scratch;
    ss_arena_init(&scratch, 0);
    struct ss_definitions *made = calloc(1, sizeof(*made));
    if (!made) return fail_memory(error);
    ss_arena_init(&made->arena, 0);
    struct ss_compiler compiler = {.zone_loader = zones,
                                   .arena = &made->arena,
                                   .scratch = &scratch,
                                   .names.arena = &scratch,
                                   .scope_count = SS_SECTION_COUNT};
    if (!copy_files(made, files, file_count)) {
        status = fail_memory(error);
        goto out;
    }
    compiler.files = made->files;
    compiler.file_count = file_count;
    compiler.expression_zones = (struct ss_zones){ss_find_expression_zone, &compiler};
    ss_diagnostics_init(&compiler.diagnostics, made->files, file_count, &scratch);
    compile(&compiler);
    if (!compiler.diagnostics.out_of_memory && compiler.diagnostics.count > 0)
        status = report_errors(&compiler.diagnostics, report, error_count, error);
    else if (compiler.diagnostics.out_of_memory || !finish(&compiler, made))
        status = fail_memory(error);
out:
    ss_arena_release(&scratch);
    if (status == SS_OK)
        *definitions = made;
    else
        ss_definitions_destroy(made);
    return status;
}

void ss_definitions_destroy(struct ss_definitions *definitions)
{
    if (!definitions) return;
    struct ss_arena arena = definitions->arena;
    ss_arena_release(&arena);
    free(definitions);
}

// ---- Finding

const struct ss_source *ss_find_source(const struct ss_definitions *definitions, const char *name)
{
    for (size_t i = 0; i < definitions->source_count; i++) {
        if (strcmp(definitions->sources[i].name, name) == 0) return &definitions->sources[i];
    }
    return NULL;
}

const struct ss_view *ss_find_view(const struct ss_definitions *definitions, const char *name)
{
    for (size_t i = 0; i < definitions->view_count; i++) {
        if (strcmp(definitions->views[i].name, name) == 0) return &definitions->views[i];
    }
    return NULL;
}

const struct ss_service *ss_find_service(const struct ss_definitions *definitions, const char *name)
{
    for (size_t i = 0; i < definitions->service_count; i++) {
        if (strcmp(definitions->services[i].name, name) == 0) return &definitions->services[i];
    }
    return NULL;
}
