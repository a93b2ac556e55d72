// The value of a random expression for one row, computed slowly from the table of DESIGN section 3 with exact
// rationals (GMP) and 800-bit floats (MPFR). Shares no code with the engine's programs.
#ifndef SS_TESTS_EXPRESSION_ORACLE_H
#define SS_TESTS_EXPRESSION_ORACLE_H

#include "tests/property/random_expression.h"

// `row` has RANDOM_COLUMNS values. Strings of the result live in the arena.
struct ss_value oracle_evaluate(const struct tree *tree, const struct ss_value *row, struct ss_arena *arena);

#endif
