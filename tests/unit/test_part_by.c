// min_by and max_by: the argument beside the least and the greatest, of equal ones the newest.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_samples.h"

#define MOST 40
#define BOTH (SS_PART_N | SS_PART_LEAST_BY | SS_PART_GREATEST_BY)

static struct ss_group random_group(struct samples *samples)
{
    struct ss_group group = {.has_second = true};
    group.type = sample_types[samples_below(samples, SAMPLE_TYPES)];
    do group.second_type = sample_types[samples_below(samples, SAMPLE_SCALARS)];
    while (!ss_type_is_ordered(group.second_type));
    return group;
}

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event;
    sample_events(samples, kind, 9, &event, 1);
    event.seq = seq + 5000000;
    return event;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("by", 401);
    for (int trial = 0; trial < 3000; trial++) {
        struct ss_group_event events[MOST];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, BOTH, -700, &group};
        const size_t count = samples_below(&samples, MOST);
        sample_events(&samples, &kind, 9, events, count);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, trial % 2 ? SS_PART_LEAST_BY : SS_PART_GREATEST_BY, events, count);
    }
}

static void the_value_stands_beside_the_least_or_greatest_and_ties_go_to_the_newest(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("by naive", 402);
    for (int trial = 0; trial < 2000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_event events[MOST];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, BOTH, 0, &group};
        const size_t count = samples_below(&samples, MOST);
        sample_events(&samples, &kind, 9, events, count);
        struct ss_group_state state = sample_state(&kind, events, count, &arena);
        sample_sort(events, count);
        struct ss_value least = {0}, greatest = {0}, x_least = {0}, x_greatest = {0};
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || sample_compare(group.second_type, &events[i].second, &least) <= 0) {
                least = events[i].second;
                x_least = events[i].value;
            }
            if (i == 0 || sample_compare(group.second_type, &events[i].second, &greatest) >= 0) {
                greatest = events[i].second;
                x_greatest = events[i].value;
            }
        }
        struct ss_value value =
            sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_MIN_BY}, &arena);
        assert_value(group.type, &value, &x_least);
        value = sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_MAX_BY}, &arena);
        assert_value(group.type, &value, &x_greatest);
        ss_arena_release(&arena);
    }
}

static struct ss_group_event event_of(int64_t time_us, uint64_t seq, int64_t x, int64_t y)
{
    return (struct ss_group_event){time_us, seq, {.present = true, .i64 = x}, {.present = true, .i64 = y}};
}

static void only_the_event_that_is_kept_needs_the_others_when_it_goes(void **unused)
{
    (void)unused;
    const struct ss_group group = {
        .type = {.id = SS_INT64}, .has_second = true, .second_type = {.id = SS_INT64}};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N | SS_PART_LEAST_BY, 0, &group};
    const struct ss_group_event events[] = {event_of(10, 1, 100, 5), event_of(10, 2, 200, 5),
                                            event_of(20, 3, 300, 6)};
    struct ss_arena arena = {0};
    struct ss_group_state state = sample_state(&kind, events, 3, &arena);
    enum ss_group_removal removal;
    assert_true(ss_group_remove(&state, &kind, &events[0], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_REMOVED);
    assert_true(ss_group_remove(&state, &kind, &events[2], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_REMOVED);
    assert_true(ss_group_remove(&state, &kind, &events[1], &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD);
    ss_arena_release(&arena);
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    const struct ss_group group = {
        .type = {.id = SS_STRING}, .has_second = true, .second_type = {.id = SS_DECIMAL, .scale = 2}};
    const struct ss_group_kind kind = {group.type, true, SS_PART_N, 1000, &group};
    struct ss_group_event events[2] = {event_of(1010, 300, 0, 1250), event_of(1020, 301, 0, -1)};
    events[0].value.text = ss_bytes_of("DE");
    events[1].value.text = ss_bytes_of("");
    static const uint8_t least[] = {0x28, 0xad, 0x02, 0x01, 0x00};
    static const uint8_t greatest[] = {0x14, 0xac, 0x02, 0xc4, 0x13, 0x02, 0x44, 0x45};
    assert_member_bytes(&kind, SS_PART_LEAST_BY, events, 2, least, sizeof least);
    assert_member_bytes(&kind, SS_PART_GREATEST_BY, events, 2, greatest, sizeof greatest);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("by damaged", 403);
    for (int trial = 0; trial < 200; trial++) {
        struct ss_group_event events[8];
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, SS_PART_N | SS_PART_GREATEST_BY, 0, &group};
        sample_events(&samples, &kind, 9, events, 8);
        member_allocations(&kind, &(struct ss_aggregate){.fn = SS_AGG_MAX_BY}, events, 8);
        if (group.type.id == SS_FLOAT64 || group.second_type.id == SS_FLOAT64) continue;
        member_damage(&samples, &kind, SS_PART_GREATEST_BY, events, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(the_value_stands_beside_the_least_or_greatest_and_ties_go_to_the_newest),
        cmocka_unit_test(only_the_event_that_is_kept_needs_the_others_when_it_goes),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
