// The verifier of programs: an expression is built, then fields of the program are overwritten as the input
// says. What ss_program_verify still passes must run over columns of every type without damage, and give
// values of its types.
//
// Input: an expression, a NUL, then changes of 10 bytes each: what, where, 8 bytes of value.
#include "engine/bytecode.h"
#include "engine/setting.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_columns.h"
#include "tests/unit/expression_harness.h"

#define ADDED_MOST 8

struct subject {
    struct harness harness;
    struct ss_program *program;
    struct ss_instruction *instructions; // with room for ADDED_MOST more
    int32_t *outputs;
    int32_t most;
    struct ss_bytes text; // what a constant that became a text holds
};

static bool make_subject(struct ss_bytes text, struct subject *subject)
{
    struct harness *harness = &subject->harness;
    harness_start(harness, text);
    struct ss_node *node = harness_compile(harness, &harness_scope);
    if (!node) return false;
    struct ss_program *program = ss_program_build(&node, 1, &harness->arena);
    SS_ASSERT(program);
    const size_t count = (size_t)program->count;
    subject->most = program->count + ADDED_MOST;
    subject->instructions =
        ss_arena_array(&harness->arena, count + ADDED_MOST, sizeof *subject->instructions);
    subject->outputs = ss_arena_array(&harness->arena, 1, sizeof *subject->outputs);
    SS_ASSERT(subject->instructions && subject->outputs);
    memcpy(subject->instructions, program->instructions, count * sizeof *subject->instructions);
    subject->outputs[0] = program->outputs[0];
    program->instructions = subject->instructions;
    program->outputs = subject->outputs;
    subject->program = program;
    subject->text = text;
    return true;
}

static void count_bytes(struct subject *subject)
{
    struct ss_program *program = subject->program;
    program->wide_bytes = program->narrow_bytes = 0;
    for (int32_t i = 0; i < program->count; i++) {
        struct ss_instruction *instruction = &subject->instructions[i];
        for (int k = 0; k < 3; k++)
            if (instruction->operands[k] >= 0 && instruction->operands[k] < i)
                subject->instructions[instruction->operands[k]].is_operand = true;
    }
    for (int32_t i = 0; i < program->count; i++) {
        if ((unsigned)program->instructions[i].type.id > SS_VECTOR) continue;
        program->narrow_bytes += ss_narrow_bytes(&program->instructions[i]);
        program->wide_bytes += ss_wide_bytes(&program->instructions[i]);
    }
}

static struct ss_type type_from(uint64_t value)
{
    return (struct ss_type){.id = (enum ss_type_id)(value & 15),
                            .element = (enum ss_type_id)(value >> 4 & 15),
                            .scale = (uint8_t)(value >> 8),
                            .length = (uint16_t)(value >> 16)};
}

// A pointer cannot be verified: a constant that becomes a text gets one that can be read.
static void set_type(const struct subject *subject, struct ss_instruction *instruction, uint64_t value)
{
    instruction->type = type_from(value);
    if (ss_type_is_text(instruction->type)) instruction->cell.text = subject->text;
}

static void set_cell(const struct subject *subject, struct ss_instruction *instruction, uint64_t value)
{
    instruction->cell.valid = (uint8_t)(value >> 62);
    if (ss_type_is_text(instruction->type))
        instruction->cell.text = (struct ss_bytes){subject->text.data, value % (subject->text.size + 1)};
    else
        instruction->cell.i64 = (int64_t)(value << 2);
}

// None, that of another instruction, or that with another number: pointers in it stay what they are.
static void set_setting(struct subject *subject, struct ss_instruction *instruction, uint64_t value)
{
    const struct ss_setting *other =
        subject->instructions[(value >> 2) % (uint64_t)subject->program->count].setting;
    instruction->setting = value & 1 ? other : NULL;
    if (!(value & 2)) return;
    struct ss_setting *made = ss_arena_alloc(&subject->harness.arena, sizeof *made);
    SS_ASSERT(made);
    if (other) *made = *other;
    made->number = (int64_t)(value >> 8);
    instruction->setting = made;
}

static void append(struct subject *subject, uint64_t value)
{
    struct ss_program *program = subject->program;
    if (program->count >= subject->most || program->count < 1) return;
    subject->instructions[program->count] =
        subject->instructions[value % (uint64_t)program->count]; // a copy, to be changed
    subject->outputs[0] = program->count++;
}

static void change(struct subject *subject, struct fuzz_input *input)
{
    struct ss_program *program = subject->program;
    const uint8_t what = fuzz_byte(input), where = fuzz_byte(input);
    const uint64_t value = fuzz_bytes(input, 8);
    if (program->count < 1) return;
    struct ss_instruction *instruction = &subject->instructions[where % program->count];
    switch (what % 17) {
    case 0: instruction->opcode = (enum ss_opcode)(value % (SS_OPCODE_COUNT + 4)); break;
    case 1: set_type(subject, instruction, value); break;
    case 2: instruction->operand_type = type_from(value); break;
    case 3:
    case 4:
    case 5: instruction->operands[what % 17 - 3] = (int32_t)value; break;
    case 6: instruction->input = (int32_t)value; break;
    case 7: instruction->factors[value & 1] = (int64_t)(value >> 1); break;
    case 8: instruction->low = (int64_t)value; break;
    case 9: instruction->high = (int64_t)value; break;
    case 10: set_cell(subject, instruction, value); break;
    case 11: subject->outputs[0] = (int32_t)value; break;
    case 12: append(subject, value); break;
    case 13: program->count = (int32_t)(value % (uint64_t)program->count); break;
    case 14: program->wide_bytes = (int32_t)value; break;
    case 15: count_bytes(subject); break;
    case 16: set_setting(subject, instruction, value); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_type types[HARNESS_COLUMN_COUNT];
    for (size_t i = 0; i < HARNESS_COLUMN_COUNT; i++) types[i] = harness_columns[i].type;
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    const size_t length = end ? (size_t)(end - data) : size;
    struct fuzz_input input = {data + length + (end != NULL), size - length - (end != NULL)};
    struct subject subject;
    if (make_subject((struct ss_bytes){(const char *)data, length}, &subject)) {
        SS_ASSERT(ss_program_verify(subject.program, types, HARNESS_COLUMN_COUNT));
        for (int changes = 0; input.left && changes < 64; changes++) change(&subject, &input);
        if (ss_program_verify(subject.program, types, HARNESS_COLUMN_COUNT))
            fuzz_run(subject.program, types, HARNESS_COLUMN_COUNT, &subject.harness.arena);
    }
    ss_arena_release(&subject.harness.arena);
    return 0;
}
