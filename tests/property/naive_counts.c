// Aggregates by how often each value is there.

#include <math.h>
#include <mpfr.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "naive_aggregate.h"

#define DEFAULT_CAP         256
#define MOST_EXACT_DISTINCT 128

struct tally { // of one value
    struct cell value;
    int count;
};

static int by_value(const void *a, const void *b, void *kind)
{
    return cell_order(*(struct kind *)kind, *(const struct cell *)a, *(const struct cell *)b);
}

static int make_tallies(const struct naive_rows *rows, struct tally **made)
{
    struct kind kind = rows->x;
    struct cell *cells = pool_take(rows->pool, (size_t)rows->count * sizeof *cells);
    struct tally *tallies = pool_take(rows->pool, (size_t)rows->count * sizeof *tallies);
    int count = 0;
    for (int i = 0; i < rows->count; i++) cells[i] = rows->rows[i].x;
    qsort_r(cells, (size_t)rows->count, sizeof *cells, by_value, &kind);
    for (int i = 0; i < rows->count; i++) {
        if (i == 0 || cell_order(kind, cells[i], cells[i - 1]) != 0) tallies[count++].value = cells[i];
        tallies[count - 1].count++;
    }
    *made = tallies;
    return count;
}

static int by_count(const void *a, const void *b, void *kind)
{
    const struct tally *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return cell_order(*(struct kind *)kind, x->value, y->value);
}

static struct cell most_frequent(const struct naive_rows *rows, struct tally *tallies, int count)
{
    struct kind kind = rows->x;
    qsort_r(tallies, (size_t)count, sizeof *tallies, by_count, &kind);
    if (rows->aggregate->function == FN_MODE) return tallies[0].value;
    if (count > rows->aggregate->k) count = (int)rows->aggregate->k;
    struct cell *cells = pool_take(rows->pool, (size_t)count * sizeof *cells);
    for (int i = 0; i < count; i++) cells[i] = tallies[i].value;
    return list_cell(rows->pool, kind, cells, count);
}

// ---- count_by

static char *escape(char *at, const char *text)
{
    static const char short_forms[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (; *text; text++) {
        const char *form = short_forms;
        while (*form && *form != *text) form += 2;
        if (*form) {
            *at++ = '\\';
            *at++ = form[1];
        } else if ((unsigned char)*text < 32) {
            static const char digits[] = "0123456789abcdef";
            memcpy(at, "\\u00", 4);
            at[4] = digits[*text >> 4];
            at[5] = digits[*text & 15];
            at += 6;
        } else {
            *at++ = *text;
        }
    }
    return at;
}

static struct cell object(const struct naive_rows *rows, const struct tally *tallies, int count)
{
    size_t size = 3;
    const char **names = pool_take(rows->pool, (size_t)count * sizeof *names);
    for (int i = 0; i < count; i++) {
        names[i] = cell_text(rows->pool, rows->x, tallies[i].value);
        size += 6 * strlen(names[i]) + 16;
    }
    char *text = pool_take(rows->pool, size), *at = text;
    *at++ = '{';
    for (int i = 0; i < count; i++) {
        *at++ = '"';
        at = escape(at, names[i]);
        const char *number = pool_format(rows->pool, "\":%d%s", tallies[i].count, i + 1 < count ? "," : "");
        at = stpcpy(at, number);
    }
    *at = '}';
    return (struct cell){.present = true, .text = text};
}

// ---- entropy

// - sum p ln p with so many bits, each step rounded
static void entropy_at(mpfr_t sum, const struct tally *tallies, int count, int total)
{
    mpfr_t p, term;
    mpfr_inits2(mpfr_get_prec(sum), p, term, (mpfr_ptr)NULL);
    mpfr_set_zero(sum, 1);
    for (int i = 0; i < count; i++) {
        mpfr_set_si(p, tallies[i].count, MPFR_RNDN);
        mpfr_div_si(p, p, total, MPFR_RNDN);
        mpfr_log(term, p, MPFR_RNDN);
        mpfr_mul(term, term, p, MPFR_RNDN);
        mpfr_sub(sum, sum, term, MPFR_RNDN);
    }
    mpfr_clears(p, term, (mpfr_ptr)NULL);
}

// More bits until their error cannot change the rounding: the true value is a logarithm of an algebraic
// number, so no tie.
static struct cell entropy(const struct naive_rows *rows, const struct tally *tallies, int count)
{
    struct cell result = {.present = true};
    if (count == 1) return result;
    for (mpfr_prec_t bits = 128;; bits *= 2) {
        mpfr_t sum;
        mpfr_init2(sum, bits);
        entropy_at(sum, tallies, count, rows->count);
        // p log p of p near 1 has few bits, each term and the sum an error below 2^-(bits - 3)
        const bool done = mpfr_can_round(sum, bits - 50, MPFR_RNDN, MPFR_RNDN, 53) != 0;
        result.f = mpfr_get_d(sum, MPFR_RNDN);
        mpfr_clear(sum);
        if (done) return result;
    }
}

// ---- count_distinct, beyond what is counted exactly: docs/FORMAT.md "Distinct"

#define REGISTER_BITS 11
#define REGISTERS     2048
#define GREATEST      54

static uint64_t hash_of(struct kind kind, struct cell cell)
{
    if (kind.id == KIND_STRING) return XXH3_128bits(cell.text, strlen(cell.text)).low64;
    if (kind_has_size(kind)) return XXH3_128bits(cell.text, cell.size).low64;
    unsigned char bytes[8];
    uint64_t word = (uint64_t)cell.i;
    if (kind.id == KIND_FLOAT64) memcpy(&word, &cell.f, sizeof word);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(word >> (8 * i));
    return XXH3_64bits(bytes, sizeof bytes);
}

static double sigma(double x)
{
    double power = 1, sum = x, before;
    do {
        x *= x;
        before = sum;
        sum += x * power;
        power += power;
    } while (sum != before);
    return sum;
}

static double tau(double x)
{
    if (x == 0 || x == 1) return 0;
    double power = 1, sum = 1 - x, before;
    do {
        x = sqrt(x);
        before = sum;
        power /= 2;
        sum -= (1 - x) * (1 - x) * power;
    } while (sum != before);
    return sum / 3;
}

static int64_t estimate(struct kind kind, const struct tally *tallies, int count)
{
    int registers[REGISTERS] = {0}, held[GREATEST + 1] = {0};
    for (int i = 0; i < count; i++) {
        const uint64_t hash = hash_of(kind, tallies[i].value);
        int *kept = &registers[hash >> (64 - REGISTER_BITS)], zeros = 0;
        while (zeros < GREATEST - 1 && !(hash << (REGISTER_BITS + zeros) >> 63)) zeros++;
        if (*kept < zeros + 1) *kept = zeros + 1;
    }
    for (int i = 0; i < REGISTERS; i++) held[registers[i]]++;
    double z = REGISTERS * tau(1 - (double)held[GREATEST] / REGISTERS);
    for (int k = GREATEST - 1; k >= 1; k--) z = (z + held[k]) / 2;
    z += REGISTERS * sigma((double)held[0] / REGISTERS);
    return (int64_t)floor(0.7213475204444817 * REGISTERS * REGISTERS / z + 0.5);
}

struct cell naive_tally(const struct naive_rows *rows)
{
    struct tally *tallies;
    const enum function function = rows->aggregate->function;
    const int count = make_tallies(rows, &tallies);
    if (function == FN_DISTINCT) {
        const bool exact = count <= MOST_EXACT_DISTINCT;
        return (struct cell){.present = true, .i = exact ? count : estimate(rows->x, tallies, count)};
    }
    if (count > (rows->aggregate->cap ? rows->aggregate->cap : DEFAULT_CAP)) return (struct cell){0};
    if (function == FN_COUNT_BY) return object(rows, tallies, count);
    if (function == FN_ENTROPY) return entropy(rows, tallies, count);
    return most_frequent(rows, tallies, count);
}
