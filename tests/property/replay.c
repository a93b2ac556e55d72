// Replay. The script runs against a store and the naive scan side by side; then the same rows run again in
// other batches, with restarts and a rebuild, and must leave the same digests.

#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "materializer/apply.h"
#include "store_session.h"

#define MOST_SERVED 16
#define SPINE_ROWS  48

struct served { // a lookup, as it was answered
    int64_t t;
    uint64_t s;
    bool is_final; // made after the first live commit of every source, at the store's clock (DESIGN C5)
    struct table table;
};

struct run {
    const struct replay *replay;
    struct random random;
    struct session session;
    struct naive naive;
    struct replay_counts *counts;
    int row_count; // of all pushes, dropped ones too
    int served_count;
    struct served served[MOST_SERVED];
};

// ---- Comparing

static const char *status_name(enum naive_status status)
{
    static const char *const names[] = {"present", "null", "not_found", "expired"};
    return (unsigned)status < 4 ? names[status] : "?";
}

static const char *key_text(const struct run *run, const struct cell *keys)
{
    const struct plan *plan = run->replay->plan;
    const char *text = "";
    for (int k = 0; k < plan->service_key_count; k++)
        text = pool_format(run->replay->pool, "%s%s=%s ", text, plan->key_names[plan->service_keys[k]],
                           cell_show(run->replay->pool, plan->key_kinds[plan->service_keys[k]], keys[k]));
    return text;
}

static const char *difference(const struct run *run, int feature, const struct cell *keys, int64_t t,
                              uint64_t s, const char *left, struct cell a, enum naive_status x,
                              const char *right, struct cell b, enum naive_status y)
{
    struct pool *pool = run->replay->pool;
    const struct feature *of = &run->replay->plan->features[feature];
    const struct kind kind = of->expression->kind;
    return pool_format(
        pool, "feature %s (%s), %sat t %s, s %llu:\n  %s: %s, %s\n  %s: %s, %s", of->name,
        kind_text(pool, kind), key_text(run, keys),
        cell_show(pool, (struct kind){KIND_TIMESTAMP, 0}, (struct cell){.present = true, .i = t}),
        (unsigned long long)s, left, cell_show(pool, kind, a), status_name(x), right,
        cell_show(pool, kind, b), status_name(y));
}

static const char *compare_tables(const struct run *run, const struct queries *queries, const uint64_t *s,
                                  const char *left, const struct table *a, const char *right,
                                  const struct table *b)
{
    const struct plan *plan = run->replay->plan;
    for (int i = 0; i < a->row_count * a->feature_count; i++) {
        const int row = i / a->feature_count, feature = i % a->feature_count;
        const struct kind kind = plan->features[feature].expression->kind;
        if (a->statuses[i] == b->statuses[i] && cell_equal(kind, a->cells[i], b->cells[i])) continue;
        return difference(run, feature, queries->keys[row], queries->t[row], s[row], left, a->cells[i],
                          a->statuses[i], right, b->cells[i], b->statuses[i]);
    }
    return NULL;
}

static void scan(struct run *run, const struct queries *queries, const uint64_t *s, bool as_of_event_time,
                 struct table *table)
{
    const int features = run->replay->plan->feature_count;
    *table = (struct table){queries->count, features, NULL, NULL};
    table->cells =
        pool_take(run->replay->pool, (size_t)(queries->count * features + 1) * sizeof *table->cells);
    table->statuses =
        pool_take(run->replay->pool, (size_t)(queries->count * features + 1) * sizeof *table->statuses);
    for (int q = 0; q < queries->count; q++) {
        const struct naive_point point = {queries->t[q], s[q], as_of_event_time};
        struct naive naive = run->naive;
        naive.at_hand = queries->at_hand ? queries->at_hand[q] : NULL;
        naive.at_hand_source = queries->at_hand_source;
        naive.at_hand_lacks_keys = queries->at_hand_lacks_keys;
        naive_read(&naive, queries->keys[q], queries->request[q], point, &table->cells[q * features],
                   &table->statuses[q * features]);
        run->counts->rows++;
        run->counts->cells += (uint64_t)features;
        for (int f = 0; f < features; f++) run->counts->present += table->cells[q * features + f].present;
    }
}

// ---- The script

static struct naive_batch batch_of(const struct run *run, const struct step *step)
{
    struct naive_batch batch = {.source = step->source, .live = step->live, .clock = step->clock};
    batch.rows = pool_take(run->replay->pool, (size_t)(step->row_count + 1) * sizeof *batch.rows);
    for (int r = 0; r < step->row_count; r++)
        if (!step->rows[r].dropped) batch.rows[batch.row_count++] = &step->rows[r];
    return batch;
}

static const char *push_step(struct run *run, const struct step *step)
{
    const struct naive_batch batch = batch_of(run, step);
    struct ss_push_result result;
    if (batch.row_count == 0) return NULL;
    const char *problem = session_push(&run->session, &batch, step->again, &result);
    if (problem) return problem;
    run->counts->pushed += (uint64_t)batch.row_count;
    naive_push(&run->naive, &batch);
    if (result.seq != run->naive.seq)
        return pool_format(run->replay->pool, "after a push: seq %llu, the naive scan counts %llu",
                           (unsigned long long)result.seq, (unsigned long long)run->naive.seq);
    const uint64_t rows = result.accepted + result.duplicate + result.conflicting + result.quarantined;
    if (rows == (uint64_t)batch.row_count) return NULL;
    return pool_format(run->replay->pool, "a push of %d rows counts %llu", batch.row_count,
                       (unsigned long long)rows);
}

static struct queries script_queries(const struct run *run)
{
    const struct script *script = run->replay->script;
    return (struct queries){.count = script->query_count,
                            .keys = script->query_keys,
                            .request = script->query_request,
                            .at_hand = script->query_at_hand,
                            .at_hand_source = script->at_hand_source,
                            .at_hand_lacks_keys = script->at_hand_lacks_keys};
}

// The same point for every row of the script's queries.
static struct queries queries_at(const struct run *run, int64_t t, uint64_t s, uint64_t **s_by_row)
{
    struct queries queries = script_queries(run);
    int64_t *times = pool_take(run->replay->pool, (size_t)(queries.count + 1) * sizeof *times);
    *s_by_row = pool_take(run->replay->pool, (size_t)(queries.count + 1) * sizeof **s_by_row);
    for (int q = 0; q < queries.count; q++) {
        times[q] = t;
        (*s_by_row)[q] = s;
    }
    queries.t = times;
    return queries;
}

static const char *look_up_step(struct run *run, const struct step *step)
{
    struct served *served = &run->served[run->served_count++];
    struct queries queries = script_queries(run);
    struct table offline, naive;
    uint64_t *s;
    if (step->clock) session_move_clock(&run->session, step->clock);
    if (step->clock && step->clock > run->naive.clock) run->naive.clock = step->clock;
    const char *problem =
        session_lookup(&run->session, &queries, step->ahead, &served->t, &served->s, &served->table);
    if (problem) return problem;
    served->is_final = step->ahead == 0 && naive_all_live(&run->naive);
    if (served->s != run->naive.seq) return "a lookup's s is not the newest seq";
    queries = queries_at(run, served->t, served->s, &s);
    problem = session_join(&run->session, &queries, s, 0, (struct spine_mode){false, false}, &offline);
    if (!problem)
        problem = compare_tables(run, &queries, s, "online", &served->table, "offline, as-known", &offline);
    if (problem) return problem;
    scan(run, &queries, s, false, &naive);
    return compare_tables(run, &queries, s, "online", &served->table, "the naive scan", &naive);
}

static const char *run_script(struct run *run)
{
    const struct script *script = run->replay->script;
    for (int i = 0; i < script->step_count; i++) {
        const struct step *step = &script->steps[i];
        const char *problem = step->kind == STEP_PUSH ? push_step(run, step) : look_up_step(run, step);
        if (problem) return pool_format(run->replay->pool, "step %d: %s", i, problem);
    }
    return NULL;
}

// ---- Afterwards

// C5: the as-known row at its t, with the newest s of the end, equals what was served.
static const char *check_served(struct run *run)
{
    for (int i = 0; i < run->served_count; i++) {
        const struct served *served = &run->served[i];
        struct table now;
        uint64_t *s;
        if (!served->is_final) continue;
        const struct queries queries = queries_at(run, served->t, run->naive.seq, &s);
        const char *problem = session_join(&run->session, &queries, NULL, run->naive.seq,
                                           (struct spine_mode){false, false}, &now);
        if (!problem)
            problem = compare_tables(run, &queries, s, "served then", &served->table, "as-known now", &now);
        if (problem) return pool_format(run->replay->pool, "lookup %d of all: %s", i, problem);
    }
    return NULL;
}

static int64_t spine_time(struct run *run)
{
    static const int64_t edges[] = {SECOND, MINUTE, 5 * MINUTE, HOUR, DAY};
    struct random *random = &run->random;
    const struct naive_source *source =
        &run->naive.sources[random_below(random, (uint64_t)run->replay->plan->source_count)];
    int64_t t = run->naive.clock;
    if (source->event_count) {
        const struct naive_event *event =
            &source->events[random_below(random, (uint64_t)source->event_count)];
        t = random_chance(random, 60) ? event->time : event->arrival;
        if (random_chance(random, 30) && event->is_deleted) t = event->deleted_arrival;
    }
    if (random_chance(random, 30)) {
        const int64_t edge = edges[random_below(random, 5)];
        t += edge - t % edge;
    }
    if (random_chance(random, 30)) t += random_between(random, 0, 10 * DAY);
    return t + random_between(random, -1, 1);
}

static uint64_t any_seq(struct run *run)
{
    return random_below(&run->random, run->naive.seq + 1);
}

// Random rows in any order of time, each mode against the naive scan.
static const char *check_spine(struct run *run, struct spine_mode mode)
{
    const struct script *script = run->replay->script;
    struct pool *pool = run->replay->pool;
    struct cell(*keys)[MAX_KEYS] = pool_take(pool, SPINE_ROWS * sizeof *keys);
    struct cell(*request)[3] = pool_take(pool, SPINE_ROWS * sizeof *request);
    const struct cell *at_hand[SPINE_ROWS];
    int64_t t[SPINE_ROWS], point[SPINE_ROWS];
    uint64_t s[SPINE_ROWS];
    const bool own_s = random_chance(&run->random, 40);
    const uint64_t newest = random_chance(&run->random, 60) ? run->naive.seq : any_seq(run);
    struct table joined, naive;
    for (int i = 0; i < SPINE_ROWS; i++) {
        const uint64_t query = random_below(&run->random, (uint64_t)script->query_count);
        memcpy(keys[i], script->query_keys[query], sizeof *keys);
        memcpy(request[i], script->query_request[query], sizeof *request);
        at_hand[i] = script->query_at_hand ? script->query_at_hand[query] : NULL;
        t[i] = i && random_chance(&run->random, 10) ? t[i - 1] : spine_time(run);
        s[i] = own_s ? any_seq(run) : newest;
        point[i] = t[i] + (mode.inclusive ? 1 : 0);
    }
    struct queries queries = {.count = SPINE_ROWS,
                              .keys = (const struct cell(*)[MAX_KEYS])keys,
                              .request = (const struct cell(*)[3])request,
                              .t = t,
                              .at_hand = script->query_at_hand ? at_hand : NULL,
                              .at_hand_source = script->at_hand_source,
                              .at_hand_lacks_keys = script->at_hand_lacks_keys};
    const char *problem = session_join(&run->session, &queries, own_s ? s : NULL, newest, mode, &joined);
    if (problem) return problem;
    queries.t = point;
    scan(run, &queries, s, mode.as_of_event_time, &naive);
    problem = compare_tables(run, &queries, s, "offline", &joined, "the naive scan", &naive);
    if (!problem) return NULL;
    return pool_format(pool, "spine, %s%s: %s", mode.as_of_event_time ? "as-of-event-time" : "as-known",
                       mode.inclusive ? ", inclusive" : "", problem);
}

static const char *compare_digests(const struct run *run, const char *what, const struct digests *a,
                                   const struct digests *b)
{
    struct pool *pool = run->replay->pool;
    if (a->t_us != b->t_us || a->s != b->s)
        return pool_format(pool, "%s: t %lld, s %llu; was t %lld, s %llu", what, (long long)b->t_us,
                           (unsigned long long)b->s, (long long)a->t_us, (unsigned long long)a->s);
    for (int v = 0; v < run->replay->plan->view_count; v++)
        if (memcmp(&a->views[v], &b->views[v], sizeof a->views[v]) != 0)
            return pool_format(pool, "%s: view%d has another digest (%llu entities, were %llu)", what, v,
                               (unsigned long long)b->entities[v], (unsigned long long)a->entities[v]);
    return NULL;
}

static const char *check_rebuild(struct run *run, const struct digests *digests)
{
    struct digests rebuilt;
    struct ss_error error;
    if (ss_rebuild(run->session.materializer, NULL, 0, &error) != SS_OK)
        return pool_format(run->replay->pool, "rebuild: %s", error.message);
    const char *problem = session_digest(&run->session, &rebuilt);
    return problem ? problem : compare_digests(run, "after a rebuild", digests, &rebuilt);
}

static const char *check_end(struct run *run, struct digests *digests)
{
    static const struct spine_mode modes[] = {{false, false}, {true, false}, {true, true}};
    const char *problem = check_served(run);
    for (int m = 0; m < 3 && !problem; m++) problem = check_spine(run, modes[m]);
    session_move_clock(&run->session, run->replay->script->end_clock);
    if (!problem) problem = session_digest(&run->session, digests);
    if (!problem) problem = check_rebuild(run, digests);
    return problem;
}

// ---- Other batches

// The rows of steps [first, *next) that may be one batch: neighbours of one source and kind.
static struct naive_batch merged(const struct run *run, int first, int most_steps, int *next)
{
    const struct script *script = run->replay->script;
    struct naive_batch batch = batch_of(run, &script->steps[first]);
    *next = first + 1;
    for (int i = 1; i < most_steps && *next < script->step_count; i++, (*next)++) {
        const struct step *step = &script->steps[*next];
        if (step->kind == STEP_LOOKUP) continue;
        if (step->source != batch.source || step->live != batch.live) break;
        // A later clock lets declared rows in that a wall clock refused.
        if (run->replay->plan->wall && !batch.live) break;
        const struct naive_batch more = batch_of(run, step);
        const struct row **rows =
            pool_take(run->replay->pool, (size_t)(batch.row_count + more.row_count + 1) * sizeof *rows);
        memcpy(rows, batch.rows, (size_t)batch.row_count * sizeof *rows);
        memcpy(rows + batch.row_count, more.rows, (size_t)more.row_count * sizeof *rows);
        batch.rows = rows;
        batch.row_count += more.row_count;
        batch.clock = more.clock;
    }
    return batch;
}

// A delete makes its source live, so what is declared beside it must be of its commit.
static bool must_stay_whole(const struct run *run, const struct naive_batch *batch)
{
    const int column = run->replay->plan->sources[batch->source].operation_column;
    for (int r = 0; r < batch->row_count && column >= 0 && !batch->live; r++)
        if (strcmp(batch->rows[r]->cells[column].text, "delete") == 0) return true;
    return false;
}

// One step of applying the whole plan, or its beginning; a restart in between has given it up.
static const char *apply_some(struct run *run)
{
    if (run->session.plan == run->replay->plan) return NULL;
    if (run->session.applying) return session_apply_step(&run->session);
    return session_apply_begin(&run->session, run->replay->plan, run->replay->yaml);
}

static const char *push_in_parts(struct run *run, const struct naive_batch *batch, bool applies)
{
    const bool whole = must_stay_whole(run, batch);
    for (int done = 0; done < batch->row_count;) {
        struct naive_batch part = *batch;
        struct ss_push_result result;
        part.rows += done;
        part.row_count = 1 + (int)random_below(&run->random, (uint64_t)(batch->row_count - done));
        if (whole) part.row_count = batch->row_count;
        done += part.row_count;
        const char *problem = session_push(&run->session, &part, false, &result);
        if (!problem && applies) problem = apply_some(run);
        if (problem) return problem;
        if (random_chance(&run->random, 15)) problem = session_reopen(&run->session);
        if (problem) return problem;
    }
    return NULL;
}

static const char *apply_whole(struct run *run)
{
    const char *problem = NULL;
    while (!problem && run->session.plan != run->replay->plan) problem = apply_some(run);
    return problem;
}

// Applies the whole plan from step `apply_at` on, a step of it after every push, unless the store has it from
// the start.
static const char *run_other_batches(struct run *run, int apply_at, const struct digests *expected)
{
    const struct script *script = run->replay->script;
    struct digests digests;
    const char *problem = NULL;
    for (int i = 0; i < script->step_count && !problem;) {
        if (script->steps[i].kind == STEP_LOOKUP) {
            i++;
            continue;
        }
        const bool applies = i >= apply_at;
        const struct naive_batch batch = merged(run, i, 1 + (int)random_below(&run->random, 4), &i);
        if (!problem) problem = push_in_parts(run, &batch, applies);
    }
    if (!problem) problem = apply_whole(run);
    session_move_clock(&run->session, script->end_clock);
    if (problem) return problem;
    problem = session_digest(&run->session, &digests);
    if (!problem)
        problem = compare_digests(run, "in other batches, with restarts and an apply", expected, &digests);
    return problem;
}

// The plan as it may have been before: half of the features of each view, and none derived.
static struct plan *earlier_plan(struct pool *pool, const struct plan *plan)
{
    struct plan *earlier = pool_take(pool, sizeof *earlier);
    *earlier = *plan;
    earlier->feature_count = 0;
    for (int v = 0; v < plan->view_count; v++)
        earlier->views[v].feature_count = (plan->views[v].feature_count + 1) / 2;
    for (int f = 0; f < plan->feature_count; f++) {
        const struct expression *read = plan->features[f].expression;
        if (read->op == OP_FEATURE && read->index < earlier->views[read->view].feature_count)
            earlier->features[earlier->feature_count++] = plan->features[f];
    }
    return earlier;
}

static const char *check_other_batches(const struct replay *replay, struct replay_counts *counts,
                                       const struct digests *expected)
{
    struct run run = {.replay = replay, .random = {replay->seed ^ 0x5eed}, .counts = counts};
    const bool starts_earlier = random_chance(&run.random, 50);
    const struct plan *first = starts_earlier ? earlier_plan(replay->pool, replay->plan) : replay->plan;
    const int apply_at = (int)random_below(&run.random, (uint64_t)replay->script->step_count + 1);
    const char *problem = session_create(&run.session, first, plan_yaml(replay->pool, first), replay->pool,
                                         replay->directory, false);
    if (!problem) problem = run_other_batches(&run, apply_at, expected);
    session_remove(&run.session);
    return problem;
}

const char *replay_check(const struct replay *replay, struct replay_counts *counts)
{
    struct run run = {.replay = replay, .random = {replay->seed}, .counts = counts};
    struct digests digests;
    for (int i = 0; i < replay->script->step_count; i++) run.row_count += replay->script->steps[i].row_count;
    naive_init(&run.naive, replay->plan, replay->pool, run.row_count);
    const char *problem = session_create(&run.session, replay->plan, replay->yaml, replay->pool,
                                         replay->directory, replay->sync);
    if (!problem) problem = run_script(&run);
    if (!problem) problem = check_end(&run, &digests);
    session_remove(&run.session);
    return problem ? problem : check_other_batches(replay, counts, &digests);
}
