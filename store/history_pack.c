// From rows in columns to segments: the log, and a run of every index.
//
//   1. on the pool: the log's segments are packed; for every index the rows are sorted by (key, event_time)
//   2. on the pool: the indexes' segments are packed
//   3. by this thread, within its write transaction: all of them are inserted
//
// A row's place in the columns rises with its seq, so those of one key and time stay in the order of seq.

#include "store/history_internal.h"
#include "store/history_sort.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES (256 << 20)

struct blob {
    int slot;
    struct ss_buffer bytes;
};

struct packed_segment {
    struct history_segment segment;
    size_t blob_count;
    struct blob *blobs;
};

struct packing {
    struct ss_history *history;
    const struct history_table *table;
    const struct history_rows *rows;
    int32_t segment_rows;
    size_t log_count;              // segments of the log
    struct history_sorted *sorted; // of each index that is made
    size_t *first_segment;         // of each of these, and the end of the last
    const struct history_index *const *indexes;
    size_t index_count;
    size_t segment_count, segment_capacity;
    struct packed_segment *segments; // of the log, then of each index
};

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

int32_t ss_history_text_bytes(const struct ss_history *history)
{
    return history->options.sizes.text_bytes > 0 ? history->options.sizes.text_bytes : TEXT_BYTES;
}

static int32_t text_size(const struct ss_column *column, int32_t row_count)
{
    if (!column || row_count == 0 || !ss_type_is_text(column->type)) return 0;
    return column->offsets[row_count] - column->offsets[0];
}

bool ss_history_is_full(const struct ss_history *history, const struct history_rows *rows, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        if (text_size(rows->columns[i], rows->count) >= ss_history_text_bytes(history)) return true;
    return false;
}

// How many rows a segment may have, whichever of these they are.
static int32_t rows_of_segment(const struct ss_history *history, const struct history_table *table,
                               const struct history_rows *rows)
{
    const int32_t most = ss_history_text_bytes(history);
    int32_t row_count = ss_history_segment_rows(history);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct ss_column *column = rows->columns[i];
        int32_t longest = 1;
        if (text_size(column, rows->count) <= most) continue;
        for (int32_t row = 0; row < rows->count; row++) {
            const int32_t size = column->offsets[row + 1] - column->offsets[row];
            if (size > longest) longest = size;
        }
        row_count = least(row_count, longest < most ? most / longest : 1);
    }
    return row_count;
}

static size_t segments_for(const struct packing *packing, int32_t row_count)
{
    return ((size_t)row_count + (size_t)packing->segment_rows - 1) / (size_t)packing->segment_rows;
}

static struct ss_buffer *add_blob(struct packed_segment *packed, int slot)
{
    struct blob *blob = &packed->blobs[packed->blob_count++];
    blob->slot = slot;
    return &blob->bytes;
}

static enum ss_status init_segment(struct packed_segment *packed, size_t columns, struct ss_error *error)
{
    packed->blobs = calloc(columns + 5, sizeof *packed->blobs);
    return packed->blobs ? SS_OK : ss_fail_memory(error, "a segment");
}

static void release_segment(struct packed_segment *packed)
{
    for (size_t i = 0; i < packed->blob_count; i++) ss_buffer_release(&packed->blobs[i].bytes);
    free(packed->blobs);
}

static enum ss_status check_buffers(const struct packed_segment *packed, struct ss_error *error)
{
    bool failed = false;
    for (size_t i = 0; i < packed->blob_count; i++) failed = failed || packed->blobs[i].bytes.failed;
    return failed ? ss_fail_memory(error, "a segment") : SS_OK;
}

// Times, lateness and seqs of the rows, as bounds and blobs. `order` NULL: rows first, first + 1, ...
static enum ss_status pack_fixed(const struct packing *packing, bool in_log, const int32_t *order,
                                 int32_t first, int32_t count, struct packed_segment *packed,
                                 struct ss_error *error)
{
    const struct history_rows *rows = packing->rows;
    struct history_segment *segment = &packed->segment;
    int64_t *values = malloc((size_t)count * 3 * sizeof *values);
    if (!values) return ss_fail_memory(error, "a segment");
    int64_t *times = values, *lateness = values + count, *seqs = values + 2 * count;
    segment->first_us = INT64_MAX;
    segment->first_seq = UINT64_MAX;
    segment->last_us = INT64_MIN;
    for (int32_t i = 0; i < count; i++) {
        const int32_t row = order ? order[i] : first + i;
        times[i] = rows->event_time_us[row];
        lateness[i] = rows->arrival_us[row] - times[i];
        seqs[i] = (int64_t)rows->seq[row];
        if (times[i] < segment->first_us) segment->first_us = times[i];
        if (times[i] > segment->last_us) segment->last_us = times[i];
        if (lateness[i] > segment->lateness_us || i == 0) segment->lateness_us = lateness[i];
        if (rows->seq[row] < segment->first_seq) segment->first_seq = rows->seq[row];
        if (rows->seq[row] > segment->last_seq) segment->last_seq = rows->seq[row];
    }
    for (int32_t i = 0; i < count; i++) seqs[i] -= (int64_t)segment->first_seq + (in_log ? i : 0);
    ss_packed_integers(times, count, add_blob(packed, SLOT_TIME));
    ss_packed_integers(lateness, count, add_blob(packed, SLOT_LATENESS));
    ss_packed_integers(seqs, count, add_blob(packed, SLOT_SEQ));
    segment->row_count = count;
    segment->source = packing->table->id;
    free(values);
    return SS_OK;
}

static bool all_null(const struct ss_column *column, const int32_t *order, int32_t first, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (ss_bit_get(column->validity, order ? order[i] : first + i)) return false;
    return true;
}

static void pack_column(const struct packing *packing, int position, const int32_t *order, int32_t first,
                        int32_t count, struct packed_segment *packed)
{
    const struct ss_column *column = packing->rows->columns[position];
    if (!column || all_null(column, order, first, count)) return;
    struct ss_buffer *bytes = add_blob(packed, SLOT_COLUMN + position);
    if (order)
        ss_packed_column_rows(column, order, count, bytes);
    else
        ss_packed_column(column, first, count, bytes);
}

// ---- The log

static enum ss_status pack_log(struct packing *packing, size_t number, struct ss_error *error)
{
    struct packed_segment *packed = &packing->segments[number];
    const int32_t first = (int32_t)number * packing->segment_rows;
    const int32_t count = least(packing->segment_rows, packing->rows->count - first);
    SS_TRY(init_segment(packed, packing->table->column_count, error));
    SS_TRY(pack_fixed(packing, true, NULL, first, count, packed, error));
    if (packing->rows->identity &&
        !ss_history_pack_identity(packing->rows->identity + first, count, add_blob(packed, SLOT_IDENTITY)))
        return ss_fail_memory(error, "a segment");
    for (size_t i = 0; i < packing->table->column_count; i++)
        pack_column(packing, (int)i, NULL, first, count, packed);
    return check_buffers(packed, error);
}

// ---- An index

static enum ss_status sort_index(struct packing *packing, size_t number, struct ss_error *error)
{
    const struct history_index *index = packing->indexes[number];
    const struct ss_column *parts[SS_MAX_KEYS];
    struct ss_type types[SS_MAX_KEYS];
    for (size_t i = 0; i < index->key_count; i++) {
        parts[i] = packing->rows->columns[index->positions[i]];
        types[i] = packing->table->column_types[index->positions[i]];
    }
    return ss_history_sort(types, parts, index->key_count, packing->rows->event_time_us, packing->rows->count,
                           &packing->sorted[number])
               ? SS_OK
               : ss_fail_memory(error, "the order of events by entity");
}

static void pack_entities(const struct history_sorted *sorted, int32_t first, int32_t count,
                          struct packed_segment *packed)
{
    struct ss_buffer *bytes = add_blob(packed, SLOT_ENTITIES);
    int32_t low = 0, high = sorted->entity_count;
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (sorted->starts[middle] <= first)
            low = middle;
        else
            high = middle;
    }
    struct ss_bytes before = {0};
    const struct ss_bytes first_key = sorted->keys[low];
    for (int32_t e = low; e < sorted->entity_count && sorted->starts[e] < first + count; e++) {
        const int32_t from = sorted->starts[e] < first ? first : sorted->starts[e];
        ss_entity_list_append(before, sorted->keys[e], least(sorted->starts[e + 1], first + count) - from,
                              bytes);
        before = sorted->keys[e];
    }
    ss_entity_list_end(bytes);
    packed->segment.first_key = first_key;
    packed->segment.last_key = before;
}

// The places [first, first + count) of the sorted rows.
static enum ss_status pack_sorted(const struct packing *packing, const struct history_index *index,
                                  const struct history_sorted *sorted, int32_t first, int32_t count,
                                  struct packed_segment *packed, struct ss_error *error)
{
    const int32_t *order = sorted->rows ? sorted->rows + first : NULL;
    SS_TRY(init_segment(packed, index->column_count, error));
    SS_TRY(pack_fixed(packing, false, order, first, count, packed, error));
    packed->segment.index = index->id;
    pack_entities(sorted, first, count, packed);
    for (size_t i = 0; i < index->column_count; i++)
        pack_column(packing, index->columns[i], order, first, count, packed);
    return check_buffers(packed, error);
}

static enum ss_status pack_index(struct packing *packing, size_t segment, struct ss_error *error)
{
    size_t number = 0;
    while (packing->first_segment[number + 1] <= segment) number++;
    const struct history_sorted *sorted = &packing->sorted[number];
    const int32_t first = (int32_t)(segment - packing->first_segment[number]) * packing->segment_rows;
    return pack_sorted(packing, packing->indexes[number], sorted, first,
                       least(packing->segment_rows, sorted->row_count - first), &packing->segments[segment],
                       error);
}

// ---- All together

static enum ss_status first_phase(void *context, size_t number, size_t slot, struct ss_error *error)
{
    struct packing *packing = context;
    (void)slot;
    if (number < packing->index_count) return sort_index(packing, number, error);
    return pack_log(packing, number - packing->index_count, error);
}

static enum ss_status second_phase(void *context, size_t number, size_t slot, struct ss_error *error)
{
    struct packing *packing = context;
    (void)slot;
    return pack_index(packing, packing->log_count + number, error);
}

static enum ss_status insert_segment(struct packing *packing, struct packed_segment *packed, int64_t run,
                                     struct ss_error *error)
{
    packed->segment.run = run;
    SS_TRY(ss_history_insert_segment(packing->history, &packed->segment, error));
    for (size_t i = 0; i < packed->blob_count; i++) {
        const struct ss_buffer *bytes = &packed->blobs[i].bytes;
        SS_TRY(ss_history_insert_blob(packing->history, packed->segment.id, packed->blobs[i].slot,
                                      (struct ss_bytes){(const char *)bytes->data, bytes->size}, error));
    }
    return SS_OK;
}

static enum ss_status insert_all(struct packing *packing, struct ss_error *error)
{
    for (size_t i = 0; i < packing->log_count; i++)
        SS_TRY(insert_segment(packing, &packing->segments[i], 0, error));
    for (size_t n = 0; n < packing->index_count; n++) {
        int64_t run = 0;
        for (size_t i = packing->first_segment[n]; i < packing->first_segment[n + 1]; i++) {
            if (run == 0) SS_TRY(ss_history_next_run(packing->history, &run, error));
            SS_TRY(insert_segment(packing, &packing->segments[i], run, error));
        }
    }
    return ss_history_segments_changed(packing->history, error);
}

static enum ss_status pack_all(struct packing *packing, struct ss_error *error)
{
    struct ss_pool *pool = packing->history->options.pool;
    packing->sorted = calloc(packing->index_count + 1, sizeof *packing->sorted);
    packing->first_segment = calloc(packing->index_count + 1, sizeof *packing->first_segment);
    packing->segment_capacity =
        packing->log_count + packing->index_count * segments_for(packing, packing->rows->count);
    packing->segments = calloc(packing->segment_capacity + 1, sizeof *packing->segments);
    if (!packing->sorted || !packing->first_segment || !packing->segments)
        return ss_fail_memory(error, "the segments of a batch");
    SS_TRY(ss_pool_run(pool, packing->index_count + packing->log_count, first_phase, packing, error));
    packing->segment_count = packing->log_count;
    for (size_t n = 0; n < packing->index_count; n++) {
        packing->first_segment[n] = packing->segment_count;
        packing->segment_count += segments_for(packing, packing->sorted[n].row_count);
    }
    packing->first_segment[packing->index_count] = packing->segment_count;
    SS_TRY(ss_pool_run(pool, packing->segment_count - packing->log_count, second_phase, packing, error));
    return insert_all(packing, error);
}

enum ss_status ss_history_write_segments(struct ss_history *history, const struct history_table *table,
                                         const struct history_rows *rows, bool with_log,
                                         const struct history_index *const *indexes, size_t index_count,
                                         struct ss_error *error)
{
    struct packing packing = {.history = history,
                              .table = table,
                              .rows = rows,
                              .segment_rows = rows_of_segment(history, table, rows),
                              .indexes = indexes,
                              .index_count = index_count};
    if (rows->count == 0) return SS_OK;
    packing.log_count = with_log ? segments_for(&packing, rows->count) : 0;
    const enum ss_status status = pack_all(&packing, error);
    for (size_t i = 0; packing.segments && i < packing.segment_capacity; i++)
        release_segment(&packing.segments[i]);
    for (size_t i = 0; packing.sorted && i < index_count; i++) ss_history_sorted_release(&packing.sorted[i]);
    free(packing.segments);
    free(packing.sorted);
    free(packing.first_segment);
    return status;
}

enum ss_status ss_history_write_segment(struct ss_history *history, const struct history_table *table,
                                        const struct history_index *index, int64_t run,
                                        const struct history_rows *rows, struct history_sorted *sorted,
                                        struct ss_error *error)
{
    struct packing packing = {.history = history, .table = table, .rows = rows};
    struct packed_segment packed = {0};
    enum ss_status status = pack_sorted(&packing, index, sorted, 0, rows->count, &packed, error);
    if (status == SS_OK) status = insert_segment(&packing, &packed, run, error);
    release_segment(&packed);
    return status;
}
