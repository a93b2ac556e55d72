// Views that ask for nothing but the newest event of an entity: `last(x)`, with or without a ttl, of plain
// events. Their rows need no series: an entity's rows go by t through its events, which come by event_time,
// and each takes the newest that it sees. Columns are read of those events alone, and the row program runs
// over them.
//
// Candidates are what a row yet to come may see: the newest event that the next one does see, and behind it
// those that it does not see yet because they come late. Of two late ones the newer is of no less use if it
// is known no later; so arrivals rise with the event times.
//
// A batch's rows are gathered before it goes; candidates that outlive their batch are carried in columns of
// their own until the entity ends.

#include "materializer/join.h"

#include "engine/window_value.h"

#include <stdlib.h>
#include <string.h>

#define NO_EVENT INT32_MIN

struct candidate {
    int64_t event_time_us, known_us; // a row sees it from t > known_us on
    int32_t place;                   // row of the batch, or ~ row of `carried`
};

struct ss_newest {
    const struct ss_view_group *group; // that it is for
    struct ss_event_reader *reader;    // of the batch at hand
    size_t width;                      // columns of the source, and the event_time
    const bool *wanted;
    struct ss_timed_rows rows; // of the entity at hand, by t, counted from the window's first
    int32_t row_count, next_row;
    struct candidate *candidates;
    size_t candidate_count, candidate_capacity;
    struct ss_column *carried; // by column of the source
    int32_t carried_count, carried_capacity;
    struct ss_arena carried_arena;
    // Of the worker's pending rows:
    int32_t places[SS_BATCH_ROWS];
    int64_t event_time_us[SS_BATCH_ROWS];
    int32_t gathered;         // so many of them have their event in `events`
    struct ss_column *events; // by column of the source
    struct ss_arena arena;
};

// ---- What it serves

static bool is_newest(const struct ss_view *view)
{
    if (view->where >= 0) return false;
    for (size_t i = 0; i < view->aggregate_count; i++) {
        const struct ss_aggregate *aggregate = &view->aggregates[i];
        const struct ss_group *group = &view->groups[aggregate->group];
        if (aggregate->fn != SS_AGG_LAST || aggregate->bound == SS_BOUND_WINDOW || aggregate->last_n ||
            group->argument < 0 || group->filter >= 0 || group->has_second)
            return false;
    }
    return true;
}

enum ss_status ss_newest_serves(struct ss_join *join, const struct ss_view_group *group, bool *serves,
                                struct ss_error *error)
{
    const struct ss_source *source = join->service->views[group->views[0]]->source;
    bool any_deletes;
    *serves = !join->spine->s && join->at_hand.source != source;
    for (size_t i = 0; i < group->count; i++)
        *serves = *serves && is_newest(join->service->views[group->views[i]]);
    if (!*serves) return SS_OK;
    SS_TRY(ss_history_any_deletes(join->history, source, &any_deletes, error));
    *serves = !any_deletes;
    return SS_OK;
}

// ---- Life

static enum ss_status create(const struct ss_join *join, const struct ss_view_group *group,
                             struct ss_newest **newest, struct ss_error *error)
{
    const struct ss_source *source = join->service->views[group->views[0]]->source;
    struct ss_newest *created = calloc(1, sizeof *created);
    if (created) {
        created->width = source->column_count + 1;
        created->wanted = group->columns;
        created->group = group;
        created->events = calloc(created->width, sizeof *created->events);
        created->carried = calloc(created->width, sizeof *created->carried);
    }
    if (!created || !created->events || !created->carried) {
        ss_newest_destroy(created);
        return ss_fail_memory(error, "a join");
    }
    for (size_t i = 0; i < created->width; i++)
        created->events[i].type = created->carried[i].type =
            i < source->column_count ? source->columns[i].type : (struct ss_type){.id = SS_TIMESTAMP};
    *newest = created;
    return SS_OK;
}

void ss_newest_destroy(struct ss_newest *newest)
{
    if (!newest) return;
    ss_timed_rows_release(&newest->rows);
    free(newest->candidates);
    free(newest->events);
    free(newest->carried);
    ss_arena_release(&newest->arena);
    ss_arena_release(&newest->carried_arena);
    free(newest);
}

// ---- Events of the pending rows

static bool start_events(struct ss_newest *newest)
{
    ss_arena_reset(&newest->arena);
    newest->gathered = 0;
    for (size_t i = 0; i < newest->width; i++)
        if (newest->wanted[i] &&
            !ss_column_init(&newest->events[i], newest->events[i].type, SS_BATCH_ROWS, &newest->arena))
            return false;
    return true;
}

enum ss_status ss_newest_ready(const struct ss_join *join, const struct ss_view_group *group,
                               struct ss_join_worker *worker, struct ss_error *error)
{
    if (worker->newest && worker->newest->group != group) {
        ss_newest_destroy(worker->newest);
        worker->newest = NULL;
    }
    if (!worker->newest) SS_TRY(create(join, group, &worker->newest, error));
    return start_events(worker->newest) ? SS_OK : ss_fail_memory(error, "the rows of a training table");
}

static bool take_carried(struct ss_newest *newest, int32_t place)
{
    for (size_t i = 0; i < newest->width; i++) {
        if (!newest->wanted[i]) continue;
        const struct ss_value value =
            place == NO_EVENT ? (struct ss_value){0} : ss_column_get(&newest->carried[i], ~place);
        if (!ss_column_append(&newest->events[i], value, &newest->arena)) return false;
    }
    return true;
}

// Brings the events of all pending rows that stand in the batch at hand, or are carried, into `events`.
static enum ss_status gather(struct ss_newest *newest, int32_t pending, struct ss_error *error)
{
    while (newest->gathered < pending) {
        const int32_t first = newest->gathered;
        int32_t end = first;
        while (end < pending && newest->places[end] >= 0) end++;
        if (end > first)
            SS_TRY(newest->reader->gather(newest->reader, newest->places + first, end - first, newest->events,
                                          &newest->arena, error));
        else if (!take_carried(newest, newest->places[end++]))
            return ss_fail_memory(error, "the rows of a training table");
        newest->gathered = end;
    }
    return SS_OK;
}

// ---- Answers

// Which of the pending rows have a value of the aggregate: they see an event, and one that is not too old.
// False: one of them sees an event that is.
static bool find_read(struct ss_join *join, const struct ss_join_worker *worker,
                      const struct ss_aggregate *aggregate, bool *read)
{
    const struct ss_newest *newest = worker->newest;
    bool any_expired = false;
    for (int32_t row = 0; row < worker->pending; row++) {
        const bool found = newest->places[row] != NO_EVENT;
        const int64_t t_us = ss_join_time(join, join->first + worker->rows[row]);
        read[row] = found && !ss_window_is_expired(aggregate, newest->event_time_us[row], t_us);
        any_expired |= found && !read[row];
    }
    return !any_expired;
}

static void mark_expired(const struct ss_join_worker *worker, size_t a, const bool *read,
                         struct ss_readings *readings)
{
    for (int32_t row = 0; row < worker->pending; row++)
        if (worker->newest->places[row] != NO_EVENT && !read[row])
            readings->expired[(size_t)row * readings->words + a / 64] |= UINT64_C(1) << a % 64;
}

static bool read_column(const struct ss_column *from, const bool *read, int32_t count, struct ss_column *to,
                        struct ss_arena *arena)
{
    if (from->type.id == SS_BOOL || ss_type_is_text(from->type)) {
        for (int32_t row = 0; row < count; row++)
            if (!ss_column_append(to, read[row] ? ss_column_get(from, row) : (struct ss_value){0}, arena))
                return false;
        return true;
    }
    for (int32_t row = 0; row < count; row++) {
        const bool present = read[row] && ss_bit_get(from->validity, row);
        to->i64[row] = present ? from->i64[row] : 0; // a double's bits too
        ss_bit_set(to->validity, row, present);
    }
    to->length = count;
    return true;
}

// The readings of all pending rows, of which there are none yet.
static bool read_rows(struct ss_join *join, const struct ss_join_worker *worker,
                      const struct ss_column *outputs, struct ss_readings *readings, struct ss_arena *arena)
{
    const struct ss_view *view = readings->view;
    bool read[SS_BATCH_ROWS], all_fresh = true;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &view->aggregates[a], *before = a ? aggregate - 1 : NULL;
        const struct ss_group *group = &view->groups[aggregate->group];
        if (!before || before->bound != aggregate->bound || before->window_us != aggregate->window_us)
            all_fresh = find_read(join, worker, aggregate, read);
        if (!all_fresh) mark_expired(worker, a, read, readings);
        if (!read_column(&outputs[group->argument], read, worker->pending, &readings->aggregates[a], arena))
            return false;
    }
    for (int32_t row = 0; row < worker->pending; row++)
        readings->found[row] = worker->newest->places[row] != NO_EVENT;
    readings->length = worker->pending;
    return true;
}

enum ss_status ss_newest_flush(struct ss_join *join, const struct ss_view_group *group,
                               struct ss_join_worker *worker, struct ss_error *error)
{
    struct ss_newest *newest = worker->newest;
    if (worker->pending == 0) return SS_OK;
    SS_TRY(gather(newest, worker->pending, error));
    SS_TRY(ss_join_begin_pending(join, group, worker, error));
    const struct ss_event_batch batch = {.length = worker->pending, .columns = newest->events};
    for (size_t i = 0; i < group->count; i++) {
        struct ss_view_work *work = &worker->views[group->views[i]];
        SS_TRY(ss_view_rows_load(&work->rows, &batch, error));
        if (!read_rows(join, worker, work->rows.outputs, &work->readings, &worker->batch))
            return ss_fail_memory(error, "the rows of a training table");
    }
    SS_TRY(ss_join_flush(join, group, worker, error));
    return start_events(newest) ? SS_OK : ss_fail_memory(error, "the rows of a training table");
}

// The row takes the newest candidate that it sees; older ones are of no more use.
static enum ss_status answer(struct ss_join *join, const struct ss_view_group *group,
                             struct ss_join_worker *worker, int32_t row, int64_t t_us, struct ss_error *error)
{
    struct ss_newest *newest = worker->newest;
    size_t at = newest->candidate_count;
    while (at > 0 && newest->candidates[at - 1].known_us >= t_us) at--;
    const struct candidate *seen = at ? &newest->candidates[at - 1] : NULL;
    newest->places[worker->pending] = seen ? seen->place : NO_EVENT;
    newest->event_time_us[worker->pending] = seen ? seen->event_time_us : 0;
    worker->rows[worker->pending++] = row;
    if (at > 1) {
        newest->candidate_count -= at - 1;
        memmove(newest->candidates, seen, newest->candidate_count * sizeof *seen);
    }
    return worker->pending == SS_BATCH_ROWS ? ss_newest_flush(join, group, worker, error) : SS_OK;
}

// ---- An entity

// Nothing is carried any more; pending rows that stand there have been gathered.
static void drop_carried(struct ss_newest *newest)
{
    ss_arena_reset(&newest->carried_arena);
    newest->carried_capacity = newest->carried_count = 0;
}

enum ss_status ss_newest_begin(const struct ss_join *join, struct ss_join_worker *worker, const int32_t *rows,
                               int32_t count, struct ss_error *error)
{
    struct ss_newest *newest = worker->newest;
    if (!ss_timed_rows_reserve(&newest->rows, count))
        return ss_fail_memory(error, "the rows of a training table");
    if (newest->carried_count) {
        SS_TRY(gather(newest, worker->pending, error));
        drop_carried(newest);
    }
    for (int32_t i = 0; i < count; i++)
        newest->rows.items[i] = (struct ss_timed_row){ss_join_time(join, join->first + rows[i]), rows[i]};
    ss_timed_rows_sort(&newest->rows, count);
    newest->row_count = count;
    newest->next_row = 0;
    newest->candidate_count = 0;
    return SS_OK;
}

static enum ss_status add_candidate(struct ss_newest *newest, struct candidate candidate, int64_t next_t_us,
                                    struct ss_error *error)
{
    if (candidate.known_us < next_t_us) newest->candidate_count = 0; // older ones are of no more use
    while (newest->candidate_count &&
           newest->candidates[newest->candidate_count - 1].known_us >= candidate.known_us)
        newest->candidate_count--;
    if (newest->candidate_count == newest->candidate_capacity) {
        const size_t capacity = newest->candidate_capacity ? newest->candidate_capacity * 2 : 64;
        struct candidate *grown = realloc(newest->candidates, capacity * sizeof *grown);
        if (!grown) return ss_fail_memory(error, "late events");
        newest->candidates = grown;
        newest->candidate_capacity = capacity;
    }
    newest->candidates[newest->candidate_count++] = candidate;
    return SS_OK;
}

static enum ss_status answer_next(struct ss_join *join, const struct ss_view_group *group,
                                  struct ss_join_worker *worker, struct ss_error *error)
{
    const struct ss_timed_row row = worker->newest->rows.items[worker->newest->next_row++];
    return answer(join, group, worker, row.row, row.t_us, error);
}

enum ss_status ss_newest_take(struct ss_join *join, const struct ss_view_group *group,
                              struct ss_join_worker *worker, struct ss_event_reader *reader,
                              const struct ss_event_batch *batch, int32_t first, int32_t end,
                              struct ss_error *error)
{
    struct ss_newest *newest = worker->newest;
    const bool as_known = !join->spine->as_of_event_time;
    newest->reader = reader;
    for (int32_t row = first; row < end; row++) {
        const int64_t event_time_us = batch->event_time_us[row];
        while (newest->next_row < newest->row_count &&
               newest->rows.items[newest->next_row].t_us <= event_time_us)
            SS_TRY(answer_next(join, group, worker, error));
        if (newest->next_row == newest->row_count) return SS_OK;
        const struct candidate candidate = {event_time_us, as_known ? batch->arrival_us[row] : event_time_us,
                                            row};
        SS_TRY(add_candidate(newest, candidate, newest->rows.items[newest->next_row].t_us, error));
    }
    return SS_OK;
}

enum ss_status ss_newest_finish(struct ss_join *join, const struct ss_view_group *group,
                                struct ss_join_worker *worker, struct ss_error *error)
{
    while (worker->newest->next_row < worker->newest->row_count)
        SS_TRY(answer_next(join, group, worker, error));
    return SS_OK;
}

// ---- The end of a batch

static bool grow_carried(struct ss_newest *newest)
{
    if (newest->carried_count < newest->carried_capacity) return true;
    const int32_t capacity = newest->carried_capacity ? newest->carried_capacity * 2 : 16;
    for (size_t i = 0; i < newest->width; i++) {
        struct ss_column grown;
        if (!newest->wanted[i]) continue;
        if (!ss_column_init(&grown, newest->carried[i].type, capacity, &newest->carried_arena)) return false;
        for (int32_t row = 0; row < newest->carried_count; row++)
            if (!ss_column_append(&grown, ss_column_get(&newest->carried[i], row), &newest->carried_arena))
                return false;
        newest->carried[i] = grown;
    }
    newest->carried_capacity = capacity;
    return true;
}

enum ss_status ss_newest_end_batch(struct ss_join_worker *worker, struct ss_error *error)
{
    struct ss_newest *newest = worker->newest;
    SS_TRY(gather(newest, worker->pending, error));
    if (newest->next_row == newest->row_count) newest->candidate_count = 0; // nobody asks for them
    for (size_t i = 0; i < newest->candidate_count; i++) {
        struct candidate *candidate = &newest->candidates[i];
        if (candidate->place < 0) continue;
        if (!grow_carried(newest)) return ss_fail_memory(error, "late events");
        SS_TRY(newest->reader->gather(newest->reader, &candidate->place, 1, newest->carried,
                                      &newest->carried_arena, error));
        candidate->place = ~newest->carried_count++;
    }
    return SS_OK;
}
