// The time zones that definitions name: each loaded once, its bytes kept with the definitions.
#include <string.h>

#include "engine/compile.h"

static bool make_room(struct ss_compiler *compiler)
{
    const size_t count = compiler->zone_count, capacity = count ? 2 * count : 4;
    if (count < compiler->zone_capacity) return true;
    struct ss_zone_file *zones = ss_compile_array(compiler, compiler->arena, capacity, sizeof(*zones));
    const struct ss_zone **parsed =
        ss_compile_array(compiler, compiler->scratch, capacity, sizeof(struct ss_zone *));
    if (!zones || !parsed) return false;
    if (count) memcpy(zones, compiler->zones, count * sizeof(*zones));
    if (count) memcpy(parsed, compiler->parsed_zones, count * sizeof(struct ss_zone *));
    compiler->zones = zones;
    compiler->parsed_zones = parsed;
    compiler->zone_capacity = capacity;
    return true;
}

static const struct ss_zone *keep_zone(struct ss_compiler *compiler, const char *name, struct ss_bytes tzif,
                                       struct ss_error *error)
{
    const struct ss_zone *zone = NULL;
    if (!make_room(compiler)) return NULL;
    struct ss_zone_file *file = &compiler->zones[compiler->zone_count];
    const char *copy = ss_compile_text(compiler, compiler->arena, tzif);
    file->name = ss_compile_text(compiler, compiler->arena, ss_bytes_of(name));
    file->tzif = (struct ss_bytes){copy, tzif.size};
    if (!copy || !file->name) return NULL;
    const enum ss_status status = ss_zone_parse(name, file->tzif, compiler->arena, &zone, error);
    if (status == SS_OUT_OF_MEMORY) compiler->diagnostics.out_of_memory = true;
    if (status != SS_OK) return NULL;
    compiler->parsed_zones[compiler->zone_count++] = zone;
    return zone;
}

const struct ss_zone *ss_compile_zone(struct ss_compiler *compiler, const char *name, struct ss_error *error)
{
    const struct ss_zone_loader *loader = compiler->zone_loader;
    struct ss_bytes tzif;
    for (size_t i = 0; i < compiler->zone_count; i++) {
        if (strcmp(compiler->zones[i].name, name) == 0) return compiler->parsed_zones[i];
    }
    if (!loader || !loader->load(loader->context, name, &tzif)) return NULL;
    return keep_zone(compiler, name, tzif, error);
}

const struct ss_zone *ss_find_expression_zone(void *context, const char *name, struct ss_error *error)
{
    return ss_compile_zone(context, name, error);
}
