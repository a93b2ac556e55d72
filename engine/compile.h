// What the parts of the compiler share: the files' trees, the names that are defined, and how entries of the
// tree are read.
//
// Order: all trees; then all names of all files; then entities, sources, views, services, so that each kind
// finds those it names, in whatever file they stand. Every reader diagnoses all it finds and goes on; what it
// could not make out is marked, and whoever uses that stays silent.
#ifndef SS_ENGINE_COMPILE_H
#define SS_ENGINE_COMPILE_H

#include "engine/definitions.h"
#include "engine/name_table.h"
#include "engine/yaml_tree.h"

enum ss_section { SS_ENTITIES, SS_SOURCES, SS_VIEWS, SS_SERVICES, SS_SECTION_COUNT };

struct ss_definition {
    const char *name;
    const struct ss_yaml *body; // with the name as its key
};

// What is known of a definition while others use it. Names are kept in the compiler's table under `scope`.
struct ss_scope_notes {
    uint32_t scope;          // entity: its keys; source: its columns; view: its features
    const char *const *list; // the same names, for "did you mean"
    size_t count;
    bool is_partial; // it has errors: there may be names that are not in the table
};

// A type that could not be read. Nothing compiled has it.
#define SS_TYPE_UNKNOWN ((struct ss_type){(enum ss_type_id)0xff, 0})

struct ss_compiler {
    struct ss_diagnostics diagnostics;
    const struct ss_zone_loader *zone_loader;
    struct ss_arena *arena;   // of the definitions
    struct ss_arena *scratch; // ends with the compile
    const struct ss_file *files;
    size_t file_count;
    struct ss_yaml_file *trees;
    struct ss_name_table names;
    uint32_t scope_count;
    struct ss_definition *definitions[SS_SECTION_COUNT]; // in the order of the files
    size_t counts[SS_SECTION_COUNT];
    struct ss_entity *entities;
    struct ss_source *sources;
    struct ss_view *views;
    struct ss_service *services;
    struct ss_scope_notes *notes[SS_SECTION_COUNT]; // beside entities, sources and views
    struct ss_zone_file *zones;
    const struct ss_zone **parsed_zones; // beside zones
    size_t zone_count, zone_capacity;
    struct ss_zones expression_zones; // for the scopes of expressions
    size_t hidden_searches;
    size_t substituted; // nodes of features that stand in for their names
};

// What one view or service may have: more is an error, since the plan grows with their product.
#define SS_MAX_FEATURES       4096 // and aggregates
#define SS_MAX_COLUMNS        1000 // of a source
#define SS_MAX_HOPS           32   // different ones in a view
#define SS_MAX_SUBSTITUTED    500000
#define SS_FEATURE_MAX_NODES  10000 // of one expression, the features it uses filled in
#define SS_FEATURE_MAX_HEIGHT 2000
#define SS_LONGEST_US         (SS_TIME_MAX_US - SS_TIME_MIN_US) // of a window, a ttl, an offset

// ---- compile.c: memory, names, and reading of tree entries

// Zeroed. NULL (and noted) when out of memory.
void *ss_compile_array(struct ss_compiler *compiler, struct ss_arena *arena, size_t count, size_t size);
// A copy with a final NUL. NULL (and noted) when out of memory.
const char *ss_compile_text(struct ss_compiler *compiler, struct ss_arena *arena, struct ss_bytes text);
// "view 'x'"; "" when out of memory.
const char *ss_compile_format(struct ss_compiler *compiler, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
uint32_t ss_compile_line(const struct ss_compiler *compiler, struct ss_place place);

void ss_compile_add(struct ss_compiler *compiler, uint32_t scope, const char *name, size_t value);
int32_t ss_compile_find(const struct ss_compiler *compiler, uint32_t scope, const char *name);
// "; did you mean 'x'?" where one of the names is near, else "".
const char *ss_did_you_mean(struct ss_compiler *compiler, const char *name, const char *const *names,
                            size_t count);
// The definition of that name, or NULL: then it is diagnosed at the place, with the nearest name.
int32_t ss_compile_refer(struct ss_compiler *compiler, enum ss_section section, const struct ss_yaml *node,
                         const char *subject, struct ss_bytes name);
const char *ss_section_word(enum ss_section section); // "entity"

// What may be a name: see docs/DEFINITIONS.md. Diagnosed when it may not. `what`: "view".
bool ss_check_name(struct ss_compiler *compiler, struct ss_place place, const char *name, const char *what);

// Is the node a mapping / a list / text? Diagnosed when not; `what` says what it should hold.
bool ss_expect_mapping(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                       const char *what);
bool ss_expect_list(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *what);
bool ss_expect_text(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *what);

// The entries of a mapping by name: values[i] is that of names[i], NULL: not there. Others are diagnosed.
bool ss_read_fields(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *const *names, size_t count, const struct ss_yaml **values);
#define SS_NOTE_FIELDS "description", "owner", "tags"
#define SS_NOTE_COUNT  3
// values: those of SS_NOTE_FIELDS.
void ss_read_notes(struct ss_compiler *compiler, const char *subject, const struct ss_yaml *const *values,
                   struct ss_notes *notes);

// SS_TYPE_UNKNOWN when it is diagnosed.
struct ss_type ss_read_type(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                            enum ss_time_unit *unit);
bool ss_type_is_known(struct ss_type type);

// Parses the text of the node; places in it are those in the file. NULL when it is diagnosed.
struct ss_node *ss_read_expression(struct ss_compiler *compiler, const struct ss_yaml *node);

// Advice where a whole expression in quotes was read as the unknown name between them; else "".
const char *ss_quotes_hint(struct ss_compiler *compiler, const struct ss_yaml *text, const char *name);

// ---- compile_zone.c

// The zone of that name, not UTC. NULL: there is none, or with `error` its file is no zone's, or out of
// memory (noted).
const struct ss_zone *ss_compile_zone(struct ss_compiler *compiler, const char *name, struct ss_error *error);
const struct ss_zone *ss_find_expression_zone(void *compiler, const char *name, struct ss_error *error);

// ---- define_*.c: definition `index` of its section

void ss_define_entity(struct ss_compiler *compiler, size_t index);
void ss_define_source(struct ss_compiler *compiler, size_t index);
void ss_define_expect(struct ss_compiler *compiler, size_t source, const struct ss_yaml *node,
                      const struct ss_yaml *on_violation);
void ss_define_view(struct ss_compiler *compiler, size_t index);
void ss_define_service(struct ss_compiler *compiler, size_t index);

#endif
