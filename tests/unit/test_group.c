// The state of one group: random multisets in any order, with noise that is taken back, merged and restarted
// at random points, give the same bytes; what cannot be taken back exactly asks for a refold.

#include "engine/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_harness.h"

#define MOST 60

static const struct ss_type types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 2},   {SS_INT64, 0},
                                       {SS_STRING, 0},  {SS_TIMESTAMP, 0}, {SS_BOOL, 0}};

static struct ss_group_event random_event(struct samples *samples, struct ss_type type, uint64_t seq,
                                          enum samples_kind kind)
{
    static const char letters[] = "abcabcabc";
    struct ss_group_event event = {.event_time_us = (int64_t)samples_below(samples, 50) - 25, .seq = seq};
    event.value.present = samples_below(samples, 8) != 0;
    if (!event.value.present) return event;
    const uint64_t bits = samples_bits(samples);
    if (type.id == SS_BOOL)
        event.value.boolean = bits & 1;
    else if (type.id == SS_STRING)
        event.value.text = (struct ss_bytes){letters + bits % 3, bits / 3 % 4};
    else if (type.id == SS_FLOAT64)
        event.value.f64 = samples_double(samples, kind) + 0.0;
    else
        event.value.i64 = bits & 1 ? (int64_t)bits : (int64_t)(bits >> 1 & 255) - 128;
    return event;
}

static struct ss_group_kind random_kind(struct samples *samples)
{
    struct ss_group_kind kind = {.type = types[samples_below(samples, 6)], .has_argument = true};
    kind.parts = (uint8_t)(SS_PART_N | (samples_below(samples, 256) & 0xff));
    if (kind.type.id == SS_STRING) kind.parts &= ~(uint32_t)(SS_PART_S1 | SS_PART_S2);
    kind.origin_us = (int64_t)samples_below(samples, 1000) - 500;
    if (samples_below(samples, 12) == 0) {
        kind.has_argument = false;
        kind.parts &= SS_PART_N | SS_PART_LAST;
    }
    return kind;
}

static void any_order_of_adding_taking_back_merging_and_restarting_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("group", 77);
    for (int trial = 0; trial < 4000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_event events[MOST];
        struct ss_group_state straight = {0}, parts[3] = {{0}}, total = {0};
        const struct ss_group_kind kind = random_kind(&samples);
        const enum samples_kind values = (enum samples_kind)samples_below(&samples, SAMPLES_KINDS);
        const size_t count = samples_below(&samples, trial % 2 ? 8 : MOST);
        for (size_t i = 0; i < count; i++) {
            events[i] = random_event(&samples, kind.type, i, values);
            if (!kind.has_argument) events[i].value = (struct ss_value){0};
            assert_true(ss_group_add(&straight, &kind, &events[i], &arena));
        }
        for (size_t i = 0; i < count; i++) {
            const size_t k = i + samples_below(&samples, count - i);
            const struct ss_group_event swap = events[k];
            events[k] = events[i];
            events[i] = swap;
            struct ss_group_state *part = &parts[samples_below(&samples, 3)];
            if (samples_below(&samples, 4) == 0) {
                // what does not come out of a copy exactly leaves the part as it was
                struct ss_group_state copy = {0};
                enum ss_group_removal removal;
                const struct ss_group_event noise = random_event(&samples, kind.type, 1000 + i, values);
                merge_group(&copy, &kind, kind.parts, part, true, &arena);
                assert_true(ss_group_add(&copy, &kind, &noise, &arena));
                assert_true(ss_group_remove(&copy, &kind, &noise, &removal, &arena));
                if (removal == SS_GROUP_REMOVED) *part = copy;
            }
            assert_true(ss_group_add(part, &kind, &events[i], &arena));
        }
        for (int i = 0; i < 3; i++)
            merge_group(&total, &kind, kind.parts, &parts[i], samples_below(&samples, 2), &arena);
        assert_same_bytes(&straight, &total, &kind);
        assert_int_equal(ss_group_empty(&straight), ss_group_empty(&total));
        ss_group_clear(&total);
        assert_true(ss_group_empty(&total));
        merge_group(&total, &kind, kind.parts, &straight, true, &arena);
        assert_same_bytes(&straight, &total, &kind);
        ss_arena_release(&arena);
    }
}

static void taking_events_back_is_exact_or_asks_for_a_refold(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("group removal", 78);
    int exact = 0;
    for (int trial = 0; trial < 4000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_event events[MOST];
        struct ss_group_state state = {0};
        const struct ss_group_kind kind = random_kind(&samples);
        size_t count = samples_below(&samples, trial % 2 ? 8 : MOST);
        for (size_t i = 0; i < count; i++) {
            events[i] = random_event(&samples, kind.type, i, SAMPLES_CENTS);
            if (!kind.has_argument) events[i].value = (struct ss_value){0};
            assert_true(ss_group_add(&state, &kind, &events[i], &arena));
        }
        while (count) {
            struct ss_group_state fresh = {0};
            enum ss_group_removal removal;
            const size_t k = samples_below(&samples, count);
            const struct ss_group_event gone = events[k];
            events[k] = events[--count];
            if (!ss_group_takes(&kind, &gone.value)) continue;
            assert_true(ss_group_remove(&state, &kind, &gone, &removal, &arena));
            if (removal == SS_GROUP_NEEDS_REFOLD) break;
            exact++;
            for (size_t i = 0; i < count; i++) assert_true(ss_group_add(&fresh, &kind, &events[i], &arena));
            assert_same_bytes(&fresh, &state, &kind);
        }
        ss_arena_release(&arena);
    }
    assert_true(exact > 3000);
}

static void what_asks_for_a_refold(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        uint32_t parts;
        double values[7]; // until 0
        double gone;
        bool refold;
    } rows[] = {
        {"a sum", SS_PART_S1, {1, 2, 3, 4, 5}, 5, false},
        {"back among the raw", SS_PART_S1, {1, 2, 3, 4}, 2, true},
        {"raw", SS_PART_S1 | SS_PART_MIN | SS_PART_MAX | SS_PART_DISTINCT, {1, 2, 3}, 1, false},
        {"raw, but not there", SS_PART_S1, {1, 2, 3}, 9, true},
        {"none there", SS_PART_S1, {0}, 9, true},
        {"a middle value", SS_PART_MIN | SS_PART_MAX, {1, 2, 3, 4, 5}, 3, false},
        {"the least", SS_PART_MIN, {1, 2, 3, 4, 5}, 1, true},
        {"the greatest", SS_PART_MAX, {1, 2, 3, 4, 5}, 5, true},
        {"the greatest, where only the least is kept", SS_PART_MIN, {1, 2, 3, 4, 5}, 5, false},
        {"a distinct value", SS_PART_DISTINCT, {1, 2, 3, 4, 5}, 3, true},
        {"a count", SS_PART_N, {1, 2, 3, 4}, 2, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_arena arena = {0};
        struct ss_group_state state = {0};
        const struct ss_group_kind kind = {{SS_FLOAT64, 0}, true, rows[i].parts, 0};
        enum ss_group_removal removal;
        for (int k = 0; k < 7 && rows[i].values[k] != 0; k++) {
            const struct ss_group_event event = {k, 1, {.present = true, .f64 = rows[i].values[k]}};
            assert_true(ss_group_add(&state, &kind, &event, &arena));
        }
        const struct ss_group_event gone = {0, 1, {.present = true, .f64 = rows[i].gone}};
        assert_true(ss_group_remove(&state, &kind, &gone, &removal, &arena));
        if (removal != (rows[i].refold ? SS_GROUP_NEEDS_REFOLD : SS_GROUP_REMOVED))
            fail_msg("%s", rows[i].what);
        ss_arena_release(&arena);
    }
}

static void a_first_or_last_that_leaves_asks_for_a_refold(void **unused)
{
    (void)unused;
    for (int gone = 0; gone < 3; gone++) {
        for (int last = 0; last < 2; last++) {
            struct ss_arena arena = {0};
            struct ss_group_state state = {0};
            const uint32_t parts = last ? SS_PART_LAST : SS_PART_FIRST;
            const struct ss_group_kind kind = {{SS_INT64, 0}, true, parts, 0};
            enum ss_group_removal removal;
            struct ss_group_event events[3];
            for (int i = 0; i < 3; i++) {
                // equal times: the order is that of seq
                events[i] = (struct ss_group_event){5, (uint64_t)i, {.present = true, .i64 = 10 + i}};
                assert_true(ss_group_add(&state, &kind, &events[i], &arena));
            }
            const struct ss_value *value = last ? &state.ends->last.value : &state.ends->first.value;
            assert_int_equal(value->i64, last ? 12 : 10);
            assert_true(ss_group_remove(&state, &kind, &events[gone], &removal, &arena));
            assert_int_equal(removal == SS_GROUP_NEEDS_REFOLD, gone == (last ? 2 : 0));
            ss_arena_release(&arena);
        }
    }
}

static void a_last_may_be_null_and_a_first_is_not(void **unused)
{
    (void)unused;
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    struct ss_value value;
    const struct ss_group_kind kind = {{SS_INT64, 0}, true, SS_PART_FIRST | SS_PART_LAST | SS_PART_N, 0};
    const struct ss_group_event null_event = {1, 1, {0}}, event = {0, 2, {.present = true, .i64 = 4}};
    assert_true(ss_group_add(&state, &kind, &null_event, &arena));
    assert_false(ss_group_empty(&state));
    assert_true(ss_group_value(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_FIRST}, 0, &arena, &value));
    assert_false(value.present);
    assert_true(ss_group_add(&state, &kind, &event, &arena));
    assert_true(ss_group_value(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_FIRST}, 0, &arena, &value));
    assert_true(value.present && value.i64 == 4);
    assert_true(ss_group_value(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_LAST}, 0, &arena, &value));
    assert_false(value.present);
    assert_true(ss_group_value(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_COUNT}, 0, &arena, &value));
    assert_int_equal(value.i64, 1);
    ss_arena_release(&arena);
}

// A window needs less than its tiles keep: the rest is passed over.
static void parts_that_are_not_asked_for_are_skipped(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("group parts", 79);
    for (int trial = 0; trial < 2000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_state full = {0}, some = {0}, none = {0};
        struct ss_group_kind kind = random_kind(&samples), less;
        const size_t count = samples_below(&samples, 12);
        less = kind;
        less.parts = (uint8_t)(kind.parts & (SS_PART_N | samples_below(&samples, 256)));
        for (size_t i = 0; i < count; i++) {
            struct ss_group_event event = random_event(&samples, kind.type, i, SAMPLES_EXTREME);
            if (!kind.has_argument) event.value = (struct ss_value){0};
            assert_true(ss_group_add(&full, &kind, &event, &arena));
            assert_true(ss_group_add(&some, &less, &event, &arena));
        }
        merge_group(&none, &kind, less.parts, &full, true, &arena);
        assert_same_bytes(&some, &none, &less);
        merge_group(NULL, &kind, 0, &full, true, &arena);
        ss_arena_release(&arena);
    }
}

static void sums_of_decimals_stop_at_eighteen_digits(void **unused)
{
    (void)unused;
    static const struct {
        struct ss_type type;
        int64_t terms[2];
        bool present;
    } rows[] = {
        {{SS_DECIMAL, 2}, {999999999999999998, 1}, true},
        {{SS_DECIMAL, 2}, {999999999999999998, 2}, false},
        {{SS_DECIMAL, 2}, {-999999999999999998, -2}, false},
        {{SS_INT64, 0}, {999999999999999998, 2}, true},
        {{SS_INT64, 0}, {INT64_MAX, 1}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_arena arena = {0};
        struct ss_group_state state = {0};
        struct ss_value value;
        const struct ss_group_kind kind = {rows[i].type, true, SS_PART_N | SS_PART_S1, 0};
        for (int k = 0; k < 2; k++) {
            const struct ss_group_event event = {0, 1, {.present = true, .i64 = rows[i].terms[k]}};
            assert_true(ss_group_add(&state, &kind, &event, &arena));
        }
        assert_true(
            ss_group_value(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_SUM}, 0, &arena, &value));
        assert_int_equal(value.present, rows[i].present);
        ss_arena_release(&arena);
    }
}

static void scalars_take_few_bytes_and_come_back(void **unused)
{
    (void)unused;
    static const struct {
        double value;
        size_t size;
    } rows[] = {
        {0, 1},      {1, 1},          {-1, 1},      {0.5, 1},           {12.34, 3},     {-999.99, 3},
        {1e6, 4},    {0.000001, 1},   {0.1, 1},     {1.0 / 3, 9},       {5e-324, 9},    {1e300, 9},
        {0x1p50, 9}, {0x1p50 - 1, 8}, {-0.0625, 2}, {123456.789012, 6}, {0.1 + 0.2, 9},
    };
    struct samples samples = samples_begin("scalars", 80);
    struct ss_buffer bytes = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ss_buffer_clear(&bytes);
        ss_scalar_encode(SS_FLOAT64, ss_double_to_key(rows[i].value), &bytes);
        if (bytes.size != rows[i].size) fail_msg("%.17g takes %zu bytes", rows[i].value, bytes.size);
    }
    for (int i = 0; i < 100000; i++) {
        const double value = samples_double(&samples, (enum samples_kind)(i % SAMPLES_KINDS)) + 0.0;
        const double other = samples_double(&samples, (enum samples_kind)(i % SAMPLES_KINDS)) + 0.0;
        const int64_t key = ss_double_to_key(value), other_key = ss_double_to_key(other);
        ss_buffer_clear(&bytes);
        ss_scalar_encode(SS_FLOAT64, key, &bytes);
        struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
        assert_true(ss_scalar_decode(SS_FLOAT64, &reader) == key);
        assert_true(!reader.failed && reader.at == reader.end);
        assert_true(ss_key_to_double(key) == value);
        assert_int_equal(key < other_key, value < other);
    }
    ss_buffer_release(&bytes);
}

// Does the group's count decode, and the tally's of it, where one is kept?
static bool decodes(uint32_t parts, uint64_t n)
{
    const struct ss_group group = {.cap = 10, .type = {SS_INT64, 0}};
    const struct ss_group_kind kind = {{SS_INT64, 0}, true, parts, 0, &group};
    struct ss_buffer bytes = {0};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    ss_buffer_varint(&bytes, n);
    if (parts & SS_PART_COUNTS) {
        ss_buffer_varint(&bytes, 2); // values: 0 once, 1 as often as is left
        ss_buffer_zigzag(&bytes, 0);
        ss_buffer_varint(&bytes, 1);
        ss_buffer_varint(&bytes, 0);
        ss_buffer_varint(&bytes, n - 1);
    }
    struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
    assert_true(ss_group_merge_bytes(&state, &kind, parts, &reader, &arena));
    const bool good = !reader.failed && reader.at == reader.end;
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
    return good;
}

// Else counts of a few tiles would add up to 0, which no aggregate is ready for.
static void a_tile_that_counts_more_than_a_store_can_hold_is_damaged(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        const uint32_t parts = SS_PART_N | (i ? SS_PART_COUNTS : 0);
        assert_true(decodes(parts, 1000));
        assert_true(decodes(parts, UINT64_C(1) << 40));
        assert_false(decodes(parts, (UINT64_C(1) << 40) + 1));
        assert_false(decodes(parts, INT64_MAX));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_adding_taking_back_merging_and_restarting_gives_the_same_bytes),
        cmocka_unit_test(taking_events_back_is_exact_or_asks_for_a_refold),
        cmocka_unit_test(what_asks_for_a_refold),
        cmocka_unit_test(a_first_or_last_that_leaves_asks_for_a_refold),
        cmocka_unit_test(a_last_may_be_null_and_a_first_is_not),
        cmocka_unit_test(parts_that_are_not_asked_for_are_skipped),
        cmocka_unit_test(sums_of_decimals_stop_at_eighteen_digits),
        cmocka_unit_test(a_tile_that_counts_more_than_a_store_can_hold_is_damaged),
        cmocka_unit_test(scalars_take_few_bytes_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
