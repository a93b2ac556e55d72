// Output of a training table. A slot makes a block: its rows as CSV text or as cells for SQLite, and the hash
// of what they hold. The block whose turn it is goes out: into SQLite row by row, or to its place in the CSV
// file, which is known when the sizes of all blocks before it are. Both formats are put in their place by
// finish alone: SQLite by its one transaction, CSV by taking its name.
//
// The digest is over the typed rows, so both formats of one table have the same: per row the spine's cells,
// then per feature its status (one byte) and its value as SQLite holds it, then t and s; each cell as
// ss_cell_encode writes it. Blocks are hashed, then their hashes (docs/FORMAT.md "Training tables").

#include "materializer/train_output.h"

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "materializer/csv_text.h"
#include "materializer/spine.h"
#include "materializer/whole_file.h"

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct slot { // a block in the making
    int64_t row_count;
    struct ss_buffer hashed, lines, text; // text: of the value at hand
    struct ss_hasher *hasher;
    struct ss_cell *cells; // SQLite: [row * column_count + column]
    struct ss_arena arena; // SQLite: text of the cells, until the block's end
};

struct ss_train_output {
    const struct ss_train_layout *layout;
    bool is_table;
    struct ss_arena arena;
    struct ss_table_column *columns; // of the SQLite table: the CSV file has all but _t and _s
    bool *is_bool;                   // of the columns: an INTEGER that CSV writes as true or false
    size_t column_count;
    struct slot *slots;
    size_t slot_count;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t turn_came;
    size_t turn, given_up; // the block that goes out next; the first that will not come, SIZE_MAX: all come
    int64_t row_count;
    struct ss_hasher *hasher; // of the blocks' hashes
    uint64_t size;            // of the CSV file
    struct ss_table_writer *table;
    struct ss_whole_file *file;
};

// ---- Columns

static const char *sqlite_type(struct ss_type type)
{
    switch (type.id) {
    case SS_BOOL:
    case SS_INT64: return "INTEGER";
    case SS_FLOAT64: return "REAL";
    case SS_BYTES: return "BLOB";
    default: return "TEXT";
    }
}

static enum ss_status add_column(struct ss_train_output *output, const char *name, const char *type,
                                 struct ss_error *error)
{
    const struct ss_train_layout *layout = output->layout;
    for (size_t i = 0; i < output->column_count; i++)
        if (strcasecmp(output->columns[i].name, name) == 0)
            return ss_fail(
                error, SS_INVALID,
                "service '%s': its feature or column '%s' has the name of column '%s' of the spine or output "
                "(case does not count); rename the spine's column",
                layout->service->name, name, output->columns[i].name);
    output->columns[output->column_count++] = (struct ss_table_column){name, type};
    return SS_OK;
}

static enum ss_status lay_out(struct ss_train_output *output, struct ss_error *error)
{
    const struct ss_train_layout *layout = output->layout;
    const struct ss_service *service = layout->service;
    const size_t most = layout->spine_column_count + 2 * service->feature_count + 2;
    output->columns = ss_arena_array(&output->arena, most, sizeof *output->columns);
    output->is_bool = ss_arena_array(&output->arena, most, sizeof *output->is_bool);
    if (!output->columns || !output->is_bool) return ss_fail_memory(error, "the columns of a training table");
    for (size_t i = 0; i < layout->spine_column_count; i++) output->columns[i] = layout->spine_columns[i];
    output->column_count = layout->spine_column_count;
    for (size_t i = 0; i < service->feature_count; i++) {
        const struct ss_service_feature *feature = &service->features[i];
        output->is_bool[output->column_count] = feature->type.id == SS_BOOL;
        SS_TRY(add_column(output, feature->name, sqlite_type(feature->type), error));
        if (!layout->with_status) continue;
        const size_t size = strlen(feature->name) + sizeof "__status";
        char *name = ss_arena_alloc(&output->arena, size);
        if (!name) return ss_fail_memory(error, "the columns of a training table");
        snprintf(name, size, "%s__status", feature->name);
        SS_TRY(add_column(output, name, "TEXT", error));
    }
    if (!output->is_table) return SS_OK;
    SS_TRY(add_column(output, "_t", "INTEGER", error));
    return add_column(output, "_s", "INTEGER", error);
}

// ---- Rows

// Text made for the value at hand; for SQLite it stands in slot->arena. Out of memory: slot->text.failed.
static struct ss_cell text_cell(const struct ss_train_output *output, struct slot *slot, struct ss_type type,
                                struct ss_value value)
{
    struct ss_cell cell = {type.id == SS_BYTES ? SS_CELL_KIND_BLOB : SS_CELL_KIND_TEXT, .text = value.text};
    if (slot->text.failed) return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
    if (type.id != SS_STRING && type.id != SS_BYTES) {
        ss_buffer_clear(&slot->text);
        ss_value_format(type, value, &slot->text);
        if (slot->text.failed) return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
        cell.text = (struct ss_bytes){(const char *)slot->text.data, slot->text.size};
    }
    if (!output->is_table) return cell;
    cell.text.data = ss_arena_copy(&slot->arena, cell.text.data, cell.text.size);
    if (cell.text.data) return cell;
    slot->text.failed = true;
    return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
}

// The value as a cell of SQLite; its text is valid until the next one, or, for SQLite, until the block's end.
static struct ss_cell feature_cell(const struct ss_train_output *output, struct slot *slot,
                                   const struct ss_column *column, int32_t row)
{
    if (!ss_bit_get(column->validity, row)) return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
    switch (column->type.id) {
    case SS_BOOL: return (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = ss_bit_get(column->bits, row)};
    case SS_INT64: return (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = column->i64[row]};
    case SS_FLOAT64: return (struct ss_cell){SS_CELL_KIND_REAL, .real = column->f64[row]};
    default: return text_cell(output, slot, column->type, ss_column_get(column, row));
    }
}

static void put_byte(struct ss_buffer *buffer, char byte)
{
    uint8_t *room = ss_buffer_room(buffer, 1);
    if (!room) return;
    *room = (uint8_t)byte;
    buffer->size++;
}

static void write_spine(const struct ss_train_output *output, struct slot *slot,
                        const struct ss_train_rows *rows, int32_t row, struct ss_cell *kept)
{
    const size_t count = output->layout->spine_column_count;
    if (!kept && rows->spine_lines) {
        ss_buffer_append(&slot->lines, rows->spine_lines[row].data, rows->spine_lines[row].size);
        return;
    }
    const struct ss_cell *cells = &rows->spine_cells[(size_t)row * count];
    if (kept) memcpy(kept, cells, count * sizeof *cells);
    for (size_t i = 0; !kept && i < count; i++) {
        if (i) put_byte(&slot->lines, ',');
        ss_csv_write_cell(&cells[i], false, &slot->lines);
    }
}

// A number as text, what most cells are. False: it is something else.
static inline bool write_number(struct slot *slot, const struct ss_column *column, int32_t row, bool comma)
{
    const bool is_double = column->type.id == SS_FLOAT64;
    if (!is_double && column->type.id != SS_INT64) return false;
    char *line = (char *)ss_buffer_room(&slot->lines, 1 + SS_NUMBER_TEXT_SIZE);
    if (!line) return true; // and it has failed
    line[0] = ',';
    size_t size = comma;
    if (ss_bit_get(column->validity, row))
        size += is_double ? ss_float64_write(column->f64[row], line + size)
                          : ss_decimal_write(column->i64[row], 0, line + size);
    slot->lines.size += size;
    return true;
}

static void write_status(struct slot *slot, uint8_t status, struct ss_cell **kept)
{
    const struct ss_bytes name = ss_bytes_of(ss_cell_status_name((enum ss_cell_status)status));
    if (*kept) {
        *(*kept)++ = (struct ss_cell){SS_CELL_KIND_TEXT, .text = name};
        return;
    }
    put_byte(&slot->lines, ',');
    ss_buffer_append(&slot->lines, name.data, name.size);
}

static void write_features(const struct ss_train_output *output, struct slot *slot,
                           const struct ss_answer *answer, int32_t row, struct ss_cell *kept)
{
    const struct ss_train_layout *layout = output->layout;
    for (size_t f = 0; f < layout->service->feature_count; f++) {
        const struct ss_column *column = &answer->columns[f];
        const bool comma = f > 0 || layout->spine_column_count > 0;
        if (kept) {
            *kept++ = feature_cell(output, slot, column, row);
        } else if (!write_number(slot, column, row, comma)) {
            const struct ss_cell cell = feature_cell(output, slot, column, row);
            if (comma) put_byte(&slot->lines, ',');
            ss_csv_write_cell(&cell, column->type.id == SS_BOOL, &slot->lines);
        }
        if (layout->with_status) write_status(slot, answer->statuses[f][row], &kept);
    }
}

// The status and then the cell as ss_cell_encode writes it.
static void hash_feature(uint8_t status, const struct ss_cell *cell, struct ss_buffer *hashed)
{
    uint8_t *room = ss_buffer_room(hashed, 10);
    if (!room) return;
    room[0] = status;
    if (cell->kind == SS_CELL_KIND_TEXT || cell->kind == SS_CELL_KIND_BLOB) {
        hashed->size++;
        ss_cell_encode(cell, hashed);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &cell->integer, sizeof bits); // or the real's
    bits = htole64(bits);
    room[1] = (uint8_t)cell->kind;
    memcpy(room + 2, &bits, sizeof bits);
    hashed->size += cell->kind == SS_CELL_KIND_NULL ? 2 : 10;
}

// `kept`: the row's cells for SQLite, if it goes there.
static void hash_row(const struct ss_train_output *output, struct slot *slot,
                     const struct ss_train_rows *rows, int32_t row, const struct ss_cell *kept)
{
    const struct ss_train_layout *layout = output->layout;
    const size_t count = layout->spine_column_count, step = layout->with_status ? 2 : 1;
    const struct ss_cell point[2] = {{SS_CELL_KIND_INTEGER, .integer = rows->t_us[row]},
                                     {SS_CELL_KIND_INTEGER, .integer = (int64_t)rows->s}};
    for (size_t i = 0; i < count; i++)
        ss_cell_encode(&rows->spine_cells[(size_t)row * count + i], &slot->hashed);
    for (size_t f = 0; f < layout->service->feature_count; f++) {
        const struct ss_cell cell =
            kept ? kept[count + f * step] : feature_cell(output, slot, &rows->answer->columns[f], row);
        hash_feature(rows->answer->statuses[f][row], &cell, &slot->hashed);
    }
    for (size_t i = 0; i < 2; i++) ss_cell_encode(&point[i], &slot->hashed);
}

static void write_row(const struct ss_train_output *output, struct slot *slot,
                      const struct ss_train_rows *rows, int32_t row)
{
    struct ss_cell *kept =
        output->is_table ? &slot->cells[(size_t)slot->row_count * output->column_count] : NULL;
    write_spine(output, slot, rows, row, kept);
    write_features(output, slot, rows->answer, row, kept ? kept + output->layout->spine_column_count : NULL);
    if (kept) {
        kept[output->column_count - 2] = (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = rows->t_us[row]};
        kept[output->column_count - 1] = (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = (int64_t)rows->s};
    } else {
        put_byte(&slot->lines, '\n');
    }
    if (slot->hasher) hash_row(output, slot, rows, row, kept);
    slot->row_count++;
}

enum ss_status ss_train_output_rows(struct ss_train_output *output, size_t slot_index,
                                    const struct ss_train_rows *rows, struct ss_error *error)
{
    struct slot *slot = &output->slots[slot_index];
    SS_ASSERT(slot->row_count + rows->answer->length <= SS_TRAIN_BLOCK_ROWS);
    if (output->hasher && !slot->hasher && !(slot->hasher = ss_hasher_create()))
        return ss_fail_memory(error, "the digest of a training table");
    if (output->is_table && !slot->cells)
        slot->cells = calloc(SS_TRAIN_BLOCK_ROWS * output->column_count + 1, sizeof *slot->cells);
    if (output->is_table && !slot->cells) return ss_fail_memory(error, "the rows of a training table");
    for (int32_t row = 0; row < rows->answer->length; row++) write_row(output, slot, rows, row);
    if (slot->hashed.failed || slot->lines.failed || slot->text.failed)
        return ss_fail_memory(error, "the rows of a training table");
    if (slot->hasher) ss_hasher_add(slot->hasher, slot->hashed.data, slot->hashed.size);
    ss_buffer_clear(&slot->hashed);
    return SS_OK;
}

// ---- Turns

void ss_train_output_give_up(struct ss_train_output *output, size_t block)
{
    pthread_mutex_lock(&output->lock);
    if (block < output->given_up) output->given_up = block;
    pthread_cond_broadcast(&output->turn_came);
    pthread_mutex_unlock(&output->lock);
}

// Waits for the turn; false: a block before this one will not come.
static bool wait_for_turn(struct ss_train_output *output, size_t block)
{
    pthread_mutex_lock(&output->lock);
    while (output->turn != block && output->given_up > block)
        pthread_cond_wait(&output->turn_came, &output->lock);
    const bool mine = output->turn == block;
    pthread_mutex_unlock(&output->lock);
    return mine;
}

static void pass_turn(struct ss_train_output *output)
{
    pthread_mutex_lock(&output->lock);
    output->turn++;
    pthread_cond_broadcast(&output->turn_came);
    pthread_mutex_unlock(&output->lock);
}

// What has to be done in turn. *offset: where in the CSV file the block's lines go.
static enum ss_status take_turn(struct ss_train_output *output, struct slot *slot,
                                const struct ss_sha256 *hash, uint64_t *offset, struct ss_error *error)
{
    if (output->table)
        SS_TRY(ss_table_writer_rows(output->table, slot->cells, (size_t)slot->row_count, error));
    if (output->hasher) ss_hasher_add(output->hasher, hash->bytes, sizeof hash->bytes);
    output->row_count += slot->row_count;
    *offset = output->size;
    output->size += slot->lines.size;
    return SS_OK;
}

static enum ss_status put_block(struct ss_train_output *output, struct slot *slot, size_t block,
                                struct ss_error *error)
{
    uint64_t offset;
    struct ss_sha256 hash = {0};
    if (!slot->row_count) return ss_fail(error, SS_INVALID, "a block without rows");
    if (slot->hasher) hash = ss_hasher_end(slot->hasher);
    slot->hasher = NULL;
    if (!wait_for_turn(output, block))
        return ss_fail(error, SS_IO, "output '%s': an earlier row failed", output->layout->place);
    SS_TRY(take_turn(output, slot, &hash, &offset, error));
    pass_turn(output);
    if (!output->file) return SS_OK;
    const struct ss_bytes lines = {(const char *)slot->lines.data, slot->lines.size};
    return ss_whole_file_write(output->file, offset, lines, error);
}

enum ss_status ss_train_output_end_block(struct ss_train_output *output, size_t slot_index, size_t block,
                                         struct ss_error *error)
{
    struct slot *slot = &output->slots[slot_index];
    const enum ss_status status = put_block(output, slot, block, error);
    slot->row_count = 0;
    ss_buffer_clear(&slot->lines);
    ss_arena_reset(&slot->arena);
    return status;
}

// ---- Life

static enum ss_status write_header(struct ss_train_output *output, struct ss_error *error)
{
    struct ss_buffer line = {0};
    for (size_t i = 0; i < output->column_count; i++) {
        if (i) ss_buffer_byte(&line, ',');
        ss_csv_write_text(ss_bytes_of(output->columns[i].name), &line);
    }
    ss_buffer_byte(&line, '\n');
    output->size = line.size;
    const struct ss_bytes bytes = {(const char *)line.data, line.size};
    const enum ss_status status = line.failed ? ss_fail_memory(error, "the header of a CSV file")
                                              : ss_whole_file_write(output->file, 0, bytes, error);
    ss_buffer_release(&line);
    return status;
}

static bool same_rows(const struct ss_manifest *a, const struct ss_manifest *b)
{
    return a->row_count == b->row_count && memcmp(&a->digest, &b->digest, sizeof a->digest) == 0;
}

// Within the transaction, so from here on nobody else makes the table.
static enum ss_status check_unchanged(struct ss_train_output *output, struct ss_error *error)
{
    const struct ss_manifest *again = output->layout->again;
    struct ss_manifest now;
    SS_TRY(ss_table_writer_manifest(output->table, &output->arena, &now, error));
    if (same_rows(&now, again) && now.newest_seq == again->newest_seq &&
        memcmp(&now.spine_hash, &again->spine_hash, sizeof now.spine_hash) == 0 &&
        memcmp(&now.definitions_fingerprint, &again->definitions_fingerprint,
               sizeof now.definitions_fingerprint) == 0)
        return SS_OK;
    return ss_fail(error, SS_CONFLICT,
                   "table '%s': another program has made it anew since its manifest was read; it stays as "
                   "that one left it",
                   output->layout->place);
}

static enum ss_status check_rows(const struct ss_train_output *output, const struct ss_manifest *made,
                                 struct ss_error *error)
{
    const struct ss_manifest *again = output->layout->again;
    char now[SS_SHA256_TEXT_SIZE], then[SS_SHA256_TEXT_SIZE];
    if (same_rows(made, again)) return SS_OK;
    return ss_fail(
        error, SS_FOUND,
        "table '%s': it comes out as %lld rows with the digest %.16s, and its manifest says %lld rows with "
        "the digest %.16s. Spine and definitions are those of then, so history holds other events up to seq "
        "%llu (is this the store that it was made from, and was it loaded anew?), or somebody changed the "
        "manifest; the table stays as it was",
        output->layout->place, (long long)made->row_count, ss_sha256_format(&made->digest, now),
        (long long)again->row_count, ss_sha256_format(&again->digest, then),
        (unsigned long long)again->newest_seq);
}

static enum ss_status start(struct ss_train_output *output, struct ss_error *error)
{
    struct ss_table_place place;
    output->is_table = ss_table_place_parse(output->layout->place, &place);
    if (output->is_table || output->layout->with_digest) {
        output->hasher = ss_hasher_create();
        if (!output->hasher) return ss_fail_memory(error, "the digest of a training table");
    }
    output->slots = ss_arena_array(&output->arena, output->slot_count, sizeof *output->slots);
    if (!output->slots) return ss_fail_memory(error, "a training table");
    SS_TRY(lay_out(output, error));
    if (output->is_table) {
        SS_TRY(ss_table_writer_open(output->layout->place, output->columns, output->column_count,
                                    &output->table, error));
        return output->layout->again ? check_unchanged(output, error) : SS_OK;
    }
    SS_TRY(ss_whole_file_open(output->layout->place, &output->file, error));
    return write_header(output, error);
}

enum ss_status ss_train_output_open(const struct ss_train_layout *layout, size_t slots,
                                    struct ss_train_output **output, struct ss_error *error)
{
    struct ss_train_output *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a training table");
    opened->layout = layout;
    opened->slot_count = slots;
    opened->given_up = SIZE_MAX;
    pthread_mutex_init(&opened->lock, NULL);
    pthread_cond_init(&opened->turn_came, NULL);
    const enum ss_status status = start(opened, error);
    if (status == SS_OK)
        *output = opened;
    else
        ss_train_output_close(opened);
    return status;
}

enum ss_status ss_train_output_finish(struct ss_train_output *output, struct ss_manifest *manifest,
                                      struct ss_error *error)
{
    manifest->digest = output->hasher ? ss_hasher_end(output->hasher) : (struct ss_sha256){0};
    output->hasher = NULL;
    manifest->row_count = output->row_count;
    if (output->layout->again) SS_TRY(check_rows(output, manifest, error));
    return output->table ? ss_table_writer_finish(output->table, manifest, error)
                         : ss_whole_file_finish(output->file, error);
}

void ss_train_output_close(struct ss_train_output *output)
{
    if (!output) return;
    ss_table_writer_close(output->table);
    ss_whole_file_close(output->file);
    ss_hasher_destroy(output->hasher);
    for (size_t i = 0; output->slots && i < output->slot_count; i++) {
        struct slot *slot = &output->slots[i];
        ss_buffer_release(&slot->hashed);
        ss_buffer_release(&slot->lines);
        ss_buffer_release(&slot->text);
        ss_hasher_destroy(slot->hasher);
        free(slot->cells);
        ss_arena_release(&slot->arena);
    }
    pthread_mutex_destroy(&output->lock);
    pthread_cond_destroy(&output->turn_came);
    ss_arena_release(&output->arena);
    free(output);
}
