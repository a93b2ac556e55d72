// Workers of the join. A worker reads series for up to SS_BATCH_ROWS rows, whatever entities they are of,
// before it runs the views' read programs over them and keeps what the service asks for.
//
// Workers are taken and given back rather than being a thread's own: a thread that waits for the rows of a
// hot entity helps with them, with another worker.

#include "materializer/join.h"

#include <stdlib.h>
#include <string.h>

// ---- Life

static enum ss_status create_worker(struct ss_join *join, struct ss_join_worker **worker,
                                    struct ss_error *error)
{
    struct ss_join_worker *created = calloc(1, sizeof *created);
    if (created) created->views = calloc(join->service->view_count + 1, sizeof *created->views);
    if (!created || !created->views) {
        free(created);
        return ss_fail_memory(error, "a join");
    }
    pthread_mutex_lock(&join->lock);
    created->next = join->workers;
    join->workers = created;
    pthread_mutex_unlock(&join->lock);
    *worker = created;
    return SS_OK;
}

static void release_worker(struct ss_join_worker *worker, size_t view_count)
{
    for (size_t v = 0; v < view_count; v++) {
        ss_view_rows_release(&worker->views[v].rows);
        ss_series_destroy(worker->views[v].series);
        ss_series_reader_destroy(worker->views[v].reader);
    }
    free(worker->views);
    ss_newest_destroy(worker->newest);
    ss_timed_rows_release(&worker->rows_by_time);
    ss_arena_release(&worker->batch);
    ss_arena_release(&worker->texts);
    ss_history_close(worker->history);
    free(worker);
}

void ss_join_release_workers(struct ss_join *join)
{
    for (struct ss_join_worker *worker = join->workers, *next; worker; worker = next) {
        next = worker->next;
        release_worker(worker, join->service->view_count);
    }
}

void ss_join_forget_texts(struct ss_join *join)
{
    for (struct ss_join_worker *worker = join->workers; worker; worker = worker->next)
        ss_arena_reset(&worker->texts);
}

static enum ss_status ready_view(const struct ss_view *view, struct ss_view_work *work,
                                 struct ss_error *error)
{
    if (!work->rows.view) SS_TRY(ss_view_rows_init(&work->rows, view, error));
    if (!work->series) SS_TRY(ss_series_create(view, &work->series, error));
    return work->reader ? SS_OK : ss_series_reader_create(view, &work->reader, error);
}

enum ss_status ss_join_take_worker(struct ss_join *join, const struct ss_view_group *group,
                                   struct ss_join_worker **taken, struct ss_error *error)
{
    pthread_mutex_lock(&join->lock);
    struct ss_join_worker *worker = join->idle;
    if (worker) join->idle = worker->next_idle;
    pthread_mutex_unlock(&join->lock);
    if (!worker) SS_TRY(create_worker(join, &worker, error));
    worker->pending = 0;
    for (size_t i = 0; i < group->count; i++) {
        const int v = group->views[i];
        const enum ss_status status = ready_view(join->service->views[v], &worker->views[v], error);
        if (status == SS_OK) continue;
        ss_join_give_worker(join, worker);
        return status;
    }
    *taken = worker;
    return SS_OK;
}

void ss_join_give_worker(struct ss_join *join, struct ss_join_worker *worker)
{
    pthread_mutex_lock(&join->lock);
    worker->next_idle = join->idle;
    join->idle = worker;
    pthread_mutex_unlock(&join->lock);
}

enum ss_status ss_join_open_history(struct ss_join *join, struct ss_join_worker *worker,
                                    struct ss_error *error)
{
    return worker->history ? SS_OK : ss_history_open_again(join->history, &worker->history, error);
}

// ---- Reading

enum ss_status ss_join_begin_pending(struct ss_join *join, const struct ss_view_group *group,
                                     struct ss_join_worker *worker, struct ss_error *error)
{
    ss_arena_reset(&worker->batch);
    for (size_t i = 0; i < group->count; i++) {
        const int v = group->views[i];
        if (!ss_readings_init(&worker->views[v].readings, join->service->views[v], SS_BATCH_ROWS,
                              &worker->batch))
            return ss_fail_memory(error, "the rows of a training table");
    }
    return SS_OK;
}

// Columns of the view's keys (NULL: those that the program does not read) and of t for some rows of the
// window.
static bool make_inputs(struct ss_join *join, int v, const int32_t *rows, int32_t count,
                        const struct ss_program *program, struct ss_arena *arena,
                        const struct ss_column **keys, struct ss_column *t)
{
    const struct ss_entity *entity = join->service->views[v]->entity;
    const size_t first_key = join->service->views[v]->aggregate_count + 1;
    struct ss_column *columns = ss_arena_array(arena, entity->key_count + 1, sizeof *columns);
    if (!columns || !ss_column_init(t, (struct ss_type){SS_TIMESTAMP, 0}, count, arena)) return false;
    for (int32_t i = 0; i < count; i++) t->i64[i] = ss_join_time(join, join->first + rows[i]);
    memset(t->validity, 0xff, ((size_t)count + 7) / 8);
    t->length = count;
    for (size_t i = 0; i < entity->key_count; i++) {
        const struct ss_column *key = &join->spine->keys[join->service->view_keys[v][i]];
        keys[i] = NULL;
        if (program && !ss_program_reads(program, first_key + i)) continue;
        if (!ss_column_gather(key, join->first, rows, count, arena, &columns[i])) return false;
        keys[i] = &columns[i];
    }
    return true;
}

static enum ss_status make_at_hand(struct ss_join *join, int v, const int32_t *rows, int32_t count,
                                   struct ss_arena *arena, struct ss_view_at_hand *at_hand,
                                   struct ss_error *error)
{
    const struct ss_view *view = join->service->views[v];
    const struct ss_column *keys[SS_MAX_KEYS];
    struct ss_column t;
    *at_hand = (struct ss_view_at_hand){0};
    if (join->at_hand.source != view->source) return SS_OK;
    int64_t *carried = ss_arena_array(arena, (size_t)count, sizeof *carried);
    if (!carried || !make_inputs(join, v, rows, count, NULL, arena, keys, &t))
        return ss_fail_memory(error, "the events at hand");
    for (int32_t i = 0; i < count; i++) carried[i] = join->first + rows[i];
    return ss_view_at_hand_make(view, &join->at_hand, carried, count, keys, &t, arena, at_hand, error);
}

// Reads some rows of one entity in one view.
static enum ss_status read_view(struct ss_join *join, struct ss_join_worker *worker, int v,
                                const struct ss_series *series, const int32_t *rows, int32_t count,
                                struct ss_error *error)
{
    struct ss_view_work *work = &worker->views[v];
    struct ss_readings *readings = &work->readings;
    struct ss_view_at_hand at_hand;
    SS_TRY(make_at_hand(join, v, rows, count, &worker->batch, &at_hand, error));
    for (int32_t i = 0; i < count; i++) {
        const int64_t row = join->first + rows[i];
        const struct ss_read_point point = {ss_join_time(join, row), ss_join_seq(join, row),
                                            join->spine->as_of_event_time};
        struct ss_event event;
        const bool carries = ss_view_at_hand_event(&at_hand, i, point.t_us, &event);
        bool found;
        SS_TRY(ss_series_read(series, work->reader, point, carries ? &event : NULL, readings->values,
                              readings->flags, &found, error));
        SS_TRY(ss_readings_take(readings, found, &worker->batch, error));
    }
    return SS_OK;
}

enum ss_status ss_join_read(struct ss_join *join, const struct ss_view_group *group,
                            struct ss_join_worker *worker, const struct ss_series *const *series,
                            const int32_t *rows, int32_t count, struct ss_error *error)
{
    while (count > 0) {
        const int32_t room = SS_BATCH_ROWS - worker->pending, taken = count < room ? count : room;
        if (worker->pending == 0) SS_TRY(ss_join_begin_pending(join, group, worker, error));
        for (size_t i = 0; i < group->count; i++)
            SS_TRY(read_view(join, worker, group->views[i], series ? series[i] : NULL, rows, taken, error));
        memcpy(&worker->rows[worker->pending], rows, (size_t)taken * sizeof *rows);
        worker->pending += taken;
        rows += taken;
        count -= taken;
        if (worker->pending == SS_BATCH_ROWS) SS_TRY(ss_join_flush(join, group, worker, error));
    }
    return SS_OK;
}

// ---- Evaluating

// Keeps what the service reads of the view.
static bool keep_features(struct ss_join *join, struct ss_join_worker *worker, int v,
                          const struct ss_column *features, uint8_t *const *marks)
{
    const struct ss_service *service = join->service;
    struct ss_kept_column *columns = ss_arena_array(&worker->batch, service->read_count + 1, sizeof *columns);
    size_t count = 0;
    if (!columns) return false;
    for (size_t r = 0; r < service->read_count; r++) {
        const int feature = service->reads[r].feature;
        if (service->reads[r].view == v)
            columns[count++] = (struct ss_kept_column){r, &features[feature], marks[feature]};
    }
    return ss_kept_cells_put(&join->kept, columns, count, worker->rows, worker->pending, &worker->texts);
}

static enum ss_status evaluate_view(struct ss_join *join, struct ss_join_worker *worker, int v,
                                    struct ss_error *error)
{
    const struct ss_service *service = join->service;
    const struct ss_column *keys[SS_MAX_KEYS];
    struct ss_column t, *features;
    uint8_t **marks;
    if (!make_inputs(join, v, worker->rows, worker->pending, service->views[v]->read_program, &worker->batch,
                     keys, &t))
        return ss_fail_memory(error, "the rows of a training table");
    SS_TRY(
        ss_readings_evaluate(&worker->views[v].readings, keys, &t, &worker->batch, &features, &marks, error));
    return keep_features(join, worker, v, features, marks)
               ? SS_OK
               : ss_fail_memory(error, "the rows of a training table");
}

enum ss_status ss_join_flush(struct ss_join *join, const struct ss_view_group *group,
                             struct ss_join_worker *worker, struct ss_error *error)
{
    if (worker->pending == 0) return SS_OK;
    for (size_t i = 0; i < group->count; i++) SS_TRY(evaluate_view(join, worker, group->views[i], error));
    ss_join_progress(join, (int64_t)worker->pending * (int64_t)group->count);
    worker->pending = 0;
    return SS_OK;
}
