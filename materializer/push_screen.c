// Screening of a batch, column by column, without branches where nothing is wrong. A rule may be asked too
// strictly here (a long key is suspect before it is too long) but never too mildly: what is not suspect is
// not looked at again. tests/unit/test_push_check.c holds both to the same answers.

#include "materializer/push_screen.h"

#include "engine/key.h"

#include <string.h>

struct screen {
    const struct ss_push *push;
    int64_t clock_us;
    bool is_wall;
    struct ss_checked *out;
    bool *suspect;
};

// ---- What a source expects

static bool in_order(struct ss_type type, struct ss_value low, struct ss_value high)
{
    if (type.id == SS_FLOAT64) return low.f64 <= high.f64;
    if (ss_type_is_text(type)) return ss_bytes_compare(low.text, high.text) <= 0;
    if (type.id == SS_BOOL) return low.boolean <= high.boolean;
    return low.i64 <= high.i64;
}

bool ss_is_between(const struct ss_source_column *column, struct ss_value value)
{
    return in_order(column->type, column->low, value) && in_order(column->type, value, column->high);
}

bool ss_is_one_of(const struct ss_source_column *column, struct ss_value value)
{
    for (size_t i = 0; i < column->one_of_count; i++)
        if (ss_value_equal(column->type, column->one_of[i], value)) return true;
    return false;
}

// As a cast reads the text: what parses is not null there. (None of these types takes memory.)
bool ss_parses_as(const struct ss_source_column *column, struct ss_value value)
{
    struct ss_value parsed;
    const char *reason;
    return ss_value_parse(column->parses_as, value.text, SS_UNIT_TEXT, NULL, NULL, &parsed, &reason) &&
           parsed.present;
}

// ---- By columns

static void suspect_nulls(const struct screen *screen, int index)
{
    const uint8_t *validity = screen->push->columns[index].validity;
    const int32_t length = screen->push->length;
    for (int32_t row = 0; row < length; row += 8) {
        if (validity[row >> 3] == 0xff) continue;
        for (int32_t i = row; i < row + 8 && i < length; i++)
            screen->suspect[i] = screen->suspect[i] || !ss_bit_get(validity, i);
    }
}

static void screen_arrivals(const struct screen *screen)
{
    const struct ss_source *source = screen->push->source;
    const struct ss_column *columns = screen->push->columns;
    const bool is_column = source->arrival == SS_ARRIVAL_COLUMN;
    const int64_t *declared = is_column ? columns[source->arrival_column].i64 : screen->out->event_time_us;
    const int64_t offset_us = is_column ? 0 : source->arrival_offset_us;
    const int64_t most_us =
        screen->is_wall && screen->clock_us <= SS_TIME_MAX_US ? screen->clock_us - 1 : SS_TIME_MAX_US;
    if (is_column) suspect_nulls(screen, source->arrival_column);
    for (int32_t row = 0; row < screen->push->length; row++) {
        const int64_t arrival_us = declared[row] + offset_us;
        screen->out->arrival_us[row] = arrival_us;
        screen->suspect[row] |= (arrival_us < screen->out->event_time_us[row]) | (arrival_us > most_us);
    }
}

static void screen_live_times(const struct screen *screen)
{
    const int64_t most_us = screen->clock_us + SS_AHEAD_US;
    for (int32_t row = 0; row < screen->push->length; row++) {
        screen->out->arrives_live[row] = true;
        screen->suspect[row] |= screen->out->event_time_us[row] > most_us;
    }
}

static void screen_operations(const struct screen *screen, int index)
{
    const struct ss_column *column = &screen->push->columns[index];
    for (int32_t row = 0; row < screen->push->length; row++) {
        const struct ss_value op = ss_column_get(column, row);
        if (!op.present || !ss_bytes_equal(op.text, ss_bytes_of("insert"))) screen->suspect[row] = true;
    }
}

static void suspect_long_texts(const struct screen *screen, int index, int32_t most_bytes)
{
    const int32_t *offsets = screen->push->columns[index].offsets;
    for (int32_t row = 0; row < screen->push->length; row++)
        screen->suspect[row] |= offsets[row + 1] - offsets[row] > most_bytes;
}

// The parts of a key: each has its share of the room, escaped (twice its size) and with an end (2 bytes).
static bool screen_keys(const struct screen *screen, const struct ss_definitions *definitions,
                        struct ss_arena *arena)
{
    const struct ss_source *source = screen->push->source;
    int32_t *most = ss_arena_array(arena, source->column_count + 1, sizeof *most); // of a text; 0: no key
    if (!most) return false;
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *view = &definitions->views[v];
        const size_t count = view->entity->key_count;
        if (view->source != source) continue;
        for (size_t i = 0; i < count; i++) {
            const int32_t share = (SS_KEY_MAX - 1) / (int32_t)count / 2 - 2;
            int32_t *of_column = &most[view->key_columns[i]];
            if (*of_column == 0 || share < *of_column) *of_column = share;
        }
    }
    for (size_t i = 0; i < source->column_count; i++)
        if (most[i] && ss_type_is_text(source->columns[i].type)) suspect_long_texts(screen, (int)i, most[i]);
    return true;
}

static void screen_between(const struct screen *screen, int index)
{
    const struct ss_source_column *as = &screen->push->source->columns[index];
    const struct ss_column *column = &screen->push->columns[index];
    for (int32_t row = 0; row < screen->push->length; row++) {
        const bool outside = as->type.id == SS_FLOAT64
                                 ? (column->f64[row] < as->low.f64) | (column->f64[row] > as->high.f64)
                                 : (column->i64[row] < as->low.i64) | (column->i64[row] > as->high.i64);
        if (outside && ss_bit_get(column->validity, row)) screen->suspect[row] = true;
    }
}

static void screen_values(const struct screen *screen, int index)
{
    const struct ss_source_column *as = &screen->push->source->columns[index];
    for (int32_t row = 0; row < screen->push->length; row++) {
        const struct ss_value value = ss_column_get(&screen->push->columns[index], row);
        if (!value.present) continue;
        if ((as->has_between && !ss_is_between(as, value)) ||
            (as->one_of_count && !ss_is_one_of(as, value)) || (as->has_parses_as && !ss_parses_as(as, value)))
            screen->suspect[row] = true;
    }
}

static void screen_expectations(const struct screen *screen)
{
    const struct ss_source *source = screen->push->source;
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_source_column *as = &source->columns[i];
        const bool is_number = as->type.id != SS_BOOL && !ss_type_is_text(as->type);
        if (as->not_null) suspect_nulls(screen, (int)i);
        if (as->one_of_count || as->has_parses_as || (as->has_between && !is_number))
            screen_values(screen, (int)i);
        else if (as->has_between)
            screen_between(screen, (int)i);
    }
}

bool ss_screen_push(const struct ss_push *push, const struct ss_definitions *definitions, int64_t clock_us,
                    bool is_wall, struct ss_arena *arena, struct ss_checked *checked, bool *suspect)
{
    const struct screen screen = {push, clock_us, is_wall, checked, suspect};
    const struct ss_source *source = push->source;
    if (push->length == 0) return true; // and there may be no columns
    memcpy(checked->event_time_us, push->columns[source->event_time_column].i64,
           (size_t)push->length * sizeof(int64_t));
    suspect_nulls(&screen, source->event_time_column);
    if (source->event_id_column >= 0) suspect_nulls(&screen, source->event_id_column);
    if (source->op_column >= 0) screen_operations(&screen, source->op_column);
    if (push->live)
        screen_live_times(&screen);
    else
        screen_arrivals(&screen);
    screen_expectations(&screen);
    return screen_keys(&screen, definitions, arena);
}
