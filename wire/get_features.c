// GetFeatures: a request that was looked through (get_request.c) is run, and its answer written.
//
// A request of more than SS_BATCH_ROWS entities is looked up in parts at one read point; the answer's columns
// are written part after part.

#include "wire/get_features.h"

enum answer_field {
    ANSWER_ID = 1,
    ANSWER_T,
    ANSWER_SEQ,
    ANSWER_FINGERPRINT,
    ANSWER_IS_PREVIEW,
    ANSWER_ROW_COUNT,
    ANSWER_FEATURES,
    ANSWER_EVENT_TIMES
};

// ---- Run

static enum ss_status count_rows(const struct ss_service *service, const struct ss_wire_get *get,
                                 const struct ss_wire_limits *limits, int32_t *count, struct ss_error *error)
{
    int64_t rows = get->row_count ? (int64_t)(get->row_count > INT32_MAX ? INT32_MAX : get->row_count) : 1;
    if (service->key_count && get->key_count) SS_TRY(ss_wire_column_rows("key", &get->keys[0], &rows, error));
    if (rows > limits->max_entities)
        return ss_fail(error, SS_LIMIT,
                       "the request asks for %lld entities; the limit is %lld (max_entities)",
                       (long long)rows, (long long)limits->max_entities);
    *count = (int32_t)rows;
    return SS_OK;
}

struct run {
    const struct ss_pinned *pinned;
    const struct ss_service *service;
    const struct ss_wire_rows *rows;
    int32_t row_count;
    struct ss_arena *arena;
    const bool *wanted; // feature_count; NULL: all
    bool with_event_times;
    struct ss_answer *parts;
    int64_t **newest_us; // [part][view * length + row], with event times
    size_t part_count;
};

static bool slice_all(const struct ss_column *from, size_t count, int32_t first, int32_t length,
                      struct ss_arena *arena, const struct ss_column **slices)
{
    struct ss_column *made = ss_arena_array(arena, count + 1, sizeof *made);
    for (size_t i = 0; made && i < count; i++)
        if (from[i].length && !ss_column_slice(&from[i], first, length, arena, &made[i])) return false;
    *slices = made;
    return made != NULL;
}

static enum ss_status run_part(struct run *run, int32_t first, int32_t length, struct ss_error *error)
{
    const struct ss_source *source = run->rows->at_hand.source;
    const size_t part = run->part_count++;
    struct ss_lookup lookup = {.length = length,
                               .keys = run->rows->keys,
                               .request = run->rows->request,
                               .at_hand = run->rows->at_hand,
                               .wanted = run->wanted};
    if (run->with_event_times) {
        lookup.newest_us = ss_arena_array(run->arena, run->service->view_count * (size_t)length + 1,
                                          sizeof *lookup.newest_us);
        if (!lookup.newest_us) return ss_fail_memory(error, "an answer");
        run->newest_us[part] = lookup.newest_us;
    }
    if (length != run->row_count) {
        if (!slice_all(run->rows->keys, run->service->key_count, first, length, run->arena, &lookup.keys) ||
            !slice_all(run->rows->request, run->service->request_count, first, length, run->arena,
                       &lookup.request) ||
            (source && !slice_all(run->rows->at_hand.columns, source->column_count, first, length, run->arena,
                                  &lookup.at_hand.columns)))
            return ss_fail_memory(error, "a lookup");
        if (source) lookup.at_hand.carries += first;
    }
    return ss_lookup(run->pinned, run->service, &lookup, run->arena, &run->parts[part], error);
}

static enum ss_status run_parts(struct run *run, struct ss_error *error)
{
    const size_t most = (size_t)run->row_count / SS_BATCH_ROWS + 1;
    run->parts = ss_arena_array(run->arena, most, sizeof *run->parts);
    run->newest_us = ss_arena_array(run->arena, most, sizeof *run->newest_us);
    if (!run->parts || !run->newest_us) return ss_fail_memory(error, "an answer");
    for (int32_t first = 0; first < run->row_count; first += SS_BATCH_ROWS) {
        const int32_t left = run->row_count - first;
        SS_TRY(run_part(run, first, left < SS_BATCH_ROWS ? left : SS_BATCH_ROWS, error));
    }
    return SS_OK;
}

static bool make_output(const struct run *run, int chosen, struct ss_wire_output *output)
{
    const struct ss_service_feature *feature = &run->service->features[chosen];
    struct ss_wire_part *parts = ss_arena_array(run->arena, run->part_count + 1, sizeof *parts);
    if (!parts) return false;
    for (size_t p = 0; p < run->part_count; p++)
        parts[p] = (struct ss_wire_part){&run->parts[p].columns[chosen], run->parts[p].statuses[chosen]};
    *output = (struct ss_wire_output){
        .name = feature->name, .type = feature->type, .parts = parts, .part_count = run->part_count};
    return ss_wire_output_size(output, run->arena);
}

static void count_statuses(const struct ss_wire_output *output, struct ss_wire_answer *answer)
{
    if (!output->has_status) answer->statuses[SS_CELL_PRESENT] += output->row_count;
    for (size_t p = 0; output->has_status && p < output->part_count; p++)
        for (int32_t row = 0; row < output->parts[p].cells->length; row++)
            answer->statuses[output->parts[p].statuses[row]]++;
}

// A feature that is asked for again has its output already: a list's takes memory.
static enum ss_status make_outputs(const struct run *run, const int *chosen, size_t count,
                                   struct ss_wire_answer *answer, struct ss_error *error)
{
    struct ss_wire_output *outputs = ss_arena_array(run->arena, count + 1, sizeof *outputs);
    size_t *made = ss_arena_array(run->arena, run->service->feature_count + 1, sizeof *made); // index + 1
    if (!outputs || !made) return ss_fail_memory(error, "an answer");
    for (size_t i = 0; i < count; i++) {
        if (made[chosen[i]])
            outputs[i] = outputs[made[chosen[i]] - 1];
        else if (!make_output(run, chosen[i], &outputs[i]))
            return ss_fail_memory(error, "an answer");
        made[chosen[i]] = i + 1;
        count_statuses(&outputs[i], answer);
    }
    answer->features = outputs;
    answer->feature_count = count;
    return SS_OK;
}

// One view's newest events, as rows of a column in parts.
static bool make_event_times(const struct run *run, size_t view, struct ss_wire_output *output)
{
    struct ss_wire_part *parts = ss_arena_array(run->arena, run->part_count + 1, sizeof *parts);
    struct ss_column *columns = ss_arena_array(run->arena, run->part_count + 1, sizeof *columns);
    if (!parts || !columns) return false;
    for (size_t p = 0; p < run->part_count; p++) {
        const int32_t length = run->parts[p].length;
        const int64_t *newest_us = run->newest_us[p] + view * (size_t)length;
        uint8_t *statuses = ss_arena_alloc(run->arena, (size_t)length + 1);
        if (!statuses ||
            !ss_column_init(&columns[p], (struct ss_type){SS_TIMESTAMP, 0}, length + 1, run->arena))
            return false;
        for (int32_t row = 0; row < length; row++) {
            const bool is_there = newest_us[row] != INT64_MIN;
            const struct ss_value value = {.present = is_there, .i64 = is_there ? newest_us[row] : 0};
            statuses[row] = is_there ? SS_CELL_PRESENT : SS_CELL_NOT_FOUND;
            if (!ss_column_append(&columns[p], value, run->arena)) return false;
        }
        parts[p] = (struct ss_wire_part){&columns[p], statuses};
    }
    *output = (struct ss_wire_output){.name = run->service->views[view]->name,
                                      .type = {SS_TIMESTAMP, 0},
                                      .parts = parts,
                                      .part_count = run->part_count};
    return ss_wire_output_size(output, run->arena);
}

static enum ss_status add_event_times(const struct run *run, struct ss_wire_answer *answer,
                                      struct ss_error *error)
{
    if (!run->with_event_times) return SS_OK;
    answer->event_time_count = run->service->view_count;
    answer->event_times =
        ss_arena_array(run->arena, run->service->view_count + 1, sizeof *answer->event_times);
    if (!answer->event_times) return ss_fail_memory(error, "an answer");
    for (size_t v = 0; v < run->service->view_count; v++)
        if (!make_event_times(run, v, &answer->event_times[v])) return ss_fail_memory(error, "an answer");
    return SS_OK;
}

// Event times are of all views, so they want all features.
static enum ss_status choose(struct run *run, const struct ss_wire_get *get, int **chosen, size_t *count,
                             struct ss_error *error)
{
    SS_TRY(ss_wire_choose_features(run->service, get->features, get->feature_count, run->arena, chosen, count,
                                   error));
    if (get->feature_count == 0 || run->with_event_times) return SS_OK;
    bool *wanted = ss_arena_array(run->arena, run->service->feature_count + 1, sizeof *wanted);
    if (!wanted) return ss_fail_memory(error, "a request");
    for (size_t i = 0; i < *count; i++) wanted[(*chosen)[i]] = true;
    run->wanted = wanted;
    return SS_OK;
}

static void size_answer(struct ss_wire_answer *answer)
{
    answer->size = ss_number_field_size(answer->id) + 2 * SS_FIXED64_FIELD_SIZE +
                   ss_bytes_field_size(sizeof answer->fingerprint) +
                   ss_number_field_size(answer->is_preview) + ss_number_field_size(answer->row_count) +
                   ss_wire_outputs_size(answer->features, answer->feature_count) +
                   ss_wire_outputs_size(answer->event_times, answer->event_time_count);
}

static enum ss_status run_pinned(struct ss_materializer *reader, const struct ss_pinned *pinned,
                                 const struct ss_wire_get *get, const struct ss_wire_limits *limits,
                                 struct ss_arena *arena, struct ss_wire_answer *answer,
                                 struct ss_error *error)
{
    struct run run = {.pinned = pinned, .arena = arena, .with_event_times = get->with_event_times};
    struct ss_wire_rows rows;
    int *chosen;
    size_t count;
    SS_TRY(ss_require_service(reader, get->service, &run.service, error));
    SS_TRY(ss_wire_check_fingerprint(run.service, get->fingerprint, error));
    SS_TRY(choose(&run, get, &chosen, &count, error));
    SS_TRY(count_rows(run.service, get, limits, &run.row_count, error));
    SS_TRY(ss_wire_rows_read(reader->definitions, run.service, get, run.row_count, arena, &rows, error));
    run.rows = &rows;
    SS_TRY(run_parts(&run, error));
    struct ss_wire_answer made = {.id = get->id,
                                  .seq = pinned->applied.seq,
                                  .t_us = pinned->t_us,
                                  .fingerprint = run.service->fingerprint,
                                  .is_preview = pinned->is_preview,
                                  .row_count = (uint32_t)run.row_count};
    SS_TRY(make_outputs(&run, chosen, count, &made, error));
    SS_TRY(add_event_times(&run, &made, error));
    size_answer(&made);
    *answer = made;
    return SS_OK;
}

enum ss_status ss_wire_get_run(struct ss_materializer *reader, const struct ss_wire_get *get,
                               const struct ss_wire_limits *limits, struct ss_arena *arena,
                               struct ss_wire_answer *answer, struct ss_error *error)
{
    struct ss_pinned pinned = {0};
    SS_TRY(ss_pin(reader, get->at_us != 0, get->at_us, &pinned, error));
    const enum ss_status status = run_pinned(reader, &pinned, get, limits, arena, answer, error);
    ss_unpin(&pinned);
    return status;
}

// ---- Write

void ss_wire_answer_write(const struct ss_wire_answer *answer, uint8_t *at)
{
    at = ss_put_number_field(at, ANSWER_ID, answer->id);
    at = ss_put_fixed64_field(at, ANSWER_T, (uint64_t)answer->t_us);
    at = ss_put_fixed64_field(at, ANSWER_SEQ, answer->seq);
    at = ss_put_bytes_field(at, ANSWER_FINGERPRINT, &answer->fingerprint, sizeof answer->fingerprint);
    at = ss_put_number_field(at, ANSWER_IS_PREVIEW, answer->is_preview);
    at = ss_put_number_field(at, ANSWER_ROW_COUNT, answer->row_count);
    at = ss_wire_outputs_write(answer->features, answer->feature_count, ANSWER_FEATURES, at);
    (void)ss_wire_outputs_write(answer->event_times, answer->event_time_count, ANSWER_EVENT_TIMES, at);
}
