// Deletes: a table of their own, deletes_<id>, for every source with event_id.
//
//   deletes_<id>  seq INTEGER PRIMARY KEY, event_time_us, arrival_us, event_id,
//                 target_seq: of the insert that it takes back; 0: it came first, and takes back what never
//                 comes deletes_<id>_identity: unique on (event_time_us, event_id)
//
// Segments are never rewritten because of a delete: readers look in a table in memory whether an insert has
// one. It is read once per handle, and then what has come since.

#include "store/history_internal.h"

#include <stdlib.h>

static struct ss_type id_type(const struct history_table *table)
{
    return table->id_position < 0 ? (struct ss_type){.id = SS_TIMESTAMP}
                                  : table->column_types[table->id_position];
}

enum ss_status ss_history_find_delete(struct ss_history *history, const struct history_table *table,
                                      int64_t event_time_us, struct ss_value id, bool *found,
                                      struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement_format(
        history, &statement, error, "SELECT 1 FROM deletes_%lld WHERE event_time_us = ?1 AND event_id = ?2",
        (long long)table->id));
    sqlite3_bind_int64(statement, 1, event_time_us);
    ss_history_bind(statement, 2, id_type(table), id);
    SS_TRY(ss_history_step(history, statement, found, "looking for a delete", error));
    ss_history_done(statement);
    return SS_OK;
}

enum ss_status ss_history_insert_delete(struct ss_history *history, const struct history_table *table,
                                        uint64_t seq, int64_t event_time_us, int64_t arrival_us,
                                        struct ss_value id, uint64_t target_seq, struct ss_error *error)
{
    sqlite3_stmt *statement;
    SS_TRY(ss_history_statement_format(history, &statement, error,
                                       "INSERT INTO deletes_%lld VALUES(?1, ?2, ?3, ?4, ?5)",
                                       (long long)table->id));
    sqlite3_bind_int64(statement, 1, (int64_t)seq);
    sqlite3_bind_int64(statement, 2, event_time_us);
    sqlite3_bind_int64(statement, 3, arrival_us);
    ss_history_bind(statement, 4, id_type(table), id);
    sqlite3_bind_int64(statement, 5, (int64_t)target_seq);
    return ss_history_run(history, statement, "storing a delete", error);
}

enum ss_status ss_history_has_deletes(struct ss_history *history, const struct history_table *table,
                                      bool *has, struct ss_error *error)
{
    sqlite3_stmt *statement;
    *has = false;
    if (!table->has_identity) return SS_OK;
    SS_TRY(ss_history_statement_format(history, &statement, error, "SELECT 1 FROM deletes_%lld LIMIT 1",
                                       (long long)table->id));
    SS_TRY(ss_history_step(history, statement, has, "looking for deletes", error));
    ss_history_done(statement);
    return SS_OK;
}

enum ss_status ss_history_any_deletes(struct ss_history *history, const struct ss_source *source, bool *any,
                                      struct ss_error *error)
{
    const struct history_table *table;
    *any = false;
    SS_TRY(ss_history_find_table(history, source->name, &table, error));
    return table ? ss_history_has_deletes(history, table, any, error) : SS_OK;
}

// ---- In memory

static size_t slot_of(const struct history_table_cache *cache, uint64_t target_seq)
{
    size_t slot = (target_seq * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & (cache->deleted_capacity - 1);
    while (cache->deleted[slot].target_seq && cache->deleted[slot].target_seq != target_seq)
        slot = (slot + 1) & (cache->deleted_capacity - 1);
    return slot;
}

static bool grow(struct history_table_cache *cache)
{
    if (cache->deleted_count * 2 < cache->deleted_capacity) return true;
    struct history_table_cache grown = {.deleted_capacity =
                                            cache->deleted_capacity ? cache->deleted_capacity * 2 : 256};
    grown.deleted = calloc(grown.deleted_capacity, sizeof *grown.deleted);
    if (!grown.deleted) return false;
    for (size_t i = 0; i < cache->deleted_capacity; i++)
        if (cache->deleted[i].target_seq)
            grown.deleted[slot_of(&grown, cache->deleted[i].target_seq)] = cache->deleted[i];
    free(cache->deleted);
    cache->deleted = grown.deleted;
    cache->deleted_capacity = grown.deleted_capacity;
    return true;
}

static bool keep_deleted(struct history_table_cache *cache, struct history_deleted deleted)
{
    if (!grow(cache)) return false;
    struct history_deleted *at = &cache->deleted[slot_of(cache, deleted.target_seq)];
    cache->deleted_count += at->target_seq == 0;
    *at = deleted;
    cache->deletes_seq = deleted.seq;
    return true;
}

bool ss_history_take_delete(sqlite3_stmt *statement, uint64_t after, struct history_deleted *deleted)
{
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    struct ss_value arrival;
    *deleted = (struct history_deleted){.target_seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                        .seq = (uint64_t)sqlite3_column_int64(statement, 1)};
    const bool is_time = ss_history_value(statement, 2, timestamp, &arrival) && arrival.present;
    deleted->arrival_us = arrival.i64;
    return is_time && deleted->seq > after && deleted->seq <= INT64_MAX && deleted->target_seq > 0 &&
           deleted->target_seq <= INT64_MAX;
}

enum ss_status ss_history_refresh_deletes(struct ss_history *history, const struct history_table *table,
                                          struct ss_error *error)
{
    struct history_table_cache *cache = table->cache;
    sqlite3_stmt *statement;
    bool row;
    if (!table->has_identity) return SS_OK;
    SS_TRY(ss_history_statement_format(history, &statement, error,
                                       "SELECT target_seq, seq, arrival_us FROM deletes_%lld WHERE seq > ?1 "
                                       "AND target_seq <> 0 ORDER BY seq",
                                       (long long)table->id));
    sqlite3_bind_int64(statement, 1, (int64_t)cache->deletes_seq);
    for (;;) {
        SS_TRY(ss_history_step(history, statement, &row, "reading deletes", error));
        if (!row) return SS_OK;
        struct history_deleted deleted;
        const bool sound = ss_history_take_delete(statement, cache->deletes_seq, &deleted);
        if (sound && keep_deleted(cache, deleted)) continue;
        ss_history_done(statement);
        return sound ? ss_fail_memory(error, "the deletes of a source")
                     : ss_history_fail_row(history, "a delete makes no sense", error);
    }
}

const struct history_deleted *ss_history_deleted(const struct history_table *table, uint64_t seq)
{
    const struct history_table_cache *cache = table->cache;
    if (cache->deleted_count == 0) return NULL;
    const struct history_deleted *found = &cache->deleted[slot_of(cache, seq)];
    return found->target_seq ? found : NULL;
}

void ss_history_release_deletes(struct history_table_cache *cache)
{
    free(cache->deleted);
    cache->deleted = NULL;
    cache->deleted_count = cache->deleted_capacity = 0;
    cache->deletes_seq = 0;
}
