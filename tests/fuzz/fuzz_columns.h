// Runs a program over columns of a few rows, and checks that what comes out are values of its types.
#ifndef SS_TESTS_FUZZ_COLUMNS_H
#define SS_TESTS_FUZZ_COLUMNS_H

#include "engine/program.h"

// Of a value that is there: is it one that its type allows?
bool fuzz_value_holds(struct ss_type type, struct ss_value value);

void fuzz_run(const struct ss_program *program, const struct ss_type *types, size_t count,
              struct ss_arena *arena);

#endif
