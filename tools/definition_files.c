// Definition files and time zones: from the disk to the compiler, which itself reads nothing.

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "materializer/zones.h"
#include "tools/cli.h"

static enum ss_status read_whole(const char *path, struct ss_arena *arena, size_t limit,
                                 struct ss_bytes *text, struct ss_error *error)
{
    struct ss_buffer buffer = {0};
    char chunk[65536];
    size_t size;
    FILE *file = fopen(path, "rb");
    if (!file) return ss_fail(error, SS_IO, "%s: cannot be read: %s", path, strerror(errno));
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0 && buffer.size <= limit)
        ss_buffer_append(&buffer, chunk, size);
    const bool failed = ferror(file) != 0;
    fclose(file);
    const char *copy = buffer.failed ? NULL : ss_arena_copy(arena, buffer.data, buffer.size);
    *text = (struct ss_bytes){copy, buffer.size};
    ss_buffer_release(&buffer);
    if (failed)
        return ss_fail(error, SS_IO, "%s: cannot be read: %s", path, strerror(errno ? errno : EISDIR));
    return copy ? SS_OK : ss_fail_memory(error, path);
}

static enum ss_status add_file(struct ss_cli_files *files, const char *path, struct ss_error *error)
{
    if (files->count == files->capacity) {
        const size_t capacity = files->capacity ? files->capacity * 2 : 16;
        struct ss_file *grown = realloc(files->items, capacity * sizeof *grown);
        if (!grown) return ss_fail_memory(error, "the definition files");
        files->items = grown;
        files->capacity = capacity;
    }
    struct ss_file *file = &files->items[files->count];
    file->path = ss_arena_copy(&files->arena, path, strlen(path));
    if (!file->path) return ss_fail_memory(error, path);
    SS_TRY(read_whole(path, &files->arena, SS_DEFINITIONS_MAX_BYTES, &file->text, error));
    files->count++;
    return SS_OK;
}

static int is_definition_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static enum ss_status add_folder(struct ss_cli_files *files, const char *folder, struct ss_error *error)
{
    struct dirent **entries = NULL;
    enum ss_status status = SS_OK;
    const int count = scandir(folder, &entries, is_definition_file, alphasort);
    if (count < 0) return ss_fail(error, SS_IO, "%s: cannot be read: %s", folder, strerror(errno));
    if (count == 0) status = ss_fail(error, SS_NOT_FOUND, "%s: no *.yaml or *.yml file in it", folder);
    for (int i = 0; i < count; i++) {
        struct ss_buffer path = {0};
        ss_buffer_format(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                         entries[i]->d_name);
        ss_buffer_byte(&path, 0);
        if (status == SS_OK)
            status =
                path.failed ? ss_fail_memory(error, folder) : add_file(files, (const char *)path.data, error);
        ss_buffer_release(&path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum ss_status ss_cli_read_files(char **paths, int count, struct ss_cli_files *files, struct ss_error *error)
{
    for (int i = 0; i < count; i++) {
        struct stat info;
        const bool folder = stat(paths[i], &info) == 0 && S_ISDIR(info.st_mode);
        SS_TRY(folder ? add_folder(files, paths[i], error) : add_file(files, paths[i], error));
    }
    return SS_OK;
}

void ss_cli_release_files(struct ss_cli_files *files)
{
    free(files->items);
    ss_arena_release(&files->arena);
    *files = (struct ss_cli_files){0};
}

void ss_cli_print_report(struct ss_bytes report, uint64_t error_count)
{
    fwrite(report.data, 1, report.size, stderr);
    fprintf(stderr, "%llu error%s\n", (unsigned long long)error_count, error_count == 1 ? "" : "s");
}

static enum ss_status compile(struct ss_cli_files *files, const char *first_path,
                              struct ss_definitions **definitions, struct ss_error *error)
{
    struct ss_buffer report = {0};
    size_t error_count = 0;
    const struct ss_zone_loader zones = ss_machine_zones(&files->arena);
    enum ss_status status =
        ss_definitions_compile(files->items, files->count, &zones, definitions, &report, &error_count, error);
    if (status == SS_FOUND)
        ss_cli_print_report((struct ss_bytes){(const char *)report.data, report.size}, error_count);
    ss_buffer_release(&report);
    if (status == SS_OK && (*definitions)->source_count + (*definitions)->view_count +
                                   (*definitions)->entity_count + (*definitions)->service_count ==
                               0) {
        ss_definitions_destroy(*definitions);
        status = ss_fail(error, SS_INVALID, "%s: defines nothing; an apply of it would drop everything",
                         first_path);
    }
    return status;
}

enum ss_status ss_cli_compile(char **paths, int count, struct ss_definitions **definitions,
                              struct ss_error *error)
{
    struct ss_cli_files files = {0};
    enum ss_status status = ss_cli_read_files(paths, count, &files, error);
    if (status == SS_OK) status = compile(&files, paths[0], definitions, error);
    ss_cli_release_files(&files);
    return status;
}
