// Forms -> instructions: case, coalesce, in, clip and the like become comparisons and choices.
//
// All their values are computed; a choice then takes one per row. So nothing here jumps, and what several
// branches share is computed once.
#include <string.h>

#include "engine/program_builder.h"

static const struct ss_type bool_type = {SS_BOOL, 0};

static int32_t emit_comparison(struct ss_builder *builder, const char *name, int32_t a, int32_t b)
{
    return ss_emit_function(builder, name, bool_type, (const int32_t[]){a, b}, 2);
}

static int32_t emit_logic(struct ss_builder *builder, enum ss_opcode opcode, int32_t a, int32_t b)
{
    return ss_emit_opcode(builder, opcode, bool_type, (const int32_t[]){a, b}, NULL);
}

static int32_t emit_null(struct ss_builder *builder, struct ss_type type)
{
    return ss_emit_constant(builder, type, (struct ss_value){0});
}

static int32_t emit_choice(struct ss_builder *builder, enum ss_opcode opcode, struct ss_type type,
                           int32_t condition, int32_t yes, int32_t no)
{
    return ss_emit(builder, ss_blank_instruction(opcode, type), condition, yes, no);
}

// case and case_of, from the last branch to the first. `first` is the index of the first value that is
// chosen.
static int32_t emit_case(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers,
                         bool has_operand)
{
    const size_t count = node->argument_count;
    const size_t start = has_operand ? 1 : 0;
    const bool has_else = (count - start) % 2 == 1;
    int32_t result = has_else ? registers[count - 1] : emit_null(builder, node->type);
    for (size_t i = count - has_else; i > start; i -= 2) {
        int32_t condition = registers[i - 2];
        if (has_operand) condition = emit_comparison(builder, "=", registers[0], condition);
        result = emit_choice(builder, SS_OP_SELECT, node->type, condition, registers[i - 1], result);
    }
    return result;
}

static int32_t emit_nullif(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    int32_t compared = registers[0];
    if (compared == SS_EMIT_FAILED || registers[1] == SS_EMIT_FAILED) return SS_EMIT_FAILED;
    const struct ss_type float64_type = {SS_FLOAT64, 0};
    if (ss_type_of_register(builder, registers[1]).id == SS_FLOAT64 && node->type.id != SS_FLOAT64)
        compared = ss_emit_function(builder, "to_float64", float64_type, &compared, 1);
    const int32_t equal = emit_comparison(builder, "=", compared, registers[1]);
    return emit_choice(builder, SS_OP_SELECT, node->type, equal, emit_null(builder, node->type),
                       registers[0]);
}

static int32_t emit_least(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    const char *const keeps = strcmp(node->name, "least") == 0 ? "<=" : ">=";
    int32_t result = registers[0];
    for (size_t i = 1; i < node->argument_count; i++) {
        const int32_t condition = emit_comparison(builder, keeps, result, registers[i]);
        result = emit_choice(builder, SS_OP_PICK, node->type, condition, result, registers[i]);
    }
    return result;
}

static int32_t emit_coalesce(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    int32_t result = registers[node->argument_count - 1];
    for (size_t i = node->argument_count - 1; i > 0; i--)
        result =
            ss_emit(builder, ss_blank_instruction(SS_OP_COALESCE, node->type), registers[i - 1], result, -1);
    return result;
}

static int32_t emit_in(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    int32_t result = emit_comparison(builder, "=", registers[0], registers[1]);
    for (size_t i = 2; i < node->argument_count; i++) {
        const int32_t equal = emit_comparison(builder, "=", registers[0], registers[i]);
        result = emit_logic(builder, SS_OP_OR, result, equal);
    }
    return result;
}

static int32_t emit_between(struct ss_builder *builder, const int32_t *registers)
{
    const int32_t above = emit_comparison(builder, ">=", registers[0], registers[1]);
    const int32_t below = emit_comparison(builder, "<=", registers[0], registers[2]);
    return emit_logic(builder, SS_OP_AND, above, below);
}

static int32_t emit_clip(struct ss_builder *builder, const struct ss_node *node, const int32_t *registers)
{
    const int32_t above = emit_comparison(builder, ">=", registers[0], registers[1]);
    const int32_t raised = emit_choice(builder, SS_OP_PICK, node->type, above, registers[0], registers[1]);
    const int32_t below = emit_comparison(builder, "<=", raised, registers[2]);
    return emit_choice(builder, SS_OP_PICK, node->type, below, raised, registers[2]);
}

static int32_t emit_int64(struct ss_builder *builder, size_t value)
{
    return ss_emit_constant(builder, (struct ss_type){SS_INT64, 0},
                            (struct ss_value){.present = true, .i64 = (int64_t)value});
}

static int32_t emit_bucketize(struct ss_builder *builder, const struct ss_node *node,
                              const int32_t *registers)
{
    int32_t result = emit_int64(builder, 0);
    for (size_t i = 1; i < node->argument_count; i++) {
        const int32_t reached = emit_comparison(builder, ">=", registers[0], registers[i]);
        result = emit_choice(builder, SS_OP_PICK, node->type, reached, emit_int64(builder, i), result);
    }
    return result;
}

static int32_t emit_position_of(struct ss_builder *builder, const struct ss_node *node,
                                const int32_t *registers)
{
    int32_t result = emit_null(builder, node->type);
    for (size_t i = node->argument_count - 1; i > 0; i--) {
        const int32_t equal = emit_comparison(builder, "=", registers[0], registers[i]);
        result = emit_choice(builder, SS_OP_SELECT, node->type, equal, emit_int64(builder, i - 1), result);
    }
    return result;
}

// In halves, so that no text is copied more often than the logarithm of their number.
static int32_t emit_concat(struct ss_builder *builder, const int32_t *registers, size_t count)
{
    if (count == 1) return registers[0];
    const size_t half = count / 2;
    const int32_t left = emit_concat(builder, registers, half);
    const int32_t right = emit_concat(builder, registers + half, count - half);
    return ss_emit(builder, ss_blank_instruction(SS_OP_CONCAT, (struct ss_type){SS_STRING, 0}), left, right,
                   -1);
}

int32_t ss_emit_form(struct ss_builder *builder, enum ss_form form, const struct ss_node *node,
                     const int32_t *registers)
{
    switch (form) {
    case SS_FORM_PLAIN: break;
    case SS_FORM_COALESCE: return emit_coalesce(builder, node, registers);
    case SS_FORM_LEAST: return emit_least(builder, node, registers);
    case SS_FORM_NULLIF: return emit_nullif(builder, node, registers);
    case SS_FORM_IF:
        return emit_choice(builder, SS_OP_SELECT, node->type, registers[0], registers[1], registers[2]);
    case SS_FORM_CASE: return emit_case(builder, node, registers, false);
    case SS_FORM_CASE_OF: return emit_case(builder, node, registers, true);
    case SS_FORM_IN: return emit_in(builder, node, registers);
    case SS_FORM_BETWEEN: return emit_between(builder, registers);
    case SS_FORM_CLIP: return emit_clip(builder, node, registers);
    case SS_FORM_BUCKETIZE: return emit_bucketize(builder, node, registers);
    case SS_FORM_POSITION_OF: return emit_position_of(builder, node, registers);
    case SS_FORM_CONCAT: return emit_concat(builder, registers, node->argument_count);
    }
    return SS_EMIT_FAILED;
}
