// Aggregates: which events count, and the simplest of what is made of them.

#include "naive_aggregate.h"

#include <stdlib.h>

#include "naive_evaluate.h"

static int64_t default_hop(int64_t window)
{
    if (window >= 12 * DAY) return DAY;
    if (window >= 12 * HOUR) return HOUR;
    if (window >= HOUR) return 5 * MINUTE;
    int64_t hops = 12; // the fewest in a window
    while (hops < window && window % hops) hops++;
    return window < 12 ? 1 : window / hops;
}

static int64_t window_start(const struct aggregate *aggregate, int64_t t)
{
    if (aggregate->bound != BOUND_WINDOW) return INT64_MIN;
    const int64_t hop = aggregate->hop ? aggregate->hop : default_hop(aggregate->window);
    const int64_t start = t - aggregate->window, over = start % hop;
    return start - (over < 0 ? over + hop : over);
}

static struct cell argument_of(const struct expression *argument, const struct scope *scope)
{
    return argument ? naive_evaluate(argument, scope) : (struct cell){.present = true};
}

static struct kind kind_of(const struct expression *argument)
{
    return argument ? argument->kind : (struct kind){KIND_INT64, 0};
}

static struct naive_rows find_rows(const struct naive_seen *seen, const struct aggregate *aggregate)
{
    const int64_t start = window_start(aggregate, seen->t);
    int first =
        aggregate->last && aggregate->last < seen->event_count ? seen->event_count - aggregate->last : 0;
    while (first < seen->event_count && seen->events[first]->time < start) first++;
    struct naive_row *rows = pool_take(seen->pool, (size_t)(seen->event_count - first + 1) * sizeof *rows);
    int count = 0;
    for (int i = first; i < seen->event_count; i++) {
        const struct naive_event *event = seen->events[i];
        const struct scope scope = {.pool = seen->pool, .columns = event->cells, .event_time = event->time};
        if (!naive_is_true(aggregate->where, &scope)) continue;
        const struct naive_row row = {event->time, argument_of(aggregate->argument, &scope),
                                      argument_of(aggregate->second, &scope)};
        const bool is_there = row.x.present && row.y.present;
        if (is_there || aggregate->function == FN_LAST) rows[count++] = row;
    }
    return (struct naive_rows){.pool = seen->pool,
                               .aggregate = aggregate,
                               .x = kind_of(aggregate->argument),
                               .y = kind_of(aggregate->second),
                               .count = count,
                               .rows = rows,
                               .t = seen->t};
}

static struct cell whole(int64_t value)
{
    return (struct cell){.present = true, .i = value};
}

static struct cell extreme(const struct naive_rows *rows, int direction)
{
    struct cell best = {0};
    for (int i = 0; i < rows->count; i++)
        if (!best.present || direction * cell_order(rows->x, rows->rows[i].x, best) > 0)
            best = rows->rows[i].x;
    return best;
}

// Is some bool of them `wanted`?
static bool has(const struct naive_rows *rows, bool wanted)
{
    for (int i = 0; i < rows->count; i++)
        if ((rows->rows[i].x.i != 0) == wanted) return true;
    return false;
}

static struct cell value_of(const struct naive_rows *rows)
{
    const struct naive_row *first = rows->rows, *last = rows->rows + rows->count - 1;
    const enum function function = rows->aggregate->function;
    if (function == FN_COUNT) return whole(rows->count);
    if (rows->count == 0) return (struct cell){0};
    if (function >= FN_DECAYED_SUM) return naive_decay(rows);
    if (function >= FN_COUNT_BY || function == FN_DISTINCT) return naive_tally(rows);
    if (function >= FN_QUANTILE) return naive_quantile(rows);
    if (function >= FN_MIN_BY) return naive_place(rows);
    switch (function) {
    case FN_MIN: return extreme(rows, -1);
    case FN_MAX: return extreme(rows, 1);
    case FN_FIRST: return first->x;
    case FN_LAST: return last->x;
    case FN_ANY: return whole(has(rows, true));
    case FN_ALL: return whole(!has(rows, false));
    case FN_SINCE_LAST: return whole(rows->t - last->time);
    case FN_SINCE_FIRST: return whole(rows->t - first->time);
    default: return naive_moment(rows);
    }
}

struct cell naive_aggregate(const struct naive_seen *seen, const struct aggregate *aggregate, bool *expired)
{
    const struct naive_rows rows = find_rows(seen, aggregate);
    *expired = aggregate->bound == BOUND_WITHIN && rows.count &&
               rows.rows[rows.count - 1].time < seen->t - aggregate->window;
    return *expired ? (struct cell){0} : value_of(&rows);
}
