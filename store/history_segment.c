// Segments: up to SEGMENT_ROWS_MAX inserts of one source, a packed BLOB per column.
//
//   segments   id (never used twice), source, index_id, run, row_count, first_seq, last_seq, first_us,
//              last_us, lateness_us, first_key, last_key
//   blobs      id = segment << 16 | slot, bytes: a packed column (packed.h) of row_count rows
//
//   slot 0     event_time_us
//   slot 1     arrival_us - event_time_us
//   slot 2     seq - first_seq - row in the log, seq - first_seq in an index
//   slot 3     of an index, the entities (entity_list.h)
//   slot 4     of the log of a source with event_id: hash << 16 | row, ascending; hash: the high 32 bits of
//              XXH3-64 of (event_time_us, value bytes)
//   slot 16+i  column c<i>; none: all rows are null there
//
// index_id 0 is the log: all events that left staging, with all their columns, in the order of seq. It is the
// truth, and never rewritten. An index holds copies of what views of one entity read, sorted by (key,
// event_time, seq), in runs: the segments of a run follow each other. It can be made again from the log.
//
// A handle keeps the list of segments and reads it anew when the number in segment_generation has changed. A
// segment's bytes never change, so what is in memory of it stays true as long as its id is in the list.

#include "store/history_internal.h"

#include "engine/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MOST          (INT64_MAX >> 17) // a blob's id is made of it
#define LATENESS_MOST_US (SS_TIME_MAX_US - SS_TIME_MIN_US)

// ---- Errors

#define WHAT_TO_DO \
    "restore it from a backup, or save the other rows and columns with 'selfsame dump --history'"

static const char *slot_name(const struct ss_history *history, const struct history_segment *segment,
                             int slot)
{
    static const char *const fixed[] = {"event_time", "arrival_time", "seq", "entities", "identity"};
    if (slot <= SLOT_IDENTITY) return fixed[slot];
    for (size_t i = 0; i < history->table_count; i++) {
        const struct history_table *table = &history->tables[i];
        if (table->id == segment->source && (size_t)(slot - SLOT_COLUMN) < table->column_count)
            return table->column_names[slot - SLOT_COLUMN];
    }
    return "?";
}

static const char *source_name(const struct ss_history *history, int64_t source)
{
    for (size_t i = 0; i < history->table_count; i++)
        if (history->tables[i].id == source) return history->tables[i].source;
    return "?";
}

enum ss_status ss_history_fail_segment(const struct ss_history *history,
                                       const struct history_segment *segment, int slot, const char *what,
                                       struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "history '%s': damaged: segment %lld of source '%s' (%s, seq %llu to %llu), column '%s': "
                   "%s; %s",
                   history->path, (long long)segment->id, source_name(history, segment->source),
                   segment->index ? "sorted by entity" : "the log", (unsigned long long)segment->first_seq,
                   (unsigned long long)segment->last_seq, slot_name(history, segment, slot), what,
                   segment->index
                       ? "the log still holds its events: 'selfsame compact --reindex' sorts them anew"
                       : WHAT_TO_DO);
}

static enum ss_status fail_list(const struct ss_history *history, const struct history_segment *segment,
                                struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "history '%s': damaged: in the list of segments, number %lld of source '%s' (seq %llu to "
                   "%llu) makes no sense; %s",
                   history->path, (long long)segment->id, source_name(history, segment->source),
                   (unsigned long long)segment->first_seq, (unsigned long long)segment->last_seq,
                   segment->index
                       ? "if it is one that is sorted by entity, 'selfsame compact --reindex' makes "
                         "it anew; else " WHAT_TO_DO
                       : WHAT_TO_DO);
}

// ---- The list

// Ids that were rolled back are given out again: nothing in memory is found by its id any more.
void ss_history_forget_segments(struct ss_history *history)
{
    struct history_segments *segments = &history->segments;
    segments->generation = -1;
    for (size_t i = 0; i < segments->cached_count; i++) segments->cached[i]->segment.id = 0;
}

static enum ss_status read_generation(struct ss_history *history, int64_t *generation, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "SELECT value FROM segment_generation", &statement, error));
    SS_TRY(ss_history_step(history, statement, &row, "reading whether segments have changed", error));
    *generation = row ? sqlite3_column_int64(statement, 0) : 0;
    ss_history_done(statement);
    return row ? SS_OK : ss_history_fail_row(history, "the generation of its segments is not there", error);
}

static bool take_key(struct ss_history *history, sqlite3_stmt *statement, int column, struct ss_bytes *key)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    *key = (struct ss_bytes){ss_arena_copy(&history->segments.arena, bytes ? bytes : "", (size_t)size),
                             (size_t)size};
    return key->data != NULL;
}

static bool is_sound(const struct history_segment *segment)
{
    return segment->id > 0 && segment->id <= ID_MOST && segment->row_count > 0 && segment->first_seq > 0 &&
           segment->first_seq <= segment->last_seq && segment->last_seq <= INT64_MAX &&
           segment->first_us <= segment->last_us && segment->first_us >= SS_TIME_MIN_US &&
           segment->last_us <= SS_TIME_MAX_US && segment->lateness_us >= 0 &&
           segment->lateness_us <= LATENESS_MOST_US &&
           (segment->index == 0 ? segment->first_key.size == 0
                                : (segment->first_key.size > 0 && segment->first_key.size <= SS_KEY_MAX &&
                                   segment->last_key.size <= SS_KEY_MAX &&
                                   ss_bytes_compare(segment->first_key, segment->last_key) <= 0));
}

static enum ss_status take_segment(struct ss_history *history, sqlite3_stmt *statement,
                                   struct history_segment *segment, struct ss_error *error)
{
    const int64_t row_count = sqlite3_column_int64(statement, 4);
    *segment = (struct history_segment){
        .id = sqlite3_column_int64(statement, 0),
        .source = sqlite3_column_int64(statement, 1),
        .index = sqlite3_column_int64(statement, 2),
        .run = sqlite3_column_int64(statement, 3),
        .row_count = row_count > 0 && row_count <= SEGMENT_ROWS_MAX ? (int32_t)row_count : 0,
        .first_seq = (uint64_t)sqlite3_column_int64(statement, 5),
        .last_seq = (uint64_t)sqlite3_column_int64(statement, 6),
        .first_us = sqlite3_column_int64(statement, 7),
        .last_us = sqlite3_column_int64(statement, 8),
        .lateness_us = sqlite3_column_int64(statement, 9),
    };
    if (!take_key(history, statement, 10, &segment->first_key) ||
        !take_key(history, statement, 11, &segment->last_key))
        return ss_fail_memory(error, "the list of segments");
    return SS_OK;
}

// Segments of a source's log follow each other in seq.
static bool follows(const struct history_segment *segment, const struct history_segment *before)
{
    return segment->index != 0 || before->index != 0 || before->source != segment->source ||
           before->last_seq < segment->first_seq;
}

// Keeps the segment behind the others, unless it makes no sense and such are to be passed over. is_known: are
// its source and index there?
static enum ss_status keep_segment(struct ss_history *history, bool is_known, struct ss_error *error)
{
    struct history_segments *segments = &history->segments;
    const struct history_segment *segment = &segments->list[segments->count];
    struct ss_error found;
    if (is_known && is_sound(segment) && (segments->count == 0 || follows(segment, segment - 1))) {
        segments->count++;
        return SS_OK;
    }
    fail_list(history, segment, &found);
    if (history->damaged)
        history->damaged(history->damaged_context, &found);
    else if (error)
        *error = found;
    return history->damaged ? SS_OK : SS_DAMAGED;
}

static enum ss_status grow_list(struct ss_history *history, size_t *capacity, struct ss_error *error)
{
    struct history_segments *segments = &history->segments;
    if (segments->count < *capacity) return SS_OK;
    const size_t larger = *capacity ? *capacity * 2 : 64;
    struct history_segment *grown = ss_arena_array(&segments->arena, larger, sizeof *grown);
    if (!grown) return ss_fail_memory(error, "the list of segments");
    if (segments->count) memcpy(grown, segments->list, segments->count * sizeof *grown);
    segments->list = grown;
    *capacity = larger;
    return SS_OK;
}

static enum ss_status read_list(struct ss_history *history, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct history_segments *segments = &history->segments;
    sqlite3_stmt *statement;
    size_t capacity = 0;
    bool row;
    SS_TRY(
        ss_history_statement(history,
                             "SELECT id, source, index_id, run, row_count, first_seq, last_seq, first_us, "
                             "last_us, lateness_us, first_key, last_key, "
                             "EXISTS(SELECT 1 FROM sources WHERE id = segments.source) AND (index_id = 0 OR "
                             "EXISTS(SELECT 1 FROM entity_indexes AS known WHERE known.id = index_id AND "
                             "known.source = segments.source)) "
                             "FROM segments ORDER BY source, index_id, run, id",
                             &statement, error));
    ss_arena_reset(&segments->arena);
    segments->list = NULL;
    segments->count = 0;
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the list of segments", error));
        if (!row) return SS_OK;
        status = grow_list(history, &capacity, error);
        if (status == SS_OK)
            status = take_segment(history, statement, &segments->list[segments->count], error);
        if (status == SS_OK) status = keep_segment(history, sqlite3_column_int(statement, 12) != 0, error);
        if (status != SS_OK) break;
    }
    ss_history_done(statement);
    return status;
}

static void release_data(struct ss_history *history, size_t cached)
{
    struct history_segments *segments = &history->segments;
    struct segment_data *data = segments->cached[cached];
    segments->cached[cached] = segments->cached[--segments->cached_count];
    segments->cached_bytes -= data->bytes;
    ss_arena_release(&data->arena);
    free(data);
}

enum ss_status ss_history_refresh_segments(struct ss_history *history, struct ss_error *error)
{
    struct history_segments *segments = &history->segments;
    int64_t generation;
    SS_TRY(read_generation(history, &generation, error));
    if (generation == segments->generation) return SS_OK;
    segments->generation = -1;
    segments->version++;
    SS_TRY(read_list(history, error));
    segments->generation = generation;
    return SS_OK;
}

static bool is_before(const struct history_segment *segment, int64_t source, int64_t index)
{
    return segment->source != source ? segment->source < source : segment->index < index;
}

struct history_segment *ss_history_segments_of(const struct ss_history *history, int64_t source,
                                               int64_t index, size_t *count)
{
    const struct history_segments *segments = &history->segments;
    size_t low = 0, high = segments->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (is_before(&segments->list[middle], source, index))
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < segments->count && segments->list[end].source == source &&
           segments->list[end].index == index)
        end++;
    *count = end - low;
    return segments->list + low;
}

void ss_history_release_segments(struct ss_history *history)
{
    struct history_segments *segments = &history->segments;
    while (segments->cached_count) release_data(history, segments->cached_count - 1);
    free(segments->cached);
    ss_arena_release(&segments->arena);
    *segments = (struct history_segments){.generation = -1};
}

// ---- Data

static void make_room(struct ss_history *history)
{
    struct history_segments *segments = &history->segments;
    while (segments->cached_bytes > history->cache_bytes) {
        size_t oldest = segments->cached_count;
        for (size_t i = 0; i < segments->cached_count; i++)
            if (segments->cached[i]->pins == 0 &&
                (oldest == segments->cached_count ||
                 segments->cached[i]->used < segments->cached[oldest]->used))
                oldest = i;
        if (oldest == segments->cached_count) return;
        release_data(history, oldest);
    }
}

static bool grow_cache(struct history_segments *segments)
{
    if (segments->cached_count < segments->cached_capacity) return true;
    const size_t capacity = segments->cached_capacity ? segments->cached_capacity * 2 : 64;
    struct segment_data **grown = realloc(segments->cached, capacity * sizeof *grown);
    if (!grown) return false;
    segments->cached = grown;
    segments->cached_capacity = capacity;
    return true;
}

static struct segment_data *create_data(const struct history_segment *segment)
{
    struct segment_data *data = calloc(1, sizeof *data);
    if (!data) return NULL;
    data->segment = *segment;
    data->entity_count = -1;
    struct ss_bytes *const keys[] = {&data->segment.first_key, &data->segment.last_key};
    for (size_t i = 0; i < 2; i++) {
        keys[i]->data = ss_arena_copy(&data->arena, keys[i]->data, keys[i]->size);
        if (keys[i]->data) continue;
        ss_arena_release(&data->arena);
        free(data);
        return NULL;
    }
    return data;
}

enum ss_status ss_history_pin_segment(struct ss_history *history, const struct history_segment *segment,
                                      struct segment_data **data, struct ss_error *error)
{
    struct history_segments *segments = &history->segments;
    for (size_t i = 0; i < segments->cached_count; i++) {
        if (segments->cached[i]->segment.id != segment->id) continue;
        *data = segments->cached[i];
        (*data)->pins++;
        (*data)->used = ++segments->clock;
        return SS_OK;
    }
    make_room(history);
    struct segment_data *created = grow_cache(segments) ? create_data(segment) : NULL;
    if (!created) return ss_fail_memory(error, "a segment of history");
    created->pins = 1;
    created->used = ++segments->clock;
    segments->cached[segments->cached_count++] = created;
    *data = created;
    return SS_OK;
}

void ss_history_unpin_segment(struct ss_history *history, struct segment_data *data)
{
    if (!data) return;
    SS_ASSERT(data->pins > 0);
    data->pins--;
    make_room(history);
}

static void count_bytes(struct ss_history *history, struct segment_data *data)
{
    history->segments.cached_bytes += data->arena.used_bytes - data->bytes;
    data->bytes = data->arena.used_bytes;
}

// The bytes of a blob, copied. *bytes without data: there is none.
static enum ss_status fetch(struct ss_history *history, struct segment_data *data, int slot,
                            struct ss_bytes *bytes, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    *bytes = (struct ss_bytes){0};
    SS_TRY(ss_history_statement(history, "SELECT bytes FROM blobs WHERE id = ?1", &statement, error));
    sqlite3_bind_int64(statement, 1, data->segment.id << 16 | slot);
    const enum ss_status status = ss_history_step(history, statement, &row, "reading a segment", error);
    if (status == SS_DAMAGED)
        return ss_history_fail_segment(history, &data->segment, slot, "SQLite finds its pages damaged",
                                       error);
    SS_TRY(status);
    if (!row) return SS_OK;
    const void *stored = sqlite3_column_blob(statement, 0);
    const size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    void *copy = stored ? ss_arena_copy(&data->arena, stored, size) : NULL;
    ss_history_done(statement);
    count_bytes(history, data);
    if (!stored) return ss_history_fail_segment(history, &data->segment, slot, "it is empty", error);
    if (!copy) return ss_fail_memory(error, "a column of history");
    *bytes = (struct ss_bytes){copy, size};
    return SS_OK;
}

// The first and the last seq of the log, counted from the segment's first. False: they do not rise.
static bool bound_log_seqs(const struct ss_packed *packed, int64_t *least, int64_t *greatest)
{
    *least = INT64_MAX;
    *greatest = INT64_MIN;
    for (int32_t first = 0; first < packed->count; first += SS_BATCH_ROWS) {
        int64_t numbers[SS_BATCH_ROWS];
        const int32_t left = packed->count - first, count = left < SS_BATCH_ROWS ? left : SS_BATCH_ROWS;
        ss_packed_read_integers(packed, first, count, numbers);
        for (int32_t i = 0; i < count; i++) {
            const int64_t seq = (int64_t)((uint64_t)numbers[i] + (uint64_t)(first + i));
            if (seq <= *greatest) return false;
            if (first + i == 0) *least = seq;
            *greatest = seq;
        }
    }
    return true;
}

// Does the list tell the least and the greatest time and seq of the segment as they are? Reads are pruned by
// them, and seqs are counted from the first; those of the log rise, and a read goes on from the last one.
static bool is_listed(const struct history_segment *segment, int slot, const struct ss_packed *packed)
{
    int64_t least, greatest;
    if (slot == SLOT_LATENESS) return ss_packed_integers_within(packed, 0, LATENESS_MOST_US);
    if (slot != SLOT_TIME && slot != SLOT_SEQ) return true;
    if (slot == SLOT_SEQ && segment->index == 0) {
        if (!bound_log_seqs(packed, &least, &greatest)) return false;
    } else {
        ss_packed_integers_bounds(packed, &least, &greatest);
    }
    if (slot == SLOT_TIME) return least == segment->first_us && greatest == segment->last_us;
    return least == 0 && (uint64_t)greatest == segment->last_seq - segment->first_seq;
}

static enum ss_status open_packed(struct ss_history *history, struct segment_data *data, int slot,
                                  struct ss_type type, struct segment_blob *blob, struct ss_error *error)
{
    struct ss_bytes bytes;
    SS_TRY(fetch(history, data, slot, &bytes, error));
    blob->there = bytes.data != NULL;
    if (!blob->there && slot < SLOT_COLUMN)
        return ss_history_fail_segment(history, &data->segment, slot, "it is missing", error);
    if (!blob->there) return SS_OK;
    const int32_t rows = data->segment.row_count;
    const enum ss_packed_open opened =
        slot < SLOT_COLUMN ? ss_packed_open_integers(bytes, rows, &data->arena, &blob->packed)
                           : ss_packed_open_column(bytes, type, rows, &data->arena, &blob->packed);
    count_bytes(history, data);
    if (opened == SS_PACKED_NO_MEMORY) return ss_fail_memory(error, "a column of history");
    if (opened == SS_PACKED_DAMAGED)
        return ss_history_fail_segment(history, &data->segment, slot, "its checksum does not match", error);
    if (!is_listed(&data->segment, slot, &blob->packed))
        return ss_history_fail_segment(history, &data->segment, slot, "the list of segments has it otherwise",
                                       error);
    return SS_OK;
}

enum ss_status ss_history_open_blob(struct ss_history *history, struct segment_data *data, int slot,
                                    struct ss_type type, const struct ss_packed **packed,
                                    struct ss_error *error)
{
    struct segment_blob *blob = data->blobs;
    while (blob && blob->slot != slot) blob = blob->next;
    if (!blob) {
        blob = ss_arena_alloc(&data->arena, sizeof *blob);
        if (!blob) return ss_fail_memory(error, "a column of history");
        SS_TRY(open_packed(history, data, slot, type, blob, error));
        blob->slot = slot;
        blob->next = data->blobs;
        data->blobs = blob;
    }
    *packed = blob->there ? &blob->packed : NULL;
    return SS_OK;
}

// ---- Entities

// The bounds of the list of segments, which cursors go by, are those of the keys.
static bool within_bounds(const struct segment_data *data)
{
    const struct history_entity *entities = data->entities;
    return ss_bytes_equal(entities[0].key, data->segment.first_key) &&
           ss_bytes_equal(entities[data->entity_count - 1].key, data->segment.last_key);
}

enum ss_status ss_history_open_entities(struct ss_history *history, struct segment_data *data,
                                        struct ss_error *error)
{
    struct ss_bytes bytes;
    int32_t count;
    if (data->entity_count >= 0) return SS_OK;
    SS_TRY(fetch(history, data, SLOT_ENTITIES, &bytes, error));
    if (!bytes.data)
        return ss_history_fail_segment(history, &data->segment, SLOT_ENTITIES, "it is missing", error);
    const enum ss_packed_open opened =
        ss_entity_list_open(bytes, data->segment.row_count, &data->arena, &data->entities, &count);
    count_bytes(history, data);
    if (opened == SS_PACKED_NO_MEMORY) return ss_fail_memory(error, "the entities of a segment");
    if (opened == SS_PACKED_DAMAGED)
        return ss_history_fail_segment(history, &data->segment, SLOT_ENTITIES, "its checksum does not match",
                                       error);
    data->entity_count = count;
    if (within_bounds(data)) return SS_OK;
    data->entity_count = -1;
    return ss_history_fail_segment(history, &data->segment, SLOT_ENTITIES,
                                   "the bounds in the list of segments are others", error);
}

// ---- Writing

static void bind_key(sqlite3_stmt *statement, int parameter, struct ss_bytes key)
{
    sqlite3_bind_blob64(statement, parameter, key.size ? key.data : "", key.size, SQLITE_STATIC);
}

enum ss_status ss_history_insert_segment(struct ss_history *history, struct history_segment *segment,
                                         struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history,
                                "INSERT INTO segments(source, index_id, run, row_count, first_seq, last_seq, "
                                "first_us, last_us, lateness_us, first_key, last_key) "
                                "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                                &statement, error));
    const int64_t numbers[] = {segment->source,
                               segment->index,
                               segment->run,
                               segment->row_count,
                               (int64_t)segment->first_seq,
                               (int64_t)segment->last_seq,
                               segment->first_us,
                               segment->last_us,
                               segment->lateness_us};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sqlite3_bind_int64(statement, (int)i + 1, numbers[i]);
    bind_key(statement, 10, segment->first_key);
    bind_key(statement, 11, segment->last_key);
    SS_TRY(ss_history_run(history, statement, "adding a segment", error));
    segment->id = sqlite3_last_insert_rowid(history->db);
    return segment->id > 0 && segment->id <= ID_MOST
               ? SS_OK
               : ss_history_fail_row(history, "the numbers of segments are used up", error);
}

enum ss_status ss_history_insert_blob(struct ss_history *history, int64_t segment, int slot,
                                      struct ss_bytes bytes, struct ss_error *error)
{
    sqlite3_stmt *statement;
    if (bytes.size == 0) return SS_OK;
    SS_TRY(ss_history_statement(history, "INSERT OR REPLACE INTO blobs VALUES(?1, ?2)", &statement, error));
    sqlite3_bind_int64(statement, 1, segment << 16 | slot);
    sqlite3_bind_blob64(statement, 2, bytes.data, bytes.size, SQLITE_STATIC);
    return ss_history_run(history, statement, "adding a column of a segment", error);
}

enum ss_status ss_history_delete_segment(struct ss_history *history, int64_t segment, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement(history, "DELETE FROM segments WHERE id = ?1", &statement, error));
    sqlite3_bind_int64(statement, 1, segment);
    SS_TRY(ss_history_run(history, statement, "dropping a segment", error));
    SS_TRY(ss_history_statement(history, "DELETE FROM blobs WHERE id >= ?1 AND id < ?2", &statement, error));
    sqlite3_bind_int64(statement, 1, segment << 16);
    sqlite3_bind_int64(statement, 2, (segment + 1) << 16);
    return ss_history_run(history, statement, "dropping a segment", error);
}

// Runs are numbered by their making.
enum ss_status ss_history_next_run(struct ss_history *history, int64_t *run, struct ss_error *error)
{
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(history, "UPDATE segment_generation SET runs = runs + 1 RETURNING runs",
                                &statement, error));
    SS_TRY(ss_history_step(history, statement, &row, "numbering a run of segments", error));
    *run = row ? sqlite3_column_int64(statement, 0) : 0;
    ss_history_done(statement);
    if (row && (*run <= 0 || *run == INT64_MAX))
        return ss_history_fail_row(history, "the number of runs makes no sense", error);
    return row ? SS_OK : ss_history_fail_row(history, "the generation of its segments is not there", error);
}

enum ss_status ss_history_segments_changed(struct ss_history *history, struct ss_error *error)
{
    return ss_history_execute(history, "UPDATE segment_generation SET value = value + 1", error);
}
