// What the files of the point-in-time join share: a window of the spine, and what a thread needs to work on
// it. For point_in_time.c, join_scan.c and join_worker.c alone.
#ifndef SS_MATERIALIZER_JOIN_H
#define SS_MATERIALIZER_JOIN_H

#include "engine/series.h"
#include "materializer/entity_rows.h"
#include "materializer/kept_cells.h"
#include "materializer/point_in_time.h"
#include "materializer/timed_rows.h"
#include "materializer/view_rows.h"

#include <pthread.h>

struct ss_join {
    struct ss_history *history;
    const struct ss_service *service;
    const struct ss_spine *spine;
    const struct ss_point_in_time_sink *sink;
    struct ss_pool *pool;
    struct ss_arena arena; // what lives as long as the join
    struct ss_events_at_hand at_hand;
    int64_t first; // the window: rows [first, first + length) of the spine
    int32_t length;
    struct ss_kept_cells kept;             // of the window; a column for each read of the service
    pthread_mutex_t lock;                  // of what follows
    struct ss_join_worker *workers, *idle; // all of them, and those that nobody works with
    int64_t done, total;                   // rows, of rows * (views + 1)
};

static inline int64_t ss_join_time(const struct ss_join *join, int64_t row)
{
    return join->spine->t_us[row] + (join->spine->inclusive ? 1 : 0);
}

static inline uint64_t ss_join_seq(const struct ss_join *join, int64_t row)
{
    return join->spine->s ? join->spine->s[row] : join->spine->newest_s;
}

// Tells the sink that so many rows more are done; on any thread.
void ss_join_progress(struct ss_join *join, int64_t rows);

// ---- Groups: views that read one source by one entity, so that one scan serves them all.

struct ss_view_group {
    size_t count;
    const int *views;    // indices into the service's views
    const bool *columns; // of the source: those that any of them reads
};

// Joins all views of the group to the window: their cells are kept.
enum ss_status ss_join_scan(struct ss_join *join, const struct ss_view_group *group, struct ss_error *error);

// ---- Workers: what one thread needs.

struct ss_view_work { // of one view
    struct ss_view_rows rows;
    struct ss_series *series; // of the entity at hand
    struct ss_series_reader *reader;
    struct ss_readings readings; // of the pending rows
};

struct ss_join_worker {
    struct ss_join_worker *next, *next_idle;
    struct ss_history *history;        // NULL: not asked for yet
    struct ss_view_work *views;        // view_count of the service; made when first asked for
    struct ss_timed_rows rows_by_time; // of an entity with many
    struct ss_newest *newest;          // where views ask for the newest event alone
    struct ss_arena batch;             // of the pending rows
    struct ss_arena texts;             // of kept cells, as long as the window
    int32_t pending;                   // rows that were read and are not evaluated yet
    int32_t rows[SS_BATCH_ROWS];       // counted from the window's first
};

// One that is idle or a new one, ready for the group's views.
enum ss_status ss_join_take_worker(struct ss_join *join, const struct ss_view_group *group,
                                   struct ss_join_worker **worker, struct ss_error *error);
void ss_join_give_worker(struct ss_join *join, struct ss_join_worker *worker);
// Opens the worker's history, unless it has.
enum ss_status ss_join_open_history(struct ss_join *join, struct ss_join_worker *worker,
                                    struct ss_error *error);
void ss_join_forget_texts(struct ss_join *join); // of all workers
void ss_join_release_workers(struct ss_join *join);

// Reads the rows (counted from the window's first) of one entity: series[i] is that of the group's i-th view.
// series NULL: it has no events. They may stay pending until others come or ss_join_flush.
enum ss_status ss_join_read(struct ss_join *join, const struct ss_view_group *group,
                            struct ss_join_worker *worker, const struct ss_series *const *series,
                            const int32_t *rows, int32_t count, struct ss_error *error);
// Readings for pending rows that are about to be read.
enum ss_status ss_join_begin_pending(struct ss_join *join, const struct ss_view_group *group,
                                     struct ss_join_worker *worker, struct ss_error *error);
// Evaluates the pending rows and keeps their cells.
enum ss_status ss_join_flush(struct ss_join *join, const struct ss_view_group *group,
                             struct ss_join_worker *worker, struct ss_error *error);

// ---- Groups that ask for the newest event alone (join_newest.c).

enum ss_status ss_newest_serves(struct ss_join *join, const struct ss_view_group *group, bool *serves,
                                struct ss_error *error);
// Makes the worker's, for this group; it has no pending rows.
enum ss_status ss_newest_ready(const struct ss_join *join, const struct ss_view_group *group,
                               struct ss_join_worker *worker, struct ss_error *error);
void ss_newest_destroy(struct ss_newest *newest); // NULL is fine
// Per entity: begin with its rows, then take its events, in order, then finish. Before the reader gives the
// next batch, or is closed, end_batch. In the end, flush.
enum ss_status ss_newest_begin(const struct ss_join *join, struct ss_join_worker *worker, const int32_t *rows,
                               int32_t count, struct ss_error *error);
enum ss_status ss_newest_take(struct ss_join *join, const struct ss_view_group *group,
                              struct ss_join_worker *worker, struct ss_event_reader *reader,
                              const struct ss_event_batch *batch, int32_t first, int32_t end,
                              struct ss_error *error);
enum ss_status ss_newest_finish(struct ss_join *join, const struct ss_view_group *group,
                                struct ss_join_worker *worker, struct ss_error *error);
enum ss_status ss_newest_end_batch(struct ss_join_worker *worker, struct ss_error *error);
enum ss_status ss_newest_flush(struct ss_join *join, const struct ss_view_group *group,
                               struct ss_join_worker *worker, struct ss_error *error);

#endif
