// From a sealed series to the values of a view's aggregates at a read point. See series.h.
//
// Every window holds the newest of the rows that the read sees, down to some place in each lane: its cut.
// Cuts are nested, so each group has one running total that goes from the newest row back, and is read at
// every cut at which an aggregate asks. What is first or last is found, not folded.

#include "engine/base/planted.h"
#include "engine/series_internal.h"
#include "engine/window_value.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_FETCHED 512       // a series of fewer is in the cache
#define NEAR_ROWS    256       // searched on either side of a row that is likely
#define ARENA_BYTES  (1 << 18) // of what reads leave behind, before totals are made anew

struct cut {
    int32_t from[SS_SERIES_LANES]; // rows from here on, up to the end of what the read sees
    int64_t row_count;             // of them: the order of cuts
};

struct sums { // of the rows since the newest
    struct ss_series_total total;
    struct ss_group_sums taken; // at the cut that is read, with the event at hand
    uint64_t n;
};

struct ss_series_reader {
    const struct ss_view *view;
    const struct ss_series_plan *plan;
    struct ss_arena plan_arena;
    struct ss_arena arena;        // of the totals
    size_t base_bytes;            // of the arena, after the first read of totals made anew; 0: not read yet
    struct ss_group_state *total; // group_count
    struct ss_group_ends *ends;   // group_count
    struct sums *sums;            // group_count: of groups that have sums
    struct cut *cuts;             // window_count
    int32_t *near;                // [lane * (window_count + 1) + window]: rows of the last read; then its end
    int *order;                   // window_count: cuts, shorter ones first
    uint32_t *parts;              // group_count * window_count, by order: what this cut and longer ones need
    const int32_t **reached;      // group_count: the cut at which the total is
};

struct reading {
    const struct ss_series *series; // not NULL
    struct ss_series_reader *reader;
    struct ss_read_point point;
    int64_t seen_us; // an event is seen that is known before
    const struct ss_event *at_hand;
    int32_t begin[SS_SERIES_LANES]; // rows before it are all deleted
    int32_t end[SS_SERIES_LANES];   // no row from here on happened before t
    bool is_tested[SS_SERIES_LANES];
    int32_t clear[SS_SERIES_LANES]; // where there are sums: rows before it are all seen
    struct ss_value *values;
    bool *expired;
};

// ---- Life

enum ss_status ss_series_reader_create(const struct ss_view *view, struct ss_series_reader **reader,
                                       struct ss_error *error)
{
    struct ss_series_reader *created = calloc(1, sizeof *created);
    if (!created) return ss_fail_memory(error, "a reader of series");
    created->view = view;
    created->plan = ss_series_plan_make(view, &created->plan_arena);
    struct ss_arena *arena = &created->plan_arena;
    const size_t windows = created->plan ? (size_t)created->plan->window_count : 0;
    created->total = ss_arena_array(arena, view->group_count, sizeof *created->total);
    created->ends = ss_arena_array(arena, view->group_count, sizeof *created->ends);
    created->sums = ss_arena_array(arena, view->group_count, sizeof *created->sums);
    created->cuts = ss_arena_array(arena, windows, sizeof *created->cuts);
    created->near = ss_arena_array(arena, SS_SERIES_LANES * (windows + 1), sizeof *created->near);
    created->order = ss_arena_array(arena, windows, sizeof *created->order);
    created->parts = ss_arena_array(arena, windows * view->group_count, sizeof *created->parts);
    created->reached = ss_arena_array(arena, view->group_count, sizeof *created->reached);
    if (!created->plan || !created->total || !created->ends || !created->sums || !created->cuts ||
        !created->near || !created->order || !created->parts || !created->reached) {
        ss_series_reader_destroy(created);
        return ss_fail_memory(error, "a reader of series");
    }
    *reader = created;
    return SS_OK;
}

void ss_series_reader_destroy(struct ss_series_reader *reader)
{
    if (!reader) return;
    ss_arena_release(&reader->arena);
    ss_arena_release(&reader->plan_arena);
    free(reader);
}

// Totals keep their memory from read to read, until what they no longer hold is much more than they need.
static void renew_totals(struct ss_series_reader *reader)
{
    if (reader->base_bytes == 0) reader->base_bytes = reader->arena.used_bytes;
    if (reader->arena.used_bytes < 2 * reader->base_bytes + ARENA_BYTES) return;
    ss_arena_reset(&reader->arena);
    memset(reader->total, 0, reader->view->group_count * sizeof *reader->total);
    reader->base_bytes = 0;
}

// ---- Cuts

// The first of items [low, high) at time_us or later. Without a branch that goes by what is found.
static int32_t search(const int64_t *items_us, int32_t low, int32_t high, int64_t time_us)
{
    int32_t length = high - low;
    const int64_t *at_us = items_us + low;
    if (length <= 0) return low;
    for (; length > 1; length -= length / 2) at_us += at_us[length / 2 - 1] < time_us ? length / 2 : 0;
    return (int32_t)(at_us - items_us) + (*at_us < time_us);
}

// The same for items of which it is likely to be near `*near`, which becomes it. False: it is not.
static bool search_near(const int64_t *items_us, int32_t low, int32_t high, int64_t time_us, int32_t *near)
{
    int32_t least = *near < low ? low : *near > high ? high : *near, most = least;
    if (least < high && items_us[least] < time_us) {
        for (int32_t step = 1; most < high && items_us[most] < time_us; step *= 2) {
            if (step > NEAR_ROWS) return false;
            least = most + 1;
            most = high - most > step ? most + step : high;
        }
    } else {
        for (int32_t step = 1; least > low && items_us[least - 1] >= time_us; step *= 2) {
            if (step > NEAR_ROWS) return false;
            most = least - 1;
            least = least - low > step ? least - step : low;
        }
    }
    *near = search(items_us, least, most, time_us);
    return true;
}

// The first row of [low, high) of the lane at time_us or later. Long lanes lie all over memory: there it is
// looked for near that of the read before, then the sampled times say about where.
static int32_t search_lane(const struct ss_series *series, const struct ss_series_lane *lane, int32_t low,
                           int32_t high, int64_t time_us, int32_t *near)
{
    if (lane->sampled_us && search_near(series->event_time_us, low, high, time_us, near)) return *near;
    if (lane->sampled_us && high - low > SS_SERIES_STRIDE) {
        const int32_t first = (low - lane->begin) / SS_SERIES_STRIDE + 1;
        const int32_t end = (high - lane->begin - 1) / SS_SERIES_STRIDE + 1;
        const int32_t sample = search(lane->sampled_us, first, end, time_us); // it or a row before it
        if (sample < end) high = lane->begin + sample * SS_SERIES_STRIDE;
        if (sample > first) low = lane->begin + (sample - 1) * SS_SERIES_STRIDE + 1;
        for (int32_t row = low; row < high; row += 8) __builtin_prefetch(series->event_time_us + row);
    }
    return *near = search(series->event_time_us, low, high, time_us);
}

// The first deleted row before `end` that may still be seen: most deletes are known to most reads.
static int32_t first_deleted(const struct reading *reading, int32_t end)
{
    const struct ss_series *series = reading->series;
    const int32_t begin = series->lanes[SS_LANE_DELETED].begin;
    int32_t low = begin, high = end;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        const struct ss_series_deletion *deletion = &series->deletions[middle - begin];
        if (deletion->greatest_seq <= reading->point.s && deletion->latest_us < reading->seen_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t *near_of(const struct reading *reading, int lane, int window)
{
    return &reading->reader->near[lane * (reading->reader->plan->window_count + 1) + window];
}

// The first row of the lane, before `end`, that may not be seen.
static int32_t first_unclear(const struct reading *reading, int l, int32_t end)
{
    const struct ss_series *series = reading->series;
    int32_t low = series->lanes[l].begin, clear = end;
    if (l == SS_LANE_DELETED) return low;
    if (!reading->is_tested[l]) return end;
    for (int i = 0; i < 4 && clear > low && series->known_by_us[clear - 1] >= reading->seen_us; i++) clear--;
    if (clear > low && series->known_by_us[clear - 1] >= reading->seen_us)
        clear = search(series->known_by_us, low, clear, reading->seen_us);
    for (int32_t high = clear; low < high;) {
        const int32_t middle =
            series->seq_by[high - 1] <= reading->point.s ? high - 1 : low + (high - low) / 2;
        if (series->seq_by[middle] <= reading->point.s)
            low = middle + 1;
        else
            clear = high = middle;
    }
    return clear;
}

static void find_ends(struct reading *reading)
{
    const struct ss_series *series = reading->series;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        const struct ss_series_lane *lane = &series->lanes[l];
        reading->begin[l] = reading->end[l] = lane->begin;
        if (lane->begin == lane->end) continue;
        reading->end[l] = search_lane(series, lane, lane->begin, lane->end, reading->seen_us,
                                      near_of(reading, l, reading->reader->plan->window_count));
        reading->is_tested[l] =
            l == SS_LANE_DELETED || lane->known_us >= reading->seen_us || lane->seq > reading->point.s;
        if (series->sums) reading->clear[l] = first_unclear(reading, l, reading->end[l]);
        if (l == SS_LANE_DELETED) reading->begin[l] = first_deleted(reading, reading->end[l]);
    }
}

static inline bool sees(const struct reading *reading, int lane, int32_t row)
{
    const struct ss_series *series = reading->series;
    return !reading->is_tested[lane] ||
           ss_series_sees(series, &series->lanes[lane], row, reading->seen_us, reading->point.s);
}

// Is row a of the series behind row b, by (event_time, seq)?
static inline bool is_behind(const struct ss_series *series, int32_t a, int32_t b)
{
    if (series->event_time_us[a] != series->event_time_us[b])
        return series->event_time_us[a] > series->event_time_us[b];
    return series->seq[a] > series->seq[b];
}

// Goes back over the newest row before the cut. The lane it is in; -1: there is none.
static int step_back(const struct reading *reading, struct cut *cut)
{
    int newest = -1;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        if (cut->from[l] == reading->begin[l]) continue;
        if (newest < 0 || is_behind(reading->series, cut->from[l] - 1, cut->from[newest] - 1)) newest = l;
    }
    if (newest >= 0) cut->from[newest]--;
    return newest;
}

// Takes the cut on to the newest `last_n` events that are seen; *seen of them it has.
static void cut_last(const struct reading *reading, int64_t last_n, int64_t *seen, struct cut *cut)
{
    while (*seen < last_n) {
        const int lane = step_back(reading, cut);
        if (lane < 0) return;
        *seen += sees(reading, lane, cut->from[lane]);
    }
}

static void cut_window(const struct reading *reading, int w, struct cut *cut)
{
    const struct ss_aggregate *window = reading->reader->plan->windows[w];
    const struct ss_series *series = reading->series;
    const int64_t start_us = ss_window_start(window, reading->point.t_us);
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        const struct ss_series_lane *lane = &series->lanes[l];
        const int32_t least = window->last_n ? cut->from[l] : reading->begin[l];
        cut->from[l] =
            start_us == INT64_MIN || least == reading->end[l]
                ? least
                : search_lane(series, lane, least, reading->end[l], start_us, near_of(reading, l, w));
    }
}

// The plan's windows: those of the newest N first, fewer before more.
static void find_cuts(const struct reading *reading)
{
    struct ss_series_reader *reader = reading->reader;
    struct cut newest;
    int64_t seen = reading->at_hand != NULL;
    memcpy(newest.from, reading->end, sizeof newest.from);
    for (int w = 0; w < reader->plan->window_count; w++) {
        const struct ss_aggregate *window = reader->plan->windows[w];
        struct cut *cut = &reader->cuts[w];
        if (window->last_n) cut_last(reading, window->last_n, &seen, &newest);
        *cut = newest;
        cut_window(reading, w, cut);
        cut->row_count = 0;
        for (int l = 0; l < SS_SERIES_LANES; l++) cut->row_count += reading->end[l] - cut->from[l];
        int at = w;
        for (; at > 0 && reader->cuts[reader->order[at - 1]].row_count > cut->row_count; at--)
            reader->order[at] = reader->order[at - 1];
        reader->order[at] = w;
    }
}

// ---- First and last

// The newest row of [from, to) with at least this mark that is seen; -1: none. Rows that are out are passed
// over eight at a time.
static int32_t newest_row(const struct reading *reading, int lane, const uint8_t *marks, int32_t from,
                          int32_t to)
{
    for (int32_t row = to; row > from;) {
        uint64_t eight = 1;
        if (marks && row - from >= 8) memcpy(&eight, marks + row - 8, sizeof eight);
        if (eight == 0) {
            row -= 8;
            continue;
        }
        row--;
        if (ss_series_mark(marks, row) != SS_SERIES_OUT && sees(reading, lane, row)) return row;
    }
    return -1;
}

static int32_t oldest_row(const struct reading *reading, int lane, const uint8_t *marks, int32_t from,
                          int32_t to)
{
    for (int32_t row = from; row < to;) {
        uint64_t eight = 1;
        if (marks && to - row >= 8) memcpy(&eight, marks + row, sizeof eight);
        if (eight != 0) {
            if (ss_series_mark(marks, row) == SS_SERIES_COUNTS && sees(reading, lane, row)) return row;
            row++;
            continue;
        }
        row += 8;
    }
    return -1;
}

// Written where it is read from, member by member: a copy of what was just written would wait for it.
static void set_end(const struct ss_series *series, int group, int32_t row, struct ss_group_end *end)
{
    const int column = series->plan->groups[group].argument;
    end->there = true;
    end->event_time_us = series->event_time_us[row];
    end->seq = series->seq[row];
    end->value = (struct ss_value){0};
    if (column >= 0 && ss_series_mark(series->marks[group], row) == SS_SERIES_COUNTS)
        ss_series_value(series, column, row, &end->value);
}

// Rows come from the newest cut on: what is last stays, what is first gives way to an older one.
static void find_last(const struct reading *reading, int group, const int32_t *from, const int32_t *to)
{
    struct ss_group_ends *ends = &reading->reader->ends[group];
    int32_t newest = -1;
    if (ends->last.there) return;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        if (from[l] == to[l]) continue;
        const int32_t row = newest_row(reading, l, reading->series->marks[group], from[l], to[l]);
        if (row >= 0 && (newest < 0 || is_behind(reading->series, row, newest))) newest = row;
    }
    if (newest >= 0) set_end(reading->series, group, newest, &ends->last);
}

static void find_first(const struct reading *reading, int group, const int32_t *from, const int32_t *to)
{
    int32_t oldest = -1;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        if (from[l] == to[l]) continue;
        const int32_t row = oldest_row(reading, l, reading->series->marks[group], from[l], to[l]);
        if (row >= 0 && (oldest < 0 || is_behind(reading->series, oldest, row))) oldest = row;
    }
    if (oldest >= 0) set_end(reading->series, group, oldest, &reading->reader->ends[group].first);
}

// ---- Totals

static bool add_at_hand(const struct reading *reading, int group, uint32_t parts)
{
    const struct ss_event *event = reading->at_hand;
    struct ss_series_reader *reader = reading->reader;
    if (!event || !event->passes[group]) return true;
    const struct ss_group_kind kind = ss_total_kind(reader->view, group, parts);
    const struct ss_group_event of_group = {event->event_time_us, event->seq, event->values[group],
                                            event->seconds ? event->seconds[group] : (struct ss_value){0}};
    return ss_group_add(&reader->total[group], &kind, &of_group, &reader->arena);
}

static bool begin_total(const struct reading *reading, int group, uint32_t parts)
{
    struct ss_series_reader *reader = reading->reader;
    struct ss_group_state *total = &reader->total[group];
    total->ends = &reader->ends[group];
    ss_group_clear(total);
    return add_at_hand(reading, group, parts);
}

// Takes the group's total on from one cut to a longer one.
static bool extend_total(const struct reading *reading, int group, uint32_t parts, const int32_t *from,
                         const int32_t *to)
{
    struct ss_series_reader *reader = reading->reader;
    const uint32_t folded = parts & ~(uint32_t)SS_GROUP_END_PARTS;
    if (parts & SS_PART_LAST) find_last(reading, group, from, to);
    if (parts & SS_PART_FIRST) find_first(reading, group, from, to);
    for (int l = 0; folded && l < SS_SERIES_LANES; l++) {
        const struct ss_series_fold fold = {.series = reading->series,
                                            .lane = &reading->series->lanes[l],
                                            .group = group,
                                            .kind = ss_total_kind(reader->view, group, folded),
                                            .total = &reader->total[group],
                                            .arena = &reader->arena,
                                            .seen_us = reading->seen_us,
                                            .s = reading->point.s,
                                            .is_tested = reading->is_tested[l]};
        if (from[l] < to[l] && !ss_series_fold_span(&fold, from[l], to[l])) return false;
    }
    return true;
}

// The same where there are sums: rows that are all seen are a difference, others are tested.
static void extend_sums(const struct reading *reading, int group, const int32_t *from, const int32_t *to)
{
    const struct ss_series_sums *sums = &reading->series->sums[group];
    struct ss_series_total *total = &reading->reader->sums[group].total;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        if (from[l] == to[l]) continue;
        const int32_t clear = to[l] < reading->clear[l] ? to[l] : reading->clear[l];
        if (from[l] < clear) ss_series_sums_add(sums, from[l], clear, total);
        for (int32_t row = from[l] < clear ? clear : from[l]; row < to[l]; row++)
            if (sees(reading, l, row)) ss_series_sums_add(sums, row, row + 1, total);
    }
}

// What has been summed up, and the event at hand. False: out of memory.
static bool take_sums(const struct reading *reading, int group)
{
    struct ss_series_reader *reader = reading->reader;
    const struct ss_event *event = reading->at_hand;
    struct sums *sums = &reader->sums[group];
    sums->n = sums->total.n;
    if (sums->n || event) ss_series_sums_take(&reading->series->sums[group], &sums->total, &sums->taken);
    if (!event || !event->passes[group] || !event->values[group].present) return true;
    sums->n++;
    return ss_series_sums_take_value(reader->view->groups[group].type.id, &event->values[group], &sums->taken,
                                     &reader->arena);
}

static void read_sums(const struct reading *reading, const struct ss_series_step *step, int group)
{
    struct ss_series_reader *reader = reading->reader;
    const struct sums *sums = &reader->sums[group];
    const struct ss_type type = reader->view->groups[group].type;
    for (int i = 0; i < step->aggregate_count; i++) {
        const int a = step->aggregates[i];
        const enum ss_aggregate_fn fn = reader->view->aggregates[a].fn;
        struct ss_value *value = &reading->values[a];
        if (fn != SS_AGG_COUNT && sums->n) {
            ss_group_sums_value(&sums->taken, sums->n, type, fn, value);
        } else {
            *value = (struct ss_value){.present = fn == SS_AGG_COUNT};
            value->i64 = (int64_t)sums->n;
        }
    }
}

static enum ss_status read_step(const struct reading *reading, const struct ss_series_step *step, int group,
                                uint32_t parts, struct ss_error *error)
{
    struct ss_series_reader *reader = reading->reader;
    for (int i = 0; i < step->aggregate_count; i++) {
        const int a = step->aggregates[i];
        SS_TRY(ss_window_value(reader->view, &reader->view->aggregates[a], &reader->total[group], parts,
                               reading->point.t_us, &reader->arena, &reading->values[a], &reading->expired[a],
                               error));
    }
    return SS_OK;
}

// Asks for the memory of the sums at all cuts at once: those of many rows lie far apart.
static void fetch_sums(const struct reading *reading, int group)
{
    const struct ss_series_sums *sums = &reading->series->sums[group];
    const struct ss_series_reader *reader = reading->reader;
    if (reading->series->length < ROWS_FETCHED) return;
    for (int l = SS_LANE_PROMPT; l <= SS_LANE_LATE; l++) {
        __builtin_prefetch(&sums->before[reading->clear[l]]);
        for (int w = 0; w < reader->plan->window_count; w++)
            __builtin_prefetch(&sums->before[reader->cuts[w].from[l]]);
    }
}

// Makes each total ready: with the event at hand, and what it has to keep for the cuts from each one on.
static bool begin_totals(const struct reading *reading)
{
    struct ss_series_reader *reader = reading->reader;
    const struct ss_series_plan *plan = reader->plan;
    for (int r = 0; r < plan->read_count; r++) {
        const int group = plan->reads[r];
        uint32_t *parts = reader->parts + (size_t)group * (size_t)plan->window_count, needed = 0;
        for (int i = plan->window_count; i-- > 0;)
            parts[i] = needed |= plan->groups[group].steps[reader->order[i]].parts;
        reader->reached[group] = reading->end;
        reader->sums[group].total = ss_series_no_rows;
        if (ss_series_has_sums(reading->series->sums, group)) {
            fetch_sums(reading, group);
            continue;
        }
        if (!begin_total(reading, group, needed)) return false;
    }
    return true;
}

static bool extend(const struct reading *reading, int group, uint32_t parts, const int32_t *from,
                   const int32_t *to)
{
    if (!ss_series_has_sums(reading->series->sums, group))
        return extend_total(reading, group, parts, from, to);
    extend_sums(reading, group, from, to);
    return take_sums(reading, group);
}

// All totals go on to the cut before the first is read: what was just written is slow to read.
static enum ss_status read_cut(const struct reading *reading, int i, struct ss_error *error)
{
    struct ss_series_reader *reader = reading->reader;
    const struct ss_series_plan *plan = reader->plan;
    const int window = reader->order[i];
    const int32_t *from = reader->cuts[window].from;
    for (int r = 0; r < plan->read_count; r++) {
        const int group = plan->reads[r];
        if (!plan->groups[group].steps[window].aggregate_count) continue;
        const uint32_t parts = reader->parts[group * plan->window_count + i];
        if (!extend(reading, group, parts, from, reader->reached[group]))
            return ss_fail_memory(error, "the value of a window");
        reader->reached[group] = from;
    }
    for (int r = 0; r < plan->read_count; r++) {
        const int group = plan->reads[r];
        const uint32_t parts = reader->parts[group * plan->window_count + i];
        if (ss_series_has_sums(reading->series->sums, group))
            read_sums(reading, &plan->groups[group].steps[window], group);
        else
            SS_TRY(read_step(reading, &plan->groups[group].steps[window], group, parts, error));
    }
    return SS_OK;
}

static bool finds_any(const struct reading *reading)
{
    if (reading->at_hand) return true;
    for (int l = 0; l < SS_SERIES_LANES; l++)
        if (newest_row(reading, l, NULL, reading->begin[l], reading->end[l]) >= 0) return true;
    return false;
}

enum ss_status ss_series_read(const struct ss_series *series, struct ss_series_reader *reader,
                              struct ss_read_point point, const struct ss_event *at_hand,
                              struct ss_value *values, bool *expired, bool *found, struct ss_error *error)
{
    static const struct ss_series nothing = {.is_sealed = true};
    struct reading reading = {.series = series ? series : &nothing,
                              .reader = reader,
                              .point = point,
                              .seen_us = point.t_us,
                              .at_hand = at_hand,
                              .values = values,
                              .expired = expired};
    SS_ASSERT(!series || (series->is_sealed && series->as_of_event_time == point.as_of_event_time));
    if (SS_PLANTED(inclusive_bound) && point.t_us < INT64_MAX) reading.seen_us++;
    memset(expired, 0, reader->view->aggregate_count * sizeof *expired);
    renew_totals(reader);
    find_ends(&reading);
    find_cuts(&reading);
    if (!begin_totals(&reading)) return ss_fail_memory(error, "the value of a window");
    for (int i = 0; i < reader->plan->window_count; i++) SS_TRY(read_cut(&reading, i, error));
    *found = finds_any(&reading);
    return SS_OK;
}
