// Kernels of exact arithmetic: int64, decimal and timestamp, all int64_t in memory.
//
// Operands of different scale are multiplied by their factors in 128 bits (10^18 * 2^63 is below 2^123), so
// nothing is lost on the way; only the result is checked against [low, high]. Rows that are not valid hold 0,
// which is harmless in every operation here.
#include "engine/base/float_environment.h"
#include "engine/base/number.h"
#include "engine/bytecode.h"

static bool has_factors(const struct ss_instruction *instruction)
{
    return instruction->factors[0] != 1 || instruction->factors[1] != 1;
}

static void store(struct ss_register *out, int32_t row, bool valid, int64_t value)
{
    out->valid[row] = valid;
    out->i64[row] = valid ? value : 0;
}

static void store_wide(const struct ss_instruction *instruction, struct ss_register *out, int32_t row,
                       bool valid, ss_int128 value)
{
    const bool fits = value >= instruction->low && value <= instruction->high;
    store(out, row, valid && fits, fits ? (int64_t)value : 0);
}

// A sum or difference: `builtin` computes it with an overflow flag, `symbol` in 128 bits.
#define SUM_KERNEL(name, builtin, symbol)                                                                    \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1); \
        const int64_t low = instruction->low, high = instruction->high;                                      \
        const ss_int128 factor_a = instruction->factors[0], factor_b = instruction->factors[1];              \
        for (int32_t row = 0; has_factors(instruction) && row < run->rows; row++)                            \
            store_wide(instruction, out, row, a->valid[row] & b->valid[row],                                 \
                       a->i64[row] * factor_a symbol b->i64[row] * factor_b);                                \
        for (int32_t row = 0; !has_factors(instruction) && row < run->rows; row++) {                         \
            int64_t result;                                                                                  \
            const bool fits =                                                                                \
                !builtin(a->i64[row], b->i64[row], &result) && result >= low && result <= high;              \
            store(out, row, a->valid[row] & b->valid[row] & fits, result);                                   \
        }                                                                                                    \
        return true;                                                                                         \
    }

SUM_KERNEL(ss_kernel_add_exact, __builtin_add_overflow, +)
SUM_KERNEL(ss_kernel_subtract_exact, __builtin_sub_overflow, -)

bool ss_kernel_multiply_exact(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++)
        store_wide(instruction, out, row, a->valid[row] & b->valid[row],
                   (ss_int128)a->i64[row] * b->i64[row]);
    return true;
}

// ---- Division

static int bit_length(ss_uint128 value)
{
    const uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    if (high) return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

// 2^exponent for exponents of normal doubles, all that a quotient of 124-bit numbers can need.
static double power_of_two(int exponent)
{
    const union {
        uint64_t bits;
        double value;
    } power = {.bits = (uint64_t)(exponent + 1023) << 52};
    return power.value;
}

double ss_round_ratio(bool negative, ss_uint128 numerator, ss_uint128 denominator)
{
    // Shift the shorter one up until 1/2 < numerator / denominator < 2, then take 55 binary digits of the
    // quotient.
    int exponent = bit_length(numerator) - bit_length(denominator);
    if (exponent > 0)
        denominator <<= exponent;
    else
        numerator <<= -exponent;
    if (numerator < denominator) {
        numerator <<= 1;
        exponent--;
    }
    uint64_t quotient = 0; // leading digit 1, 53 more: the last is the one to round
    for (int digit = 0; digit < 54; digit++) {
        const bool one = numerator >= denominator;
        quotient = quotient << 1 | one;
        if (one) numerator -= denominator;
        numerator <<= 1;
    }
    const bool half = quotient & 1, rest = numerator != 0;
    quotient >>= 1;
    quotient += half && (rest || (quotient & 1));
    const double magnitude = (double)quotient * power_of_two(exponent - 52);
    return negative ? -magnitude : magnitude;
}

static bool is_exact_double(ss_int128 value)
{
    const ss_int128 limit = (ss_int128)1 << 53;
    return value >= -limit && value <= limit;
}

static ss_uint128 magnitude_of(ss_int128 value)
{
    return value < 0 ? -(ss_uint128)value : (ss_uint128)value;
}

static double exact_quotient(ss_int128 numerator, ss_int128 denominator)
{
    if (numerator == 0) return 0.0;
    if (is_exact_double(numerator) && is_exact_double(denominator))
        return (double)numerator / (double)denominator;
    return ss_round_ratio((numerator < 0) != (denominator < 0), magnitude_of(numerator),
                          magnitude_of(denominator));
}

bool ss_kernel_divide_exact(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const ss_int128 numerator = (ss_int128)a->i64[row] * instruction->factors[0];
        const ss_int128 denominator = (ss_int128)b->i64[row] * instruction->factors[1];
        const bool valid = a->valid[row] && b->valid[row] && denominator != 0;
        out->valid[row] = valid;
        out->f64[row] = valid ? exact_quotient(numerator, denominator) : 0.0;
    }
    return true;
}

bool ss_kernel_exact_to_float64(const struct ss_run *run, const struct ss_instruction *instruction,
                                struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const int64_t unit = ss_power_of_ten(instruction->operand_type.scale);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row];
        out->f64[row] = unit == 1 ? (double)a->i64[row] : exact_quotient(a->i64[row], unit);
    }
    return true;
}

bool ss_kernel_div(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const int64_t x = a->i64[row], y = b->i64[row];
        const bool valid = a->valid[row] && b->valid[row] && y != 0 && !(x == INT64_MIN && y == -1);
        store(out, row, valid, valid ? x / y : 0);
    }
    return true;
}

bool ss_kernel_mod(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const int64_t x = a->i64[row], y = b->i64[row];
        const bool valid = a->valid[row] && b->valid[row] && y != 0;
        store(out, row, valid, valid && y != -1 ? x % y : 0); // INT64_MIN % -1 traps
    }
    return true;
}

// ---- One operand

bool ss_kernel_negate_exact(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++)
        store_wide(instruction, out, row, a->valid[row], -(ss_int128)a->i64[row]);
    return true;
}

bool ss_kernel_abs_exact(const struct ss_run *run, const struct ss_instruction *instruction,
                         struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        const ss_int128 value = a->i64[row];
        store_wide(instruction, out, row, a->valid[row], value < 0 ? -value : value);
    }
    return true;
}

bool ss_kernel_sign_exact(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++)
        store(out, row, a->valid[row], (a->i64[row] > 0) - (a->i64[row] < 0));
    return true;
}

// ---- Scales

// numerator / unit rounded to nearest, ties to even.
static ss_int128 divide_to_even(ss_int128 numerator, ss_int128 unit)
{
    const ss_int128 quotient = numerator / unit, rest = numerator % unit;
    const ss_int128 twice = 2 * (rest < 0 ? -rest : rest);
    if (twice < unit || (twice == unit && quotient % 2 == 0)) return quotient;
    return numerator < 0 ? quotient - 1 : quotient + 1;
}

bool ss_kernel_rescale(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const unsigned from = instruction->operand_type.scale, to = instruction->type.scale;
    const ss_int128 factor = ss_power_of_ten(to > from ? to - from : 0);
    const ss_int128 unit = ss_power_of_ten(from > to ? from - to : 0);
    for (int32_t row = 0; row < run->rows; row++)
        store_wide(instruction, out, row, a->valid[row], divide_to_even(a->i64[row] * factor, unit));
    return true;
}

static int64_t floor_quotient(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

bool ss_kernel_exact_to_int64(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const int64_t unit = ss_power_of_ten(instruction->operand_type.scale);
    for (int32_t row = 0; row < run->rows; row++) store(out, row, a->valid[row], a->i64[row] / unit);
    return true;
}

bool ss_kernel_floor_decimal(const struct ss_run *run, const struct ss_instruction *instruction,
                             struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const int64_t unit = ss_power_of_ten(instruction->operand_type.scale);
    for (int32_t row = 0; row < run->rows; row++)
        store(out, row, a->valid[row], floor_quotient(a->i64[row], unit));
    return true;
}

bool ss_kernel_ceil_decimal(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const int64_t unit = ss_power_of_ten(instruction->operand_type.scale);
    for (int32_t row = 0; row < run->rows; row++)
        store(out, row, a->valid[row], -floor_quotient(-a->i64[row], unit));
    return true;
}

// ---- Comparisons

#define COMPARISON_KERNEL(name, symbol)                                                                      \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1); \
        const ss_int128 factor_a = instruction->factors[0], factor_b = instruction->factors[1];              \
        const bool plain = !has_factors(instruction);                                                        \
        for (int32_t row = 0; row < run->rows; row++) {                                                      \
            const bool valid = a->valid[row] & b->valid[row];                                                \
            const bool holds = plain ? a->i64[row] symbol b->i64[row]                                        \
                                     : a->i64[row] * factor_a symbol b->i64[row] * factor_b;                 \
            out->valid[row] = valid;                                                                         \
            out->boolean[row] = valid & holds;                                                               \
        }                                                                                                    \
        return true;                                                                                         \
    }

COMPARISON_KERNEL(ss_kernel_equal_exact, ==)
COMPARISON_KERNEL(ss_kernel_differ_exact, !=)
COMPARISON_KERNEL(ss_kernel_less_exact, <)
COMPARISON_KERNEL(ss_kernel_at_most_exact, <=)
