// Numbers as text. Parsing is exact. Most numbers are "plain": a sign, at most 19 digits, a point among them;
// those are read eight digits at a time. A float is then rounded by the quickest of three ways that is sure
// to be right (number_float.c); all other text goes digit by digit and to the C library's strtod in the C
// locale.

#include "engine/base/number_text.h"

#include <endian.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/float_environment.h"
#include "engine/base/number_float.h"

#define DECIMAL_DIGITS 18

static const int64_t powers[] = {1,
                                 10,
                                 100,
                                 1000,
                                 10000,
                                 100000,
                                 1000000,
                                 10000000,
                                 100000000,
                                 1000000000,
                                 10000000000,
                                 100000000000,
                                 1000000000000,
                                 10000000000000,
                                 100000000000000,
                                 1000000000000000,
                                 10000000000000000,
                                 100000000000000000,
                                 1000000000000000000};

int64_t ss_power_of_ten(unsigned exponent)
{
    return powers[exponent];
}

// ---- Plain numbers

#define PLAIN_DIGITS 19 // fit into 64 bits

// Eight digits as a number; false if they are not all digits. (A multiplication joins neighbours: pairs, then
// pairs of pairs, then those.)
static inline bool eight_digits(const char *text, uint64_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, text, sizeof word);
    const uint64_t below = word - UINT64_C(0x3030303030303030), above = word + UINT64_C(0x4646464646464646);
    if ((word | below | above) & UINT64_C(0x8080808080808080)) return false;
    const uint64_t pairs = below * 10 + (below >> 8); // in every second byte
    const uint64_t low = (pairs & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064);
    const uint64_t high = (pairs >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001);
    *value = (low + high) >> 32;
    return true;
#else
    (void)text, (void)value;
    return false;
#endif
}

// The digits from `at` on: into *value, which wraps when they are too many. Behind them.
static inline const char *take_digits(const char *at, const char *end, uint64_t *value)
{
    uint64_t eight;
    while (end - at >= 8 && eight_digits(at, &eight)) {
        *value = *value * 100000000 + eight;
        at += 8;
    }
    for (; at < end; at++) {
        const unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9) break;
        *value = *value * 10 + digit;
    }
    return at;
}

struct plain {
    bool negative;
    uint64_t digits; // as a number, the point left out
    size_t count;    // of them, leading zeros too
    size_t places;   // how many stand after the point
};

// False: it is not plain, whatever else it may be.
static inline bool take_plain(struct ss_bytes text, struct plain *plain)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const char *const start = text.data + negative, *const end = text.data + text.size;
    uint64_t digits = 0;
    const char *at = take_digits(start, end, &digits);
    size_t count = (size_t)(at - start), places = 0;
    if (count == 0) return false;
    if (at < end && *at == '.') {
        const char *const point = at;
        at = take_digits(point + 1, end, &digits);
        places = (size_t)(at - point) - 1;
        count += places;
        if (places == 0) return false;
    }
    if (at < end || count > PLAIN_DIGITS) return false;
    *plain = (struct plain){negative, digits, count, places};
    return true;
}

// ---- Integers

static bool parse_long_int64(struct ss_bytes text, int64_t *value)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    int64_t parsed = 0;
    if (text.size == (size_t)negative) return false;
    for (size_t i = negative; i < text.size; i++) {
        const unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(parsed, INT64_C(10), &parsed) ||
            __builtin_sub_overflow(parsed, (int64_t)digit, &parsed))
            return false; // gathered negative, so that the least int64 fits
    }
    if (!negative && parsed == INT64_MIN) return false;
    *value = negative ? parsed : -parsed;
    return true;
}

bool ss_int64_parse(struct ss_bytes text, int64_t *value)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const char *const start = text.data + negative, *const end = text.data + text.size;
    uint64_t digits = 0;
    if (text.size - negative > DECIMAL_DIGITS) return parse_long_int64(text, value);
    if (start == end || take_digits(start, end, &digits) != end) return false;
    *value = negative ? -(int64_t)digits : (int64_t)digits;
    return true;
}

// ---- Any other number

// A number's text taken apart: digits (with the point left out) times 10^exponent.
struct parts {
    bool negative;
    const char *digits; // as they stand in the text, maybe with a point among them
    size_t size;
    int64_t exponent; // counts the digits after the point too
};

static bool take_exponent(struct ss_bytes text, size_t at, int64_t *exponent)
{
    int64_t value = 0;
    const bool negative = at < text.size && text.data[at] == '-';
    if (at < text.size && (text.data[at] == '-' || text.data[at] == '+')) at++;
    if (at == text.size) return false;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') return false;
        if (value < 1000000) value = value * 10 + (text.data[at] - '0');
    }
    *exponent += negative ? -value : value;
    return true;
}

static bool take_apart(struct ss_bytes text, struct parts *parts)
{
    size_t at = 0, digits = 0;
    bool point = false;
    *parts = (struct parts){.negative = text.size > 0 && text.data[0] == '-'};
    if (parts->negative) at++;
    parts->digits = text.data + at;
    for (; at < text.size; at++) {
        if (text.data[at] == '.' && !point) {
            point = true;
            continue;
        }
        if (text.data[at] < '0' || text.data[at] > '9') break;
        digits++;
        parts->exponent -= point;
    }
    parts->size = (size_t)(text.data + at - parts->digits);
    if (digits == 0) return false;
    if (at == text.size) return true;
    return (text.data[at] == 'e' || text.data[at] == 'E') && take_exponent(text, at + 1, &parts->exponent);
}

static bool parse_any_decimal(struct ss_bytes text, unsigned scale, int64_t *value)
{
    struct parts parts;
    int64_t parsed = 0;
    if (!take_apart(text, &parts) || parts.digits[0] == '.' || parts.digits[parts.size - 1] == '.')
        return false;
    // Trailing zeros only move the exponent.
    while (parts.size > 0 && (parts.digits[parts.size - 1] == '0' || parts.digits[parts.size - 1] == '.'))
        parts.exponent += parts.digits[--parts.size] == '0';
    for (size_t i = 0; i < parts.size; i++) {
        if (parts.digits[i] == '.') continue;
        if (parsed >= powers[DECIMAL_DIGITS - 1]) return false;
        parsed = parsed * 10 + (parts.digits[i] - '0');
    }
    const int64_t shift = parsed ? parts.exponent + (int64_t)scale : 0;
    if (shift < 0 || shift > DECIMAL_DIGITS) return false;
    if (__builtin_mul_overflow(parsed, powers[shift], &parsed) || parsed >= powers[DECIMAL_DIGITS])
        return false;
    *value = parts.negative ? -parsed : parsed;
    return true;
}

bool ss_decimal_parse(struct ss_bytes text, unsigned scale, int64_t *value)
{
    struct plain plain;
    if (!take_plain(text, &plain) || plain.places > scale ||
        plain.count + scale - plain.places > DECIMAL_DIGITS)
        return parse_any_decimal(text, scale, value);
    const int64_t magnitude = (int64_t)plain.digits * powers[scale - plain.places];
    *value = plain.negative ? -magnitude : magnitude;
    return true;
}

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); // glibc's own, so it is always there
}

static locale_t the_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return c_locale;
}

static bool is_named(struct ss_bytes text, const char *name)
{
    return text.size == strlen(name) && strncasecmp(text.data, name, text.size) == 0;
}

// Its significant digits as one number; false if they are too many.
static bool gather_digits(const struct parts *parts, uint64_t *digits)
{
    int count = 0;
    *digits = 0;
    for (size_t i = 0; i < parts->size; i++) {
        if (parts->digits[i] == '.') continue;
        count += count || parts->digits[i] != '0';
        if (count > PLAIN_DIGITS) return false;
        *digits = *digits * 10 + (uint64_t)(parts->digits[i] - '0');
    }
    return true;
}

#define SIGNIFICANT_DIGITS 800 // no double, and no midpoint between two, has more than 768

// Any number of digits, rounded correctly: those beyond SIGNIFICANT_DIGITS only tell that there is something
// more.
static double slow_parse(const struct parts *parts)
{
    char text[SIGNIFICANT_DIGITS + 32];
    size_t size = 0;
    int64_t exponent = parts->exponent;
    bool more = false;
    for (size_t i = 0; i < parts->size; i++) {
        const char digit = parts->digits[i];
        if (digit == '.' || (digit == '0' && size == 0)) continue;
        if (size < SIGNIFICANT_DIGITS) {
            text[size++] = digit;
        } else {
            more = more || digit != '0';
            exponent++;
        }
    }
    if (size == 0) text[size++] = '0';
    if (more) {
        text[size++] = '1';
        exponent--;
    }
    snprintf(text + size, sizeof text - size, "e%lld", (long long)exponent);
    const double magnitude = strtod_l(text, NULL, the_c_locale());
    return parts->negative ? -magnitude : magnitude;
}

// nan and inf in any spelling, and numbers that are not plain.
static bool parse_any_float64(struct ss_bytes text, double *value)
{
    struct parts parts;
    uint64_t digits;
    double magnitude;
    const bool is_signed = text.size > 1 && (text.data[0] == '-' || text.data[0] == '+');
    const struct ss_bytes bare =
        is_signed ? (struct ss_bytes){text.data + 1, text.size - 1} : (struct ss_bytes){text.data, text.size};
    if (is_named(bare, "nan") || is_named(bare, "inf") || is_named(bare, "infinity")) {
        *value = is_named(bare, "nan") ? (double)NAN
                 : text.data[0] == '-' ? -(double)INFINITY
                                       : (double)INFINITY;
        return true;
    }
    if (!take_apart(bare, &parts) || (is_signed && parts.negative)) return false;
    parts.negative = parts.negative || (is_signed && text.data[0] == '-');
    if (gather_digits(&parts, &digits) && ss_float64_round(digits, parts.exponent, &magnitude))
        *value = parts.negative ? -magnitude : magnitude;
    else
        *value = slow_parse(&parts);
    return true;
}

bool ss_float64_parse(struct ss_bytes text, double *value)
{
    struct plain plain;
    double magnitude;
    if (!take_plain(text, &plain) || !ss_float64_round(plain.digits, -(int64_t)plain.places, &magnitude))
        return parse_any_float64(text, value);
    *value = plain.negative ? -magnitude : magnitude;
    return true;
}

// ---- Text

unsigned ss_digit_count(uint64_t value)
{
    value |= 1; // so that 0 has a digit; no power of ten but 1 is odd, so the count stays
    const unsigned about = (unsigned)(64 - __builtin_clzll(value)) * 1233 >> 12; // log10, maybe one too many
    return about + (about == 19 ? value >= UINT64_C(10000000000000000000) : value >= (uint64_t)powers[about]);
}

static size_t lay_out_scientific(uint64_t digits, unsigned count, int exponent, char *text)
{
    const unsigned magnitude = (unsigned)abs(exponent), wide = magnitude < 100 ? 2 : 3;
    ss_digits_write(digits, count, text + 1);
    text[0] = text[1];
    text[1] = '.';
    char *end = text + (count > 1 ? count + 1 : 1);
    end[0] = 'e';
    end[1] = exponent < 0 ? '-' : '+';
    ss_digits_write(magnitude, wide, end + 2);
    return (size_t)(end - text) + 2 + wide;
}

// Eight digits as text, the first one's byte the lowest: halves, then pairs, then digits, all of them at
// once.
static inline uint64_t eight_as_text(uint64_t value)
{
    const uint64_t halves = value / 10000 | value % 10000 << 32;
    const uint64_t hundreds = ((halves * 10486) >> 20) & UINT64_C(0x0000007f0000007f);
    const uint64_t pairs = ((halves - 100 * hundreds) << 16) + hundreds;
    const uint64_t tens = ((pairs * 103) >> 10) & UINT64_C(0x000f000f000f000f);
    return (tens | (pairs - 10 * tens) << 8) + UINT64_C(0x3030303030303030);
}

static inline void put_eight(char *text, uint64_t value)
{
    value = htole64(value);
    memcpy(text, &value, sizeof value);
}

// With 1 to 7 digits before the point. The digits are made 8 or 17, so that it is known where each stands;
// all of them go one place behind theirs, and then those before the point to it. Writes up to 18 bytes.
static size_t lay_out_short(uint64_t digits, unsigned count, unsigned point, char *text)
{
    const uint64_t before = (UINT64_C(1) << 8 * point) - 1, dot = (uint64_t)'.' << 8 * point;
    const size_t size = count > point ? count + 1 : point + 2;
    if (count <= 8) {
        const uint64_t start = eight_as_text(digits * (uint64_t)powers[8 - count]);
        put_eight(text + 1, start);
        put_eight(text, (start & before) | dot | (start & ~before) << 8);
        return size;
    }
    const uint64_t all = digits * (uint64_t)powers[17 - count], nine = all / 100000000;
    const uint64_t first = nine / 100000000;
    const uint64_t second = eight_as_text(nine % 100000000), third = eight_as_text(all % 100000000);
    const uint64_t start = ('0' + first) | second << 8;
    put_eight(text + 2, second);
    put_eight(text + 10, third);
    put_eight(text, (start & before) | dot | (start & ~before) << 8);
    return size;
}

size_t ss_float_lay_out(uint64_t digits, int exponent10, char *text)
{
    const unsigned count = ss_digit_count(digits);
    const int point = (int)count + exponent10; // the value is 0.DIGITS * 10^point
    if (point > 0 && point <= 7) return lay_out_short(digits, count, (unsigned)point, text);
    if (point < -3 || point > 16) return lay_out_scientific(digits, count, point - 1, text);
    if (point <= 0) {
        memcpy(text, "0.000", 5);
        ss_digits_write(digits, count, text + 2 - point);
        return (size_t)(2 - point) + count;
    }
    if (exponent10 >= 0) {
        ss_digits_write(digits, count, text);
        memset(text + count, '0', (size_t)exponent10);
        memcpy(text + point, ".0", 2);
        return (size_t)point + 2;
    }
    const uint64_t unit = (uint64_t)powers[-exponent10], whole = digits / unit;
    ss_digits_write(whole, (unsigned)point, text);
    text[point] = '.';
    ss_digits_write(digits - whole * unit, (unsigned)-exponent10, text + point + 1);
    return count + 1;
}

size_t ss_decimal_write(int64_t value, unsigned scale, char *text)
{
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const uint64_t unit = (uint64_t)powers[scale], whole = scale ? magnitude / unit : magnitude;
    const unsigned count = ss_digit_count(whole);
    const size_t sign = value < 0;
    text[0] = '-';
    ss_digits_write(whole, count, text + sign);
    if (scale == 0) return sign + count;
    text[sign + count] = '.';
    ss_digits_write(magnitude - whole * unit, scale, text + sign + count + 1);
    return sign + count + 1 + scale;
}

const char *ss_decimal_format(int64_t value, unsigned scale, char text[SS_NUMBER_TEXT_SIZE])
{
    text[ss_decimal_write(value, scale, text)] = 0;
    return text;
}

// ---- float32

// The decimal one up in its last digit: "9.99e+02" -> "1.00e+03".
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

static bool reads_back(const char *scientific, double value, locale_t c)
{
    return (double)(float)strtod_l(scientific, NULL, c) == value;
}

// The shortest digits that, read as a double and then as a float32, give the value back. A decimal of 6
// digits is unique among normal floats, so trailing zeros can go; a subnormal has fewer, so there all lengths
// are tried. Below a power of two the values lie closer than above it: there the nearest decimal may miss
// where the next one up still reads back.
static void shortest_digits(double value, char scientific[32])
{
    int exponent;
    const bool is_power_of_two = frexp(value, &exponent) == 0.5;
    const locale_t c = the_c_locale(), before = uselocale(c);
    for (int digits = value < 1.2e-38 ? 1 : 6; digits <= 9; digits++) {
        snprintf(scientific, 32, "%.*e", digits - 1, value);
        if (reads_back(scientific, value, c)) break;
        if (!is_power_of_two) continue;
        step_up(scientific);
        if (reads_back(scientific, value, c)) break;
    }
    uselocale(before);
}

// Any float32 but those that shortest_decimal takes.
static const char *format_any_float32(double value, char text[SS_NUMBER_TEXT_SIZE])
{
    char scientific[32];
    uint64_t digits = 0;
    int exponent10 = 1;
    if (!isfinite(value) || value == 0) return ss_float64_format(value, text);
    shortest_digits(fabs(value), scientific);
    for (const char *at = scientific; *at != 'e'; at++)
        if (*at != '.') {
            digits = digits * 10 + (uint64_t)(*at - '0');
            exponent10--;
        }
    exponent10 += atoi(strchr(scientific, 'e') + 1);
    for (; digits % 10 == 0; digits /= 10) exponent10++;
    text[0] = '-';
    const size_t sign = value < 0;
    text[sign + ss_float_lay_out(digits, exponent10, text + sign)] = 0;
    return text;
}

// Is the decimal m / 10^places read as this float32? One division, correctly rounded: as parsing has it.
static bool is_float32(int64_t m, unsigned places, double value)
{
    return (double)(float)((double)m / (double)powers[places]) == value;
}

// A float32 from 1e-4 to 2^24, with as few decimal places as read back: what format_any_float32 prints too
// (no power of two between them has a shorter decimal on its wide side), quicker. value 10^places is exact
// here: 24 bits times 5^12, which has 28.
static bool shortest_decimal(double value, int64_t *m, unsigned *places)
{
    for (*places = 0; *places <= 12; ++*places) {
        const double scaled = value * (double)powers[*places];
        const int64_t whole = (int64_t)scaled;
        const double rest = scaled - (double)whole;
        *m = whole + (rest > 0.5 || (rest == 0.5 && whole % 2 == 1));
        if (is_float32(*m, *places, value)) return true;
    }
    return false;
}

const char *ss_float32_format(float value, char text[SS_NUMBER_TEXT_SIZE])
{
    const double magnitude = fabs((double)value);
    int64_t m;
    unsigned places;
    if (!(magnitude >= 1e-4 && magnitude < 0x1p24) || !shortest_decimal(magnitude, &m, &places))
        return format_any_float32((double)value, text);
    ss_decimal_format(value < 0 ? -m : m, places, text);
    return places ? text : strcat(text, ".0");
}

bool ss_float64_normalise(double *value)
{
    if (!isfinite(*value)) return false;
    if (*value == 0) *value = 0; // -0 too
    return true;
}
