// Skew against another system: its file is a spine with values beside it, which the point-in-time join
// computes again, row by row.

#include "materializer/skew_cell.h"

#include <string.h>

struct against {
    struct ss_materializer *materializer;
    const struct ss_skew_against *request;
    const struct ss_service *service;
    struct ss_spine_rows rows;
    struct ss_value *key; // of the row at hand
    void (*each)(void *context, const struct ss_skew_cell *cell);
    void *context;
    struct ss_skew_report *report;
};

static void compare_cell(struct against *against, int64_t at, const struct ss_answer *ours, int32_t row,
                         size_t f)
{
    const struct ss_type type = against->service->features[f].type;
    struct ss_skew_cell cell = {
        .key = against->key,
        .t_us = against->rows.spine.t_us[at],
        .feature = f,
        .served = ss_column_get(&against->rows.features[f], (int32_t)at),
        .computed = ss_column_get(&ours->columns[f], row),
        .computed_status = ours->statuses[f][row],
    };
    // Theirs says nothing of why a value is null.
    cell.served_status = cell.served.present ? SS_CELL_PRESENT : SS_CELL_NULL;
    cell.difference = ss_skew_difference(type, against->request->tolerance, &cell);
    if (cell.difference == SS_DIFFERENCE_STATUS) cell.difference = SS_DIFFERENCE_NONE;
    ss_skew_count(type, &cell, &against->report->features[f]);
    if (cell.difference != SS_DIFFERENCE_NONE && against->each) against->each(against->context, &cell);
}

static enum ss_status compare_rows(void *context, int64_t first, const struct ss_answer *ours, size_t slot,
                                   struct ss_error *error)
{
    struct against *against = context;
    const struct ss_service *service = against->service;
    (void)slot;
    (void)error;
    for (int32_t row = 0; row < ours->length; row++) {
        const int64_t at = first + row;
        for (size_t k = 0; k < service->key_count; k++)
            against->key[k] = ss_column_get(&against->rows.spine.keys[k], (int32_t)at);
        for (size_t f = 0; f < service->feature_count; f++)
            if (against->rows.has_feature[f]) compare_cell(against, at, ours, row, f);
    }
    return SS_OK;
}

static enum ss_status name_ignored(const struct against *against, struct ss_arena *arena,
                                   struct ss_error *error)
{
    const struct ss_spine_rows *rows = &against->rows;
    const char **names = ss_arena_array(arena, rows->column_count + 1, sizeof *names);
    if (!names) return ss_fail_memory(error, "the report of a comparison");
    against->report->ignored = names;
    for (size_t i = 0; i < rows->column_count; i++) {
        if (rows->is_read[i]) continue;
        const char *name = ss_arena_copy(arena, rows->columns[i].name, strlen(rows->columns[i].name));
        if (!name) return ss_fail_memory(error, "the report of a comparison");
        names[against->report->ignored_count++] = name;
    }
    return SS_OK;
}

static enum ss_status begin_report(struct against *against, struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_service *service = against->service;
    struct ss_skew_report *report = against->report;
    report->service = service;
    report->rows = (uint64_t)against->rows.spine.length;
    report->s = against->rows.spine.newest_s;
    report->features = ss_arena_array(arena, service->feature_count + 1, sizeof *report->features);
    against->key = ss_arena_array(&against->rows.arena, service->key_count + 1, sizeof *against->key);
    if (!report->features || !against->key) return ss_fail_memory(error, "the report of a comparison");
    for (size_t f = 0; f < service->feature_count; f++)
        report->features[f].is_compared = against->rows.has_feature[f];
    return name_ignored(against, arena, error);
}

static enum ss_status compare_all(struct against *against, struct ss_arena *arena, struct ss_error *error)
{
    struct ss_history *history = against->materializer->store->history;
    const struct ss_point_in_time_sink sink = {.emit = compare_rows, .context = against};
    struct ss_commit newest;
    SS_TRY(ss_history_newest_commit(history, &newest, error));
    against->rows.spine.newest_s = newest.last_seq;
    SS_TRY(begin_report(against, arena, error));
    return ss_point_in_time(history, against->service, &against->rows.spine, NULL, &sink, error);
}

enum ss_status ss_skew_against(struct ss_materializer *materializer, const struct ss_skew_against *request,
                               struct ss_arena *arena,
                               void (*each)(void *context, const struct ss_skew_cell *cell), void *context,
                               struct ss_skew_report *report, struct ss_error *error)
{
    struct ss_skew_report filled = {0};
    struct against against = {.materializer = materializer,
                              .request = request,
                              .each = each,
                              .context = context,
                              .report = &filled};
    struct ss_spine_source theirs = request->theirs;
    theirs.with_features = true;
    SS_TRY(ss_require_service(materializer, request->service, &against.service, error));
    SS_TRY(ss_spine_read(&theirs, against.service, NULL, &against.rows, error));
    const enum ss_status status = compare_all(&against, arena, error);
    if (status == SS_OK) *report = filled;
    ss_spine_release(&against.rows);
    return status;
}
