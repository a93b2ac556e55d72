// The model. A push that was begun and not answered may or may not be in history: the seq that the next open
// finds tells, and what the retry says must agree with it.

#include "model.h"

#include <string.h>

void model_init(struct model *model, const struct story *story, struct pool *pool)
{
    *model = (struct model){.story = story, .pool = pool, .given_us = INT64_MIN};
    model->clocks = pool_take(pool, (size_t)(story->act_count + 1) * sizeof *model->clocks);
    naive_init(&model->naive, &story->plan, pool, story->row_count);
}

// As it was begun last.
static void apply_push(struct model *model, int act_index)
{
    const struct step *step = model->story->acts[act_index].push;
    struct naive_batch batch = {.source = step->source, .live = step->live, .clock = model->begun_clock_us};
    batch.rows = pool_take(model->pool, (size_t)(step->row_count + 1) * sizeof *batch.rows);
    for (int r = 0; r < step->row_count; r++)
        if (!step->rows[r].dropped) batch.rows[batch.row_count++] = &step->rows[r];
    model->naive.clock = model->clocks[act_index] = model->begun_clock_us;
    naive_push(&model->naive, &batch);
}

static const char *wrong_seq(struct log *log, const struct model *model, const char *when, uint64_t found)
{
    return pool_format(&log->pool, "%s: history's seq is %llu, it must be %llu", when,
                       (unsigned long long)found, (unsigned long long)model->naive.seq);
}

// The clock never goes back behind a t that was given out, nor behind what is kept.
static const char *check_clock(struct log *log, const struct model *model, const struct record *record)
{
    if (record->clock_us >= model->given_us) return NULL;
    return pool_format(&log->pool, "the clock stands at %lld, after a lookup at %lld",
                       (long long)record->clock_us, (long long)model->given_us);
}

static const char *read_opened(struct model *model, struct log *log, const struct record *record)
{
    if (record->s != model->naive.seq && model->tries > 0 && !model->is_applied) {
        apply_push(model, model->begun_act);
        model->is_applied = true;
    }
    if (record->s != model->naive.seq) return wrong_seq(log, model, "after an open", record->s);
    return check_clock(log, model, record);
}

static int rows_of(const struct step *step)
{
    int count = 0;
    for (int r = 0; r < step->row_count; r++) count += !step->rows[r].dropped;
    return count;
}

static void count_rows(const struct model *model, struct log *log, const struct step *step)
{
    const int column = model->story->plan.sources[step->source].operation_column;
    log->counts.of[COUNT_rows] += (uint64_t)rows_of(step);
    for (int r = 0; r < step->row_count && column >= 0; r++) {
        const struct cell operation = step->rows[r].cells[column];
        log->counts.of[COUNT_deletes] += operation.present && strcmp(operation.text, "delete") == 0;
    }
}

// A batch that is said to be repeated, though history had no row of it, was all duplicates and violations; as
// it was at the first try, whose clock was the earliest.
static const char *read_pushed(struct model *model, struct log *log, const struct record *record)
{
    const struct act *act = &model->story->acts[record->act];
    const bool was_tried = model->tries > 1;
    log->counts.of[COUNT_retried_repeated] += was_tried && record->repeated;
    log->counts.of[COUNT_retried_anew] += was_tried && !record->repeated;
    if (record->repeated && !was_tried) return "a new batch is said to be repeated";
    if (!record->repeated && model->is_applied) return "a batch that history holds was taken a second time";
    if (!record->repeated) apply_push(model, record->act);
    if (record->s != model->naive.seq) return wrong_seq(log, model, "after a push", record->s);
    if (!record->repeated && record->counted_rows != rows_of(act->push))
        return "a push counts other rows than it was given";
    if (act->producer >= 0) model->producer_last[act->producer]++;
    count_rows(model, log, act->push);
    model->tries = 0;
    model->is_applied = false;
    return NULL;
}

static const char *read_looked(struct model *model, struct log *log, struct record *record)
{
    struct naive naive = model->naive;
    naive.plan = &model->story->variants[record->variant].plan;
    record->is_final = !record->is_preview && naive_all_live(&naive);
    if (record->is_preview) return NULL;
    if (record->t_us < model->given_us)
        return pool_format(&log->pool, "a lookup at %lld, after one at %lld", (long long)record->t_us,
                           (long long)model->given_us);
    model->given_us = record->t_us;
    if (record->is_aside) return NULL;
    if (record->s != model->naive.seq) return wrong_seq(log, model, "at a lookup", record->s);
    if (record->t_us == record->clock_us) return NULL;
    return pool_format(&log->pool, "a lookup at %lld, the clock stood at %lld", (long long)record->t_us,
                       (long long)record->clock_us);
}

static const char *read_begun(struct model *model, struct log *log, const struct record *record)
{
    model->tries++;
    model->begun_act = record->act;
    model->begun_clock_us = record->clock_us;
    if (model->tries == 1) model->clocks[record->act] = record->clock_us;
    return check_clock(log, model, record);
}

// Without a producer nobody knows of the batch but history.
static const char *read_skipped(struct model *model)
{
    if (!model->is_applied) return "rows were found that no push put there";
    model->tries = 0;
    model->is_applied = false;
    return NULL;
}

static const char *read_record(struct model *model, struct log *log, struct record *record)
{
    switch (record->kind) {
    case RECORD_OPENED: return read_opened(model, log, record);
    case RECORD_BEGUN: return read_begun(model, log, record);
    case RECORD_PUSHED: return read_pushed(model, log, record);
    case RECORD_SKIPPED: return read_skipped(model);
    case RECORD_LOOKED: return read_looked(model, log, record);
    case RECORD_DONE: model->next_act = record->act + 1; return NULL;
    case RECORD_DIGESTS:
        model->has_digests = true;
        model->digests = record->digests;
        return NULL;
    case RECORD_PROBLEM: return record->problem;
    }
    return NULL;
}

const char *model_read(struct model *model, struct log *log)
{
    const char *problem = NULL;
    for (struct record *record = model->read_to ? model->read_to->next : log->first; record && !problem;
         record = record->next) {
        problem = read_record(model, log, record);
        if (problem) problem = pool_format(&log->pool, "act %d: %s", record->act, problem);
        model->read_to = record;
    }
    return problem;
}
