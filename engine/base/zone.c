// Time zones: TZif files (RFC 8536), from the system's zone database or from a store's catalog.
//
// A zone is a sorted list of transitions (UTC second -> offset) and, for times after the last one, the
// footer's POSIX rule ("EST5EDT,M3.2.0,M11.1.0"), of which the Mm.w.d, Jn and n forms are read.

#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"

struct rule {  // one change of a POSIX rule
    char form; // 'M', 'J' or 'n'
    int month, week, day;
    int64_t second; // of local day
};

struct ss_zone {
    const char *name;
    struct ss_bytes canonical; // the data block that is used and the footer, as they stood
    size_t count;
    const int64_t *at;     // UTC seconds, rising
    const int64_t *offset; // seconds east of UTC from `at` on
    int64_t first_offset;  // before the first transition
    bool has_rule, has_daylight;
    int64_t standard, daylight; // seconds east
    struct rule start, end;     // of daylight time
};

const char *ss_zone_name(const struct ss_zone *zone)
{
    return zone->name;
}

struct ss_bytes ss_zone_canonical(const struct ss_zone *zone)
{
    return zone->canonical;
}

static int64_t big_endian(const uint8_t *bytes, int size)
{
    uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < size; i++) value = value << 8 | bytes[i];
    return (int64_t)value;
}

// ---- The footer's POSIX rule.

static bool skip_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        while (**at && **at != '>') (*at)++;
        if (!**at) return false;
        (*at)++;
        return true;
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z')) (*at)++;
    return *at - start >= 3;
}

static bool take_number(const char **at, int64_t most, int64_t *value)
{
    const char *start = *at;
    *value = 0;
    for (; **at >= '0' && **at <= '9' && *at - start < 4; (*at)++) *value = *value * 10 + (**at - '0');
    return *at > start && *value <= most;
}

static bool take_hms(const char **at, int64_t *seconds)
{
    int64_t hours, minutes = 0, rest = 0;
    const bool negative = **at == '-';
    if (**at == '-' || **at == '+') (*at)++;
    if (!take_number(at, 167, &hours)) return false;
    if (**at == ':' && ((*at)++, !take_number(at, 59, &minutes))) return false;
    if (**at == ':' && ((*at)++, !take_number(at, 59, &rest))) return false;
    *seconds = (negative ? -1 : 1) * (hours * 3600 + minutes * 60 + rest);
    return true;
}

static bool take_rule(const char **at, struct rule *rule)
{
    int64_t month = 0, week = 0, day;
    *rule = (struct rule){.form = 'n', .second = 7200};
    if (*(*at)++ != ',') return false;
    if (**at == 'M') {
        (*at)++;
        rule->form = 'M';
        if (!take_number(at, 12, &month) || *(*at)++ != '.' || !take_number(at, 5, &week) || *(*at)++ != '.')
            return false;
    } else if (**at == 'J') {
        (*at)++;
        rule->form = 'J';
    }
    if (!take_number(at, rule->form == 'M' ? 6 : 365, &day)) return false;
    if (rule->form == 'M' && (month < 1 || week < 1)) return false;
    if (rule->form == 'J' && day < 1) return false;
    rule->month = (int)month;
    rule->week = (int)week;
    rule->day = (int)day;
    if (**at != '/') return true;
    (*at)++;
    return take_hms(at, &rule->second);
}

static bool take_footer(const char *text, struct ss_zone *zone)
{
    int64_t west;
    if (!*text) return true;
    if (!skip_name(&text) || !take_hms(&text, &west)) return false;
    zone->has_rule = true;
    zone->standard = -west;
    if (!*text) return true;
    zone->has_daylight = true;
    zone->daylight = zone->standard + 3600;
    if (!skip_name(&text)) return false;
    if (*text != ',') {
        if (!take_hms(&text, &west)) return false;
        zone->daylight = -west;
    }
    return take_rule(&text, &zone->start) && take_rule(&text, &zone->end) && !*text;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t first_of_year(int64_t year) // days since 1970-01-01
{
    const int64_t before = year - 1;
    return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

// The local second (since 1970, as if UTC) at which a rule strikes in a year.
static int64_t rule_second(const struct rule *rule, int64_t year)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = first_of_year(year);
    if (rule->form == 'n') return (day + rule->day) * 86400 + rule->second;
    if (rule->form == 'J')
        return (day + rule->day - 1 + (rule->day > 59 && is_leap(year))) * 86400 + rule->second;
    for (int month = 1; month < rule->month; month++)
        day += lengths[month - 1] + (month == 2 && is_leap(year));
    const int length = lengths[rule->month - 1] + (rule->month == 2 && is_leap(year));
    const int64_t weekday = ((day + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday
    int64_t first = (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
    while (first >= length) first -= 7;
    return (day + first) * 86400 + rule->second;
}

static int64_t standard_year(const struct ss_zone *zone, int64_t utc)
{
    const int64_t local = utc + zone->standard;
    int64_t year = 1970 + (local >= 0 ? local : local - 31556951) / 31556952;
    while (first_of_year(year) * 86400 > local) year--;
    while (first_of_year(year + 1) * 86400 <= local) year++;
    return year;
}

static int64_t rule_offset(const struct ss_zone *zone, int64_t utc)
{
    if (!zone->has_daylight) return zone->standard;
    const int64_t year = standard_year(zone, utc);
    const int64_t start = rule_second(&zone->start, year) - zone->standard;
    const int64_t end = rule_second(&zone->end, year) - zone->daylight;
    const bool daylight = start < end ? utc >= start && utc < end : utc >= start || utc < end;
    return daylight ? zone->daylight : zone->standard;
}

// The first change by the rule after an instant.
static int64_t next_rule_change(const struct ss_zone *zone, int64_t utc)
{
    int64_t next = INT64_MAX;
    if (!zone->has_daylight) return next;
    const int64_t year = standard_year(zone, utc);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        const int64_t changes[2] = {rule_second(&zone->start, y) - zone->standard,
                                    rule_second(&zone->end, y) - zone->daylight};
        for (int i = 0; i < 2; i++) {
            if (changes[i] > utc && changes[i] < next) next = changes[i];
        }
    }
    return next;
}

// ---- The file.

struct block {         // one data block of a TZif file
    int64_t counts[6]; // isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt
    int version;
    const uint8_t *times, *indices, *types, *end;
};

#define HEADER_SIZE 44

static bool take_block(const uint8_t *at, const uint8_t *end, int time_size, struct block *block)
{
    if (end - at < HEADER_SIZE || memcmp(at, "TZif", 4) != 0) return false;
    block->version = at[4];
    for (int i = 0; i < 6; i++) {
        block->counts[i] = big_endian(at + 20 + 4 * i, 4);
        if (block->counts[i] < 0 || block->counts[i] > 1 << 20) return false;
    }
    const int64_t *n = block->counts;
    const int64_t size = n[3] * (time_size + 1) + n[4] * 6 + n[5] + n[2] * (time_size + 4) + n[1] + n[0];
    if (n[4] < 1 || end - at - HEADER_SIZE < size) return false;
    block->times = at + HEADER_SIZE;
    block->indices = block->times + n[3] * time_size;
    block->types = block->indices + n[3];
    block->end = at + HEADER_SIZE + size;
    return true;
}

static enum ss_status damaged(const char *name, struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "time zone '%s': its file is no TZif file; install or repair the tzdata package", name);
}

static enum ss_status keep_transitions(const struct block *block, int time_size, struct ss_arena *arena,
                                       struct ss_zone *zone, struct ss_error *error)
{
    const size_t count = (size_t)block->counts[3];
    int64_t *at = ss_arena_array(arena, count + 1, sizeof *at);
    int64_t *offset = ss_arena_array(arena, count + 1, sizeof *offset);
    if (!at || !offset) return ss_fail_memory(error, "a time zone");
    for (size_t i = 0; i < count; i++) {
        at[i] = big_endian(block->times + (size_t)time_size * i, time_size);
        if (block->indices[i] >= block->counts[4] || (i && at[i] <= at[i - 1]))
            return damaged(zone->name, error);
        offset[i] = big_endian(block->types + (size_t)6 * block->indices[i], 4);
    }
    zone->count = count;
    zone->at = at;
    zone->offset = offset;
    zone->first_offset = big_endian(block->types, 4);
    return SS_OK;
}

static enum ss_status keep_footer(const uint8_t *at, const uint8_t *end, struct ss_arena *arena,
                                  struct ss_zone *zone, struct ss_error *error)
{
    if (end - at < 2 || *at != '\n' || !memchr(at + 1, '\n', (size_t)(end - at - 1)))
        return damaged(zone->name, error);
    const uint8_t *stop = memchr(at + 1, '\n', (size_t)(end - at - 1));
    const char *text = ss_arena_copy(arena, at + 1, (size_t)(stop - at - 1));
    if (!text) return ss_fail_memory(error, "a time zone");
    return take_footer(text, zone) ? SS_OK : damaged(zone->name, error);
}

enum ss_status ss_zone_parse(const char *name, struct ss_bytes tzif, struct ss_arena *arena,
                             const struct ss_zone **zone, struct ss_error *error)
{
    if (tzif.size == 0) return damaged(name, error);
    const uint8_t *at = (const uint8_t *)tzif.data, *end = at + tzif.size;
    struct block block;
    struct ss_zone *made = ss_arena_alloc(arena, sizeof *made);
    if (!made) return ss_fail_memory(error, "a time zone");
    made->name = ss_arena_copy(arena, name, strlen(name));
    if (!made->name) return ss_fail_memory(error, "a time zone");
    if (!take_block(at, end, 4, &block)) return damaged(name, error);
    int time_size = 4;
    if (block.version >= '2') {
        at = block.end;
        time_size = 8;
        if (!take_block(at, end, 8, &block)) return damaged(name, error);
        SS_TRY(keep_footer(block.end, end, arena, made, error));
    }
    SS_TRY(keep_transitions(&block, time_size, arena, made, error));
    made->canonical.data = ss_arena_copy(arena, at, (size_t)(end - at));
    made->canonical.size = (size_t)(end - at);
    if (!made->canonical.data) return ss_fail_memory(error, "a time zone");
    *zone = made;
    return SS_OK;
}

// ---- Use.

// The number of transitions at or before an instant.
static size_t count_before(const struct ss_zone *zone, int64_t utc)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (zone->at[middle] <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t offset_at(const struct ss_zone *zone, int64_t utc)
{
    const size_t low = count_before(zone, utc);
    if (low == zone->count && zone->has_rule) return rule_offset(zone, utc);
    return low == 0 ? zone->first_offset : zone->offset[low - 1];
}

int64_t ss_zone_to_utc(const struct ss_zone *zone, int64_t local_us)
{
    if (!zone) return local_us;
    const int64_t second = ss_floor_to(local_us, SS_SECOND_US) / SS_SECOND_US;
    // The offsets a day before and a day after bracket any one change nearby.
    const int64_t before = offset_at(zone, second - 86400 - offset_at(zone, second));
    const int64_t after = offset_at(zone, second + 86400 - offset_at(zone, second));
    // Before first: where a time occurs twice its first occurrence has the offset in force before the change;
    // where it is skipped, the same offset moves it forward by the gap.
    const bool valid_before = offset_at(zone, second - before) == before;
    const bool valid_after = offset_at(zone, second - after) == after;
    const int64_t offset = valid_before || !valid_after ? before : after;
    return local_us - offset * SS_SECOND_US;
}

int64_t ss_zone_to_local(const struct ss_zone *zone, int64_t utc_us)
{
    if (!zone) return utc_us;
    return utc_us + offset_at(zone, ss_floor_to(utc_us, SS_SECOND_US) / SS_SECOND_US) * SS_SECOND_US;
}

#define MOST_EAST 93600 // 26 hours: RFC 8536 has no zone farther east

int64_t ss_zone_first_instant(const struct ss_zone *zone, int64_t local_us)
{
    if (!zone) return local_us;
    const int64_t local = local_us / SS_SECOND_US;
    for (int64_t from = local - MOST_EAST;;) {
        const size_t low = count_before(zone, from);
        const int64_t change = low < zone->count ? zone->at[low]
                               : zone->has_rule  ? next_rule_change(zone, from)
                                                 : INT64_MAX;
        const int64_t reached = local - offset_at(zone, from);
        const int64_t first = reached > from ? reached : from;
        if (first < change) return first * SS_SECOND_US;
        from = change;
    }
}
