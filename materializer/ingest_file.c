// The file of a load: its bytes, its identity, its columns.
//
// Its producer is "file:" + SHA-256 of (source, mapping, bytes), or the one that was given; --again takes the
// next "file:...:again:2" whose load did not come to its end.

#include "materializer/ingest_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES (256u << 10)

// ---- The file

static enum ss_status fail_file(const struct ss_load *load, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "%s: %s: %s", load->name, what, strerror(errno));
}

static enum ss_status write_all(const struct ss_load *load, int file, const char *bytes, size_t size,
                                struct ss_error *error)
{
    for (size_t done = 0; done < size;) {
        const ssize_t written = write(file, bytes + done, size - done);
        if (written < 0 && errno != EINTR)
            return fail_file(load, "cannot be copied to a temporary file", error);
        if (written > 0) done += (size_t)written;
    }
    return SS_OK;
}

static enum ss_status copy_stream(const struct ss_load *load, int to, char *bytes, struct ss_error *error)
{
    while (true) {
        const ssize_t got = read(load->file, bytes, COPY_BYTES);
        if (got == 0) return SS_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_file(load, "cannot be read", error);
        SS_TRY(write_all(load, to, bytes, (size_t)got, error));
    }
}

// A stream becomes an unlinked file: in the store's folder, which has room for its rows anyway.
static enum ss_status spool(struct ss_load *load, struct ss_error *error)
{
    enum ss_status status;
    const char *directory = load->target->spool_directory;
    const size_t size = strlen(directory) + sizeof "/spool-XXXXXX";
    char *path = ss_arena_alloc(&load->arena, size), *bytes = ss_arena_alloc(&load->arena, COPY_BYTES);
    if (!path || !bytes) return ss_fail_memory(error, "a copy of a stream");
    snprintf(path, size, "%s/spool-XXXXXX", directory);
    const int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) return fail_file(load, "cannot make a temporary file for it", error);
    unlink(path);
    SS_TRY_GOTO(copy_stream(load, file, bytes, error), out);
    if (load->owns_file) close(load->file);
    load->file = file;
    load->owns_file = true;
    return SS_OK;
out:
    close(file);
    return status;
}

enum ss_status ss_load_open(struct ss_load *load, struct ss_error *error)
{
    const bool is_stdin = strcmp(load->ingest->path, "-") == 0;
    load->name = is_stdin ? "standard input" : load->ingest->path;
    load->file = is_stdin ? STDIN_FILENO : open(load->ingest->path, O_RDONLY | O_CLOEXEC);
    if (load->file < 0) return fail_file(load, "cannot be opened", error);
    load->owns_file = !is_stdin;
    if (lseek(load->file, 0, SEEK_CUR) != 0) SS_TRY(spool(load, error));
    return SS_OK;
}

// Hashes the file with its source's name and the mapping of its columns, and counts its bytes.
static enum ss_status hash_file(struct ss_load *load, struct ss_sha256 *hash, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    char *bytes = ss_arena_alloc(&load->arena, COPY_BYTES);
    struct ss_hasher *hasher = ss_hasher_create();
    if (!bytes || !hasher) {
        ss_hasher_destroy(hasher);
        return ss_fail_memory(error, "the hash of a file");
    }
    ss_hasher_add(hasher, load->source->name, strlen(load->source->name) + 1);
    for (size_t m = 0; m < load->ingest->map_count; m++) { // a mapping that was mended makes it another load
        const struct ss_ingest_map *map = &load->ingest->maps[m];
        ss_hasher_add(hasher, map->column, strlen(map->column) + 1);
        ss_hasher_add(hasher, map->header, strlen(map->header) + 1);
    }
    while (true) {
        const ssize_t got = pread(load->file, bytes, COPY_BYTES, (off_t)load->file_bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = fail_file(load, "cannot be read", error);
        if (got <= 0) break;
        ss_hasher_add(hasher, bytes, (size_t)got);
        load->file_bytes += (uint64_t)got;
    }
    *hash = ss_hasher_end(hasher);
    return status;
}

// ---- Its producer

static enum ss_status is_complete(struct ss_load *load, bool *complete, struct ss_error *error)
{
    const struct ss_ingest_target *target = load->target;
    const struct ss_sha256 mark = ss_load_end_mark();
    struct ss_sha256 hash;
    uint64_t last;
    bool found;
    SS_TRY(target->producer(target->context, load->source, load->id, 0, &last, &found, &hash, error));
    load->sent_before = last;
    SS_TRY(target->producer(target->context, load->source, load->id, last, &last, &found, &hash, error));
    const struct ss_sha256 noted = ss_push_noted_hash(load->source, &mark);
    *complete = found && memcmp(&hash, &noted, sizeof noted) == 0;
    return SS_OK;
}

// The first load of this file that did not come to its end, or was not begun: the one to make.
enum ss_status ss_load_choose_producer(struct ss_load *load, struct ss_error *error)
{
    struct ss_sha256 hash;
    char text[SS_SHA256_TEXT_SIZE];
    bool complete;
    SS_TRY(hash_file(load, &hash, error));
    load->producer = load->ingest->producer;
    load->number = load->ingest->number;
    if (load->producer)
        return load->target->producer(load->target->context, load->source, load->producer, load->number,
                                      &load->sent_before, &complete, &hash, error);
    load->producer = load->id;
    load->number = 1;
    for (unsigned n = 1;; n++) {
        snprintf(load->id, SS_LOAD_ID_SIZE, "file:%s", ss_sha256_format(&hash, text));
        if (n > 1) snprintf(load->id, SS_LOAD_ID_SIZE, "file:%s:again:%u", text, n);
        SS_TRY(is_complete(load, &complete, error));
        load->result.already_loaded = complete && !load->ingest->again;
        if (!complete || load->result.already_loaded) return SS_OK;
    }
}

// ---- Its columns

static const char *header_of(const struct ss_load *load, const char *column)
{
    for (size_t i = 0; i < load->ingest->map_count; i++)
        if (strcmp(load->ingest->maps[i].column, column) == 0) return load->ingest->maps[i].header;
    return column;
}

enum ss_status ss_load_check_maps(const struct ss_load *load, struct ss_error *error)
{
    const struct ss_source *source = load->source;
    const struct ss_ingest_map *maps = load->ingest->maps;
    const char **names = malloc((source->column_count + 1) * sizeof *names);
    enum ss_status status = SS_OK;
    if (!names) return ss_fail_memory(error, "the names of a source's columns");
    for (size_t i = 0; i < source->column_count; i++) names[i] = source->columns[i].name;
    for (size_t m = 0; m < load->ingest->map_count && status == SS_OK; m++) {
        size_t i = 0;
        while (i < source->column_count && strcmp(names[i], maps[m].column) != 0) i++;
        const char *nearest = ss_nearest_name(ss_bytes_of(maps[m].column), names, source->column_count);
        char hint[SS_HINT_SIZE];
        if (i == source->column_count)
            status =
                ss_fail(error, SS_INVALID, "--map %s=%s: source '%s' has no column '%s'%s", maps[m].column,
                        maps[m].header, source->name, maps[m].column, ss_nearest_hint(nearest, hint));
        for (size_t k = 0; k < m && status == SS_OK; k++)
            if (strcmp(maps[k].column, maps[m].column) == 0)
                status =
                    ss_fail(error, SS_INVALID, "--map %s=%s: column '%s' is mapped twice, to '%s' before",
                            maps[m].column, maps[m].header, maps[m].column, maps[k].header);
    }
    free(names);
    return status;
}

static bool is_used(const struct ss_load *load, size_t position)
{
    for (size_t i = 0; i < load->source->column_count; i++)
        if (load->positions[i] == position) return true;
    return false;
}

static void note_ignored(struct ss_load *load, const struct ss_csv_reader *reader)
{
    const struct ss_bytes *names;
    char *text = load->result.ignored;
    const size_t room = sizeof load->result.ignored - sizeof ", ...";
    const size_t count = ss_csv_reader_header(reader, &names);
    size_t used = 0;
    bool is_full = false;
    for (size_t i = 0; i < count; i++) {
        if (is_used(load, i)) continue;
        const char *comma = load->result.ignored_count++ ? ", " : "";
        if (is_full) continue;
        is_full = used + strlen(comma) + names[i].size > room;
        used += (size_t)sprintf(text + used, "%s%.*s", comma, is_full ? 3 : (int)names[i].size,
                                is_full ? "..." : names[i].data);
    }
}

enum ss_status ss_load_find_columns(struct ss_load *load, const struct ss_csv_reader *reader,
                                    struct ss_error *error)
{
    const struct ss_source *source = load->source;
    struct ss_error found = {0};
    load->positions = ss_arena_array(&load->arena, source->column_count + 1, sizeof *load->positions);
    if (!load->positions) return ss_fail_memory(error, "the columns of a CSV file");
    for (size_t i = 0; i < source->column_count; i++) {
        const char *column = source->columns[i].name, *header = header_of(load, column);
        const enum ss_status status = ss_csv_reader_find(reader, header, &load->positions[i], &found);
        if (status == SS_OK) continue;
        if (status != SS_INVALID) return ss_fail(error, status, "%s", found.message);
        return ss_fail(error, status,
                       "%s; source '%s' needs it: add it, or name another with --map %s=HEADER",
                       found.message, source->name, column);
    }
    note_ignored(load, reader);
    return SS_OK;
}

enum ss_status ss_load_check_end(const struct ss_load *load, uint64_t end, struct ss_error *error)
{
    if (end == load->file_bytes) return SS_OK;
    return ss_fail(
        error, SS_INVALID,
        "%s: it has other than the %llu bytes it had when the load began; load it when it is complete",
        load->name, (unsigned long long)load->file_bytes);
}
