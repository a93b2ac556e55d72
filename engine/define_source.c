// Sources: the columns of a stream of events, and which of them say when, which event, and how it arrived.
#include <stdlib.h>
#include <string.h>

#include "engine/compile.h"
#include "engine/lexer.h"

enum field { COLUMNS, EVENT_TIME, EVENT_ID, OP, ARRIVAL, TIMEZONE, EXPECT, ON_VIOLATION, NOTES };

// What is being read.
struct reading {
    struct ss_compiler *compiler;
    struct ss_source *source;
    struct ss_scope_notes *notes;
    const char *subject;
    const struct ss_yaml *values[NOTES + SS_NOTE_COUNT];
};

// ---- Columns

// A column is a type, or {type: .., description: .., owner: .., tags: ..}.
static void read_column(struct reading *reading, const struct ss_yaml *node, struct ss_source_column *column)
{
    static const char *const names[] = {"type", SS_NOTE_FIELDS};
    struct ss_compiler *compiler = reading->compiler;
    const char *subject = ss_compile_format(compiler, "column '%.64s' of %s", column->name, reading->subject);
    const struct ss_yaml *type = node, *values[1 + SS_NOTE_COUNT];
    struct ss_notes unused = {0};
    column->type = SS_TYPE_UNKNOWN;
    if (node->kind == SS_YAML_MAPPING) {
        ss_read_fields(compiler, node, subject, names, 1 + SS_NOTE_COUNT, values);
        ss_read_notes(compiler, subject, values + 1, &unused);
        type = values[0];
        if (!type) {
            ss_diagnose(&compiler->diagnostics, node->key->place, "%s: 'type' is missing", subject);
            return;
        }
    }
    column->type = ss_read_type(compiler, type, subject, &column->unit);
}

static void check_column_name(struct ss_compiler *compiler, const struct ss_yaml *node, const char *name)
{
    // The one name that only columns may have; that it is the event_time column is checked with that.
    if (strcmp(name, "event_time") != 0) ss_check_name(compiler, node->key->place, name, "column");
}

static int compare_columns(const void *left, const void *right, void *columns)
{
    const struct ss_source_column *of = columns;
    return strcmp(of[*(const int *)left].name, of[*(const int *)right].name);
}

static bool sort_columns(struct ss_compiler *compiler, struct ss_source *source)
{
    int *order = ss_compile_array(compiler, compiler->arena, source->column_count, sizeof(*order));
    if (!order) return false;
    for (size_t i = 0; i < source->column_count; i++) order[i] = (int)i;
    qsort_r(order, source->column_count, sizeof(*order), compare_columns, source->columns);
    source->columns_by_name = order;
    return true;
}

static bool read_columns(struct reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_yaml *columns = reading->values[COLUMNS];
    if (!columns) {
        ss_diagnose(&compiler->diagnostics, reading->source->place, "%s: 'columns' is missing",
                    reading->subject);
        return false;
    }
    if (!ss_expect_mapping(compiler, columns, reading->subject, "columns as a mapping of names to types"))
        return false;
    if (columns->count > SS_MAX_COLUMNS) {
        ss_diagnose(&compiler->diagnostics, columns->key->place,
                    "%s: at most %d columns are allowed, got %zu", reading->subject, SS_MAX_COLUMNS,
                    columns->count);
        return false;
    }
    struct ss_source *source = reading->source;
    const char **list = ss_compile_array(compiler, compiler->scratch, columns->count, sizeof(*list));
    source->columns = ss_compile_array(compiler, compiler->arena, columns->count, sizeof(*source->columns));
    if (!list || !source->columns) return false;
    for (const struct ss_yaml *node = columns->first; node; node = node->next) {
        struct ss_source_column *column = &source->columns[source->column_count];
        column->name = ss_compile_text(compiler, compiler->arena, node->key->text);
        if (!column->name) return false;
        column->place = node->key->place;
        check_column_name(compiler, node, column->name);
        read_column(reading, node, column);
        list[source->column_count] = column->name;
        ss_compile_add(compiler, reading->notes->scope, column->name, source->column_count++);
    }
    reading->notes->list = list;
    reading->notes->count = source->column_count;
    return sort_columns(compiler, source);
}

// The column that `name` (at the node) says, or -1: then it is diagnosed.
static int find_column(struct reading *reading, const struct ss_yaml *node, const char *field,
                       const char *name)
{
    struct ss_compiler *compiler = reading->compiler;
    const int32_t index = ss_compile_find(compiler, reading->notes->scope, name);
    if (index >= 0 || reading->notes->is_partial) return index;
    ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: %s: unknown column '%.64s'%s",
                reading->subject, field, name,
                ss_did_you_mean(compiler, name, reading->notes->list, reading->notes->count));
    return -1;
}

static int read_role(struct reading *reading, enum field field, const char *name)
{
    const struct ss_yaml *node = reading->values[field];
    if (!node || !ss_expect_text(reading->compiler, node, reading->subject,
                                 ss_compile_format(reading->compiler, "the name of a column as %s", name)))
        return -1;
    return find_column(reading, node, name, node->text.data);
}

// Does the column have one of the types (`second` may be the first again)? Unknown types pass.
static bool check_role_type(struct reading *reading, enum field field, const char *name, int column,
                            const char *expected, enum ss_type_id first, enum ss_type_id second)
{
    char text[SS_TYPE_TEXT_SIZE];
    const struct ss_type type = reading->source->columns[column].type;
    if (!ss_type_is_known(type) || type.id == first || type.id == second) return true;
    ss_diagnose(&reading->compiler->diagnostics, ss_yaml_place_of(reading->values[field], 0),
                "%s: %s: expected a %s column, got '%.64s' of type %s", reading->subject, name, expected,
                reading->source->columns[column].name, ss_type_format(type, text));
    return false;
}

static void read_event_time(struct reading *reading)
{
    struct ss_source *source = reading->source;
    const int column = read_role(reading, EVENT_TIME, "event_time");
    if (!reading->values[EVENT_TIME])
        ss_diagnose(&reading->compiler->diagnostics, source->place,
                    "%s: 'event_time' is missing; name the column that says when an event happened",
                    reading->subject);
    if (column < 0) return;
    source->event_time_column = column;
    check_role_type(reading, EVENT_TIME, "event_time", column, "timestamp", SS_TIMESTAMP, SS_TIMESTAMP);
    const int32_t named = ss_compile_find(reading->compiler, reading->notes->scope, "event_time");
    if (named >= 0 && named != column)
        ss_diagnose(&reading->compiler->diagnostics, source->columns[named].place,
                    "%s: a column called event_time must be the event_time column, which is '%.64s'; give "
                    "one of them another name",
                    reading->subject, source->columns[column].name);
}

static void read_identity(struct reading *reading)
{
    struct ss_source *source = reading->source;
    source->event_id_column = read_role(reading, EVENT_ID, "event_id");
    source->op_column = read_role(reading, OP, "op");
    if (source->event_id_column >= 0)
        check_role_type(reading, EVENT_ID, "event_id", source->event_id_column, "string or int64", SS_STRING,
                        SS_INT64);
    if (source->op_column >= 0)
        check_role_type(reading, OP, "op", source->op_column, "string", SS_STRING, SS_STRING);
    if (reading->values[OP] && !reading->values[EVENT_ID])
        ss_diagnose(&reading->compiler->diagnostics, reading->values[OP]->key->place,
                    "%s: op needs an event_id: a delete names the event it takes back", reading->subject);
    if (source->op_column >= 0 && source->op_column == source->event_id_column)
        ss_diagnose(&reading->compiler->diagnostics, ss_yaml_place_of(reading->values[OP], 0),
                    "%s: op and event_id must be two columns, got '%.64s' for both", reading->subject,
                    source->columns[source->op_column].name);
}

// ---- Arrival and zone

// event_time [+ DURATION] | COLUMN. False: something else.
static bool parse_arrival(struct ss_bytes text, struct ss_token *name, int64_t *offset_us)
{
    size_t position = 0;
    *offset_us = 0;
    *name = ss_lex(text, &position);
    struct ss_token next = ss_lex(text, &position);
    if (name->kind != SS_TOKEN_NAME) return false;
    if (next.kind == SS_TOKEN_END) return true;
    if (!ss_token_is(&next, "+")) return false;
    next = ss_lex(text, &position);
    return next.kind == SS_TOKEN_DURATION && ss_duration_parse(next.text, offset_us) &&
           *offset_us <= SS_LONGEST_US && ss_lex(text, &position).kind == SS_TOKEN_END;
}

static void read_arrival_column(struct reading *reading, const struct ss_yaml *node, const char *name)
{
    struct ss_source *source = reading->source;
    const int column = find_column(reading, node, "arrival", name);
    if (column < 0 ||
        !check_role_type(reading, ARRIVAL, "arrival", column, "timestamp", SS_TIMESTAMP, SS_TIMESTAMP) ||
        column == source->event_time_column)
        return;
    source->arrival = SS_ARRIVAL_COLUMN;
    source->arrival_column = column;
}

static void read_arrival(struct reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_yaml *node = reading->values[ARRIVAL];
    const char *expected = "arrival as 'event_time', 'event_time + 15m' or the name of a column";
    struct ss_token word;
    int64_t offset_us;
    if (!node || !ss_expect_text(compiler, node, reading->subject, expected)) return;
    const bool parsed = parse_arrival(node->text, &word, &offset_us);
    const char *name = ss_compile_text(compiler, compiler->scratch, word.text);
    if (!name) return;
    if (!parsed || (offset_us > 0 && strcmp(name, "event_time") != 0))
        ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: expected %s, got '%.64s'",
                    reading->subject, expected, node->text.data);
    else if (strcmp(name, "event_time") != 0)
        read_arrival_column(reading, node, name);
    else
        reading->source->arrival_offset_us = offset_us;
}

static void read_timezone(struct reading *reading)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_yaml *node = reading->values[TIMEZONE];
    struct ss_error error = {0};
    if (!node || !ss_expect_text(compiler, node, reading->subject, "a time zone such as Europe/Berlin") ||
        strcmp(node->text.data, "UTC") == 0)
        return;
    reading->source->zone = ss_compile_zone(compiler, node->text.data, &error);
    if (reading->source->zone || compiler->diagnostics.out_of_memory) return;
    if (error.message[0])
        ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: %s", reading->subject,
                    error.message);
    else
        ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: " SS_UNKNOWN_ZONE_FORMAT,
                    reading->subject, node->text.data);
}

void ss_define_source(struct ss_compiler *compiler, size_t index)
{
    static const char *const names[] = {"columns",  "event_time", "event_id",     "op",          "arrival",
                                        "timezone", "expect",     "on_violation", SS_NOTE_FIELDS};
    const struct ss_definition *definition = &compiler->definitions[SS_SOURCES][index];
    struct ss_source *source = &compiler->sources[index];
    struct reading reading = {.compiler = compiler,
                              .source = source,
                              .notes = &compiler->notes[SS_SOURCES][index],
                              .subject = ss_compile_format(compiler, "source '%.64s'", definition->name)};
    *source = (struct ss_source){.name = definition->name,
                                 .place = definition->body->key->place,
                                 .event_id_column = -1,
                                 .op_column = -1};
    reading.notes->is_partial = true;
    if (!ss_read_fields(compiler, definition->body, reading.subject, names, NOTES + SS_NOTE_COUNT,
                        reading.values))
        return;
    reading.notes->is_partial = !read_columns(&reading);
    ss_read_notes(compiler, reading.subject, reading.values + NOTES, &source->notes);
    read_event_time(&reading);
    read_identity(&reading);
    read_timezone(&reading);
    read_arrival(&reading);
    ss_define_expect(compiler, index, reading.values[EXPECT], reading.values[ON_VIOLATION]);
}
