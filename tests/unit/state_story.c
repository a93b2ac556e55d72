#include "state_story.h"

#include <string.h>

#include "moments_oracle.h"

struct ss_event story_event(const struct story *story, size_t fact)
{
    return (struct ss_event){story->facts[fact].event_time_us, fact + 1, story->facts[fact].passes,
                             story->facts[fact].values};
}

static struct ss_value random_value(struct samples *samples, struct ss_type type, char *text)
{
    struct ss_value value = {.present = samples_below(samples, 6) != 0};
    if (!value.present) return value;
    switch (type.id) {
    case SS_BOOL: value.boolean = samples_below(samples, 2); break;
    case SS_FLOAT64: value.f64 = samples_double(samples, (enum samples_kind)samples_below(samples, 4)); break;
    case SS_STRING:
        value.text = (struct ss_bytes){text, samples_below(samples, 4)};
        for (size_t i = 0; i < value.text.size; i++) text[i] = (char)('a' + samples_below(samples, 3));
        break;
    case SS_INT64:
        value.i64 = samples_below(samples, 8) ? (int64_t)samples_below(samples, 64) - 32
                                              : (int64_t)samples_bits(samples);
        break;
    default: value.i64 = (int64_t)samples_below(samples, 100000) - 50000; break;
    }
    if (type.id == SS_FLOAT64) value.f64 += 0.0;
    return value;
}

void story_add_fact(struct story *story, struct samples *samples, int64_t event_time_us)
{
    struct fact *fact = &story->facts[story->count++];
    *fact = (struct fact){.event_time_us = event_time_us};
    for (size_t g = 0; g < story->fixture->view.group_count; g++) {
        fact->passes[g] = g == 0 || samples_below(samples, 5) != 0;
        if (g > 0 && fact->passes[g])
            fact->values[g] = random_value(samples, story->fixture->groups[g].type, fact->texts[g]);
    }
}

int64_t story_floor(int64_t time_us, int64_t step_us)
{
    int64_t rest = time_us % step_us;
    if (rest < 0) rest += step_us;
    return time_us - rest;
}

// The facts an aggregate sees at t, by (event_time, seq); `nulls`: null arguments too.
static size_t visible(const struct story *story, const struct ss_aggregate *aggregate, int64_t t_us,
                      bool nulls, size_t *seen)
{
    const bool window = aggregate->bound == SS_BOUND_WINDOW;
    const int64_t from_us = window ? story_floor(t_us - aggregate->window_us, aggregate->hop_us) : INT64_MIN;
    const int group = aggregate->group;
    size_t count = 0;
    for (size_t i = 0; i < story->count; i++) {
        const struct fact *fact = &story->facts[i];
        if (fact->gone || !fact->passes[group] || fact->event_time_us >= t_us ||
            fact->event_time_us < from_us)
            continue;
        if (!nulls && story->fixture->groups[group].argument >= 0 && !fact->values[group].present) continue;
        size_t at = count++;
        for (; at > 0 && story->facts[seen[at - 1]].event_time_us > fact->event_time_us; at--)
            seen[at] = seen[at - 1];
        seen[at] = i;
    }
    return count;
}

static int compare_values(struct ss_type type, const struct ss_value *a, const struct ss_value *b)
{
    if (type.id == SS_STRING) {
        const size_t shared = a->text.size < b->text.size ? a->text.size : b->text.size;
        const int order = memcmp(a->text.data, b->text.data, shared);
        return order ? order : (a->text.size > b->text.size) - (a->text.size < b->text.size);
    }
    if (type.id == SS_FLOAT64) return (a->f64 > b->f64) - (a->f64 < b->f64);
    if (type.id == SS_BOOL) return a->boolean - b->boolean;
    return (a->i64 > b->i64) - (a->i64 < b->i64);
}

static struct ss_value naive_sum(struct ss_type type, const struct moments *moments, const int64_t *scaled,
                                 size_t count)
{
    __extension__ __int128 sum = 0;
    if (type.id == SS_FLOAT64) return (struct ss_value){.present = true, .f64 = moments->sum};
    for (size_t i = 0; i < count; i++) sum += scaled[i];
    const bool fits = type.id == SS_DECIMAL ? sum < 1000000000000000000 && sum > -1000000000000000000
                                            : sum <= INT64_MAX && sum >= INT64_MIN;
    return fits ? (struct ss_value){.present = true, .i64 = (int64_t)sum} : (struct ss_value){0};
}

static struct ss_value real(double value)
{
    return value - value == 0 ? (struct ss_value){.present = true, .f64 = value} : (struct ss_value){0};
}

static struct ss_value naive_number(const struct story *story, const struct ss_aggregate *aggregate,
                                    const size_t *seen, size_t count)
{
    static double reals[MOST_EVENTS];
    static int64_t scaled[MOST_EVENTS];
    const struct ss_type type = story->fixture->groups[aggregate->group].type;
    for (size_t i = 0; i < count; i++) {
        const struct ss_value *value = &story->facts[seen[i]].values[aggregate->group];
        reals[i] = type.id == SS_FLOAT64 ? value->f64 : 0;
        scaled[i] = type.id == SS_FLOAT64 ? 0 : value->i64;
    }
    const struct moments moments = moments_of(&(struct moments_terms){
        count, type.id != SS_FLOAT64, type.id == SS_DECIMAL ? type.scale : 0, reals, scaled});
    switch (aggregate->fn) {
    case SS_AGG_SUM: return naive_sum(type, &moments, scaled, count);
    case SS_AGG_MEAN: return real(moments.mean);
    case SS_AGG_VAR: return count < 2 ? (struct ss_value){0} : real(moments.variance);
    default: return count < 2 ? (struct ss_value){0} : real(moments.stddev);
    }
}

static struct ss_value naive_extreme(const struct story *story, const struct ss_aggregate *aggregate,
                                     const size_t *seen, size_t count)
{
    const struct ss_type type = story->fixture->groups[aggregate->group].type;
    const struct ss_value *best = &story->facts[seen[0]].values[aggregate->group];
    for (size_t i = 1; i < count; i++) {
        const struct ss_value *value = &story->facts[seen[i]].values[aggregate->group];
        const int order = compare_values(type, value, best);
        if (aggregate->fn == SS_AGG_MIN ? order < 0 : order > 0) best = value;
    }
    return *best;
}

static int64_t naive_distinct(const struct story *story, const struct ss_aggregate *aggregate,
                              const size_t *seen, size_t count)
{
    const struct ss_type type = story->fixture->groups[aggregate->group].type;
    int64_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = compare_values(type, &story->facts[seen[i]].values[aggregate->group],
                                   &story->facts[seen[k]].values[aggregate->group]) == 0;
        distinct += !again;
    }
    return distinct;
}

struct ss_value story_naive_value(const struct story *story, const struct ss_aggregate *aggregate,
                                  int64_t t_us, bool *expired)
{
    size_t seen[MOST_EVENTS];
    const size_t count = visible(story, aggregate, t_us, aggregate->fn == SS_AGG_LAST, seen);
    *expired = false;
    if (aggregate->fn == SS_AGG_COUNT) return (struct ss_value){.present = true, .i64 = (int64_t)count};
    if (count == 0) return (struct ss_value){0};
    if (aggregate->fn == SS_AGG_COUNT_DISTINCT)
        return (struct ss_value){.present = true, .i64 = naive_distinct(story, aggregate, seen, count)};
    if (aggregate->fn == SS_AGG_FIRST) return story->facts[seen[0]].values[aggregate->group];
    if (aggregate->fn == SS_AGG_MIN || aggregate->fn == SS_AGG_MAX)
        return naive_extreme(story, aggregate, seen, count);
    if (aggregate->fn != SS_AGG_LAST) return naive_number(story, aggregate, seen, count);
    const struct fact *last = &story->facts[seen[count - 1]];
    *expired = aggregate->bound == SS_BOUND_WITHIN && last->event_time_us < t_us - aggregate->window_us;
    return *expired ? (struct ss_value){0} : last->values[aggregate->group];
}

struct ss_type story_result_type(const struct ss_aggregate *aggregate, struct ss_type type)
{
    if (aggregate->fn == SS_AGG_COUNT || aggregate->fn == SS_AGG_COUNT_DISTINCT)
        return (struct ss_type){SS_INT64, 0};
    if (aggregate->fn == SS_AGG_MEAN || aggregate->fn == SS_AGG_VAR || aggregate->fn == SS_AGG_STDDEV)
        return (struct ss_type){SS_FLOAT64, 0};
    return type;
}

static void add_random_aggregates(struct fixture *fixture, struct samples *samples)
{
    static const int64_t windows[][2] = {
        {SS_HOUR_US, 5 * SS_MINUTE_US},        {SS_DAY_US, SS_HOUR_US},
        {7 * SS_DAY_US, SS_HOUR_US},           {30 * SS_DAY_US, SS_DAY_US},
        {70 * SS_MINUTE_US, 7 * SS_MINUTE_US}, {2 * SS_HOUR_US, 1},
        {SS_DAY_US, 90 * SS_MINUTE_US},        {3 * SS_DAY_US, 3 * SS_HOUR_US},
        {10 * SS_MINUTE_US, SS_MINUTE_US},
    };
    const size_t count = 4 + samples_below(samples, 25);
    size_t picks[4];
    for (int i = 0; i < 4; i++) picks[i] = samples_below(samples, sizeof windows / sizeof *windows);
    for (size_t a = 0; a < count; a++) {
        const int group = (int)samples_below(samples, fixture->view.group_count);
        const enum ss_type_id type = fixture->groups[group].type.id;
        enum ss_aggregate_fn fn = (enum ss_aggregate_fn)samples_below(samples, SS_AGG_COUNT_DISTINCT + 1);
        const bool sums = fn >= SS_AGG_SUM && fn <= SS_AGG_STDDEV;
        if (group == 0) fn = SS_AGG_COUNT;
        if (sums && (type == SS_STRING || type == SS_BOOL)) fn = SS_AGG_COUNT_DISTINCT;
        const int64_t *window = windows[picks[samples_below(samples, 4)]];
        enum ss_bound bound = (enum ss_bound)samples_below(samples, 5);
        if (bound > SS_BOUND_WITHIN) bound = SS_BOUND_WINDOW;
        if (bound == SS_BOUND_WITHIN) fn = SS_AGG_LAST;
        fixture_aggregate(fixture, fn, group, bound, window[0], window[1]);
    }
}

void story_random_fixture(struct fixture *fixture, struct samples *samples)
{
    static const struct ss_type types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 2},   {SS_INT64, 0},
                                           {SS_STRING, 0},  {SS_TIMESTAMP, 0}, {SS_BOOL, 0}};
    memset(fixture, 0, sizeof *fixture);
    fixture_begin(fixture);
    const size_t groups = 1 + samples_below(samples, 5);
    for (size_t g = 0; g < groups; g++) fixture_group(fixture, types[samples_below(samples, 6)]);
    add_random_aggregates(fixture, samples);
    fixture_end(fixture);
}

int64_t story_random_time(struct samples *samples, int64_t t_us)
{
    static const int64_t edges[] = {5 * SS_MINUTE_US,  SS_HOUR_US,     SS_DAY_US,   7 * SS_MINUTE_US,
                                    90 * SS_MINUTE_US, 3 * SS_HOUR_US, SS_MINUTE_US};
    static const int64_t spans[] = {SS_MINUTE_US, SS_HOUR_US, SS_DAY_US, 40 * SS_DAY_US};
    int64_t time_us = t_us - 1 - (int64_t)samples_below(samples, (uint64_t)spans[samples_below(samples, 4)]);
    if (samples_below(samples, 3) == 0)
        time_us =
            story_floor(time_us, edges[samples_below(samples, 7)]) + (int64_t)samples_below(samples, 3) - 1;
    return time_us < t_us ? time_us : t_us - 1;
}
