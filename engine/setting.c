// Settings: literal arguments, checked with the tree and read again where the program is built.
#include "engine/setting.h"

#include "engine/base/number.h"
#include "engine/functions.h"
#include "engine/pattern.h"

// What is being read: a call whose function has this row.
struct reading {
    const struct ss_function *function;
    const struct ss_node *call;
    const struct ss_zones *zones;
    struct ss_arena *arena;
    struct ss_diagnostics *diagnostics;
};

static bool is_present_literal(const struct ss_node *node)
{
    return node->kind == SS_NODE_LITERAL && !node->null_literal && node->value.present;
}

static bool fail(const struct reading *reading, const struct ss_node *node, const char *what)
{
    ss_diagnose(reading->diagnostics, node->place, "'%s': %s", reading->call->name, what);
    return false;
}

// The call's argument of that kind, or NULL.
static struct ss_node *find_argument(const struct reading *reading, enum ss_argument argument)
{
    for (size_t i = 0; i < reading->call->argument_count; i++) {
        if (reading->function->arguments[i] == argument) return reading->call->arguments[i];
    }
    return NULL;
}

// ---- Patterns

// The call's pattern with what replaces it; *pattern is NULL when it has none. False: reason, as
// ss_pattern_compile.
static bool read_pattern(const struct reading *reading, const struct ss_pattern **pattern, char *reason)
{
    const struct ss_node *text = find_argument(reading, SS_ARGUMENT_PATTERN);
    const struct ss_node *with = find_argument(reading, SS_ARGUMENT_WITH);
    *pattern = NULL;
    if (!text) return true;
    *pattern = ss_pattern_compile(text->value.text, with ? &with->value.text : NULL, reading->arena, reason);
    return *pattern != NULL;
}

static bool check_pattern(const struct reading *reading)
{
    char reason[SS_PATTERN_REASON_SIZE];
    const struct ss_pattern *pattern;
    const struct ss_node *group = find_argument(reading, SS_ARGUMENT_GROUP);
    if (!read_pattern(reading, &pattern, reason)) {
        if (reason[0]) return fail(reading, find_argument(reading, SS_ARGUMENT_PATTERN), reason);
        reading->diagnostics->out_of_memory = true;
        return false;
    }
    if (!pattern || !group || group->value.i64 <= pattern->group_count) return true;
    ss_diagnose(reading->diagnostics, group->place,
                "'%s': the pattern has %d group%s, and this is number %lld", reading->call->name,
                pattern->group_count, pattern->group_count == 1 ? "" : "s", (long long)group->value.i64);
    return false;
}

// ---- Times

static const char *const trunc_units[SS_TRUNC_COUNT] = {
    [SS_TRUNC_HOUR] = "hour",   [SS_TRUNC_DAY] = "day",         [SS_TRUNC_WEEK] = "week",
    [SS_TRUNC_MONTH] = "month", [SS_TRUNC_QUARTER] = "quarter", [SS_TRUNC_YEAR] = "year"};

// SS_TRUNC_COUNT: none.
static int64_t find_unit(struct ss_bytes name)
{
    int64_t unit = 0;
    while (unit < SS_TRUNC_COUNT && !ss_bytes_equal(name, ss_bytes_of(trunc_units[unit]))) unit++;
    return unit;
}

static bool check_unit(const struct reading *reading, const struct ss_node *node)
{
    if (is_present_literal(node) && find_unit(node->value.text) < SS_TRUNC_COUNT) return true;
    const char *nearest =
        is_present_literal(node) ? ss_nearest_name(node->value.text, trunc_units, SS_TRUNC_COUNT) : NULL;
    char hint[SS_HINT_SIZE];
    ss_diagnose(reading->diagnostics, node->place,
                "'%s': expected 'hour', 'day', 'week', 'month', 'quarter' or 'year'%s", reading->call->name,
                ss_nearest_hint(nearest, hint));
    return false;
}

// Always the last argument.
static bool check_zone(const struct reading *reading, struct ss_node *call)
{
    struct ss_node *node = find_argument(reading, SS_ARGUMENT_ZONE);
    struct ss_error error = {0};
    if (!node) return true;
    if (ss_bytes_equal(node->value.text, ss_bytes_of("UTC"))) {
        call->argument_count--;
        return true;
    }
    const char *name = ss_arena_copy(reading->arena, node->value.text.data, node->value.text.size);
    if (!name) reading->diagnostics->out_of_memory = true;
    if (name && reading->zones) node->zone = reading->zones->find(reading->zones->context, name, &error);
    if (node->zone || reading->diagnostics->out_of_memory) return node->zone != NULL;
    if (error.message[0]) return fail(reading, node, error.message);
    ss_diagnose(reading->diagnostics, node->place, "'%s': " SS_UNKNOWN_ZONE_FORMAT, reading->call->name,
                name);
    return false;
}

// ---- All settings

static bool check_literal(const struct reading *reading, enum ss_argument argument,
                          const struct ss_node *node)
{
    const bool is_literal = is_present_literal(node);
    switch (argument) {
    case SS_ARGUMENT_SCALE:
        return (is_literal && node->value.i64 >= 0 && node->value.i64 <= 18) ||
               fail(reading, node, "expected a number of digits from 0 to 18");
    case SS_ARGUMENT_COUNT:
        return (is_literal && node->value.i64 > 0) ||
               fail(reading, node, "expected a whole number above 0, such as 100");
    case SS_ARGUMENT_GROUP:
        return (is_literal && node->value.i64 >= 0) ||
               fail(reading, node, "expected the number of a group of the pattern, such as 1");
    case SS_ARGUMENT_PATTERN:
    case SS_ARGUMENT_WITH: return is_literal || fail(reading, node, "expected a text literal, such as '^a+'");
    case SS_ARGUMENT_ZONE:
        return is_literal ||
               fail(reading, node, "expected a time zone as a literal, such as 'Europe/Berlin'");
    case SS_ARGUMENT_TIME_UNIT: return check_unit(reading, node);
    default: return true;
    }
}

bool ss_settings_check(const struct ss_function *function, struct ss_node *call, const struct ss_zones *zones,
                       struct ss_arena *arena, struct ss_diagnostics *diagnostics)
{
    const struct reading reading = {function, call, zones, arena, diagnostics};
    for (size_t i = 0; i < call->argument_count; i++) {
        if (!check_literal(&reading, function->arguments[i], call->arguments[i])) return false;
    }
    return check_pattern(&reading) && check_zone(&reading, call);
}

static bool has_settings(const struct reading *reading)
{
    for (size_t i = 0; i < reading->call->argument_count; i++) {
        const enum ss_argument argument = reading->function->arguments[i];
        if (ss_argument_is_setting(argument) && argument != SS_ARGUMENT_SCALE) return true;
    }
    return false;
}

static int64_t read_number(const struct reading *reading)
{
    const struct ss_node *unit = find_argument(reading, SS_ARGUMENT_TIME_UNIT);
    const struct ss_node *count = find_argument(reading, SS_ARGUMENT_COUNT);
    const struct ss_node *group = find_argument(reading, SS_ARGUMENT_GROUP);
    if (unit) return find_unit(unit->value.text);
    if (count) return count->value.i64;
    return group ? group->value.i64 : 0;
}

bool ss_setting_read(const struct ss_function *function, const struct ss_node *call, struct ss_arena *arena,
                     const struct ss_setting **setting)
{
    const struct reading reading = {function, call, NULL, arena, NULL};
    char reason[SS_PATTERN_REASON_SIZE];
    *setting = NULL;
    if (!has_settings(&reading)) return true;
    struct ss_setting *made = ss_arena_alloc(arena, sizeof(*made));
    const struct ss_node *zone = find_argument(&reading, SS_ARGUMENT_ZONE);
    if (!made || !read_pattern(&reading, &made->pattern, reason)) return false;
    made->number = read_number(&reading);
    if (zone) made->zone = zone->zone;
    *setting = made;
    return true;
}

bool ss_setting_equal(const struct ss_setting *a, const struct ss_setting *b)
{
    if (!a || !b) return a == b;
    return a->number == b->number && a->zone == b->zone && ss_pattern_equal(a->pattern, b->pattern);
}

// ---- Order

static double as_double(const struct ss_node *literal)
{
    const int64_t value = literal->value.i64;
    if (literal->type.id == SS_FLOAT64) return literal->value.f64;
    if (literal->type.scale == 0 || value == 0) return (double)value;
    const uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    return ss_round_ratio(value < 0, magnitude, (uint64_t)ss_power_of_ten(literal->type.scale));
}

int ss_literal_compare(const struct ss_node *a, const struct ss_node *b)
{
    if (ss_type_is_text(a->type)) return ss_bytes_compare(a->value.text, b->value.text);
    if (a->type.id == SS_FLOAT64 || b->type.id == SS_FLOAT64) {
        const double x = as_double(a), y = as_double(b);
        return (x > y) - (x < y);
    }
    const ss_int128 x = (ss_int128)a->value.i64 * ss_power_of_ten(b->type.scale);
    const ss_int128 y = (ss_int128)b->value.i64 * ss_power_of_ten(a->type.scale);
    return (x > y) - (x < y);
}
