// What is wrong with a call: its number of arguments, or the first that no row of the table of functions
// takes.
#ifndef SS_ENGINE_EXPRESSION_BLAME_H
#define SS_ENGINE_EXPRESSION_BLAME_H

#include "engine/expression.h"

// All diagnose at the place of what is wrong and return false.

// `expected`: "bool", "int64 or float64"; time_expected: a timestamp among them.
bool ss_blame_type(struct ss_diagnostics *diagnostics, const struct ss_node *call,
                   const struct ss_node *argument, const char *expected, bool time_expected);
// No row takes the arguments of these types; is_null: literals without one.
bool ss_blame_arguments(struct ss_diagnostics *diagnostics, const struct ss_node *call,
                        const struct ss_type *types, const bool *is_null);
bool ss_blame_count(struct ss_diagnostics *diagnostics, const struct ss_node *call);

#endif
