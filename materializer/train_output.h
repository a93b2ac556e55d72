// Where a training table goes: a SQLite table with its manifest line, or a CSV file. Whole or not at all.
#ifndef SS_MATERIALIZER_TRAIN_OUTPUT_H
#define SS_MATERIALIZER_TRAIN_OUTPUT_H

#include "materializer/answer.h"
#include "store/training_table.h"

struct ss_train_output;

struct ss_train_layout {
    const char *place; // FILE.db:TABLE or FILE.csv
    const struct ss_table_column *spine_columns;
    size_t spine_column_count;
    const struct ss_service *service;
    bool with_status;
};

// SS_INVALID when two output columns would have one name, ignoring case. The layout must outlive the output.
enum ss_status ss_train_output_open(const struct ss_train_layout *layout, struct ss_train_output **output,
                                    struct ss_error *error);
// One row: the spine's cells as they were, row `row` of the answer, and the read point.
enum ss_status ss_train_output_row(struct ss_train_output *output, const struct ss_cell *spine_cells,
                                   const struct ss_answer *answer, int32_t row, int64_t t_us, uint64_t s,
                                   struct ss_error *error);
// Puts the table in its place; fills in manifest->row_count and manifest->digest first.
enum ss_status ss_train_output_finish(struct ss_train_output *output, struct ss_manifest *manifest,
                                      struct ss_error *error);
void ss_train_output_close(struct ss_train_output *output); // without a finish nothing stays. NULL is fine

#endif
