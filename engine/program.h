// Programs: flat typed bytecode over columns.
//
// A program has inputs (columns the caller owns), registers (columns of the run) and outputs (registers or
// inputs). One run works on 1 to SS_BATCH_ROWS rows. A lookup runs the same kernels with one row. Pure: no
// I/O, no clock, and no allocation but from the run's arena (MPFR and OpenSSL, inside exp and md5 and the
// like, excepted). Null
// rules are SQL's; NaN and infinities become null, -0 becomes +0. A program is immutable after it is built:
// any number of threads may run it at once, each with its own arena.
#ifndef SS_ENGINE_PROGRAM_H
#define SS_ENGINE_PROGRAM_H

#include "engine/base/error.h"
#include "engine/expression.h"

struct ss_program;

// Compiles checked trees (output i = roots[i]; a NULL root is not allowed). Common subtrees are computed
// once. The program lives in the arena. NULL when out of memory.
struct ss_program *ss_program_build(struct ss_node *const *roots, size_t root_count, struct ss_arena *arena);

size_t ss_program_output_count(const struct ss_program *program);
struct ss_type ss_program_output_type(const struct ss_program *program, size_t output);
// Does any node read the input? One that none reads need not be there when the program runs.
bool ss_program_reads(const struct ss_program *program, size_t input);

// Runs over `rows` rows (0 <= rows <= SS_BATCH_ROWS). inputs[i] is the column that SS_NODE_INPUT i reads, of
// its type, with at least `rows` rows; inputs that no node reads may be NULL. outputs: output_count columns,
// filled with views whose memory lies in `arena` or in an input; valid until the arena is reset or the input
// changes. Fails only when out of memory.
enum ss_status ss_program_run(const struct ss_program *program, const struct ss_column *const *inputs,
                              int32_t rows, struct ss_arena *arena, struct ss_column *outputs,
                              struct ss_error *error);

// One line per instruction, for `explain`-like output and tests.
void ss_program_print(const struct ss_program *program, struct ss_buffer *buffer);

#endif
