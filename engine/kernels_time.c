// Kernels of times: parts of the wall time in a zone, and date_trunc.
//
// The zone's rules are part of the instruction (its setting); without one it is UTC. Parts are null where the
// wall time is outside the years 1 to 9999, date_trunc where the result is. Weeks are those of ISO 8601: from
// Monday on, and the first has the year's first Thursday.
#include "engine/base/time.h"
#include "engine/bytecode.h"

struct wall {
    int64_t days; // since 1970-01-01
    int64_t second;
    struct ss_date date;
};

static const struct ss_zone *zone_of(const struct ss_instruction *instruction)
{
    return instruction->setting ? instruction->setting->zone : NULL;
}

static int64_t first_of_year(int64_t year)
{
    return ss_days_of_date((struct ss_date){year, 1, 1});
}

static int64_t days_since_monday(int64_t days)
{
    return ((days + 3) % 7 + 7) % 7; // 1970-01-01 was a Thursday
}

static int64_t week_of(const struct wall *wall)
{
    const int64_t thursday = wall->days - days_since_monday(wall->days) + 3;
    return (thursday - first_of_year(ss_date_of_days(thursday).year)) / 7 + 1;
}

#define PART_KERNEL(name, expression)                                                                        \
    bool name(const struct ss_run *run, const struct ss_instruction *instruction, struct ss_register *out)   \
    {                                                                                                        \
        const struct ss_register *a = ss_operand(run, instruction, 0);                                       \
        for (int32_t row = 0; row < run->rows; row++) {                                                      \
            const int64_t local_us = ss_zone_to_local(zone_of(instruction), a->i64[row]);                    \
            if (!a->valid[row] || local_us < SS_TIME_MIN_US || local_us > SS_TIME_MAX_US) continue;          \
            const int64_t midnight_us = ss_floor_to(local_us, SS_DAY_US), days = midnight_us / SS_DAY_US;    \
            const struct wall wall = {days, (local_us - midnight_us) / SS_SECOND_US, ss_date_of_days(days)}; \
            out->valid[row] = 1;                                                                             \
            out->i64[row] = (expression);                                                                    \
        }                                                                                                    \
        return true;                                                                                         \
    }

PART_KERNEL(ss_kernel_year, wall.date.year)
PART_KERNEL(ss_kernel_quarter, (wall.date.month + 2) / 3)
PART_KERNEL(ss_kernel_month, wall.date.month)
PART_KERNEL(ss_kernel_week, week_of(&wall))
PART_KERNEL(ss_kernel_day, wall.date.day)
PART_KERNEL(ss_kernel_day_of_week, days_since_monday(wall.days) + 1)
PART_KERNEL(ss_kernel_day_of_year, wall.days - first_of_year(wall.date.year) + 1)
PART_KERNEL(ss_kernel_hour, wall.second / 3600)
PART_KERNEL(ss_kernel_minute, wall.second / 60 % 60)
PART_KERNEL(ss_kernel_second, wall.second % 60)

// The wall time at which its unit started.
static int64_t start_of(enum ss_trunc_unit unit, int64_t local_us)
{
    if (unit == SS_TRUNC_HOUR) return ss_floor_to(local_us, SS_HOUR_US);
    const int64_t days = ss_floor_to(local_us, SS_DAY_US) / SS_DAY_US;
    struct ss_date date = ss_date_of_days(days);
    if (unit == SS_TRUNC_DAY) return days * SS_DAY_US;
    if (unit == SS_TRUNC_WEEK) return (days - days_since_monday(days)) * SS_DAY_US;
    date.day = 1;
    if (unit == SS_TRUNC_QUARTER) date.month -= (date.month - 1) % 3;
    if (unit == SS_TRUNC_YEAR) date.month = 1;
    return ss_days_of_date(date) * SS_DAY_US;
}

bool ss_kernel_date_trunc(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const struct ss_zone *zone = zone_of(instruction);
    const enum ss_trunc_unit unit = (enum ss_trunc_unit)instruction->setting->number;
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue; // the registers come zeroed
        const int64_t start_us = start_of(unit, ss_zone_to_local(zone, a->i64[row]));
        const int64_t time_us = ss_zone_first_instant(zone, start_us);
        out->valid[row] = time_us >= SS_TIME_MIN_US && time_us <= SS_TIME_MAX_US;
        out->i64[row] = out->valid[row] ? time_us : 0;
    }
    return true;
}
