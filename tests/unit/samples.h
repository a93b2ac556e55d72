// Random numbers for tests of exact arithmetic: a generator with a printed seed, and the distributions that
// break naive sums. Inputs are made from bits, so that they are the same in every build.
#ifndef SS_TESTS_SAMPLES_H
#define SS_TESTS_SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct samples {
    uint64_t state;
};

// The seed is SS_SEED's value, if set, else `seed`; it is printed.
static inline struct samples samples_begin(const char *test, uint64_t seed)
{
    const char *given = getenv("SS_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    printf("%s: SS_SEED=%llu\n", test, (unsigned long long)seed);
    return (struct samples){seed};
}

static inline uint64_t samples_bits(struct samples *samples)
{
    uint64_t z = samples->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t samples_below(struct samples *samples, uint64_t end)
{
    return samples_bits(samples) % end;
}

static inline double samples_from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// A double with the given exponent (2^exponent <= |value| < 2^(exponent+1)), random sign and mantissa.
static inline double samples_scaled(struct samples *samples, int exponent)
{
    const uint64_t bits = samples_bits(samples);
    return samples_from_bits((bits & UINT64_C(0x800fffffffffffff)) | (uint64_t)(exponent + 1023) << 52);
}

enum samples_kind {
    SAMPLES_CENTS,
    SAMPLES_WIDE,      // over 40 octaves
    SAMPLES_EXTREME,   // anything finite
    SAMPLES_SUBNORMAL, // and the least normals
    SAMPLES_CANCEL,    // values that come with their negatives, and little ones
    SAMPLES_HUGE,      // +-1e300 and ones
    SAMPLES_GREATEST,  // near the greatest double
    SAMPLES_CLOSE,     // 1e9 + a little: no digits left for a naive variance
    SAMPLES_EQUAL,
    SAMPLES_KINDS
};

static inline double samples_double(struct samples *samples, enum samples_kind kind)
{
    double value;
    const uint64_t bits = samples_bits(samples);
    switch (kind) {
    case SAMPLES_CENTS: return (double)(int64_t)(bits % 200000) / 100.0;
    case SAMPLES_WIDE: return samples_scaled(samples, (int)(bits % 40) - 20);
    case SAMPLES_SUBNORMAL: return samples_from_bits(bits & UINT64_C(0x803fffffffffffff)) + 0.0;
    case SAMPLES_CANCEL: return bits & 1 ? (bits & 2 ? 12345.678 : -12345.678) : samples_scaled(samples, -30);
    case SAMPLES_HUGE: return bits & 1 ? (bits & 2 ? 1e300 : -1e300) : (double)(bits % 7);
    case SAMPLES_GREATEST: return samples_scaled(samples, 1023 - (int)(bits % 2));
    case SAMPLES_CLOSE: return 1e9 + (double)(bits % 1024) / 1024.0;
    case SAMPLES_EQUAL: return 0.1;
    default: break;
    }
    do value = samples_from_bits(samples_bits(samples));
    while (!(value - value == 0) || value == 0);
    return value;
}

#endif
