// A program as text, one line per instruction.
#include "engine/base/number.h"
#include "engine/bytecode.h"

static void print_cell(const struct ss_instruction *instruction, struct ss_buffer *buffer)
{
    const struct ss_cell *cell = &instruction->cell;
    struct ss_value value = {.present = cell->valid};
    if (!cell->valid) {
        ss_buffer_text(buffer, " null");
        return;
    }
    if (instruction->type.id == SS_BOOL)
        value.boolean = cell->boolean;
    else if (instruction->type.id == SS_FLOAT64)
        value.f64 = cell->f64;
    else if (ss_type_is_text(instruction->type))
        value.text = cell->text;
    else
        value.i64 = cell->i64;
    const char *const quote = ss_type_is_text(instruction->type) ? "'" : "";
    ss_buffer_format(buffer, " %s", quote);
    ss_value_format(instruction->type, value, buffer);
    ss_buffer_text(buffer, quote);
}

static void print_instruction(const struct ss_program *program, int32_t index, struct ss_buffer *buffer)
{
    const struct ss_instruction *instruction = &program->instructions[index];
    char type[SS_TYPE_TEXT_SIZE];
    ss_buffer_format(buffer, "r%d = %s", index, ss_opcode_name(instruction->opcode));
    if (instruction->opcode == SS_OP_INPUT) ss_buffer_format(buffer, " %d", instruction->input);
    if (instruction->opcode == SS_OP_CONSTANT) print_cell(instruction, buffer);
    for (int k = 0; k < ss_opcode_operands(instruction->opcode); k++)
        ss_buffer_format(buffer, " r%d", instruction->operands[k]);
    ss_buffer_format(buffer, " : %s\n", ss_type_format(instruction->type, type));
}

void ss_program_print(const struct ss_program *program, struct ss_buffer *buffer)
{
    for (int32_t i = 0; i < program->count; i++) print_instruction(program, i, buffer);
    for (int32_t i = 0; i < program->output_count; i++)
        ss_buffer_format(buffer, "output %d = r%d\n", i, program->outputs[i]);
}
