// What the tests of packed columns share: random columns of every type, and rows that must be the same.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_PACKED_HARNESS_H
#define SS_TESTS_PACKED_HARNESS_H

#include "engine/base/list.h"
#include "engine/base/time.h"
#include "store/packed.h"
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

static inline uint64_t random_of_shape(struct samples *samples, enum shape shape)
{
    switch (shape) {
    case SHAPE_CONSTANT: return 7;
    case SHAPE_FEW: return samples_below(samples, 9) * 1000003;
    case SHAPE_NARROW: return samples_below(samples, 100000);
    default: return samples_bits(samples);
    }
}

static inline void random_list(struct ss_type element, uint64_t bits, struct ss_buffer *text)
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

static inline void random_text(struct ss_type type, uint64_t bits, struct ss_buffer *text)
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

static inline struct ss_value random_value(struct samples *samples, struct ss_type type, enum shape shape,
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
static inline struct ss_column random_column(struct samples *samples, struct ss_type type, enum shape shape,
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

static inline struct ss_bytes bytes_of(const struct ss_buffer *buffer)
{
    assert_false(buffer->failed);
    return (struct ss_bytes){(const char *)buffer->data, buffer->size};
}

// Is row `row` of a column the row `want` of another?
static inline void assert_row(const struct ss_column *column, int32_t row, const struct ss_column *wanted,
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

#endif
