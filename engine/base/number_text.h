// Digits into text, for what prints numbers in this folder.
#ifndef SS_ENGINE_BASE_NUMBER_TEXT_H
#define SS_ENGINE_BASE_NUMBER_TEXT_H

#include "engine/base/number.h"

#include <string.h>

static const char ss_digit_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

// Digits of the value; 0 has one.
unsigned ss_digit_count(uint64_t value);

// Exactly `count` digits, with zeros before them.
static inline void ss_digits_write(uint64_t value, unsigned count, char *text)
{
    for (; count >= 2; count -= 2, value /= 100)
        memcpy(text + count - 2, ss_digit_pairs + 2 * (value % 100), 2);
    if (count) text[0] = (char)('0' + value % 10);
}

// digits * 10^exponent10 as Python's repr lays it out; digits, of at most 17, is not 0 and, beyond 10^16 and
// below 10^-4, no multiple of ten. Returns the size; of `text` SS_NUMBER_TEXT_SIZE bytes may be written.
size_t ss_float_lay_out(uint64_t digits, int exponent10, char *text);

#endif
