// Numbers as text: exact parsing, shortest printing. Independent of the locale.
#ifndef SS_ENGINE_BASE_NUMBER_H
#define SS_ENGINE_BASE_NUMBER_H

#include "engine/base/bytes.h"

#define SS_NUMBER_TEXT_SIZE 48

// Optional '-', digits, nothing else (no '+', no blanks, no leading "0x"; leading zeros are allowed). False
// when not so or out of range.
bool ss_int64_parse(struct ss_bytes text, int64_t *value);

// Decimal text "[-]digits[.digits]" (or an exponent form such as 1e3) of at most `scale` digits after the
// point once trailing zeros are dropped, and at most 18 digits in all (|value| < 10^18). value is scaled:
// "12.5", scale 2 -> 1250.
bool ss_decimal_parse(struct ss_bytes text, unsigned scale, int64_t *value);

// A decimal or exponent float as strtod reads it in the C locale, correctly rounded; "nan", "inf", "-inf",
// "NaN" etc. are accepted and give NaN and infinities (the caller makes them null). No hex, no blanks.
// Overflow gives infinity.
bool ss_float64_parse(struct ss_bytes text, double *value);

// The fewest digits that read back to the same double, laid out as Python's repr: 100.0, 1e+16, 5e-324,
// 0.0001, 1e-05. Returns text.
const char *ss_float64_format(double value, char text[SS_NUMBER_TEXT_SIZE]);
// The same without a final NUL; returns how many bytes it wrote, of SS_NUMBER_TEXT_SIZE that must be there.
size_t ss_float64_write(double value, char *text);

// The same of a float32: the fewest digits that, read as a double and then rounded to a float32, give it
// back.
const char *ss_float32_format(float value, char text[SS_NUMBER_TEXT_SIZE]);

// scaled decimal: (1250, 2) -> "12.50"; (-5, 2) -> "-0.05"; scale 0 -> no point. Returns text.
const char *ss_decimal_format(int64_t value, unsigned scale, char text[SS_NUMBER_TEXT_SIZE]);
size_t ss_decimal_write(int64_t value, unsigned scale, char *text); // as ss_float64_write

// 10^exponent for 0..18.
int64_t ss_power_of_ten(unsigned exponent);

// NaN and infinities are null everywhere, -0 is +0 (DESIGN C10). True if the double is finite; *value loses
// its minus zero.
bool ss_float64_normalise(double *value);

#endif
