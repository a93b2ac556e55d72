// A large batch goes to segments straight away, without a stay in staging.
//
// Of a source with event_id it is first settled which rows are stored: against the deletes, against the log
// (only segments whose times span the row's), and against the rows before it in the batch, by their hashes.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

#define BULK_ROWS 32768

struct hashed_row {
    uint64_t hash;
    int32_t row;
};

struct bulk {
    struct ss_history *history;
    const struct ss_append *rows;
    const struct history_table *table;
    const int *positions;
    enum ss_row_outcome *outcomes;
    struct ss_arena arena;
    uint64_t *identity;
    int32_t stored_count;
};

int64_t ss_history_bulk_rows(const struct ss_history *history)
{
    return history->options.sizes.bulk_rows > 0 ? history->options.sizes.bulk_rows : BULK_ROWS;
}

bool ss_history_is_bulk(const struct ss_history *history, const struct ss_append *rows)
{
    if (rows->length < ss_history_bulk_rows(history)) return false;
    for (int32_t row = 0; rows->is_delete && row < rows->length; row++)
        if (rows->is_delete[row]) return false;
    return true;
}

// ---- Which rows are stored

static struct ss_value id_of(const struct bulk *bulk, int32_t row)
{
    return ss_column_get(&bulk->rows->columns[bulk->rows->source->event_id_column], row);
}

static bool same_columns(const struct bulk *bulk, int32_t a, int32_t b)
{
    const struct ss_source *source = bulk->rows->source;
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_column *column = &bulk->rows->columns[i];
        if ((int)i == source->op_column || bulk->positions[i] < 0) continue;
        if (!ss_value_equal(column->type, ss_column_get(column, a), ss_column_get(column, b))) return false;
    }
    return true;
}

static int by_hash(const void *a, const void *b)
{
    const struct hashed_row *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool same_identity(const struct bulk *bulk, int32_t a, int32_t b)
{
    const struct ss_type type = bulk->rows->source->columns[bulk->rows->source->event_id_column].type;
    return bulk->rows->event_time_us[a] == bulk->rows->event_time_us[b] &&
           ss_value_equal(type, id_of(bulk, a), id_of(bulk, b));
}

// Rows with an earlier one of the same identity in the batch; `hashed` is sorted.
static void settle_within(struct bulk *bulk, const struct hashed_row *hashed)
{
    for (int32_t i = 1, first = 0; i < bulk->rows->length; i++) {
        const int32_t row = hashed[i].row;
        if (hashed[i].hash != hashed[first].hash) first = i;
        for (int32_t at = first; at < i && bulk->outcomes[row] == SS_ROW_STORED; at++) {
            const int32_t before = hashed[at].row;
            if (bulk->outcomes[before] != SS_ROW_STORED || !same_identity(bulk, before, row)) continue;
            bulk->outcomes[row] = same_columns(bulk, before, row) ? SS_ROW_DUPLICATE : SS_ROW_CONFLICT;
        }
    }
}

static enum ss_status settle_against_deletes(struct bulk *bulk, struct ss_error *error)
{
    bool has, deleted;
    SS_TRY(ss_history_has_deletes(bulk->history, bulk->table, &has, error));
    for (int32_t row = 0; has && row < bulk->rows->length; row++) {
        SS_TRY(ss_history_find_delete(bulk->history, bulk->table, bulk->rows->event_time_us[row],
                                      id_of(bulk, row), &deleted, error));
        if (deleted) bulk->outcomes[row] = SS_ROW_DUPLICATE;
    }
    return SS_OK;
}

static enum ss_status settle_against_log(struct bulk *bulk, struct ss_error *error)
{
    size_t count;
    int64_t last_us = INT64_MIN;
    const struct history_segment *log = ss_history_segments_of(bulk->history, bulk->table->id, 0, &count);
    for (size_t i = 0; i < count; i++)
        if (log[i].last_us > last_us) last_us = log[i].last_us;
    for (int32_t row = 0; row < bulk->rows->length; row++) {
        struct history_place place = {0};
        if (bulk->rows->event_time_us[row] > last_us) continue;
        SS_TRY(ss_history_find_event(bulk->history, bulk->table, bulk->rows->event_time_us[row],
                                     id_of(bulk, row), &place, error));
        if (!place.data) continue;
        const enum ss_status status =
            ss_history_compare_place(bulk->history, bulk->table, bulk->rows, bulk->positions, row, &place,
                                     &bulk->outcomes[row], error);
        ss_history_leave_place(bulk->history, &place);
        SS_TRY(status);
    }
    return SS_OK;
}

// Outcomes of all rows, and the hashes of their identities.
static enum ss_status settle(struct bulk *bulk, struct ss_error *error)
{
    const size_t length = (size_t)bulk->rows->length;
    const struct ss_source *source = bulk->rows->source;
    for (size_t row = 0; row < length; row++) bulk->outcomes[row] = SS_ROW_STORED;
    if (!bulk->table->has_identity) return SS_OK;
    struct hashed_row *hashed = ss_arena_array(&bulk->arena, length + 1, sizeof *hashed);
    bulk->identity = ss_arena_array(&bulk->arena, length + 1, sizeof *bulk->identity);
    if (!hashed || !bulk->identity) return ss_fail_memory(error, "the identities of a batch");
    const struct ss_type type = source->columns[source->event_id_column].type;
    for (int32_t row = 0; row < bulk->rows->length; row++) {
        bulk->identity[row] =
            ss_history_identity_hash(bulk->rows->event_time_us[row], type, id_of(bulk, row));
        hashed[row] = (struct hashed_row){bulk->identity[row], row};
    }
    qsort(hashed, length, sizeof *hashed, by_hash);
    SS_TRY(settle_against_deletes(bulk, error));
    SS_TRY(settle_against_log(bulk, error));
    settle_within(bulk, hashed);
    return SS_OK;
}

// ---- Storing them

// The stored rows of a column, without gaps.
static const struct ss_column *stored_of(struct bulk *bulk, const struct ss_column *column)
{
    if (bulk->stored_count == bulk->rows->length) return column;
    struct ss_column *kept = ss_arena_alloc(&bulk->arena, sizeof *kept);
    if (!kept ||
        !ss_column_init(kept, column->type, bulk->stored_count ? bulk->stored_count : 1, &bulk->arena))
        return NULL;
    for (int32_t row = 0; row < bulk->rows->length; row++)
        if (bulk->outcomes[row] == SS_ROW_STORED &&
            !ss_column_append(kept, ss_column_get(column, row), &bulk->arena))
            return NULL;
    return kept;
}

static enum ss_status gather(struct bulk *bulk, struct history_rows *rows, struct ss_error *error)
{
    const struct ss_append *from = bulk->rows;
    const size_t room = (size_t)bulk->stored_count + 1;
    int64_t *event_time_us = ss_arena_array(&bulk->arena, room, sizeof *event_time_us);
    int64_t *arrival_us = ss_arena_array(&bulk->arena, room, sizeof *arrival_us);
    uint64_t *seq = ss_arena_array(&bulk->arena, room, sizeof *seq);
    uint64_t *identity = ss_arena_array(&bulk->arena, room, sizeof *identity);
    const struct ss_column **columns =
        ss_arena_array(&bulk->arena, bulk->table->column_count + 1, sizeof *columns);
    if (!event_time_us || !arrival_us || !seq || !identity || !columns)
        return ss_fail_memory(error, "the rows of a batch");
    int32_t count = 0;
    for (int32_t row = 0; row < from->length; row++) {
        if (bulk->outcomes[row] != SS_ROW_STORED) continue;
        event_time_us[count] = from->event_time_us[row];
        arrival_us[count] = from->arrival_us[row];
        if (bulk->identity) identity[count] = bulk->identity[row];
        seq[count++] = bulk->history->next_seq++;
    }
    for (size_t i = 0; i < from->source->column_count; i++) {
        if (bulk->positions[i] < 0) continue;
        columns[bulk->positions[i]] = stored_of(bulk, &from->columns[i]);
        if (!columns[bulk->positions[i]]) return ss_fail_memory(error, "the rows of a batch");
    }
    *rows = (struct history_rows){count,  event_time_us, arrival_us, seq, bulk->identity ? identity : NULL,
                                  columns};
    return SS_OK;
}

static enum ss_status store(struct bulk *bulk, struct ss_error *error)
{
    struct history_rows rows;
    const struct history_index **indexes;
    size_t index_count;
    if (!ss_history_written_indexes(bulk->table, &bulk->arena, &indexes, &index_count))
        return ss_fail_memory(error, "the indexes of a source");
    for (int32_t row = 0; row < bulk->rows->length; row++)
        bulk->stored_count += bulk->outcomes[row] == SS_ROW_STORED;
    SS_TRY(gather(bulk, &rows, error));
    return ss_history_write_segments(bulk->history, bulk->table, &rows, true, indexes, index_count, error);
}

enum ss_status ss_history_append_bulk(struct ss_history *history, const struct ss_append *rows,
                                      const struct history_table *table, const int *positions,
                                      enum ss_row_outcome *outcomes, struct ss_error *error)
{
    enum ss_status status;
    struct bulk bulk = {
        .history = history, .rows = rows, .table = table, .positions = positions, .outcomes = outcomes};
    SS_TRY(ss_history_flush(history, table, error)); // what waits has smaller seqs
    SS_TRY(ss_history_refresh_segments(history, error));
    SS_TRY_GOTO(settle(&bulk, error), out);
    status = store(&bulk, error);
out:
    ss_arena_release(&bulk.arena);
    return status;
}
