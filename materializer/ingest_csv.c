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
//
// --bulk, where none of these stands in its way, is ingest_bulk.c's.

#include "materializer/ingest_load.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH_BYTES (16u << 20)

struct ss_sha256 ss_load_end_mark(void)
{
    static const char text[] = "selfsame: the load came to its end";
    return ss_sha256_of(text, sizeof text - 1);
}

// ---- Pushing

// Was this batch acknowledged with other content? Of one file that means that it was cut into other batches.
static enum ss_status check_same_cut(const struct ss_load *load, const struct ss_sha256 *hash,
                                     struct ss_error *error)
{
    struct ss_sha256 before;
    uint64_t last;
    bool found;
    if (load->ingest->producer || load->number > load->sent_before) return SS_OK;
    SS_TRY(load->target->producer(load->target->context, load->source, load->producer, load->number, &last,
                                  &found, &before, error));
    const struct ss_sha256 noted = ss_push_noted_hash(load->source, hash);
    if (!found || memcmp(&before, &noted, sizeof before) == 0) return SS_OK;
    return ss_fail(
        error, SS_CONFLICT,
        "%s: a load of it that did not come to its end had other options (--live, --strict or --bulk); "
        "load it again with those",
        load->name);
}

static enum ss_status explain_failure(const struct ss_load *load, const struct ss_error *failed,
                                      struct ss_error *error)
{
    if (load->result.batches == 0) return ss_fail(error, failed->status, "%s", failed->message);
    return ss_fail(error, failed->status,
                   "%s; the %llu rows before were kept, and loading the same file again goes on behind them",
                   failed->message, (unsigned long long)load->result.rows);
}

static void add_result(struct ss_load *load, const struct ss_push_result *pushed, uint64_t rows)
{
    struct ss_ingest_result *result = &load->result;
    const uint64_t number = load->ingest->producer ? load->ingest->number : result->batches + 1;
    const bool is_known = number <= load->sent_before;
    result->rows += rows;
    result->batches++;
    result->repeated_batches += pushed->repeated && is_known;
    result->uncounted_batches += pushed->repeated && !is_known;
    result->already_loaded = pushed->repeated && is_known && load->ingest->producer;
    result->accepted += pushed->accepted;
    result->duplicate += pushed->duplicate;
    result->conflicting += pushed->conflicting;
    result->quarantined += pushed->quarantined;
    result->warned += pushed->warned;
    memcpy(result->not_visible, pushed->not_visible, sizeof result->not_visible);
    if (!result->first_reason[0])
        memcpy(result->first_reason, pushed->first_reason, sizeof result->first_reason);
}

// What became of the oldest batch on its way.
static enum ss_status settle(struct ss_load *load, struct ss_error *error)
{
    struct ss_push_result pushed;
    struct ss_error failed = {0};
    if (load->target->await(load->target->context, &pushed, &failed) != SS_OK)
        return explain_failure(load, &failed, error);
    load->result.history_seconds = ss_load_seconds(load);
    load->result.seq = pushed.seq;
    add_result(load, &pushed, load->rows_ahead[0]);
    load->ahead_count--;
    memmove(load->rows_ahead, load->rows_ahead + 1, load->ahead_count * sizeof *load->rows_ahead);
    return SS_OK;
}

static enum ss_status settle_down_to(struct ss_load *load, size_t ahead, struct ss_error *error)
{
    while (load->ahead_count > ahead) SS_TRY(settle(load, error));
    return SS_OK;
}

enum ss_status ss_load_push(struct ss_load *load, struct ss_push *push, const struct ss_sha256 *hash,
                            struct ss_error *error)
{
    struct ss_error failed = {0};
    push->source = load->source;
    push->live = load->ingest->live;
    push->producer = load->producer;
    push->number = load->number;
    push->hash = *hash;
    push->strict = load->ingest->strict;
    push->file = load->name;
    push->defer_online = load->is_bulk;
    SS_TRY(check_same_cut(load, hash, error));
    if (load->target->push(load->target->context, push, &failed) != SS_OK)
        return explain_failure(load, &failed, error);
    load->number++;
    load->rows_ahead[load->ahead_count++] = (size_t)push->length + push->unparsed_count;
    return settle_down_to(load, load->target->ahead - 1, error);
}

void ss_load_progress(const struct ss_load *load, uint64_t done_bytes)
{
    if (load->ingest->progress)
        load->ingest->progress(load->ingest->progress_context, done_bytes, load->total_bytes,
                               load->result.rows);
}

static enum ss_status push_batch(struct ss_load *load, const struct ss_csv_reader *reader,
                                 struct ss_error *error)
{
    struct ss_csv_batch *batch = &load->batch;
    const struct ss_sha256 hash = ss_csv_batch_hash(batch);
    struct ss_push push = {.length = batch->length,
                           .columns = batch->columns,
                           .lines = batch->lines,
                           .unparsed = batch->unparsed,
                           .unparsed_count = batch->unparsed_count};
    SS_TRY(ss_load_push(load, &push, &hash, error));
    ss_csv_batch_clear(batch);
    ss_load_progress(load, load->done_bytes + ss_csv_reader_offset(reader));
    return SS_OK;
}

enum ss_status ss_load_push_end(struct ss_load *load, struct ss_error *error)
{
    const struct ss_sha256 hash = ss_load_end_mark();
    struct ss_push push = {0};
    SS_TRY(settle_down_to(load, 0, error));
    if (load->ingest->producer) return SS_OK;
    const struct ss_ingest_result of_rows = load->result;
    SS_TRY(ss_load_push(load, &push, &hash, error));
    SS_TRY(settle_down_to(load, 0, error));
    load->result.batches = of_rows.batches;
    load->result.repeated_batches = of_rows.repeated_batches;
    load->result.uncounted_batches = of_rows.uncounted_batches;
    return SS_OK;
}

// ---- Passes over the file

static bool is_whole(const struct ss_load *load)
{
    bool whole = load->ingest->strict || load->ingest->producer || load->source->on_violation == SS_REJECT;
    for (size_t i = 0; i < load->source->column_count; i++)
        whole = whole || load->source->columns[i].has_unique_ratio;
    return whole;
}

// Batches depend on the file alone, and on how much the target takes at a time.
static bool is_full(const struct ss_load *load)
{
    const struct ss_csv_batch *batch = &load->batch;
    return ss_csv_batch_rows(batch) == SS_INGEST_BATCH_ROWS || batch->text_bytes >= BATCH_BYTES ||
           (load->target->batch_bytes && ss_csv_batch_bytes(batch) >= load->target->batch_bytes);
}

static enum ss_status count_rows(const struct ss_load *load, int32_t *count, struct ss_error *error)
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

static enum ss_status read_rows(struct ss_load *load, struct ss_csv_reader *reader, enum ss_csv_take take,
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
        if (!is_whole(load) && is_full(load)) SS_TRY(push_batch(load, reader, error));
    }
    SS_TRY(ss_load_check_end(load, ss_csv_reader_offset(reader), error));
    return ss_csv_batch_rows(batch) || load->ingest->producer ? push_batch(load, reader, error) : SS_OK;
}

static enum ss_status pass(struct ss_load *load, enum ss_csv_take take, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    const enum ss_status status = read_rows(load, reader, take, error);
    ss_csv_reader_close(reader);
    load->done_bytes += load->file_bytes;
    return status;
}

static enum ss_status prepare(struct ss_load *load, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    int32_t capacity = SS_INGEST_BATCH_ROWS;
    SS_TRY(ss_load_check_maps(load, error));
    SS_TRY(ss_csv_reader_open_file(load->file, load->name, &reader, error));
    const enum ss_status status = ss_load_find_columns(load, reader, error);
    ss_csv_reader_close(reader);
    if (status != SS_OK) return status;
    if (is_whole(load)) SS_TRY(count_rows(load, &capacity, error));
    return ss_csv_batch_init(&load->batch, load->source, load->name, load->positions, capacity, error);
}

enum ss_status ss_load_note_newest(struct ss_load *load, struct ss_error *error)
{
    return load->target->newest_seq(load->target->context, &load->result.seq, error);
}

// Deletes and what arrives live go by the clock of their commit; what is one batch is no bulk.
static bool may_be_bulk(const struct ss_load *load)
{
    return !load->ingest->target && !load->ingest->live && load->source->op_column < 0 && !is_whole(load);
}

static enum ss_status run(struct ss_load *load, struct ss_error *error)
{
    SS_TRY(ss_require_source(load->materializer, load->ingest->source, &load->source, error));
    SS_TRY(ss_load_open(load, error));
    load->is_bulk = load->ingest->bulk && may_be_bulk(load);
    if (load->is_bulk) return ss_load_bulk(load, error);
    SS_TRY(ss_load_choose_producer(load, error));
    if (load->result.already_loaded) return ss_load_note_newest(load, error);
    SS_TRY(prepare(load, error));
    const bool two_passes = load->source->op_column >= 0 && !load->ingest->live && !is_whole(load);
    load->total_bytes = two_passes ? load->file_bytes * 2 : load->file_bytes;
    SS_TRY(pass(load, two_passes ? SS_CSV_TAKE_INSERTS : SS_CSV_TAKE_ALL, error));
    if (two_passes && load->has_deletes) SS_TRY(pass(load, SS_CSV_TAKE_DELETES, error));
    return ss_load_push_end(load, error);
}

static double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double ss_load_seconds(const struct ss_load *load)
{
    return monotonic_seconds() - load->start_seconds;
}

enum ss_status ss_ingest_csv(struct ss_materializer *materializer, const struct ss_ingest *ingest,
                             struct ss_ingest_result *result, struct ss_error *error)
{
    struct ss_ingest_store store = {.materializer = materializer};
    const struct ss_ingest_target here = ingest->target ? *ingest->target : ss_ingest_into(&store);
    struct ss_load load = {.materializer = materializer,
                           .ingest = ingest,
                           .target = &here,
                           .file = -1,
                           .start_seconds = monotonic_seconds()};
    const enum ss_status status = run(&load, error);
    load.result.seconds = ss_load_seconds(&load);
    load.result.bulk = load.is_bulk;
    if (status == SS_OK) *result = load.result;
    ss_csv_batch_release(&load.batch);
    ss_arena_release(&load.arena);
    if (load.owns_file) close(load.file);
    return status;
}
