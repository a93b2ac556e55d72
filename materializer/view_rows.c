// The events of one batch as one view sees them. Used wherever history meets a view: the online fold,
// refolds, entity scans and the point-in-time sweep.

#include "materializer/view_rows.h"

#include <stdlib.h>

enum ss_status ss_view_rows_init(struct ss_view_rows *rows, const struct ss_view *view,
                                 struct ss_error *error)
{
    const size_t outputs = ss_program_output_count(view->row_program);
    *rows = (struct ss_view_rows){.view = view};
    rows->outputs = calloc(outputs + 1, sizeof *rows->outputs);
    rows->inputs = calloc(view->source->column_count + 1, sizeof *rows->inputs);
    rows->passes = calloc(view->group_count, sizeof *rows->passes);
    rows->values = calloc(view->group_count, sizeof *rows->values);
    rows->seconds = calloc(view->group_count, sizeof *rows->seconds);
    if (!rows->outputs || !rows->inputs || !rows->passes || !rows->values || !rows->seconds) {
        ss_view_rows_release(rows);
        return ss_fail_memory(error, "the rows of a view");
    }
    return SS_OK;
}

void ss_view_rows_release(struct ss_view_rows *rows)
{
    ss_arena_release(&rows->arena);
    free(rows->outputs);
    free(rows->inputs);
    free(rows->passes);
    free(rows->values);
    free(rows->seconds);
    *rows = (struct ss_view_rows){0};
}

enum ss_status ss_view_rows_load(struct ss_view_rows *rows, const struct ss_event_batch *batch,
                                 struct ss_error *error)
{
    const struct ss_view *view = rows->view;
    for (size_t i = 0; i <= view->source->column_count; i++)
        rows->inputs[i] = view->row_inputs[i] ? &batch->columns[i] : NULL;
    ss_arena_reset(&rows->arena);
    rows->batch = batch;
    return ss_program_run(view->row_program, rows->inputs, batch->length, &rows->arena, rows->outputs, error);
}

bool ss_view_rows_event(struct ss_view_rows *rows, int32_t row, struct ss_event *event)
{
    return ss_event_prepare(rows->view, rows->outputs, row, rows->batch->event_time_us[row],
                            rows->batch->seq[row], rows->passes, rows->values, rows->seconds, event);
}

enum ss_key_result ss_view_rows_key(const struct ss_view_rows *rows, int32_t row, struct ss_key *key)
{
    const struct ss_entity *entity = rows->view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    for (size_t i = 0; i < entity->key_count; i++)
        parts[i] = ss_column_get(&rows->batch->columns[rows->view->key_columns[i]], row);
    return ss_key_encode(entity->key_types, parts, entity->key_count, key);
}

enum ss_status ss_view_key_parts(const struct ss_view *view, struct ss_bytes key, struct ss_arena *arena,
                                 struct ss_value *parts, struct ss_error *error)
{
    const struct ss_entity *entity = view->entity;
    switch (ss_key_decode(entity->key_types, entity->key_count, key, arena, parts)) {
    case SS_KEY_READ: return SS_OK;
    case SS_KEY_NO_MEMORY: return ss_fail_memory(error, "a key");
    case SS_KEY_BAD: break;
    }
    return ss_fail(error, SS_DAMAGED,
                   "view '%s': a key of %zu bytes in the online store is no key of entity '%s'; "
                   "run 'selfsame rebuild %s'",
                   view->name, key.size, view->entity->name, view->name);
}

bool *ss_view_columns(const struct ss_view *view, struct ss_arena *arena)
{
    bool *columns = ss_arena_array(arena, view->source->column_count + 1, sizeof *columns);
    if (!columns) return NULL;
    for (size_t i = 0; i <= view->source->column_count; i++) columns[i] = view->row_inputs[i];
    for (size_t i = 0; i < view->entity->key_count; i++) columns[view->key_columns[i]] = true;
    return columns;
}
