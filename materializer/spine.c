// Spines. First every cell is kept as it was (spine_text.h) and the rows are counted; then, in blocks of
// SPINE_BLOCK_ROWS on the pool's threads, the cells are hashed and the columns that the service asks for are
// made typed out of them. Any cell that is not exactly of its type ends the whole spine.
//
// A plain CSV file is taken as it stands. Where anything in it is not as it should be, it is read again cell
// by cell, in order, so that the first error is the one that is told.

#include "materializer/spine.h"

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/key.h"
#include "materializer/csv_scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SPINE_BLOCK_ROWS (8 * SS_BATCH_ROWS) // a multiple of 8: blocks share no byte of a bitmap
#define TEXT_BYTES       16                  // of a cell, to begin with

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
    rows->column_count = rows->text.column_count = count;
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
    struct ss_cell *cells = ss_arena_array(&rows->arena, count + 1, sizeof *cells);
    SS_TRY_GOTO(cells ? SS_OK : ss_fail_memory(error, "a spine's cells"), out);
    while (!rows->text.bytes.failed) {
        SS_TRY_GOTO(ss_table_reader_next(reader, &has_row, error), out);
        if (!has_row) break;
        for (size_t i = 0; i < count; i++) cells[i] = ss_table_reader_cell(reader, i);
        ss_spine_text_add(&rows->text, 1, cells);
    }
    if (rows->text.bytes.failed) status = ss_fail_memory(error, "a spine's cells");
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
    rows->column_count = rows->text.column_count = count;
    return SS_OK;
}

// Keeps a row of a CSV file; *line is that of the row before it.
static enum ss_status add_csv_row(const char *place, const struct ss_csv_row *row, struct ss_cell *cells,
                                  struct ss_spine_rows *rows, uint64_t *line, struct ss_error *error)
{
    if (row->problem)
        return ss_fail(error, SS_INVALID, "%s:%llu: %s", place, (unsigned long long)row->line, row->problem);
    for (size_t i = 0; i < rows->column_count; i++)
        cells[i] = row->cells[i].null ? (struct ss_cell){.kind = SS_CELL_KIND_NULL}
                                      : (struct ss_cell){SS_CELL_KIND_TEXT, .text = row->cells[i].text};
    if (rows->text.length == 0) rows->text.last_line = *line;
    ss_spine_text_add(&rows->text, row->line - *line, cells);
    *line = row->line;
    return rows->text.bytes.failed ? ss_fail_memory(error, "a spine's cells") : SS_OK;
}

// The rows of what cannot be read twice.
static enum ss_status read_stream(const char *place, struct ss_csv_reader *reader, struct ss_cell *cells,
                                  struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_row row;
    bool has_row;
    uint64_t line = 1;
    while (true) {
        SS_TRY(ss_csv_reader_next(reader, &row, &has_row, error));
        if (!has_row) return SS_OK;
        SS_TRY(add_csv_row(place, &row, cells, rows, &line, error));
    }
}

// The rows of a file in memory.
static enum ss_status scan_rows(const char *place, struct ss_bytes bytes, uint64_t first_line,
                                struct ss_cell *cells, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_scan scan;
    struct ss_csv_row row;
    enum ss_status status = SS_OK;
    uint64_t line = 1;
    SS_TRY(ss_csv_scan_init(&scan, rows->column_count, error));
    ss_csv_scan_start(&scan, bytes, first_line);
    while (status == SS_OK && ss_csv_scan_next(&scan, &row))
        status = add_csv_row(place, &row, cells, rows, &line, error);
    ss_csv_scan_release(&scan);
    return status;
}

static enum ss_status read_csv_rows(const char *place, struct ss_csv_reader *reader,
                                    struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_buffer bytes = {0};
    bool is_file;
    struct ss_cell *cells = ss_arena_array(&rows->arena, rows->column_count + 1, sizeof *cells);
    if (!cells) return ss_fail_memory(error, "a spine's cells");
    SS_TRY(ss_spine_file_read(place, ss_csv_reader_offset(reader), &bytes, &is_file, error));
    const struct ss_bytes all = {(const char *)bytes.data, bytes.size};
    const enum ss_status status = is_file
                                      ? scan_rows(place, all, ss_csv_reader_line(reader), cells, rows, error)
                                      : read_stream(place, reader, cells, rows, error);
    ss_buffer_release(&bytes);
    return status;
}

static enum ss_status read_csv(const char *place, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_csv_reader *reader;
    enum ss_status status;
    SS_TRY(ss_csv_reader_open(place, &reader, error));
    SS_TRY_GOTO(keep_header(reader, rows, error), out);
    SS_TRY_GOTO(read_csv_rows(place, reader, rows, error), out);
out:
    ss_csv_reader_close(reader);
    return status;
}

// *plain false: it is no plain file, or not one that can be read; nothing is told.
static enum ss_status read_plain_csv(const char *place, struct ss_pool *pool, struct ss_spine_rows *rows,
                                     bool *plain, struct ss_error *error)
{
    struct ss_csv_reader *reader = NULL;
    enum ss_status status = SS_OK;
    *plain = false;
    const int file = strcmp(place, "-") == 0 ? -1 : open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return SS_OK;
    if (lseek(file, 0, SEEK_END) > 0) status = ss_csv_reader_open_file(file, place, &reader, error);
    if (reader) status = keep_header(reader, rows, error);
    if (reader && status == SS_OK)
        status = ss_spine_text_load(file, ss_csv_reader_offset(reader), rows->column_count, pool, &rows->text,
                                    plain, error);
    ss_csv_reader_close(reader);
    close(file);
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

// A block of rows on its way to typed columns.
struct block {
    struct ss_arena arena;
    struct ss_column *columns; // [wanted]: of fixed width, a part of the spine's own; of text, the block's
    struct ss_sha256 hash;     // of the cells
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
    struct block *blocks;
    int64_t *t_us;
};

// What one thread has in hand.
struct typing {
    const struct reading *reading;
    struct block *block;
    struct ss_cell *cells;
    struct ss_arena cell;    // of the value at hand
    struct ss_buffer hashed; // of a plain text: its cells encoded
    struct ss_hasher *hasher;
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

static enum ss_status parse_cell(struct typing *typing, const struct wanted *wanted, uint64_t line,
                                 const struct ss_cell *cell, struct ss_value *value, struct ss_error *error)
{
    const struct reading *reading = typing->reading;
    char number[SS_NUMBER_TEXT_SIZE], expectation[80];
    struct ss_bytes text = cell->text;
    const char *reason;
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
        if (!digits)
            return fail_cell(reading, wanted, line, cell, expected(wanted->type, expectation), error);
        text = ss_bytes_of(digits);
    }
    const struct ss_zone *zone = wanted->is_event ? reading->event_source->zone : NULL;
    ss_arena_reset(&typing->cell);
    if (ss_value_parse(wanted->type, text, (int)wanted->unit, zone, &typing->cell, value, &reason))
        return SS_OK;
    if (!reason) return ss_fail_memory(error, "a spine's cell");
    return fail_cell(reading, wanted, line, cell, reason, error);
}

static enum ss_status take_cell(struct typing *typing, size_t index, uint64_t line, int64_t row,
                                struct ss_error *error)
{
    const struct reading *reading = typing->reading;
    const struct wanted *wanted = &reading->wanted[index];
    const struct ss_cell *cell = &typing->cells[wanted->column];
    struct ss_value value;
    SS_TRY(parse_cell(typing, wanted, line, cell, &value, error));
    if (wanted->is_event && cell->kind != SS_CELL_KIND_NULL) reading->carries[row] = true;
    if (wanted->values)
        return ss_column_append(&typing->block->columns[index], value, &typing->block->arena)
                   ? SS_OK
                   : ss_fail_memory(error, "a spine's column");
    if (!value.present)
        return fail_cell(reading, wanted, line, cell, "the time of a spine row may not be null", error);
    reading->t_us[row] = value.i64;
    return SS_OK;
}

// No entity of the row may have a longer key than the store holds. The wanted columns: the time, then the
// keys.
static enum ss_status check_key(const struct typing *typing, size_t view, uint64_t line,
                                struct ss_error *error)
{
    const struct reading *reading = typing->reading;
    const struct ss_entity *entity = reading->service->views[view]->entity;
    const int *places = reading->service->view_keys[view];
    struct ss_value parts[SS_MAX_KEYS];
    struct ss_key key;
    size_t most = 1; // bytes that the encoded key may have
    for (size_t i = 0; i < entity->key_count; i++) {
        const struct ss_column *column = &typing->block->columns[1 + places[i]];
        parts[i] = ss_column_get(column, column->length - 1);
        most += ss_type_is_text(entity->key_types[i]) ? 2 * parts[i].text.size + 2 : 8;
    }
    if (most <= SS_KEY_MAX ||
        ss_key_encode(entity->key_types, parts, entity->key_count, &key) != SS_KEY_TOO_LONG)
        return SS_OK;
    const struct wanted *wanted = &reading->wanted[1 + places[0]];
    char reason[160];
    snprintf(reason, sizeof reason, "the key of entity '%.64s' is longer than %d bytes when encoded",
             entity->name, SS_KEY_MAX);
    return fail_cell(reading, wanted, line, &typing->cells[wanted->column], reason, error);
}

static void hash_row(struct typing *typing, const struct ss_spine_cursor *cursor)
{
    const struct ss_spine_text *text = &typing->reading->rows->text;
    if (!text->is_plain) {
        ss_hasher_add(typing->hasher, cursor->raw.data, cursor->raw.size);
        return;
    }
    for (size_t i = 0; i < text->column_count; i++) ss_cell_encode(&typing->cells[i], &typing->hashed);
    if (typing->hashed.size < 16384) return;
    ss_hasher_add(typing->hasher, typing->hashed.data, typing->hashed.size);
    ss_buffer_clear(&typing->hashed);
}

static enum ss_status type_rows(struct typing *typing, int64_t first, int64_t end, struct ss_error *error)
{
    const struct reading *reading = typing->reading;
    const struct ss_spine_text *text = &reading->rows->text;
    struct ss_spine_cursor cursor = ss_spine_cursor_at(text, first);
    for (int64_t row = first; row < end; row++) {
        if (!ss_spine_next(text, &cursor, typing->cells))
            return ss_fail(error, SS_INVALID, "spine '%s': it is no plain CSV file", reading->source->place);
        hash_row(typing, &cursor);
        for (size_t i = 0; i < reading->wanted_count; i++)
            SS_TRY(take_cell(typing, i, cursor.line, row, error));
        for (size_t v = 0; v < reading->service->view_count; v++)
            SS_TRY(check_key(typing, v, cursor.line, error));
    }
    ss_hasher_add(typing->hasher, typing->hashed.data, typing->hashed.size);
    return typing->hashed.failed ? ss_fail_memory(error, "a spine's hash") : SS_OK;
}

// The block's columns: those of fixed width write where their rows are in the whole.
static bool init_block(const struct reading *reading, struct block *block, int64_t first, int64_t end)
{
    block->columns = ss_arena_array(&block->arena, reading->wanted_count + 1, sizeof *block->columns);
    for (size_t i = 0; block->columns && i < reading->wanted_count; i++) {
        struct ss_column *column = &block->columns[i];
        const struct ss_column *whole = reading->wanted[i].values;
        const int32_t rows = (int32_t)(end - first);
        if (!whole) continue;
        if (ss_type_is_text(whole->type)) {
            if (!ss_column_init(column, whole->type, rows, &block->arena) ||
                !ss_column_reserve(column, (size_t)rows * TEXT_BYTES, &block->arena))
                return false;
            continue;
        }
        *column = (struct ss_column){
            .type = whole->type, .capacity = rows, .validity = whole->validity + first / 8};
        if (whole->type.id == SS_BOOL)
            column->bits = whole->bits + first / 8;
        else
            column->i64 = whole->i64 + first;
    }
    return block->columns != NULL;
}

static enum ss_status type_block(void *context, size_t index, size_t slot, struct ss_error *error)
{
    const struct reading *reading = context;
    const int64_t length = reading->rows->text.length, first = (int64_t)index * SPINE_BLOCK_ROWS;
    const int64_t end = first + SPINE_BLOCK_ROWS < length ? first + SPINE_BLOCK_ROWS : length;
    struct block *block = &reading->blocks[index];
    struct typing typing = {.reading = reading, .block = block, .hasher = ss_hasher_create()};
    typing.cells = calloc(reading->rows->column_count + 1, sizeof *typing.cells);
    (void)slot;
    enum ss_status status = typing.hasher && typing.cells && init_block(reading, block, first, end)
                                ? type_rows(&typing, first, end, error)
                                : ss_fail_memory(error, "a spine");
    if (status == SS_OK) {
        block->hash = ss_hasher_end(typing.hasher);
        typing.hasher = NULL;
    }
    ss_hasher_destroy(typing.hasher);
    free(typing.cells);
    ss_arena_release(&typing.cell);
    ss_buffer_release(&typing.hashed);
    return status;
}

// Puts the blocks' columns of text behind each other.
static bool join_text(const struct reading *reading, size_t wanted, size_t block_count)
{
    struct ss_column *whole = reading->wanted[wanted].values;
    size_t size = 0;
    for (size_t b = 0; b < block_count; b++) {
        const struct ss_column *part = &reading->blocks[b].columns[wanted];
        size += (size_t)part->offsets[part->length];
    }
    if (size > INT32_MAX) return false;
    whole->data = ss_arena_raw(&reading->rows->arena, size + 1);
    if (!whole->data) return false;
    whole->data_capacity = (int32_t)size;
    for (size_t b = 0; b < block_count; b++) {
        const struct ss_column *part = &reading->blocks[b].columns[wanted];
        const int32_t at = whole->offsets[whole->length], first = whole->length;
        if (part->offsets[part->length])
            memcpy(whole->data + at, part->data, (size_t)part->offsets[part->length]);
        memcpy(whole->validity + first / 8, part->validity, ((size_t)part->length + 7) / 8);
        for (int32_t i = 1; i <= part->length; i++) whole->offsets[first + i] = at + part->offsets[i];
        whole->length += part->length;
    }
    return true;
}

static enum ss_status join_blocks(const struct reading *reading, size_t block_count, struct ss_error *error)
{
    struct ss_spine_rows *rows = reading->rows;
    struct ss_hasher *hasher = ss_hasher_create();
    if (!hasher) return ss_fail_memory(error, "a spine's hash");
    for (size_t i = 0; i < rows->column_count; i++)
        ss_hasher_add(hasher, rows->columns[i].name, strlen(rows->columns[i].name) + 1);
    for (size_t b = 0; b < block_count; b++)
        ss_hasher_add(hasher, reading->blocks[b].hash.bytes, sizeof reading->blocks[b].hash.bytes);
    rows->hash = ss_hasher_end(hasher);
    for (size_t i = 0; i < reading->wanted_count; i++) {
        struct ss_column *whole = reading->wanted[i].values;
        if (!whole) continue;
        if (!ss_type_is_text(whole->type))
            whole->length = (int32_t)rows->spine.length;
        else if (!join_text(reading, i, block_count))
            return ss_fail_memory(error, "a spine's column");
    }
    return SS_OK;
}

static enum ss_status make_typed(struct reading *reading, struct ss_pool *pool, struct ss_error *error)
{
    struct ss_spine_rows *rows = reading->rows;
    const size_t length = (size_t)rows->spine.length,
                 count = (length + SPINE_BLOCK_ROWS - 1) / SPINE_BLOCK_ROWS;
    reading->t_us = ss_arena_raw_array(&rows->arena, length + 1, sizeof *reading->t_us);
    reading->blocks = calloc(count + 1, sizeof *reading->blocks);
    enum ss_status status = reading->t_us && reading->blocks
                                ? ss_pool_run(pool, count, type_block, reading, error)
                                : ss_fail_memory(error, "a spine");
    if (status == SS_OK) status = join_blocks(reading, count, error);
    for (size_t b = 0; reading->blocks && b < count; b++) ss_arena_release(&reading->blocks[b].arena);
    free(reading->blocks);
    rows->spine.t_us = reading->t_us;
    return status;
}

// From the cells as they were to the spine.
static enum ss_status finish_rows(const struct ss_spine_source *source, const struct ss_service *service,
                                  bool is_table, struct ss_pool *pool, struct ss_spine_rows *rows,
                                  struct ss_error *error)
{
    struct reading reading = {.source = source, .service = service, .rows = rows, .is_table = is_table};
    rows->spine.length = rows->text.length;
    if (rows->spine.length > INT32_MAX)
        return ss_fail(error, SS_LIMIT, "spine '%s': it has more than %d rows; split it", source->place,
                       INT32_MAX);
    SS_TRY(resolve(&reading, error));
    return make_typed(&reading, pool, error);
}

enum ss_status ss_spine_read(const struct ss_spine_source *source, const struct ss_service *service,
                             struct ss_pool *pool, struct ss_spine_rows *rows, struct ss_error *error)
{
    struct ss_table_place place;
    struct ss_spine_rows filled = {0};
    const bool is_table = ss_table_place_parse(source->place, &place);
    bool plain = false;
    enum ss_status status = is_table ? SS_OK : read_plain_csv(source->place, pool, &filled, &plain, error);
    if (status == SS_OK && plain) status = finish_rows(source, service, false, pool, &filled, error);
    if (status == SS_OK ? !plain : status != SS_OUT_OF_MEMORY) {
        ss_spine_release(&filled);
        status =
            is_table ? read_table(source->place, &filled, error) : read_csv(source->place, &filled, error);
        if (status == SS_OK) status = finish_rows(source, service, is_table, pool, &filled, error);
    }
    if (status == SS_OK)
        *rows = filled;
    else
        ss_spine_release(&filled);
    return status;
}

void ss_spine_release(struct ss_spine_rows *rows)
{
    ss_arena_release(&rows->arena);
    ss_spine_text_release(&rows->text);
    *rows = (struct ss_spine_rows){0};
}

void ss_spine_cells(const struct ss_spine_rows *rows, int64_t first, int32_t length, struct ss_cell *cells,
                    struct ss_bytes *lines)
{
    struct ss_spine_cursor cursor = ss_spine_cursor_at(&rows->text, first);
    for (int32_t row = 0; row < length; row++) {
        const bool is_row = ss_spine_next(&rows->text, &cursor, &cells[(size_t)row * rows->column_count]);
        SS_ASSERT(is_row);
        lines[row] = rows->text.is_plain ? cursor.raw : (struct ss_bytes){0};
    }
}
