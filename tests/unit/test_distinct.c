// Distinct sets: exact up to 128, a sketch beyond, the same bytes in any order of adding and uniting.

#include "engine/distinct.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "samples.h"

#define MOST 40000

static void encode(const struct ss_distinct *set, enum ss_type_id type, struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    ss_distinct_encode(set, type, bytes);
    assert_false(bytes->failed);
}

static void add(struct ss_distinct *set, enum ss_type_id type, uint64_t number, struct ss_arena *arena)
{
    char text[24];
    if (type == SS_STRING) {
        const int size = snprintf(text, sizeof text, "v%llu", (unsigned long long)number);
        assert_true(ss_distinct_add_text(set, (struct ss_bytes){text, (size_t)size}, arena));
    } else if (type == SS_FLOAT64) {
        const double value = ((double)number - 1000) * 0.37;
        assert_true(ss_distinct_add_key(set, type, ss_double_to_key(value), arena));
    } else {
        assert_true(ss_distinct_add_key(set, type, (int64_t)number - 1000, arena));
    }
}

static void unite(struct ss_distinct *set, enum ss_type_id type, const struct ss_distinct *other,
                  bool by_bytes, struct ss_arena *arena)
{
    struct ss_buffer bytes = {0};
    if (!by_bytes) {
        assert_true(ss_distinct_merge(set, type, other, arena));
        return;
    }
    encode(other, type, &bytes);
    struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
    assert_true(ss_distinct_merge_bytes(set, type, &reader, arena));
    assert_false(reader.failed);
    assert_ptr_equal(reader.at, reader.end);
    ss_buffer_release(&bytes);
}

static void any_order_of_adding_and_uniting_gives_the_same_bytes(void **state)
{
    (void)state;
    struct samples samples = samples_begin("distinct", 31);
    static const enum ss_type_id types[] = {SS_INT64, SS_FLOAT64, SS_STRING, SS_BOOL};
    struct ss_buffer first = {0}, other = {0};
    for (int trial = 0; trial < 600; trial++) {
        struct ss_arena arena = {0};
        struct ss_distinct straight = {0}, parts[4] = {0}, total = {0};
        const enum ss_type_id type = types[trial % 3];
        const uint64_t universe = 1 + samples_below(&samples, 300);
        const size_t count = samples_below(&samples, 400);
        uint64_t numbers[400];
        bool there[300] = {0};
        int64_t distinct = 0;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = samples_below(&samples, universe);
            distinct += !there[numbers[i]];
            there[numbers[i]] = true;
            add(&straight, type, numbers[i], &arena);
        }
        assert_int_equal(straight.dense, distinct > SS_DISTINCT_EXACT);
        if (!straight.dense) assert_true(ss_distinct_count(&straight) == distinct);
        for (size_t i = 0; i < count; i++) {
            const size_t k = i + samples_below(&samples, count - i);
            const uint64_t swap = numbers[k];
            numbers[k] = numbers[i];
            numbers[i] = swap;
            add(&parts[samples_below(&samples, 4)], type, numbers[i], &arena);
        }
        for (int i = 0; i < 4; i++) unite(&total, type, &parts[i], samples_below(&samples, 2), &arena);
        encode(&straight, type, &first);
        encode(&total, type, &other);
        assert_int_equal(first.size, other.size);
        assert_memory_equal(first.data, other.data, first.size);
        assert_true(ss_distinct_count(&straight) == ss_distinct_count(&total));
        ss_distinct_clear(&total);
        assert_true(ss_distinct_count(&total) == 0);
        unite(&total, type, &straight, true, &arena);
        encode(&total, type, &other);
        assert_int_equal(first.size, other.size);
        assert_memory_equal(first.data, other.data, first.size);
        ss_arena_release(&arena);
    }
    ss_buffer_release(&first);
    ss_buffer_release(&other);
}

static void estimates_are_near(void **state)
{
    (void)state;
    for (uint64_t count = 129; count <= MOST; count = count * 5 / 4) {
        for (int strings = 0; strings < 2; strings++) {
            struct ss_arena arena = {0};
            struct ss_distinct set = {0};
            for (uint64_t i = 0; i < count; i++) add(&set, strings ? SS_STRING : SS_INT64, i, &arena);
            const double error = (double)ss_distinct_count(&set) / (double)count - 1;
            assert_true(set.dense);
            if (error > 0.09 || error < -0.09) fail_msg("%llu: off by %g", (unsigned long long)count, error);
            ss_arena_release(&arena);
        }
    }
}

static void assert_golden(const struct ss_distinct *set, enum ss_type_id type, int64_t count, uint64_t hash)
{
    struct ss_buffer bytes = {0};
    encode(set, type, &bytes);
    const uint64_t got = ss_hash64(bytes.data, bytes.size);
    if (got != hash || ss_distinct_count(set) != count)
        fail_msg("got %lld, 0x%016llx", (long long)ss_distinct_count(set), (unsigned long long)got);
    ss_buffer_release(&bytes);
}

// As docs/FORMAT.md has them.
static void golden_vectors(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_distinct integers = {0}, reals = {0}, texts = {0}, small = {0}, one_text = {0};
    struct ss_buffer bytes = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(ss_distinct_add_key(&integers, SS_INT64, (int64_t)i, &arena));
        assert_true(ss_distinct_add_key(&reals, SS_FLOAT64, ss_double_to_key((double)i / 4), &arena));
        add(&texts, SS_STRING, i, &arena);
    }
    assert_golden(&integers, SS_INT64, 991, UINT64_C(0x4aefd87a82d72977));
    assert_golden(&reals, SS_FLOAT64, 1001, UINT64_C(0xda50727d0668f8ac));
    assert_golden(&texts, SS_STRING, 1006, UINT64_C(0x8b25520aa1025846));

    static const int64_t few[] = {7, -2, 300, 7};
    static const uint8_t few_bytes[] = {3, 3, 8, 0xa4, 2};
    for (int i = 0; i < 4; i++) assert_true(ss_distinct_add_key(&small, SS_INT64, few[i], &arena));
    encode(&small, SS_INT64, &bytes);
    assert_int_equal(bytes.size, sizeof few_bytes);
    assert_memory_equal(bytes.data, few_bytes, sizeof few_bytes);
    assert_true(ss_distinct_add_text(&one_text, (struct ss_bytes){"DE", 2}, &arena));
    encode(&one_text, SS_STRING, &bytes);
    static const uint8_t text_bytes[] = {1,    0x2b, 0x6e, 0x91, 0x33, 0xcd, 0x6a, 0xf4, 0x54,
                                         0x0f, 0x32, 0xf9, 0xf2, 0xc6, 0x4c, 0x77, 0xc9};
    assert_int_equal(bytes.size, sizeof text_bytes);
    assert_memory_equal(bytes.data, text_bytes, sizeof text_bytes);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

static void damaged_sets_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum ss_type_id type;
        size_t size;
        uint8_t bytes[12];
    } rows[] = {
        {SS_INT64, 0, {0}},                       // nothing
        {SS_INT64, 2, {2, 4}},                    // one of two
        {SS_INT64, 2, {0x82, 1}},                 // more than the sketch's mark
        {SS_INT64, 2, {0x81, 1}},                 // a sketch without registers
        {SS_FLOAT64, 3, {2, 16, 16}},             // twice the same
        {SS_FLOAT64, 3, {2, 32, 16}},             // descending
        {SS_STRING, 9, {1, 1, 2, 3, 4, 5, 6, 7}}, // half a hash
        {SS_INT64,
         12,
         {2, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, // past the last int64
    };
    struct ss_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_distinct set = {0};
        struct ss_reader reader = {rows[i].bytes, rows[i].bytes + rows[i].size, false};
        assert_true(ss_distinct_merge_bytes(&set, rows[i].type, &reader, &arena));
        assert_true(reader.failed);
    }
    uint8_t sketch[2 + 1536] = {0x81, 1, 0xff};
    struct ss_reader reader = {sketch, sketch + sizeof sketch, false};
    struct ss_distinct set = {0};
    assert_true(ss_distinct_merge_bytes(&set, SS_INT64, &reader, &arena));
    assert_true(reader.failed); // a register above 54
    ss_arena_release(&arena);
}

static void full_registers_have_an_estimate(void **state)
{
    (void)state;
    uint8_t registers[2048];
    struct ss_distinct set = {.dense = true, .registers = registers};
    memset(registers, 54, sizeof registers);
    assert_true(ss_distinct_count(&set) > INT64_C(1) << 60);
    memset(registers, 0, sizeof registers);
    assert_true(ss_distinct_count(&set) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_adding_and_uniting_gives_the_same_bytes),
        cmocka_unit_test(estimates_are_near),
        cmocka_unit_test(golden_vectors),
        cmocka_unit_test(damaged_sets_are_refused),
        cmocka_unit_test(full_registers_have_an_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
