// Aggregates by the order of events, and quantiles.

#include <stdlib.h>
#include <string.h>

#include "naive_aggregate.h"
#include "naive_number.h"

// ---- By (event_time, seq)

static struct cell by_other(const struct naive_rows *rows, int direction)
{
    const struct naive_row *best = rows->rows;
    for (int i = 1; i < rows->count; i++) // among equals the newest
        if (direction * cell_order(rows->y, rows->rows[i].y, best->y) >= 0) best = &rows->rows[i];
    return best->x;
}

static struct cell ends(const struct naive_rows *rows, bool newest_first)
{
    const int count = rows->aggregate->k < rows->count ? (int)rows->aggregate->k : rows->count;
    struct cell *cells = pool_take(rows->pool, (size_t)count * sizeof *cells);
    for (int i = 0; i < count; i++) cells[i] = rows->rows[newest_first ? rows->count - 1 - i : i].x;
    return list_cell(rows->pool, rows->x, cells, count);
}

static int by_value_newest_first(const void *a, const void *b, void *kind)
{
    const struct naive_row *x = *(const struct naive_row *const *)a, *y = *(const struct naive_row *const *)b;
    const int order = cell_order(*(struct kind *)kind, x->x, y->x);
    return order ? order : x > y ? -1 : 1; // rows stand in order
}

static int newest_first(const void *a, const void *b)
{
    const struct naive_row *x = *(const struct naive_row *const *)a, *y = *(const struct naive_row *const *)b;
    return x > y ? -1 : 1;
}

static struct cell unique(const struct naive_rows *rows)
{
    struct kind kind = rows->x;
    const struct naive_row **sorted = pool_take(rows->pool, (size_t)rows->count * sizeof *sorted);
    int count = 0;
    for (int i = 0; i < rows->count; i++) sorted[i] = &rows->rows[i];
    qsort_r(sorted, (size_t)rows->count, sizeof *sorted, by_value_newest_first, &kind);
    for (int i = 0; i < rows->count; i++)
        if (i == 0 || cell_order(kind, sorted[i]->x, sorted[count - 1]->x) != 0) sorted[count++] = sorted[i];
    qsort(sorted, (size_t)count, sizeof *sorted, newest_first);
    if (count > rows->aggregate->k) count = (int)rows->aggregate->k;
    struct cell *cells = pool_take(rows->pool, (size_t)count * sizeof *cells);
    for (int i = 0; i < count; i++) cells[i] = sorted[i]->x;
    return list_cell(rows->pool, kind, cells, count);
}

struct cell naive_place(const struct naive_rows *rows)
{
    switch (rows->aggregate->function) {
    case FN_MIN_BY: return by_other(rows, -1);
    case FN_MAX_BY: return by_other(rows, 1);
    case FN_FIRST_K: return ends(rows, false);
    case FN_LAST_K: return ends(rows, true);
    case FN_UNIQUE_LAST_K: return unique(rows);
    default: break;
    }
    const int64_t k = rows->aggregate->k; // lag
    return k < rows->count ? rows->rows[rows->count - 1 - k].x : (struct cell){0};
}

// ---- Quantiles

#define MOST_EXACT   64
#define MOST_BUCKETS 256
#define KEY_SHIFT    45

static int by_key(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Doubles in their order, as whole numbers.
static int64_t key_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? INT64_MIN - bits - 1 : bits;
}

static double double_of(int64_t key)
{
    const int64_t bits = key < 0 ? INT64_MIN - key - 1 : key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// key / 2^shift, floored
static int64_t bucket_of(int64_t key, int shift)
{
    const int64_t size = INT64_C(1) << shift;
    return key / size - (key % size < 0);
}

static int distinct_buckets(const int64_t *keys, int count, int shift)
{
    int distinct = 1;
    for (int i = 1; i < count; i++) distinct += bucket_of(keys[i], shift) != bucket_of(keys[i - 1], shift);
    return distinct;
}

static struct cell sketched(const int64_t *keys, int count, int64_t rank)
{
    int shift = KEY_SHIFT;
    while (distinct_buckets(keys, count, shift) > MOST_BUCKETS) shift++;
    const int64_t bucket = bucket_of(keys[rank], shift);
    if (bucket == 0) return cell_of_double(0);
    return cell_of_double(double_of(bucket * (INT64_C(1) << shift) + (INT64_C(1) << (shift - 1))));
}

static int64_t rank_of(const struct aggregate *aggregate, int count)
{
    __extension__ __int128 rank = aggregate->function == FN_MEDIAN ? 5 : aggregate->p;
    const unsigned scale = aggregate->function == FN_MEDIAN ? 1 : aggregate->p_scale;
    rank *= count - 1;
    for (unsigned i = 0; i < scale; i++) rank /= 10;
    return (int64_t)rank;
}

struct cell naive_quantile(const struct naive_rows *rows)
{
    int64_t *keys = pool_take(rows->pool, (size_t)rows->count * sizeof *keys);
    mpq_t exact;
    mpq_init(exact);
    for (int i = 0; i < rows->count; i++) {
        double value = rows->rows[i].x.f;
        if (rows->x.id != KIND_FLOAT64) {
            exact_of(exact, rows->x, rows->rows[i].x);
            value = nearest_double(exact);
        }
        keys[i] = key_of(value);
    }
    mpq_clear(exact);
    qsort(keys, (size_t)rows->count, sizeof *keys, by_key);
    const int64_t rank = rank_of(rows->aggregate, rows->count);
    if (rows->count <= MOST_EXACT) return cell_of_double(double_of(keys[rank]));
    return sketched(keys, rows->count, rank);
}
