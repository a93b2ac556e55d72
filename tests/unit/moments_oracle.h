// Sum, mean, variance and stddev of a few numbers from their definitions, by MPFR, rounded once. Shares no
// code with the engine.
#ifndef SS_TESTS_MOMENTS_ORACLE_H
#define SS_TESTS_MOMENTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct moments_terms {
    size_t count;
    bool integers; // then scaled / 10^scale are the terms
    unsigned scale;
    const double *reals;
    const int64_t *scaled;
};

struct moments { // infinite where out of range; variance and stddev of two terms or more
    double sum, mean, variance, stddev;
};

struct moments moments_of(const struct moments_terms *terms);

// The same of sums that are given: +- limbs * 2^exponent. Variance and deviation are 0 where n S2 <= S1^2.
#define MOMENTS_LIMBS 4
struct moments_limbs {
    uint64_t limbs[MOMENTS_LIMBS];
    int exponent;
    bool negative;
};
struct moments moments_of_sums(const struct moments_limbs *sum, const struct moments_limbs *squares,
                               uint64_t n, unsigned scale);

#endif
