// The maps of a spine stand in one text: "KEY=COLUMN" a line, before them "with event SOURCE" where rows
// carry an event. Neither a key nor a source has a '=', a blank or a line end in its name.

#include "materializer/train_manifest.h"

#include <string.h>

static const char with_event[] = "with event ";

static const char *const unit_names[] = {
    [SS_UNIT_TEXT] = "", [SS_UNIT_S] = "s", [SS_UNIT_MS] = "ms", [SS_UNIT_US] = "us"};
static const char *const mode_names[] = {"as-known", "as-of-event-time"}; // [as_of_event_time]

// ---- To a manifest

static const char *format_maps(const struct ss_spine_source *source, struct ss_arena *arena)
{
    struct ss_buffer maps = {0};
    if (source->with_event) ss_buffer_format(&maps, "%s%s", with_event, source->with_event);
    for (size_t i = 0; i < source->map_count; i++)
        ss_buffer_format(&maps, "%s%s=%s", i || source->with_event ? "\n" : "", source->maps[i].name,
                         source->maps[i].column);
    const char *text =
        maps.failed ? NULL : ss_arena_copy(arena, maps.size ? (const char *)maps.data : "", maps.size);
    ss_buffer_release(&maps);
    return text;
}

static enum ss_status name_parts(const struct ss_definitions *definitions, const struct ss_service *service,
                                 struct ss_arena *arena, struct ss_manifest *manifest, struct ss_error *error)
{
    struct ss_named_text *files = ss_arena_array(arena, definitions->file_count + 1, sizeof *files);
    struct ss_named_text *views = ss_arena_array(arena, service->view_count + 1, sizeof *views);
    if (!files || !views) return ss_fail_memory(error, "a manifest");
    for (size_t i = 0; i < definitions->file_count; i++)
        files[i] = (struct ss_named_text){definitions->files[i].path, definitions->files[i].text};
    for (size_t i = 0; i < service->view_count; i++) {
        char *text = ss_arena_alloc(arena, SS_SHA256_TEXT_SIZE);
        if (!text) return ss_fail_memory(error, "a manifest");
        views[i] = (struct ss_named_text){
            service->views[i]->name, ss_bytes_of(ss_sha256_format(&service->views[i]->fingerprint, text))};
    }
    manifest->files = files;
    manifest->file_count = definitions->file_count;
    manifest->views = views;
    manifest->view_count = service->view_count;
    return SS_OK;
}

enum ss_status ss_train_describe(const struct ss_train *train, const struct ss_definitions *definitions,
                                 const struct ss_service *service, struct ss_arena *arena,
                                 struct ss_manifest *manifest, struct ss_error *error)
{
    struct ss_manifest described = {
        .service = service->name,
        .definitions_fingerprint = definitions->fingerprint,
        .service_fingerprint = service->fingerprint,
        .spine = train->spine.place,
        .time_column = train->spine.time_column,
        .time_unit = unit_names[train->spine.time_unit],
        .maps = format_maps(&train->spine, arena),
        .mode = mode_names[train->as_of_event_time],
        .inclusive = train->inclusive,
        .with_status = train->with_status,
        .version = train->version,
    };
    if (!described.maps) return ss_fail_memory(error, "a manifest");
    SS_TRY(name_parts(definitions, service, arena, &described, error));
    *manifest = described;
    return SS_OK;
}

// ---- And back

// The place of the name, -1: it is none of them.
static int find_name(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static enum ss_status fail_word(const struct ss_train *train, const char *what, const char *got,
                                struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "table '%s': its line in selfsame_manifest is damaged: '%s' is no %s; the table cannot be "
                   "made again from it, only anew by 'selfsame train'",
                   train->output, got, what);
}

static enum ss_status parse_maps(const char *text, struct ss_arena *arena, struct ss_train *train,
                                 struct ss_error *error)
{
    struct ss_spine_source *source = &train->spine;
    size_t lines = 1;
    for (const char *at = text; *at; at++) lines += *at == '\n';
    struct ss_spine_map *maps = ss_arena_array(arena, lines, sizeof *maps);
    char *line = ss_arena_copy(arena, text, strlen(text));
    if (!maps || !line) return ss_fail_memory(error, "a manifest");
    source->with_event = NULL;
    source->map_count = 0;
    source->maps = maps;
    for (char *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        char *equals = strchr(line, '=');
        if (!equals && strncmp(line, with_event, sizeof with_event - 1) == 0) {
            source->with_event = line + sizeof with_event - 1;
            continue;
        }
        if (!equals) return fail_word(train, "KEY=COLUMN", line, error);
        *equals = 0;
        maps[source->map_count++] = (struct ss_spine_map){line, equals + 1};
    }
    return SS_OK;
}

enum ss_status ss_train_as_described(const struct ss_manifest *manifest, struct ss_arena *arena,
                                     struct ss_train *train, struct ss_error *error)
{
    struct ss_train filled = *train;
    const int unit =
        find_name(manifest->time_unit, unit_names, (int)(sizeof unit_names / sizeof *unit_names));
    const int mode = find_name(manifest->mode, mode_names, 2);
    if (unit < 0) return fail_word(train, "unit of time", manifest->time_unit, error);
    if (mode < 0) return fail_word(train, "mode", manifest->mode, error);
    filled.service = manifest->service;
    filled.spine = (struct ss_spine_source){
        .place = manifest->spine, .time_column = manifest->time_column, .time_unit = (enum ss_time_unit)unit};
    SS_TRY(parse_maps(manifest->maps, arena, &filled, error));
    filled.as_of_event_time = mode == 1;
    filled.inclusive = manifest->inclusive;
    filled.with_status = manifest->with_status;
    filled.again = manifest;
    *train = filled;
    return SS_OK;
}
