// The second instance. Rows keep their order, and so their seq; batches are merged where neighbours are of
// one source, and cut anywhere. A delete in a declared batch makes its source live, so such a batch stays
// whole; rows with declared arrivals on a wall clock stay at the clock that let them in.

#include "other.h"

#include <string.h>

#include "materializer/apply.h"

struct run {
    const struct other *other;
    struct random random;
    struct session session;
};

static const char *failed(const struct run *run, const char *what)
{
    return pool_format(&run->other->log->pool, "second instance: %s: %s", what, run->session.error.message);
}

static int64_t wall_now(void *context)
{
    return ((const struct log *)context)->wall_us;
}

static const char *open_store(struct run *run)
{
    ss_materializer_close(run->session.materializer);
    run->session.materializer = NULL;
    if (ss_materializer_open(run->other->directory, SS_STORE_WRITE, &run->session.options,
                             &run->session.materializer, &run->session.error) == SS_OK)
        return NULL;
    return failed(run, "open");
}

static const char *create(struct run *run)
{
    const struct story *story = run->other->story;
    run->session = (struct session){.plan = &story->plan, .pool = &run->other->log->pool};
    run->session.directory = (char *)run->other->directory;
    run->session.options.wall = (struct ss_wall_source){wall_now, run->other->log, NULL};
    run->session.options.no_sync = true;
    run->other->log->wall_us = -INT64_C(50000000000000000);
    if (ss_store_create(run->other->directory, story->plan.wall ? SS_CLOCK_WALL : SS_CLOCK_REPLAY,
                        &run->session.options, &run->session.error) != SS_OK)
        return failed(run, "create");
    return open_store(run);
}

static void move_clock(struct run *run, int64_t time_us)
{
    if (time_us > run->other->log->wall_us) run->other->log->wall_us = time_us;
    if (!run->session.plan->wall) ss_clock_advance(run->session.materializer->store->clock, time_us);
}

static void add_rows(struct run *run, const struct act *act, struct naive_batch *batch)
{
    const struct step *step = act->push;
    struct pool *pool = &run->other->log->pool;
    const struct row **rows =
        pool_take(pool, (size_t)(batch->row_count + step->row_count + 1) * sizeof *rows);
    if (batch->row_count) memcpy(rows, batch->rows, (size_t)batch->row_count * sizeof *rows);
    for (int r = 0; r < step->row_count; r++)
        if (!step->rows[r].dropped) rows[batch->row_count++] = &step->rows[r];
    batch->rows = rows;
}

// The rows of the pushes from *next on that may be one batch, at most so many.
static struct naive_batch merged(struct run *run, int *next, int most)
{
    const struct story *story = run->other->story;
    const struct act *first = &story->acts[*next];
    struct naive_batch batch = {.source = first->push->source, .live = first->push->live};
    for (int i = 0; *next < story->act_count && i < most; (*next)++) {
        const struct act *act = &story->acts[*next];
        if (act->dropped || act->kind != ACT_PUSH) continue;
        if (act->push->source != batch.source || act->push->live != batch.live) break;
        if (i > 0 && story->plan.wall && !batch.live) break;
        add_rows(run, act, &batch);
        if (run->other->clocks[*next] > batch.clock || i == 0) batch.clock = run->other->clocks[*next];
        i++;
    }
    return batch;
}

static bool must_stay_whole(const struct run *run, const struct naive_batch *batch)
{
    const int column = run->session.plan->sources[batch->source].operation_column;
    for (int r = 0; r < batch->row_count && column >= 0 && !batch->live; r++) {
        const struct cell operation = batch->rows[r]->cells[column];
        if (operation.present && strcmp(operation.text, "delete") == 0) return true;
    }
    return false;
}

static const char *push_in_parts(struct run *run, const struct naive_batch *batch)
{
    const bool whole = must_stay_whole(run, batch);
    const struct session_producer nobody = {0};
    for (int done = 0; done < batch->row_count;) {
        struct naive_batch part = *batch;
        struct ss_push_result result;
        part.rows += done;
        part.row_count = 1 + (int)random_below(&run->random, (uint64_t)(batch->row_count - done));
        if (whole) part.row_count = batch->row_count;
        done += part.row_count;
        move_clock(run, batch->clock);
        if (session_push_from(&run->session, &part, &nobody, &result) != SS_OK) return failed(run, "push");
        const char *problem = random_chance(&run->random, 8) ? open_store(run) : NULL;
        if (problem) return problem;
    }
    return NULL;
}

static const char *apply(struct run *run, int variant)
{
    const struct ss_file file = {"random.yaml", ss_bytes_of(run->other->story->variants[variant].yaml)};
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t errors = 0;
    if (ss_definitions_compile(&file, 1, NULL, &definitions, &report, &errors, &run->session.error) !=
            SS_OK ||
        ss_apply(run->session.materializer, definitions, &run->session.error) != SS_OK)
        return failed(run, "apply");
    return NULL;
}

static const char *push_all(struct run *run)
{
    const struct story *story = run->other->story;
    const int apply_at = (int)random_below(&run->random, (uint64_t)story->act_count);
    const char *problem = apply(run, (int)random_below(&run->random, (uint64_t)story->variant_count));
    bool applied = false;
    for (int i = 0; i < story->act_count && !problem;) {
        if (!applied && i >= apply_at) {
            problem = apply(run, run->other->last_variant);
            applied = true;
        }
        if (story->acts[i].dropped || story->acts[i].kind != ACT_PUSH) {
            i++;
            continue;
        }
        const struct naive_batch batch = merged(run, &i, 1 + (int)random_below(&run->random, 4));
        if (!problem) problem = push_in_parts(run, &batch);
    }
    return problem ? problem : apply(run, run->other->last_variant);
}

const char *other_run(const struct other *other, struct digests *digests)
{
    struct run run = {.other = other, .random = {other->story->seed ^ 0x5eed}};
    const char *problem = create(&run);
    memset(digests, 0, sizeof *digests);
    if (!problem) problem = push_all(&run);
    if (!problem) {
        run.session.plan = &other->story->variants[other->last_variant].plan;
        move_clock(&run, other->story->end_clock);
        problem = session_digest(&run.session, digests);
    }
    ss_materializer_close(run.session.materializer);
    return problem;
}
