// Times and durations as text, floors, and the bounds of the calendar.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/time.h"
#include "tests/unit/random_bits.h"

static const struct {
    const char *text;
    enum ss_time_unit unit;
    int64_t want;
} good[] = {
    {"1970-01-01T00:00:00Z", SS_UNIT_TEXT, 0},
    {"2026-01-31T10:00:00.5Z", SS_UNIT_TEXT, INT64_C(1769853600500000)},
    {"2026-01-31t10:00:00z", SS_UNIT_TEXT, INT64_C(1769853600000000)},
    {"2026-01-31 10:00:00", SS_UNIT_TEXT, INT64_C(1769853600000000)},
    {"2026-01-31", SS_UNIT_TEXT, INT64_C(1769817600000000)},
    {"2026-01-31T10:00:00+02:00", SS_UNIT_TEXT, INT64_C(1769846400000000)},
    {"2026-01-31T10:00:00-00:30", SS_UNIT_TEXT, INT64_C(1769855400000000)},
    {"2026-01-31 10:00:00.123456-23:59", SS_UNIT_TEXT, INT64_C(1769939940123456)},
    {"2000-02-29T23:59:59.9999999999999999999999Z", SS_UNIT_TEXT, INT64_C(951868799999999)},
    {"1969-12-31T23:59:59.9999999Z", SS_UNIT_TEXT, -1},
    {"1969-12-31T23:59:59.0000001Z", SS_UNIT_TEXT, -SS_SECOND_US},
    {"0001-01-01T00:00:00Z", SS_UNIT_TEXT, SS_TIME_MIN_US},
    {"0001-01-01T01:00:00+01:00", SS_UNIT_TEXT, SS_TIME_MIN_US},
    {"9999-12-31T23:59:59.999999Z", SS_UNIT_TEXT, SS_TIME_MAX_US},
    {"9999-12-31T22:59:59.999999-01:00", SS_UNIT_TEXT, SS_TIME_MAX_US},
    {"0", SS_UNIT_S, 0},
    {"-1", SS_UNIT_S, -SS_SECOND_US},
    {"1769853600", SS_UNIT_S, INT64_C(1769853600000000)},
    {"1769853600001", SS_UNIT_MS, INT64_C(1769853600001000)},
    {"1769853600000001", SS_UNIT_US, INT64_C(1769853600000001)},
    {"253402300799", SS_UNIT_S, SS_TIME_MAX_US / SS_SECOND_US *SS_SECOND_US},
};

static const struct {
    const char *text;
    enum ss_time_unit unit;
} bad[] = {
    {"", SS_UNIT_TEXT},
    {"2026", SS_UNIT_TEXT},
    {"2026-01", SS_UNIT_TEXT},
    {"2026-1-31", SS_UNIT_TEXT},
    {"2026-01-31T", SS_UNIT_TEXT},
    {"2026-01-31T10", SS_UNIT_TEXT},
    {"2026-01-31T10:00", SS_UNIT_TEXT},
    {"2026-01-31T10:00:0", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00.", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00.Z", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00,5Z", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00ZZ", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00 Z", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00+0200", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00+2:00", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00+24:00", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00+02:60", SS_UNIT_TEXT},
    {"2026-01-31T10:00:00+", SS_UNIT_TEXT},
    {"2026-01-31  10:00:00", SS_UNIT_TEXT},
    {" 2026-01-31", SS_UNIT_TEXT},
    {"2026-01-31 ", SS_UNIT_TEXT},
    {"2026-01-31Z", SS_UNIT_TEXT},
    {"2026-02-29", SS_UNIT_TEXT},
    {"1900-02-29", SS_UNIT_TEXT},
    {"2026-04-31", SS_UNIT_TEXT},
    {"2026-00-10", SS_UNIT_TEXT},
    {"2026-13-10", SS_UNIT_TEXT},
    {"2026-01-00", SS_UNIT_TEXT},
    {"2026-01-32", SS_UNIT_TEXT},
    {"2026-01-31T24:00:00Z", SS_UNIT_TEXT},
    {"2026-01-31T10:60:00Z", SS_UNIT_TEXT},
    {"2026-12-31T23:59:60Z", SS_UNIT_TEXT},
    {"0000-12-31T00:00:00Z", SS_UNIT_TEXT},
    {"10000-01-01T00:00:00Z", SS_UNIT_TEXT},
    {"-001-01-01T00:00:00Z", SS_UNIT_TEXT},
    {"+2026-01-01T00:00:00Z", SS_UNIT_TEXT},
    {"0001-01-01T00:00:00+00:01", SS_UNIT_TEXT},
    {"9999-12-31T23:59:59-00:01", SS_UNIT_TEXT},
    {"2026/01/31", SS_UNIT_TEXT},
    {"31.01.2026", SS_UNIT_TEXT},
    {"1769853600", SS_UNIT_TEXT},
    {"now", SS_UNIT_TEXT},
    {"2026-01-31", SS_UNIT_S},
    {"1769853600.5", SS_UNIT_S},
    {"1e9", SS_UNIT_S},
    {"", SS_UNIT_US},
    {"253402300800", SS_UNIT_S},
    {"-62135596801", SS_UNIT_S},
    {"9223372036854775807", SS_UNIT_S},
    {"9223372036854775807", SS_UNIT_US},
};

static void times_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t time_us = 4711;
        if (!ss_time_parse(ss_bytes_of(good[i].text), good[i].unit, NULL, &time_us) ||
            time_us != good[i].want)
            fail_msg("'%s': got %lld", good[i].text, (long long)time_us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t time_us = 4711;
        if (ss_time_parse(ss_bytes_of(bad[i].text), bad[i].unit, NULL, &time_us))
            fail_msg("'%s' was taken for %lld", bad[i].text, (long long)time_us);
        assert_int_equal(time_us, 4711);
    }
}

static void times_are_printed_with_as_many_digits_as_needed(void **state)
{
    (void)state;
    char text[SS_TIME_TEXT_SIZE];
    assert_string_equal(ss_time_format(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(ss_time_format(-1, text), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(ss_time_format(INT64_C(1769853600500000), text), "2026-01-31T10:00:00.5Z");
    assert_string_equal(ss_time_format(INT64_C(1769853600000100), text), "2026-01-31T10:00:00.0001Z");
    assert_string_equal(ss_time_format(SS_TIME_MIN_US, text), "0001-01-01T00:00:00Z");
    assert_string_equal(ss_time_format(SS_TIME_MAX_US, text), "9999-12-31T23:59:59.999999Z");
    assert_string_equal(ss_time_format(INT64_MAX, text), "9223372036854775807 us");
    assert_string_equal(ss_time_format(INT64_MIN, text), "-9223372036854775808 us");
}

// Every day of the calendar, and random times, against the C library's gmtime.
static void the_calendar_is_the_c_librarys(void **state)
{
    (void)state;
    for (int64_t day = SS_TIME_MIN_US / SS_DAY_US; day <= SS_TIME_MAX_US / SS_DAY_US; day++) {
        char text[SS_TIME_TEXT_SIZE], want[SS_TIME_TEXT_SIZE];
        const time_t second = day * 86400;
        struct tm parts;
        int64_t read = 0;
        assert_non_null(gmtime_r(&second, &parts));
        snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00Z", parts.tm_year + 1900, parts.tm_mon + 1,
                 parts.tm_mday);
        assert_string_equal(ss_time_format(day * SS_DAY_US, text), want);
        assert_true(ss_time_parse(ss_bytes_of(text), SS_UNIT_TEXT, NULL, &read));
        assert_int_equal(read, day * SS_DAY_US);
    }
}

static void times_round_trip_through_text(void **state)
{
    (void)state;
    random_state = 20261121;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int i = 0; i < 50000; i++) {
        char text[SS_TIME_TEXT_SIZE];
        const uint64_t span = (uint64_t)SS_TIME_MAX_US - (uint64_t)SS_TIME_MIN_US + 1;
        const int64_t time_us = (int64_t)((uint64_t)SS_TIME_MIN_US + random_bits() % span);
        int64_t read = 0;
        assert_true(ss_time_parse(ss_bytes_of(ss_time_format(time_us, text)), SS_UNIT_TEXT, NULL, &read));
        assert_int_equal(read, time_us);
    }
}

static const struct {
    const char *text;
    int64_t us; // 0: no duration
    const char *shortest;
} durations[] = {
    {"90d", 90 * SS_DAY_US, "90d"},
    {"12h", 12 * SS_HOUR_US, "12h"},
    {"24h", SS_DAY_US, "1d"},
    {"5m", 5 * SS_MINUTE_US, "5m"},
    {"30s", 30 * SS_SECOND_US, "30s"},
    {"250ms", 250000, "250ms"},
    {"10us", 10, "10us"},
    {"1h30m", 90 * SS_MINUTE_US, "1h30m"},
    {"1d2h3m4s5ms6us", SS_DAY_US + 2 * SS_HOUR_US + 3 * SS_MINUTE_US + 4 * SS_SECOND_US + 5006,
     "1d2h3m4s5ms6us"},
    {"90m", 90 * SS_MINUTE_US, "1h30m"},
    {"0d1h", SS_HOUR_US, "1h"},
    {"106751991d", INT64_C(106751991) * SS_DAY_US, "106751991d"},
    {"", 0, NULL},
    {"0d", 0, NULL},
    {"d", 0, NULL},
    {"5", 0, NULL},
    {"1h30", 0, NULL},
    {"30m1h", 0, NULL},
    {"1h1h", 0, NULL},
    {"-1h", 0, NULL},
    {"+1h", 0, NULL},
    {"1.5h", 0, NULL},
    {"1 h", 0, NULL},
    {"1h ", 0, NULL},
    {"1w", 0, NULL},
    {"1H", 0, NULL},
    {"1min", 0, NULL},
    {"106751992d", 0, NULL},
    {"99999999999999999999us", 0, NULL},
    {"106751991d24h", 0, NULL},
};

static void durations_are_read_and_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        char text[SS_TIME_TEXT_SIZE];
        int64_t us = 0;
        const bool ok = ss_duration_parse(ss_bytes_of(durations[i].text), &us);
        if (ok != (durations[i].us != 0) || us != durations[i].us)
            fail_msg("'%s': got %d, %lld", durations[i].text, ok, (long long)us);
        if (ok) assert_string_equal(ss_duration_format(us, text), durations[i].shortest);
    }
}

static void every_duration_reads_back(void **state)
{
    (void)state;
    random_state = 815;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int i = 0; i < 50000; i++) {
        char text[SS_TIME_TEXT_SIZE];
        const int64_t want = (int64_t)(random_bits() >> (1 + random_bits() % 62)) + 1;
        int64_t us = 0;
        if (want <= 0) continue;
        assert_true(ss_duration_parse(ss_bytes_of(ss_duration_format(want, text)), &us));
        assert_int_equal(us, want);
    }
    char text[SS_TIME_TEXT_SIZE];
    int64_t us = 0;
    assert_true(ss_duration_parse(ss_bytes_of(ss_duration_format(INT64_MAX, text)), &us));
    assert_int_equal(us, INT64_MAX);
}

static void floors_are_mathematical_before_1970_too(void **state)
{
    (void)state;
    assert_int_equal(ss_floor_to(7, 5), 5);
    assert_int_equal(ss_floor_to(5, 5), 5);
    assert_int_equal(ss_floor_to(0, 5), 0);
    assert_int_equal(ss_floor_to(-1, 5), -5);
    assert_int_equal(ss_floor_to(-5, 5), -5);
    assert_int_equal(ss_floor_to(-6, 5), -10);
    assert_int_equal(ss_floor_to(-7, 1), -7);
    assert_true(ss_floor_to(INT64_MIN, 3) == INT64_MIN);
    assert_true(ss_floor_to(INT64_MIN + 1, 5) == INT64_MIN);
    assert_true(ss_floor_to(INT64_MAX, INT64_MAX) == INT64_MAX);
    assert_true(ss_floor_to(-1, INT64_MAX) == -INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_exactly_or_not_at_all),
        cmocka_unit_test(times_are_printed_with_as_many_digits_as_needed),
        cmocka_unit_test(the_calendar_is_the_c_librarys),
        cmocka_unit_test(times_round_trip_through_text),
        cmocka_unit_test(durations_are_read_and_printed),
        cmocka_unit_test(every_duration_reads_back),
        cmocka_unit_test(floors_are_mathematical_before_1970_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
