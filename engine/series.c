// The rows of a series: added in columns, sealed into lanes. See series.h and series_internal.h.
//
// Rows are added a column at a time: 10M of them pass here for a table. Sealing makes of every arrival the
// time from which on the row is known, finds how late all but a few rows are, and moves those few and the
// deleted ones behind the others, so that each lane is a run of rows in order.

#include "engine/series_internal.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_KEPT     (1 << 16) // between entities
#define ROWS_SAMPLED  1024      // a shorter lane is searched as it is
#define ROWS_LATE     256       // a shorter series has no late lane
#define LATE_SHARE    32        // of its rows at most one in so many is late
#define LATENESS_BITS 65

// ---- Room

static bool grow_array(void **items, int32_t capacity, size_t size)
{
    void *grown = realloc(*items, (size_t)capacity * size);
    if (grown) *items = grown;
    return grown != NULL;
}

static size_t value_size(const struct ss_series *series, int column)
{
    return ss_series_is_text(series, column) ? sizeof(struct ss_bytes) : sizeof(int64_t);
}

static bool has_marks(const struct ss_series *series, int group)
{
    return series->view->groups[group].filter >= 0 || series->view->groups[group].argument >= 0;
}

static bool make_room(struct ss_series *series, int32_t more)
{
    const struct ss_series_plan *plan = series->plan;
    int32_t capacity = series->capacity ? series->capacity : 64, needed;
    if (__builtin_add_overflow(series->length, more, &needed) || needed > INT32_MAX / 2) return false;
    if (needed <= series->capacity) return true;
    while (capacity < needed) capacity *= 2;
    if (!grow_array((void **)&series->event_time_us, capacity, sizeof *series->event_time_us) ||
        !grow_array((void **)&series->known_us, capacity, sizeof *series->known_us) ||
        !grow_array((void **)&series->seq, capacity, sizeof *series->seq) ||
        !grow_array((void **)&series->lane_of, capacity, sizeof *series->lane_of))
        return false;
    for (int c = 0; c < plan->column_count; c++)
        if (!grow_array(&series->values[c].items, capacity, value_size(series, c))) return false;
    for (int g = 0; g < plan->group_count; g++)
        if (has_marks(series, g) && !grow_array((void **)&series->marks[g], capacity, 1)) return false;
    series->capacity = capacity;
    return true;
}

static void give_rows_back(struct ss_series *series)
{
    free(series->event_time_us);
    free(series->known_us);
    free(series->seq);
    free(series->lane_of);
    free(series->deletions);
    series->event_time_us = series->known_us = NULL;
    series->seq = NULL;
    series->lane_of = NULL;
    series->deletions = NULL;
    for (int c = 0; series->values && c < series->plan->column_count; c++) {
        free(series->values[c].items);
        series->values[c].items = NULL;
    }
    for (int g = 0; series->marks && g < series->plan->group_count; g++) {
        free(series->marks[g]);
        series->marks[g] = NULL;
    }
    series->capacity = series->deletion_capacity = 0;
}

// ---- Life

enum ss_status ss_series_create(const struct ss_view *view, struct ss_series **series, struct ss_error *error)
{
    struct ss_series *created = calloc(1, sizeof *created);
    if (!created) return ss_fail_memory(error, "a series");
    created->view = view;
    created->plan = ss_series_plan_make(view, &created->plan_arena);
    if (created->plan) {
        created->values = calloc((size_t)created->plan->column_count + 1, sizeof *created->values);
        created->marks = calloc(view->group_count + 1, sizeof *created->marks);
    }
    if (!created->plan || !created->values || !created->marks) {
        ss_series_destroy(created);
        return ss_fail_memory(error, "a series");
    }
    *series = created;
    return SS_OK;
}

void ss_series_destroy(struct ss_series *series)
{
    if (!series) return;
    give_rows_back(series);
    free(series->values);
    free(series->marks);
    ss_arena_release(&series->texts);
    ss_arena_release(&series->trees);
    ss_arena_release(&series->plan_arena);
    free(series);
}

static void empty_arena(struct ss_arena *arena)
{
    if (arena->used_bytes > (size_t)ROWS_KEPT * 64)
        ss_arena_release(arena);
    else if (arena->used_bytes)
        ss_arena_reset(arena);
}

void ss_series_clear(struct ss_series *series)
{
    if (series->capacity > ROWS_KEPT) give_rows_back(series);
    empty_arena(&series->texts);
    empty_arena(&series->trees);
    memset(series->lanes, 0, sizeof series->lanes);
    series->length = series->deletion_count = 0;
    series->sums = NULL;
    series->is_sealed = false;
}

int64_t ss_series_length(const struct ss_series *series)
{
    return series->length;
}

// ---- Adding

struct incoming { // rows [first, first + count) of a batch: those that pass, or all of a run
    const struct ss_event_batch *batch;
    const struct ss_column *outputs;
    int32_t first, count;
};

static void add_words(int64_t *words, const struct ss_column *column, const struct incoming *rows)
{
    if (column->type.id != SS_BOOL) {
        memcpy(words, column->i64 + rows->first, (size_t)rows->count * sizeof *words);
        return;
    }
    for (int32_t i = 0; i < rows->count; i++) words[i] = ss_bit_get(column->bits, rows->first + i);
}

static bool add_texts(struct ss_series *series, struct ss_bytes *texts, const struct ss_column *column,
                      const struct incoming *rows)
{
    const int32_t *offsets = column->offsets + rows->first, start = offsets[0];
    const size_t size = (size_t)(offsets[rows->count] - start);
    const char *copy = size ? ss_arena_copy(&series->texts, column->data + start, size) : "";
    if (!copy) return false;
    for (int32_t i = 0; i < rows->count; i++)
        texts[i] = (struct ss_bytes){copy + (offsets[i] - start), (size_t)(offsets[i + 1] - offsets[i])};
    return true;
}

// Of 8 rows from `row` on: a byte each, 0 or 1.
static inline uint64_t eight_bits(const uint8_t *bits, int32_t row)
{
    const unsigned shift = (unsigned)row & 7;
    uint64_t word = bits[row >> 3];
    if (shift) word = (word | (uint64_t)bits[(row >> 3) + 1] << 8) >> shift & 0xff;
    word = (word * UINT64_C(0x0101010101010101)) & UINT64_C(0x8040201008040201);
    return ((word + UINT64_C(0x7f7f7f7f7f7f7f7f)) & UINT64_C(0x8080808080808080)) >> 7;
}

// Of a group that every row is in: those with an argument count.
static void add_argument_marks(uint8_t *marks, const struct ss_column *argument, const struct incoming *rows)
{
    const uint64_t null = UINT64_C(0x0101010101010101) * SS_SERIES_NULL;
    int32_t i = 0;
    _Static_assert(SS_SERIES_COUNTS == SS_SERIES_NULL + 1, "a mark is one more where there is a value");
    for (; i + 8 <= rows->count; i += 8) {
        const uint64_t eight = null + eight_bits(argument->validity, rows->first + i);
        memcpy(marks + i, &eight, sizeof eight);
    }
    for (; i < rows->count; i++)
        marks[i] = (uint8_t)(SS_SERIES_NULL + ss_bit_get(argument->validity, rows->first + i));
}

// As ss_event_prepare has it.
static void add_marks(uint8_t *marks, const struct ss_group *group, const struct incoming *rows)
{
    const struct ss_column *filter = group->filter >= 0 ? &rows->outputs[group->filter] : NULL;
    const struct ss_column *argument = group->argument >= 0 ? &rows->outputs[group->argument] : NULL;
    const struct ss_column *second = group->has_second ? &rows->outputs[group->second] : NULL;
    if (!filter && !second) {
        add_argument_marks(marks, argument, rows);
        return;
    }
    for (int32_t i = 0; i < rows->count; i++) {
        const int32_t row = rows->first + i;
        const bool passes = !filter || (ss_bit_get(filter->validity, row) && ss_bit_get(filter->bits, row));
        const bool counts = !argument || ss_bit_get(argument->validity, row);
        const bool is_out = !passes || (second && !(counts && ss_bit_get(second->validity, row)));
        marks[i] = is_out ? SS_SERIES_OUT : counts ? SS_SERIES_COUNTS : SS_SERIES_NULL;
    }
}

static bool add_deletion(struct ss_series *series, const struct ss_event_batch *batch, int32_t row)
{
    if (series->deletion_count == series->deletion_capacity) {
        const int32_t capacity = series->deletion_capacity ? 2 * series->deletion_capacity : 16;
        if (!grow_array((void **)&series->deletions, capacity, sizeof *series->deletions)) return false;
        series->deletion_capacity = capacity;
    }
    series->deletions[series->deletion_count++] = (struct ss_series_deletion){
        .seq = batch->deleted_seq[row], .arrival_us = batch->deleted_arrival_us[row]};
    return true;
}

static enum ss_status check_order(const struct ss_series *series, int32_t row, int32_t count,
                                  struct ss_error *error)
{
    const int64_t *time_us = series->event_time_us;
    for (int32_t i = row ? row : 1; i < row + count; i++)
        if (time_us[i] < time_us[i - 1] ||
            (time_us[i] == time_us[i - 1] && series->seq[i] <= series->seq[i - 1]))
            return ss_fail(error, SS_DAMAGED, "event %llu does not stand behind event %llu of its entity",
                           (unsigned long long)series->seq[i], (unsigned long long)series->seq[i - 1]);
    return SS_OK;
}

static enum ss_status add_run(struct ss_series *series, const struct incoming *rows, struct ss_error *error)
{
    const struct ss_event_batch *batch = rows->batch;
    const size_t bytes = (size_t)rows->count * sizeof(int64_t);
    const int32_t at = series->length;
    if (!make_room(series, rows->count)) return ss_fail_memory(error, "the events of an entity");
    memcpy(series->event_time_us + at, batch->event_time_us + rows->first, bytes);
    memcpy(series->known_us + at, batch->arrival_us + rows->first, bytes);
    memcpy(series->seq + at, batch->seq + rows->first, bytes);
    SS_TRY(check_order(series, at, rows->count, error));
    for (int c = 0; c < series->plan->column_count; c++) {
        const struct ss_column *column = &rows->outputs[series->plan->columns[c].output];
        if (!ss_series_is_text(series, c))
            add_words(series->values[c].words + at, column, rows);
        else if (!add_texts(series, series->values[c].texts + at, column, rows))
            return ss_fail_memory(error, "the events of an entity");
    }
    for (int g = 0; g < series->plan->group_count; g++)
        if (series->marks[g]) add_marks(series->marks[g] + at, &series->view->groups[g], rows);
    memset(series->lane_of + at, SS_LANE_PROMPT, (size_t)rows->count);
    for (int32_t i = 0; i < rows->count; i++) {
        if (batch->deleted_seq[rows->first + i] == 0) continue;
        series->lane_of[at + i] = SS_LANE_DELETED;
        if (!add_deletion(series, batch, rows->first + i))
            return ss_fail_memory(error, "the events of an entity");
    }
    series->length += rows->count;
    return SS_OK;
}

static bool passes_view(const struct ss_view *view, const struct ss_column *outputs, int32_t row)
{
    const struct ss_column *where = &outputs[view->where];
    return ss_bit_get(where->validity, row) && ss_bit_get(where->bits, row);
}

enum ss_status ss_series_add(struct ss_series *series, const struct ss_event_batch *batch,
                             const struct ss_column *row_outputs, int32_t first, int32_t end,
                             struct ss_error *error)
{
    const struct ss_view *view = series->view;
    SS_ASSERT(!series->is_sealed);
    while (first < end) {
        int32_t next = view->where < 0 ? end : first;
        while (next < end && passes_view(view, row_outputs, next)) next++;
        const struct incoming rows = {batch, row_outputs, first, next - first};
        if (rows.count) SS_TRY(add_run(series, &rows, error));
        first = next < end ? next + 1 : end;
    }
    return SS_OK;
}

// ---- Sealing

static int lateness_bits(const struct ss_series *series, int32_t row)
{
    const uint64_t late_us = (uint64_t)series->known_us[row] - (uint64_t)series->event_time_us[row];
    return late_us ? 64 - __builtin_clzll(late_us) : 0;
}

// The arrivals turn into the times from which on the rows are known.
static void make_known(struct ss_series *series)
{
    for (int32_t row = 0; row < series->length; row++)
        if (series->as_of_event_time || series->known_us[row] < series->event_time_us[row])
            series->known_us[row] = series->event_time_us[row];
}

static void make_deletions(struct ss_series *series)
{
    uint64_t greatest_seq = 0;
    int64_t latest_us = INT64_MIN;
    for (int32_t d = 0; d < series->deletion_count; d++) {
        struct ss_series_deletion *deletion = &series->deletions[d];
        if (series->as_of_event_time) deletion->arrival_us = INT64_MIN;
        if (deletion->seq > greatest_seq) greatest_seq = deletion->seq;
        if (deletion->arrival_us > latest_us) latest_us = deletion->arrival_us;
        deletion->greatest_seq = greatest_seq;
        deletion->latest_us = latest_us;
    }
}

// Rows whose lateness has more bits than this are late.
static int prompt_bits(const struct ss_series *series)
{
    int32_t counts[LATENESS_BITS] = {0}, late = 0;
    int bits = LATENESS_BITS - 1;
    for (int32_t row = 0; row < series->length; row++) counts[lateness_bits(series, row)]++;
    for (; bits > 0 && late + counts[bits] <= series->length / LATE_SHARE; bits--) late += counts[bits];
    return bits;
}

static void choose_lanes(struct ss_series *series)
{
    int32_t counts[SS_SERIES_LANES] = {series->length - series->deletion_count, 0, series->deletion_count};
    int32_t row = 0;
    const int bits = series->length < ROWS_LATE ? LATENESS_BITS : prompt_bits(series);
    for (; bits < LATENESS_BITS && row < series->length; row++) {
        if (series->lane_of[row] == SS_LANE_DELETED || lateness_bits(series, row) <= bits) continue;
        series->lane_of[row] = SS_LANE_LATE;
        counts[SS_LANE_PROMPT]--;
        counts[SS_LANE_LATE]++;
    }
    row = 0;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        series->lanes[l].begin = row;
        series->lanes[l].end = row += counts[l];
    }
}

// The rows of each lane together, in the order they had.
static void part_items(const struct ss_series *series, void *items, size_t size, char *moved)
{
    char *at[SS_SERIES_LANES], *const to = items;
    const int32_t prompt_end = series->lanes[SS_LANE_PROMPT].end;
    at[SS_LANE_PROMPT] = to;
    for (int l = SS_LANE_LATE; l < SS_SERIES_LANES; l++)
        at[l] = moved + (size_t)(series->lanes[l].begin - prompt_end) * size;
    for (int32_t row = 0; row < series->length; row++) {
        char **place = &at[series->lane_of[row]];
        memmove(*place, to + (size_t)row * size, size);
        *place += size;
    }
    memcpy(to + (size_t)prompt_end * size, moved, (size_t)(series->length - prompt_end) * size);
}

static enum ss_status part_lanes(struct ss_series *series, struct ss_error *error)
{
    const int32_t count = series->length - series->lanes[SS_LANE_PROMPT].end;
    if (count == 0) return SS_OK;
    char *moved = malloc((size_t)count * sizeof(struct ss_bytes));
    if (!moved) return ss_fail_memory(error, "the events of an entity");
    part_items(series, series->event_time_us, sizeof *series->event_time_us, moved);
    part_items(series, series->known_us, sizeof *series->known_us, moved);
    part_items(series, series->seq, sizeof *series->seq, moved);
    for (int c = 0; c < series->plan->column_count; c++)
        part_items(series, series->values[c].items, value_size(series, c), moved);
    for (int g = 0; g < series->plan->group_count; g++)
        if (series->marks[g]) part_items(series, series->marks[g], 1, moved);
    free(moved);
    return SS_OK;
}

static void bound_lane(const struct ss_series *series, struct ss_series_lane *lane)
{
    lane->known_us = INT64_MIN;
    lane->seq = 0;
    for (int32_t row = lane->begin; row < lane->end; row++) {
        if (series->known_us[row] > lane->known_us) lane->known_us = series->known_us[row];
        if (series->seq[row] > lane->seq) lane->seq = series->seq[row];
    }
}

// About how many rows of the lane the longest window holds.
static double rows_seen(const struct ss_series *series, const struct ss_series_lane *lane)
{
    const double rows = lane->end - lane->begin;
    const double span_us =
        (double)series->event_time_us[lane->end - 1] - (double)series->event_time_us[lane->begin];
    const double longest_us = (double)series->plan->longest_us;
    return longest_us < span_us ? rows * longest_us / span_us : rows;
}

// Do the rows that the reads would fold one by one outnumber those that a tree is made of?
static bool is_worth_trees(const struct ss_series *series, const struct ss_series_lane *lane, int64_t reads)
{
    const double rows = lane->end - lane->begin;
    if (rows <= SS_SERIES_FEW) return false;
    const double seen = rows_seen(series, lane);
    return seen > SS_SERIES_FEW && (double)reads * seen > 2 * rows;
}

static bool is_worth_sums(const struct ss_series *series, int64_t reads)
{
    const struct ss_series_lane *lane = &series->lanes[SS_LANE_PROMPT];
    const int32_t rows = lane->end - lane->begin;
    if (rows == 0 || series->length > SS_SUMS_ROWS) return false;
    return 2 * (double)reads * rows_seen(series, lane) > (double)series->length;
}

// Is there a group that is read by folds?
static bool any_folded(const struct ss_series *series)
{
    for (int r = 0; r < series->plan->read_count; r++)
        if (!ss_series_has_sums(series->sums, series->plan->reads[r])) return true;
    return false;
}

enum ss_status ss_series_seal(struct ss_series *series, bool as_of_event_time, int64_t read_count,
                              struct ss_error *error)
{
    SS_ASSERT(!series->is_sealed);
    series->as_of_event_time = as_of_event_time;
    make_known(series);
    make_deletions(series);
    choose_lanes(series);
    SS_TRY(part_lanes(series, error));
    for (int l = 0; l < SS_SERIES_LANES; l++) bound_lane(series, &series->lanes[l]);
    if (is_worth_sums(series, read_count) && !ss_series_sum_up(series))
        return ss_fail_memory(error, "the sums of an entity's events");
    for (int l = SS_LANE_PROMPT; l <= SS_LANE_LATE; l++) {
        struct ss_series_lane *lane = &series->lanes[l];
        if (lane->end - lane->begin >= ROWS_SAMPLED && !ss_series_sample(series, lane))
            return ss_fail_memory(error, "the times of an entity's events");
        if (any_folded(series) && is_worth_trees(series, lane, read_count) && !ss_series_build(series, lane))
            return ss_fail_memory(error, "the trees of an entity's events");
    }
    series->is_sealed = true;
    return SS_OK;
}
