// first_k, last_k and lag: the oldest and the newest values.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_samples.h"

#define MOST 60
#define BOTH (SS_PART_N | SS_PART_FIRST_K | SS_PART_LAST_K)

static struct ss_group random_group(struct samples *samples)
{
    struct ss_group group = {.type = sample_types[samples_below(samples, SAMPLE_TYPES)]};
    group.first_k = (int32_t)samples_below(samples, samples_below(samples, 2) ? 4 : 30) + 1;
    group.last_k = (int32_t)samples_below(samples, samples_below(samples, 2) ? 4 : 30) + 1;
    return group;
}

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event;
    sample_events(samples, kind, 9, &event, 1);
    event.event_time_us = (int64_t)samples_below(samples, MOST * 1000);
    event.seq = seq + 5000000;
    return event;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("ends", 411);
    for (int trial = 0; trial < 3000; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, BOTH, 700, &group};
        const size_t count = samples_below(&samples, MOST);
        sample_events(&samples, &kind, 9, events, count);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, trial % 2 ? SS_PART_FIRST_K : SS_PART_LAST_K, events, count);
    }
}

static void check_values(struct samples *samples, const struct ss_group_kind *kind,
                         struct ss_group_event *events, size_t count)
{
    struct ss_arena arena = {0};
    struct ss_value oldest[MOST], newest[MOST], value;
    const struct ss_group *group = kind->group;
    struct ss_aggregate aggregate = {.fn = SS_AGG_FIRST_K};
    struct ss_group_state state = sample_state(kind, events, count, &arena);
    sample_sort(events, count);
    for (size_t i = 0; i < count; i++) oldest[i] = newest[count - 1 - i] = events[i].value;
    aggregate.k = (int32_t)samples_below(samples, (uint64_t)group->first_k) + 1;
    value = sample_read(&state, kind, &aggregate, &arena);
    assert_list(kind->type, &value, oldest, count < (size_t)aggregate.k ? count : (size_t)aggregate.k);
    aggregate.fn = SS_AGG_LAST_K;
    aggregate.k = (int32_t)samples_below(samples, (uint64_t)group->last_k) + 1;
    value = sample_read(&state, kind, &aggregate, &arena);
    assert_list(kind->type, &value, newest, count < (size_t)aggregate.k ? count : (size_t)aggregate.k);
    aggregate.fn = SS_AGG_LAG;
    aggregate.k -= 1;
    value = sample_read(&state, kind, &aggregate, &arena);
    const struct ss_value none = {0};
    assert_value(kind->type, &value, (size_t)aggregate.k < count ? &newest[aggregate.k] : &none);
    ss_arena_release(&arena);
}

static void values_are_the_oldest_and_newest_of_all_events(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("ends naive", 412);
    for (int trial = 0; trial < 2000; trial++) {
        struct ss_group_event events[MOST];
        struct ss_group group = random_group(&samples);
        group.type = sample_types[trial % SAMPLE_SCALARS];
        const struct ss_group_kind kind = {group.type, true, BOTH, 0, &group};
        const size_t count = 1 + samples_below(&samples, MOST - 1);
        sample_events(&samples, &kind, 9, events, count);
        check_values(&samples, &kind, events, count);
    }
}

static void of_nothing_there_is_no_list(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_INT64}, .first_k = 2, .last_k = 2};
    const struct ss_group_kind kind = {group.type, true, BOTH, 0, &group};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    const enum ss_aggregate_fn fns[] = {SS_AGG_FIRST_K, SS_AGG_LAST_K, SS_AGG_LAG};
    for (size_t i = 0; i < 3; i++)
        assert_false(
            sample_read(&state, &kind, &(struct ss_aggregate){.fn = fns[i], .k = 1}, &arena).present);
    ss_arena_release(&arena);
}

static struct ss_group_event event_of(int64_t time_us, uint64_t seq, int64_t value)
{
    return (struct ss_group_event){
        .event_time_us = time_us, .seq = seq, .value = {.present = true, .i64 = value}};
}

static void an_event_that_comes_twice_is_kept_once(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_INT64}, .first_k = 3, .last_k = 3};
    const struct ss_group_kind kind = {group.type, true, BOTH, 0, &group};
    const struct ss_group_event events[] = {event_of(5, 1, 7), event_of(5, 2, 8), event_of(5, 1, 7)};
    const struct ss_value want[] = {events[0].value, events[1].value};
    struct ss_arena arena = {0};
    struct ss_group_state state = sample_state(&kind, events, 3, &arena), other = {0};
    assert_true(ss_group_merge(&other, &kind, &state, &arena));
    assert_true(ss_group_merge(&other, &kind, &state, &arena));
    struct ss_value list =
        sample_read(&other, &kind, &(struct ss_aggregate){.fn = SS_AGG_FIRST_K, .k = 3}, &arena);
    assert_list(kind.type, &list, want, 2);
    list = sample_read(&other, &kind, &(struct ss_aggregate){.fn = SS_AGG_LAST_K, .k = 3}, &arena);
    assert_list(kind.type, &list, (struct ss_value[]){want[1], want[0]}, 2);
    ss_arena_release(&arena);
}

static void what_is_outside_of_k_leaves_without_a_trace(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_INT64}, .last_k = 2};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N | SS_PART_LAST_K, 0, &group};
    const struct ss_group_event events[] = {event_of(1, 1, 7), event_of(2, 2, 8), event_of(3, 3, 9)};
    const struct ss_group_event never = event_of(2, 7, 7);
    struct ss_arena arena = {0};
    struct ss_group_state state = sample_state(&kind, events, 3, &arena);
    enum ss_group_removal removal;
    assert_true(ss_group_remove(&state, &kind, &never, &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD);
    assert_true(ss_group_remove(&state, &kind, &events[0], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_REMOVED);
    assert_true(ss_group_remove(&state, &kind, &events[1], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD); // two are kept, who knows of how many
    state = sample_state(&kind, events, 1, &arena);
    assert_true(ss_group_remove(&state, &kind, &events[0], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_REMOVED);
    assert_true(ss_group_empty(&state));
    ss_arena_release(&arena);
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_INT64}, .first_k = 2, .last_k = 3};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N, 1000, &group};
    const struct ss_group_event events[] = {event_of(1300, 301, -2), event_of(1010, 300, 5),
                                            event_of(1300, 299, 6), event_of(1310, 310, 7)};
    static const uint8_t first[] = {0x02, 0x14, 0xac, 0x02, 0x0a, 0xa2, 0x02, 0x01, 0x0c};
    static const uint8_t last[] = {0x03, 0xd8, 0x04, 0xab, 0x02, 0x0c, 0x00, 0x04, 0x03, 0x0a, 0x12, 0x0e};
    assert_member_bytes(&kind, SS_PART_FIRST_K, events, 4, first, sizeof first);
    assert_member_bytes(&kind, SS_PART_LAST_K, events, 4, last, sizeof last);
}

static void the_example_of_the_format_is_so(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_STRING}, .first_k = 2, .last_k = 2};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N, 0, &group};
    static const char *const texts[] = {"c", "a", "b", "a"};
    static const uint8_t first[] = {0x02, 0x02, 0x01, 0x01, 'c', 0x01, 0x02, 0x01, 'a'};
    static const uint8_t last[] = {0x02, 0x06, 0x03, 0x01, 'b', 0x01, 0x02, 0x01, 'a'};
    struct ss_group_event events[4];
    for (int i = 0; i < 4; i++) {
        events[i] = event_of(i + 1, (uint64_t)i + 1, 0);
        events[i].value.text = ss_bytes_of(texts[i]);
    }
    assert_member_bytes(&kind, SS_PART_FIRST_K, events, 4, first, sizeof first);
    assert_member_bytes(&kind, SS_PART_LAST_K, events, 4, last, sizeof last);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("ends damaged", 413);
    for (int trial = 0; trial < 120; trial++) {
        struct ss_group_event events[12];
        const struct ss_group group = random_group(&samples);
        const uint32_t part = trial % 2 ? SS_PART_LAST_K : SS_PART_FIRST_K;
        const struct ss_group_kind kind = {group.type, true, SS_PART_N | part, 0, &group};
        struct ss_aggregate aggregate = {.fn = trial % 2 ? SS_AGG_LAST_K : SS_AGG_FIRST_K, .k = 1};
        if (trial >= SAMPLE_SCALARS * 2) aggregate.fn = SS_AGG_LAG;
        sample_events(&samples, &kind, 9, events, 12);
        if (aggregate.fn != SS_AGG_LAG || trial % 2) member_allocations(&kind, &aggregate, events, 12);
        if (group.type.id != SS_FLOAT64) member_damage(&samples, &kind, part, events, 12);
    }
}

static void sightings_out_of_order_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        size_t size;
        uint8_t bytes[14];
    } rows[] = {
        {1, {0}},                                                                    // none
        {13, {4, 2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2}},                               // more than k
        {7, {2, 2, 1, 2, 0, 0, 2}},                                                  // an event twice
        {7, {2, 2, 2, 2, 0, 1, 2}},                                                  // seq goes back
        {14, {2, 2, 2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, // past the last time
    };
    const struct ss_group group = {.type = {.id = SS_INT64}, .last_k = 3};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N | SS_PART_LAST_K, 0, &group};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_member_refuses(&kind, SS_PART_LAST_K, rows[i].bytes, rows[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(values_are_the_oldest_and_newest_of_all_events),
        cmocka_unit_test(of_nothing_there_is_no_list),
        cmocka_unit_test(an_event_that_comes_twice_is_kept_once),
        cmocka_unit_test(what_is_outside_of_k_leaves_without_a_trace),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(the_example_of_the_format_is_so),
        cmocka_unit_test(sightings_out_of_order_are_refused),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
