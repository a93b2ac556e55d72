// Exact numbers of the naive scan: rationals, rounded once.
#ifndef SS_TESTS_PROPERTY_NAIVE_NUMBER_H
#define SS_TESTS_PROPERTY_NAIVE_NUMBER_H

#include <gmp.h>

#include "scenario.h"

// The nearest double, ties to even; infinity when it is past the greatest.
double nearest_double(mpq_srcptr value);
// The double nearest to the square root of a value that is not negative.
double nearest_root(mpq_srcptr value);
// A present number of this kind, exactly.
void exact_of(mpq_ptr value, struct kind kind, struct cell cell);
// A double as a value of the language: NaN and infinities are null, -0 is +0.
struct cell cell_of_double(double value);
// numerator / 10^scale... as an exact value of the kind: null when it does not fit.
struct cell cell_of_integer(mpz_srcptr scaled, struct kind kind);

#endif
