// The cursors of a scan: each stands on the rows of one entity in a segment of its run.

#include "store/history_scan.h"

#include <stdlib.h>

void ss_scan_leave_cursors(struct scan *scan)
{
    for (size_t i = 0; i < scan->cursor_count; i++)
        ss_history_unpin_segment(scan->history, scan->cursors[i].data);
    free(scan->cursors);
    free(scan->fronts);
    scan->cursors = NULL;
    scan->fronts = NULL;
    scan->cursor_count = scan->front_count = 0;
}

struct place ss_scan_place(const struct run_cursor *cursor, int32_t row)
{
    int64_t event_time_us, number;
    ss_packed_read_integers(cursor->times, row, 1, &event_time_us);
    ss_packed_read_integers(cursor->seqs, row, 1, &number);
    return (struct place){event_time_us, cursor->data->segment.first_seq + (uint64_t)number};
}

void ss_scan_read_heads(struct run_cursor *cursor, int32_t most)
{
    int64_t numbers[HEAD_ROWS];
    const int32_t left = cursor->end - cursor->row, count = left < most ? left : most;
    ss_packed_read_integers(cursor->times, cursor->row, count, numbers);
    for (int32_t i = 0; i < count; i++) cursor->heads[i].event_time_us = numbers[i];
    ss_packed_read_integers(cursor->seqs, cursor->row, count, numbers);
    for (int32_t i = 0; i < count; i++)
        cursor->heads[i].seq = cursor->data->segment.first_seq + (uint64_t)numbers[i];
    cursor->heads_first = cursor->row;
    cursor->heads_count = count;
}

// Does only the first event of each entity count?
bool ss_scan_is_old(const struct scan *scan, const struct history_segment *segment)
{
    return scan->skims_old && segment->last_us < scan->old_us &&
           segment->last_us + segment->lateness_us < scan->known_us && segment->last_seq <= scan->s &&
           segment->first_us >= scan->from_us;
}

static enum ss_status open_columns(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    struct ss_history *history = scan->history;
    struct segment_data *data = cursor->data;
    const struct ss_packed **fixed[] = {&cursor->times, &cursor->lateness, &cursor->seqs};
    for (int slot = SLOT_TIME; slot <= SLOT_SEQ; slot++)
        SS_TRY(ss_history_open_blob(history, data, slot, (struct ss_type){0}, fixed[slot], error));
    SS_TRY(ss_history_open_entities(history, data, error));
    if (ss_scan_is_old(scan, &data->segment) &&
        !ss_packed_integers_within(cursor->lateness, 0, data->segment.lateness_us))
        return ss_history_fail_segment(history, &data->segment, SLOT_LATENESS,
                                       "the list of segments has it otherwise", error);
    for (size_t i = 0; i < scan->wanted_count; i++) {
        const struct wanted *wanted = &scan->wanted[i];
        cursor->columns[i] = NULL;
        if (wanted->from != FROM_SEGMENT || ss_scan_is_old(scan, &data->segment)) continue;
        SS_TRY(ss_history_open_blob(history, data, SLOT_COLUMN + wanted->position, wanted->type,
                                    &cursor->columns[i], error));
    }
    return SS_OK;
}

// Rows of the entity that are before `from_us`, or were given out, are passed over.
static void enter_entity(struct scan *scan, struct run_cursor *cursor)
{
    const struct history_entity *entity = &cursor->data->entities[cursor->entity];
    const bool goes_on = scan->started && ss_bytes_equal(entity->key, key_bytes(&scan->last_key));
    cursor->row = entity[0].first;
    cursor->end = ss_scan_is_old(scan, &cursor->data->segment) ? cursor->row + 1 : entity[1].first;
    cursor->heads_count = 0;
    int64_t from_us = scan->from_us;
    if (goes_on && scan->last.event_time_us > from_us) from_us = scan->last.event_time_us;
    if (cursor->data->segment.first_us < from_us) {
        int32_t high = cursor->end;
        while (cursor->row < high) {
            const int32_t middle = cursor->row + (high - cursor->row) / 2;
            int64_t time_us;
            ss_packed_read_integers(cursor->times, middle, 1, &time_us);
            if (time_us < from_us)
                cursor->row = middle + 1;
            else
                high = middle;
        }
    }
    while (goes_on && cursor->row < cursor->end && !is_behind(head(cursor), scan->last)) cursor->row++;
}

// The segments that may have rows of the scan.
static bool is_of_use(const struct scan *scan, const struct history_segment *segment)
{
    return segment->first_us < scan->to_us && segment->last_us >= scan->from_us &&
           segment->first_seq <= scan->s;
}

// The segments of a run follow each other in their keys.
static enum ss_status check_follows(const struct scan *scan, const struct history_segment *segment,
                                    const struct history_segment *before, struct ss_error *error)
{
    if (!before || before->run != segment->run || ss_bytes_compare(before->last_key, segment->first_key) <= 0)
        return SS_OK;
    return ss_history_fail_segment(scan->history, segment, SLOT_ENTITIES,
                                   "its keys are not behind those of the segment before it", error);
}

// Opens the first segment of the run, from `from` on, that may have rows at `key` or behind it, and stands on
// the first entity that does. `before`: the one that it leaves; NULL: none.
static enum ss_status open_segment(struct scan *scan, struct run_cursor *cursor,
                                   const struct history_segment *before, const struct history_segment *from,
                                   const struct history_segment *end, struct ss_bytes key,
                                   struct ss_error *error)
{
    ss_history_unpin_segment(scan->history, cursor->data);
    cursor->data = NULL;
    for (; from < end && from->run == cursor->run; from++) {
        if (ss_bytes_compare(from->last_key, key) < 0 || !is_of_use(scan, from)) continue;
        if (scan->high.size && ss_bytes_compare(from->first_key, key_bytes(&scan->high)) > 0) return SS_OK;
        SS_TRY(check_follows(scan, from, before, error));
        SS_TRY(ss_history_pin_segment(scan->history, from, &cursor->data, error));
        SS_TRY(open_columns(scan, cursor, error));
        int32_t low = 0, high = cursor->data->entity_count;
        while (low < high) {
            const int32_t middle = low + (high - low) / 2;
            if (ss_bytes_compare(cursor->data->entities[middle].key, key) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        cursor->entity = low;
        SS_ASSERT(low < cursor->data->entity_count);
        enter_entity(scan, cursor);
        return SS_OK;
    }
    return SS_OK;
}

static enum ss_status next_segment(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    size_t count;
    const struct history_segment *segments =
        ss_history_segments_of(scan->history, scan->table_id, scan->index_id, &count);
    const struct history_segment *at = segments, *end = segments + count;
    while (at < end &&
           (at->run < cursor->run || (at->run == cursor->run && at->id <= cursor->data->segment.id)))
        at++;
    return open_segment(scan, cursor, at > segments ? at - 1 : NULL, at, end,
                        at < end ? at->first_key : (struct ss_bytes){0}, error);
}

enum ss_status ss_scan_settle_cursor(struct scan *scan, struct run_cursor *cursor, struct ss_error *error)
{
    while (cursor->data) {
        if (cursor->row < cursor->end && head(cursor).event_time_us < scan->to_us) {
            if (scan->high.size && ss_bytes_compare(cursor_key(cursor), key_bytes(&scan->high)) > 0) break;
            return SS_OK;
        }
        if (cursor->entity + 1 < cursor->data->entity_count) {
            cursor->entity++;
            enter_entity(scan, cursor);
        } else if (scan->reads_file) {
            SS_TRY(next_segment(scan, cursor, error));
        } else {
            scan->needs_file = true;
            return SS_OK;
        }
    }
    ss_history_unpin_segment(scan->history, cursor->data);
    cursor->data = NULL;
    return SS_OK;
}

static bool is_run_of(const struct scan *scan, int64_t run)
{
    for (size_t i = 0; i < scan->run_count; i++)
        if (scan->runs[i] == run) return true;
    return !scan->runs;
}

enum ss_status ss_scan_set_cursors(struct scan *scan, struct ss_error *error)
{
    size_t count, runs = 0;
    const struct history_segment *segments =
        ss_history_segments_of(scan->history, scan->table_id, scan->index_id, &count);
    const struct ss_bytes key = scan->started ? key_bytes(&scan->last_key) : key_bytes(&scan->low);
    ss_scan_leave_cursors(scan);
    for (size_t i = 0; i < count; i++) runs += i == 0 || segments[i].run != segments[i - 1].run;
    scan->cursors = calloc(runs + 1, sizeof *scan->cursors + scan->wanted_count * sizeof(void *));
    scan->fronts = calloc(runs + 1, sizeof *scan->fronts);
    if (!scan->cursors || !scan->fronts) return ss_fail_memory(error, "a scan of history");
    const struct ss_packed **columns = (const struct ss_packed **)(scan->cursors + runs + 1);
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && segments[i].run == segments[i - 1].run) || !is_run_of(scan, segments[i].run)) continue;
        struct run_cursor *cursor = &scan->cursors[scan->cursor_count++];
        cursor->run = segments[i].run;
        cursor->columns = columns;
        columns += scan->wanted_count;
        SS_TRY(open_segment(scan, cursor, NULL, segments + i, segments + count, key, error));
        SS_TRY(ss_scan_settle_cursor(scan, cursor, error));
        if (cursor->data) continue;
        scan->cursor_count--; // nothing of this run
        columns = cursor->columns;
    }
    scan->version = scan->history->segments.version;
    return SS_OK;
}
