// The check of a program's invariants: what it passes can be run over any columns of the input types without
// a read or write outside its memory, an overflow that C leaves undefined, or a value that its type forbids.
//
// An instruction holds when a row of the table of functions has its opcode, takes the types of its operands
// and gives its type; inputs, constants, choices and concat are in no row. What an instruction carries beside
// its operands (factors, bounds of the result) follows from these types and must be that.
#include <string.h>

#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/functions.h"
#include "engine/pattern.h"
#include "engine/setting.h"

static bool type_holds(struct ss_type type)
{
    const struct ss_type element = ss_element_of(type);
    const bool is_list = type.id == SS_LIST;
    if ((type.id == SS_VECTOR) != (type.length != 0) || (!is_list && type.element != 0)) return false;
    switch (type.id) {
    case SS_DECIMAL: return type.scale <= 18;
    case SS_LIST: return element.id != SS_LIST && element.id != SS_VECTOR && type_holds(element);
    case SS_BOOL:
    case SS_INT64:
    case SS_FLOAT64:
    case SS_STRING:
    case SS_TIMESTAMP:
    case SS_BYTES:
    case SS_VECTOR: return type.scale == 0;
    }
    return false;
}

static bool constant_holds(struct ss_type type, const struct ss_cell *cell)
{
    struct ss_value value = {.present = true};
    if (cell->valid > 1 || (type.id == SS_BOOL && cell->boolean > 1)) return false;
    if (ss_type_is_text(type))
        value.text = cell->text;
    else
        value.i64 = cell->i64;
    return !cell->valid || ss_value_valid(type, value);
}

// ---- Functions of the table

static bool argument_is(enum ss_argument argument, struct ss_type first, struct ss_type type)
{
    if (argument == SS_ARGUMENT_FLOAT64) return type.id == SS_FLOAT64; // what is converted first is so by now
    if (argument == SS_ARGUMENT_TEXTUAL) return type.id == SS_STRING;
    if (argument == SS_ARGUMENT_ELEMENT) return ss_type_equal(ss_element_of(first), type);
    return ss_argument_fits(argument, first, type);
}

static bool result_is(const struct ss_function *row, const struct ss_type *operands, struct ss_type type)
{
    const bool exact = type.id == SS_INT64 || type.id == SS_DECIMAL;
    const bool all_int64 = operands[0].id == SS_INT64 && operands[1].id == SS_INT64;
    const int a = operands[0].scale, b = operands[1].scale;
    switch (row->result) {
    case SS_RESULT_BOOL: return type.id == SS_BOOL;
    case SS_RESULT_INT64: return type.id == SS_INT64;
    case SS_RESULT_FLOAT64: return type.id == SS_FLOAT64;
    case SS_RESULT_STRING: return type.id == SS_STRING;
    case SS_RESULT_TIMESTAMP: return type.id == SS_TIMESTAMP;
    case SS_RESULT_BYTES: return type.id == SS_BYTES;
    case SS_RESULT_ELEMENT: return ss_type_equal(type, ss_element_of(operands[0]));
    case SS_RESULT_FIRST: return ss_type_equal(type, operands[0]);
    case SS_RESULT_GREATER_SCALE:
        return exact && (type.id == SS_INT64) == all_int64 && type.scale == (a > b ? a : b);
    case SS_RESULT_ADDED_SCALE: return exact && (type.id == SS_INT64) == all_int64 && type.scale == a + b;
    case SS_RESULT_SCALE: return type.id == SS_DECIMAL;
    case SS_RESULT_AS_SET: return row->opcode == SS_OP_RESCALE && type.id == SS_DECIMAL;
    }
    return false;
}

// A setting in an instruction, where the row has one; a scale is in the type.
static bool setting_holds(enum ss_argument argument, const struct ss_setting *setting)
{
    switch (argument) {
    case SS_ARGUMENT_COUNT: return setting && setting->number > 0;
    case SS_ARGUMENT_PATTERN: return setting && setting->pattern;
    case SS_ARGUMENT_GROUP:
        return setting && setting->pattern && setting->number >= 0 &&
               setting->number <= setting->pattern->group_count;
    case SS_ARGUMENT_TIME_UNIT: return setting && setting->number >= 0 && setting->number < SS_TRUNC_COUNT;
    default: return true;
    }
}

static bool row_takes(const struct ss_function *row, const struct ss_instruction *instruction,
                      const struct ss_type *operands)
{
    const size_t arguments = ss_function_argument_count(row);
    const size_t count = (size_t)ss_opcode_operands(instruction->opcode);
    size_t taken = 0;
    for (size_t i = 0; i < arguments; i++) {
        const enum ss_argument argument = row->arguments[i];
        if (ss_argument_is_setting(argument)) {
            if (!setting_holds(argument, instruction->setting)) return false;
        } else if (taken == count || !argument_is(argument, operands[0], operands[taken++])) {
            return false;
        }
    }
    return taken == count && result_is(row, operands, instruction->type);
}

static bool is_in_table(const struct ss_instruction *instruction, const struct ss_type *operands)
{
    size_t count;
    const struct ss_function *rows = ss_function_table(&count);
    for (size_t i = 0; i < count; i++)
        if (rows[i].opcode == instruction->opcode && row_takes(&rows[i], instruction, operands)) return true;
    return false;
}

static bool brings_to_one_scale(enum ss_opcode opcode)
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

// Factors keep products below 2^124, bounds keep results in their type.
static bool arithmetic_holds(const struct ss_instruction *instruction, const struct ss_type *operands)
{
    int64_t factors[2] = {1, 1}, low = INT64_MIN, high = INT64_MAX;
    const int a = operands[0].scale, b = operands[1].scale;
    if (brings_to_one_scale(instruction->opcode) && a < b) factors[0] = ss_power_of_ten((unsigned)(b - a));
    if (brings_to_one_scale(instruction->opcode) && b < a) factors[1] = ss_power_of_ten((unsigned)(a - b));
    if (instruction->type.id == SS_DECIMAL) {
        low = -SS_DECIMAL_LIMIT;
        high = SS_DECIMAL_LIMIT;
    } else if (instruction->type.id == SS_TIMESTAMP) {
        low = SS_TIME_MIN_US;
        high = SS_TIME_MAX_US;
    }
    return memcmp(factors, instruction->factors, sizeof factors) == 0 && instruction->low == low &&
           instruction->high == high;
}

// ---- Instructions

static bool input_holds(const struct ss_instruction *instruction, const struct ss_type *inputs, size_t count)
{
    if (instruction->input < 0) return false;
    if (!inputs) return true;
    return (size_t)instruction->input < count && ss_type_equal(inputs[instruction->input], instruction->type);
}

// Select, pick and coalesce take values of the type they give.
static bool choice_holds(const struct ss_instruction *instruction, const struct ss_type *operands)
{
    const int count = ss_opcode_operands(instruction->opcode);
    const bool has_condition = instruction->opcode != SS_OP_COALESCE;
    if (has_condition && operands[0].id != SS_BOOL) return false;
    for (int k = has_condition; k < count; k++)
        if (!ss_type_equal(operands[k], instruction->type)) return false;
    return true;
}

static bool concat_holds(const struct ss_instruction *instruction, const struct ss_type *operands)
{
    return instruction->type.id == SS_STRING && operands[0].id == SS_STRING && operands[1].id == SS_STRING;
}

static bool instruction_holds(const struct ss_program *program, int32_t index, const struct ss_type *inputs,
                              size_t input_count)
{
    const struct ss_instruction *instruction = &program->instructions[index];
    struct ss_type operands[SS_ARGUMENTS_MAX] = {{SS_BOOL, 0}};
    if ((unsigned)instruction->opcode >= SS_OPCODE_COUNT || !type_holds(instruction->type)) return false;
    for (int k = 0; k < ss_opcode_operands(instruction->opcode); k++) {
        const int32_t reg = instruction->operands[k];
        if (reg < 0 || reg >= index || !program->instructions[reg].is_operand) return false;
        operands[k] = program->instructions[reg].type;
    }
    switch (instruction->opcode) {
    case SS_OP_INPUT: return input_holds(instruction, inputs, input_count);
    case SS_OP_CONSTANT: return constant_holds(instruction->type, &instruction->cell);
    case SS_OP_SELECT:
    case SS_OP_PICK:
    case SS_OP_COALESCE: return choice_holds(instruction, operands);
    case SS_OP_CONCAT: return concat_holds(instruction, operands);
    default: break;
    }
    return ss_type_equal(instruction->operand_type, operands[0]) && is_in_table(instruction, operands) &&
           arithmetic_holds(instruction, operands);
}

bool ss_program_verify(const struct ss_program *program, const struct ss_type *inputs, size_t input_count)
{
    int64_t wide_bytes = 0, narrow_bytes = 0;
    if (program->count < 0 || program->output_count < 0) return false;
    for (int32_t i = 0; i < program->count; i++) {
        if (!instruction_holds(program, i, inputs, input_count)) return false;
        narrow_bytes += ss_narrow_bytes(&program->instructions[i]);
        wide_bytes += ss_wide_bytes(&program->instructions[i]);
    }
    for (int32_t i = 0; i < program->output_count; i++) {
        if (program->outputs[i] < 0 || program->outputs[i] >= program->count) return false;
    }
    return program->wide_bytes == wide_bytes && program->narrow_bytes == narrow_bytes;
}
