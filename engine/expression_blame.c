// See expression_blame.h.
#include "engine/expression_blame.h"

#include <stdio.h>
#include <string.h>

#include "engine/functions.h"

// How an operator or function is called in messages: operators in the words of the language.
static const char *shown_name(const struct ss_node *node)
{
    static const char *const words[][2] = {
        {"neg", "-"}, {"is_null", "is null"}, {"is_not_null", "is not null"}, {"case_of", "case"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(node->name, words[i][0]) == 0) return words[i][1];
    }
    return node->name;
}

// " or 'timestamp '..''" for a text literal where a time is expected; else nothing.
static const char *timestamp_hint(const struct ss_node *node, bool time_expected)
{
    const bool is_text = node->kind == SS_NODE_LITERAL && node->type.id == SS_STRING && !node->null_literal;
    return is_text && time_expected ? "; write timestamp '2026-01-31T10:00:00Z' for a time" : "";
}

bool ss_blame_type(struct ss_diagnostics *diagnostics, const struct ss_node *call,
                   const struct ss_node *argument, const char *expected, bool time_expected)
{
    char text[SS_TYPE_TEXT_SIZE];
    ss_diagnose(diagnostics, argument->place, "'%s': expected %s, got %s%s", shown_name(call), expected,
                ss_type_format(argument->type, text), timestamp_hint(argument, time_expected));
    return false;
}

// The arguments of a call, to be matched with rows of the table.
struct given {
    const struct ss_node *call;
    const struct ss_type *types;
    const bool *is_null;
};

// Does the row take the first `count` arguments?
static bool row_takes(const struct ss_function *row, const struct given *given, size_t count)
{
    bool fits = strcmp(row->name, given->call->name) == 0 &&
                ss_function_argument_count(row) == given->call->argument_count;
    for (size_t k = 0; fits && k < count; k++)
        fits = given->is_null[k] || ss_argument_fits(row->arguments[k], given->types[0], given->types[k]);
    return fits;
}

static bool any_row_takes(const struct given *given, size_t count)
{
    size_t row_count;
    const struct ss_function *rows = ss_function_table(&row_count);
    for (size_t i = 0; i < row_count; i++) {
        if (row_takes(&rows[i], given, count)) return true;
    }
    return false;
}

// What rows that take the arguments before `index` want there: a bit per type id.
static unsigned accepted_ids(const struct given *given, size_t index)
{
    size_t count;
    const struct ss_function *rows = ss_function_table(&count);
    unsigned accepted = 0;
    for (size_t i = 0; i < count; i++) {
        if (!row_takes(&rows[i], given, index)) continue;
        for (unsigned id = 0; id <= SS_VECTOR; id++) {
            const struct ss_type type = {.id = (enum ss_type_id)id};
            if (ss_argument_fits(rows[i].arguments[index], given->types[0], type)) accepted |= 1u << id;
        }
    }
    return accepted;
}

// "int64, float64 or decimal"; where only the first argument's own type will do, that.
static void list_accepted(const struct given *given, size_t index, char *text, size_t size)
{
    static const char *const names[] = {
        [SS_BOOL] = "bool",       [SS_INT64] = "int64",   [SS_FLOAT64] = "float64",
        [SS_DECIMAL] = "decimal", [SS_STRING] = "string", [SS_TIMESTAMP] = "timestamp",
        [SS_BYTES] = "bytes",     [SS_LIST] = "list",     [SS_VECTOR] = "vector"};
    const unsigned accepted = accepted_ids(given, index);
    char exact[SS_TYPE_TEXT_SIZE];
    size_t used = 0;
    if (index > 0 && !(accepted & ~(1u << SS_LIST | 1u << SS_VECTOR))) {
        snprintf(text, size, "%s", ss_type_format(given->types[0], exact));
        return;
    }
    for (unsigned id = 0; id <= SS_VECTOR; id++) {
        if (!(accepted & (1u << id))) continue;
        const char *separator = used == 0 ? "" : accepted >> (id + 1) ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", separator, names[id]);
    }
}

// Blames the first argument that no row takes after those before it.
bool ss_blame_arguments(struct ss_diagnostics *diagnostics, const struct ss_node *call,
                        const struct ss_type *types, const bool *is_null)
{
    const struct given all = {call, types, is_null}, *given = &all;
    for (size_t i = 0; i < call->argument_count; i++) {
        if (any_row_takes(given, i + 1)) continue;
        char expected[96];
        list_accepted(given, i, expected, sizeof(expected));
        return ss_blame_type(diagnostics, call, call->arguments[i], expected,
                             accepted_ids(given, i) & (1u << SS_TIMESTAMP));
    }
    size_t null = 0; // all that is there fits, so a null stands for a setting
    while (null + 1 < call->argument_count && !is_null[null]) null++;
    ss_diagnose(diagnostics, call->arguments[null]->place, "'%s': expected a literal, got null",
                shown_name(call));
    return false;
}

bool ss_blame_count(struct ss_diagnostics *diagnostics, const struct ss_node *call)
{
    size_t count, least = SIZE_MAX, most = 0;
    const struct ss_function *functions = ss_function_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(functions[i].name, call->name) != 0) continue;
        const bool plain = functions[i].form == SS_FORM_PLAIN;
        const size_t low = plain ? ss_function_argument_count(&functions[i]) : functions[i].argument_min;
        const size_t high = plain ? low : functions[i].argument_max;
        if (low < least) least = low;
        if (high > most) most = high;
    }
    char wanted[64];
    if (most == SIZE_MAX)
        snprintf(wanted, sizeof(wanted), "at least %zu", least);
    else
        snprintf(wanted, sizeof(wanted), least == most ? "%zu" : "%zu or %zu", least, most);
    ss_diagnose(diagnostics, call->place, "'%s' takes %s argument%s, got %zu", shown_name(call), wanted,
                least == 1 && (most == 1 || most == SIZE_MAX) ? "" : "s", call->argument_count);
    return false;
}
