// Settings: literal arguments, checked with the tree and read again where the program is built.
#include "engine/setting.h"

#include "engine/base/number.h"
#include "engine/functions.h"

static bool is_present_literal(const struct ss_node *node)
{
    return node->kind == SS_NODE_LITERAL && !node->null_literal && node->value.present;
}

bool ss_setting_check(const struct ss_function *function, const struct ss_node *call, size_t index,
                      struct ss_diagnostics *diagnostics)
{
    const struct ss_node *node = call->arguments[index];
    switch (function->arguments[index]) {
    case SS_ARGUMENT_SCALE:
        if (is_present_literal(node) && node->value.i64 >= 0 && node->value.i64 <= 18) return true;
        ss_diagnose(diagnostics, node->place, "'%s': expected a number of digits from 0 to 18", call->name);
        return false;
    case SS_ARGUMENT_COUNT:
        if (is_present_literal(node) && node->value.i64 > 0) return true;
        ss_diagnose(diagnostics, node->place, "'%s': expected a whole number above 0, such as 100",
                    call->name);
        return false;
    default: return true;
    }
}

bool ss_setting_read(const struct ss_function *function, const struct ss_node *call, struct ss_arena *arena,
                     const struct ss_setting **setting)
{
    struct ss_setting *made = NULL;
    *setting = NULL;
    for (size_t i = 0; i < call->argument_count; i++) {
        const enum ss_argument argument = function->arguments[i];
        if (!ss_argument_is_setting(argument) || argument == SS_ARGUMENT_SCALE) continue;
        if (!made) made = ss_arena_alloc(arena, sizeof(*made));
        if (!made) return false;
        made->number = call->arguments[i]->value.i64;
    }
    *setting = made;
    return true;
}

bool ss_setting_equal(const struct ss_setting *a, const struct ss_setting *b)
{
    if (!a || !b) return a == b;
    return a->number == b->number;
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
