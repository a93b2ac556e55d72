// Kernels of strings: comparisons by bytes, ASCII case and blanks, code points.
//
// Strings are valid UTF-8. A result that is a part of its operand (trim, substr) borrows it; lower and upper
// write into one piece of the run's arena. A string that is null is empty.
#include <string.h>

#include "engine/bytecode.h"

#define COMPARISON_KERNEL(name, symbol)                                                                      \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1); \
        for (int32_t row = 0; row < run->rows; row++) {                                                      \
            const bool valid = a->valid[row] & b->valid[row];                                                \
            out->valid[row] = valid;                                                                         \
            out->boolean[row] = valid && ss_bytes_compare(a->text[row], b->text[row]) symbol 0;              \
        }                                                                                                    \
        return true;                                                                                         \
    }

COMPARISON_KERNEL(ss_kernel_less_text, <)
COMPARISON_KERNEL(ss_kernel_at_most_text, <=)

bool ss_kernel_equal_text(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row] & b->valid[row];
        out->boolean[row] = out->valid[row] && ss_bytes_equal(a->text[row], b->text[row]);
    }
    return true;
}

bool ss_kernel_differ_text(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row] & b->valid[row];
        out->boolean[row] = out->valid[row] && !ss_bytes_equal(a->text[row], b->text[row]);
    }
    return true;
}

// Copies every string, moving the letters from `first` to `first` + 25 by `distance`.
static bool change_case(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out, char first, int distance)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    size_t size = 0;
    for (int32_t row = 0; row < run->rows; row++) size += a->text[row].size;
    char *at = ss_arena_alloc(run->arena, size + 1);
    if (!at) return false;
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row];
        for (size_t i = 0; i < text.size; i++) {
            const char c = text.data[i];
            at[i] = c >= first && c <= first + 25 ? (char)(c + distance) : c;
        }
        out->valid[row] = a->valid[row];
        out->text[row] = (struct ss_bytes){at, text.size};
        at += text.size;
    }
    return true;
}

bool ss_kernel_lower(const struct ss_run *run, const struct ss_instruction *instruction,
                     struct ss_register *out)
{
    return change_case(run, instruction, out, 'A', 'a' - 'A');
}

bool ss_kernel_upper(const struct ss_run *run, const struct ss_instruction *instruction,
                     struct ss_register *out)
{
    return change_case(run, instruction, out, 'a', 'A' - 'a');
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool ss_kernel_trim(const struct ss_run *run, const struct ss_instruction *instruction,
                    struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        struct ss_bytes text = a->text[row];
        while (text.size && is_blank(text.data[text.size - 1])) text.size--;
        for (; text.size && is_blank(text.data[0]); text.size--) text.data++;
        out->valid[row] = a->valid[row];
        out->text[row] = text;
    }
    return true;
}

bool ss_kernel_length(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row];
        out->i64[row] = (int64_t)ss_utf8_length(a->text[row]);
    }
    return true;
}

// ---- substr

// The text without its first `count` code points.
static struct ss_bytes skip_code_points(struct ss_bytes text, uint64_t count)
{
    while (text.size && count) {
        do {
            text.data++;
            text.size--;
        } while (text.size && ((unsigned char)*text.data & 0xc0) == 0x80);
        count--;
    }
    return text;
}

// The code points at positions [from, end), 1-based; positions outside the text hold nothing.
static struct ss_bytes cut(struct ss_bytes text, int64_t from, int64_t end)
{
    if (from < 1) from = 1;
    if (end <= from) return (struct ss_bytes){"", 0};
    const struct ss_bytes rest = skip_code_points(text, (uint64_t)from - 1);
    const struct ss_bytes behind = skip_code_points(rest, (uint64_t)end - (uint64_t)from);
    return (struct ss_bytes){rest.data, rest.size - behind.size};
}

bool ss_kernel_substr_from(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *text = ss_operand(run, instruction, 0), *from = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = text->valid[row] & from->valid[row];
        if (out->valid[row]) out->text[row] = cut(text->text[row], from->i64[row], INT64_MAX);
    }
    return true;
}

bool ss_kernel_substr(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *text = ss_operand(run, instruction, 0);
    const struct ss_register *from = ss_operand(run, instruction, 1),
                             *count = ss_operand(run, instruction, 2);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = text->valid[row] & from->valid[row] & count->valid[row] & (count->i64[row] >= 0);
        if (!out->valid[row]) continue;
        int64_t end;
        if (__builtin_add_overflow(from->i64[row], count->i64[row], &end)) end = INT64_MAX;
        out->text[row] = cut(text->text[row], from->i64[row], end);
    }
    return true;
}
