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

static enum ss_packed_open open_exactly(struct ss_bytes bytes, struct ss_type type, int32_t count)
{
    struct ss_arena arena = {0};
    struct ss_packed packed;
    char *exact = malloc(bytes.size ? bytes.size : 1); // so that a sanitizer sees reads past its end
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.size);
    const enum ss_packed_open opened =
        ss_packed_open_column((struct ss_bytes){exact, bytes.size}, type, count, &arena, &packed);
    free(exact);
    ss_arena_release(&arena);
    return opened;
}

static void check_damage(struct ss_buffer *bytes, struct ss_type type, int32_t count)
{
    const struct ss_bytes whole = bytes_of(bytes);
    assert_int_equal(open_exactly(whole, type, count), SS_PACKED_OK);
    assert_int_equal(open_exactly(whole, type, count + 1), SS_PACKED_DAMAGED);
    for (size_t size = 0; size < whole.size; size++)
        assert_int_equal(open_exactly((struct ss_bytes){whole.data, size}, type, count), SS_PACKED_DAMAGED);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(open_exactly(whole, type, count), SS_PACKED_DAMAGED);
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ss_buffer_byte(bytes, 0);
    assert_int_equal(open_exactly(bytes_of(bytes), type, count), SS_PACKED_DAMAGED);
}

static void a_flipped_bit_and_missing_bytes_are_refused(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 3);
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (unsigned nulls = 0; nulls <= 8; nulls += 2) {
            struct ss_arena arena = {0};
            struct ss_buffer bytes = {0};
            const struct ss_column column = random_column(&samples, types[t], SHAPE_FEW, nulls, 30, &arena);
            ss_packed_column(&column, 0, 30, &bytes);
            check_damage(&bytes, types[t], 30);
            ss_buffer_release(&bytes);
            ss_arena_release(&arena);
        }
}

// Truncated, with a right checksum: a count or a size says that there is more.
static void bytes_that_end_early_are_refused_whatever_their_checksum(void **state)
{
    (void)state;
    struct samples samples = samples_begin(__func__, 4);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0}, cut = {0};
        const struct ss_column column = random_column(&samples, types[t], SHAPE_NARROW, 2, 30, &arena);
        ss_packed_column(&column, 0, 30, &bytes);
        for (size_t size = 0; size + 8 < bytes.size; size++) {
            ss_buffer_clear(&cut);
            ss_buffer_append(&cut, bytes.data, size);
            ss_buffer_fixed64(&cut, ss_hash64(bytes.data, size));
            assert_int_equal(open_exactly(bytes_of(&cut), types[t], 30), SS_PACKED_DAMAGED);
        }
        ss_buffer_release(&bytes);
        ss_buffer_release(&cut);
        ss_arena_release(&arena);
    }
}

static struct ss_bytes unhex(const char *hex, struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    for (; *hex; hex++) {
        if (*hex == ' ') continue;
        const char digits[3] = {hex[0], hex[1], 0};
        ss_buffer_byte(bytes, (uint8_t)strtoul(digits, NULL, 16));
        hex++;
    }
    return bytes_of(bytes);
}

static void what_is_no_value_of_the_type_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct ss_type type;
        int32_t count;
        const char *hex; // without the checksum
    } refused[] = {
        {"version 2", {.id = SS_INT64}, 1, "02 01 01 00 0700000000000000"},
        {"an unknown form", {.id = SS_INT64}, 1, "01 05 01 00 0700000000000000"},
        {"the form of a text", {.id = SS_INT64}, 1, "01 03 01 00 0700000000000000"},
        {"the form of integers", {.id = SS_STRING}, 1, "01 01 01 00 0700000000000000"},
        {"the form of integers", {.id = SS_FLOAT64}, 1, "01 01 01 00 0700000000000000"},
        {"a value where no row is", {.id = SS_INT64}, 0, "01 01 00"},
        {"a width of 65", {.id = SS_INT64}, 1, "01 01 01 41 0700000000000000 000000000000000000"},
        {"a byte too many", {.id = SS_INT64}, 1, "01 01 01 00 0700000000000000 00"},
        {"the bool 2", {.id = SS_BOOL}, 1, "01 01 01 00 0200000000000000"},
        {"the bool 3", {.id = SS_BOOL}, 1, "01 01 01 02 0000000000000000 03"},
        {"10^18", {.id = SS_DECIMAL}, 1, "01 01 01 00 000064a7b3b6e00d"},
        {"-10^18", {.id = SS_DECIMAL}, 1, "01 01 01 00 00009c584c491ff2"},
        {"the year 10000", {.id = SS_TIMESTAMP}, 1, "01 01 01 00 006073cc0c448403"},
        {"a mantissa of 2^50", {.id = SS_FLOAT64}, 1, "01 02 01 02 00 0000000000000400"},
        {"the scale 9", {.id = SS_FLOAT64}, 1, "01 02 01 09 00 0700000000000000"},
        {"infinite", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 000000000000f07f"},
        {"not a number", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 000000000000f87f"},
        {"minus infinite", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 ffffffffffff0f80"},
        {"minus zero", {.id = SS_FLOAT64}, 1, "01 02 01 07 00 ffffffffffffffff"},
        {"no UTF-8", {.id = SS_STRING}, 1, "01 03 01 01 00 0100000000000000 ff"},
        {"U+0000", {.id = SS_STRING}, 1, "01 03 01 01 00 0100000000000000 00"},
        {"half a list", {.id = SS_LIST, .element = SS_BOOL}, 1, "01 03 01 01 00 0100000000000000 01"},
        {"a vector too short", {.id = SS_VECTOR, .length = 2}, 1, "01 03 01 00 00 0000000000000000"},
        {"a length of 2", {.id = SS_STRING}, 1, "01 03 01 01 00 0200000000000000 61"},
        {"a length of -1", {.id = SS_STRING}, 1, "01 03 01 01 00 ffffffffffffffff 61"},
        {"text to spare", {.id = SS_STRING}, 1, "01 03 01 02 00 0100000000000000 6161"},
        {"no entry", {.id = SS_STRING}, 1, "01 04 01 00 00 00 0000000000000000"},
        {"2 entries of 1 value",
         {.id = SS_STRING},
         1,
         "01 04 01 02 02 00 0100000000000000 6161 00 0000000000000000"},
        {"the entry 1 of 1",
         {.id = SS_STRING},
         1,
         "01 04 01 01 01 00 0100000000000000 61 00 0100000000000000"},
        {"the entry -1", {.id = SS_STRING}, 1, "01 04 01 01 01 00 0100000000000000 61 00 ffffffffffffffff"},
        {"nulls and no value", {.id = SS_INT64}, 1, "01 81 01 00"},
        {"nulls, none of them", {.id = SS_INT64}, 1, "01 81 01 01 00 0700000000000000"},
        {"a bit behind the last row", {.id = SS_INT64}, 2, "01 81 02 05 00 0700000000000000"},
        {"nulls twice", {.id = SS_INT64}, 1, "01 80 01"},
        {"another count", {.id = SS_INT64}, 2, "01 01 01 00 0700000000000000"},
    };
    struct ss_buffer bytes = {0};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        unhex(refused[i].hex, &bytes);
        ss_buffer_fixed64(&bytes, ss_hash64(bytes.data, bytes.size));
        if (open_exactly(bytes_of(&bytes), refused[i].type, refused[i].count) != SS_PACKED_DAMAGED)
            fail_msg("%zu: %s was taken", i, refused[i].why);
    }
    ss_buffer_release(&bytes);
}

static void integers_with_a_null_do_not_open_as_integers(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct ss_column column;
    struct ss_packed packed;
    assert_true(ss_column_init(&column, (struct ss_type){.id = SS_INT64}, 2, &arena));
    for (int present = 0; present <= 1; present++) {
        assert_true(ss_column_append(&column, (struct ss_value){.present = present}, &arena));
        ss_buffer_clear(&bytes);
        ss_packed_column(&column, 0, column.length, &bytes);
        assert_int_equal(ss_packed_open_integers(bytes_of(&bytes), column.length, &arena, &packed),
                         SS_PACKED_DAMAGED);
    }
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
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

#define GOLDEN_ROWS 6

// The released format: these bytes must be written, and open, for ever.
static const struct golden {
    struct ss_type type;
    const char *texts[GOLDEN_ROWS]; // as CSV has them; NULL: null
    const char *hex;
} golden[] = {
    {{.id = SS_BOOL},
     {"true", "false", "true", "true", NULL, "false"},
     "0181062f0100000000000000000d1d35caf39d85f1fb"},
    {{.id = SS_INT64},
     {"5", "-3", "9223372036854775807", "-9223372036854775808", "0", "1"},
     "0101064000000000000000800500000000000080fdffffffffffff7fffffffffffffffff0000000000000000000000000000008"
     "0010000000000008020a61c5822da6624"},
    {{.id = SS_INT64},
     {"1000", "1001", NULL, "1007", NULL, "1000"},
     "0181062b03e803000000000000c8013cfa1a41981fafa4"},
    {{.id = SS_INT64}, {"7", "7", "7", "7", "7", "7"}, "0101060007000000000000006e903259959a9aee"},
    {{.id = SS_INT64}, {NULL, NULL, NULL, NULL, NULL, NULL}, "010006f4a728048f84969d"},
    {{.id = SS_DECIMAL, .scale = 2},
     {"12.50", "-0.01", "3.00", NULL, "9.99", "0.00"},
     "018106370bffffffffffffffffe304404bd0170064896824de8adc09"},
    {{.id = SS_TIMESTAMP},
     {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", NULL, NULL, NULL, NULL},
     "0181060314004020464847060000000024f4469c2404f25fda77"},
    {{.id = SS_FLOAT64},
     {"12.34", "-0.5", "7", "0.1", NULL, "0"},
     "0182062f020bceffffffffffffff040580bb782003c1d864b42535a654"},
    {{.id = SS_FLOAT64},
     {"12.34", "1e300", "-2.5e-300", "0", NULL, "0.3333333333333333"},
     "0182062f073fd0cf484c583645fede77982ebc77e341e6d2db1df256f93f000000000000000006e676f63459375058c890d0ef0"
     "11904c6dca313aa1c7c87"},
    {{.id = SS_STRING},
     {"a", "", "\xc3\xa9t\xc3\xa9", NULL, "abc", "z"},
     "018306370a030000000000000000411761c3a974c3a96162637a2ddce4cc5f393209"},
    {{.id = SS_STRING},
     {"a long name", "a long name", "another name", "a long name", NULL, "another name"},
     "0184062f0217010b000000000000000261206c6f6e67206e616d65616e6f74686572206e616d65010000000000000000142e756"
     "5330fb9253b"},
    {{.id = SS_BYTES},
     {"AAEC", "", "/w==", NULL, "/w==", "AAAA"},
     "01830637080200000000000000005303000102ffff000000cb182dd4ce8f7235"},
    {{.id = SS_LIST, .element = SS_INT64},
     {"[1,null]", "[]", NULL, "[1,null]", "[]", "[2]"},
     "0183063b1d0400000000000000000a0a090101000000000000000001010000000000000000010200000000000000322bb148de5"
     "62211"},
    {{.id = SS_VECTOR, .length = 2},
     {"[1.0,-2.0]", NULL, "[0.5,0.25]", "[1.0,-2.0]", "[0.0,0.0]", NULL},
     "0183061d200008000000000000000000803f000000c00000003f0000803e0000803f000000c00000000000000000812dc6376e5"
     "50e03"},
};

static struct ss_column golden_column(const struct golden *of, struct ss_arena *arena)
{
    struct ss_column column;
    assert_true(ss_column_init(&column, of->type, GOLDEN_ROWS, arena));
    for (int i = 0; i < GOLDEN_ROWS; i++) {
        struct ss_value value = {0};
        const char *reason;
        if (of->texts[i])
            assert_true(ss_value_parse(of->type, ss_bytes_of(of->texts[i]), SS_UNIT_TEXT, NULL, arena, &value,
                                       &reason));
        assert_true(ss_column_append(&column, value, arena));
    }
    return column;
}

static void the_bytes_of_the_released_format_are_written_and_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0}, wanted = {0};
        struct ss_packed packed;
        struct ss_column read;
        char hex[400] = "";
        const struct ss_column column = golden_column(&golden[i], &arena);
        unhex(golden[i].hex, &wanted);
        ss_packed_column(&column, 0, GOLDEN_ROWS, &bytes);
        assert_true(2 * bytes.size < sizeof hex);
        ss_hex_write(bytes.data, bytes.size, hex);
        if (!ss_bytes_equal(bytes_of(&bytes), bytes_of(&wanted))) fail_msg("%zu: written as %s", i, hex);
        assert_true(ss_column_init(&read, golden[i].type, GOLDEN_ROWS, &arena));
        assert_int_equal(
            ss_packed_open_column(bytes_of(&wanted), golden[i].type, GOLDEN_ROWS, &arena, &packed),
            SS_PACKED_OK);
        assert_true(ss_packed_append(&packed, 0, GOLDEN_ROWS, &read, &arena));
        for (int32_t row = 0; row < GOLDEN_ROWS; row++) assert_row(&read, row, &column, row);
        ss_buffer_release(&bytes);
        ss_buffer_release(&wanted);
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
        cmocka_unit_test(a_flipped_bit_and_missing_bytes_are_refused),
        cmocka_unit_test(bytes_that_end_early_are_refused_whatever_their_checksum),
        cmocka_unit_test(what_is_no_value_of_the_type_is_refused),
        cmocka_unit_test(integers_with_a_null_do_not_open_as_integers),
        cmocka_unit_test(a_failed_allocation_ends_as_no_memory),
        cmocka_unit_test(the_bytes_of_the_released_format_are_written_and_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
