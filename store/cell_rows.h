// Rows of cells in memory as a table that SQL can select from: one statement then moves many rows, which
// takes half the time of a statement for each.
#ifndef SS_STORE_CELL_ROWS_H
#define SS_STORE_CELL_ROWS_H

#include "store/training_table.h"

#include <sqlite3.h>

// A name that nobody else's table has, as SQL quotes it.
#define SS_CELL_ROWS_NAME "\"selfsame: rows at hand\""

struct ss_cell_rows {
    const struct ss_cell *cells; // [row * column_count + column]
    size_t column_count, row_count;
};

// Makes the table known to the connection. `rows` must outlive it; what they are may change between
// statements.
int ss_cell_rows_register(sqlite3 *db, struct ss_cell_rows *rows);

#endif
