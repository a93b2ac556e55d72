// Times: their parts and starts, in UTC and in zones, around changes of the clocks and at the ends of time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/program_harness.h"

static void parts_of_times_are_those_of_the_calendar(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"year(timestamp '0001-01-01')", "int64 1"},
        {"year(timestamp '9999-12-31T23:59:59.999999Z')", "int64 9999"},
        {"week(timestamp '0001-01-01')", "int64 1"},
        {"week(timestamp '9999-12-31')", "int64 52"},
        {"week(timestamp '2020-12-31')", "int64 53"},
        {"week(timestamp '2024-12-30')", "int64 1"},
        {"week(timestamp '2023-01-01')", "int64 52"},
        {"day_of_week(timestamp '0001-01-01')", "int64 1"},
        {"day_of_week(timestamp '1969-12-28')", "int64 7"},
        {"day_of_week(timestamp '1970-01-01')", "int64 4"},
        {"day_of_year(timestamp '2024-12-31')", "int64 366"},
        {"day_of_year(timestamp '1900-12-31')", "int64 365"},
        {"day(timestamp '2000-02-29')", "int64 29"},
        {"quarter(timestamp '2026-03-31T23:59:59.999999Z')", "int64 1"},
        {"quarter(timestamp '2026-10-01')", "int64 4"},
        {"hour(timestamp '1969-12-31T23:59:59.999999Z')", "int64 23"},
        {"minute(timestamp '1969-12-31T23:59:59.999999Z')", "int64 59"},
        {"second(timestamp '1969-12-31T23:59:59.999999Z')", "int64 59"},
        {"second(t)", "int64 1"},
        {"hour(t, 'UTC')", "int64 0"},
        {"hour(n_time)", "int64 null"},
        {"hour(n_time, 'Europe/Berlin')", "int64 null"},
        // Local mean time, before there were zones: Berlin is 53 min 28 s ahead.
        {"minute(timestamp '1800-01-01', 'Europe/Berlin')", "int64 53"},
        {"second(timestamp '1800-01-01', 'Europe/Berlin')", "int64 28"},
        {"hour(timestamp '2026-03-29T00:59:59Z', 'Europe/Berlin')", "int64 1"},
        {"hour(timestamp '2026-03-29T01:00:00Z', 'Europe/Berlin')", "int64 3"},
        {"hour(timestamp '2026-10-25T00:30:00Z', 'Europe/Berlin')", "int64 2"},
        {"hour(timestamp '2026-10-25T01:30:00Z', 'Europe/Berlin')", "int64 2"},
        {"hour(timestamp '9998-07-01T00:00:00Z', 'Europe/Berlin')", "int64 2"}, // by the rule
        // Wall times outside of the years 1 to 9999.
        {"year(timestamp '0001-01-01', 'America/New_York')", "int64 null"},
        {"hour(timestamp '0001-01-01', 'America/New_York')", "int64 null"},
        {"year(timestamp '9999-12-31T23:30:00Z', 'Europe/Berlin')", "int64 null"},
        {"year(timestamp '0001-01-01T12:00:00Z', 'America/New_York')", "int64 1"},
    };
    CHECK_VALUES(cases);
}

static void date_trunc_gives_the_first_instant_of_its_unit(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"date_trunc('hour', t)", "timestamp 1970-01-01T00:00:00Z"},
        {"date_trunc('hour', timestamp '1969-12-31T23:59:59.999999Z')", "timestamp 1969-12-31T23:00:00Z"},
        {"date_trunc('day', timestamp '1969-12-31T23:59:59.999999Z')", "timestamp 1969-12-31T00:00:00Z"},
        {"date_trunc('week', timestamp '1970-01-01')", "timestamp 1969-12-29T00:00:00Z"},
        {"date_trunc('week', timestamp '2026-02-02')", "timestamp 2026-02-02T00:00:00Z"},
        {"date_trunc('week', timestamp '0001-01-07T23:00:00Z')", "timestamp 0001-01-01T00:00:00Z"},
        {"date_trunc('month', timestamp '2024-02-29T12:00:00Z')", "timestamp 2024-02-01T00:00:00Z"},
        {"date_trunc('quarter', timestamp '2024-12-31T12:00:00Z')", "timestamp 2024-10-01T00:00:00Z"},
        {"date_trunc('year', timestamp '9999-12-31T12:00:00Z')", "timestamp 9999-01-01T00:00:00Z"},
        {"date_trunc('day', n_time)", "timestamp null"},
        // Before year 1.
        {"date_trunc('year', timestamp '0001-06-01', 'Europe/Berlin')", "timestamp null"},
        {"date_trunc('day', timestamp '0001-01-01', 'America/New_York')", "timestamp null"},
        {"date_trunc('hour', timestamp '0001-01-01T00:10:00Z', 'America/New_York')", "timestamp null"},
        {"date_trunc('hour', timestamp '0001-01-01T00:10:00Z', 'Etc/GMT+5')",
         "timestamp 0001-01-01T00:00:00Z"},
        // Days of 23, 25 and 24 hours.
        {"date_trunc('day', timestamp '2026-03-29T21:59:59Z', 'Europe/Berlin')",
         "timestamp 2026-03-28T23:00:00Z"},
        {"date_trunc('day', timestamp '2026-03-29T22:00:00Z', 'Europe/Berlin')",
         "timestamp 2026-03-29T22:00:00Z"},
        {"date_trunc('day', timestamp '2026-10-25T22:59:59Z', 'Europe/Berlin')",
         "timestamp 2026-10-24T22:00:00Z"},
        {"date_trunc('year', timestamp '2026-07-01', 'Europe/Berlin')", "timestamp 2025-12-31T23:00:00Z"},
        {"date_trunc('month', timestamp '1965-07-01T00:00:00Z', 'Europe/Berlin')",
         "timestamp 1965-06-30T23:00:00Z"},
        {"date_trunc('day', timestamp '9998-07-01T22:00:00Z', 'Europe/Berlin')",
         "timestamp 9998-07-01T22:00:00Z"},
        // 02:00 twice: the first.
        {"date_trunc('hour', timestamp '2026-10-25T00:30:00Z', 'Europe/Berlin')",
         "timestamp 2026-10-25T00:00:00Z"},
        {"date_trunc('hour', timestamp '2026-10-25T01:30:00Z', 'Europe/Berlin')",
         "timestamp 2026-10-25T00:00:00Z"},
        {"date_trunc('hour', timestamp '2026-10-25T02:30:00Z', 'Europe/Berlin')",
         "timestamp 2026-10-25T02:00:00Z"},
        // No midnight: the day starts at 01:00, when the clocks change.
        {"date_trunc('day', timestamp '2018-11-04T12:00:00Z', 'America/Sao_Paulo')",
         "timestamp 2018-11-04T03:00:00Z"},
        // Clocks go on by half an hour at 02:00 and back at 02:00 to 01:30.
        {"date_trunc('hour', timestamp '2026-10-03T15:40:00Z', 'Australia/Lord_Howe')",
         "timestamp 2026-10-03T15:30:00Z"},
        {"date_trunc('hour', timestamp '2026-04-04T15:10:00Z', 'Australia/Lord_Howe')",
         "timestamp 2026-04-04T14:00:00Z"},
        // From 23:30 to 00:30: midnight is skipped, and the day starts in the middle of its first hour.
        {"date_trunc('day', timestamp '1919-03-31T12:00:00Z', 'America/Toronto')",
         "timestamp 1919-03-31T04:30:00Z"},
        // A whole day is skipped: 2011-12-30.
        {"date_trunc('day', timestamp '2011-12-30T10:30:00Z', 'Pacific/Apia')",
         "timestamp 2011-12-30T10:00:00Z"},
        {"date_trunc('day', timestamp '2011-12-30T09:30:00Z', 'Pacific/Apia')",
         "timestamp 2011-12-29T10:00:00Z"},
        {"date_trunc('week', timestamp '2011-12-31T09:30:00Z', 'Pacific/Apia')",
         "timestamp 2011-12-26T10:00:00Z"},
    };
    CHECK_VALUES(cases);
}

static void texts_are_cast_to_bools_and_times(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"bool('true')", "bool true"},
        {"bool('false')", "bool false"},
        {"bool('TRUE')", "bool null"},
        {"bool('')", "bool null"},
        {"bool(n_string)", "bool null"},
        {"bool(yes)", "bool true"},
        {"timestamp('2026-01-31T10:00:00+02:00')", "timestamp 2026-01-31T08:00:00Z"},
        {"timestamp('2026-01-31')", "timestamp 2026-01-31T00:00:00Z"},
        {"timestamp('2026-07-01', 'Europe/Berlin')", "timestamp 2026-06-30T22:00:00Z"},
        {"timestamp('2026-07-01T00:00:00Z', 'Europe/Berlin')", "timestamp 2026-07-01T00:00:00Z"},
        {"timestamp('2026-13-01')", "timestamp null"},
        {"timestamp(country)", "timestamp null"},
        {"timestamp(n_string)", "timestamp null"},
        {"timestamp(i)", "timestamp 1970-01-01T00:00:00.000007Z"},
        {"timestamp(i + 9000000000000000000)", "timestamp null"},
        {"timestamp(-62135596800000001)", "timestamp null"},
        {"timestamp(-62135596800000000)", "timestamp 0001-01-01T00:00:00Z"},
        {"timestamp(n_int64)", "timestamp null"},
        {"timestamp(t)", "timestamp 1970-01-01T00:01:01Z"},
    };
    CHECK_VALUES(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_times_are_those_of_the_calendar),
        cmocka_unit_test(date_trunc_gives_the_first_instant_of_its_unit),
        cmocka_unit_test(texts_are_cast_to_bools_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
