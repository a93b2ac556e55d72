// The verifier of programs: what the builder makes passes, and each thing that would make a run unsafe does
// not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/bytecode.h"
#include "tests/unit/expression_harness.h"

#define INSTRUCTIONS_MAX 32

// A program that may be changed.
struct subject {
    struct harness harness;
    struct ss_program program;
    struct ss_instruction instructions[INSTRUCTIONS_MAX];
    int32_t outputs[1];
};

static void make_subject(const char *text, struct subject *subject)
{
    harness_start(&subject->harness, ss_bytes_of(text));
    struct ss_node *node = harness_compile(&subject->harness, &harness_scope);
    assert_non_null(node);
    const struct ss_program *program = ss_program_build(&node, 1, &subject->harness.arena);
    assert_non_null(program);
    assert_true(program->count <= INSTRUCTIONS_MAX);
    memcpy(subject->instructions, program->instructions,
           (size_t)program->count * sizeof *program->instructions);
    subject->outputs[0] = program->outputs[0];
    subject->program = *program;
    subject->program.instructions = subject->instructions;
    subject->program.outputs = subject->outputs;
}

static bool holds(const struct subject *subject)
{
    struct ss_type types[HARNESS_COLUMN_COUNT];
    for (size_t i = 0; i < HARNESS_COLUMN_COUNT; i++) types[i] = harness_columns[i].type;
    return ss_program_verify(&subject->program, types, HARNESS_COLUMN_COUNT);
}

static void what_is_built_holds(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "f + g",
        "amount * rate - i",
        "amount / nullif(i, 0)",
        "case when yes then country else upper(name) end",
        "coalesce(n_amount, amount, 1.50)",
        "paid_at + 5m > t",
        "decimal(f, 3) + decimal('1.5', 2)",
        "concat(country, '-', string(amount))",
        "md5_bucket('e', i, 10)",
        "least(i, amount, 3)",
        "i in (1, 2, 3) and country between 'A' and 'Z'",
        "substr(name, 2, 3)",
        "pow(i, 0.5)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct subject subject;
        make_subject(texts[i], &subject);
        if (!holds(&subject)) fail_msg("%s does not hold", texts[i]);
        ss_arena_release(&subject.harness.arena);
    }
}

// A change of instruction `at` (from the end: -1 is the last) of the program of a text.
struct change {
    const char *what, *text;
    int at;
    void (*make)(struct subject *subject, struct ss_instruction *instruction);
};

#define CHANGE(name, statement)                                                   \
    static void name(struct subject *subject, struct ss_instruction *instruction) \
    {                                                                             \
        (void)subject;                                                            \
        (void)instruction;                                                        \
        statement;                                                                \
    }

CHANGE(read_self, instruction->operands[0] = subject->program.count - 1)
CHANGE(read_later, instruction->operands[1] = subject->program.count)
CHANGE(read_before, instruction->operands[0] = -1)
CHANGE(exact_opcode, instruction->opcode = SS_OP_ADD_EXACT)
CHANGE(no_opcode, instruction->opcode = SS_OPCODE_COUNT)
CHANGE(negative_opcode, instruction->opcode = (enum ss_opcode) - 1)
CHANGE(text_opcode, instruction->opcode = SS_OP_LOWER)
CHANGE(string_result, instruction->type.id = SS_STRING)
CHANGE(no_type, instruction->type.id = (enum ss_type_id)77)
CHANGE(scaled_float, instruction->type.scale = 2)
CHANGE(wide_scale, instruction->type.scale = 19)
CHANGE(other_scale, instruction->type.scale++)
CHANGE(other_operand_type, instruction->operand_type.scale = 18)
CHANGE(great_factor, instruction->factors[0] = INT64_MAX)
CHANGE(wide_bounds, instruction->high = INT64_MAX)
CHANGE(no_input, instruction->input = (int32_t)HARNESS_COLUMN_COUNT)
CHANGE(negative_input, instruction->input = -1)
CHANGE(other_input, instruction->input = 0)
CHANGE(nan_constant, instruction->cell.f64 = __builtin_nan(""))
CHANGE(minus_zero, instruction->cell.f64 = -0.0)
CHANGE(great_decimal, instruction->cell.i64 = INT64_MIN)
CHANGE(far_time, instruction->cell.i64 = INT64_MAX)
CHANGE(half_valid, instruction->cell.valid = 2)
CHANGE(not_utf8, instruction->cell.text = ss_bytes_of("\xff"))
CHANGE(no_setting, instruction->setting = NULL)
CHANGE(no_output, subject->outputs[0] = subject->program.count)
CHANGE(output_before, subject->outputs[0] = -1)
CHANGE(no_operand, subject->instructions[instruction->operands[0]].is_operand = false)
CHANGE(little_memory, subject->program.wide_bytes -= 8)
CHANGE(less_memory, subject->program.narrow_bytes--)
CHANGE(cut, subject->program.count--)

static void what_would_be_unsafe_is_refused(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"a register that reads itself", "f + g", -1, read_self},
        {"a register that is not there", "f + g", -1, read_later},
        {"a register before the first", "f + g", -1, read_before},
        {"an operand that is none", "f + g", -1, no_operand},
        {"doubles added as integers", "f + g", -1, exact_opcode},
        {"no opcode", "f + g", -1, no_opcode},
        {"an opcode below the first", "f + g", -1, negative_opcode},
        {"a number as a text", "abs(f)", -1, text_opcode},
        {"a number that is written as a text", "f + g", -1, string_result},
        {"no type", "f + g", -1, no_type},
        {"a double with a scale", "f + g", -1, scaled_float},
        {"a scale above 18", "decimal(f, 3)", -1, wide_scale},
        {"a sum of another scale", "amount + rate", -1, other_scale},
        {"an operand that is said to be of another type", "int64(amount)", -1, other_operand_type},
        {"a factor that overflows", "amount + rate", -1, great_factor},
        {"a decimal without a bound", "amount + rate", -1, wide_bounds},
        {"an input that is not there", "f + g", 0, no_input},
        {"an input before the first", "f + g", 0, negative_input},
        {"an input of another type", "f + g", 0, other_input},
        {"a constant that is NaN", "f + 1e0", 1, nan_constant},
        {"a constant that is -0", "f + 1e0", 1, minus_zero},
        {"a decimal of too many digits", "floor(coalesce(amount, 1.50))", 1, great_decimal},
        {"a time after the last", "coalesce(t, timestamp '2026-01-01')", 1, far_time},
        {"a validity of 2", "f + 1e0", 1, half_valid},
        {"a text that is not UTF-8", "country = 'DE'", 1, not_utf8},
        {"a setting that is not there", "md5_bucket('e', name, 10)", -1, no_setting},
        {"an output that is not there", "f + g", -1, no_output},
        {"an output before the first", "f + g", -1, output_before},
        {"too little memory for values", "f + g", -1, little_memory},
        {"too little memory for validity", "f + g", -1, less_memory},
        {"an output that was cut off", "f + g", -1, cut},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct subject subject;
        make_subject(changes[i].text, &subject);
        assert_true(holds(&subject));
        const int at = changes[i].at < 0 ? subject.program.count + changes[i].at : changes[i].at;
        changes[i].make(&subject, &subject.instructions[at]);
        if (holds(&subject)) fail_msg("%s passes", changes[i].what);
        ss_arena_release(&subject.harness.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_holds),
        cmocka_unit_test(what_would_be_unsafe_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
