// What the tests of expressions and programs share: a row of columns of every type, and text -> tree ->
// program.
#ifndef SS_TESTS_EXPRESSION_HARNESS_H
#define SS_TESTS_EXPRESSION_HARNESS_H

#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/expression.h"

struct harness_column {
    const char *name;
    struct ss_type type;
};

// Columns whose name starts with n_ are null in the tests that have one fixed row.
static const struct harness_column harness_columns[] = {
    {"yes", {SS_BOOL, 0}},
    {"no", {SS_BOOL, 0}},
    {"i", {SS_INT64, 0}},
    {"j", {SS_INT64, 0}},
    {"f", {SS_FLOAT64, 0}},
    {"g", {SS_FLOAT64, 0}},
    {"amount", {SS_DECIMAL, 2}},
    {"rate", {SS_DECIMAL, 4}},
    {"country", {SS_STRING, 0}},
    {"name", {SS_STRING, 0}},
    {"paid_at", {SS_TIMESTAMP, 0}},
    {"t", {SS_TIMESTAMP, 0}},
    {"n_bool", {SS_BOOL, 0}},
    {"n_int64", {SS_INT64, 0}},
    {"n_float64", {SS_FLOAT64, 0}},
    {"n_amount", {SS_DECIMAL, 2}},
    {"n_string", {SS_STRING, 0}},
    {"n_time", {SS_TIMESTAMP, 0}},
    {"request.amount", {SS_DECIMAL, 2}},
    {"raw", {SS_BYTES, 0}},
    {"tags", {.id = SS_LIST, .element = SS_STRING}},
    {"counts", {.id = SS_LIST, .element = SS_INT64}},
    {"prices", {.id = SS_LIST, .element = SS_DECIMAL, .scale = 2}},
    {"scores", {.id = SS_LIST, .element = SS_FLOAT64}},
    {"flags", {.id = SS_LIST, .element = SS_BOOL}},
    {"v", {.id = SS_VECTOR, .length = 3}},
    {"w", {.id = SS_VECTOR, .length = 3}},
    {"zero", {.id = SS_VECTOR, .length = 3}},
    {"pair", {.id = SS_VECTOR, .length = 2}},
    {"n_raw", {SS_BYTES, 0}},
    {"n_tags", {.id = SS_LIST, .element = SS_STRING}},
    {"n_vector", {.id = SS_VECTOR, .length = 3}},
};
#define HARNESS_COLUMN_COUNT (sizeof(harness_columns) / sizeof(harness_columns[0]))

static inline bool harness_resolve(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)context;
    const char *names[HARNESS_COLUMN_COUNT];
    for (size_t i = 0; i < HARNESS_COLUMN_COUNT; i++) {
        names[i] = harness_columns[i].name;
        if (strcmp(names[i], node->name) != 0) continue;
        node->kind = SS_NODE_INPUT;
        node->input = (int)i;
        node->type = harness_columns[i].type;
        return true;
    }
    const char *nearest = ss_nearest_name(ss_bytes_of(node->name), names, HARNESS_COLUMN_COUNT);
    ss_diagnose(diagnostics, node->place, "unknown column '%.64s'%s%s%s", node->name,
                nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return false;
}

// Zones of the machine (package tzdata); they stay until the test ends.
static inline const struct ss_zone *harness_find_zone(void *context, const char *name, struct ss_error *error)
{
    static struct ss_arena arena;
    static const struct ss_zone *zones[16];
    static size_t count;
    static char bytes[1 << 16];
    const struct ss_zone *zone = NULL;
    char path[128];
    (void)context;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ss_zone_name(zones[i]), name) == 0) return zones[i];
    }
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.64s", name);
    FILE *file = count < 16 && name[0] >= 'A' && name[0] <= 'Z' ? fopen(path, "rb") : NULL;
    if (!file) return NULL;
    const size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    if (ss_zone_parse(name, (struct ss_bytes){bytes, size}, &arena, &zone, error) == SS_OK)
        zones[count++] = zone;
    return zone;
}

static const struct ss_zones harness_zones = {harness_find_zone, NULL};
static const struct ss_scope harness_scope = {harness_resolve, NULL, NULL, "a test", &harness_zones};

// The state of one compile. Release the arena.
struct harness {
    struct ss_arena arena;
    struct ss_file file;
    struct ss_diagnostics diagnostics;
};

static inline void harness_start(struct harness *harness, struct ss_bytes text)
{
    memset(harness, 0, sizeof(*harness));
    harness->file = (struct ss_file){"features.yaml", text};
    ss_diagnostics_init(&harness->diagnostics, &harness->file, 1, &harness->arena);
}

// NULL when something was diagnosed (or memory ran out).
static inline struct ss_node *harness_compile(struct harness *harness, const struct ss_scope *scope)
{
    const struct ss_place place = {0, 0};
    struct ss_node *node =
        ss_expression_parse(harness->file.text, place, &harness->arena, &harness->diagnostics);
    if (!node || !ss_expression_check(node, scope, &harness->arena, &harness->diagnostics)) return NULL;
    return node;
}

#endif
