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

static bool init_columns(struct ss_readings *readings, int32_t capacity, struct ss_arena *arena)
{
    const struct ss_view *view = readings->view;
    size_t size = 0;
    for (size_t i = 0; i < view->aggregate_count; i++)
        size += ss_column_bytes(view->aggregates[i].type, capacity);
    uint8_t *memory = ss_arena_alloc(arena, size);
    for (size_t i = 0; memory && i < view->aggregate_count; i++) {
        const struct ss_type type = view->aggregates[i].type;
        ss_column_place(&readings->aggregates[i], type, capacity, memory);
        memory += ss_column_bytes(type, capacity);
    }
    return memory != NULL;
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
    return readings->aggregates && readings->expired && readings->found && readings->values &&
           readings->flags && init_columns(readings, capacity, arena);
}

enum ss_status ss_readings_take(struct ss_readings *readings, bool found, struct ss_arena *arena,
                                struct ss_error *error)
{
    const size_t count = readings->view->aggregate_count;
    const int32_t row = readings->length;
    uint64_t *expired = &readings->expired[(size_t)row * readings->words];
    for (size_t i = 0; i < count; i++) {
        const struct ss_value *value = &readings->values[i];
        struct ss_column *column = &readings->aggregates[i];
        expired[i / 64] |= (uint64_t)readings->flags[i] << (i % 64);
        if (ss_type_is_text(column->type) || column->type.id == SS_BOOL) {
            if (!ss_column_append(column, *value, arena))
                return ss_fail_memory(error, "the aggregates of a view");
            continue;
        }
        column->i64[row] = value->present ? value->i64 : 0; // a double's bits too
        ss_bit_set(column->validity, row, value->present);
        column->length = row + 1;
    }
    readings->found[readings->length++] = found;
    return SS_OK;
}

enum ss_status ss_readings_add(struct ss_readings *readings, struct ss_state *state, int64_t t_us,
                               struct ss_arena *arena, struct ss_error *error)
{
    SS_TRY(ss_state_read(state, t_us, NULL, readings->values, readings->flags, error));
    return ss_readings_take(readings, !ss_state_empty(state), arena, error);
}

static bool any_shared(const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (a[i] & b[i]) return true;
    return false;
}

static bool any_set(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i]) return true;
    return false;
}

// What all features have in common: is the row of nobody?
static uint8_t *mark_not_found(const struct ss_readings *readings, struct ss_arena *arena)
{
    uint8_t *marks = ss_arena_alloc(arena, (size_t)readings->length + 1);
    for (int32_t row = 0; marks && row < readings->length; row++)
        marks[row] = readings->found[row] ? 0 : SS_MARK_NOT_FOUND;
    return marks;
}

static uint8_t *mark_expired(const struct ss_readings *readings, const uint64_t *within,
                             const uint8_t *not_found, struct ss_arena *arena)
{
    const size_t words = readings->words;
    uint8_t *marks = ss_arena_copy(arena, not_found, (size_t)readings->length);
    for (int32_t row = 0; marks && row < readings->length; row++)
        if (any_shared(within, &readings->expired[(size_t)row * words], words)) marks[row] |= SS_MARK_EXPIRED;
    return marks;
}

static uint8_t **mark_features(const struct ss_readings *readings, struct ss_arena *arena)
{
    const struct ss_view *view = readings->view;
    const bool any_expired = any_set(readings->expired, (size_t)readings->length * readings->words);
    uint8_t **marks = ss_arena_array(arena, view->feature_count + 1, sizeof *marks);
    uint8_t *not_found = mark_not_found(readings, arena);
    if (!marks || !not_found) return NULL;
    for (size_t f = 0; f < view->feature_count; f++) {
        const uint64_t *within = view->features[f].within;
        const bool may_expire = any_expired && any_set(within, readings->words);
        marks[f] = may_expire ? mark_expired(readings, within, not_found, arena) : not_found;
        if (!marks[f]) return NULL;
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

// Why the null cells of a feature are: what the marks of all it reads say together.
static void explain_nulls(const struct ss_service *service, size_t feature,
                          const struct ss_service_inputs *inputs, uint8_t *seen, struct ss_answer *answer)
{
    const struct ss_column *column = &answer->columns[feature];
    memset(seen, 0, (size_t)inputs->length);
    for (size_t r = 0; r < service->read_count; r++)
        if (service->features[feature].reads[r / 64] >> (r % 64) & 1)
            for (int32_t row = 0; row < inputs->length; row++) seen[row] |= inputs->marks[r][row];
    for (int32_t row = 0; row < inputs->length; row++)
        if (!ss_bit_get(column->validity, row))
            answer->statuses[feature][row] = seen[row] & SS_MARK_NOT_FOUND ? SS_CELL_NOT_FOUND
                                             : seen[row] & SS_MARK_EXPIRED ? SS_CELL_EXPIRED
                                                                           : SS_CELL_NULL;
}

static bool all_present(const struct ss_column *column, int32_t length)
{
    for (int32_t i = 0; i < length / 8; i++)
        if (column->validity[i] != 0xff) return false;
    const uint8_t rest = (uint8_t)((1u << length % 8) - 1);
    return rest == 0 || (column->validity[length / 8] & rest) == rest;
}

static enum ss_status fill_statuses(const struct ss_service *service, const struct ss_service_inputs *inputs,
                                    struct ss_arena *arena, struct ss_answer *answer, struct ss_error *error)
{
    const size_t length = (size_t)inputs->length;
    uint8_t *seen = ss_arena_alloc(arena, length + 1);
    uint8_t *statuses = ss_arena_array(arena, service->feature_count + 1, length + 1);
    if (!seen || !statuses) return ss_fail_memory(error, "the statuses of an answer");
    for (size_t f = 0; f < service->feature_count; f++) {
        answer->statuses[f] = statuses + f * length;
        if (!all_present(&answer->columns[f], inputs->length))
            explain_nulls(service, f, inputs, seen, answer);
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

// Of a column that has a value of 8 bytes per row.
static void slice_words(const struct ss_column *source, int64_t first, int32_t length,
                        struct ss_column *slice)
{
    memcpy(slice->i64, source->i64 + first, (size_t)length * sizeof *slice->i64);
    if (first % 8 == 0) memcpy(slice->validity, source->validity + first / 8, ((size_t)length + 7) / 8);
    for (int32_t i = 0; first % 8 != 0 && i < length; i++)
        ss_bit_set(slice->validity, i, ss_bit_get(source->validity, (int32_t)(first + i)));
    slice->length = length;
}

bool ss_column_slice(const struct ss_column *source, int64_t first, int32_t length, struct ss_arena *arena,
                     struct ss_column *slice)
{
    if (!ss_column_init(slice, source->type, length ? length : 1, arena)) return false;
    if (source->type.id != SS_BOOL && !ss_type_is_text(source->type)) {
        slice_words(source, first, length, slice);
        return true;
    }
    for (int32_t i = 0; i < length; i++)
        if (!ss_column_append(slice, ss_column_get(source, (int32_t)(first + i)), arena)) return false;
    return true;
}

bool ss_column_gather(const struct ss_column *source, int64_t first, const int32_t *rows, int32_t length,
                      struct ss_arena *arena, struct ss_column *gathered)
{
    if (!ss_column_init(gathered, source->type, length ? length : 1, arena)) return false;
    const bool is_word = source->type.id != SS_BOOL && !ss_type_is_text(source->type);
    for (int32_t i = 0; is_word && i < length; i++) {
        const int32_t row = (int32_t)(first + rows[i]);
        ss_bit_set(gathered->validity, i, ss_bit_get(source->validity, row));
        gathered->i64[i] = source->i64[row];
    }
    if (is_word) gathered->length = length;
    for (int32_t i = 0; !is_word && i < length; i++)
        if (!ss_column_append(gathered, ss_column_get(source, (int32_t)(first + rows[i])), arena))
            return false;
    return true;
}

bool ss_column_repeat(struct ss_type type, struct ss_value value, int32_t length, struct ss_arena *arena,
                      struct ss_column *column)
{
    if (!ss_column_init(column, type, length ? length : 1, arena)) return false;
    if (!value.present && !ss_type_is_text(type)) { // what it is already
        column->length = length;
        return true;
    }
    if (type.id != SS_BOOL && !ss_type_is_text(type)) {
        for (int32_t row = 0; row < length; row++) column->i64[row] = value.i64; // a double's bits too
        memset(column->validity, 0xff, ((size_t)length + 7) / 8);
        column->length = length;
        return true;
    }
    for (int32_t row = 0; row < length; row++)
        if (!ss_column_append(column, value, arena)) return false;
    return true;
}
