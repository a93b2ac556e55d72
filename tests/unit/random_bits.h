// Random bits for tests of the base: xorshift64*, from a seed that the test sets and prints.
#ifndef SS_TESTS_RANDOM_BITS_H
#define SS_TESTS_RANDOM_BITS_H

#include <stdint.h>

static uint64_t random_state; // not 0

static inline uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
