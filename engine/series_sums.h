// Sums of a series' rows from its first on, so that those of any span are a difference: count, sum, sum of
// squares, least and greatest value of a group of numbers, in one exact integer unit. For series*.c only.
//
// They serve what a read sees without a test; rows that it has to test come one by one, as spans of one row.
#ifndef SS_ENGINE_SERIES_SUMS_H
#define SS_ENGINE_SERIES_SUMS_H

#include "engine/group.h"

#define SS_SUMS_ROWS   (1 << 20) // a series of more rows has none: they take some 60 bytes each
#define SS_SUMS_LEVELS 6         // of bounds, each of SS_SUMS_FANOUT of the level below
#define SS_SUMS_FANOUT 8

__extension__ typedef signed __int128 ss_int128;

struct ss_series; // series_internal.h

struct ss_series_sum { // of the rows before one; sums in units of 2^exponent, squares of 2^(2 exponent)
    ss_int128 sum;
    uint64_t squares[3];
    uint32_t n;
};

struct ss_series_bounds {
    int64_t least, most; // keys (scalar.h)
};

struct ss_series_sums { // of one group
    int32_t exponent;
    const struct ss_series_sum *before; // [row], and behind the last; NULL: there are no sums
    const int64_t *keys;                // of the rows that count
    const struct ss_series_bounds *levels[SS_SUMS_LEVELS]; // of keys; NULL from some level on
};

struct ss_series_total { // of some spans
    ss_int128 sum;
    uint64_t squares[3];
    uint64_t n;
    struct ss_series_bounds bounds;
};

// Makes the sums of a series whose rows stand in their lanes, of the groups that may have them and whose
// values do not lie too far apart. False: out of memory.
bool ss_series_sum_up(struct ss_series *series);
static inline bool ss_series_has_sums(const struct ss_series_sums *sums, int group)
{
    return sums && sums[group].before;
}

extern const struct ss_series_total ss_series_no_rows;
// Adds the rows [from, to) of one lane.
void ss_series_sums_add(const struct ss_series_sums *sums, int32_t from, int32_t to,
                        struct ss_series_total *total);
// The same sums as a group has them. n > 0.
void ss_series_sums_take(const struct ss_series_sums *sums, const struct ss_series_total *total,
                         struct ss_group_sums *taken);
// One value more. False: out of memory.
bool ss_series_sums_take_value(enum ss_type_id type, const struct ss_value *value,
                               struct ss_group_sums *taken, struct ss_arena *arena);

#endif
