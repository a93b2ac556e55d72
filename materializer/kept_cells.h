// Cells kept between the join, which comes entity by entity, and the output, which goes row by row: 8 bytes
// and a mark each. All cells of a row stand together, so that either side touches few lines of memory.
#ifndef SS_MATERIALIZER_KEPT_CELLS_H
#define SS_MATERIALIZER_KEPT_CELLS_H

#include "materializer/answer.h"

struct ss_kept_cells {
    size_t column_count;
    int32_t row_capacity;
    uint64_t *values; // [row * column_count + column]: bits; of text its bytes, or a pointer to them
    uint8_t *marks;   // SS_MARK_…, and whether the value is there
};

// A zeroed struct may be released.
bool ss_kept_cells_init(struct ss_kept_cells *kept, size_t column_count,
                        int32_t rows); // false: out of memory
void ss_kept_cells_release(struct ss_kept_cells *kept);

struct ss_kept_column { // what is kept in a column of some rows
    size_t place;
    const struct ss_column *values;
    const uint8_t *marks;
};

// Keeps cells of some columns: the i-th of each in row rows[i], with its marks. Text is copied into the
// arena. Different columns and rows may be kept by several threads at once. False: out of memory.
bool ss_kept_cells_put(struct ss_kept_cells *kept, const struct ss_kept_column *columns, size_t column_count,
                       const int32_t *rows, int32_t count, struct ss_arena *arena);
// The cells of the column in rows [first, first + length), made in the arena.
bool ss_kept_cells_get(const struct ss_kept_cells *kept, size_t column, struct ss_type type, int32_t first,
                       int32_t length, struct ss_arena *arena, struct ss_column *values, uint8_t **marks);

#endif
