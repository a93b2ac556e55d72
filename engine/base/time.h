// Times are int64 microseconds since 1970-01-01T00:00:00Z, proleptic Gregorian, no leap seconds, years 1 to
// 9999.
#ifndef SS_ENGINE_BASE_TIME_H
#define SS_ENGINE_BASE_TIME_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

#define SS_TIME_MIN_US INT64_C(-62135596800000000) // 0001-01-01T00:00:00Z
#define SS_TIME_MAX_US INT64_C(253402300799999999) // 9999-12-31T23:59:59.999999Z
#define SS_SECOND_US   INT64_C(1000000)
#define SS_MINUTE_US   (60 * SS_SECOND_US)
#define SS_HOUR_US     (60 * SS_MINUTE_US)
#define SS_DAY_US      (24 * SS_HOUR_US)

enum ss_time_unit { SS_UNIT_TEXT, SS_UNIT_S, SS_UNIT_MS, SS_UNIT_US }; // how an integer epoch is to be read

// A time zone's transitions, immutable once made. Lives in the arena it was parsed into.
struct ss_zone;

// Parses TZif bytes (RFC 8536, versions 1 to 4; the footer's POSIX rule serves times after the last
// transition). `name` is for messages and is copied.
enum ss_status ss_zone_parse(const char *name, struct ss_bytes tzif, struct ss_arena *arena,
                             const struct ss_zone **zone, struct ss_error *error);
const char *ss_zone_name(const struct ss_zone *zone);
struct ss_bytes
ss_zone_canonical(const struct ss_zone *zone); // the transitions and rule as bytes, for the fingerprint
// Local wall time (microseconds as if it were UTC) to UTC. A time that occurs twice is its first occurrence;
// one that is skipped is moved forward by the length of the gap. zone NULL: UTC.
int64_t ss_zone_to_utc(const struct ss_zone *zone, int64_t local_us);

// The wall time in the zone (microseconds as if it were UTC) at an instant. zone NULL: UTC.
int64_t ss_zone_to_local(const struct ss_zone *zone, int64_t utc_us);
// The first instant at which the wall time is `local_us` or later: where that time occurs twice its first
// occurrence, where it is skipped the instant of the change. local_us is a whole second.
int64_t ss_zone_first_instant(const struct ss_zone *zone, int64_t local_us);

// A date of the proleptic Gregorian calendar.
struct ss_date {
    int64_t year;
    int64_t month, day; // from 1
};
int64_t ss_days_of_date(struct ss_date date); // since 1970-01-01
struct ss_date ss_date_of_days(int64_t days);

// Parses RFC 3339 ("2026-01-31T10:00:00.5Z", "...+02:00") or "YYYY-MM-DD[ T]HH:MM:SS[.fraction]" (naive: read
// in `zone`, NULL is UTC) or "YYYY-MM-DD"; or, when unit is not SS_UNIT_TEXT, a plain integer of that unit
// and nothing else. Finer than a microsecond is floored. No surrounding blanks. Returns false, output
// untouched, for anything else, including times outside the years 1 to 9999.
bool ss_time_parse(struct ss_bytes text, enum ss_time_unit unit, const struct ss_zone *zone,
                   int64_t *time_us);

#define SS_TIME_TEXT_SIZE 40
// RFC 3339, UTC, "Z", as many fraction digits as needed: 2026-01-31T10:00:00.5Z. Returns text.
const char *ss_time_format(int64_t time_us, char text[SS_TIME_TEXT_SIZE]);
// The same without a final NUL; returns how many bytes it wrote.
size_t ss_time_write(int64_t time_us, char *text);

// "90d", "12h", "5m", "30s", "250ms", "10us", or joined "1h30m" (each unit once, greatest first). Positive.
// False otherwise.
bool ss_duration_parse(struct ss_bytes text, int64_t *duration_us);
// The shortest joined form: 5400000000 -> "1h30m". Returns text.
const char *ss_duration_format(int64_t duration_us, char text[SS_TIME_TEXT_SIZE]);

// floor(time / step) * step for step > 0, mathematical floor (also before 1970); saturates at INT64_MIN.
int64_t ss_floor_to(int64_t time_us, int64_t step_us);

#endif
