// Exact numbers against MPFR with more bits than any sum here has.

#include "engine/exact.h"

#include <gmp.h>
#include <math.h>
#include <mpfr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "samples.h"

#define ORACLE_BITS 9000

static void encode(const struct ss_exact *number, struct ss_buffer *buffer)
{
    ss_buffer_clear(buffer);
    ss_exact_encode(number, 0, buffer);
    assert_false(buffer->failed);
}

// The number as MPFR sees its canonical bytes; reads them by its own code.
static void read_value(const struct ss_buffer *bytes, mpfr_t value)
{
    mpfr_set_zero(value, 1);
    if (bytes->data[0] == 0) return;
    const uint8_t *at = bytes->data;
    uint64_t tag = 0, zigzag = 0;
    for (int shift = 0;; shift += 7) {
        tag |= (uint64_t)(*at & 127) << shift;
        if (!(*at++ & 128)) break;
    }
    for (int shift = 0;; shift += 7) {
        zigzag |= (uint64_t)(*at & 127) << shift;
        if (!(*at++ & 128)) break;
    }
    const long exponent = zigzag & 1 ? -(long)(zigzag / 2) - 1 : (long)(zigzag / 2);
    assert_int_equal(at - bytes->data + (ptrdiff_t)(tag >> 1), bytes->size);
    assert_true(at[0] & 1);
    for (uint64_t i = tag >> 1; i > 0; i--) {
        mpfr_mul_2ui(value, value, 8, MPFR_RNDN);
        mpfr_add_ui(value, value, at[i - 1], MPFR_RNDN);
    }
    mpfr_mul_2si(value, value, exponent, MPFR_RNDN);
    if (tag & 1) mpfr_neg(value, value, MPFR_RNDN);
}

struct term { // of a sum: a double, an integer, the square of either, or the fourth power of a double
    bool is_double, squared, to_the_fourth;
    double real;
    int64_t integer;
};

static void add_fourth_power(struct ss_exact *number, double real, bool subtract, struct ss_arena *arena)
{
    mpz_t mantissa;
    uint64_t limbs[4] = {0};
    size_t count = 0;
    int exponent;
    mpz_init(mantissa);
    mpz_set_d(mantissa, ldexp(frexp(real, &exponent), 53));
    mpz_pow_ui(mantissa, mantissa, 4);
    mpz_export(limbs, &count, -1, sizeof *limbs, 0, 0, mantissa);
    const unsigned shift = (unsigned)mpz_scan1(mantissa, 0) % 64; // so that no bit lies below the least
    mpz_tdiv_q_2exp(mantissa, mantissa, shift);
    mpz_export(limbs, &count, -1, sizeof *limbs, 0, 0, mantissa);
    assert_true(ss_exact_add_limbs(number, limbs, count, 4 * (exponent - 53) + (int)shift, subtract, arena));
    mpz_clear(mantissa);
}

static void add_term(struct ss_exact *number, const struct term *term, bool subtract, struct ss_arena *arena)
{
    if (term->to_the_fourth)
        add_fourth_power(number, term->real, subtract, arena);
    else if (term->is_double && term->squared)
        assert_true(ss_exact_add_double_squared(number, term->real, subtract, arena));
    else if (term->is_double)
        assert_true(ss_exact_add_double(number, term->real, subtract, arena));
    else if (term->squared)
        assert_true(ss_exact_add_int64_squared(number, term->integer, subtract, arena));
    else
        assert_true(ss_exact_add_int64(number, term->integer, subtract, arena));
}

static void add_to_oracle(mpfr_t sum, const struct term *term)
{
    mpfr_t value;
    mpfr_init2(value, 256);
    if (term->is_double || term->to_the_fourth)
        mpfr_set_d(value, term->real, MPFR_RNDN);
    else
        mpfr_set_si(value, term->integer, MPFR_RNDN);
    if (term->squared || term->to_the_fourth) mpfr_sqr(value, value, MPFR_RNDN);
    if (term->to_the_fourth) mpfr_sqr(value, value, MPFR_RNDN);
    assert_int_equal(mpfr_add(sum, sum, value, MPFR_RNDN), 0);
    mpfr_clear(value);
}

static struct term random_term(struct samples *samples, enum samples_kind kind, bool integers)
{
    struct term term = {.is_double = !integers, .squared = samples_below(samples, 3) == 0};
    term.real = samples_double(samples, kind);
    term.to_the_fourth = term.real != 0 && samples_below(samples, 4) == 0;
    const unsigned shift = (unsigned)samples_below(samples, 64);
    term.integer = (int64_t)(samples_bits(samples) >> shift);
    if (samples_below(samples, 2)) term.integer = samples_below(samples, 8) ? -term.integer : INT64_MIN;
    return term;
}

static void any_order_of_adding_taking_back_merging_and_restarting_gives_the_same_bytes(void **state)
{
    (void)state;
    struct samples samples = samples_begin("exact", 20260101);
    struct ss_buffer first = {0}, other = {0};
    mpfr_t sum, read;
    mpfr_inits2(ORACLE_BITS, sum, read, (mpfr_ptr)0);
    for (int trial = 0; trial < 3000; trial++) {
        struct term terms[60];
        struct ss_arena arena = {0};
        const size_t count = samples_below(&samples, 60);
        const enum samples_kind kind = (enum samples_kind)samples_below(&samples, SAMPLES_KINDS);
        const bool integers = samples_below(&samples, 4) == 0;
        struct ss_exact straight = {0}, parts[4] = {0}, total = {0};
        mpfr_set_zero(sum, 1);
        for (size_t i = 0; i < count; i++) {
            terms[i] = random_term(&samples, kind, integers);
            add_term(&straight, &terms[i], false, &arena);
            add_to_oracle(sum, &terms[i]);
        }
        encode(&straight, &first);
        read_value(&first, read);
        assert_true(mpfr_equal_p(sum, read));
        assert_int_equal(ss_exact_sign(&straight), mpfr_sgn(sum) > 0 ? 1 : mpfr_sgn(sum) < 0 ? -1 : 0);

        for (size_t i = count; i > 1; i--) {
            const size_t k = samples_below(&samples, i);
            const struct term swap = terms[k];
            terms[k] = terms[i - 1];
            terms[i - 1] = swap;
        }
        for (size_t i = 0; i < count; i++) {
            struct ss_exact *part = &parts[samples_below(&samples, 4)];
            add_term(part, &terms[i], false, &arena);
            if (samples_below(&samples, 3) == 0) {
                const struct term noise = random_term(&samples, kind, integers);
                const bool added_last = samples_below(&samples, 2);
                add_term(part, &noise, added_last, &arena);
                add_term(&parts[samples_below(&samples, 4)], &noise, !added_last, &arena);
            }
            if (samples_below(&samples, 5)) continue;
            encode(part, &other);
            struct ss_reader reader = {other.data, other.data + other.size, false};
            struct ss_exact again = {0};
            int32_t exponent;
            assert_true(ss_exact_merge_bytes(&again, 0, &reader, &exponent, &arena));
            assert_false(reader.failed);
            assert_ptr_equal(reader.at, reader.end);
            assert_int_equal(exponent, ss_exact_exponent(part));
            *part = again;
        }
        for (size_t i = 0; i < 4; i++) {
            if (i % 2) {
                assert_true(ss_exact_merge(&total, &parts[i], &arena));
                continue;
            }
            encode(&parts[i], &other);
            struct ss_reader reader = {other.data, other.data + other.size, false};
            int32_t exponent;
            assert_true(ss_exact_merge_bytes(&total, 0, &reader, &exponent, &arena));
        }
        encode(&total, &other);
        assert_int_equal(first.size, other.size);
        assert_memory_equal(first.data, other.data, first.size);
        ss_arena_release(&arena);
    }
    mpfr_clears(sum, read, (mpfr_ptr)0);
    mpfr_free_cache();
    ss_buffer_release(&first);
    ss_buffer_release(&other);
}

static void taking_everything_back_leaves_zero(void **state)
{
    (void)state;
    struct samples samples = samples_begin("exact zero", 7);
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    struct ss_exact number = {0};
    struct term terms[100];
    for (int i = 0; i < 100; i++) {
        terms[i] = random_term(&samples, SAMPLES_EXTREME, i % 3 == 0);
        add_term(&number, &terms[i], false, &arena);
    }
    assert_int_not_equal(ss_exact_sign(&number), 0);
    for (int i = 0; i < 100; i++) add_term(&number, &terms[(i * 37) % 100], true, &arena);
    assert_int_equal(ss_exact_sign(&number), 0);
    encode(&number, &bytes);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(bytes.data[0], 0);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

static void canonical_bytes_are_as_the_format_says(void **state)
{
    (void)state;
    static const struct {
        double term;
        int32_t base;
        const char *hex;
    } rows[] = {
        {0.0, 0, "00"},
        {1.0, 0, "020001"},
        {-1.0, 0, "030001"},
        {0.5, 0, "020101"},
        {3.0, 0, "020003"},
        {256.0, 0, "021001"},
        {0.1, 0, "0e6dcdcccccccccc0c"},
        {1.0, -10, "021401"},
        {257.0, 0, "04000101"},
        {5e-324, 0, "02e31001"},
    };
    struct ss_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_buffer bytes = {0};
        struct ss_exact number = {0};
        char hex[64] = "";
        assert_true(ss_exact_add_double(&number, rows[i].term, false, &arena));
        ss_exact_encode(&number, rows[i].base, &bytes);
        for (size_t k = 0; k < bytes.size; k++) snprintf(hex + 2 * k, 3, "%02x", bytes.data[k]);
        if (strcmp(hex, rows[i].hex) != 0) print_message("%g gives %s\n", rows[i].term, hex);
        assert_string_equal(hex, rows[i].hex);
        ss_buffer_release(&bytes);
    }
    ss_arena_release(&arena);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint8_t bytes[6];
    } rows[] = {
        {0, {0}},                      // nothing
        {1, {2}},                      // no exponent
        {2, {2, 0}},                   // no mantissa
        {3, {2, 0, 2}},                // even
        {4, {4, 0, 1, 0}},             // a leading zero
        {2, {1, 0}},                   // minus zero
        {4, {2, 0x91, 0x43, 1}},       // below the least exponent
        {5, {2, 0x80, 0x80, 0x10, 1}}, // far above the greatest
        {3, {0xbc, 0x09, 0}},          // cut off
    };
    struct ss_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_exact number = {0};
        struct ss_reader reader = {rows[i].bytes, rows[i].bytes + rows[i].size, false};
        int32_t exponent;
        assert_true(ss_exact_merge_bytes(&number, 0, &reader, &exponent, &arena));
        assert_true(reader.failed);
        assert_int_equal(ss_exact_sign(&number), 0);
    }
    ss_arena_release(&arena);
}

// The fourth power of the least double, and of the greatest 2^63 times.
static void bits_lie_between_the_exponents_of_the_format(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        int64_t exponent;
        bool good;
    } rows[] = {
        {1, SS_EXACT_LOWEST_EXPONENT, true},         {1, SS_EXACT_LOWEST_EXPONENT - 1, false},
        {1, SS_EXACT_HIGHEST_EXPONENT - 8, true},    {1, SS_EXACT_HIGHEST_EXPONENT - 7, false},
        {1065, SS_EXACT_LOWEST_EXPONENT, true},      {1066, SS_EXACT_LOWEST_EXPONENT, false},
        {1065, SS_EXACT_LOWEST_EXPONENT + 1, false},
    };
    struct ss_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ss_buffer bytes = {0};
        struct ss_exact number = {0};
        int32_t exponent;
        ss_buffer_varint(&bytes, rows[i].size << 1);
        ss_buffer_zigzag(&bytes, rows[i].exponent);
        for (uint64_t k = 0; k < rows[i].size; k++) ss_buffer_byte(&bytes, 0xff);
        struct ss_reader reader = {bytes.data, bytes.data + bytes.size, false};
        assert_true(ss_exact_merge_bytes(&number, 0, &reader, &exponent, &arena));
        assert_int_equal(reader.failed, !rows[i].good);
        for (int k = 0; k < 64 && rows[i].good; k++) assert_true(ss_exact_merge(&number, &number, &arena));
        ss_buffer_release(&bytes);
    }
    ss_arena_release(&arena);
}

struct pair {
    struct ss_exact sum, squares;
};

static void assert_same(const struct ss_exact *a, const struct ss_exact *b)
{
    struct ss_buffer left = {0}, right = {0};
    encode(a, &left);
    encode(b, &right);
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
    ss_buffer_release(&left);
    ss_buffer_release(&right);
}

// Doubles of all kinds, and of few octaves with full mantissas; integers about the greatest that go at once.
static void draw_terms(struct samples *samples, uint32_t count, double *reals, int64_t *integers)
{
    const uint64_t kind = samples_below(samples, SAMPLES_KINDS + 3), octaves = 1 + samples_below(samples, 12);
    const unsigned bits = (unsigned)samples_below(samples, 64);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t full = samples_below(samples, 2) ? UINT64_C(0xfffffffffffff) : 0;
        reals[i] = kind < SAMPLES_KINDS
                       ? samples_double(samples, (enum samples_kind)kind)
                       : samples_from_bits(full | (1000 + samples_below(samples, octaves)) << 52);
        if (samples_below(samples, 50) == 0) reals[i] = 0;
        if (kind == SAMPLES_KINDS && samples_below(samples, 2)) reals[i] = -reals[i];
        integers[i] = (int64_t)(samples_bits(samples) >> bits);
        if (full) integers[i] = bits < 4 ? (INT64_C(1) << 61) - 1 : -(INT64_C(1) << 61) + 1;
        if (bits == 9) integers[i] = INT64_MIN;
    }
}

static void terms_added_at_once_are_as_one_by_one(void **state)
{
    struct samples samples = samples_begin("exact at once", 19);
    (void)state;
    for (int round = 0; round < 3000; round++) {
        double reals[SS_EXACT_TERMS];
        int64_t integers[SS_EXACT_TERMS];
        struct ss_arena arena = {0};
        struct pair real[2] = {{{0}}}, integer[2] = {{{0}}};
        for (int part = 0; part < 3; part++) {
            const uint32_t count = (uint32_t)samples_below(&samples, SS_EXACT_TERMS + 1);
            draw_terms(&samples, count, reals, integers);
            assert_true(ss_exact_add_doubles(&real[0].sum, &real[0].squares, reals, count, &arena));
            assert_true(ss_exact_add_int64s(&integer[0].sum, &integer[0].squares, integers, count, &arena));
            for (uint32_t i = 0; i < count; i++) {
                assert_true(ss_exact_add_double(&real[1].sum, reals[i], false, &arena));
                assert_true(ss_exact_add_double_squared(&real[1].squares, reals[i], false, &arena));
                assert_true(ss_exact_add_int64(&integer[1].sum, integers[i], false, &arena));
                assert_true(ss_exact_add_int64_squared(&integer[1].squares, integers[i], false, &arena));
            }
        }
        assert_same(&real[0].sum, &real[1].sum);
        assert_same(&real[0].squares, &real[1].squares);
        assert_same(&integer[0].sum, &integer[1].sum);
        assert_same(&integer[0].squares, &integer[1].squares);
        ss_arena_release(&arena);
    }
}

static void a_full_arena_is_reported(void **state)
{
    (void)state;
    struct ss_arena arena;
    ss_arena_init(&arena, 32);
    struct ss_exact number = {0};
    assert_true(ss_exact_add_double(&number, 1.0, false, &arena));
    assert_false(ss_exact_add_double(&number, 1e300, false, &arena));
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_adding_taking_back_merging_and_restarting_gives_the_same_bytes),
        cmocka_unit_test(taking_everything_back_leaves_zero),
        cmocka_unit_test(canonical_bytes_are_as_the_format_says),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(bits_lie_between_the_exponents_of_the_format),
        cmocka_unit_test(terms_added_at_once_are_as_one_by_one),
        cmocka_unit_test(a_full_arena_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
