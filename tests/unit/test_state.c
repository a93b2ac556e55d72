// Entity states: random histories against a naive scan of the events, and what each rule of state.h says.

#include "engine/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "moments_oracle.h"
#include "samples.h"
#include "state_fixture.h"

#define MOST_EVENTS 400
#define GROUPS      FIXTURE_GROUPS

struct story { // everything that happened, in order of seq
    const struct fixture *fixture;
    size_t count;
    struct fact {
        int64_t event_time_us;
        bool gone, passes[GROUPS];
        struct ss_value values[GROUPS];
        char texts[GROUPS][4];
    } facts[MOST_EVENTS];
};

static struct ss_event event_of(const struct story *story, size_t fact)
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

static void add_fact(struct story *story, struct samples *samples, int64_t event_time_us)
{
    struct fact *fact = &story->facts[story->count++];
    *fact = (struct fact){.event_time_us = event_time_us};
    for (size_t g = 0; g < story->fixture->view.group_count; g++) {
        fact->passes[g] = g == 0 || samples_below(samples, 5) != 0;
        if (g > 0 && fact->passes[g])
            fact->values[g] = random_value(samples, story->fixture->groups[g].type, fact->texts[g]);
    }
}

static int64_t naive_floor(int64_t time_us, int64_t step_us)
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
    const int64_t from_us = window ? naive_floor(t_us - aggregate->window_us, aggregate->hop_us) : INT64_MIN;
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

static struct ss_value naive_value(const struct story *story, const struct ss_aggregate *aggregate,
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

static struct ss_type result_type(const struct ss_aggregate *aggregate, struct ss_type type)
{
    if (aggregate->fn == SS_AGG_COUNT || aggregate->fn == SS_AGG_COUNT_DISTINCT)
        return (struct ss_type){SS_INT64, 0};
    if (aggregate->fn == SS_AGG_MEAN || aggregate->fn == SS_AGG_VAR || aggregate->fn == SS_AGG_STDDEV)
        return (struct ss_type){SS_FLOAT64, 0};
    return type;
}

static void compare_with_naive(const struct story *story, const struct ss_state *state, int64_t t_us)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    assert_int_equal(ss_state_read(state, t_us, NULL, values, expired, NULL), SS_OK);
    for (size_t a = 0; a < story->fixture->view.aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &story->fixture->aggregates[a];
        const struct ss_type type = result_type(aggregate, story->fixture->groups[aggregate->group].type);
        bool want_expired;
        const struct ss_value want = naive_value(story, aggregate, t_us, &want_expired);
        // beyond 128 distinct values the count is an estimate, which has its own test
        if (aggregate->fn == SS_AGG_COUNT_DISTINCT && want.i64 > 128) {
            assert_true(values[a].i64 > want.i64 * 8 / 10 && values[a].i64 < want.i64 * 12 / 10);
            continue;
        }
        if (!ss_value_equal(type, values[a], want) || expired[a] != want_expired)
            fail_msg(
                "got %d %lld, want %d %lld: aggregate %zu (fn %d group %d type %d window %lld hop %lld) "
                "differs at %lld",
                values[a].present, (long long)values[a].i64, want.present, (long long)want.i64, a,
                aggregate->fn, aggregate->group, story->fixture->groups[aggregate->group].type.id,
                (long long)aggregate->window_us, (long long)aggregate->hop_us, (long long)t_us);
    }
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

static void make_random_fixture(struct fixture *fixture, struct samples *samples)
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

// Before t; often on or beside an edge of a hop or window.
static int64_t random_time(struct samples *samples, int64_t t_us)
{
    static const int64_t edges[] = {5 * SS_MINUTE_US,  SS_HOUR_US,     SS_DAY_US,   7 * SS_MINUTE_US,
                                    90 * SS_MINUTE_US, 3 * SS_HOUR_US, SS_MINUTE_US};
    static const int64_t spans[] = {SS_MINUTE_US, SS_HOUR_US, SS_DAY_US, 40 * SS_DAY_US};
    int64_t time_us = t_us - 1 - (int64_t)samples_below(samples, (uint64_t)spans[samples_below(samples, 4)]);
    if (samples_below(samples, 3) == 0)
        time_us =
            naive_floor(time_us, edges[samples_below(samples, 7)]) + (int64_t)samples_below(samples, 3) - 1;
    return time_us < t_us ? time_us : t_us - 1;
}

static void refold(const struct story *story, struct ss_state *state, struct samples *samples)
{
    int level;
    int64_t start_us, end_us;
    while (ss_state_next_dirty(state, &level, &start_us, &end_us)) {
        ss_state_refold_begin(state, level, start_us);
        for (size_t i = 0; i < story->count; i++) {
            const struct ss_event event = event_of(story, i);
            const bool outside = event.event_time_us < start_us || event.event_time_us >= end_us;
            if (story->facts[i].gone || (outside && samples_below(samples, 2))) continue;
            assert_int_equal(ss_state_refold_add(state, &event, NULL), SS_OK);
        }
        ss_state_refold_end(state);
    }
}

static void encode(const struct ss_state *state, struct ss_buffer *buffer)
{
    ss_buffer_clear(buffer);
    assert_int_equal(ss_state_encode(state, buffer, NULL), SS_OK);
}

static struct ss_state *decode(const struct fixture *fixture, const struct ss_buffer *bytes,
                               struct ss_arena *arena)
{
    struct ss_state *state = NULL;
    const struct ss_bytes copy = {ss_arena_copy(arena, bytes->data, bytes->size), bytes->size};
    assert_int_equal(ss_state_decode(&fixture->view, copy, arena, &state, NULL), SS_OK);
    return state;
}

// The state of what is left of the story, made at once in another order.
static void assert_same_as_fresh(const struct story *story, const struct ss_state *state, int64_t t_us,
                                 struct samples *samples)
{
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, fresh_bytes = {0};
    size_t order[MOST_EVENTS];
    struct ss_state *fresh = ss_state_create(&story->fixture->view, &arena);
    int64_t net = 0;
    for (size_t i = 0; i < story->count; i++) {
        const size_t k = samples_below(samples, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; i < story->count; i++) {
        const struct ss_event event = event_of(story, order[i]);
        if (story->facts[order[i]].gone) continue;
        net++;
        assert_int_equal(ss_state_add(fresh, &event, INT64_MIN, NULL), SS_OK);
    }
    ss_state_prune(fresh, t_us);
    encode(state, &bytes);
    encode(fresh, &fresh_bytes);
    assert_int_equal(bytes.size, fresh_bytes.size);
    assert_memory_equal(bytes.data, fresh_bytes.data, bytes.size);
    assert_true(ss_state_event_count(state) == net);
    assert_int_equal(ss_state_empty(state), net == 0);
    ss_buffer_release(&bytes);
    ss_buffer_release(&fresh_bytes);
    ss_arena_release(&arena);
}

static void take_some_back(struct story *story, struct ss_state *state, struct samples *samples,
                           int64_t horizon_us)
{
    for (size_t i = samples_below(samples, 4); i > 0; i--) {
        const size_t fact = samples_below(samples, story->count);
        if (story->facts[fact].gone) continue;
        const struct ss_event event = event_of(story, fact);
        story->facts[fact].gone = true;
        assert_int_equal(ss_state_remove(state, &event, horizon_us, NULL), SS_OK);
    }
}

static void live_a_random_story(struct samples *samples)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    struct ss_arena arenas[2] = {{0}};
    struct ss_buffer bytes = {0};
    int arena = 0;
    assert_non_null(fixture);
    assert_non_null(story);
    make_random_fixture(fixture, samples);
    story->fixture = fixture;
    struct ss_state *state = ss_state_create(&fixture->view, &arenas[0]);
    int64_t t_us = samples_below(samples, 2) ? 0 : 1700000000000000;
    t_us += (int64_t)samples_below(samples, 1000000000);
    for (int step = 0; step < 12; step++) {
        const int64_t horizon_us = samples_below(samples, 2) ? INT64_MIN : t_us;
        for (size_t i = samples_below(samples, MOST_EVENTS / 12); i > 0; i--) {
            add_fact(story, samples, random_time(samples, t_us));
            const struct ss_event event = event_of(story, story->count - 1);
            assert_int_equal(ss_state_add(state, &event, horizon_us, NULL), SS_OK);
            if (samples_below(samples, 6) == 0) take_some_back(story, state, samples, horizon_us);
        }
        refold(story, state, samples);
        if (samples_below(samples, 2)) {
            encode(state, &bytes);
            state = decode(fixture, &bytes, &arenas[arena]);
        }
        if (samples_below(samples, 4) == 0) {
            assert_int_equal(ss_state_move(state, &arenas[!arena], &state, NULL), SS_OK);
            ss_arena_reset(&arenas[arena]);
            arena = !arena;
        }
        compare_with_naive(story, state, t_us);
        if (samples_below(samples, 2)) {
            ss_state_prune(state, t_us);
            assert_same_as_fresh(story, state, t_us, samples);
            compare_with_naive(story, state, t_us);
        }
        t_us += (int64_t)samples_below(samples, samples_below(samples, 2) ? 86400000000 : 600000000);
        if (samples_below(samples, 3) == 0)
            t_us = naive_floor(t_us, SS_HOUR_US) + SS_HOUR_US + (int64_t)samples_below(samples, 3);
        compare_with_naive(story, state, t_us);
    }
    ss_arena_release(&arenas[0]);
    ss_arena_release(&arenas[1]);
    ss_buffer_release(&bytes);
    free(story);
    free(fixture);
}

static void random_histories_read_as_a_naive_scan_of_their_events(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("state", 4711);
    const char *trials = getenv("SS_TRIALS");
    for (long trial = trials ? atol(trials) : 150; trial > 0; trial--) live_a_random_story(&samples);
}

static void one_column_of_float64(struct fixture *fixture)
{
    fixture_begin(fixture);
    fixture_four_windows(fixture, fixture_group(fixture, (struct ss_type){SS_FLOAT64, 0}));
    fixture_end(fixture);
}

static enum ss_status add_real(struct ss_state *state, int64_t event_time_us, uint64_t seq, double real_value)
{
    const bool passes[] = {true, true};
    const struct ss_value values[] = {{0}, {.present = true, .f64 = real_value}};
    return ss_state_add(state, &(struct ss_event){event_time_us, seq, passes, values}, INT64_MIN, NULL);
}

static void a_late_event_lands_in_its_own_tile_and_window_edges_are_exact(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    one_column_of_float64(&fixture);
    for (int64_t base_us = -SS_DAY_US; base_us <= SS_DAY_US; base_us += 2 * SS_DAY_US) {
        struct ss_state *state = ss_state_create(&fixture.view, &arena);
        assert_int_equal(add_real(state, base_us, 1, 1), SS_OK);
        assert_int_equal(add_real(state, base_us - 1, 2, 2), SS_OK);
        // 1h by 5m: floor(t - 1h, 5m) is base from base + 1h on, base + 5m from base + 1h + 5m on
        const int64_t last_us = base_us + SS_HOUR_US + 5 * SS_MINUTE_US - 1;
        assert_int_equal(ss_state_read(state, base_us + SS_HOUR_US - 1, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 2);
        assert_int_equal(ss_state_read(state, base_us + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 1);
        assert_true(values[1].f64 == 1);
        assert_int_equal(ss_state_read(state, last_us, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 1);
        assert_int_equal(ss_state_read(state, last_us + 1, NULL, values, expired, NULL), SS_OK);
        assert_int_equal(values[0].i64, 0);
        assert_false(values[1].present);
    }
    ss_arena_release(&arena);
}

static void only_needed_aggregates_are_read(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    const uint64_t needed = 1u << 0 | 1u << 7; // count over 1h, sum over 1d
    one_column_of_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_int_equal(add_real(state, 0, 1, 2.5), SS_OK);
    assert_int_equal(ss_state_read(state, 1, &needed, values, expired, NULL), SS_OK);
    for (size_t a = 0; a < fixture.view.aggregate_count; a++)
        assert_int_equal(values[a].present, needed >> a & 1);
    assert_true(values[7].f64 == 2.5);
    ss_arena_release(&arena);
}

static void events_out_of_reach_are_not_kept_but_counted(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, empty = {0};
    int64_t newest_us;
    uint64_t seq;
    one_column_of_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_false(ss_state_newest(state, &newest_us, &seq));
    assert_true(ss_state_empty(state));
    const bool passes[] = {true, true};
    const struct ss_value values[] = {{0}, {.present = true, .f64 = 3}};
    const struct ss_event event = {-31 * SS_DAY_US, 9, passes, values};
    assert_int_equal(ss_state_add(state, &event, 0, NULL), SS_OK);
    assert_true(ss_state_event_count(state) == 1);
    assert_true(ss_state_newest(state, &newest_us, &seq));
    assert_true(newest_us == -31 * SS_DAY_US && seq == 9);
    encode(state, &bytes);
    assert_true(bytes.size < 20);
    const struct ss_event outside = {SS_TIME_MAX_US + 1, 10, passes, values};
    assert_int_equal(ss_state_add(state, &outside, 0, NULL), SS_DAMAGED);
    assert_int_equal(ss_state_remove(state, &event, 0, NULL), SS_OK);
    assert_true(ss_state_empty(state));
    encode(state, &bytes);
    encode(ss_state_create(&fixture.view, &arena), &empty);
    assert_int_equal(bytes.size, empty.size);
    ss_buffer_release(&bytes);
    ss_buffer_release(&empty);
    ss_arena_release(&arena);
}

static void a_last_within_a_ttl_expires_and_keeps_its_nulls(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_value values[1];
    bool expired[1];
    fixture_begin(&fixture);
    fixture_aggregate(&fixture, SS_AGG_LAST, fixture_group(&fixture, (struct ss_type){SS_STRING, 0}),
                      SS_BOUND_WITHIN, SS_HOUR_US, 0);
    fixture_end(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    const bool passes[] = {true, true};
    const struct ss_value text[] = {{0}, {.present = true, .text = {"DE", 2}}}, null[] = {{0}, {0}};
    assert_int_equal(ss_state_add(state, &(struct ss_event){100, 1, passes, text}, INT64_MIN, NULL), SS_OK);
    assert_int_equal(ss_state_read(state, 100 + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
    assert_true(values[0].present && !expired[0] && memcmp(values[0].text.data, "DE", 2) == 0);
    assert_int_equal(ss_state_read(state, 101 + SS_HOUR_US, NULL, values, expired, NULL), SS_OK);
    assert_true(!values[0].present && expired[0]);
    assert_int_equal(ss_state_add(state, &(struct ss_event){100, 2, passes, null}, INT64_MIN, NULL), SS_OK);
    assert_int_equal(ss_state_read(state, 101, NULL, values, expired, NULL), SS_OK);
    assert_true(!values[0].present && !expired[0]);
    ss_arena_release(&arena);
}

static void a_busy_month_stays_under_eight_kilobytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("compactness", 5);
    static const struct ss_type types[] = {{SS_DECIMAL, 2}, {SS_FLOAT64, 0}};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture = {0};
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        fixture_begin(&fixture);
        fixture_four_windows(&fixture, fixture_group(&fixture, types[i % 2]));
        fixture_end(&fixture);
        struct ss_state *state = ss_state_create(&fixture.view, &arena);
        const int64_t t_us = INT64_C(1767225600000000);
        for (uint64_t e = 0; e < 20000; e++) {
            // even amounts, or a heavy tail: most are small, a few very large
            int64_t cents = 1 + (int64_t)samples_below(&samples, 100000);
            const uint64_t bits = samples_bits(&samples);
            if (i > 1) cents = 1 + (int64_t)(bits >> (45 + samples_below(&samples, 12)));
            const bool passes[] = {true, true};
            struct ss_value values[] = {{0}, {.present = true, .i64 = cents}};
            if (types[i % 2].id == SS_FLOAT64) values[1].f64 = (double)cents / 100;
            const int64_t time_us = t_us - 1 - (int64_t)samples_below(&samples, 30 * 86400000000);
            const struct ss_event event = {time_us, e + 1, passes, values};
            assert_int_equal(ss_state_add(state, &event, t_us, NULL), SS_OK);
        }
        ss_state_prune(state, t_us);
        encode(state, &bytes);
        print_message("%zu bytes\n", bytes.size);
        assert_true(bytes.size < 8192);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
}

static void reading_again_and_again_takes_no_more_memory(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("reads", 6);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    make_random_fixture(fixture, &samples);
    story->fixture = fixture;
    struct ss_state *state = ss_state_create(&fixture->view, &arena);
    for (int i = 0; i < 300; i++) {
        add_fact(story, &samples, random_time(&samples, 0));
        const struct ss_event event = event_of(story, story->count - 1);
        assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
    }
    encode(state, &bytes);
    state = decode(fixture, &bytes, &arena);
    assert_int_equal(ss_state_read(state, 0, NULL, values, expired, NULL), SS_OK);
    const size_t used_bytes = arena.used_bytes;
    for (int64_t t_us = 0; t_us < 1000; t_us++)
        assert_int_equal(ss_state_read(state, t_us, NULL, values, expired, NULL), SS_OK);
    assert_int_equal(arena.used_bytes, used_bytes);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
    free(story);
    free(fixture);
}

static void read_everything(struct ss_state *state, const struct fixture *fixture, struct ss_arena *arena)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    struct ss_buffer printed = {0};
    struct ss_error error;
    struct ss_state *moved;
    int64_t newest_us;
    uint64_t seq, sink = 0;
    ss_state_newest(state, &newest_us, &seq);
    (void)ss_state_event_count(state);
    const enum ss_status status = ss_state_read(state, 0, NULL, values, expired, &error);
    assert_true(status == SS_OK || status == SS_DAMAGED);
    for (size_t a = 0; status == SS_OK && a < fixture->view.aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &fixture->aggregates[a];
        if (result_type(aggregate, fixture->groups[aggregate->group].type).id != SS_STRING) continue;
        for (size_t i = 0; values[a].present && i < values[a].text.size; i++)
            sink += (uint8_t)values[a].text.data[i];
    }
    assert_true(sink < UINT64_MAX);
    (void)ss_state_print(state, &printed, &error);
    (void)ss_state_move(state, arena, &moved, &error);
    const bool passes[GROUPS] = {true, true, true, true, true, true, true, true};
    const struct ss_value nothing[GROUPS] = {{0}};
    const struct ss_event event = {-5, 77, passes, nothing};
    (void)ss_state_add(state, &event, INT64_MIN, &error);
    (void)ss_state_remove(state, &event, INT64_MIN, &error);
    ss_buffer_release(&printed);
}

static void damaged_bytes_are_reported_or_read_without_harm(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("damage", 8);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = malloc(sizeof *story);
    struct ss_buffer bytes = {0};
    for (int trial = 0; trial < 12; trial++) {
        struct ss_arena arena = {0}, reading = {0};
        struct ss_error error;
        struct ss_state *state;
        memset(story, 0, sizeof *story);
        make_random_fixture(fixture, &samples);
        story->fixture = fixture;
        state = ss_state_create(&fixture->view, &arena);
        for (int i = 0; i < 60; i++) {
            add_fact(story, &samples, random_time(&samples, 0));
            const struct ss_event event = event_of(story, story->count - 1);
            assert_int_equal(ss_state_add(state, &event, INT64_MIN, NULL), SS_OK);
        }
        encode(state, &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            ss_arena_reset(&reading);
            char *exact = malloc(size + !size); // so that a read past the end is seen
            memcpy(exact, bytes.data, size);
            assert_int_equal(
                ss_state_decode(&fixture->view, (struct ss_bytes){exact, size}, &reading, &state, &error),
                SS_DAMAGED);
            free(exact);
        }
        for (int flip = 0; flip < 1500; flip++) {
            ss_arena_reset(&reading);
            char *flipped = malloc(bytes.size);
            memcpy(flipped, bytes.data, bytes.size);
            for (size_t i = 1 + samples_below(&samples, 3); i > 0; i--)
                flipped[samples_below(&samples, bytes.size)] ^= (char)(1u << samples_below(&samples, 8));
            const struct ss_bytes damaged = {flipped, bytes.size};
            const enum ss_status status = ss_state_decode(&fixture->view, damaged, &reading, &state, &error);
            assert_true(status == SS_OK || status == SS_DAMAGED);
            if (status == SS_OK) read_everything(state, fixture, &reading);
            free(flipped);
        }
        ss_arena_release(&arena);
        ss_arena_release(&reading);
    }
    ss_buffer_release(&bytes);
    free(story);
    free(fixture);
}

// Creates, adds, encodes, decodes, reads, takes back and moves; fails as a whole with what failed first.
static enum ss_status do_everything(const struct fixture *fixture, const struct story *story,
                                    struct ss_arena *arena, struct ss_arena *other, struct ss_buffer *bytes,
                                    struct ss_error *error)
{
    struct ss_value values[FIXTURE_AGGREGATES];
    bool expired[FIXTURE_AGGREGATES];
    struct ss_state *state = ss_state_create(&fixture->view, arena);
    if (!state) return ss_fail_memory(error, "a state");
    for (size_t i = 0; i < story->count; i++) {
        const struct ss_event event = event_of(story, i);
        SS_TRY(ss_state_add(state, &event, INT64_MIN, error));
    }
    SS_TRY(ss_state_encode(state, bytes, error));
    const struct ss_bytes view = {(const char *)bytes->data, bytes->size};
    SS_TRY(ss_state_decode(&fixture->view, view, other, &state, error));
    SS_TRY(ss_state_read(state, 0, NULL, values, expired, error));
    const struct ss_event event = event_of(story, 0);
    SS_TRY(ss_state_add(state, &event, INT64_MIN, error));
    SS_TRY(ss_state_read(state, 0, NULL, values, expired, error));
    SS_TRY(ss_state_move(state, arena, &state, error));
    return ss_state_remove(state, &event, INT64_MIN, error);
}

static void every_failing_allocation_is_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("allocations", 9);
    struct fixture *fixture = malloc(sizeof *fixture);
    struct story *story = calloc(1, sizeof *story);
    make_random_fixture(fixture, &samples);
    story->fixture = fixture;
    while (story->count < 300) add_fact(story, &samples, random_time(&samples, 0));
    bool swept = false;
    for (long k = 1; !swept; k++) {
        struct ss_arena arena = {0}, other = {0};
        struct ss_buffer bytes = {0};
        struct ss_error error;
        ss_fail_allocation_at(k);
        const enum ss_status status = do_everything(fixture, story, &arena, &other, &bytes, &error);
        swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        assert_true(!swept || k > 5);
        ss_arena_release(&arena);
        ss_arena_release(&other);
        ss_buffer_release(&bytes);
    }
    free(story);
    free(fixture);
}

static void an_event_passes_by_the_outputs_of_the_row_program(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_column outputs[3];
    static const struct ss_type types[] = {{SS_BOOL, 0}, {SS_BOOL, 0}, {SS_FLOAT64, 0}};
    for (int i = 0; i < 3; i++) assert_true(ss_column_init(&outputs[i], types[i], 4, &arena));
    static const struct {
        bool where_known, where, filter_known, filter, number_known;
    } rows[] = {{true, true, true, true, true},
                {true, false, true, true, true},
                {false, false, true, true, true},
                {true, true, false, false, true}};
    for (int i = 0; i < 4; i++) {
        const struct ss_value where = {.present = rows[i].where_known, .boolean = rows[i].where};
        const struct ss_value filter = {.present = rows[i].filter_known, .boolean = rows[i].filter};
        assert_true(ss_column_append(&outputs[0], where, &arena));
        assert_true(ss_column_append(&outputs[1], filter, &arena));
        assert_true(ss_column_append(&outputs[2], (struct ss_value){.present = true, .f64 = i}, &arena));
    }
    const struct ss_group groups[] = {
        {-1, -1, {SS_INT64, 0}}, {2, 1, {SS_FLOAT64, 0}}, {2, -1, {SS_FLOAT64, 0}}};
    const struct ss_view view = {.where = 0, .group_count = 3, .groups = groups};
    bool passes[3];
    struct ss_value values[3];
    struct ss_event event = {0};
    assert_true(ss_event_prepare(&view, outputs, 0, 5, 6, passes, values, &event));
    assert_true(event.event_time_us == 5 && event.seq == 6 && passes[0] && passes[1] && passes[2]);
    assert_true(!values[0].present && values[1].present && values[2].present);
    assert_false(ss_event_prepare(&view, outputs, 1, 5, 6, passes, values, &event));
    assert_false(ss_event_prepare(&view, outputs, 2, 5, 6, passes, values, &event));
    assert_true(ss_event_prepare(&view, outputs, 3, 5, 6, passes, values, &event));
    assert_true(passes[0] && !passes[1] && passes[2] && values[2].f64 == 3);
    ss_arena_release(&arena);
}

static void golden_bytes_of_a_small_state(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0}, printed = {0}, hex = {0};
    one_column_of_float64(&fixture);
    struct ss_state *state = ss_state_create(&fixture.view, &arena);
    assert_int_equal(add_real(state, 0, 1, 12.34), SS_OK);
    assert_int_equal(add_real(state, SS_HOUR_US, 2, -0.5), SS_OK);
    assert_int_equal(add_real(state, SS_HOUR_US + 1, 3, 7), SS_OK);
    assert_int_equal(add_real(state, 3 * SS_HOUR_US, 4, 0.1), SS_OK);
    encode(state, &bytes);
    for (size_t i = 0; i < bytes.size; i++) ss_buffer_format(&hex, "%02x", bytes.data[i]);
    ss_buffer_byte(&hex, 0);
    assert_int_equal(ss_state_print(state, &printed, NULL), SS_OK);
    ss_buffer_byte(&printed, 0);
    assert_string_equal((char *)hex.data,
                        "01"
                        "03"
                        "00"
                        "08"
                        "01a29a01"
                        "07"
                        "0a"
                        "02"
                        "4970"
                        "0516"
                        "01"
                        "11"
                        "03"
                        "00"
                        "08"
                        "01a29a01"
                        "06"
                        "02"
                        "4970"
                        "0500"
                        "01"
                        "11"
                        "01"
                        "00"
                        "40"
                        "04"
                        "106d4db81e85eb517809"
                        "1e00299c33a2b437789734ef3845476232"
                        "49"
                        "a29a01"
                        "01"
                        "00"
                        "10"
                        "04"
                        "01"
                        "80b0d7bb50"
                        "04");
    ss_buffer_release(&bytes);
    ss_buffer_release(&printed);
    ss_buffer_release(&hex);
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_read_as_a_naive_scan_of_their_events),
        cmocka_unit_test(a_late_event_lands_in_its_own_tile_and_window_edges_are_exact),
        cmocka_unit_test(only_needed_aggregates_are_read),
        cmocka_unit_test(events_out_of_reach_are_not_kept_but_counted),
        cmocka_unit_test(a_last_within_a_ttl_expires_and_keeps_its_nulls),
        cmocka_unit_test(a_busy_month_stays_under_eight_kilobytes),
        cmocka_unit_test(reading_again_and_again_takes_no_more_memory),
        cmocka_unit_test(damaged_bytes_are_reported_or_read_without_harm),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(an_event_passes_by_the_outputs_of_the_row_program),
        cmocka_unit_test(golden_bytes_of_a_small_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
