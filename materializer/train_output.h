// Where a training table goes: a SQLite table with its manifest line, or a CSV file. Whole or not at all.
//
// Rows come in blocks of SS_TRAIN_BLOCK_ROWS: each is made into text or cells and hashed on any thread, and
// is put behind the block before it in its turn.
#ifndef SS_MATERIALIZER_TRAIN_OUTPUT_H
#define SS_MATERIALIZER_TRAIN_OUTPUT_H

#include "materializer/answer.h"
#include "store/training_table.h"

#define SS_TRAIN_BLOCK_ROWS 8192

struct ss_train_output;

struct ss_train_layout {
    const char *place; // FILE.db:TABLE or FILE.csv
    const struct ss_table_column *spine_columns;
    size_t spine_column_count;
    const struct ss_service *service;
    bool with_status;
    bool with_digest; // the one of a SQLite table is always made
    // NULL, or what the manifest has to say of the SQLite table when it is opened, and again at the end.
    const struct ss_manifest *again;
};

// SS_INVALID when two output columns would have one name, ignoring case; SS_CONFLICT when the manifest says
// other than layout->again. The layout must outlive the output.
// `slots`: how many threads may make blocks at once.
enum ss_status ss_train_output_open(const struct ss_train_layout *layout, size_t slots,
                                    struct ss_train_output **output, struct ss_error *error);

// Up to SS_BATCH_ROWS rows that follow each other, of one block.
struct ss_train_rows {
    // [row * spine_column_count + column], valid until the block's end. Not looked at where there are lines,
    // and the output is a CSV file without a digest.
    const struct ss_cell *spine_cells;
    const struct ss_bytes *spine_lines; // [row]: the same cells as a line of CSV. NULL: not known
    const struct ss_answer *answer;
    const int64_t *t_us;
    uint64_t s;
};
// `slot` is below `slots` and belongs to one thread from a block's first rows to its end.
enum ss_status ss_train_output_rows(struct ss_train_output *output, size_t slot,
                                    const struct ss_train_rows *rows, struct ss_error *error);
// Ends a block and puts it in place. Blocks are counted from 0; this waits for all before it.
enum ss_status ss_train_output_end_block(struct ss_train_output *output, size_t slot, size_t block,
                                         struct ss_error *error);
// The block will not come: those behind it stop waiting, with an error.
void ss_train_output_give_up(struct ss_train_output *output, size_t block);

// Puts the table in its place; fills in manifest->row_count and manifest->digest (zero: none is made) first.
// SS_FOUND: they are not those of layout->again.
enum ss_status ss_train_output_finish(struct ss_train_output *output, struct ss_manifest *manifest,
                                      struct ss_error *error);
void ss_train_output_close(struct ss_train_output *output); // without a finish nothing stays. NULL is fine

#endif
