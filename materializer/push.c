// Push: check, commit to history, fold, publish.
//
//   1. the producer's batch: seen before (acknowledged again), out of order, or new
//   2. the clock stands: begin_commit gives the commit's arrival_time
//   3. the door (push_check.c): which rows are events; the others go to quarantine, or the batch is refused
//   4. history: identities, seq, one durable commit with the quarantine rows and the batch's number
//   5. online: the fold reads what was committed back by seq (the same way a recovery does)
//   6. the clock goes on
//
// A load in bulk defers 5 and 6: the clock stands as for one long commit, and so does what is served, until
// ss_push_deferred (or whoever opens the store next, should this process die) has folded all of it at once.
//
// Up to 4 a failure leaves nothing of the batch. A commit that fails in 4 (its fsync, say) may still lie in
// history's log: the clock stands still until a later push or open has settled that. After 4 the batch is
// acknowledged whatever happens: if 5 fails the clock stands still, as the contract asks, until a later push
// or open has recovered; the result says so.

#include "materializer/push.h"

#include "engine/base/planted.h"
#include "materializer/fold.h"
#include "materializer/push_check.h"

#include <stdio.h>
#include <string.h>

struct batch {
    struct ss_materializer *materializer;
    const struct ss_push *push;
    struct ss_push_result *result;
    struct ss_arena arena;
    struct ss_checked checked;
    int32_t *rows;                 // accepted rows, as rows of the push
    struct ss_append append;       // the accepted rows
    enum ss_row_outcome *outcomes; // of the accepted rows
    struct ss_commit commit;
    uint64_t first_line; // of the violation that the result names
    bool has_live;       // a live row was stored
    bool has_declared;   // a row with a declared arrival was let in
    bool is_uncertain;   // the commit to history failed: it may be found there by who opens history next
};

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
static enum ss_status quarantine(struct batch *batch, const struct ss_quarantine_row *row,
                                 struct ss_error *error)
{
    if (!batch->result->first_reason[0] || row->line < batch->first_line) {
        describe(row, batch->result->first_reason, sizeof batch->result->first_reason);
        batch->first_line = row->line;
    }
    return ss_history_quarantine(batch->materializer->store->history, row, error);
}

static struct ss_quarantine_row row_place(const struct batch *batch, int32_t row, int column,
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

static enum ss_status violation_row(const struct batch *batch, const struct ss_violation *violation,
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

static enum ss_status refuse(const struct batch *batch, const struct ss_quarantine_row *first, uint64_t count,
                             struct ss_error *error)
{
    char text[320];
    describe(first, text, sizeof text);
    return ss_fail(error, SS_INVALID,
                   "source '%s': batch refused, nothing of it was kept: %llu violation%s, first: %s",
                   batch->push->source->name, (unsigned long long)count, count == 1 ? "" : "s", text);
}

static bool refuses_batch(const struct batch *batch, const struct ss_violation *violation)
{
    const struct ss_source *source = batch->push->source;
    if (batch->push->strict || source->on_violation == SS_REJECT) return true;
    return violation && violation->row < 0 && source->on_violation != SS_WARN;
}

static enum ss_status record_violations(struct batch *batch, struct ss_error *error)
{
    enum ss_status status = SS_OK;
    const struct ss_push *push = batch->push;
    const struct ss_checked *checked = &batch->checked;
    const uint64_t count = push->unparsed_count + checked->violation_count;
    struct ss_buffer text = {0};
    for (size_t i = 0; i < push->unparsed_count; i++) {
        if (refuses_batch(batch, NULL)) return refuse(batch, &push->unparsed[i], count, error);
        SS_TRY(quarantine(batch, &push->unparsed[i], error));
    }
    batch->result->quarantined += push->unparsed_count;
    for (size_t i = 0; i < checked->violation_count; i++) {
        const struct ss_violation *violation = &checked->violations[i];
        const bool first_of_row = i == 0 || checked->violations[i - 1].row != violation->row;
        struct ss_quarantine_row row;
        SS_TRY_GOTO(violation_row(batch, violation, &text, &row, error), out);
        if (refuses_batch(batch, violation)) {
            status = refuse(batch, &row, count, error);
            goto out;
        }
        const bool refused = violation->row >= 0 && checked->refused[violation->row];
        if (refused)
            batch->result->quarantined += first_of_row;
        else
            batch->result->warned++;
        SS_TRY_GOTO(quarantine(batch, &row, error), out);
    }
out:
    ss_buffer_release(&text);
    return status;
}

// How many of the accepted rows from `first` on stand one behind the other in the push too.
static int32_t run_of_rows(const struct batch *batch, int32_t first)
{
    int32_t count = 1;
    while (first + count < batch->append.length && batch->rows[first + count] == batch->rows[first] + count)
        count++;
    return count;
}

static bool copy_accepted(struct batch *batch, struct ss_column *columns)
{
    const struct ss_push *push = batch->push;
    for (size_t c = 0; c < push->source->column_count; c++)
        if (!ss_column_init(&columns[c], push->source->columns[c].type, batch->append.length, &batch->arena))
            return false;
    for (int32_t i = 0, count; i < batch->append.length; i += count) {
        count = run_of_rows(batch, i);
        for (size_t c = 0; c < push->source->column_count; c++)
            if (!ss_column_append_rows(&columns[c], &push->columns[c], batch->rows[i], count, &batch->arena))
                return false;
    }
    return true;
}

// The rows that passed the door, without gaps. When all did, the caller's columns are used as they are.
static enum ss_status gather_accepted(struct batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    struct ss_checked *checked = &batch->checked;
    struct ss_column *columns = ss_arena_array(&batch->arena, push->source->column_count, sizeof *columns);
    batch->rows = ss_arena_array(&batch->arena, (size_t)push->length + 1, sizeof *batch->rows);
    batch->outcomes = ss_arena_array(&batch->arena, (size_t)push->length + 1, sizeof *batch->outcomes);
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

static enum ss_status check_still_loading(const struct batch *batch, struct ss_error *error)
{
    bool live;
    const char *source = batch->push->source->name;
    if (!batch->has_declared) return SS_OK;
    SS_TRY(ss_history_is_live(batch->materializer->store->history, source, &live, error));
    if (!live) return SS_OK;
    return ss_fail(
        error, SS_INVALID,
        "source '%s': it has live rows, so rows with a declared arrival_time are refused: what was served "
        "before could no longer be explained; load them as arriving now with --live",
        source);
}

static enum ss_status count_outcomes(struct batch *batch, struct ss_error *error)
{
    struct ss_push_result *result = batch->result;
    batch->commit.newest_us = SS_TIME_MIN_US;
    for (int32_t i = 0; i < batch->append.length; i++) {
        if (batch->outcomes[i] == SS_ROW_DUPLICATE) {
            result->duplicate++;
        } else if (batch->outcomes[i] == SS_ROW_CONFLICT) {
            const struct ss_quarantine_row row = row_place(
                batch, batch->rows[i], -1, "conflict: an event of this identity is kept with other columns");
            result->conflicting++;
            if (batch->push->strict) return refuse(batch, &row, 1, error);
            SS_TRY(quarantine(batch, &row, error));
        } else {
            result->accepted++;
            batch->has_live = batch->has_live || batch->checked.arrives_live[i];
            if (batch->append.event_time_us[i] > batch->commit.newest_us)
                batch->commit.newest_us = batch->append.event_time_us[i];
            if (batch->append.arrival_us[i] > batch->commit.newest_us)
                batch->commit.newest_us = batch->append.arrival_us[i];
        }
    }
    batch->commit.arrival_us = batch->has_live ? batch->checked.arrival_time : batch->commit.newest_us;
    return SS_OK;
}

// Everything up to the durable commit, within history's transaction.
static enum ss_status write_history(struct batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    struct ss_store *store = batch->materializer->store;
    SS_TRY(record_violations(batch, error));
    SS_TRY(gather_accepted(batch, error));
    SS_TRY(check_still_loading(batch, error));
    SS_TRY(ss_history_append(store->history, &batch->append, batch->outcomes, error));
    SS_TRY(count_outcomes(batch, error));
    if (batch->has_live) SS_TRY(ss_history_mark_live(store->history, push->source->name, error));
    if (push->producer)
        SS_TRY(ss_history_note_batch(store->history, push->producer, push->number, &push->hash, error));
    ss_store_fault_point(store, "history_before_commit");
    const enum ss_status status = ss_history_commit(store->history, &batch->commit, error);
    batch->is_uncertain = status != SS_OK;
    return status;
}

static void publish(struct batch *batch)
{
    struct ss_materializer *materializer = batch->materializer;
    struct ss_error error = {0};
    uint64_t rows_read = 0;
    if (batch->push->defer_online) {
        materializer->online_is_behind = true; // and the clock stands
        return;
    }
    if (ss_catch_up(materializer, &rows_read, &error) != SS_OK) {
        snprintf(batch->result->not_visible, sizeof batch->result->not_visible, "%.255s", error.message);
        return;
    }
    // A commit of declared arrivals alone lies in the past: the clock need not pass it on a wall clock, and
    // passes its newest time on a replay clock.
    ss_clock_end_commit(materializer->store->clock,
                        batch->result->accepted ? batch->commit.newest_us + 1 : INT64_MIN);
}

static enum ss_status commit_batch(struct batch *batch, struct ss_error *error)
{
    enum ss_status status;
    struct ss_store *store = batch->materializer->store;
    const int64_t clock_us = ss_clock_begin_commit(store->clock);
    SS_TRY_GOTO(ss_check_push(batch->push, batch->materializer->definitions, clock_us,
                              ss_clock_kind(store->clock) == SS_CLOCK_WALL, &batch->arena, &batch->checked,
                              error),
                out);
    SS_TRY_GOTO(write_history(batch, error), out);
    ss_store_fault_point(store, "between_commits");
    batch->result->seq = batch->commit.last_seq;
    publish(batch);
    return SS_OK;
out:
    // Behind deferred commits the clock stands on. Of one that is uncertain the next push is to hear.
    if (batch->is_uncertain)
        batch->materializer->online_is_behind = false;
    else if (!batch->materializer->online_is_behind)
        ss_clock_end_commit(store->clock, INT64_MIN);
    return status;
}

static enum ss_status check_number(struct batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    uint64_t last;
    struct ss_sha256 hash;
    bool found;
    if (!push->producer) return SS_OK;
    SS_TRY(ss_history_producer(batch->materializer->store->history, push->producer, push->number, &last,
                               &found, &hash, error));
    if (found && SS_PLANTED(duplicate_counted)) return SS_OK;
    if (found && memcmp(&hash, &push->hash, sizeof hash) == 0) {
        struct ss_commit newest;
        SS_TRY(ss_history_newest_commit(batch->materializer->store->history, &newest, error));
        batch->result->seq = newest.last_seq;
        batch->result->repeated = true;
        return SS_OK;
    }
    if (found)
        return ss_fail(
            error, SS_CONFLICT,
            "producer '%s': batch %llu was acknowledged before with other content; send new rows as batch "
            "%llu",
            push->producer, (unsigned long long)push->number, (unsigned long long)last + 1);
    if (push->number == last + 1) return SS_OK;
    return ss_fail(error, SS_CONFLICT, "producer '%s': batch %llu leaves a gap: batch %llu is expected next",
                   push->producer, (unsigned long long)push->number, (unsigned long long)last + 1);
}

static enum ss_status push_batch(struct batch *batch, struct ss_error *error)
{
    struct ss_history *history = batch->materializer->store->history;
    enum ss_status status;
    SS_TRY(ss_history_begin(history, error));
    SS_TRY_GOTO(check_number(batch, error), out);
    if (batch->result->repeated) goto out;
    status = commit_batch(batch, error);
out:
    ss_history_rollback(history);
    return status;
}

enum ss_status ss_push(struct ss_materializer *materializer, const struct ss_push *push,
                       struct ss_push_result *result, struct ss_error *error)
{
    struct ss_push_result filled = {0};
    struct batch batch = {.materializer = materializer, .push = push, .result = &filled};
    SS_ASSERT(materializer->store->mode == SS_STORE_WRITE);
    SS_ASSERT(!push->defer_online || (!push->live && push->source->op_column < 0));
    const bool goes_on = push->defer_online && materializer->online_is_behind;
    if (!goes_on && ss_clock_in_flight(materializer->store->clock))
        SS_TRY(ss_materializer_recover(materializer, error));
    const enum ss_status status = push_batch(&batch, error);
    // What cannot be merged now waits for the next push.
    if (status == SS_OK && !push->defer_online)
        (void)ss_history_compact(materializer->store->history, SS_COMPACT_NEEDED, NULL);
    if (status == SS_OK) *result = filled;
    ss_arena_release(&batch.arena);
    return status;
}

enum ss_status ss_push_deferred(struct ss_materializer *materializer, struct ss_error *error)
{
    return materializer->online_is_behind ? ss_materializer_recover(materializer, error) : SS_OK;
}
