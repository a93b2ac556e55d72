// Answers. A lookup and a training row meet here with the aggregates' values in hand and go the same way from
// here on: the view's read program, the service's program, and for each null the one reason that applies
// first.

#include "materializer/answer.h"

#include <string.h>

const char *ss_cell_status_name(enum ss_cell_status status)
{
    switch (status) {
    case SS_CELL_PRESENT: return "present";
    case SS_CELL_NULL: return "null";
    case SS_CELL_NOT_FOUND: return "not_found";
    case SS_CELL_EXPIRED: return "expired";
    }
    return "?";
}

bool ss_readings_init(struct ss_readings *readings, const struct ss_view *view, int32_t capacity,
                      struct ss_arena *arena)
{
    *readings = (struct ss_readings){.view = view, .words = (view->aggregate_count + 63) / 64};
    readings->aggregates = ss_arena_array(arena, view->aggregate_count + 1, sizeof *readings->aggregates);
    readings->expired =
        ss_arena_array(arena, (size_t)capacity * readings->words + 1, sizeof *readings->expired);
    readings->found = ss_arena_array(arena, (size_t)capacity + 1, sizeof *readings->found);
    readings->values = ss_arena_array(arena, view->aggregate_count + 1, sizeof *readings->values);
    readings->flags = ss_arena_array(arena, view->aggregate_count + 1, sizeof *readings->flags);
    if (!readings->aggregates || !readings->expired || !readings->found || !readings->values ||
        !readings->flags)
        return false;
    for (size_t i = 0; i < view->aggregate_count; i++)
        if (!ss_column_init(&readings->aggregates[i], view->aggregates[i].type, capacity, arena))
            return false;
    return true;
}

enum ss_status ss_readings_add(struct ss_readings *readings, struct ss_state *state, int64_t t_us,
                               struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_view *view = readings->view;
    uint64_t *expired = &readings->expired[(size_t)readings->length * readings->words];
    SS_TRY(ss_state_read(state, t_us, NULL, readings->values, readings->flags, error));
    memset(expired, 0, readings->words * sizeof *expired);
    for (size_t i = 0; i < view->aggregate_count; i++) {
        if (readings->flags[i]) expired[i / 64] |= UINT64_C(1) << (i % 64);
        if (!ss_column_append(&readings->aggregates[i], readings->values[i], arena))
            return ss_fail_memory(error, "the aggregates of a view");
    }
    readings->found[readings->length++] = !ss_state_empty(state);
    return SS_OK;
}

static bool any_shared(const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (a[i] & b[i]) return true;
    return false;
}

static uint8_t **mark_features(const struct ss_readings *readings, struct ss_arena *arena)
{
    const struct ss_view *view = readings->view;
    uint8_t **marks = ss_arena_array(arena, view->feature_count + 1, sizeof *marks);
    if (!marks) return NULL;
    for (size_t f = 0; f < view->feature_count; f++) {
        marks[f] = ss_arena_array(arena, (size_t)readings->length + 1, sizeof *marks[f]);
        if (!marks[f]) return NULL;
        for (int32_t row = 0; row < readings->length; row++) {
            const uint64_t *expired = &readings->expired[(size_t)row * readings->words];
            if (!readings->found[row]) marks[f][row] |= SS_MARK_NOT_FOUND;
            if (any_shared(view->features[f].within, expired, readings->words))
                marks[f][row] |= SS_MARK_EXPIRED;
        }
    }
    return marks;
}

enum ss_status ss_readings_evaluate(const struct ss_readings *readings, const struct ss_column *const *keys,
                                    const struct ss_column *t, struct ss_arena *arena,
                                    struct ss_column **features, uint8_t ***marks, struct ss_error *error)
{
    const struct ss_view *view = readings->view;
    const size_t aggregates = view->aggregate_count;
    const struct ss_column **inputs =
        ss_arena_array(arena, aggregates + 1 + view->entity->key_count, sizeof *inputs);
    struct ss_column *outputs = ss_arena_array(arena, view->feature_count + 1, sizeof *outputs);
    uint8_t **marked = mark_features(readings, arena);
    if (!inputs || !outputs || !marked) return ss_fail_memory(error, "the features of a view");
    for (size_t i = 0; i < aggregates; i++) inputs[i] = &readings->aggregates[i];
    inputs[aggregates] = t;
    for (size_t i = 0; i < view->entity->key_count; i++) inputs[aggregates + 1 + i] = keys[i];
    SS_TRY(ss_program_run(view->read_program, inputs, readings->length, arena, outputs, error));
    *features = outputs;
    *marks = marked;
    return SS_OK;
}

static enum ss_cell_status reason_of_null(const struct ss_service *service,
                                          const struct ss_service_feature *feature,
                                          const uint8_t *const *marks, int32_t row)
{
    uint8_t seen = 0;
    for (size_t r = 0; r < service->read_count; r++)
        if (feature->reads[r / 64] >> (r % 64) & 1) seen |= marks[r][row];
    if (seen & SS_MARK_NOT_FOUND) return SS_CELL_NOT_FOUND;
    return seen & SS_MARK_EXPIRED ? SS_CELL_EXPIRED : SS_CELL_NULL;
}

static enum ss_status fill_statuses(const struct ss_service *service, const struct ss_service_inputs *inputs,
                                    struct ss_arena *arena, struct ss_answer *answer, struct ss_error *error)
{
    for (size_t f = 0; f < service->feature_count; f++) {
        answer->statuses[f] = ss_arena_array(arena, (size_t)inputs->length + 1, sizeof *answer->statuses[f]);
        if (!answer->statuses[f]) return ss_fail_memory(error, "the statuses of an answer");
        for (int32_t row = 0; row < inputs->length; row++)
            if (!ss_bit_get(answer->columns[f].validity, row))
                answer->statuses[f][row] =
                    (uint8_t)reason_of_null(service, &service->features[f], inputs->marks, row);
    }
    return SS_OK;
}

enum ss_status ss_answer_evaluate(const struct ss_service *service, const struct ss_service_inputs *inputs,
                                  struct ss_arena *arena, struct ss_answer *answer, struct ss_error *error)
{
    const size_t reads = service->read_count, request = service->request_count, keys = service->key_count;
    const struct ss_column **columns = ss_arena_array(arena, reads + request + keys + 1, sizeof *columns);
    struct ss_answer filled = {
        .length = inputs->length,
        .columns = ss_arena_array(arena, service->feature_count + 1, sizeof *filled.columns),
        .statuses = ss_arena_array(arena, service->feature_count + 1, sizeof *filled.statuses),
    };
    if (!columns || !filled.columns || !filled.statuses) return ss_fail_memory(error, "an answer");
    for (size_t i = 0; i < reads; i++) columns[i] = inputs->reads[i];
    for (size_t i = 0; i < request; i++) columns[reads + i] = inputs->request[i];
    for (size_t i = 0; i < keys; i++) columns[reads + request + i] = inputs->keys[i];
    columns[reads + request + keys] = inputs->t;
    SS_TRY(ss_program_run(service->program, columns, inputs->length, arena, filled.columns, error));
    SS_TRY(fill_statuses(service, inputs, arena, &filled, error));
    *answer = filled;
    return SS_OK;
}

bool ss_column_slice(const struct ss_column *source, int64_t first, int32_t length, struct ss_arena *arena,
                     struct ss_column *slice)
{
    if (!ss_column_init(slice, source->type, length ? length : 1, arena)) return false;
    for (int32_t i = 0; i < length; i++)
        if (!ss_column_append(slice, ss_column_get(source, (int32_t)(first + i)), arena)) return false;
    return true;
}

bool ss_column_repeat(struct ss_type type, struct ss_value value, int32_t length, struct ss_arena *arena,
                      struct ss_column *column)
{
    if (!ss_column_init(column, type, length ? length : 1, arena)) return false;
    for (int32_t row = 0; row < length; row++)
        if (!ss_column_append(column, value, arena)) return false;
    return true;
}
