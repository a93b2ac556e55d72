// Ingest of a CSV file.
//
//   1. the file is opened; what cannot be read twice (a pipe) is first copied to an unlinked temporary file
//   2. its identity: the producer "file:" + SHA-256 of (source, bytes), or the one that was given
//   3. the columns of the source are found in its header
//   4. its rows are pushed as batches 1, 2, ... of that producer, each with the hash of its text
//   5. an empty last batch with a fixed hash says that the load came to its end
//
// A load that died is resumed by loading again: batches that were acknowledged are acknowledged again and
// change nothing. So batches must depend on the file alone: SS_INGEST_BATCH_ROWS rows, fewer when their text
// passes BATCH_BYTES. Loading a file that has its last batch changes nothing; --again takes the next producer
// "file:...:again:2" without one.
//
// Deletes arrive live, and behind the first live commit rows with a declared arrival_time are refused (DESIGN
// C1). A load of history with deletes therefore goes through the file twice: all inserts, then all deletes.
//
// --strict, --producer, a source that rejects and a unique_ratio make the file one batch, held in memory as
// typed columns: the checks of `expect` and of the clock are made by ss_push, which keeps a batch whole or
// not at all. (A file kept in part could not be mended and loaded again without its rows counting twice.) A
// first pass counts its rows.

#include "materializer/ingest_csv.h"

#include "materializer/csv_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH_BYTES (16u << 20)
#define COPY_BYTES  (256u << 10)
#define ID_SIZE     128

struct load {
    struct ss_materializer *materializer;
    const struct ss_ingest *ingest;
    const struct ss_source *source;
    struct ss_ingest_result result;
    struct ss_arena arena;
    int file;
    bool owns_file;
    const char *name; // of the file, for messages
    uint64_t file_bytes;
    size_t *positions; // of each column of the source in the file
    struct ss_csv_batch batch;
    char id[ID_SIZE]; // the producer, when the file is its own
    const char *producer;
    uint64_t number;     // of the next batch
    uint64_t done_bytes; // of passes that ended
    uint64_t total_bytes;
    bool has_deletes;
};

// ---- The file

static enum ss_status fail_file(const struct load *load, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "%s: %s: %s", load->name, what, strerror(errno));
}

static enum ss_status write_all(const struct load *load, int file, const char *bytes, size_t size,
                                struct ss_error *error)
{
    for (size_t done = 0; done < size;) {
        const ssize_t written = write(file, bytes + done, size - done);
        if (written < 0 && errno != EINTR)
            return fail_file(load, "cannot be copied to a temporary file in the store", error);
        if (written > 0) done += (size_t)written;
    }
    return SS_OK;
}

static enum ss_status copy_stream(const struct load *load, int to, char *bytes, struct ss_error *error)
{
    while (true) {
        const ssize_t got = read(load->file, bytes, COPY_BYTES);
        if (got == 0) return SS_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_file(load, "cannot be read", error);
        SS_TRY(write_all(load, to, bytes, (size_t)got, error));
    }
}

// A stream becomes an unlinked file in the store's folder, which has room for its rows anyway.
static enum ss_status spool(struct load *load, struct ss_error *error)
{
    enum ss_status status;
    const char *directory = load->materializer->store->directory;
    const size_t size = strlen(directory) + sizeof "/spool-XXXXXX";
    char *path = ss_arena_alloc(&load->arena, size), *bytes = ss_arena_alloc(&load->arena, COPY_BYTES);
    if (!path || !bytes) return ss_fail_memory(error, "a copy of a stream");
    snprintf(path, size, "%s/spool-XXXXXX", directory);
    const int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) return fail_file(load, "cannot make a temporary file in the store", error);
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

static enum ss_status open_file(struct load *load, struct ss_error *error)
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
static enum ss_status hash_file(struct load *load, struct ss_sha256 *hash, struct ss_error *error)
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

static struct ss_sha256 end_mark(void)
{
    static const char text[] = "selfsame: the load came to its end";
    return ss_sha256_of(text, sizeof text - 1);
}

static enum ss_status is_complete(const struct load *load, bool *complete, struct ss_error *error)
{
    struct ss_history *history = load->materializer->store->history;
    const struct ss_sha256 mark = end_mark();
    struct ss_sha256 hash;
    uint64_t last;
    bool found;
    SS_TRY(ss_history_producer(history, load->id, 0, &last, &found, &hash, error));
    SS_TRY(ss_history_producer(history, load->id, last, &last, &found, &hash, error));
    *complete = found && memcmp(&hash, &mark, sizeof mark) == 0;
    return SS_OK;
}

// The first load of this file that did not come to its end, or was not begun: the one to make.
static enum ss_status choose_producer(struct load *load, struct ss_error *error)
{
    struct ss_sha256 hash;
    char text[SS_SHA256_TEXT_SIZE];
    bool complete;
    SS_TRY(hash_file(load, &hash, error));
    load->producer = load->ingest->producer;
    load->number = load->ingest->number;
    if (load->producer) return SS_OK;
    load->producer = load->id;
    load->number = 1;
    for (unsigned n = 1;; n++) {
        snprintf(load->id, ID_SIZE, "file:%s", ss_sha256_format(&hash, text));
        if (n > 1) snprintf(load->id, ID_SIZE, "file:%s:again:%u", text, n);
        SS_TRY(is_complete(load, &complete, error));
        load->result.already_loaded = complete && !load->ingest->again;
        if (!complete || load->result.already_loaded) return SS_OK;
    }
}

// ---- Its columns

static const char *header_of(const struct load *load, const char *column)
{
    for (size_t i = 0; i < load->ingest->map_count; i++)
        if (strcmp(load->ingest->maps[i].column, column) == 0) return load->ingest->maps[i].header;
    return column;
}

static enum ss_status check_maps(const struct load *load, struct ss_error *error)
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
        if (i == source->column_count)
            status = ss_fail(error, SS_INVALID, "--map %s=%s: source '%s' has no column '%s'%s%s%s",
                             maps[m].column, maps[m].header, source->name, maps[m].column,
                             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
        for (size_t k = 0; k < m && status == SS_OK; k++)
            if (strcmp(maps[k].column, maps[m].column) == 0)
                status =
                    ss_fail(error, SS_INVALID, "--map %s=%s: column '%s' is mapped twice, to '%s' before",
                            maps[m].column, maps[m].header, maps[m].column, maps[k].header);
    }
    free(names);
    return status;
}

static bool is_used(const struct load *load, size_t position)
{
    for (size_t i = 0; i < load->source->column_count; i++)
        if (load->positions[i] == position) return true;
    return false;
}

static void note_ignored(struct load *load, const struct ss_csv_reader *reader)
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

static enum ss_status find_columns(struct load *load, const struct ss_csv_reader *reader,
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

// ---- Pushing

// Was this batch acknowledged with other content? Of one file that means that it was cut into other batches.
static enum ss_status check_same_cut(const struct load *load, const struct ss_sha256 *hash,
                                     struct ss_error *error)
{
    struct ss_sha256 before;
    uint64_t last;
    bool found;
    if (load->ingest->producer) return SS_OK;
    SS_TRY(ss_history_producer(load->materializer->store->history, load->producer, load->number, &last,
                               &found, &before, error));
    if (!found || memcmp(&before, hash, sizeof before) == 0) return SS_OK;
    return ss_fail(error, SS_CONFLICT,
                   "%s: a load of it that did not come to its end had other options (--live or --strict); "
                   "load it again with those",
                   load->name);
}

static enum ss_status explain_failure(const struct load *load, const struct ss_error *failed,
                                      struct ss_error *error)
{
    if (load->result.batches == 0) return ss_fail(error, failed->status, "%s", failed->message);
    return ss_fail(error, failed->status,
                   "%s; the %llu rows before were kept, and loading the same file again goes on behind them",
                   failed->message, (unsigned long long)load->result.rows);
}

static void add_result(struct load *load, const struct ss_push_result *pushed, int32_t rows)
{
    struct ss_ingest_result *result = &load->result;
    result->rows += (uint64_t)rows;
    result->batches++;
    result->repeated_batches += pushed->repeated;
    result->already_loaded = pushed->repeated && load->ingest->producer;
    result->accepted += pushed->accepted;
    result->duplicate += pushed->duplicate;
    result->conflicting += pushed->conflicting;
    result->quarantined += pushed->quarantined;
    result->warned += pushed->warned;
    result->seq = pushed->seq;
    memcpy(result->not_visible, pushed->not_visible, sizeof result->not_visible);
    if (!result->first_reason[0])
        memcpy(result->first_reason, pushed->first_reason, sizeof result->first_reason);
}

static enum ss_status push_as(struct load *load, struct ss_sha256 hash, struct ss_push_result *pushed,
                              struct ss_error *error)
{
    const struct ss_csv_batch *batch = &load->batch;
    struct ss_error failed = {0};
    const struct ss_push push = {
        .source = load->source,
        .length = batch->length,
        .columns = batch->columns,
        .live = load->ingest->live,
        .producer = load->producer,
        .number = load->number,
        .hash = hash,
        .strict = load->ingest->strict,
        .file = load->name,
        .lines = batch->lines,
        .unparsed = batch->unparsed,
        .unparsed_count = batch->unparsed_count,
    };
    SS_TRY(check_same_cut(load, &hash, error));
    if (ss_push(load->materializer, &push, pushed, &failed) != SS_OK)
        return explain_failure(load, &failed, error);
    load->number++;
    return SS_OK;
}

static enum ss_status push_batch(struct load *load, const struct ss_csv_reader *reader,
                                 struct ss_error *error)
{
    struct ss_push_result pushed;
    SS_TRY(push_as(load, ss_csv_batch_hash(&load->batch), &pushed, error));
    add_result(load, &pushed, ss_csv_batch_rows(&load->batch));
    ss_csv_batch_clear(&load->batch);
    if (load->ingest->progress)
        load->ingest->progress(load->ingest->progress_context,
                               load->done_bytes + ss_csv_reader_offset(reader), load->total_bytes,
                               load->result.rows);
    return SS_OK;
}

static enum ss_status push_end(struct load *load, struct ss_error *error)
{
    struct ss_push_result pushed;
    if (load->ingest->producer) return SS_OK;
    SS_TRY(push_as(load, end_mark(), &pushed, error));
    load->result.seq = pushed.seq;
    return SS_OK;
}

// ---- Passes over the file

static bool is_whole(const struct load *load)
{
    bool whole = load->ingest->strict || load->ingest->producer || load->source->on_violation == SS_REJECT;
    for (size_t i = 0; i < load->source->column_count; i++)
        whole = whole || load->source->columns[i].has_unique_ratio;
    return whole;
}

static enum ss_status count_rows(const struct load *load, int32_t *count, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    struct ss_csv_row row;
    bool has_row = true;
    enum ss_status status;
    *count = 0;
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    while (true) {
        SS_TRY_GOTO(ss_csv_reader_next(reader, &row, &has_row, error), out);
        if (!has_row) break;
        if (++*count == INT32_MAX - 1) {
            status = ss_fail(error, SS_LIMIT,
                             "%s: %d rows are too many for one batch; split it, or leave --strict out",
                             load->name, *count);
            goto out;
        }
    }
out:
    ss_csv_reader_close(reader);
    return status;
}

static enum ss_status read_rows(struct load *load, struct ss_csv_reader *reader, enum ss_csv_take take,
                                struct ss_error *error)
{
    struct ss_csv_batch *batch = &load->batch;
    struct ss_csv_row row;
    bool has_row, is_delete;
    while (true) {
        SS_TRY(ss_csv_reader_next(reader, &row, &has_row, error));
        if (!has_row) break;
        SS_TRY(ss_csv_batch_add(batch, &row, take, &is_delete, error));
        load->has_deletes = load->has_deletes || is_delete;
        if (is_whole(load)) continue;
        if (ss_csv_batch_rows(batch) == SS_INGEST_BATCH_ROWS || batch->text_bytes >= BATCH_BYTES)
            SS_TRY(push_batch(load, reader, error));
    }
    if (ss_csv_reader_offset(reader) != load->file_bytes)
        return ss_fail(error, SS_INVALID,
                       "%s: it has other than the %llu bytes it had when the load began; load it when it is "
                       "complete",
                       load->name, (unsigned long long)load->file_bytes);
    return ss_csv_batch_rows(batch) || load->ingest->producer ? push_batch(load, reader, error) : SS_OK;
}

static enum ss_status pass(struct load *load, enum ss_csv_take take, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    const enum ss_status status = read_rows(load, reader, take, error);
    ss_csv_reader_close(reader);
    load->done_bytes += load->file_bytes;
    return status;
}

static enum ss_status prepare(struct load *load, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    int32_t capacity = SS_INGEST_BATCH_ROWS;
    SS_TRY(check_maps(load, error));
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    const enum ss_status status = find_columns(load, reader, error);
    ss_csv_reader_close(reader);
    if (status != SS_OK) return status;
    if (is_whole(load)) SS_TRY(count_rows(load, &capacity, error));
    return ss_csv_batch_init(&load->batch, load->source, load->name, load->positions, capacity, error);
}

static enum ss_status note_newest(struct load *load, struct ss_error *error)
{
    struct ss_commit newest;
    SS_TRY(ss_history_newest_commit(load->materializer->store->history, &newest, error));
    load->result.seq = newest.last_seq;
    return SS_OK;
}

static enum ss_status run(struct load *load, struct ss_error *error)
{
    SS_TRY(ss_require_source(load->materializer, load->ingest->source, &load->source, error));
    SS_TRY(open_file(load, error));
    SS_TRY(choose_producer(load, error));
    if (load->result.already_loaded) return note_newest(load, error);
    SS_TRY(prepare(load, error));
    const bool two_passes = load->source->op_column >= 0 && !load->ingest->live && !is_whole(load);
    load->total_bytes = two_passes ? load->file_bytes * 2 : load->file_bytes;
    SS_TRY(pass(load, two_passes ? SS_CSV_TAKE_INSERTS : SS_CSV_TAKE_ALL, error));
    if (two_passes && load->has_deletes) SS_TRY(pass(load, SS_CSV_TAKE_DELETES, error));
    return push_end(load, error);
}

static double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

enum ss_status ss_ingest_csv(struct ss_materializer *materializer, const struct ss_ingest *ingest,
                             struct ss_ingest_result *result, struct ss_error *error)
{
    struct load load = {.materializer = materializer, .ingest = ingest, .file = -1};
    const double start = monotonic_seconds();
    const enum ss_status status = run(&load, error);
    load.result.seconds = monotonic_seconds() - start;
    if (status == SS_OK) *result = load.result;
    ss_csv_batch_release(&load.batch);
    ss_arena_release(&load.arena);
    if (load.owns_file) close(load.file);
    return status;
}
