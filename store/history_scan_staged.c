// The page of staging that a scan stands on: what a query gives of the rows behind a place, in its order.

#include "store/history_scan.h"

#define STAGED_ROWS 512 // of staging, a page

static void append_key_columns(const struct scan *scan, const char *after, struct ss_buffer *sql)
{
    for (size_t i = 0; i < scan->key_count; i++)
        ss_buffer_format(sql, "c%d%s", scan->key_positions[i], after);
}

static void append_parameters(size_t first, size_t count, struct ss_buffer *sql)
{
    for (size_t i = 0; i < count; i++) ss_buffer_format(sql, i == 0 ? "?%zu" : ", ?%zu", first + i);
}

// Parameters: the place behind which to go on (key parts, time, seq), to, from, s, then the high key's parts.
static void append_where(const struct scan *scan, struct ss_buffer *sql)
{
    const size_t keys = scan->key_count;
    for (size_t i = 0; i < keys && scan->one_entity; i++)
        ss_buffer_format(sql, "c%d = ?%zu AND ", scan->key_positions[i], i + 1);
    if (scan->one_entity || keys == 0) {
        ss_buffer_format(sql, "(event_time_us, seq) > (?%zu, ?%zu)", keys + 1, keys + 2);
    } else {
        ss_buffer_text(sql, "(");
        append_key_columns(scan, ", ", sql);
        ss_buffer_text(sql, "event_time_us, seq) > (");
        append_parameters(1, keys + 2, sql);
        ss_buffer_text(sql, ")");
    }
    ss_buffer_format(sql, " AND event_time_us < ?%zu AND event_time_us >= ?%zu AND seq <= ?%zu", keys + 3,
                     keys + 4, keys + 5);
    if (scan->one_entity || keys == 0 || !scan->high.size) return;
    ss_buffer_text(sql, " AND (");
    for (size_t i = 0; i < keys; i++) ss_buffer_format(sql, i == 0 ? "c%d" : ", c%d", scan->key_positions[i]);
    ss_buffer_text(sql, ") <= (");
    append_parameters(keys + 6, keys, sql);
    ss_buffer_text(sql, ")");
}

enum ss_status ss_scan_prepare_staged(struct scan *scan, struct ss_error *error)
{
    struct ss_buffer sql = {0};
    ss_buffer_text(&sql, "SELECT seq, event_time_us, arrival_us");
    for (size_t i = 0; i < scan->key_count; i++) ss_buffer_format(&sql, ", c%d", scan->key_positions[i]);
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT) ss_buffer_format(&sql, ", c%d", scan->wanted[i].position);
    ss_buffer_format(&sql, " FROM events_%lld WHERE ", (long long)scan->table_id);
    append_where(scan, &sql);
    ss_buffer_text(&sql, " ORDER BY ");
    append_key_columns(scan, ", ", &sql);
    ss_buffer_text(&sql, "event_time_us, seq");
    const enum ss_status status =
        ss_history_statement_of(scan->history, &sql, &scan->staged.statement, error);
    ss_buffer_release(&sql);
    return status;
}

static struct ss_value least_value(struct ss_type type)
{
    if (ss_type_is_text(type)) return (struct ss_value){.present = true, .text = {"", 0}};
    if (type.id == SS_BOOL) return (struct ss_value){.present = true, .boolean = false};
    return (struct ss_value){.present = true, .i64 = INT64_MIN};
}

static enum ss_status bind_key(struct scan *scan, int parameter, struct ss_bytes key, struct ss_arena *arena,
                               struct ss_error *error)
{
    struct ss_value parts[SS_MAX_KEYS];
    for (size_t i = 0; i < scan->key_count; i++) parts[i] = least_value(scan->key_types[i]);
    if (key.size) {
        const enum ss_key_read read = ss_key_decode(scan->key_types, scan->key_count, key, arena, parts);
        if (read == SS_KEY_NO_MEMORY) return ss_fail_memory(error, "a key");
        if (read == SS_KEY_BAD)
            return ss_history_fail_row(scan->history, "a key of a segment is none", error);
    }
    for (size_t i = 0; i < scan->key_count; i++)
        ss_history_bind(scan->staged.statement, parameter + (int)i, scan->key_types[i], parts[i]);
    return SS_OK;
}

static bool init_staged(struct scan *scan)
{
    struct staged_page *staged = &scan->staged;
    ss_arena_reset(&staged->arena);
    staged->count = staged->at = 0;
    staged->keys = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->keys);
    staged->places = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->places);
    staged->arrival_us = ss_arena_array(&staged->arena, STAGED_ROWS, sizeof *staged->arrival_us);
    staged->columns = ss_arena_array(&staged->arena, scan->wanted_count + 1, sizeof *staged->columns);
    if (!staged->keys || !staged->places || !staged->arrival_us || !staged->columns) return false;
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (scan->wanted[i].from == FROM_SEGMENT &&
            !ss_column_init(&staged->columns[i], scan->wanted[i].type, STAGED_ROWS, &staged->arena))
            return false;
    return true;
}

static enum ss_status fail_value(const struct scan *scan, struct ss_error *error)
{
    struct ss_buffer what = {0};
    ss_buffer_format(&what, "a value of source '%.100s' is not of its column's type", scan->source);
    ss_buffer_byte(&what, 0);
    const enum ss_status status =
        ss_history_fail_row(scan->history, what.failed ? "a value" : (const char *)what.data, error);
    ss_buffer_release(&what);
    return status;
}

// Behind what a row has to be. Rows that are not, as a damaged index gives them, would be read for ever.
struct staged_end {
    struct ss_bytes key;
    struct place place;
};

static bool goes_on(const struct staged_end *before, struct ss_bytes key, struct place place)
{
    const int keys = ss_bytes_compare(before->key, key);
    return keys ? keys < 0 : is_behind(place, before->place);
}

// The row that the statement stands on. One without a key (a part is null, or it is too long) is passed over.
static enum ss_status take_staged(struct scan *scan, struct staged_end *before, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value parts[SS_MAX_KEYS], time, arrival, value;
    struct ss_key key;
    int at = 3;
    if (!ss_history_value(staged->statement, 1, timestamp, &time) || !time.present ||
        !ss_history_value(staged->statement, 2, timestamp, &arrival) || !arrival.present)
        return fail_value(scan, error);
    for (size_t i = 0; i < scan->key_count; i++, at++)
        if (!ss_history_value(staged->statement, at, scan->key_types[i], &parts[i]))
            return fail_value(scan, error);
    if (ss_key_encode(scan->key_types, parts, scan->key_count, &key) != SS_KEY_OK) return SS_OK;
    char *copy = ss_arena_copy(&staged->arena, key.bytes, key.size);
    if (!copy) return ss_fail_memory(error, "a key");
    for (size_t i = 0; i < scan->wanted_count; i++) {
        if (scan->wanted[i].from != FROM_SEGMENT) continue;
        if (!ss_history_value(staged->statement, at++, scan->wanted[i].type, &value))
            return fail_value(scan, error);
        if (!ss_column_append(&staged->columns[i], value, &staged->arena))
            return ss_fail_memory(error, "a page of history");
    }
    const struct place place = {time.i64, (uint64_t)sqlite3_column_int64(staged->statement, 0)};
    if (place.seq == 0 || place.seq > scan->s || !goes_on(before, (struct ss_bytes){copy, key.size}, place))
        return ss_history_fail_row(scan->history, "events are not in the order of their index", error);
    staged->keys[staged->count] = (struct ss_bytes){copy, key.size};
    staged->places[staged->count] = place;
    *before = (struct staged_end){staged->keys[staged->count], place};
    staged->arrival_us[staged->count++] = arrival.i64;
    return SS_OK;
}

static enum ss_status step_staged(struct scan *scan, struct staged_end before, struct ss_error *error)
{
    bool row = true;
    while (row && scan->staged.count < STAGED_ROWS) {
        SS_TRY(ss_history_step(scan->history, scan->staged.statement, &row, "reading events", error));
        if (row) SS_TRY(take_staged(scan, &before, error));
    }
    scan->staged.ended = !row;
    return SS_OK;
}

// The page behind the place, of the entity with `key` or behind it.
static enum ss_status read_staged(struct scan *scan, struct ss_bytes key, struct place after,
                                  struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    const int keys = (int)scan->key_count;
    struct ss_arena arena = {0};
    enum ss_status status;
    if (!init_staged(scan)) return ss_fail_memory(error, "a page of history");
    SS_TRY_GOTO(bind_key(scan, 1, key, &arena, error), out);
    if (scan->high.size && !scan->one_entity && keys)
        SS_TRY_GOTO(bind_key(scan, keys + 6, key_bytes(&scan->high), &arena, error), out);
    sqlite3_bind_int64(staged->statement, keys + 1, after.event_time_us);
    sqlite3_bind_int64(staged->statement, keys + 2, (int64_t)after.seq);
    sqlite3_bind_int64(staged->statement, keys + 3, scan->to_us);
    sqlite3_bind_int64(staged->statement, keys + 4, scan->from_us);
    sqlite3_bind_int64(staged->statement, keys + 5, (int64_t)scan->s);
    status = step_staged(scan, (struct staged_end){key, after}, error);
out:
    ss_history_done(staged->statement);
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_scan_set_staged(struct scan *scan, struct ss_error *error)
{
    const struct place before = {INT64_MIN, 0};
    scan->staged.ended = scan->runs != NULL;
    if (scan->runs) return SS_OK;
    return scan->started ? read_staged(scan, key_bytes(&scan->last_key), scan->last, error)
                         : read_staged(scan, key_bytes(&scan->low), before, error);
}

enum ss_status ss_scan_settle_staged(struct scan *scan, struct ss_error *error)
{
    struct staged_page *staged = &scan->staged;
    if (staged->at < staged->count || staged->ended) return SS_OK;
    if (!scan->reads_file) {
        scan->needs_file = true;
        return SS_OK;
    }
    struct ss_key key = {0};
    SS_ASSERT(staged->count > 0); // only the last page may be empty
    const struct place last = staged->places[staged->count - 1];
    set_key(&key, staged->keys[staged->count - 1]);
    return read_staged(scan, key_bytes(&key), last, error);
}
