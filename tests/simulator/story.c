// Making a story: the random plan and script of tests/property, and around the script's steps whatever else
// can happen to a store.

#include "story.h"

#include <string.h>

#define MOST_ACTS   400
#define QUERIES     160
#define ASKED       96
#define ASKED_ASIDE 12
#define REBOOT      (61 * SECOND) // how far a wall clock may move when the machine comes back

struct weaver {
    struct random *random;
    struct pool *pool;
    struct story *story;
    int64_t clock; // planned
    int64_t next;  // of the next step
    int steps_done;
};

static uint64_t below(struct weaver *weaver, uint64_t bound)
{
    return random_below(weaver->random, bound);
}

static bool chance(struct weaver *weaver, unsigned percent)
{
    return random_chance(weaver->random, percent);
}

const char *act_name(enum act_kind kind)
{
    static const char *const names[] = {"push", "lookup", "restart", "stop", "rebuild", "apply", "compact"};
    return names[kind];
}

// ---- Many entities, a few of which have most events

#define CROWD 60

static uint64_t mixed(uint64_t hash, uint64_t more)
{
    struct random random = {hash ^ more};
    return random_word(&random);
}

static uint64_t cell_hash(struct cell cell)
{
    uint64_t hash = mixed((uint64_t)cell.i, cell.present);
    for (const char *at = cell.text; at && *at; at++) hash = mixed(hash, (uint8_t)*at);
    return hash;
}

static struct cell crowd_key(struct weaver *weaver, struct kind kind, uint64_t hash)
{
    const double place = (double)(hash >> 11) * 0x1p-53;
    const int number = (int)(place * place * place * CROWD);
    if (kind.id == KIND_BOOL) return (struct cell){.present = true, .i = number > 2};
    if (kind.id == KIND_INT64) return (struct cell){.present = true, .i = number - 3};
    const char *text = pool_format(weaver->pool, "key %d", number);
    return (struct cell){.present = true, .text = text, .size = kind.id == KIND_BYTES ? strlen(text) : 0};
}

// The key is made of what the row is, so that what is the same row again stays that.
static void crowd_row(struct weaver *weaver, const struct source *source, struct row *row)
{
    uint64_t hash = cell_hash(row->cells[source->time_column]);
    if (source->id_column >= 0) hash = mixed(hash, cell_hash(row->cells[source->id_column]));
    for (int c = 0; c < source->column_count; c++)
        if (source->columns[c].role == ROLE_KEY && row->cells[c].present)
            row->cells[c] = crowd_key(weaver, source->columns[c].kind, mixed(hash, (uint64_t)c));
}

static void make_crowd(struct weaver *weaver)
{
    struct script *script = &weaver->story->script;
    const struct plan *plan = &weaver->story->plan;
    for (int i = 0; i < script->step_count; i++)
        for (int r = 0; r < script->steps[i].row_count; r++)
            crowd_row(weaver, &plan->sources[script->steps[i].source], &script->steps[i].rows[r]);
    for (int q = 0; q < script->query_count; q++)
        for (int k = 0; k < plan->service_key_count; k++)
            if (script->query_keys[q][k].present && chance(weaver, 90))
                script->query_keys[q][k] =
                    crowd_key(weaver, plan->key_kinds[plan->service_keys[k]], random_word(weaver->random));
}

// ---- Times as coarse as real ones, so that many events share theirs

static void coarsen_times(struct weaver *weaver)
{
    static const int64_t units[] = {SECOND, MINUTE, HOUR, DAY};
    const int64_t unit = units[below(weaver, 4)];
    struct script *script = &weaver->story->script;
    for (int i = 0; i < script->step_count; i++)
        for (int r = 0; r < script->steps[i].row_count; r++) {
            const struct source *source = &weaver->story->plan.sources[script->steps[i].source];
            struct cell *time = &script->steps[i].rows[r].cells[source->time_column];
            const int64_t over = time->i % unit;
            if (time->present) time->i -= over < 0 ? over + unit : over;
        }
}

// ---- Queries

static struct cell any_key(struct weaver *weaver, int key)
{
    const struct plan *plan = &weaver->story->plan;
    const struct script *script = &weaver->story->script;
    for (int k = 0; k < plan->service_key_count; k++)
        if (plan->service_keys[k] == key)
            return script->query_keys[below(weaver, (uint64_t)script->query_count)][k];
    return (struct cell){0};
}

static struct step *any_push(struct weaver *weaver, int source)
{
    const struct script *script = &weaver->story->script;
    for (int attempt = 0; attempt < 20; attempt++) {
        struct step *step = &script->steps[below(weaver, (uint64_t)script->step_count)];
        if (step->kind == STEP_PUSH && step->source == source && step->row_count) return step;
    }
    return NULL;
}

// Some row as an event at hand: its time, operation and arrival follow from what it is, so it has none.
static struct cell *make_event(struct weaver *weaver, int index, const struct query *query)
{
    const struct source *source = &weaver->story->plan.sources[index];
    const struct step *step = any_push(weaver, index);
    if (!step || chance(weaver, 30)) return NULL;
    const struct row *row = &step->rows[below(weaver, (uint64_t)step->row_count)];
    struct cell *cells = pool_take(weaver->pool, MAX_COLUMNS * sizeof *cells);
    memcpy(cells, row->cells, sizeof row->cells);
    for (int c = 0; c < source->column_count; c++) {
        const enum role role = source->columns[c].role;
        if (role == ROLE_TIME || role == ROLE_OPERATION || role == ROLE_ARRIVAL) cells[c] = (struct cell){0};
        if (role == ROLE_KEY && chance(weaver, 85)) cells[c] = query->keys[source->columns[c].key];
        if (role == ROLE_KEY && weaver->story->script.at_hand_lacks_keys) cells[c] = (struct cell){0};
    }
    return cells;
}

static void make_queries(struct weaver *weaver)
{
    struct story *story = weaver->story;
    const struct script *script = &story->script;
    story->query_count = QUERIES;
    story->queries = pool_take(weaver->pool, QUERIES * sizeof *story->queries);
    for (int q = 0; q < QUERIES; q++) {
        struct query *query = &story->queries[q];
        for (int k = 0; k < story->plan.key_count; k++) query->keys[k] = any_key(weaver, k);
        for (int r = 0; r < story->plan.request_count; r++)
            query->request[r] = script->query_request[below(weaver, (uint64_t)script->query_count)][r];
        for (int s = 0; s < story->plan.source_count; s++) query->events[s] = make_event(weaver, s, query);
    }
}

// ---- Acts

static struct act *add_act(struct weaver *weaver, enum act_kind kind)
{
    struct story *story = weaver->story;
    struct act *act = &story->acts[story->act_count];
    if (story->act_count < MOST_ACTS - 1) story->act_count++;
    *act = (struct act){.kind = kind, .peek_at = -1, .producer = -1, .at = AT_CLOCK, .at_hand = -1};
    for (int i = 0; i < TRIES; i++) act->crash[i].fault = -1;
    return act;
}

// Dies at a fault point or at any write; the counts are such that most acts get there.
static struct crash any_crash(struct weaver *weaver, int faults, int writes)
{
    struct crash crash = {.kind = chance(weaver, 55) ? CRASH_KILL : CRASH_POWER, .fault = -1};
    if (faults && chance(weaver, 50))
        crash.fault = (int)below(weaver, (uint64_t)faults);
    else
        crash.disk = 1 + (int)below(weaver, (uint64_t)writes);
    if (crash.disk && chance(weaver, 35)) {
        crash.kind = CRASH_ERROR;
        crash.errors = chance(weaver, 60) ? 1 + (int)below(weaver, 3) : 1000;
    }
    return crash;
}

static void may_crash(struct weaver *weaver, struct act *act, unsigned percent, int faults, int writes)
{
    if (!chance(weaver, percent)) return;
    act->crash[0] = any_crash(weaver, faults, writes);
    if (chance(weaver, 25)) act->crash[1] = any_crash(weaver, 0, 40);
    act->look_behind = chance(weaver, 30);
}

// A time at which something of a view just is or just is not within its window, or where it may be.
static int64_t edge_time(struct weaver *weaver)
{
    const struct plan *plan = &weaver->story->plan;
    const struct view *view = &plan->views[below(weaver, (uint64_t)plan->view_count)];
    const struct step *step = &weaver->story->script.steps[below(weaver, (uint64_t)weaver->steps_done + 1)];
    if (step->kind != STEP_PUSH || step->row_count == 0 || view->aggregate_count == 0) return 0;
    const struct row *row = &step->rows[below(weaver, (uint64_t)step->row_count)];
    const struct cell time = row->cells[plan->sources[step->source].time_column];
    const struct aggregate *aggregate = &view->aggregates[below(weaver, (uint64_t)view->aggregate_count)];
    if (!time.present || aggregate->bound == BOUND_ALL) return 0;
    int64_t at = time.i + aggregate->window;
    if (aggregate->hop > 1) at += (int64_t)below(weaver, (uint64_t)aggregate->hop);
    return at + random_between(weaver->random, -1, 1);
}

static void choose_time(struct weaver *weaver, struct act *act)
{
    const int64_t edge = edge_time(weaver);
    if (chance(weaver, 35)) return;
    if (weaver->story->plan.wall && chance(weaver, 20)) {
        act->clock = weaver->clock - (int64_t)below(weaver, HOUR); // the machine's clock steps back
    } else if (edge > weaver->clock && edge <= weaver->next) {
        act->clock = weaver->clock = edge;
    } else if (edge > weaver->clock) {
        act->at = edge;
    } else if (weaver->next > weaver->clock && chance(weaver, 50)) {
        act->clock = random_between(weaver->random, weaver->clock, weaver->next);
        weaver->clock = act->clock;
    }
}

static struct act *add_lookup(struct weaver *weaver)
{
    struct act *act = add_act(weaver, ACT_LOOKUP);
    act->by_reader = chance(weaver, 40);
    act->query_count = ASKED;
    act->first_query = (int)below(weaver, QUERIES - ASKED + 1);
    if (chance(weaver, 25)) act->at_hand = (int)below(weaver, (uint64_t)weaver->story->plan.source_count);
    choose_time(weaver, act);
    return act;
}

static void add_something(struct weaver *weaver)
{
    struct act *act;
    switch (below(weaver, 6)) {
    case 0: may_crash(weaver, add_act(weaver, ACT_RESTART), 40, 0, 20); break;
    case 1:
        act = add_act(weaver, ACT_STOP);
        may_crash(weaver, act, 100, 1, 1);
        break;
    case 2: may_crash(weaver, add_act(weaver, ACT_REBUILD), 30, 4, 25); break;
    case 3:
        act = add_act(weaver, ACT_COMPACT);
        act->variant = (int)below(weaver, 3);
        may_crash(weaver, act, 40, 1, 20);
        break;
    default:
        act = add_act(weaver, ACT_APPLY);
        act->variant = (int)below(weaver, (uint64_t)weaver->story->variant_count);
        act->peek_at = chance(weaver, 60) ? (int)below(weaver, 5) : -1;
        may_crash(weaver, act, 40, 5, 35);
        break;
    }
}

static void add_push(struct weaver *weaver, struct step *step)
{
    struct act *act = add_act(weaver, ACT_PUSH);
    act->push = step;
    act->clock = step->clock;
    weaver->clock = step->clock > weaver->clock ? step->clock : weaver->clock;
    if (chance(weaver, 75)) act->producer = (int)below(weaver, PRODUCERS);
    if (act->producer >= 0 && chance(weaver, 30)) act->again = (enum again)(1 + below(weaver, 3));
    if (chance(weaver, 50)) act->peek_at = (int)below(weaver, 5);
    act->peek_later_us = (int64_t)below(weaver, chance(weaver, 50) ? 10 : 2 * HOUR);
    may_crash(weaver, act, 24, 5, 22);
    weaver->story->row_count += step->row_count;
}

// The clock of the next step that sets it.
static int64_t next_clock(const struct script *script, int after)
{
    for (int i = after + 1; i < script->step_count; i++)
        if (script->steps[i].clock) return script->steps[i].clock;
    return script->end_clock;
}

static void weave(struct weaver *weaver)
{
    struct story *story = weaver->story;
    struct act *first = add_act(weaver, ACT_APPLY);
    first->variant = (int)below(weaver, (uint64_t)story->variant_count);
    may_crash(weaver, first, 10, 2, 20);
    weaver->clock = next_clock(&story->script, -1);
    for (int i = 0; i < story->script.step_count; i++) {
        struct step *step = &story->script.steps[i];
        weaver->next = next_clock(&story->script, i);
        weaver->steps_done = i;
        if (step->kind == STEP_PUSH) {
            add_push(weaver, step);
        } else {
            struct act *act = add_lookup(weaver);
            if (step->clock) act->clock = weaver->clock = step->clock;
        }
        if (chance(weaver, 20)) add_something(weaver);
        while (chance(weaver, 60)) add_lookup(weaver);
    }
    story->end_clock = story->script.end_clock + 2 * HOUR + DAY + story->act_count * TRIES * REBOOT;
}

void act_calm(struct act *act)
{
    for (int i = 0; i < TRIES; i++) act->crash[i] = (struct crash){.fault = -1};
    act->look_behind = false;
    act->peek_at = -1;
    act->again = AGAIN_NOT;
    act->is_calm = true;
}

const char *story_make(struct story *story, uint64_t seed, struct pool *pool)
{
    struct random random = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
    struct weaver weaver = {.random = &random, .pool = pool, .story = story};
    memset(story, 0, sizeof *story);
    story->seed = seed;
    generate_plan(&random, pool, &story->plan);
    story->plan.wall = random_chance(&random, 50);
    generate_script(&random, pool, &story->plan, &story->script);
    if (random_chance(&random, 40)) coarsen_times(&weaver);
    if (random_chance(&random, 35)) make_crowd(&weaver);
    make_queries(&weaver);
    story->acts = pool_take(pool, MOST_ACTS * sizeof *story->acts);
    story->variant_count = VARIANTS;
    weave(&weaver);
    return story_make_variants(story, pool);
}
