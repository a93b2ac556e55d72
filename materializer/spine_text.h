// The cells of a spine as they were, row by row: as the text of a CSV file without quotes, or encoded one by
// one.
#ifndef SS_MATERIALIZER_SPINE_TEXT_H
#define SS_MATERIALIZER_SPINE_TEXT_H

#include "engine/base/column.h"
#include "engine/base/pool.h"
#include "store/training_table.h"

// Where a row of SS_BATCH_ROWS stands.
struct ss_spine_mark {
    size_t at;
    uint64_t line; // of the row before it
};

struct ss_spine_text {
    struct ss_buffer bytes;
    bool is_plain; // the bytes are the rows of a CSV file that has no quotes and ends its lines with LF; else
                   // row by row: varint of how many lines after the row before it stands, its cells as
                   // ss_cell_encode writes them
    size_t column_count;
    int64_t length;              // rows
    uint64_t last_line;          // of the row added last
    struct ss_spine_mark *marks; // of every SS_BATCH_ROWS-th row
};
void ss_spine_text_release(struct ss_spine_text *text); // a no-op on a zeroed struct

// Adds a row to a text that is not plain. text->bytes.failed: out of memory.
void ss_spine_text_add(struct ss_spine_text *text, uint64_t lines, const struct ss_cell *cells);

// Takes what is left of a CSV file from an offset on, if it is plain and each line has `column_count` cells
// as far as commas go; *plain false, and nothing is held: it is not, or cannot be read, or may not be one.
enum ss_status ss_spine_text_load(int file, uint64_t offset, size_t column_count, struct ss_pool *pool,
                                  struct ss_spine_text *text, bool *plain, struct ss_error *error);

// All of a plain file from an offset on. *is_file false, and nothing is held: it is none.
enum ss_status ss_spine_file_read(const char *path, uint64_t offset, struct ss_buffer *bytes, bool *is_file,
                                  struct ss_error *error);

// Stands before a row. Row by row, cells borrow from the text.
struct ss_spine_cursor {
    const uint8_t *at, *end;
    uint64_t line;       // of the row that came last
    struct ss_bytes raw; // of the row that came last: all of it; of a plain text a line of CSV
};
struct ss_spine_cursor ss_spine_cursor_at(const struct ss_spine_text *text,
                                          int64_t row); // a multiple of SS_BATCH_ROWS
// Not past the last row. False: the line has more cells or fewer, or is empty or longer than a row may be.
bool ss_spine_next(const struct ss_spine_text *text, struct ss_spine_cursor *cursor, struct ss_cell *cells);

// A cell in the one form that is hashed: kind(1), then integer 8 bytes, real 8 bytes (little endian), text
// varint length and bytes.
void ss_cell_encode(const struct ss_cell *cell, struct ss_buffer *buffer);

#endif
