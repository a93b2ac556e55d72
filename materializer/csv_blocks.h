// A CSV file as blocks of whole rows, about a mebibyte each, that can be scanned side by side. Where it is
// cut depends on the file alone.
#ifndef SS_MATERIALIZER_CSV_BLOCKS_H
#define SS_MATERIALIZER_CSV_BLOCKS_H

#include "materializer/csv_scan.h"

#define SS_CSV_BLOCK_BYTES (1u << 20)

struct ss_csv_blocks {
    int file;                // seekable, borrowed; its position is neither used nor moved
    const char *name;        // for messages, borrowed
    uint64_t offset;         // of the next block; at the end of the file when there is none
    struct ss_csv_scan scan; // for rows with quotes
};

// A zeroed struct is an empty block.
struct ss_csv_block {
    struct ss_bytes rows;  // valid until the block is filled again or released
    size_t row_most;       // they are not more rows than that
    uint64_t hidden_lines; // of a row that is too long: lines that it has beyond `rows`
    uint64_t end;          // of the block in the file
    char *memory;
};

// The rows begin at `offset` (ss_csv_reader_offset) and have `field_count` fields. On failure nothing is
// held.
enum ss_status ss_csv_blocks_init(struct ss_csv_blocks *blocks, int file, const char *name, uint64_t offset,
                                  size_t field_count, struct ss_error *error);
void ss_csv_blocks_release(struct ss_csv_blocks *blocks); // a no-op on a zeroed struct

// The next block into memory of the block's own. No rows: the end of the file. Of a row that is too long a
// part is given that shows as much.
enum ss_status ss_csv_blocks_next(struct ss_csv_blocks *blocks, struct ss_csv_block *block,
                                  struct ss_error *error);
void ss_csv_block_release(struct ss_csv_block *block); // a no-op on a zeroed struct

#endif
