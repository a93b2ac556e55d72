// A fuzz target is one file with LLVMFuzzerTestOneInput: it takes any bytes, and aborts (SS_ASSERT) when what
// must hold does not. libFuzzer calls it with bytes it makes up (preset `fuzz`); replay.c with those of the
// corpus. Run in the root of the project.
#ifndef SS_TESTS_FUZZ_H
#define SS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is left of the input; past its end there are zeros.
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_bytes(struct fuzz_input *input, size_t count)
{
    uint64_t value = 0;
    const size_t taken = input->left < count ? input->left : count;
    for (size_t i = 0; i < taken; i++) value |= (uint64_t)input->at[i] << 8 * i;
    input->at += taken;
    input->left -= taken;
    return value;
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    return (uint8_t)fuzz_bytes(input, 1);
}

#endif
