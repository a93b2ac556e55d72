// Canonical forms and their hashes. The forms are text: docs/DEFINITIONS.md shows one.
//
// Inputs are written by name, so that the order of columns and features does not matter; lines of a kind are
// sorted. A view's form has its name (two views that are alike in all else are two tables) and, of its
// source, what decides when and which events are seen and the columns that the view reads.
#include "engine/fingerprint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/number.h"

// ---- Expressions with named inputs

// The canonical text has its inputs as #n, also negative; texts in it stand in '..' with '' for a quote.
static void name_inputs(struct ss_bytes text, ss_input_namer *namer, const void *context,
                        struct ss_buffer *named)
{
    bool in_text = false;
    for (size_t i = 0; i < text.size; i++) {
        const char byte = text.data[i];
        if (byte == '\'') in_text = !in_text;
        if (in_text || byte != '#') {
            ss_buffer_byte(named, (uint8_t)byte);
            continue;
        }
        const bool negative = text.data[i + 1] == '-';
        int input = 0;
        for (i += negative; text.data[i + 1] >= '0' && text.data[i + 1] <= '9'; i++)
            input = 10 * input - (text.data[i + 1] - '0');
        namer(context, negative ? input : -input, named);
    }
}

// The buffer's bytes as text in an arena; the buffer is released.
static const char *finish_text(struct ss_compiler *compiler, struct ss_arena *arena, struct ss_buffer *buffer)
{
    const char *text = NULL;
    if (buffer->failed)
        compiler->diagnostics.out_of_memory = true;
    else
        text = ss_compile_text(compiler, arena, (struct ss_bytes){(const char *)buffer->data, buffer->size});
    ss_buffer_release(buffer);
    return text;
}

const char *ss_canonical_expression(struct ss_compiler *compiler, const struct ss_node *root,
                                    ss_input_namer *namer, const void *context)
{
    struct ss_buffer canonical = {0}, named = {0};
    ss_expression_canonical(root, &canonical);
    ss_buffer_byte(&canonical, 0);
    if (!canonical.failed)
        name_inputs((struct ss_bytes){(const char *)canonical.data, canonical.size - 1}, namer, context,
                    &named);
    named.failed = named.failed || canonical.failed;
    ss_buffer_release(&canonical);
    return finish_text(compiler, compiler->scratch, &named);
}

void ss_name_column(const void *context, int input, struct ss_buffer *buffer)
{
    const struct ss_source *source = context;
    const bool is_column = (size_t)input < source->column_count;
    ss_buffer_text(buffer, is_column ? source->columns[input].name : "event_time");
}

// ---- Parts

static void append_type(struct ss_type type, enum ss_time_unit unit, struct ss_buffer *buffer)
{
    static const char *const units[] = {
        [SS_UNIT_TEXT] = "", [SS_UNIT_S] = "(s)", [SS_UNIT_MS] = "(ms)", [SS_UNIT_US] = "(us)"};
    char text[SS_TYPE_TEXT_SIZE];
    ss_buffer_format(buffer, "%s%s", ss_type_format(type, text), units[unit]);
}

static const char *column_name(const struct ss_source *source, int column)
{
    return column < 0 ? "none" : source->columns[column].name;
}

static void append_zone(const struct ss_source *source, struct ss_buffer *buffer)
{
    char text[SS_SHA256_TEXT_SIZE];
    if (!source->zone) {
        ss_buffer_text(buffer, "zone UTC\n");
        return;
    }
    const struct ss_bytes canonical = ss_zone_canonical(source->zone);
    const struct ss_sha256 hash = ss_sha256_of(canonical.data, canonical.size);
    ss_buffer_format(buffer, "zone %s\n", ss_sha256_format(&hash, text));
}

static void append_identity(const struct ss_source *source, struct ss_buffer *buffer)
{
    ss_buffer_format(buffer, "source %s\nevent_time %s\nevent_id %s\nop %s\n", source->name,
                     column_name(source, source->event_time_column),
                     column_name(source, source->event_id_column), column_name(source, source->op_column));
    if (source->arrival == SS_ARRIVAL_COLUMN)
        ss_buffer_format(buffer, "arrival %s\n", column_name(source, source->arrival_column));
    else
        ss_buffer_format(buffer, "arrival event_time + %" PRId64 "\n", source->arrival_offset_us);
    append_zone(source, buffer);
}

static int compare_lines(const void *left, const void *right)
{
    const struct ss_canonical_line *a = left, *b = right;
    const int by_name = strcmp(a->name, b->name);
    return by_name ? by_name : strcmp(a->text, b->text);
}

static void append_sorted(const char *word, struct ss_canonical_line *lines, size_t count,
                          struct ss_buffer *buffer)
{
    if (count) qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++)
        ss_buffer_format(buffer, "%s %s %s\n", word, lines[i].name, lines[i].text);
}

static void append_columns(const struct ss_source *source, const bool *used, struct ss_buffer *buffer)
{
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_source_column *column = &source->columns[source->columns_by_name[i]];
        if (used && !used[source->columns_by_name[i]]) continue;
        ss_buffer_format(buffer, "column %s ", column->name);
        append_type(column->type, column->unit, buffer);
        ss_buffer_byte(buffer, '\n');
    }
}

// ---- Sources

// Text of a value on one line: a string quoted, with \ before what would end the line or the quotes.
static void append_value(struct ss_type type, struct ss_value value, struct ss_buffer *buffer)
{
    if (type.id != SS_STRING) {
        ss_value_format(type, value, buffer);
        return;
    }
    ss_buffer_byte(buffer, '\'');
    for (size_t i = 0; i < value.text.size; i++) {
        const char byte = value.text.data[i];
        if (byte == '\n' || byte == '\\' || byte == '\'') ss_buffer_byte(buffer, '\\');
        ss_buffer_byte(buffer, byte == '\n' ? 'n' : (uint8_t)byte);
    }
    ss_buffer_byte(buffer, '\'');
}

static void append_expectations(const struct ss_source_column *column, struct ss_buffer *buffer)
{
    char text[SS_NUMBER_TEXT_SIZE], type[SS_TYPE_TEXT_SIZE];
    if (column->not_null) ss_buffer_format(buffer, "expect %s not_null\n", column->name);
    if (column->has_between) {
        ss_buffer_format(buffer, "expect %s between ", column->name);
        append_value(column->type, column->low, buffer);
        ss_buffer_text(buffer, " and ");
        append_value(column->type, column->high, buffer);
        ss_buffer_byte(buffer, '\n');
    }
    for (size_t i = 0; i < column->one_of_count; i++) {
        ss_buffer_format(buffer, "expect %s in ", column->name);
        append_value(column->type, column->one_of[i], buffer);
        ss_buffer_byte(buffer, '\n');
    }
    if (column->has_parses_as)
        ss_buffer_format(buffer, "expect %s parses_as %s\n", column->name,
                         ss_type_format(column->parses_as, type));
    if (column->has_unique_ratio)
        ss_buffer_format(buffer, "expect %s unique_ratio %s\n", column->name,
                         ss_float64_format(column->unique_ratio_min, text));
}

void ss_source_canonical(const struct ss_source *source, struct ss_buffer *buffer)
{
    static const char *const words[] = {
        [SS_QUARANTINE] = "quarantine", [SS_REJECT] = "reject", [SS_WARN] = "warn"};
    append_identity(source, buffer);
    append_columns(source, NULL, buffer);
    for (size_t i = 0; i < source->column_count; i++)
        append_expectations(&source->columns[source->columns_by_name[i]], buffer);
    ss_buffer_format(buffer, "on_violation %s\n", words[source->on_violation]);
}

// ---- Views, services, all of it

void ss_view_canonical(const struct ss_view *view, struct ss_buffer *buffer)
{
    ss_buffer_append(buffer, view->canonical.data, view->canonical.size);
}

static bool finish_form(struct ss_compiler *compiler, struct ss_buffer *buffer, struct ss_bytes *canonical,
                        struct ss_sha256 *fingerprint)
{
    const size_t size = buffer->size;
    const char *text = finish_text(compiler, compiler->arena, buffer);
    if (!text) return false;
    *canonical = (struct ss_bytes){text, size};
    *fingerprint = ss_sha256_of(text, size);
    return true;
}

bool ss_view_fingerprint(struct ss_compiler *compiler, struct ss_view *view, const bool *uses_column,
                         const char *where, struct ss_canonical_line *features)
{
    struct ss_buffer buffer = {0};
    const struct ss_entity *entity = view->entity;
    ss_buffer_format(&buffer, "semantics %d\nview %s\n", SS_SEMANTICS_VERSION, view->name);
    for (size_t i = 0; i < entity->key_count; i++) {
        ss_buffer_format(&buffer, "key %s ", entity->key_names[i]);
        append_type(entity->key_types[i], SS_UNIT_TEXT, &buffer);
        ss_buffer_byte(&buffer, '\n');
    }
    append_identity(view->source, &buffer);
    append_columns(view->source, uses_column, &buffer);
    ss_buffer_format(&buffer, "where %s\n", where[0] ? where : "none");
    append_sorted("feature", features, view->feature_count, &buffer);
    return finish_form(compiler, &buffer, &view->canonical, &view->fingerprint);
}

static const char *hex_of(struct ss_compiler *compiler, const struct ss_sha256 *hash)
{
    char text[SS_SHA256_TEXT_SIZE];
    return ss_compile_format(compiler, "%s", ss_sha256_format(hash, text));
}

static const char *type_text(struct ss_compiler *compiler, struct ss_type type, enum ss_time_unit unit)
{
    struct ss_buffer text = {0};
    append_type(type, unit, &text);
    return finish_text(compiler, compiler->scratch, &text);
}

bool ss_service_fingerprint(struct ss_compiler *compiler, struct ss_service *service,
                            struct ss_canonical_line *features)
{
    struct ss_buffer buffer = {0};
    const size_t most = service->view_count + service->key_count + service->request_count;
    struct ss_canonical_line *lines = ss_compile_array(compiler, compiler->scratch, most, sizeof(*lines));
    if (!lines) return false;
    struct ss_canonical_line *keys = lines + service->view_count, *request = keys + service->key_count;
    for (size_t i = 0; i < service->view_count; i++)
        lines[i] = (struct ss_canonical_line){service->views[i]->name,
                                              hex_of(compiler, &service->views[i]->fingerprint)};
    for (size_t i = 0; i < service->key_count; i++)
        keys[i] = (struct ss_canonical_line){service->key_names[i],
                                             type_text(compiler, service->key_types[i], SS_UNIT_TEXT)};
    for (size_t i = 0; i < service->request_count; i++)
        request[i] =
            (struct ss_canonical_line){service->request[i].name, type_text(compiler, service->request[i].type,
                                                                           service->request[i].unit)};
    if (compiler->diagnostics.out_of_memory) return false;
    ss_buffer_format(&buffer, "semantics %d\nservice %s\n", SS_SEMANTICS_VERSION, service->name);
    append_sorted("view", lines, service->view_count, &buffer);
    append_sorted("key", keys, service->key_count, &buffer);
    append_sorted("request", request, service->request_count, &buffer);
    append_sorted("feature", features, service->feature_count, &buffer);
    return finish_form(compiler, &buffer, &service->canonical, &service->fingerprint);
}

bool ss_definitions_fingerprint(struct ss_compiler *compiler, struct ss_definitions *definitions)
{
    struct ss_buffer buffer = {0};
    const size_t count = definitions->source_count + definitions->view_count + definitions->service_count;
    struct ss_canonical_line *lines = ss_compile_array(compiler, compiler->scratch, count, sizeof(*lines));
    if (!lines) return false;
    size_t at = 0;
    for (size_t i = 0; i < definitions->source_count; i++) {
        struct ss_buffer form = {0};
        ss_source_canonical(&definitions->sources[i], &form);
        const struct ss_sha256 hash = ss_sha256_of(form.data, form.size);
        compiler->diagnostics.out_of_memory = compiler->diagnostics.out_of_memory || form.failed;
        ss_buffer_release(&form);
        lines[at++] = (struct ss_canonical_line){"source", hex_of(compiler, &hash)};
    }
    for (size_t i = 0; i < definitions->view_count; i++)
        lines[at++] =
            (struct ss_canonical_line){"view", hex_of(compiler, &definitions->views[i].fingerprint)};
    for (size_t i = 0; i < definitions->service_count; i++)
        lines[at++] =
            (struct ss_canonical_line){"service", hex_of(compiler, &definitions->services[i].fingerprint)};
    ss_buffer_format(&buffer, "semantics %d\n", SS_SEMANTICS_VERSION);
    append_sorted("has", lines, count, &buffer);
    struct ss_bytes unused;
    return finish_form(compiler, &buffer, &unused, &definitions->fingerprint) &&
           !compiler->diagnostics.out_of_memory;
}
