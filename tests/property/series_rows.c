// See series_rows.h.

#include "series_rows.h"

#include "engine/bytecode.h"

static void make_columns(struct series_rows *rows, struct ss_event_batch *batch,
                         const struct series_fact *facts, series_column *column, void *context)
{
    static const struct ss_type timestamp = {SS_TIMESTAMP, 0};
    const struct ss_source *source = rows->view->source;
    const size_t count = source->column_count;
    batch->columns = ss_arena_array(&rows->arena, count + 1, sizeof *batch->columns);
    SS_ASSERT(batch->columns);
    for (size_t c = 0; c <= count; c++) {
        const struct ss_type type = c < count ? source->columns[c].type : timestamp;
        SS_ASSERT(ss_column_init(&batch->columns[c], type, batch->length, &rows->arena));
        for (int32_t row = 0; row < batch->length; row++) {
            const bool is_time = c == count || (int)c == source->event_time_column;
            const struct ss_value time = {.present = true, .i64 = facts[row].event_time_us};
            const struct ss_value value = is_time ? time : column(context, &source->columns[c]);
            SS_ASSERT(ss_column_append(&batch->columns[c], value, &rows->arena));
        }
    }
}

static void make_facts(struct series_rows *rows, struct ss_event_batch *batch,
                       const struct series_fact *facts)
{
    const size_t count = (size_t)batch->length;
    batch->event_time_us = ss_arena_array(&rows->arena, count, sizeof(int64_t));
    batch->arrival_us = ss_arena_array(&rows->arena, count, sizeof(int64_t));
    batch->seq = ss_arena_array(&rows->arena, count, sizeof(uint64_t));
    batch->deleted_seq = ss_arena_array(&rows->arena, count, sizeof(uint64_t));
    batch->deleted_arrival_us = ss_arena_array(&rows->arena, count, sizeof(int64_t));
    SS_ASSERT(batch->event_time_us && batch->arrival_us && batch->seq && batch->deleted_seq &&
              batch->deleted_arrival_us);
    for (size_t i = 0; i < count; i++) {
        batch->event_time_us[i] = facts[i].event_time_us;
        batch->arrival_us[i] = facts[i].arrival_us;
        batch->seq[i] = facts[i].seq;
        batch->deleted_seq[i] = facts[i].deleted_seq;
        batch->deleted_arrival_us[i] = facts[i].deleted_seq ? facts[i].deleted_arrival_us : SS_NEVER_US;
    }
}

static struct ss_column *run_program(struct series_rows *rows, const struct ss_event_batch *batch)
{
    const struct ss_program *program = rows->view->row_program;
    const size_t count = rows->view->source->column_count + 1;
    const struct ss_column **inputs = ss_arena_array(&rows->arena, count, sizeof *inputs);
    struct ss_column *outputs =
        ss_arena_array(&rows->arena, ss_program_output_count(program) + 1, sizeof *outputs);
    SS_ASSERT(inputs && outputs);
    for (size_t c = 0; c < count; c++) inputs[c] = &batch->columns[c];
    SS_ASSERT(ss_program_run(program, inputs, batch->length, &rows->arena, outputs, NULL) == SS_OK);
    return outputs;
}

void series_rows_make(struct series_rows *rows, const struct ss_view *view, const struct series_fact *facts,
                      int32_t count, series_column *column, void *context)
{
    *rows = (struct series_rows){.view = view, .batch_count = (count + SS_BATCH_ROWS - 1) / SS_BATCH_ROWS};
    rows->batches = ss_arena_array(&rows->arena, (size_t)rows->batch_count, sizeof *rows->batches);
    rows->outputs = ss_arena_array(&rows->arena, (size_t)rows->batch_count, sizeof *rows->outputs);
    SS_ASSERT(rows->batches && rows->outputs);
    for (int32_t b = 0; b < rows->batch_count; b++) {
        struct ss_event_batch *batch = &rows->batches[b];
        const int32_t first = b * SS_BATCH_ROWS;
        batch->length = count - first < SS_BATCH_ROWS ? count - first : SS_BATCH_ROWS;
        make_facts(rows, batch, facts + first);
        make_columns(rows, batch, facts + first, column, context);
        rows->outputs[b] = run_program(rows, batch);
    }
}

void series_rows_release(struct series_rows *rows)
{
    ss_arena_release(&rows->arena);
    *rows = (struct series_rows){0};
}

enum ss_status series_rows_add(const struct series_rows *rows, struct ss_series *series,
                               struct ss_error *error)
{
    for (int32_t b = 0; b < rows->batch_count; b++) {
        const int32_t length = rows->batches[b].length, middle = length / 3;
        SS_TRY(ss_series_add(series, &rows->batches[b], rows->outputs[b], 0, middle, error));
        SS_TRY(ss_series_add(series, &rows->batches[b], rows->outputs[b], middle, length, error));
    }
    return SS_OK;
}

static bool prepare(const struct series_rows *rows, int32_t b, int32_t row, int64_t time_us, uint64_t seq,
                    struct ss_arena *arena, struct ss_event *event)
{
    const size_t count = rows->view->group_count;
    bool *passes = ss_arena_array(arena, count, sizeof *passes);
    struct ss_value *values = ss_arena_array(arena, count, sizeof *values);
    struct ss_value *seconds = ss_arena_array(arena, count, sizeof *seconds);
    SS_ASSERT(passes && values && seconds);
    return ss_event_prepare(rows->view, rows->outputs[b], row, time_us, seq, passes, values, seconds, event);
}

struct ss_state *series_rows_state(const struct series_rows *rows, struct ss_read_point point,
                                   struct ss_arena *arena, bool *found)
{
    struct ss_state *state = ss_state_create(rows->view, arena);
    SS_ASSERT(state);
    *found = false;
    for (int32_t b = 0; b < rows->batch_count; b++) {
        const struct ss_event_batch *batch = &rows->batches[b];
        for (int32_t row = 0; row < batch->length; row++) {
            struct ss_event event;
            if (!ss_event_visible(batch, row, point) ||
                !prepare(rows, b, row, batch->event_time_us[row], batch->seq[row], arena, &event))
                continue;
            SS_ASSERT(ss_state_add(state, &event, INT64_MIN, NULL) == SS_OK);
            *found = true;
        }
    }
    return state;
}

bool series_rows_at_hand(const struct series_rows *rows, int64_t t_us, struct ss_arena *arena,
                         struct ss_event *event)
{
    return rows->batch_count && prepare(rows, 0, 0, t_us - 1, UINT64_MAX, arena, event);
}
