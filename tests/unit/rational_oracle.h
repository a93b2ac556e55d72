// Values as exact rationals, and whether a result is a rational, or the root of one, rounded once.
#ifndef SS_TESTS_RATIONAL_ORACLE_H
#define SS_TESTS_RATIONAL_ORACLE_H

#include <gmp.h>

#include "engine/base/column.h"

void rational_of(mpq_ptr rational, struct ss_type type, const struct ss_value *value);
void rational_shift(mpq_ptr rational, long exponent); // times 2^exponent

// Null is right where the result is beyond the greatest double.
bool is_nearest(mpq_srcptr exact, const struct ss_value *got);
bool is_nearest_root(mpq_srcptr square, int sign, const struct ss_value *got); // sign * sqrt(square)

#endif
