// Spines. First every cell is read and kept as it was, in one buffer; then, when the number of rows is known,
// the columns that the service asks for are made typed out of it. Any cell that is not exactly of its type
// ends the whole spine.
//
// The buffer, row by row: varint of how many lines after the row before it stands, then its cells
// (ss_cell_encode).

#include "materializer/spine.h"

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/key.h"
#include "materializer/csv_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void ss_cell_encode(const struct ss_cell *cell, struct ss_buffer *buffer)
{
    uint64_t bits;
    ss_buffer_byte(buffer, (uint8_t)cell->kind);
    switch (cell->kind) {
    case SS_CELL_KIND_NULL: break;
    case SS_CELL_KIND_INTEGER: ss_buffer_fixed64(buffer, (uint64_t)cell->integer); break;
    case SS_CELL_KIND_REAL:
        memcpy(&bits, &cell->real, sizeof bits);
        ss_buffer_fixed64(buffer, bits);
        break;
    case SS_CELL_KIND_TEXT:
    case SS_CELL_KIND_BLOB:
        ss_buffer_varint(buffer, cell->text.size);
        ss_buffer_append(buffer, cell->text.data, cell->text.size);
        break;
    }
}

static struct ss_cell decode_cell(struct ss_reader *reader)
{
    struct ss_cell cell = {.kind = (enum ss_cell_kind)ss_read_byte(reader)};
    uint64_t bits;
    switch (cell.kind) {
    case SS_CELL_KIND_NULL: break;
    case SS_CELL_KIND_INTEGER: cell.integer = (int64_t)ss_read_fixed64(reader); break;
    case SS_CELL_KIND_REAL:
        bits = ss_read_fixed64(reader);
        memcpy(&cell.real, &bits, sizeof bits);
        break;
    case SS_CELL_KIND_TEXT:
    case SS_CELL_KIND_BLOB:
        cell.text.size = (size_t)ss_read_varint(reader);
        cell.text.data = (const char *)ss_read_span(reader, cell.text.size);
        break;
    }
    return cell;
}

// ---- Reading

static enum ss_status keep_columns(struct ss_spine_rows *rows, const struct ss_table_column *columns,
                                   size_t count, struct ss_error *error)
{
    struct ss_table_column *kept = ss_arena_array(&rows->arena, count + 1, sizeof *kept);
    if (!kept) return ss_fail_memory(error, "a spine's columns");
    for (size_t i = 0; i < count; i++) {
        kept[i].name = ss_arena_copy(&rows->arena, columns[i].name, strlen(columns[i].name));
        kept[i].type = ss_arena_copy(&rows->arena, columns[i].type, strlen(columns[i].type));
        if (!kept[i].name || !kept[i].type) return ss_fail_memory(error, "a spine's columns");
    }
    rows->columns = kept;
    rows->column_count = count;
    return SS_OK;
}

static enum ss_status read_table(const char *place, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_table_reader *reader;
    const struct ss_table_column *columns;
    enum ss_status status;
    bool has_row = true;
    SS_TRY(ss_table_reader_open(place, &reader, error));
    const size_t count = ss_table_reader_columns(reader, &columns);
    SS_TRY_GOTO(keep_columns(rows, columns, count, error), out);
    while (true) {
        SS_TRY_GOTO(ss_table_reader_next(reader, &has_row, error), out);
        if (!has_row) break;
        ss_buffer_varint(&rows->cells, 1);
        for (size_t i = 0; i < count; i++) {
            const struct ss_cell cell = ss_table_reader_cell(reader, i);
            ss_cell_encode(&cell, &rows->cells);
        }
        if (rows->cells.failed) break;
        rows->spine.length++;
    }
    if (rows->cells.failed) status = ss_fail_memory(error, "a spine's cells");
out:
    ss_table_reader_close(reader);
    return status;
}

static enum ss_status keep_header(const struct ss_csv_reader *reader, struct ss_spine_rows *rows,
                                  struct ss_error *error)
{
    const struct ss_bytes *names;
    const size_t count = ss_csv_reader_header(reader, &names);
    struct ss_table_column *kept = ss_arena_array(&rows->arena, count + 1, sizeof *kept);
    if (!kept) return ss_fail_memory(error, "a spine's columns");
    for (size_t i = 0; i < count; i++) {
        kept[i] = (struct ss_table_column){ss_arena_copy(&rows->arena, names[i].data, names[i].size), "TEXT"};
        if (!kept[i].name) return ss_fail_memory(error, "a spine's columns");
    }
    rows->columns = kept;
    rows->column_count = count;
    return SS_OK;
}

static enum ss_status read_csv(const char *place, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    struct ss_csv_row row;
    enum ss_status status;
    bool has_row;
    uint64_t line = 1;
    SS_TRY(ss_csv_reader_open(place, &reader, error));
    SS_TRY_GOTO(keep_header(reader, rows, error), out);
    while (true) {
        SS_TRY_GOTO(ss_csv_reader_next(reader, &row, &has_row, error), out);
        if (!has_row) break;
        if (row.problem) {
            status =
                ss_fail(error, SS_INVALID, "%s:%llu: %s", place, (unsigned long long)row.line, row.problem);
            goto out;
        }
        ss_buffer_varint(&rows->cells, row.line - line);
        line = row.line;
        for (size_t i = 0; i < rows->column_count; i++) {
            const struct ss_cell text = {SS_CELL_KIND_TEXT, .text = row.cells[i].text},
                                 null = {.kind = SS_CELL_KIND_NULL};
            ss_cell_encode(row.cells[i].null ? &null : &text, &rows->cells);
        }
        if (rows->cells.failed) break;
        rows->spine.length++;
    }
    if (rows->cells.failed) status = ss_fail_memory(error, "a spine's cells");
out:
    ss_csv_reader_close(reader);
    return status;
}

// ---- Typed columns

// What one cell has to become.
struct wanted {
    const char *what; // "key", "request input", "time"
    const char *name;
    size_t column; // of the spine
    struct ss_type type;
    enum ss_time_unit unit;
    struct ss_column *values; // NULL: the spine's time
    bool is_event;            // of the event at hand
};

struct reading {
    const struct ss_spine_source *source;
    const struct ss_source *event_source; // of the events at hand; NULL: none
    bool *carries;                        // [row]
    const struct ss_service *service;
    struct ss_spine_rows *rows;
    bool is_table;
    struct wanted *wanted;
    size_t wanted_count;
    struct ss_arena cell; // of the value at hand
};

static int find_column(const struct ss_spine_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->column_count; i++)
        if (strcmp(rows->columns[i].name, name) == 0) return (int)i;
    return -1;
}

static const char *nearest_column(const struct ss_spine_rows *rows, const char *name, char text[160])
{
    const char *names[64];
    size_t count = rows->column_count < 64 ? rows->column_count : 64;
    for (size_t i = 0; i < count; i++) names[i] = rows->columns[i].name;
    const char *nearest = ss_nearest_name(ss_bytes_of(name), names, count);
    text[0] = 0;
    if (nearest) snprintf(text, 160, "; did you mean '%s'?", nearest);
    return text;
}

// The column of the spine that a key, request input or column of the event at hand stands in.
static const char *mapped(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->source->map_count; i++)
        if (strcmp(reading->source->maps[i].name, name) == 0) return reading->source->maps[i].column;
    return name;
}

static enum ss_status want(struct reading *reading, struct wanted wanted, struct ss_error *error)
{
    char hint[160];
    const char *column_name = wanted.values ? mapped(reading, wanted.name) : wanted.name;
    const int column = find_column(reading->rows, column_name);
    if (column < 0 && !wanted.values)
        return ss_fail(error, SS_INVALID, "spine '%s': there is no column '%s' for its time%s",
                       reading->source->place, column_name, nearest_column(reading->rows, column_name, hint));
    if (column < 0)
        return ss_fail(error, SS_INVALID,
                       "spine '%s': there is no column '%s' for %s '%s' of service '%s'; add it, or name "
                       "another one with "
                       "--map %s=COLUMN%s",
                       reading->source->place, column_name, wanted.what, wanted.name, reading->service->name,
                       wanted.name, nearest_column(reading->rows, column_name, hint));
    wanted.column = (size_t)column;
    reading->wanted[reading->wanted_count++] = wanted;
    return SS_OK;
}

// The column of the events' source that "SOURCE.COLUMN" names; -1: none.
static int event_column(const struct ss_source *source, const char *name)
{
    const size_t size = source ? strlen(source->name) : 0;
    if (!source || strncmp(name, source->name, size) != 0 || name[size] != '.') return -1;
    for (size_t c = 0; c < source->column_count; c++)
        if (strcmp(source->columns[c].name, name + size + 1) == 0) return (int)c;
    return -1;
}

static bool asks_for(const struct reading *reading, const char *name)
{
    const struct ss_service *service = reading->service;
    if (event_column(reading->event_source, name) >= 0) return true;
    for (size_t i = 0; i < service->key_count; i++)
        if (strcmp(service->key_names[i], name) == 0) return true;
    for (size_t i = 0; i < service->request_count; i++)
        if (strcmp(service->request[i].name, name) == 0) return true;
    return false;
}

static enum ss_status check_maps(const struct reading *reading, struct ss_error *error)
{
    const struct ss_spine_source *source = reading->source;
    for (size_t i = 0; i < source->map_count; i++) {
        if (!asks_for(reading, source->maps[i].name))
            return ss_fail(error, SS_INVALID, "--map %s=%s: service '%s' has no key or request input '%s'",
                           source->maps[i].name, source->maps[i].column, reading->service->name,
                           source->maps[i].name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(source->maps[i].name, source->maps[j].name) == 0)
                return ss_fail(error, SS_INVALID, "--map %s=%s: '%s' is mapped twice, to '%s' before",
                               source->maps[i].name, source->maps[i].column, source->maps[i].name,
                               source->maps[j].column);
    }
    return SS_OK;
}

static enum ss_status check_names(const struct reading *reading, struct ss_error *error)
{
    const struct ss_spine_rows *rows = reading->rows;
    for (size_t i = 0; i < rows->column_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(rows->columns[i].name, rows->columns[j].name) == 0)
                return ss_fail(
                    error, SS_INVALID,
                    "spine '%s': columns '%s' and '%s' have one name (case does not count); rename one",
                    reading->source->place, rows->columns[j].name, rows->columns[i].name);
    return SS_OK;
}

static enum ss_status find_event_source(struct reading *reading, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    const char *name = reading->source->with_event;
    for (size_t v = 0; name && v < service->view_count; v++)
        if (strcmp(service->views[v]->source->name, name) == 0)
            reading->event_source = service->views[v]->source;
    if (!name || reading->event_source) return SS_OK;
    return ss_fail(error, SS_NOT_FOUND, "--with-event %s: no view of service '%s' reads a source '%s'", name,
                   service->name, name);
}

// The columns of the event at hand that the spine has.
static enum ss_status resolve_event(struct reading *reading, struct ss_error *error)
{
    const struct ss_source *source = reading->event_source;
    struct ss_spine_rows *rows = reading->rows;
    const int32_t length = (int32_t)rows->spine.length;
    const size_t before = reading->wanted_count;
    struct ss_column *columns = ss_arena_array(&rows->arena, source->column_count + 1, sizeof *columns);
    reading->carries = ss_arena_array(&rows->arena, (size_t)length + 1, sizeof *reading->carries);
    if (!columns || !reading->carries) return ss_fail_memory(error, "a spine's columns");
    for (size_t c = 0; c < source->column_count; c++) {
        const struct ss_source_column *column = &source->columns[c];
        const size_t size = strlen(source->name) + strlen(column->name) + 2;
        char *name = ss_arena_alloc(&rows->arena, size);
        if (!name || !ss_column_init(&columns[c], column->type, length ? length : 1, &rows->arena))
            return ss_fail_memory(error, "a spine's columns");
        snprintf(name, size, "%s.%s", source->name, column->name);
        if (find_column(rows, mapped(reading, name)) < 0 && mapped(reading, name) == name) continue;
        if (!ss_at_hand_takes(source, (int)c))
            return ss_fail(error, SS_INVALID,
                           "spine '%s': column '%s': an event at hand is an insert that happens at t - 1 us "
                           "and is known then; leave this column out",
                           reading->source->place, name);
        SS_TRY(want(reading,
                    (struct wanted){"column", name, 0, column->type, column->unit, &columns[c], true},
                    error));
    }
    if (reading->wanted_count == before)
        return ss_fail(
            error, SS_INVALID,
            "spine '%s': --with-event %s: it has no column of that source; columns are called '%s.COLUMN'",
            reading->source->place, source->name, source->name);
    rows->spine.at_hand = (struct ss_events_at_hand){source, columns, reading->carries};
    return SS_OK;
}

static enum ss_status resolve(struct reading *reading, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    struct ss_spine_rows *rows = reading->rows;
    SS_TRY(find_event_source(reading, error));
    const size_t keys = service->key_count, request = service->request_count;
    const size_t event = reading->event_source ? reading->event_source->column_count : 0;
    const int32_t length = (int32_t)rows->spine.length;
    struct ss_column *columns = ss_arena_array(&rows->arena, keys + request + 1, sizeof *columns);
    reading->wanted = ss_arena_array(&rows->arena, keys + request + event + 1, sizeof *reading->wanted);
    if (!columns || !reading->wanted) return ss_fail_memory(error, "a spine's columns");
    SS_TRY(check_maps(reading, error));
    SS_TRY(check_names(reading, error));
    const struct ss_type timestamp = {SS_TIMESTAMP, 0};
    const char *time_column = reading->source->time_column;
    SS_TRY(want(reading, (struct wanted){"time", time_column, 0, timestamp, reading->source->time_unit, NULL},
                error));
    for (size_t i = 0; i < keys + request; i++) {
        struct wanted wanted = {.values = &columns[i]};
        if (i < keys) {
            wanted.what = "key";
            wanted.name = service->key_names[i];
            wanted.type = service->key_types[i];
        } else {
            wanted.what = "request input";
            wanted.name = service->request[i - keys].name;
            wanted.type = service->request[i - keys].type;
            wanted.unit = service->request[i - keys].unit;
        }
        SS_TRY(want(reading, wanted, error));
        if (!ss_column_init(&columns[i], wanted.type, length ? length : 1, &rows->arena))
            return ss_fail_memory(error, "a spine's columns");
    }
    rows->spine.keys = columns;
    rows->spine.request = columns + keys;
    return reading->event_source ? resolve_event(reading, error) : SS_OK;
}

static const char *shown(const struct ss_cell *cell, char number[SS_NUMBER_TEXT_SIZE], int *size)
{
    const char *text = "";
    if (cell->kind == SS_CELL_KIND_INTEGER) text = ss_decimal_format(cell->integer, 0, number);
    if (cell->kind == SS_CELL_KIND_REAL) text = ss_float64_format(cell->real, number);
    *size = (int)strlen(text);
    if (cell->kind == SS_CELL_KIND_TEXT) {
        text = cell->text.data;
        *size = cell->text.size > 80 ? 80 : (int)cell->text.size;
    }
    return text;
}

static enum ss_status fail_cell(const struct reading *reading, const struct wanted *wanted, uint64_t line,
                                const struct ss_cell *cell, const char *reason, struct ss_error *error)
{
    char number[SS_NUMBER_TEXT_SIZE];
    int size;
    const char *text = shown(cell, number, &size);
    const bool is_cut = cell->kind == SS_CELL_KIND_TEXT && cell->text.size > 80;
    return ss_fail(error, SS_INVALID, "%s:%s%llu: column '%s': %s%s%.*s%s", reading->source->place,
                   reading->is_table ? " row " : "", (unsigned long long)line,
                   reading->rows->columns[wanted->column].name, reason,
                   cell->kind == SS_CELL_KIND_NULL ? "" : ": '", size, text,
                   cell->kind == SS_CELL_KIND_NULL ? ""
                   : is_cut                        ? "...'"
                                                   : "'");
}

static const char *expected(struct ss_type type, char text[80])
{
    char name[SS_TYPE_TEXT_SIZE];
    snprintf(text, 80, "expected %s", ss_type_format(type, name));
    return text;
}

static bool is_exact(struct ss_type type)
{
    return type.id == SS_INT64 || type.id == SS_DECIMAL;
}

// A number of SQLite as text that ss_value_parse takes for this type, or NULL where such a number does not
// do.
static const char *number_text(const struct wanted *wanted, const struct ss_cell *cell,
                               char number[SS_NUMBER_TEXT_SIZE])
{
    const struct ss_type type = wanted->type;
    if (cell->kind == SS_CELL_KIND_REAL)
        return type.id == SS_FLOAT64 || type.id == SS_DECIMAL ? ss_float64_format(cell->real, number) : NULL;
    if (type.id == SS_BOOL && (cell->integer == 0 || cell->integer == 1))
        return cell->integer ? "true" : "false";
    if (type.id == SS_TIMESTAMP && wanted->unit == SS_UNIT_TEXT) return NULL;
    if (!is_exact(type) && type.id != SS_FLOAT64 && type.id != SS_TIMESTAMP) return NULL;
    snprintf(number, SS_NUMBER_TEXT_SIZE, "%lld", (long long)cell->integer);
    return number;
}

static enum ss_status parse_cell(struct reading *reading, const struct wanted *wanted, uint64_t line,
                                 const struct ss_cell *cell, struct ss_value *value, struct ss_error *error)
{
    char number[SS_NUMBER_TEXT_SIZE], expectation[80];
    struct ss_bytes text = cell->text;
    const char *reason = expected(wanted->type, expectation);
    *value = (struct ss_value){0};
    if (cell->kind == SS_CELL_KIND_NULL) return SS_OK;
    if (cell->kind == SS_CELL_KIND_BLOB && wanted->type.id == SS_BYTES) {
        *value = (struct ss_value){.present = true, .text = text};
        return SS_OK;
    }
    if (cell->kind == SS_CELL_KIND_BLOB)
        return fail_cell(reading, wanted, line, cell, "expected a value, got a BLOB", error);
    if (cell->kind != SS_CELL_KIND_TEXT) {
        const char *digits = number_text(wanted, cell, number);
        if (!digits && wanted->type.id == SS_TIMESTAMP)
            return fail_cell(reading, wanted, line, cell,
                             "expected a time as text, or give the unit of its numbers", error);
        if (!digits) return fail_cell(reading, wanted, line, cell, reason, error);
        text = ss_bytes_of(digits);
    }
    const struct ss_zone *zone = wanted->is_event ? reading->event_source->zone : NULL;
    ss_arena_reset(&reading->cell);
    if (ss_value_parse(wanted->type, text, (int)wanted->unit, zone, &reading->cell, value, &reason))
        return SS_OK;
    if (!reason) return ss_fail_memory(error, "a spine's cell");
    return fail_cell(reading, wanted, line, cell, reason, error);
}

static enum ss_status take_cell(struct reading *reading, const struct wanted *wanted, uint64_t line,
                                int64_t row, const struct ss_cell *cell, int64_t *t_us,
                                struct ss_error *error)
{
    struct ss_value value;
    SS_TRY(parse_cell(reading, wanted, line, cell, &value, error));
    if (wanted->is_event && cell->kind != SS_CELL_KIND_NULL) reading->carries[row] = true;
    if (wanted->values)
        return ss_column_append(wanted->values, value, &reading->rows->arena)
                   ? SS_OK
                   : ss_fail_memory(error, "a spine's column");
    if (!value.present)
        return fail_cell(reading, wanted, line, cell, "the time of a spine row may not be null", error);
    t_us[row] = value.i64;
    return SS_OK;
}

// No entity of the row may have a longer key than the store holds. The wanted columns: the time, then the
// keys.
static enum ss_status check_keys(const struct reading *reading, uint64_t line, int64_t row,
                                 const struct ss_cell *cells, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    for (size_t v = 0; v < service->view_count; v++) {
        const struct ss_entity *entity = service->views[v]->entity;
        struct ss_value parts[SS_MAX_KEYS];
        struct ss_key key;
        for (size_t i = 0; i < entity->key_count; i++)
            parts[i] = ss_column_get(&reading->rows->spine.keys[service->view_keys[v][i]], (int32_t)row);
        if (ss_key_encode(entity->key_types, parts, entity->key_count, &key) != SS_KEY_TOO_LONG) continue;
        const struct wanted *wanted = &reading->wanted[1 + service->view_keys[v][0]];
        char reason[160];
        snprintf(reason, sizeof reason, "the key of entity '%.64s' is longer than %d bytes when encoded",
                 entity->name, SS_KEY_MAX);
        return fail_cell(reading, wanted, line, &cells[wanted->column], reason, error);
    }
    return SS_OK;
}

static void add_text(struct ss_hasher *hasher, const char *text)
{
    ss_hasher_add(hasher, text, strlen(text) + 1);
}

// Walks the buffer once: hashes it and makes the typed columns.
static enum ss_status make_typed(struct reading *reading, struct ss_hasher *hasher, struct ss_error *error)
{
    struct ss_spine_rows *rows = reading->rows;
    struct ss_cell *cells = ss_arena_array(&rows->arena, rows->column_count + 1, sizeof *cells);
    int64_t *t_us = ss_arena_array(&rows->arena, (size_t)rows->spine.length + 1, sizeof *t_us);
    struct ss_reader reader = {rows->cells.data, rows->cells.data + rows->cells.size, false};
    uint64_t line = reading->is_table ? 0 : 1;
    if (!cells || !t_us) return ss_fail_memory(error, "a spine");
    for (size_t i = 0; i < rows->column_count; i++) add_text(hasher, rows->columns[i].name);
    for (int64_t row = 0; row < rows->spine.length; row++) {
        line += ss_read_varint(&reader);
        const uint8_t *start = reader.at;
        for (size_t i = 0; i < rows->column_count; i++) cells[i] = decode_cell(&reader);
        ss_hasher_add(hasher, start, (size_t)(reader.at - start));
        for (size_t i = 0; i < reading->wanted_count; i++) {
            const struct wanted *wanted = &reading->wanted[i];
            SS_TRY(take_cell(reading, wanted, line, row, &cells[wanted->column], t_us, error));
        }
        SS_TRY(check_keys(reading, line, row, cells, error));
    }
    rows->spine.t_us = t_us;
    return SS_OK;
}

enum ss_status ss_spine_read(const struct ss_spine_source *source, const struct ss_service *service,
                             struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_table_place place;
    struct ss_spine_rows filled = {0};
    struct reading reading = {.source = source, .service = service, .rows = &filled};
    struct ss_hasher *hasher = ss_hasher_create();
    enum ss_status status = SS_OK;
    reading.is_table = ss_table_place_parse(source->place, &place);
    if (!hasher) return ss_fail_memory(error, "a spine's hash");
    SS_TRY_GOTO(reading.is_table ? read_table(source->place, &filled, error)
                                 : read_csv(source->place, &filled, error),
                out);
    if (filled.spine.length > INT32_MAX) {
        status = ss_fail(error, SS_LIMIT, "spine '%s': it has more than %d rows; split it", source->place,
                         INT32_MAX);
        goto out;
    }
    SS_TRY_GOTO(resolve(&reading, error), out);
    SS_TRY_GOTO(make_typed(&reading, hasher, error), out);
    filled.hash = ss_hasher_end(hasher);
    ss_arena_release(&reading.cell);
    *rows = filled;
    return SS_OK;
out:
    ss_arena_release(&reading.cell);
    ss_hasher_destroy(hasher);
    ss_spine_release(&filled);
    return status;
}

void ss_spine_release(struct ss_spine_rows *rows)
{
    ss_arena_release(&rows->arena);
    ss_buffer_release(&rows->cells);
    *rows = (struct ss_spine_rows){0};
}

void ss_spine_next(const struct ss_spine_rows *rows, struct ss_spine_cursor *cursor, struct ss_cell *cells)
{
    struct ss_reader reader = {rows->cells.data + cursor->at, rows->cells.data + rows->cells.size, false};
    ss_read_varint(&reader);
    for (size_t i = 0; i < rows->column_count; i++) cells[i] = decode_cell(&reader);
    SS_ASSERT(!reader.failed);
    cursor->at = (size_t)(reader.at - rows->cells.data);
}
