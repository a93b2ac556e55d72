// The table of all aggregates: what they are called, what they take, what they give and what is kept for
// them. The parser, the checker and "did you mean" go by it. docs/DEFINITIONS.md says the same in words.
#ifndef SS_ENGINE_AGGREGATES_H
#define SS_ENGINE_AGGREGATES_H

#include "engine/definitions.h"

// What an operand (an expression over the columns of the event) may be.
enum ss_operand {
    SS_OPERAND_NONE,
    SS_OPERAND_ANY,
    SS_OPERAND_NUMBER,
    SS_OPERAND_ORDERED, // has an order: all but bool, list, vector
    SS_OPERAND_BOOL,
    SS_OPERAND_SCALAR,   // all but list, vector
    SS_OPERAND_COUNTABLE // scalar and not float64: has a text that people would use as a key
};

// What else stands between the parentheses: a literal each.
enum ss_parameter {
    SS_PARAMETER_NONE,
    SS_PARAMETER_K,           // int64, 1 to SS_MAX_K
    SS_PARAMETER_STEPS,       // int64, 0 to SS_MAX_K - 1
    SS_PARAMETER_CAP,         // int64, 1 to SS_MAX_CAP; may be left out
    SS_PARAMETER_PROBABILITY, // int64 or decimal, 0 to 1
    SS_PARAMETER_HALF_LIFE    // a duration
};
#define SS_MAX_K       1000
#define SS_MAX_CAP     4096
#define SS_DEFAULT_CAP 256
#define SS_MAX_LAST    10000 // over last N
#define SS_MAX_HALVES  64    // a window is at most so many half-lives long

enum ss_aggregate_result {
    SS_GIVES_INT64,
    SS_GIVES_FLOAT64,
    SS_GIVES_BOOL,
    SS_GIVES_STRING,
    SS_GIVES_SAME, // the type of the first operand
    SS_GIVES_LIST  // a list of it
};

enum ss_bound_rule {
    SS_BOUND_NEEDED,   // over ..
    SS_BOUND_OPTIONAL, // without one: over all
    SS_BOUND_DECAYING  // over W, W at most SS_MAX_HALVES half-lives
};

#define SS_OPERANDS_MAX   2
#define SS_PARAMETERS_MAX 2
struct ss_aggregate_rule {
    const char *name;
    const char *form; // for messages: "quantile(x, p)"
    enum ss_operand operands[SS_OPERANDS_MAX];
    bool operand_optional; // count
    enum ss_parameter parameters[SS_PARAMETERS_MAX];
    enum ss_aggregate_result result;
    enum ss_bound_rule bound;
    uint32_t parts; // enum ss_part: what is kept for it
};

const struct ss_aggregate_rule *ss_aggregate_rule(enum ss_aggregate_fn fn);
// How many arguments it takes, operands and parameters together.
void ss_aggregate_arity(enum ss_aggregate_fn fn, size_t *least, size_t *most);
size_t ss_aggregate_operand_count(enum ss_aggregate_fn fn);
bool ss_aggregate_find(const char *name, enum ss_aggregate_fn *fn);
const char *ss_nearest_aggregate(struct ss_bytes name); // NULL: none
void ss_aggregate_names(const char *names[SS_AGG_TOTAL]);

bool ss_operand_fits(enum ss_operand operand, struct ss_type type);
const char *ss_operand_describe(enum ss_operand operand); // "a number"
struct ss_type ss_aggregate_type(enum ss_aggregate_fn fn, struct ss_type first_operand);

#endif
