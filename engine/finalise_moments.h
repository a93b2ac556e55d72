// Finalise, of higher moments, of pairs and of decayed sums: the exact rational of the definition, or the
// root of one, rounded once. As finalise.h, which has what nearly every view reads.
//
// All return false where the result is null: infinite, of too few terms, of equal terms.
#ifndef SS_ENGINE_FINALISE_MOMENTS_H
#define SS_ENGINE_FINALISE_MOMENTS_H

#include "engine/exact.h"

// m3 / m2^(3/2) and m4 / m2^2 - 3 of the population's moments; sums[k]: of the powers k + 1.
bool ss_finalise_skew(const struct ss_exact *const sums[4], uint64_t n, double *value);
bool ss_finalise_kurtosis(const struct ss_exact *const sums[4], uint64_t n, double *value);

struct ss_pair_sums {
    const struct ss_exact *x, *xx, *y, *yy, *xy; // xx: for a correlation only
    uint64_t n;
    unsigned x_scale, y_scale; // terms are integers in units of 10^-scale
};

bool ss_finalise_covariance(const struct ss_pair_sums *sums, bool population, double *value);
bool ss_finalise_correlation(const struct ss_pair_sums *sums, double *value);
bool ss_finalise_slope(const struct ss_pair_sums *sums, double *value); // least squares of x over y

// sum * factor * 2^exponent / 10^scale
bool ss_finalise_scaled(const struct ss_exact *sum, uint64_t factor, int64_t exponent, unsigned scale,
                        double *value);
// a / (b 10^scale), b > 0
bool ss_finalise_ratio(const struct ss_exact *a, const struct ss_exact *b, unsigned scale, double *value);

#endif
