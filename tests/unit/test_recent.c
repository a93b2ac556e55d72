// The newest events of an entity: whatever the order, batches and deletes, the same list and the same bytes.

#include "engine/state_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "samples.h"
#include "tests/unit/allocation_sweep.h"

#define EVENTS 40
#define KEPT   5
#define GROUPS 3 // counts; a string; a pair of an int64 and a float64

static const struct ss_group groups[GROUPS] = {{-1, -1, {SS_INT64}},
                                               {0, 1, {SS_STRING}},
                                               {.argument = 2,
                                                .filter = -1,
                                                .type = {SS_INT64},
                                                .has_second = true,
                                                .second = 3,
                                                .second_type = {SS_FLOAT64}}};
static const int all_groups[GROUPS] = {0, 1, 2};
static uint32_t nothing[GROUPS] = {SS_PART_N | SS_PART_LAST};
static const struct ss_level level = {SS_HOP_ALL, SS_HOP_ALL, nothing};
static const struct ss_view view = {.name = "v",
                                    .where = -1,
                                    .group_count = GROUPS,
                                    .groups = groups,
                                    .level_count = 1,
                                    .levels = &level,
                                    .recent_count = KEPT,
                                    .recent_retention_us = SS_HOP_ALL,
                                    .recent_group_count = GROUPS,
                                    .recent_groups = all_groups};

struct fact {
    bool gone, passes[GROUPS];
    struct ss_value values[GROUPS], seconds[GROUPS];
    char text[8];
    struct ss_event event;
};

static void make_fact(struct fact *fact, uint64_t seq, struct samples *samples)
{
    *fact = (struct fact){.passes = {true, samples_below(samples, 2) != 0, samples_below(samples, 3) != 0}};
    snprintf(fact->text, sizeof fact->text, "s%u", (unsigned)samples_below(samples, 4));
    if (fact->passes[1] && samples_below(samples, 4))
        fact->values[1] = (struct ss_value){.present = true, .text = {fact->text, strlen(fact->text)}};
    if (fact->passes[2]) {
        fact->values[2] = (struct ss_value){.present = true, .i64 = (int64_t)samples_bits(samples)};
        fact->seconds[2] =
            (struct ss_value){.present = true, .f64 = 0.25 * (double)samples_below(samples, 9)};
    }
    fact->event = (struct ss_event){(int64_t)samples_below(samples, 12) - 6, seq, fact->passes, fact->values,
                                    fact->seconds};
}

static void make_facts(struct fact *facts, struct samples *samples)
{
    for (uint64_t i = 0; i < EVENTS; i++) make_fact(&facts[i], i + 1, samples);
}

static void refold(struct ss_state *state, const struct fact *facts)
{
    int number;
    int64_t start_us, end_us;
    while (ss_state_next_dirty(state, &number, &start_us, &end_us)) {
        ss_state_refold_begin(state, number, start_us);
        for (int i = 0; i < EVENTS; i++)
            if (!facts[i].gone) assert_int_equal(ss_state_refold_add(state, &facts[i].event, NULL), SS_OK);
        ss_state_refold_end(state);
    }
}

static struct ss_state *save_and_restore(const struct ss_state *state, struct ss_arena *arena)
{
    struct ss_state *moved;
    assert_int_equal(ss_state_move(state, arena, &moved, NULL), SS_OK);
    return moved;
}

static struct ss_state *straight(const struct fact *facts, struct ss_arena *arena)
{
    struct ss_state *state = ss_state_create(&view, arena);
    for (int i = 0; i < EVENTS; i++)
        if (!facts[i].gone) assert_int_equal(ss_state_add(state, &facts[i].event, INT64_MIN, NULL), SS_OK);
    return state;
}

static void assert_same_bytes(const struct ss_state *a, const struct ss_state *b)
{
    struct ss_buffer x = {0}, y = {0};
    assert_int_equal(ss_state_encode(a, &x, NULL), SS_OK);
    assert_int_equal(ss_state_encode(b, &y, NULL), SS_OK);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    ss_buffer_release(&x);
    ss_buffer_release(&y);
}

static void any_order_with_deletes_and_restarts_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("recent events", 7);
    for (int round = 0; round < 2000; round++) {
        struct ss_arena arena = {0};
        struct fact facts[EVENTS];
        int order[EVENTS];
        bool added[EVENTS] = {false};
        make_facts(facts, &samples);
        for (int i = 0; i < EVENTS; i++) order[i] = i;
        for (int i = EVENTS - 1; i > 0; i--) {
            const int k = (int)samples_below(&samples, (uint64_t)i + 1), at = order[i];
            order[i] = order[k];
            order[k] = at;
        }
        struct ss_state *state = ss_state_create(&view, &arena);
        for (int i = 0; i < EVENTS; i++) facts[i].gone = true;
        for (int i = 0; i < EVENTS; i++) {
            struct fact *fact = &facts[order[i]];
            assert_int_equal(ss_state_add(state, &fact->event, INT64_MIN, NULL), SS_OK);
            fact->gone = false;
            added[order[i]] = true;
            struct fact *other = &facts[samples_below(&samples, EVENTS)];
            if (samples_below(&samples, 3) == 0 && added[other - facts] && !other->gone) {
                other->gone = true;
                assert_int_equal(ss_state_remove(state, &other->event, INT64_MIN, NULL), SS_OK);
                refold(state, facts);
            }
            if (samples_below(&samples, 6) == 0) state = save_and_restore(state, &arena);
        }
        assert_same_bytes(state, straight(facts, &arena));
        ss_arena_release(&arena);
    }
}

static void the_newest_are_folded_and_no_others(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct samples samples = samples_begin("recent folds", 8);
    for (int round = 0; round < 500; round++) {
        struct fact facts[EVENTS];
        make_facts(facts, &samples);
        struct ss_recent recent = {0};
        for (int i = 0; i < EVENTS; i++) assert_true(ss_recent_add(&recent, &view, &facts[i].event, &arena));
        const int64_t last_n = 1 + (int64_t)samples_below(&samples, KEPT),
                      from_us = (int64_t)samples_below(&samples, 12) - 6;
        struct ss_group_state totals[GROUPS] = {0};
        const uint32_t parts[GROUPS] = {SS_PART_N, SS_PART_N, SS_PART_N | SS_PART_S1};
        assert_true(ss_recent_fold(&recent, &view, last_n, from_us, parts, totals, &arena));
        uint64_t want[GROUPS] = {0};
        for (int i = 0; i < EVENTS; i++) {
            int newer = 0;
            for (int k = 0; k < EVENTS; k++)
                newer += facts[k].event.event_time_us > facts[i].event.event_time_us ||
                         (facts[k].event.event_time_us == facts[i].event.event_time_us && k > i);
            if (newer >= last_n || facts[i].event.event_time_us < from_us) continue;
            want[0]++;
            want[1] += facts[i].values[1].present;
            want[2] += facts[i].passes[2];
        }
        for (int g = 0; g < GROUPS; g++) assert_int_equal(totals[g].n, want[g]);
        ss_arena_reset(&arena);
    }
    ss_arena_release(&arena);
}

// Decodes, reads and encodes what may be damaged: an error or the same bytes again, never anything else.
static void try_bytes(const uint8_t *data, size_t size)
{
    struct ss_arena arena = {0};
    struct ss_state *state;
    struct ss_buffer again = {0};
    const struct ss_bytes bytes = {(const char *)data, size};
    if (ss_state_decode(&view, bytes, &arena, &state, NULL) == SS_OK && state->recent &&
        ss_recent_open(state->recent, &view, &arena, NULL) == SS_OK) {
        ss_recent_encode(state->recent, &view, &again);
        assert_false(again.failed);
    }
    ss_buffer_release(&again);
    ss_arena_release(&arena);
}

static void damaged_bytes_are_an_error(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct fact facts[EVENTS];
    struct samples samples = samples_begin("damaged recent events", 9);
    struct ss_buffer bytes = {0};
    struct ss_error error;
    make_facts(facts, &samples);
    assert_int_equal(ss_state_encode(straight(facts, &arena), &bytes, NULL), SS_OK);
    for (size_t size = 1; size < bytes.size; size++) try_bytes(bytes.data, size);
    for (int round = 0; round < 20000; round++) {
        uint8_t copy[512];
        assert_true(bytes.size <= sizeof copy);
        memcpy(copy, bytes.data, bytes.size);
        copy[samples_below(&samples, bytes.size)] ^= (uint8_t)(1u << samples_below(&samples, 8));
        try_bytes(copy, bytes.size);
    }
    struct ss_state *cut;
    assert_int_equal(ss_state_decode(&view, (struct ss_bytes){(const char *)bytes.data, bytes.size - 1},
                                     &arena, &cut, NULL),
                     SS_OK);
    assert_int_equal(ss_recent_open(cut->recent, &view, &arena, &error), SS_DAMAGED);
    assert_string_equal(error.message, "entity state: its recent events are damaged; rebuild the view");
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

static void every_failed_allocation_is_an_error(void **unused)
{
    (void)unused;
    struct fact facts[EVENTS];
    struct samples samples = samples_begin("recent allocations", 10);
    make_facts(facts, &samples);
    for (long k = 1;; k++) {
        struct ss_arena arena = {0};
        struct ss_state *moved;
        ss_fail_allocation_at(k);
        struct ss_state *state = ss_state_create(&view, &arena);
        enum ss_status status = state ? SS_OK : SS_OUT_OF_MEMORY;
        for (int i = 0; status == SS_OK && i < EVENTS; i++)
            status = ss_state_add(state, &facts[i].event, INT64_MIN, NULL);
        if (status == SS_OK) status = ss_state_move(state, &arena, &moved, NULL);
        if (status == SS_OK) status = ss_recent_open(moved->recent, &view, &arena, NULL);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        ss_arena_release(&arena);
        if (swept) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_with_deletes_and_restarts_gives_the_same_bytes),
        cmocka_unit_test(the_newest_are_folded_and_no_others),
        cmocka_unit_test(damaged_bytes_are_an_error),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
