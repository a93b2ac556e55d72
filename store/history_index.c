// Indexes by entity: which events an entity has, in the order of their times.
//
//   entity_indexes  id, source, keys ("_0_3": the key parts are c0 and c3; "": the world), columns ("_1_2":
//                   what its segments hold besides times and seqs, ascending; the key parts are in the
//                   entities). "+" before keys: it is being made, "-": it is going (history_index_build.c)
//
// An index is a copy of the columns that views of one entity read, sorted by (key, event_time, seq): in
// segments, and for what is in staging a plain index of SQLite. Measured (10.5M rows of 100,000 entities, 6
// columns, one thread of an AMD EPYC, CPU seconds to read all entities): the copy 0.27 in one run, 0.57 in
// ten; row numbers into the log 7.9, all of it packed in memory, or 2.3 where every segment is unpacked once
// for each of 16 ranges of keys, 8.4 for 64.
//
// A view that reads more than its index holds makes the index anew from the log (history_index_build.c).

#include "store/history_internal.h"

#include <stdlib.h>
#include <string.h>

// "_0_3" as numbers, at most `most`. False: it makes no sense.
static bool parse_positions(const char *text, int *positions, size_t most, size_t *count)
{
    const char *at = text;
    *count = 0;
    while (*at) {
        char *end;
        if (*at != '_' || *count == most) return false;
        const long position = strtol(at + 1, &end, 10);
        if (end == at + 1 || position < 0 || position > INT16_MAX) return false;
        positions[(*count)++] = (int)position;
        at = end;
    }
    return true;
}

// "+_0_3": being made, written but not read. "-_0_3": its place was taken, and it is going.
static const char *key_positions(const char *keys)
{
    return *keys == '+' || *keys == '-' ? keys + 1 : keys;
}

static bool is_key_type(struct ss_type type)
{
    return type.id == SS_BOOL || type.id == SS_INT64 || type.id == SS_STRING || type.id == SS_BYTES;
}

static bool parse_index(struct history_index *index, const struct history_table *table,
                        struct ss_arena *arena)
{
    const size_t column_count = table->column_count;
    index->columns = ss_arena_array(arena, column_count + 1, sizeof *index->columns);
    if (!index->columns ||
        !parse_positions(key_positions(index->keys), index->positions, SS_MAX_KEYS, &index->key_count) ||
        !parse_positions(index->columns_text, index->columns, column_count, &index->column_count))
        return false;
    for (size_t i = 0; i < index->key_count; i++)
        if ((size_t)index->positions[i] >= column_count ||
            !is_key_type(table->column_types[index->positions[i]]))
            return false;
    for (size_t i = 0; i < index->column_count; i++)
        if ((size_t)index->columns[i] >= column_count || (i && index->columns[i] <= index->columns[i - 1]))
            return false;
    return true;
}

static const char *copy_text(struct ss_arena *arena, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? ss_arena_copy(arena, text, (size_t)sqlite3_column_bytes(statement, column)) : NULL;
}

static enum ss_status take_index(struct ss_history *history, sqlite3_stmt *statement,
                                 struct history_table *table, struct ss_error *error)
{
    const size_t count = (size_t)sqlite3_column_int64(statement, 3);
    if (!table->indexes) table->indexes = ss_arena_array(&history->arena, count, sizeof *table->indexes);
    if (!table->indexes) return ss_fail_memory(error, "the indexes of a source");
    struct history_index *index = &table->indexes[table->index_count];
    index->id = sqlite3_column_int64(statement, 0);
    index->keys = copy_text(&history->arena, statement, 1);
    index->columns_text = copy_text(&history->arena, statement, 2);
    if (!index->keys || !index->columns_text) return ss_fail_memory(error, "the indexes of a source");
    if (index->id <= 0 || !parse_index(index, table, &history->arena)) // 0 is the log
        return ss_history_fail_row(history, "an index makes no sense", error);
    table->index_count++;
    return SS_OK;
}

bool ss_history_written_indexes(const struct history_table *table, struct ss_arena *arena,
                                const struct history_index ***indexes, size_t *count)
{
    *count = 0;
    *indexes = ss_arena_array(arena, table->index_count + 1, sizeof **indexes);
    if (!*indexes) return false;
    for (size_t i = 0; i < table->index_count; i++)
        if (table->indexes[i].keys[0] != '-') (*indexes)[(*count)++] = &table->indexes[i];
    return true;
}

enum ss_status ss_history_load_indexes(struct ss_history *history, struct history_table *table,
                                       struct ss_error *error)
{
    enum ss_status status = SS_OK;
    sqlite3_stmt *statement;
    bool row;
    SS_TRY(ss_history_statement(
        history,
        "SELECT id, keys, columns, count(*) OVER () FROM entity_indexes WHERE source = ?1 ORDER BY id",
        &statement, error));
    sqlite3_bind_int64(statement, 1, table->id);
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading the indexes of a source", error));
        if (!row) return SS_OK;
        status = take_index(history, statement, table, error);
        if (status != SS_OK) break;
    }
    ss_history_done(statement);
    return status;
}

const struct history_index *ss_history_find_index(const struct history_table *table,
                                                  const struct ss_view *view, const int *positions)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const struct history_index *index = &table->indexes[i];
        size_t same = 0;
        if (index->keys[0] == '+' || index->keys[0] == '-') continue;
        while (same < index->key_count && same < view->entity->key_count &&
               index->positions[same] == positions[view->key_columns[same]])
            same++;
        if (same == index->key_count && same == view->entity->key_count) return index;
    }
    return NULL;
}

// ---- What an index must hold

static bool is_key(const struct history_index *index, int position)
{
    for (size_t i = 0; i < index->key_count; i++)
        if (index->positions[i] == position) return true;
    return false;
}

static bool same_entity(const struct ss_view *a, const struct ss_view *b)
{
    if (a->source != b->source || a->entity->key_count != b->entity->key_count) return false;
    for (size_t i = 0; i < a->entity->key_count; i++)
        if (a->key_columns[i] != b->key_columns[i]) return false;
    return true;
}

// Marks what views of the same source and entity read, and what the index has (NULL: nothing).
static void mark_columns(const struct ss_definitions *definitions, const struct ss_view *view,
                         const int *positions, const struct history_index *keys,
                         const struct history_index *index, bool *wanted)
{
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *other = &definitions->views[v];
        if (!same_entity(view, other)) continue;
        for (size_t i = 0; i < view->source->column_count; i++)
            if (other->row_inputs[i] && positions[i] >= 0 && !is_key(keys, positions[i]))
                wanted[positions[i]] = true;
    }
    for (size_t i = 0; index && i < index->column_count; i++) wanted[index->columns[i]] = true;
}

static bool holds_all(const struct history_index *index, const bool *wanted, size_t column_count)
{
    size_t count = 0;
    for (size_t i = 0; i < column_count; i++) count += wanted[i];
    return index->column_count == count; // what it has is among the wanted
}

bool ss_history_describe_index(const struct history_table *table, const struct ss_definitions *definitions,
                               const struct ss_view *view, const int *positions, struct ss_arena *arena,
                               struct history_index *needed, bool *is_there)
{
    struct ss_buffer keys = {0}, columns = {0};
    const struct history_index *old = ss_history_find_index(table, view, positions);
    bool *wanted = ss_arena_array(arena, table->column_count + 1, sizeof *wanted);
    if (!wanted) return false;
    *needed = (struct history_index){.id = old ? old->id : 0, .key_count = view->entity->key_count};
    for (size_t i = 0; i < needed->key_count; i++) {
        needed->positions[i] = positions[view->key_columns[i]];
        ss_buffer_format(&keys, "_%d", needed->positions[i]);
    }
    mark_columns(definitions, view, positions, needed, old, wanted);
    *is_there = old && holds_all(old, wanted, table->column_count);
    for (size_t i = 0; i < table->column_count; i++)
        if (wanted[i]) ss_buffer_format(&columns, "_%zu", i);
    if (!keys.failed)
        needed->keys = ss_arena_copy(arena, keys.size ? (const char *)keys.data : "", keys.size);
    if (!columns.failed)
        needed->columns_text =
            ss_arena_copy(arena, columns.size ? (const char *)columns.data : "", columns.size);
    ss_buffer_release(&keys);
    ss_buffer_release(&columns);
    return needed->keys && needed->columns_text;
}
