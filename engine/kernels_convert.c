// Kernels of casts to and from doubles and text. What does not fit its type is null.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/float_environment.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/bytecode.h"

static void store(struct ss_register *out, int32_t row, bool valid, int64_t value)
{
    out->valid[row] = valid;
    out->i64[row] = valid ? value : 0;
}

bool ss_kernel_float64_to_int64(const struct ss_run *run, const struct ss_instruction *instruction,
                                struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        const double value = a->f64[row];
        const bool fits = value >= -0x1p63 && value < 0x1p63;
        store(out, row, a->valid[row] && fits, fits ? (int64_t)value : 0);
    }
    return true;
}

// |value| * unit rounded to nearest, ties to even, without an error in between: a double is an integer of 53
// bits times a power of two, the unit has at most 60 bits. False when it is above the decimal limit.
static bool scale_double(double value, int64_t unit, int64_t *scaled)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const int biased = (int)(bits >> 52 & 0x7ff);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    const int exponent = (biased ? biased : 1) - 1075;
    const ss_uint128 product =
        (ss_uint128)(biased ? fraction | UINT64_C(1) << 52 : fraction) * (uint64_t)unit;
    ss_uint128 rounded = product;
    if (exponent > 0) {
        if (exponent > 10) return product == 0; // 2^52 * 2^11 is above 10^18 already
        rounded = product << exponent;
    } else if (exponent < 0) {
        const int shift = -exponent < 120 ? -exponent : 120; // the product has at most 113 bits: below a half
        const ss_uint128 half = (ss_uint128)1 << (shift - 1), rest = product & ((half << 1) - 1);
        rounded = product >> shift;
        if (rest > half || (rest == half && (rounded & 1))) rounded++;
    }
    if (rounded > (ss_uint128)SS_DECIMAL_LIMIT) return false;
    *scaled = value < 0 ? -(int64_t)rounded : (int64_t)rounded;
    return true;
}

bool ss_kernel_float64_to_decimal(const struct ss_run *run, const struct ss_instruction *instruction,
                                  struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const int64_t unit = ss_power_of_ten(instruction->type.scale);
    for (int32_t row = 0; row < run->rows; row++) {
        int64_t scaled = 0;
        const bool fits = scale_double(a->f64[row], unit, &scaled);
        store(out, row, a->valid[row] && fits, scaled);
    }
    return true;
}

bool ss_kernel_bool_to_int64(const struct ss_run *run, const struct ss_instruction *instruction,
                             struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) store(out, row, a->valid[row], a->boolean[row]);
    return true;
}

bool ss_kernel_text_to_int64(const struct ss_run *run, const struct ss_instruction *instruction,
                             struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        int64_t value = 0;
        const bool valid = a->valid[row] && ss_int64_parse(a->text[row], &value);
        store(out, row, valid, value);
    }
    return true;
}

bool ss_kernel_text_to_float64(const struct ss_run *run, const struct ss_instruction *instruction,
                               struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        double value = 0.0;
        const bool valid =
            a->valid[row] && ss_float64_parse(a->text[row], &value) && ss_float64_normalise(&value);
        out->valid[row] = valid;
        out->f64[row] = valid ? value : 0.0;
    }
    return true;
}

bool ss_kernel_text_to_decimal(const struct ss_run *run, const struct ss_instruction *instruction,
                               struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        int64_t value = 0;
        const bool valid = a->valid[row] && ss_decimal_parse(a->text[row], instruction->type.scale, &value);
        store(out, row, valid, value);
    }
    return true;
}

bool ss_kernel_text_to_bool(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        const bool is_true = ss_bytes_equal(a->text[row], ss_bytes_of("true"));
        const bool is_false = ss_bytes_equal(a->text[row], ss_bytes_of("false"));
        out->valid[row] = a->valid[row] & (is_true | is_false);
        out->boolean[row] = out->valid[row] & is_true;
    }
    return true;
}

bool ss_kernel_text_to_timestamp(const struct ss_run *run, const struct ss_instruction *instruction,
                                 struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_zone *zone = instruction->setting ? instruction->setting->zone : NULL;
    for (int32_t row = 0; row < run->rows; row++) {
        int64_t value = 0;
        const bool valid = a->valid[row] && ss_time_parse(a->text[row], SS_UNIT_TEXT, zone, &value);
        store(out, row, valid, value);
    }
    return true;
}

// Every value of these types fits into it.
#define VALUE_TEXT_SIZE 64

static const char *format_value(struct ss_type type, const struct ss_register *from, int32_t row,
                                char text[VALUE_TEXT_SIZE])
{
    switch (type.id) {
    case SS_BOOL: return from->boolean[row] ? "true" : "false";
    case SS_FLOAT64: return ss_float64_format(from->f64[row], text);
    case SS_DECIMAL: return ss_decimal_format(from->i64[row], type.scale, text);
    case SS_TIMESTAMP: return ss_time_format(from->i64[row], text);
    default: break;
    }
    snprintf(text, VALUE_TEXT_SIZE, "%" PRId64, from->i64[row]);
    return text;
}

static bool store_text(const struct ss_run *run, struct ss_register *out, int32_t row, const void *text,
                       size_t size)
{
    const char *copy = ss_arena_copy(run->arena, text, size);
    out->valid[row] = copy != NULL;
    out->text[row] = (struct ss_bytes){copy, copy ? size : 0};
    return copy != NULL;
}

// Bytes, lists and vectors: of any size, so through a buffer.
static bool long_values_to_text(const struct ss_run *run, const struct ss_instruction *instruction,
                                struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    struct ss_buffer buffer = {0};
    bool stored = true;
    for (int32_t row = 0; stored && row < run->rows; row++) {
        if (!a->valid[row]) continue; // the registers come zeroed
        ss_buffer_clear(&buffer);
        ss_value_format(instruction->operand_type, (struct ss_value){.present = true, .text = a->text[row]},
                        &buffer);
        if (buffer.failed)
            stored = false;
        else if (buffer.size <= SS_RESULT_TEXT_MAX_BYTES)
            stored = store_text(run, out, row, buffer.data, buffer.size);
    }
    ss_buffer_release(&buffer);
    return stored;
}

bool ss_kernel_to_text(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    if (ss_type_is_text(instruction->operand_type)) return long_values_to_text(run, instruction, out);
    for (int32_t row = 0; row < run->rows; row++) {
        char text[VALUE_TEXT_SIZE];
        if (!a->valid[row]) continue;
        const char *formatted = format_value(instruction->operand_type, a, row, text);
        if (!store_text(run, out, row, formatted, strlen(formatted))) return false;
    }
    return true;
}
