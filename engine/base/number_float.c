// Rounding of decimal digits to a double, exactly.
//
//   1. digits < 2^53 and 10^|exponent| <= 10^22 are both doubles: one IEEE multiplication or division rounds
//      the exact result (W. D. Clinger, "How to read floating point numbers accurately", 1990)
//   2. else digits * 5^exponent is multiplied out from the first 128 bits of the power, which is nearly
//   always
//      enough to know the 54 bits that decide (D. Lemire, "Number parsing at a gigabyte per second",
//      Software: Practice and Experience 51, 2021; the algorithm is M. Eisel's)
//   3. else the caller finds another way

#include "engine/base/number_float.h"

#include <string.h>

#include "engine/base/powers_of_five.h"

#define MANTISSA_BITS 52
#define EXACT_POWER   22 // 10^22 is a double, 10^23 is not

static const double exact_powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct product {
    uint64_t high, low;
};

static inline struct product multiply(uint64_t a, uint64_t b)
{
    const unsigned __int128 whole = (unsigned __int128)a * b;
    return (struct product){(uint64_t)(whole >> 64), (uint64_t)whole};
}

// The first 128 bits of digits * 5^exponent; the power's low word only where it can matter, that is where the
// bits below the 55 that are needed are all ones.
static inline struct product multiply_power(uint64_t digits, int exponent)
{
    const uint64_t *power = ss_powers_of_five[exponent - SS_LEAST_POWER_OF_FIVE];
    const uint64_t below = UINT64_MAX >> (MANTISSA_BITS + 3);
    struct product product = multiply(digits, power[0]);
    if ((product.high & below) != below) return product;
    const uint64_t carried = multiply(digits, power[1]).high;
    product.low += carried;
    product.high += product.low < carried;
    return product;
}

static inline double assemble(uint64_t mantissa, int64_t biased_exponent)
{
    const uint64_t bits = (mantissa & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | (uint64_t)biased_exponent
                                                                                  << MANTISSA_BITS;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Of 54 bits, the last of which is a half: to nearest.
static inline uint64_t drop_half(uint64_t mantissa)
{
    return (mantissa + (mantissa & 1)) >> 1;
}

static double round_subnormal(uint64_t mantissa, int64_t biased_exponent)
{
    const int64_t shift = 1 - biased_exponent;
    if (shift >= 64) return 0;
    mantissa = drop_half(mantissa >> shift);
    return assemble(mantissa, (int64_t)(mantissa >> MANTISSA_BITS)); // rounding up may make it normal
}

static inline double round_product(struct product product, int exponent, int zeros)
{
    const int upper = (int)(product.high >> 63), shift = upper + 64 - MANTISSA_BITS - 3;
    // floor(log2(10^exponent)) by a fraction that is exact enough for all exponents of the table.
    const int64_t biased_exponent = ((INT64_C(217706) * exponent) >> 16) + 63 + upper - zeros + 1023;
    uint64_t mantissa = product.high >> shift;
    if (biased_exponent <= 0) return round_subnormal(mantissa, biased_exponent);
    // Exactly halfway, which only these powers can be, goes to even.
    const bool is_tie = product.low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 &&
                        mantissa << shift == product.high;
    if (is_tie) mantissa--;
    mantissa = drop_half(mantissa);
    const int64_t carry = (int64_t)(mantissa >> (MANTISSA_BITS + 1));
    if (biased_exponent + carry >= 0x7ff) return assemble(0, 0x7ff);
    return assemble(mantissa >> carry, biased_exponent + carry);
}

bool ss_float64_round(uint64_t digits, int64_t exponent, double *value)
{
    if (digits <= UINT64_C(1) << 53 && exponent >= -EXACT_POWER && exponent <= EXACT_POWER) {
        *value =
            exponent < 0 ? (double)digits / exact_powers[-exponent] : (double)digits * exact_powers[exponent];
        return true;
    }
    if (digits == 0) {
        *value = 0;
        return true;
    }
    if (exponent < SS_LEAST_POWER_OF_FIVE || exponent > SS_MOST_POWER_OF_FIVE) return false;
    const int zeros = __builtin_clzll(digits);
    const struct product product = multiply_power(digits << zeros, (int)exponent);
    // Within these the power is exact, or known to be enough.
    if (product.low == UINT64_MAX && (exponent < -27 || exponent > 55)) return false;
    *value = round_product(product, (int)exponent, zeros);
    return true;
}
