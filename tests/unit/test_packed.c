// Packed columns: what was packed comes back, in runs from anywhere; what is damaged is refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/list.h"
#include "engine/base/time.h"
#include "store/packed.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/samples.h"

static const struct ss_type types[] = {{.id = SS_BOOL},
                                       {.id = SS_INT64},
                                       {.id = SS_FLOAT64},
                                       {.id = SS_DECIMAL, .scale = 2},
                                       {.id = SS_STRING},
                                       {.id = SS_TIMESTAMP},
                                       {.id = SS_BYTES},
                                       {.id = SS_LIST, .element = SS_INT64},
                                       {.id = SS_LIST, .element = SS_STRING},
                                       {.id = SS_VECTOR, .length = 3}};
#define TYPE_COUNT (sizeof types / sizeof *types)

// How the values of a column are spread.
enum shape { SHAPE_CONSTANT, SHAPE_FEW, SHAPE_NARROW, SHAPE_WIDE, SHAPE_COUNT };

static uint64_t random_of_shape(struct samples *samples, enum shape shape)
{
    switch (shape) {
    case SHAPE_CONSTANT: return 7;
    case SHAPE_FEW: return samples_below(samples, 9) * 1000003;
    case SHAPE_NARROW: return samples_below(samples, 100000);
    default: return samples_bits(samples);
    }
}

static void random_list(struct ss_type element, uint64_t bits, struct ss_buffer *text)
{
    const struct ss_bytes letters = {"abcdefgh", bits % 9};
    for (unsigned i = 0; i < bits % 4; i++) {
        struct ss_value value = {.present = true};
        if (element.id == SS_STRING)
            value.text = letters;
        else
            value.i64 = (int64_t)bits;
        ss_list_append(element, value, text);
    }
}

static void random_text(struct ss_type type, uint64_t bits, struct ss_buffer *text)
{
    ss_buffer_clear(text);
    if (type.id == SS_STRING) ss_buffer_format(text, "\xc3\xa9%llx", (unsigned long long)bits);
    if (type.id == SS_BYTES) ss_buffer_append(text, &bits, bits % 9);
    if (type.id == SS_LIST) random_list(ss_element_of(type), bits, text);
    for (unsigned i = 0; type.id == SS_VECTOR && i < type.length; i++) {
        const float element = (float)(bits % 1000) + (float)i;
        ss_buffer_append(text, &element, sizeof element);
    }
}

static struct ss_value random_value(struct samples *samples, struct ss_type type, enum shape shape,
                                    struct ss_buffer *text)
{
    struct ss_value value = {.present = true};
    const uint64_t bits = random_of_shape(samples, shape);
    if (ss_type_is_text(type)) {
        random_text(type, bits, text);
        value.text = (struct ss_bytes){text->data ? (const char *)text->data : "", text->size};
    } else if (type.id == SS_BOOL) {
        value.boolean = bits & 1;
    } else if (type.id == SS_FLOAT64) {
        value.f64 =
            shape == SHAPE_WIDE ? samples_double(samples, SAMPLES_EXTREME) : (double)(bits % 200000) / 100;
    } else if (type.id == SS_INT64) {
        value.i64 = (int64_t)bits;
    } else if (type.id == SS_DECIMAL) {
        value.i64 = (int64_t)bits % INT64_C(1000000000000000000);
    } else {
        value.i64 = SS_TIME_MIN_US + (int64_t)(bits % (uint64_t)(SS_TIME_MAX_US - SS_TIME_MIN_US));
    }
    return value;
}

// A column of random rows, of which `nulls` in 8 are null.
static struct ss_column random_column(struct samples *samples, struct ss_type type, enum shape shape,
                                      unsigned nulls, int32_t count, struct ss_arena *arena)
{
    struct ss_column column;
    struct ss_buffer text = {0};
    assert_true(ss_column_init(&column, type, count, arena));
    for (int32_t row = 0; row < count; row++) {
        struct ss_value value = {0};
        if (samples_below(samples, 8) >= nulls) value = random_value(samples, type, shape, &text);
        assert_true(ss_column_append(&column, value, arena));
    }
    ss_buffer_release(&text);
    return column;
}

static struct ss_bytes bytes_of(const struct ss_buffer *buffer)
{
    assert_false(buffer->failed);
    return (struct ss_bytes){(const char *)buffer->data, buffer->size};
}

// Is row `row` of a column the row `want` of another?
static void assert_row(const struct ss_column *column, int32_t row, const struct ss_column *wanted,
                       int32_t want)
{
    const struct ss_value got = ss_column_get(column, row), value = ss_column_get(wanted, want);
    assert_true(ss_value_equal(column->type, got, value));
    if (value.present) return;
    if (column->type.id == SS_BOOL)
        assert_false(ss_bit_get(column->bits, row));
    else if (ss_type_is_text(column->type))
        assert_int_equal(column->offsets[row], column->offsets[row + 1]);
    else
        assert_int_equal(column->i64[row], 0);
}

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
    ss_buffer_clear(&bytes);
    for (int32_t i = 0; i < count; i++) rows[i] = (int32_t)samples_below(samples, (uint64_t)column->length);
    ss_buffer_text(&bytes, "before");
    ss_packed_column_rows(column, rows, count, &bytes);
    const struct ss_bytes behind = {(const char *)bytes.data + 6, bytes.size - 6};
    assert_int_equal(ss_packed_open_column(behind, column->type, count, arena, &packed), SS_PACKED_OK);
    check_runs(samples, &packed, column, rows, arena);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back_in_any_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
