// unique_last_k: the different values that were seen last.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_samples.h"

#define MOST  80
#define PARTS (SS_PART_N | SS_PART_UNIQUE_K)

static uint64_t different;

static struct ss_group random_group(struct samples *samples)
{
    struct ss_group group = {.type = sample_types[samples_below(samples, SAMPLE_SCALARS)]};
    group.unique_k = (int32_t)samples_below(samples, samples_below(samples, 2) ? 4 : 30) + 1;
    different = samples_below(samples, samples_below(samples, 2) ? 5 : 60) + 1;
    return group;
}

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event;
    sample_events(samples, kind, different, &event, 1);
    event.event_time_us = (int64_t)samples_below(samples, MOST * 1000);
    event.seq = seq + 5000000;
    return event;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("unique", 421);
    for (int trial = 0; trial < 3000; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 700, &group};
        const size_t count = samples_below(&samples, MOST);
        sample_events(&samples, &kind, different, events, count);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, SS_PART_UNIQUE_K, events, count);
    }
}

static void values_are_those_that_a_walk_from_the_newest_meets_first(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("unique naive", 422);
    for (int trial = 0; trial < 3000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_event events[MOST];
        struct ss_value want[MOST];
        size_t met = 0;
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        const size_t count = 1 + samples_below(&samples, MOST - 1);
        const struct ss_aggregate aggregate = {
            .fn = SS_AGG_UNIQUE_LAST_K, .k = 1 + (int32_t)samples_below(&samples, (uint64_t)group.unique_k)};
        sample_events(&samples, &kind, different, events, count);
        struct ss_group_state state = sample_state(&kind, events, count, &arena);
        sample_sort(events, count);
        for (size_t i = count; i > 0 && met < (size_t)aggregate.k; i--) {
            size_t k = 0;
            while (k < met && sample_compare(kind.type, &want[k], &events[i - 1].value) != 0) k++;
            if (k == met) want[met++] = events[i - 1].value;
        }
        const struct ss_value list = sample_read(&state, &kind, &aggregate, &arena);
        assert_list(kind.type, &list, want, met);
        ss_arena_release(&arena);
    }
}

static struct ss_group_event event_of(int64_t time_us, uint64_t seq, const char *text)
{
    return (struct ss_group_event){
        .event_time_us = time_us, .seq = seq, .value = {.present = true, .text = ss_bytes_of(text)}};
}

static void only_sightings_without_a_trace_can_be_taken_back(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_STRING}, .unique_k = 2};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    const struct ss_group_event events[] = {event_of(1, 1, "c"), event_of(2, 2, "a"), event_of(3, 3, "b"),
                                            event_of(4, 4, "a")};
    struct ss_arena arena = {0};
    enum ss_group_removal removal;
    struct ss_group_state state = sample_state(&kind, events, 4, &arena);
    for (int i = 0; i < 2; i++) { // fallen out, seen later
        assert_true(ss_group_remove(&state, &kind, &events[i], &removal, &arena));
        assert_int_equal(removal, SS_GROUP_REMOVED);
    }
    for (int i = 2; i < 4; i++) {
        assert_true(ss_group_remove(&state, &kind, &events[i], &removal, &arena));
        assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD);
    }
    ss_arena_release(&arena);
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_STRING}, .unique_k = 2};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    const struct ss_group_event events[] = {event_of(1, 1, "c"), event_of(2, 2, "a"), event_of(3, 3, "b"),
                                            event_of(4, 4, "a")};
    static const uint8_t want[] = {0x02, 0x06, 0x03, 0x01, 'b', 0x01, 0x02, 0x01, 'a'};
    assert_member_bytes(&kind, SS_PART_UNIQUE_K, events, 4, want, sizeof want);
}

static void a_value_that_stands_twice_is_damage(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_STRING}, .unique_k = 2};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    static const uint8_t twice[] = {0x02, 0x06, 0x03, 0x01, 'a', 0x01, 0x02, 0x01, 'a'};
    assert_member_refuses(&kind, SS_PART_UNIQUE_K, twice, sizeof twice);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("unique damaged", 423);
    const struct ss_aggregate aggregate = {.fn = SS_AGG_UNIQUE_LAST_K, .k = 1};
    for (int trial = 0; trial < 100; trial++) {
        struct ss_group_event events[20];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        sample_events(&samples, &kind, different, events, 20);
        member_allocations(&kind, &aggregate, events, 20);
        if (group.type.id != SS_FLOAT64) member_damage(&samples, &kind, SS_PART_UNIQUE_K, events, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(values_are_those_that_a_walk_from_the_newest_meets_first),
        cmocka_unit_test(only_sightings_without_a_trace_can_be_taken_back),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(a_value_that_stands_twice_is_damage),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
