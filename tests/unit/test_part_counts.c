// Counts of values: count_by, mode, top_k and entropy; nothing beyond the cap.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <mpfr.h>

#include "engine/base/hash.h"
#include "member_samples.h"

#define MOST  5000
#define PARTS (SS_PART_N | SS_PART_COUNTS)

static uint64_t different;

static struct ss_group random_group(struct samples *samples)
{
    struct ss_group group = {.type = sample_types[samples_below(samples, SAMPLE_SCALARS)]};
    group.cap = 1 + (int32_t)samples_below(samples, samples_below(samples, 2) ? 5 : 60);
    different = 1 + samples_below(samples, 2 * (uint64_t)group.cap);
    return group;
}

static struct ss_group_event random_event(struct samples *samples, const struct ss_group_kind *kind,
                                          uint64_t seq)
{
    struct ss_group_event event;
    sample_events(samples, kind, different, &event, 1);
    event.seq = seq + 5000000;
    return event;
}

static void any_order_gives_the_same_bytes(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("counts", 441);
    struct ss_group_event events[100];
    for (int trial = 0; trial < 3000; trial++) {
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 700, &group};
        const size_t count = samples_below(&samples, 100);
        sample_events(&samples, &kind, different, events, count);
        member_any_order(&samples, &kind, random_event, events, count);
        member_take_back(&samples, &kind, SS_PART_COUNTS, events, count);
    }
}

static void wide_maps_take_any_order_too(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("wide counts", 442);
    static struct ss_group_event events[MOST];
    for (int trial = 0; trial < 4 * SAMPLE_SCALARS; trial++) {
        const struct ss_group group = {.type = sample_types[trial % SAMPLE_SCALARS], .cap = 4096};
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        const size_t count = 1000 + samples_below(&samples, MOST - 1000);
        different = trial % 2 ? SAMPLE_NUMBERS : 3000;
        sample_events(&samples, &kind, different, events, count);
        member_any_order(&samples, &kind, random_event, events, count);
    }
}

// ---- By the definition

struct naive {
    struct ss_value value;
    uint64_t count;
};

static struct ss_type sorted_type;

static int by_value(const void *a, const void *b)
{
    return sample_compare(sorted_type, &((const struct naive *)a)->value, &((const struct naive *)b)->value);
}

static int by_count(const void *a, const void *b)
{
    const struct naive *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : by_value(a, b);
}

static size_t tally(struct ss_type type, const struct ss_group_event *events, size_t count,
                    struct naive *tallies)
{
    size_t known = 0;
    sorted_type = type;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < known && sample_compare(type, &tallies[k].value, &events[i].value) != 0) k++;
        if (k == known) tallies[known++] = (struct naive){events[i].value, 0};
        tallies[k].count++;
    }
    qsort(tallies, known, sizeof *tallies, by_value);
    return known;
}

// ln n - sum c ln c / n, straight, with many bits.
static double naive_entropy(const struct naive *tallies, size_t known, uint64_t total)
{
    mpfr_t sum, term;
    mpfr_inits2(400, sum, term, (mpfr_ptr)NULL);
    mpfr_set_zero(sum, 1);
    for (size_t i = 0; i < known; i++) {
        mpfr_log_ui(term, tallies[i].count, MPFR_RNDN);
        mpfr_mul_ui(term, term, tallies[i].count, MPFR_RNDN);
        mpfr_add(sum, sum, term, MPFR_RNDN);
    }
    mpfr_div_ui(sum, sum, total, MPFR_RNDN);
    mpfr_log_ui(term, total, MPFR_RNDN);
    mpfr_sub(sum, term, sum, MPFR_RNDN);
    const double entropy = mpfr_get_d(sum, MPFR_RNDN);
    mpfr_clears(sum, term, (mpfr_ptr)NULL);
    return known == 1 ? 0 : entropy;
}

static void check(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                  const struct ss_group_event *events, size_t count)
{
    struct ss_arena arena = {0};
    static struct naive tallies[MOST];
    struct ss_value want[MOST];
    struct ss_group_state state = sample_state(kind, events, count, &arena);
    const struct ss_value got = sample_read(&state, kind, aggregate, &arena);
    const size_t known = tally(kind->type, events, count, tallies);
    if (known > (size_t)aggregate->cap) {
        assert_false(got.present);
    } else if (aggregate->fn == SS_AGG_ENTROPY) {
        const double entropy = naive_entropy(tallies, known, count);
        assert_true(got.present);
        assert_memory_equal(&got.f64, &entropy, sizeof entropy);
    } else {
        qsort(tallies, known, sizeof *tallies, by_count);
        for (size_t i = 0; i < known; i++) want[i] = tallies[i].value;
        const size_t k = (size_t)aggregate->k < known ? (size_t)aggregate->k : known;
        if (aggregate->fn == SS_AGG_MODE)
            assert_value(kind->type, &got, &want[0]);
        else
            assert_list(kind->type, &got, want, k);
    }
    ss_arena_release(&arena);
}

static void values_are_those_of_the_definition(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("counts naive", 443);
    struct ss_group_event events[200];
    static const enum ss_aggregate_fn fns[] = {SS_AGG_MODE, SS_AGG_TOP_K, SS_AGG_ENTROPY};
    for (int trial = 0; trial < 3000; trial++) {
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 700, &group};
        const size_t count = 1 + samples_below(&samples, 199);
        const struct ss_aggregate aggregate = {.fn = fns[trial % 3],
                                               .cap =
                                                   1 + (int32_t)samples_below(&samples, (uint64_t)group.cap),
                                               .k = 1 + (int32_t)samples_below(&samples, 20)};
        sample_events(&samples, &kind, different, events, count);
        check(&kind, &aggregate, events, count);
    }
}

static struct ss_group_event text_event(const char *text)
{
    return (struct ss_group_event){.value = {.present = true, .text = ss_bytes_of(text)}};
}

static void assert_count_by(struct ss_type type, const struct ss_value *values, size_t count,
                            const char *want)
{
    const struct ss_group group = {.type = type, .cap = 10};
    const struct ss_group_kind kind = {type, true, PARTS, 0, &group};
    struct ss_arena arena = {0};
    struct ss_group_event events[10];
    for (size_t i = 0; i < count; i++) events[i] = (struct ss_group_event){.value = values[i]};
    struct ss_group_state state = sample_state(&kind, events, count, &arena);
    const struct ss_value got =
        sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_COUNT_BY, .cap = 10}, &arena);
    assert_true(got.present);
    if (!ss_bytes_equal(got.text, ss_bytes_of(want))) printf("%.*s\n", (int)got.text.size, got.text.data);
    assert_true(ss_bytes_equal(got.text, ss_bytes_of(want)));
    ss_arena_release(&arena);
}

// clang-format off
#define TEXT(characters) {.present = true, .text = {characters, sizeof characters - 1}}
#define INTEGER(number)  {.present = true, .i64 = number}
// clang-format on

static void count_by_is_a_json_object_sorted_by_value(void **unused)
{
    (void)unused;
    const struct ss_value countries[] = {TEXT("US"), TEXT("DE"), TEXT("US")};
    assert_count_by((struct ss_type){.id = SS_STRING}, countries, 3, "{\"DE\":1,\"US\":2}");
    const struct ss_value awkward[] = {TEXT("a\"b\\c"), TEXT("\x01\x1f\x7f"), TEXT("\b\f\n\r\t"), TEXT(""),
                                       TEXT("\u00fc/")};
    assert_count_by(
        (struct ss_type){.id = SS_STRING}, awkward, 5,
        "{\"\":1,\"\\u0001\\u001f\x7f\":1,\"\\b\\f\\n\\r\\t\":1,\"a\\\"b\\\\c\":1,\"\u00fc/\":1}");
    const struct ss_value integers[] = {INTEGER(10), INTEGER(-9), INTEGER(9)};
    assert_count_by((struct ss_type){.id = SS_INT64}, integers, 3, "{\"-9\":1,\"9\":1,\"10\":1}");
    assert_count_by((struct ss_type){.id = SS_DECIMAL, .scale = 2}, integers, 3,
                    "{\"-0.09\":1,\"0.09\":1,\"0.10\":1}");
    assert_count_by((struct ss_type){.id = SS_TIMESTAMP}, integers, 1, "{\"1970-01-01T00:00:00.00001Z\":1}");
    const struct ss_value bools[] = {{.present = true, .boolean = true}, {.present = true}};
    assert_count_by((struct ss_type){.id = SS_BOOL}, bools, 2, "{\"false\":1,\"true\":1}");
    const struct ss_value bytes[] = {TEXT("\0"), TEXT(""), TEXT("\0\0\0\0\0\0\0\0"),
                                     TEXT("\0\0\0\0\0\0\0\0\0"), TEXT("\0")};
    assert_count_by((struct ss_type){.id = SS_BYTES}, bytes, 5,
                    "{\"\":1,\"AA==\":2,\"AAAAAAAAAAA=\":1,\"AAAAAAAAAAAA\":1}");
}

static void at_the_cap_there_is_a_value_and_beyond_it_none(void **unused)
{
    (void)unused;
    const struct ss_group group = {.type = {.id = SS_INT64}, .cap = 4096};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    struct ss_aggregate wide = {.fn = SS_AGG_MODE, .cap = 4096}, narrow = {.fn = SS_AGG_MODE, .cap = 256};
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    enum ss_group_removal removal;
    struct ss_group_event event = {.value = {.present = true}};
    for (int64_t i = 0; i < 4097; i++) {
        assert_int_equal(sample_read(&state, &kind, &narrow, &arena).present, i > 0 && i <= 256);
        assert_int_equal(sample_read(&state, &kind, &wide, &arena).present, i > 0);
        event.value.i64 = i * 77 % 4097;
        assert_true(ss_group_add(&state, &kind, &event, &arena));
    }
    assert_false(sample_read(&state, &kind, &wide, &arena).present);
    assert_true(ss_group_remove(&state, &kind, &event, &removal, &arena));
    assert_int_equal(removal, SS_GROUP_NEEDS_REFOLD);
    ss_arena_release(&arena);
}

static void entropy_of_shares_that_are_far_apart_is_rounded_once(void **unused)
{
    (void)unused;
    static const struct {
        size_t count;
        uint64_t counts[5];
    } rows[] = {
        {1, {7}},
        {2, {1, 1}},
        {2, {1, 1000000000000}},
        {2, {1, (UINT64_C(1) << 40) - 1}},
        {3, {1, 1, UINT64_C(1) << 39}},
        {5, {3, 1, 4, 1, 5}},
        {4, {1000003, 999983, 99999999977, 2}},
    };
    const struct ss_group group = {.type = {.id = SS_INT64}, .cap = 8};
    const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    const struct ss_member *member = ss_members[__builtin_ctz(SS_PART_COUNTS) - SS_MEMBER_BIT];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        struct naive tallies[5];
        uint64_t total = 0;
        ss_buffer_varint(&bytes, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++) {
            ss_buffer_varint(&bytes, 0);
            ss_buffer_varint(&bytes, rows[i].counts[k]);
            tallies[k].count = rows[i].counts[k];
            total += rows[i].counts[k];
        }
        void *members[SS_MEMBER_COUNT] = {0};
        void **counts = &members[__builtin_ctz(SS_PART_COUNTS) - SS_MEMBER_BIT];
        *counts = ss_arena_alloc(&arena, member->size);
        struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
        assert_true(member->merge_bytes(*counts, &kind, &reader, &arena));
        assert_false(reader.failed);
        struct ss_group_state state = {.n = total, .members = members};
        const struct ss_value got =
            sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_ENTROPY, .cap = 8}, &arena);
        const double want = naive_entropy(tallies, rows[i].count, total);
        assert_true(got.present);
        assert_memory_equal(&got.f64, &want, sizeof want);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
}

static void bytes_are_as_the_format_says(void **unused)
{
    (void)unused;
    struct ss_group group = {.type = {.id = SS_STRING}, .cap = 2};
    struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
    struct ss_group_event events[] = {text_event("US"), text_event("DE"), text_event("US"), text_event("FR")};
    static const uint8_t texts[] = {0x02, 0x02, 'D', 'E', 0x01, 0x02, 'U', 'S', 0x02}, over[] = {0x00};
    assert_member_bytes(&kind, SS_PART_COUNTS, events, 3, texts, sizeof texts);
    assert_member_bytes(&kind, SS_PART_COUNTS, events, 4, over, sizeof over);
    kind.type.id = SS_INT64;
    static const uint8_t integers[] = {0x02, 0x03, 0x01, 0x06, 0x02};
    for (int i = 0; i < 3; i++) events[i].value.i64 = i ? 5 : -2;
    assert_member_bytes(&kind, SS_PART_COUNTS, events, 3, integers, sizeof integers);
}

static void golden_vectors(void **unused)
{
    (void)unused;
    static const struct {
        struct ss_type type;
        int count; // the value i, i % 7 + 1 times each
        uint64_t hash;
        double entropy;
    } rows[] = {
        {{.id = SS_INT64}, 300, UINT64_C(0xbf7ce4952b068ed1), 5.5669597114598988},
        {{.id = SS_FLOAT64}, 300, UINT64_C(0xe1b3bfeca5d355d6), 5.5669597114598988}, // i / 4
        {{.id = SS_STRING}, 300, UINT64_C(0x747f1b6fff4e5cd3), 5.5669597114598988},  // "v" i
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const struct ss_group group = {.type = rows[row].type, .cap = 1000};
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        struct ss_group_state state = {0};
        for (int i = 0; i < rows[row].count * 7; i++) {
            char text[16];
            const int number = i % rows[row].count;
            struct ss_group_event event = text_event(text);
            event.value.text.size = (size_t)snprintf(text, sizeof text, "v%d", number);
            if (kind.type.id == SS_INT64) event.value.i64 = number;
            if (kind.type.id == SS_FLOAT64) event.value.f64 = number / 4.0;
            if (i / rows[row].count <= number % 7) assert_true(ss_group_add(&state, &kind, &event, &arena));
        }
        const struct ss_member *member = ss_members[__builtin_ctz(SS_PART_COUNTS) - SS_MEMBER_BIT];
        member->encode(ss_member_of(&state, SS_PART_COUNTS), &kind, &bytes);
        const struct ss_value entropy =
            sample_read(&state, &kind, &(struct ss_aggregate){.fn = SS_AGG_ENTROPY, .cap = 1000}, &arena);
        assert_true(ss_hash64(bytes.data, bytes.size) == rows[row].hash);
        assert_true(entropy.f64 == rows[row].entropy);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
}

static void damage_is_found_and_failed_allocations_are_reported(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("counts damaged", 444);
    struct ss_group_event events[60];
    static const enum ss_aggregate_fn fns[] = {SS_AGG_COUNT_BY, SS_AGG_TOP_K, SS_AGG_MODE, SS_AGG_ENTROPY};
    for (int trial = 0; trial < 100; trial++) {
        const struct ss_group group = random_group(&samples);
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        const struct ss_aggregate aggregate = {.fn = fns[trial % 4], .cap = group.cap, .k = 3};
        sample_events(&samples, &kind, different, events, 60);
        member_allocations(&kind, &aggregate, events, 60);
        if (group.type.id != SS_FLOAT64) member_damage(&samples, &kind, SS_PART_COUNTS, events, 60);
    }
}

static void counts_that_no_values_make_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        enum ss_type_id type;
        size_t size;
        uint8_t bytes[14];
    } rows[] = {
        {SS_STRING, 0, {0}},
        {SS_STRING, 7, {2, 1, 'a', 1, 1, 'a', 1}},                        // a value twice
        {SS_STRING, 7, {2, 1, 'b', 1, 1, 'a', 1}},                        // descending
        {SS_STRING, 4, {1, 1, 'a', 0}},                                   // never seen
        {SS_STRING, 13, {4, 1, 'a', 1, 1, 'b', 1, 1, 'c', 1, 1, 'd', 1}}, // more than cap
        {SS_FLOAT64, 5, {2, 16, 1, 16, 1}},                               // a value twice
        {SS_INT64,
         14,
         {2, 4, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1}}, // past the last
        {SS_BOOL, 3, {1, 4, 1}},                                                 // a bool of 2
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ss_group group = {.type = {.id = rows[i].type}, .cap = 3};
        const struct ss_group_kind kind = {group.type, true, PARTS, 0, &group};
        assert_member_refuses(&kind, SS_PART_COUNTS, rows[i].bytes, rows[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bytes),
        cmocka_unit_test(wide_maps_take_any_order_too),
        cmocka_unit_test(values_are_those_of_the_definition),
        cmocka_unit_test(count_by_is_a_json_object_sorted_by_value),
        cmocka_unit_test(at_the_cap_there_is_a_value_and_beyond_it_none),
        cmocka_unit_test(entropy_of_shares_that_are_far_apart_is_rounded_once),
        cmocka_unit_test(bytes_are_as_the_format_says),
        cmocka_unit_test(golden_vectors),
        cmocka_unit_test(counts_that_no_values_make_are_refused),
        cmocka_unit_test(damage_is_found_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
