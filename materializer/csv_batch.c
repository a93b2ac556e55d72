// CSV rows to typed columns. A cell that does not parse exactly as its column's type makes the row a
// quarantine row that names the first such cell; nothing of the row is in the columns then.

#include "materializer/csv_batch.h"

#include "engine/base/number.h"

#include <string.h>

enum ss_status ss_csv_batch_init(struct ss_csv_batch *batch, const struct ss_source *source, const char *file,
                                 const size_t *positions, int32_t capacity, struct ss_error *error)
{
    struct ss_csv_batch made = {.source = source, .file = file, .positions = positions, .capacity = capacity};
    made.columns = ss_arena_array(&made.arena, source->column_count, sizeof *made.columns);
    made.lines = ss_arena_array(&made.arena, (size_t)capacity, sizeof *made.lines);
    bool ok = made.columns && made.lines;
    for (size_t i = 0; ok && i < source->column_count; i++)
        ok = ss_column_init(&made.columns[i], source->columns[i].type, capacity, &made.arena);
    if (!ok) {
        ss_csv_batch_release(&made);
        return ss_fail_memory(error, "a batch of CSV rows");
    }
    *batch = made;
    return SS_OK;
}

void ss_csv_batch_release(struct ss_csv_batch *batch)
{
    ss_hasher_destroy(batch->hasher);
    ss_arena_release(&batch->texts);
    ss_arena_release(&batch->row);
    ss_arena_release(&batch->arena);
    *batch = (struct ss_csv_batch){0};
}

void ss_csv_batch_clear(struct ss_csv_batch *batch)
{
    for (size_t i = 0; i < batch->source->column_count; i++) ss_column_clear(&batch->columns[i]);
    ss_hasher_destroy(batch->hasher);
    ss_arena_reset(&batch->texts);
    batch->hasher = NULL;
    batch->unparsed = NULL;
    batch->unparsed_count = batch->unparsed_capacity = 0;
    batch->length = 0;
    batch->text_bytes = 0;
}

// ---- Cells

// The types that most cells have go straight into their column's row. False: not so, whatever the reason.
static inline bool put_cell(struct ss_column *column, const struct ss_source_column *as,
                            const struct ss_source *source, struct ss_bytes text)
{
    const int32_t row = column->length;
    bool present = true;
    switch (column->type.id) {
    case SS_INT64:
        if (!ss_int64_parse(text, &column->i64[row])) return false;
        break;
    case SS_DECIMAL:
        if (!ss_decimal_parse(text, column->type.scale, &column->i64[row])) return false;
        break;
    case SS_FLOAT64:
        if (!ss_float64_parse(text, &column->f64[row])) return false;
        present = ss_float64_normalise(&column->f64[row]);
        if (!present) column->f64[row] = 0;
        break;
    case SS_TIMESTAMP:
        if (!ss_time_parse(text, as->unit, source->zone, &column->i64[row])) return false;
        break;
    default: return false;
    }
    ss_bit_set(column->validity, row, present);
    column->length++;
    return true;
}

// NULL and *kept, or why it does not parse, or neither: out of memory.
static const char *append_cell(struct ss_csv_batch *batch, size_t index, const struct ss_csv_cell *cell,
                               bool *kept)
{
    const struct ss_source *source = batch->source;
    const struct ss_source_column *as = &source->columns[index];
    struct ss_column *column = &batch->columns[index];
    struct ss_value value = {0};
    const char *reason = NULL;
    *kept = true;
    if (!cell->null && put_cell(column, as, source, cell->text)) return NULL;
    if (cell->null ||
        ss_value_parse(as->type, cell->text, (int)as->unit, source->zone, &batch->row, &value, &reason)) {
        *kept = ss_column_append(column, value, &batch->arena);
        return NULL;
    }
    *kept = false;
    return reason;
}

static void cut_columns(struct ss_csv_batch *batch)
{
    for (size_t i = 0; i < batch->source->column_count; i++) batch->columns[i].length = batch->length;
}

// Appends the row to the columns. -1, or the first column that does not parse, of which then nothing is
// there, with the reason; NULL: out of memory.
static int append_row(struct ss_csv_batch *batch, const struct ss_csv_row *row, const char **reason)
{
    bool kept;
    ss_arena_reset(&batch->row);
    for (size_t i = 0; i < batch->source->column_count; i++) {
        *reason = append_cell(batch, i, &row->cells[batch->positions[i]], &kept);
        if (kept) continue;
        cut_columns(batch);
        return (int)i;
    }
    return -1;
}

// ---- Rows

static bool keep_unparsed(struct ss_csv_batch *batch, uint64_t line, const char *column,
                          struct ss_bytes value, const char *reason)
{
    if (batch->unparsed_count == batch->unparsed_capacity) {
        const size_t capacity = batch->unparsed_capacity ? batch->unparsed_capacity * 2 : 16;
        struct ss_quarantine_row *grown = ss_arena_array(&batch->texts, capacity, sizeof *grown);
        if (!grown) return false;
        if (batch->unparsed_count) memcpy(grown, batch->unparsed, batch->unparsed_count * sizeof *grown);
        batch->unparsed = grown;
        batch->unparsed_capacity = capacity;
    }
    const char *value_copy = ss_arena_copy(&batch->texts, value.data, value.size);
    const char *reason_copy = ss_arena_copy(&batch->texts, reason, strlen(reason));
    if (!value_copy || !reason_copy) return false;
    batch->unparsed[batch->unparsed_count++] = (struct ss_quarantine_row){
        .source = batch->source->name,
        .file = batch->file,
        .line = line,
        .column = column,
        .value = {value_copy, value.size},
        .reason = reason_copy,
    };
    return true;
}

static bool hash_row(struct ss_csv_batch *batch, const struct ss_csv_row *row)
{
    const uint64_t size = row->raw.size;
    if (!batch->hasher) batch->hasher = ss_hasher_create();
    if (!batch->hasher) return false;
    ss_hasher_add(batch->hasher, &size, sizeof size);
    ss_hasher_add(batch->hasher, row->raw.data, row->raw.size);
    batch->text_bytes += row->raw.size;
    return true;
}

static bool is_delete_row(const struct ss_csv_batch *batch)
{
    const int op = batch->source->op_column;
    if (op < 0) return false;
    const struct ss_value value = ss_column_get(&batch->columns[op], batch->length);
    return value.present && ss_bytes_equal(value.text, ss_bytes_of("delete"));
}

static bool keep_bad_row(struct ss_csv_batch *batch, const struct ss_csv_row *row, int column,
                         const char *reason)
{
    if (column < 0) return keep_unparsed(batch, row->line, "", row->raw, reason);
    return keep_unparsed(batch, row->line, batch->source->columns[column].name,
                         row->cells[batch->positions[column]].text, reason);
}

static bool add_row(struct ss_csv_batch *batch, const struct ss_csv_row *row, enum ss_csv_take take,
                    bool *is_delete, bool *taken)
{
    const char *reason = row->problem;
    SS_ASSERT(ss_csv_batch_rows(batch) < batch->capacity);
    const int column = reason ? -1 : append_row(batch, row, &reason);
    if (column >= 0 && !reason) return false;
    *is_delete = !reason && is_delete_row(batch);
    *taken = take == SS_CSV_TAKE_ALL || *is_delete == (take == SS_CSV_TAKE_DELETES);
    if (*taken && reason) return keep_bad_row(batch, row, column, reason);
    if (*taken)
        batch->lines[batch->length++] = row->line;
    else
        cut_columns(batch);
    return true;
}

enum ss_status ss_csv_batch_add(struct ss_csv_batch *batch, const struct ss_csv_row *row,
                                enum ss_csv_take take, bool *is_delete, struct ss_error *error)
{
    bool taken;
    const bool ok = add_row(batch, row, take, is_delete, &taken) && (!taken || hash_row(batch, row));
    return ok ? SS_OK : ss_fail_memory(error, "a batch of CSV rows");
}

enum ss_status ss_csv_batch_add_quickly(struct ss_csv_batch *batch, const struct ss_csv_row *row,
                                        struct ss_error *error)
{
    bool is_delete, taken;
    const bool ok = add_row(batch, row, SS_CSV_TAKE_ALL, &is_delete, &taken);
    return ok ? SS_OK : ss_fail_memory(error, "a batch of CSV rows");
}

int32_t ss_csv_batch_rows(const struct ss_csv_batch *batch)
{
    return batch->length + (int32_t)batch->unparsed_count;
}

uint64_t ss_csv_batch_bytes(const struct ss_csv_batch *batch)
{
    uint64_t bytes = batch->unparsed_count ? batch->text_bytes : 0;
    for (size_t i = 0; i < batch->source->column_count; i++) {
        const struct ss_column *column = &batch->columns[i];
        bytes += (uint64_t)column->length * 8;
        if (ss_type_is_text(column->type)) bytes += (uint64_t)column->offsets[column->length];
    }
    return bytes;
}

struct ss_sha256 ss_csv_batch_hash(struct ss_csv_batch *batch)
{
    if (!batch->hasher) return ss_sha256_of("", 0);
    const struct ss_sha256 hash = ss_hasher_end(batch->hasher);
    batch->hasher = NULL;
    return hash;
}
