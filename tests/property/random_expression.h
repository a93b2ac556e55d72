// Random typed expressions over random columns, as a tree of its own (not the engine's) and as text.
#ifndef SS_TESTS_RANDOM_EXPRESSION_H
#define SS_TESTS_RANDOM_EXPRESSION_H

#include "engine/base/column.h"

enum tree_op {
    TREE_LITERAL,
    TREE_COLUMN,
    // infix
    TREE_ADD,
    TREE_SUBTRACT,
    TREE_MULTIPLY,
    TREE_DIVIDE,
    TREE_DIV,
    TREE_MOD,
    TREE_EQUAL,
    TREE_DIFFER,
    TREE_LESS,
    TREE_AT_MOST,
    TREE_GREATER,
    TREE_AT_LEAST,
    TREE_AND,
    TREE_OR,
    // prefix and postfix
    TREE_NEGATE,
    TREE_NOT,
    TREE_IS_NULL,
    TREE_IS_NOT_NULL,
    // forms
    TREE_IN,
    TREE_BETWEEN,
    TREE_CASE,    // condition, value, .., [else]
    TREE_CASE_OF, // operand, value, result, .., [else]
    // calls
    TREE_IF,
    TREE_COALESCE,
    TREE_NULLIF,
    TREE_LEAST,
    TREE_GREATEST,
    TREE_CLIP,
    TREE_BUCKETIZE, // x, then literals that rise
    TREE_POSITION_OF,
    TREE_ABS,
    TREE_FLOOR,
    TREE_CEIL,
    TREE_ROUND,
    TREE_TRUNC,
    TREE_SIGN,
    TREE_SQRT, // from here on MPFR's: of one number
    TREE_EXP,
    TREE_EXPM1,
    TREE_LOG,
    TREE_LOG2,
    TREE_LOG10,
    TREE_LOG1P,
    TREE_EXP2,
    TREE_CBRT,
    TREE_SIN,
    TREE_COS,
    TREE_TAN,
    TREE_ASIN,
    TREE_ACOS,
    TREE_ATAN,
    TREE_SINH,
    TREE_COSH,
    TREE_TANH,
    TREE_POW, // of two
    TREE_ATAN2,
    TREE_HYPOT,
    TREE_LOWER,
    TREE_UPPER,
    TREE_TRIM,
    TREE_LENGTH,
    TREE_SUBSTR,
    TREE_CONCAT,
    TREE_STARTS_WITH,
    TREE_ENDS_WITH,
    TREE_CONTAINS,
    TREE_REPLACE,
    TREE_SPLIT_PART,
    TREE_YEAR, // parts of a time
    TREE_QUARTER,
    TREE_MONTH,
    TREE_WEEK,
    TREE_DAY,
    TREE_DAY_OF_WEEK,
    TREE_DAY_OF_YEAR,
    TREE_HOUR,
    TREE_MINUTE,
    TREE_SECOND,
    TREE_DATE_TRUNC,   // `column` is the unit
    TREE_TO_BOOL,      // of a string or bool
    TREE_TO_TIMESTAMP, // of an int64 or timestamp
    TREE_TO_INT64,
    TREE_TO_FLOAT64,
    TREE_TO_DECIMAL, // type has the scale
    TREE_TO_STRING
};

#define TREE_KIDS 7
struct tree {
    enum tree_op op;
    struct ss_type type;
    int count;
    struct tree *kids[TREE_KIDS];
    struct ss_value value; // TREE_LITERAL
    int column;            // TREE_COLUMN
};

extern const char *const random_units[6]; // of TREE_DATE_TRUNC

#define RANDOM_COLUMNS 12 // two of each type; the decimals have scales 2 and 7
struct ss_type random_column_type(int column);

struct random_source {
    uint64_t state;
    struct ss_arena *arena; // trees and strings
};

uint64_t random_bits(struct random_source *source);
struct ss_value random_value(struct random_source *source, struct ss_type type); // one in five is null

// A random expression whose type has this id; a decimal may have any scale.
struct tree *random_tree(struct random_source *source, enum ss_type_id id, int depth);

// Its text; columns are called c0, c1, ..
void tree_print(const struct tree *tree, struct ss_buffer *text);

#endif
