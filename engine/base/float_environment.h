// What floating point must be like for bits to be the same everywhere: binary64 as IEEE 754 has it, rounded
// to nearest, subnormals and all, every operation by itself.
//
// The compiler's part is asserted here, as far as it can be seen, wherever doubles are computed with; the
// rest (contraction, and the modes of the processor, which any library that is loaded may change) is checked
// by each thread that starts to compute.
#ifndef SS_ENGINE_BASE_FLOAT_ENVIRONMENT_H
#define SS_ENGINE_BASE_FLOAT_ENVIRONMENT_H

#include <float.h>

#include "engine/base/error.h"

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "Selfsame is not to be built with -ffast-math or -Ofast: results would differ from other builds"
#endif
#if defined(__RECIPROCAL_MATH__) || defined(__ASSOCIATIVE_MATH__)
#error "Selfsame is not to be built with -freciprocal-math or -fassociative-math"
#endif
// 16 is 0 for every type but _Float16 (gcc for processors that have it).
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16,
               "doubles must be computed as doubles (on x86: SSE2, no -mfpmath=387)");
_Static_assert(FLT_RADIX == 2 && DBL_MANT_DIG == 53 && DBL_MIN_EXP == -1021 && DBL_MAX_EXP == 1024,
               "double must be IEEE 754 binary64");
_Static_assert(FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128, "float must be IEEE 754 binary32");

// Of the calling thread: is rounding to nearest, are subnormals kept, are products and sums rounded apart?
// SS_INVALID says what is wrong and what to do.
enum ss_status ss_float_environment_check(struct ss_error *error);

#endif
