// Numbers as text: tables of what is read and what is not, and a round trip of floats by their bits.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/number.h"
#include "tests/unit/random_bits.h"

static void seed(uint64_t value)
{
    random_state = value;
    print_message("seed %llu\n", (unsigned long long)value);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const struct {
    const char *text;
    bool ok;
    int64_t value;
} integers[] = {
    {"0", true, 0},
    {"-0", true, 0},
    {"7", true, 7},
    {"-7", true, -7},
    {"007", true, 7},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"0000000000000000000000009", true, 9},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"99999999999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"+7", false, 0},
    {"--7", false, 0},
    {" 7", false, 0},
    {"7 ", false, 0},
    {"7.0", false, 0},
    {"7e0", false, 0},
    {"0x7", false, 0},
    {"1,000", false, 0},
    {"\xd9\xa7", false, 0}, // an Arabic seven
};

static void an_int64_is_digits_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        int64_t value = 4711;
        const bool ok = ss_int64_parse(ss_bytes_of(integers[i].text), &value);
        if (ok != integers[i].ok || value != (ok ? integers[i].value : 4711))
            fail_msg("'%s': got %d, %lld", integers[i].text, ok, (long long)value);
    }
    int64_t value;
    assert_false(ss_int64_parse((struct ss_bytes){"7\0", 2}, &value));
    assert_true(ss_int64_parse((struct ss_bytes){"789", 2}, &value)); // the text has no end of its own
    assert_int_equal(value, 78);
}

static const struct {
    const char *text;
    unsigned scale;
    bool ok;
    int64_t value;
} decimals[] = {
    {"12.5", 2, true, 1250},
    {"12.50", 2, true, 1250},
    {"12.500000000000000000000000", 2, true, 1250},
    {"-0.05", 2, true, -5},
    {"-0", 2, true, 0},
    {"-0.00", 2, true, 0},
    {"7", 0, true, 7},
    {"7.0", 0, true, 7},
    {"0.1", 1, true, 1},
    {"1e3", 2, true, 100000},
    {"1.5E+1", 0, true, 15},
    {"1500e-2", 0, true, 15},
    {"12.5e-1", 2, true, 125},
    {"0e99999999999999999999", 2, true, 0},
    {"999999999999999999", 0, true, INT64_C(999999999999999999)},
    {"-9999999999999999.99", 2, true, -INT64_C(999999999999999999)},
    {"0.999999999999999999", 18, true, INT64_C(999999999999999999)},
    {"000000000000000000000000.25", 2, true, 25},
    {"12.505", 2, false, 0},
    {"0.001", 2, false, 0},
    {"1e-3", 2, false, 0},
    {"1000000000000000000", 0, false, 0},
    {"1000000000000000000.0", 0, false, 0},
    {"10000000000000000", 2, false, 0},
    {"1", 18, false, 0},
    {"1e18", 0, false, 0},
    {"1e99999999999999999999", 0, false, 0},
    {"99999999999999999999999", 0, false, 0},
    {"", 2, false, 0},
    {"-", 2, false, 0},
    {".", 2, false, 0},
    {".5", 2, false, 0},
    {"5.", 2, false, 0},
    {"1.2.3", 2, false, 0},
    {"e5", 2, false, 0},
    {"1e", 2, false, 0},
    {"1e+", 2, false, 0},
    {"+1", 2, false, 0},
    {" 1", 2, false, 0},
    {"1 ", 2, false, 0},
    {"1,5", 2, false, 0},
    {"nan", 2, false, 0},
    {"0x10", 2, false, 0},
};

static void a_decimal_is_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decimals / sizeof *decimals; i++) {
        int64_t value = 4711;
        const bool ok = ss_decimal_parse(ss_bytes_of(decimals[i].text), decimals[i].scale, &value);
        if (ok != decimals[i].ok || value != (ok ? decimals[i].value : 4711))
            fail_msg("'%s' scale %u: got %d, %lld", decimals[i].text, decimals[i].scale, ok,
                     (long long)value);
    }
}

static void a_decimal_is_printed_with_all_its_digits(void **state)
{
    (void)state;
    char text[SS_NUMBER_TEXT_SIZE];
    assert_string_equal(ss_decimal_format(1250, 2, text), "12.50");
    assert_string_equal(ss_decimal_format(-5, 2, text), "-0.05");
    assert_string_equal(ss_decimal_format(0, 0, text), "0");
    assert_string_equal(ss_decimal_format(0, 3, text), "0.000");
    assert_string_equal(ss_decimal_format(INT64_MIN, 0, text), "-9223372036854775808");
    assert_string_equal(ss_decimal_format(-INT64_C(999999999999999999), 18, text), "-0.999999999999999999");
}

static void decimals_round_trip_through_text(void **state)
{
    (void)state;
    seed(20261121);
    for (int i = 0; i < 20000; i++) {
        char text[SS_NUMBER_TEXT_SIZE];
        const unsigned scale = (unsigned)(random_bits() % 19);
        const int64_t limit = ss_power_of_ten((unsigned)(random_bits() % 19));
        const int64_t value = (int64_t)(random_bits() % (uint64_t)limit) * (random_bits() & 1 ? 1 : -1);
        int64_t read = 0;
        assert_true(ss_decimal_parse(ss_bytes_of(ss_decimal_format(value, scale, text)), scale, &read));
        assert_int_equal(read, value);
    }
}

static const struct {
    uint64_t bits;
    const char *text; // as Python's repr writes it
} floats[] = {
    {UINT64_C(0x3ff0000000000000), "1.0"},
    {UINT64_C(0x4059000000000000), "100.0"},
    {UINT64_C(0x3fb999999999999a), "0.1"},
    {UINT64_C(0x3fe0000000000000), "0.5"},
    {UINT64_C(0x430c6bf526340000), "1000000000000000.0"},
    {UINT64_C(0x4341c37937e08000), "1e+16"},
    {UINT64_C(0x437b69b4ba630f35), "1.2345678901234568e+17"},
    {UINT64_C(0x433fffffffffffff), "9007199254740991.0"},
    {UINT64_C(0x4340000000000000), "9007199254740992.0"},
    {UINT64_C(0x4340000000000000), "9007199254740992.0"},
    {UINT64_C(0x4480f0cf064dd592), "1e+22"},
    {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
    {UINT64_C(0x0000000000000001), "5e-324"},
    {UINT64_C(0x0000000000000002), "1e-323"},
    {UINT64_C(0x0010000000000000), "2.2250738585072014e-308"},
    {UINT64_C(0x000fffffffffffff), "2.225073858507201e-308"},
    {UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308"},
    {UINT64_C(0x3f1a36e2eb1c432d), "0.0001"},
    {UINT64_C(0x3f202e4b6ce5dc68), "0.00012345"},
    {UINT64_C(0x3ee4f8b588e368f1), "1e-05"},
    {UINT64_C(0x3eef75104d551d69), "1.5e-05"},
    {UINT64_C(0x40fe240c9fbe76c9), "123456.789"},
    {UINT64_C(0x3d30000000000000), "5.684341886080802e-14"},
    {UINT64_C(0x0000000000000003), "1.5e-323"},
    {UINT64_C(0x3fd5555555555555), "0.3333333333333333"},
    {UINT64_C(0x3fe5555555555555), "0.6666666666666666"},
    {UINT64_C(0x400921fb54442d18), "3.141592653589793"},
    {UINT64_C(0x54b249ad2594c37d), "1e+100"},
    {UINT64_C(0x3e8091f1667f0595), "1.2345678901234566e-07"},
    {UINT64_C(0x3ff6a09e667f3bcd), "1.4142135623730951"},
    {UINT64_C(0x4011666666666666), "4.35"},
    {UINT64_C(0x41b1de784a000000), "299792458.0"},
    {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
    {UINT64_C(0x3e70000000000000), "5.960464477539063e-08"},
    {UINT64_C(0x0010000000000000), "2.2250738585072014e-308"},
    {UINT64_C(0x447c7e83209e90b2), "8.41e+21"},
    {UINT64_C(0x43e0000000000000), "9.223372036854776e+18"},
    {UINT64_C(0x43f0000000000000), "1.8446744073709552e+19"},
    {UINT64_C(0x3eb0000000000000), "9.5367431640625e-07"},
    {UINT64_C(0x0420000000000000), "8.209073602596753e-289"},
    {UINT64_C(0x7bf0000000000000), "9.7453140114e+288"},
    {UINT64_C(0x42a674e79c5fe500), "12345678901234.5"},
    {UINT64_C(0x3fd3333333333334), "0.30000000000000004"},
    {UINT64_C(0x444b1ae4d6e2ef50), "1e+21"},
    {UINT64_C(0x430c6bf52633ffff), "999999999999999.9"},
    {UINT64_C(0x4341c37937e07fff), "9999999999999998.0"},
};

static void a_float_is_printed_as_python_does(void **state)
{
    (void)state;
    char text[SS_NUMBER_TEXT_SIZE], negative[SS_NUMBER_TEXT_SIZE + 1];
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        assert_string_equal(ss_float64_format(double_of(floats[i].bits), text), floats[i].text);
        snprintf(negative, sizeof negative, "-%s", floats[i].text);
        assert_string_equal(ss_float64_format(-double_of(floats[i].bits), text), negative);
    }
    assert_string_equal(ss_float64_format(0.0, text), "0.0");
    assert_string_equal(ss_float64_format(-0.0, text), "-0.0");
    assert_string_equal(ss_float64_format(NAN, text), "nan");
    assert_string_equal(ss_float64_format(-INFINITY, text), "-inf");
}

// The decimals of one digit less that lie nearest on both sides do not read back.
static void expect_shortest(double value, const char *text)
{
    char scientific[40], shorter[40];
    int digits = 0;
    for (const char *at = text; *at && *at != 'e'; at++) digits += *at >= '0' && *at <= '9';
    for (const char *at = text; *at == '0' || *at == '.' || *at == '-'; at++) digits -= *at == '0';
    if (strchr(text, '.') && text[strlen(text) - 1] == '0') return; // 100.0: zeros that only show the size
    if (digits < 2) return;
    snprintf(scientific, sizeof scientific, "%.20e", value);
    for (int up = -1; up <= 1; up++) {
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        char *end = strchr(shorter, 'e');
        if ((end[-1] == '9' && up > 0) || (end[-1] == '0' && up < 0)) continue;
        end[-1] = (char)(end[-1] + up);
        if (bits_of(strtod(shorter, NULL)) == bits_of(value))
            fail_msg("%s (%s) reads back from %s", text, scientific, shorter);
    }
}

static void expect_round_trip(double value)
{
    char text[SS_NUMBER_TEXT_SIZE];
    double read = 0;
    assert_true(ss_float64_parse(ss_bytes_of(ss_float64_format(value, text)), &read));
    if (bits_of(read) != bits_of(value)) fail_msg("%a: '%s' reads as %a", value, text, read);
    expect_shortest(value, text);
}

static void floats_round_trip_by_bits_in_the_fewest_digits(void **state)
{
    (void)state;
    seed(4711);
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        expect_round_trip(ldexp(1, exponent));
        expect_round_trip(nextafter(ldexp(1, exponent), 0));
        expect_round_trip(nextafter(ldexp(1, exponent), INFINITY));
    }
    for (int i = 0; i < 30000; i++) {
        const double any = double_of(random_bits());
        if (isfinite(any)) expect_round_trip(any);
        expect_round_trip((double)(int64_t)(random_bits() >> 34) / 100);
        expect_round_trip(double_of(random_bits() >> (12 + random_bits() % 52))); // subnormals
    }
}

// ---- The oracle of printing: lengths are tried until one reads back, as this project did before it had
// better.

static void step_up(char *scientific)
{
    char *end = strchr(scientific, 'e');
    char *at = end - 1;
    while (at > scientific && (*at == '9' || *at == '.')) {
        if (*at == '9') *at = '0';
        at--;
    }
    if (*at != '9') {
        ++*at;
        return;
    }
    *at = '1';
    const int exponent = atoi(end + 1) + 1;
    sprintf(end, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void tried_digits(double value, char scientific[32])
{
    int exponent;
    const bool is_power_of_two = frexp(value, &exponent) == 0.5;
    for (int digits = value < 2.3e-308 ? 1 : 15; digits <= 17; digits++) {
        snprintf(scientific, 32, "%.*e", digits - 1, value);
        if (strtod(scientific, NULL) == value) return;
        if (!is_power_of_two) continue;
        step_up(scientific);
        if (strtod(scientific, NULL) == value) return;
    }
}

static void tried_format(double value, char text[SS_NUMBER_TEXT_SIZE])
{
    char scientific[32], digits[20];
    int count = 0;
    tried_digits(fabs(value), scientific);
    for (const char *at = scientific; *at != 'e'; at++)
        if (*at != '.') digits[count++] = *at;
    while (count > 1 && digits[count - 1] == '0') count--;
    const int exponent = atoi(strchr(scientific, 'e') + 1);
    if (value < 0) *text++ = '-';
    if (exponent < -4 || exponent >= 16)
        sprintf(text, "%c%s%.*se%c%02d", digits[0], count > 1 ? "." : "", count - 1, digits + 1,
                exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        sprintf(text, "0.%.*s%.*s", -exponent - 1, "000", count, digits);
    else if (count <= exponent + 1)
        sprintf(text, "%.*s%.*s.0", count, digits, exponent + 1 - count, "0000000000000000");
    else
        sprintf(text, "%.*s.%.*s", exponent + 1, digits, count - exponent - 1, digits + exponent + 1);
}

static void expect_tried(double value)
{
    char text[SS_NUMBER_TEXT_SIZE], tried[SS_NUMBER_TEXT_SIZE];
    if (!isfinite(value) || value == 0) return;
    tried_format(value, tried);
    if (strcmp(ss_float64_format(value, text), tried) != 0)
        fail_msg("%a: got %s, want %s", value, text, tried);
}

static void expect_tried_around(double value)
{
    expect_tried(value);
    expect_tried(nextafter(value, 0));
    expect_tried(-nextafter(value, INFINITY));
}

static void a_float_is_printed_as_trying_all_lengths_prints_it(void **state)
{
    (void)state;
    seed(20261130);
    for (int exponent = -1074; exponent <= 1023; exponent++) expect_tried_around(ldexp(1, exponent));
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", exponent);
        expect_tried_around(strtod(text, NULL));
    }
    for (int i = 0; i < 100000; i++) {
        const int64_t whole = (int64_t)(random_bits() >> random_bits() % 64);
        expect_tried(double_of(random_bits()));
        expect_tried(double_of(random_bits() >> (12 + random_bits() % 52))); // subnormals
        expect_tried((double)whole);
        expect_tried_around((double)whole / (double)ss_power_of_ten((unsigned)(random_bits() % 19)));
    }
}

static void integers_are_printed_as_printf_prints_them(void **state)
{
    (void)state;
    seed(7);
    for (int i = 0; i < 100000; i++) {
        char text[SS_NUMBER_TEXT_SIZE], printed[SS_NUMBER_TEXT_SIZE];
        int64_t value = (int64_t)random_bits() >> random_bits() % 64;
        if (i < 19) value = ss_power_of_ten((unsigned)i) - (i % 2);
        snprintf(printed, sizeof printed, "%lld", (long long)value);
        assert_string_equal(ss_decimal_format(value, 0, text), printed);
    }
}

static void a_float_is_read_as_strtod_reads_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"1",
                                        "-1.5",
                                        "+2.25",
                                        ".5",
                                        "5.",
                                        "1e5",
                                        "1E-5",
                                        "1e+400",
                                        "-1e400",
                                        "1e-400",
                                        "1e99999999999999999999",
                                        "1e-99999999999999999999",
                                        "0",
                                        "-0.0",
                                        "123456789012345678901234567890",
                                        "9007199254740993",
                                        "9007199254740992.99999",
                                        "0.000000000000000000000000000000000000000000123456789",
                                        "4.9e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "8.41e21"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 0;
        assert_true(ss_float64_parse(ss_bytes_of(texts[i]), &value));
        if (bits_of(value) != bits_of(strtod(texts[i], NULL))) fail_msg("'%s': got %a", texts[i], value);
    }
    seed(99);
    for (int i = 0; i < 50000; i++) {
        char text[64];
        double value = 0;
        snprintf(text, sizeof text, "%s%llu.%0*lluE%d", random_bits() & 1 ? "-" : "",
                 (unsigned long long)(random_bits() >> (random_bits() % 64)), (int)(random_bits() % 20),
                 (unsigned long long)(random_bits() >> (random_bits() % 64)),
                 (int)(random_bits() % 640) - 330);
        assert_true(ss_float64_parse(ss_bytes_of(text), &value));
        if (bits_of(value) != bits_of(strtod(text, NULL))) fail_msg("'%s': got %a", text, value);
    }
}

static void a_float_is_no_other_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"",        "-",     "+",     ".",      "-.",      "e5",    "1e",
                                        "1e+",     "1e5.0", "0x1p3", "0x10",   " 1",      "1 ",    "1,5",
                                        "1_000",   "--1",   "+-1",   "-+1",    "1..2",    "1.2.3", "nano",
                                        "infinit", "na",    "1f",    "nan(1)", "\xc2\xbd"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 4711;
        if (ss_float64_parse(ss_bytes_of(texts[i]), &value))
            fail_msg("'%s' was taken for %a", texts[i], value);
        assert_true(value == 4711);
    }
}

static void names_of_nan_and_infinity_are_read(void **state)
{
    (void)state;
    static const char *const nans[] = {"nan", "NaN", "NAN", "-nan"};
    double value;
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        assert_true(ss_float64_parse(ss_bytes_of(nans[i]), &value));
        assert_true(isnan(value));
    }
    assert_true(ss_float64_parse(ss_bytes_of("inf"), &value) && value == INFINITY);
    assert_true(ss_float64_parse(ss_bytes_of("+Infinity"), &value) && value == INFINITY);
    assert_true(ss_float64_parse(ss_bytes_of("-inf"), &value) && value == -INFINITY);
}

// A midpoint between two doubles, exactly and with one digit more far behind.
static void thousands_of_digits_are_still_rounded_correctly(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    double value;
    const double middle = 9007199254740992.0; // 2^53: 2^53 + 1 lies between it and 2^53 + 2
    ss_buffer_text(&text, "9007199254740993.");
    for (int i = 0; i < 5000; i++) ss_buffer_byte(&text, '0');
    assert_true(ss_float64_parse((struct ss_bytes){(char *)text.data, text.size}, &value));
    assert_true(value == middle);
    ss_buffer_byte(&text, '1');
    assert_true(ss_float64_parse((struct ss_bytes){(char *)text.data, text.size}, &value));
    assert_true(value == middle + 2);
    ss_buffer_clear(&text);
    // The least subnormal in full: more than a thousand digits, most of them zeros.
    char exact[1200];
    snprintf(exact, sizeof exact, "%.1080f", 5e-324);
    assert_true(ss_float64_parse(ss_bytes_of(exact), &value));
    assert_true(value == 5e-324);
    ss_buffer_clear(&text);
    ss_buffer_text(&text, "1");
    for (int i = 0; i < 400; i++) ss_buffer_byte(&text, '0');
    ss_buffer_text(&text, "e-400");
    assert_true(ss_float64_parse((struct ss_bytes){(char *)text.data, text.size}, &value));
    assert_true(value == 1);
    ss_buffer_release(&text);
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "es_ES.UTF-8",
                                          "pt_BR.UTF-8"};
    const char *set = NULL;
    char text[SS_NUMBER_TEXT_SIZE];
    double value;
    for (size_t i = 0; i < sizeof locales / sizeof *locales && !set; i++) set = setlocale(LC_ALL, locales[i]);
    if (!set) {
        print_message("no locale with a decimal comma is installed: nothing to test\n");
        skip();
    }
    assert_true(ss_float64_parse(ss_bytes_of("1.2345678901234567e-7"), &value));
    assert_string_equal(ss_float64_format(value, text), "1.2345678901234567e-07");
    setlocale(LC_ALL, "C");
}

static void minus_zero_becomes_zero_and_nan_is_told(void **state)
{
    (void)state;
    double value = -0.0;
    assert_true(ss_float64_normalise(&value));
    assert_int_equal(bits_of(value), 0);
    value = -1.5;
    assert_true(ss_float64_normalise(&value) && value == -1.5);
    value = NAN;
    assert_false(ss_float64_normalise(&value));
    value = -INFINITY;
    assert_false(ss_float64_normalise(&value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_int64_is_digits_and_nothing_else),
        cmocka_unit_test(a_decimal_is_read_exactly_or_not_at_all),
        cmocka_unit_test(a_decimal_is_printed_with_all_its_digits),
        cmocka_unit_test(decimals_round_trip_through_text),
        cmocka_unit_test(a_float_is_printed_as_python_does),
        cmocka_unit_test(floats_round_trip_by_bits_in_the_fewest_digits),
        cmocka_unit_test(a_float_is_printed_as_trying_all_lengths_prints_it),
        cmocka_unit_test(integers_are_printed_as_printf_prints_them),
        cmocka_unit_test(a_float_is_read_as_strtod_reads_it),
        cmocka_unit_test(a_float_is_no_other_text),
        cmocka_unit_test(names_of_nan_and_infinity_are_read),
        cmocka_unit_test(thousands_of_digits_are_still_rounded_correctly),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(minus_zero_becomes_zero_and_nan_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
