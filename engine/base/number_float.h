// From digits and a power of ten to the nearest double.
#ifndef SS_ENGINE_BASE_NUMBER_FLOAT_H
#define SS_ENGINE_BASE_NUMBER_FLOAT_H

#include <stdbool.h>
#include <stdint.h>

// digits * 10^exponent, rounded to the nearest double, ties to even; overflow gives infinity. False, output
// untouched, where that is not certain without more than 128 bits (very rarely), or the exponent is far out.
bool ss_float64_round(uint64_t digits, int64_t exponent, double *value);

#endif
