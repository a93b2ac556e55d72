// A spine's columns, made typed out of its cells in blocks of SPINE_BLOCK_ROWS on the pool's threads, and, if
// asked for, the hash of all cells. Any cell that is not exactly of its type ends the whole spine.

#include "materializer/spine_internal.h"

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPINE_BLOCK_ROWS (8 * SS_BATCH_ROWS) // a multiple of 8: blocks share no byte of a bitmap
#define TEXT_BYTES       16                  // of a cell, to begin with

// A block of rows on its way to typed columns.
struct block {
    struct ss_arena arena;
    struct ss_column *columns; // [wanted]: of fixed width, a part of the spine's own; of text, the block's
    struct ss_sha256 hash;     // of the cells
};

struct typed {
    const struct ss_spine_reading *reading;
    struct block *blocks;
    int64_t *t_us; // of all rows
};

// What one thread has in hand.
struct typing {
    const struct ss_spine_reading *reading;
    struct block *block;
    int64_t *t_us;
    struct ss_cell *cells;
    struct ss_arena cell;     // of the value at hand
    struct ss_buffer hashed;  // of a plain text: its cells encoded
    struct ss_hasher *hasher; // NULL: no hash is asked for
};

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

static enum ss_status fail_cell(const struct ss_spine_reading *reading, const struct ss_spine_wanted *wanted,
                                uint64_t line, const struct ss_cell *cell, const char *reason,
                                struct ss_error *error)
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
static const char *number_text(const struct ss_spine_wanted *wanted, const struct ss_cell *cell,
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

static enum ss_status parse_cell(struct typing *typing, const struct ss_spine_wanted *wanted, uint64_t line,
                                 const struct ss_cell *cell, struct ss_value *value, struct ss_error *error)
{
    const struct ss_spine_reading *reading = typing->reading;
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
    const struct ss_spine_reading *reading = typing->reading;
    const struct ss_spine_wanted *wanted = &reading->wanted[index];
    const struct ss_cell *cell = &typing->cells[wanted->column];
    struct ss_value value;
    SS_TRY(parse_cell(typing, wanted, line, cell, &value, error));
    if (wanted->is_event && cell->kind != SS_CELL_KIND_NULL) reading->carries[row] = true;
    if (wanted->values)
        return ss_column_append(&typing->block->columns[index], value, &typing->block->arena)
                   ? SS_OK
                   : ss_fail_memory(error, "a spine's column");
    if (!value.present)
        return fail_cell(reading, wanted, line, cell, "the time of a row may not be null", error);
    typing->t_us[row] = value.i64;
    return SS_OK;
}

// No entity of the row may have a longer key than the store holds. The wanted columns: the time, then the
// keys.
static enum ss_status check_key(const struct typing *typing, size_t view, uint64_t line,
                                struct ss_error *error)
{
    const struct ss_spine_reading *reading = typing->reading;
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
    const struct ss_spine_wanted *wanted = &reading->wanted[1 + places[0]];
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
    const struct ss_spine_reading *reading = typing->reading;
    const struct ss_spine_text *text = &reading->rows->text;
    struct ss_spine_cursor cursor = ss_spine_cursor_at(text, first);
    for (int64_t row = first; row < end; row++) {
        if (!ss_spine_next(text, &cursor, typing->cells))
            return ss_fail(error, SS_INVALID, "spine '%s': it is no plain CSV file", reading->source->place);
        if (typing->hasher) hash_row(typing, &cursor);
        for (size_t i = 0; i < reading->wanted_count; i++)
            SS_TRY(take_cell(typing, i, cursor.line, row, error));
        for (size_t v = 0; v < reading->service->view_count; v++)
            SS_TRY(check_key(typing, v, cursor.line, error));
    }
    if (typing->hasher) ss_hasher_add(typing->hasher, typing->hashed.data, typing->hashed.size);
    return typing->hashed.failed ? ss_fail_memory(error, "a spine's hash") : SS_OK;
}

// The block's columns: those of fixed width write where their rows are in the whole.
static bool init_block(const struct ss_spine_reading *reading, struct block *block, int64_t first,
                       int64_t end)
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
    const struct typed *typed = context;
    const struct ss_spine_reading *reading = typed->reading;
    const int64_t length = reading->rows->text.length, first = (int64_t)index * SPINE_BLOCK_ROWS;
    const int64_t end = first + SPINE_BLOCK_ROWS < length ? first + SPINE_BLOCK_ROWS : length;
    struct block *block = &typed->blocks[index];
    const bool with_hash = reading->source->with_hash;
    struct typing typing = {.reading = reading,
                            .block = block,
                            .t_us = typed->t_us,
                            .hasher = with_hash ? ss_hasher_create() : NULL};
    typing.cells = calloc(reading->rows->column_count + 1, sizeof *typing.cells);
    (void)slot;
    const bool is_ready = (typing.hasher || !with_hash) && typing.cells;
    enum ss_status status = is_ready && init_block(reading, block, first, end)
                                ? type_rows(&typing, first, end, error)
                                : ss_fail_memory(error, "a spine");
    if (status == SS_OK && with_hash) {
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
static bool join_text(const struct typed *typed, size_t wanted, size_t block_count)
{
    struct ss_column *whole = typed->reading->wanted[wanted].values;
    size_t size = 0;
    for (size_t b = 0; b < block_count; b++) {
        const struct ss_column *part = &typed->blocks[b].columns[wanted];
        size += (size_t)part->offsets[part->length];
    }
    if (size > INT32_MAX) return false;
    whole->data = ss_arena_raw(&typed->reading->rows->arena, size + 1);
    if (!whole->data) return false;
    whole->data_capacity = (int32_t)size;
    for (size_t b = 0; b < block_count; b++) {
        const struct ss_column *part = &typed->blocks[b].columns[wanted];
        const int32_t at = whole->offsets[whole->length], first = whole->length;
        if (part->offsets[part->length])
            memcpy(whole->data + at, part->data, (size_t)part->offsets[part->length]);
        memcpy(whole->validity + first / 8, part->validity, ((size_t)part->length + 7) / 8);
        for (int32_t i = 1; i <= part->length; i++) whole->offsets[first + i] = at + part->offsets[i];
        whole->length += part->length;
    }
    return true;
}

static enum ss_status join_hashes(const struct typed *typed, size_t block_count, struct ss_error *error)
{
    struct ss_spine_rows *rows = typed->reading->rows;
    struct ss_hasher *hasher = ss_hasher_create();
    if (!hasher) return ss_fail_memory(error, "a spine's hash");
    for (size_t i = 0; i < rows->column_count; i++)
        ss_hasher_add(hasher, rows->columns[i].name, strlen(rows->columns[i].name) + 1);
    for (size_t b = 0; b < block_count; b++)
        ss_hasher_add(hasher, typed->blocks[b].hash.bytes, sizeof typed->blocks[b].hash.bytes);
    rows->hash = ss_hasher_end(hasher);
    return SS_OK;
}

static enum ss_status join_blocks(const struct typed *typed, size_t block_count, struct ss_error *error)
{
    const struct ss_spine_reading *reading = typed->reading;
    struct ss_spine_rows *rows = reading->rows;
    if (reading->source->with_hash) SS_TRY(join_hashes(typed, block_count, error));
    for (size_t i = 0; i < reading->wanted_count; i++) {
        struct ss_column *whole = reading->wanted[i].values;
        if (!whole) continue;
        if (!ss_type_is_text(whole->type))
            whole->length = (int32_t)rows->spine.length;
        else if (!join_text(typed, i, block_count))
            return ss_fail_memory(error, "a spine's column");
    }
    return SS_OK;
}

enum ss_status ss_spine_make_typed(const struct ss_spine_reading *reading, struct ss_pool *pool,
                                   struct ss_error *error)
{
    struct ss_spine_rows *rows = reading->rows;
    const size_t length = (size_t)rows->spine.length,
                 count = (length + SPINE_BLOCK_ROWS - 1) / SPINE_BLOCK_ROWS;
    struct typed typed = {.reading = reading,
                          .blocks = calloc(count + 1, sizeof *typed.blocks),
                          .t_us = ss_arena_raw_array(&rows->arena, length + 1, sizeof *typed.t_us)};
    enum ss_status status = typed.t_us && typed.blocks ? ss_pool_run(pool, count, type_block, &typed, error)
                                                       : ss_fail_memory(error, "a spine");
    if (status == SS_OK) status = join_blocks(&typed, count, error);
    for (size_t b = 0; typed.blocks && b < count; b++) ss_arena_release(&typed.blocks[b].arena);
    free(typed.blocks);
    rows->spine.t_us = typed.t_us;
    return status;
}
