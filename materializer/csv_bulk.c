// Batches of a large CSV file.
//
//   1. threads take turns at reading and cutting blocks (csv_blocks.h); each parses the block it took into
//      columns of the block's own
//   2. when a batch has enough blocks, their columns are put one behind the other, a column at a time on any
//      thread. Lines are known from here on, since those of the blocks before are counted.
//
// Where a batch ends is decided while cutting, by numbers of blocks and of line ends: never by how fast which
// thread was, nor by how many rows turn out good.

#include "materializer/csv_bulk.h"

#include <stdlib.h>
#include <string.h>

static size_t rows_in_bytes(const struct ss_source *source)
{
    const size_t width = (source->column_count + 1) * sizeof(int64_t); // lines too
    const size_t rows = SS_CSV_BULK_BYTES / width;
    return rows < SS_CSV_BULK_ROWS ? rows : SS_CSV_BULK_ROWS;
}

enum ss_status ss_csv_bulk_init(struct ss_csv_bulk *bulk, const struct ss_csv_bulk_file *file,
                                const struct ss_source *source, struct ss_pool *pool, struct ss_error *error)
{
    enum ss_status status;
    const size_t threads = ss_pool_threads(pool);
    *bulk = (struct ss_csv_bulk){.source = source,
                                 .positions = file->positions,
                                 .pool = pool,
                                 .line = file->line,
                                 .row_limit = file->row_limit ? file->row_limit : rows_in_bytes(source)};
    pthread_mutex_init(&bulk->cutting, NULL);
    bulk->slots = calloc(threads, sizeof *bulk->slots);
    SS_TRY_GOTO(bulk->slots ? SS_OK : ss_fail_memory(error, "a CSV reader"), out);
    SS_TRY_GOTO(
        ss_csv_blocks_init(&bulk->blocks, file->file, file->name, file->offset, file->field_count, error),
        out);
    for (size_t i = 0; i < threads; i++)
        SS_TRY_GOTO(ss_csv_scan_init(&bulk->slots[i].scan, file->field_count, error), out);
    return SS_OK;
out:
    ss_csv_bulk_release(bulk);
    return status;
}

// Their memory serves the next batch, but for what rows much shorter than others took.
static void clear_parts(struct ss_csv_bulk *bulk)
{
    const size_t share = bulk->row_limit / SS_CSV_BULK_PARTS * 2;
    for (size_t i = 0; i < bulk->part_count; i++)
        if ((size_t)bulk->parts[i].rows.capacity > share) ss_csv_batch_release(&bulk->parts[i].rows);
    bulk->part_count = bulk->row_most = 0;
    bulk->is_enough = false;
}

void ss_csv_bulk_release(struct ss_csv_bulk *bulk)
{
    for (size_t i = 0; bulk->slots && i < ss_pool_threads(bulk->pool); i++) {
        ss_csv_scan_release(&bulk->slots[i].scan);
        ss_csv_block_release(&bulk->slots[i].block);
    }
    free(bulk->slots);
    for (size_t i = 0; i < SS_CSV_BULK_PARTS; i++) ss_csv_batch_release(&bulk->parts[i].rows);
    ss_csv_blocks_release(&bulk->blocks);
    pthread_mutex_destroy(&bulk->cutting);
}

void ss_csv_bulk_batch_release(struct ss_csv_bulk_batch *batch)
{
    ss_arena_release(&batch->arena);
    *batch = (struct ss_csv_bulk_batch){0};
}

// ---- Blocks to columns

// The next block of the batch and its place. *part NULL: the batch has enough.
static enum ss_status take_block(struct ss_csv_bulk *bulk, struct ss_csv_block *block,
                                 struct ss_csv_bulk_part **part, struct ss_error *error)
{
    *part = NULL;
    if (bulk->is_enough) return SS_OK;
    bulk->is_enough = true; // if this fails
    SS_TRY(ss_csv_blocks_next(&bulk->blocks, block, error));
    bulk->at_end = block->rows.size == 0;
    if (bulk->at_end) return SS_OK;
    *part = &bulk->parts[bulk->part_count++];
    bulk->row_most += block->row_most;
    bulk->is_enough = bulk->part_count == SS_CSV_BULK_PARTS || bulk->row_most >= bulk->row_limit;
    return SS_OK;
}

// An empty batch for the block's rows, and some more, so that the next block fits too.
static enum ss_status make_part(const struct ss_csv_bulk *bulk, size_t row_most, struct ss_csv_batch *rows,
                                struct ss_error *error)
{
    if ((size_t)rows->capacity >= row_most) {
        ss_csv_batch_clear(rows);
        return SS_OK;
    }
    ss_csv_batch_release(rows);
    return ss_csv_batch_init(rows, bulk->source, bulk->blocks.name, bulk->positions,
                             (int32_t)(row_most + row_most / 8), error);
}

static enum ss_status parse_block(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_slot *slot,
                                  struct ss_csv_bulk_part *part, struct ss_error *error)
{
    struct ss_csv_row row;
    SS_TRY(make_part(bulk, slot->block.row_most, &part->rows, error));
    ss_csv_scan_start(&slot->scan, slot->block.rows, 1);
    while (ss_csv_scan_next(&slot->scan, &row)) SS_TRY(ss_csv_batch_add_quickly(&part->rows, &row, error));
    part->line_count = slot->scan.cursor.line - 1 + slot->block.hidden_lines;
    return SS_OK;
}

static enum ss_status fill_part(void *context, size_t index, size_t slot, struct ss_error *error)
{
    struct ss_csv_bulk *bulk = context;
    struct ss_csv_bulk_part *part;
    (void)index;
    pthread_mutex_lock(&bulk->cutting);
    const enum ss_status status = take_block(bulk, &bulk->slots[slot].block, &part, error);
    pthread_mutex_unlock(&bulk->cutting);
    return status == SS_OK && part ? parse_block(bulk, &bulk->slots[slot], part, error) : status;
}

// ---- Columns of blocks to those of a batch

struct joining {
    struct ss_csv_bulk *bulk;
    struct ss_csv_bulk_batch *batch;
};

static void join_lines(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch)
{
    uint64_t *to = batch->lines, before = bulk->line - 1;
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_bulk_part *part = &bulk->parts[i];
        for (int32_t row = 0; row < part->rows.length; row++) *to++ = before + part->rows.lines[row];
        before += part->line_count;
    }
}

// The lines have the index behind those of the columns.
static enum ss_status join_column(void *context, size_t index, size_t slot, struct ss_error *error)
{
    const struct joining *joining = context;
    const struct ss_csv_bulk *bulk = joining->bulk;
    (void)slot, (void)error;
    if (index == bulk->source->column_count) {
        join_lines(bulk, joining->batch);
        return SS_OK;
    }
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_batch *rows = &bulk->parts[i].rows;
        SS_ASSERT(ss_column_append_rows(&joining->batch->columns[index], &rows->columns[index], 0,
                                        rows->length, NULL)); // all of it has room
    }
    return SS_OK;
}

static size_t text_size(const struct ss_csv_bulk *bulk, size_t column)
{
    size_t size = 0;
    if (!ss_type_is_text(bulk->source->columns[column].type)) return 0;
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_batch *rows = &bulk->parts[i].rows;
        size += (size_t)rows->columns[column].offsets[rows->length];
    }
    return size;
}

static bool make_column(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch, size_t index)
{
    const struct ss_type type = bulk->source->columns[index].type;
    return ss_column_init(&batch->columns[index], type, batch->length, &batch->arena) &&
           ss_column_reserve(&batch->columns[index], text_size(bulk, index), &batch->arena);
}

// One block of memory that holds all of a batch, kept from batch to batch: many of middling size, freed and
// asked for again by several threads, would be spread over ever more of it.
static bool reserve(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch)
{
    const size_t column_count = bulk->source->column_count, rows = (size_t)batch->length + 64;
    size_t size = rows * sizeof *batch->lines + batch->unparsed_count * sizeof *batch->unparsed;
    for (size_t i = 0; i < column_count; i++)
        size += rows * sizeof(int64_t) + rows / 8 + text_size(bulk, i) + sizeof *batch->columns;
    if (size <= batch->reserved_bytes) return true;
    ss_arena_release(&batch->arena);
    batch->reserved_bytes = size + size / 16;
    const bool ok = ss_arena_alloc(&batch->arena, batch->reserved_bytes) != NULL;
    ss_arena_reset(&batch->arena);
    return ok;
}

static bool make_room(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch)
{
    const size_t column_count = bulk->source->column_count;
    batch->length = 0;
    batch->unparsed_count = 0;
    for (size_t i = 0; i < bulk->part_count; i++) {
        batch->length += bulk->parts[i].rows.length;
        batch->unparsed_count += bulk->parts[i].rows.unparsed_count;
    }
    if (!reserve(bulk, batch)) return false;
    batch->columns = ss_arena_array(&batch->arena, column_count, sizeof *batch->columns);
    batch->lines = ss_arena_array(&batch->arena, (size_t)batch->length, sizeof *batch->lines);
    batch->unparsed = ss_arena_array(&batch->arena, batch->unparsed_count, sizeof *batch->unparsed);
    bool ok = batch->columns && batch->lines && batch->unparsed;
    for (size_t i = 0; ok && i < column_count; i++) ok = make_column(bulk, batch, i);
    return ok;
}

// Values and reasons lie in the parts, which go.
static bool join_unparsed(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch)
{
    struct ss_quarantine_row *to = batch->unparsed;
    uint64_t before = bulk->line - 1;
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_batch *rows = &bulk->parts[i].rows;
        for (size_t k = 0; k < rows->unparsed_count; k++, to++) {
            *to = rows->unparsed[k];
            to->line += before;
            to->reason = ss_arena_copy(&batch->arena, to->reason, strlen(to->reason));
            to->value.data = ss_arena_copy(&batch->arena, to->value.data, to->value.size);
            if (!to->reason || !to->value.data) return false;
        }
        before += bulk->parts[i].line_count;
    }
    return true;
}

static enum ss_status join(struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch, struct ss_error *error)
{
    struct joining joining = {bulk, batch};
    if (!make_room(bulk, batch) || !join_unparsed(bulk, batch))
        return ss_fail_memory(error, "a batch of CSV rows");
    SS_TRY(ss_pool_run(bulk->pool, bulk->source->column_count + 1, join_column, &joining, error));
    for (size_t i = 0; i < bulk->part_count; i++) bulk->line += bulk->parts[i].line_count;
    return SS_OK;
}

enum ss_status ss_csv_bulk_next(struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch,
                                struct ss_error *error)
{
    SS_ASSERT(!bulk->at_end);
    ss_arena_reset(&batch->arena);
    batch->begin = bulk->blocks.offset;
    enum ss_status status = ss_pool_run(bulk->pool, SS_CSV_BULK_PARTS, fill_part, bulk, error);
    if (status == SS_OK) status = join(bulk, batch, error);
    batch->end = bulk->blocks.offset;
    batch->is_last = bulk->at_end;
    clear_parts(bulk);
    return status;
}
