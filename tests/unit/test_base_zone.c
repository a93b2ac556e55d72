// Time zones: every zone of the machine against the C library, and files that are none.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/time.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/random_bits.h"

#define ZONES "/usr/share/zoneinfo"

static bool read_zone(const char *name, struct ss_buffer *bytes)
{
    char path[256], chunk[4096];
    size_t size;
    snprintf(path, sizeof path, ZONES "/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0) ss_buffer_append(bytes, chunk, size);
    fclose(file);
    return true;
}

static struct ss_bytes bytes_of(const struct ss_buffer *buffer)
{
    return (struct ss_bytes){(const char *)buffer->data, buffer->size};
}

// Skips the test when the machine has no zones.
static const struct ss_zone *load(const char *name, struct ss_arena *arena)
{
    struct ss_buffer bytes = {0};
    const struct ss_zone *zone = NULL;
    struct ss_error error = {0};
    if (!read_zone(name, &bytes)) {
        print_message(ZONES "/%s is not there (package tzdata): nothing to test\n", name);
        skip();
    }
    assert_int_equal(ss_zone_parse(name, bytes_of(&bytes), arena, &zone, &error), SS_OK);
    ss_buffer_release(&bytes);
    return zone;
}

static int64_t utc_of(const struct ss_zone *zone, const char *local)
{
    int64_t time_us = 0;
    assert_true(ss_time_parse(ss_bytes_of(local), SS_UNIT_TEXT, zone, &time_us));
    return time_us;
}

static void expect_utc(const struct ss_zone *zone, const char *local, const char *want)
{
    char text[SS_TIME_TEXT_SIZE];
    assert_string_equal(ss_time_format(utc_of(zone, local), text), want);
}

static void a_time_that_occurs_twice_is_its_first_occurrence(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    const struct ss_zone *zone = load("Europe/Berlin", &arena);
    expect_utc(zone, "2025-10-26 01:59:59.999999", "2025-10-25T23:59:59.999999Z");
    expect_utc(zone, "2025-10-26 02:00:00", "2025-10-26T00:00:00Z");
    expect_utc(zone, "2025-10-26 02:59:59.999999", "2025-10-26T00:59:59.999999Z");
    expect_utc(zone, "2025-10-26 03:00:00", "2025-10-26T02:00:00Z");
    ss_arena_release(&arena);
}

static void a_time_that_is_skipped_moves_forward_by_the_gap(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    const struct ss_zone *zone = load("Europe/Berlin", &arena);
    expect_utc(zone, "2025-03-30 01:59:59.999999", "2025-03-30T00:59:59.999999Z");
    expect_utc(zone, "2025-03-30 02:00:00", "2025-03-30T01:00:00Z");
    expect_utc(zone, "2025-03-30 02:30:00", "2025-03-30T01:30:00Z");
    expect_utc(zone, "2025-03-30 03:00:00", "2025-03-30T01:00:00Z");
    zone = load("Pacific/Apia", &arena); // left a whole day out
    expect_utc(zone, "2011-12-29 23:59:59", "2011-12-30T09:59:59Z");
    expect_utc(zone, "2011-12-30 12:00:00", "2011-12-30T22:00:00Z");
    expect_utc(zone, "2011-12-31 00:00:00", "2011-12-30T10:00:00Z");
    ss_arena_release(&arena);
}

static void the_rule_of_the_footer_goes_on_for_ever(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    const struct ss_zone *zone = load("America/New_York", &arena);
    expect_utc(zone, "2037-07-01 12:00:00", "2037-07-01T16:00:00Z");
    expect_utc(zone, "2038-07-01 12:00:00", "2038-07-01T16:00:00Z");
    expect_utc(zone, "2500-01-01 12:00:00", "2500-01-01T17:00:00Z");
    expect_utc(zone, "9999-07-01 12:00:00", "9999-07-01T16:00:00Z");
    expect_utc(zone, "1883-11-18 12:00:00", "1883-11-18T16:56:02Z"); // local mean time still
    expect_utc(zone, "0001-01-02 00:00:00", "0001-01-02T04:56:02Z");
    zone = load("Australia/Sydney", &arena); // its summer spans the year's end
    expect_utc(zone, "2100-01-01 00:00:00", "2099-12-31T13:00:00Z");
    expect_utc(zone, "2100-06-01 00:00:00", "2100-05-31T14:00:00Z");
    ss_arena_release(&arena);
}

static void a_written_offset_beats_the_zone(void **state)
{
    (void)state;
    struct ss_arena arena = {0};
    const struct ss_zone *zone = load("America/New_York", &arena);
    expect_utc(zone, "2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z");
    expect_utc(zone, "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z");
    expect_utc(zone, "2026-01-31", "2026-01-31T05:00:00Z");
    assert_string_equal(ss_zone_name(zone), "America/New_York");
    assert_int_equal(ss_zone_to_utc(NULL, 4711), 4711);
    ss_arena_release(&arena);
}

// ---- Every zone against the C library.

static int64_t libc_offset(int64_t utc)
{
    const time_t second = utc;
    struct tm parts;
    assert_non_null(localtime_r(&second, &parts));
    return parts.tm_gmtoff;
}

// Tries every offset in force within two days of the local second: the earliest UTC second that shows it, or,
// in a gap, the offset in force before the gap.
static int64_t libc_to_utc(int64_t local)
{
    int64_t best = INT64_MAX, gap_offset = 0;
    for (int64_t utc = local - 2 * 86400; utc <= local + 2 * 86400; utc += 4 * 3600) {
        const int64_t found = libc_offset(utc);
        if (local - found < best && libc_offset(local - found) == found) best = local - found;
        if (utc + found < local) gap_offset = found;
    }
    return best != INT64_MAX ? best : local - gap_offset;
}

static void compare_at(const char *name, const struct ss_zone *zone, int64_t local)
{
    const int64_t got = ss_zone_to_utc(zone, local * SS_SECOND_US);
    const int64_t want = libc_to_utc(local) * SS_SECOND_US;
    if (got != want)
        fail_msg("%s: local second %lld: got %lld, the C library says %lld", name, (long long)local,
                 (long long)got, (long long)want);
}

// The UTC second in (from, to] from which the offset of `to` is in force; the offset changes once between.
static int64_t find_change(int64_t from, int64_t to)
{
    const int64_t after = libc_offset(to);
    while (to - from > 1) {
        const int64_t middle = from + (to - from) / 2;
        if (libc_offset(middle) == after)
            to = middle;
        else
            from = middle;
    }
    return to;
}

// The first UTC second that shows the local second; in a gap, that of the change.
static int64_t libc_first_instant(int64_t local)
{
    int64_t best = INT64_MAX, utc = local - 2 * 86400;
    for (int64_t near = utc; near <= local + 2 * 86400; near += 4 * 3600) {
        const int64_t found = libc_offset(near);
        if (local - found < best && libc_offset(local - found) == found) best = local - found;
    }
    if (best != INT64_MAX) return best;
    while (utc + libc_offset(utc) < local) utc += 4 * 3600;
    return find_change(utc - 4 * 3600, utc);
}

static void compare_first_at(const char *name, const struct ss_zone *zone, int64_t local)
{
    const int64_t got = ss_zone_first_instant(zone, local * SS_SECOND_US);
    const int64_t want = libc_first_instant(local) * SS_SECOND_US;
    const int64_t utc = local - 7; // any instant will do
    if (got != want)
        fail_msg("%s: local second %lld first stands at %lld, and the C library says %lld", name,
                 (long long)local, (long long)got, (long long)want);
    assert_true(ss_zone_to_local(zone, utc * SS_SECOND_US + 1) ==
                (utc + libc_offset(utc)) * SS_SECOND_US + 1);
}

// `first`: the UTC second from which on the C library is asked.
static void compare_zone(const char *name, const struct ss_zone *zone, int64_t first)
{
    static const int64_t around[] = {-86400, -3601, -3600, -1801, -1,   0,    1,
                                     1799,   1800,  3599,  3600,  3601, 7200, 86400};
    const int64_t last = INT64_C(2524608000); // 2050
    setenv("TZ", name, 1);
    tzset();
    for (int64_t utc = first; utc < last; utc += 14 * 86400) {
        const int64_t before = libc_offset(utc), after = libc_offset(utc + 14 * 86400);
        if (before == after) continue;
        const int64_t change = find_change(utc, utc + 14 * 86400);
        for (int i = 0; i < 3; i++) { // some of them: there are 30,000 changes
            const int64_t local = change + around[random_bits() % (sizeof around / sizeof *around)];
            compare_at(name, zone, local + before);
            compare_at(name, zone, local + after);
            compare_first_at(name, zone, local + (i % 2 ? before : after));
        }
    }
    for (int i = 0; i < 20; i++) {
        const int64_t local =
            first + 172800 + (int64_t)(random_bits() % (uint64_t)(SS_TIME_MAX_US / SS_SECOND_US - first));
        compare_at(name, zone, local);
        compare_first_at(name, zone, local);
    }
}

// The names of the machine's zones, one per line.
static size_t compare_listed(const char *list)
{
    char line[512];
    size_t count = 0;
    FILE *file = fopen(list, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        char name[128];
        struct ss_arena arena = {0};
        if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1) continue;
        compare_zone(name, load(name, &arena), INT64_C(-4733510400)); // 1820
        ss_arena_release(&arena);
        count++;
    }
    fclose(file);
    return count;
}

static void every_zone_is_read_as_the_c_library_reads_it(void **state)
{
    (void)state;
    random_state = 20261121;
    print_message("seed %llu\n", (unsigned long long)random_state);
    const size_t count = compare_listed(ZONES "/zone1970.tab");
    unsetenv("TZ");
    tzset();
    if (count == 0) {
        print_message(ZONES "/zone1970.tab is not there (package tzdata): nothing to test\n");
        skip();
    }
    assert_true(count > 200);
}

// ---- Rules as POSIX writes them, in files made here.

static void put32(struct ss_buffer *file, int64_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) ss_buffer_byte(file, (uint8_t)((uint64_t)value >> shift));
}

static void put_block(struct ss_buffer *file, char version, uint32_t times, bool wide)
{
    ss_buffer_append(file, "TZif", 4);
    ss_buffer_byte(file, (uint8_t)version);
    for (int i = 0; i < 15; i++) ss_buffer_byte(file, 0);
    const uint32_t counts[] = {0, 0, 0, times, 1, 4};
    for (int i = 0; i < 6; i++) put32(file, counts[i]);
    for (uint32_t i = 0; i < times; i++) {
        if (wide) put32(file, 0);
        put32(file, i + 1);
    }
    for (uint32_t i = 0; i < times; i++) ss_buffer_byte(file, 0);
    put32(file, 0);
    ss_buffer_append(file, "\0\0UTC", 6);
}

static void put_file(struct ss_buffer *file, const char *footer)
{
    ss_buffer_clear(file);
    put_block(file, '2', 0, false);
    put_block(file, '2', 0, true);
    ss_buffer_format(file, "\n%s\n", footer);
}

static void every_form_of_a_rule_is_read_as_the_c_library_reads_it(void **state)
{
    (void)state;
    static const char *const rules[] = {"UTC0",
                                        "<+0530>-5:30",
                                        "<-03>3",
                                        "EST5EDT,M3.2.0,M11.1.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/3",
                                        "IST-1GMT0,M10.5.0,M3.5.0/1",
                                        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                        "IST-2IDT,M3.4.4/26,M10.5.0",
                                        "EST5EDT,J60,J300/4:30:15",
                                        "EST5EDT,59,299",
                                        "AEST-10AEDT,M10.1.0,M4.1.0/3",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                        "NZST-12NZDT,M9.5.0,M4.1.0/3"};
    struct ss_buffer file = {0};
    random_state = 42;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct ss_arena arena = {0};
        const struct ss_zone *zone;
        struct ss_error error = {0};
        put_file(&file, rules[i]);
        if (ss_zone_parse(rules[i], bytes_of(&file), &arena, &zone, &error) != SS_OK)
            fail_msg("%s", error.message);
        compare_zone(rules[i], zone, 31536000); // it knows no rule before 1971
        ss_arena_release(&arena);
    }
    unsetenv("TZ");
    tzset();
    ss_buffer_release(&file);
}

static void expect_damaged(const struct ss_buffer *file)
{
    struct ss_arena arena = {0};
    const struct ss_zone *zone = NULL;
    struct ss_error error = {0};
    assert_int_equal(ss_zone_parse("Moon/Base", bytes_of(file), &arena, &zone, &error), SS_DAMAGED);
    assert_string_equal(
        error.message,
        "time zone 'Moon/Base': its file is no TZif file; install or repair the tzdata package");
    assert_null(zone);
    ss_arena_release(&arena);
}

static void a_file_that_is_no_zone_is_an_error(void **state)
{
    (void)state;
    static const char *const footers[] = {"X",
                                          "EST",
                                          "EST5EDT",
                                          "EST5EDT,M3.2.0",
                                          "EST5EDT,M13.2.0,M11.1.0",
                                          "EST5EDT,M3.6.0,M11.1.0",
                                          "EST5EDT,M3.2.7,M11.1.0",
                                          "EST5EDT,M3.2.0,M11.1.0x",
                                          "EST999",
                                          "<EST5",
                                          "EST5EDT,J0,J5",
                                          "EST5EDT,J366,J5",
                                          "EST5:60"};
    struct ss_buffer file = {0};
    for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
        put_file(&file, footers[i]);
        expect_damaged(&file);
    }
    put_file(&file, "EST5EDT,M3.2.0,M11.1.0");
    const size_t whole = file.size;
    for (size_t size = 0; size < whole; size++) {
        file.size = size;
        expect_damaged(&file);
    }
    put_file(&file, "UTC0");
    file.data[0] = 'X';
    expect_damaged(&file);
    ss_buffer_clear(&file);
    put_block(&file, '\0', 3, false); // version 1, transitions in order
    struct ss_arena arena = {0};
    const struct ss_zone *zone;
    assert_int_equal(ss_zone_parse("v1", bytes_of(&file), &arena, &zone, NULL), SS_OK);
    ss_arena_release(&arena);
    file.data[44 + 3] = 2; // the first two at one time
    expect_damaged(&file);
    ss_buffer_release(&file);
}

// Bytes changed at random: an error or a zone that can be asked, never more.
static void damaged_files_are_survived(void **state)
{
    (void)state;
    struct ss_buffer file = {0};
    random_state = 7;
    print_message("seed %llu\n", (unsigned long long)random_state);
    if (!read_zone("Europe/Berlin", &file)) put_file(&file, "CET-1CEST,M3.5.0,M10.5.0/3");
    for (int round = 0; round < 20000; round++) {
        struct ss_arena arena = {0};
        const struct ss_zone *zone;
        struct ss_buffer changed = {0};
        ss_buffer_append(&changed, file.data,
                         random_bits() % 4 ? file.size : random_bits() % (file.size + 1));
        for (uint64_t i = random_bits() % 4; changed.size && i < 4; i++)
            changed.data[random_bits() % (random_bits() % 2 && changed.size > 200 ? 200 : changed.size)] =
                (uint8_t)random_bits();
        if (ss_zone_parse("x", bytes_of(&changed), &arena, &zone, NULL) == SS_OK)
            for (int i = 0; i < 4; i++)
                ss_zone_to_utc(zone, (int64_t)(random_bits() % (uint64_t)SS_TIME_MAX_US));
        ss_arena_release(&arena);
        ss_buffer_release(&changed);
    }
    ss_buffer_release(&file);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    struct ss_buffer file = {0};
    put_file(&file, "CET-1CEST,M3.5.0,M10.5.0/3");
    for (long k = 1;; k++) {
        struct ss_arena arena = {0};
        const struct ss_zone *zone = NULL;
        struct ss_error error = {0};
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_zone_parse("x", bytes_of(&file), &arena, &zone, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_arena_release(&arena);
        if (swept) {
            assert_true(k > 1);
            assert_int_equal(status, SS_OK);
            break;
        }
        assert_int_equal(status, SS_OUT_OF_MEMORY);
        assert_null(zone);
    }
    ss_buffer_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_that_occurs_twice_is_its_first_occurrence),
        cmocka_unit_test(a_time_that_is_skipped_moves_forward_by_the_gap),
        cmocka_unit_test(the_rule_of_the_footer_goes_on_for_ever),
        cmocka_unit_test(a_written_offset_beats_the_zone),
        cmocka_unit_test(every_zone_is_read_as_the_c_library_reads_it),
        cmocka_unit_test(every_form_of_a_rule_is_read_as_the_c_library_reads_it),
        cmocka_unit_test(a_file_that_is_no_zone_is_an_error),
        cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
