// Events at hand. The row program runs once over the rows of a batch; each event is then added to a state
// that is the caller's own: what a lookup decoded, or a copy of what a sweep keeps.

#include "materializer/event_at_hand.h"

#include "materializer/answer.h"

#include <string.h>

bool ss_at_hand_takes(const struct ss_source *source, int column)
{
    return column != source->event_time_column && column != source->op_column &&
           (source->arrival != SS_ARRIVAL_COLUMN || column != source->arrival_column);
}

bool ss_at_hand_complete(const struct ss_service *service, const struct ss_column *keys,
                         const struct ss_events_at_hand *events, struct ss_arena *arena,
                         struct ss_events_at_hand *complete)
{
    const struct ss_source *source = events->source;
    *complete = *events;
    if (!source) return true;
    struct ss_column *columns = ss_arena_copy(arena, events->columns, source->column_count * sizeof *columns);
    if (!columns) return false;
    for (size_t c = 0; c < source->column_count; c++)
        for (size_t k = 0; k < service->key_count && !columns[c].length; k++)
            if (strcmp(source->columns[c].name, service->key_names[k]) == 0 &&
                ss_type_equal(source->columns[c].type, service->key_types[k]))
                columns[c] = keys[k];
    complete->columns = columns;
    return true;
}

static bool gather(const struct ss_column *from, struct ss_type type, const int64_t *rows, int32_t length,
                   struct ss_arena *arena, struct ss_column *column)
{
    if (!ss_column_init(column, type, length ? length : 1, arena)) return false;
    for (int32_t row = 0; row < length; row++) {
        const struct ss_value value =
            from->length ? ss_column_get(from, (int32_t)(rows ? rows[row] : row)) : (struct ss_value){0};
        if (!ss_column_append(column, value, arena)) return false;
    }
    return true;
}

static bool gather_times(const struct ss_column *t, int32_t length, struct ss_arena *arena,
                         struct ss_column *column)
{
    if (!ss_column_init(column, t->type, length ? length : 1, arena)) return false;
    for (int32_t row = 0; row < length; row++) {
        struct ss_value value = ss_column_get(t, row);
        value.i64--;
        if (!ss_column_append(column, value, arena)) return false;
    }
    return true;
}

// The row program's inputs: an insert at t - 1 us, known at once.
static const struct ss_column **make_inputs(const struct ss_source *source,
                                            const struct ss_events_at_hand *events, const int64_t *rows,
                                            int32_t length, const struct ss_column *t, struct ss_arena *arena)
{
    const size_t count = source->column_count;
    const struct ss_value insert = {.present = true, .text = ss_bytes_of("insert")};
    const struct ss_column **inputs = ss_arena_array(arena, count + 1, sizeof *inputs);
    struct ss_column *columns = ss_arena_array(arena, count + 1, sizeof *columns);
    if (!inputs || !columns || !gather_times(t, length, arena, &columns[count])) return NULL;
    inputs[count] = &columns[count];
    for (size_t c = 0; c < count; c++) {
        const struct ss_type type = source->columns[c].type;
        const bool is_op = (int)c == source->op_column;
        inputs[c] = is_op || ss_at_hand_takes(source, (int)c) ? &columns[c] : &columns[count];
        if (!(is_op ? ss_column_repeat(type, insert, length, arena, &columns[c])
                    : gather(&events->columns[c], type, rows, length, arena, &columns[c])))
            return NULL;
    }
    return inputs;
}

// Is the event of the entity that the row asks for? A null key part is in no entity.
static bool is_of_entity(const struct ss_view *view, const struct ss_column *const *inputs,
                         const struct ss_column *const *keys, int32_t row)
{
    for (size_t i = 0; i < view->entity->key_count; i++) {
        const struct ss_value own = ss_column_get(inputs[view->key_columns[i]], row);
        const struct ss_value asked = ss_column_get(keys[i], row);
        if (!own.present || !ss_value_equal(view->entity->key_types[i], own, asked)) return false;
    }
    return true;
}

enum ss_status ss_view_at_hand_make(const struct ss_view *view, const struct ss_events_at_hand *events,
                                    const int64_t *rows, int32_t length, const struct ss_column *const *keys,
                                    const struct ss_column *t, struct ss_arena *arena,
                                    struct ss_view_at_hand *made, struct ss_error *error)
{
    struct ss_view_at_hand at_hand = {.view = view};
    *made = (struct ss_view_at_hand){0};
    if (events->source != view->source) return SS_OK;
    const struct ss_column **inputs = make_inputs(view->source, events, rows, length, t, arena);
    at_hand.outputs =
        ss_arena_array(arena, ss_program_output_count(view->row_program) + 1, sizeof *at_hand.outputs);
    at_hand.is_there = ss_arena_array(arena, (size_t)length + 1, sizeof *at_hand.is_there);
    at_hand.passes = ss_arena_array(arena, view->group_count, sizeof *at_hand.passes);
    at_hand.values = ss_arena_array(arena, view->group_count, sizeof *at_hand.values);
    at_hand.seconds = ss_arena_array(arena, view->group_count, sizeof *at_hand.seconds);
    if (!inputs || !at_hand.outputs || !at_hand.is_there || !at_hand.passes || !at_hand.values ||
        !at_hand.seconds)
        return ss_fail_memory(error, "the events at hand");
    for (int32_t row = 0; row < length; row++)
        at_hand.is_there[row] = (!events->carries || events->carries[rows ? rows[row] : row]) &&
                                is_of_entity(view, inputs, keys, row);
    SS_TRY(ss_program_run(view->row_program, inputs, length, arena, at_hand.outputs, error));
    *made = at_hand;
    return SS_OK;
}

bool ss_view_at_hand_event(struct ss_view_at_hand *at_hand, int32_t row, int64_t t_us, struct ss_event *event)
{
    return at_hand->view && at_hand->is_there[row] && t_us > SS_TIME_MIN_US &&
           ss_event_prepare(at_hand->view, at_hand->outputs, row, t_us - 1, UINT64_MAX, at_hand->passes,
                            at_hand->values, at_hand->seconds, event);
}
