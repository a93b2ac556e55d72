// Finalise: from exact sums to the value that is read.
//
// Every result is the exact rational of the mathematical definition (or the root of one) rounded once, to
// nearest, ties to even, subnormal results too. So any other implementation that rounds once gives the same
// bits. Terms of a decimal(scale) are scaled integers: results are divided by 10^scale (variances twice).
//
// All return false where the result is null: out of range, infinite, too few terms. Integers only, no
// allocation.
#ifndef SS_ENGINE_FINALISE_H
#define SS_ENGINE_FINALISE_H

#include "engine/exact.h"

bool ss_finalise_int64(const struct ss_exact *sum, int64_t *value);
bool ss_finalise_double(const struct ss_exact *sum, double *value);
bool ss_finalise_mean(const struct ss_exact *sum, uint64_t n, unsigned scale, double *value); // n >= 1
// Equal terms give exactly 0; n < 2 is null but in the population forms, n < 1 in these.
bool ss_finalise_variance(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                          bool population, unsigned scale, double *value);
bool ss_finalise_stddev(const struct ss_exact *sum, const struct ss_exact *squares, uint64_t n,
                        bool population, unsigned scale, double *value);

#endif
