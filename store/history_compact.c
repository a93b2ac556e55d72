// Compaction: runs of an index become one.
//
// Every flush adds a run to each index. When as many of them have come together as `fanout` says, the next
// push merges them, to runs of about half a million events: no push waits for more. A large load, when it has
// come to its end, merges runs of any size in the same way, tier by tier; so an event is rewritten a few
// times in all, and a scan meets few runs. One run of everything is made when that is asked for. One
// transaction per merge: the new segments come, the old ones go. Killed at any point the file holds the one
// or the other. The log is left alone.
//
// Memory: one segment of each run, and one that is being made.

#include "store/history_internal.h"
#include "store/history_sort.h"

#include <stdlib.h>
#include <string.h>

#define FANOUT      8
#define RUNS_MOST   64 // that are merged at once
#define LEVEL_ROWS  65536
#define LEVELS_MOST 16

// ---- Which runs

static size_t fanout(const struct ss_history *history)
{
    return history->options.sizes.fanout > 1 ? (size_t)history->options.sizes.fanout : FANOUT;
}

static int level_of(const struct ss_history *history, int64_t row_count)
{
    int64_t most = history->options.sizes.staging_rows > 0 ? history->options.sizes.staging_rows : LEVEL_ROWS;
    int level = 0;
    for (most *= 2; row_count > most; level++) most *= (int64_t)fanout(history);
    return level;
}

// Those of the lowest level that has enough of them, at most RUNS_MOST; of all there are if `all`. Returns
// how many.
static size_t choose_runs(const struct ss_history *history, const struct history_segment *segments,
                          size_t count, enum ss_compaction what, int64_t *chosen)
{
    const bool all = what == SS_COMPACT_ALL || what == SS_COMPACT_REINDEX;
    const int levels = what == SS_COMPACT_NEEDED ? 1 : LEVELS_MOST;
    for (int level = 0; level < levels; level++) {
        size_t taken = 0;
        for (size_t first = 0, end = 0; first < count && taken < RUNS_MOST; first = end) {
            int64_t row_count = 0;
            for (; end < count && segments[end].run == segments[first].run; end++)
                row_count += segments[end].row_count;
            if (all || level_of(history, row_count) == level) chosen[taken++] = segments[first].run;
        }
        if (taken >= (all ? 2 : fanout(history))) return taken;
    }
    return 0;
}

// ---- Merging

struct merge {
    struct ss_history *history;
    const struct history_table *table;
    const struct history_index *index;
    int64_t run; // that is made
    int32_t capacity;
    struct ss_arena arena; // of the segment that is being made
    struct history_rows rows;
    int64_t *event_time_us, *arrival_us;
    uint64_t *seq;
    struct ss_column *columns; // by position
    struct history_sorted sorted;
};

static bool start_segment(struct merge *merge)
{
    const size_t room = (size_t)merge->capacity + 2, columns = merge->table->column_count;
    struct ss_arena *arena = &merge->arena;
    ss_arena_reset(arena);
    merge->event_time_us = ss_arena_array(arena, room, sizeof *merge->event_time_us);
    merge->arrival_us = ss_arena_array(arena, room, sizeof *merge->arrival_us);
    merge->seq = ss_arena_array(arena, room, sizeof *merge->seq);
    merge->columns = ss_arena_array(arena, columns + 1, sizeof *merge->columns);
    const struct ss_column **pointers = ss_arena_array(arena, columns + 1, sizeof *pointers);
    merge->sorted =
        (struct history_sorted){.keys = ss_arena_array(arena, room, sizeof *merge->sorted.keys),
                                .starts = ss_arena_array(arena, room, sizeof *merge->sorted.starts)};
    if (!merge->event_time_us || !merge->arrival_us || !merge->seq || !merge->columns || !pointers ||
        !merge->sorted.keys || !merge->sorted.starts)
        return false;
    for (size_t i = 0; i < merge->index->column_count; i++) {
        const int position = merge->index->columns[i];
        if (!ss_column_init(&merge->columns[position], merge->table->column_types[position], merge->capacity,
                            arena))
            return false;
        pointers[position] = &merge->columns[position];
    }
    merge->rows =
        (struct history_rows){0, merge->event_time_us, merge->arrival_us, merge->seq, NULL, pointers};
    return true;
}

static enum ss_status end_segment(struct merge *merge, struct ss_error *error)
{
    if (merge->rows.count == 0) return SS_OK;
    merge->sorted.row_count = merge->rows.count;
    SS_TRY(ss_history_write_segment(merge->history, merge->table, merge->index, merge->run, &merge->rows,
                                    &merge->sorted, error));
    return start_segment(merge) ? SS_OK : ss_fail_memory(error, "a segment");
}

static enum ss_status open_entity(struct merge *merge, struct ss_bytes key, struct ss_error *error)
{
    struct history_sorted *sorted = &merge->sorted;
    if (sorted->entity_count && ss_bytes_equal(sorted->keys[sorted->entity_count - 1], key)) return SS_OK;
    const char *copy = ss_arena_copy(&merge->arena, key.data, key.size);
    if (!copy) return ss_fail_memory(error, "a key");
    sorted->keys[sorted->entity_count] = (struct ss_bytes){copy, key.size};
    sorted->starts[sorted->entity_count++] = merge->rows.count;
    return SS_OK;
}

static enum ss_status take_row(struct merge *merge, const struct ss_event_batch *batch, int32_t row,
                               struct ss_error *error)
{
    const int32_t at = merge->rows.count++;
    merge->event_time_us[at] = batch->event_time_us[row];
    merge->arrival_us[at] = batch->arrival_us[row];
    merge->seq[at] = batch->seq[row];
    for (size_t i = 0; i < merge->index->column_count; i++) {
        const int position = merge->index->columns[i];
        if (!ss_column_append(&merge->columns[position], ss_column_get(&batch->columns[position], row),
                              &merge->arena))
            return ss_fail_memory(error, "a segment");
    }
    merge->sorted.starts[merge->sorted.entity_count] = merge->rows.count;
    return SS_OK;
}

static enum ss_status take_batch(struct merge *merge, const struct ss_event_batch *batch,
                                 struct ss_error *error)
{
    for (int32_t span = 0; span < batch->span_count; span++)
        for (int32_t row = batch->spans[span].first; row < batch->spans[span].end; row++) {
            if (merge->rows.count == merge->capacity ||
                ss_history_is_full(merge->history, &merge->rows, merge->table->column_count))
                SS_TRY(end_segment(merge, error));
            SS_TRY(open_entity(merge, batch->spans[span].key, error));
            SS_TRY(take_row(merge, batch, row, error));
        }
    return SS_OK;
}

static enum ss_status write_merged(struct merge *merge, const int64_t *runs, size_t run_count,
                                   struct ss_error *error)
{
    enum ss_status status;
    struct ss_event_reader *reader = NULL;
    const struct ss_event_batch *batch;
    SS_TRY(ss_history_next_run(merge->history, &merge->run, error));
    SS_TRY(ss_history_scan_runs(merge->history, merge->table, merge->index, runs, run_count, &reader, error));
    SS_TRY_GOTO(start_segment(merge) ? SS_OK : ss_fail_memory(error, "a segment"), out);
    for (;;) {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (!batch) break;
        SS_TRY_GOTO(take_batch(merge, batch, error), out);
    }
    status = end_segment(merge, error);
out:
    reader->close(reader);
    return status;
}

static enum ss_status drop_runs(struct merge *merge, const int64_t *runs, size_t run_count,
                                struct ss_error *error)
{
    size_t count;
    const struct history_segment *segments =
        ss_history_segments_of(merge->history, merge->table->id, merge->index->id, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < run_count; r++)
            if (segments[i].run == runs[r])
                SS_TRY(ss_history_delete_segment(merge->history, segments[i].id, error));
    return ss_history_segments_changed(merge->history, error);
}

// Within a write transaction. The table's list of segments is up to date.
static enum ss_status merge_runs(struct ss_history *history, const struct history_table *table,
                                 const struct history_index *index, const int64_t *runs, size_t run_count,
                                 struct ss_error *error)
{
    struct merge merge = {
        .history = history, .table = table, .index = index, .capacity = ss_history_segment_rows(history)};
    enum ss_status status = write_merged(&merge, runs, run_count, error);
    if (status == SS_OK) status = drop_runs(&merge, runs, run_count, error);
    ss_arena_release(&merge.arena);
    return status;
}

// Merges in one index that needs it; *merged: was there one?
static enum ss_status merge_one(struct ss_history *history, enum ss_compaction what, bool *merged,
                                struct ss_error *error)
{
    int64_t runs[RUNS_MOST];
    *merged = false;
    SS_TRY(ss_history_refresh_segments(history, error));
    for (size_t t = 0; t < history->table_count; t++) {
        const struct history_table *table = &history->tables[t];
        for (size_t i = 0; i < table->index_count; i++) {
            size_t count;
            if (table->indexes[i].keys[0] == '-') continue; // it is going
            const struct history_segment *segments =
                ss_history_segments_of(history, table->id, table->indexes[i].id, &count);
            const size_t run_count = choose_runs(history, segments, count, what, runs);
            if (run_count == 0) continue;
            *merged = true;
            return merge_runs(history, table, &table->indexes[i], runs, run_count, error);
        }
    }
    return SS_OK;
}

static enum ss_status in_transaction(struct ss_history *history,
                                     enum ss_status (*step)(struct ss_history *history,
                                                            enum ss_compaction what, bool *did,
                                                            struct ss_error *error),
                                     enum ss_compaction what, bool *did, struct ss_error *error)
{
    SS_TRY(ss_history_begin(history, error));
    const enum ss_status status = step(history, what, did, error);
    if (status == SS_OK && *did) ss_history_fault_point(history, "compaction_before_commit");
    // Where nothing was done too: a rollback would forget what is in memory.
    return ss_history_leave(history, true, status, error);
}

// ---- What is asked for

static enum ss_status flush_all(struct ss_history *history, enum ss_compaction what, bool *did,
                                struct ss_error *error)
{
    (void)what;
    *did = false;
    for (size_t t = 0; t < history->table_count; t++) {
        int64_t count;
        SS_TRY(ss_history_count_staged(history, &history->tables[t], &count, error));
        if (count == 0) continue;
        SS_TRY(ss_history_flush(history, &history->tables[t], error));
        *did = true;
    }
    return SS_OK;
}

// Goes by the file and not by the list of segments, which a damaged copy may keep from being read. A segment
// of the log has no entities and no keys, so none is dropped for a damaged index_id.
static enum ss_status drop_copies(struct ss_history *history, struct ss_error *error)
{
    SS_TRY(ss_history_execute(history,
                              "CREATE TEMP TABLE dropped AS SELECT id FROM segments WHERE index_id <> 0 AND "
                              "(length(first_key) > 0 OR "
                              "EXISTS(SELECT 1 FROM blobs WHERE blobs.id = segments.id << 16 | 3));"
                              "DELETE FROM blobs WHERE id >> 16 IN (SELECT id FROM temp.dropped);"
                              "DELETE FROM segments WHERE id IN (SELECT id FROM temp.dropped);"
                              "DROP TABLE temp.dropped;",
                              error));
    return ss_history_segments_changed(history, error);
}

static enum ss_status reindex(struct ss_history *history, enum ss_compaction what, bool *did,
                              struct ss_error *error)
{
    (void)what;
    *did = false;
    SS_TRY(drop_copies(history, error));
    SS_TRY(ss_history_drop_unfinished(history, error));
    for (size_t t = 0; t < history->table_count; t++) {
        const struct history_table *table = &history->tables[t];
        SS_TRY(ss_history_remake_identities(history, table, error));
        for (size_t i = 0; i < table->index_count; i++)
            SS_TRY(ss_history_make_runs(history, table, &table->indexes[i], error));
        *did = *did || table->has_identity || table->index_count;
    }
    return SS_OK;
}

enum ss_status ss_history_compact(struct ss_history *history, enum ss_compaction what, struct ss_error *error)
{
    bool did;
    if (what == SS_COMPACT_NEEDED) {
        SS_TRY(ss_history_refresh_segments(history, error));
        if (history->segments.generation == history->compacted_generation) return SS_OK;
    }
    if (what != SS_COMPACT_NEEDED || history->table_count == 0)
        SS_TRY(ss_history_load_tables(history, error));
    if (what == SS_COMPACT_ALL || what == SS_COMPACT_REINDEX)
        SS_TRY(in_transaction(history, flush_all, what, &did, error));
    if (what == SS_COMPACT_REINDEX) SS_TRY(in_transaction(history, reindex, what, &did, error));
    do SS_TRY(in_transaction(history, merge_one, what, &did, error));
    while (did);
    history->compacted_generation = history->segments.generation;
    return SS_OK;
}
