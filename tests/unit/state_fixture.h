// Views built by hand, for tests and benchmarks of entity states: groups and aggregates go in, levels and
// covers come out as the plan compiler would make them (the same rule, written again).
#ifndef SS_TESTS_STATE_FIXTURE_H
#define SS_TESTS_STATE_FIXTURE_H

#include "engine/state.h"

#define FIXTURE_GROUPS     8
#define FIXTURE_LEVELS     8
#define FIXTURE_AGGREGATES 64

struct fixture { // zero it, then fixture_begin
    struct ss_view view;
    struct ss_group groups[FIXTURE_GROUPS];
    struct ss_level levels[FIXTURE_LEVELS];
    uint32_t parts[FIXTURE_LEVELS][FIXTURE_GROUPS];
    struct ss_aggregate aggregates[FIXTURE_AGGREGATES];
    int covers[FIXTURE_AGGREGATES][FIXTURE_LEVELS];
    struct ss_arena arena; // of the folds
};

void fixture_begin(struct fixture *fixture); // with group 0
int fixture_group(struct fixture *fixture, struct ss_type type);
void fixture_aggregate(struct fixture *fixture, enum ss_aggregate_fn fn, int group, enum ss_bound bound,
                       int64_t window_us, int64_t hop_us);
// count, sum, mean, stddev, min, max of one column over 1h, 1d, 7d and 30d with their default hops.
void fixture_four_windows(struct fixture *fixture, int group);
void fixture_release(struct fixture *fixture);
void fixture_end(struct fixture *fixture); // levels, covers, view; the fixture must not move from now on
// All of it: one float64 column with the four windows.
void fixture_one_float64(struct fixture *fixture);

#endif
