// Rows of the log by identity and by seq.
//
// An event is (source, event_time, event_id). Only segments whose times span the event's are looked at, and
// of each a sorted list of hashes; a hash that matches is settled by the values themselves.

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

uint64_t ss_history_identity_hash(int64_t event_time_us, struct ss_type type, struct ss_value id)
{
    uint64_t words[2] = {(uint64_t)event_time_us, 0};
    if (ss_type_is_text(type))
        words[1] = ss_hash64(id.text.data, id.text.size);
    else if (type.id == SS_BOOL)
        words[1] = id.boolean;
    else
        memcpy(&words[1], &id.i64, sizeof words[1]);
    return ss_hash64(words, sizeof words);
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool ss_history_pack_identity(const uint64_t *hashes, int32_t count, struct ss_buffer *bytes)
{
    int64_t *entries = malloc((size_t)count * sizeof *entries);
    if (!entries) return false;
    for (int32_t row = 0; row < count; row++)
        entries[row] = (int64_t)ss_history_identity_entry(hashes[row], row);
    qsort(entries, (size_t)count, sizeof *entries, by_number);
    ss_packed_integers(entries, count, bytes);
    free(entries);
    return !bytes->failed;
}

void ss_history_leave_place(struct ss_history *history, struct history_place *place)
{
    ss_history_unpin_segment(history, place->data);
    *place = (struct history_place){0};
}

static int64_t integer_at(const struct ss_packed *packed, int32_t row)
{
    int64_t value;
    ss_packed_read_integers(packed, row, 1, &value);
    return value;
}

// The first entry that is at least `entry`.
static int32_t search(const struct ss_packed *entries, int32_t count, int64_t entry)
{
    int32_t low = 0;
    while (low < count) {
        const int32_t middle = low + (count - low) / 2;
        if (integer_at(entries, middle) < entry)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

enum ss_status ss_history_place_value(struct ss_history *history, const struct history_table *table,
                                      const struct history_place *place, int position, struct ss_arena *arena,
                                      struct ss_value *value, struct ss_error *error)
{
    const struct ss_type type = table->column_types[position];
    const struct ss_packed *packed;
    struct ss_column column;
    *value = (struct ss_value){0};
    SS_TRY(ss_history_open_blob(history, place->data, SLOT_COLUMN + position, type, &packed, error));
    if (!packed) return SS_OK;
    if (!ss_column_init(&column, type, 1, arena) || !ss_packed_append(packed, place->row, 1, &column, arena))
        return ss_fail_memory(error, "a value of history");
    *value = ss_column_get(&column, 0);
    return SS_OK;
}

static enum ss_status is_event(struct ss_history *history, const struct history_table *table,
                               const struct history_place *place, int64_t event_time_us, struct ss_value id,
                               bool *same, struct ss_error *error)
{
    const struct ss_packed *times;
    struct ss_arena arena = {0};
    struct ss_value stored;
    SS_TRY(ss_history_open_blob(history, place->data, SLOT_TIME, (struct ss_type){0}, &times, error));
    *same = integer_at(times, place->row) == event_time_us;
    if (!*same || table->id_position < 0) return SS_OK;
    const enum ss_status status =
        ss_history_place_value(history, table, place, table->id_position, &arena, &stored, error);
    *same = status == SS_OK && ss_value_equal(table->column_types[table->id_position], stored, id);
    ss_arena_release(&arena);
    return status;
}

static enum ss_status take_seq(struct ss_history *history, struct history_place *place,
                               struct ss_error *error)
{
    const struct ss_packed *seqs;
    SS_TRY(ss_history_open_blob(history, place->data, SLOT_SEQ, (struct ss_type){0}, &seqs, error));
    place->seq =
        place->data->segment.first_seq + (uint64_t)(integer_at(seqs, place->row) + (int64_t)place->row);
    return SS_OK;
}

static enum ss_status find_in_segment(struct ss_history *history, const struct history_table *table,
                                      int64_t event_time_us, struct ss_value id, uint64_t hash,
                                      struct history_place *place, bool *found, struct ss_error *error)
{
    const int32_t rows = place->data->segment.row_count;
    const struct ss_packed *entries;
    *found = false;
    SS_TRY(ss_history_open_blob(history, place->data, SLOT_IDENTITY, (struct ss_type){0}, &entries, error));
    for (int32_t at = search(entries, rows, (int64_t)ss_history_identity_entry(hash, 0)); at < rows; at++) {
        const uint64_t entry = (uint64_t)integer_at(entries, at);
        if (entry >> 16 != hash >> 32) break;
        place->row = (int32_t)(entry & 0xffff);
        if (place->row >= rows)
            return ss_history_fail_segment(history, &place->data->segment, SLOT_IDENTITY,
                                           "it names a row that is not there", error);
        SS_TRY(is_event(history, table, place, event_time_us, id, found, error));
        if (*found) return take_seq(history, place, error);
    }
    return SS_OK;
}

enum ss_status ss_history_find_event(struct ss_history *history, const struct history_table *table,
                                     int64_t event_time_us, struct ss_value id, struct history_place *place,
                                     struct ss_error *error)
{
    size_t count;
    const struct ss_type type = table->id_position < 0 ? (struct ss_type){.id = SS_TIMESTAMP}
                                                       : table->column_types[table->id_position];
    const uint64_t hash = ss_history_identity_hash(event_time_us, type, id);
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    *place = (struct history_place){0};
    for (size_t i = count; i-- > 0;) { // the newest are the likeliest
        struct history_place at = {0};
        bool found;
        if (event_time_us < log[i].first_us || event_time_us > log[i].last_us) continue;
        SS_TRY(ss_history_pin_segment(history, &log[i], &at.data, error));
        const enum ss_status status =
            find_in_segment(history, table, event_time_us, id, hash, &at, &found, error);
        if (status == SS_OK && found) {
            *place = at;
            return SS_OK;
        }
        ss_history_leave_place(history, &at);
        SS_TRY(status);
    }
    return SS_OK;
}

// The rows of a segment of the log are in the order of seq.
static enum ss_status search_seq(struct ss_history *history, uint64_t seq, struct history_place *place,
                                 struct ss_error *error)
{
    int32_t low = 0, high = place->data->segment.row_count - 1;
    while (low < high) {
        place->row = low + (high - low) / 2;
        SS_TRY(take_seq(history, place, error));
        if (place->seq < seq)
            low = place->row + 1;
        else
            high = place->row;
    }
    place->row = low;
    return take_seq(history, place, error);
}

enum ss_status ss_history_find_seq(struct ss_history *history, const struct history_table *table,
                                   uint64_t seq, struct history_place *place, struct ss_error *error)
{
    size_t count, low = 0;
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    const size_t end = count;
    *place = (struct history_place){0};
    while (low < count) {
        const size_t middle = (low + count) / 2;
        if (log[middle].last_seq < seq)
            low = middle + 1;
        else
            count = middle;
    }
    if (low == end || log[low].first_seq > seq) return SS_OK;
    struct history_place at = {0};
    SS_TRY(ss_history_pin_segment(history, &log[low], &at.data, error));
    const enum ss_status status = search_seq(history, seq, &at, error);
    if (status == SS_OK && at.seq == seq)
        *place = at;
    else
        ss_history_leave_place(history, &at);
    return status;
}

enum ss_status ss_history_compare_place(struct ss_history *history, const struct history_table *table,
                                        const struct ss_append *rows, const int *positions, int32_t row,
                                        const struct history_place *place, enum ss_row_outcome *outcome,
                                        struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_arena arena = {0};
    enum ss_row_outcome found = SS_ROW_DUPLICATE;
    for (size_t i = 0; i < rows->source->column_count && status == SS_OK; i++) {
        const struct ss_column *column = &rows->columns[i];
        struct ss_value stored;
        if ((int)i == rows->source->op_column || positions[i] < 0) continue;
        status = ss_history_place_value(history, table, place, positions[i], &arena, &stored, error);
        if (status == SS_OK && !ss_value_equal(column->type, stored, ss_column_get(column, row)))
            found = SS_ROW_CONFLICT;
    }
    ss_arena_release(&arena);
    if (status == SS_OK) *outcome = found;
    return status;
}

// ---- Made anew

static enum ss_status hash_rows(struct ss_history *history, const struct history_table *table,
                                struct segment_data *data, struct ss_arena *arena, uint64_t *hashes,
                                struct ss_error *error)
{
    const int32_t rows = data->segment.row_count;
    const bool has_column = table->id_position >= 0;
    const struct ss_type type =
        has_column ? table->column_types[table->id_position] : (struct ss_type){.id = SS_TIMESTAMP};
    const struct ss_packed *times, *ids;
    struct ss_column column = {.type = type};
    int64_t *event_time_us = ss_arena_array(arena, (size_t)rows, sizeof *event_time_us);
    if (!event_time_us || !ss_column_init(&column, type, rows, arena))
        return ss_fail_memory(error, "the identities of a segment");
    SS_TRY(ss_history_open_blob(history, data, SLOT_TIME, (struct ss_type){0}, &times, error));
    ss_packed_read_integers(times, 0, rows, event_time_us);
    if (has_column) {
        SS_TRY(ss_history_open_blob(history, data, SLOT_COLUMN + table->id_position, type, &ids, error));
        if (!ids)
            return ss_history_fail_segment(history, &data->segment, SLOT_COLUMN + table->id_position,
                                           "it is missing", error);
        if (!ss_packed_append(ids, 0, rows, &column, arena))
            return ss_fail_memory(error, "the identities of a segment");
    }
    for (int32_t row = 0; row < rows; row++) {
        const struct ss_value time = {.present = true, .i64 = event_time_us[row]};
        hashes[row] = ss_history_identity_hash(event_time_us[row], type,
                                               has_column ? ss_column_get(&column, row) : time);
    }
    return SS_OK;
}

static enum ss_status remake(struct ss_history *history, const struct history_table *table,
                             const struct history_segment *segment, struct ss_error *error)
{
    enum ss_status status;
    struct segment_data *data = NULL;
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    uint64_t *hashes = ss_arena_array(&arena, (size_t)segment->row_count, sizeof *hashes);
    if (!hashes) return ss_fail_memory(error, "the identities of a segment");
    SS_TRY_GOTO(ss_history_pin_segment(history, segment, &data, error), out);
    SS_TRY_GOTO(hash_rows(history, table, data, &arena, hashes, error), out);
    if (!ss_history_pack_identity(hashes, segment->row_count, &bytes)) {
        status = ss_fail_memory(error, "the identities of a segment");
        goto out;
    }
    status = ss_history_insert_blob(history, segment->id, SLOT_IDENTITY,
                                    (struct ss_bytes){(const char *)bytes.data, bytes.size}, error);
out:
    ss_history_unpin_segment(history, data);
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_history_remake_identities(struct ss_history *history, const struct history_table *table,
                                            struct ss_error *error)
{
    size_t count;
    if (!table->has_identity) return SS_OK;
    SS_TRY(ss_history_refresh_segments(history, error));
    const struct history_segment *log = ss_history_segments_of(history, table->id, 0, &count);
    for (size_t i = 0; i < count; i++) SS_TRY(remake(history, table, &log[i], error));
    return SS_OK;
}
