// Times: the proleptic Gregorian calendar in 64-bit microseconds, and the text forms of CLI.md.

#include "engine/base/time.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/number_text.h"

int64_t ss_floor_to(int64_t time_us, int64_t step_us)
{
    const int64_t past = time_us % step_us;
    const int64_t back = past < 0 ? past + step_us : past;
    return time_us < INT64_MIN + back ? INT64_MIN : time_us - back;
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar: years counted from March, in eras of
// 400 years.
int64_t ss_days_of_date(struct ss_date date)
{
    const int64_t month = date.month, march_year = date.year - (month <= 2);
    const int64_t era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    const int64_t year_of_era = march_year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct ss_date ss_date_of_days(int64_t days)
{
    const int64_t shifted = days + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted_month = (5 * day_of_year + 2) / 153;
    const int64_t month = shifted_month + (shifted_month < 10 ? 3 : -9);
    return (struct ss_date){.year = year_of_era + era * 400 + (month <= 2),
                            .month = month,
                            .day = day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

#define NO_DIGITS 10000 // more than any four digits

static inline int64_t two_digits(const char *at)
{
    const unsigned tens = (unsigned char)at[0] - (unsigned)'0', ones = (unsigned char)at[1] - (unsigned)'0';
    return tens <= 9 && ones <= 9 ? tens * 10 + ones : NO_DIGITS;
}

// YYYY-MM-DD
static bool take_date(const char **at, const char *end, int64_t *days)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *text = *at;
    if (end - text < 10 || text[4] != '-' || text[7] != '-') return false;
    const int64_t year = two_digits(text) * 100 + two_digits(text + 2);
    const int64_t month = two_digits(text + 5), day = two_digits(text + 8);
    if (year < 1 || year >= NO_DIGITS || month < 1 || month > 12 || day < 1) return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (leap && month == 2)) return false;
    *days = ss_days_of_date((struct ss_date){year, month, day});
    *at += 10;
    return true;
}

// The digits after a point, as microseconds; finer ones floored. False: there are none.
static bool take_fraction(const char **at, const char *end, int64_t *us)
{
    static const unsigned units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *text = *at;
    unsigned value = 0, count = 0, digit;
    for (; text < end && (digit = (unsigned char)*text - (unsigned)'0') <= 9; text++) {
        if (count == 6) continue;
        value = value * 10 + digit;
        count++;
    }
    *at = text;
    *us = value * units[count];
    return count > 0;
}

// HH:MM:SS[.digits]
static bool take_clock(const char **at, const char *end, int64_t *us)
{
    const char *text = *at;
    int64_t fraction = 0;
    if (end - text < 8 || text[2] != ':' || text[5] != ':') return false;
    const int64_t hour = two_digits(text), minute = two_digits(text + 3), second = two_digits(text + 6);
    if (hour > 23 || minute > 59 || second > 59) return false;
    text += 8;
    if (text < end && *text == '.') {
        text++;
        if (!take_fraction(&text, end, &fraction)) return false;
    }
    *us = hour * SS_HOUR_US + minute * SS_MINUTE_US + second * SS_SECOND_US + fraction;
    *at = text;
    return true;
}

// Z, +HH:MM or -HH:MM, and nothing else.
static bool take_offset(const char *at, const char *end, int64_t *offset_us)
{
    *offset_us = 0;
    if (end - at == 1) return *at == 'Z' || *at == 'z';
    if (end - at != 6 || (at[0] != '+' && at[0] != '-') || at[3] != ':') return false;
    const int64_t hours = two_digits(at + 1), minutes = two_digits(at + 4);
    if (hours > 23 || minutes > 59) return false;
    *offset_us = (at[0] == '-' ? -1 : 1) * (hours * SS_HOUR_US + minutes * SS_MINUTE_US);
    return true;
}

static bool in_range(int64_t time_us)
{
    return time_us >= SS_TIME_MIN_US && time_us <= SS_TIME_MAX_US;
}

static bool parse_text(struct ss_bytes text, const struct ss_zone *zone, int64_t *time_us)
{
    const char *at = text.data, *end = text.data + text.size;
    int64_t days, clock_us = 0, offset_us;
    if (text.size == 0 || !take_date(&at, end, &days)) return false;
    if (at < end) {
        if (*at != 'T' && *at != 't' && *at != ' ') return false;
        at++;
        if (!take_clock(&at, end, &clock_us)) return false;
    }
    const int64_t local_us = days * SS_DAY_US + clock_us;
    if (at == end) {
        *time_us = ss_zone_to_utc(zone, local_us);
        return true;
    }
    if (!take_offset(at, end, &offset_us)) return false;
    *time_us = local_us - offset_us;
    return true;
}

static bool parse_epoch(struct ss_bytes text, int64_t unit_us, int64_t *time_us)
{
    int64_t count;
    return ss_int64_parse(text, &count) && !__builtin_mul_overflow(count, unit_us, time_us);
}

bool ss_time_parse(struct ss_bytes text, enum ss_time_unit unit, const struct ss_zone *zone, int64_t *time_us)
{
    int64_t parsed = 0;
    bool ok = false;
    switch (unit) {
    case SS_UNIT_TEXT: ok = parse_text(text, zone, &parsed); break;
    case SS_UNIT_S: ok = parse_epoch(text, SS_SECOND_US, &parsed); break;
    case SS_UNIT_MS: ok = parse_epoch(text, 1000, &parsed); break;
    case SS_UNIT_US: ok = parse_epoch(text, 1, &parsed); break;
    }
    if (!ok || !in_range(parsed)) return false;
    *time_us = parsed;
    return true;
}

// Two fields of two digits, and what stands before each.
static void write_fields(char *text, char before, int64_t first, char between, int64_t second)
{
    text[0] = before;
    ss_digits_write((uint64_t)first, 2, text + 1);
    text[3] = between;
    ss_digits_write((uint64_t)second, 2, text + 4);
}

size_t ss_time_write(int64_t time_us, char *text)
{
    if (!in_range(time_us)) return (size_t)snprintf(text, SS_TIME_TEXT_SIZE, "%lld us", (long long)time_us);
    const int64_t midnight_us = ss_floor_to(time_us, SS_DAY_US);
    const int64_t second = (time_us - midnight_us) / SS_SECOND_US;
    const int64_t fraction = (time_us - midnight_us) % SS_SECOND_US;
    const struct ss_date date = ss_date_of_days(midnight_us / SS_DAY_US);
    size_t length = 19;
    ss_digits_write((uint64_t)date.year, 4, text);
    write_fields(text + 4, '-', date.month, '-', date.day);
    write_fields(text + 10, 'T', second / 3600, ':', second / 60 % 60);
    text[16] = ':';
    ss_digits_write((uint64_t)(second % 60), 2, text + 17);
    if (fraction) {
        text[length] = '.';
        ss_digits_write((uint64_t)fraction, 6, text + length + 1);
        for (length += 7; text[length - 1] == '0';) length--;
    }
    text[length] = 'Z';
    return length + 1;
}

const char *ss_time_format(int64_t time_us, char text[SS_TIME_TEXT_SIZE])
{
    text[ss_time_write(time_us, text)] = 0;
    return text;
}

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {{"d", SS_DAY_US},    {"h", SS_HOUR_US}, {"m", SS_MINUTE_US},
             {"s", SS_SECOND_US}, {"ms", 1000},      {"us", 1}};
#define UNIT_COUNT (sizeof units / sizeof *units)

bool ss_duration_parse(struct ss_bytes text, int64_t *duration_us)
{
    int64_t sum = 0;
    size_t at = 0, unit = 0; // the first unit that may still come
    while (at < text.size) {
        size_t digits = at, letters;
        int64_t count, part;
        while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
        for (letters = digits; letters < text.size && (text.data[letters] < '0' || text.data[letters] > '9');)
            letters++;
        const struct ss_bytes name = {text.data + digits, letters - digits};
        if (digits == at || !ss_int64_parse((struct ss_bytes){text.data + at, digits - at}, &count))
            return false;
        while (unit < UNIT_COUNT && !ss_bytes_equal(name, ss_bytes_of(units[unit].name))) unit++;
        if (unit == UNIT_COUNT || __builtin_mul_overflow(count, units[unit].us, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        unit++;
        at = letters;
    }
    if (sum <= 0) return false;
    *duration_us = sum;
    return true;
}

const char *ss_duration_format(int64_t duration_us, char text[SS_TIME_TEXT_SIZE])
{
    size_t length = 0;
    text[0] = 0;
    if (duration_us <= 0) snprintf(text, SS_TIME_TEXT_SIZE, "%lldus", (long long)duration_us);
    for (size_t i = 0; duration_us > 0 && i < UNIT_COUNT; i++) {
        const int64_t count = duration_us / units[i].us;
        if (count == 0) continue;
        length += (size_t)snprintf(text + length, SS_TIME_TEXT_SIZE - length, "%lld%s", (long long)count,
                                   units[i].name);
        duration_us -= count * units[i].us;
    }
    return text;
}
