// The node. It opens a writer, and a reader beside it when one is asked for; does act after act, logging what
// comes out before it goes on; and dies where the story says so. All times are the story's.

#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/apply.h"
#include "materializer/compare.h"

struct node {
    const struct node_start *start;
    const struct story *story;
    struct log *log;
    struct session writer, reader;
    int act_index;
    const struct act *act;
    struct crash crash; // armed
    int faults;         // fault points passed in this act
    bool is_opening;
    uint64_t producer_last[PRODUCERS];
    uint64_t found_s; // what the first open found
};
static struct node node;

static const char *failed(const char *what, const struct ss_error *error)
{
    return pool_format(&node.log->pool, "%s: %s: %s", what, ss_status_name(error->status), error->message);
}

static void count(enum count which, uint64_t more)
{
    node.log->counts.of[which] += more;
}

static struct record *add_record(enum record_kind kind)
{
    return log_add(node.log, kind, node.act_index);
}

// ---- Dying

static _Noreturn void die(enum count where)
{
    count(where, 1);
    count(node.crash.kind == CRASH_POWER ? COUNT_power_losses : COUNT_kills, 1);
    _exit(node.crash.kind == CRASH_POWER ? NODE_POWER : NODE_KILLED);
}

static void die_at_disk(void)
{
    die(node.is_opening ? COUNT_died_opening : COUNT_died_at_disk_write);
}

static void arm(struct crash crash)
{
    node.crash = crash;
    node.faults = 0;
    if (crash.kind == CRASH_ERROR)
        disk_arm_errors((uint64_t)crash.disk, (uint64_t)crash.errors);
    else
        disk_arm(crash.kind == CRASH_NONE ? 0 : (uint64_t)crash.disk, die_at_disk);
}

// What went wrong may be the disk's doing: then the node ends, as a command that got an error does.
static const char *blame_disk(const char *problem)
{
    if (problem && node.crash.kind == CRASH_ERROR && disk_has_failed()) die(COUNT_ended_by_disk_error);
    return problem;
}

static enum count death_at(const char *name)
{
    static const struct {
        const char *name;
        enum count count;
    } places[] = {
        {"history_before_commit", COUNT_died_before_history_commit},
        {"history_after_commit", COUNT_died_after_history_commit},
        {"compaction_before_commit", COUNT_died_before_compaction},
        {"between_commits", COUNT_died_between_commits},
        {"online_before_commit", COUNT_died_before_online_commit},
        {"index_before_commit", COUNT_died_before_index},
        {"apply_before_step", COUNT_died_before_step},
        {"apply_before_switch", COUNT_died_before_switch},
        {"apply_after_switch", COUNT_died_after_switch},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(places[i].name, name) == 0) return places[i].count;
    abort(); // a fault point that the summary does not know
}

// ---- Opening

static int64_t wall_now(void *context)
{
    return ((const struct log *)context)->wall_us;
}

static void at_fault_point(void *context, const char *name);

static const char *open_session(struct session *session, enum ss_store_mode mode)
{
    session->plan = &node.story->plan;
    session->pool = &node.log->pool;
    session->directory = (char *)node.start->directory;
    session->options.wall = (struct ss_wall_source){wall_now, node.log, node.log->boot_id};
    session->options.sizes = session_sizes(node.story->seed);
    session->options.apply_step_rows = session_step_rows(node.story->seed);
    if (mode == SS_STORE_WRITE) session->options.fault_point = at_fault_point;
    if (ss_materializer_open(session->directory, mode, &session->options, &session->materializer,
                             &session->error) == SS_OK)
        return NULL;
    return failed(mode == SS_STORE_WRITE ? "open to write" : "open to read", &session->error);
}

static void close_session(struct session *session)
{
    ss_materializer_close(session->materializer);
    session->materializer = NULL;
}

static const char *open_writer(void)
{
    struct ss_commit newest;
    node.is_opening = true;
    const char *problem = open_session(&node.writer, SS_STORE_WRITE);
    node.is_opening = false;
    if (problem) return problem;
    const struct ss_materializer *opened = node.writer.materializer;
    if (ss_history_newest_commit(opened->store->history, &newest, &node.writer.error) != SS_OK)
        return failed("newest commit", &node.writer.error);
    count(COUNT_filled_anew_at_open, opened->rebuilt);
    count(COUNT_caught_up_at_open, !opened->rebuilt && opened->caught_up_rows > 0);
    node.found_s = newest.last_seq;
    struct record *record = add_record(RECORD_OPENED);
    record->s = newest.last_seq;
    record->clock_us = ss_clock_now(opened->store->clock);
    return NULL;
}

static int live_variant(const struct session *session)
{
    const struct ss_definitions *live = session->materializer->definitions;
    for (int i = 0; live && i < node.story->variant_count; i++)
        if (memcmp(&live->fingerprint, &node.story->variants[i].definitions->fingerprint,
                   sizeof live->fingerprint) == 0)
            return i;
    return -1;
}

// ---- Looking up

static void choose_queries(struct record *record, int first, int most, struct queries *queries)
{
    const struct story *story = node.story;
    const struct variant *variant = &story->variants[record->variant];
    struct pool *pool = &node.log->pool;
    struct cell(*keys)[MAX_KEYS] = pool_take(pool, (size_t)most * sizeof *keys);
    struct cell(*request)[3] = pool_take(pool, (size_t)most * sizeof *request);
    const struct cell **events = pool_take(pool, (size_t)most * sizeof *events);
    record->queries = pool_take(pool, (size_t)most * sizeof *record->queries);
    for (int q = first; q < first + most && q < story->query_count; q++) {
        if (story->queries[q].dropped) continue;
        memcpy(keys[record->query_count], variant->query_keys[q], sizeof *keys);
        memcpy(request[record->query_count], story->queries[q].request, sizeof *request);
        if (record->at_hand >= 0) events[record->query_count] = story->queries[q].events[record->at_hand];
        record->queries[record->query_count++] = q;
    }
    *queries = (struct queries){.count = record->query_count,
                                .keys = (const struct cell(*)[MAX_KEYS])keys,
                                .request = (const struct cell(*)[3])request,
                                .at_hand = record->at_hand >= 0 ? events : NULL,
                                .at_hand_source = record->at_hand,
                                .at_hand_lacks_keys = story->script.at_hand_lacks_keys};
}

static const char *pin(struct session *session, int64_t at, struct ss_pinned *pinned)
{
    const bool ahead = at > ss_clock_now(session->materializer->store->clock);
    enum ss_status status = ss_pin(session->materializer, ahead, at, pinned, &session->error);
    if (status == SS_BUSY && session == &node.reader) { // the writer made the online store anew
        close_session(session);
        const char *problem = open_session(session, SS_STORE_READ);
        if (problem) return problem;
        status = ss_pin(session->materializer, ahead, at, pinned, &session->error);
    }
    return status == SS_OK ? NULL : failed("pin", &session->error);
}

static const char *look_up(struct session *session, int first, int most, int64_t at, bool aside)
{
    struct ss_pinned pinned;
    struct queries queries;
    const int64_t clock_us = ss_clock_now(session->materializer->store->clock);
    const char *problem = pin(session, at, &pinned);
    if (problem) return problem;
    const int variant = live_variant(session);
    if (!aside && variant != live_variant(&node.writer)) {
        ss_unpin(&pinned);
        return "a reader answers by definitions that are not live";
    }
    if (variant >= 0) {
        struct record *record = pool_take(&node.log->pool, sizeof *record);
        record->variant = variant;
        record->clock_us = clock_us;
        record->t_us = pinned.t_us;
        record->s = pinned.applied.seq;
        record->is_preview = pinned.is_preview;
        record->is_aside = aside;
        record->at_hand = aside ? -1 : node.act->at_hand;
        choose_queries(record, first, most, &queries);
        session->plan = &node.story->variants[variant].plan;
        problem = session_answer(session, &pinned, &queries, &record->table);
        if (!problem) { // logged whole
            struct record *logged = add_record(RECORD_LOOKED);
            record->next = logged->next;
            record->kind = logged->kind;
            record->act = logged->act;
            *logged = *record;
        }
    }
    ss_unpin(&pinned);
    return problem;
}

static const char *look_up_by_reader(int first, int most, int64_t at, bool aside)
{
    if (!node.reader.materializer) {
        const char *problem = open_session(&node.reader, SS_STORE_READ);
        if (problem) return problem;
    }
    count(COUNT_by_reader, 1);
    return look_up(&node.reader, first, most, at, aside);
}

static _Noreturn void end_with(const char *problem)
{
    add_record(RECORD_PROBLEM)->problem = problem;
    _exit(NODE_FAILED);
}

#define ASKED_ASIDE 12

static void at_fault_point(void *context, const char *name)
{
    (void)context;
    const int passed = node.faults++;
    if (node.crash.kind != CRASH_NONE && node.crash.fault == passed) die(death_at(name));
    if (node.is_opening || !node.act || node.act->peek_at != passed) return;
    node.log->wall_us += node.act->peek_later_us;
    count(COUNT_in_flight, 1);
    const char *problem = look_up_by_reader(node.act_index % 100, ASKED_ASIDE, AT_CLOCK, true);
    if (blame_disk(problem)) end_with(pool_format(&node.log->pool, "at %s: %s", name, problem));
}

// A store that was torn may say so; anything else it must answer.
static const char *look_behind(void)
{
    const char *problem = look_up_by_reader(node.act_index % 100, ASKED_ASIDE, AT_CLOCK, true);
    if (!problem) {
        count(COUNT_behind_dead_writer, 1);
        return NULL;
    }
    close_session(&node.reader);
    const enum ss_status status = node.reader.error.status;
    return status == SS_DAMAGED || status == SS_NOT_FOUND ? NULL : problem;
}

// ---- Pushing

static struct naive_batch batch_of(const struct act *act)
{
    const struct step *step = act->push;
    struct naive_batch batch = {.source = step->source, .live = step->live};
    batch.rows = pool_take(&node.log->pool, (size_t)(step->row_count + 1) * sizeof *batch.rows);
    for (int r = 0; r < step->row_count; r++)
        if (!step->rows[r].dropped) batch.rows[batch.row_count++] = &step->rows[r];
    return batch;
}

static const char *push_again(const struct act *act, const struct naive_batch *batch,
                              const struct session_producer *sent, uint64_t seq)
{
    struct ss_push_result result = {0};
    struct session_producer again = *sent;
    if (act->again == AGAIN_OTHER_HASH) again.hash.bytes[0] ^= 1;
    if (act->again == AGAIN_WITH_GAP) again.number += 2;
    const enum ss_status status = session_push_from(&node.writer, batch, &again, &result);
    if (act->again == AGAIN_SAME) {
        count(COUNT_sent_again, 1);
        if (status == SS_OK && result.repeated && result.seq == seq) return NULL;
    } else {
        count(act->again == AGAIN_OTHER_HASH ? COUNT_other_hash_refused : COUNT_gap_refused, 1);
        if (status == SS_CONFLICT) return NULL;
    }
    return pool_format(&node.log->pool, "a batch sent again (%d): %s, repeated %d, seq %llu, was %llu",
                       (int)act->again, ss_status_name(status), result.repeated,
                       (unsigned long long)result.seq, (unsigned long long)seq);
}

static const char *push(const struct act *act)
{
    static const char *const names[PRODUCERS] = {"one", "two", "three"};
    struct ss_push_result result = {0};
    struct session_producer producer = {0};
    const struct naive_batch batch = batch_of(act);
    const bool found = node.start->attempt > 0 && node.start->act == node.act_index &&
                       node.found_s > node.start->s; // the first try came through
    if (act->producer < 0 && found) {
        add_record(RECORD_SKIPPED)->s = node.found_s;
        return NULL;
    }
    if (act->producer >= 0) {
        producer.name = names[act->producer];
        producer.number = ++node.producer_last[act->producer];
        producer.hash = ss_sha256_of(&node.act_index, sizeof node.act_index);
    }
    add_record(RECORD_BEGUN)->clock_us = ss_clock_now(node.writer.materializer->store->clock);
    if (session_push_from(&node.writer, &batch, &producer, &result) != SS_OK)
        return failed("push", &node.writer.error);
    const bool failed_disk = node.crash.kind == CRASH_ERROR && disk_has_failed();
    if (result.not_visible[0] && !failed_disk)
        return pool_format(&node.log->pool, "not visible: %s", result.not_visible);
    arm((struct crash){.fault = -1});
    struct record *record = add_record(RECORD_PUSHED);
    record->s = result.seq;
    record->repeated = result.repeated;
    record->counted_rows =
        (int)(result.accepted + result.duplicate + result.conflicting + result.quarantined);
    if (!result.repeated) {
        count(COUNT_duplicates, result.duplicate);
        count(COUNT_conflicts, result.conflicting);
        count(COUNT_violations, result.quarantined);
    }
    if (result.not_visible[0]) { // it is acknowledged; who opens the store next makes it visible
        add_record(RECORD_DONE);
        die(COUNT_not_visible);
    }
    return act->again == AGAIN_NOT ? NULL : push_again(act, &batch, &producer, result.seq);
}

// ---- The other acts

static const char *restart(void)
{
    if (node.start->attempt > 0 && node.start->act == node.act_index) return NULL; // it was opened just now
    close_session(&node.reader);
    close_session(&node.writer);
    return open_writer();
}

static const char *apply(const struct session *session, int variant)
{
    const struct ss_file file = {"random.yaml", ss_bytes_of(node.story->variants[variant].yaml)};
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    struct ss_error error;
    size_t errors = 0;
    if (ss_definitions_compile(&file, 1, NULL, &definitions, &report, &errors, &error) != SS_OK)
        return "a variant does not compile any more";
    if (ss_apply(session->materializer, definitions, &error) == SS_OK) return NULL;
    ss_definitions_destroy(definitions);
    return failed("apply", &error);
}

static const char *rebuild(bool all)
{
    const struct ss_definitions *live = node.writer.materializer->definitions;
    const struct ss_view *views[MAX_VIEWS];
    size_t chosen = 0;
    for (size_t v = 0; live && v < live->view_count && v < MAX_VIEWS; v++)
        if (all || (v + (size_t)node.act_index) % 3 != 2) views[chosen++] = &live->views[v];
    if (ss_rebuild(node.writer.materializer, views, chosen, &node.writer.error) == SS_OK) return NULL;
    return failed("rebuild", &node.writer.error);
}

// A machine's clock that steps back, and a power failure before the kernel has written the clock's cell back:
// that is more than the store stands, so the steps that are made here are longer ago.
static void step_back(void)
{
    char path[300];
    count(COUNT_clock_steps_back, 1);
    snprintf(path, sizeof path, "%s/clock", node.start->directory);
    disk_write_back_clock(path);
}

static const char *compact(int what)
{
    if (ss_history_compact(node.writer.materializer->store->history, (enum ss_compaction)what,
                           &node.writer.error) == SS_OK)
        return NULL;
    return failed("compact", &node.writer.error);
}

static void move_clock(struct session *session, int64_t time_us)
{
    if (time_us == 0) return;
    if (!node.story->plan.wall) {
        ss_clock_advance(session->materializer->store->clock, time_us);
        return;
    }
    if (time_us < node.log->wall_us) step_back();
    node.log->wall_us = time_us;
}

static const char *perform(const struct act *act)
{
    static const enum count counts[] = {COUNT_pushes,   COUNT_lookups, COUNT_restarts,   COUNT_died_idle,
                                        COUNT_rebuilds, COUNT_applies, COUNT_compactions};
    const bool is_retry = node.start->attempt > 0 && node.start->act == node.act_index;
    if (act->kind != ACT_LOOKUP && act->kind != ACT_STOP) count(counts[act->kind], !is_retry);
    move_clock(&node.writer, act->clock);
    switch (act->kind) {
    case ACT_PUSH: return push(act);
    case ACT_LOOKUP:
        if (act->by_reader) return look_up_by_reader(act->first_query, act->query_count, act->at, false);
        return look_up(&node.writer, act->first_query, act->query_count, act->at, false);
    case ACT_RESTART: return restart();
    case ACT_STOP:
        if (!is_retry && act->crash[0].kind != CRASH_NONE) die(COUNT_died_idle);
        return NULL;
    case ACT_REBUILD: return rebuild(false);
    case ACT_APPLY: return apply(&node.writer, act->variant);
    case ACT_COMPACT: return compact(act->variant);
    }
    return NULL;
}

// ---- A life

static const char *make_store(void)
{
    struct ss_error error;
    struct ss_store_options options = {.wall = {wall_now, node.log, node.log->boot_id}};
    if (ss_store_create(node.start->directory, node.story->plan.wall ? SS_CLOCK_WALL : SS_CLOCK_REPLAY,
                        &options, &error) == SS_OK)
        return NULL;
    return failed("create", &error);
}

static const char *begin(void)
{
    const struct node_start *start = node.start;
    const char *problem = NULL;
    if (start->create) problem = make_store();
    node.act_index = start->act;
    const struct act *act = start->act < node.story->act_count ? &node.story->acts[start->act] : NULL;
    if (act && start->attempt > 0 && act->look_behind && !problem) problem = look_behind();
    if (act && start->attempt > 0 && start->attempt < TRIES) arm(act->crash[start->attempt]);
    return problem ? problem : blame_disk(open_writer());
}

// Online and offline digests are compared on the way.
static const char *finish(void)
{
    struct session *session = &node.writer;
    struct digests before = {0}, after = {0};
    node.act_index = -1;
    if (!session->materializer->definitions) return NULL;
    session->plan = &node.story->variants[live_variant(session)].plan;
    move_clock(session, node.story->end_clock);
    const char *problem = session_digest(session, &before);
    if (!problem) problem = rebuild(true);
    if (!problem) problem = session_digest(session, &after);
    if (problem) return problem;
    if (memcmp(&before, &after, sizeof before) != 0) return "after a rebuild the digests are others";
    add_record(RECORD_DIGESTS)->digests = before;
    return NULL;
}

static void live_on(void)
{
    const char *problem = begin();
    for (int i = node.start->act; i < node.story->act_count && !problem; i++) {
        node.act_index = i;
        node.act = &node.story->acts[i];
        if (node.act->dropped) continue;
        const bool is_retry = node.start->attempt > 0 && i == node.start->act;
        if (!is_retry) arm(node.act->crash[0]);
        problem = blame_disk(perform(node.act));
        arm((struct crash){.fault = -1});
        if (!problem) add_record(RECORD_DONE);
    }
    node.act = NULL;
    if (!problem) problem = finish();
    if (problem) end_with(problem);
    close_session(&node.reader);
    close_session(&node.writer);
}

static void become(const struct node_start *start)
{
    memset(&node, 0, sizeof node);
    node.start = start;
    node.story = start->story;
    node.log = start->log;
    node.act_index = -1;
    memcpy(node.producer_last, start->producer_last, sizeof node.producer_last);
}

_Noreturn void node_run(const struct node_start *start)
{
    become(start);
    disk_mount(start->disk);
    disk_seed(node.story->seed + (uint64_t)start->act * 7919 + (uint64_t)start->attempt);
    live_on();
    _exit(NODE_FINISHED);
}
