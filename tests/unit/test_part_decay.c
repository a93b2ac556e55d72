// Weights that halve and their sums, against MPFR and exact rationals.

#include "engine/decay_weight.h"

#include <mpfr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/time.h"
#include "member_harness.h"
#include "rational_oracle.h"

#define MOST  40
#define PARTS (SS_PART_N | SS_PART_DECAY)

// ---- Weights

// 2^(63 + f / 2^64) rounded down to 160 bits, and then to an integer.
static uint64_t power_of(uint64_t fraction)
{
    static mpfr_t value;
    static bool is_made;
    if (!is_made) mpfr_init2(value, 160);
    is_made = true;
    mpfr_set_ui_2exp(value, fraction, -64, MPFR_RNDN);
    mpfr_add_ui(value, value, 63, MPFR_RNDN);
    mpfr_exp2(value, value, MPFR_RNDD);
    return mpfr_get_ui(value, MPFR_RNDD);
}

static void check_power(uint64_t fraction)
{
    const uint64_t want = power_of(fraction);
    uint64_t fast;
    if (ss_decay_power_fast(fraction, &fast) && fast != want)
        fail_msg("g(%016llx) is %016llx, not %016llx", (unsigned long long)fraction, (unsigned long long)want,
                 (unsigned long long)fast);
    if (ss_decay_power(fraction) != want) fail_msg("g(%016llx)", (unsigned long long)fraction);
}

static void a_million_powers_are_rounded_down_exactly(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("powers", 321);
    for (int i = 0; i < 1000000; i++) check_power(samples_bits(&samples));
}

// Beside the entries of the tables, and where the result lies just below or above an integer.
static void hard_powers_are_rounded_down_exactly(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("hard powers", 322);
    for (uint64_t i = 0; i < 32; i++) {
        for (unsigned shift = 49; shift < 64; shift += 5)
            for (uint64_t k = 0; k < 7; k++) check_power((i << shift) + k - 3);
    }
    for (int shift = 0; shift < 64; shift++) check_power(UINT64_C(1) << shift);
    for (int i = 0; i < 20000; i++) {
        const uint64_t fraction = samples_bits(&samples);
        assert_true(ss_decay_power_exact(fraction) == power_of(fraction));
    }
}

// Fractions so near below an integer that the error of the tables reaches it (one in 2^38 is).
static void powers_that_the_tables_do_not_decide_are_decided_by_mpfr(void **unused)
{
    (void)unused;
    static const uint64_t fractions[] = {UINT64_C(0xe47e1e2e42d666f6), UINT64_C(0x02a6001cf41262c6)};
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
        uint64_t fast;
        assert_false(ss_decay_power_fast(fractions[i], &fast));
        check_power(fractions[i]);
    }
}

static void the_powers_of_the_format_are_pinned(void **unused)
{
    (void)unused;
    static const uint64_t rows[][2] = {
        {0, UINT64_C(0x8000000000000000)},
        {1, UINT64_C(0x8000000000000000)},
        {UINT64_C(0x4000000000000000), UINT64_C(0x9837f0518db8a96f)},
        {UINT64_C(0x8000000000000000), UINT64_C(0xb504f333f9de6484)},
        {UINT64_C(0x0123456789abcdef), UINT64_C(0x80651a3f2029a95a)},
        {UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffffff)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(ss_decay_power(rows[i][0]) == rows[i][1]);
}

// q(u) and g(f(u)) from the definition.
static struct ss_decay_weight weight_of(int64_t u, int64_t half_life_us)
{
    struct ss_decay_weight weight;
    mpz_t time, half, rest;
    mpz_inits(time, half, rest, NULL);
    mpz_set_si(time, u);
    mpz_set_si(half, half_life_us);
    mpz_fdiv_qr(time, rest, time, half);
    weight.halves = mpz_get_si(time);
    mpz_mul_2exp(rest, rest, 64);
    mpz_fdiv_q(rest, rest, half);
    weight.power = power_of(mpz_get_ui(rest));
    mpz_clears(time, half, rest, NULL);
    return weight;
}

static void weights_hold_at_the_ends_of_time(void **unused)
{
    (void)unused;
    static const int64_t times[] = {
        0, 1, -1, SS_TIME_MIN_US, SS_TIME_MAX_US, -SS_TIME_MIN_US, -SS_TIME_MAX_US, INT64_MIN, INT64_MAX, -2};
    static const int64_t halves[] = {1, 2, 3, 1000, SS_DAY_US, INT64_C(314159265358979), INT64_MAX};
    struct samples samples = samples_begin("weights", 323);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        for (size_t k = 0; k < sizeof halves / sizeof *halves; k++) {
            const struct ss_decay_weight want = weight_of(times[i], halves[k]);
            const struct ss_decay_weight got = ss_decay_weight(times[i], halves[k]);
            assert_true(got.power == want.power && got.halves == want.halves);
        }
    }
    for (int i = 0; i < 20000; i++) {
        const int64_t u = (int64_t)samples_bits(&samples) >> samples_below(&samples, 64);
        const int64_t half =
            1 + (int64_t)((samples_bits(&samples) >> 1) >> samples_below(&samples, 62)) % INT64_MAX;
        const struct ss_decay_weight want = weight_of(u, half), got = ss_decay_weight(u, half);
        assert_true(got.power == want.power && got.halves == want.halves);
    }
}

// ---- Sums

static const struct ss_type types[] = {{SS_FLOAT64, 0}, {SS_DECIMAL, 2}, {SS_INT64, 0}};
static const int64_t half_lives[] = {1, 7, 1000, SS_HOUR_US, 5 * SS_DAY_US, INT64_C(123456789123)};
static const int64_t places[] = {0, -1, SS_TIME_MIN_US, INT64_C(1767225600000000), SS_TIME_MAX_US};
static enum samples_kind values;
static int64_t start_us, width_us; // of the tile

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event = {.seq = seq, .value = {.present = true}};
    event.event_time_us = start_us + (int64_t)samples_below(samples, (uint64_t)width_us);
    if (!kind->has_argument)
        event.value = (struct ss_value){0};
    else if (kind->type.id == SS_FLOAT64)
        event.value.f64 = samples_double(samples, values) + 0.0;
    else
        event.value.i64 = (int64_t)samples_bits(samples) >> samples_below(samples, 64);
    return event;
}

// Events of one tile of up to 64 half-lives.
static size_t random_events(struct samples *samples, struct ss_group *group, struct ss_group_kind *kind,
                            struct ss_group_event events[MOST])
{
    const size_t count = samples_below(samples, samples_below(samples, 2) ? 5 : MOST);
    *group = (struct ss_group){.type = types[samples_below(samples, 3)],
                               .half_life_us = half_lives[samples_below(samples, 6)]};
    *kind = (struct ss_group_kind){group->type, samples_below(samples, 4) != 0, PARTS, 0, group};
    values = (enum samples_kind)samples_below(samples, SAMPLES_KINDS);
    width_us = 1 + (int64_t)samples_below(samples, (uint64_t)(64 * group->half_life_us));
    start_us = places[samples_below(samples, 5)];
    if (start_us > SS_TIME_MAX_US - width_us) start_us = SS_TIME_MAX_US - width_us;
    kind->origin_us = samples_below(samples, 2) ? start_us : 0;
    if (start_us > SS_HOUR_US || start_us < -SS_HOUR_US) kind->origin_us = start_us;
    for (size_t i = 0; i < count; i++) events[i] = random_event(samples, kind, i);
    return count;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("decay", 324);
    for (int trial = 0; trial < 2400; trial++) {
        struct ss_group_event events[MOST];
        struct ss_group group;
        struct ss_group_kind kind;
        const size_t count = random_events(&samples, &group, &kind, events);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, SS_PART_DECAY, events, count);
    }
}

// The sum of x E(u), or of E(u), in units of E(0) 2^halves.
static void weigh(mpq_t sum, const struct ss_group_kind *kind, bool with_x, int64_t halves,
                  const struct ss_group_event *events, size_t count)
{
    mpq_t term, weight;
    mpq_inits(term, weight, NULL);
    mpq_set_ui(sum, 0, 1);
    for (size_t i = 0; i < count; i++) {
        const struct ss_decay_weight of = weight_of(events[i].event_time_us, kind->group->half_life_us);
        mpq_set_ui(weight, of.power, 1);
        rational_shift(weight, of.halves - 63 - halves);
        mpq_set_ui(term, 1, 1);
        if (with_x) rational_of(term, kind->type, &events[i].value);
        mpq_mul(term, term, weight);
        mpq_add(sum, sum, term);
    }
    mpq_clears(term, weight, NULL);
}

static void check(const struct ss_group_kind *kind, const struct ss_group_state *state, int64_t t_us,
                  const struct ss_group_event *events, size_t count)
{
    static const enum ss_aggregate_fn fns[] = {SS_AGG_DECAYED_COUNT, SS_AGG_DECAYED_SUM, SS_AGG_DECAYED_MEAN};
    const struct ss_decay_weight read = weight_of(-t_us, kind->group->half_life_us);
    struct ss_arena arena = {0};
    mpq_t exact, weights;
    mpq_inits(exact, weights, NULL);
    for (int k = 0; k < (kind->has_argument ? 3 : 1); k++) {
        const struct ss_aggregate aggregate = {.fn = fns[k]};
        struct ss_group_state copy = *state;
        struct ss_value value;
        weigh(exact, kind, k > 0, -read.halves, events, count);
        if (k == 2) {
            weigh(weights, kind, false, -read.halves, events, count);
            mpq_div(exact, exact, weights);
        } else {
            mpq_set_ui(weights, read.power, 1);
            rational_shift(weights, -63);
            mpq_mul(exact, exact, weights);
        }
        assert_true(ss_group_value(&copy, kind, &aggregate, t_us, &arena, &value));
        if (!is_nearest(exact, &value))
            fail_msg("%d of %zu events: %s%a, not %a", k, count, value.present ? "" : "null ", value.f64,
                     mpq_get_d(exact));
    }
    mpq_clears(exact, weights, NULL);
    ss_arena_release(&arena);
}

// Two tiles, each with its own start, one by its bytes and one from memory; and newest first without tiles.
static void values_are_exact_and_rounded_once(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("decay read", 325);
    for (int trial = 0; trial < 2000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_event events[MOST + 1];
        struct ss_group group;
        struct ss_group_kind kinds[2];
        struct ss_group_state total = {0}, straight = {0}, tiles[2] = {{0}};
        struct ss_buffer bytes = {0};
        const size_t count = random_events(&samples, &group, &kinds[0], events) + 1;
        const struct ss_group_kind plain = {group.type, kinds[0].has_argument, PARTS, 0, &group};
        events[count - 1] = random_event(&samples, &plain, count);
        kinds[1] = kinds[0];
        kinds[1].origin_us += (int64_t)samples_below(&samples, 64) * group.half_life_us;
        for (size_t i = 0; i < count; i++) {
            const int k = (int)samples_below(&samples, 2);
            assert_true(ss_group_add(&tiles[k], &kinds[k], &events[i], &arena));
            assert_true(ss_group_add(&straight, &plain, &events[count - 1 - i], &arena));
        }
        const bool by_bytes = trial % 2;
        ss_group_encode(&tiles[by_bytes], &kinds[by_bytes], &bytes);
        struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
        if (trial % 3) assert_true(ss_group_merge(&total, &kinds[!by_bytes], &tiles[!by_bytes], &arena));
        assert_true(ss_group_merge_bytes(&total, &kinds[by_bytes], PARTS, &reader, &arena));
        if (trial % 3 == 0) assert_true(ss_group_merge(&total, &kinds[!by_bytes], &tiles[!by_bytes], &arena));
        assert_true(!reader.failed && reader.at == reader.end);
        const int64_t t_us = start_us + width_us + (int64_t)samples_below(&samples, (uint64_t)(2 * width_us));
        check(&plain, &total, t_us, events, count);
        check(&plain, &straight, t_us, events, count);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
    mpfr_free_cache();
}

static void of_nothing_every_decaying_aggregate_is_null(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {SS_INT64, 0}, .half_life_us = 5};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    struct ss_arena arena = {0};
    struct ss_value value;
    for (int k = 0; k < 2; k++) {
        struct ss_group_state state = {0};
        const struct ss_aggregate aggregate = {.fn = k ? SS_AGG_DECAYED_COUNT : SS_AGG_DECAYED_SUM};
        assert_true(ss_group_value(&state, &kind, &aggregate, 0, &arena, &value));
        assert_false(value.present);
    }
    ss_arena_release(&arena);
}

// What no window holds and only a damaged state can: it is null, in memory and by bytes.
static void events_far_apart_lose_the_sum(void **unused)
{
    (void)unused;
    static const int64_t gaps[] = {1024, 1025, INT64_C(1) << 40, SS_TIME_MAX_US};
    const struct ss_group group = {.type = {SS_FLOAT64, 0}, .half_life_us = 1};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    for (size_t i = 0; i < 4; i++) {
        struct ss_arena arena = {0};
        struct ss_group_state both = {0}, total = {0}, tiles[2] = {{0}};
        struct ss_value value;
        const struct ss_aggregate aggregate = {.fn = SS_AGG_DECAYED_MEAN};
        for (int k = 0; k < 2; k++) {
            const struct ss_group_event event = {k * gaps[i], 1, {.present = true, .f64 = 1e308}};
            assert_true(ss_group_add(&both, &kind, &event, &arena));
            assert_true(ss_group_add(&tiles[k], &kind, &event, &arena));
            assert_true(ss_group_merge(&total, &kind, &tiles[k], &arena));
        }
        assert_true(ss_group_value(&both, &kind, &aggregate, 0, &arena, &value));
        assert_int_equal(value.present, i == 0);
        assert_true(ss_group_value(&total, &kind, &aggregate, 0, &arena, &value));
        assert_int_equal(value.present, i == 0);
        struct ss_buffer bytes = {0};
        ss_group_encode(&both, &kind, &bytes);
        assert_false(bytes.failed);
        ss_buffer_release(&bytes);
        ss_group_clear(&both);
        const struct ss_group_event event = {SS_TIME_MAX_US, 1, {.present = true, .f64 = 2}};
        assert_true(ss_group_add(&both, &kind, &event, &arena));
        assert_true(ss_group_value(&both, &kind, &aggregate, INT64_MIN, &arena, &value));
        assert_true(value.present && value.f64 == 2);
        ss_arena_release(&arena);
    }
}

// The sum alone leaves the reach of exact numbers; the weights, which are merged after it, do not bring it
// back.
static void a_sum_that_is_lost_stays_lost(void **unused)
{
    (void)unused;
    static const uint8_t greatest[] = {0x01, 0x02, 0xf0, 0x41, 0x01, 0x02, 0x00, 0x01}; // n, 2^4216, 1
    struct ss_arena arena = {0};
    struct ss_group_state total = {0}, tile = {0};
    struct ss_value value;
    const struct ss_group group = {.type = {SS_FLOAT64, 0}, .half_life_us = 1};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    const struct ss_group_kind later = {group.type, true, PARTS, 100, &group};
    const struct ss_aggregate aggregate = {.fn = SS_AGG_DECAYED_MEAN};
    const struct ss_group_event event = {0, 1, {.present = true, .f64 = 2}};
    struct ss_reader reader = {greatest, greatest + sizeof greatest, false};
    assert_true(ss_group_merge_bytes(&tile, &later, PARTS, &reader, &arena));
    assert_true(!reader.failed && reader.at == reader.end);
    assert_true(ss_group_add(&total, &kind, &event, &arena));
    assert_true(ss_group_merge(&total, &kind, &tile, &arena));
    assert_true(ss_group_value(&total, &kind, &aggregate, 200, &arena, &value));
    assert_false(value.present);
    ss_arena_release(&arena);
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    // x = 3 at the start of the tile and 1 half-life after it: 3 2^63 + 3 2^64 = 9 2^63, 2^63 + 2^64 = 3 2^63
    static const uint8_t want[] = {0x02, 0x7e, 0x09, 0x02, 0x7e, 0x03};
    const struct ss_group group = {.type = {SS_INT64, 0}, .half_life_us = SS_DAY_US};
    const struct ss_group_kind kind = {group.type, true, PARTS, -7 * SS_DAY_US, &group};
    const struct ss_group_event events[] = {{-6 * SS_DAY_US, 1, {.present = true, .i64 = 3}},
                                            {-7 * SS_DAY_US, 1, {.present = true, .i64 = 3}}};
    assert_member_bytes(&kind, SS_PART_DECAY, events, 2, want, sizeof want);
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("decay damaged", 326);
    const struct ss_aggregate aggregate = {.fn = SS_AGG_DECAYED_COUNT};
    for (int trial = 0; trial < 36; trial++) {
        struct ss_group_event events[MOST];
        struct ss_group group;
        struct ss_group_kind kind;
        size_t count;
        do count = random_events(&samples, &group, &kind, events);
        while (count == 0);
        member_damage(&samples, &kind, SS_PART_DECAY, events, count);
        if (trial < 12) member_allocations(&kind, &aggregate, events, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_powers_are_rounded_down_exactly),
        cmocka_unit_test(hard_powers_are_rounded_down_exactly),
        cmocka_unit_test(powers_that_the_tables_do_not_decide_are_decided_by_mpfr),
        cmocka_unit_test(the_powers_of_the_format_are_pinned),
        cmocka_unit_test(weights_hold_at_the_ends_of_time),
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(values_are_exact_and_rounded_once),
        cmocka_unit_test(of_nothing_every_decaying_aggregate_is_null),
        cmocka_unit_test(events_far_apart_lose_the_sum),
        cmocka_unit_test(a_sum_that_is_lost_stays_lost),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
