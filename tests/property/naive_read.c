// The naive scan, what a read point sees: visible events, the views' aggregates over them, features.

#include "naive_read.h"

#include "naive_aggregate.h"
#include "naive_evaluate.h"

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
    struct pool *pool;
    const struct view *view;
    struct cell keys[MAX_KEYS];
    const struct cell *row_keys; // of the service
    struct naive_point point;
    int event_count;
    const struct naive_event **events; // visible, of the key, passing `where`, by (time, seq)
    struct cell aggregates[MAX_AGGREGATES];
    bool expired[MAX_AGGREGATES];
};

// Columns that were left out and are called as a key of the service.
static void take_keys_of_row(const struct view_read *read, struct cell *cells)
{
    const struct plan *plan = read->naive->plan;
    for (int c = 0; c < read->view->source->column_count; c++)
        for (int s = 0; s < plan->service_key_count; s++)
            if (read->view->source->columns[c].role == ROLE_KEY &&
                read->view->source->columns[c].key == plan->service_keys[s])
                cells[c] = read->row_keys[s];
}

static bool has_keys(const struct view_read *read, const struct naive_event *event)
{
    struct cell keys[MAX_KEYS] = {{0}};
    if (!naive_keys_of(read->view, event, keys)) return false;
    for (int k = 0; k < read->view->entity->key_count; k++) {
        const struct kind kind = read->naive->plan->key_kinds[read->view->entity->keys[k]];
        if (!read->keys[k].present || !cell_equal(kind, keys[k], read->keys[k])) return false;
    }
    return true;
}

// The event at hand is at t - 1 us and the newest, whatever it says itself.
static void add_at_hand(struct view_read *read)
{
    const struct naive *naive = read->naive;
    const struct source *source = read->view->source;
    if (!naive->at_hand || read->view->source_index != naive->at_hand_source) return;
    struct cell *cells = pool_take(read->pool, MAX_COLUMNS * sizeof *cells);
    struct naive_event *event = pool_take(read->pool, sizeof *event);
    for (int c = 0; c < source->column_count; c++) cells[c] = naive->at_hand[c];
    if (naive->at_hand_lacks_keys) take_keys_of_row(read, cells);
    const struct cell insert = {.present = true, .text = "insert"},
                      known = {.present = true, .i = read->point.t - 1};
    if (source->operation_column >= 0) cells[source->operation_column] = insert;
    if (source->arrival_column >= 0) cells[source->arrival_column] = known;
    cells[source->time_column] = (struct cell){.present = true, .i = read->point.t - 1};
    *event = (struct naive_event){.seq = UINT64_MAX, .time = read->point.t - 1, .cells = cells};
    const struct scope scope = {.pool = read->pool, .columns = cells, .event_time = event->time};
    if (has_keys(read, event) && naive_is_true(read->view->where, &scope))
        read->events[read->event_count++] = event;
}

static void find_events(struct view_read *read, int index)
{
    const struct naive_entity *entity = naive_find_entity(read->naive, index, read->keys);
    const int count = entity ? entity->event_count : 0;
    read->events = pool_take(read->pool, (size_t)(count + 1) * sizeof *read->events);
    for (int i = 0; i < count; i++)
        if (is_visible(entity->events[i], read->point)) read->events[read->event_count++] = entity->events[i];
    add_at_hand(read);
}

// ---- Features and services

struct row_read {
    const struct naive *naive;
    struct pool *pool; // of this read
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
    const struct scope scope = {.pool = row->pool,
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
    *read = (struct view_read){.naive = row->naive,
                               .pool = row->pool,
                               .view = &plan->views[index],
                               .row_keys = row->keys,
                               .point = row->point};
    for (int k = 0; k < read->view->entity->key_count; k++)
        for (int s = 0; s < plan->service_key_count; s++)
            if (plan->service_keys[s] == read->view->entity->keys[k]) read->keys[k] = row->keys[s];
    find_events(read, index);
    const struct naive_seen seen = {read->pool, read->events, read->event_count, row->point.t};
    for (int i = 0; i < read->view->aggregate_count; i++)
        read->aggregates[i] = naive_aggregate(&seen, &read->view->aggregates[i], &read->expired[i]);
}

void naive_read(const struct naive *naive, const struct cell *keys, const struct cell *request,
                struct naive_point point, struct cell *values, enum naive_status *statuses)
{
    struct pool pool = {0};
    struct row_read row = {.naive = naive, .pool = &pool, .keys = keys, .request = request, .point = point};
    for (int v = 0; v < naive->plan->view_count; v++) read_view(&row, v);
    for (int f = 0; f < naive->plan->feature_count; f++) {
        const struct expression *expression = naive->plan->features[f].expression;
        const struct scope scope = {.pool = &pool,
                                    .feature = feature_of_service,
                                    .context = &row,
                                    .request = request,
                                    .keys = keys,
                                    .t = point.t};
        const struct cell value = naive_evaluate(expression, &scope);
        values[f] = cell_copy(naive->answers, expression->kind, value);
        statuses[f] = value.present ? NAIVE_PRESENT : reason(&row, expression);
    }
    pool_release(&pool);
}
