// Checked trees -> instructions.
//
// Children first; every emitted instruction is looked up among those that are there, so that a common subtree
// (of one root or of several) becomes one register. An instruction whose operands are constants is run here,
// once, on one row. Numbers of different scale are never rescaled to be compared or added: the instruction
// carries a factor per operand and computes in 128 bits.
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/program_builder.h"

#define BUCKET_COUNT 1024

struct known_call {
    struct ss_node *const *arguments;
    int32_t reg;
    struct known_call *next;
};

struct ss_builder {
    struct ss_arena *arena;
    struct ss_instruction *instructions;
    int32_t *next_in_bucket;
    int32_t count, capacity;
    int32_t buckets[BUCKET_COUNT]; // first instruction, -1: none
    struct known_call *known_calls[BUCKET_COUNT];
};

int32_t ss_value_width(struct ss_type type)
{
    if (type.id == SS_BOOL) return 1;
    return ss_type_is_text(type) ? (int32_t)sizeof(struct ss_bytes) : 8;
}

static struct ss_value cell_value(struct ss_type type, const struct ss_cell *cell)
{
    struct ss_value value = {.present = cell->valid};
    if (!cell->valid) return value;
    switch (type.id) {
    case SS_BOOL: value.boolean = cell->boolean; break;
    case SS_FLOAT64: value.f64 = cell->f64; break;
    case SS_STRING:
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR: value.text = cell->text; break;
    case SS_INT64:
    case SS_DECIMAL:
    case SS_TIMESTAMP: value.i64 = cell->i64; break;
    }
    return value;
}

// ---- Emitting

static bool same_instruction(const struct ss_instruction *a, const struct ss_instruction *b)
{
    return a->opcode == b->opcode && ss_type_equal(a->type, b->type) &&
           ss_type_equal(a->operand_type, b->operand_type) &&
           memcmp(a->operands, b->operands, sizeof(a->operands)) == 0 && a->input == b->input &&
           memcmp(a->factors, b->factors, sizeof(a->factors)) == 0 && a->low == b->low &&
           a->high == b->high && ss_setting_equal(a->setting, b->setting) &&
           ss_value_equal(a->type, cell_value(a->type, &a->cell), cell_value(b->type, &b->cell));
}

// Of a constant's value: definitions may have thousands of them.
static int64_t cell_hash(struct ss_type type, const struct ss_cell *cell)
{
    if (!cell->valid) return 0;
    if (type.id == SS_BOOL) return cell->boolean;
    return ss_type_is_text(type) ? (int64_t)ss_hash64(cell->text.data, cell->text.size) : cell->i64;
}

static uint32_t bucket_of(const struct ss_instruction *instruction)
{
    const int64_t key[7] = {(int64_t)instruction->opcode,
                            instruction->operands[0],
                            instruction->operands[1],
                            instruction->operands[2],
                            instruction->input,
                            (int64_t)instruction->type.id,
                            cell_hash(instruction->type, &instruction->cell)};
    return (uint32_t)(ss_hash64(key, sizeof(key)) % BUCKET_COUNT);
}

static bool make_room(struct ss_builder *builder)
{
    if (builder->count < builder->capacity) return true;
    const int32_t capacity = builder->capacity ? 2 * builder->capacity : 32;
    struct ss_instruction *instructions =
        ss_arena_array(builder->arena, (size_t)capacity, sizeof(*instructions));
    int32_t *next_in_bucket = ss_arena_array(builder->arena, (size_t)capacity, sizeof(*next_in_bucket));
    if (!instructions || !next_in_bucket) return false;
    if (builder->count) {
        memcpy(instructions, builder->instructions, (size_t)builder->count * sizeof(*instructions));
        memcpy(next_in_bucket, builder->next_in_bucket, (size_t)builder->count * sizeof(*next_in_bucket));
    }
    builder->instructions = instructions;
    builder->next_in_bucket = next_in_bucket;
    builder->capacity = capacity;
    return true;
}

// The register that holds the instruction's result: an old one or a new one. SS_EMIT_FAILED: out of memory.
static int32_t intern(struct ss_builder *builder, const struct ss_instruction *instruction)
{
    const uint32_t bucket = bucket_of(instruction);
    for (int32_t i = builder->buckets[bucket]; i >= 0; i = builder->next_in_bucket[i]) {
        if (same_instruction(&builder->instructions[i], instruction)) return i;
    }
    if (!make_room(builder)) return SS_EMIT_FAILED;
    builder->instructions[builder->count] = *instruction;
    builder->next_in_bucket[builder->count] = builder->buckets[bucket];
    builder->buckets[bucket] = builder->count;
    return builder->count++;
}

struct ss_instruction ss_blank_instruction(enum ss_opcode opcode, struct ss_type type)
{
    return (struct ss_instruction){.opcode = opcode,
                                   .type = type,
                                   .operands = {-1, -1, -1},
                                   .input = -1,
                                   .factors = {1, 1},
                                   .low = INT64_MIN,
                                   .high = INT64_MAX};
}

int32_t ss_emit_constant(struct ss_builder *builder, struct ss_type type, struct ss_value value)
{
    struct ss_instruction instruction = ss_blank_instruction(SS_OP_CONSTANT, type);
    struct ss_cell *cell = &instruction.cell;
    cell->valid = value.present;
    if (value.present && ss_type_is_text(type)) {
        const char *copy = ss_arena_copy(builder->arena, value.text.data, value.text.size);
        if (!copy) return SS_EMIT_FAILED;
        cell->text = (struct ss_bytes){copy, value.text.size};
    } else if (value.present && type.id == SS_BOOL) {
        cell->boolean = value.boolean;
    } else if (value.present && type.id == SS_FLOAT64) {
        cell->f64 = value.f64;
    } else if (value.present) {
        cell->i64 = value.i64;
    }
    return intern(builder, &instruction);
}

static bool all_constant(const struct ss_builder *builder, const struct ss_instruction *instruction)
{
    const int operands = ss_opcode_operands(instruction->opcode);
    for (int k = 0; k < operands; k++) {
        if (builder->instructions[instruction->operands[k]].opcode != SS_OP_CONSTANT) return false;
    }
    return operands > 0;
}

// Runs the instruction on its constants.
static int32_t fold(struct ss_builder *builder, const struct ss_instruction *instruction)
{
    struct ss_register operands[3] = {{0}};
    struct ss_instruction here = *instruction;
    for (int k = 0; k < ss_opcode_operands(instruction->opcode); k++) {
        struct ss_cell *cell = &builder->instructions[instruction->operands[k]].cell;
        operands[k] = (struct ss_register){.valid = &cell->valid, .values = &cell->i64};
        here.operands[k] = k;
    }
    struct ss_cell result = {0};
    struct ss_register out = {.valid = &result.valid, .values = &result.i64};
    const struct ss_run run = {.rows = 1, .registers = operands, .arena = builder->arena};
    if (!ss_instruction_run(&run, &here, &out)) return SS_EMIT_FAILED;
    return ss_emit_constant(builder, instruction->type, cell_value(instruction->type, &result));
}

int32_t ss_emit(struct ss_builder *builder, struct ss_instruction instruction, int32_t a, int32_t b,
                int32_t c)
{
    const int32_t operands[3] = {a, b, c};
    for (int k = 0; k < ss_opcode_operands(instruction.opcode); k++) {
        if (operands[k] == SS_EMIT_FAILED) return SS_EMIT_FAILED;
        instruction.operands[k] = operands[k];
    }
    return all_constant(builder, &instruction) ? fold(builder, &instruction) : intern(builder, &instruction);
}

struct ss_type ss_type_of_register(const struct ss_builder *builder, int32_t reg)
{
    return builder->instructions[reg].type;
}

// ---- Plain functions

static void set_range(struct ss_instruction *instruction)
{
    if (instruction->type.id == SS_DECIMAL) {
        instruction->low = -SS_DECIMAL_LIMIT;
        instruction->high = SS_DECIMAL_LIMIT;
    } else if (instruction->type.id == SS_TIMESTAMP) {
        instruction->low = SS_TIME_MIN_US;
        instruction->high = SS_TIME_MAX_US;
    }
}

// Factors that bring both operands to the greater scale; not for products, whose scales add up.
static void set_factors(struct ss_instruction *instruction, struct ss_type a, struct ss_type b)
{
    if (a.scale < b.scale) instruction->factors[0] = ss_power_of_ten((unsigned)b.scale - a.scale);
    if (b.scale < a.scale) instruction->factors[1] = ss_power_of_ten((unsigned)a.scale - b.scale);
}

static bool wants_factors(enum ss_opcode opcode)
{
    switch (opcode) {
    case SS_OP_ADD_EXACT:
    case SS_OP_SUBTRACT_EXACT:
    case SS_OP_DIVIDE_EXACT:
    case SS_OP_EQUAL_EXACT:
    case SS_OP_DIFFER_EXACT:
    case SS_OP_LESS_EXACT:
    case SS_OP_AT_MOST_EXACT: return true;
    default: return false;
    }
}

// One row of the table on registers of the right types.
int32_t ss_emit_opcode(struct ss_builder *builder, enum ss_opcode opcode, struct ss_type type,
                       const int32_t *registers, const struct ss_setting *setting)
{
    if (opcode == SS_OP_SAME) {
        SS_ASSERT(registers[0] == SS_EMIT_FAILED ||
                  ss_type_equal(ss_type_of_register(builder, registers[0]), type));
        return registers[0];
    }
    struct ss_instruction instruction = ss_blank_instruction(opcode, type);
    const int operands = ss_opcode_operands(opcode);
    for (int k = 0; k < operands; k++) {
        if (registers[k] == SS_EMIT_FAILED) return SS_EMIT_FAILED;
    }
    instruction.operand_type = ss_type_of_register(builder, registers[0]);
    instruction.setting = setting;
    set_range(&instruction);
    if (operands == 2 && wants_factors(opcode))
        set_factors(&instruction, instruction.operand_type, ss_type_of_register(builder, registers[1]));
    return ss_emit(builder, instruction, registers[0], operands > 1 ? registers[1] : -1,
                   operands > 2 ? registers[2] : -1);
}

int32_t ss_emit_function(struct ss_builder *builder, const char *name, struct ss_type type,
                         const int32_t *registers, size_t count)
{
    struct ss_type types[SS_ARGUMENTS_MAX];
    const bool is_null[SS_ARGUMENTS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        if (registers[i] == SS_EMIT_FAILED) return SS_EMIT_FAILED;
        types[i] = ss_type_of_register(builder, registers[i]);
    }
    const struct ss_function *function = ss_function_match(name, types, is_null, count);
    SS_ASSERT(function && function->form == SS_FORM_PLAIN);
    const int32_t swapped[2] = {registers[count > 1], registers[0]};
    return ss_emit_opcode(builder, function->opcode, type, name[0] == '>' ? swapped : registers, NULL);
}

// A call whose function has settings: they go into the instruction, the other arguments are its operands.
static int32_t emit_plain(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    struct ss_type types[SS_ARGUMENTS_MAX];
    const bool is_null[SS_ARGUMENTS_MAX] = {false};
    int32_t operands[SS_ARGUMENTS_MAX];
    const struct ss_setting *setting;
    size_t count = 0;
    for (size_t i = 0; i < node->argument_count; i++) types[i] = node->arguments[i]->type;
    const struct ss_function *function = ss_function_match(node->name, types, is_null, node->argument_count);
    SS_ASSERT(function && function->form == SS_FORM_PLAIN);
    if (!ss_setting_read(function, node, builder->arena, &setting)) return SS_EMIT_FAILED;
    if (!setting) return ss_emit_function(builder, node->name, node->type, registers, node->argument_count);
    for (size_t i = 0; i < node->argument_count; i++) {
        if (!ss_argument_is_setting(function->arguments[i])) operands[count++] = registers[i];
    }
    return ss_emit_opcode(builder, function->opcode, node->type, operands, setting);
}

// ---- The tree

static int32_t emit_arguments(struct ss_builder *builder, const struct ss_node *node);

static struct known_call **find_known_call(struct ss_builder *builder, const struct ss_node *node)
{
    struct known_call **at = &builder->known_calls[((uintptr_t)node->arguments >> 4) % BUCKET_COUNT];
    while (*at && (*at)->arguments != node->arguments) at = &(*at)->next;
    return at;
}

static int32_t emit_node(struct ss_builder *builder, const struct ss_node *node)
{
    if (node->kind == SS_NODE_LITERAL) return ss_emit_constant(builder, node->type, node->value);
    if (node->kind == SS_NODE_INPUT) {
        struct ss_instruction instruction = ss_blank_instruction(SS_OP_INPUT, node->type);
        instruction.input = node->input;
        return intern(builder, &instruction);
    }
    SS_ASSERT(node->kind == SS_NODE_CALL);
    const struct known_call *const known = *find_known_call(builder, node);
    if (known) return known->reg;
    const int32_t reg = emit_arguments(builder, node);
    struct known_call *const call = ss_arena_alloc(builder->arena, sizeof(*call));
    if (reg == SS_EMIT_FAILED || !call) return SS_EMIT_FAILED;
    *call = (struct known_call){.arguments = node->arguments, .reg = reg};
    *find_known_call(builder, node) = call;
    return reg;
}

static int32_t emit_arguments(struct ss_builder *builder, const struct ss_node *node)
{
    int32_t *registers = ss_arena_array(builder->arena, node->argument_count, sizeof(*registers));
    if (!registers) return SS_EMIT_FAILED;
    for (size_t i = 0; i < node->argument_count; i++) {
        registers[i] = emit_node(builder, node->arguments[i]);
        if (registers[i] == SS_EMIT_FAILED) return SS_EMIT_FAILED;
    }
    const struct ss_function *function = ss_function_find(node->name);
    SS_ASSERT(function);
    if (function->form == SS_FORM_PLAIN) return emit_plain(builder, node, registers);
    return ss_emit_form(builder, function->form, node, registers);
}

// Drops what no output reads (operands of folded constants, the digits of a decimal cast) and renumbers the
// rest. False: out of memory.
static bool drop_unread(struct ss_builder *builder, int32_t *outputs, size_t output_count)
{
    int32_t *moved = ss_arena_array(builder->arena, (size_t)builder->count + 1, sizeof(*moved));
    if (!moved) return false;
    for (size_t i = 0; i < output_count; i++) moved[outputs[i]] = 1;
    for (int32_t i = builder->count - 1; i >= 0; i--) {
        const struct ss_instruction *instruction = &builder->instructions[i];
        for (int k = 0; moved[i] && k < ss_opcode_operands(instruction->opcode); k++)
            moved[instruction->operands[k]] = 1;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < builder->count; i++) {
        if (!moved[i]) continue;
        struct ss_instruction *instruction = &builder->instructions[kept];
        *instruction = builder->instructions[i];
        for (int k = 0; k < ss_opcode_operands(instruction->opcode); k++)
            instruction->operands[k] = moved[instruction->operands[k]];
        moved[i] = kept++;
    }
    builder->count = kept;
    for (size_t i = 0; i < output_count; i++) outputs[i] = moved[outputs[i]];
    return true;
}

static struct ss_program *finish(struct ss_builder *builder, int32_t *outputs, size_t output_count)
{
    struct ss_program *program = ss_arena_alloc(builder->arena, sizeof(*program));
    if (!program || !drop_unread(builder, outputs, output_count)) return NULL;
    program->instructions = builder->instructions;
    program->count = builder->count;
    program->outputs = outputs;
    program->output_count = (int32_t)output_count;
    for (int32_t i = 0; i < builder->count; i++)
        for (int k = 0; k < ss_opcode_operands(builder->instructions[i].opcode); k++)
            builder->instructions[builder->instructions[i].operands[k]].is_operand = true;
    for (int32_t i = 0; i < builder->count; i++) {
        program->narrow_bytes += ss_narrow_bytes(&builder->instructions[i]);
        program->wide_bytes += ss_wide_bytes(&builder->instructions[i]);
    }
    SS_ASSERT(ss_program_verify(program, NULL, 0));
    return program;
}

struct ss_program *ss_program_build(struct ss_node *const *roots, size_t root_count, struct ss_arena *arena)
{
    struct ss_builder *builder = ss_arena_alloc(arena, sizeof(*builder));
    int32_t *outputs = ss_arena_array(arena, root_count ? root_count : 1, sizeof(*outputs));
    if (!builder || !outputs) return NULL;
    builder->arena = arena;
    for (size_t i = 0; i < BUCKET_COUNT; i++) builder->buckets[i] = -1;
    for (size_t i = 0; i < root_count; i++) {
        outputs[i] = emit_node(builder, roots[i]);
        if (outputs[i] == SS_EMIT_FAILED) return NULL;
    }
    return finish(builder, outputs, root_count);
}
