// A CSV file as large batches of typed columns. Which rows are in which batch depends on the file and the
// source's columns alone; memory does not grow with the file.
#ifndef SS_MATERIALIZER_CSV_BULK_H
#define SS_MATERIALIZER_CSV_BULK_H

#include "engine/base/pool.h"
#include "materializer/csv_batch.h"
#include "materializer/csv_blocks.h"

#define SS_CSV_BULK_PARTS 36         // blocks of a batch, at most
#define SS_CSV_BULK_ROWS  (1 << 19)  // a batch ends with the block in which it may have come to so many rows,
#define SS_CSV_BULK_BYTES (48 << 20) // or its columns, without text, to so many bytes

struct ss_csv_bulk_batch { // a zeroed struct is an empty batch
    int32_t length;        // rows of the columns
    struct ss_column *columns;
    uint64_t *lines;
    struct ss_quarantine_row *unparsed;
    size_t unparsed_count;
    uint64_t begin, end; // in the file
    bool is_last;        // the file ends with it; it may then be empty
    struct ss_arena arena;
    size_t reserved_bytes; // of the arena
};

struct ss_csv_bulk_part {     // a block, parsed
    struct ss_csv_batch rows; // line numbers count from 1
    uint64_t line_count;
};

struct ss_csv_bulk {
    const struct ss_source *source;
    const size_t *positions;
    struct ss_pool *pool;
    uint64_t line;    // of the next batch
    size_t row_limit; // see SS_CSV_BULK_ROWS
    struct ss_csv_blocks blocks;
    struct ss_csv_block block;
    struct ss_csv_scan scan;
    size_t part_count, row_most;
    bool at_end;
    struct ss_csv_bulk_part parts[SS_CSV_BULK_PARTS];
};

struct ss_csv_bulk_file {
    int file;         // seekable, borrowed
    const char *name; // borrowed, as are the positions of the source's columns
    const size_t *positions;
    size_t field_count;    // of its header
    uint64_t offset, line; // where rows begin
    size_t row_limit;      // 0: as above. Tests make it small, so that every block is a batch
};

// A block is parsed in the gaps between the pool's jobs (NULL: at once). On failure nothing is held.
enum ss_status ss_csv_bulk_init(struct ss_csv_bulk *bulk, const struct ss_csv_bulk_file *file,
                                const struct ss_source *source, struct ss_pool *pool, struct ss_error *error);
void ss_csv_bulk_release(struct ss_csv_bulk *bulk);
// The next batch, in place of what the batch held. Not to be called behind the last one.
enum ss_status ss_csv_bulk_next(struct ss_csv_bulk *bulk, struct ss_csv_bulk_batch *batch,
                                struct ss_error *error);
void ss_csv_bulk_batch_release(struct ss_csv_bulk_batch *batch); // a no-op on a zeroed struct

#endif
