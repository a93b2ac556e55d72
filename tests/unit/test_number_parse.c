// Quick parsing of numbers gives what slow parsing gives: floats against the C library's strtod, bit by bit,
// integers and decimals against digit-by-digit reading, and the table of powers against GMP.
// SELFSAME_CASES=20000000 for a long run.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <gmp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/number.h"
#include "engine/base/number_float.h"
#include "engine/base/powers_of_five.h"
#include "tests/unit/random_bits.h"

static unsigned random_below(unsigned bound)
{
    return (unsigned)((random_bits() >> 32) % bound);
}

static long cases(void)
{
    const char *given = getenv("SELFSAME_CASES");
    random_state = 20270302;
    print_message("seed %llu\n", (unsigned long long)random_state);
    return given ? atol(given) : 300000;
}

// ---- The table

static void shift_to_128_bits(mpz_t value)
{
    const size_t bits = mpz_sizeinbase(value, 2);
    if (bits < 128)
        mpz_mul_2exp(value, value, 128 - bits);
    else
        mpz_tdiv_q_2exp(value, value, bits - 128);
}

// 5^q, or its reciprocal: 128 bits, rounded up, where q >= -27; else more bits that are then cut off.
static void want_power(int q, mpz_t value)
{
    mpz_ui_pow_ui(value, 5, (unsigned long)abs(q));
    if (q < 0) {
        mpz_t one;
        const size_t bits = mpz_sizeinbase(value, 2);
        mpz_init(one);
        mpz_setbit(one, bits + (q >= -27 ? 127 : bits + 128));
        mpz_tdiv_q(value, one, value);
        mpz_add_ui(value, value, 1);
        mpz_clear(one);
    }
    shift_to_128_bits(value);
}

static void the_table_holds_powers_of_five(void **state)
{
    mpz_t want, got;
    (void)state;
    mpz_inits(want, got, NULL);
    assert_int_equal(sizeof ss_powers_of_five / sizeof *ss_powers_of_five,
                     SS_MOST_POWER_OF_FIVE - SS_LEAST_POWER_OF_FIVE + 1);
    for (int q = SS_LEAST_POWER_OF_FIVE; q <= SS_MOST_POWER_OF_FIVE; q++) {
        want_power(q, want);
        mpz_import(got, 2, 1, sizeof(uint64_t), 0, 0, ss_powers_of_five[q - SS_LEAST_POWER_OF_FIVE]);
        if (mpz_cmp(want, got) != 0) fail_msg("5^%d", q);
    }
    mpz_clears(want, got, NULL);
}

// ---- Floats

static void expect_as_strtod(const char *text)
{
    const double want = strtod(text, NULL);
    double got = 0;
    if (!ss_float64_parse(ss_bytes_of(text), &got) || memcmp(&got, &want, sizeof got) != 0)
        fail_msg("'%s': got %a, want %a", text, got, want);
}

static double random_double(void)
{
    double value;
    uint64_t bits = random_bits();
    if (random_below(4) == 0) bits &= ~(UINT64_C(0x7fe) << 52); // subnormal, or just not
    if (random_below(4) == 0) bits &= UINT64_MAX << 48;         // near a power of two
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void floats_of_every_form_are_read_as_strtod_reads_them(void **state)
{
    char text[64];
    (void)state;
    for (long i = cases(); i > 0; i--) {
        const int digits = 1 + (int)random_below(20);
        switch (random_below(5)) {
        case 0: snprintf(text, sizeof text, "%.*e", digits - 1, random_double()); break;
        case 1: snprintf(text, sizeof text, "%.*g", digits, random_double()); break;
        case 2: snprintf(text, sizeof text, "%.*f", digits, (double)(random_bits() >> 11) * 0x1p-45); break;
        case 3:
            snprintf(text, sizeof text, "%" PRIu64 "e%d", random_bits() >> random_below(64),
                     (int)random_below(700) - 360);
            break;
        default:
            snprintf(text, sizeof text, "-%u.%0*" PRIu64, random_below(1000), digits,
                     random_bits() >> random_below(64));
        }
        if (!strstr(text, "nan") && !strstr(text, "inf")) expect_as_strtod(text);
    }
}

// (2 m + 1) 2^k of 54 bits lies exactly between two doubles; m odd and even, and its neighbours one digit up
// and down. With k >= 0 as an integer, below as digits and a power of ten, as far as 19 digits go.
static void what_lies_between_two_doubles_goes_to_even(void **state)
{
    char text[64];
    (void)state;
    for (long i = cases() / 4; i > 0; i--) {
        const uint64_t half = (random_bits() >> 10) | UINT64_C(1) << 53 | 1;
        const unsigned up = random_below(10), fives = random_below(5);
        const uint64_t whole = half << up;
        uint64_t digits = half >> 14 | 1; // a short one, times 5^fives
        for (unsigned f = 0; f < fives; f++) digits *= 5;
        for (int by = -1; by <= 1; by++) {
            snprintf(text, sizeof text, "%" PRIu64, whole + (uint64_t)by);
            expect_as_strtod(text);
            snprintf(text, sizeof text, "%" PRIu64 "e-%u", digits + (uint64_t)by, fives);
            expect_as_strtod(text);
            snprintf(text, sizeof text, "%" PRIu64 "e%u", half + (uint64_t)by, random_below(24));
            expect_as_strtod(text);
        }
    }
}

static void the_ends_of_the_range_are_exact(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "000000000000000000000000000000.5",
        "0e999999999999",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992e22",
        "9007199254740993e-22",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "18446744073709551615",
        "18446744073709551616",
        "9999999999999999999e-341",
        "9999999999999999999e-342",
        "1e-343",
        "1e309",
        "7.3177701707893310e15",
        "8.5e-1",
        "9223372036854775807e-19",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) expect_as_strtod(texts[i]);
}

// How often a number of 17 digits, as programs print doubles, is not certain at once.
static void hardly_any_float_needs_the_slow_way(void **state)
{
    long slow = 0, all = cases();
    (void)state;
    for (long i = all; i > 0; i--) {
        double value;
        slow += !ss_float64_round(random_bits() >> random_below(12), (int)random_below(640) - 340, &value);
    }
    print_message("%ld of %ld\n", slow, all);
    assert_true(slow <= all / 1000);
}

// ---- Integers and decimals, digit by digit

static bool slow_int64(const char *text, int64_t *value)
{
    const bool negative = *text == '-';
    __int128 sum = 0;
    const char *at = text + negative;
    if (!*at) return false;
    for (; *at; at++) {
        if (!isdigit((unsigned char)*at)) return false;
        if (sum < (__int128)1 << 80) sum = sum * 10 + (*at - '0');
    }
    sum = negative ? -sum : sum;
    *value = (int64_t)sum;
    return sum >= INT64_MIN && sum <= INT64_MAX;
}

// "[-]digits[.digits]" alone: what has an exponent is left to test_base_number.c.
static bool slow_decimal(const char *text, unsigned scale, int64_t *value)
{
    const bool negative = *text == '-';
    const char *at = text + negative, *point = strchr(at, '.');
    const size_t whole = point ? (size_t)(point - at) : strlen(at);
    size_t places = point ? strlen(point + 1) : 0;
    __int128 sum = 0;
    if (whole == 0 || (point && places == 0)) return false;
    while (places && point[places] == '0') places--;
    for (size_t i = 0; i < whole + (places ? 1 + places : 0); i++) {
        if (at + i == point) continue;
        if (!isdigit((unsigned char)at[i])) return false;
        if (sum < (__int128)1 << 80) sum = sum * 10 + (at[i] - '0');
    }
    for (const char *rest = at; *rest; rest++)
        if (!isdigit((unsigned char)*rest) && rest != point) return false;
    if (places > scale) return false;
    for (size_t i = places; i < scale && sum < (__int128)1 << 80; i++) sum *= 10;
    *value = (int64_t)(negative ? -sum : sum);
    return sum < ss_power_of_ten(18);
}

static void random_number_text(char text[40])
{
    static const char odd[] = "0123456789.-+ :/eE";
    const unsigned length = random_below(24);
    unsigned at = 0;
    if (random_below(3) == 0) text[at++] = '-';
    for (; at < length; at++)
        text[at] = random_below(40) ? (char)('0' + random_below(random_below(2) ? 10 : 2))
                                    : odd[random_below(sizeof odd - 1)];
    if (at > 2 && random_below(2)) text[1 + random_below(at - 1)] = '.';
    while (at > 1 && random_below(3) == 0) text[--at] = '0';
    text[random_below(20) ? length : at] = 0;
    text[length] = 0;
}

static void integers_and_decimals_are_read_as_digit_by_digit(void **state)
{
    long parsed = 0;
    (void)state;
    for (long i = cases(); i > 0; i--) {
        char text[40];
        const unsigned scale = random_below(19);
        int64_t want = 0, got = 0;
        random_number_text(text);
        bool ok = slow_int64(text, &want);
        if (ss_int64_parse(ss_bytes_of(text), &got) != ok || (ok && got != want))
            fail_msg("'%s' as int64: %lld", text, (long long)got);
        parsed += ok;
        if (strpbrk(text, "eE")) continue;
        ok = slow_decimal(text, scale, &want);
        if (ss_decimal_parse(ss_bytes_of(text), scale, &got) != ok || (ok && got != want))
            fail_msg("'%s' as decimal(%u): %lld", text, scale, (long long)got);
        parsed += ok;
    }
    assert_true(parsed > cases() / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_powers_of_five),
        cmocka_unit_test(floats_of_every_form_are_read_as_strtod_reads_them),
        cmocka_unit_test(what_lies_between_two_doubles_goes_to_even),
        cmocka_unit_test(the_ends_of_the_range_are_exact),
        cmocka_unit_test(hardly_any_float_needs_the_slow_way),
        cmocka_unit_test(integers_and_decimals_are_read_as_digit_by_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
