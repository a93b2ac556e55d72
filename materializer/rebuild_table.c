// Rebuild-table. The definitions of the manifest are compiled anew, the spine is read again, and ss_train
// does the rest, with the manifest's s for that of today: what was loaded, taken back or compacted since has
// another seq or moves nothing, so the rows come out the same. Before the table is touched, each part is held
// against what the manifest says of it, so that the first that differs is the one that is told.

#include "materializer/rebuild_table.h"

#include "materializer/train_manifest.h"
#include "materializer/zones.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- Definitions

struct zones { // those that the definitions were applied with; if the store never had them, the machine's
    const struct ss_zone_file *kept;
    size_t kept_count;
    struct ss_zone_loader machine;
};

static bool load_zone(void *context, const char *name, struct ss_bytes *tzif)
{
    const struct zones *zones = context;
    return ss_zone_file_find(zones->kept, zones->kept_count, name, tzif) ||
           zones->machine.load(zones->machine.context, name, tzif);
}

static enum ss_status compile_files(const struct ss_train *train, const struct ss_zone_loader *loader,
                                    struct ss_arena *arena, struct ss_definitions **definitions,
                                    struct ss_error *error)
{
    const struct ss_manifest *manifest = train->again;
    struct ss_file *files = ss_arena_array(arena, manifest->file_count + 1, sizeof *files);
    struct ss_buffer report = {0};
    size_t error_count = 0;
    if (!files) return ss_fail_memory(error, "definitions");
    for (size_t i = 0; i < manifest->file_count; i++)
        files[i] = (struct ss_file){manifest->files[i].name, manifest->files[i].text};
    enum ss_status status = ss_definitions_compile(files, manifest->file_count, loader, definitions, &report,
                                                   &error_count, error);
    if (status == SS_FOUND)
        status = ss_fail(error, SS_VERSION,
                         "table '%s': the definitions in its manifest do not compile with this selfsame "
                         "(%s; the table was made by %s), or somebody changed them: %.*s",
                         train->output, train->version, manifest->version,
                         (int)(report.size > 500 ? 500 : report.size),
                         report.size ? (const char *)report.data : "");
    ss_buffer_release(&report);
    return status;
}

static enum ss_status check_fingerprint(const struct ss_train *train, const char *what,
                                        const struct ss_sha256 *now, const struct ss_sha256 *then,
                                        struct ss_error *error)
{
    char now_text[SS_SHA256_TEXT_SIZE], then_text[SS_SHA256_TEXT_SIZE];
    if (memcmp(now, then, sizeof *now) == 0) return SS_OK;
    return ss_fail(error, SS_FOUND,
                   "table '%s': the %s the fingerprint %.16s, and the table was made by "
                   "%.16s: somebody changed the manifest, or selfsame %s (this is %s) or the store's time "
                   "zones meant something else by it; the table stays as it was",
                   train->output, what, ss_sha256_format(now, now_text), ss_sha256_format(then, then_text),
                   train->again->version, train->version);
}

static enum ss_status check_definitions(const struct ss_train *train,
                                        const struct ss_definitions *definitions, struct ss_error *error)
{
    const struct ss_manifest *manifest = train->again;
    const struct ss_service *service = ss_find_service(definitions, train->service);
    SS_TRY(check_fingerprint(train, "definitions in its manifest have", &definitions->fingerprint,
                             &manifest->definitions_fingerprint, error));
    if (!service)
        return ss_fail(error, SS_FOUND,
                       "table '%s': its manifest names service '%s', and the definitions in it have none of "
                       "that name: somebody changed the manifest; the table stays as it was",
                       train->output, train->service);
    return check_fingerprint(train, "service in its manifest has", &service->fingerprint,
                             &manifest->service_fingerprint, error);
}

static enum ss_status load_definitions(const struct ss_materializer *materializer,
                                       const struct ss_train *train, struct ss_arena *arena,
                                       struct ss_definitions **definitions, struct ss_error *error)
{
    struct zones zones = {.machine = ss_machine_zones(arena)};
    const struct ss_zone_loader loader = {load_zone, &zones};
    SS_TRY(ss_catalog_zones(materializer->store->history, &train->again->definitions_fingerprint, arena,
                            &zones.kept, &zones.kept_count, error));
    SS_TRY(compile_files(train, &loader, arena, definitions, error));
    return check_definitions(train, *definitions, error);
}

// ---- What it is made of

// A store that was made anew has only what its own definitions asked for.
static enum ss_status check_views(struct ss_history *history, const struct ss_service *service,
                                  const struct ss_train *train, struct ss_error *error)
{
    struct ss_error why = {0};
    for (size_t v = 0; v < service->view_count; v++) {
        struct ss_event_reader *reader = NULL;
        const enum ss_status status =
            ss_history_read_entity(history, service->views[v], NULL, 0, 0, 0, &reader, &why);
        if (status == SS_NOT_FOUND)
            return ss_fail(error, SS_NOT_FOUND,
                           "table '%s': view '%s' cannot be computed: %s, with the definitions in the "
                           "table's manifest (column definition_files)",
                           train->output, service->views[v]->name, why.message);
        if (status != SS_OK) return ss_fail(error, status, "%s", why.message);
        reader->close(reader);
    }
    return SS_OK;
}

static enum ss_status check_spine_file(const struct ss_train *train, struct ss_error *error)
{
    struct ss_table_place place;
    const char *spine = train->spine.place;
    const size_t size = ss_table_place_parse(spine, &place) ? place.path.size : strlen(spine);
    char *path = strndup(spine, size);
    if (!path) return ss_fail_memory(error, "a spine's name");
    const bool is_there = strcmp(path, "-") == 0 || access(path, F_OK) == 0;
    free(path);
    if (is_there) return SS_OK;
    return ss_fail(
        error, SS_NOT_FOUND,
        "spine '%s': it is not there, and table '%s' was made of it; put it back in its place. The "
        "path is as it was given to 'selfsame train': if it is relative, run this in the folder in "
        "which that ran",
        spine, train->output);
}

// ---- All of it

enum ss_status ss_rebuild_table(const struct ss_materializer *materializer, struct ss_train *train,
                                struct ss_arena *arena, struct ss_train_result *result,
                                struct ss_error *error)
{
    struct ss_materializer then = *materializer;
    struct ss_manifest *manifest = ss_arena_alloc(arena, sizeof *manifest);
    enum ss_status status;
    if (!manifest) return ss_fail_memory(error, "a manifest");
    SS_TRY(ss_manifest_read(train->output, arena, manifest, error));
    SS_TRY(ss_train_as_described(manifest, arena, train, error));
    then.definitions = NULL;
    SS_TRY_GOTO(load_definitions(materializer, train, arena, &then.definitions, error), out);
    SS_TRY_GOTO(
        check_views(then.store->history, ss_find_service(then.definitions, train->service), train, error),
        out);
    SS_TRY_GOTO(check_spine_file(train, error), out);
    SS_TRY_GOTO(ss_train(&then, train, result, error), out);
out:
    ss_definitions_destroy(then.definitions);
    return status;
}
