// The join of one window with the views of one group.
//
// 1. The window's rows are grouped by entity (entity_rows.h).
// 2. Tasks, each a range of keys, are spread over the pool, the largest first. A task scans history for its
//    range once; every entity's events become a series per view, from which its rows are read.
// 3. An entity with very many rows is a task of its own, begun before the others. When its series are there,
//    its rows are spread over the pool too.
//
// Where history has far more events than the window has keys, a scan per key is opened instead of one per
// range.

#include "materializer/join.h"

#include <stdlib.h>
#include <string.h>

#define LAST_TASKS      64 // per thread: so many of the size of the last ones would be all
#define LARGE_PARTS     4
#define LEAST_TASK_ROWS 2048
#define HOT_PART_ROWS   4096
#define FETCHED_ROWS    64
#define SORTED_ROWS     32 // fewer of an entity are read as they come
#define EVENTS_PER_KEY \
    1000 // history with more events than this for every key asked for is not scanned through

struct task {
    size_t first_key, end_key;  // of the grouped keys
    int32_t first_row, end_row; // only of those without a key, which have no events: grouped rows
};

struct scan {
    struct ss_join *join;
    const struct ss_view_group *group;
    struct ss_entity_rows grouped;
    struct task *tasks;
    size_t task_count;
    int32_t hot_rows; // an entity with more of them is spread over the pool
    bool key_by_key;
    bool newest; // the group asks for the newest event alone
    bool skims_old;
    int64_t least_t_us, old_us; // events before old_us are in no window of any row
    int64_t to_us;
    uint64_t s;
};

// A worker on its way through a range of keys.
struct walk {
    struct scan *scan;
    struct ss_join_worker *worker;
    size_t key, end;
    bool has_events; // of `key`
    bool newest;     // its events go to the worker's `newest`, not to series
    struct ss_event_reader *reader;
    const struct ss_series **series; // of the group's views
};

// ---- An entity

struct hot {
    struct scan *scan;
    const struct ss_series *const *series;
    const int32_t *rows;
    int32_t count;
};

static enum ss_status read_hot_part(void *context, size_t index, size_t slot, struct ss_error *error)
{
    const struct hot *hot = context;
    struct ss_join *join = hot->scan->join;
    const int32_t first = (int32_t)index * HOT_PART_ROWS, left = hot->count - first;
    struct ss_join_worker *worker;
    (void)slot;
    SS_TRY(ss_join_take_worker(join, hot->scan->group, &worker, error));
    enum ss_status status = ss_join_read(join, hot->scan->group, worker, hot->series, hot->rows + first,
                                         left < HOT_PART_ROWS ? left : HOT_PART_ROWS, error);
    if (status == SS_OK) status = ss_join_flush(join, hot->scan->group, worker, error);
    ss_join_give_worker(join, worker);
    return status;
}

// Rows of an entity with many go by t: what one read has used of the series the next one finds in the cache.
static bool sort_rows(const struct walk *walk, int32_t *rows, int32_t count)
{
    const struct ss_join *join = walk->scan->join;
    struct ss_timed_rows *by_time = &walk->worker->rows_by_time;
    if (!walk->has_events || count < SORTED_ROWS) return true;
    if (!ss_timed_rows_reserve(by_time, count)) return false;
    for (int32_t i = 0; i < count; i++)
        by_time->items[i] = (struct ss_timed_row){join->spine->t_us[join->first + rows[i]], rows[i]};
    ss_timed_rows_sort(by_time, count);
    for (int32_t i = 0; i < count; i++) rows[i] = by_time->items[i].row;
    return true;
}

// The next entity's key and the times of its rows stand here and there: they are fetched ahead. (Always
// inlined: as a function of its own, that does nothing else, gcc would drop it.)
__attribute__((always_inline)) static inline void fetch_next(const struct walk *walk)
{
    const struct scan *scan = walk->scan;
    const int32_t *starts = scan->grouped.starts;
    const int64_t *t_us = scan->join->spine->t_us + scan->join->first;
    const int32_t next_end = walk->key + 1 < walk->end ? starts[walk->key + 2] : 0;
    if (walk->key + 1 < walk->end) __builtin_prefetch(scan->grouped.keys[walk->key + 1].data);
    for (int32_t i = starts[walk->key + 1]; i < next_end && i < starts[walk->key + 1] + FETCHED_ROWS; i++)
        __builtin_prefetch(&t_us[scan->grouped.rows[i]]);
}

static enum ss_status read_entity(struct walk *walk, struct ss_error *error)
{
    struct scan *scan = walk->scan;
    const int32_t *starts = scan->grouped.starts;
    int32_t *rows = scan->grouped.rows + starts[walk->key];
    const int32_t count = starts[walk->key + 1] - starts[walk->key];
    const struct ss_series *const *series = walk->has_events ? walk->series : NULL;
    fetch_next(walk);
    if (!sort_rows(walk, rows, count)) return ss_fail_memory(error, "the rows of a training table");
    if (count <= scan->hot_rows)
        return ss_join_read(scan->join, scan->group, walk->worker, series, rows, count, error);
    struct hot hot = {scan, series, rows, count};
    const size_t parts = ((size_t)count + HOT_PART_ROWS - 1) / HOT_PART_ROWS;
    return ss_pool_run(scan->join->pool, parts, read_hot_part, &hot, error);
}

static enum ss_status begin_newest(struct walk *walk, struct ss_error *error)
{
    const struct ss_entity_rows *grouped = &walk->scan->grouped;
    const int32_t first = grouped->starts[walk->key];
    fetch_next(walk);
    return ss_newest_begin(walk->scan->join, walk->worker, grouped->rows + first,
                           grouped->starts[walk->key + 1] - first, error);
}

static enum ss_status finish_newest(struct walk *walk, struct ss_error *error)
{
    if (!walk->has_events) SS_TRY(begin_newest(walk, error));
    walk->has_events = false;
    walk->key++;
    return ss_newest_finish(walk->scan->join, walk->scan->group, walk->worker, error);
}

// All events of the walk's key were seen.
static enum ss_status finish_key(struct walk *walk, struct ss_error *error)
{
    const struct scan *scan = walk->scan;
    if (walk->newest) return finish_newest(walk, error);
    const struct ss_view_group *group = scan->group;
    const int32_t reads = scan->grouped.starts[walk->key + 1] - scan->grouped.starts[walk->key];
    for (size_t i = 0; walk->has_events && i < group->count; i++)
        SS_TRY(ss_series_seal(walk->worker->views[group->views[i]].series,
                              scan->join->spine->as_of_event_time, reads, error));
    SS_TRY(read_entity(walk, error));
    for (size_t i = 0; walk->has_events && i < group->count; i++)
        ss_series_clear(walk->worker->views[group->views[i]].series);
    walk->has_events = false;
    walk->key++;
    return SS_OK;
}

// ---- A range of keys

static enum ss_status take_span(struct walk *walk, const struct ss_event_batch *batch,
                                const struct ss_entity_span *span, struct ss_error *error)
{
    const struct ss_view_group *group = walk->scan->group;
    if (walk->newest) {
        if (!walk->has_events) SS_TRY(begin_newest(walk, error));
        walk->has_events = true;
        return ss_newest_take(walk->scan->join, group, walk->worker, walk->reader, batch, span->first,
                              span->end, error);
    }
    for (size_t i = 0; i < group->count; i++) {
        struct ss_view_work *work = &walk->worker->views[group->views[i]];
        if (work->rows.batch != batch) SS_TRY(ss_view_rows_load(&work->rows, batch, error));
        SS_TRY(ss_series_add(work->series, batch, work->rows.outputs, span->first, span->end, error));
    }
    walk->has_events = true;
    return SS_OK;
}

static enum ss_status take_batch(struct walk *walk, const struct ss_event_batch *batch,
                                 struct ss_error *error)
{
    const struct ss_bytes *keys = walk->scan->grouped.keys;
    const struct ss_view_group *group = walk->scan->group;
    for (size_t i = 0; i < group->count; i++) // its memory may be that of the batch before
        walk->worker->views[group->views[i]].rows.batch = NULL;
    for (int32_t i = 0; i < batch->span_count; i++) {
        int order = 1;
        while (walk->key < walk->end && (order = ss_bytes_compare(keys[walk->key], batch->spans[i].key)) < 0)
            SS_TRY(finish_key(walk, error));
        if (walk->key == walk->end) return SS_OK;
        if (order == 0) SS_TRY(take_span(walk, batch, &batch->spans[i], error));
    }
    return SS_OK;
}

static enum ss_status scan_keys(struct walk *walk, size_t first, size_t end, struct ss_error *error)
{
    struct scan *scan = walk->scan;
    const struct ss_entity_scan asked = {
        .view = scan->join->service->views[scan->group->views[0]],
        .columns = scan->group->columns,
        .deferred = walk->newest,
        .low = scan->grouped.keys[first],
        .high = scan->grouped.keys[end - 1],
        .from_us = SS_TIME_MIN_US,
        .to_us = scan->to_us,
        .s = scan->s,
        .skims_old = scan->skims_old,
        .old_us = scan->old_us,
        .known_us = scan->least_t_us,
    };
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    enum ss_status status;
    walk->key = first;
    walk->end = end;
    SS_TRY(ss_history_scan(walk->worker->history, &asked, &reader, error));
    walk->reader = reader;
    do {
        SS_TRY_GOTO(reader->next(reader, &batch, error), out);
        if (batch) SS_TRY_GOTO(take_batch(walk, batch, error), out);
        if (batch && walk->newest) SS_TRY_GOTO(ss_newest_end_batch(walk->worker, error), out);
    } while (batch && walk->key < walk->end);
    while (walk->key < walk->end) SS_TRY_GOTO(finish_key(walk, error), out);
out:
    reader->close(reader);
    return status;
}

// An entity whose rows are spread over the pool: that is what a series is for.
static bool is_hot(const struct scan *scan, const struct task *task)
{
    const int32_t *starts = scan->grouped.starts;
    return task->end_key == task->first_key + 1 &&
           starts[task->end_key] - starts[task->first_key] > scan->hot_rows;
}

static enum ss_status do_task(struct scan *scan, const struct task *task, struct ss_join_worker *worker,
                              struct ss_error *error)
{
    const struct ss_view_group *group = scan->group;
    if (task->first_key == task->end_key)
        return ss_join_read(scan->join, group, worker, NULL, scan->grouped.rows + task->first_row,
                            task->end_row - task->first_row, error);
    const struct ss_series **series = calloc(group->count, sizeof *series);
    if (!series) return ss_fail_memory(error, "a join");
    struct walk walk = {
        .scan = scan, .worker = worker, .series = series, .newest = scan->newest && !is_hot(scan, task)};
    enum ss_status status = ss_join_open_history(scan->join, worker, error);
    if (status == SS_OK && walk.newest) status = ss_newest_ready(scan->join, group, worker, error);
    for (size_t i = 0; i < group->count; i++) {
        series[i] = worker->views[group->views[i]].series;
        ss_series_clear(worker->views[group->views[i]].series);
    }
    const size_t step = scan->key_by_key ? 1 : task->end_key - task->first_key;
    for (size_t key = task->first_key; status == SS_OK && key < task->end_key; key += step)
        status = scan_keys(&walk, key, key + step, error);
    if (status == SS_OK && walk.newest) status = ss_newest_flush(scan->join, group, worker, error);
    free(series);
    return status;
}

static enum ss_status run_task(void *context, size_t index, size_t slot, struct ss_error *error)
{
    struct scan *scan = context;
    struct ss_join_worker *worker;
    (void)slot;
    SS_TRY(ss_join_take_worker(scan->join, scan->group, &worker, error));
    enum ss_status status = do_task(scan, &scan->tasks[index], worker, error);
    if (status == SS_OK) status = ss_join_flush(scan->join, scan->group, worker, error);
    ss_join_give_worker(scan->join, worker);
    return status;
}

// ---- Tasks

static bool add_task(struct scan *scan, struct task task)
{
    const size_t count = scan->task_count;
    if ((count & (count - 1)) == 0) { // room is for a power of two
        struct task *grown = realloc(scan->tasks, (count ? 2 * count : 1) * sizeof *grown);
        if (!grown) return false;
        scan->tasks = grown;
    }
    scan->tasks[scan->task_count++] = task;
    return true;
}

// Which entities are hot. Where the newest event alone is asked for, a series costs more than spreading
// saves, until the entity has a good part of what a thread has to do.
static int32_t hot_rows(const struct scan *scan, int32_t large_rows)
{
    const int32_t threads = (int32_t)ss_pool_threads(scan->join->pool);
    const int32_t share = scan->join->length / (2 * threads);
    if (threads == 1) return INT32_MAX;
    return scan->newest && large_rows < share ? share : large_rows;
}

// Entities with many rows are tasks of their own, before all others.
static bool cut_tasks(struct scan *scan)
{
    const struct ss_entity_rows *grouped = &scan->grouped;
    const int32_t *starts = grouped->starts, length = scan->join->length;
    const int32_t threads = (int32_t)ss_pool_threads(scan->join->pool),
                  part = length / (threads * LAST_TASKS);
    const int32_t least = part > LEAST_TASK_ROWS ? part : LEAST_TASK_ROWS;
    const int32_t large_rows =
        LARGE_PARTS * part > 2 * HOT_PART_ROWS ? LARGE_PARTS * part : 2 * HOT_PART_ROWS;
    int32_t rows;
    scan->hot_rows = hot_rows(scan, large_rows);
    for (size_t key = 0; key < grouped->count; key++)
        if (starts[key + 1] - starts[key] > large_rows && !add_task(scan, (struct task){key, key + 1, 0, 0}))
            return false;
    for (size_t first = 0, end; first < grouped->count; first = end) {
        end = first;
        rows = (starts[grouped->count] - starts[first]) / (2 * threads);
        if (rows < least) rows = least;
        while (end < grouped->count && starts[end] - starts[first] < rows &&
               starts[end + 1] - starts[end] <= large_rows)
            end++;
        if (end > first && !add_task(scan, (struct task){first, end, 0, 0})) return false;
        if (end < grouped->count && starts[end + 1] - starts[end] > large_rows) end++;
    }
    rows = LARGE_PARTS * part > LEAST_TASK_ROWS ? LARGE_PARTS * part : LEAST_TASK_ROWS;
    for (int32_t first = starts[grouped->count]; first < length; first += rows)
        if (!add_task(scan, (struct task){0, 0, first, first + rows < length ? first + rows : length}))
            return false;
    return true;
}

// How far back the view's aggregates see; INT64_MAX: without bound. Of a view with a `where` every event
// tells whether there is any.
static int64_t reach_of(const struct ss_view *view)
{
    int64_t reach_us = 0;
    if (view->where >= 0) return INT64_MAX;
    for (size_t i = 0; i < view->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &view->aggregates[i];
        const int64_t hop_us = aggregate->bound == SS_BOUND_WINDOW ? aggregate->hop_us : 0;
        int64_t back_us;
        const struct ss_group *group = &view->groups[aggregate->group];
        // A `last .. where .. within` is expired or null by what the event was like.
        const bool looks_further =
            aggregate->bound == SS_BOUND_WITHIN && (group->filter >= 0 || group->has_second);
        if (aggregate->bound == SS_BOUND_ALL || looks_further ||
            __builtin_add_overflow(aggregate->window_us, hop_us, &back_us))
            return INT64_MAX;
        if (back_us > reach_us) reach_us = back_us;
    }
    return reach_us;
}

// Whether there is any event, however old, is part of every answer (DESIGN C10), but where nothing was ever
// deleted and all rows see the same seqs one old event says that as well as all of them.
static enum ss_status find_old(struct scan *scan, struct ss_error *error)
{
    const struct ss_service *service = scan->join->service;
    const int *views = scan->group->views;
    bool any_deletes;
    int64_t reach_us = 0;
    SS_TRY(
        ss_history_any_deletes(scan->join->history, service->views[views[0]]->source, &any_deletes, error));
    for (size_t i = 0; i < scan->group->count; i++)
        if (reach_of(service->views[views[i]]) > reach_us) reach_us = reach_of(service->views[views[i]]);
    if (any_deletes || scan->join->spine->s || reach_us > scan->least_t_us - SS_TIME_MIN_US) return SS_OK;
    scan->skims_old = true;
    scan->old_us = scan->least_t_us - reach_us;
    return SS_OK;
}

static void find_bounds(struct scan *scan)
{
    const struct ss_join *join = scan->join;
    scan->least_t_us = INT64_MAX;
    scan->to_us = SS_TIME_MIN_US;
    for (int64_t row = join->first; row < join->first + join->length; row++) {
        const int64_t t_us = ss_join_time(join, row);
        const uint64_t s = ss_join_seq(join, row);
        if (t_us > scan->to_us) scan->to_us = t_us;
        if (t_us < scan->least_t_us) scan->least_t_us = t_us;
        if (s > scan->s) scan->s = s;
    }
}

enum ss_status ss_join_scan(struct ss_join *join, const struct ss_view_group *group, struct ss_error *error)
{
    const struct ss_view *view = join->service->views[group->views[0]];
    const struct ss_column *keys[SS_MAX_KEYS];
    struct scan scan = {.join = join, .group = group};
    for (size_t i = 0; i < view->entity->key_count; i++)
        keys[i] = &join->spine->keys[join->service->view_keys[group->views[0]][i]];
    SS_TRY(ss_entity_rows_group(view->entity, keys, join->first, join->length, join->pool, &scan.grouped,
                                error));
    find_bounds(&scan);
    scan.key_by_key = scan.s / EVENTS_PER_KEY > scan.grouped.count;
    enum ss_status status = ss_newest_serves(join, group, &scan.newest, error);
    if (status == SS_OK) status = find_old(&scan, error);
    if (status == SS_OK)
        status = cut_tasks(&scan) ? ss_pool_run(join->pool, scan.task_count, run_task, &scan, error)
                                  : ss_fail_memory(error, "the rows of a training table");
    free(scan.tasks);
    ss_entity_rows_release(&scan.grouped);
    return status;
}
