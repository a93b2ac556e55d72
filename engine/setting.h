// Settings: arguments of a function that are literals and part of its instruction, not operands: the bucket
// count of md5_bucket, the pattern of a regular expression. (The digits of decimal(x, n) are part of its
// type.)
#ifndef SS_ENGINE_SETTING_H
#define SS_ENGINE_SETTING_H

#include "engine/expression.h"

struct ss_function;

struct ss_pattern;

struct ss_setting {
    int64_t number;                   // a count, a group, a unit of time
    const struct ss_pattern *pattern; // NULL: none
    const struct ss_zone *zone;       // NULL: UTC
};

enum ss_trunc_unit {
    SS_TRUNC_HOUR,
    SS_TRUNC_DAY,
    SS_TRUNC_WEEK,
    SS_TRUNC_MONTH,
    SS_TRUNC_QUARTER,
    SS_TRUNC_YEAR,
    SS_TRUNC_COUNT
};

// Are the call's settings, by the function's row, the literals they have to be? Else it is diagnosed. Zones
// are found; the zone UTC, which is the same as none, is taken off the call.
bool ss_settings_check(const struct ss_function *function, struct ss_node *call, const struct ss_zones *zones,
                       struct ss_arena *arena, struct ss_diagnostics *diagnostics);

// What the call's settings say. *setting is NULL when it has none. False: out of memory.
bool ss_setting_read(const struct ss_function *function, const struct ss_node *call, struct ss_arena *arena,
                     const struct ss_setting **setting);
bool ss_setting_equal(const struct ss_setting *a, const struct ss_setting *b); // NULL equals NULL

// The order of two present literals that may be compared: below 0, 0 or above 0. Exact but where one of them
// is a float64.
int ss_literal_compare(const struct ss_node *a, const struct ss_node *b);

#endif
