// Reading history by entity: events in the order of (key, event_time, seq).
//
// Every run of the index is sorted so, and so is what a query gives of staging; a scan merges them. Each has
// a cursor that stands on one entity; of the cursors at the least key the one with the least (event_time,
// seq) gives rows up to the head of the next one, a slice at a time. Where an entity is in one run alone, or
// runs lie apart in time, a slice is all of it.
//
// A scan holds no read transaction between calls. What a call needs of the file, if anything, it reads in
// one; when the list of segments has changed since (a flush, a compaction), the cursors are set anew behind
// the last row given out. Deletes after the scan's own seq are left out, so all batches show one state.

#include "store/history_scan.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PAGE_ROWS 64 // of one entity: most have few events

// ---- Batches

// Made once for as many rows as a batch may have, and filled anew by every call.
static bool make_batch(struct scan *scan)
{
    struct ss_event_batch *batch = &scan->batch;
    const size_t rows = SS_BATCH_ROWS;
    struct ss_arena *kept = &scan->kept;
    batch->event_time_us = ss_arena_array(kept, rows, sizeof *batch->event_time_us);
    batch->arrival_us = ss_arena_array(kept, rows, sizeof *batch->arrival_us);
    batch->seq = ss_arena_array(kept, rows, sizeof *batch->seq);
    batch->deleted_seq = ss_arena_array(kept, rows, sizeof *batch->deleted_seq);
    batch->deleted_arrival_us = ss_arena_array(kept, rows, sizeof *batch->deleted_arrival_us);
    batch->columns = ss_arena_array(kept, scan->column_count + 1, sizeof *batch->columns);
    scan->spans = ss_arena_array(kept, rows, sizeof *scan->spans);
    scan->slices = ss_arena_array(kept, rows, sizeof *scan->slices);
    if (!scan->slices) return false;
    if (!batch->event_time_us || !batch->arrival_us || !batch->seq || !batch->deleted_seq ||
        !batch->deleted_arrival_us || !batch->columns || !scan->spans)
        return false;
    for (size_t row = 0; row < rows; row++) batch->deleted_arrival_us[row] = SS_NEVER_US;
    for (size_t i = 0; i < scan->column_count; i++) batch->columns[i].type = scan->column_types[i];
    batch->columns[scan->column_count].type = (struct ss_type){.id = SS_TIMESTAMP};
    for (size_t i = 0; i < scan->wanted_count; i++) {
        struct ss_column *column = &batch->columns[scan->wanted[i].column];
        if (!ss_column_init(column, scan->wanted[i].type, SS_BATCH_ROWS, kept)) return false;
    }
    batch->spans = scan->spans;
    return true;
}

static void leave_slices(struct scan *scan)
{
    for (size_t i = 0; i < scan->slice_count; i++)
        ss_history_unpin_segment(scan->history, scan->slices[i].data);
    scan->slice_count = 0;
}

static bool start_batch(struct scan *scan)
{
    if (!scan->batch.spans && !make_batch(scan)) return false;
    leave_slices(scan);
    ss_arena_reset(&scan->page);
    scan->batch.length = scan->batch.span_count = scan->staged_length = 0;
    for (size_t i = 0; i < scan->wanted_count; i++)
        ss_column_clear(&scan->batch.columns[scan->wanted[i].column]);
    return true;
}

static bool append_repeated(struct ss_column *column, struct ss_value value, int32_t count,
                            struct ss_arena *arena)
{
    for (int32_t i = 0; i < count; i++)
        if (!ss_column_append(column, value, arena)) return false;
    return true;
}

// Times and key parts of the rows that the batch has got since its columns were `first` long.
static enum ss_status append_derived(struct scan *scan, struct ss_bytes key, int32_t first, int32_t count,
                                     struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct ss_value parts[SS_MAX_KEYS];
    bool decoded = false, ok = true;
    for (size_t i = 0; ok && i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        struct ss_column *column = &batch->columns[wanted->column];
        if (wanted->from == FROM_TIMES) {
            for (int32_t row = 0; ok && row < count; row++)
                ok = ss_column_append(
                    column, (struct ss_value){.present = true, .i64 = batch->event_time_us[first + row]},
                    &scan->kept);
        } else if (wanted->from == FROM_KEY) {
            if (!decoded &&
                ss_key_decode(scan->key_types, scan->key_count, key, &scan->page, parts) != SS_KEY_READ)
                return ss_history_fail_row(scan->history, "a key of a segment is none", error);
            decoded = true;
            ok = append_repeated(column, parts[wanted->position], count, &scan->kept);
        }
    }
    return ok ? SS_OK : ss_fail_memory(error, "a page of history");
}

// A slice of a run: rows [row, row + count) of the cursor.
static enum ss_status append_run(struct scan *scan, struct run_cursor *cursor, int32_t count,
                                 struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    const int32_t first = batch->length;
    const uint64_t first_seq = cursor->data->segment.first_seq;
    ss_packed_read_integers(cursor->times, cursor->row, count, batch->event_time_us + first);
    ss_packed_read_integers(cursor->lateness, cursor->row, count, batch->arrival_us + first);
    ss_packed_read_integers(cursor->seqs, cursor->row, count, (int64_t *)batch->seq + first);
    for (int32_t i = first; i < first + count; i++) {
        batch->arrival_us[i] += batch->event_time_us[i];
        batch->seq[i] += first_seq;
    }
    if (scan->deferred) {
        cursor->data->pins++;
        scan->slices[scan->slice_count++] = (struct slice){first, cursor->row, cursor->data};
        cursor->row += count;
        batch->length += count;
        return SS_OK;
    }
    for (size_t i = 0; i < scan->wanted_count; i++) {
        struct ss_column *column = &batch->columns[scan->wanted[i].column];
        if (scan->wanted[i].from != FROM_SEGMENT) continue;
        if (!(cursor->columns[i]
                  ? ss_packed_append(cursor->columns[i], cursor->row, count, column, &scan->kept)
                  : append_repeated(column, (struct ss_value){0}, count, &scan->kept)))
            return ss_fail_memory(error, "a page of history");
    }
    cursor->row += count;
    batch->length += count;
    return append_derived(scan, cursor_key(cursor), first, count, error);
}

static enum ss_status append_staged(struct scan *scan, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    struct ss_event_batch *batch = &scan->batch;
    const int32_t first = batch->length, row = staged->at;
    batch->event_time_us[first] = staged->places[row].event_time_us;
    batch->seq[first] = staged->places[row].seq;
    batch->arrival_us[first] = staged->arrival_us[row];
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT &&
            !ss_column_append(&batch->columns[scan->wanted[i].column],
                              ss_column_get(&staged->columns[i], row), &scan->kept))
            return ss_fail_memory(error, "a page of history");
    staged->at++;
    batch->length++;
    if (scan->deferred) {
        scan->slices[scan->slice_count] = (struct slice){.first = first, .row = scan->staged_length++};
        scan->slice_count++;
        return SS_OK;
    }
    return append_derived(scan, staged->keys[row], first, 1, error);
}

// ---- Merging: a heap of what the cursors and staging stand on, the least (key, event_time, seq) first

static bool is_less(const struct front *a, const struct front *b)
{
    const int keys = ss_bytes_compare(a->key, b->key);
    return keys ? keys < 0 : is_behind(b->head, a->head);
}

static void sift_down(struct scan *scan, size_t at)
{
    struct front *fronts = scan->fronts;
    const struct front moved = fronts[at];
    for (size_t child; (child = 2 * at + 1) < scan->front_count; at = child) {
        if (child + 1 < scan->front_count && is_less(&fronts[child + 1], &fronts[child])) child++;
        if (!is_less(&fronts[child], &moved)) break;
        fronts[at] = fronts[child];
    }
    fronts[at] = moved;
}

static bool stand(struct scan *scan, struct front *front)
{
    if (front->cursor) {
        if (!front->cursor->data) return false;
        front->key = cursor_key(front->cursor);
        front->head = head(front->cursor);
        return true;
    }
    const struct staged_page *staged = &scan->staged;
    if (staged->at == staged->count) return false;
    front->key = staged->keys[staged->at];
    front->head = staged->places[staged->at];
    return true;
}

static void make_heap(struct scan *scan)
{
    scan->front_count = 0;
    for (size_t i = 0; i <= scan->cursor_count; i++) {
        struct front front = {.cursor = i < scan->cursor_count ? &scan->cursors[i] : NULL};
        if (stand(scan, &front)) scan->fronts[scan->front_count++] = front;
    }
    for (size_t i = scan->front_count / 2; i-- > 0;) sift_down(scan, i);
}

// The top has moved on.
static void mend_heap(struct scan *scan)
{
    if (!stand(scan, &scan->fronts[0])) scan->fronts[0] = scan->fronts[--scan->front_count];
    if (scan->front_count) sift_down(scan, 0);
}

// What stands next after the top, if it is of the same entity.
static const struct place *next_place(const struct scan *scan)
{
    const struct front *fronts = scan->fronts, *next = scan->front_count > 1 ? &fronts[1] : NULL;
    if (scan->front_count > 2 && is_less(&fronts[2], &fronts[1])) next = &fronts[2];
    return next && ss_bytes_equal(next->key, fronts[0].key) ? &next->head : NULL;
}

// Are all that the cursor has left of the entity before `next` (NULL: nothing else has it), and seen?
static bool is_whole(const struct scan *scan, const struct run_cursor *cursor, const struct place *next)
{
    const struct history_segment *segment = &cursor->data->segment;
    if (segment->last_seq > scan->s) return false;
    if (!next && segment->last_us < scan->to_us) return true;
    const struct place last = ss_scan_place(cursor, cursor->end - 1);
    return last.event_time_us < scan->to_us && !(next && is_behind(last, *next));
}

// How many rows the cursor may give before another one's turn, at most `room`.
static int32_t slice_of(const struct scan *scan, struct run_cursor *cursor, int32_t room)
{
    int32_t count = 0;
    const struct place *next = next_place(scan);
    const int32_t left = cursor->end - cursor->row;
    if (is_whole(scan, cursor, next)) return left < room ? left : room;
    ss_scan_read_heads(cursor, room < HEAD_ROWS ? room : HEAD_ROWS);
    while (count < cursor->heads_count && cursor->heads[count].event_time_us < scan->to_us &&
           cursor->heads[count].seq <= scan->s && !(next && is_behind(cursor->heads[count], *next)))
        count++;
    return count;
}

static enum ss_status open_span(struct scan *scan, struct ss_bytes key, struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct ss_entity_span *last = batch->span_count ? &scan->spans[batch->span_count - 1] : NULL;
    if (last && ss_bytes_equal(last->key, key)) return SS_OK;
    const char *copy = ss_arena_copy(&scan->page, key.data, key.size);
    if (!copy) return ss_fail_memory(error, "a key");
    scan->spans[batch->span_count++] =
        (struct ss_entity_span){{copy, key.size}, batch->length, batch->length};
    return SS_OK;
}

// The top stands where its rows have ended: on what follows them.
static enum ss_status settle_top(struct scan *scan, struct ss_error *error)
{
    struct run_cursor *cursor = scan->fronts[0].cursor;
    SS_TRY(cursor ? ss_scan_settle_cursor(scan, cursor, error) : ss_scan_settle_staged(scan, error));
    if (!scan->needs_file) mend_heap(scan);
    return SS_OK;
}

// One slice more of what is at the top, or a row above the scan's seq passed over.
static enum ss_status merge_slice(struct scan *scan, struct ss_error *error)
{
    struct ss_event_batch *batch = &scan->batch;
    struct run_cursor *cursor = scan->fronts[0].cursor;
    const int32_t count = cursor ? slice_of(scan, cursor, scan->page_rows - batch->length) : 1;
    if (count) {
        SS_TRY(open_span(scan, scan->fronts[0].key, error));
        SS_TRY(cursor ? append_run(scan, cursor, count, error) : append_staged(scan, error));
        scan->spans[batch->span_count - 1].end = batch->length;
    } else {
        cursor->row++;
    }
    return settle_top(scan, error);
}

static void mark_deletes(struct scan *scan, const struct history_table *table)
{
    struct ss_event_batch *batch = &scan->batch;
    if (table->cache->deleted_count == 0 && !scan->has_marks) return; // as the batch was made
    scan->has_marks = table->cache->deleted_count > 0;
    for (int32_t row = 0; row < batch->length; row++) {
        const struct history_deleted *deleted = ss_history_deleted(table, batch->seq[row]);
        const bool counts = deleted && deleted->seq <= scan->s;
        batch->deleted_seq[row] = counts ? deleted->seq : 0;
        batch->deleted_arrival_us[row] = counts ? deleted->arrival_us : SS_NEVER_US;
    }
}

static enum ss_status merge(struct scan *scan, struct ss_error *error)
{
    while (scan->batch.length < scan->page_rows && scan->front_count && !scan->needs_file)
        SS_TRY(merge_slice(scan, error));
    return SS_OK;
}

static enum ss_status fill_from_file(struct scan *scan, struct ss_error *error)
{
    struct ss_history *history = scan->history;
    const struct history_table *table;
    SS_TRY(ss_history_refresh_segments(history, error));
    const bool goes_on = scan->needs_file;
    scan->needs_file = false;
    if (scan->version != history->segments.version) {
        scan->version = 0;
        SS_TRY(ss_scan_set_cursors(scan, error));
        SS_TRY(ss_scan_set_staged(scan, error));
        make_heap(scan);
    } else if (goes_on) {
        SS_TRY(settle_top(scan, error));
    }
    SS_TRY(merge(scan, error));
    SS_TRY(ss_history_find_table(history, scan->source, &table, error));
    if (!table || table->id != scan->table_id) return ss_history_fail_row(history, "a source is gone", error);
    SS_TRY(ss_history_refresh_deletes(history, table, error));
    mark_deletes(scan, table);
    scan->goes_by_memory = !table->has_identity && scan->s < INT64_MAX;
    return SS_OK;
}

// Segments do not change, so of a source that has no deletes the rows up to `s` of those that are open are
// what they are, whatever is in the file by now: a read of it costs as much as a hundred rows.
static bool goes_by_memory(const struct scan *scan)
{
    return scan->goes_by_memory && scan->version == scan->history->segments.version && !scan->needs_file;
}

static enum ss_status fill_batch(struct scan *scan, struct ss_error *error)
{
    if (goes_by_memory(scan)) SS_TRY(merge(scan, error));
    if (scan->batch.length) return SS_OK;
    SS_TRY(ss_history_begin_read(scan->history, error));
    scan->reads_file = true;
    const enum ss_status status = fill_from_file(scan, error);
    scan->reads_file = false;
    ss_history_end_read(scan->history);
    return status;
}

static enum ss_status next_batch(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                 struct ss_error *error)
{
    struct scan *scan = (struct scan *)base;
    if (scan->ended) {
        *batch = NULL;
        return SS_OK;
    }
    if (!start_batch(scan)) return ss_fail_memory(error, "a page of history");
    const enum ss_status status = fill_batch(scan, error);
    if (status != SS_OK) {
        scan->version = 0;
        return status;
    }
    const int32_t length = scan->batch.length;
    scan->history->rows_read += (uint64_t)length;
    scan->ended = !scan->front_count;
    scan->page_rows = SS_BATCH_ROWS;
    *batch = length ? &scan->batch : NULL;
    if (!length) return SS_OK;
    scan->started = true;
    scan->last = (struct place){scan->batch.event_time_us[length - 1], scan->batch.seq[length - 1]};
    set_key(&scan->last_key, scan->spans[scan->batch.span_count - 1].key);
    return SS_OK;
}

// ---- Gathering columns that were deferred

static const struct ss_entity_span *span_of(const struct scan *scan, int32_t row, int32_t *span)
{
    while (scan->spans[*span].end <= row) ++*span;
    return &scan->spans[*span];
}

// The value of one row and column that no packed column has. *span rises with the row.
static enum ss_status gather_value(struct scan *scan, const struct wanted *wanted, int32_t row,
                                   const struct slice *from, int32_t *span, struct ss_column *column,
                                   struct ss_arena *arena, struct ss_error *error)
{
    struct ss_value parts[SS_MAX_KEYS], value = {0};
    if (wanted->from == FROM_TIMES) {
        value = (struct ss_value){.present = true, .i64 = scan->batch.event_time_us[row]};
    } else if (wanted->from == FROM_KEY) {
        if (ss_key_decode(scan->key_types, scan->key_count, span_of(scan, row, span)->key, &scan->page,
                          parts) != SS_KEY_READ)
            return ss_history_fail_row(scan->history, "a key of a segment is none", error);
        value = parts[wanted->position];
    } else if (!from->data) {
        value = ss_column_get(&scan->batch.columns[wanted->column], from->row);
    }
    return ss_column_append(column, value, arena) ? SS_OK : ss_fail_memory(error, "a page of history");
}

// The packed column that the slice's values stand in; NULL: they are elsewhere, or null.
static enum ss_status packed_of(struct scan *scan, const struct wanted *wanted, const struct slice *from,
                                const struct ss_packed **packed, struct ss_error *error)
{
    *packed = NULL;
    if (wanted->from != FROM_SEGMENT || !from->data || ss_scan_is_old(scan, &from->data->segment))
        return SS_OK;
    return ss_history_open_blob(scan->history, from->data, SLOT_COLUMN + wanted->position, wanted->type,
                                packed, error);
}

// The rows of one slice, counted from the batch's first.
static enum ss_status gather_slice(struct scan *scan, const struct wanted *wanted, const struct slice *from,
                                   const int32_t *rows, int32_t count, int32_t *span,
                                   struct ss_column *column, struct ss_arena *arena, struct ss_error *error)
{
    int32_t places[SS_BATCH_ROWS];
    const struct ss_packed *packed;
    SS_TRY(packed_of(scan, wanted, from, &packed, error));
    for (int32_t n = 0; !packed && n < count; n++)
        SS_TRY(gather_value(scan, wanted, rows[n], from, span, column, arena, error));
    if (!packed) return SS_OK;
    for (int32_t n = 0; n < count; n++) places[n] = from->row + rows[n] - from->first;
    return ss_packed_gather(packed, places, count, column, arena)
               ? SS_OK
               : ss_fail_memory(error, "a page of history");
}

static enum ss_status gather(struct ss_event_reader *base, const int32_t *rows, int32_t count,
                             struct ss_column *columns, struct ss_arena *arena, struct ss_error *error)
{
    struct scan *scan = (struct scan *)base;
    SS_ASSERT(count <= SS_BATCH_ROWS);
    for (size_t i = 0; i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        size_t slice = 0;
        int32_t span = 0;
        for (int32_t n = 0, end; n < count; n = end) {
            while (slice + 1 < scan->slice_count && scan->slices[slice + 1].first <= rows[n]) slice++;
            const int32_t next = slice + 1 < scan->slice_count ? scan->slices[slice + 1].first : INT32_MAX;
            for (end = n + 1; end < count && rows[end] < next;) end++;
            SS_TRY(gather_slice(scan, wanted, &scan->slices[slice], rows + n, end - n, &span,
                                &columns[wanted->column], arena, error));
        }
    }
    return SS_OK;
}

// ---- Making a scan

static void close_scan(struct ss_event_reader *base)
{
    struct scan *scan = (struct scan *)base;
    leave_slices(scan);
    ss_scan_leave_cursors(scan);
    ss_arena_release(&scan->staged.arena);
    ss_arena_release(&scan->page);
    ss_arena_release(&scan->kept);
    free(scan);
}

static int part_of(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->key_count; i++)
        if (index->positions[i] == position) return (int)i;
    return -1;
}

static bool index_holds(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->column_count; i++)
        if (index->columns[i] == position) return true;
    return position < 0 || part_of(index, position) >= 0;
}

static bool index_holds_all(const struct history_index *index, const struct ss_entity_scan *what,
                            const int *positions)
{
    for (size_t i = 0; i < what->view->source->column_count; i++)
        if (what->columns[i] && !index_holds(index, positions[i])) return false;
    return true;
}

// The view's table and index; read anew once, as another process may have applied definitions meanwhile.
static enum ss_status require_index(struct ss_history *history, const struct ss_entity_scan *what,
                                    int *positions, const struct history_table **table,
                                    const struct history_index **index, struct ss_error *error)
{
    const struct ss_view *view = what->view;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (attempt) SS_TRY(ss_history_load_tables(history, error));
        SS_TRY(ss_history_require_table(history, view->source, table, positions, error));
        *index = ss_history_find_index(*table, view, positions);
        if (*index && index_holds_all(*index, what, positions)) return SS_OK;
    }
    if (*index) return SS_OK; // want_column says what it lacks
    return ss_fail(error, SS_NOT_FOUND,
                   "view '%s': history '%s' has no index of source '%s' by entity '%s'; run 'selfsame apply'",
                   view->name, history->path, view->source->name, view->entity->name);
}

static struct scan *create_scan(struct ss_history *history, int64_t from_us, int64_t to_us, uint64_t s)
{
    struct scan *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->reader.next = next_batch;
    made->reader.close = close_scan;
    made->history = history;
    made->from_us = from_us;
    made->to_us = to_us;
    made->s = s > INT64_MAX ? INT64_MAX : s;
    made->page_rows = SS_BATCH_ROWS;
    return made;
}

static enum ss_status set_order(struct scan *scan, const struct history_table *table,
                                const struct history_index *index, struct ss_error *error)
{
    scan->source = ss_arena_copy(&scan->kept, table->source, strlen(table->source));
    if (!scan->source) return ss_fail_memory(error, "a scan of history");
    scan->table_id = table->id;
    scan->index_id = index->id;
    scan->key_count = index->key_count;
    for (size_t i = 0; i < index->key_count; i++) {
        scan->key_positions[i] = index->positions[i];
        scan->key_types[i] = table->column_types[index->positions[i]];
    }
    return SS_OK;
}

static void want(struct scan *scan, size_t column, enum wanted_from from, int position)
{
    const struct ss_type type =
        column < scan->column_count ? scan->column_types[column] : (struct ss_type){.id = SS_TIMESTAMP};
    scan->wanted[scan->wanted_count++] = (struct wanted){(int)column, from, position, type};
}

static enum ss_status want_column(struct scan *scan, const struct ss_entity_scan *what, const int *positions,
                                  const struct history_index *index, size_t column, struct ss_error *error)
{
    const int position = column < scan->column_count ? positions[column] : -1;
    if (position < 0) {
        want(scan, column, FROM_TIMES, 0);
    } else if (part_of(index, position) >= 0) {
        want(scan, column, FROM_KEY, part_of(index, position));
    } else {
        if (!index_holds(index, position))
            return ss_fail(
                error, SS_NOT_FOUND,
                "view '%s': history '%s' does not keep column '%s' by entity '%s'; run 'selfsame apply'",
                what->view->name, scan->history->path, what->view->source->columns[column].name,
                what->view->entity->name);
        want(scan, column, FROM_SEGMENT, position);
    }
    return SS_OK;
}

static enum ss_status init_scan(struct scan *scan, const struct ss_entity_scan *what, struct ss_error *error)
{
    const struct ss_source *source = what->view->source;
    const struct history_table *table;
    const struct history_index *index;
    int *positions = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *positions);
    struct ss_type *types = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *types);
    scan->wanted = ss_arena_array(&scan->kept, source->column_count + 1, sizeof *scan->wanted);
    if (!positions || !types || !scan->wanted) return ss_fail_memory(error, "a scan of history");
    for (size_t i = 0; i < source->column_count; i++) types[i] = source->columns[i].type;
    scan->column_count = source->column_count;
    scan->column_types = types;
    SS_TRY(require_index(scan->history, what, positions, &table, &index, error));
    SS_TRY(set_order(scan, table, index, error));
    for (size_t i = 0; i <= source->column_count; i++)
        if (what->columns[i]) SS_TRY(want_column(scan, what, positions, index, i, error));
    return ss_scan_prepare_staged(scan, error);
}

enum ss_status ss_history_scan(struct ss_history *history, const struct ss_entity_scan *what,
                               struct ss_event_reader **reader, struct ss_error *error)
{
    struct scan *made = create_scan(history, what->from_us, what->to_us, what->s);
    if (!made) return ss_fail_memory(error, "a scan of history");
    SS_ASSERT(what->low.size <= SS_KEY_MAX && what->high.size <= SS_KEY_MAX);
    if (what->low.size) set_key(&made->low, what->low);
    if (what->high.size) set_key(&made->high, what->high);
    made->one_entity = what->low.size && ss_bytes_equal(what->low, what->high);
    if (made->one_entity) made->page_rows = FIRST_PAGE_ROWS;
    made->deferred = what->deferred;
    made->skims_old = what->skims_old;
    made->old_us = what->old_us;
    made->known_us = what->known_us;
    if (what->deferred) made->reader.gather = gather;
    const enum ss_status status = init_scan(made, what, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_scan(&made->reader);
    return status;
}

// ---- Some runs of an index, with all their columns

static enum ss_status init_runs(struct scan *scan, const struct history_table *table,
                                const struct history_index *index, const int64_t *runs, size_t run_count,
                                struct ss_error *error)
{
    scan->runs = ss_arena_copy(&scan->kept, runs, run_count * sizeof *runs);
    scan->run_count = run_count;
    scan->column_count = table->column_count;
    scan->column_types =
        ss_arena_copy(&scan->kept, table->column_types, table->column_count * sizeof *table->column_types);
    scan->wanted = ss_arena_array(&scan->kept, index->column_count + 1, sizeof *scan->wanted);
    if (!scan->runs || !scan->column_types || !scan->wanted)
        return ss_fail_memory(error, "a scan of history");
    for (size_t i = 0; i < index->column_count; i++)
        want(scan, (size_t)index->columns[i], FROM_SEGMENT, index->columns[i]);
    return set_order(scan, table, index, error);
}

enum ss_status ss_history_scan_runs(struct ss_history *history, const struct history_table *table,
                                    const struct history_index *index, const int64_t *runs, size_t run_count,
                                    struct ss_event_reader **reader, struct ss_error *error)
{
    struct scan *made = create_scan(history, INT64_MIN, INT64_MAX, INT64_MAX);
    if (!made) return ss_fail_memory(error, "a scan of history");
    const enum ss_status status = init_runs(made, table, index, runs, run_count, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_scan(&made->reader);
    return status;
}

// ---- One entity, all keys

enum ss_status ss_history_read_entity(struct ss_history *history, const struct ss_view *view,
                                      const struct ss_value *key, int64_t from_us, int64_t to_us, uint64_t s,
                                      struct ss_event_reader **reader, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    struct ss_entity_scan scan = {.view = view, .from_us = from_us, .to_us = to_us, .s = s};
    struct ss_key encoded;
    struct ss_arena arena = {0};
    bool *columns = ss_arena_array(&arena, view->source->column_count + 1, sizeof *columns);
    if (!columns) return ss_fail_memory(error, "the columns of a view");
    for (size_t i = 0; i <= view->source->column_count; i++) columns[i] = view->row_inputs[i];
    for (size_t i = 0; i < entity->key_count; i++) columns[view->key_columns[i]] = true;
    scan.columns = columns;
    if (key) {
        SS_ASSERT(ss_key_encode(entity->key_types, key, entity->key_count, &encoded) == SS_KEY_OK);
        scan.low = scan.high = key_bytes(&encoded);
    }
    const enum ss_status status = ss_history_scan(history, &scan, reader, error);
    ss_arena_release(&arena);
    return status;
}

static enum ss_status give_keys(const struct ss_view *view, const struct ss_event_batch *batch,
                                struct ss_key *last, struct ss_arena *arena,
                                enum ss_status (*each)(void *context, const struct ss_value *key),
                                void *context, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    for (int32_t i = 0; i < batch->span_count; i++) {
        if (ss_bytes_equal(batch->spans[i].key, key_bytes(last))) continue;
        set_key(last, batch->spans[i].key);
        ss_arena_reset(arena);
        if (ss_key_decode(entity->key_types, entity->key_count, key_bytes(last), arena, parts) != SS_KEY_READ)
            return ss_fail_memory(error, "a key");
        SS_TRY(each(context, parts));
    }
    return SS_OK;
}

enum ss_status ss_history_each_key(struct ss_history *history, const struct ss_view *view, uint64_t s,
                                   enum ss_status (*each)(void *context, const struct ss_value *key),
                                   void *context, struct ss_error *error)
{
    enum ss_status status;
    struct ss_entity_scan scan = {.view = view, .from_us = INT64_MIN, .to_us = INT64_MAX, .s = s};
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    struct ss_key last = {0};
    struct ss_arena arena = {0}, columns = {0};
    scan.columns = ss_arena_array(&columns, view->source->column_count + 1, sizeof *scan.columns);
    SS_TRY_GOTO(scan.columns ? SS_OK : ss_fail_memory(error, "the columns of a view"), out);
    SS_TRY_GOTO(ss_history_scan(history, &scan, &reader, error), out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        SS_TRY_GOTO(give_keys(view, batch, &last, &arena, each, context, error), out);
    }
out:
    if (reader) reader->close(reader);
    ss_arena_release(&arena);
    ss_arena_release(&columns);
    return status;
}
