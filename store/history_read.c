// Reading history: events by seq, events of one entity or of all, the distinct keys.
//
// A reader fetches a page of rows per call and resets its statement before it returns: no read transaction
// stands between calls, so a slow reader holds up neither checkpoints nor the writer. The next page starts
// after the last row's place in the order, by one row-value comparison that a key answers; the first page
// starts after a place below all rows. What a delete wrote after the reader's own seq is left out, so all
// pages show the same state whatever is committed between them.

#include "store/history_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAGE_ROWS 64 // of one entity: most have few events

struct history_reader {
    struct ss_event_reader reader; // first: the handle that is given out
    struct ss_history *history;
    const struct ss_source *source;
    const struct ss_view *view; // reads by entity
    struct ss_arena kept;       // as long as the reader
    struct ss_arena page;       // until the next call
    int *selected;              // source columns that are read, in the order of the statement's columns
    size_t selected_count;
    bool wants_event_time;
    sqlite3_stmt *read, *read_target;
    const struct ss_value *key; // of one entity; NULL: all
    struct ss_value *last_key;  // all entities: of the last row, strings in `last_text`
    struct ss_buffer last_text;
    uint64_t last_seq;
    int64_t last_us, from_us, to_us;
    uint64_t s; // nothing above is seen
    int32_t page_rows;
    bool ended;
    struct ss_event_batch batch;
};

enum {
    ROW_SEQ,
    ROW_TIME,
    ROW_ARRIVAL,
    ROW_IS_DELETE,
    ROW_TARGET,
    ROW_DELETED,
    ROW_DELETED_ARRIVAL,
    ROW_COLUMNS
};

#define ENTRY_LIST                                                                            \
    "SELECT event.seq, event.event_time_us, arrival_us, is_delete, target_seq, deleted_seq, " \
    "deleted_arrival_us"
#define ROW_LIST \
    "SELECT seq, event_time_us, arrival_us, is_delete, target_seq, deleted_seq, deleted_arrival_us"

static void close_reader(struct ss_event_reader *base)
{
    struct history_reader *reader = (struct history_reader *)base;
    ss_buffer_release(&reader->last_text);
    ss_arena_release(&reader->page);
    ss_arena_release(&reader->kept);
    free(reader);
}

static enum ss_status fail_value(const struct history_reader *reader, struct ss_error *error)
{
    char what[256];
    snprintf(what, sizeof what, "a value of source '%.100s' is not of its column's type",
             reader->source->name);
    return ss_history_fail_row(reader->history, what, error);
}

// ---- Pages

static bool init_columns(struct history_reader *reader)
{
    const struct ss_source *source = reader->source;
    struct ss_event_batch *batch = &reader->batch;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    batch->columns = ss_arena_array(&reader->page, source->column_count + 1, sizeof *batch->columns);
    if (!batch->columns) return false;
    for (size_t i = 0; i < source->column_count; i++) batch->columns[i].type = source->columns[i].type;
    batch->columns[source->column_count].type = timestamp;
    for (size_t i = 0; i < reader->selected_count; i++) {
        struct ss_column *column = &batch->columns[reader->selected[i]];
        if (!ss_column_init(column, column->type, reader->page_rows, &reader->page)) return false;
    }
    struct ss_column *event_time = &batch->columns[source->column_count];
    return !reader->wants_event_time ||
           ss_column_init(event_time, timestamp, reader->page_rows, &reader->page);
}

static enum ss_status init_page(struct history_reader *reader, struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    const size_t rows = (size_t)reader->page_rows;
    ss_arena_reset(&reader->page);
    *batch = (struct ss_event_batch){0};
    batch->event_time_us = ss_arena_array(&reader->page, rows, sizeof *batch->event_time_us);
    batch->arrival_us = ss_arena_array(&reader->page, rows, sizeof *batch->arrival_us);
    batch->seq = ss_arena_array(&reader->page, rows, sizeof *batch->seq);
    batch->is_delete = ss_arena_array(&reader->page, rows, sizeof *batch->is_delete);
    batch->target_seq = ss_arena_array(&reader->page, rows, sizeof *batch->target_seq);
    batch->deleted_seq = ss_arena_array(&reader->page, rows, sizeof *batch->deleted_seq);
    batch->deleted_arrival_us = ss_arena_array(&reader->page, rows, sizeof *batch->deleted_arrival_us);
    if (batch->event_time_us && batch->arrival_us && batch->seq && batch->is_delete && batch->target_seq &&
        batch->deleted_seq && batch->deleted_arrival_us && init_columns(reader))
        return SS_OK;
    return ss_fail_memory(error, "a page of history");
}

static enum ss_status add_values(struct history_reader *reader, sqlite3_stmt *statement, int first,
                                 int64_t event_time_us, struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    for (size_t i = 0; i < reader->selected_count; i++) {
        struct ss_column *column = &batch->columns[reader->selected[i]];
        struct ss_value value;
        if (!ss_history_value(statement, first + (int)i, column->type, &value))
            return fail_value(reader, error);
        if (!ss_column_append(column, value, &reader->page))
            return ss_fail_memory(error, "a page of history");
    }
    if (!reader->wants_event_time) return SS_OK;
    const struct ss_value event_time = {.present = true, .i64 = event_time_us};
    if (ss_column_append(&batch->columns[reader->source->column_count], event_time, &reader->page))
        return SS_OK;
    return ss_fail_memory(error, "a page of history");
}

static enum ss_status add_target_values(struct history_reader *reader, int64_t target_seq,
                                        int64_t event_time_us, struct ss_error *error)
{
    bool found;
    sqlite3_bind_int64(reader->read_target, 1, target_seq);
    SS_TRY(ss_history_step(reader->history, reader->read_target, &found, "reading a deleted event", error));
    if (!found)
        return ss_history_fail_row(reader->history, "a delete names an event that is not there", error);
    const enum ss_status status = add_values(reader, reader->read_target, 0, event_time_us, error);
    ss_history_done(reader->read_target);
    return status;
}

// The fixed part of the row that the statement stands on. False: no version of this program writes such a
// row.
static bool add_fixed(struct history_reader *reader, sqlite3_stmt *statement, int32_t row)
{
    struct ss_event_batch *batch = &reader->batch;
    struct ss_value time, arrival;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    if (!ss_history_value(statement, ROW_TIME, timestamp, &time) || !time.present) return false;
    if (!ss_history_value(statement, ROW_ARRIVAL, timestamp, &arrival) || !arrival.present) return false;
    batch->seq[row] = (uint64_t)sqlite3_column_int64(statement, ROW_SEQ);
    batch->event_time_us[row] = time.i64;
    batch->arrival_us[row] = arrival.i64;
    batch->is_delete[row] = sqlite3_column_int(statement, ROW_IS_DELETE) != 0;
    batch->target_seq[row] = (uint64_t)sqlite3_column_int64(statement, ROW_TARGET);
    batch->deleted_seq[row] = (uint64_t)sqlite3_column_int64(statement, ROW_DELETED);
    batch->deleted_arrival_us[row] = sqlite3_column_int64(statement, ROW_DELETED_ARRIVAL);
    if (batch->deleted_seq[row] == 0 || batch->deleted_seq[row] > reader->s) {
        batch->deleted_seq[row] = 0;
        batch->deleted_arrival_us[row] = SS_NEVER_US;
    }
    return true;
}

static enum ss_status read_page(struct history_reader *reader, struct ss_error *error)
{
    struct ss_event_batch *batch = &reader->batch;
    bool found = true;
    while (batch->length < reader->page_rows) {
        const int32_t row = batch->length;
        SS_TRY(ss_history_step(reader->history, reader->read, &found, "reading events", error));
        if (!found) break;
        if (!add_fixed(reader, reader->read, row)) return fail_value(reader, error);
        SS_TRY(
            batch->is_delete[row]
                ? add_target_values(reader, (int64_t)batch->target_seq[row], batch->event_time_us[row], error)
                : add_values(reader, reader->read, ROW_COLUMNS, batch->event_time_us[row], error));
        batch->length++;
    }
    reader->ended = !found;
    reader->history->rows_read += (uint64_t)batch->length;
    return SS_OK;
}

static enum ss_status give_page(struct history_reader *reader, const struct ss_event_batch **batch,
                                struct ss_error *error)
{
    const enum ss_status status = read_page(reader, error);
    ss_history_done(reader->read);
    if (status != SS_OK) return status;
    const int32_t last = reader->batch.length - 1;
    if (last >= 0) {
        reader->last_seq = reader->batch.seq[last];
        reader->last_us = reader->batch.event_time_us[last];
    }
    reader->page_rows = SS_BATCH_ROWS;
    *batch = last >= 0 ? &reader->batch : NULL;
    return SS_OK;
}

// ---- Making a reader

static struct history_reader *create_reader(struct ss_history *history, const struct ss_source *source)
{
    struct history_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->reader.close = close_reader;
    reader->history = history;
    reader->source = source;
    reader->page_rows = SS_BATCH_ROWS;
    reader->selected = ss_arena_array(&reader->kept, source->column_count + 1, sizeof *reader->selected);
    if (reader->selected) return reader;
    close_reader(&reader->reader);
    return NULL;
}

static void append_selected(const struct history_reader *reader, const int *positions, const char *first,
                            const char *before, struct ss_buffer *sql)
{
    for (size_t i = 0; i < reader->selected_count; i++) {
        ss_buffer_text(sql, i == 0 ? first : before);
        ss_history_append_column(sql, positions[reader->selected[i]]);
    }
}

static int *positions_array(struct history_reader *reader)
{
    return ss_arena_array(&reader->kept, reader->source->column_count + 1, sizeof(int));
}

// ---- By seq

static enum ss_status next_by_seq(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                  struct ss_error *error)
{
    struct history_reader *reader = (struct history_reader *)base;
    if (reader->ended) {
        *batch = NULL;
        return SS_OK;
    }
    SS_TRY(init_page(reader, error));
    sqlite3_bind_int64(reader->read, 1, (int64_t)reader->last_seq);
    sqlite3_bind_int64(reader->read, 2, (int64_t)reader->s);
    return give_page(reader, batch, error);
}

static enum ss_status prepare_by_seq(struct history_reader *reader, struct ss_error *error)
{
    enum ss_status status;
    const struct history_table *table;
    struct ss_buffer sql = {0};
    int *positions = positions_array(reader);
    if (!positions) return ss_fail_memory(error, "a reader of history");
    SS_TRY(ss_history_require_table(reader->history, reader->source, &table, positions, error));
    ss_buffer_text(&sql, ROW_LIST);
    append_selected(reader, positions, ", ", ", ", &sql);
    ss_buffer_format(&sql,
                     " FROM events_%lld WHERE seq > ?1 AND seq <= ?2 AND (is_delete = 0 OR target_seq <> 0) "
                     "ORDER BY seq",
                     (long long)table->id);
    SS_TRY_GOTO(ss_history_statement_of(reader->history, &sql, &reader->read, error), out);
    ss_buffer_clear(&sql);
    ss_buffer_text(&sql, "SELECT ");
    append_selected(reader, positions, "", ", ", &sql);
    ss_buffer_format(&sql, "%s FROM events_%lld WHERE seq = ?1", reader->selected_count ? "" : "1",
                     (long long)table->id);
    SS_TRY_GOTO(ss_history_statement_of(reader->history, &sql, &reader->read_target, error), out);
out:
    ss_buffer_release(&sql);
    return status;
}

enum ss_status ss_history_read_seq(struct ss_history *history, const struct ss_source *source, uint64_t after,
                                   uint64_t upto, const bool *columns, struct ss_event_reader **reader,
                                   struct ss_error *error)
{
    struct history_reader *made = create_reader(history, source);
    if (!made) return ss_fail_memory(error, "a reader of history");
    made->reader.next = next_by_seq;
    made->last_seq = after > INT64_MAX ? INT64_MAX : after;
    made->s = upto > INT64_MAX ? INT64_MAX : upto;
    made->wants_event_time = !columns || columns[source->column_count];
    for (size_t i = 0; i < source->column_count; i++)
        if (!columns || columns[i]) made->selected[made->selected_count++] = (int)i;
    const enum ss_status status = prepare_by_seq(made, error);
    if (status == SS_OK)
        *reader = &made->reader;
    else
        close_reader(&made->reader);
    return status;
}

// ---- By entity

static struct ss_value least_value(struct ss_type type)
{
    if (ss_type_is_text(type)) return (struct ss_value){.present = true, .text = {"", 0}};
    if (type.id == SS_BOOL) return (struct ss_value){.present = true, .boolean = false};
    return (struct ss_value){.present = true, .i64 = INT64_MIN};
}

static enum ss_status set_least_key(struct history_reader *reader, struct ss_error *error)
{
    const struct ss_entity *entity = reader->view->entity;
    reader->last_key = ss_arena_array(&reader->kept, entity->key_count + 1, sizeof *reader->last_key);
    if (!reader->last_key) return ss_fail_memory(error, "a key");
    for (size_t i = 0; i < entity->key_count; i++) reader->last_key[i] = least_value(entity->key_types[i]);
    return SS_OK;
}

// The key of the page's last row, out of the page's memory.
static enum ss_status keep_last_key(struct history_reader *reader, struct ss_error *error)
{
    const struct ss_entity *entity = reader->view->entity;
    ss_buffer_clear(&reader->last_text);
    for (size_t i = 0; i < entity->key_count; i++) {
        const struct ss_column *column = &reader->batch.columns[reader->view->key_columns[i]];
        reader->last_key[i] = ss_column_get(column, reader->batch.length - 1);
        if (ss_type_is_text(entity->key_types[i]))
            ss_buffer_append(&reader->last_text, reader->last_key[i].text.data,
                             reader->last_key[i].text.size);
    }
    if (reader->last_text.failed) return ss_fail_memory(error, "a key");
    const char *text = (const char *)reader->last_text.data;
    for (size_t i = 0; i < entity->key_count; i++) {
        if (!ss_type_is_text(entity->key_types[i])) continue;
        reader->last_key[i].text.data = text;
        text += reader->last_key[i].text.size;
    }
    return SS_OK;
}

// Parameters: the key parts, the place after which to go on (time, seq), to, s, rows; for all entities, from.
static enum ss_status next_by_entity(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                     struct ss_error *error)
{
    struct history_reader *reader = (struct history_reader *)base;
    const struct ss_entity *entity = reader->view->entity;
    const struct ss_value *key = reader->key ? reader->key : reader->last_key;
    int parameter = 1;
    if (reader->ended) {
        *batch = NULL;
        return SS_OK;
    }
    SS_TRY(init_page(reader, error));
    for (size_t i = 0; i < entity->key_count; i++)
        ss_history_bind(reader->read, parameter++, entity->key_types[i], key[i]);
    sqlite3_bind_int64(reader->read, parameter++, reader->last_us);
    sqlite3_bind_int64(reader->read, parameter++, (int64_t)reader->last_seq);
    sqlite3_bind_int64(reader->read, parameter++, reader->to_us);
    sqlite3_bind_int64(reader->read, parameter++, (int64_t)reader->s);
    sqlite3_bind_int64(reader->read, parameter++, reader->page_rows);
    if (!reader->key) sqlite3_bind_int64(reader->read, parameter, reader->from_us);
    SS_TRY(give_page(reader, batch, error));
    return *batch && !reader->key ? keep_last_key(reader, error) : SS_OK;
}

static void append_keys(const struct history_index *index, const char *after, struct ss_buffer *sql)
{
    for (size_t i = 0; i < index->key_count; i++) {
        ss_history_append_column(sql, index->positions[i]);
        ss_buffer_text(sql, after);
    }
}

static void append_parameters(size_t count, struct ss_buffer *sql)
{
    for (size_t i = 1; i <= count; i++) ss_buffer_format(sql, i == 1 ? "?%zu" : ", ?%zu", i);
}

static void append_entries_where(const struct history_index *index, bool one_entity, struct ss_buffer *sql)
{
    const size_t keys = index->key_count;
    for (size_t i = 0; i < keys && one_entity; i++) {
        ss_history_append_column(sql, index->positions[i]);
        ss_buffer_format(sql, " = ?%zu AND ", i + 1);
    }
    if (one_entity) {
        ss_buffer_format(sql, "(event_time_us, seq) > (?%zu, ?%zu)", keys + 1, keys + 2);
    } else {
        ss_buffer_text(sql, "(");
        append_keys(index, ", ", sql);
        ss_buffer_text(sql, "event_time_us, seq) > (");
        append_parameters(keys + 2, sql);
        ss_buffer_format(sql, ") AND event_time_us >= ?%zu", keys + 6);
    }
    ss_buffer_format(sql, " AND event_time_us < ?%zu AND seq <= ?%zu", keys + 3, keys + 4);
}

// " FROM (entries of the page, in order) AS entry LEFT JOIN events_3 AS event ON event.seq = entry.seq". A
// left join keeps the entries' order, and an event that is not there shows.
static void append_page_of_entries(const struct history_table *table, const struct history_index *index,
                                   bool one_entity, struct ss_buffer *sql)
{
    static const char *const tables[] = {"by", "new"};
    const size_t keys = one_entity ? 0 : index->key_count;
    ss_buffer_text(sql, " FROM (");
    for (size_t i = 0; i < 2; i++) {
        ss_buffer_text(sql, i == 0 ? "SELECT " : " UNION ALL SELECT ");
        if (!one_entity) append_keys(index, ", ", sql);
        ss_buffer_format(sql, "event_time_us, seq FROM %s_%lld%s WHERE ", tables[i], (long long)table->id,
                         index->keys);
        append_entries_where(index, one_entity, sql);
    }
    ss_buffer_text(sql, " ORDER BY ");
    for (size_t i = 1; i <= keys + 2; i++) ss_buffer_format(sql, i == 1 ? "%zu" : ", %zu", i);
    ss_buffer_format(sql, " LIMIT ?%zu) AS entry LEFT JOIN events_%lld AS event ON event.seq = entry.seq",
                     index->key_count + 5, (long long)table->id);
}

// The view's table and index; read anew once, as another process may have applied definitions meanwhile.
static enum ss_status require_index(struct ss_history *history, const struct ss_view *view,
                                    const struct history_table **table, int *positions,
                                    const struct history_index **index, struct ss_error *error)
{
    SS_TRY(ss_history_require_table(history, view->source, table, positions, error));
    *index = ss_history_find_index(*table, view, positions);
    if (*index) return SS_OK;
    SS_TRY(ss_history_load_tables(history, error));
    SS_TRY(ss_history_require_table(history, view->source, table, positions, error));
    *index = ss_history_find_index(*table, view, positions);
    if (*index) return SS_OK;
    return ss_fail(error, SS_NOT_FOUND,
                   "view '%s': history '%s' has no index of source '%s' by entity '%s'; run 'selfsame apply'",
                   view->name, history->path, view->source->name, view->entity->name);
}

static enum ss_status prepare_by_entity(struct history_reader *reader, struct ss_error *error)
{
    enum ss_status status;
    const struct history_table *table;
    const struct history_index *index;
    struct ss_buffer sql = {0};
    int *positions = positions_array(reader);
    if (!positions) return ss_fail_memory(error, "a reader of history");
    SS_TRY(require_index(reader->history, reader->view, &table, positions, &index, error));
    ss_buffer_text(&sql, ENTRY_LIST);
    append_selected(reader, positions, ", event.", ", event.", &sql);
    append_page_of_entries(table, index, reader->key != NULL, &sql);
    SS_TRY_GOTO(ss_history_statement_of(reader->history, &sql, &reader->read, error), out);
out:
    ss_buffer_release(&sql);
    return status;
}

static void select_inputs(struct history_reader *reader)
{
    const struct ss_view *view = reader->view;
    const size_t count = reader->source->column_count;
    for (size_t i = 0; i < count; i++) {
        bool wanted = view->row_inputs[i];
        for (size_t part = 0; part < view->entity->key_count; part++)
            wanted = wanted || view->key_columns[part] == (int)i;
        if (wanted) reader->selected[reader->selected_count++] = (int)i;
    }
    reader->wants_event_time = view->row_inputs[count];
}

static enum ss_status keep_key(struct history_reader *reader, const struct ss_value *key,
                               struct ss_error *error)
{
    const struct ss_entity *entity = reader->view->entity;
    struct ss_value *kept = ss_arena_array(&reader->kept, entity->key_count + 1, sizeof *kept);
    if (!kept) return ss_fail_memory(error, "a key");
    for (size_t i = 0; i < entity->key_count; i++) {
        SS_ASSERT(key[i].present);
        kept[i] = key[i];
        if (!ss_type_is_text(entity->key_types[i])) continue;
        kept[i].text.data = ss_arena_copy(&reader->kept, key[i].text.data, key[i].text.size);
        if (!kept[i].text.data) return ss_fail_memory(error, "a key");
    }
    reader->key = kept;
    reader->page_rows = FIRST_PAGE_ROWS;
    return SS_OK;
}

enum ss_status ss_history_read_entity(struct ss_history *history, const struct ss_view *view,
                                      const struct ss_value *key, int64_t from_us, int64_t to_us, uint64_t s,
                                      struct ss_event_reader **reader, struct ss_error *error)
{
    enum ss_status status;
    struct history_reader *made = create_reader(history, view->source);
    if (!made) return ss_fail_memory(error, "a reader of history");
    made->reader.next = next_by_entity;
    made->view = view;
    made->last_us = key ? from_us : INT64_MIN; // with seq 0: before every row from there on
    made->from_us = from_us;
    made->to_us = to_us;
    made->s = s > INT64_MAX ? INT64_MAX : s;
    select_inputs(made);
    SS_TRY_GOTO(key ? keep_key(made, key, error) : set_least_key(made, error), out);
    SS_TRY_GOTO(prepare_by_entity(made, error), out);
    *reader = &made->reader;
    made = NULL;
out:
    if (made) close_reader(&made->reader);
    return status;
}

// STOP-GAP, goes with store/history_scan.c.
void ss_history_reader_set_view(struct ss_event_reader *reader, const struct ss_view *view)
{
    ((struct history_reader *)reader)->view = view;
}

// ---- Distinct keys: from one to the next by the index, however many events a key has

static enum ss_status key_statement(struct ss_history *history, const struct ss_view *view, int *positions,
                                    bool first, struct ss_buffer *sql, sqlite3_stmt **statement,
                                    struct ss_error *error)
{
    static const char *const tables[] = {"by", "new"};
    const struct history_table *table;
    const struct history_index *index;
    const size_t keys = view->entity->key_count;
    SS_TRY(require_index(history, view, &table, positions, &index, error));
    ss_buffer_clear(sql);
    for (size_t i = 0; i < 2; i++) {
        ss_buffer_text(sql, i == 0 ? "SELECT " : " UNION ALL SELECT ");
        append_keys(index, ", ", sql);
        ss_buffer_format(sql, "event_time_us FROM %s_%lld%s WHERE ", tables[i], (long long)table->id,
                         index->keys);
        for (size_t part = 0; part < keys; part++) {
            ss_buffer_text(sql, part == 0 ? "(" : ", ");
            ss_history_append_column(sql, index->positions[part]);
        }
        if (keys > 0) ss_buffer_text(sql, first ? ") >= (" : ") > (");
        append_parameters(keys, sql);
        ss_buffer_format(sql, "%sseq <= ?%zu", keys > 0 ? ") AND " : "", keys + 1);
    }
    ss_buffer_text(sql, " ORDER BY ");
    for (size_t i = 1; i <= keys + 1; i++) ss_buffer_format(sql, i == 1 ? "%zu" : ", %zu", i);
    ss_buffer_text(sql, " LIMIT 1");
    return ss_history_statement_of(history, sql, statement, error);
}

// Takes the key of the row that the statement stands on into the arena.
static enum ss_status take_key(struct ss_history *history, const struct ss_view *view,
                               sqlite3_stmt *statement, struct ss_arena *arena, struct ss_value *key,
                               struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    for (size_t i = 0; i < entity->key_count; i++) {
        if (!ss_history_value(statement, (int)i, entity->key_types[i], &key[i]) || !key[i].present)
            return ss_history_fail_row(history, "a key is not of its type", error);
        if (!ss_type_is_text(entity->key_types[i])) continue;
        key[i].text.data = ss_arena_copy(arena, key[i].text.data, key[i].text.size);
        if (!key[i].text.data) return ss_fail_memory(error, "a key");
    }
    return SS_OK;
}

static enum ss_status next_key(struct ss_history *history, const struct ss_view *view,
                               sqlite3_stmt *statement, uint64_t s, struct ss_arena *arena,
                               struct ss_value *key, bool *found, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    for (size_t i = 0; i < entity->key_count; i++)
        ss_history_bind(statement, (int)i + 1, entity->key_types[i], key[i]);
    sqlite3_bind_int64(statement, (int)entity->key_count + 1, (int64_t)(s > INT64_MAX ? INT64_MAX : s));
    SS_TRY(ss_history_step(history, statement, found, "reading the keys of an entity", error));
    if (!*found) return SS_OK;
    const enum ss_status status = take_key(history, view, statement, arena, key, error);
    ss_history_done(statement);
    return status;
}

enum ss_status ss_history_each_key(struct ss_history *history, const struct ss_view *view, uint64_t s,
                                   enum ss_status (*each)(void *context, const struct ss_value *key),
                                   void *context, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    struct ss_value key[SS_MAX_KEYS];
    struct ss_arena arenas[2] = {{0}, {0}}; // the last key's strings, and the next one's
    struct ss_buffer sql = {0};
    struct ss_arena columns = {0};
    sqlite3_stmt *first, *next;
    bool found = true;
    int *positions = ss_arena_array(&columns, view->source->column_count + 1, sizeof *positions);
    SS_TRY_GOTO(positions ? SS_OK : ss_fail_memory(error, "the columns of a view"), out);
    SS_TRY_GOTO(key_statement(history, view, positions, true, &sql, &first, error), out);
    SS_TRY_GOTO(key_statement(history, view, positions, false, &sql, &next, error), out);
    for (size_t i = 0; i < view->entity->key_count; i++) key[i] = least_value(view->entity->key_types[i]);
    for (unsigned round = 0; found; round++) {
        struct ss_arena *arena = &arenas[round % 2];
        ss_arena_reset(arena);
        SS_TRY_GOTO(next_key(history, view, round == 0 ? first : next, s, arena, key, &found, error), out);
        if (found) SS_TRY_GOTO(each(context, key), out);
        if (view->entity->key_count == 0) break;
    }
out:
    ss_arena_release(&arenas[0]);
    ss_arena_release(&arenas[1]);
    ss_arena_release(&columns);
    ss_buffer_release(&sql);
    return status;
}
