// From the aggregates that a view's expressions read to what is kept per entity.
//
// Everything is sorted by canonical text, so that two texts with the same fingerprint give the same plan down
// to the order of groups in a stored row, whatever the order of their lines.
#ifndef SS_ENGINE_PLAN_H
#define SS_ENGINE_PLAN_H

#include "engine/compile.h"

// Inputs of an expression while it is checked, before their final numbers are known: negative numbers.
enum ss_pending_kind {
    SS_PENDING_AGGREGATE,
    SS_PENDING_T,
    SS_PENDING_KEY,
    SS_PENDING_READ,
    SS_PENDING_REQUEST
};
int ss_pending_input(enum ss_pending_kind kind, size_t index);
enum ss_pending_kind ss_pending_kind(int input);
size_t ss_pending_index(int input);

// One (argument, second argument, filter, half-life).
struct ss_plan_group {
    const char *argument_text, *second_text, *filter_text; // canonical, columns by name; "": none
    struct ss_node *argument, *second, *filter;            // checked; NULL: none
    struct ss_type type;
    int64_t half_life_us; // 0: none
};

struct ss_plan_aggregate {
    const char *canonical;
    struct ss_aggregate aggregate; // without cover; its group is an index into the plan's groups
};

struct ss_plan {
    struct ss_compiler *compiler;
    uint32_t group_scope, aggregate_scope; // of canonical texts
    struct ss_plan_group *groups;          // the first is (none, none)
    size_t group_count, group_capacity;
    struct ss_plan_aggregate *aggregates;
    size_t aggregate_count, aggregate_capacity;
    struct ss_node *where; // of the view; NULL: none
    const char *where_text;
    int64_t hops[SS_MAX_HOPS];
    size_t hop_count;
    int *aggregate_index; // set by ss_plan_settle: the final index of each aggregate
};

// False when out of memory, here and below.
bool ss_plan_init(struct ss_plan *plan, struct ss_compiler *compiler);
// The index of the group or aggregate, old or new; -1 when out of memory.
int ss_plan_add_group(struct ss_plan *plan, const struct ss_plan_group *group);
int ss_plan_add_aggregate(struct ss_plan *plan, const struct ss_aggregate *aggregate);
// Is the hop one of at most SS_MAX_HOPS? Then it is noted.
bool ss_plan_add_hop(struct ss_plan *plan, int64_t hop_us);
// Fills in the view's groups, levels, aggregates and row program.
bool ss_plan_settle(struct ss_plan *plan, struct ss_view *view);

// Gives every pending input below the node its final number. What is final already stays.
struct ss_final_inputs {
    const int *aggregate_index;
    int t, first_key, first_request; // reads come first
};
void ss_settle_inputs(struct ss_node *root, const struct ss_final_inputs *inputs);

#endif
