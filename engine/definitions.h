// Definitions: what the YAML files say, compiled once into a plan.
//
// Text -> parse -> resolve names -> check types -> plan: row program (per event: filter and arguments),
// groups and levels (what is kept per entity), aggregates (what is read from it), read programs,
// fingerprints. Everything here is immutable after ss_definitions_compile and lives in one arena; any number
// of threads may read it.
#ifndef SS_ENGINE_DEFINITIONS_H
#define SS_ENGINE_DEFINITIONS_H

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/expression.h"
#include "engine/program.h"

#define SS_SEMANTICS_VERSION     1 // part of every fingerprint: raised when the engine's results change
#define SS_MAX_KEYS              8
#define SS_DEFINITIONS_MAX_BYTES (4 << 20) // of one file
#define SS_YAML_MAX_DEPTH        32

struct ss_notes {                    // description, owner, tags: no part of a fingerprint
    const char *description, *owner; // NULL: none
    const char *const *tags;
    size_t tag_count;
};

struct ss_entity {
    const char *name;
    struct ss_place place;
    struct ss_notes notes;
    size_t key_count;
    const char *key_names[SS_MAX_KEYS];
    struct ss_type key_types[SS_MAX_KEYS]; // bool, int64 or string
};

enum ss_on_violation { SS_QUARANTINE, SS_REJECT, SS_WARN };

struct ss_source_column {
    const char *name;
    struct ss_place place;
    struct ss_type type;
    enum ss_time_unit unit; // timestamps: how text is read; `timestamp(ms)` gives SS_UNIT_MS
    // expect:
    bool not_null;
    bool has_between;
    struct ss_value low, high;     // of the column's type, inclusive
    const struct ss_value *one_of; // `in: [..]`
    size_t one_of_count;
    bool has_parses_as;       // a string column
    struct ss_type parses_as; // every text is one of this type: a cast to it is not null
    bool has_unique_ratio;    // whole batch: distinct / rows >= unique_ratio_min
    double unique_ratio_min;
};

enum ss_arrival { SS_ARRIVAL_EVENT_TIME, SS_ARRIVAL_COLUMN };

struct ss_source {
    const char *name;
    struct ss_place place;
    struct ss_notes notes;
    size_t column_count;
    struct ss_source_column *columns;
    const int *columns_by_name; // indices into columns, sorted
    int event_time_column;      // index into columns
    int event_id_column;        // -1: none
    int op_column;              // -1: none; a string column whose values are 'insert' and 'delete'
    enum ss_arrival arrival;
    int64_t arrival_offset_us;  // SS_ARRIVAL_EVENT_TIME: event_time + this
    int arrival_column;         // SS_ARRIVAL_COLUMN
    const struct ss_zone *zone; // naive times are read in it; NULL: UTC
    enum ss_on_violation on_violation;
};

// What is kept of one (argument, filter) pair in a tile; bits of `parts`.
enum ss_part {
    SS_PART_N = 1,  // rows that pass the filter, with a non-null argument if there is one
    SS_PART_S1 = 2, // exact sum
    SS_PART_S2 = 4, // exact sum of squares
    SS_PART_MIN = 8,
    SS_PART_MAX = 16,
    SS_PART_FIRST = 32, // least (event_time, seq) with a non-null argument
    SS_PART_LAST = 64,  // greatest (event_time, seq), null argument and all; without one: just (time, seq)
    SS_PART_DISTINCT = 128,
    // Members (group_members.h), of the events that count:
    SS_PART_HIGHER = 1 << 8,       // exact sums of third and fourth powers
    SS_PART_PAIR = 1 << 9,         // exact sums of y, y y and x y
    SS_PART_LEAST_BY = 1 << 10,    // x where y is least, the newest of those
    SS_PART_GREATEST_BY = 1 << 11, // x where y is greatest, the newest of those
    SS_PART_FIRST_K = 1 << 12,     // the oldest values
    SS_PART_LAST_K = 1 << 13,      // the newest values
    SS_PART_UNIQUE_K = 1 << 14,    // the different values seen last
    SS_PART_QUANTILE = 1 << 15,    // a multiset, then a sketch of it
    SS_PART_COUNTS = 1 << 16,      // how often each value was seen
    SS_PART_DECAY = 1 << 17        // exact sums of weights that halve
};
#define SS_MEMBER_BIT   8
#define SS_MEMBER_COUNT 10

// A group: one (argument, second argument, filter, half-life). Group 0 of every view has none of them and
// keeps SS_PART_N | SS_PART_LAST in the level `all`: the net event count and the newest event (DESIGN C10).
struct ss_group {
    int argument;        // output of the row program; -1: none
    int filter;          // output (bool) of the row program; -1: none
    struct ss_type type; // of the argument; SS_INT64 when there is none
    bool has_second;     // events without both arguments are not in the group
    int second;          // output of the row program
    struct ss_type second_type;
    int64_t half_life_us; // of SS_PART_DECAY
    // The greatest that any aggregate of the group asks for:
    int32_t first_k, last_k, unique_k; // entries of SS_PART_FIRST_K, LAST_K and UNIQUE_K
    int32_t cap;                       // different values of SS_PART_COUNTS
};

#define SS_HOP_ALL INT64_MAX
// A level: tiles of one hop. `parts[g]` says what tiles of this level keep of group g (0: nothing).
struct ss_level {
    int64_t hop_us;       // SS_HOP_ALL: one tile of everything, never pruned
    int64_t retention_us; // the longest window read from it: tiles with start < floor(t - retention, hop) go
    uint32_t *parts;      // group_count entries
};

enum ss_bound { SS_BOUND_WINDOW, SS_BOUND_ALL, SS_BOUND_WITHIN };

// One aggregate that a view's expressions read.
struct ss_aggregate {
    enum ss_aggregate_fn fn;
    int group;
    enum ss_bound bound;
    int64_t window_us;   // SS_BOUND_WINDOW: W; SS_BOUND_WITHIN: the ttl
    int64_t hop_us;      // SS_BOUND_WINDOW
    struct ss_type type; // of the result
    int64_t last_n;      // `over last N`: of the newest N events of the view; 0: of all
    int32_t k;           // first_k, last_k, unique_last_k, top_k; lag: how far back
    int32_t cap;         // count_by, mode, top_k, entropy: null when there are more different values
    int64_t probability; // quantile, median: in units of 10^-probability_scale
    uint8_t probability_scale;
    const char *text; // as written, for people: "sum(amount) over 30d"
    // Levels that cover the window: finest (its own hop) first, each hop divides the next, each keeps the
    // parts needed at least as long as the window. SS_BOUND_ALL / WITHIN: the level `all` alone. With last_n:
    // none, the newest events are kept one by one.
    const int *cover;
    size_t cover_count;
};

// Aggregates that one fold of tiles serves: alike in window, hop and cover. Folds whose covers end in the
// same level are a chain, shorter windows first: the tiles of that level are folded once, from the newest
// back.
struct ss_fold {
    const struct ss_aggregate *aggregate; // the first of them
    size_t aggregate_count;
    const int *aggregates; // ascending
    const uint32_t *parts; // group_count entries: what they need
    int group_end;         // no group from here on is needed
    bool chained;          // not alone in its chain
    bool starts_chain;
    const uint32_t *chain_parts; // of a chained fold: what it and the ones behind it in the chain need
    int chain_group_end;
};

struct ss_feature {
    const char *name;
    struct ss_place place;
    struct ss_notes notes;
    struct ss_type type;
    const char *text;       // the expression as written
    const uint64_t *within; // bitmap over the view's aggregates: the `last .. within` it reads, through other
                            // features too
};

struct ss_view {
    const char *name;
    struct ss_place place;
    struct ss_notes notes;
    const struct ss_entity *entity;
    const struct ss_source *source;
    int key_columns[SS_MAX_KEYS]; // the source's column of each key part
    // Row program. Inputs: the source's columns, then event_time (index column_count). Outputs: filters and
    // arguments.
    const struct ss_program *row_program;
    const bool
        *row_inputs; // column_count + 1 entries: does the row program read this input? (keys are not counted)
    int where;       // output (bool) of the row program; -1: none. An event that does not pass is in no group
    size_t group_count;
    const struct ss_group *groups;
    size_t level_count; // levels sorted by hop, `all` (always there) last
    const struct ss_level *levels;
    // `over last N`: the newest `recent_count` events are kept, each with what it is in recent_groups.
    int64_t recent_count;        // the greatest N; 0: none
    int64_t recent_retention_us; // the longest `over W last N`; SS_HOP_ALL: there is one without W
    size_t recent_group_count;
    const int *recent_groups; // ascending
    size_t aggregate_count;
    const struct ss_aggregate *aggregates;
    size_t fold_count; // every aggregate is in one fold
    const struct ss_fold *folds;
    bool is_of_lasts; // every aggregate is a `last` of all time or within a ttl: lasts.h
    // Read program. Inputs: the aggregates' values, then t (timestamp, index aggregate_count), then the key
    // parts (index aggregate_count + 1 + i). Outputs: the features.
    const struct ss_program *read_program;
    size_t feature_count;
    const struct ss_feature *features;
    struct ss_bytes canonical; // the text that the fingerprint is the hash of
    struct ss_sha256 fingerprint;
};

struct ss_request_input {
    const char *name;
    struct ss_place place;
    struct ss_type type;
    enum ss_time_unit unit;
};

// One feature of a service: either a view's feature as it is or a derived expression.
struct ss_service_feature {
    const char *name; // in answers and tables; unique in the service, ignoring case
    struct ss_place place;
    struct ss_type type;
    // What it reads, itself or through others, as indices into the service's `reads`:
    const uint64_t *reads; // bitmap over read_count
};

struct ss_service_read { // a view's feature that the service needs
    int view;            // index into the service's views
    int feature;         // index into that view's features
};

struct ss_service {
    const char *name;
    struct ss_place place;
    struct ss_notes notes;
    size_t request_count;
    const struct ss_request_input *request;
    size_t key_count; // the union of the key parts of its views' entities, in order of first use
    const char *const *key_names;
    const struct ss_type *key_types;
    size_t view_count;
    const struct ss_view *const *views;
    const int (*view_keys)[SS_MAX_KEYS]; // per view: for each of its entity's key parts the service key it is
    size_t read_count;
    const struct ss_service_read *reads;
    // Program. Inputs: the reads, then the request inputs (read_count + i), then the keys (read_count +
    // request_count + i), then t (last). Outputs: the features.
    const struct ss_program *program;
    size_t feature_count;
    const struct ss_service_feature *features;
    struct ss_bytes canonical;
    struct ss_sha256 fingerprint;
};

struct ss_zone_file { // a time zone the definitions name, as TZif bytes
    const char *name;
    struct ss_bytes tzif;
};

struct ss_definitions {
    size_t file_count;
    const struct ss_file *files;
    size_t zone_count;
    const struct ss_zone_file
        *zones; // those that were used; kept in the catalog, so that a plan does not change with tzdata
    size_t entity_count, source_count, view_count, service_count;
    const struct ss_entity *entities;
    const struct ss_source *sources;
    const struct ss_view *views;
    const struct ss_service *services;
    struct ss_sha256
        fingerprint;       // of everything: the fingerprints of all sources, views and services, sorted
    struct ss_arena arena; // holds all of it, the files' text too
};

// Where time zones come from. Returns the TZif bytes of `name`, valid until the compile ends, or false when
// there is none.
struct ss_zone_loader {
    bool (*load)(void *context, const char *name, struct ss_bytes *tzif);
    void *context;
};

// The bytes of a zone among those that some definitions named; false: it is not among them.
bool ss_zone_file_find(const struct ss_zone_file *zones, size_t count, const char *name,
                       struct ss_bytes *tzif);

// Compiles. Copies the files' text. On compile errors returns SS_FOUND with `report` holding every error
// formatted and
// `*error_count` their number, and *definitions untouched. report may not be NULL; the caller releases it.
enum ss_status ss_definitions_compile(const struct ss_file *files, size_t file_count,
                                      const struct ss_zone_loader *zones, struct ss_definitions **definitions,
                                      struct ss_buffer *report, size_t *error_count, struct ss_error *error);
void ss_definitions_destroy(struct ss_definitions *definitions); // NULL is fine

const struct ss_source *ss_find_source(const struct ss_definitions *definitions,
                                       const char *name);                                       // NULL: none
const struct ss_view *ss_find_view(const struct ss_definitions *definitions, const char *name); // NULL: none
const struct ss_service *ss_find_service(const struct ss_definitions *definitions,
                                         const char *name); // NULL: none

// The canonical form that is hashed, for `plan` ("changed: windows") and for people.
void ss_source_canonical(const struct ss_source *source, struct ss_buffer *buffer);
void ss_view_canonical(const struct ss_view *view, struct ss_buffer *buffer);

int64_t ss_default_hop(int64_t window_us); // DESIGN C8

#endif
