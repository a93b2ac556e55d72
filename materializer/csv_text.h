// Cells as CSV (RFC 4180, CLI.md "CSV out"): quoted only where they must be.
#ifndef SS_MATERIALIZER_CSV_TEXT_H
#define SS_MATERIALIZER_CSV_TEXT_H

#include "store/training_table.h"

void ss_csv_write_text(struct ss_bytes text, struct ss_buffer *lines);
// is_bool: an integer is true or false.
void ss_csv_write_cell(const struct ss_cell *cell, bool is_bool, struct ss_buffer *lines);

#endif
