// Rows by their times.
#ifndef SS_MATERIALIZER_TIMED_ROWS_H
#define SS_MATERIALIZER_TIMED_ROWS_H

#include <stdbool.h>
#include <stdint.h>

struct ss_timed_row {
    int64_t t_us;
    int32_t row;
};

struct ss_timed_rows { // a zeroed struct may be released
    struct ss_timed_row *items;
    int32_t capacity; // of the items; behind them is as much room again for sorting
};

void ss_timed_rows_release(struct ss_timed_rows *rows);
bool ss_timed_rows_reserve(struct ss_timed_rows *rows, int32_t count); // false: out of memory
// The first `count` of them, by t; of equal ones the one that stood before stays before.
void ss_timed_rows_sort(struct ss_timed_rows *rows, int32_t count);

#endif
