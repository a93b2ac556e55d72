// A scenario: a random plan and what happens to it, in plain structs that the generator makes, the naive scan
// evaluates and the replay feeds to the store. Includes nothing of the product.
#ifndef SS_TESTS_PROPERTY_SCENARIO_H
#define SS_TESTS_PROPERTY_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NEVER  INT64_MAX

// Memory that lives as long as the scenario.
struct pool {
    struct pool_block *blocks;
};
void *pool_take(struct pool *pool, size_t size); // zeroed
// Takes from `memory` (zeroed) alone from here on, the caller's; to run out of it is fatal.
void pool_adopt(struct pool *pool, void *memory, size_t size);
char *pool_format(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pool_release(struct pool *pool);

struct random {
    uint64_t state;
};
uint64_t random_word(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); // bound > 0
bool random_chance(struct random *random, unsigned percent);
int64_t random_between(struct random *random, int64_t low, int64_t high); // inclusive

enum kind_id {
    KIND_BOOL,
    KIND_INT64,
    KIND_FLOAT64,
    KIND_DECIMAL,
    KIND_STRING,
    KIND_TIMESTAMP,
    KIND_BYTES,
    KIND_LIST,
    KIND_VECTOR
};
struct kind {
    enum kind_id id;
    unsigned scale;       // of a decimal or of a list's decimals
    enum kind_id element; // of a list
    unsigned length;      // of a vector
};
static inline bool kind_is_exact(struct kind kind)
{
    return kind.id == KIND_INT64 || kind.id == KIND_DECIMAL;
}
static inline bool kind_is_number(struct kind kind)
{
    return kind_is_exact(kind) || kind.id == KIND_FLOAT64;
}
static inline bool kind_has_size(struct kind kind)
{
    return kind.id >= KIND_BYTES;
}
static inline struct kind list_of(struct kind element)
{
    return (struct kind){KIND_LIST, element.scale, element.id, 0};
}
const char *kind_text(struct pool *pool, struct kind kind);

struct cell { // a null has all other members zero
    bool present;
    int64_t i;        // bool, int64, decimal (scaled), timestamp
    double f;         // float64
    const char *text; // string, ending with a NUL; of bytes, list (packed) and vector the bytes
    size_t size;      // of bytes, list and vector
};
bool cell_equal(struct kind kind, struct cell a, struct cell b); // by bits
int cell_order(struct kind kind, struct cell a, struct cell b);  // of two present ones: false before true
struct cell cell_copy(struct pool *pool, struct kind kind, struct cell cell); // with its text
// A present value as CSV has it; of all kinds but float64, list and vector.
const char *cell_text(struct pool *pool, struct kind kind, struct cell cell);
const char *cell_show(struct pool *pool, struct kind kind, struct cell cell); // for people
struct cell list_cell(struct pool *pool, struct kind element, const struct cell *cells, int count);

enum operation {
    OP_LITERAL,    // literal
    OP_COLUMN,     // index: column of the source; of the event
    OP_EVENT_TIME, // of the event
    OP_AGGREGATE,  // index: aggregate of the view
    OP_FEATURE,    // index: feature of the view; view: in a service, which view
    OP_REQUEST,    // index
    OP_KEY,        // index: key part, of the view's entity or of the service
    OP_TIME,       // t
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_DIV,
    OP_MOD,
    OP_NEGATE,
    OP_EQUAL,
    OP_DIFFER,
    OP_LESS,
    OP_AT_MOST,
    OP_GREATER,
    OP_AT_LEAST,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_IS_NULL,
    OP_IS_NOT_NULL,
    OP_IN,      // child 0 among the others
    OP_BETWEEN, // three children
    OP_COALESCE,
    OP_NULLIF,
    OP_CASE, // condition, then, else
    OP_LENGTH,
    OP_LOWER,
    OP_UPPER,
    OP_ABS
};

#define CHILDREN 4
struct expression {
    enum operation op;
    struct kind kind;
    struct cell literal;
    int index, view;
    int child_count;
    const struct expression *child[CHILDREN];
};

enum function {
    FN_COUNT,
    FN_SUM,
    FN_MEAN,
    FN_VAR,
    FN_STDDEV,
    FN_MIN,
    FN_MAX,
    FN_FIRST,
    FN_LAST,
    FN_DISTINCT,
    FN_ANY,
    FN_ALL,
    FN_SINCE_LAST,
    FN_SINCE_FIRST,
    FN_VAR_POP,
    FN_STDDEV_POP,
    FN_SKEW,
    FN_KURTOSIS,
    FN_SLOPE,
    FN_COVAR,
    FN_COVAR_POP,
    FN_CORR,
    FN_MIN_BY,
    FN_MAX_BY,
    FN_FIRST_K,
    FN_LAST_K,
    FN_UNIQUE_LAST_K,
    FN_LAG,
    FN_QUANTILE,
    FN_MEDIAN,
    FN_COUNT_BY,
    FN_MODE,
    FN_TOP_K,
    FN_ENTROPY,
    FN_DECAYED_SUM,
    FN_DECAYED_MEAN,
    FN_DECAYED_COUNT,
    FUNCTIONS
};
// What is written after the arguments.
enum { TAKES_K = 1, TAKES_P = 2, TAKES_CAP = 4, TAKES_HALF_LIFE = 8 };
struct function_form {
    const char *name;
    int arguments; // that have to be there
    unsigned takes;
};
extern const struct function_form function_forms[FUNCTIONS];

enum bound { BOUND_WINDOW, BOUND_ALL, BOUND_WITHIN };

struct aggregate {
    enum function function;
    struct kind kind;                  // of the result
    const struct expression *argument; // NULL: count() and the like
    const struct expression *second;   // NULL: none
    const struct expression *where;    // NULL: none
    int64_t k;                         // of first_k, lag and the like
    int64_t p;                         // of quantile: p / 10^p_scale
    unsigned p_scale;
    int64_t cap; // 0: none written
    int64_t half_life;
    enum bound bound;
    int64_t window; // or ttl
    int64_t hop;    // 0: none written
    int last;       // of the newest so many events of the view; 0: of all
};

#define MAX_KEYS 3
struct entity {
    const char *name;
    int key_count;
    int keys[MAX_KEYS]; // into the plan's key names
};

#define MAX_COLUMNS 16
enum role { ROLE_PLAIN, ROLE_TIME, ROLE_ID, ROLE_OPERATION, ROLE_ARRIVAL, ROLE_KEY };
struct column {
    const char *name;
    struct kind kind;
    enum role role;
    int key; // ROLE_KEY: into the plan's key names
};

enum arrival { ARRIVAL_EVENT_TIME, ARRIVAL_OFFSET, ARRIVAL_COLUMN };
struct source {
    const char *name;
    int column_count;
    struct column columns[MAX_COLUMNS];
    int time_column, id_column, operation_column, arrival_column; // -1: none
    enum arrival arrival;
    int64_t offset;
};

struct feature {
    const char *name;
    const struct expression *expression;
};

#define MAX_AGGREGATES 64
#define MAX_FEATURES   12
struct view {
    const char *name;
    const struct entity *entity;
    const struct source *source;
    int source_index;
    const struct expression *where; // NULL: none
    int aggregate_count;
    struct aggregate aggregates[MAX_AGGREGATES];
    int feature_count;
    struct feature features[MAX_FEATURES];
};

#define MAX_VIEWS            4
#define MAX_SERVICE_FEATURES 48
struct request_input {
    const char *name;
    struct kind kind;
};

struct plan {
    int key_count; // names of key columns, with their kinds
    const char *key_names[MAX_KEYS];
    struct kind key_kinds[MAX_KEYS];
    int entity_count, source_count, view_count, request_count, feature_count;
    struct entity entities[2];
    struct source sources[2];
    struct view views[MAX_VIEWS];
    struct request_input request[3];
    struct feature features[MAX_SERVICE_FEATURES]; // of the service, OP_FEATURE as it is or derived
    int service_key_count;                         // the keys the service needs, in order of first use
    int service_keys[MAX_KEYS];
    bool wall; // a fake wall clock rather than a replay clock
};

struct row {
    bool dropped; // by the shrinking of a failure
    struct cell cells[MAX_COLUMNS];
};

enum step_kind { STEP_PUSH, STEP_LOOKUP };
struct step {
    enum step_kind kind;
    int64_t clock; // the clock is moved here first (0: left where it stands)
    // STEP_PUSH
    int source;
    bool live;
    bool again; // sent twice, by a producer, with the same number
    int row_count;
    struct row *rows;
    // STEP_LOOKUP
    int64_t ahead; // looked up this much ahead of the clock (`at`); 0: at the clock
};

struct script {
    int step_count;
    struct step *steps;
    int64_t end_clock;
    int query_count; // what every lookup asks for
    struct cell (*query_keys)[MAX_KEYS];
    struct cell (*query_request)[3];
    // Queries may carry an event at hand, a row of one source; a NULL does not.
    int at_hand_source;
    bool at_hand_lacks_keys; // key columns are left out
    const struct cell **query_at_hand;
};

// The keys of the service: those of the entities whose features it reads.
void plan_find_service_keys(struct plan *plan);
// The plan as YAML.
char *plan_yaml(struct pool *pool, const struct plan *plan);
// Everything that happens, for a failure's report.
void script_print(struct pool *pool, const struct plan *plan, const struct script *script);

void generate_plan(struct random *random, struct pool *pool, struct plan *plan);
void generate_script(struct random *random, struct pool *pool, const struct plan *plan,
                     struct script *script);

#endif
