// The table of all scalar functions and operators: what the checker, the builder and "did you mean" go by.
#ifndef SS_ENGINE_FUNCTIONS_H
#define SS_ENGINE_FUNCTIONS_H

#include "engine/bytecode.h"

// What an argument may be. SS_ARGUMENT_FLOAT64 takes int64 and decimal too: they are rounded to a double
// first.
enum ss_argument {
    SS_ARGUMENT_NONE,
    SS_ARGUMENT_BOOL,
    SS_ARGUMENT_INT64,
    SS_ARGUMENT_DECIMAL,
    SS_ARGUMENT_EXACT, // int64 or decimal
    SS_ARGUMENT_FLOAT64,
    SS_ARGUMENT_STRING,
    SS_ARGUMENT_TIMESTAMP,
    SS_ARGUMENT_ANY,
    SS_ARGUMENT_BYTES,
    SS_ARGUMENT_LIST,
    SS_ARGUMENT_VECTOR,
    SS_ARGUMENT_TEXTUAL, // string, or int64 as its digits: it becomes a string first
    // Bound by the first argument, which is before it:
    SS_ARGUMENT_SAME,    // of the very same type
    SS_ARGUMENT_ELEMENT, // what becomes the type of the list's elements
    // Settings: literals that are part of the instruction, not operands (setting.h).
    SS_ARGUMENT_SCALE,     // an int64 literal, 0 to 18
    SS_ARGUMENT_COUNT,     // an int64 literal above 0
    SS_ARGUMENT_PATTERN,   // a text literal: a regular expression
    SS_ARGUMENT_WITH,      // a text literal: what a match is replaced by
    SS_ARGUMENT_TIME_UNIT, // a text literal: 'hour', 'day', ..
    SS_ARGUMENT_ZONE,      // a text literal: a time zone; the last argument
    SS_ARGUMENT_GROUP      // an int64 literal: the number of a group of the pattern
};

enum ss_result {
    SS_RESULT_BOOL,
    SS_RESULT_INT64,
    SS_RESULT_FLOAT64,
    SS_RESULT_STRING,
    SS_RESULT_TIMESTAMP,
    SS_RESULT_BYTES,
    SS_RESULT_ELEMENT,       // of the list that is the first argument
    SS_RESULT_FIRST,         // the type of the first argument
    SS_RESULT_GREATER_SCALE, // int64, or decimal with the greater scale
    SS_RESULT_ADDED_SCALE,   // int64, or decimal with both scales added
    SS_RESULT_SCALE,         // decimal(second argument)
    SS_RESULT_AS_SET         // inserted by the checker, which has set it
};

// Forms whose arguments are typed together, not one by one.
enum ss_form {
    SS_FORM_PLAIN,
    SS_FORM_COALESCE, // all of one type
    SS_FORM_LEAST,    // all of one ordered type
    SS_FORM_NULLIF,
    SS_FORM_IF,
    SS_FORM_CASE,
    SS_FORM_CASE_OF,
    SS_FORM_IN,
    SS_FORM_BETWEEN,
    SS_FORM_CLIP,
    SS_FORM_BUCKETIZE,
    SS_FORM_POSITION_OF,
    SS_FORM_CONCAT
};

enum ss_written { SS_WRITTEN_OPERATOR, SS_WRITTEN_CALL, SS_WRITTEN_NEVER };

#define SS_ARGUMENTS_MAX 3
struct ss_function {
    const char *name; // several rows may have one name; the first that fits is taken
    enum ss_written written;
    enum ss_form form;
    enum ss_argument arguments[SS_ARGUMENTS_MAX]; // SS_FORM_PLAIN
    size_t argument_min, argument_max;            // other forms
    enum ss_result result;
    enum ss_opcode opcode;
    const char *help;
};

const struct ss_function *ss_function_table(size_t *count);

// The first row of that name (written as a call, an operator or both), or NULL.
const struct ss_function *ss_function_find(const char *name);
// The first row of that name whose arguments fit; is_null[i]: a null literal, which fits everything.
const struct ss_function *ss_function_match(const char *name, const struct ss_type *types,
                                            const bool *is_null, size_t count);
bool ss_argument_is_setting(enum ss_argument argument);
// `first`: the type of the first argument, for those that are bound by it.
bool ss_argument_fits(enum ss_argument argument, struct ss_type first, struct ss_type type);
size_t ss_function_argument_count(const struct ss_function *function); // SS_FORM_PLAIN

// The nearest function that can be written as a call, aggregates included. NULL: none.
const char *ss_nearest_function(struct ss_bytes name);

#endif
