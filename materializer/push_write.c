// What one push of a group writes: the violations that the door found go to quarantine, or refuse the push;
// the other rows to history, which says of each whether it is new, known, or in conflict with what is kept.

#include "materializer/push_write.h"

#include <stdio.h>

// "payments.csv:7: column 'amount': not an int64: '7.0'"
static void describe(const struct ss_quarantine_row *row, char *text, size_t size)
{
    char place[160] = "";
    if (row->file[0] && row->line)
        snprintf(place, sizeof place, "%s:%llu: ", row->file, (unsigned long long)row->line);
    else if (row->file[0])
        snprintf(place, sizeof place, "%s: ", row->file);
    const int value_length = row->value.size > 60 ? 60 : (int)row->value.size;
    snprintf(text, size, "%s%s%s%s%s%s%.*s%s", place, row->column[0] ? "column '" : "", row->column,
             row->column[0] ? "': " : "", row->reason, value_length ? ": '" : "", value_length,
             value_length ? row->value.data : "", value_length ? (row->value.size > 60 ? "...'" : "'") : "");
}

// Of all violations the result names the one on the least line.
static enum ss_status quarantine(struct ss_push_batch *batch, const struct ss_quarantine_row *row,
                                 struct ss_error *error)
{
    if (!batch->result->first_reason[0] || row->line < batch->first_line) {
        describe(row, batch->result->first_reason, sizeof batch->result->first_reason);
        batch->first_line = row->line;
    }
    return ss_history_quarantine(batch->history, row, error);
}

static struct ss_quarantine_row row_place(const struct ss_push_batch *batch, int32_t row, int column,
                                          const char *reason)
{
    const struct ss_push *push = batch->push;
    return (struct ss_quarantine_row){
        .source = push->source->name,
        .file = push->file ? push->file : "",
        .line = push->lines && row >= 0 ? push->lines[row] : 0,
        .column = column >= 0 ? push->source->columns[column].name : "",
        .reason = reason,
    };
}

static enum ss_status violation_row(const struct ss_push_batch *batch, const struct ss_violation *violation,
                                    struct ss_buffer *text, struct ss_quarantine_row *row,
                                    struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    *row = row_place(batch, violation->row, violation->column, violation->reason);
    ss_buffer_clear(text);
    if (violation->row >= 0 && violation->column >= 0)
        ss_value_format(push->source->columns[violation->column].type,
                        ss_column_get(&push->columns[violation->column], violation->row), text);
    if (text->failed) return ss_fail_memory(error, "a quarantined value");
    row->value = (struct ss_bytes){(const char *)text->data, text->size};
    return SS_OK;
}

static enum ss_status refuse(const struct ss_push_batch *batch, const struct ss_quarantine_row *first,
                             uint64_t count, struct ss_error *error)
{
    char text[320];
    describe(first, text, sizeof text);
    return ss_fail(error, SS_INVALID,
                   "source '%s': batch refused, nothing of it was kept: %llu violation%s, first: %s",
                   batch->push->source->name, (unsigned long long)count, count == 1 ? "" : "s", text);
}

static bool refuses_batch(const struct ss_push_batch *batch, const struct ss_violation *violation)
{
    const struct ss_source *source = batch->push->source;
    if (batch->push->strict || source->on_violation == SS_REJECT) return true;
    return violation && violation->row < 0 && source->on_violation != SS_WARN;
}

enum ss_status ss_push_check_refusal(const struct ss_push_batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    const struct ss_checked *checked = &batch->checked;
    const uint64_t count = push->unparsed_count + checked->violation_count;
    if (push->unparsed_count && refuses_batch(batch, NULL))
        return refuse(batch, &push->unparsed[0], count, error);
    for (size_t i = 0; i < checked->violation_count; i++) {
        if (!refuses_batch(batch, &checked->violations[i])) continue;
        struct ss_buffer text = {0};
        struct ss_quarantine_row row;
        enum ss_status status = violation_row(batch, &checked->violations[i], &text, &row, error);
        if (status == SS_OK) status = refuse(batch, &row, count, error);
        ss_buffer_release(&text);
        return status;
    }
    return SS_OK;
}

// For the caller that asked which rows were kept out.
static void name_row(const struct ss_push_batch *batch, int32_t row, const struct ss_quarantine_row *as)
{
    struct ss_push_result *result = batch->result;
    if (result->named < batch->push->named_capacity)
        batch->push->named[result->named++] = (struct ss_named_row){row, as->column, as->reason};
}

static enum ss_status quarantine_violations(struct ss_push_batch *batch, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    const struct ss_push *push = batch->push;
    const struct ss_checked *checked = &batch->checked;
    struct ss_buffer text = {0};
    for (size_t i = 0; i < push->unparsed_count; i++) SS_TRY(quarantine(batch, &push->unparsed[i], error));
    batch->result->quarantined += push->unparsed_count;
    for (size_t i = 0; i < checked->violation_count; i++) {
        const struct ss_violation *violation = &checked->violations[i];
        const bool first_of_row = i == 0 || checked->violations[i - 1].row != violation->row;
        const bool kept_out = violation->row >= 0 && checked->refused[violation->row];
        struct ss_quarantine_row row;
        SS_TRY_GOTO(violation_row(batch, violation, &text, &row, error), out);
        if (kept_out) {
            batch->result->quarantined += first_of_row;
            name_row(batch, violation->row, &row);
        } else {
            batch->result->warned++;
        }
        SS_TRY_GOTO(quarantine(batch, &row, error), out);
    }
out:
    ss_buffer_release(&text);
    return status;
}

// How many of the accepted rows from `first` on stand one behind the other in the push too.
static int32_t run_of_rows(const struct ss_push_batch *batch, int32_t first)
{
    int32_t count = 1;
    while (first + count < batch->append.length && batch->rows[first + count] == batch->rows[first] + count)
        count++;
    return count;
}

static bool copy_accepted(struct ss_push_batch *batch, struct ss_column *columns)
{
    const struct ss_push *push = batch->push;
    for (size_t c = 0; c < push->source->column_count; c++)
        if (!ss_column_init(&columns[c], push->source->columns[c].type, batch->append.length, batch->arena))
            return false;
    for (int32_t i = 0, count; i < batch->append.length; i += count) {
        count = run_of_rows(batch, i);
        for (size_t c = 0; c < push->source->column_count; c++)
            if (!ss_column_append_rows(&columns[c], &push->columns[c], batch->rows[i], count, batch->arena))
                return false;
    }
    return true;
}

// The rows that passed the door, without gaps. When all did, the caller's columns are used as they are.
static enum ss_status gather_accepted(struct ss_push_batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    struct ss_checked *checked = &batch->checked;
    struct ss_column *columns = ss_arena_array(batch->arena, push->source->column_count, sizeof *columns);
    batch->rows = ss_arena_array(batch->arena, (size_t)push->length + 1, sizeof *batch->rows);
    batch->outcomes = ss_arena_array(batch->arena, (size_t)push->length + 1, sizeof *batch->outcomes);
    if (!columns || !batch->rows || !batch->outcomes) return ss_fail_memory(error, "the rows of a batch");
    int32_t count = 0;
    for (int32_t row = 0; row < push->length; row++) {
        if (checked->refused[row]) continue;
        batch->has_declared = batch->has_declared || !checked->arrives_live[row];
        checked->event_time_us[count] = checked->event_time_us[row];
        checked->arrival_us[count] = checked->arrival_us[row];
        checked->is_delete[count] = checked->is_delete[row];
        checked->arrives_live[count] = checked->arrives_live[row];
        batch->rows[count++] = row;
    }
    batch->append = (struct ss_append){.source = push->source,
                                       .length = count,
                                       .columns = push->columns,
                                       .event_time_us = checked->event_time_us,
                                       .arrival_us = checked->arrival_us,
                                       .is_delete = checked->is_delete};
    if (count == push->length) return SS_OK;
    if (!copy_accepted(batch, columns)) return ss_fail_memory(error, "the rows of a batch");
    batch->append.columns = columns;
    return SS_OK;
}

static enum ss_status check_still_loading(const struct ss_push_batch *batch, struct ss_error *error)
{
    bool live;
    const char *source = batch->push->source->name;
    if (!batch->has_declared) return SS_OK;
    SS_TRY(ss_history_is_live(batch->history, source, &live, error));
    if (!live) return SS_OK;
    return ss_fail(
        error, SS_INVALID,
        "source '%s': it has live rows, so rows with a declared arrival_time are refused: what was served "
        "before could no longer be explained; load them as arriving now with --live",
        source);
}

static enum ss_status keep_out_conflict(struct ss_push_batch *batch, int32_t accepted, struct ss_error *error)
{
    const int32_t of = batch->rows[accepted];
    const struct ss_quarantine_row row =
        row_place(batch, of, -1, "conflict: an event of this identity is kept with other columns");
    if (batch->push->strict) return refuse(batch, &row, 1, error);
    batch->result->conflicting++;
    name_row(batch, of, &row);
    return quarantine(batch, &row, error);
}

static void count_stored(struct ss_push_batch *batch, int32_t accepted)
{
    batch->result->accepted++;
    batch->has_live = batch->has_live || batch->checked.arrives_live[accepted];
    if (batch->append.event_time_us[accepted] > batch->newest_us)
        batch->newest_us = batch->append.event_time_us[accepted];
    if (batch->append.arrival_us[accepted] > batch->newest_us)
        batch->newest_us = batch->append.arrival_us[accepted];
}

static enum ss_status count_outcomes(struct ss_push_batch *batch, struct ss_error *error)
{
    batch->newest_us = SS_TIME_MIN_US;
    for (int32_t i = 0; i < batch->append.length; i++) {
        switch (batch->outcomes[i]) {
        case SS_ROW_DUPLICATE: batch->result->duplicate++; break;
        case SS_ROW_CONFLICT: SS_TRY(keep_out_conflict(batch, i, error)); break;
        case SS_ROW_STORED: count_stored(batch, i); break;
        }
    }
    return SS_OK;
}

enum ss_status ss_push_write(struct ss_push_batch *batch, struct ss_error *error)
{
    SS_TRY(quarantine_violations(batch, error));
    SS_TRY(gather_accepted(batch, error));
    SS_TRY(check_still_loading(batch, error));
    SS_TRY(ss_history_append(batch->history, &batch->append, batch->outcomes, error));
    SS_TRY(count_outcomes(batch, error));
    return batch->has_live ? ss_history_mark_live(batch->history, batch->push->source->name, error) : SS_OK;
}
