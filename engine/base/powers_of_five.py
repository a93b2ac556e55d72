#!/usr/bin/env python3
"""Writes powers_of_five.h: the first 128 bits of 5^q for every q that a double can need, cut off; but from
5^-27 to 5^-1 rounded up, which makes products that lie exactly between two doubles recognisable (Lemire 2021,
section 6). Run in this folder; tests/unit/test_number_parse.c computes them again."""

LEAST, MOST, LEAST_ROUNDED_UP = -342, 308, -27


def word_pair(q):
    power = 5 ** abs(q)
    if q < 0:
        spare = 127 if q >= LEAST_ROUNDED_UP else power.bit_length() + 128
        power = (1 << (power.bit_length() + spare)) // power + 1
    power <<= max(0, 128 - power.bit_length())
    return power >> (power.bit_length() - 128)


with open("powers_of_five.h", "w", encoding="ascii") as out:
    out.write("// Made by powers_of_five.py: the first 128 bits of 5^q, high word first.\n")
    out.write("#ifndef SS_ENGINE_BASE_POWERS_OF_FIVE_H\n#define SS_ENGINE_BASE_POWERS_OF_FIVE_H\n\n")
    out.write("#include <stdint.h>\n\n")
    out.write(f"#define SS_LEAST_POWER_OF_FIVE ({LEAST})\n#define SS_MOST_POWER_OF_FIVE  {MOST}\n\n")
    out.write("// clang-format off\nstatic const uint64_t ss_powers_of_five[][2] = {\n")
    for q in range(LEAST, MOST + 1):
        pair = word_pair(q)
        out.write(f"    {{0x{pair >> 64:016x}, 0x{pair & (1 << 64) - 1:016x}}},\n")
    out.write("};\n// clang-format on\n\n#endif\n")
