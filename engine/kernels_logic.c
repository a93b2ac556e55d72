// Kernels of bools, nulls and choices. A bool that is null holds 0.
#include "engine/bytecode.h"

bool ss_kernel_and(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const uint8_t a_false = a->valid[row] & !a->boolean[row], b_false = b->valid[row] & !b->boolean[row];
        out->valid[row] = (a->valid[row] & b->valid[row]) | a_false | b_false;
        out->boolean[row] = a->boolean[row] & b->boolean[row];
    }
    return true;
}

bool ss_kernel_or(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->boolean[row] = a->boolean[row] | b->boolean[row];
        out->valid[row] = (a->valid[row] & b->valid[row]) | out->boolean[row];
    }
    return true;
}

bool ss_kernel_not(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row];
        out->boolean[row] = a->valid[row] & !a->boolean[row];
    }
    return true;
}

bool ss_kernel_is_null(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = 1;
        out->boolean[row] = !a->valid[row];
    }
    return true;
}

bool ss_kernel_is_not_null(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = 1;
        out->boolean[row] = a->valid[row];
    }
    return true;
}

bool ss_kernel_equal_bool(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row] & b->valid[row];
        out->boolean[row] = out->valid[row] & (a->boolean[row] == b->boolean[row]);
    }
    return true;
}

bool ss_kernel_differ_bool(const struct ss_run *run, const struct ss_instruction *instruction,
                           struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        out->valid[row] = a->valid[row] & b->valid[row];
        out->boolean[row] = out->valid[row] & (a->boolean[row] != b->boolean[row]);
    }
    return true;
}

// ---- Choices

static void copy_value(struct ss_type type, struct ss_register *out, const struct ss_register *from,
                       int32_t row)
{
    if (type.id == SS_BOOL)
        out->boolean[row] = from->boolean[row];
    else if (ss_type_is_text(type))
        out->text[row] = from->text[row];
    else if (type.id == SS_FLOAT64)
        out->f64[row] = from->f64[row];
    else
        out->i64[row] = from->i64[row];
    out->valid[row] = from->valid[row];
}

bool ss_kernel_select(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *condition = ss_operand(run, instruction, 0);
    const struct ss_register *yes = ss_operand(run, instruction, 1), *no = ss_operand(run, instruction, 2);
    for (int32_t row = 0; row < run->rows; row++)
        copy_value(instruction->type, out, condition->boolean[row] ? yes : no, row);
    return true;
}

bool ss_kernel_pick(const struct ss_run *run, const struct ss_instruction *instruction,
                    struct ss_register *out)
{
    const struct ss_register *condition = ss_operand(run, instruction, 0);
    const struct ss_register *yes = ss_operand(run, instruction, 1), *no = ss_operand(run, instruction, 2);
    for (int32_t row = 0; row < run->rows; row++) {
        if (condition->valid[row])
            copy_value(instruction->type, out, condition->boolean[row] ? yes : no, row);
    }
    return true;
}

bool ss_kernel_coalesce(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0), *b = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++)
        copy_value(instruction->type, out, a->valid[row] ? a : b, row);
    return true;
}
