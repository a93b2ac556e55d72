// Bytecode: what a program is made of. Shared by program_build.c, program_run.c, program_print.c and the
// kernels.
//
// Instruction i writes register i and reads registers below i: no register is written twice. A register holds
// one byte of validity per row (0 or 1) and the values; the value under an invalid row is 0 or empty. Bools
// are bytes; strings are views of memory that lives as long as the run's inputs, arena and program. Bytes,
// not the bitmaps of a column, because kernels then have neither shifts nor branches; inputs are widened and
// outputs packed once.
#ifndef SS_ENGINE_BYTECODE_H
#define SS_ENGINE_BYTECODE_H

#include "engine/program.h"
#include "engine/setting.h"

struct ss_register {
    uint8_t *valid;
    union {
        void *values;
        uint8_t *boolean;
        int64_t *i64; // int64, decimal, timestamp
        double *f64;
        struct ss_bytes *text;
    };
};

// One row of a register, kept in the instruction of a constant.
struct ss_cell {
    uint8_t valid;
    union {
        uint8_t boolean;
        int64_t i64;
        double f64;
        struct ss_bytes text;
    };
};

//    code                  name               kernel                    operands
#define SS_OPCODE_TABLE(X)                                                             \
    X(SS_OP_INPUT, "input", ss_kernel_input, 0)                                        \
    X(SS_OP_CONSTANT, "constant", ss_kernel_constant, 0)                               \
    X(SS_OP_ADD_EXACT, "add_exact", ss_kernel_add_exact, 2)                            \
    X(SS_OP_SUBTRACT_EXACT, "subtract_exact", ss_kernel_subtract_exact, 2)             \
    X(SS_OP_MULTIPLY_EXACT, "multiply_exact", ss_kernel_multiply_exact, 2)             \
    X(SS_OP_DIVIDE_EXACT, "divide_exact", ss_kernel_divide_exact, 2)                   \
    X(SS_OP_DIV, "div", ss_kernel_div, 2)                                              \
    X(SS_OP_MOD, "mod", ss_kernel_mod, 2)                                              \
    X(SS_OP_NEGATE_EXACT, "negate_exact", ss_kernel_negate_exact, 1)                   \
    X(SS_OP_ABS_EXACT, "abs_exact", ss_kernel_abs_exact, 1)                            \
    X(SS_OP_EQUAL_EXACT, "equal_exact", ss_kernel_equal_exact, 2)                      \
    X(SS_OP_DIFFER_EXACT, "differ_exact", ss_kernel_differ_exact, 2)                   \
    X(SS_OP_LESS_EXACT, "less_exact", ss_kernel_less_exact, 2)                         \
    X(SS_OP_AT_MOST_EXACT, "at_most_exact", ss_kernel_at_most_exact, 2)                \
    X(SS_OP_ADD_FLOAT64, "add_float64", ss_kernel_add_float64, 2)                      \
    X(SS_OP_SUBTRACT_FLOAT64, "subtract_float64", ss_kernel_subtract_float64, 2)       \
    X(SS_OP_MULTIPLY_FLOAT64, "multiply_float64", ss_kernel_multiply_float64, 2)       \
    X(SS_OP_DIVIDE_FLOAT64, "divide_float64", ss_kernel_divide_float64, 2)             \
    X(SS_OP_NEGATE_FLOAT64, "negate_float64", ss_kernel_negate_float64, 1)             \
    X(SS_OP_ABS_FLOAT64, "abs_float64", ss_kernel_abs_float64, 1)                      \
    X(SS_OP_FLOOR_FLOAT64, "floor_float64", ss_kernel_floor_float64, 1)                \
    X(SS_OP_CEIL_FLOAT64, "ceil_float64", ss_kernel_ceil_float64, 1)                   \
    X(SS_OP_SQRT, "sqrt", ss_kernel_sqrt, 1)                                           \
    X(SS_OP_ROUND_FLOAT64, "round_float64", ss_kernel_round_float64, 1)                \
    X(SS_OP_TRUNC_FLOAT64, "trunc_float64", ss_kernel_trunc_float64, 1)                \
    X(SS_OP_SIGN_FLOAT64, "sign_float64", ss_kernel_sign_float64, 1)                   \
    X(SS_OP_SIGN_EXACT, "sign_exact", ss_kernel_sign_exact, 1)                         \
    X(SS_OP_EQUAL_FLOAT64, "equal_float64", ss_kernel_equal_float64, 2)                \
    X(SS_OP_DIFFER_FLOAT64, "differ_float64", ss_kernel_differ_float64, 2)             \
    X(SS_OP_LESS_FLOAT64, "less_float64", ss_kernel_less_float64, 2)                   \
    X(SS_OP_AT_MOST_FLOAT64, "at_most_float64", ss_kernel_at_most_float64, 2)          \
    X(SS_OP_EXP, "exp", ss_kernel_exp, 1)                                              \
    X(SS_OP_EXPM1, "expm1", ss_kernel_expm1, 1)                                        \
    X(SS_OP_LOG, "log", ss_kernel_log, 1)                                              \
    X(SS_OP_LOG2, "log2", ss_kernel_log2, 1)                                           \
    X(SS_OP_LOG10, "log10", ss_kernel_log10, 1)                                        \
    X(SS_OP_LOG1P, "log1p", ss_kernel_log1p, 1)                                        \
    X(SS_OP_POW, "pow", ss_kernel_pow, 2)                                              \
    X(SS_OP_EXP2, "exp2", ss_kernel_exp2, 1)                                           \
    X(SS_OP_SIN, "sin", ss_kernel_sin, 1)                                              \
    X(SS_OP_COS, "cos", ss_kernel_cos, 1)                                              \
    X(SS_OP_TAN, "tan", ss_kernel_tan, 1)                                              \
    X(SS_OP_ASIN, "asin", ss_kernel_asin, 1)                                           \
    X(SS_OP_ACOS, "acos", ss_kernel_acos, 1)                                           \
    X(SS_OP_ATAN, "atan", ss_kernel_atan, 1)                                           \
    X(SS_OP_SINH, "sinh", ss_kernel_sinh, 1)                                           \
    X(SS_OP_COSH, "cosh", ss_kernel_cosh, 1)                                           \
    X(SS_OP_TANH, "tanh", ss_kernel_tanh, 1)                                           \
    X(SS_OP_CBRT, "cbrt", ss_kernel_cbrt, 1)                                           \
    X(SS_OP_ATAN2, "atan2", ss_kernel_atan2, 2)                                        \
    X(SS_OP_HYPOT, "hypot", ss_kernel_hypot, 2)                                        \
    X(SS_OP_EQUAL_BOOL, "equal_bool", ss_kernel_equal_bool, 2)                         \
    X(SS_OP_DIFFER_BOOL, "differ_bool", ss_kernel_differ_bool, 2)                      \
    X(SS_OP_AND, "and", ss_kernel_and, 2)                                              \
    X(SS_OP_OR, "or", ss_kernel_or, 2)                                                 \
    X(SS_OP_NOT, "not", ss_kernel_not, 1)                                              \
    X(SS_OP_IS_NULL, "is_null", ss_kernel_is_null, 1)                                  \
    X(SS_OP_IS_NOT_NULL, "is_not_null", ss_kernel_is_not_null, 1)                      \
    X(SS_OP_SELECT, "select", ss_kernel_select, 3) /* a is true ? b : c */             \
    X(SS_OP_PICK, "pick", ss_kernel_pick, 3)       /* the same; null where a is */     \
    X(SS_OP_COALESCE, "coalesce", ss_kernel_coalesce, 2)                               \
    X(SS_OP_EQUAL_TEXT, "equal_text", ss_kernel_equal_text, 2)                         \
    X(SS_OP_DIFFER_TEXT, "differ_text", ss_kernel_differ_text, 2)                      \
    X(SS_OP_LESS_TEXT, "less_text", ss_kernel_less_text, 2)                            \
    X(SS_OP_AT_MOST_TEXT, "at_most_text", ss_kernel_at_most_text, 2)                   \
    X(SS_OP_LOWER, "lower", ss_kernel_lower, 1)                                        \
    X(SS_OP_UPPER, "upper", ss_kernel_upper, 1)                                        \
    X(SS_OP_TRIM, "trim", ss_kernel_trim, 1)                                           \
    X(SS_OP_LENGTH, "length", ss_kernel_length, 1)                                     \
    X(SS_OP_SUBSTR_FROM, "substr_from", ss_kernel_substr_from, 2)                      \
    X(SS_OP_SUBSTR, "substr", ss_kernel_substr, 3)                                     \
    X(SS_OP_CONCAT, "concat", ss_kernel_concat, 2)                                     \
    X(SS_OP_STARTS_WITH, "starts_with", ss_kernel_starts_with, 2)                      \
    X(SS_OP_ENDS_WITH, "ends_with", ss_kernel_ends_with, 2)                            \
    X(SS_OP_CONTAINS, "contains", ss_kernel_contains, 2)                               \
    X(SS_OP_REPLACE, "replace", ss_kernel_replace, 3)                                  \
    X(SS_OP_SPLIT_PART, "split_part", ss_kernel_split_part, 3)                         \
    X(SS_OP_REGEXP_MATCHES, "regexp_matches", ss_kernel_regexp_matches, 1)             \
    X(SS_OP_REGEXP_EXTRACT, "regexp_extract", ss_kernel_regexp_extract, 1)             \
    X(SS_OP_REGEXP_REPLACE, "regexp_replace", ss_kernel_regexp_replace, 1)             \
    X(SS_OP_YEAR, "year", ss_kernel_year, 1)                                           \
    X(SS_OP_QUARTER, "quarter", ss_kernel_quarter, 1)                                  \
    X(SS_OP_MONTH, "month", ss_kernel_month, 1)                                        \
    X(SS_OP_WEEK, "week", ss_kernel_week, 1)                                           \
    X(SS_OP_DAY, "day", ss_kernel_day, 1)                                              \
    X(SS_OP_DAY_OF_WEEK, "day_of_week", ss_kernel_day_of_week, 1)                      \
    X(SS_OP_DAY_OF_YEAR, "day_of_year", ss_kernel_day_of_year, 1)                      \
    X(SS_OP_HOUR, "hour", ss_kernel_hour, 1)                                           \
    X(SS_OP_MINUTE, "minute", ss_kernel_minute, 1)                                     \
    X(SS_OP_SECOND, "second", ss_kernel_second, 1)                                     \
    X(SS_OP_DATE_TRUNC, "date_trunc", ss_kernel_date_trunc, 1)                         \
    X(SS_OP_BYTES_LENGTH, "bytes_length", ss_kernel_bytes_length, 1)                   \
    X(SS_OP_LIST_LENGTH, "list_length", ss_kernel_list_length, 1)                      \
    X(SS_OP_LIST_CONTAINS, "list_contains", ss_kernel_list_contains, 2)                \
    X(SS_OP_ELEMENT, "element", ss_kernel_element, 2)                                  \
    X(SS_OP_DOT, "dot", ss_kernel_dot, 2)                                              \
    X(SS_OP_NORM, "norm", ss_kernel_norm, 1)                                           \
    X(SS_OP_COSINE, "cosine", ss_kernel_cosine, 2)                                     \
    X(SS_OP_HEX, "hex", ss_kernel_hex, 1)                                              \
    X(SS_OP_FROM_HEX, "from_hex", ss_kernel_from_hex, 1)                               \
    X(SS_OP_MD5, "md5", ss_kernel_md5, 1)                                              \
    X(SS_OP_SHA256, "sha256", ss_kernel_sha256, 1)                                     \
    X(SS_OP_XXH64, "xxh64", ss_kernel_xxh64, 1)                                        \
    X(SS_OP_MD5_BUCKET, "md5_bucket", ss_kernel_md5_bucket, 2)                         \
    X(SS_OP_EXACT_TO_FLOAT64, "exact_to_float64", ss_kernel_exact_to_float64, 1)       \
    X(SS_OP_RESCALE, "rescale", ss_kernel_rescale, 1)                                  \
    X(SS_OP_EXACT_TO_INT64, "exact_to_int64", ss_kernel_exact_to_int64, 1)             \
    X(SS_OP_FLOOR_DECIMAL, "floor_decimal", ss_kernel_floor_decimal, 1)                \
    X(SS_OP_CEIL_DECIMAL, "ceil_decimal", ss_kernel_ceil_decimal, 1)                   \
    X(SS_OP_FLOAT64_TO_INT64, "float64_to_int64", ss_kernel_float64_to_int64, 1)       \
    X(SS_OP_FLOAT64_TO_DECIMAL, "float64_to_decimal", ss_kernel_float64_to_decimal, 1) \
    X(SS_OP_BOOL_TO_INT64, "bool_to_int64", ss_kernel_bool_to_int64, 1)                \
    X(SS_OP_TEXT_TO_INT64, "text_to_int64", ss_kernel_text_to_int64, 1)                \
    X(SS_OP_TEXT_TO_FLOAT64, "text_to_float64", ss_kernel_text_to_float64, 1)          \
    X(SS_OP_TEXT_TO_DECIMAL, "text_to_decimal", ss_kernel_text_to_decimal, 1)          \
    X(SS_OP_TEXT_TO_BOOL, "text_to_bool", ss_kernel_text_to_bool, 1)                   \
    X(SS_OP_TEXT_TO_TIMESTAMP, "text_to_timestamp", ss_kernel_text_to_timestamp, 1)    \
    X(SS_OP_TO_TEXT, "to_text", ss_kernel_to_text, 1)

enum ss_opcode {
#define SS_OPCODE_CODE(code, name, kernel, operands) code,
    SS_OPCODE_TABLE(SS_OPCODE_CODE)
#undef SS_OPCODE_CODE
        SS_OPCODE_COUNT,
    SS_OP_SAME, // no instruction: the result is the operand's register
    SS_OP_NONE  // a form that becomes several instructions
};

// The kernels of kernels_transcendental.c stand together in the table.
static inline bool ss_opcode_calls_mpfr(enum ss_opcode opcode)
{
    return opcode >= SS_OP_EXP && opcode <= SS_OP_HYPOT;
}

struct ss_instruction {
    enum ss_opcode opcode;
    struct ss_type type;         // of the result
    struct ss_type operand_type; // of the first operand, but of choices and concat
    int32_t operands[3];         // registers; -1: none
    int32_t input;               // SS_OP_INPUT
    bool is_operand;             // of a later instruction
    int64_t factors[2];  // exact arithmetic: operand k counts times factors[k], which gives them one scale
    int64_t low, high;   // exact arithmetic: a result outside is null
    struct ss_cell cell; // SS_OP_CONSTANT
    const struct ss_setting *setting; // what literal arguments that are no operands say; NULL: none
};

struct ss_run {
    int32_t rows;
    const struct ss_column *const *inputs;
    const struct ss_register *registers;
    struct ss_arena *arena;
};

static inline const struct ss_register *ss_operand(const struct ss_run *run,
                                                   const struct ss_instruction *instruction, int k)
{
    return &run->registers[instruction->operands[k]];
}

// Fills `out` (whose memory holds run->rows rows). False: out of memory.
typedef bool ss_kernel(const struct ss_run *run, const struct ss_instruction *instruction,
                       struct ss_register *out);

#define SS_OPCODE_KERNEL(code, name, kernel, operands) ss_kernel kernel;
SS_OPCODE_TABLE(SS_OPCODE_KERNEL)
#undef SS_OPCODE_KERNEL

const char *ss_opcode_name(enum ss_opcode opcode);
int ss_opcode_operands(enum ss_opcode opcode);
bool ss_instruction_run(const struct ss_run *run, const struct ss_instruction *instruction,
                        struct ss_register *out);

struct ss_program {
    const struct ss_instruction *instructions;
    int32_t count;
    const int32_t *outputs; // registers
    int32_t output_count;
    int32_t wide_bytes; // of one row of the values of all registers but bools (multiples of 8 each)
    int32_t narrow_bytes;
};

int32_t ss_value_width(struct ss_type type); // bytes of one row in a register: 1, 8 or 16

// An input that is no operand: outputs are views of the column, the register is not filled.
static inline bool ss_is_passed_on(const struct ss_instruction *instruction)
{
    return instruction->opcode == SS_OP_INPUT && !instruction->is_operand;
}

// Bytes of one row in the register of an instruction. Numbers of an input are read in place.
static inline int32_t ss_wide_bytes(const struct ss_instruction *instruction)
{
    const int32_t width = ss_value_width(instruction->type);
    const bool in_place = instruction->opcode == SS_OP_INPUT && width == 8;
    return ss_is_passed_on(instruction) || in_place || width == 1 ? 0 : width;
}

static inline int32_t ss_narrow_bytes(const struct ss_instruction *instruction)
{
    return ss_is_passed_on(instruction) ? 0 : ss_value_width(instruction->type) == 1 ? 2 : 1;
}

// Is the program safe to run on inputs of these types, and are its results values of their types? inputs
// NULL: each input has the type it is read as.
bool ss_program_verify(const struct ss_program *program, const struct ss_type *inputs, size_t input_count);

__extension__ typedef __int128 ss_int128;
__extension__ typedef unsigned __int128 ss_uint128;

#define SS_RESULT_TEXT_MAX_BYTES (1 << 20) // functions that put text together: a longer result is null

#define SS_DECIMAL_LIMIT INT64_C(999999999999999999)

// The quotient of two exact numbers rounded once, to nearest, ties to even. Neither is 0 nor above 2^124.
double ss_round_ratio(bool negative, ss_uint128 numerator, ss_uint128 denominator);

#endif
