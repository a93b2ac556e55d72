// Batches of a large CSV file.
//
//   1. blocks are read and cut (csv_blocks.h), and parsed into columns of each block's own
//   2. when a batch has enough blocks, their columns are put one behind the other
//
// Where a batch ends is decided while cutting, by numbers of blocks and of line ends, never by how many rows
// turn out good.

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
    *bulk = (struct ss_csv_bulk){.source = source,
                                 .positions = file->positions,
                                 .pool = pool,
                                 .line = file->line,
                                 .row_limit = file->row_limit ? file->row_limit : rows_in_bytes(source)};
    SS_TRY_GOTO(
        ss_csv_blocks_init(&bulk->blocks, file->file, file->name, file->offset, file->field_count, error),
        out);
    SS_TRY_GOTO(ss_csv_scan_init(&bulk->scan, file->field_count, error), out);
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
}

void ss_csv_bulk_release(struct ss_csv_bulk *bulk)
{
    ss_csv_scan_release(&bulk->scan);
    ss_csv_block_release(&bulk->block);
    for (size_t i = 0; i < SS_CSV_BULK_PARTS; i++) ss_csv_batch_release(&bulk->parts[i].rows);
    ss_csv_blocks_release(&bulk->blocks);
}

void ss_csv_bulk_batch_release(struct ss_csv_bulk_batch *batch)
{
    ss_arena_release(&batch->arena);
    *batch = (struct ss_csv_bulk_batch){0};
}

// ---- Blocks to columns

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

static enum ss_status parse_block(struct ss_csv_bulk *bulk, struct ss_csv_bulk_part *part,
                                  struct ss_error *error)
{
    struct ss_csv_row row;
    SS_TRY(make_part(bulk, bulk->block.row_most, &part->rows, error));
    ss_csv_scan_start(&bulk->scan, bulk->block.rows, 1);
    while (ss_csv_scan_next(&bulk->scan, &row)) SS_TRY(ss_csv_batch_add_quickly(&part->rows, &row, error));
    part->line_count = bulk->scan.cursor.line - 1 + bulk->block.hidden_lines;
    return SS_OK;
}

// As many as a batch has.
static enum ss_status parse_blocks(struct ss_csv_bulk *bulk, struct ss_error *error)
{
    while (bulk->part_count < SS_CSV_BULK_PARTS && bulk->row_most < bulk->row_limit) {
        ss_pool_await_gap(bulk->pool);
        SS_TRY(ss_csv_blocks_next(&bulk->blocks, &bulk->block, error));
        bulk->at_end = bulk->block.rows.size == 0;
        if (bulk->at_end) return SS_OK;
        bulk->row_most += bulk->block.row_most;
        SS_TRY(parse_block(bulk, &bulk->parts[bulk->part_count++], error));
    }
    return SS_OK;
}

// ---- Columns of blocks to those of a batch

static void join_lines(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch)
{
    uint64_t *to = batch->lines, before = bulk->line - 1;
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_bulk_part *part = &bulk->parts[i];
        for (int32_t row = 0; row < part->rows.length; row++) *to++ = before + part->rows.lines[row];
        before += part->line_count;
    }
}

static void join_column(const struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch, size_t index)
{
    for (size_t i = 0; i < bulk->part_count; i++) {
        const struct ss_csv_batch *rows = &bulk->parts[i].rows;
        SS_ASSERT(ss_column_append_rows(&batch->columns[index], &rows->columns[index], 0, rows->length,
                                        NULL)); // all of it has room
    }
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
    if (!make_room(bulk, batch) || !join_unparsed(bulk, batch))
        return ss_fail_memory(error, "a batch of CSV rows");
    join_lines(bulk, batch);
    for (size_t i = 0; i < bulk->source->column_count; i++) join_column(bulk, batch, i);
    for (size_t i = 0; i < bulk->part_count; i++) bulk->line += bulk->parts[i].line_count;
    return SS_OK;
}

enum ss_status ss_csv_bulk_next(struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch,
                                struct ss_error *error)
{
    SS_ASSERT(!bulk->at_end);
    ss_arena_reset(&batch->arena);
    batch->begin = bulk->blocks.offset;
    enum ss_status status = parse_blocks(bulk, error);
    if (status == SS_OK) status = join(bulk, batch, error);
    batch->end = bulk->blocks.offset;
    batch->is_last = bulk->at_end;
    clear_parts(bulk);
    return status;
}
