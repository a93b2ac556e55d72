// How a view's aggregates are read from a series: which columns its events keep, which windows there are, and
// which aggregates of a group each of them serves.
#ifndef SS_ENGINE_SERIES_PLAN_H
#define SS_ENGINE_SERIES_PLAN_H

#include "engine/group.h"

#define SS_SERIES_FEW 64 // rows that are folded one by one without a thought

struct ss_series_column {
    int output; // of the row program
    struct ss_type type;
};

struct ss_series_step { // aggregates of one group over one window
    uint32_t parts;     // what they need; 0: none
    int aggregate_count;
    const int *aggregates;
};

struct ss_series_group {
    int group;
    int argument, second;         // columns; -1: none
    uint32_t tree_parts;          // what the nodes of its trees keep; 0: it has no trees
    int tree_level;               // the first level of blocks with a state: higher where states are large
    struct ss_series_step *steps; // window_count
};

struct ss_series_plan {
    int column_count;
    struct ss_series_column *columns;
    // Windows that differ, shorter ones first: an aggregate that stands for all that see the same events.
    int window_count;
    const struct ss_aggregate **windows;
    int64_t longest_us; // of those that are folded; SS_HOP_ALL: one has no start; 0: none is
    int group_count;    // of the view
    struct ss_series_group *groups;
    int read_count; // groups with aggregates
    int *reads;
};

// In the arena. NULL: out of memory.
const struct ss_series_plan *ss_series_plan_make(const struct ss_view *view, struct ss_arena *arena);

#endif
