// The naive scan. Three parts: what a batch becomes (the door, identities, seq and arrival), which events a
// read point sees, and what the aggregates over them are.

#include "naive.h"

#include <stdlib.h>
#include <string.h>

#include "naive_evaluate.h"
#include "naive_number.h"

void naive_init(struct naive *naive, const struct plan *plan, struct pool *pool, int most_events)
{
    *naive = (struct naive){.plan = plan, .pool = pool, .clock = INT64_MIN};
    for (int i = 0; i < plan->source_count; i++) {
        naive->sources[i].events = pool_take(pool, (size_t)(most_events + 1) * sizeof(struct naive_event));
        naive->sources[i].deletes =
            pool_take(pool, (size_t)(most_events + 1) * sizeof(struct naive_identity));
    }
}

// ---- What a batch becomes

// A row on its way in.
struct arriving {
    const struct cell *cells;
    int64_t time, arrival;
    bool is_delete, is_live;
};

static bool is_delete(const struct source *source, const struct cell *cells)
{
    return source->operation_column >= 0 && cells[source->operation_column].present &&
           strcmp(cells[source->operation_column].text, "delete") == 0;
}

static bool declared_arrival(const struct naive *naive, const struct source *source, struct arriving *row)
{
    if (source->arrival == ARRIVAL_COLUMN) {
        if (!row->cells[source->arrival_column].present) return false;
        row->arrival = row->cells[source->arrival_column].i;
    } else {
        row->arrival = row->time + (source->arrival == ARRIVAL_OFFSET ? source->offset : 0);
    }
    return row->arrival >= row->time && !(naive->plan->wall && row->arrival >= naive->clock);
}

// Is the row an event (DESIGN C1, C7)?
static bool passes_door(const struct naive *naive, const struct source *source, bool live, int64_t clock,
                        struct arriving *row)
{
    const struct cell *cells = row->cells;
    if (!cells[source->time_column].present) return false;
    row->time = cells[source->time_column].i;
    if (source->id_column >= 0 && !cells[source->id_column].present) return false;
    if (source->operation_column >= 0 && !cells[source->operation_column].present) return false;
    row->is_delete = is_delete(source, cells);
    row->is_live = live || row->is_delete;
    if (!row->is_live) return declared_arrival(naive, source, row);
    return row->time <= clock + SECOND;
}

static bool same_identity(const struct source *source, int64_t time, struct cell id,
                          const struct arriving *row)
{
    const int column = source->id_column;
    return time == row->time && cell_equal(source->columns[column].kind, id, row->cells[column]);
}

static struct naive_event *find_event(struct naive_source *stored, const struct source *source,
                                      const struct arriving *row)
{
    for (int i = 0; i < stored->event_count && source->id_column >= 0; i++)
        if (same_identity(source, stored->events[i].time, stored->events[i].cells[source->id_column], row))
            return &stored->events[i];
    return NULL;
}

static bool was_deleted(const struct naive_source *stored, const struct source *source,
                        const struct arriving *row)
{
    for (int i = 0; i < stored->delete_count; i++)
        if (same_identity(source, stored->deletes[i].time, stored->deletes[i].id, row)) return true;
    return false;
}

// True if the row changed something.
static bool store(struct naive *naive, const struct source *source, struct naive_source *stored,
                  const struct arriving *row)
{
    struct naive_event *event = find_event(stored, source, row);
    if (was_deleted(stored, source, row)) return false;
    if (!row->is_delete) {
        if (event) return false;
        stored->events[stored->event_count++] = (struct naive_event){
            .seq = ++naive->seq, .time = row->time, .arrival = row->arrival, .cells = row->cells};
        return true;
    }
    stored->deletes[stored->delete_count++] =
        (struct naive_identity){row->time, row->cells[source->id_column]};
    naive->seq++;
    if (!event) return true;
    event->is_deleted = true;
    event->deleted_seq = naive->seq;
    event->deleted_arrival = row->arrival;
    return true;
}

// The commit's clock: a replay clock stands past what the batch declares, since deletes arrive with it.
static int64_t commit_clock(const struct naive *naive, const struct source *source,
                            const struct naive_batch *batch)
{
    int64_t clock = naive->clock;
    for (int i = 0; i < batch->row_count && !batch->live && !naive->plan->wall; i++) {
        struct arriving row = {.cells = batch->rows[i]->cells};
        if (passes_door(naive, source, false, clock, &row) && !row.is_live && row.arrival >= clock)
            clock = row.arrival + 1;
    }
    return clock;
}

void naive_push(struct naive *naive, const struct naive_batch *batch)
{
    const struct source *source = &naive->plan->sources[batch->source];
    struct naive_source *stored = &naive->sources[batch->source];
    struct arriving *rows = pool_take(naive->pool, (size_t)(batch->row_count + 1) * sizeof *rows);
    int count = 0;
    if (batch->clock > naive->clock) naive->clock = batch->clock;
    const int64_t clock = commit_clock(naive, source, batch);
    int64_t arrival = clock, newest = INT64_MIN;
    for (int i = 0; i < batch->row_count; i++) {
        rows[count] = (struct arriving){.cells = batch->rows[i]->cells};
        if (!passes_door(naive, source, batch->live, clock, &rows[count])) continue;
        if (rows[count].is_live && rows[count].time > arrival) arrival = rows[count].time;
        count++;
    }
    for (int i = 0; i < count; i++) {
        if (rows[i].is_live) rows[i].arrival = arrival;
        if (!store(naive, source, stored, &rows[i])) continue;
        if (rows[i].is_live) stored->is_live = true;
        if (rows[i].arrival > newest) newest = rows[i].arrival;
        if (rows[i].time > newest) newest = rows[i].time;
    }
    if (newest >= naive->clock) naive->clock = newest + 1;
}

bool naive_all_live(const struct naive *naive)
{
    for (int v = 0; v < naive->plan->view_count; v++)
        if (!naive->sources[naive->plan->views[v].source_index].is_live) return false;
    return true;
}

// ---- What a read point sees

static bool is_visible(const struct naive_event *event, struct naive_point point)
{
    if (event->time >= point.t || event->seq > point.s) return false;
    if (!point.as_of_event_time && event->arrival >= point.t) return false;
    const bool gone = event->is_deleted && event->deleted_seq <= point.s &&
                      (point.as_of_event_time || event->deleted_arrival < point.t);
    return !gone;
}

// One view's part of a row.
struct view_read {
    const struct naive *naive;
    const struct view *view;
    struct cell keys[MAX_KEYS];
    struct naive_point point;
    int event_count;
    const struct naive_event **events; // visible, of the key, passing `where`, by (time, seq)
    struct cell aggregates[MAX_AGGREGATES];
    bool expired[MAX_AGGREGATES];
};

static struct scope event_scope(const struct view_read *read, const struct naive_event *event)
{
    return (struct scope){.pool = read->naive->pool, .columns = event->cells, .event_time = event->time};
}

static bool is_true(const struct expression *condition, const struct scope *scope)
{
    if (!condition) return true;
    const struct cell cell = naive_evaluate(condition, scope);
    return cell.present && cell.i;
}

static bool has_key(const struct view_read *read, const struct naive_event *event)
{
    const struct source *source = read->view->source;
    for (int k = 0; k < read->view->entity->key_count; k++) {
        const int key = read->view->entity->keys[k];
        for (int c = 0; c < source->column_count; c++) {
            if (source->columns[c].role != ROLE_KEY || source->columns[c].key != key) continue;
            if (!event->cells[c].present || !read->keys[k].present) return false;
            if (!cell_equal(source->columns[c].kind, event->cells[c], read->keys[k])) return false;
        }
    }
    return true;
}

static int by_time_and_seq(const void *a, const void *b)
{
    const struct naive_event *x = *(const struct naive_event *const *)a,
                             *y = *(const struct naive_event *const *)b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->seq < y->seq ? -1 : 1;
}

static void find_events(struct view_read *read)
{
    const struct naive_source *stored = &read->naive->sources[read->view->source_index];
    read->events = pool_take(read->naive->pool, (size_t)(stored->event_count + 1) * sizeof *read->events);
    for (int i = 0; i < stored->event_count; i++) {
        const struct naive_event *event = &stored->events[i];
        const struct scope scope = event_scope(read, event);
        if (is_visible(event, read->point) && has_key(read, event) && is_true(read->view->where, &scope))
            read->events[read->event_count++] = event;
    }
    qsort(read->events, (size_t)read->event_count, sizeof *read->events, by_time_and_seq);
}

// ---- Aggregates

struct argument { // of one event that an aggregate counts
    int64_t time;
    struct cell cell;
};

static int64_t default_hop(int64_t window)
{
    if (window >= 12 * DAY) return DAY;
    if (window >= 12 * HOUR) return HOUR;
    if (window >= HOUR) return 5 * MINUTE;
    int64_t hop = window / 12 > 1 ? window / 12 : 1;
    while (window % hop) hop--;
    return hop;
}

static int64_t window_start(const struct aggregate *aggregate, int64_t t)
{
    if (aggregate->bound != BOUND_WINDOW) return INT64_MIN;
    const int64_t hop = aggregate->hop ? aggregate->hop : default_hop(aggregate->window);
    const int64_t start = t - aggregate->window, over = start % hop;
    return start - (over < 0 ? over + hop : over);
}

static int find_arguments(const struct view_read *read, const struct aggregate *aggregate,
                          struct argument *arguments)
{
    const int64_t start = window_start(aggregate, read->point.t);
    int count = 0;
    for (int i = 0; i < read->event_count; i++) {
        const struct scope scope = event_scope(read, read->events[i]);
        if (read->events[i]->time < start || !is_true(aggregate->where, &scope)) continue;
        struct cell cell = {.present = true};
        if (aggregate->argument) cell = naive_evaluate(aggregate->argument, &scope);
        if (!cell.present && aggregate->function != FN_LAST) continue;
        arguments[count++] = (struct argument){read->events[i]->time, cell};
    }
    return count;
}

static int cell_order(struct kind kind, struct cell a, struct cell b)
{
    if (kind.id == KIND_STRING) return strcmp(a.text, b.text);
    if (kind.id == KIND_FLOAT64) return (a.f > b.f) - (a.f < b.f);
    return (a.i > b.i) - (a.i < b.i);
}

static struct cell extreme(struct kind kind, const struct argument *arguments, int count, int direction)
{
    struct cell best = {0};
    for (int i = 0; i < count; i++)
        if (!best.present || direction * cell_order(kind, arguments[i].cell, best) > 0)
            best = arguments[i].cell;
    return best;
}

static struct cell distinct(struct kind kind, const struct argument *arguments, int count)
{
    struct cell result = {.present = count > 0}; // only `count` of nothing is 0
    for (int i = 0; i < count; i++) {
        bool seen = false;
        for (int j = 0; j < i && !seen; j++) seen = cell_equal(kind, arguments[i].cell, arguments[j].cell);
        result.i += !seen;
    }
    result.is_unknown = result.i > 128; // beyond, the answer is an estimate
    return result;
}

// sum, mean, var and stddev: exact power sums, one rounding.
static struct cell moments(const struct aggregate *aggregate, const struct argument *arguments, int count)
{
    const struct kind kind = aggregate->argument->kind;
    const enum function function = aggregate->function;
    struct cell result = {0};
    mpq_t sum, squares, x, n;
    if (count == 0 || (count < 2 && (function == FN_VAR || function == FN_STDDEV))) return result;
    mpq_inits(sum, squares, x, n, NULL);
    for (int i = 0; i < count; i++) {
        exact_of(x, kind, arguments[i].cell);
        mpq_add(sum, sum, x);
        mpq_mul(x, x, x);
        mpq_add(squares, squares, x);
    }
    mpq_set_si(n, count, 1);
    if (function == FN_SUM && kind_is_exact(kind)) {
        mpz_ui_pow_ui(mpq_numref(x), 10, kind.scale);
        mpz_set_ui(mpq_denref(x), 1);
        mpq_mul(x, x, sum);
        result = cell_of_integer(mpq_numref(x), kind);
    } else if (function == FN_SUM) {
        result = cell_of_double(nearest_double(sum));
    } else if (function == FN_MEAN) {
        mpq_div(sum, sum, n);
        result = cell_of_double(nearest_double(sum));
    } else {
        // (n * squares - sum^2) / (n (n - 1))
        mpq_mul(squares, squares, n);
        mpq_mul(x, sum, sum);
        mpq_sub(squares, squares, x);
        mpq_div(squares, squares, n);
        mpq_set_si(n, count - 1, 1);
        mpq_div(squares, squares, n);
        result = cell_of_double(function == FN_VAR ? nearest_double(squares) : nearest_root(squares));
    }
    mpq_clears(sum, squares, x, n, NULL);
    return result;
}

static struct cell latest(const struct view_read *read, int index, const struct argument *arguments,
                          int count)
{
    const struct aggregate *aggregate = &read->view->aggregates[index];
    if (count == 0) return (struct cell){0};
    const struct argument *last = &arguments[count - 1];
    return aggregate->bound == BOUND_WITHIN && last->time < read->point.t - aggregate->window
               ? (struct cell){0}
               : last->cell;
}

static void aggregate_events(struct view_read *read, int index)
{
    const struct aggregate *aggregate = &read->view->aggregates[index];
    struct argument *arguments =
        pool_take(read->naive->pool, (size_t)(read->event_count + 1) * sizeof *arguments);
    const int count = find_arguments(read, aggregate, arguments);
    const struct kind kind = aggregate->argument ? aggregate->argument->kind : (struct kind){KIND_INT64, 0};
    struct cell *result = &read->aggregates[index];
    read->expired[index] = aggregate->bound == BOUND_WITHIN && count &&
                           arguments[count - 1].time < read->point.t - aggregate->window;
    switch (aggregate->function) {
    case FN_COUNT: *result = (struct cell){.present = true, .i = count}; break;
    case FN_MIN: *result = extreme(kind, arguments, count, -1); break;
    case FN_MAX: *result = extreme(kind, arguments, count, 1); break;
    case FN_FIRST: *result = count ? arguments[0].cell : (struct cell){0}; break;
    case FN_LAST: *result = latest(read, index, arguments, count); break;
    case FN_DISTINCT: *result = distinct(kind, arguments, count); break;
    default: *result = moments(aggregate, arguments, count); break;
    }
}

// ---- Features and services

struct row_read {
    const struct naive *naive;
    const struct cell *keys, *request;
    struct naive_point point;
    struct view_read views[MAX_VIEWS];
};

static struct cell view_feature(struct row_read *row, int view, int index);

struct feature_context {
    struct row_read *row;
    int view;
};

static struct cell feature_of_view(void *context, int view, int index)
{
    const struct feature_context *feature = context;
    (void)view;
    return view_feature(feature->row, feature->view, index);
}

static struct cell feature_of_service(void *context, int view, int index)
{
    return view_feature(context, view, index);
}

static struct cell view_feature(struct row_read *row, int view, int index)
{
    const struct view_read *read = &row->views[view];
    struct feature_context context = {row, view};
    const struct scope scope = {.pool = row->naive->pool,
                                .aggregates = read->aggregates,
                                .feature = feature_of_view,
                                .context = &context,
                                .keys = read->keys,
                                .t = row->point.t};
    return naive_evaluate(read->view->features[index].expression, &scope);
}

static bool reads_expired(const struct view_read *read, const struct expression *expression)
{
    if (expression->op == OP_AGGREGATE) return read->expired[expression->index];
    if (expression->op == OP_FEATURE)
        return reads_expired(read, read->view->features[expression->index].expression);
    for (int i = 0; i < expression->child_count; i++)
        if (reads_expired(read, expression->child[i])) return true;
    return false;
}

// What a null of the service's expression is for: the worst of the view features it reads.
static enum naive_status reason(const struct row_read *row, const struct expression *expression)
{
    enum naive_status found = NAIVE_NULL;
    if (expression->op == OP_FEATURE) {
        const struct view_read *read = &row->views[expression->view];
        if (read->event_count == 0) return NAIVE_NOT_FOUND;
        return reads_expired(read, read->view->features[expression->index].expression) ? NAIVE_EXPIRED
                                                                                       : NAIVE_NULL;
    }
    for (int i = 0; i < expression->child_count; i++) {
        const enum naive_status status = reason(row, expression->child[i]);
        if (status == NAIVE_NOT_FOUND) return status;
        if (status == NAIVE_EXPIRED) found = status;
    }
    return found;
}

static void read_view(struct row_read *row, int index)
{
    const struct plan *plan = row->naive->plan;
    struct view_read *read = &row->views[index];
    *read = (struct view_read){.naive = row->naive, .view = &plan->views[index], .point = row->point};
    for (int k = 0; k < read->view->entity->key_count; k++)
        for (int s = 0; s < plan->service_key_count; s++)
            if (plan->service_keys[s] == read->view->entity->keys[k]) read->keys[k] = row->keys[s];
    find_events(read);
    for (int i = 0; i < read->view->aggregate_count; i++) aggregate_events(read, i);
}

void naive_read(const struct naive *naive, const struct cell *keys, const struct cell *request,
                struct naive_point point, struct cell *values, enum naive_status *statuses)
{
    struct row_read row = {.naive = naive, .keys = keys, .request = request, .point = point};
    for (int v = 0; v < naive->plan->view_count; v++) read_view(&row, v);
    for (int f = 0; f < naive->plan->feature_count; f++) {
        const struct expression *expression = naive->plan->features[f].expression;
        const struct scope scope = {.pool = naive->pool,
                                    .feature = feature_of_service,
                                    .context = &row,
                                    .request = request,
                                    .keys = keys,
                                    .t = point.t};
        values[f] = naive_evaluate(expression, &scope);
        statuses[f] = values[f].present ? NAIVE_PRESENT : reason(&row, expression);
    }
}
