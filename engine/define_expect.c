// What a source expects of its columns: not_null, between, in, unique_ratio, parses_as, and on_violation.
//
// Values are read exactly as the column's type reads its data, in its time unit and zone. They decide what
// gets in, not what a value is: they are no part of a view's fingerprint.
#include <string.h>

#include "engine/base/number.h"
#include "engine/compile.h"

struct expectation {
    struct ss_compiler *compiler;
    const struct ss_source *source;
    struct ss_source_column *column;
    const char *subject;
    enum ss_on_violation on_violation;
};

static bool read_value(const struct expectation *expectation, const struct ss_yaml *node,
                       struct ss_value *value)
{
    char type[SS_TYPE_TEXT_SIZE];
    const struct ss_source_column *column = expectation->column;
    const char *reason = NULL;
    ss_type_format(column->type, type);
    if (!ss_expect_text(expectation->compiler, node, expectation->subject, "a value")) return false;
    const bool parsed = ss_value_parse(column->type, node->text, (int)column->unit, expectation->source->zone,
                                       expectation->compiler->arena, value, &reason);
    if (!parsed && !reason) expectation->compiler->diagnostics.out_of_memory = true;
    if (parsed && value->present) return true;
    ss_diagnose(&expectation->compiler->diagnostics, ss_yaml_place_of(node, 0),
                "%s: expected a value of type %s, got '%.64s'%s%s", expectation->subject, type,
                node->text.data, reason ? ": " : "", reason ? reason : "");
    return false;
}

static void read_not_null(const struct expectation *expectation, const struct ss_yaml *node)
{
    if (!node || !ss_expect_text(expectation->compiler, node, expectation->subject, "true or false")) return;
    expectation->column->not_null = strcmp(node->text.data, "true") == 0;
    if (!expectation->column->not_null && strcmp(node->text.data, "false") != 0)
        ss_diagnose(&expectation->compiler->diagnostics, node->place,
                    "%s: not_null: expected true or false, got '%.64s'", expectation->subject,
                    node->text.data);
}

static bool is_greater(struct ss_type type, struct ss_value a, struct ss_value b)
{
    if (ss_type_is_text(type)) return ss_bytes_compare(a.text, b.text) > 0;
    if (type.id == SS_FLOAT64) return a.f64 > b.f64;
    return a.i64 > b.i64;
}

static void read_between(const struct expectation *expectation, const struct ss_yaml *node)
{
    struct ss_source_column *column = expectation->column;
    const char *expected = "between as [lowest, highest]";
    if (!node || !ss_expect_list(expectation->compiler, node, expectation->subject, expected)) return;
    if (node->count != 2) {
        ss_diagnose(&expectation->compiler->diagnostics, node->place, "%s: expected %s, got %zu value%s",
                    expectation->subject, expected, node->count, node->count == 1 ? "" : "s");
        return;
    }
    if (!ss_type_is_ordered(column->type)) {
        char type[SS_TYPE_TEXT_SIZE];
        ss_diagnose(&expectation->compiler->diagnostics, node->place,
                    "%s: between needs a type with an order, got %s", expectation->subject,
                    ss_type_format(column->type, type));
        return;
    }
    const bool low = read_value(expectation, node->first, &column->low);
    const bool high = read_value(expectation, node->first->next, &column->high);
    if (!low || !high) return;
    column->has_between = true;
    if (is_greater(column->type, column->low, column->high))
        ss_diagnose(&expectation->compiler->diagnostics, node->place,
                    "%s: between: the lowest value comes first, got [%.64s, %.64s]", expectation->subject,
                    node->first->text.data, node->first->next->text.data);
}

static void read_in(const struct expectation *expectation, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = expectation->compiler;
    struct ss_source_column *column = expectation->column;
    if (!node ||
        !ss_expect_list(compiler, node, expectation->subject, "in as a list of values, such as [EUR, USD]"))
        return;
    if (column->type.id == SS_LIST || column->type.id == SS_VECTOR) {
        char type[SS_TYPE_TEXT_SIZE];
        ss_diagnose(&compiler->diagnostics, node->place, "%s: in compares single values, got %s",
                    expectation->subject, ss_type_format(column->type, type));
        return;
    }
    struct ss_value *values = ss_compile_array(compiler, compiler->arena, node->count, sizeof(*values));
    if (!values) return;
    if (node->count == 0)
        ss_diagnose(&compiler->diagnostics, node->place, "%s: in: the list is empty, so no row would pass",
                    expectation->subject);
    for (const struct ss_yaml *item = node->first; item; item = item->next) {
        struct ss_value *value = &values[column->one_of_count];
        if (!read_value(expectation, item, value)) continue;
        if (column->type.id == SS_STRING)
            value->text.data = ss_compile_text(compiler, compiler->arena, value->text);
        column->one_of_count++;
    }
    column->one_of = values;
}

static void read_unique_ratio(const struct expectation *expectation, const struct ss_yaml *node)
{
    static const char *const names[] = {"min"};
    struct ss_compiler *compiler = expectation->compiler;
    const char *subject = ss_compile_format(compiler, "%s: unique_ratio", expectation->subject);
    const struct ss_yaml *least;
    double ratio;
    if (!node || !ss_read_fields(compiler, node, subject, names, 1, &least)) return;
    if (!least) {
        ss_diagnose(&compiler->diagnostics, node->key->place, "%s: 'min' is missing", subject);
    } else if (ss_expect_text(compiler, least, subject, "min as a number from 0 to 1")) {
        if (ss_float64_parse(least->text, &ratio) && ratio >= 0 && ratio <= 1) {
            expectation->column->has_unique_ratio = true;
            expectation->column->unique_ratio_min = ratio;
            return;
        }
        ss_diagnose(&compiler->diagnostics, least->place,
                    "%s: min: expected a number from 0 to 1, got '%.64s'", subject, least->text.data);
    }
}

static void read_parses_as(const struct expectation *expectation, const struct ss_yaml *node)
{
    struct ss_compiler *compiler = expectation->compiler;
    struct ss_source_column *column = expectation->column;
    char text[SS_TYPE_TEXT_SIZE];
    enum ss_time_unit unit;
    if (!node) return;
    const char *subject = ss_compile_format(compiler, "%s: parses_as", expectation->subject);
    const struct ss_type type = ss_read_type(compiler, node, subject, &unit);
    if (!ss_type_is_known(type)) return;
    if (column->type.id != SS_STRING) {
        ss_diagnose(&compiler->diagnostics, node->key->place, "%s goes with a string column, got %s", subject,
                    ss_type_format(column->type, text));
    } else if (unit != SS_UNIT_TEXT || type.id == SS_STRING || type.id > SS_TIMESTAMP) {
        ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0),
                    "%s: expected int64, float64, decimal(n), timestamp or bool, got '%.64s'", subject,
                    node->text.data);
    } else {
        column->has_parses_as = true;
        column->parses_as = type;
    }
}

static void copy_bound(struct ss_compiler *compiler, const struct ss_source_column *column,
                       struct ss_value *value)
{
    if (column->has_between && column->type.id == SS_STRING)
        value->text.data = ss_compile_text(compiler, compiler->arena, value->text);
}

static void read_column(struct expectation *expectation, const struct ss_yaml *node)
{
    static const char *const names[] = {"not_null", "between", "in", "unique_ratio", "parses_as"};
    const struct ss_yaml *values[5];
    if (!ss_read_fields(expectation->compiler, node, expectation->subject, names, 5, values)) return;
    read_not_null(expectation, values[0]);
    read_unique_ratio(expectation, values[3]);
    if (!ss_type_is_known(expectation->column->type)) return;
    read_between(expectation, values[1]);
    read_in(expectation, values[2]);
    read_parses_as(expectation, values[4]);
    copy_bound(expectation->compiler, expectation->column, &expectation->column->low);
    copy_bound(expectation->compiler, expectation->column, &expectation->column->high);
}

static enum ss_on_violation read_on_violation(struct ss_compiler *compiler, const char *subject,
                                              const struct ss_yaml *node)
{
    static const char *const names[] = {
        [SS_QUARANTINE] = "quarantine", [SS_REJECT] = "reject", [SS_WARN] = "warn"};
    if (!node || !ss_expect_text(compiler, node, subject, "on_violation as quarantine, reject or warn"))
        return SS_QUARANTINE;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(node->text.data, names[i]) == 0) return (enum ss_on_violation)i;
    }
    ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0),
                "%s: on_violation: expected quarantine, reject or warn, got '%.64s'%s", subject,
                node->text.data, ss_did_you_mean(compiler, node->text.data, names, 3));
    return SS_REJECT;
}

void ss_define_expect(struct ss_compiler *compiler, size_t index, const struct ss_yaml *node,
                      const struct ss_yaml *on_violation)
{
    struct ss_source *source = &compiler->sources[index];
    const struct ss_scope_notes *notes = &compiler->notes[SS_SOURCES][index];
    const char *subject = ss_compile_format(compiler, "source '%.64s'", source->name);
    source->on_violation = read_on_violation(compiler, subject, on_violation);
    if (!node || !ss_expect_mapping(compiler, node, subject, "expect as a mapping of columns to checks"))
        return;
    for (const struct ss_yaml *entry = node->first; entry; entry = entry->next) {
        const char *name = entry->key->text.data;
        const int32_t column = ss_compile_find(compiler, notes->scope, name);
        if (column < 0 && !notes->is_partial)
            ss_diagnose(&compiler->diagnostics, entry->key->place, "%s: expect: unknown column '%.64s'%s",
                        subject, name, ss_did_you_mean(compiler, name, notes->list, notes->count));
        if (column < 0) continue;
        struct expectation expectation = {
            .compiler = compiler,
            .source = source,
            .column = &source->columns[column],
            .subject = ss_compile_format(compiler, "%s: column '%.64s'", subject, name),
            .on_violation = source->on_violation};
        read_column(&expectation, entry);
    }
}
