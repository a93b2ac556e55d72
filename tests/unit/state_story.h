// Random histories of one entity, and what a naive scan of their events gives for every aggregate. The scan
// shares no code with the engine.
#ifndef SS_TESTS_STATE_STORY_H
#define SS_TESTS_STATE_STORY_H

#include "samples.h"
#include "state_fixture.h"

#define MOST_EVENTS 400

struct story { // everything that happened, in order of seq
    const struct fixture *fixture;
    size_t count;
    struct fact {
        int64_t event_time_us;
        bool gone, passes[FIXTURE_GROUPS];
        struct ss_value values[FIXTURE_GROUPS];
        char texts[FIXTURE_GROUPS][4];
    } facts[MOST_EVENTS];
};

void story_random_fixture(struct fixture *fixture, struct samples *samples); // groups, aggregates, windows
int64_t story_random_time(struct samples *samples, int64_t t_us); // before t; often on or beside an edge
void story_add_fact(struct story *story, struct samples *samples, int64_t event_time_us);
struct ss_event story_event(const struct story *story, size_t fact);

int64_t story_floor(int64_t time_us, int64_t step_us);
struct ss_value story_naive_value(const struct story *story, const struct ss_aggregate *aggregate,
                                  int64_t t_us, bool *expired);
struct ss_type story_result_type(const struct ss_aggregate *aggregate, struct ss_type type);

#endif
