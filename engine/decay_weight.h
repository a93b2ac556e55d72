// Weights that halve: E(u) = g(f(u)) 2^(q(u) - 63), an exact number that doubles every half-life H.
//
// q(u) = floor(u / H), f(u) = floor(((u mod H) 2^64) / H), g(f) = floor(2^(63 + f / 2^64)). An event at u
// weighs E(u) E(-t) in a read at t. docs/FORMAT.md "Decay".
#ifndef SS_ENGINE_DECAY_WEIGHT_H
#define SS_ENGINE_DECAY_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct ss_decay_weight {
    uint64_t power; // g(f(u)): 2^63 <= power < 2^64
    int64_t halves; // q(u)
};

struct ss_decay_weight ss_decay_weight(int64_t u, int64_t half_life_us); // half_life_us > 0

// g(f). For tests: by integers, false where their error does not decide; and by MPFR.
uint64_t ss_decay_power(uint64_t fraction);
bool ss_decay_power_fast(uint64_t fraction, uint64_t *power);
uint64_t ss_decay_power_exact(uint64_t fraction);

#endif
