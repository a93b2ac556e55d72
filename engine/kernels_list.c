// Kernels of lists and bytes: length, element, contains; hex and from_hex.
//
// A list is read from its front (list.h). Bytes that are no list of its type, which no input has, end it.
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/list.h"
#include "engine/bytecode.h"

bool ss_kernel_bytes_length(const struct ss_run *run, const struct ss_instruction *instruction,
                            struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row];
        out->i64[row] = (int64_t)a->text[row].size;
    }
    return true;
}

bool ss_kernel_list_length(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_type element = ss_element_of(instruction->operand_type);
    for (int32_t row = 0; row < run->rows; row++) {
        const int64_t length = ss_list_length(element, a->text[row]);
        out->valid[row] = a->valid[row] & (length >= 0);
        out->i64[row] = out->valid[row] ? length : 0;
    }
    return true;
}

static struct ss_value value_at(struct ss_type type, const struct ss_register *from, int32_t row)
{
    struct ss_value value = {.present = from->valid[row]};
    if (!value.present) return value;
    if (type.id == SS_BOOL)
        value.boolean = from->boolean[row];
    else if (ss_type_is_text(type))
        value.text = from->text[row];
    else
        value.i64 = from->i64[row]; // a double's bits too
    return value;
}

static void store_value(struct ss_type type, struct ss_value value, struct ss_register *out, int32_t row)
{
    out->valid[row] = value.present;
    if (!value.present) return; // the registers come zeroed
    if (type.id == SS_BOOL)
        out->boolean[row] = value.boolean;
    else if (ss_type_is_text(type))
        out->text[row] = value.text;
    else
        out->i64[row] = value.i64;
}

bool ss_kernel_list_contains(const struct ss_run *run, const struct ss_instruction *instruction,
                             struct ss_register *out)
{
    const struct ss_register *list = ss_operand(run, instruction, 0), *x = ss_operand(run, instruction, 1);
    const struct ss_type type = ss_element_of(instruction->operand_type);
    for (int32_t row = 0; row < run->rows; row++) {
        struct ss_bytes rest = list->text[row];
        struct ss_value element;
        if (!(list->valid[row] & x->valid[row])) continue;
        const struct ss_value wanted = value_at(type, x, row);
        out->valid[row] = 1;
        while (!out->boolean[row] && ss_list_next(type, &rest, &element))
            out->boolean[row] = ss_value_equal(type, element, wanted);
    }
    return true;
}

bool ss_kernel_element(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out)
{
    const struct ss_register *list = ss_operand(run, instruction, 0), *i = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        struct ss_bytes rest = list->text[row];
        struct ss_value element;
        if (!(list->valid[row] & i->valid[row])) continue;
        int64_t left = i->i64[row];
        while (left > 0 && ss_list_next(instruction->type, &rest, &element)) left--;
        if (i->i64[row] > 0 && left == 0) store_value(instruction->type, element, out, row);
    }
    return true;
}

// ---- Hex

bool ss_kernel_hex(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes bytes = a->text[row];
        if (!a->valid[row] || bytes.size > SS_RESULT_TEXT_MAX_BYTES / 2) continue;
        char *text = ss_arena_alloc(run->arena, 2 * bytes.size);
        if (!text) return false;
        ss_hex_write((const uint8_t *)bytes.data, bytes.size, text);
        out->valid[row] = 1;
        out->text[row] = (struct ss_bytes){text, 2 * bytes.size};
    }
    return true;
}

// -1: none.
static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9') return letter - '0';
    const char lower = (char)(letter | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool read_hex(struct ss_bytes text, char *bytes)
{
    for (size_t i = 0; i + 1 < text.size; i += 2) {
        const int high = digit_of(text.data[i]), low = digit_of(text.data[i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i / 2] = (char)(high * 16 + low);
    }
    return text.size % 2 == 0;
}

bool ss_kernel_from_hex(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row];
        if (!a->valid[row]) continue;
        char *bytes = ss_arena_alloc(run->arena, text.size / 2);
        if (!bytes) return false;
        if (!read_hex(text, bytes)) continue;
        out->valid[row] = 1;
        out->text[row] = (struct ss_bytes){bytes, text.size / 2};
    }
    return true;
}
