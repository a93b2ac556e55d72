// Instructions -> columns.
//
// A run takes one piece of arena memory for all registers, sized by its number of rows: first the values that
// are 8 or 16 bytes wide, then bytes (validity, bools). Then it goes through the instructions once. A number
// column that is an input is read in place; a constant over one row is read in the program. Outputs that are
// an input are views of it, and an input that is nothing else costs no more; the others get their bitmaps
// here, and strings their offsets.
#include <string.h>

#include "engine/bytecode.h"

static const struct {
    const char *name;
    ss_kernel *kernel;
    int operands;
} opcodes[] = {
#define SS_OPCODE_ROW(code, name, kernel, operands) [code] = {name, kernel, operands},
    SS_OPCODE_TABLE(SS_OPCODE_ROW)
#undef SS_OPCODE_ROW
};

const char *ss_opcode_name(enum ss_opcode opcode)
{
    return opcodes[opcode].name;
}

int ss_opcode_operands(enum ss_opcode opcode)
{
    return opcodes[opcode].operands;
}

bool ss_instruction_run(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out)
{
    return opcodes[instruction->opcode].kernel(run, instruction, out);
}

size_t ss_program_output_count(const struct ss_program *program)
{
    return (size_t)program->output_count;
}

struct ss_type ss_program_output_type(const struct ss_program *program, size_t output)
{
    return program->instructions[program->outputs[output]].type;
}

// ---- Inputs and constants

static void widen_bits(const uint8_t *bits, int32_t rows, uint8_t *bytes)
{
    int32_t row = 0;
    for (; row + 8 <= rows; row += 8) {
        const uint8_t eight = bits[row >> 3];
        if (eight == 0xff) {
            memset(bytes + row, 1, 8);
        } else {
            for (int bit = 0; bit < 8; bit++) bytes[row + bit] = (eight >> bit) & 1;
        }
    }
    for (; row < rows; row++) bytes[row] = ss_bit_get(bits, row);
}

bool ss_kernel_input(const struct ss_run *run, const struct ss_instruction *instruction,
                     struct ss_register *out)
{
    const struct ss_column *column = run->inputs[instruction->input];
    SS_ASSERT(column && ss_type_equal(column->type, instruction->type));
    widen_bits(column->validity, run->rows, out->valid);
    if (column->type.id == SS_BOOL) {
        widen_bits(column->bits, run->rows, out->boolean);
    } else if (ss_type_is_text(column->type)) {
        const char *const data = column->data ? column->data : ""; // no row has a byte
        for (int32_t row = 0; row < run->rows; row++) {
            const int32_t start = column->offsets[row];
            out->text[row].data = data + start;
            out->text[row].size = (size_t)(column->offsets[row + 1] - start);
        }
    } else {
        out->i64 = column->i64; // read in place; no kernel writes to its operands
    }
    return true;
}

bool ss_kernel_constant(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out)
{
    const struct ss_cell *cell = &instruction->cell;
    if (!cell->valid) return true; // the registers come zeroed
    memset(out->valid, 1, (size_t)run->rows);
    if (instruction->type.id == SS_BOOL) {
        memset(out->boolean, cell->boolean, (size_t)run->rows);
    } else if (ss_type_is_text(instruction->type)) {
        for (int32_t row = 0; row < run->rows; row++) out->text[row] = cell->text;
    } else {
        for (int32_t row = 0; row < run->rows; row++) out->i64[row] = cell->i64;
    }
    return true;
}

// ---- Outputs

static void pack_bytes(const uint8_t *bytes, int32_t rows, uint8_t *bits)
{
    for (int32_t row = 0; row < rows; row++) {
        if (bytes[row]) bits[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
}

static bool pack_text(const struct ss_register *from, int32_t rows, struct ss_arena *arena,
                      struct ss_column *column)
{
    size_t size = 0;
    for (int32_t row = 0; row < rows; row++) size += from->text[row].size;
    if (size > INT32_MAX) return false;
    column->offsets = ss_arena_array(arena, (size_t)rows + 1, sizeof(int32_t));
    column->data = ss_arena_alloc(arena, size + 1);
    if (!column->offsets || !column->data) return false;
    int32_t at = 0;
    for (int32_t row = 0; row < rows; row++) {
        const struct ss_bytes text = from->text[row];
        if (text.size) memcpy(column->data + at, text.data, text.size);
        at += (int32_t)text.size;
        column->offsets[row + 1] = at;
    }
    column->data_capacity = at;
    return true;
}

static bool pack_output(const struct ss_instruction *instruction, const struct ss_register *from,
                        const struct ss_run *run, struct ss_column *column)
{
    const size_t bitmap_bytes = ((size_t)run->rows + 7) / 8;
    uint8_t *bits = ss_arena_alloc(run->arena, 2 * bitmap_bytes);
    *column = (struct ss_column){.type = instruction->type, .length = run->rows, .capacity = run->rows};
    if (!bits) return false;
    column->validity = bits;
    pack_bytes(from->valid, run->rows, column->validity);
    if (ss_type_is_text(column->type)) return pack_text(from, run->rows, run->arena, column);
    if (column->type.id == SS_BOOL) {
        column->bits = bits + bitmap_bytes;
        pack_bytes(from->boolean, run->rows, column->bits);
    } else {
        column->i64 = from->i64;
    }
    return true;
}

static void pass_on_input(const struct ss_instruction *instruction, const struct ss_column *const *inputs,
                          int32_t rows, struct ss_column *output)
{
    const struct ss_column *input = inputs[instruction->input];
    SS_ASSERT(input && ss_type_equal(input->type, instruction->type));
    *output = *input;
    output->length = rows;
}

static void pass_on(const struct ss_program *program, const struct ss_column *const *inputs, int32_t rows,
                    struct ss_column *outputs)
{
    for (int32_t i = 0; i < program->output_count; i++)
        pass_on_input(&program->instructions[program->outputs[i]], inputs, rows, &outputs[i]);
}

static bool pack_outputs(const struct ss_program *program, const struct ss_run *run,
                         struct ss_column *outputs)
{
    for (int32_t i = 0; i < program->output_count; i++) {
        const int32_t reg = program->outputs[i];
        const struct ss_instruction *instruction = &program->instructions[reg];
        if (instruction->opcode == SS_OP_INPUT) {
            pass_on_input(instruction, run->inputs, run->rows, &outputs[i]);
        } else if (!pack_output(instruction, &run->registers[reg], run, &outputs[i])) {
            return false;
        }
    }
    return true;
}

// ---- The run

static bool run_instructions(const struct ss_program *program, const struct ss_run *run,
                             struct ss_register *registers, uint8_t *memory)
{
    const size_t rows = (size_t)run->rows;
    uint8_t *wide = memory, *narrow = memory + (size_t)program->wide_bytes * rows;
    for (int32_t i = 0; i < program->count; i++) {
        const struct ss_instruction *instruction = &program->instructions[i];
        struct ss_register *out = &registers[i];
        if (ss_is_passed_on(instruction)) continue;
        out->values = wide;
        wide += (size_t)ss_wide_bytes(instruction) * rows;
        out->valid = narrow;
        if (instruction->type.id == SS_BOOL) out->boolean = narrow + rows;
        narrow += (size_t)ss_narrow_bytes(instruction) * rows;
        if (!ss_instruction_run(run, instruction, out)) return false;
    }
    return true;
}

bool ss_program_reads(const struct ss_program *program, size_t input)
{
    for (int32_t i = 0; i < program->count; i++)
        if (program->instructions[i].opcode == SS_OP_INPUT &&
            program->instructions[i].input == (int32_t)input)
            return true;
    return false;
}

enum ss_status ss_program_run(const struct ss_program *program, const struct ss_column *const *inputs,
                              int32_t rows, struct ss_arena *arena, struct ss_column *outputs,
                              struct ss_error *error)
{
    SS_ASSERT(rows >= 0 && rows <= SS_BATCH_ROWS);
    if (program->narrow_bytes == 0) { // of no register: everything is passed on
        pass_on(program, inputs, rows, outputs);
        return SS_OK;
    }
    const size_t row_bytes = (size_t)program->wide_bytes + (size_t)program->narrow_bytes;
    struct ss_register *registers = ss_arena_array(arena, (size_t)program->count + 1, sizeof(*registers));
    uint8_t *memory = ss_arena_alloc(arena, row_bytes * (size_t)rows + 1);
    const struct ss_run run = {rows, inputs, registers, arena};
    if (!registers || !memory || !run_instructions(program, &run, registers, memory) ||
        !pack_outputs(program, &run, outputs))
        return ss_fail_memory(error, "the values of a program's run");
    return SS_OK;
}
