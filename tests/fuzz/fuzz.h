// A fuzz target is one file with LLVMFuzzerTestOneInput: it takes any bytes, and aborts (SS_ASSERT) when what
// must hold does not. libFuzzer calls it with bytes it makes up (preset `fuzz`); replay.c with those of the
// corpus. Run in the root of the project.
#ifndef SS_TESTS_FUZZ_H
#define SS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/bytes.h"
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

// A file of these bytes, in memory; to be closed.
static inline int fuzz_file(const uint8_t *data, size_t size)
{
    const int file = memfd_create("fuzz", 0);
    SS_ASSERT(file >= 0);
    SS_ASSERT(size == 0 || write(file, data, size) == (ssize_t)size);
    return file;
}

// Appends a text so that it cannot be taken for another together with what follows.
static inline void fuzz_note(struct ss_buffer *seen, struct ss_bytes text)
{
    ss_buffer_varint(seen, text.size);
    ss_buffer_append(seen, text.data, text.size);
}

#endif
