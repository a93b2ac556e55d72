// Kernels that put strings together and look into them: concat, starts_with, ends_with, contains, replace,
// split_part.
//
// Comparing bytes is enough: valid UTF-8 matches valid UTF-8 only where code points start. What is new is
// written into the run's arena; a result above SS_RESULT_TEXT_MAX_BYTES is null, so a chain of them cannot
// grow without bound. A string that is null is empty.
#include <string.h>

#include "engine/bytecode.h"

static bool is_at(struct ss_bytes text, size_t position, struct ss_bytes part)
{
    return part.size == 0 || memcmp(text.data + position, part.data, part.size) == 0;
}

// Where the part stands first at or after `from`; SIZE_MAX: nowhere.
static size_t find(struct ss_bytes text, size_t from, struct ss_bytes part)
{
    if (part.size > text.size - from) return SIZE_MAX;
    if (part.size == 0) return from;
    const char *at = memmem(text.data + from, text.size - from, part.data, part.size);
    return at ? (size_t)(at - text.data) : SIZE_MAX;
}

static void store_truth(struct ss_register *out, int32_t row, bool valid, bool holds)
{
    out->valid[row] = valid;
    out->boolean[row] = valid & holds;
}

bool ss_kernel_starts_with(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row], part = b->text[row];
        store_truth(out, row, a->valid[row] & b->valid[row], part.size <= text.size && is_at(text, 0, part));
    }
    return true;
}

bool ss_kernel_ends_with(const struct ss_run *run, const struct ss_instruction *instruction,
                         struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row], part = b->text[row];
        store_truth(out, row, a->valid[row] & b->valid[row],
                    part.size <= text.size && is_at(text, text.size - part.size, part));
    }
    return true;
}

bool ss_kernel_contains(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++)
        store_truth(out, row, a->valid[row] & b->valid[row], find(a->text[row], 0, b->text[row]) != SIZE_MAX);
    return true;
}

bool ss_kernel_concat(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes left = a->text[row], right = b->text[row];
        const size_t size = left.size + right.size;
        out->valid[row] = a->valid[row] & b->valid[row] & (size <= SS_RESULT_TEXT_MAX_BYTES);
        if (!out->valid[row]) continue;
        char *joined = ss_arena_alloc(run->arena, size);
        if (!joined) return false;
        if (left.size) memcpy(joined, left.data, left.size);
        if (right.size) memcpy(joined + left.size, right.data, right.size);
        out->text[row] = (struct ss_bytes){joined, size};
    }
    return true;
}

// ---- replace

// The size of the text with every `from` replaced.
static size_t replaced_size(struct ss_bytes text, struct ss_bytes from, struct ss_bytes to)
{
    size_t size = text.size;
    for (size_t at = find(text, 0, from); at != SIZE_MAX && size <= SS_RESULT_TEXT_MAX_BYTES + from.size;
         at = find(text, at + from.size, from))
        size = size - from.size + to.size;
    return size;
}

static void write_replaced(struct ss_bytes text, struct ss_bytes from, struct ss_bytes to, char *written)
{
    size_t taken = 0;
    for (size_t at = find(text, 0, from); at != SIZE_MAX; at = find(text, taken, from)) {
        memcpy(written, text.data + taken, at - taken);
        written += at - taken;
        if (to.size) memcpy(written, to.data, to.size);
        written += to.size;
        taken = at + from.size;
    }
    memcpy(written, text.data + taken, text.size - taken);
}

bool ss_kernel_replace(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_register *b = ss_operand(run, instruction, 1), *c = ss_operand(run, instruction, 2);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row], from = b->text[row], to = c->text[row];
        if (!(a->valid[row] & b->valid[row] & c->valid[row])) continue; // the registers come zeroed
        const bool is_same = from.size == 0 || find(text, 0, from) == SIZE_MAX;
        const size_t size = is_same ? text.size : replaced_size(text, from, to);
        if (!is_same && size > SS_RESULT_TEXT_MAX_BYTES) continue;
        out->valid[row] = 1;
        out->text[row] = text;
        if (is_same) continue;
        char *written = ss_arena_alloc(run->arena, size);
        if (!written) return false;
        write_replaced(text, from, to, written);
        out->text[row] = (struct ss_bytes){written, size};
    }
    return true;
}

// ---- split_part

static int64_t count_parts(struct ss_bytes text, struct ss_bytes separator)
{
    int64_t count = 1;
    for (size_t at = find(text, 0, separator); at != SIZE_MAX;
         at = find(text, at + separator.size, separator))
        count++;
    return count;
}

// The part of that number, from 1; the text has it.
static struct ss_bytes take_part(struct ss_bytes text, struct ss_bytes separator, int64_t number)
{
    size_t start = 0, end = find(text, 0, separator);
    for (; number > 1; number--) {
        start = end + separator.size;
        end = find(text, start, separator);
    }
    return (struct ss_bytes){text.data + start, (end == SIZE_MAX ? text.size : end) - start};
}

bool ss_kernel_split_part(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_register *b = ss_operand(run, instruction, 1), *c = ss_operand(run, instruction, 2);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes text = a->text[row], separator = b->text[row];
        if (!(a->valid[row] & b->valid[row] & c->valid[row])) continue;
        const int64_t count = separator.size ? count_parts(text, separator) : 1;
        const int64_t number = c->i64[row] < 0 ? c->i64[row] + 1 + count : c->i64[row];
        if (number < 1 || number > count) continue;
        out->valid[row] = 1;
        out->text[row] = count > 1 ? take_part(text, separator, number) : text;
    }
    return true;
}
