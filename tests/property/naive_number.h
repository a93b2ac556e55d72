// Exact numbers of the naive scan: rationals, rounded once.
#ifndef SS_TESTS_PROPERTY_NAIVE_NUMBER_H
#define SS_TESTS_PROPERTY_NAIVE_NUMBER_H

#include <gmp.h>

#include "scenario.h"

// The nearest double, ties to even; infinity when it is past the greatest.
double nearest_double(mpq_srcptr value);
// The double nearest to the square root of a value that is not negative.
double nearest_root(mpq_srcptr value);
// Numbers of one kind as whole numbers of one unit: digits[i] * 2^shifts[i] * unit.
struct terms {
    int count;
    int64_t *digits;
    int *shifts;
    int bits; // of the greatest magnitude among them
    mpq_t unit;
};
// Of `count` present cells, `stride` bytes from one to the next.
void terms_init(struct terms *terms, struct pool *pool, struct kind kind, int count, const struct cell *cells,
                size_t stride);
void term_get(mpz_ptr whole, const struct terms *terms, int i);
void terms_clear(struct terms *terms);

// A present number of this kind, exactly.
void exact_of(mpq_ptr value, struct kind kind, struct cell cell);
// A double as a value of the language: NaN and infinities are null, -0 is +0.
struct cell cell_of_double(double value);
// numerator / 10^scale... as an exact value of the kind: null when it does not fit.
struct cell cell_of_integer(mpz_srcptr scaled, struct kind kind);

#endif
