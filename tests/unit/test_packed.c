// Packed columns: what was packed comes back, in runs from anywhere.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/packed_harness.h"

// Appends random runs of what was packed to a column that has rows already; rows[i] is where row i came from.
static void check_runs(struct samples *samples, const struct ss_packed *packed, const struct ss_column *from,
                       const int32_t *rows, struct ss_arena *arena)
{
    struct ss_column column;
    int32_t origin[5000];
    assert_true(ss_column_init(&column, packed->type, 5000, arena));
    memset(column.validity, 0xff, 5000 / 8);
    for (int run = 0; run < 12; run++) {
        const int32_t first = (int32_t)samples_below(samples, (uint64_t)packed->count + 1);
        int32_t count = (int32_t)samples_below(samples, (uint64_t)(packed->count - first) + 1);
        if (run % 2) count %= 20;
        if (count > 5000 - column.length) count = 5000 - column.length;
        for (int32_t i = 0; i < count; i++) origin[column.length + i] = rows ? rows[first + i] : first + i;
        assert_true(ss_packed_append(packed, first, count, &column, arena));
    }
    for (int32_t row = 0; row < column.length; row++) assert_row(&column, row, from, origin[row]);
}

// The same of single rows in any order.
static void check_rows(struct samples *samples, const struct ss_packed *packed, const struct ss_column *from,
                       const int32_t *rows, struct ss_arena *arena)
{
    struct ss_column column;
    int32_t places[300];
    assert_true(ss_column_init(&column, packed->type, 600, arena));
    memset(column.validity, 0xff, 600 / 8);
    for (int time = 0; packed->count && time < 2; time++) {
        for (int i = 0; i < 300; i++) places[i] = (int32_t)samples_below(samples, (uint64_t)packed->count);
        assert_true(ss_packed_gather(packed, places, 300, &column, arena));
        for (int32_t i = 0; i < 300; i++)
            assert_row(&column, 300 * time + i, from, rows ? rows[places[i]] : places[i]);
    }
}

static void check_column(struct samples *samples, const struct ss_column *column, struct ss_arena *arena)
{
    struct ss_buffer bytes = {0};
    struct ss_packed packed;
    const int32_t first = column->length / 3, count = column->length - first;
    int32_t *rows = ss_arena_array(arena, (size_t)count + 1, sizeof *rows);
    ss_packed_column(column, 0, column->length, &bytes);
    assert_int_equal(ss_packed_open_column(bytes_of(&bytes), column->type, column->length, arena, &packed),
                     SS_PACKED_OK);
    check_runs(samples, &packed, column, NULL, arena);
    check_rows(samples, &packed, column, NULL, arena);
    ss_buffer_clear(&bytes);
    for (int32_t i = 0; i < count; i++) rows[i] = (int32_t)samples_below(samples, (uint64_t)column->length);
    ss_buffer_text(&bytes, "before");
    ss_packed_column_rows(column, rows, count, &bytes);
    const struct ss_bytes behind = {(const char *)bytes.data + 6, bytes.size - 6};
    assert_int_equal(ss_packed_open_column(behind, column->type, count, arena, &packed), SS_PACKED_OK);
    check_runs(samples, &packed, column, rows, arena);
    check_rows(samples, &packed, column, rows, arena);
    ss_buffer_release(&bytes);
}

static void what_is_packed_comes_back_in_any_runs(void **state)
{
    (void)state;
    static const int32_t counts[] = {0, 1, 2, 63, 64, 65, 128, 1023, 1024, 1025, 3000, 4096};
    static const unsigned nulls[] = {0, 1, 7, 8};
    struct samples samples = samples_begin(__func__, 20261201);
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (enum shape shape = 0; shape < SHAPE_COUNT; shape++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
                for (size_t n = 0; n < sizeof nulls / sizeof *nulls; n++) {
                    struct ss_arena arena = {0};
                    const struct ss_column column =
                        random_column(&samples, types[t], shape, nulls[n], counts[c], &arena);
                    check_column(&samples, &column, &arena);
                    ss_arena_release(&arena);
                }
}

static struct ss_bytes pack_integers(const int64_t *values, int32_t count, struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    ss_packed_integers(values, count, bytes);
    return bytes_of(bytes);
}

static void assert_integers(struct ss_bytes bytes, const int64_t *values, int32_t count)
{
    struct ss_arena arena = {0};
    struct ss_packed packed;
    int64_t read[3000];
    assert_true(count <= 3000);
    assert_int_equal(ss_packed_open_integers(bytes, count, &arena, &packed), SS_PACKED_OK);
    ss_packed_read_integers(&packed, 0, count, read);
    assert_true(count == 0 || memcmp(read, values, (size_t)count * sizeof *values) == 0);
    for (int32_t i = 0; i < count; i += 7) {
        ss_packed_read_integers(&packed, i, 1, read);
        assert_int_equal(read[0], values[i]);
    }
    ss_arena_release(&arena);
}

static void integers_of_every_width_come_back(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 20261202);
    struct ss_buffer bytes = {0};
    int64_t values[3000];
    for (unsigned width = 0; width <= 64; width++)
        for (int32_t count = 3000; count > 0; count /= 3) {
            const uint64_t base = samples_bits(&samples);
            const uint64_t mask = width ? UINT64_MAX >> (64 - width) : 0;
            for (int32_t i = 0; i < count; i++) values[i] = (int64_t)(base + (samples_bits(&samples) & mask));
            assert_integers(pack_integers(values, count, &bytes), values, count);
            assert_true(bytes.size <= 40 + ((size_t)count * 64 + 7) / 8);
        }
    ss_buffer_release(&bytes);
}

static void each_1024_integers_have_a_width_of_their_own(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 20261203);
    struct ss_buffer bytes = {0};
    int64_t values[3000];
    for (int32_t i = 0; i < 3000; i++) {
        const unsigned shift = i < 1024 ? 64 - 1 : i < 2048 ? 64 - 40 : 64 - 3;
        values[i] = (int64_t)(samples_bits(&samples) >> shift);
    }
    assert_integers(pack_integers(values, 3000, &bytes), values, 3000);
    assert_int_equal(bytes.size, 2 + 2 + 1 + 3 * 9 + 128 * 1 + 128 * 40 + (952 * 3 + 7) / 8 + 8);
    ss_buffer_release(&bytes);
}

static void extreme_integers_come_back(void **state)
{
    (void)state;
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1, INT64_MAX - 1};
    struct ss_buffer bytes = {0};
    int64_t values[2000];
    for (int32_t count = 0; count <= 7; count++)
        assert_integers(pack_integers(extremes, count, &bytes), extremes, count);
    for (int32_t i = 0; i < 2000; i++) values[i] = i < 1024 ? INT64_MIN : INT64_MAX;
    assert_integers(pack_integers(values, 2000, &bytes), values, 2000);
    assert_true(bytes.size < 40);
    ss_buffer_release(&bytes);
}

static void doubles_at_the_ends_of_what_is_decimal_come_back(void **state)
{
    (void)state;
    static const double ends[] = {0x1p50 - 1,
                                  0x1p50,
                                  0x1p51,
                                  0x1p52,
                                  0x1p53 + 2,
                                  0x1p54,
                                  1e16,
                                  1e17,
                                  0x1.8p52,
                                  1e22,
                                  1.7976931348623157e308,
                                  5e-324,
                                  1e-6,
                                  1.000001e-6,
                                  1e-7,
                                  1125899906.842623,
                                  0.1 + 0.2,
                                  0,
                                  1.0 / 3,
                                  99999.99,
                                  1e9 + 0.000001};
    const int32_t count = sizeof ends / sizeof *ends;
    for (int32_t length = 1; length <= count; length++)
        for (int32_t first = 0; first + length <= count; first++) {
            struct ss_arena arena = {0};
            struct ss_column column;
            struct samples samples = {(uint64_t)first};
            assert_true(ss_column_init(&column, (struct ss_type){.id = SS_FLOAT64}, 2 * count, &arena));
            for (int32_t i = 0; i < 2 * length; i++) {
                const double value = ends[first + i / 2];
                const struct ss_value signed_value = {.present = true,
                                                      .f64 = i % 2 && value > 0 ? -value : value};
                assert_true(ss_column_append(&column, signed_value, &arena));
            }
            check_column(&samples, &column, &arena);
            ss_arena_release(&arena);
        }
}

static void each_1024_doubles_have_a_scale_of_their_own(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 6);
    struct ss_arena arena = {0};
    struct ss_column column;
    struct ss_buffer bytes = {0};
    assert_true(ss_column_init(&column, (struct ss_type){.id = SS_FLOAT64}, 3000, &arena));
    for (int32_t i = 0; i < 3000; i++) {
        const double cents = samples_double(&samples, SAMPLES_CENTS);
        const double value = i < 1024   ? cents
                             : i < 2048 ? samples_double(&samples, SAMPLES_EXTREME)
                                        : cents * 100;
        const struct ss_value any = {.present = true, .f64 = i < 2048 ? value : (double)(int64_t)value};
        assert_true(ss_column_append(&column, any, &arena));
    }
    check_column(&samples, &column, &arena);
    ss_packed_column(&column, 0, 3000, &bytes);
    assert_true(bytes.size < 1024 * 8 + 2000 * 24 / 8);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

static void a_constant_column_takes_a_few_bytes(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 1);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        const struct ss_column column = random_column(&samples, types[t], SHAPE_CONSTANT, 0, 4096, &arena);
        const size_t longest = ss_type_is_text(types[t]) ? 100 : 30;
        ss_packed_column(&column, 0, 4096, &bytes);
        assert_true(bytes.size <= longest);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
}

static void the_smaller_of_text_and_dictionary_is_kept(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 2);
    struct ss_arena arena = {0};
    struct ss_buffer few = {0}, many = {0};
    const struct ss_type string = {.id = SS_STRING};
    const struct ss_column named = random_column(&samples, string, SHAPE_FEW, 0, 4096, &arena);
    const struct ss_column unique = random_column(&samples, string, SHAPE_WIDE, 0, 4096, &arena);
    ss_packed_column(&named, 0, 4096, &few);
    ss_packed_column(&unique, 0, 4096, &many);
    assert_true(few.size < 4096 / 2 + 200);
    assert_true(many.size < (size_t)unique.offsets[4096] + 4096);
    ss_buffer_release(&few);
    ss_buffer_release(&many);
    ss_arena_release(&arena);
}

// Then a column has no data at all.
static void empty_texts_come_back(void **state)
{
    (void)state;
    struct samples samples = {1};
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_column column;
        if (!ss_type_is_text(types[t]) || types[t].id == SS_VECTOR) continue;
        assert_true(ss_column_init(&column, types[t], 100, &arena));
        for (int32_t i = 0; i < 100; i++) {
            const struct ss_value empty = {.present = i % 3 != 0, .text = {i % 3 ? "" : NULL, 0}};
            assert_true(ss_column_append(&column, empty, &arena));
        }
        check_column(&samples, &column, &arena);
        ss_arena_release(&arena);
    }
}

static void a_failed_allocation_ends_as_no_memory(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 5);
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
            struct ss_arena arena = {0};
            const struct ss_column column = random_column(&samples, types[t], shape, 1, 3000, &arena);
            bool swept = false;
            for (long k = 1; !swept; k++) {
                struct ss_arena room = {0}, swept_arena = {0};
                struct ss_buffer bytes = {0};
                struct ss_packed packed;
                struct ss_column read;
                enum ss_packed_open opened = SS_PACKED_NO_MEMORY;
                bool appended = false;
                assert_true(ss_column_init(&read, types[t], 3000, &room));
                ss_fail_allocation_at(k);
                ss_packed_column(&column, 0, 3000, &bytes);
                if (!bytes.failed)
                    opened = ss_packed_open_column(bytes_of(&bytes), types[t], 3000, &swept_arena, &packed);
                if (opened == SS_PACKED_OK)
                    appended = ss_packed_append(&packed, 0, 3000, &read, &swept_arena);
                swept = ss_allocations_made() < k;
                ss_fail_allocation_at(0);
                assert_true(opened != SS_PACKED_DAMAGED && appended == swept);
                assert_int_equal(read.length, appended ? 3000 : 0);
                for (int32_t row = 0; row < read.length; row++) assert_row(&read, row, &column, row);
                ss_buffer_release(&bytes);
                ss_arena_release(&swept_arena);
                ss_arena_release(&room);
            }
            ss_arena_release(&arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back_in_any_runs),
        cmocka_unit_test(integers_of_every_width_come_back),
        cmocka_unit_test(each_1024_integers_have_a_width_of_their_own),
        cmocka_unit_test(extreme_integers_come_back),
        cmocka_unit_test(doubles_at_the_ends_of_what_is_decimal_come_back),
        cmocka_unit_test(each_1024_doubles_have_a_scale_of_their_own),
        cmocka_unit_test(a_constant_column_takes_a_few_bytes),
        cmocka_unit_test(the_smaller_of_text_and_dictionary_is_kept),
        cmocka_unit_test(empty_texts_come_back),
        cmocka_unit_test(a_failed_allocation_ends_as_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
