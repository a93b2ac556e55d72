// CSV rows to typed columns. A cell that does not parse exactly as its column's type makes the row a
// quarantine row that names the first such cell; nothing of the row is in the columns then.

#include "materializer/csv_batch.h"

#include <string.h>

enum ss_status ss_csv_batch_init(struct ss_csv_batch *batch, const struct ss_source *source, const char *file,
                                 const size_t *positions, int32_t capacity, struct ss_error *error)
{
    struct ss_csv_batch made = {.source = source, .file = file, .positions = positions, .capacity = capacity};
    made.columns = ss_arena_array(&made.arena, source->column_count, sizeof *made.columns);
    made.values = ss_arena_array(&made.arena, source->column_count, sizeof *made.values);
    made.lines = ss_arena_array(&made.arena, (size_t)capacity, sizeof *made.lines);
    bool ok = made.columns && made.values && made.lines;
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

// The columns of the row into batch->values. -1, or the first column that does not parse, with the reason;
// NULL: out of memory.
static int parse_row(struct ss_csv_batch *batch, const struct ss_csv_row *row, const char **reason)
{
    const struct ss_source *source = batch->source;
    ss_arena_reset(&batch->row);
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_source_column *column = &source->columns[i];
        const struct ss_csv_cell *cell = &row->cells[batch->positions[i]];
        batch->values[i] = (struct ss_value){0};
        if (cell->null) continue;
        if (!ss_value_parse(column->type, cell->text, (int)column->unit, source->zone, &batch->row,
                            &batch->values[i], reason))
            return (int)i;
    }
    return -1;
}

static bool append_row(struct ss_csv_batch *batch, uint64_t line)
{
    for (size_t i = 0; i < batch->source->column_count; i++)
        if (!ss_column_append(&batch->columns[i], batch->values[i], &batch->arena)) return false;
    batch->lines[batch->length++] = line;
    return true;
}

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

enum ss_status ss_csv_batch_add(struct ss_csv_batch *batch, const struct ss_csv_row *row,
                                enum ss_csv_take take, bool *is_delete, struct ss_error *error)
{
    const int op = batch->source->op_column;
    const char *reason = row->problem;
    int column = -1;
    bool ok;
    SS_ASSERT(ss_csv_batch_rows(batch) < batch->capacity);
    if (!reason) column = parse_row(batch, row, &reason);
    if (column >= 0 && !reason) return ss_fail_memory(error, "a batch of CSV rows");
    const bool parsed = !row->problem && column < 0;
    *is_delete = parsed && op >= 0 && batch->values[op].present &&
                 ss_bytes_equal(batch->values[op].text, ss_bytes_of("delete"));
    if (take != SS_CSV_TAKE_ALL && *is_delete != (take == SS_CSV_TAKE_DELETES)) return SS_OK;
    if (parsed)
        ok = append_row(batch, row->line);
    else if (column < 0)
        ok = keep_unparsed(batch, row->line, "", row->raw, reason);
    else
        ok = keep_unparsed(batch, row->line, batch->source->columns[column].name,
                           row->cells[batch->positions[column]].text, reason);
    return ok && hash_row(batch, row) ? SS_OK : ss_fail_memory(error, "a batch of CSV rows");
}

int32_t ss_csv_batch_rows(const struct ss_csv_batch *batch)
{
    return batch->length + (int32_t)batch->unparsed_count;
}

struct ss_sha256 ss_csv_batch_hash(struct ss_csv_batch *batch)
{
    if (!batch->hasher) return ss_sha256_of("", 0);
    const struct ss_sha256 hash = ss_hasher_end(batch->hasher);
    batch->hasher = NULL;
    return hash;
}
