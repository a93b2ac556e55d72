// Keys from a CSV file: whole batches of typed columns, every cell exactly of its type (DESIGN C13).

#include "tools/key_table.h"

#include <stdlib.h>

#include "materializer/csv_reader.h"

#define VALUE_SHOWN 60 // bytes of a bad value in a message

struct ss_key_table {
    const struct ss_service *service;
    int32_t batch_rows;
    struct ss_csv_reader *reader;
    size_t *positions;      // of each key in the header
    struct ss_arena arena;  // positions
    struct ss_arena batch;  // the columns given out last
    struct ss_column *keys; // in `batch`
};

static enum ss_status find_keys(struct ss_key_table *table, struct ss_error *error)
{
    const struct ss_service *service = table->service;
    table->positions = ss_arena_array(&table->arena, service->key_count + 1, sizeof *table->positions);
    if (!table->positions) return ss_fail_memory(error, "the keys of a lookup");
    for (size_t k = 0; k < service->key_count; k++)
        SS_TRY(ss_csv_reader_find(table->reader, service->key_names[k], &table->positions[k], error));
    return SS_OK;
}

enum ss_status ss_key_table_open(const char *path, const struct ss_service *service, int32_t batch_rows,
                                 struct ss_key_table **table, struct ss_error *error)
{
    struct ss_key_table *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "the keys of a lookup");
    opened->service = service;
    opened->batch_rows = batch_rows;
    enum ss_status status = ss_csv_reader_open(path, &opened->reader, error);
    if (status == SS_OK) status = find_keys(opened, error);
    if (status == SS_OK)
        *table = opened;
    else
        ss_key_table_close(opened);
    return status;
}

void ss_key_table_close(struct ss_key_table *table)
{
    if (!table) return;
    ss_csv_reader_close(table->reader);
    ss_arena_release(&table->arena);
    ss_arena_release(&table->batch);
    free(table);
}

static enum ss_status take_key(struct ss_key_table *table, const struct ss_csv_row *row, size_t k,
                               struct ss_error *error)
{
    const struct ss_csv_cell *cell = &row->cells[table->positions[k]];
    struct ss_value value = {0};
    const char *reason = NULL;
    const bool parsed = cell->null || ss_value_parse(table->service->key_types[k], cell->text, SS_UNIT_TEXT,
                                                     NULL, &table->batch, &value, &reason);
    if (!parsed && reason)
        return ss_fail(error, SS_INVALID, "%s:%llu: column '%s': %s: '%.*s%s'",
                       ss_csv_reader_name(table->reader), (unsigned long long)row->line,
                       table->service->key_names[k], reason,
                       cell->text.size > VALUE_SHOWN ? VALUE_SHOWN : (int)cell->text.size, cell->text.data,
                       cell->text.size > VALUE_SHOWN ? "..." : "");
    if (parsed && ss_column_append(&table->keys[k], value, &table->batch)) return SS_OK;
    return ss_fail_memory(error, "the keys of a lookup");
}

static enum ss_status start_batch(struct ss_key_table *table, struct ss_error *error)
{
    const struct ss_service *service = table->service;
    ss_arena_reset(&table->batch);
    table->keys = ss_arena_array(&table->batch, service->key_count + 1, sizeof *table->keys);
    bool ok = table->keys != NULL;
    for (size_t k = 0; ok && k < service->key_count; k++)
        ok = ss_column_init(&table->keys[k], service->key_types[k], table->batch_rows, &table->batch);
    return ok ? SS_OK : ss_fail_memory(error, "the keys of a lookup");
}

enum ss_status ss_key_table_next(struct ss_key_table *table, const struct ss_column **keys, int32_t *length,
                                 struct ss_error *error)
{
    struct ss_csv_row row;
    bool has_row;
    int32_t count = 0;
    SS_TRY(start_batch(table, error));
    for (; count < table->batch_rows; count++) {
        SS_TRY(ss_csv_reader_next(table->reader, &row, &has_row, error));
        if (!has_row) break;
        if (row.problem)
            return ss_fail(error, SS_INVALID, "%s:%llu: %s", ss_csv_reader_name(table->reader),
                           (unsigned long long)row.line, row.problem);
        for (size_t k = 0; k < table->service->key_count; k++) SS_TRY(take_key(table, &row, k, error));
    }
    *keys = table->keys;
    *length = count;
    return SS_OK;
}
