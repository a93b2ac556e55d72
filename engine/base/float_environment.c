// The check computes: a mode shows in its results, on whatever processor. See float_environment.h.
#include "engine/base/float_environment.h"

#include <stdint.h>
#include <string.h>

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Operands pass through volatile, so that nothing is computed by the compiler.
static double sum(double a, double b)
{
    volatile double x = a, y = b;
    return x + y;
}

static bool rounds_to_nearest(void)
{
    // 1 + 3/4 ulp goes up, 1 + 1/4 ulp down, and so do their negatives; 1 + 1/2 ulp goes to even.
    const double ulp = 0x1p-52;
    return sum(1, 0.75 * ulp) == 1 + ulp && sum(1, 0.25 * ulp) == 1 && sum(-1, -0.75 * ulp) == -1 - ulp &&
           sum(-1, -0.25 * ulp) == -1 && sum(1, 0.5 * ulp) == 1 && sum(1 + ulp, 0.5 * ulp) == 1 + 2 * ulp;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool keeps_subnormal_results(void)
{
    volatile double least_normal = DBL_MIN, half = 0.5;
    return bits_of(least_normal * half) == UINT64_C(1) << 51;
}

static bool keeps_subnormal_operands(void)
{
    volatile double least = double_of(1), scale = 0x1p1000;
    return bits_of(least * scale) == UINT64_C(949) << 52; // 2^(1000 - 1074)
}

// (1 + 2^-30)^2 - (1 + 2^-29) is 2^-60, and 0 where the product is rounded first.
static bool rounds_products_apart(void)
{
    volatile double factor = 1 + 0x1p-30, rounded = 1 + 0x1p-29;
    const double a = factor, b = rounded;
    return a * a - b == 0;
}

enum ss_status ss_float_environment_check(struct ss_error *error)
{
    const char *const advice =
        "bits would differ from other threads and machines. Most likely a library was loaded that was built "
        "with -ffast-math (crtfastmath.o sets this for the whole process): load one built without, or reset "
        "the mode before this call";
    if (!rounds_to_nearest())
        return ss_fail(
            error, SS_INVALID,
            "floating point: this thread does not round to nearest; call fesetround(FE_TONEAREST)");
    if (!keeps_subnormal_operands())
        return ss_fail(error, SS_INVALID,
                       "floating point: this thread reads subnormal numbers as 0 (DAZ); %s", advice);
    if (!keeps_subnormal_results())
        return ss_fail(error, SS_INVALID,
                       "floating point: this thread flushes subnormal results to 0 (FTZ); %s", advice);
    if (!rounds_products_apart())
        return ss_fail(error, SS_INVALID,
                       "floating point: this build fuses products and sums; build with -ffp-contract=off");
    return SS_OK;
}
