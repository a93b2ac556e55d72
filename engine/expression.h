// Expressions: text -> syntax tree -> types -> bytecode.
//
// Grammar, loosest first:
//   or | and | not | comparison (= <> != < <= > >=, is [not] null, [not] in (..), [not] between a and b)
//   | + - | * / div mod | unary - | postfix | primary
//   primary: literal | name[.name] | function(args) | aggregate(args [where expr]) suffixes | case | ( expr )
//   suffixes of an aggregate call: over DURATION | over all | last N, with an over before or after it |
//   within DURATION | hop DURATION | hop exact
//   literals: 12, 12.5, 1e3, 'text' ('' is a quote), true, false, null, timestamp '2026-01-31T10:00:00Z',
//   duration literals 5m, 1h30m (an int64 of µs)
// Keywords and function names are case-insensitive; names of columns and features are not.
//
// A number without a point is int64; with a point and no exponent it is decimal (as many digits as written);
// with an exponent float64.
#ifndef SS_ENGINE_EXPRESSION_H
#define SS_ENGINE_EXPRESSION_H

#include "engine/base/column.h"
#include "engine/base/error.h"
#include "engine/diagnostics.h"

enum ss_node_kind {
    SS_NODE_LITERAL,   // value, type; `null` has present = false and null_literal
    SS_NODE_NAME,      // name (whole, "a" or "a.b")
    SS_NODE_CALL,      // function and arguments; operators are calls named by their operator ("+", "and",
                       // "is_null", "neg", "case", "in", ...)
    SS_NODE_AGGREGATE, // aggregate call
    SS_NODE_INPUT      // made by resolution: reads input column `input`
};

enum ss_aggregate_fn {
    SS_AGG_COUNT,
    SS_AGG_SUM,
    SS_AGG_MEAN,
    SS_AGG_VAR,
    SS_AGG_STDDEV,
    SS_AGG_MIN,
    SS_AGG_MAX,
    SS_AGG_FIRST,
    SS_AGG_LAST,
    SS_AGG_COUNT_DISTINCT,
    SS_AGG_VAR_POP,
    SS_AGG_STDDEV_POP,
    SS_AGG_SKEW,
    SS_AGG_KURTOSIS,
    SS_AGG_COVAR,
    SS_AGG_COVAR_POP,
    SS_AGG_CORR,
    SS_AGG_SLOPE,
    SS_AGG_MIN_BY,
    SS_AGG_MAX_BY,
    SS_AGG_FIRST_K,
    SS_AGG_LAST_K,
    SS_AGG_UNIQUE_LAST_K,
    SS_AGG_LAG,
    SS_AGG_SINCE_LAST,
    SS_AGG_SINCE_FIRST,
    SS_AGG_QUANTILE,
    SS_AGG_MEDIAN,
    SS_AGG_COUNT_BY,
    SS_AGG_MODE,
    SS_AGG_TOP_K,
    SS_AGG_ENTROPY,
    SS_AGG_ANY,
    SS_AGG_ALL,
    SS_AGG_DECAYED_SUM,
    SS_AGG_DECAYED_COUNT,
    SS_AGG_DECAYED_MEAN,
    SS_AGG_TOTAL
};
const char *ss_aggregate_name(enum ss_aggregate_fn fn);

#define SS_EXPRESSION_MAX_BYTES  (64 << 10) // longer text is an error
#define SS_EXPRESSION_MAX_DEPTH  100        // parentheses, calls and prefixes inside each other
#define SS_EXPRESSION_MAX_HEIGHT 1000       // of the tree: a chain of operators is as high as it is long

#define SS_OVER_NONE   0         // no `over` written
#define SS_OVER_ALL    INT64_MAX // over all
#define SS_HOP_DEFAULT 0         // no hop written; `hop exact` is 1

struct ss_node {
    enum ss_node_kind kind;
    struct ss_place place;      // where its text starts
    struct ss_type type;        // set by ss_expression_check; literals from the start
    bool null_literal;          // `null` that has no type yet; the check gives it the one that is needed
    struct ss_value value;      // literal
    const struct ss_zone *zone; // of a literal that names one; set by ss_expression_check
    const char *name;           // name, or function name in lower case
    struct ss_node **arguments; // call; aggregate: operands, then parameters (aggregates.h)
    size_t argument_count;
    int height; // of its tree as parsed: 1 for a leaf, at most SS_EXPRESSION_MAX_HEIGHT
    int input;  // SS_NODE_INPUT
    // SS_NODE_AGGREGATE:
    enum ss_aggregate_fn fn;
    struct ss_node *where; // NULL: none
    int64_t over_us;       // SS_OVER_NONE, SS_OVER_ALL or a duration
    int64_t within_us;     // 0: none
    int64_t hop_us;        // SS_HOP_DEFAULT, 1 for `exact`, or a duration
    int64_t last_n;        // over last N; 0: none
    struct ss_place over_place, last_place, hop_place, within_place;
};

// Parses `text` whose first byte stands at `place`. Nodes live in `arena`. Errors go to diagnostics, then
// NULL is returned. Never recurses deeper than 100 levels (deeper is an error).
struct ss_node *ss_expression_parse(struct ss_bytes text, struct ss_place place, struct ss_arena *arena,
                                    struct ss_diagnostics *diagnostics);

// Calls `visit` on every node, parents first. Stops and returns false when visit does.
bool ss_expression_walk(struct ss_node *node, bool (*visit)(void *context, struct ss_node *node),
                        void *context);

// Where the time zones come from that expressions name. `find` returns NULL when there is none of that name,
// or with *error set when it is damaged.
struct ss_zones {
    const struct ss_zone *(*find)(void *context, const char *name, struct ss_error *error);
    void *context;
};
#define SS_UNKNOWN_ZONE_FORMAT                                                                             \
    "unknown time zone '%.64s'; expected a name such as Europe/Berlin or America/New_York, or UTC (names " \
    "are those of the system's package tzdata)"

// How names become inputs. `resolve` turns an SS_NODE_NAME (or, where the caller has rewritten it, anything
// it knows) into SS_NODE_INPUT with `input` and `type` set and returns true; or diagnoses and returns false.
// `aggregate` does the same for SS_NODE_AGGREGATE; NULL: aggregates are an error here.
struct ss_scope {
    bool (*resolve)(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics);
    bool (*aggregate)(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics);
    void *context;
    const char *where; // for messages: "a view's where", "an aggregate's argument", "a feature of a service"
    const struct ss_zones *zones; // NULL: none but UTC
};

// Resolves names, checks and sets types, inserts conversions (int64/decimal -> float64, int64 -> decimal,
// decimal rescale). A null literal takes the type its context needs. False when something was diagnosed (all
// errors in the tree are found, not only the first). Conversions are calls with names "to_float64",
// "rescale", ... whose node type is the target.
bool ss_expression_check(struct ss_node *node, const struct ss_scope *scope, struct ss_arena *arena,
                         struct ss_diagnostics *diagnostics);

// The canonical text of a checked tree: fully parenthesised prefix form with types, inputs as #n, every
// default spelled out; used in fingerprints. Two expressions that differ in blanks, case of keywords or
// redundant parentheses are alike.
void ss_expression_canonical(const struct ss_node *node, struct ss_buffer *buffer);

#endif
