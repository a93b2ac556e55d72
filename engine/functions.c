// The table of all scalar functions and operators.
//
// Rows of one name are tried from top to bottom, so exact rows stand before the float64 row that would take
// the same arguments by rounding them. docs/DEFINITIONS.md says the same in words (a test compares the
// names).
#include "engine/functions.h"

#include "engine/aggregates.h"

#include <string.h>

#define OPERATOR(name, result, opcode, help, ...)                                                       \
    {                                                                                                   \
        name, SS_WRITTEN_OPERATOR, SS_FORM_PLAIN, {__VA_ARGS__}, 0, 0, SS_RESULT_##result, opcode, help \
    }
#define CALL(name, result, opcode, help, ...)                                                       \
    {                                                                                               \
        name, SS_WRITTEN_CALL, SS_FORM_PLAIN, {__VA_ARGS__}, 0, 0, SS_RESULT_##result, opcode, help \
    }
#define INTERNAL(name, result, opcode, help, ...)                                                    \
    {                                                                                                \
        name, SS_WRITTEN_NEVER, SS_FORM_PLAIN, {__VA_ARGS__}, 0, 0, SS_RESULT_##result, opcode, help \
    }
#define FORM(name, written, form, minimum, maximum, result, help)                         \
    {                                                                                     \
        name, SS_WRITTEN_##written, SS_FORM_##form, {SS_ARGUMENT_NONE}, minimum, maximum, \
            SS_RESULT_##result, SS_OP_NONE, help                                          \
    }
#define COMPARISON(name, code, help)                                                         \
    OPERATOR(name, BOOL, SS_OP_##code##_EXACT, help, EXACT, EXACT),                          \
        OPERATOR(name, BOOL, SS_OP_##code##_FLOAT64, help ", as float64", FLOAT64, FLOAT64), \
        OPERATOR(name, BOOL, SS_OP_##code##_TEXT, help ", by bytes", STRING, STRING),        \
        OPERATOR(name, BOOL, SS_OP_##code##_TEXT, help ", by bytes", BYTES, BYTES),          \
        OPERATOR(name, BOOL, SS_OP_##code##_EXACT, help, TIMESTAMP, TIMESTAMP)

#define BOOL      SS_ARGUMENT_BOOL
#define INT64     SS_ARGUMENT_INT64
#define DECIMAL   SS_ARGUMENT_DECIMAL
#define EXACT     SS_ARGUMENT_EXACT
#define FLOAT64   SS_ARGUMENT_FLOAT64
#define STRING    SS_ARGUMENT_STRING
#define TIMESTAMP SS_ARGUMENT_TIMESTAMP
#define ANY       SS_ARGUMENT_ANY
#define BYTES     SS_ARGUMENT_BYTES
#define LIST      SS_ARGUMENT_LIST
#define VECTOR    SS_ARGUMENT_VECTOR
#define TEXTUAL   SS_ARGUMENT_TEXTUAL
#define SAME      SS_ARGUMENT_SAME
#define ELEMENT   SS_ARGUMENT_ELEMENT
#define SCALE     SS_ARGUMENT_SCALE
#define COUNT     SS_ARGUMENT_COUNT
#define PATTERN   SS_ARGUMENT_PATTERN
#define WITH      SS_ARGUMENT_WITH
#define GROUP     SS_ARGUMENT_GROUP
#define TIME_UNIT SS_ARGUMENT_TIME_UNIT
#define ZONE      SS_ARGUMENT_ZONE

#define TIME_PART(name, code, help)                             \
    CALL(name, INT64, SS_OP_##code, help " in UTC", TIMESTAMP), \
        CALL(name, INT64, SS_OP_##code, help " in the zone", TIMESTAMP, ZONE)

#define ANY_COUNT SIZE_MAX

static const struct ss_function functions[] = {
    OPERATOR("+", GREATER_SCALE, SS_OP_ADD_EXACT, "exact sum; null when it does not fit", EXACT, EXACT),
    OPERATOR("+", FLOAT64, SS_OP_ADD_FLOAT64, "sum of doubles", FLOAT64, FLOAT64),
    OPERATOR("+", TIMESTAMP, SS_OP_ADD_EXACT, "a time later by microseconds", TIMESTAMP, INT64),
    OPERATOR("+", TIMESTAMP, SS_OP_ADD_EXACT, "a time later by microseconds", INT64, TIMESTAMP),
    OPERATOR("-", GREATER_SCALE, SS_OP_SUBTRACT_EXACT, "exact difference; null when it does not fit", EXACT,
             EXACT),
    OPERATOR("-", FLOAT64, SS_OP_SUBTRACT_FLOAT64, "difference of doubles", FLOAT64, FLOAT64),
    OPERATOR("-", INT64, SS_OP_SUBTRACT_EXACT, "microseconds between two times", TIMESTAMP, TIMESTAMP),
    OPERATOR("-", TIMESTAMP, SS_OP_SUBTRACT_EXACT, "a time earlier by microseconds", TIMESTAMP, INT64),
    OPERATOR("*", ADDED_SCALE, SS_OP_MULTIPLY_EXACT, "exact product; null when it does not fit", EXACT,
             EXACT),
    OPERATOR("*", FLOAT64, SS_OP_MULTIPLY_FLOAT64, "product of doubles", FLOAT64, FLOAT64),
    OPERATOR("/", FLOAT64, SS_OP_DIVIDE_EXACT, "the exact quotient, rounded once; by zero null", EXACT,
             EXACT),
    OPERATOR("/", FLOAT64, SS_OP_DIVIDE_FLOAT64, "quotient of doubles; by zero null", FLOAT64, FLOAT64),
    OPERATOR("div", INT64, SS_OP_DIV, "quotient cut toward zero; by zero null", INT64, INT64),
    OPERATOR("mod", INT64, SS_OP_MOD, "remainder with the sign of the first; by zero null", INT64, INT64),
    OPERATOR("neg", FIRST, SS_OP_NEGATE_EXACT, "unary minus", EXACT),
    OPERATOR("neg", FLOAT64, SS_OP_NEGATE_FLOAT64, "unary minus", FLOAT64),
    COMPARISON("=", EQUAL, "equal"),
    OPERATOR("=", BOOL, SS_OP_EQUAL_BOOL, "equal", BOOL, BOOL),
    OPERATOR("=", BOOL, SS_OP_EQUAL_TEXT, "the same elements", LIST, SAME),
    OPERATOR("=", BOOL, SS_OP_EQUAL_TEXT, "the same elements", VECTOR, SAME),
    COMPARISON("<>", DIFFER, "not equal"),
    OPERATOR("<>", BOOL, SS_OP_DIFFER_BOOL, "not equal", BOOL, BOOL),
    OPERATOR("<>", BOOL, SS_OP_DIFFER_TEXT, "other elements", LIST, SAME),
    OPERATOR("<>", BOOL, SS_OP_DIFFER_TEXT, "other elements", VECTOR, SAME),
    COMPARISON("<", LESS, "less"),
    COMPARISON("<=", AT_MOST, "less or equal"),
    COMPARISON(">", LESS, "greater"), // the operands are exchanged
    COMPARISON(">=", AT_MOST, "greater or equal"),
    OPERATOR("and", BOOL, SS_OP_AND, "three-valued and", BOOL, BOOL),
    OPERATOR("or", BOOL, SS_OP_OR, "three-valued or", BOOL, BOOL),
    OPERATOR("not", BOOL, SS_OP_NOT, "three-valued not", BOOL),
    OPERATOR("is_null", BOOL, SS_OP_IS_NULL, "is it null? never null", ANY),
    OPERATOR("is_not_null", BOOL, SS_OP_IS_NOT_NULL, "is it there? never null", ANY),
    FORM("in", OPERATOR, IN, 2, ANY_COUNT, BOOL, "x = a or x = b or .."),
    FORM("between", OPERATOR, BETWEEN, 3, 3, BOOL, "x >= low and x <= high"),
    FORM("case", OPERATOR, CASE, 2, ANY_COUNT, AS_SET, "the value of the first condition that is true"),
    FORM("case_of", OPERATOR, CASE_OF, 3, ANY_COUNT, AS_SET, "the value of the first equal one"),

    FORM("if", CALL, IF, 3, 3, AS_SET, "if(condition, a, b): a where the condition is true, else b"),
    FORM("coalesce", CALL, COALESCE, 1, ANY_COUNT, AS_SET, "the first argument that is not null"),
    FORM("nullif", CALL, NULLIF, 2, 2, FIRST, "nullif(a, b): null where a = b, else a"),
    FORM("least", CALL, LEAST, 1, ANY_COUNT, AS_SET, "the least argument; null if any is null"),
    FORM("greatest", CALL, LEAST, 1, ANY_COUNT, AS_SET, "the greatest argument; null if any is null"),
    CALL("abs", FIRST, SS_OP_ABS_EXACT, "absolute value", EXACT),
    CALL("abs", FLOAT64, SS_OP_ABS_FLOAT64, "absolute value", FLOAT64),
    CALL("floor", INT64, SS_OP_SAME, "greatest whole number not above", INT64),
    CALL("floor", INT64, SS_OP_FLOOR_DECIMAL, "greatest whole number not above", DECIMAL),
    CALL("floor", FLOAT64, SS_OP_FLOOR_FLOAT64, "greatest whole number not above", FLOAT64),
    CALL("ceil", INT64, SS_OP_SAME, "least whole number not below", INT64),
    CALL("ceil", INT64, SS_OP_CEIL_DECIMAL, "least whole number not below", DECIMAL),
    CALL("ceil", FLOAT64, SS_OP_CEIL_FLOAT64, "least whole number not below", FLOAT64),
    CALL("round", INT64, SS_OP_SAME, "nearest whole number, ties to even", INT64),
    CALL("round", INT64, SS_OP_RESCALE, "nearest whole number, ties to even", DECIMAL),
    CALL("round", FLOAT64, SS_OP_ROUND_FLOAT64, "nearest whole number, ties to even", FLOAT64),
    CALL("trunc", INT64, SS_OP_SAME, "cut toward zero", INT64),
    CALL("trunc", INT64, SS_OP_EXACT_TO_INT64, "cut toward zero", DECIMAL),
    CALL("trunc", FLOAT64, SS_OP_TRUNC_FLOAT64, "cut toward zero", FLOAT64),
    CALL("sign", INT64, SS_OP_SIGN_EXACT, "-1, 0 or 1", EXACT),
    CALL("sign", INT64, SS_OP_SIGN_FLOAT64, "-1, 0 or 1", FLOAT64),
    FORM("clip", CALL, CLIP, 3, 3, AS_SET, "clip(x, low, high): low below low, high above high, else x"),
    FORM("bucketize", CALL, BUCKETIZE, 2, ANY_COUNT, INT64, "the number of edges that are at most x"),
    FORM("position_of", CALL, POSITION_OF, 2, ANY_COUNT, INT64,
         "position_of(x, a, b, ..): 0 where x = a, 1 where x = b, ..; else null"),
    CALL("sqrt", FLOAT64, SS_OP_SQRT, "square root; of a negative null", FLOAT64),
    CALL("exp", FLOAT64, SS_OP_EXP, "e to the power x", FLOAT64),
    CALL("expm1", FLOAT64, SS_OP_EXPM1, "e to the power x, less 1", FLOAT64),
    CALL("log", FLOAT64, SS_OP_LOG, "natural logarithm; of 0 and below null", FLOAT64),
    CALL("log2", FLOAT64, SS_OP_LOG2, "logarithm to base 2", FLOAT64),
    CALL("log10", FLOAT64, SS_OP_LOG10, "logarithm to base 10", FLOAT64),
    CALL("log1p", FLOAT64, SS_OP_LOG1P, "natural logarithm of 1 + x", FLOAT64),
    CALL("pow", FLOAT64, SS_OP_POW, "pow(x, y): x to the power y", FLOAT64, FLOAT64),
    CALL("exp2", FLOAT64, SS_OP_EXP2, "2 to the power x", FLOAT64),
    CALL("cbrt", FLOAT64, SS_OP_CBRT, "cube root", FLOAT64),
    CALL("hypot", FLOAT64, SS_OP_HYPOT, "hypot(x, y): square root of x^2 + y^2", FLOAT64, FLOAT64),
    CALL("sin", FLOAT64, SS_OP_SIN, "sine of x radians", FLOAT64),
    CALL("cos", FLOAT64, SS_OP_COS, "cosine of x radians", FLOAT64),
    CALL("tan", FLOAT64, SS_OP_TAN, "tangent of x radians", FLOAT64),
    CALL("asin", FLOAT64, SS_OP_ASIN, "arc sine; beyond -1 and 1 null", FLOAT64),
    CALL("acos", FLOAT64, SS_OP_ACOS, "arc cosine; beyond -1 and 1 null", FLOAT64),
    CALL("atan", FLOAT64, SS_OP_ATAN, "arc tangent", FLOAT64),
    CALL("atan2", FLOAT64, SS_OP_ATAN2, "atan2(y, x): the angle of the point (x, y)", FLOAT64, FLOAT64),
    CALL("sinh", FLOAT64, SS_OP_SINH, "hyperbolic sine", FLOAT64),
    CALL("cosh", FLOAT64, SS_OP_COSH, "hyperbolic cosine", FLOAT64),
    CALL("tanh", FLOAT64, SS_OP_TANH, "hyperbolic tangent", FLOAT64),
    CALL("lower", STRING, SS_OP_LOWER, "ASCII letters in lower case", STRING),
    CALL("upper", STRING, SS_OP_UPPER, "ASCII letters in upper case", STRING),
    CALL("trim", STRING, SS_OP_TRIM, "without ASCII blanks at both ends", STRING),
    CALL("length", INT64, SS_OP_LENGTH, "code points", STRING),
    CALL("length", INT64, SS_OP_BYTES_LENGTH, "bytes", BYTES),
    CALL("length", INT64, SS_OP_LIST_LENGTH, "elements", LIST),
    CALL("substr", STRING, SS_OP_SUBSTR_FROM, "substr(s, from): code points from the 1-based one on", STRING,
         INT64),
    CALL("substr", STRING, SS_OP_SUBSTR, "substr(s, from, count)", STRING, INT64, INT64),
    FORM("concat", CALL, CONCAT, 1, ANY_COUNT, STRING, "the texts one after the other"),
    CALL("starts_with", BOOL, SS_OP_STARTS_WITH, "does s start with the text?", STRING, STRING),
    CALL("ends_with", BOOL, SS_OP_ENDS_WITH, "does s end with the text?", STRING, STRING),
    CALL("contains", BOOL, SS_OP_CONTAINS, "is the text in s?", STRING, STRING),
    CALL("contains", BOOL, SS_OP_LIST_CONTAINS, "is x an element?", LIST, ELEMENT),
    CALL("element", ELEMENT, SS_OP_ELEMENT, "element(list, i): the i-th, from 1", LIST, INT64),
    CALL("dot", FLOAT64, SS_OP_DOT, "the sum of the products, rounded once", VECTOR, SAME),
    CALL("norm", FLOAT64, SS_OP_NORM, "the root of the sum of squares, rounded once", VECTOR),
    CALL("cosine", FLOAT64, SS_OP_COSINE, "dot / (norm norm), rounded once; null where one is 0", VECTOR,
         SAME),
    CALL("hex", STRING, SS_OP_HEX, "in lower-case hex", BYTES),
    CALL("from_hex", BYTES, SS_OP_FROM_HEX, "the bytes that hex stands for; null when it is none", STRING),
    CALL("replace", STRING, SS_OP_REPLACE, "replace(s, from, to): every `from` in s by `to`", STRING, STRING,
         STRING),
    CALL("split_part", STRING, SS_OP_SPLIT_PART, "split_part(s, separator, n): the n-th part, from 1", STRING,
         STRING, INT64),
    CALL("regexp_matches", BOOL, SS_OP_REGEXP_MATCHES, "is the pattern found in s?", STRING, PATTERN),
    CALL("regexp_extract", STRING, SS_OP_REGEXP_EXTRACT, "what the pattern finds in s", STRING, PATTERN),
    CALL("regexp_extract", STRING, SS_OP_REGEXP_EXTRACT, "what a group of the pattern finds in s", STRING,
         PATTERN, GROUP),
    CALL("regexp_replace", STRING, SS_OP_REGEXP_REPLACE, "all that the pattern finds in s, replaced", STRING,
         PATTERN, WITH),
    CALL("md5", STRING, SS_OP_MD5, "MD5 in hex", STRING),
    CALL("md5", STRING, SS_OP_MD5, "MD5 in hex", BYTES),
    CALL("sha256", STRING, SS_OP_SHA256, "SHA-256 in hex", STRING),
    CALL("sha256", STRING, SS_OP_SHA256, "SHA-256 in hex", BYTES),
    CALL("xxh64", INT64, SS_OP_XXH64, "XXH64, seed 0", STRING),
    CALL("xxh64", INT64, SS_OP_XXH64, "XXH64, seed 0", BYTES),
    CALL("md5_bucket", INT64, SS_OP_MD5_BUCKET,
         "md5_bucket(experiment, unit, n): md5('experiment:unit') mod n", STRING, TEXTUAL, COUNT),
    TIME_PART("year", YEAR, "the year"),
    TIME_PART("quarter", QUARTER, "the quarter of the year, 1 to 4"),
    TIME_PART("month", MONTH, "the month, 1 to 12"),
    TIME_PART("week", WEEK, "the ISO week, 1 to 53"),
    TIME_PART("day", DAY, "the day of the month, 1 to 31"),
    TIME_PART("day_of_week", DAY_OF_WEEK, "the ISO day of the week, Monday is 1"),
    TIME_PART("day_of_year", DAY_OF_YEAR, "the day of the year, 1 to 366"),
    TIME_PART("hour", HOUR, "the hour, 0 to 23"),
    TIME_PART("minute", MINUTE, "the minute, 0 to 59"),
    TIME_PART("second", SECOND, "the second, 0 to 59"),
    CALL("date_trunc", TIMESTAMP, SS_OP_DATE_TRUNC, "the start of the hour, day, .. in UTC", TIME_UNIT,
         TIMESTAMP),
    CALL("date_trunc", TIMESTAMP, SS_OP_DATE_TRUNC, "the start of the hour, day, .. in the zone", TIME_UNIT,
         TIMESTAMP, ZONE),
    CALL("int64", INT64, SS_OP_SAME, "as int64", INT64),
    CALL("int64", INT64, SS_OP_EXACT_TO_INT64, "cut toward zero", DECIMAL),
    CALL("int64", INT64, SS_OP_FLOAT64_TO_INT64, "cut toward zero; null when it does not fit", FLOAT64),
    CALL("int64", INT64, SS_OP_TEXT_TO_INT64, "parsed; null when it is no int64", STRING),
    CALL("int64", INT64, SS_OP_BOOL_TO_INT64, "0 or 1", BOOL),
    CALL("int64", INT64, SS_OP_EXACT_TO_INT64, "microseconds since 1970", TIMESTAMP),
    CALL("float64", FLOAT64, SS_OP_SAME, "rounded to a double", FLOAT64),
    CALL("float64", FLOAT64, SS_OP_TEXT_TO_FLOAT64, "parsed; null when it is no number", STRING),
    CALL("decimal", SCALE, SS_OP_RESCALE, "decimal(x, n): rounded to n digits, ties to even", EXACT, SCALE),
    CALL("decimal", SCALE, SS_OP_FLOAT64_TO_DECIMAL, "the double's exact value, rounded", FLOAT64, SCALE),
    CALL("decimal", SCALE, SS_OP_TEXT_TO_DECIMAL, "parsed; null when it does not fit", STRING, SCALE),
    CALL("bool", BOOL, SS_OP_SAME, "as bool", BOOL),
    CALL("bool", BOOL, SS_OP_TEXT_TO_BOOL, "true or false; null when it is neither", STRING),
    CALL("timestamp", TIMESTAMP, SS_OP_SAME, "as timestamp", TIMESTAMP),
    CALL("timestamp", TIMESTAMP, SS_OP_RESCALE, "microseconds since 1970; null outside the years 1 to 9999",
         INT64),
    CALL("timestamp", TIMESTAMP, SS_OP_TEXT_TO_TIMESTAMP,
         "parsed, UTC without an offset; null when it is none", STRING),
    CALL("timestamp", TIMESTAMP, SS_OP_TEXT_TO_TIMESTAMP, "parsed, in the zone without an offset", STRING,
         ZONE),
    CALL("string", STRING, SS_OP_SAME, "as string", STRING),
    CALL("string", STRING, SS_OP_TO_TEXT, "as text, as CSV output has it", ANY),

    INTERNAL("to_float64", FLOAT64, SS_OP_EXACT_TO_FLOAT64, "an exact number rounded to a double", EXACT),
    INTERNAL("rescale", AS_SET, SS_OP_RESCALE, "a decimal with more digits", EXACT),
};

#define FUNCTION_COUNT (sizeof(functions) / sizeof(functions[0]))

const struct ss_function *ss_function_table(size_t *count)
{
    *count = FUNCTION_COUNT;
    return functions;
}

const struct ss_function *ss_function_find(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(functions[i].name, name) == 0) return &functions[i];
    }
    return NULL;
}

// Can the value become an element of the list?
static bool fits_element(struct ss_type list, struct ss_type type)
{
    const struct ss_type element = ss_element_of(list);
    if (element.id == SS_FLOAT64) return ss_type_is_numeric(type);
    if (element.id == SS_DECIMAL)
        return type.id == SS_INT64 || (type.id == SS_DECIMAL && type.scale <= element.scale);
    return ss_type_equal(element, type);
}

bool ss_argument_fits(enum ss_argument argument, struct ss_type first, struct ss_type type)
{
    switch (argument) {
    case SS_ARGUMENT_NONE: return false;
    case SS_ARGUMENT_BOOL: return type.id == SS_BOOL;
    case SS_ARGUMENT_INT64:
    case SS_ARGUMENT_SCALE:
    case SS_ARGUMENT_COUNT:
    case SS_ARGUMENT_GROUP: return type.id == SS_INT64;
    case SS_ARGUMENT_DECIMAL: return type.id == SS_DECIMAL;
    case SS_ARGUMENT_EXACT: return type.id == SS_INT64 || type.id == SS_DECIMAL;
    case SS_ARGUMENT_FLOAT64: return ss_type_is_numeric(type);
    case SS_ARGUMENT_PATTERN:
    case SS_ARGUMENT_WITH:
    case SS_ARGUMENT_TIME_UNIT:
    case SS_ARGUMENT_ZONE:
    case SS_ARGUMENT_STRING: return type.id == SS_STRING;
    case SS_ARGUMENT_TEXTUAL: return type.id == SS_STRING || type.id == SS_INT64;
    case SS_ARGUMENT_TIMESTAMP: return type.id == SS_TIMESTAMP;
    case SS_ARGUMENT_BYTES: return type.id == SS_BYTES;
    case SS_ARGUMENT_LIST: return type.id == SS_LIST;
    case SS_ARGUMENT_VECTOR: return type.id == SS_VECTOR;
    case SS_ARGUMENT_SAME: return ss_type_equal(first, type);
    case SS_ARGUMENT_ELEMENT: return fits_element(first, type);
    case SS_ARGUMENT_ANY: return true;
    }
    return false;
}

bool ss_argument_is_setting(enum ss_argument argument)
{
    return argument >= SS_ARGUMENT_SCALE;
}

size_t ss_function_argument_count(const struct ss_function *function)
{
    size_t count = 0;
    while (count < SS_ARGUMENTS_MAX && function->arguments[count] != SS_ARGUMENT_NONE) count++;
    return count;
}

static bool row_fits(const struct ss_function *function, const struct ss_type *types, const bool *is_null,
                     size_t count)
{
    if (ss_function_argument_count(function) != count) return false;
    for (size_t i = 0; i < count; i++) {
        const enum ss_argument argument = function->arguments[i];
        const bool is_bound = argument == SS_ARGUMENT_SAME || argument == SS_ARGUMENT_ELEMENT;
        const bool fits_null = (is_null[i] && !ss_argument_is_setting(argument)) || (is_bound && is_null[0]);
        if (!fits_null && !ss_argument_fits(argument, types[0], types[i])) return false;
    }
    return true;
}

const struct ss_function *ss_function_match(const char *name, const struct ss_type *types,
                                            const bool *is_null, size_t count)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(functions[i].name, name) == 0 && row_fits(&functions[i], types, is_null, count))
            return &functions[i];
    }
    return NULL;
}

const char *ss_nearest_function(struct ss_bytes name)
{
    const char *names[SS_AGG_TOTAL + FUNCTION_COUNT];
    size_t count = SS_AGG_TOTAL;
    ss_aggregate_names(names);
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (functions[i].written == SS_WRITTEN_CALL) names[count++] = functions[i].name;
    }
    return ss_nearest_name(name, names, count);
}
