#include "state_fixture.h"

#include "engine/aggregates.h"
#include "engine/fold_plan.h"

static uint32_t parts_of(enum ss_aggregate_fn fn)
{
    static const uint32_t table[] = {
        [SS_AGG_COUNT] = SS_PART_N,
        [SS_AGG_SUM] = SS_PART_N | SS_PART_S1,
        [SS_AGG_MEAN] = SS_PART_N | SS_PART_S1,
        [SS_AGG_VAR] = SS_PART_N | SS_PART_S1 | SS_PART_S2,
        [SS_AGG_STDDEV] = SS_PART_N | SS_PART_S1 | SS_PART_S2,
        [SS_AGG_MIN] = SS_PART_N | SS_PART_MIN,
        [SS_AGG_MAX] = SS_PART_N | SS_PART_MAX,
        [SS_AGG_FIRST] = SS_PART_N | SS_PART_FIRST,
        [SS_AGG_LAST] = SS_PART_LAST,
        [SS_AGG_COUNT_DISTINCT] = SS_PART_N | SS_PART_DISTINCT,
    };
    return table[fn];
}

void fixture_begin(struct fixture *fixture)
{
    fixture->view.name = "fixture";
    fixture->view.where = -1;
    fixture->view.groups = fixture->groups;
    fixture->view.levels = fixture->levels;
    fixture->view.aggregates = fixture->aggregates;
    fixture->groups[0] = (struct ss_group){-1, -1, {SS_INT64, 0}};
    fixture->view.group_count = 1;
}

int fixture_group(struct fixture *fixture, struct ss_type type)
{
    const int group = (int)fixture->view.group_count++;
    SS_ASSERT(group < FIXTURE_GROUPS);
    fixture->groups[group] = (struct ss_group){group, -1, type};
    return group;
}

void fixture_aggregate(struct fixture *fixture, enum ss_aggregate_fn fn, int group, enum ss_bound bound,
                       int64_t window_us, int64_t hop_us)
{
    const size_t number = fixture->view.aggregate_count++;
    SS_ASSERT(number < FIXTURE_AGGREGATES);
    fixture->aggregates[number] =
        (struct ss_aggregate){.fn = fn,
                              .group = group,
                              .bound = bound,
                              .window_us = window_us,
                              .hop_us = hop_us,
                              .text = "",
                              .type = ss_aggregate_type(fn, fixture->groups[group].type),
                              .cover = fixture->covers[number]};
}

void fixture_four_windows(struct fixture *fixture, int group)
{
    static const int64_t windows[4][2] = {{SS_HOUR_US, 5 * SS_MINUTE_US},
                                          {SS_DAY_US, SS_HOUR_US},
                                          {7 * SS_DAY_US, SS_HOUR_US},
                                          {30 * SS_DAY_US, SS_DAY_US}};
    static const enum ss_aggregate_fn fns[] = {SS_AGG_COUNT,  SS_AGG_SUM, SS_AGG_MEAN,
                                               SS_AGG_STDDEV, SS_AGG_MIN, SS_AGG_MAX};
    for (int w = 0; w < 4; w++)
        for (int f = 0; f < 6; f++)
            fixture_aggregate(fixture, fns[f], group, SS_BOUND_WINDOW, windows[w][0], windows[w][1]);
}

static struct ss_level *level_of(struct fixture *fixture, int64_t hop_us)
{
    size_t at = 0;
    while (at < fixture->view.level_count && fixture->levels[at].hop_us < hop_us) at++;
    if (at < fixture->view.level_count && fixture->levels[at].hop_us == hop_us) return &fixture->levels[at];
    SS_ASSERT(fixture->view.level_count < FIXTURE_LEVELS);
    for (size_t l = fixture->view.level_count++; l > at; l--) {
        fixture->levels[l] = fixture->levels[l - 1];
        for (int g = 0; g < FIXTURE_GROUPS; g++) fixture->parts[l][g] = fixture->parts[l - 1][g];
    }
    fixture->levels[at] = (struct ss_level){.hop_us = hop_us};
    for (int g = 0; g < FIXTURE_GROUPS; g++) fixture->parts[at][g] = 0;
    return &fixture->levels[at];
}

static void cover(struct fixture *fixture, struct ss_aggregate *aggregate, int *levels)
{
    const bool window = aggregate->bound == SS_BOUND_WINDOW;
    const int64_t finest_us = window ? aggregate->hop_us : SS_HOP_ALL;
    const uint32_t parts = parts_of(aggregate->fn);
    int64_t last_us = 0;
    for (size_t l = 0; l < fixture->view.level_count; l++) {
        const struct ss_level *level = &fixture->levels[l];
        const bool keeps = (fixture->parts[l][aggregate->group] & parts) == parts;
        if (level->hop_us < finest_us || !keeps || (window && level->retention_us < aggregate->window_us))
            continue;
        if (window && (level->hop_us == SS_HOP_ALL || (last_us && level->hop_us % last_us))) continue;
        levels[aggregate->cover_count++] = (int)l;
        last_us = level->hop_us;
    }
}

void fixture_end(struct fixture *fixture)
{
    struct ss_view *view = &fixture->view;
    level_of(fixture, SS_HOP_ALL);
    for (size_t a = 0; a < view->aggregate_count; a++)
        if (fixture->aggregates[a].bound == SS_BOUND_WINDOW) level_of(fixture, fixture->aggregates[a].hop_us);
    for (size_t a = 0; a < view->aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &fixture->aggregates[a];
        const bool window = aggregate->bound == SS_BOUND_WINDOW;
        struct ss_level *level = level_of(fixture, window ? aggregate->hop_us : SS_HOP_ALL);
        uint32_t *parts = fixture->parts[level - fixture->levels];
        parts[aggregate->group] |= parts_of(aggregate->fn);
        if (window && level->retention_us < aggregate->window_us) level->retention_us = aggregate->window_us;
    }
    uint32_t *all = fixture->parts[view->level_count - 1];
    all[0] |= SS_PART_N | SS_PART_LAST;
    for (size_t l = 0; l < view->level_count; l++) fixture->levels[l].parts = fixture->parts[l];
    for (size_t a = 0; a < view->aggregate_count; a++)
        cover(fixture, &fixture->aggregates[a], fixture->covers[a]);
    SS_ASSERT(ss_view_plan_folds(view, &fixture->arena));
}

void fixture_release(struct fixture *fixture)
{
    ss_arena_release(&fixture->arena);
}

void fixture_one_float64(struct fixture *fixture)
{
    fixture_begin(fixture);
    fixture_four_windows(fixture, fixture_group(fixture, (struct ss_type){SS_FLOAT64, 0}));
    fixture_end(fixture);
}
