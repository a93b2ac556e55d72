// Rows by their times: few by insertion, many a byte of their times after the other from the last.

#include "materializer/timed_rows.h"

#include <stdlib.h>
#include <string.h>

#define FEW_ROWS 24

void ss_timed_rows_release(struct ss_timed_rows *rows)
{
    free(rows->items);
    *rows = (struct ss_timed_rows){0};
}

bool ss_timed_rows_reserve(struct ss_timed_rows *rows, int32_t count)
{
    if (count <= rows->capacity) return true;
    const int32_t capacity = count > INT32_MAX / 2 ? count : 2 * count;
    struct ss_timed_row *items = malloc((size_t)capacity * 2 * sizeof *items);
    if (!items) return false;
    free(rows->items);
    *rows = (struct ss_timed_rows){items, capacity};
    return true;
}

static void insert_all(struct ss_timed_row *rows, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        const struct ss_timed_row row = rows[i];
        int32_t at = i;
        for (; at > 0 && rows[at - 1].t_us > row.t_us; at--) rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

void ss_timed_rows_sort(struct ss_timed_rows *rows, int32_t count)
{
    struct ss_timed_row *from = rows->items, *to = rows->items + rows->capacity;
    if (count <= FEW_ROWS) {
        insert_all(from, count);
        return;
    }
    int64_t least_us = INT64_MAX, most_us = INT64_MIN;
    for (int32_t i = 0; i < count; i++) {
        least_us = from[i].t_us < least_us ? from[i].t_us : least_us;
        most_us = from[i].t_us > most_us ? from[i].t_us : most_us;
    }
    const uint64_t base = (uint64_t)least_us, range = (uint64_t)most_us - base;
    for (unsigned shift = 0; shift < 64 && range >> shift; shift += 8) {
        int32_t ends[257] = {0};
        for (int32_t i = 0; i < count; i++) ends[(((uint64_t)from[i].t_us - base) >> shift & 255) + 1]++;
        for (size_t b = 1; b < 257; b++) ends[b] += ends[b - 1];
        for (int32_t i = 0; i < count; i++)
            to[ends[((uint64_t)from[i].t_us - base) >> shift & 255]++] = from[i];
        struct ss_timed_row *const swapped = from;
        from = to;
        to = swapped;
    }
    if (from != rows->items) memcpy(rows->items, from, (size_t)count * sizeof *from);
}
