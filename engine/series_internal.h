// What a series looks like in memory. For series*.c only.
//
// Columns of rows; sealed, the rows stand in lanes, each by (event_time, seq): the prompt events, the late
// ones (few, known much later than they happened) and the deleted ones. So one event that is a day late
// spoils no run of prompt ones.
//
// Long lanes have blocks: SS_SERIES_LEAF rows, then SS_SERIES_FANOUT blocks of the level below. Of a block it
// is kept when all of it is known, and its greatest seq: a read that sees both sees every event of the block,
// and takes the block's group states in place of its rows.
#ifndef SS_ENGINE_SERIES_INTERNAL_H
#define SS_ENGINE_SERIES_INTERNAL_H

#include "engine/group.h"
#include "engine/series.h"
#include "engine/series_plan.h"
#include "engine/series_sums.h"

#define SS_SERIES_LEAF   16
#define SS_SERIES_FANOUT 4
#define SS_SERIES_LEVELS 14 // of blocks: more than 2^31 rows have
#define SS_SERIES_STRIDE 64 // rows between those whose time is sampled

enum ss_series_lane_id { SS_LANE_PROMPT, SS_LANE_LATE, SS_LANE_DELETED, SS_SERIES_LANES };

enum ss_series_mark { // what a row is in a group
    SS_SERIES_OUT,
    SS_SERIES_NULL, // passes the filter without an argument
    SS_SERIES_COUNTS
};

struct ss_series_deletion { // of the rows of SS_LANE_DELETED, in their order
    uint64_t seq;
    int64_t arrival_us;    // as-of: INT64_MIN
    uint64_t greatest_seq; // of this one and all before it
    int64_t latest_us;
};

struct ss_series_level { // of blocks, whole ones only
    int32_t count;
    int64_t *known_us; // greatest of the block
    uint64_t *seq;
};

// A state of a tree with its sums beside it, where it is of sums and bounds alone: so it can be fetched
// ahead.
struct ss_series_node {
    struct ss_group_state state;
    struct ss_group_sums sums;
};

struct ss_series_tree {             // of one group in one lane
    size_t stride_bytes;            // from one state to the next
    void *states[SS_SERIES_LEVELS]; // NULL below the group's first level
};

struct ss_series_lane {
    int32_t begin, end; // rows
    int64_t known_us;   // greatest
    uint64_t seq;
    int64_t
        *sampled_us; // event_time of the lane's rows 0, SS_SERIES_STRIDE, 2 SS_SERIES_STRIDE, ..; NULL: none
    int level_count; // 0: no blocks
    struct ss_series_level levels[SS_SERIES_LEVELS];
    struct ss_series_tree *trees; // group_count
};

union ss_series_values { // of one output of the row program
    int64_t *words;      // scalars: the bits of a value
    struct ss_bytes *texts;
    void *items;
};

struct ss_series {
    const struct ss_view *view;
    const struct ss_series_plan *plan;
    int32_t length, capacity; // rows
    int64_t *event_time_us;
    int64_t *known_us; // the later of event_time and arrival; as-of: event_time
    uint64_t *seq;
    union ss_series_values *values; // plan->column_count
    uint8_t **marks;                // group_count; NULL: all rows count
    uint8_t *lane_of;               // while it is sealed
    struct ss_series_deletion *deletions;
    int32_t deletion_count, deletion_capacity;
    bool is_sealed, as_of_event_time;
    struct ss_series_sums *sums; // group_count; NULL: no group has any
    int64_t *known_by_us; // where there are sums: the greatest known_us of the lane's rows up to this one
    uint64_t *seq_by;     // likewise
    struct ss_series_lane lanes[SS_SERIES_LANES];
    struct ss_arena plan_arena;
    struct ss_arena texts, trees; // until the next clear
};

static inline enum ss_series_mark ss_series_mark(const uint8_t *marks, int32_t row)
{
    return marks ? (enum ss_series_mark)marks[row] : SS_SERIES_COUNTS;
}

static inline bool ss_series_is_text(const struct ss_series *series, int column)
{
    return ss_type_is_text(series->plan->columns[column].type);
}

// Of a row that counts in a group with this column. Into a zeroed value.
static inline void ss_series_value(const struct ss_series *series, int column, int32_t row,
                                   struct ss_value *value)
{
    value->present = true;
    if (ss_series_is_text(series, column))
        value->text = series->values[column].texts[row];
    else
        value->i64 = series->values[column].words[row]; // the bits of any scalar
}

static inline struct ss_group_state *ss_series_state(const struct ss_series_tree *tree, int level,
                                                     int32_t block)
{
    return (struct ss_group_state *)(void *)((char *)tree->states[level] +
                                             (size_t)block * tree->stride_bytes);
}

// ---- Folds of one group over rows of one lane (series_tree.c)

struct ss_series_fold {
    const struct ss_series *series;
    const struct ss_series_lane *lane;
    int group;
    struct ss_group_kind kind; // with the parts that are folded
    struct ss_group_state *total;
    struct ss_arena *arena;
    int64_t seen_us; // an event is seen that is known before, with at most this seq
    uint64_t s;
    bool is_tested; // some rows of the lane may not be seen
};

bool ss_series_sees(const struct ss_series *series, const struct ss_series_lane *lane, int32_t row,
                    int64_t seen_us, uint64_t s);
// Adds the rows [from, to) of the lane that are seen. False: out of memory.
bool ss_series_fold_rows(const struct ss_series_fold *fold, int32_t from, int32_t to); // one by one
bool ss_series_fold_span(const struct ss_series_fold *fold, int32_t from, int32_t to); // by blocks
// Notes the times of some of its rows. False: out of memory.
bool ss_series_sample(struct ss_series *series, struct ss_series_lane *lane);
// Makes the blocks of the lane and the states that the plan's trees keep. False: out of memory.
bool ss_series_build(struct ss_series *series, struct ss_series_lane *lane);

#endif
