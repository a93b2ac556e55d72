// What the parts of the builder share: program_build.c makes and shares instructions, program_forms.c turns
// forms into several of them.
#ifndef SS_ENGINE_PROGRAM_BUILDER_H
#define SS_ENGINE_PROGRAM_BUILDER_H

#include "engine/functions.h"

struct ss_builder;

// Registers that are emitted are at least 0; out of memory is this, and taken as an operand it is passed on.
#define SS_EMIT_FAILED (-1)

struct ss_instruction ss_blank_instruction(enum ss_opcode opcode, struct ss_type type);
struct ss_type ss_type_of_register(const struct ss_builder *builder, int32_t reg);
int32_t ss_emit_constant(struct ss_builder *builder, struct ss_type type, struct ss_value value);
// The instruction on operands: a register that has its result already, a constant, or a new one.
int32_t ss_emit(struct ss_builder *builder, struct ss_instruction instruction, int32_t a, int32_t b,
                int32_t c);
// One row of the table of functions on registers of the right types; `setting` NULL: it has none.
int32_t ss_emit_opcode(struct ss_builder *builder, enum ss_opcode opcode, struct ss_type type,
                       const int32_t *registers, const struct ss_setting *setting);
// The row of that name that takes the types of the registers.
int32_t ss_emit_function(struct ss_builder *builder, const char *name, struct ss_type type,
                         const int32_t *registers, size_t count);
// A call of a form, with the registers of its arguments.
int32_t ss_emit_form(struct ss_builder *builder, enum ss_form form, const struct ss_node *node,
                     const int32_t *registers);

#endif
